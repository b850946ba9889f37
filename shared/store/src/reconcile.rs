//! What came of comparing a gateway's lists with the accounts: one report for each endpoint and day.
//!
//! How far it is stands in the report itself, so that whoever goes on finds counts and place as they belong
//! together, and who was overtaken can write neither. When an endpoint's turn is stands beside, in the index of
//! dawns under a partition of its own: what is due is found without looking at every firm.

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Day;
use domain::id::{ClientId, FirmId, GatewayId, PaymentId};
use domain::money::Money;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::change::instant;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::{Condition, Range, Write};
use crate::error::StoreError;
use crate::item::{
    Item, MAX_ITEM_BYTES, attributes, check_size, corrupt, new_item, number, place_of, read, text,
    version_of,
};
use crate::keys::{
    EXPIRES_AT, Index, Key, PLATFORM_SHARDS, VERSION, prefix, reconcile_pk, reconciling_of, shard,
};
use crate::platform::Platform;

/// How long a report is kept: a year's books can be compared with it, and some weeks to do so.
const KEPT: TimeDelta = TimeDelta::days(400);

/// When an endpoint's turn is, and where its last report is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciling {
    /// Which endpoint.
    pub endpoint: String,
    /// Not before. Whoever is at it puts this off first.
    pub next_at: DateTime<Utc>,
    /// Of which day its last report is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Day>,
    /// Counts the writes; 0: it isn't written yet.
    #[serde(skip)]
    pub version: u64,
}

/// What is listed next.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReconcileStage {
    /// What the gateway told.
    #[default]
    Events,
    /// What was paid.
    Payments,
    /// Payments of before that may still change.
    Open,
    /// Nothing: it is whole.
    Done,
}

/// What was found about a payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// It was not on the account as the gateway has it, and is now.
    Healed,
    /// It isn't what was asked for: nothing was marked, and a task shows both sides (PAY-2).
    Differs,
    /// It names nobody here.
    Unclaimed,
    /// It can't be read, or not be put on its account.
    Unreadable,
}

/// A payment that a person may want to look at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReconcileEntry {
    /// Its id in the whole firm.
    pub payment: PaymentId,
    /// What was found.
    pub found: Found,
    /// How much it is of, if that can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// On whose account it is, or whom it names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// Both sides, or what stood in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

/// How many there were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ReconcileCounts {
    /// What the gateway told about payments.
    pub events: u64,
    /// Of these, such as had never come.
    pub lost: u64,
    /// Payments that were read back.
    pub payments: u64,
    /// Of these, such as were on their accounts as the gateway has them.
    pub agree: u64,
    /// Payments that were put right.
    pub healed: u64,
    /// Payments that are not what was asked for.
    pub differ: u64,
    /// Payments that name nobody here.
    pub unclaimed: u64,
    /// Payments that nobody could make anything of.
    pub unreadable: u64,
    /// The firm's other sales.
    pub others: u64,
    /// Payments that nobody made yet.
    pub not_paid: u64,
}

/// A report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    /// Of which day, where the firm is.
    pub day: Day,
    /// Stands for the endpoint, whose own id opens its address.
    pub name: String,
    /// Of which gateway.
    pub gateway: GatewayId,
    /// Whether its money is real.
    pub is_live: bool,
    /// When it was begun.
    pub begun_at: DateTime<Utc>,
    /// When it was whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<DateTime<Utc>>,
    /// From when on things are looked at.
    pub from: DateTime<Utc>,
    /// Until when.
    pub to: DateTime<Utc>,
    /// Whether it begins where the last one that was whole left nothing out.
    #[serde(default)]
    pub is_gapless: bool,
    /// Until when nothing is left out, of all reports so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whole_to: Option<DateTime<Utc>>,
    /// What is listed next.
    #[serde(default)]
    pub stage: ReconcileStage,
    /// Which page of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// How many of that page are done.
    #[serde(default)]
    pub done: u32,
    /// How many there were.
    #[serde(default)]
    pub counts: ReconcileCounts,
    /// Those that a person may want to look at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entries: Vec<ReconcileEntry>,
    /// How many more of these there were.
    #[serde(default)]
    pub left_out: u64,
    /// Payments that were open when the last one ended, to be read again: the gateway's ids.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open_before: Vec<String>,
    /// Payments that are open now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub open: Vec<String>,
    /// Lists that this gateway doesn't have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_listed: Vec<String>,
    /// What stood in the way the last time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<String>,
    /// How often in a row.
    #[serde(default)]
    pub failures: u32,
    /// Counts the writes; 0: it isn't written yet.
    #[serde(skip)]
    pub version: u64,
}

impl Store {
    /// When an endpoint's turn is; `None`: nobody said so yet.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn reconciling(&self, endpoint: &str) -> Result<Option<Reconciling>, StoreError> {
        let item = self.dynamo.get(&Key::Reconciling(endpoint).place(&self.firm)).await?;
        let with_version = |item: &Item| {
            let version = version_of(item);
            read(item).map(|known| Reconciling { version, ..known })
        };
        item.as_ref().map(with_version).transpose()
    }

    /// Says when it is, against what was read of it. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn put_reconciling(&self, turn: &Reconciling) -> Result<bool, StoreError> {
        let write = reconciling_write(&self.firm, turn, as_read(turn.version))?;
        self.dynamo.write(write).await
    }

    /// The endpoint is gone, and has no turn any more.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn drop_reconciling(&self, endpoint: &str) -> Result<(), StoreError> {
        let place = Key::Reconciling(endpoint).place(&self.firm);
        self.dynamo.write(Write::Delete(place, Condition::Always)).await.map(|_| ())
    }

    /// The report of a day, by its endpoint's name.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn reconciliation(
        &self,
        day: Day,
        name: &str,
    ) -> Result<Option<Reconciliation>, StoreError> {
        let item = self.dynamo.get(&Key::Reconciliation(day, name).place(&self.firm)).await?;
        item.as_ref().map(report).transpose()
    }

    /// Writes it, against what was read of it. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has; [`StoreError::TooLarge`].
    pub async fn put_reconciliation(&self, report: &Reconciliation) -> Result<bool, StoreError> {
        let place = Key::Reconciliation(report.day, &report.name).place(&self.firm);
        let mut item = new_item(&place, report.version + 1);
        item.extend(attributes(report)?);
        let expires_at = (report.begun_at + KEPT).timestamp();
        item.insert(EXPIRES_AT.to_owned(), number(u64::try_from(expires_at).unwrap_or(0)));
        check_size(&item, MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, as_read(report.version))).await
    }

    /// All of them, the newest day first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn reconciliations(
        &self,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Reconciliation>, StoreError> {
        let range = Range {
            pk: Key::Settings.pk(&self.firm),
            prefix: Some(prefix::RECONCILIATION.to_owned()),
            is_backwards: true,
            ..Range::default()
        };
        let owner = range.pk.clone();
        self.dynamo.list(&[range], &owner, page, |item| report(item).map(Some)).await
    }
}

impl Platform {
    /// Endpoints whose turn has come by `now`, the longest due first; at most so many of each shard.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn to_reconcile(
        &self,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(FirmId, String)>, StoreError> {
        let limit = Some(i32::try_from(limit).unwrap_or(i32::MAX));
        let mut items = self.until(Index::Dawn, reconcile_pk, &instant(now), limit).await?;
        let (_, sk) = Index::Dawn.attributes();
        let since = |item: &Item| crate::item::get_text(item, sk).unwrap_or_default().to_owned();
        items.sort_by_key(since);
        let endpoint = |item: &Item| {
            reconciling_of(&place_of(item))
                .ok_or_else(|| corrupt(item, "its key names no endpoint"))
        };
        items.iter().map(endpoint).collect()
    }
}

/// A new endpoint's turn is at once: what was paid before it was opened is found.
pub(crate) fn first_turn(firm: &FirmId, endpoint: &str) -> Result<Write, StoreError> {
    let (endpoint, next_at) = (endpoint.to_owned(), DateTime::UNIX_EPOCH);
    let turn = Reconciling { endpoint, next_at, last: None, version: 0 };
    reconciling_write(firm, &turn, Condition::Always)
}

/// An endpoint's turn, as it is written.
pub(crate) fn reconciling_write(
    firm: &FirmId,
    turn: &Reconciling,
    condition: Condition,
) -> Result<Write, StoreError> {
    let mut item = new_item(&Key::Reconciling(&turn.endpoint).place(firm), turn.version + 1);
    item.extend(attributes(turn)?);
    let (pk, sk) = Index::Dawn.attributes();
    item.insert(pk.to_owned(), text(reconcile_pk(shard(firm.as_str(), PLATFORM_SHARDS))));
    item.insert(sk.to_owned(), text(instant(turn.next_at)));
    Ok(Write::Put(item, condition))
}

fn report(item: &Item) -> Result<Reconciliation, StoreError> {
    let version = version_of(item);
    read(item).map(|report| Reconciliation { version, ..report })
}

fn as_read(version: u64) -> Condition {
    match version {
        0 => Condition::Absent,
        version => Condition::Equals(VERSION, number(version)),
    }
}
