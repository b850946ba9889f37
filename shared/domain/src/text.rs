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
