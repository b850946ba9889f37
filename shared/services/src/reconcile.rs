//! What webhooks lost is found and put right: a gateway's own lists are compared with the accounts.
//!
//! Once a day each endpoint's turn comes. What the gateway told and never arrived goes the way of a webhook; what
//! was paid is read back and applied by the same path, so nothing is believed here that would not be there (PAY-2),
//! and whatever is known changes nothing (PAY-1). Payments that were still open the last time are read again: some
//! gateways never tell that a bank took a debit back. What came of it is the day's report.
//!
//! The report holds how far it is, page by page. Whoever goes on writes against what was read of it: of two that are
//! at it at once, one stops, and what both did is the same. A gateway that can't be asked is said in the report and
//! tried again later; nobody waits for it.

mod pages;
mod report;

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::{Day, day_at, plus, start_of};
use domain::id::FirmId;
use gateways::Ability;
use platform::clock::Clock;
use platform::log::chain;
use serde::Serialize;
use sha2::{Digest, Sha256};
use store::{
    Platform, ReconcileCounts, ReconcileStage, Reconciliation, Reconciling, Store, StoreError,
};

use crate::webhook::{Account, Webhooks};
use pages::Paged;

/// How far a report reaches back before the end of the last whole one: gateways deliver a webhook again for up to
/// three days, and what is on its way that long is not lost yet.
pub const OVERLAP: TimeDelta = TimeDelta::days(3);

/// How far the first report of an endpoint reaches back, and any list of events: Stripe keeps them for 30 days.
pub const REACH: TimeDelta = TimeDelta::days(30);

/// The longest that somebody may ask for: an import's first year is not for here.
pub const MAX_DAYS: u32 = 90;

/// When an endpoint's turn comes on a firm's day: after those of before were charged and settled.
const AFTER_DAWN: TimeDelta = TimeDelta::hours(2);

/// How long one endpoint is worked on at once, so that one with very many payments doesn't hold up the others.
const TURN: TimeDelta = TimeDelta::minutes(4);

/// How long an endpoint is whose who works on it: longer than a turn and its last answers.
const LEASE: TimeDelta = TimeDelta::minutes(6);

/// What is begun no more before the end: as long as the slowest conversation with a gateway.
const MARGIN: TimeDelta = TimeDelta::seconds(30);

/// The first wait after a gateway could not be asked; each further one is twice as long.
const FIRST_RETRY: TimeDelta = TimeDelta::minutes(15);

/// No wait is longer.
const LONGEST_RETRY: TimeDelta = TimeDelta::hours(4);

/// How many endpoints are looked for at once, of each shard.
const ENDPOINTS: u32 = 50;

/// What a tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tick {
    /// Endpoints that are compared with their accounts as a whole.
    pub whole: u64,
    /// Endpoints that are gone on with in the next tick.
    pub unfinished: u64,
    /// Endpoints that could not be asked, and are later.
    pub troubled: u64,
    /// Endpoints that failed for a reason of ours.
    pub failed: u64,
    /// Payments that were put right.
    pub healed: u64,
    /// Payments that are not what was asked for.
    pub differ: u64,
    /// Payments that name nobody here.
    pub unclaimed: u64,
    /// Payments that nobody could make anything of.
    pub unreadable: u64,
}

/// How an endpoint's turn ended.
#[derive(Debug)]
enum Ended {
    /// The report is whole.
    Whole(Box<Reconciliation>),
    /// There is more to do.
    Unfinished(Box<Reconciliation>),
    /// The gateway can't be asked.
    Troubled(Box<Reconciliation>),
    /// Somebody else is at it, or it was done today.
    NotNow,
    /// The endpoint is gone.
    Gone,
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
enum Asked {
    /// The schedule.
    Schedule,
    /// A person, now; over so many days, if they said so.
    Now(Option<u32>),
}

/// Why nothing was compared at a person's asking.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// There is no such firm.
    #[error("there is no firm {0}")]
    NoFirm(FirmId),
    /// It has no gateway.
    #[error("firm {0} has no gateway")]
    NoEndpoint(FirmId),
    /// Nothing, or more than is looked at.
    #[error("{0} days can't be compared, expected 1 to {MAX_DAYS}")]
    Days(u32),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Compares gateways with accounts.
pub struct Reconciler {
    webhooks: Arc<Webhooks>,
    clock: Arc<dyn Clock>,
}

impl Reconciler {
    /// Over all firms. The clock is the machine's: a gateway's lists are by its own time, also a test firm's.
    pub fn new(webhooks: Arc<Webhooks>, clock: Arc<dyn Clock>) -> Self {
        Self { webhooks, clock }
    }

    /// Goes on with every endpoint whose turn it is, as far as there is time. One that fails holds up no other.
    ///
    /// # Errors
    /// When the endpoints can't be asked for.
    pub async fn tick(&self, deadline: DateTime<Utc>) -> Result<Tick, StoreError> {
        let mut tick = Tick::default();
        let due = self.platform().to_reconcile(self.clock.now(), ENDPOINTS).await?;
        for (firm, endpoint) in due {
            if self.is_late(deadline) {
                tick.unfinished += 1;
                continue;
            }
            let until = deadline.min(self.clock.now() + TURN);
            match self.one(&firm, &endpoint, Asked::Schedule, until, &mut tick).await {
                Ok(Ended::Whole(_)) => tick.whole += 1,
                Ok(Ended::Unfinished(_)) => tick.unfinished += 1,
                Ok(Ended::Troubled(_)) => tick.troubled += 1,
                Ok(Ended::NotNow | Ended::Gone) => {}
                Err(error) => {
                    tick.failed += 1;
                    let chain = chain(&error);
                    tracing::error!(firm.id = %firm, "Could not compare a gateway of firm {firm}: {chain}");
                }
            }
        }
        Ok(tick)
    }

    /// Compares all gateways of a firm now, over the last so many days or as usual; the reports, in the order of
    /// its endpoints. One that is not whole says why, or has to be gone on with.
    ///
    /// # Errors
    /// [`ReconcileError`].
    pub async fn now(
        &self,
        firm: &FirmId,
        days: Option<u32>,
        deadline: DateTime<Utc>,
    ) -> Result<Vec<Reconciliation>, ReconcileError> {
        if let Some(days) = days.filter(|days| !(1..=MAX_DAYS).contains(days)) {
            return Err(ReconcileError::Days(days));
        }
        if self.webhooks.firm(firm, self.clock.now()).await?.is_none() {
            return Err(ReconcileError::NoFirm(firm.clone()));
        }
        let endpoints = self.store(firm).endpoints().await?;
        if endpoints.is_empty() {
            return Err(ReconcileError::NoEndpoint(firm.clone()));
        }
        let mut reports = Vec::new();
        for endpoint in endpoints {
            let (asked, mut tick) = (Asked::Now(days), Tick::default());
            match self.one(firm, &endpoint.id, asked, deadline, &mut tick).await? {
                Ended::Whole(report) | Ended::Unfinished(report) | Ended::Troubled(report) => {
                    reports.push(*report);
                }
                Ended::NotNow | Ended::Gone => {}
            }
        }
        Ok(reports)
    }

    /// One endpoint's turn: it is taken, gone on with, and given its next.
    async fn one(
        &self,
        firm: &FirmId,
        endpoint: &str,
        asked: Asked,
        until: DateTime<Utc>,
        tick: &mut Tick,
    ) -> Result<Ended, StoreError> {
        let (now, store) = (self.clock.now(), self.store(firm));
        let turn = store.reconciling(endpoint).await?;
        if matches!(asked, Asked::Schedule) && turn.as_ref().is_none_or(|turn| now < turn.next_at) {
            return Ok(Ended::NotNow);
        }
        let new =
            || Reconciling { endpoint: endpoint.to_owned(), next_at: now, last: None, version: 0 };
        let mut turn = turn.unwrap_or_else(new);
        turn.next_at = now + LEASE;
        if !store.put_reconciling(&turn).await? {
            return Ok(Ended::NotNow);
        }
        turn.version += 1;
        let Some(opened) = self.webhooks.firm(firm, now).await? else {
            store.drop_reconciling(endpoint).await?;
            return Ok(Ended::Gone);
        };
        let zone = opened.settings().zone;
        let account = self.webhooks.account(firm, endpoint, now).await?;
        if matches!(account, Ok(None)) {
            store.drop_reconciling(endpoint).await?;
            return Ok(Ended::Gone);
        }
        let today = day_at(now, zone);
        let tomorrow = start_of(plus(today, 1), zone) + AFTER_DAWN;
        let Some(mut report) = self.begin(&store, &turn, (asked, today)).await? else {
            turn.next_at = tomorrow;
            store.put_reconciling(&turn).await?;
            return Ok(Ended::NotNow);
        };
        let before = report.counts;
        let paged = match account {
            Ok(Some(account)) => self.work(&store, &account, &mut report, until).await?,
            Ok(None) => Paged::Overtaken,
            Err(trouble) => self.stop(&store, &mut report, trouble).await?,
        };
        count(tick, &before, &report.counts);
        let (next_at, ended) = match paged {
            Paged::Overtaken => return Ok(Ended::NotNow),
            Paged::Whole => (tomorrow, Ended::Whole as fn(_) -> _),
            Paged::Late => (now, Ended::Unfinished as fn(_) -> _),
            Paged::Stopped => (self.clock.now() + wait(report.failures), Ended::Troubled as _),
        };
        (turn.last, turn.next_at) = (Some(report.day), next_at);
        // Whoever was faster has given it its next turn.
        store.put_reconciling(&turn).await?;
        Ok(ended(Box::new(report)))
    }

    /// The report to go on with; `None`: today's is whole.
    async fn begin(
        &self,
        store: &Store,
        turn: &Reconciling,
        (asked, today): (Asked, Day),
    ) -> Result<Option<Reconciliation>, StoreError> {
        let name = name_of(&turn.endpoint);
        let last = match turn.last {
            Some(day) => store.reconciliation(day, &name).await?,
            None => None,
        };
        let is_whole = last.as_ref().is_none_or(|last| last.ended_at.is_some());
        match asked {
            Asked::Schedule | Asked::Now(None) if !is_whole => return Ok(last),
            Asked::Schedule if last.as_ref().is_some_and(|last| last.day == today) => {
                return Ok(None);
            }
            Asked::Schedule | Asked::Now(_) => {}
        }
        let todays = match &last {
            Some(last) if last.day == today => Some(last.clone()),
            // One of today that nobody pointed to: whoever began it died.
            _ => store.reconciliation(today, &name).await?,
        };
        let Some(endpoint) =
            store.endpoints().await?.into_iter().find(|one| one.id == turn.endpoint)
        else {
            return Ok(None);
        };
        let (now, days) = (
            self.clock.now(),
            match asked {
                Asked::Now(days) => days,
                Asked::Schedule => None,
            },
        );
        Ok(Some(report::begin(&endpoint, name, (today, now, days), last.as_ref(), todays)))
    }

    fn is_late(&self, deadline: DateTime<Utc>) -> bool {
        deadline - MARGIN <= self.clock.now()
    }

    fn platform(&self) -> &Platform {
        self.webhooks.platform()
    }

    fn store(&self, firm: &FirmId) -> Store {
        Store::new(self.platform().dynamo().clone(), firm.clone())
    }

    /// What stands in the way is said, and kept.
    async fn stop(
        &self,
        store: &Store,
        report: &mut Reconciliation,
        trouble: String,
    ) -> Result<Paged, StoreError> {
        report.failures = report.failures.saturating_add(1);
        report.trouble = Some(report::short(&trouble));
        Ok(if put(store, report).await? { Paged::Stopped } else { Paged::Overtaken })
    }

    /// Page by page, as far as there is time.
    async fn work(
        &self,
        store: &Store,
        account: &Account,
        report: &mut Reconciliation,
        until: DateTime<Utc>,
    ) -> Result<Paged, StoreError> {
        // Written before anything is asked: whoever is at it as well finds out.
        if !put(store, report).await? {
            return Ok(Paged::Overtaken);
        }
        while report.stage != ReconcileStage::Done {
            if self.is_late(until) {
                return Ok(Paged::Late);
            }
            if let Err(trouble) = self.page(store, account, report, until).await? {
                return self.stop(store, report, trouble).await;
            }
            if 0 < report.failures {
                (report.failures, report.trouble) = (0, None); // it answers again
            }
            if report.stage == ReconcileStage::Done {
                report::end(report, self.clock.now());
            }
            if !put(store, report).await? {
                return Ok(Paged::Overtaken);
            }
        }
        Ok(Paged::Whole)
    }
}

/// Which list a stage needs.
fn needs(stage: ReconcileStage) -> Option<(Ability, &'static str)> {
    match stage {
        ReconcileStage::Events => Some((Ability::ListEvents, "events")),
        ReconcileStage::Payments => Some((Ability::ListPayments, "payments")),
        ReconcileStage::Open | ReconcileStage::Done => None,
    }
}

/// Writes how far it is. `false`: somebody else is at it, and does the same.
async fn put(store: &Store, report: &mut Reconciliation) -> Result<bool, StoreError> {
    let is_mine = store.put_reconciliation(report).await?;
    report.version += u64::from(is_mine);
    Ok(is_mine)
}

fn count(tick: &mut Tick, before: &ReconcileCounts, after: &ReconcileCounts) {
    tick.healed += after.healed.saturating_sub(before.healed);
    tick.differ += after.differ.saturating_sub(before.differ);
    tick.unclaimed += after.unclaimed.saturating_sub(before.unclaimed);
    tick.unreadable += after.unreadable.saturating_sub(before.unreadable);
}

fn wait(failures: u32) -> TimeDelta {
    const DOUBLINGS: u32 = 5;
    let before = failures.saturating_sub(1).min(DOUBLINGS);
    (FIRST_RETRY * (1 << before)).min(LONGEST_RETRY)
}

/// What stands for an endpoint where staff read: its own id opens the address that webhooks come to, and keeps
/// noise away from those of gateways that don't sign.
fn name_of(endpoint: &str) -> String {
    const CHARS: usize = 12;
    hex::encode(Sha256::digest(endpoint)).chars().take(CHARS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_that_is_down_is_asked_less_and_less_often() {
        let minutes: Vec<_> = (1..=7).map(|failures| wait(failures).num_minutes()).collect();
        assert_eq!(minutes, [15, 30, 60, 120, 240, 240, 240]);
    }

    #[test]
    fn a_name_tells_endpoints_apart_and_not_their_address() {
        let (one, other) = (name_of("0123456789abcdef"), name_of("0123456789abcdee"));
        assert!(one != other && one.len() == 12 && !one.contains("0123"), "{one}");
    }
}
