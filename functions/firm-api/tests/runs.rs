//! Runs by the API: what they would do and did, approved, rejected, undone; and the firm's stop (LOCK-10).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod world;

use axum::http::{Method, Request};
use domain::run::{Caps, Tally, Withheld};
use serde_json::{Value, json};
use store::{DayRun, RunClient, RunPage, RunShard, Stage};
use world::{Token, World, token, with_json};

const DAY: &str = "2026-03-02";
const RUN: &str = "/firm/v1/runs/2026-03-02";
const STOP: &str = "/firm/v1/settings/stop";

/// A run that waits, with one client on its list.
async fn held(world: &World) {
    let store = world.firm("f-1").await.store().clone();
    let (lock, demand) = (true, true);
    let caps = Caps { min_locks: 0, max_share: "0".parse().unwrap(), max_letters: 500 };
    let tally = Tally { locks: 1, demands: 1, caps: [caps].into() };
    let run = DayRun {
        day: DAY.parse().unwrap(),
        stage: Stage::Held,
        round: 2,
        shards: [0].into(),
        began_at: world.now(),
        tally: tally.clone(),
        active: Some(1),
        done: Default::default(),
        shadow: Default::default(),
        decision: None,
        version: 0,
    };
    assert!(store.put_day_run(&run, world.now()).await.unwrap());
    let acme = RunClient {
        withheld: Withheld { lock, demand },
        ..RunClient::new("acme".parse().unwrap())
    };
    let page =
        RunPage { shard: 0, number: 0, round: 2, clients: vec![acme], looked_at: None, version: 0 };
    let shard =
        RunShard { shard: 0, round: 2, is_done: true, pages: 1, tally, ..Default::default() };
    assert!(store.put_run_shard(run.day, &shard, Some(&page)).await.unwrap());
}

#[tokio::test]
async fn lock_10_a_run_that_waits_is_seen_approved_and_audited() {
    let world = World::new().await;
    world.acme().await;
    held(&world).await;
    let listed = world.get("pia", "/firm/v1/runs").await.expect(200);
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
    let run = world.get("pia", RUN).await.expect(200);
    assert_eq!((&run["stage"], &run["would"]["locks"]), (&json!("held"), &json!(1)));
    let clients = world.get("pia", &format!("{RUN}/clients")).await.expect(200);
    let acme = &clients["items"][0];
    assert_eq!((&acme["client"], &acme["would_lock"]), (&json!("acme"), &json!(true)));

    let old = token("pat", Token::Old, world.now());
    let request = Request::builder()
        .method(Method::POST)
        .uri(format!("{RUN}/approve"))
        .header("authorization", format!("Bearer {old}"))
        .header("x-portcullis-firm", "f-1");
    let (rule, ..) = world.send(with_json(request, &Value::Null)).await.problem(401);
    assert_eq!(rule, "SEC-6");
    let approve = async || world.post("pat", &format!("{RUN}/approve"), Value::Null).await;
    let approved = approve().await.expect(200);
    assert_eq!(approved["stage"], "releasing");
    assert_eq!(approved["decision"]["verdict"], "approved");
    assert_eq!(approve().await.expect(200), approved, "approving twice is one approval");
    let because = json!({"reason": "too late"});
    let (rule, ..) =
        world.post("bea", &format!("{RUN}/reject"), because.clone()).await.problem(409);
    assert_eq!(rule, "LOCK-10");
    let (rule, _, detail) = world.post("pat", &format!("{RUN}/undo"), because).await.problem(409);
    assert_eq!(rule, "LOCK-10");
    assert!(detail.contains("still at work"), "{detail}");
    let events = world.get("pia", "/firm/v1/events").await.expect(200).to_string();
    assert!(events.contains("approves the run of Mar 2, 2026: 1 lock, 1 demand"), "{events}");
}

#[tokio::test]
async fn lock_10_a_run_is_rejected_for_a_reason_and_undone_for_one() {
    let world = World::new().await;
    world.acme().await;
    held(&world).await;
    let post = async |act: &str, reason: &str| {
        world.post("pat", &format!("{RUN}/{act}"), json!({"reason": reason})).await
    };
    for act in ["reject", "undo"] {
        let (rule, _, detail) = post(act, " ").await.problem(422);
        assert_eq!(rule, "LOCK-10", "{detail}");
    }
    assert_eq!(post("reject", "wrong ledger").await.expect(200)["stage"], "left");
    let undone = post("undo", "and its notices too").await.expect(200);
    assert_eq!(
        (&undone["stage"], &undone["decision"]["verdict"]),
        (&json!("undoing"), &json!("undone"))
    );
    for (path, status) in [("/firm/v1/runs/2026-02-28", 404), ("/firm/v1/runs/yesterday", 400)] {
        world.get("pat", path).await.problem(status);
    }
}

#[tokio::test]
async fn lock_10_a_stopped_firm_says_so_and_locks_nobody_by_hand_either() {
    let world = World::new().await;
    world.acme().await;
    let put =
        async |reason: &str| world.ask("adam", Method::PUT, STOP, json!({"reason": reason})).await;
    assert_eq!(world.get("pia", STOP).await.expect(200)["is_stopped"], false);
    put("").await.problem(422);
    let stopped = put("the ledger was imported twice").await.expect(200);
    assert_eq!((&stopped["is_stopped"], &stopped["by"]), (&json!(true), &json!("adam")));
    assert_eq!(put("again").await.expect(200), stopped, "it is stopped already");
    assert_eq!(world.get("pia", STOP).await.expect(200), stopped);
    let lock = json!({"reason": "no answer"});
    let (rule, ..) =
        world.post("bea", "/firm/v1/clients/acme/lock", lock.clone()).await.problem(409);
    assert_eq!(rule, "LOCK-10");
    let acme = world.get("bea", "/firm/v1/clients/acme").await.expect(200).to_string();
    assert!(acme.contains("the firm stopped both"), "{acme}");

    let lifted = world.ask("pat", Method::DELETE, STOP, Value::Null).await.expect(200);
    assert_eq!(lifted["is_stopped"], false);
    world.post("bea", "/firm/v1/clients/acme/lock", lock).await.expect(200);
    let events = world.get("pia", "/firm/v1/events").await.expect(200).to_string();
    assert!(events.contains("stops locks and letters: the ledger was imported twice"), "{events}");
    assert!(events.contains("lets locks and letters go on"), "{events}");
}
