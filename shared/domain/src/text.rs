//! Text that may name a person or say something about one: reasons, evidence, addresses.
//!
//! An event holds it as [`Personal`], which serializes under a name of its own, so that the store
//! can keep the text apart and put a salted hash in its place: after deletion the chain still
//! verifies. In logs it shows nothing (SEC-5).

use std::fmt;

use serde::{Deserialize, Serialize};

/// The longest reason, note or message, in bytes: some pages of text, and 32 of them fit an item.
pub const MAX_TEXT_BYTES: usize = 8_192;

/// Text about a person, kept apart from the chain.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Personal {
    /// The text itself.
    pub personal: String,
}

impl Personal {
    /// Wraps it.
    pub fn new(text: impl Into<String>) -> Self {
        Self { personal: text.into() }
    }

    /// The text, for those who may read it.
    pub fn as_str(&self) -> &str {
        &self.personal
    }
}

impl fmt::Debug for Personal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<{} bytes>", self.personal.len())
    }
}

/// What a rule or an error says, as a sentence of its own: it begins small and has no full stop, since it
/// may as well stand within one. A name in it, of a field or an invoice, stays as it is.
pub fn sentence(text: &str) -> String {
    let text = text.trim_end();
    let word = text.split_whitespace().next().unwrap_or_default();
    let is_name = word.contains(|letter: char| {
        !letter.is_alphabetic() && !matches!(letter, '\'' | ',' | ':' | ';')
    });
    let mut chars = text.chars();
    let first: String = match chars.next() {
        Some(first) if !is_name => first.to_uppercase().collect(),
        first => first.into_iter().collect(),
    };
    let end = if text.is_empty() || text.ends_with(['.', '!', '?', '”']) { "" } else { "." };
    format!("{first}{}{end}", chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_a_sentence() {
        for (text, expected) in [
            ("there is no such client", "There is no such client."),
            ("The engagement has ended.", "The engagement has ended."),
            ("was it paid?", "Was it paid?"),
            ("\"x\" is not a date", "\"x\" is not a date."),
            ("über", "Über."),
            ("due_on is missing", "due_on is missing."),
            ("a-1, which is paid", "a-1, which is paid."),
            ("client's name is too long", "Client's name is too long."),
            ("", ""),
        ] {
            assert_eq!(sentence(text), expected);
        }
    }
}
