//! Numbers that switch a safeguard off, or everything on (INV-4, CHG-3, LET-5, LOCK-10).

use rust_decimal::Decimal;

use super::super::{ChargeWhen, FeeForm, Policy, ThresholdOn};
use super::lock::locks_by_rule;
use super::{Findings, days};

/// In minor units: 100.00 USD, 10 000 JPY. What is left alone above that is no longer small change.
const TYPICAL_THRESHOLD: u64 = 10_000;

/// So many locks in one night that nobody is asked about are no longer a few.
const MANY_LOCKS: u32 = 100;

const MINUTES_PER_DAY: u32 = 24 * 60;

/// Letters of a day leave in a time shorter than this only if nothing holds them up.
const SHORT_MINUTES: u32 = 60;

pub(super) fn check(policy: &Policy, findings: &mut Findings) {
    thresholds(policy, findings);
    quiet_hours(policy, findings);
    caps(policy, findings);
    fees(policy, findings);
    charges(policy, findings);
    if policy.in_flight_days == 0 {
        let text = "A client whose bank debit is on its way is written to and locked as if it had not paid";
        findings.warning("in_flight_days", text);
    }
}

/// CHG-2: the two ladders don't wait for each other.
fn charges(policy: &Policy, findings: &mut Findings) {
    let (regular, out_of_turn) = (&policy.regular, &policy.out_of_turn);
    for (name, rules) in [("regular", regular), ("out_of_turn", out_of_turn)] {
        let Some(rule) = &rules.auto_charge else { continue };
        let Some(last) = rule.retry_days.last() else { continue };
        let locks = policy.lock.days_overdue.filter(|_| rule.when == ChargeWhen::OnDue);
        if locks.is_some_and(|locks| locks <= *last) {
            let text = format!(
                "The last retry comes {} after the due date, when the portal may be locked already",
                days(*last)
            );
            findings.warning(format!("{name}.auto_charge.retry_days"), text);
        }
    }
}

/// LF-1: what a fee may come to.
fn fees(policy: &Policy, findings: &mut Findings) {
    let Some(fee) = &policy.late_fee else { return };
    if fee.cap_amount.is_none() && fee.cap_annual.is_none() {
        let text = "Nothing caps the fees of an invoice: whether the law of the client's place allows them is for the firm to know";
        findings.warning("late_fee", text);
    }
    if let Some(schedule) = fee.schedule
        && fee.form == FeeForm::Invoice
        && 12 < schedule.times
    {
        let text = format!(
            "An invoice that stays unpaid gets up to {} more invoices, one for each fee",
            schedule.times
        );
        findings.warning("late_fee.times", text);
    }
}

fn thresholds(policy: &Policy, findings: &mut Findings) {
    for (currency, amount) in &policy.collection_threshold {
        if TYPICAL_THRESHOLD < amount.minor() {
            let what = match policy.collection_threshold_on {
                ThresholdOn::Invoice => "An invoice of",
                ThresholdOn::ClientOverdue => "A client who owes",
            };
            let text = format!(
                "{what} {} or less is never reminded, warned or locked",
                amount.for_person()
            );
            findings.warning(format!("collection_threshold.{}", currency.code()), text);
        }
    }
}

fn quiet_hours(policy: &Policy, findings: &mut Findings) {
    let Some((from, to)) = policy.letters.quiet_hours else { return };
    let quiet = (to + MINUTES_PER_DAY - from) % MINUTES_PER_DAY;
    let open = MINUTES_PER_DAY - quiet;
    if open < SHORT_MINUTES {
        let minutes = if open == 1 { "1 minute".to_owned() } else { format!("{open} minutes") };
        let text = format!(
            "Letters may leave in {minutes} of the day only; what is held up then goes out a day late"
        );
        findings.warning("letters.quiet_hours", text);
    }
}

/// LOCK-10: a cap that always holds stops every night, one that never holds stops none.
fn caps(policy: &Policy, findings: &mut Findings) {
    let lock = &policy.lock;
    let share = lock.max_share_per_run;
    if locks_by_rule(policy) {
        if share.is_whole() {
            let text = "No run waits for a partner because of its locks: it may lock every client in one night";
            findings.warning("lock.max_share_per_run", text);
        } else if MANY_LOCKS < lock.min_locks_for_cap {
            let text = format!(
                "A run locks up to {} clients in one night before anybody is asked",
                lock.min_locks_for_cap
            );
            findings.warning("lock.min_locks_for_cap", text);
        } else if share.as_decimal() == Decimal::ZERO {
            let text = match lock.min_locks_for_cap {
                0 => "Every run with a lock in it waits for a partner".to_owned(),
                few => format!(
                    "Every run with more than {few} locks waits for a partner, however many clients the firm has"
                ),
            };
            findings.warning("lock.max_share_per_run", text);
        }
    }
    if policy.letters.max_per_run == 0 {
        let text =
            "Every run with a demand letter in it waits for a partner, and its locks with it";
        findings.warning("letters.max_per_run", text);
    }
    if lock.working_days_only && policy.working_days.weekend.len() == 6 {
        let text = format!("Locks wait for the one working day of the week, up to {}", days(6));
        findings.warning("working_days.weekend", text);
    }
}
