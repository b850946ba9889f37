//! Rendering: facts and templates into a subject, a text and an HTML body.
//!
//! The built-in templates are compiled once, when the first letter is written. A name that a template
//! uses and the letter doesn't have is an error, never a gap (strict undefined); a fact that is there
//! but absent (no phone) prints nothing. HTML escapes whatever it prints.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use domain::money::MoneyError;
use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value, escape_formatter};

use crate::check::{Part, TemplateError, check_template};
use crate::facts::{Language, LetterFacts};
use crate::own::Own;
use crate::view::View;
use domain::letter::LetterKind;

/// A letter in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// For those who read text.
    pub text: String,
    /// For everybody else.
    pub html: String,
}

/// Why a letter could not be put into words.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// A letter about invoices has one.
    #[error("the letter is about no invoice")]
    NoInvoices,
    /// A plan has one.
    #[error("the plan has no instalment")]
    NoInstalments,
    /// Amounts that can't be: more paid than owed, or two currencies in one.
    #[error("the letter's amounts do not fit together")]
    Money(#[from] MoneyError),
    /// Not an address that a letter may point to.
    #[error("{0:?} is not an address that a letter may point to, expected https://…")]
    Link(String),
    /// A template that can't be rendered with these facts.
    #[error("the template could not be rendered")]
    Template(#[from] minijinja::Error),
}

/// The templates of a firm: the built-in ones, and its own in place of some.
#[derive(Clone)]
pub struct Templates {
    environment: Environment<'static>,
    own: BTreeSet<String>,
}

static BUILT_IN: LazyLock<Templates> = LazyLock::new(Templates::load);

/// Puts a letter into words, with the built-in templates.
///
/// # Errors
/// When the facts contradict each other.
pub fn render(facts: &LetterFacts) -> Result<Rendered, LetterError> {
    BUILT_IN.render(facts)
}

impl Templates {
    /// The built-in ones.
    pub fn built_in() -> Self {
        BUILT_IN.clone()
    }

    /// With the firm's own template for that part of that letter.
    ///
    /// # Errors
    /// When [`check_template`] refuses it.
    pub fn with(
        mut self,
        kind: LetterKind,
        language: Language,
        part: Part,
        source: &str,
    ) -> Result<Self, TemplateError> {
        check_template(kind, part, source)?;
        self.add(&file(kind, part), language, part, source)?;
        Ok(self)
    }

    /// Puts a letter into words.
    ///
    /// # Errors
    /// When the facts contradict each other.
    pub fn render(&self, facts: &LetterFacts) -> Result<Rendered, LetterError> {
        let view = Value::from(Serde(View::of(facts)?));
        let subject = self.part(facts, Part::Subject, &view)?;
        let subject = subject.split_whitespace().collect::<Vec<_>>().join(" ");
        let text = without_gaps(&self.part(facts, Part::Text, &view)?, 1);
        let with_subject = minijinja::context! { subject => subject.clone(), ..view };
        let html = without_gaps(&self.part(facts, Part::Html, &with_subject)?, 0);
        Ok(Rendered { subject, text, html })
    }

    /// With a firm's own words, that were checked when they were saved.
    ///
    /// # Errors
    /// When they are no templates.
    pub fn with_saved(
        mut self,
        kind: LetterKind,
        language: Language,
        own: &Own,
    ) -> Result<Self, LetterError> {
        for (part, source) in own.parts() {
            self.add(&file(kind, part), language, part, source)?;
        }
        Ok(self)
    }

    fn part(
        &self,
        facts: &LetterFacts,
        part: Part,
        view: &Value,
    ) -> Result<String, minijinja::Error> {
        let (file, language) = (file(facts.kind(), part), facts.language);
        let own = own_name(language, &file);
        let name = if self.own.contains(&own) { own } else { name(language, &file) };
        self.environment.get_template(&name)?.render(view.clone())
    }

    /// Adds a firm's own source; of an HTML one only what is inside the letter is the firm's.
    fn add(
        &mut self,
        file: &str,
        language: Language,
        part: Part,
        source: &str,
    ) -> Result<String, minijinja::Error> {
        let source = match part {
            Part::Subject | Part::Text => source.to_owned(),
            Part::Html => format!("{HTML_BEFORE}{source}{HTML_AFTER}"),
        };
        let name = own_name(language, file);
        self.environment.add_template_owned(name.clone(), source)?;
        self.own.insert(name.clone());
        Ok(name)
    }

    fn load() -> Self {
        let mut environment = bare_environment();
        // What a template includes or extends is of its own language; the head is everybody's.
        environment.set_path_join_callback(|name, parent| match parent.split_once('/') {
            Some((language, _)) if name != HEAD => format!("{language}/{name}").into(),
            _ => name.into(),
        });
        for (name, source) in SOURCES.into_iter().flatten() {
            // A test renders each of them, so none is missing at run time.
            environment.add_template(name, source).ok();
        }
        Self { environment, own: BTreeSet::new() }
    }

    pub(crate) fn for_trial(part: Part, source: &str) -> Result<(Self, String), minijinja::Error> {
        let mut templates = Self::built_in();
        let file = match part {
            Part::Subject | Part::Text => "trial.txt",
            Part::Html => "trial.html",
        };
        let name = templates.add(file, Language::En, part, source)?;
        Ok((templates, name))
    }

    pub(crate) fn try_rendering(
        &self,
        name: &str,
        facts: &LetterFacts,
    ) -> Result<String, LetterError> {
        let view = Value::from(Serde(View::of(facts)?));
        let view = minijinja::context! { subject => "", ..view };
        Ok(self.environment.get_template(name)?.render(view)?)
    }
}

/// The built-in words of a letter, as a firm may begin with them: of HTML what is inside the letter.
pub fn built_in_words(kind: LetterKind, language: Language) -> Own {
    let source = |part| {
        let name = name(language, &file(kind, part));
        let known = SOURCES.into_iter().flatten().find(|(known, _)| *known == name);
        known.map(|(_, source)| source)
    };
    let inside = |source: &str| {
        let (_, rest) = source.split_once("{% block letter %}")?;
        Some(rest.rsplit_once("{% endblock %}")?.0.trim_start().to_owned())
    };
    Own {
        subject: source(Part::Subject).map(str::to_owned),
        text: source(Part::Text).map(str::to_owned),
        html: source(Part::Html).and_then(inside),
    }
}

/// Around what is the firm's of an HTML letter. In one line, so that lines are counted as the firm wrote them.
const HTML_BEFORE: &str = "{% extends \"layout.html\" %}{% block letter %}";
const HTML_AFTER: &str = "{% endblock %}";

/// How every HTML mail begins, in whichever language.
const HEAD: &str = "head.html";

/// The file of a letter's part, in each language.
fn file(kind: LetterKind, part: Part) -> String {
    let ending = match part {
        Part::Subject => "subject.txt",
        Part::Text => "txt",
        Part::Html => "html",
    };
    format!("{}.{ending}", kind.as_str())
}

fn name(language: Language, file: &str) -> String {
    format!("{}/{file}", language.as_str())
}

/// Where a firm's own templates are, so that they can be told from the built-in ones.
fn own_name(language: Language, file: &str) -> String {
    format!("{}/own/{file}", language.as_str())
}

/// The rules of all templates, and how each page begins; names that end in `.html` are escaped.
pub(crate) fn bare_environment() -> Environment<'static> {
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    if let Ok(syntax) = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build() {
        environment.set_syntax(syntax);
    }
    environment.set_formatter(|out, state, value| {
        if value.is_none() {
            return Ok(());
        }
        match value.as_str() {
            Some(text) if matches!(state.auto_escape(), AutoEscape::Html) && !value.is_safe() => {
                out.write_str(&escaped(text)).map_err(Into::into)
            }
            _ => escape_formatter(out, state, value),
        }
    });
    // Each HTML letter includes it, so none is missing at run time.
    environment.add_template(HEAD, include_str!("../templates/head.html")).ok();
    environment
}

/// Text inside HTML, quotes included. The library's own escapes each slash as well, which makes the
/// links unreadable in a letter's source, where the careful look for them.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// At most so many empty lines in a row, none at the ends, and one line feed at the end.
pub(crate) fn without_gaps(text: &str, empty_lines: usize) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut gap = 0;
    for line in text.trim().lines().map(str::trim_end) {
        if line.trim().is_empty() {
            gap += 1;
            continue;
        }
        for _ in 0..gap.min(empty_lines) {
            kept.push('\n');
        }
        gap = 0;
        kept.push_str(line);
        kept.push('\n');
    }
    kept
}

macro_rules! sources {
    ($($name:literal),* $(,)?) => {
        [
            [$((concat!("en/", $name), include_str!(concat!("../templates/en/", $name)))),*],
            [$((concat!("es/", $name), include_str!(concat!("../templates/es/", $name)))),*],
        ]
    };
}

const SOURCES: [[(&str, &str); 59]; 2] = sources![
    "layout.html",
    "invoices.html",
    "invoices.txt",
    "totals.html",
    "totals.txt",
    "pay.html",
    "lock.html",
    "lock.txt",
    "next.html",
    "next.txt",
    "closing.txt",
    "reminder.subject.txt",
    "reminder.txt",
    "reminder.html",
    "lock_notice.subject.txt",
    "lock_notice.txt",
    "lock_notice.html",
    "limit_notice.subject.txt",
    "limit_notice.txt",
    "limit_notice.html",
    "close_notice.subject.txt",
    "close_notice.txt",
    "close_notice.html",
    "notice.subject.txt",
    "notice.txt",
    "notice.html",
    "demand_letter.subject.txt",
    "demand_letter.txt",
    "demand_letter.html",
    "final_demand.subject.txt",
    "final_demand.txt",
    "final_demand.html",
    "welcome_back.subject.txt",
    "welcome_back.txt",
    "welcome_back.html",
    "receipt.subject.txt",
    "receipt.txt",
    "receipt.html",
    "payment_failed.subject.txt",
    "payment_failed.txt",
    "payment_failed.html",
    "promise_confirmation.subject.txt",
    "promise_confirmation.txt",
    "promise_confirmation.html",
    "plan_confirmation.subject.txt",
    "plan_confirmation.txt",
    "plan_confirmation.html",
    "pay_link.subject.txt",
    "pay_link.txt",
    "pay_link.html",
    "message.subject.txt",
    "message.txt",
    "message.html",
    "invitation.subject.txt",
    "invitation.txt",
    "invitation.html",
    "sign_in_link.subject.txt",
    "sign_in_link.txt",
    "sign_in_link.html",
];
