//! `cargo xtask release`: the functions as they are deployed, for both kinds of processors, and a look at each.
//!
//! For a processor that this machine hasn't, zig links them (`tests/requirements/release.txt`), and rustup fetches
//! Rust's library.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::bootstraps::{self, Processor};
use crate::tests_run::Count;
use crate::{bench, python, run};

/// Builds those functions, or all, for that processor, or for both. True: each may be deployed.
pub fn run(root: &Path, only: &[String], processor: Option<Processor>) -> Result<bool> {
    let known = bench::functions(root)?;
    for name in only {
        ensure!(known.contains(name), "there is no function {name}, only {}", known.join(", "));
    }
    let functions = if only.is_empty() { known } else { only.to_vec() };
    let cargo_lambda = python::environment(root, "release")?;
    let mut count = Count::default();
    for of in Processor::ALL {
        if processor.is_some_and(|only| only != of) {
            continue;
        }
        add_target(of)?;
        bootstraps::build(root, &cargo_lambda, of, &functions)?;
        count = count.and(bootstraps::check(&bootstraps::built(root, &functions)?, of));
    }
    println!("{} passed, {} failed", count.passed, count.failed);
    Ok(count.failed == 0)
}

/// Rust's library for that processor; where Rust did not come by rustup, cargo says what is missing.
fn add_target(of: Processor) -> Result<()> {
    let mut rustup = Command::new("rustup");
    if run::succeeds(Command::new("rustup").arg("--version")) {
        rustup.args(["target", "add", of.target()]);
        ensure!(run::streamed(&mut rustup)?.status.success(), "rustup has no {}", of.target());
    }
    Ok(())
}
