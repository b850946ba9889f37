//! A policy that was armed comes to all clients of its class, at once and whatever dies on the way (POL-1).

use std::sync::Arc;

use chrono::TimeDelta;
use domain::calendar::Day;
use domain::command::Command;
use domain::id::ClientId;
use domain::policy::life::State;
use futures::StreamExt;
use platform::clock::Clock;
use platform::config::GatewayUrls;
use platform::seal::LocalSeal;
use services::day::{Evaluation, MAX_CLIENTS, run};
use services::firm::Firm;
use services::sweep::{Sweeper, Swept};
use services::webhook::{GatewayAccess, Webhooks};
use store::{DayRun, FirmChange, PageRequest, PolicyDocument, RunDecision, RunVerdict, Stage};

use crate::desk::{Desk, Wire, at, client, day, firm_id, settings, usd};

pub(crate) const ANN: &[&str] = &["ann@acme.example"];

/// Locks what is 20 days overdue, warned or not.
pub(crate) const STRICT: &str = "lock: {days_overdue: 20, after_notice_days: 0}";

/// Sweeps once, as the schedule does every minute.
pub(crate) async fn sweep(desk: &Desk) -> Swept {
    let transport = gateways::Transport::new(gateways::Timeouts::default());
    let url = "http://localhost:9".to_owned();
    let urls = GatewayUrls { stripe: Some(url.clone()), ..GatewayUrls::default() };
    let access = GatewayAccess { transport, urls, public_url: url };
    let seal = Arc::new(LocalSeal::new(&[7; 32]).unwrap());
    let webhooks = Arc::new(Webhooks::new(desk.dynamo.clone(), seal, access));
    let letters = Arc::new(Wire::default());
    let sweeper = Sweeper::new(webhooks, letters, desk.wire.clone(), desk.clock.clone());
    sweeper.sweep().await.unwrap()
}

/// Both passes, half a minute apart, and the pass of the day's run that follows them (LOCK-10).
pub(crate) async fn roll_out(desk: &Desk) {
    for _ in 0..2 {
        assert_eq!(sweep(desk).await.rollouts, 1);
        desk.work().await;
        desk.pass(TimeDelta::seconds(30));
    }
}

pub(crate) async fn arm(
    desk: &Desk,
    firm: &str,
    class: &str,
    version: u32,
    with: &str,
    from: &str,
) {
    let firm = desk.open(firm).await;
    let armed = FirmChange::PolicyArmed(PolicyDocument {
        class: class.parse().unwrap(),
        version,
        document: format!("{{preset: cpa, with: {{{with}}}}}"),
        effective_on: day(from),
        author: None,
        state: Default::default(),
        new_steps: Default::default(),
        late_fee_since: None,
    });
    let meta = desk.meta();
    firm.store().change_firm(firm.loaded(), &armed, &meta).await.unwrap();
}

/// A client with an invoice that was due three weeks and a half before the 26th of March.
pub(crate) async fn a_debtor(desk: &Desk, firm: &Firm, id: &str) -> ClientId {
    let client = desk.client(firm, id, ANN).await;
    desk.invoice(firm, &client, &format!("{id}-1"), usd(10_000), "2026-03-02").await;
    client
}

pub(crate) async fn is_locked(firm: &Firm, client: &ClientId) -> bool {
    firm.store().load(client).await.unwrap().unwrap().account.is_locked()
}

async fn version(firm: &Firm, client: &ClientId) -> u64 {
    firm.store().load(client).await.unwrap().unwrap().version()
}

async fn next_evaluation(firm: &Firm, client: &ClientId) -> Option<Day> {
    firm.store().load(client).await.unwrap().unwrap().next_evaluation()
}

#[tokio::test]
async fn pol_1_arming_evaluates_the_clients_of_the_class_at_once_and_no_others() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    arm(&desk, "f-1", "vip", 1, "", "2020-01-01").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    let bolt = a_debtor(&desk, &firm, "bolt").await;
    let account = firm.store().load(&bolt).await.unwrap().unwrap().account;
    let mut profile = account.profile;
    profile.class = "vip".parse().unwrap();
    desk.act(&firm, &bolt, Command::ChangeProfile(profile)).await.unwrap();
    desk.tick().await;
    desk.work().await;
    assert!(!is_locked(&firm, &acme).await);
    assert_eq!(sweep(&desk).await.rollouts, 0, "a class's first policy has no client to come to");
    let bolts = version(&firm, &bolt).await;

    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-26").await;
    assert_eq!(sweep(&desk).await.rollouts, 1);
    assert_eq!(desk.work().await, 1);
    // Nobody is locked on the way: who would be is due now, and counted when all were looked at (LOCK-10).
    assert!(!is_locked(&firm, &acme).await);
    assert_eq!(next_evaluation(&firm, &acme).await, Some(day("2026-03-26")));
    assert_eq!(version(&firm, &bolt).await, bolts);
    // Once more for whoever read the policies a moment before; then a run does it, and nothing was written twice.
    assert_eq!(sweep(&desk).await.rollouts, 0);
    desk.pass(TimeDelta::seconds(30));
    assert_eq!(sweep(&desk).await.rollouts, 1);
    desk.work().await;
    assert!(is_locked(&firm, &acme).await);
    let acmes = version(&firm, &acme).await;
    desk.pass(TimeDelta::days(2));
    assert_eq!(sweep(&desk).await.rollouts, 0);
    assert_eq!(firm.store().rollouts().await.unwrap(), []);
    assert_eq!(version(&firm, &acme).await, acmes);
}

#[tokio::test]
async fn pol_1_who_decided_under_the_policy_of_a_moment_ago_is_found_by_the_second_pass() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let stale = desk.firm("f-1", "UTC", "").await;
    let acme = a_debtor(&desk, &stale, "acme").await; // it has read the policies now
    desk.tick().await;
    desk.work().await;
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-26").await;
    sweep(&desk).await;
    desk.work().await;
    let bolt = a_debtor(&desk, &stale, "bolt").await; // under the old one still
    assert!(!is_locked(&stale, &bolt).await);
    desk.pass(TimeDelta::seconds(30));
    sweep(&desk).await;
    desk.work().await;
    assert!(is_locked(&stale, &acme).await);
    assert!(is_locked(&stale, &bolt).await);
}

#[tokio::test]
async fn lock_10_a_policy_that_would_lock_too_many_waits_for_a_partner() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let mut clients = Vec::new();
    for number in 0..6 {
        clients.push(a_debtor(&desk, &firm, &format!("c-{number}")).await);
    }
    desk.tick().await;
    desk.work().await;
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-26").await;
    roll_out(&desk).await;
    let run = firm.store().day_run(day("2026-03-26")).await.unwrap().unwrap();
    assert_eq!((run.stage, run.tally.locks), (Stage::Held, 6));
    for client in &clients {
        assert!(!is_locked(&firm, client).await);
    }
}

#[tokio::test]
async fn lock_10_what_was_decided_about_a_run_is_no_word_about_a_newer_policy() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    desk.tick().await;
    desk.work().await;
    let decision = RunDecision {
        verdict: RunVerdict::Approved,
        by: "pat".parse().unwrap(),
        at: desk.clock.now(),
        reason: None,
    };
    let decided = DayRun {
        day: day("2026-03-26"),
        stage: Stage::Done,
        round: 1,
        shards: [0].into(),
        began_at: desk.clock.now(),
        tally: Default::default(),
        active: None,
        done: Default::default(),
        shadow: Default::default(),
        decision: Some(decision),
        version: 0,
    };
    assert!(firm.store().put_day_run(&decided, desk.clock.now()).await.unwrap());
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-26").await;
    roll_out(&desk).await;
    assert!(!is_locked(&firm, &acme).await, "the next day's run counts it");
    desk.clock.set(at("2026-03-27T00:00:00Z"));
    desk.tick().await;
    desk.work().await;
    assert!(is_locked(&firm, &acme).await);
}

#[tokio::test]
async fn pol_7_a_shadow_says_what_it_would_do_in_each_run_and_does_nothing() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    desk.client(&firm, "bolt", ANN).await;
    desk.tick().await;
    desk.work().await;
    let armed = next_evaluation(&firm, &acme).await.unwrap();
    assert!(day("2026-03-27") < armed, "{armed}");

    let shadow = FirmChange::PolicySaved(PolicyDocument {
        class: "default".parse().unwrap(),
        version: 2,
        document: format!("{{preset: cpa, with: {{{STRICT}}}}}"),
        effective_on: day("2026-03-26"),
        state: State::Shadow,
        author: None,
        new_steps: Default::default(),
        late_fee_since: None,
    });
    let opened = desk.open("f-1").await;
    opened.store().change_firm(opened.loaded(), &shadow, &desk.meta()).await.unwrap();
    roll_out(&desk).await;
    // The client is due under the shadow now, on the next day.
    assert_eq!(next_evaluation(&firm, &acme).await, Some(day("2026-03-27")));
    for on in ["2026-03-27", "2026-03-28"] {
        desk.clock.set(at(&format!("{on}T00:00:00Z")));
        desk.tick().await;
        desk.work().await;
        let run = firm.store().day_run(day(on)).await.unwrap().unwrap();
        let count = &run.shadow.versions[&"default".parse().unwrap()];
        assert_eq!((count.version, count.looked_at), (2, 1), "{on}");
        assert_eq!(count.acts.get("lock"), Some(&1), "{on}: {:?}", count.acts);
        assert_eq!((run.tally.locks, run.done.locked), (0, 0), "{on}");
        let pages = firm.store().run_pages(day(on), &PageRequest::default()).await.unwrap().items;
        let who: Vec<_> = pages.into_iter().flat_map(|page| page.clients).collect();
        assert_eq!(who.len(), 1);
        assert!(who[0].client == acme && who[0].shadow.contains("lock"), "{who:?}");
        assert!(!is_locked(&firm, &acme).await);
    }
    // Taken back, it looks at nobody any more.
    let opened = desk.open("f-1").await;
    let FirmChange::PolicySaved(shadow) = shadow else { unreachable!() };
    let back = PolicyDocument { state: State::Withdrawn, ..shadow };
    let back = FirmChange::PolicyWithdrawn(back);
    opened.store().change_firm(opened.loaded(), &back, &desk.meta()).await.unwrap();
    let opened = desk.open("f-1").await;
    assert!(opened.settings().shadows.is_empty());
    desk.clock.set(at("2026-03-29T00:00:00Z"));
    desk.tick().await;
    desk.work().await;
    let run = firm.store().day_run(day("2026-03-29")).await.unwrap();
    assert!(run.is_none_or(|run| run.shadow.is_empty()));
}

#[tokio::test]
async fn pol_1_a_rollout_that_died_is_gone_on_with() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-26").await;
    assert_eq!(sweep(&desk).await.rollouts, 1);
    assert_eq!(desk.wire.take().len(), 1); // and whoever took it dies
    desk.pass(TimeDelta::minutes(44));
    assert_eq!(sweep(&desk).await.rollouts, 0, "it is the queue's as long as its lease");
    desk.pass(TimeDelta::minutes(2));
    assert_eq!(sweep(&desk).await.rollouts, 1);
    desk.work().await;
    assert_eq!(next_evaluation(&firm, &acme).await, Some(day("2026-03-26")), "it is due for a run");
    // Of two that come to the end of a pass, one says so: the second pass is made all the same.
    let [again] = &firm.store().rollouts().await.unwrap()[..] else { panic!("it ended") };
    assert_eq!(again.pass, 2);
    let late = Evaluation::Class {
        firm: firm_id("f-1"),
        class: "default".parse().unwrap(),
        version: 2,
        pass: Some(1),
        cursor: Some("whatever".to_owned()),
    };
    desk.do_message(late).await.unwrap();
    assert_eq!(firm.store().rollouts().await.unwrap().len(), 1);
}

#[tokio::test]
async fn pol_1_a_policy_of_a_later_day_comes_on_that_day() {
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "America/New_York", "").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    desk.tick().await;
    desk.work().await;
    let next = next_evaluation(&firm, &acme).await.unwrap();
    assert!(day("2026-03-28") < next, "{next}");
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-28").await;
    sweep(&desk).await;
    assert_eq!(desk.work().await, 0);
    for (instant, rollouts, locked) in [
        ("2026-03-27T12:00:00Z", 0, false),
        ("2026-03-28T03:59:59Z", 0, false), // the 27th in New York
        ("2026-03-28T04:00:00Z", 1, false), // who would be locked is counted when all were looked at
        ("2026-03-28T04:00:30Z", 1, true),
    ] {
        desk.clock.set(at(instant));
        assert_eq!(sweep(&desk).await.rollouts, rollouts, "{instant}");
        desk.work().await;
        assert_eq!(is_locked(&firm, &acme).await, locked, "{instant}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pol_1_a_large_class_is_handed_on_page_by_page_and_over_time_limits() {
    const CLIENTS: usize = 450;
    let desk = Desk::at("2026-03-26T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let open = async |number: usize| {
        desk.client(&firm, &format!("c-{number:03}"), ANN).await;
    };
    futures::stream::iter(0..CLIENTS).for_each_concurrent(16, open).await;
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-26").await;
    sweep(&desk).await;
    let (mut named, mut pages) = (Vec::new(), 0);
    let firms = services::firms::Firms::new(desk.dynamo.clone());
    let now = desk.clock.now(); // a time limit that is over: one page a message
    loop {
        let messages = desk.wire.take();
        if messages.is_empty() {
            break;
        }
        assert!(messages.len() <= 200 / MAX_CLIENTS + 1, "{}", messages.len());
        for message in messages {
            match message {
                Evaluation::Clients { clients, .. } => named.extend(clients),
                message => {
                    pages += 1;
                    desk.days().handle(&firms, message, now).await.unwrap();
                }
            }
        }
    }
    named.sort();
    let all: Vec<_> = (0..CLIENTS).map(|number| client(&format!("c-{number:03}"))).collect();
    assert_eq!((named, pages), (all, 3));
}

#[tokio::test]
async fn pol_1_a_test_firms_rollout_comes_with_its_clock() {
    let desk = Desk::at("2026-03-01T12:00:00Z").await;
    let mut settings = settings("UTC");
    settings.is_test = true;
    settings.test_clock = Some(at("2026-03-26T12:00:00Z"));
    let firm = desk.firm_of("f-1", settings.clone(), "").await;
    let acme = a_debtor(&desk, &firm, "acme").await;
    arm(&desk, "f-1", "default", 2, STRICT, "2026-03-27").await;
    sweep(&desk).await;
    desk.work().await;
    assert!(!is_locked(&firm, &acme).await);
    settings.test_clock = Some(at("2026-03-27T12:00:00Z"));
    let firm = desk.open("f-1").await;
    let change = FirmChange::Settings(settings);
    firm.store().change_firm(firm.loaded(), &change, &desk.meta()).await.unwrap();
    let firm = desk.open("f-1").await;
    let ran = run(&firm, desk.clock.now()).await.unwrap();
    assert_eq!(ran.failed.len(), 0);
    assert!(is_locked(&firm, &acme).await);
    assert_eq!(firm.store().rollouts().await.unwrap(), []);
}
