//! A ledger into the table: what is in it then, what a second import changes, and what it doesn't.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../store/tests/common/mod.rs"]
mod common;

mod again;
mod desk;
#[path = "../office/end_at.rs"]
mod end_at;
mod interrupted;
mod ledgers;
