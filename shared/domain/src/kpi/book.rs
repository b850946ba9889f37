//! The open book on a day: how old debts are, and how many clients are behind it (KPI-1).
//!
//! It is counted client by client, over pages of them, so it is a sum that can be gone on with. Each currency has its
//! own: two of them never meet in one number.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::calendar::Day;
use crate::money::{Currency, Money};

/// From how many days overdue on each bucket begins, and what it is called.
pub const AGING: [(u32, &str); 5] = [
    (0, "current"),
    (1, "1–30 days"),
    (31, "31–60 days"),
    (61, "61–90 days"),
    (91, "over 90 days"),
];

/// How the firm's book stood on a day.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    /// Clients whose engagement goes on.
    pub clients: u64,
    /// Of these, those with an invoice of late (LOCK-10).
    pub active: u64,
    /// Clients that are locked, wholly or in part.
    pub locked: u64,
    /// What is owed, by currency, bucket by bucket as in [`AGING`].
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub owed: BTreeMap<Currency, [Aged; AGING.len()]>,
}

/// One bucket.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Aged {
    /// How many invoices.
    pub invoices: u64,
    /// What is owed on them, in minor units.
    pub minor: u64,
}

impl Book {
    /// With what a client owes on that day; what isn't out yet is owed by nobody.
    pub fn add_owed(&mut self, account: &Account, day: Day) {
        for invoice in account.open_invoices().filter(|invoice| invoice.is_posted(day)) {
            let balance = invoice.balance();
            let bucket = bucket(invoice.days_overdue(day));
            let aged = &mut self.owed.entry(balance.currency()).or_default()[bucket];
            aged.invoices += 1;
            aged.minor = aged.minor.saturating_add(balance.minor());
        }
    }

    /// What is owed in a currency, over all buckets.
    pub fn total(&self, currency: Currency) -> Money {
        let buckets = self.owed.get(&currency).into_iter().flatten();
        let minor = buckets.fold(0_u64, |sum, aged| sum.saturating_add(aged.minor));
        Money::new(minor, currency)
    }
}

/// Which bucket so many days are in.
fn bucket(days_overdue: u32) -> usize {
    AGING.iter().rposition(|(from, _)| *from <= days_overdue).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kpi_1_buckets_have_the_edges_of_the_rule() {
        for (days, expected) in [
            (0, "current"),
            (1, "1–30 days"),
            (30, "1–30 days"),
            (31, "31–60 days"),
            (60, "31–60 days"),
            (61, "61–90 days"),
            (90, "61–90 days"),
            (91, "over 90 days"),
            (4_000, "over 90 days"),
        ] {
            assert_eq!(AGING[bucket(days)].1, expected, "{days} days overdue");
        }
    }
}
