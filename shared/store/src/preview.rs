//! Previews of draft policies (POL-6): how far one is, what it found page by page, and what that comes to.
//!
//! A preview writes here and nowhere else. Its head says how far it is and waits in the outbox while there is work to
//! be done; it is written against what was read of it, together with a page, so a page that is brought twice, or by
//! two at once, is there once. What the pages come to is written at the end. All of it goes after some days.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Day;
use domain::id::{ClassId, ClientId, FirmId, StaffId};
use domain::letter::LetterKind;
use domain::money::Currency;
use domain::run::{Caps, Withheld};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::{Condition, Range, Transacted, Write};
use crate::error::StoreError;
use crate::item::{
    Item, MAX_ITEM_BYTES, attributes, check_schema, check_size, corrupt, get_number, get_text,
    new_item, number, read, text, version_of,
};
use crate::keys::{EXPIRES_AT, Key, Place, VERSION, prefix};
use crate::outbox::to_outbox;

/// How the id of a preview begins: runs of other things are kept beside it.
pub const PREVIEW_PREFIX: &str = "preview-";

/// The longest id of a preview.
pub const MAX_PREVIEW_ID: usize = 100;

/// How long a preview is kept: long enough to talk it over, and its book is another one by then.
const KEPT: TimeDelta = TimeDelta::days(7);

/// The JSON of a part of a preview.
const PART: &str = "part";

/// Whether a preview may have that id.
pub fn is_preview(id: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    id.starts_with(PREVIEW_PREFIX) && id.len() <= MAX_PREVIEW_ID && id.bytes().all(is_name)
}

/// A preview, and how far it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Preview {
    /// Its id.
    pub preview: String,
    /// Of which class's policy.
    pub class: ClassId,
    /// Who asked for it.
    pub by: StaffId,
    /// When.
    pub begun_at: DateTime<Utc>,
    /// The first day that is played, at the firm.
    pub from: Day,
    /// The last one.
    pub to: Day,
    /// How it stands.
    pub stage: PreviewStage,
    /// The version that is in force, if one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub current: Option<u32>,
    /// What it rests on beside the book, in sentences.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumed: Vec<String>,
    /// How many pages there are.
    pub pages: u32,
    /// How many clients these look at.
    pub looked_at: u64,
    /// Where the list of clients goes on, if it was begun.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Why there is no result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Counts the writes; 0: it isn't written yet.
    #[serde(skip)]
    pub version: u64,
}

/// How a preview stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewStage {
    /// Clients are looked at.
    Running,
    /// There is a result.
    Done,
    /// There never will be one.
    Failed,
}

impl PreviewStage {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }
}

/// Some clients of a preview.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewPage {
    /// Which page, from 0.
    pub number: u32,
    /// Everybody who was looked at.
    pub clients: Vec<PreviewClient>,
}

/// What would happen to a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewClient {
    /// Which.
    pub client: ClientId,
    /// Whether the draft is of its class; of others only what a run of the firm counts is kept (LOCK-10).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_of_class: bool,
    /// The date of its newest invoice, unless it is closed: until when it is active.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_invoiced: Option<Day>,
    /// Under what is in force.
    #[serde(default, skip_serializing_if = "PreviewSide::is_empty")]
    pub current: PreviewSide,
    /// Under the draft.
    #[serde(default, skip_serializing_if = "PreviewSide::is_empty")]
    pub draft: PreviewSide,
    /// Why it could not be looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// What would happen to a client under one policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewSide {
    /// What, on the days on which anything does.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub days: BTreeMap<Day, PreviewDay>,
    /// What of it a run counts before it acts.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub harsh: BTreeMap<Day, Withheld>,
    /// The caps that it counts it by, where there is any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caps: Option<Caps>,
    /// Whether it is locked after the last day.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_locked: bool,
    /// How many steps came to wait for a partner.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub approvals: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl PreviewSide {
    /// Whether there is nothing to say.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What would happen on a day, or over several.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewDay {
    /// Locks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub locks: u64,
    /// Unlocks.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unlocks: u64,
    /// Limits begun.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub limits: u64,
    /// Letters that left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub letters: BTreeMap<LetterKind, u64>,
    /// Fees charged, in minor units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub fees: BTreeMap<Currency, u64>,
    /// People to whom anything of this happened.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub people: u64,
}

impl PreviewDay {
    /// With those of another client or day; people are added up.
    pub fn add(&mut self, other: &Self) {
        self.locks += other.locks;
        self.unlocks += other.unlocks;
        self.limits += other.limits;
        self.people += other.people;
        for (kind, count) in &other.letters {
            *self.letters.entry(*kind).or_default() += count;
        }
        for (currency, minor) in &other.fees {
            *self.fees.entry(*currency).or_default() += minor;
        }
    }

    /// Letters of all kinds.
    pub fn all_letters(&self) -> u64 {
        self.letters.values().sum()
    }
}

/// What a preview came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewResult {
    /// How many clients the draft is about.
    pub clients: u64,
    /// Under what is in force.
    pub current: PreviewSums,
    /// Under the draft.
    pub draft: PreviewSums,
    /// The first clients of each kind, whom the draft makes a difference to before others.
    pub listed: Vec<PreviewListed>,
    /// The first ones that could not be looked at, and why.
    pub failed: Vec<(ClientId, String)>,
    /// How many that were.
    pub failures: u64,
}

/// What a policy would do to all clients of its class.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewSums {
    /// Day by day, where anything happens.
    pub days: BTreeMap<Day, PreviewDay>,
    /// The weeks from the first day on; people count once in each.
    pub weeks: Vec<PreviewDay>,
    /// All of it; people count once.
    pub total: PreviewDay,
    /// Days on which the run of the firm would wait for a partner (LOCK-10).
    pub held: Vec<PreviewHeld>,
    /// Clients that are locked after the last day.
    pub locked_at_end: u64,
    /// Steps that came to wait for a partner.
    pub approvals: u64,
}

/// A run that would wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewHeld {
    /// Of which day.
    pub on: Day,
    /// How many it would lock, in the whole firm.
    pub locks: u64,
    /// How many it would send a demand.
    pub demands: u64,
    /// Of how many active clients.
    pub active: u64,
}

/// What is listed of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PreviewAct {
    /// It is locked.
    Locked,
    /// It is opened again.
    Unlocked,
    /// It is limited.
    Limited,
    /// A letter leaves, receipts aside.
    WrittenTo,
    /// A late fee is charged.
    Charged,
}

impl PreviewAct {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Locked, Self::Unlocked, Self::Limited, Self::WrittenTo, Self::Charged];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Locked => "locked",
            Self::Unlocked => "unlocked",
            Self::Limited => "limited",
            Self::WrittenTo => "written_to",
            Self::Charged => "charged",
        }
    }
}

/// A client to whom something happens under one of the two.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewListed {
    /// What.
    pub act: PreviewAct,
    /// To whom.
    pub client: ClientId,
    /// Under what is in force.
    pub current: Option<PreviewTimes>,
    /// Under the draft.
    pub draft: Option<PreviewTimes>,
}

/// When first, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewTimes {
    /// When first.
    pub on: Day,
    /// How often: letters are counted one by one, all else by days.
    pub times: u64,
}

impl Store {
    /// Begins a preview of that text, which waits to be worked on from now on. `false`: there is one of that id.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn begin_preview(&self, preview: &Preview, draft: &str) -> Result<bool, StoreError> {
        let place = Key::PreviewText(&preview.preview).place(&self.firm);
        let mut item = part_item(&place, preview);
        item.insert(PART.to_owned(), text(draft));
        check_size(&item, MAX_ITEM_BYTES)?;
        let writes = [
            head_write(&self.firm, preview, Some(DateTime::UNIX_EPOCH))?,
            Write::Put(item, Condition::Always),
        ];
        self.write_parts(&writes).await
    }

    /// A preview, unless it ran out by now; `None`: there is none.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn preview(
        &self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Preview>, StoreError> {
        if !is_preview(id) {
            return Ok(None);
        }
        let item = self.dynamo.get(&Key::Run(id).place(&self.firm)).await?;
        let ends_at = item.as_ref().and_then(|item| get_number(item, EXPIRES_AT));
        let is_over =
            ends_at.is_some_and(|at| i64::try_from(at).is_ok_and(|at| at <= now.timestamp()));
        let item = item.filter(|_| !is_over);
        item.map(|item| read(&item).map(|known| Preview { version: version_of(&item), ..known }))
            .transpose()
    }

    /// The draft that a preview is of.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn preview_text(&self, id: &str) -> Result<Option<String>, StoreError> {
        let item = self.dynamo.get(&Key::PreviewText(id).place(&self.firm)).await?;
        Ok(item.as_ref().and_then(|item| get_text(item, PART)).map(str::to_owned))
    }

    /// Writes a page and with it how far the preview is, against what was read of it; whoever does may go on until
    /// that instant. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn put_preview_page(
        &self,
        preview: &Preview,
        page: &PreviewPage,
        until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::PreviewPage(&preview.preview, page.number).place(&self.firm);
        let writes = [
            head_write(&self.firm, preview, Some(until))?,
            Write::Put(part(&place, preview, page)?, Condition::Always),
        ];
        self.write_parts(&writes).await
    }

    /// Ends a preview, with what it came to, if it came to anything. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn end_preview(
        &self,
        preview: &Preview,
        result: Option<&PreviewResult>,
    ) -> Result<bool, StoreError> {
        let place = Key::PreviewResult(&preview.preview).place(&self.firm);
        let mut writes = vec![head_write(&self.firm, preview, None)?];
        if let Some(result) = result {
            writes.push(Write::Put(part(&place, preview, result)?, Condition::Always));
        }
        self.write_parts(&writes).await
    }

    /// What a preview came to; `None`: it isn't done.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn preview_result(&self, id: &str) -> Result<Option<PreviewResult>, StoreError> {
        let item = self.dynamo.get(&Key::PreviewResult(id).place(&self.firm)).await?;
        item.as_ref().map(read_part).transpose()
    }

    /// The pages of a preview, in their order.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn preview_pages(
        &self,
        id: &str,
        request: &PageRequest<'_>,
    ) -> Result<Listed<PreviewPage>, StoreError> {
        let range = Range {
            pk: Key::PreviewPage(id, 0).pk(&self.firm),
            prefix: Some(prefix::PREVIEW_PAGE.to_owned()),
            is_consistent: true,
            ..Range::default()
        };
        let owner = range.pk.clone();
        self.dynamo.list(&[range], &owner, request, |item| read_part(item).map(Some)).await
    }

    async fn write_parts(&self, writes: &[Write]) -> Result<bool, StoreError> {
        let token = crate::commit::commit_id()?;
        Ok(self.dynamo.transact(writes, &token).await? == Transacted::Done)
    }
}

fn head_write(
    firm: &FirmId,
    preview: &Preview,
    ready_at: Option<DateTime<Utc>>,
) -> Result<Write, StoreError> {
    let place = Key::Run(&preview.preview).place(firm);
    let mut item = new_item(&place, preview.version + 1);
    item.extend(attributes(preview)?);
    item.insert(EXPIRES_AT.to_owned(), expiry(preview));
    to_outbox(&mut item, &place, ready_at);
    let condition = match preview.version {
        0 => Condition::Absent,
        version => Condition::Equals(VERSION, number(version)),
    };
    Ok(Write::Put(item, condition))
}

/// A part goes with its preview.
fn part_item(place: &Place, preview: &Preview) -> Item {
    let mut item = new_item(place, 0);
    item.insert(EXPIRES_AT.to_owned(), expiry(preview));
    item
}

fn part(place: &Place, preview: &Preview, value: &impl Serialize) -> Result<Item, StoreError> {
    let mut item = part_item(place, preview);
    let body = serde_json::to_string(value).map_err(|error| StoreError::Encode(error.into()))?;
    item.insert(PART.to_owned(), text(body));
    check_size(&item, MAX_ITEM_BYTES)?;
    Ok(item)
}

fn read_part<T: DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    check_schema(item)?;
    let body = get_text(item, PART).ok_or_else(|| corrupt(item, "it has no part"))?;
    serde_json::from_str(body).map_err(|error| corrupt(item, error))
}

fn expiry(preview: &Preview) -> aws_sdk_dynamodb::types::AttributeValue {
    number(u64::try_from((preview.begun_at + KEPT).timestamp()).unwrap_or(0))
}
