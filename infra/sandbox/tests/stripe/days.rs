//! What banks do by the day (TEST-1), and the endpoint that is told of it.

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use domain::calendar::Day;
use gateways::Hint;
use sandbox::stripe::{
    Act, BankAct, BankNews, BeginDay, Book, Endpoint, SANDBOX_KEY, SandboxStripe, Shop,
};
use serde_json::{Value, json};

use crate::bench::{Bench, SECRET, id};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

async fn news(bench: &Bench, on: &str) -> Vec<(String, BankAct)> {
    let news = bench.sandbox.begin_day(day(on)).await;
    news.into_iter().map(|news| (news.payment, news.what)).collect()
}

async fn paid(bench: &Bench, payment: &str) -> String {
    let facts = bench.facts(&Hint::Payment(id(payment))).await;
    format!("{:?}, {} taken back", facts.state, facts.disputes.len())
}

#[tokio::test]
async fn test_1_a_debit_clears_four_days_later_and_comes_back_three_days_after_that() {
    let bench = Bench::start().await;
    news(&bench, "2026-10-01").await;
    let good = bench.pay_by_bank(&bench.session().await);
    let session = bench.session().await;
    let bad = bench.act(Act::PayByBankThatReturns { session }).object;
    for (on, expected) in [
        ("2026-10-01", vec![]),
        ("2026-10-04", vec![]),
        ("2026-10-05", vec![(good.clone(), BankAct::Cleared), (bad.clone(), BankAct::Cleared)]),
        ("2026-10-05", vec![]),
        ("2026-10-07", vec![]),
        ("2026-10-08", vec![(bad.clone(), BankAct::Returned)]),
        ("2026-12-31", vec![]),
    ] {
        assert_eq!(news(&bench, on).await, expected, "on {on}");
        let is_pending = on < "2026-10-05";
        let state = if is_pending { "Pending" } else { "Succeeded" };
        assert_eq!(paid(&bench, &good).await, format!("{state}, 0 taken back"), "on {on}");
        let returned = usize::from("2026-10-08" <= on);
        assert_eq!(paid(&bench, &bad).await, format!("{state}, {returned} taken back"), "on {on}");
    }
}

#[tokio::test]
async fn test_1_days_that_are_skipped_are_caught_up_with_in_order() {
    let bench = Bench::start().await;
    news(&bench, "2026-10-01").await;
    let session = bench.session().await;
    let bad = bench.act(Act::PayByBankThatReturns { session }).object;
    news(&bench, "2026-10-02").await;
    let good = bench.pay_by_bank(&bench.session().await);
    let all = news(&bench, "2026-11-01").await;
    let expected =
        [(bad.clone(), BankAct::Cleared), (good, BankAct::Cleared), (bad, BankAct::Returned)];
    assert_eq!(all, expected);
    assert_eq!(news(&bench, "2026-10-05").await, [], "a day never goes back");
}

#[tokio::test]
async fn test_1_a_debit_that_somebody_ended_by_hand_goes_its_own_way() {
    let bench = Bench::start().await;
    news(&bench, "2026-10-01").await;
    let settled = bench.pay_by_bank(&bench.session().await);
    bench.act(Act::Settle { payment: settled.clone() });
    let bounced = bench.pay_by_bank(&bench.session().await);
    bench.act(Act::Bounce { payment: bounced.clone(), code: "account_closed".to_owned() });
    let session = bench.session().await;
    let refunded = bench.act(Act::PayByBankThatReturns { session }).object;
    bench.act(Act::Settle { payment: refunded.clone() });
    assert_eq!(news(&bench, "2026-10-05").await, []);
    assert_eq!(paid(&bench, &settled).await, "Succeeded, 0 taken back");
    assert_eq!(news(&bench, "2026-10-08").await, [(refunded, BankAct::Returned)]);
}

#[tokio::test]
async fn test_1_a_page_ends_with_the_firms_day() {
    let bench = Bench::start().await;
    let before = bench.session().await;
    news(&bench, "2026-10-01").await;
    let open = bench.session().await;
    let status = async |session: &str| {
        let (_, body) = bench.get(&format!("/v1/checkout/sessions/{session}")).await;
        body["status"].as_str().unwrap().to_owned()
    };
    assert_eq!((status(&before).await, status(&open).await), ("expired".into(), "open".into()));
    news(&bench, "2026-10-02").await;
    assert_eq!(status(&open).await, "expired");
    assert!(bench.sandbox.act(Act::PayByBank { session: open }).is_err());
}

/// An endpoint that answers with what it is told to, and keeps what came.
#[derive(Clone, Default)]
struct Inbox {
    kinds: Arc<Mutex<Vec<String>>>,
    refuses: Arc<Mutex<bool>>,
}

impl Inbox {
    async fn take(State(inbox): State<Self>, body: String) -> StatusCode {
        if *inbox.refuses.lock().unwrap() {
            return StatusCode::SERVICE_UNAVAILABLE;
        }
        let event: Value = serde_json::from_str(&body).unwrap();
        inbox.kinds.lock().unwrap().push(event["type"].as_str().unwrap().to_owned());
        StatusCode::OK
    }

    async fn serve(&self) -> Endpoint {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hook", listener.local_addr().unwrap());
        let app = Router::new().route("/hook", post(Self::take)).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Endpoint { url, signing: SECRET.into() }
    }

    fn taken(&self) -> Vec<String> {
        std::mem::take(&mut self.kinds.lock().unwrap())
    }
}

#[tokio::test]
async fn test_1_when_the_day_is_taken_its_webhooks_were_answered() {
    let bench = Bench::start().await;
    let inbox = Inbox::default();
    let webhook = Some(inbox.serve().await);
    bench.sandbox.set_shop(Shop { name: "Acme".to_owned(), webhook });
    let begin_day = async |on: &str| -> Vec<BankNews> {
        let url = format!("{}/sandbox/stripe/day", bench.url);
        let answer = bench.http().post(url).json(&BeginDay { day: day(on) }).send().await.unwrap();
        answer.error_for_status().unwrap().json().await.unwrap()
    };
    begin_day("2026-10-01").await;
    bench.pay_by_bank(&bench.session().await);
    begin_day("2026-10-04").await;
    assert_eq!(
        inbox.taken(),
        [
            "payment_intent.created",
            "charge.pending",
            "payment_intent.processing",
            "checkout.session.completed"
        ]
    );
    let news = begin_day("2026-10-05").await;
    assert_eq!(
        inbox.taken(),
        [
            "charge.succeeded",
            "payment_intent.succeeded",
            "checkout.session.async_payment_succeeded"
        ]
    );
    assert_eq!((news[0].amount.as_str(), news[0].client.as_deref()), ("1,250.00 USD", Some("bea")));
    // What isn't taken comes again.
    *inbox.refuses.lock().unwrap() = true;
    bench.pay_by_card(&bench.session().await);
    bench.sandbox.go_on().await;
    *inbox.refuses.lock().unwrap() = false;
    bench.sandbox.go_on().await;
    assert_eq!(inbox.taken().len(), 4);
    bench.sandbox.go_on().await;
    assert_eq!(inbox.taken().len(), 0);
}

#[tokio::test]
async fn pay_6_what_was_answered_is_on_disk() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("book.json");
    let open = || {
        let write = |path: &std::path::Path, bytes: &[u8]| std::fs::write(path, bytes);
        SandboxStripe::open(SANDBOX_KEY.into(), Arc::new(|| crate::bench::START), &path, write)
    };
    let sandbox = open().unwrap();
    sandbox.note_day(day("2026-10-01"));
    let metadata = [("client".to_owned(), "bea".to_owned())].into();
    let by = sandbox::stripe::PayBy::Bank;
    let taken = sandbox.act(Act::Take { amount: 500, currency: "usd".to_owned(), metadata, by });
    let payment = taken.unwrap().object;
    // No end and no save: as if the process had been killed.
    let again = open().unwrap();
    assert_eq!(json!(again.snapshot()), json!(sandbox.snapshot()));
    assert_eq!(again.note_day(day("2026-10-05"))[0].payment, payment);
    std::fs::write(&path, "no book").unwrap();
    let error = open().unwrap_err().to_string();
    assert!(error.contains("book.json is not a book of this sandbox"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert_eq!(json!(open().unwrap().snapshot()), json!(Book::default()));
}
