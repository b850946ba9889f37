//! PayPal's webhooks, genuine and forged, each with the right verdict and, where it is genuine, with what it
//! says; and that what it says is never believed (PAY-2).

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

use std::collections::BTreeMap;

use gateways::paypal::signature::Transmission;
use gateways::paypal::{
    Certificates, Roots, check_certificate, read_certificates, signature, webhook,
};
use gateways::{Hint, Incoming, Mode, WebhookEvent};
use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

const VECTORS: &str = include_str!("fixtures/paypal_vectors.json");

#[derive(Deserialize)]
struct File {
    trusted_ca_pem: String,
    certificates: BTreeMap<String, String>,
    vectors: Vec<Vector>,
}

#[derive(Deserialize)]
struct Vector {
    id: String,
    webhook_id: String,
    headers: BTreeMap<String, String>,
    body: String,
    certificate: String,
    now_unix: i64,
    expected: String,
    fact: Option<Fact>,
    #[serde(default)]
    forged: bool,
    server_side_truth: Option<Value>,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Fact {
    event_id: String,
    r#type: String,
    amount_minor: u64,
    currency: String,
    reference: String,
}

fn file() -> File {
    serde_json::from_str(VECTORS).unwrap()
}

fn headers(vector: &Vector) -> HeaderMap {
    let pair = |(name, value): (&String, &String)| {
        let name: HeaderName = name.to_ascii_lowercase().parse().unwrap();
        (name, HeaderValue::from_str(value).unwrap())
    };
    vector.headers.iter().map(pair).collect()
}

/// The mode is that of the host which the certificate is said to be at, as the firm's is.
fn mode(vector: &Vector) -> Mode {
    let url = vector.headers.get("PAYPAL-CERT-URL").unwrap();
    if url.contains("sandbox") { Mode::Test } else { Mode::Live }
}

/// All that the adapter does with a delivery, but fetching the certificate.
fn receive(file: &File, vector: &Vector, body: &[u8]) -> Result<WebhookEvent, String> {
    let (headers, now_unix) = (headers(vector), vector.now_unix);
    let incoming = Incoming { headers: &headers, body, now_unix };
    let transmission = Transmission::read(&incoming).map_err(|error| error.to_string())?;
    let mut certificates = Certificates::of_paypal(mode(vector));
    certificates.roots = Roots::These(file.trusted_ca_pem.clone());
    let address = certificates.address(transmission.certificate_url);
    address.map_err(|error| error.to_string())?;
    let pem = &file.certificates[&vector.certificate];
    let chain = read_certificates(pem.as_bytes()).map_err(|error| error.to_string())?;
    check_certificate(&chain, &certificates, now_unix).map_err(|error| error.to_string())?;
    let ids = ["9ZZ88888ZZ888888Z".to_owned(), vector.webhook_id.clone()];
    transmission.verify(body, &ids, &chain).map_err(|error| error.to_string())?;
    webhook::parse(body, mode(vector)).map_err(|error| error.to_string())
}

fn fact(event: &WebhookEvent) -> Fact {
    let amount = event.claim.amount.unwrap();
    Fact {
        event_id: event.id.to_string(),
        r#type: event.kind.clone(),
        amount_minor: amount.minor(),
        currency: amount.currency().to_string(),
        reference: event.claim.reference.clone().unwrap(),
    }
}

#[test]
fn pay_2_every_vector_has_the_right_verdict_and_facts() {
    let file = file();
    let accepted = file.vectors.iter().filter(|vector| vector.expected == "accept").count();
    assert_eq!((file.vectors.len(), accepted), (19, 5));
    for vector in &file.vectors {
        let result = receive(&file, vector, vector.body.as_bytes());
        match vector.expected.as_str() {
            "accept" => {
                let event = result.unwrap_or_else(|error| panic!("{}: {error}", vector.id));
                assert_eq!(vector.fact.is_none(), vector.forged, "{}", vector.id);
                if let Some(expected) = &vector.fact {
                    assert_eq!(&fact(&event), expected, "{}", vector.id);
                }
            }
            "reject" => assert!(result.is_err(), "{}", vector.id),
            other => panic!("{}: verdict {other:?}", vector.id),
        }
    }
}

#[test]
fn pay_2_each_refusal_has_its_own_reason() {
    let file = file();
    for (id, expected) in [
        ("paypal-02", "matches no configured webhook id"),
        ("paypal-04", "matches no configured webhook id"),
        ("paypal-05", "is no address of PayPal's certificates"),
        ("paypal-06", "is no address of PayPal's certificates"),
        ("paypal-07", "is no address of PayPal's certificates"),
        ("paypal-08", "is no address of PayPal's certificates"),
        ("paypal-09", "certificate is not PayPal's: UnknownIssuer"),
        ("paypal-10", "certificate is not PayPal's"),
        ("paypal-11", "certificate is not PayPal's: CertExpired"),
        ("paypal-12", "certificate is not PayPal's: made out to \"www.evil.example\""),
        ("paypal-13", "paypal-transmission-sig is missing"),
        ("paypal-14", "signed with \"SHA1withRSA\""),
    ] {
        let vector = file.vectors.iter().find(|vector| vector.id == id).unwrap();
        let error = receive(&file, vector, vector.body.as_bytes()).unwrap_err();
        assert!(error.contains(expected), "{id}: {error}");
    }
}

/// The check can't see this forgery, which is why its amount is shown as a claim and applied nowhere: the
/// payment that it names is asked for, and has another.
#[test]
fn pay_2_a_forgery_that_passes_the_check_is_a_question_and_no_money() {
    let file = file();
    let forged = file.vectors.iter().find(|vector| vector.forged).unwrap();
    let event = receive(&file, forged, forged.body.as_bytes()).unwrap();
    assert_eq!(event.claim.amount.unwrap().to_string(), "9250.00 USD");
    let truth = forged.server_side_truth.as_ref().unwrap();
    assert_eq!(truth["amount"]["value"], "1250.00");
    let Some(Hint::Payment(capture)) = event.hint else { panic!("no payment") };
    let path = truth["path"].as_str().unwrap();
    assert_eq!(path, format!("/v2/payments/captures/{capture}"));
}

#[test]
fn pay_2_a_webhook_of_test_mode_is_refused_in_live_mode() {
    let file = file();
    let vector = file.vectors.iter().find(|vector| vector.id == "paypal-16").unwrap();
    let url = &vector.headers["PAYPAL-CERT-URL"];
    assert!(Certificates::of_paypal(Mode::Test).address(url).is_ok());
    assert!(Certificates::of_paypal(Mode::Live).address(url).is_err());
}

#[test]
fn pay_2_no_blank_webhook_id_matches() {
    let file = file();
    let vector = &file.vectors[0];
    let headers = headers(vector);
    let body = vector.body.as_bytes();
    let incoming = Incoming { headers: &headers, body, now_unix: vector.now_unix };
    let transmission = Transmission::read(&incoming).unwrap();
    let chain = read_certificates(file.certificates[&vector.certificate].as_bytes()).unwrap();
    for ids in [vec![], vec![String::new()], vec![" ".to_owned()]] {
        let error = transmission.verify(body, &ids, &chain).unwrap_err();
        assert_eq!(error, signature::SignatureError::NoWebhookId);
    }
}

#[test]
fn pay_2_a_header_that_is_said_twice_is_refused() {
    let file = file();
    let vector = &file.vectors[0];
    for name in [
        signature::ID_HEADER,
        signature::TIME_HEADER,
        signature::SIGNATURE_HEADER,
        signature::CERTIFICATE_HEADER,
        signature::ALGORITHM_HEADER,
    ] {
        let mut headers = headers(vector);
        let value = headers[name].clone();
        headers.append(name, value);
        let incoming = Incoming { headers: &headers, body: b"{}", now_unix: vector.now_unix };
        assert_eq!(
            Transmission::read(&incoming).unwrap_err(),
            signature::SignatureError::Header(name)
        );
    }
}

#[test]
fn pay_2_no_bit_of_the_body_can_be_changed_alone() {
    let file = file();
    let vector = &file.vectors[0];
    let headers = headers(vector);
    let body = vector.body.as_bytes();
    let now_unix = vector.now_unix;
    let incoming = Incoming { headers: &headers, body, now_unix };
    let transmission = Transmission::read(&incoming).unwrap();
    let chain = read_certificates(file.certificates[&vector.certificate].as_bytes()).unwrap();
    let ids = [vector.webhook_id.clone()];
    assert!(transmission.verify(body, &ids, &chain).is_ok());
    for bit in 0..body.len() * 8 {
        let mut changed = body.to_vec();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(transmission.verify(&changed, &ids, &chain).is_err(), "bit {bit} of the body");
    }
}

proptest! {
    #[test]
    fn pay_2_no_body_makes_it_panic(body in "\\PC*") {
        let _ = webhook::parse(body.as_bytes(), Mode::Test);
    }

    #[test]
    fn pay_2_no_certificate_makes_it_panic(pem in prop::collection::vec(any::<u8>(), 0..256), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let _ = read_certificates(&pem);
        let file = file();
        let mut chain = read_certificates(file.certificates["cert_1"].as_bytes()).unwrap();
        let mut der = chain[0].to_vec();
        let index = at.index(der.len());
        let is_changed = der[index] != byte;
        der[index] = byte;
        chain[0] = der.into();
        let mut certificates = Certificates::of_paypal(Mode::Live);
        certificates.roots = Roots::These(file.trusted_ca_pem);
        prop_assert_eq!(check_certificate(&chain, &certificates, 1_790_000_003).is_err(), is_changed);
    }
}
