//! In whose words a letter is written (LET-3): those that a step's policy names, else the firm's own for every letter
//! of the kind, else the built-in ones; always in the language that the reader is written to.
//!
//! Which there are stands in the settings, so a firm without words of its own reads nothing for this. Words that fail
//! with a letter's facts, though they worked with every sample when they were saved, hold no letter up: it leaves in
//! the built-in ones, and says so.

use domain::id::TemplateName;
use domain::letter::{Language, LetterKind};
use letters::facts::{Firm as Writer, LetterFacts};
use letters::{LetterError, Own, Rendered};
use store::{
    FirmSettings, KnownTemplate, LetterTemplate, StoreError, TemplateId, TemplateUse, TemplateWords,
};
use tracing::warn;

use crate::firm::Firm;

/// The words that a letter is written in.
#[derive(Debug, Clone)]
pub struct Wording {
    language: Language,
    own: Option<LetterTemplate>,
}

impl Wording {
    /// Those of a letter of that kind and language; a step may have named its text.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn of(
        firm: &Firm,
        kind: LetterKind,
        language: Language,
        name: Option<&TemplateName>,
    ) -> Result<Self, StoreError> {
        let known = chosen(&firm.settings().templates, kind, language, name);
        let own = match known {
            Some(known) => firm.store().letter_template(&known.of).await?,
            None => None,
        };
        Ok(Self { language, own: own.filter(|own| !own.words.is_empty()) })
    }

    /// In which language.
    pub fn language(&self) -> Language {
        self.language
    }

    /// The letter in these words, and which they were.
    ///
    /// # Errors
    /// When the facts contradict each other.
    pub fn write(&self, facts: &LetterFacts) -> Result<(Rendered, TemplateUse), LetterError> {
        let built_in = || Ok((letters::render(facts)?, TemplateUse::built_in(self.language)));
        let Some(saved) = &self.own else { return built_in() };
        match letters::render_own(facts, &own(&saved.words)) {
            Ok(rendered) => Ok((rendered, used(saved))),
            Err(LetterError::Template(error)) => {
                let kind = saved.of.kind.as_str();
                warn!(
                    template.version = saved.version,
                    "A {kind} can't be written in the firm's words: {error}"
                );
                built_in()
            }
            Err(error) => Err(error),
        }
    }
}

/// The most special words that there are.
fn chosen<'a>(
    known: &'a [KnownTemplate],
    kind: LetterKind,
    language: Language,
    name: Option<&TemplateName>,
) -> Option<&'a KnownTemplate> {
    let find = |name: Option<&TemplateName>| {
        let of = TemplateId { kind, language, name: name.cloned() };
        known.iter().find(|known| known.of == of)
    };
    name.and_then(|name| find(Some(name))).or_else(|| find(None))
}

fn used(saved: &LetterTemplate) -> TemplateUse {
    TemplateUse {
        language: saved.of.language,
        name: saved.of.name.clone(),
        version: Some(saved.version),
    }
}

/// Saved words, as letters are written in them.
pub fn own(words: &TemplateWords) -> Own {
    let TemplateWords { subject, text, html } = words.clone();
    Own { subject, text, html }
}

/// The firm as its letters name it (LET-2).
pub(crate) fn writer(
    settings: &FirmSettings,
    reply_address: &str,
    logo_url: Option<String>,
) -> Writer {
    Writer {
        name: settings.name.clone(),
        reply_address: reply_address.to_owned(),
        phone: settings.phone.clone(),
        postal_address: settings.postal_address.clone(),
        logo_url,
        colour: settings.colour,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> TemplateName {
        text.parse().unwrap()
    }

    #[test]
    fn let_3_the_most_special_words_of_the_language_are_chosen() {
        use Language::{En, Es};
        use LetterKind::{Notice, Receipt};
        let known = |kind, language, text: Option<&str>| KnownTemplate {
            of: TemplateId { kind, language, name: text.map(name) },
            version: 1,
        };
        let all = [
            known(Notice, En, None),
            known(Notice, En, Some("gentle")),
            known(Notice, Es, Some("gentle")),
            known(Receipt, Es, None),
        ];
        for (kind, language, text, expected) in [
            (Notice, En, None, Some(0)),
            (Notice, En, Some("gentle"), Some(1)),
            (Notice, En, Some("stern"), Some(0)),
            (Notice, Es, Some("gentle"), Some(2)),
            (Notice, Es, None, None),
            (Notice, Es, Some("stern"), None), // never another language's
            (Receipt, Es, Some("gentle"), Some(3)),
            (Receipt, En, None, None),
        ] {
            let found = chosen(&all, kind, language, text.map(name).as_ref());
            let expected = expected.map(|index: usize| &all[index]);
            assert_eq!(found, expected, "{kind:?} {language:?} {text:?}");
        }
    }

    #[test]
    fn let_3_words_that_fail_hold_no_letter_up() {
        let saved = |text: &str| LetterTemplate {
            of: TemplateId { kind: LetterKind::Notice, language: Language::En, name: None },
            version: 3,
            words: TemplateWords { text: Some(text.to_owned()), ..TemplateWords::default() },
            author: None,
            saved_at: chrono::DateTime::UNIX_EPOCH,
        };
        let [facts, _] = letters::samples(LetterKind::Notice);
        let write = |text| {
            let wording = Wording { language: Language::En, own: Some(saved(text)) };
            wording.write(&facts).unwrap()
        };
        let (letter, used) = write("Pay {{ amount_due }}");
        assert_eq!((letter.text.as_str(), used.version), ("Pay 1,200.50 USD\n", Some(3)));
        let (letter, used) = write("Pay {{ what_an_older_release_knew }}");
        assert_eq!(used, TemplateUse::built_in(Language::En));
        assert_eq!(letter, letters::render(&facts).unwrap());
    }
}
