//! What a Square event points to.
//!
//! Only the envelope is read, leniently: the object inside has the shape of the version that the subscription
//! was made with. Which mode it is in, the event doesn't say: live and sandbox have hosts and keys of their own.

use domain::money::Money;
use serde::Deserialize;
use serde_json::Value;

use super::currency;
use super::signature::{self, SignatureError};
use super::time::unix;
use crate::{Claim, Hint, Mode, ObjectId, Secret, WebhookEvent};

/// Why a delivery was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// It isn't Square's: refuse, and store nothing.
    #[error("the webhook is not authentic")]
    Signature(#[from] SignatureError),
    /// Square signed it, but it is no event as we know them.
    #[error("the webhook's body is not an event: {what}")]
    Body {
        /// Which field, and what was expected.
        what: String,
    },
}

/// An event, and what it says besides that no other gateway's does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The event; its account is the location, where it names one.
    pub event: WebhookEvent,
    /// The seller.
    pub merchant: Option<String>,
    /// The state of the object, as of then.
    pub status: Option<String>,
}

/// Checks a delivery and says what it points to.
///
/// # Errors
/// [`WebhookError`].
pub fn receive(
    header: Option<&str>,
    webhook_url: &str,
    raw_body: &[u8],
    secrets: &[Secret],
    mode: Mode,
) -> Result<Told, WebhookError> {
    signature::verify(header, webhook_url, raw_body, secrets)?;
    parse(raw_body, mode)
}

/// What an event points to; call it only with a body whose signature was checked.
///
/// # Errors
/// [`WebhookError::Body`], naming the field.
pub fn parse(raw_body: &[u8], mode: Mode) -> Result<Told, WebhookError> {
    told(serde_json::from_slice(raw_body).map_err(|error| body(&error))?, mode)
}

/// Likewise, of an event that was fetched from Square itself.
pub(super) fn fetched(event: Value, mode: Mode) -> Result<Told, WebhookError> {
    told(serde_json::from_value(event).map_err(|error| body(&error))?, mode)
}

fn body(what: impl ToString) -> WebhookError {
    WebhookError::Body { what: what.to_string() }
}

fn told(event: Event, mode: Mode) -> Result<Told, WebhookError> {
    let id = event.event_id.parse().map_err(|error| body(format!("event_id: {error}")))?;
    let created_unix = unix(&event.created_at);
    let no_time = || body("created_at is no RFC 3339 time");
    let object = event.data.as_ref().and_then(Data::inner);
    let text = |field: &str| object?.get(field)?.as_str().map(str::to_owned);
    let claim = Claim { amount: object.and_then(amount), reference: text("reference_id") };
    Ok(Told {
        event: WebhookEvent {
            id,
            hint: hint(&event.kind, event.data.as_ref())?,
            created_unix: created_unix.ok_or_else(no_time)?,
            mode,
            account: event.location_id.or_else(|| text("location_id")),
            claim,
            kind: event.kind,
        },
        merchant: event.merchant_id,
        status: text("status").or_else(|| text("state")),
    })
}

/// The envelope.
#[derive(Deserialize)]
struct Event {
    event_id: String,
    #[serde(rename = "type")]
    kind: String,
    created_at: String,
    merchant_id: Option<String>,
    location_id: Option<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
struct Data {
    id: Option<String>,
    object: Option<Value>,
}

impl Data {
    /// The object lies under its own name: `object.payment`.
    fn inner(&self) -> Option<&Value> {
        let object = self.object.as_ref()?;
        ["payment", "refund", "dispute"].into_iter().find_map(|name| object.get(name))
    }
}

/// By the event's type. What is said of a dispute's evidence is not about money.
fn hint(kind: &str, data: Option<&Data>) -> Result<Option<Hint>, WebhookError> {
    type Make = fn(ObjectId) -> Hint;
    let kinds: [(&str, Make); 4] = [
        ("payment.", Hint::Payment),
        ("refund.", Hint::Refund),
        ("dispute.created", Hint::Dispute),
        ("dispute.state.", Hint::Dispute),
    ];
    let Some((_, make)) = kinds.into_iter().find(|(prefix, _)| kind.starts_with(prefix)) else {
        return Ok(None);
    };
    let id = data.and_then(|data| data.id.as_deref()).unwrap_or_default();
    let id = id.parse().map_err(|error| body(format!("data.id: {error}")))?;
    Ok(Some(make(id)))
}

/// In the order of preference: what came in, tip and all, beats what was asked for.
const AMOUNT_FIELDS: [&str; 2] = ["total_money", "amount_money"];

fn amount(object: &Value) -> Option<Money> {
    let money = AMOUNT_FIELDS.into_iter().find_map(|field| object.get(field))?;
    currency::from_square(money.get("amount")?.as_u64()?, money.get("currency")?.as_str()?).ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, data: Value) -> Value {
        json!({
            "event_id": "e-1", "type": kind, "created_at": "2026-09-21T14:13:18.4Z",
            "merchant_id": "M1", "data": data,
        })
    }

    fn parsed(event: &Value) -> Result<Told, String> {
        parse(event.to_string().as_bytes(), Mode::Test).map_err(|error| error.to_string())
    }

    #[test]
    fn pay_2_an_event_says_what_to_read_back() {
        for (kind, expected) in [
            ("payment.created", Some("Payment(x_1)")),
            ("payment.updated", Some("Payment(x_1)")),
            ("refund.created", Some("Refund(x_1)")),
            ("refund.updated", Some("Refund(x_1)")),
            ("dispute.created", Some("Dispute(x_1)")),
            ("dispute.state.updated", Some("Dispute(x_1)")),
            ("dispute.state.changed", Some("Dispute(x_1)")),
            ("dispute.evidence.created", None),
            ("customer.created", None),
            ("payments.x", None),
        ] {
            let told = parsed(&event(kind, json!({"id": "x_1"}))).unwrap();
            let hint = told.event.hint.map(|hint| format!("{hint:?}"));
            assert_eq!(hint.as_deref(), expected, "for {kind}");
        }
        for kind in super::super::EVENT_KINDS {
            assert!(parsed(&event(kind, json!({"id": "x"}))).unwrap().event.hint.is_some());
        }
    }

    #[test]
    fn a_body_that_is_no_event_is_refused_by_name() {
        let with = |field: &str, value: Value| {
            let mut event = event("payment.updated", json!({"id": "x"}));
            event[field] = value;
            event
        };
        for (event, expected) in [
            (json!([]), "invalid length 0"),
            (json!({}), "missing field `event_id`"),
            (with("event_id", json!("a/b")), "event_id: expected an id of"),
            (with("created_at", json!("yesterday")), "created_at is no RFC 3339 time"),
            (with("created_at", json!(1)), "expected a string"),
            (with("data", Value::Null), "data.id: expected an id"),
            (with("data", json!({"id": "../x"})), "data.id: expected an id"),
        ] {
            let error = parsed(&event).unwrap_err();
            assert!(error.contains(expected), "for {event}: {error}");
        }
        assert!(parse(b"\xff", Mode::Test).is_err() && parse(b"", Mode::Test).is_err());
    }

    #[test]
    fn a_claim_is_read_as_far_as_it_can_be() {
        let money = |amount: Value, code: &str| json!({"amount": amount, "currency": code});
        for (object, expected) in [
            (
                json!({"payment": {
                    "amount_money": money(json!(400), "USD"), "total_money": money(json!(500), "USD")
                }}),
                Some("5.00 USD"),
            ),
            (json!({"refund": {"amount_money": money(json!(300), "USD")}}), Some("3.00 USD")),
            (json!({"dispute": {"amount_money": money(json!(3), "JPY")}}), Some("3 JPY")),
            (json!({"payment": {"amount_money": money(json!("5"), "USD")}}), None),
            (json!({"payment": {"amount_money": money(json!(5), "XXX")}}), None),
            (json!({"payment": {"amount_money": money(json!(-5), "USD")}}), None),
            (json!({}), None),
            (json!(null), None),
        ] {
            let told = parsed(&event("payment.updated", json!({"id": "x", "object": object})));
            let amount = told.unwrap().event.claim.amount.map(|amount| amount.to_string());
            assert_eq!(amount.as_deref(), expected, "for {object}");
        }
    }
}
