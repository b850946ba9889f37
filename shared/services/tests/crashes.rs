//! The process ends at each of its calls in turn: before it is sent, after the table did it and before the
//! answer came. Then it is started again, and the same work is done: nothing is lost, nothing done twice.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;
#[path = "office/end_at.rs"]
mod end_at;
mod office;

use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use common::{embedded, firm as firm_id, invoice, meta, profile};
use domain::account::Account;
use domain::command::Command;
use domain::event::Event;
use domain::id::{ClientId, InvoiceId, PaymentId};
use end_at::EndAt;
use office::*;
use services::execute::{Caller, execute};
use services::firm::Firm;
use store::{Commit, Derived, Dynamo, Store, Verdict};
use tokio::sync::Notify;

/// Carries out the command in a process that ends at that boundary; `false`: it came to its end before.
async fn ends_at(
    dynamo: &Dynamo,
    boundary: u32,
    client: &ClientId,
    command: &Command,
    caller: &Caller,
) -> bool {
    let end = Arc::new(EndAt { boundary, passed: AtomicU32::new(0), ended: Notify::new() });
    let dying = dynamo.with_faults(end.clone());
    let (client, command, caller) = (client.clone(), command.clone(), caller.clone());
    let mut task = tokio::spawn(async move {
        let firm = Firm::open(dying, firm_id()).await.unwrap().unwrap();
        execute(&firm, &client, &command, &caller, noon("2026-05-04")).await.map(|_| ())
    });
    tokio::select! {
        () = end.ended.notified() => {
            task.abort();
            true
        }
        finished = &mut task => {
            finished.unwrap().unwrap();
            false
        }
    }
}

/// What one of many clients looks like, without its name and what belongs to it.
fn anonymous(account: &Account, client: &ClientId) -> String {
    format!("{account:?}").replace(client.as_str(), "client")
}

struct Case {
    name: &'static str,
    invoices: usize,
    command: fn(&ClientId) -> Command,
    caller: Caller,
}

fn number(client: &ClientId, index: usize) -> String {
    format!("{client}-{index:04}")
}

fn payment(client: &ClientId) -> PaymentId {
    format!("stripe:{client}").parse().unwrap()
}

/// A client whose invoices are long overdue, and of whom nothing was decided yet.
async fn indebted(store: &Store, client: &ClientId, invoices: usize) {
    let mut loaded = store.begin(client.clone(), profile());
    let indices: Vec<_> = (0..invoices).collect();
    for some in indices.chunks(40) {
        let mut after = loaded.account.clone();
        for index in some {
            let invoice = invoice(&number(client, *index), 100);
            after.invoices.insert(invoice.id.clone(), invoice);
        }
        let derived = Derived {
            next_evaluation: None,
            shards: 2,
            ready_at: &|_| None,
            charge_at: Default::default(),
        };
        let events = [Event::ExceptionEnded];
        let commit =
            store.commit(&loaded, &after, &events, &meta("import"), &derived).await.unwrap();
        assert!(matches!(commit, Commit::Done(_)));
        loaded = store.load(client).await.unwrap().unwrap();
    }
}

/// The account with everything, and how many records its chain has.
async fn state(store: &Store, client: &ClientId, invoices: usize) -> (String, u64) {
    let ids: Vec<InvoiceId> =
        (0..invoices).map(|index| number(client, index).parse().unwrap()).collect();
    let account = whole(store, client, &ids, &[payment(client)]).await;
    let Verdict::Whole { records } = store.verify(client).await.unwrap() else {
        panic!("the chain of {client} is broken")
    };
    (anonymous(&account, client), records)
}

async fn each_boundary(case: &Case) {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    let store = firm.store();
    let run = async |client: &ClientId| {
        let command = (case.command)(client);
        execute(&firm, client, &command, &case.caller, noon("2026-05-04")).await.unwrap()
    };
    let model: ClientId = "model".parse().unwrap();
    indebted(store, &model, case.invoices).await;
    run(&model).await;
    let expected = state(store, &model, case.invoices).await;
    for boundary in 0.. {
        // Names of one length, so that everything else is alike.
        let client: ClientId = format!("c{boundary:04}").parse().unwrap();
        indebted(store, &client, case.invoices).await;
        let command = (case.command)(&client);
        if !ends_at(&dynamo, boundary, &client, &command, &case.caller).await {
            println!("{}: {boundary} boundaries", case.name);
            assert!(6 < boundary, "{}: only {boundary} boundaries", case.name);
            return;
        }
        run(&client).await;
        let found = state(store, &client, case.invoices).await;
        assert_eq!(found, expected, "{} ended at boundary {boundary}", case.name);
        assert!(run(&client).await.events.is_empty(), "{} again after {boundary}", case.name);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_1_a_payment_survives_the_end_of_the_process() {
    let named = |client: &ClientId| {
        let invoices: Vec<InvoiceId> =
            (0..3).map(|index| number(client, index).parse().unwrap()).collect();
        pay(payment(client).as_str(), 250, &invoices)
    };
    each_boundary(&Case { name: "payment", invoices: 3, command: named, caller: gateway() }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pay_4_a_payment_over_many_invoices_survives_the_end_of_the_process() {
    let over_all = |client: &ClientId| pay(payment(client).as_str(), 100 * 100 + 50, &[]);
    each_boundary(&Case {
        name: "payment over 100",
        invoices: 100,
        command: over_all,
        caller: gateway(),
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_2_an_evaluation_survives_the_end_of_the_process() {
    let evaluate = |_: &ClientId| Command::Evaluate;
    each_boundary(&Case { name: "evaluation", invoices: 3, command: evaluate, caller: schedule() })
        .await;
}

/// Its items don't fit one transaction.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_2_a_large_evaluation_survives_the_end_of_the_process() {
    let evaluate = |_: &ClientId| Command::Evaluate;
    each_boundary(&Case {
        name: "evaluation of 250",
        invoices: 250,
        command: evaluate,
        caller: schedule(),
    })
    .await;
}
