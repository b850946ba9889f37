//! portcullis

pub mod sandbox_stripe;
