//! From what a firm copies out of its gateway's dashboard to the gateway.
//!
//! One shape for all of them, so that there is one way to seal, show, replace and test what a firm has there;
//! which of its parts a gateway needs is said by [`GatewayName::parts`], for pages and the command line alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ConfigError, Gateway, Mode, Secret, Transport, affinipay, paypal, square, stripe};

/// A gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GatewayName {
    /// Stripe.
    Stripe,
    /// Square.
    Square,
    /// PayPal.
    PayPal,
    /// LawPay, a brand of AffiniPay's.
    LawPay,
    /// CPACharge, another of its brands.
    CpaCharge,
}

impl GatewayName {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Stripe, Self::Square, Self::PayPal, Self::LawPay, Self::CpaCharge];

    /// As it stands in routes, keys and logs: `cpacharge`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stripe => "stripe",
            Self::Square => "square",
            Self::PayPal => "paypal",
            Self::LawPay => "lawpay",
            Self::CpaCharge => "cpacharge",
        }
    }

    /// As people write it: `CPACharge`.
    pub fn title(self) -> &'static str {
        match self {
            Self::Stripe => "Stripe",
            Self::Square => "Square",
            Self::PayPal => "PayPal",
            Self::LawPay => "LawPay",
            Self::CpaCharge => "CPACharge",
        }
    }

    /// What it needs to be connected.
    pub fn parts(self) -> &'static [Part] {
        match self {
            Self::Stripe => &STRIPE,
            Self::Square => &SQUARE,
            Self::PayPal => &PAYPAL,
            Self::LawPay | Self::CpaCharge => &AFFINIPAY,
        }
    }
}

impl fmt::Display for GatewayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no gateway {0:?}, expected stripe, square, paypal, lawpay or cpacharge")]
pub struct NameError(String);

impl FromStr for GatewayName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let found = Self::ALL.into_iter().find(|name| name.as_str() == text);
        found.ok_or_else(|| NameError(text.to_owned()))
    }
}

/// A part of what connects a gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Its field in [`Credentials`].
    pub field: &'static str,
    /// What it is called where it is copied from.
    pub label: &'static str,
    /// Where it is found, and how it looks.
    pub hint: &'static str,
    /// Whether it is never shown again.
    pub is_secret: bool,
    /// Whether there may be several: two while one is being replaced.
    pub is_list: bool,
    /// Whether nothing works without it. Signing secrets come after the endpoint was made there.
    pub is_needed: bool,
}

const fn part(field: &'static str, label: &'static str, hint: &'static str) -> Part {
    Part { field, label, hint, is_secret: false, is_list: false, is_needed: true }
}

const fn secret(field: &'static str, label: &'static str, hint: &'static str) -> Part {
    Part { is_secret: true, ..part(field, label, hint) }
}

const fn list(part: Part) -> Part {
    Part { is_list: true, ..part }
}

const fn optional(part: Part) -> Part {
    Part { is_needed: false, ..part }
}

const STRIPE: [Part; 3] = [
    secret("key", "Secret key", "Developers, API keys; it begins with sk_ or rk_"),
    optional(list(secret(
        "signing",
        "Signing secret",
        "Developers, Webhooks, the endpoint with this address; it begins with whsec_",
    ))),
    optional(part("account", "Connected account", "only for platforms; it begins with acct_")),
];

const SQUARE: [Part; 3] = [
    secret("key", "Access token", "Developer console, the application, Credentials"),
    optional(list(secret(
        "signing",
        "Signature key",
        "Developer console, the application, Webhooks, the subscription with this address",
    ))),
    part("location", "Location ID", "Developer console, the application, Locations"),
];

const PAYPAL: [Part; 3] = [
    part("client_id", "Client ID", "Apps & Credentials, the REST app"),
    secret("key", "Secret", "Apps & Credentials, the REST app"),
    optional(list(part(
        "webhook_ids",
        "Webhook ID",
        "the REST app, Webhooks, the one with this address",
    ))),
];

const AFFINIPAY: [Part; 2] = [
    secret("key", "Secret key", "Settings, API credentials: the live or the test secret key"),
    list(part(
        "deposits",
        "Deposit accounts",
        "Settings, API credentials, and Payment pages: each account's id, operating or trust, card or echeck, and \
         its payment page, with commas between: ACCOUNT,trust,card,https://secure.lawpay.com/pages/…",
    )),
];

/// What a firm copied out of its gateway's dashboard.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    /// What to ask the gateway with.
    pub key: Secret,
    /// What its webhooks are signed with; two while one is being replaced.
    pub signing: Vec<Secret>,
    /// Stripe: the connected account to act for; none for the key's own.
    pub account: Option<String>,
    /// Square: where its sales are.
    pub location: Option<String>,
    /// PayPal: the name that goes with the key.
    pub client_id: Option<String>,
    /// PayPal: what its webhooks are signed for.
    pub webhook_ids: Vec<String>,
    /// LawPay and CPACharge: each a [`crate::affinipay::DepositAccount`] as text.
    pub deposits: Vec<String>,
}

/// Why credentials were refused. It never repeats what was given.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// No JSON, or not of their shape.
    #[error("no credentials at line {line}, column {column}: expected {expected}")]
    Shape {
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
        /// The shape.
        expected: String,
    },
    /// A part that this gateway hasn't got.
    #[error("{field} is none of what connects {gateway}, which are {known}")]
    NotAPart {
        /// Which.
        field: &'static str,
        /// As people write it.
        gateway: &'static str,
        /// Its parts.
        known: String,
    },
    /// A part that it can't do without.
    #[error("{field} is missing: the {label}, from {hint}")]
    Missing {
        /// Which.
        field: &'static str,
        /// What it is called there.
        label: &'static str,
        /// Where it is found.
        hint: &'static str,
    },
    /// A part that can't be right.
    #[error("{field} is not right: {what}")]
    Wrong {
        /// Which.
        field: &'static str,
        /// What was expected.
        what: String,
    },
}

/// The longest part: PayPal's ids and Square's tokens have less than a hundred characters.
const MAX_PART_BYTES: usize = 1024;

/// The most of a list: the one in use, and those that are being replaced.
const MAX_OF_A_LIST: usize = 5;

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Given {
    key: Option<String>,
    signing: Vec<String>,
    account: Option<String>,
    location: Option<String>,
    client_id: Option<String>,
    webhook_ids: Vec<String>,
    deposits: Vec<String>,
}

impl Given {
    fn texts(&self) -> [(&'static str, Vec<&str>); 7] {
        fn one(text: &Option<String>) -> Vec<&str> {
            text.iter().map(String::as_str).collect()
        }
        fn all(texts: &[String]) -> Vec<&str> {
            texts.iter().map(String::as_str).collect()
        }
        [
            ("key", one(&self.key)),
            ("signing", all(&self.signing)),
            ("account", one(&self.account)),
            ("location", one(&self.location)),
            ("client_id", one(&self.client_id)),
            ("webhook_ids", all(&self.webhook_ids)),
            ("deposits", all(&self.deposits)),
        ]
    }
}

impl Credentials {
    /// The account that the gateway names in what it tells and answers, where it names one: Stripe's connected
    /// account, Square's location.
    pub fn named_account(&self) -> Option<&str> {
        self.account.as_deref().or(self.location.as_deref())
    }

    /// Reads `{"key": "…", "signing": ["…"]}`, with the parts of that gateway and mode.
    ///
    /// # Errors
    /// [`CredentialsError`], which names the part and repeats nothing.
    pub fn read(name: GatewayName, mode: Mode, text: &str) -> Result<Self, CredentialsError> {
        let given: Given = serde_json::from_str(text).map_err(|error| CredentialsError::Shape {
            line: error.line(),
            column: error.column(),
            expected: name.shape(),
        })?;
        for (field, texts) in given.texts() {
            check(name, mode, field, &texts)?;
        }
        let secrets = |texts: Vec<String>| texts.into_iter().map(Secret::from).collect();
        Ok(Self {
            key: given.key.unwrap_or_default().into(),
            signing: secrets(given.signing),
            account: given.account,
            location: given.location,
            client_id: given.client_id,
            webhook_ids: given.webhook_ids,
            deposits: given.deposits,
        })
    }
}

impl GatewayName {
    /// What its credentials look like in JSON.
    pub fn shape(self) -> String {
        let parts = self.parts().iter().map(|part| match part.is_list {
            true => format!("\"{}\": [\"…\"]", part.field),
            false => format!("\"{}\": \"…\"", part.field),
        });
        format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
    }
}

fn check(
    name: GatewayName,
    mode: Mode,
    field: &'static str,
    texts: &[&str],
) -> Result<(), CredentialsError> {
    let Some(part) = name.parts().iter().find(|part| part.field == field) else {
        if texts.is_empty() {
            return Ok(());
        }
        let known: Vec<_> = name.parts().iter().map(|part| part.field).collect();
        let (gateway, known) = (name.title(), known.join(", "));
        return Err(CredentialsError::NotAPart { field, gateway, known });
    };
    let wrong = |what: String| Err(CredentialsError::Wrong { field, what });
    if part.is_needed && texts.is_empty() {
        let Part { field, label, hint, .. } = *part;
        return Err(CredentialsError::Missing { field, label, hint });
    }
    if MAX_OF_A_LIST < texts.len() {
        return wrong(format!("{} of them, expected at most {MAX_OF_A_LIST}", texts.len()));
    }
    for text in texts {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_plain || MAX_PART_BYTES < text.len() {
            return wrong(format!(
                "expected 1 to {MAX_PART_BYTES} visible characters without blanks"
            ));
        }
        if field == "deposits"
            && let Err(error) = text.parse::<affinipay::DepositAccount>()
        {
            return wrong(error.to_string());
        }
        let begins = beginnings(name, mode, field);
        if !begins.is_empty() && !begins.iter().any(|begin| text.starts_with(begin)) {
            return wrong(format!("for {mode} mode it begins with {}", begins.join(" or ")));
        }
    }
    Ok(())
}

/// What a part begins with, where its gateway says so: a key in the wrong place is noticed here.
fn beginnings(name: GatewayName, mode: Mode, field: &str) -> &'static [&'static str] {
    match (name, field, mode) {
        (GatewayName::Stripe, "key", Mode::Live) => &["sk_live_", "rk_live_"],
        (GatewayName::Stripe, "key", Mode::Test) => &["sk_test_", "rk_test_"],
        (GatewayName::Stripe, "signing", _) => &["whsec_"],
        (GatewayName::Stripe, "account", _) => &["acct_"],
        _ => &[],
    }
}

/// How to get there.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The connections.
    pub transport: Transport,
    /// Another address than the gateway's own; the sandbox's.
    pub base_url: Option<String>,
    /// Where the gateway posts its webhooks, as it knows the address.
    pub webhook_url: String,
    /// Live or test.
    pub mode: Mode,
}

/// A firm's account at a gateway. Nobody is asked.
///
/// # Errors
/// [`ConfigError`], for credentials that can't be the gateway's.
pub fn connect(
    name: GatewayName,
    credentials: &Credentials,
    reach: Reach,
) -> Result<Box<dyn Gateway>, ConfigError> {
    let Credentials { key, signing, account, location, .. } = credentials.clone();
    let Reach { transport, base_url, webhook_url, mode } = reach;
    match name {
        GatewayName::Stripe => {
            let base_url = base_url.unwrap_or_else(|| stripe::BASE_URL.to_owned());
            let config = stripe::Config { key, mode, account, signing, base_url };
            Ok(Box::new(stripe::Stripe::new(transport, &config)?))
        }
        GatewayName::LawPay | GatewayName::CpaCharge => {
            let brand = match name {
                GatewayName::CpaCharge => affinipay::Brand::CpaCharge,
                _ => affinipay::Brand::LawPay,
            };
            let accounts = credentials.deposits.iter().map(|text| text.parse());
            let accounts = accounts
                .collect::<Result<_, _>>()
                .map_err(|_| ConfigError::Missing("deposit account"))?;
            let base_url = base_url.unwrap_or_else(|| affinipay::BASE_URL.to_owned());
            let config = affinipay::Config { brand, key, mode, accounts, base_url };
            Ok(Box::new(affinipay::AffiniPay::new(transport, &config)?))
        }
        GatewayName::Square => {
            let real = match mode {
                Mode::Live => square::BASE_URL,
                Mode::Test => square::SANDBOX_URL,
            };
            let base_url = base_url.unwrap_or_else(|| real.to_owned());
            let location = location.unwrap_or_default();
            let config = square::Config { key, mode, location, signing, webhook_url, base_url };
            Ok(Box::new(square::Square::new(transport, &config)?))
        }
        GatewayName::PayPal => {
            // One that stands in for PayPal vouches for its own certificates.
            let certificates = match &base_url {
                Some(base_url) => paypal::Certificates::of_sandbox(base_url),
                None => paypal::Certificates::of_paypal(mode),
            };
            let base_url = base_url.unwrap_or_else(|| paypal::base_url(mode).to_owned());
            let client_id = credentials.client_id.clone().unwrap_or_default();
            let webhook_ids = credentials.webhook_ids.clone();
            let config =
                paypal::Config { client_id, key, mode, webhook_ids, base_url, certificates };
            Ok(Box::new(paypal::PayPal::new(transport, &config)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_is_named_in_one_way() {
        for name in GatewayName::ALL {
            assert_eq!(name.as_str().parse(), Ok(name));
            assert_eq!(serde_json::to_value(name).unwrap(), name.as_str());
            assert!(name.parts().iter().any(|part| part.field == "key" && part.is_secret));
        }
        for text in ["", "Stripe", "affinipay", "stripe "] {
            assert!(text.parse::<GatewayName>().is_err(), "for {text:?}");
        }
    }

    #[test]
    fn sec_5_credentials_are_of_gateway_and_mode_and_no_error_repeats_them() {
        let good = r#"{"key": "rk_live_51abcdef", "signing": ["whsec_a", "whsec_b"], "account": "acct_1"}"#;
        let read = Credentials::read(GatewayName::Stripe, Mode::Live, good).unwrap();
        assert_eq!((read.signing.len(), read.account.as_deref()), (2, Some("acct_1")));
        let square = r#"{"key": "EAAA1", "signing": ["51abcdef"], "location": "L1"}"#;
        let read = Credentials::read(GatewayName::Square, Mode::Live, square).unwrap();
        assert_eq!(read.location.as_deref(), Some("L1"));
        let paypal = r#"{"key": "51abcdef", "client_id": "A1", "webhook_ids": ["1W"]}"#;
        let read = Credentials::read(GatewayName::PayPal, Mode::Test, paypal).unwrap();
        assert_eq!(read.webhook_ids, ["1W"]);
        for (name, mode, text, expected) in [
            ("stripe", Mode::Test, good, "key is not right: for test mode it begins with sk_test_"),
            ("stripe", Mode::Live, r#"{"key": "pk_live_51abcdef"}"#, "begins with sk_live_"),
            ("stripe", Mode::Live, r#"{"key": "sk_live_1", "signing": ["51abcdef"]}"#, "whsec_"),
            ("stripe", Mode::Live, r#"{"key": "sk_live_51abcdef", "sign": []}"#, "line 1"),
            (
                "stripe",
                Mode::Live,
                "sk_live_51abcdef",
                "line 1, column 1: expected {\"key\": \"…\"",
            ),
            ("stripe", Mode::Live, "{}", "key is missing: the Secret key, from Developers"),
            ("stripe", Mode::Live, r#"{"key": "sk_live_51 abcdef"}"#, "without blanks"),
            (
                "stripe",
                Mode::Live,
                r#"{"key": "sk_live_1", "location": "L51abcdef"}"#,
                "location is none of what connects Stripe, which are key, signing, account",
            ),
            ("square", Mode::Live, r#"{"key": "51abcdef"}"#, "location is missing"),
            ("paypal", Mode::Live, r#"{"key": "51abcdef"}"#, "client_id is missing"),
            (
                "paypal",
                Mode::Live,
                r#"{"key": "1", "client_id": "1", "webhook_ids": ["1","2","3","4","5","6"]}"#,
                "6 of them, expected at most 5",
            ),
        ] {
            let error =
                Credentials::read(name.parse().unwrap(), mode, text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("51abcdef"), "{error}");
        }
    }
}
