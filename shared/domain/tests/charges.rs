//! What is charged by itself: never twice for one attempt, never more than is owed (CHG-1, CHG-2, CHG-3).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, method, new_invoice, new_method, outcome, staff, usd};
use domain::account::Account;
use domain::apply::apply;
use domain::charge::{
    ChargeId, ChargeOutcome, Decline, DeclineKind, MAX_CHARGES, MAX_METHODS, NewMethod,
};
use domain::command::{Command, NewInvoice, News};
use domain::event::Event;
use domain::letter::{Content, LetterKind, LetterState};
use domain::payment::{Method, Seen};
use domain::policy::{AutoCharge, ChargeWhen, Policy};
use domain::role::{Actor, Role};
use domain::run::Latitude;
use domain::text::Personal;
use proptest::prelude::*;

fn on_due(retry_days: &[u32]) -> Policy {
    let retry_days = retry_days.iter().copied().collect();
    let mut policy = Policy::default();
    policy.regular.auto_charge = Some(AutoCharge { when: ChargeWhen::OnDue, retry_days });
    policy.regular.terms = "net 2".parse().unwrap();
    policy
}

fn client() -> Actor {
    Actor::Client { contact: None }
}

/// A client with a saved card and an invoice over 100.00 that is due today: its charge is decided.
fn due() -> Desk {
    let mut desk = Desk::new(on_due(&[3, 5]));
    desk.run(&Command::SaveMethod(new_method(0, false)), &client());
    desk.run(&Command::IssueInvoice(new_invoice(1, 10_000)), &staff("bea", Role::BillingLead));
    desk.next_day();
    desk.next_day();
    assert_eq!(desk.account.charges.len(), 1);
    desk
}

fn id(attempt: u32) -> ChargeId {
    ChargeId { invoice: invoice(1), attempt }
}

fn claim() -> Command {
    Command::ClaimCharge { charge: id(1) }
}

fn told(payment: &str, minor: u64, seen: Seen, method: Method) -> Command {
    let (payment, invoices) = (payment.parse().unwrap(), vec![invoice(1)]);
    let news = News::Told { amount: usd(minor), method, invoices, seen, on: None };
    Command::RecordPayment { payment, news }
}

fn ended(desk: &Desk) -> Vec<ChargeOutcome> {
    let attempts = desk.account.invoices[&invoice(1)].charges.iter();
    attempts.map(|attempt| attempt.outcome.clone()).collect()
}

fn letters(desk: &Desk) -> usize {
    let letters = desk.account.letters.values();
    letters.filter(|l| l.content.fixed_kind() == Some(LetterKind::PaymentFailed)).count()
}

#[test]
fn chg_1_what_is_no_longer_owed_is_not_asked_for() {
    let bea = staff("bea", Role::BillingLead);
    let reason = || Personal::new("because");
    let hold = Command::PlaceHold { invoice: None, until: None, reason: reason() };
    let dispute =
        Command::OpenDispute { invoice: invoice(1), amount: Some(usd(1)), reason: reason() };
    let paid = told("check 1", 10_000, Seen::Succeeded, Method::Check);
    let in_flight = told("square:p-9", 10_000, Seen::Pending, Method::Ach);
    let removed = Command::RemoveMethod { method: method(0) };
    for act in [hold, dispute, paid, in_flight, removed] {
        let mut desk = due();
        desk.try_run(&act, &bea).unwrap();
        assert!(desk.account.charges.is_empty(), "after {act:?}");
        assert_eq!(ended(&desk), [], "nobody was asked, after {act:?}");
        assert!(desk.run(&claim(), &Actor::Schedule).is_empty());
        // Asked for a moment before, it is given up, and nobody asks again.
        let mut desk = due();
        desk.try_run(&claim(), &Actor::Schedule).unwrap();
        desk.try_run(&act, &bea).unwrap();
        desk.try_run(&claim(), &Actor::Schedule).unwrap();
        assert_eq!(ended(&desk), [ChargeOutcome::Unclear], "after {act:?}");
        for _ in 0..20 {
            desk.next_day();
        }
        assert!(desk.account.charges.is_empty(), "after {act:?}");
    }
}

#[test]
fn chg_1_a_part_that_is_paid_meanwhile_is_charged_no_more() {
    let mut desk = due();
    let part = told("check 1", 4_000, Seen::Succeeded, Method::Check);
    desk.try_run(&part, &staff("bea", Role::BillingLead)).unwrap();
    let charge = &desk.account.charges[&invoice(1)];
    assert_eq!((charge.amount, charge.id.attempt), (usd(6_000), 1), "the name is free again");
}

#[test]
fn chg_1_an_answer_that_was_lost_is_known_by_its_payment() {
    for (seen, method) in [(Seen::Succeeded, Method::Card), (Seen::Pending, Method::Ach)] {
        let mut desk = due();
        desk.try_run(&claim(), &Actor::Schedule).unwrap();
        let by_webhook = told("stripe:p-1", 10_000, seen, method);
        desk.try_run(&by_webhook, &Actor::Gateway).unwrap();
        desk.try_run(&claim(), &Actor::Schedule).unwrap();
        let payment = "stripe:p-1".parse().unwrap();
        assert_eq!(ended(&desk), [ChargeOutcome::Taken { payment }]);
    }
    // What another gateway took, or another amount, is another payment.
    for (payment, minor) in [("square:p-1", 10_000), ("stripe:p-1", 10_001)] {
        let mut desk = due();
        desk.try_run(&claim(), &Actor::Schedule).unwrap();
        desk.try_run(&told(payment, minor, Seen::Succeeded, Method::Card), &Actor::Gateway)
            .unwrap();
        desk.try_run(&claim(), &Actor::Schedule).unwrap();
        assert_eq!(ended(&desk), [ChargeOutcome::Unclear], "for {payment} of {minor}");
    }
}

#[test]
fn chg_1_a_failed_charge_is_told_once_whoever_tells_it_first() {
    let payment = "stripe:p-1";
    let failed = told(payment, 10_000, Seen::Failed, Method::Card);
    let declined = Command::EndCharge {
        charge: id(1),
        outcome: ChargeOutcome::Declined(Decline {
            code: "insufficient_funds".to_owned(),
            kind: DeclineKind::Soft,
            payment: Some(payment.parse().unwrap()),
        }),
    };
    let taken = Command::EndCharge {
        charge: id(1),
        outcome: ChargeOutcome::Taken { payment: payment.parse().unwrap() },
    };
    for order in [[&failed, &declined], [&declined, &failed], [&failed, &taken]] {
        let mut desk = due();
        desk.try_run(&claim(), &Actor::Schedule).unwrap();
        for command in order {
            desk.try_run(command, &Actor::Gateway).unwrap();
        }
        assert_eq!(letters(&desk), 1, "for {order:?}");
        let is_declined = |outcome: &ChargeOutcome| matches!(outcome, ChargeOutcome::Declined(decline) if decline.kind == DeclineKind::Soft);
        assert!(ended(&desk).iter().all(is_declined), "for {order:?}: {:?}", ended(&desk));
        // Said again, it changes nothing.
        assert!(desk.run(&declined, &Actor::Gateway).is_empty());
    }
}

#[test]
fn chg_1_the_letter_is_withdrawn_once_nothing_is_owed() {
    let mut desk = due();
    desk.try_run(&claim(), &Actor::Schedule).unwrap();
    let outcome = outcome(1, &id(1)).unwrap();
    desk.try_run(&Command::EndCharge { charge: id(1), outcome }, &Actor::Gateway).unwrap();
    let letter = desk.account.letters.values().next().unwrap();
    assert_eq!(letter.content, Content::ChargeFailed { invoice: invoice(1), attempt: 1 });
    let letter = letter.id;
    let paid = told("check 1", 10_000, Seen::Succeeded, Method::Check);
    desk.try_run(&paid, &staff("bea", Role::BillingLead)).unwrap();
    desk.leave();
    assert!(matches!(desk.account.letters[&letter].state, LetterState::Withdrawn { .. }));
}

#[test]
fn chg_3_a_debit_that_came_back_voids_the_mandate_and_a_card_that_is_lost_is_dead() {
    let mut desk = due();
    desk.try_run(&claim(), &Actor::Schedule).unwrap();
    desk.try_run(&told("stripe:p-1", 10_000, Seen::Pending, Method::Ach), &Actor::Gateway).unwrap();
    let payment: domain::id::PaymentId = "stripe:p-1".parse().unwrap();
    let outcome = ChargeOutcome::Taken { payment: payment.clone() };
    desk.try_run(&Command::EndCharge { charge: id(1), outcome }, &Actor::Gateway).unwrap();
    let returned = Command::RecordPayment { payment, news: News::Returned };
    desk.try_run(&returned, &Actor::Gateway).unwrap();
    assert!(desk.account.chargeable_method().is_none());
    // Saved once more it is as void as before, and can't be chosen.
    let refusal =
        desk.try_run(&Command::SetDefaultMethod { method: method(0) }, &client()).unwrap();
    assert!(refusal.is_empty(), "it is the default already");
    desk.run(&Command::SaveMethod(new_method(0, false)), &client());
    assert!(desk.account.chargeable_method().is_none());
    desk.run(&Command::SaveMethod(new_method(1, false)), &client());
    assert!(desk.account.chargeable_method().is_some());
    let void = Command::SetDefaultMethod { method: method(0) };
    assert_eq!(desk.try_run(&void, &client()).unwrap_err().rule, "CHG-1");
}

#[test]
fn chg_1_charges_wait_where_locks_and_letters_wait() {
    let mut desk = due();
    desk.latitude = Latitude::Stopped;
    assert_eq!(desk.try_run(&claim(), &Actor::Schedule).unwrap_err().rule, "LOCK-10");
    desk.latitude = Latitude::Full;
    desk.ledger = Some(domain::ledger::Ledger { updated_on: None, fresh_days: 7 });
    assert_eq!(desk.try_run(&claim(), &Actor::Schedule).unwrap_err().rule, "FRESH-1");
    desk.ledger = None;
    let message = domain::message::NewMessage {
        channel: domain::message::Channel::Mail,
        address: None,
        letter: None,
        text: Personal::new("my card was stolen"),
    };
    desk.run(&Command::ReceiveMessage(message), &client());
    assert_eq!(desk.try_run(&claim(), &Actor::Schedule).unwrap_err().rule, "LET-8");
}

#[test]
fn chg_1_who_may_do_what_with_a_method() {
    let save = || Command::SaveMethod(new_method(1, false));
    let remove = || Command::RemoveMethod { method: method(0) };
    let choose = || Command::SetDefaultMethod { method: method(0) };
    let end = || Command::EndCharge { charge: id(1), outcome: ChargeOutcome::Unclear };
    let (bea, pre) = (staff("bea", Role::BillingLead), staff("pre", Role::Preparer));
    for (command, actor, may) in [
        (save(), client(), true),
        (save(), Actor::Link, true),
        (save(), Actor::Gateway, true),
        (save(), bea.clone(), true),
        (save(), pre.clone(), false),
        (remove(), client(), true),
        (remove(), Actor::Link, false),
        (remove(), bea.clone(), true),
        (remove(), pre.clone(), false),
        (choose(), client(), true),
        (choose(), Actor::Link, false),
        (choose(), pre, false),
        (end(), Actor::Gateway, true),
        (end(), client(), false),
        (end(), bea, false),
    ] {
        let done = due().try_run(&command, &actor);
        assert_eq!(done.is_ok(), may, "{actor:?} with {command:?}: {done:?}");
    }
}

#[test]
fn chg_1_a_method_is_refused_that_none_could_be_or_that_tells_too_much() {
    let with = |change: &dyn Fn(&mut NewMethod)| {
        let mut new = new_method(3, false);
        change(&mut new);
        new
    };
    for (new, expected) in [
        (with(&|new| new.kind = Method::Check), "only a card or a bank account"),
        (with(&|new| new.endpoint.clear()), "1 to 200 bytes"),
        (with(&|new| new.customer = "x".repeat(201)), "1 to 200 bytes"),
        (with(&|new| new.label = Personal::new(" ")), "1 to 200 bytes"),
        (with(&|new| new.label = Personal::new("4242424242424242")), "at most four digits"),
        (with(&|new| new.label = Personal::new("Visa 42424")), "at most four digits"),
        (with(&|new| new.expires = Some((2030, 13))), "a month from 1 to 12"),
    ] {
        let refusal = due().try_run(&Command::SaveMethod(new), &client()).unwrap_err();
        assert!(refusal.text.contains(expected), "{}", refusal.text);
    }
    let mut desk = due();
    for number in 1..MAX_METHODS as u8 {
        desk.try_run(&Command::SaveMethod(new_method(number, false)), &client()).unwrap();
    }
    let one_more = Command::SaveMethod(new_method(99, false));
    assert_eq!(desk.try_run(&one_more, &client()).unwrap_err().rule, "CHG-1");
}

#[test]
fn chg_1_many_charges_are_made_some_at_a_time() {
    let mut desk = Desk::new(on_due(&[]));
    desk.run(&Command::SaveMethod(new_method(0, false)), &client());
    let bea = staff("bea", Role::BillingLead);
    for number in 0..MAX_CHARGES as u8 + 5 {
        let id = format!("B-{number}").parse().unwrap();
        desk.run(&Command::IssueInvoice(NewInvoice { id, ..new_invoice(1, 100) }), &bea);
    }
    desk.next_day();
    desk.next_day();
    assert_eq!(desk.account.charges.len(), MAX_CHARGES);
    let mut end = |ends| {
        let charge = desk.account.charges.values().next().unwrap().id.clone();
        desk.try_run(&Command::ClaimCharge { charge: charge.clone() }, &Actor::Schedule).unwrap();
        let outcome = outcome(ends, &charge).unwrap();
        desk.try_run(&Command::EndCharge { charge, outcome }, &Actor::Gateway).unwrap();
        desk.account.charges.len()
    };
    let (soft, hard) = (1, 3);
    assert_eq!(end(soft), MAX_CHARGES, "the next takes its place");
    assert_eq!(end(hard), 0, "no other is charged to a dead card");
}

#[test]
fn close_1_who_is_forgotten_has_no_methods() {
    let mut desk = due();
    let erased =
        domain::account::Erased { on: desk.day, years: 7, gone: domain::account::Gone::default() };
    apply(&mut desk.account, &Event::ClientErased(erased));
    assert!(desk.account.methods.is_empty() && desk.account.default_method.is_none());
}

#[derive(Debug, Clone)]
enum Act {
    Issue { number: u8, minor: u64 },
    Pay { number: u8, minor: u64 },
    Refund { number: u8 },
    Dispute { number: u8 },
    Settle { number: u8 },
    Hold,
    Release,
    Save { id: u8, ach: bool },
    Remove { id: u8 },
    Ask { number: u8 },
    End { number: u8, ends: u8 },
    Wait { days: u32 },
}

fn act() -> impl Strategy<Value = Act> {
    let number = || 0..3_u8;
    prop_oneof![
        3 => (number(), 1..500_u64).prop_map(|(number, minor)| Act::Issue { number, minor }),
        2 => (number(), 1..500_u64).prop_map(|(number, minor)| Act::Pay { number, minor }),
        1 => number().prop_map(|number| Act::Refund { number }),
        1 => number().prop_map(|number| Act::Dispute { number }),
        1 => number().prop_map(|number| Act::Settle { number }),
        1 => Just(Act::Hold),
        1 => Just(Act::Release),
        3 => (0..2_u8, any::<bool>()).prop_map(|(id, ach)| Act::Save { id, ach }),
        1 => (0..2_u8).prop_map(|id| Act::Remove { id }),
        5 => number().prop_map(|number| Act::Ask { number }),
        5 => (number(), 0..6_u8).prop_map(|(number, ends)| Act::End { number, ends }),
        6 => (1..6_u32).prop_map(|days| Act::Wait { days }),
    ]
}

/// What the gateway did, and saw: it charges whatever it is asked for, once for each name.
#[derive(Default)]
struct Gateway {
    asked: BTreeSet<ChargeId>,
}

fn open(account: &Account, number: u8) -> Option<ChargeId> {
    account.charges.get(&invoice(number)).map(|charge| charge.id.clone())
}

fn play(desk: &mut Desk, gateway: &mut Gateway, act: &Act) {
    let bea = staff("bea", Role::BillingLead);
    let reason = || Personal::new("because");
    match *act {
        Act::Issue { number, minor } => {
            desk.run(&Command::IssueInvoice(new_invoice(number, minor)), &bea);
        }
        Act::Pay { number, minor } => {
            let id = format!("check {number} {}", desk.days.len()).parse().unwrap();
            let (method, invoices) = (Method::Check, vec![invoice(number)]);
            let seen = Seen::Succeeded;
            let news = News::Told { amount: usd(minor), method, invoices, seen, on: None };
            desk.run(&Command::RecordPayment { payment: id, news }, &bea);
        }
        Act::Refund { number } => {
            let mut known = desk.account.payments.keys();
            let Some(payment) = known.nth(usize::from(number)).cloned() else { return };
            let id = format!("r-{payment}").parse().unwrap();
            let news = News::Refunded { id, amount: None };
            desk.run(&Command::RecordPayment { payment, news }, &bea);
        }
        Act::Dispute { number } => {
            let (invoice, amount) = (invoice(number), Some(usd(1)));
            desk.run(&Command::OpenDispute { invoice, amount, reason: reason() }, &client());
        }
        Act::Settle { number } => {
            let outcome = domain::command::DisputeOutcome::Rejected;
            let command = Command::ResolveDispute { invoice: invoice(number), outcome };
            desk.run(&command, &staff("pat", Role::Partner));
        }
        Act::Hold => {
            let hold = Command::PlaceHold { invoice: None, until: None, reason: reason() };
            desk.run(&hold, &bea);
        }
        Act::Release => drop(desk.run(&Command::ReleaseHold { invoice: None }, &bea)),
        Act::Save { id, ach } => {
            desk.run(&Command::SaveMethod(new_method(id, ach)), &client());
        }
        Act::Remove { id } => {
            desk.run(&Command::RemoveMethod { method: method(id) }, &client());
        }
        Act::Ask { number } => {
            let Some(id) = open(&desk.account, number) else { return };
            desk.run(&Command::ClaimCharge { charge: id.clone() }, &Actor::Schedule);
            let Some(charge) = desk.account.charges.get(&id.invoice).filter(|c| c.id == id) else {
                return;
            };
            assert!(charge.is_asked);
            let owed = desk.account.invoices[&id.invoice].collectable();
            assert!(
                charge.amount.minor() <= owed.minor(),
                "{} of {owed} is charged",
                charge.amount
            );
            assert!(!desk.account.invoices[&id.invoice].balance().is_zero());
            gateway.asked.insert(id);
        }
        Act::End { number, ends } => {
            let Some(id) = open(&desk.account, number).filter(|id| gateway.asked.contains(id))
            else {
                return;
            };
            let charge = desk.account.charges[&id.invoice].clone();
            let outcome = outcome(ends, &id).unwrap();
            if let ChargeOutcome::Taken { payment } = &outcome {
                let kind =
                    desk.account.methods.get(&charge.method).map_or(Method::Card, |m| m.kind);
                let seen = if kind == Method::Ach { Seen::Pending } else { Seen::Succeeded };
                let invoices = vec![id.invoice.clone()];
                let news =
                    News::Told { amount: charge.amount, method: kind, invoices, seen, on: None };
                let payment = payment.clone();
                desk.run(&Command::RecordPayment { payment, news }, &Actor::Gateway);
            }
            desk.run(&Command::EndCharge { charge: id, outcome }, &Actor::Gateway);
        }
        Act::Wait { days } => (0..days).for_each(|_| desk.next_day()),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// Whatever happens: one attempt of an invoice at a time, no name for two, none after what was taken or is
    /// unclear, as many as the policy has days, and each within what is owed when the gateway is asked.
    #[test]
    fn chg_1_no_attempt_is_made_twice_and_none_for_more_than_is_owed(
        retry_days in prop::collection::btree_set(1..9_u32, 0..4),
        acts in prop::collection::vec(act(), 5..60),
    ) {
        let days: Vec<u32> = retry_days.iter().copied().collect();
        let mut desk = Desk::new(on_due(&days));
        let mut gateway = Gateway::default();
        for act in &acts {
            play(&mut desk, &mut gateway, act);
            let repeated = {
                desk.run(&Command::Evaluate, &Actor::Schedule);
                desk.run(&Command::Evaluate, &Actor::Schedule)
            };
            prop_assert!(repeated.is_empty(), "a repeated evaluation wrote {repeated:?}");
        }
        let mut open: BTreeSet<ChargeId> = BTreeSet::new();
        let (mut asked, mut over) = (BTreeSet::new(), BTreeSet::new());
        for event in &desk.events {
            match event {
                Event::ChargeRequested(charge) => {
                    let same = open.iter().find(|known| known.invoice == charge.id.invoice);
                    prop_assert!(same.is_none(), "{} beside {:?}", charge.id, same);
                    prop_assert!(!over.contains(&charge.id.invoice), "{} after the end", charge.id);
                    prop_assert!(!asked.contains(&charge.id), "{} again", charge.id);
                    open.insert(charge.id.clone());
                }
                Event::ChargeAsked { charge } => prop_assert!(asked.insert(charge.clone())),
                Event::ChargeEnded { charge, outcome, .. } => {
                    prop_assert!(open.remove(charge));
                    if matches!(outcome, ChargeOutcome::Taken { .. } | ChargeOutcome::Unclear) {
                        over.insert(charge.invoice.clone());
                    }
                }
                _ => {}
            }
        }
        for invoice in desk.account.invoices.values() {
            let attempts: Vec<_> = invoice.charges.iter().map(|attempt| attempt.on).collect();
            prop_assert!(attempts.len() <= days.len() + 1, "{attempts:?} with {days:?}");
            prop_assert!(attempts.windows(2).all(|pair| pair[0] < pair[1]), "{attempts:?}");
        }
    }
}
