//! Payment plans and promises (PLAN-1, PROM-1, PROM-2): collection pauses while they are kept.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, plus};
use crate::id::InvoiceId;
use crate::money::Money;

/// The most instalments of one plan: ten years of months; the plan stays on the account's head.
pub const MAX_INSTALMENTS: usize = 120;

/// A payment plan (PLAN-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// Since when.
    pub begun_on: Day,
    /// What it covers; never a later invoice (PROM-2).
    pub invoices: BTreeSet<InvoiceId>,
    /// What was owed on them when it began; the instalments sum to it.
    pub covered: Money,
    /// What is due when, oldest first.
    pub instalments: Vec<Instalment>,
    /// Days after an instalment's due day before it counts as missed.
    pub grace_days: u32,
}

/// One instalment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Instalment {
    /// The last day to pay it, but for the grace days.
    pub due_on: Day,
    /// How much.
    pub amount: Money,
}

impl Plan {
    /// What must have been paid by the start of that day, in minor units: an instalment due D with
    /// G grace days is missed at the start of D + G + 1.
    pub fn required(&self, day: Day) -> u64 {
        let missed = self
            .instalments
            .iter()
            .filter(|instalment| plus(instalment.due_on, self.grace_days) < day);
        missed.map(|instalment| instalment.amount.minor()).sum()
    }

    /// Whether it is kept that day, with so much still owed on its invoices. What a void or a
    /// write-off took away counts as paid: nobody owes it any more.
    pub fn is_kept(&self, balance: u64, day: Day) -> bool {
        self.required(day) <= self.covered.minor().saturating_sub(balance)
    }
}

/// A promise to pay by a date (PROM-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// Since when.
    pub made_on: Day,
    /// The last day to keep it.
    pub until: Day,
    /// What it covers.
    pub invoices: BTreeSet<InvoiceId>,
}

/// How a promise or plan ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was paid.
    Kept,
    /// It wasn't.
    Broken,
    /// A newer one took its place.
    Replaced,
    /// Nothing that it covers is owed any more, without payment.
    Moot,
}
