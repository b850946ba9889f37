//! The rules of the business: who owes what, who is written to, whose portal is locked and opened.
//!
//! Everything here is a function of facts, a policy and a day. Nothing waits, reads a clock, draws
//! a random number or knows AWS; rehearsal, the property tests and the Lambdas run this same code.

pub mod id;
pub mod money;
