//! A firm that is stopped: nothing leaves, nothing locks, nothing is lost (LOCK-10, LET-4).

use chrono::TimeDelta;
use domain::role::{Actor, Role};
use domain::text::Personal;
use platform::clock::Clock;
use services::correspondence::Outcome;
use services::execute::Caller;
use services::office::runs::{RunError, stop};
use store::{PageRequest, Stage};

use crate::desk::{Desk, at, day, usd};

const ANN: &[&str] = &["ann@acme.example"];

fn by(role: Role) -> Caller {
    Caller::new(Actor::Staff { id: "pat".parse().unwrap(), roles: [role].into() })
}

#[tokio::test]
async fn lock_10_what_was_queued_waits_and_what_comes_is_not_decided_until_the_firm_goes_on() {
    let desk = Desk::at("2026-02-01T12:00:00Z").await;
    let firm = desk.firm("f-1", "UTC", "").await;
    let acme = desk.client(&firm, "acme", ANN).await;
    let bolt = desk.client(&firm, "bolt", ANN).await;
    desk.invoice(&firm, &acme, "A-1", usd(10_000), "2026-03-03").await;
    desk.invoice(&firm, &bolt, "B-1", usd(10_000), "2026-03-03").await;
    desk.clock.set(at("2026-03-04T00:00:00Z"));
    desk.tick().await;
    desk.work().await;

    // The notices of the day are queued when somebody stops everything.
    let now = desk.clock.now();
    let set = async |reason: Option<&str>, role| {
        stop(&firm, reason.map(Personal::new), &by(role), now).await
    };
    for (reason, role, rule) in [
        (Some("why"), Role::BillingLead, "STAFF-1"),
        (None, Role::Preparer, "STAFF-1"),
        (Some("  "), Role::Partner, "LOCK-10"),
    ] {
        let refused = set(reason, role).await;
        assert!(
            matches!(&refused, Err(RunError::Refused(refusal)) if refusal.rule == rule),
            "{refused:?}"
        );
    }
    let settings = set(Some("the ledger was imported twice"), Role::Admin).await.unwrap();
    assert_eq!(settings.stop.as_ref().unwrap().reason.as_str(), "the ledger was imported twice");
    assert_eq!(set(Some("again"), Role::Partner).await.unwrap(), settings, "it is stopped already");

    desk.clock.set(at("2026-03-04T12:00:00Z"));
    assert_eq!(desk.deliver().await, [Outcome::Stopped, Outcome::Stopped]);
    assert_eq!(desk.deliver().await, [], "they are looked at again in a while, not at once");
    desk.pass(TimeDelta::minutes(20));
    assert_eq!(desk.deliver().await, [Outcome::Stopped, Outcome::Stopped]);
    // Money comes in, and is thanked for later.
    let firm = desk.open("f-1").await;
    desk.pay(&firm, &bolt, "stripe:pi_1", usd(10_000)).await;
    for on in ["2026-03-18", "2026-04-02", "2026-04-10"] {
        desk.clock.set(at(&format!("{on}T00:00:00Z")));
        desk.tick().await;
        desk.work().await;
        desk.clock.set(at(&format!("{on}T12:00:00Z")));
        assert!(
            desk.deliver()
                .await
                .iter()
                .all(|outcome| matches!(outcome, Outcome::Stopped | Outcome::Withdrawn))
        );
        let run = firm.store().day_run(day(on)).await.unwrap().unwrap();
        assert_eq!((run.stage, run.tally.locks, run.done.written), (Stage::Done, 0, 0), "{on}");
    }
    assert_eq!(desk.sent(), 0);
    let account = firm.store().load(&acme).await.unwrap().unwrap().account;
    assert!(!account.is_locked());

    // It goes on: acme's notice leaves, bolt's was withdrawn, and the next run decides on the day's facts.
    stop(&firm, None, &by(Role::Partner), desk.clock.now()).await.unwrap();
    desk.pass(TimeDelta::minutes(20));
    let outcomes = desk.deliver().await;
    assert_eq!(outcomes, [Outcome::Sent, Outcome::Sent], "a notice and a receipt");
    desk.clock.set(at("2026-04-11T00:00:00Z"));
    desk.tick().await;
    desk.work().await;
    let account = firm.store().load(&acme).await.unwrap().unwrap().account;
    let warned = account.invoices.values().next().unwrap().first_warned_on();
    assert_eq!((warned, !account.is_locked()), (Some(day("2026-04-10")), true), "warned first");
    for on in ["2026-04-12", "2026-04-13"] {
        desk.clock.set(at(&format!("{on}T00:00:00Z")));
        desk.tick().await;
        desk.work().await;
    }
    let lock = firm.store().load(&acme).await.unwrap().unwrap().account.lock().cloned().unwrap();
    assert_eq!(lock.on, day("2026-04-13"));
    // The firm's chain says who stopped it, why, and who let it go on.
    let records = firm.store().firm_records(&PageRequest::default()).await.unwrap().items;
    let commands: Vec<_> = records.iter().map(|record| record.body.command.as_str()).collect();
    assert_eq!(commands[commands.len() - 2..], ["stop_firm", "lift_stop"]);
}
