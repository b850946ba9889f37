//! Clients that lived, and their copies.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::account::{Contact, Profile};
use domain::calendar::Day;
use domain::command::{Command, NewInvoice};
use domain::id::ClientId;
use domain::money::{Currency, Money};
use domain::policy::read::preset_text;
use domain::role::{Actor, Role};
use domain::text::Personal;
use dynoxide::{AttributeValue, Item};
use services::execute::{Caller, execute};
use services::firm::Firm;
use store::{
    CommitMeta, DEFAULT_SHARDS, Dynamo, FirmChange, FirmCommit, FirmSettings, Index, Key, Place,
    PolicyDocument, Store, shard,
};

use super::Table;

/// The firm of all measurements.
pub const FIRM: &str = "acme";

/// A firm under the preset `cpa`, in New York.
pub struct Office {
    /// It.
    pub firm: Firm,
}

impl Office {
    /// Opens it on that table.
    pub async fn open(dynamo: &Dynamo, today: Day) -> Self {
        let store = Store::new(dynamo.clone(), FIRM.parse().unwrap());
        let meta = CommitMeta {
            at: noon(today),
            day: today,
            actor: Actor::Schedule,
            command: "open".to_owned(),
            policy: None,
            request_id: None,
            rule: None,
        };
        let settings = FirmSettings::new("Acme", "America/New_York".parse().unwrap());
        assert_eq!(store.open_firm(&settings, &meta).await.unwrap(), FirmCommit::Done);
        let policy = PolicyDocument {
            class: "regular".parse().unwrap(),
            version: 1,
            document: preset_text("cpa").unwrap().to_owned(),
            effective_on: "2020-01-01".parse().unwrap(),
            author: None,
            state: Default::default(),
            new_steps: Default::default(),
            late_fee_since: None,
        };
        let loaded = store.load_firm().await.unwrap().unwrap();
        let armed = FirmChange::PolicyArmed(policy);
        assert_eq!(store.change_firm(&loaded, &armed, &meta).await.unwrap(), FirmCommit::Done);
        let firm = Firm::open(dynamo.clone(), FIRM.parse().unwrap()).await.unwrap().unwrap();
        Self { firm }
    }

    /// Carries out a command at noon of that day.
    pub async fn act(&self, client: &ClientId, command: &Command, on: Day) {
        let actor = Actor::Staff { id: "bea".parse().unwrap(), roles: Role::ALL.into() };
        let caller = match command {
            Command::Evaluate | Command::ClaimLetter { .. } => Caller::new(Actor::Schedule),
            _ => Caller::new(actor),
        };
        execute(&self.firm, client, command, &caller, noon(on)).await.unwrap();
    }

    /// Opens a client.
    pub async fn client(&self, id: &ClientId, on: Day) {
        let contact = Contact { address: Personal::new("ann@acme.example"), is_bounced: false };
        let profile = Profile {
            name: Personal::new(id.as_str()),
            class: "regular".parse().unwrap(),
            currency: Currency::USD,
            contacts: vec![contact],
            service_lines: Default::default(),
            terms_allow_late_fee: false,
            language: None,
            late_fee_terms_since: None,
            jurisdiction: None,
        };
        self.act(id, &Command::OpenAccount(profile), on).await;
    }

    /// Issues an invoice of $100, due in 30 days.
    pub async fn invoice(&self, client: &ClientId, id: &str, on: Day) {
        let invoice = NewInvoice {
            id: id.parse().unwrap(),
            kind: Default::default(),
            service_line: None,
            lines: Vec::new(),
            total: Money::new(10_000, Currency::USD),
            issued_on: None,
            due_on: None,
            posts_on: None,
            is_draft: false,
            deposit: None,
        };
        self.act(client, &Command::IssueInvoice(invoice), on).await;
    }

    /// What the day brings: the evaluation if the client is due, and its letters leave.
    pub(super) async fn pass(&self, client: &ClientId, day: Day) {
        let loaded = self.firm.store().load(client).await.unwrap().unwrap();
        if loaded.next_evaluation().is_some_and(|next| next <= day) {
            self.act(client, &Command::Evaluate, day).await;
        }
        let loaded = self.firm.store().load(client).await.unwrap().unwrap();
        for &letter in loaded.account.letters.keys() {
            self.act(client, &Command::ClaimLetter { letter }, day).await;
        }
    }
}

/// A client that lived by the real commands up to a morning: its items.
pub struct Model {
    id: ClientId,
    items: Vec<Item>,
    /// The day on which it is evaluated next.
    pub next_evaluation: Option<Day>,
}

impl Model {
    /// Lives on a table of its own until the evening before `today`; each invoice was issued so many days
    /// before today.
    pub async fn lived(today: Day, invoices: &[i64]) -> Self {
        let table = Table::open().await;
        let oldest = invoices.iter().max().copied().unwrap_or(1);
        let first = today - TimeDelta::days(oldest);
        let office = Office::open(table.dynamo(), first).await;
        let id: ClientId = "c-model-".parse().unwrap();
        office.client(&id, first).await;
        for age in (1..=oldest).rev() {
            let day = today - TimeDelta::days(age);
            if invoices.contains(&age) {
                office.invoice(&id, &format!("{id}-{age}"), day).await;
            }
            office.pass(&id, day).await;
        }
        let store = office.firm.store();
        let next_evaluation = store.load(&id).await.unwrap().unwrap().next_evaluation();
        let mut items = table.partition(&Key::Head(&id).pk(store.firm()));
        for age in invoices {
            let number = format!("{id}-{age}").parse().unwrap();
            items.extend(table.partition(&Key::InvoiceNumber(&number).pk(store.firm())));
        }
        Self { id, items, next_evaluation }
    }

    /// The same under another id, which is as long.
    pub fn copy(&self, id: &ClientId) -> Vec<Item> {
        assert_eq!(id.as_str().len(), self.id.as_str().len(), "copies are as large");
        let rename = |item: &Item| {
            let renamed = item
                .iter()
                .map(|(name, value)| (name.clone(), renamed(value, self.id.as_str(), id.as_str())));
            let mut item: Item = renamed.collect();
            let (pk, _) = Index::Due.attributes();
            if let Some(due) = item.get_mut(pk) {
                let shard = shard(id.as_str(), DEFAULT_SHARDS);
                *due = AttributeValue::S(format!("F#{FIRM}#D#{shard}"));
            }
            item
        };
        self.items.iter().map(rename).collect()
    }

    /// Those items by where they are.
    pub fn copy_by_place(&self, id: &ClientId) -> HashMap<Place, Item> {
        self.copy(id).into_iter().map(|item| (Table::place(&item), item)).collect()
    }
}

fn renamed(value: &AttributeValue, from: &str, to: &str) -> AttributeValue {
    match value {
        AttributeValue::S(text) => AttributeValue::S(text.replace(from, to)),
        AttributeValue::L(list) => {
            AttributeValue::L(list.iter().map(|value| renamed(value, from, to)).collect())
        }
        AttributeValue::M(map) => {
            let renamed = map.iter().map(|(name, value)| (name.clone(), renamed(value, from, to)));
            AttributeValue::M(renamed.collect())
        }
        other => other.clone(),
    }
}

/// Noon in New York, as long as its clocks aren't changed.
pub fn noon(day: Day) -> DateTime<Utc> {
    day.and_hms_opt(16, 0, 0).unwrap().and_utc()
}
