//! Pages, webhooks, and what is read back.

use domain::invoice::Deposit;
use gateways::{
    Ability, CheckoutError, DisputeState, Gateway, GatewayError, Hint, Method, Mode, NewCheckout,
    NoPayment, PaymentState, ReadBack, ReceiveError, RefundState, Span,
};
use sandbox::affinipay::{Act, Book, PayWith};
use sandbox::faults::Faults;

use crate::bench::{Bench, NOON, adapter, key, new_checkout, usd};

#[tokio::test]
async fn pay_8_a_page_asks_for_amount_and_reference_of_the_right_account() {
    let bench = Bench::new().await;
    for (deposit, page) in [(Deposit::Operating, "operating"), (Deposit::Trust, "trust")] {
        let new = new_checkout("p-1", Some(deposit));
        let open = bench.affinipay.create_checkout(&new, &key("k")).await.unwrap();
        assert_eq!((open.id.as_str(), open.amount), ("p-1", usd(12_550)));
        let expected = format!(
            "{}/sandbox/affinipay/pages/{page}?amount=12550&reference=pc-p-1.bea%20%26%20son&readOnlyFields=amount,reference",
            bench.url
        );
        assert_eq!(open.url, expected);
        assert!(NOON + 365 * 86_400 < open.expires_unix, "a page has no end");
        let again = bench.affinipay.create_checkout(&new, &key("other")).await.unwrap();
        assert_eq!(again, open);
    }
    assert_eq!(bench.fate.asked(), 0, "nobody is asked for a page");
}

#[tokio::test]
async fn pay_8_without_the_deposit_account_there_is_no_page() {
    let bench = Bench::new().await;
    let make = async |new: NewCheckout| bench.affinipay.create_checkout(&new, &key("k")).await;
    let error = make(new_checkout("p", None)).await.unwrap_err();
    assert!(matches!(error, CheckoutError::Deposit(_)), "{error}");
    assert!(error.to_string().contains("those for operating and trust money"), "{error}");
    let none = NewCheckout { lines: vec![], ..new_checkout("p", Some(Deposit::Trust)) };
    assert!(matches!(make(none).await, Err(CheckoutError::Nothing)));
    let no_method = NewCheckout {
        methods: vec![Method::Other("wallet".to_owned())],
        ..new_checkout("p", Some(Deposit::Trust))
    };
    assert!(matches!(make(no_method).await, Err(CheckoutError::NoMethod { .. })));
    let mut yen = new_checkout("p", Some(Deposit::Trust));
    yen.lines[0].amount = domain::money::Money::new(5, "JPY".parse().unwrap());
    assert!(matches!(make(yen).await, Err(CheckoutError::Sum(_))));
    let client = "x".repeat(128);
    let long =
        NewCheckout { client: client.parse().unwrap(), ..new_checkout("p", Some(Deposit::Trust)) };
    assert!(matches!(make(long).await, Err(CheckoutError::ReferenceTooLong { .. })));
    let ended = bench.affinipay.expire_checkout(&"p".parse().unwrap(), &key("k")).await;
    assert!(matches!(
        ended,
        Err(CheckoutError::Gateway(GatewayError::CannotDo(Ability::EndCheckout)))
    ));
}

#[tokio::test]
async fn pay_8_a_person_pays_on_the_page_and_every_webhook_leads_to_the_payment() {
    let bench = Bench::new().await;
    let new = new_checkout("p-1", Some(Deposit::Operating));
    let open = bench.affinipay.create_checkout(&new, &key("k")).await.unwrap();
    let page = Hint::Checkout(open.id.clone());
    let read = bench.affinipay.read_back(&page).await.unwrap();
    assert_eq!(read, ReadBack::NoPayment(NoPayment::NotYet));
    let client = reqwest::Client::new();
    let html = client.get(&open.url).send().await.unwrap().text().await.unwrap();
    assert!(html.contains("value=\"125.50\" readonly"), "{html}");
    assert!(html.contains("value=\"pc-p-1.bea &#38; son\" readonly"), "{html}");
    // What is read-only is what the address says, whatever the form sends.
    let form = [("amount", "1.00"), ("reference", "x"), ("method", "card")];
    let answer = client.post(&open.url).form(&form).send().await.unwrap();
    assert!(answer.text().await.unwrap().contains("has received 125.50 USD"));
    let facts = bench.facts(&page).await;
    assert_eq!((facts.amount, facts.state.clone()), (usd(12_550), PaymentState::Pending));
    assert_eq!(facts.reference.ours.as_deref(), Some("p-1"));
    assert_eq!(facts.reference.client.as_ref().unwrap().as_str(), "bea & son");
    assert_eq!((facts.method.clone(), facts.mode), (Some(Method::Card), Mode::Test));
    assert_eq!(bench.day("2026-03-03"), 1, "captured the next day");
    let mut kinds = vec![];
    for delivery in bench.sandbox.deliveries() {
        let event = bench.receive(&delivery.body).await.unwrap();
        let read = bench.facts(&event.hint.unwrap()).await;
        assert_eq!(
            (read.payment.as_str(), &read.state),
            (facts.payment.as_str(), &PaymentState::Succeeded)
        );
        kinds.push(event.kind);
    }
    assert_eq!(kinds, ["transaction.created", "transaction.authorized", "transaction.completed"]);
}

#[tokio::test]
async fn pay_8_a_page_can_be_paid_on_again_and_the_payment_that_got_furthest_is_what_came_of_it() {
    let bench = Bench::new().await;
    let page = Hint::Checkout("p-1".parse().unwrap());
    bench.pay(100, "pc-p-1.bea", PayWith::Card { number: "4000000000000002".to_owned() });
    assert!(matches!(bench.facts(&page).await.state, PaymentState::Failed { .. }));
    let first = bench.pay(100, "pc-p-1.bea", PayWith::good_card());
    bench.pay(200, "pc-p-12.bea", PayWith::good_card());
    bench.pay(200, "INV-1", PayWith::good_card());
    bench.later(5);
    let second = bench.pay(100, "pc-p-1.bea", PayWith::good_card());
    assert_eq!(bench.facts(&page).await.payment.as_str(), first.as_str());
    bench.act(Act::Complete { transaction: second.to_string() });
    assert_eq!(bench.facts(&page).await.payment.as_str(), second.as_str());
}

#[tokio::test]
async fn pay_3_an_echeck_is_pending_until_the_bank_has_said_yes() {
    let bench = Bench::new().await;
    let good = bench.pay(500, "pc-1.bea", PayWith::good_bank());
    let bad = bench.pay(500, "pc-2.bea", PayWith::bank("1000000005"));
    for day in ["2026-03-03", "2026-03-04", "2026-03-05"] {
        assert_eq!(bench.day(day), 0);
        assert_eq!(bench.payment(&good).await.state, PaymentState::Pending);
    }
    assert_eq!(bench.day("2026-03-06"), 2);
    let facts = bench.payment(&good).await;
    assert_eq!((facts.state, facts.method), (PaymentState::Succeeded, Some(Method::Ach)));
    let code = Some("ach_insufficient_funds".to_owned());
    assert_eq!(bench.payment(&bad).await.state, PaymentState::Failed { code });
    assert!(facts.disputes.iter().all(|dispute| dispute.state != DisputeState::Opened));
}

#[tokio::test]
async fn pay_5_refunds_are_queued_and_an_echecks_waits_for_its_charge() {
    let bench = Bench::new().await;
    let card = bench.pay(500, "pc-1.bea", PayWith::good_card());
    let refund = bench.act(Act::Refund { transaction: card.to_string(), amount: Some(200) });
    let state = |facts: &gateways::PaymentFacts| facts.refunds[0].state;
    let facts = bench.facts(&Hint::Refund(refund.object.parse().unwrap())).await;
    assert_eq!((facts.payment.as_str(), state(&facts)), (card.as_str(), RefundState::Pending));
    bench.day("2026-03-03");
    let facts = bench.payment(&card).await;
    assert_eq!(
        (facts.state.clone(), state(&facts)),
        (PaymentState::Succeeded, RefundState::Succeeded)
    );
    for (with, at_end) in [
        (PayWith::good_bank(), RefundState::Succeeded),
        (PayWith::bank("1000000007"), RefundState::Failed),
    ] {
        let bench = Bench::new().await;
        let echeck = bench.pay(500, "pc-2.bea", with);
        bench.act(Act::Refund { transaction: echeck.to_string(), amount: None });
        let mut seen = vec![];
        for day in 3..=8 {
            bench.day(&format!("2026-03-{day:02}"));
            seen.push(state(&bench.payment(&echeck).await));
        }
        assert_eq!(seen[..3], [RefundState::Pending; 3], "it waits for its charge");
        assert_eq!(seen[5], at_end);
    }
}

#[tokio::test]
async fn pay_2_forged_and_foreign_events_are_refused() {
    let bench = Bench::new().await;
    bench.pay(500, "pc-1.bea", PayWith::good_card());
    let genuine = bench.sandbox.deliveries().remove(0).body;
    assert!(bench.receive(&genuine).await.is_ok());
    let forged =
        String::from_utf8(genuine.clone()).unwrap().replace("\"amount\":500", "\"amount\":5");
    for body in [forged.as_bytes(), br#"{"id":"ev99"}"#, b"{}", b"", b"\xff"] {
        let error = bench.receive(body).await.unwrap_err();
        assert!(matches!(error, ReceiveError::NotAuthentic(_)), "{error}");
    }
    // The other mode's key doesn't find it.
    let live = Bench { affinipay: adapter(&bench.url, Mode::Live), ..bench };
    let error = live.receive(&genuine).await.unwrap_err();
    assert!(matches!(error, ReceiveError::NotAuthentic(_)), "{error}");
    live.sandbox.set_faults(Faults { down: true, ..Faults::default() });
    let error = live.receive(&genuine).await.unwrap_err();
    assert!(matches!(error, ReceiveError::Gateway(GatewayError::Down { .. })), "{error}");
}

#[tokio::test]
async fn pay_2_only_the_sandboxs_own_keys_are_taken() {
    let bench = Bench::new().await;
    let get = async |header: Option<&str>| {
        let mut request =
            reqwest::Client::new().get(format!("{}/sandbox/affinipay/v1/merchant", bench.url));
        if let Some(header) = header {
            request = request.header("authorization", header);
        }
        request.send().await.unwrap().status().as_u16()
    };
    use base64::Engine;
    let basic =
        |text: &str| format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text));
    assert_eq!(get(None).await, 401);
    assert_eq!(get(Some(&basic("affinipay_test_sandbox:"))).await, 200);
    assert_eq!(get(Some(&basic("affinipay_test_sandbox:x"))).await, 401);
    assert_eq!(get(Some(&basic("other:"))).await, 401);
    assert_eq!(get(Some("Bearer affinipay_test_sandbox")).await, 401);
    let there = bench.affinipay.accounts_there().await.unwrap();
    let deposits: Vec<_> =
        there.iter().map(|account| (account.deposit, account.method.clone())).collect();
    assert_eq!(
        deposits,
        [
            (Some(Deposit::Operating), Method::Card),
            (Some(Deposit::Trust), Method::Card),
            (Some(Deposit::Operating), Method::Ach),
            (Some(Deposit::Trust), Method::Ach),
        ]
    );
}

#[tokio::test]
async fn pay_1_an_event_is_taken_by_exactly_200_and_lists_tell_what_was_lost() {
    let bench = Bench::new().await;
    for number in 0..15 {
        bench.pay(100 + number, &format!("pc-{number}.bea"), PayWith::good_card());
        bench.later(1);
    }
    for status in [204, 201, 500, 404] {
        assert_eq!(bench.sandbox.deliver(async |_| status).await, 30);
    }
    bench.sandbox.set_faults(Faults { drop_webhooks: 3, ..Faults::default() });
    assert_eq!(bench.sandbox.deliver(async |_| 200).await, 27);
    assert_eq!(bench.sandbox.deliver(async |_| 200).await, 0);
    let span = Span { from_unix: NOON, to_unix: NOON + 13 };
    let (mut events, mut payments, mut pages) = (vec![], vec![], 0);
    let mut next = None;
    loop {
        let page = bench.affinipay.events(span, next.as_deref()).await.unwrap();
        events.extend(page.items);
        pages += 1;
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!((events.len(), pages), (28, 2), "the last second is not in the span");
    assert!(events.is_sorted_by_key(|event| event.created_unix), "oldest first");
    let mut next = None;
    loop {
        let page = bench.affinipay.payments(span, next.as_deref()).await.unwrap();
        payments.extend(page.items);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    assert_eq!(payments.len(), 14);
    // A refund of one that is older leads to its charge.
    bench.later(1_000);
    let refund = bench.act(Act::Refund { transaction: payments[0].to_string(), amount: None });
    assert!(refund.object.starts_with("rf"));
    let span = Span { from_unix: bench.now(), to_unix: bench.now() };
    let page = bench.affinipay.payments(span, None).await.unwrap();
    assert_eq!((page.items, page.next), (vec![payments[0].clone()], None));
    for next in ["", "0", "1", "x", "-2"] {
        assert!(bench.affinipay.events(span, Some(next)).await.is_err(), "for {next:?}");
    }
}

#[tokio::test]
async fn the_book_is_kept_and_live_and_test_share_nothing() {
    let bench = Bench::new().await;
    let id = bench.pay(500, "pc-1.bea", PayWith::good_card());
    let text = serde_json::to_string(&bench.sandbox.snapshot()).unwrap();
    let book: Book = serde_json::from_str(&text).unwrap();
    let again = Bench::on(book, Mode::Test).await;
    assert_eq!(again.payment(&id).await, bench.payment(&id).await);
    let live = adapter(&again.url, Mode::Live);
    let error = live.read_back(&Hint::Payment(id)).await.unwrap_err();
    assert!(matches!(error, GatewayError::NotFound { .. }), "{error}");
}
