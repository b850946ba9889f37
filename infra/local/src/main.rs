//! `portcullis`: the command line, and the system on one machine.

use std::process::ExitCode;

use clap::Parser;
use portcullis::command::{Cli, run};

fn main() -> ExitCode {
    run(&Cli::parse())
}
