//! What is sent to Stripe, and what it says instead of doing it.

use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

use super::Stripe;
use super::objects::{Failure, FailureDetails};
use super::read_back::failure;
use crate::transport::Answer;
use crate::{GatewayError, IdempotencyKey};

/// What a key that was used for something else is answered with.
const KEY_REUSED: &str = "idempotency_error";

/// What a sum below its least is answered with.
pub(super) const TOO_SMALL: &str = "amount_too_small";

/// What became of a request that arrived.
pub(super) enum Posted<T> {
    /// It was done.
    Done(T),
    /// It was not.
    Refused(Refusal),
}

/// Why something was not done.
pub(super) struct Refusal {
    pub status: StatusCode,
    pub said: FailureDetails,
    path: String,
}

impl Refusal {
    /// The key was used before, for something else.
    pub fn is_key_reused(&self) -> bool {
        self.said.kind.as_deref() == Some(KEY_REUSED) && self.status == StatusCode::BAD_REQUEST
    }

    pub fn code(&self) -> &str {
        self.said.code.as_deref().unwrap_or_default()
    }

    pub fn into_error(self) -> GatewayError {
        failure(self.status, self.said, &self.path)
    }
}

impl<T> Posted<T> {
    /// Where no refusal is expected.
    pub fn done(self) -> Result<T, GatewayError> {
        match self {
            Self::Done(object) => Ok(object),
            Self::Refused(refusal) => Err(refusal.into_error()),
        }
    }
}

/// A form's pairs, in the order in which they were added.
#[derive(Default)]
pub(super) struct Form(pub Vec<(String, String)>);

impl Form {
    pub fn add(&mut self, name: impl Into<String>, value: impl Into<String>) {
        self.0.push((name.into(), value.into()));
    }
}

/// The key of one step of what `key` names: under one key Stripe does one thing.
pub(super) fn step(key: &IdempotencyKey, name: &str) -> Result<IdempotencyKey, GatewayError> {
    let text = format!("{key}/{name}");
    let short = || format!("{}/{name}", hex::encode(Sha256::digest(key.as_str()))).parse();
    let no_key = |error| GatewayError::malformed(format!("the key of {name:?}: {error}"));
    text.parse().or_else(|_| short()).map_err(no_key)
}

impl Stripe {
    /// Sends a form; once more when the answer is lost, since under the same key it is done once.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        form: &[(String, String)],
        key: &IdempotencyKey,
    ) -> Result<Posted<T>, GatewayError> {
        let url = self.url(path)?;
        posted(kind, path, self.transport.post(url, &self.headers, key, form).await?)
    }

    /// Sends a form once: whoever asks looks what became of it before it is sent again.
    pub(super) async fn post_once<T: DeserializeOwned>(
        &self,
        kind: &str,
        path: &str,
        form: &[(String, String)],
        key: &IdempotencyKey,
    ) -> Result<Posted<T>, GatewayError> {
        let url = self.url(path)?;
        posted(kind, path, self.transport.post_once(url, &self.headers, key, form).await?)
    }

    fn url(&self, path: &str) -> Result<Url, GatewayError> {
        let url = Url::parse(&format!("{}/v1/{path}", self.base_url));
        url.map_err(|_| GatewayError::malformed(format!("{path:?} is no path")))
    }
}

fn posted<T: DeserializeOwned>(
    kind: &str,
    path: &str,
    answer: Answer,
) -> Result<Posted<T>, GatewayError> {
    if answer.status != StatusCode::OK {
        let failure: Failure = serde_json::from_slice(&answer.body).unwrap_or_default();
        let (said, path) = (failure.error, path.to_owned());
        return Ok(Posted::Refused(Refusal { status: answer.status, said, path }));
    }
    let unreadable = |error| GatewayError::malformed(format!("{kind}: {error}"));
    serde_json::from_slice(&answer.body).map(Posted::Done).map_err(unreadable)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chg_1_each_step_has_a_key_of_its_own_however_long_the_first_is() {
        let key: IdempotencyKey = "charge/acme/1".parse().unwrap();
        assert_eq!(step(&key, "make").unwrap().as_str(), "charge/acme/1/make");
        let long = |end: &str| format!("{}{end}", "k".repeat(254)).parse::<IdempotencyKey>();
        let (one, two) = (step(&long("1").unwrap(), "make"), step(&long("2").unwrap(), "make"));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(one, two);
        assert_eq!(one.as_str().len(), 64 + "/make".len());
    }
}
