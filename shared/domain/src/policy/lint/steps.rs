//! Steps and reminders that never come, or not as they read (POL-3, LET-1, LET-8).

use super::super::{Action, KindRules, Policy, Step, When};
use super::lock::{days_rule, latest_due, locks_by_rule};
use super::{Findings, days};
use crate::invoice::InvoiceKind;

/// Less than that between two questions about the same invoices, and the second comes before a partner who is
/// away for a few days has answered the first.
const DAYS_TO_DECIDE: u32 = 7;

/// Invoices whose due date was given, and doesn't follow from the terms.
const BY_TERMS: &str = "due dates that follow from the terms";

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    for kind in [InvoiceKind::Regular, InvoiceKind::OutOfTurn] {
        let (rules, section) = (policy.kind(kind), kind.as_str());
        reminders(rules, section, findings);
        for (index, step) in rules.steps.iter().enumerate() {
            let path = format!("{section}.steps[{index}]");
            unreachable(policy, step, &path, findings);
            beside_the_lock(policy, kind, step, &path, findings);
            announced(rules, step, &path, findings);
            after_close(rules, step, &path, findings);
            response(step, &path, findings);
            approved_task(step, &path, findings);
        }
        approvals(rules, section, findings);
        if rules.steps.is_empty() && !locks_by_rule(policy) {
            let text = "Nothing ever happens to an invoice of this kind that isn't paid";
            findings.warning(format!("{section}.steps"), text);
        }
    }
}

/// LET-1: never on or before the day of the invoice.
fn reminders(rules: &KindRules, section: &str, findings: &mut Findings) {
    let longest = latest_due(rules.terms);
    for (index, &before) in rules.reminders.iter().enumerate() {
        if longest <= before {
            let text = format!(
                "With terms of {} an invoice is due {} after it was issued at most, so this reminder never leaves",
                rules.terms,
                days(longest)
            );
            findings.assuming(BY_TERMS, format!("{section}.reminders[{index}]"), text);
        }
    }
}

fn unreachable(policy: &Policy, step: &Step, path: &str, findings: &mut Findings) {
    if matches!(step.when, When::AfterLock(_)) && !locks_by_rule(policy) {
        let text =
            "The step is never reached: no rule ever locks, and a lock by hand starts no steps";
        findings.error(format!("{path}.after_lock"), text);
    }
}

/// What a lock or a limit adds to the lock that is there anyway.
fn beside_the_lock(
    policy: &Policy,
    kind: InvoiceKind,
    step: &Step,
    path: &str,
    findings: &mut Findings,
) {
    match (step.action, step.when) {
        (Action::Lock, When::AfterLock(_)) => {
            findings.error(path, "A lock after the lock does nothing: the portal is closed");
        }
        (Action::Limit, When::AfterLock(_)) => {
            findings.error(path, "A limit after the lock does nothing: the portal is closed");
        }
        (Action::Lock, When::DaysOverdue(at)) => {
            // It is its kind's number in place of the shared one, so only another step is before it.
            if let Some(rule) = days_rule(policy, kind).filter(|rule| *rule < at) {
                let text = format!(
                    "The step never decides: another lock step is met at {} overdue",
                    days(rule)
                );
                findings.warning(format!("{path}.at"), text);
            }
        }
        (Action::Limit, When::DaysOverdue(at)) => {
            if let Some(rule) = days_rule(policy, kind).filter(|rule| *rule <= at) {
                let text = format!(
                    "The limit comes when the lock has closed more already, at {} overdue",
                    days(rule)
                );
                findings.warning(format!("{path}.at"), text);
            }
        }
        _ => {}
    }
}

/// Advance notices: before what they announce, and after the invoice.
fn announced(rules: &KindRules, step: &Step, path: &str, findings: &mut Findings) {
    let Some(&before) = step.notify_before.last() else { return };
    let field = format!("{path}.notify_before");
    if step.notify_before.contains(&0) {
        findings.error(&field, "A notice on the day of the step itself announces nothing");
    }
    match step.when {
        When::AfterLock(after) if after < before => {
            let text = format!(
                "A notice {} ahead would have to leave before the lock, from which the step is counted",
                days(before)
            );
            findings.error(field, text);
        }
        When::DaysOverdue(at) if at.saturating_add(latest_due(rules.terms)) <= before => {
            let text = format!(
                "A notice {} ahead would have to leave before the invoice was issued, and never leaves",
                days(before)
            );
            findings.assuming(BY_TERMS, field, text);
        }
        When::AfterLock(_) | When::DaysOverdue(_) => {}
    }
}

/// CLOSE-1: an ended engagement has no more steps.
fn after_close(rules: &KindRules, step: &Step, path: &str, findings: &mut Findings) {
    let When::DaysOverdue(at) = step.when else { return };
    let closes = rules.steps.iter().filter(|step| step.action == Action::Close);
    let first = closes.filter_map(|step| match step.when {
        When::DaysOverdue(days) => Some(days),
        When::AfterLock(_) => None,
    });
    if let Some(close) = first.min().filter(|close| *close < at) {
        let text = format!(
            "The step comes only where the partner has not ended the engagement, which is proposed at {} overdue",
            days(close)
        );
        findings.warning(format!("{path}.at"), text);
    }
}

fn response(step: &Step, path: &str, findings: &mut Findings) {
    if let (When::DaysOverdue(at), Some(response)) = (step.when, step.unless_response_days)
        && at < response
    {
        let text = format!(
            "A payment or message from up to {} before the invoice was due counts as a response, and skips the step for good",
            days(response - at)
        );
        findings.warning(format!("{path}.unless_response_days"), text);
    }
}

fn approved_task(step: &Step, path: &str, findings: &mut Findings) {
    if step.action == Action::ReviewTask && step.needs_approval {
        let text = "A partner is asked whether a partner shall be asked";
        findings.warning(format!("{path}.approval"), text);
    }
}

fn approvals(rules: &KindRules, section: &str, findings: &mut Findings) {
    let mut asked: Vec<(u32, usize)> = Vec::new();
    for (index, step) in rules.steps.iter().enumerate().filter(|(_, step)| step.needs_approval) {
        let When::DaysOverdue(at) = step.when else { continue };
        asked.push((at, index));
    }
    asked.sort_unstable();
    for pair in asked.windows(2) {
        let [(first, _), (second, index)] = pair else { continue };
        if second - first < DAYS_TO_DECIDE {
            let text = match second - first {
                0 => "A partner is asked twice about the same invoices on one day".to_owned(),
                apart => format!(
                    "A partner is asked again {} after the step before, which may still wait for an answer",
                    days(apart)
                ),
            };
            findings.warning(format!("{section}.steps[{index}]"), text);
        }
    }
}
