//! The run of a firm's day (LOCK-10): how far it is, whom it would lock or send a demand, and what it did.
//!
//! One item says where the run stands. Beside it, in a partition of their own, each shard says how far it is in
//! the run's present round, and pages name clients: those that were taken to be looked at, and afterwards those
//! of them about whom there is something to say. A page is written before its clients are evaluated and again
//! after, so that whoever dies between the two forgets nobody; a client for itself costs no write.
//!
//! While a run has work to be done it waits in the outbox: should its message be lost, the sweeper finds it.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClassId, ClientId, FirmId, StaffId};
use domain::letter::{LetterId, LetterKind};
use domain::policy::PolicyRef;
use domain::run::{Tally, Withheld};
use domain::text::Personal;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::{Condition, Range, Transacted, Write};
use crate::error::StoreError;
use crate::item::{
    Item, MAX_ITEM_BYTES, attributes, check_size, new_item, number, read, version_of,
};
use crate::keys::{Key, Place, VERSION, prefix};
use crate::outbox::to_outbox;

/// The clients of one page: with what is said of each some ten KB.
pub const MAX_RUN_PAGE: u32 = 100;

/// A run of a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayRun {
    /// Of which day.
    pub day: Day,
    /// Where it stands.
    pub stage: Stage,
    /// Each stage that goes through shards is a round, counted from 1: what was said of an earlier one is old.
    pub round: u32,
    /// The shards of this round.
    pub shards: BTreeSet<u32>,
    /// When it began, by the firm's clock.
    pub began_at: DateTime<Utc>,
    /// What it would lock and send, once all shards were looked at.
    #[serde(default)]
    pub tally: Tally,
    /// How many active clients the firm had, where that was too few for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub active: Option<u64>,
    /// What it did by now.
    #[serde(default)]
    pub done: Done,
    /// What shadows would have done (POL-7).
    #[serde(default, skip_serializing_if = "Shadowed::is_empty")]
    pub shadow: Shadowed,
    /// What a person decided about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<RunDecision>,
    /// Counts the writes; 0: it isn't written yet.
    #[serde(skip)]
    pub version: u64,
}

/// Where a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Everybody who is due is looked at; who would be locked or sent a demand is left as it is.
    Planning,
    /// It would be too much: those get everything but that.
    Holding,
    /// It waits for a partner.
    Held,
    /// A partner said no; or its day was over, and the next day's run took its place.
    Left,
    /// They are evaluated as the policy says.
    Releasing,
    /// It is carried out.
    Done,
    /// What it did is taken back.
    Undoing,
    /// That is done.
    Undone,
}

impl Stage {
    /// Whether shards are gone through.
    pub fn is_working(self) -> bool {
        match self {
            Self::Planning | Self::Holding | Self::Releasing | Self::Undoing => true,
            Self::Held | Self::Left | Self::Done | Self::Undone => false,
        }
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Planning => "planning",
            Self::Holding => "holding",
            Self::Held => "held",
            Self::Left => "left",
            Self::Releasing => "releasing",
            Self::Done => "done",
            Self::Undoing => "undoing",
            Self::Undone => "undone",
        }
    }
}

/// What a run did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// So many clients were evaluated.
    #[serde(default)]
    pub evaluated: u64,
    /// So many were locked.
    #[serde(default)]
    pub locked: u64,
    /// Letters about debts were decided for so many.
    #[serde(default)]
    pub written: u64,
    /// So many could not be evaluated.
    #[serde(default)]
    pub failed: u64,
    /// So many were opened again, or spared a letter, when the run was undone.
    #[serde(default)]
    pub undone: u64,
    /// So many letters had left by then.
    #[serde(default)]
    pub reached: u64,
}

impl Done {
    /// With what another part of the run did.
    pub fn add(&mut self, other: &Self) {
        self.evaluated += other.evaluated;
        self.locked += other.locked;
        self.written += other.written;
        self.failed += other.failed;
        self.undone += other.undone;
        self.reached += other.reached;
    }
}

/// What the shadows of a firm's classes would have done in a run: nothing of it was done (POL-7).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Shadowed {
    /// Per version what it counted.
    pub versions: BTreeMap<ClassId, ShadowCount>,
}

/// What one shadow would have done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShadowCount {
    /// Which version.
    pub version: u32,
    /// How many clients it looked at.
    pub looked_at: u64,
    /// To how many clients it would have done what.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub acts: BTreeMap<String, u64>,
}

impl Shadowed {
    /// Whether no shadow looked at anybody.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Counts what it would have done to one client.
    pub fn count(&mut self, shadow: &PolicyRef, acts: &BTreeSet<String>) {
        let mut one = ShadowCount { version: shadow.version, looked_at: 1, acts: BTreeMap::new() };
        one.acts.extend(acts.iter().map(|act| (act.clone(), 1)));
        self.add_of(&shadow.class, &one);
    }

    /// With what another part of the run counted.
    pub fn add(&mut self, other: &Self) {
        for (class, count) in &other.versions {
            self.add_of(class, count);
        }
    }

    /// A newer shadow counts anew.
    fn add_of(&mut self, class: &ClassId, more: &ShadowCount) {
        let known = self.versions.entry(class.clone()).or_insert_with(|| ShadowCount {
            version: more.version,
            looked_at: 0,
            acts: BTreeMap::new(),
        });
        if known.version < more.version {
            *known = more.clone();
            return;
        }
        if known.version == more.version {
            known.looked_at += more.looked_at;
            for (act, count) in &more.acts {
                *known.acts.entry(act.clone()).or_default() += count;
            }
        }
    }
}

/// What a person decided about a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunDecision {
    /// What.
    pub verdict: Verdict,
    /// Who.
    pub by: StaffId,
    /// When, by the firm's clock.
    pub at: DateTime<Utc>,
    /// Why, where a reason was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Personal>,
}

/// What can be decided about a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is carried out.
    Approved,
    /// It is left.
    Rejected,
    /// What it did is taken back.
    Undone,
}

impl Verdict {
    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Undone => "undone",
        }
    }
}

/// How far a shard is in a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunShard {
    /// Which.
    pub shard: u32,
    /// In which round it was last at work.
    #[serde(default)]
    pub round: u32,
    /// Whether it is through with it.
    #[serde(default)]
    pub is_done: bool,
    /// Where the list of who is due goes on, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// Whether that list is at its end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_read: bool,
    /// How many pages it has; some may be gone, since there was nothing to say.
    #[serde(default)]
    pub pages: u32,
    /// The page that is being looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub open: Option<u32>,
    /// The page that a later round comes to next.
    #[serde(default)]
    pub next: u32,
    /// What its clients would be locked and sent.
    #[serde(default)]
    pub tally: Tally,
    /// What was done.
    #[serde(default)]
    pub done: Done,
    /// What shadows would have done.
    #[serde(default, skip_serializing_if = "Shadowed::is_empty")]
    pub shadow: Shadowed,
    /// Counts the writes; 0: it isn't written yet.
    #[serde(skip)]
    pub version: u64,
}

/// Some clients of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunPage {
    /// Of which shard.
    pub shard: u32,
    /// Which page.
    pub number: u32,
    /// The last round that went through it.
    #[serde(default)]
    pub round: u32,
    /// Whom.
    pub clients: Vec<RunClient>,
    /// How many of them, from the first, this round has looked at, where it didn't come to the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<u32>,
    /// Counts the writes; 0: it isn't written yet.
    #[serde(skip)]
    pub version: u64,
}

/// A client in a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunClient {
    /// Which.
    pub client: ClientId,
    /// What waits for the run's release.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub withheld: Withheld,
    /// The episode that the run began.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locked: Option<u32>,
    /// Those that it began beside it: each service line has its own (LOCK-5).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub also_locked: BTreeSet<u32>,
    /// The letters about debts that it decided.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub letters: BTreeSet<LetterId>,
    /// What its class's shadow would have done, where that is anything (POL-7).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub shadow: BTreeSet<String>,
    /// Why it could not be evaluated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// Whether what the run did was taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_undone: bool,
    /// As what letters had left by then.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reached: BTreeSet<LetterKind>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_nothing(withheld: &Withheld) -> bool {
    !withheld.is_any()
}

impl RunClient {
    /// One of whom nothing is known yet.
    pub fn new(client: ClientId) -> Self {
        Self {
            client,
            withheld: Withheld::default(),
            locked: None,
            also_locked: BTreeSet::new(),
            letters: BTreeSet::new(),
            shadow: BTreeSet::new(),
            failed: None,
            is_undone: false,
            reached: BTreeSet::new(),
        }
    }

    /// Whether the run did anything to it that can be taken back.
    pub fn did_anything(&self) -> bool {
        self.locked.is_some() || !self.letters.is_empty()
    }

    /// Whether there is anything to say of it.
    pub fn is_told(&self) -> bool {
        let did = self.did_anything() || self.withheld.is_any();
        did || self.failed.is_some() || !self.shadow.is_empty()
    }
}

impl Store {
    /// The run of a day.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn day_run(&self, day: Day) -> Result<Option<DayRun>, StoreError> {
        let item = self.dynamo.get(&Key::DayRun(day).place(&self.firm)).await?;
        item.as_ref().map(run).transpose()
    }

    /// The firm's runs, newest first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn day_runs(&self, page: &PageRequest<'_>) -> Result<Listed<DayRun>, StoreError> {
        let range = Range {
            pk: Key::Settings.pk(&self.firm),
            prefix: Some(prefix::DAY_RUN.to_owned()),
            is_backwards: true,
            is_consistent: true,
            ..Range::default()
        };
        let owner = range.pk.clone();
        self.dynamo.list(&[range], &owner, page, |item| run(item).map(Some)).await
    }

    /// Writes where a run stands, against what was read of it; ready to be looked at from that instant on, if it
    /// has work to be done. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn put_day_run(
        &self,
        run: &DayRun,
        ready_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        self.dynamo.write(run_write(&self.firm, run, ready_at)?).await
    }

    /// How far each shard of a run is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn run_shards(&self, day: Day) -> Result<Vec<RunShard>, StoreError> {
        let range = self.run_parts(day, prefix::RUN_SHARD.to_owned());
        let (items, _) = self.dynamo.query(range).await?;
        items.iter().map(shard).collect()
    }

    /// How far one shard of a run is; nowhere, if it didn't begin.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn run_shard(&self, day: Day, shard_number: u32) -> Result<RunShard, StoreError> {
        let item = self.dynamo.get(&Key::RunShard(day, shard_number).place(&self.firm)).await?;
        let nowhere = RunShard { shard: shard_number, ..RunShard::default() };
        item.as_ref().map_or(Ok(nowhere), shard)
    }

    /// A page of a run; `None`: there was nothing to say.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn run_page(
        &self,
        day: Day,
        shard: u32,
        number: u32,
    ) -> Result<Option<RunPage>, StoreError> {
        let item = self.dynamo.get(&Key::RunPage(day, shard, number).place(&self.firm)).await?;
        item.as_ref().map(page).transpose()
    }

    /// The pages of a run.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn run_pages(
        &self,
        day: Day,
        request: &PageRequest<'_>,
    ) -> Result<Listed<RunPage>, StoreError> {
        let range = self.run_parts(day, prefix::RUN_PAGE.to_owned());
        let owner = range.pk.clone();
        self.dynamo.list(&[range], &owner, request, |item| page(item).map(Some)).await
    }

    /// Writes how far a shard is, and with it a page, or its end if there is nothing to say of its clients; both
    /// against what was read of them. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn put_run_shard(
        &self,
        day: Day,
        shard: &RunShard,
        page: Option<&RunPage>,
    ) -> Result<bool, StoreError> {
        let place = Key::RunShard(day, shard.shard).place(&self.firm);
        let progress = put(&place, shard.version, shard)?;
        let Some(page) = page else { return self.dynamo.write(progress).await };
        let writes = [progress, self.page_write(day, page)?];
        let token = crate::commit::commit_id()?;
        Ok(self.dynamo.transact(&writes, &token).await? == Transacted::Done)
    }

    /// Writes a page against what was read of it. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn put_run_page(&self, day: Day, page: &RunPage) -> Result<bool, StoreError> {
        let write = self.page_write(day, page)?;
        self.dynamo.write(write).await
    }

    fn page_write(&self, day: Day, page: &RunPage) -> Result<Write, StoreError> {
        let place = Key::RunPage(day, page.shard, page.number).place(&self.firm);
        match page.clients.is_empty() {
            true => Ok(Write::Delete(place, as_read(page.version))),
            false => put(&place, page.version, page),
        }
    }

    fn run_parts(&self, day: Day, prefix: String) -> Range {
        let pk = Key::RunShard(day, 0).pk(&self.firm);
        Range { pk, prefix: Some(prefix), is_consistent: true, ..Range::default() }
    }
}

/// The write of a run: in the outbox as long as it has work to be done.
pub(crate) fn run_write(
    firm: &FirmId,
    run: &DayRun,
    ready_at: DateTime<Utc>,
) -> Result<Write, StoreError> {
    let place = Key::DayRun(run.day).place(firm);
    let mut item = new_item(&place, run.version + 1);
    item.extend(attributes(run)?);
    to_outbox(&mut item, &place, Some(ready_at).filter(|_| run.stage.is_working()));
    Ok(Write::Put(item, as_read(run.version)))
}

fn put(place: &Place, version: u64, value: &impl Serialize) -> Result<Write, StoreError> {
    let mut item = new_item(place, version + 1);
    item.extend(attributes(value)?);
    check_size(&item, MAX_ITEM_BYTES)?;
    Ok(Write::Put(item, as_read(version)))
}

fn as_read(version: u64) -> Condition {
    match version {
        0 => Condition::Absent,
        version => Condition::Equals(VERSION, number(version)),
    }
}

fn run(item: &Item) -> Result<DayRun, StoreError> {
    let version = version_of(item);
    read(item).map(|run| DayRun { version, ..run })
}

fn shard(item: &Item) -> Result<RunShard, StoreError> {
    let version = version_of(item);
    read(item).map(|shard| RunShard { version, ..shard })
}

fn page(item: &Item) -> Result<RunPage, StoreError> {
    let version = version_of(item);
    read(item).map(|page| RunPage { version, ..page })
}
