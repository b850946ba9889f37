//! Payments: facts from outside, in whatever order they come (PAY-1..5).
//!
//! A payment holds what is known of it, and knowledge only grows: the highest state seen, each
//! refund by its id, each chargeback by its id. What of the money is ours follows from that alone
//! ([`Payment::kept`]), so every order of the same news ends in the same state (PAY-3).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, plus};
use crate::id::{ChargebackId, InvoiceId, PaymentId, RefundId};
use crate::money::Money;

/// How it was paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A card, through a gateway.
    #[default]
    Card,
    /// A bank debit, through a gateway.
    Ach,
    /// A check, recorded by staff.
    Check,
    /// By phone, recorded by staff.
    Phone,
}

impl Method {
    /// Whether a failure is told to the client (LET-1).
    pub fn tells_failure(self) -> bool {
        match self {
            Self::Card | Self::Ach => true,
            Self::Check | Self::Phone => false,
        }
    }
}

/// What was seen of a payment, lowest rank first; news of a lower rank is ignored (PAY-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Seen {
    /// On its way.
    Pending,
    /// It came to nothing.
    Failed,
    /// It is here.
    Succeeded,
    /// A debit failed after it was pending or succeeded.
    Returned,
}

/// Where a chargeback stands; an end is never undone by later news of its beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargebackState {
    /// The money is away.
    Opened,
    /// And stays away.
    Lost,
    /// And comes back.
    Won,
}

/// The state of a payment (PAY-3), derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Only news about it has come, not the payment itself.
    Unknown,
    /// On its way.
    Pending,
    /// It came to nothing.
    Failed,
    /// It is here.
    Succeeded,
    /// It went back to the bank.
    Returned,
    /// Some of it was given back.
    PartiallyRefunded,
    /// All of it was given back.
    Refunded,
    /// The bank took it back.
    ChargedBack,
}

/// How a payment failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It came to nothing.
    Failed,
    /// A debit came back (CHG-3).
    Returned,
}

/// A payment as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// The gateway's id with the gateway, or staff's reference.
    pub id: PaymentId,
    /// The payment itself; none while only news about it has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<PaymentFacts>,
    /// Refunds by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub refunds: BTreeMap<RefundId, Money>,
    /// Chargebacks by id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub chargebacks: BTreeMap<ChargebackId, ChargebackState>,
    /// Whether its return was told before the payment itself.
    #[serde(default)]
    pub return_seen: bool,
    /// Where its money is, in the order in which it was put there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<(InvoiceId, Money)>,
    /// Where its money was before a chargeback took it, to be put back when it is won (PAY-5).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before_chargeback: Vec<(InvoiceId, Money)>,
    /// Amounts that a gateway told and that are not this payment's: evidence, each reported once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mismatches: Vec<Money>,
    /// Whether its receipt was decided: one per payment (LET-1).
    #[serde(default)]
    pub has_receipt: bool,
}

/// What a payment is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// How much; the same id with another amount is a mismatch.
    pub amount: Money,
    /// How.
    pub method: Method,
    /// The invoices that it names, in that order (PAY-4).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invoices: Vec<InvoiceId>,
    /// The highest state seen.
    pub seen: Seen,
    /// Whether it was ever on its way: a debit that failed then came back.
    #[serde(default)]
    pub was_pending: bool,
    /// The day of the first news: a pending debit holds from then (CHG-3).
    pub first_on: Day,
}

impl Payment {
    /// A payment of which nothing is known.
    pub fn unknown(id: PaymentId) -> Self {
        Self {
            id,
            facts: None,
            refunds: BTreeMap::new(),
            chargebacks: BTreeMap::new(),
            return_seen: false,
            allocations: Vec::new(),
            before_chargeback: Vec::new(),
            mismatches: Vec::new(),
            has_receipt: false,
        }
    }

    /// What it is called.
    pub fn state(&self) -> PaymentState {
        let Some(facts) = &self.facts else { return PaymentState::Unknown };
        if self.is_charged_back() {
            return PaymentState::ChargedBack;
        }
        let refunded = self.refunded(facts);
        if refunded == facts.amount.minor() {
            return PaymentState::Refunded;
        }
        match (self.failure(), facts.seen) {
            (Some(Failure::Failed), _) => PaymentState::Failed,
            (Some(Failure::Returned), _) => PaymentState::Returned,
            (None, Seen::Pending) => PaymentState::Pending,
            (None, _) if refunded == 0 => PaymentState::Succeeded,
            (None, _) => PaymentState::PartiallyRefunded,
        }
    }

    /// How it failed, whatever was refunded or charged back: a debit that failed after it was pending
    /// came back, even if that was told first.
    pub fn failure(&self) -> Option<Failure> {
        let facts = self.facts.as_ref()?;
        match facts.seen {
            Seen::Pending | Seen::Succeeded => None,
            Seen::Failed if facts.was_pending && facts.method == Method::Ach => {
                Some(Failure::Returned)
            }
            Seen::Failed => Some(Failure::Failed),
            Seen::Returned => Some(Failure::Returned),
        }
    }

    /// What of the money is ours: allocated, or client credit (PAY-6).
    pub fn kept(&self) -> u64 {
        let Some(facts) = &self.facts else { return 0 };
        match self.state() {
            PaymentState::Unknown
            | PaymentState::Pending
            | PaymentState::Failed
            | PaymentState::Returned
            | PaymentState::Refunded
            | PaymentState::ChargedBack => 0,
            PaymentState::Succeeded | PaymentState::PartiallyRefunded => {
                facts.amount.minor().saturating_sub(self.refunded(facts))
            }
        }
    }

    /// What was refunded; never more than was paid.
    fn refunded(&self, facts: &PaymentFacts) -> u64 {
        let refunded = self.refunds.values().map(|refund| refund.minor()).sum::<u64>();
        refunded.min(facts.amount.minor())
    }

    /// What can still be refunded, in minor units.
    pub fn refundable(&self) -> u64 {
        let amount = self.facts.as_ref().map_or(0, |facts| facts.amount.minor());
        amount.saturating_sub(self.refunds.values().map(|refund| refund.minor()).sum())
    }

    fn is_charged_back(&self) -> bool {
        self.chargebacks.values().any(|&state| state != ChargebackState::Won)
    }

    /// Whether it is a debit on its way that still stops notices and locks on that day: from its
    /// first news, for so many days (CHG-3).
    pub fn is_in_flight(&self, day: Day, in_flight_days: u32) -> bool {
        self.state() == PaymentState::Pending
            && self.facts.as_ref().is_some_and(|facts| day < plus(facts.first_on, in_flight_days))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::money::Currency;

    fn usd(minor: u64) -> Money {
        Money::new(minor, Currency::USD)
    }

    fn payment(seen: Seen, method: Method, was_pending: bool) -> Payment {
        let first_on = "2026-01-05".parse().unwrap();
        let invoices = Vec::new();
        let facts =
            PaymentFacts { amount: usd(100), method, invoices, seen, was_pending, first_on };
        Payment { facts: Some(facts), ..Payment::unknown("p-1".parse().unwrap()) }
    }

    #[test]
    fn pay_3_state_and_money_follow_from_what_was_seen() {
        use PaymentState::{
            ChargedBack, Failed, PartiallyRefunded, Pending, Refunded, Returned, Succeeded,
        };
        type Case<'a> = (Seen, Method, bool, &'a [u64], &'a [ChargebackState], PaymentState, u64);
        let (open, lost, won) =
            (ChargebackState::Opened, ChargebackState::Lost, ChargebackState::Won);
        let cases: [Case<'_>; 19] = [
            (Seen::Pending, Method::Ach, true, &[], &[], Pending, 0),
            (Seen::Pending, Method::Ach, true, &[40], &[], Pending, 0),
            (Seen::Pending, Method::Ach, true, &[100], &[], Refunded, 0),
            (Seen::Failed, Method::Card, false, &[], &[], Failed, 0),
            (Seen::Failed, Method::Card, true, &[], &[], Failed, 0),
            (Seen::Failed, Method::Ach, false, &[], &[], Failed, 0),
            (Seen::Failed, Method::Ach, true, &[], &[], Returned, 0),
            (Seen::Succeeded, Method::Ach, true, &[], &[], Succeeded, 100),
            (Seen::Succeeded, Method::Card, false, &[1], &[], PartiallyRefunded, 99),
            (Seen::Succeeded, Method::Card, false, &[60, 39], &[], PartiallyRefunded, 1),
            (Seen::Succeeded, Method::Card, false, &[60, 40], &[], Refunded, 0),
            (Seen::Succeeded, Method::Card, false, &[60, 60], &[], Refunded, 0),
            (Seen::Returned, Method::Ach, false, &[], &[], Returned, 0),
            (Seen::Returned, Method::Ach, false, &[40], &[], Returned, 0),
            (Seen::Succeeded, Method::Card, false, &[], &[open], ChargedBack, 0),
            (Seen::Succeeded, Method::Card, false, &[100], &[lost], ChargedBack, 0),
            (Seen::Succeeded, Method::Card, false, &[], &[won], Succeeded, 100),
            (Seen::Succeeded, Method::Card, false, &[40], &[won], PartiallyRefunded, 60),
            (Seen::Succeeded, Method::Card, false, &[], &[won, open], ChargedBack, 0),
        ];
        for (seen, method, was_pending, refunds, chargebacks, state, kept) in cases {
            let mut payment = payment(seen, method, was_pending);
            for (number, minor) in refunds.iter().enumerate() {
                payment.refunds.insert(format!("r-{number}").parse().unwrap(), usd(*minor));
            }
            for (number, chargeback) in chargebacks.iter().enumerate() {
                payment.chargebacks.insert(format!("c-{number}").parse().unwrap(), *chargeback);
            }
            assert_eq!((payment.state(), payment.kept()), (state, kept), "of {payment:?}");
        }
        let unknown = Payment::unknown("p-1".parse().unwrap());
        assert_eq!(
            (unknown.state(), unknown.kept(), unknown.refundable()),
            (PaymentState::Unknown, 0, 0)
        );
    }

    #[test]
    fn chg_3_a_debit_is_in_flight_for_so_many_days_from_its_first_news() {
        let debit = payment(Seen::Pending, Method::Ach, true);
        for (day, expected) in [("2026-01-05", true), ("2026-01-11", true), ("2026-01-12", false)] {
            assert_eq!(debit.is_in_flight(day.parse().unwrap(), 7), expected, "on {day}");
        }
        let paid = payment(Seen::Succeeded, Method::Ach, true);
        assert!(!paid.is_in_flight("2026-01-05".parse().unwrap(), 7));
    }

    #[test]
    fn pay_5_no_more_than_is_left_can_be_refunded() {
        let mut payment = payment(Seen::Succeeded, Method::Card, false);
        assert_eq!(payment.refundable(), 100);
        payment.refunds.insert("r-1".parse().unwrap(), usd(30));
        assert_eq!(payment.refundable(), 70);
        payment.refunds.insert("r-2".parse().unwrap(), usd(90));
        assert_eq!(payment.refundable(), 0);
    }

    #[test]
    fn let_1_only_card_and_bank_payments_tell_a_failure() {
        let tells =
            [Method::Card, Method::Ach, Method::Check, Method::Phone].map(Method::tells_failure);
        assert_eq!(tells, [true, true, false, false]);
    }
}
