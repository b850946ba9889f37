//! The stack for users of the CDK: its own tests, in Node.
//!
//! What they need is in `infra/cdk/package-lock.json`, and is installed beside it when that file changed.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::run;
use crate::tests_run::Count;

/// Where the construct is.
const FOLDER: &str = "infra/cdk";

/// What is to be installed.
const LOCK: &str = "package-lock.json";

/// Beside what is installed: what was, written last.
const INSTALLED: &str = "node_modules/installed.json";

/// How to get what is missing, or do without.
const ADVICE: &str = "install Node.js 20 or later with npm (https://nodejs.org), or leave out what needs it \
    with `cargo xtask test --without-aws`";

/// Runs the construct's tests.
pub fn run(root: &Path) -> Result<Count> {
    let folder = root.join(FOLDER);
    if !run::succeeds(Command::new("npm").arg("--version")) {
        bail!("there is no npm: {ADVICE}");
    }
    install(&folder)?;
    let mut node = Command::new("node");
    node.args(["--test", "--test-reporter=tap"]).current_dir(&folder);
    let ended = run::streamed(&mut node).context(ADVICE)?;
    count(&ended.output)
        .with_context(|| format!("Node said nothing of its tests ({})", ended.status))
}

fn install(folder: &Path) -> Result<()> {
    let wanted =
        std::fs::read(folder.join(LOCK)).with_context(|| format!("could not read {LOCK}"))?;
    if std::fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    println!("installing what {FOLDER} needs, from its {LOCK}");
    let mut npm = Command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"]).current_dir(folder);
    if !run::streamed(&mut npm)?.status.success() {
        bail!("npm could not install what {FOLDER} needs: {ADVICE}");
    }
    std::fs::write(folder.join(INSTALLED), wanted).context("could not note what was installed")
}

/// What the end of Node's report says; none if there is no such end.
fn count(report: &str) -> Option<Count> {
    let number = |what: &str| {
        let mut lines = report.lines().rev();
        lines.find_map(|line| line.strip_prefix(what)?.trim().parse().ok())
    };
    let (passed, failed) = (number("# pass ")?, number("# fail ")?);
    // One that ended before its end is no test that passed.
    let unfinished: u64 = number("# cancelled ")?;
    Some(Count { passed, failed: failed + unfinished })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_node_reports_is_counted() {
        let report = "ok 1 - a\n# tests 4\n# pass 2\n# fail 1\n# cancelled 1\n# skipped 0\n";
        let found = count(report).unwrap();
        assert_eq!((found.passed, found.failed), (2, 2));
        assert!(count("node: command not found\n").is_none());
    }
}
