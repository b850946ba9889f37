//! Promises and plans that are made again, replaced or ended before their confirmation leaves (LET-4, PROM-1,
//! PLAN-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::calendar::Day;
use domain::command::{Command, DisputeOutcome, News};
use domain::concern::ConcernKind;
use domain::event::Event;
use domain::id::InvoiceId;
use domain::letter::{LetterKind, LetterState};
use domain::payment::{Method, Seen};
use domain::plan::Instalment;
use domain::policy::Policy;
use domain::role::{Actor, Role};
use domain::text::Personal;

const CLIENT: Actor = Actor::Client { contact: None };

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn partner() -> Actor {
    staff("pat", Role::Partner)
}

/// A client with two invoices over 100.00 of January 1, overdue since February 1, on the 3rd.
fn desk() -> Desk {
    let mut policy = Policy::default();
    policy.regular.reminders = Vec::new();
    let mut desk = Desk::new(policy);
    for number in [1, 2] {
        desk.try_run(&Command::IssueInvoice(new_invoice(number, 10_000)), &Actor::Import).unwrap();
    }
    while desk.day < day("2026-02-03") {
        desk.next_day();
    }
    desk.leave();
    desk
}

fn promise(number: u8, until: &str) -> Command {
    Command::MakePromise { invoice: Some(invoice(number)), until: day(until) }
}

fn plan(numbers: &[u8], instalments: &[(&str, u64)]) -> Command {
    let instalment =
        |(due_on, minor): &(&str, u64)| Instalment { due_on: day(due_on), amount: usd(*minor) };
    Command::BeginPlan {
        invoices: numbers.iter().map(|number| invoice(*number)).collect(),
        instalments: instalments.iter().map(instalment).collect(),
    }
}

fn pay(number: u8, minor: u64) -> Command {
    let news = News::Told {
        amount: usd(minor),
        method: Method::Check,
        invoices: vec![invoice(number)],
        seen: Seen::Succeeded,
        on: None,
    };
    Command::RecordPayment { payment: payment(number), news }
}

/// The confirmations in the order in which they were decided: those that left with their invoices.
fn confirmations(desk: &Desk) -> Vec<Option<BTreeSet<InvoiceId>>> {
    let kinds = [LetterKind::PromiseConfirmation, LetterKind::PlanConfirmation];
    let letters = desk
        .account
        .letters
        .values()
        .filter(|letter| letter.content.fixed_kind().is_some_and(|kind| kinds.contains(&kind)));
    let left = letters.map(|letter| match &letter.state {
        LetterState::Left(sending) => Some(sending.invoices.clone()),
        LetterState::Withdrawn { .. } => None,
        LetterState::Queued => panic!("it waits: {letter:?}"),
    });
    left.collect()
}

#[test]
fn let_4_a_promise_is_confirmed_as_long_as_it_runs() {
    let one: BTreeSet<_> = [invoice(1)].into();
    let all = Command::MakePromise { invoice: None, until: day("2026-02-10") };
    let void = Command::VoidInvoice { invoice: invoice(1), reason: Personal::new("wrong") };
    let cases = [
        ("it runs", vec![promise(1, "2026-02-10")], vec![Some(one.clone())]),
        ("it was kept", vec![promise(1, "2026-02-10"), pay(1, 10_000)], vec![None]),
        ("a part was paid", vec![promise(1, "2026-02-10"), pay(1, 5_000)], vec![Some(one.clone())]),
        ("nothing is owed", vec![promise(1, "2026-02-10"), void], vec![None]),
        (
            "another took its place",
            vec![promise(1, "2026-02-10"), promise(1, "2026-02-12")],
            vec![None, Some(one.clone())],
        ),
        (
            "it took its place back",
            vec![promise(1, "2026-02-10"), promise(1, "2026-02-12"), promise(1, "2026-02-10")],
            vec![None, None, Some(one.clone())],
        ),
        (
            "another took a part of it",
            vec![all.clone(), promise(2, "2026-02-12")],
            vec![Some(one.clone()), Some([invoice(2)].into())],
        ),
        ("one of two was paid", vec![all, pay(2, 10_000)], vec![Some(one)]),
    ];
    for (what, commands, expected) in cases {
        let mut desk = desk();
        for command in commands {
            desk.try_run(&command, &partner()).unwrap();
        }
        desk.leave();
        assert_eq!(confirmations(&desk), expected, "{what}");
    }
}

#[test]
fn let_4_a_promise_that_was_broken_before_its_letter_left_is_not_confirmed() {
    let mut desk = desk();
    desk.try_run(&promise(1, "2026-02-03"), &partner()).unwrap();
    desk.day = day("2026-02-04"); // its evaluation is late
    desk.leave();
    assert_eq!(confirmations(&desk), [None]);
}

#[test]
fn let_4_a_plan_is_confirmed_as_long_as_it_runs() {
    let once = || plan(&[1], &[("2026-02-20", 10_000)]);
    let twice = || plan(&[1], &[("2026-02-20", 5_000), ("2026-03-20", 5_000)]);
    let both = || plan(&[1, 2], &[("2026-02-20", 20_000)]);
    let one: BTreeSet<_> = [invoice(1)].into();
    let cases = [
        ("it runs", vec![once()], vec![Some(one.clone())]),
        ("it was kept", vec![once(), pay(1, 10_000)], vec![None]),
        ("another took its place", vec![once(), twice()], vec![None, Some(one.clone())]),
        (
            "one over more took its place",
            vec![once(), both()],
            vec![None, Some([invoice(1), invoice(2)].into())],
        ),
        (
            "it took its place back",
            vec![once(), twice(), once()],
            vec![None, None, Some(one.clone())],
        ),
        ("one of two was paid", vec![both(), pay(2, 10_000)], vec![Some(one)]),
    ];
    for (what, commands, expected) in cases {
        let mut desk = desk();
        for command in commands {
            desk.try_run(&command, &partner()).unwrap();
        }
        desk.leave();
        assert_eq!(confirmations(&desk), expected, "{what}");
    }
}

#[test]
fn prom_1_the_same_promise_again_is_that_one() {
    let mut desk = desk();
    desk.policy.policy.promise.max_per_invoice = 1;
    desk.try_run(&promise(1, "2026-02-10"), &CLIENT).unwrap();
    let same = promise(1, "2026-02-10");
    assert_eq!(desk.try_run(&same, &CLIENT), Ok(Vec::new()));
    assert_eq!(desk.try_run(&same, &staff("bea", Role::BillingLead)), Ok(Vec::new()));
    desk.next_day();
    assert_eq!(desk.try_run(&same, &CLIENT), Ok(Vec::new()), "nor does it count on another day");
    // To another day it is another one, of which the client has only so many; and so it is over more.
    assert_eq!(desk.try_run(&promise(1, "2026-02-12"), &CLIENT).unwrap_err().rule, "PROM-1");
    let all = Command::MakePromise { invoice: None, until: day("2026-02-10") };
    let events = desk.try_run(&all, &partner()).unwrap();
    assert!(events.iter().any(|event| matches!(event, Event::PromiseBegun { .. })), "{events:?}");
    assert_eq!(desk.try_run(&promise(2, "2026-02-10"), &CLIENT), Ok(Vec::new()), "it is in there");
    desk.leave();
    assert_eq!(confirmations(&desk).len(), 2);
}

#[test]
fn plan_1_the_same_plan_again_is_that_one() {
    let mut desk = desk();
    let two = plan(&[1], &[("2026-02-05", 5_000), ("2026-03-20", 5_000)]);
    desk.try_run(&two, &partner()).unwrap();
    let turned = plan(&[1], &[("2026-03-20", 5_000), ("2026-02-05", 5_000)]);
    assert_eq!(desk.try_run(&two, &partner()), Ok(Vec::new()));
    assert_eq!(desk.try_run(&turned, &partner()), Ok(Vec::new()), "in whatever order");
    // Also when a part of it is paid and in the past.
    desk.try_run(&pay(1, 5_000), &partner()).unwrap();
    while desk.day < day("2026-02-07") {
        desk.next_day();
    }
    assert_eq!(desk.try_run(&two, &partner()), Ok(Vec::new()));
    // It answers a request that came since, and that is all.
    let wish = Personal::new("half of it in March");
    desk.try_run(&Command::RequestPlan { invoices: [invoice(1)].into(), wish }, &CLIENT).unwrap();
    let events = desk.try_run(&two, &partner()).unwrap();
    assert!(matches!(events[..], [Event::TaskClosed { .. }]), "{events:?}");
    assert_eq!(desk.try_run(&two, &CLIENT).unwrap_err().rule, "STAFF-1");
    desk.leave();
    assert_eq!(confirmations(&desk).len(), 1);
}

/// What needs a person and is no task: as `kind since invoices`, with who looks at a dispute.
fn concerns(desk: &Desk) -> Vec<String> {
    let told = desk.account.concerns().into_iter().map(|concern| {
        let invoices: Vec<_> = concern.invoices.iter().map(|id| id.as_str()).collect();
        let by = concern.reviewed_by.map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{} {} {}{by}", concern.kind.as_str(), concern.since, invoices.join("+"))
    });
    told.collect()
}

fn until(desk: &mut Desk, on: &str) {
    while desk.day < day(on) {
        desk.next_day();
    }
}

#[test]
fn prom_1_plan_1_dis_1_what_needs_a_person_is_told_until_it_is_over() {
    let [one, two] = [invoice(1), invoice(2)];
    let mut desk = desk();
    assert_eq!(concerns(&desk), [""; 0]);
    // A promise that isn't kept, until a newer one takes its place.
    desk.run(&promise(1, "2026-02-05"), &CLIENT);
    until(&mut desk, "2026-02-05");
    assert_eq!(concerns(&desk), [""; 0], "it is kept on its last day");
    until(&mut desk, "2026-02-07");
    assert_eq!(concerns(&desk), [format!("broken_promise 2026-02-06 {one}")]);
    desk.run(&promise(1, "2026-02-10"), &CLIENT);
    assert_eq!(concerns(&desk), [""; 0]);
    until(&mut desk, "2026-02-11");
    assert_eq!(concerns(&desk), [format!("broken_promise 2026-02-11 {one}")]);
    // A plan that isn't: since its first missed instalment and the days of grace.
    let parts = [("2026-02-12", 5_000), ("2026-03-20", 15_000)];
    desk.run(&plan(&[1, 2], &parts), &partner());
    assert_eq!(concerns(&desk), [""; 0], "the plan covers it");
    until(&mut desk, "2026-02-18");
    let both = format!("{one}+{two}");
    assert_eq!(concerns(&desk), [format!("broken_plan 2026-02-16 {both}")]);
    // A request and a dispute beside it; who looks at it is told.
    let wish = Personal::new("in three parts");
    desk.run(&Command::RequestPlan { invoices: [two.clone()].into(), wish }, &CLIENT);
    let dispute = Command::OpenDispute {
        invoice: two.clone(),
        amount: None,
        reason: Personal::new("not ordered"),
    };
    desk.run(&dispute, &CLIENT);
    let disputed = format!("dispute 2026-02-18 {two}");
    let (plan, request) =
        (format!("broken_plan 2026-02-16 {both}"), format!("plan_request 2026-02-18 {two}"));
    assert_eq!(concerns(&desk), [disputed.clone(), plan.clone(), request.clone()]);
    desk.run(&Command::ReviewDispute { invoice: two.clone() }, &partner());
    assert_eq!(concerns(&desk), [format!("{disputed} by pat"), plan, request.clone()]);
    let oldest = desk.account.oldest_concerns();
    assert_eq!(oldest[1], (ConcernKind::BrokenPlan, day("2026-02-16")));
    // What is paid or decided needs nobody.
    desk.run(&pay(1, 10_000), &partner());
    assert_eq!(concerns(&desk)[1], format!("broken_plan 2026-02-16 {two}"));
    let outcome = DisputeOutcome::Rejected;
    desk.run(&Command::ResolveDispute { invoice: two.clone(), outcome }, &partner());
    desk.run(&pay(2, 10_000), &partner());
    assert!(
        !concerns(&desk).iter().any(|told| told.starts_with("broken") || told.starts_with("dis"))
    );
}
