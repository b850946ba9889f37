//! Links to pay with that staff make and hand on themselves (LET-7).
//!
//! A letter makes its own as it is written; this is one for whoever asks on the phone. Like a note it decides
//! nothing, so an account never has those of before. The token itself is shown once and kept nowhere.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::id::{InvoiceId, StaffId};

/// The most invoices of one link: as many as can be paid at once.
pub const MAX_INVOICES: usize = 100;

/// A link that staff made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayLink {
    /// The hash of its token, by which it is found and taken back; it opens nothing.
    pub link: String,
    /// Who made it.
    pub by: StaffId,
    /// When.
    pub made_on: Day,
    /// What it shows, and no more.
    pub invoices: BTreeSet<InvoiceId>,
}
