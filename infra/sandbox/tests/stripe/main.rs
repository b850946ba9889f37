//! The sandbox Stripe, and our own Stripe adapter as its client, over loopback.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

mod api;
mod bench;
mod checkout;
mod days;
mod page;
mod payments;
mod sdk;
mod shapes;
mod webhooks;
