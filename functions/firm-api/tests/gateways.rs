//! A firm's gateways (STAFF-1): connected, tested, rotated, closed and removed by an admin.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod till;
mod world;

use axum::http::{Method, Request};
use chrono::TimeDelta;
use serde_json::{Value, json};
use store::{FirmChange, FirmSettings, Verdict};
use till::{BAD_KEY, FIRST, KEY, PATH, SECOND, arrives, connect, new, world};
use world::{OTHER, Token, change, token, with_json};

fn part<'a>(gateway: &'a Value, field: &str) -> Option<&'a Vec<Value>> {
    let parts = gateway["parts"].as_array().unwrap();
    parts.iter().find(|part| part["field"] == field).map(|part| part["since"].as_array().unwrap())
}

#[tokio::test]
async fn staff_1_a_gateway_is_connected_tested_rotated_closed_and_removed() {
    let (world, webhooks) = world().await;
    let none = world.get("adam", PATH).await.expect(200);
    assert_eq!(none["items"], json!([]));
    assert_eq!(none["kinds"].as_array().unwrap().len(), 5);
    assert_eq!(none["kinds"][0]["parts"][0]["label"], "Secret key");

    let made = connect(&world, new(KEY)).await;
    let id = made["id"].as_str().unwrap();
    let path = format!("{PATH}/{id}");
    let at = format!("https://portal.example/webhooks/stripe/{id}");
    assert_eq!(made["webhook_url"], at);
    assert_eq!((&made["mode"], &made["title"]), (&json!("live"), &json!("Stripe")));
    assert_eq!(made["takes_payments"], true);
    assert_eq!((part(&made, "key").unwrap().len(), part(&made, "signing")), (1, None));
    assert_eq!((&made["last_event"], &made["last_refused"]), (&Value::Null, &Value::Null));
    let tested = world.post("adam", &format!("{path}/test"), Value::Null).await.expect(200);
    assert_eq!(tested["works"], true);

    // Nothing to check with yet; then the gateway signs with the first secret.
    let said = arrives(&world, &webhooks, id, FIRST).await;
    assert!(said.contains("can't be checked"), "{said}");
    let secrets = format!("{path}/secrets");
    let put = async |body: Value| world.ask("adam", Method::PUT, &secrets, body).await;
    put(json!({"credentials": {"signing": [FIRST]}})).await.expect(200);
    world.clock.advance(TimeDelta::minutes(6)); // what the webhook's process keeps in memory
    assert_eq!(arrives(&world, &webhooks, id, FIRST).await, "ignored");
    let known = world.get("adam", &path).await.expect(200);
    assert_eq!(known["last_event"]["outcome"], "ignored", "{known}");
    assert_eq!(known["last_refused"]["outcome"], "not_configured", "{known}");
    assert_eq!(
        arrives(&world, &webhooks, id, "whsec_another").await,
        "the webhook matches no configured secret"
    );
    let known = world.get("adam", &path).await.expect(200);
    assert_eq!(known["last_refused"]["outcome"], "not_authentic", "{known}");

    // Both while it goes over, then the new one alone; what stayed keeps its day.
    let first_since = part(&known, "signing").unwrap()[0].clone();
    let both =
        put(json!({"credentials": {"signing": [SECOND]}, "keep_old": true})).await.expect(200);
    assert_eq!(part(&both, "signing").unwrap().len(), 2);
    assert_eq!(part(&both, "signing").unwrap()[0], first_since);
    assert_eq!(part(&both, "key"), part(&made, "key"));
    world.clock.advance(TimeDelta::minutes(6));
    for secret in [FIRST, SECOND] {
        assert_eq!(arrives(&world, &webhooks, id, secret).await, "ignored");
    }
    let old = format!("{secrets}/old");
    let alone = world.ask("adam", Method::DELETE, &old, Value::Null).await.expect(200);
    assert_eq!(part(&alone, "signing").unwrap().len(), 1);
    world.clock.advance(TimeDelta::minutes(6));
    assert_eq!(arrives(&world, &webhooks, id, SECOND).await, "ignored");
    assert!(arrives(&world, &webhooks, id, FIRST).await.contains("no configured secret"));
    let again = world.ask("adam", Method::DELETE, &old, Value::Null).await;
    assert!(again.problem(409).2.contains("here is no old signing secret"));

    // A key that was revoked there is noticed; the signing secret stays as it was.
    put(json!({"credentials": {"key": BAD_KEY}})).await.expect(200);
    let refused = world.post("adam", &format!("{path}/test"), Value::Null).await.problem(409).2;
    assert!(refused.contains("refuses the key (api_key_expired)"), "{refused}");

    // Closed, it takes no payments, and news of old ones all the same.
    let closed = world.post("adam", &format!("{path}/close"), Value::Null).await.expect(200);
    assert_eq!(closed["takes_payments"], false);
    assert!(closed["closed_at"].is_string());
    world.clock.advance(TimeDelta::minutes(6));
    assert_eq!(arrives(&world, &webhooks, id, SECOND).await, "ignored");
    let early = world.ask("adam", Method::DELETE, &path, Value::Null).await.problem(409).2;
    assert!(early.contains("News of old payments may still come until"), "{early}");
    let prefer = world.post("adam", &format!("{path}/prefer"), Value::Null).await.problem(409).2;
    assert!(prefer.contains("was closed"), "{prefer}");
    world.clock.advance(TimeDelta::days(181));
    world.ask("adam", Method::DELETE, &path, Value::Null).await.expect(204);
    world.get("adam", &path).await.problem(404);
    let firm = world.firm("f-1").await;
    assert!(firm.store().secret(id).await.unwrap().is_none(), "its secrets are gone with it");
    assert_eq!(
        arrives(&world, &webhooks, "nothing", SECOND).await,
        "there is no such webhook endpoint"
    );

    // All of it is in the chain.
    assert!(matches!(firm.store().verify_firm().await.unwrap(), Verdict::Whole { .. }));
    let said = world.get("adam", "/firm/v1/events?limit=100").await.expect(200).to_string();
    for what in [
        "opens an endpoint",
        "keeps a gateway's secrets",
        "begins nothing new",
        "closes an endpoint",
    ] {
        assert!(said.contains(what), "{what} in {said}");
    }
}

#[tokio::test]
async fn staff_1_an_admin_says_at_which_of_several_gateways_clients_pay() {
    let (world, _) = world().await;
    let first = connect(&world, new(KEY)).await;
    world.clock.advance(TimeDelta::minutes(1));
    let second = connect(&world, new(KEY)).await;
    let test = json!({"gateway": "stripe", "mode": "test", "credentials": {"key": "sk_test_1"}});
    let trial = connect(&world, test).await;
    let paying = async || {
        let all = world.get("adam", PATH).await.expect(200);
        let items = all["items"].as_array().unwrap().clone();
        let ids = items.iter().filter(|item| item["takes_payments"] == true);
        ids.map(|item| item["id"].clone()).collect::<Vec<_>>()
    };
    let of =
        |gateway: &Value, act: &str| format!("{PATH}/{}/{act}", gateway["id"].as_str().unwrap());
    assert_eq!(paying().await, [first["id"].clone()], "the first, until one is chosen");
    let chosen = world.post("adam", &of(&second, "prefer"), Value::Null).await.expect(200);
    assert_eq!(chosen["takes_payments"], true);
    assert_eq!(paying().await, [second["id"].clone()]);
    let other = world.post("adam", &of(&trial, "prefer"), Value::Null).await.problem(409).2;
    assert!(other.contains("pay with real money, and this gateway is in test mode"), "{other}");
    world.post("adam", &of(&second, "close"), Value::Null).await.expect(200);
    assert_eq!(paying().await, [first["id"].clone()], "the one that is left");
    world.post("adam", &of(&first, "close"), Value::Null).await.expect(200);
    assert!(paying().await.is_empty(), "a test gateway takes nothing of a firm's clients");
    // One where nothing ever came goes at once.
    let path = format!("{PATH}/{}", trial["id"].as_str().unwrap());
    assert!(
        world
            .ask("adam", Method::DELETE, &path, Value::Null)
            .await
            .problem(409)
            .2
            .contains("Close this")
    );
    world.post("adam", &of(&trial, "close"), Value::Null).await.expect(200);
    world.ask("adam", Method::DELETE, &path, Value::Null).await.expect(204);
}

#[tokio::test]
async fn test_1_and_sec_5_what_can_t_be_meant_is_told_and_never_repeated() {
    let (world, _) = world().await;
    let test = FirmSettings { is_test: true, ..world.firm("f-1").await.settings().clone() };
    let with = |mode: &str, credentials: Value| json!({"gateway": "stripe", "mode": mode, "credentials": credentials});
    for (body, field, part) in [
        (
            json!({"gateway": "swipe51", "mode": "live", "credentials": {}}),
            "gateway",
            "One of stripe",
        ),
        (with("both51", json!({})), "mode", "Live or test"),
        (with("live", json!("sk_live_51")), "credentials", "An object is expected"),
        (with("live", json!({})), "credentials.key", "ey is missing: the Secret key"),
        (with("live", json!({"key": ["sk_live_51"]})), "credentials", "No credentials at"),
        (with("live", json!({"key": "sk_test_51"})), "credentials.key", "begins with sk_live_"),
        (
            with("live", json!({"key": "sk_live_51", "signing": ["51"]})),
            "credentials.signing",
            "whsec_",
        ),
        (
            with("live", json!({"key": "sk_live_51", "location": "L51"})),
            "credentials.location",
            "is none of",
        ),
    ] {
        let answer = world.post("adam", PATH, body.clone()).await;
        assert!(!answer.body.to_string().contains("51"), "{}", answer.body);
        let (_, found, detail) = answer.problem(422);
        assert_eq!(found, field, "{body}: {detail}");
        assert!(detail.contains(part), "{body}: {detail}");
    }
    // Somebody else's, somebody who signed in long ago, somebody of another firm.
    let made = connect(&world, new(KEY)).await;
    let path = format!("{PATH}/{}", made["id"].as_str().unwrap());
    let old = token("adam", Token::Old, world.now());
    let request = Request::post(format!("{path}/close"));
    let request = request.header("authorization", format!("Bearer {old}"));
    let request = request.header("x-portcullis-firm", "f-1");
    assert_eq!(world.send(with_json(request, &Value::Null)).await.problem(401).0, "SEC-6");
    let request = world.request("f-2", OTHER, &Method::POST, &format!("{path}/close"));
    world.send(with_json(request, &Value::Null)).await.problem(404);
    let empty = json!({"credentials": {}});
    let empty = world.ask("adam", Method::PUT, &format!("{path}/secrets"), empty).await;
    assert_eq!(empty.problem(422).1, "credentials");
    // A key can be replaced, and not taken away.
    let gone = json!({"credentials": {"key": null}});
    let gone = world.ask("adam", Method::PUT, &format!("{path}/secrets"), gone).await;
    assert_eq!(gone.problem(422).1, "credentials.key");
    // No real money at a firm that is there for tests.
    change(&world.dynamo, "f-1", FirmChange::Settings(test)).await;
    let (rule, field, _) = world.post("adam", PATH, new(KEY)).await.problem(422);
    assert_eq!((rule.as_str(), field.as_str()), ("TEST-1", "mode"));
}
