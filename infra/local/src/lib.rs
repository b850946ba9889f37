//! `portcullis` as a library: the command line, and the parts that stand in for AWS on one machine.

pub mod aws_port;
pub mod bank;
pub mod command;
pub mod dead_letters;
pub mod demo;
pub mod embedded;
pub mod files;
pub mod issuer;
pub mod mailbox;
pub mod place;
pub mod public_url;
pub mod queue;
pub mod reset;
pub mod sandboxes;
pub mod system;
pub mod test_clock;
pub mod test_system;
