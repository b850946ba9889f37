//! Sessions: who is signed in, until when.
//!
//! A session lies behind the contact's head under its own id. The table keeps the hash of its token only,
//! and deletes it some time after it ran out; whoever reads one asks the clock as well.

use chrono::{DateTime, Utc};
use domain::id::ContactId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::change::instant;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{Item, attributes, new_item, number, text};
use crate::keys::{EXPIRES_AT, Key};

/// Tells a session's item from a head.
pub(super) const HASH: &str = "hash";

/// When it was used last.
const SEEN_AT: &str = "seen_at";

/// How a contact signed in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignInWay {
    /// By an invitation's link.
    Invitation,
    /// By a link that it asked for.
    Link,
    /// By its password.
    Password,
}

/// What ended a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SessionEnd {
    /// The contact, by this sign-in or another one.
    Contact,
    /// Staff.
    Staff,
    /// A password was set.
    Password,
    /// A newer one, where there were too many.
    Displaced,
    /// The client was closed (CLOSE-1).
    Closing,
}

/// A session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Its name, by which it is listed and ended; it opens nothing.
    pub id: String,
    /// The hash of its token.
    pub hash: String,
    /// How it began.
    pub by: SignInWay,
    /// When it began.
    #[serde(with = "millis")]
    pub begun_at: DateTime<Utc>,
    /// When it was used last, to within a few minutes.
    #[serde(with = "millis")]
    pub seen_at: DateTime<Utc>,
    /// On what, in a few words for its owner.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub device: String,
}

impl Store {
    /// Notes that a session was used, and until when it may be kept. `false`: it was ended, or somebody else
    /// noted it.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn touch_session(
        &self,
        contact: &ContactId,
        session: &Session,
        seen_at: DateTime<Utc>,
        kept_until: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::ContactSession(contact, &session.id).place(&self.firm);
        let set = vec![(SEEN_AT, text(instant(seen_at))), (EXPIRES_AT, expiry(kept_until))];
        let is_same = Condition::Equals(SEEN_AT, text(instant(session.seen_at)));
        self.dynamo.write(Write::Update(place, set, Vec::new(), is_same)).await
    }

    pub(super) fn session_item(
        &self,
        contact: &ContactId,
        session: &Session,
    ) -> Result<Item, StoreError> {
        let place = Key::ContactSession(contact, &session.id).place(&self.firm);
        let mut item = new_item(&place, 0);
        item.extend(attributes(session)?);
        // Until it is touched for the first time it is kept for a day, whatever its own limits say.
        item.insert(EXPIRES_AT.to_owned(), expiry(session.seen_at + chrono::TimeDelta::days(1)));
        Ok(item)
    }

    pub(super) fn without_session(&self, contact: &ContactId, session: &str) -> Write {
        Write::Delete(Key::ContactSession(contact, session).place(&self.firm), Condition::Always)
    }
}

/// For the table: when an item may be deleted, in Unix seconds.
pub(super) fn expiry(at: DateTime<Utc>) -> aws_sdk_dynamodb::types::AttributeValue {
    number(u64::try_from(at.timestamp()).unwrap_or(0))
}

/// Instants as the table's other items have them, so that a condition can be written on one.
pub(super) mod millis {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serializer};

    pub(in crate::contact) fn serialize<S: Serializer>(
        at: &DateTime<Utc>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&crate::change::instant(*at))
    }

    pub(in crate::contact) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<DateTime<Utc>, D::Error> {
        DateTime::deserialize(deserializer)
    }
}
