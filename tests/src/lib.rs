//! portcullis-tests

pub mod measure;
