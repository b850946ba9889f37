//! Every timeline of `scenarios/`, run through the rules, and the laws that hold on each of its days.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::account::Account;
use domain::calendar::plus;
use domain::command::Command;
use domain::decide::{Context, decide, next_evaluation};
use domain::letter::LetterState;
use domain::rehearsal::{Deed, Rehearsal, Timeline, What, run};
use domain::role::Actor;
use portcullis::command::rehearse::read;

/// For how many days ahead it is tried that an evaluation writes nothing before it is due.
const LOOK_AHEAD_DAYS: u32 = 120;

fn scenarios() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.extension().and_then(|extension| extension.to_str()) {
                _ if path.is_dir() => folders.push(path),
                Some("yaml" | "yml" | "json") => files.push(path),
                // Policies that scenarios name end in `.policy`.
                Some(_) | None => {}
            }
        }
    }
    files.sort();
    assert!(!files.is_empty(), "there is no scenario");
    files
}

fn name(file: &Path) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    file.strip_prefix(folder).unwrap_or(file).display().to_string()
}

#[test]
fn test_2_every_scenario_is_as_expected() {
    let mut failures = String::new();
    for file in scenarios() {
        let name = name(&file);
        match read(&file) {
            Ok(timeline) => {
                let report = run(&timeline, None);
                println!("{name}: {} met, {} unmet", report.met(), report.unmet().count());
                if !report.has_passed() {
                    failures.push_str(&format!("{name}\n{}\n", report.to_text()));
                }
            }
            Err(error) => failures.push_str(&format!("{error:#}\n")),
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn test_2_every_scenario_expects_something() {
    for file in scenarios() {
        let timeline = read(&file).unwrap();
        let expects = timeline.entries.iter().any(|entry| matches!(entry.what, What::Expect(_)));
        assert!(expects, "{} expects nothing", name(&file));
        assert!(!timeline.rules.is_empty(), "{} names no rule", name(&file));
    }
}

/// Whatever happens, each day ends with its money in place (PAY-6), with nothing left to decide
/// (EVAL-2), and knowing the next day that matters (EVAL-1).
#[test]
fn pay_6_and_eval_1_and_2_hold_on_every_day_of_every_scenario() {
    for file in scenarios() {
        let timeline = read(&file).unwrap();
        hold_laws(&name(&file), &timeline);
    }
}

fn hold_laws(name: &str, timeline: &Timeline) {
    let (Some(first), Some(last)) = (timeline.entries.first(), timeline.entries.last()) else {
        return;
    };
    let mut rehearsal = Rehearsal::new(timeline);
    let mut before = BTreeMap::new();
    let mut skips = false;
    for day in first.on.iter_days().take_while(|day| *day <= last.on) {
        rehearsal.play(day);
        let mut today = timeline.entries.iter().filter(|entry| entry.on == day);
        skips |= today.any(|entry| {
            matches!(&entry.what, What::Act(act) if matches!(act.deed, Deed::SkipEvaluation { .. }))
        });
        for (client, account) in rehearsal.accounts() {
            let place = format!("{name}, {client} on {day}");
            money_is_in_place(account, &place);
            let context = rehearsal.context(client, &Actor::Schedule).unwrap();
            if !skips && before.get(client) != Some(account) {
                nothing_is_left(account, &context, &place);
                next_day_is_known(account, &context, &place);
            }
        }
        before = rehearsal.accounts().clone();
    }
}

fn money_is_in_place(account: &Account, place: &str) {
    assert!(!account.is_spreading(), "{place}: money is on its way");
    for payment in account.payments.values() {
        assert_eq!(account.held(&payment.id), payment.kept(), "{place}: payment {}", payment.id);
    }
    for invoice in account.invoices.values() {
        assert!(invoice.paid().minor() <= invoice.total.minor(), "{place}: invoice {}", invoice.id);
    }
}

fn nothing_is_left(account: &Account, context: &Context<'_>, place: &str) {
    let events = decide(account, &Command::Evaluate, context).unwrap();
    assert!(events.is_empty(), "{place}: evaluating again decides {events:?}");
}

fn next_day_is_known(account: &Account, context: &Context<'_>, place: &str) {
    if account.letters.values().any(|letter| letter.state == LetterState::Queued) {
        return; // what waits to leave changes what comes after
    }
    let next = next_evaluation(account, context);
    for day in
        context.day.iter_days().skip(1).take_while(|day| *day <= plus(context.day, LOOK_AHEAD_DAYS))
    {
        let then = Context { day, ..*context };
        let writes = !decide(account, &Command::Evaluate, &then).unwrap().is_empty();
        let is_due = next.is_some_and(|next| next <= day);
        assert_eq!(writes, is_due, "{place}: on {day}, where the next evaluation is {next:?}");
        if is_due {
            return;
        }
    }
}
