//! Quick also after 100 000 events: starting on a full table reads no more of it than on a fresh one, and
//! neither does any page of the client whom they all happened to.
//!
//! Measured is what the table charges, which no busy machine changes; of time only that a start doesn't
//! take several times as long, on the same machine in the same run.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dynoxide::{Database, ImportOptions};
use portcullis::system::{Options, System};
use serde_json::json;
use store::Consumed;

/// So many events happened to one client.
const EVENTS: u64 = 100_000;

/// So many are put in at once.
const AT_ONCE: usize = 10_000;

/// Whom they happened to.
const CLIENT: &str = "acme";

/// How often each thing is measured: what runs beside it only ever adds to it.
const TRIES: usize = 8;

/// A start may take so many times as long: a machine that is busy with other things is that unsteady.
const MOST_SLOWER: u32 = 4;

/// What a page about a client asks for.
const PAGES: [&str; 9] = [
    "",
    "/invoices",
    "/payments",
    "/letters",
    "/events",
    "/tasks",
    "/notes",
    "/holds",
    "/promises",
];

/// What was measured of one folder.
#[derive(Debug)]
struct Measured {
    start: Duration,
    pages: Vec<(&'static str, Consumed)>,
}

async fn start(data: &Path) -> System {
    let options = Options { port: 0, data: data.to_owned(), demo: true };
    System::start(&options).await.unwrap()
}

async fn measure(data: &Path) -> Measured {
    let mut shortest = Duration::MAX;
    for _ in 0..TRIES {
        let begun = Instant::now();
        let system = start(data).await;
        shortest = shortest.min(begun.elapsed());
        system.stop().await;
    }
    let system = start(data).await;
    let token = system.people[0].token.clone().unwrap();
    let client = reqwest::Client::new();
    let capacity = system.embedded().dynamo().clone();
    let mut pages = Vec::new();
    for page in PAGES {
        let mut least: Option<Consumed> = None;
        for _ in 0..TRIES {
            let url = format!("{}/firm/v1/clients/{CLIENT}{page}", system.url);
            capacity.capacity().take();
            let request = client.get(url).bearer_auth(&token).header("X-Portcullis-Firm", "demo");
            let answer = request.send().await.unwrap();
            let consumed = capacity.capacity().take();
            assert_eq!(answer.status().as_u16(), 200, "{page}");
            least = Some(match least {
                None => consumed,
                Some(least) => Consumed {
                    half_reads: least.half_reads.min(consumed.half_reads),
                    half_writes: least.half_writes.min(consumed.half_writes),
                    calls: least.calls.min(consumed.calls),
                },
            });
        }
        pages.push((page, least.unwrap()));
    }
    system.stop().await;
    Measured { start: shortest, pages }
}

/// The folder once more, with so many records of that client as there would be.
fn fill(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for file in fs::read_dir(from).unwrap().map(Result::unwrap) {
        if file.file_type().unwrap().is_file() {
            fs::copy(file.path(), to.join(file.file_name())).unwrap();
        }
    }
    let database = Database::new(to.join("table.db").to_str().unwrap()).unwrap();
    let pk = format!("F#demo#C#{CLIENT}");
    let query = json!({
        "TableName": "portcullis",
        "KeyConditionExpression": "pk = :pk AND begins_with(sk, :record)",
        "ExpressionAttributeValues": { ":pk": { "S": pk }, ":record": { "S": "E#" } },
        "ScanIndexForward": false,
        "Limit": 1,
    });
    let newest = database.query(serde_json::from_value(query).unwrap()).unwrap();
    let newest = serde_json::to_value(newest).unwrap()["Items"][0].clone();
    let sk = newest["sk"]["S"].as_str().unwrap().to_owned();
    let digits = sk.trim_start_matches("E#");
    let last: u64 = digits.parse().unwrap();
    for first in (last + 1..=last + EVENTS).step_by(AT_ONCE) {
        let items = (first..).take(AT_ONCE).map(|number| {
            let mut item = newest.clone();
            item["sk"]["S"] = json!(format!("E#{number:0width$}", width = digits.len()));
            serde_json::from_value(item).unwrap()
        });
        database.import_items("portcullis", items.collect(), ImportOptions::default()).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_and_a_clients_pages_cost_the_same_after_100_000_events() {
    let folder = tempfile::tempdir().unwrap();
    let (few, many) = (folder.path().join("few"), folder.path().join("many"));
    start(&few).await.stop().await;
    let begun = Instant::now();
    fill(&few, &many);
    println!("filled in {:?}", begun.elapsed());
    let (few, many) = (measure(&few).await, measure(&many).await);
    println!("few:  {few:?}\nmany: {many:?}");
    for ((page, few), (_, many)) in few.pages.iter().zip(&many.pages) {
        match *page {
            // A full page now, and no more than that.
            "/events" => assert!(many.calls <= few.calls, "{page}: {few:?}, {many:?}"),
            _ => assert_eq!(few, many, "{page}"),
        }
    }
    assert!(many.start < few.start * MOST_SLOWER, "{:?} after {:?}", many.start, few.start);
}
