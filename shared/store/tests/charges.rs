//! Charges in the outbox: from the commit that decided them to the one that ends them (CHG-1).

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod common;

use common::{acme, at, derived, firm, invoice, meta, profile, store, usd};
use domain::charge::{Charge, ChargeId, ChargeOutcome, SavedMethod};
use domain::event::Event;
use domain::payment::Method;
use domain::text::Personal;
use store::{ChargeTries, Commit, Derived, Dynamo, Loaded, Platform, Store, Waiting};

fn charge(attempt: u32, minor: u64) -> Charge {
    Charge {
        id: ChargeId { invoice: "A-1".parse().unwrap(), attempt },
        method: "stripe:pm-1".parse().unwrap(),
        amount: usd(minor),
        on: common::day("2026-03-02"),
        is_asked: false,
    }
}

fn method() -> SavedMethod {
    SavedMethod {
        id: "stripe:pm-1".parse().unwrap(),
        endpoint: "e-1".to_owned(),
        customer: "cus-1".to_owned(),
        kind: Method::Card,
        label: Personal::new("Visa ending in 4242"),
        expires: Some((2030, 12)),
        saved_on: common::day("2026-03-01"),
        stopped_on: None,
    }
}

async fn commit(store: &Store, events: &[Event]) -> Loaded {
    let loaded = match store.load(&acme()).await.unwrap() {
        Some(loaded) => loaded,
        None => store.begin(acme(), profile()),
    };
    let after = domain::apply::fold(loaded.account.clone(), events);
    let derived = Derived { charge_at: at("2026-03-02T09:00:00Z"), ..derived(None) };
    let done = store.commit(&loaded, &after, events, &meta("charge"), &derived).await.unwrap();
    assert!(matches!(done, Commit::Done(_)), "{done:?}");
    let loaded = store.load(&acme()).await.unwrap().unwrap();
    assert_eq!(loaded.account.charges, after.charges);
    assert_eq!(loaded.account.methods, after.methods);
    assert_eq!(loaded.account.default_method, after.default_method);
    loaded
}

async fn waiting(dynamo: &Dynamo, now: &str) -> Vec<Waiting> {
    Platform::new(dynamo.clone()).waiting(at(now), 9).await.unwrap()
}

on_both! {
    async fn chg_1_a_charge_waits_until_it_ends(dynamo: Dynamo) {
        let store = store(&dynamo);
        let issued = Event::InvoiceIssued(Box::new(invoice("A-1", 10_000)));
        let chosen = Event::DefaultMethodSet { method: method().id };
        let saved = Event::MethodSaved(method());
        let opened = Event::AccountOpened(profile());
        commit(&store, &[opened, issued, saved, chosen]).await;
        let id = charge(1, 10_000).id;
        assert_eq!(store.charge_tried(&acme(), &id, at("2026-03-02T09:00:00Z")).await.unwrap(), None);
        commit(&store, &[Event::ChargeRequested(charge(1, 10_000))]).await;
        let invoice = id.invoice.clone();
        let expected = [Waiting::Charge { firm: firm(), client: acme(), invoice: invoice.clone() }];
        assert!(waiting(&dynamo, "2026-03-02T08:59:59Z").await.is_empty());
        assert_eq!(waiting(&dynamo, "2026-03-02T09:00:00Z").await, expected);
        // A lease and what was counted survive the commit that says that it is asked for.
        let later = at("2026-03-02T10:00:00Z");
        assert!(store.postpone_charge(&acme(), &invoice, later).await.unwrap());
        let first = ChargeTries { first_unix: None, before: 0 };
        let tried = store.charge_tried(&acme(), &id, at("2026-03-02T09:00:01Z")).await.unwrap();
        assert_eq!(tried, Some(first));
        commit(&store, &[Event::ChargeAsked { charge: id.clone() }]).await;
        assert!(waiting(&dynamo, "2026-03-02T09:59:59Z").await.is_empty());
        assert_eq!(waiting(&dynamo, "2026-03-02T10:00:00Z").await, expected);
        let first_unix = Some(at("2026-03-02T09:00:01Z").timestamp());
        let again = ChargeTries { first_unix, before: 1 };
        assert_eq!(store.charge_tried(&acme(), &id, later).await.unwrap(), Some(again));
        let other = ChargeId { attempt: 2, ..id.clone() };
        assert_eq!(store.charge_tried(&acme(), &other, later).await.unwrap(), None);
        let (on, outcome) = (common::day("2026-03-02"), ChargeOutcome::Unclear);
        let ended = commit(&store, &[Event::ChargeEnded { charge: id.clone(), on, outcome }]).await;
        assert_eq!(ended.account.invoices[&invoice].charges.len(), 1);
        assert!(waiting(&dynamo, "2026-03-09T10:00:00Z").await.is_empty());
        assert!(!store.postpone_charge(&acme(), &invoice, later).await.unwrap());
        assert_eq!(store.charge_tried(&acme(), &id, later).await.unwrap(), None);
    }
}

on_both! {
    async fn chg_1_what_takes_an_attempts_place_begins_anew(dynamo: Dynamo) {
        let store = store(&dynamo);
        let issued = Event::InvoiceIssued(Box::new(invoice("A-1", 10_000)));
        commit(&store, &[Event::AccountOpened(profile()), issued]).await;
        commit(&store, &[Event::ChargeRequested(charge(1, 10_000))]).await;
        let id = charge(1, 10_000).id;
        let later = at("2026-03-02T10:00:00Z");
        store.charge_tried(&acme(), &id, later).await.unwrap();
        store.postpone_charge(&acme(), &id.invoice, later).await.unwrap();
        let (on, outcome) = (common::day("2026-03-02"), ChargeOutcome::Withdrawn);
        let withdrawn = Event::ChargeEnded { charge: id.clone(), on, outcome };
        commit(&store, &[withdrawn, Event::ChargeRequested(charge(1, 6_000))]).await;
        assert_eq!(waiting(&dynamo, "2026-03-02T09:00:00Z").await.len(), 1);
        let anew = ChargeTries { first_unix: None, before: 0 };
        assert_eq!(store.charge_tried(&acme(), &id, later).await.unwrap(), Some(anew));
    }
}
