//! `portcullis rehearse`: timelines through the real rules (TEST-2, contracts §3).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use domain::calendar::{Day, parse_day};
use domain::rehearsal::{Loaded, Report, Timeline, run as rehearse};
use serde_json::json;

use super::Verdict;

/// What to rehearse.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Timelines, YAML or JSON.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Run on to this day, where the last entry is earlier.
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub until: Option<Day>,
}

/// What became of the files.
#[derive(Debug, Default)]
struct Tally {
    passed: usize,
    failed: usize,
    unreadable: usize,
}

/// Rehearses every file, also after one that fails or can't be read, and sums up.
///
/// # Errors
/// When a file can't be read; each was named on the standard error then.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    let mut out = io::stdout().lock();
    let mut tally = Tally::default();
    for file in &arguments.files {
        match read(file) {
            Ok(timeline) => {
                let report = rehearse(&timeline, arguments.until);
                let passed = report.has_passed();
                let print = if arguments.json { print_json } else { print_text };
                print(&mut out, file, &report).context("could not print")?;
                *(if passed { &mut tally.passed } else { &mut tally.failed }) += 1;
            }
            Err(error) => {
                tally.unreadable += 1;
                eprintln!("{error:#}");
            }
        }
    }
    if 1 < arguments.files.len() {
        sum_up(&mut out, arguments, &tally).context("could not print")?;
    }
    match (tally.unreadable, tally.failed) {
        (0, 0) => Ok(Verdict::Done),
        (0, _) => Ok(Verdict::Failed),
        (1, _) => Err(anyhow!("a file can't be rehearsed")),
        (count, _) => Err(anyhow!("{count} files can't be rehearsed")),
    }
}

/// Reads a timeline from its file; a policy that it names is looked for beside it.
///
/// # Errors
/// What is wrong, with file and line.
pub fn read(file: &Path) -> Result<Timeline> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{}: can't be read", file.display()))?;
    let load = |name: &str| {
        let path = file.parent().unwrap_or(Path::new("")).join(name);
        let text = fs::read_to_string(&path)
            .map_err(|error| format!("can't read {}: {error}", path.display()))?;
        Ok(Loaded { name: path.display().to_string(), text })
    };
    Ok(Timeline::read(&file.display().to_string(), &text, &load)?)
}

fn print_text(out: &mut dyn Write, file: &Path, report: &Report) -> io::Result<()> {
    let title = report.title.as_ref().map_or(String::new(), |title| format!(": {title}"));
    writeln!(out, "{}{title}", file.display())?;
    write!(out, "{}", report.to_text())?;
    let unmet = report.unmet().count();
    let verdict = if unmet == 0 { "passed" } else { "FAILED" };
    writeln!(out, "{verdict}: {} met, {unmet} unmet\n", count(report.met(), "expectation"))
}

fn print_json(out: &mut dyn Write, file: &Path, report: &Report) -> io::Result<()> {
    let file = file.display().to_string();
    for mut value in report.to_json() {
        value["file"] = json!(file);
        writeln!(out, "{value}")?;
    }
    let summary = json!({
        "file": file,
        "title": report.title,
        "met": report.met(),
        "unmet": report.unmet().count(),
        "passed": report.has_passed(),
    });
    writeln!(out, "{}", json!({ "summary": summary }))
}

fn sum_up(out: &mut dyn Write, arguments: &Arguments, tally: &Tally) -> io::Result<()> {
    let Tally { passed, failed, unreadable } = tally;
    let files = arguments.files.len();
    if arguments.json {
        let total =
            json!({ "files": files, "passed": passed, "failed": failed, "unreadable": unreadable });
        return writeln!(out, "{}", json!({ "total": total }));
    }
    writeln!(out, "{files} files: {passed} passed, {failed} failed, {unreadable} can't be read")
}

fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}
