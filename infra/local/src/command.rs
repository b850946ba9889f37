//! The command line, `portcullis` (contracts §1): one module for each command.
//!
//! Every command answers with a [`Verdict`], or with an error that says what was wrong with what it
//! was given; [`run`] makes the exit code of it, so that no command ends the process by itself.

pub mod audit;
pub mod clock;
pub mod doctor;
pub mod firm;
pub mod import;
pub mod openapi;
pub mod policy;
pub mod queue;
pub mod reconcile;
pub mod rehearse;
pub mod restore;
pub mod simulate;
pub mod up;

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Bad usage and bad input, as clap says it too.
const BAD_INPUT: u8 = 2;

/// The gate of a client portal: collects what clients owe, locks, unlocks, and proves it.
#[derive(Debug, Parser)]
#[command(name = "portcullis", version, propagate_version = true)]
pub struct Cli {
    /// What to do; `up --demo`, if not said.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Prove the audit trail.
    Audit(audit::Arguments),
    /// Move a test firm's day forward, the schedule running each day.
    Clock(clock::Arguments),
    /// Look whether a deployment, or this machine's system, is well, and say what to do where it isn't.
    Doctor(doctor::Arguments),
    /// Open a firm, let its first people in, and connect its gateway.
    Firm(firm::Arguments),
    /// Bring a ledger in: clients, invoices, and what was paid on them.
    Import(import::Arguments),
    /// Print the OpenAPI document of all HTTP functions.
    Openapi,
    /// Check a policy, print a preset or the schema.
    Policy(policy::Arguments),
    /// Look at the messages that nobody could handle, and have them handled again.
    Queue(queue::Arguments),
    /// Compare a firm's gateways with its accounts, put right what webhooks lost, and say what differs.
    Reconcile(reconcile::Arguments),
    /// Run timelines through the real rules and print what happens on each day.
    Rehearse(rehearse::Arguments),
    /// After the table was restored to an earlier moment: say what it lacks beside the archive, and put it back.
    Restore(restore::Arguments),
    /// Replay a real book of invoices day by day under one policy or two, and count what they would do.
    Simulate(simulate::Arguments),
    /// Run the system on this machine, on embedded parts.
    Up(up::Arguments),
}

/// How a command ended that could do what it was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// As it should.
    Done,
    /// Something that was expected isn't so, or a check failed.
    Failed,
}

/// Runs a command to its exit code; errors go to the standard error, causes and all.
pub fn run(cli: &Cli) -> ExitCode {
    let demo = Command::Up(up::Arguments::default());
    let ended = match cli.command.as_ref().unwrap_or(&demo) {
        Command::Audit(arguments) => audit::run(arguments),
        Command::Clock(arguments) => clock::run(arguments),
        Command::Doctor(arguments) => doctor::run(arguments),
        Command::Firm(arguments) => firm::run(arguments),
        Command::Import(arguments) => import::run(arguments),
        Command::Openapi => openapi::run(),
        Command::Policy(arguments) => policy::run(arguments),
        Command::Queue(arguments) => queue::run(arguments),
        Command::Reconcile(arguments) => reconcile::run(arguments),
        Command::Rehearse(arguments) => rehearse::run(arguments),
        Command::Restore(arguments) => restore::run(arguments),
        Command::Simulate(arguments) => simulate::run(arguments),
        Command::Up(arguments) => up::run(arguments),
    };
    match ended {
        Ok(Verdict::Done) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::FAILURE,
        Err(error) if is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::from(BAD_INPUT)
        }
    }
}

/// Runs what waits for a table or a network.
///
/// # Errors
/// Its own, and when the runtime can't be made.
pub(crate) fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}

/// Whoever reads our output has seen enough (`| head`): that is no error.
fn is_closed_pipe(error: &anyhow::Error) -> bool {
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>());
    causes.any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}
