//! A lighter restriction than a lock: a step `limit` takes some capabilities of the portal (POL-3).
//!
//! That an invoice's limit step was reached is a mark on the invoice, as with every step; which of them limit now
//! follows from what is overdue and collected. What is kept here is what came of it: since when, what is taken
//! and why. So the portal's state needs no policy to be told, and its beginning and end are two events.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::access::Capability;
use crate::account::Account;
use crate::calendar::Day;
use crate::invoice::Invoice;
use crate::lock::LockReason;
use crate::policy::{Action, Policy, Step, StepKey, When};

/// The limit on a client's portal, from the day on which it begins until nothing limits any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Since when.
    pub on: Day,
    /// What it takes.
    pub capabilities: BTreeSet<Capability>,
    /// Why, in the words of a lock's reason (LOCK-2).
    pub reason: LockReason,
}

impl Account {
    /// What limits the portal that day: overdue invoices that are collected and whose limit step was reached.
    pub fn limited_by(&self, policy: &Policy, day: Day) -> Option<Limit> {
        let has_mark = |invoice: &Invoice| {
            let mut marks = invoice.steps.keys();
            marks.any(|key| key.is_limit())
        };
        if self.closed.is_some() || !self.open_invoices().any(has_mark) {
            return None;
        }
        let view = self.collection(policy, day);
        let mut capabilities = BTreeSet::new();
        let mut days = Vec::new();
        for invoice in view.limiting() {
            let reached = limits(policy, invoice)
                .filter(|(key, _, _)| invoice.steps.get(key).is_some_and(|mark| !mark.is_skipped));
            let reached: Vec<_> = reached.collect();
            for (_, _, step) in &reached {
                capabilities.extend(step.capabilities.as_ref().unwrap_or(&policy.limits));
            }
            days.extend(reached.iter().map(|(_, days, _)| *days).min());
        }
        let least = days.iter().min().copied()?;
        let invoices = u32::try_from(days.len()).unwrap_or(u32::MAX);
        let reason = LockReason::Unpaid { invoices, days: least };
        Some(Limit { on: day, capabilities, reason })
    }
}

/// The limit steps of an invoice's kind, with their days overdue.
pub fn limits<'p>(
    policy: &'p Policy,
    invoice: &Invoice,
) -> impl Iterator<Item = (StepKey, u32, &'p Step)> {
    let kind = invoice.kind;
    let takes_steps = invoice.fee_of.is_none(); // LF-1
    let steps = policy.kind(kind).steps.iter().filter(move |_| takes_steps);
    steps.filter_map(move |step| match (step.action, step.when) {
        (Action::Limit, When::DaysOverdue(days)) => Some((step.key(kind), days, step)),
        _ => None,
    })
}
