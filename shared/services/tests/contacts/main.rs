//! Contacts and their sign-in, over the embedded table (SEC-1, SEC-3, SEC-4).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../store/tests/common/mod.rs"]
mod common;
mod desk;
#[path = "../office/end_at.rs"]
mod end_at;
mod erase;
mod invitations;
mod letters;
mod limits;
mod links;
#[path = "../office/mod.rs"]
mod office;
mod passwords;
mod records;
mod sessions;
