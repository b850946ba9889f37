//! Webhooks: signed as Stripe signs them, and handed over until somebody takes them.

use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use gateways::Secret;
use gateways::stripe::signature;
use serde::{Deserialize, Serialize};

use super::objects::Event;
use super::render::plain;
use super::{Endpoint, SandboxStripe};
use crate::outbox::{self, News, Outbox};

/// Where Stripe puts its signature.
const SIGNATURE: HeaderName = HeaderName::from_static("stripe-signature");

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event.
    pub event: String,
    /// The `Stripe-Signature` header.
    pub header: String,
    /// The bytes; not those that were signed, where a fault changed them.
    pub body: String,
}

/// The header and body of an event, as Stripe would send it at that time.
pub fn signed_webhook(event: &Event, secret: &Secret, now_unix: i64) -> (String, String) {
    let body = plain(event).to_string();
    (signature::sign(secret, body.as_bytes(), now_unix), body)
}

impl From<outbox::Delivery> for Delivery {
    fn from(delivery: outbox::Delivery) -> Self {
        let header = delivery.headers.get(&SIGNATURE).and_then(|value| value.to_str().ok());
        let header = header.unwrap_or_default().to_owned();
        let body = String::from_utf8_lossy(&delivery.body).into_owned();
        Self { event: delivery.event, header, body }
    }
}

impl SandboxStripe {
    /// What Stripe would send now: every event that no endpoint took yet, signed afresh. One that a fault
    /// drops stays undelivered for ever.
    pub fn deliveries(&self, secret: &Secret) -> Vec<Delivery> {
        self.due(secret).into_iter().map(Delivery::from).collect()
    }

    fn due(&self, secret: &Secret) -> Vec<outbox::Delivery> {
        let now = self.now();
        let mut book = self.book();
        let is_due =
            |event: &&Event| 0 < event.pending_webhooks && !book.given_up.contains(&event.id);
        let mut outbox = Outbox::default();
        for event in book.events.values().filter(is_due) {
            outbox.push(event.id.as_str(), plain(event).to_string());
        }
        let headers = |news: &News| {
            let header = signature::sign(secret, news.body.as_bytes(), now);
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.extend(HeaderValue::from_str(&header).ok().map(|value| (SIGNATURE, value)));
            headers
        };
        let due = outbox.due(&mut self.faults(), headers);
        let dropped = outbox.0.into_iter().filter(|news| news.is_taken).map(|news| news.event);
        book.given_up.extend(dropped);
        due
    }

    /// Posts every due event to the shop's endpoint. Whoever calls this while another posts waits for
    /// both: when it answers, each event of before was answered or has to come again.
    pub(super) async fn post_webhooks(&self) {
        let Some(Endpoint { url, signing }) = self.shop().webhook else { return };
        let _posting = self.inner.posting.lock().await;
        let client = self.inner.client.get_or_init(reqwest::Client::new);
        let deliveries = self.due(&signing);
        for delivery in &deliveries {
            let is_taken = |status| (200..300).contains(&status);
            if outbox::post(client, &url, delivery, is_taken).await {
                self.taken(&delivery.event);
            }
        }
        if !deliveries.is_empty() {
            self.keep(&self.book());
        }
    }

    /// Hands every due event to `post`, which answers with a status; any 2xx takes it, anything else
    /// leaves it for the next time. Answers with how many were posted.
    pub async fn deliver(&self, secret: &Secret, post: impl AsyncFn(&Delivery) -> u16) -> usize {
        let deliveries = self.deliveries(secret);
        for delivery in &deliveries {
            if (200..300).contains(&post(delivery).await) {
                self.taken(&delivery.event);
            }
        }
        deliveries.len()
    }

    /// Notes that an endpoint took an event; false if there is no such event. It is kept with the next
    /// change: an event that is delivered again after a crash does nothing.
    pub fn taken(&self, event: &str) -> bool {
        let mut book = self.book();
        let event = book.events.get_mut(event);
        event.map(|event| event.pending_webhooks = 0).is_some()
    }
}
