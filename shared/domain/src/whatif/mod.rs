//! What a policy would do to a book of invoices, day by day (POL-6, `portcullis simulate`).
//!
//! The rules are the real ones: an [`Engine`] asks [`crate::decide`] as the system does, and as a rehearsal does,
//! which it equals (`tests/whatif.rs`). What it does otherwise is work: it jumps from one day on which something
//! happens to the next, evaluates a client only where an evaluation may find something, once a day, and forgets
//! what is closed, so that ten years take as much memory as one.
//!
//! What a ledger doesn't say is assumed ([`Assumed`]), and each assumption can be told in a sentence.

mod assume;
mod count;
mod engine;
mod response;

pub use assume::{Assumed, Held};
pub use count::{Count, HeldRun, Outcome, Work};
pub use engine::{Act, Bill, ClientNumber, Deed, Engine, Refused};
pub use response::Response;
