//! What the client writes waits to be read, and meanwhile nothing harsher than a reminder happens (LET-8).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, new_invoice, staff};
use domain::calendar::Day;
use domain::command::Command;
use domain::decide::{evaluation_on, next_evaluation};
use domain::event::Event;
use domain::explain::explain;
use domain::letter::{LetterKind, LetterState};
use domain::message::{Channel, MAX_UNREAD, MessageId, NewMessage, left_lying};
use domain::policy::Policy;
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::task::About;
use domain::text::{MAX_TEXT_BYTES, Personal};

const CLIENT: Actor = Actor::Client { contact: None };

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn written(text: &str) -> Command {
    let (channel, address, letter) = (Channel::Mail, None, None);
    Command::ReceiveMessage(NewMessage { channel, address, letter, text: Personal::new(text) })
}

/// One invoice of January 1 due January 31, under the preset: reminders on January 24 and 30, notices on
/// February 1 and 15, a lock on March 2.
fn desk(until: &str) -> Desk {
    let mut desk = Desk::new(Policy::default());
    desk.try_run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import).unwrap();
    go_to(&mut desk, until);
    desk
}

fn go_to(desk: &mut Desk, until: &str) {
    while desk.day < day(until) {
        desk.next_day();
    }
}

fn left(desk: &Desk) -> Vec<(String, LetterKind)> {
    let left = desk.events.iter().filter_map(|event| match event {
        Event::LetterLeft { sending, .. } => Some((sending.on.to_string(), sending.kind)),
        _ => None,
    });
    left.collect()
}

fn unread(desk: &Desk) -> Vec<MessageId> {
    desk.account
        .unread()
        .map(|(_, messages)| messages.iter().copied().collect())
        .unwrap_or_default()
}

fn read(desk: &mut Desk, message: MessageId) {
    desk.try_run(&Command::ReadMessage { message }, &staff("bea", Role::BillingLead)).unwrap();
}

#[test]
fn let_8_a_reply_pauses_the_lock_until_somebody_has_read_it() {
    use LetterKind::{Notice, Reminder};
    let mut desk = desk("2026-02-20");
    let kinds: Vec<_> = left(&desk).into_iter().map(|(_, kind)| kind).collect();
    assert_eq!(kinds, [Reminder, Reminder, Notice, Notice]);
    desk.run(&written("I paid this in January. Please look."), &CLIENT);
    let message = unread(&desk)[0];
    assert!(desk.account.responded_within(1, day("2026-02-21")));
    go_to(&mut desk, "2026-03-20");
    assert!(!desk.account.is_locked());
    assert_eq!(left(&desk).len(), 4);
    // Nothing would be found on any day, so the client is due on none.
    let actor = Actor::Schedule;
    assert_eq!(next_evaluation(&desk.account, &desk.context(&actor)), None);
    assert!(evaluation_on(&desk.account, &desk.context(&actor), day("2026-04-01")).is_empty());
    let why = explain(&desk.account, &desk.context(&actor)).why;
    let line = "Notices, demands and locks wait until it is read: a message of the client's has lain \
                unread since Feb 20, 2026, for 28 days.";
    assert!(why.iter().any(|told| told == line), "{why:#?}");

    // Read on March 20: that day is the reader's, and the day after what waited happens.
    read(&mut desk, message);
    assert!(unread(&desk).is_empty() && desk.account.tasks.is_empty());
    assert!(!desk.account.is_locked(), "reading locks nobody");
    assert_eq!(next_evaluation(&desk.account, &desk.context(&actor)), Some(day("2026-03-21")));
    desk.next_day();
    assert_eq!(desk.account.lock().map(|lock| lock.on), Some(day("2026-03-21")));
}

#[test]
fn let_8_reminders_leave_while_a_message_lies_unread() {
    let mut desk = desk("2026-01-20");
    desk.run(&written("Which invoice is this?"), &CLIENT);
    go_to(&mut desk, "2026-02-16");
    let expected = [("2026-01-24", LetterKind::Reminder), ("2026-01-30", LetterKind::Reminder)];
    assert_eq!(left(&desk), expected.map(|(on, kind)| (on.to_owned(), kind)));
    // One notice for the two that were missed (EVAL-2).
    let message = unread(&desk)[0];
    read(&mut desk, message);
    go_to(&mut desk, "2026-02-20");
    assert_eq!(left(&desk)[2..], [("2026-02-17".to_owned(), LetterKind::Notice)]);
}

#[test]
fn let_8_a_harsh_letter_that_was_queued_before_waits_for_the_reader() {
    let mut desk = desk("2026-01-31");
    desk.day = day("2026-02-01");
    desk.run(&Command::Evaluate, &Actor::Schedule);
    let is_queued = |desk: &Desk| {
        let mut letters = desk.account.letters.values();
        letters.find(|letter| letter.state == LetterState::Queued).map(|letter| letter.id)
    };
    let letter = is_queued(&desk).unwrap();
    desk.run(&written("Wait, please."), &CLIENT);
    let before = desk.account.clone();
    let refusal = desk.try_run(&Command::ClaimLetter { letter }, &Actor::Schedule).unwrap_err();
    assert_eq!((refusal.rule, desk.account == before), ("LET-8", true));
    let message = unread(&desk)[0];
    read(&mut desk, message);
    desk.leave();
    assert!(is_queued(&desk).is_some(), "that day is the reader's");
    desk.day = day("2026-02-02");
    desk.leave();
    assert_eq!(is_queued(&desk), None);
    assert_eq!(left(&desk).last().unwrap().1, LetterKind::Notice);
}

#[test]
fn let_8_several_messages_are_one_task_and_reading_one_reads_those_before_it() {
    let mut desk = desk("2026-01-05");
    for text in ["one", "two", "three"] {
        desk.run(&written(text), &CLIENT);
    }
    let ids = unread(&desk);
    assert_eq!((ids.len(), desk.account.tasks.len()), (3, 1));
    read(&mut desk, ids[1]);
    assert_eq!(unread(&desk), ids[2..]);
    // Read before: nothing happens.
    let again = Command::ReadMessage { message: ids[0] };
    let bea = staff("bea", Role::BillingLead);
    assert!(desk.try_run(&again, &bea).unwrap().is_empty());
    // The task goes with the fact, and by no other way.
    let task = *desk.account.tasks.keys().next().unwrap();
    let by_hand = desk.try_run(&Command::CloseTask { task }, &bea).unwrap_err();
    assert_eq!(by_hand.kind, RefusalKind::Conflict);
    read(&mut desk, ids[2]);
    assert!(desk.account.tasks.is_empty());
    assert!(desk.try_run(&Command::ReadMessage { message: ids[2] }, &bea).unwrap().is_empty());
}

#[test]
fn let_8_staff_answer_by_mail_and_an_answer_is_a_reading() {
    let mut desk = desk("2026-01-05");
    desk.run(&written("Can I pay in two parts?"), &CLIENT);
    let reads = Some(unread(&desk)[0]);
    let text = Personal::new("Yes, on February 1 and March 1.");
    let pre = staff("pre", Role::Preparer);
    desk.try_run(&Command::WriteMessage { text: text.clone(), reads }, &pre).unwrap();
    assert!(unread(&desk).is_empty());
    let written: Vec<_> = desk.account.messages.iter().map(|m| m.is_the_clients()).collect();
    assert_eq!(written, [true, false]);
    desk.leave();
    assert_eq!(left(&desk), [("2026-01-05".to_owned(), LetterKind::Message)]);
    // An answer that was written before the newest message came leaves that unread.
    desk.run(&self::written("And a third part?"), &CLIENT);
    desk.try_run(&Command::WriteMessage { text, reads }, &pre).unwrap();
    assert_eq!(unread(&desk).len(), 1);
}

#[test]
fn let_8_who_may_write_and_read_and_how_much() {
    let long = "x".repeat(MAX_TEXT_BYTES + 1);
    let bea = staff("bea", Role::BillingLead);
    let answer = |text: &str| Command::WriteMessage { text: Personal::new(text), reads: None };
    let read = || Command::ReadMessage { message: MessageId(u64::MAX) };
    for (command, actor, expected) in [
        (written("hello"), &CLIENT, None),
        (written("hello"), &Actor::Link, None),
        (written("hello"), &bea, Some(RefusalKind::Forbidden)),
        (written("hello"), &Actor::Gateway, Some(RefusalKind::Forbidden)),
        (written(" \n"), &CLIENT, Some(RefusalKind::Invalid)),
        (written(&long), &CLIENT, Some(RefusalKind::Invalid)),
        (answer("hello"), &bea, None),
        (answer(""), &bea, Some(RefusalKind::Invalid)),
        (answer(&long), &bea, Some(RefusalKind::Invalid)),
        (answer("hello"), &CLIENT, Some(RefusalKind::Forbidden)),
        (read(), &bea, None),
        (read(), &CLIENT, Some(RefusalKind::Forbidden)),
        (read(), &Actor::Schedule, Some(RefusalKind::Forbidden)),
    ] {
        let mut desk = desk("2026-01-05");
        let got = desk.try_run(&command, actor).err().map(|refusal| refusal.kind);
        assert_eq!(got, expected, "{command:?} by {actor:?}");
    }
}

#[test]
fn let_8_so_many_messages_wait_at_a_time() {
    let mut desk = desk("2026-01-05");
    for _ in 0..MAX_UNREAD {
        desk.run(&written("again"), &CLIENT);
    }
    let refusal = desk.try_run(&written("again"), &CLIENT).unwrap_err();
    assert_eq!((refusal.rule, refusal.kind), ("LET-8", RefusalKind::Conflict));
    let distinct: BTreeSet<_> = unread(&desk).into_iter().collect();
    assert_eq!(distinct.len(), MAX_UNREAD);
}

#[test]
fn let_8_who_reads_has_the_day_to_act_on_it() {
    let mut desk = desk("2026-02-20");
    desk.run(&written("I am in hospital until summer."), &CLIENT);
    go_to(&mut desk, "2026-03-05");
    let message = unread(&desk)[0];
    read(&mut desk, message);
    let reason = Personal::new("in hospital");
    let hold = Command::PlaceHold { invoice: None, until: None, reason };
    desk.try_run(&hold, &staff("bea", Role::BillingLead)).unwrap();
    go_to(&mut desk, "2026-03-20");
    assert!(!desk.account.is_locked());
}

#[test]
fn let_8_unread_messages_are_old_after_a_week() {
    for (since, today, expected) in [
        ("2026-03-01", "2026-03-01", None),
        ("2026-03-01", "2026-03-08", None),
        ("2026-03-01", "2026-03-09", Some(8)),
    ] {
        assert_eq!(left_lying(day(since), day(today)), expected, "{since} {today}");
    }
}

#[test]
fn let_8_a_closed_client_writes_and_is_read() {
    let about = About::Message { messages: BTreeSet::from([MessageId(1)]) };
    assert_eq!((about.kind(), about.invoices(), about.step()), ("message", None, None));
}
