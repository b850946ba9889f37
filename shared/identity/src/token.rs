//! Staff tokens: signed by the issuer, for us, now (SEC-2).
//!
//! The algorithm comes from the key that the token names, never from the token: what its header says
//! is only compared with it. Time is passed in, so that a test's answer doesn't change with the day.
//! What a token says beyond who it is (roles, firm) is not read at all.

use std::collections::HashSet;
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Validation};
use serde::Deserialize;

use crate::grant::Subject;
use crate::keys::{KeySource, Keys, KeysError, NoKey};

/// How far two machines' clocks may be apart.
const LEEWAY: TimeDelta = TimeDelta::seconds(30);

/// Larger tokens don't fit the headers that a gateway in front of us takes.
const MAX_TOKEN: usize = 8 * 1024;

/// Why a token proves nobody.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// No `Authorization: Bearer …`.
    #[error("a bearer token is needed")]
    Missing,
    /// Not a signed token, or a claim is missing or of another type.
    #[error("the bearer token is not one that this service can read: {0}")]
    Malformed(&'static str),
    /// Not RS256 or ES256, or not the algorithm of its key.
    #[error("the bearer token is signed in a way that is not accepted")]
    Algorithm,
    /// No such key at the issuer.
    #[error("the bearer token is signed with a key that the issuer does not have")]
    UnknownKey,
    /// The signature isn't the key's.
    #[error("the bearer token's signature does not match")]
    Signature,
    /// Somebody else's.
    #[error("the bearer token is from another issuer")]
    Issuer,
    /// For somebody else.
    #[error("the bearer token is for another service")]
    Audience,
    /// `exp` has passed.
    #[error("the bearer token has expired")]
    Expired,
    /// `nbf` or `iat` is still to come.
    #[error("the bearer token is not valid yet")]
    NotYet,
    /// Signed in with one factor only.
    #[error("the bearer token does not say that a second factor was used")]
    OneFactor,
    /// The issuer's keys can't be had: not the caller's fault.
    #[error("the sign-in service is out of reach")]
    Keys(#[from] KeysError),
}

/// What a good token says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its `iss`.
    pub issuer: String,
    /// Its `aud`.
    pub audience: String,
    /// Whether its `amr` must name a second factor. Off for an issuer that requires one without
    /// saying so in its tokens.
    pub says_mfa: bool,
}

/// Who a token proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The issuer's name for them.
    pub subject: Subject,
    /// When they signed in, if the token says so.
    pub signed_in_at: Option<DateTime<Utc>>,
}

/// Checks tokens. One for the life of the process: it keeps the issuer's keys.
pub struct Verifier {
    expected: Expected,
    keys: Keys,
}

impl Verifier {
    /// Of tokens of that kind, with the keys from there.
    pub fn new(expected: Expected, source: Arc<dyn KeySource>) -> Self {
        Self { expected, keys: Keys::of(source) }
    }

    /// Who it is.
    ///
    /// # Errors
    /// For any token but one signed by the issuer, for us, valid now.
    pub async fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Person, TokenError> {
        let header = header(token)?;
        let key = self.keys.find(&header.key_id, now).await.map_err(|reason| match reason {
            NoKey::Unknown => TokenError::UnknownKey,
            NoKey::Unavailable(error) => TokenError::Keys(error),
        })?;
        if key.algorithm != header.algorithm {
            return Err(TokenError::Algorithm);
        }
        let token = jsonwebtoken::decode(token, &key.key, &self.validation(key.algorithm));
        self.person(token.map_err(|error| token_error(error.kind()))?.claims, now)
    }

    fn validation(&self, algorithm: Algorithm) -> Validation {
        let mut validation = Validation::new(algorithm);
        validation.set_issuer(&[&self.expected.issuer]);
        validation.set_audience(&[&self.expected.audience]);
        validation.required_spec_claims =
            HashSet::from(["iss", "aud", "exp", "sub"].map(Into::into));
        // Time is ours to check: the library reads the machine's clock.
        validation.validate_exp = false;
        validation.validate_nbf = false;
        validation
    }

    fn person(&self, claims: Claims, now: DateTime<Utc>) -> Result<Person, TokenError> {
        if instant(claims.exp)? + LEEWAY <= now {
            return Err(TokenError::Expired);
        }
        for since in [claims.nbf, claims.iat].into_iter().flatten() {
            if now + LEEWAY < instant(since)? {
                return Err(TokenError::NotYet);
            }
        }
        if self.expected.says_mfa && !claims.amr.iter().any(|method| method == "mfa") {
            return Err(TokenError::OneFactor);
        }
        let subject = claims.sub.parse().map_err(|_| TokenError::Malformed("its subject"))?;
        Ok(Person { subject, signed_in_at: claims.auth_time.map(instant).transpose()? })
    }
}

/// The claims that are read. `exp` and its like are whole seconds, as every issuer writes them.
#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: i64,
    nbf: Option<i64>,
    iat: Option<i64>,
    auth_time: Option<i64>,
    #[serde(default)]
    amr: Vec<String>,
}

struct Header {
    algorithm: Algorithm,
    key_id: String,
}

#[derive(Deserialize)]
struct RawHeader {
    alg: String,
    kid: Option<String>,
    crit: Option<serde_json::Value>,
}

fn header(token: &str) -> Result<Header, TokenError> {
    if MAX_TOKEN < token.len() {
        return Err(TokenError::Malformed("it is too long"));
    }
    let mut parts = token.split('.');
    let (Some(header), Some(_), Some(_), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(TokenError::Malformed("it does not have three parts"));
    };
    let no_header = TokenError::Malformed("its header");
    let Ok(header) = URL_SAFE_NO_PAD.decode(header) else { return Err(no_header) };
    let Ok(header) = serde_json::from_slice::<RawHeader>(&header) else { return Err(no_header) };
    let algorithm = match header.alg.as_str() {
        "RS256" => Algorithm::RS256,
        "ES256" => Algorithm::ES256,
        _ => return Err(TokenError::Algorithm),
    };
    if header.crit.is_some() {
        // RFC 7515: what is critical and not understood refuses the token; we understand nothing.
        return Err(TokenError::Malformed("it has critical extensions"));
    }
    let key_id = header.kid.ok_or(TokenError::Malformed("its header names no key"))?;
    Ok(Header { algorithm, key_id })
}

fn instant(seconds: i64) -> Result<DateTime<Utc>, TokenError> {
    // Far enough from the ends of time that the leeway can be added.
    let is_sane = (0..=253_402_300_799).contains(&seconds); // the year 9999
    let instant = is_sane.then(|| DateTime::from_timestamp(seconds, 0)).flatten();
    instant.ok_or(TokenError::Malformed("one of its times"))
}

fn token_error(kind: &ErrorKind) -> TokenError {
    match kind {
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::Algorithm,
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::MissingRequiredClaim(_)
        | ErrorKind::InvalidClaimFormat(_)
        | ErrorKind::Json(_)
        | ErrorKind::Utf8(_) => TokenError::Malformed("a claim is missing or is of another type"),
        // What is left is a signature or a key that can't be used for this token.
        _ => TokenError::Signature,
    }
}
