//! A firm with one client on an embedded table.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use chrono::{DateTime, Utc};
use domain::account::{Contact, Profile};
use domain::calendar::Day;
use domain::command::{Command, NewInvoice};
use domain::id::ClientId;
use domain::money::{Currency, Money};
use domain::role::{Actor, Role};
use domain::text::Personal;
use services::execute::{Caller, execute};
use services::firm::Firm;
use store::{CommitMeta, Dynamo, FirmChange, FirmSettings, PolicyDocument, Store};

/// An embedded table, in memory.
pub async fn embedded() -> Dynamo {
    let database = dynoxide::Database::memory().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let forever = std::future::pending();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, forever));
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url)
        .build();
    let dynamo = Dynamo::new(aws_sdk_dynamodb::Client::from_conf(config), "portcullis-test");
    dynamo.create_table().await.unwrap();
    dynamo
}

/// Firm f-1 in New York with the preset `cpa`.
pub async fn firm(dynamo: &Dynamo, now: DateTime<Utc>) -> Firm {
    let store = Store::new(dynamo.clone(), "f-1".parse().unwrap());
    let mut settings = FirmSettings::new("Harbor & Pine CPAs", chrono_tz::America::New_York);
    settings.mail_from = Some("billing@harborpine.example".to_owned());
    settings.shards = 1;
    let meta = CommitMeta {
        at: now,
        day: now.date_naive(),
        actor: Actor::Schedule,
        command: "test".to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    };
    store.open_firm(&settings, &meta).await.unwrap();
    let loaded = store.load_firm().await.unwrap().unwrap();
    let armed = FirmChange::PolicyArmed(PolicyDocument {
        class: "default".parse().unwrap(),
        version: 1,
        document: "{preset: cpa}".to_owned(),
        effective_on: day("2020-01-01"),
        author: None,
        new_steps: Default::default(),
    });
    store.change_firm(&loaded, &armed, &meta).await.unwrap();
    Firm::open(dynamo.clone(), "f-1".parse().unwrap()).await.unwrap().unwrap()
}

/// Client acme, with an invoice of 100.00 USD due on the 3rd of March.
pub async fn acme(firm: &Firm, now: DateTime<Utc>) -> ClientId {
    let client: ClientId = "acme".parse().unwrap();
    let profile = Profile {
        name: Personal::new("Acme Bakery"),
        class: "default".parse().unwrap(),
        currency: Currency::USD,
        contacts: vec![Contact { address: Personal::new("ann@acme.example"), is_bounced: false }],
        service_lines: Default::default(),
        terms_allow_late_fee: false,
    };
    let invoice = NewInvoice {
        id: "A-1".parse().unwrap(),
        kind: Default::default(),
        service_line: None,
        lines: Vec::new(),
        total: Money::new(10_000, Currency::USD),
        issued_on: Some(day("2026-02-01")),
        due_on: Some(day("2026-03-03")),
        posts_on: None,
        is_draft: false,
    };
    let staff = Actor::Staff { id: "bea".parse().unwrap(), roles: [Role::BillingLead].into() };
    for command in [Command::OpenAccount(profile), Command::IssueInvoice(invoice)] {
        execute(firm, &client, &command, &Caller::new(staff.clone()), now).await.unwrap();
    }
    client
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
