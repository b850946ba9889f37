//! services

pub mod archive;
pub mod contacts;
pub mod correspondence;
pub mod day;
pub mod execute;
pub mod firm;
pub mod firms;
pub mod http;
pub mod import;
pub mod office;
pub mod papers;
pub mod portal;
pub mod preview;
pub mod reconcile;
pub mod replies;
pub mod reports;
pub mod retention;
mod rollout;
pub mod run;
pub mod sweep;
pub mod tell;
pub mod unclaimed;
pub mod webhook;
pub mod wording;
