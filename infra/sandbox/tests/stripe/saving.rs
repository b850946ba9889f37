//! Customers, pages to save a method on, and what is saved (CHG-1).

use gateways::{
    Ability, Gateway, GatewayError, Hint, IdempotencyKey, Method, NewCustomer, NewSavePage,
    NoPayment, ObjectId, ReadBack, SavedMethod,
};
use reqwest::header::LOCATION;
use sandbox::faults::Faults;
use sandbox::stripe::{Act, CardOutcome, SANDBOX_KEY};

use crate::bench::{Bench, Fate, id};

fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

fn bea() -> NewCustomer {
    NewCustomer {
        firm: "acme".parse().unwrap(),
        client: "bea & son".parse().unwrap(),
        name: Some("Bea & Son".to_owned()),
        email: Some("bea@acme.example".to_owned()),
    }
}

fn page_for(customer: &ObjectId, methods: Vec<Method>) -> NewSavePage {
    NewSavePage {
        ours: "save-1".to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea & son".parse().unwrap(),
        customer: customer.clone(),
        methods,
        success_url: "https://portal.example/saved?page={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://portal.example/methods".to_owned(),
    }
}

async fn customer(bench: &Bench) -> ObjectId {
    bench.ours().create_customer(&bea(), &key("c1")).await.unwrap()
}

fn said(saved: &SavedMethod) -> String {
    format!("{:?} {} {:?}", saved.method, saved.label, saved.expires)
}

#[tokio::test]
async fn chg_1_a_customer_is_made_once_for_each_key() {
    let bench = Bench::start().await;
    let stripe = bench.ours();
    let first = stripe.create_customer(&bea(), &key("c1")).await.unwrap();
    bench.fates(&[Fate::AnswerLost]);
    assert_eq!(stripe.create_customer(&bea(), &key("c1")).await.unwrap(), first);
    bench.fates(&[Fate::AnswerLost]);
    let second = stripe.create_customer(&bea(), &key("c2")).await.unwrap();
    let customers = bench.all("/v1/customers").await;
    assert_eq!(customers.len(), 2, "{second}");
    assert_eq!(
        customers[1]["metadata"],
        serde_json::json!({"firm": "acme", "client": "bea & son"})
    );
    assert_eq!(customers[1]["email"], "bea@acme.example");
    let other = NewCustomer { name: None, ..bea() };
    let error = stripe.create_customer(&other, &key("c1")).await.unwrap_err();
    assert!(
        matches!(error, GatewayError::Rejected { status: 400, ref code } if code == "idempotency_error"),
        "{error}"
    );
}

#[tokio::test]
async fn chg_1_each_kind_of_method_is_saved_on_a_page_of_its_own() {
    let bench = Bench::start().await;
    let (stripe, customer) = (bench.ours(), customer(&bench).await);
    for (method, expected) in [
        ("pm_card_visa", "Card Visa ending in 4242 Some((2034, 12))"),
        ("pm_card_mastercard", "Card Mastercard ending in 4444 Some((2034, 12))"),
        ("pm_card_chargeCustomerFail", "Card Visa ending in 0341 Some((2034, 12))"),
        ("pm_usBankAccount_success", "Ach STRIPE TEST BANK ending in 6789 None"),
    ] {
        let new = page_for(&customer, vec![Method::Card, Method::Ach]);
        let page = stripe.create_save_page(&new, &key(method)).await.unwrap();
        assert_eq!(page.url, format!("{}/sandbox/stripe/pay/{}", bench.url, page.id));
        assert_eq!(stripe.saved_on(&page.id).await.unwrap(), None, "nothing yet");
        bench.act(Act::SaveMethod { session: page.id.to_string(), method: method.to_owned() });
        let saved = stripe.saved_on(&page.id).await.unwrap().unwrap();
        assert_eq!((said(&saved).as_str(), &saved.customer), (expected, &customer));
        // News of the page lead to no payment.
        let read = bench.read(&Hint::Checkout(page.id.clone())).await.unwrap();
        assert_eq!(read, ReadBack::NoPayment(NoPayment::OtherPurpose));
        assert!(bench.sandbox.act(Act::PayByBank { session: page.id.to_string() }).is_err());
    }
    assert_eq!(stripe.saved_methods(&customer).await.unwrap().len(), 4);
    assert!(bench.all("/v1/payment_intents").await.is_empty(), "nothing is paid");
    let setups = bench.all("/v1/setup_intents").await;
    assert_eq!(setups[0]["metadata"]["ours"], "save-1");
}

#[tokio::test]
async fn chg_1_a_payer_saves_in_a_browser_and_comes_back() {
    let bench = Bench::start().await;
    let (stripe, customer) = (bench.ours(), customer(&bench).await);
    let policy = reqwest::redirect::Policy::none();
    let browser = reqwest::Client::builder().redirect(policy).no_proxy().build().unwrap();
    let new = page_for(&customer, vec![Method::Card]);
    let page = stripe.create_save_page(&new, &key("p1")).await.unwrap();
    let html = browser.get(&page.url).send().await.unwrap().text().await.unwrap();
    for text in ["no real money moves", "Save a way to pay the seller", "Card ending 4242"] {
        assert!(html.contains(text), "{text:?} is not in {html}");
    }
    assert!(!html.contains("Bank account") && !html.contains("<script"), "{html}");
    for (choice, status, expected) in [
        ("cash", 422, "Choose what to save."),
        ("card_declined", 409, "Your card was declined. Nothing was saved."),
        ("bank", 409, "Nothing was saved."),
    ] {
        let answer = browser.post(&page.url).form(&[("method", choice)]).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status, "{choice}");
        assert!(answer.text().await.unwrap().contains(expected), "{choice}");
    }
    let answer = browser.post(&page.url).form(&[("method", "card_asks")]).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 303);
    let back = format!("https://portal.example/saved?page={}", page.id);
    assert_eq!(answer.headers()[LOCATION].to_str().unwrap(), back);
    assert!(stripe.saved_on(&page.id).await.unwrap().is_some());
    let html = browser.get(&page.url).send().await.unwrap().text().await.unwrap();
    assert!(html.contains(">Saved<") && !html.contains("<form"), "{html}");
    let ended = stripe.create_save_page(&new, &key("p2")).await.unwrap();
    stripe.expire_checkout(&ended.id, &key("e1")).await.unwrap();
    assert_eq!(browser.get(&ended.url).send().await.unwrap().status().as_u16(), 410);
    assert_eq!(stripe.saved_on(&ended.id).await.unwrap(), None);
}

#[tokio::test]
async fn chg_1_a_page_to_save_on_is_made_once_and_only_for_a_customer_that_is_there() {
    let bench = Bench::start().await;
    let (stripe, customer) = (bench.ours(), customer(&bench).await);
    bench.fates(&[Fate::AnswerLost]);
    let new = page_for(&customer, vec![Method::Card]);
    let page = stripe.create_save_page(&new, &key("p1")).await.unwrap();
    assert_eq!(stripe.create_save_page(&new, &key("p1")).await.unwrap(), page);
    assert_eq!(bench.all("/v1/checkout/sessions").await.len(), 1);
    let stranger = page_for(&id("cus_1"), vec![Method::Card]);
    let error = stripe.create_save_page(&stranger, &key("p2")).await.unwrap_err();
    assert!(
        matches!(error, GatewayError::Rejected { status: 400, ref code } if code == "resource_missing"),
        "{error}"
    );
    let nothing = stripe.create_save_page(&page_for(&customer, vec![]), &key("p3")).await;
    assert!(matches!(nothing, Err(GatewayError::CannotDo(Ability::SavePage))));
    let error = stripe.saved_on(&id("cs_test_1")).await.unwrap_err();
    assert!(matches!(error, GatewayError::NotFound { .. }), "{error}");
}

/// A page to pay on, on which the method is saved if `customer` says so.
async fn pay_page(bench: &Bench, customer: Option<&ObjectId>) -> String {
    let customer = customer.map(ObjectId::to_string).unwrap_or_default();
    let usage = if customer.is_empty() { "" } else { "off_session" };
    let usage = ("payment_intent_data[setup_future_usage]", usage);
    bench.session_with(&[("customer", &customer), usage]).await
}

#[tokio::test]
async fn chg_1_a_method_is_saved_while_it_is_paid_with() {
    let bench = Bench::start().await;
    let (stripe, customer) = (bench.ours(), customer(&bench).await);
    let with = async |payment: &str, whose: &ObjectId| {
        stripe.saved_with(&id(payment), whose, &key("s")).await.unwrap()
    };
    let page = pay_page(&bench, Some(&customer)).await;
    let declined = CardOutcome::Declines("lost_card".to_owned());
    let pay = Act::PayByCard { session: page.clone(), outcome: declined };
    let payment = bench.act(pay).object;
    assert_eq!(with(&payment, &customer).await, None, "not with a card that was declined");
    bench.pay_by_card(&page);
    let card = with(&payment, &customer).await.unwrap();
    assert_eq!(card.label, "Visa ending in 4242");
    assert_eq!(with(&payment, &id("cus_other")).await, None);
    let payment = bench.pay_by_bank(&pay_page(&bench, Some(&customer)).await);
    let bank = with(&payment, &customer).await.unwrap();
    assert_eq!(bank.method, Method::Ach);
    assert_eq!(stripe.saved_methods(&customer).await.unwrap(), [bank, card]);
    let payment = bench.pay_by_card(&pay_page(&bench, None).await);
    assert_eq!(with(&payment, &customer).await, None, "nobody asked for it");
}

#[tokio::test]
async fn chg_1_a_removed_method_is_gone_however_often_it_is_removed() {
    let bench = Bench::start().await;
    let stripe = bench.ours();
    let (customer, _) = bench.customer_with("pm_card_visa").await;
    let methods = async || stripe.saved_methods(&customer).await.unwrap();
    let saved = methods().await.remove(0);
    bench.fates(&[Fate::AnswerLost]);
    stripe.remove_method(&saved).await.unwrap();
    assert_eq!(methods().await, []);
    bench.wait(25 * 60 * 60);
    stripe.remove_method(&saved).await.unwrap();
    stripe.remove_method(&SavedMethod { id: id("pm_1"), ..saved.clone() }).await.unwrap();
    bench.sandbox.set_faults(Faults { down: true, ..Faults::default() });
    assert!(stripe.remove_method(&saved).await.unwrap_err().is_temporary());
}

#[tokio::test]
async fn chg_1_what_is_another_accounts_or_the_other_modes_is_not_found() {
    let bench = Bench::start().await;
    let (customer, method) = bench.customer_with("pm_card_visa").await;
    let theirs = bench.stripe(SANDBOX_KEY, Some("acct_1"));
    let live = bench.live(&SANDBOX_KEY.replace("_test_", "_live_"));
    for other in [&theirs, &live] {
        let error = other.saved_methods(&customer).await.unwrap_err();
        assert!(matches!(error, GatewayError::NotFound { .. }), "{error}");
    }
    let made = live.create_customer(&bea(), &key("c1")).await.unwrap();
    assert_eq!(bench.get(&format!("/v1/customers/{made}")).await.0, 404);
    assert_eq!(bench.get(&format!("/v1/payment_methods/{method}")).await.0, 200);
}
