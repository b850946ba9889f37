//! Mutation testing of the domain: each small change to its code should be noticed by a test.
//!
//! Not among the checks of `cargo xtask test`, because it builds the domain once per change and takes
//! hours; what is known to survive, and why it can't matter, is in `.cargo/mutants.toml`.

pub mod list;

use std::path::Path;

use anyhow::{Result, bail};

use crate::run;

/// Runs cargo-mutants over the domain with `rest` as further arguments; true if every change was noticed.
pub fn run(root: &Path, install: bool, rest: &[String]) -> Result<bool> {
    if !is_installed() {
        if !install {
            bail!(
                "cargo-mutants is missing: `cargo xtask mutants --install` gets it from crates.io"
            );
        }
        let mut command = run::cargo();
        command.args(["install", "--locked", "cargo-mutants"]);
        if !run::streamed(&mut command)?.status.success() {
            bail!("cargo-mutants could not be installed: see the message above");
        }
    }
    let mut command = run::cargo();
    command.current_dir(root).args(["mutants", "--package", "domain", "--no-shuffle"]).args(rest);
    Ok(run::streamed(&mut command)?.status.success())
}

fn is_installed() -> bool {
    run::succeeds(run::cargo().args(["mutants", "--version"]))
}
