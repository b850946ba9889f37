//! Answers to letters that the mail service took in: it lays each in a bucket, and the bucket tells of it.

use std::sync::Arc;

use platform::archive::{Archive, ArchiveError};
use serde::Deserialize;
use serde_json::Value;
use services::correspondence::Correspondence;
use services::replies::MAX_MAIL_BYTES;

/// What taking in answers needs.
#[derive(Clone)]
pub struct Inbound {
    /// Writes down what came, and hands it on.
    pub correspondence: Correspondence,
    /// The bucket's name: of no other is anything read.
    pub bucket: String,
    /// What is in it.
    pub mails: Arc<dyn Archive>,
}

/// A mail that lies in the bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid {
    bucket: String,
    key: String,
    size: u64,
}

#[derive(Deserialize)]
struct Event {
    detail: Detail,
}

#[derive(Deserialize)]
struct Detail {
    bucket: Bucket,
    object: Object,
}

#[derive(Deserialize)]
struct Bucket {
    name: String,
}

#[derive(Deserialize)]
struct Object {
    key: String,
    #[serde(default)]
    size: u64,
}

/// The mail that a message of the queue tells of; `None`: it tells of something else.
pub fn read(message: &Value) -> Option<Laid> {
    let is = |name: &str, value: &str| message.get(name).and_then(Value::as_str) == Some(value);
    if !is("source", "aws.s3") || !is("detail-type", "Object Created") {
        return None;
    }
    let Event { detail: Detail { bucket, object } } = Event::deserialize(message).ok()?;
    Some(Laid { bucket: bucket.name, key: object.key, size: object.size })
}

impl Inbound {
    /// The mail; `None`: it is another bucket's, too large, or not there any more.
    ///
    /// # Errors
    /// When the bucket doesn't answer.
    pub async fn fetch(&self, laid: &Laid) -> Result<Option<Vec<u8>>, ArchiveError> {
        let limit = u64::try_from(MAX_MAIL_BYTES).unwrap_or(u64::MAX);
        if laid.bucket != self.bucket || limit < laid.size {
            return Ok(None);
        }
        self.mails.get(&laid.key).await
    }
}
