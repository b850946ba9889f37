//! Letters as they were sent (LET-3), and how often each was handed to the mail service.
//!
//! The words stand beside the letter in an item of their own, so that lists of letters stay light. They
//! are kept before the letter is handed over, and each handing over is counted before it is tried, on the
//! condition of the count as read: of two senders one goes on, and what was never counted was never sent.

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::colour::Colour;
use domain::id::ClientId;
use domain::letter::{LetterId, Within};
use domain::text::Personal;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::commit::commit_id;
use crate::dynamo::{Condition, Transacted, Write};
use crate::error::StoreError;
use crate::firm::Logo;
use crate::item::{MAX_ITEM_BYTES, attributes, check_size, new_item, number, read};
use crate::keys::Key;
use crate::template::TemplateUse;

/// The most that text and HTML of one letter may come to: they share an item's 400 KB with the rest of
/// it. That is a letter over some 500 invoices; of a longer one the hash is kept.
pub const MAX_WORDS_BYTES: usize = 350 * 1024;

/// How often it was handed over.
const ATTEMPTS: &str = "attempts";
/// Whether the last time surely didn't.
const IS_UNSENT: &str = "is_unsent";

/// A letter as it leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SentLetter {
    /// Its `Message-ID`, the same each time.
    pub message_id: String,
    /// From which address.
    pub from: String,
    /// To which.
    pub to: Personal,
    /// Where answers go.
    pub reply_to: String,
    /// What its date says: the first time.
    pub dated: DateTime<Utc>,
    /// Its subject.
    pub subject: Personal,
    /// What it says; none where that is more than [`MAX_WORDS_BYTES`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<Words>,
    /// The hash of the whole message.
    pub sha256: String,
    /// How often it was handed over.
    pub attempts: u32,
    /// When it last was.
    pub attempted_at: DateTime<Utc>,
    /// How many times nobody could say whether it left, before the last.
    #[serde(default)]
    pub doubts: u32,
    /// Whether the last time it surely didn't leave.
    #[serde(default)]
    pub is_unsent: bool,
    /// The hash of its link's token, by which the link is taken back (LET-7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// In whose words it was written (LET-3); unknown of a letter that was written before anybody asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub template: Option<TemplateUse>,
    /// What stands around its words on paper, where it is one that is made on paper (LET-7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperHead>,
    /// In whose message, where other clients' letters are in it as well and this isn't the one that stands for it
    /// (LET-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
    /// The other letters in the message that this one stands for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub together: Vec<Within>,
}

impl SentLetter {
    /// Whether no other client's letter is in its message.
    pub fn is_alone(&self) -> bool {
        self.within.is_none() && self.together.is_empty()
    }
}

/// One of the letters of a message that is about to be handed over.
#[derive(Debug, Clone, Copy)]
pub struct Kept<'a> {
    /// Whose.
    pub client: &'a ClientId,
    /// Which.
    pub letter: LetterId,
    /// As what.
    pub sent: &'a SentLetter,
    /// How often it was handed over before, as read; none, if it never was.
    pub before: Option<u32>,
}

/// What stands around a letter's words on paper: with them its paper can be made anew, and is the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaperHead {
    /// The firm's name.
    pub name: String,
    /// Its postal address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_address: Option<String>,
    /// Where it is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Where answers go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Its picture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// Its colour.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// Whether its paper is letter size, and not A4.
    pub is_letter_size: bool,
    /// To whom.
    pub client: Personal,
    /// The day that stands on it.
    pub day: Day,
    /// Whether it went with the mail.
    #[serde(default)]
    pub is_attached: bool,
}

/// What a letter says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// For those who read text.
    pub text: Personal,
    /// For everybody else.
    pub html: Personal,
}

impl Words {
    /// Those words, if there is room for them.
    pub fn if_short(text: &str, html: &str) -> Option<Self> {
        let fits = text.len() + html.len() <= MAX_WORDS_BYTES;
        fits.then(|| Self { text: Personal::new(text), html: Personal::new(html) })
    }
}

impl Store {
    /// Keeps a letter that is about to be handed over for the first time. `false`: somebody else does.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn keep_letter(
        &self,
        client: &ClientId,
        letter: LetterId,
        sent: &SentLetter,
    ) -> Result<bool, StoreError> {
        let mut item = new_item(&Key::SentLetter(client, letter).place(&self.firm), 0);
        item.extend(attributes(sent)?);
        check_size(&item, MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, Condition::Absent)).await
    }

    /// Keeps all letters of one message that is about to be handed over, or none of them. `false`: somebody else is
    /// at one of them.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn keep_letters(&self, letters: &[Kept<'_>]) -> Result<bool, StoreError> {
        let mut writes = Vec::new();
        for kept in letters {
            let place = Key::SentLetter(kept.client, kept.letter).place(&self.firm);
            let mut item = new_item(&place, 0);
            item.extend(attributes(kept.sent)?);
            check_size(&item, MAX_ITEM_BYTES)?;
            let condition = match kept.before {
                None => Condition::Absent,
                Some(before) => Condition::Equals(ATTEMPTS, number(u64::from(before))),
            };
            writes.push(Write::Put(item, condition));
        }
        match self.dynamo.transact(&writes, &commit_id()?).await? {
            Transacted::Done => Ok(true),
            Transacted::Refused(_) | Transacted::Conflict => Ok(false),
        }
    }

    /// A letter as it was sent, or was about to be.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn sent_letter(
        &self,
        client: &ClientId,
        letter: LetterId,
    ) -> Result<Option<SentLetter>, StoreError> {
        let item = self.dynamo.get(&Key::SentLetter(client, letter).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// It is about to be handed over once more, as that. `false`: somebody else is at it, who read the count of
    /// handings over that is no longer `before`.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn keep_letter_again(
        &self,
        client: &ClientId,
        letter: LetterId,
        sent: &SentLetter,
        before: u32,
    ) -> Result<bool, StoreError> {
        let mut item = new_item(&Key::SentLetter(client, letter).place(&self.firm), 0);
        item.extend(attributes(sent)?);
        check_size(&item, MAX_ITEM_BYTES)?;
        let as_read = Condition::Equals(ATTEMPTS, number(u64::from(before)));
        self.dynamo.write(Write::Put(item, as_read)).await
    }

    /// The mail service surely didn't take it that time. `false`: it was handed over again since.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn letter_unsent(
        &self,
        client: &ClientId,
        letter: LetterId,
        attempts: u32,
    ) -> Result<bool, StoreError> {
        let set = vec![(IS_UNSENT, AttributeValue::Bool(true))];
        self.update_sent(client, letter, attempts, set).await
    }

    async fn update_sent(
        &self,
        client: &ClientId,
        letter: LetterId,
        attempts: u32,
        set: Vec<(&'static str, AttributeValue)>,
    ) -> Result<bool, StoreError> {
        let place = Key::SentLetter(client, letter).place(&self.firm);
        let as_read = Condition::Equals(ATTEMPTS, number(u64::from(attempts)));
        self.dynamo.write(Write::Update(place, set, Vec::new(), as_read)).await
    }
}
