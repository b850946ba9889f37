//! The page to pay on, as a browser without scripts asks for it.

use reqwest::header::{CONTENT_SECURITY_POLICY, LOCATION};
use reqwest::{Client, Response};
use sandbox::stripe::{Act, Shop};

use crate::bench::Bench;

const RETURN: (&str, &str) =
    ("success_url", "https://portal.example/paid?page={CHECKOUT_SESSION_ID}&x=1");
const CANCEL: (&str, &str) = ("cancel_url", "https://portal.example/invoices?a=1&b=2");

fn browser() -> Client {
    Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

async fn page(bench: &Bench) -> String {
    bench.sandbox.set_shop(Shop { name: "Acme & Sons <Ltd>".to_owned(), webhook: None });
    bench.session_with(&[RETURN, CANCEL]).await
}

fn address(bench: &Bench, session: &str) -> String {
    format!("{}/sandbox/stripe/pay/{session}", bench.url)
}

async fn shown(bench: &Bench, session: &str) -> (u16, String) {
    let response = browser().get(address(bench, session)).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn pay(bench: &Bench, session: &str, method: &str) -> Response {
    browser().post(address(bench, session)).form(&[("method", method)]).send().await.unwrap()
}

fn location(response: &Response) -> &str {
    response.headers()[LOCATION].to_str().unwrap()
}

#[tokio::test]
async fn pay_2_the_page_says_what_is_paid_to_whom_and_that_no_money_moves() {
    let bench = Bench::start().await;
    let session = page(&bench).await;
    let response = browser().get(address(&bench, &session)).send().await.unwrap();
    let policy = response.headers()[CONTENT_SECURITY_POLICY].to_str().unwrap().to_owned();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let html = response.text().await.unwrap();
    for text in [
        "<strong>Sandbox</strong> – no real money moves",
        "Acme &#38; Sons &#60;Ltd&#62;",
        "1,250.00 USD",
        "Invoice A-1",
        r#"value="card" checked"#,
        r#"value="card_declined""#,
        r#"value="bank""#,
        r#"value="bank_returned""#,
        "https://portal.example/invoices?a=1&#38;b=2",
    ] {
        assert!(html.contains(text), "{text:?} is not in {html}");
    }
    assert!(!html.contains("<script"), "{html}");
    let style = browser().get(format!("{}/sandbox/stripe/pay.css", bench.url)).send().await;
    assert_eq!(style.unwrap().headers()["content-type"], "text/css; charset=utf-8");
    let (status, html) = shown(&bench, "cs_test_1").await;
    assert_eq!(status, 404);
    assert!(html.contains("There is no such page"));
}

#[tokio::test]
async fn pay_1_each_way_to_pay_ends_where_it_should() {
    let bench = Bench::start().await;
    for (method, state) in [
        ("card", "<h2 class=\"state good\">Paid</h2>"),
        ("bank", "<h2 class=\"state wait\">On its way</h2>"),
        ("bank_returned", "<h2 class=\"state wait\">On its way</h2>"),
    ] {
        let session = page(&bench).await;
        let response = pay(&bench, &session, method).await;
        assert_eq!(response.status().as_u16(), 303, "{method}");
        let expected = format!("https://portal.example/paid?page={session}&x=1");
        assert_eq!(location(&response), expected);
        let (status, html) = shown(&bench, &session).await;
        assert_eq!(status, 200);
        assert!(html.contains(state), "{method}: {html}");
        assert!(!html.contains("<form"), "{html}");
    }
}

#[tokio::test]
async fn pay_3_a_declined_card_is_told_and_another_way_is_tried() {
    let bench = Bench::start().await;
    let session = page(&bench).await;
    let response = pay(&bench, &session, "card_declined").await;
    assert_eq!(response.status().as_u16(), 303);
    assert_eq!(location(&response), format!("/sandbox/stripe/pay/{session}"));
    for _ in 0..2 {
        let (status, html) = shown(&bench, &session).await;
        assert_eq!(status, 200);
        assert!(html.contains("Your card was declined (generic_decline)"), "{html}");
        assert!(html.contains("<form"), "{html}");
    }
    let charges = bench.get("/v1/charges").await.1;
    assert_eq!(charges["data"].as_array().unwrap().len(), 1, "looking again pays nothing");
    let response = pay(&bench, &session, "bank").await;
    assert!(location(&response).starts_with("https://portal.example/paid"));
}

#[tokio::test]
async fn pay_1_a_page_is_paid_once_however_often_and_however_many_at_once() {
    let bench = Bench::start().await;
    let session = page(&bench).await;
    let all = futures::future::join_all((0..8).map(|_| pay(&bench, &session, "card")));
    let statuses: Vec<_> = all.await.iter().map(|response| response.status().as_u16()).collect();
    assert_eq!(statuses.iter().filter(|status| **status == 303).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 409).count(), 7, "{statuses:?}");
    let charges = bench.get("/v1/charges").await.1;
    assert_eq!(charges["data"].as_array().unwrap().len(), 1);
    let again = pay(&bench, &session, "bank").await.text().await.unwrap();
    assert!(again.contains("This was paid already. Nothing was charged again."), "{again}");
    assert!(again.contains("Continue"), "{again}");
}

#[tokio::test]
async fn pay_1_a_page_that_has_ended_takes_nothing() {
    let bench = Bench::start().await;
    let ended = page(&bench).await;
    bench.act(Act::Expire { session: ended.clone() });
    let late = page(&bench).await;
    bench.wait(24 * 60 * 60);
    for session in [&ended, &late] {
        let (status, html) = shown(&bench, session).await;
        assert_eq!(status, 410);
        assert!(html.contains("This page has expired") && html.contains("Go back"), "{html}");
        assert!(!html.contains("<form"), "{html}");
        assert_eq!(pay(&bench, session, "card").await.status().as_u16(), 410);
    }
    assert_eq!(bench.get("/v1/payment_intents").await.1["data"], serde_json::json!([]));
}

#[tokio::test]
async fn pay_2_what_is_no_choice_or_comes_from_elsewhere_pays_nothing() {
    let bench = Bench::start().await;
    let session = page(&bench).await;
    let unknown = pay(&bench, &session, "cash").await;
    assert_eq!(unknown.status().as_u16(), 422);
    assert!(unknown.text().await.unwrap().contains("Choose how to pay."));
    let elsewhere = browser().post(address(&bench, &session)).form(&[("method", "card")]);
    let elsewhere = elsewhere.header("sec-fetch-site", "cross-site").send().await.unwrap();
    assert_eq!(elsewhere.status().as_u16(), 403);
    let euros = [("line_items[0][price_data][currency]", "eur"), ("payment_method_types[]", "")];
    let euros = bench.session_with(&euros).await;
    let (_, html) = shown(&bench, &euros).await;
    assert!(html.contains("1,250.00 EUR") && !html.contains("Bank account"), "{html}");
    assert_eq!(pay(&bench, &euros, "bank").await.status().as_u16(), 409);
    assert_eq!(bench.get("/v1/payment_intents").await.1["data"], serde_json::json!([]));
}

#[tokio::test]
async fn test_1_a_debit_says_on_which_of_the_firms_days_it_clears() {
    let bench = Bench::start().await;
    bench.sandbox.note_day("2026-10-01".parse().unwrap());
    let session = page(&bench).await;
    pay(&bench, &session, "bank_returned").await;
    assert!(shown(&bench, &session).await.1.contains("clears on October 5, 2026"));
    bench.sandbox.note_day("2026-10-05".parse().unwrap());
    assert!(shown(&bench, &session).await.1.contains(">Paid<"));
    bench.sandbox.note_day("2026-10-08".parse().unwrap());
    assert!(shown(&bench, &session).await.1.contains(">Taken back<"));
}
