//! The import of a ledger (contracts §5): a file of invoices, and what was paid on them, into the table.
//!
//! In three parts. [`read`] makes rows of bytes, or says what is wrong with them; [`plan`] compares a
//! client's rows with its account and decides what they change; [`run`] reads and writes. The first two
//! are functions of their arguments. An import fires nothing by itself: no letter, no lock, and the
//! debts that it brought meet the next daily run (LOCK-10). Who replays a ledger and imports nothing takes
//! its [`rows`] one by one.

pub mod mapping;
pub mod plan;
pub mod read;
mod records;
mod row;
pub mod rows;
pub mod run;
pub mod told;

pub use row::{MAX_ADDRESS_BYTES, MAX_NAME_BYTES, MAX_NUMBER_BYTES};
