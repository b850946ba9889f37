//! Late fees on an invoice (LF-1, LF-2): the facts, and the exact arithmetic of one fee and its caps.
//!
//! A fee never changes what the invoice came to when it was issued (INV-6); it stands beside that, and
//! what is owed is both. All products are of integers; the fee itself is rounded once, half-even, and a
//! cap is never passed, not by the part of a cent: its limit is rounded down.

pub mod limits;

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, for_person};
use crate::id::{IdError, InvoiceId};
use crate::invoice::Invoice;
use crate::money::Money;
use crate::policy::{LateFee, Percent, StepKey};
use crate::text::Personal;

pub use limits::{
    FeeFinding, FeeLimit, InForce, Jurisdiction, LIMITS, check_fee_limits, fee_limit,
};

/// The most fees of one invoice, those by hand too: its item has to stay small.
pub const MAX_FEES: usize = 200;

/// Days in the year of an annual rate (LF-1).
const DAYS_PER_YEAR: u128 = 365;

/// What stands between an invoice's number and its fee's.
const SUFFIX: &str = "-F";

/// One late fee of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fee {
    /// Counted from 1 on the invoice.
    pub number: u32,
    /// What charged it.
    pub cause: FeeCause,
    /// How much; nothing, where it was passed over.
    pub amount: Money,
    /// Its own day: a missed one is charged later, and says for which day.
    pub for_day: Day,
    /// The day on which it was charged.
    pub charged_on: Day,
    /// The invoice that it is, where it is no line of this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoice: Option<InvoiceId>,
    /// How it ended, if it is owed no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub end: Option<FeeEnd>,
    /// Whether it came while a plan covered the invoice, which doesn't count it (PLAN-1).
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_beside_plan: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_false(flag: &bool) -> bool {
    !*flag
}

/// What charged a fee.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeCause {
    /// The policy's section, its n-th, counted from 0.
    Section(u32),
    /// A step.
    Step(StepKey),
    /// A partner.
    Hand,
}

/// How a fee ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeeEnd {
    /// A partner waived it.
    Waived {
        /// When.
        on: Day,
        /// Why.
        reason: Personal,
    },
    /// The invoice was paid on the day on which the fee was charged (LF-2).
    TakenBack {
        /// When.
        on: Day,
    },
    /// It came to nothing, and isn't made up for.
    PassedOver,
}

impl Fee {
    /// Whether it is charged and stands.
    pub fn stands(&self) -> bool {
        self.end.is_none()
    }

    /// Whether it is a line of the invoice that is owed with it.
    pub fn is_owed_here(&self) -> bool {
        self.stands() && self.invoice.is_none()
    }

    /// Whether times and caps count it: a fee by hand stands outside them.
    pub fn is_by_rule(&self) -> bool {
        self.cause != FeeCause::Hand
    }

    /// As it stands on the invoice, with its own day.
    pub fn text(&self) -> String {
        format!("Late fee for {}", for_person(self.for_day))
    }
}

/// The number of an invoice's `n`-th fee that is an invoice, counted from 1 (LF-1).
///
/// # Errors
/// Where the invoice's number is so long that nothing can stand behind it.
pub fn fee_invoice(invoice: &InvoiceId, n: usize) -> Result<InvoiceId, IdError> {
    format!("{invoice}{SUFFIX}{n}").parse()
}

/// The invoice whose fee that number names, by its form.
pub fn named_after(number: &InvoiceId) -> Option<InvoiceId> {
    let (invoice, n) = number.as_str().rsplit_once(SUFFIX)?;
    let is_counted = !n.starts_with('0') && !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit());
    invoice.parse().ok().filter(|_| is_counted)
}

/// A base that may have taxes taken out of it: a fraction of minor units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Base {
    numerator: u128,
    denominator: u128,
}

impl Base {
    /// The collectable balance without unpaid fees; without taxes, the part of it that isn't tax.
    fn of(invoice: &Invoice, include_tax: bool) -> Self {
        let fees = invoice.unpaid_fees().minor();
        let owed = u128::from(invoice.collectable().minor().saturating_sub(fees));
        let (total, tax) = (u128::from(invoice.total.minor()), u128::from(invoice.tax().minor()));
        if include_tax || total == 0 {
            return Self { numerator: owed, denominator: 1 };
        }
        Self { numerator: owed * total.saturating_sub(tax), denominator: total }
    }

    /// That percentage of it.
    fn percent(self, percent: Percent) -> Option<Self> {
        let (numerator, by) = percent.of(self.numerator)?;
        Some(Self { numerator, denominator: self.denominator.checked_mul(by)? })
    }

    /// Half-even to the minor unit.
    fn rounded(self) -> u64 {
        let (whole, rest) = (self.numerator / self.denominator, self.numerator % self.denominator);
        let is_up = match (rest * 2).cmp(&self.denominator) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => whole % 2 == 1,
            std::cmp::Ordering::Greater => true,
        };
        u64::try_from(whole + u128::from(is_up)).unwrap_or(u64::MAX)
    }

    /// What all fees may come to after so many days at that annual rate, rounded down.
    fn for_days(self, rate: Percent, days: u32) -> Option<u64> {
        let year = self.percent(rate)?;
        let numerator = year.numerator.checked_mul(days.into())?;
        let denominator = year.denominator.checked_mul(DAYS_PER_YEAR)?;
        Some(u64::try_from(numerator / denominator).unwrap_or(u64::MAX))
    }

    /// Without its fraction: where the exact product is past 128 bits. Never more than the exact one.
    fn floored(self) -> Self {
        Self { numerator: self.numerator / self.denominator, denominator: 1 }
    }
}

/// What a limit leaves of a fee: none passes it, whoever set it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caps {
    /// For all fees of the invoice.
    pub amounts: Vec<Money>,
    /// For all fees of the invoice, as rates for a year.
    pub annual: Vec<Percent>,
}

impl Caps {
    /// Those of the policy, and of the law there on the fee's own day, if it is said where.
    pub fn of(
        rule: &LateFee,
        invoice: &Invoice,
        jurisdiction: Option<&Jurisdiction>,
        day: Day,
    ) -> Self {
        let currency = invoice.total.currency();
        let law = jurisdiction.and_then(|at| fee_limit(Some(at), day)).map(|law| law.limit.annual);
        let amount = rule.cap_amount.as_ref().and_then(|caps| caps.get(&currency));
        Self {
            amounts: amount.copied().into_iter().collect(),
            annual: rule.cap_annual.into_iter().chain(law).collect(),
        }
    }
}

/// The fee that is charged on the invoice now, for a day on which it was so many days overdue, and nothing
/// where nothing but fees is owed or a cap is reached.
///
/// `flat` is the flat fee in the invoice's currency; without it `rule` is a percentage.
pub fn amount(
    rule: &LateFee,
    flat: Option<Money>,
    invoice: &Invoice,
    days_overdue: u32,
    caps: &Caps,
) -> Money {
    let base = Base::of(invoice, rule.include_tax);
    if base.numerator == 0 {
        return Money::zero(invoice.total.currency());
    }
    let fee = match (&rule.rate, flat) {
        (_, Some(flat)) => flat.minor(),
        (crate::policy::FeeRate::Percent(percent), None) => base
            .percent(*percent)
            .or_else(|| base.floored().percent(*percent))
            .map_or(0, Base::rounded),
        (_, None) => 0,
    };
    let charged = invoice.fees_by_rule();
    let limit = |rate: &Percent| {
        let exact = base.for_days(*rate, days_overdue);
        exact.or_else(|| base.floored().for_days(*rate, days_overdue)).unwrap_or(0)
    };
    let limits = caps.amounts.iter().map(|cap| cap.minor()).chain(caps.annual.iter().map(limit));
    let room = limits.map(|limit| limit.saturating_sub(charged)).min();
    let room = room.unwrap_or(u64::MAX).min(invoice.room_for_fees());
    Money::new(fee.min(room), invoice.total.currency())
}
