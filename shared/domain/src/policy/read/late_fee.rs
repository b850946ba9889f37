//! The section `late_fee` (LF-1), and what it and the steps must agree on.

use rust_decimal::Decimal;

use super::super::{Action, FeeForm, FeeRate, FeeSchedule, LateFee, MAX_TIMES, Percent, Policy};
use super::balance;
use crate::calendar::MAX_DAYS;
use crate::document::{DocumentError, Field, Fields, Value};
use crate::money::MAX_MINOR;

const KINDS: [(&str, bool); 2] = [("percent", true), ("flat", false)];

pub(super) const FORMS: [(&str, FeeForm); 2] =
    [("line", FeeForm::Line), ("invoice", FeeForm::Invoice)];

/// The fields that say when the section charges by itself.
const DAYS: [&str; 3] = ["grace_days", "every_days", "times"];

/// Nothing, where it is off.
pub(super) fn read(field: &Field<'_>) -> Result<Option<LateFee>, DocumentError> {
    field.unless_off(|field| field.fields(section))
}

fn section(fields: &mut Fields<'_>) -> Result<LateFee, DocumentError> {
    let is_percent = fields.required("kind", |field| field.choice(&KINDS))?;
    Ok(LateFee {
        rate: fields.required("value", if is_percent { percent_rate } else { flat_rate })?,
        schedule: Some(schedule(fields)?),
        include_tax: fields.or("include_tax", true, Field::flag)?,
        cap_amount: fields.optional("cap_amount", |field| field.unless_off(balance))?.flatten(),
        cap_annual: fields
            .optional("cap_annual_percent", |field| field.unless_off(percent))?
            .flatten(),
        even_if_paid_late: fields.or("even_if_paid_late", true, Field::flag)?,
        form: fields.or("as", FeeForm::Line, |field| field.choice(&FORMS))?,
    })
}

/// Once, on the first day, unless it says otherwise.
fn schedule(fields: &mut Fields<'_>) -> Result<FeeSchedule, DocumentError> {
    let times = fields.or("times", 1, |field| field.count(1..=MAX_TIMES))?;
    let grace_days = fields.or("grace_days", 0, super::days)?;
    let every_days = fields.optional("every_days", |field| field.count(1..=MAX_DAYS))?;
    if 1 < times && every_days.is_none() {
        let text = format!("says how often {times} fees are charged; it is missing");
        return Err(
            Field::at(fields.whole().node(), fields.whole().path_of("every_days")).error(text)
        );
    }
    Ok(FeeSchedule { grace_days, every_days: every_days.unwrap_or(MAX_DAYS), times })
}

fn percent_rate(field: &Field<'_>) -> Result<FeeRate, DocumentError> {
    percent(field).map(FeeRate::Percent)
}

/// In quotes or whole: a number of the document that is not whole is read nowhere.
fn percent(field: &Field<'_>) -> Result<Percent, DocumentError> {
    let text = number(field)?;
    text.parse().map_err(|error| field.error(error))
}

/// One number is of the currency in which the client is billed; else one amount per currency.
fn flat_rate(field: &Field<'_>) -> Result<FeeRate, DocumentError> {
    if matches!(field.node().value, Value::Map(_)) {
        return balance(field).map(FeeRate::FlatPer);
    }
    let text = number(field)?;
    let is_plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    let value: Option<Decimal> = text.parse().ok();
    let most = Decimal::from(MAX_MINOR / 1_000); // in a currency of three decimals
    let value = value.filter(|value| is_plain && Decimal::ZERO < *value && *value <= most);
    value
        .map(FeeRate::Flat)
        .ok_or_else(|| field.expected("an amount above zero, such as \"25.00\""))
}

fn number(field: &Field<'_>) -> Result<String, DocumentError> {
    match &field.node().value {
        Value::Text(text) => Ok(text.clone()),
        Value::Integer(number) => Ok(number.to_string()),
        Value::Float(text) => {
            Err(field.expected(format!("a number in quotes (\"{text}\") or a whole one")))
        }
        Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
            Err(field.expected("a number such as \"1.5\""))
        }
    }
}

/// With a step that charges, the section has no days of its own; without the section, no step
/// could charge anything (LF-1).
pub(super) fn check(policy: &mut Policy, document: &Field<'_>) -> Result<(), DocumentError> {
    let has_step = policy.steps().any(|(_, step)| step.action == Action::LateFee);
    let section = section_of(document)?;
    let Some(fee) = &mut policy.late_fee else {
        if has_step {
            let text = "is off, but a step late_fee takes kind, value and caps from it";
            return Err(section.unwrap_or_else(|| document.clone()).error(text));
        }
        return Ok(());
    };
    if !has_step {
        return Ok(());
    }
    fee.schedule = None;
    let Some(section) = section else { return Ok(()) };
    let mut fields = Fields::new(section.node(), section.path())?;
    match DAYS.iter().find_map(|name| fields.field(name)) {
        Some(days) => Err(days.error(
            "a step late_fee charges on its own day: take either the step or this field away",
        )),
        None => Ok(()),
    }
}

fn section_of<'n>(document: &Field<'n>) -> Result<Option<Field<'n>>, DocumentError> {
    Ok(Fields::new(document.node(), document.path())?.field("late_fee"))
}
