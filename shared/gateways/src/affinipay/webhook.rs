//! A delivery, which anybody can make: only the event's id is taken from it, and the gateway is asked for that
//! event under the firm's own key. What it answers is the event; 404 means that somebody made it up, or that it
//! is of the other mode.
//!
//! The answer is what was posted, by the gateway's own word. So a post that says something else about the money
//! was altered on the way, and is refused though the event is genuine: somebody is trying something.

use domain::money::Money;
use serde::Deserialize;
use serde_json::Value;

use super::AffiniPay;
use super::facts;
use super::objects::{CHARGE, REFUND, Transaction, unix};
use crate::{Claim, GatewayError, Hint, ObjectId, ReceiveError, WebhookEvent};

/// Longer ids than the gateway's own, which have 22 characters.
const MAX_EVENT_ID_BYTES: usize = 64;

/// What a delivery must not say otherwise than the gateway does. What it leaves out is no lie.
const COMPARED: [&str; 9] = [
    "/type",
    "/data/id",
    "/data/type",
    "/data/status",
    "/data/amount",
    "/data/currency",
    "/data/account_id",
    "/data/charge_id",
    "/data/reference",
];

/// An event as the gateway has it.
#[derive(Debug, Deserialize)]
struct Event {
    id: String,
    created: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    data: Value,
}

/// The event that a delivery names, before anything else of it is read.
///
/// # Errors
/// [`ReceiveError::NotAuthentic`] when that is no id that could be asked for.
pub fn event_id(body: &[u8]) -> Result<ObjectId, ReceiveError> {
    Ok(posted(body)?.0)
}

fn posted(body: &[u8]) -> Result<(ObjectId, Value), ReceiveError> {
    let refused = |what: &str| ReceiveError::NotAuthentic(what.to_owned());
    let posted: Value = serde_json::from_slice(body).map_err(|_| refused("the body is no JSON"))?;
    let id = posted.get("id").and_then(Value::as_str);
    let id = id.filter(|id| id.len() <= MAX_EVENT_ID_BYTES).and_then(|id| id.parse().ok());
    let id = id.ok_or_else(|| refused("the body names no event"))?;
    Ok((id, posted))
}

/// Numbers may come as text.
fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The first thing that a post says otherwise than the event.
fn difference(posted: &Value, event: &Value) -> Option<&'static str> {
    COMPARED.into_iter().find(|path| {
        let said = posted.pointer(path).filter(|value| !value.is_null());
        said.is_some_and(|said| event.pointer(path).map(text) != Some(text(said)))
    })
}

impl AffiniPay {
    pub(super) async fn ask_for_event(&self, body: &[u8]) -> Result<WebhookEvent, ReceiveError> {
        let (id, posted) = posted(body)?;
        let path = format!("events/{id}");
        let asking = self.ask("event", &path, &[]);
        let event: Value = match self.transport.within_total(asking).await {
            Err(GatewayError::NotFound { .. }) => {
                let what = "the gateway has no such event in this account and mode";
                return Err(ReceiveError::NotAuthentic(what.to_owned()));
            }
            other => other?,
        };
        if event.get("id").and_then(Value::as_str) != Some(id.as_str()) {
            let what = format!("asked for event {id}, and the gateway answered with another");
            return Err(ReceiveError::Body { what });
        }
        if let Some(field) = difference(&posted, &event) {
            let what = format!("the body says another {field} than the gateway's own event");
            return Err(ReceiveError::NotAuthentic(what));
        }
        self.told(event)
    }

    /// What an event of the gateway's says; refused when it is about an account that the firm did not link.
    pub(super) fn told(&self, event: Value) -> Result<WebhookEvent, ReceiveError> {
        let event: Event = serde_json::from_value(event).map_err(|error| body(&error))?;
        let created_unix = unix(&event.created).ok_or_else(|| body("created is no moment"))?;
        let (hint, claim) = if event.kind.starts_with("transaction.") {
            self.about(event.data)?
        } else {
            (None, Claim::default())
        };
        Ok(WebhookEvent {
            id: event.id.parse().map_err(|error| body(format!("id: {error}")))?,
            kind: event.kind,
            hint,
            created_unix,
            mode: self.mode,
            // Which of the firm's accounts it is in was checked here; the key's owner has no other name.
            account: None,
            claim,
        })
    }

    fn about(&self, data: Value) -> Result<(Option<Hint>, Claim), ReceiveError> {
        let transaction: Transaction =
            serde_json::from_value(data).map_err(|error| body(format!("data: {error}")))?;
        if !self.is_linked(transaction.account_id.as_deref()) {
            let what = "the event is about a deposit account that the firm did not link";
            return Err(ReceiveError::NotAuthentic(what.to_owned()));
        }
        let id = || transaction.id.parse().map_err(|error| body(format!("data.id: {error}")));
        let hint = match transaction.kind.as_str() {
            CHARGE => Some(Hint::Payment(id()?)),
            REFUND => Some(Hint::Refund(id()?)),
            _ => None,
        };
        let amount: Option<Money> = facts::money(&transaction).ok();
        Ok((hint, Claim { amount, reference: transaction.reference }))
    }
}

fn body(what: impl ToString) -> ReceiveError {
    ReceiveError::Body { what: what.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn pay_2_only_a_plain_id_is_asked_for() {
        let long = "x".repeat(MAX_EVENT_ID_BYTES);
        for (body, expected) in [
            (json!({"id": "gSebwTS4TSCDDAINhYVirA"}).to_string(), Some("gSebwTS4TSCDDAINhYVirA")),
            (json!({"id": "a_-9"}).to_string(), Some("a_-9")),
            (json!({"id": &long}).to_string(), Some(long.as_str())),
            (json!({"id": format!("{long}x")}).to_string(), None),
            (json!({"id": "../charges/1?x="}).to_string(), None),
            (json!({"id": "a/b"}).to_string(), None),
            (json!({"id": ""}).to_string(), None),
            (json!({"id": 7}).to_string(), None),
            (json!({}).to_string(), None),
            (json!(["id"]).to_string(), None),
            (String::new(), None),
            ("{\"id\":".to_owned(), None),
        ] {
            let id = event_id(body.as_bytes()).ok();
            assert_eq!(id.as_ref().map(ObjectId::as_str), expected, "for {body}");
        }
        assert!(event_id(b"\xff\xfe").is_err());
    }

    #[test]
    fn pay_2_what_is_said_otherwise_is_seen() {
        let event = json!({"id": "e", "type": "transaction.completed", "data": {
            "id": "t", "type": "CHARGE", "amount": 100, "currency": "USD", "reference": "r",
        }});
        for (posted, expected) in [
            (event.clone(), None),
            (json!({"id": "e"}), None),
            (json!({"id": "e", "data": {"amount": "100", "card": 1}}), None),
            (json!({"id": "e", "data": {"amount": 101}}), Some("/data/amount")),
            (json!({"id": "e", "data": {"amount": {"x": 1}}}), Some("/data/amount")),
            (json!({"id": "e", "data": {"charge_id": "c"}}), Some("/data/charge_id")),
            (json!({"id": "e", "type": "transaction.failed"}), Some("/type")),
        ] {
            assert_eq!(difference(&posted, &event), expected, "for {posted}");
        }
    }
}
