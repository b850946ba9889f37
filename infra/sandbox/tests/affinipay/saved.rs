//! Saved methods, charges of them, and giving back.

use domain::invoice::Deposit;
use gateways::{
    ChargeError, Charged, CheckoutError, DeclineKind, Gateway, GatewayError, Method, NewCharge,
    NewRefund, ObjectId, PaymentState, RefundError, RefundState,
};
use sandbox::affinipay::{Act, PayWith};

use crate::bench::{Bench, customer, key, new_charge, usd};

fn new_refund(ours: &str, payment: &ObjectId, minor: u64) -> NewRefund {
    let (payment, amount) = (payment.clone(), usd(minor));
    NewRefund { ours: ours.to_owned(), payment, amount, reason: None }
}

#[tokio::test]
async fn chg_1_methods_are_saved_listed_and_removed() {
    let bench = Bench::new().await;
    let card = bench.save(PayWith::good_card()).await;
    let bank = bench.save(PayWith::good_bank()).await;
    assert_eq!((card.label.as_str(), card.expires), ("Visa ending in 4242", Some((2040, 10))));
    assert_eq!(
        (bank.label.as_str(), bank.method.clone()),
        ("FIRST BANK OF TESTING ending in 7890", Method::Ach)
    );
    let all = bench.affinipay.saved_methods(&customer()).await.unwrap();
    assert_eq!(all, [card.clone(), bank.clone()]);
    let other = "pc-ann".parse().unwrap();
    assert_eq!(bench.affinipay.saved_methods(&other).await.unwrap(), []);
    for _ in 0..2 {
        bench.affinipay.remove_method(&card).await.unwrap();
    }
    assert_eq!(bench.affinipay.saved_methods(&customer()).await.unwrap(), [bank]);
    let charged =
        bench.affinipay.charge(&new_charge("c-1", &card), &key("k"), bench.tried(None)).await;
    let Ok(Charged::Declined(decline)) = charged else { panic!("{charged:?}") };
    assert_eq!((decline.code.as_str(), decline.kind), ("resource_not_found", DeclineKind::Hard));
    let error = bench.affinipay.save_token(&customer(), "no/token", &key("k")).await.unwrap_err();
    assert!(matches!(error, GatewayError::Malformed { .. }), "{error}");
    let error = bench.affinipay.save_token(&customer(), "tok9", &key("k")).await.unwrap_err();
    assert!(matches!(error, GatewayError::NotFound { .. }), "{error}");
}

#[tokio::test]
async fn chg_1_a_charge_goes_to_the_account_that_was_asked_for_and_says_what_for() {
    let bench = Bench::new().await;
    for (number, with, account) in [
        (1, PayWith::good_card(), "sandboxTrustCards_____"),
        (2, PayWith::good_bank(), "sandboxTrustEcheck____"),
    ] {
        let saved = bench.save(with).await;
        let new = new_charge(&format!("c-{number}"), &saved);
        let charged = bench.affinipay.charge(&new, &key("k"), bench.tried(None)).await.unwrap();
        let Charged::Taken(id) = charged else { panic!("{charged:?}") };
        let book = serde_json::to_value(bench.sandbox.snapshot()).unwrap();
        assert_eq!(book["transactions"][id.as_str()]["account_id"], account);
        let facts = bench.payment(&id).await;
        assert_eq!(facts.reference.firm.as_ref().unwrap().as_str(), "acme");
        assert_eq!(facts.reference.invoices, ["A-1".parse().unwrap()]);
        assert_eq!(facts.reference.ours.as_deref(), Some(new.ours.as_str()));
        assert_eq!(facts.reference.problems, []);
        assert_eq!((facts.amount, facts.state), (usd(12_550), PaymentState::Pending));
    }
    let saved = bench.save(PayWith::good_card()).await;
    let unsaid = NewCharge { deposit: None, ..new_charge("c-3", &saved) };
    let error = bench.affinipay.charge(&unsaid, &key("k"), bench.tried(None)).await.unwrap_err();
    assert!(matches!(error, ChargeError::What(CheckoutError::Deposit(_))), "{error}");
    assert_eq!(bench.sandbox.snapshot().charges(), 2);
    // The same name for something else is a mistake, and takes nothing.
    let other =
        NewCharge { lines: vec![crate::bench::line("A-9", 1)], ..new_charge("c-1", &saved) };
    let error = bench.affinipay.charge(&other, &key("k"), bench.tried(Some(0))).await.unwrap_err();
    assert!(matches!(error, ChargeError::What(CheckoutError::KeyReused)), "{error}");
    assert_eq!(bench.sandbox.snapshot().charges(), 2);
    let operating = NewCharge { deposit: Some(Deposit::Operating), ..new_charge("c-4", &saved) };
    assert!(bench.affinipay.charge(&operating, &key("k"), bench.tried(None)).await.is_ok());
}

#[tokio::test]
async fn chg_2_declines_are_hard_or_soft_and_take_nothing() {
    let bench = Bench::new().await;
    let card = |number: &str| PayWith::Card { number: number.to_owned() };
    for (number, (with, code, kind)) in [
        (card("4000000000000002"), "card_declined", DeclineKind::Soft),
        (card("4000000000000044"), "card_declined_insufficient_funds", DeclineKind::Soft),
        (card("4000000000000069"), "card_expired", DeclineKind::Hard),
        (card("4000000000000127"), "card_declined_hold", DeclineKind::Hard),
        (PayWith::bank("1000000001"), "ach_declined", DeclineKind::Soft),
        (PayWith::bank("1000000004"), "ach_invalid_account_number", DeclineKind::Hard),
    ]
    .into_iter()
    .enumerate()
    {
        let saved = bench.save(with).await;
        let new = new_charge(&format!("d-{number}"), &saved);
        // Asked again, the same is told, and it was tried once.
        for tried in [None, Some(bench.now())] {
            let charged = bench.affinipay.charge(&new, &key("k"), bench.tried(tried)).await;
            let Ok(Charged::Declined(decline)) = charged else { panic!("{charged:?}") };
            assert_eq!((decline.code.as_str(), decline.kind), (code, kind));
        }
    }
    assert_eq!(bench.sandbox.snapshot().charges(), 0);
    let book = serde_json::to_value(bench.sandbox.snapshot()).unwrap();
    assert_eq!(book["transactions"].as_object().unwrap().len(), 6);
}

#[tokio::test]
async fn pay_5_until_it_is_captured_all_of_it_is_voided_after_it_is_refunded() {
    let bench = Bench::new().await;
    let voided = bench.pay(500, "pc-1.bea", PayWith::good_card());
    let refund = |ours: &str, payment: &ObjectId, minor: u64| new_refund(ours, payment, minor);
    let give =
        async |new: NewRefund| bench.affinipay.refund(&new, &key("k"), bench.tried(None)).await;
    for _ in 0..2 {
        let done = give(refund("r-1", &voided, 500)).await.unwrap();
        assert_eq!((done.amount, done.state), (usd(500), RefundState::Succeeded));
    }
    assert_eq!(bench.payment(&voided).await.state, PaymentState::Canceled);
    let error = give(refund("r-2", &voided, 500)).await.unwrap_err();
    assert!(matches!(error, RefundError::NotNow(_)), "{error}");
    let paid = bench.pay(500, "pc-2.bea", PayWith::good_card());
    let part = give(refund("r-3", &paid, 100)).await.unwrap();
    assert_eq!(part.state, RefundState::Pending);
    bench.day("2026-03-03");
    for (ours, minor) in [("r-4", 401), ("r-5", 0)] {
        let error = give(refund(ours, &paid, minor)).await.unwrap_err();
        assert!(matches!(error, RefundError::Amount { .. }), "{error}");
    }
    let rest = give(refund("r-6", &paid, 400)).await.unwrap();
    assert_eq!(give(refund("r-6", &paid, 400)).await.unwrap().id, rest.id);
    let error = give(refund("r-6", &paid, 1)).await.unwrap_err();
    assert!(matches!(error, RefundError::KeyReused), "{error}");
    bench.day("2026-03-04");
    let facts = bench.payment(&paid).await;
    let given: u64 = facts.refunds.iter().map(|refund| refund.amount.minor()).sum();
    assert_eq!((facts.refunds.len(), given), (2, 500));
    let failed =
        bench.pay(500, "pc-3.bea", PayWith::Card { number: "4000000000000002".to_owned() });
    let error = give(refund("r-7", &failed, 500)).await.unwrap_err();
    assert!(matches!(error, RefundError::NotNow(_)), "{error}");
    // A part was given back: what is left is not voided.
    let partly = bench.pay(500, "pc-4.bea", PayWith::good_card());
    bench.act(Act::Refund { transaction: partly.to_string(), amount: Some(100) });
    give(refund("r-8", &partly, 400)).await.unwrap();
    assert_eq!(bench.sandbox.snapshot().voids(), 1);
}
