//! Every timeline in `tests/scenarios` through the real rules (TEST-2), and the laws that hold on each
//! of its days, whatever it is about.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use domain::account::Account;
use domain::calendar::plus;
use domain::command::Command;
use domain::decide::{Context, decide, next_evaluation};
use domain::letter::LetterState;
use domain::rehearsal::{Deed, Loaded, Rehearsal, Timeline, What, run};
use domain::role::Actor;
use domain::run::Latitude;

const SCENARIOS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/scenarios");

/// For how many days ahead it is tried that an evaluation writes nothing before it is due.
const LOOK_AHEAD_DAYS: u32 = 120;

fn files() -> Vec<PathBuf> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::from(SCENARIOS)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") {
                files.push(path);
            }
        }
    }
    files.sort();
    // One timeline alone: for who asks whether that one notices a change.
    if let Ok(only) = std::env::var("PORTCULLIS_TIMELINE") {
        files.retain(|file| file.ends_with(&only));
    }
    assert!(!files.is_empty(), "no timeline found");
    files
}

fn name(file: &Path) -> String {
    file.strip_prefix(SCENARIOS).unwrap_or(file).display().to_string()
}

fn read(file: &Path) -> Result<Timeline, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let load = |name: &str| {
        let path = file.parent().unwrap_or(Path::new("")).join(name);
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        Ok(Loaded { name: path.display().to_string(), text })
    };
    Timeline::read(&name(file), &text, &load).map_err(|error| error.to_string())
}

#[test]
fn test_2_every_timeline_is_met() {
    let mut failures = String::new();
    let (files, mut met) = (files(), 0);
    for file in &files {
        match read(file) {
            Ok(timeline) => {
                let report = run(&timeline, None);
                println!("{}: {} met", name(file), report.met());
                met += report.met();
                if !report.has_passed() {
                    failures.push_str(&format!("{}\n{}\n", name(file), report.to_text()));
                }
            }
            Err(error) => failures.push_str(&format!("{error}\n\n")),
        }
    }
    println!("{} timelines, {met} expectations met", files.len());
    assert!(failures.is_empty(), "{failures}");
}

#[test]
fn test_2_every_timeline_names_its_rules_and_expects_something() {
    for file in files() {
        let timeline = read(&file).unwrap();
        let expects = |what: &What| match what {
            What::Expect(_) => true,
            What::Act(act) => act.refused.is_some(),
        };
        let name = name(&file);
        assert!(
            timeline.entries.iter().any(|entry| expects(&entry.what)),
            "{name} expects nothing"
        );
        assert!(!timeline.rules.is_empty(), "{name} names no rule");
        assert!(timeline.title.is_some(), "{name} has no title");
    }
}

/// Whatever happens, each day ends with its money in place (PAY-6), with nothing left to decide
/// (EVAL-2), and knowing the next day that matters (EVAL-1).
#[test]
fn pay_6_and_eval_1_and_eval_2_hold_on_every_day_of_every_timeline() {
    for file in files() {
        hold_laws(&name(&file), &read(&file).unwrap());
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
        skips |= today.any(|entry| match &entry.what {
            What::Act(act) => matches!(act.deed, Deed::SkipEvaluation { .. }),
            What::Expect(_) => false,
        });
        for (client, account) in rehearsal.accounts() {
            if before.get(client) == Some(account) {
                continue;
            }
            let place = format!("{name}, {client} on {day}");
            money_is_in_place(account, &place);
            if !skips {
                let context = rehearsal.context(client, &Actor::Schedule).unwrap();
                // What waits for a partner is left, and would be done by whoever has all latitude (LOCK-10).
                if !rehearsal.waits_for_approval(client) {
                    nothing_is_left(account, &context, &place);
                }
                let within = Context { latitude: Latitude::NothingHarsh, ..context };
                nothing_is_left(account, &within, &place);
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
        let most = invoice.total_with_fees().minor();
        assert!(invoice.paid().minor() <= most, "{place}: invoice {}", invoice.id);
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
    let last = plus(context.day, LOOK_AHEAD_DAYS);
    for day in context.day.iter_days().skip(1).take_while(|day| *day <= last) {
        let then = Context { day, ledger: None, ..*context }; // as if it were fresh by then (FRESH-1)
        let writes = !decide(account, &Command::Evaluate, &then).unwrap().is_empty();
        let is_due = next.is_some_and(|next| next <= day);
        assert_eq!(writes, is_due, "{place}: on {day}, where the next evaluation is {next:?}");
        if is_due {
            return;
        }
    }
}
