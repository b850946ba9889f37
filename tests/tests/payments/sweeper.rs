//! What the function left, the sweeper finishes: once, whoever gets there first, each thing by itself.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::TimeDelta;
use domain::payment::PaymentState;
use sandbox::faults::Faults;
use serde_json::{Value, json};
use services::sweep::{Sweeper, Swept};

use crate::bench::Bench;

fn down(bench: &Bench, down: bool) {
    bench.sandbox.set_faults(Faults { down, ..Faults::default() });
}

/// One event kept while the gateway was down; the payment.
async fn kept(bench: &Bench) -> String {
    let payment = bench.pay_by_card(&bench.page_with(&[]).await);
    let delivery = bench.event("payment_intent.succeeded");
    down(bench, true);
    let (status, answer) = bench.post(&delivery).await;
    assert_eq!((status, answer["outcome"].as_str()), (200, Some("kept")));
    assert_eq!(bench.payment_state(&payment).await, None);
    payment
}

#[tokio::test]
async fn pay_2_the_sweeper_finishes_what_came_while_the_gateway_was_down() {
    let bench = Bench::start().await;
    let payment = kept(&bench).await;
    assert_eq!(bench.sweep().await, Swept::default(), "not before it is ready");
    bench.wait(TimeDelta::minutes(3));
    let swept = bench.sweep().await;
    assert_eq!((swept.webhooks, swept.put_off), (0, 1), "still down: later, and later each time");
    bench.wait(TimeDelta::minutes(1));
    assert_eq!(bench.sweep().await.put_off, 0);
    down(&bench, false);
    bench.wait(TimeDelta::minutes(2));
    assert_eq!(bench.sweep().await.webhooks, 1);
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(bench.balance("A-1").await, "0.00 USD");
    bench.wait(TimeDelta::days(1));
    assert_eq!(bench.sweep().await.webhooks, 0);
}

#[tokio::test]
async fn pay_2_after_a_crash_what_was_taken_is_gone_on_with_before_its_lease_ends() {
    let bench = Bench::start().await;
    let payment = kept(&bench).await;
    down(&bench, false);
    assert_eq!(bench.sweep().await, Swept::default(), "another process may be at it");
    assert_eq!(bench.sweeper().take_over().await.unwrap(), 1);
    assert_eq!(bench.sweep().await.webhooks, 1);
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(bench.sweeper().take_over().await.unwrap(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_1_sweepers_and_deliveries_at_once_are_one_payment() {
    let bench = Bench::start().await;
    let payment = kept(&bench).await;
    down(&bench, false);
    bench.wait(TimeDelta::minutes(3));
    let records = bench.audit().await.len();
    let sweepers: Vec<Sweeper> = (0..4).map(|_| bench.sweeper()).collect();
    let sweeps = futures::future::join_all(sweepers.iter().map(Sweeper::sweep));
    let due = bench.due();
    let posts = futures::future::join_all(due.iter().map(|delivery| bench.post(delivery)));
    let (sweeps, posts) = futures::future::join(sweeps, posts).await;
    assert!(posts.iter().all(|(status, _)| *status == 200), "{posts:?}");
    let finished: u64 = sweeps.into_iter().map(|swept| swept.unwrap().webhooks).sum();
    assert_eq!(finished, 1);
    assert_eq!(bench.audit().await.len(), records + 1);
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
}

#[tokio::test]
async fn let_4_queued_letters_are_handed_on_once_and_again_only_after_their_lease() {
    let bench = Bench::start().await;
    bench.paid().await;
    bench.wait(TimeDelta::hours(1));
    let swept = bench.sweep().await;
    assert_eq!((swept.letters, swept.stuck, swept.failed), (1, 0, 0), "the receipt");
    assert!((3_500..=3_600).contains(&swept.oldest_seconds), "it waited an hour: {swept:?}");
    let again = bench.sweep().await;
    assert_eq!((again.letters, again.oldest_seconds), (0, 0));
    let handed = bench.letters.receive(10);
    let message: Value = serde_json::from_str(&handed[0].message.body).unwrap();
    assert_eq!((&message["firm"], &message["client"]), (&json!("acme"), &json!("bea")));
    assert!(message["letter"].is_u64() && message.get("stuck").is_none(), "{message}");
    assert_eq!(handed[0].message.group.as_deref(), Some("acme"));
    bench.wait(TimeDelta::minutes(11));
    assert_eq!(bench.sweep().await.letters, 1, "nobody claimed it: it comes again");
}

#[tokio::test]
async fn let_4_a_claimed_letter_without_outcome_is_handed_on_as_stuck() {
    let bench = Bench::start().await;
    bench.paid().await;
    bench.wait(TimeDelta::hours(1));
    bench.sweep().await;
    let message: Value = serde_json::from_str(&bench.letters.receive(1)[0].message.body).unwrap();
    let letter = domain::letter::LetterId(message["letter"].as_u64().unwrap());
    bench.execute("bea", &domain::command::Command::ClaimLetter { letter }).await;
    bench.wait(TimeDelta::minutes(31));
    let swept = bench.sweep().await;
    assert_eq!((swept.letters, swept.stuck), (1, 1));
    let handed = bench.letters.receive(10);
    let stuck: Value = serde_json::from_str(&handed.last().unwrap().message.body).unwrap();
    assert_eq!(stuck["stuck"], true);
}

#[tokio::test]
async fn a_poison_item_holds_up_no_other() {
    let bench = Bench::start().await;
    let payment = kept(&bench).await;
    down(&bench, false);
    for pk in ["W#acme#stripe#poison-1", "W#acme#stripe#poison-2", "Q#nobody-knows"] {
        poison(&bench, pk).await;
    }
    bench.wait(TimeDelta::minutes(3));
    let swept = bench.sweep().await;
    assert_eq!((swept.webhooks, swept.unreadable, swept.failed), (1, 3, 0), "{swept:?}");
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
    assert_eq!(bench.sweep().await.unreadable, 0, "looked at again later, not at once");
}

/// A copy of the kept webhook as a program that doesn't exist yet would write it, ready as early.
async fn poison(bench: &Bench, pk: &str) {
    let (dynamo, text) = (&bench.dynamo, AttributeValue::S);
    let event = bench.event("payment_intent.succeeded").event;
    let get = dynamo.client().get_item().table_name(dynamo.table());
    let get = get.key("pk", text(format!("W#acme#stripe#{event}"))).key("sk", text("W".to_owned()));
    let mut item = get.send().await.unwrap().item.unwrap();
    item.insert("pk".to_owned(), text(pk.to_owned()));
    item.insert("schema".to_owned(), AttributeValue::N("99".to_owned()));
    let put = dynamo.client().put_item().table_name(dynamo.table()).set_item(Some(item));
    put.send().await.unwrap();
}

#[tokio::test]
async fn sec_5_secrets_that_were_replaced_meanwhile_are_the_new_ones() {
    let bench = Bench::start().await;
    let payment = kept(&bench).await;
    down(&bench, false);
    bench.replace_secrets(&["whsec_new"]).await;
    bench.wait(TimeDelta::minutes(3));
    assert_eq!(bench.sweep().await.webhooks, 1);
    assert_eq!(bench.payment_state(&payment).await, Some(PaymentState::Succeeded));
}

#[tokio::test]
async fn the_sample_event_of_the_schedule_sweeps_and_others_are_refused() {
    let bench = Bench::start().await;
    bench.paid().await;
    bench.wait(TimeDelta::hours(1));
    let stage = platform::config::Stage::Local;
    let state = jobs::State::new(bench.sweeper(), bench.clock.clone(), stage);
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../events/jobs-sweep.json");
    let event: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(jobs::handle(&state, event.clone()).await.unwrap().letters, 1);
    let mut other = event;
    other["detail-type"] = json!("EC2 Instance State-change Notification");
    for event in [other, json!({}), json!([]), json!(null), json!({"Records": []})] {
        let error = jobs::handle(&state, event.clone()).await.unwrap_err().to_string();
        assert!(error.contains("expected"), "for {event}: {error}");
    }
}
