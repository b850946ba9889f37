//! A ledger that comes from elsewhere and is too old: what is harsher than a reminder waits (FRESH-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::calendar::Day;
use domain::command::{Command, News};
use domain::decide::next_evaluation;
use domain::event::Event;
use domain::explain::explain;
use domain::ledger::{DEFAULT_FRESH_DAYS, Ledger};
use domain::letter::{LetterKind, LetterState};
use domain::payment::{Method, Seen};
use domain::policy::Policy;
use domain::role::{Actor, Role};
use domain::text::Personal;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn updated(on: &str) -> Option<Ledger> {
    Some(Ledger { updated_on: Some(day(on)), fresh_days: DEFAULT_FRESH_DAYS })
}

/// One invoice of January 1 due January 31, under the preset: reminders on January 24 and 30, notices on
/// February 1 and 15, a lock on March 2.
fn desk(ledger: Option<Ledger>, until: &str) -> Desk {
    let mut desk = Desk::new(Policy::default());
    desk.ledger = ledger;
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    go_to(&mut desk, until);
    desk
}

fn go_to(desk: &mut Desk, until: &str) {
    while desk.day < day(until) {
        desk.next_day();
    }
}

/// The letters that left: on which day, as what.
fn left(desk: &Desk) -> Vec<(String, LetterKind)> {
    let left = desk.events.iter().filter_map(|event| match event {
        Event::LetterLeft { sending, .. } => Some((sending.on.to_string(), sending.kind)),
        _ => None,
    });
    left.collect()
}

fn queued(desk: &Desk) -> usize {
    let letters = desk.account.letters.values();
    letters.filter(|letter| letter.state == LetterState::Queued).count()
}

#[test]
fn fresh_1_a_ledger_is_old_on_the_day_after_the_limit() {
    let seven = |on: Option<&str>| Ledger { updated_on: on.map(day), fresh_days: 7 };
    for (ledger, on, is_fresh) in [
        (seven(Some("2026-03-01")), "2026-03-01", true),
        (seven(Some("2026-03-01")), "2026-03-08", true), // seven days old is not older
        (seven(Some("2026-03-01")), "2026-03-09", false),
        (seven(Some("2026-03-10")), "2026-03-09", true), // a clock west of the one that imported
        (Ledger { fresh_days: 1, ..seven(Some("2026-02-28")) }, "2026-03-01", true),
        (Ledger { fresh_days: 1, ..seven(Some("2026-02-28")) }, "2026-03-02", false),
        (seven(None), "2026-03-01", false),
    ] {
        assert_eq!(ledger.is_fresh(day(on)), is_fresh, "{ledger:?} on {on}");
    }
}

#[test]
fn fresh_1_reminders_leave_and_what_is_harsher_waits_and_is_caught_up_with() {
    use LetterKind::{DemandLetter, Notice, Reminder};
    // Too old from January 9 on.
    let mut desk = desk(updated("2026-01-01"), "2026-03-10");
    let reminders = [("2026-01-24".to_owned(), Reminder), ("2026-01-30".to_owned(), Reminder)];
    assert_eq!(left(&desk), reminders);
    assert!(!desk.account.is_locked() && queued(&desk) == 0 && desk.account.tasks.is_empty());
    // Whoever waits is looked at each day; nothing is lost by it.
    let actor = Actor::Schedule;
    assert_eq!(next_evaluation(&desk.account, &desk.context(&actor)), Some(day("2026-03-11")));
    let told = explain(&desk.account, &desk.context(&actor));
    let why = "Notices, demands and locks wait: the ledger comes from elsewhere and was last brought \
               up to date on Jan 1, 2026, and may be 7 days old.";
    assert!(told.why.iter().any(|line| line == why), "{:#?}", told.why);
    let stops = told.next.unwrap().stopped_by;
    assert!(stops.iter().any(|line| line.contains("7 days old by then")), "{stops:?}");

    // It is brought up to date on March 10: one notice for both that were missed (EVAL-2), the lock after
    // three days' warning as ever (LOCK-7).
    desk.ledger = updated("2026-03-10");
    go_to(&mut desk, "2026-03-14");
    let after = [("2026-03-11".to_owned(), Notice)];
    assert_eq!(left(&desk)[2..], after);
    assert_eq!(desk.account.lock().map(|lock| lock.on), Some(day("2026-03-14")));
    desk.leave();
    assert_eq!(left(&desk)[3..], [("2026-03-14".to_owned(), DemandLetter)]);
    // Fresh again, nothing of it is said.
    let told = explain(&desk.account, &desk.context(&actor));
    assert!(!told.why.iter().any(|line| line.contains("elsewhere")), "{:#?}", told.why);
}

#[test]
fn fresh_1_a_ledger_that_was_never_brought_in_is_old_and_one_kept_here_is_not() {
    let never = Some(Ledger { updated_on: None, fresh_days: 7 });
    for (ledger, locked) in [(never, false), (None, true)] {
        let desk = desk(ledger, "2026-03-10");
        assert_eq!(desk.account.is_locked(), locked, "{ledger:?}");
    }
    let desk = desk(never, "2026-02-10");
    let told = explain(&desk.account, &desk.context(&Actor::Schedule));
    assert!(told.why.iter().any(|line| line.ends_with("was never brought up to date.")));
}

#[test]
fn fresh_1_a_warned_client_is_not_locked_by_an_old_ledger() {
    // Warned on February 1 and 15; too old on March 2, the day of the lock, and on the days after.
    let mut desk = desk(updated("2026-02-22"), "2026-03-05");
    assert!(!desk.account.is_locked());
    assert_eq!(left(&desk).len(), 4);
    desk.ledger = updated("2026-03-05");
    desk.next_day();
    assert_eq!(desk.account.lock().map(|lock| lock.on), Some(day("2026-03-06")));
}

#[test]
fn fresh_1_a_letter_that_was_queued_before_waits_and_leaves_as_one_message() {
    let mut desk = desk(updated("2026-01-25"), "2026-02-01");
    assert_eq!(queued(&desk), 1); // the notice of the day
    desk.day = day("2026-02-02"); // the mail service was down overnight
    let letter = desk.account.letters.values().find(|l| l.state == LetterState::Queued).unwrap().id;
    let before = desk.account.clone();
    let refusal = desk.try_run(&Command::ClaimLetter { letter }, &Actor::Schedule).unwrap_err();
    assert_eq!(refusal.rule, "FRESH-1");
    assert!(refusal.text.contains("Jan 25, 2026"), "{}", refusal.text);
    assert_eq!(desk.account, before);
    go_to(&mut desk, "2026-02-15");
    assert_eq!((queued(&desk), left(&desk).len()), (1, 2));
    // With the second notice it is one message (LET-9).
    desk.ledger = updated("2026-02-15");
    desk.run(&Command::Evaluate, &Actor::Schedule);
    assert_eq!(queued(&desk), 1);
    desk.leave();
    assert_eq!(left(&desk)[2..], [("2026-02-15".to_owned(), LetterKind::Notice)]);
    // One that was paid meanwhile doesn't wait: it is withdrawn (LET-4).
    let mut paid = self::desk(updated("2026-01-25"), "2026-02-01");
    paid.ledger = updated("2026-01-01");
    pay(&mut paid);
    paid.leave();
    assert_eq!(left(&paid)[2..], [("2026-02-01".to_owned(), LetterKind::Receipt)]);
    assert_eq!(queued(&paid), 0);
}

fn pay(desk: &mut Desk) {
    let news = News::Told {
        amount: usd(10_000),
        method: Method::Card,
        invoices: vec![invoice(1)],
        seen: Seen::Succeeded,
        on: None,
    };
    desk.credited.entry(domain::money::Currency::USD).or_default();
    desk.run(&Command::RecordPayment { payment: payment(1), news }, &Actor::Gateway);
}

#[test]
fn fresh_1_a_payment_and_an_unlock_wait_for_nothing() {
    let mut desk = desk(None, "2026-03-02");
    assert!(desk.account.is_locked());
    desk.ledger = updated("2026-01-01");
    pay(&mut desk);
    desk.try_run(&Command::RequestUnlock { lines: [].into() }, &staff("bea", Role::BillingLead))
        .unwrap();
    desk.try_run(&Command::ApproveUnlock { lines: [].into() }, &staff("pat", Role::Partner))
        .unwrap();
    assert!(!desk.account.is_locked());
    desk.leave();
    let kinds: Vec<_> = left(&desk).into_iter().map(|(_, kind)| kind).collect();
    assert!(kinds.contains(&LetterKind::WelcomeBack) && kinds.contains(&LetterKind::Receipt));
    assert!(!kinds.contains(&LetterKind::DemandLetter), "{kinds:?}");
}

#[test]
fn fresh_1_a_lock_by_hand_is_a_persons_and_its_letter_waits() {
    let mut desk = desk(updated("2026-01-01"), "2026-02-10");
    let reason = Personal::new("a cheque that bounced twice");
    desk.try_run(&Command::Lock { reason, lines: [].into() }, &staff("pat", Role::Partner))
        .unwrap();
    assert!(desk.account.is_locked());
    desk.leave();
    assert_eq!(left(&desk).len(), 2, "{:?}", left(&desk));
    assert!(left(&desk).iter().all(|(_, kind)| *kind == LetterKind::Reminder));
}

#[test]
fn fresh_1_what_comes_next_assumes_that_letters_in_waiting_leave_and_the_ledger_is_brought_up_to_date()
 {
    // The notice of February 1 is decided, and waits because the ledger is too old from the 2nd on.
    let mut desk = desk(updated("2026-01-25"), "2026-02-01");
    desk.day = day("2026-02-02");
    assert_eq!(queued(&desk), 1);
    desk.leave();
    assert_eq!(queued(&desk), 1, "it waits");
    let actor = Actor::Schedule;
    let events =
        domain::decide::evaluation_on(&desk.account, &desk.context(&actor), day("2026-03-05"));
    assert!(events.iter().any(|event| matches!(event, Event::Locked { .. })), "{events:?}");
}
