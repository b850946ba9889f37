//! `cargo xtask test`: every check that the project has, one after the other, and one summary.
//!
//! A check that fails doesn't stop the next: whoever waits for minutes wants to hear of everything. What
//! can't be run is a failure, with what to install, unless it was asked to be left out; the summary names
//! what was left out. The last line is the count for whoever reads only that.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::run;
use crate::tests_run::{self, Count, Runner, SECOND_TABLE, STRIPE_SDK};
use crate::{aws, browser, cdk, costs, functions, python, rules, table};

/// A remark that is longer makes the summary's lines wrap.
const REMARK_CHARACTERS: usize = 70;

/// Which checks to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope {
    /// Only what tells most per second.
    pub is_fast: bool,
    /// Also what needs Python or Node.
    pub has_aws: bool,
    /// Also the stack as a whole.
    pub has_stack: bool,
    /// Also what needs Chromium, and Python to drive it.
    pub has_browser: bool,
}

/// One check: what it is, what it is for, and how to run it.
struct Check<'a> {
    name: &'static str,
    why: &'static str,
    /// Why it is left out, if it is.
    left_out: Option<&'static str>,
    run: Box<dyn FnOnce() -> Result<Count> + 'a>,
}

/// How a check ended.
struct Line {
    name: &'static str,
    count: Count,
    /// Why it was left out, or could not be run.
    remark: Option<String>,
    took: Duration,
}

/// Runs the checks in `scope`; true if all that ran are green.
pub fn run_all(root: &Path, scope: Scope) -> bool {
    let runner = Runner::installed();
    let lines: Vec<Line> = checks(root, scope, runner).into_iter().map(perform).collect();
    print!("{}", summary(&lines));
    total(&lines).failed == 0
}

fn checks(root: &Path, scope: Scope, runner: Runner) -> Vec<Check<'_>> {
    let fast = scope.is_fast.then_some("--fast");
    let aws = if scope.has_aws { fast } else { Some("--without-aws") };
    let as_stack = if scope.has_stack { aws } else { aws.or(Some("--without-stack")) };
    let in_browser = if scope.has_browser { aws } else { aws.or(Some("--without-browser")) };
    let check = |name, why, left_out, run| Check { name, why, left_out, run };
    vec![
        check(
            "formatting",
            "one layout, so that a diff shows what changed",
            None,
            Box::new(|| formatting(root)),
        ),
        check(
            "lints",
            "warnings are errors: clippy, docs, dead code",
            fast,
            Box::new(|| lints(root)),
        ),
        check(
            "tests",
            match runner {
                Runner::Nextest => "all tests of all crates, by cargo nextest",
                Runner::CargoTest => {
                    "all tests of all crates, by cargo test (cargo nextest is not installed)"
                }
            },
            None,
            Box::new(move || tests_run::all(runner, root, scope.is_fast)),
        ),
        check(
            "examples",
            "the examples in the docs compile and hold",
            fast,
            Box::new(|| tests_run::examples(root)),
        ),
        check(
            "rules",
            "every rule in scope has a test, and docs/rules.md says which",
            None,
            Box::new(|| rules::check(root).map(|()| Count::one(true))),
        ),
        check(
            "costs",
            "docs/costs.md says what tests and benches measured",
            None,
            Box::new(|| costs::check(root).map(|()| Count::one(true))),
        ),
        check(
            "template",
            "template.yaml is one that AWS would take",
            aws,
            Box::new(|| template(root)),
        ),
        check(
            "cdk",
            "whoever deploys with the CDK gets the same stack",
            aws,
            Box::new(|| cdk::run(root)),
        ),
        check(
            "second table",
            "the store's suite on another DynamoDB than the embedded one",
            aws,
            Box::new(move || second_table(runner, root)),
        ),
        check(
            "stripe sdk",
            "the sandbox answers Stripe's own SDK as Stripe would",
            aws,
            Box::new(move || stripe_sdk(runner, root)),
        ),
        check(
            "functions",
            "each function by itself, with the files of events/, on the data of a running system",
            aws,
            Box::new(|| functions::run(root)),
        ),
        check(
            "aws",
            "the stack deployed whole on an AWS of this machine, and a firm's first days on it, from outside",
            as_stack,
            Box::new(|| aws::run(root, false)),
        ),
        check(
            "browser",
            "the whole story in a real browser, and every kind of page: WCAG 2.2 AA, keyboard, reflow, weight",
            in_browser,
            Box::new(|| browser::run(root, &[])),
        ),
    ]
}

fn perform(check: Check<'_>) -> Line {
    let Check { name, why, left_out, run } = check;
    if let Some(option) = left_out {
        return Line {
            name,
            count: Count::default(),
            remark: Some(format!("left out, as {option} asks")),
            took: Duration::ZERO,
        };
    }
    println!("\n== {name}: {why}");
    let start = Instant::now();
    let (count, remark) = match run() {
        Ok(count) => (count, None),
        Err(error) => {
            println!("error: {error:#}");
            (Count::one(false), Some(shortened(&format!("{error:#}"))))
        }
    };
    Line { name, count, remark, took: start.elapsed() }
}

/// What fits beside a line of the summary; the whole was printed before.
fn shortened(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.char_indices().nth(REMARK_CHARACTERS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line.to_owned(),
    }
}

/// A table of what ran, and the count as the last line.
fn summary(lines: &[Line]) -> String {
    let mut text = String::from("\n== summary\n");
    for Line { name, count: Count { passed, failed }, remark, took } in lines {
        let seconds = took.as_secs();
        let mark = match (passed, failed) {
            (0, 0) => "-",
            (_, 0) => "ok",
            _ => "FAILED",
        };
        let remark = remark.as_deref().unwrap_or_default();
        let line = format!(
            "{name:<14}{mark:<8}{passed:>6} passed{failed:>5} failed{seconds:>6} s  {remark}"
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    let Count { passed, failed } = total(lines);
    text.push_str(&format!("{passed} passed, {failed} failed\n"));
    text
}

fn total(lines: &[Line]) -> Count {
    lines.iter().fold(Count::default(), |sum, line| sum.and(line.count))
}

fn formatting(root: &Path) -> Result<Count> {
    if !run::succeeds(run::cargo().args(["fmt", "--version"])) {
        bail!("rustfmt is missing: `rustup component add rustfmt`");
    }
    one(run::cargo().current_dir(root).args(["fmt", "--all", "--check"]))
}

fn lints(root: &Path) -> Result<Count> {
    if !run::succeeds(run::cargo().args(["clippy", "--version"])) {
        bail!("clippy is missing: `rustup component add clippy`");
    }
    one(run::cargo().current_dir(root).args([
        "clippy",
        "--workspace",
        "--all-targets",
        "--",
        "-D",
        "warnings",
    ]))
}

/// As SAM reads it, resource by resource with SAM's linter, and with that linter's own newer rules.
fn template(root: &Path) -> Result<Count> {
    let programs = python::environment(root, "template")?;
    let sam = programs.join("sam");
    let validate = |lint: &[&str]| {
        let mut command = Command::new(&sam);
        command.current_dir(root).args(["validate", "--template", "template.yaml"]).args(lint);
        // It wants a region and credentials, but asks nobody.
        command.env("AWS_DEFAULT_REGION", "us-east-1").env("SAM_CLI_TELEMETRY", "0");
        command.env("AWS_ACCESS_KEY_ID", "none").env("AWS_SECRET_ACCESS_KEY", "none");
        one(&mut command)
    };
    let mut lint = Command::new(programs.join("cfn-lint"));
    let linted = one(lint.current_dir(root).arg("template.yaml"))?;
    Ok(validate(&[])?.and(validate(&["--lint"])?).and(linted))
}

fn second_table(runner: Runner, root: &Path) -> Result<Count> {
    let programs = python::environment(root, "table")?;
    let server = table::Server::start(&programs)?;
    tests_run::needing(SECOND_TABLE, server.url(), runner, root)
}

fn stripe_sdk(runner: Runner, root: &Path) -> Result<Count> {
    let programs = python::environment(root, "stripe")?;
    tests_run::needing(STRIPE_SDK, programs.join("python"), runner, root)
}

fn one(command: &mut Command) -> Result<Count> {
    Ok(Count::one(run::streamed(command)?.status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(name: &'static str, passed: u64, failed: u64, remark: Option<&str>) -> Line {
        let took = Duration::from_millis(12_700);
        Line { name, count: Count { passed, failed }, remark: remark.map(str::to_owned), took }
    }

    #[test]
    fn the_summary_ends_with_the_count() {
        let text = summary(&[
            line("formatting", 1, 0, None),
            line("tests", 310, 2, None),
            line("template", 0, 1, Some("python3 is not installed")),
            line("second table", 0, 0, Some("left out, as --without-aws asks")),
        ]);
        assert_eq!(
            text,
            "\n== summary\n\
             formatting    ok           1 passed    0 failed    12 s\n\
             tests         FAILED     310 passed    2 failed    12 s\n\
             template      FAILED       0 passed    1 failed    12 s  python3 is not installed\n\
             second table  -            0 passed    0 failed    12 s  left out, as --without-aws asks\n\
             311 passed, 3 failed\n"
        );
    }

    #[test]
    fn what_is_left_out_is_what_was_asked_to_be() {
        let left_out = |is_fast, has_aws, has_stack, has_browser| -> Vec<&str> {
            let scope = Scope { is_fast, has_aws, has_stack, has_browser };
            let checks = checks(Path::new("."), scope, Runner::Nextest);
            checks.iter().filter(|check| check.left_out.is_some()).map(|check| check.name).collect()
        };
        let of_aws =
            ["template", "cdk", "second table", "stripe sdk", "functions", "aws", "browser"];
        assert!(left_out(false, true, true, true).is_empty());
        assert_eq!(left_out(false, false, true, true), of_aws);
        assert_eq!(left_out(false, true, false, true), ["aws"]);
        assert_eq!(left_out(false, true, true, false), ["browser"]);
        assert_eq!(
            left_out(true, true, true, true),
            [&["lints", "examples"][..], &of_aws].concat()
        );
    }

    #[test]
    fn what_can_not_run_has_failed() {
        let run = Box::new(|| bail!("python3 is not installed\nhint"));
        let line = perform(Check { name: "template", why: "", left_out: None, run });
        assert_eq!(
            (line.count, line.remark.as_deref()),
            (Count::one(false), Some("python3 is not installed"))
        );
    }
}
