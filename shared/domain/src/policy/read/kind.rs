//! The sections `regular` and `out_of_turn` (POL-2, POL-3).

use std::collections::BTreeSet;

use super::super::{Action, AutoCharge, ChargeWhen, KindRules, Step, When};
use super::{at_most, capabilities, notify_before};
use crate::calendar::MAX_DAYS;
use crate::document::{DocumentError, Field, Fields, Value};
use crate::id::TemplateName;

/// The most steps, and the most reminders, of one kind: an invoice keeps a mark for each that was
/// done, and its item has to stay small.
const MAX_STEPS: usize = 50;

pub(super) fn read(field: &Field<'_>) -> Result<KindRules, DocumentError> {
    field.fields(|fields| {
        let rules = KindRules {
            terms: fields.required("terms", Field::parse)?,
            auto_charge: fields.optional("auto_charge", auto_charge)?.flatten(),
            reminders: fields.required("reminders", reminders)?,
            steps: fields.required("steps", steps)?,
        };
        Ok(rules)
    })
}

/// The most retries of one charge: past it a bank takes them for an attack, and card networks fine them.
pub(super) const MAX_RETRIES: usize = 10;

pub(super) const CHARGE_WHEN: [(&str, ChargeWhen); 2] =
    [("on_issue", ChargeWhen::OnIssue), ("on_due", ChargeWhen::OnDue)];

/// `never`, or on which day and how often again; just the day leaves the retries at none.
fn auto_charge(field: &Field<'_>) -> Result<Option<AutoCharge>, DocumentError> {
    if field.is_off() || field.node().as_written() == Some("never") {
        return Ok(None);
    }
    if !matches!(field.node().value, Value::Map(_)) {
        return Err(field.expected("never, or {when: on_issue | on_due, retry_days: […]}"));
    }
    field.fields(|fields| {
        let when = fields.required("when", |field| field.choice(&CHARGE_WHEN))?;
        let retry_days = fields.or("retry_days", BTreeSet::new(), |field| {
            let mut days = BTreeSet::new();
            field.unless_off(|field| {
                field.list(|field| {
                    if !days.insert(field.count(1..=MAX_DAYS)?) {
                        return Err(field.error(format!("{} is there twice", field.node())));
                    }
                    at_most(field, MAX_RETRIES, days.len())
                })
            })?;
            Ok(days)
        })?;
        Ok(Some(AutoCharge { when, retry_days }))
    })
}

fn reminders(field: &Field<'_>) -> Result<Vec<u32>, DocumentError> {
    let mut reminders = Vec::new();
    field.list(|field| {
        let days = field.count(0..=MAX_DAYS)?;
        if reminders.contains(&days) {
            return Err(field.error(format!("{days} is there twice")));
        }
        reminders.push(days);
        at_most(field, MAX_STEPS, reminders.len())
    })?;
    Ok(reminders)
}

fn steps(field: &Field<'_>) -> Result<Vec<Step>, DocumentError> {
    let mut steps: Vec<Step> = Vec::new();
    field.list(|field| {
        let step = field.fields(step)?;
        // It is known by these two, and done once (POL-1).
        let is_same = |other: &Step| (other.when, other.action) == (step.when, step.action);
        if let Some(first) = steps.iter().position(is_same) {
            return Err(field.error(format!("the same day and `do` as step [{first}]")));
        }
        steps.push(step);
        at_most(field, MAX_STEPS, steps.len())
    })?;
    Ok(steps)
}

fn step(fields: &mut Fields<'_>) -> Result<Step, DocumentError> {
    // On day 0 nothing is overdue, and what goes with a lock is its letter.
    let (name, days) = fields.exactly_one(&["at", "after_lock"])?;
    let days = days.count(1..=MAX_DAYS)?;
    let when = if name == "at" { When::DaysOverdue(days) } else { When::AfterLock(days) };
    let action = fields.required("do", action)?;
    if !action.may_follow_a_lock() && matches!(when, When::AfterLock(_)) {
        let name = action.as_str();
        let text = format!("expected `at`: a portal is locked by then, and {name} adds nothing");
        return Err(fields.whole().error(text));
    }
    let approval = fields.optional("approval", |field| approval(field, action))?;
    let unless_response_days = fields.optional("unless_response_days", |field| {
        field.unless_off(|field| field.count(1..=MAX_DAYS))
    })?;
    let text = fields.optional("text", |field| field.unless_off(|field| text(field, action)))?;
    let notify_before = fields.or("notify_before", Default::default(), notify_before)?;
    let capabilities = fields.optional("capabilities", |field| match action {
        Action::Limit => capabilities(field),
        _ => Err(field.error(format!("{} takes nothing: only limit does", action.as_str()))),
    })?;
    Ok(Step {
        notify_before,
        capabilities,
        text: text.flatten(),
        needs_approval: approval.unwrap_or(action.always_needs_approval()),
        unless_response_days: unless_response_days.flatten(),
        ..Step::new(when, action)
    })
}

/// The firm's own text of the letter that the step sends; whether there is one is asked where the policy is saved.
fn text(field: &Field<'_>, action: Action) -> Result<TemplateName, DocumentError> {
    if action.letter().is_none() {
        let name = action.as_str();
        return Err(field.error(format!("expected off: {name} sends no letter")));
    }
    field.parse()
}

fn action(field: &Field<'_>) -> Result<Action, DocumentError> {
    field.choice(&Action::ALL.map(|action| (action.as_str(), action)))
}

fn approval(field: &Field<'_>, action: Action) -> Result<bool, DocumentError> {
    let is_partners = field.unless_off(|field| field.choice(&[("partner", ())]))?.is_some();
    if is_partners && action.never_needs_approval() {
        let name = action.as_str();
        return Err(field.error(format!("expected off, got partner: {name} needs no approval")));
    }
    if !is_partners && action.always_needs_approval() {
        let name = action.as_str();
        return Err(field.error(format!("expected partner, got off: {name} always needs approval")));
    }
    Ok(is_partners)
}
