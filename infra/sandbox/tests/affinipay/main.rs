//! The adapter of LawPay and CPACharge against their sandbox.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

mod bench;
mod lost_answers;
mod orders;
mod payments;
mod saved;
