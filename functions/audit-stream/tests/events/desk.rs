//! A firm with one client on an embedded table with a stream, and what is behind the function: queues, a bus and an
//! archive that can be out of order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use audit_stream::{State, handle};
use aws_sdk_dynamodb::types::{StreamSpecification, StreamViewType};
use chrono::{DateTime, Utc};
use domain::account::Profile;
use domain::command::{Command, NewInvoice};
use domain::id::ClientId;
use domain::role::{Actor, Role};
use domain::text::Personal;
use dynoxide::Database;
use dynoxide::actions::get_records::GetRecordsRequest;
use dynoxide::actions::get_shard_iterator::GetShardIteratorRequest;
use dynoxide::actions::list_streams::ListStreamsRequest;
use platform::archive::{Archive, ArchiveError, FolderArchive};
use platform::bus::{Bus, BusEntry, BusError};
use platform::clock::FixedClock;
use platform::config::Stage;
use platform::queue::{Queue, QueueError, QueueMessage};
use serde_json::{Value, json};
use services::archive::Archivist;
use services::execute::{Caller, execute};
use services::firm::Firm;
use services::sweep::fast::FastPath;
use store::{CommitMeta, Dynamo, FirmSettings, Platform, Store};
use tempfile::TempDir;

use crate::common::{client, meta, open_firm, profile, usd};

pub use crate::common::{acme, at, firm as firm_id};

/// A table whose stream can be read.
pub struct Table {
    pub dynamo: Dynamo,
    database: Database,
}

impl Table {
    pub async fn new() -> Self {
        let database = Database::memory().unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let served = (database.clone(), std::future::pending());
        tokio::spawn(dynoxide::server::serve_with_shutdown(listener, served.0, served.1));
        let dynamo = Dynamo::new(client(&url), "portcullis-test");
        dynamo.create_table().await.unwrap();
        let stream = StreamSpecification::builder().stream_enabled(true);
        let stream = stream.stream_view_type(StreamViewType::NewAndOldImages).build().unwrap();
        let update = dynamo.client().update_table().table_name(dynamo.table());
        update.stream_specification(stream).send().await.unwrap();
        Self { dynamo, database }
    }

    /// All that the stream told so far, as Lambda hands it on.
    pub fn stream(&self) -> Vec<Value> {
        let streams = self.database.list_streams(ListStreamsRequest::default()).unwrap();
        let streams = serde_json::to_value(streams).unwrap();
        let arn = streams["Streams"][0]["StreamArn"].as_str().unwrap().to_owned();
        let iterator = json!({
            "StreamArn": arn,
            "ShardId": format!("shardId-00000001-{}", self.dynamo.table()),
            "ShardIteratorType": "TRIM_HORIZON",
        });
        let iterator: GetShardIteratorRequest = serde_json::from_value(iterator).unwrap();
        let mut next = self.database.get_shard_iterator(iterator).unwrap().shard_iterator.unwrap();
        let mut records = Vec::new();
        loop {
            let request = GetRecordsRequest { shard_iterator: next, limit: None };
            let page = self.database.get_records(request).unwrap();
            if page.records.is_empty() {
                return records;
            }
            let told = page.records.iter().map(|record| {
                let mut record = serde_json::to_value(record).unwrap();
                record["eventSourceARN"] = json!(arn);
                record
            });
            records.extend(told);
            next = page.next_shard_iterator.unwrap();
        }
    }

    /// The stream's records of commit records.
    pub fn records(&self) -> Vec<Value> {
        let is_record = |record: &Value| sort_key(record).starts_with("E#");
        self.stream().into_iter().filter(is_record).collect()
    }
}

pub fn sort_key(record: &Value) -> String {
    record["dynamodb"]["Keys"]["sk"]["S"].as_str().unwrap().to_owned()
}

pub fn number(record: &Value) -> String {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned()
}

/// Takes what it is given, or nothing.
pub struct Taker<T> {
    pub taken: Mutex<Vec<T>>,
    is_down: AtomicBool,
}

impl<T> Default for Taker<T> {
    fn default() -> Self {
        Self { taken: Mutex::default(), is_down: AtomicBool::default() }
    }
}

impl<T> Taker<T> {
    pub fn is_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }

    fn take(&self, things: Vec<T>) -> Result<(), Vec<T>> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(things);
        }
        self.taken.lock().unwrap().extend(things);
        Ok(())
    }
}

#[async_trait]
impl Queue for Taker<QueueMessage> {
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError> {
        let cause = "the queue is down".into();
        self.take(messages).map_err(|unsent| QueueError::Unsent { unsent, sent: 0, cause })
    }
}

#[async_trait]
impl Bus for Taker<BusEntry> {
    async fn publish(&self, entries: Vec<BusEntry>) -> Result<(), BusError> {
        platform::bus::check(&entries)?;
        let cause = "the bus is down".into();
        self.take(entries).map_err(|unsent| BusError::Unsent { unsent, sent: 0, cause })
    }
}

/// A folder that may take nothing whose key holds a word.
pub struct Shelf {
    pub folder: FolderArchive,
    pub refuses: Mutex<Option<&'static str>>,
}

#[async_trait]
impl Archive for Shelf {
    async fn put(&self, key: &str, bytes: Vec<u8>) -> Result<bool, ArchiveError> {
        if self.refuses.lock().unwrap().is_some_and(|word| key.contains(word)) {
            let cause = "the disk is full".into();
            return Err(ArchiveError { act: "write", key: key.to_owned(), cause });
        }
        self.folder.put(key, bytes).await
    }

    async fn has(&self, key: &str) -> Result<bool, ArchiveError> {
        self.folder.has(key).await
    }

    async fn get(&self, key: &str) -> Result<Option<Vec<u8>>, ArchiveError> {
        self.folder.get(key).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ArchiveError> {
        self.folder.list(prefix).await
    }

    async fn folders(&self, prefix: &str) -> Result<Vec<String>, ArchiveError> {
        self.folder.folders(prefix).await
    }
}

/// The function, and all around it.
pub struct Desk {
    pub table: Table,
    pub clock: Arc<FixedClock>,
    pub letters: Arc<Taker<QueueMessage>>,
    pub evaluations: Arc<Taker<QueueMessage>>,
    pub bus: Arc<Taker<BusEntry>>,
    pub shelf: Arc<Shelf>,
    pub folder: TempDir,
}

impl Desk {
    /// At noon in New York on the 4th of March.
    pub async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf { folder: FolderArchive::new(folder.path()), refuses: Mutex::default() };
        Self {
            table: Table::new().await,
            clock: Arc::new(FixedClock::at(at("2026-03-04T17:00:00Z"))),
            letters: Arc::default(),
            evaluations: Arc::default(),
            bus: Arc::default(),
            shelf: Arc::new(shelf),
            folder,
        }
    }

    pub fn platform(&self) -> Platform {
        Platform::new(self.table.dynamo.clone())
    }

    pub fn store(&self) -> Store {
        Store::new(self.table.dynamo.clone(), firm_id())
    }

    pub fn now(&self) -> DateTime<Utc> {
        platform::clock::Clock::now(&*self.clock)
    }

    pub fn fast(&self) -> FastPath {
        let (letters, evaluations) = (self.letters.clone(), self.evaluations.clone());
        FastPath::new(self.platform(), letters, evaluations, self.clock.clone())
    }

    pub fn archivist(&self) -> Archivist {
        let (archive, bus) = (self.shelf.clone(), self.bus.clone());
        Archivist::new(self.table.dynamo.clone(), archive, bus, self.clock.clone())
    }

    /// Gives these records to the half that archives; answers with the number that Lambda goes on from.
    pub async fn archive(&self, records: &[Value]) -> Option<String> {
        let state = State::new(None, Some(self.archivist()), self.clock.clone(), Stage::Local);
        failed(&self.invoke(&state, json!({"Records": records})).await)
    }

    /// Gives these to the fast path.
    pub async fn hand_on(&self, records: &[Value]) {
        let state = State::new(Some(self.fast()), None, self.clock.clone(), Stage::Local);
        let answer = self.invoke(&state, json!({"Records": records})).await;
        assert_eq!(answer, json!({"batchItemFailures": []}));
    }

    pub async fn invoke(&self, state: &State, event: Value) -> Value {
        handle(state, event, DateTime::<Utc>::MAX_UTC).await.unwrap()
    }

    /// What is in the archive.
    pub async fn keys(&self) -> Vec<String> {
        self.shelf.folder.list("").await.unwrap()
    }

    /// What an object holds.
    pub async fn shelf_bytes(&self, key: &str) -> Vec<u8> {
        self.shelf.folder.get(key).await.unwrap().unwrap()
    }

    /// What was told: of which record, and as what.
    pub fn told(&self) -> Vec<(u64, u64, String)> {
        let entries = self.bus.taken.lock().unwrap();
        let told = entries.iter().map(|entry| {
            let detail: Value = serde_json::from_str(&entry.detail).unwrap();
            let [sequence, index] =
                ["sequence", "index"].map(|name| detail[name].as_u64().unwrap());
            (sequence, index, entry.detail_type.clone())
        });
        let mut told: Vec<_> = told.collect();
        told.sort();
        told
    }

    /// Firm f-1 with client acme: an invoice that is overdue since yesterday, so that a notice is queued, and a
    /// lock with a reason.
    pub async fn open(&self) -> Firm {
        let now = self.now();
        let mut settings = FirmSettings::new("Harbor & Pine CPAs", chrono_tz::America::New_York);
        settings.mail_from = Some("billing@harborpine.example".to_owned());
        settings.shards = 1;
        let meta = CommitMeta { at: now, day: now.date_naive(), ..meta("test") };
        open_firm(&self.store(), &settings, &[("default", "{preset: cpa}")], &meta).await;
        let firm = Firm::open(self.table.dynamo.clone(), firm_id()).await.unwrap().unwrap();
        let profile = Profile { class: "default".parse().unwrap(), ..profile() };
        let invoice = NewInvoice {
            id: "A-1".parse().unwrap(),
            kind: Default::default(),
            service_line: None,
            lines: Vec::new(),
            total: usd(10_000),
            issued_on: Some("2026-02-01".parse().unwrap()),
            due_on: Some("2026-03-03".parse().unwrap()),
            posts_on: None,
            is_draft: false,
            deposit: None,
        };
        self.does(&firm, &Command::OpenAccount(profile)).await;
        self.does(&firm, &Command::IssueInvoice(invoice)).await;
        firm
    }

    /// bea does it, to acme.
    pub async fn does(&self, firm: &Firm, command: &Command) {
        let staff = Actor::Staff { id: "bea".parse().unwrap(), roles: [Role::BillingLead].into() };
        let client: ClientId = acme();
        execute(firm, &client, command, &Caller::new(staff), self.now()).await.unwrap();
    }

    /// bea holds acme and lets it go, so many times: two records each.
    pub async fn hold_and_release(&self, firm: &Firm, times: u32) {
        for _ in 0..times {
            let reason = Personal::new("in mourning");
            let hold = Command::PlaceHold { invoice: None, until: None, reason };
            self.does(firm, &hold).await;
            self.does(firm, &Command::ReleaseHold { invoice: None }).await;
        }
    }
}

/// The number that Lambda goes on from.
pub fn failed(answer: &Value) -> Option<String> {
    let failures = answer["batchItemFailures"].as_array().unwrap();
    assert!(failures.len() <= 1, "{answer}");
    failures.first().map(|failure| failure["itemIdentifier"].as_str().unwrap().to_owned())
}
