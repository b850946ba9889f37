//! What can go wrong between a decision and the table, by what the caller can do about it.

use std::error::Error;

/// The cause, as the layer below tells it.
pub type Cause = Box<dyn Error + Send + Sync>;

/// The table could not answer, or holds what this program can't read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing was written. Try again later.
    #[error("the table could not be reached")]
    Unavailable(#[source] Cause),
    /// Nothing was written. Try again after a while.
    #[error("the table is asked for too much at once")]
    Throttled(#[source] Cause),
    /// It may have been written or not. Take the decision again: what was written is then seen.
    #[error("the table did not say whether it wrote")]
    Unclear(#[source] Cause),
    /// The facts kept changing while they were read. Try again.
    #[error("the account of client {0} kept changing while it was read")]
    Torn(String),
    /// A newer version of this program wrote the item: 503, or back to the queue, until this one is
    /// replaced.
    #[error("item {item} has schema {found}, this program knows up to {known}")]
    TooNew {
        /// Which.
        item: String,
        /// What it says.
        found: u64,
        /// What is known here.
        known: u64,
    },
    /// The item isn't what was written there: a person has to look.
    #[error("item {item} can't be read: {problem}")]
    Corrupt {
        /// Which.
        item: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The table takes no item or transaction of that size; the command must ask for less.
    #[error("{what} comes to {size}, the limit is {limit}")]
    TooLarge {
        /// What.
        what: String,
        /// How large it is.
        size: usize,
        /// How large it may be.
        limit: usize,
    },
    /// The cursor is of no list of this firm: the caller's mistake.
    #[error("the cursor belongs to another list")]
    Cursor,
    /// A value could not be made into an item: a mistake of the program.
    #[error("a value could not be written as an item")]
    Encode(#[source] Cause),
}

impl StoreError {
    /// Whether the same may work a moment later.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable(_) | Self::Throttled(_) | Self::Unclear(_) | Self::Torn(_) => true,
            Self::TooNew { .. }
            | Self::Corrupt { .. }
            | Self::TooLarge { .. }
            | Self::Cursor
            | Self::Encode(_) => false,
        }
    }
}
