//! The webhook inbox: what a gateway told, kept before anything is done about it.
//!
//! An entry is put only if absent, so a redelivered webhook is seen as one; looking first makes that cost
//! no write. Pending ones are in the outbox index: when a function dies or the gateway can't be asked,
//! the sweeper goes on (PAY-2).

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{FirmId, GatewayId};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{attributes, new_item, number, read, text};
use crate::keys::{EXPIRES_AT, Index, Key};
use crate::outbox::to_outbox;

/// How long an entry is kept: longer than any gateway delivers again.
const KEPT: TimeDelta = TimeDelta::days(90);

/// A webhook that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// For which firm.
    pub firm: FirmId,
    /// From which gateway.
    pub gateway: GatewayId,
    /// The gateway's id of the event.
    pub event: String,
    /// At which endpoint.
    pub endpoint: String,
    /// What the event points to, as the caller wrote it.
    pub hint: String,
    /// When it came first.
    pub received_at: DateTime<Utc>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// How it ended, once it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<String>,
}

/// What was known of a webhook when it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Received {
    /// Nothing.
    New,
    /// It came before, and is as this says.
    Before(Box<Webhook>),
}

/// What came last at an endpoint: for whoever sets it up, and wonders whether anything arrives. It is written
/// down now and then, not each time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndpointNews {
    /// Whether an event was ever kept or done with: from then on it is set up.
    #[serde(default)]
    pub has_taken: bool,
    /// What was the gateway's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub came: Option<Came>,
    /// What could not be told to be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused: Option<Came>,
}

/// Something that came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Came {
    /// When, by the machine's clock.
    pub at: DateTime<Utc>,
    /// What became of it.
    pub outcome: String,
}

impl Store {
    /// What came last at an endpoint.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn endpoint_news(&self, endpoint: &str) -> Result<EndpointNews, StoreError> {
        let item = self.dynamo.get(&Key::EndpointNews(endpoint).place(&self.firm)).await?;
        Ok(item.as_ref().map(read).transpose()?.unwrap_or_default())
    }

    /// Keeps what came last at an endpoint.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn note_endpoint(
        &self,
        endpoint: &str,
        news: &EndpointNews,
    ) -> Result<(), StoreError> {
        let mut item = new_item(&Key::EndpointNews(endpoint).place(&self.firm), 0);
        item.extend(attributes(news)?);
        self.dynamo.write(Write::Put(item, Condition::Always)).await?;
        Ok(())
    }

    /// Keeps a webhook, to be looked at again at `ready_at` unless it is finished before.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn receive(
        &self,
        webhook: &Webhook,
        ready_at: DateTime<Utc>,
    ) -> Result<Received, StoreError> {
        let place = Key::Inbox(&webhook.gateway, &webhook.event).place(&self.firm);
        if let Some(known) = self.dynamo.glance(&place).await? {
            return Ok(Received::Before(Box::new(read(&known)?)));
        }
        let mut item = new_item(&place, 0);
        item.extend(attributes(webhook)?);
        to_outbox(&mut item, &place, Some(ready_at));
        let expires_at = (webhook.received_at + KEPT).timestamp();
        item.insert(EXPIRES_AT.to_owned(), number(u64::try_from(expires_at).unwrap_or(0)));
        if self.dynamo.write(Write::Put(item, Condition::Absent)).await? {
            return Ok(Received::New);
        }
        let known = self.webhook(&webhook.gateway, &webhook.event).await?;
        Ok(known.map_or(Received::New, |known| Received::Before(Box::new(known))))
    }

    /// A webhook that came.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn webhook(
        &self,
        gateway: &GatewayId,
        event: &str,
    ) -> Result<Option<Webhook>, StoreError> {
        let item = self.dynamo.get(&Key::Inbox(gateway, event).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// It is finished, one way or another; only the first says how. `false`: it was finished before.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn finish_webhook(
        &self,
        gateway: &GatewayId,
        event: &str,
        outcome: &str,
    ) -> Result<bool, StoreError> {
        let place = Key::Inbox(gateway, event).place(&self.firm);
        let (pk, sk) = Index::Outbox.attributes();
        let set = vec![("outcome", text(outcome))];
        let write = Write::Update(place, set, vec![pk, sk], Condition::Without("outcome"));
        self.dynamo.write(write).await
    }

    /// It is to be tried again at `ready_at`. `false`: it is finished.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn postpone_webhook(
        &self,
        gateway: &GatewayId,
        event: &str,
        attempts: u32,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::Inbox(gateway, event).place(&self.firm);
        let mut set = crate::outbox::outbox_attributes(&place, ready_at).to_vec();
        set.push(("attempts", number(u64::from(attempts))));
        self.dynamo
            .write(Write::Update(place, set, Vec::new(), Condition::Without("outcome")))
            .await
    }
}
