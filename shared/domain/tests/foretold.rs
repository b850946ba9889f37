//! What comes next, when, and what stops it (EVAL-5): each that is said to stop it is done, and does; what stops
//! nothing isn't said.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::collections::BTreeSet;

use desk::{Desk, invoice, new_invoice, payment, staff, usd};
use domain::calendar::{Day, minus, plus};
use domain::command::{Command, News};
use domain::event::Event;
use domain::explain::client::explain_to_client;
use domain::explain::{Next, explain};
use domain::payment::{Method, Seen};
use domain::plan::Instalment;
use domain::policy::read::read_text;
use domain::role::{Actor, Role};
use domain::text::Personal;

/// A client with invoices over 100.00 each, issued on that desk's first day, so many days later.
fn lived(policy: &str, invoices: u8, days: u32) -> Desk {
    let mut desk = Desk::new(read_text(policy).unwrap());
    for number in 1..=invoices {
        desk.try_run(&Command::IssueInvoice(new_invoice(number, 10_000)), &Actor::Import).unwrap();
    }
    (0..days).for_each(|_| desk.next_day());
    desk
}

fn ladder(desk: &Desk) -> Vec<Next> {
    let told = explain(&desk.account, &desk.context(&Actor::Schedule));
    told.next.into_iter().chain(told.later).collect()
}

/// The day on which it is locked, as foretold.
fn locks(desk: &Desk) -> Next {
    let locks = |next: &Next| next.what.iter().any(|what| what.starts_with("Locks"));
    ladder(desk).into_iter().find(locks).expect("it is locked some day")
}

fn go_to(desk: &mut Desk, day: Day) {
    while desk.day < day {
        desk.next_day();
    }
}

#[test]
fn eval_5_the_whole_ladder_is_told_with_its_rules() {
    let desk = lived("preset: cpa", 1, 0);
    let told: Vec<_> = ladder(&desk)
        .iter()
        .map(|next| {
            let rules: Vec<_> = next.rules.iter().copied().collect();
            format!("{} [{}] {}", next.on, rules.join(", "), next.what.join(" "))
        })
        .collect();
    insta::assert_snapshot!(told.join("\n"), @"
    2026-01-24 [POL-2] Queues a reminder over A-1.
    2026-01-30 [POL-2] Queues a reminder over A-1.
    2026-02-01 [POL-3] Queues a notice over A-1.
    2026-02-15 [POL-3] Queues a notice over A-1.
    2026-03-02 [LOCK-1, POL-3] Locks the portal: 1 unpaid invoice over 30 days (A-1). Queues a demand letter over A-1.
    2026-03-09 [POL-3] Queues a demand letter over A-1.
    2026-04-01 [POL-3] Opens a task to approve the final demand over A-1. Reaches the review by a partner at 60 days overdue over A-1. Opens a task to review A-1.
    2026-05-01 [CLOSE-2, POL-3] Opens a task to refer A-1 to collections.
    ");
}

#[test]
fn eval_5_what_is_said_to_stop_a_lock_stops_it_and_nothing_else_is_said() {
    let desk = lived("preset: cpa", 1, 55);
    let lock = locks(&desk);
    insta::assert_snapshot!(format!("{}\n{}", lock.on, lock.stopped_by.join("\n")), @"
    2026-03-02
    Payment of 100.00 USD by Mar 1, 2026: invoice A-1.
    A promise of the client to pay on Mar 2, 2026 or later, made by Mar 1, 2026.
    A dispute over all of invoice A-1, opened by Mar 1, 2026.
    A payment plan over it, begun by Mar 1, 2026.
    A message of the client by Mar 1, 2026, as long as nobody has read it.
    A hold to Mar 2, 2026 or longer, placed by Mar 1, 2026.
    ");
    let last = minus(lock.on, 1);
    let (bea, pat) = (staff("bea", Role::BillingLead), staff("pat", Role::Partner));
    let client = Actor::Client { contact: None };
    let reason = || Personal::new("because");
    let pay = |minor| Command::RecordPayment {
        payment: payment(1),
        news: News::Told {
            amount: usd(minor),
            method: Method::Card,
            invoices: vec![invoice(1)],
            seen: Seen::Succeeded,
            on: None,
        },
    };
    let instalments = vec![Instalment { due_on: lock.on, amount: usd(10_000) }];
    let plan = Command::BeginPlan { invoices: BTreeSet::from([invoice(1)]), instalments };
    let dispute = |amount| Command::OpenDispute { invoice: invoice(1), amount, reason: reason() };
    let hold = Command::PlaceHold { invoice: None, until: Some(lock.on), reason: reason() };
    for (command, actor, word, stops) in [
        (pay(10_000), &Actor::Gateway, "Payment of 100.00 USD", true),
        (pay(9_999), &Actor::Gateway, "99.99", false),
        (Command::MakePromise { invoice: None, until: lock.on }, &client, "promise", true),
        (dispute(None), &client, "dispute over all of", true),
        (dispute(Some(usd(9_999))), &client, "part of", false),
        (plan, &pat, "plan", true),
        (hold, &bea, "hold", true),
        (Command::NoteMessage, &client, "answer", false),
    ] {
        let mut desk = lived("preset: cpa", 1, 55);
        go_to(&mut desk, last);
        desk.try_run(&command, actor).unwrap();
        desk.next_day();
        assert_eq!(!desk.account.is_locked(), stops, "{command:?}");
        let is_said = lock.stopped_by.iter().any(|said| said.contains(word));
        assert_eq!(is_said, stops, "{word}: {:?}", lock.stopped_by);
    }
}

#[test]
fn eval_5_the_least_payment_that_is_enough_is_named() {
    // Three unpaid lock: one of them paid is enough, and it is the oldest.
    let by_count =
        "{preset: cpa, with: {lock: {days_overdue: off}, regular: {steps: [{at: 1, do: notice}]}}}";
    let desk = lived(by_count, 3, 31);
    let lock = locks(&desk);
    let pays: Vec<_> = lock.stopped_by.iter().filter(|said| said.contains("Payment")).collect();
    assert_eq!(pays.len(), 1);
    assert!(
        pays[0].starts_with("Payment of 100.00 USD by") && pays[0].contains("invoice A-1"),
        "{pays:?}"
    );

    // Down to the threshold, which isn't collected any more.
    let threshold =
        "{preset: cpa, with: {collection_threshold: {USD: 30}, lock: {unpaid_invoices: off}}}";
    let mut desk = lived(threshold, 1, 55);
    let lock = locks(&desk);
    let said = &lock.stopped_by[0];
    assert!(said.starts_with("Payment of 70.00 USD") && said.contains("threshold"), "{said}");
    go_to(&mut desk, minus(lock.on, 1));
    let news = News::Told {
        amount: usd(7_000),
        method: Method::Card,
        invoices: vec![invoice(1)],
        seen: Seen::Succeeded,
        on: None,
    };
    desk.try_run(&Command::RecordPayment { payment: payment(1), news }, &Actor::Gateway).unwrap();
    go_to(&mut desk, plus(lock.on, 40));
    assert!(!desk.account.is_locked());
}

#[test]
fn eval_5_an_answer_is_named_where_a_step_asks_for_one() {
    let policy = "{preset: cpa, with: {lock: {days_overdue: off, unpaid_invoices: off}, \
                  regular: {steps: [{at: 1, do: notice}, {at: 20, do: demand_letter, unless_response_days: 30}]}}}";
    let desk = lived(policy, 1, 40);
    let ladder = ladder(&desk);
    let demand =
        ladder.iter().find(|next| next.what.iter().any(|what| what.contains("demand"))).unwrap();
    assert!(demand.stopped_by.iter().any(|said| said.starts_with("An answer")), "{demand:?}");
    let mut answered = lived(policy, 1, 40);
    go_to(&mut answered, minus(demand.on, 1));
    answered.run(&Command::NoteMessage, &Actor::Client { contact: None });
    answered.next_day();
    let demands = |event: &Event| matches!(event, Event::StepDone { letter: Some(_), .. });
    assert!(
        !answered
            .events
            .iter()
            .any(|event| demands(event) && format!("{event:?}").contains("DemandLetter"))
    );
}

#[test]
fn eval_5_the_client_is_told_in_words_of_its_own() {
    let desk = lived("preset: cpa", 1, 55);
    let told = explain_to_client(&desk.account, &desk.context(&Actor::Schedule));
    let next: Vec<_> = told
        .next
        .iter()
        .map(|next| format!("{}: {} | {}", next.on, next.what.join(" "), next.stopped_by.join(" ")))
        .collect();
    insta::assert_snapshot!(format!("{}\n{}", told.why.join("\n"), next.join("\n")), @"
    Invoice A-1: 100.00 USD is 25 days overdue; we wrote to you about it on Feb 1, 2026.
    2026-03-02: Your portal is locked. We send you a demand letter. | You pay 100.00 USD by Mar 1, 2026: invoice A-1. You promise by Mar 1, 2026 to pay on Mar 2, 2026 or later. You tell us by Mar 1, 2026 what is wrong with invoice A-1. We agree by Mar 1, 2026 on a payment plan. You write to us by Mar 1, 2026; until we have read it, this doesn't come.
    2026-03-09: We send you a demand letter. | You pay 100.00 USD by Mar 8, 2026: invoice A-1. You promise by Mar 8, 2026 to pay on Mar 9, 2026 or later. You tell us by Mar 8, 2026 what is wrong with invoice A-1. We agree by Mar 8, 2026 on a payment plan. You write to us by Mar 8, 2026; until we have read it, this doesn't come.
    2026-05-01: We decide whether to hand the debt to a collection agency. | You pay 100.00 USD by Apr 30, 2026: invoice A-1. You promise by Apr 30, 2026 to pay on May 1, 2026 or later. You tell us by Apr 30, 2026 what is wrong with invoice A-1. We agree by Apr 30, 2026 on a payment plan. You write to us by Apr 30, 2026; until we have read it, this doesn't come.
    ");
    // Nothing of the firm's own work or words is in it.
    let all = format!("{told:?}");
    for word in ["partner", "policy", "hold", "review", "task", "step", "LOCK-", "stale", "ledger"]
    {
        assert!(!all.contains(word), "{word}: {all}");
    }
}

#[test]
fn eval_5_a_locked_client_reads_why_and_one_that_owes_nothing_reads_that() {
    let desk = lived("preset: cpa", 1, 62);
    assert!(desk.account.is_locked());
    let told = explain_to_client(&desk.account, &desk.context(&Actor::Schedule));
    assert!(told.why[0].starts_with("Your portal is locked since"), "{:?}", told.why);
    assert!(told.why[0].contains("1 unpaid invoice over 30 days"), "{:?}", told.why);
    let quiet = Desk::new(read_text("preset: cpa").unwrap());
    let told = explain_to_client(&quiet.account, &quiet.context(&Actor::Schedule));
    assert_eq!(told.why, ["Your portal is open, and nothing is overdue."]);
    assert_eq!(told.next, []);
}

#[test]
fn eval_5_a_client_of_many_invoices_is_told_its_next_step_and_what_stops_it() {
    let mut desk = Desk::new(read_text("preset: cpa").unwrap());
    for number in 0..100 {
        let id = format!("B-{number}").parse().unwrap();
        let new = domain::command::NewInvoice { id, ..new_invoice(1, 10_000) };
        desk.try_run(&Command::IssueInvoice(new), &Actor::Import).unwrap();
    }
    (0..20).for_each(|_| desk.next_day());
    let told = ladder(&desk);
    assert_eq!(told.len(), 1);
    let pays = format!(
        "Payment of 10,000.00 USD by {}",
        domain::calendar::for_person(minus(told[0].on, 1))
    );
    assert!(told[0].stopped_by[0].starts_with(&pays), "{:?}", told[0].stopped_by);
    assert!(told[0].stopped_by[0].ends_with("100 invoices."), "{:?}", told[0].stopped_by);
}
