//! From nothing to the first lock on the command line: a firm is opened, people let in, a gateway connected, a
//! ledger brought in, days run; and at each step `doctor` says what is still missing.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use chrono::Days;
use platform::clock::{Clock, SystemClock};
use serde_json::Value;
use up::{letters, portcullis, run};

fn done(data: &Path, arguments: &[&str]) -> String {
    let (code, text) = run(data, arguments);
    assert_eq!(code, Some(0), "{arguments:?}: {text}");
    text
}

fn refused(data: &Path, arguments: &[&str], expected: &str) {
    let (code, text) = run(data, arguments);
    assert_eq!(code, Some(2), "{arguments:?}: {text}");
    assert!(text.contains(expected), "{arguments:?}: {text}");
}

/// With something on the standard input.
fn told(data: &Path, arguments: &[&str], input: &str) -> (Option<i32>, String) {
    let mut command = portcullis();
    command.args(arguments).arg("--data").arg(data);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut process = command.spawn().unwrap();
    process.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = process.wait_with_output().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(text).unwrap())
}

/// What `doctor` says isn't well, and its exit code.
fn ailments(data: &Path, firm: &[&str]) -> (Option<i32>, Vec<String>) {
    let (code, text) = run(data, &[&["doctor", "--json"], firm].concat());
    let findings = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let ailing = findings.filter(|finding| finding["health"] != "well").map(|finding| {
        assert!(!finding["remedy"].as_str().unwrap().is_empty(), "{finding}");
        finding["what"].as_str().unwrap().to_owned()
    });
    (code, ailing.collect())
}

const OPEN: [&str; 9] =
    ["firm", "open", "--firm", "oak", "--name", "Oak & Co", "--zone", "America/New_York", "--test"];

fn grant<'a>(staff: &'a str, role: &'a str) -> [&'a str; 12] {
    let (firm, subject) = ("--firm", "--subject");
    [
        "firm", "grant", firm, "oak", subject, staff, "--staff", staff, "--name", staff, "--role",
        role,
    ]
}

#[test]
fn a_firm_is_opened_and_locks_its_first_client() {
    let folder = tempfile::tempdir().unwrap();
    let data = &folder.path().join("data");
    let oak = ["--firm", "oak"];
    assert_eq!(ailments(data, &oak), (Some(1), vec!["There is no such firm.".to_owned()]));
    assert_eq!(ailments(data, &[]).1, ["There is no firm but perhaps test firms."]);

    refused(data, &grant("bea", "billing_lead"), "there is no firm oak");
    let text = done(data, &OPEN);
    assert!(text.contains("firm oak is open, under policy cpa"), "{text}");
    refused(data, &OPEN, "there is a firm oak already: Oak & Co");
    let (code, ailing) = ailments(data, &oak);
    assert_eq!(code, Some(0));
    assert_eq!(
        ailing,
        [
            "nobody works there as an admin",
            "nobody works there as a partner",
            "nobody works there as a billing lead",
            "letters lack the firm's postal address",
            "no gateway is connected: nobody can pay online",
        ]
    );

    for (staff, role) in [("ada", "admin"), ("pat", "partner"), ("bea", "billing_lead")] {
        done(data, &grant(staff, role));
    }
    refused(data, &grant("bea", "boss"), "boss");
    let gateway = ["firm", "gateway", "--firm", "oak"];
    let (code, text) = told(data, &gateway, r#"{"key": "sk_live_51"}"#);
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("sk_test_") && !text.contains("sk_live_51"), "{text}");
    let live = [&gateway[..], &["--live"]].concat();
    let (code, text) = told(data, &live, r#"{"key": "sk_live_51"}"#);
    assert!(code == Some(2) && text.contains("TEST-1"), "{text}");
    let (code, text) = told(data, &gateway, r#"{"key": "sk_test_51"}"#);
    assert_eq!(code, Some(0), "{text}");
    let id = text.split("/webhooks/stripe/").nth(1).unwrap().split(' ').next().unwrap();
    let again = [&gateway[..], &["--endpoint-id", id]].concat();
    let (code, text) = told(data, &again, r#"{"key": "sk_test_51", "signing": ["whsec_1"]}"#);
    assert!(code == Some(0) && text.contains("stripe is connected"), "{text}");
    assert_eq!(ailments(data, &oak).1, ["letters lack the firm's postal address"]);

    first_lock(data);
    let text = done(data, &["audit", "verify", "--firm", "oak"]);
    assert!(text.contains("every record is as it was written"), "{text}");
}

/// One client with an old debt: warned on the first day, locked three days later.
fn first_lock(data: &Path) {
    let now = SystemClock.now();
    let today = now.with_timezone(&chrono_tz::America::New_York).date_naive();
    let issued = today - Days::new(75);
    let ledger = data.with_extension("csv");
    let row = format!("birch,B-1,{issued},USD,120.00,billing@birch.example\n");
    fs::write(&ledger, format!("client,invoice,issued,currency,amount,contact_email\n{row}"))
        .unwrap();
    let text = done(data, &["import", "--firm", "oak", ledger.to_str().unwrap()]);
    assert!(text.contains('1'), "{text}");
    let to = (today + Days::new(6)).to_string();
    let text = done(data, &["clock", "--firm", "oak", "--to", &to]);
    assert!(text.contains("birch") && text.contains("lock"), "{text}");
    let letters = letters(&data.join("mailbox"));
    assert!(letters.iter().any(|letter| letter.contains("billing@birch.example")), "{letters:?}");
}

/// Its letters would leave by the mail service, to people.
#[test]
fn test_1_no_test_firm_is_opened_in_a_deployment() {
    let mut command = portcullis();
    command.args(OPEN).arg("--aws").envs([
        ("AWS_REGION", "us-east-1"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9"),
    ]);
    let output = command.output().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(2) && text.contains("TEST-1"), "{text}");
}

#[test]
fn doctor_says_of_a_running_system_that_it_is_well() {
    let folder = tempfile::tempdir().unwrap();
    let up = up::Up::start(folder.path());
    let url = up.url.clone();
    let (code, text) = run(folder.path(), &["doctor", "--firm", "demo", "--url", &url]);
    assert_eq!(code, Some(0), "{text}");
    for expected in
        ["answers", "what waits is handed on", "every firm's day has begun", "set up whole"]
    {
        assert!(text.contains(expected), "{text}");
    }
    assert!(up.stop().success());
    let (code, text) = run(folder.path(), &["doctor", "--firm", "demo", "--url", &url]);
    assert!(code == Some(1) && text.contains("does not answer"), "{text}");
    refused(folder.path(), &["doctor", "--aws"], "--aws");
}
