//! Policies of the firm's classes: drafted, let run beside, armed as new versions, never changed (POL-1, POL-7).

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::ClassId;
use domain::policy::life::{Standing, State, in_force, stays};
use domain::policy::read::{read_text, to_json, to_yaml};
use domain::policy::{Policy, PolicyRef, PolicyVersion};
use domain::refusal::Refusal;
use domain::role::Actor;
use serde_json::Value;
use store::{CommitMeta, FirmChange, FirmCommit, PolicyDocument, StoreError};

use super::templates::{UnknownText, unknown_text};
use crate::execute::Caller;
use crate::firm::{Firm, PolicyError};

/// The most classes of one firm: its policies are listed whole.
pub const MAX_CLASSES: usize = 200;

/// How saving or arming a policy ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Armed {
    /// It is a new version, or an old one that is something else now.
    New(PolicyDocument),
    /// That is so already.
    Same(PolicyDocument),
    /// Somebody else changed the firm meanwhile: read again.
    Stale,
}

/// Why a policy can't be saved or armed.
#[derive(Debug, thiserror::Error)]
pub enum ArmError {
    /// What an older version says can't be read.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// A step names a text that the firm doesn't have (POL-3).
    #[error(transparent)]
    Text(#[from] UnknownText),
    /// Not as things stand.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Saves a policy for a class as its next version: as a draft, beside the one in force as a shadow, or armed from
/// that day on. `versions` are the class's, newest first, which the caller looked at.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn save(
    firm: &Firm,
    (class, policy, state): (&ClassId, &Policy, State),
    (versions, effective_on): (&[PolicyDocument], Day),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Armed, ArmError> {
    let live = |known: &&PolicyDocument| known.state != State::Withdrawn;
    if let Some(newest) = versions.first().filter(live)
        && version_of(newest)?.policy == *policy
    {
        // A draft that is saved again as a draft stays what it is, and so does an armed version.
        if newest.state == state || newest.state == State::Armed {
            return Ok(Armed::Same(newest.clone()));
        }
        return become_(firm, (newest, state), (versions, effective_on), caller, now).await;
    }
    if let Some(unknown) = unknown_text(firm, policy) {
        return Err(unknown.into());
    }
    let number = versions.first().map_or(1, |newest| newest.version + 1);
    let version = version_after(class, versions, (policy, number), effective_on)?;
    let document = PolicyDocument {
        class: class.clone(),
        version: number,
        // Whole, with every default: should a later release change one, this version means what it meant.
        document: to_yaml(policy),
        effective_on,
        state,
        author: caller.actor.staff().cloned(),
        new_steps: version.new_steps,
        late_fee_since: version.late_fee_since,
    };
    write(firm, document, caller, now).await
}

/// Arms a policy for a class, in force from that day: as the version after the `newest`, which the caller looked
/// at.
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
    let versions = Vec::from_iter(newest.cloned());
    save(firm, (class, policy, State::Armed), (&versions, effective_on), caller, now).await
}

/// Makes something else of a version that is no more than a draft or a shadow: its text stays.
///
/// # Errors
/// [`ArmError::Refused`], if a newer version was armed since it was written, or it is armed or withdrawn itself.
pub async fn become_(
    firm: &Firm,
    (version, state): (&PolicyDocument, State),
    (versions, effective_on): (&[PolicyDocument], Day),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Armed, ArmError> {
    if version.state == state {
        return Ok(Armed::Same(version.clone()));
    }
    let number = version.version;
    let refuse = |text: String| Err(Refusal::conflict("POL-7", text).into());
    match version.state {
        State::Draft | State::Shadow => {}
        State::Armed => return refuse(format!("version {number} is armed")),
        State::Withdrawn => return refuse(format!("version {number} was taken back")),
    }
    let newer = versions.iter().find(|known| number < known.version && known.state.is_armed());
    if let Some(newer) = newer {
        let text = format!(
            "version {} was armed after version {number} was written: save it anew to make it the newest",
            newer.version
        );
        return refuse(text);
    }
    let older: Vec<_> = versions.iter().filter(|known| known.version < number).cloned().collect();
    let policy = version_of(version)?.policy;
    if let Some(unknown) = unknown_text(firm, &policy) {
        return Err(unknown.into());
    }
    let next = version_after(&version.class, &older, (&policy, number), effective_on)?;
    let (new_steps, late_fee_since) = (next.new_steps, next.late_fee_since);
    let document =
        PolicyDocument { state, effective_on, new_steps, late_fee_since, ..version.clone() };
    write(firm, document, caller, now).await
}

/// Takes a version back that isn't in force yet.
///
/// # Errors
/// [`ArmError::Refused`], if it is in force or was, or a later one was made of it.
pub async fn withdraw(
    firm: &Firm,
    version: &PolicyDocument,
    versions: &[PolicyDocument],
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Armed, ArmError> {
    if version.state == State::Withdrawn {
        return Ok(Armed::Same(version.clone()));
    }
    if let Some(why) = stays(&standings(versions), standing(version), firm.day(now)) {
        let text = format!("version {} can't be taken back: {why}", version.version);
        return Err(Refusal::conflict("POL-1", text).into());
    }
    let document = PolicyDocument { state: State::Withdrawn, ..version.clone() };
    write(firm, document, caller, now).await
}

async fn write(
    firm: &Firm,
    document: PolicyDocument,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Armed, ArmError> {
    let (change, command) = match document.state {
        State::Armed => (FirmChange::PolicyArmed(document.clone()), "arm_policy"),
        State::Shadow => (FirmChange::PolicySaved(document.clone()), "shadow_policy"),
        State::Draft => (FirmChange::PolicySaved(document.clone()), "draft_policy"),
        State::Withdrawn => (FirmChange::PolicyWithdrawn(document.clone()), "withdraw_policy"),
    };
    let meta = meta(firm, command, caller, now);
    Ok(match firm.store().change_firm(firm.loaded(), &change, &meta).await? {
        FirmCommit::Done => Armed::New(document),
        FirmCommit::Stale => Armed::Stale,
    })
}

/// The version of that number, from that day on. What is new in it is what the version hasn't that is in force
/// until then, and not what some other one hasn't that only waits for its day (POL-1).
pub(crate) fn version_after(
    class: &ClassId,
    versions: &[PolicyDocument],
    (policy, number): (&Policy, u32),
    from: Day,
) -> Result<PolicyVersion, PolicyError> {
    let before = in_force(&standings(versions), from)
        .and_then(|number| versions.iter().find(|known| known.version == number))
        .map(version_of)
        .transpose()?;
    let version = match before {
        Some(before) => before.next(policy.clone(), from),
        None => PolicyVersion::first(class.clone(), policy.clone()),
    };
    let id = PolicyRef { class: class.clone(), version: number };
    Ok(PolicyVersion { id, ..version })
}

/// A version as far as its life is concerned.
pub fn standing(document: &PolicyDocument) -> Standing {
    let PolicyDocument { version, state, effective_on, .. } = *document;
    Standing { version, state, effective_on }
}

/// All of them.
pub fn standings(versions: &[PolicyDocument]) -> Vec<Standing> {
    versions.iter().map(standing).collect()
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
    let late_fee_since = document.late_fee_since;
    let auto_charge_since = Default::default();
    Ok(PolicyVersion { id, policy, new_steps, late_fee_since, auto_charge_since })
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

/// Steps are compared by what they are known by, other lists whole.
fn flatten(path: &str, value: Value, fields: &mut BTreeMap<String, Value>) {
    match value {
        Value::Array(steps) if path.ends_with(".steps") => {
            for step in steps {
                fields.insert(format!("{path}[{}]", step_name(&step)), step);
            }
        }
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

/// Such as `at 60 final_demand`.
fn step_name(step: &Value) -> String {
    let day = ["at", "after_lock"].into_iter().find_map(|name| Some((name, step.get(name)?)));
    let (name, days) = day.map_or(("at", String::new()), |(name, days)| (name, days.to_string()));
    let action = step.get("do").and_then(Value::as_str).unwrap_or_default();
    format!("{name} {days} {action}")
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

    #[test]
    fn pol_1_steps_are_compared_by_what_they_are_known_by() {
        let policy = |steps: &str| read_text(&format!("regular: {{steps: [{steps}]}}")).unwrap();
        let before = policy("{at: 1, do: notice}, {at: 60, do: final_demand}");
        let after = policy(
            "{at: 60, do: final_demand, approval: partner}, {after_lock: 7, do: demand_letter}",
        );
        let found: Vec<_> = differences(Some(&before), &after)
            .into_iter()
            .map(|d| (d.field, d.was.is_some(), d.is.is_some()))
            .collect();
        let expected = [
            ("regular.steps[after_lock 7 demand_letter]", false, true),
            ("regular.steps[at 60 final_demand]", true, true),
            ("regular.steps[at 1 notice]", true, false),
        ];
        assert_eq!(found, expected.map(|(field, was, is)| (field.to_owned(), was, is)));
    }

    #[test]
    fn pol_1_what_is_new_is_new_against_the_version_in_force_until_then() {
        let day = |text: &str| domain::calendar::parse_day(text).unwrap();
        let class: ClassId = "default".parse().unwrap();
        let policy = |steps: &str| {
            read_text(&format!("regular: {{steps: [{steps}]}}\nout_of_turn: {{steps: []}}"))
                .unwrap()
        };
        let document = |version, text: &Policy, on: &str, state, new_steps| PolicyDocument {
            class: "default".parse().unwrap(),
            version,
            document: to_yaml(text),
            effective_on: day(on),
            state,
            author: None,
            new_steps,
            late_fee_since: None,
        };
        let one = policy("{at: 1, do: notice}");
        let two = policy("{at: 1, do: notice}, {at: 10, do: notice}");
        let first = document(1, &one, "2026-01-01", State::Armed, BTreeMap::new());
        let from = day("2026-12-01");
        let scheduled =
            version_after(&class, std::slice::from_ref(&first), (&two, 2), from).unwrap();
        let step: domain::policy::StepKey = "regular/at/10/notice".parse().unwrap();
        assert_eq!(scheduled.new_steps, BTreeMap::from([(step, from)]));
        let second = document(2, &two, "2026-12-01", State::Armed, scheduled.new_steps.clone());

        // Armed today, before the scheduled one comes: new today, and not on a day that is still to come.
        let today = day("2026-11-22");
        let versions = [second.clone(), first.clone()];
        let third = version_after(&class, &versions, (&two, 3), today).unwrap();
        assert_eq!((third.id.version, third.new_steps), (3, BTreeMap::from([(step, today)])));
        // After it, it is known since that one.
        let fourth = version_after(&class, &versions, (&two, 3), day("2026-12-24")).unwrap();
        assert_eq!(fourth.new_steps, BTreeMap::from([(step, from)]));
        // What is no more than a draft, or was taken back, counts for nothing.
        for state in [State::Draft, State::Shadow, State::Withdrawn] {
            let versions = [PolicyDocument { state, ..second.clone() }, first.clone()];
            let next = version_after(&class, &versions, (&two, 3), day("2026-12-24")).unwrap();
            assert_eq!(next.new_steps, BTreeMap::from([(step, day("2026-12-24"))]), "{state:?}");
        }
    }
}
