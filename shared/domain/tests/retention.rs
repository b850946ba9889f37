//! A closed client's personal data: kept so long, put off, never deleted under an obligation, deleted once (CLOSE-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::account::Gone;
use domain::calendar::{Day, plus};
use domain::command::{Command, News};
use domain::event::Event;
use domain::explain::explain;
use domain::note::NoteKind;
use domain::payment::{Method, Seen};
use domain::policy::read::read_text;
use domain::refusal::RefusalKind;
use domain::retention::{Obligation, deletes_on, is_due, looks_on, obligations};
use domain::role::{Actor, Role};
use domain::text::Personal;

const YEARS: u32 = 7;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn erase() -> Command {
    let gone = Gone { records: 5, letters: 1, notes: 0, contacts: 1 };
    Command::Erase { years: YEARS, gone }
}

fn pat() -> Actor {
    staff("pat", Role::Partner)
}

/// Closed on January 7, 2026, with an invoice over 100.00 still open.
fn closed() -> Desk {
    let text = "{lock: {days_overdue: off, unpaid_invoices: off}, \
                regular: {terms: net 1, reminders: [], steps: [{at: 1, do: notice}, {at: 5, do: close}]}}";
    let mut desk = Desk::new(read_text(text).unwrap());
    desk.run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Schedule);
    while desk.day < day("2026-01-07") {
        desk.next_day();
    }
    desk.try_run(&Command::ApproveClose, &pat()).unwrap();
    desk
}

/// The same, paid, and its receipt has left.
fn settled() -> Desk {
    let mut desk = closed();
    let news = News::Told {
        amount: usd(10_000),
        method: Method::Check,
        invoices: vec![invoice(1)],
        seen: Seen::Succeeded,
        on: None,
    };
    desk.credited.entry(domain::money::Currency::USD).or_default();
    desk.run(
        &Command::RecordPayment { payment: payment(1), news },
        &staff("bea", Role::BillingLead),
    );
    desk.leave();
    desk
}

#[test]
fn close_1_kept_for_the_firms_years_and_deleted_on_the_day_after() {
    let mut desk = settled();
    let closed_on = desk.account.closed.clone().unwrap();
    for (years, expected) in [(1, "2027-01-08"), (7, "2033-01-08"), (30, "2056-01-08")] {
        assert_eq!(deletes_on(&closed_on, years), day(expected), "{years} years");
    }
    desk.day = day("2033-01-07");
    let early = desk.try_run(&erase(), &Actor::Schedule).unwrap_err();
    assert_eq!((early.rule, early.kind), ("CLOSE-1", RefusalKind::Conflict));
    assert!(early.to_string().contains("Jan 8, 2033"), "{early}");
    desk.day = day("2033-01-08");
    for nobody in [pat(), staff("ada", Role::Admin), Actor::Client { contact: None }, Actor::Link] {
        let refused = desk.try_run(&erase(), &nobody).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::Forbidden, "{nobody:?}");
    }
    let events = desk.try_run(&erase(), &Actor::Schedule).unwrap();
    assert!(matches!(events.last(), Some(Event::ClientErased(erased)) if erased.gone.records == 5));
    assert_eq!(desk.try_run(&erase(), &Actor::Schedule).unwrap(), [], "twice is once");
    let held = format!("{:?}", serde_json::to_value(&desk.account.profile).unwrap());
    assert!(!held.contains("Acme") && !held.contains("acme.example"), "{held}");
    let why = explain(&desk.account, &desk.context(&Actor::Schedule)).why;
    assert!(why[0].contains("deleted on Jan 8, 2033"), "{why:?}");
}

#[test]
fn close_1_a_leap_days_client_goes_with_the_end_of_february() {
    let mut closed = settled().account.closed.unwrap();
    closed.on = day("2028-02-29");
    assert_eq!(deletes_on(&closed, 1), day("2029-03-01"));
    assert_eq!(deletes_on(&closed, 4), day("2032-03-01"));
}

#[test]
fn close_1_nothing_is_deleted_under_an_obligation() {
    let due = day("2033-01-08");
    let bea = staff("bea", Role::BillingLead);
    let mut open = closed();
    open.day = due;
    open.leave();
    assert_eq!(obligations(&open.account, due), [Obligation::OpenInvoices(1)]);
    let dispute = Command::OpenDispute {
        invoice: invoice(1),
        amount: None,
        reason: Personal::new("not ours"),
    };
    open.try_run(&dispute, &bea).unwrap();
    let found = obligations(&open.account, due);
    assert_eq!(found, [Obligation::OpenInvoices(1), Obligation::Disputes(1)]);

    let mut held = settled();
    let hold = Command::PlaceHold {
        invoice: None,
        until: Some(due),
        reason: Personal::new("a court asks for its papers"),
    };
    held.try_run(&hold, &bea).unwrap();
    let mut asked = settled();
    asked.run(&Command::RequestRecords, &Actor::Client { contact: None });
    let mut owed = settled();
    let note =
        Command::IssueCreditNote { id: "N-1".parse().unwrap(), amount: usd(500), invoice: None };
    owed.run(&note, &pat());
    for (mut desk, expected) in [
        (open, Obligation::OpenInvoices(1)),
        (held, Obligation::Hold),
        (asked, Obligation::RecordsRequest),
        (owed, Obligation::Credit),
    ] {
        desk.day = due;
        desk.leave();
        assert_eq!(obligations(&desk.account, due).first(), Some(&expected));
        assert!(!is_due(&desk.account, YEARS, due));
        let refused = desk.try_run(&erase(), &Actor::Schedule).unwrap_err();
        assert_eq!(refused.text, expected.to_string());
        // A hold's last day is no act, so it is known; all else ends by one, which looks anew.
        let looks = if expected == Obligation::Hold { 1 } else { 30 };
        assert_eq!(looks_on(&desk.account, YEARS, due), Some(plus(due, looks)), "{expected:?}");
    }
}

#[test]
fn close_1_a_partner_puts_it_off_with_a_reason() {
    let mut desk = settled();
    let put_off = |until: &str, reason: &str| Command::PutOffDeletion {
        until: day(until),
        reason: Personal::new(reason),
    };
    for (command, actor, rule) in [
        (
            put_off("2034-01-31", "an audit is announced"),
            staff("bea", Role::BillingLead),
            "STAFF-1",
        ),
        (put_off("2034-01-31", " "), pat(), "CLOSE-1"),
        (put_off("2026-01-06", "an audit is announced"), pat(), "CLOSE-1"),
        (put_off("2066-01-06", "an audit is announced"), pat(), "CLOSE-1"),
    ] {
        assert_eq!(desk.try_run(&command, &actor).unwrap_err().rule, rule, "{command:?}");
    }
    let accepted = put_off("2034-01-31", "an audit is announced");
    assert_eq!(desk.try_run(&accepted, &pat()).unwrap().len(), 1);
    assert_eq!(desk.try_run(&accepted, &pat()).unwrap(), [], "twice is once");
    desk.day = day("2034-01-31");
    assert!(desk.try_run(&erase(), &Actor::Schedule).is_err());
    desk.day = day("2034-02-01");
    desk.try_run(&erase(), &Actor::Schedule).unwrap();
    let refused = desk.try_run(&put_off("2036-01-01", "too late"), &pat()).unwrap_err();
    assert_eq!(refused.rule, "CLOSE-1");
    let mut goes_on = Desk::new(read_text("preset: cpa").unwrap());
    let refused = goes_on.try_run(&accepted, &pat()).unwrap_err();
    assert_eq!(refused.rule, "CLOSE-1", "an engagement that goes on deletes nothing");
}

#[test]
fn close_1_of_a_deleted_client_only_money_is_still_written() {
    let mut desk = settled();
    desk.day = day("2033-01-08");
    desk.try_run(&erase(), &Actor::Schedule).unwrap();
    let profile = desk.account.profile.clone();
    let note =
        Command::AddNote { kind: NoteKind::Note, invoice: None, text: Personal::new("ann called") };
    for command in [
        Command::ChangeProfile(profile),
        note,
        Command::IssueInvoice(new_invoice(2, 100)),
        Command::Lock { reason: Personal::new("x"), lines: Default::default() },
        Command::RequestRecords,
    ] {
        let refused = desk.try_run(&command, &pat()).unwrap_err();
        assert_eq!(refused.rule, "CLOSE-1", "{command:?}");
        assert!(refused.to_string().contains("deleted on Jan 8, 2033"), "{refused}");
    }
    let refund = News::Refunded { id: "r-1".parse().unwrap(), amount: None };
    desk.try_run(&Command::RecordPayment { payment: payment(1), news: refund }, &Actor::Gateway)
        .unwrap();
    assert_eq!(desk.account.open_invoices().count(), 1, "the ledger goes on");
    desk.next_day();
    assert_eq!(
        desk.account.letters.values().filter(|l| l.queued_on > day("2033-01-01")).count(),
        0
    );
}

#[test]
fn close_1_a_client_whose_day_is_far_is_looked_at_once_a_month() {
    let mut desk = settled();
    let today = desk.day;
    assert_eq!(looks_on(&desk.account, YEARS, today), Some(plus(today, 30)));
    let before = day("2033-01-01");
    assert_eq!(looks_on(&desk.account, YEARS, before), Some(day("2033-01-08")));
    assert_eq!(looks_on(&desk.account, YEARS, day("2035-05-05")), Some(day("2035-05-06")));
    desk.day = day("2035-05-06");
    desk.try_run(&erase(), &Actor::Schedule).unwrap();
    assert_eq!(looks_on(&desk.account, YEARS, desk.day), None);
    let goes_on = Desk::new(read_text("preset: cpa").unwrap());
    assert_eq!(looks_on(&goes_on.account, YEARS, today), None);
}
