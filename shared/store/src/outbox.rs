//! The outbox: letters and webhooks that are not final, by the time they are ready.
//!
//! A commit puts a letter in (see [`Derived::ready_at`](crate::Derived::ready_at)); from then on
//! somebody is responsible for it until its outcome is written here. What the mail service said is kept
//! beside the letter, not in the account, and takes no part in its version.

use chrono::{DateTime, Utc};
use domain::charge::{Charge, ChargeId};
use domain::id::{ClientId, InvoiceId};
use domain::letter::LetterId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::change::instant;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{Item, attributes, corrupt, get_number, number, read, text};
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

/// When a gateway was first asked for a charge.
const FIRST_TRIED: &str = "first_tried";

/// How often it was.
const ATTEMPTS: &str = "attempts";

/// What is known of a charge that the gateway is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChargeTries {
    /// When it was asked first, in Unix seconds; `None`: never before.
    pub first_unix: Option<i64>,
    /// How often it was asked before.
    pub before: u32,
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

    /// Looks at a charge again from that instant on. `false`: it has ended.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn postpone_charge(
        &self,
        client: &ClientId,
        invoice: &InvoiceId,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::OpenCharge(client, invoice).place(&self.firm);
        self.postpone(place, ready_at).await
    }

    /// The gateway is about to be asked for that attempt: since when it was, and how often before; `None`: the
    /// attempt has ended. What is counted here takes no part in the account's version.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn charge_tried(
        &self,
        client: &ClientId,
        charge: &ChargeId,
        now: DateTime<Utc>,
    ) -> Result<Option<ChargeTries>, StoreError> {
        let place = Key::OpenCharge(client, &charge.invoice).place(&self.firm);
        let Some(item) = self.dynamo.get(&place).await? else { return Ok(None) };
        let known: Charge = read(&item)?;
        if known.id != *charge {
            return Ok(None);
        }
        let first_unix = get_number(&item, FIRST_TRIED).and_then(|first| i64::try_from(first).ok());
        let before = get_number(&item, ATTEMPTS).unwrap_or(0);
        let now_unix = u64::try_from(now.timestamp()).unwrap_or(0);
        let mut set = vec![(ATTEMPTS, number(before + 1))];
        set.extend(first_unix.is_none().then(|| (FIRST_TRIED, number(now_unix))));
        let condition = match item.get(ATTEMPTS) {
            Some(read) => Condition::Equals(ATTEMPTS, read.clone()),
            None => Condition::Without(ATTEMPTS),
        };
        let is_written =
            self.dynamo.write(Write::Update(place, set, Vec::new(), condition)).await?;
        let before = u32::try_from(before).unwrap_or(u32::MAX);
        Ok(is_written.then_some(ChargeTries { first_unix, before }))
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
