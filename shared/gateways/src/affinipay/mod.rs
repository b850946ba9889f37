//! AffiniPay, which law firms know as LawPay and accountants as CPACharge: one gateway behind two brands.
//!
//! The money key is the transaction of type `CHARGE`; a refund is a transaction of its own that names it. Nothing
//! is signed, so each delivery is asked for again under the firm's own key, and nothing has an idempotency key, so
//! whatever moves money carries our own name and is looked for before it is tried again. A firm has several
//! deposit accounts there, trust money apart from its own: each call names one, for left out the gateway picks.
//!
//! Names and states are those of <https://developers.8am.com> and <https://developers.affinipay.com>.

mod accounts;
mod ask;
mod charge;
mod checkout;
mod declines;
mod facts;
mod lists;
mod objects;
mod read_back;
mod refund;
mod saved;
pub mod webhook;

pub use accounts::{AccountError, AccountThere};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use domain::invoice::Deposit;
use domain::money::Currency;
use reqwest::header::{HeaderMap, HeaderValue};

use crate::{
    Ability, ChargeError, Charged, CheckoutError, ConfigError, EndedCheckout, Gateway,
    GatewayError, Hint, IdempotencyKey, Incoming, Method, Mode, NewCharge, NewCheckout,
    NewCustomer, NewRefund, ObjectId, OpenCheckout, Page, ReadBack, ReceiveError, Refund,
    RefundError, SavedMethod, Secret, Span, Transport, Tried, WebhookEvent,
};

/// Where the real one is.
pub const BASE_URL: &str = "https://api.8am.com";

/// Whose name the firm knows it by. The API is the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Brand {
    /// For law firms.
    LawPay,
    /// For accountants.
    CpaCharge,
}

impl Brand {
    /// The gateway's name in routes, keys and logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::LawPay => "lawpay",
            Self::CpaCharge => "cpacharge",
        }
    }
}

/// One of the firm's accounts there. Cards and eChecks have different ones, and so do trust and operating money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DepositAccount {
    /// The gateway's id of it.
    pub id: ObjectId,
    /// Whose money it holds.
    pub deposit: Deposit,
    /// What is paid into it by: cards, or debits of bank accounts.
    pub method: Method,
    /// The one currency that it takes.
    pub currency: Currency,
    /// The payment page that pays into it; none, if clients are not sent there. One page may take cards and
    /// eChecks, each into its account.
    pub page_url: Option<String>,
}

/// How to reach one firm's account at AffiniPay.
#[derive(Debug, Clone)]
pub struct Config {
    /// Under which name.
    pub brand: Brand,
    /// The secret key. It sees its own mode only.
    pub key: Secret,
    /// The mode that the key is for.
    pub mode: Mode,
    /// The accounts that the firm linked; what goes to any other is none of ours.
    pub accounts: Vec<DepositAccount>,
    /// [`BASE_URL`], or the sandbox's.
    pub base_url: String,
}

/// One firm's account.
#[derive(Debug, Clone)]
pub struct AffiniPay {
    transport: Transport,
    brand: Brand,
    mode: Mode,
    accounts: Vec<DepositAccount>,
    base_url: String,
    headers: HeaderMap,
}

impl AffiniPay {
    /// Over a transport that all firms share.
    ///
    /// # Errors
    /// For a blank key, two accounts for the same money, a page without an address, and a base URL that would
    /// send the key in the clear.
    pub fn new(transport: Transport, config: &Config) -> Result<Self, ConfigError> {
        accounts::check(&config.accounts)?;
        Ok(Self {
            transport,
            brand: config.brand,
            mode: config.mode,
            accounts: config.accounts.clone(),
            base_url: crate::transport::base_url(&config.base_url)?,
            headers: headers(&config.key)?,
        })
    }
}

/// The key is the user name, the password is empty.
fn headers(key: &Secret) -> Result<HeaderMap, ConfigError> {
    if key.is_blank() {
        return Err(ConfigError::BlankKey);
    }
    // In Basic authentication a colon ends the user name.
    if key.expose().contains(':') || key.expose().bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err(ConfigError::NotAHeader("key"));
    }
    let encoded = STANDARD.encode(format!("{}:", key.expose()));
    let value = HeaderValue::from_str(&format!("Basic {encoded}"));
    let mut value = value.map_err(|_| ConfigError::NotAHeader("key"))?;
    value.set_sensitive(true);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", value);
    headers.insert("accept", HeaderValue::from_static("application/json"));
    Ok(headers)
}

#[async_trait::async_trait]
impl Gateway for AffiniPay {
    fn name(&self) -> &'static str {
        self.brand.name()
    }

    /// A page can't be ended and no method is saved on it; nothing is told of disputes; there are no keys.
    fn abilities(&self) -> &'static [Ability] {
        &[
            Ability::SaveToken,
            Ability::ChargeSaved,
            Ability::Refund,
            Ability::ListEvents,
            Ability::ListPayments,
        ]
    }

    async fn receive(&self, incoming: Incoming<'_>) -> Result<WebhookEvent, ReceiveError> {
        self.ask_for_event(incoming.body).await
    }

    async fn read_back(&self, hint: &Hint) -> Result<ReadBack, GatewayError> {
        self.transport.within_total(self.read(hint)).await
    }

    async fn create_checkout(
        &self,
        new: &NewCheckout,
        _key: &IdempotencyKey,
    ) -> Result<OpenCheckout, CheckoutError> {
        self.page(new)
    }

    async fn expire_checkout(
        &self,
        _id: &ObjectId,
        _key: &IdempotencyKey,
    ) -> Result<EndedCheckout, CheckoutError> {
        Err(GatewayError::CannotDo(Ability::EndCheckout).into())
    }

    async fn create_customer(
        &self,
        new: &NewCustomer,
        _key: &IdempotencyKey,
    ) -> Result<ObjectId, GatewayError> {
        saved::customer(&new.firm, &new.client)
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
        self.transport.within_total(self.saved_of(customer)).await
    }

    async fn remove_method(&self, method: &SavedMethod) -> Result<(), GatewayError> {
        self.transport.within_total(self.remove(method)).await
    }

    async fn charge(
        &self,
        new: &NewCharge,
        _key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Charged, ChargeError> {
        self.transport.within_total(self.charge_saved(new, tried)).await
    }

    async fn refund(
        &self,
        new: &NewRefund,
        _key: &IdempotencyKey,
        _tried: Tried,
    ) -> Result<Refund, RefundError> {
        self.transport.within_total(self.give_back(new)).await
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

    fn made(key: &str) -> Result<AffiniPay, String> {
        let config = Config {
            brand: Brand::LawPay,
            key: key.into(),
            mode: Mode::Test,
            accounts: vec![],
            base_url: BASE_URL.to_owned(),
        };
        let transport = Transport::new(Timeouts::default());
        AffiniPay::new(transport, &config).map_err(|error| error.to_string())
    }

    #[test]
    fn sec_5_the_key_goes_out_as_user_name_and_is_in_no_debug_text() {
        let affinipay = made("tccsTestSecretKey0123456789").unwrap();
        let sent = affinipay.headers["authorization"].to_str().unwrap();
        assert_eq!(sent, "Basic dGNjc1Rlc3RTZWNyZXRLZXkwMTIzNDU2Nzg5Og==");
        let text = format!("{affinipay:?}");
        assert!(!text.contains("tccs") && !text.contains("dGNj"), "{text}");
    }

    #[test]
    fn sec_5_a_key_that_no_header_can_carry_is_refused() {
        for (key, expected) in [
            (" ", "the gateway's key is blank"),
            ("a:b", "characters that no header can carry"),
            ("a\nb", "characters that no header can carry"),
            ("ä", "characters that no header can carry"),
        ] {
            let error = made(key).unwrap_err();
            assert!(error.contains(expected), "for {key:?}: {error}");
        }
    }

    #[test]
    fn each_brand_has_its_own_name() {
        assert_eq!((Brand::LawPay.name(), Brand::CpaCharge.name()), ("lawpay", "cpacharge"));
    }
}
