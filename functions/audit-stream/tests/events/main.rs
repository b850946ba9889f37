//! Batches as the embedded table's own stream tells them: once, twice, out of order, with gaps and poison, and with
//! a bus or an archive that is down.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../../shared/store/tests/common/mod.rs"]
mod common;
mod desk;
mod tamper;

use std::time::Duration;

use audit_stream::{State, handle};
use domain::event::Event;
use domain::letter::LetterId;
use platform::config::Stage;
use serde_json::{Value, json};
use services::archive::check::{Check, Compared};
use services::correspondence::LetterMessage;
use store::{Chain, Commit, FirmChange, PolicyDocument, Waiting};

use desk::{Desk, acme, firm_id, number, sort_key};

const STREAM: &str = include_str!("../../../../events/audit-stream-records.json");
const SCHEDULE: &str = include_str!("schedule.json");

/// Both chains of the firm, compared.
async fn compared(desk: &Desk) -> Vec<(Chain, Compared)> {
    let store = desk.store();
    let check = Check::open(&store, &*desk.shelf).await.unwrap();
    assert_eq!(check.day_problems(), []);
    let mut compared = Vec::new();
    for chain in check.chains().await.unwrap() {
        let found = check.compare(&chain).await.unwrap();
        compared.push((chain, found));
    }
    compared
}

/// Every record is in the archive, and every event of acme was told once.
async fn assert_whole(desk: &Desk) {
    for (chain, compared) in compared(desk).await {
        assert!(matches!(compared, Compared::Same { waiting: 0, .. }), "{chain}: {compared}");
    }
    assert_told_once(desk).await;
}

async fn assert_told_once(desk: &Desk) {
    let store = desk.store();
    let chain = Chain::Client(acme());
    let (last, _) = store.chain_end(&chain).await.unwrap().unwrap();
    let records = store.chain_records(&chain, 1, last).await.unwrap();
    let expected = records.into_iter().flat_map(|record| {
        let record = record.unwrap();
        let body: Value = serde_json::from_str(&record.body).unwrap();
        let count = body["events"].as_array().unwrap().len() as u64;
        (0..count).map(move |index| (record.sequence, index))
    });
    let told: Vec<_> =
        desk.told().into_iter().map(|(sequence, index, _)| (sequence, index)).collect();
    assert_eq!(told, expected.collect::<Vec<_>>());
}

#[tokio::test]
async fn let_4_a_letter_is_handed_on_as_soon_as_the_stream_tells_it_and_once() {
    let desk = Desk::new().await;
    desk.open().await;
    let stream = desk.table.stream();
    for _ in 0..2 {
        desk.hand_on(&stream).await;
        let taken = desk.letters.taken.lock().unwrap();
        assert_eq!(taken.len(), 1, "{taken:?}");
        let message: LetterMessage = serde_json::from_str(&taken[0].body).unwrap();
        let expected =
            LetterMessage { firm: firm_id(), client: acme(), letter: LetterId(1), stuck: false };
        assert_eq!(message, expected);
    }
    // Nothing is left for the sweeper, and the lease's own record tells nothing new.
    assert_eq!(desk.platform().waiting(desk.now(), 10).await.unwrap(), []);
    desk.hand_on(&desk.table.stream()[stream.len()..]).await;
    assert_eq!(desk.letters.taken.lock().unwrap().len(), 1);
    // The sweeper comes when the lease has ended, as for its own.
    let later = desk.now() + chrono::TimeDelta::minutes(10);
    assert_eq!(desk.platform().waiting(later, 10).await.unwrap().len(), 1);
}

#[tokio::test]
async fn let_4_a_letter_that_no_queue_takes_is_the_sweepers_at_once() {
    let desk = Desk::new().await;
    desk.open().await;
    desk.letters.is_down(true);
    let told = desk.table.stream().len();
    desk.hand_on(&desk.table.stream()).await;
    let expected = Waiting::Letter { firm: firm_id(), client: acme(), letter: LetterId(1) };
    assert_eq!(desk.platform().waiting(desk.now(), 10).await.unwrap(), [expected]);
    // That it was given back is no news: else a queue that is down would keep the stream busy with itself.
    desk.letters.is_down(false);
    desk.hand_on(&desk.table.stream()[told..]).await;
    assert!(desk.letters.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn let_5_what_is_not_ready_yet_is_not_handed_on() {
    let desk = Desk::new().await;
    desk.open().await;
    desk.clock.set(desk.now() - chrono::TimeDelta::seconds(1));
    desk.hand_on(&desk.table.stream()).await;
    assert!(desk.letters.taken.lock().unwrap().is_empty());
}

#[tokio::test]
async fn pol_1_an_armed_policy_is_handed_on_to_the_evaluations() {
    let desk = Desk::new().await;
    desk.open().await;
    let loaded = desk.store().load_firm().await.unwrap().unwrap();
    let armed = FirmChange::PolicyArmed(PolicyDocument {
        class: "default".parse().unwrap(),
        version: 2,
        document: "{preset: operator}".to_owned(),
        effective_on: "2026-03-04".parse().unwrap(),
        author: None,
        state: Default::default(),
        new_steps: Default::default(),
        late_fee_since: None,
    });
    desk.store().change_firm(&loaded, &armed, &common::meta("arm")).await.unwrap();
    for _ in 0..2 {
        desk.hand_on(&desk.table.stream()).await;
        let taken = desk.evaluations.taken.lock().unwrap();
        assert_eq!(taken.len(), 1);
        assert!(taken[0].body.contains("\"class\""), "{}", taken[0].body);
    }
}

#[tokio::test]
async fn aud_1_each_record_is_archived_and_each_event_told_once() {
    let desk = Desk::new().await;
    let firm = desk.open().await;
    desk.hold_and_release(&firm, 2).await;
    let stream = desk.table.stream();
    assert_eq!(desk.archive(&stream).await, None);
    assert_whole(&desk).await;
    let keys = desk.keys().await;
    for key in ["f-1/clients/acme/0000000001.json", "f-1/firm/0000000001.json"] {
        assert!(keys.iter().any(|found| found == key), "{key} is not in {keys:?}");
    }
    let types: Vec<_> = desk.told().into_iter().map(|(_, _, kind)| kind).collect();
    for kind in ["AccountOpened", "InvoiceIssued", "LetterQueued", "HoldBegun", "HoldEnded"] {
        assert!(types.iter().any(|found| found == kind), "{kind} is not in {types:?}");
    }
    // A second time changes nothing.
    assert_eq!(desk.archive(&stream).await, None);
    assert_eq!(desk.keys().await, keys);
    assert_whole(&desk).await;
}

#[tokio::test]
async fn aud_1_any_order_and_any_repetition_gives_the_same_archive() {
    let desk = Desk::new().await;
    let firm = desk.open().await;
    desk.hold_and_release(&firm, 2).await;
    let mut records = desk.table.records();
    records.reverse();
    for batch in records.chunks(2) {
        assert_eq!(desk.archive(batch).await, None);
        assert_eq!(desk.archive(batch).await, None);
    }
    assert_whole(&desk).await;
}

#[tokio::test]
async fn aud_1_what_the_stream_lost_is_read_from_the_table() {
    let desk = Desk::new().await;
    let firm = desk.open().await;
    desk.hold_and_release(&firm, 3).await;
    let records = desk.table.records();
    assert_eq!(desk.archive(&records[..3]).await, None);
    assert_eq!(desk.archive(&records[records.len() - 1..]).await, None);
    assert_whole(&desk).await;
}

#[tokio::test]
async fn what_was_before_the_bus_is_archived_and_no_news() {
    let desk = Desk::new().await;
    let firm = desk.open().await;
    desk.hold_and_release(&firm, 1).await;
    desk.clock.set(desk.now() + chrono::TimeDelta::days(3));
    desk.hold_and_release(&firm, 1).await;
    let records = desk.table.records();
    assert_eq!(desk.archive(&records[records.len() - 1..]).await, None);
    for (chain, compared) in compared(&desk).await {
        assert!(matches!(compared, Compared::Same { waiting: 0, .. }), "{chain}: {compared}");
    }
    let told: Vec<_> = desk.told().into_iter().map(|(_, _, kind)| kind).collect();
    assert_eq!(told, ["HoldBegun", "HoldEnded"]);
}

#[tokio::test]
async fn aud_1_a_poison_record_fails_alone_and_the_next_one_fills_its_gap() {
    let desk = Desk::new().await;
    let firm = desk.open().await;
    desk.hold_and_release(&firm, 2).await;
    let whole = desk.table.records();
    type Spoil = fn(&mut Value);
    let spoilt: [(&str, Spoil); 4] = [
        ("another body", |r| r["dynamodb"]["NewImage"]["body"] = json!({"S": "{}"})),
        ("no hash", |r| r["dynamodb"]["NewImage"]["hash"] = json!({"S": "x"})),
        ("a newer schema", |r| r["dynamodb"]["NewImage"]["schema"] = json!({"N": "99"})),
        ("no record", |r| r["eventName"] = json!(7)),
    ];
    for (name, spoil) in spoilt {
        let mut records = whole.clone();
        let last = records.pop().unwrap();
        let place = records.len() - 1;
        spoil(&mut records[place]);
        let keys_of_poison = |desk: &Desk| {
            let folder = desk.folder.path().join("f-1/clients/acme");
            std::fs::read_dir(folder).unwrap().count()
        };
        let failed = desk.archive(&records).await;
        assert_eq!(failed, Some(number(&records[place])), "{name}");
        let before = keys_of_poison(&desk);
        assert_eq!(desk.archive(&[last]).await, None, "{name}");
        assert_eq!(keys_of_poison(&desk), before + 2, "{name}");
        std::fs::remove_dir_all(desk.folder.path().join("f-1")).unwrap();
    }
}

#[tokio::test]
async fn an_event_that_no_record_can_be_named_in_is_refused() {
    let desk = Desk::new().await;
    let state = State::new(Some(desk.fast()), None, desk.clock.clone(), Stage::Local);
    let far = chrono::DateTime::<chrono::Utc>::MAX_UTC;
    for event in
        [json!({"Records": [{"dynamodb": {}}]}), json!({"Records": 7}), json!({}), json!(7)]
    {
        handle(&state, event, far).await.unwrap_err();
    }
    let tick = serde_json::from_str(SCHEDULE).unwrap();
    let error = handle(&state, tick, far).await.unwrap_err();
    assert_eq!(error.to_string(), "this function has no archive whose days it could close");
}

#[tokio::test]
async fn aud_1_while_the_bus_is_down_nothing_is_archived_and_nothing_is_lost() {
    let desk = Desk::new().await;
    desk.open().await;
    let records = desk.table.records();
    let of_acme = |record: &&Value| record["dynamodb"]["Keys"]["pk"]["S"] == "F#f-1#C#acme";
    desk.bus.is_down(true);
    let first = number(records.iter().find(of_acme).unwrap());
    assert_eq!(desk.archive(&records).await, Some(first));
    let keys = desk.keys().await;
    assert!(!keys.iter().any(|key| key.contains("/clients/")), "{keys:?}");
    desk.bus.is_down(false);
    assert_eq!(desk.archive(&records).await, None);
    assert_whole(&desk).await;
}

#[tokio::test]
async fn aud_1_what_the_archive_did_not_take_comes_again() {
    let desk = Desk::new().await;
    desk.open().await;
    let records = desk.table.records();
    for (refuses, failed) in [("acme/0000000002", "E#0000000002"), ("/heads/", "")] {
        *desk.shelf.refuses.lock().unwrap() = Some(refuses);
        let name = desk.archive(&records).await.unwrap();
        let record = records.iter().find(|record| number(record) == name).unwrap();
        assert!(sort_key(record).starts_with(failed), "{refuses}");
    }
    *desk.shelf.refuses.lock().unwrap() = None;
    assert_eq!(desk.archive(&records).await, None);
    for (chain, compared) in compared(&desk).await {
        assert!(matches!(compared, Compared::Same { waiting: 0, .. }), "{chain}: {compared}");
    }
    // Told, not archived, told again: each entry says which it is.
    let all = desk.told();
    let mut each = all.clone();
    each.dedup();
    assert!(each.len() < all.len(), "{all:?}");
    desk.bus.taken.lock().unwrap().retain({
        let mut seen = std::collections::HashSet::new();
        move |entry| seen.insert(entry.detail.clone())
    });
    assert_told_once(&desk).await;
}

#[tokio::test]
async fn no_record_is_begun_that_has_no_time_left() {
    let desk = Desk::new().await;
    desk.open().await;
    let records = desk.table.records();
    let state = State::new(None, Some(desk.archivist()), desk.clock.clone(), Stage::Local);
    let soon = desk.now() + Duration::from_secs(10);
    let answer = handle(&state, json!({"Records": records}), soon).await.unwrap();
    assert_eq!(desk::failed(&answer), Some(number(&records[0])));
    assert_eq!(desk.keys().await, [""; 0]);
}

#[tokio::test]
async fn a_record_in_parts_is_read_whole_and_told_without_its_event() {
    let desk = Desk::new().await;
    desk.open().await;
    let store = desk.store();
    let loaded = store.load(&acme()).await.unwrap().unwrap();
    let mut after = loaded.account.clone();
    after.next_number += 1;
    let reminders = (0..60_000).collect();
    let event = Event::Reminded { invoice: "A-1".parse().unwrap(), reminders };
    let meta = common::meta("remind");
    let commit = store.commit(&loaded, &after, &[event], &meta, &common::derived(None)).await;
    assert!(matches!(commit.unwrap(), Commit::Done(_)));
    let records = desk.table.records();
    assert!(records.iter().any(|record| sort_key(record).ends_with("#0001")), "one part alone");
    assert_eq!(desk.archive(&records).await, None);
    assert_whole(&desk).await;
    let entries = desk.bus.taken.lock().unwrap();
    let entry = entries.iter().find(|entry| entry.detail_type == "ClientReminded").unwrap();
    let detail: Value = serde_json::from_str(&entry.detail).unwrap();
    assert_eq!((&detail["is_too_large"], detail.get("event")), (&json!(true), None));
}

#[tokio::test]
async fn aud_1_a_record_that_is_changed_in_the_table_stays_as_it_was_in_the_archive() {
    let desk = Desk::new().await;
    desk.open().await;
    assert_eq!(desk.archive(&desk.table.records()).await, None);
    let before = desk.keys().await;
    let seen = desk.table.stream().len();
    let key = |name: &str, value: &str| {
        (name.to_owned(), aws_sdk_dynamodb::types::AttributeValue::S(value.to_owned()))
    };
    let delete = desk.table.dynamo.client().delete_item().table_name(desk.table.dynamo.table());
    let place = [key("pk", "F#f-1#C#acme"), key("sk", "E#0000000001")];
    delete.set_key(Some(place.into())).send().await.unwrap();
    assert_eq!(desk.archive(&desk.table.stream()[seen..]).await, None);
    assert_eq!(desk.keys().await, before);
    let found =
        compared(&desk).await.into_iter().find(|(chain, _)| *chain == Chain::Client(acme()));
    let found = found.unwrap().1.to_string();
    assert_eq!(found, "record 1 is in the archive and not in the table");
}

#[tokio::test]
async fn sec_5_neither_bus_nor_archive_holds_what_people_wrote() {
    let desk = Desk::new().await;
    let firm = desk.open().await;
    desk.hold_and_release(&firm, 1).await;
    assert_eq!(desk.archive(&desk.table.stream()).await, None);
    let mut texts: Vec<String> = Vec::new();
    for key in desk.keys().await {
        let bytes = desk.shelf_bytes(&key).await;
        texts.push(key);
        texts.push(String::from_utf8(bytes).unwrap());
    }
    let archived = texts.join("\n");
    assert!(archived.contains("personal_sha256"));
    let told: Vec<_> =
        desk.bus.taken.lock().unwrap().iter().map(|entry| entry.detail.clone()).collect();
    let told = told.join("\n");
    assert!(told.contains("hold") && !told.contains("sha256"), "{told}");
    for personal in ["ann@acme.example", "\"Acme\"", "in mourning"] {
        assert!(!archived.contains(personal) && !told.contains(personal), "{personal}");
    }
}

#[tokio::test]
async fn aud_1_a_day_that_is_over_is_closed_once() {
    let desk = Desk::new().await;
    let firm = desk.open().await;
    assert_eq!(desk.archive(&desk.table.records()).await, None);
    let state = State::new(None, Some(desk.archivist()), desk.clock.clone(), Stage::Local);
    let tick = || serde_json::from_str::<Value>(SCHEDULE).unwrap();
    for (now, closed) in
        [("2026-03-05T00:59:59Z", 0), ("2026-03-05T01:00:00Z", 1), ("2026-03-05T02:00:00Z", 0)]
    {
        desk.clock.set(common::at(now));
        assert_eq!(desk.invoke(&state, tick()).await, json!({"closed_days": closed}), "{now}");
    }
    desk.hold_and_release(&firm, 1).await;
    assert_eq!(desk.archive(&desk.table.records()).await, None);
    desk.clock.set(common::at("2026-03-09T01:00:00Z"));
    assert_eq!(desk.invoke(&state, tick()).await, json!({"closed_days": 1}));
    let digest: Value =
        serde_json::from_slice(&desk.shelf_bytes("f-1/digests/2026-03-05.json").await).unwrap();
    assert_eq!(digest["previous"]["day"], "2026-03-04");
    let (last, hash) = desk.store().chain_end(&Chain::Client(acme())).await.unwrap().unwrap();
    let head = json!({"client": "acme", "sequence": last, "hash": hash.to_string()});
    assert!(digest["heads"].as_array().unwrap().contains(&head), "{digest}");
    assert_whole(&desk).await;
}

#[tokio::test]
async fn the_sample_event_is_one_of_a_stream() {
    let event: Value = serde_json::from_str(STREAM).unwrap();
    let desk = Desk::new().await;
    let both =
        State::new(Some(desk.fast()), Some(desk.archivist()), desk.clock.clone(), Stage::Local);
    // Nothing of it is in this table: the letter can't be leased, and the record stands by itself.
    let answer = desk.invoke(&both, event).await;
    assert_eq!(answer, json!({"batchItemFailures": []}));
    assert!(desk.letters.taken.lock().unwrap().is_empty());
    let keys = desk.keys().await;
    assert!(keys.iter().any(|key| key == "f-1/clients/acme/0000000001.json"), "{keys:?}");
    assert_eq!(desk.told()[0].2, "AccountOpened");
}
