//! Policy documents into policies (contracts §2, POL-2, POL-4).
//!
//! A document is either whole or a preset with changes; both are laid over the preset `cpa`, whose
//! values are the defaults of all fields, and read as one. What the contract names but nothing
//! builds yet (`later`) is accepted at its default and refused by name otherwise: a firm must not
//! believe in a late fee that is never charged.

mod json;
mod kind;
mod late_fee;
mod later;
#[cfg(test)]
pub(super) mod round_trip;
#[cfg(test)]
mod tests;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use chrono::Weekday;

pub use json::to_json;
pub use yaml::{flow, to_yaml};

use super::{
    LetterRule, LockRule, LockScope, Policy, PromiseRule, Require, ThresholdOn, UnlockMode,
    UnlockRule,
};
use crate::access::{Capability, is_limitable};
use crate::calendar::{MAX_DAYS, WorkingDays};
use crate::document::{DocumentError, Field, Node, Value, merge, nearest, parse};
use crate::letter::DebtKind;
use crate::money::{Currency, Money};
use crate::run::Share;

/// The presets of the contract.
pub const PRESETS: [&str; 3] = ["cpa", "operator", "field-service"];

/// Their texts, comments and all, in that order.
const TEXTS: [&str; 3] = [
    include_str!("presets/cpa.yaml"),
    include_str!("presets/operator.yaml"),
    include_str!("presets/field-service.yaml"),
];

/// Whole, for where one is silent it says what `cpa` says; and without its lines: an error in a merged document is
/// about the lines that the reader wrote.
static NODES: LazyLock<Result<[Node; 3], DocumentError>> = LazyLock::new(|| {
    let [cpa, operator, field_service] = TEXTS.map(|text| parse(text).map(Node::without_place));
    let cpa = cpa?;
    let over_cpa = |node: Result<Node, DocumentError>| Ok(merge(cpa.clone(), node?));
    Ok([cpa.clone(), over_cpa(operator)?, over_cpa(field_service)?])
});

/// The longest name of a policy: one line on a page.
const MAX_NAME_CHARS: usize = 100;

/// The most days off that are listed: a decade of a country's holidays, with the store in mind,
/// which keeps every version of a policy.
const MAX_HOLIDAYS: usize = 400;

/// The most promises for one invoice; past it a limit is none.
const MAX_PROMISES: u32 = 100;

/// Reads a document.
///
/// # Errors
/// What is unknown, out of range, contradictory or not yet supported: field, value and reason.
pub fn read(node: &Node) -> Result<Policy, DocumentError> {
    read_field(&Field::root(node))
}

/// Reads the text of a document, YAML or JSON.
///
/// # Errors
/// Those of [`parse`] and [`read`].
pub fn read_text(text: &str) -> Result<Policy, DocumentError> {
    read(&parse(text)?)
}

/// Reads a document that is a part of another one, such as the `policy` of a timeline.
///
/// # Errors
/// Those of [`read`], with the path of that part.
pub fn read_field(field: &Field<'_>) -> Result<Policy, DocumentError> {
    let Value::Map(entries) = &field.node().value else {
        return Err(field.expected("a policy: its fields, or {preset: cpa, with: {…}}"));
    };
    let of_preset = entries.iter().any(|(key, _)| key.text == "preset" || key.text == "with");
    if !of_preset {
        return read_over(cpa()?, field);
    }
    let cpa = cpa()?;
    if let Some((key, node)) = entries.iter().find(|(key, _)| cpa.get(&key.text).is_some()) {
        let misplaced = Field::at(node, field.path_of(&key.text));
        return Err(misplaced.error("a change of a preset, expected under `with`"));
    }
    field.fields(|fields| {
        let preset = fields.required("preset", |field| {
            preset_node(field.text()?).map_err(|error| field.error(error.message))
        })?;
        match fields.field("with") {
            Some(with) => read_over(preset, &with),
            None => read_whole(&Field::at(preset, field.path())),
        }
    })
}

/// The preset of that name.
///
/// # Errors
/// For an unknown name.
pub fn preset(name: &str) -> Result<Policy, DocumentError> {
    read_whole(&Field::root(preset_node(name)?))
}

/// The document of that preset, to print or to start from.
///
/// # Errors
/// Those of [`preset`].
pub fn preset_text(name: &str) -> Result<&'static str, DocumentError> {
    Ok(TEXTS[place(name)?])
}

fn preset_node(name: &str) -> Result<&'static Node, DocumentError> {
    let place = place(name)?;
    NODES.as_ref().map(|nodes| &nodes[place]).map_err(Clone::clone)
}

/// Which preset that is.
fn place(name: &str) -> Result<usize, DocumentError> {
    let place = PRESETS.iter().position(|preset| *preset == name);
    place.ok_or_else(|| {
        let nearest = nearest(name, &PRESETS).unwrap_or_default();
        let message = format!("unknown preset {name:?}, the nearest known one is {nearest}");
        DocumentError { line: 0, column: 0, path: String::new(), message }
    })
}

fn cpa() -> Result<&'static Node, DocumentError> {
    preset_node("cpa")
}

fn read_over(base: &Node, changes: &Field<'_>) -> Result<Policy, DocumentError> {
    let merged = merge(base.clone(), changes.node().clone());
    read_whole(&Field::at(&merged, changes.path()))
}

/// Reads a document in which every section is there.
fn read_whole(document: &Field<'_>) -> Result<Policy, DocumentError> {
    document.fields(|fields| {
        let mut policy = Policy {
            name: fields.required("name", name)?,
            collection_threshold: fields.required("collection_threshold", Field::amounts)?,
            collection_threshold_on: fields
                .required("collection_threshold_on", |field| field.choice(&THRESHOLD_ON))?,
            lock: fields.required("lock", lock)?,
            unlock: fields.required("unlock", unlock)?,
            working_days: fields.required("working_days", working_days)?,
            letters: fields.required("letters", letters)?,
            promise: fields.required("promise", promise)?,
            plan_grace_days: fields.required("plan", |plan| {
                plan.fields(|fields| fields.required("grace_days", days))
            })?,
            in_flight_days: fields.required("in_flight_days", days)?,
            after_return_days: fields.required("after_return_days", days)?,
            apply_credit_on_issue: fields.required("apply_credit_on_issue", Field::flag)?,
            late_fee: fields.required("late_fee", late_fee::read)?,
            limits: fields.required("limits", |limits| {
                limits.fields(|fields| fields.required("capabilities", capabilities))
            })?,
            regular: fields.required("regular", kind::read)?,
            out_of_turn: fields.required("out_of_turn", kind::read)?,
        };
        late_fee::check(&mut policy, document)?;
        later::document(fields)?;
        Ok(policy)
    })
}

const THRESHOLD_ON: [(&str, ThresholdOn); 2] =
    [("invoice", ThresholdOn::Invoice), ("client_overdue", ThresholdOn::ClientOverdue)];
const SCOPES: [(&str, LockScope); 2] =
    [("client", LockScope::Client), ("service_lines", LockScope::ServiceLines)];
const REQUIRE: [(&str, Require); 2] = [("any", Require::Any), ("all", Require::All)];
const UNLOCK_MODES: [(&str, UnlockMode); 2] =
    [("approval", UnlockMode::Approval), ("on_payment", UnlockMode::OnPayment)];
/// A reminder is sent before the due date, so none goes with a lock.
const LOCK_LETTERS: [(&str, DebtKind); 3] = [
    ("notice", DebtKind::Notice),
    ("demand_letter", DebtKind::DemandLetter),
    ("final_demand", DebtKind::FinalDemand),
];
const WEEKDAYS: [(&str, Weekday); 7] = [
    ("mon", Weekday::Mon),
    ("tue", Weekday::Tue),
    ("wed", Weekday::Wed),
    ("thu", Weekday::Thu),
    ("fri", Weekday::Fri),
    ("sat", Weekday::Sat),
    ("sun", Weekday::Sun),
];

fn name(field: &Field<'_>) -> Result<String, DocumentError> {
    let name = field.text()?;
    if name.chars().any(char::is_control) || name.chars().nth(MAX_NAME_CHARS).is_some() {
        return Err(
            field.expected(format!("a name of one line and at most {MAX_NAME_CHARS} characters"))
        );
    }
    Ok(name.to_owned())
}

/// Zero is allowed: it is how these are turned off.
fn days(field: &Field<'_>) -> Result<u32, DocumentError> {
    field.count(0..=MAX_DAYS)
}

fn lock(field: &Field<'_>) -> Result<LockRule, DocumentError> {
    field.fields(|fields| {
        Ok(LockRule {
            days_overdue: fields.required("days_overdue", |field| {
                field.unless_off(|field| count_or_off(field, 1, MAX_DAYS))
            })?,
            unpaid_invoices: fields.required("unpaid_invoices", |field| {
                field.unless_off(|field| count_or_off(field, 2, 5)) // LOCK-1
            })?,
            balance: fields.required("balance", |field| field.unless_off(balance))?,
            require: fields.required("require", |field| field.choice(&REQUIRE))?,
            after_notice_days: fields
                .required("after_notice_days", |field| Ok(field.unless_off(days)?.unwrap_or(0)))?,
            notify_before: fields.required("notify_before", notify_before)?,
            scope: fields.required("scope", |field| field.choice(&SCOPES))?,
            working_days_only: fields.required("working_days_only", Field::flag)?,
            letter: fields.required("letter", |field| {
                field.unless_off(|field| field.choice(&LOCK_LETTERS))
            })?,
            relock_after_exception: fields.required("relock_after_exception", Field::flag)?,
            max_share_per_run: fields.required("max_share_per_run", share)?,
            min_locks_for_cap: fields
                .required("min_locks_for_cap", |field| field.count(0..=u32::MAX))?,
        })
    })
}

/// In quotes: a number of the document that is not whole is read nowhere.
fn share(field: &Field<'_>) -> Result<Share, DocumentError> {
    let share = match &field.node().value {
        Value::Text(text) => text.parse().ok(),
        _ => None,
    };
    share.ok_or_else(|| field.expected("a share from \"0\" to \"1\", in quotes"))
}

fn count_or_off(field: &Field<'_>, least: u32, most: u32) -> Result<u32, DocumentError> {
    field
        .count(least..=most)
        .map_err(|_| field.expected(format!("a whole number from {least} to {most}, or off")))
}

fn balance(field: &Field<'_>) -> Result<BTreeMap<Currency, Money>, DocumentError> {
    let amounts = field.amounts()?;
    // Zero would lock whoever owes a cent, and no currency at all nobody: say what is meant.
    if amounts.is_empty() {
        return Err(field.error("expected at least one amount, or off"));
    }
    match amounts.values().find(|amount| amount.is_zero()) {
        Some(amount) => {
            Err(field.error(format!("expected an amount above zero, or off, got {amount}")))
        }
        None => Ok(amounts),
    }
}

fn unlock(field: &Field<'_>) -> Result<UnlockRule, DocumentError> {
    field.fields(|fields| {
        Ok(UnlockRule {
            mode: fields.required("mode", |field| field.choice(&UNLOCK_MODES))?,
            four_eyes: fields.required("four_eyes", Field::flag)?,
            request_expires_days: fields
                .required("request_expires_days", |field| field.count(1..=MAX_DAYS))?,
            remainder_below_threshold: fields.required("remainder_below_threshold", Field::flag)?,
        })
    })
}

fn working_days(field: &Field<'_>) -> Result<WorkingDays, DocumentError> {
    field.fields(|fields| {
        let weekend = fields.required("weekend", weekend)?;
        let holidays = fields.required("holidays", |field| {
            let days = field.list(Field::day)?;
            at_most(field, MAX_HOLIDAYS, days.len())?;
            Ok(BTreeSet::from_iter(days))
        })?;
        Ok(WorkingDays { weekend, holidays })
    })
}

fn weekend(field: &Field<'_>) -> Result<Vec<Weekday>, DocumentError> {
    let mut weekend = Vec::new();
    field.list(|field| {
        let day = field.choice(&WEEKDAYS)?;
        if weekend.contains(&day) {
            return Err(field.error(format!("{} is there twice", field.node())));
        }
        weekend.push(day);
        Ok(())
    })?;
    if weekend.len() == WEEKDAYS.len() {
        return Err(field.error("expected at least one working day in the week, got none"));
    }
    Ok(weekend)
}

fn letters(field: &Field<'_>) -> Result<LetterRule, DocumentError> {
    field.fields(|fields| {
        let rule = LetterRule {
            quiet_hours: fields.required("quiet_hours", |field| field.unless_off(quiet_hours))?,
            working_days_only: fields.required("working_days_only", Field::flag)?,
            consolidate_over_clients: fields.required("consolidate_over_clients", Field::flag)?,
            max_per_run: fields.required("max_per_run", |field| field.count(0..=u32::MAX))?,
        };
        Ok(rule)
    })
}

fn quiet_hours(field: &Field<'_>) -> Result<(u32, u32), DocumentError> {
    let hours = field.fields(|fields| {
        Ok((fields.required("from", minute_of_day)?, fields.required("to", minute_of_day)?))
    })?;
    // From eight to eight: the whole day or no time at all.
    if hours.0 == hours.1 {
        return Err(
            field.error("expected quiet hours that begin and end at different times, or off")
        );
    }
    Ok(hours)
}

fn minute_of_day(field: &Field<'_>) -> Result<u32, DocumentError> {
    let read = |text: &str| {
        let (hours, minutes) = text.split_once(':')?;
        let two_digits = |part: &str| {
            let is_two = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
            is_two.then(|| part.parse::<u32>().ok()).flatten()
        };
        let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
        (hours < 24 && minutes < 60).then_some(hours * 60 + minutes)
    };
    let text = field.node().as_written().unwrap_or_default();
    read(text).ok_or_else(|| field.expected("a time such as \"20:00\""))
}

fn promise(field: &Field<'_>) -> Result<PromiseRule, DocumentError> {
    field.fields(|fields| {
        Ok(PromiseRule {
            max_days: fields.required("max_days", days)?,
            max_per_invoice: fields
                .required("max_per_invoice", |field| field.count(0..=MAX_PROMISES))?,
        })
    })
}

/// The most days on which one thing is announced: an invoice keeps a mark for each.
const MAX_NOTICES: usize = 10;

/// How many days ahead something is announced.
fn notify_before(field: &Field<'_>) -> Result<BTreeSet<u32>, DocumentError> {
    let mut days = BTreeSet::new();
    field.unless_off(|field| {
        field.list(|field| {
            if !days.insert(field.count(1..=MAX_DAYS)?) {
                return Err(field.error(format!("{} is there twice", field.node())));
            }
            at_most(field, MAX_NOTICES, days.len())
        })
    })?;
    Ok(days)
}

/// What a limit may take (rules §4); one that takes nothing is none.
fn capabilities(field: &Field<'_>) -> Result<BTreeSet<Capability>, DocumentError> {
    let choices: Vec<_> = Capability::ALL
        .into_iter()
        .filter(|capability| is_limitable(*capability))
        .map(|capability| (capability.as_str(), capability))
        .collect();
    let mut capabilities = BTreeSet::new();
    field.list(|field| {
        if !capabilities.insert(field.choice(&choices)?) {
            return Err(field.error(format!("{} is there twice", field.node())));
        }
        Ok(())
    })?;
    if capabilities.is_empty() {
        return Err(field.error("expected at least one capability that a limit takes, got none"));
    }
    Ok(capabilities)
}

fn at_most(field: &Field<'_>, most: usize, count: usize) -> Result<(), DocumentError> {
    if most < count {
        return Err(field.error(format!("expected at most {most} entries, got {count}")));
    }
    Ok(())
}
