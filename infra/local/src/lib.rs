//! portcullis

pub mod command;
pub mod embedded;
pub mod issuer;
pub mod mailbox;
pub mod queue;
pub mod sandbox_stripe;
