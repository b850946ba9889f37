//! Rehearsals (TEST-2, contracts §3): a timeline of acts and expectations, run through the real rules.
//!
//! Read a file into a [`Timeline`], run it to a [`Report`]. Nothing here decides anything: days are
//! [`crate::command::Command::Evaluate`], acts are commands, and letters leave by being claimed, as
//! in the system itself. Only what the table guarantees there, that a payment, an invoice number and
//! a credit note are one client's in the whole firm, is looked up among the accounts here.

mod expect;
mod report;
mod run;
mod timeline;

pub use expect::{ChargeDetail, Check, Expectation, Question};
pub use report::{Happening, Item, Report};
pub use run::{Rehearsal, run};
pub use timeline::{Act, Deed, Entry, Loaded, Timeline, TimelineError, What};
