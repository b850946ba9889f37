//! What the bus is told of a commit record: one entry for each event of a client.
//!
//! An entry holds ids, days and amounts, and no text that a person wrote: where the record has a salted hash in the
//! place of one, the entry has null, and so it has for the descriptions of an invoice's lines. A firm's and a
//! contact's own records are archived and not told: settings, grants and sign-ins are nobody else's. The catalogue
//! of all entries is `docs/events.md`, made from the events themselves.

use chrono::{DateTime, Utc};
use platform::bus::{BusEntry, MAX_ENTRY_BYTES};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use store::{Chain, ChainRecord};

/// In the place of a person's text.
const HIDDEN: &str = "personal_sha256";

/// Free text in events that is no person's by its type, and might be by what somebody wrote.
const FREE_TEXT: [&str; 1] = ["description"];

/// What of a record's body is told.
#[derive(Debug, Deserialize)]
struct Body {
    at: DateTime<Utc>,
    actor: Value,
    events: Vec<Value>,
}

/// When it was written, if it says.
pub fn instant_of(record: &ChainRecord) -> Option<DateTime<Utc>> {
    #[derive(Deserialize)]
    struct At {
        at: DateTime<Utc>,
    }
    serde_json::from_str::<At>(&record.body).ok().map(|body| body.at)
}

/// The entries of a record.
///
/// # Errors
/// When its body is not that of a commit record.
pub fn entries(record: &ChainRecord) -> Result<Vec<BusEntry>, serde_json::Error> {
    let Chain::Client(client) = &record.chain else { return Ok(Vec::new()) };
    let body: Body = serde_json::from_str(&record.body)?;
    let actor = tagged(&body.actor).0;
    let events = body.events.iter().enumerate();
    let entries = events.map(|(index, event)| {
        let (tag, event) = tagged(event);
        let mut detail = json!({
            "firm": record.firm,
            "client": client,
            "sequence": record.sequence,
            "index": index,
            "at": body.at,
            "actor": actor,
        });
        let whole = with(&detail, "event", without_texts(event));
        let mut entry =
            BusEntry { detail_type: detail_type(tag), at: body.at, detail: whole.to_string() };
        if MAX_ENTRY_BYTES < entry.bytes() {
            detail["is_too_large"] = json!(true);
            entry.detail = detail.to_string();
        }
        entry
    });
    Ok(entries.collect())
}

/// What an event is called on the bus: its own name, and the client's before it where it has no noun.
pub fn detail_type(tag: &str) -> String {
    let subject = match tag {
        "caught_up" | "hard_stopped" | "locked" | "reminded" | "responded" | "unlocked" => "Client",
        _ => "",
    };
    let words = tag.split('_').flat_map(|word| {
        let mut letters = word.chars();
        letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
    });
    subject.chars().chain(words).collect()
}

/// A value of an enum apart: the variant's name, and what it holds.
fn tagged(value: &Value) -> (&str, Value) {
    match value {
        Value::String(tag) => (tag, json!({})),
        Value::Object(map) => match map.iter().next() {
            Some((tag, inner)) => (tag, inner.clone()),
            None => ("unknown", json!({})),
        },
        _ => ("unknown", json!({})),
    }
}

fn with(detail: &Value, name: &str, value: Value) -> Value {
    let mut detail = detail.clone();
    detail[name] = value;
    detail
}

/// With nothing where people wrote something: that there is a text tells what kind of thing it is.
fn without_texts(value: Value) -> Value {
    if is_hidden(&value) {
        return Value::Null;
    }
    match value {
        Value::Object(map) => {
            let told = map.into_iter().map(|(name, value)| {
                let is_free = FREE_TEXT.contains(&name.as_str());
                (name, if is_free { Value::Null } else { without_texts(value) })
            });
            Value::Object(told.collect())
        }
        Value::Array(list) => list.into_iter().map(without_texts).collect(),
        other => other,
    }
}

fn is_hidden(value: &Value) -> bool {
    value.as_object().is_some_and(|map: &Map<String, Value>| map.contains_key(HIDDEN))
}
