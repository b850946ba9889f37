//! Is it PayPal's? What was signed, and by whom.
//!
//! What is signed is not the body but its CRC-32, for which anybody can find a second body: whoever holds one
//! genuine delivery can send others under its headers. So this filters noise and nothing more, and all that a
//! delivery is good for is to say what to read back (PAY-2).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::certificate;
use crate::Incoming;

/// The five headers.
pub const ID_HEADER: &str = "paypal-transmission-id";
/// When it was sent, a part of what is signed.
pub const TIME_HEADER: &str = "paypal-transmission-time";
/// The signature, in base64.
pub const SIGNATURE_HEADER: &str = "paypal-transmission-sig";
/// The address of the signer's certificate.
pub const CERTIFICATE_HEADER: &str = "paypal-cert-url";
/// How it was signed.
pub const ALGORITHM_HEADER: &str = "paypal-auth-algo";

/// The only one that is taken: PayPal's older, with SHA-1, can be forged.
pub const ALGORITHM: &str = "SHA256withRSA";

/// Why a delivery isn't PayPal's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nothing to check with.
    #[error("no webhook id is configured, or a blank one")]
    NoWebhookId,
    /// A header is missing, said twice or no text.
    #[error("the header {0} is missing, said twice or no text")]
    Header(&'static str),
    /// Signed in a way that isn't taken.
    #[error("signed with {0:?}, expected {ALGORITHM}")]
    Algorithm(String),
    /// Its certificate is not at an address of PayPal's; nothing was fetched from there.
    #[error("{0:?} is no address of PayPal's certificates")]
    Address(String),
    /// The certificate is not PayPal's.
    #[error("its certificate is not PayPal's: {0}")]
    Certificate(String),
    /// No base64.
    #[error("the signature is not base64")]
    Encoding,
    /// Signed for another webhook id, or something else was.
    #[error("the signature matches no configured webhook id")]
    NoMatch,
}

/// What the headers say of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transmission<'a> {
    /// PayPal's id of this delivery.
    pub id: &'a str,
    /// Its time, as text; a late repetition is genuine, so nothing follows from it.
    pub time: &'a str,
    /// Where the signer's certificate is said to be.
    pub certificate_url: &'a str,
    signature: Vec<u8>,
}

impl<'a> Transmission<'a> {
    /// Reads the headers.
    ///
    /// # Errors
    /// [`SignatureError`] when one is missing or another algorithm is named.
    pub fn read(incoming: &Incoming<'a>) -> Result<Self, SignatureError> {
        let header = |name: &'static str| {
            let headers = incoming.headers;
            let mut values = headers.get_all(name).iter();
            let (first, second) = (values.next(), values.next());
            let single = first.filter(|_| second.is_none());
            single.and_then(|value| value.to_str().ok()).ok_or(SignatureError::Header(name))
        };
        let algorithm = header(ALGORITHM_HEADER)?;
        if algorithm != ALGORITHM {
            return Err(SignatureError::Algorithm(algorithm.chars().take(32).collect()));
        }
        let signature = STANDARD.decode(header(SIGNATURE_HEADER)?);
        Ok(Self {
            id: header(ID_HEADER)?,
            time: header(TIME_HEADER)?,
            certificate_url: header(CERTIFICATE_HEADER)?,
            signature: signature.map_err(|_| SignatureError::Encoding)?,
        })
    }

    /// Whether it was signed for one of our webhooks with that certificate, which was checked before.
    ///
    /// # Errors
    /// [`SignatureError::NoWebhookId`], [`SignatureError::NoMatch`].
    pub fn verify(
        &self,
        body: &[u8],
        webhook_ids: &[String],
        chain: &[rustls_pki_types::CertificateDer<'static>],
    ) -> Result<(), SignatureError> {
        let mut ids = webhook_ids.iter().filter(|id| !id.trim().is_empty()).peekable();
        if ids.peek().is_none() {
            return Err(SignatureError::NoWebhookId);
        }
        let is_for = |id: &String| {
            let message = message(self.id, self.time, id, body);
            certificate::has_signed(chain, message.as_bytes(), &self.signature)
        };
        if ids.any(is_for) { Ok(()) } else { Err(SignatureError::NoMatch) }
    }
}

/// What is signed.
pub fn message(id: &str, time: &str, webhook_id: &str, body: &[u8]) -> String {
    format!("{id}|{time}|{webhook_id}|{}", crc32fast::hash(body))
}
