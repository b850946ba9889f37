//! What the functions stand on: configuration, the AWS clients, the queue and the mail, the clock,
//! the log and the metrics.
//!
//! Queue, mail and seal are ports: a trait with an AWS half here and a local half in `infra/local`, so
//! that the services know neither. The clock is a port too (TEST-1): nothing else asks what time it
//! is. Nothing here knows a rule of the business.

pub mod aws;
pub mod batch;
pub mod clock;
pub mod config;
pub mod log;
pub mod mail;
pub mod metrics;
pub mod queue;
pub mod seal;
