//! A simulation for people: what was assumed, each day on which something happens, and all of it.

use std::fmt::Write as _;
use std::io::{self, Write};

use domain::calendar::Day;
use domain::letter::LetterKind;
use domain::money::{Currency, Money};
use domain::whatif::Count;

use super::{Run, Simulation, average, count};

/// A number of each run, by what it is.
pub(super) type Measure = (String, Vec<String>);

/// What is played, and what was assumed.
///
/// # Errors
/// When nobody reads it.
pub(super) fn head(out: &mut dyn Write, simulation: &Simulation) -> io::Result<()> {
    let Simulation { from, to, clients, invoices, .. } = simulation;
    let (clients, invoices) = (count(*clients as u64, "client"), count(*invoices, "invoice"));
    writeln!(out, "{from} to {to}: {clients}, {invoices}\n\nAssumed")?;
    for assumption in &simulation.assumptions {
        writeln!(out, "  - {assumption}")?;
    }
    writeln!(out, "\nDay by day")
}

/// A day of a run; of which, where there are several.
///
/// # Errors
/// When nobody reads it.
pub(super) fn day(
    out: &mut dyn Write,
    simulation: &Simulation,
    run: usize,
    day: Day,
    count: &Count,
) -> io::Result<()> {
    let names: Vec<_> = simulation.runs.iter().map(Run::name).collect();
    let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
    match &names[..] {
        [_] => writeln!(out, "  {day}  {}", words(count)),
        _ => writeln!(out, "  {day}  {:<width$}  {}", names[run], words(count)),
    }
}

/// What it comes to, and the runs over the caps.
///
/// # Errors
/// When nobody reads it.
pub(super) fn totals(out: &mut dyn Write, simulation: &Simulation) -> io::Result<()> {
    if simulation.runs.iter().any(|run| !run.outcome.held.is_empty()) {
        writeln!(out, "\nRuns over the caps, of which a partner is asked")?;
    }
    for run in &simulation.runs {
        for held in &run.outcome.held {
            let (locks, active) = (count(held.locks, "lock"), count(held.active, "active client"));
            let demands = count(held.demands, "demand");
            writeln!(out, "  {}  {}: {locks} and {demands} among {active}", held.on, run.name())?;
        }
    }
    writeln!(out, "\nIn total")?;
    let heads: Vec<_> = simulation.runs.iter().map(Run::name).collect();
    let measures = measures(simulation);
    let first = measures.iter().map(|(what, _)| what.chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = heads
        .iter()
        .enumerate()
        .map(|(index, head)| {
            let cells = measures.iter().filter_map(|(_, cells)| cells.get(index));
            cells.map(|cell| cell.chars().count()).chain([head.chars().count()]).max().unwrap_or(0)
        })
        .collect();
    row(out, first, &widths, "", &heads)?;
    measures.iter().try_for_each(|(what, cells)| row(out, first, &widths, what, cells))
}

fn row(
    out: &mut dyn Write,
    first: usize,
    widths: &[usize],
    what: &str,
    cells: &[String],
) -> io::Result<()> {
    let mut line = format!("  {what:<first$}");
    for (cell, width) in cells.iter().zip(widths) {
        let _ = write!(line, "  {cell:>width$}");
    }
    writeln!(out, "{}", line.trim_end())
}

/// What each run comes to.
pub(super) fn measures(simulation: &Simulation) -> Vec<Measure> {
    let runs = &simulation.runs;
    let of = |what: &str, cell: &dyn Fn(&Run) -> String| {
        (what.to_owned(), runs.iter().map(cell).collect())
    };
    let number =
        |what: &str, number: &dyn Fn(&Run) -> u64| of(what, &|run| number(run).to_string());
    let mut measures = vec![
        number("clients locked", &|run| run.outcome.total.locks),
        number("clients opened again", &|run| run.outcome.total.unlocks),
        number("clients locked at the end", &|run| run.outcome.locked_at_end),
        number("times limited", &|run| run.outcome.total.limits),
        number("people touched", &|run| run.outcome.total.people),
    ];
    for kind in kinds(simulation) {
        let what = format!("letters: {}", name(kind));
        measures.push(number(&what, &|run| run.outcome.total.letters(kind)));
    }
    measures.push(number("letters in all", &|run| run.outcome.total.all_letters()));
    for currency in currencies(simulation) {
        let what = format!("fees, {currency}");
        measures.push(of(&what, &|run| fee(&run.outcome.total, currency)));
    }
    measures.push(number("invoices paid", &|run| run.outcome.total.paid));
    measures.push(of("days late when paid, on average", &|run| {
        let Count { days_late, paid, .. } = run.outcome.total;
        average(days_late, paid).unwrap_or_else(|| "-".to_owned())
    }));
    measures.push(number("runs over the caps", &|run| run.outcome.held.len() as u64));
    measures.push(number("steps that wait for a partner", &|run| run.outcome.approvals_wanted));
    measures.push(number("locks that want an address", &|run| run.outcome.without_address));
    measures
}

/// The letters that any run sends.
pub(super) fn kinds(simulation: &Simulation) -> Vec<LetterKind> {
    let is_sent =
        |kind: &LetterKind| simulation.runs.iter().any(|run| 0 < run.outcome.total.letters(*kind));
    LetterKind::ALL.into_iter().filter(is_sent).collect()
}

/// The currencies in which any run charges fees.
pub(super) fn currencies(simulation: &Simulation) -> Vec<Currency> {
    let fees = simulation.runs.iter().flat_map(|run| run.outcome.total.fees.keys().copied());
    let currencies: std::collections::BTreeSet<_> = fees.collect();
    currencies.into_iter().collect()
}

/// The fees of that currency.
pub(super) fn fee(count: &Count, currency: Currency) -> String {
    Money::new(count.fees.get(&currency).copied().unwrap_or(0), currency).amount()
}

/// A letter's name in a sentence.
pub(super) fn name(kind: LetterKind) -> String {
    kind.as_str().replace('_', " ")
}

/// What happened on a day, in words.
pub(super) fn words(day: &Count) -> String {
    let mut parts = Vec::new();
    if 0 < day.locks {
        parts.push(format!("{} locked", day.locks));
    }
    if 0 < day.unlocks {
        parts.push(format!("{} opened", day.unlocks));
    }
    if 0 < day.limits {
        parts.push(format!("{} limited", day.limits));
    }
    for kind in LetterKind::ALL {
        match (kind, day.letters(kind)) {
            (_, 0) => {}
            (LetterKind::WelcomeBack, number) => parts.push(format!("{number} welcome back")),
            (_, number) => parts.push(count(number, &name(kind))),
        }
    }
    for (currency, minor) in &day.fees {
        parts.push(format!("{} in fees", Money::new(*minor, *currency).for_person()));
    }
    if 0 < day.paid {
        parts.push(format!("{} paid", count(day.paid, "invoice")));
    }
    let people = match day.people {
        0 => String::new(),
        1 => "; 1 person".to_owned(),
        people => format!("; {people} people"),
    };
    format!("{}{people}", parts.join(", "))
}
