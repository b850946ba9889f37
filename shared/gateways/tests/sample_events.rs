//! The sample events of `payment-webhook`, taken as the function takes them. Secret and clock are those
//! of `events/payment-webhook.md`.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

use std::fs;
use std::path::{Path, PathBuf};

use aws_lambda_events::apigw::ApiGatewayV2httpRequest;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gateways::stripe::signature::{self, SignatureError, TOLERANCE_SECONDS};
use gateways::stripe::webhook::{self, WebhookError};
use gateways::{Hint, Secret};

const SECRET: &str = "whsec_sample_endpoint_of_acme";
const NOW: i64 = 1_790_000_000;
const ENDPOINT: &str = "5f1c0a9e7b3d42c68a1f0e9d7c6b5a43";

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

fn names() -> Vec<String> {
    let names = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().file_name());
    let names = names.map(|name| name.into_string().unwrap());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("payment-webhook-")).collect();
    names.sort();
    names
}

/// What became of an event, in a word and what it points to.
fn verdict(request: &ApiGatewayV2httpRequest) -> String {
    let text = request.body.as_deref().unwrap();
    let body = match request.is_base64_encoded {
        true => STANDARD.decode(text).unwrap(),
        false => text.as_bytes().to_vec(),
    };
    let header = request.headers.get("stripe-signature").map(|value| value.to_str().unwrap());
    let secret = Secret::from(SECRET);
    match webhook::receive(header, &body, std::slice::from_ref(&secret), NOW, TOLERANCE_SECONDS) {
        Ok(event) => format!("{} {:?}", event.kind, event.hint.as_ref().map(Hint::object)),
        Err(WebhookError::Signature(SignatureError::NoMatch)) => {
            format!("no match, expected {}", signature::sign(&secret, &body, NOW))
        }
        Err(error) => format!("{error:?}"),
    }
}

#[test]
fn pay_2_each_sample_event_has_its_verdict() {
    let rows = [
        ("bank-return", "charge.dispute.created Some(dp_000000000006)"),
        ("chargeback", "charge.dispute.created Some(dp_000000000006)"),
        ("other-kind", "customer.created None"),
        ("other-secret", "no match, expected t=1790000000"),
        ("paid", "checkout.session.completed Some(cs_test_000000000001)"),
        ("pending", "checkout.session.completed Some(cs_test_000000000001)"),
        ("refund", "refund.created Some(re_000000000006)"),
        ("stale", "Signature(OutsideTolerance { age_seconds: 3600, tolerance_seconds: 300 })"),
        ("tampered", "no match, expected t=1790000000"),
    ];
    let files = rows.map(|(name, _)| format!("payment-webhook-{name}.json"));
    assert_eq!(names(), files, "a sample that no row reads, or a row without its sample");
    let read_me = fs::read_to_string(folder().join("payment-webhook.md")).unwrap();
    for ((name, expected), file) in rows.iter().zip(&files) {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let request: ApiGatewayV2httpRequest = serde_json::from_str(&text).unwrap();
        assert!(verdict(&request).starts_with(expected), "{name}: {}", verdict(&request));
        assert_eq!(request.raw_path.as_deref(), Some(&*format!("/webhooks/stripe/{ENDPOINT}")));
        assert_eq!(request.path_parameters["endpoint"], ENDPOINT);
        assert_eq!(request.request_context.time_epoch, NOW * 1000);
        assert!(read_me.contains(file), "{file} is not in payment-webhook.md");
    }
    for text in [SECRET, ENDPOINT, &NOW.to_string()] {
        assert!(read_me.contains(text), "payment-webhook.md does not say {text}");
    }
}
