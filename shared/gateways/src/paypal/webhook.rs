//! What a PayPal event points to.
//!
//! Only the envelope is read, leniently. All of it may be a forgery under genuine headers (see `signature`), so
//! nothing here is more than a question to ask PayPal.

use serde::Deserialize;
use serde_json::Value;

use super::currency::Amount;
use super::objects::{self, linked};
use crate::{Claim, Hint, Mode, ObjectId, WebhookEvent};

/// A body that is no event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the webhook's body is not an event: {what}")]
pub struct BodyError {
    /// Which field, and what was expected.
    pub what: String,
}

/// What an event points to.
///
/// # Errors
/// [`BodyError`], naming the field.
pub fn parse(body: &[u8], mode: Mode) -> Result<WebhookEvent, BodyError> {
    let event: Event = serde_json::from_slice(body).map_err(wrong)?;
    event.read(mode)
}

/// The envelope.
#[derive(Debug, Deserialize)]
pub(super) struct Event {
    id: String,
    event_type: String,
    create_time: String,
    #[serde(default)]
    resource_type: String,
    #[serde(default)]
    resource: Value,
}

impl Event {
    /// What it points to.
    pub fn read(self, mode: Mode) -> Result<WebhookEvent, BodyError> {
        let id = self.id.parse().map_err(|error| wrong(format!("id: {error}")))?;
        let created = objects::unix(&self.create_time);
        Ok(WebhookEvent {
            id,
            hint: self.hint()?,
            created_unix: created.ok_or_else(|| wrong("create_time is no time"))?,
            mode,
            account: None,
            claim: claim(&self.resource),
            kind: self.event_type,
        })
    }

    /// By the event's type, longest name first: money given back is told among the captures.
    fn hint(&self) -> Result<Option<Hint>, BodyError> {
        let kind = self.event_type.as_str();
        let is = |prefix: &str| kind.starts_with(prefix);
        let id = |fields: &[&str]| -> Result<ObjectId, BodyError> {
            let found = fields.iter().find_map(|field| self.resource.get(*field)?.as_str());
            let named = |error| wrong(format!("resource.{}: {error}", fields.join(" or ")));
            found.unwrap_or_default().parse().map_err(named)
        };
        Ok(Some(if is("CHECKOUT.ORDER.") {
            Hint::Checkout(id(&["id"])?)
        } else if is("CHECKOUT.PAYMENT-APPROVAL.") {
            Hint::Checkout(id(&["order_id", "id"])?)
        } else if is("PAYMENT.CAPTURE.REVERSED") && self.resource_type != "capture" {
            // Its resource is what went back, which is no refund of the firm's.
            match linked(&self.resource, "up", objects::CAPTURES) {
                Some(capture) => Hint::Payment(capture),
                None => Hint::Refund(id(&["id"])?),
            }
        } else if is("PAYMENT.REFUND.")
            || (is("PAYMENT.CAPTURE.REFUNDED") && self.resource_type != "capture")
        {
            Hint::Refund(id(&["id"])?)
        } else if is("PAYMENT.CAPTURE.") {
            Hint::Payment(id(&["id"])?)
        } else if is("CUSTOMER.DISPUTE.") {
            Hint::Dispute(id(&["dispute_id", "id"])?)
        } else {
            return Ok(None);
        }))
    }
}

fn wrong(what: impl ToString) -> BodyError {
    BodyError { what: what.to_string() }
}

/// Of a capture, refund, order or dispute.
fn claim(resource: &Value) -> Claim {
    let places = [resource, &resource["purchase_units"][0], &resource["disputed_transactions"][0]];
    let amounts = places.iter().flat_map(|place| [&place["amount"], &place["dispute_amount"]]);
    let amount = amounts.filter_map(|value| Amount::deserialize(value).ok()?.money().ok()).next();
    let references = places.iter().flat_map(|place| [&place["custom_id"], &place["custom"]]);
    let reference = references.filter_map(Value::as_str).map(str::to_owned).next();
    Claim { amount, reference }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parsed(kind: &str, resource_type: &str, resource: Value) -> Result<WebhookEvent, String> {
        let event = json!({
            "id": "WH-1", "event_type": kind, "create_time": "2026-09-21T14:13:16.000Z",
            "resource_type": resource_type, "resource": resource,
        });
        parse(event.to_string().as_bytes(), Mode::Test).map_err(|error| error.to_string())
    }

    #[test]
    fn pay_2_an_event_says_what_to_read_back() {
        let up = json!([{"rel": "up", "href": "https://api-m.paypal.com/v2/payments/captures/C1"}]);
        for (kind, resource_type, resource, expected) in [
            ("CHECKOUT.ORDER.APPROVED", "checkout-order", json!({"id": "O1"}), "Checkout(O1)"),
            (
                "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
                "",
                json!({"order_id": "O1", "id": "x"}),
                "Checkout(O1)",
            ),
            ("PAYMENT.CAPTURE.COMPLETED", "capture", json!({"id": "C1"}), "Payment(C1)"),
            ("PAYMENT.CAPTURE.DENIED", "capture", json!({"id": "C1"}), "Payment(C1)"),
            ("PAYMENT.CAPTURE.REFUNDED", "refund", json!({"id": "R1", "links": up}), "Refund(R1)"),
            ("PAYMENT.CAPTURE.REVERSED", "refund", json!({"id": "R1", "links": up}), "Payment(C1)"),
            ("PAYMENT.CAPTURE.REVERSED", "refund", json!({"id": "R1"}), "Refund(R1)"),
            ("PAYMENT.CAPTURE.REVERSED", "capture", json!({"id": "C1"}), "Payment(C1)"),
            ("PAYMENT.REFUND.FAILED", "refund", json!({"id": "R1"}), "Refund(R1)"),
            (
                "CUSTOMER.DISPUTE.CREATED",
                "dispute",
                json!({"dispute_id": "PP-D-1"}),
                "Dispute(PP-D-1)",
            ),
        ] {
            let hint = parsed(kind, resource_type, resource).unwrap().hint.unwrap();
            assert_eq!(format!("{hint:?}"), expected, "for {kind}");
        }
        for kind in
            ["VAULT.PAYMENT-TOKEN.CREATED", "PAYMENT.SALE.COMPLETED", "INVOICING.INVOICE.PAID"]
        {
            assert_eq!(parsed(kind, "", json!({"id": "X"})).unwrap().hint, None, "for {kind}");
        }
    }

    #[test]
    fn pay_2_every_subscribed_event_about_money_points_to_something() {
        for kind in super::super::EVENT_KINDS {
            let resource = json!({"id": "X1", "dispute_id": "D1", "order_id": "O1"});
            let hint = parsed(kind, "", resource).unwrap().hint;
            assert_eq!(hint.is_none(), kind.starts_with("VAULT."), "for {kind}");
        }
    }

    #[test]
    fn a_body_that_is_no_event_is_refused_by_name() {
        for (body, expected) in [
            ("[]", "invalid length 0"),
            ("{}", "missing field `id`"),
            (
                r#"{"id":"WH/1","event_type":"X","create_time":"2026-01-01T00:00:00Z"}"#,
                "id: expected",
            ),
            (r#"{"id":"WH-1","event_type":"X","create_time":"today"}"#, "create_time is no time"),
            (
                r#"{"id":"WH-1","event_type":"PAYMENT.CAPTURE.COMPLETED","create_time":"2026-01-01T00:00:00Z","resource":{"id":"../x"}}"#,
                "resource.id: expected an id",
            ),
        ] {
            let error = parse(body.as_bytes(), Mode::Test).unwrap_err().to_string();
            assert!(error.contains(expected), "for {body}: {error}");
        }
        assert!(parse(b"\xff", Mode::Test).is_err() && parse(b"", Mode::Test).is_err());
    }
}
