//! Where clients pay, for tests: a Stripe that knows one key, and the function that takes its webhooks.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::sync::Arc;

use aws_lc_rs::hmac;
use axum::Router;
use axum::http::{HeaderMap, StatusCode, header};
use chrono::TimeDelta;
use serde_json::{Value, json};
use services::webhook::{Delivery, GatewayAccess, Webhooks};

use crate::world::World;

pub const PATH: &str = "/firm/v1/gateways";
pub const KEY: &str = "sk_live_thegoodkey51";
pub const BAD_KEY: &str = "sk_live_revokedkey52";
pub const FIRST: &str = "whsec_firstsecret53";
pub const SECOND: &str = "whsec_secondsecret54";

/// A Stripe that knows one key and no payment.
async fn stripe() -> String {
    let answer = async |headers: HeaderMap| {
        let is_good = headers[header::AUTHORIZATION].to_str().unwrap() == format!("Bearer {KEY}");
        let (status, code) = match is_good {
            true => (StatusCode::NOT_FOUND, "resource_missing"),
            false => (StatusCode::UNAUTHORIZED, "api_key_expired"),
        };
        let error = json!({"error": {"type": "invalid_request_error", "code": code}});
        (status, axum::Json(error))
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let app = Router::new().fallback(answer);
    tokio::spawn(async move { axum::serve(listener, app).await });
    url
}

pub async fn world() -> (World, Webhooks) {
    let url = stripe().await;
    let world = World::with_stripe_at(Some(url.clone())).await;
    let access = GatewayAccess {
        transport: gateways::Transport::new(gateways::Timeouts::default()),
        urls: platform::config::GatewayUrls { stripe: Some(url), ..Default::default() },
        public_url: "https://portal.example".to_owned(),
    };
    let seal = Arc::new(platform::seal::LocalSeal::new(&[7; 32]).unwrap());
    let webhooks = Webhooks::new(world.dynamo.clone(), seal, access);
    (world, webhooks)
}

pub fn new(key: &str) -> Value {
    json!({"gateway": "stripe", "mode": "live", "credentials": {"key": key}})
}

pub async fn connect(world: &World, new: Value) -> Value {
    world.post("adam", PATH, new).await.expect(201)
}

/// What the payment function would say to an event that the gateway signed with that secret.
pub async fn arrives(world: &World, webhooks: &Webhooks, id: &str, secret: &str) -> String {
    world.clock.advance(TimeDelta::seconds(30));
    let now = world.now();
    let body = json!({
        "id": format!("evt_{}", now.timestamp()), "object": "event", "type": "customer.created",
        "livemode": true, "created": now.timestamp(),
        "data": {"object": {"id": "cus_1", "object": "customer"}},
    });
    let body = body.to_string();
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes());
    let tag = hmac::sign(&key, format!("{}.{body}", now.timestamp()).as_bytes());
    let hex: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let signature = format!("t={},v1={hex}", now.timestamp());
    let mut headers = HeaderMap::new();
    headers.insert("stripe-signature", signature.parse().unwrap());
    let body = body.as_bytes();
    let delivery = Delivery { gateway: "stripe", endpoint: id, headers: &headers, body };
    match webhooks.take(&delivery, now).await {
        Ok(taken) => taken.as_str().to_owned(),
        Err(error) => error.to_string(),
    }
}
