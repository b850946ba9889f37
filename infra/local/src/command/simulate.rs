//! `portcullis simulate`: a real book of invoices, day by day, under one policy or two (contracts §1, POL-6).
//!
//! The file is read as an import reads it, and played by the rules themselves ([`domain::whatif`]). What a ledger
//! doesn't say is assumed, and each assumption is printed with what came of it; an effect of letters on when people
//! pay is counted only where `--response` assumes one, beside the same book without it. The same arguments give
//! the same bytes.

mod html;
mod json;
mod ledger;
mod spill;
mod table;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use domain::calendar::{Day, parse_day};
use domain::money::Currency;
use domain::policy::read::{preset, read_text};
use domain::policy::{Policy, PolicyVersion};
use domain::whatif::{Assumed, Count, Engine, Held, Outcome, Response};
use serde_json::json;
use services::import::mapping::{Mapping, Pair};

use super::Verdict;
use ledger::{Ledger, PAID_AFTER_DAYS, Told};

/// How many policies stand side by side.
const MOST_POLICIES: usize = 2;

/// What begins the name of a preset where a file is expected.
const PRESET: &str = "preset:";

/// What to play.
#[derive(Debug, Args)]
pub struct Arguments {
    /// One policy or two: files, or `preset:cpa`.
    #[arg(long, required = true, num_args = 1..=MOST_POLICIES, value_name = "FILE")]
    pub policy: Vec<String>,
    /// The ledger: CSV in UTF-8 with a header row, as `import` takes it.
    #[arg(long, value_name = "CSV")]
    pub invoices: PathBuf,
    /// The first day that is played; what is owed before meets its run.
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub from: Day,
    /// The last day.
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub to: Day,
    /// Which column a field is in, where that isn't the field's name: `--map issued="Doc Date"`.
    #[arg(long = "map", value_name = "FIELD=COLUMN")]
    pub map: Vec<Pair>,
    /// The currency of rows that name none.
    #[arg(long, default_value = "USD", value_name = "CODE")]
    pub currency: Currency,
    /// Write a page with charts there as well.
    #[arg(long, value_name = "OUT")]
    pub html: Option<PathBuf>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Assume that after a letter so many of those who would pay later pay so many days after it: `notice=0.10@3`. The
    /// book without it stands beside.
    #[arg(long, value_delimiter = ',', value_name = "LETTER=SHARE@DAYS")]
    pub response: Vec<Response>,
    /// Where a policy wants an approval to open a portal: so many working days after nothing overdue stands against
    /// it; or `never`.
    #[arg(long, default_value = "0", value_name = "DAYS|never")]
    pub unlock_days: UnlockDays,
    /// Assume that a partner approves each step that waits for it on the day on which it comes up.
    #[arg(long)]
    pub approve_steps: bool,
    /// What becomes of a run that would lock or demand too much at once.
    #[arg(long, value_enum, default_value = "approved")]
    pub held_runs: HeldRuns,
    /// Assume that every client has an address to write to. Without a column of addresses they all do.
    #[arg(long)]
    pub assume_addresses: bool,
    /// Assume that the terms of every client allow late fees.
    #[arg(long)]
    pub late_fee_terms: bool,
}

/// See [`Arguments::unlock_days`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnlockDays(Option<u32>);

impl FromStr for UnlockDays {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        match text {
            "never" => Ok(Self(None)),
            _ => {
                let days = text.parse().ok().filter(|days| *days <= 366);
                let expected =
                    || format!("{text:?} is neither never nor a number of days up to 366");
                days.map(|days| Self(Some(days))).ok_or_else(expected)
            }
        }
    }
}

/// See [`Held`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HeldRuns {
    /// A partner approves it that day
    Approved,
    /// Nobody does
    Wait,
}

/// What came of it.
#[derive(Debug)]
struct Simulation {
    from: Day,
    to: Day,
    clients: usize,
    invoices: u64,
    assumptions: Vec<String>,
    runs: Vec<Run>,
}

/// A book under a policy.
#[derive(Debug)]
struct Run {
    /// What the policy is called here.
    label: String,
    /// Whether a response was assumed.
    is_assumed: bool,
    /// What came of it.
    outcome: Outcome,
}

impl Run {
    fn name(&self) -> String {
        match self.is_assumed {
            true => format!("{}, with response", self.label),
            false => self.label.clone(),
        }
    }
}

/// Plays the book and prints what came of it.
///
/// # Errors
/// When policies or ledger can't be read or mean nothing; nothing is played then.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    if arguments.to < arguments.from {
        bail!("--to {} is before --from {}", arguments.to, arguments.from);
    }
    let policies = policies(&arguments.policy)?;
    let file = arguments.invoices.display().to_string();
    let mapping = Mapping::new(arguments.map.iter().cloned())?;
    let reader =
        File::open(&arguments.invoices).with_context(|| format!("{file}: can't be read"))?;
    let mut out = io::stdout().lock();
    let ledger = match ledger::read(reader, &mapping, arguments.currency)
        .with_context(|| file.clone())?
    {
        Ok(ledger) => ledger,
        Err(faults) => {
            for fault in &faults {
                match arguments.json {
                    true => writeln!(out, "{}", json!({ "fault": fault })),
                    false => writeln!(out, "{file}: {fault}"),
                }
                .context("could not print")?;
            }
            let mut lines: Vec<_> = faults.iter().map(|fault| fault.line).collect();
            lines.dedup();
            let plural = if lines.len() == 1 { "" } else { "s" };
            bail!("{file}: {} row{plural} can't be read, so nothing was simulated", lines.len());
        }
    };
    let simulation =
        simulate(arguments, policies, ledger, &mut out).with_context(|| file.clone())?;
    if let Some(page) = &arguments.html {
        let text = html::page(&simulation).context("could not make the page")?;
        fs::write(page, text).with_context(|| format!("{}: can't be written", page.display()))?;
    }
    Ok(Verdict::Done)
}

/// The policies, each with what it is called here.
fn policies(names: &[String]) -> Result<Vec<(String, Policy)>> {
    let read = |name: &String| -> Result<(String, Policy)> {
        let policy = match name.strip_prefix(PRESET) {
            Some(name) => preset(name)?,
            None => {
                let text =
                    fs::read_to_string(name).with_context(|| format!("{name}: can't be read"))?;
                read_text(&text).with_context(|| name.clone())?
            }
        };
        Ok((policy.name.clone(), policy))
    };
    if MOST_POLICIES < names.len() {
        bail!("{} policies are too many, expected one or two", names.len());
    }
    let mut policies = names.iter().map(read).collect::<Result<Vec<_>>>()?;
    // Two of one name are told apart by their files.
    if let [(first, _), (second, _)] = &mut policies[..]
        && first == second
    {
        if names[0] == names[1] {
            bail!("both policies are {}", names[0]);
        }
        (*first, *second) = (names[0].clone(), names[1].clone());
    }
    Ok(policies)
}

/// Plays it, and prints each day once all policies have played it: who reads on needs no memory of them.
fn simulate(
    arguments: &Arguments,
    policies: Vec<(String, Policy)>,
    ledger: Ledger,
    out: &mut dyn Write,
) -> Result<Simulation> {
    let Arguments { from, to, .. } = *arguments;
    let assumed = arguments.assumed();
    let mut simulation = Simulation {
        from,
        to,
        clients: ledger.clients.len(),
        invoices: ledger.told.invoices,
        assumptions: arguments.assumptions(&ledger, &assumed),
        runs: Vec::new(),
    };
    let all_have_addresses = arguments.assume_addresses || !ledger.told.has_addresses;
    let accounts = ledger.accounts(all_have_addresses, arguments.late_fee_terms)?;
    let mut engines = Vec::new();
    for (label, policy) in policies {
        let plain = Assumed { responses: Vec::new(), ..assumed.clone() };
        let responds = (!assumed.responses.is_empty()).then(|| assumed.clone());
        for (is_assumed, assumed) in
            std::iter::once((false, plain)).chain(responds.map(|a| (true, a)))
        {
            let version = PolicyVersion::first(ledger::class()?, policy.clone());
            let mut engine = Engine::new(version, assumed, from, to);
            for account in accounts.clone() {
                engine.add(account);
            }
            engines.push(engine);
            let (label, outcome) = (label.clone(), Outcome::default());
            simulation.runs.push(Run { label, is_assumed, outcome });
        }
    }
    drop(accounts);
    let mut printing = Printing { out, is_json: arguments.json, keeps: arguments.html.is_some() };
    printing.head(&simulation)?;
    for act in ledger.acts().context("can't read the temporary folder")? {
        let act = act.context("can't read the temporary folder")?;
        for engine in &mut engines {
            engine.take(act.clone())?;
        }
        let days = engines.iter_mut().map(Engine::drain_days).collect();
        printing.days(&mut simulation, days)?;
    }
    let mut days = Vec::new();
    for (run, engine) in simulation.runs.iter_mut().zip(engines) {
        let mut outcome = engine.finish()?;
        days.push(std::mem::take(&mut outcome.days));
        outcome.days = std::mem::take(&mut run.outcome.days);
        run.outcome = outcome;
    }
    printing.days(&mut simulation, days)?;
    printing.totals(&simulation)?;
    Ok(simulation)
}

/// Prints as it comes.
struct Printing<'a> {
    out: &'a mut dyn Write,
    is_json: bool,
    /// Whether the days are wanted later.
    keeps: bool,
}

impl Printing<'_> {
    fn head(&mut self, simulation: &Simulation) -> Result<()> {
        let print = if self.is_json { json::head } else { table::head };
        print(self.out, simulation).context("could not print")
    }

    /// Days of each run, up to the same day.
    fn days(&mut self, simulation: &mut Simulation, days: Vec<Vec<(Day, Count)>>) -> Result<()> {
        let of_run = |(run, days): (usize, Vec<(Day, Count)>)| {
            days.into_iter().map(move |(day, count)| (day, run, count))
        };
        let mut days: Vec<_> = days.into_iter().enumerate().flat_map(of_run).collect();
        days.sort_by_key(|(day, run, _)| (*day, *run));
        let print = if self.is_json { json::day } else { table::day };
        for (day, run, count) in days {
            print(self.out, simulation, run, day, &count).context("could not print")?;
            if self.keeps {
                simulation.runs[run].outcome.days.push((day, count));
            }
        }
        Ok(())
    }

    fn totals(&mut self, simulation: &Simulation) -> Result<()> {
        let print = if self.is_json { json::totals } else { table::totals };
        print(self.out, simulation).context("could not print")
    }
}

impl Arguments {
    fn assumed(&self) -> Assumed {
        Assumed {
            unlock_days: self.unlock_days.0,
            approves_steps: self.approve_steps,
            held: match self.held_runs {
                HeldRuns::Approved => Held::Approved,
                HeldRuns::Wait => Held::Waits,
            },
            responses: self.response.clone(),
        }
    }

    /// Everything that the ledger doesn't say, in sentences.
    fn assumptions(&self, ledger: &Ledger, assumed: &Assumed) -> Vec<String> {
        let mut sentences = assumed.sentences();
        let Told { paid_undated, disputed, has_classes, has_addresses, without_address, .. } =
            ledger.told;
        match (self.assume_addresses, has_addresses) {
            (true, _) => sentences.push("Every client has an address to write to.".to_owned()),
            (false, false) => sentences.push(
                "The ledger has no column of addresses: every client is taken to have one."
                    .to_owned(),
            ),
            (false, true) if without_address == 0 => {}
            (false, true) => {
                let clients = count(without_address, "client");
                sentences.push(format!(
                    "{clients} without an address: nobody is written to there, and none of them is locked by rule."
                ));
            }
        }
        sentences.push(match self.late_fee_terms {
            true => "The terms of every client allow late fees.".to_owned(),
            false => "No client's terms allow late fees: none are charged.".to_owned(),
        });
        sentences.push("An invoice that was paid in full is paid with the fees on it.".to_owned());
        sentences.push(format!(
            "What was owed on {} is in the book that day, and nothing was sent about it before.",
            self.from
        ));
        if 0 < paid_undated {
            let invoices = count(paid_undated, "payment");
            sentences.push(format!(
                "{invoices} without a day came on the due date; where that isn't said either, {PAID_AFTER_DAYS} days after the invoice."
            ));
        }
        if 0 < disputed {
            let invoices = count(disputed, "invoice");
            sentences.push(format!(
                "{invoices} disputed without dates: from the day of issue until settled."
            ));
        }
        if has_classes {
            sentences
                .push("All clients are under the same policy, whatever their class.".to_owned());
        }
        if !ledger.repeated.is_empty() {
            let rows = count(ledger.repeated.len() as u64, "row");
            sentences.push(format!("{rows} saying again what one before said: left out."));
        }
        for column in &ledger.unread {
            if let Some(field) = column.looks_like {
                let name = &column.column;
                sentences.push(format!(
                    "Column {name:?} is not read; if it is {field}, say --map {field}=\"{name}\"."
                ));
            }
        }
        sentences
    }
}

fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// So many tenths in days, with one decimal; `None` where there is nothing to divide by.
fn average(sum: u64, number: u64) -> Option<String> {
    let tenths = sum.checked_mul(10)?.checked_add(number / 2)?.checked_div(number)?;
    Some(format!("{}.{}", tenths / 10, tenths % 10))
}
