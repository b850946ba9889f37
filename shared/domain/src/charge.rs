//! Saved methods, and charging them while the payer is away (CHG-1, CHG-2).
//!
//! A client's method is the one that it chose: never is another charged in its place. An attempt is known by its
//! invoice and a number counted from 1, and ends in one of four ways. A gateway is only asked for an attempt that
//! was marked as asked in a commit before: so one without the mark was surely never tried and may be dropped
//! without a trace, and of one with it the name never stands for anything else.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::account::Account;
use crate::calendar::{Day, plus};
use crate::id::{InvoiceId, MethodId, PaymentId};
use crate::invoice::{Invoice, Posting};
use crate::money::Money;
use crate::payment::Method;
use crate::policy::{AutoCharge, ChargeWhen, PolicyVersion};
use crate::text::Personal;

/// The most methods that a client has saved: they live on the account's head.
pub const MAX_METHODS: usize = 10;

/// How many charges of one client may be under way: each is an item, and a transaction of the table has room for
/// 100. The evaluation after one of them goes on with the rest.
pub const MAX_CHARGES: usize = 30;

/// The longest code of a decline that is kept: the gateways' are some words.
pub const MAX_CODE_CHARS: usize = 64;

/// A method that can be charged while the payer is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedMethod {
    /// Its gateway and the gateway's id of it.
    pub id: MethodId,
    /// Through which of the firm's connections to the gateway it was saved.
    pub endpoint: String,
    /// Whose it is, as the gateway knows the client.
    pub customer: String,
    /// Card or bank account.
    pub kind: Method,
    /// What the client knows it by: `Visa ending in 4242`.
    pub label: Personal,
    /// The last month in which a card is good: year and month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<(u16, u8)>,
    /// Since when it may be charged.
    pub saved_on: Day,
    /// Since when it may not be any more: the bank said so, or the mandate is void.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped_on: Option<Day>,
}

impl SavedMethod {
    /// Whether it can still be charged.
    pub fn is_usable(&self) -> bool {
        self.stopped_on.is_none()
    }
}

/// A method as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewMethod {
    /// Its gateway and the gateway's id of it.
    pub id: MethodId,
    /// Through which of the firm's connections to the gateway.
    pub endpoint: String,
    /// As the gateway knows the client.
    pub customer: String,
    /// Card or bank account.
    pub kind: Method,
    /// What the client knows it by; never more of a number than its last four digits.
    pub label: Personal,
    /// The last month in which a card is good: year and month.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<(u16, u8)>,
    /// Whether it is the one to be charged from now on. The first one always is.
    pub is_default: bool,
}

/// Which attempt: never two for one invoice and number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ChargeId {
    /// What is to be paid.
    pub invoice: InvoiceId,
    /// Counted from 1.
    pub attempt: u32,
}

impl fmt::Display for ChargeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.invoice, self.attempt)
    }
}

/// An attempt that hasn't ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Charge {
    /// Which.
    pub id: ChargeId,
    /// What is charged.
    pub method: MethodId,
    /// How much.
    pub amount: Money,
    /// When it was decided.
    pub on: Day,
    /// Whether the gateway may have been asked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_asked: bool,
}

/// An attempt that ended, on its invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// What was charged.
    pub method: MethodId,
    /// How much.
    pub amount: Money,
    /// When it was decided: retries are counted from the first one's (CHG-1).
    pub on: Day,
    /// How it ended.
    pub outcome: ChargeOutcome,
}

/// How an attempt ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChargeOutcome {
    /// Taken, or on its way: by that payment, which is told like any other (PAY-1).
    Taken {
        /// Which.
        payment: PaymentId,
    },
    /// Nothing was taken.
    Declined(Decline),
    /// Nobody was asked: it was no longer owed, or not to be charged. It is as if it had never been.
    Withdrawn,
    /// The gateway was asked and nobody knows what it did; it is not asked again, and should it have taken the
    /// money, that is told as any payment is.
    Unclear,
}

/// A charge that took nothing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decline {
    /// The gateway's or the bank's code.
    pub code: String,
    /// What can be done about it.
    pub kind: DeclineKind,
    /// The failed payment, if the gateway made one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

/// What can be done about a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineKind {
    /// The same may succeed on another day.
    Soft,
    /// The method will not be charged again.
    Hard,
    /// The payer has to confirm: no retry without.
    NeedsPayer,
}

impl Account {
    /// The method that is charged, if one may be.
    pub fn chargeable_method(&self) -> Option<&SavedMethod> {
        let id = self.default_method.as_ref()?;
        self.methods.get(id).filter(|method| method.is_usable())
    }
}

impl Invoice {
    /// Whether an attempt ended with that payment.
    pub fn was_charged_by(&self, payment: &PaymentId) -> Option<&Attempt> {
        self.charges.iter().find(|attempt| match &attempt.outcome {
            ChargeOutcome::Taken { payment: known } => known == payment,
            ChargeOutcome::Declined(decline) => decline.payment.as_ref() == Some(payment),
            ChargeOutcome::Withdrawn | ChargeOutcome::Unclear => false,
        })
    }
}

/// What is charged by itself, and when (CHG-1).
#[derive(Debug, Clone, Copy)]
pub struct Charging<'a> {
    /// Whose.
    pub account: &'a Account,
    /// Under which policy.
    pub version: &'a PolicyVersion,
}

impl<'a> Charging<'a> {
    /// The days, past and to come, of attempts that weren't made yet; none, where none is to be made any more.
    pub fn days(&self, invoice: &Invoice) -> BTreeSet<Day> {
        let rule = self.version.policy.kind(invoice.kind).auto_charge.as_ref();
        let (Some(rule), Some(method)) = (rule, self.account.chargeable_method()) else {
            return BTreeSet::new();
        };
        let days = match (invoice.charges.first(), invoice.charges.last()) {
            (Some(first), Some(last)) if goes_on(last, method) => {
                let days = rule.retry_days.iter().map(|days| plus(first.on, *days));
                days.filter(|day| last.on < *day).collect()
            }
            (Some(_), _) => BTreeSet::new(),
            (None, _) => self.first_day(invoice, rule).into_iter().collect::<BTreeSet<_>>(),
        };
        let is_stopped = invoice.dispute.is_some()
            || invoice.ending.is_some()
            || self.account.closed.is_some()
            || self.account.hard_stop.is_some();
        if is_stopped {
            return BTreeSet::new();
        }
        // Nobody is charged for a day on which there was nothing to charge.
        days.into_iter().filter(|day| method.saved_on <= *day).collect()
    }

    /// When it is issued or due; for one that was put in later, then. A newer policy charges nothing whose day
    /// had passed before it (POL-1).
    fn first_day(&self, invoice: &Invoice, rule: &AutoCharge) -> Option<Day> {
        let day = match (rule.when, invoice.posting) {
            (_, Posting::Draft) => return None,
            (ChargeWhen::OnIssue, Posting::Scheduled(on)) => on,
            (ChargeWhen::OnIssue, Posting::Posted) => invoice.issued_on.max(invoice.recorded_on),
            (ChargeWhen::OnDue, _) => invoice.due_on.max(invoice.recorded_on),
        };
        let since = self.version.auto_charge_since.get(&invoice.kind);
        let came_too_late = since.is_some_and(|since| invoice.recorded_on < *since && day < *since);
        (!came_too_late).then_some(day)
    }

    /// Whether an attempt is under way or still to come: meanwhile nobody is reminded (CHG-2).
    pub fn is_to_come(&self, invoice: &Invoice) -> bool {
        self.account.charges.contains_key(&invoice.id) || !self.days(invoice).is_empty()
    }

    /// Whether its late fees wait for the charge to fail (CHG-2).
    pub fn holds_fees(&self, invoice: &Invoice) -> bool {
        let is_declined = |attempt: &Attempt| matches!(attempt.outcome, ChargeOutcome::Declined(_));
        !invoice.charges.iter().any(is_declined) && self.is_to_come(invoice)
    }

    /// Whether an attempt is to be made that day on an invoice that is collected.
    pub fn is_due(&self, invoice: &Invoice, day: Day) -> bool {
        !self.account.charges.contains_key(&invoice.id)
            && self.days(invoice).first().is_some_and(|first| *first <= day)
    }

    /// Whether what was decided is still so: the same method, and no more than is owed of what is collected.
    pub fn stands(&self, charge: &Charge, invoice: &Invoice) -> bool {
        let method = self.account.chargeable_method();
        method.is_some_and(|method| method.id == charge.method)
            && invoice.dispute.is_none()
            && charge.amount.minor() <= invoice.collectable().minor()
    }
}

/// Whether another attempt may follow: after what may succeed on another day, or with another method.
fn goes_on(last: &Attempt, method: &SavedMethod) -> bool {
    match &last.outcome {
        ChargeOutcome::Declined(Decline { kind: DeclineKind::Soft, .. }) => true,
        ChargeOutcome::Declined(_) => method.id != last.method,
        ChargeOutcome::Taken { .. } | ChargeOutcome::Withdrawn | ChargeOutcome::Unclear => false,
    }
}
