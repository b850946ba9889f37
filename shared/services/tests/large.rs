//! The largest client there may be, and a payment over more invoices than one commit changes.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;
mod office;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use common::{acme, embedded, invoice, meta, profile, usd};
use domain::account::{Account, MAX_OPEN_INVOICES};
use domain::apply::money_by_source;
use domain::command::Command;
use domain::event::Event;
use domain::id::{InvoiceId, PaymentId};
use domain::invoice::Source;
use office::*;
use services::execute::execute;
use services::firm::Firm;
use store::{
    Commit, Derived, Dynamo, Fault, Faults, Operation, Order, PageRequest, Store, Verdict,
};

/// Puts so many invoices on a client, as an import would: nothing is decided.
async fn import(store: &Store, count: usize) -> Vec<InvoiceId> {
    let ids: Vec<InvoiceId> = (0..count).map(|n| format!("A-{n:04}").parse().unwrap()).collect();
    let mut loaded = store.begin(acme(), profile());
    for some in ids.chunks(90) {
        let mut after = loaded.account.clone();
        let with_id = |id: &InvoiceId| (id.clone(), invoice(id.as_str(), 100));
        after.invoices.extend(some.iter().map(with_id));
        let derived = Derived {
            next_evaluation: None,
            shards: 2,
            ready_at: &|_| None,
            charge_at: Default::default(),
        };
        let events = [Event::ExceptionEnded];
        let commit =
            store.commit(&loaded, &after, &events, &meta("import"), &derived).await.unwrap();
        assert!(matches!(commit, Commit::Done(_)), "{commit:?}");
        loaded = store.load(&acme()).await.unwrap().unwrap();
    }
    assert_eq!(loaded.account.invoices.len(), count);
    ids
}

/// Looks at the account after each write of somebody else.
struct Witness {
    store: Store,
    invoices: Vec<InvoiceId>,
    payment: PaymentId,
    states: AtomicU32,
    accounts: Mutex<Vec<Account>>,
}

#[async_trait]
impl Faults for Witness {
    async fn before(&self, _: Operation) -> Option<Fault> {
        None
    }

    async fn after(&self, operation: Operation) -> Option<Fault> {
        if operation == Operation::Write {
            self.states.fetch_add(1, Ordering::Relaxed);
            let payments = [self.payment.clone()];
            let account = whole(&self.store, &acme(), &self.invoices, &payments).await;
            self.accounts.lock().unwrap().push(account);
        }
        None
    }
}

/// Σ succeeded payments = Σ allocations + Σ credit, and no invoice holds more than its total (PAY-6).
fn assert_nothing_is_lost(account: &Account, payment: &PaymentId) {
    let known = account.payments.get(payment);
    let kept = known.map_or(0, |payment| payment.kept());
    let held =
        money_by_source(account).get(&Source::Payment(payment.clone())).copied().unwrap_or(0);
    assert_eq!(held, kept);
    let of_payment: u64 =
        known.iter().flat_map(|payment| &payment.allocations).map(|(_, share)| share.minor()).sum();
    let on_invoices: u64 = account.invoices.values().map(|invoice| invoice.paid().minor()).sum();
    assert_eq!(of_payment, on_invoices);
    for invoice in account.invoices.values() {
        assert!(invoice.paid().minor() <= invoice.total_with_fees().minor(), "{}", invoice.id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_6_a_payment_over_300_invoices_is_right_at_every_moment() {
    let dynamo = embedded().await;
    firm(&dynamo).await;
    let store = Store::new(dynamo.clone(), common::firm());
    let invoices = import(&store, 310).await;
    let payment: PaymentId = "stripe:pi_1".parse().unwrap();
    let witness = Arc::new(Witness {
        store: store.clone(),
        invoices: invoices.clone(),
        payment: payment.clone(),
        states: AtomicU32::new(0),
        accounts: Mutex::default(),
    });
    let watched = dynamo.with_faults(witness.clone());
    let firm = Firm::open(watched, common::firm()).await.unwrap().unwrap();
    let on = "2026-06-10"; // 71 days overdue: whatever is left open would be collected
    let paid = done(&firm, &pay("stripe:pi_1", 300 * 100 + 40, &[]), &gateway(), on).await;
    let accounts = std::mem::take(&mut *witness.accounts.lock().unwrap());
    let is_spread = |account: &&Account| !account.is_spreading();
    let unfinished = accounts.iter().filter(|account| account.is_spreading());
    for account in unfinished.clone() {
        assert!(
            !account.is_locked()
                && account.letters.values().all(|letter| !letter.content.is_debt())
        );
    }
    assert!(7 <= unfinished.count(), "{} states", accounts.len());
    for account in accounts.iter() {
        assert_nothing_is_lost(account, &payment);
    }
    let last = accounts.iter().rfind(is_spread).unwrap();
    let open: Vec<_> = last.open_invoices().collect();
    assert_eq!((open.len(), open[0].paid(), last.credits.len()), (10, usd(40), 0));
    assert_eq!(store.load(&acme()).await.unwrap().unwrap().account, paid_open(&paid.account));
    // Nothing escalates before the last of it, and then only over what is still open.
    let records =
        store.records(&acme(), Order::Newest, &PageRequest::default()).await.unwrap().items;
    for record in &records[1..] {
        assert!(!escalates(&record.body.events().unwrap()), "record {}", record.sequence);
    }
    let still_open: BTreeSet<_> = open.iter().map(|invoice| &invoice.id).collect();
    for event in records[0].body.events().unwrap() {
        if let Event::StepDone { invoices, .. } = event {
            assert!(invoices.iter().all(|id| still_open.contains(id)));
        }
    }
    assert!(matches!(store.verify(&acme()).await.unwrap(), Verdict::Whole { .. }));
}

fn paid_open(account: &Account) -> Account {
    common::open_part(account)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_thousand_open_invoices_work_and_one_more_is_refused() {
    let dynamo: Dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let store = firm.store();
    let invoices = import(store, MAX_OPEN_INVOICES).await;
    let on = "2026-06-10";
    let text = refused(&firm, &issue("B-1", 500), &bea(), on).await;
    assert!(text.contains("5000 open invoices"), "{text}");
    // All of them are 71 days overdue: one evaluation changes every one.
    let evaluated = done(&firm, &Command::Evaluate, &schedule(), on).await;
    assert!(!evaluated.events.is_empty());
    let now = store.load(&acme()).await.unwrap().unwrap();
    assert_eq!(now.account, common::open_part(&evaluated.account));
    // The letter warns every one.
    let letters = store.letters(&acme(), &PageRequest::default()).await.unwrap().items;
    let claim = Command::ClaimLetter { letter: letters[0].letter.id };
    let claimed = execute(&firm, &acme(), &claim, &schedule(), noon(on)).await.unwrap();
    assert!(claimed.account.invoices.values().all(|invoice| invoice.was_warned()));
    // A payment closes one, and another may come.
    done(&firm, &pay("stripe:pi_1", 100, &invoices[..1]), &gateway(), on).await;
    done(&firm, &issue("B-1", 500), &bea(), on).await;
    let now = store.load(&acme()).await.unwrap().unwrap();
    assert_eq!(now.account.invoices.len(), MAX_OPEN_INVOICES);
    let warned = now.account.invoices.values().filter(|invoice| invoice.was_warned()).count();
    assert_eq!(warned, MAX_OPEN_INVOICES - 1);
    assert!(matches!(store.verify(&acme()).await.unwrap(), Verdict::Whole { .. }));
}
