//! Whose day has begun, who is due, and nothing else (EVAL-1, EVAL-2, EVAL-3).

use chrono::{DateTime, TimeDelta, Utc};
use domain::command::Command;
use domain::event::Event;
use domain::letter::LetterState;
use futures::StreamExt;
use services::day::{DayError, Evaluation, Tick, run};
use services::execute::ExecuteError;
use store::{FirmChange, LetterRow, Platform};

use crate::desk::{Desk, at, client, day, firm_id, settings, usd};

/// How many accounts are opened at the same time.
const AT_ONCE: usize = 16;

const ANN: &[&str] = &["ann@acme.example"];

/// Whether the firm's day has begun at that instant, and nobody has seen to it.
async fn has_dawned(desk: &Desk, firm: &str, instant: DateTime<Utc>) -> bool {
    desk.clock.set(instant);
    let platform = Platform::new(desk.dynamo.clone());
    platform.dawned(instant).await.unwrap().contains(&firm_id(firm))
}

fn decided_on(on: &str) -> impl Fn(&LetterRow) -> bool {
    let on = day(on);
    move |row| row.letter.queued_on == on
}

#[tokio::test]
async fn eval_1_a_day_begins_at_its_first_instant_in_the_firms_zone() {
    for (zone, from, expected) in [
        // east and west of everybody
        ("Pacific/Kiritimati", "2026-03-01T00:00:00Z", "2026-03-01T10:00:00Z"),
        ("Pacific/Pago_Pago", "2026-03-01T00:00:00Z", "2026-03-01T11:00:00Z"),
        ("Asia/Kathmandu", "2026-03-01T00:00:00Z", "2026-03-01T18:15:00Z"),
        // the clock is put forward in the night, and back
        ("America/New_York", "2026-03-08T05:00:00Z", "2026-03-09T04:00:00Z"),
        ("America/New_York", "2026-11-01T04:00:00Z", "2026-11-02T05:00:00Z"),
        // midnight doesn't exist: the day begins at one
        ("America/Santiago", "2026-09-05T12:00:00Z", "2026-09-06T04:00:00Z"),
        ("Africa/Cairo", "2026-04-23T12:00:00Z", "2026-04-23T22:00:00Z"),
    ] {
        let desk = Desk::at(from).await;
        desk.firm("f-1", zone, "").await;
        let (from, expected) = (at(from), at(expected));
        let moment = TimeDelta::milliseconds(1);
        for (instant, begins) in [
            (from, true), // a new firm is looked at at once
            (from + moment, false),
            (expected - moment, false),
            (expected, true),
            (expected + moment, false),
        ] {
            assert_eq!(has_dawned(&desk, "f-1", instant).await, begins, "{zone} at {instant}");
            desk.tick().await;
        }
    }
}

#[tokio::test]
async fn eval_2_days_on_which_no_schedule_ran_are_caught_up_with() {
    let desk = Desk::at("2026-03-01T15:00:00Z").await;
    let firm = desk.firm("f-1", "America/New_York", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    let bolt = desk.client(&firm, "bolt", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    desk.invoice(&firm, &bolt, "B-1", usd(10_000), "2026-06-01").await;
    desk.tick().await;
    // Nothing runs on the 2nd, 3rd, 4th and 5th: A-1's notice of the 4th was missed.
    desk.clock.set(at("2026-03-06T05:00:00Z"));
    assert_eq!(desk.tick().await, Tick { firms: 1, shards: 1, ..Tick::default() });
    assert_eq!(desk.work().await, 1);
    let letters = desk.letters(&firm, &acme).await;
    let kinds: Vec<_> = letters.iter().map(|row| row.letter.queued_on).collect();
    assert!(kinds.contains(&day("2026-03-06")), "{letters:?}");
    assert!(desk.letters(&firm, &bolt).await.is_empty());
    // The same work once more writes nothing.
    let version = firm.store().load(&acme).await.unwrap().unwrap().version();
    desk.pass(TimeDelta::hours(2));
    desk.tick().await;
    desk.work().await;
    assert_eq!(firm.store().load(&acme).await.unwrap().unwrap().version(), version);
}

#[tokio::test]
async fn eval_3_a_firm_whose_work_got_lost_is_told_as_late_an_hour_after_its_day_began() {
    let desk = Desk::at("2026-03-01T15:00:00Z").await;
    let firm = desk.firm("f-1", "America/New_York", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    desk.tick().await;
    desk.clock.set(at("2026-03-04T05:00:00Z"));
    assert_eq!(desk.tick().await, Tick { firms: 1, shards: 1, ..Tick::default() });
    desk.wire.take(); // and nobody does it
    desk.pass(TimeDelta::hours(1));
    assert_eq!(desk.tick().await, Tick { firms: 1, shards: 1, late: 1, ..Tick::default() });
    assert_eq!(desk.work().await, 1);
    desk.clock.set(at("2026-03-05T05:00:00Z"));
    assert_eq!(desk.tick().await.late, 0);
}

#[tokio::test]
async fn eval_3_two_firms_each_have_their_own_day_and_a_broken_one_holds_up_nobody() {
    let desk = Desk::at("2026-03-03T12:00:00Z").await;
    let east = desk.firm("east", "Asia/Tokyo", "").await;
    let west = desk.firm("west", "America/Los_Angeles", "").await;
    for firm in [&east, &west] {
        let acme = desk.client(firm, "acme", ANN).await;
        desk.invoice(firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    }
    desk.tick().await;
    // The index names a firm whose settings are gone.
    let ghost = store::Store::new(desk.dynamo.clone(), firm_id("ghost"));
    ghost.set_dawn(&settings("UTC"), day("2026-03-01"), at("2026-03-02T00:00:00Z")).await.unwrap();
    desk.clock.set(at("2026-03-03T15:00:00Z")); // the 4th in Tokyo
    assert_eq!(desk.tick().await, Tick { firms: 1, shards: 1, failed: 1, ..Tick::default() });
    desk.work().await;
    assert_eq!(desk.letters(&east, &client("acme")).await.len(), 1);
    assert!(desk.letters(&west, &client("acme")).await.is_empty());
    desk.clock.set(at("2026-03-04T08:00:00Z"));
    desk.tick().await;
    desk.work().await;
    assert_eq!(desk.letters(&west, &client("acme")).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_3_of_a_thousand_accounts_only_the_ten_due_are_read() {
    let desk = Desk::at("2026-03-01T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let open = async |number: u32| {
        let id = desk.client(&firm, &format!("c-{number}"), ANN).await;
        if number.is_multiple_of(100) {
            desk.invoice(&firm, &id, &format!("A-{number}"), usd(10_000), "2026-03-03").await;
        }
    };
    futures::stream::iter(0..1_000).for_each_concurrent(AT_ONCE, open).await;
    desk.tick().await;
    desk.work().await;
    desk.clock.set(at("2026-03-04T00:00:00Z"));
    desk.dynamo.capacity().take();
    desk.tick().await;
    let tick = desk.dynamo.capacity().take();
    // Four shards of the dawn, settings, the dawn itself, one item of each shard of the firm; its policies,
    // which say whether staff are told of the day (STAFF-1); its run, and those of before (LOCK-10); and how far
    // its reports are (KPI-1).
    assert!(tick.half_reads <= 4 + 2 + 2 + 4 + 2 + 4 + 2, "{tick:?}");
    let messages = desk.wire.take();
    let shards = u64::try_from(messages.len()).unwrap();
    let mut evaluated = store::Consumed::default();
    let mut clients = 0;
    for message in messages {
        desk.dynamo.capacity().take();
        desk.do_message(message.clone()).await.unwrap();
        evaluated.half_reads += desk.dynamo.capacity().take().half_reads;
        let Evaluation::Shard { shard, .. } = message else { panic!("{message:?}") };
        clients += firm.store().run_shard(day("2026-03-04"), shard).await.unwrap().done.evaluated;
    }
    assert_eq!((clients, shards <= 4), (10, true));
    // Each account with its invoice; for each shard the firm and its policies, who is due, and some looks at where
    // the run stands.
    assert!(evaluated.half_reads <= 10 * 2 * 2 + shards * 20, "{evaluated:?}");
    // On the next day nobody is due: no message, and no account is read.
    desk.clock.set(at("2026-03-05T00:00:00Z"));
    desk.dynamo.capacity().take();
    assert_eq!(desk.tick().await, Tick { firms: 1, ..Tick::default() });
    assert!(desk.wire.take().is_empty());
    let idle = desk.dynamo.capacity().take();
    assert!(idle.half_reads <= 4 + 2 + 2 + 4 + 2 + 2, "{idle:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_1_a_shard_goes_on_in_another_message_before_the_time_limit() {
    let desk = Desk::at("2026-03-01T12:00:00Z").await;
    let mut settings = settings("UTC");
    settings.shards = 1;
    let firm = desk.firm_of("f-1", settings, "").await;
    let open = async |number: u32| {
        let id = desk.client(&firm, &format!("c-{number:03}"), ANN).await;
        desk.invoice(&firm, &id, &format!("A-{number}"), usd(100), "2026-03-03").await;
    };
    futures::stream::iter(0..205).for_each_concurrent(AT_ONCE, open).await;
    desk.clock.set(at("2026-03-04T00:00:00Z"));
    desk.tick().await;
    let begun = desk.wire.take();
    let now = platform::clock::Clock::now(&*desk.clock);
    let firms = services::firms::Firms::new(desk.dynamo.clone());
    let evaluated = async || {
        let shard = firm.store().run_shard(day("2026-03-04"), 0).await.unwrap();
        (shard.done.evaluated, shard.is_done)
    };
    // A time limit that is over: one thing a message, a page taken or ten clients of it evaluated.
    for step in 0..13 {
        desk.days().handle(&firms, begun[0].clone(), now).await.unwrap();
        assert_eq!(desk.wire.take(), begun);
        let expected = if step < 11 { step * 10 } else { step * 10 - 10 };
        assert_eq!(evaluated().await, (expected, false));
    }
    desk.do_message(begun[0].clone()).await.unwrap();
    assert_eq!(evaluated().await, (205, true));
    assert!(desk.wire.take().is_empty());
    // A message whose clients can't all be done in time hands on those that are left.
    let clients: Vec<_> = (0..7).map(|number| client(&format!("c-{number:03}"))).collect();
    let message = Evaluation::Clients { firm: firm_id("f-1"), day: day("2026-03-04"), clients };
    desk.days().handle(&firms, message, now).await.unwrap();
    let rest = desk.wire.take();
    let [Evaluation::Clients { clients, .. }] = &rest[..] else { panic!("{rest:?}") };
    assert_eq!(*clients, [client("c-005"), client("c-006")], "five are begun at once");
}

#[tokio::test]
async fn sec_1_a_message_that_is_not_the_firms_does_nothing() {
    let desk = Desk::at("2026-03-04T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    desk.firm("f-2", "UTC", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-01").await;
    let clients = |firm: &str, on: &str, clients: &[&str]| Evaluation::Clients {
        firm: firm_id(firm),
        day: day(on),
        clients: clients.iter().map(|id| client(id)).collect(),
    };
    let shard = |shard| Evaluation::Shard { firm: firm_id("f-2"), day: day("2026-03-04"), shard };
    let eleven = ["acme"; 11];
    let cases = [
        (clients("f-2", "2026-03-04", &["acme"]), "could not be evaluated"),
        (clients("nobody", "2026-03-04", &["acme"]), "there is no firm nobody"),
        (clients("f-1", "2026-03-05", &["acme"]), "has not begun"),
        (clients("f-1", "2026-03-04", &[]), "names 0 clients"),
        (clients("f-1", "2026-03-04", &eleven), "names 11 clients"),
        (shard(4), "has 4 shards"),
    ];
    let version = firm.store().load(&acme).await.unwrap().unwrap().version();
    for (message, expected) in cases {
        let error = desk.do_message(message).await.unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    assert!(desk.wire.take().is_empty());
    assert_eq!(firm.store().load(&acme).await.unwrap().unwrap().version(), version);
}

#[tokio::test]
async fn a_client_that_can_not_be_evaluated_comes_again_alone() {
    let desk = Desk::at("2026-03-01T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    desk.clock.set(at("2026-03-04T00:00:00Z"));
    let message = |clients: &[&str]| Evaluation::Clients {
        firm: firm_id("f-1"),
        day: day("2026-03-04"),
        clients: clients.iter().map(|id| client(id)).collect(),
    };
    desk.do_message(message(&["poison", "acme"])).await.unwrap();
    assert!(desk.letters(&firm, &acme).await.iter().any(decided_on("2026-03-04")));
    assert_eq!(desk.wire.take(), [message(&["poison"])]);
    let error = desk.do_message(message(&["poison"])).await.unwrap_err();
    let DayError::Evaluate { source, .. } = &error else { panic!("{error:?}") };
    assert!(matches!(**source, ExecuteError::NotFound(_)));
    assert!(desk.wire.take().is_empty());
}

#[tokio::test]
async fn test_1_a_test_firms_day_is_its_own_clocks() {
    let desk = Desk::at("2026-03-01T12:00:00Z").await;
    let mut settings = settings("America/New_York");
    settings.is_test = true;
    settings.test_clock = Some(at("2030-01-01T12:00:00Z"));
    let firm = desk.firm_of("f-1", settings.clone(), "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2030-01-02").await;
    assert_eq!(desk.tick().await, Tick::default());
    settings.test_clock = Some(at("2030-01-03T05:00:00Z")); // midnight in New York
    let change = FirmChange::Settings(settings.clone());
    let meta = store::CommitMeta {
        at: at("2030-01-03T05:00:00Z"),
        day: day("2030-01-03"),
        actor: domain::role::Actor::Schedule,
        command: "clock".to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    };
    firm.store().change_firm(firm.loaded(), &change, &meta).await.unwrap();
    let firm = desk.open("f-1").await;
    let ran = run(&firm, at("2026-03-01T12:00:00Z")).await.unwrap();
    assert_eq!((ran.evaluated, ran.failed.len()), (1, 0));
    let letters = desk.letters(&firm, &acme).await;
    assert_eq!(letters[0].letter.queued_on, day("2030-01-03"));
    // Quiet hours are those of its clock; at noon it leaves.
    let platform = Platform::new(desk.dynamo.clone());
    let now = at("2026-03-01T12:00:00Z");
    let left = desk.correspondence().leave_all(&platform, &firm, now).await.unwrap();
    assert!(matches!(left[0].2, services::correspondence::Outcome::Waits(_)), "{left:?}");
    settings.test_clock = Some(at("2030-01-03T17:00:00Z"));
    let change = FirmChange::Settings(settings);
    firm.store().change_firm(firm.loaded(), &change, &meta).await.unwrap();
    let firm = desk.open("f-1").await;
    let left = desk.correspondence().leave_all(&platform, &firm, now).await.unwrap();
    assert_eq!(left[0].2, services::correspondence::Outcome::Sent);
    let row = desk.letter(&firm, &acme, left[0].1.0).await;
    assert!(
        matches!(row.letter.state, LetterState::Left(sending) if sending.on == day("2030-01-03"))
    );
    assert_eq!(row.delivery.unwrap().at, at("2030-01-03T17:00:00Z"));
}

#[tokio::test]
async fn eval_4_a_payment_between_reading_who_is_due_and_evaluating_wins() {
    let desk = Desk::at("2026-03-01T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    desk.clock.set(at("2026-03-04T00:00:00Z"));
    desk.tick().await;
    // A time limit that is over: who is due is read and written down, and nobody is evaluated yet.
    let firms = services::firms::Firms::new(desk.dynamo.clone());
    for message in desk.wire.take() {
        desk.days().handle(&firms, message, at("2026-03-04T00:00:00Z")).await.unwrap();
    }
    let paid = desk.pay(&firm, &acme, "stripe:pi_1", usd(10_000)).await;
    assert!(paid.events.iter().any(|event| matches!(event, Event::PaymentChanged { .. })));
    assert_eq!(desk.work().await, 1);
    let after = desk.act(&firm, &acme, Command::Evaluate).await.unwrap();
    assert!(after.events.is_empty());
    let letters = desk.letters(&firm, &acme).await;
    let decided: Vec<_> = letters.iter().filter(|row| decided_on("2026-03-04")(row)).collect();
    assert!(decided.iter().all(|row| !row.letter.content.is_debt()), "{decided:?}");
}
