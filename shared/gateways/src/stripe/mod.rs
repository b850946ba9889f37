//! Stripe: Checkout and PaymentIntents, cards and US bank debits.
//!
//! The money key is the PaymentIntent: a session, its charges, refunds and disputes all lead to it.
//! The structs hold the few fields that a decision needs and ignore the rest, so that a field that
//! Stripe adds, or an event in an older version's shape, breaks nothing.

mod call;
mod charge;
mod checkout;
pub mod currency;
mod decline;
mod facts;
mod lists;
mod objects;
mod read_back;
mod refund;
mod save;
pub mod signature;
pub mod webhook;

use reqwest::header::{HeaderMap, HeaderValue};

use self::signature::SignatureError;
use self::webhook::WebhookError;
use crate::{
    Ability, ChargeError, Charged, CheckoutError, ConfigError, EndedCheckout, Gateway,
    GatewayError, Hint, IdempotencyKey, Incoming, Mode, NewCharge, NewCheckout, NewCustomer,
    NewRefund, NewSavePage, ObjectId, OpenCheckout, Page, ReadBack, ReceiveError, Refund,
    RefundError, SavePage, SavedMethod, Secret, Span, Transport, Tried, WebhookEvent,
};

/// The gateway's name in routes, keys and logs.
pub const NAME: &str = "stripe";

/// Where the real one is.
pub const BASE_URL: &str = "https://api.stripe.com";

/// The API version that each request asks for: the shapes in `objects` are this version's.
pub const API_VERSION: &str = "2026-09-30.endive";

/// The events to subscribe an endpoint to: all that can change what a client owes.
pub const EVENT_KINDS: [&str; 22] = [
    "charge.dispute.closed",
    "charge.dispute.created",
    "charge.dispute.funds_reinstated",
    "charge.dispute.funds_withdrawn",
    "charge.dispute.updated",
    "charge.failed",
    "charge.pending",
    "charge.refunded",
    "charge.succeeded",
    "checkout.session.async_payment_failed",
    "checkout.session.async_payment_succeeded",
    "checkout.session.completed",
    "checkout.session.expired",
    "payment_intent.canceled",
    "payment_intent.payment_failed",
    "payment_intent.processing",
    "payment_intent.requires_action",
    "payment_intent.succeeded",
    "payment_intent.partially_funded",
    "refund.created",
    "refund.failed",
    "refund.updated",
];

/// How to reach one firm's Stripe account.
#[derive(Debug, Clone)]
pub struct Config {
    /// The secret or restricted key.
    pub key: Secret,
    /// The mode that the firm's endpoint is in; a key of the other one is refused.
    pub mode: Mode,
    /// The connected account to act for; none for the key's own.
    pub account: Option<String>,
    /// What its webhooks are signed with; two while one is being replaced.
    pub signing: Vec<Secret>,
    /// [`BASE_URL`], or the sandbox's.
    pub base_url: String,
}

/// One firm's Stripe account.
#[derive(Debug, Clone)]
pub struct Stripe {
    transport: Transport,
    base_url: String,
    headers: HeaderMap,
    account: Option<String>,
    signing: Vec<Secret>,
    mode: Mode,
}

impl Stripe {
    /// Over a transport that all firms share.
    ///
    /// # Errors
    /// For a blank key, a key of the other mode, and a base URL that would send it in the clear.
    pub fn new(transport: Transport, config: &Config) -> Result<Self, ConfigError> {
        Ok(Self {
            transport,
            base_url: crate::transport::base_url(&config.base_url)?,
            headers: headers(config)?,
            account: config.account.clone(),
            signing: config.signing.clone(),
            mode: config.mode,
        })
    }
}

#[async_trait::async_trait]
impl Gateway for Stripe {
    fn name(&self) -> &'static str {
        NAME
    }

    fn abilities(&self) -> &'static [Ability] {
        &[
            Ability::SavePage,
            Ability::SaveWhilePaying,
            Ability::ChargeSaved,
            Ability::Refund,
            Ability::EndCheckout,
            Ability::ListEvents,
            Ability::ListPayments,
            Ability::Disputes,
            Ability::IdempotencyKeys,
        ]
    }

    async fn receive(&self, incoming: Incoming<'_>) -> Result<WebhookEvent, ReceiveError> {
        let (header, now) = (incoming.header(signature::HEADER), incoming.now_unix);
        let tolerance = signature::TOLERANCE_SECONDS;
        let received = webhook::receive(header, incoming.body, &self.signing, now, tolerance);
        received.map_err(|error| match error {
            WebhookError::Signature(SignatureError::NoSecret) => ReceiveError::NoSecret,
            WebhookError::Signature(SignatureError::NoMatch) => ReceiveError::NoMatch,
            WebhookError::Signature(error) => ReceiveError::NotAuthentic(error.to_string()),
            WebhookError::Body { what } => ReceiveError::Body { what },
        })
    }

    async fn read_back(&self, hint: &Hint) -> Result<ReadBack, GatewayError> {
        self.transport.within_total(self.read(hint)).await
    }

    async fn create_checkout(
        &self,
        new: &NewCheckout,
        key: &IdempotencyKey,
    ) -> Result<OpenCheckout, CheckoutError> {
        self.transport.within_total(self.create(new, key)).await
    }

    async fn expire_checkout(
        &self,
        id: &ObjectId,
        key: &IdempotencyKey,
    ) -> Result<EndedCheckout, CheckoutError> {
        self.transport.within_total(self.expire(id, key)).await
    }

    async fn create_customer(
        &self,
        new: &NewCustomer,
        key: &IdempotencyKey,
    ) -> Result<ObjectId, GatewayError> {
        self.transport.within_total(self.make_customer(new, key)).await
    }

    async fn create_save_page(
        &self,
        new: &NewSavePage,
        key: &IdempotencyKey,
    ) -> Result<SavePage, GatewayError> {
        self.transport.within_total(self.make_save_page(new, key)).await
    }

    async fn saved_on(&self, page: &ObjectId) -> Result<Option<SavedMethod>, GatewayError> {
        self.transport.within_total(self.saved_on_page(page)).await
    }

    /// Stripe saves by itself what was to be saved; no key is needed to look.
    async fn saved_with(
        &self,
        payment: &ObjectId,
        customer: &ObjectId,
        _key: &IdempotencyKey,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        self.transport.within_total(self.saved_by_payment(payment, customer)).await
    }

    async fn saved_methods(&self, customer: &ObjectId) -> Result<Vec<SavedMethod>, GatewayError> {
        self.transport.within_total(self.methods_of(customer)).await
    }

    async fn remove_method(&self, method: &SavedMethod) -> Result<(), GatewayError> {
        self.transport.within_total(self.detach(method)).await
    }

    async fn charge(
        &self,
        new: &NewCharge,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        self.transport.within_total(self.charge_saved(new, key, tried)).await
    }

    async fn refund(
        &self,
        new: &NewRefund,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Refund, RefundError> {
        self.transport.within_total(self.give_back(new, key, tried)).await
    }

    async fn events(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<WebhookEvent>, GatewayError> {
        self.transport.within_total(self.told(span, next)).await
    }

    async fn payments(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<ObjectId>, GatewayError> {
        self.transport.within_total(self.made(span, next)).await
    }
}

fn headers(config: &Config) -> Result<HeaderMap, ConfigError> {
    if config.key.is_blank() {
        return Err(ConfigError::BlankKey);
    }
    let other_mode = match config.mode {
        Mode::Live => "_test_",
        Mode::Test => "_live_",
    };
    if config.key.expose().contains(other_mode) {
        return Err(ConfigError::OtherMode { expected: config.mode });
    }
    let value =
        |text: &str, what| HeaderValue::from_str(text).map_err(|_| ConfigError::NotAHeader(what));
    let mut key = value(&format!("Bearer {}", config.key.expose()), "key")?;
    key.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", key);
    headers.insert("stripe-version", HeaderValue::from_static(API_VERSION));
    if let Some(account) = &config.account {
        headers.insert("stripe-account", value(account, "account")?);
    }
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timeouts;

    fn made(
        key: &str,
        mode: Mode,
        account: Option<&str>,
        base_url: &str,
    ) -> Result<Stripe, String> {
        let account = account.map(str::to_owned);
        let config = Config {
            key: key.into(),
            mode,
            account,
            signing: vec![],
            base_url: base_url.to_owned(),
        };
        let transport = Transport::new(Timeouts::default());
        Stripe::new(transport, &config).map_err(|error| error.to_string())
    }

    #[test]
    fn test_1_a_key_of_the_other_mode_is_refused() {
        for (key, mode, expected) in [
            ("sk_test_1", Mode::Test, None),
            ("rk_live_1", Mode::Live, None),
            ("sk_live_1", Mode::Test, Some("the gateway's key is not a test key")),
            ("rk_test_1", Mode::Live, Some("the gateway's key is not a live key")),
            (" ", Mode::Test, Some("the gateway's key is blank")),
            ("sk_test_\n", Mode::Test, Some("key holds characters that no header can carry")),
        ] {
            let error = made(key, mode, None, BASE_URL).err();
            match expected {
                None => assert_eq!(error, None, "for {key:?}"),
                Some(text) => {
                    assert!(error.clone().unwrap().contains(text), "for {key:?}: {error:?}")
                }
            }
        }
        assert!(made("sk_test_1", Mode::Test, Some("acct_\u{7f}"), BASE_URL).is_err());
    }

    #[test]
    fn sec_5_the_key_is_in_no_debug_text() {
        let stripe = made("sk_test_hidden", Mode::Test, Some("acct_1"), BASE_URL).unwrap();
        let text = format!("{stripe:?}");
        assert!(!text.contains("hidden") && text.contains("acct_1"), "{text}");
    }
}
