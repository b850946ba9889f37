//! The stack as a whole, on an AWS of this machine: the functions as they are deployed, `sam build`, `sam deploy` of
//! the template as it is, and a firm's first days on what that made, from outside.
//!
//! `tests/aws` has the days, and its README says what is shown and what a local AWS can't show. The functions run as
//! processes of this machine, so they are built for it; and their clock is moved by a library that Linux loads before
//! theirs.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::bootstraps::{self, Processor};
use crate::run::{self, Ended};
use crate::tests_run::Count;
use crate::{bench, browser, functions, python};

/// The days, and what was running meanwhile.
const TESTS: &str = "tests/aws/main.py";
const OUTPUT: &str = "tests/output/aws";
const PROGRAM: &str = "portcullis";

/// In the target folder, so that it is not taken for what a developer built to deploy.
const BUILD: &str = "aws";

/// How to do without.
const ADVICE: &str = "the whole-AWS test runs Lambda's programs, so it wants Linux on a processor that Lambda \
    has; leave it out with `cargo xtask test --without-stack`";

/// Runs it, on what was built last or on what is built now; each check and each bootstrap counts as one.
pub fn run(root: &Path, is_built: bool) -> Result<Count> {
    ensure!(cfg!(target_os = "linux"), ADVICE);
    let here = Processor::of_this_machine().context(ADVICE)?;
    let programs = python::environment(root, "aws")?;
    let sam = python::environment(root, "template")?.join("sam");
    let cargo_lambda = python::environment(root, "release")?;
    let build = bench::target_folder(root)?.join(BUILD);
    let functions_built = bench::functions(root)?;
    if !is_built {
        bootstraps::build(root, &cargo_lambda, here, &functions_built)?;
        sam_build(root, &sam, &cargo_lambda, &build, here)?;
    }
    let count = bootstraps::check(&bootstraps::built(root, &functions_built)?, here);
    functions::build(root)?;
    let program = bench::target_folder(root)?.join("debug").join(PROGRAM);
    let mut command = Command::new(programs.join("python"));
    command.current_dir(root).arg("-B").arg(TESTS).arg("--root").arg(root);
    command.arg("--portcullis").arg(program).arg("--sam").arg(sam).arg("--build").arg(build);
    command.args(["--architecture", here.name(), "--output", OUTPUT]);
    let Ended { status, output } = run::streamed(&mut command)?;
    Ok(count.and(browser::counted(&output, status.success())))
}

/// What `sam build` makes of the template, for this machine.
fn sam_build(
    root: &Path,
    sam: &Path,
    cargo_lambda: &Path,
    to: &Path,
    here: Processor,
) -> Result<()> {
    let mut command = Command::new(sam);
    command.current_dir(root).args(["build", "--config-env", "dev", "--build-dir"]).arg(to);
    command.args(["--parameter-overrides", &format!("Architecture={}", here.name())]);
    command.env("PATH", bootstraps::path_with(cargo_lambda)?);
    command.env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0");
    ensure!(run::streamed(&mut command)?.status.success(), "sam build failed");
    Ok(())
}
