//! A simulation for programs: one object a line.

use std::io::{self, Write};

use domain::calendar::Day;
use domain::letter::LetterKind;
use domain::money::Money;
use domain::whatif::Count;
use serde_json::{Map, Value, json};

use super::{Run, Simulation};

/// What is played, and what was assumed.
///
/// # Errors
/// When nobody reads it.
pub(super) fn head(out: &mut dyn Write, simulation: &Simulation) -> io::Result<()> {
    let Simulation { from, to, clients, invoices, runs, .. } = simulation;
    let policies: Vec<_> =
        runs.iter().filter(|run| !run.is_assumed).map(|run| run.label.as_str()).collect();
    let head = json!({ "from": from, "to": to, "clients": clients, "invoices": invoices, "policies": policies });
    writeln!(out, "{}", json!({ "simulation": head }))?;
    let mut assumptions = simulation.assumptions.iter();
    assumptions.try_for_each(|said| writeln!(out, "{}", json!({ "assumed": said })))
}

/// A day of a run.
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
    let mut value = of_run(&simulation.runs[run], count);
    value["day"] = json!(day);
    writeln!(out, "{value}")
}

/// The runs over the caps, and what each policy comes to.
///
/// # Errors
/// When nobody reads it.
pub(super) fn totals(out: &mut dyn Write, simulation: &Simulation) -> io::Result<()> {
    for run in &simulation.runs {
        for held in &run.outcome.held {
            let (locks, demands, active) = (held.locks, held.demands, held.active);
            let caps = json!({ "locks": locks, "demands": demands, "active": active });
            let value = json!({ "policy": run.label, "response": run.is_assumed, "day": held.on, "over_the_caps": caps });
            writeln!(out, "{value}")?;
        }
    }
    for run in &simulation.runs {
        let outcome = &run.outcome;
        let mut value = of_run(run, &outcome.total);
        value["locked_at_end"] = json!(outcome.locked_at_end);
        value["runs_over_the_caps"] = json!(outcome.held.len());
        value["approvals_wanted"] = json!(outcome.approvals_wanted);
        value["without_address"] = json!(outcome.without_address);
        value["answered"] = json!(outcome.answered);
        value["evaluations"] = json!(outcome.work.evaluations);
        value["days_decided"] = json!(outcome.work.decided);
        writeln!(out, "{}", json!({ "total": value }))?;
    }
    Ok(())
}

fn of_run(run: &Run, count: &Count) -> Value {
    let letters: Map<_, _> = LetterKind::ALL
        .into_iter()
        .filter(|kind| 0 < count.letters(*kind))
        .map(|kind| (kind.as_str().to_owned(), json!(count.letters(kind))))
        .collect();
    let fees: Map<_, _> = count
        .fees
        .iter()
        .map(|(currency, minor)| {
            (currency.code().to_owned(), json!(Money::new(*minor, *currency).amount()))
        })
        .collect();
    json!({
        "policy": run.label,
        "response": run.is_assumed,
        "locks": count.locks,
        "unlocks": count.unlocks,
        "limits": count.limits,
        "letters": letters,
        "fees": fees,
        "people": count.people,
        "paid": count.paid,
        "days_late": count.days_late,
    })
}
