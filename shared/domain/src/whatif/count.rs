//! What a policy did, counted per day: whole numbers in a fixed order, the same on every run.

use std::collections::BTreeMap;

use crate::calendar::Day;
use crate::letter::LetterKind;
use crate::money::{Currency, Money};

/// How many kinds of letters there are.
const KINDS: usize = LetterKind::ALL.len();

/// What happened on a day, or on all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Count {
    /// Clients that were locked.
    pub locks: u64,
    /// Clients that were opened again.
    pub unlocks: u64,
    /// Clients whose portals were limited.
    pub limits: u64,
    /// Letters that left, in the order of [`LetterKind::ALL`].
    letters: [u32; KINDS],
    /// Fees charged and not taken back, in minor units.
    pub fees: BTreeMap<Currency, u64>,
    /// Clients that were locked, limited, opened, charged or written to, receipts aside; over several days each counts once.
    pub people: u64,
    /// Invoices that were paid to their end.
    pub paid: u64,
    /// Days that these were overdue by then, summed.
    pub days_late: u64,
}

impl Count {
    /// Letters of that kind.
    pub fn letters(&self, kind: LetterKind) -> u64 {
        place(kind).and_then(|place| self.letters.get(place)).copied().unwrap_or(0).into()
    }

    /// Letters of all kinds.
    pub fn all_letters(&self) -> u64 {
        self.letters.iter().copied().map(u64::from).sum()
    }

    /// Whether there is nothing to tell.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    pub(super) fn letter(&mut self, kind: LetterKind) {
        if let Some(count) = place(kind).and_then(|place| self.letters.get_mut(place)) {
            *count = count.saturating_add(1);
        }
    }

    pub(super) fn charge(&mut self, fee: Money) {
        *self.fees.entry(fee.currency()).or_default() += fee.minor();
    }

    /// On the day on which it was charged (LF-2).
    pub(super) fn take_back(&mut self, fee: Money) {
        let fees = self.fees.entry(fee.currency()).or_default();
        *fees = fees.saturating_sub(fee.minor());
        self.fees.retain(|_, minor| 0 < *minor);
    }

    /// With those of another day; people are not summed, since they may be the same.
    pub fn add(&mut self, other: &Self) {
        self.locks += other.locks;
        self.unlocks += other.unlocks;
        self.limits += other.limits;
        self.paid += other.paid;
        self.days_late += other.days_late;
        for (mine, theirs) in self.letters.iter_mut().zip(other.letters) {
            *mine = mine.saturating_add(theirs);
        }
        for (currency, minor) in &other.fees {
            *self.fees.entry(*currency).or_default() += minor;
        }
    }
}

fn place(kind: LetterKind) -> Option<usize> {
    LetterKind::ALL.iter().position(|known| *known == kind)
}

/// A run that would have waited for a partner (LOCK-10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldRun {
    /// When.
    pub on: Day,
    /// How many it would lock.
    pub locks: u64,
    /// How many demands it would send.
    pub demands: u64,
    /// Of how many active clients.
    pub active: u64,
}

/// What it took.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Work {
    /// Evaluations, those that found nothing among them.
    pub evaluations: u64,
    /// Days of clients on which one of them decided something.
    pub decided: u64,
}

/// What a policy did to a book.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// The days on which something happened, in order, but for those that were drained.
    pub days: Vec<(Day, Count)>,
    /// All of them; people counted once.
    pub total: Count,
    /// Runs over the caps.
    pub held: Vec<HeldRun>,
    /// How many clients each day's run would lock, and how many it would send a demand, where there are any.
    pub harsh: Vec<(Day, u64, u64)>,
    /// Steps that came to wait for a partner's approval.
    pub approvals_wanted: u64,
    /// Clients that would have been locked but for want of an address.
    pub without_address: u64,
    /// Clients that are locked at the end.
    pub locked_at_end: u64,
    /// Invoices that were paid when a response was assumed.
    pub answered: u64,
    /// What it took.
    pub work: Work,
}
