//! Somebody is faster, no answer comes, the process ends: in the end it is all there, once.

use crate::end_at::EndAt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use domain::account::Account;
use domain::id::ClientId;
use services::import::mapping::Mapping;
use services::import::run::{Options, Report};
use store::{Dynamo, Fault, Faults, Operation};
use tokio::sync::Notify;

use crate::common::embedded;
use crate::desk::*;

/// New invoices, part payments, disputes, a client of several commits.
fn first() -> String {
    let many: Vec<_> = (1..=30).map(|n| format!("bigco,B-{n},2026-08-01,,100,30")).collect();
    let mut rows = vec![
        "acme,A-1,2026-08-01,,100,40,2026-08-20,yes",
        "acme,A-2,2026-08-01,,100,100,2026-08-20",
    ];
    rows.extend(many.iter().map(String::as_str));
    file(&rows)
}

/// More was paid, and one more invoice was written.
fn second() -> String {
    first().replace("A-1,2026-08-01,,100,40", "A-1,2026-08-01,,100,70")
        + "acme,A-3,2026-09-01,,10,,2026-09-02,,\n"
}

fn clients() -> [ClientId; 2] {
    ["acme", "bigco"].map(|client| client.parse().unwrap())
}

async fn accounts(dynamo: &Dynamo) -> Vec<Account> {
    let firm = reopened(dynamo).await;
    let mut accounts = Vec::new();
    for client in clients() {
        accounts.push(account(&firm, &client).await);
    }
    chains(&firm, clients().iter()).await;
    accounts
}

/// What an undisturbed import of both files comes to.
async fn undisturbed() -> (Vec<Account>, Vec<Books>) {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    imported(&firm, first()).await;
    imported(&firm, second()).await;
    (accounts(&dynamo).await, books(&dynamo).await)
}

async fn books(dynamo: &Dynamo) -> Vec<Books> {
    let firm = reopened(dynamo).await;
    let mut books = Vec::new();
    for client in clients() {
        books.push(books_in(&firm, &client).await);
    }
    books
}

/// Imports in a process that ends at that boundary; the report, where it came to its end before.
async fn ends_at(dynamo: &Dynamo, boundary: u32, file: String) -> Option<Report> {
    let end = Arc::new(EndAt { boundary, passed: AtomicU32::new(0), ended: Notify::new() });
    let dying = dynamo.with_faults(end.clone());
    let mut task = tokio::spawn(async move { imported(&reopened(&dying).await, file).await });
    tokio::select! {
        () = end.ended.notified() => {
            task.abort();
            None
        }
        finished = &mut task => Some(finished.unwrap()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_that_ends_anywhere_goes_on_where_it_was() {
    let (accounts_then, books_then) = undisturbed().await;
    let mut boundary = 0;
    loop {
        let dynamo = embedded().await;
        firm(&dynamo).await;
        let reached_end = ends_at(&dynamo, boundary, first()).await.is_some();
        imported(&reopened(&dynamo).await, first()).await;
        let second_reached = ends_at(&dynamo, boundary, second()).await.is_some();
        imported(&reopened(&dynamo).await, second()).await;
        assert_eq!(books(&dynamo).await, books_then, "ended at {boundary}");
        let accounts = accounts(&dynamo).await;
        for (account, expected) in accounts.iter().zip(&accounts_then) {
            assert_eq!(account.invoices, expected.invoices, "ended at {boundary}");
            assert_eq!((&account.credits, &account.tasks), (&expected.credits, &expected.tasks));
        }
        if reached_end && second_reached {
            break;
        }
        boundary += 1;
    }
    assert!(20 < boundary, "an import makes more than {boundary} calls");
}

/// Each transaction meets another one once, and each answer after it is lost once.
struct Rough {
    calls: AtomicU32,
}

#[async_trait]
impl Faults for Rough {
    async fn before(&self, operation: Operation) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (operation == Operation::Write && call.is_multiple_of(3)).then_some(Fault::Conflict)
    }

    async fn after(&self, operation: Operation) -> Option<Fault> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        (operation == Operation::Write && call.is_multiple_of(2)).then_some(Fault::NoAnswer)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eval_4_conflicts_and_lost_answers_change_nothing_in_the_end() {
    let (_, books_then) = undisturbed().await;
    let dynamo = embedded().await;
    firm(&dynamo).await;
    let rough = dynamo.with_faults(Arc::new(Rough { calls: AtomicU32::new(0) }));
    let firm = reopened(&rough).await;
    imported(&firm, first()).await;
    imported(&firm, second()).await;
    assert_eq!(books(&dynamo).await, books_then);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_imports_of_one_file_at_once_are_one() {
    let (_, books_then) = undisturbed().await;
    let dynamo = embedded().await;
    firm(&dynamo).await;
    for file in [first(), second()] {
        let both = (0..2).map(|_| {
            let (dynamo, file) = (dynamo.clone(), file.clone());
            tokio::spawn(async move {
                let firm = reopened(&dynamo).await;
                let (mapping, options) = (Mapping::default(), Options::default());
                try_import(&firm, file.as_bytes(), &mapping, &options).await.unwrap()
            })
        });
        let both = futures::future::join_all(both).await;
        let summaries: Vec<_> = both.into_iter().map(|report| report.unwrap().summary).collect();
        let created: usize = summaries.iter().map(|summary| summary.created).sum();
        let payments: usize = summaries.iter().map(|summary| summary.payments).sum();
        let unchanged: usize = summaries.iter().map(|summary| summary.unchanged).sum();
        let expected = if file == first() { (32, 32, 32) } else { (1, 2, 64) };
        assert_eq!((created, payments, unchanged), expected, "each counted by whoever did it");
        assert!(summaries.iter().all(|summary| summary.is_clean()));
    }
    assert_eq!(books(&dynamo).await, books_then);
}
