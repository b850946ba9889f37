//! services

pub mod execute;
pub mod firm;
pub mod import;
