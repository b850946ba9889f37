//! Evaluation at its edges: reminders, tasks of steps, what follows a rejected dispute, and the day of the
//! next evaluation (EVAL-1, EVAL-2, LET-1, LET-8, DIS-1, POL-1, POL-3).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, staff, usd};
use domain::account::{Collection, NotCollected};
use domain::calendar::{Day, minus, plus};
use domain::command::{Command, DisputeOutcome, NewInvoice, News};
use domain::decide::{evaluation_on, next_evaluation};
use domain::event::Event;
use domain::id::PaymentId;
use domain::letter::{DebtKind, LetterState};
use domain::note::NoteKind;
use domain::payment::{Method, Seen};
use domain::policy::{Action, Policy, Step, When};
use domain::role::{Actor, Role};
use domain::text::Personal;

const CLIENT: Actor = Actor::Client { contact: None };
const SCHEDULE: Actor = Actor::Schedule;

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

fn partner() -> Actor {
    staff("pat", Role::Partner)
}

fn because() -> Personal {
    Personal::new("because")
}

fn step(days: u32, action: Action) -> Step {
    Step { needs_approval: false, ..Step::new(When::DaysOverdue(days), action) }
}

/// The preset without reminders and without a lock, with these steps.
fn with_steps(steps: Vec<Step>) -> Policy {
    let mut policy = Policy::default();
    policy.lock.unpaid_invoices = None;
    policy.lock.days_overdue = None;
    policy.regular.reminders = Vec::new();
    policy.regular.steps = steps;
    policy
}

fn with_reminders(reminders: &[u32]) -> Policy {
    let mut policy = with_steps(Vec::new());
    policy.regular.reminders = reminders.to_vec();
    policy
}

fn issue(desk: &mut Desk, number: u8) {
    desk.try_run(&Command::IssueInvoice(new_invoice(number, 10_000)), &Actor::Import).unwrap();
}

/// One invoice of January 1, due January 31.
fn desk(policy: Policy) -> Desk {
    let mut desk = Desk::new(policy);
    issue(&mut desk, 1);
    desk
}

fn go_to(desk: &mut Desk, until: &str) {
    while desk.day < day(until) {
        desk.next_day();
    }
}

/// What was done with debt letters and tasks since: the kind and its day.
fn done(desk: &Desk, since: usize) -> Vec<String> {
    let told = desk.events[since..].iter().filter_map(|event| match event {
        Event::StepDone { step, on, .. } => Some(format!("{:?} {on}", step.action)),
        Event::Locked { lock, .. } => Some(format!("Lock {}", lock.on)),
        Event::CaughtUp { .. } => Some("CaughtUp".to_owned()),
        _ => None,
    });
    told.collect()
}

fn reminded(desk: &Desk) -> Vec<BTreeSet<u32>> {
    let told = desk.events.iter().filter_map(|event| match event {
        Event::Reminded { reminders, .. } => Some(reminders.clone()),
        _ => None,
    });
    told.collect()
}

#[test]
fn let_1_a_reminder_on_the_due_date_goes_out_on_it_and_on_no_later_day() {
    for (reminders, evaluated_on, expected) in [
        (&[0][..], "2026-01-31", vec![BTreeSet::from([0])]),
        (&[0], "2026-02-01", vec![]),
        (&[3, 0], "2026-01-31", vec![BTreeSet::from([0, 3])]), // one for both that were missed
        (&[3], "2026-01-31", vec![]),                          // too late to be a reminder of it
        (&[3], "2026-01-30", vec![BTreeSet::from([3])]),
        (&[3, 1], "2026-01-29", vec![BTreeSet::from([3])]),
    ] {
        let mut desk = desk(with_reminders(reminders));
        desk.day = day(evaluated_on);
        desk.run(&Command::Evaluate, &SCHEDULE);
        assert_eq!(reminded(&desk), expected, "{reminders:?}, evaluated on {evaluated_on}");
    }
    // Day by day, each goes out once.
    let mut desk = desk(with_reminders(&[3, 0]));
    go_to(&mut desk, "2026-02-03");
    assert_eq!(reminded(&desk), [BTreeSet::from([3]), BTreeSet::from([0])]);
}

#[test]
fn pol_1_an_earlier_reminder_of_a_newer_policy_is_not_sent_after_a_later_one() {
    let mut desk = desk(with_reminders(&[3]));
    go_to(&mut desk, "2026-01-28");
    assert_eq!(reminded(&desk), [BTreeSet::from([3])]);
    desk.arm(with_reminders(&[7, 3]));
    go_to(&mut desk, "2026-02-03");
    assert_eq!(reminded(&desk).len(), 1, "seven days before would come after three days before");
    // A nearer one still goes out.
    let mut other = self::desk(with_reminders(&[3]));
    go_to(&mut other, "2026-01-28");
    other.arm(with_reminders(&[3, 1]));
    go_to(&mut other, "2026-02-03");
    assert_eq!(reminded(&other), [BTreeSet::from([3]), BTreeSet::from([1])]);
}

#[test]
fn let_8_a_response_on_the_day_of_the_step_is_none_before_it() {
    let asks = Step { unless_response_days: Some(10), ..step(5, Action::Notice) };
    for (responds_on, is_skipped) in
        [("2026-02-05", false), ("2026-02-04", true), ("2026-01-26", true), ("2026-01-25", false)]
    {
        let mut desk = desk(with_steps(vec![asks.clone()]));
        // Nothing runs on its days: the message itself is what evaluates.
        desk.day = day(responds_on);
        desk.run(&Command::NoteMessage, &CLIENT);
        desk.day = day("2026-02-05");
        desk.run(&Command::Evaluate, &SCHEDULE);
        let skipped = desk.events.iter().any(|event| matches!(event, Event::StepSkipped { .. }));
        assert_eq!(skipped, is_skipped, "a message on {responds_on}");
        assert_eq!(done(&desk, 0).is_empty(), is_skipped, "a message on {responds_on}");
    }
}

#[test]
fn eval_1_a_note_is_followed_by_no_evaluation() {
    let mut desk = desk(with_steps(vec![step(5, Action::Notice)]));
    desk.day = day("2026-03-01");
    let add = Command::AddNote { kind: NoteKind::Note, invoice: None, text: because() };
    let events = desk.try_run(&add, &partner()).unwrap();
    assert!(matches!(events[..], [Event::NoteAdded(_)]), "{events:?}");
}

#[test]
fn inv_4_what_is_paid_is_closed_and_not_disputed() {
    let mut desk = desk(Policy::default());
    let credit = Command::IssueCreditNote {
        id: "CN-1".parse().unwrap(),
        amount: usd(10_000),
        invoice: Some(invoice(1)),
    };
    desk.try_run(&credit, &partner()).unwrap();
    issue(&mut desk, 2);
    let void = Command::VoidInvoice { invoice: invoice(2), reason: because() };
    desk.try_run(&void, &partner()).unwrap();
    let view = desk.account.collection(&desk.policy.policy, desk.day);
    for number in [1, 2] {
        let of = view.of(&desk.account.invoices[&invoice(number)]);
        assert_eq!(of, Collection::DoNotCollect(NotCollected::Closed), "A-{number}");
    }
}

#[test]
fn inv_1_a_draft_is_never_overdue() {
    let mut desk = Desk::new(Policy::default());
    let draft = NewInvoice { is_draft: true, ..new_invoice(1, 10_000) };
    desk.try_run(&Command::IssueInvoice(draft), &Actor::Import).unwrap();
    go_to(&mut desk, "2026-03-10");
    let draft = &desk.account.invoices[&invoice(1)];
    assert!(!draft.is_overdue(desk.day) && draft.days_overdue(desk.day) == 0);
    assert!(desk.account.letters.is_empty() && !desk.account.is_locked());
}

#[test]
fn inv_1_a_draft_is_posted_once_and_by_a_bookkeeper() {
    let mut desk = Desk::new(Policy::default());
    let draft = NewInvoice { is_draft: true, ..new_invoice(1, 10_000) };
    desk.try_run(&Command::IssueInvoice(draft), &Actor::Import).unwrap();
    let post = Command::PostInvoice { invoice: invoice(1) };
    desk.try_run(&post, &CLIENT).unwrap_err();
    let posted = desk.try_run(&post, &staff("bea", Role::BillingLead)).unwrap();
    assert!(posted.iter().any(|event| matches!(event, Event::InvoicePosted { .. })), "{posted:?}");
    assert!(desk.account.invoices[&invoice(1)].is_posted(desk.day));
    assert_eq!(desk.try_run(&post, &staff("bea", Role::BillingLead)), Ok(Vec::new()));
}

/// A step of a review, due with the fifth day, once per invoice.
fn kinds(desk: &Desk) -> Vec<(&'static str, usize)> {
    let tasks = desk.account.tasks.values();
    tasks
        .map(|task| {
            let invoices = task.about.step().map_or(0, |(_, invoices)| invoices.len());
            (task.about.kind(), invoices)
        })
        .collect()
}

#[test]
fn pol_3_a_step_extends_its_own_open_task_and_no_other() {
    let policy = || {
        with_steps(vec![
            step(5, Action::ReviewTask),
            step(8, Action::ReviewTask),
            Step { needs_approval: true, ..step(10, Action::ReviewTask) },
        ])
    };
    let mut desk = desk(policy());
    desk.try_run(&Command::RequestRecords, &CLIENT).unwrap();
    go_to(&mut desk, "2026-01-03");
    issue(&mut desk, 2);
    go_to(&mut desk, "2026-02-05");
    assert_eq!(kinds(&desk), [("records_request", 0), ("review_task", 1)]);
    go_to(&mut desk, "2026-02-07");
    assert_eq!(kinds(&desk), [("records_request", 0), ("review_task", 2)], "A-2 joins its task");
    go_to(&mut desk, "2026-02-10");
    let each = [("records_request", 0), ("review_task", 2), ("review_task", 2)];
    assert_eq!(kinds(&desk), [&each[..], &[("approve_step", 1)]].concat());
}

#[test]
fn pol_3_an_approved_referral_is_another_task_than_the_next() {
    let mut policy =
        with_steps(vec![Step { needs_approval: true, ..step(5, Action::CollectionsReferral) }]);
    policy.lock.after_notice_days = 0;
    let mut desk = desk(policy);
    go_to(&mut desk, "2026-01-03");
    issue(&mut desk, 2);
    go_to(&mut desk, "2026-02-05");
    assert_eq!(kinds(&desk), [("collections_referral", 1)]);
    let approve = Command::ApproveStep { action: Action::CollectionsReferral };
    desk.try_run(&approve, &partner()).unwrap();
    go_to(&mut desk, "2026-02-07");
    assert_eq!(kinds(&desk), [("collections_referral", 1), ("collections_referral", 1)]);
}

/// An invoice that was warned on February 1 and disputed on the 2nd; rejected on March 20.
fn rejected(steps: Vec<Step>) -> (Desk, usize) {
    let mut desk = desk(with_steps([vec![step(1, Action::Notice)], steps].concat()));
    go_to(&mut desk, "2026-02-02");
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: because() };
    desk.try_run(&dispute, &CLIENT).unwrap();
    go_to(&mut desk, "2026-03-20");
    let since = desk.events.len();
    let outcome = DisputeOutcome::Rejected;
    let reject = Command::ResolveDispute { invoice: invoice(1), outcome };
    desk.try_run(&reject, &partner()).unwrap();
    (desk, since)
}

#[test]
fn dis_1_after_a_rejection_a_warned_invoice_goes_on_one_thing_a_day() {
    let steps = vec![
        step(10, Action::DemandLetter),
        step(20, Action::FinalDemand),
        step(30, Action::ReviewTask),
    ];
    let (mut desk, since) = rejected(steps);
    assert_eq!(done(&desk, since), ["DemandLetter 2026-03-20"]);
    // Nor does anything more happen that day because somebody does something.
    desk.leave();
    desk.run(&Command::NoteMessage, &CLIENT);
    assert_eq!(done(&desk, since), ["DemandLetter 2026-03-20"]);
    go_to(&mut desk, "2026-03-24");
    let all =
        ["DemandLetter 2026-03-20", "FinalDemand 2026-03-21", "ReviewTask 2026-03-22", "CaughtUp"];
    assert_eq!(done(&desk, since), all);
    assert!(desk.account.invoices[&invoice(1)].catch_up.is_none());
}

#[test]
fn dis_1_an_invoice_that_was_never_warned_is_warned_first_and_waits() {
    let mut policy = with_steps(vec![step(20, Action::FinalDemand), step(30, Action::ReviewTask)]);
    policy.lock.after_notice_days = 3;
    let mut desk = desk(policy);
    go_to(&mut desk, "2026-02-02");
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: because() };
    desk.try_run(&dispute, &CLIENT).unwrap();
    go_to(&mut desk, "2026-03-20");
    let reject = Command::ResolveDispute { invoice: invoice(1), outcome: DisputeOutcome::Rejected };
    desk.try_run(&reject, &partner()).unwrap();
    let notices = |desk: &Desk| {
        let letters = desk.account.letters.values();
        letters.filter(|letter| letter.content.is_debt()).count()
    };
    assert_eq!((notices(&desk), done(&desk, 0).len()), (1, 0), "a notice, and no step");
    // The letter leaves the same day; still nothing more on it.
    desk.leave();
    desk.run(&Command::NoteMessage, &CLIENT);
    assert_eq!((notices(&desk), done(&desk, 0).len()), (1, 0));
    go_to(&mut desk, "2026-03-27");
    assert_eq!(
        done(&desk, 0),
        ["ReviewTask 2026-03-21", "CaughtUp", "FinalDemand 2026-03-23"],
        "what needs no warning goes on meanwhile"
    );
}

#[test]
fn dis_1_what_rests_on_a_hold_has_not_caught_up() {
    let steps = vec![step(10, Action::DemandLetter), step(20, Action::FinalDemand)];
    let (mut desk, since) = rejected(steps);
    let hold = Command::PlaceHold { invoice: Some(invoice(1)), until: None, reason: because() };
    desk.try_run(&hold, &partner()).unwrap();
    go_to(&mut desk, "2026-03-25");
    assert_eq!(done(&desk, since), ["DemandLetter 2026-03-20"]);
    assert!(desk.account.invoices[&invoice(1)].catch_up.is_some());
    desk.try_run(&Command::ReleaseHold { invoice: Some(invoice(1)) }, &partner()).unwrap();
    go_to(&mut desk, "2026-03-27");
    assert_eq!(done(&desk, since)[1..], ["FinalDemand 2026-03-25", "CaughtUp"]);
}

#[test]
fn dis_1_nothing_is_caught_up_with_before_the_due_date() {
    let mut desk = desk(with_steps(vec![step(1, Action::Notice)]));
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: because() };
    desk.try_run(&dispute, &CLIENT).unwrap();
    // Not even on hold.
    let hold = Command::PlaceHold { invoice: Some(invoice(1)), until: None, reason: because() };
    desk.try_run(&hold, &partner()).unwrap();
    let reject = Command::ResolveDispute { invoice: invoice(1), outcome: DisputeOutcome::Rejected };
    desk.try_run(&reject, &partner()).unwrap();
    assert!(desk.account.invoices[&invoice(1)].catch_up.is_none());
}

#[test]
fn dis_1_no_lock_waits_where_it_takes_an_invoice_that_never_locks() {
    let mut policy = with_steps(vec![step(1, Action::Notice), step(10, Action::DemandLetter)]);
    policy.lock.unpaid_invoices = Some(2);
    let mut desk = desk(policy);
    issue(&mut desk, 2);
    desk.account.invoices.get_mut(&invoice(2)).unwrap().never_locks = true;
    go_to(&mut desk, "2026-03-10");
    assert!(!desk.account.is_locked(), "one of the two doesn't count");
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: because() };
    desk.try_run(&dispute, &CLIENT).unwrap();
    let since = desk.events.len();
    let reject = Command::ResolveDispute { invoice: invoice(1), outcome: DisputeOutcome::Rejected };
    desk.try_run(&reject, &partner()).unwrap();
    assert_eq!(done(&desk, since), ["CaughtUp"]);
}

#[test]
fn dis_1_an_exception_keeps_no_invoice_catching_up() {
    let mut policy = with_steps(vec![step(1, Action::Notice), step(10, Action::DemandLetter)]);
    policy.lock.days_overdue = Some(30);
    let mut desk = desk(policy);
    go_to(&mut desk, "2026-03-10");
    assert!(desk.account.is_locked());
    let until = Some(day("2026-06-01"));
    let unlock = Command::ExceptionUnlock { reason: because(), until, lines: [].into() };
    desk.try_run(&unlock, &partner()).unwrap();
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: because() };
    desk.try_run(&dispute, &CLIENT).unwrap();
    let since = desk.events.len();
    let reject = Command::ResolveDispute { invoice: invoice(1), outcome: DisputeOutcome::Rejected };
    desk.try_run(&reject, &partner()).unwrap();
    assert_eq!(done(&desk, since), ["CaughtUp"], "no lock waits for it");
}

#[test]
fn eval_1_the_next_evaluation_counts_the_warning_from_the_day_on_which_the_letter_leaves() {
    // Due on Saturday, January 31; the notice of Sunday leaves on Monday, February 2; the lock three
    // days after that.
    let mut policy = with_steps(vec![step(1, Action::Notice)]);
    policy.letters.working_days_only = true;
    policy.lock.days_overdue = Some(2);
    policy.lock.after_notice_days = 3;
    policy.lock.working_days_only = false;
    let mut desk = desk(policy);
    go_to(&mut desk, "2026-02-01");
    let queued = desk.account.letters.values().find(|letter| letter.content.is_debt()).unwrap();
    assert_eq!((queued.state.clone(), queued.leaves_on), (LetterState::Queued, day("2026-02-02")));
    let next = next_evaluation(&desk.account, &desk.context(&SCHEDULE)).unwrap();
    assert_eq!(next, day("2026-02-05"));
    let events = evaluation_on(&desk.account, &desk.context(&SCHEDULE), next);
    assert!(events.iter().any(|event| matches!(event, Event::Locked { .. })), "{events:?}");
    while desk.day < next {
        assert!(!desk.account.is_locked(), "{}", desk.day);
        desk.next_day();
    }
    assert!(desk.account.is_locked());
}

#[test]
fn let_9_what_comes_on_the_day_on_which_a_letter_leaves_joins_it() {
    let mut policy = with_steps(vec![step(1, Action::Notice), step(2, Action::DemandLetter)]);
    policy.letters.working_days_only = true;
    policy.lock.after_notice_days = 0;
    let mut desk = desk(policy);
    go_to(&mut desk, "2026-02-01");
    let events = evaluation_on(&desk.account, &desk.context(&SCHEDULE), day("2026-02-02"));
    let joins = events.iter().any(|event| {
        matches!(event, Event::LetterExtended { part, .. } if part.kind == DebtKind::DemandLetter)
    });
    assert!(joins, "{events:?}");
}

#[test]
fn dis_1_nothing_and_another_currency_are_not_disputed_and_a_review_begins_once() {
    let mut desk = desk(Policy::default());
    for amount in [usd(0), desk::money(100, true)] {
        let dispute =
            Command::OpenDispute { invoice: invoice(1), amount: Some(amount), reason: because() };
        let refusal = desk.try_run(&dispute, &CLIENT).unwrap_err();
        assert!(refusal.text.contains("can't be disputed"), "{refusal}");
    }
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: because() };
    desk.try_run(&dispute, &CLIENT).unwrap();
    let review = Command::ReviewDispute { invoice: invoice(1) };
    for written in [1, 0] {
        let events = desk.try_run(&review, &partner()).unwrap();
        let reviews = events.iter().filter(|e| matches!(e, Event::DisputeReviewed { .. })).count();
        assert_eq!(reviews, written);
    }
}

#[test]
fn dis_1_a_closed_invoice_is_not_disputed_and_the_refusal_says_how_it_closed() {
    let mut desk = desk(Policy::default());
    let void = Command::VoidInvoice { invoice: invoice(1), reason: because() };
    desk.try_run(&void, &partner()).unwrap();
    let dispute = Command::OpenDispute { invoice: invoice(1), amount: None, reason: because() };
    let refusal = desk.try_run(&dispute, &CLIENT).unwrap_err();
    assert!(refusal.text.contains("closed") && refusal.text.contains("void"), "{refusal}");
}

#[test]
fn eval_1_a_long_search_for_the_next_day_is_given_up_with_a_day_that_may_find_nothing() {
    let mut desk = Desk::new(with_steps(vec![step(1, Action::Notice)]));
    for number in 1..=30 {
        issue(&mut desk, number);
        desk.day = plus(desk.day, 1);
    }
    let hold = Command::PlaceHold { invoice: None, until: None, reason: because() };
    desk.try_run(&hold, &partner()).unwrap();
    // Thirty due dates come while everything rests on hold: all are tried, and none finds anything.
    assert_eq!(next_evaluation(&desk.account, &desk.context(&SCHEDULE)), None);
    // Of so many invoices only the next 16 days are tried.
    let one = desk.account.invoices[&invoice(1)].clone();
    for number in 0..2_000 {
        let id: domain::id::InvoiceId = format!("B-{number}").parse().unwrap();
        desk.account.invoices.insert(id.clone(), domain::invoice::Invoice { id, ..one.clone() });
    }
    let given_up = next_evaluation(&desk.account, &desk.context(&SCHEDULE));
    assert!(given_up.is_some_and(|on| on < day("2026-02-28")), "{given_up:?}");
}

#[test]
fn eval_1_a_letter_that_is_withdrawn_has_warned_nobody_and_the_next_notice_is_foreseen() {
    let mut policy = Policy::default();
    policy.lock.after_notice_days = 1;
    policy.lock.working_days_only = true;
    let mut desk = Desk::new(policy); // Thursday, 1 January
    let bea = staff("bea", Role::BillingLead);
    let issued_on = Some(minus(desk.day, 65));
    let new = NewInvoice { issued_on, ..new_invoice(1, 500) };
    desk.try_run(&Command::IssueInvoice(new), &bea).unwrap();
    let payment: PaymentId = "p-1".parse().unwrap();
    let told = News::Told {
        amount: usd(500),
        method: Method::Ach,
        invoices: Vec::new(),
        seen: Seen::Pending,
        on: None,
    };
    for news in [told, News::Returned] {
        let payment = payment.clone();
        desk.try_run(&Command::RecordPayment { payment, news }, &Actor::Gateway).unwrap();
    }
    // The notice of today is withdrawn: collection rests until Sunday, 4 January. On that day it is sent after all;
    // a lock would wait for Monday.
    let next = next_evaluation(&desk.account, &desk.context(&Actor::Schedule));
    assert_eq!(next, Some(day("2026-01-04")));
    for _ in 0..3 {
        desk.next_day();
    }
    let queued = desk.account.letters.values().filter(|l| l.state == LetterState::Queued);
    assert_eq!((desk.day, queued.count()), (day("2026-01-04"), 1));
}
