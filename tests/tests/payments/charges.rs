//! Saved methods, charged end to end: the account decides, the sweeper asks, the gateway answers or doesn't (CHG-1).

use axum::body::Body;
use axum::http::Request;
use chrono::{DateTime, TimeDelta, Utc};
use domain::charge::{ChargeOutcome, DeclineKind, NewMethod};
use domain::command::Command;
use domain::id::{ClientId, InvoiceId};
use domain::letter::Content;
use domain::money::{Currency, Money};
use domain::payment::Method;
use domain::text::Personal;
use gateways::stripe::API_VERSION;
use http_body_util::BodyExt;
use sandbox::faults::Faults;
use sandbox::stripe::{Act, Does, SANDBOX_KEY};
use serde_json::Value;
use store::{FirmChange, FirmCommit, PolicyDocument};
use tower::ServiceExt;

use crate::bench::{Bench, meta};

const POLICY: &str =
    "{preset: cpa, with: {regular: {auto_charge: {when: on_issue, retry_days: [2]}}}}";

/// A client with a saved method, under a policy that charges it on issue; the method's id at the gateway.
async fn saved(bench: &Bench, name: &str, kind: Method) -> String {
    bench.wait(TimeDelta::days(1)); // what was issued before stays to be paid by hand
    arm(bench).await;
    let customer = post(bench, "customers", "name=Bea").await["id"].as_str().unwrap().to_owned();
    let path = format!("payment_methods/{name}/attach");
    let method = post(bench, &path, &format!("customer={customer}")).await;
    let id = method["id"].as_str().unwrap().to_owned();
    let new = NewMethod {
        id: format!("stripe:{id}").parse().unwrap(),
        endpoint: bench.endpoint.id.clone(),
        customer,
        kind,
        label: Personal::new("Visa ending in 4242"),
        expires: None,
        is_default: true,
    };
    bench.execute("bea", &Command::SaveMethod(new)).await;
    id
}

async fn arm(bench: &Bench) {
    let (store, now) = (bench.store(), bench.now());
    let policy = PolicyDocument {
        class: "regular".parse().unwrap(),
        version: 2,
        document: POLICY.to_owned(),
        effective_on: now.date_naive(),
        author: None,
        state: Default::default(),
        new_steps: Default::default(),
        late_fee_since: None,
    };
    let loaded = store.load_firm().await.unwrap().unwrap();
    let change = FirmChange::PolicyArmed(policy);
    let done = store.change_firm(&loaded, &change, &meta("arm", now)).await.unwrap();
    assert_eq!(done, FirmCommit::Done);
}

async fn post(bench: &Bench, path: &str, form: &str) -> Value {
    let request = Request::post(format!("/v1/{path}"))
        .header("authorization", format!("Bearer {SANDBOX_KEY}"))
        .header("stripe-version", API_VERSION)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(Body::from(form.to_owned()));
    let answer = bench.sandbox.router().oneshot(request.unwrap()).await.unwrap();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    serde_json::from_slice(&body).unwrap()
}

async fn issue(bench: &Bench) {
    bench.invoice("bea", "A-3", Money::new(50_000, Currency::USD)).await;
}

/// What the gateway took of the invoice's amount, payment by payment.
fn taken(bench: &Bench) -> usize {
    let book = serde_json::to_value(bench.sandbox.snapshot()).unwrap();
    let payments = book["intents"].as_object().unwrap().values();
    let is_it = |payment: &&Value| {
        payment["amount"] == 50_000
            && ["succeeded", "processing"].contains(&payment["status"].as_str().unwrap_or_default())
    };
    payments.filter(is_it).count()
}

async fn outcomes(bench: &Bench) -> Vec<ChargeOutcome> {
    let (client, id): (ClientId, InvoiceId) = ("bea".parse().unwrap(), "A-3".parse().unwrap());
    let invoice = bench.store().invoice(&client, &id).await.unwrap().unwrap();
    invoice.charges.into_iter().map(|attempt| attempt.outcome).collect()
}

async fn is_open(bench: &Bench) -> bool {
    let loaded = bench.store().load(&"bea".parse().unwrap()).await.unwrap().unwrap();
    !loaded.account.charges.is_empty()
}

fn is_taken(outcomes: &[ChargeOutcome]) -> bool {
    matches!(outcomes, [ChargeOutcome::Taken { .. }])
}

#[tokio::test]
async fn chg_1_an_issued_invoice_is_charged_and_paid_once() {
    let bench = Bench::start().await;
    saved(&bench, "pm_card_visa", Method::Card).await;
    issue(&bench).await;
    assert!(is_open(&bench).await);
    assert_eq!(bench.sweep().await.charges, 1);
    assert_eq!((taken(&bench), &*bench.balance("A-3").await), (1, "0.00 USD"));
    assert!(is_taken(&outcomes(&bench).await));
    // Its webhooks change nothing more, and nothing waits.
    bench.deliver().await;
    assert_eq!((bench.credit().await, is_open(&bench).await), (0, false));
    bench.wait(TimeDelta::days(3));
    assert_eq!(bench.sweep().await.charges, 0);
    assert_eq!(bench.balance("A-1").await, "1000.00 USD", "issued before the method was there");
}

/// However many answers get lost, whether keys still protect or are dead, and whoever tells the payment first: one
/// charge, and it is on the account.
#[tokio::test]
async fn chg_1_lost_answers_and_dead_keys_are_one_charge() {
    for lose_answers in 0..7 {
        for (ignore_keys, webhooks_first) in
            [(false, false), (false, true), (true, false), (true, true)]
        {
            let bench = Bench::start().await;
            saved(&bench, "pm_card_visa", Method::Card).await;
            issue(&bench).await;
            bench.sandbox.set_faults(Faults { lose_answers, ignore_keys, ..Faults::default() });
            let place =
                format!("{lose_answers} lost, ignored {ignore_keys}, first {webhooks_first}");
            for _ in 0..12 {
                bench.sweep().await;
                if webhooks_first {
                    bench.deliver().await;
                }
                // With dead keys a day goes by, so that whoever asks again looks first.
                bench.wait(if ignore_keys { TimeDelta::hours(25) } else { TimeDelta::hours(2) });
            }
            assert_eq!(taken(&bench), 1, "{place}");
            assert_eq!(bench.balance("A-3").await, "0.00 USD", "{place}");
            assert!(is_taken(&outcomes(&bench).await), "{place}: {:?}", outcomes(&bench).await);
            assert!(!is_open(&bench).await, "{place}");
        }
    }
}

#[tokio::test]
async fn chg_1_a_decline_is_told_and_tried_again_and_a_lost_card_is_not() {
    for (code, kind, retried) in
        [("insufficient_funds", DeclineKind::Soft, true), ("stolen_card", DeclineKind::Hard, false)]
    {
        let bench = Bench::start().await;
        let method = saved(&bench, "pm_card_visa", Method::Card).await;
        let does = |does| Act::ChangeMethod { method: method.clone(), does };
        bench.act(does(Does::Declines(code.to_owned())));
        issue(&bench).await;
        bench.sweep().await;
        bench.deliver().await;
        let declined = outcomes(&bench).await;
        assert!(
            matches!(&*declined, [ChargeOutcome::Declined(decline)] if decline.kind == kind),
            "{declined:?}"
        );
        let loaded = bench.store().load(&"bea".parse().unwrap()).await.unwrap().unwrap();
        let letters = loaded.account.letters.values();
        let told: Vec<_> = letters.map(|letter| letter.content.clone()).collect();
        let invoice: InvoiceId = "A-3".parse().unwrap();
        assert_eq!(told, [Content::ChargeFailed { invoice, attempt: 1 }], "once, for {code}");
        bench.act(does(Does::Pays));
        bench.wait(TimeDelta::days(2));
        evaluate(&bench).await;
        bench.sweep().await;
        assert_eq!(taken(&bench), usize::from(retried), "{code}");
    }
}

#[tokio::test]
async fn chg_3_a_charged_bank_account_is_a_debit_on_its_way_and_void_after_a_return() {
    let bench = Bench::start().await;
    saved(&bench, "pm_usBankAccount", Method::Ach).await;
    issue(&bench).await;
    bench.sweep().await;
    assert!(is_taken(&outcomes(&bench).await));
    assert_eq!((taken(&bench), &*bench.balance("A-3").await), (1, "500.00 USD"));
    let [ChargeOutcome::Taken { payment }] = &outcomes(&bench).await[..] else { panic!("taken") };
    let payment = payment.as_str().strip_prefix("stripe:").unwrap().to_owned();
    bench.act(Act::Bounce { payment, code: "insufficient_funds".to_owned() });
    bench.deliver().await;
    let loaded = bench.store().load(&"bea".parse().unwrap()).await.unwrap().unwrap();
    assert!(loaded.account.chargeable_method().is_none());
    bench.wait(TimeDelta::days(2));
    evaluate(&bench).await;
    assert!(!is_open(&bench).await);
}

#[tokio::test]
async fn chg_1_what_is_paid_before_the_sweeper_comes_is_not_asked_for() {
    let bench = Bench::start().await;
    saved(&bench, "pm_card_visa", Method::Card).await;
    issue(&bench).await;
    let news = domain::command::News::Told {
        amount: Money::new(50_000, Currency::USD),
        method: Method::Check,
        invoices: vec!["A-3".parse().unwrap()],
        seen: domain::payment::Seen::Succeeded,
        on: None,
    };
    let payment = "check 17".parse().unwrap();
    bench.execute("bea", &Command::RecordPayment { payment, news }).await;
    assert!(!is_open(&bench).await);
    assert_eq!((bench.sweep().await.charges, taken(&bench)), (0, 0));
}

async fn evaluate(bench: &Bench) {
    let (client, now): (ClientId, DateTime<Utc>) = ("bea".parse().unwrap(), bench.now());
    let caller = services::execute::Caller::new(domain::role::Actor::Schedule);
    services::execute::execute(&bench.firm().await, &client, &Command::Evaluate, &caller, now)
        .await
        .unwrap();
}
