//! Orders: approved by the payer, captured by us, ended early, and left alone where they aren't ours.

use gateways::{
    CheckoutError, EndedCheckout, Gateway, GatewayError, Hint, Method, NoPayment, PaymentState,
    ReadBack,
};
use reqwest::StatusCode;
use sandbox::paypal::{Act, BASE_PATH, Pays, SANDBOX_CLIENT_ID, SANDBOX_KEY};
use serde_json::{Value, json};

use super::stand::{START, Stand, checkout, payment, usd, wallet};

fn no_payment(read: Result<ReadBack, GatewayError>) -> NoPayment {
    match read {
        Ok(ReadBack::NoPayment(why)) => why,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn pay_4_an_approved_order_is_captured_and_read_back() {
    let stand = Stand::new().await;
    let open = stand.open("try-1").await;
    assert_eq!((open.amount, open.expires_unix), (usd(1_250), START + 3 * 3600));
    let hint = Hint::Checkout(open.id.clone());
    assert_eq!(no_payment(stand.read(hint.clone()).await), NoPayment::NotYet);
    assert_eq!(stand.sandbox.taken_payments(), 0);
    stand.approve(&open.id, Pays::AtOnce);
    assert_eq!(stand.sandbox.taken_payments(), 0, "approved is not paid");
    let facts = stand.facts(hint.clone()).await;
    assert_eq!((facts.state.clone(), facts.amount), (PaymentState::Succeeded, usd(1_250)));
    assert_eq!(facts.reference.ours.as_deref(), Some("try-1"));
    assert_eq!(facts.reference.client.as_ref().unwrap().as_str(), "bea");
    assert_eq!(facts.method, Some(wallet()));
    let page = facts.checkout.clone().unwrap();
    assert_eq!((page.id, page.amount), (open.id, Some(usd(1_250))));
    assert_eq!(stand.facts(payment(&facts)).await, facts);
    assert_eq!(stand.facts(hint).await, facts);
    assert_eq!(stand.sandbox.taken_payments(), 1);
}

#[tokio::test]
async fn pay_4_who_takes_no_bank_debits_gets_no_echecks() {
    let stand = Stand::new().await;
    let mut new = checkout("try-1");
    new.methods = vec![Method::Card];
    let open = stand.paypal.create_checkout(&new, &"try-1".parse().unwrap()).await.unwrap();
    let act = Act::Approve { order: open.id.to_string(), pays: Pays::ByBank };
    assert!(stand.sandbox.act(act).is_err());
    for (url, is_offered) in [(&open.url, false), (&stand.open("try-2").await.url, true)] {
        let html = reqwest::get(url.as_str()).await.unwrap().text().await.unwrap();
        assert_eq!(html.contains("value=\"by_bank\""), is_offered);
    }
    stand.approve(&open.id, Pays::AtOnce);
}

#[tokio::test]
async fn pay_4_the_same_key_is_the_same_page() {
    let stand = Stand::new().await;
    let (first, second) = (stand.open("try-1").await, stand.open("try-1").await);
    assert_eq!(first, second);
    let other = stand.paypal.create_checkout(&checkout("try-2"), &"try-1".parse().unwrap()).await;
    assert!(matches!(other, Err(CheckoutError::KeyReused)), "{other:?}");
}

#[tokio::test]
async fn pay_3_an_echeck_is_pending_until_its_bank_decides() {
    for (pays, expected) in [
        (Pays::ByBank, PaymentState::Succeeded),
        (Pays::ByBankThatRefuses, PaymentState::Failed { code: Some("ECHECK".to_owned()) }),
    ] {
        let stand = Stand::new().await;
        let facts = stand.paid("try-1", pays).await;
        assert_eq!(facts.state, PaymentState::Pending);
        let hint = || payment(&facts);
        stand.pass(3 * 86_400);
        stand.sandbox.go_on().await;
        assert_eq!(stand.facts(hint()).await.state, PaymentState::Pending);
        stand.pass(86_400);
        stand.sandbox.go_on().await;
        assert_eq!(stand.facts(hint()).await.state, expected);
    }
}

#[tokio::test]
async fn pay_3_a_payment_under_review_ends_either_way() {
    let stand = Stand::new().await;
    for (ours, act, expected) in [
        ("try-1", (|payment| Act::Settle { payment }) as fn(String) -> Act, "Succeeded"),
        ("try-2", |payment| Act::Deny { payment }, "Failed"),
    ] {
        let facts = stand.paid(ours, Pays::AfterReview).await;
        assert_eq!(facts.state, PaymentState::Pending);
        stand.act(act(facts.payment.to_string()));
        let state = stand.facts(payment(&facts)).await.state;
        assert!(format!("{state:?}").starts_with(expected), "{state:?}");
    }
}

#[tokio::test]
async fn pay_3_a_declined_payer_takes_nothing_and_may_choose_again() {
    let stand = Stand::new().await;
    let open = stand.open("try-1").await;
    stand.approve(&open.id, Pays::Nothing);
    let hint = Hint::Checkout(open.id.clone());
    assert_eq!(no_payment(stand.read(hint.clone()).await), NoPayment::NotYet);
    assert_eq!(stand.sandbox.taken_payments(), 0);
    stand.approve(&open.id, Pays::AtOnce);
    assert_eq!(stand.facts(hint).await.state, PaymentState::Succeeded);
    let facts = stand.paid("try-2", Pays::CardDeclines).await;
    assert_eq!(facts.state, PaymentState::Failed { code: Some("5120".to_owned()) });
    assert_eq!(stand.sandbox.taken_payments(), 1);
}

#[tokio::test]
async fn pay_4_what_is_approved_on_an_ended_page_is_not_taken() {
    let stand = Stand::new().await;
    let key = "end".parse().unwrap();
    for is_approved_first in [false, true] {
        let open = stand.open(&format!("try-{is_approved_first}")).await;
        if is_approved_first {
            stand.approve(&open.id, Pays::AtOnce);
        }
        let ended = stand.paypal.expire_checkout(&open.id, &key).await.unwrap();
        assert_eq!(ended, EndedCheckout::Expired);
        let ended = stand.paypal.expire_checkout(&open.id, &key).await.unwrap();
        assert_eq!(ended, EndedCheckout::Expired);
        if !is_approved_first {
            stand.approve(&open.id, Pays::AtOnce);
        }
        let read = stand.read(Hint::Checkout(open.id)).await;
        assert_eq!(no_payment(read), NoPayment::Expired);
        assert_eq!(stand.sandbox.taken_payments(), 0);
    }
    let paid = stand.paid("try-paid", Pays::AtOnce).await;
    let page = paid.checkout.unwrap().id;
    let ended = stand.paypal.expire_checkout(&page, &key).await.unwrap();
    assert_eq!(ended, EndedCheckout::Completed);
    let unknown = stand.paypal.expire_checkout(&"O404".parse().unwrap(), &key).await.unwrap();
    assert_eq!(unknown, EndedCheckout::Expired);
}

#[tokio::test]
async fn pay_4_an_order_that_nobody_captured_in_time_is_over() {
    let stand = Stand::new().await;
    let open = stand.open("try-1").await;
    stand.approve(&open.id, Pays::AtOnce);
    stand.pass(3 * 3600);
    let read = stand.read(Hint::Checkout(open.id)).await;
    assert_eq!(no_payment(read), NoPayment::Expired);
}

/// Without the adapter: as another system of the firm would use the same app.
async fn ask(stand: &Stand, path: &str, body: &Value) -> Value {
    let client = reqwest::Client::new();
    let base = format!("{}{BASE_PATH}", stand.origin);
    let token = client.post(format!("{base}/v1/oauth2/token"));
    let token = token.basic_auth(SANDBOX_CLIENT_ID, Some(SANDBOX_KEY)).send().await.unwrap();
    let token: Value = token.json().await.unwrap();
    let request = client.post(format!("{base}{path}"));
    let request = request.bearer_auth(token["access_token"].as_str().unwrap()).json(body);
    request.send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn pay_2_another_systems_order_is_left_alone() {
    let stand = Stand::new().await;
    let body = json!({
        "intent": "CAPTURE", "payment_source": {"paypal": {}},
        "purchase_units": [{"custom_id": "shop-7", "amount": {"currency_code": "USD", "value": "3.00"}}],
    });
    let order = ask(&stand, "/v2/checkout/orders", &body).await;
    let id = order["id"].as_str().unwrap().parse().unwrap();
    stand.approve(&id, Pays::AtOnce);
    let read = stand.read(Hint::Checkout(id)).await;
    assert_eq!(no_payment(read), NoPayment::OtherPurpose);
    assert_eq!(stand.sandbox.taken_payments(), 0);
}

#[tokio::test]
async fn pay_2_what_paypal_does_not_know_is_not_found() {
    let stand = Stand::new().await;
    for hint in [Hint::Checkout, Hint::Payment, Hint::Charge, Hint::Refund, Hint::Dispute] {
        let error = stand.read(hint("X404".parse().unwrap())).await.unwrap_err();
        assert!(matches!(error, GatewayError::NotFound { .. }), "{error}");
    }
}

#[tokio::test]
async fn pay_8_a_payer_approves_without_a_script_and_comes_back() {
    let stand = Stand::new().await;
    let open = stand.open("try-1").await;
    let client = reqwest::Client::builder();
    let client = client.redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let page = client.get(&open.url).send().await.unwrap();
    assert_eq!(page.status(), StatusCode::OK);
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'"), "{policy}");
    let html = page.text().await.unwrap();
    let back = format!("href=\"https://portal.example/pay?token={}\"", open.id);
    for expected in ["12.50 USD", "Invoice INV-00001", "Sandbox", &back] {
        assert!(html.contains(expected), "{expected} is not in {html}");
    }
    assert!(!html.contains("<script"));
    let post = |body: &'static str, site: &'static str| {
        client.post(&open.url).header("sec-fetch-site", site).body(body).send()
    };
    let answer = post("pays=at_once", "cross-site").await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    let answer = post("pays=gold", "same-origin").await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
    let answer = post("pays=at_once", "same-origin").await.unwrap();
    let to = answer.headers()["location"].to_str().unwrap().to_owned();
    assert_eq!(to, format!("https://portal.example/paid?page=1&token={}", open.id));
    let answer = post("pays=at_once", "same-origin").await.unwrap();
    assert_eq!(answer.status(), StatusCode::CONFLICT);
    let missing = client.get(format!("{}/sandbox/paypal/pay/O404", stand.origin));
    assert_eq!(missing.send().await.unwrap().status(), StatusCode::NOT_FOUND);
    let facts = stand.facts(Hint::Checkout(open.id)).await;
    assert_eq!(facts.state, PaymentState::Succeeded);
}

#[tokio::test]
async fn a_book_is_kept_and_read_again() {
    let stand = Stand::new().await;
    let facts = stand.paid("try-1", Pays::AtOnce).await;
    let kept = serde_json::to_value(stand.sandbox.snapshot()).unwrap();
    let read: sandbox::paypal::Book = serde_json::from_value(kept.clone()).unwrap();
    assert_eq!(serde_json::to_value(read).unwrap(), kept);
    assert!(kept["captures"][facts.payment.as_str()].is_object());
}
