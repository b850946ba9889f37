//! The issuer's public keys, fetched when needed and kept.
//!
//! Issuers change keys now and then: a key that isn't known yet makes us look again, at most twice
//! a minute, so that made-up key ids can't turn us against the issuer. When the issuer is out of
//! reach, keys that were good a while ago go on being good. Only signing keys of the two pinned kinds
//! are kept: RSA for RS256, P-256 for ES256. A shared secret among them never becomes a key, which is
//! what makes an HS256 token signed with a public key worthless.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, KeyAlgorithm};
use jsonwebtoken::jwk::{KeyOperations, PublicKeyUse};
use jsonwebtoken::{Algorithm, DecodingKey};
use tokio::sync::{Mutex, OnceCell};
use tracing::warn;

/// Keys are looked at again after an hour, so that one that was withdrawn stops working.
const FRESH_FOR: TimeDelta = TimeDelta::hours(1);

/// How long the last known keys do when the issuer is out of reach.
const STALE_FOR: TimeDelta = TimeDelta::hours(24);

/// How often we look again for a key that isn't there.
const AGAIN_AFTER: TimeDelta = TimeDelta::seconds(30);

/// A set of keys has a few kilobytes.
const MAX_BYTES: usize = 256 * 1024;

/// A person waits for this.
const TIMEOUT: Duration = Duration::from_secs(5);

/// The issuer's keys could not be fetched.
#[derive(Debug, Clone, thiserror::Error)]
pub enum KeysError {
    /// No answer, or not a good one.
    #[error("the issuer did not give its keys")]
    Unreachable(#[source] Arc<reqwest::Error>),
    /// An answer that is none.
    #[error("the issuer's keys are {0}")]
    Unreadable(String),
}

/// Where keys come from.
#[async_trait]
pub trait KeySource: Send + Sync {
    /// All of them, as they are now.
    async fn fetch(&self) -> Result<JwkSet, KeysError>;
}

/// Keys at an address. The client, which needs the public roots, is made when it is first needed.
#[derive(Debug)]
pub struct HttpKeys {
    url: String,
    client: OnceCell<reqwest::Client>,
}

impl HttpKeys {
    /// The keys at that address, such as `https://issuer.example/.well-known/jwks.json`.
    pub fn at(url: impl Into<String>) -> Self {
        Self { url: url.into(), client: OnceCell::new() }
    }
}

#[async_trait]
impl KeySource for HttpKeys {
    async fn fetch(&self) -> Result<JwkSet, KeysError> {
        let unreachable = |error: reqwest::Error| KeysError::Unreachable(Arc::new(error));
        let make = async || reqwest::Client::builder().timeout(TIMEOUT).build();
        let client = self.client.get_or_try_init(make).await.map_err(unreachable)?;
        let response = client.get(&self.url).send().await.map_err(unreachable)?;
        let mut response = response.error_for_status().map_err(unreachable)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
            body.extend_from_slice(&chunk);
            if MAX_BYTES < body.len() {
                return Err(KeysError::Unreadable(format!("larger than {MAX_BYTES} bytes")));
            }
        }
        let no_set = |error| KeysError::Unreadable(format!("no set of keys: {error}"));
        serde_json::from_slice(&body).map_err(no_set)
    }
}

/// A key, and the one algorithm that it is good for.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) algorithm: Algorithm,
    pub(crate) key: DecodingKey,
}

/// Why there is no key.
#[derive(Debug)]
pub(crate) enum NoKey {
    Unknown,
    Unavailable(KeysError),
}

#[derive(Default)]
struct Known {
    keys: BTreeMap<String, Key>,
    fetched_at: Option<DateTime<Utc>>,
    tried_at: Option<DateTime<Utc>>,
}

/// The keys that are known.
pub(crate) struct Keys {
    source: Arc<dyn KeySource>,
    known: Mutex<Known>,
}

impl Keys {
    pub(crate) fn of(source: Arc<dyn KeySource>) -> Self {
        Self { source, known: Mutex::default() }
    }

    /// The key of that id. The lock is held while fetching, so that many requests fetch once.
    pub(crate) async fn find(&self, id: &str, now: DateTime<Utc>) -> Result<Key, NoKey> {
        let mut known = self.known.lock().await;
        if let Some(key) = known.keys.get(id)
            && is_within(known.fetched_at, now, FRESH_FOR)
        {
            return Ok(key.clone());
        }
        let was_fetched = known.fetched_at.is_some();
        if was_fetched && is_within(known.tried_at, now, AGAIN_AFTER) {
            return known.find_stale(id, now).ok_or(NoKey::Unknown);
        }
        known.tried_at = Some(now);
        match self.source.fetch().await {
            Ok(set) => {
                known.fetched_at = Some(now);
                known.keys = set.keys.iter().filter_map(usable).collect();
                known.keys.get(id).cloned().ok_or(NoKey::Unknown)
            }
            Err(error) => {
                warn!("Could not fetch the issuer's keys, going on with the last ones: {error}");
                known.find_stale(id, now).ok_or(NoKey::Unavailable(error))
            }
        }
    }
}

impl Known {
    fn find_stale(&self, id: &str, now: DateTime<Utc>) -> Option<Key> {
        is_within(self.fetched_at, now, STALE_FOR).then(|| self.keys.get(id).cloned()).flatten()
    }
}

/// A clock that was set back counts as nothing known.
fn is_within(since: Option<DateTime<Utc>>, now: DateTime<Utc>, period: TimeDelta) -> bool {
    since.is_some_and(|since| since <= now && now - since < period)
}

fn usable(jwk: &Jwk) -> Option<(String, Key)> {
    let common = &jwk.common;
    let is_for_signatures = match (&common.public_key_use, &common.key_operations) {
        (Some(purpose), _) => *purpose == PublicKeyUse::Signature,
        (None, Some(operations)) => operations.contains(&KeyOperations::Verify),
        (None, None) => true,
    };
    let (algorithm, named) = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => (Algorithm::RS256, KeyAlgorithm::RS256),
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => {
            (Algorithm::ES256, KeyAlgorithm::ES256)
        }
        _ => return None,
    };
    let is_ours = is_for_signatures && common.key_algorithm.is_none_or(|given| given == named);
    let key = DecodingKey::from_jwk(jwk).ok()?;
    is_ours.then_some((common.key_id.clone()?, Key { algorithm, key }))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as StdMutex;

    use axum::Router;
    use axum::http::StatusCode;
    use serde_json::json;
    use tokio::net::TcpListener;

    use super::*;

    /// Gives what it is told to, and counts how often it was asked.
    #[derive(Default)]
    struct Told {
        ids: StdMutex<Option<Vec<&'static str>>>,
        asked: StdMutex<u32>,
    }

    #[async_trait]
    impl KeySource for Told {
        async fn fetch(&self) -> Result<JwkSet, KeysError> {
            *self.asked.lock().unwrap() += 1;
            let ids = self.ids.lock().unwrap().clone();
            let ids = ids.ok_or_else(|| KeysError::Unreadable("none today".to_owned()))?;
            let keys: Vec<_> = ids.iter().map(|id| ec(id)).collect();
            Ok(serde_json::from_value(json!({"keys": keys})).unwrap())
        }
    }

    /// The public key of RFC 7515, A.3.
    fn ec(id: &str) -> serde_json::Value {
        json!({
            "kty": "EC", "crv": "P-256", "kid": id,
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        })
    }

    fn answer(result: Result<Key, NoKey>) -> &'static str {
        match result {
            Ok(_) => "key",
            Err(NoKey::Unknown) => "unknown",
            Err(NoKey::Unavailable(_)) => "unavailable",
        }
    }

    #[tokio::test]
    async fn sec_2_keys_are_kept_and_looked_for_again_but_not_at_every_made_up_id() {
        let told = Arc::new(Told::default());
        let keys = Keys::of(told.clone());
        let start: DateTime<Utc> = "2026-03-01T00:00:00Z".parse().unwrap();
        for (seconds, now_given, id, expected, asked) in [
            (0, None, "a", "unavailable", 1),
            (1, None, "a", "unavailable", 2), // nothing known: always tried
            (2, Some(vec!["a"]), "a", "key", 3),
            (3, Some(vec!["a"]), "a", "key", 3),
            (4, Some(vec!["a"]), "made-up-1", "unknown", 3),
            (32, Some(vec!["a"]), "made-up-1", "unknown", 4),
            (33, Some(vec!["a"]), "made-up-2", "unknown", 4),
            (61, Some(vec!["a"]), "made-up-3", "unknown", 4),
            (62, Some(vec!["a", "b"]), "b", "key", 5), // a new key
            (63, Some(vec!["b"]), "a", "key", 5),
            (62 + 3_599, Some(vec!["b"]), "a", "key", 5),
            (62 + 3_600, Some(vec!["b"]), "a", "unknown", 6), // withdrawn
            (62 + 3_601, Some(vec!["b"]), "b", "key", 6),
            (62 + 7_200, None, "b", "key", 7), // out of reach
            (62 + 7_201, None, "b", "key", 7),
            (62 + 7_230, None, "c", "unavailable", 8),
            (62 + 3_600 + 86_400, None, "b", "unavailable", 9),
            (62 + 3_600 + 86_401, None, "b", "unknown", 9),
        ] {
            *told.ids.lock().unwrap() = now_given;
            let found = keys.find(id, start + TimeDelta::seconds(seconds)).await;
            let found = (answer(found), *told.asked.lock().unwrap());
            assert_eq!(found, (expected, asked), "for {id} after {seconds} s");
        }
    }

    #[test]
    fn sec_2_only_signing_keys_of_the_pinned_kinds_are_kept() {
        let with = |name: &str, value: serde_json::Value| {
            let mut key = ec("k");
            key[name] = value;
            key
        };
        for (key, expected) in [
            (ec("k"), true),
            (with("use", json!("sig")), true),
            (with("use", json!("enc")), false),
            (with("key_ops", json!(["verify"])), true),
            (with("key_ops", json!(["encrypt"])), false),
            (with("alg", json!("ES256")), true),
            (with("alg", json!("ES384")), false),
            (with("crv", json!("P-384")), false),
            (with("x", json!("!")), false),
            (json!({"kty": "oct", "kid": "k", "k": "c2VjcmV0", "alg": "HS256"}), false),
            (json!({"kty": "EC", "crv": "P-256", "x": ec("k")["x"], "y": ec("k")["y"]}), false),
            (json!({"kty": "RSA", "kid": "k", "n": "sXch", "e": "AQAB"}), true),
            (json!({"kty": "RSA", "kid": "k", "n": "sXch", "e": "AQAB", "alg": "RS512"}), false),
            (json!({"kty": "new-kind", "kid": "k"}), false),
        ] {
            let jwk: Jwk = serde_json::from_value(key.clone()).unwrap();
            assert_eq!(usable(&jwk).is_some(), expected, "for {key}");
        }
    }

    async fn fetched(status: u16, body: String) -> Result<JwkSet, KeysError> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/jwks.json", listener.local_addr().unwrap());
        let status = StatusCode::from_u16(status).unwrap();
        let router = Router::new().fallback(move || async move { (status, body) });
        tokio::spawn(async move { axum::serve(listener, router).await });
        HttpKeys::at(url).fetch().await
    }

    #[tokio::test]
    async fn sec_2_keys_at_an_address() {
        let set = fetched(200, json!({"keys": [ec("a")]}).to_string()).await.unwrap();
        assert_eq!(set.keys.len(), 1);
        for (status, body, expected) in [
            (500, String::new(), "did not give its keys"),
            (200, "<html>".to_owned(), "no set of keys"),
            (200, " ".repeat(MAX_BYTES + 1), "larger than 262144 bytes"),
        ] {
            let error = fetched(status, body).await.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
