//! Pages to pay on: made, paid, declined, ended.

use gateways::{
    CheckoutError, EndedCheckout, Expected, Field, Gateway, GatewayError, Hint, Method, Mode,
    NoPayment, PaymentState, ReadBack, compare,
};
use sandbox::square::{Act, CardOutcome, PayBy};

use crate::bench::{
    Bench, LOCATION, adapter, by_bank, by_card, checkout, id, key, link, transport, usd,
};

fn expected() -> Expected {
    let account = Some(LOCATION.to_owned());
    Expected { firm: "acme".parse().unwrap(), mode: Mode::Test, account }
}

fn no_payment(read: &ReadBack) -> NoPayment {
    match read {
        ReadBack::NoPayment(why) => *why,
        ReadBack::Payment(facts) => panic!("{facts:?}"),
    }
}

#[tokio::test]
async fn pay_4_a_page_is_for_its_invoices_and_its_payment_says_so() {
    let bench = Bench::start().await;
    let page = bench.open(&checkout("p1")).await;
    assert_eq!(page.amount, usd(125_000));
    assert!(page.url.starts_with(&bench.url), "{}", page.url);
    let hint = Hint::Checkout(page.id.clone());
    assert_eq!(no_payment(&bench.read(hint.clone()).await), NoPayment::NotYet);

    let outcome = CardOutcome::Declines("GENERIC_DECLINE".to_owned());
    let declined = bench.act(Act::PayByCard { link: link(&page), outcome, tip: 0 }).object;
    let failed = PaymentState::Failed { code: Some("GENERIC_DECLINE".to_owned()) };
    assert_eq!(bench.facts(&declined).await.state, failed);
    assert_eq!(no_payment(&bench.read(hint.clone()).await), NoPayment::NotYet);

    let payment = bench.act(by_card(link(&page))).object;
    let facts = bench.facts(&payment).await;
    assert_eq!((facts.state.clone(), facts.amount), (PaymentState::Succeeded, usd(125_000)));
    assert_eq!(facts.method, Some(Method::Card));
    let reference = &facts.reference;
    let invoices: Vec<_> = reference.invoices.iter().map(ToString::to_string).collect();
    assert_eq!(invoices, ["A-1", "A-2"]);
    assert_eq!((reference.ours.as_deref(), reference.problems.len()), (Some("p1"), 0));
    compare(&facts, &expected()).unwrap();
    assert_eq!(bench.read(hint).await, ReadBack::Payment(Box::new(facts.clone())));
    // The link alone leads there too.
    let by_link = bench.read(Hint::Checkout(id(&link(&page)))).await;
    assert_eq!(by_link, ReadBack::Payment(Box::new(facts)));
    assert!(bench.sandbox.act(by_card(link(&page))).is_err(), "paid twice");
    let ended = bench.square.expire_checkout(&page.id, &key("end")).await.unwrap();
    assert_eq!(ended, EndedCheckout::Completed);
    assert_eq!(bench.count("links"), 1, "a link that was paid stays");
}

#[tokio::test]
async fn pay_2_a_tip_that_a_dashboard_allowed_is_shown_with_both_sides() {
    let bench = Bench::start().await;
    let tip = |link| Act::PayByCard { link, outcome: CardOutcome::Pays, tip: 500 };
    let (_, payment) = bench.paid(tip).await;
    let facts = bench.facts(&payment).await;
    assert_eq!(facts.amount, usd(125_500));
    let mismatch = compare(&facts, &expected()).unwrap_err();
    assert_eq!(mismatch.differences.len(), 1);
    assert_eq!(mismatch.differences[0].field, Field::Amount);
    assert_eq!(mismatch.to_string(), "amount: expected 1250.00 USD, found 1255.00 USD");
}

#[tokio::test]
async fn pay_1_a_page_that_is_ended_takes_no_payment_any_more_however_it_ended() {
    let bench = Bench::start().await;
    let page = bench.open(&checkout("p1")).await;
    for round in 0..2 {
        let ended = bench.square.expire_checkout(&page.id, &key("end")).await.unwrap();
        assert_eq!(ended, EndedCheckout::Expired, "round {round}");
    }
    assert!(bench.sandbox.act(by_card(link(&page))).is_err());
    let read = bench.read(Hint::Checkout(page.id.clone())).await;
    assert_eq!(no_payment(&read), NoPayment::Expired);

    let page = bench.open(&checkout("p2")).await;
    bench.act(Act::DeleteLink { link: link(&page) });
    let ended = bench.square.expire_checkout(&page.id, &key("end")).await.unwrap();
    assert_eq!(ended, EndedCheckout::Expired, "deleted in the dashboard");

    // A debit that is under way counts as paid.
    let page = bench.open(&checkout("p3")).await;
    bench.act(by_bank(link(&page)));
    let ended = bench.square.expire_checkout(&page.id, &key("end")).await.unwrap();
    assert_eq!(ended, EndedCheckout::Completed);

    let error = bench.square.expire_checkout(&id("LNKnone"), &key("end")).await.unwrap_err();
    assert!(matches!(error, CheckoutError::Gateway(GatewayError::NotFound { .. })), "{error:?}");
}

#[tokio::test]
async fn pay_1_the_same_key_gives_the_same_page_and_another_request_none() {
    let bench = Bench::start().await;
    let first = bench.open(&checkout("p1")).await;
    assert_eq!(bench.open(&checkout("p1")).await, first);
    assert_eq!((bench.count("links"), bench.count("orders")), (1, 1));
    let other = bench.square.create_checkout(&checkout("p2"), &key("pay/p1")).await;
    assert!(matches!(other, Err(CheckoutError::KeyReused)), "{other:?}");
}

#[tokio::test]
async fn pay_4_what_no_page_can_be_made_for_is_said() {
    let bench = Bench::start().await;
    bench.open(&checkout("p1")).await;
    let mut none = checkout("p2");
    none.lines.clear();
    let mut zero = checkout("p2");
    zero.lines[0].amount = usd(0);
    let mut bank = checkout("p2");
    bank.methods = vec![Method::Ach];
    let mut yen = checkout("p2");
    for line in &mut yen.lines {
        line.amount = domain::money::Money::new(500, "JPY".parse().unwrap());
    }
    let mut francs = checkout("p2");
    for line in &mut francs.lines {
        line.amount = domain::money::Money::new(500, "CHF".parse().unwrap());
    }
    let mut many = checkout("p2");
    many.lines = (0..501)
        .map(|n| gateways::CheckoutLine {
            invoice: format!("A-{n}").parse().unwrap(),
            name: format!("Invoice A-{n}"),
            amount: usd(1),
        })
        .collect();
    let mut long = checkout("p2");
    long.lines = (0..20)
        .map(|n| gateways::CheckoutLine {
            invoice: format!("{n:0>128}").parse().unwrap(),
            name: format!("Invoice {n}"),
            amount: usd(1),
        })
        .collect();
    let odd = checkout("p 2");
    let rows = [
        (none, "at least one invoice"),
        (zero, "at least one invoice"),
        (bank, "USD can't be paid in any of the ways"),
        (yen, "JPY can't be paid in any of the ways"),
        (francs, "can't charge the amount"),
        (many, "501 invoices are too many"),
        (long, "expected at most 1785"),
        (odd, "expected at most 37"),
    ];
    for (new, expected) in rows {
        let error = bench.square.create_checkout(&new, &key("k2")).await.unwrap_err();
        assert!(error.is_about_what_is_paid(), "{error:?}");
        assert!(error.to_string().contains(expected), "expected {expected}: {error}");
    }
    assert_eq!(bench.count("links"), 1);
}

#[tokio::test]
async fn pay_2_other_sales_and_other_locations_are_none_of_ours() {
    let bench = Bench::start().await;
    let sell = |location: &str| Act::Sell {
        amount: 700,
        currency: "USD".to_owned(),
        by: PayBy::Card,
        location: location.to_owned(),
        reference: Some("table-7".to_owned()),
    };
    let sold = bench.act(sell(LOCATION)).object;
    let facts = bench.facts(&sold).await;
    assert!(!facts.reference.is_ours() && facts.checkout.is_none());
    let elsewhere = bench.act(sell("L2")).object;
    assert_eq!(bench.facts(&elsewhere).await.account.as_deref(), Some("L2"));

    let stranger = adapter(&transport(), &bench.url, "EAAA-other", LOCATION);
    let error = stranger.read_back(&Hint::Payment(id(&sold))).await.unwrap_err();
    assert!(matches!(error, GatewayError::Refused { status: 401, .. }), "{error:?}");
    let error = bench.square.read_back(&Hint::Payment(id("PAYnone"))).await.unwrap_err();
    assert!(matches!(error, GatewayError::NotFound { .. }), "{error:?}");
}
