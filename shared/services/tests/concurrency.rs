//! Many at once on one client: each command once, in some order, and the chain whole.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;
mod office;

use std::sync::Arc;

use common::{acme, usd};
use domain::command::Command;
use domain::event::Event;
use domain::id::ClientId;
use domain::invoice::Source;
use futures::future::join_all;
use office::*;
use services::execute::{Caller, ExecuteError, execute};
use services::firm::Firm;
use store::{Dynamo, Verdict};

/// As a queue does: again when the client is busy. What was decided, and how often it was sent.
async fn queued(
    firm: &Firm,
    client: &ClientId,
    command: &Command,
    caller: &Caller,
) -> (Vec<Event>, u32) {
    for sent in 1..100 {
        match execute(firm, client, command, caller, noon("2026-03-02")).await {
            Ok(executed) => return (executed.events, sent),
            Err(ExecuteError::Busy(_)) => {}
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
    panic!("{command:?} was never carried out");
}

on_both! {
    async fn pay_1_fifty_deliveries_of_one_payment_are_one_payment(dynamo: Dynamo) {
        let firm = firm(&dynamo).await;
        open(&firm, &acme(), "2026-03-02").await;
        done(&firm, &issue("A-1", 500), &bea(), "2026-03-02").await;
        let version = firm.store().load(&acme()).await.unwrap().unwrap().version();
        // Each comes to a process of its own.
        let deliveries = (0..50).map(|_| {
            let dynamo = dynamo.apart();
            tokio::spawn(async move {
                let firm = reopened(&dynamo).await;
                queued(&firm, &acme(), &pay("stripe:pi_1", 700, &[]), &gateway()).await
            })
        });
        let ends: Vec<_> = join_all(deliveries).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(ends.iter().filter(|(events, _)| !events.is_empty()).count(), 1);
        let sent: u32 = ends.iter().map(|(_, sent)| sent).sum();
        println!("50 deliveries of one payment: sent {sent} times");
        let payments = ["stripe:pi_1".parse().unwrap()];
        let account = whole(firm.store(), &acme(), &["A-1".parse().unwrap()], &payments).await;
        let invoice = &account.invoices[&"A-1".parse().unwrap()];
        assert_eq!(invoice.paid(), usd(500));
        let source = Source::Payment("stripe:pi_1".parse().unwrap());
        assert_eq!(account.credits[&source].amount, usd(200));
        let now = firm.store().load(&acme()).await.unwrap().unwrap();
        assert_eq!(now.version(), version + 1);
        assert_eq!(firm.store().verify(&acme()).await.unwrap(), Verdict::Whole { records: version + 1 });
    }
}

on_both! {
    async fn eval_4_two_hundred_commands_at_once_are_each_carried_out_once(dynamo: Dynamo) {
        two_hundred(&dynamo, 1).await;
    }
}

on_both! {
    async fn eval_4_two_hundred_commands_of_ten_processes_are_each_carried_out_once(dynamo: Dynamo) {
        two_hundred(&dynamo, 10).await;
    }
}

async fn two_hundred(dynamo: &Dynamo, processes: usize) {
    let mut firms = vec![Arc::new(firm(dynamo).await)];
    open(&firms[0], &acme(), "2026-03-02").await;
    while firms.len() < processes {
        firms.push(Arc::new(reopened(&dynamo.apart()).await));
    }
    let commands = (0..200).map(|number| {
        let firm = firms[number % processes].clone();
        let id = format!("CN-{number:03}").parse().unwrap();
        let amount = usd(100 + number as u64);
        let command = Command::IssueCreditNote { id, amount, invoice: None };
        tokio::spawn(async move { queued(&firm, &acme(), &command, &bea()).await })
    });
    let ends: Vec<_> = join_all(commands).await.into_iter().map(Result::unwrap).collect();
    let is_issued = |event: &&Event| matches!(event, Event::CreditNoteIssued { .. });
    assert!(ends.iter().all(|(events, _)| events.iter().filter(is_issued).count() == 1));
    let sent = || ends.iter().map(|(_, sent)| *sent);
    let calls: u64 = firms.iter().map(|firm| firm.store().dynamo().capacity().take().calls).sum();
    println!(
        "200 commands at once, processes: {processes}; sent {} times, at most {} each; {calls} calls of the table",
        sent().sum::<u32>(),
        sent().max().unwrap(),
    );
    let store = firms[0].store();
    let now = store.load(&acme()).await.unwrap().unwrap();
    let credit = now.account.credit(domain::money::Currency::USD);
    let expected = usd((0..200).map(|number| 100 + number).sum());
    assert_eq!((now.account.credits.len(), credit), (200, expected));
    assert_eq!(now.version(), 201);
    assert_eq!(store.verify(&acme()).await.unwrap(), Verdict::Whole { records: 201 });
}
