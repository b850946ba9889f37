//! Items as each schema wrote them are read for good: a program that can't is not shipped.
//!
//! `PORTCULLIS_WRITE_GOLDEN=1` writes those of the current schema anew, which is right only as long as no
//! release has written any.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::collections::HashMap;
use std::path::PathBuf;

use aws_sdk_dynamodb::types::AttributeValue;
use common::*;
use domain::account::Credit;
use domain::command::Needs;
use domain::event::Event;
use domain::invoice::{Allocation, Dispute, Ending, Hold, Source, StepMark, Warning};
use domain::letter::{Content, DebtKind, Letter, LetterId, LetterKind, LetterState, Part, Sending};
use domain::lock::{Lock, LockCause, LockReason, Scope};
use domain::payment::{Payment, Seen};
use domain::policy::PolicyRef;
use domain::task::{About, Task, TaskId};
use domain::text::Personal;
use serde_json::Value;
use store::{
    Commit, Delivery, DeliveryState, Dynamo, Loaded, Order, PageRequest, SCHEMA_VERSION, Store,
    Verdict,
};

fn file(schema: u64) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/schema-{schema}.json"))
}

/// A client with something of everything.
async fn write(store: &Store) {
    let mut loaded = opened(store, &acme(), &[invoice("A-1", 10_000), invoice("A-2", 5_000)]).await;
    let mut after = loaded.account.clone();
    let on = day("2026-05-04");
    let payment: domain::id::PaymentId = "stripe:pi_1".parse().unwrap();
    let open = after.invoices.get_mut(&"A-1".parse().unwrap()).unwrap();
    open.allocations =
        vec![Allocation { source: Source::Payment(payment.clone()), amount: usd(4_000) }];
    open.dispute = Some(Dispute {
        amount: usd(100),
        reason: Personal::new("not ordered"),
        opened_on: on,
        is_under_review: true,
        reviewed_by: None,
    });
    let step = "regular/at/1/notice".parse().unwrap();
    open.steps = [(step, StepMark { on, is_skipped: false })].into();
    open.warnings = vec![Warning { letter: LetterId(1), on }];
    let closed = after.invoices.get_mut(&"A-2".parse().unwrap()).unwrap();
    closed.ending = Some(Ending::Voided { on, reason: Personal::new("typo") });
    let told: Payment = serde_json::from_value(serde_json::json!({
        "id": payment,
        "facts": {
            "amount": usd(5_000), "method": "card", "invoices": ["A-1"], "seen": Seen::Succeeded, "first_on": on
        },
        "allocations": [["A-1", usd(4_000)]],
    }))
    .unwrap();
    after.payments.insert(payment.clone(), told);
    let credit = Credit { amount: usd(1_000), came_on: on, number: 3, spreading: None };
    after.credits.insert(Source::Payment(payment), credit);
    let part = Part {
        kind: DebtKind::DemandLetter,
        invoices: ["A-1".parse().unwrap()].into(),
        episode: Some(1),
        text: Some("after the lock".parse().unwrap()),
    };
    let queued = Letter {
        id: LetterId(2),
        queued_on: on,
        leaves_on: on,
        content: Content::Debt { parts: vec![part] },
        state: LetterState::Queued,
    };
    let sending = Sending {
        on,
        kind: LetterKind::Notice,
        invoices: ["A-1".parse().unwrap()].into(),
        contact: 0,
        text: None,
        within: None,
    };
    let left = Letter { id: LetterId(1), state: LetterState::Left(sending), ..queued.clone() };
    after.letters = [(queued.id, queued), (left.id, left)].into();
    let lock = Lock {
        episode: 1,
        on,
        cause: LockCause::Rule(LockReason::Unpaid { invoices: 1, days: 30 }),
        policy: PolicyRef { class: "regular".parse().unwrap(), version: 1 },
        steps: [].into(),
        money_came: false,
        requests: 0,
        scope: Scope::Client,
    };
    after.locks.insert(Scope::Client, lock);
    after.hold = Some(Hold { until: None, reason: Personal::new("in mourning"), begun_on: on });
    let about = About::ReadyForUnlock;
    let task = Task { id: TaskId(4), opened_on: on, about, assignee: Some("bea".parse().unwrap()) };
    after.tasks.insert(task.id, task);
    after.next_number = 5;
    let hold = after.hold.clone().unwrap();
    let events = [Event::HoldBegun { invoice: None, hold }];
    let next = derived(Some(day("2026-06-01")));
    let commit = store.commit(&loaded, &after, &events, &meta("everything"), &next).await.unwrap();
    assert!(matches!(commit, Commit::Done(_)));
    let delivery = Delivery {
        state: DeliveryState::Sent,
        at: at("2026-05-04T12:00:00Z"),
        message_id: Some("m-1".to_owned()),
        sha256: None,
        problem: None,
    };
    assert!(store.letter_delivered(&acme(), LetterId(1), &delivery).await.unwrap());
    loaded = store.load(&acme()).await.unwrap().unwrap();
    assert_eq!(loaded.version(), 2);
}

/// All items of a client and what belongs to it: by their partitions, since nothing scans.
async fn items(dynamo: &Dynamo) -> Vec<Value> {
    let mut all = Vec::new();
    for pk in ["F#f-1#C#acme", "F#f-1#P#stripe:pi_1", "F#f-1#N#A-1", "F#f-1#N#A-2"] {
        let query = dynamo.client().query().table_name(dynamo.table()).consistent_read(true);
        let query = query.key_condition_expression("pk = :pk");
        let query = query.expression_attribute_values(":pk", AttributeValue::S(pk.to_owned()));
        let items = query.send().await.unwrap().items.unwrap();
        all.extend(
            items.into_iter().map(|item| serde_dynamo::from_item::<_, Value>(item).unwrap()),
        );
    }
    all
}

async fn check(dynamo: &Dynamo, items: &[Value]) {
    for item in items {
        let item: HashMap<String, AttributeValue> = serde_dynamo::to_item(item).unwrap();
        let put = dynamo.client().put_item().table_name(dynamo.table()).set_item(Some(item));
        put.send().await.unwrap();
    }
    let store = store(dynamo);
    let mut loaded: Loaded = store.load(&acme()).await.unwrap().unwrap();
    assert_eq!((loaded.version(), loaded.next_evaluation()), (2, Some(day("2026-06-01"))));
    let needs = Needs {
        invoices: ["A-2".parse().unwrap()].into(),
        payments: ["stripe:pi_1".parse().unwrap()].into(),
        letters: [LetterId(1)].into(),
        credit_notes: [].into(),
    };
    assert!(store.look_up(&mut loaded, &needs).await.unwrap());
    let account = &loaded.account;
    let open = &account.invoices[&"A-1".parse().unwrap()];
    assert_eq!((open.balance(), open.disputed(), open.was_warned()), (usd(6_000), usd(100), true));
    assert!(matches!(
        account.invoices[&"A-2".parse().unwrap()].ending,
        Some(Ending::Voided { .. })
    ));
    assert_eq!(account.payments[&"stripe:pi_1".parse().unwrap()].kept(), 5_000);
    assert!(!account.is_spreading());
    assert_eq!(account.lock().unwrap().cause.text(), "1 unpaid invoice over 30 days");
    assert_eq!(account.hold.as_ref().unwrap().reason.as_str(), "in mourning");
    assert_eq!((account.tasks.len(), account.letters.len(), account.next_number), (1, 2, 5));
    let letter = store.letter(&acme(), LetterId(1)).await.unwrap().unwrap();
    assert_eq!(letter.delivery.unwrap().state, DeliveryState::Sent);
    assert_eq!(store.verify(&acme()).await.unwrap(), Verdict::Whole { records: 2 });
    let records =
        store.records(&acme(), Order::Oldest, &PageRequest::default()).await.unwrap().items;
    assert!(records.iter().all(|record| record.body.events().is_ok()));
    let row = store.clients(None, &PageRequest::default()).await.unwrap().items.remove(0);
    assert_eq!((row.name.as_str(), row.oldest_due), ("Acme", Some(day("2026-03-31"))));
}

#[tokio::test]
async fn items_of_every_schema_are_read() {
    if std::env::var_os("PORTCULLIS_WRITE_GOLDEN").is_some() {
        let dynamo = embedded().await;
        write(&store(&dynamo)).await;
        let text = serde_json::to_string_pretty(&items(&dynamo).await).unwrap();
        std::fs::create_dir_all(file(SCHEMA_VERSION).parent().unwrap()).unwrap();
        std::fs::write(file(SCHEMA_VERSION), text + "\n").unwrap();
    }
    for schema in 1..=SCHEMA_VERSION {
        let text = std::fs::read_to_string(file(schema)).unwrap();
        let items: Vec<Value> = serde_json::from_str(&text).unwrap();
        assert!(items.iter().all(|item| item["schema"] == schema));
        check(&embedded().await, &items).await;
    }
}
