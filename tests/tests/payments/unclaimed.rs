//! Money that names nobody known: a person says whose it is, and it counts once, whatever is told later.

use std::collections::BTreeSet;

use domain::account::Account;
use domain::id::{ClientId, PaymentId};
use domain::money::{Currency, Money};
use domain::payment::PaymentState;
use domain::role::{Actor, Role};
use sandbox::stripe::Act;
use services::execute::{Caller, ExecuteError, Executed};
use services::unclaimed::assign;
use store::{PageRequest, Unclaimed};

use crate::bench::Bench;

fn caller() -> Caller {
    let (id, roles) = ("lea".parse().unwrap(), [Role::BillingLead].into());
    Caller { actor: Actor::Staff { id, roles }, request_id: Some("r-1".to_owned()) }
}

async fn listed(bench: &Bench) -> Vec<Unclaimed> {
    services::unclaimed::listed(&bench.firm().await, &PageRequest::default()).await.unwrap().items
}

async fn say(bench: &Bench, payment: &str, client: &str) -> Result<Executed, ExecuteError> {
    let (firm, client): (_, ClientId) = (bench.firm().await, client.parse().unwrap());
    assign(&firm, &id(payment), &client, &caller(), bench.now()).await
}

fn id(payment: &str) -> PaymentId {
    format!("stripe:{payment}").parse().unwrap()
}

async fn account(bench: &Bench, client: &str) -> Account {
    bench.store().load(&client.parse().unwrap()).await.unwrap().unwrap().account
}

/// 1,250 dollars for, which names the client zoe; its id.
async fn unclaimed(bench: &Bench) -> String {
    unclaimed_over(bench, &[]).await
}

async fn unclaimed_over(bench: &Bench, more: &[(&str, &str)]) -> String {
    let zoe = ("payment_intent_data[metadata][client]", "zoe");
    let reference = ("client_reference_id", "zoe");
    let page = bench.page_with(&[&[zoe, reference], more].concat()).await;
    let payment = bench.pay_by_card(&page);
    bench.deliver().await;
    payment
}

#[tokio::test]
async fn pay_1_an_unclaimed_payment_is_listed_and_assigned_once() {
    let bench = Bench::start().await;
    assert_eq!(listed(&bench).await, []);
    let payment = unclaimed(&bench).await;
    let [known] = &listed(&bench).await[..] else { panic!("it is listed once") };
    assert_eq!(
        (known.payment.clone(), known.amount.to_string()),
        (id(&payment), "1250.00 USD".to_owned())
    );
    assert_eq!(known.client.as_ref().map(ClientId::as_str), Some("zoe"));
    assert_eq!(known.invoices.len(), 2);
    assert_eq!(bench.payment_state(&payment).await, None);
    let missing = say(&bench, &payment, "zoe").await.unwrap_err();
    assert!(matches!(missing, ExecuteError::NotFound(_)), "{missing}");
    assert_eq!(listed(&bench).await.len(), 1);

    let assigned = say(&bench, &payment, "bea").await.unwrap();
    assert!(!assigned.events.is_empty());
    assert_eq!(
        (bench.balance("A-1").await, bench.balance("A-2").await),
        ("0.00 USD".to_owned(), "0.00 USD".to_owned())
    );
    assert_eq!(listed(&bench).await, []);
    // Who said so is in the audit.
    let page = PageRequest::default();
    let records =
        bench.store().records(&"bea".parse().unwrap(), store::Order::Newest, &page).await.unwrap();
    let newest = &records.items[0].body;
    assert_eq!((newest.actor.clone(), newest.command.as_str()), (caller().actor, "record_payment"));
    // Said again it is the same; another client's it can't be.
    assert_eq!(say(&bench, &payment, "bea").await.unwrap().events, []);
    bench.open_client("cyd").await;
    let refused = say(&bench, &payment, "cyd").await.unwrap_err().to_string();
    assert!(refused.contains("is that of client bea"), "{refused}");
    let unknown = say(&bench, "pi_nobody", "bea").await.unwrap_err().to_string();
    assert!(unknown.contains("no unclaimed payment"), "{unknown}");
}

#[tokio::test]
async fn pay_3_later_news_of_an_assigned_payment_goes_where_it_was_assigned() {
    let bench = Bench::start().await;
    let payment = unclaimed(&bench).await;
    say(&bench, &payment, "bea").await.unwrap();
    // Even when the client that it names comes into being.
    bench.open_client("zoe").await;
    bench.act(Act::Refund { payment: payment.clone(), amount: Some(30_000) });
    let said = bench.deliver().await;
    assert!(said.iter().any(|(_, _, outcome)| outcome == "applied"), "{said:?}");
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::PartiallyRefunded));
    assert!(account(&bench, "zoe").await.tasks.is_empty());
    assert_eq!(listed(&bench).await, []);
    assert_eq!(bench.mismatches().await, Vec::<String>::new());
}

#[tokio::test]
async fn pay_3_what_was_told_before_the_assignment_is_all_recorded() {
    let bench = Bench::start().await;
    let payment = unclaimed(&bench).await;
    bench.act(Act::Refund { payment: payment.clone(), amount: Some(30_000) });
    bench.deliver().await;
    let [known] = &listed(&bench).await[..] else { panic!("one payment is listed once") };
    assert_eq!(known.news.len(), 2, "{:?}", known.news);
    say(&bench, &payment, "bea").await.unwrap();
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::PartiallyRefunded));
    let held = account(&bench, "bea").await.held(&id(&payment));
    assert_eq!((held, bench.credit().await), (0, 0), "closed invoices hold the rest");
}

#[tokio::test]
async fn pay_1_a_payment_that_found_its_client_is_no_longer_to_be_assigned() {
    let bench = Bench::start().await;
    let payment = unclaimed(&bench).await;
    bench.open_client("zoe").await;
    bench.act(Act::Refund { payment: payment.clone(), amount: None });
    bench.deliver().await;
    let (owner, _) = bench.store().payment(&id(&payment)).await.unwrap().unwrap();
    assert_eq!(owner.as_str(), "zoe");
    let refused = say(&bench, &payment, "bea").await.unwrap_err().to_string();
    assert!(refused.contains("is that of client zoe"), "{refused}");
    assert_eq!(listed(&bench).await, []);
    assert_eq!(bench.store().assignment(&id(&payment)).await.unwrap(), None);
    assert_eq!(bench.balance("A-1").await, "1000.00 USD");
}

#[tokio::test]
async fn pay_1_a_payment_that_found_its_client_leaves_the_list() {
    let bench = Bench::start().await;
    let zoes = ("payment_intent_data[metadata][invoices]", "Z-1");
    let payment = unclaimed_over(&bench, &[zoes]).await;
    // What names invoices of others isn't put on zoe's account: then it is still nobody's.
    let others = [unclaimed(&bench).await, unclaimed(&bench).await];
    assert_eq!(listed(&bench).await.len(), 3);
    bench.open_client("zoe").await;
    bench.invoice("zoe", "Z-1", Money::new(125_000, Currency::USD)).await;
    for payment in [&payment, &others[0]] {
        bench.act(Act::Refund { payment: payment.clone(), amount: Some(30_000) });
    }
    bench.deliver().await;
    let left: BTreeSet<_> = listed(&bench).await.into_iter().map(|known| known.payment).collect();
    assert_eq!(left, others.iter().map(|id_of| id(id_of)).collect());
    assert_eq!(bench.store().unclaimed(&id(&payment)).await.unwrap(), None, "nor is it kept");
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::PartiallyRefunded));
    let (zoe, invoice) = ("zoe".parse().unwrap(), "Z-1".parse().unwrap());
    let invoice = bench.store().invoice(&zoe, &invoice).await.unwrap().unwrap();
    assert_eq!(invoice.balance(), Money::new(30_000, Currency::USD));
}

#[tokio::test]
async fn pay_1_a_payment_on_its_way_to_where_it_was_assigned_stays_listed() {
    let bench = Bench::start().await;
    let payment = unclaimed(&bench).await;
    let [kept] = &listed(&bench).await[..] else { panic!("it is listed once") };
    say(&bench, &payment, "bea").await.unwrap();
    // As after a crash between the account and the list: what else was told may not be on the account yet.
    let kept = Unclaimed { version: 0, ..kept.clone() };
    assert!(bench.store().keep_unclaimed(&kept).await.unwrap());
    assert_eq!(listed(&bench).await.len(), 1);
    say(&bench, &payment, "bea").await.unwrap();
    assert_eq!(listed(&bench).await, []);
}

#[tokio::test]
async fn pay_4_invoices_of_others_that_a_payment_names_are_not_paid_by_its_client() {
    let bench = Bench::start().await;
    bench.open_client("cyd").await;
    let payment = unclaimed(&bench).await; // are bea's
    say(&bench, &payment, "cyd").await.unwrap();
    assert_eq!(bench.balance("A-1").await, "1000.00 USD");
    let cyd = account(&bench, "cyd").await;
    let credit: u64 = cyd.credits.values().map(|credit| credit.amount.minor()).sum();
    assert_eq!((credit, cyd.tasks.len()), (125_000, 0));
}

#[tokio::test]
async fn pay_1_of_many_assignments_at_once_one_counts() {
    let bench = Bench::start().await;
    bench.open_client("cyd").await;
    let payment = unclaimed(&bench).await;
    let both = futures::future::join_all((0..6).map(|turn| {
        let (bench, payment) = (&bench, payment.clone());
        async move { say(bench, &payment, if turn % 2 == 0 { "bea" } else { "cyd" }).await }
    }));
    let ended = both.await;
    let counted = ended.iter().filter(|end| end.as_ref().is_ok_and(|done| !done.events.is_empty()));
    assert_eq!(counted.count(), 1, "{ended:?}");
    let (owner, known) = bench.store().payment(&id(&payment)).await.unwrap().unwrap();
    assert_eq!(known.state(), PaymentState::Succeeded);
    let other = if owner.as_str() == "bea" { "cyd" } else { "bea" };
    let other = account(&bench, other).await;
    assert!(other.credits.is_empty() && other.payments.is_empty() && other.tasks.is_empty());
    assert_eq!(listed(&bench).await, []);
}
