//! The sandbox Stripe, and our own Stripe adapter as its client, over loopback.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

mod api;
mod bench;
mod charging;
mod checkout;
mod days;
mod lists;
mod lost;
mod orders;
mod page;
mod payments;
mod refunds;
mod saving;
mod sdk;
mod shapes;
mod webhooks;
