//! What payers, banks and the firm's own Square dashboard do, and what Square makes of it.
//!
//! Each act changes the objects as Square would (`payments`, `reversals`) and records the events in the order in
//! which Square usually sends them; that order is no promise, there or here.

use serde::{Deserialize, Serialize};

use super::SANDBOX_LOCATION;
use super::book::Book;
use super::payments::{Sale, Source};

/// One thing that happens outside of us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// The payer enters a card on a link's page.
    PayByCard {
        /// The link.
        link: String,
        /// What the card does; it pays unless told otherwise.
        #[serde(default)]
        outcome: CardOutcome,
        /// What the payer adds, where a dashboard allowed it.
        #[serde(default)]
        tip: u64,
    },
    /// The payer lets a US bank account be debited: pending until [`Act::Settle`], [`Act::Bounce`], or three
    /// business days later.
    PayByBank {
        /// The link.
        link: String,
    },
    /// Likewise, but the bank takes the debit back three business days after it cleared.
    PayByBankThatReturns {
        /// The link.
        link: String,
    },
    /// A sale of another Square product, such as the card reader on the counter.
    Sell {
        /// In the currency's smallest unit.
        amount: u64,
        /// In capitals.
        currency: String,
        /// How.
        by: PayBy,
        /// Where; [`SANDBOX_LOCATION`] unless told otherwise.
        #[serde(default = "sandbox_location")]
        location: String,
        /// What the seller wrote on it.
        #[serde(default)]
        reference: Option<String>,
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
        /// Why; `INSUFFICIENT_FUNDS` unless told otherwise.
        #[serde(default = "insufficient_funds")]
        code: String,
    },
    /// The bank takes a debit back after it completed: a dispute that nobody can challenge.
    Return {
        /// The payment.
        payment: String,
    },
    /// The firm gives money back from its dashboard; it is on its way until the next day, or
    /// [`Act::FinishRefund`].
    Refund {
        /// The payment.
        payment: String,
        /// All that is left unless told otherwise.
        #[serde(default)]
        amount: Option<u64>,
    },
    /// A refund arrives, or doesn't.
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
    /// What a card on file does from now on.
    SetCard {
        /// The card.
        card: String,
        /// What it does.
        outcome: CardOutcome,
    },
    /// The firm deletes a link in its dashboard.
    DeleteLink {
        /// The link.
        link: String,
    },
}

fn insufficient_funds() -> String {
    "INSUFFICIENT_FUNDS".to_owned()
}

fn sandbox_location() -> String {
    SANDBOX_LOCATION.to_owned()
}

/// What a card does.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CardOutcome {
    /// It pays.
    #[default]
    Pays,
    /// The issuer says no, with this code, such as `INSUFFICIENT_FUNDS` or `CARD_EXPIRED`.
    Declines(String),
}

/// How a sale is paid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PayBy {
    /// A card, which pays.
    Card,
    /// A debit of a US bank account.
    Bank,
}

/// How a refund ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefundOutcome {
    /// The payer has it.
    Completed,
    /// Square does not do it.
    Rejected,
    /// It came back, perhaps after it had completed.
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
    /// The firm gave in.
    Accepted,
    /// An inquiry that became no chargeback.
    InquiryClosed,
}

/// What an act did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The payment, refund, dispute, card or link that it was about or made.
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
        /// Square's name of the kind.
        kind: &'static str,
        /// As given.
        id: String,
    },
    /// The object is not in a state for it.
    #[error("{what}")]
    NotNow {
        /// What stands in the way.
        what: String,
        /// Square's word for it.
        code: &'static str,
    },
}

impl ActError {
    pub(super) fn not_now(what: impl Into<String>) -> Self {
        Self::refused("BAD_REQUEST", what)
    }

    pub(super) fn refused(code: &'static str, what: impl Into<String>) -> Self {
        Self::NotNow { what: what.into(), code }
    }
}

impl Book {
    pub(super) fn act(&mut self, act: Act, now: i64) -> Result<Done, ActError> {
        match act {
            Act::PayByCard { link, outcome, tip } => {
                self.pay_link(&link, &Source::card(outcome), tip, now)
            }
            Act::PayByBank { link } => self.pay_link(&link, &Source::Bank, 0, now),
            Act::PayByBankThatReturns { link } => {
                let done = self.pay_link(&link, &Source::Bank, 0, now)?;
                self.expect_debit(&done.object, true, now);
                Ok(done)
            }
            Act::Sell { amount, currency, by, location, reference } => {
                let source = match by {
                    PayBy::Card => Source::card(CardOutcome::Pays),
                    PayBy::Bank => Source::Bank,
                };
                let sale = Sale { location, amount, currency, reference, ..Sale::default() };
                self.sell(sale, &source, now)
            }
            Act::Settle { payment } => self.settle(&payment, now),
            Act::Bounce { payment, code } => self.bounce(&payment, &code, now),
            Act::Return { payment } => self.take_back(&payment, now),
            Act::Refund { payment, amount } => self.refund(&payment, amount, None, now),
            Act::FinishRefund { refund, outcome } => self.finish_refund(&refund, outcome, now),
            Act::Dispute { payment, amount, is_inquiry } => {
                self.open_dispute(&payment, amount, is_inquiry, now)
            }
            Act::CloseDispute { dispute, outcome } => self.close_dispute(&dispute, outcome, now),
            Act::SetCard { card, outcome } => {
                super::book::find(&self.cards, "card", &card)?;
                self.card_outcomes.insert(card.clone(), outcome);
                Ok(Done { object: card, events: vec![] })
            }
            Act::DeleteLink { link } => {
                self.delete_link(&link, now)?;
                Ok(Done { object: link, events: vec![] })
            }
        }
    }
}
