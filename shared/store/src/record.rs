//! Commit records: all events of one command, chained, with the personal texts apart (AUD-1).
//!
//! A record's body is stored as the text that was hashed; nobody parses it to check it. Where an event
//! holds a personal text, the body holds a salted hash of it: deleting text and salt leaves the chain
//! whole, and a short text can't be guessed from its hash.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::audit::ChainHash;
use domain::calendar::Day;
use domain::event::Event;
use domain::id::FirmId;
use domain::policy::PolicyRef;
use domain::role::Actor;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::change::instant;
use crate::error::StoreError;
use crate::item::{
    Item, attributes, corrupt, get_number, get_text, new_item, number, place_of, read, text,
};
use crate::keys::Place;
use crate::stream::{Chain, ChainRecord};

/// The most of a body that goes into one item: with the rest of it, well under DynamoDB's 400 KB.
const MAX_PART_BYTES: usize = 300 * 1024;

/// The record's stored bytes, or the part of them in this item.
pub(crate) const BODY: &str = "body";
/// The hash of the record before.
const PREVIOUS: &str = "previous";
/// The hash of this one.
const HASH: &str = "hash";
/// How many items the body is in.
const PARTS: &str = "parts";
/// How many items its texts are in.
const TEXT_PARTS: &str = "text_parts";
/// In the place of a personal text.
const HIDDEN: &str = "personal_sha256";
/// Personal texts with their salts.
const TEXTS: &str = "texts";

/// Who did what under which rules: goes into the record beside the events (AUD-1, EVAL-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommitMeta {
    /// When.
    pub at: DateTime<Utc>,
    /// Which day it was at the firm.
    pub day: Day,
    /// Who.
    pub actor: Actor,
    /// The command's name.
    pub command: String,
    /// The policy under which it was decided.
    pub policy: Option<PolicyRef>,
    /// The request that it came with.
    pub request_id: Option<String>,
    /// The rule that acted, where the system did.
    pub rule: Option<String>,
}

/// A commit record as it is read.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Counted from 1 over the client's life.
    pub sequence: u64,
    /// The hash of the record before.
    pub previous: ChainHash,
    /// The hash of this one.
    pub hash: ChainHash,
    /// What it says, with personal texts where they still are, and empty ones where they were deleted.
    pub body: Body,
    /// The stored bytes.
    pub stored: String,
}

/// What a record says.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Body {
    /// When.
    pub at: DateTime<Utc>,
    /// Which day it was at the firm.
    pub day: Day,
    /// Who.
    pub actor: Actor,
    /// The command's name.
    pub command: String,
    /// The policy under which it was decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<PolicyRef>,
    /// The request that it came with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The rule that acted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// The account's version after it.
    pub version: u64,
    /// The events; as values, since an older program may not know them all.
    pub events: Vec<Value>,
}

impl Body {
    /// The events, if this program knows them all.
    ///
    /// # Errors
    /// Names the first that it doesn't.
    pub fn events(&self) -> Result<Vec<Event>, serde_json::Error> {
        self.events.iter().map(|event| serde_json::from_value(event.clone())).collect()
    }
}

/// What a record says beside its events: made now, or as it was written once and is put back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wording<'a> {
    pub(crate) meta: &'a CommitMeta,
    pub(crate) kept: Option<&'a Kept>,
}

/// A record as it was written once: its bytes, the account's version after it, and texts as far as they are there.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) body: String,
    pub(crate) version: u64,
    pub(crate) texts: Vec<Text>,
}

impl<'a> Wording<'a> {
    /// Of a record that is made now.
    pub(crate) fn new(meta: &'a CommitMeta) -> Self {
        Self { meta, kept: None }
    }

    /// The version after the one that was read.
    pub(crate) fn version_after(&self, read: u64) -> u64 {
        self.kept.map_or(read + 1, |kept| kept.version)
    }

    /// The record of these events.
    pub(crate) fn record(
        &self,
        events: &[impl Serialize],
        version: u64,
    ) -> Result<NewRecord, StoreError> {
        match self.kept {
            None => new_record(events, self.meta, version),
            Some(kept) => Ok(NewRecord { body: kept.body.clone(), texts: kept.texts.clone() }),
        }
    }
}

/// A record about to be written.
#[derive(Debug)]
pub(crate) struct NewRecord {
    pub(crate) body: String,
    pub(crate) texts: Vec<Text>,
}

/// A personal text, kept apart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Text {
    pub(crate) salt: String,
    pub(crate) text: String,
}

impl Text {
    fn new(text: &str) -> Result<Self, StoreError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|error| StoreError::Encode(error.to_string().into()))?;
        Ok(Self { salt: hex::encode(salt), text: text.to_owned() })
    }

    fn hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.salt.as_bytes());
        hash.update(self.text.as_bytes());
        hex::encode(hash.finalize())
    }
}

/// The record of these events.
fn new_record(
    events: &[impl Serialize],
    meta: &CommitMeta,
    version: u64,
) -> Result<NewRecord, StoreError> {
    let mut texts = Vec::new();
    let mut values = Vec::new();
    for event in events {
        let mut value =
            serde_json::to_value(event).map_err(|error| StoreError::Encode(error.into()))?;
        hide(&mut value, &mut texts)?;
        values.push(value);
    }
    let body = Body {
        at: meta.at,
        day: meta.day,
        actor: meta.actor.clone(),
        command: meta.command.clone(),
        policy: meta.policy.clone(),
        request_id: meta.request_id.clone(),
        rule: meta.rule.clone(),
        version,
        events: values,
    };
    let mut body = serde_json::to_value(body).map_err(|error| StoreError::Encode(error.into()))?;
    body["at"] = json!(instant(meta.at));
    Ok(NewRecord { body: body.to_string(), texts })
}

/// The items of a record, the record itself first.
pub(crate) fn record_items(
    place: impl Fn(usize) -> Place,
    text_place: impl Fn(usize) -> Place,
    record: &NewRecord,
    (previous, hash): (ChainHash, ChainHash),
    (version, commit): (u64, &str),
) -> Result<Vec<Item>, StoreError> {
    let parts = split(&record.body);
    let mut items = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let mut item = new_item(&place(index), version);
        item.insert(BODY.to_owned(), text(*part));
        if index == 0 {
            item.insert(PREVIOUS.to_owned(), text(previous.to_string()));
            item.insert(HASH.to_owned(), text(hash.to_string()));
            item.insert(PARTS.to_owned(), number(parts.len() as u64));
            item.insert(TEXT_PARTS.to_owned(), number(text_parts(&record.texts).len() as u64));
            item.insert(crate::head::COMMIT.to_owned(), text(commit));
        }
        items.push(item);
    }
    for (index, texts) in text_parts(&record.texts).into_iter().enumerate() {
        let mut item = new_item(&text_place(index), version);
        item.extend(attributes(&StoredTexts { texts: texts.to_vec() })?);
        items.push(item);
    }
    Ok(items)
}

#[derive(Debug, Serialize, Deserialize)]
struct StoredTexts {
    texts: Vec<Text>,
}

fn split(body: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = body;
    while MAX_PART_BYTES < rest.len() {
        let end = (0..=MAX_PART_BYTES).rev().find(|&end| rest.is_char_boundary(end)).unwrap_or(0);
        let (part, after) = rest.split_at(end);
        parts.push(part);
        rest = after;
    }
    parts.push(rest);
    parts
}

fn text_parts(texts: &[Text]) -> Vec<&[Text]> {
    let mut parts = Vec::new();
    let mut begin = 0;
    let mut bytes = 0;
    for (index, text) in texts.iter().enumerate() {
        let size = text.text.len() + text.salt.len() + 16;
        if begin < index && MAX_PART_BYTES < bytes + size {
            parts.push(&texts[begin..index]);
            (begin, bytes) = (index, 0);
        }
        bytes += size;
    }
    if begin < texts.len() {
        parts.push(&texts[begin..]);
    }
    parts
}

/// Puts salted hashes in the place of personal texts.
fn hide(value: &mut Value, texts: &mut Vec<Text>) -> Result<(), StoreError> {
    match value {
        Value::Object(map) => {
            if let Some(personal) = personal(map) {
                let text = Text::new(personal)?;
                *value = json!({"personal_sha256": text.hash(), "text": texts.len()});
                texts.push(text);
                return Ok(());
            }
            map.values_mut().try_for_each(|value| hide(value, texts))
        }
        Value::Array(list) => list.iter_mut().try_for_each(|value| hide(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(()),
    }
}

fn personal(map: &Map<String, Value>) -> Option<&str> {
    (map.len() == 1).then(|| map.get("personal")?.as_str()).flatten()
}

/// Puts the texts back where they are still there; answers those that aren't what was hashed.
fn reveal(value: &mut Value, texts: &[Text], wrong: &mut Vec<usize>) {
    match value {
        Value::Object(map) => {
            let Some(hash) = map.get(HIDDEN).and_then(Value::as_str) else {
                map.values_mut().for_each(|value| reveal(value, texts, wrong));
                return;
            };
            let index = map.get("text").and_then(Value::as_u64).unwrap_or(u64::MAX);
            let index = usize::try_from(index).unwrap_or(usize::MAX);
            let text = texts.get(index).filter(|text| !text.salt.is_empty());
            if text.is_some_and(|text| text.hash() != hash) {
                wrong.push(index);
            }
            *value = json!({"personal": text.map_or("", |text| &text.text)});
        }
        Value::Array(list) => list.iter_mut().for_each(|value| reveal(value, texts, wrong)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// How many personal texts there are hashes of.
pub(crate) fn hidden(value: &Value) -> usize {
    match value {
        Value::Object(map) if map.contains_key(HIDDEN) => 1,
        Value::Object(map) => map.values().map(hidden).sum(),
        Value::Array(list) => list.iter().map(hidden).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
    }
}

/// What a record's bytes say, with those texts, and the places of texts that aren't what was hashed.
pub(crate) fn open(body: &str, texts: &[Text]) -> Result<(Body, Vec<usize>), serde_json::Error> {
    let mut value: Value = serde_json::from_str(body)?;
    let mut wrong = Vec::new();
    if let Some(events) = value.get_mut("events") {
        reveal(events, texts, &mut wrong);
    }
    Ok((serde_json::from_value(value)?, wrong))
}

/// A record as stored: its parts put together, nothing parsed.
#[derive(Debug, Clone)]
pub(crate) struct StoredRecord {
    pub(crate) sequence: u64,
    pub(crate) previous: ChainHash,
    pub(crate) hash: ChainHash,
    pub(crate) body: String,
    item: Item,
}

impl StoredRecord {
    /// Its bytes, with whose they are.
    pub(crate) fn in_chain(self, firm: FirmId, chain: Chain) -> ChainRecord {
        let Self { sequence, previous, hash, body, .. } = self;
        ChainRecord { firm, chain, sequence, previous, hash, body }
    }

    /// What it says, and the places of texts that aren't what was hashed.
    pub(crate) fn open(self, texts: &[Text]) -> Result<(Record, Vec<usize>), StoreError> {
        let opened = open(&self.body, texts).map_err(|error| corrupt(&self.item, error))?;
        let (body, wrong) = opened;
        let Self { sequence, previous, hash, body: stored, .. } = self;
        Ok((Record { sequence, previous, hash, body, stored }, wrong))
    }
}

/// Puts the items of records together, which come in their order, parts after their record. What can't
/// be read is told by its number.
pub(crate) fn assemble(items: Vec<Item>) -> Vec<Result<StoredRecord, (u64, StoreError)>> {
    let mut records: Vec<Result<StoredRecord, (u64, StoreError)>> = Vec::new();
    for item in items {
        let sequence = sequence_of(&item);
        let is_part = part_of(&item).is_some();
        match (is_part, records.last_mut()) {
            (true, Some(Ok(record))) if record.sequence == sequence => {
                record.body.push_str(get_text(&item, BODY).unwrap_or_default());
            }
            (true, Some(Err(_))) => {}
            (true, _) => records.push(Err((sequence, corrupt(&item, "it is a part of no record")))),
            (false, _) => records.push(stored(sequence, item).map_err(|error| (sequence, error))),
        }
    }
    records
}

/// The record's number, from the item's key.
pub(crate) fn sequence_of(item: &Item) -> u64 {
    let sk = place_of(item).sk;
    let digits = sk.split('#').nth(1).unwrap_or_default();
    digits.parse().unwrap_or(0)
}

/// Which part of a record it is, from the item's key; none: the record itself.
fn part_of(item: &Item) -> Option<u64> {
    place_of(item).sk.split('#').nth(2)?.parse().ok()
}

pub(crate) fn stored(sequence: u64, item: Item) -> Result<StoredRecord, StoreError> {
    let hash = |name: &str| {
        let hash = get_text(&item, name).and_then(ChainHash::from_hex);
        hash.ok_or_else(|| corrupt(&item, format!("its {name} is no hash")))
    };
    let (previous, hash) = (hash(PREVIOUS)?, hash(HASH)?);
    let body = get_text(&item, BODY).ok_or_else(|| corrupt(&item, "it has no body"))?.to_owned();
    Ok(StoredRecord { sequence, previous, hash, body, item })
}

/// In how many items the body of a record is, and in how many its texts.
pub(crate) fn counts_of(item: &Item) -> (usize, usize) {
    let count = |name| get_number(item, name).and_then(|count| usize::try_from(count).ok());
    (count(PARTS).unwrap_or(1), count(TEXT_PARTS).unwrap_or(0))
}

/// Whether the item is a record, not a further part of one.
pub(crate) fn is_record(item: &Item) -> bool {
    part_of(item).is_none()
}

/// Texts by the number of their record, from their items in order.
pub(crate) fn assemble_texts(items: &[Item]) -> Result<BTreeMap<u64, Vec<Text>>, StoreError> {
    let mut texts: BTreeMap<u64, Vec<Text>> = BTreeMap::new();
    for item in items.iter().filter(|item| item.contains_key(TEXTS)) {
        texts.entry(sequence_of(item)).or_default().extend(read::<StoredTexts>(item)?.texts);
    }
    Ok(texts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aud_1_personal_texts_are_kept_apart_and_come_back() {
        let event = json!({"held": {"hold": {"reason": {"personal": "in mourning"}, "on": [1, {"personal": ""}]}}});
        let mut hidden = event.clone();
        let mut texts = Vec::new();
        hide(&mut hidden, &mut texts).unwrap();
        assert!(!hidden.to_string().contains("mourning"));
        assert_eq!(texts.len(), 2);
        assert_ne!(texts[0].salt, texts[1].salt);
        let (mut back, mut wrong) = (hidden.clone(), Vec::new());
        reveal(&mut back, &texts, &mut wrong);
        assert_eq!((back, wrong.len()), (event, 0));
        texts[0].text = "on holiday".to_owned();
        let (mut forged, mut wrong) = (hidden.clone(), Vec::new());
        reveal(&mut forged, &texts, &mut wrong);
        assert_eq!(wrong, [0]);
        let (mut gone, mut wrong) = (hidden, Vec::new());
        reveal(&mut gone, &[], &mut wrong);
        assert_eq!(gone["held"]["hold"]["reason"], json!({"personal": ""}));
        assert!(wrong.is_empty());
    }

    #[test]
    fn a_long_body_is_split_between_characters() {
        let body = "é".repeat(MAX_PART_BYTES);
        let parts = split(&body);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts.concat(), body);
        assert_eq!(split(""), [""]);
        let texts = vec![Text { salt: String::new(), text: "x".repeat(MAX_PART_BYTES / 2) }; 5];
        let parts = text_parts(&texts);
        assert_eq!(parts.iter().map(|part| part.len()).sum::<usize>(), 5);
        assert_eq!(parts.len(), 5);
        assert!(text_parts(&[]).is_empty());
    }
}
