//! Asking PayPal: under a token that is kept until it expires, since asking for one each time is refused soon.
//!
//! Only one asks for a new token at a time; a token that PayPal doesn't take is replaced once.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use reqwest::{StatusCode, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::time::Instant;

use super::objects::Failure;
use super::{PayPal, certificate};
use crate::transport::Answer;
use crate::{GatewayError, IdempotencyKey};

/// PayPal's header of idempotency keys, and their longest.
const KEY_HEADER: &str = "paypal-request-id";
const MAX_KEY_BYTES: usize = 108;

/// A token is replaced this much before it expires, so that none expires on its way.
const MARGIN: Duration = Duration::from_secs(60);

/// One token for each account; a process that serves more accounts than this starts over.
const MAX_KEPT: usize = 1000;

/// «Later»: another request of the same is being done.
const BUSY: [&str; 2] = ["PREVIOUS_REQUEST_IN_PROGRESS", "ORDER_COMPLETION_IN_PROGRESS"];

/// What is kept between questions: tokens and certificates. It goes with the connections, shared by all firms,
/// and is empty until somebody asks.
#[derive(Clone, Default)]
pub struct Memory {
    tokens: Arc<Mutex<HashMap<String, Slot>>>,
    pub(super) certificates: Arc<certificate::Kept>,
}

type Slot = Arc<tokio::sync::Mutex<Option<Token>>>;

struct Token {
    header: HeaderValue,
    good_until: Instant,
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").finish_non_exhaustive()
    }
}

impl Memory {
    fn slot(&self, account: &str) -> Slot {
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if MAX_KEPT <= tokens.len() && !tokens.contains_key(account) {
            tokens.clear();
        }
        Arc::clone(tokens.entry(account.to_owned()).or_default())
    }
}

/// What is asked.
pub(super) enum Ask<'a> {
    /// To read.
    Get(&'a [(&'a str, &'a str)]),
    /// To do, once under the key.
    Post { key: &'a str, body: &'a Value },
    /// To change.
    Patch(&'a Value),
    /// To remove.
    Delete,
}

/// The key as PayPal's header takes it.
pub(super) fn request_id(key: &IdempotencyKey) -> String {
    let key = key.as_str();
    if key.len() <= MAX_KEY_BYTES {
        return key.to_owned();
    }
    hex::encode(Sha256::digest(key.as_bytes()))
}

#[derive(Deserialize)]
struct NewToken {
    access_token: String,
    expires_in: u64,
}

impl PayPal {
    /// An object.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<T, GatewayError> {
        self.read_answer(path, self.ask(path, &Ask::Get(query)).await?)
    }

    /// What was made or done.
    pub(super) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        key: &str,
        body: &Value,
    ) -> Result<T, GatewayError> {
        self.read_answer(path, self.ask(path, &Ask::Post { key, body }).await?)
    }

    /// Any answer that is no failure.
    pub(super) async fn ask(&self, path: &str, ask: &Ask<'_>) -> Result<Answer, GatewayError> {
        let token = self.token(None).await?;
        let mut answer = self.ask_with(&token, path, ask).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            let token = self.token(Some(&token)).await?;
            answer = self.ask_with(&token, path, ask).await?;
        }
        if answer.status.is_success() {
            return Ok(answer);
        }
        Err(failure(answer.status, &answer.body, path))
    }

    fn read_answer<T: DeserializeOwned>(
        &self,
        path: &str,
        answer: Answer,
    ) -> Result<T, GatewayError> {
        let unreadable = |error| GatewayError::malformed(format!("{path}: {error}"));
        serde_json::from_slice(&answer.body).map_err(unreadable)
    }

    async fn ask_with(
        &self,
        token: &HeaderValue,
        path: &str,
        ask: &Ask<'_>,
    ) -> Result<Answer, GatewayError> {
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, token.clone());
        // The whole object, and not only its id.
        headers.insert("prefer", HeaderValue::from_static("return=representation"));
        let mut url = self.url(path)?;
        match ask {
            Ask::Get(query) => {
                if !query.is_empty() {
                    url.query_pairs_mut().extend_pairs(query.iter());
                }
                self.transport.get(url, &headers).await
            }
            Ask::Post { key, body } => {
                let key = Some((KEY_HEADER, *key));
                self.transport.post_json(url, &headers, key, body, true).await
            }
            Ask::Patch(body) => self.transport.patch_json(url, &headers, body).await,
            Ask::Delete => self.transport.delete(url, &headers).await,
        }
    }

    fn url(&self, path: &str) -> Result<Url, GatewayError> {
        let url = Url::parse(&format!("{}/{path}", self.base_url));
        url.map_err(|_| GatewayError::malformed(format!("{path:?} is no path")))
    }

    /// The token that is kept, or a new one if that is over or `refused`.
    async fn token(&self, refused: Option<&HeaderValue>) -> Result<HeaderValue, GatewayError> {
        let slot = self.transport.memory.slot(&self.account);
        let mut kept = slot.lock().await;
        if let Some(token) = kept.as_ref()
            && Instant::now() < token.good_until
            && refused != Some(&token.header)
        {
            return Ok(token.header.clone());
        }
        *kept = None;
        let token = self.new_token().await?;
        let header = token.header.clone();
        *kept = Some(token);
        Ok(header)
    }

    async fn new_token(&self) -> Result<Token, GatewayError> {
        let path = "v1/oauth2/token";
        let sign_in = STANDARD.encode(format!("{}:{}", self.client_id, self.key.expose()));
        let mut headers = HeaderMap::new();
        headers.insert(AUTHORIZATION, secret_header("Basic", &sign_in)?);
        let form = [("grant_type", "client_credentials")];
        let answer = self.transport.ask_with_form(self.url(path)?, &headers, &form).await?;
        if !answer.status.is_success() {
            return Err(failure(answer.status, &answer.body, path));
        }
        // Its text can hold the token, so it is not quoted.
        let token: NewToken = serde_json::from_slice(&answer.body)
            .map_err(|_| GatewayError::malformed("oauth2/token: no token that can be read"))?;
        let lives = Duration::from_secs(token.expires_in).saturating_sub(MARGIN);
        let good_until = Instant::now().checked_add(lives);
        Ok(Token {
            header: secret_header("Bearer", &token.access_token)?,
            good_until: good_until.unwrap_or_else(Instant::now),
        })
    }
}

fn secret_header(scheme: &str, text: &str) -> Result<HeaderValue, GatewayError> {
    let header = HeaderValue::from_str(&format!("{scheme} {text}"));
    let mut header =
        header.map_err(|_| GatewayError::malformed("a token that no header can carry"))?;
    header.set_sensitive(true);
    Ok(header)
}

/// What a failure means for whoever asked.
fn failure(status: StatusCode, body: &[u8], path: &str) -> GatewayError {
    let code = serde_json::from_slice::<Failure>(body).unwrap_or_default().code();
    let number = status.as_u16();
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            GatewayError::Refused { status: number, code }
        }
        StatusCode::NOT_FOUND => GatewayError::NotFound { object: path.to_owned() },
        StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS => {
            GatewayError::down(format!("status {number} ({code})"))
        }
        _ if BUSY.contains(&code.as_str()) => {
            GatewayError::down(format!("status {number} ({code})"))
        }
        _ => GatewayError::Rejected { status: number, code },
    }
}
