//! Why a command was refused: a rule's id and a sentence for a person. A refused act changes nothing.

use std::fmt;

/// What kind of no it is; an HTTP function makes a status of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The caller may not.
    Forbidden,
    /// There is no such thing.
    NotFound,
    /// What is asked for can't be meant.
    Invalid,
    /// Not as things stand.
    Conflict,
    /// Something that the decision needs was not looked up: a mistake of the program.
    NotLoaded,
}

/// A no, with its reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What kind.
    pub kind: RefusalKind,
    /// The rule that says so.
    pub rule: &'static str,
    /// In a sentence, lower case.
    pub text: String,
}

impl Refusal {
    /// The caller may not.
    pub fn forbidden(rule: &'static str, text: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Forbidden, rule, text: text.into() }
    }

    /// There is no such thing.
    pub fn not_found(rule: &'static str, text: impl Into<String>) -> Self {
        Self { kind: RefusalKind::NotFound, rule, text: text.into() }
    }

    /// It can't be meant.
    pub fn invalid(rule: &'static str, text: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Invalid, rule, text: text.into() }
    }

    /// Not as things stand.
    pub fn conflict(rule: &'static str, text: impl Into<String>) -> Self {
        Self { kind: RefusalKind::Conflict, rule, text: text.into() }
    }

    /// A mistake of the program.
    pub fn not_loaded(what: impl fmt::Display) -> Self {
        Self {
            kind: RefusalKind::NotLoaded,
            rule: "EVAL-4",
            text: format!("{what} was not looked up"),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.text, self.rule)
    }
}

impl std::error::Error for Refusal {}
