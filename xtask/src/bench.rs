//! `cargo xtask bench`: measures, and writes what came of it into `docs/measured.md`.
//!
//! What is written are ratios of one run and counts, since seconds belong to the machine. Each measurement
//! is a section of the file and replaces only itself, so that one of them can be taken alone.

mod report;
mod start;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::run;
use report::Section;
use start::Program;

/// Where the numbers are kept.
const FILE: &str = "docs/measured.md";

/// What a start is compared with.
const HELLO: &str = "hello";

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Measurement {
    /// A day's evaluation of 100 000 clients, against the table's own rate
    Evaluation,
    /// What closed invoices cost an evaluation
    Closed,
    /// Ten years of a ledger under a policy, beside one year, and beside reading the file
    Simulate,
    /// How long each function takes to start, against the least that one can be; and its size
    Start,
}

impl Measurement {
    const ALL: [Self; 4] = [Self::Evaluation, Self::Closed, Self::Simulate, Self::Start];

    fn title(self) -> &'static str {
        match self {
            Self::Evaluation => "A day of 100 000 clients",
            Self::Closed => "Closed invoices",
            Self::Simulate => "A simulation of ten years",
            Self::Start => "Start and size of each function",
        }
    }
}

/// How to measure.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// One alone, or all.
    pub only: Option<Measurement>,
    /// Optimised as tests are: hardly. For a look at the counts, which are the same.
    pub is_unoptimised: bool,
    /// The functions as they were built last.
    pub is_built: bool,
}

/// Measures and writes the file.
pub fn run(root: &Path, options: Options) -> Result<()> {
    let file = root.join(FILE);
    let mut sections = report::read(&file)?;
    for measurement in Measurement::ALL {
        if options.only.is_some_and(|only| only != measurement) {
            continue;
        }
        let (table, built) = match measurement {
            Measurement::Evaluation => by_cargo(root, "evaluation", options)?,
            Measurement::Closed => by_cargo(root, "closed", options)?,
            Measurement::Simulate => by_cargo(root, "simulate", options)?,
            Measurement::Start => (starts(root, options)?, "release"),
        };
        let title = measurement.title();
        sections.retain(|section| section.title != title);
        sections.push(Section::new(title, built, &table));
    }
    let place =
        |section: &Section| Measurement::ALL.iter().position(|m| m.title() == section.title);
    sections.sort_by_key(place);
    report::write(&file, &sections)?;
    println!("wrote {FILE}");
    Ok(())
}

/// Runs a bench of the crate `portcullis-tests`: what it prints as a table, and the profile it was built in.
fn by_cargo(root: &Path, bench: &str, options: Options) -> Result<(String, &'static str)> {
    let profile = if options.is_unoptimised { "dev" } else { "bench" };
    let mut command = run::cargo();
    command.current_dir(root).args(["bench", "--package", "portcullis-tests", "--bench", bench]);
    let ended = run::streamed(command.args(["--profile", profile]))?;
    if !ended.status.success() {
        bail!("the bench {bench} ended with {}", ended.status);
    }
    let rows: Vec<_> = ended.output.lines().filter(|line| line.starts_with('|')).collect();
    if rows.is_empty() {
        bail!("the bench {bench} printed no table");
    }
    Ok((rows.join("\n"), profile))
}

/// Builds the functions as they are deployed, and measures how they start.
fn starts(root: &Path, options: Options) -> Result<String> {
    let functions = functions(root)?;
    let names = || functions.iter().map(String::as_str).chain([HELLO]);
    if !options.is_built {
        let mut command = run::cargo();
        command.current_dir(root).args(["build", "--release", "--locked"]);
        if !run::streamed(command.args(names().flat_map(|name| ["-p", name])))?.status.success() {
            bail!("the functions could not be built");
        }
    }
    let folder = target_folder(root)?.join("release");
    let program = |name: &str| Program { name: name.to_owned(), path: folder.join(name) };
    let functions = functions.iter().map(|name| program(name));
    let (functions, missing): (Vec<_>, Vec<_>) =
        functions.partition(|function| function.path.is_file());
    for function in missing {
        println!("left out {}, which was not built yet", function.name);
    }
    start::measure(&program(HELLO), &functions)
}

/// The folders of `functions` are the functions.
pub fn functions(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("functions");
    let entries = std::fs::read_dir(&folder)
        .with_context(|| format!("could not read {}", folder.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        if entry.path().join("Cargo.toml").is_file() {
            names.push(entry.file_name().to_string_lossy().into_owned());
        }
    }
    names.sort_unstable();
    Ok(names)
}

/// Where cargo puts what it builds, whatever the environment or a configuration file says.
pub fn target_folder(root: &Path) -> Result<PathBuf> {
    let mut command = Command::new(run::cargo().get_program());
    command.current_dir(root).args(["metadata", "--no-deps", "--format-version", "1"]);
    let output = command.output().context("could not start cargo metadata")?;
    let text = String::from_utf8_lossy(&output.stdout);
    // One field of a long line: not worth a JSON reader.
    let (_, rest) = text.split_once(r#""target_directory":""#).context("cargo names no target")?;
    Ok(PathBuf::from(rest.split('"').next().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_of_functions_is_measured() {
        let names = functions(&crate::root::folder()).unwrap();
        assert!(names.contains(&"lock-evaluation".to_owned()), "{names:?}");
        assert!(!names.contains(&HELLO.to_owned()), "{names:?}");
    }

    #[test]
    fn cargo_says_where_it_builds() {
        assert!(target_folder(&crate::root::folder()).unwrap().is_absolute());
    }
}
