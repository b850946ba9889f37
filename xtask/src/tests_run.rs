//! The tests of the workspace: by cargo-nextest where it is installed, else by `cargo test`.
//!
//! Both run the same tests; nextest runs each in a process of its own, stops one that hangs (see
//! `.config/nextest.toml`), and its report is easier to read. Whichever runs, its own counts are read.

use std::ffi::OsStr;
use std::path::Path;
use std::process::Command;

use anyhow::Result;

use crate::run::{self, Ended};

/// Tests that need something from outside of cargo, and are run by themselves.
#[derive(Debug, Clone, Copy)]
pub struct Needy {
    /// In the name of each.
    name: &'static str,
    /// Says where it is.
    variable: &'static str,
}

/// Those that need a DynamoDB that isn't embedded: its URL.
pub const SECOND_TABLE: Needy = Needy { name: "ministack", variable: "PORTCULLIS_TEST_DYNAMODB" };

/// Those that drive the sandbox with Stripe's own SDK: the Python that has it.
pub const STRIPE_SDK: Needy = Needy { name: "stripe_sdk", variable: "PORTCULLIS_TEST_STRIPE_SDK" };

const NEEDY: [Needy; 2] = [SECOND_TABLE, STRIPE_SDK];

/// How often a random test draws in a fast run; the tests' own numbers otherwise.
const FAST_CASES: &str = "16";

/// How many tests, or other checks, ended how.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Count {
    /// As expected.
    pub passed: u64,
    /// Otherwise: failed, timed out, crashed, or never built.
    pub failed: u64,
}

impl Count {
    /// A check that counts as one.
    pub fn one(is_ok: bool) -> Self {
        Self { passed: is_ok.into(), failed: (!is_ok).into() }
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, failed: self.failed + other.failed }
    }
}

/// Which program runs the tests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Runner {
    /// cargo-nextest.
    Nextest,
    /// What comes with Rust.
    CargoTest,
}

impl Runner {
    /// The better one that is installed.
    pub fn installed() -> Self {
        match run::succeeds(run::cargo().args(["nextest", "--version"])) {
            true => Self::Nextest,
            false => Self::CargoTest,
        }
    }
}

/// All tests but those that need something.
pub fn all(runner: Runner, root: &Path, is_fast: bool) -> Result<Count> {
    let mut command = run::cargo();
    command.current_dir(root);
    match runner {
        Runner::Nextest => command
            .args(["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "slow"])
            .args(["-E", &NEEDY.map(|needy| format!("not test({})", needy.name)).join(" & ")]),
        // Examples in the docs have a step of their own, as nextest doesn't run them.
        Runner::CargoTest => command
            .args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast", "--"])
            .args(NEEDY.iter().flat_map(|needy| ["--skip", needy.name])),
    };
    if is_fast {
        command.env("PROPTEST_CASES", FAST_CASES);
    }
    counted(runner, &mut command)
}

/// The tests that need that, which is at `place`. Of the whole workspace, although they are in one crate:
/// for a single package cargo would choose other features and build much again.
pub fn needing(
    needy: Needy,
    place: impl AsRef<OsStr>,
    runner: Runner,
    root: &Path,
) -> Result<Count> {
    let mut command = run::cargo();
    command.current_dir(root).env(needy.variable, place);
    match runner {
        Runner::Nextest => command
            .args(["nextest", "run", "--workspace", "--no-fail-fast", "--status-level", "slow"])
            .args(["-E", &format!("test({})", needy.name)]),
        Runner::CargoTest => command
            .args(["test", "--workspace", "--lib", "--bins", "--tests", "--no-fail-fast"])
            .args(["--", needy.name]),
    };
    counted(runner, &mut command)
}

/// The examples in the docs.
pub fn examples(root: &Path) -> Result<Count> {
    let mut command = run::cargo();
    command.current_dir(root).args(["test", "--workspace", "--doc", "--no-fail-fast"]);
    let Ended { status, output } = run::streamed(&mut command)?;
    Ok(at_least_one_failed(cargo_test_count(&output), status.success()))
}

fn counted(runner: Runner, command: &mut Command) -> Result<Count> {
    let Ended { status, output } = run::streamed(command)?;
    let count = match runner {
        Runner::Nextest => nextest_count(&output),
        Runner::CargoTest => cargo_test_count(&output),
    };
    // No test at all is nothing that was shown: a filter that matches nothing must not look green.
    Ok(at_least_one_failed(count, status.success() && 0 < count.passed))
}

/// What didn't compile has no counts, and failed nevertheless.
pub fn at_least_one_failed(count: Count, is_ok: bool) -> Count {
    match (is_ok, count.failed) {
        (false, 0) => Count { failed: 1, ..count },
        _ => count,
    }
}

/// From nextest's last line: `Summary [   1.2s] 12 tests run: 10 passed (1 slow), 2 failed, 3 skipped`, or
/// `9/12 tests run: …` if it was stopped.
fn nextest_count(output: &str) -> Count {
    let Some(summary) =
        output.lines().rev().find(|line| line.trim_start().starts_with("Summary ["))
    else {
        return Count::default();
    };
    let passed = number_before(summary, "passed");
    let run = summary.split_once(']').map_or(0, |(_, rest)| first_number(rest));
    let planned = summary.split_once('/').map_or(run, |(_, rest)| first_number(rest));
    Count { passed, failed: planned.max(run).saturating_sub(passed) }
}

/// From each `test result: ok. 3 passed; 0 failed; …`: one per test binary.
fn cargo_test_count(output: &str) -> Count {
    output.lines().filter(|line| line.starts_with("test result:")).fold(
        Count::default(),
        |sum, line| {
            sum.and(Count {
                passed: number_before(line, "passed"),
                failed: number_before(line, "failed"),
            })
        },
    )
}

fn number_before(line: &str, word: &str) -> u64 {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_it = |pair: &&[&str]| pair[1].trim_end_matches([';', ',', ':']) == word;
    words.windows(2).find(is_it).and_then(|pair| pair[0].parse().ok()).unwrap_or(0)
}

fn first_number(text: &str) -> u64 {
    let digits: String = text.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nextest_counts() {
        for (line, passed, failed) in [
            ("     Summary [   0.012s] 3 tests run: 3 passed, 0 skipped", 3, 0),
            ("     Summary [   1.120s] 1 test run: 1 passed, 14 skipped", 1, 0),
            (
                "     Summary [  70.001s] 12 tests run: 10 passed (1 slow, 1 leaky), 1 failed, 1 timed out, 3 skipped",
                10,
                2,
            ),
            ("     Summary [   2.5s] 7/12 tests run: 6 passed, 1 failed, 0 skipped", 6, 6),
            ("     Summary [   2.5s] 2 tests run: 0 passed, 2 failed, 0 skipped", 0, 2),
            ("error: no tests to run", 0, 0),
        ] {
            let output = format!(
                "    Starting 3 tests across 2 binaries\n{line}\n        FAIL [ 0.1s] a::b\n"
            );
            assert_eq!(nextest_count(&output), Count { passed, failed }, "{line}");
        }
    }

    #[test]
    fn cargo_test_counts() {
        let output = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
            test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 1 filtered out; finished in 0.10s\n";
        assert_eq!(cargo_test_count(output), Count { passed: 7, failed: 2 });
    }

    #[test]
    fn what_was_never_built_has_failed() {
        let failed_build = at_least_one_failed(Count::default(), false);
        assert_eq!(failed_build, Count { passed: 0, failed: 1 });
        let one_of_three = Count { passed: 2, failed: 1 };
        assert_eq!(at_least_one_failed(one_of_three, false), one_of_three);
        assert_eq!(at_least_one_failed(Count { passed: 3, failed: 0 }, true).failed, 0);
    }
}
