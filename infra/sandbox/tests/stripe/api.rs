//! The sandbox as an HTTP API: Stripe's errors, idempotency keys and lists, and its own controls.

use gateways::Hint;
use gateways::stripe::API_VERSION;
use sandbox::faults::Faults;
use sandbox::stripe::{Book, SANDBOX_KEY};
use serde_json::{Value, json};

use crate::bench::{Bench, INVOICE, id, secret};

fn ids(list: &Value) -> Vec<&str> {
    list["data"].as_array().unwrap().iter().map(|object| object["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn sec_5_every_request_needs_key_and_version() {
    let bench = Bench::start().await;
    for (key, version, status, expected) in [
        (None, Some(API_VERSION), 401, "did not provide an API key"),
        (Some("Bearer sk_test_other"), Some(API_VERSION), 401, "Invalid API Key"),
        (Some("Basic c2s6"), Some(API_VERSION), 401, "did not provide an API key"),
        (Some("Bearer sk_test_sandbox"), None, 400, "Invalid Stripe API version"),
        (Some("Bearer sk_test_sandbox"), Some("2017-08-15"), 400, "Invalid Stripe API version"),
        (Some("Bearer sk_test_sandbox"), Some(API_VERSION), 200, ""),
    ] {
        let mut request = bench.http().get(format!("{}/v1/events", bench.url));
        for (name, value) in [("authorization", key), ("stripe-version", version)] {
            if let Some(value) = value {
                request = request.header(name, value);
            }
        }
        let response = request.send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{key:?} {version:?}");
        let body: Value = response.json().await.unwrap();
        assert!(body["error"]["message"].as_str().unwrap_or_default().contains(expected), "{body}");
    }
}

#[tokio::test]
async fn bad_requests_are_refused_in_stripes_words() {
    let bench = Bench::start().await;
    let long = "x".repeat(501);
    for (change, code, param) in [
        (("mode", "subscription"), None, "mode"),
        (("success_url", ""), Some("parameter_missing"), "success_url"),
        (("color", "blue"), Some("parameter_unknown"), "color"),
        (("line_items[0][price_data][currency]", "xxx"), None, "line_items"),
        (("line_items[0][price_data][currency]", "eur"), None, "payment_method_types"),
        (("line_items[0][quantity]", "18446744073709551615"), None, "line_items"),
        (("line_items[0][price_data][unit_amount]", "49"), Some("amount_too_small"), ""),
        (("payment_method_types[]", "klarna"), None, "payment_method_types"),
        (("expires_at", "1790000000"), None, "expires_at"),
        (("client_reference_id", &long), None, "client_reference_id"),
        (("metadata[firm]", &long), None, "metadata"),
        (("payment_intent_data[metadata][firm]", &long), None, "metadata"),
    ] {
        let mut form: Vec<_> = INVOICE.into_iter().filter(|(name, _)| *name != change.0).collect();
        form.extend(Some(change).filter(|(_, value)| !value.is_empty()));
        let (status, body) = bench.post("/v1/checkout/sessions", &form).await;
        assert_eq!(status, 400, "for {change:?}: {body}");
        let error = &body["error"];
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(
            (error["code"].as_str(), error["param"].as_str()),
            (code, Some(param).filter(|param| !param.is_empty())),
            "{body}"
        );
    }
    assert_eq!(bench.get("/v1/checkout/sessions").await.1["data"], json!([]), "nothing was made");
}

#[tokio::test]
async fn bad_refunds_are_refused_in_stripes_words() {
    let bench = Bench::start().await;
    let paid = bench.pay_by_card(&bench.session().await);
    let pending = bench.pay_by_bank(&bench.session().await);
    let refunded = bench.pay_by_card(&bench.session().await);
    assert_eq!(bench.post("/v1/refunds", &[("payment_intent", &refunded)]).await.0, 200);
    for (form, status, code) in [
        (&[][..], 400, json!("parameter_missing")),
        (&[("payment_intent", paid.as_str()), ("charge", "ch_1")], 400, json!("parameter_missing")),
        (&[("payment_intent", "pi_1")], 404, json!("resource_missing")),
        (&[("charge", paid.as_str())], 404, json!("resource_missing")),
        (&[("payment_intent", pending.as_str())], 400, json!("unexpected_state")),
        (&[("payment_intent", refunded.as_str())], 400, json!("charge_already_refunded")),
        (
            &[("payment_intent", paid.as_str()), ("amount", "125001")],
            400,
            json!("amount_too_large"),
        ),
        (
            &[("payment_intent", paid.as_str()), ("amount", "0")],
            400,
            json!("parameter_invalid_integer"),
        ),
        (&[("payment_intent", paid.as_str()), ("amount", "1.5")], 400, Value::Null),
        (&[("payment_intent", paid.as_str()), ("reason", "boredom")], 400, Value::Null),
    ] {
        let (got, body) = bench.post("/v1/refunds", form).await;
        assert_eq!((got, &body["error"]["code"]), (status, &code), "for {form:?}: {body}");
    }
    assert_eq!(bench.get("/v1/refunds").await.1["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn an_idempotency_key_does_it_once() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.session().await);
    let form = [("payment_intent", payment.as_str()), ("amount", "100")];
    // The answer is lost after the refund was made: the caller must ask again, with the same key.
    bench.sandbox.set_faults(Faults { lose_answers: 1, ..Faults::default() });
    assert_eq!(bench.post_with_key("/v1/refunds", &form, "k1").await.0, 0);
    let (status, first) = bench.post_with_key("/v1/refunds", &form, "k1").await;
    assert_eq!(status, 200);
    let refunds = async || bench.get("/v1/refunds").await.1["data"].as_array().unwrap().len();
    assert_eq!(refunds().await, 1);
    let other = [("payment_intent", payment.as_str()), ("amount", "200")];
    let (status, body) = bench.post_with_key("/v1/refunds", &other, "k1").await;
    assert_eq!((status, &body["error"]["type"]), (400, &json!("idempotency_error")), "{body}");
    let (status, _) = bench.post_with_key("/v1/checkout/sessions", &INVOICE, "k1").await;
    assert_eq!(status, 400, "another path");
    assert_eq!(bench.post_with_key("/v1/refunds", &form, "").await.0, 400);
    assert_eq!(bench.post_with_key("/v1/refunds", &form, &"k".repeat(256)).await.0, 400);
    bench.wait(24 * 60 * 60 - 1);
    assert_eq!(bench.post_with_key("/v1/refunds", &form, "k1").await.1["id"], first["id"]);
    bench.wait(1);
    let (_, again) = bench.post_with_key("/v1/refunds", &form, "k1").await;
    assert_ne!(again["id"], first["id"], "the key was forgotten: the money went out again");
    assert_eq!(refunds().await, 2);
}

#[tokio::test]
async fn a_refused_request_does_not_use_up_its_key() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_bank(&bench.session().await);
    let form = [("payment_intent", payment.as_str())];
    assert_eq!(bench.post_with_key("/v1/refunds", &form, "k1").await.0, 400);
    bench.act(sandbox::stripe::Act::Settle { payment: payment.clone() });
    assert_eq!(bench.post_with_key("/v1/refunds", &form, "k1").await.0, 200);
}

#[tokio::test]
async fn lists_are_newest_first_filtered_and_paged() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.session().await);
    for amount in ["1", "2", "3"] {
        bench.post("/v1/refunds", &[("payment_intent", &payment), ("amount", amount)]).await;
    }
    let (_, all) = bench.get("/v1/refunds").await;
    let all = ids(&all);
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by(|a, b| b < a), "{all:?}");
    for (query, expected, has_more) in [
        ("limit=2".to_owned(), &all[..2], true),
        (format!("limit=2&starting_after={}", all[0]), &all[1..], false),
        (format!("limit=1&starting_after={}", all[0]), &all[1..2], true),
        (format!("limit=1&ending_before={}", all[2]), &all[1..2], true),
        (format!("payment_intent={payment}"), &all[..], false),
        ("payment_intent=pi_1".to_owned(), &[], false),
    ] {
        let (_, page) = bench.get(&format!("/v1/refunds?{query}")).await;
        assert_eq!(
            (ids(&page), &page["has_more"]),
            (expected.to_vec(), &json!(has_more)),
            "for {query}"
        );
    }
    for (query, status) in [
        ("limit=0", 400),
        ("limit=101", 400),
        ("limit=x", 400),
        ("colour=blue", 400),
        ("starting_after=re_1", 404),
        ("starting_after=re_1&ending_before=re_2", 400),
    ] {
        assert_eq!(bench.get(&format!("/v1/refunds?{query}")).await.0, status, "for {query}");
    }
    let (_, events) =
        bench.get("/v1/events?types[]=refund.created&types[]=charge.succeeded&limit=100").await;
    assert_eq!(ids(&events).len(), 4);
    let (_, events) = bench.get("/v1/events?type=charge.succeeded").await;
    let (status, event) = bench.get(&format!("/v1/events/{}", ids(&events)[0])).await;
    assert_eq!((status, &event["type"]), (200, &json!("charge.succeeded")));
}

#[tokio::test]
async fn paths_and_expansions_that_stripe_has_not_are_refused() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.session().await);
    for (path, status) in [
        ("/v1/plans".to_owned(), 404),
        ("/v1/charges/".to_owned(), 404),
        (format!("/v1/charges/{payment}"), 404),
        (format!("/v1/payment_intents/{payment}?expand[]=amount"), 400),
        (format!("/v1/payment_intents/{payment}?expand[]=colour"), 400),
        (format!("/v1/payment_intents/{payment}?expand[]=a.b.c.d.e"), 400),
        (
            format!(
                "/v1/payment_intents/{payment}?expand[]=latest_charge.payment_intent.latest_charge"
            ),
            200,
        ),
    ] {
        let (got, body) = bench.get(&path).await;
        assert_eq!(got, status, "for {path}: {body}");
        assert_eq!(body["error"].is_object(), status != 200);
    }
}

#[tokio::test]
async fn a_session_is_ended_early_once() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let path = format!("/v1/checkout/sessions/{session}/expire");
    let (status, body) = bench.post(&path, &[]).await;
    assert_eq!((status, &body["status"]), (200, &json!("expired")));
    assert_eq!(bench.post(&path, &[]).await.0, 400);
}

#[tokio::test]
async fn the_sandbox_is_steered_over_http() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let url = |path: &str| format!("{}/sandbox/stripe{path}", bench.url);
    let act = async |act: Value| {
        let response = bench.http().post(url("/acts")).json(&act).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap_or_default())
    };
    let (status, done) = act(json!({"act": "pay_by_card", "session": session})).await;
    assert_eq!((status, done["events"].as_array().unwrap().len()), (200, 4));
    let payment = done["object"].as_str().unwrap();
    for (body, status) in [
        (json!({"act": "pay_by_card", "session": session}), 409),
        (json!({"act": "pay_by_card", "session": "cs_test_1"}), 404),
        (json!({"act": "settle", "payment": payment}), 409),
        (json!({"act": "refund", "payment": payment, "amount": 5, "colour": "blue"}), 422),
        (json!({"act": "explode"}), 422),
        (json!({"act": "refund", "payment": payment, "amount": 5}), 200),
        (json!({"act": "dispute", "payment": payment, "is_inquiry": true}), 200),
        (json!({"act": "take", "amount": 5, "currency": "xxx", "by": "card"}), 409),
    ] {
        assert_eq!(act(body.clone()).await.0, status, "for {body}");
    }
    let secret = json!({"secret": crate::bench::SECRET});
    let deliveries = bench.http().post(url("/deliveries")).json(&secret).send().await.unwrap();
    let deliveries: Value = deliveries.json().await.unwrap();
    assert_eq!(deliveries.as_array().unwrap().len(), 7);
    let event = deliveries[0]["event"].as_str().unwrap();
    for (event, status) in [(event, 204), ("evt_1", 404)] {
        let taken =
            bench.http().post(url(&format!("/deliveries/{event}/taken"))).send().await.unwrap();
        assert_eq!(taken.status().as_u16(), status);
    }
    let shown: Value = bench.http().get(url("")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["undelivered"], &shown["sessions"][0]["id"]), (&json!(6), &json!(session)));
    let down = bench.http().put(url("/faults")).json(&json!({"down": true})).send().await.unwrap();
    assert_eq!(down.status().as_u16(), 200);
    assert_eq!(bench.get("/v1/events").await.0, 503);
    let faults: Value =
        bench.http().get(url("/faults")).send().await.unwrap().json().await.unwrap();
    assert_eq!(faults["down"], json!(true));
}

#[tokio::test]
async fn the_book_survives_a_restart() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let payment = bench.pay_by_card(&session);
    let form = [("payment_intent", payment.as_str()), ("amount", "100")];
    let (_, refund) = bench.post_with_key("/v1/refunds", &form, "k1").await;
    let stored = serde_json::to_string(&bench.sandbox.snapshot()).unwrap();
    assert!(!stored.contains(SANDBOX_KEY), "keys are not stored");
    let book: Book = serde_json::from_str(&stored).unwrap();
    let next = Bench::with_book(book).await;
    let hint = Hint::Payment(id(&payment));
    assert_eq!(next.facts(&hint).await, bench.facts(&hint).await);
    assert_eq!(next.sandbox.deliveries(&secret()), bench.sandbox.deliveries(&secret()));
    assert_eq!(next.post_with_key("/v1/refunds", &form, "k1").await.1["id"], refund["id"]);
    assert_ne!(next.session().await, session);
    assert!(serde_json::from_str::<Book>("{}").is_ok(), "an empty folder is an empty book");
}

#[tokio::test]
async fn a_key_that_is_on_its_way_is_a_conflict_and_free_again_afterwards() {
    let bench = Bench::start().await;
    let form = [("name", "Bea")];
    bench.sandbox.set_faults(Faults { slow_ms: 200, ..Faults::default() });
    let one = || bench.post_with_key("/v1/customers", &form, "k1");
    let (first, second) = futures::join!(one(), one());
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409]);
    let conflict = if first.0 == 409 { first.1 } else { second.1 };
    assert_eq!(conflict["error"]["code"], "idempotency_key_in_use");
    assert_eq!(one().await.0, 200);
    bench.sandbox.set_faults(Faults::default());
    assert_eq!(bench.all("/v1/customers").await.len(), 1);
}

#[tokio::test]
async fn a_key_does_nothing_after_a_day_or_where_it_is_told_to() {
    let bench = Bench::start().await;
    let make = async || {
        let (status, made) = bench.post_with_key("/v1/customers", &[("name", "Bea")], "k1").await;
        assert_eq!(status, 200, "{made}");
        made["id"].as_str().unwrap().to_owned()
    };
    let first = make().await;
    assert_eq!(make().await, first);
    bench.wait(24 * 60 * 60 - 1);
    assert_eq!(make().await, first);
    bench.wait(1);
    let second = make().await;
    assert_ne!(second, first);
    bench.sandbox.set_faults(Faults { ignore_keys: true, ..Faults::default() });
    assert_ne!(make().await, second);
}

#[tokio::test]
async fn webhooks_that_are_dropped_stay_undelivered_and_corrupted_ones_do_not_verify() {
    let bench = Bench::start().await;
    bench.pay_by_card(&bench.session().await);
    let once = Faults { drop_webhooks: 1, corrupt_webhooks: 1, ..Faults::default() };
    bench.sandbox.set_faults(once);
    let sent = bench.sandbox.deliveries(&secret());
    assert_eq!(sent.len(), 3, "one of four is lost for good");
    let verify = |delivery: &sandbox::stripe::Delivery| {
        let (body, secrets) = (delivery.body.as_bytes(), [secret()]);
        gateways::stripe::signature::verify(
            Some(&delivery.header),
            body,
            &secrets,
            bench.now(),
            300,
        )
    };
    let bad = sent.iter().filter(|delivery| verify(delivery).is_err()).count();
    assert_eq!(bad, 1);
    assert_eq!(bench.sandbox.deliver(&secret(), async |_| 200).await, 3);
    let (_, left) = bench.get("/v1/events?delivery_success=false").await;
    assert_eq!(ids(&left).len(), 1);
}
