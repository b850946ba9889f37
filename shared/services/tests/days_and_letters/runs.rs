//! The run of a day: planned, held against the firm's caps, released or left to a partner; undone (LOCK-10).

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use chrono::TimeDelta;
use domain::calendar::Day;
use domain::command::Command;
use domain::event::Event;
use domain::id::ClientId;
use domain::letter::LetterKind;
use domain::role::{Actor, Role};
use domain::text::Personal;
use futures::StreamExt;
use platform::clock::Clock;
use services::day::{Evaluation, run};
use services::execute::Caller;
use services::firm::Firm;
use services::firms::Firms;
use services::office::runs::{RunError, decide};
use services::tell::TellMessage;
use store::{
    DayRun, FirmChange, Grant, PageRequest, Platform, RunClient, RunVerdict, Stage, Verdict,
    Waiting,
};
use tokio::sync::Notify;

use crate::desk::{Desk, at, client, day, firm_id, settings, usd};
use crate::end_at::EndAt;

const ANN: &[&str] = &["ann@acme.example"];

/// The day on which what was due on February 1 and warned of on the 2nd is locked.
const LOCK_DAY: &str = "2026-03-03";

/// Locks at 30 days, warned or not, so that a client is locked on one day and nothing comes before.
const STRICT: &str =
    "lock: {after_notice_days: 0}, regular: {reminders: [], steps: [{at: 1, do: notice}]}";

fn by(name: &str, role: Role) -> Caller {
    Caller::new(Actor::Staff { id: name.parse().unwrap(), roles: [role].into() })
}

fn pat() -> Caller {
    by("pat", Role::Partner)
}

/// A firm with so many debtors, all to be locked on the same day, and so many who owe nothing yet.
async fn firm_with(desk: &Desk, debtors: usize, others: usize, with: &str) -> Arc<Firm> {
    let firm = desk.firm("f-1", "UTC", with).await;
    let open = async |number: usize| {
        let id = desk.client(&firm, &format!("c-{number:03}"), ANN).await;
        let due = if number < debtors { "2026-02-01" } else { "2026-03-02" };
        desk.invoice(&firm, &id, &format!("A-{number:03}"), usd(10_000), due).await;
    };
    futures::stream::iter(0..debtors + others).for_each_concurrent(8, open).await;
    firm
}

/// The tick of that day and everything that follows.
async fn a_day(desk: &Desk, on: &str) -> usize {
    desk.clock.set(at(&format!("{on}T00:00:00Z")));
    desk.tick().await;
    desk.work().await
}

async fn the_run(firm: &Firm, on: &str) -> DayRun {
    firm.store().day_run(day(on)).await.unwrap().unwrap()
}

/// Everybody of whom a run says anything, by name.
async fn list(firm: &Firm, on: &str) -> Vec<RunClient> {
    let pages = firm.store().run_pages(day(on), &PageRequest::default()).await.unwrap().items;
    let mut clients: Vec<_> = pages.into_iter().flat_map(|page| page.clients).collect();
    clients.sort_by(|a, b| a.client.cmp(&b.client));
    clients
}

async fn locked(firm: &Firm, clients: usize) -> usize {
    let mut locked = 0;
    for number in 0..clients {
        let loaded = firm.store().load(&client(&format!("c-{number:03}"))).await.unwrap().unwrap();
        locked += usize::from(loaded.account.is_locked());
    }
    locked
}

/// Hands on what waits of runs, as the sweeper does, and works until nothing is left.
async fn sweep(desk: &Desk) -> usize {
    let platform = Platform::new(desk.dynamo.clone());
    let mut found = 0;
    for ready in platform.ready(desk.clock.now(), 100).await.unwrap() {
        if let Ok(Waiting::Run { firm, day }) = &ready.what {
            found += 1;
            let message = Evaluation::Run { firm: firm.clone(), day: *day };
            assert!(
                platform.lease(&ready, desk.clock.now() + TimeDelta::minutes(45)).await.unwrap()
            );
            desk.do_message(message).await.unwrap();
        }
    }
    desk.work().await;
    found
}

#[tokio::test]
async fn lock_10_a_run_within_the_caps_is_carried_out_and_told() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(&desk, 5, 1, STRICT).await;
    assert_eq!(a_day(&desk, "2026-02-02").await, 5);
    let run = the_run(&firm, "2026-02-02").await;
    assert_eq!((run.stage, run.done.evaluated, run.done.written), (Stage::Done, 5, 5));
    assert_eq!((run.tally.locks, run.done.locked), (0, 0));

    // The one of March 2 is written to on the same day: everything has its place in one run.
    assert_eq!(a_day(&desk, LOCK_DAY).await, 6);
    let run = the_run(&firm, LOCK_DAY).await;
    assert_eq!((run.stage, run.tally.locks, run.tally.demands), (Stage::Done, 5, 5));
    assert_eq!((run.done.locked, run.done.written, run.active), (5, 6, None));
    assert_eq!(locked(&firm, 6).await, 5);
    let told = list(&firm, LOCK_DAY).await;
    assert!(told.iter().all(|client| !client.withheld.is_any() && client.letters.len() == 1));
    assert_eq!(told.iter().filter(|client| client.locked == Some(1)).count(), 5);
    assert_eq!(sweep(&desk).await, 0, "nothing of it waits");
}

#[tokio::test]
async fn lock_10_a_run_above_the_caps_waits_for_a_partner_and_everything_else_goes_on() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(&desk, 6, 1, STRICT).await;
    a_day(&desk, "2026-02-02").await;
    a_day(&desk, LOCK_DAY).await;
    let run = the_run(&firm, LOCK_DAY).await;
    assert_eq!((run.stage, run.tally.locks, run.active), (Stage::Held, 6, Some(7)));
    assert_eq!((run.done.locked, run.done.written), (0, 1), "the notice of the seventh leaves");
    assert_eq!(locked(&firm, 7).await, 0);
    let waiting: Vec<_> = list(&firm, LOCK_DAY).await;
    let waiting = waiting.iter().filter(|client| client.withheld.is_any()).count();
    assert_eq!(waiting, 6);
    // Those are due tomorrow; a second look on the same day finds nobody.
    let due = firm.store().load(&client("c-000")).await.unwrap().unwrap().next_evaluation();
    assert_eq!(due, Some(day("2026-03-04")));

    // One pays, and a partner approves: it is carried out on the facts of that moment.
    desk.pay(&firm, &client("c-003"), "stripe:pi_1", usd(10_000)).await;
    let now = desk.clock.now();
    let bea = by("bea", Role::BillingLead);
    let refused = decide(&firm, day(LOCK_DAY), (RunVerdict::Approved, None), &bea, now).await;
    assert!(matches!(refused, Err(RunError::Refused(refusal)) if refusal.rule == "STAFF-1"));
    let approve = async || {
        let verdict = (RunVerdict::Approved, None);
        decide(&firm, day(LOCK_DAY), verdict, &pat(), now).await.unwrap().stage
    };
    assert_eq!(approve().await, Stage::Releasing);
    assert_eq!(approve().await, Stage::Releasing, "approving twice is one approval");
    assert_eq!(sweep(&desk).await, 1);
    assert_eq!(approve().await, Stage::Done);
    assert_eq!((locked(&firm, 7).await, the_run(&firm, LOCK_DAY).await.done.locked), (5, 5));
    let decision = the_run(&firm, LOCK_DAY).await.decision.unwrap();
    assert_eq!((decision.verdict, decision.by.as_str()), (RunVerdict::Approved, "pat"));
    // The firm's chain says who.
    let records = firm.store().firm_records(&PageRequest::default()).await.unwrap().items;
    let approvals = records.iter().filter(|record| record.body.command == "approve_run").count();
    assert_eq!(approvals, 1);
    assert!(matches!(firm.store().verify_firm().await.unwrap(), Verdict::Whole { .. }));
}

#[tokio::test]
async fn lock_10_a_rejected_run_is_left_and_the_next_days_run_asks_anew() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(&desk, 6, 0, STRICT).await;
    a_day(&desk, LOCK_DAY).await;
    let now = desk.clock.now();
    let reject = async |reason: Option<&str>| {
        let verdict = (RunVerdict::Rejected, reason.map(Personal::new));
        decide(&firm, day(LOCK_DAY), verdict, &by("bea", Role::BillingLead), now).await
    };
    assert!(matches!(reject(None).await, Err(RunError::Refused(_))), "a reason is required");
    assert_eq!(reject(Some("wrong ledger")).await.unwrap().stage, Stage::Left);
    let verdict = (RunVerdict::Approved, None);
    let late = decide(&firm, day(LOCK_DAY), verdict.clone(), &pat(), now).await;
    assert!(matches!(late, Err(RunError::Refused(_))));
    let none = decide(&firm, day("2026-01-01"), verdict, &pat(), now).await;
    assert!(matches!(none, Err(RunError::NotFound(_))));
    assert_eq!(sweep(&desk).await, 0);
    assert_eq!(locked(&firm, 6).await, 0);

    a_day(&desk, "2026-03-04").await;
    assert_eq!(the_run(&firm, "2026-03-04").await.stage, Stage::Held);
    // One that nobody decided about is left when the next day's begins.
    a_day(&desk, "2026-03-05").await;
    assert_eq!(the_run(&firm, "2026-03-04").await.stage, Stage::Left);
    assert_eq!(the_run(&firm, "2026-03-05").await.stage, Stage::Held);
}

#[tokio::test]
async fn lock_10_more_demands_than_one_run_may_send_wait_as_well() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let with = "lock: {days_overdue: off}, letters: {max_per_run: 2}, \
                regular: {reminders: [], steps: [{at: 1, do: notice}, {at: 10, do: demand_letter}]}";
    let firm = firm_with(&desk, 3, 0, with).await;
    a_day(&desk, "2026-02-02").await;
    a_day(&desk, "2026-02-11").await;
    let run = the_run(&firm, "2026-02-11").await;
    assert_eq!((run.stage, run.tally.locks, run.tally.demands), (Stage::Held, 0, 3));
    assert_eq!(run.done.written, 0);
    let verdict = (RunVerdict::Approved, None);
    decide(&firm, day("2026-02-11"), verdict, &pat(), desk.clock.now()).await.unwrap();
    sweep(&desk).await;
    let run = the_run(&firm, "2026-02-11").await;
    assert_eq!((run.stage, run.done.written), (Stage::Done, 3));
}

/// What is compared of two ways to the same day: who is locked, how many letters each has, its records.
async fn outcome(firm: &Firm, clients: usize) -> Vec<(bool, usize, u64)> {
    let mut all = Vec::new();
    for number in 0..clients {
        let id = client(&format!("c-{number:03}"));
        let loaded = firm.store().load(&id).await.unwrap().unwrap();
        let letters = firm.store().letters(&id, &PageRequest::default()).await.unwrap().items;
        let Verdict::Whole { records } = firm.store().verify(&id).await.unwrap() else {
            panic!("the chain of {id} is broken")
        };
        all.push((loaded.account.is_locked(), letters.len(), records));
    }
    all
}

/// One message in a process that ends at that boundary; `false`: it came to its end before.
async fn ends_at(desk: &Desk, boundary: u32, message: &Evaluation) -> bool {
    let end = Arc::new(EndAt { boundary, passed: AtomicU32::new(0), ended: Notify::new() });
    let dying = desk.dynamo.with_faults(end.clone());
    let days = services::day::Days { dynamo: dying.clone(), ..desk.days() };
    let (message, deadline) = (message.clone(), desk.later());
    let mut task = tokio::spawn(async move {
        let firms = Firms::new(dying);
        Box::pin(days.handle(&firms, message, deadline)).await
    });
    tokio::select! {
        () = end.ended.notified() => {
            task.abort();
            true
        }
        finished = &mut task => {
            finished.unwrap().unwrap();
            false
        }
    }
}

/// Works on the queue while the process ends at that boundary of each message, and starts it again: the
/// queue brings the message once more.
async fn dying_day(desk: &Desk, boundary: u32) -> u32 {
    let mut ended = 0;
    desk.tick().await;
    loop {
        let messages = desk.wire.take();
        if messages.is_empty() {
            return ended;
        }
        for message in messages {
            if ends_at(desk, boundary, &message).await {
                ended += 1;
                desk.do_message(message).await.unwrap();
            }
        }
    }
}

async fn each_boundary(debtors: usize, with: &str, expected: Stage) {
    let open = async || {
        let desk = Desk::at("2026-02-01T12:00:00Z").await;
        let mut settings = settings("UTC");
        settings.shards = 2;
        let firm = desk.firm_of("f-1", settings, with).await;
        for number in 0..debtors {
            let id = desk.client(&firm, &format!("c-{number:03}"), ANN).await;
            desk.invoice(&firm, &id, &format!("A-{number:03}"), usd(10_000), "2026-02-01").await;
        }
        desk.clock.set(at(&format!("{LOCK_DAY}T00:00:00Z")));
        (desk, firm)
    };
    let (desk, firm) = open().await;
    desk.tick().await;
    desk.work().await;
    let wanted = (the_run(&firm, LOCK_DAY).await, outcome(&firm, debtors).await);
    assert_eq!(wanted.0.stage, expected);
    let told = list(&firm, LOCK_DAY).await;
    for boundary in 0.. {
        let (desk, firm) = open().await;
        let ended = dying_day(&desk, boundary).await;
        // Should a message be lost besides, the outbox has the run.
        desk.pass(TimeDelta::minutes(20));
        sweep(&desk).await;
        let run = the_run(&firm, LOCK_DAY).await;
        assert_eq!(run.stage, wanted.0.stage, "ended at {boundary}");
        assert_eq!((run.tally, run.active), (wanted.0.tally.clone(), wanted.0.active));
        assert_eq!(outcome(&firm, debtors).await, wanted.1, "ended at {boundary}");
        assert_eq!(list(&firm, LOCK_DAY).await, told, "ended at {boundary}");
        if ended == 0 {
            assert!(20 < boundary, "only {boundary} boundaries");
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_10_a_run_that_is_released_survives_the_end_of_the_process_anywhere() {
    each_boundary(3, STRICT, Stage::Done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lock_10_a_run_that_is_held_survives_the_end_of_the_process_anywhere() {
    let with = format!("letters: {{max_per_run: 1}}, {STRICT}");
    each_boundary(3, &with, Stage::Held).await;
}

#[tokio::test]
async fn lock_10_messages_that_come_twice_and_at_once_change_nothing() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(&desk, 5, 3, STRICT).await;
    a_day(&desk, "2026-02-02").await;
    desk.clock.set(at(&format!("{LOCK_DAY}T00:00:00Z")));
    desk.tick().await;
    loop {
        let messages = desk.wire.take();
        if messages.is_empty() {
            break;
        }
        for message in messages {
            let [one, other] = [desk.do_message(message.clone()), desk.do_message(message.clone())];
            let (one, other) = tokio::join!(Box::pin(one), Box::pin(other));
            one.unwrap();
            other.unwrap();
            desk.do_message(message).await.unwrap();
        }
    }
    let run = the_run(&firm, LOCK_DAY).await;
    assert_eq!((run.stage, run.tally.locks, run.done.locked), (Stage::Done, 5, 5));
    let locks = async |number: usize| {
        let id = client(&format!("c-{number:03}"));
        let page = PageRequest::default();
        let records = firm.store().records(&id, Default::default(), &page).await;
        let events = records.unwrap().items.into_iter().flat_map(|record| record.body.events);
        let events = events.filter_map(|event| serde_json::from_value::<Event>(event).ok());
        events.filter(|event| matches!(event, Event::Locked { .. })).count()
    };
    for number in 0..5 {
        assert_eq!(locks(number).await, 1);
    }
}

#[tokio::test]
async fn lock_10_a_client_that_can_not_be_evaluated_stops_nobody_and_is_named() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(&desk, 5, 0, STRICT).await;
    // Its class has lost its policy, so nothing can be decided of it.
    let poison = desk.client(&firm, "poison", ANN).await;
    desk.invoice(&firm, &poison, "P-1", usd(10_000), "2026-02-01").await;
    corrupt(&desk, &firm, &poison).await;
    a_day(&desk, LOCK_DAY).await;
    let run = the_run(&firm, LOCK_DAY).await;
    assert_eq!((run.stage, run.done.locked, run.done.failed), (Stage::Done, 5, 1));
    let told = list(&firm, LOCK_DAY).await;
    let failed: Vec<_> = told.iter().filter(|client| client.failed.is_some()).collect();
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].client, poison);
    // It stays due, so that whoever mends it has it looked at by the next run.
    desk.pass(TimeDelta::hours(1));
    assert_eq!(desk.tick().await.late, 1);
    desk.work().await;
    assert_eq!(the_run(&firm, LOCK_DAY).await.stage, Stage::Done);
    assert_eq!(locked(&firm, 5).await, 5);
}

/// Breaks a client's head, as no program of ours would.
async fn corrupt(desk: &Desk, firm: &Firm, client: &ClientId) {
    let place = store::Key::Head(client).place(firm.id());
    let text = |text: &str| aws_sdk_dynamodb::types::AttributeValue::S(text.to_owned());
    let update = desk.dynamo.client().update_item().table_name(desk.dynamo.table());
    let update = update.key("pk", text(&place.pk)).key("sk", text(&place.sk));
    let update = update.update_expression("SET #chain = :broken");
    let update = update.expression_attribute_names("#chain", "chain");
    update.expression_attribute_values(":broken", text("no hash")).send().await.unwrap();
}

#[tokio::test]
async fn lock_10_a_run_is_undone_client_by_client_and_says_whom_it_reached() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(&desk, 3, 1, STRICT).await;
    a_day(&desk, "2026-02-02").await;
    desk.clock.set(at("2026-02-02T12:00:00Z"));
    desk.deliver().await;
    a_day(&desk, LOCK_DAY).await;
    assert_eq!(locked(&firm, 4).await, 3);
    // One letter leaves, then somebody sees what happened; one client is unlocked by hand meanwhile.
    desk.clock.set(at(&format!("{LOCK_DAY}T12:00:00Z")));
    let first = desk.waiting().await.into_iter().find(|letter| letter.client == client("c-000"));
    desk.send(&first.unwrap()).await.unwrap();
    let reason = Personal::new("bank holiday");
    let exception =
        Command::ExceptionUnlock { reason, until: Some(day("2026-03-20")), lines: [].into() };
    desk.act(&firm, &client("c-001"), exception).await.unwrap();

    let now = desk.clock.now();
    let undo = async |on: Day, caller: &Caller| {
        let verdict = (RunVerdict::Undone, Some(Personal::new("wrong policy")));
        decide(&firm, on, verdict, caller, now).await.map(|run| run.stage)
    };
    let lock_day = day(LOCK_DAY);
    let bea = by("bea", Role::BillingLead);
    assert!(matches!(undo(lock_day, &bea).await, Err(RunError::Refused(_))));
    assert!(matches!(undo(day("2026-02-02"), &pat()).await, Err(RunError::Refused(_))), "too old");
    assert_eq!(undo(lock_day, &pat()).await.unwrap(), Stage::Undoing);
    assert_eq!(sweep(&desk).await, 1);
    assert_eq!(undo(lock_day, &pat()).await.unwrap(), Stage::Undone);
    assert_eq!(locked(&firm, 4).await, 0);
    let told = list(&firm, LOCK_DAY).await;
    let reached: Vec<_> = told.iter().filter(|client| !client.reached.is_empty()).collect();
    assert_eq!(reached.len(), 1);
    assert_eq!(reached[0].client, client("c-000"));
    assert_eq!(reached[0].reached, [LetterKind::DemandLetter].into());
    let run = the_run(&firm, LOCK_DAY).await;
    assert_eq!((run.done.undone, run.done.reached), (4, 1));
    assert!(desk.waiting().await.iter().all(|letter| letter.client == client("c-001")));

    // Nothing of it comes twice: not by the sweeper, and not on the same day by an act.
    assert_eq!(sweep(&desk).await, 0);
    desk.act(&firm, &client("c-002"), Command::NoteMessage).await.unwrap();
    assert_eq!(locked(&firm, 4).await, 0);
    // The next day's run decides anew.
    a_day(&desk, "2026-03-04").await;
    assert_eq!(the_run(&firm, "2026-03-04").await.stage, Stage::Done);
    assert_eq!(locked(&firm, 4).await, 2);
}

#[tokio::test]
async fn lock_10_a_test_firms_run_is_held_and_approved_as_any_other() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let mut settings = settings("UTC");
    settings.is_test = true;
    settings.test_clock = Some(at("2030-01-01T12:00:00Z"));
    let firm = desk.firm_of("f-1", settings.clone(), STRICT).await;
    for number in 0..6 {
        let id = desk.client(&firm, &format!("c-{number:03}"), ANN).await;
        desk.invoice(&firm, &id, &format!("A-{number:03}"), usd(10_000), "2029-12-31").await;
    }
    settings.test_clock = Some(at("2030-01-30T12:00:00Z"));
    let change = FirmChange::Settings(settings);
    firm.store().change_firm(firm.loaded(), &change, &desk.meta()).await.unwrap();
    let firm = desk.open("f-1").await;
    let ran = run(&firm, desk.clock.now()).await.unwrap();
    assert_eq!((ran.evaluated, ran.failed.len()), (6, 0));
    assert_eq!(ran.run.unwrap().stage, Stage::Held);
    let verdict = (RunVerdict::Approved, None);
    decide(&firm, day("2030-01-30"), verdict, &pat(), desk.clock.now()).await.unwrap();
    assert_eq!(sweep(&desk).await, 1);
    assert_eq!(locked(&firm, 6).await, 6);
    assert_eq!(firm_id("f-1"), *firm.id());
}

#[tokio::test]
async fn lock_10_a_policys_cap_of_one_class_is_the_firms() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(
        &desk,
        4,
        0,
        &format!(
            "lock: {{after_notice_days: 0, min_locks_for_cap: 3}}, {}",
            &STRICT[STRICT.find("regular").unwrap()..]
        ),
    )
    .await;
    a_day(&desk, LOCK_DAY).await;
    let run = the_run(&firm, LOCK_DAY).await;
    assert_eq!((run.stage, run.tally.caps.len()), (Stage::Held, 1));
}

#[tokio::test]
async fn lock_10_and_staff_1_partners_are_told_of_a_run_that_waits_first_thing_in_the_morning() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = firm_with(&desk, 6, 0, STRICT).await;
    for (name, role) in [("pat", Role::Partner), ("bea", Role::BillingLead)] {
        let grant = Grant {
            subject: name.to_owned(),
            staff: name.parse().unwrap(),
            name: Personal::new(name),
            roles: [role].into(),
            mail: Some(Personal::new(format!("{name}@firm.example"))),
        };
        let loaded = firm.store().load_firm().await.unwrap().unwrap();
        let change = FirmChange::GrantGiven(grant);
        firm.store().change_firm(&loaded, &change, &desk.meta()).await.unwrap();
    }
    a_day(&desk, LOCK_DAY).await;
    desk.clock.set(at(&format!("{LOCK_DAY}T08:30:00Z")));
    let tell = async || {
        let platform = Platform::new(desk.dynamo.clone());
        for ready in platform.ready(desk.clock.now(), 100).await.unwrap() {
            if let Some(message) = TellMessage::of(&ready.what.unwrap()) {
                let firm = desk.open("f-1").await;
                desk.correspondence().tell(&firm, &message, desk.clock.now()).await.unwrap();
            }
        }
    };
    for _ in 0..3 {
        tell().await;
    }
    let mails = async |staff: &str| {
        let (staff, page) = (staff.parse().unwrap(), PageRequest::default());
        let mails = firm.store().staff_mails(&staff, &page).await.unwrap().items;
        mails.into_iter().filter(|mail| mail.id.ends_with("-run")).collect::<Vec<_>>()
    };
    let told = mails("pat").await;
    assert_eq!((told.len(), mails("bea").await.len()), (1, 0));
    let text = told[0].text.as_str();
    assert!(text.contains("would make 6 locks and send 6 demands"), "{text}");
    assert!(text.contains("https://portal.example/console/runs/2026-03-03"), "{text}");
}
