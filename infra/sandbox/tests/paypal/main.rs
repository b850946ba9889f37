//! Our PayPal adapter against the sandbox of PayPal, over HTTP: every path, and answers lost on each.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

mod charge;
mod checkout;
mod lists;
mod lost;
mod stand;
mod webhooks;
