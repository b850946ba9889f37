//! The personal data of a closed client, deleted page by page (CLOSE-1).
//!
//! With the commit that deletes them an entry is in the outbox, in the same transaction; whoever finds it deletes what
//! lies beside the account: texts of the audit, letters as sent, notes, links. Each page is a query for what is still
//! there, so that nothing need be remembered: whoever dies on the way is followed by another who finds the rest. What is
//! kept is rewritten without its texts: the invoices and letters of the ledger. The chain's records aren't touched,
//! for they hold salted hashes alone, and verify as before.

use std::collections::BTreeSet;
use std::ops::BitOr;

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::DateTime;
use domain::account::Gone;
use domain::id::{ClientId, FirmId, StaffId};

use crate::Store;
use crate::commit::commit_id;
use crate::contact::{AddressHash, LoadedContact};
use crate::dynamo::{Condition, Range, Write};
use crate::error::StoreError;
use crate::heard::HeardKind;
use crate::item::{Item, get_text, new_item, place_of};
use crate::keys::{Key, Place, PlatformKey, VERSION, prefix};
use crate::outbox::{DELIVERY, to_outbox};
use crate::record::sequence_of;

/// How many items are deleted in one transaction: with a link for each, well under the 100 that one has room for.
const AT_ONCE: i32 = 40;

/// Of a client's items, what goes whole.
const GOES: [&str; 7] = [
    prefix::TEXTS,
    prefix::SENT_LETTER,
    prefix::NOTE,
    prefix::MESSAGE,
    prefix::CHECKOUT,
    prefix::PAY_LINK,
    prefix::NOTICE,
];

/// What stays without its texts.
const STAYS: [&str; 2] = [prefix::CLOSED_INVOICE, prefix::LETTER];

/// Of a contact's items, what goes whole.
const GOES_OF_CONTACT: [&str; 3] = [prefix::TEXTS, prefix::CONTACT_LINK, prefix::CONTACT_SESSION];

/// The hash of its link on a letter as it was sent.
const LINK: &str = "link";

/// The name of what a personal text is in.
const PERSONAL: &str = "personal";

/// The entry of what is still to be deleted, ready at once: on a test firm, whose clock is another, too.
pub(crate) fn entry(firm: &FirmId, client: &ClientId, version: u64) -> Write {
    let place = Key::Erasure(client).place(firm);
    let mut item = new_item(&place, version);
    to_outbox(&mut item, &place, Some(DateTime::UNIX_EPOCH));
    Write::Put(item, Condition::Always)
}

impl Store {
    /// What there is of a client that would be deleted.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn personal_data(&self, client: &ClientId) -> Result<Gone, StoreError> {
        let pk = Key::Head(client).pk(&self.firm);
        let texts = self.whole(&pk, prefix::TEXTS).await?;
        let records: BTreeSet<_> = texts.iter().map(sequence_of).collect();
        let letters = self.whole(&pk, prefix::LETTER).await?;
        let left = letters.iter().filter(|letter| has_left(letter)).count();
        let notes = self.whole(&pk, prefix::NOTE).await?.len();
        let contacts = self.whole(&pk, prefix::MEMBERSHIP).await?.len();
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        Ok(Gone {
            records: count(records.len()),
            letters: count(left),
            notes: count(notes),
            contacts: count(contacts),
        })
    }

    /// Whether something of that client is still to be deleted.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn is_erasing(&self, client: &ClientId) -> Result<bool, StoreError> {
        let place = Key::Erasure(client).place(&self.firm);
        Ok(self.dynamo.get(&place).await?.is_some())
    }

    /// Deletes the next page of what lies beside the account. `true`: there is nothing left.
    ///
    /// # Errors
    /// Whatever reading and writing have; what was deleted by then is.
    pub async fn erase_page(&self, client: &ClientId) -> Result<bool, StoreError> {
        let pk = Key::Head(client).pk(&self.firm);
        for prefix in GOES {
            if self.delete_page(&pk, prefix).await? {
                return Ok(false);
            }
        }
        for prefix in STAYS {
            for item in self.whole(&pk, prefix).await? {
                self.blank(item).await?;
            }
        }
        Ok(true)
    }

    /// All of it is deleted.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn end_erasure(&self, client: &ClientId) -> Result<(), StoreError> {
        let place = Key::Erasure(client).place(&self.firm);
        self.dynamo.write(Write::Delete(place, Condition::Always)).await.map(|_| ())
    }

    /// Deletes what lies beside a contact: texts of its audit, links, sessions, letters to its address.
    ///
    /// # Errors
    /// Whatever reading and writing have; what was deleted by then is.
    pub async fn erase_beside_contact(&self, loaded: &LoadedContact) -> Result<(), StoreError> {
        let pk = Key::Contact(&loaded.contact.id).pk(&self.firm);
        for prefix in GOES_OF_CONTACT {
            while self.delete_page(&pk, prefix).await? {}
        }
        let address = loaded.contact.facts.address.as_str();
        if !address.is_empty() {
            let hash = AddressHash::of(&self.firm, address);
            let pk = Key::ContactMail(hash.as_str(), "").pk(&self.firm);
            while self.delete_page(&pk, prefix::CONTACT_MAIL).await? {}
        }
        Ok(())
    }

    /// Takes the words out of the mails to a person at the firm that told of that client.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn erase_staff_mails(
        &self,
        staff: &StaffId,
        client: &ClientId,
    ) -> Result<(), StoreError> {
        let pk = Key::StaffMail(staff, "").pk(&self.firm);
        let mut range = Range {
            pk,
            prefix: Some(prefix::STAFF_MAIL.to_owned()),
            is_consistent: true,
            ..Range::default()
        };
        loop {
            let page = self.dynamo.page(&range).await?;
            for item in page.items.into_iter().filter(|item| tells_of(item, client)) {
                self.blank(item).await?;
            }
            range.start = page.last;
            if range.start.is_none() {
                return Ok(());
            }
        }
    }

    /// Deletes some of what begins so. `false`: there was nothing.
    async fn delete_page(&self, pk: &str, prefix: &str) -> Result<bool, StoreError> {
        let range = Range {
            pk: pk.to_owned(),
            prefix: Some(prefix.to_owned()),
            is_consistent: true,
            limit: Some(AT_ONCE),
            ..Range::default()
        };
        let items = self.dynamo.page(&range).await?.items;
        let links = items
            .iter()
            .filter_map(link_of)
            .map(|hash| Write::Delete(PlatformKey::PayLink(&hash).place(), Condition::Always));
        let items = items.iter().map(|item| Write::Delete(place_of(item), Condition::Always));
        let writes: Vec<_> = items.chain(links).collect();
        if writes.is_empty() {
            return Ok(false);
        }
        // Somebody else may be at the same page: then the next query finds what is left of it.
        self.dynamo.transact(&writes, &commit_id()?).await?;
        Ok(true)
    }

    /// Rewrites an item without its texts, if it is still as it was read; who changed it meanwhile is found by the
    /// next look.
    async fn blank(&self, mut item: Item) -> Result<(), StoreError> {
        let place = place_of(&item);
        let known = item.get(VERSION).cloned();
        let mut set = Vec::new();
        for name in BLANKED {
            if let Some(value) = item.get_mut(name)
                && without_texts(value)
            {
                set.push((name, value.clone()));
            }
        }
        let said = HeardKind::ALL.map(HeardKind::attribute).into_iter().chain([DELIVERY]);
        for name in said {
            if let Some(AttributeValue::M(map)) = item.get_mut(name)
                && SAID.map(|said| map.remove(said)).iter().any(Option::is_some)
            {
                set.push((name, AttributeValue::M(map.clone())));
            }
        }
        if set.is_empty() {
            return Ok(());
        }
        let is_same = known.map_or(Condition::Present, |known| Condition::Equals(VERSION, known));
        self.dynamo.write(Write::Update(place, set, Vec::new(), is_same)).await.map(|_| ())
    }
}

/// The attributes of invoices, letters and staff's mails that may hold texts.
const BLANKED: [&str; 8] =
    ["ending", "dispute", "hold", "fees", "content", "subject", "text", "html"];

/// What mail services say, which may name an address.
const SAID: [&str; 2] = ["what", "problem"];

/// Whether a letter left: its words were kept.
fn has_left(letter: &Item) -> bool {
    let Some(AttributeValue::M(state)) = letter.get("state") else { return false };
    state.contains_key("left")
}

/// The hash of the link that goes with an item: that of a letter as sent, or staff's own.
fn link_of(item: &Item) -> Option<String> {
    let Place { sk, .. } = place_of(item);
    match sk.strip_prefix(prefix::PAY_LINK) {
        Some(hash) => Some(hash.to_owned()),
        None => get_text(item, LINK).map(str::to_owned),
    }
}

/// Whether a mail to staff names a record of that client.
fn tells_of(mail: &Item, client: &ClientId) -> bool {
    let Some(AttributeValue::L(names)) = mail.get("names") else { return false };
    let of = |name: &AttributeValue| {
        name.as_s()
            .is_ok_and(|name| name.split_once(':').is_some_and(|(_, of)| of == client.as_str()))
    };
    names.iter().any(of)
}

/// Empties every personal text in a value, to the last; `false`: there was none.
fn without_texts(value: &mut AttributeValue) -> bool {
    match value {
        AttributeValue::M(map) => {
            if map.len() == 1
                && let Some(AttributeValue::S(text)) = map.get_mut(PERSONAL)
            {
                let had = !text.is_empty();
                text.clear();
                return had;
            }
            map.values_mut().map(without_texts).fold(false, BitOr::bitor)
        }
        AttributeValue::L(list) => list.iter_mut().map(without_texts).fold(false, BitOr::bitor),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn close_1_texts_are_emptied_wherever_they_stand() {
        let text = |text: &str| {
            AttributeValue::M([(PERSONAL.to_owned(), AttributeValue::S(text.to_owned()))].into())
        };
        let list = AttributeValue::L(vec![AttributeValue::Bool(true), text("in mourning")]);
        let mut value =
            AttributeValue::M([("a".to_owned(), list), ("b".to_owned(), text("x"))].into());
        assert!(without_texts(&mut value));
        assert!(!format!("{value:?}").contains("mourning"));
        assert!(!without_texts(&mut value), "twice is once");
        assert!(!without_texts(&mut AttributeValue::S("personal".to_owned())));
    }
}
