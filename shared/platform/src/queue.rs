//! The queue's port: hand messages on, to be handled later, at least once and in any order.
//!
//! The AWS half is a standard SQS queue; the local half is in process. Both take any number of
//! messages and cut them into what a request may hold; those that were not taken come back with the
//! error, so that a caller sends these again and not all. Handling is in [`crate::batch`].

use async_trait::async_trait;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::operation::send_message_batch::SendMessageBatchOutput;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;
use serde::Serialize;

/// Messages that one request may hold: SQS's limit.
pub const MAX_BATCH: usize = 10;

/// Bytes of one message, and of one request: SQS took 256 KiB for ten years, and stand-ins still do.
pub const MAX_BYTES: usize = 256 * 1024;

/// The longest delay that SQS knows: 15 minutes. What is later is asked for again by the sweeper.
pub const MAX_DELAY_SECONDS: u32 = 900;

/// How often a request's untaken messages are sent again before the caller gets them back.
const ATTEMPTS: u32 = 3;

/// One thing to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueMessage {
    /// On whose behalf: the queue shares itself out fairly among groups, so that one firm's backlog
    /// doesn't keep the others waiting. At most 128 letters, digits and punctuation.
    pub group: Option<String>,
    /// What to do, as JSON.
    pub body: String,
    /// Not before so many seconds.
    pub delay_seconds: u32,
}

impl QueueMessage {
    /// That value as JSON, for as soon as possible, on nobody's behalf.
    ///
    /// # Errors
    /// When it has no JSON.
    pub fn json(value: &impl Serialize) -> serde_json::Result<Self> {
        Ok(Self { group: None, body: serde_json::to_string(value)?, delay_seconds: 0 })
    }

    /// On that one's behalf.
    #[must_use]
    pub fn on_behalf_of(self, group: impl Into<String>) -> Self {
        Self { group: Some(group.into()), ..self }
    }

    /// Not before so many seconds.
    #[must_use]
    pub fn after_seconds(self, delay_seconds: u32) -> Self {
        Self { delay_seconds, ..self }
    }
}

/// Why messages were not taken.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// See [`MAX_BYTES`]; nothing was sent.
    #[error("a message of {bytes} bytes is larger than {MAX_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// See [`MAX_DELAY_SECONDS`]; nothing was sent.
    #[error("a delay of {seconds} seconds is longer than {MAX_DELAY_SECONDS}")]
    DelayTooLong {
        /// As asked for.
        seconds: u32,
    },
    /// The queue did not take some of them; the others it did.
    #[error("the queue did not take {} of {} messages", unsent.len(), unsent.len() + sent)]
    Unsent {
        /// Those to be sent again.
        unsent: Vec<QueueMessage>,
        /// How many were taken.
        sent: usize,
        /// Why, for the last of them.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl QueueError {
    /// Those of `all` that the queue did not take.
    pub fn unsent(self, all: Vec<QueueMessage>) -> Vec<QueueMessage> {
        match self {
            Self::Unsent { unsent, .. } => unsent,
            Self::TooLarge { .. } | Self::DelayTooLong { .. } => all,
        }
    }
}

/// Somewhere to hand messages on to.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Hands them on; when it answers, they are as safe as the queue.
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError>;
}

/// Refuses what no queue takes; both halves ask this first, so that what works on one machine
/// works on AWS.
///
/// # Errors
/// [`QueueError::TooLarge`] and [`QueueError::DelayTooLong`].
pub fn check(messages: &[QueueMessage]) -> Result<(), QueueError> {
    for message in messages {
        if MAX_BYTES < message.body.len() {
            return Err(QueueError::TooLarge { bytes: message.body.len() });
        }
        if MAX_DELAY_SECONDS < message.delay_seconds {
            return Err(QueueError::DelayTooLong { seconds: message.delay_seconds });
        }
    }
    Ok(())
}

/// A queue of SQS.
#[derive(Debug, Clone)]
pub struct SqsQueue {
    client: Client,
    url: String,
}

/// A message that was not taken, and why.
struct Refused {
    message: QueueMessage,
    cause: Box<dyn std::error::Error + Send + Sync>,
    is_final: bool,
}

/// What the queue says of an entry that it did not take.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the queue answered {0}")]
struct EntryError(String);

impl SqsQueue {
    /// The queue at that address.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Sends one request's worth, and again what the queue failed on; gives back what is left.
    async fn send_batch(&self, batch: Vec<QueueMessage>) -> Vec<Refused> {
        let mut refused = self.try_batch(batch).await;
        for _ in 1..ATTEMPTS {
            let is_done = refused.iter().all(|refused| refused.is_final);
            if is_done {
                break;
            }
            let (mut kept, again): (Vec<_>, Vec<_>) = refused.into_iter().partition(|r| r.is_final);
            kept.extend(self.try_batch(again.into_iter().map(|r| r.message).collect()).await);
            refused = kept;
        }
        refused
    }

    async fn try_batch(&self, batch: Vec<QueueMessage>) -> Vec<Refused> {
        let entries = batch.iter().enumerate().map(|(index, message)| entry(index, message));
        let entries = match entries.collect::<Result<Vec<_>, _>>() {
            Ok(entries) => entries,
            Err(error) => return all_refused(batch, || Box::new(error.clone())),
        };
        let request = self.client.send_message_batch().queue_url(&self.url);
        match request.set_entries(Some(entries)).send().await {
            Ok(output) => not_taken(batch, &output),
            Err(error) => {
                let error = std::sync::Arc::new(error); // the client has tried again by itself
                all_refused(batch, || Box::new(error.clone()))
            }
        }
    }
}

#[async_trait]
impl Queue for SqsQueue {
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError> {
        check(&messages)?;
        let total = messages.len();
        let mut refused = Vec::new();
        for batch in batches(messages) {
            refused.extend(self.send_batch(batch).await);
        }
        let sent = total - refused.len();
        let mut cause = None;
        let unsent = refused.into_iter().map(|refused| {
            cause = Some(refused.cause);
            refused.message
        });
        let unsent = unsent.collect();
        match cause {
            None => Ok(()),
            Some(cause) => Err(QueueError::Unsent { unsent, sent, cause }),
        }
    }
}

/// Cuts messages into requests, by count and by size, in order.
fn batches(messages: Vec<QueueMessage>) -> Vec<Vec<QueueMessage>> {
    let mut batches: Vec<Vec<QueueMessage>> = Vec::new();
    let mut bytes = 0;
    for message in messages {
        let size = message.body.len();
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_BATCH && bytes + size <= MAX_BYTES => {
                bytes += size;
                batch.push(message);
            }
            _ => {
                bytes = size;
                batches.push(vec![message]);
            }
        }
    }
    batches
}

fn entry(index: usize, message: &QueueMessage) -> Result<SendMessageBatchRequestEntry, EntryError> {
    let delay = i32::try_from(message.delay_seconds).map_err(|e| EntryError(e.to_string()))?;
    SendMessageBatchRequestEntry::builder()
        .id(index.to_string())
        .message_body(&message.body)
        .delay_seconds(delay)
        .set_message_group_id(message.group.clone())
        .build()
        .map_err(|error| EntryError(error.to_string()))
}

fn all_refused(
    batch: Vec<QueueMessage>,
    cause: impl Fn() -> Box<dyn std::error::Error + Send + Sync>,
) -> Vec<Refused> {
    let refused = |message| Refused { message, cause: cause(), is_final: true };
    batch.into_iter().map(refused).collect()
}

/// Those entries that the answer names as failed; ours are named by their place in the request.
fn not_taken(batch: Vec<QueueMessage>, output: &SendMessageBatchOutput) -> Vec<Refused> {
    let mut batch: Vec<_> = batch.into_iter().map(Some).collect();
    let failed = output.failed().iter().filter_map(|failed| {
        let message = batch.get_mut(failed.id().parse::<usize>().ok()?)?.take()?;
        let cause = Box::new(EntryError(failed.code().to_owned()));
        Some(Refused { message, cause, is_final: failed.sender_fault() })
    });
    failed.collect()
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use axum::body::Bytes;
    use axum::extract::State;
    use axum::http::StatusCode;
    use axum::response::{IntoResponse, Response};
    use axum::routing::post;
    use axum::{Json, Router};
    use serde_json::{Value, json};

    use super::*;
    use crate::aws::tests::aws_at;

    /// What the queue does with a body, by the word that it begins with.
    #[derive(Default)]
    struct Sqs {
        requests: Mutex<Vec<Vec<String>>>,
        taken: Mutex<Vec<Value>>,
    }

    async fn send_message_batch(State(sqs): State<Arc<Sqs>>, body: Bytes) -> Response {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let entries = body["Entries"].as_array().unwrap();
        let bodies: Vec<_> =
            entries.iter().map(|e| e["MessageBody"].as_str().unwrap().to_owned()).collect();
        sqs.requests.lock().unwrap().push(bodies.clone());
        if bodies.iter().any(|body| body.starts_with("no-queue")) {
            let error = json!({"__type": "com.amazonaws.sqs#QueueDoesNotExist", "message": "none"});
            return (StatusCode::BAD_REQUEST, Json(error)).into_response();
        }
        let (mut ok, mut failed) = (vec![], vec![]);
        for (entry, body) in entries.iter().zip(&bodies) {
            let tries =
                sqs.requests.lock().unwrap().iter().flatten().filter(|b| *b == body).count();
            let (is_failed, is_ours) = match body.split('-').next().unwrap() {
                "busy" => (tries < 2, false),
                "down" => (true, false),
                "wrong" => (true, true),
                _ => (false, false),
            };
            if is_failed {
                failed.push(json!({"Id": entry["Id"], "Code": "Refused", "SenderFault": is_ours}));
            } else {
                sqs.taken.lock().unwrap().push(entry.clone());
                ok.push(json!({"Id": entry["Id"], "MessageId": "m", "MD5OfMessageBody": "x"}));
            }
        }
        Json(json!({"Successful": ok, "Failed": failed})).into_response()
    }

    async fn queue() -> (SqsQueue, Arc<Sqs>) {
        let sqs = Arc::new(Sqs::default());
        let router = Router::new().route("/", post(send_message_batch)).with_state(sqs.clone());
        (SqsQueue::new(aws_at(router).await.sqs(), "http://sqs.example/1/letters"), sqs)
    }

    fn message(body: impl Into<String>) -> QueueMessage {
        QueueMessage { group: None, body: body.into(), delay_seconds: 0 }
    }

    #[test]
    fn messages_are_cut_by_count_and_by_size() {
        let kib = |n: usize| message("x".repeat(n * 1024));
        for (sizes, expected) in [
            (vec![], vec![]),
            (vec![1], vec![1]),
            (vec![1; 10], vec![10]),
            (vec![1; 23], vec![10, 10, 3]),
            (vec![256, 256], vec![1, 1]),
            (vec![100, 156, 1], vec![2, 1]),
            (vec![200, 57, 199], vec![1, 2]),
        ] {
            let cut = batches(sizes.iter().map(|&size| kib(size)).collect());
            assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), expected, "for {sizes:?}");
        }
    }

    #[tokio::test]
    async fn all_messages_are_sent_with_their_group_and_delay() {
        let (queue, sqs) = queue().await;
        let mut messages: Vec<_> = (0..23).map(|n| message(format!("m-{n}"))).collect();
        messages[0] =
            QueueMessage::json(&json!({"n": 0})).unwrap().on_behalf_of("firm").after_seconds(900);
        queue.send(messages).await.unwrap();
        let sizes: Vec<_> = sqs.requests.lock().unwrap().iter().map(Vec::len).collect();
        assert_eq!(sizes, [10, 10, 3]);
        let taken = sqs.taken.lock().unwrap();
        assert_eq!(taken.len(), 23);
        assert_eq!(taken[0]["MessageBody"], r#"{"n":0}"#);
        assert_eq!(taken[0]["MessageGroupId"], "firm");
        assert_eq!(taken[0]["DelaySeconds"], 900);
        assert_eq!(taken[1].get("MessageGroupId"), None);
    }

    #[tokio::test]
    async fn nothing_to_send_asks_nobody() {
        let (queue, sqs) = queue().await;
        queue.send(vec![]).await.unwrap();
        assert!(sqs.requests.lock().unwrap().is_empty());
    }

    #[tokio::test]
    async fn what_the_queue_failed_on_is_sent_again_alone() {
        let (queue, sqs) = queue().await;
        queue.send(vec![message("a"), message("busy-1"), message("b")]).await.unwrap();
        let requests = sqs.requests.lock().unwrap();
        assert_eq!(*requests, [vec!["a", "busy-1", "b"], vec!["busy-1"]]);
    }

    #[tokio::test]
    async fn what_is_not_taken_in_the_end_comes_back() {
        let (queue, sqs) = queue().await;
        let messages = ["a", "down-1", "wrong-1", "b"].map(message).to_vec();
        let error = queue.send(messages).await.unwrap_err();
        assert_eq!(error.to_string(), "the queue did not take 2 of 4 messages");
        let QueueError::Unsent { mut unsent, sent, cause } = error else { panic!("{error}") };
        unsent.sort_by(|a, b| a.body.cmp(&b.body));
        assert_eq!((unsent, sent), (["down-1", "wrong-1"].map(message).to_vec(), 2));
        assert_eq!(cause.to_string(), "the queue answered Refused");
        // The one that is our own fault was not tried again.
        assert_eq!(sqs.requests.lock().unwrap()[1..], [["down-1"], ["down-1"]]);
    }

    #[tokio::test]
    async fn a_request_that_fails_gives_back_its_own_messages_only() {
        let (queue, _sqs) = queue().await;
        let mut messages: Vec<_> = (0..10).map(|n| message(format!("m-{n}"))).collect();
        messages.push(message("no-queue"));
        let error = queue.send(messages).await.unwrap_err();
        let QueueError::Unsent { unsent, sent, .. } = error else { panic!("{error}") };
        assert_eq!((unsent, sent), (vec![message("no-queue")], 10));
    }

    #[tokio::test]
    async fn what_no_queue_takes_is_refused_before_anything_is_sent() {
        let (queue, sqs) = queue().await;
        let large = message("x".repeat(MAX_BYTES + 1));
        let late = message("b").after_seconds(MAX_DELAY_SECONDS + 1);
        for (bad, expected) in [(large, "262145 bytes"), (late, "901 seconds")] {
            let error = queue.send(vec![message("a"), bad]).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        assert!(sqs.requests.lock().unwrap().is_empty());
    }
}
