//! The outbox: letters and webhooks that are not final, by the time they are ready.
//!
//! A commit puts a letter in (see [`Derived::ready_at`](crate::Derived::ready_at)); from then on
//! somebody is responsible for it until its outcome is written here. What the mail service said is kept
//! beside the letter, not in the account, and takes no part in its version.

use chrono::{DateTime, Utc};
use domain::id::ClientId;
use domain::letter::LetterId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::change::instant;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{Item, attributes, corrupt, text};
use crate::keys::{Index, Key, PLATFORM_SHARDS, Place, outbox_pk, outbox_sk, shard};

/// What became of a letter at the mail service.
pub(crate) const DELIVERY: &str = "delivery";

/// What became of a letter after it was claimed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// How it went.
    pub state: DeliveryState,
    /// When that was known.
    pub at: DateTime<Utc>,
    /// The mail service's id of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The hash of what was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// What went wrong, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// How the sending of a letter went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The mail service took it.
    Sent,
    /// It didn't, and never will.
    Failed,
    /// It may have; nobody knows, so it isn't sent again (LET-4).
    Uncertain,
}

impl Store {
    /// Looks at a queued letter again from that instant on: quiet hours, a mail service that is down.
    /// `false`: it is no longer queued.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn postpone_letter(
        &self,
        client: &ClientId,
        letter: LetterId,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::QueuedLetter(client, letter).place(&self.firm);
        self.postpone(place, ready_at).await
    }

    /// Looks at a claimed letter again from that instant on. `false`: there is no such letter.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn watch_letter(
        &self,
        client: &ClientId,
        letter: LetterId,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::Letter(client, letter).place(&self.firm);
        self.postpone(place, ready_at).await
    }

    /// Writes what became of a claimed letter, once: the first outcome stays. `false`: there is one already.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn letter_delivered(
        &self,
        client: &ClientId,
        letter: LetterId,
        delivery: &Delivery,
    ) -> Result<bool, StoreError> {
        let place = Key::Letter(client, letter).place(&self.firm);
        let value = aws_sdk_dynamodb::types::AttributeValue::M(attributes(delivery)?);
        let (pk, sk) = Index::Outbox.attributes();
        let set = vec![(DELIVERY, value)];
        let write = Write::Update(place, set, vec![pk, sk], Condition::Without(DELIVERY));
        self.dynamo.write(write).await
    }

    pub(crate) async fn postpone(
        &self,
        place: Place,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let set = outbox_attributes(&place, ready_at).to_vec();
        self.dynamo.write(Write::Update(place, set, Vec::new(), Condition::Present)).await
    }
}

/// What puts an item into the outbox.
pub(crate) fn outbox_attributes(
    place: &Place,
    ready_at: DateTime<Utc>,
) -> [(&'static str, aws_sdk_dynamodb::types::AttributeValue); 2] {
    let (pk, sk) = Index::Outbox.attributes();
    [
        (pk, text(outbox_pk(shard(&place.pk, PLATFORM_SHARDS)))),
        (sk, text(outbox_sk(&instant(ready_at), place))),
    ]
}

pub(crate) fn delivery(item: &Item) -> Result<Option<Delivery>, StoreError> {
    let Some(value) = item.get(DELIVERY) else { return Ok(None) };
    serde_dynamo::from_attribute_value(value.clone())
        .map(Some)
        .map_err(|error| corrupt(item, error))
}

/// Puts an item into the outbox from that instant on, or takes it out.
pub(crate) fn to_outbox(item: &mut Item, place: &Place, ready_at: Option<DateTime<Utc>>) {
    let (pk, sk) = Index::Outbox.attributes();
    item.remove(pk);
    item.remove(sk);
    if let Some(ready_at) = ready_at {
        item.extend(
            outbox_attributes(place, ready_at).map(|(name, value)| (name.to_owned(), value)),
        );
    }
}
