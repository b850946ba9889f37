//! Charges, voids and refunds, and what the gateway tells of each.

use domain::calendar::{Day, plus};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::acts::{ActError, Done};
use super::book::{Book, moment};
use super::days::CLEARS_AFTER_DAYS;
use super::instruments::{Fate, PayWith};

/// A charge or a refund.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its id.
    pub id: String,
    /// `CHARGE` or `REFUND`.
    pub kind: String,
    /// Which side it is on.
    pub is_live: bool,
    /// When it was made, in Unix seconds.
    pub created_unix: i64,
    /// When it changed last.
    pub modified_unix: i64,
    /// The deposit account.
    pub account_id: String,
    /// `PENDING`, `AUTHORIZED`, `COMPLETED`, `VOIDED` or `FAILED`.
    pub status: String,
    /// Why it failed.
    pub failure_code: Option<String>,
    /// In the currency's smallest unit.
    pub amount: u64,
    /// What the merchant wrote on it.
    pub reference: Option<String>,
    /// What the merchant wrote on the void.
    pub void_reference: Option<String>,
    /// What else the merchant wrote on it.
    pub data: Value,
    /// What was paid with.
    pub with: PayWith,
    /// On a refund: the charge.
    pub charge_id: Option<String>,
    /// The day on which it was made.
    pub made_on: Day,
    /// The day on which it is captured or clears.
    pub due_on: Day,
}

impl Transaction {
    /// As the gateway shows it, with those refunds.
    pub(super) fn shown(&self, refunds: &[&Self]) -> Value {
        let mut shown = Map::new();
        let mut put = |name: &str, value: Value| shown.insert(name.to_owned(), value);
        put("id", json!(self.id));
        put("type", json!(self.kind));
        put("created", json!(moment(self.created_unix)));
        put("modified", json!(moment(self.modified_unix)));
        put("account_id", json!(self.account_id));
        put("status", json!(self.status));
        put("amount", json!(self.amount));
        put("currency", json!("USD"));
        put("auto_capture", json!(true));
        put("method", self.with.shown());
        let texts = [
            ("failure_code", &self.failure_code),
            ("reference", &self.reference),
            ("void_reference", &self.void_reference),
            ("charge_id", &self.charge_id),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                put(name, json!(text));
            }
        }
        if !self.data.is_null() {
            put("data", self.data.clone());
        }
        if self.kind == "CHARGE" {
            let live = refunds.iter().filter(|refund| refund.is_alive());
            put("amount_refunded", json!(live.map(|refund| refund.amount).sum::<u64>()));
            let refunds: Vec<_> = refunds.iter().map(|refund| refund.shown(&[])).collect();
            put("refunds", json!(refunds));
        }
        Value::Object(shown)
    }

    pub(super) fn is_alive(&self) -> bool {
        !matches!(self.status.as_str(), "FAILED" | "VOIDED")
    }
}

/// A charge to be made.
pub(super) struct NewCharge {
    pub is_live: bool,
    pub account_id: String,
    pub amount: u64,
    pub reference: Option<String>,
    pub data: Value,
    pub with: PayWith,
}

impl Book {
    /// Charges at once. One that is declined stays, as failed, and is the error's subject.
    pub(super) fn charge(&mut self, new: NewCharge, now: i64) -> (Done, Option<&'static str>) {
        let id = self.new_id("tx");
        let today = self.today(now);
        let is_bank = new.with.is_bank();
        let due_on = plus(today, if is_bank { CLEARS_AFTER_DAYS } else { 1 });
        let fate = new.with.fate();
        let transaction = Transaction {
            id: id.clone(),
            kind: "CHARGE".to_owned(),
            is_live: new.is_live,
            created_unix: now,
            modified_unix: now,
            account_id: new.account_id,
            status: "PENDING".to_owned(),
            failure_code: None,
            amount: new.amount,
            reference: new.reference,
            void_reference: None,
            data: new.data,
            with: new.with,
            charge_id: None,
            made_on: today,
            due_on,
        };
        self.transactions.insert(id.clone(), transaction);
        let created = self.record("transaction.created", &id, now);
        let (declined, told) = match fate {
            Fate::Declines(code) => (Some(code), self.turn(&id, "FAILED", Some(code), now)),
            Fate::Pays | Fate::Fails(_) => (None, self.turn(&id, "AUTHORIZED", None, now)),
        };
        (Done { object: id, events: vec![created, told] }, declined)
    }

    /// Gives a transaction another status, and tells.
    pub(super) fn turn(&mut self, id: &str, status: &str, code: Option<&str>, now: i64) -> String {
        if let Some(of) = self.transactions.get_mut(id) {
            of.status = status.to_owned();
            of.failure_code = code.map(str::to_owned);
            of.modified_unix = now;
        }
        let kind = match status {
            "AUTHORIZED" => "transaction.authorized",
            "COMPLETED" => "transaction.completed",
            "VOIDED" => "transaction.voided",
            "FAILED" => "transaction.failed",
            _ => "transaction.updated",
        };
        self.record(kind, id, now)
    }

    pub(super) fn transaction(&self, id: &str) -> Result<&Transaction, ActError> {
        self.transactions.get(id).ok_or_else(|| ActError::Missing { id: id.to_owned() })
    }

    /// Until it is captured; a charge only without refunds.
    pub(super) fn void(
        &mut self,
        id: &str,
        reference: Option<String>,
        now: i64,
    ) -> Result<Done, ActError> {
        let of = self.transaction(id)?;
        let has_refunds = self.refunds_of(id).any(Transaction::is_alive);
        if !matches!(of.status.as_str(), "PENDING" | "AUTHORIZED") || has_refunds {
            return Err(ActError::refused("not_valid_for_transaction_status"));
        }
        if let Some(of) = self.transactions.get_mut(id) {
            of.void_reference = reference;
        }
        let told = self.turn(id, "VOIDED", None, now);
        Ok(Done { object: id.to_owned(), events: vec![told] })
    }

    /// Of a card it waits for the next capture, of an eCheck until the charge has cleared.
    pub(super) fn refund(
        &mut self,
        charge: &str,
        amount: Option<u64>,
        (reference, data): (Option<String>, Value),
        now: i64,
    ) -> Result<Done, ActError> {
        let of = self.transaction(charge)?.clone();
        if of.kind != "CHARGE" || !matches!(of.status.as_str(), "AUTHORIZED" | "COMPLETED") {
            return Err(ActError::refused("not_valid_for_transaction_status"));
        }
        let given: u64 =
            self.refunds_of(charge).filter(|of| of.is_alive()).map(|of| of.amount).sum();
        let left = of.amount.saturating_sub(given);
        let amount = amount.unwrap_or(left);
        if amount == 0 || left < amount {
            return Err(ActError::refused("refund_exceeds_transaction"));
        }
        let today = self.today(now);
        let waits = of.with.is_bank() && of.status != "COMPLETED";
        let id = self.new_id("rf");
        let refund = Transaction {
            id: id.clone(),
            kind: "REFUND".to_owned(),
            created_unix: now,
            modified_unix: now,
            status: "PENDING".to_owned(),
            failure_code: None,
            amount,
            reference,
            void_reference: None,
            data,
            charge_id: Some(charge.to_owned()),
            made_on: today,
            due_on: plus(today, 1),
            ..of
        };
        self.transactions.insert(id.clone(), refund);
        let created = self.record("transaction.created", &id, now);
        let told = if waits {
            self.record("transaction.pending_parent_settlement", &id, now)
        } else {
            self.turn(&id, "AUTHORIZED", None, now)
        };
        Ok(Done { object: id, events: vec![created, told] })
    }
}
