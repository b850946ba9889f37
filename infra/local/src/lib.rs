//! portcullis

pub mod command;
pub mod embedded;
pub mod issuer;
pub mod mailbox;
pub mod place;
pub mod queue;
pub mod sandbox_stripe;
