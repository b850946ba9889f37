//! What was heard of a mail after the mail service had taken it: it arrived, came back, was complained of.
//!
//! Each kind of news has an attribute of its own, written once: told twice changes nothing, and in whatever
//! order they come, what stands there in the end is the same. It lies beside the mail, like its delivery, and
//! takes no part in an account's version.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use domain::id::{ClientId, StaffId};
use domain::letter::LetterId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::contact::AddressHash;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{Item, attributes, corrupt};
use crate::keys::{Key, Place};

/// What can be heard of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeardKind {
    /// The other side took it.
    Arrived,
    /// It is late, or came back for a reason that may pass.
    Delayed,
    /// It came back for good (LET-6).
    Returned,
    /// Whoever got it complained of it (LET-6).
    Complained,
    /// The mail service took it, and didn't send it after all.
    Refused,
}

impl HeardKind {
    /// All of them, what matters most first: one that came back has not arrived, whatever was said before.
    pub const ALL: [Self; 5] =
        [Self::Refused, Self::Complained, Self::Returned, Self::Arrived, Self::Delayed];

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Arrived => "arrived",
            Self::Delayed => "delayed",
            Self::Returned => "returned",
            Self::Complained => "complained",
            Self::Refused => "refused",
        }
    }

    pub(crate) fn attribute(self) -> &'static str {
        match self {
            Self::Arrived => "heard_arrived",
            Self::Delayed => "heard_delayed",
            Self::Returned => "heard_returned",
            Self::Complained => "heard_complained",
            Self::Refused => "heard_refused",
        }
    }
}

/// One piece of news.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeardNews {
    /// When it was.
    pub at: DateTime<Utc>,
    /// In the other side's words, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

/// Everything that was heard of a mail.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    /// What matters most first.
    news: Vec<(HeardKind, HeardNews)>,
}

impl Heard {
    pub(crate) fn of(item: &Item) -> Result<Self, StoreError> {
        let mut news = Vec::new();
        for kind in HeardKind::ALL {
            if let Some(value) = item.get(kind.attribute()) {
                let read = serde_dynamo::from_attribute_value(value.clone());
                news.push((kind, read.map_err(|error| corrupt(item, error))?));
            }
        }
        Ok(Self { news })
    }

    /// What of that kind was heard.
    pub fn get(&self, kind: HeardKind) -> Option<&HeardNews> {
        self.news.iter().find(|(known, _)| *known == kind).map(|(_, news)| news)
    }

    /// What matters most of it.
    pub fn most(&self) -> Option<(HeardKind, &HeardNews)> {
        self.news.first().map(|(kind, news)| (*kind, news))
    }

    /// Whether letters are to go to its address no more.
    pub fn is_bad(&self) -> bool {
        self.get(HeardKind::Returned).is_some() || self.get(HeardKind::Complained).is_some()
    }
}

impl Store {
    /// Keeps what was heard of a letter that left. `false`: that is known, or there is no such letter.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn hear_of_letter(
        &self,
        client: &ClientId,
        letter: LetterId,
        kind: HeardKind,
        news: &HeardNews,
    ) -> Result<bool, StoreError> {
        self.hear(Key::Letter(client, letter).place(&self.firm), kind, news).await
    }

    /// Keeps what was heard of a letter to a contact. `false`: as above.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn hear_of_mail(
        &self,
        address: &AddressHash,
        mail: &str,
        kind: HeardKind,
        news: &HeardNews,
    ) -> Result<bool, StoreError> {
        self.hear(Key::ContactMail(address.as_str(), mail).place(&self.firm), kind, news).await
    }

    /// Keeps what was heard of a mail to a person at the firm. `false`: as above.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn hear_of_staff_mail(
        &self,
        staff: &StaffId,
        mail: &str,
        kind: HeardKind,
        news: &HeardNews,
    ) -> Result<bool, StoreError> {
        self.hear(Key::StaffMail(staff, mail).place(&self.firm), kind, news).await
    }

    async fn hear(
        &self,
        place: Place,
        kind: HeardKind,
        news: &HeardNews,
    ) -> Result<bool, StoreError> {
        let set = vec![(kind.attribute(), AttributeValue::M(attributes(news)?))];
        let is_new = Condition::Without(kind.attribute());
        self.dynamo.write(Write::Update(place, set, Vec::new(), is_new)).await
    }
}
