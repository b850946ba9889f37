//! What a firm measures itself by (KPI-1): facts that a commit leaves behind, and what they come to.
//!
//! Nobody reads a year of accounts to make a report. Each commit says in a few words what of it counts ([`facts`]):
//! an invoice was paid after so many days, a demand left, a client was locked. A day's facts are put together once
//! ([`DayCount`]), and a report is the sum of days ([`Measures`]). A fact counts on the day on which it was recorded.
//! What belongs together over days, a demand and its answer, is held as who and when, so that each day is made of its
//! own facts alone: to put a day together twice, or at two places at once, comes to the same.
//!
//! What was paid long before it was recorded ([`LATE_DAYS`]) is a history that came in, and counts for nothing.

mod book;
mod count;
mod measures;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::account::{Account, UnlockWay};
use crate::calendar::{Day, days_between, plus};
use crate::command::News;
use crate::event::{Event, Settlement};
use crate::id::{ClassId, InvoiceId, ServiceLine};
use crate::invoice::{Invoice, Source};
use crate::letter::LetterKind;
use crate::lock::LockCause;
use crate::money::Money;
use crate::payment::PaymentState;
use crate::policy::When;
use crate::task::About;

pub use book::{AGING, Aged, Book};
pub use count::{DayCount, MAX_NAMED, Paid, StepCount, Unlocks, WeekOf};
pub use measures::{Answers, Measures, Ratio, target_days};

/// The clock from full payment to unlock: under two working days (UNL-2).
pub const TARGET_UNLOCK_DAYS: u32 = 2;

/// The target for what is billed as tax, in days from issue to payment, and for everything else.
pub const TARGET_TAX_DAYS: u32 = 14;
/// See [`TARGET_TAX_DAYS`].
pub const TARGET_DAYS: u32 = 30;

/// Less than so many of a hundred active clients are locked by the rule in a month.
pub const TARGET_LOCKED_PERCENT: u64 = 5;

/// More than so many of a hundred demands are answered in time.
pub const TARGET_ANSWERED_PERCENT: u64 = 50;

/// In time: so many days after the letter or the step, that day included (LET-8).
pub const ANSWER_DAYS: u32 = 7;

/// A payment that is recorded later than this after it was made came in with a history: a month's check is still news.
pub const LATE_DAYS: u32 = 31;

/// The lock by rule, where a step is named: it is none of the policy's list, and people pay after it all the same.
pub const LOCK_STEP: &str = "lock";

/// One thing that counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fact {
    /// An invoice was paid in full, at least in part with money.
    Paid {
        /// Of which service line, if it names one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        line: Option<ServiceLine>,
        /// How many days after it was issued.
        days: u32,
    },
    /// The rule locked the client.
    Locked,
    /// After everything was paid, a lock by the rule was lifted.
    Unlocked {
        /// Whose working days count.
        class: ClassId,
        /// Since when everything was paid.
        ready_on: Day,
        /// When it was lifted.
        on: Day,
    },
    /// A demand left.
    Demanded,
    /// The client answered, not long after a letter.
    Answered,
    /// A step fired.
    Step {
        /// Which.
        step: String,
    },
    /// Money came, not long after a step.
    PaidAfter {
        /// The latest step before.
        step: String,
        /// How much.
        amount: Money,
    },
}

/// What of a commit counts: what was before it, what it decided, and what is after it.
pub fn facts(before: &Account, events: &[Event], after: &Account, day: Day) -> Vec<Fact> {
    let mut facts: Vec<_> = paid(before, events, after, day).collect();
    let mut is_answered = false;
    let mut is_locked = false;
    for event in events {
        match event {
            Event::Locked { lock, .. } if lock.is_by_rule() => {
                // One whose reason changed was locked before; of several lines, the client counts once.
                let is_new = before.locks.get(&lock.scope).is_none_or(|was| !was.is_by_rule());
                is_locked |= is_new;
            }
            Event::Unlocked { unlocked, was: LockCause::Rule(_) } => match unlocked.way {
                UnlockWay::Approved { .. } | UnlockWay::Payment => {
                    let tasks = before.tasks.values();
                    let ready = tasks.filter(|task| task.about == About::ReadyForUnlock);
                    let ready_on = ready.map(|task| task.opened_on).min().unwrap_or(day);
                    let class = after.profile.class.clone();
                    facts.push(Fact::Unlocked { class, ready_on, on: unlocked.on });
                }
                UnlockWay::Exception { .. } | UnlockWay::Undone { .. } => {}
            },
            Event::LetterLeft { sending, .. } if is_demand(sending.kind) => {
                facts.push(Fact::Demanded);
            }
            Event::StepDone { step, .. } => facts.push(Fact::Step { step: step.to_string() }),
            Event::Responded { .. } => is_answered = true,
            Event::PaymentChanged { was, now, on, settlement, news, .. } => {
                let on = made_on(news, *on);
                let is_first = matches!(was, PaymentState::Unknown | PaymentState::Failed);
                is_answered |= is_first && is_on_its_way_or_here(*now) && !is_history(on, day);
                if *was != PaymentState::Succeeded && *now == PaymentState::Succeeded {
                    let after = paid_after(before, settlement, on);
                    facts.extend(after.filter(|_| !is_history(on, day)));
                }
            }
            _ => {}
        }
    }
    if is_locked {
        facts.push(Fact::Locked);
        facts.push(Fact::Step { step: LOCK_STEP.to_owned() });
    }
    if is_answered && was_written_to(before, day) {
        facts.push(Fact::Answered);
    }
    facts
}

fn is_demand(kind: LetterKind) -> bool {
    matches!(kind, LetterKind::DemandLetter | LetterKind::FinalDemand)
}

fn is_on_its_way_or_here(state: PaymentState) -> bool {
    matches!(state, PaymentState::Pending | PaymentState::Succeeded)
}

/// When a payment was made, of which that was told on that day.
fn made_on(news: &News, told_on: Day) -> Day {
    match news {
        News::Told { on, .. } => on.unwrap_or(told_on),
        News::Refunded { .. } | News::Chargeback { .. } | News::Returned => told_on,
    }
}

fn is_history(on: Day, day: Day) -> bool {
    LATE_DAYS < days_between(on, day)
}

/// Invoices that this commit closed with money; a late fee that is an invoice of its own isn't billed work.
fn paid<'a>(
    before: &'a Account,
    events: &'a [Event],
    after: &'a Account,
    day: Day,
) -> impl Iterator<Item = Fact> + 'a {
    let was_open = |id: &InvoiceId| before.invoices.get(id).is_none_or(Invoice::is_open);
    let has_money = |invoice: &Invoice| {
        invoice.allocations.iter().any(|allocation| {
            matches!(allocation.source, Source::Payment(_)) && !allocation.amount.is_zero()
        })
    };
    let closed = after.invoices.values().filter(move |invoice| {
        let is_paid = invoice.ending.is_none() && !invoice.is_open() && has_money(invoice);
        is_paid && invoice.fee_of.is_none() && was_open(&invoice.id)
    });
    closed.filter_map(move |invoice| {
        let paid_on = events.iter().filter_map(|event| put_on(event, &invoice.id)).max()?;
        let days = days_between(invoice.issued_on, paid_on);
        (!is_history(paid_on, day)).then(|| Fact::Paid { line: invoice.service_line.clone(), days })
    })
}

/// When an event put money on that invoice, if it did.
fn put_on(event: &Event, invoice: &InvoiceId) -> Option<Day> {
    let (settlement, on) = match event {
        Event::PaymentChanged { settlement, on, news, .. } => (settlement, made_on(news, *on)),
        Event::CreditNoteIssued { settlement, on, .. }
        | Event::CreditMoved { settlement, on, .. } => (settlement, *on),
        _ => return None,
    };
    settlement.allocated.iter().any(|(id, _)| id == invoice).then_some(on)
}

/// A payment and the latest step before it, on the invoices that it went to; on all of them, where it goes on from
/// credit later on.
fn paid_after(before: &Account, settlement: &Settlement, on: Day) -> Option<Fact> {
    let named: BTreeSet<_> = settlement.allocated.iter().map(|(invoice, _)| invoice).collect();
    let concerned = |id: &InvoiceId| named.is_empty() || named.contains(id);
    let invoices: Vec<_> =
        before.open_invoices().filter(|invoice| concerned(&invoice.id)).collect();
    let of_invoices = invoices.iter().flat_map(|invoice| &invoice.steps);
    let fired = of_invoices.filter(|(_, mark)| !mark.is_skipped);
    let mut steps: Vec<_> = fired.map(|(key, mark)| (mark.on, 0, key.to_string())).collect();
    let locks = before.locks.values().filter(|lock| lock.is_by_rule());
    for lock in locks.filter(|lock| invoices.iter().any(|invoice| lock.scope.covers(invoice))) {
        steps.push((lock.on, 1, LOCK_STEP.to_owned()));
        // The account remembers which of these fired, and not when: their day is the policy's.
        steps.extend(lock.steps.iter().filter_map(|key| match key.when {
            When::AfterLock(days) => Some((plus(lock.on, days), 2 + days, key.to_string())),
            When::DaysOverdue(_) => None,
        }));
    }
    let in_time = steps
        .into_iter()
        .filter(|(fired_on, ..)| *fired_on <= on && days_between(*fired_on, on) <= ANSWER_DAYS);
    let (.., step) = in_time.max()?;
    let came =
        settlement.allocated.iter().map(|(_, amount)| *amount).chain(settlement.credit_added);
    let amount = came.reduce(|sum, more| sum.checked_add(more).unwrap_or(sum))?;
    Some(Fact::PaidAfter { step, amount })
}

/// Whether a letter that warns left so short a time ago that an answer may be one to it.
fn was_written_to(account: &Account, day: Day) -> bool {
    let warnings = account.open_invoices().flat_map(|invoice| &invoice.warnings);
    warnings.into_iter().any(|warning| days_between(warning.on, day) <= ANSWER_DAYS)
}
