//! Policies of the firm's classes: armed as new versions, never changed (POL-1).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClassId, StaffId};
use domain::policy::read::{read_text, to_json};
use domain::policy::{Policy, PolicyRef, PolicyVersion};
use domain::role::Actor;
use serde_json::Value;
use store::{CommitMeta, FirmChange, FirmCommit, PolicyDocument, StoreError};

use super::templates::{UnknownText, unknown_text};
use crate::execute::Caller;
use crate::firm::{Firm, PolicyError};

/// The most classes of one firm: its policies are listed whole.
pub const MAX_CLASSES: usize = 200;

/// How arming a policy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Armed {
    /// It is a new version.
    New(PolicyDocument),
    /// It says what the newest version says already.
    Same(PolicyDocument),
    /// Somebody else changed the firm meanwhile: read again.
    Stale,
}

/// Why a policy can't be armed.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// What the newest version says can't be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A step names a text that the firm doesn't have (POL-3).
    #[error(transparent)]
    Text(#[from] UnknownText),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Arms a policy for a class, in force from that day: as the version after the `newest`, which the
/// caller looked at.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn arm(
    firm: &Firm,
    class: &ClassId,
    policy: &Policy,
    (newest, effective_on): (Option<&PolicyDocument>, Day),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Armed, ArmError> {
    // Whole, with every default: should a later release change one, this version means what it meant.
    let document = to_json(policy).to_string();
    let before = newest.map(version_of).transpose()?;
    if let (Some(newest), Some(before)) = (newest, &before)
        && before.policy == *policy
    {
        return Ok(Armed::Same(newest.clone()));
    }
    if let Some(unknown) = unknown_text(firm, policy) {
        return Err(unknown.into());
    }
    let version = match before {
        Some(before) => before.next(policy.clone(), effective_on),
        None => PolicyVersion::first(class.clone(), policy.clone()),
    };
    let author: Option<StaffId> = caller.actor.staff().cloned();
    let armed = PolicyDocument {
        class: class.clone(),
        version: version.id.version,
        document,
        effective_on,
        author,
        new_steps: version.new_steps,
        late_fee_since: version.late_fee_since,
    };
    let change = FirmChange::PolicyArmed(armed.clone());
    let meta = meta(firm, "arm_policy", caller, now);
    Ok(match firm.store().change_firm(firm.loaded(), &change, &meta).await? {
        FirmCommit::Done => Armed::New(armed),
        FirmCommit::Stale => Armed::Stale,
    })
}

/// What the record of a change of the firm says beside the change.
pub fn meta(firm: &Firm, command: &str, caller: &Caller, now: DateTime<Utc>) -> CommitMeta {
    CommitMeta {
        at: firm.now(now),
        day: firm.day(now),
        actor: caller.actor.clone(),
        command: command.to_owned(),
        policy: None,
        request_id: caller.request_id.clone(),
        rule: matches!(caller.actor, Actor::Schedule).then(|| "POL-1".to_owned()),
    }
}

/// A stored version, read.
///
/// # Errors
/// [`PolicyError::Unreadable`].
pub fn version_of(document: &PolicyDocument) -> Result<PolicyVersion, PolicyError> {
    let id = PolicyRef { class: document.class.clone(), version: document.version };
    let policy = read_text(&document.document);
    let policy = policy.map_err(|source| PolicyError::Unreadable { id: id.clone(), source })?;
    let new_steps = document.new_steps.clone();
    Ok(PolicyVersion { id, policy, new_steps, late_fee_since: document.late_fee_since })
}

/// One difference between two policies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Which field.
    pub field: String,
    /// What it was; `None`: it wasn't there.
    pub was: Option<Value>,
    /// What it is; `None`: it is gone.
    pub is: Option<Value>,
}

/// What changed from one policy to the next, field by field; all of it, if there was none before.
pub fn differences(before: Option<&Policy>, after: &Policy) -> Vec<Difference> {
    let flat = |policy: &Policy| {
        let mut fields = BTreeMap::new();
        flatten("", to_json(policy), &mut fields);
        fields
    };
    let (mut before, after) = (before.map(flat).unwrap_or_default(), flat(after));
    let mut found = Vec::new();
    for (field, is) in after {
        let was = before.remove(&field);
        if was.as_ref() != Some(&is) {
            found.push(Difference { field, was, is: Some(is) });
        }
    }
    let gone =
        before.into_iter().map(|(field, was)| Difference { field, was: Some(was), is: None });
    found.extend(gone);
    found
}

/// Lists are compared whole: a step has no name but its place.
fn flatten(path: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(&path, value, fields);
            }
        }
        value => {
            fields.insert(path.to_owned(), value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pol_1_differences_field_by_field() {
        let cpa = Policy::default();
        let mut other = cpa.clone();
        other.lock.days_overdue = Some(45);
        other.in_flight_days = 9;
        let found: Vec<_> = differences(Some(&cpa), &other)
            .into_iter()
            .map(|d| format!("{} {} {}", d.field, d.was.unwrap(), d.is.unwrap()))
            .collect();
        assert_eq!(found, ["in_flight_days 7 9", "lock.days_overdue 30 45"]);
        assert_eq!(differences(Some(&cpa), &cpa), []);
        assert!(differences(None, &cpa).len() > 20);
    }
}
