//! What the sandbox tells: signed as PayPal signs, received as a hint, and the same facts whichever came.

use std::collections::BTreeSet;

use gateways::paypal::PayPal;
use gateways::{
    Gateway, Incoming, ReadBack, ReceiveError, RefundState, Timeouts, Transport, WebhookEvent,
};
use reqwest::header::HeaderValue;
use sandbox::faults::Faults;
use sandbox::outbox::Delivery;
use sandbox::paypal::{Act, BASE_PATH, Endpoint, Pays, SANDBOX_WEBHOOK_ID, Shop};
use serde_json::json;

use super::stand::{Stand, config};

impl Stand {
    fn told(&self) -> Vec<Delivery> {
        let base = format!("{}{BASE_PATH}", self.origin);
        self.sandbox.deliveries(SANDBOX_WEBHOOK_ID, &base).unwrap()
    }

    async fn receive(&self, delivery: &Delivery) -> Result<WebhookEvent, ReceiveError> {
        let Delivery { headers, body, .. } = delivery;
        self.paypal.receive(Incoming { headers, body, now_unix: self.now() }).await
    }
}

#[tokio::test]
async fn pay_2_a_genuine_delivery_is_received_and_no_other() {
    let stand = Stand::new().await;
    stand.paid("try-1", Pays::AtOnce).await;
    let told = stand.told();
    assert_eq!(told.len(), 3);
    for delivery in &told {
        let event = stand.receive(delivery).await.unwrap();
        assert_eq!(event.id.as_str(), delivery.event);
        assert!(event.hint.is_some(), "{}", event.kind);
    }
    let certificates =
        |stand: &Stand| stand.wire.paths().iter().filter(|path| path.contains("/certs/")).count();
    assert_eq!(certificates(&stand), 2, "the certificate and its root, once each");
    let genuine = &told[0];
    let mut body = genuine.clone();
    body.body.push(b' ');
    assert!(matches!(stand.receive(&body).await, Err(ReceiveError::NoMatch)));
    let base = format!("{}{BASE_PATH}", stand.origin);
    let other = stand.sandbox.deliveries("1OTHER", &base).unwrap();
    assert!(matches!(stand.receive(&other[0]).await, Err(ReceiveError::NoMatch)));
    for (name, value) in [
        ("paypal-cert-url", "http://127.0.0.1:1/paypal/v1/notifications/certs/CERT-1"),
        ("paypal-cert-url", "https://api.paypal.com/v1/notifications/certs/CERT-1"),
        ("paypal-auth-algo", "SHA1withRSA"),
        ("paypal-transmission-sig", "no base64"),
    ] {
        let mut changed = genuine.clone();
        changed.headers.insert(name, HeaderValue::from_static(value));
        let error = stand.receive(&changed).await.unwrap_err();
        assert!(matches!(error, ReceiveError::NotAuthentic(_)), "{name}: {error}");
    }
    let mut missing = genuine.clone();
    let url = format!("{base}/v1/notifications/certs/CERT-404");
    missing.headers.insert("paypal-cert-url", HeaderValue::from_str(&url).unwrap());
    assert!(matches!(stand.receive(&missing).await, Err(ReceiveError::NotAuthentic(_))));
}

#[tokio::test]
async fn pay_2_without_a_webhook_id_nothing_is_received() {
    let stand = Stand::new().await;
    stand.paid("try-1", Pays::AtOnce).await;
    let delivery = &stand.told()[0];
    for ids in [vec![], vec![" ".to_owned()]] {
        let mut config = config(&stand.origin);
        config.webhook_ids = ids;
        let paypal = PayPal::new(Transport::new(Timeouts::default()), &config).unwrap();
        let (headers, body) = (&delivery.headers, &*delivery.body);
        let incoming = Incoming { headers, body, now_unix: stand.now() };
        assert!(matches!(paypal.receive(incoming).await, Err(ReceiveError::NoSecret)));
    }
}

#[tokio::test]
async fn pay_2_a_certificate_that_can_not_be_had_now_is_asked_for_again() {
    let stand = Stand::new().await;
    stand.paid("try-1", Pays::AtOnce).await;
    let delivery = &stand.told()[0];
    stand.sandbox.set_faults(Faults { down: true, ..Faults::default() });
    assert!(matches!(stand.receive(delivery).await, Err(ReceiveError::Gateway(_))));
    stand.sandbox.set_faults(Faults::default());
    assert!(stand.receive(delivery).await.is_ok());
}

/// After each thing that happens to a payment, all that was ever told of it, in any order, late, twice or not
/// at all, is a question with one and the same answer: so whichever of it is read last, and if but one is, the
/// payment ends in the same facts. Every state is tried with every hint that was told up to it.
#[tokio::test]
async fn pay_3_every_order_of_a_payments_news_ends_in_the_same_facts() {
    let part = || Some(json!({"currency_code": "USD", "value": "2.50"}));
    let (mut states, mut reads) = (0, 0);
    for (pays, outcome) in [
        (Pays::AtOnce, "RESOLVED_BUYER_FAVOUR"),
        (Pays::AtOnce, "RESOLVED_SELLER_FAVOUR"),
        (Pays::ByBank, "CANCELED_BY_BUYER"),
    ] {
        let stand = Stand::new().await;
        let paid = stand.paid("try-1", pays).await;
        let paid_id = paid.payment.to_string();
        let mut last = String::new();
        for step in 0..8 {
            let payment = paid_id.clone();
            let done = match step {
                0 if pays == Pays::ByBank => stand.act(Act::Settle { payment }),
                1 => stand.act(Act::Refund { payment, amount: part() }),
                2 if pays == Pays::ByBank => {
                    stand.act(Act::FinishRefund { refund: last.clone(), is_good: true })
                }
                3 => stand.act(Act::Dispute { payment, amount: part(), is_inquiry: true }),
                4 => stand.act(Act::Escalate { dispute: last.clone() }),
                5 => {
                    let outcome = outcome.to_owned();
                    stand.act(Act::CloseDispute { dispute: last.clone(), outcome })
                }
                6 => stand.act(Act::Refund { payment, amount: part() }),
                _ => continue,
            };
            last = done.object;
            let mut hints = BTreeSet::new();
            for delivery in stand.told() {
                let hint = stand.receive(&delivery).await.unwrap().hint;
                hints.extend(hint.map(|hint| serde_json::to_string(&hint).unwrap()));
            }
            let truth = stand.facts(super::stand::payment(&paid)).await;
            for hint in &hints {
                let facts = stand.facts(serde_json::from_str(hint).unwrap()).await;
                assert_eq!(facts, truth, "step {step}, {hint}");
                reads += 1;
            }
            states += 1;
        }
    }
    println!("{states} states of a payment, {reads} readings of all hints told up to each");
    assert!((15..).contains(&states) && (50..).contains(&reads), "{states} {reads}");
}

/// Where the check can't tell: a body under another's headers. It leads to what PayPal says of the payment
/// that it names, or to nothing.
#[tokio::test]
async fn pay_2_no_change_of_a_delivery_changes_what_is_read_back() {
    let stand = Stand::new().await;
    let paid = stand.paid("try-1", Pays::AtOnce).await;
    stand.act(Act::Refund { payment: paid.payment.to_string(), amount: None });
    let truth = stand.facts(super::stand::payment(&paid)).await;
    assert_eq!(truth.refunds[0].state, RefundState::Succeeded);
    let (mut bodies, mut asked) = (0, BTreeSet::new());
    for delivery in stand.told() {
        let text = String::from_utf8(delivery.body).unwrap();
        for (at, byte) in text.bytes().enumerate() {
            for new in [byte ^ 1, b'0', b'9', b'"'] {
                let mut body = text.clone().into_bytes();
                body[at] = new;
                let parsed = gateways::paypal::webhook::parse(&body, gateways::Mode::Test);
                bodies += 1;
                let Some(hint) = parsed.ok().and_then(|event| event.hint) else { continue };
                asked.insert(serde_json::to_string(&hint).unwrap());
            }
        }
        let raised = text.replace("12.50", "9250.00");
        let event = gateways::paypal::webhook::parse(raised.as_bytes(), gateways::Mode::Test);
        asked.insert(serde_json::to_string(&event.unwrap().hint.unwrap()).unwrap());
    }
    let mut genuine = 0;
    for hint in &asked {
        match stand.read(serde_json::from_str(hint).unwrap()).await {
            Ok(ReadBack::Payment(facts)) => {
                assert_eq!(*facts, truth, "{hint}");
                genuine += 1;
            }
            Ok(ReadBack::NoPayment(_)) => {}
            Err(error) => assert!(!error.is_temporary(), "{hint}: {error}"),
        }
    }
    println!("{bodies} changed bodies ask {} questions; {genuine} find the payment", asked.len());
    assert!(3 <= genuine && stand.sandbox.taken_payments() == 1);
}

#[tokio::test]
async fn pay_1_webhooks_are_posted_until_they_are_taken() {
    let stand = Stand::new().await;
    let server = wiremock::MockServer::start().await;
    let any = || wiremock::Mock::given(wiremock::matchers::method("POST"));
    let busy = any().respond_with(wiremock::ResponseTemplate::new(503));
    busy.up_to_n_times(3).expect(3).mount(&server).await;
    any().respond_with(wiremock::ResponseTemplate::new(200)).expect(3).mount(&server).await;
    let webhook = Endpoint {
        url: server.uri(),
        webhook_id: SANDBOX_WEBHOOK_ID.to_owned(),
        base_url: format!("{}{BASE_PATH}", stand.origin),
    };
    stand.sandbox.set_shop(Shop { name: "Acme".to_owned(), webhook: Some(webhook) });
    stand.paid("try-1", Pays::AtOnce).await;
    for _ in 0..3 {
        stand.sandbox.go_on().await;
    }
    assert_eq!(stand.told().len(), 0);
}
