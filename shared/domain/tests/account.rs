//! What a timeline can't show: limits, roles, what must be looked up, large payments, explanations.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::access::{Denial, denial_text};
use domain::account::{LookedUp, MAX_OPEN_INVOICES};
use domain::calendar::{minus, plus};
use domain::command::{Command, DisputeOutcome, News, needs};
use domain::event::Event;
use domain::explain::explain;
use domain::invoice::Line;
use domain::letter::LetterId;
use domain::lock::Scope;
use domain::money::Money;
use domain::payment::{Method, Seen};
use domain::plan::{Instalment, MAX_INSTALMENTS, Outcome};
use domain::policy::{Action, Policy};
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::text::{MAX_TEXT_BYTES, Personal};

const CLIENT: Actor = Actor::Client { contact: None };

fn reason() -> Personal {
    Personal::new("because")
}

/// One overdue invoice on a locked client.
fn locked() -> Desk {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    for _ in 0..70 {
        desk.next_day();
    }
    assert!(desk.account.is_locked());
    desk
}

#[test]
fn pay_4_an_invoice_says_which_bank_account_its_money_goes_to() {
    use domain::invoice::{Deposit, Invoice};
    for (deposit, word, told) in [
        (None, None, ""),
        (Some(Deposit::Operating), Some("operating"), "for the operating account"),
        (Some(Deposit::Trust), Some("trust"), "for the trust account"),
    ] {
        let mut desk = Desk::new(Policy::default());
        let new = domain::command::NewInvoice { deposit, ..new_invoice(1, 10_000) };
        let events = desk.try_run(&Command::IssueInvoice(new.clone()), &Actor::Import).unwrap();
        let invoice = &desk.account.invoices[&new.id];
        assert_eq!(invoice.deposit, deposit);
        let text = domain::describe::describe(&events[0]);
        assert!(text.contains(told) || deposit.is_none(), "{text}");
        // What is not said is not there, so that what was kept before reads the same.
        let json = serde_json::to_value(invoice).unwrap();
        assert_eq!(json.get("deposit").and_then(|value| value.as_str()), word);
        assert_eq!(serde_json::from_value::<Invoice>(json).unwrap(), *invoice);
    }
    for text in ["", "Trust", "escrow"] {
        assert!(text.parse::<Deposit>().unwrap_err().contains("expected operating or trust"));
    }
}

#[test]
fn inv_7_the_5001st_open_invoice_is_refused() {
    let mut desk = Desk::new(Policy::default());
    let mut new = new_invoice(1, 100);
    for number in 0..MAX_OPEN_INVOICES {
        new.id = format!("B-{number}").parse().unwrap();
        let template = new_invoice(1, 100);
        desk.account.invoices.insert(new.id.clone(), issued(&desk, &template, new.id.as_str()));
    }
    new.id = "B-one-too-many".parse().unwrap();
    let refusal = desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap_err();
    assert!(refusal.text.contains("5000 open invoices"), "{refusal}");
}

fn issued(
    desk: &Desk,
    template: &domain::command::NewInvoice,
    id: &str,
) -> domain::invoice::Invoice {
    let mut scratch = Desk::new(Policy::default());
    scratch.day = desk.day;
    let id: domain::id::InvoiceId = id.parse().unwrap();
    let new = domain::command::NewInvoice { id: id.clone(), ..template.clone() };
    scratch.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    scratch.account.invoices[&id].clone()
}

#[test]
fn inv_5_the_total_is_the_sum_of_the_lines() {
    let line = |quantity, unit, tax| Line {
        description: "Return".to_owned(),
        quantity,
        unit_amount: usd(unit),
        tax: usd(tax),
    };
    for (lines, total, expected) in [
        (vec![line(2, 100, 10), line(1, 50, 0)], usd(260), None),
        (vec![], usd(260), None),
        (vec![line(2, 100, 10)], usd(211), Some("come to 2.10 USD, not to 2.11 USD")),
        (vec![line(u32::MAX, 1_000_000_000, 0)], usd(1), Some("too large")),
        (vec![line(1, 100, 0)], Money::new(100, "JPY".parse().unwrap()), Some("can't be added")),
        (vec![line(0, 0, 0); 201], usd(0), Some("at most 200 lines")),
    ] {
        let mut desk = Desk::new(Policy::default());
        let new = domain::command::NewInvoice { lines, total, ..new_invoice(1, 0) };
        let refusal = desk.try_run(&Command::IssueInvoice(new), &Actor::Import).err();
        match (refusal, expected) {
            (None, None) => {}
            (Some(refusal), Some(text)) => assert!(refusal.text.contains(text), "{refusal}"),
            (found, expected) => panic!("expected {expected:?}, got {found:?}"),
        }
    }
}

/// STAFF-1, command by command: who may, and that nobody else does.
#[test]
fn unl_1_lock_4_dis_1_plan_1_who_may_do_what() {
    use Role::{Admin, BillingLead, Impersonator, Partner, Preparer};
    let number = || invoice(1);
    let cases: Vec<(Command, &[Role])> = vec![
        (Command::Lock { reason: reason(), lines: [].into() }, &[BillingLead, Partner]),
        (
            Command::PlaceHold { invoice: None, until: None, reason: reason() },
            &[BillingLead, Partner],
        ),
        (Command::ReleaseHold { invoice: None }, &[BillingLead, Partner]),
        (Command::HardStop { reason: reason() }, &[BillingLead, Partner]),
        (Command::RequestUnlock { lines: [].into() }, &[BillingLead, Partner]),
        (Command::RejectUnlock { reason: reason() }, &[BillingLead, Partner]),
        (Command::ApproveUnlock { lines: [].into() }, &[Partner]),
        (Command::MoveEpisode, &[Partner]),
        (Command::ExceptionUnlock { reason: reason(), until: None, lines: [].into() }, &[Partner]),
        (Command::ApproveStep { action: Action::FinalDemand }, &[Partner]),
        (Command::WriteOff { invoice: number(), reason: reason() }, &[Partner]),
        (
            Command::BeginPlan { invoices: BTreeSet::from([number()]), instalments: Vec::new() },
            &[Partner],
        ),
        (Command::ReviewDispute { invoice: number() }, &[Partner]),
        (
            Command::ResolveDispute { invoice: number(), outcome: DisputeOutcome::Rejected },
            &[Partner],
        ),
        (
            Command::VoidInvoice { invoice: number(), reason: reason() },
            &[Admin, BillingLead, Partner],
        ),
        (Command::IssueInvoice(new_invoice(2, 5)), &[Admin, BillingLead, Partner]),
        (
            Command::MakePromise { invoice: None, until: "2026-12-31".parse().unwrap() },
            &[Admin, BillingLead, Partner],
        ),
    ];
    for (command, may) in cases {
        for role in [Admin, BillingLead, Partner, Preparer, Impersonator] {
            let mut desk = locked();
            let refusal = desk.try_run(&command, &staff("sam", role)).err();
            let is_forbidden =
                refusal.is_some_and(|refusal| refusal.kind == RefusalKind::Forbidden);
            assert_eq!(!is_forbidden, may.contains(&role), "{} and {command:?}", role.as_str());
        }
        let may_client = matches!(command, Command::MakePromise { .. });
        if !may_client {
            let refusal = locked().try_run(&command, &CLIENT).unwrap_err();
            assert_eq!(refusal.kind, RefusalKind::Forbidden, "the client and {command:?}");
        }
    }
}

#[test]
fn lock_4_a_reason_is_required_and_has_an_end() {
    for (text, expected) in
        [("", "required"), (" \n", "required"), (&*"x".repeat(MAX_TEXT_BYTES + 1), "longer")]
    {
        let mut desk = Desk::new(Policy::default());
        let command = Command::Lock { reason: Personal::new(text), lines: [].into() };
        let refusal = desk.try_run(&command, &staff("bea", Role::BillingLead)).unwrap_err();
        assert!(refusal.text.contains(expected), "{refusal}");
    }
}

#[test]
fn eval_4_what_was_not_looked_up_is_not_decided() {
    let mut desk = locked();
    desk.account.looked_up = LookedUp::default();
    let told = News::Told {
        amount: usd(10_000),
        method: Method::Card,
        invoices: vec![invoice(1), invoice(9)],
        seen: Seen::Succeeded,
        on: None,
    };
    let pay = Command::RecordPayment { payment: payment(1), news: told };
    let missing = needs(&desk.account, &pay);
    assert_eq!(missing.payments, BTreeSet::from([payment(1)]));
    assert_eq!(missing.invoices, BTreeSet::from([invoice(9)]), "an open invoice is at hand");
    let refusal = desk.try_run(&pay, &Actor::Gateway).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotLoaded);
    let bounce = Command::ReportBounce { letter: LetterId(999), to: None };
    assert_eq!(needs(&desk.account, &bounce).letters, BTreeSet::from([LetterId(999)]));
    assert!(needs(&desk.account, &Command::Evaluate).is_empty(), "an evaluation needs no history");
}

#[test]
fn pay_4_a_payment_over_300_invoices_is_spread_and_nothing_escalates_meanwhile() {
    let mut desk = Desk::new(Policy::default());
    let template = new_invoice(1, 100);
    for number in 0..300 {
        let id = format!("B-{number:03}");
        let invoice = issued(&desk, &template, &id);
        desk.account.invoices.insert(invoice.id.clone(), invoice);
    }
    desk.day = plus(desk.day, 31 + 40);
    let told = News::Told {
        amount: usd(29_950),
        method: Method::Ach,
        invoices: Vec::new(),
        seen: Seen::Succeeded,
        on: None,
    };
    let pay = Command::RecordPayment { payment: payment(1), news: told };
    desk.try_run(&pay, &Actor::Gateway).unwrap();
    let mut commits = 1;
    while desk.account.is_spreading() {
        assert!(desk.account.letters.values().all(|letter| !letter.content.is_debt()));
        assert!(!desk.account.is_locked());
        let owed: u64 =
            desk.account.invoices.values().map(|invoice| invoice.balance().minor()).sum();
        let credit = desk.account.credit(usd(0).currency()).minor();
        assert_eq!(
            owed - credit,
            30_000 - 29_950,
            "what is owed, net of credit, is right at any time"
        );
        assert!(desk.run(&Command::Evaluate, &Actor::Schedule).is_empty());
        desk.try_run(&Command::AllocateCredit, &Actor::Schedule).unwrap();
        commits += 1;
    }
    assert_eq!(commits, 8, "40 invoices a commit");
    let open: Vec<_> = desk.account.open_invoices().map(|invoice| invoice.id.as_str()).collect();
    assert_eq!(open, ["B-299"], "the oldest are paid first");
    assert_eq!(desk.account.credit(usd(0).currency()), usd(0));
    // And all of it back again.
    let refund = News::Refunded { id: "r-1".parse().unwrap(), amount: None };
    desk.try_run(&Command::RecordPayment { payment: payment(1), news: refund }, &Actor::Gateway)
        .unwrap();
    while desk.account.is_spreading() {
        desk.try_run(&Command::AllocateCredit, &Actor::Schedule).unwrap();
    }
    assert_eq!(desk.account.open_invoices().count(), 300);
    assert!(desk.account.invoices.values().all(|invoice| invoice.paid().is_zero()));
}

#[test]
fn eval_5_of_many_overdue_invoices_the_oldest_are_told() {
    for (number, last) in [
        (12, "Invoice B-11: 1.00 USD is 10 days overdue; the client was warned on Feb 1, 2026."),
        (13, "1 more invoice is overdue."),
        (40, "28 more invoices are overdue."),
    ] {
        let mut desk = Desk::new(Policy::default());
        for number in 0..number {
            let id = format!("B-{number}").parse().unwrap();
            let new = domain::command::NewInvoice { id, ..new_invoice(1, 100) };
            desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
        }
        for _ in 0..40 {
            desk.next_day();
        }
        let why = explain(&desk.account, &desk.context(&Actor::Schedule)).why;
        let told = why.iter().filter(|line| line.starts_with("Invoice B-")).count();
        assert_eq!(told, 12);
        let is_there = why.iter().any(|line| line == last);
        assert!(is_there, "{why:#?}");
    }
}

#[test]
fn eval_5_why_and_what_next_in_sentences() {
    let desk = locked();
    let explanation = explain(&desk.account, &desk.context(&Actor::Schedule));
    insta::assert_snapshot!(explanation.why.join("\n"), @"
    The portal was locked by the rule of policy version 1 on Mar 2, 2026: 1 unpaid invoice over 30 days.
    It can't be unlocked while these are overdue: A-1.
    Invoice A-1: 100.00 USD is 40 days overdue; the client was warned on Feb 1, 2026.
    ");
    let next = explanation.next.unwrap();
    insta::assert_snapshot!(format!("{}: {}", next.on, next.what.join(" ")), @"2026-04-01: Opens a task to approve the final demand over A-1. Reaches the review by a partner at 60 days overdue over A-1. Opens a task to review A-1.");
    assert!(!next.stopped_by.is_empty());
    let mut fresh = Desk::new(Policy::default());
    let quiet = explain(&fresh.account, &fresh.context(&Actor::Schedule));
    assert_eq!(quiet.why, ["The portal is open: nothing is overdue."]);
    assert_eq!(quiet.next, None);
    fresh.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    let issued = explain(&fresh.account, &fresh.context(&Actor::Schedule));
    assert_eq!(
        issued.next.unwrap().on,
        plus(fresh.day, 23),
        "the first reminder, seven days before due"
    );
}

#[test]
fn acc_3_a_denial_says_why_and_how_much() {
    let desk = locked();
    let denial = denial_text(&desk.account, &Scope::Client, Denial::Locked, desk.day);
    assert_eq!(
        denial.why,
        "Ready, and available after payment: the portal is locked (1 unpaid invoice over 30 days)."
    );
    assert_eq!(denial.amounts, [usd(10_000)]);
    let fresh = Desk::new(Policy::default());
    for (denial, expected) in [
        (Denial::Locked, "Ready, and available after payment."),
        (Denial::Limited, "Not available while invoices are overdue."),
        (Denial::MustPay, "Available once the first invoice is paid."),
        (Denial::Closed, "The engagement has ended; your own records stay available."),
    ] {
        let text = denial_text(&fresh.account, &Scope::Client, denial, fresh.day);
        assert_eq!((text.why.as_str(), text.amounts.len()), (expected, 0));
    }
    // Nothing that could be paid opens what was locked by hand.
    let mut by_hand = Desk::new(Policy::default());
    by_hand
        .try_run(
            &Command::Lock { reason: reason(), lines: [].into() },
            &staff("bea", Role::BillingLead),
        )
        .unwrap();
    let why = denial_text(&by_hand.account, &Scope::Client, Denial::Locked, by_hand.day).why;
    assert_eq!(why, "Not available while the portal is locked (because).");
    let mut two = Desk::new(Policy::default());
    for (number, currency) in [(1, "USD"), (2, "JPY"), (3, "USD")] {
        let total = Money::new(500, currency.parse().unwrap());
        let new = domain::command::NewInvoice { total, ..new_invoice(number, 0) };
        two.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    }
    let later = plus(two.day, 40);
    let amounts = denial_text(&two.account, &Scope::Client, Denial::Locked, later).amounts;
    assert_eq!(amounts, [usd(1_000), Money::new(500, "JPY".parse().unwrap())], "per currency");
}

/// The last day on which something may still be meant is today itself.
#[test]
fn prom_1_plan_1_lock_6_today_is_not_past() {
    let bea = staff("bea", Role::BillingLead);
    let pat = staff("pat", Role::Partner);
    for (days, is_fine) in [(0, true), (1, true)] {
        let mut desk = locked();
        let day = plus(desk.day, days);
        let promise = Command::MakePromise { invoice: None, until: day };
        assert_eq!(desk.try_run(&promise, &bea).is_ok(), is_fine, "a promise until {day}");
        let hold = Command::PlaceHold { invoice: None, until: Some(day), reason: reason() };
        assert_eq!(desk.try_run(&hold, &bea).is_ok(), is_fine, "a hold until {day}");
        let exception =
            Command::ExceptionUnlock { reason: reason(), until: Some(day), lines: [].into() };
        assert_eq!(locked().try_run(&exception, &pat).is_ok(), is_fine, "an exception until {day}");
        let instalments = vec![Instalment { due_on: day, amount: usd(10_000) }];
        let plan = Command::BeginPlan { invoices: BTreeSet::from([invoice(1)]), instalments };
        assert_eq!(desk.try_run(&plan, &pat).is_ok(), is_fine, "an instalment on {day}");
    }
    let yesterday = minus(locked().day, 1);
    let commands = [
        Command::MakePromise { invoice: None, until: yesterday },
        Command::PlaceHold { invoice: None, until: Some(yesterday), reason: reason() },
        Command::ExceptionUnlock { reason: reason(), until: Some(yesterday), lines: [].into() },
        Command::BeginPlan {
            invoices: BTreeSet::from([invoice(1)]),
            instalments: vec![Instalment { due_on: yesterday, amount: usd(10_000) }],
        },
    ];
    for command in commands {
        let refusal = locked().try_run(&command, &pat).unwrap_err();
        assert!(refusal.text.contains("past"), "{refusal} for {command:?}");
    }
}

#[test]
fn plan_1_a_plan_has_at_most_so_many_instalments() {
    for (count, is_fine) in [(MAX_INSTALMENTS, true), (MAX_INSTALMENTS + 1, false)] {
        let mut desk = locked();
        let rest = 10_000 - u64::try_from(count).unwrap() + 1;
        let mut instalments = vec![Instalment { due_on: desk.day, amount: usd(1) }; count];
        instalments[0].amount = usd(rest);
        let plan = Command::BeginPlan { invoices: BTreeSet::from([invoice(1)]), instalments };
        assert_eq!(desk.try_run(&plan, &staff("pat", Role::Partner)).is_ok(), is_fine, "{count}");
    }
}

#[test]
fn unl_6_two_requests_of_one_day_are_told_apart() {
    let mut desk = locked();
    let (bea, pat) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
    desk.try_run(&Command::RequestUnlock { lines: [].into() }, &bea).unwrap();
    let first = desk.account.request.clone().unwrap();
    desk.try_run(&Command::RequestUnlock { lines: [].into() }, &bea).unwrap(); // the same one
    assert_eq!(desk.account.request.as_ref(), Some(&first));
    desk.try_run(&Command::RejectUnlock { reason: reason() }, &pat).unwrap();
    desk.try_run(&Command::RequestUnlock { lines: [].into() }, &bea).unwrap();
    let second = desk.account.request.clone().unwrap();
    assert_eq!((&first.by, first.on), (&second.by, second.on));
    assert_eq!((first.number, second.number), (1, 2));
}

#[test]
fn plan_1_a_plan_ends_as_the_last_of_its_invoices_does() {
    let write_off = |number| Command::WriteOff { invoice: invoice(number), reason: reason() };
    let pay = |number| {
        let (method, seen, invoices) = (Method::Card, Seen::Succeeded, vec![invoice(number)]);
        let news = News::Told { amount: usd(10_000), method, invoices, seen, on: None };
        Command::RecordPayment { payment: payment(number), news }
    };
    for (acts, expected) in [
        ([pay(1), pay(2)], Outcome::Kept),
        ([write_off(1), pay(2)], Outcome::Kept),
        ([pay(1), write_off(2)], Outcome::Moot),
        ([write_off(1), write_off(2)], Outcome::Moot),
    ] {
        let mut desk = Desk::new(Policy::default());
        desk.credited.entry(domain::money::Currency::USD).or_default();
        for number in [1, 2] {
            desk.try_run(&Command::IssueInvoice(new_invoice(number, 10_000)), &Actor::Import)
                .unwrap();
        }
        let instalments = vec![Instalment { due_on: plus(desk.day, 60), amount: usd(20_000) }];
        let invoices = BTreeSet::from([invoice(1), invoice(2)]);
        let pat = staff("pat", Role::Partner);
        desk.try_run(&Command::BeginPlan { invoices, instalments }, &pat).unwrap();
        for act in &acts {
            assert!(desk.account.plan.is_some(), "{acts:?}");
            desk.try_run(act, &pat).unwrap();
        }
        let ended = desk.events.iter().filter_map(|event| match event {
            Event::PlanEnded { outcome } => Some(*outcome),
            _ => None,
        });
        assert_eq!(ended.collect::<Vec<_>>(), [expected], "{acts:?}");
    }
}
