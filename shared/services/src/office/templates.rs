//! A firm's own words for its letters: checked, saved in versions, taken back (LET-3).

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClassId, TemplateName};
use domain::letter::LetterKind;
use domain::policy::Policy;
use letters::{Part, TemplateError, built_in_words, check_own};
use store::{
    FirmChange, FirmCommit, LetterTemplate, PolicyDocument, StoreError, TemplateId, TemplateWords,
};

use super::policies::{meta, version_of};
use crate::execute::Caller;
use crate::firm::{Firm, PolicyError};
use crate::wording::own;

/// The most words of its own that a firm has: every kind in two languages, and some seventy that steps name. They
/// are listed in its settings, which every request reads.
pub const MAX_TEMPLATES: usize = 100;

/// What is wrong with words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// In which part: `subject`, `text` or `html`.
    pub part: &'static str,
    /// In which line, if in one.
    pub line: Option<usize>,
    /// What, in a sentence that names the line.
    pub what: String,
}

/// What is wrong with words for that kind of letter; nothing: they can be saved.
pub fn faults(kind: LetterKind, words: &TemplateWords) -> Vec<Fault> {
    let fault = |(part, error): (Part, TemplateError)| Fault {
        part: match part {
            Part::Subject => "subject",
            Part::Text => "text",
            Part::Html => "html",
        },
        line: error.line(),
        what: error.sentence(),
    };
    check_own(kind, &own(words)).into_iter().map(fault).collect()
}

/// Words as they are kept: of what says the same as the built-in words nothing, so that a later release may word it
/// better.
pub fn as_own(of: &TemplateId, words: TemplateWords) -> TemplateWords {
    let built_in = built_in_words(of.kind, of.language);
    let kept = |own: Option<String>, built_in: Option<String>| {
        let own = own.map(|own| own.replace("\r\n", "\n"));
        own.filter(|own| Some(own.trim()) != built_in.as_deref().map(str::trim))
    };
    TemplateWords {
        subject: kept(words.subject, built_in.subject),
        text: kept(words.text, built_in.text),
        html: kept(words.html, built_in.html),
    }
}

/// How saving words ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Saved {
    /// They are a new version.
    New(LetterTemplate),
    /// They are what the newest version says already.
    Same(LetterTemplate),
    /// Somebody else changed the firm meanwhile: read again.
    Stale,
}

/// Why words were not saved.
#[derive(Debug, thiserror::Error)]
pub enum SaveError {
    /// They can't be used.
    #[error("{}", .0.what)]
    Faulty(Fault),
    /// See [`MAX_TEMPLATES`].
    #[error("the firm has words of its own for {MAX_TEMPLATES} letters already, which is the most")]
    TooMany,
    /// A policy's step names them.
    #[error("the policy of class {0} has a step that names this text; change the policy first")]
    Named(ClassId),
    /// Why a policy can't be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Saves words as the version after the `newest`, which the caller looked at; without words the built-in ones are
/// back.
///
/// # Errors
/// [`SaveError`].
pub async fn save(
    firm: &Firm,
    of: &TemplateId,
    words: TemplateWords,
    newest: Option<&LetterTemplate>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Saved, SaveError> {
    let words = as_own(of, words);
    if let Some(fault) = faults(of.kind, &words).into_iter().next() {
        return Err(SaveError::Faulty(fault));
    }
    let known = &firm.settings().templates;
    let is_new = !known.iter().any(|known| known.of == *of);
    if is_new && !words.is_empty() && MAX_TEMPLATES <= known.len() {
        return Err(SaveError::TooMany);
    }
    if words.is_empty()
        && let Some(class) = named_by(firm, of, firm.day(now)).await?
    {
        return Err(SaveError::Named(class));
    }
    let version = newest.map_or(0, |newest| newest.version) + 1;
    let author = caller.actor.staff().cloned();
    let saved = LetterTemplate { of: of.clone(), version, words, author, saved_at: firm.now(now) };
    match newest {
        Some(newest) if newest.words == saved.words => return Ok(Saved::Same(newest.clone())),
        None if saved.words.is_empty() => {
            return Ok(Saved::Same(LetterTemplate { version: 0, ..saved }));
        }
        Some(_) | None => {}
    }
    let change = FirmChange::TemplateSaved(Box::new(saved.clone()));
    let meta = meta(firm, "save_template", caller, now);
    Ok(match firm.store().change_firm(firm.loaded(), &change, &meta).await? {
        FirmCommit::Done => Saved::New(saved),
        FirmCommit::Stale => Saved::Stale,
    })
}

/// A class whose policy, in force or to come, names these words, where no other language has them.
async fn named_by(firm: &Firm, of: &TemplateId, day: Day) -> Result<Option<ClassId>, SaveError> {
    let Some(name) = &of.name else { return Ok(None) };
    let is_left = |known: &TemplateId| {
        known.kind == of.kind && known.name == of.name && known.language != of.language
    };
    if firm.settings().templates.iter().any(|known| is_left(&known.of)) {
        return Ok(None);
    }
    let policies = firm.store().all_policies().await?;
    for document in policies.iter().filter(|document| is_current(document, &policies, day)) {
        let policy = version_of(document)?.policy;
        if texts(&policy).any(|text| text.kind == of.kind && text.name == name) {
            return Ok(Some(document.class.clone()));
        }
    }
    Ok(None)
}

/// Whether a version is in force on that day or will be.
fn is_current(document: &PolicyDocument, all: &[PolicyDocument], day: Day) -> bool {
    !all.iter().any(|other| {
        other.class == document.class
            && document.version < other.version
            && other.effective_on <= day
    })
}

/// A text that a step names.
struct Text<'a> {
    kind: LetterKind,
    name: &'a TemplateName,
    field: String,
}

fn texts(policy: &Policy) -> impl Iterator<Item = Text<'_>> {
    let sections = [("regular", &policy.regular), ("out_of_turn", &policy.out_of_turn)];
    sections.into_iter().flat_map(|(section, rules)| {
        rules.steps.iter().enumerate().filter_map(move |(index, step)| {
            let (kind, name) = (LetterKind::from(step.action.letter()?), step.text.as_ref()?);
            Some(Text { kind, name, field: format!("{section}.steps[{index}].text") })
        })
    })
}

/// A text that a policy names and the firm doesn't have.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no text {name} for a {}{}", words(*kind), nearest_known(nearest.as_ref()))]
pub struct UnknownText {
    /// Where the policy names it.
    pub field: String,
    /// For which letter.
    pub kind: LetterKind,
    /// Which.
    pub name: TemplateName,
    /// The nearest that there is for that letter.
    pub nearest: Option<TemplateName>,
}

fn words(kind: LetterKind) -> String {
    kind.as_str().replace('_', " ")
}

fn nearest_known(nearest: Option<&TemplateName>) -> String {
    nearest.map_or_else(
        || "; the firm has none for it yet".to_owned(),
        |nearest| format!(", the nearest known one is {nearest}"),
    )
}

/// The first text that a policy names and the firm doesn't have, in any language (POL-3).
pub fn unknown_text(firm: &Firm, policy: &Policy) -> Option<UnknownText> {
    let known = &firm.settings().templates;
    texts(policy).find_map(|text| {
        let of_kind = || {
            let of_kind = known.iter().filter(|known| known.of.kind == text.kind);
            of_kind.filter_map(|known| known.of.name.as_ref())
        };
        if of_kind().any(|known| known == text.name) {
            return None;
        }
        let distance =
            |known: &&TemplateName| strsim::damerau_levenshtein(known.as_str(), text.name.as_str());
        let nearest = of_kind().min_by_key(distance).cloned();
        Some(UnknownText { field: text.field, kind: text.kind, name: text.name.clone(), nearest })
    })
}
