//! No secret of a gateway is in the table, the audit, the log or an answer (SEC-5). Alone in its process, so that
//! what is logged is caught.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod till;
mod world;

use std::io;
use std::sync::{Arc, Mutex};

use aws_sdk_dynamodb::Client;
use axum::http::Method;
use serde_json::{Value, json};
use till::{BAD_KEY, FIRST, KEY, PATH, SECOND, arrives, world};
use tracing_subscriber::Registry;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use world::{World, with_json};

#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl io::Write for Written {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Everything that stands in the table.
async fn dump(world: &World) -> String {
    let page = Client::scan(world.dynamo.client()).table_name(world.dynamo.table());
    let mut text = String::new();
    for item in page.send().await.unwrap().items() {
        for (name, value) in item {
            let bytes = value.as_b().map(|blob| blob.as_ref().to_vec()).unwrap_or_default();
            text += &format!("{name}={value:?} {}\n", String::from_utf8_lossy(&bytes));
        }
    }
    text
}

/// On one thread, so that what is logged is caught.
#[tokio::test]
async fn sec_5_no_secret_of_a_gateway_is_in_the_table_the_audit_the_log_or_an_answer() {
    let written = Written::default();
    let writer = written.clone();
    let ours = "services=trace,firm_api=trace,store=trace,gateways=trace,identity=trace";
    let layer =
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let layer = layer.with_filter(ours.parse::<Targets>().unwrap());
    let _guard = tracing::subscriber::set_default(Registry::default().with(layer));
    let (world, webhooks) = world().await;
    let mut answers = String::new();
    let with = json!({"key": KEY, "signing": [FIRST], "account": "acct_shown55"});
    let made = json!({"gateway": "stripe", "mode": "live", "credentials": with});
    let request =
        world.request("f-1", "adam", &Method::POST, PATH).header("idempotency-key", "o-1");
    let made = world.send(with_json(request, &made)).await.expect(201);
    let id = made["id"].as_str().unwrap();
    let path = format!("{PATH}/{id}");
    let both = json!({"credentials": {"signing": [SECOND]}, "keep_old": true});
    for (method, rest, body) in [
        (Method::POST, "/test", Value::Null),
        (Method::PUT, "/secrets", both),
        (Method::PUT, "/secrets", json!({"credentials": {"key": BAD_KEY}})),
        (Method::POST, "/test", Value::Null),
        (Method::PUT, "/secrets", json!({"credentials": {"sign": [SECOND]}})),
        (Method::PUT, "/secrets", json!({"credentials": SECOND})),
        (Method::POST, "/prefer", Value::Null),
        (Method::GET, "", Value::Null),
        (Method::POST, "/close", Value::Null),
    ] {
        let answer = world.ask("adam", method, &format!("{path}{rest}"), body).await;
        answers += &format!("{} {}\n", answer.status, answer.body);
    }
    arrives(&world, &webhooks, id, SECOND).await;
    arrives(&world, &webhooks, id, "whsec_another").await;
    for path in [PATH, "/firm/v1/settings", "/firm/v1/events?limit=100", "/firm/v1/me"] {
        answers += &world.get("adam", path).await.expect(200).to_string();
    }
    let log = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("Answered PUT /firm/v1/gateways/{endpoint}/secrets"), "{log}");
    let table = dump(&world).await;
    assert!(table.contains("acme") || table.contains("Bea & Partners"), "the table was read");
    assert!(table.contains(id), "the endpoint is in it");
    for (place, text) in [("table", &table), ("log", &log), ("answers", &answers)] {
        for secret in [KEY, BAD_KEY, FIRST, SECOND, "thegoodkey51", "secret53", "secret54"] {
            assert!(!text.contains(secret), "{secret} in the {place}: {text}");
        }
    }
}
