//! `portcullis import`: a ledger into the table (contracts §1, §5).
//!
//! What can't be read is named row by row, and then none of the file is imported unless `--skip-bad`
//! says so. What differs from what is here is told and left alone, and the exit code says that somebody
//! should look.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;
use domain::id::FirmId;
use domain::money::Money;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use platform::clock::{Clock, SystemClock};
use serde_json::{Value, json};
use services::firm::Firm;
use services::import::mapping::{Mapping, Pair, Unread};
use services::import::plan::{Difference, Outcome, RowReport};
use services::import::read::{Fault, Ledger, MAX_BYTES};
use services::import::run::{ImportError, Options, Report, Summary, import};

use super::{Verdict, block_on};
use crate::place::Place;

/// What to import, and where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Whose ledger it is.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// The ledger: CSV in UTF-8 with a header row.
    #[arg(value_name = "CSV")]
    pub file: PathBuf,
    /// Which column a field is in, where that isn't the field's name: `--map issued="Doc Date"`.
    #[arg(long = "map", value_name = "FIELD=COLUMN")]
    pub map: Vec<Pair>,
    /// Say what would be done, and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Leave out the rows that can't be read, instead of the whole file.
    #[arg(long)]
    pub skip_bad: bool,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Where the firm is.
    #[command(flatten)]
    pub place: Place,
}

/// Runs it.
///
/// # Errors
/// When the file can't be read, or the import stops on the way.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    let mapping = Mapping::new(arguments.map.iter().cloned())?;
    let bytes = read(&arguments.file)?;
    let done = block_on(arguments.import(&bytes, &mapping));
    let file = arguments.file.display().to_string();
    let mut out = io::stdout().lock();
    let printing = Printing { file: &file, is_dry_run: arguments.dry_run };
    match done? {
        Ok(report) => {
            if arguments.json {
                printing.json(&mut out, &report).context("could not print")?;
            } else {
                printing.text(&mut out, &report).context("could not print")?;
            }
            Ok(if report.summary.is_clean() { Verdict::Done } else { Verdict::Failed })
        }
        Err(ledger) => {
            printing.bad(&mut out, &ledger, arguments.json).context("could not print")?;
            let (bad, good) = (ledger.bad_rows(), ledger.rows.len());
            let rest = match good {
                0 => String::new(),
                good => format!("; --skip-bad leaves them out and imports the other {good}"),
            };
            Err(anyhow!("{file}: {} can't be read, so none was imported{rest}", count(bad, "row")))
        }
    }
}

/// The file, as far as any file may go.
fn read(path: &Path) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .with_context(|| format!("{}: can't be read", path.display()))?;
    Ok(bytes)
}

impl Arguments {
    /// The report; or the ledger, where rows of it can't be read.
    async fn import(&self, bytes: &[u8], mapping: &Mapping) -> Result<Result<Report, Box<Ledger>>> {
        let table = self.place.open().await.context("can't open the table")?;
        let done = self.import_into(table.dynamo(), bytes, mapping).await;
        table.close().await;
        done
    }

    async fn import_into(
        &self,
        dynamo: &store::Dynamo,
        bytes: &[u8],
        mapping: &Mapping,
    ) -> Result<Result<Report, Box<Ledger>>> {
        let firm = Firm::open(dynamo.clone(), self.firm.clone()).await;
        let firm = firm.context("can't read the firm")?;
        let firm = firm.ok_or_else(|| anyhow!("there is no firm {}", self.firm))?;
        let options =
            Options { is_dry_run: self.dry_run, skip_bad: self.skip_bad, request_id: None };
        let bar = bar();
        let now = SystemClock.now();
        let watch = |progress: services::import::run::Progress| {
            bar.set_length(progress.of as u64);
            bar.set_position(progress.done as u64);
        };
        let done = import(&firm, bytes, mapping, &options, &watch, now).await;
        bar.finish_and_clear();
        let file = self.file.display();
        match done {
            Ok(report) => Ok(Ok(report)),
            Err(ImportError::Bad(ledger)) => Ok(Err(ledger)),
            Err(ImportError::File(error)) => Err(anyhow!("{file}: {error}")),
            Err(error @ ImportError::Stopped(_)) => {
                let rows = bar.position();
                let so_far = format!(
                    "{file}: stopped after {rows} rows or more, which stay; import it again to go on"
                );
                Err(anyhow::Error::new(error).context(so_far))
            }
        }
    }
}

/// Hidden where nobody looks at a terminal.
fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
    let style = ProgressStyle::with_template("{bar:40} {pos} of {len} rows, {eta} to go");
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

/// How a report is printed.
struct Printing<'a> {
    file: &'a str,
    is_dry_run: bool,
}

impl Printing<'_> {
    fn text(&self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        self.faults(out, &report.faults)?;
        self.unread(out, &report.unread)?;
        for client in &report.clients {
            let (line, id, difference) = (client.line, &client.client, &client.difference);
            writeln!(out, "{}: line {line}: client {id}: {difference}", self.file)?;
        }
        for row in &report.rows {
            self.row(out, row)?;
        }
        self.summary(out, &report.summary)
    }

    fn faults(&self, out: &mut dyn Write, faults: &[Fault]) -> io::Result<()> {
        faults.iter().try_for_each(|fault| writeln!(out, "{}: {fault}", self.file))
    }

    /// Columns that nobody reads, and among them those that somebody may have meant to be read.
    fn unread(&self, out: &mut dyn Write, unread: &[Unread]) -> io::Result<()> {
        for column in unread {
            if let Some(field) = column.looks_like {
                let name = &column.column;
                writeln!(
                    out,
                    "{}: line 1: column {name:?} is not read; if it is {field}, say --map {field}=\"{name}\"",
                    self.file
                )?;
            }
        }
        let others = unread.iter().filter(|column| column.looks_like.is_none());
        let others: Vec<_> = others.map(|column| column.column.as_str()).collect();
        if !others.is_empty() {
            writeln!(out, "{}: columns not read: {}", self.file, others.join(", "))?;
        }
        Ok(())
    }

    /// What somebody should look at, or may want to see.
    fn row(&self, out: &mut dyn Write, row: &RowReport) -> io::Result<()> {
        let RowReport { line, client, invoice, .. } = row;
        let head = format!("{}: line {line}: invoice {invoice} of {client}", self.file);
        if let (Outcome::Paid, Some(payment)) = (&row.outcome, row.payment) {
            writeln!(out, "{head}: {} more was paid", payment.for_person())?;
        }
        if let Outcome::Refused(refusal) = &row.outcome {
            writeln!(out, "{head}: refused: {refusal}")?;
        }
        for difference in &row.differences {
            writeln!(out, "{head}: {difference}")?;
        }
        Ok(())
    }

    fn summary(&self, out: &mut dyn Write, summary: &Summary) -> io::Result<()> {
        let dry = if self.is_dry_run { " (dry run: nothing was written)" } else { "" };
        let rows = count(summary.rows, "row");
        writeln!(out, "{}: {rows} of {}{dry}", self.file, count(summary.clients, "client"))?;
        for (number, noun) in [
            (summary.opened, "new client"),
            (summary.created, "new invoice"),
            (summary.payments, "payment"),
        ] {
            writeln!(out, "  {number:>7} {}", plural(number, noun))?;
        }
        writeln!(out, "  {:>7} unchanged", summary.unchanged)?;
        for (number, what) in [
            (summary.repeated, "said twice"),
            (summary.conflicts, "differ from what is here; that was left alone"),
            (summary.refused, "refused"),
            (summary.bad, "can't be read, and were left out"),
        ] {
            if 0 < number {
                writeln!(out, "  {number:>7} {what}")?;
            }
        }
        Ok(())
    }

    fn json(&self, out: &mut dyn Write, report: &Report) -> io::Result<()> {
        for fault in &report.faults {
            writeln!(out, "{}", json!({ "fault": fault }))?;
        }
        for column in &report.unread {
            writeln!(out, "{}", json!({ "unread": column }))?;
        }
        for client in &report.clients {
            let Difference { field, ours, theirs } = &client.difference;
            let client = json!({
                "line": client.line,
                "client": client.client,
                "field": field,
                "ours": ours,
                "theirs": theirs,
            });
            writeln!(out, "{}", json!({ "client": client }))?;
        }
        for row in &report.rows {
            writeln!(out, "{}", json!({ "row": as_json(row) }))?;
        }
        let mut summary = json!(report.summary);
        summary["file"] = json!(self.file);
        summary["dry_run"] = json!(self.is_dry_run);
        writeln!(out, "{}", json!({ "summary": summary }))
    }

    fn bad(&self, out: &mut dyn Write, ledger: &Ledger, is_json: bool) -> io::Result<()> {
        if is_json {
            for fault in &ledger.faults {
                writeln!(out, "{}", json!({ "fault": fault }))?;
            }
            return Ok(());
        }
        self.faults(out, &ledger.faults)?;
        self.unread(out, &ledger.unread)
    }
}

fn as_json(row: &RowReport) -> Value {
    let amount =
        |money: Money| json!({ "amount": money.amount(), "currency": money.currency().code() });
    let mut json = json!({
        "line": row.line,
        "client": row.client,
        "invoice": row.invoice,
        "outcome": row.outcome.as_str(),
    });
    if let Some(payment) = row.payment {
        json["payment"] = amount(payment);
    }
    if let Outcome::Refused(refusal) = &row.outcome {
        json["reason"] = json!(refusal.text);
        json["rule"] = json!(refusal.rule);
    }
    if !row.differences.is_empty() {
        json["differences"] = json!(row.differences);
    }
    json
}

fn count(number: usize, noun: &str) -> String {
    format!("{number} {}", plural(number, noun))
}

fn plural(number: usize, noun: &str) -> String {
    if number == 1 { noun.to_owned() } else { format!("{noun}s") }
}
