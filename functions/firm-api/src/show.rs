//! The firm's things as they are shown to staff.
//!
//! What the rules derive (status, collection, the explanation) is derived here for the firm's day and
//! never stored, so that an answer can't be older than the facts.

mod client;
mod invoice;
mod letter;
mod payment;
mod record;
mod task;

pub use client::{Client, ClientInList, Exception, Hold, Lock, Plan, Promise, Request, hold};
pub use invoice::{Invoice, InvoiceLine};
pub use letter::Letter;
pub use payment::Payment;
pub use record::{Change, FirmRecord, Record, firm_record, record};
pub use task::Task;

use std::collections::BTreeSet;
use std::fmt::Display;

/// Names as text.
pub(crate) fn names<T: Display>(ids: &BTreeSet<T>) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// The name of a variant, as its serialization has it.
pub(crate) fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}
