//! Where answers to letters belong: found by what an answer says of itself, before the firm is known (LET-8).
//!
//! A letter that asks for answers at an address of ours has a name in it that nobody can guess, and a `Message-ID`
//! that mail programs name when they answer. Of both the table has the hash, with the letter that it stands for: whoever
//! answers writes to that firm's client and to no other (SEC-1).

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ClientId, FirmId};
use domain::letter::LetterId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{attributes, new_item, number, read};
use crate::keys::{EXPIRES_AT, PlatformKey};
use crate::platform::Platform;

/// How long a letter may be answered: longer than any debt is dunned for, and then a name that nobody uses any more
/// goes.
const KEPT: TimeDelta = TimeDelta::days(400);

/// The letter that an answer is to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswersTo {
    /// Whose.
    pub firm: FirmId,
    /// To which client.
    pub client: ClientId,
    /// Which letter.
    pub letter: LetterId,
}

impl Store {
    /// Keeps that answers named so are to that letter, for [`KEPT`]; what is known already stays as it is.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn expect_answers(
        &self,
        hashes: &[&str],
        (client, letter): (&ClientId, LetterId),
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let to = AnswersTo { firm: self.firm.clone(), client: client.clone(), letter };
        for hash in hashes {
            let mut item = new_item(&PlatformKey::Answer(hash).place(), 0);
            item.extend(attributes(&to)?);
            let until = u64::try_from((now + KEPT).timestamp()).unwrap_or(0);
            item.insert(EXPIRES_AT.to_owned(), number(until));
            self.dynamo.write(Write::Put(item, Condition::Absent)).await?;
        }
        Ok(())
    }
}

impl Platform {
    /// To which letter an answer named so is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn answers_to(&self, hash: &str) -> Result<Option<AnswersTo>, StoreError> {
        let item = self.dynamo().get(&PlatformKey::Answer(hash).place()).await?;
        item.as_ref().map(read).transpose()
    }
}
