//! The OpenAPI document says what a caller needs; the samples in `events/` are requests that arrive
//! where they should.

mod world;

use std::fs;
use std::path::{Path, PathBuf};

use lambda_http::RequestExt;
use lambda_http::request::from_str;
use serde_json::Value;
use services::http::document::merge;
use world::{Token, World, is_unlock, token};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_document_says_what_a_caller_needs() {
    let document = merge([firm_api::openapi(), unlock_approval::openapi()]);
    let document = serde_json::to_value(document).unwrap();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let at = format!("{method} {path}");
            assert!(operation["summary"].is_string(), "{at}");
            assert!(operation["operationId"].is_string(), "{at}");
            assert!(!operation["security"].as_array().unwrap().is_empty(), "{at}");
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert_eq!(problem["schema"]["$ref"], "#/components/schemas/Problem", "{at}");
            let names: Vec<_> = operation["parameters"]
                .as_array()
                .unwrap()
                .iter()
                .map(|p| p["name"].clone())
                .collect();
            assert!(names.contains(&"X-Portcullis-Firm".into()), "{at}");
            assert_eq!(names.contains(&"Idempotency-Key".into()), method == "post", "{at}");
            for part in path.split('/').filter_map(|part| part.strip_prefix('{')) {
                assert!(names.contains(&part.trim_end_matches('}').into()), "{at}: {part}");
            }
        }
    }
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
}

/// A token is good for an hour, so that the samples hold `TOKEN` in its place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_samples_arrive() {
    let world = World::new().await;
    world.acme().await;
    world
        .post("bea", "/firm/v1/clients/acme/lock", serde_json::json!({"reason": "no records"}))
        .await
        .expect(200);
    for (name, expected) in [
        ("firm-api-me.json", 200),
        ("firm-api-open-client.json", 201),
        ("firm-api-clients.json", 200),
        ("firm-api-client.json", 200),
        ("firm-api-issue-invoice.json", 201),
        ("firm-api-record-check.json", 201),
        ("firm-api-import.json", 202),
        ("firm-api-arm-policy.json", 428),
        ("firm-api-bad-amount.json", 422),
        ("unlock-approval-ask.json", 201),
        ("unlock-approval-pending.json", 200),
        ("unlock-approval-approve.json", 200),
        ("unlock-approval-exception.json", 409),
    ] {
        let text = fs::read_to_string(root().join("events").join(name)).unwrap();
        let event: Value = serde_json::from_str(&text).unwrap();
        let who = event["headers"]["authorization"].as_str().unwrap();
        let who = who.strip_prefix("Bearer TOKEN-OF-").unwrap();
        let text = text.replace(&format!("TOKEN-OF-{who}"), &token(who, Token::Good, world.now()));
        let request = from_str(&text).unwrap();
        assert_eq!(
            is_unlock(request.raw_http_path()),
            name.starts_with("unlock-approval"),
            "{name}"
        );
        let (parts, body) = request.into_parts();
        let body: &[u8] = &body;
        let request = http::Request::from_parts(parts, axum::body::Body::from(body.to_vec()));
        let answer = world.send(request).await;
        assert_eq!(answer.status, expected, "{name}: {}", answer.body);
    }
    // Each sample is read here.
    let rows = include_str!("document.rs");
    for entry in fs::read_dir(root().join("events")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let is_ours = name.starts_with("firm-api-") || name.starts_with("unlock-approval-");
        assert!(!is_ours || rows.contains(&format!("\"{name}\"")), "no test reads {name}");
    }
}
