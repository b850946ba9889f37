//! Everything that the sandbox remembers.

use std::collections::BTreeMap;

use chrono::DateTime;
use domain::calendar::Day;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::instruments::{Saved, Token};
use super::transactions::Transaction;

/// All objects by id, which are in the order in which they were made, and all events, oldest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    last_number: u64,
    pub(super) transactions: BTreeMap<String, Transaction>,
    pub(super) saved: BTreeMap<String, Saved>,
    pub(super) tokens: BTreeMap<String, Token>,
    pub(super) events: Vec<Event>,
    /// The firm's day, once somebody said it.
    pub(super) day: Option<Day>,
}

/// Something that happened, as it is posted and as it is answered with.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Event {
    pub id: String,
    pub is_live: bool,
    pub created_unix: i64,
    pub body: Value,
    /// Whether an endpoint took it, or it was lost for good.
    pub is_taken: bool,
}

/// A moment as the gateway writes it.
pub(super) fn moment(unix: i64) -> String {
    let at = DateTime::from_timestamp(unix, 0).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

impl Book {
    /// How many charges there are that took money or are about to, however they were asked for.
    pub fn charges(&self) -> usize {
        let is_charge = |of: &&Transaction| of.kind == "CHARGE" && of.status != "FAILED";
        self.transactions.values().filter(is_charge).count()
    }

    /// How many refunds.
    pub fn refunds(&self) -> usize {
        self.transactions.values().filter(|of| of.kind == "REFUND").count()
    }

    /// How many saved methods.
    pub fn saved_methods(&self) -> usize {
        self.saved.len()
    }

    /// How many charges were voided.
    pub fn voids(&self) -> usize {
        self.transactions.values().filter(|of| of.status == "VOIDED").count()
    }

    /// The next id with that beginning: numbered, so that a run can be repeated and ids sort by age; as long as
    /// the gateway's own.
    pub(super) fn new_id(&mut self, prefix: &str) -> String {
        self.last_number += 1;
        let width = 22 - prefix.len();
        format!("{prefix}{:0width$}", self.last_number)
    }

    /// Notes that something happened to a transaction, as it is now; answers with the event's id.
    pub(super) fn record(&mut self, kind: &str, transaction: &str, now: i64) -> String {
        let id = self.new_id("ev");
        let of = self.transactions.get(transaction);
        let body = json!({
            "id": id, "created": moment(now), "type": kind,
            "data": of.map(|of| of.shown(&[])).unwrap_or_default(),
        });
        let is_live = of.is_some_and(|of| of.is_live);
        let event = Event { id: id.clone(), is_live, created_unix: now, body, is_taken: false };
        self.events.push(event);
        id
    }

    pub(super) fn taken(&mut self, event: &str) -> bool {
        let event = self.events.iter_mut().find(|known| known.id == event);
        event.map(|event| event.is_taken = true).is_some()
    }

    /// A transaction as it is read alone: a charge with its refunds.
    pub(super) fn shown(&self, id: &str) -> Option<Value> {
        let of = self.transactions.get(id)?;
        let refunds: Vec<_> = self.refunds_of(id).collect();
        Some(of.shown(&refunds))
    }

    pub(super) fn refunds_of<'a>(
        &'a self,
        charge: &'a str,
    ) -> impl Iterator<Item = &'a Transaction> + 'a {
        self.transactions.values().filter(move |of| of.charge_id.as_deref() == Some(charge))
    }
}
