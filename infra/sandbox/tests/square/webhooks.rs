//! Webhooks on their way, as badly as told; and a book that outlives its process.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use gateways::{Gateway, Hint, Incoming, ReceiveError};
use sandbox::faults::Faults;
use sandbox::outbox::Delivery;
use sandbox::square::{Act, Book, Endpoint, SANDBOX_KEY, SandboxSquare, Shop};

use crate::bench::{Bench, LOCATION, SECRET, START, by_bank, by_card, id};

async fn receive(
    bench: &Bench,
    delivery: &Delivery,
) -> Result<gateways::WebhookEvent, ReceiveError> {
    let Delivery { headers, body, .. } = delivery;
    bench.square.receive(Incoming { headers, body, now_unix: bench.now() }).await
}

#[tokio::test]
async fn pay_2_webhooks_are_signed_for_address_and_body() {
    let bench = Bench::start().await;
    let (_, payment) = bench.paid(by_card).await;
    let endpoint = bench.endpoint();
    let deliveries = bench.sandbox.deliveries(&endpoint);
    assert_eq!(deliveries.len(), 2);
    for delivery in &deliveries {
        let event = receive(&bench, delivery).await.unwrap();
        assert_eq!(event.hint, Some(Hint::Payment(id(&payment))));
        assert_eq!(event.account.as_deref(), Some(LOCATION));
        assert_eq!(event.claim.amount.unwrap().minor(), 125_000);
    }
    for other in [
        Endpoint { url: "https://hooks.example.com/square/acme".to_owned(), ..endpoint.clone() },
        Endpoint { signing: "another".into(), ..endpoint.clone() },
    ] {
        let error = receive(&bench, &bench.sandbox.deliveries(&other)[0]).await.unwrap_err();
        assert!(matches!(error, ReceiveError::NoMatch), "{error:?}");
    }
    let mut twice = deliveries[0].clone();
    let signature = twice.headers.get("x-square-hmacsha256-signature").unwrap().clone();
    twice.headers.append("x-square-hmacsha256-signature", signature);
    let error = receive(&bench, &twice).await.unwrap_err();
    assert!(matches!(error, ReceiveError::NotAuthentic(_)), "{error:?}");

    bench.sandbox.set_faults(Faults { corrupt_webhooks: 1, ..Faults::default() });
    let error = receive(&bench, &bench.sandbox.deliveries(&endpoint)[0]).await.unwrap_err();
    assert!(matches!(error, ReceiveError::NoMatch), "{error:?}");
    bench.sandbox.set_faults(Faults {
        drop_webhooks: 1,
        deliver_twice: true,
        deliver_backwards: true,
        ..Faults::default()
    });
    assert_eq!(bench.sandbox.deliveries(&endpoint).len(), 2, "one lost, one twice");
    bench.sandbox.set_faults(Faults::default());
    for delivery in bench.sandbox.deliveries(&endpoint) {
        assert!(bench.sandbox.taken(&delivery.event));
    }
    assert_eq!(bench.sandbox.deliveries(&endpoint), []);
    assert!(!bench.sandbox.taken("evt-none"));
}

type Posted = Arc<Mutex<Vec<(HeaderMap, Bytes)>>>;

async fn keep(State(posted): State<Posted>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let mut posted = posted.lock().unwrap();
    posted.push((headers, body));
    // The first time nobody is at home.
    if posted.len() == 1 { StatusCode::BAD_GATEWAY } else { StatusCode::NO_CONTENT }
}

#[tokio::test]
async fn pay_2_the_shop_is_told_until_it_takes_what_it_is_told() {
    let bench = Bench::start().await;
    let posted = Posted::default();
    let app = Router::new().route("/hook", post(keep)).with_state(posted.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, app).await });
    let webhook = Some(Endpoint { url: url.clone(), signing: SECRET.into() });
    bench.sandbox.set_shop(Shop { name: "Acme".to_owned(), webhook });
    let (_, payment) = bench.paid(by_bank).await;
    bench.sandbox.go_on().await;
    assert_eq!(posted.lock().unwrap().len(), 1);
    bench.sandbox.begin_day("2026-09-24".parse().unwrap()).await;
    assert_eq!(posted.lock().unwrap().len(), 3, "once more, and that it cleared");
    bench.sandbox.go_on().await;
    assert_eq!(posted.lock().unwrap().len(), 3);
    for (headers, body) in posted.lock().unwrap().iter() {
        let header = headers.get(gateways::square::signature::HEADER).unwrap().to_str().unwrap();
        let secrets = [SECRET.into()];
        gateways::square::signature::verify(Some(header), &url, body, &secrets).unwrap();
        assert!(String::from_utf8_lossy(body).contains(&payment));
    }
}

#[tokio::test]
async fn a_book_is_kept_in_its_file() {
    fn write(path: &std::path::Path, bytes: &[u8]) -> std::io::Result<()> {
        std::fs::write(path, bytes)
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("square.json");
    let now = Arc::new(|| START);
    let sandbox = SandboxSquare::open(SANDBOX_KEY.into(), now.clone(), &path, write).unwrap();
    let sell = Act::Sell {
        amount: 700,
        currency: "USD".to_owned(),
        by: sandbox::square::PayBy::Card,
        location: LOCATION.to_owned(),
        reference: None,
    };
    let sold = sandbox.act(sell).unwrap().object;
    drop(sandbox);
    let again = SandboxSquare::open(SANDBOX_KEY.into(), now.clone(), &path, write).unwrap();
    let book = again.snapshot();
    assert!(serde_json::to_value(&book).unwrap()["payments"][&sold].is_object());
    let bench = Bench::with_book(book).await;
    assert_eq!(bench.facts(&sold).await.amount.minor(), 700);
    std::fs::write(&path, "no book").unwrap();
    assert!(SandboxSquare::open(SANDBOX_KEY.into(), now, &path, write).is_err());
    let empty = serde_json::from_str::<Book>("{}").unwrap();
    assert_eq!(serde_json::to_value(empty).unwrap()["payments"], serde_json::json!({}));
}
