//! Square: payment links, and cards on file.
//!
//! The money key is the payment: links, orders, refunds and disputes all lead to it. What is ours stands on the
//! order, which has room for it, and is found from the payment by its `order_id`; the payment itself has but one
//! short text. A seller's payments of every Square product arrive, card readers' too: those without an order of
//! ours are none of our business.
//!
//! A firm's account here is one location of one seller: Square keeps money apart by locations.

mod api;
mod charge;
mod checkout;
pub mod currency;
mod facts;
mod lists;
mod objects;
mod read_back;
mod refund;
mod saved;
pub mod signature;
mod time;
pub mod webhook;

use reqwest::header::{HeaderMap, HeaderValue};

use self::signature::SignatureError;
use self::webhook::WebhookError;
use crate::{
    Ability, ChargeError, Charged, CheckoutError, ConfigError, EndedCheckout, Gateway,
    GatewayError, Hint, IdempotencyKey, Incoming, Mode, NewCharge, NewCheckout, NewCustomer,
    NewRefund, ObjectId, OpenCheckout, Page, ReadBack, ReceiveError, Refund, RefundError,
    SavedMethod, Secret, Span, Transport, Tried, WebhookEvent,
};

/// The gateway's name in routes, keys and logs.
pub const NAME: &str = "square";

/// Where the real one is.
pub const BASE_URL: &str = "https://connect.squareup.com";

/// Where Square's own sandbox is; it takes no key of the real one, nor the other way round.
pub const SANDBOX_URL: &str = "https://connect.squareupsandbox.com";

/// The API version that each request asks for: the shapes in `objects` are this version's.
pub const API_VERSION: &str = "2026-09-16";

/// The events to subscribe a webhook to: all that can change what a client owes.
pub const EVENT_KINDS: [&str; 6] = [
    "dispute.created",
    "dispute.state.updated",
    "payment.created",
    "payment.updated",
    "refund.created",
    "refund.updated",
];

/// When a payment link ends by itself: never, which is the last second that calendars have.
pub const NEVER_UNIX: i64 = 253_402_300_799;

/// How to reach one firm's Square account.
#[derive(Debug, Clone)]
pub struct Config {
    /// The access token.
    pub key: Secret,
    /// The mode that the firm's endpoint is in.
    pub mode: Mode,
    /// The location that takes the money: its id. It stands for the account in what is read back.
    pub location: String,
    /// The signature keys of the webhook's subscription; two while one is being replaced.
    pub signing: Vec<Secret>,
    /// The address that the webhook is subscribed for, byte for byte: it is signed too.
    pub webhook_url: String,
    /// [`BASE_URL`], [`SANDBOX_URL`] or our own sandbox's.
    pub base_url: String,
}

/// One firm's Square account.
#[derive(Debug, Clone)]
pub struct Square {
    transport: Transport,
    base_url: String,
    headers: HeaderMap,
    location: String,
    signing: Vec<Secret>,
    webhook_url: String,
    mode: Mode,
}

impl Square {
    /// Over a transport that all firms share.
    ///
    /// # Errors
    /// For a blank key, location or webhook address, the other mode's host, and a base URL that would send the key in
    /// the clear.
    pub fn new(transport: Transport, config: &Config) -> Result<Self, ConfigError> {
        let base_url = crate::transport::base_url(&config.base_url)?;
        let others = match config.mode {
            Mode::Live => SANDBOX_URL,
            Mode::Test => BASE_URL,
        };
        if base_url == others {
            return Err(ConfigError::OtherMode { expected: config.mode });
        }
        let is_id = config.location.parse::<ObjectId>().is_ok();
        if !is_id {
            return Err(ConfigError::Missing("location"));
        }
        if config.webhook_url.trim().is_empty() {
            return Err(ConfigError::Missing("webhook address"));
        }
        Ok(Self {
            transport,
            base_url,
            headers: headers(&config.key)?,
            location: config.location.clone(),
            signing: config.signing.clone(),
            webhook_url: config.webhook_url.clone(),
            mode: config.mode,
        })
    }
}

#[async_trait::async_trait]
impl Gateway for Square {
    fn name(&self) -> &'static str {
        NAME
    }

    fn abilities(&self) -> &'static [Ability] {
        &[
            Ability::SaveWhilePaying,
            Ability::SaveToken,
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
        let header = incoming.header(signature::HEADER);
        let told =
            webhook::receive(header, &self.webhook_url, incoming.body, &self.signing, self.mode);
        let told = told.map_err(|error| match error {
            WebhookError::Signature(SignatureError::NoSecret) => ReceiveError::NoSecret,
            WebhookError::Signature(SignatureError::NoMatch) => ReceiveError::NoMatch,
            WebhookError::Signature(error) => ReceiveError::NotAuthentic(error.to_string()),
            WebhookError::Body { what } => ReceiveError::Body { what },
        })?;
        Ok(self.of_location(told.event))
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
        self.transport.within_total(self.expire(id)).await
    }

    async fn create_customer(
        &self,
        new: &NewCustomer,
        key: &IdempotencyKey,
    ) -> Result<ObjectId, GatewayError> {
        self.transport.within_total(self.make_customer(new, key)).await
    }

    async fn saved_with(
        &self,
        payment: &ObjectId,
        customer: &ObjectId,
        key: &IdempotencyKey,
    ) -> Result<Option<SavedMethod>, GatewayError> {
        self.transport.within_total(self.save_from_payment(payment, customer, key)).await
    }

    async fn save_token(
        &self,
        customer: &ObjectId,
        token: &str,
        key: &IdempotencyKey,
    ) -> Result<SavedMethod, GatewayError> {
        self.transport.within_total(self.save(customer, token, key)).await
    }

    async fn saved_methods(&self, customer: &ObjectId) -> Result<Vec<SavedMethod>, GatewayError> {
        self.transport.within_total(self.cards(customer)).await
    }

    async fn remove_method(&self, method: &SavedMethod) -> Result<(), GatewayError> {
        self.transport.within_total(self.disable(&method.id)).await
    }

    async fn charge(
        &self,
        new: &NewCharge,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        self.transport.within_total(self.charge_once(new, key, tried)).await
    }

    async fn refund(
        &self,
        new: &NewRefund,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Refund, RefundError> {
        self.transport.within_total(self.refund_once(new, key, tried)).await
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

impl Square {
    /// An event that names no location is about the seller as a whole, and so about this one too.
    fn of_location(&self, mut event: WebhookEvent) -> WebhookEvent {
        event.account.get_or_insert_with(|| self.location.clone());
        event
    }
}

fn headers(key: &Secret) -> Result<HeaderMap, ConfigError> {
    if key.is_blank() {
        return Err(ConfigError::BlankKey);
    }
    let bearer = HeaderValue::from_str(&format!("Bearer {}", key.expose()));
    let mut bearer = bearer.map_err(|_| ConfigError::NotAHeader("key"))?;
    bearer.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", bearer);
    headers.insert("square-version", HeaderValue::from_static(API_VERSION));
    Ok(headers)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timeouts;

    fn config() -> Config {
        Config {
            key: "EAAA_hidden".into(),
            mode: Mode::Test,
            location: "L1".to_owned(),
            signing: vec![],
            webhook_url: "https://hooks.example.com/square".to_owned(),
            base_url: SANDBOX_URL.to_owned(),
        }
    }

    #[test]
    fn test_1_what_can_not_be_this_firms_account_is_refused() {
        type Change = fn(&mut Config);
        let rows: [(Change, &str); 8] = [
            (|_| (), ""),
            (|config| config.base_url = "http://127.0.0.1:1".to_owned(), ""),
            (|config| config.mode = Mode::Live, "is not a live key"),
            (|config| config.base_url = BASE_URL.to_owned(), "is not a test key"),
            (|config| config.key = " ".into(), "key is blank"),
            (|config| config.key = "a\n".into(), "no header can carry"),
            (|config| config.location = String::new(), "location is missing"),
            (|config| config.webhook_url = " ".to_owned(), "webhook address is missing"),
        ];
        for (change, text) in rows {
            let mut config = config();
            change(&mut config);
            let made = Square::new(Transport::new(Timeouts::default()), &config);
            let error = made.err().map(|error| error.to_string()).unwrap_or_default();
            assert!(error.contains(text) && error.is_empty() == text.is_empty(), "{text}: {error}");
        }
    }

    #[test]
    fn sec_5_the_key_is_in_no_debug_text() {
        let square = Square::new(Transport::new(Timeouts::default()), &config()).unwrap();
        let text = format!("{square:?}");
        assert!(!text.contains("hidden") && text.contains("L1"), "{text}");
    }
}
