//! The sandbox Square, and our own Square adapter as its client, over loopback.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

mod bench;
mod charges;
mod checkout;
mod lost;
mod orders;
mod page;
mod reversals;
mod webhooks;
