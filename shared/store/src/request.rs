//! What else a firm keeps: answers to requests by their `Idempotency-Key`, runs of imports.

use chrono::{DateTime, TimeDelta, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{Item, attributes, corrupt, get_text, new_item, number, read, text};
use crate::keys::{EXPIRES_AT, Key};

/// How long an answer is kept for whoever asks again with the same key.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// After that, a request that never answered is taken to have died: longer than any function may run.
const DEAD_AFTER: TimeDelta = TimeDelta::seconds(60);

/// A request under a key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Request {
    /// Tells it from another request under the same key.
    fingerprint: String,
    begun_at: DateTime<Utc>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<Answer>,
}

/// What was answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The body.
    pub body: String,
}

/// What is known of a request when it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begun {
    /// Nothing: do it, then [`Store::answer_request`].
    New,
    /// It is being done right now.
    Running,
    /// It was done, and this was the answer.
    Answered(Answer),
    /// The key was used for another request.
    Other,
}

impl Store {
    /// Begins a request under a key, which the caller has bound to its caller and route.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn begin_request(
        &self,
        key: &str,
        fingerprint: &str,
        now: DateTime<Utc>,
    ) -> Result<Begun, StoreError> {
        let place = Key::Request(key).place(&self.firm);
        let request = Request { fingerprint: fingerprint.to_owned(), begun_at: now, answer: None };
        let mut item = new_item(&place, 0);
        item.extend(attributes(&request)?);
        item.insert(
            EXPIRES_AT.to_owned(),
            number(u64::try_from((now + KEPT).timestamp()).unwrap_or(0)),
        );
        if self.dynamo.write(Write::Put(item.clone(), Condition::Absent)).await? {
            return Ok(Begun::New);
        }
        let Some(stored) = self.dynamo.get(&place).await? else { return Ok(Begun::Running) };
        let known: Request = read(&stored)?;
        let is_old = known.begun_at + KEPT <= now;
        if known.fingerprint != fingerprint && !is_old {
            return Ok(Begun::Other);
        }
        match known.answer {
            Some(answer) if !is_old => Ok(Begun::Answered(answer)),
            None if now < known.begun_at + DEAD_AFTER => Ok(Begun::Running),
            Some(_) | None => {
                let read = stored.get(BEGUN_AT).cloned().unwrap_or_else(|| text(""));
                let put = Write::Put(item, Condition::Equals(BEGUN_AT, read));
                Ok(if self.dynamo.write(put).await? { Begun::New } else { Begun::Running })
            }
        }
    }

    /// Keeps the answer.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn answer_request(&self, key: &str, answer: &Answer) -> Result<(), StoreError> {
        let place = Key::Request(key).place(&self.firm);
        let value = aws_sdk_dynamodb::types::AttributeValue::M(attributes(answer)?);
        let write = Write::Update(place, vec![("answer", value)], Vec::new(), Condition::Present);
        self.dynamo.write(write).await.map(|_| ())
    }

    /// Forgets a request that did nothing, so that it can be made again.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn forget_request(&self, key: &str) -> Result<(), StoreError> {
        let place = Key::Request(key).place(&self.firm);
        self.dynamo.write(Write::Delete(place, Condition::Always)).await.map(|_| ())
    }

    /// Keeps what a run of something says of itself.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn put_run(&self, id: &str, run: &impl Serialize) -> Result<(), StoreError> {
        let mut item = new_item(&Key::Run(id).place(&self.firm), 0);
        let body = serde_json::to_string(run).map_err(|error| StoreError::Encode(error.into()))?;
        item.insert(RUN.to_owned(), text(body));
        crate::item::check_size(&item, crate::item::MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, Condition::Always)).await.map(|_| ())
    }

    /// What a run says of itself.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn run<T: DeserializeOwned>(&self, id: &str) -> Result<Option<T>, StoreError> {
        let item = self.dynamo.get(&Key::Run(id).place(&self.firm)).await?;
        item.as_ref().map(read_run).transpose()
    }
}

/// See [`Request`].
const BEGUN_AT: &str = "begun_at";
/// What a run says of itself.
const RUN: &str = "run";

fn read_run<T: DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    crate::item::check_schema(item)?;
    let body = get_text(item, RUN).ok_or_else(|| corrupt(item, "it has no run"))?;
    serde_json::from_str(body).map_err(|error| corrupt(item, error))
}
