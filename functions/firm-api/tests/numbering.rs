//! Series of invoice numbers over HTTP (INV-7): set by an admin, drawn by whoever puts in an invoice.

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

mod world;

use axum::http::Method;
use serde_json::{Value, json};
use world::{Answer, World, with_json};

const SETTINGS: &str = "/firm/v1/settings";
const INVOICES: &str = "/firm/v1/clients/acme/invoices";

/// As somebody who looked at what is there.
async fn set(world: &World, who: &str, change: Value) -> Answer {
    let seen = world.get(who, SETTINGS).await;
    let tag = seen.headers["etag"].to_str().unwrap().to_owned();
    let request = world.request("f-1", who, &Method::PATCH, SETTINGS).header("if-match", tag);
    world.send(with_json(request, &change)).await
}

async fn put_in(world: &World, key: Option<&str>, more: Value) -> Answer {
    let mut invoice = json!({"total": {"amount": "5.00", "currency": "USD"}});
    invoice.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let mut request = world.request("f-1", "bea", &Method::POST, INVOICES);
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    world.send(with_json(request, &invoice)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_7_a_series_is_set_and_drawn_from() {
    let world = World::new().await;
    world.acme().await;
    let (_, field, detail) = put_in(&world, None, json!({})).await.problem(422);
    assert_eq!(field, "invoice");
    assert!(detail.contains("no series"), "{detail}");
    let one = json!({"numbering": [{"prefix": "2026-"}]});
    let (rule, ..) = set(&world, "bea", one.clone()).await.problem(403);
    assert_eq!(rule, "STAFF-1");
    world.ask("adam", Method::PATCH, SETTINGS, one.clone()).await.problem(428);
    let settings = set(&world, "adam", one).await.expect(200);
    assert_eq!(settings["numbering"], json!([{"prefix": "2026-", "digits": 4, "first": 1}]));
    let trail = world.get("pia", "/firm/v1/events").await.expect(200);
    let newest = trail["items"].as_array().unwrap().last().unwrap().clone();
    assert_eq!(
        (&newest["by"], &newest["what"]),
        (&json!("adam"), &json!(["changes the settings"]))
    );

    let first = put_in(&world, Some("k"), json!({})).await.expect(201);
    assert_eq!(first["id"], "2026-0001");
    assert_eq!(put_in(&world, Some("k"), json!({})).await.expect(201), first);
    let (rule, ..) = put_in(&world, None, json!({"invoice": "2026-0007"})).await.problem(409);
    assert_eq!(rule, "INV-7");
    assert_eq!(put_in(&world, None, json!({})).await.expect(201)["id"], "2026-0002");
    for (body, field) in [
        (json!({"invoice": "A-9", "series": "2026-"}), "series"),
        (json!({"series": "2027-"}), "series"),
        (json!({"series": "2026-", "is_draft": true}), "series"),
    ] {
        assert_eq!(put_in(&world, None, body.clone()).await.problem(422).1, field, "{body}");
    }

    // A draft has no number; another series comes; the first stays as it is.
    let draft = put_in(&world, Some("d"), json!({"is_draft": true})).await.expect(201);
    let draft = draft["id"].as_str().unwrap().to_owned();
    assert!(draft.starts_with("draft:"), "{draft}");
    let invoice = world.get("pia", &format!("/firm/v1/invoices/{draft}")).await.expect(200);
    assert_eq!(invoice["status"], "draft");
    let both = json!([{"prefix": "2026-"}, {"prefix": "B/", "digits": 2, "first": 7}]);
    set(&world, "adam", json!({"numbering": both})).await.expect(200);
    for other in [json!([]), json!([{"prefix": "2026-", "digits": 5}])] {
        let (rule, ..) = set(&world, "adam", json!({"numbering": other})).await.problem(409);
        assert_eq!(rule, "INV-7");
    }
    let posted = world.post("bea", &format!("/firm/v1/invoices/{draft}/post"), Value::Null).await;
    assert_eq!(posted.expect(200)["id"], "B/07");
    let drawn = put_in(&world, None, json!({"series": "2026-"})).await.expect(201);
    assert_eq!(drawn["id"], "2026-0003");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_can_not_be_meant_change_nothing() {
    let world = World::new().await;
    let before = world.get("adam", SETTINGS).await;
    for (change, field, expected) in [
        (json!({"numbering": [{"prefix": "2026"}]}), "numbering[0]", "end with a digit"),
        (json!({"numbering": [{"prefix": "a-"}, {"prefix": "a-"}]}), "numbering[1]", "twice"),
        (json!({"numbering": vec![json!({"prefix": "a-"}); 49]}), "numbering", "at most 48"),
        (json!({"name": " "}), "name", "a name"),
        (json!({"mail_from": "billing"}), "mail_from", "address"),
        (json!({"reply_to": "a b@c.example"}), "reply_to", "address"),
        (json!({"postal_address": "\u{7}"}), "postal_address", "lines"),
        (json!({"shards": 9}), "shards", "no field shards"),
    ] {
        let (_, at, detail) = set(&world, "adam", change.clone()).await.problem(422);
        assert_eq!(at, field, "{change}");
        assert!(detail.to_lowercase().contains(&expected.to_lowercase()), "{change}: {detail}");
    }
    let after = world.get("adam", SETTINGS).await;
    assert_eq!(after.headers["etag"], before.headers["etag"]);
    assert_eq!(after.body, before.body);
    let change = json!({"mail_from": "billing@firm.example", "postal_address": "1 Quay\nPortland"});
    set(&world, "adam", change).await.expect(200);
    let cleared = set(&world, "adam", json!({"mail_from": null})).await.expect(200);
    assert_eq!(
        (&cleared["mail_from"], &cleared["postal_address"]),
        (&Value::Null, &json!("1 Quay\nPortland"))
    );
}
