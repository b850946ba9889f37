//! The catalogue of what the bus tells: made from the source of the events, and held against real ones.
//!
//! `PORTCULLIS_UPDATE=1` writes `docs/events.md` and `docs/events/*.json`.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod schema;
mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use domain::audit::ChainHash;
use domain::event::Event;
use domain::rehearsal::{Happening, Loaded, Timeline, run};
use platform::bus::BusEntry;
use serde_json::{Value, json};
use services::archive::told::{detail_type, entries};
use store::{Chain, ChainRecord};

use schema::Entry;
use source::Source;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn catalogue() -> Vec<Entry> {
    schema::entries(&mut Source::of_the_rules())
}

/// The files that the catalogue is: path and text.
fn files(catalogue: &[Entry]) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    for entry in catalogue {
        let text = serde_json::to_string_pretty(&entry.schema).unwrap() + "\n";
        files.insert(format!("docs/events/{}.json", detail_type(&entry.tag)), text);
    }
    files.insert("docs/events.md".to_owned(), page(catalogue));
    files
}

fn page(catalogue: &[Entry]) -> String {
    let mut page = include_str!("page.md").to_owned();
    let mut rows: Vec<_> = catalogue.iter().collect();
    rows.sort_by_key(|entry| detail_type(&entry.tag));
    for entry in rows {
        let name = detail_type(&entry.tag);
        page +=
            &format!("| [`{name}`](events/{name}.json) | {} | {} |\n", entry.doc, fields(entry));
    }
    page
}

/// What an event holds, by name.
fn fields(entry: &Entry) -> String {
    let mut event = &entry.schema["properties"]["event"];
    while let Some(name) = event["$ref"].as_str() {
        event = &entry.schema["$defs"][name.rsplit('/').next().unwrap()];
    }
    let names = event["properties"].as_object().into_iter().flat_map(|map| map.keys());
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[test]
fn the_committed_catalogue_is_the_codes() {
    let files = files(&catalogue());
    let folder = root().join("docs/events");
    let is_update = std::env::var_os("PORTCULLIS_UPDATE").is_some();
    if is_update {
        fs::create_dir_all(&folder).unwrap();
    }
    for entry in fs::read_dir(&folder).unwrap() {
        let name = format!("docs/events/{}", entry.unwrap().file_name().to_string_lossy());
        if !files.contains_key(&name) {
            assert!(is_update, "{name} is of no event; PORTCULLIS_UPDATE=1 deletes it");
            fs::remove_file(root().join(&name)).unwrap();
        }
    }
    for (path, text) in files {
        if is_update {
            fs::write(root().join(&path), &text).unwrap();
        }
        let committed = fs::read_to_string(root().join(&path)).unwrap_or_default();
        assert!(
            committed == text,
            "{path} is not what the events say; PORTCULLIS_UPDATE=1 writes it"
        );
    }
}

#[test]
fn sec_5_every_kind_of_event_is_as_its_schema_says_and_names_nobody() {
    let schemas: BTreeMap<_, _> = catalogue()
        .into_iter()
        .map(|mut entry| {
            close(&mut entry.schema);
            (detail_type(&entry.tag), jsonschema::validator_for(&entry.schema).unwrap())
        })
        .collect();
    let mut seen = BTreeSet::new();
    for entry in told() {
        let detail: Value = serde_json::from_str(&entry.detail).unwrap();
        let schema = schemas.get(&entry.detail_type);
        let schema = schema.unwrap_or_else(|| panic!("{} has no schema", entry.detail_type));
        if let Err(error) = schema.validate(&detail) {
            panic!("{} at {}: {error}\n{detail:#}", entry.detail_type, error.instance_path());
        }
        for personal in ["@", "sha256", "SECRET"] {
            assert!(!entry.detail.contains(personal), "{detail:#}");
        }
        seen.insert(entry.detail_type);
    }
    let never: Vec<_> = schemas.keys().filter(|kind| !seen.contains(*kind)).collect();
    assert!(never.is_empty(), "neither a timeline nor `in_no_timeline` has {never:?}");
}

/// Nothing that a schema doesn't name: what the source's reader overlooked is found.
fn close(schema: &mut Value) {
    match schema {
        Value::Object(map) => {
            if map.contains_key("properties") && !map.contains_key("additionalProperties") {
                map.insert("additionalProperties".to_owned(), json!(false));
            }
            map.values_mut().for_each(close);
        }
        Value::Array(list) => list.iter_mut().for_each(close),
        _ => {}
    }
}

/// What the bus would be told of all timelines, and of what no timeline has.
fn told() -> Vec<BusEntry> {
    let mut told = of_events(in_no_timeline());
    for folder in fs::read_dir(root().join("tests/scenarios")).unwrap() {
        for file in fs::read_dir(folder.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                told.extend(of_timeline(&path));
            }
        }
    }
    assert!(1_000 < told.len(), "{} events are not all of them", told.len());
    told
}

fn of_timeline(path: &Path) -> Vec<BusEntry> {
    let text = fs::read_to_string(path).unwrap();
    let load = |name: &str| {
        let text = fs::read_to_string(path.parent().unwrap().join(name));
        let text = text.map_err(|error| error.to_string())?;
        Ok(Loaded { name: name.to_owned(), text })
    };
    let timeline = Timeline::read("timeline", &text, &load).unwrap();
    let items = run(&timeline, None).items.into_iter();
    of_events(items.filter_map(|item| match item.happening {
        Happening::Event(event) => Some(*event),
        _ => None,
    }))
}

/// Acts of staff that a rehearsal has no words for, and what other systems bring.
fn in_no_timeline() -> Vec<Event> {
    let profile = json!({
        "name": {"personal": "Acme"},
        "class": "default",
        "currency": "USD",
        "contacts": [{"address": {"personal": "ann@acme.example"}, "is_bounced": false}],
        "service_lines": ["tax"],
        "terms_allow_late_fee": false,
    });
    let text = json!({"personal": "called bea"});
    let note =
        json!({"id": 1, "kind": "call", "by": "bea", "invoice": "A-1", "text": text.clone()});
    let link = json!({"link": "0a1b", "by": "bea", "made_on": "2026-03-02", "invoices": ["A-1"]});
    let events = json!([
        {"account_opened": profile},
        {"profile_changed": profile},
        {"people_assigned": {"was": {}, "now": {"partner": "pat", "preparers": ["pre"]}}},
        {"invoice_posted": {"invoice": "A-1", "number": "2026-001"}},
        {"invoice_posted": {"invoice": "A-1"}},
        {"dispute_reviewed": {"invoice": "A-1"}},
        {"episode_moved": {"policy": {"class": "default", "version": 2}}},
        {"task_assigned": {"task": 3, "to": "bea"}},
        {"note_added": note},
        {"pay_link_made": link},
        {"pay_link_revoked": {"link": "0a1b", "letter": 7}},
        {"deletion_put_off": {"until": "2036-03-02", "by": "pat", "reason": text}},
        {"client_erased": {
            "on": "2036-03-02", "years": 10,
            "gone": {"records": 9, "letters": 3, "notes": 1, "contacts": 1},
        }},
        {"message_written": {
            "id": 1, "on": "2026-03-02", "channel": "console", "author": {"staff": {"by": "bea"}}, "text": text,
        }},
    ]);
    serde_json::from_value(events).unwrap()
}

fn of_events(events: impl IntoIterator<Item = Event>) -> Vec<BusEntry> {
    let events = events.into_iter().map(|event| hidden(serde_json::to_value(event).unwrap()));
    let body = json!({"at": "2026-03-02T12:00:00.000Z", "actor": "schedule", "events": events.collect::<Vec<_>>()});
    let (firm, client) = ("f-1".parse().unwrap(), "acme".parse().unwrap());
    let hash = ChainHash::genesis(&firm, &client);
    let chain = Chain::Client(client);
    let body = body.to_string();
    entries(&ChainRecord { firm, chain, sequence: 1, previous: hash, hash, body }).unwrap()
}

/// As the store writes it: a hash in the place of a person's text.
fn hidden(value: Value) -> Value {
    match value {
        Value::Object(map) if map.len() == 1 && map.contains_key("personal") => {
            json!({"personal_sha256": "SECRET", "text": 0})
        }
        Value::Object(map) => map.into_iter().map(|(name, value)| (name, hidden(value))).collect(),
        Value::Array(list) => list.into_iter().map(hidden).collect(),
        other => other,
    }
}
