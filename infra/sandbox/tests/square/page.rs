//! The page to pay on, as a browser without script sees it; and the sandbox's own routes.

use reqwest::redirect::Policy;
use serde_json::{Value, json};

use crate::bench::{Bench, by_card, checkout, link};

fn browser() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().redirect(Policy::none()).build().unwrap()
}

async fn show(url: &str) -> (u16, String) {
    let answer = browser().get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

async fn choose(url: &str, method: &str) -> (u16, Option<String>, String) {
    let answer = browser().post(url).form(&[("method", method)]).send().await.unwrap();
    let location = answer.headers().get("location").map(|to| to.to_str().unwrap().to_owned());
    (answer.status().as_u16(), location, answer.text().await.unwrap())
}

#[tokio::test]
async fn acc_4_a_person_pays_without_script_and_finds_the_way_back() {
    let bench = Bench::start().await;
    let page = bench.open(&checkout("p1")).await;
    let answer = browser().get(&page.url).send().await.unwrap();
    let policy = answer.headers().get("content-security-policy").unwrap().to_str().unwrap();
    assert!(policy.contains("default-src 'none'"), "{policy}");
    let html = answer.text().await.unwrap();
    for text in
        ["1,250.00 USD", "Invoice A-1", "Back without paying", "page=p1", "Card ending 4242"]
    {
        assert!(html.contains(text), "{text} in {html}");
    }
    assert!(!html.contains("<script"));
    let (status, location, _) = choose(&page.url, "card_declined").await;
    assert_eq!((status, location.unwrap()), (303, page.url.replace(&bench.url, "")));
    let (_, html) = show(&page.url).await;
    assert!(html.contains("was declined (GENERIC_DECLINE)"), "{html}");
    let (status, location, _) = choose(&page.url, "card").await;
    let location = location.unwrap();
    assert_eq!(status, 303);
    assert!(location.starts_with("https://portal.example/paid?page=p1&orderId=ORD"), "{location}");
    let (status, html) = show(&page.url).await;
    assert!(status == 200 && html.contains("has received") && html.contains("Continue"), "{html}");
    let (status, _, html) = choose(&page.url, "card").await;
    assert!(status == 409 && html.contains("Nothing was charged again"), "{html}");
    assert_eq!(bench.taken(), 1);
}

#[tokio::test]
async fn acc_4_odd_requests_take_nothing() {
    let bench = Bench::start().await;
    let page = bench.open(&checkout("p1")).await;
    let (status, _, html) = choose(&page.url, "cheque").await;
    assert!(status == 422 && html.contains("Choose how to pay"), "{html}");
    let forged = browser().post(&page.url).header("sec-fetch-site", "cross-site");
    let forged = forged.form(&[("method", "card")]).send().await.unwrap();
    assert_eq!(forged.status(), 403);
    let (status, html) = show(&format!("{}/sandbox/square/pay/LNKnone", bench.url)).await;
    assert!(status == 404 && html.contains("There is no such page"));
    let (status, css) = show(&format!("{}/sandbox/square/pay.css", bench.url)).await;
    assert!(status == 200 && css.contains("prefers-color-scheme"));
    let (status, location, _) = choose(&page.url, "bank").await;
    assert!(status == 303 && location.is_some());
    let (_, html) = show(&page.url).await;
    assert!(html.contains("On its way"), "{html}");
    assert_eq!(bench.taken(), 1);
}

#[tokio::test]
async fn the_sandbox_is_steered_over_http() {
    let bench = Bench::start().await;
    let page = bench.open(&checkout("p1")).await;
    let at = |path: &str| format!("{}/sandbox/square{path}", bench.url);
    let post = async |path: &str, body: Value| {
        let answer = browser().post(at(path)).json(&body).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json::<Value>().await.unwrap_or_default())
    };
    let (status, done) = post("/acts", json!({"act": "pay_by_bank", "link": link(&page)})).await;
    assert_eq!(status, 200, "{done}");
    let (status, news) = post("/day", json!({"day": "2026-09-24"})).await;
    assert_eq!((status, &news[0]["what"]), (200, &json!("cleared")));
    let sign = json!({"url": "https://hooks.example.com", "secret": "s"});
    let (_, deliveries) = post("/deliveries", sign).await;
    assert_eq!(deliveries.as_array().unwrap().len(), 2);
    assert!(deliveries[0]["headers"]["x-square-hmacsha256-signature"].is_string());
    let taken = format!("/deliveries/{}/taken", deliveries[0]["event"].as_str().unwrap());
    assert_eq!(post(&taken, json!({})).await.0, 204);
    let (status, problem) = post("/acts", json!({"act": "settle", "payment": "PAYnone"})).await;
    assert_eq!((status, &problem["status"]), (404, &json!(404)));
    let faults = browser().put(at("/faults")).json(&json!({"down": true})).send().await.unwrap();
    assert_eq!(faults.status(), 200);
    assert!(bench.sandbox.act(by_card(link(&page))).is_err());
    let shown: Value = browser().get(at("")).send().await.unwrap().json().await.unwrap();
    assert_eq!((&shown["undelivered"], &shown["faults"]["down"]), (&json!(1), &json!(true)));
    let api = browser().get(format!("{}/v2/payments/x", bench.url)).send().await.unwrap();
    assert_eq!(api.status(), 503);
}
