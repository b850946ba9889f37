//! What the functions stand on: configuration, the AWS clients, the queue and the mail, the event bus and
//! the archive, the clock, the log and the metrics.
//!
//! Queue, mail, bus, archive and seal are ports: a trait with an AWS half and a local half, here or in
//! `infra/local`, so that the services know neither. The clock is a port too (TEST-1): nothing else asks what time it
//! is. Nothing here knows a rule of the business.

pub mod archive;
pub mod aws;
pub mod batch;
pub mod bus;
pub mod clock;
pub mod config;
pub mod log;
pub mod mail;
pub mod mail_domains;
pub mod metrics;
pub mod queue;
pub mod seal;
