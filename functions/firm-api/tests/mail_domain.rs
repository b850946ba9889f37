//! A firm's own domain (LET-2): set up, looked at, given up; one firm's alone, and changed by an admin who signed
//! in lately (SEC-1, SEC-6).

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::http::{Method, Request};
use serde_json::{Value, json};
use store::{FirmChange, Platform, Verdict};
use world::{OTHER, Token, World, change, firm_id, token, with_json};

const PATH: &str = "/firm/v1/mail-domain";

async fn put(world: &World, domain: &str) -> world::Answer {
    world.ask("adam", Method::PUT, PATH, json!({"domain": domain})).await
}

/// What the second firm's staff is answered.
async fn elsewhere(world: &World, method: Method, body: Value) -> world::Answer {
    let request = world.request("f-2", OTHER, &method, PATH);
    world.send(with_json(request, &body)).await
}

#[tokio::test]
async fn let_2_a_domain_is_set_up_looked_at_and_given_up_and_each_is_in_the_chain() {
    let world = World::new().await;
    let none = world.get("bea", PATH).await.expect(200);
    assert_eq!((&none["domain"], &none["records"]), (&Value::Null, &json!([])));
    assert!(none["letters"].as_str().unwrap().contains("no verified domain"), "{none}");
    let waits = put(&world, "Waiting.Bea.Example").await.expect(200);
    assert_eq!(
        (&waits["domain"], &waits["is_verified"]),
        (&json!("waiting.bea.example"), &json!(false))
    );
    let records = waits["records"].as_array().unwrap();
    let purposes: Vec<_> =
        records.iter().map(|record| record["purpose"].as_str().unwrap()).collect();
    assert_eq!(purposes, ["dkim", "dkim", "dkim", "mail_from", "mail_from", "dmarc"]);
    assert_eq!(records[0]["state"], "waiting");
    assert_eq!(world.get("pia", PATH).await.expect(200), waits, "as it was when somebody looked");
    let another = put(&world, "bea.example").await;
    assert!(another.problem(409).2.contains("give that up first"));
    world.ask("adam", Method::DELETE, PATH, Value::Null).await.expect(200);
    let done = put(&world, "bea.example").await.expect(200);
    assert_eq!(
        (&done["is_verified"], &done["records"][0]["state"]),
        (&json!(true), &json!("found"))
    );

    // Letters come from that domain alone.
    let from = async |address: &str| {
        let body = json!({"mail_from": address});
        world.ask("adam", Method::PATCH, "/firm/v1/settings", body).await
    };
    assert_eq!(from("billing@pat.example").await.problem(422).1, "mail_from");
    from("billing@bea.example").await.expect(200);
    let leaves = world.get("bea", PATH).await.expect(200);
    assert_eq!(leaves["letters"], "letters leave from billing@bea.example");
    world.ask("adam", Method::DELETE, PATH, Value::Null).await.expect(200);
    let gone = world.get("bea", PATH).await.expect(200);
    assert!(gone["letters"].as_str().unwrap().contains("wait"), "{gone}");
    world.ask("adam", Method::DELETE, PATH, Value::Null).await.expect(200); // once more

    let events = world.get("adam", "/firm/v1/events").await.expect(200).to_string();
    for part in [
        "sets up the domain",
        "not verified: letters wait",
        "verified: letters leave",
        "gives up the domain",
    ] {
        assert!(events.contains(part), "{part}: {events}");
    }
    let verdict = world.firm("f-1").await.store().verify_firm().await.unwrap();
    assert!(matches!(verdict, Verdict::Whole { .. }), "{verdict:?}");
}

#[tokio::test]
async fn sec_1_a_domain_is_one_firms_until_it_is_given_up() {
    let world = World::new().await;
    put(&world, "bea.example").await.expect(200);
    let taken = elsewhere(&world, Method::PUT, json!({"domain": "BEA.example."})).await;
    let (_, field, detail) = taken.problem(409);
    assert_eq!(field, "domain");
    assert!(!detail.contains("f-1") && !detail.contains("Bea &"), "{detail}");
    elsewhere(&world, Method::DELETE, Value::Null).await.expect(200);
    let platform = Platform::new(world.dynamo.clone());
    let whose = platform.firm_of_mail_domain("bea.example").await.unwrap();
    assert_eq!(whose, Some(firm_id("f-1")), "another firm gives up nothing of ours");
    world.ask("adam", Method::DELETE, PATH, Value::Null).await.expect(200);
    elsewhere(&world, Method::PUT, json!({"domain": "bea.example"})).await.expect(200);
    assert!(put(&world, "bea.example").await.problem(409).2.contains("somebody else"));
    assert_eq!(world.get("adam", PATH).await.expect(200)["domain"], Value::Null);
}

/// A test firm's mail leaves from nowhere: it keeps no domain from anybody (TEST-1).
#[tokio::test]
async fn test_1_a_test_firm_takes_no_domain_away() {
    let world = World::new().await;
    let mut settings = world.firm("f-1").await.settings().clone();
    settings.is_test = true;
    change(&world.dynamo, "f-1", FirmChange::Settings(settings)).await;
    put(&world, "bea.example").await.expect(200);
    elsewhere(&world, Method::PUT, json!({"domain": "bea.example"})).await.expect(200);
    put(&world, "bea.example").await.expect(200);
    world.ask("adam", Method::DELETE, PATH, Value::Null).await.expect(200);
    let platform = Platform::new(world.dynamo.clone());
    let whose = platform.firm_of_mail_domain("bea.example").await.unwrap();
    assert_eq!(whose, Some(firm_id("f-2")));
}

#[tokio::test]
async fn sec_6_a_domain_is_changed_after_a_sign_in_of_the_last_half_hour() {
    let world = World::new().await;
    for (method, body) in
        [(Method::PUT, json!({"domain": "bea.example"})), (Method::DELETE, Value::Null)]
    {
        let token = token("adam", Token::Old, world.now());
        let request = Request::builder()
            .method(method)
            .uri(PATH)
            .header("authorization", format!("Bearer {token}"))
            .header("x-portcullis-firm", "f-1");
        let (rule, ..) = world.send(with_json(request, &body)).await.problem(401);
        assert_eq!(rule, "SEC-6");
    }
    assert_eq!(world.get("adam", PATH).await.expect(200)["domain"], Value::Null);
}

#[tokio::test]
async fn let_2_what_is_no_domain_is_told() {
    let world = World::new().await;
    for domain in
        ["", "bea", "billing@bea.example", "https://bea.example", "10.0.0.1", "bea.example#x"]
    {
        assert_eq!(put(&world, domain).await.problem(422).1, "domain", "{domain}");
    }
}
