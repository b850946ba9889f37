//! Numbers without a gap (INV-7): whoever draws at once, whatever fails on the way, and whoever asks again.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../store/tests/common/mod.rs"]
mod common;
#[path = "office/end_at.rs"]
mod end_at;
mod office;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use common::{acme, embedded, firm as firm_id, meta, usd};
use domain::command::{Command, NewInvoice};
use domain::event::Event;
use domain::id::{ClientId, InvoiceId};
use domain::invoice::{Ending, Posting};
use domain::note::NoteKind;
use domain::numbering::{MAX_COUNTER, Series, draft_name};
use domain::text::Personal;
use end_at::EndAt;
use futures::future::join_all;
use office::*;
use services::execute::{ExecuteError, Executed, Numbered, With, execute, execute_with, foresee};
use services::firm::Firm;
use store::{
    Dynamo, Fault, Faults, FirmChange, FirmCommit, Operation, Order, PageRequest, Verdict,
};
use tokio::sync::Notify;

const ON: &str = "2026-03-02";

fn series() -> Series {
    Series::new("2026-", 4, 1).unwrap()
}

/// A firm that draws from these.
async fn firm_with(dynamo: &Dynamo, series: &[Series]) -> Firm {
    let firm = firm(dynamo).await;
    let settings = store::FirmSettings { numbering: series.to_vec(), ..firm.settings().clone() };
    let change = FirmChange::Settings(settings);
    let changed = firm.store().change_firm(firm.loaded(), &change, &meta("settings")).await;
    assert_eq!(changed.unwrap(), FirmCommit::Done);
    reopened(dynamo).await
}

fn new_invoice(id: &str, is_draft: bool) -> NewInvoice {
    let Command::IssueInvoice(new) = issue(id, 500) else { unreachable!("it issues") };
    NewInvoice { is_draft, ..new }
}

/// An invoice with the next number of the first series.
async fn draw(
    firm: &Firm,
    client: &ClientId,
    once: Option<&str>,
    total: u64,
) -> Result<Executed, ExecuteError> {
    let command = move |number: Option<&InvoiceId>| {
        let new = NewInvoice { total: usd(total), ..new_invoice("draft:new", false) };
        Command::IssueInvoice(NewInvoice { id: number.unwrap_or(&new.id).clone(), ..new })
    };
    let with = With { once, series: firm.settings().numbering.first() };
    execute_with(firm, client, (&command, with), &bea(), noon(ON)).await
}

/// As whoever is told to come back does.
async fn drawn(firm: &Firm, client: &ClientId, once: Option<&str>) -> String {
    for _ in 0..100 {
        match draw(firm, client, once, 500).await {
            Ok(executed) => return executed.made.unwrap(),
            Err(ExecuteError::Busy(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    panic!("nothing was drawn")
}

fn numbers(count: u64) -> Vec<String> {
    (1..=count).map(|n| series().number(n).unwrap().to_string()).collect()
}

fn clients(count: usize) -> Vec<ClientId> {
    (0..count).map(|number| format!("c{number:03}").parse().unwrap()).collect()
}

async fn invoices(firm: &Firm, client: &ClientId) -> Vec<InvoiceId> {
    let page = PageRequest::default();
    let listed = firm.store().invoices(client, &page).await.unwrap();
    listed.items.into_iter().map(|invoice| invoice.id).collect()
}

on_both! {
    async fn inv_7_fifty_at_once_draw_fifty_numbers_without_a_gap(dynamo: Dynamo) {
        let firm = firm_with(&dynamo, &[series()]).await;
        let clients = clients(10);
        for client in &clients {
            open(&firm, client, ON).await;
        }
        let mut firms = Vec::new();
        for _ in 0..5 {
            firms.push(Arc::new(reopened(&dynamo.apart()).await));
        }
        let draws = (0..50).map(|number| {
            let (firm, client) = (firms[number % 5].clone(), clients[number % 10].clone());
            tokio::spawn(async move { (drawn(&firm, &client, None).await, client) })
        });
        let drawn: Vec<_> = join_all(draws).await.into_iter().map(Result::unwrap).collect();
        let mut all: Vec<_> = drawn.iter().map(|(number, _)| number.clone()).collect();
        all.sort();
        assert_eq!(all, numbers(50));
        for (number, client) in &drawn {
            let whose = firm.store().client_of_invoice(&number.parse().unwrap()).await.unwrap();
            assert_eq!(whose.as_ref(), Some(client));
        }
        for client in &clients {
            assert_eq!(firm.store().verify(client).await.unwrap(), Verdict::Whole { records: 6 });
            assert_eq!(invoices(&firm, client).await.len(), 5);
        }
    }
}

#[tokio::test]
async fn inv_7_whoever_asks_before_is_told_the_next_number_and_draws_none() {
    let firm = firm_with(&embedded().await, &[series()]).await;
    let client = acme();
    open(&firm, &client, ON).await;
    let command = |number: Option<&InvoiceId>| {
        let new = new_invoice("draft:new", false);
        Command::IssueInvoice(NewInvoice { id: number.unwrap_or(&new.id).clone(), ..new })
    };
    for number in ["2026-0001", "2026-0002"] {
        let asked = async || {
            let asked: (&Numbered<'_>, _) = (&command, firm.settings().numbering.first());
            foresee(&firm, &client, asked, &bea(), noon(ON)).await.unwrap()
        };
        let foreseen = asked().await;
        assert_eq!(foreseen, asked().await, "nothing is written");
        assert!(matches!(&foreseen[0], Event::InvoiceIssued(new) if new.id.as_str() == number));
        let done = draw(&firm, &client, None, 500).await.unwrap();
        assert_eq!(done.events, foreseen);
    }
    let nobody = "nobody".parse().unwrap();
    let asked: (&Numbered<'_>, _) = (&|_| Command::Evaluate, None);
    let refused = foresee(&firm, &nobody, asked, &bea(), noon(ON)).await.unwrap_err();
    assert!(matches!(refused, ExecuteError::NotFound(_)), "{refused}");
}

/// Of the writes, in turn: one goes through, one meets another's, one is never sent, one is sent and not
/// answered.
struct Rough(AtomicU32);

#[async_trait]
impl Faults for Rough {
    async fn before(&self, operation: Operation) -> Option<Fault> {
        if operation != Operation::Write {
            return None;
        }
        match self.0.fetch_add(1, Ordering::SeqCst) % 4 {
            1 => Some(Fault::Conflict),
            2 => Some(Fault::NoAnswer),
            _ => None,
        }
    }

    async fn after(&self, operation: Operation) -> Option<Fault> {
        let is_last = self.0.load(Ordering::SeqCst).is_multiple_of(4);
        (operation == Operation::Write && is_last).then_some(Fault::NoAnswer)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_7_conflicts_and_lost_answers_leave_no_gap() {
    let dynamo = embedded().await;
    let whole = firm_with(&dynamo, &[series()]).await;
    open(&whole, &acme(), ON).await;
    let rough = dynamo.with_faults(Arc::new(Rough(AtomicU32::new(0))));
    let firm = Firm::open(rough, firm_id()).await.unwrap().unwrap();
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(drawn(&firm, &acme(), None).await);
    }
    assert_eq!(all, numbers(20));
    assert_eq!(invoices(&whole, &acme()).await.len(), 20);
    assert_eq!(whole.store().verify(&acme()).await.unwrap(), Verdict::Whole { records: 21 });
}

/// A process that ends at each of its calls in turn; whoever asked asks again with the same key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn inv_7_a_request_that_died_gets_the_same_number_when_it_is_made_again() {
    let dynamo = embedded().await;
    let firm = firm_with(&dynamo, &[series()]).await;
    let mut all = BTreeSet::new();
    for boundary in 0.. {
        let client: ClientId = format!("c{boundary:03}").parse().unwrap();
        open(&firm, &client, ON).await;
        let key = format!("key-{boundary}");
        let end = Arc::new(EndAt { boundary, passed: AtomicU32::new(0), ended: Notify::new() });
        let (dying, whose, once) = (dynamo.with_faults(end.clone()), client.clone(), key.clone());
        let mut task = tokio::spawn(async move {
            let firm = Firm::open(dying, firm_id()).await.unwrap().unwrap();
            draw(&firm, &whose, Some(&once), 500).await.map(|_| ()).unwrap();
        });
        let has_ended = tokio::select! {
            () = end.ended.notified() => { task.abort(); true }
            finished = &mut task => { finished.unwrap(); false }
        };
        let number = drawn(&firm, &client, Some(&key)).await;
        assert_eq!(drawn(&firm, &client, Some(&key)).await, number, "again after {boundary}");
        assert_eq!(invoices(&firm, &client).await, [number.parse().unwrap()]);
        assert!(all.insert(number), "drawn twice after {boundary}");
        if !has_ended {
            assert!(8 < boundary, "only {boundary} boundaries");
            break;
        }
    }
    assert_eq!(all.iter().cloned().collect::<Vec<_>>(), numbers(all.len() as u64));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn inv_7_a_request_that_is_made_twice_at_once_draws_once() {
    let dynamo = embedded().await;
    let firm = Arc::new(firm_with(&dynamo, &[series()]).await);
    open(&firm, &acme(), ON).await;
    let draws = (0..8).map(|_| {
        let dynamo = dynamo.apart();
        tokio::spawn(async move { drawn(&reopened(&dynamo).await, &acme(), Some("key")).await })
    });
    let all: BTreeSet<_> = join_all(draws).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), numbers(1));
    assert_eq!(drawn(&firm, &acme(), Some("other")).await, "2026-0002");
}

#[tokio::test]
async fn inv_7_what_is_refused_draws_nothing_and_a_void_one_keeps_its_number() {
    let dynamo = embedded().await;
    let firm = firm_with(&dynamo, &[series()]).await;
    open(&firm, &acme(), ON).await;
    assert_eq!(drawn(&firm, &acme(), None).await, "2026-0001");
    let refused_of = |error: ExecuteError| match error {
        ExecuteError::Refused(refusal) => refusal.to_string(),
        error => panic!("{error}"),
    };
    let text = refused_of(draw(&firm, &acme(), Some("k"), u64::MAX).await.unwrap_err());
    assert!(text.contains("too large"), "{text}");
    let nobody = "nobody".parse().unwrap();
    let none = draw(&firm, &nobody, None, 500).await;
    assert!(matches!(none, Err(ExecuteError::NotFound(_))));
    let reason = Personal::new("twice");
    let void = Command::VoidInvoice { invoice: "2026-0001".parse().unwrap(), reason };
    done(&firm, &void, &bea(), ON).await;
    assert_eq!(drawn(&firm, &acme(), Some("k")).await, "2026-0002");
    let kept = firm.store().invoice(&acme(), &"2026-0001".parse().unwrap()).await.unwrap();
    assert!(matches!(kept.unwrap().ending, Some(Ending::Voided { .. })));
    for (number, expected) in [
        ("2026-0003", "is of the series \"2026-\""),
        ("2026-0001", "is of the series \"2026-\""),
        ("draft:x", "no number"),
    ] {
        let text = refused(&firm, &issue(number, 500), &bea(), ON).await;
        assert!(text.contains(expected), "{text}");
    }
    done(&firm, &issue("2026-003", 500), &bea(), ON).await; // of no series
}

#[tokio::test]
async fn inv_7_numbers_that_were_there_before_the_series_are_passed_over() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    open(&firm, &acme(), ON).await;
    let other: ClientId = "other".parse().unwrap();
    open(&firm, &other, ON).await;
    // An open one of the same client, one of another, and more than one look finds.
    done(&firm, &issue("2026-0001", 500), &bea(), ON).await;
    for number in 3..=130 {
        let issue = issue(&format!("2026-{number:04}"), 500);
        execute(&firm, &other, &issue, &bea(), noon(ON)).await.unwrap();
    }
    let settings = store::FirmSettings { numbering: vec![series()], ..firm.settings().clone() };
    let change = FirmChange::Settings(settings);
    firm.store().change_firm(firm.loaded(), &change, &meta("settings")).await.unwrap();
    let firm = reopened(&dynamo).await;
    for expected in ["2026-0002", "2026-0131", "2026-0132"] {
        assert_eq!(drawn(&firm, &acme(), None).await, expected);
    }
}

#[tokio::test]
async fn inv_7_a_series_ends() {
    let dynamo = embedded().await;
    let last = Series::new("last-", 1, MAX_COUNTER).unwrap();
    let firm = firm_with(&dynamo, &[last]).await;
    open(&firm, &acme(), ON).await;
    assert_eq!(drawn(&firm, &acme(), None).await, format!("last-{MAX_COUNTER}"));
    let error = draw(&firm, &acme(), None, 500).await.unwrap_err().to_string();
    assert_eq!(error, "the series \"last-\" has no number left (INV-7)");
}

#[tokio::test]
async fn inv_7_a_draft_gets_its_number_when_it_is_posted() {
    let dynamo = embedded().await;
    let firm = firm_with(&dynamo, &[series()]).await;
    open(&firm, &acme(), ON).await;
    let credit =
        Command::IssueCreditNote { id: "CN-1".parse().unwrap(), amount: usd(200), invoice: None };
    done(&firm, &credit, &bea(), ON).await;
    let draft = draft_name("a").unwrap();
    for name in ["a", "b"] {
        let new = new_invoice(draft_name(name).unwrap().as_str(), true);
        done(&firm, &Command::IssueInvoice(new), &bea(), ON).await;
    }
    assert_eq!(drawn(&firm, &acme(), None).await, "2026-0001", "a draft takes none");
    // What would outlive its name is refused meanwhile.
    let invoice = || draft.clone();
    let reason = || Personal::new("because");
    for command in [
        Command::WriteOff { invoice: invoice(), reason: reason() },
        Command::OpenDispute { invoice: invoice(), amount: None, reason: reason() },
        Command::PlaceHold { invoice: Some(invoice()), until: None, reason: reason() },
        Command::IssueCreditNote {
            id: "CN-2".parse().unwrap(),
            amount: usd(1),
            invoice: Some(invoice()),
        },
    ] {
        let text = refused(&firm, &command, &pat(), ON).await;
        assert!(text.contains("draft without a number"), "{command:?}: {text}");
    }
    let payment = pay("stripe:pi_1", 100, &[invoice()]);
    let events = done(&firm, &payment, &gateway(), ON).await.events;
    assert!(matches!(&events[0], Event::PaymentMismatched { .. }), "{events:?}");
    // Posted under a key, and asked for again.
    let post = |_: Option<&InvoiceId>| Command::PostInvoice { invoice: draft.clone() };
    for _ in 0..2 {
        let with = With { once: Some("post"), series: firm.settings().numbering.first() };
        let posted = execute_with(&firm, &acme(), (&post, with), &bea(), noon(ON)).await.unwrap();
        assert_eq!(posted.made.as_deref(), Some("2026-0002"));
        let account = firm.store().load(&acme()).await.unwrap().unwrap().account;
        assert!(!account.invoices.contains_key(&draft));
        let invoice = &account.invoices[&"2026-0002".parse().unwrap()];
        assert_eq!((invoice.posting, invoice.id.as_str()), (Posting::Posted, "2026-0002"));
    }
    assert_eq!(firm.store().invoice(&acme(), &draft).await.unwrap(), None);
    let text = refused(&firm, &post(None), &bea(), ON).await;
    assert_eq!(text, "there is no invoice draft:a (INV-7)");
    // A draft that is thrown away takes no number either.
    let second = draft_name("b").unwrap();
    let void = Command::VoidInvoice { invoice: second.clone(), reason: reason() };
    done(&firm, &void, &bea(), ON).await;
    let text = refused(&firm, &Command::PostInvoice { invoice: second }, &bea(), ON).await;
    assert!(text.contains("already void"), "{text}");
    assert_eq!(drawn(&firm, &acme(), None).await, "2026-0003");
    assert!(matches!(firm.store().verify(&acme()).await.unwrap(), Verdict::Whole { .. }));
}

#[tokio::test]
async fn note_1_a_note_is_an_event_of_the_clients_chain() {
    let dynamo = embedded().await;
    let firm = firm(&dynamo).await;
    open(&firm, &acme(), ON).await;
    done(&firm, &issue("A-1", 500), &bea(), ON).await;
    let preparer = staff("pre", domain::role::Role::Preparer);
    let note = |invoice: Option<&str>, text: &str| Command::AddNote {
        kind: NoteKind::Call,
        invoice: invoice.map(|id| id.parse().unwrap()),
        text: Personal::new(text),
    };
    let call = note(Some("A-1"), "Ann pays on Monday");
    let with = With { once: Some("k"), series: None };
    let command = |_: Option<&InvoiceId>| call.clone();
    for _ in 0..2 {
        execute_with(&firm, &acme(), (&command, with), &preparer, noon(ON)).await.unwrap();
    }
    let page = PageRequest::default();
    let notes = firm.store().notes(&acme(), &page).await.unwrap().items;
    assert_eq!(notes.len(), 1, "made twice under one key");
    assert_eq!((notes[0].kind, notes[0].by.as_str()), (NoteKind::Call, "pre"));
    assert_eq!(notes[0].invoice.as_ref().map(InvoiceId::as_str), Some("A-1"));
    let records = firm.store().records(&acme(), Order::Newest, &page).await.unwrap().items;
    assert_eq!(records[0].body.command, "add_note");
    assert!(!records[0].stored.contains("Monday"), "the chain has a hash of it");
    let events = records[0].body.events().unwrap();
    assert!(
        matches!(&events[..], [Event::NoteAdded(note)] if note.text.as_str() == "Ann pays on Monday"),
        "and nothing is collected by it: {events:?}"
    );
    for (command, caller, expected) in [
        (note(None, " "), &preparer, "1 to 8192 bytes"),
        (note(None, &"x".repeat(8_193)), &preparer, "1 to 8192 bytes"),
        (note(Some("Z-9"), "x"), &preparer, "no such invoice Z-9"),
        (note(None, "x"), &schedule(), "only an admin or a billing lead"),
        (note(None, "x"), &staff("imre", domain::role::Role::Impersonator), "only an admin"),
    ] {
        let text = refused(&firm, &command, caller, ON).await;
        assert!(text.contains(expected), "{text}");
    }
    assert_eq!(firm.store().verify(&acme()).await.unwrap(), Verdict::Whole { records: 3 });
}
