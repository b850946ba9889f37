//! Money at its edges: nothing, the most, one more; a payment that just fits one commit; evidence again.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, new_invoice, payment, staff, usd};
use domain::command::{Command, News};
use domain::event::Event;
use domain::money::MAX_MINOR;
use domain::payment::{ChargebackState, Method, Seen};
use domain::policy::Policy;
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::text::Personal;

fn told(minor: u64) -> News {
    News::Told {
        amount: usd(minor),
        method: Method::Card,
        invoices: Vec::new(),
        seen: Seen::Succeeded,
        on: None,
    }
}

#[test]
fn pay_1_and_inv_5_an_amount_is_more_than_nothing_and_at_most_the_most() {
    for (minor, is_taken) in [(0, false), (1, true), (MAX_MINOR, true), (MAX_MINOR + 1, false)] {
        let mut desk = Desk::new(Policy::default());
        let pay = Command::RecordPayment { payment: payment(1), news: told(minor) };
        let paid = desk.try_run(&pay, &Actor::Gateway);
        assert_eq!(paid.is_ok(), is_taken, "a payment over {minor}: {paid:?}");
        let id = "CN-1".parse().unwrap();
        let credit = Command::IssueCreditNote { id, amount: usd(minor), invoice: None };
        let credited = desk.try_run(&credit, &staff("pat", Role::Partner));
        assert_eq!(credited.is_ok(), is_taken, "a credit note over {minor}: {credited:?}");
    }
}

#[test]
fn pay_2_the_same_evidence_opens_one_task_and_other_evidence_another() {
    let mut desk = Desk::new(Policy::default());
    let report =
        |text: &str| Command::ReportMismatch { payment: payment(1), evidence: Personal::new(text) };
    for (evidence, tasks) in [("5 for 4", 1), ("5 for 4", 1), ("5 for 3", 2), ("5 for 4", 2)] {
        desk.try_run(&report(evidence), &Actor::Gateway).unwrap();
        assert_eq!(desk.account.tasks.len(), tasks, "after {evidence}");
    }
}

/// Staff who type a refund's name with another amount are told what is known; a gateway that tells so has told
/// evidence, once. Neither moves any money.
#[test]
fn pay_2_and_pay_5_a_known_refund_of_another_amount_is_refused_or_evidence() {
    let refund = |id: &str, minor: Option<u64>| Command::RecordPayment {
        payment: payment(1),
        news: News::Refunded { id: id.parse().unwrap(), amount: minor.map(usd) },
    };
    let pat = staff("pat", Role::Partner);
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::RecordPayment { payment: payment(1), news: told(1_000) }, &pat).unwrap();
    desk.try_run(&refund("RF1", Some(400)), &pat).unwrap();
    for same in [&pat, &Actor::Gateway] {
        assert_eq!(desk.try_run(&refund("RF1", Some(400)), same), Ok(Vec::new()), "{same:?}");
    }
    for minor in [Some(300), Some(500), None] {
        let refusal = desk.try_run(&refund("RF1", minor), &pat).unwrap_err();
        assert_eq!((refusal.kind, refusal.rule), (RefusalKind::Conflict, "PAY-5"), "{minor:?}");
        assert!(refusal.text.contains("known here as 4.00 USD"), "{refusal}");
    }
    for (minor, tasks) in [(300, 1), (300, 1), (500, 2)] {
        desk.try_run(&refund("RF1", Some(minor)), &Actor::Gateway).unwrap();
        assert_eq!(desk.account.tasks.len(), tasks, "after {minor}");
    }
    // The rest, without its amount, is the same refund however often it is told.
    desk.try_run(&refund("RF2", None), &pat).unwrap();
    assert_eq!(desk.try_run(&refund("RF2", None), &pat), Ok(Vec::new()));
    assert_eq!(desk.try_run(&refund("RF2", Some(600)), &pat), Ok(Vec::new()));
    let refunds: Vec<_> = desk.account.payments[&payment(1)].refunds.values().copied().collect();
    assert_eq!(refunds, [usd(400), usd(600)]);
}

/// So many invoices over a dollar each, all on the desk's day.
fn with_invoices(number: u8) -> Desk {
    let mut desk = Desk::new(Policy::default());
    for number in 1..=number {
        desk.try_run(&Command::IssueInvoice(new_invoice(number, 100)), &Actor::Import).unwrap();
    }
    desk
}

#[test]
fn pay_4_a_payment_over_just_as_many_invoices_as_a_commit_takes_is_not_spread() {
    for (invoices, is_spread) in [(39, false), (40, false), (41, true)] {
        let mut desk = with_invoices(invoices);
        let pay =
            Command::RecordPayment { payment: payment(1), news: told(u64::from(invoices) * 100) };
        desk.try_run(&pay, &Actor::Gateway).unwrap();
        assert_eq!(desk.account.is_spreading(), is_spread, "over {invoices} invoices");
        desk.settle();
        assert_eq!(desk.account.open_invoices().count(), 0, "over {invoices} invoices");
    }
}

#[test]
fn pay_5_a_won_chargeback_touches_no_invoice_that_takes_nothing_of_it() {
    let mut desk = with_invoices(2);
    let pay = |news| Command::RecordPayment { payment: payment(1), news };
    desk.try_run(&pay(told(200)), &Actor::Gateway).unwrap();
    let news = |state| News::Chargeback { id: "d-1".parse().unwrap(), state };
    desk.try_run(&pay(news(ChargebackState::Opened)), &Actor::Gateway).unwrap();
    // Meanwhile somebody else paid one of the two.
    let other = News::Told {
        amount: usd(100),
        method: Method::Card,
        invoices: vec![desk::invoice(1)],
        seen: Seen::Succeeded,
        on: None,
    };
    let other = Command::RecordPayment { payment: payment(2), news: other };
    desk.try_run(&other, &Actor::Gateway).unwrap();
    let events = desk.try_run(&pay(news(ChargebackState::Won)), &Actor::Gateway).unwrap();
    let allocated: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::PaymentChanged { settlement, .. } => Some(settlement.allocated.clone()),
            _ => None,
        })
        .flatten()
        .collect();
    assert_eq!(allocated, [(desk::invoice(2), usd(100))], "and the rest is credit");
    assert_eq!(desk.account.credit(usd(0).currency()), usd(100));
}

#[test]
fn pay_5_a_refund_while_a_payment_is_spread_takes_back_just_what_was_refunded() {
    let mut desk = with_invoices(100);
    let pay = |news| Command::RecordPayment { payment: payment(1), news };
    desk.try_run(&pay(told(10_000)), &Actor::Gateway).unwrap();
    assert!(desk.account.is_spreading());
    desk.settle();
    // More invoices than one commit takes back.
    let refund = News::Refunded { id: "r-1".parse().unwrap(), amount: Some(usd(7_000)) };
    desk.try_run(&pay(refund), &Actor::Gateway).unwrap();
    assert!(desk.account.is_spreading(), "70 invoices are more than one commit takes back");
    desk.settle();
    assert_eq!(desk.account.open_invoices().count(), 70);
    let paid: u64 = desk.account.invoices.values().map(|invoice| invoice.paid().minor()).sum();
    assert_eq!(paid, 3_000);
}

#[test]
fn pay_4_a_payment_with_money_left_over_after_just_as_many_invoices_as_fit_is_done_at_once() {
    let mut desk = with_invoices(40);
    let pay = Command::RecordPayment { payment: payment(1), news: told(40 * 100 + 50) };
    desk.try_run(&pay, &Actor::Gateway).unwrap();
    assert!(!desk.account.is_spreading());
    let credit: Vec<_> = desk.account.credits.values().map(|credit| credit.amount).collect();
    assert_eq!(credit, [usd(50)]);
}

#[test]
fn pay_4_what_is_left_to_spread_when_the_last_invoice_was_paid_otherwise_stays_credit() {
    let mut desk = with_invoices(41);
    let pay = Command::RecordPayment { payment: payment(1), news: told(41 * 100) };
    desk.try_run(&pay, &Actor::Gateway).unwrap();
    assert!(desk.account.is_spreading());
    let open: Vec<_> = desk.account.open_invoices().map(|invoice| invoice.id.clone()).collect();
    let [last] = &open[..] else { panic!("one is left: {open:?}") };
    let void = Command::VoidInvoice { invoice: last.clone(), reason: Personal::new("twice") };
    desk.try_run(&void, &staff("pat", Role::Partner)).unwrap();
    let moved = desk.try_run(&Command::AllocateCredit, &Actor::Schedule).unwrap();
    for event in &moved {
        if let Event::CreditMoved { settlement, .. } = event {
            assert_eq!(settlement.credit_taken, None, "nothing went anywhere");
        }
    }
    assert!(!desk.account.is_spreading());
    let credit: Vec<_> = desk.account.credits.values().map(|credit| credit.amount).collect();
    assert_eq!(credit, [usd(100)]);
}
