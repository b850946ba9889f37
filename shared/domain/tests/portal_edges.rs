//! Locks by hand, approvals and why a portal is as it is, at their edges (LOCK-4, UNL-4, UNL-6, POL-3, EVAL-5).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, staff};
use domain::account::NotCollected;
use domain::calendar::Day;
use domain::command::Command;
use domain::event::Event;
use domain::explain::{explain, not_collected, preview};
use domain::policy::{Action, Policy, Step, When};
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::task::About;
use domain::text::Personal;

fn partner() -> Actor {
    staff("pat", Role::Partner)
}

fn because(why: &str) -> Personal {
    Personal::new(why)
}

#[test]
fn lock_4_locking_again_for_the_same_reason_changes_nothing_and_for_another_says_so() {
    let mut desk = Desk::new(Policy::default());
    let lock = |why: &str| Command::Lock { reason: because(why), lines: [].into() };
    for (why, written, reason) in
        [("fraud", 1, "fraud"), ("fraud", 0, "fraud"), ("court order", 1, "court order")]
    {
        let events = desk.try_run(&lock(why), &partner()).unwrap();
        let locks = events.iter().filter(|event| matches!(event, Event::Locked { .. })).count();
        assert_eq!(locks, written, "for {why}");
        let told = explain(&desk.account, &desk.context(&Actor::Schedule)).why[0].clone();
        assert!(told.to_lowercase().contains(reason), "{told}");
        assert_eq!(desk.account.lock().unwrap().episode, 1, "it is one episode");
    }
}

#[test]
fn unl_6_approving_is_refused_where_nothing_was_locked_or_the_last_unlock_was_no_approval() {
    let mut desk = Desk::new(Policy::default());
    let refused = |desk: &mut Desk| {
        let refusal =
            desk.try_run(&Command::ApproveUnlock { lines: [].into() }, &partner()).unwrap_err();
        assert_eq!((refusal.kind, refusal.rule), (RefusalKind::Conflict, "UNL-6"), "{refusal}");
    };
    refused(&mut desk);
    desk.try_run(&Command::Lock { reason: because("fraud"), lines: [].into() }, &partner())
        .unwrap();
    let until: Option<Day> = Some("2026-02-01".parse().unwrap());
    let exception =
        Command::ExceptionUnlock { reason: because("he came by"), until, lines: [].into() };
    desk.try_run(&exception, &partner()).unwrap();
    refused(&mut desk);
}

#[test]
fn unl_4_an_exception_is_told_with_its_end() {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::Lock { reason: because("fraud"), lines: [].into() }, &partner())
        .unwrap();
    let until: Option<Day> = Some("2026-02-01".parse().unwrap());
    let exception =
        Command::ExceptionUnlock { reason: because("he came by"), until, lines: [].into() };
    desk.try_run(&exception, &partner()).unwrap();
    let why = explain(&desk.account, &desk.context(&Actor::Schedule)).why;
    let told =
        "No automatic lock is set until Feb 1, 2026: an exception was granted on Jan 1, 2026.";
    assert!(why.iter().any(|line| line == told), "{why:?}");
}

#[test]
fn inv_4_each_reason_why_nothing_is_collected_has_words_of_its_own() {
    use NotCollected::{
        BelowThreshold, Closed, Disputed, HardStop, InFlight, NotPosted, OnHold, Planned, Promised,
        Resting, WithCollections,
    };
    let all = [
        (Closed, "owed"),
        (NotPosted, "posted"),
        (Disputed, "disputed"),
        (BelowThreshold, "threshold"),
        (HardStop, "any more"),
        (OnHold, "hold"),
        (Promised, "promise"),
        (Planned, "plan"),
        (InFlight, "debit"),
        (Resting, "rests"),
        (WithCollections, "collector"),
    ];
    for (why, word) in all {
        assert!(not_collected(why).contains(word), "{why:?}: {}", not_collected(why));
    }
}

#[test]
fn eval_5_what_a_command_would_do_is_said_in_sentences_and_nothing_is_done() {
    let mut desk = Desk::new(Policy::default());
    let lock = Command::Lock { reason: because("fraud"), lines: [].into() };
    let before = desk.account.clone();
    let actor = partner();
    let told = preview(&desk.account, &lock, &desk.context(&actor)).unwrap();
    assert!(told[0].contains("fraud"), "{told:?}");
    assert!(told[1..].iter().all(|line| line.contains("task")), "nothing is owed: {told:?}");
    assert_eq!(desk.account, before);
    let client = Actor::Client { contact: None };
    let refusal = preview(&desk.account, &lock, &desk.context(&client)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::Forbidden);
    // A letter to be sent is no decision that is told beforehand twice.
    desk.try_run(&lock, &actor).unwrap();
    assert_eq!(preview(&desk.account, &lock, &desk.context(&actor)), Ok(Vec::new()));
}

#[test]
fn pol_3_an_approved_review_becomes_a_task_and_an_approved_letter_a_letter() {
    for (action, tasks, letters) in
        [(Action::ReviewTask, &["review_task"][..], 0), (Action::DemandLetter, &[], 1)]
    {
        let mut policy = Policy::default();
        policy.lock.unpaid_invoices = None;
        policy.lock.days_overdue = None;
        policy.lock.after_notice_days = 0;
        policy.regular.reminders = Vec::new();
        let when = When::DaysOverdue(5);
        let step = Step { needs_approval: true, ..Step::new(when, action) };
        policy.regular.steps = vec![step];
        let mut desk = Desk::new(policy);
        desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
        while desk.day < "2026-02-05".parse().unwrap() {
            desk.next_day();
        }
        let kinds = |desk: &Desk| {
            desk.account.tasks.values().map(|task| task.about.kind()).collect::<Vec<_>>()
        };
        assert_eq!(kinds(&desk), ["approve_step"]);
        desk.try_run(&Command::ApproveStep { action }, &partner()).unwrap();
        assert_eq!(kinds(&desk), tasks, "{action:?}");
        let debts = desk.account.letters.values().filter(|letter| letter.content.is_debt());
        assert_eq!(debts.count(), letters, "{action:?}");
        let of = |about: &About| about.step().map(|(_, invoices)| invoices.clone());
        let named = desk.account.tasks.values().filter_map(|task| of(&task.about));
        assert!(named.into_iter().all(|invoices| invoices == [invoice(1)].into()));
    }
}

#[test]
fn prom_1_how_far_a_client_may_promise_is_said_in_days() {
    for (max_days, words) in [(1, "1 day "), (14, "14 days ")] {
        let mut policy = Policy::default();
        policy.promise.max_days = max_days;
        let mut desk = Desk::new(policy);
        desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
        let until = domain::calendar::plus(desk.day, max_days + 1);
        let promise = Command::MakePromise { invoice: Some(invoice(1)), until };
        let refusal = desk.try_run(&promise, &Actor::Client { contact: None }).unwrap_err();
        assert!(format!("{} ", refusal.text).contains(words), "{refusal}");
    }
}
