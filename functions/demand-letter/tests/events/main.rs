//! The sample event, and messages of the wrong shape, against an embedded table.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod desk;

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use aws_lambda_events::event::sqs::SqsEvent;
use chrono::{DateTime, TimeDelta, Utc};
use demand_letter::{State, batch, batch_until};
use domain::letter::{LetterId, LetterState};
use platform::clock::FixedClock;
use platform::config::Stage;
use platform::mail::{Mail, MailError, Message, SentId};
use serde_json::json;
use services::correspondence::Correspondence;
use store::{Dynamo, Platform, Waiting};

use desk::{acme, at, embedded, firm};

const QUEUE: &str = include_str!("../../../../events/demand-letter-queue.json");

#[derive(Default)]
struct Post(Mutex<Vec<Message>>);

/// A mail service that takes nothing, with that word.
struct Closed(&'static str);

#[async_trait]
impl Mail for Closed {
    async fn send(&self, _: &Message) -> Result<SentId, MailError> {
        Err(match self.0 {
            "AccountSuspendedException" => {
                MailError::Rejected { code: self.0.to_owned(), detail: String::new() }
            }
            code => MailError::Throttled { code: code.to_owned() },
        })
    }
}

#[async_trait]
impl Mail for Post {
    async fn send(&self, message: &Message) -> Result<SentId, MailError> {
        self.0.lock().unwrap().push(message.clone());
        Ok(SentId("ses-1".to_owned()))
    }
}

fn state(dynamo: Dynamo, post: &Arc<Post>, now: DateTime<Utc>) -> State {
    let correspondence = Correspondence {
        mail: post.clone(),
        public_url: "https://portal.example".to_owned(),
        configuration: Some("letters".to_owned()),
        inbound_domain: None,
    };
    State::new(dynamo, correspondence, Arc::new(FixedClock::at(now)), Stage::Local)
}

async fn failures(state: &State, event: SqsEvent) -> Vec<String> {
    let failures = batch(state, event).await.batch_item_failures;
    failures.into_iter().map(|failure| failure.item_identifier).collect()
}

#[tokio::test]
async fn let_4_the_sample_event_sends_one_letter_and_its_poison_fails_alone() {
    let dynamo = embedded().await;
    let now = at("2026-03-04T17:00:00Z");
    let firm = firm(&dynamo, now).await;
    let acme = acme(&firm, now).await;
    let post = Arc::new(Post::default());
    let state = state(dynamo, &post, now);
    let event: SqsEvent = serde_json::from_str(QUEUE).unwrap();
    let poison = event.records[2].message_id.clone().unwrap();
    // Sent, found to be done, and not understood; then again: nothing leaves twice.
    for _ in 0..2 {
        assert_eq!(failures(&state, event.clone()).await, [&*poison]);
        let sent = post.0.lock().unwrap();
        assert_eq!(sent.len(), 1);
        assert_eq!(sent[0].to, "ann@acme.example");
        assert_eq!(sent[0].configuration.as_deref(), Some("letters"));
    }
    let row = firm.store().letter(&acme, LetterId(1)).await.unwrap().unwrap();
    assert!(matches!(row.letter.state, LetterState::Left(_)));
    assert_eq!(row.delivery.unwrap().message_id.as_deref(), Some("ses-1"));
}

#[tokio::test]
async fn sec_1_messages_of_another_shape_or_firm_fail_and_nothing_leaves() {
    let dynamo = embedded().await;
    let now = at("2026-03-04T17:00:00Z");
    let firm = firm(&dynamo, now).await;
    let acme = acme(&firm, now).await;
    let post = Arc::new(Post::default());
    let state = state(dynamo, &post, now);
    let bodies = [
        r#"{"firm":"f-2","client":"acme","letter":1}"#,
        r#"{"firm":"f-1","client":"bolt","letter":1}"#,
        r#"{"firm":"f-1","client":"acme","letter":7}"#,
        r#"{"firm":"f-1","client":"acme","letter":7,"stuck":true}"#,
        r#"{"firm":"f-1","client":"acme","letter":-1}"#,
        r#"{"firm":"f-1","client":"acme#","letter":1}"#,
        r#"{"firm":"f-1","client":"acme"}"#,
        r#"{"firm":"f-1","client":"acme","letter":1,"to":"eve@evil.example"}"#,
        r#"[]"#,
    ];
    let record = |(id, body)| json!({"messageId": format!("{id}"), "body": body});
    let records: Vec<_> = bodies.iter().enumerate().map(record).collect();
    let event = serde_json::from_value(json!({"Records": records})).unwrap();
    assert_eq!(failures(&state, event).await.len(), bodies.len());
    assert!(post.0.lock().unwrap().is_empty());
    let row = firm.store().letter(&acme, LetterId(1)).await.unwrap().unwrap();
    assert_eq!(row.letter.state, LetterState::Queued);
}

#[tokio::test]
async fn let_4_a_letter_is_not_begun_when_no_time_is_left_to_send_it() {
    let dynamo = embedded().await;
    let now = at("2026-03-04T17:00:00Z");
    let firm = firm(&dynamo, now).await;
    let acme = acme(&firm, now).await;
    let post = Arc::new(Post::default());
    let state = state(dynamo, &post, now);
    let mut event: SqsEvent = serde_json::from_str(QUEUE).unwrap();
    event.records.truncate(1);
    for (seconds, failed) in [(24, 1), (25, 0)] {
        let deadline = now + TimeDelta::seconds(seconds);
        let answer = batch_until(&state, event.clone(), deadline).await;
        assert_eq!(answer.batch_item_failures.len(), failed, "{seconds} seconds before the end");
        let row = firm.store().letter(&acme, LetterId(1)).await.unwrap().unwrap();
        assert_eq!(row.letter.state == LetterState::Queued, failed == 1);
    }
}

/// An account that may send nothing costs no letter its place in the queue, and no person a task: it waits, and a
/// number tells.
#[tokio::test]
async fn let_4_a_mail_service_with_no_room_puts_letters_off_and_is_told_as_a_number() {
    for (code, name) in [
        ("TooManyRequestsException", "mails_throttled"),
        ("LimitExceededException", "mails_throttled"),
        ("SendingPausedException", "mails_paused"),
        ("AccountSuspendedException", "mails_paused"),
    ] {
        let dynamo = embedded().await;
        let now = at("2026-03-04T17:00:00Z");
        let firm = firm(&dynamo, now).await;
        let acme = acme(&firm, now).await;
        let correspondence = Correspondence {
            mail: Arc::new(Closed(code)),
            public_url: "https://portal.example".to_owned(),
            configuration: None,
            inbound_domain: None,
        };
        let state = State::new(dynamo, correspondence, Arc::new(FixedClock::at(now)), Stage::Local);
        let mut event: SqsEvent = serde_json::from_str(QUEUE).unwrap();
        event.records.truncate(1);
        assert_eq!(failures(&state, event).await, Vec::<String>::new(), "{code}");
        let loaded = firm.store().load(&acme).await.unwrap().unwrap();
        assert!(loaded.account.tasks.is_empty(), "{code}");
        let row = firm.store().letter(&acme, LetterId(1)).await.unwrap().unwrap();
        assert_eq!(row.delivery, None, "{code}: it is handed over again");
        let waits = Platform::new(state.dynamo.clone());
        assert!(waits.waiting(now, 10).await.unwrap().is_empty(), "{code}: not at once");
        let later = waits.waiting(now + TimeDelta::hours(1), 10).await.unwrap();
        assert!(later.iter().any(|waiting| matches!(waiting, Waiting::Claimed { .. })));
        // The letter was counted, and the line with it was written; another one is handed over by hand.
        let message = Message {
            from: String::new(),
            to: String::new(),
            reply_to: String::new(),
            subject: String::new(),
            raw_mime: Vec::new(),
            message_id: String::new(),
            configuration: None,
            about: None,
        };
        assert!(state.correspondence.mail.send(&message).await.is_err());
        let metrics = state.metrics();
        for counted in ["mails_sent", "mails_throttled", "mails_paused", "mails_not_taken"] {
            assert_eq!(metrics.number(counted), Some(u64::from(counted == name)), "{code}");
        }
    }
}
