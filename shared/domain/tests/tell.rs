//! What staff are told of, and who says who they are (STAFF-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::*;
use domain::account::TaskId;
use domain::apply::fold;
use domain::command::Command;
use domain::describe::describe;
use domain::event::Event;
use domain::letter::LetterId;
use domain::people::{MAX_PREPARERS, People};
use domain::policy::Policy;
use domain::refusal::RefusalKind;
use domain::role::{Actor, Role};
use domain::task::{About, Task};
use domain::tell::{Matter, WaitsFor, is_told, is_told_at_once, news, still_waits};
use domain::text::Personal;

fn people(partner: &str, preparers: usize) -> People {
    People {
        partner: (!partner.is_empty()).then(|| partner.parse().unwrap()),
        billing_lead: None,
        preparers: (0..preparers).map(|n| format!("p-{n}").parse().unwrap()).collect(),
    }
}

#[test]
fn staff_1_who_looks_after_a_client_is_an_event_with_before_and_after() {
    let mut desk = Desk::new(Policy::default());
    let bea = staff("bea", Role::BillingLead);
    for (now, expected) in [
        (people("pat", 0), Some("names pat as partner, before nobody")),
        (people("pat", 0), None),
        (
            people("pam", 2),
            Some("names pam as partner, before pat; p-0 and p-1 as preparer, before nobody"),
        ),
        (
            People::default(),
            Some("names nobody as partner, before pam; nobody as preparer, before p-0 and p-1"),
        ),
    ] {
        let before = desk.account.clone();
        let events = desk.try_run(&Command::AssignPeople(now.clone()), &bea).unwrap();
        let told: Vec<_> = events.iter().map(describe).collect();
        assert_eq!(told, expected.into_iter().collect::<Vec<_>>());
        assert_eq!(desk.account.people, now);
        assert_eq!(fold(before, &events).people, now);
        assert!(!is_told(&events), "nobody is told of that");
    }
}

#[test]
fn staff_1_who_may_say_who_looks_after_a_client() {
    for (role, may) in [
        (Role::Admin, true),
        (Role::BillingLead, true),
        (Role::Partner, true),
        (Role::Preparer, false),
        (Role::Impersonator, false),
    ] {
        let mut desk = Desk::new(Policy::default());
        let refused =
            desk.try_run(&Command::AssignPeople(people("pat", 1)), &staff("sam", role)).err();
        assert_eq!(refused.is_none(), may, "{role:?}");
    }
    for actor in [Actor::Client { contact: None }, Actor::Link, Actor::Gateway, Actor::Schedule] {
        let mut desk = Desk::new(Policy::default());
        let refused = desk.try_run(&Command::AssignPeople(people("pat", 1)), &actor).unwrap_err();
        assert_eq!(refused.kind, RefusalKind::Forbidden, "{actor:?}");
    }
    let mut desk = Desk::new(Policy::default());
    let bea = staff("bea", Role::BillingLead);
    desk.try_run(&Command::AssignPeople(people("", MAX_PREPARERS)), &bea).unwrap();
    let refused =
        desk.try_run(&Command::AssignPeople(people("", MAX_PREPARERS + 1)), &bea).unwrap_err();
    assert!(refused.text.contains("at most 20 preparers"), "{refused}");
}

/// Command by command, on a client with an invoice that is overdue.
#[test]
fn staff_1_what_staff_are_told_and_what_of_it_at_once() {
    let client = Actor::Client { contact: None };
    let bea = staff("bea", Role::BillingLead);
    let secret = || Personal::new("between us");
    let invoice = || invoice(1);
    for (command, actor, expected, at_once) in [
        (
            Command::Lock { reason: secret(), lines: [].into() },
            &bea,
            vec![(Matter::Portal, "portal locked, by hand")],
            false,
        ),
        (
            Command::OpenDispute { invoice: invoice(), amount: None, reason: secret() },
            &client,
            vec![(Matter::Answer, "disputes 100.00 USD of invoice A-1")],
            false,
        ),
        (
            Command::MakePromise { invoice: None, until: "2026-02-14".parse().unwrap() },
            &client,
            vec![(Matter::Answer, "promises to pay by Feb 14, 2026")],
            false,
        ),
        (Command::NoteMessage, &client, vec![(Matter::Answer, "answered")], false),
        (Command::RequestRecords, &client, vec![(Matter::Task, "asks for its own records")], false),
        (Command::HardStop { reason: secret() }, &bea, vec![], false),
        (Command::PlaceHold { invoice: None, until: None, reason: secret() }, &bea, vec![], false),
    ] {
        let mut desk = Desk::new(Policy::default());
        desk.run(&Command::IssueInvoice(new_invoice(1, 10_000)), &Actor::Import);
        desk.day = domain::calendar::plus(desk.day, 31);
        let events = desk.try_run(&command, actor).unwrap();
        let told: Vec<_> = news(&events);
        let told: Vec<_> = told
            .iter()
            .filter(|news| news.matter != Matter::Letter)
            .map(|news| (news.matter, news.text.as_str()))
            .collect();
        assert_eq!(told, expected, "for {command:?}");
        assert!(news(&events).iter().all(|news| !news.text.contains("between us")));
        assert_eq!(is_told_at_once(actor, &events), at_once, "for {command:?}");
    }
}

#[test]
fn staff_1_unl_1_a_request_waits_for_a_partner_until_it_is_decided() {
    let mut desk = Desk::new(Policy::default());
    let bea = staff("bea", Role::BillingLead);
    desk.try_run(&Command::Lock { reason: Personal::new("between us"), lines: [].into() }, &bea)
        .unwrap();
    let events = desk.try_run(&Command::RequestUnlock { lines: [].into() }, &bea).unwrap();
    let told = news(&events);
    let asked = told.iter().find(|news| news.matter == Matter::Decision).unwrap();
    assert_eq!(asked.waits_for, Some(WaitsFor::Role(Role::Partner)));
    assert!(is_told_at_once(&bea, &events));
    assert!(!is_told_at_once(&Actor::Schedule, &events), "the morning's digest comes first");
    let waits = |desk: &Desk| {
        let waits = |event: &&Event| {
            matches!(event, Event::UnlockRequested(_)) && still_waits(&desk.account, event)
        };
        events.iter().any(|event| waits(&event))
    };
    assert!(waits(&desk));
    desk.try_run(&Command::ApproveUnlock { lines: [].into() }, &staff("pat", Role::Partner))
        .unwrap();
    assert!(!waits(&desk));
}

#[test]
fn staff_1_people_of_a_role() {
    let people = people("pat", 2);
    let names = |role| people.of(role).iter().map(ToString::to_string).collect::<BTreeSet<_>>();
    assert_eq!(names(Role::Partner), ["pat".to_owned()].into());
    assert_eq!(names(Role::Preparer), ["p-0".to_owned(), "p-1".to_owned()].into());
    for role in [Role::BillingLead, Role::Admin, Role::Impersonator] {
        assert!(names(role).is_empty(), "{role:?}");
    }
    assert!(People::default().is_empty() && !people.is_empty());
}

/// The kinds of what is told of a task, by whom it waits for.
fn of_tasks(events: &[Event]) -> Vec<(Matter, Option<WaitsFor>)> {
    news(events).into_iter().map(|news| (news.matter, news.waits_for)).collect()
}

#[test]
fn staff_1_a_portal_that_could_be_opened_is_told_unless_it_was_just_locked() {
    let mut desk = Desk::new(Policy::default());
    let bea = staff("bea", Role::BillingLead);
    let locked = desk
        .try_run(&Command::Lock { reason: Personal::new("x"), lines: [].into() }, &bea)
        .unwrap();
    let opened = |events: &[Event]| {
        let is = |event: &Event| matches!(event, Event::TaskOpened(task) if task.about == About::ReadyForUnlock);
        events.iter().find(|event| is(event)).cloned()
    };
    let task = opened(&locked).expect("nothing is owed, so it could be opened");
    assert_eq!(of_tasks(&locked), [(Matter::Portal, None)]);
    let lead = Some(WaitsFor::Role(Role::BillingLead));
    assert_eq!(of_tasks(std::slice::from_ref(&task)), [(Matter::Decision, lead.clone())]);
    // With another task in the same commit, that one is told.
    let Event::TaskOpened(ready) = task else { unreachable!() };
    let stuck = About::LetterStuck { letter: LetterId(7) };
    let other = Event::TaskOpened(Task { about: stuck, ..ready });
    let told = of_tasks(&[locked, vec![other]].concat());
    assert_eq!(told, [(Matter::Portal, None), (Matter::Task, lead)]);
}

#[test]
fn staff_1_a_task_waits_while_it_is_open_and_for_whom_it_is_given_to() {
    let mut desk = Desk::new(Policy::default());
    let bea = staff("bea", Role::BillingLead);
    let client = Actor::Client { contact: None };
    let opened = desk.try_run(&Command::RequestRecords, &client).unwrap();
    assert!(is_told(&opened));
    let task = *desk.account.tasks.keys().next().unwrap();
    let give = |to: &str| Command::AssignTask { task, to: to.parse().unwrap() };
    let to_pat = desk.try_run(&give("pat"), &bea).unwrap();
    let person = |name: &str| Some(WaitsFor::Person(name.parse().unwrap()));
    assert_eq!(of_tasks(&to_pat), [(Matter::Task, person("pat"))]);
    let waits = |desk: &Desk, events: &[Event]| {
        let of_task = events
            .iter()
            .filter(|event| matches!(event, Event::TaskOpened(_) | Event::TaskAssigned { .. }));
        of_task.map(|event| still_waits(&desk.account, event)).collect::<Vec<_>>()
    };
    assert_eq!((waits(&desk, &opened), waits(&desk, &to_pat)), (vec![true], vec![true]));
    let to_pre = desk.try_run(&give("pre"), &bea).unwrap();
    assert_eq!((waits(&desk, &to_pat), waits(&desk, &to_pre)), (vec![false], vec![true]));
    desk.try_run(&Command::CloseTask { task }, &bea).unwrap();
    assert_eq!((waits(&desk, &opened), waits(&desk, &to_pre)), (vec![false], vec![false]));
}

#[test]
fn staff_1_a_request_for_a_plan_names_its_invoices_and_what_was_said_is_told_where_it_was_said() {
    let invoices = BTreeSet::from([invoice(1), invoice(2)]);
    let plan = About::PlanRequest { invoices: invoices.clone(), wish: Personal::new("in May") };
    assert_eq!(plan.invoices(), Some(&invoices));
    assert_eq!(About::RecordsRequest.invoices(), None);
    let opened = |about| {
        let day = Desk::new(Policy::default()).day;
        describe(&Event::TaskOpened(Task { id: TaskId(1), opened_on: day, about, assignee: None }))
    };
    let asked = |words: &str| opened(About::UnlockAsked { words: Personal::new(words) });
    assert!(asked("please").ends_with("asks for the unlock: please"), "{}", asked("please"));
    assert!(asked("").ends_with("asks for the unlock"), "{}", asked(""));
}

#[test]
fn staff_1_a_refusal_names_who_may() {
    let mut desk = Desk::new(Policy::default());
    let lock = Command::Lock { reason: Personal::new("x"), lines: [].into() };
    let refused = desk.try_run(&lock, &staff("pre", Role::Preparer)).unwrap_err();
    assert!(
        refused.text.contains("a billing lead") && refused.text.contains("a partner"),
        "{refused}"
    );
}
