//! Days and letters, end to end over the embedded table: what a schedule, a queue and a mail service see.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod again;
#[path = "../../../store/tests/common/mod.rs"]
mod common;
mod days;
mod desk;
#[path = "../office/end_at.rs"]
mod end_at;
mod fresh;
mod letters;
mod links;
mod paper;
mod preview;
mod replies;
mod reports;
mod rollout;
mod runs;
mod staff;
mod stop;
mod stuck;
mod together;
mod wording;
