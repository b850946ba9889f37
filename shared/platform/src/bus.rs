//! The event bus's port: tell whoever listens what happened, at least once and in no order.
//!
//! The AWS half is a bus of EventBridge, the local half a log. Both take any number of entries; the AWS
//! half cuts them into what a request may hold, sends again what the bus did not take, and gives the rest
//! back with the error. Who publishes decides what an entry says: nothing here knows an event.

use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::operation::put_events::PutEventsOutput;
use aws_sdk_eventbridge::primitives::DateTime as AwsDateTime;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use chrono::{DateTime, Utc};

/// Entries that one request may hold: EventBridge's limit.
pub const MAX_ENTRIES: usize = 10;

/// Bytes of one entry, and of one request: EventBridge's limit for years, and still that of its targets.
pub const MAX_ENTRY_BYTES: usize = 256 * 1024;

/// How often a request's untaken entries are sent again before the caller gets them back.
const ATTEMPTS: u32 = 3;

/// What EventBridge counts for an entry's time.
const TIME_BYTES: usize = 14;

/// Who speaks, for rules that listen.
pub const SOURCE: &str = "portcullis";

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusEntry {
    /// What kind of thing, such as `ClientLocked`.
    pub detail_type: String,
    /// When.
    pub at: DateTime<Utc>,
    /// What, as a JSON object.
    pub detail: String,
}

impl BusEntry {
    /// Its size, as EventBridge counts it.
    pub fn bytes(&self) -> usize {
        TIME_BYTES + SOURCE.len() + self.detail_type.len() + self.detail.len()
    }
}

/// Why entries were not taken.
#[derive(Debug, thiserror::Error)]
pub enum BusError {
    /// See [`MAX_ENTRY_BYTES`]; nothing was sent.
    #[error("an entry of {bytes} bytes is larger than {MAX_ENTRY_BYTES}")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// The bus did not take some of them; the others it did.
    #[error("the bus did not take {} of {} entries", unsent.len(), unsent.len() + sent)]
    Unsent {
        /// Those to be sent again.
        unsent: Vec<BusEntry>,
        /// How many were taken.
        sent: usize,
        /// Why, for the last of them.
        #[source]
        cause: Box<dyn std::error::Error + Send + Sync>,
    },
}

/// Somewhere to tell what happened.
#[async_trait]
pub trait Bus: Send + Sync {
    /// Publishes them all.
    async fn publish(&self, entries: Vec<BusEntry>) -> Result<(), BusError>;
}

/// Refuses what no bus takes; every half of the port begins with it, so that what works on one machine
/// works on AWS.
///
/// # Errors
/// [`BusError::TooLarge`].
pub fn check(entries: &[BusEntry]) -> Result<(), BusError> {
    match entries.iter().map(BusEntry::bytes).find(|bytes| MAX_ENTRY_BYTES < *bytes) {
        Some(bytes) => Err(BusError::TooLarge { bytes }),
        None => Ok(()),
    }
}

/// A bus that only notes in the log that something would have been told: for one machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct LogBus;

#[async_trait]
impl Bus for LogBus {
    async fn publish(&self, entries: Vec<BusEntry>) -> Result<(), BusError> {
        check(&entries)?;
        for entry in &entries {
            tracing::debug!(detail_type = %entry.detail_type, "Told of {}", entry.detail_type);
        }
        Ok(())
    }
}

/// A bus of EventBridge.
#[derive(Debug, Clone)]
pub struct EventBridgeBus {
    client: Client,
    name: String,
}

/// What the bus says of an entry that it did not take.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the bus answered {0}")]
struct EntryError(String);

type Cause = Box<dyn std::error::Error + Send + Sync>;

impl EventBridgeBus {
    /// The bus of that name or ARN.
    pub fn new(client: Client, name: impl Into<String>) -> Self {
        Self { client, name: name.into() }
    }

    /// Sends one request's worth, and again what the bus failed on; gives back what is left.
    async fn send_batch(&self, mut batch: Vec<BusEntry>) -> Option<(Vec<BusEntry>, Cause)> {
        let mut left = None;
        for _ in 0..ATTEMPTS {
            let entries = batch.iter().map(|entry| self.entry(entry)).collect();
            let request = self.client.put_events().set_entries(Some(entries));
            match request.send().await {
                Ok(output) => match not_taken(&batch, &output) {
                    (unsent, Some(cause)) => left = Some((unsent, Cause::from(cause))),
                    (_, None) => return None,
                },
                // The client has tried again by itself.
                Err(error) => return Some((batch, Box::new(error))),
            }
            batch = left.as_ref().map(|(unsent, _)| unsent.clone()).unwrap_or_default();
        }
        left
    }

    fn entry(&self, entry: &BusEntry) -> PutEventsRequestEntry {
        let time = AwsDateTime::from_millis(entry.at.timestamp_millis());
        PutEventsRequestEntry::builder()
            .event_bus_name(&self.name)
            .source(SOURCE)
            .detail_type(&entry.detail_type)
            .time(time)
            .detail(&entry.detail)
            .build()
    }
}

#[async_trait]
impl Bus for EventBridgeBus {
    async fn publish(&self, entries: Vec<BusEntry>) -> Result<(), BusError> {
        check(&entries)?;
        let total = entries.len();
        let (mut unsent, mut cause) = (Vec::new(), None);
        for batch in batches(entries) {
            if let Some((left, why)) = self.send_batch(batch).await {
                unsent.extend(left);
                cause = Some(why);
            }
        }
        let sent = total - unsent.len();
        match cause {
            None => Ok(()),
            Some(cause) => Err(BusError::Unsent { unsent, sent, cause }),
        }
    }
}

/// Cuts entries into requests, by count and by size, in order.
fn batches(entries: Vec<BusEntry>) -> Vec<Vec<BusEntry>> {
    let mut batches: Vec<Vec<BusEntry>> = Vec::new();
    let mut bytes = 0;
    for entry in entries {
        let size = entry.bytes();
        match batches.last_mut() {
            Some(batch) if batch.len() < MAX_ENTRIES && bytes + size <= MAX_ENTRY_BYTES => {
                bytes += size;
                batch.push(entry);
            }
            _ => {
                bytes = size;
                batches.push(vec![entry]);
            }
        }
    }
    batches
}

/// Those entries that the answer has an error for; it answers in their order.
fn not_taken(batch: &[BusEntry], output: &PutEventsOutput) -> (Vec<BusEntry>, Option<EntryError>) {
    if output.failed_entry_count() == 0 {
        return (Vec::new(), None);
    }
    let mut cause = None;
    let mut unsent = Vec::new();
    for (index, entry) in batch.iter().enumerate() {
        let answer = output.entries().get(index);
        let is_taken = answer.is_some_and(|answer| answer.error_code().is_none());
        if !is_taken {
            let code = answer.and_then(|answer| answer.error_code()).unwrap_or("nothing");
            cause = Some(EntryError(code.to_owned()));
            unsent.push(entry.clone());
        }
    }
    (unsent, cause)
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

    #[derive(Default)]
    struct EventBridge {
        requests: Mutex<Vec<Vec<String>>>,
        taken: Mutex<Vec<Value>>,
    }

    /// What the bus does with an entry, by the word that its type begins with.
    async fn put_events(State(bus): State<Arc<EventBridge>>, body: Bytes) -> Response {
        let body: Value = serde_json::from_slice(&body).unwrap();
        let entries = body["Entries"].as_array().unwrap();
        let types: Vec<_> =
            entries.iter().map(|e| e["DetailType"].as_str().unwrap().to_owned()).collect();
        bus.requests.lock().unwrap().push(types.clone());
        if types.iter().any(|kind| kind.starts_with("none")) {
            let error = json!({"__type": "AccessDeniedException", "message": "no"});
            return (StatusCode::BAD_REQUEST, Json(error)).into_response();
        }
        let (mut answers, mut failed) = (vec![], 0);
        for (entry, kind) in entries.iter().zip(&types) {
            let tries =
                bus.requests.lock().unwrap().iter().flatten().filter(|k| *k == kind).count();
            let is_failed = match kind.split('-').next().unwrap() {
                "busy" => tries < 2,
                "down" => true,
                _ => false,
            };
            if is_failed {
                failed += 1;
                answers.push(json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}));
            } else {
                bus.taken.lock().unwrap().push(entry.clone());
                answers.push(json!({"EventId": "e"}));
            }
        }
        Json(json!({"FailedEntryCount": failed, "Entries": answers})).into_response()
    }

    async fn bus() -> (EventBridgeBus, Arc<EventBridge>) {
        let bridge = Arc::new(EventBridge::default());
        let router = Router::new().route("/", post(put_events)).with_state(bridge.clone());
        (EventBridgeBus::new(aws_at(router).await.eventbridge(), "portcullis"), bridge)
    }

    fn entry(detail_type: &str, bytes: usize) -> BusEntry {
        let at = "2026-03-02T12:00:00.250Z".parse().unwrap();
        BusEntry { detail_type: detail_type.to_owned(), at, detail: "x".repeat(bytes) }
    }

    #[test]
    fn entries_are_cut_by_count_and_by_size() {
        for (sizes, expected) in [
            (vec![], vec![]),
            (vec![1; 10], vec![10]),
            (vec![1; 23], vec![10, 10, 3]),
            (vec![255, 255], vec![1, 1]),
            (vec![100, 155, 1], vec![2, 1]),
        ] {
            let entries = sizes.iter().map(|kib| entry("e", kib * 1024)).collect();
            let cut = batches(entries);
            assert_eq!(cut.iter().map(Vec::len).collect::<Vec<_>>(), expected, "for {sizes:?}");
        }
    }

    #[tokio::test]
    async fn each_entry_names_bus_source_type_time_and_detail() {
        let (bus, bridge) = bus().await;
        let told = BusEntry { detail: json!({"client": "acme"}).to_string(), ..entry("a", 0) };
        bus.publish(vec![told]).await.unwrap();
        bus.publish(Vec::new()).await.unwrap();
        let taken = bridge.taken.lock().unwrap();
        assert_eq!(taken.len(), 1);
        let expected = json!({
            "EventBusName": "portcullis", "Source": "portcullis", "DetailType": "a",
            "Time": 1_772_452_800.25, "Detail": r#"{"client":"acme"}"#,
        });
        assert_eq!(taken[0], expected);
        assert_eq!(bridge.requests.lock().unwrap().len(), 1);
    }

    #[tokio::test]
    async fn what_the_bus_failed_on_is_sent_again_alone() {
        let (bus, bridge) = bus().await;
        bus.publish(vec![entry("a", 1), entry("busy-1", 1), entry("b", 1)]).await.unwrap();
        assert_eq!(*bridge.requests.lock().unwrap(), [vec!["a", "busy-1", "b"], vec!["busy-1"]]);
    }

    #[tokio::test]
    async fn what_is_not_taken_in_the_end_comes_back() {
        let (bus, bridge) = bus().await;
        let mut entries = vec![entry("a", 1), entry("down-1", 1)];
        entries.extend((0..9).map(|n| entry(&format!("b-{n}"), 1)));
        let error = bus.publish(entries).await.unwrap_err();
        assert_eq!(error.to_string(), "the bus did not take 1 of 11 entries");
        let BusError::Unsent { unsent, sent, cause } = error else { panic!("{error}") };
        assert_eq!((unsent, sent), (vec![entry("down-1", 1)], 10));
        assert_eq!(cause.to_string(), "the bus answered ThrottlingException");
        assert_eq!(bridge.requests.lock().unwrap().len(), 4);
    }

    #[tokio::test]
    async fn a_request_that_fails_gives_back_its_own_entries_only() {
        let (bus, _bridge) = bus().await;
        let mut entries: Vec<_> = (0..10).map(|n| entry(&format!("a-{n}"), 1)).collect();
        entries.push(entry("none", 1));
        let error = bus.publish(entries).await.unwrap_err();
        let BusError::Unsent { unsent, sent, .. } = error else { panic!("{error}") };
        assert_eq!((unsent, sent), (vec![entry("none", 1)], 10));
    }

    #[tokio::test]
    async fn what_no_bus_takes_is_refused_before_anything_is_sent() {
        let (bus, bridge) = bus().await;
        let large = || vec![entry("a", 1), entry("b", MAX_ENTRY_BYTES)];
        for error in [bus.publish(large()).await, LogBus.publish(large()).await] {
            assert!(matches!(error.unwrap_err(), BusError::TooLarge { .. }));
        }
        assert!(bridge.requests.lock().unwrap().is_empty());
        LogBus.publish(vec![entry("a", 1)]).await.unwrap();
    }
}
