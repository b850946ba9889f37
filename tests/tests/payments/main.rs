//! Money through the door: the sandbox's signed webhooks, the function's own router, the embedded table and
//! the sweeper, as they run together.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

mod bad_input;
mod bench;
mod capacity;
mod charges;
mod reconcile;
mod reversals;
mod sweeper;
mod unclaimed;
mod webhooks;
