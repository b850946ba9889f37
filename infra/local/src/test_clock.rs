//! A test firm's clock, moved forward day by day with the schedule running on each (TEST-1).
//!
//! Each day is what it is for any other firm: what banks did by then, the evaluation at its start, then
//! the letters of the day, and what staff are told of it.
//! The clock stands at noon of a day while that runs, so that quiet hours don't hold back what would
//! leave on it (LET-5).

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::{Day, day_at, plus, start_of};
use domain::id::{ClientId, FirmId, StaffId};
use domain::letter::LetterId;
use domain::role::{Actor, Role};
use platform::clock::Clock;
use sandbox::stripe::BankNews;
use services::correspondence::{Correspondence, Outcome, SendError};
use services::day;
use services::execute::{ExecuteError, view};
use services::firm::Firm;
use services::tell::TellError;
use store::{
    ClientState, CommitMeta, Dynamo, FirmChange, FirmCommit, PageRequest, Platform, Stage,
    StoreError,
};

use crate::bank::{Bank, BankError};

/// The most days that one move may take: ten years.
const MAX_MOVE: i64 = 3_660;

/// How often a day is begun anew because the firm's settings changed at that moment: people change them.
const MAX_TRIES: u32 = 8;

/// How far into its day the clock stands while the day runs.
pub const NOON: TimeDelta = TimeDelta::hours(12);

/// Why the clock was not moved.
#[derive(Debug, thiserror::Error)]
pub enum ClockError {
    /// There is no such firm.
    #[error("there is no firm {0}")]
    NoFirm(FirmId),
    /// Only a test firm has a clock of its own.
    #[error("firm {0} is not a test firm: its day is the calendar's")]
    NotTest(FirmId),
    /// A clock only goes forward.
    #[error("the firm's day is {day} already, and its clock only goes forward")]
    Past {
        /// The firm's day.
        day: Day,
    },
    /// Too far in one move.
    #[error("{to} is more than {MAX_MOVE} days after {day}, the firm's day")]
    TooFar {
        /// The firm's day.
        day: Day,
        /// Where it should go.
        to: Day,
    },
    /// Somebody else moved it meanwhile: going on could set it back, or begin a day before theirs is done.
    #[error("somebody else moved the clock of firm {firm} meanwhile: its day is {day}{}", how_to_go_on(*day, *to))]
    Overtaken {
        /// Whose clock.
        firm: FirmId,
        /// The firm's day by now.
        day: Day,
        /// Where it should go.
        to: Day,
    },
    /// Somebody else changes the firm's settings, again and again.
    #[error("the firm's settings are being changed by somebody else: try again in a moment")]
    Changed,
    /// The table.
    #[error("can't read or write the table")]
    Store(#[from] StoreError),
    /// The letters.
    #[error("can't send the letters of the day")]
    Letters(#[from] SendError),
    /// What staff are told.
    #[error("can't tell staff of the day")]
    Tell(#[from] TellError),
    /// An account.
    #[error("can't read a client's account")]
    Account(#[from] ExecuteError),
    /// The sandbox's banks.
    #[error("can't tell the sandbox which day it is")]
    Bank(#[from] BankError),
}

fn how_to_go_on(day: Day, to: Day) -> String {
    match day < to {
        true => format!(". Let that move end, then move it to {to} again"),
        false => ", so there is nothing left to do".to_owned(),
    }
}

/// What happened on a day.
#[derive(Debug)]
pub struct DayRun {
    /// Which day.
    pub day: Day,
    /// What the sandbox's banks did; the accounts know it before they are evaluated.
    pub bank: Vec<BankNews>,
    /// Who was due as it began.
    pub due: BTreeSet<ClientId>,
    /// How many clients were evaluated here: the running system's own schedule may be at it too.
    pub evaluated: u32,
    /// Those that could not be evaluated.
    pub failed: Vec<(ClientId, String)>,
    /// The day's run, if anybody was due (LOCK-10).
    pub run: Option<store::DayRun>,
    /// Portals that are locked since, and why.
    pub locked: Vec<(ClientId, String)>,
    /// Portals that are open since.
    pub opened: Vec<ClientId>,
    /// What became of the letters of the day.
    pub letters: Vec<(ClientId, LetterId, Outcome)>,
}

/// What a clock moves with.
pub struct Mover<'a> {
    /// The table.
    pub dynamo: &'a Dynamo,
    /// What the letters of each day leave by.
    pub correspondence: &'a Correspondence,
    /// The banks that follow it.
    pub bank: &'a Bank,
    /// The machine's time.
    pub clock: &'a dyn Clock,
    /// Who moves it, in the audit.
    pub by: &'a Actor,
}

/// A move under way: day by day.
pub struct Walk<'a> {
    mover: &'a Mover<'a>,
    firm: FirmId,
    day: Day,
    to: Day,
    locked: BTreeSet<ClientId>,
}

impl Mover<'_> {
    /// Begins a move to that day; nothing happens yet.
    ///
    /// # Errors
    /// [`ClockError`].
    pub async fn walk(&self, firm: &FirmId, to: Day) -> Result<Walk<'_>, ClockError> {
        let opened = open(self.dynamo, firm).await?;
        let day = opened.day(self.clock.now());
        if to <= day {
            return Err(ClockError::Past { day });
        }
        if MAX_MOVE < (to - day).num_days() {
            return Err(ClockError::TooFar { day, to });
        }
        let locked = locked_clients(&opened).await?;
        Ok(Walk { mover: self, firm: firm.clone(), day, to, locked })
    }
}

impl Walk<'_> {
    /// Goes on by a day and tells what happened; `None`: it is there.
    ///
    /// # Errors
    /// [`ClockError`]; the days told by then are done.
    pub async fn next_day(&mut self) -> Result<Option<DayRun>, ClockError> {
        if self.to <= self.day {
            return Ok(None);
        }
        let Mover { dynamo, correspondence, bank, clock, .. } = *self.mover;
        let now = clock.now();
        let day = plus(self.day, 1);
        let (due, firm) = self.begin(day, now).await?;
        self.day = day;
        let bank = bank.begin_day(day).await?;
        let ran = day::run(&firm, now).await?;
        let letters = correspondence.leave_all(&Platform::new(dynamo.clone()), &firm, now).await?;
        correspondence.tell_all(&Platform::new(dynamo.clone()), &firm, now).await?;
        let locked = locked_clients(&firm).await?;
        let mut reasons = Vec::new();
        for client in locked.difference(&self.locked) {
            let seen = view(&firm, client, now).await?;
            let lock = seen.and_then(|seen| seen.loaded.account.lock().cloned());
            reasons.push((client.clone(), lock.map_or(String::new(), |lock| lock.cause.text())));
        }
        let opened = self.locked.difference(&locked).cloned().collect();
        self.locked = locked;
        let (evaluated, failed, run) = (ran.evaluated, ran.failed, ran.run);
        let locked = reasons;
        Ok(Some(DayRun { day, bank, due, evaluated, failed, run, locked, opened, letters }))
    }
}

impl Walk<'_> {
    /// Sets the clock to noon of that day: who is due on it, and the firm then.
    async fn begin(
        &self,
        day: Day,
        now: DateTime<Utc>,
    ) -> Result<(BTreeSet<ClientId>, Firm), ClockError> {
        let Mover { dynamo, by, .. } = *self.mover;
        for _ in 0..MAX_TRIES {
            let firm = open(dynamo, &self.firm).await?;
            let stands_at = firm.day(now);
            if stands_at != self.day {
                let firm = self.firm.clone();
                return Err(ClockError::Overtaken { firm, day: stands_at, to: self.to });
            }
            let due = due_clients(&firm, day).await?;
            let noon = start_of(day, firm.settings().zone) + NOON;
            match set(firm, noon, by, now).await {
                Err(ClockError::Changed) => {} // perhaps only its name: looked at anew
                set => return Ok((due, set?)),
            }
        }
        Err(ClockError::Changed)
    }
}

impl DayRun {
    /// That the day's run waits for a partner, in a sentence, if it does (LOCK-10).
    pub fn held(&self) -> Option<String> {
        let run = self.run.as_ref().filter(|run| run.stage == Stage::Held)?;
        let many =
            |count: u64, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let (locks, demands) = (many(run.tally.locks, "lock"), many(run.tally.demands, "demand"));
        Some(format!("The run waits for a partner's approval: {locks}, {demands}."))
    }

    /// Everybody to whom something may have happened on it.
    pub fn clients(&self) -> BTreeSet<ClientId> {
        let told = self.bank.iter().filter_map(|news| news.client.as_ref()?.parse().ok());
        let written = self.letters.iter().map(|(client, ..)| client.clone());
        let locked = self.locked.iter().map(|(client, _)| client.clone());
        let opened = self.opened.iter().cloned();
        self.due.iter().cloned().chain(told).chain(written).chain(locked).chain(opened).collect()
    }
}

/// A test firm as it is now.
///
/// # Errors
/// [`ClockError::NoFirm`], [`ClockError::NotTest`]; whatever reading has.
pub(crate) async fn open(dynamo: &Dynamo, id: &FirmId) -> Result<Firm, ClockError> {
    let firm = Firm::open(dynamo.clone(), id.clone()).await?;
    let firm = firm.ok_or_else(|| ClockError::NoFirm(id.clone()))?;
    if firm.settings().is_test { Ok(firm) } else { Err(ClockError::NotTest(id.clone())) }
}

/// The firm with its clock at that instant.
///
/// # Errors
/// [`ClockError`].
pub(crate) async fn set(
    firm: Firm,
    at: DateTime<Utc>,
    by: &Actor,
    now: DateTime<Utc>,
) -> Result<Firm, ClockError> {
    let mut settings = firm.settings().clone();
    settings.test_clock = Some(at);
    let meta = CommitMeta {
        at: now,
        day: day_at(at, settings.zone),
        actor: by.clone(),
        command: "move_clock".to_owned(),
        policy: None,
        request_id: None,
        rule: Some("TEST-1".to_owned()),
    };
    match firm.store().change_firm(firm.loaded(), &FirmChange::Settings(settings), &meta).await? {
        FirmCommit::Done => open(firm.store().dynamo(), firm.id()).await,
        FirmCommit::Stale => Err(ClockError::Changed),
    }
}

/// Who sits at this machine, in the audit.
pub fn operator() -> Actor {
    match "operator".parse::<StaffId>() {
        Ok(id) => Actor::Staff { id, roles: BTreeSet::from([Role::Admin]) },
        Err(_) => Actor::Schedule,
    }
}

/// Who is due on that day or was before.
async fn due_clients(firm: &Firm, day: Day) -> Result<BTreeSet<ClientId>, StoreError> {
    let mut due = BTreeSet::new();
    for shard in 0..firm.settings().shards {
        let mut cursor: Option<String> = None;
        loop {
            let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
            let listed = firm.store().due(shard, day, &page).await?;
            due.extend(listed.items.into_iter().map(|due| due.client));
            cursor = listed.next;
            if cursor.is_none() {
                break;
            }
        }
    }
    Ok(due)
}

async fn locked_clients(firm: &Firm) -> Result<BTreeSet<ClientId>, StoreError> {
    let mut locked = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
        let listed = firm.store().clients(Some(ClientState::Locked), &page).await?;
        locked.extend(listed.items.into_iter().map(|row| row.client));
        cursor = listed.next;
        if cursor.is_none() {
            return Ok(locked);
        }
    }
}
