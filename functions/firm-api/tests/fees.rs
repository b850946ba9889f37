//! Late fees over HTTP (LF-1): a partner adds and waives them, and each invoice shows its own.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use serde_json::{Value, json};
use world::World;

const FEES: &str = "/firm/v1/invoices/A-1/fees";
const WAIVE: &str = "/firm/v1/invoices/A-1/fees/waive";

fn fee(amount: &str) -> Value {
    json!({"amount": {"amount": amount, "currency": "USD"}})
}

fn usd(amount: &str) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lf_1_a_partner_adds_a_fee_and_waives_it_with_a_reason() {
    let world = World::new().await;
    world.acme().await;
    let before = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!((&before["fees"], &before["late_fees"]), (&json!([]), &usd("0.00")));
    let total = before["total"].clone();

    // Who may is the partner alone; an amount is of the invoice's currency and above zero.
    for (path, body) in [(FEES, fee("5.00")), (WAIVE, json!({"reason": "kind"}))] {
        world.post("bea", path, body).await.problem(403);
    }
    world.post("pat", FEES, fee("0.00")).await.problem(422);
    let euros = json!({"amount": {"amount": "5.00", "currency": "EUR"}});
    let (rule, _, detail) = world.post("pat", FEES, euros).await.problem(422);
    assert_eq!(rule, "LF-1", "{detail}");
    let (rule, ..) = world.post("pat", WAIVE, json!({"reason": "kind"})).await.problem(409);
    assert_eq!(rule, "LF-1");
    world.post("pat", "/firm/v1/invoices/A-9/fees", fee("5.00")).await.problem(404);

    world.post("pat", FEES, fee("5.00")).await.expect(201);
    let with = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(with["total"], total, "what was issued doesn't change (INV-6)");
    assert_eq!(with["late_fees"], usd("5.00"));
    let charged = &with["fees"][0];
    assert_eq!(
        (&charged["number"], &charged["by"], &charged["state"], &charged["amount"]),
        (&json!(1), &json!("hand"), &json!("charged"), &usd("5.00"))
    );
    assert!(charged["text"].as_str().unwrap().starts_with("Late fee for "), "{charged}");

    world.post("pat", WAIVE, json!({"reason": ""})).await.problem(422);
    world.post("pat", WAIVE, json!({"reason": "an old client"})).await.expect(200);
    let after = world.get("pia", "/firm/v1/invoices/A-1").await.expect(200);
    assert_eq!(after["balance"], before["balance"]);
    assert_eq!(after["late_fees"], usd("0.00"));
    let waived = &after["fees"][0];
    assert_eq!(
        (&waived["state"], &waived["waived_because"]),
        (&json!("waived"), &json!("an old client"))
    );
    let (rule, ..) = world.post("pat", WAIVE, json!({"reason": "again"})).await.problem(409);
    assert_eq!(rule, "LF-1");
}
