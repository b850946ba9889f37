//! What a command must have at hand before it can be decided (EVAL-4): closed invoices, payments, credit
//! notes and letters that left are not in the account's head.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::account::LookedUp;
use domain::calendar::plus;
use domain::command::{Command, Needs, NewInvoice, News, needs};
use domain::id::CreditNoteId;
use domain::letter::LetterId;
use domain::note::NoteKind;
use domain::payment::{Method, Seen};
use domain::policy::Policy;
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::text::Personal;

fn told(minor: u64) -> Command {
    let news = News::Told {
        amount: usd(minor),
        method: Method::Card,
        invoices: Vec::new(),
        seen: Seen::Succeeded,
        on: None,
    };
    Command::RecordPayment { payment: payment(1), news }
}

/// A client with credit of a payment, of which nothing closed is at hand any more.
fn with_credit() -> Desk {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&told(5_000), &Actor::Gateway).unwrap();
    desk.account.payments.clear();
    desk.account.looked_up = LookedUp::default();
    desk
}

fn credit_note(number: u8) -> CreditNoteId {
    format!("CN-{number}").parse().unwrap()
}

#[test]
fn eval_4_what_is_at_hand_or_known_to_be_missing_is_not_asked_for_again() {
    let mut desk = Desk::new(Policy::default());
    desk.account.looked_up = LookedUp::default();
    let credit = |number| Command::IssueCreditNote {
        id: credit_note(number),
        amount: usd(100),
        invoice: Some(invoice(number)),
    };
    let missing = needs(&desk.account, &credit(1));
    assert_eq!(missing.credit_notes, BTreeSet::from([credit_note(1)]));
    assert_eq!(missing.invoices, BTreeSet::from([invoice(1)]));
    let refusal = desk.try_run(&credit(1), &staff("pat", Role::Partner)).unwrap_err();
    assert_eq!(refusal.kind, RefusalKind::NotLoaded);

    desk.account.looked_up.credit_notes.insert(credit_note(1));
    desk.account.looked_up.invoices.insert(invoice(1));
    desk.account.looked_up.payments.insert(payment(1));
    desk.account.looked_up.letters.insert(LetterId(1));
    assert!(needs(&desk.account, &credit(1)).is_empty());
    assert!(needs(&desk.account, &told(100)).is_empty());
    let claim = |number| Command::ClaimLetter { letter: LetterId(number) };
    assert!(needs(&desk.account, &claim(1)).is_empty());
    assert_eq!(needs(&desk.account, &credit(2)).credit_notes, BTreeSet::from([credit_note(2)]));
    assert_eq!(needs(&desk.account, &claim(2)).letters, BTreeSet::from([LetterId(2)]));
}

#[test]
fn eval_4_a_payment_and_a_letter_in_memory_need_no_looking_up() {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&told(5_000), &Actor::Gateway).unwrap();
    let letter = *desk.account.letters.keys().next().unwrap();
    desk.account.looked_up = LookedUp::default();
    assert_eq!(needs(&desk.account, &told(5_000)), Needs::default());
    assert_eq!(needs(&desk.account, &Command::ClaimLetter { letter }), Needs::default());
    assert_eq!(needs(&desk.account, &Command::ReportBounce { letter, to: None }), Needs::default());
}

#[test]
fn eval_4_a_receipt_needs_its_payment() {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&told(5_000), &Actor::Gateway).unwrap();
    let letter = *desk.account.letters.keys().next().unwrap();
    desk.account.payments.clear();
    desk.account.looked_up = LookedUp::default();
    let missing = needs(&desk.account, &Command::ClaimLetter { letter });
    assert_eq!(missing.payments, BTreeSet::from([payment(1)]));
}

#[test]
fn eval_4_what_puts_credit_on_invoices_needs_the_payment_that_it_came_from() {
    let from = BTreeSet::from([payment(1)]);
    let mut desk = with_credit();
    let issue = Command::IssueInvoice(new_invoice(1, 10_000));
    for command in [&issue, &Command::PostInvoice { invoice: invoice(1) }, &Command::AllocateCredit]
    {
        assert_eq!(needs(&desk.account, command).payments, from, "{command:?}");
    }
    let note = Command::AddNote {
        kind: NoteKind::Note,
        invoice: None,
        text: Personal::new("pays in advance"),
    };
    for command in [&note, &Command::RequestRecords, &Command::Evaluate] {
        assert!(needs(&desk.account, command).payments.is_empty(), "{command:?}");
    }

    // An invoice that posts by itself may do so with any command.
    desk.account.looked_up.everything = true;
    desk.account.payments = {
        let mut other = Desk::new(Policy::default());
        other.try_run(&told(5_000), &Actor::Gateway).unwrap();
        other.account.payments
    };
    let posts_on = Some(plus(desk.day, 3));
    let scheduled = NewInvoice { posts_on, ..new_invoice(2, 10_000) };
    desk.try_run(&Command::IssueInvoice(scheduled), &Actor::Import).unwrap();
    desk.account.payments.clear();
    desk.account.looked_up = LookedUp::default();
    assert_eq!(needs(&desk.account, &Command::Evaluate).payments, from);
}

#[test]
fn eval_4_spreading_asks_only_for_payments_that_hold_too_much() {
    let mut desk = Desk::new(Policy::default());
    for number in [1, 2] {
        desk.try_run(&Command::IssueInvoice(new_invoice(number, 5_000)), &Actor::Import).unwrap();
    }
    desk.try_run(&told(5_000), &Actor::Gateway).unwrap();
    desk.account.invoices.remove(&invoice(1));
    desk.account.looked_up = LookedUp::default();
    assert!(
        needs(&desk.account, &Command::AllocateCredit).invoices.is_empty(),
        "all of it is kept"
    );
    // A refund that is taken back commit by commit: what it still holds lies on a closed invoice.
    desk.account
        .payments
        .get_mut(&payment(1))
        .unwrap()
        .refunds
        .insert("r-1".parse().unwrap(), usd(2_000));
    let missing = needs(&desk.account, &Command::AllocateCredit).invoices;
    assert_eq!(missing, BTreeSet::from([invoice(1)]));
}
