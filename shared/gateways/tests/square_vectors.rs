//! Square's webhooks, genuine and forged, each with the right verdict and, where it is genuine, with what it
//! says (PAY-2).

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

use std::collections::BTreeMap;

use gateways::square::signature;
use gateways::square::webhook::{self, Told, WebhookError};
use gateways::{Hint, Mode, Secret};
use proptest::prelude::*;
use serde::Deserialize;

const VECTORS: &str = include_str!("fixtures/square_vectors.json");

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    url: String,
    secrets: Vec<String>,
    headers: BTreeMap<String, String>,
    body: String,
    expected: String,
    fact: Option<Fact>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Fact {
    event_id: String,
    r#type: String,
    amount_minor: u64,
    currency: String,
    reference: Option<String>,
    status: Option<String>,
    account: Option<String>,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str::<File>(VECTORS).unwrap().vectors
}

fn header(vector: &Vector) -> Option<&str> {
    vector.headers.get(signature::HEADER).map(String::as_str)
}

fn receive(vector: &Vector, header: Option<&str>, raw_body: &[u8]) -> Result<Told, WebhookError> {
    let secrets: Vec<_> = vector.secrets.iter().map(|text| Secret::from(text.as_str())).collect();
    webhook::receive(header, &vector.url, raw_body, &secrets, Mode::Live)
}

fn fact(told: &Told) -> Fact {
    let amount = told.event.claim.amount.unwrap();
    Fact {
        event_id: told.event.id.to_string(),
        r#type: told.event.kind.clone(),
        amount_minor: amount.minor(),
        currency: amount.currency().to_string(),
        reference: told.event.claim.reference.clone(),
        status: told.status.clone(),
        account: told.merchant.clone(),
    }
}

#[test]
fn pay_2_every_vector_has_the_right_verdict_and_facts() {
    let vectors = vectors();
    let accepted = vectors.iter().filter(|vector| vector.expected == "accept").count();
    assert_eq!((vectors.len(), accepted), (12, 5));
    for vector in &vectors {
        let result = receive(vector, header(vector), vector.body.as_bytes());
        match vector.expected.as_str() {
            "accept" => {
                let told = result.unwrap_or_else(|error| panic!("{}: {error:?}", vector.id));
                assert_eq!(Some(fact(&told)), vector.fact, "{}", vector.id);
                assert_eq!(told.event.account.as_deref(), Some("S8GWD5R9QB376"), "{}", vector.id);
                let hint = told.event.hint.unwrap();
                let is_right = match told.event.kind.as_str() {
                    "refund.updated" => matches!(hint, Hint::Refund(_)),
                    _ => matches!(hint, Hint::Payment(_)),
                };
                assert!(is_right, "{}: {hint:?}", vector.id);
            }
            "reject" => assert!(matches!(result, Err(WebhookError::Signature(_))), "{}", vector.id),
            other => panic!("{}: verdict {other:?}", vector.id),
        }
    }
}

#[test]
fn pay_2_no_bit_of_a_signed_body_address_or_header_can_be_changed() {
    let vector = vectors().into_iter().find(|vector| vector.id == "square-08").unwrap();
    let flipped = |bytes: &[u8], bit: usize| {
        let mut changed = bytes.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        changed
    };
    let body = vector.body.as_bytes();
    for bit in 0..body.len() * 8 {
        let result = receive(&vector, header(&vector), &flipped(body, bit));
        assert!(result.is_err(), "bit {bit} of the body");
    }
    let genuine = header(&vector).unwrap();
    for bit in 0..genuine.len() * 8 {
        let Ok(changed) = String::from_utf8(flipped(genuine.as_bytes(), bit)) else { continue };
        assert!(receive(&vector, Some(&changed), body).is_err(), "bit {bit} of the header");
    }
    let secrets = [Secret::from(vector.secrets[0].as_str())];
    for bit in 0..vector.url.len() * 8 {
        let Ok(url) = String::from_utf8(flipped(vector.url.as_bytes(), bit)) else { continue };
        let result = signature::verify(header(&vector), &url, body, &secrets);
        assert!(result.is_err(), "bit {bit} of the address");
    }
}

fn verify(header: &str, url: &str, body: &[u8], secret: &str) -> bool {
    signature::verify(Some(header), url, body, &[secret.into()]).is_ok()
}

proptest! {
    #[test]
    fn pay_2_only_what_was_signed_verifies(
        body in prop::collection::vec(any::<u8>(), 1..512),
        secret in "[a-zA-Z0-9_-]{1,40}",
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let url = "https://hooks.example.com/square/acme";
        let header = signature::sign(&secret.as_str().into(), url, &body);
        prop_assert!(verify(&header, url, &body, &secret));
        let mut changed = body.clone();
        let at = at.index(body.len());
        changed[at] = byte;
        prop_assert_eq!(verify(&header, url, &changed, &secret), changed == body);
        let (mut longer, mut shorter) = (body.clone(), body.clone());
        longer.insert(at, byte);
        shorter.remove(at);
        prop_assert!(!verify(&header, url, &longer, &secret));
        prop_assert!(!verify(&header, url, &shorter, &secret));
        let longer_url = format!("{url}/");
        prop_assert!(!verify(&header, &longer_url, &body, &secret));
        let other_secret = secret + "x";
        prop_assert!(!verify(&header, url, &body, &other_secret));
    }

    #[test]
    fn pay_2_no_header_makes_it_panic(header in "\\PC*", body in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(!verify(&header, "https://hooks.example.com", &body, "key-1"));
    }

    #[test]
    fn pay_2_no_body_makes_it_panic(body in "\\PC*") {
        let _ = webhook::parse(body.as_bytes(), Mode::Test);
    }
}
