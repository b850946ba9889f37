//! What a function does with the messages that a queue hands it.
//!
//! Each message is handled alone and only those that failed are named in the answer (Lambda's
//! partial batch response), so that one that can never be handled comes again by itself, goes to
//! the dead-letter queue by itself, and holds up nobody. The local queue speaks in the same events.

use std::error::Error;
use std::future::Future;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use serde::de::DeserializeOwned;
use tracing::error;

use crate::log;

/// A message, and how often it has been handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Received<T> {
    /// What to do.
    pub message: T,
    /// The queue's name for it.
    pub id: String,
    /// 1 for the first time.
    pub receive_count: u32,
}

/// Why a message can't be understood. It holds no word of the message: that may be personal
/// (SEC-5), and `serde_json`'s own errors quote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Nothing in it.
    #[error("the message has no body")]
    Empty,
    /// Not the JSON that was expected.
    #[error("the message is not what this function takes: {what} at line {line}, column {column}")]
    Unreadable {
        /// In which way.
        what: &'static str,
        /// Of the body, from 1.
        line: usize,
        /// Of that line, from 1.
        column: usize,
    },
}

/// Handles each message, in order, and answers which of them failed.
pub async fn each_message<T, E, F, Fut>(event: SqsEvent, handle: F) -> SqsBatchResponse
where
    T: DeserializeOwned,
    E: Error,
    F: Fn(Received<T>) -> Fut,
    Fut: Future<Output = Result<(), E>>,
{
    let mut response = SqsBatchResponse::default();
    for message in event.records {
        let id = message.message_id.clone().unwrap_or_default();
        let receive_count = receive_count(&message);
        let failure = match read(&message) {
            Err(error) => Some(log::chain(&error)),
            Ok(message) => {
                let received = Received { message, id: id.clone(), receive_count };
                handle(received).await.err().map(|error| log::chain(&error))
            }
        };
        if let Some(failure) = failure {
            error!(message.id = %id, receive_count, "Could not handle message {id}: {failure}");
            response.add_failure(id);
        }
    }
    response
}

fn read<T: DeserializeOwned>(message: &SqsMessage) -> Result<T, MessageError> {
    parse(message.body.as_deref().unwrap_or_default())
}

/// A message's body.
///
/// # Errors
/// When it can't be understood.
pub fn parse<T: DeserializeOwned>(body: &str) -> Result<T, MessageError> {
    if body.is_empty() {
        return Err(MessageError::Empty);
    }
    serde_json::from_str(body).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => "no JSON",
            serde_json::error::Category::Eof => "its end is missing",
            serde_json::error::Category::Data => "a field is missing, unknown or of another type",
        };
        MessageError::Unreadable { what, line: error.line(), column: error.column() }
    })
}

fn receive_count(message: &SqsMessage) -> u32 {
    let count = message.attributes.get("ApproximateReceiveCount");
    count.and_then(|count| count.parse().ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use serde::Deserialize;
    use serde_json::json;

    use super::*;

    #[derive(Debug, Deserialize, PartialEq, Eq)]
    #[serde(deny_unknown_fields)]
    struct Letter {
        letter: u32,
    }

    #[derive(Debug, thiserror::Error)]
    #[error("the table is down")]
    struct Down;

    fn event(bodies: &[(&str, Option<&str>)]) -> SqsEvent {
        let records: Vec<_> = bodies
            .iter()
            .map(|(id, body)| {
                json!({"messageId": id, "body": body, "attributes": {"ApproximateReceiveCount": "3"}})
            })
            .collect();
        serde_json::from_value(json!({"Records": records})).unwrap()
    }

    #[tokio::test]
    async fn a_poison_message_fails_alone() {
        let event = event(&[
            ("good-1", Some(r#"{"letter": 1}"#)),
            ("poison", Some(r#"{"letter": "ann@acme.example"}"#)),
            ("down", Some(r#"{"letter": 2}"#)),
            ("empty", None),
            ("good-2", Some(r#"{"letter": 3}"#)),
        ]);
        let handled = Mutex::new(vec![]);
        let response = each_message(event, async |received: Received<Letter>| {
            handled.lock().unwrap().push((received.message.letter, received.receive_count));
            if received.id == "down" { Err(Down) } else { Ok(()) }
        })
        .await;
        let failed = response.batch_item_failures.iter().map(|f| f.item_identifier.as_str());
        assert_eq!(failed.collect::<Vec<_>>(), ["poison", "down", "empty"]);
        assert_eq!(*handled.lock().unwrap(), [(1, 3), (2, 3), (3, 3)]);
        let json = serde_json::to_value(&response).unwrap();
        assert_eq!(json["batchItemFailures"][0], json!({"itemIdentifier": "poison"}));
    }

    #[test]
    fn sec_5_an_unreadable_message_is_not_quoted() {
        for (body, expected) in [
            (r#"{"letter": "ann@acme.example"}"#, "of another type at line 1, column 29"),
            (r#"{"ann@acme.example": 1}"#, "missing, unknown"),
            (r#"{"letter": 1"#, "its end is missing"),
            ("ann@acme.example", "no JSON"),
            ("", "no body"),
        ] {
            let record = event(&[("1", Some(body))]).records.remove(0);
            let text = read::<Letter>(&record).unwrap_err().to_string();
            assert!(text.contains(expected), "for {body}: {text}");
            assert!(!text.contains("ann"), "{text}");
        }
    }
}
