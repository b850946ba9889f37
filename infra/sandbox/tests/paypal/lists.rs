//! Events and payments listed, and the token under which all is asked.

use std::collections::BTreeSet;

use gateways::paypal::PayPal;
use gateways::{Gateway, GatewayError, Hint, Span, Timeouts, Transport};
use sandbox::paypal::Pays;

use super::stand::{START, Stand, config, payment_id};

const SPAN: Span = Span { from_unix: START - 60, to_unix: START + 90 * 86_400 };

#[tokio::test]
async fn all_that_was_told_can_be_asked_for_again() {
    let stand = Stand::new().await;
    let mut payments = BTreeSet::new();
    for number in 0..45 {
        let facts = stand.paid(&format!("try-{number}"), Pays::AtOnce).await;
        payments.insert(facts.payment.to_string());
    }
    let (mut told, mut pages, mut next) = (BTreeSet::new(), 0, None::<String>);
    loop {
        let page = stand.paypal.events(SPAN, next.as_deref()).await.unwrap();
        pages += 1;
        for event in page.items {
            if let Some(Hint::Payment(payment)) = event.hint {
                told.insert(payment.to_string());
            }
        }
        match page.next {
            Some(further) => next = Some(further),
            None => break,
        }
    }
    assert_eq!((told == payments, pages), (true, 2));
    let before = Span { from_unix: START - 120, to_unix: START - 60 };
    assert_eq!(stand.paypal.events(before, None).await.unwrap().items, []);
}

#[tokio::test]
async fn all_payments_are_listed_hours_later_over_any_stretch() {
    let stand = Stand::new().await;
    let mut payments = vec![];
    for (number, pays) in
        [Pays::AtOnce, Pays::ByBank, Pays::CardDeclines, Pays::AtOnce].into_iter().enumerate()
    {
        let facts = stand.paid(&format!("try-{number}"), pays).await;
        if pays != Pays::CardDeclines {
            payments.push(payment_id(&facts));
        }
        stand.pass(25 * 86_400);
    }
    let list = async |span| {
        let (mut found, mut next) = (vec![], None::<String>);
        loop {
            let page = stand.paypal.payments(span, next.as_deref()).await.unwrap();
            found.extend(page.items);
            match page.next {
                Some(further) => next = Some(further),
                None => return found,
            }
        }
    };
    assert_eq!(list(SPAN).await, payments);
    assert_eq!(list(Span { to_unix: START + 60, ..SPAN }).await, payments[..1]);
    let error = stand.paypal.payments(SPAN, Some("x")).await.unwrap_err();
    assert!(matches!(error, GatewayError::Malformed { .. }), "{error}");
}

fn tokens(stand: &Stand) -> usize {
    stand.wire.paths().iter().filter(|path| path.ends_with("/v1/oauth2/token")).count()
}

#[tokio::test]
async fn sec_5_one_token_is_asked_for_and_kept_and_replaced_once() {
    let stand = Stand::new().await;
    let open = stand.open("try-1").await;
    assert_eq!(tokens(&stand), 1);
    stand.sandbox.sign_all_out();
    let reads = (0..8).map(|_| stand.read(Hint::Checkout(open.id.clone())));
    for read in futures::future::join_all(reads).await {
        read.unwrap();
    }
    let asked = tokens(&stand);
    assert!((2..=3).contains(&asked), "{asked} tokens");
}

#[tokio::test]
async fn sec_5_a_wrong_secret_is_refused_and_asked_once() {
    let stand = Stand::new().await;
    let mut config = config(&stand.origin);
    config.key = "another".into();
    let paypal = PayPal::new(Transport::new(Timeouts::default()), &config).unwrap();
    let error = paypal.read_back(&Hint::Payment("C1".parse().unwrap())).await.unwrap_err();
    let text = error.to_string();
    assert_eq!(text, "the gateway refused our key with status 401 (invalid_client)");
    assert_eq!(tokens(&stand), 1);
}
