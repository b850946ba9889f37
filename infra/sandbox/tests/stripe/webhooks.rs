//! The sandbox's webhooks, taken as Stripe's would be.

use std::cell::RefCell;

use gateways::stripe::webhook;
use gateways::stripe::{EVENT_KINDS, signature::TOLERANCE_SECONDS};
use gateways::{Hint, PaymentState};
use sandbox::faults::Faults;
use sandbox::stripe::{Act, CardOutcome, Delivery, DisputeOutcome, PayBy, RefundOutcome};

use crate::bench::{Bench, id, secret};

fn taken(bench: &Bench, delivery: &Delivery) -> gateways::WebhookEvent {
    let body = delivery.body.as_bytes();
    let (secrets, now) = ([secret()], bench.now());
    webhook::receive(Some(&delivery.header), body, &secrets, now, TOLERANCE_SECONDS).unwrap()
}

/// Everything that the sandbox can do, once.
async fn live(bench: &Bench) {
    let expiring = bench.session().await;
    bench.act(Act::Expire { session: expiring });
    let session = bench.session().await;
    for outcome in [CardOutcome::Declines("lost_card".to_owned()), CardOutcome::RequiresAction] {
        bench.act(Act::PayByCard { session: session.clone(), outcome });
    }
    let payment = bench.pay_by_card(&session);
    let refund = bench.act(Act::Refund { payment: payment.clone(), amount: Some(100) }).object;
    bench.act(Act::FinishRefund { refund, outcome: RefundOutcome::Failed });
    for outcome in [DisputeOutcome::Won, DisputeOutcome::Lost] {
        let open = Act::Dispute { payment: payment.clone(), amount: None, is_inquiry: false };
        let dispute = bench.act(open).object;
        bench.act(Act::CloseDispute { dispute, outcome });
    }
    let bounced = bench.pay_by_bank(&bench.session().await);
    bench.act(Act::Bounce { payment: bounced, code: "account_closed".to_owned() });
    let debited = bench.pay_by_bank(&bench.session().await);
    bench.act(Act::Settle { payment: debited.clone() });
    let refund = bench.act(Act::Refund { payment: debited.clone(), amount: Some(100) }).object;
    bench.act(Act::FinishRefund { refund, outcome: RefundOutcome::Succeeded });
    bench.act(Act::Return { payment: debited, reason: "bank_cannot_process".to_owned() });
    let metadata = [("firm".to_owned(), "acme".to_owned())].into();
    bench.act(Act::Take { amount: 700, currency: "usd".to_owned(), metadata, by: PayBy::Card });
}

#[tokio::test]
async fn pay_2_every_event_verifies_and_leads_to_its_payment() {
    let bench = Bench::start().await;
    live(&bench).await;
    let deliveries = bench.sandbox.deliveries(&secret());
    let mut kinds = vec![];
    for delivery in &deliveries {
        let event = taken(&bench, delivery);
        let hint = event.hint.unwrap_or_else(|| panic!("{} points nowhere", event.kind));
        let read = bench.read(&hint).await;
        assert!(read.is_ok(), "{}: {read:?}", event.kind);
        assert!(event.claim.amount.is_some(), "{}", event.kind);
        kinds.push(event.kind);
    }
    // What no act here makes: news that change nothing, and what needs what the sandbox leaves out.
    let not_made =
        ["charge.dispute.updated", "payment_intent.canceled", "payment_intent.partially_funded"];
    for kind in EVENT_KINDS {
        assert_eq!(kinds.iter().any(|made| made == kind), !not_made.contains(&kind), "{kind}");
    }
}

#[tokio::test]
async fn pay_1_events_come_again_until_they_are_taken() {
    let bench = Bench::start().await;
    bench.pay_by_card(&bench.session().await);
    let refused = bench.sandbox.deliver(&secret(), async |_| 503).await;
    assert_eq!(refused, 4);
    bench.wait(3_600);
    let bodies = RefCell::new(vec![]);
    let post = async |delivery: &Delivery| {
        taken(&bench, delivery);
        bodies.borrow_mut().push(delivery.event.clone());
        if bodies.borrow().len() == 2 { 500 } else { 204 }
    };
    assert_eq!(bench.sandbox.deliver(&secret(), post).await, 4, "signed afresh an hour later");
    let left = bodies.borrow()[1].clone();
    let (_, undelivered) = bench.get("/v1/events?delivery_success=false").await;
    assert_eq!(undelivered["data"].as_array().unwrap().len(), 1);
    assert_eq!(undelivered["data"][0]["id"], left);
    assert_eq!(bench.sandbox.deliver(&secret(), async |_| 200).await, 1);
    assert_eq!(bench.sandbox.deliver(&secret(), async |_| 200).await, 0);
}

#[tokio::test]
async fn pay_1_events_come_twice_and_backwards() {
    let bench = Bench::start().await;
    bench.pay_by_card(&bench.session().await);
    let events = || -> Vec<_> {
        bench.sandbox.deliveries(&secret()).into_iter().map(|delivery| delivery.event).collect()
    };
    let once = events();
    bench.sandbox.set_faults(Faults {
        deliver_twice: true,
        deliver_backwards: true,
        ..Faults::default()
    });
    let expected: Vec<_> = once.iter().rev().flat_map(|id| [id.clone(), id.clone()]).collect();
    assert_eq!(events(), expected);
}

#[tokio::test]
async fn pay_2_an_old_event_leads_to_what_is_true_now() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_bank(&bench.session().await);
    let pending = bench.sandbox.deliveries(&secret());
    bench.act(Act::Settle { payment });
    let kinds: Vec<_> = pending.iter().map(|delivery| taken(&bench, delivery)).collect();
    let processing = kinds.iter().find(|event| event.kind == "payment_intent.processing").unwrap();
    let facts = bench.facts(processing.hint.as_ref().unwrap()).await;
    assert_eq!(facts.state, PaymentState::Succeeded);
}

#[tokio::test]
async fn pay_2_events_of_a_connected_account_say_so() {
    let bench = Bench::start().await;
    let (_, session) =
        bench.post_as("acct_1", "/v1/checkout/sessions", &crate::bench::INVOICE).await;
    bench.pay_by_card(session["id"].as_str().unwrap());
    for delivery in bench.sandbox.deliveries(&secret()) {
        assert_eq!(taken(&bench, &delivery).account.as_deref(), Some("acct_1"));
    }
    bench.pay_by_card(&bench.session().await);
    let last = bench.sandbox.deliveries(&secret()).pop().unwrap();
    let event = taken(&bench, &last);
    assert_eq!(event.account, None);
    assert!(
        matches!(event.hint, Some(Hint::Checkout(page)) if page != id(session["id"].as_str().unwrap()))
    );
}
