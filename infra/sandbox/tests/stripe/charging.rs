//! Saved methods charged while nobody is there (CHG-1, CHG-2).

use domain::money::Money;
use gateways::{
    ChargeError, Charged, CheckoutError, CheckoutLine, DeclineKind, Gateway, GatewayError, Hint,
    IdempotencyKey, Method, NewCharge, ObjectId, PaymentState, Tried,
};
use sandbox::stripe::{Act, Does};

use crate::bench::{Bench, id};

pub fn key(text: &str) -> IdempotencyKey {
    text.parse().unwrap()
}

pub fn line(invoice: &str, amount: &str) -> CheckoutLine {
    CheckoutLine {
        invoice: invoice.parse().unwrap(),
        name: format!("Invoice {invoice}"),
        amount: Money::parse(amount, "USD".parse().unwrap()).unwrap(),
    }
}

pub fn charge(ours: &str, saved: &(ObjectId, ObjectId), method: Method) -> NewCharge {
    NewCharge {
        ours: ours.to_owned(),
        firm: "acme".parse().unwrap(),
        client: "bea & son".parse().unwrap(),
        customer: saved.0.clone(),
        saved: saved.1.clone(),
        method,
        lines: vec![line("A-1", "1000.00"), line("A-2", "250.00")],
        deposit: None,
        again: None,
    }
}

pub fn first(bench: &Bench) -> Tried {
    Tried { first_unix: None, now_unix: bench.now() }
}

async fn charged(bench: &Bench, new: &NewCharge) -> Result<Charged, ChargeError> {
    bench.ours().charge(new, &key(&new.ours), first(bench)).await
}

fn kind_of(method: &str) -> Method {
    if method.starts_with("pm_us") { Method::Ach } else { Method::Card }
}

#[tokio::test]
async fn chg_1_a_charge_is_read_back_with_our_reference() {
    let bench = Bench::start().await;
    let saved = bench.customer_with("pm_card_visa").await;
    let new = charge("try-1", &saved, Method::Card);
    let Charged::Taken(payment) = charged(&bench, &new).await.unwrap() else { panic!("declined") };
    let facts = bench.facts(&Hint::Payment(payment)).await;
    assert_eq!(facts.state, PaymentState::Succeeded);
    assert_eq!(facts.amount.to_string(), "1250.00 USD");
    assert_eq!(facts.reference.ours.as_deref(), Some("try-1"));
    assert_eq!(facts.reference.invoices, ["A-1", "A-2"].map(|text| text.parse().unwrap()));
    assert_eq!(facts.reference.client.unwrap().as_str(), "bea & son");
}

#[tokio::test]
async fn chg_2_each_test_method_ends_as_stripe_says() {
    use DeclineKind::{Hard, NeedsPayer, Soft};
    let bench = Bench::start().await;
    for (method, does, expected) in [
        ("pm_card_visa", None, None),
        ("pm_card_authenticationRequiredOnSetup", None, None),
        ("pm_usBankAccount_success", None, None),
        ("pm_usBankAccount_insufficientFunds", None, None), // it is refused days later
        ("pm_card_chargeCustomerFail", None, Some(("generic_decline", Soft))),
        ("pm_card_authenticationRequired", None, Some(("authentication_required", NeedsPayer))),
        ("pm_card_visa", Some("insufficient_funds"), Some(("insufficient_funds", Soft))),
        ("pm_card_visa", Some("processing_error"), Some(("processing_error", Soft))),
        ("pm_card_visa", Some("do_not_honor"), Some(("do_not_honor", Soft))),
        ("pm_card_visa", Some("lost_card"), Some(("lost_card", Hard))),
        ("pm_card_visa", Some("stolen_card"), Some(("stolen_card", Hard))),
        ("pm_card_visa", Some("expired_card"), Some(("expired_card", Hard))),
    ] {
        let saved = bench.customer_with(method).await;
        if let Some(code) = does {
            let (method, does) = (saved.1.to_string(), Does::Declines(code.to_owned()));
            bench.act(Act::ChangeMethod { method, does });
        }
        let new = charge(&format!("try-{}", saved.1), &saved, kind_of(method));
        match (charged(&bench, &new).await.unwrap(), expected) {
            (Charged::Taken(_), None) => {}
            (Charged::Declined(decline), Some((code, kind))) => {
                assert_eq!((decline.code.as_str(), decline.kind), (code, kind), "for {method}");
                assert!(decline.payment.is_some(), "the payment stays");
            }
            (found, _) => panic!("for {method}: {found:?}, expected {expected:?}"),
        }
    }
}

#[tokio::test]
async fn chg_2_further_attempts_are_made_on_the_same_payment() {
    let bench = Bench::start().await;
    let saved = bench.customer_with("pm_card_visa").await;
    let change = |does| bench.act(Act::ChangeMethod { method: saved.1.to_string(), does });
    change(Does::Declines("insufficient_funds".to_owned()));
    let declined = |charged| match charged {
        Charged::Declined(decline) => decline.payment.unwrap(),
        Charged::Taken(payment) => panic!("{payment} is taken"),
    };
    let new = charge("try-1", &saved, Method::Card);
    let first = declined(charged(&bench, &new).await.unwrap());
    // A part was paid meanwhile, so that it is less the second time.
    let lines = vec![line("A-2", "250.00")];
    let again = Some(first.clone());
    let second = NewCharge { ours: "try-2".to_owned(), lines, again, ..new };
    assert_eq!(declined(charged(&bench, &second).await.unwrap()), first);
    change(Does::Pays);
    let third = NewCharge { ours: "try-3".to_owned(), ..second.clone() };
    assert_eq!(charged(&bench, &third).await.unwrap(), Charged::Taken(first.clone()));
    let facts = bench.facts(&Hint::Payment(first.clone())).await;
    assert_eq!(facts.amount.to_string(), "250.00 USD");
    assert_eq!(facts.reference.ours.as_deref(), Some("try-3"));
    assert_eq!(facts.reference.invoices, ["A-2".parse().unwrap()]);
    assert_eq!(bench.all("/v1/payment_intents").await.len(), 1);
    assert_eq!(bench.all("/v1/charges").await.len(), 3);
    // It is paid by now: no further attempt takes anything.
    let fourth = NewCharge { ours: "try-4".to_owned(), ..second };
    assert_eq!(charged(&bench, &fourth).await.unwrap(), Charged::Taken(first));
    assert_eq!(bench.all("/v1/charges").await.len(), 3);
}

#[tokio::test]
async fn chg_2_a_payment_that_can_not_be_tried_again_makes_room_for_another() {
    let bench = Bench::start().await;
    let saved = bench.customer_with("pm_card_chargeCustomerFail").await;
    let new = charge("try-1", &saved, Method::Card);
    let Charged::Declined(decline) = charged(&bench, &new).await.unwrap() else { panic!("taken") };
    let canceled = decline.payment.unwrap();
    bench.post(&format!("/v1/payment_intents/{canceled}/cancel"), &[]).await;
    let good = bench.customer_with("pm_card_visa").await;
    let again = Some(canceled.clone());
    let second = NewCharge { again, ..charge("try-2", &good, Method::Card) };
    let Charged::Taken(payment) = charged(&bench, &second).await.unwrap() else { panic!() };
    assert_ne!(payment, canceled);
    let unknown = NewCharge { again: Some(id("pi_1")), ..charge("try-3", &good, Method::Card) };
    let error = charged(&bench, &unknown).await.unwrap_err();
    assert!(matches!(error, ChargeError::Gateway(GatewayError::NotFound { .. })), "{error}");
}

#[tokio::test]
async fn chg_2_a_debit_that_came_back_ends_its_mandate() {
    for (method, code, hidden) in [
        ("pm_usBankAccount_dispute", "payment_intent_mandate_invalid", false),
        ("pm_usBankAccount_accountClosed", "payment_method_bank_account_blocked", true),
        ("pm_usBankAccount_debitNotAuthorized", "payment_method_bank_account_blocked", true),
    ] {
        let bench = Bench::start().await;
        bench.sandbox.note_day("2026-10-01".parse().unwrap());
        let saved = bench.customer_with(method).await;
        let new = charge("try-1", &saved, Method::Ach);
        let Charged::Taken(payment) = charged(&bench, &new).await.unwrap() else { panic!() };
        assert_eq!(bench.facts(&Hint::Payment(payment)).await.state, PaymentState::Pending);
        bench.sandbox.note_day("2026-11-01".parse().unwrap());
        let again = charged(&bench, &charge("try-2", &saved, Method::Ach)).await.unwrap();
        let Charged::Declined(decline) = again else { panic!("{method} was charged again") };
        assert_eq!((decline.code.as_str(), decline.kind), (code, DeclineKind::Hard), "{method}");
        let left = bench.ours().saved_methods(&saved.0).await.unwrap();
        assert_eq!(left.is_empty(), hidden, "{method}");
        assert_eq!(bench.all("/v1/charges").await.len(), 1);
    }
    // Too little money on the account is no fault of the mandate.
    let bench = Bench::start().await;
    bench.sandbox.note_day("2026-10-01".parse().unwrap());
    let saved = bench.customer_with("pm_usBankAccount_insufficientFunds").await;
    charged(&bench, &charge("try-1", &saved, Method::Ach)).await.unwrap();
    bench.sandbox.note_day("2026-11-01".parse().unwrap());
    let again = charged(&bench, &charge("try-2", &saved, Method::Ach)).await.unwrap();
    assert!(matches!(again, Charged::Taken(_)), "{again:?}");
}

#[tokio::test]
async fn chg_1_a_method_that_is_gone_is_declined_for_good() {
    let bench = Bench::start().await;
    let saved = bench.customer_with("pm_card_visa").await;
    bench.act(Act::RemoveMethod { method: saved.1.to_string() });
    let other = bench.customer_with("pm_card_visa").await;
    let stranger = (saved.0.clone(), other.1.clone());
    let nobody = (id("cus_1"), other.1.clone());
    for (ours, saved) in [("try-1", saved), ("try-2", stranger), ("try-3", nobody)] {
        let found = charged(&bench, &charge(ours, &saved, Method::Card)).await.unwrap();
        let Charged::Declined(decline) = found else { panic!("{ours} was taken") };
        assert_eq!((decline.code.as_str(), decline.kind), ("resource_missing", DeclineKind::Hard));
    }
    assert!(bench.all("/v1/charges").await.is_empty());
}

#[tokio::test]
async fn chg_1_what_can_not_be_charged_is_refused() {
    let bench = Bench::start().await;
    let saved = bench.customer_with("pm_card_visa").await;
    let with = |lines, method| NewCharge { lines, ..charge("try-1", &saved, method) };
    let euro = CheckoutLine {
        amount: Money::parse("5.00", "EUR".parse().unwrap()).unwrap(),
        ..line("A-1", "1.00")
    };
    for (new, expected) in [
        (with(vec![], Method::Card), "needs at least one invoice"),
        (with(vec![line("A-1", "0.00")], Method::Card), "needs at least one invoice"),
        (with(vec![line("A-1", "1.00"), euro.clone()], Method::Card), "can't be paid together"),
        (with(vec![euro], Method::Ach), "EUR can't be paid in any of the ways"),
        (with(vec![line("A-1", "0.49")], Method::Card), "0.49 USD is less than the gateway takes"),
    ] {
        let error = charged(&bench, &new).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(matches!(error, ChargeError::What(_)), "{error}");
    }
    assert!(bench.all("/v1/payment_intents").await.is_empty());
    charged(&bench, &charge("try-2", &saved, Method::Card)).await.unwrap();
    let other =
        NewCharge { lines: vec![line("A-1", "7.00")], ..charge("try-2", &saved, Method::Card) };
    let error = charged(&bench, &other).await.unwrap_err();
    assert!(matches!(error, ChargeError::What(CheckoutError::KeyReused)), "{error}");
}

#[tokio::test]
async fn chg_1_a_payer_who_is_at_it_is_not_overtaken() {
    let bench = Bench::start().await;
    let saved = bench.customer_with("pm_card_visa").await;
    let session = bench.session().await;
    let outcome = sandbox::stripe::CardOutcome::RequiresAction;
    let payment = bench.act(Act::PayByCard { session, outcome }).object;
    let new = NewCharge { again: Some(id(&payment)), ..charge("try-1", &saved, Method::Card) };
    let Charged::Declined(decline) = charged(&bench, &new).await.unwrap() else { panic!() };
    assert_eq!(decline.kind, DeclineKind::NeedsPayer);
}
