//! How a question reaches a gateway: one pooled client for all firms, explicit time-outs, bounded
//! answers, and a second try only for what can be asked twice: a question, or what is sent under a key.
//!
//! Neither keys nor bodies are logged; a path holds only ids.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::header::HeaderMap;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode, Url};
use serde::Serialize;
use tracing::{debug, warn};

use crate::{ConfigError, GatewayError, IdempotencyKey};

/// The longest answer that is read: Stripe's longest page, 100 refunds, is a tenth of it.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// How long to wait, for what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// For the connection, TLS included.
    pub connect: Duration,
    /// For one answer, from asking to its last byte.
    pub answer: Duration,
    /// For one conversation, which may be several questions, each tried twice.
    pub total: Duration,
    /// Before the second try.
    pub pause: Duration,
}

impl Default for Timeouts {
    /// A webhook is answered after the reading, well inside an HTTP API's 30 seconds; what takes
    /// longer is left to the sweeper.
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(3),
            answer: Duration::from_secs(6),
            total: Duration::from_secs(15),
            pause: Duration::from_millis(250),
        }
    }
}

/// The connections to gateways, shared by all firms and cheap to clone.
///
/// The client is made for the first question: loading the public roots takes longer than all else that a
/// function does to start, and most of what `jobs` does asks no gateway.
#[derive(Debug, Clone)]
pub struct Transport {
    client: Arc<OnceLock<Client>>,
    timeouts: Timeouts,
    /// What PayPal's tokens and certificates are kept in, which all who ask it share as they share connections.
    pub(crate) memory: crate::paypal::Memory,
}

impl Transport {
    /// Make it once, where the function starts.
    pub fn new(timeouts: Timeouts) -> Self {
        Self { client: Arc::default(), timeouts, memory: crate::paypal::Memory::default() }
    }

    /// The client. It follows no redirect and asks no proxy: a key goes to the gateway alone.
    ///
    /// It can't be made without any root certificates; whatever was to be asked then stays to be asked.
    fn client(&self) -> Result<&Client, GatewayError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = Client::builder()
            .connect_timeout(self.timeouts.connect)
            .timeout(self.timeouts.answer)
            .redirect(Policy::none())
            .no_proxy()
            .user_agent(concat!("portcullis/", env!("CARGO_PKG_VERSION")))
            .build();
        let no_client = |error| {
            let what = "no HTTP client could be made".to_owned();
            GatewayError::Down { what, source: Some(error) }
        };
        let client = client.map_err(no_client)?;
        Ok(self.client.get_or_init(|| client))
    }

    /// Ends a conversation that takes longer than all of it may.
    pub(crate) async fn within_total<T, E: From<GatewayError>>(
        &self,
        conversation: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.client()?; // making it takes none of the conversation's time
        let total = self.timeouts.total;
        let late = || GatewayError::down(format!("the whole took longer than {total:?}"));
        tokio::time::timeout(total, conversation).await.unwrap_or_else(|_| Err(late().into()))
    }

    /// Asks; once more after a 5xx, a time-out or a lost connection, since reading twice does nothing.
    pub(crate) async fn get(&self, url: Url, headers: &HeaderMap) -> Result<Answer, GatewayError> {
        let client = self.client()?;
        self.twice(|| client.get(url.clone()).headers(headers.clone())).await
    }

    /// Sends a form; once more as above, since under the same key it is done once.
    pub(crate) async fn post(
        &self,
        url: Url,
        headers: &HeaderMap,
        key: &IdempotencyKey,
        form: &[(String, String)],
    ) -> Result<Answer, GatewayError> {
        let client = self.client()?;
        let request = || client.post(url.clone()).headers(headers.clone()).form(form);
        self.twice(|| request().header("idempotency-key", key.as_str())).await
    }

    /// Sends a form once. An answer that is lost is the caller's to find out about.
    pub(crate) async fn post_once(
        &self,
        url: Url,
        headers: &HeaderMap,
        key: &IdempotencyKey,
        form: &[(String, String)],
    ) -> Result<Answer, GatewayError> {
        let request = self.client()?.post(url).headers(headers.clone()).form(form);
        once(request.header("idempotency-key", key.as_str())).await
    }

    /// As long as is waited before the second try.
    pub(crate) async fn pause(&self) {
        tokio::time::sleep(self.timeouts.pause).await;
    }

    /// Sends JSON; once more as above only if `can_repeat`: the body or the header holds a key, or sending it
    /// again does no more than sending it once.
    pub(crate) async fn post_json(
        &self,
        url: Url,
        headers: &HeaderMap,
        key_header: Option<(&'static str, &str)>,
        body: &impl Serialize,
        can_repeat: bool,
    ) -> Result<Answer, GatewayError> {
        let client = self.client()?;
        let request = || {
            let request = client.post(url.clone()).headers(headers.clone()).json(body);
            match key_header {
                Some((name, key)) => request.header(name, key),
                None => request,
            }
        };
        if can_repeat { self.twice(request).await } else { once(request()).await }
    }

    /// Sends a form that changes nothing by being sent, such as for a token to ask with; once more as above.
    pub(crate) async fn ask_with_form(
        &self,
        url: Url,
        headers: &HeaderMap,
        form: &[(&str, &str)],
    ) -> Result<Answer, GatewayError> {
        let client = self.client()?;
        self.twice(|| client.post(url.clone()).headers(headers.clone()).form(form)).await
    }

    /// Sets fields to what they may have been already; once more as above.
    pub(crate) async fn patch_json(
        &self,
        url: Url,
        headers: &HeaderMap,
        body: &impl Serialize,
    ) -> Result<Answer, GatewayError> {
        let client = self.client()?;
        self.twice(|| client.patch(url.clone()).headers(headers.clone()).json(body)).await
    }

    /// Removes; once more as above, since what is gone stays gone.
    pub(crate) async fn delete(
        &self,
        url: Url,
        headers: &HeaderMap,
    ) -> Result<Answer, GatewayError> {
        let client = self.client()?;
        self.twice(|| client.delete(url.clone()).headers(headers.clone())).await
    }

    async fn twice(&self, request: impl Fn() -> RequestBuilder) -> Result<Answer, GatewayError> {
        match once(request()).await {
            Err(GatewayError::Down { what, .. }) => {
                warn!("Asking a gateway again: {what}");
                self.pause().await;
                once(request()).await
            }
            other => other,
        }
    }
}

async fn once(request: RequestBuilder) -> Result<Answer, GatewayError> {
    let response = request.send().await.map_err(lost)?;
    let (path, status) = (response.url().path().to_owned(), response.status());
    debug!(path, status = status.as_u16(), "A gateway answered");
    if status.is_server_error() {
        return Err(GatewayError::down(format!("status {}", status.as_u16())));
    }
    Ok(Answer { status, body: read(response).await? })
}

/// Any answer but a 5xx.
pub(crate) struct Answer {
    pub status: StatusCode,
    pub body: Bytes,
}

async fn read(mut response: Response) -> Result<Bytes, GatewayError> {
    let mut body = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(lost)? {
        if MAX_ANSWER_BYTES < body.len() + chunk.len() {
            let what = format!("an answer longer than {MAX_ANSWER_BYTES} bytes");
            return Err(GatewayError::malformed(what));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}

fn lost(error: reqwest::Error) -> GatewayError {
    let what = if error.is_connect() {
        "no connection"
    } else if error.is_timeout() {
        "no answer in time"
    } else {
        "the connection broke"
    };
    GatewayError::Down { what: what.to_owned(), source: Some(error.without_url()) }
}

/// A gateway's address without a slash at its end: encrypted, or on this very machine.
pub(crate) fn base_url(text: &str) -> Result<String, ConfigError> {
    let refused = || ConfigError::BaseUrl(text.to_owned());
    let url = Url::parse(text).map_err(|_| refused())?;
    let is_loopback = match url.host_str() {
        Some("localhost" | "127.0.0.1" | "[::1]") => true,
        Some(_) => false,
        None => return Err(refused()),
    };
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && is_loopback);
    let is_bare = url.username().is_empty() && url.query().is_none() && url.fragment().is_none();
    if !is_safe || !is_bare {
        return Err(refused());
    }
    Ok(text.trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_5_a_key_goes_out_only_encrypted_or_to_this_machine() {
        for (text, expected) in [
            ("https://api.stripe.com", Some("https://api.stripe.com")),
            ("https://api.stripe.com/", Some("https://api.stripe.com")),
            ("http://127.0.0.1:8420", Some("http://127.0.0.1:8420")),
            ("http://localhost:8080/stripe/", Some("http://localhost:8080/stripe")),
            ("http://[::1]:1", Some("http://[::1]:1")),
            ("http://api.stripe.com", None),
            ("http://127.0.0.1.example.com", None),
            ("https://user:pass@api.stripe.com", None),
            ("https://api.stripe.com?x=1", None),
            ("ftp://127.0.0.1", None),
            ("api.stripe.com", None),
            ("", None),
        ] {
            assert_eq!(base_url(text).ok().as_deref(), expected, "for {text:?}");
        }
    }
}
