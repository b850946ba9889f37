//! Each quarter's end a partner looks at what the firm's policies come to (POL-5; S1: review the threshold
//! quarterly).
//!
//! The task is no item that somebody would have to open on the right day: it follows from the day and from when
//! the policies were last looked at, as a status follows from facts. What it says is found anew whenever it is
//! shown.

use chrono::{DateTime, Utc};
use domain::calendar::{Day, quarter_end};
use domain::id::ClassId;
use domain::policy::life::in_force;
use domain::policy::lint::Finding;
use domain::refusal::Refusal;
use domain::role::{Actor, Role};
use store::{FirmChange, FirmCommit, PolicyDocument, Reviewed, StoreError};

use super::policies::{meta, standings, version_of};
use super::settings::MAX_TRIES;
use crate::execute::Caller;
use crate::firm::{Firm, PolicyError};

/// Who looks at the policies.
pub const REVIEWERS: &[Role] = &[Role::Partner];

/// Policies that wait to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// The last day of the quarter: since then it waits.
    pub quarter: Day,
    /// What is in force, class by class, and what it comes to.
    pub policies: Vec<InForce>,
}

/// A class's policy in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InForce {
    /// Which class.
    pub class: ClassId,
    /// Which version.
    pub version: u32,
    /// In one sentence.
    pub sentence: String,
    /// What it comes to.
    pub findings: Vec<Finding>,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum ReviewError {
    /// Not this person, or not now.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Others kept being faster.
    #[error("the firm is being changed by others")]
    Busy,
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The policies that wait to be looked at; `None`: they were, since the last quarter's end, or none was in force
/// then.
///
/// # Errors
/// Whatever reading has.
pub async fn due(firm: &Firm, today: Day) -> Result<Option<Review>, PolicyError> {
    let quarter = quarter_end(today);
    if firm.settings().reviewed.as_ref().is_some_and(|reviewed| quarter <= reviewed.quarter) {
        return Ok(None);
    }
    let all = firm.store().all_policies().await?;
    if !all.iter().any(|policy| policy.has_begun(quarter)) {
        return Ok(None);
    }
    let mut policies = Vec::new();
    for versions in all.chunk_by(|one, other| one.class == other.class) {
        policies.extend(now_in_force(firm, versions, today)?);
    }
    Ok(Some(Review { quarter, policies }))
}

fn now_in_force(
    firm: &Firm,
    versions: &[PolicyDocument],
    today: Day,
) -> Result<Option<InForce>, PolicyError> {
    let number = in_force(&standings(versions), today);
    let Some(document) = versions.iter().find(|known| Some(known.version) == number) else {
        return Ok(None);
    };
    let policy = version_of(document)?.policy;
    Ok(Some(InForce {
        class: document.class.clone(),
        version: document.version,
        sentence: policy.sentence(),
        findings: firm.lint(&policy, today),
    }))
}

/// A partner has looked at them: the task is over until the next quarter's end. Said twice, it is said once.
///
/// # Errors
/// [`ReviewError`].
pub async fn done(firm: &Firm, caller: &Caller, now: DateTime<Utc>) -> Result<Day, ReviewError> {
    let Actor::Staff { id: by, .. } = &caller.actor else {
        return Err(Refusal::forbidden("STAFF-1", "only a partner looks at policies").into());
    };
    if !caller.actor.has(REVIEWERS) {
        return Err(Refusal::forbidden("STAFF-1", "only a partner looks at policies").into());
    }
    let quarter = quarter_end(firm.day(now));
    for _ in 0..MAX_TRIES {
        let Some(loaded) = firm.store().load_firm().await? else { break };
        if loaded.settings.reviewed.as_ref().is_some_and(|known| quarter <= known.quarter) {
            return Ok(quarter);
        }
        let reviewed = Reviewed { quarter, by: by.clone(), at: firm.now(now) };
        let change = FirmChange::PoliciesReviewed(reviewed);
        let meta = meta(firm, "review_policies", caller, now);
        if firm.store().change_firm(&loaded, &change, &meta).await? == FirmCommit::Done {
            return Ok(quarter);
        }
    }
    Err(ReviewError::Busy)
}
