//! A firm with one client on an embedded table, for functions that take messages.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../../shared/store/tests/common/mod.rs"]
mod common;

use chrono::{DateTime, Utc};
use domain::account::Profile;
use domain::command::{Command, NewInvoice};
use domain::id::ClientId;
use domain::role::{Actor, Role};
use services::execute::{Caller, execute};
use services::firm::Firm;
use store::{CommitMeta, Dynamo, FirmSettings, Store};

pub use common::{at, day, embedded};
use common::{meta, open_firm, profile, usd};

/// Firm f-1 in New York with the preset `cpa`.
pub async fn firm(dynamo: &Dynamo, now: DateTime<Utc>) -> Firm {
    let store = Store::new(dynamo.clone(), "f-1".parse().unwrap());
    let settings = FirmSettings::new("Harbor & Pine CPAs", chrono_tz::America::New_York);
    let mut settings = settings.sending_from("billing@harborpine.example");
    settings.shards = 1;
    let meta = CommitMeta { at: now, day: now.date_naive(), ..meta("test") };
    open_firm(&store, &settings, &[("default", "{preset: cpa}")], &meta).await;
    Firm::open(dynamo.clone(), "f-1".parse().unwrap()).await.unwrap().unwrap()
}

/// Client acme, with an invoice of 100.00 USD due on the 3rd of March.
pub async fn acme(firm: &Firm, now: DateTime<Utc>) -> ClientId {
    let client: ClientId = "acme".parse().unwrap();
    let profile = Profile { class: "default".parse().unwrap(), ..profile() };
    let invoice = NewInvoice {
        id: "A-1".parse().unwrap(),
        kind: Default::default(),
        service_line: None,
        lines: Vec::new(),
        total: usd(10_000),
        issued_on: Some(day("2026-02-01")),
        due_on: Some(day("2026-03-03")),
        posts_on: None,
        is_draft: false,
        deposit: None,
    };
    let staff = Actor::Staff { id: "bea".parse().unwrap(), roles: [Role::BillingLead].into() };
    for command in [Command::OpenAccount(profile), Command::IssueInvoice(invoice)] {
        execute(firm, &client, &command, &Caller::new(staff.clone()), now).await.unwrap();
    }
    client
}
