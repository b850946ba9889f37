//! Is a webhook Square's? The check of the `x-square-hmacsha256-signature` header.
//!
//! Base64 of HMAC-SHA256 over the address that the webhook was subscribed for, followed by the raw body, keyed
//! with the subscription's signature key. The address comes from the configuration, byte for byte: one put
//! together from a request's headers is the sender's, and differs behind a proxy. Nothing of it is dated, so an
//! old delivery verifies for ever: the stored event id and the reading back are all there is against replay.
//! The older header with a SHA-1 is not looked at.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::Secret;

/// Where the signature stands.
pub const HEADER: &str = "x-square-hmacsha256-signature";

/// Why a webhook is not taken for Square's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nothing to check with: a fault of the configuration, not of the sender.
    #[error("no signature key is configured, or a blank one")]
    NoSecret,
    /// Nobody signed.
    #[error("the {HEADER} header is missing")]
    NoHeader,
    /// The body or the address is not what was signed, or not with a key of ours.
    #[error("the signature matches no configured key for the address and body")]
    NoMatch,
}

/// Checks the header against the raw bytes of the body, before anything parses them.
///
/// `secrets` are all that are valid now: while one is being replaced, old and new.
///
/// # Errors
/// [`SignatureError`]; the webhook is then to be refused, whatever it holds.
pub fn verify(
    header: Option<&str>,
    webhook_url: &str,
    raw_body: &[u8],
    secrets: &[Secret],
) -> Result<(), SignatureError> {
    if secrets.is_empty() || secrets.iter().any(Secret::is_blank) {
        return Err(SignatureError::NoSecret);
    }
    let header = header.ok_or(SignatureError::NoHeader)?;
    let mut is_match = Choice::from(0);
    for secret in secrets {
        let expected = sign(secret, webhook_url, raw_body);
        is_match |= expected.as_bytes().ct_eq(header.as_bytes());
    }
    if bool::from(is_match) { Ok(()) } else { Err(SignatureError::NoMatch) }
}

/// The header that Square would send with this body: for the sandbox and for tests.
pub fn sign(secret: &Secret, webhook_url: &str, raw_body: &[u8]) -> String {
    // HMAC takes a key of any length; the impossible error becomes a text that no base64 of a MAC is.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return "-".to_owned();
    };
    mac.update(webhook_url.as_bytes());
    mac.update(raw_body);
    STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "https://hooks.example.com/square/acme";
    const BODY: &[u8] = b"{}";

    fn check(header: Option<&str>, secrets: &[&str]) -> Result<(), SignatureError> {
        let secrets: Vec<_> = secrets.iter().map(|&text| Secret::from(text)).collect();
        verify(header, URL, BODY, &secrets)
    }

    #[test]
    fn pay_2_a_blank_secret_refuses_everything() {
        for blank in ["", " \n"] {
            let good = sign(&blank.into(), URL, BODY);
            for secrets in [&[][..], &[blank], &["key-1", blank], &[blank, "key-1"]] {
                let result = check(Some(&good), secrets);
                assert_eq!(result, Err(SignatureError::NoSecret), "for {secrets:?}");
            }
        }
    }

    #[test]
    fn pay_2_one_of_several_secrets_is_enough_and_odd_headers_are_refused() {
        let good = sign(&"key-1".into(), URL, BODY);
        for (header, secrets, expected) in [
            (Some(good.as_str()), &["key-1"][..], Ok(())),
            (Some(&good), &["key-2", "key-1"], Ok(())),
            (Some(&good), &["key-2"], Err(SignatureError::NoMatch)),
            (Some(&format!(" {good}")), &["key-1"], Err(SignatureError::NoMatch)),
            (Some(&good[..43]), &["key-1"], Err(SignatureError::NoMatch)),
            (Some(""), &["key-1"], Err(SignatureError::NoMatch)),
            (None, &["key-1"], Err(SignatureError::NoHeader)),
        ] {
            assert_eq!(check(header, secrets), expected, "for {header:?} and {secrets:?}");
        }
    }
}
