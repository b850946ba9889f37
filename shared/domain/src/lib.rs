//! The rules of the business: who owes what, who is written to, whose portal is locked and opened.
//!
//! Everything here is a function of facts, a policy and a day. Nothing waits, reads a clock, draws
//! a random number or knows AWS; rehearsal, the property tests and the Lambdas run this same code.
//!
//! Start at [`decide::decide`]: a [`command::Command`] against an [`account::Account`] gives
//! [`event::Event`]s, and [`apply::apply`] is how each of them changes the account.

pub mod access;
pub mod account;
pub mod apply;
pub mod audit;
pub mod calendar;
pub mod charge;
pub mod colour;
pub mod command;
pub mod concern;
pub mod decide;
pub mod describe;
pub mod document;
pub mod event;
pub mod explain;
pub mod fee;
pub mod foretell;
pub mod forget;
pub mod id;
pub mod invoice;
pub mod kpi;
pub mod ledger;
pub mod letter;
pub mod limit;
pub mod lock;
mod locks;
pub mod message;
pub mod money;
pub mod note;
pub mod numbering;
pub mod pay_link;
pub mod payment;
pub mod people;
pub mod plan;
pub mod policy;
pub mod referral;
pub mod refusal;
pub mod rehearsal;
pub mod retention;
pub mod role;
pub mod run;
pub mod statement;
pub mod task;
pub mod tell;
pub mod text;
pub mod touches;
pub mod whatif;
