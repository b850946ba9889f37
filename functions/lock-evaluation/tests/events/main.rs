//! The sample events, and events of the wrong shape, against an embedded table.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../demand-letter/tests/events/desk.rs"]
mod desk;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::TimeDelta;
use lock_evaluation::{Answer, State, handle};
use platform::clock::FixedClock;
use platform::config::Stage;
use platform::queue::{Queue, QueueError, QueueMessage};
use serde_json::{Value, json};
use store::PageRequest;

use desk::{acme, at, day, embedded, firm};

const SCHEDULE: &str = include_str!("../../../../events/lock-evaluation-schedule.json");
const QUEUE: &str = include_str!("../../../../events/lock-evaluation-queue.json");

#[derive(Default)]
struct Wire(Mutex<Vec<QueueMessage>>);

#[async_trait]
impl Queue for Wire {
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError> {
        self.0.lock().unwrap().extend(messages);
        Ok(())
    }
}

impl Wire {
    fn bodies(&self) -> Vec<Value> {
        let messages: Vec<_> = self.0.lock().unwrap().drain(..).collect();
        assert!(messages.iter().all(|message| message.group.as_deref() == Some("f-1")));
        messages.iter().map(|message| serde_json::from_str(&message.body).unwrap()).collect()
    }
}

async fn answer(state: &State, event: &Value) -> Value {
    let deadline = state.days.clock.now() + TimeDelta::minutes(5);
    serde_json::to_value(handle(state, event.clone(), deadline).await.unwrap()).unwrap()
}

#[tokio::test]
async fn eval_1_the_schedule_hands_on_and_the_queue_evaluates() {
    let dynamo = embedded().await;
    let before = at("2026-03-03T17:00:00Z");
    let firm = firm(&dynamo, before).await;
    let acme = acme(&firm, before).await;
    let wire = Arc::new(Wire::default());
    let clock = Arc::new(FixedClock::at(at("2026-03-04T05:00:00Z"))); // midnight in New York
    let state = State::new(dynamo, wire.clone(), clock, Stage::Local);

    let schedule: Value = serde_json::from_str(SCHEDULE).unwrap();
    let told = answer(&state, &schedule).await;
    assert_eq!(told, json!({"firms": 1, "shards": 1, "failed": 0, "left": 0, "late": 0}));
    let shard = json!({"shard": {"firm": "f-1", "day": "2026-03-04", "shard": 0}});
    assert_eq!(wire.bodies(), vec![shard.clone()]);

    let mut queue: Value = serde_json::from_str(QUEUE).unwrap();
    let body = queue["Records"][0]["body"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(body).unwrap(), shard);
    // The client that doesn't exist fails, alone.
    let failed = json!([{"itemIdentifier": queue["Records"][2]["messageId"]}]);
    let told = answer(&state, &queue).await;
    assert_eq!(told, json!({"batchItemFailures": failed}));
    assert!(wire.bodies().is_empty(), "the shard's part of the run is done, and was all of it");
    let run = firm.store().day_run(day("2026-03-04")).await.unwrap().unwrap();
    assert_eq!((run.stage, run.done.evaluated), (store::Stage::Done, 1));
    let letters = firm.store().letters(&acme, &PageRequest::default()).await.unwrap().items;
    assert_eq!(letters[0].letter.queued_on, day("2026-03-04"));

    // All of it once more changes nothing.
    queue["Records"].as_array_mut().unwrap().pop();
    let version = firm.store().load(&acme).await.unwrap().unwrap().version();
    assert_eq!(answer(&state, &queue).await, json!({"batchItemFailures": []}));
    assert_eq!(firm.store().load(&acme).await.unwrap().unwrap().version(), version);
    assert!(wire.bodies().is_empty());
}

#[tokio::test]
async fn an_event_of_another_shape_is_refused_and_a_message_of_another_shape_fails_alone() {
    let dynamo = embedded().await;
    let now = at("2026-03-04T05:00:00Z");
    firm(&dynamo, now).await;
    let wire = Arc::new(Wire::default());
    let state = State::new(dynamo, wire.clone(), Arc::new(FixedClock::at(now)), Stage::Local);
    for (event, expected) in [
        (json!({}), "neither"),
        (json!({"source": "aws.s3"}), "neither"),
        (json!("ann@acme.example"), "neither"),
        (json!({"Records": "ann@acme.example"}), "not those of a queue"),
        (json!({"Records": [{"body": {"ann@acme.example": 1}}]}), "not those of a queue"),
    ] {
        let error = handle(&state, event, now).await.unwrap_err().to_string();
        assert!(error.contains(expected) && !error.contains("ann@"), "{error}");
    }
    let bodies = [
        r#"{"shard":{"firm":"f-1","day":"2026-03-04","shard":0}}"#,
        r#"{"shard":{"firm":"f-1","day":"2026-02-30","shard":0}}"#,
        r#"{"shard":{"firm":"f-1","day":"2026-03-04","shard":-1}}"#,
        r#"{"shard":{"firm":"f#1","day":"2026-03-04","shard":0}}"#,
        r#"{"shard":{"firm":"f-1","day":"2026-03-04","shard":0,"more":1}}"#,
        r#"{"run":{"firm":"f-1"}}"#,
        r#"{"clients":{"firm":"f-1","day":"2026-03-04"}}"#,
        r#"{"clients":{"firm":"f-1","day":"2026-03-05","clients":["acme"]}}"#,
        r#"{"everybody":{"firm":"f-1"}}"#,
        "",
    ];
    let record = |(id, body)| json!({"messageId": format!("{id}"), "body": body});
    let records: Vec<_> = bodies.iter().enumerate().map(record).collect();
    let Answer::Batch(answer) =
        handle(&state, json!({"Records": records}), now + TimeDelta::minutes(5)).await.unwrap()
    else {
        panic!("no batch")
    };
    let failed = answer.batch_item_failures.iter().map(|f| f.item_identifier.as_str());
    assert_eq!(failed.collect::<Vec<_>>(), ["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    assert!(wire.bodies().is_empty());
}
