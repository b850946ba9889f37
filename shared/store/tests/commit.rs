//! The commit: what it writes, on which condition, and what happens when no answer comes.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use aws_sdk_dynamodb::types::AttributeValue;
use common::*;
use domain::account::Account;
use domain::command::Needs;
use domain::event::Event;
use domain::id::InvoiceId;
use domain::invoice::Hold;
use domain::payment::{Method, Payment, PaymentFacts, Seen};
use domain::text::Personal;
use store::{
    Breach, Commit, Dynamo, Fault, Faults, Key, Loaded, Operation, Order, PageRequest, Place,
    StoreError, Taken, Verdict,
};

fn is_done(commit: &Commit) -> bool {
    matches!(commit, Commit::Done(_))
}

fn hold(reason: &str) -> Hold {
    Hold { until: None, reason: Personal::new(reason), begun_on: day("2026-03-02") }
}

/// The account with a hold, and the event that says so.
fn held(loaded: &Loaded, reason: &str) -> (Account, Vec<Event>) {
    let event = Event::HoldBegun { invoice: None, hold: hold(reason) };
    (domain::apply::fold(loaded.account.clone(), std::slice::from_ref(&event)), vec![event])
}

fn payment(id: &str, minor: u64) -> Payment {
    let facts = PaymentFacts {
        amount: usd(minor),
        method: Method::Card,
        invoices: Vec::new(),
        seen: Seen::Succeeded,
        was_pending: false,
        first_on: day("2026-03-02"),
    };
    Payment { facts: Some(facts), ..Payment::unknown(id.parse().unwrap()) }
}

async fn raw(
    dynamo: &Dynamo,
    place: &Place,
) -> Option<std::collections::HashMap<String, AttributeValue>> {
    let request = dynamo.client().get_item().table_name(dynamo.table()).consistent_read(true);
    let request = request.key("pk", AttributeValue::S(place.pk.clone()));
    request.key("sk", AttributeValue::S(place.sk.clone())).send().await.unwrap().item
}

async fn put_raw(dynamo: &Dynamo, item: std::collections::HashMap<String, AttributeValue>) {
    let request = dynamo.client().put_item().table_name(dynamo.table());
    request.set_item(Some(item)).send().await.unwrap();
}

async fn delete_raw(dynamo: &Dynamo, place: &Place) {
    let request = dynamo.client().delete_item().table_name(dynamo.table());
    let request = request.key("pk", AttributeValue::S(place.pk.clone()));
    request.key("sk", AttributeValue::S(place.sk.clone())).send().await.unwrap();
}

on_both! {
    async fn eval_4_a_decision_is_committed_only_against_its_facts(dynamo: Dynamo) {
        let store = store(&dynamo);
        let loaded = opened(&store, &acme(), &[invoice("A-1", 100)]).await;
        let (first, events) = held(&loaded, "first");
        assert!(is_done(&store.commit(&loaded, &first, &events, &meta("hold"), &derived(None)).await.unwrap()));
        let (second, events) = held(&loaded, "second");
        let commit = store.commit(&loaded, &second, &events, &meta("hold"), &derived(None)).await.unwrap();
        assert_eq!(commit, Commit::Stale);
        // Also where no event came out and only the next evaluation moved.
        let next = derived(Some(day("2026-04-01")));
        let commit = store.commit(&loaded, &loaded.account, &[], &meta("evaluate"), &next).await.unwrap();
        assert_eq!(commit, Commit::Stale);
        let now = store.load(&acme()).await.unwrap().unwrap();
        assert_eq!(now.account, first);
        assert_eq!((now.version(), now.chain().0, now.next_evaluation()), (2, 2, None));
    }
}

on_both! {
    async fn nothing_changed_writes_nothing_and_a_moved_evaluation_only_the_head(dynamo: Dynamo) {
        let store = store(&dynamo);
        let loaded = opened(&store, &acme(), &[invoice("A-1", 100)]).await;
        dynamo.capacity().take();
        let same = store.commit(&loaded, &loaded.account, &[], &meta("evaluate"), &derived(None)).await;
        assert_eq!(same.unwrap(), Commit::Nothing);
        assert_eq!(dynamo.capacity().take().calls, 0);
        let next = derived(Some(day("2026-04-01")));
        let commit = store.commit(&loaded, &loaded.account, &[], &meta("evaluate"), &next).await.unwrap();
        let Commit::Done(done) = commit else { panic!("{commit:?}") };
        assert_eq!((done.version, done.sequence), (2, 1));
        let now = store.load(&acme()).await.unwrap().unwrap();
        assert_eq!(now.next_evaluation(), Some(day("2026-04-01")));
        let due = |shard| { let store = store.clone(); async move {
            store.due(shard, day("2026-04-02"), &PageRequest::default()).await.unwrap().items
        }};
        let all = [due(0).await, due(1).await].concat();
        assert_eq!(all.iter().map(|due| due.day).collect::<Vec<_>>(), [day("2026-04-01")]);
        // And out of the index again.
        let commit = store.commit(&now, &now.account, &[], &meta("evaluate"), &derived(None)).await;
        assert!(is_done(&commit.unwrap()));
        assert!([due(0).await, due(1).await].concat().is_empty());
    }
}

on_both! {
    async fn inv_7_a_number_is_taken_once_in_the_firm(dynamo: Dynamo) {
        let store = store(&dynamo);
        opened(&store, &acme(), &[invoice("A-1", 100)]).await;
        let beta = store.begin("beta".parse().unwrap(), profile());
        let mut after = beta.account.clone();
        after.invoices.insert("A-1".parse().unwrap(), invoice("A-1", 5));
        let events = [Event::AccountOpened(profile())];
        let commit = store.commit(&beta, &after, &events, &meta("open"), &derived(None)).await.unwrap();
        assert_eq!(commit, Commit::Taken(Taken::Invoice("A-1".parse().unwrap())));
        assert!(store.load(&"beta".parse().unwrap()).await.unwrap().is_none());
        assert_eq!(store.client_of_invoice(&"A-1".parse().unwrap()).await.unwrap(), Some(acme()));
        // Another firm has numbers of its own.
        let other = store::Store::new(dynamo.clone(), "f-2".parse().unwrap());
        opened(&other, &acme(), &[invoice("A-1", 100)]).await;
    }
}

on_both! {
    async fn pay_1_a_payment_is_applied_once_whoevers_client(dynamo: Dynamo) {
        let store = store(&dynamo);
        let loaded = opened(&store, &acme(), &[]).await;
        let mut after = loaded.account.clone();
        let id: domain::id::PaymentId = "stripe:pi_1".parse().unwrap();
        after.payments.insert(id.clone(), payment("stripe:pi_1", 100));
        assert!(is_done(&store.commit(&loaded, &after, &[Event::ExceptionEnded], &meta("pay"), &derived(None)).await.unwrap()));
        let mut beta = opened(&store, &"beta".parse().unwrap(), &[]).await;
        let needs = Needs { payments: [id.clone()].into(), ..Needs::default() };
        let mut blind = beta.account.clone();
        blind.payments.insert(id.clone(), payment("stripe:pi_1", 100));
        let commit = store.commit(&beta, &blind, &[Event::ExceptionEnded], &meta("pay"), &derived(None)).await.unwrap();
        assert_eq!(commit, Commit::Taken(Taken::Payment(id.clone())));
        assert!(store.look_up(&mut beta, &needs).await.unwrap());
        assert_eq!(beta.elsewhere.get(&id), Some(&acme()));
        assert!(beta.account.payments.is_empty());
        let (client, stored) = store.payment(&id).await.unwrap().unwrap();
        assert_eq!((client, stored), (acme(), payment("stripe:pi_1", 100)));
    }
}

on_both! {
    async fn a_new_field_survives_an_older_program_and_a_newer_schema_stops_it(dynamo: Dynamo) {
        let store = store(&dynamo);
        opened(&store, &acme(), &[invoice("A-1", 100)]).await;
        let id: InvoiceId = "A-1".parse().unwrap();
        let places = [Key::Head(&acme()).place(&firm()), Key::OpenInvoice(&acme(), &id).place(&firm())];
        for place in &places {
            let mut item = raw(&dynamo, place).await.unwrap();
            item.insert("of_tomorrow".to_owned(), AttributeValue::S("kept".to_owned()));
            put_raw(&dynamo, item).await;
        }
        let loaded = store.load(&acme()).await.unwrap().unwrap();
        let (mut after, events) = held(&loaded, "why");
        after.invoices.get_mut(&id).unwrap().promises = 1;
        assert!(is_done(&store.commit(&loaded, &after, &events, &meta("hold"), &derived(None)).await.unwrap()));
        for place in &places {
            let item = raw(&dynamo, place).await.unwrap();
            assert_eq!(item["of_tomorrow"], AttributeValue::S("kept".to_owned()), "{place}");
        }
        // It moves with the invoice.
        let loaded = store.load(&acme()).await.unwrap().unwrap();
        let mut after = loaded.account.clone();
        let on = day("2026-03-03");
        after.invoices.get_mut(&id).unwrap().ending =
            Some(domain::invoice::Ending::Voided { on, reason: Personal::new("typo") });
        let events = [Event::InvoiceVoided { invoice: id.clone(), on, reason: Personal::new("typo") }];
        assert!(is_done(&store.commit(&loaded, &after, &events, &meta("void"), &derived(None)).await.unwrap()));
        assert!(raw(&dynamo, &places[1]).await.is_none());
        let closed = Key::ClosedInvoice(&acme(), &id).place(&firm());
        let mut item = raw(&dynamo, &closed).await.unwrap();
        assert_eq!(item["of_tomorrow"], AttributeValue::S("kept".to_owned()));
        item.insert("schema".to_owned(), AttributeValue::N("2".to_owned()));
        put_raw(&dynamo, item).await;
        let mut loaded = store.load(&acme()).await.unwrap().unwrap();
        let needs = Needs { invoices: [id].into(), ..Needs::default() };
        let error = store.look_up(&mut loaded, &needs).await.unwrap_err();
        assert!(matches!(error, StoreError::TooNew { found: 2, known: 1, .. }), "{error}");
    }
}

on_both! {
    async fn aud_1_verify_finds_each_way_to_break_a_chain(dynamo: Dynamo) {
        let store = store(&dynamo);
        let mut loaded = opened(&store, &acme(), &[invoice("A-1", 100)]).await;
        for reason in ["first", "second", "third"] {
            let (after, events) = held(&loaded, reason);
            assert!(is_done(&store.commit(&loaded, &after, &events, &meta("hold"), &derived(None)).await.unwrap()));
            loaded = store.load(&acme()).await.unwrap().unwrap();
        }
        assert_eq!(store.verify(&acme()).await.unwrap(), Verdict::Whole { records: 4 });
        assert_eq!(store.verify(&"nobody".parse().unwrap()).await.unwrap(), Verdict::Whole { records: 0 });
        let (one, two) = (acme(), acme());
        let record = |sequence| Key::Record(&one, sequence).place(&firm());
        let texts = |sequence| Key::Texts(&two, sequence, 0).place(&firm());
        let body_of = async |sequence| raw(&dynamo, &record(sequence)).await.unwrap();
        // One byte.
        let good = body_of(3).await;
        let mut bad = good.clone();
        let body = good["body"].as_s().unwrap().replacen("2026", "2027", 1);
        bad.insert("body".to_owned(), AttributeValue::S(body));
        put_raw(&dynamo, bad).await;
        assert_eq!(store.verify(&acme()).await.unwrap().to_string(), "record 3 was changed");
        // Gone.
        delete_raw(&dynamo, &record(3)).await;
        let verdict = store.verify(&acme()).await.unwrap().to_string();
        assert_eq!(verdict, "record 3 is missing: record 4 follows instead");
        // Swapped.
        let other = body_of(4).await;
        let exchange = |mut item: std::collections::HashMap<String, AttributeValue>, sk: &str| {
            item.insert("sk".to_owned(), AttributeValue::S(sk.to_owned()));
            item
        };
        put_raw(&dynamo, exchange(other.clone(), &record(3).sk)).await;
        put_raw(&dynamo, exchange(good.clone(), &record(4).sk)).await;
        let verdict = store.verify(&acme()).await.unwrap().to_string();
        assert_eq!(verdict, "record 3 doesn't follow the one before it");
        // As it was; then without its tail, then with one that nobody wrote.
        put_raw(&dynamo, good.clone()).await;
        put_raw(&dynamo, other.clone()).await;
        assert_eq!(store.verify(&acme()).await.unwrap(), Verdict::Whole { records: 4 });
        delete_raw(&dynamo, &record(4)).await;
        let verdict = store.verify(&acme()).await.unwrap().to_string();
        assert_eq!(verdict, "the chain ends at record 3, the account is at 4");
        put_raw(&dynamo, other.clone()).await;
        put_raw(&dynamo, exchange(other.clone(), &record(5).sk)).await;
        let verdict = store.verify(&acme()).await.unwrap().to_string();
        assert_eq!(verdict, "the chain ends at record 5, the account is at 4");
        delete_raw(&dynamo, &record(5)).await;
        // A text that was changed is found, one that was deleted leaves the chain whole.
        let good = raw(&dynamo, &texts(3)).await.unwrap();
        let mut bad = good.clone();
        let mut list = good["texts"].as_l().unwrap().clone();
        let AttributeValue::M(text) = &mut list[0] else { panic!("{list:?}") };
        text.insert("text".to_owned(), AttributeValue::S("forged".to_owned()));
        bad.insert("texts".to_owned(), AttributeValue::L(list));
        put_raw(&dynamo, bad).await;
        let breach = Breach::Text { sequence: 3, text: 0 };
        assert_eq!(store.verify(&acme()).await.unwrap(), Verdict::Broken(breach));
        delete_raw(&dynamo, &texts(3)).await;
        assert_eq!(store.verify(&acme()).await.unwrap(), Verdict::Whole { records: 4 });
        let records = store.records(&acme(), Order::Oldest, &PageRequest::default()).await.unwrap().items;
        let reason = |index: usize| match &records[index].body.events().unwrap()[0] {
            Event::HoldBegun { hold, .. } => hold.reason.as_str().to_owned(),
            event => panic!("{event:?}"),
        };
        assert_eq!((reason(1), reason(2), reason(3)), ("first".to_owned(), String::new(), "third".to_owned()));
        assert!(!records[1].stored.contains("first"));
    }
}

/// What happens to each write in turn.
type Faulty = &'static [Option<Fault>];

/// Gives each write the next of these faults, before or after it is done.
struct Script {
    before: Vec<Option<Fault>>,
    after: Vec<Option<Fault>>,
    writes: AtomicU32,
}

impl Script {
    fn new(before: &[Option<Fault>], after: &[Option<Fault>]) -> Arc<Self> {
        Arc::new(Self { before: before.to_vec(), after: after.to_vec(), writes: AtomicU32::new(0) })
    }
}

#[async_trait]
impl Faults for Script {
    async fn before(&self, operation: Operation) -> Option<Fault> {
        if operation != Operation::Write {
            return None;
        }
        let number = self.writes.fetch_add(1, Ordering::Relaxed) as usize;
        self.before.get(number).copied().flatten()
    }

    async fn after(&self, operation: Operation) -> Option<Fault> {
        if operation != Operation::Write {
            return None;
        }
        let number = self.writes.load(Ordering::Relaxed) as usize - 1;
        self.after.get(number).copied().flatten()
    }
}

on_both! {
    async fn aud_1_a_commit_without_an_answer_is_written_once(dynamo: Dynamo) {
        const NONE: Option<Fault> = Some(Fault::NoAnswer);
        let cases: [(&str, Faulty, Faulty, &str); 7] = [
            ("never sent", &[NONE], &[], "done"),
            ("sent, no answer", &[], &[NONE], "done"),
            ("never sent, then no answer", &[NONE], &[None, NONE], "done"),
            ("no answer at all, and it was written", &[], &[NONE, NONE, NONE], "done"),
            ("never sent, three times", &[NONE, NONE, NONE], &[], "unclear"),
            ("a conflict", &[Some(Fault::Conflict)], &[], "stale"),
            ("no answer, then a conflict with itself", &[None, Some(Fault::Conflict)], &[NONE], "done"),
        ];
        for (index, (name, before, after, expected)) in cases.into_iter().enumerate() {
            let client = format!("client-{index}").parse().unwrap();
            let good = store(&dynamo);
            let loaded = opened(&good, &client, &[]).await;
            let shaky = store::Store::new(dynamo.with_faults(Script::new(before, after)), firm());
            let (held, events) = held(&loaded, "why");
            let commit = shaky.commit(&loaded, &held, &events, &meta("hold"), &derived(None)).await;
            let told = match &commit {
                Ok(Commit::Done(_)) => "done",
                Ok(Commit::Stale) => "stale",
                Err(StoreError::Unclear(_)) => "unclear",
                other => panic!("{name}: {other:?}"),
            };
            assert_eq!(told, expected, "{name}");
            let now = good.load(&client).await.unwrap().unwrap();
            let records = if told == "done" { 2 } else { 1 };
            assert_eq!((now.version(), now.chain().0), (records, records), "{name}");
            assert_eq!(good.verify(&client).await.unwrap(), Verdict::Whole { records }, "{name}");
        }
    }
}

on_both! {
    async fn a_commit_over_more_items_than_a_transaction_has_is_still_one(dynamo: Dynamo) {
        let store = store(&dynamo);
        let invoices: Vec<_> = (0..700).map(|number| invoice(&format!("A-{number:04}"), 100)).collect();
        let first = store.begin(acme(), profile());
        let mut after = first.account.clone();
        // Numbers have to be taken in the transaction itself: at most so many invoices at once.
        after.invoices = invoices.iter().map(|invoice| (invoice.id.clone(), invoice.clone())).collect();
        let error = store.commit(&first, &after, &[], &meta("open"), &derived(None)).await.unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { limit: 100, .. }), "{error}");
        assert!(store.load(&acme()).await.unwrap().is_none());
        let mut loaded = opened(&store, &acme(), &[]).await;
        for some in invoices.chunks(40) {
            let mut after = loaded.account.clone();
            after.invoices.extend(some.iter().map(|invoice| (invoice.id.clone(), invoice.clone())));
            let commit = store.commit(&loaded, &after, &[Event::ExceptionEnded], &meta("issue"), &derived(None)).await;
            assert!(is_done(&commit.unwrap()));
            loaded = store.load(&acme()).await.unwrap().unwrap();
        }
        // Half of them change, the others close; and the process ends right after the transaction.
        let mut after = loaded.account.clone();
        let on = day("2026-03-03");
        for (index, invoice) in after.invoices.values_mut().enumerate() {
            match index % 2 {
                0 => invoice.promises += 1,
                _ => invoice.ending = Some(domain::invoice::Ending::Voided { on, reason: Personal::new("x") }),
            }
        }
        let none = Some(Fault::NoAnswer);
        let dying = store::Store::new(dynamo.with_faults(Script::new(&[None, none, none, none], &[])), firm());
        let commit = dying.commit(&loaded, &after, &[Event::ExceptionEnded], &meta("all"), &derived(None)).await;
        assert!(is_done(&commit.unwrap()));
        assert!(raw(&dynamo, &Key::Parcel(&acme(), 0).place(&firm())).await.is_some());
        let mut now = store.load(&acme()).await.unwrap().unwrap();
        assert_eq!(now.account, open_part(&after));
        assert!(raw(&dynamo, &Key::Parcel(&acme(), 0).place(&firm())).await.is_none());
        let closed = after.invoices.keys().filter(|id| !now.account.invoices.contains_key(*id)).cloned();
        let needs = Needs { invoices: closed.collect(), ..Needs::default() };
        assert!(store.look_up(&mut now, &needs).await.unwrap());
        assert_eq!(now.account.invoices, after.invoices);
    }
}

on_both! {
    async fn a_head_over_its_limit_is_refused_before_anything_is_written(dynamo: Dynamo) {
        let store = store(&dynamo);
        let loaded = opened(&store, &acme(), &[]).await;
        let (after, events) = held(&loaded, &"x".repeat(store::MAX_HEAD_BYTES));
        let error = store.commit(&loaded, &after, &events, &meta("hold"), &derived(None)).await.unwrap_err();
        assert!(error.to_string().contains("the limit is 32768"), "{error}");
        assert_eq!(store.load(&acme()).await.unwrap().unwrap().version(), 1);
    }
}

on_both! {
    async fn aud_1_a_record_longer_than_an_item_comes_back_whole(dynamo: Dynamo) {
        let store = store(&dynamo);
        let loaded = opened(&store, &acme(), &[]).await;
        let (after, first) = held(&loaded, "why");
        let many: std::collections::BTreeSet<InvoiceId> =
            (0..60_000).map(|number| format!("INV-{number:08}").parse().unwrap()).collect();
        let mut events = first;
        events.push(Event::PromiseEnded { invoices: many, outcome: domain::plan::Outcome::Kept });
        let long = Event::HoldBegun { invoice: None, hold: hold(&"y".repeat(200 * 1024)) };
        events.extend([long.clone(), long]);
        assert!(is_done(&store.commit(&loaded, &after, &events, &meta("hold"), &derived(None)).await.unwrap()));
        assert_eq!(store.verify(&acme()).await.unwrap(), Verdict::Whole { records: 2 });
        for order in [Order::Oldest, Order::Newest] {
            let mut records = Vec::new();
            let mut cursor: Option<String> = None;
            loop {
                let page = PageRequest { cursor: cursor.as_deref(), limit: 1 };
                let listed = store.records(&acme(), order, &page).await.unwrap();
                records.extend(listed.items);
                cursor = listed.next;
                if cursor.is_none() {
                    break;
                }
            }
            records.sort_by_key(|record| record.sequence);
            assert_eq!(records.len(), 2, "{order:?}");
            assert_eq!(records[1].body.events().unwrap(), events);
        }
    }
}
