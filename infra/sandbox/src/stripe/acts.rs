//! What payers, banks and the firm's own Stripe dashboard do, and what Stripe makes of it.
//!
//! Each act changes the objects as Stripe would (`payments`, `reversals`) and records the events in the
//! order in which Stripe usually sends them; that order is no promise, there or here.

use serde::{Deserialize, Serialize};

use super::book::Book;
use super::methods::{Does, Source};
use super::objects::Metadata;
use super::payments::Asked;

/// One thing that happens outside of us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// The payer enters a card on the page.
    PayByCard {
        /// The page.
        session: String,
        /// What the card does; it succeeds unless told otherwise.
        #[serde(default)]
        outcome: CardOutcome,
    },
    /// The payer lets a US bank account be debited: pending until [`Act::Settle`], [`Act::Bounce`], or
    /// four days later.
    PayByBank {
        /// The page.
        session: String,
    },
    /// Likewise, but the bank takes the debit back three days after it cleared.
    PayByBankThatReturns {
        /// The page.
        session: String,
    },
    /// A payment without a page, as from a saved method or from Stripe's dashboard.
    Take {
        /// In Stripe's unit of the currency.
        amount: u64,
        /// Lower-case.
        currency: String,
        /// What we would have written on it.
        #[serde(default)]
        metadata: Metadata,
        /// How.
        by: PayBy,
    },
    /// The bank pays a pending debit.
    Settle {
        /// The payment.
        payment: String,
    },
    /// The bank refuses a pending debit.
    Bounce {
        /// The payment.
        payment: String,
        /// Why; `insufficient_funds` unless told otherwise.
        #[serde(default = "insufficient_funds")]
        code: String,
    },
    /// The bank takes a debit back after it succeeded: a dispute that is lost from the start.
    Return {
        /// The payment.
        payment: String,
        /// Why; `insufficient_funds` unless told otherwise.
        #[serde(default = "insufficient_funds")]
        reason: String,
    },
    /// The firm gives money back: at once to a card, pending to a bank account.
    Refund {
        /// The payment.
        payment: String,
        /// All that is left unless told otherwise.
        #[serde(default)]
        amount: Option<u64>,
    },
    /// A refund arrives, or comes back.
    FinishRefund {
        /// The refund.
        refund: String,
        /// How it ends.
        outcome: RefundOutcome,
    },
    /// The payer's bank disputes a payment, or only asks about it.
    Dispute {
        /// The payment.
        payment: String,
        /// All of it unless told otherwise.
        #[serde(default)]
        amount: Option<u64>,
        /// An inquiry takes no money.
        #[serde(default)]
        is_inquiry: bool,
    },
    /// A dispute is decided.
    CloseDispute {
        /// The dispute.
        dispute: String,
        /// For whom.
        outcome: DisputeOutcome,
    },
    /// The page ends unused.
    Expire {
        /// The page.
        session: String,
    },
    /// The payer saves a method on a page for that.
    SaveMethod {
        /// The page.
        session: String,
        /// Stripe's name of a test method, such as `pm_card_visa`.
        method: String,
    },
    /// A saved method does something else from now on: its card is lost, its account closed.
    ChangeMethod {
        /// The method.
        method: String,
        /// What it does.
        does: Does,
    },
    /// Somebody removes a saved method in Stripe's dashboard.
    RemoveMethod {
        /// The method.
        method: String,
    },
}

pub(super) fn insufficient_funds() -> String {
    "insufficient_funds".to_owned()
}

/// What a card does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardOutcome {
    /// It pays.
    #[default]
    Succeeds,
    /// The issuer says no, with this code, such as `insufficient_funds` or `lost_card`.
    Declines(String),
    /// The issuer wants to see the payer first; pay again to go on.
    RequiresAction,
}

/// How a payment is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayBy {
    /// A card, which pays.
    Card,
    /// A debit of a US bank account.
    Bank,
}

impl PayBy {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Card => "card",
            Self::Bank => "us_bank_account",
        }
    }
}

/// How a refund ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOutcome {
    /// The payer has it.
    Succeeded,
    /// It came back, perhaps after it had succeeded.
    Failed,
}

/// How a dispute ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// For the firm.
    Won,
    /// For the payer.
    Lost,
    /// An inquiry that became no chargeback.
    WarningClosed,
}

/// What an act did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The payment, refund, dispute or page that it was about or made.
    pub object: String,
    /// The events that it caused, in order.
    pub events: Vec<String>,
}

/// Why an act can't be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// Nothing by that id.
    #[error("the sandbox has no {kind} {id:?}")]
    Missing {
        /// Stripe's name of the kind.
        kind: &'static str,
        /// As given.
        id: String,
    },
    /// The object is not in a state for it.
    #[error("{what}")]
    NotNow {
        /// What stands in the way.
        what: String,
        /// Stripe's word for it.
        code: &'static str,
    },
}

impl ActError {
    pub(super) fn not_now(what: impl Into<String>) -> Self {
        Self::refused("unexpected_state", what)
    }

    pub(super) fn refused(code: &'static str, what: impl Into<String>) -> Self {
        Self::NotNow { what: what.into(), code }
    }
}

impl Book {
    pub(super) fn act(&mut self, act: Act, now: i64) -> Result<Done, ActError> {
        self.expire_due(now);
        match act {
            Act::PayByCard { session, outcome } => self.pay(&session, PayBy::Card, &outcome, now),
            Act::PayByBank { session } => {
                self.pay(&session, PayBy::Bank, &CardOutcome::Succeeds, now)
            }
            Act::PayByBankThatReturns { session } => {
                let source = Source::entered(PayBy::Bank, &CardOutcome::Succeeds);
                let does = Does::Returns(insufficient_funds());
                self.pay_with(&session, &Source { does, ..source }, now)
            }
            Act::Take { amount, currency, metadata, by } => {
                let asked = Asked { amount, currency, metadata, ..Asked::default() };
                self.take(asked, &Source::entered(by, &CardOutcome::Succeeds), now)
            }
            Act::Settle { payment } => self.settle(&payment, now),
            Act::Bounce { payment, code } => self.bounce(&payment, &code, now),
            Act::Return { payment, reason } => self.take_back(&payment, &reason, now),
            Act::Refund { payment, amount } => {
                let charge = self.paid_charge(&payment)?.id.clone();
                self.refund(&charge, amount, None, Metadata::new(), now)
            }
            Act::FinishRefund { refund, outcome } => self.finish_refund(&refund, outcome, now),
            Act::Dispute { payment, amount, is_inquiry } => {
                self.open_dispute(&payment, amount, is_inquiry, now)
            }
            Act::CloseDispute { dispute, outcome } => self.close_dispute(&dispute, outcome, now),
            Act::Expire { session } => self.expire(&session, now),
            Act::SaveMethod { session, method } => self.save_on(&session, &method, now),
            Act::ChangeMethod { method, does } => self.change_method(&method, does),
            Act::RemoveMethod { method } => self.detach(&method, now),
        }
    }
}
