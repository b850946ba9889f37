//! Stripe's webhooks, genuine and forged, each with the right verdict and, where it is genuine, with
//! what it says (PAY-2).

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

use std::collections::BTreeMap;

use gateways::stripe::signature::{self, TOLERANCE_SECONDS};
use gateways::stripe::webhook::{self, WebhookError};
use gateways::{Hint, Mode, Secret, WebhookEvent};
use proptest::prelude::*;
use serde::Deserialize;

const VECTORS: &str = include_str!("fixtures/stripe_vectors.json");

#[derive(Deserialize)]
struct File {
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    secrets: Vec<String>,
    headers: BTreeMap<String, String>,
    body: String,
    transport: Option<Transport>,
    now_unix: i64,
    tolerance_seconds: u32,
    expected: String,
    fact: Option<Fact>,
}

#[derive(Deserialize)]
struct Transport {
    body_base64: String,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Fact {
    event_id: String,
    r#type: String,
    amount_minor: u64,
    currency: String,
    reference: String,
    livemode: bool,
    account: Option<String>,
    occurred_unix: i64,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str::<File>(VECTORS).unwrap().vectors
}

fn header(vector: &Vector) -> Option<&str> {
    vector.headers.get("Stripe-Signature").map(String::as_str)
}

fn receive(
    vector: &Vector,
    header: Option<&str>,
    raw_body: &[u8],
) -> Result<WebhookEvent, WebhookError> {
    let secrets: Vec<_> = vector.secrets.iter().map(|text| Secret::from(text.as_str())).collect();
    webhook::receive(header, raw_body, &secrets, vector.now_unix, vector.tolerance_seconds)
}

fn fact(event: &WebhookEvent) -> Fact {
    let amount = event.claim.amount.unwrap();
    Fact {
        event_id: event.id.to_string(),
        r#type: event.kind.clone(),
        amount_minor: amount.minor(),
        currency: amount.currency().to_string(),
        reference: event.claim.reference.clone().unwrap(),
        livemode: event.mode == Mode::Live,
        account: event.account.clone(),
        occurred_unix: event.created_unix,
    }
}

#[test]
fn pay_2_every_vector_has_the_right_verdict_and_facts() {
    let vectors = vectors();
    let accepted = vectors.iter().filter(|vector| vector.expected == "accept").count();
    assert_eq!((vectors.len(), accepted), (20, 7));
    for vector in &vectors {
        let result = receive(vector, header(vector), vector.body.as_bytes());
        match vector.expected.as_str() {
            "accept" => {
                let event = result.unwrap_or_else(|error| panic!("{}: {error:?}", vector.id));
                assert_eq!(Some(fact(&event)), vector.fact, "{}", vector.id);
                assert!(matches!(event.hint, Some(Hint::Checkout(_))), "{}", vector.id);
            }
            "reject" => assert!(matches!(result, Err(WebhookError::Signature(_))), "{}", vector.id),
            other => panic!("{}: verdict {other:?}", vector.id),
        }
    }
}

#[test]
fn pay_2_a_body_that_came_in_base64_is_verified_decoded() {
    use base64::Engine;
    let vectors = vectors();
    let (vector, transport) =
        vectors.iter().find_map(|vector| Some((vector, vector.transport.as_ref()?))).unwrap();
    let decoded = base64::engine::general_purpose::STANDARD.decode(&transport.body_base64).unwrap();
    assert_eq!(decoded, vector.body.as_bytes());
    assert!(receive(vector, header(vector), &decoded).is_ok());
    assert!(receive(vector, header(vector), transport.body_base64.as_bytes()).is_err());
}

#[test]
fn pay_2_no_bit_of_a_signed_body_can_be_changed() {
    let vector = vectors().into_iter().find(|vector| vector.id == "stripe-13").unwrap();
    let body = vector.body.as_bytes();
    for bit in 0..body.len() * 8 {
        let mut changed = body.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(receive(&vector, header(&vector), &changed).is_err(), "bit {bit} of the body");
    }
}

#[test]
fn pay_2_no_bit_of_the_header_can_be_changed() {
    let vector = vectors().into_iter().find(|vector| vector.id == "stripe-01").unwrap();
    let genuine = header(&vector).unwrap();
    for bit in 0..genuine.len() * 8 {
        let mut changed = genuine.as_bytes().to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        let Ok(changed) = String::from_utf8(changed) else { continue };
        let result = receive(&vector, Some(&changed), vector.body.as_bytes());
        assert!(result.is_err(), "bit {bit} of the header");
    }
}

fn verify(header: &str, body: &[u8], secret: &str, now: i64) -> bool {
    signature::verify(Some(header), body, &[secret.into()], now, TOLERANCE_SECONDS).is_ok()
}

proptest! {
    #[test]
    fn pay_2_only_what_was_signed_verifies(
        body in prop::collection::vec(any::<u8>(), 1..512),
        secret in "whsec_[a-zA-Z0-9]{1,40}",
        signed in 0..4_000_000_000_i64,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let header = signature::sign(&secret.as_str().into(), &body, signed);
        prop_assert!(verify(&header, &body, &secret, signed));
        let mut changed = body.clone();
        let at = at.index(body.len());
        changed[at] = byte;
        prop_assert_eq!(verify(&header, &changed, &secret, signed), changed == body);
        let (mut longer, mut shorter) = (body.clone(), body.clone());
        longer.insert(at, byte);
        shorter.remove(at);
        prop_assert!(!verify(&header, &longer, &secret, signed));
        prop_assert!(!verify(&header, &shorter, &secret, signed));
        let other_secret = secret + "x";
        prop_assert!(!verify(&header, &body, &other_secret, signed));
    }

    #[test]
    fn pay_2_no_header_makes_it_panic(header in "\\PC*", body in prop::collection::vec(any::<u8>(), 0..64)) {
        prop_assert!(!verify(&header, &body, "whsec_1", 0));
    }

    #[test]
    fn pay_2_no_body_makes_it_panic(body in "\\PC*") {
        let _ = webhook::parse(body.as_bytes());
    }
}
