//! Every life of a payment, acted out in the sandbox and read back by the adapter.

use domain::money::Money;
use gateways::stripe::currency;
use gateways::{
    DisputeState, Expected, GatewayError, Hint, Method, Mode, NoPayment, PaymentFacts,
    PaymentState, ReadBack, RefundState, compare,
};
use sandbox::faults::Faults;
use sandbox::stripe::{
    Act, ActError, CardOutcome, DisputeOutcome, PayBy, RefundOutcome, SANDBOX_KEY,
};

use crate::bench::{Bench, START, id};

const USD_1250: &str = "1250.00 USD";

/// The parts of the facts that a life changes, on one line.
fn said(facts: &PaymentFacts) -> String {
    let refunds: Vec<_> =
        facts.refunds.iter().map(|r| format!("{} {:?}", r.amount, r.state)).collect();
    let disputes = facts.disputes.iter().map(|dispute| {
        let kind = if dispute.is_ach_return { "return" } else { "dispute" };
        format!("{kind} {} {:?}", dispute.amount, dispute.state)
    });
    let parts = [
        format!("{:?} {}", facts.state, facts.amount),
        format!("{:?}", facts.method),
        refunds.join(", "),
        disputes.collect::<Vec<_>>().join(", "),
    ];
    parts.join(" | ")
}

#[tokio::test]
async fn pay_2_a_payment_is_read_with_our_reference() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    bench.wait(60);
    let payment = bench.pay_by_card(&session);
    let facts = bench.facts(&Hint::Checkout(id(&session))).await;
    assert_eq!(facts.payment.as_str(), payment);
    assert_eq!(facts.amount.to_string(), USD_1250);
    assert_eq!((facts.state.clone(), facts.mode), (PaymentState::Succeeded, Mode::Test));
    assert_eq!(facts.account, None);
    assert_eq!(facts.occurred_unix, START + 60);
    assert_eq!(facts.reference.firm.as_ref().unwrap().as_str(), "acme");
    assert_eq!(facts.reference.client.as_ref().unwrap().as_str(), "bea");
    assert_eq!(facts.reference.invoices, ["A-1", "A-2"].map(|text| text.parse().unwrap()));
    assert_eq!(facts.reference.client_reference.as_deref(), Some("bea"));
    assert_eq!(facts.checkout.as_ref().unwrap().amount, Some(facts.amount));
    let mut expected = Expected { firm: "acme".parse().unwrap(), mode: Mode::Test, account: None };
    assert_eq!(compare(&facts, &expected), Ok(()));
    expected.firm = "beta".parse().unwrap();
    let mismatch = compare(&facts, &expected).unwrap_err().to_string();
    assert_eq!(mismatch, "firm: expected beta, found acme");
}

#[tokio::test]
async fn pay_2_every_hint_of_a_payment_ends_in_the_same_facts() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let payment = bench.pay_by_card(&session);
    let refund = bench.act(Act::Refund { payment: payment.clone(), amount: Some(25_000) }).object;
    let dispute =
        Act::Dispute { payment: payment.clone(), amount: Some(100_000), is_inquiry: false };
    let dispute = bench.act(dispute).object;
    let by_page = bench.facts(&Hint::Checkout(id(&session))).await;
    let charge = by_page.charge.clone().unwrap();
    for hint in [
        Hint::Payment(id(&payment)),
        Hint::Charge(charge),
        Hint::Refund(id(&refund)),
        Hint::Dispute(id(&dispute)),
    ] {
        let mut facts = bench.facts(&hint).await;
        // Only the page itself tells its id and the free text on it.
        facts.checkout = by_page.checkout.clone();
        facts.reference.client_reference = by_page.reference.client_reference.clone();
        assert_eq!(facts, by_page, "for {hint:?}");
    }
    assert_eq!(
        said(&by_page),
        "Succeeded 1250.00 USD | Some(Card) | 250.00 USD Succeeded | dispute 1000.00 USD Opened"
    );
}

#[tokio::test]
async fn pay_3_a_card_declines_asks_and_pays() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let hint = Hint::Checkout(id(&session));
    let pay = |outcome| Act::PayByCard { session: session.clone(), outcome };
    assert_eq!(bench.read(&hint).await.unwrap(), ReadBack::NoPayment(NoPayment::NotYet));
    let declined = bench.act(pay(CardOutcome::Declines("lost_card".to_owned()))).object;
    let facts = bench.facts(&hint).await;
    assert_eq!(facts.state, PaymentState::Failed { code: Some("lost_card".to_owned()) });
    bench.act(pay(CardOutcome::RequiresAction));
    assert_eq!(bench.facts(&hint).await.state, PaymentState::RequiresAction);
    let paid = bench.act(pay(CardOutcome::Succeeds)).object;
    assert_eq!(declined, paid, "one payment, three attempts (PAY-1)");
    assert_eq!(said(&bench.facts(&hint).await), "Succeeded 1250.00 USD | Some(Card) |  | ");
    let again = bench.sandbox.act(pay(CardOutcome::Succeeds)).unwrap_err();
    assert_eq!(again.to_string(), "the session is complete, not open");
}

#[tokio::test]
async fn pay_3_a_bank_debit_is_pending_then_succeeds_or_fails_or_comes_back() {
    let bench = Bench::start().await;
    let session = bench.session().await;
    let payment = bench.pay_by_bank(&session);
    let hint = Hint::Checkout(id(&session));
    let now = async || said(&bench.facts(&hint).await);
    assert_eq!(now().await, "Pending 1250.00 USD | Some(Ach) |  | ");
    bench.act(Act::Settle { payment: payment.clone() });
    assert_eq!(now().await, "Succeeded 1250.00 USD | Some(Ach) |  | ");
    let reason = "debit_not_authorized".to_owned();
    let returned = bench.act(Act::Return { payment: payment.clone(), reason }).object;
    assert_eq!(now().await, "Succeeded 1250.00 USD | Some(Ach) |  | return 1250.00 USD Lost");
    let facts = bench.facts(&Hint::Dispute(id(&returned))).await;
    assert_eq!(facts.disputes[0].reason.as_deref(), Some("debit_not_authorized"));

    let session = bench.session().await;
    let payment = bench.pay_by_bank(&session);
    bench.act(Act::Bounce { payment: payment.clone(), code: "insufficient_funds".to_owned() });
    let facts = bench.facts(&Hint::Payment(id(&payment))).await;
    assert_eq!(facts.state, PaymentState::Failed { code: Some("insufficient_funds".to_owned()) });
    assert_eq!(facts.method, Some(Method::Ach));
    let late = bench.sandbox.act(Act::Settle { payment }).unwrap_err().to_string();
    assert_eq!(late, "the payment is requires_payment_method, not processing");
}

#[tokio::test]
async fn pay_5_refunds_add_up_and_can_come_back() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.session().await);
    let hint = Hint::Payment(id(&payment));
    let refund = |amount| Act::Refund { payment: payment.clone(), amount };
    let first = bench.act(refund(Some(25_000))).object;
    bench.wait(1);
    bench.act(refund(None));
    let facts = bench.facts(&hint).await;
    let refunds = "250.00 USD Succeeded, 1000.00 USD Succeeded";
    assert_eq!(said(&facts), format!("Succeeded 1250.00 USD | Some(Card) | {refunds} | "));
    let more = bench.sandbox.act(refund(None)).unwrap_err().to_string();
    assert_eq!(more, "the charge is refunded already");
    bench.act(Act::FinishRefund { refund: first.clone(), outcome: RefundOutcome::Failed });
    let facts = bench.facts(&Hint::Refund(id(&first))).await;
    assert_eq!(
        facts.refunds.iter().map(|r| r.state).collect::<Vec<_>>(),
        [RefundState::Failed, RefundState::Succeeded]
    );
    let more = bench.sandbox.act(refund(Some(25_001))).unwrap_err().to_string();
    assert_eq!(more, "25001 is more than the 25000 that is left of the charge");
}

#[tokio::test]
async fn pay_5_a_refund_to_a_bank_account_is_pending_first() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_bank(&bench.session().await);
    let early = Act::Refund { payment: payment.clone(), amount: None };
    assert!(matches!(bench.sandbox.act(early.clone()), Err(ActError::NotNow { .. })));
    bench.act(Act::Settle { payment: payment.clone() });
    let refund = bench.act(early).object;
    let hint = Hint::Refund(id(&refund));
    assert_eq!(bench.facts(&hint).await.refunds[0].state, RefundState::Pending);
    bench.act(Act::FinishRefund { refund, outcome: RefundOutcome::Succeeded });
    assert_eq!(bench.facts(&hint).await.refunds[0].state, RefundState::Succeeded);
}

#[tokio::test]
async fn pay_5_disputes_are_opened_won_lost_or_only_asked() {
    for (is_inquiry, outcome, opened, closed) in [
        (false, DisputeOutcome::Won, DisputeState::Opened, DisputeState::Won),
        (false, DisputeOutcome::Lost, DisputeState::Opened, DisputeState::Lost),
        (true, DisputeOutcome::WarningClosed, DisputeState::Notice, DisputeState::Notice),
    ] {
        let bench = Bench::start().await;
        let payment = bench.pay_by_card(&bench.session().await);
        let open = Act::Dispute { payment: payment.clone(), amount: None, is_inquiry };
        let dispute = bench.act(open.clone()).object;
        let hint = Hint::Dispute(id(&dispute));
        assert_eq!(bench.facts(&hint).await.disputes[0].state, opened);
        assert!(bench.sandbox.act(open).is_err(), "one at a time");
        let close = Act::CloseDispute { dispute, outcome };
        bench.act(close.clone());
        let facts = bench.facts(&Hint::Payment(id(&payment))).await;
        assert_eq!((facts.disputes[0].state, facts.disputes.len()), (closed, 1));
        assert!(!facts.disputes[0].is_ach_return);
        assert!(bench.sandbox.act(close).is_err(), "decided once");
        let refund = bench.sandbox.act(Act::Refund { payment, amount: None });
        assert_eq!(
            refund.is_ok(),
            closed != DisputeState::Lost,
            "what is lost can't be given back"
        );
    }
}

#[tokio::test]
async fn pay_2_a_page_without_payment_says_why() {
    let bench = Bench::start().await;
    let read = async |session: &str| bench.read(&Hint::Checkout(id(session))).await.unwrap();
    let free = bench.session_with(&[("line_items[0][price_data][unit_amount]", "0")]).await;
    bench.pay_by_card(&free);
    assert_eq!(read(&free).await, ReadBack::NoPayment(NoPayment::NothingToPay));
    let ended = bench.session().await;
    bench.act(Act::Expire { session: ended.clone() });
    assert_eq!(read(&ended).await, ReadBack::NoPayment(NoPayment::Expired));
    let forgotten = bench.session().await;
    bench.wait(24 * 60 * 60 - 1);
    assert_eq!(read(&forgotten).await, ReadBack::NoPayment(NoPayment::NotYet));
    bench.wait(1);
    assert_eq!(read(&forgotten).await, ReadBack::NoPayment(NoPayment::Expired));
}

#[tokio::test]
async fn pay_2_a_reference_that_is_only_on_the_page_is_found() {
    let bench = Bench::start().await;
    let only_page =
        ["firm", "client", "invoices"].map(|key| format!("payment_intent_data[metadata][{key}]"));
    let mut changes: Vec<_> = only_page.iter().map(|name| (name.as_str(), "")).collect();
    changes.push(("metadata[invoice_id]", "A-7"));
    let payment = bench.pay_by_card(&bench.session_with(&changes).await);
    let facts = bench.facts(&Hint::Payment(id(&payment))).await;
    assert_eq!(facts.reference.firm.unwrap().as_str(), "acme");
    assert_eq!(facts.reference.invoices, ["A-7".parse().unwrap()]);
    assert_eq!(facts.reference.client_reference.as_deref(), Some("bea"));
}

#[tokio::test]
async fn pay_2_a_payment_made_elsewhere_is_not_ours() {
    let bench = Bench::start().await;
    let take = |by, amount| Act::Take {
        amount,
        currency: "usd".to_owned(),
        metadata: Default::default(),
        by,
    };
    let sale = bench.act(take(PayBy::Card, 500)).object;
    let facts = bench.facts(&Hint::Payment(id(&sale))).await;
    assert_eq!(said(&facts), "Succeeded 5.00 USD | Some(Card) |  | ");
    assert!(!facts.reference.is_ours());
    let debit = bench.act(take(PayBy::Bank, 500)).object;
    assert_eq!(bench.facts(&Hint::Payment(id(&debit))).await.state, PaymentState::Pending);
}

#[tokio::test]
async fn inv_5_amounts_survive_stripes_decimals() {
    let bench = Bench::start().await;
    for (text, code) in
        [("12.34", "USD"), ("500", "JPY"), ("500", "ISK"), ("7.00", "MGA"), ("5.120", "KWD")]
    {
        let money = Money::parse(text, code.parse().unwrap()).unwrap();
        let (amount, currency) = currency::to_stripe(money).unwrap();
        let session = bench
            .session_with(&[
                ("line_items[0][price_data][unit_amount]", &amount.to_string()),
                ("line_items[0][price_data][currency]", &currency),
                ("payment_method_types[]", ""),
            ])
            .await;
        let payment = bench.pay_by_card(&session);
        assert_eq!(bench.facts(&Hint::Payment(id(&payment))).await.amount, money);
    }
}

#[tokio::test]
async fn pay_2_what_is_not_there_and_what_is_not_ours_is_not_found() {
    let bench = Bench::start().await;
    for hint in [
        Hint::Checkout(id("cs_test_1")),
        Hint::Payment(id("pi_1")),
        Hint::Charge(id("ch_1")),
        Hint::Refund(id("re_1")),
        Hint::Dispute(id("dp_1")),
    ] {
        let error = bench.read(&hint).await.unwrap_err();
        assert!(matches!(error, GatewayError::NotFound { .. }), "{hint:?}: {error}");
        assert!(error.to_string().contains(hint.object().as_str()), "{error}");
    }
    let (_, session) =
        bench.post_as("acct_1", "/v1/checkout/sessions", &crate::bench::INVOICE).await;
    let session = session["id"].as_str().unwrap();
    let payment = bench.pay_by_card(session);
    let hint = Hint::Payment(id(&payment));
    let read = async |account| {
        use gateways::Gateway;
        bench.stripe(SANDBOX_KEY, account).read_back(&hint).await
    };
    assert!(matches!(read(None).await, Err(GatewayError::NotFound { .. })));
    assert!(matches!(read(Some("acct_2")).await, Err(GatewayError::NotFound { .. })));
    let Ok(ReadBack::Payment(facts)) = read(Some("acct_1")).await else {
        panic!("the account's own payment");
    };
    assert_eq!(facts.account.as_deref(), Some("acct_1"));
}

#[tokio::test]
async fn pay_2_down_slow_broken_and_locked_out_are_told_apart() {
    use gateways::Gateway;
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.session().await);
    let hint = Hint::Payment(id(&payment));
    for (faults, expected) in [
        (Faults { down: true, ..Faults::default() }, "the gateway did not answer: status 503"),
        (
            Faults { slow_ms: 2_000, ..Faults::default() },
            "the gateway did not answer: no answer in time",
        ),
        (
            Faults { lose_answers: 2, ..Faults::default() },
            "the gateway did not answer: the connection broke",
        ),
    ] {
        bench.sandbox.set_faults(faults);
        let error = bench.read(&hint).await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(error.is_temporary());
    }
    bench.sandbox.set_faults(Faults { slow_ms: 20, lose_answers: 1, ..Faults::default() });
    assert!(bench.read(&hint).await.is_ok(), "asked again after one lost answer");
    let error = bench.stripe("sk_test_other", None).read_back(&hint).await.unwrap_err();
    assert!(matches!(error, GatewayError::Refused { status: 401, .. }), "{error}");
}
