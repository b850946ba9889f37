//! The section `late_fee` of a policy (LF-1, LF-2): what a late fee is, when it is charged by itself, and what caps it.
//!
//! A percentage is a whole count of ten-thousandths of a percent, so that all arithmetic with it is on
//! integers and exact.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::{Deserialize, Serialize};

use crate::money::{Currency, MAX_MINOR, Money};

/// The most fees that the section charges for one invoice: ten years of months. Each is kept with
/// the invoice, whose item has to stay small.
pub const MAX_TIMES: u32 = 120;

/// Late fees, as the policy has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LateFee {
    /// What one fee is.
    pub rate: FeeRate,
    /// When the section charges by itself; without days of its own, a `late_fee` step says when.
    pub schedule: Option<FeeSchedule>,
    /// Whether taxes are part of the base.
    pub include_tax: bool,
    /// The most that all fees of one invoice come to, in currencies that have such a cap.
    pub cap_amount: Option<BTreeMap<Currency, Money>>,
    /// The most that all fees of one invoice come to, as a rate for a year on what is overdue.
    pub cap_annual: Option<Percent>,
    /// Whether a fee stays where the invoice is paid on the day on which it was charged (LF-2).
    pub even_if_paid_late: bool,
    /// A line of the invoice, or an invoice beside it.
    pub form: FeeForm,
}

/// What one fee is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeeRate {
    /// So much of what is overdue.
    Percent(Percent),
    /// The same amount each time, in the currency in which the client is billed: a number of major units.
    Flat(Decimal),
    /// The same amount each time, per currency; where none is named, nothing.
    FlatPer(BTreeMap<Currency, Money>),
}

impl FeeRate {
    /// The flat fee in that currency, where the client is billed in `billed`; `None`: it is a percentage.
    pub fn flat(&self, currency: Currency, billed: Currency) -> Option<Money> {
        match self {
            Self::Percent(_) => None,
            Self::Flat(value) if currency == billed => Some(minor_of(*value, currency)),
            Self::Flat(_) => Some(Money::zero(currency)),
            Self::FlatPer(amounts) => {
                Some(amounts.get(&currency).copied().unwrap_or(Money::zero(currency)))
            }
        }
    }
}

/// Half-even to the minor unit: 25.5 yen are 26.
fn minor_of(value: Decimal, currency: Currency) -> Money {
    let per_major = Decimal::from(10_u64.pow(currency.exponent()));
    let minor = value.checked_mul(per_major).map(|minor| minor.round_dp(0));
    let minor = minor.and_then(|minor| minor.to_u64()).unwrap_or(MAX_MINOR);
    Money::new(minor.min(MAX_MINOR), currency)
}

/// When the section charges by itself: fee n, counted from 0, on that many days overdue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct FeeSchedule {
    /// Days overdue that are free.
    pub grace_days: u32,
    /// Days from one fee to the next.
    pub every_days: u32,
    /// How many fees at most.
    pub times: u32,
}

impl FeeSchedule {
    /// The days overdue on which fee `number`, counted from 0, is charged (LF-1).
    pub fn days_overdue(self, number: u32) -> u32 {
        let later = number.saturating_mul(self.every_days);
        self.grace_days.saturating_add(1).saturating_add(later)
    }
}

/// Where a fee stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeForm {
    /// A line of the invoice.
    Line,
    /// An invoice of its own, named after it.
    Invoice,
}

/// A percentage with at most four decimals, above zero; counted in ten-thousandths of a percent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Percent(u64);

impl Percent {
    /// Decimals that a percentage may have.
    const DECIMALS: u32 = 4;

    /// Ten-thousandths of a percent in one: the whole is a million of them.
    const PER_WHOLE: u128 = 1_000_000;

    /// The highest that is one: a fee of ten times the debt is a mistake.
    const MOST: u64 = 10_000_000;

    /// So many percent.
    pub(crate) const fn whole(percent: u64) -> Self {
        Self(percent * 10_000)
    }

    /// Its count of ten-thousandths of a percent.
    pub(crate) fn ten_thousandths(self) -> u64 {
        self.0
    }

    /// That part of `base`, exactly, as a numerator and a denominator.
    pub(crate) fn of(self, base: u128) -> Option<(u128, u128)> {
        Some((base.checked_mul(self.0.into())?, Self::PER_WHOLE))
    }
}

impl FromStr for Percent {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "{text:?} is no percentage, expected one such as \"1.5\", above 0 and at most 1000 with at most four decimals"
            )
        };
        let is_plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        let value: Decimal = text.parse().ok().filter(|_| is_plain).ok_or_else(expected)?;
        let scaled = value.checked_mul(Decimal::from(10_u64.pow(Self::DECIMALS)));
        let scaled = scaled.filter(|scaled| scaled.fract().is_zero()).and_then(|s| s.to_u64());
        let scaled = scaled.filter(|scaled| (1..=Self::MOST).contains(scaled));
        scaled.map(Self).ok_or_else(expected)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let value = i64::try_from(self.0).unwrap_or(i64::MAX);
        Decimal::new(value, Self::DECIMALS).normalize().fmt(f)
    }
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Percent> for String {
    fn from(percent: Percent) -> Self {
        percent.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lf_1_a_percentage_is_exact() {
        for (text, expected) in [
            ("1.5", Some("1.5")),
            ("18", Some("18")),
            ("18.00", Some("18")),
            ("0.0001", Some("0.0001")),
            ("1000", Some("1000")),
            ("0.00001", None),
            ("0", None),
            ("1000.0001", None),
            ("-1", None),
            ("1e1", None),
            ("1_0", None),
            ("", None),
            (".", None),
            ("1,5", None),
        ] {
            let percent = text.parse::<Percent>().ok().map(|percent| percent.to_string());
            assert_eq!(percent.as_deref(), expected, "for {text:?}");
        }
    }

    #[test]
    fn lf_1_fee_n_is_charged_on_its_day() {
        let schedule = FeeSchedule { grace_days: 5, every_days: 30, times: 12 };
        for (number, days) in [(0, 6), (1, 36), (11, 336)] {
            assert_eq!(schedule.days_overdue(number), days, "fee {number}");
        }
    }

    #[test]
    fn lf_1_a_flat_fee_is_of_a_currency() {
        let currency = |code: &str| code.parse::<Currency>().unwrap();
        let flat = |value: &str| FeeRate::Flat(value.parse().unwrap());
        for (rate, of, billed, minor) in [
            (flat("25"), "USD", "USD", 2_500),
            (flat("25.50"), "USD", "USD", 2_550),
            (flat("25.5"), "JPY", "JPY", 26),
            (flat("24.5"), "JPY", "JPY", 24), // half-even
            (flat("1.5"), "BHD", "BHD", 1_500),
            (flat("25"), "JPY", "USD", 0),
        ] {
            let fee = rate.flat(currency(of), currency(billed)).unwrap();
            assert_eq!(fee, Money::new(minor, currency(of)), "for {rate:?} in {of}");
        }
        let per = FeeRate::FlatPer(BTreeMap::from([(Currency::USD, Money::new(5, Currency::USD))]));
        assert_eq!(per.flat(Currency::USD, currency("JPY")).map(Money::minor), Some(5));
        assert_eq!(per.flat(currency("JPY"), currency("JPY")).map(Money::minor), Some(0));
        assert_eq!(FeeRate::Percent("1".parse().unwrap()).flat(Currency::USD, Currency::USD), None);
    }
}
