//! What a client asks of the firm: a plan, and to have its portal opened (PLAN-1, UNL-1, UNL-6, LET-8).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::calendar::plus;
use domain::command::{Command, NewInvoice, News};
use domain::event::Event;
use domain::money::Money;
use domain::payment::{Method, Seen};
use domain::plan::Instalment;
use domain::policy::{Policy, UnlockMode};
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::text::{MAX_TEXT_BYTES, Personal};

const CLIENT: Actor = Actor::Client { contact: None };

/// A client that owes A-1, so many days after it was issued.
fn after(days: u32, policy: Policy) -> Desk {
    let mut desk = Desk::new(policy);
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    for _ in 0..days {
        desk.next_day();
    }
    desk
}

fn plan_for(numbers: &[u8], wish: &str) -> Command {
    let invoices = numbers.iter().map(|number| invoice(*number)).collect();
    Command::RequestPlan { invoices, wish: Personal::new(wish) }
}

fn unlock() -> Command {
    Command::AskForUnlock { words: Personal::new("we paid by check") }
}

fn paid(minor: u64) -> Command {
    let news = News::Told {
        amount: usd(minor),
        method: Method::Card,
        invoices: vec![invoice(1)],
        seen: Seen::Succeeded,
        on: None,
    };
    Command::RecordPayment { payment: payment(1), news }
}

fn tasks(desk: &Desk) -> BTreeSet<&'static str> {
    desk.account.tasks.values().map(|task| task.about.kind()).collect()
}

#[test]
fn plan_1_who_may_ask_for_a_plan_and_for_what() {
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    let bea = staff("bea", Role::BillingLead);
    for (actor, command, expected) in [
        (&CLIENT, plan_for(&[1], "half now"), None),
        (&Actor::Link, plan_for(&[1], "half now"), None),
        (&bea, plan_for(&[1], "half now"), None),
        (&staff("pre", Role::Preparer), plan_for(&[1], "half now"), Some(RefusalKind::Forbidden)),
        (&CLIENT, plan_for(&[], "half now"), Some(RefusalKind::Invalid)),
        (&CLIENT, plan_for(&[1], " \n"), Some(RefusalKind::Invalid)),
        (&CLIENT, plan_for(&[1], &long), Some(RefusalKind::Invalid)),
        (&CLIENT, plan_for(&[1, 7], "half now"), Some(RefusalKind::NotFound)),
        // One currency; and what isn't out yet isn't there for a client.
        (&CLIENT, plan_for(&[1, 2], "half now"), Some(RefusalKind::Invalid)),
        (&CLIENT, plan_for(&[3], "half now"), Some(RefusalKind::NotFound)),
        (&bea, plan_for(&[3], "half now"), None),
    ] {
        let mut desk = after(40, Policy::default());
        let yen = Money::new(900, "JPY".parse().unwrap());
        let posts_on = Some(plus(desk.day, 9));
        for new in [
            NewInvoice { total: yen, ..new_invoice(2, 0) },
            NewInvoice { posts_on, ..new_invoice(3, 500) },
        ] {
            desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
        }
        let refused = desk.try_run(&command, actor).err();
        assert_eq!(refused.as_ref().map(|no| no.kind), expected, "{actor:?}: {command:?}");
        assert_eq!(tasks(&desk).contains("plan_request"), expected.is_none());
    }
}

#[test]
fn plan_1_a_request_waits_for_a_partner_and_is_a_response() {
    let mut desk = after(40, Policy::default());
    desk.try_run(&plan_for(&[1], "half now"), &CLIENT).unwrap();
    assert_eq!(desk.account.responses.len(), 1, "LET-8");
    assert_eq!(desk.try_run(&plan_for(&[1], "half now"), &CLIENT).unwrap(), [], "the same is one");
    let first = *desk.account.tasks.keys().next().unwrap();
    desk.try_run(&plan_for(&[1], "a third each month"), &CLIENT).unwrap();
    let second = *desk.account.tasks.keys().next().unwrap();
    assert!(desk.account.tasks.len() == 1 && first != second, "the newer takes its place");
    // Nothing rests because of it: a request is no plan.
    assert!(!desk.account.is_planned(&invoice(1), desk.day));
    let close = Command::CloseTask { task: second };
    let no = desk.try_run(&close, &staff("bea", Role::BillingLead)).unwrap_err();
    assert_eq!(no.kind, RefusalKind::Forbidden, "a partner decides");
    let pat = staff("pat", Role::Partner);
    let instalments = vec![Instalment { due_on: plus(desk.day, 30), amount: usd(10_000) }];
    let plan = Command::BeginPlan { invoices: BTreeSet::from([invoice(1)]), instalments };
    desk.try_run(&plan, &pat).unwrap();
    assert!(desk.account.tasks.is_empty() && desk.account.plan.is_some());
}

#[test]
fn plan_1_a_request_ends_with_a_no_or_with_the_debt() {
    let pat = staff("pat", Role::Partner);
    for is_paid in [true, false] {
        let mut desk = after(40, Policy::default());
        desk.try_run(&plan_for(&[1], "half now"), &CLIENT).unwrap();
        let task = *desk.account.tasks.keys().next().unwrap();
        let (command, actor) = match is_paid {
            true => (paid(10_000), &Actor::Gateway),
            false => (Command::CloseTask { task }, &pat),
        };
        desk.try_run(&command, actor).unwrap();
        assert!(desk.account.tasks.is_empty(), "{command:?}");
    }
}

#[test]
fn unl_1_a_client_asks_and_two_people_of_the_firm_still_decide() {
    let mut desk = after(70, Policy::default());
    assert!(desk.account.is_locked());
    let (bea, pat) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
    for actor in [&bea, &pat, &Actor::Schedule] {
        let no = desk.try_run(&unlock(), actor).unwrap_err();
        assert_eq!(no.kind, RefusalKind::Forbidden, "{actor:?}");
    }
    desk.try_run(&unlock(), &CLIENT).unwrap();
    assert!(tasks(&desk).contains("unlock_asked"));
    assert_eq!(desk.try_run(&unlock(), &CLIENT).unwrap(), [], "a second one is the same (UNL-6)");
    desk.try_run(&paid(10_000), &Actor::Gateway).unwrap();
    assert!(tasks(&desk).contains("unlock_asked"), "payment answers nobody");
    let no = desk.try_run(&Command::ApproveUnlock { lines: [].into() }, &pat).unwrap_err();
    assert_eq!(no.rule, "UNL-1", "the client is none of the two: {no}");
    desk.try_run(&Command::RequestUnlock { lines: [].into() }, &bea).unwrap();
    assert!(!tasks(&desk).contains("unlock_asked"), "bea has taken it up");
    assert_eq!(desk.try_run(&unlock(), &CLIENT).unwrap(), [], "it is asked for already");
    desk.try_run(&Command::ApproveUnlock { lines: [].into() }, &pat).unwrap();
    let no = desk.try_run(&unlock(), &CLIENT).unwrap_err();
    assert_eq!((no.kind, no.rule), (RefusalKind::Conflict, "UNL-6"));
}

#[test]
fn unl_3_what_opens_by_itself_need_not_be_asked_for() {
    let mut policy = Policy::default();
    policy.unlock.mode = UnlockMode::OnPayment;
    let mut desk = after(70, policy);
    let no = desk.try_run(&unlock(), &CLIENT).unwrap_err();
    assert_eq!((no.kind, no.rule), (RefusalKind::Conflict, "UNL-3"));
    // Nothing opens a lock by hand by itself.
    let lock = Command::Lock { reason: Personal::new("no records"), lines: [].into() };
    desk.try_run(&lock, &staff("bea", Role::BillingLead)).unwrap();
    desk.try_run(&unlock(), &CLIENT).unwrap();
    let until = Some(plus(desk.day, 5));
    let open =
        Command::ExceptionUnlock { reason: Personal::new("agreed"), until, lines: [].into() };
    let events = desk.try_run(&open, &staff("pat", Role::Partner)).unwrap();
    assert!(
        events
            .iter()
            .any(|event| matches!(event, Event::TaskClosed { kind, .. } if kind == "unlock_asked"))
    );
}

#[test]
fn prom_1_and_dis_1_what_is_not_out_yet_is_not_there_for_a_client() {
    let mut desk = after(10, Policy::default());
    let posts_on = Some(plus(desk.day, 9));
    let new = NewInvoice { posts_on, ..new_invoice(3, 500) };
    desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    let until = plus(desk.day, 3);
    for id in [invoice(3), invoice(9)] {
        let reason = Personal::new("wrong");
        for command in [
            Command::MakePromise { invoice: Some(id.clone()), until },
            Command::OpenDispute { invoice: id.clone(), amount: None, reason },
        ] {
            let no = desk.try_run(&command, &CLIENT).unwrap_err();
            let expected = (RefusalKind::NotFound, format!("there is no open invoice {id}"));
            assert_eq!((no.kind, no.text), expected);
        }
    }
}
