//! Limits, advance notices and the end of an engagement, where no timeline reaches: imports, an old ledger, the
//! firm's stop, letters that wait, one thing a day (POL-3, LOCK-3, LOCK-10, FRESH-1, LET-4, DIS-1, CLOSE-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::access::{Capability, PortalState};
use domain::command::{Command, DisputeOutcome, News};
use domain::decide::letters::sending;
use domain::decide::next_evaluation;
use domain::describe::describe;
use domain::event::Event;
use domain::explain::explain;
use domain::ledger::Ledger;
use domain::letter::{LetterKind, LetterState};
use domain::payment::{Method, Seen};
use domain::policy::read::read_text;
use domain::role::{Actor, Role};
use domain::run::Latitude;
use domain::task::About;
use domain::text::Personal;

/// One invoice over 100.00 of January 1, due on the 2nd: day N overdue is January 2 + N.
fn desk(lock: &str, steps: &str) -> Desk {
    let text =
        format!("{{lock: {lock}, regular: {{terms: net 1, reminders: [], steps: [{steps}]}}}}");
    let mut desk = Desk::new(read_text(&text).unwrap());
    desk.run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Schedule);
    desk
}

const NO_LOCK: &str = "{days_overdue: off, unpaid_invoices: off}";

fn go_to(desk: &mut Desk, day: &str) {
    while desk.day < day.parse().unwrap() {
        desk.next_day();
    }
}

fn pay(desk: &mut Desk, minor: u64, actor: &Actor) -> Vec<Event> {
    let news = News::Told {
        amount: usd(minor),
        method: Method::Check,
        invoices: vec![invoice(1)],
        seen: Seen::Succeeded,
        on: None,
    };
    desk.run(&Command::RecordPayment { payment: payment(1), news }, actor)
}

fn queued(desk: &Desk) -> Vec<LetterKind> {
    let letters = desk.account.letters.values().filter(|l| l.state == LetterState::Queued);
    let as_of = |letter| sending(&desk.account, &desk.policy.policy, letter, desk.day);
    letters.filter_map(|letter| as_of(letter).map(|sending| sending.kind)).collect()
}

#[test]
fn pol_3_what_an_import_pays_ends_a_limit_and_what_it_brings_begins_none() {
    let mut desk = desk(NO_LOCK, "{at: 5, do: limit}");
    go_to(&mut desk, "2026-01-07");
    assert_eq!(desk.account.portal(), PortalState::Limited);
    let events = pay(&mut desk, 10_000, &Actor::Import);
    assert!(events.iter().any(|event| matches!(event, Event::LimitEnded { .. })), "{events:?}");
    assert_eq!(desk.account.portal(), PortalState::Open);
    // An import fires nothing by itself (LOCK-10): what it brings meets the next run.
    let mut late = new_invoice(2, 5_000);
    late.issued_on = Some("2025-12-01".parse().unwrap());
    desk.run(&Command::IssueInvoice(late), &Actor::Import);
    assert_eq!(desk.account.portal(), PortalState::Open);
    desk.next_day();
    assert_eq!(desk.account.portal(), PortalState::Limited);
}

#[test]
fn fresh_1_and_lock_10_a_limit_waits_for_the_ledger_and_for_the_firm_but_not_to_end() {
    let stop: fn(&mut Desk, bool) = |desk, is_on| {
        desk.latitude = if is_on { Latitude::Stopped } else { Latitude::Full };
    };
    let old: fn(&mut Desk, bool) = |desk, is_on| {
        desk.ledger = is_on.then_some(Ledger { updated_on: None, fresh_days: 7 });
    };
    for hinder in [stop, old] {
        let mut desk = desk(NO_LOCK, "{at: 5, do: limit, notify_before: [2]}");
        hinder(&mut desk, true);
        go_to(&mut desk, "2026-01-08");
        assert_eq!((desk.account.portal(), queued(&desk)), (PortalState::Open, vec![]));
        // Also one that was there before and comes back.
        hinder(&mut desk, false);
        desk.run(&Command::Evaluate, &Actor::Schedule);
        assert_eq!(desk.account.portal(), PortalState::Limited);
        hinder(&mut desk, true);
        desk.next_day();
        assert_eq!(desk.account.portal(), PortalState::Limited, "what is there stays");
        pay(&mut desk, 10_000, &Actor::Gateway);
        assert_eq!(desk.account.portal(), PortalState::Open);
        let refund = News::Refunded { id: "r-1".parse().unwrap(), amount: None };
        desk.run(&Command::RecordPayment { payment: payment(1), news: refund }, &Actor::Gateway);
        assert_eq!(desk.account.portal(), PortalState::Open, "its return waits");
        hinder(&mut desk, false);
        desk.run(&Command::Evaluate, &Actor::Schedule);
        assert_eq!(desk.account.portal(), PortalState::Limited);
    }
}

#[test]
fn let_4_a_notice_that_waits_is_withdrawn_when_what_it_announces_is_there() {
    // The notice is of Saturday the 10th and leaves on Monday; the lock is of Sunday.
    let lock = "{days_overdue: 9, unpaid_invoices: off, after_notice_days: 0, letter: off, \
                 notify_before: [1]}";
    let mut desk = desk(lock, "");
    desk.policy.policy.letters.working_days_only = true;
    go_to(&mut desk, "2026-01-10");
    assert_eq!(queued(&desk), [LetterKind::LockNotice]);
    desk.next_day();
    assert_eq!(desk.account.portal(), PortalState::Locked);
    assert_eq!(queued(&desk), []);
    go_to(&mut desk, "2026-01-13");
    let states: Vec<_> = desk.account.letters.values().map(|letter| &letter.state).collect();
    assert!(matches!(states[..], [LetterState::Withdrawn { .. }]), "{states:?}");
}

#[test]
fn dis_1_after_a_rejection_a_limit_takes_its_turn() {
    let mut desk =
        desk(NO_LOCK, "{at: 3, do: notice}, {at: 5, do: limit}, {at: 6, do: review_task}");
    let pat = staff("pat", Role::Partner);
    let (invoice, reason) = (invoice(1), Personal::new("not ours"));
    let dispute = Command::OpenDispute { invoice: invoice.clone(), amount: None, reason };
    desk.try_run(&dispute, &pat).unwrap();
    go_to(&mut desk, "2026-01-12");
    let reject = Command::ResolveDispute { invoice, outcome: DisputeOutcome::Rejected };
    desk.try_run(&reject, &pat).unwrap();
    let happened = |desk: &Desk| {
        let review =
            desk.account.tasks.values().any(|t| matches!(t.about, About::ReviewTask { .. }));
        let notices = desk.account.letters.len();
        (notices, desk.account.portal() == PortalState::Limited, review)
    };
    assert_eq!(happened(&desk), (1, false, false));
    desk.next_day();
    assert_eq!(happened(&desk), (1, true, false));
    desk.next_day();
    assert_eq!(happened(&desk), (1, true, true));
}

#[test]
fn close_1_nobody_but_a_partner_and_nothing_without_a_proposal() {
    let mut desk = desk(NO_LOCK, "{at: 1, do: notice}, {at: 5, do: close}");
    let pat = staff("pat", Role::Partner);
    let refused = |desk: &mut Desk, actor: &Actor| {
        desk.try_run(&Command::ApproveClose, actor).unwrap_err().rule
    };
    go_to(&mut desk, "2026-01-06");
    assert_eq!(refused(&mut desk, &pat), "CLOSE-1");
    go_to(&mut desk, "2026-01-07");
    for actor in [staff("bea", Role::BillingLead), Actor::Client { contact: None }, Actor::Schedule]
    {
        assert_eq!(refused(&mut desk, &actor), "STAFF-1", "{actor:?}");
    }
    // A proposal is no task to be closed by hand: it goes with the debt, or is approved.
    let task = *desk.account.tasks.keys().next().unwrap();
    let by_hand = desk.try_run(&Command::CloseTask { task }, &pat).unwrap_err();
    assert_eq!(by_hand.rule, "STAFF-1");
    desk.try_run(&Command::ApproveClose, &pat).unwrap();
    assert_eq!(desk.account.portal(), PortalState::Closed);
    assert_eq!(next_evaluation(&desk.account, &desk.context(&Actor::Schedule)), None);
    let why = explain(&desk.account, &desk.context(&Actor::Schedule)).why;
    assert_eq!(why[0], "The engagement ended on Jan 7, 2026, approved by pat.");
    assert_eq!(desk.try_run(&Command::ApproveClose, &pat).unwrap(), []);
    let promise = Command::MakePromise { invoice: None, until: "2026-01-09".parse().unwrap() };
    desk.try_run(&promise, &Actor::Client { contact: None }).unwrap();
    assert_eq!(queued(&desk), [], "no confirmation, nor anything else");
    for _ in 0..60 {
        desk.leave();
        desk.day = domain::calendar::plus(desk.day, 1);
        assert_eq!(desk.run(&Command::Evaluate, &Actor::Schedule), []);
    }
}

#[test]
fn pol_3_restrictions_are_told_in_sentences() {
    let mut desk = desk(
        "{days_overdue: off, unpaid_invoices: off, letter: off}",
        "{at: 2, do: notice, notify_before: [1]}, {at: 5, do: limit}, \
         {at: 7, do: limit, capabilities: [act_form]}, {at: 9, do: close}",
    );
    go_to(&mut desk, "2026-01-11");
    let why = explain(&desk.account, &desk.context(&Actor::Schedule)).why;
    assert_eq!(why[0], "The portal is limited since Jan 7, 2026: 1 unpaid invoice over 5 days.");
    desk.try_run(&Command::ApproveClose, &staff("pat", Role::Partner)).unwrap();
    let told: Vec<_> = desk.events.iter().map(describe).collect();
    for expected in [
        "reaches the notice 1 day before the notice at 2 days overdue over A-1",
        "reaches the limit of the portal at 5 days overdue over A-1",
        "limits the portal, without statements and documents: 1 unpaid invoice over 5 days",
        "goes on limiting the portal, without statements, documents and forms: 1 unpaid invoice over 5 days",
        "waits for approval of the end of the engagement at 9 days overdue over A-1",
        "opens a task to end the engagement over A-1",
        "ends the engagement, approved by pat",
        "ends the limit of the portal: 1 unpaid invoice over 5 days",
        "closes the task to end the engagement",
    ] {
        assert!(told.iter().any(|told| told == expected), "{expected}: {told:#?}");
    }
    let news = domain::tell::news(&desk.events);
    let news: BTreeSet<_> = news.into_iter().map(|news| news.text).collect();
    for expected in [
        "portal limited, 1 unpaid invoice over 5 days",
        "portal no longer limited",
        "the engagement is to be ended, if a partner approves",
        "engagement ended, approved by pat",
    ] {
        assert!(news.contains(expected), "{expected}: {news:#?}");
    }
}

#[test]
fn pol_3_two_kinds_of_invoices_limit_together() {
    let mut desk = desk(NO_LOCK, "{at: 5, do: limit}");
    desk.policy.policy.out_of_turn.steps =
        read_text("out_of_turn: {steps: [{at: 3, do: limit, capabilities: [act_upload]}]}")
            .unwrap()
            .out_of_turn
            .steps;
    let mut other = new_invoice(2, 5_000);
    other.kind = domain::invoice::InvoiceKind::OutOfTurn;
    other.due_on = Some("2026-01-02".parse().unwrap());
    desk.run(&Command::IssueInvoice(other), &Actor::Schedule);
    go_to(&mut desk, "2026-01-07");
    use Capability::{ActUpload, Documents, Statements};
    assert_eq!(
        desk.account.limits().capabilities,
        BTreeSet::from([Statements, Documents, ActUpload])
    );
    assert_eq!(desk.account.portal_reason().unwrap(), "2 unpaid invoices over 3 days");
    pay(&mut desk, 10_000, &Actor::Gateway);
    assert_eq!(desk.account.limits().capabilities, BTreeSet::from([ActUpload]));
    assert_eq!(desk.account.portal_reason().unwrap(), "1 unpaid invoice over 3 days");
}
