//! From what a firm copies out of its gateway's dashboard to the gateway.
//!
//! One shape for all of them, so that there is one way to seal, show, replace and test what a firm has there;
//! which of its parts a gateway needs is said by [`GatewayName::parts`], for pages and the command line alike.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{ConfigError, Gateway, Mode, Secret, Transport, stripe};

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
        "Settings, API credentials: each account's id, whether it is operating or trust, for cards or eChecks, \
         and its payment page",
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
    let Credentials { key, signing, account, .. } = credentials.clone();
    let Reach { transport, base_url, mode, .. } = reach;
    match name {
        GatewayName::Stripe => {
            let base_url = base_url.unwrap_or_else(|| stripe::BASE_URL.to_owned());
            let config = stripe::Config { key, mode, account, signing, base_url };
            Ok(Box::new(stripe::Stripe::new(transport, &config)?))
        }
        GatewayName::Square
        | GatewayName::PayPal
        | GatewayName::LawPay
        | GatewayName::CpaCharge => Err(ConfigError::Unknown(name.to_string())),
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
}
