//! The sandbox Stripe, and our own Stripe adapter as its client, over loopback.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

mod api;
mod bench;
mod payments;
mod shapes;
mod webhooks;
