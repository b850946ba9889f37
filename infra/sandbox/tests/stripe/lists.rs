//! What was told and what was paid, asked for again: how a lost webhook is healed (PAY-3).

use gateways::{Gateway, GatewayError, ObjectId, Span, WebhookEvent};
use sandbox::stripe::{Act, PayBy};

use crate::bench::{Bench, START};

fn all_time() -> Span {
    Span { from_unix: 0, to_unix: START + 1_000_000 }
}

async fn events(bench: &Bench, span: Span) -> Vec<WebhookEvent> {
    let (stripe, mut all, mut next) = (bench.ours(), vec![], None::<String>);
    loop {
        let page = stripe.events(span, next.as_deref()).await.unwrap();
        all.extend(page.items);
        next = page.next;
        if next.is_none() {
            return all;
        }
    }
}

async fn payments(bench: &Bench, span: Span) -> Vec<ObjectId> {
    let (stripe, mut all, mut next) = (bench.ours(), vec![], None::<String>);
    loop {
        let page = stripe.payments(span, next.as_deref()).await.unwrap();
        all.extend(page.items);
        next = page.next;
        if next.is_none() {
            return all;
        }
    }
}

fn take(bench: &Bench) -> String {
    let (currency, metadata) = ("usd".to_owned(), Default::default());
    bench.act(Act::Take { amount: 500, currency, metadata, by: PayBy::Card }).object
}

#[tokio::test]
async fn pay_3_all_events_of_a_stretch_of_time_are_listed_delivered_or_not() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let payment = bench.pay_by_card(&session);
    bench.sandbox.deliver(&crate::bench::secret(), async |_| 200).await;
    bench.wait(100);
    bench.act(Act::Refund { payment, amount: None });
    let kinds = |events: &[WebhookEvent]| -> Vec<String> {
        events.iter().map(|event| event.kind.clone()).collect()
    };
    let all = events(&bench, all_time()).await;
    assert_eq!(
        kinds(&all),
        [
            "charge.refunded",
            "refund.created",
            "checkout.session.completed",
            "payment_intent.succeeded",
            "charge.succeeded",
        ],
        "newest first, and only what an endpoint subscribes to"
    );
    assert!(all.iter().all(|event| event.hint.is_some()));
    let late = Span { from_unix: START + 100, to_unix: START + 100 };
    assert_eq!(kinds(&events(&bench, late).await), ["charge.refunded", "refund.created"]);
    let early = Span { from_unix: START - 5, to_unix: START + 99 };
    assert_eq!(events(&bench, early).await.len(), 3);
}

#[tokio::test]
async fn pay_3_events_and_payments_are_listed_page_by_page() {
    let bench = Bench::start().await;
    let mut made: Vec<_> = (0..120).map(|_| take(&bench)).collect();
    made.reverse();
    let found: Vec<_> =
        payments(&bench, all_time()).await.iter().map(ObjectId::to_string).collect();
    assert_eq!(found, made);
    let found = events(&bench, all_time()).await;
    let ids: std::collections::HashSet<_> = found.iter().map(|event| event.id.clone()).collect();
    assert_eq!((found.len(), ids.len()), (240, 240));
    let error = bench.ours().events(all_time(), Some("evt_1&types[]=x")).await.unwrap_err();
    assert!(matches!(error, GatewayError::Malformed { .. }), "{error}");
}

#[tokio::test]
async fn pay_3_payments_that_nobody_tried_are_left_out() {
    let bench = Bench::start().await;
    let form = [("amount", "500"), ("currency", "usd")];
    let (_, untried) = bench.post("/v1/payment_intents", &form).await;
    let (_, given_up) = bench.post("/v1/payment_intents", &form).await;
    let path = format!("/v1/payment_intents/{}/cancel", given_up["id"].as_str().unwrap());
    assert_eq!(bench.post(&path, &[]).await.1["status"], "canceled");
    bench.wait(10);
    let paid = take(&bench);
    let outcome = sandbox::stripe::CardOutcome::Declines("lost_card".to_owned());
    let session = bench.session().await;
    let declined = bench.act(Act::PayByCard { session, outcome }).object;
    let found: Vec<_> =
        payments(&bench, all_time()).await.iter().map(ObjectId::to_string).collect();
    assert_eq!(found, [declined, paid], "and not {untried}");
    let before = Span { from_unix: 0, to_unix: START + 9 };
    assert_eq!(payments(&bench, before).await, []);
}
