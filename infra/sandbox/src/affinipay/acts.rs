//! What payers, banks and the firm itself do at AffiniPay.

use domain::invoice::Deposit;
use gateways::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ACCOUNTS;
use super::book::Book;
use super::instruments::{PayWith, Token};
use super::transactions::NewCharge;

/// One thing that happens outside of us.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case", deny_unknown_fields)]
pub enum Act {
    /// A payer pays on a page.
    Pay {
        /// Which page: that of the firm's own money, or that of its clients'.
        deposit: Deposit,
        /// On the live side.
        #[serde(default)]
        is_live: bool,
        /// In cents, as the payer left it.
        amount: u64,
        /// As the payer left it.
        #[serde(default)]
        reference: Option<String>,
        /// What with.
        with: PayWith,
    },
    /// A payer's browser gets a token for a number, from the gateway's own form.
    Tokenize {
        /// On the live side.
        #[serde(default)]
        is_live: bool,
        /// For what.
        with: PayWith,
    },
    /// A charge is captured or clears before its day.
    Complete {
        /// Which.
        transaction: String,
    },
    /// The bank says no, also after it said yes.
    Fail {
        /// Which.
        transaction: String,
        /// Why.
        code: String,
    },
    /// The firm voids it there.
    Void {
        /// Which.
        transaction: String,
    },
    /// The firm gives money back there.
    Refund {
        /// The charge.
        transaction: String,
        /// All that is left unless told otherwise.
        #[serde(default)]
        amount: Option<u64>,
    },
}

/// What an act did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// The transaction or token that it was about or made.
    pub object: String,
    /// The events that it caused, in order.
    pub events: Vec<String>,
}

/// Why an act can't be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ActError {
    /// Nothing by that id.
    #[error("the sandbox has no {id:?}")]
    Missing {
        /// As given.
        id: String,
    },
    /// The object is not in a state for it, or the payer's method was declined.
    #[error("the gateway refuses this: {code}")]
    Refused {
        /// The gateway's word for it.
        code: String,
    },
}

impl ActError {
    pub(super) fn refused(code: &str) -> Self {
        Self::Refused { code: code.to_owned() }
    }
}

/// The account of that money that the method pays into.
pub(super) fn account(deposit: Deposit, with: &PayWith) -> &'static str {
    let method = if with.is_bank() { Method::Ach } else { Method::Card };
    let found = ACCOUNTS.iter().find(|(_, of, by)| *of == deposit && *by == method);
    found.map_or("", |(id, ..)| id)
}

impl Book {
    pub(super) fn act(&mut self, act: Act, now: i64) -> Result<Done, ActError> {
        self.catch_up(now);
        match act {
            Act::Pay { deposit, is_live, amount, reference, with } => {
                let account_id = account(deposit, &with).to_owned();
                let data = Value::Null;
                let new = NewCharge { is_live, account_id, amount, reference, data, with };
                // A declined payment stays on the book: the act is done.
                Ok(self.charge(new, now).0)
            }
            Act::Tokenize { is_live, with } => {
                let id = self.new_id("tok");
                self.tokens.insert(id.clone(), Token { is_live, with });
                Ok(Done { object: id, events: vec![] })
            }
            Act::Complete { transaction } => {
                if self.transaction(&transaction)?.status != "AUTHORIZED" {
                    return Err(ActError::refused("not_valid_for_transaction_status"));
                }
                let events = vec![self.turn(&transaction, "COMPLETED", None, now)];
                Ok(Done { object: transaction, events })
            }
            Act::Fail { transaction, code } => {
                if !self.transaction(&transaction)?.is_alive() {
                    return Err(ActError::refused("not_valid_for_transaction_status"));
                }
                let events = vec![self.turn(&transaction, "FAILED", Some(&code), now)];
                Ok(Done { object: transaction, events })
            }
            Act::Void { transaction } => self.void(&transaction, None, now),
            Act::Refund { transaction, amount } => {
                self.refund(&transaction, amount, (None, Value::Null), now)
            }
        }
    }
}
