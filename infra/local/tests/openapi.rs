//! The committed OpenAPI document is what `portcullis openapi` prints.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

fn printed() -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_portcullis")).arg("openapi").output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

/// `PORTCULLIS_UPDATE=1` writes it.
#[test]
fn the_committed_document_is_the_codes() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../openapi.json");
    let text = printed();
    if std::env::var_os("PORTCULLIS_UPDATE").is_some() {
        fs::write(&path, &text).unwrap();
    }
    let committed = fs::read_to_string(&path).unwrap();
    assert!(
        committed == text,
        "infra/openapi.json is not what portcullis openapi prints; PORTCULLIS_UPDATE=1 writes it"
    );
}

#[test]
fn sec_2_the_staffs_token_is_asked_for_where_staff_call_and_nowhere_else() {
    let document: Value = serde_json::from_str(&printed()).unwrap();
    let mut counted = [0, 0];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let is_staffs = path.starts_with("/firm/v1/");
            counted[usize::from(is_staffs)] += 1;
            let asks = operation["security"].to_string().contains("staff_token");
            assert_eq!(asks, is_staffs, "{method} {path}");
            let parameters = operation["parameters"].to_string();
            assert_eq!(parameters.contains("X-Portcullis-Firm"), is_staffs, "{method} {path}");
        }
    }
    assert!(counted.iter().all(|count| 0 < *count), "{counted:?}");
}
