//! Pages to pay on, made and ended by our adapter, and what comes of them.

use domain::money::Money;
use gateways::{
    CHECKOUT_ID, CheckoutError, CheckoutLine, EndedCheckout, Expected, Gateway, GatewayError, Hint,
    IdempotencyKey, Method, Mode, NewCheckout, OpenCheckout, PaymentState, ReadBack, compare,
};
use sandbox::faults::Faults;
use sandbox::stripe::{Act, SANDBOX_KEY};
use serde_json::Value;

use crate::bench::{Bench, START, id, secret};

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn line(invoice: &str, amount: &str, currency: &str) -> CheckoutLine {
    CheckoutLine {
        invoice: invoice.parse().unwrap(),
        name: format!("Invoice {invoice}"),
        amount: Money::parse(amount, currency.parse().unwrap()).unwrap(),
    }
}

fn checkout(lines: Vec<CheckoutLine>) -> NewCheckout {
    NewCheckout {
        ours: "one".to_owned(),
        deposit: None,
        save_for: None,
        firm: "acme".parse().unwrap(),
        client: "bea & son".parse().unwrap(),
        lines,
        methods: vec![Method::Card, Method::Ach],
        success_url: format!("https://portal.example/paid?page={CHECKOUT_ID}"),
        cancel_url: "https://portal.example/invoices".to_owned(),
        expires_unix: Some(START + 3_600),
        email: Some("ann@acme.example".to_owned()),
    }
}

fn two() -> NewCheckout {
    checkout(vec![line("A-2", "250.00", "USD"), line("A,1", "1000.00", "USD")])
}

async fn made(bench: &Bench, new: &NewCheckout, name: &str) -> Result<OpenCheckout, CheckoutError> {
    bench.stripe(SANDBOX_KEY, None).create_checkout(new, &key(name)).await
}

async fn sessions(bench: &Bench) -> usize {
    bench.get("/v1/checkout/sessions?limit=100").await.1["data"].as_array().unwrap().len()
}

#[tokio::test]
async fn pay_4_several_invoices_are_paid_on_one_page_and_read_back() {
    let bench = Bench::start().await;
    let open = made(&bench, &two(), "k1").await.unwrap();
    assert_eq!(open.amount.to_string(), "1250.00 USD");
    assert_eq!(open.expires_unix, START + 3_600);
    assert_eq!(open.url, format!("{}/sandbox/stripe/pay/{}", bench.url, open.id));
    let (_, session) = bench.get(&format!("/v1/checkout/sessions/{}", open.id)).await;
    assert_eq!(session["customer_email"], "ann@acme.example");
    assert_eq!(session["payment_method_types"], serde_json::json!(["card", "us_bank_account"]));
    bench.pay_by_card(open.id.as_str());
    let facts = bench.facts(&Hint::Checkout(open.id)).await;
    assert_eq!(facts.state, PaymentState::Succeeded);
    let names: Vec<_> = facts.reference.invoices.iter().map(|id| id.as_str()).collect();
    assert_eq!(names, ["A-2", "A,1"], "in the order named");
    assert_eq!(facts.reference.client.as_ref().unwrap().as_str(), "bea & son");
    assert_eq!(facts.reference.client_reference.as_deref(), Some("bea & son"));
    let expected = Expected { firm: "acme".parse().unwrap(), mode: Mode::Test, account: None };
    assert_eq!(compare(&facts, &expected), Ok(()));
}

#[tokio::test]
async fn pay_4_a_hundred_invoices_fit_on_a_page() {
    let bench = Bench::start().await;
    let lines = |count: u32| (0..count).map(|n| line(&format!("INV-2026-{n:04}"), "1.00", "USD"));
    let open = made(&bench, &checkout(lines(100).collect()), "k1").await.unwrap();
    bench.pay_by_card(open.id.as_str());
    let facts = bench.facts(&Hint::Checkout(open.id)).await;
    assert_eq!((facts.reference.invoices.len(), facts.reference.problems), (100, vec![]));
    let error = made(&bench, &checkout(lines(101).collect()), "k2").await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "101 invoices are too many for one payment, expected at most 100"
    );
}

#[tokio::test]
async fn inv_5_each_currency_is_asked_for_in_stripes_decimals() {
    let bench = Bench::start().await;
    for (amount, currency, minor, methods) in [
        ("12.34", "USD", 1_234, "card us_bank_account"),
        ("12.34", "EUR", 1_234, "card"),
        ("500", "JPY", 500, "card"),
        ("500", "ISK", 50_000, "card"),
        ("7.00", "MGA", 7, "card"),
        ("5.120", "KWD", 5_120, "card"),
    ] {
        let new = checkout(vec![line("A-1", amount, currency)]);
        let open = made(&bench, &new, currency).await.unwrap();
        assert_eq!(open.amount, new.lines[0].amount);
        let (_, session) = bench.get(&format!("/v1/checkout/sessions/{}", open.id)).await;
        assert_eq!(session["amount_total"], minor, "{currency}");
        let types: Vec<_> = session["payment_method_types"].as_array().unwrap().iter().collect();
        let types: Vec<_> = types.into_iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(types.join(" "), methods, "{currency}");
    }
}

#[tokio::test]
async fn pay_2_what_can_not_be_paid_is_refused_before_anybody_is_asked() {
    let bench = Bench::start().await;
    let usd = || line("A-1", "1.00", "USD");
    for (new, expected) in [
        (checkout(vec![]), "a page to pay on needs at least one invoice with something to pay"),
        (
            checkout(vec![usd(), line("A-2", "0.00", "USD")]),
            "a page to pay on needs at least one invoice with something to pay",
        ),
        (checkout(vec![usd(), line("A-2", "1.00", "EUR")]), "the invoices can't be paid together"),
        (checkout(vec![line("A-1", "5.124", "KWD")]), "the gateway can't charge the amount"),
        (
            NewCheckout {
                methods: vec![Method::Ach],
                ..checkout(vec![line("A-1", "1.00", "EUR")])
            },
            "EUR can't be paid in any of the ways asked for",
        ),
        (
            NewCheckout { methods: vec![], ..checkout(vec![usd()]) },
            "USD can't be paid in any of the ways asked for",
        ),
    ] {
        let error = made(&bench, &new, "k1").await.unwrap_err();
        assert_eq!(error.to_string(), expected);
        assert!(!error.is_temporary());
    }
    assert_eq!(sessions(&bench).await, 0);
    assert!(made(&bench, &two(), "k1").await.is_ok(), "the key was not used");
}

#[tokio::test]
async fn pay_2_what_stripe_refuses_says_stripes_code() {
    let bench = Bench::start().await;
    let url = NewCheckout { cancel_url: "nowhere".to_owned(), ..two() };
    let long_ago = NewCheckout { expires_unix: Some(START), ..two() };
    for (new, code) in [(url, "url_invalid"), (long_ago, "invalid_request_error")] {
        match made(&bench, &new, "k1").await.unwrap_err() {
            CheckoutError::Gateway(GatewayError::Rejected { status: 400, code: found }) => {
                assert_eq!(found, code);
            }
            other => panic!("{other}"),
        }
    }
    let stripe = bench.stripe("sk_test_other", None);
    let error = stripe.create_checkout(&two(), &key("k1")).await.unwrap_err();
    assert!(matches!(error, CheckoutError::Gateway(GatewayError::Refused { status: 401, .. })));
}

#[tokio::test]
async fn pay_8_a_sum_that_is_too_small_is_told_apart() {
    let bench = Bench::start().await;
    for (amounts, currency, is_taken) in [
        (&["0.30"][..], "USD", false),
        (&["0.49"], "USD", false),
        (&["0.50"], "USD", true),
        (&["0.30", "0.20"], "USD", true), // together they are enough
        (&["0.29"], "GBP", false),
        (&["0.30"], "GBP", true),
        (&["49"], "JPY", false),
        (&["50"], "JPY", true),
        (&["174.99"], "HUF", false),
        (&["0.01"], "TRY", true), // no rate is known: it might be enough
    ] {
        let lines = amounts.iter().enumerate();
        let lines = lines.map(|(n, amount)| line(&format!("A-{n}"), amount, currency));
        let new = checkout(lines.collect());
        let name = format!("{}-{currency}", amounts.join("-"));
        match made(&bench, &new, &name).await {
            Ok(_) => assert!(is_taken, "for {name}"),
            Err(error @ CheckoutError::TooSmall(_)) => {
                assert!(!is_taken && !error.is_temporary(), "for {name}");
            }
            Err(error) => panic!("for {name}: {error}"),
        }
    }
    assert_eq!(sessions(&bench).await, 5);
}

#[tokio::test]
async fn pay_1_a_lost_answer_makes_no_second_page() {
    let bench = Bench::start().await;
    // Once: the adapter itself asks again under the key.
    bench.sandbox.set_faults(Faults { lose_answers: 1, ..Faults::default() });
    let first = made(&bench, &two(), "k1").await.unwrap();
    assert_eq!(sessions(&bench).await, 1);
    // Twice: the caller does, later.
    bench.sandbox.set_faults(Faults { lose_answers: 2, ..Faults::default() });
    let error = made(&bench, &two(), "k2").await.unwrap_err();
    assert!(error.is_temporary(), "{error}");
    assert_eq!(sessions(&bench).await, 2);
    let second = made(&bench, &two(), "k2").await.unwrap();
    assert_eq!(sessions(&bench).await, 2);
    assert_ne!(first.id, second.id);
    assert_eq!(made(&bench, &two(), "k1").await.unwrap(), first);
    // Nothing is done while Stripe is down, and nothing is used up.
    bench.sandbox.set_faults(Faults { down: true, ..Faults::default() });
    assert!(made(&bench, &two(), "k3").await.unwrap_err().is_temporary());
    bench.sandbox.set_faults(Faults { slow_ms: 2_000, ..Faults::default() });
    let error = made(&bench, &two(), "k3").await.unwrap_err();
    assert_eq!(error.to_string(), "the gateway did not answer: no answer in time");
    bench.sandbox.set_faults(Faults::default());
    assert!(made(&bench, &two(), "k3").await.is_ok());
    assert_eq!(sessions(&bench).await, 3);
}

#[tokio::test]
async fn pay_1_a_key_that_is_used_for_something_else_is_refused() {
    let bench = Bench::start().await;
    let open = made(&bench, &two(), "k1").await.unwrap();
    let other = checkout(vec![line("A-2", "250.01", "USD")]);
    assert!(matches!(made(&bench, &other, "k1").await, Err(CheckoutError::KeyReused)));
    let stripe = bench.stripe(SANDBOX_KEY, None);
    let ended = stripe.expire_checkout(&open.id, &key("k1")).await;
    assert!(matches!(ended, Err(CheckoutError::KeyReused)));
    assert_eq!(sessions(&bench).await, 1);
}

#[tokio::test]
async fn pay_1_many_at_once_under_one_key_make_one_page() {
    let bench = Bench::start().await;
    let all = futures::future::join_all((0..10).map(|_| {
        let (stripe, new) = (bench.stripe(SANDBOX_KEY, None), two());
        async move { stripe.create_checkout(&new, &key("k1")).await.unwrap().id }
    }));
    let ids = all.await;
    assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
    assert_eq!(sessions(&bench).await, 1);
}

#[tokio::test]
async fn pay_1_a_page_is_ended_once_unless_the_payer_was_faster() {
    let bench = Bench::start().await;
    let stripe = bench.stripe(SANDBOX_KEY, None);
    let end =
        async |id: &gateways::ObjectId, name: &str| stripe.expire_checkout(id, &key(name)).await;
    let open = made(&bench, &two(), "k1").await.unwrap();
    for name in ["e1", "e1", "e2"] {
        assert_eq!(end(&open.id, name).await.unwrap(), EndedCheckout::Expired, "{name}");
    }
    let session = open.id.to_string();
    assert!(bench.sandbox.act(Act::PayByBank { session }).is_err(), "nobody pays on it any more");
    let paid = made(&bench, &two(), "k2").await.unwrap();
    bench.pay_by_card(paid.id.as_str());
    assert_eq!(end(&paid.id, "e3").await.unwrap(), EndedCheckout::Completed);
    let unknown = end(&id("cs_test_1"), "e4").await.unwrap_err();
    assert!(matches!(unknown, CheckoutError::Gateway(GatewayError::NotFound { .. })), "{unknown}");
}

#[tokio::test]
async fn pay_2_a_connected_accounts_page_is_its_own() {
    let bench = Bench::start().await;
    let theirs = bench.stripe(SANDBOX_KEY, Some("acct_1"));
    let open = theirs.create_checkout(&two(), &key("k1")).await.unwrap();
    assert!(bench.get(&format!("/v1/checkout/sessions/{}", open.id)).await.0 == 404);
    let ours = made(&bench, &two(), "k1").await.unwrap();
    assert_ne!(ours.id, open.id, "each account has keys of its own");
}

#[tokio::test]
async fn pay_2_the_live_side_says_so_and_shares_nothing_with_the_test_side() {
    let bench = Bench::start().await;
    let live_key = SANDBOX_KEY.replace("_test_", "_live_");
    let live = bench.live(&live_key);
    let open = live.create_checkout(&two(), &key("k1")).await.unwrap();
    assert_eq!(bench.get(&format!("/v1/checkout/sessions/{}", open.id)).await.0, 404);
    bench.pay_by_card(open.id.as_str());
    let deliveries = bench.sandbox.deliveries(&secret());
    assert!(!deliveries.is_empty());
    for delivery in deliveries {
        let event: Value = serde_json::from_str(&delivery.body).unwrap();
        assert_eq!(
            (&event["livemode"], event.get("account")),
            (&Value::Bool(true), None),
            "{event}"
        );
        assert_eq!(event["data"]["object"]["livemode"], true, "{event}");
    }
    let ReadBack::Payment(facts) = live.read_back(&Hint::Checkout(open.id.clone())).await.unwrap()
    else {
        panic!("no payment")
    };
    assert_eq!((facts.mode, facts.state), (Mode::Live, PaymentState::Succeeded));
    assert_eq!(live.create_checkout(&two(), &key("k1")).await.unwrap().id, open.id, "said twice");
}
