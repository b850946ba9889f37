//! Webhooks: signed as Square signs them, and handed over until somebody takes them.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use gateways::Secret;
use gateways::square::signature;

use super::{Endpoint, SandboxSquare};
use crate::outbox::{self, Delivery, News};

/// Where Square puts its signature.
const SIGNATURE: HeaderName = HeaderName::from_static(signature::HEADER);

/// The headers that go with a body to that address, as Square would send it.
pub fn signed_webhook(url: &str, secret: &Secret, body: &[u8]) -> HeaderMap {
    let header = signature::sign(secret, url, body);
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend(HeaderValue::from_str(&header).ok().map(|value| (SIGNATURE, value)));
    headers
}

impl SandboxSquare {
    /// What Square would send to that endpoint now: every event that nobody took yet.
    pub fn deliveries(&self, endpoint: &Endpoint) -> Vec<Delivery> {
        let headers =
            |news: &News| signed_webhook(&endpoint.url, &endpoint.signing, news.body.as_bytes());
        let mut book = self.book();
        book.outbox.due(&mut self.faults(), headers)
    }

    /// Posts every due event to the shop's endpoint. Whoever calls this while another posts waits for both: when it
    /// answers, each event of before was answered or has to come again.
    pub(super) async fn post_webhooks(&self) {
        let Some(endpoint) = self.shop().webhook else { return };
        let _posting = self.inner.posting.lock().await;
        let deliveries = self.deliveries(&endpoint);
        let client = self.inner.client.get_or_init(reqwest::Client::new);
        for delivery in &deliveries {
            let is_taken = |status| (200..300).contains(&status);
            if outbox::post(client, &endpoint.url, delivery, is_taken).await {
                self.taken(&delivery.event);
            }
        }
        if !deliveries.is_empty() {
            self.keep(&self.book());
        }
    }

    /// Notes that an endpoint took an event; false if there is no such event. It is kept with the next change: an
    /// event that is delivered again after a crash does nothing.
    pub fn taken(&self, event: &str) -> bool {
        self.book().outbox.taken(event)
    }
}
