//! Money that goes back: the invoices are open again.

use domain::payment::PaymentState;
use sandbox::stripe::{Act, DisputeOutcome, RefundOutcome};

use crate::bench::Bench;

async fn balances(bench: &Bench) -> String {
    format!("{} + {}", bench.balance("A-1").await, bench.balance("A-2").await)
}

#[tokio::test]
async fn pay_5_a_refund_reopens_as_far_as_it_goes() {
    let bench = Bench::start().await;
    let payment = bench.paid().await;
    bench.act(Act::Refund { payment: payment.clone(), amount: Some(30_000) });
    bench.deliver().await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::PartiallyRefunded));
    let open = balances(&bench).await;
    assert!(open == "50.00 USD + 250.00 USD" || open == "300.00 USD + 0.00 USD", "{open}");
    bench.act(Act::Refund { payment: payment.clone(), amount: None });
    bench.deliver().await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Refunded));
    assert_eq!(balances(&bench).await, "1000.00 USD + 250.00 USD");
    let audit = bench.audit().await;
    assert_eq!(audit.iter().filter(|name| *name == "record_payment").count(), 3, "{audit:?}");
}

#[tokio::test]
async fn pay_5_a_refund_that_comes_back_to_the_firm_is_for_a_person() {
    let bench = Bench::start().await;
    let payment = bench.paid().await;
    let refund = bench.act(Act::Refund { payment, amount: Some(30_000) }).object;
    bench.deliver().await;
    bench.act(Act::FinishRefund { refund: refund.clone(), outcome: RefundOutcome::Failed });
    bench.deliver().await;
    let tasks = bench.mismatches().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert!(tasks[0].contains(&refund), "{tasks:?}");
}

#[tokio::test]
async fn pay_5_a_chargeback_takes_back_and_winning_puts_back() {
    let bench = Bench::start().await;
    let payment = bench.paid().await;
    let open = Act::Dispute { payment: payment.clone(), amount: None, is_inquiry: false };
    let dispute = bench.act(open).object;
    bench.deliver().await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::ChargedBack));
    assert_eq!(balances(&bench).await, "1000.00 USD + 250.00 USD");
    bench.act(Act::CloseDispute { dispute, outcome: DisputeOutcome::Won });
    bench.deliver().await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(balances(&bench).await, "0.00 USD + 0.00 USD");
}

#[tokio::test]
async fn pay_5_a_lost_chargeback_stays_lost_and_an_inquiry_is_notice_only() {
    let bench = Bench::start().await;
    let payment = bench.paid().await;
    let inquiry = Act::Dispute { payment: payment.clone(), amount: None, is_inquiry: true };
    let inquiry = bench.act(inquiry).object;
    bench.deliver().await;
    bench.act(Act::CloseDispute { dispute: inquiry, outcome: DisputeOutcome::WarningClosed });
    bench.deliver().await;
    assert_eq!(balances(&bench).await, "0.00 USD + 0.00 USD");
    let open = Act::Dispute { payment: payment.clone(), amount: None, is_inquiry: false };
    let dispute = bench.act(open).object;
    bench.act(Act::CloseDispute { dispute, outcome: DisputeOutcome::Lost });
    bench.deliver().await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::ChargedBack));
    assert_eq!(balances(&bench).await, "1000.00 USD + 250.00 USD");
}

#[tokio::test]
async fn pay_5_a_part_that_is_disputed_never_takes_back_more() {
    let bench = Bench::start().await;
    let payment = bench.paid().await;
    let open = Act::Dispute { payment, amount: Some(30_000), is_inquiry: false };
    let dispute = bench.act(open).object;
    bench.deliver().await;
    assert_eq!(balances(&bench).await, "0.00 USD + 0.00 USD");
    let tasks = bench.mismatches().await;
    assert!(tasks.len() == 1 && tasks[0].contains("300.00 USD of the 1250.00 USD"), "{tasks:?}");
    bench.act(Act::CloseDispute { dispute, outcome: DisputeOutcome::Lost });
    bench.deliver().await;
    let open = balances(&bench).await;
    assert!(open == "50.00 USD + 250.00 USD" || open == "300.00 USD + 0.00 USD", "{open}");
}

#[tokio::test]
async fn chg_3_a_debit_that_bounces_or_comes_back_is_returned() {
    for is_settled in [false, true] {
        let bench = Bench::start().await;
        let payment = bench.act(Act::PayByBank { session: bench.page_with(&[]).await }).object;
        bench.deliver().await;
        if is_settled {
            bench.act(Act::Settle { payment: payment.clone() });
            bench.deliver().await;
            assert_eq!(balances(&bench).await, "0.00 USD + 0.00 USD");
            bench
                .act(Act::Return { payment: payment.clone(), reason: "insufficient_funds".into() });
        } else {
            bench.act(Act::Bounce { payment: payment.clone(), code: "insufficient_funds".into() });
        }
        bench.deliver().await;
        assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Returned));
        assert_eq!(balances(&bench).await, "1000.00 USD + 250.00 USD");
    }
}
