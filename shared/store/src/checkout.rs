//! Pages to pay on that somebody asked for: what each was for, kept before the gateway is asked.
//!
//! The gateway's page is looked up by our own id, which is all that the payer's browser brings back: no
//! address that it shows is believed (PAY-8). What became of one is kept for the page that says so; what was
//! paid stands on the account and nowhere else.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ClientId, InvoiceId};
use domain::money::Money;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::dynamo::{Condition, Range, Write};
use crate::error::StoreError;
use crate::item::{attributes, new_item, number, read};
use crate::keys::{EXPIRES_AT, Key, prefix};

/// How long one is kept: a bank debit that was begun on it is over long before.
const KEPT: TimeDelta = TimeDelta::days(60);

/// A page to pay on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// Our name for it.
    pub id: String,
    /// Whose invoices.
    pub client: ClientId,
    /// What is paid of which, in that order.
    pub lines: Vec<(InvoiceId, Money)>,
    /// The firm's endpoint at the gateway.
    pub endpoint: String,
    /// The hash of the pay link that it was asked for with; none: a contact asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// When it was asked for.
    pub made_at: DateTime<Utc>,
    /// From when on nobody can pay on it.
    pub ends_at: DateTime<Utc>,
    /// The gateway's page; none until it answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<CheckoutPage>,
    /// What the payer was told last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub told: Option<CheckoutTold>,
    /// Whether another one took its place, so that nothing is paid twice.
    #[serde(default)]
    pub is_replaced: bool,
}

/// The gateway's page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckoutPage {
    /// The gateway's id of it.
    pub id: String,
    /// Where the payer goes.
    pub url: String,
}

/// What a payer who came back was told (PAY-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckoutTold {
    /// It is paid, and on the account.
    Paid,
    /// It is on its way, or can't be told yet.
    Processing,
    /// Nothing was paid.
    Failed,
}

impl Checkout {
    /// The invoices.
    pub fn invoices(&self) -> BTreeSet<&InvoiceId> {
        self.lines.iter().map(|(invoice, _)| invoice).collect()
    }

    /// Whether somebody could pay on it at that moment.
    pub fn is_open(&self, now: DateTime<Utc>) -> bool {
        self.page.is_some() && self.told.is_none() && !self.is_replaced && now < self.ends_at
    }
}

impl Store {
    /// Keeps a new one. `false`: there is one of that name.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn add_checkout(&self, checkout: &Checkout) -> Result<bool, StoreError> {
        self.write_checkout(checkout, Condition::Absent).await
    }

    /// Notes what became of it.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn note_checkout(&self, checkout: &Checkout) -> Result<(), StoreError> {
        self.write_checkout(checkout, Condition::Present).await.map(|_| ())
    }

    async fn write_checkout(
        &self,
        checkout: &Checkout,
        condition: Condition,
    ) -> Result<bool, StoreError> {
        let place = Key::Checkout(&checkout.client, &checkout.id).place(&self.firm);
        let mut item = new_item(&place, 0);
        item.extend(attributes(checkout)?);
        let until = (checkout.made_at + KEPT).timestamp();
        item.insert(EXPIRES_AT.to_owned(), number(u64::try_from(until).unwrap_or(0)));
        self.dynamo.write(Write::Put(item, condition)).await
    }

    /// One of a client's, by our name for it.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn checkout(
        &self,
        client: &ClientId,
        id: &str,
    ) -> Result<Option<Checkout>, StoreError> {
        // What goes into a key is checked before it does.
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || 64 < id.len() || !id.bytes().all(is_plain) {
            return Ok(None);
        }
        let item = self.dynamo.get(&Key::Checkout(client, id).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// All that are kept of a client.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn checkouts(&self, client: &ClientId) -> Result<Vec<Checkout>, StoreError> {
        let range = Range {
            pk: Key::Head(client).pk(&self.firm),
            prefix: Some(prefix::CHECKOUT.to_owned()),
            is_consistent: true,
            ..Range::default()
        };
        let (items, _) = self.dynamo.query(range).await?;
        items.iter().map(read).collect()
    }
}
