//! The chores of the project, each a command: everything is checked, every generated file is made, with
//! nothing but `cargo` to begin with.
//!
//! `cargo xtask test` is what a person runs before a commit and what the build server runs; there is no
//! second list of checks to fall behind.

mod aws;
mod bench;
mod bootstraps;
mod browser;
mod cdk;
mod checks;
mod costs;
mod functions;
mod ledger;
mod mutants;
mod python;
mod release;
mod root;
mod rules;
mod run;
mod table;
#[cfg(test)]
mod template;
mod tests_run;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use checks::Scope;

/// Chores of the Portcullis repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Check everything: formatting, lints, tests, rule index, template, CDK, the table on a second DynamoDB, the
    /// sandbox with Stripe's SDK, each function by itself, the stack as a whole, and the pages in a browser
    Test {
        /// Only what tells most per second: formatting, tests with few random cases, rule index
        #[arg(long)]
        fast: bool,
        /// Leave out what needs Python or Node: the template's check, the CDK, the second DynamoDB, Stripe's
        /// SDK, the functions by themselves, the stack as a whole, the browser
        #[arg(long)]
        without_aws: bool,
        /// Leave out the stack as a whole, for which the functions are built as they are deployed: minutes
        #[arg(long)]
        without_stack: bool,
        /// Leave out what needs Chromium
        #[arg(long)]
        without_browser: bool,
    },
    /// Run each function by itself, with the files of events/: the same check as in `test`
    Functions,
    /// Deploy the stack whole on an AWS of this machine and live a firm's first days on it: the same check as in
    /// `test`
    Aws {
        /// Take the functions and the template as `cargo xtask aws` built them last
        #[arg(long)]
        built: bool,
    },
    /// Build the functions as they are deployed, for both kinds of processors, and look at each: its C library, its
    /// size
    Release {
        /// One function alone; may be said several times
        #[arg(long, value_name = "FUNCTION")]
        only: Vec<String>,
        /// For one kind of processor alone
        #[arg(long)]
        processor: Option<bootstraps::Processor>,
    },
    /// Walk the pages in a real Chromium: the same check as in `test`
    Browser {
        /// Only that part, e.g. `staff` or `pages`: see tests/browser/main.py
        #[arg(long)]
        only: Vec<String>,
    },
    /// Write docs/rules.md: which tests prove which rule
    Rules {
        /// Write nothing; fail if the file is not what would be written, or a rule has no test
        #[arg(long)]
        check: bool,
    },
    /// Write docs/costs.md: what a deployment costs per month, and what each use case consumes
    Costs {
        /// Write nothing; fail if the file is not what would be written
        #[arg(long)]
        check: bool,
    },
    /// Write the ledgers in tests/data
    Ledger,
    /// Measure, and write docs/measured.md: a day's evaluation, closed invoices, a simulation, the start of each function
    Bench {
        /// One measurement alone
        #[arg(long)]
        only: Option<bench::Measurement>,
        /// Build the benches as tests are built: soon there, and no word on rates
        #[arg(long)]
        unoptimised: bool,
        /// Take the functions as they were built last, with `cargo build --release`
        #[arg(long)]
        built: bool,
    },
    /// Change the domain's code piece by piece and see whether a test notices (cargo-mutants)
    Mutants {
        /// Instead, break each rule by the change that `tests/mutations.txt` names for it, and see its test fail
        #[arg(long)]
        list: bool,
        /// With `--list`: of these rules alone
        #[arg(long, value_name = "RULE", requires = "list")]
        rule: Vec<String>,
        /// Install cargo-mutants first if it is missing
        #[arg(long)]
        install: bool,
        /// Passed on, e.g. `-- --file shared/domain/src/lock.rs`
        #[arg(last = true)]
        rest: Vec<String>,
    },
}

fn main() -> ExitCode {
    match perform(Arguments::parse().chore) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// True: all is well.
fn perform(chore: Chore) -> Result<bool> {
    let root = root::folder();
    match chore {
        Chore::Test { fast, without_aws, without_stack, without_browser } => {
            let scope = Scope {
                is_fast: fast,
                has_aws: !without_aws,
                has_stack: !without_stack,
                has_browser: !without_browser,
            };
            Ok(checks::run_all(&root, scope))
        }
        Chore::Functions => Ok(functions::run(&root)?.failed == 0),
        Chore::Aws { built } => Ok(aws::run(&root, built)?.failed == 0),
        Chore::Release { only, processor } => release::run(&root, &only, processor),
        Chore::Browser { only } => Ok(browser::run(&root, &only)?.failed == 0),
        Chore::Rules { check: true } => rules::check(&root).map(|()| true),
        Chore::Rules { check: false } => rules::write(&root).map(|()| true),
        Chore::Costs { check: true } => costs::check(&root).map(|()| true),
        Chore::Costs { check: false } => costs::write(&root).map(|()| true),
        Chore::Bench { only, unoptimised, built } => {
            let options = bench::Options { only, is_unoptimised: unoptimised, is_built: built };
            bench::run(&root, options).map(|()| true)
        }
        Chore::Ledger => ledger::write(&root).map(|()| true),
        Chore::Mutants { list: true, rule, .. } => mutants::list::run(&root, &rule),
        Chore::Mutants { install, rest, .. } => mutants::run(&root, install, &rest),
    }
}
