//! PayPal: orders that payers approve and we capture, cards and bank accounts behind PayPal, its vault.
//!
//! The money key is the capture: order, refunds and disputes all lead to it. A webhook's signature covers but a
//! checksum of the body, so even a genuine one is a hint and no more. Webhooks are checked with the sender's
//! certificate; nothing is loaded or fetched for that before the first one comes.

mod certificate;
mod charge;
mod checkout;
mod client;
pub mod currency;
mod facts;
mod lists;
mod objects;
mod read_back;
pub mod signature;
mod vault;
pub mod webhook;

pub use certificate::{
    Certificates, PATH as CERTIFICATES_PATH, Roots, SANDBOX_ROOT, check as check_certificate,
    read as read_certificates,
};
pub(crate) use client::Memory;

use self::certificate::CertificateError;
use self::signature::{SignatureError, Transmission};
use crate::{
    Ability, ChargeError, Charged, CheckoutError, ConfigError, EndedCheckout, Gateway,
    GatewayError, Hint, IdempotencyKey, Incoming, Mode, NewCharge, NewCheckout, NewCustomer,
    NewRefund, NewSavePage, ObjectId, OpenCheckout, Page, ReadBack, ReceiveError, Refund,
    RefundError, SavePage, SavedMethod, Secret, Span, Transport, Tried, WebhookEvent,
};

/// The gateway's name in routes, keys and logs.
pub const NAME: &str = "paypal";

/// Where the real one is.
pub const BASE_URL: &str = "https://api-m.paypal.com";

/// Where the real one takes no real money.
pub const TEST_BASE_URL: &str = "https://api-m.sandbox.paypal.com";

/// The events to subscribe a webhook to: all that can change what a client owes, or how they pay.
pub const EVENT_KINDS: [&str; 16] = [
    "CHECKOUT.ORDER.APPROVED",
    "CHECKOUT.ORDER.COMPLETED",
    "CHECKOUT.PAYMENT-APPROVAL.REVERSED",
    "CUSTOMER.DISPUTE.CREATED",
    "CUSTOMER.DISPUTE.RESOLVED",
    "CUSTOMER.DISPUTE.UPDATED",
    "PAYMENT.CAPTURE.COMPLETED",
    "PAYMENT.CAPTURE.DECLINED",
    "PAYMENT.CAPTURE.DENIED",
    "PAYMENT.CAPTURE.PENDING",
    "PAYMENT.CAPTURE.REFUNDED",
    "PAYMENT.CAPTURE.REVERSED",
    "PAYMENT.REFUND.FAILED",
    "PAYMENT.REFUND.PENDING",
    "VAULT.PAYMENT-TOKEN.CREATED",
    "VAULT.PAYMENT-TOKEN.DELETED",
];

/// Where the real one is, by mode.
pub fn base_url(mode: Mode) -> &'static str {
    match mode {
        Mode::Live => BASE_URL,
        Mode::Test => TEST_BASE_URL,
    }
}

/// How to reach one firm's REST app.
#[derive(Debug, Clone)]
pub struct Config {
    /// The app's client id.
    pub client_id: String,
    /// The app's secret.
    pub key: Secret,
    /// The mode that the firm's endpoint is in: PayPal keeps its modes on separate hosts.
    pub mode: Mode,
    /// The ids of the app's webhooks, a part of what is signed; several while one is being replaced.
    pub webhook_ids: Vec<String>,
    /// [`base_url`], or the sandbox's.
    pub base_url: String,
    /// [`Certificates::of_paypal`], or the sandbox's.
    pub certificates: Certificates,
}

/// One firm's PayPal.
#[derive(Debug, Clone)]
pub struct PayPal {
    transport: Transport,
    base_url: String,
    client_id: String,
    key: Secret,
    /// Whose token: address, app and a fingerprint of the secret.
    account: String,
    mode: Mode,
    webhook_ids: Vec<String>,
    certificates: Certificates,
}

impl PayPal {
    /// Over a transport that all firms share.
    ///
    /// # Errors
    /// For a blank id or secret, PayPal's host of the other mode, and a base URL that would send the secret in
    /// the clear.
    pub fn new(transport: Transport, config: &Config) -> Result<Self, ConfigError> {
        if config.client_id.trim().is_empty() {
            return Err(ConfigError::Missing("client id"));
        }
        if config.key.is_blank() {
            return Err(ConfigError::BlankKey);
        }
        let is_visible = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_visible(&config.client_id) || config.client_id.contains(':') {
            return Err(ConfigError::NotAHeader("client id"));
        }
        if !is_visible(config.key.expose()) {
            return Err(ConfigError::NotAHeader("key"));
        }
        let base_url = crate::transport::base_url(&config.base_url)?;
        let other = match config.mode {
            Mode::Live => TEST_BASE_URL,
            Mode::Test => BASE_URL,
        };
        if base_url == other {
            return Err(ConfigError::OtherMode { expected: config.mode });
        }
        let account = account(&base_url, &config.client_id, &config.key);
        Ok(Self {
            transport,
            base_url,
            client_id: config.client_id.clone(),
            key: config.key.clone(),
            account,
            mode: config.mode,
            webhook_ids: config.webhook_ids.clone(),
            certificates: config.certificates.clone(),
        })
    }

    async fn received(&self, incoming: Incoming<'_>) -> Result<WebhookEvent, ReceiveError> {
        if self.webhook_ids.iter().all(|id| id.trim().is_empty()) {
            return Err(ReceiveError::NoSecret);
        }
        let transmission = Transmission::read(&incoming).map_err(not_authentic)?;
        let (url, now) = (transmission.certificate_url, incoming.now_unix);
        let kept = &self.transport.memory.certificates;
        let chain = kept.good(url, &self.certificates, &self.transport, now).await;
        let chain = chain.map_err(|error| match error {
            CertificateError::Bad(error) => not_authentic(error),
            CertificateError::Gateway(error) => error.into(),
        })?;
        let verified = transmission.verify(incoming.body, &self.webhook_ids, &chain);
        verified.map_err(not_authentic)?;
        let event = webhook::parse(incoming.body, self.mode);
        event.map_err(|error| ReceiveError::Body { what: error.what })
    }
}

fn not_authentic(error: SignatureError) -> ReceiveError {
    match error {
        SignatureError::NoWebhookId => ReceiveError::NoSecret,
        SignatureError::NoMatch => ReceiveError::NoMatch,
        error => ReceiveError::NotAuthentic(error.to_string()),
    }
}

/// A secret that was replaced must not go on with the old one's token.
fn account(base_url: &str, client_id: &str, key: &Secret) -> String {
    use sha2::{Digest, Sha256};
    let fingerprint = hex::encode(Sha256::digest(key.expose().as_bytes()));
    format!("{base_url} {client_id} {fingerprint}")
}

#[async_trait::async_trait]
impl Gateway for PayPal {
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
        self.transport.within_total(self.received(incoming)).await
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
        _key: &IdempotencyKey,
    ) -> Result<EndedCheckout, CheckoutError> {
        self.transport.within_total(self.end(id)).await
    }

    async fn create_customer(
        &self,
        new: &NewCustomer,
        _key: &IdempotencyKey,
    ) -> Result<ObjectId, GatewayError> {
        vault::customer(new)
    }

    async fn create_save_page(
        &self,
        new: &NewSavePage,
        key: &IdempotencyKey,
    ) -> Result<SavePage, GatewayError> {
        self.transport.within_total(self.save_page(new, key)).await
    }

    async fn saved_on(&self, page: &ObjectId) -> Result<Option<SavedMethod>, GatewayError> {
        self.transport.within_total(self.exchange(page)).await
    }

    async fn saved_with(
        &self,
        payment: &ObjectId,
        customer: &ObjectId,
        _key: &IdempotencyKey,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        self.transport.within_total(self.saved_while_paying(payment, customer)).await
    }

    async fn saved_methods(&self, customer: &ObjectId) -> Result<Vec<SavedMethod>, GatewayError> {
        self.transport.within_total(self.methods(customer)).await
    }

    async fn remove_method(&self, method: &SavedMethod) -> Result<(), GatewayError> {
        self.transport.within_total(self.remove(method)).await
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
        self.transport.within_total(self.list_events(span, next)).await
    }

    async fn payments(
        &self,
        span: Span,
        next: Option<&str>,
    ) -> Result<Page<ObjectId>, GatewayError> {
        self.transport.within_total(self.list_payments(span, next)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timeouts;

    fn made(client_id: &str, key: &str, mode: Mode, base_url: &str) -> Result<PayPal, String> {
        let config = Config {
            client_id: client_id.to_owned(),
            key: key.into(),
            mode,
            webhook_ids: vec![],
            base_url: base_url.to_owned(),
            certificates: Certificates::of_paypal(mode),
        };
        let transport = Transport::new(Timeouts::default());
        PayPal::new(transport, &config).map_err(|error| error.to_string())
    }

    #[test]
    fn test_1_the_host_of_the_other_mode_is_refused() {
        for (id, key, mode, base_url, expected) in [
            ("app", "x", Mode::Test, TEST_BASE_URL, None),
            ("app", "x", Mode::Live, BASE_URL, None),
            ("app", "x", Mode::Test, "http://127.0.0.1:1", None),
            ("app", "x", Mode::Test, BASE_URL, Some("is not a test key")),
            ("app", "x", Mode::Live, TEST_BASE_URL, Some("is not a live key")),
            ("", "x", Mode::Test, TEST_BASE_URL, Some("client id is missing")),
            ("app", " ", Mode::Test, TEST_BASE_URL, Some("key is blank")),
            ("a:b", "x", Mode::Test, TEST_BASE_URL, Some("no header can carry")),
            ("app", "x\n", Mode::Test, TEST_BASE_URL, Some("no header can carry")),
            ("app", "x", Mode::Test, "http://api-m.paypal.com", Some("is not a base URL")),
        ] {
            let error = made(id, key, mode, base_url).err();
            let is_expected = match (&error, expected) {
                (None, None) => true,
                (Some(error), Some(expected)) => error.contains(expected),
                _ => false,
            };
            assert!(is_expected, "for {id:?} {key:?} {base_url:?}: {error:?}");
        }
    }

    #[test]
    fn sec_5_the_key_is_in_no_debug_text() {
        let paypal = made("app", "hidden", Mode::Test, TEST_BASE_URL).unwrap();
        assert!(!format!("{paypal:?}").contains("hidden"));
    }
}
