//! When the portal locks, and what the lock says (LOCK-1, LOCK-2, LOCK-9).
//!
//! A trigger looks at invoices that are overdue and collected; whether only warned ones count is
//! the caller's question (LOCK-7), so that the same function tells both that the client is to be
//! locked and that it would be, had it been warned.
//!
//! A lock is on the whole client or on one service line of it, by the policy's choice or by hand (LOCK-5). Each is
//! an episode of its own; which invoices it is about is its [`Scope`], and no rule asks for more than that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::id::{InvoiceId, ServiceLine};
use crate::invoice::Invoice;
use crate::money::{Currency, Money};
use crate::policy::{LockRule, Policy, PolicyRef, Require, StepKey};
use crate::text::Personal;

/// What a lock is on: it is about the invoices that this covers (LOCK-5).
#[derive(Debug, Default, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "Option<ServiceLine>", into = "Option<ServiceLine>")]
pub enum Scope {
    /// The whole client.
    #[default]
    Client,
    /// One service line.
    Line(ServiceLine),
}

impl Scope {
    /// Whether it is the whole client.
    pub fn is_client(&self) -> bool {
        matches!(self, Self::Client)
    }

    /// The service line, if it is one.
    pub fn line(&self) -> Option<&ServiceLine> {
        match self {
            Self::Client => None,
            Self::Line(line) => Some(line),
        }
    }

    /// Whether the invoice is of it.
    pub fn covers(&self, invoice: &Invoice) -> bool {
        self.line().is_none_or(|line| line.as_str() == invoice.line_name())
    }
}

impl From<Option<ServiceLine>> for Scope {
    fn from(line: Option<ServiceLine>) -> Self {
        line.map_or(Self::Client, Self::Line)
    }
}

impl From<Scope> for Option<ServiceLine> {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Client => None,
            Scope::Line(line) => Some(line),
        }
    }
}

/// What is locked, as it stands in a sentence.
impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => f.write_str("the portal"),
            Self::Line(line) if line.as_str() == ServiceLine::UNNAMED => {
                f.write_str("the portal for what has no service line")
            }
            Self::Line(line) => write!(f, "the portal for {line}"),
        }
    }
}

/// The lock on a client or a line of it, from the day it is set until it is lifted: an episode.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lock {
    /// Counted from 1 over the client's life; a changed reason doesn't begin a new one.
    pub episode: u32,
    /// When it was set.
    pub on: Day,
    /// Why, fixed when it was set (LOCK-2).
    pub cause: LockCause,
    /// The policy that it began with (POL-1).
    pub policy: PolicyRef,
    /// Steps after the lock that fired or were passed over: once per episode (EVAL-2).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub steps: BTreeSet<StepKey>,
    /// Whether money or a credit came in since (UNL-3).
    #[serde(default)]
    pub money_came: bool,
    /// How many requests to unlock there were (UNL-6).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub requests: u32,
    /// What it is on (LOCK-5).
    #[serde(default, skip_serializing_if = "Scope::is_client")]
    pub scope: Scope,
}

impl Lock {
    /// Whether the policy's rule set it.
    pub fn is_by_rule(&self) -> bool {
        matches!(self.cause, LockCause::Rule(_))
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u32) -> bool {
    *count == 0
}

/// Who locked, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockCause {
    /// The policy's rule.
    Rule(LockReason),
    /// Staff (LOCK-4).
    Hand(Personal),
}

impl LockCause {
    /// The reason as the client reads it.
    pub fn text(&self) -> String {
        match self {
            Self::Rule(reason) => reason.to_string(),
            Self::Hand(reason) => reason.as_str().to_owned(),
        }
    }
}

/// What the rule found; its text is S1's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockReason {
    /// By the days rule or the count rule.
    Unpaid {
        /// How many invoices.
        invoices: u32,
        /// Over how many days.
        days: u32,
    },
    /// By the balance rule alone (LOCK-9).
    Balance {
        /// What is overdue.
        overdue: Money,
    },
}

impl fmt::Display for LockReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unpaid { invoices, days } => {
                let plural = |count: u32| if count == 1 { "" } else { "s" };
                write!(
                    f,
                    "{invoices} unpaid invoice{} over {days} day{}",
                    plural(*invoices),
                    plural(*days)
                )
            }
            Self::Balance { overdue } => write!(f, "{} overdue", overdue.for_person()),
        }
    }
}

/// An overdue invoice that is collected, as a trigger sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Debt<'a> {
    /// Which.
    pub invoice: &'a InvoiceId,
    /// Since how many days.
    pub days_overdue: u32,
    /// From how many days on the days rule is met by it; `None`: it never is (POL-3).
    pub lock_days: Option<u32>,
    /// What of it may be collected.
    pub collectable: Money,
    /// Whether it is a late fee that is an invoice: the count rule doesn't count it (LF-1).
    pub is_fee: bool,
}

impl Debt<'_> {
    /// Whether the days rule is met by it.
    pub fn is_past_its_days(&self) -> bool {
        self.lock_days.is_some_and(|days| days <= self.days_overdue)
    }
}

/// Why to lock, if at all (LOCK-1, LOCK-9).
///
/// `counted` are the debts that count towards a trigger: the warned ones (LOCK-7). The numbers of the text
/// are over all that are `collected`: what the client reads is how things stand (LOCK-2). The days rule
/// speaks first, also when all triggers that are on must be met; then the count rule, then the balance.
pub fn lock_reason(
    policy: &Policy,
    counted: &[Debt<'_>],
    collected: &[Debt<'_>],
) -> Option<LockReason> {
    let rule = &policy.lock;
    let has_days = policy.has_days_rule();
    let find = |debts: &[Debt<'_>]| -> [Trigger; 3] {
        [by_days(has_days, debts), by_count(rule, debts), by_balance(rule, debts)]
    };
    let found = find(counted);
    let mut on = found.iter().flatten();
    let is_met = match rule.require {
        Require::Any => on.any(Option::is_some),
        Require::All => found.iter().any(Option::is_some) && on.all(Option::is_some),
    };
    let speaks =
        found.iter().position(|found| matches!(found, Some(Some(_)))).filter(|_| is_met)?;
    find(collected).into_iter().nth(speaks).flatten().flatten()
}

/// The invoices for which the rule would lock; those that a notice must name before (LOCK-7).
pub fn counted<'a>(policy: &Policy, debts: &[Debt<'a>]) -> BTreeSet<&'a InvoiceId> {
    let rule = &policy.lock;
    let by_days_alone = by_days(policy.has_days_rule(), debts).flatten().is_some()
        && (rule.require == Require::Any
            || (rule.unpaid_invoices.is_none() && rule.balance.is_none()));
    let counts_fees = by_days_alone || rule.balance.is_some();
    let counted = debts.iter().filter(|debt| counts_fees || !debt.is_fee);
    let counted = counted.filter(|debt| !by_days_alone || debt.is_past_its_days());
    counted.map(|debt| debt.invoice).collect()
}

/// Outer `None`: the rule is off; inner `None`: it isn't met.
type Trigger = Option<Option<LockReason>>;

/// Where two kinds of invoices have numbers of their own, the text says the smaller of those that are met: all
/// that it counts are over it.
fn by_days(is_on: bool, debts: &[Debt<'_>]) -> Trigger {
    let past: Vec<_> = debts.iter().filter(|debt| debt.is_past_its_days()).collect();
    let days = past.iter().filter_map(|debt| debt.lock_days).min();
    is_on.then(|| days.map(|days| unpaid(past.len(), days)))
}

fn by_count(rule: &LockRule, debts: &[Debt<'_>]) -> Trigger {
    let least = rule.unpaid_invoices?;
    let counted = debts.iter().filter(|debt| !debt.is_fee);
    let number = counted.clone().count();
    let days = counted.map(|debt| debt.days_overdue).min();
    Some(days.filter(|_| least as usize <= number).map(|days| unpaid(number, days)))
}

fn by_balance(rule: &LockRule, debts: &[Debt<'_>]) -> Trigger {
    let limits = rule.balance.as_ref()?;
    let mut overdue: BTreeMap<Currency, u64> = BTreeMap::new();
    for debt in debts {
        let sum = overdue.entry(debt.collectable.currency()).or_default();
        *sum = sum.saturating_add(debt.collectable.minor());
    }
    let reached = limits.iter().find_map(|(currency, limit)| {
        let sum = overdue.get(currency).copied().unwrap_or(0);
        (limit.minor() <= sum).then(|| Money::new(sum, *currency))
    });
    Some(reached.map(|overdue| LockReason::Balance { overdue }))
}

fn unpaid(invoices: usize, days: u32) -> LockReason {
    LockReason::Unpaid { invoices: u32::try_from(invoices).unwrap_or(u32::MAX), days }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Policy;

    fn rule(
        days: Option<u32>,
        count: Option<u32>,
        balance: Option<u64>,
        require: Require,
    ) -> Policy {
        let lock = LockRule {
            days_overdue: days,
            unpaid_invoices: count,
            balance: balance
                .map(|minor| BTreeMap::from([(Currency::USD, Money::new(minor, Currency::USD))])),
            require,
            ..Policy::default().lock
        };
        Policy { lock, ..Policy::default() }
    }

    fn text(rule: &Policy, debts: &[(u32, u64)]) -> Option<String> {
        let id: InvoiceId = "A-1".parse().unwrap();
        let debts: Vec<_> = debts
            .iter()
            .map(|&(days_overdue, minor)| Debt {
                invoice: &id,
                days_overdue,
                lock_days: rule.lock.days_overdue,
                collectable: Money::new(minor, Currency::USD),
                is_fee: false,
            })
            .collect();
        lock_reason(rule, &debts, &debts).map(|reason| reason.to_string())
    }

    #[test]
    fn lock_1_and_2_days_speak_before_count_and_balance() {
        use Require::{All, Any};
        type Case<'a> = (Policy, &'a [(u32, u64)], Option<&'a str>);
        let cases: [Case<'_>; 16] = [
            (rule(Some(30), Some(3), None, Any), &[], None),
            (rule(Some(30), Some(3), None, Any), &[(29, 1), (12, 1)], None),
            (rule(Some(30), Some(3), None, Any), &[(30, 1)], Some("1 unpaid invoice over 30 days")),
            (rule(Some(1), None, None, Any), &[(1, 1)], Some("1 unpaid invoice over 1 day")),
            (
                rule(Some(30), Some(3), None, Any),
                &[(31, 1), (40, 1), (2, 1)],
                Some("2 unpaid invoices over 30 days"),
            ),
            (
                rule(Some(30), Some(3), None, Any),
                &[(5, 1), (9, 1), (12, 1)],
                Some("3 unpaid invoices over 5 days"),
            ),
            (
                rule(Some(30), Some(2), None, Any),
                &[(1, 1), (9, 1)],
                Some("2 unpaid invoices over 1 day"),
            ),
            (rule(None, Some(2), None, Any), &[(400, 1)], None),
            (rule(None, None, None, Any), &[(400, 1)], None),
            (rule(None, None, None, All), &[(400, 1)], None),
            (rule(Some(30), Some(2), None, All), &[(45, 1)], None),
            (rule(Some(30), Some(2), None, All), &[(29, 1), (9, 1)], None),
            (
                rule(Some(30), Some(2), None, All),
                &[(45, 1), (2, 1)],
                Some("1 unpaid invoice over 30 days"),
            ),
            (
                rule(None, None, Some(120_000), Any),
                &[(1, 60_000), (2, 60_000)],
                Some("1,200.00 USD overdue"),
            ),
            (rule(None, None, Some(120_000), Any), &[(1, 60_000), (2, 59_999)], None),
            (
                rule(Some(30), None, Some(1), All),
                &[(30, 60_000)],
                Some("1 unpaid invoice over 30 days"),
            ),
        ];
        for (rule, debts, expected) in cases {
            assert_eq!(
                text(&rule, debts).as_deref(),
                expected,
                "for {debts:?} under {:?}",
                rule.lock
            );
        }
    }

    #[test]
    fn lock_2_and_7_warned_debts_lock_and_all_that_are_collected_are_told() {
        let id: InvoiceId = "A-1".parse().unwrap();
        let debt = |days_overdue| debt(&id, days_overdue, false);
        let count = rule(Some(30), Some(3), None, Require::Any);
        let warned = [debt(9), debt(8), debt(5)];
        let all = [debt(9), debt(8), debt(5), debt(1)];
        let text = |counted: &[Debt<'_>]| {
            lock_reason(&count, counted, &all).map(|reason| reason.to_string())
        };
        assert_eq!(text(&warned).as_deref(), Some("4 unpaid invoices over 1 day"));
        assert_eq!(text(&warned[..2]), None, "the fourth was not warned");
        // The count rule was met; that an unwarned invoice is past the days doesn't make the days rule speak.
        let old = [debt(9), debt(8), debt(5), debt(40)];
        let reason = lock_reason(&count, &warned, &old).unwrap().to_string();
        assert_eq!(reason, "4 unpaid invoices over 5 days");
    }

    #[test]
    fn lock_7_what_counts_is_what_a_notice_must_name() {
        use Require::{All, Any};
        let ids: Vec<InvoiceId> = ["A", "B", "C"].map(|id| id.parse().unwrap()).into();
        for (rule, expected) in [
            (rule(Some(30), None, None, Any), "AB"), // the days rule speaks: those past its days
            (rule(Some(31), Some(2), None, Any), "A"),
            (rule(Some(30), None, None, All), "AB"),
            (rule(Some(30), Some(3), None, All), "ABC"), // the count needs the others too
            (rule(Some(30), None, Some(150), All), "ABC"),
            (rule(Some(99), Some(3), None, Any), "ABC"),
            (rule(None, Some(3), None, Any), "ABC"),
        ] {
            let lock_days = rule.lock.days_overdue;
            let debts = ids.iter().zip([31, 30, 2]);
            let debts =
                debts.map(|(invoice, days)| Debt { lock_days, ..debt(invoice, days, false) });
            let found: String =
                counted(&rule, &debts.collect::<Vec<_>>()).iter().map(|id| id.as_str()).collect();
            assert_eq!(found, expected, "under {:?}", rule.lock);
        }
    }

    fn debt(invoice: &InvoiceId, days_overdue: u32, is_fee: bool) -> Debt<'_> {
        let lock_days = Some(30);
        Debt { invoice, days_overdue, lock_days, collectable: usd(50), is_fee }
    }

    #[test]
    fn lf_1_the_count_rule_counts_no_late_fee() {
        let ids: Vec<InvoiceId> = ["A", "A-F1", "B"].map(|id| id.parse().unwrap()).into();
        let debts = [debt(&ids[0], 9, false), debt(&ids[1], 2, true), debt(&ids[2], 5, false)];
        let text = |rule: &Policy| lock_reason(rule, &debts, &debts).map(|r| r.to_string());
        let count = |least| rule(None, Some(least), None, Require::Any);
        assert_eq!(text(&count(3)), None);
        assert_eq!(text(&count(2)).as_deref(), Some("2 unpaid invoices over 5 days"));
        let named = |rule: &Policy| counted(rule, &debts).len();
        assert_eq!(named(&count(2)), 2, "a fee needs no warning for it");
        // It is a debt all the same: its days and its money count.
        let days = rule(Some(2), None, None, Require::Any);
        let debts = debts.map(|debt| Debt { lock_days: Some(2), ..debt });
        let text = |rule: &Policy| lock_reason(rule, &debts, &debts).map(|r| r.to_string());
        let named = |rule: &Policy| counted(rule, &debts).len();
        assert_eq!(text(&days).as_deref(), Some("3 unpaid invoices over 2 days"));
        let balance = rule(None, None, Some(150), Require::Any);
        assert_eq!(text(&balance).as_deref(), Some("1.50 USD overdue"));
        assert_eq!((named(&days), named(&balance)), (3, 3));
    }

    fn usd(minor: u64) -> Money {
        Money::new(minor, Currency::USD)
    }

    #[test]
    fn lock_9_amounts_of_two_currencies_never_meet() {
        let id: InvoiceId = "A-1".parse().unwrap();
        let debt = |minor, currency: &str| Debt {
            invoice: &id,
            days_overdue: 3,
            lock_days: None,
            collectable: Money::new(minor, currency.parse().unwrap()),
            is_fee: false,
        };
        let rule = rule(None, None, Some(100), Require::Any);
        let found =
            |debts: &[Debt<'_>]| lock_reason(&rule, debts, debts).map(|reason| reason.to_string());
        assert_eq!(found(&[debt(99, "USD"), debt(5_000, "JPY")]), None);
        let reason = found(&[debt(100, "USD"), debt(5_000, "JPY")]);
        assert_eq!(reason.as_deref(), Some("1.00 USD overdue"));
    }

    #[test]
    fn pol_3_and_lock_2_each_kind_may_have_days_of_its_own() {
        let ids: Vec<InvoiceId> = ["A", "B", "C"].map(|id| id.parse().unwrap()).into();
        let both = [Some(30), Some(10), Some(10)];
        type Case<'a> = ([u32; 3], [Option<u32>; 3], Option<&'a str>, &'a str);
        let cases: [Case<'_>; 6] = [
            ([29, 9, 1], both, None, "ABC"),
            ([29, 10, 1], both, Some("1 unpaid invoice over 10 days"), "B"),
            ([30, 9, 1], both, Some("1 unpaid invoice over 30 days"), "A"),
            ([30, 12, 1], both, Some("2 unpaid invoices over 10 days"), "AB"),
            // Off for the first's kind, or skipped for good by an answer.
            ([90, 9, 1], [None, Some(10), Some(10)], None, "ABC"),
            ([90, 10, 1], [None, Some(10), Some(10)], Some("1 unpaid invoice over 10 days"), "B"),
        ];
        let step = crate::policy::Step::new(
            crate::policy::When::DaysOverdue(10),
            crate::policy::Action::Lock,
        );
        let mut policy = rule(Some(30), None, None, Require::Any);
        policy.out_of_turn.steps = vec![step];
        for (days, lock_days, expected, names) in cases {
            let debts = ids.iter().zip(days).zip(lock_days);
            let debts: Vec<_> = debts
                .map(|((invoice, days), lock_days)| Debt {
                    lock_days,
                    ..debt(invoice, days, false)
                })
                .collect();
            let text = lock_reason(&policy, &debts, &debts).map(|reason| reason.to_string());
            assert_eq!(text.as_deref(), expected, "for {days:?}");
            let found: String = counted(&policy, &debts).iter().map(|id| id.as_str()).collect();
            assert_eq!(found, names, "for {days:?}");
        }
        // Off in the section and on by a step, it is one of those that must all be met.
        let mut all = rule(None, Some(2), None, Require::All);
        let debts: Vec<_> =
            ids.iter().map(|invoice| Debt { lock_days: None, ..debt(invoice, 5, false) }).collect();
        assert!(lock_reason(&all, &debts, &debts).is_some());
        all.out_of_turn.steps = policy.out_of_turn.steps;
        assert_eq!(lock_reason(&all, &debts, &debts), None);
    }
}
