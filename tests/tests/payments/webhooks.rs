//! A payment is told, once or often.

use domain::payment::PaymentState;
use futures::future::join_all;
use sandbox::faults::Faults;
use sandbox::stripe::{Act, CardOutcome, PayBy};

use services::webhook::Returned;

use crate::bench::Bench;

#[tokio::test]
async fn pay_2_a_signed_webhook_pays() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.page_with(&[]).await);
    let delivery = bench.event("checkout.session.completed");
    let (status, answer) = bench.post(&delivery).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("applied")));
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(
        (bench.balance("A-1").await, bench.balance("A-2").await),
        ("0.00 USD".into(), "0.00 USD".into())
    );
    let audit = bench.audit().await;
    assert_eq!(audit.last().unwrap(), "record_payment");
    assert_eq!(bench.mismatches().await, [] as [String; 0]);
}

#[tokio::test]
async fn pay_1_the_same_event_and_other_events_of_the_payment_write_no_audit() {
    let bench = Bench::start().await;
    bench.pay_by_card(&bench.page_with(&[]).await);
    let delivery = bench.event("payment_intent.succeeded");
    bench.post(&delivery).await;
    let (audit, version) = (bench.audit().await, bench.store().load(&"bea".parse().unwrap()).await);
    for _ in 0..2 {
        let (status, answer) = bench.post(&delivery).await;
        assert_eq!((status, answer["outcome"].as_str()), (200, Some("before")));
    }
    for (kind, status, outcome) in bench.deliver().await {
        let expected = if kind == "payment_intent.succeeded" { "before" } else { "unchanged" };
        assert_eq!((status, outcome.as_str()), (200, expected), "{kind}");
    }
    assert_eq!(bench.audit().await, audit);
    let after = bench.store().load(&"bea".parse().unwrap()).await;
    assert_eq!(after.unwrap().unwrap().version(), version.unwrap().unwrap().version());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_1_fifty_deliveries_at_once_are_one_payment() {
    let bench = Bench::start().await;
    let payment = bench.pay_by_card(&bench.page_with(&[]).await);
    let records = bench.audit().await.len();
    // Three kinds of event of one payment, each many times.
    let due = bench.due();
    let answers = join_all((0..50).map(|number| bench.post(&due[number % due.len()]))).await;
    assert!(answers.iter().all(|(status, _)| *status == 200), "{answers:?}");
    let applied = answers.iter().filter(|(_, answer)| answer["outcome"] == "applied").count();
    assert_eq!(applied, 1, "{answers:?}");
    assert_eq!(bench.audit().await.len(), records + 1);
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(bench.credit().await, 0);
    assert_eq!(bench.balance("A-1").await, "0.00 USD");
}

#[tokio::test]
async fn pay_3_events_come_twice_and_backwards() {
    let bench = Bench::start().await;
    let page = bench.page_with(&[]).await;
    let declined = CardOutcome::Declines("insufficient_funds".to_owned());
    bench.act(Act::PayByCard { session: page.clone(), outcome: declined });
    let payment = bench.pay_by_card(&page);
    bench.sandbox.set_faults(Faults {
        deliver_twice: true,
        deliver_backwards: true,
        ..Faults::default()
    });
    assert!(bench.deliver().await.iter().all(|(_, status, _)| *status == 200));
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(bench.balance("A-1").await, "0.00 USD");
}

#[tokio::test]
async fn pay_7_a_part_payment_and_an_over_payment() {
    let bench = Bench::start().await;
    let part = ("line_items[0][price_data][unit_amount]", "40000");
    bench.pay_by_card(&bench.page_with(&[part]).await);
    bench.deliver().await;
    assert_eq!((bench.balance("A-1").await, bench.credit().await), ("600.00 USD".into(), 0));
    bench.pay_by_card(&bench.page_with(&[]).await);
    bench.deliver().await;
    assert_eq!((bench.balance("A-1").await, bench.credit().await), ("0.00 USD".into(), 40_000));
}

#[tokio::test]
async fn pay_4_a_payment_without_a_client_is_the_client_of_its_invoice() {
    let bench = Bench::start().await;
    bench.pay_by_card(&bench.page_with(&[("payment_intent_data[metadata][client]", "")]).await);
    assert!(bench.deliver().await.iter().any(|(_, _, outcome)| outcome == "applied"));
    assert_eq!(bench.balance("A-1").await, "0.00 USD");
}

#[tokio::test]
async fn chg_3_a_bank_debit_is_pending_until_it_settles() {
    let bench = Bench::start().await;
    let payment = bench.act(Act::PayByBank { session: bench.page_with(&[]).await }).object;
    bench.deliver().await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Pending));
    bench.act(Act::Settle { payment: payment.clone() });
    bench.deliver().await;
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(bench.balance("A-1").await, "0.00 USD");
}

#[tokio::test]
async fn pay_2_what_nobody_paid_or_is_not_ours_is_taken_and_changes_nothing() {
    let bench = Bench::start().await;
    let audit = bench.audit().await;
    let page = bench.page_with(&[]).await;
    bench.act(Act::Expire { session: page });
    let metadata = [("order".to_owned(), "7".to_owned())].into();
    let (currency, by) = ("usd".to_owned(), PayBy::Card);
    bench.act(Act::Take { amount: 700, currency, metadata, by });
    let said = bench.deliver().await;
    assert_eq!(said[0], ("checkout.session.expired".to_owned(), 200, "not_yet".to_owned()));
    assert!(
        said[1..].iter().all(|(_, status, outcome)| *status == 200 && outcome == "not_ours"),
        "{said:?}"
    );
    assert_eq!(bench.audit().await, audit);
}

#[tokio::test]
async fn pay_2_money_that_names_nobody_known_is_unclaimed() {
    let bench = Bench::start().await;
    let audit = bench.audit().await;
    for (client, invoices) in [("zoe", "A-1"), ("", "Z-9")] {
        let client = ("payment_intent_data[metadata][client]", client);
        let invoices = ("payment_intent_data[metadata][invoices]", invoices);
        bench.pay_by_card(&bench.page_with(&[client, invoices]).await);
        let said = bench.deliver().await;
        assert!(
            said.iter().all(|(_, status, outcome)| *status == 200 && outcome == "unclaimed"),
            "{said:?}"
        );
    }
    assert_eq!(bench.audit().await, audit);
}

#[tokio::test]
async fn pay_2_another_currency_marks_nothing_and_opens_a_task() {
    let bench = Bench::start().await;
    let euro = ("line_items[0][price_data][currency]", "eur");
    let page = bench.page_with(&[euro, ("payment_method_types[]", "")]).await;
    bench.pay_by_card(&page);
    let said = bench.deliver().await;
    assert!(said.iter().any(|(_, _, outcome)| outcome == "mismatched"), "{said:?}");
    assert_eq!(bench.balance("A-1").await, "1000.00 USD");
    let tasks = bench.mismatches().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert!(tasks[0].contains("1,250.00 EUR"), "{tasks:?}");
}

#[tokio::test]
async fn pay_2_a_reference_that_can_not_be_read_marks_nothing_and_opens_a_task() {
    let bench = Bench::start().await;
    let invoices = ("payment_intent_data[metadata][invoices]", "A-1,A#2");
    bench.pay_by_card(&bench.page_with(&[invoices]).await);
    bench.deliver().await;
    assert_eq!(bench.balance("A-1").await, "1000.00 USD");
    let tasks = bench.mismatches().await;
    assert_eq!(tasks.len(), 1, "{tasks:?}");
    assert!(tasks[0].contains("A#2"), "{tasks:?}");
}

#[tokio::test]
async fn pay_8_a_payer_who_comes_back_is_told_what_the_gateway_says() {
    let bench = Bench::start().await;
    let webhooks = bench.webhooks();
    let endpoint = bench.endpoint.id.clone();
    let back = |page: String| {
        let (webhooks, endpoint, now) = (webhooks.clone(), endpoint.clone(), bench.now());
        async move { webhooks.payer_returned(&endpoint, page.parse().unwrap(), now).await.unwrap() }
    };
    let page = bench.page_with(&[]).await;
    assert_eq!(back(page.clone()).await, Returned::Failed, "nobody paid");
    assert_eq!(bench.balance("A-1").await, "1000.00 USD");
    bench.sandbox.set_faults(Faults { down: true, ..Faults::default() });
    assert_eq!(back(page.clone()).await, Returned::Processing, "the gateway can't be asked");
    bench.sandbox.set_faults(Faults::default());
    let payment = bench.pay_by_card(&page);
    assert_eq!(back(page.clone()).await, Returned::Paid, "before any webhook");
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    let audit = bench.audit().await;
    // Coming back again, and the webhook after it, change nothing.
    assert_eq!(back(page).await, Returned::Paid);
    let (status, answer) = bench.post(&bench.event("checkout.session.completed")).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("unchanged")));
    assert_eq!(bench.audit().await, audit);
    assert_eq!(back("cs_test_999999999999".to_owned()).await, Returned::Failed, "no page of ours");
}
