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

/// As a queue does: again when the client is busy. How often it was sent, and how often decided.
async fn queued(
    firm: &Firm,
    client: &ClientId,
    command: &Command,
    caller: &Caller,
) -> (Vec<Event>, u32, u32) {
    let mut tries = 0;
    for sent in 1..100 {
        match execute(firm, client, command, caller, noon("2026-03-02")).await {
            Ok(executed) => return (executed.events, sent, tries + executed.tries),
            Err(ExecuteError::Busy(_)) => tries += 8,
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
    panic!("{command:?} was never carried out");
}

on_both! {
    async fn pay_1_fifty_deliveries_of_one_payment_are_one_payment(dynamo: Dynamo) {
        let firm = Arc::new(firm(&dynamo).await);
        open(&firm, &acme(), "2026-03-02").await;
        done(&firm, &issue("A-1", 500), &bea(), "2026-03-02").await;
        let version = firm.store().load(&acme()).await.unwrap().unwrap().version();
        let deliveries = (0..50).map(|_| {
            let firm = firm.clone();
            tokio::spawn(async move { queued(&firm, &acme(), &pay("stripe:pi_1", 700, &[]), &gateway()).await })
        });
        let ends: Vec<_> = join_all(deliveries).await.into_iter().map(Result::unwrap).collect();
        assert_eq!(ends.iter().filter(|(events, ..)| !events.is_empty()).count(), 1);
        let tries: u32 = ends.iter().map(|(_, _, tries)| tries).sum();
        println!("50 deliveries of one payment: decided {tries} times");
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
        let firm = Arc::new(firm(&dynamo).await);
        open(&firm, &acme(), "2026-03-02").await;
        let commands = (0..200).map(|number| {
            let firm = firm.clone();
            let id = format!("CN-{number:03}").parse().unwrap();
            let command = Command::IssueCreditNote { id, amount: usd(100 + number), invoice: None };
            tokio::spawn(async move { queued(&firm, &acme(), &command, &bea()).await })
        });
        let ends: Vec<_> = join_all(commands).await.into_iter().map(Result::unwrap).collect();
        let issued =
            |events: &[Event]| events.iter().filter(|e| matches!(e, Event::CreditNoteIssued { .. })).count();
        assert!(ends.iter().all(|(events, ..)| issued(events) == 1));
        let sum = |part: fn(&(Vec<Event>, u32, u32)) -> u32| ends.iter().map(part).sum::<u32>();
        let most = ends.iter().map(|(_, sent, _)| *sent).max().unwrap();
        println!(
            "200 commands at once: sent {} times, at most {most} each, decided {} times",
            sum(|(_, sent, _)| *sent),
            sum(|(_, _, tries)| *tries)
        );
        let now = firm.store().load(&acme()).await.unwrap().unwrap();
        let credit = now.account.credit(domain::money::Currency::USD);
        assert_eq!((now.account.credits.len(), credit), (200, usd((0..200).map(|number| 100 + number).sum())));
        assert_eq!(now.version(), 201);
        assert_eq!(firm.store().verify(&acme()).await.unwrap(), Verdict::Whole { records: 201 });
    }
}
