//! Saved methods, charges while the payer is away, and money given back.

use gateways::{
    Charged, DeclineKind, Gateway, GatewayError, Hint, Method, NewRefund, PaymentFacts,
    PaymentState, RefundError, RefundState,
};
use sandbox::paypal::{Act, Pays};

use super::stand::{Stand, checkout, new_charge, payment, payment_id, save_page, usd, wallet};

#[tokio::test]
async fn chg_1_an_account_is_saved_on_a_page_listed_and_removed() {
    let stand = Stand::new().await;
    let saved = stand.saved("save-1", Pays::AtOnce).await;
    assert_eq!(saved.customer, stand.customer().await);
    assert_eq!((saved.method.clone(), &*saved.label), (wallet(), "PayPal (ann@acme.example)"));
    let listed = stand.paypal.saved_methods(&saved.customer).await.unwrap();
    assert_eq!(listed, std::slice::from_ref(&saved));
    stand.paypal.remove_method(&saved).await.unwrap();
    stand.paypal.remove_method(&saved).await.unwrap();
    assert_eq!(stand.paypal.saved_methods(&saved.customer).await.unwrap(), []);
    let new = new_charge("try-1", &saved);
    let charged = stand.paypal.charge(&new, &"try-1".parse().unwrap(), stand.first()).await;
    let Ok(Charged::Declined(decline)) = charged else { panic!("{charged:?}") };
    assert_eq!(decline.kind, DeclineKind::Hard);
}

#[tokio::test]
async fn chg_1_what_was_saved_is_had_again_after_its_key_died() {
    let stand = Stand::new().await;
    let customer = stand.customer().await;
    let page = save_page("save-1", customer.clone());
    let page = stand.paypal.create_save_page(&page, &"save-1".parse().unwrap()).await.unwrap();
    stand.act(Act::ApproveSaving { page: page.id.to_string(), pays: Pays::AtOnce });
    let first = stand.paypal.saved_on(&page.id).await.unwrap();
    assert_eq!(stand.paypal.saved_on(&page.id).await.unwrap(), first);
    stand.pass(4 * 3600);
    assert_eq!(stand.paypal.saved_on(&page.id).await.unwrap(), first);
    assert_eq!(stand.paypal.saved_methods(&customer).await.unwrap().len(), 1);
}

#[tokio::test]
async fn chg_1_a_page_for_cards_alone_is_not_made() {
    let stand = Stand::new().await;
    let mut page = save_page("save-1", stand.customer().await);
    page.methods = vec![Method::Card, Method::Ach];
    let error = stand.paypal.create_save_page(&page, &"save-1".parse().unwrap()).await.unwrap_err();
    assert!(matches!(error, GatewayError::CannotDo(_)), "{error}");
}

#[tokio::test]
async fn chg_1_a_method_is_saved_while_it_pays() {
    let stand = Stand::new().await;
    let customer = stand.customer().await;
    let mut new = checkout("try-1");
    new.save_for = Some(customer.clone());
    let open = stand.paypal.create_checkout(&new, &"try-1".parse().unwrap()).await.unwrap();
    stand.approve(&open.id, Pays::AtOnce);
    let facts = stand.facts(Hint::Checkout(open.id)).await;
    let key = "saved".parse().unwrap();
    let saved =
        stand.paypal.saved_with(&payment_id(&facts), &customer, &key).await.unwrap().unwrap();
    assert_eq!(stand.paypal.saved_methods(&customer).await.unwrap(), [saved]);
    let other = stand.paid("try-2", Pays::AtOnce).await;
    let none = stand.paypal.saved_with(&payment_id(&other), &customer, &key).await.unwrap();
    assert_eq!(none, None);
}

#[tokio::test]
async fn chg_2_a_charge_is_taken_pending_or_declined() {
    let stand = Stand::new().await;
    for (pays, expected) in [
        (Pays::AtOnce, "Succeeded"),
        (Pays::ByBank, "Pending"),
        (Pays::AfterReview, "Pending"),
        (Pays::Nothing, "INSTRUMENT_DECLINED Soft"),
        (Pays::CardDeclines, "5120 Soft"),
    ] {
        let name = format!("{pays:?}");
        let saved = stand.saved(&format!("save-{name}"), pays).await;
        let new = new_charge(&format!("try-{name}"), &saved);
        let key = new.ours.parse().unwrap();
        let charged = stand.paypal.charge(&new, &key, stand.first()).await.unwrap();
        let found = match charged {
            Charged::Taken(payment) => {
                let facts = stand.facts(Hint::Payment(payment)).await;
                assert_eq!(facts.reference.ours, Some(new.ours));
                assert_eq!(facts.amount, usd(1_250));
                format!("{:?}", facts.state)
            }
            Charged::Declined(decline) => format!("{} {:?}", decline.code, decline.kind),
        };
        assert_eq!(found, expected, "for {pays:?}");
    }
    assert_eq!(stand.sandbox.taken_payments(), 3);
}

fn refund(of: &PaymentFacts, ours: &str, minor: u64) -> NewRefund {
    NewRefund { ours: ours.to_owned(), payment: payment_id(of), amount: usd(minor), reason: None }
}

#[tokio::test]
async fn pay_5_a_payment_is_given_back_in_parts_and_no_more_than_it_was() {
    let stand = Stand::new().await;
    let paid = stand.paid("try-1", Pays::AtOnce).await;
    let give = async |ours: &str, minor: u64| {
        let new = refund(&paid, ours, minor);
        stand.paypal.refund(&new, &ours.parse().unwrap(), stand.first()).await
    };
    assert!(matches!(give("r-0", 0).await, Err(RefundError::Amount { .. })));
    let first = give("r-1", 250).await.unwrap();
    assert_eq!((first.amount, first.state), (usd(250), RefundState::Succeeded));
    assert_eq!(give("r-1", 250).await.unwrap(), first);
    assert!(matches!(give("r-2", 1_001).await, Err(RefundError::Amount { .. })));
    give("r-3", 1_000).await.unwrap();
    assert!(matches!(give("r-4", 1).await, Err(RefundError::Amount { .. })));
    let facts = stand.facts(Hint::Refund(first.id.as_str().parse().unwrap())).await;
    assert_eq!(facts.state, PaymentState::Succeeded);
    let amounts: Vec<_> = facts.refunds.iter().map(|refund| refund.amount).collect();
    assert_eq!(amounts, [usd(250), usd(1_000)]);
}

#[tokio::test]
async fn pay_5_a_refund_to_a_bank_is_pending_and_may_fail() {
    let stand = Stand::new().await;
    let paid = stand.paid("try-1", Pays::ByBank).await;
    let new = refund(&paid, "r-1", 1_250);
    let key = "r-1".parse().unwrap();
    let early = stand.paypal.refund(&new, &key, stand.first()).await;
    assert!(matches!(early, Err(RefundError::NotNow(_))), "{early:?}");
    stand.act(Act::Settle { payment: paid.payment.to_string() });
    for (ours, is_good, expected) in
        [("r-2", false, RefundState::Failed), ("r-3", true, RefundState::Succeeded)]
    {
        let new = refund(&paid, ours, 1_250);
        let given = stand.paypal.refund(&new, &ours.parse().unwrap(), stand.first()).await.unwrap();
        assert_eq!(given.state, RefundState::Pending);
        stand.act(Act::FinishRefund { refund: given.id.to_string(), is_good });
        let facts = stand.facts(payment(&paid)).await;
        assert_eq!(facts.refunds.last().unwrap().state, expected);
    }
}

#[tokio::test]
async fn pay_5_what_is_disputed_is_not_given_back() {
    let stand = Stand::new().await;
    let paid = stand.paid("try-1", Pays::AtOnce).await;
    let payment = paid.payment.to_string();
    stand.act(Act::Dispute { payment, amount: None, is_inquiry: false });
    let refused =
        stand.paypal.refund(&refund(&paid, "r", 1), &"r".parse().unwrap(), stand.first()).await;
    assert!(matches!(refused, Err(RefundError::NotNow(_))), "{refused:?}");
}
