//! The demo firm connects Square, PayPal and LawPay in the console's API as it would the real ones, and clients
//! pay through each: signed webhooks, or one that is asked for, bring the money in (PAY-2).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod up;

use reqwest::Method;
use serde_json::{Value, json};
use up::{Up, assert_audit_verifies};

/// What the sandboxes take; what they sign with is the firm's to choose.
fn credentials(gateway: &str, url: &str) -> Value {
    let page = format!("{url}/sandbox/affinipay/pages/operating");
    match gateway {
        "square" => json!({"key": "EAAA-sandbox", "signing": ["chosen"], "location": "LSANDBOX"}),
        "paypal" => {
            json!({"client_id": "sandbox-app", "key": "sandbox-secret", "webhook_ids": ["1CHOSEN"]})
        }
        _ => json!({
            "key": "affinipay_test_sandbox",
            "deposits": [
                format!("sandboxOperatingCards_,operating,card,{page}"),
                format!("sandboxOperatingEcheck,operating,echeck,{page}"),
            ],
        }),
    }
}

/// What a payer does on the page at that address.
fn act(gateway: &str, page: &str) -> Value {
    let last = page.rsplit('/').next().unwrap();
    let of_query = |name: &str| {
        let url = reqwest::Url::parse(page).unwrap();
        let value = url.query_pairs().find(|(key, _)| key == name).unwrap().1;
        value.into_owned()
    };
    match gateway {
        "square" => json!({"act": "pay_by_card", "link": last}),
        "paypal" => json!({"act": "approve", "order": last}),
        _ => json!({
            "act": "pay",
            "deposit": "operating",
            "amount": of_query("amount").parse::<u64>().unwrap(),
            "reference": of_query("reference"),
            "with": {"type": "card", "number": "4242424242424242"},
        }),
    }
}

#[tokio::test]
async fn pay_2_a_firm_connects_each_gateway_and_is_paid_through_it() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let up = Up::start(&data);
    let http = reqwest::Client::new();
    let post = async |path: &str, body: Value| {
        let answer = http.post(format!("{}{path}", up.url)).json(&body).send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    // A card at LawPay is captured when its day ends, so that it is on its way until then.
    for (gateway, sandbox, client, invoice, amount, state) in [
        ("square", "square", "dune", "DP-2011", "310.00", "succeeded"),
        ("paypal", "paypal", "cobalt", "DP-2012", "450.00", "succeeded"),
        ("lawpay", "affinipay", "heron", "DP-2015", "840.00", "pending"),
    ] {
        let new = json!({
            "gateway": gateway, "mode": "test", "credentials": credentials(gateway, &up.url),
        });
        let (status, made) = up.ask("ada", Method::POST, "/firm/v1/gateways", Some(new)).await;
        assert_eq!(status, 201, "{gateway}: {made}");
        let path = format!("/firm/v1/gateways/{}", made["id"].as_str().unwrap());
        for (what, field) in [("test", "works"), ("prefer", "takes_payments")] {
            let (status, said) =
                up.ask("ada", Method::POST, &format!("{path}/{what}"), Some(json!({}))).await;
            assert_eq!((status, &said[field]), (200, &json!(true)), "{gateway}: {said}");
        }

        let links = format!("/firm/v1/clients/{client}/pay-links");
        let (status, link) = up.ask("bea", Method::POST, &links, Some(json!({}))).await;
        assert!((200..300).contains(&status), "{gateway}: {link}");
        let token = link["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned();
        let (status, page) =
            post(&format!("/portal/v1/links/{token}/checkouts"), json!({"invoices": [invoice]}))
                .await;
        assert!((200..300).contains(&status), "{gateway}: {page}");
        let url = page["url"].as_str().unwrap();
        // A link of Square's and a page of LawPay's can be paid on until somebody ends them, and are known to be.
        let is_endless = page["ends_at"].as_str().unwrap().starts_with("9999-");
        assert_eq!(is_endless, gateway != "paypal", "{gateway}: {page}");
        assert!(url.starts_with(&format!("{}/sandbox/{sandbox}/", up.url)), "{url}");
        let (status, done) = post(&format!("/sandbox/{sandbox}/acts"), act(gateway, url)).await;
        assert_eq!(status, 200, "{gateway}: {done}");

        // Nobody came back from the page: the webhook brings it.
        let payments = format!("/firm/v1/clients/{client}/payments");
        let payment = up
            .wait(&payments, |payments| {
                let mut items = payments["items"].as_array()?.iter();
                let is_it = |item: &&Value| {
                    let id = item["payment"].as_str().unwrap();
                    id.starts_with(&format!("{gateway}:")) && item["state"] == state
                };
                items.find(is_it).cloned()
            })
            .await;
        assert_eq!(payment["amount"], json!({"amount": amount, "currency": "USD"}), "{payment}");
        assert_eq!(payment["names"], json!([invoice]), "{payment}");
        let known = up.get("ada", &path).await;
        assert!(known["last_event"]["at"].is_string(), "{gateway}: {known}");
    }
    assert!(up.stop().success());
    assert_audit_verifies(&data);
}
