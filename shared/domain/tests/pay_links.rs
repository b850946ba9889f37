//! Links to pay with that staff make, mail and take back (LET-7, LET-4).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::calendar::plus;
use domain::command::{Command, NewInvoice, News};
use domain::describe::describe;
use domain::event::Event;
use domain::letter::{LetterId, LetterKind, LetterState};
use domain::pay_link::MAX_INVOICES;
use domain::payment::{Method, Seen};
use domain::policy::Policy;
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::text::Personal;

/// A client that owes from some days on.
fn owing() -> Desk {
    let mut desk = Desk::new(Policy::default());
    let posts_on = Some(plus(desk.day, 9));
    for new in [new_invoice(1, 10_000), NewInvoice { posts_on, ..new_invoice(2, 500) }] {
        desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    }
    desk
}

fn made(numbers: &[u8]) -> Command {
    let invoices = numbers.iter().map(|number| invoice(*number)).collect();
    Command::MakePayLink { link: "ab".to_owned(), invoices }
}

fn mailed(numbers: &[u8], to: &str) -> Command {
    let invoices = numbers.iter().map(|number| invoice(*number)).collect();
    Command::MailPayLink { invoices, to: Personal::new(to) }
}

/// The client's first address.
fn address(desk: &Desk) -> String {
    desk.account.profile.contacts[0].address.as_str().to_owned()
}

fn paid(minor: u64) -> Command {
    let news = News::Told {
        amount: usd(minor),
        method: Method::Check,
        invoices: vec![invoice(1)],
        seen: Seen::Succeeded,
        on: None,
    };
    Command::RecordPayment { payment: payment(1), news }
}

#[test]
fn let_7_who_makes_a_link_and_to_what() {
    let lead = staff("bea", Role::BillingLead);
    let revoked = || Command::RevokePayLink { link: "ab".to_owned(), letter: None };
    for (actor, command, expected) in [
        (&lead, made(&[1]), None),
        (&staff("ada", Role::Admin), made(&[1]), None),
        (&staff("pat", Role::Partner), revoked(), None),
        (&staff("pre", Role::Preparer), made(&[1]), Some(RefusalKind::Forbidden)),
        (&staff("pre", Role::Preparer), revoked(), Some(RefusalKind::Forbidden)),
        (&Actor::Client { contact: None }, made(&[1]), Some(RefusalKind::Forbidden)),
        (&Actor::Link, made(&[1]), Some(RefusalKind::Forbidden)),
        (&Actor::Schedule, made(&[1]), Some(RefusalKind::Forbidden)),
        (&lead, made(&[]), Some(RefusalKind::Invalid)),
        (&lead, made(&[1, 7]), Some(RefusalKind::NotFound)),
        (&lead, made(&[1, 2]), Some(RefusalKind::Conflict)),
        (&lead, mailed(&[1], "nobody@acme.example"), Some(RefusalKind::Invalid)),
        (&staff("pre", Role::Preparer), mailed(&[1], "x"), Some(RefusalKind::Forbidden)),
    ] {
        let refused = owing().try_run(&command, actor).err();
        assert_eq!(refused.as_ref().map(|no| no.kind), expected, "{actor:?}: {command:?}");
    }
}

#[test]
fn aud_1_a_link_is_one_event_and_decides_nothing() {
    let mut desk = owing();
    let lead = staff("bea", Role::BillingLead);
    let events = desk.run(&made(&[1]), &lead);
    let [Event::PayLinkMade(link)] = &events[..] else { panic!("{events:?}") };
    assert_eq!((link.by.as_str(), link.made_on), ("bea", desk.day));
    for (command, expected) in [
        (made(&[1]), "makes a link to pay A-1 with"),
        (
            Command::RevokePayLink { link: "ab".to_owned(), letter: None },
            "takes a link to pay back",
        ),
        (
            Command::RevokePayLink { link: "ab".to_owned(), letter: Some(LetterId(3)) },
            "takes the link of letter 3 back",
        ),
    ] {
        let events = desk.run(&command, &lead);
        assert!(events.iter().all(Event::is_audited));
        let told: Vec<_> = events.iter().map(describe).collect();
        assert_eq!(told, [expected.replace("A-1", invoice(1).as_str())]);
    }
}

#[test]
fn let_4_a_mailed_link_leaves_to_its_address_as_far_as_something_is_owed() {
    let lead = staff("bea", Role::BillingLead);
    let part = paid(4_000);
    for (name, before, expected) in [
        ("nothing happens", None, true),
        ("a part is paid", Some(part), true),
        ("all is paid", Some(paid(10_000)), false),
        ("collection stops", Some(Command::HardStop { reason: Personal::new("no") }), false),
    ] {
        let mut desk = owing();
        let command = mailed(&[1], &address(&desk));
        let events = desk.run(&command, &lead);
        let [Event::LetterQueued(letter)] = &events[..] else { panic!("{events:?}") };
        assert_eq!(desk.run(&command, &lead), [], "the same is on its way");
        if let Some(before) = before {
            desk.run(&before, &staff("pat", Role::Partner));
        }
        desk.run(&Command::ClaimLetter { letter: letter.id }, &Actor::Schedule);
        match &desk.account.letters[&letter.id].state {
            LetterState::Left(sending) => {
                assert!(expected, "{name}");
                assert_eq!((sending.kind, sending.contact), (LetterKind::PayLink, 0));
                let warnings = &desk.account.invoices[&invoice(1)].warnings;
                assert!(warnings.is_empty(), "a link warns of nothing: nobody is locked by it");
            }
            LetterState::Withdrawn { .. } => assert!(!expected, "{name}"),
            LetterState::Queued => panic!("{name}"),
        }
    }
}

#[test]
fn let_6_a_link_goes_to_no_address_that_letters_came_back_from() {
    let mut desk = owing();
    let lead = staff("bea", Role::BillingLead);
    let to = address(&desk);
    let mut profile = desk.account.profile.clone();
    profile.contacts[0].is_bounced = true;
    desk.run(&Command::ChangeProfile(profile), &lead);
    let refused = desk.try_run(&mailed(&[1], &to), &lead).unwrap_err();
    assert_eq!((refused.kind, refused.rule), (RefusalKind::Conflict, "LET-6"));
}

#[test]
fn let_4_a_mailed_link_asks_for_what_is_still_owed_when_it_leaves() {
    let lead = staff("bea", Role::BillingLead);
    let reason = || Personal::new("because");
    let void = Command::VoidInvoice { invoice: invoice(1), reason: reason() };
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: reason() };
    for (meanwhile, actor) in [(void, &lead), (dispute, &Actor::Client { contact: None })] {
        let mut desk = Desk::new(Policy::default());
        for number in [1, 2] {
            let new = new_invoice(number, 500);
            desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
        }
        let to = address(&desk);
        desk.try_run(&mailed(&[1, 2], &to), &lead).unwrap();
        desk.try_run(&meanwhile, actor).unwrap();
        desk.leave();
        let letter = desk.account.letters.values().next_back().unwrap();
        let LetterState::Left(sending) = &letter.state else { panic!("{letter:?}") };
        assert_eq!(sending.invoices, [invoice(2)].into(), "after {meanwhile:?}");
    }
}

#[test]
fn let_7_a_link_is_mailed_once_for_the_same_invoices_and_again_for_others() {
    let mut desk = Desk::new(Policy::default());
    let lead = staff("bea", Role::BillingLead);
    for number in [1, 2] {
        let new = new_invoice(number, 500);
        desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    }
    let to = address(&desk);
    for (numbers, letters) in [(&[1][..], 1), (&[1], 1), (&[2], 2), (&[1, 2], 3)] {
        desk.try_run(&mailed(numbers, &to), &lead).unwrap();
        assert_eq!(desk.account.letters.len(), letters, "after {numbers:?}");
    }
    desk.leave();
    desk.try_run(&mailed(&[1], &to), &lead).unwrap();
    assert_eq!(desk.account.letters.len(), 4, "what has left can be asked for again");
}

#[test]
fn let_7_a_link_shows_the_most_invoices_and_no_more() {
    let mut desk = Desk::new(Policy::default());
    let lead = staff("bea", Role::BillingLead);
    for number in 0..=MAX_INVOICES {
        let id = format!("B-{number}").parse().unwrap();
        let new = NewInvoice { id, ..new_invoice(1, 500) };
        desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    }
    for (count, is_taken) in [(MAX_INVOICES, true), (MAX_INVOICES + 1, false)] {
        let invoices = desk.account.invoices.keys().take(count).cloned().collect();
        let made = desk.try_run(&Command::MakePayLink { link: "ab".to_owned(), invoices }, &lead);
        assert_eq!(made.is_ok(), is_taken, "{count} invoices");
    }
}
