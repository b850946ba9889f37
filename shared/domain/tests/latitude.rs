//! An evaluation with less than all latitude: what it leaves undone, and says so (LOCK-10).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, new_invoice, staff};
use domain::calendar::Day;
use domain::command::Command;
use domain::decide::{decide_within, next_evaluation};
use domain::event::Event;
use domain::explain::explain;
use domain::letter::{LetterKind, LetterState};
use domain::policy::read::read_text;
use domain::role::{Actor, Role};
use domain::run::{Latitude, Withheld};
use domain::text::Personal;

/// One invoice of January 1 due January 31: notices on February 1 and 15, a lock on March 2.
fn desk(with: &str, until: &str) -> Desk {
    let policy = read_text(&format!("{{preset: cpa, with: {{{with}}}}}")).unwrap();
    let mut desk = Desk::new(policy);
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    go_to(&mut desk, until);
    desk
}

fn go_to(desk: &mut Desk, until: &str) {
    while desk.day < until.parse::<Day>().unwrap() {
        desk.next_day();
    }
}

/// What the evaluation of the day after would leave undone, and how much it would do.
fn tomorrow(desk: &mut Desk, latitude: Latitude) -> (Withheld, usize) {
    desk.day = desk.day.succ_opt().unwrap();
    desk.latitude = latitude;
    let decided =
        decide_within(&desk.account, &Command::Evaluate, &desk.context(&Actor::Schedule)).unwrap();
    (decided.withheld, decided.events.len())
}

#[test]
fn lock_10_what_is_withheld_is_said_and_nothing_of_it_is_done() {
    let (lock, demand) = (true, true);
    const STEPS: &str = "lock: {days_overdue: off}, regular: {steps: ";
    let step = |steps: &str| format!("{STEPS}[{steps}]}}");
    for (with, until, expected, events) in [
        (String::new(), "2026-03-01", Withheld { lock, demand }, 0),
        ("lock: {letter: notice}".to_owned(), "2026-03-01", Withheld { lock, demand: false }, 0),
        ("lock: {letter: off}".to_owned(), "2026-03-01", Withheld { lock, demand: false }, 0),
        (String::new(), "2026-02-28", Withheld::default(), 0),
        // a notice is no demand
        (String::new(), "2026-02-14", Withheld::default(), 2),
        (step("{at: 9, do: demand_letter}"), "2026-02-08", Withheld { lock: false, demand }, 0),
        // not warned: the notice leaves, and there is no final demand to withhold
        (step("{at: 9, do: final_demand}"), "2026-02-08", Withheld::default(), 1),
        (
            step("{at: 1, do: notice}, {at: 9, do: final_demand}"),
            "2026-02-08",
            Withheld { lock: false, demand },
            0,
        ),
        // what a partner approves by itself is none of the run's
        (
            step("{at: 9, do: demand_letter, approval: partner}"),
            "2026-02-08",
            Withheld::default(),
            2,
        ),
    ] {
        let mut desk = desk(&with, until);
        let found = tomorrow(&mut desk, Latitude::NothingHarsh);
        assert_eq!(found, (expected, events), "under {with:?} after {until}");
        // With all latitude nothing is withheld.
        desk.latitude = Latitude::Full;
        let context = desk.context(&Actor::Schedule);
        let full = decide_within(&desk.account, &Command::Evaluate, &context).unwrap();
        assert_eq!(full.withheld, Withheld::default());
        assert_eq!(full.events.is_empty(), expected == Withheld::default() && events == 0);
    }
}

#[test]
fn lock_10_a_demand_that_waits_passes_over_no_step() {
    let steps = "lock: {days_overdue: off}, regular: {steps: [{at: 2, do: demand_letter}, {at: 9, do: demand_letter}]}";
    let mut desk = desk(steps, "2026-02-01");
    desk.latitude = Latitude::NothingHarsh;
    go_to(&mut desk, "2026-02-20");
    let skipped = |desk: &Desk| {
        desk.events.iter().filter(|event| matches!(event, Event::StepSkipped { .. })).count()
    };
    assert_eq!(skipped(&desk), 0);
    desk.latitude = Latitude::Full;
    let events = desk.run(&Command::Evaluate, &Actor::Schedule);
    assert_eq!(skipped(&desk), 1);
    assert!(events.iter().any(|event| matches!(event, Event::LetterQueued(_))), "{events:?}");
}

#[test]
fn lock_10_a_client_without_an_address_gets_no_demand_to_count() {
    let mut desk = desk(
        "lock: {days_overdue: off}, regular: {steps: [{at: 9, do: demand_letter}]}",
        "2026-02-08",
    );
    desk.account.profile.contacts.clear();
    assert_eq!(tomorrow(&mut desk, Latitude::NothingHarsh).0, Withheld::default());
}

#[test]
fn lock_10_what_waits_is_looked_at_each_day() {
    let mut desk = desk("", "2026-03-01");
    desk.latitude = Latitude::NothingHarsh;
    go_to(&mut desk, "2026-03-03");
    assert!(!desk.account.is_locked());
    let next = next_evaluation(&desk.account, &desk.context(&Actor::Schedule));
    assert_eq!(next, Some("2026-03-04".parse().unwrap()));
}

#[test]
fn lock_10_a_stopped_firm_locks_nobody_and_nothing_leaves_until_it_goes_on() {
    let mut desk = desk("", "2026-02-14");
    let left = |desk: &Desk| {
        let left = desk.events.iter().filter_map(|event| match event {
            Event::LetterLeft { sending, .. } => Some(sending.kind),
            _ => None,
        });
        left.collect::<Vec<_>>()
    };
    let before = left(&desk).len();
    // The letter of the day was decided, and then the firm was stopped.
    desk.day = "2026-02-15".parse().unwrap();
    desk.run(&Command::Evaluate, &Actor::Schedule);
    desk.latitude = Latitude::Stopped;
    let letter = *desk.account.letters.keys().last().unwrap();
    let claim = Command::ClaimLetter { letter };
    let refusal = desk.try_run(&claim, &Actor::Schedule).unwrap_err();
    assert_eq!(refusal.rule, "LOCK-10");
    let by_hand = Command::Lock { reason: Personal::new("no answer"), lines: [].into() };
    let bea = staff("bea", Role::BillingLead);
    assert_eq!(desk.try_run(&by_hand, &bea).unwrap_err().rule, "LOCK-10");
    for on in ["2026-03-02", "2026-03-20", "2026-05-01"] {
        desk.day = on.parse().unwrap();
        let events = desk.run(&Command::Evaluate, &Actor::Schedule);
        assert_eq!(events, [], "on {on}");
    }
    let told = explain(&desk.account, &desk.context(&Actor::Schedule));
    let why = "No lock is set and no letter leaves: the firm stopped both.";
    assert!(told.why.iter().any(|line| line == why), "{:#?}", told.why);
    assert_eq!(left(&desk).len(), before);

    // It goes on: what was queued leaves if it is true, the rest is computed anew.
    desk.latitude = Latitude::Full;
    desk.try_run(&claim, &Actor::Schedule).unwrap();
    assert_eq!(left(&desk)[before..], [LetterKind::Notice]);
    let events = desk.run(&Command::Evaluate, &Actor::Schedule);
    assert!(events.iter().any(|event| matches!(event, Event::Locked { .. })), "{events:?}");
}

#[test]
fn lock_10_and_let_4_what_is_no_longer_true_is_withdrawn_though_the_firm_is_stopped() {
    let mut desk = desk("", "2026-02-14");
    desk.day = "2026-02-15".parse().unwrap();
    desk.run(&Command::Evaluate, &Actor::Schedule);
    desk.latitude = Latitude::Stopped;
    let letter = *desk.account.letters.keys().last().unwrap();
    let hold = Command::PlaceHold { invoice: None, until: None, reason: Personal::new("talks") };
    desk.try_run(&hold, &staff("bea", Role::BillingLead)).unwrap();
    desk.try_run(&Command::ClaimLetter { letter }, &Actor::Schedule).unwrap();
    let state = &desk.account.letters[&letter].state;
    assert!(matches!(state, LetterState::Withdrawn { .. }), "{state:?}");
}

/// The letters, the episode and the reason with which a run is undone.
fn undo(desk: &Desk) -> Command {
    let letters = desk.account.letters.keys().copied().collect();
    let episodes = desk.account.lock().map(|lock| lock.episode).into_iter().collect();
    Command::UndoRun { episodes, letters, reason: Personal::new("wrong policy") }
}

#[test]
fn lock_10_a_run_is_undone_and_doesnt_lock_again_that_day() {
    let pat = staff("pat", Role::Partner);
    let mut desk = desk("", "2026-03-01");
    desk.day = "2026-03-02".parse().unwrap();
    desk.run(&Command::Evaluate, &Actor::Schedule);
    let command = undo(&desk);
    let bea = staff("bea", Role::BillingLead);
    assert_eq!(desk.try_run(&command, &bea).unwrap_err().rule, "STAFF-1");
    let Command::UndoRun { episodes, letters, .. } = command.clone() else { unreachable!() };
    let without = Command::UndoRun { episodes, letters, reason: Personal::new(" ") };
    assert_eq!(desk.try_run(&without, &pat).unwrap_err().rule, "LOCK-10");
    let events = desk.try_run(&command, &pat).unwrap();
    let withdrawn = events.iter().filter(|event| matches!(event, Event::LetterWithdrawn { .. }));
    assert_eq!((withdrawn.count(), !desk.account.is_locked()), (1, true), "{events:?}");
    assert!(!events.iter().any(|event| matches!(event, Event::LetterQueued(_))), "{events:?}");
    // Once more it does nothing, and neither does the day: tomorrow's run decides anew.
    assert_eq!(desk.try_run(&command, &pat).unwrap(), []);
    assert_eq!(desk.run(&Command::Evaluate, &Actor::Schedule), []);
    let next = next_evaluation(&desk.account, &desk.context(&Actor::Schedule));
    assert_eq!(next, Some("2026-03-03".parse().unwrap()));
    go_to(&mut desk, "2026-03-03");
    assert_eq!(desk.account.lock().map(|lock| lock.episode), Some(2));
    // A lock of another episode, and one that staff made theirs, stay.
    assert_eq!(desk.try_run(&command, &pat).unwrap(), []);
    let by_hand = Command::Lock { reason: Personal::new("no answer"), lines: [].into() };
    desk.try_run(&by_hand, &bea).unwrap();
    let of_two = Command::UndoRun {
        episodes: [2].into(),
        letters: [].into(),
        reason: Personal::new("wrong"),
    };
    assert_eq!(desk.try_run(&of_two, &pat).unwrap(), []);
    assert!(desk.account.is_locked());
}

#[test]
fn lock_10_a_letter_that_left_is_not_withdrawn() {
    let mut desk = desk("", "2026-03-01");
    desk.day = "2026-03-02".parse().unwrap();
    desk.run(&Command::Evaluate, &Actor::Schedule);
    let command = undo(&desk);
    desk.leave();
    let events = desk.try_run(&command, &staff("pat", Role::Partner)).unwrap();
    assert!(matches!(events[..], [Event::Unlocked { .. }]), "{events:?}");
}
