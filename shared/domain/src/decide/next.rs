//! What comes next (EVAL-1, EVAL-5): the day of the next evaluation that would write anything, and what it would.
//!
//! Nothing is guessed: each day on which anything can change is looked at, and evaluated on a copy of the account
//! where an evaluation may find anything ([`super::look`]).

use std::collections::BTreeSet;

use super::fee::days_of_fees;
use super::look::may_decide;
use super::{Context, decide};
use crate::account::{Account, ExceptionEnd};
use crate::apply::apply;
use crate::calendar::{Day, minus, plus};
use crate::charge::Charging;
use crate::command::Command;
use crate::event::Event;
use crate::invoice::{Invoice, Posting};
use crate::letter::LetterState;
use crate::policy::{Policy, When};
use crate::role::Actor;
use crate::run::Latitude;

/// How many evaluations the search for the next one may take, for an account with one invoice; with
/// more invoices, proportionally fewer, so that the search stays some milliseconds.
const MAX_LOOK_AHEAD: usize = 20_000;

/// The first later day on which an evaluation would write anything if nothing else happens (EVAL-1).
///
/// The days on which anything can change are few; each on which something may be decided is tried, in order, on a
/// copy from which the letters left as planned. A client with so much on hold that the search is given up gets
/// an evaluation that may find nothing.
pub fn next_evaluation(account: &Account, context: &Context<'_>) -> Option<Day> {
    first_day(account, context, |day| !evaluation_on(account, context, day).is_empty())
}

/// The first later day on which an evaluation may write something: [`next_evaluation`], but that nothing is
/// evaluated to find it, so that once in a while there is nothing to write. For who evaluates on that day anyway.
pub fn next_look(account: &Account, context: &Context<'_>) -> Option<Day> {
    first_day(account, context, |_| true)
}

/// The first day of change on which something may be decided and that is as wanted; or where the search ends.
fn first_day(
    account: &Account,
    context: &Context<'_>,
    mut is_wanted: impl FnMut(Day) -> bool,
) -> Option<Day> {
    let Days { certain, mut maybe } = days_of_change(account, context);
    maybe.extend(certain.iter().copied());
    let tries = (MAX_LOOK_AHEAD / account.invoices.len().max(1)).max(16);
    for (index, day) in maybe.into_iter().enumerate() {
        if tries <= index {
            return Some(day);
        }
        if (certain.contains(&day) || may_decide(account, context, day)) && is_wanted(day) {
            return Some(day);
        }
    }
    None
}

/// What the evaluation of that later day would write if nothing else happens until then; of a ledger from
/// elsewhere it is assumed that it is fresh by then, so that who waits for it is looked at each day (FRESH-1).
pub fn evaluation_on(account: &Account, context: &Context<'_>, day: Day) -> Vec<Event> {
    let then = by_schedule(context, day);
    let later = without_letters(account, context, day);
    decide(&later, &Command::Evaluate, &then).unwrap_or_default()
}

/// As the schedule will decide that day, whoever asks today, with a fresh ledger and all latitude.
pub(crate) fn by_schedule<'a>(context: &Context<'a>, day: Day) -> Context<'a> {
    let Context { policy, episodes, numbers, law, .. } = *context;
    Context {
        day,
        actor: &Actor::Schedule,
        policy,
        episodes,
        numbers,
        ledger: None,
        latitude: Latitude::Full,
        law,
    }
}

/// The account as it will be at the start of that day: what was queued has left.
pub(crate) fn without_letters(account: &Account, context: &Context<'_>, day: Day) -> Account {
    let mut later = account.clone();
    let queued = account.letters.values().filter(|letter| letter.state == LetterState::Queued);
    for letter in queued {
        let on = letter.leaves_on.max(context.day);
        // On the day on which somebody read the client's message no harsh letter leaves (LET-8).
        let on = if account.read_on == Some(on) { plus(on, 1) } else { on };
        if day <= on {
            continue;
        }
        let then = by_schedule(context, on);
        let claim = Command::ClaimLetter { letter: letter.id };
        for event in decide(&later, &claim, &then).unwrap_or_default() {
            apply(&mut later, &event);
        }
    }
    later
}

/// Later days on which an evaluation could find something new.
struct Days {
    /// Those that are evaluated, whatever [`may_decide`] would say.
    certain: BTreeSet<Day>,
    /// Those on which [`may_decide`] is asked first.
    maybe: BTreeSet<Day>,
}

/// Every later day on which an evaluation could find something new.
fn days_of_change(account: &Account, context: &Context<'_>) -> Days {
    let policy = &context.policy.policy;
    if account.closed.is_some() {
        return Days { certain: BTreeSet::new(), maybe: BTreeSet::new() }; // CLOSE-1
    }
    // What an import brought was never evaluated: whatever it is, it meets the next run (LOCK-10).
    let mut days = BTreeSet::from([plus(context.day, 1)]);
    let mut certain = BTreeSet::new();
    days.extend(account.request.iter().map(|request| request.expires_on));
    days.extend(account.promises.iter().map(|promise| plus(promise.until, 1)));
    days.extend(account.hold.iter().filter_map(|hold| hold.until).map(|until| plus(until, 1)));
    if let Some(plan) = &account.plan {
        let due = plan.instalments.iter().map(|instalment| instalment.due_on);
        days.extend(due.map(|day| plus(day, plan.grace_days.saturating_add(1))));
    }
    days.extend(account.exceptions.values().filter_map(|exception| match exception.ends {
        ExceptionEnd::Until(until) => Some(plus(until, 1)),
        ExceptionEnd::WithPlan => None,
    }));
    for lock in account.locks.values() {
        let begun_with = context.version(&lock.policy).unwrap_or(context.policy);
        let steps = policy.steps().chain(begun_with.policy.steps());
        days.extend(steps.flat_map(|(key, step)| match key.when {
            When::AfterLock(after) => ahead(plus(lock.on, after), &step.notify_before),
            When::DaysOverdue(_) => Vec::new(),
        }));
    }
    for payment in account.payments.values() {
        let first_on = payment.facts.as_ref().map(|facts| facts.first_on);
        days.extend(first_on.map(|day| plus(day, policy.in_flight_days)));
    }
    let warned = |on| plus(on, policy.lock.after_notice_days);
    for letter in account.letters.values().filter(|letter| letter.state == LetterState::Queued) {
        // A day later than planned, where that day is a reader's (LET-8).
        let leaves_on = [letter.leaves_on, plus(letter.leaves_on.max(context.day), 1)];
        days.extend(leaves_on.map(warned));
        days.extend(leaves_on.map(|on| plus(on, 1)));
    }
    for invoice in account.open_invoices() {
        days.extend(days_of_invoice(invoice, policy));
        days.extend(days_of_fees(account, invoice, context.policy));
        days.extend(Charging { account, version: context.policy }.days(invoice));
        days.extend(invoice.warnings.iter().map(|warning| warned(warning.on)));
        if invoice.catch_up.is_some() {
            certain.insert(plus(context.day, 1));
        }
    }
    if policy.lock.working_days_only {
        let waited: Vec<_> = days.iter().map(|&day| policy.working_days.on_or_after(day)).collect();
        days.extend(waited);
        days.insert(policy.working_days.on_or_after(plus(context.day, 1)));
    }
    if account.is_spreading() {
        certain.insert(plus(context.day, 1));
    }
    let tomorrow = plus(context.day, 1);
    Days { certain: certain.split_off(&tomorrow), maybe: days.split_off(&tomorrow) }
}

fn days_of_invoice(invoice: &Invoice, policy: &Policy) -> Vec<Day> {
    let rules = policy.kind(invoice.kind);
    let mut days = vec![plus(invoice.due_on, 1)];
    if let Posting::Scheduled(on) = invoice.posting {
        days.push(on);
    }
    days.extend(invoice.rests_before);
    days.extend(invoice.hold.as_ref().and_then(|hold| hold.until).map(|until| plus(until, 1)));
    days.extend(rules.reminders.iter().map(|&before| minus(invoice.due_on, before)));
    let rule = policy.lock.days_overdue.map(|after| plus(invoice.due_on, after));
    days.extend(rule.into_iter().flat_map(|day| ahead(day, &policy.lock.notify_before)));
    days.extend(rules.steps.iter().flat_map(|step| match step.when {
        When::DaysOverdue(after) => {
            let day = plus(invoice.due_on, after);
            let mut days = ahead(day, &step.notify_before);
            // A `lock` step is the days rule, and announced like it.
            days.extend(ahead(day, &policy.lock.notify_before));
            days
        }
        When::AfterLock(_) => Vec::new(),
    }));
    days
}

/// A day, and those on which what happens then is announced.
fn ahead(day: Day, notify_before: &BTreeSet<u32>) -> Vec<Day> {
    let notices = notify_before.iter().map(|&before| minus(day, before));
    std::iter::once(day).chain(notices).collect()
}
