//! What the measurements stand on: a table that is filled in no time, clients that are copies of one that
//! lived through everything, and a record of each request that was sent.
//!
//! A hundred thousand clients can't be made command by command, and made-up items would measure another
//! program. So a few clients live their weeks by the real commands, and the others are copies of their items
//! under other ids.

#![allow(clippy::unwrap_used, reason = "a measurement that can't go on stops")]

mod closed;
mod model;
mod recorder;
mod table;

pub use closed::{Cost, cost_with_closed};
pub use model::{FIRM, Model, Office, noon};
pub use recorder::{Recorder, Request, Seen, send};
pub use table::{TABLE, Table};
