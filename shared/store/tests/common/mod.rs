//! A table to test on: the embedded one, over HTTP with the real client, or the second DynamoDB whose
//! address the environment names.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Config, Credentials, Region};
use chrono::{DateTime, Utc};
use domain::account::{Account, Contact, Profile};
use domain::calendar::Day;
use domain::event::Event;
use domain::id::{ClientId, FirmId};
use domain::invoice::{Invoice, Posting};
use domain::letter::Letter;
use domain::money::{Currency, Money};
use domain::role::Actor;
use domain::text::Personal;
use store::{
    CommitMeta, Derived, Dynamo, FirmChange, FirmCommit, FirmSettings, PolicyDocument, Store,
};

/// Says where a second DynamoDB listens.
const SECOND: &str = "PORTCULLIS_TEST_DYNAMODB";

/// Runs a test on both tables; on the second one where there is one.
#[macro_export]
macro_rules! on_both {
    ($(#[$doc:meta])* async fn $name:ident($dynamo:ident: Dynamo) $body:block) => {
        mod $name {
            use super::*;

            async fn test($dynamo: Dynamo) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn embedded() {
                test(common::embedded().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn ministack() {
                if let Some(dynamo) = common::second().await {
                    test(dynamo).await;
                }
            }
        }
    };
}

/// An embedded table, in memory.
pub async fn embedded() -> Dynamo {
    let database = dynoxide::Database::memory().unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let forever = std::future::pending();
    tokio::spawn(dynoxide::server::serve_with_shutdown(listener, database, forever));
    let dynamo = Dynamo::new(client(&url), "portcullis-test");
    dynamo.create_table().await.unwrap();
    dynamo
}

/// A table of its own on the second DynamoDB, if there is one.
pub async fn second() -> Option<Dynamo> {
    static TABLES: AtomicU32 = AtomicU32::new(0);
    let url = std::env::var(SECOND).ok()?;
    let number = TABLES.fetch_add(1, Ordering::Relaxed);
    let table = format!("portcullis-test-{}-{number}", std::process::id());
    let dynamo = Dynamo::new(client(&url), table);
    dynamo.create_table().await.unwrap();
    Some(dynamo)
}

/// A client that talks plain HTTP: the trust store of TLS takes longer to load than a test to run.
pub fn client(url: &str) -> Client {
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .endpoint_url(url)
        .build();
    Client::from_conf(config)
}

pub fn firm() -> FirmId {
    "f-1".parse().unwrap()
}

pub fn acme() -> ClientId {
    "acme".parse().unwrap()
}

pub fn store(dynamo: &Dynamo) -> Store {
    Store::new(dynamo.clone(), firm())
}

pub fn day(text: &str) -> Day {
    text.parse().unwrap()
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

pub fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn profile() -> Profile {
    Profile {
        name: Personal::new("Acme"),
        class: "regular".parse().unwrap(),
        currency: Currency::USD,
        contacts: vec![Contact { address: Personal::new("ann@acme.example"), is_bounced: false }],
        service_lines: ["tax".parse().unwrap()].into(),
        terms_allow_late_fee: false,
        language: None,
        late_fee_terms_since: None,
        jurisdiction: None,
    }
}

pub fn invoice(id: &str, minor: u64) -> Invoice {
    let days = (day("2026-03-01"), day("2026-03-31"));
    Invoice::new(id.parse().unwrap(), usd(minor), days, Posting::Posted)
}

pub fn meta(command: &str) -> CommitMeta {
    CommitMeta {
        at: at("2026-03-02T12:00:00Z"),
        day: day("2026-03-02"),
        actor: Actor::Schedule,
        command: command.to_owned(),
        policy: None,
        request_id: Some("r-1".to_owned()),
        rule: None,
    }
}

/// A firm with a policy for each of these classes.
pub async fn open_firm(
    store: &Store,
    settings: &FirmSettings,
    policies: &[(&str, &str)],
    meta: &CommitMeta,
) {
    assert_eq!(store.open_firm(settings, meta).await.unwrap(), FirmCommit::Done);
    for (class, document) in policies {
        let loaded = store.load_firm().await.unwrap().unwrap();
        let armed = FirmChange::PolicyArmed(PolicyDocument {
            class: class.parse().unwrap(),
            version: 1,
            document: (*document).to_owned(),
            effective_on: day("2020-01-01"),
            author: None,
            state: Default::default(),
            new_steps: Default::default(),
            late_fee_since: None,
        });
        assert_eq!(store.change_firm(&loaded, &armed, meta).await.unwrap(), FirmCommit::Done);
    }
}

fn at_noon(letter: &Letter) -> Option<DateTime<Utc>> {
    Some(letter.leaves_on.and_hms_opt(12, 0, 0).unwrap().and_utc())
}

pub fn derived(next_evaluation: Option<Day>) -> Derived<'static> {
    Derived { next_evaluation, shards: 2, ready_at: &at_noon, charge_at: Default::default() }
}

/// What a load sees of an account: what is open, and nothing that was looked up.
pub fn open_part(account: &Account) -> Account {
    let mut open = account.clone();
    open.looked_up = Default::default();
    open.credit_notes.clear();
    open.invoices.retain(|_, invoice| invoice.is_open());
    open.letters.retain(|_, letter| letter.state == domain::letter::LetterState::Queued);
    open.payments.retain(|id, payment| {
        payment.state() == domain::payment::PaymentState::Pending
            || payment.kept() < account.held(id)
    });
    open
}

/// An account with these invoices, as the table has it.
pub async fn opened(store: &Store, client: &ClientId, invoices: &[Invoice]) -> store::Loaded {
    let loaded = store.begin(client.clone(), profile());
    let mut after = loaded.account.clone();
    let mut events = vec![Event::AccountOpened(profile())];
    for invoice in invoices {
        after.invoices.insert(invoice.id.clone(), invoice.clone());
        events.push(Event::InvoiceIssued(Box::new(invoice.clone())));
    }
    let commit = store.commit(&loaded, &after, &events, &meta("open"), &derived(None)).await;
    assert!(matches!(commit.unwrap(), store::Commit::Done(_)));
    store.load(client).await.unwrap().unwrap()
}
