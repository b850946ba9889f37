//! A webhook as it came, and why it was not taken.

use reqwest::header::HeaderMap;

use crate::GatewayError;

/// One delivery, as it came. Its headers and body are the sender's, who may be anybody.
#[derive(Debug, Clone, Copy)]
pub struct Incoming<'a> {
    /// All headers.
    pub headers: &'a HeaderMap,
    /// The raw bytes: they are what was signed.
    pub body: &'a [u8],
    /// The machine's time, in Unix seconds: gateways sign with theirs.
    pub now_unix: i64,
}

impl Incoming<'_> {
    /// A header's text; none if it is missing, said twice or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub enum ReceiveError {
    /// It isn't the gateway's, whatever our secrets are: refuse, and store nothing.
    #[error("the webhook is not authentic: {0}")]
    NotAuthentic(String),
    /// It matches none of our secrets, which may just have been replaced.
    #[error("the webhook matches no configured secret")]
    NoMatch,
    /// Nothing to check it with: a fault of the configuration, so that the gateway should send it again.
    #[error("no secret to check webhooks with is configured, or a blank one")]
    NoSecret,
    /// Genuine, and no event as we know them.
    #[error("the webhook's body is not an event: {what}")]
    Body {
        /// Which field, and what was expected.
        what: String,
    },
    /// The gateway has to be asked whether it is genuine, and didn't tell: it should send it again.
    #[error("the gateway could not be asked whether the webhook is its own")]
    Gateway(#[from] GatewayError),
}
