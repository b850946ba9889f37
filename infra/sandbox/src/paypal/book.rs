//! Everything that the sandbox remembers.

use std::collections::BTreeMap;

use chrono::DateTime;
use domain::calendar::Day;
use gateways::paypal::currency::Amount;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::signing::Signer;
use crate::outbox::Outbox;

/// What links in webhooks begin with, wherever the sandbox is.
const TOLD_BASE: &str = "https://api-m.sandbox.paypal.com";

/// All objects by id, which are in the order in which they were made, and all that there is to tell.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    last_number: u64,
    pub(super) orders: BTreeMap<String, Order>,
    pub(super) captures: BTreeMap<String, Capture>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) setups: BTreeMap<String, Setup>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) outbox: Outbox,
    /// By key: what it did first.
    pub(super) answers: BTreeMap<String, Answer>,
    /// Tokens to ask with, and when they end.
    pub(super) signed_in: BTreeMap<String, i64>,
    pub(super) signer: Option<Signer>,
    /// The firm's day, once somebody said it.
    pub(super) day: Option<Day>,
}

impl std::fmt::Debug for Book {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Book").field("last_number", &self.last_number).finish_non_exhaustive()
    }
}

/// What a way to pay does when it is charged.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pays {
    /// At once.
    #[default]
    AtOnce,
    /// An eCheck, which clears days later.
    ByBank,
    /// An eCheck, which its bank refuses days later.
    ByBankThatRefuses,
    /// PayPal looks at it first.
    AfterReview,
    /// PayPal takes nothing from it.
    Nothing,
    /// The card's bank declines: a capture is made, which took nothing.
    CardDeclines,
}

/// What a payer approves.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Order {
    pub status: String,
    pub created: i64,
    pub unit: Value,
    /// As it was asked for.
    pub source: Value,
    /// What the payer chose.
    pub pays: Option<Pays>,
    /// The method that was saved with it.
    pub saved: Option<String>,
}

impl Order {
    /// Whether the seller takes what clears days later.
    pub fn takes_bank(&self) -> bool {
        let ways = self.source.as_object().into_iter().flat_map(serde_json::Map::values);
        let mut wishes = ways.map(|way| &way["experience_context"]["payment_method_preference"]);
        wishes.all(|wish| wish != "IMMEDIATE_PAYMENT_REQUIRED")
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Capture {
    pub order: Option<String>,
    pub status: String,
    pub reason: Option<String>,
    pub response: Option<String>,
    pub amount: Amount,
    pub custom_id: Option<String>,
    pub invoice_id: Option<String>,
    pub created: i64,
    /// A pending eCheck: when its bank decides, and how.
    pub decided_on: Option<Day>,
    pub is_refused: bool,
    /// Whether a bank account paid it: refunds go there, which takes days.
    pub is_bank: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Refund {
    pub capture: String,
    pub status: String,
    pub amount: Amount,
    pub custom_id: Option<String>,
    pub created: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Dispute {
    pub capture: String,
    pub status: String,
    pub stage: String,
    pub outcome: Option<String>,
    pub amount: Amount,
    pub created: i64,
}

/// A page to save a method on.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Setup {
    pub customer: String,
    pub status: String,
    pub return_url: String,
    pub cancel_url: String,
    pub pays: Pays,
    pub token: Option<String>,
}

/// A saved method.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Token {
    pub customer: String,
    pub pays: Pays,
}

/// What was done under a key: asked again, the object is shown as it is then.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Answer {
    pub request: String,
    pub made: Made,
    pub until: i64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Made {
    Order(String),
    Refund(String),
    Setup(String),
    Token(String),
}

/// A time as PayPal writes it.
pub(super) fn written(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0).unwrap_or_default().format("%Y-%m-%dT%H:%M:%SZ").to_string()
}

impl Book {
    /// The next id: numbered, so that a run can be repeated and ids sort by age.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.last_number += 1;
        format!("{prefix}{:014}", self.last_number)
    }

    /// Notes what PayPal would tell.
    pub(super) fn tell(&mut self, kind: &str, resource_type: &str, resource: &Value, now: i64) {
        let id = self.new_id("WH-");
        let event = json!({
            "id": id, "event_version": "1.0", "create_time": written(now),
            "resource_type": resource_type, "event_type": kind, "resource": resource,
        });
        self.outbox.push(id, event.to_string());
    }

    pub(super) fn tell_order(&mut self, kind: &str, id: &str, now: i64) {
        let order = self.show_order(id, TOLD_BASE).unwrap_or_default();
        self.tell(kind, "checkout-order", &order, now);
    }

    pub(super) fn tell_capture(&mut self, kind: &str, id: &str, now: i64) {
        let capture = self.show_capture(id, TOLD_BASE).unwrap_or_default();
        self.tell(kind, "capture", &capture, now);
    }

    pub(super) fn tell_refund(&mut self, kind: &str, id: &str, now: i64) {
        let refund = self.show_refund(id, TOLD_BASE).unwrap_or_default();
        self.tell(kind, "refund", &refund, now);
    }

    pub(super) fn tell_dispute(&mut self, kind: &str, id: &str, now: i64) {
        let dispute = self.show_dispute(id).unwrap_or_default();
        self.tell(kind, "dispute", &dispute, now);
    }

    /// An order with its payments, as PayPal shows it.
    pub(super) fn show_order(&self, id: &str, base: &str) -> Option<Value> {
        let order = self.orders.get(id)?;
        let mut unit = order.unit.clone();
        unit["reference_id"] = json!("default");
        let of_order = |capture: &&String| {
            self.captures.get(*capture).is_some_and(|one| one.order.as_deref() == Some(id))
        };
        let ids: Vec<_> = self.captures.keys().filter(of_order).collect();
        let captures: Vec<_> = ids.iter().filter_map(|id| self.show_capture(id, base)).collect();
        if !captures.is_empty() {
            let of_capture = |(_, refund): &(&String, &Refund)| ids.contains(&&refund.capture);
            let refunds = self.refunds.iter().filter(of_capture);
            let refunds: Vec<_> =
                refunds.filter_map(|(id, _)| self.show_refund(id, base)).collect();
            unit["payments"] = json!({"captures": captures, "refunds": refunds});
        }
        let (name, _) = order.source.as_object()?.iter().next()?;
        let mut source = json!({name: {}});
        if let Some(token) = order.saved.as_ref() {
            let customer = self.tokens.get(token).map(|token| token.customer.clone());
            source[name] = json!({
                "email_address": "ann@acme.example",
                "attributes": {"vault": {
                    "id": token, "status": "VAULTED", "customer": {"id": customer},
                }},
            });
        }
        let pay = format!("{}/sandbox/paypal/pay/{id}", origin(base));
        let own = format!("{base}/v2/checkout/orders/{id}");
        Some(json!({
            "id": id, "intent": "CAPTURE", "status": order.status,
            "create_time": written(order.created), "purchase_units": [unit],
            "payment_source": source,
            "links": [
                {"rel": "self", "href": own, "method": "GET"},
                {"rel": "payer-action", "href": pay, "method": "GET"},
            ],
        }))
    }

    pub(super) fn show_capture(&self, id: &str, base: &str) -> Option<Value> {
        let capture = self.captures.get(id)?;
        let own = format!("{base}/v2/payments/captures/{id}");
        let mut links = vec![
            json!({"rel": "self", "href": own, "method": "GET"}),
            json!({"rel": "refund", "href": format!("{own}/refund"), "method": "POST"}),
        ];
        let mut shown = json!({
            "id": id, "status": capture.status, "amount": capture.amount, "final_capture": true,
            "create_time": written(capture.created), "update_time": written(capture.created),
        });
        let mut set = |field: &str, value: Option<Value>| {
            if let Some(value) = value {
                shown[field] = value;
            }
        };
        set("custom_id", capture.custom_id.as_ref().map(|text| json!(text)));
        set("invoice_id", capture.invoice_id.as_ref().map(|text| json!(text)));
        set("status_details", capture.reason.as_ref().map(|reason| json!({"reason": reason})));
        let response = |code| json!({"response_code": code});
        set("processor_response", capture.response.as_ref().map(response));
        if let Some(order) = &capture.order {
            set("supplementary_data", Some(json!({"related_ids": {"order_id": order}})));
            let href = format!("{base}/v2/checkout/orders/{order}");
            links.push(json!({"rel": "up", "href": href, "method": "GET"}));
        }
        let is_settled = !matches!(&*capture.status, "PENDING" | "DECLINED" | "FAILED");
        let breakdown = json!({"gross_amount": capture.amount});
        set("seller_receivable_breakdown", is_settled.then_some(breakdown));
        set("links", Some(json!(links)));
        Some(shown)
    }

    pub(super) fn show_refund(&self, id: &str, base: &str) -> Option<Value> {
        let refund = self.refunds.get(id)?;
        let up = format!("{base}/v2/payments/captures/{}", refund.capture);
        Some(json!({
            "id": id, "status": refund.status, "amount": refund.amount,
            "custom_id": refund.custom_id, "create_time": written(refund.created),
            "links": [
                {"rel": "self", "href": format!("{base}/v2/payments/refunds/{id}")},
                {"rel": "up", "href": up},
            ],
        }))
    }

    pub(super) fn show_dispute(&self, id: &str) -> Option<Value> {
        let dispute = self.disputes.get(id)?;
        let mut shown = json!({
            "dispute_id": id, "status": dispute.status, "reason": "UNAUTHORISED",
            "create_time": written(dispute.created), "dispute_amount": dispute.amount,
            "dispute_life_cycle_stage": dispute.stage,
            "disputed_transactions": [{"seller_transaction_id": dispute.capture}],
        });
        if let Some(outcome) = &dispute.outcome {
            shown["dispute_outcome"] = json!({"outcome_code": outcome});
        }
        Some(shown)
    }

    pub(super) fn show_setup(&self, id: &str, base: &str) -> Option<Value> {
        let setup = self.setups.get(id)?;
        let page = format!("{}/sandbox/paypal/save/{id}", origin(base));
        Some(json!({
            "id": id, "status": setup.status, "customer": {"id": setup.customer},
            "payment_source": {"paypal": {}},
            "links": [{"rel": "approve", "href": page, "method": "GET"}],
        }))
    }

    pub(super) fn show_token(&self, id: &str) -> Option<Value> {
        let token = self.tokens.get(id)?;
        Some(json!({
            "id": id, "customer": {"id": token.customer},
            "payment_source": {"paypal": {"email_address": "ann@acme.example"}},
        }))
    }

    pub(super) fn show(&self, made: &Made, base: &str) -> Option<Value> {
        match made {
            Made::Order(id) => self.show_order(id, base),
            Made::Refund(id) => self.show_refund(id, base),
            Made::Setup(id) => self.show_setup(id, base),
            Made::Token(id) => self.show_token(id),
        }
    }
}

/// The address without the path at which this gateway is.
fn origin(base: &str) -> &str {
    base.strip_suffix(super::BASE_PATH).unwrap_or(base)
}
