//! Bank debits, refunds and disputes.

use domain::calendar::Day;
use gateways::{
    DisputeState, Gateway, Hint, Method, PaymentState, ReadBack, RefundError, RefundState,
};
use sandbox::square::{Act, BankAct, DisputeOutcome, RefundOutcome};

use crate::bench::{Bench, by_bank, by_card, id, key, refund, usd};

fn day(text: &str) -> Day {
    text.parse().unwrap()
}

#[tokio::test]
async fn pay_3_a_bank_debit_clears_in_business_days_and_can_come_back() {
    let bench = Bench::start().await;
    assert_eq!(bench.sandbox.begin_day(day("2026-09-24")).await, []);
    let (_, payment) = bench.paid(|link| Act::PayByBankThatReturns { link }).await;
    let facts = bench.facts(&payment).await;
    assert_eq!((facts.state, facts.method), (PaymentState::Pending, Some(Method::Ach)));
    // Thursday, and three business days.
    assert_eq!(bench.sandbox.begin_day(day("2026-09-28")).await, []);
    let news = bench.sandbox.begin_day(day("2026-09-29")).await;
    assert_eq!((news.len(), news[0].what), (1, BankAct::Cleared));
    assert_eq!(news[0].client.as_deref(), Some("bea"));
    let facts = bench.facts(&payment).await;
    assert_eq!((facts.state, facts.disputes.len()), (PaymentState::Succeeded, 0));
    let news = bench.sandbox.begin_day(day("2026-10-02")).await;
    assert_eq!((news.len(), news[0].what), (1, BankAct::Returned));
    let facts = bench.facts(&payment).await;
    assert_eq!(facts.state, PaymentState::Succeeded);
    let dispute = &facts.disputes[0];
    assert!(dispute.is_ach_return && dispute.state == DisputeState::Lost);
    assert_eq!(dispute.amount, usd(125_000));
}

#[tokio::test]
async fn pay_3_a_debit_that_bounces_leaves_the_page_open() {
    let bench = Bench::start().await;
    let (page, payment) = bench.paid(by_bank).await;
    let now = refund(&payment, "r1", 100);
    let error = bench.square.refund(&now, &key("r1"), bench.first_try()).await.unwrap_err();
    assert!(matches!(&error, RefundError::NotNow(code) if code.contains("NEEDS_COMPLETION")));
    bench.act(Act::Bounce { payment: payment.clone(), code: "INSUFFICIENT_FUNDS".to_owned() });
    let failed = PaymentState::Failed { code: Some("INSUFFICIENT_FUNDS".to_owned()) };
    assert_eq!(bench.facts(&payment).await.state, failed);
    let read = bench.read(Hint::Checkout(page.id.clone())).await;
    assert!(matches!(read, ReadBack::NoPayment(_)));
    let again = bench.act(by_card(crate::bench::link(&page))).object;
    assert_eq!(bench.facts(&again).await.state, PaymentState::Succeeded);
    assert_eq!(bench.taken(), 1);
}

#[tokio::test]
async fn pay_5_refunds_are_cumulative_each_by_its_own_state() {
    let bench = Bench::start().await;
    let (_, payment) = bench.paid(by_card).await;
    let give = async |ours: &str, minor: u64| {
        bench.square.refund(&refund(&payment, ours, minor), &key(ours), bench.first_try()).await
    };
    let first = give("r1", 25_000).await.unwrap();
    assert_eq!((first.state, first.amount), (RefundState::Pending, usd(25_000)));
    assert_eq!(give("r1", 25_000).await.unwrap().id, first.id, "the same once more");
    let reused = give("r1", 1).await.unwrap_err();
    assert!(matches!(reused, RefundError::KeyReused), "{reused:?}");
    let second = give("r2", 100_000).await.unwrap();
    for minor in [1, 0] {
        let error = give("r3", minor).await.unwrap_err();
        assert!(matches!(error, RefundError::Amount { .. }), "{error:?}");
    }
    for (id, outcome) in [
        (first.id.to_string(), RefundOutcome::Completed),
        (second.id.to_string(), RefundOutcome::Rejected),
    ] {
        bench.act(Act::FinishRefund { refund: id, outcome });
    }
    let states = async || -> Vec<_> {
        bench.facts(&payment).await.refunds.into_iter().map(|refund| refund.state).collect()
    };
    assert_eq!(states().await, [RefundState::Succeeded, RefundState::Failed]);
    let third = give("r4", 100_000).await.unwrap();
    bench.sandbox.begin_day(day("2026-09-22")).await;
    let all = [RefundState::Succeeded, RefundState::Failed, RefundState::Succeeded];
    assert_eq!(states().await, all, "refunds arrive on the next day");
    let outcome = RefundOutcome::Failed;
    bench.act(Act::FinishRefund { refund: third.id.to_string(), outcome });
    let all = [RefundState::Succeeded, RefundState::Failed, RefundState::Failed];
    assert_eq!(states().await, all, "one can fail after it completed");
    assert_eq!(bench.book()["payments"][&payment]["refunded_money"]["amount"], 25_000);
}

#[tokio::test]
async fn pay_5_disputes_open_end_and_bar_a_refund() {
    for (outcome, is_inquiry, before, after, can_refund) in [
        (DisputeOutcome::Won, false, DisputeState::Opened, DisputeState::Won, true),
        (DisputeOutcome::Lost, false, DisputeState::Opened, DisputeState::Lost, false),
        (DisputeOutcome::Accepted, false, DisputeState::Opened, DisputeState::Lost, false),
        (DisputeOutcome::InquiryClosed, true, DisputeState::Notice, DisputeState::Notice, true),
    ] {
        let bench = Bench::start().await;
        let (_, payment) = bench.paid(by_card).await;
        let open = Act::Dispute { payment: payment.clone(), amount: Some(5_000), is_inquiry };
        let dispute = bench.act(open).object;
        let states = async || -> Vec<_> {
            let by_dispute = bench.read(Hint::Dispute(id(&dispute))).await;
            let facts = bench.facts(&payment).await;
            assert_eq!(by_dispute, ReadBack::Payment(Box::new(facts.clone())));
            facts.disputes.into_iter().map(|d| (d.state, d.amount, d.is_ach_return)).collect()
        };
        assert_eq!(states().await, [(before, usd(5_000), false)]);
        bench.act(Act::CloseDispute { dispute: dispute.clone(), outcome });
        assert_eq!(states().await, [(after, usd(5_000), false)]);
        let asked = refund(&payment, "r1", 100);
        let refunded = bench.square.refund(&asked, &key("r1"), bench.first_try()).await;
        assert_eq!(refunded.is_ok(), can_refund, "after {outcome:?}: {refunded:?}");
    }
}

#[tokio::test]
async fn pay_5_a_payments_dispute_is_found_behind_all_others() {
    let bench = Bench::start().await;
    let mut last = String::new();
    for number in 0..12 {
        let page = bench.open(&crate::bench::checkout(&format!("p{number}"))).await;
        let payment = bench.act(by_card(crate::bench::link(&page))).object;
        bench.act(Act::Dispute { payment: payment.clone(), amount: None, is_inquiry: false });
        last = payment;
    }
    let facts = bench.facts(&last).await;
    assert_eq!((facts.disputes.len(), facts.disputes[0].amount), (1, usd(125_000)));
}
