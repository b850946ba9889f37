//! Staff's notes and call log (NOTE-1): written once, never changed; a correction is another note.
//!
//! A note decides nothing, so an account never has those of before: it holds only what the decision at
//! hand writes. Its text is personal and for staff alone.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{InvoiceId, StaffId};
use crate::text::Personal;

/// A note's number: unique on the client, later ones higher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NoteId(pub u64);

/// What a note is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoteKind {
    /// What somebody should know.
    #[default]
    Note,
    /// A call, and what was said.
    Call,
}

impl NoteKind {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Note => "note",
            Self::Call => "call",
        }
    }
}

impl FromStr for NoteKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        [Self::Note, Self::Call]
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| format!("{text:?} is no kind of note, expected note or call"))
    }
}

/// A note on a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// Its number.
    pub id: NoteId,
    /// Whether it logs a call.
    pub kind: NoteKind,
    /// Who wrote it.
    pub by: StaffId,
    /// About which invoice, if about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceId>,
    /// What.
    pub text: Personal,
}
