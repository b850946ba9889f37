//! A firm's own words for a letter, whole: which parts are its own, whether they can be used, and the letter in them
//! (LET-3).

use crate::check::{Part, TemplateError, check_words};
use crate::facts::LetterFacts;
use crate::templates::{LetterError, Rendered, Templates};
use domain::letter::LetterKind;

/// What is a firm's own of a letter; what is not there is said in the built-in words.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Own {
    /// Its subject.
    pub subject: Option<String>,
    /// Its text.
    pub text: Option<String>,
    /// What is inside its HTML.
    pub html: Option<String>,
}

impl Own {
    /// The parts that are the firm's own.
    pub fn parts(&self) -> impl Iterator<Item = (Part, &str)> {
        let parts =
            [(Part::Subject, &self.subject), (Part::Text, &self.text), (Part::Html, &self.html)];
        parts.into_iter().filter_map(|(part, source)| Some((part, source.as_deref()?)))
    }
}

/// What is wrong with a firm's own words, part by part; nothing: they can be used.
pub fn check_own(kind: LetterKind, own: &Own) -> Vec<(Part, TemplateError)> {
    let checked = own.parts().map(|(part, source)| (part, check_words(kind, part, source)));
    checked.filter_map(|(part, result)| Some((part, result.err()?))).collect()
}

/// Puts a letter into a firm's own words.
///
/// # Errors
/// When the facts contradict each other, or the words can't be used.
pub fn render_own(facts: &LetterFacts, own: &Own) -> Result<Rendered, LetterError> {
    Templates::built_in().with_saved(facts.kind(), facts.language, own)?.render(facts)
}
