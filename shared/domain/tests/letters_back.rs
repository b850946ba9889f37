//! Letters that come back, get stuck, or wait for a fresh ledger (LET-4, LET-6, LET-9, LET-10, FRESH-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use desk::{Desk, invoice, new_invoice, staff};
use domain::account::Contact;
use domain::calendar::Day;
use domain::command::Command;
use domain::event::Event;
use domain::ledger::Ledger;
use domain::letter::{Content, LetterId, LetterKind, LetterState, Within};
use domain::policy::Policy;
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::text::Personal;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn address(number: usize) -> Contact {
    Contact { address: Personal::new(format!("n{number}@acme.example")), is_bounced: false }
}

/// A client with so many addresses and two invoices, of January 1 and 2, whose notices of February 1 and 2
/// have left.
fn desk(addresses: usize) -> (Desk, Vec<LetterId>) {
    let mut policy = Policy::default();
    policy.regular.reminders = Vec::new();
    policy.letters.working_days_only = false;
    let mut desk = Desk::new(policy);
    desk.account.profile.contacts = (0..addresses).map(address).collect();
    for number in [1, 2] {
        desk.try_run(&Command::IssueInvoice(new_invoice(number, 10_000)), &Actor::Import).unwrap();
        desk.next_day();
    }
    while desk.day < day("2026-02-03") {
        desk.next_day();
    }
    let left = letters(&desk, |state| matches!(state, LetterState::Left(_)));
    assert_eq!(left.len(), 2);
    (desk, left)
}

fn letters(desk: &Desk, is_wanted: impl Fn(&LetterState) -> bool) -> Vec<LetterId> {
    let letters = desk.account.letters.values();
    letters.filter(|letter| is_wanted(&letter.state)).map(|letter| letter.id).collect()
}

fn queued(desk: &Desk) -> Vec<LetterId> {
    letters(desk, |state| *state == LetterState::Queued)
}

fn kinds(desk: &Desk) -> Vec<&'static str> {
    desk.account.tasks.values().map(|task| task.about.kind()).collect()
}

fn bounce(letter: LetterId) -> Command {
    Command::ReportBounce { letter, to: None }
}

/// Staff change the list while a letter is on its way: another address than its own is never marked.
#[test]
fn let_6_a_bounce_marks_the_address_to_which_the_letter_went_wherever_it_stands_by_now() {
    let bounce = |letter| Command::ReportBounce { letter, to: Some(address(0).address) };
    for (contacts, bounced, tasks) in [
        (vec![address(0), address(1)], vec![true, false], vec!["bounced_address"]),
        (vec![address(1), address(0)], vec![false, true], vec!["bounced_address"]),
        // It was removed, or corrected: nothing is left to do but to write to who is there.
        (vec![address(1)], vec![false], vec![]),
    ] {
        let (mut desk, left) = desk(2);
        desk.account.profile.contacts = contacts.clone();
        desk.try_run(&bounce(left[0]), &Actor::Gateway).unwrap();
        let marked = desk.account.profile.contacts.iter().map(|contact| contact.is_bounced);
        assert_eq!(marked.collect::<Vec<_>>(), bounced, "{contacts:?}");
        assert_eq!((kinds(&desk), queued(&desk).len()), (tasks, 1), "{contacts:?}");
        assert!(desk.account.invoices[&invoice(1)].warnings.is_empty(), "nobody read it");
        assert_eq!(desk.try_run(&bounce(left[0]), &Actor::Gateway), Ok(Vec::new()), "told twice");
    }
}

#[test]
fn let_10_a_bounce_told_twice_changes_nothing_and_the_next_contact_is_written_to_once() {
    let (mut desk, left) = desk(2);
    let told = desk.try_run(&bounce(left[0]), &Actor::Gateway).unwrap();
    assert!(told.iter().any(|event| matches!(event, Event::AddressBounced { contact: 0, .. })));
    assert_eq!((kinds(&desk), queued(&desk).len()), (vec!["bounced_address"], 1));
    assert!(desk.account.invoices[&invoice(1)].warnings.is_empty(), "nobody read it");
    assert_eq!(desk.account.invoices[&invoice(2)].warnings.len(), 1);
    assert_eq!(desk.try_run(&bounce(left[0]), &Actor::Gateway), Ok(Vec::new()));
    // The other letter to the same address came back as well: what it warned of is said again, and the
    // task that is there is enough.
    let told = desk.try_run(&bounce(left[1]), &Actor::Gateway).unwrap();
    assert!(told.iter().any(|event| matches!(event, Event::AddressBounced { contact: 0, .. })));
    assert_eq!((kinds(&desk), queued(&desk).len()), (vec!["bounced_address"], 1));
    assert!(desk.account.invoices[&invoice(2)].warnings.is_empty());
    assert_eq!(desk.try_run(&bounce(left[1]), &Actor::Gateway), Ok(Vec::new()));

    desk.leave();
    let again = desk.account.letters.values().next_back().unwrap();
    let LetterState::Left(sending) = &again.state else { panic!("{again:?}") };
    assert_eq!((sending.contact, sending.kind), (1, LetterKind::Notice));
    assert_eq!(sending.invoices.len(), 2);
    // The second address takes nothing either: a task of its own, and nobody is left to write to.
    let id = again.id;
    desk.try_run(&bounce(id), &Actor::Gateway).unwrap();
    assert_eq!(kinds(&desk), ["bounced_address", "bounced_address"]);
    assert_eq!(queued(&desk), []);
}

#[test]
fn let_6_what_has_not_left_or_is_not_there_cannot_come_back() {
    let (mut desk, left) = desk(2);
    desk.try_run(&bounce(left[0]), &Actor::Gateway).unwrap();
    for (letter, kind) in
        [(queued(&desk)[0], RefusalKind::Conflict), (LetterId(999), RefusalKind::NotFound)]
    {
        assert_eq!(desk.try_run(&bounce(letter), &Actor::Gateway).unwrap_err().kind, kind);
    }
}

#[test]
fn let_4_a_letter_that_may_not_have_left_is_one_task_for_a_person() {
    let (mut desk, left) = desk(1);
    let stuck = |letter| Command::ReportStuckLetter { letter };
    for (letter, tasks) in [(left[0], 1), (left[0], 1), (left[1], 2)] {
        desk.try_run(&stuck(letter), &Actor::Schedule).unwrap();
        assert_eq!(kinds(&desk), vec!["letter_stuck"; tasks]);
    }
    assert_eq!(queued(&desk), [], "it is never sent twice");
    let never = desk.try_run(&stuck(LetterId(999)), &Actor::Schedule).unwrap_err();
    assert_eq!((never.kind, never.rule), (RefusalKind::Conflict, "LET-4"));
    desk.try_run(&Command::RequestRecords, &Actor::Client { contact: None }).unwrap();
    desk.try_run(&stuck(left[0]), &Actor::Schedule).unwrap();
    assert_eq!(kinds(&desk).len(), 3);
}

/// The letters about debts that were queued by then, each with how many parts it has.
fn parts(desk: &Desk) -> Vec<(LetterState, usize)> {
    let letters = desk.account.letters.values().filter_map(|letter| match &letter.content {
        Content::Debt { parts } => Some((letter.state.clone(), parts.len())),
        _ => None,
    });
    letters.collect()
}

#[test]
fn let_9_fresh_1_a_letter_that_waited_for_the_ledger_leaves_with_those_of_the_day() {
    for (ledger, together) in [(None, false), (Some("2026-02-15"), true)] {
        let mut policy = Policy::default();
        policy.regular.reminders = Vec::new();
        let mut desk = Desk::new(policy);
        let new = new_invoice(1, 10_000);
        desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
        // The notice of February 1 is decided and does not leave.
        desk.day = day("2026-02-01");
        desk.run(&Command::Evaluate, &Actor::Schedule);
        assert_eq!(parts(&desk), [(LetterState::Queued, 1)]);
        // On the 15th the next comes.
        desk.day = day("2026-02-15");
        desk.ledger = ledger.map(|on| Ledger { updated_on: Some(day(on)), fresh_days: 7 });
        desk.run(&Command::Evaluate, &Actor::Schedule);
        let expected = match together {
            true => vec![(LetterState::Queued, 2)],
            false => vec![(LetterState::Queued, 1), (LetterState::Queued, 1)],
        };
        assert_eq!(parts(&desk), expected, "with a ledger of {ledger:?}");
    }
}

#[test]
fn let_9_a_letter_that_leaves_on_another_day_takes_nothing_of_today() {
    // With working days, what is decided on Saturday, February 14, leaves on Tuesday, the 17th at the
    // earliest; a letter that waits from before for the ledger is not held back with it.
    let mut policy = Policy::default();
    policy.regular.reminders = Vec::new();
    policy.letters.working_days_only = true;
    let mut desk = Desk::new(policy);
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    desk.day = day("2026-02-02");
    desk.run(&Command::Evaluate, &Actor::Schedule);
    desk.ledger = Some(Ledger { updated_on: Some(day("2026-02-14")), fresh_days: 7 });
    desk.day = day("2026-02-15");
    desk.run(&Command::Evaluate, &Actor::Schedule);
    assert_eq!(parts(&desk), [(LetterState::Queued, 1), (LetterState::Queued, 1)]);
}

#[test]
fn let_7_a_mailed_link_goes_to_the_address_that_it_was_made_for_and_to_no_other() {
    let (mut desk, left) = desk(3);
    let mail = |number: usize| Command::MailPayLink {
        invoices: [invoice(1)].into(),
        to: address(number).address,
    };
    let lead = staff("bea", Role::BillingLead);
    desk.try_run(&mail(2), &lead).unwrap();
    desk.leave();
    let letter = desk.account.letters.values().next_back().unwrap();
    let LetterState::Left(sending) = &letter.state else { panic!("{letter:?}") };
    assert_eq!((sending.kind, sending.contact), (LetterKind::PayLink, 2));
    // One whose mail came back gets none, though others could be reached.
    desk.try_run(&bounce(left[0]), &Actor::Gateway).unwrap();
    assert_eq!(desk.try_run(&mail(0), &lead).unwrap_err().kind, RefusalKind::Conflict);
}

/// LET-9: within another client's message as it would have left by itself; to that address and no other.
#[test]
fn let_9_a_letter_joins_the_message_of_another_client_of_its_contact() {
    let (mut desk, left) = desk(1);
    let join = |letter, to: &str| Command::JoinLetter {
        letter,
        within: Within { client: "bea".parse().unwrap(), letter: LetterId(7) },
        to: Personal::new(to),
    };
    let strange = desk.try_run(&join(LetterId(99), "n0@acme.example"), &Actor::Schedule);
    assert_eq!(strange.unwrap_err().kind, RefusalKind::NotFound);
    desk.account.letters.get_mut(&left[1]).unwrap().state = LetterState::Queued;
    for (letter, to, rule) in [
        (left[1], "n1@acme.example", "LET-9"),
        (LetterId(left[1].0), "someone@else.example", "LET-9"),
    ] {
        let refusal = desk.try_run(&join(letter, to), &Actor::Schedule).unwrap_err();
        assert_eq!((refusal.rule, refusal.kind), (rule, RefusalKind::Conflict), "{to}");
    }
    let sending = |desk: &Desk, letter: LetterId| match &desk.account.letters[&letter].state {
        LetterState::Left(sending) => sending.clone(),
        state => panic!("{state:?}"),
    };
    // An address is the same in capitals.
    let events = desk.run(&join(left[1], "N0@acme.example"), &Actor::Schedule);
    assert_eq!(events.len(), 1);
    let joined = sending(&desk, left[1]);
    let within = joined.within.clone().unwrap();
    assert_eq!((within.client.as_str(), within.letter), ("bea", LetterId(7)));
    assert_eq!(joined.kind, LetterKind::Notice);
    let told = domain::describe::describe(&events[0]);
    assert!(told.contains("within the message of letter 7 to client bea"), "{told}");
    // The same again changes nothing; by itself it is in nobody's message any more.
    assert!(desk.run(&join(left[1], "n0@acme.example"), &Actor::Schedule).is_empty());
    desk.run(&Command::ReclaimLetter { letter: left[1], to: None }, &Actor::Schedule);
    assert_eq!(sending(&desk, left[1]).within, None);
    // What is no longer true is withdrawn, and stays so.
    for number in [1, 2] {
        let written_off =
            Command::WriteOff { invoice: invoice(number), reason: Personal::new("x") };
        desk.run(&written_off, &staff("pat", Role::Partner));
    }
    let events = desk.run(&join(left[1], "n0@acme.example"), &Actor::Schedule);
    assert!(matches!(&events[..], [Event::LetterWithdrawn { .. }]), "{events:?}");
    assert!(desk.run(&join(left[1], "n0@acme.example"), &Actor::Schedule).is_empty());
}
