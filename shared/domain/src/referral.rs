//! Debts that were handed to a collector (CLOSE-2): a referral that a partner approved, followed until it is
//! returned, paid or written off.
//!
//! It is the task that the step opened, approved: so it needs no state of its own, and ends with the facts. What
//! is with the collector isn't collected by us meanwhile: two who ask for one debt, with two sums and two
//! addresses to pay to, are one too many. The portal's lock and limit stay as they are, and what the client owes
//! beside those invoices is collected as ever: nobody else asks for it.

use std::collections::BTreeSet;

use crate::account::Account;
use crate::calendar::Day;
use crate::id::{InvoiceId, StaffId};
use crate::task::{About, TaskId};

/// A debt that is with a collector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Referral<'a> {
    /// Its task.
    pub task: TaskId,
    /// The invoices that were handed over.
    pub invoices: &'a BTreeSet<InvoiceId>,
    /// Since when.
    pub since: Day,
    /// Who approved it.
    pub by: &'a StaffId,
}

impl Account {
    /// What is with a collector, oldest first.
    pub fn referrals(&self) -> impl Iterator<Item = Referral<'_>> {
        self.tasks.values().filter_map(|task| match &task.about {
            About::CollectionsReferral { invoices, approved_by: Some(by), approved_on, .. } => {
                let since = approved_on.unwrap_or(task.opened_on);
                Some(Referral { task: task.id, invoices, since, by })
            }
            _ => None,
        })
    }

    /// Whether that invoice is with a collector.
    pub fn is_referred(&self, invoice: &InvoiceId) -> bool {
        self.referrals().any(|referral| referral.invoices.contains(invoice))
    }
}
