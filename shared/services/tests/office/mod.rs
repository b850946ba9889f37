//! A firm with a policy, a client or two, and somebody for each act.

#![allow(dead_code, reason = "each test file uses its part")]

use chrono::{DateTime, Utc};
use domain::account::Account;
use domain::command::{Command, Needs, NewInvoice, News};
use domain::event::Event;
use domain::id::{ClientId, InvoiceId, PaymentId};
use domain::payment::{Method, Seen};
use domain::policy::read::preset_text;
use domain::role::{Actor, Role};
use services::execute::{Caller, ExecuteError, Executed, execute};
use services::firm::Firm;
use store::{Dynamo, FirmSettings, Store};

use crate::common::{acme, firm as firm_id, meta, open_firm, profile, usd};

/// A firm in New York under the preset `cpa`.
pub async fn firm(dynamo: &Dynamo) -> Firm {
    let text = preset_text("cpa").unwrap();
    firm_under(dynamo, text).await
}

pub async fn firm_under(dynamo: &Dynamo, policy: &str) -> Firm {
    let store = Store::new(dynamo.clone(), firm_id());
    let mut settings = FirmSettings::new("Bea & Partners", "America/New_York".parse().unwrap());
    settings.shards = 2;
    open_firm(&store, &settings, &[("regular", policy)], &meta("open")).await;
    reopened(dynamo).await
}

/// The firm as another process sees it.
pub async fn reopened(dynamo: &Dynamo) -> Firm {
    Firm::open(dynamo.clone(), firm_id()).await.unwrap().unwrap()
}

/// Noon in New York.
pub fn noon(on: &str) -> DateTime<Utc> {
    format!("{on}T17:00:00Z").parse().unwrap()
}

pub fn staff(name: &str, role: Role) -> Caller {
    Caller::new(Actor::Staff { id: name.parse().unwrap(), roles: [role].into() })
}

pub fn bea() -> Caller {
    staff("bea", Role::BillingLead)
}

pub fn pat() -> Caller {
    staff("pat", Role::Partner)
}

pub fn gateway() -> Caller {
    Caller::new(Actor::Gateway)
}

pub fn schedule() -> Caller {
    Caller::new(Actor::Schedule)
}

pub async fn open(firm: &Firm, client: &ClientId, on: &str) {
    let command = Command::OpenAccount(profile());
    execute(firm, client, &command, &bea(), noon(on)).await.unwrap();
}

pub fn issue(id: &str, minor: u64) -> Command {
    Command::IssueInvoice(NewInvoice {
        id: id.parse().unwrap(),
        kind: Default::default(),
        service_line: None,
        lines: Vec::new(),
        total: usd(minor),
        issued_on: None,
        due_on: None,
        posts_on: None,
        is_draft: false,
        deposit: None,
    })
}

pub fn pay(id: &str, minor: u64, invoices: &[InvoiceId]) -> Command {
    Command::RecordPayment {
        payment: id.parse().unwrap(),
        news: News::Told {
            amount: usd(minor),
            method: Method::Card,
            invoices: invoices.to_vec(),
            seen: Seen::Succeeded,
            on: None,
        },
    }
}

pub async fn done(firm: &Firm, command: &Command, caller: &Caller, on: &str) -> Executed {
    execute(firm, &acme(), command, caller, noon(on)).await.unwrap()
}

pub async fn refused(firm: &Firm, command: &Command, caller: &Caller, on: &str) -> String {
    match execute(firm, &acme(), command, caller, noon(on)).await {
        Err(ExecuteError::Refused(refusal)) => refusal.to_string(),
        other => panic!("{command:?} was not refused: {other:?}"),
    }
}

/// The account with these closed invoices and payments too.
pub async fn whole(
    store: &Store,
    client: &ClientId,
    invoices: &[InvoiceId],
    payments: &[PaymentId],
) -> Account {
    loop {
        let mut loaded = store.load(client).await.unwrap().unwrap();
        let open = &loaded.account.invoices;
        let closed = invoices.iter().filter(|id| !open.contains_key(*id)).cloned().collect();
        let payments = payments.iter().cloned().collect();
        let needs = Needs { invoices: closed, payments, ..Needs::default() };
        if store.look_up(&mut loaded, &needs).await.unwrap() {
            return loaded.account;
        }
    }
}

/// Whether the client is collected from harder than before by any of these.
pub fn escalates(events: &[Event]) -> bool {
    events.iter().any(|event| match event {
        Event::Locked { .. } | Event::StepDone { .. } | Event::StepReached { .. } => true,
        Event::LetterQueued(letter) => letter.content.is_debt(),
        Event::LetterExtended { .. } => true,
        _ => false,
    })
}
