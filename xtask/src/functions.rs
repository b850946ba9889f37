//! Each function in a process of its own, as on Lambda: `cargo lambda watch` beside a running system, and
//! every file of `events/` through `cargo lambda invoke`.
//!
//! What must come back is in `events/expected.json`. What an event can't know beforehand (tokens, the
//! webhook's address, signatures by today's clock) is filled in ([`sample`]). The functions are built as
//! `cargo run` builds the system, so that neither is built twice.

mod processes;
mod sample;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::Value;

use crate::tests_run::Count;
use crate::{bench, python, run, table};
use processes::{Running, output_within};
use sample::{Row, Samples};

/// The folder of the events, and the file of what to expect in it.
const EVENTS: &str = "events";
const EXPECTED: &str = "expected.json";

/// Beside an event: what `portcullis up` writes there for developers.
const WRITTEN_BY_UP: [&str; 2] = ["env.json", "tokens.json"];

/// The system opens a demo firm first.
const START_TIMEOUT: Duration = Duration::from_secs(120);

/// A function may wait for another build of the same folder before it starts.
const INVOKE_TIMEOUT: Duration = Duration::from_secs(180);

/// What `events/expected.json` holds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Expected {
    /// Words of the events, and what stands for them at the demo firm.
    words: std::collections::BTreeMap<String, String>,
    /// What to invoke, in this order.
    rows: Vec<Row>,
}

/// Runs them all; each event counts as one.
pub fn run(root: &Path) -> Result<Count> {
    let expected = expected(&root.join(EVENTS))?;
    let programs = python::environment(root, "functions")?;
    build(root)?;
    let folder = fresh(&programs.join("../run"))?;
    let system = system(root, &folder)?;
    let watch = watch(root, &programs, &folder)?;
    let samples = Samples::new(root, &folder.join("data"), expected.words)?;
    let functions = bench::functions(root)?;
    let mut invoking = Invoking { programs, folder, port: watch.port, functions, samples };
    let mut count = Count::default();
    for row in &expected.rows {
        let is_ok = match invoking.one(row) {
            Ok(()) => true,
            Err(error) => {
                println!("FAILED {}: {error:#}", row.name());
                false
            }
        };
        count = count.and(Count::one(is_ok));
    }
    if 0 < count.failed {
        println!("what was running says why in {} and {}", system.log(), watch.running.log());
    }
    Ok(count)
}

/// The expectation of every event: one without is as bad as one that fails.
fn expected(events: &Path) -> Result<Expected> {
    let path = events.join(EXPECTED);
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("could not read {}", path.display()))?;
    let expected: Expected =
        serde_json::from_str(&text).with_context(|| format!("{} is wrong", path.display()))?;
    for entry in std::fs::read_dir(events)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_event =
            name.ends_with(".json") && name != EXPECTED && !WRITTEN_BY_UP.contains(&name.as_str());
        let is_expected = expected.rows.iter().any(|row| row.event == name && row.is_as_it_is());
        ensure!(!is_event || is_expected, "{} says nothing of {name}", path.display());
    }
    Ok(expected)
}

/// The system and the functions together, so that they share what they are built from.
pub fn build(root: &Path) -> Result<()> {
    let built = run::streamed(run::cargo().current_dir(root).args(["build", "--quiet", "--bins"]))?;
    ensure!(built.status.success(), "the functions could not be built");
    Ok(())
}

/// An empty folder, kept afterwards for who wants to look.
fn fresh(folder: &Path) -> Result<PathBuf> {
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::create_dir_all(folder)?;
    folder.canonicalize().with_context(|| format!("could not use {}", folder.display()))
}

/// The demo system with AWS's endpoints, started in its own folder so that it writes its files there.
fn system(root: &Path, folder: &Path) -> Result<Running> {
    let program = bench::target_folder(root)?.join("debug").join("portcullis");
    let mut command = Command::new(program);
    command.current_dir(folder).args(["up", "--demo", "--data", "data"]);
    command.args(["--port", "0", "--aws-port", "0"]);
    let mut running = Running::start(&mut command, folder.join("system.log"))?;
    let ready = folder.join("data").join("local.env");
    running.wait(START_TIMEOUT, || ready.is_file()).context("the system did not start")?;
    Ok(running)
}

/// `cargo lambda watch`, and where it listens.
struct Watch {
    running: Running,
    port: String,
}

fn watch(root: &Path, programs: &Path, folder: &Path) -> Result<Watch> {
    let address = table::free_address()?;
    let port = address.port().to_string();
    let mut command = Command::new(programs.join("cargo-lambda"));
    command.current_dir(root).args(["lambda", "watch", "--ignore-changes", "--wait"]);
    command.args(["--invoke-address", &address.ip().to_string(), "--invoke-port", &port]);
    command.arg("--env-file").arg(folder.join("data").join("local.env"));
    let mut running = Running::start(&mut command, folder.join("watch.log"))?;
    let is_up = || std::net::TcpStream::connect(address).is_ok();
    running.wait(START_TIMEOUT, is_up).context("cargo lambda watch did not start")?;
    Ok(Watch { running, port })
}

/// What invoking takes.
struct Invoking {
    programs: PathBuf,
    folder: PathBuf,
    port: String,
    functions: Vec<String>,
    samples: Samples,
}

impl Invoking {
    /// Invokes one event and compares what comes back.
    fn one(&mut self, row: &Row) -> Result<()> {
        let event = self.folder.join("event.json");
        std::fs::write(&event, serde_json::to_vec_pretty(&self.samples.event(row)?)?)?;
        let mut command = Command::new(self.programs.join("cargo-lambda"));
        let function = row.function(&self.functions)?;
        command.current_dir(&self.folder).args(["lambda", "invoke", function]);
        command.args(["--invoke-address", "127.0.0.1", "--invoke-port", &self.port]);
        command.args(["--output-format", "json", "--data-file"]).arg(&event);
        let output = output_within(INVOKE_TIMEOUT, &mut command)?;
        let text = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("it could not be invoked: {text}{}", String::from_utf8_lossy(&output.stderr));
        }
        let answer: Value =
            serde_json::from_str(&text).with_context(|| format!("it answered {text:?}"))?;
        ensure!(sample::holds(&answer, &row.answer), "expected {}, but got {answer}", row.answer);
        println!("{}: {}", row.name(), row.answer);
        self.samples.learn(row, &answer)
    }
}
