//! What a Stripe event points to.
//!
//! Only the envelope is read, leniently: the object inside has the shape of whatever API version the
//! endpoint was made with, and one field that changed its type must not lose a payment.

use domain::money::Money;
use serde::Deserialize;
use serde_json::Value;

use super::currency;
use super::signature::{self, SignatureError};
use crate::{Claim, Hint, Mode, ObjectId, Secret, WebhookEvent};

/// Why a delivery was not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// It isn't Stripe's: refuse, and store nothing.
    #[error("the webhook is not authentic")]
    Signature(#[from] SignatureError),
    /// Stripe signed it, but it is no event as we know them.
    #[error("the webhook's body is not an event: {what}")]
    Body {
        /// Which field, and what was expected.
        what: String,
    },
}

/// Checks a delivery and says what it points to.
///
/// # Errors
/// [`WebhookError`].
pub fn receive(
    header: Option<&str>,
    raw_body: &[u8],
    secrets: &[Secret],
    now_unix: i64,
    tolerance_seconds: u32,
) -> Result<WebhookEvent, WebhookError> {
    signature::verify(header, raw_body, secrets, now_unix, tolerance_seconds)?;
    parse(raw_body)
}

/// What an event points to; call it only with a body whose signature was checked, or with an event
/// that was fetched from Stripe itself.
///
/// # Errors
/// [`WebhookError::Body`], naming the field.
pub fn parse(raw_body: &[u8]) -> Result<WebhookEvent, WebhookError> {
    let event: Event = serde_json::from_slice(raw_body).map_err(|error| body(&error))?;
    if event.object != "event" {
        return Err(body("object is not \"event\""));
    }
    let id = event.id.parse().map_err(|error| body(format!("id: {error}")))?;
    Ok(WebhookEvent {
        id,
        hint: hint(&event.kind, &event.data.object)?,
        created_unix: event.created,
        mode: Mode::from_livemode(event.livemode),
        account: event.account,
        claim: claim(&event.data.object),
        kind: event.kind,
    })
}

fn body(what: impl ToString) -> WebhookError {
    WebhookError::Body { what: what.to_string() }
}

/// The envelope.
#[derive(Deserialize)]
struct Event {
    id: String,
    object: String,
    #[serde(rename = "type")]
    kind: String,
    created: i64,
    livemode: bool,
    account: Option<String>,
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    object: Value,
}

/// By the event's type, longest name first: a dispute's begin with `charge.` too.
fn hint(kind: &str, object: &Value) -> Result<Option<Hint>, WebhookError> {
    type Make = fn(ObjectId) -> Hint;
    let kinds: [(&str, &str, Make); 6] = [
        ("checkout.session.", "checkout.session", Hint::Checkout),
        ("payment_intent.", "payment_intent", Hint::Payment),
        ("charge.dispute.", "dispute", Hint::Dispute),
        ("charge.refund.", "refund", Hint::Refund),
        ("refund.", "refund", Hint::Refund),
        ("charge.", "charge", Hint::Charge),
    ];
    let Some((_, name, make)) = kinds.into_iter().find(|(prefix, ..)| kind.starts_with(prefix))
    else {
        return Ok(None);
    };
    let text = |field: &str| object.get(field).and_then(Value::as_str).unwrap_or_default();
    if text("object") != name {
        return Err(body(format!("data.object.object is not {name:?}, as {kind} has it")));
    }
    let id = text("id").parse().map_err(|error| body(format!("data.object.id: {error}")))?;
    Ok(Some(make(id)))
}

/// In the order of preference: what came in beats what was asked for.
const AMOUNT_FIELDS: [&str; 3] = ["amount_total", "amount_received", "amount"];

fn claim(object: &Value) -> Claim {
    let amount = || -> Option<Money> {
        let currency = object.get("currency")?.as_str()?;
        let amounts = AMOUNT_FIELDS.iter().filter_map(|field| object.get(field)?.as_u64());
        let amount = amounts.reduce(|first, next| if first == 0 { next } else { first })?;
        currency::from_stripe(amount, currency).ok()
    };
    let reference = object.get("client_reference_id").and_then(Value::as_str);
    Claim { amount: amount(), reference: reference.map(str::to_owned) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(kind: &str, object: Value) -> Value {
        json!({
            "id": "evt_1", "object": "event", "type": kind, "created": 1, "livemode": false,
            "data": {"object": object},
        })
    }

    fn parsed(event: &Value) -> Result<WebhookEvent, String> {
        parse(event.to_string().as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn pay_2_an_event_says_what_to_read_back() {
        for (kind, object, expected) in [
            ("checkout.session.completed", "checkout.session", "Checkout"),
            ("checkout.session.async_payment_failed", "checkout.session", "Checkout"),
            ("payment_intent.succeeded", "payment_intent", "Payment"),
            ("payment_intent.payment_failed", "payment_intent", "Payment"),
            ("charge.succeeded", "charge", "Charge"),
            ("charge.refunded", "charge", "Charge"),
            ("charge.dispute.created", "dispute", "Dispute"),
            ("charge.dispute.funds_withdrawn", "dispute", "Dispute"),
            ("charge.refund.updated", "refund", "Refund"),
            ("refund.failed", "refund", "Refund"),
        ] {
            let hint = parsed(&event(kind, json!({"object": object, "id": "x_1"}))).unwrap().hint;
            assert_eq!(format!("{:?}", hint.unwrap()), format!("{expected}(x_1)"), "for {kind}");
        }
        for kind in ["customer.created", "plan.created", "chargeback.new", "payment_intents.x"] {
            assert_eq!(parsed(&event(kind, json!({}))).unwrap().hint, None, "for {kind}");
        }
    }

    #[test]
    fn pay_2_every_subscribed_event_points_to_something() {
        for kind in super::super::EVENT_KINDS {
            let names = ["checkout.session", "payment_intent", "charge", "refund", "dispute"];
            let hints = names.map(|object| {
                parsed(&event(kind, json!({"object": object, "id": "x_1"})))
                    .ok()
                    .and_then(|e| e.hint)
            });
            assert_eq!(hints.iter().flatten().count(), 1, "for {kind}");
        }
    }

    #[test]
    fn a_body_that_is_no_event_is_refused_by_name() {
        let with = |field: &str, value: Value| {
            let mut event = event("charge.succeeded", json!({"object": "charge", "id": "ch_1"}));
            event[field] = value;
            event
        };
        for (event, expected) in [
            (json!([]), "invalid length 0"),
            (json!({}), "missing field `id`"),
            (with("object", json!("v2.core.event")), "object is not \"event\""),
            (with("id", json!("evt/1")), "id: expected an id of"),
            (with("created", json!("2026-09-30T00:00:00Z")), "expected i64"),
            (with("livemode", Value::Null), "expected a boolean"),
            (with("data", json!({})), "missing field `object`"),
            (
                with("data", json!({"object": {"object": "charge"}})),
                "data.object.id: expected an id",
            ),
            (
                with("data", json!({"object": {"object": "refund", "id": "re_1"}})),
                "is not \"charge\"",
            ),
        ] {
            let error = parsed(&event).unwrap_err();
            assert!(error.contains(expected), "for {event}: {error}");
        }
        assert!(parse(b"\xff").is_err() && parse(b"").is_err());
    }

    #[test]
    fn a_claim_is_read_as_far_as_it_can_be() {
        for (object, expected) in [
            (json!({"amount_total": 500, "currency": "usd"}), Some("5.00 USD")),
            (json!({"amount": 500, "amount_received": 0, "currency": "jpy"}), Some("500 JPY")),
            (json!({"amount": 500, "amount_received": 300, "currency": "usd"}), Some("3.00 USD")),
            (json!({"amount": "500", "currency": "usd"}), None),
            (json!({"amount": 500, "currency": "xxx"}), None),
            (json!({"amount": 500}), None),
            (json!(null), None),
        ] {
            let amount = claim(&object).amount.map(|amount| amount.to_string());
            assert_eq!(amount.as_deref(), expected, "for {object}");
        }
    }
}
