//! What is forged, stale, mixed up, too large or no event: refused or acknowledged, and nothing is applied.

use axum::body::Body;
use axum::http::Request;
use chrono::TimeDelta;
use gateways::Secret;
use gateways::stripe::signature::sign;
use serde_json::{Value, json};

use crate::bench::{Bench, SECRET, START, open_firm};

/// A bench where a page was paid, and nothing told yet.
async fn bench() -> Bench {
    let bench = Bench::start().await;
    bench.pay_by_card(&bench.page_with(&[]).await);
    bench
}

/// Each endpoint took an event before, about nothing that the gateway knows: it is set up. Until then what is refused
/// there is written down now and then, for whoever sets it up.
async fn was_set_up(bench: &Bench, endpoint: &str, is_live: bool) {
    let body = json!({
        "id": format!("evt_first_{endpoint}"), "object": "event", "type": "payment_intent.succeeded",
        "created": START, "livemode": is_live, "data": {"object": {"id": "pi_none", "object": "payment_intent"}},
    })
    .to_string();
    let (status, answer) = bench.post_to(endpoint, &signed(&body), body.as_bytes()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("kept")));
    bench.cost();
}

async fn nothing_was_applied(bench: &Bench) {
    assert_eq!(bench.balance("A-1").await, "1000.00 USD");
    assert!(!bench.audit().await.contains(&"record_payment".to_owned()));
}

fn signed(body: &str) -> String {
    sign(&Secret::from(SECRET), body.as_bytes(), START)
}

#[tokio::test]
async fn pay_2_what_is_not_authentic_is_refused_and_costs_no_write() {
    let bench = bench().await;
    let due = bench.event("payment_intent.succeeded");
    let forged = sign(&"whsec_of_another".into(), due.body.as_bytes(), START);
    let stale = sign(&SECRET.into(), due.body.as_bytes(), START - 301);
    let early = sign(&SECRET.into(), due.body.as_bytes(), START + 301);
    let changed = due.body.replace("125000", "125001");
    assert_ne!(changed, due.body);
    was_set_up(&bench, &bench.endpoint.id, false).await;
    for (signature, body) in [
        (forged.as_str(), &due.body),
        (&stale, &due.body),
        (&early, &due.body),
        (&due.header, &changed),
        ("", &due.body),
        ("t=1,v1=", &due.body),
    ] {
        let (status, problem) = bench.post_to(&bench.endpoint.id, signature, body.as_bytes()).await;
        assert_eq!(status, 401, "for {signature}: {problem}");
        assert_eq!(problem["type"], "urn:portcullis:problem:unauthorized");
        assert_eq!(problem["field"], "Stripe-Signature");
    }
    let request = Request::post(format!("/webhooks/stripe/{}", bench.endpoint.id));
    let (status, _) = bench.send(request.body(Body::from(due.body.clone())).unwrap()).await;
    assert_eq!(status, 401, "without the header");
    assert_eq!(bench.cost().half_writes, 0);
    nothing_was_applied(&bench).await;
}

#[tokio::test]
async fn pay_2_a_blank_secret_refuses_everything() {
    let bench = bench().await;
    for blank in ["", " ", "whsec_"] {
        let endpoint = bench.open_endpoint("acme", false, &[blank]).await;
        let due = &bench.event("payment_intent.succeeded");
        let signature = sign(&blank.into(), due.body.as_bytes(), START);
        let (status, problem) = bench.post_to(&endpoint.id, &signature, due.body.as_bytes()).await;
        assert_eq!(status, 503, "for {blank:?}: {problem}");
        assert!(!problem.to_string().contains("secret"), "{problem}");
    }
    let endpoint = bench.open_endpoint("acme", false, &[]).await;
    let (status, _) = bench.post_to(&endpoint.id, "t=1,v1=00", b"{}").await;
    assert_eq!(status, 503, "no secret at all");
    nothing_was_applied(&bench).await;
}

#[tokio::test]
async fn sec_1_another_firms_endpoint_takes_none_of_this_firms_news() {
    let bench = bench().await;
    open_firm(&bench.store_of("beta"), bench.now()).await;
    let of_beta = bench.open_endpoint("beta", false, &["whsec_of_beta"]).await;
    let due = bench.event("payment_intent.succeeded");
    let (status, _) = bench.post_to(&of_beta.id, &due.header, due.body.as_bytes()).await;
    assert_eq!(status, 401, "signed with another firm's secret");
    // Even with beta's secret and key the payment itself says whose it is.
    let signature = sign(&"whsec_of_beta".into(), due.body.as_bytes(), START);
    let (status, answer) = bench.post_to(&of_beta.id, &signature, due.body.as_bytes()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("mismatched")));
    nothing_was_applied(&bench).await;
    // And beta can't use up acme's event.
    let (status, answer) = bench.post(&due).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("applied")));
}

#[tokio::test]
async fn sec_1_an_endpoint_that_is_none_is_not_found() {
    let bench = bench().await;
    let due = bench.event("payment_intent.succeeded");
    let long = "a".repeat(5_000);
    for endpoint in ["5f1c0a9e7b3d42c68a1f0e9d7c6b5a43", "a%23b", "..", "%00", "x%2Fy", &long] {
        let (status, problem) = bench.post_to(endpoint, &due.header, due.body.as_bytes()).await;
        assert_eq!(status, 404, "for {endpoint}: {problem}");
    }
    for gateway in ["square", "paypal", "lawpay", "Stripe", "nobody"] {
        let path = format!("/webhooks/{gateway}/{}", bench.endpoint.id);
        let request = Request::post(path).header("stripe-signature", &due.header);
        let (status, _) = bench.send(request.body(Body::from(due.body.clone())).unwrap()).await;
        assert_eq!(status, 404, "for {gateway}");
    }
    let get = Request::get(format!("/webhooks/stripe/{}", bench.endpoint.id));
    assert_eq!(bench.send(get.body(Body::empty()).unwrap()).await.0, 405);
    let other = Request::post("/webhooks").body(Body::empty()).unwrap();
    assert_eq!(bench.send(other).await.0, 404);
    nothing_was_applied(&bench).await;
}

#[tokio::test]
async fn test_1_live_and_test_never_mix() {
    let bench = bench().await;
    let due = bench.event("payment_intent.succeeded");
    let live = bench.open_endpoint("acme", true, &[SECRET]).await;
    was_set_up(&bench, &live.id, true).await;
    was_set_up(&bench, &bench.endpoint.id, false).await;
    let (status, answer) = bench.post_to(&live.id, &due.header, due.body.as_bytes()).await;
    assert_eq!(
        (status, answer["outcome"].as_str()),
        (200, Some("not_for_here")),
        "Stripe does that"
    );
    let body = due.body.replace("\"livemode\":false", "\"livemode\":true");
    let (status, problem) =
        bench.post_to(&bench.endpoint.id, &signed(&body), body.as_bytes()).await;
    assert_eq!(status, 409, "{problem}");
    let mut connected: Value = serde_json::from_str(&due.body).unwrap();
    connected["account"] = json!("acct_1");
    let body = connected.to_string();
    let (status, answer) = bench.post_to(&bench.endpoint.id, &signed(&body), body.as_bytes()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("not_for_here")));
    assert_eq!(bench.cost().half_writes, 0);
    nothing_was_applied(&bench).await;
}

#[tokio::test]
async fn a_body_of_the_largest_size_is_read_and_a_byte_more_is_not() {
    let bench = bench().await;
    let fill = |bytes: usize| {
        let begin = r#"{"id":"evt_1","object":"event","type":"customer.created","created":1,"livemode":false,"data":{"object":{"x":""#;
        let end = r#""}}}"#;
        format!("{begin}{}{end}", "x".repeat(bytes - begin.len() - end.len()))
    };
    let limit = services::webhook::MAX_BODY_BYTES;
    for (bytes, expected) in [(limit, 200), (limit + 1, 413)] {
        let body = fill(bytes);
        let (status, problem) =
            bench.post_to(&bench.endpoint.id, &signed(&body), body.as_bytes()).await;
        assert_eq!(status, expected, "{problem}");
    }
}

#[tokio::test]
async fn a_genuine_body_that_is_no_event_is_refused_by_name_and_leaves_evidence_without_its_words()
{
    let bench = bench().await;
    for (body, expected) in [
        ("{\"card\": \"4242424242424242\"", "EOF"),
        ("{}", "missing field `id`"),
        ("[]", "invalid length 0"),
        ("\u{7f}", "expected value"),
        (
            r#"{"id":"evt_1","object":"v2.core.event","type":"x","created":1,"livemode":false,"data":{"object":{}}}"#,
            "object",
        ),
    ] {
        let (status, problem) =
            bench.post_to(&bench.endpoint.id, &signed(body), body.as_bytes()).await;
        assert_eq!(status, 400, "for {body}: {problem}");
        assert!(problem["detail"].as_str().unwrap().contains(expected), "for {body}: {problem}");
        bench.cost();
        bench.post_to(&bench.endpoint.id, &signed(body), body.as_bytes()).await;
        assert_eq!(bench.cost().half_writes, 0, "once");
    }
    let dynamo = &bench.dynamo;
    let event = format!("body-{}", hex_of("{\"card\": \"4242424242424242\""));
    let kept = bench.store().webhook(&"stripe".parse().unwrap(), &event).await.unwrap().unwrap();
    assert_eq!(kept.outcome.as_deref(), Some("unreadable"));
    assert!(!format!("{kept:?}").contains("4242"), "{kept:?} in {}", dynamo.table());
    nothing_was_applied(&bench).await;
}

fn hex_of(body: &str) -> String {
    let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, body.as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn news_about_nothing_that_we_follow_is_acknowledged_and_not_kept() {
    let bench = bench().await;
    let body = json!({
        "id": "evt_1", "object": "event", "type": "customer.created", "created": START, "livemode": false,
        "data": {"object": {"id": "cus_1", "object": "customer", "email": "ann@acme.example"}},
    })
    .to_string();
    was_set_up(&bench, &bench.endpoint.id, false).await;
    let (status, answer) = bench.post_to(&bench.endpoint.id, &signed(&body), body.as_bytes()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("ignored")));
    assert_eq!(bench.cost().half_writes, 0);
}

#[tokio::test]
async fn pay_2_an_event_about_a_payment_that_the_gateway_does_not_know_is_given_up_in_the_end() {
    let bench = bench().await;
    let due = bench.event("payment_intent.succeeded");
    let mut body: Value = serde_json::from_str(&due.body).unwrap();
    body["id"] = json!("evt_forged");
    body["data"]["object"]["id"] = json!("pi_nobody");
    let body = body.to_string();
    let (status, answer) = bench.post_to(&bench.endpoint.id, &signed(&body), body.as_bytes()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("kept")));
    let mut alarming = 0;
    for _ in 0..6 {
        bench.wait(TimeDelta::hours(2));
        alarming += bench.sweep().await.alarming;
    }
    assert_eq!(alarming, 1);
    nothing_was_applied(&bench).await;
}

#[tokio::test]
async fn a_replaced_secret_holds_at_once_and_a_forger_makes_us_read_it_seldom() {
    let bench = bench().await;
    let due = bench.event("payment_intent.succeeded");
    let forged = sign(&"whsec_of_another".into(), due.body.as_bytes(), START);
    bench.post_to(&bench.endpoint.id, &forged, due.body.as_bytes()).await;
    bench.replace_secrets(&["whsec_new"]).await;
    bench.cost();
    for _ in 0..20 {
        bench.post_to(&bench.endpoint.id, &forged, due.body.as_bytes()).await;
    }
    assert_eq!(bench.cost().calls, 0, "read a moment ago");
    bench.wait(TimeDelta::seconds(11));
    let now = bench.now().timestamp();
    let new = sign(&"whsec_new".into(), due.body.as_bytes(), now);
    let (status, answer) = bench.post_to(&bench.endpoint.id, &new, due.body.as_bytes()).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("applied")));
    let old = sign(&SECRET.into(), due.body.as_bytes(), now);
    assert_eq!(bench.post_to(&bench.endpoint.id, &old, due.body.as_bytes()).await.0, 401);
}

#[tokio::test]
async fn sec_5_the_table_holds_no_secret_in_the_clear() {
    let bench = bench().await;
    let secret = bench.store().secret(&bench.endpoint.secrets).await.unwrap().unwrap();
    let contains =
        |part: &str| secret.sealed.windows(part.len()).any(|bytes| bytes == part.as_bytes());
    assert!(!contains(SECRET) && !contains("sk_test"));
    let records = bench.store().firm_records(&store::PageRequest::default()).await.unwrap().items;
    let texts: Vec<_> = records.iter().map(|record| record.stored.as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("secret_kept")), "{texts:?}");
    assert!(texts.iter().all(|text| !text.contains("sealed")), "{texts:?}");
}
