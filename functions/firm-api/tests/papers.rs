//! Statements of account and referrals to collections over HTTP (CLOSE-2, PAY-6, LET-7).

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::http::Method;
use serde_json::{Value, json};
use world::{Answer, World, with_json};

const STATEMENT: &str = "/firm/v1/clients/acme/statement";
const REFERRAL: &str = "/firm/v1/clients/acme/referral";
const RETURN: &str = "/firm/v1/clients/acme/referral/return";

fn usd(amount: &str) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

fn text(answer: Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.body);
    answer.body.as_str().unwrap().to_owned()
}

/// A policy that proposes a referral at five days overdue.
async fn refer(world: &World) {
    let path = "/firm/v1/policies/default";
    let tag = world.get("pia", path).await.headers["etag"].to_str().unwrap().to_owned();
    let policy = json!({"preset": "cpa", "with": {
        "lock": {"days_overdue": "off", "unpaid_invoices": "off"},
        "regular": {"reminders": [], "steps": [
            {"at": 1, "do": "notice"}, {"at": 5, "do": "collections_referral"}, {"at": 9, "do": "notice"},
        ]},
    }});
    let request = world.request("f-1", "adam", &Method::PUT, path).header("if-match", tag);
    world.send(with_json(request, &policy)).await.expect(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_6_a_statement_is_json_csv_and_pdf_of_the_same_days() {
    let world = World::new().await;
    world.acme().await;
    let paid = json!({"reference": "17", "method": "check", "amount": usd("130.00"), "paid_on": "2026-03-01"});
    world.post("bea", "/firm/v1/clients/acme/payments", paid).await.expect(201);
    let shown = world.get("pia", STATEMENT).await.expect(200);
    assert_eq!((&shown["client"], &shown["name"]), (&json!("acme"), &json!("Acme Corp")));
    assert_eq!((&shown["from"], &shown["to"]), (&json!("2025-03-03"), &json!("2026-03-02")));
    assert_eq!(
        shown["currencies"],
        json!([{
            "currency": "USD",
            "opening": {"amount": usd("0.00"), "is_credit": false},
            "entries": [
                {"on": "2026-03-01", "what": "payment", "reference": "staff:17", "credit": usd("130.00"),
                 "balance": {"amount": usd("130.00"), "is_credit": true}},
                {"on": "2026-03-02", "what": "invoice", "reference": "A-1", "charge": usd("100.00"),
                 "balance": {"amount": usd("30.00"), "is_credit": true}},
            ],
            "closing": {"amount": usd("30.00"), "is_credit": true},
        }])
    );
    let later = world.get("pia", &format!("{STATEMENT}?from=2026-03-02")).await.expect(200);
    let opening = &later["currencies"][0]["opening"];
    assert_eq!(*opening, json!({"amount": usd("130.00"), "is_credit": true}));

    let csv = text(world.get("pia", &format!("{STATEMENT}?format=csv&from=2026-03-01")).await);
    assert_eq!(
        csv,
        "date,what,reference,charge,credit,balance,currency\n\
        2026-03-01,opening,,,,0.00,USD\n\
        2026-03-01,payment,staff:17,,130.00,-130.00,USD\n\
        2026-03-02,invoice,A-1,100.00,,-30.00,USD\n\
        2026-03-02,closing,,,,-30.00,USD\n"
    );

    let pdf = format!("{STATEMENT}?format=pdf&to=2026-03-02");
    let first = world.get("pia", &pdf).await;
    assert_eq!(first.headers["content-type"], "application/pdf");
    let name = first.headers["content-disposition"].to_str().unwrap().to_owned();
    assert_eq!(name, "attachment; filename=\"statement-acme-2025-03-03-2026-03-02.pdf\"");
    let first = text(first);
    assert!(first.starts_with("%PDF-"));
    assert_eq!(text(world.get("bea", &pdf).await), first, "the same document is the same bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_statement_of_days_that_can_not_be_is_refused() {
    let world = World::new().await;
    world.acme().await;
    for (query, status, field) in [
        ("from=2026-03-02&to=2026-03-01", 422, "from"),
        ("to=2026-03-03", 422, "to"),
        ("from=2026-02-30", 400, ""),
        ("from=yesterday", 400, ""),
        ("format=xls", 400, ""),
        ("since=2026-03-01", 400, ""),
    ] {
        let answer = world.get("pia", &format!("{STATEMENT}?{query}")).await;
        let (_, found, detail) = answer.problem(status);
        assert!(field.is_empty() || found == field, "{query}: {found}: {detail}");
    }
    world.get("pia", "/firm/v1/clients/nobody/statement").await.problem(404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn close_2_a_referral_is_a_file_and_is_followed_until_it_comes_back() {
    let world = World::new().await;
    world.acme().await;
    refer(&world).await;
    let none = world.get("bea", REFERRAL).await.problem(404);
    assert_eq!(none.0, "CLOSE-2");
    world.go_to("2026-04-06").await;

    // What would be handed over is read before it is approved.
    let csv = text(world.get("pat", &format!("{REFERRAL}?format=csv")).await);
    assert!(csv.contains("not yet: a proposal"), "{csv}");
    world.post("bea", RETURN, json!({"reason": "too early"})).await.problem(409);
    let approve = "/firm/v1/clients/acme/approve-step";
    world.post("pat", approve, json!({"do": "collections_referral"})).await.expect(200);
    let dispute = json!({"reason": "=cmd|' /C calc'!A0", "amount": usd("10.00")});
    world.post("bea", "/firm/v1/invoices/A-1/disputes", dispute).await.expect(201);

    let csv = text(world.get("pat", &format!("{REFERRAL}?format=csv")).await);
    for line in [
        "client,,Client,,,,,,,,Acme Corp",
        "client,,Addresses,,,,,,,,ann@acme.example",
        "client,,Approved,,,,,,,,\"2026-04-06, by pat\"",
        "client,,Open in total,,,,,,,,100.00 USD",
        "debt,2026-03-02,overdue,A-1,2026-04-01,100.00,0.00,100.00,10.00,USD,(in dispute: 10.00 USD)",
        "history,2026-03-02,invoice,A-1,,100.00,,,,USD,",
        "letter,2026-04-02,notice,A-1,",
    ] {
        assert!(csv.contains(line), "{line} is not in {csv}");
    }
    assert!(csv.lines().all(|line| !line.split(',').any(|cell| cell.starts_with('='))), "{csv}");
    let pdf = world.get("pat", REFERRAL).await;
    assert_eq!(pdf.headers["content-type"], "application/pdf");
    assert!(text(pdf).starts_with("%PDF-"));
    world.get("pat", &format!("{REFERRAL}?format=json")).await.problem(400);

    // Meanwhile it is not collected here, and its task is closed by nobody.
    let tasks = world.get("pia", "/firm/v1/clients/acme/tasks").await.expect(200);
    let task = &tasks["items"][0];
    assert_eq!(task["kind"], "collections_referral");
    let close = format!("/firm/v1/clients/acme/tasks/{}/close", task["task"]);
    assert_eq!(world.post("pat", &close, Value::Null).await.problem(409).0, "CLOSE-2");
    let client = world.get("pia", "/firm/v1/clients/acme").await.expect(200);
    let why = client["explanation"]["why"].to_string();
    assert!(why.contains("With collections since Apr 6, 2026, approved by pat: A-1."), "{why}");
    world.go_to("2026-04-12").await;
    let letters = world.get("pia", "/firm/v1/clients/acme/letters").await.expect(200);
    assert_eq!(letters["items"].as_array().unwrap().len(), 1, "{letters}");

    world.post("pia", RETURN, json!({"reason": "not found"})).await.problem(403);
    world.post("bea", RETURN, json!({"reason": " "})).await.problem(422);
    world.post("bea", RETURN, json!({"reason": "not found"})).await.expect(200);
    let letters = world.get("pia", "/firm/v1/clients/acme/letters").await.expect(200);
    assert_eq!(letters["items"].as_array().unwrap().len(), 2, "the notice of day 9: {letters}");
    world.get("bea", REFERRAL).await.problem(404);
    assert_eq!(world.post("bea", RETURN, json!({"reason": "x"})).await.problem(409).0, "CLOSE-2");
}
