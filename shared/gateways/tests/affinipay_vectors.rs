//! AffiniPay's webhooks, genuine and forged, each with what the gateway answers when it is asked, the right
//! verdict and, where it is genuine, what it says (PAY-2).

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

use std::time::Duration;

use domain::invoice::Deposit;
use domain::money::Currency;
use gateways::affinipay::{AffiniPay, Brand, Config, DepositAccount};
use gateways::{
    Gateway, GatewayError, Hint, Incoming, Method, Mode, ReadBack, ReceiveError, Timeouts,
    Transport, WebhookEvent,
};
use proptest::prelude::*;
use reqwest::header::HeaderMap;
use serde::Deserialize;
use serde_json::{Value, json};
use wiremock::matchers::{header, method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const VECTORS: &str = include_str!("fixtures/affinipay_vectors.json");

/// Quick, so that a gateway that is down is known to be.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    answer: Duration::from_secs(5),
    total: Duration::from_secs(20),
    pause: Duration::from_millis(1),
};

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    secrets: Vec<String>,
    body: String,
    now_unix: i64,
    known_account_ids: Vec<String>,
    refetch: Option<Refetch>,
    expected: String,
    #[serde(default)]
    retryable: bool,
    fact: Option<Fact>,
}

#[derive(Deserialize)]
struct Refetch {
    method: String,
    path: String,
    headers: Headers,
    response_status: u16,
    response_body: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Headers {
    authorization: String,
    accept: String,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Fact {
    event_id: String,
    r#type: String,
    amount_minor: u64,
    currency: String,
    reference: String,
    status: String,
    account: String,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str::<File>(VECTORS).unwrap().vectors
}

/// The gateway as the vector has it: it answers that one question, and is asked no other.
async fn gateway(vector: &Vector) -> MockServer {
    let server = MockServer::start().await;
    if let Some(refetch) = &vector.refetch {
        let mut answer = ResponseTemplate::new(refetch.response_status);
        if let Some(body) = &refetch.response_body {
            answer = answer.set_body_raw(body.as_bytes(), "application/json");
        }
        // What is not answered is asked once more.
        let times = if refetch.response_status < 500 { 1 } else { 2 };
        Mock::given(method(refetch.method.as_str()))
            .and(path(refetch.path.as_str()))
            .and(header("authorization", refetch.headers.authorization.as_str()))
            .and(header("accept", refetch.headers.accept.as_str()))
            .respond_with(answer)
            .expect(times)
            .mount(&server)
            .await;
    }
    server
}

fn adapter(key: &str, accounts: &[String], base_url: String) -> AffiniPay {
    let account = |(index, id): (usize, &String)| DepositAccount {
        id: id.parse().unwrap(),
        deposit: Deposit::Operating,
        method: [Method::Ach, Method::Card][index].clone(),
        currency: Currency::USD,
        page_url: None,
    };
    let config = Config {
        brand: Brand::LawPay,
        key: key.into(),
        mode: Mode::Live,
        accounts: accounts.iter().enumerate().map(account).collect(),
        base_url,
    };
    AffiniPay::new(Transport::new(TIMEOUTS), &config).unwrap()
}

async fn receive(affinipay: &AffiniPay, body: &[u8]) -> Result<WebhookEvent, ReceiveError> {
    let headers = HeaderMap::new();
    affinipay.receive(Incoming { headers: &headers, body, now_unix: 0 }).await
}

/// The event's own part; state and account are those of the payment that it leads to.
fn fact(event: &WebhookEvent, transaction: &Value) -> Fact {
    let amount = event.claim.amount.unwrap();
    let text = |field: &str| transaction[field].as_str().unwrap().to_owned();
    Fact {
        event_id: event.id.to_string(),
        r#type: event.kind.clone(),
        amount_minor: amount.minor(),
        currency: amount.currency().to_string(),
        reference: event.claim.reference.clone().unwrap(),
        status: text("status"),
        account: text("account_id"),
    }
}

#[tokio::test]
async fn pay_2_every_vector_has_the_right_verdict_and_facts() {
    let vectors = vectors();
    let accepted = vectors.iter().filter(|vector| vector.expected == "accept").count();
    assert_eq!((vectors.len(), accepted), (6, 1));
    for vector in &vectors {
        let server = gateway(vector).await;
        let affinipay = adapter(&vector.secrets[0], &vector.known_account_ids, server.uri());
        let received = receive(&affinipay, vector.body.as_bytes()).await;
        match (vector.expected.as_str(), vector.retryable) {
            ("accept", _) => {
                let event = received.unwrap_or_else(|error| panic!("{}: {error:?}", vector.id));
                let answer = vector.refetch.as_ref().unwrap().response_body.as_ref().unwrap();
                let answer: Value = serde_json::from_str(answer).unwrap();
                assert_eq!(Some(fact(&event, &answer["data"])), vector.fact, "{}", vector.id);
                assert_eq!(
                    event.hint,
                    Some(Hint::Payment("KZ785OcOT9eKrd9vYUHSIg".parse().unwrap()))
                );
                assert!(event.created_unix < vector.now_unix, "{}", vector.id);
            }
            ("reject", false) => {
                assert!(matches!(received, Err(ReceiveError::NotAuthentic(_))), "{}", vector.id);
            }
            ("reject", true) => {
                let Err(ReceiveError::Gateway(error)) = received else { panic!("{}", vector.id) };
                assert!(error.is_temporary(), "{}: {error}", vector.id);
            }
            other => panic!("{}: verdict {other:?}", vector.id),
        }
    }
}

/// The gateway of the first vector, which also answers for the transaction itself.
async fn genuine() -> (MockServer, AffiniPay, Vector) {
    let vector = vectors().into_iter().find(|vector| vector.id == "affinipay-01").unwrap();
    let server = MockServer::start().await;
    let answer = vector.refetch.as_ref().unwrap().response_body.clone().unwrap();
    let event: Value = serde_json::from_str(&answer).unwrap();
    let mut transaction = event["data"].clone();
    transaction["refunds"] = json!([]);
    for (at, body) in [
        ("/v1/events/gSebwTS4TSCDDAINhYVirA", event),
        ("/v1/transactions/KZ785OcOT9eKrd9vYUHSIg", transaction),
    ] {
        let answer = ResponseTemplate::new(200).set_body_json(body);
        Mock::given(path(at)).respond_with(answer).mount(&server).await;
    }
    let affinipay = adapter(&vector.secrets[0], &vector.known_account_ids, server.uri());
    (server, affinipay, vector)
}

/// What comes of a delivery: refused, or what is read back.
async fn comes_of(affinipay: &AffiniPay, body: &[u8]) -> Option<String> {
    match receive(affinipay, body).await {
        Ok(event) => {
            let read = affinipay.read_back(&event.hint.unwrap()).await.unwrap();
            let ReadBack::Payment(facts) = read else { panic!("no payment") };
            Some(format!("{} {:?} {}", facts.amount, facts.state, facts.payment))
        }
        Err(ReceiveError::NotAuthentic(_)) => None,
        Err(error) => panic!("{error:?}"),
    }
}

const TRUE: &str = "1250.00 USD Succeeded KZ785OcOT9eKrd9vYUHSIg";

#[tokio::test]
async fn pay_2_no_bit_of_a_delivery_changes_what_is_read_back() {
    let (_server, affinipay, vector) = genuine().await;
    let body = vector.body.as_bytes();
    assert_eq!(comes_of(&affinipay, body).await.as_deref(), Some(TRUE));
    let (mut refused, mut same) = (0, 0);
    for bit in 0..body.len() * 8 {
        let mut changed = body.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        match comes_of(&affinipay, &changed).await.as_deref() {
            None => refused += 1,
            Some(TRUE) => same += 1,
            Some(other) => panic!("bit {bit} of the body makes it {other}"),
        }
    }
    assert_eq!(refused + same, body.len() * 8);
    println!("{refused} changed bits are refused, {same} change nothing");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn pay_2_no_mutation_of_a_delivery_changes_what_is_read_back(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3_u8), 1..6),
        amount in any::<u32>(),
        status in "[A-Z]{1,9}",
        field in prop::sample::select(vec!["amount", "status", "reference", "account_id", "id", "currency", "x"]),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (_server, affinipay, vector) = genuine().await;
            let mut bytes = vector.body.clone().into_bytes();
            for (index, byte, how) in &changes {
                let at = index.index(bytes.len());
                match how {
                    0 => bytes[at] = *byte,
                    1 => bytes.insert(at, *byte),
                    _ => { bytes.remove(at); }
                }
            }
            let mut said: Value = serde_json::from_str(&vector.body).unwrap();
            said["data"][field] = if field == "amount" { json!(amount) } else { json!(status) };
            for body in [bytes, said.to_string().into_bytes()] {
                let came = comes_of(&affinipay, &body).await;
                assert!(came.is_none() || came.as_deref() == Some(TRUE), "{came:?}");
            }
        });
    }

    #[test]
    fn pay_2_no_body_makes_it_panic(body in prop::collection::vec(any::<u8>(), 0..256), text in "\\PC*") {
        let _ = gateways::affinipay::webhook::event_id(&body);
        let _ = gateways::affinipay::webhook::event_id(text.as_bytes());
    }
}

#[tokio::test]
async fn pay_2_an_answer_that_is_no_event_is_not_taken() {
    let good = json!({"id": "e", "created": "2026-01-01T00:00:00.000Z", "type": "x"});
    let with = |field: &str, value: Value| {
        let mut event = good.clone();
        event[field] = value;
        event
    };
    let transaction =
        json!({"id": "../x", "type": "CHARGE", "status": "S", "amount": 1, "account_id": "a"});
    for (answer, expected) in [
        (good.clone(), Ok(None)),
        (with("id", json!("other")), Err("answered with another")),
        (with("created", json!("soon")), Err("created is no moment")),
        (with("type", json!(7)), Err("expected a string")),
        (with("type", json!("transaction.completed")), Err("data: ")),
        (
            json!({"id": "e", "created": "2026-01-01T00:00:00.000Z", "type": "transaction.failed", "data": transaction}),
            Err("data.id: expected an id"),
        ),
    ] {
        let server = MockServer::start().await;
        let respond = ResponseTemplate::new(200).set_body_json(&answer);
        Mock::given(path("/v1/events/e")).respond_with(respond).mount(&server).await;
        let affinipay = adapter("k", &["a".to_owned()], server.uri());
        let received = receive(&affinipay, br#"{"id":"e"}"#).await;
        match expected {
            Ok(hint) => assert_eq!(received.unwrap().hint, hint),
            Err(text) => {
                let error = received.unwrap_err();
                assert!(matches!(error, ReceiveError::Body { .. }), "{error}");
                assert!(error.to_string().contains(text), "for {answer}: {error}");
            }
        }
    }
}

#[tokio::test]
async fn pay_2_a_revoked_key_is_no_forgery() {
    let server = MockServer::start().await;
    let body = json!({"messages": [{"code": "not_authorized", "level": "error"}]});
    let answer = ResponseTemplate::new(401).set_body_json(body);
    Mock::given(path("/v1/events/e")).respond_with(answer).mount(&server).await;
    let affinipay = adapter("k", &["a".to_owned()], server.uri());
    let error = receive(&affinipay, br#"{"id":"e"}"#).await.unwrap_err();
    let ReceiveError::Gateway(GatewayError::Refused { status, code }) = error else {
        panic!("{error:?}");
    };
    assert_eq!((status, code.as_str()), (401, "not_authorized"));
}
