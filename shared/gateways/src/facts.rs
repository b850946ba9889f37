//! One vocabulary for what gateways say about a payment.
//!
//! Amounts are [`Money`]: each gateway's own idea of decimals is converted at the edge. States are
//! those that a decision needs; ranking and applying them once is the ledger's business (PAY-1, PAY-3).

use std::fmt;

use domain::id::{ChargebackId, PaymentId, RefundId};
use domain::money::Money;
use serde::{Deserialize, Serialize};

use crate::{ObjectId, Reference};

/// Whether money moved: live and test data never mix (TEST-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Real money.
    Live,
    /// The gateway's test mode, or the sandbox.
    Test,
}

impl Mode {
    /// As gateways say it.
    pub fn from_livemode(livemode: bool) -> Self {
        if livemode { Self::Live } else { Self::Test }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Live => "live",
            Self::Test => "test",
        })
    }
}

/// What a hint led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadBack {
    /// A payment, in whatever state.
    Payment(Box<PaymentFacts>),
    /// Nothing that could be applied: acknowledge.
    NoPayment(NoPayment),
}

/// Why there is no payment behind a hint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoPayment {
    /// The payer has not tried yet.
    NotYet,
    /// The page to pay on ended unused.
    Expired,
    /// There was nothing to pay, which is not a payment.
    NothingToPay,
    /// A page to save a method or to subscribe, or money that moved outside of payments.
    OtherPurpose,
}

/// What the gateway says about one payment: read back, not told by a webhook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentFacts {
    /// The gateway's id of the money: one payment, however many events and attempts it has (PAY-1).
    pub payment: PaymentId,
    /// What was received, once it succeeded; what was asked for, before.
    pub amount: Money,
    /// How far it got; what happened afterwards is in `refunds` and `disputes`.
    pub state: PaymentState,
    /// Live or test.
    pub mode: Mode,
    /// The connected account that it was read from; none for the key's own.
    pub account: Option<String>,
    /// What we wrote on it when we asked for it.
    pub reference: Reference,
    /// How it was paid; none before the first attempt.
    pub method: Option<Method>,
    /// The last attempt to take it.
    pub charge: Option<ObjectId>,
    /// The page that it was paid on, if that was read.
    pub checkout: Option<Checkout>,
    /// When the last attempt was made, or else the payment opened, in Unix seconds.
    pub occurred_unix: i64,
    /// Oldest first; each applies by its own amount, once (PAY-5).
    pub refunds: Vec<Refund>,
    /// Oldest first.
    pub disputes: Vec<Dispute>,
}

/// How far a payment got.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentState {
    /// Nothing was tried yet.
    Open,
    /// The payer must confirm with their bank.
    RequiresAction,
    /// Authorised and held; not paid until it is captured.
    Held,
    /// On its way: a bank debit takes days.
    Pending,
    /// The last attempt failed; another one on the same payment may yet succeed.
    Failed {
        /// The gateway's or the bank's code, such as `insufficient_funds`.
        code: Option<String>,
    },
    /// Given up.
    Canceled,
    /// Paid.
    Succeeded,
}

/// How it was paid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// A card, wallets among them.
    Card,
    /// A debit of a US bank account: pending for days, and can be returned after it succeeded.
    Ach,
    /// Another of the gateway's methods, by the gateway's name.
    Other(String),
}

/// The page that a payment was made on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkout {
    /// Its id.
    pub id: ObjectId,
    /// What it asked for.
    pub amount: Option<Money>,
}

/// Money that the firm gave back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// The gateway's id: each is applied once.
    pub id: RefundId,
    /// Its own amount, not the sum so far.
    pub amount: Money,
    /// How far it got.
    pub state: RefundState,
    /// When it was made, in Unix seconds.
    pub created_unix: i64,
}

/// How far a refund got; only one that succeeded takes money off the payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundState {
    /// On its way, or waiting for the payer's details.
    Pending,
    /// Given back.
    Succeeded,
    /// It came back, perhaps after it had succeeded: the money is with the firm again.
    Failed,
    /// Called off.
    Canceled,
}

/// Money that the payer's bank takes back, or asks about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The gateway's id.
    pub id: ChargebackId,
    /// What is disputed: a part, or even another rounding, of what was paid.
    pub amount: Money,
    /// Where it stands.
    pub state: DisputeState,
    /// A bank debit that was returned after it had succeeded: final, nothing to contest, and the
    /// mandate is void (PAY-3 `returned`).
    pub is_ach_return: bool,
    /// The gateway's word for why, such as `insufficient_funds`.
    pub reason: Option<String>,
    /// When it was opened, in Unix seconds.
    pub created_unix: i64,
}

/// Where a dispute stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeState {
    /// An inquiry: notice only, no money moved, open or closed.
    Notice,
    /// The money is taken until it is decided.
    Opened,
    /// Decided for the firm: the money is back.
    Won,
    /// Decided for the payer.
    Lost,
    /// Settled with the payer before it became a chargeback: the money is gone, without a fee.
    Prevented,
}
