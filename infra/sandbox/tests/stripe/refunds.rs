//! Giving back by our adapter (PAY-5).

use domain::money::Money;
use gateways::{
    Gateway, GatewayError, Hint, NewRefund, ObjectId, Refund, RefundError, RefundState, Tried,
};
use sandbox::stripe::{Act, DisputeOutcome};

use crate::bench::{Bench, id};
use crate::charging::{first, key};

fn back(ours: &str, payment: &ObjectId, amount: &str) -> NewRefund {
    NewRefund {
        ours: ours.to_owned(),
        payment: payment.clone(),
        amount: Money::parse(amount, "USD".parse().unwrap()).unwrap(),
        reason: Some("Paid twice".to_owned()),
    }
}

async fn given(bench: &Bench, new: &NewRefund) -> Result<Refund, RefundError> {
    bench.ours().refund(new, &key(&new.ours), first(bench)).await
}

#[tokio::test]
async fn pay_5_parts_are_given_back_until_nothing_is_left() {
    let bench = Bench::start().await;
    let payment = id(&bench.pay_by_card(&bench.session().await));
    let part = given(&bench, &back("r1", &payment, "250.00")).await.unwrap();
    assert_eq!(
        (part.amount.to_string().as_str(), part.state),
        ("250.00 USD", RefundState::Succeeded)
    );
    let stored = &bench.all("/v1/refunds").await[0];
    let metadata = serde_json::json!({"ours": "r1", "reason": "Paid twice"});
    assert_eq!(stored["metadata"], metadata);
    for (ours, amount, code) in
        [("r2", "1000.01", "amount_too_large"), ("r3", "0.00", "amount_too_small")]
    {
        match given(&bench, &back(ours, &payment, amount)).await.unwrap_err() {
            RefundError::Amount { code: found, .. } => assert_eq!(found, code),
            other => panic!("{other}"),
        }
    }
    given(&bench, &back("r4", &payment, "1000.00")).await.unwrap();
    let error = given(&bench, &back("r5", &payment, "0.01")).await.unwrap_err();
    assert!(
        matches!(error, RefundError::Amount { ref code, .. } if code == "charge_already_refunded")
    );
    let facts = bench.facts(&Hint::Payment(payment.clone())).await;
    assert_eq!(facts.refunds.len(), 2);
    // The same name again is the same refund; with another sum it is a mistake.
    let tried = Tried { first_unix: Some(bench.now()), now_unix: bench.now() };
    let again = bench.ours().refund(&back("r1", &payment, "250.00"), &key("r1"), tried).await;
    assert_eq!(again.unwrap().id, part.id);
    let other = bench.ours().refund(&back("r1", &payment, "1.00"), &key("r1"), tried).await;
    assert!(matches!(other, Err(RefundError::KeyReused)), "{other:?}");
}

#[tokio::test]
async fn pay_5_what_is_not_there_yet_or_disputed_is_not_given_back() {
    let bench = Bench::start().await;
    let debit = bench.pay_by_bank(&bench.session().await);
    let new = |ours: &str, payment: &str| back(ours, &id(payment), "250.00");
    let not_now = async |ours: &str, payment: &str| match given(&bench, &new(ours, payment))
        .await
        .unwrap_err()
    {
        RefundError::NotNow(code) => code,
        other => panic!("{other}"),
    };
    assert_eq!(not_now("r1", &debit).await, "processing");
    bench.act(Act::Settle { payment: debit.clone() });
    let pending = given(&bench, &new("r2", &debit)).await.unwrap();
    assert_eq!(pending.state, RefundState::Pending);
    let reason = "insufficient_funds".to_owned();
    bench.act(Act::Return { payment: debit.clone(), reason });
    assert_eq!(not_now("r3", &debit).await, "charge_disputed");

    let card = bench.pay_by_card(&bench.session().await);
    let dispute = |is_inquiry| {
        let (payment, amount) = (card.clone(), None);
        bench.act(Act::Dispute { payment, amount, is_inquiry }).object
    };
    let close = |dispute, outcome| bench.act(Act::CloseDispute { dispute, outcome });
    let inquiry = dispute(true);
    given(&bench, &new("r4", &card)).await.unwrap();
    close(inquiry, DisputeOutcome::WarningClosed);
    let opened = dispute(false);
    assert_eq!(not_now("r5", &card).await, "charge_disputed");
    close(opened, DisputeOutcome::Won);
    given(&bench, &new("r6", &card)).await.unwrap();
    close(dispute(false), DisputeOutcome::Lost);
    assert_eq!(not_now("r7", &card).await, "charge_disputed");
    assert_eq!(bench.all("/v1/refunds").await.len(), 3);
}

#[tokio::test]
async fn pay_5_another_currency_and_an_unknown_payment_are_refused() {
    let bench = Bench::start().await;
    let payment = id(&bench.pay_by_card(&bench.session().await));
    let amount = Money::parse("1.00", "EUR".parse().unwrap()).unwrap();
    let euro = NewRefund { amount, ..back("r1", &payment, "1.00") };
    let error = given(&bench, &euro).await.unwrap_err();
    assert!(matches!(error, RefundError::Amount { ref code, .. } if code == "currency_mismatch"));
    let error = given(&bench, &back("r2", &id("pi_1"), "1.00")).await.unwrap_err();
    assert!(matches!(error, RefundError::Gateway(GatewayError::NotFound { .. })), "{error}");
    let untried =
        bench.post("/v1/payment_intents", &[("amount", "500"), ("currency", "usd")]).await;
    let untried = id(untried.1["id"].as_str().unwrap());
    let error = given(&bench, &back("r3", &untried, "1.00")).await.unwrap_err();
    assert!(matches!(error, RefundError::NotNow(ref code) if code == "requires_payment_method"));
}
