//! The daily run of a firm, and when it stops and asks (LOCK-10).
//!
//! A policy that was armed wrongly, a ledger that was imported twice: what goes wrong with many clients at once
//! goes wrong in one night. So a run first finds out what it would lock and demand, and is carried out only
//! where that is within what the firm's policies allow of one run. How an evaluation is kept from it is
//! [`Latitude`]; what it then says that it left undone is [`Withheld`]; whether all of it together is too much
//! is asked of [`Caps`].

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::calendar::{Day, minus};
use crate::invoice::{Invoice, Posting};
use crate::policy::Policy;

/// Who had no invoice for longer is no active client (LOCK-10).
pub const ACTIVE_DAYS: u32 = 365;

/// How far an evaluation may go by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Latitude {
    /// As far as the policy says.
    #[default]
    Full,
    /// No lock, no demand letter and no final demand: the run waits for a partner (LOCK-10).
    NothingHarsh,
    /// No lock and no letter about a debt, and whatever is queued waits: the firm stopped it.
    Stopped,
}

/// What an evaluation left undone for want of latitude; it stays to be done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// A lock by the rule.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub lock: bool,
    /// A demand letter or a final demand: one message, however many steps meet in it (LET-9).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub demand: bool,
}

impl Withheld {
    /// Whether it left out anything.
    pub fn is_any(self) -> bool {
        self.lock || self.demand
    }
}

/// A share of something, from none of it to all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share(Decimal);

impl Share {
    /// Whether it is all of it.
    pub fn is_whole(self) -> bool {
        self.0 == Decimal::ONE
    }

    /// As a number from 0 to 1.
    pub fn as_decimal(self) -> Decimal {
        self.0
    }
}

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let share =
            text.parse().ok().filter(|share| (Decimal::ZERO..=Decimal::ONE).contains(share));
        share.map(Self).ok_or_else(|| format!("{text:?} is no share, expected one from 0 to 1"))
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> Self {
        share.to_string()
    }
}

/// What one policy lets a run of its firm do without being asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Caps {
    /// So many locks are never too many.
    pub min_locks: u32,
    /// Past that, the share of the active clients that may be locked.
    pub max_share: Share,
    /// So many demand letters and final demands may leave.
    pub max_letters: u32,
}

impl Caps {
    /// Those of a policy.
    pub fn of(policy: &Policy) -> Self {
        Self {
            min_locks: policy.lock.min_locks_for_cap,
            max_share: policy.lock.max_share_per_run,
            max_letters: policy.letters.max_per_run,
        }
    }

    /// How many active clients the firm must have for so many locks not to be too many; 0: however few.
    /// `None`: no number is enough.
    fn enough_active(&self, locks: u64) -> Option<u64> {
        if locks <= u64::from(self.min_locks) {
            return Some(0);
        }
        let enough = Decimal::from(locks).checked_div(self.max_share.0)?;
        enough.ceil().to_u64()
    }
}

/// What a run would do, as far as it was looked at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// So many clients would be locked.
    #[serde(default)]
    pub locks: u64,
    /// So many would get a demand letter or a final demand.
    #[serde(default)]
    pub demands: u64,
    /// The caps of the policies that say so.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub caps: BTreeSet<Caps>,
}

impl Tally {
    /// Counts what the evaluation of a client left undone.
    pub fn count(&mut self, withheld: Withheld, caps: Caps) {
        self.locks += u64::from(withheld.lock);
        self.demands += u64::from(withheld.demand);
        if withheld.is_any() {
            self.caps.insert(caps);
        }
    }

    /// With what another part of the run counted.
    pub fn add(&mut self, other: &Self) {
        self.locks += other.locks;
        self.demands += other.demands;
        self.caps.extend(other.caps.iter().copied());
    }

    /// How many active clients must be there for the run not to lock too many: to be counted no further
    /// than that. `None`: no number is enough.
    pub fn enough_active(&self) -> Option<u64> {
        let enough = self.caps.iter().map(|caps| caps.enough_active(self.locks));
        enough.collect::<Option<BTreeSet<_>>>().map(|enough| enough.last().copied().unwrap_or(0))
    }

    /// Whether a person is asked first, of a firm with so many active clients: any of the policies says so, for
    /// the caps are about the firm and not about a class of its clients.
    pub fn is_too_much(&self, active: u64) -> bool {
        let letters = |caps: &Caps| u64::from(caps.max_letters) < self.demands;
        let locks = self.enough_active().is_none_or(|enough| active < enough);
        locks || self.caps.iter().any(letters)
    }
}

/// The day of an account's newest invoice that isn't a draft, of those at hand.
pub fn last_invoiced(account: &Account) -> Option<Day> {
    let is_out = |invoice: &&Invoice| !matches!(invoice.posting, Posting::Draft);
    account.invoices.values().filter(is_out).map(|invoice| invoice.issued_on).max()
}

/// Whether a client whose newest invoice is of that day is active (LOCK-10).
pub fn is_active(last_invoiced: Option<Day>, today: Day) -> bool {
    last_invoiced.is_some_and(|on| minus(today, ACTIVE_DAYS).cmp(&on) != Ordering::Greater)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caps(min_locks: u32, max_share: &str, max_letters: u32) -> Caps {
        Caps { min_locks, max_share: max_share.parse().unwrap(), max_letters }
    }

    fn tally(locks: u64, demands: u64, all: &[Caps]) -> Tally {
        Tally { locks, demands, caps: all.iter().copied().collect() }
    }

    #[test]
    fn lock_10_more_than_the_least_and_more_than_the_share() {
        let usual = caps(5, "0.10", 500);
        for (locks, active, expected) in [
            (0, 0, false),
            (5, 5, false), // all of them, but no more than five
            (6, 5, true),
            (6, 59, true),
            (6, 60, false), // a tenth is not more than a tenth
            (7, 60, true),
            (10_000, 99_999, true),
            (10_000, 100_000, false),
        ] {
            let tally = tally(locks, 0, &[usual]);
            assert_eq!(tally.is_too_much(active), expected, "{locks} of {active}");
        }
        for (caps, locks, active, expected) in [
            (caps(0, "0.10", 500), 1, 9, true),
            (caps(0, "0.10", 500), 1, 10, false),
            (caps(0, "0", 500), 1, 1_000_000, true), // never by itself
            (caps(2, "0", 500), 2, 1, false),
            (caps(0, "1", 500), 9, 9, false),
            (caps(0, "0.333", 500), 1, 3, true), // 0.333 of 3 is less than one
            (caps(0, "0.334", 500), 1, 3, false),
            (caps(100, "0.01", 500), 100, 100, false),
        ] {
            let tally = tally(locks, 0, &[caps]);
            assert_eq!(tally.is_too_much(active), expected, "{locks} of {active} under {caps:?}");
        }
    }

    #[test]
    fn lock_10_more_letters_than_one_run_may_send() {
        for (max_letters, demands, expected) in
            [(500, 500, false), (500, 501, true), (0, 1, true), (0, 0, false)]
        {
            let tally = tally(0, demands, &[caps(5, "0.10", max_letters)]);
            assert_eq!(tally.is_too_much(1_000_000), expected, "{demands} of {max_letters}");
        }
    }

    #[test]
    fn lock_10_the_caps_are_the_firms_and_any_policy_asks() {
        let (lax, strict) = (caps(100, "0.5", 500), caps(5, "0.10", 500));
        assert!(!tally(20, 0, &[lax]).is_too_much(30));
        assert!(tally(20, 0, &[lax, strict]).is_too_much(30));
        // Neither alone: the one wants more locks, the other a larger share.
        assert!(!tally(20, 0, &[lax, caps(5, "0.9", 500)]).is_too_much(30));
        assert_eq!(tally(20, 0, &[lax, strict]).enough_active(), Some(200));
        assert_eq!(tally(20, 0, &[lax, caps(5, "0", 500)]).enough_active(), None);
    }

    #[test]
    fn lock_10_shares_are_what_they_say() {
        for (text, expected) in [
            ("0", Some("0")),
            ("0.10", Some("0.10")),
            ("1", Some("1")),
            ("1.01", None),
            ("-0.1", None),
            ("10%", None),
            ("", None),
        ] {
            let share = text.parse::<Share>().ok().map(|share| share.to_string());
            assert_eq!(share.as_deref(), expected, "for {text:?}");
        }
        assert_eq!("0.1".parse::<Share>().unwrap(), "0.10".parse().unwrap());
    }

    #[test]
    fn lock_10_a_year_without_an_invoice_is_not_active() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let today = day("2026-03-02");
        for (last, expected) in [
            (Some("2026-03-02"), true),
            (Some("2026-04-01"), true), // posted ahead
            (Some("2025-03-02"), true), // 365 days ago
            (Some("2025-03-01"), false),
            (None, false),
        ] {
            assert_eq!(is_active(last.map(day), today), expected, "for {last:?}");
        }
    }
}
