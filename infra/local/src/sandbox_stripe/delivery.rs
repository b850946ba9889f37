//! Webhooks: signed as Stripe signs them, and handed over until somebody takes them.

use std::time::Duration;

use axum::http::header::CONTENT_TYPE;
use gateways::Secret;
use gateways::stripe::signature;
use serde::{Deserialize, Serialize};

use super::objects::Event;
use super::{Endpoint, SandboxStripe};

/// As long as an HTTP API may take to answer.
const POST_TIMEOUT: Duration = Duration::from_secs(30);

/// One attempt to deliver an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The event.
    pub event: String,
    /// The `Stripe-Signature` header.
    pub header: String,
    /// The exact bytes that were signed.
    pub body: String,
}

/// The header and body of an event, as Stripe would send it at that time.
pub fn signed_webhook(event: &Event, secret: &Secret, now_unix: i64) -> (String, String) {
    let body = super::render::plain(event).to_string();
    (signature::sign(secret, body.as_bytes(), now_unix), body)
}

impl SandboxStripe {
    /// What Stripe would send now: every event that no endpoint took yet, signed afresh.
    pub fn deliveries(&self, secret: &Secret) -> Vec<Delivery> {
        let now = self.now();
        let faults = self.faults().clone();
        let times = if faults.deliver_twice { 2 } else { 1 };
        let book = self.book();
        let due = book.events.values().filter(|event| 0 < event.pending_webhooks);
        let mut deliveries: Vec<_> = due
            .flat_map(|event| {
                let (header, body) = signed_webhook(event, secret, now);
                let delivery = Delivery { event: event.id.clone(), header, body };
                std::iter::repeat_n(delivery, times)
            })
            .collect();
        if faults.deliver_backwards {
            deliveries.reverse();
        }
        deliveries
    }

    /// Posts every due event to the shop's endpoint. Whoever calls this while another posts waits for
    /// both: when it answers, each event of before was answered or has to come again.
    pub(super) async fn post_webhooks(&self) {
        let Some(Endpoint { url, signing }) = self.shop().webhook else { return };
        let _posting = self.inner.posting.lock().await;
        let deliveries = self.deliveries(&signing);
        for delivery in &deliveries {
            let request = self.inner.client.post(&url).header("Stripe-Signature", &delivery.header);
            let request = request.header(CONTENT_TYPE, "application/json").timeout(POST_TIMEOUT);
            let answer = request.body(delivery.body.clone()).send().await;
            // No answer at all: Stripe would try again as well.
            if answer.is_ok_and(|answer| answer.status().is_success()) {
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
