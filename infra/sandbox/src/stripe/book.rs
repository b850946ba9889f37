//! Everything that the sandbox remembers.

use std::collections::{BTreeMap, BTreeSet};

use domain::calendar::Day;
use gateways::stripe::API_VERSION;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::days::Debit;
use super::methods::Does;
use super::objects::{
    Charge, Customer, Dispute, Event, EventData, EventRequest, Intent, LineItem, Metadata,
    PaymentMethod, Refund, Session, SetupIntent,
};
use super::render;

/// Stands for an account where the key's own one is used in live mode: at Stripe its two modes share no object,
/// as two accounts share none.
pub(super) const LIVE: &str = "live";

/// All objects by id, which are in the order in which they were made, and all events.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Book {
    last_number: u64,
    pub(super) sessions: BTreeMap<String, Session>,
    pub(super) intents: BTreeMap<String, Intent>,
    pub(super) charges: BTreeMap<String, Charge>,
    pub(super) refunds: BTreeMap<String, Refund>,
    pub(super) disputes: BTreeMap<String, Dispute>,
    pub(super) events: BTreeMap<String, Event>,
    pub(super) customers: BTreeMap<String, Customer>,
    pub(super) methods: BTreeMap<String, PaymentMethod>,
    pub(super) setups: BTreeMap<String, SetupIntent>,
    /// By saved method: what it does when it is charged.
    pub(super) does: BTreeMap<String, Does>,
    /// Saved bank accounts that may not be debited any more.
    pub(super) void_mandates: BTreeSet<String>,
    /// Pages on which the method is saved while it is paid with.
    pub(super) saving: BTreeSet<String>,
    /// Events whose webhooks were lost for good.
    pub(super) given_up: BTreeSet<String>,
    /// By session: what its payment will carry once somebody pays.
    pub(super) intent_metadata: BTreeMap<String, Metadata>,
    /// By session: what is paid for on its page.
    pub(super) line_items: BTreeMap<String, Vec<LineItem>>,
    /// By session: the day on which it was opened.
    pub(super) opened_on: BTreeMap<String, Day>,
    /// By payment: bank debits whose end is to come.
    pub(super) debits: BTreeMap<String, Debit>,
    /// The firm's day, once somebody said it.
    pub(super) day: Option<Day>,
    /// By object: the connected account that it belongs to. Those of the own account are not here.
    pub(super) accounts: BTreeMap<String, String>,
    /// By account and idempotency key.
    pub(super) answers: BTreeMap<String, KeptAnswer>,
}

/// The first answer to an idempotency key.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct KeptAnswer {
    pub request: String,
    pub answer: Value,
    /// 200, or the 402 of a payment that was tried and declined.
    #[serde(default = "ok")]
    pub status: u16,
    pub at: i64,
}

fn ok() -> u16 {
    200
}

impl Book {
    /// The next id with that prefix: numbered, so that a run can be repeated and ids sort by age.
    pub(super) fn new_id(&mut self, prefix: &str, account: Option<&str>) -> String {
        self.last_number += 1;
        let id = format!("{prefix}_{:012}", self.last_number);
        if let Some(account) = account {
            self.accounts.insert(id.clone(), account.to_owned());
        }
        id
    }

    /// The account that an object belongs to; none for the own one.
    pub(super) fn account(&self, id: &str) -> Option<&str> {
        self.accounts.get(id).map(String::as_str)
    }

    /// Whether its money would be real at Stripe.
    pub(super) fn is_live(&self, id: &str) -> bool {
        self.account(id) == Some(LIVE)
    }

    /// Any object by its id, as Stripe sends it.
    pub(super) fn object(&self, id: &str) -> Option<Value> {
        let (prefix, _) = id.rsplit_once('_')?;
        match prefix {
            "cs_test" => self.sessions.get(id).map(render::plain),
            "pi" => self.intents.get(id).map(render::plain),
            "ch" => self.charges.get(id).map(render::plain),
            "re" => self.refunds.get(id).map(render::plain),
            "dp" => self.disputes.get(id).map(render::plain),
            "cus" => self.customers.get(id).map(render::plain),
            "pm" => self.methods.get(id).map(render::plain),
            "seti" => self.setups.get(id).map(render::plain),
            "evt" => self.events.get(id).map(render::plain),
            _ => None,
        }
    }

    /// Notes that something happened to an object, as it is now; answers with the event's id.
    pub(super) fn record(&mut self, kind: &str, object_id: &str, now: i64) -> String {
        let account = self.account(object_id).map(str::to_owned);
        let id = self.new_id("evt", account.as_deref());
        let event = Event {
            id: id.clone(),
            object: "event".to_owned(),
            api_version: API_VERSION.to_owned(),
            account: account.filter(|account| account != LIVE),
            created: now,
            data: EventData { object: self.object(object_id).unwrap_or_default() },
            livemode: self.is_live(object_id),
            pending_webhooks: 1,
            request: EventRequest::default(),
            r#type: kind.to_owned(),
        };
        self.events.insert(id.clone(), event);
        id
    }

    /// The session that a payment was made on.
    pub(super) fn session_of(&self, intent: &str) -> Option<String> {
        let is_of = |session: &&Session| session.payment_intent.as_deref() == Some(intent);
        self.sessions.values().find(is_of).map(|session| session.id.clone())
    }
}
