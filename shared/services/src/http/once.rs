//! `Idempotency-Key`: a request that is made twice is done once.
//!
//! The key belongs to its caller and stands for one request, body and all: with another one it is
//! refused. What was done is answered again as it was; what was refused did nothing and is forgotten,
//! so that it can be made again.

use std::time::Duration;

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use http_body_util::BodyExt;
use sha2::{Digest, Sha256};
use store::{Answer, Begun, Store};

use super::problem::{Problem, ProblemKind};

/// The header.
pub const HEADER: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer is one that was given before.
pub const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The longest key: a UUID has 36 characters, some send two.
const MAX_KEY_BYTES: usize = 255;

/// How many characters name what a request makes.
const NAME: usize = 32;

/// How long the first of two is waited for, from look to look: some six seconds. What takes longer, an import,
/// is looked at where it says how far it is; a function has 29 seconds.
const WAITS_MS: [u64; 8] = [100, 200, 400, 800, 1_200, 1_600, 2_000, 0];

/// A request under a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Once {
    key: String,
    fingerprint: String,
}

/// What is kept of an answer in its place: without what is shown once and never again (SEC-5).
#[derive(Debug, Clone)]
pub struct KeptAnswer(pub String);

/// What to do with a request under a key.
#[derive(Debug)]
pub enum First {
    /// It is new: do it.
    New,
    /// It was done, and this was the answer.
    Done(Box<Response>),
}

impl Once {
    /// The key of a request, if it has one and is one that creates.
    ///
    /// # Errors
    /// For a key that is none.
    pub fn of(
        (method, uri, headers): (&Method, &Uri, &HeaderMap),
        caller: &str,
        body: &[u8],
    ) -> Result<Option<Self>, Problem> {
        let mut values = headers.get_all(HEADER).iter();
        let Some(value) = values.next().filter(|_| method == Method::POST) else { return Ok(None) };
        let text = value.to_str().unwrap_or_default();
        if text.is_empty() || MAX_KEY_BYTES < text.len() || values.next().is_some() {
            let detail = format!("one key of 1 to {MAX_KEY_BYTES} visible characters is expected");
            return Err(Problem::malformed(detail).of("Idempotency-Key"));
        }
        Ok(Some(Self {
            key: key(caller, text),
            fingerprint: hash(&[method.as_str().as_bytes(), uri.to_string().as_bytes(), body]),
        }))
    }

    /// A name for what this request makes: the same whenever it is made.
    pub fn name(&self) -> &str {
        &self.key[..NAME]
    }

    /// The name that a caller's request under that key will have.
    pub fn name_of(caller: &str, text: &str) -> String {
        key(caller, text)[..NAME].to_owned()
    }

    /// Begins it. While the same is being done elsewhere, as after a second press of a button, its answer is
    /// waited for and given: it is this request's as well.
    ///
    /// # Errors
    /// [`ProblemKind::Invalid`], if the key was used for another request;
    /// [`ProblemKind::Conflict`], if it goes on being done.
    pub async fn begin(&self, store: &Store, now: DateTime<Utc>) -> Result<First, Problem> {
        for wait in WAITS_MS {
            match store.begin_request(&self.key, &self.fingerprint, now).await? {
                Begun::New => return Ok(First::New),
                Begun::Answered(answer) => return Ok(First::Done(Box::new(replay(answer)))),
                Begun::Running => tokio::time::sleep(Duration::from_millis(wait)).await,
                Begun::Other => {
                    let detail = "this key was used for another request";
                    return Err(Problem::invalid("Idempotency-Key", detail));
                }
            }
        }
        let detail =
            "this was sent before and is still being done; look in a moment whether it is there";
        Err(Problem::new(ProblemKind::Conflict, detail).of("Idempotency-Key"))
    }

    /// Keeps the answer of what was done, and forgets what wasn't.
    ///
    /// # Errors
    /// Whatever writing has, where nothing was done.
    pub async fn end(&self, store: &Store, response: Response) -> Result<Response, Problem> {
        if !response.status().is_success() {
            store.forget_request(&self.key).await?;
            return Ok(response);
        }
        let (mut parts, body) = response.into_parts();
        let body: Bytes = match body.collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) => return Err(Problem::internal(&error)),
        };
        let kept = parts.extensions.remove::<KeptAnswer>().map(|KeptAnswer(text)| text);
        let text = kept.unwrap_or_else(|| String::from_utf8_lossy(&body).into_owned());
        let answer = Answer { status: parts.status.as_u16(), body: text };
        // It is done: that its answer can't be kept is no reason to say otherwise.
        if let Err(error) = store.answer_request(&self.key, &answer).await {
            tracing::warn!("Could not keep an answer: {}", platform::log::chain(&error));
        }
        Ok(Response::from_parts(parts, body.into()))
    }
}

fn replay(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let json = HeaderValue::from_static("application/json");
    let replayed = HeaderValue::from_static("true");
    (status, [(header::CONTENT_TYPE, json), (REPLAYED, replayed)], answer.body).into_response()
}

/// A key of one caller is no other's.
fn key(caller: &str, text: &str) -> String {
    hash(&[caller.as_bytes(), text.as_bytes()])
}

/// Of parts that can't run into each other.
fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn once(
        method: Method,
        path: &'static str,
        key: &str,
        caller: &str,
        body: &str,
    ) -> Option<Once> {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, key.parse().unwrap());
        let request = (&method, &Uri::from_static(path), &headers);
        Once::of(request, caller, body.as_bytes()).unwrap()
    }

    #[test]
    fn a_key_belongs_to_its_caller_and_stands_for_one_request() {
        let first = once(Method::POST, "/a", "k", "bea", "{}").unwrap();
        for (method, path, key, caller, body, is_same) in [
            (Method::POST, "/a", "k", "bea", "{}", (true, true)),
            (Method::POST, "/a", "k", "bea", "{ }", (true, false)),
            (Method::POST, "/b", "k", "bea", "{}", (true, false)),
            (Method::POST, "/a", "k", "pat", "{}", (false, true)),
            (Method::POST, "/a", "l", "bea", "{}", (false, true)),
        ] {
            let other = once(method, path, key, caller, body).unwrap();
            let same = (other.key == first.key, other.fingerprint == first.fingerprint);
            assert_eq!(same, is_same, "for {path} {key} {caller} {body}");
        }
        assert_eq!(once(Method::GET, "/a", "k", "bea", ""), None);
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, "x".repeat(MAX_KEY_BYTES + 1).parse().unwrap());
        assert!(Once::of((&Method::POST, &Uri::from_static("/a"), &headers), "bea", b"").is_err());
    }
}
