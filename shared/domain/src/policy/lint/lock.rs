//! When the lock really comes, and what goes with it (LOCK-1, LOCK-7, LOCK-9).

use chrono::Months;

use super::super::{Action, KindRules, LockRule, Policy, Require, Step, UnlockMode, When};
use super::{Findings, days};
use crate::calendar::{Day, Terms, days_between};
use crate::invoice::InvoiceKind;
use crate::letter::DebtKind;

/// A client who pays nothing gets them one after the other.
const MONTHLY: &str = "one invoice a month";

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    let lock = &policy.lock;
    triggers(lock, findings);
    count(policy, findings);
    for kind in [InvoiceKind::Regular, InvoiceKind::OutOfTurn] {
        warned_late(policy, kind, findings);
        letter(policy, kind, findings);
        promises(policy, kind, findings);
    }
    announced(policy, findings);
    if locks_by_rule(policy) && lock.after_notice_days == 0 {
        let text = "A client can be locked whom no letter has warned, even on the day on which its invoices are imported";
        findings.warning("lock.after_notice_days", text);
    }
    if locks_by_rule(policy) && lock.letter.is_none() {
        let text = "A locked client is told by no letter; it finds its portal closed";
        findings.warning("lock.letter", text);
    }
    let has_threshold = policy.collection_threshold.values().any(|amount| !amount.is_zero());
    if policy.unlock.remainder_below_threshold && !has_threshold {
        let text =
            "No remainder counts as paid, for the collection threshold is zero in every currency";
        findings.warning("unlock.remainder_below_threshold", text);
    }
    if policy.unlock.mode == UnlockMode::OnPayment && policy.unlock.four_eyes {
        let text = "Two people are needed only for locks by hand; all others open with the last payment, and nobody is asked";
        findings.warning("unlock.four_eyes", text);
    }
}

/// Whether anything ever locks but a person: a trigger that is on, or a step.
pub(super) fn locks_by_rule(policy: &Policy) -> bool {
    let LockRule { days_overdue, unpaid_invoices, balance, .. } = &policy.lock;
    let is_on = days_overdue.is_some() || unpaid_invoices.is_some() || balance.is_some();
    is_on || policy.steps().any(|(_, step)| step.action == Action::Lock)
}

/// On which day overdue the days rule is met for that kind: by its own step, else by the shared number (POL-3).
pub(super) fn days_rule(policy: &Policy, kind: InvoiceKind) -> Option<u32> {
    let step = policy.kind(kind).steps.iter().filter(|step| step.action == Action::Lock);
    let by_step = step.filter_map(|step| match step.when {
        When::DaysOverdue(days) => Some(days),
        When::AfterLock(_) => None,
    });
    by_step.min().or(policy.lock.days_overdue)
}

fn triggers(lock: &LockRule, findings: &mut Findings) {
    let on = [lock.days_overdue.is_some(), lock.unpaid_invoices.is_some(), lock.balance.is_some()];
    let on = on.into_iter().filter(|on| *on).count();
    if lock.require == Require::All && on < 2 {
        let text = match on {
            0 => "Nothing is required of no trigger at all: no lock is ever set by rule",
            _ => "It changes nothing: one trigger alone is on",
        };
        findings.warning("lock.require", text);
    }
}

/// S1: where terms and the count rule can't lock before N days, say so.
fn count(policy: &Policy, findings: &mut Findings) {
    let lock = &policy.lock;
    let Some(number) = lock.unpaid_invoices else { return };
    let by_count =
        months_apart(policy.regular.terms, number).saturating_add(lock.after_notice_days);
    let terms = policy.regular.terms;
    let begin = format!(
        "With terms of {terms}, {number} unpaid invoices lock nobody before day {by_count} after the first was issued"
    );
    let by_days = lock
        .days_overdue
        .map(|days| latest_due(terms).saturating_add(locks_on(policy, &policy.regular, days)));
    let rest = match (lock.require, by_days) {
        (Require::Any, Some(by_days)) if by_days <= by_count => format!(
            ", and the days rule locks on day {by_days} at the latest: the number never decides"
        ),
        (Require::All, Some(_)) => {
            ", and as all triggers must be met, neither does anything else".to_owned()
        }
        _ => String::new(),
    };
    findings.assuming(MONTHLY, "lock.unpaid_invoices", format!("{begin}{rest}"));
    if let (Require::Any, Some(days)) = (lock.require, lock.days_overdue)
        && by_count < earliest_due(terms).saturating_add(days)
    {
        let text = format!(
            "A client who pays nothing is locked by the number of its invoices on day {by_count} after the first was issued, before any is {days} days overdue"
        );
        findings.assuming(MONTHLY, "lock.days_overdue", text);
    }
}

/// On which day after the first issue the last of so many invoices is overdue, at the earliest: one a month, on
/// the same day of the month.
fn months_apart(terms: Terms, number: u32) -> u32 {
    starts()
        .filter_map(|first| {
            let last = first.checked_add_months(Months::new(number.saturating_sub(1)))?;
            Some(days_between(first, terms.due(last)).saturating_add(1))
        })
        .min()
        .unwrap_or(0)
}

/// The days between an invoice and its due date, at least and at most: terms may follow the calendar.
pub(super) fn earliest_due(terms: Terms) -> u32 {
    starts().map(|issued| days_between(issued, terms.due(issued))).min().unwrap_or(0)
}

pub(super) fn latest_due(terms: Terms) -> u32 {
    starts().map(|issued| days_between(issued, terms.due(issued))).max().unwrap_or(0)
}

/// Each day of a common year: what an invoice may be issued on.
fn starts() -> impl Iterator<Item = Day> {
    const DAYS: usize = 365;
    let first = Day::from_ymd_opt(2026, 1, 1).unwrap_or_default();
    first.iter_days().take(DAYS)
}

/// The first day overdue on which a letter that warns goes out by itself, if one does; it may be announced before
/// the due date.
fn first_letter(policy: &Policy, rules: &KindRules) -> Option<i64> {
    let day = |step: &Step| match step.when {
        When::DaysOverdue(days) => Some(i64::from(days)),
        When::AfterLock(_) => None,
    };
    let is_sure = |step: &&Step| !step.needs_approval && step.unless_response_days.is_none();
    let letters = rules.steps.iter().filter(is_sure).filter(|step| step.action.letter().is_some());
    let letters = letters.filter_map(day);
    let ahead = rules.steps.iter().filter_map(|step| {
        let before = step.notify_before.last()?;
        Some(day(step)? - i64::from(*before))
    });
    let of_lock = policy.lock.days_overdue.zip(policy.lock.notify_before.last());
    let of_lock = of_lock.map(|(rule, before)| i64::from(rule) - i64::from(*before));
    letters.chain(ahead).chain(of_lock).min()
}

/// On which day overdue the days rule locks: it waits for a warning, and gives one itself where none went out
/// before (LOCK-7).
fn locks_on(policy: &Policy, rules: &KindRules, rule: u32) -> u32 {
    let after = policy.lock.after_notice_days;
    match first_letter(policy, rules) {
        _ if after == 0 => rule,
        Some(letter) if letter <= i64::from(rule) => {
            let warned = u32::try_from(letter + i64::from(after)).unwrap_or(0);
            rule.max(warned)
        }
        Some(_) | None => rule.saturating_add(after),
    }
}

fn warned_late(policy: &Policy, kind: InvoiceKind, findings: &mut Findings) {
    let (lock, rules) = (&policy.lock, policy.kind(kind));
    let Some(rule) = days_rule(policy, kind) else { return };
    let comes_on = locks_on(policy, rules, rule);
    if comes_on == rule {
        return;
    }
    let path = format!("{}.steps", kind.as_str());
    let after = days(lock.after_notice_days);
    let text = match first_letter(policy, rules).filter(|letter| *letter <= i64::from(rule)) {
        Some(letter) => format!(
            "The first letter that warns goes out on day {letter} overdue and the lock waits {after} after it, so it comes at {comes_on} and not at {rule}"
        ),
        None => format!(
            "No step warns before the lock, so on day {rule} overdue a notice goes out by itself, and the lock comes {after} later, at {comes_on}"
        ),
    };
    findings.warning(path, text);
}

/// The lock's letter beside the letters before it.
fn letter(policy: &Policy, kind: InvoiceKind, findings: &mut Findings) {
    let (Some(letter), Some(rule)) = (policy.lock.letter, days_rule(policy, kind)) else { return };
    let before = policy.kind(kind).steps.iter().filter(|step| match step.when {
        When::DaysOverdue(days) => days < rule,
        When::AfterLock(_) => false,
    });
    let strongest = before.filter_map(|step| step.action.letter()).max();
    if let Some(before) = strongest.filter(|before| letter < *before) {
        let text = format!(
            "The letter that goes with the lock is milder than the {} before it",
            words(before)
        );
        findings.warning("lock.letter", text);
    }
}

fn words(letter: DebtKind) -> &'static str {
    let action = Action::ALL.into_iter().find(|action| action.letter() == Some(letter));
    action.map_or("letter", Action::words)
}

/// LET-1: a notice ahead of the days rule.
fn announced(policy: &Policy, findings: &mut Findings) {
    if policy.lock.notify_before.is_empty() || policy.lock.days_overdue.is_some() {
        return;
    }
    let text =
        "The lock is never announced: the days rule is off, and no other trigger is known ahead";
    findings.error("lock.notify_before", text);
}

/// A promise given for the first letter, and the lock.
fn promises(policy: &Policy, kind: InvoiceKind, findings: &mut Findings) {
    let (rules, promise) = (policy.kind(kind), &policy.promise);
    let letter = first_letter(policy, rules);
    let (Some(rule), Some(letter)) = (days_rule(policy, kind), letter) else { return };
    if kind != InvoiceKind::Regular || promise.max_per_invoice == 0 {
        return;
    }
    let gap = i64::from(locks_on(policy, rules, rule)) - letter.max(0);
    if let Ok(gap) = u32::try_from(gap)
        && gap < promise.max_days
    {
        let text = format!(
            "A client who promises on the day of the first letter puts the lock off, which would come {} later",
            days(gap)
        );
        findings.warning("promise.max_days", text);
    }
}
