//! Letters to contacts that wait: invitations, and links that were asked for.
//!
//! What waits lies under the hash of its address, whether or not anybody has that address: asking for a link
//! writes the same item for everyone, and who it is for is looked up by whoever sends it (SEC-4). The link
//! itself is made then, so no token is ever kept. The item is in the outbox until it is finished, like a
//! client's letter.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use domain::id::FirmId;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::link::ContactLinkKind;
use super::session::{expiry, millis};
use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::heard::Heard;
use crate::item::{Item, attributes, new_item, number, read};
use crate::keys::{EXPIRES_AT, Index, Key};
use crate::outbox::{Delivery, outbox_attributes, to_outbox};

/// How often it was tried.
const ATTEMPTS: &str = "attempts";

/// What became of it.
const OUTCOME: &str = "outcome";

/// How long what became of it is kept.
const KEPT: chrono::TimeDelta = chrono::TimeDelta::days(30);

/// What an e-mail address is found by: its hash, bound to the firm, so that the table's keys name nobody.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AddressHash(String);

/// Not the hash of an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an address's hash has 64 hexadecimal digits")]
pub struct AddressHashError;

impl AddressHash {
    /// Of an address as all sign-ins have it.
    pub fn of(firm: &FirmId, address: &str) -> Self {
        Self(bound_hash(firm, "address", address))
    }

    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AddressHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AddressHash(…)")
    }
}

impl TryFrom<String> for AddressHash {
    type Error = AddressHashError;

    fn try_from(text: String) -> Result<Self, AddressHashError> {
        let is_hash = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if is_hash { Ok(Self(text)) } else { Err(AddressHashError) }
    }
}

impl From<AddressHash> for String {
    fn from(hash: AddressHash) -> Self {
        hash.0
    }
}

/// A hash of a text, of no use in another firm or for another purpose. Each part goes in with its length.
pub(super) fn bound_hash(firm: &FirmId, purpose: &str, text: &str) -> String {
    let mut hash = Sha256::new();
    for part in ["portcullis contact 1", firm.as_str(), purpose, text] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    hex::encode(hash.finalize())
}

/// A letter to a contact that waits, or what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactMail {
    /// Its name.
    pub id: String,
    /// To whom.
    pub address: AddressHash,
    /// With which link.
    pub kind: ContactLinkKind,
    /// When it was asked for.
    #[serde(with = "millis")]
    pub asked_at: DateTime<Utc>,
    /// When the sweeper first looks at it.
    #[serde(skip, default)]
    pub ready_at: DateTime<Utc>,
    /// How often it was tried.
    #[serde(default)]
    pub attempts: u32,
    /// What became of it, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Delivery>,
    /// What was heard of it since.
    #[serde(skip)]
    pub heard: Heard,
}

fn read_mail(item: &Item) -> Result<ContactMail, StoreError> {
    Ok(ContactMail { heard: Heard::of(item)?, ..read(item)? })
}

impl Store {
    /// Keeps a letter that is to be written.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn add_mail(&self, mail: &ContactMail) -> Result<(), StoreError> {
        self.dynamo.write(Write::Put(self.mail_item(mail)?, Condition::Absent)).await.map(|_| ())
    }

    pub(super) fn mail_item(&self, mail: &ContactMail) -> Result<Item, StoreError> {
        let place = Key::ContactMail(mail.address.as_str(), &mail.id).place(&self.firm);
        let mut item = new_item(&place, 0);
        item.extend(attributes(mail)?);
        to_outbox(&mut item, &place, Some(mail.ready_at));
        item.insert(EXPIRES_AT.to_owned(), expiry(mail.asked_at + KEPT));
        Ok(item)
    }

    /// A letter to a contact.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn mail(
        &self,
        address: &AddressHash,
        id: &str,
    ) -> Result<Option<ContactMail>, StoreError> {
        let item =
            self.dynamo.get(&Key::ContactMail(address.as_str(), id).place(&self.firm)).await?;
        item.as_ref().map(read_mail).transpose()
    }

    /// One more try begins; until `again_at` nobody else looks at it. `false`: somebody else is at it, or
    /// did it.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn attempt_mail(
        &self,
        mail: &ContactMail,
        again_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::ContactMail(mail.address.as_str(), &mail.id).place(&self.firm);
        let mut set = outbox_attributes(&place, again_at).to_vec();
        set.push((ATTEMPTS, number(u64::from(mail.attempts) + 1)));
        let is_same = Condition::Equals(ATTEMPTS, number(u64::from(mail.attempts)));
        self.dynamo.write(Write::Update(place, set, Vec::new(), is_same)).await
    }

    /// Looks at it again from that instant on. `false`: it is gone.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn postpone_mail(
        &self,
        mail: &ContactMail,
        again_at: DateTime<Utc>,
    ) -> Result<bool, StoreError> {
        let place = Key::ContactMail(mail.address.as_str(), &mail.id).place(&self.firm);
        let set = outbox_attributes(&place, again_at).to_vec();
        self.dynamo.write(Write::Update(place, set, Vec::new(), Condition::Without(OUTCOME))).await
    }

    /// Writes what became of it, once, and takes it out of the outbox. `false`: that was done before.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn finish_mail(
        &self,
        mail: &ContactMail,
        outcome: &Delivery,
    ) -> Result<bool, StoreError> {
        let place = Key::ContactMail(mail.address.as_str(), &mail.id).place(&self.firm);
        let (pk, sk) = Index::Outbox.attributes();
        let set = vec![(OUTCOME, AttributeValue::M(attributes(outcome)?))];
        self.dynamo
            .write(Write::Update(place, set, vec![pk, sk], Condition::Without(OUTCOME)))
            .await
    }

    /// Forgets a letter that is to nobody.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn forget_mail(&self, mail: &ContactMail) -> Result<(), StoreError> {
        let place = Key::ContactMail(mail.address.as_str(), &mail.id).place(&self.firm);
        self.dynamo.write(Write::Delete(place, Condition::Always)).await.map(|_| ())
    }

    /// The letters to an address of the last weeks, with what became of them.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn mails_to(&self, address: &AddressHash) -> Result<Vec<ContactMail>, StoreError> {
        let pk = Key::ContactMail(address.as_str(), "").pk(&self.firm);
        let items = self.whole(&pk, crate::keys::prefix::CONTACT_MAIL).await?;
        let mut mails = items.iter().map(read_mail).collect::<Result<Vec<ContactMail>, _>>()?;
        mails.sort_by(|a, b| (a.asked_at, &a.id).cmp(&(b.asked_at, &b.id)));
        Ok(mails)
    }
}
