//! The README's tour, with the real binary: a ledger in, days run, clients warned, locked and written to, a
//! signed webhook pays, a partner approves, the audit verifies, and one changed byte is found.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use std::fs;
use std::time::{Duration, Instant};

use reqwest::Method;
use serde_json::json;
use up::{PATIENCE, Up, assert_audit_verifies, headers, letters, run, sample_ledger};

#[tokio::test]
async fn aud_1_eval_1_unl_1_the_tour() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);

    // A real ledger in; a second time it changes nothing.
    let ledger = sample_ledger();
    let import = ["import", "--firm", "demo", ledger.to_str().unwrap()];
    let (code, text) = run(&data, &import);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("60 new clients") && text.contains("929 new invoices"), "{text}");
    let (code, text) = run(&data, &import);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("929 unchanged"), "{text}");

    // The days run: who was never warned is warned first, and locked three days later.
    let (code, text) = run(&data, &["clock", "--firm", "demo", "--to", "2026-10-04"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(!text.contains("locked c-"), "nobody is locked before the warning: {text}");
    let (code, text) = run(&data, &["clock", "--firm", "demo", "--to", "2026-10-08"]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("locked c-025: 1 unpaid invoice over 30 days"), "{text}");
    assert!(text.contains("locked c-030: 3 unpaid invoices over 11 days"), "{text}");

    // Locks with their reasons, and why.
    let locked = up.get("bea", "/firm/v1/clients?state=locked").await;
    assert!(4 <= locked["items"].as_array().unwrap().len(), "{locked}");
    let client = up.get("bea", "/firm/v1/clients/c-025").await;
    assert_eq!(client["portal"], "locked");
    assert_eq!(client["lock"]["reason"], "1 unpaid invoice over 30 days");
    assert_eq!(client["explanation"]["next"]["on"], "2026-10-12");

    // The letters lie in the mailbox: a warning, then the demand that goes with the lock. The running
    // system sends letters too, and may still be at one of them.
    let mailbox = data.join("mailbox");
    let is_about = |letter: &str, text: &str| {
        letter.contains("To: cellar@cedarhollow.example") && letter.contains(text)
    };
    let begun = Instant::now();
    for text in [
        "Subject: Invoice INV-2026-0821 is 63 days overdue",
        "Subject: Your client portal is locked, and 651.18 USD",
    ] {
        while !letters(&mailbox).iter().any(|letter| is_about(letter, text)) {
            assert!(
                begun.elapsed() < PATIENCE,
                "no letter says {text:?}: {:?}",
                headers(&letters(&mailbox), "Subject")
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    assert_eq!(letters(&mailbox).iter().filter(|letter| is_about(letter, "Subject: ")).count(), 2);

    // Their links lead to the system that runs, also in those that the command beside it wrote.
    for letter in letters(&mailbox) {
        assert!(!letter.contains("localhost:8080"), "{letter}");
    }
    assert!(letters(&mailbox).iter().any(|letter| letter.contains(&up.url)), "{}", up.url);

    // A signed webhook pays; payment alone opens nothing.
    up.try_pay("c-025", "INV-2026-0821", "65118").await.unwrap();
    up.wait("/firm/v1/clients/c-025/tasks", |tasks| {
        tasks["items"]
            .as_array()?
            .iter()
            .any(|task| task["kind"] == "ready_for_unlock")
            .then_some(())
    })
    .await;
    assert_eq!(up.get("bea", "/firm/v1/clients/c-025").await["portal"], "locked");

    // The billing lead asks, a partner approves, twice is once.
    let ask = "/firm/v1/clients/c-025/unlock-requests";
    let (status, body) = up.ask("bea", Method::POST, ask, Some(json!({}))).await;
    assert!((200..300).contains(&status), "{body}");
    let request = body["id"].as_str().unwrap().to_owned();
    let approve = format!("/firm/v1/unlock-requests/{request}/approve");
    let (status, body) = up.ask("bea", Method::POST, &approve, Some(json!({}))).await;
    assert_eq!(status, 403, "{body}");
    for _ in 0..2 {
        let (status, body) = up.ask("pat", Method::POST, &approve, Some(json!({}))).await;
        assert_eq!((status, &body["portal"]), (200, &json!("open")), "{body}");
    }
    up.wait("/firm/v1/clients/c-025/letters", |letters| {
        let text = letters.to_string();
        (text.contains("receipt") && text.contains("welcome_back")).then_some(())
    })
    .await;

    // Everything is proved; the system stops by itself, and what it wrote stays.
    assert!(up.stop().success());
    assert_audit_verifies(&data);

    // One byte of one record, wherever the database has it.
    let table = data.join("table.db");
    let mut bytes = fs::read(&table).unwrap();
    let record = b"approve_unlock";
    for place in 0..bytes.len() - record.len() {
        if bytes[place..].starts_with(record) {
            bytes[place] = b'A';
        }
    }
    fs::write(&table, bytes).unwrap();
    let (code, text) = run(&data, &["audit", "verify", "--firm", "demo"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("client c-025: record") && text.contains("was changed"), "{text}");
}
