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

pub mod affinipay;
mod checkout;
mod compare;
mod connect;
mod error;
mod facts;
mod hint;
pub mod paypal;
mod receive;
mod reference;
mod saved;
mod secret;
pub mod square;
pub mod stripe;
mod transport;

pub use checkout::{
    CHECKOUT_ID, CheckoutError, CheckoutLine, EndedCheckout, IdempotencyKey, IdempotencyKeyError,
    NewCheckout, OpenCheckout,
};
pub use compare::{Difference, Expected, Field, Mismatch, compare, compare_event};
pub use connect::{Credentials, CredentialsError, GatewayName, NameError, Part, Reach, connect};
pub use error::{ConfigError, CurrencyError, GatewayError};
pub use facts::{
    Checkout, Dispute, DisputeState, Method, Mode, NoPayment, PaymentFacts, PaymentState, ReadBack,
    Refund, RefundState,
};
pub use hint::{Claim, Hint, ObjectId, ObjectIdError, WebhookEvent};
pub use receive::{Incoming, ReceiveError};
pub use reference::{MAX_OURS_CHARS, Reference, ReferenceProblem, Room};
pub use saved::{
    Ability, ChargeError, Charged, Decline, DeclineKind, NewCharge, NewCustomer, NewRefund,
    NewSavePage, Page, RefundError, SavePage, SavedMethod, Span, Tried,
};
pub use secret::Secret;
pub use transport::{Timeouts, Transport};

/// A payment gateway, as one firm's account there.
#[async_trait::async_trait]
pub trait Gateway: Send + Sync {
    /// The gateway's name in routes, keys and logs: `stripe`.
    fn name(&self) -> &'static str;

    /// What it can do besides. Anything else answers [`GatewayError::CannotDo`].
    fn abilities(&self) -> &'static [Ability];

    /// Checks a delivery and says what it points to. Gateways that don't sign are asked.
    ///
    /// # Errors
    /// [`ReceiveError`].
    async fn receive(&self, incoming: Incoming<'_>) -> Result<WebhookEvent, ReceiveError>;

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

    /// Makes the client known to the gateway, once for each key.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn create_customer(
        &self,
        _new: &NewCustomer,
        _key: &IdempotencyKey,
    ) -> Result<ObjectId, GatewayError> {
        Err(GatewayError::CannotDo(Ability::ChargeSaved))
    }

    /// Makes a page to save a method on, once for each key.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn create_save_page(
        &self,
        _new: &NewSavePage,
        _key: &IdempotencyKey,
    ) -> Result<SavePage, GatewayError> {
        Err(GatewayError::CannotDo(Ability::SavePage))
    }

    /// What was saved on a page; none: nothing yet.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn saved_on(&self, _page: &ObjectId) -> Result<Option<SavedMethod>, GatewayError> {
        Err(GatewayError::CannotDo(Ability::SavePage))
    }

    /// The method that a payment was made with, if it was saved with it; once for each key.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn saved_with(
        &self,
        _payment: &ObjectId,
        _customer: &ObjectId,
        _key: &IdempotencyKey,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        Err(GatewayError::CannotDo(Ability::SaveWhilePaying))
    }

    /// Saves what the gateway's own form gave to the payer's browser, once for each key.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn save_token(
        &self,
        _customer: &ObjectId,
        _token: &str,
        _key: &IdempotencyKey,
    ) -> Result<SavedMethod, GatewayError> {
        Err(GatewayError::CannotDo(Ability::SaveToken))
    }

    /// All methods of a customer that can be charged.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn saved_methods(&self, _customer: &ObjectId) -> Result<Vec<SavedMethod>, GatewayError> {
        Err(GatewayError::CannotDo(Ability::ChargeSaved))
    }

    /// Removes a method, so that it is never charged again. One that is gone is no error.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn remove_method(&self, _method: &SavedMethod) -> Result<(), GatewayError> {
        Err(GatewayError::CannotDo(Ability::ChargeSaved))
    }

    /// Charges a saved method, once for each name: asked again with the same, it does nothing a second time,
    /// also after its answer was lost, and also when the gateway's key is dead by then or there never was one.
    ///
    /// # Errors
    /// [`ChargeError`]; a decline is no error.
    async fn charge(
        &self,
        _new: &NewCharge,
        _key: &IdempotencyKey,
        _tried: Tried,
    ) -> Result<Charged, ChargeError> {
        Err(GatewayError::CannotDo(Ability::ChargeSaved).into())
    }

    /// Gives a payment back, or a part of it, once for each name, as [`Self::charge`].
    ///
    /// # Errors
    /// [`RefundError`].
    async fn refund(
        &self,
        _new: &NewRefund,
        _key: &IdempotencyKey,
        _tried: Tried,
    ) -> Result<Refund, RefundError> {
        Err(GatewayError::CannotDo(Ability::Refund).into())
    }

    /// What was told, or should have been, oldest first where the gateway can.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn events(
        &self,
        _span: Span,
        _next: Option<&str>,
    ) -> Result<Page<WebhookEvent>, GatewayError> {
        Err(GatewayError::CannotDo(Ability::ListEvents))
    }

    /// All payments made in a stretch of time, also those that are not ours; each is to be read back.
    ///
    /// # Errors
    /// [`GatewayError`].
    async fn payments(
        &self,
        _span: Span,
        _next: Option<&str>,
    ) -> Result<Page<ObjectId>, GatewayError> {
        Err(GatewayError::CannotDo(Ability::ListPayments))
    }
}
