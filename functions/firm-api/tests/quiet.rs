//! The log of a day at the desk holds nothing of a person (SEC-5): no name, address, text or token.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use std::io;
use std::sync::{Arc, Mutex};

use axum::http::Method;
use serde_json::{Value, json};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::{Layer, Registry};
use world::World;

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

/// On one thread, so that what is logged is caught.
#[tokio::test]
async fn sec_5_what_is_logged_names_nobody() {
    let written = Written::default();
    let writer = written.clone();
    // Our crates at their loudest.
    let ours = "services=trace,firm_api=trace,unlock_approval=trace,store=trace,identity=trace,domain=trace";
    let layer =
        tracing_subscriber::fmt::layer().with_ansi(false).with_writer(move || writer.clone());
    let layer = layer.with_filter(ours.parse::<Targets>().unwrap());
    let _guard = tracing::subscriber::set_default(Registry::default().with(layer));
    let world = World::new().await;
    world.acme().await;
    let lock = json!({"reason": "Zebedee owes us records"});
    world.post("bea", "/firm/v1/clients/acme/lock", lock).await.expect(200);
    world
        .post("pia", "/firm/v1/clients/acme/notes", json!({"text": "Zebedee called"}))
        .await
        .expect(201);
    world.post("bea", "/firm/v1/clients/Zebedee", json!({"reason": "Zebedee"})).await.problem(405);
    world
        .post("bea", "/firm/v1/clients/acme/lock", json!({"raeson": "Zebedee"}))
        .await
        .problem(422);
    world.get("bea", "/firm/v1/clients/acme?search=Zebedee").await.expect(200);
    world.get("bea", "/firm/v1/clients/Zebedee").await.problem(404);
    world.ask("bea", Method::GET, "/Zebedee", Value::Null).await.problem(404);
    world.get("nobody", "/firm/v1/clients").await.problem(403);
    let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
    for expected in ["Answered POST /firm/v1/clients/{client}/lock with 200", "f-1"] {
        assert!(text.contains(expected), "{text}");
    }
    for secret in ["Zebedee", "Acme", "ann@", "eyJ", "Bearer"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
    // As words: a request's random id may hold the three letters.
    let words: Vec<_> = text.split(|letter: char| !letter.is_ascii_alphanumeric()).collect();
    for name in ["bea", "pia"] {
        assert!(!words.contains(&name), "{name} in {text}");
    }
}
