//! Policies back into documents.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::super::{FeeRate, KindRules, LateFee, LockRule, Policy, Step, When};
use super::kind::CHARGE_WHEN;
use super::late_fee::FORMS;
use super::{LOCK_LETTERS, REQUIRE, SCOPES, THRESHOLD_ON, UNLOCK_MODES, WEEKDAYS};
use crate::access::Capability;
use crate::calendar::WorkingDays;
use crate::money::{Currency, Money};

/// The whole document, every default filled in; reading it gives the same policy.
///
/// What isn't built yet is there at its default: should a later release build it and change the
/// default, a version that was armed before goes on meaning what it meant.
pub fn to_json(policy: &Policy) -> Value {
    json!({
        "name": policy.name,
        "collection_threshold": amounts(&policy.collection_threshold),
        "collection_threshold_on": name(&THRESHOLD_ON, policy.collection_threshold_on),
        "lock": lock(&policy.lock),
        "unlock": {
            "mode": name(&UNLOCK_MODES, policy.unlock.mode),
            "four_eyes": policy.unlock.four_eyes,
            "request_expires_days": policy.unlock.request_expires_days,
            "remainder_below_threshold": policy.unlock.remainder_below_threshold,
        },
        "working_days": working_days(&policy.working_days),
        "letters": {
            "quiet_hours": or_off(policy.letters.quiet_hours, |(from, to)| {
                json!({"from": time(from), "to": time(to)})
            }),
            "working_days_only": policy.letters.working_days_only,
            "consolidate_over_clients": policy.letters.consolidate_over_clients,
            "max_per_run": policy.letters.max_per_run,
        },
        "promise": {
            "max_days": policy.promise.max_days,
            "max_per_invoice": policy.promise.max_per_invoice,
        },
        "plan": {"grace_days": policy.plan_grace_days},
        "in_flight_days": policy.in_flight_days,
        "after_return_days": policy.after_return_days,
        "access_on_pending_debit": false,
        "apply_credit_on_issue": policy.apply_credit_on_issue,
        "late_fee": or_off(policy.late_fee.as_ref(), late_fee),
        "limits": {"capabilities": capabilities(&policy.limits)},
        "regular": kind(&policy.regular),
        "out_of_turn": kind(&policy.out_of_turn),
    })
}

const OFF: &str = "off";

fn or_off<T>(value: Option<T>, write: impl FnOnce(T) -> Value) -> Value {
    value.map_or_else(|| OFF.into(), write)
}

fn name<T: PartialEq>(names: &[(&'static str, T)], value: T) -> &'static str {
    names.iter().find(|(_, known)| *known == value).map_or(OFF, |(name, _)| name)
}

fn amounts(amounts: &BTreeMap<Currency, Money>) -> Value {
    let amount = |(currency, money): (&Currency, &Money)| {
        (currency.code().to_owned(), Value::from(money.amount()))
    };
    Value::Object(amounts.iter().map(amount).collect())
}

fn lock(rule: &LockRule) -> Value {
    json!({
        "days_overdue": or_off(rule.days_overdue, Value::from),
        "unpaid_invoices": or_off(rule.unpaid_invoices, Value::from),
        "balance": or_off(rule.balance.as_ref(), amounts),
        "require": name(&REQUIRE, rule.require),
        "after_notice_days": rule.after_notice_days,
        "notify_before": rule.notify_before,
        "scope": name(&SCOPES, rule.scope),
        "working_days_only": rule.working_days_only,
        "letter": or_off(rule.letter, |kind| name(&LOCK_LETTERS, kind).into()),
        "relock_after_exception": rule.relock_after_exception,
        "max_share_per_run": rule.max_share_per_run.to_string(),
        "min_locks_for_cap": rule.min_locks_for_cap,
    })
}

fn working_days(days: &WorkingDays) -> Value {
    let weekend = days.weekend.iter().map(|&day| name(&WEEKDAYS, day));
    let holidays = days.holidays.iter().map(ToString::to_string);
    json!({"weekend": weekend.collect::<Vec<_>>(), "holidays": holidays.collect::<Vec<_>>()})
}

fn late_fee(fee: &LateFee) -> Value {
    let (kind, value) = match &fee.rate {
        FeeRate::Percent(percent) => ("percent", percent.to_string().into()),
        FeeRate::Flat(value) => ("flat", value.to_string().into()),
        FeeRate::FlatPer(values) => ("flat", amounts(values)),
    };
    let mut json = json!({
        "kind": kind,
        "value": value,
        "include_tax": fee.include_tax,
        "cap_amount": or_off(fee.cap_amount.as_ref(), amounts),
        "cap_annual_percent": or_off(fee.cap_annual, |percent| percent.to_string().into()),
        "even_if_paid_late": fee.even_if_paid_late,
        "as": name(&FORMS, fee.form),
    });
    if let Some(schedule) = fee.schedule {
        json["grace_days"] = schedule.grace_days.into();
        json["every_days"] = schedule.every_days.into();
        json["times"] = schedule.times.into();
    }
    json
}

fn kind(rules: &KindRules) -> Value {
    json!({
        "terms": rules.terms.to_string(),
        "auto_charge": rules.auto_charge.as_ref().map_or_else(|| "never".into(), |rule| {
            json!({"when": name(&CHARGE_WHEN, rule.when), "retry_days": rule.retry_days})
        }),
        "reminders": rules.reminders,
        "steps": rules.steps.iter().map(step).collect::<Vec<_>>(),
    })
}

fn step(step: &Step) -> Value {
    let (from, days) = match step.when {
        When::DaysOverdue(days) => ("at", days),
        When::AfterLock(days) => ("after_lock", days),
    };
    let mut json = json!({from: days, "do": step.action.as_str()});
    if step.needs_approval {
        json["approval"] = "partner".into();
    }
    if let Some(days) = step.unless_response_days {
        json["unless_response_days"] = days.into();
    }
    if let Some(text) = &step.text {
        json["text"] = text.as_str().into();
    }
    if !step.notify_before.is_empty() {
        json["notify_before"] = json!(step.notify_before);
    }
    if let Some(taken) = &step.capabilities {
        json["capabilities"] = capabilities(taken).into();
    }
    json
}

fn capabilities(capabilities: &BTreeSet<Capability>) -> Vec<&'static str> {
    capabilities.iter().map(|capability| capability.as_str()).collect()
}

fn time(minute: u32) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}
