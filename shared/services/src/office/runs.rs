//! What people decide about a day's run: approved, rejected, undone (LOCK-10); and the firm's stop.
//!
//! A decision is one commit of the firm's own chain together with the run's item, so that what was decided about
//! which run can't come apart. What follows from it is done by the workers, client by client.

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::Day;
use domain::id::StaffId;
use domain::refusal::Refusal;
use domain::role::{Actor, Role};
use domain::text::{MAX_TEXT_BYTES, Personal};
use store::{
    DayRun, FirmChange, FirmCommit, FirmSettings, RunDecision, RunVerdict, Stage, Stop, StoreError,
};

use super::policies::meta;
use super::settings::MAX_TRIES;
use crate::execute::Caller;
use crate::firm::Firm;

/// For so many days after its own a run can be undone: later, its letters have been answered.
pub const UNDO_DAYS: i64 = 7;

/// Who approves and undoes (STAFF-1).
pub const PARTNERS: &[Role] = &[Role::Partner];

/// Who rejects (STAFF-1).
pub const REJECTERS: &[Role] = &[Role::BillingLead, Role::Partner];

/// Who stops the firm, and lets it go on.
pub const STOPPERS: &[Role] = &[Role::Partner, Role::Admin];

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The firm had no run on that day.
    #[error("there is no run of {0}")]
    NotFound(Day),
    /// Not as the run stands.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Others kept being faster.
    #[error("the firm is being changed by others")]
    Busy,
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Decides about a run; where it stands after that. Decided so before, it is the same decision.
///
/// # Errors
/// [`RunError`].
pub async fn decide(
    firm: &Firm,
    day: Day,
    (verdict, reason): (RunVerdict, Option<Personal>),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<DayRun, RunError> {
    let by = may_decide(caller, verdict)?;
    let reason = match verdict {
        RunVerdict::Approved => reason.filter(|reason| !reason.as_str().trim().is_empty()),
        RunVerdict::Rejected | RunVerdict::Undone => Some(given(reason)?),
    };
    let decision = RunDecision { verdict, by, at: firm.now(now), reason };
    for _ in 0..MAX_TRIES {
        let Some(loaded) = firm.store().load_firm().await? else { break };
        let run = firm.store().day_run(day).await?.ok_or(RunError::NotFound(day))?;
        // Undone once more, whoever could not be reached the first time is tried again.
        let is_left =
            verdict == RunVerdict::Undone && 0 < run.done.failed && !run.stage.is_working();
        if run.decision.as_ref().is_some_and(|known| known.verdict == verdict) && !is_left {
            return Ok(run);
        }
        let Some(next) = next(firm, &run, &decision, now).await? else { return Ok(run) };
        let change = FirmChange::RunDecided(Box::new(next.clone()));
        let meta = meta(firm, &format!("{}_run", command(verdict)), caller, now);
        if firm.store().change_firm(&loaded, &change, &meta).await? == FirmCommit::Done {
            return Ok(DayRun { version: next.version + 1, ..next });
        }
    }
    Err(RunError::Busy)
}

/// Stops locks and letters of the whole firm, or lets them go on; what it set after that.
///
/// # Errors
/// [`RunError`]; a reason is required to stop, and none to go on.
pub async fn stop(
    firm: &Firm,
    reason: Option<Personal>,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<FirmSettings, RunError> {
    let by =
        staff(caller, STOPPERS, "only a partner or an admin may stop the firm or let it go on")?;
    let change = match reason {
        Some(reason) => {
            FirmChange::Stopped(Stop { by, at: firm.now(now), reason: given(Some(reason))? })
        }
        None => FirmChange::WentOn,
    };
    let is_stop = matches!(change, FirmChange::Stopped(_));
    for _ in 0..MAX_TRIES {
        let Some(loaded) = firm.store().load_firm().await? else { break };
        if loaded.settings.stop.is_some() == is_stop {
            return Ok(loaded.settings);
        }
        let meta = meta(firm, if is_stop { "stop_firm" } else { "lift_stop" }, caller, now);
        if firm.store().change_firm(&loaded, &change, &meta).await? == FirmCommit::Done {
            let stop = match change {
                FirmChange::Stopped(stop) => Some(stop),
                _ => None,
            };
            return Ok(FirmSettings { stop, ..loaded.settings });
        }
    }
    Err(RunError::Busy)
}

/// Where a run goes on after a decision; `None`: there is nothing to do.
async fn next(
    firm: &Firm,
    run: &DayRun,
    decision: &RunDecision,
    now: DateTime<Utc>,
) -> Result<Option<DayRun>, RunError> {
    let refuse = |text: String| Err(Refusal::conflict("LOCK-10", text).into());
    let day = domain::calendar::for_person(run.day);
    let stage = match (decision.verdict, run.stage) {
        (_, stage) if stage.is_working() => {
            return refuse(format!("the run of {day} is still at work; try again in a moment"));
        }
        (RunVerdict::Approved, Stage::Held) => Stage::Releasing,
        (RunVerdict::Rejected, Stage::Held) => Stage::Left,
        (RunVerdict::Approved | RunVerdict::Rejected, _) => {
            return refuse(format!("the run of {day} doesn't wait for a decision"));
        }
        (RunVerdict::Undone, _) => {
            let age = firm.day(now).signed_duration_since(run.day);
            if TimeDelta::days(UNDO_DAYS) < age {
                let text = format!("the run of {day} is more than {UNDO_DAYS} days old");
                return refuse(text);
            }
            Stage::Undoing
        }
    };
    let mut next = DayRun { decision: Some(decision.clone()), stage, ..run.clone() };
    if stage.is_working() {
        let shards = firm.store().run_shards(run.day).await?;
        let shards = shards.into_iter().filter(|shard| 0 < shard.pages);
        next.shards = shards.map(|shard| shard.shard).collect();
        next.round += 1;
        if next.shards.is_empty() {
            next.stage = if stage == Stage::Undoing { Stage::Undone } else { Stage::Done };
        }
    }
    Ok(Some(next))
}

fn command(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Approved => "approve",
        RunVerdict::Rejected => "reject",
        RunVerdict::Undone => "undo",
    }
}

fn may_decide(caller: &Caller, verdict: RunVerdict) -> Result<StaffId, Refusal> {
    match verdict {
        RunVerdict::Approved => staff(caller, PARTNERS, "only a partner may approve a run"),
        RunVerdict::Rejected => {
            staff(caller, REJECTERS, "only a billing lead or a partner may reject a run")
        }
        RunVerdict::Undone => staff(caller, PARTNERS, "only a partner may undo a run"),
    }
}

fn staff(caller: &Caller, roles: &[Role], text: &str) -> Result<StaffId, Refusal> {
    match &caller.actor {
        Actor::Staff { id, .. } if caller.actor.has(roles) => Ok(id.clone()),
        _ => Err(Refusal::forbidden("STAFF-1", text)),
    }
}

fn given(reason: Option<Personal>) -> Result<Personal, Refusal> {
    let reason = reason.filter(|reason| !reason.as_str().trim().is_empty());
    let reason = reason.ok_or_else(|| Refusal::invalid("LOCK-10", "a reason is required"))?;
    if MAX_TEXT_BYTES < reason.as_str().len() {
        let text = format!("that text is longer than {MAX_TEXT_BYTES} bytes");
        return Err(Refusal::invalid("LOCK-10", text));
    }
    Ok(reason)
}
