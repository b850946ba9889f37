//! A page to pay on, asked for from a gateway: what it is for, and how asking can fail.
//!
//! The words of it are the gateway's neighbours': firm, client and invoices go on the page and on its
//! payment, from where they are read back and compared (PAY-2), so that one payment may settle several
//! invoices in the order named (PAY-4).

use std::fmt;
use std::str::FromStr;

use domain::id::{ClientId, FirmId, InvoiceId};
use domain::invoice::Deposit;
use domain::money::{Money, MoneyError};

use crate::{CurrencyError, GatewayError, Method, ObjectId};

/// Stripe's limit, the longest of the gateways'.
const MAX_KEY_BYTES: usize = 255;

/// Names one intention, so that asking twice does it once. Whoever asks keeps it before the first time,
/// and asks again under it only within a day: after that gateways forget it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IdempotencyKey(String);

/// A text that is no idempotency key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an idempotency key has 1 to {MAX_KEY_BYTES} visible ASCII characters")]
pub struct IdempotencyKeyError;

impl IdempotencyKey {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for IdempotencyKey {
    type Err = IdempotencyKeyError;

    fn from_str(text: &str) -> Result<Self, IdempotencyKeyError> {
        let is_key = (1..=MAX_KEY_BYTES).contains(&text.len())
            && text.bytes().all(|byte| byte.is_ascii_graphic());
        is_key.then(|| Self(text.to_owned())).ok_or(IdempotencyKeyError)
    }
}

impl fmt::Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a page is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCheckout {
    /// Our own name for it, letters, digits, `-` and `_`, at most [`crate::MAX_OURS_CHARS`]: it stands on the payment, and is all that stands
    /// there where the gateway has no room for more.
    pub ours: String,
    /// Whose page.
    pub firm: FirmId,
    /// Who pays.
    pub client: ClientId,
    /// What is paid, in the order in which it is (PAY-4); at least one, all in one currency.
    pub lines: Vec<CheckoutLine>,
    /// How it may be paid; each gateway leaves out what the currency rules out, and refuses if nothing
    /// is left.
    pub methods: Vec<Method>,
    /// Where the payer goes from there, paid or not yet cleared. Proves nothing (PAY-8). The gateway puts
    /// the page's id in place of [`CHECKOUT_ID`].
    pub success_url: String,
    /// Where the payer goes who gives up.
    pub cancel_url: String,
    /// When it ends by itself, in Unix seconds; the gateway's longest time unless said.
    pub expires_unix: Option<i64>,
    /// Which of the firm's bank accounts it goes to; gateways with one account don't ask.
    pub deposit: Option<Deposit>,
    /// The gateway's customer that the method is saved for, if the payer wants that.
    pub save_for: Option<ObjectId>,
    /// The payer's address, to spare them typing it.
    pub email: Option<String>,
}

/// In [`NewCheckout::success_url`]: the page's id goes here.
pub const CHECKOUT_ID: &str = "{CHECKOUT_SESSION_ID}";

/// One line of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckoutLine {
    /// The invoice.
    pub invoice: InvoiceId,
    /// What the payer reads: `Invoice INV-00042`.
    pub name: String,
    /// What is paid of it.
    pub amount: Money,
}

/// A page that can be paid on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCheckout {
    /// The gateway's id of it.
    pub id: ObjectId,
    /// Where the payer goes.
    pub url: String,
    /// What it asks for, as the gateway says.
    pub amount: Money,
    /// When it ends by itself, in Unix seconds.
    pub expires_unix: i64,
}

/// How a page stands after it was to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndedCheckout {
    /// Nothing was paid on it, and nothing will be.
    Expired,
    /// The payer was faster: look what came of it.
    Completed,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum CheckoutError {
    /// There is nothing to pay.
    #[error("a page to pay on needs at least one invoice with something to pay")]
    Nothing,
    /// More than one page can hold.
    #[error("{found} invoices are too many for one payment, expected at most {limit}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// The gateway's limit.
        limit: usize,
    },
    /// The ids of the invoices don't fit on the payment.
    #[error("the ids of the invoices have {found} characters together, expected at most {limit}")]
    ReferenceTooLong {
        /// How long they are.
        found: usize,
        /// What fits.
        limit: usize,
    },
    /// Two currencies in one payment, or a sum beyond what money may be.
    #[error("the invoices can't be paid together")]
    Sum(#[from] MoneyError),
    /// Less than the gateway takes at once. How much it takes depends on the bank account behind it.
    #[error("{0} is less than the gateway takes in one payment")]
    TooSmall(Money),
    /// Not an amount that the gateway can charge.
    #[error("the gateway can't charge the amount")]
    Amount(#[source] CurrencyError),
    /// None of the ways to pay that were asked for takes the currency.
    #[error("{currency} can't be paid in any of the ways asked for")]
    NoMethod {
        /// The currency.
        currency: domain::money::Currency,
    },
    /// The gateway has several bank accounts, and nobody said to which of them this goes: trust money in an
    /// operating account is a breach of a lawyer's duties.
    #[error("the gateway needs to know the deposit account, and has {0}")]
    Deposit(String),
    /// The key was used for something else: a mistake of the caller. Nothing was made.
    #[error("the idempotency key was used before for something else")]
    KeyReused,
    /// The gateway.
    #[error(transparent)]
    Gateway(#[from] GatewayError),
}

impl CheckoutError {
    /// Whether it is what was to be paid that no page can be made for; else the gateway is at fault, or we.
    pub fn is_about_what_is_paid(&self) -> bool {
        match self {
            Self::Nothing
            | Self::TooMany { .. }
            | Self::ReferenceTooLong { .. }
            | Self::Sum(_)
            | Self::TooSmall(_)
            | Self::Amount(_)
            | Self::NoMethod { .. }
            | Self::Deposit(_) => true,
            Self::KeyReused | Self::Gateway(_) => false,
        }
    }

    /// Whether asking again under the same key may succeed.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Gateway(error) if error.is_temporary())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_1_an_idempotency_key_is_text_that_a_header_can_carry() {
        for (text, is_key) in [
            ("pay/acme/bea/1", true),
            (&"k".repeat(MAX_KEY_BYTES), true),
            ("", false),
            ("a b", false),
            ("ä", false),
            ("a\nb", false),
            (&"k".repeat(MAX_KEY_BYTES + 1), false),
        ] {
            assert_eq!(text.parse::<IdempotencyKey>().is_ok(), is_key, "for {text:?}");
        }
    }
}
