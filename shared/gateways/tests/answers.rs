//! What a gateway can answer besides the right thing. The sandbox answers like Stripe; these are the
//! answers that it can't give.

#![allow(clippy::unwrap_used, reason = "in a test, what is missing is a failure")]

use std::time::Duration;

use gateways::stripe::{Config, Stripe};
use gateways::{Gateway, GatewayError, Hint, Mode, ReadBack, RefundState, Timeouts, Transport};
use serde_json::{Value, json};
use wiremock::matchers::{any, header, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};

/// Quick, so that the tests of what takes too long don't.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_millis(500),
    answer: Duration::from_millis(500),
    total: Duration::from_secs(5),
    pause: Duration::from_millis(1),
};

async fn answering(respond: impl Respond + 'static, expect: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(respond).expect(expect).mount(&server).await;
    server
}

async fn read(server: &MockServer, timeouts: Timeouts) -> Result<ReadBack, GatewayError> {
    let config = Config {
        key: "sk_test_1".into(),
        mode: Mode::Test,
        account: Some("acct_1".to_owned()),
        signing: vec![],
        base_url: server.uri(),
    };
    let stripe = Stripe::new(Transport::new(timeouts), &config).unwrap();
    stripe.read_back(&Hint::Payment("pi_1".parse().unwrap())).await
}

async fn error(respond: impl Respond + 'static, expect: u64) -> GatewayError {
    let server = answering(respond, expect).await;
    read(&server, TIMEOUTS).await.unwrap_err()
}

fn status(status: u16, body: Value) -> ResponseTemplate {
    ResponseTemplate::new(status).set_body_json(body)
}

fn intent(refunds: Value) -> Value {
    json!({
        "id": "pi_1", "status": "succeeded", "amount": 1000, "amount_received": 1000,
        "currency": "usd", "created": 7, "livemode": false, "metadata": {"firm": "acme"},
        "latest_charge": {
            "id": "ch_1", "created": 8, "amount_refunded": 300, "disputed": false,
            "payment_method_details": {"type": "card"}, "refunds": refunds,
        },
    })
}

#[tokio::test]
async fn pay_2_each_answer_says_what_can_be_done() {
    let with_code = |code: &str| json!({"error": {"code": code, "message": "sk_test_1 is bad"}});
    for (code, body, requests, expected) in [
        (
            401,
            json!({"error": {"type": "invalid_request_error"}}),
            1,
            "refused our key with status 401 (invalid_request_error)",
        ),
        (403, with_code("account_invalid"), 1, "refused our key with status 403 (account_invalid)"),
        (404, with_code("resource_missing"), 1, "knows no payment_intents/pi_1 in this account"),
        (
            400,
            with_code("parameter_unknown"),
            1,
            "rejected the request with status 400 (parameter_unknown)",
        ),
        (302, json!(null), 1, "rejected the request with status 302 (no code)"),
        (409, with_code("lock_timeout"), 1, "did not answer: status 409 (lock_timeout)"),
        (429, with_code("rate_limit"), 1, "did not answer: status 429 (rate_limit)"),
        (500, json!(null), 2, "did not answer: status 500"),
        (503, json!("<html>"), 2, "did not answer: status 503"),
        (200, json!({}), 1, "payment_intent: missing field `id`"),
        (200, json!([]), 1, "can't be read: payment_intent: invalid length 0"),
    ] {
        let error = error(status(code, body), requests).await;
        let is_temporary = code == 409 || code == 429 || 500 <= code;
        assert_eq!(error.is_temporary(), is_temporary, "{code}");
        let text = error.to_string();
        assert!(text.contains(expected), "for {code}: {text}");
        assert!(!text.contains("sk_test"), "{text}");
    }
}

#[tokio::test]
async fn pay_2_an_answer_that_is_no_json_or_too_long_is_malformed() {
    for body in ["", "{", "<html></html>", &"x".repeat(1024 * 1024 + 1)] {
        let error = error(ResponseTemplate::new(200).set_body_string(body), 1).await;
        assert!(matches!(error, GatewayError::Malformed { .. }), "{error}");
    }
}

#[tokio::test]
async fn pay_2_a_redirect_is_not_followed_with_our_key() {
    let elsewhere = answering(ResponseTemplate::new(200), 0).await;
    let redirect = ResponseTemplate::new(307).insert_header("location", elsewhere.uri());
    assert!(matches!(error(redirect, 1).await, GatewayError::Rejected { status: 307, .. }));
}

#[tokio::test]
async fn pay_2_a_question_is_asked_twice_and_then_answered() {
    let server = MockServer::start().await;
    let failing = Mock::given(any()).respond_with(ResponseTemplate::new(503));
    failing.up_to_n_times(1).expect(1).mount(&server).await;
    let good = status(200, intent(json!({"data": [], "has_more": false})));
    let headers = Mock::given(header("authorization", "Bearer sk_test_1"))
        .and(header("stripe-version", "2026-09-30.endive"))
        .and(header("stripe-account", "acct_1"));
    headers.respond_with(good).expect(1).mount(&server).await;
    let ReadBack::Payment(facts) = read(&server, TIMEOUTS).await.unwrap() else {
        panic!("no payment");
    };
    assert_eq!(facts.account.as_deref(), Some("acct_1"));
}

#[tokio::test]
async fn pay_2_nobody_there_and_nobody_answering_are_down() {
    let server = answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(2)), 2).await;
    let error = read(&server, TIMEOUTS).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway did not answer: no answer in time");
    let total = Timeouts { total: Duration::from_millis(50), ..TIMEOUTS };
    let error = read(
        &answering(ResponseTemplate::new(200).set_delay(Duration::from_secs(2)), 1).await,
        total,
    )
    .await;
    assert_eq!(
        error.unwrap_err().to_string(),
        "the gateway did not answer: the whole took longer than 50ms"
    );
    let closed = Config {
        key: "sk_test_1".into(),
        mode: Mode::Test,
        account: None,
        signing: vec![],
        base_url: "http://127.0.0.1:1".to_owned(),
    };
    let stripe = Stripe::new(Transport::new(TIMEOUTS), &closed).unwrap();
    let error = stripe.read_back(&Hint::Payment("pi_1".parse().unwrap())).await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway did not answer: no connection");
}

#[tokio::test]
async fn pay_5_refunds_beyond_the_first_page_are_read() {
    let server = MockServer::start().await;
    let refund = |n: i64| json!({"id": format!("re_{n}"), "amount": 100, "currency": "usd", "created": n, "status": "succeeded"});
    let first = status(200, intent(json!({"data": [refund(3)], "has_more": true})));
    Mock::given(path("/v1/payment_intents/pi_1"))
        .respond_with(first)
        .expect(1)
        .mount(&server)
        .await;
    let pages = [
        (None, json!({"data": [refund(3), refund(2)], "has_more": true})),
        (Some("re_2"), json!({"data": [refund(1)], "has_more": false})),
    ];
    for (after, body) in pages {
        let list = Mock::given(path("/v1/refunds")).and(query_param("payment_intent", "pi_1"));
        let list = match after {
            Some(id) => list.and(query_param("starting_after", id)),
            None => list.and(query_param_is_missing("starting_after")),
        };
        list.respond_with(status(200, body)).expect(1).mount(&server).await;
    }
    let ReadBack::Payment(facts) = read(&server, TIMEOUTS).await.unwrap() else {
        panic!("no payment");
    };
    let refunds: Vec<_> =
        facts.refunds.iter().map(|refund| (refund.id.as_str(), refund.state)).collect();
    assert_eq!(refunds, ["re_1", "re_2", "re_3"].map(|id| (id, RefundState::Succeeded)));
}

#[tokio::test]
async fn pay_5_a_list_without_end_is_given_up() {
    let refund =
        json!({"id": "re_1", "amount": 1, "currency": "usd", "created": 1, "status": "succeeded"});
    let server = MockServer::start().await;
    let first = status(200, intent(json!({"data": [], "has_more": true})));
    Mock::given(path("/v1/payment_intents/pi_1")).respond_with(first).mount(&server).await;
    let page = status(200, json!({"data": [refund], "has_more": true}));
    Mock::given(path("/v1/refunds")).respond_with(page).expect(10).mount(&server).await;
    let error = read(&server, TIMEOUTS).await.unwrap_err().to_string();
    assert!(error.contains("refund list of pi_1: more than 10 pages"), "{error}");
}
