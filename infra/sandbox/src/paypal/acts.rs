//! What payers, banks and PayPal's own staff do.

use domain::calendar::Day;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::book::{Book, Pays};
use super::problem::Problem;

/// One thing that happens outside of us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// The payer approves an order on PayPal's page; nothing is taken yet.
    Approve {
        /// The order.
        order: String,
        /// What their way to pay will do.
        #[serde(default)]
        pays: Pays,
    },
    /// PayPal gives an approval back, or ends an order.
    Void {
        /// The order.
        order: String,
    },
    /// The payer agrees to save their PayPal account.
    ApproveSaving {
        /// The page.
        page: String,
        /// What it will do when it is charged.
        #[serde(default)]
        pays: Pays,
    },
    /// A pending payment succeeds.
    Settle {
        /// The payment.
        payment: String,
    },
    /// A pending payment fails.
    Deny {
        /// The payment.
        payment: String,
    },
    /// The firm gives money back: at once to a PayPal account, pending to a bank account.
    Refund {
        /// The payment.
        payment: String,
        /// PayPal's amount; all that is left unless told otherwise.
        #[serde(default)]
        amount: Option<Value>,
    },
    /// A pending refund arrives, or fails.
    FinishRefund {
        /// The refund.
        refund: String,
        /// Whether it arrives.
        is_good: bool,
    },
    /// The payer disputes a payment, or only asks about it.
    Dispute {
        /// The payment.
        payment: String,
        /// PayPal's amount; all of it unless told otherwise.
        #[serde(default)]
        amount: Option<Value>,
        /// An inquiry takes no money.
        #[serde(default)]
        is_inquiry: bool,
    },
    /// An inquiry becomes a claim.
    Escalate {
        /// The dispute.
        dispute: String,
    },
    /// A dispute is decided.
    CloseDispute {
        /// The dispute.
        dispute: String,
        /// PayPal's code, such as `RESOLVED_BUYER_FAVOUR`.
        outcome: String,
    },
    /// The firm's day is this one now: banks do what is due by it.
    Day {
        /// The day that begins.
        day: Day,
    },
}

/// What an act did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The object that it was about or made.
    pub object: String,
    /// The events that it caused, in order.
    pub events: Vec<String>,
}

/// Why an act can't be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// Nothing by that id.
    #[error("the sandbox has no such object")]
    Missing,
    /// The object is not in a state for it.
    #[error("not as it stands: {0}")]
    NotNow(&'static str),
}

impl From<Problem> for ActError {
    fn from(problem: Problem) -> Self {
        match problem {
            Problem { status: axum::http::StatusCode::NOT_FOUND, .. } => Self::Missing,
            Problem { issue, .. } => Self::NotNow(issue),
        }
    }
}

impl Book {
    pub(super) fn act(&mut self, act: Act, now: i64) -> Result<Done, ActError> {
        self.go_on(now);
        let told = self.outbox.0.len();
        let pending = |is_done: bool| is_done.then_some(()).ok_or(ActError::NotNow("NOT_PENDING"));
        let object = match act {
            Act::Approve { order, pays } => self.approve(&order, pays, now).map(|()| order)?,
            Act::Void { order } => {
                self.orders.get(&order).ok_or(ActError::Missing)?;
                self.void(&order, now);
                order
            }
            Act::ApproveSaving { page, pays } => self.approve_setup(&page, pays).map(|()| page)?,
            Act::Settle { payment } => {
                pending(self.decide(&payment, true, now)).map(|()| payment)?
            }
            Act::Deny { payment } => {
                pending(self.decide(&payment, false, now)).map(|()| payment)?
            }
            Act::Refund { payment, amount } => self.refund(&payment, amount.as_ref(), None, now)?,
            Act::FinishRefund { refund, is_good } => {
                pending(self.finish_refund(&refund, is_good, now)).map(|()| refund)?
            }
            Act::Dispute { payment, amount, is_inquiry } => {
                self.open_dispute(&payment, amount.as_ref(), is_inquiry, now)?
            }
            Act::Escalate { dispute } => self.escalate(&dispute, now).map(|()| dispute)?,
            Act::CloseDispute { dispute, outcome } => {
                self.close_dispute(&dispute, &outcome, now).map(|()| dispute)?
            }
            Act::Day { day } => {
                self.day = self.day.max(Some(day));
                self.go_on(now);
                day.to_string()
            }
        };
        let events = self.outbox.0.iter().skip(told).map(|news| news.event.clone()).collect();
        Ok(Done { object, events })
    }
}
