//! A statement of account, entry by entry (PAY-4..6, INV-6, LF-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::calendar::{Day, plus};
use domain::command::{Command, NewInvoice, News};
use domain::money::Money;
use domain::payment::{ChargebackState, Method, Seen};
use domain::policy::Policy;
use domain::role::{Actor, Role};
use domain::statement::{Book, Statement, Sum};
use domain::text::Personal;

fn quiet() -> Policy {
    let mut policy = Policy::default();
    policy.lock.days_overdue = None;
    policy.lock.unpaid_invoices = None;
    policy.regular.steps = Vec::new();
    policy.regular.reminders = Vec::new();
    policy
}

fn told(minor: u64, invoices: &[u8], seen: Seen, on: Option<&str>) -> News {
    News::Told {
        amount: usd(minor),
        method: Method::Check,
        invoices: invoices.iter().map(|number| invoice(*number)).collect(),
        seen,
        on: on.map(|day| day.parse().unwrap()),
    }
}

fn pay(desk: &mut Desk, number: u8, news: News) {
    let command = Command::RecordPayment { payment: payment(number), news };
    desk.try_run(&command, &Actor::Gateway).unwrap();
}

fn book(desk: &Desk) -> Book {
    let account = &desk.account;
    let (firm, client) = (account.firm.clone(), account.client.clone());
    let mut book = Book::new(firm, client, account.profile.clone());
    for (event, day) in desk.events.iter().zip(&desk.days) {
        book.add(*day, event);
    }
    book
}

fn of(desk: &Desk, from: &str, to: &str) -> Statement {
    book(desk).statement(from.parse().unwrap(), to.parse().unwrap())
}

fn sum(sum: Sum) -> String {
    let sign = if sum.minor() < 0 { "-" } else { "" };
    format!("{sign}{}", sum.amount.amount())
}

/// `day what reference amount balance`, and what it opens and closes with.
fn told_of(statement: &Statement) -> Vec<String> {
    let mut lines = Vec::new();
    for part in &statement.parts {
        lines.push(format!("{} {}", part.currency, sum(part.opening)));
        lines.extend(part.entries.iter().map(|entry| {
            let (amount, balance) = (sum(entry.sum), sum(entry.balance));
            format!("{} {} {} {amount} {balance}", entry.on, entry.what.as_str(), entry.reference)
        }));
        lines.push(format!("= {}", sum(part.closing)));
    }
    lines
}

fn go_to(desk: &mut Desk, day: &str) {
    let day: Day = day.parse().unwrap();
    while desk.day < day {
        desk.next_day();
    }
}

#[test]
fn pay_6_a_statement_tells_what_came_and_went_on_the_days_of_the_facts() {
    let mut desk = Desk::new(quiet());
    let (bea, pat) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
    let issue = |number, minor| Command::IssueInvoice(new_invoice(number, minor));
    desk.try_run(&issue(1, 10_000), &Actor::Import).unwrap();
    go_to(&mut desk, "2026-01-10");
    // A check of a week ago, more than is owed: the rest is credit, and goes on the next invoice.
    pay(&mut desk, 1, told(12_000, &[1], Seen::Succeeded, Some("2026-01-03")));
    desk.try_run(&issue(2, 5_000), &Actor::Import).unwrap();
    go_to(&mut desk, "2026-01-20");
    let refunded = News::Refunded { id: "r-1".parse().unwrap(), amount: Some(usd(1_500)) };
    pay(&mut desk, 1, refunded);
    go_to(&mut desk, "2026-01-21");
    let chargeback = |state| News::Chargeback { id: "cb-1".parse().unwrap(), state };
    pay(&mut desk, 1, chargeback(ChargebackState::Opened));
    go_to(&mut desk, "2026-01-25");
    pay(&mut desk, 1, chargeback(ChargebackState::Won));
    go_to(&mut desk, "2026-02-01");
    let note = Command::IssueCreditNote {
        id: "cn-1".parse().unwrap(),
        amount: usd(700),
        invoice: Some(invoice(2)),
    };
    desk.try_run(&note, &bea).unwrap();
    let fee = Command::AddFee { invoice: invoice(2), amount: usd(100) };
    desk.try_run(&fee, &pat).unwrap();
    let reason = Personal::new("lost");
    desk.try_run(&Command::WaiveFees { invoice: invoice(2), reason: reason.clone() }, &pat)
        .unwrap();
    desk.try_run(&Command::WriteOff { invoice: invoice(2), reason }, &pat).unwrap();
    assert_eq!(
        told_of(&of(&desk, "2026-01-01", "2026-02-28")),
        [
            "USD 0.00",
            "2026-01-01 invoice A-1 100.00 100.00",
            "2026-01-03 payment stripe:p-1 -120.00 -20.00",
            "2026-01-10 invoice A-2 50.00 30.00",
            "2026-01-20 refund stripe:p-1 15.00 45.00",
            "2026-01-21 chargeback stripe:p-1 105.00 150.00",
            "2026-01-25 chargeback_won stripe:p-1 -105.00 45.00",
            "2026-02-01 credit_note cn-1 -7.00 38.00",
            "2026-02-01 late_fee A-2 1.00 39.00",
            "2026-02-01 fee_waived A-2 -1.00 38.00",
            "2026-02-01 written_off A-2 -38.00 0.00",
            "= 0.00",
        ]
    );
    // The days of a statement are both in it; what was before is its opening.
    assert_eq!(
        told_of(&of(&desk, "2026-01-03", "2026-01-10")),
        [
            "USD 100.00",
            "2026-01-03 payment stripe:p-1 -120.00 -20.00",
            "2026-01-10 invoice A-2 50.00 30.00",
            "= 30.00",
        ]
    );
    assert_eq!(told_of(&of(&desk, "2026-01-04", "2026-01-09")), ["USD -20.00", "= -20.00"]);
}

#[test]
fn post_2_a_draft_is_on_no_statement_and_a_scheduled_invoice_from_its_day() {
    let mut desk = Desk::new(quiet());
    let bea = staff("bea", Role::BillingLead);
    let ahead = plus(desk.day, 10);
    let scheduled = NewInvoice { posts_on: Some(ahead), ..new_invoice(1, 10_000) };
    let draft = NewInvoice { is_draft: true, ..new_invoice(2, 3_000) };
    let never = NewInvoice { posts_on: Some(ahead), ..new_invoice(3, 4_000) };
    for new in [scheduled, draft, never] {
        desk.try_run(&Command::IssueInvoice(new), &bea).unwrap();
    }
    assert_eq!(told_of(&of(&desk, "2026-01-01", "2026-01-10")), ["USD 0.00", "= 0.00"]);
    let reason = Personal::new("twice");
    desk.try_run(&Command::VoidInvoice { invoice: invoice(3), reason }, &bea).unwrap();
    go_to(&mut desk, "2026-01-05");
    desk.try_run(&Command::PostInvoice { invoice: invoice(2) }, &bea).unwrap();
    assert_eq!(
        told_of(&of(&desk, "2026-01-01", "2026-01-10")),
        ["USD 0.00", "2026-01-05 invoice A-2 30.00 30.00", "= 30.00",]
    );
    assert_eq!(
        told_of(&of(&desk, "2026-01-06", "2026-01-31")),
        ["USD 30.00", "2026-01-11 invoice A-1 100.00 130.00", "= 130.00",]
    );
}

#[test]
fn pay_3_news_in_another_order_is_the_same_statement() {
    let mut desk = Desk::new(quiet());
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    let refunded = News::Refunded { id: "r-1".parse().unwrap(), amount: Some(usd(4_000)) };
    pay(&mut desk, 1, refunded);
    pay(&mut desk, 1, told(10_000, &[1], Seen::Pending, None));
    assert_eq!(told_of(&of(&desk, "2026-01-02", "2026-01-31")), ["USD 100.00", "= 100.00"]);
    pay(&mut desk, 1, told(10_000, &[1], Seen::Succeeded, None));
    assert_eq!(
        told_of(&of(&desk, "2026-01-01", "2026-01-31")),
        [
            "USD 0.00",
            "2026-01-01 invoice A-1 100.00 100.00",
            "2026-01-01 payment stripe:p-1 -60.00 40.00",
            "= 40.00",
        ]
    );
}

#[test]
fn pay_6_two_currencies_are_two_parts() {
    let mut desk = Desk::new(quiet());
    let yen = Money::new(900, "JPY".parse().unwrap());
    desk.try_run(
        &Command::IssueInvoice(NewInvoice { total: yen, ..new_invoice(1, 0) }),
        &Actor::Import,
    )
    .unwrap();
    assert_eq!(
        told_of(&of(&desk, "2026-01-01", "2026-01-31")),
        ["JPY 0", "2026-01-01 invoice A-1 900 900", "= 900", "USD 0.00", "= 0.00",]
    );
}
