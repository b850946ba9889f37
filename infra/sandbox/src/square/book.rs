//! Everything that the sandbox remembers.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat};
use domain::calendar::Day;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::acts::{ActError, CardOutcome};
use super::days::Debit;
use super::{SANDBOX_LOCATION, SANDBOX_MERCHANT};
use crate::outbox::Outbox;

/// Objects as Square sends them, by id; ids are in the order in which they were made.
pub(super) type Objects = BTreeMap<String, Value>;

/// All objects, and all events.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    last_number: u64,
    pub(super) links: Objects,
    pub(super) orders: Objects,
    pub(super) payments: Objects,
    pub(super) refunds: Objects,
    pub(super) disputes: Objects,
    pub(super) customers: Objects,
    pub(super) cards: Objects,
    /// By card: what it does, unless it pays.
    pub(super) card_outcomes: BTreeMap<String, CardOutcome>,
    /// By payment: bank debits whose end is to come.
    pub(super) debits: BTreeMap<String, Debit>,
    /// By refund: the day on which it was made, until it has arrived.
    pub(super) refunds_on_their_way: BTreeMap<String, Day>,
    /// By location.
    pub(super) currencies: BTreeMap<String, String>,
    /// By order: why the last card was declined.
    pub(super) declines: BTreeMap<String, String>,
    /// The firm's day, once somebody said it.
    pub(super) day: Option<Day>,
    pub(super) outbox: Outbox,
    /// By path and idempotency key.
    pub(super) answers: BTreeMap<String, KeptAnswer>,
}

/// The first answer to an idempotency key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    pub request: Value,
    pub answer: Value,
    pub status: u16,
}

impl Book {
    /// The next id with that beginning: numbered, so that a run can be repeated and ids sort by age.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.last_number += 1;
        format!("{prefix}{:012}", self.last_number)
    }

    pub(super) fn forget_keys(&mut self) {
        self.answers.clear();
    }

    /// Notes that something happened to an object, as it is now; answers with the event's id.
    pub(super) fn record(&mut self, kind: &str, id: &str, now: i64) -> String {
        let name = kind.split('.').next().unwrap_or_default();
        let objects = match name {
            "payment" => &self.payments,
            "refund" => &self.refunds,
            _ => &self.disputes,
        };
        let object = objects.get(id).cloned().unwrap_or_default();
        let location = object["location_id"].as_str().unwrap_or(SANDBOX_LOCATION).to_owned();
        let event = self.new_id("evt-");
        let body = json!({
            "merchant_id": SANDBOX_MERCHANT,
            "location_id": location,
            "type": kind,
            "event_id": event,
            "created_at": time(now),
            "data": {"type": name, "id": id, "object": {name: object}},
        });
        self.outbox.push(event.as_str(), body.to_string());
        event
    }

    /// The firm's as it was told last, else the machine's.
    pub(super) fn today(&self, now: i64) -> Day {
        let of_machine = DateTime::from_timestamp(now, 0).unwrap_or_default().date_naive();
        self.day.unwrap_or(of_machine)
    }
}

/// As Square writes it.
pub(super) fn time(now: i64) -> String {
    DateTime::from_timestamp(now, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// An amount, as Square writes it.
pub(super) fn money(amount: u64, currency: &str) -> Value {
    json!({"amount": amount, "currency": currency})
}

/// The amount in a field of an object; nothing, if there is none.
pub(super) fn amount(object: &Value, field: &str) -> u64 {
    object[field]["amount"].as_u64().unwrap_or_default()
}

/// A text in a field of an object; empty, if there is none.
pub(super) fn text<'a>(object: &'a Value, field: &str) -> &'a str {
    object[field].as_str().unwrap_or_default()
}

/// An object.
pub(super) fn find<'a>(
    objects: &'a Objects,
    kind: &'static str,
    id: &str,
) -> Result<&'a Value, ActError> {
    objects.get(id).ok_or_else(|| ActError::Missing { kind, id: id.to_owned() })
}

/// An object to change.
pub(super) fn find_mut<'a>(
    objects: &'a mut Objects,
    kind: &'static str,
    id: &str,
) -> Result<&'a mut Value, ActError> {
    objects.get_mut(id).ok_or_else(|| ActError::Missing { kind, id: id.to_owned() })
}
