//! A ledger from elsewhere that is too old, end to end: what waits, and how it is caught up with (FRESH-1).

use chrono::TimeDelta;
use domain::role::Actor;
use platform::clock::Clock;
use services::correspondence::Outcome;
use services::execute::Caller;
use services::import::mapping::Mapping;
use services::import::run::{Options, import};
use services::office::settings::change;

use crate::desk::{Desk, at, day, settings, usd};

const ANN: &[&str] = &["ann@acme.example"];

/// Somebody imports a ledger that says what is known.
async fn bring_up_to_date(desk: &Desk, options: &Options) {
    let firm = desk.open("f-1").await;
    let file = b"client,invoice,issued,due,amount\nacme,A-1,2026-02-01,2026-03-03,100.00\n";
    let now = desk.clock.now();
    let report = import(&firm, file, &Mapping::default(), options, &|_| (), now).await.unwrap();
    assert_eq!(report.summary.unchanged, 1, "{report:?}");
}

/// The evaluation of that day at its beginning, and its letters at noon.
async fn a_day(desk: &Desk, on: &str) -> Vec<Outcome> {
    desk.clock.set(at(&format!("{on}T00:00:00Z")));
    desk.tick().await;
    desk.work().await;
    desk.clock.set(at(&format!("{on}T12:00:00Z")));
    desk.deliver().await
}

#[tokio::test]
async fn fresh_1_letters_and_locks_wait_for_an_import_and_are_caught_up_with() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let mut elsewhere = settings("UTC");
    elsewhere.ledger_fresh_days = Some(7);
    let firm = desk.firm_of("f-1", elsewhere, "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    desk.clock.set(at("2026-02-25T12:00:00Z"));
    bring_up_to_date(&desk, &Options::default()).await;

    // Fresh until March 4: the reminder and the notice of the day after the due date are decided.
    assert_eq!(a_day(&desk, "2026-03-02").await, [Outcome::Sent]);
    desk.clock.set(at("2026-03-04T00:00:00Z"));
    desk.tick().await;
    desk.work().await;
    // The notice could not leave before the night; now the ledger is too old.
    desk.clock.set(at("2026-03-05T12:00:00Z"));
    assert_eq!(desk.deliver().await, [Outcome::LedgerOld]);
    assert_eq!(desk.sent(), 1);
    assert_eq!(desk.deliver().await, [], "it is looked at again in an hour, not at once");
    for on in ["2026-03-20", "2026-04-05", "2026-04-06"] {
        assert_eq!(a_day(&desk, on).await, [Outcome::LedgerOld], "{on}");
    }
    let loaded = firm.store().load(&acme).await.unwrap().unwrap();
    assert!(!loaded.account.is_locked());
    assert_eq!(loaded.next_evaluation(), Some(day("2026-04-07")), "it is looked at each day");

    // A dry run brings nothing up to date; an import that finds nothing new does.
    bring_up_to_date(&desk, &Options { is_dry_run: true, ..Options::default() }).await;
    desk.pass(TimeDelta::hours(2));
    assert_eq!(desk.deliver().await, [Outcome::LedgerOld]);
    bring_up_to_date(&desk, &Options::default()).await;
    desk.pass(TimeDelta::hours(2));
    assert_eq!(desk.deliver().await, [Outcome::Sent]);
    assert_eq!(desk.sent(), 2);
    // Warned on April 6 it is locked three days later, and not for the months before (LOCK-7).
    for on in ["2026-04-07", "2026-04-08"] {
        a_day(&desk, on).await;
        assert!(!firm.store().load(&acme).await.unwrap().unwrap().account.is_locked(), "{on}");
    }
    a_day(&desk, "2026-04-09").await;
    let lock = firm.store().load(&acme).await.unwrap().unwrap().account.lock().cloned().unwrap();
    assert_eq!(lock.on, day("2026-04-09"));
}

#[tokio::test]
async fn fresh_1_a_firm_says_where_its_ledger_is_kept() {
    let desk = Desk::at("2026-03-20T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    assert_eq!(firm.ledger(), None);
    let caller = Caller::new(Actor::Schedule);
    let now = desk.clock.now();
    let set = async |days: Option<u32>| {
        // Both read the firm before either wrote: the second is laid over the first.
        let with = |settings: &mut store::FirmSettings| settings.ledger_fresh_days = days;
        change(&firm, with, &caller, now).await.unwrap();
        desk.open("f-1").await.ledger()
    };
    let ledger = set(Some(3)).await.unwrap();
    assert_eq!((ledger.updated_on, ledger.fresh_days), (None, 3));
    let acme = desk.client(&firm, "acme", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    let firm = desk.open("f-1").await;
    bring_up_to_date(&desk, &Options::default()).await;
    let updated = desk.open("f-1").await.ledger().unwrap().updated_on;
    assert_eq!(updated, Some(day("2026-03-20")));
    assert!(!firm.ledger().unwrap().is_fresh(day("2026-03-20")), "as it was when it was opened");
    assert_eq!(set(None).await, None);
}
