//! What payment gateways say, turned into facts.
//!
//! A webhook is a hint (PAY-2): its authenticity is checked over the raw bytes, then the object that
//! it names is read back from the gateway with the firm's own key, and only that answer says how much
//! was paid, in what state, and for what. Whoever asks gets [`PaymentFacts`], the same whichever
//! event of a payment came first. What to do about them is decided elsewhere: nothing here knows an
//! invoice's balance.
//!
//! Each gateway is a module with the same parts: `signature` (is it theirs), `webhook` (what does it
//! point to), and an implementation of [`Gateway`]: what is true, and a page to pay on.

mod checkout;
mod compare;
mod error;
mod facts;
mod hint;
mod reference;
mod secret;
pub mod stripe;
mod transport;

pub use checkout::{
    CHECKOUT_ID, CheckoutError, CheckoutLine, EndedCheckout, IdempotencyKey, IdempotencyKeyError,
    NewCheckout, OpenCheckout,
};
pub use compare::{Difference, Expected, Field, Mismatch, compare, compare_event};
pub use error::{ConfigError, CurrencyError, GatewayError};
pub use facts::{
    Checkout, Dispute, DisputeState, Method, Mode, NoPayment, PaymentFacts, PaymentState, ReadBack,
    Refund, RefundState,
};
pub use hint::{Claim, Hint, ObjectId, ObjectIdError, WebhookEvent};
pub use reference::{Reference, ReferenceProblem};
pub use secret::Secret;
pub use transport::{Timeouts, Transport};

/// A payment gateway, as one firm's account there.
#[async_trait::async_trait]
pub trait Gateway: Send + Sync {
    /// The gateway's name in routes, keys and logs: `stripe`.
    fn name(&self) -> &'static str;

    /// What the gateway itself says about the payment that a hint leads to (PAY-2), with all its
    /// refunds and disputes, so that every hint about one payment ends in the same facts.
    ///
    /// # Errors
    /// See [`GatewayError`]: its variants are what the caller can do about it.
    async fn read_back(&self, hint: &Hint) -> Result<ReadBack, GatewayError>;

    /// Makes a page to pay on, once for each key: the same key again gives the same page, also after its
    /// answer was lost.
    ///
    /// # Errors
    /// [`CheckoutError`]; no page was made then, unless it [is temporary](CheckoutError::is_temporary):
    /// ask again under the same key.
    async fn create_checkout(
        &self,
        new: &NewCheckout,
        key: &IdempotencyKey,
    ) -> Result<OpenCheckout, CheckoutError>;

    /// Ends a page early, so that nobody pays on it any more. One that was paid on, or has ended, is no
    /// error: the answer says which.
    ///
    /// # Errors
    /// [`CheckoutError`]; the page may then be open still.
    async fn expire_checkout(
        &self,
        id: &ObjectId,
        key: &IdempotencyKey,
    ) -> Result<EndedCheckout, CheckoutError>;
}
