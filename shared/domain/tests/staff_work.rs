//! What staff write down for a client: its profile, notes and calls, who does a task, and drafts without
//! a number (STAFF-1, NOTE-1, LET-10, INV-7).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff};
use domain::account::{Contact, MAX_CONTACTS, MAX_SERVICE_LINES, Profile, TaskId};
use domain::command::{Command, NewInvoice};
use domain::event::Event;
use domain::id::InvoiceId;
use domain::letter::{LetterId, LetterKind, LetterState};
use domain::note::NoteKind;
use domain::policy::Policy;
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::task::About;
use domain::text::{MAX_TEXT_BYTES, Personal};

const CLIENT: Actor = Actor::Client { contact: None };

fn bea() -> Actor {
    staff("bea", Role::BillingLead)
}

fn contact(address: &str) -> Contact {
    Contact { address: Personal::new(address), is_bounced: false }
}

/// The desk's profile with so many contacts and service lines.
fn profile(contacts: usize, service_lines: usize) -> Profile {
    let mut profile = Desk::new(Policy::default()).account.profile;
    profile.contacts =
        (0..contacts).map(|number| contact(&format!("n{number}@acme.example"))).collect();
    profile.service_lines =
        (0..service_lines).map(|number| format!("line-{number}").parse().unwrap()).collect();
    profile
}

#[test]
fn let_10_lock_5_a_client_has_at_most_so_many_contacts_and_service_lines() {
    let table = [
        (MAX_CONTACTS, MAX_SERVICE_LINES, None),
        (MAX_CONTACTS + 1, 0, Some("at most 20 contacts")),
        (1, MAX_SERVICE_LINES + 1, Some("at most 20 service lines")),
    ];
    for (contacts, lines, refused) in table {
        for change in [Command::OpenAccount, Command::ChangeProfile] {
            let mut desk = Desk::new(Policy::default());
            let new = profile(contacts, lines);
            match (desk.try_run(&change(new.clone()), &bea()), refused) {
                (Ok(_), None) => assert_eq!(desk.account.profile, new),
                (Err(refusal), Some(text)) => {
                    assert_eq!(refusal.kind, RefusalKind::Invalid);
                    assert!(refusal.text.contains(text), "{refusal}");
                }
                (result, _) => panic!("{contacts} contacts and {lines} lines: {result:?}"),
            }
        }
    }
}

/// A client whose only address bounced, with the task about it.
fn bounced() -> (Desk, TaskId) {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    for _ in 0..32 {
        desk.next_day();
    }
    let letters = desk.account.letters.values();
    let left = letters
        .filter(|letter| matches!(letter.state, LetterState::Left(_)))
        .map(|letter| letter.id)
        .next_back();
    desk.try_run(&Command::ReportBounce { letter: left.unwrap(), to: None }, &Actor::Gateway)
        .unwrap();
    let task = desk.account.tasks.values().find(|task| task.about.kind() == "bounced_address");
    let task = task.unwrap().id;
    (desk, task)
}

#[test]
fn let_10_the_task_of_a_bounced_address_closes_with_a_contact_that_takes_mail() {
    for (contacts, is_closed) in [(vec![contact("new@acme.example")], true), (Vec::new(), false)] {
        let (mut desk, task) = bounced();
        let changed = Profile { contacts, ..desk.account.profile.clone() };
        desk.try_run(&Command::ChangeProfile(changed), &bea()).unwrap();
        assert_eq!(!desk.account.tasks.contains_key(&task), is_closed);
    }
    // Another contact beside the one that bounced takes the mail, but the bad address stays to be mended.
    let (mut desk, task) = bounced();
    let mut changed = desk.account.profile.clone();
    changed.contacts.push(contact("new@acme.example"));
    desk.try_run(&Command::ChangeProfile(changed), &bea()).unwrap();
    assert!(desk.account.tasks.contains_key(&task));
}

#[test]
fn note_1_a_note_is_of_staff_about_an_invoice_of_the_client_and_not_too_long() {
    let long = "é".repeat(MAX_TEXT_BYTES / 2);
    let table = [
        (bea(), None, "called, no answer", None),
        (bea(), Some(invoice(1)), "asked about A-1", None),
        (bea(), None, long.as_str(), None),
        (bea(), None, "   ", Some(RefusalKind::Invalid)),
        (bea(), None, &format!("{long}."), Some(RefusalKind::Invalid)),
        (bea(), Some(invoice(2)), "of an invoice that isn't there", Some(RefusalKind::Invalid)),
        (CLIENT, None, "from the client", Some(RefusalKind::Forbidden)),
        (Actor::Schedule, None, "from nobody", Some(RefusalKind::Forbidden)),
    ];
    for (actor, about, text, refused) in table {
        let mut desk = Desk::new(Policy::default());
        desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
        let text = Personal::new(text);
        let add = Command::AddNote { kind: NoteKind::Call, invoice: about.clone(), text };
        let before = desk.account.clone();
        match (desk.try_run(&add, &actor), refused) {
            (Ok(events), None) => {
                assert_eq!(events.len(), 1, "a note is followed by nothing: {events:?}");
                let note = desk.account.notes.last().unwrap();
                assert_eq!((note.kind, &note.invoice), (NoteKind::Call, &about));
            }
            (Err(refusal), Some(kind)) => {
                assert_eq!((refusal.kind, &before), (kind, &desk.account), "{refusal}");
            }
            (result, _) => panic!("{add:?} by {actor:?}: {result:?}"),
        }
    }
}

#[test]
fn note_1_each_note_has_a_number_of_its_own() {
    let mut desk = Desk::new(Policy::default());
    let text = Personal::new("called");
    let add = Command::AddNote { kind: NoteKind::Call, invoice: None, text };
    for _ in 0..3 {
        desk.try_run(&add, &bea()).unwrap();
    }
    let numbers: BTreeSet<_> = desk.account.notes.iter().map(|note| note.id).collect();
    assert_eq!(numbers.len(), 3);
    // Nor does a task take the number of one.
    desk.try_run(&Command::RequestRecords, &CLIENT).unwrap();
    let task = *desk.account.tasks.keys().next().unwrap();
    assert!(numbers.iter().all(|note| note.0 < task.0), "task {task:?} beside {numbers:?}");
}

#[test]
fn note_1_a_kind_is_known_by_its_name() {
    for (name, kind) in [("note", NoteKind::Note), ("call", NoteKind::Call)] {
        assert_eq!(name.parse(), Ok(kind));
        assert_eq!(kind.as_str(), name);
    }
    let refusal = "memo".parse::<NoteKind>().unwrap_err();
    assert!(refusal.contains("\"memo\"") && refusal.contains("note or call"), "{refusal}");
}

#[test]
fn let_1_a_letter_kind_is_known_by_its_name() {
    for kind in LetterKind::ALL {
        assert_eq!(LetterKind::from_name(kind.as_str()), Some(kind));
    }
    assert_eq!(LetterKind::from_name("postcard"), None);
}

#[test]
fn staff_1_whoever_prepares_may_change_contacts_and_nothing_that_money_depends_on() {
    let preparer = staff("pre", Role::Preparer);
    type Change = fn(&mut Profile);
    let changes: [(Change, Option<RefusalKind>); 5] = [
        (|profile| profile.contacts = vec![contact("zoe@acme.example")], None),
        (|profile| profile.class = "vip".parse().unwrap(), Some(RefusalKind::Forbidden)),
        (|profile| profile.name = Personal::new("Other"), Some(RefusalKind::Forbidden)),
        (|profile| profile.terms_allow_late_fee = true, Some(RefusalKind::Forbidden)),
        (
            |profile| profile.service_lines = ["tax".parse().unwrap()].into(),
            Some(RefusalKind::Forbidden),
        ),
    ];
    for (number, (change, refused)) in changes.into_iter().enumerate() {
        let mut desk = Desk::new(Policy::default());
        let mut changed = desk.account.profile.clone();
        change(&mut changed);
        let done = desk.try_run(&Command::ChangeProfile(changed.clone()), &preparer);
        assert_eq!(done.err().map(|refusal| refusal.kind), refused, "change {number}");
        assert_eq!(desk.account.profile == changed, refused.is_none(), "change {number}");
        assert!(desk.try_run(&Command::ChangeProfile(changed), &bea()).is_ok());
    }
}

#[test]
fn staff_1_a_task_is_given_to_a_person_once() {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::RequestRecords, &CLIENT).unwrap();
    let task = *desk.account.tasks.keys().next().unwrap();
    let give = |task, to: &str| Command::AssignTask { task, to: to.parse().unwrap() };
    let assigned = |events: Vec<Event>| {
        events.iter().filter(|event| matches!(event, Event::TaskAssigned { .. })).count()
    };
    for (to, written) in [("bea", 1), ("bea", 0), ("pat", 1)] {
        let events = desk.try_run(&give(task, to), &bea()).unwrap();
        assert_eq!(assigned(events), written, "to {to}");
        assert_eq!(desk.account.tasks[&task].assignee.as_ref().unwrap().as_str(), to);
    }
    for (actor, task, kind) in
        [(CLIENT, task, RefusalKind::Forbidden), (bea(), TaskId(task.0 + 1), RefusalKind::NotFound)]
    {
        assert_eq!(desk.try_run(&give(task, "ada"), &actor).unwrap_err().kind, kind);
    }
}

#[test]
fn acc_4_records_asked_for_twice_are_one_task_whatever_else_waits() {
    let mut desk = Desk::new(Policy::default());
    let told = Personal::new("5 for 4");
    let mismatch = Command::ReportMismatch { payment: payment(1), evidence: told };
    desk.try_run(&mismatch, &Actor::Gateway).unwrap();
    for _ in 0..2 {
        desk.try_run(&Command::RequestRecords, &CLIENT).unwrap();
        let kinds: Vec<_> = desk.account.tasks.values().map(|task| task.about.kind()).collect();
        assert_eq!(kinds, ["mismatch", "records_request"]);
    }
}

#[test]
fn staff_1_a_task_closes_by_whom_it_waits_for_and_one_that_stands_for_a_fact_with_the_fact() {
    let one = || BTreeSet::from([invoice(1)]);
    let step = Policy::default().steps().map(|(key, _)| key).next().unwrap();
    let (lead, partner) = (bea(), staff("pat", Role::Partner));
    let referral =
        About::CollectionsReferral { step, invoices: one(), approved_by: None, approved_on: None };
    let approved = About::CollectionsReferral {
        step,
        invoices: one(),
        approved_by: Some("pat".parse().unwrap()),
        approved_on: None,
    };
    let table = [
        (About::RecordsRequest, &lead, None),
        (About::RecordsRequest, &CLIENT, Some(RefusalKind::Forbidden)),
        (About::LetterStuck { letter: LetterId(9) }, &lead, None),
        (About::BouncedAddress { contact: 0, letter: LetterId(9) }, &lead, None),
        (About::ReadyForUnlock, &partner, Some(RefusalKind::Conflict)),
        (About::NoAddress, &partner, Some(RefusalKind::Conflict)),
        (About::ApproveStep { step, invoices: one() }, &partner, Some(RefusalKind::Conflict)),
        (About::ReviewTask { step, invoices: one() }, &lead, Some(RefusalKind::Forbidden)),
        (About::ReviewTask { step, invoices: one() }, &partner, None),
        (referral.clone(), &lead, Some(RefusalKind::Forbidden)),
        (referral, &partner, None),
        (approved, &partner, Some(RefusalKind::Conflict)),
    ];
    for (about, actor, refused) in table {
        let mut desk = Desk::new(Policy::default());
        desk.try_run(&Command::RequestRecords, &CLIENT).unwrap();
        let task = *desk.account.tasks.keys().next().unwrap();
        desk.account.tasks.get_mut(&task).unwrap().about = about.clone();
        let closed = desk.try_run(&Command::CloseTask { task }, actor);
        assert_eq!(closed.as_ref().err().map(|refusal| refusal.kind), refused, "{about:?}");
        let is_open = desk.account.tasks.contains_key(&task);
        assert_eq!(is_open, refused.is_some(), "{about:?} by {actor:?}");
    }
    let mut desk = Desk::new(Policy::default());
    let missing = desk.try_run(&Command::CloseTask { task: TaskId(7) }, &lead).unwrap_err();
    assert_eq!(missing.kind, RefusalKind::NotFound);
}

#[test]
fn inv_7_a_draft_without_a_number_is_named_by_nothing_that_outlives_its_name() {
    let mut desk = Desk::new(Policy::default());
    let id = "draft:1".parse::<InvoiceId>().unwrap();
    let draft = NewInvoice { id: id.clone(), is_draft: true, ..new_invoice(1, 10_000) };
    desk.try_run(&Command::IssueInvoice(draft), &Actor::Import).unwrap();
    let reason = || Personal::new("because");
    let dispute = Command::OpenDispute { invoice: id.clone(), amount: None, reason: reason() };
    let hold = Command::PlaceHold { invoice: Some(id), until: None, reason: reason() };
    for command in [dispute, hold] {
        let refusal = desk.try_run(&command, &staff("pat", Role::Partner)).unwrap_err();
        assert_eq!((refusal.kind, refusal.rule), (RefusalKind::Conflict, "INV-7"), "{refusal}");
        assert!(refusal.text.contains("post it first"), "{refusal}");
    }
}

#[test]
fn lock_4_a_reason_may_be_just_as_long_as_a_text() {
    for (bytes, is_taken) in [(MAX_TEXT_BYTES, true), (MAX_TEXT_BYTES + 1, false)] {
        let mut desk = Desk::new(Policy::default());
        let lock = Command::Lock { reason: Personal::new("x".repeat(bytes)), lines: [].into() };
        assert_eq!(desk.try_run(&lock, &bea()).is_ok(), is_taken, "{bytes} bytes");
    }
}
