//! Is a webhook Stripe's? The check of the `Stripe-Signature` header.
//!
//! `t=<unix>,v1=<hex>[,v1=…]`: HMAC-SHA256 over the decimal `t`, a full stop and the raw body, keyed
//! with the endpoint's whole secret, its `whsec_` included. Where Stripe's own libraries differ from
//! each other this takes the strict side: the tolerance holds on both sides of now, there is exactly
//! one `t`, and a blank secret refuses everything, since anybody can sign with it.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::Secret;

/// Where the signature stands.
pub const HEADER: &str = "stripe-signature";

/// The age, either way, that Stripe's own libraries allow.
pub const TOLERANCE_SECONDS: u32 = 300;

/// What every endpoint's secret begins with; one that is nothing else is blank.
const SECRET_PREFIX: &str = "whsec_";

/// Why a webhook is not taken for Stripe's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Nothing to check with: a fault of the configuration, not of the sender.
    #[error("no signing secret is configured, or a blank one")]
    NoSecret,
    /// Nobody signed.
    #[error("the Stripe-Signature header is missing")]
    NoHeader,
    /// There must be exactly one, a count of seconds.
    #[error("the Stripe-Signature header has {0}, expected exactly one t=<unix seconds>")]
    Timestamp(&'static str),
    /// Other schemes prove nothing.
    #[error("the Stripe-Signature header has no v1 signature")]
    NoSignature,
    /// The body is not what was signed, or not with a secret of ours.
    #[error("no v1 signature matches the body and a configured secret")]
    NoMatch,
    /// Genuine, but old or from the future: replayed, or a clock is wrong.
    #[error("signed {age_seconds} s before now, expected at most {tolerance_seconds} s either way")]
    OutsideTolerance {
        /// Negative for a time that is still to come.
        age_seconds: i64,
        /// What was allowed.
        tolerance_seconds: u32,
    },
}

/// Checks the header against the raw bytes of the body, before anything parses them.
///
/// `secrets` are all that are valid now: while one is being rolled, old and new. Inside the
/// tolerance a capture can be replayed unchanged; the stored event id stops that, not this.
///
/// # Errors
/// [`SignatureError`]; the webhook is then to be refused, whatever it holds.
pub fn verify(
    header: Option<&str>,
    raw_body: &[u8],
    secrets: &[Secret],
    now_unix: i64,
    tolerance_seconds: u32,
) -> Result<(), SignatureError> {
    if secrets.is_empty() || secrets.iter().any(is_blank) {
        return Err(SignatureError::NoSecret);
    }
    let header = Header::parse(header.ok_or(SignatureError::NoHeader)?)?;
    let mut is_match = Choice::from(0);
    for secret in secrets {
        let expected = hmac_hex(secret, header.timestamp, raw_body);
        for signature in &header.signatures {
            is_match |= expected.as_bytes().ct_eq(signature.as_bytes());
        }
    }
    if !bool::from(is_match) {
        return Err(SignatureError::NoMatch);
    }
    if u64::from(tolerance_seconds) < now_unix.abs_diff(header.signed_unix) {
        let age_seconds = now_unix.saturating_sub(header.signed_unix);
        return Err(SignatureError::OutsideTolerance { age_seconds, tolerance_seconds });
    }
    Ok(())
}

/// The header that Stripe would send with this body: for the sandbox and for tests.
pub fn sign(secret: &Secret, raw_body: &[u8], signed_unix: i64) -> String {
    let timestamp = signed_unix.to_string();
    format!("t={timestamp},v1={}", hmac_hex(secret, &timestamp, raw_body))
}

fn is_blank(secret: &Secret) -> bool {
    let text = secret.expose();
    secret.is_blank() || text.strip_prefix(SECRET_PREFIX).is_some_and(|rest| rest.trim().is_empty())
}

/// The parts of the header that count.
struct Header<'a> {
    /// As sent, since that is what was signed.
    timestamp: &'a str,
    signed_unix: i64,
    signatures: Vec<&'a str>,
}

impl<'a> Header<'a> {
    fn parse(header: &'a str) -> Result<Self, SignatureError> {
        let values = |scheme: &'static str| {
            let elements = header.split(',').filter_map(|element| element.split_once('='));
            elements.filter(move |(key, _)| *key == scheme).map(|(_, value)| value)
        };
        let mut timestamps = values("t");
        let timestamp = timestamps.next().ok_or(SignatureError::Timestamp("none"))?;
        if timestamps.next().is_some() {
            return Err(SignatureError::Timestamp("several"));
        }
        let is_digits = timestamp.bytes().all(|byte| byte.is_ascii_digit());
        let signed_unix = timestamp.parse().ok().filter(|_| is_digits);
        let signed_unix = signed_unix.ok_or(SignatureError::Timestamp("no number"))?;
        let signatures: Vec<_> = values("v1").collect();
        if signatures.is_empty() {
            return Err(SignatureError::NoSignature);
        }
        Ok(Self { timestamp, signed_unix, signatures })
    }
}

/// Lower-case hex, as Stripe writes it: an upper-case signature is not the one that was sent.
fn hmac_hex(secret: &Secret, timestamp: &str, raw_body: &[u8]) -> String {
    // HMAC takes a key of any length; the impossible error becomes a text that matches nothing.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes()) else {
        return String::new();
    };
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(raw_body);
    hex::encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = b"{}";
    const NOW: i64 = 1_790_000_000;

    fn check(header: &str, secrets: &[&str]) -> Result<(), SignatureError> {
        let secrets: Vec<_> = secrets.iter().map(|&text| Secret::from(text)).collect();
        verify(Some(header), BODY, &secrets, NOW, TOLERANCE_SECONDS)
    }

    fn signed_at(signed_unix: i64) -> String {
        sign(&"whsec_1".into(), BODY, signed_unix)
    }

    #[test]
    fn pay_2_tolerance_holds_on_both_sides_of_now() {
        for (age, is_good) in [(0, true), (300, true), (-300, true), (301, false), (-301, false)] {
            let result = check(&signed_at(NOW - age), &["whsec_1"]);
            let too_far =
                SignatureError::OutsideTolerance { age_seconds: age, tolerance_seconds: 300 };
            assert_eq!(result, if is_good { Ok(()) } else { Err(too_far) }, "for {age}");
        }
    }

    #[test]
    fn pay_2_a_blank_secret_refuses_everything() {
        let good = signed_at(NOW);
        for secrets in [&[][..], &[""], &[" \n"], &["whsec_"], &["whsec_1", ""], &["", "whsec_1"]] {
            assert_eq!(check(&good, secrets), Err(SignatureError::NoSecret), "for {secrets:?}");
        }
    }

    #[test]
    fn pay_2_odd_headers_are_refused() {
        let good = signed_at(NOW);
        let (_, v1) = good.split_once(",v1=").unwrap();
        let t = |text: &str| format!("t={text},v1={v1}");
        let upper = format!("t={NOW},v1={}", v1.to_uppercase());
        for (header, expected) in [
            (String::new(), SignatureError::Timestamp("none")),
            (t(""), SignatureError::Timestamp("no number")),
            (t("+1790000000"), SignatureError::Timestamp("no number")),
            (t("99999999999999999999"), SignatureError::Timestamp("no number")),
            (format!("{good},t={NOW}"), SignatureError::Timestamp("several")),
            (t("01790000000"), SignatureError::NoMatch),
            (format!("t={NOW}, v1={v1}"), SignatureError::NoSignature),
            (format!("t={NOW},v1"), SignatureError::NoSignature),
            (format!("t={NOW},v1="), SignatureError::NoMatch),
            (format!("t={NOW},v1={}", &v1[..63]), SignatureError::NoMatch),
            (upper, SignatureError::NoMatch),
        ] {
            assert_eq!(check(&header, &["whsec_1"]), Err(expected), "for {header:?}");
        }
    }
}
