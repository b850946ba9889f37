//! `portcullis policy`: what a policy comes to, the presets, the schema (POL-4, POL-5).

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::{Args, Subcommand};
use domain::document::{Node, parse};
use domain::fee::Jurisdiction;
use domain::policy::Policy;
use domain::policy::lint::{Finding, Severity, is_refused, lint_under};
use domain::policy::read::{preset_text, read};
use domain::policy::schema::schema;
use platform::clock::{Clock, SystemClock};
use serde_json::{Value, json};

use super::Verdict;

/// What to do with policies.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What.
    #[command(subcommand)]
    pub what: What,
}

/// The commands about policies.
#[derive(Debug, Subcommand)]
pub enum What {
    /// Say in sentences what policies come to; exit 1 if one of them would be refused.
    Lint {
        /// Policy documents, YAML or JSON.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Print one JSON object a line.
        #[arg(long)]
        json: bool,
        /// Hold late fees against the law of that place, such as US-NY, as it is today; without it against the
        /// strictest that is known, which is only said.
        #[arg(long, value_name = "CODE")]
        jurisdiction: Option<Jurisdiction>,
    },
    /// Print a preset, to read or to begin with: cpa, operator or field-service.
    Preset {
        /// Its name.
        name: String,
    },
    /// Print the JSON Schema of policy documents.
    Schema,
}

/// Does it.
///
/// # Errors
/// When a file can't be read, or there is no such preset.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    let mut out = io::stdout().lock();
    match &arguments.what {
        What::Lint { files, json, jurisdiction } => {
            lint_all(&mut out, files, *json, jurisdiction.as_ref())
        }
        What::Preset { name } => {
            write!(out, "{}", preset_text(name)?).context("could not print")?;
            Ok(Verdict::Done)
        }
        What::Schema => {
            writeln!(out, "{}", serde_json::to_string_pretty(&schema())?)
                .context("could not print")?;
            Ok(Verdict::Done)
        }
    }
}

/// A policy of a file, and where its fields stand.
struct Linted<'f> {
    file: &'f Path,
    document: Node,
    policy: Policy,
}

fn lint_all(
    out: &mut dyn Write,
    files: &[PathBuf],
    json: bool,
    jurisdiction: Option<&Jurisdiction>,
) -> Result<Verdict> {
    let today = SystemClock.now().date_naive();
    let (mut unreadable, mut refused) = (0_usize, false);
    for file in files {
        match read_file(file) {
            Ok(linted) => {
                let findings = lint_under(&linted.policy, jurisdiction, today);
                refused |= is_refused(&findings);
                let print = if json { print_json } else { print_text };
                print(out, &linted, &findings).context("could not print")?;
            }
            Err(error) => {
                unreadable += 1;
                eprintln!("{error:#}");
            }
        }
    }
    match (unreadable, refused) {
        (0, false) => Ok(Verdict::Done),
        (0, true) => Ok(Verdict::Failed),
        (1, _) => Err(anyhow!("a file can't be checked")),
        (count, _) => Err(anyhow!("{count} files can't be checked")),
    }
}

fn read_file(file: &Path) -> Result<Linted<'_>> {
    let text =
        fs::read_to_string(file).with_context(|| format!("{}: can't be read", file.display()))?;
    let named = |error| anyhow!("{}: {error}", file.display());
    let document = parse(&text).map_err(named)?;
    let policy = read(&document).map_err(named)?;
    Ok(Linted { file, document, policy })
}

fn print_text(out: &mut dyn Write, linted: &Linted<'_>, findings: &[Finding]) -> io::Result<()> {
    let file = linted.file.display();
    writeln!(out, "{file}: {}", linted.policy.sentence())?;
    for finding in findings {
        match line_of(&linted.document, &finding.field) {
            Some(line) => writeln!(out, "{file}:{line}: {finding}")?,
            None => writeln!(out, "{file}: {finding}")?,
        }
    }
    let count = |severity| findings.iter().filter(|found| found.severity == severity).count();
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    writeln!(out, "{file}: {}, {}", number(errors, "error"), number(warnings, "warning"))
}

fn print_json(out: &mut dyn Write, linted: &Linted<'_>, findings: &[Finding]) -> io::Result<()> {
    let file = linted.file.display().to_string();
    for finding in findings {
        let mut line = json!(finding);
        line["file"] = json!(file);
        line["line"] = json!(line_of(&linted.document, &finding.field));
        line["sentence"] = json!(finding.sentence());
        writeln!(out, "{line}")?;
    }
    let summary: Value = json!({
        "file": file,
        "sentence": linted.policy.sentence(),
        "findings": findings.len(),
        "refused": is_refused(findings),
    });
    writeln!(out, "{}", json!({ "summary": summary }))
}

/// The line of a field, or of what it stands in; `None`: the document says nothing of it.
fn line_of(document: &Node, path: &str) -> Option<usize> {
    let base = document.get("with").filter(|_| document.get("preset").is_some());
    let mut node = base.unwrap_or(document);
    let mut line = None;
    for part in path.split(['.', '[']) {
        let found = match part.strip_suffix(']').and_then(|index| index.parse::<usize>().ok()) {
            Some(index) => node.item(index),
            None => node.get(part),
        };
        let Some(found) = found else { break };
        (node, line) = (found, Some(found.line));
    }
    line
}

fn number(count: usize, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}
