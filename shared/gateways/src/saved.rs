//! Saved methods of payment, and charging them while the payer is away (CHG-1).
//!
//! A gateway's customer holds methods; which one is charged by default is kept here and not there, for
//! two of the gateways know no default, and a method that is charged must be the one that the client chose.

use domain::id::{ClientId, FirmId};
use domain::invoice::Deposit;
use domain::money::Money;

use crate::{CheckoutError, CheckoutLine, CurrencyError, GatewayError, Method, ObjectId};

/// What a gateway may be able to do besides taking payments on its page. Pages and policies ask before
/// they offer it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Ability {
    /// A page on which a method is saved, and nothing paid.
    SavePage,
    /// A method is saved while it is paid with ([`crate::NewCheckout::save_for`]).
    SaveWhilePaying,
    /// A method is saved from a token that the gateway's own form gave to a browser.
    SaveToken,
    /// A saved method is charged while the payer is away.
    ChargeSaved,
    /// A payment is given back.
    Refund,
    /// A page to pay on is ended early.
    EndCheckout,
    /// What it told by webhooks can be asked for again.
    ListEvents,
    /// Its payments can be listed, for what was never told.
    ListPayments,
    /// It tells of disputes and bank returns.
    Disputes,
    /// It does nothing twice under one key, for as long as that lives.
    IdempotencyKeys,
}

/// Who pays, as the gateway is to know them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCustomer {
    /// Whose client.
    pub firm: FirmId,
    /// The client.
    pub client: ClientId,
    /// The name that the firm's bookkeepers find them by at the gateway.
    pub name: Option<String>,
    /// Where the gateway writes to.
    pub email: Option<String>,
}

/// A page to save a method on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSavePage {
    /// Our own name for it, letters, digits, `-` and `_`, at most [`crate::MAX_OURS_CHARS`]: it stands on what comes of it.
    pub ours: String,
    /// Whose page.
    pub firm: FirmId,
    /// Who saves.
    pub client: ClientId,
    /// As [`crate::Gateway::create_customer`] answered.
    pub customer: ObjectId,
    /// Which kinds of methods.
    pub methods: Vec<Method>,
    /// Where the payer goes from there. Proves nothing (PAY-8).
    pub success_url: String,
    /// Where the payer goes who gives up.
    pub cancel_url: String,
}

/// A page that a method can be saved on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavePage {
    /// The gateway's id of it.
    pub id: ObjectId,
    /// Where the payer goes.
    pub url: String,
}

/// A method that can be charged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedMethod {
    /// The gateway's id.
    pub id: ObjectId,
    /// Whose, at the gateway.
    pub customer: ObjectId,
    /// Card or bank account.
    pub method: Method,
    /// What the payer knows it by: `Visa ending in 4242`. Never more of a number than its last four digits.
    pub label: String,
    /// The last month in which a card is good: year and month.
    pub expires: Option<(u16, u8)>,
}

/// When something was first asked for, and when it is asked for now, both in Unix seconds: whether a key
/// still protects, and whether to look first, follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tried {
    /// The first time; none: never before.
    pub first_unix: Option<i64>,
    /// Now.
    pub now_unix: i64,
}

impl Tried {
    /// Whether the answer of an earlier try may lie with the gateway where its key doesn't protect any more.
    pub fn must_look_first(self, key_lives_seconds: Option<i64>) -> bool {
        let Some(first) = self.first_unix else { return false };
        key_lives_seconds.is_none_or(|lives| first.saturating_add(lives) <= self.now_unix)
    }
}

/// A charge of a saved method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCharge {
    /// Our own name for this attempt, letters, digits, `-` and `_`, at most [`crate::MAX_OURS_CHARS`]: it stands on the payment, and is what a
    /// gateway without keys is asked for before it is charged again.
    pub ours: String,
    /// Whose charge.
    pub firm: FirmId,
    /// Who pays.
    pub client: ClientId,
    /// As saved.
    pub customer: ObjectId,
    /// As saved.
    pub saved: ObjectId,
    /// The method's kind, as saved.
    pub method: Method,
    /// What is paid (PAY-4).
    pub lines: Vec<CheckoutLine>,
    /// Which of the firm's bank accounts it goes to.
    pub deposit: Option<Deposit>,
    /// A payment of an earlier attempt that was declined and can be tried again, so that there is one payment
    /// however many attempts.
    pub again: Option<ObjectId>,
}

/// How a charge ended, as far as the answer says; what is true is read back all the same (PAY-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Charged {
    /// Taken, or on its way: this payment is to be read back.
    Taken(ObjectId),
    /// Nothing was taken.
    Declined(Decline),
}

/// A charge that took nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decline {
    /// The gateway's or the bank's code, such as `insufficient_funds`.
    pub code: String,
    /// What can be done about it.
    pub kind: DeclineKind,
    /// The payment that stays behind, if the gateway made one.
    pub payment: Option<ObjectId>,
}

/// What can be done about a decline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeclineKind {
    /// The same may succeed on another day.
    Soft,
    /// This method will not be charged again: stolen, closed, revoked.
    Hard,
    /// The payer has to confirm: a link, no retry.
    NeedsPayer,
}

/// Why there is neither a charge nor a decline.
#[derive(Debug, thiserror::Error)]
pub enum ChargeError {
    /// There is nothing to charge, or it can't be charged together.
    #[error(transparent)]
    What(#[from] CheckoutError),
    /// The gateway, the answer of which may be lost: ask again with the same name and key.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

/// Money to give back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewRefund {
    /// Our own name for it, letters, digits, `-` and `_`, at most [`crate::MAX_OURS_CHARS`].
    pub ours: String,
    /// The payment, as the gateway names it.
    pub payment: ObjectId,
    /// How much of it.
    pub amount: Money,
    /// For the firm's own books.
    pub reason: Option<String>,
}

/// Why nothing was given back.
#[derive(Debug, thiserror::Error)]
pub enum RefundError {
    /// More than there is left of the payment, or nothing.
    #[error("{amount} can't be given back of this payment ({code})")]
    Amount {
        /// What was asked for.
        amount: Money,
        /// The gateway's code for it.
        code: String,
    },
    /// Not now: it has not cleared yet, or is disputed.
    #[error("the payment can't be given back as it stands ({0})")]
    NotNow(String),
    /// Not an amount that the gateway knows.
    #[error("the gateway can't give back the amount")]
    Money(#[from] CurrencyError),
    /// The key was used for something else.
    #[error("the idempotency key was used before for something else")]
    KeyReused,
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

/// A part of a list, and how to go on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// In the gateway's order.
    pub items: Vec<T>,
    /// What to ask for next; none: that was all.
    pub next: Option<String>,
}

/// A stretch of time, in Unix seconds, both ends in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// From.
    pub from_unix: i64,
    /// To.
    pub to_unix: i64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_1_where_a_key_may_be_dead_the_gateway_is_asked_first() {
        for (first_unix, lives, expected) in [
            (None, None, false),
            (None, Some(10), false),
            (Some(100), None, true),
            (Some(100), Some(10), true),
            (Some(101), Some(10), false),
        ] {
            let tried = Tried { first_unix, now_unix: 110 };
            assert_eq!(tried.must_look_first(lives), expected, "for {first_unix:?}, {lives:?}");
        }
    }
}
