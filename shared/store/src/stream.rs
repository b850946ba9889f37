//! What the table's stream tells: commit records, and what has become ready to be handed on.
//!
//! A stream keeps the order of one item's changes, not of a client's, and may tell a change twice; so who
//! reads it goes by a record's own number, and reads from the table what did not come
//! ([`Store::chain_records`]). A record too long for one item comes in parts, each by itself: then only its
//! number is taken from the stream.

use std::fmt;

use aws_sdk_dynamodb::types::AttributeValue;
use domain::audit::{ChainHash, Record as Link, Verifier};
use domain::id::{ClientId, ContactId, FirmId};

use crate::Store;
use crate::dynamo::Range;
use crate::error::StoreError;
use crate::firm::firm_chain;
use crate::head::Books;
use crate::item::{Item, check_schema, get_text, place_of};
use crate::keys::{Index, Key, account_of, contact_in, firm_of, prefix, record_part_sk, record_sk};
use crate::platform::{Ready, ready};
use crate::record::{assemble, counts_of, is_record, sequence_of, stored};

/// The last part that a key has digits for.
const LAST_PART: usize = 9_999;

/// An item as a stream tells it.
pub type Image = std::collections::HashMap<String, AttributeValue>;

/// Whose chain of commit records it is, in a firm.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Chain {
    /// The firm's own: settings, policies, grants.
    Firm,
    /// A client's.
    Client(ClientId),
    /// A contact's.
    Contact(ContactId),
}

impl fmt::Display for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Firm => f.write_str("the firm"),
            Self::Client(client) => write!(f, "client {client}"),
            Self::Contact(contact) => write!(f, "contact {contact}"),
        }
    }
}

/// A commit record as its bytes are, nothing parsed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChainRecord {
    /// Whose firm.
    pub firm: FirmId,
    /// Whose chain.
    pub chain: Chain,
    /// Its number, from 1.
    pub sequence: u64,
    /// The hash of the record before.
    pub previous: ChainHash,
    /// The hash of this one.
    pub hash: ChainHash,
    /// The stored bytes, which were hashed.
    pub body: String,
}

impl ChainRecord {
    /// As a verifier takes it.
    pub fn link(&self) -> Link<'_> {
        let Self { sequence, previous, hash, body, .. } = self;
        Link { sequence: *sequence, previous: *previous, hash: *hash, body: body.as_bytes() }
    }
}

/// A commit record in the stream.
#[derive(Debug)]
pub struct Streamed {
    /// Whose firm.
    pub firm: FirmId,
    /// Whose chain.
    pub chain: Chain,
    /// Its number.
    pub sequence: u64,
    /// The record; `None`: its bytes are in several items, so it is to be read from the table.
    pub record: Option<ChainRecord>,
}

/// The commit record in an image of the stream; `None`: it is something else, or a further part of one.
///
/// # Errors
/// [`StoreError::Corrupt`] and [`StoreError::TooNew`].
pub fn streamed(image: &Image) -> Result<Option<Streamed>, StoreError> {
    let place = place_of(image);
    if !place.sk.starts_with(prefix::RECORD) || !is_record(image) {
        return Ok(None);
    }
    let Some((firm, chain)) = chain_of(&place.pk) else { return Ok(None) };
    check_schema(image)?;
    let sequence = sequence_of(image);
    let record = match counts_of(image).0 {
        1 => {
            let stored = stored(sequence, image.clone())?;
            Some(stored.in_chain(firm.clone(), chain.clone()))
        }
        _ => None,
    };
    Ok(Some(Streamed { firm, chain, sequence, record }))
}

/// What an image of the stream says is to be handed on from some instant on, if the image before didn't: a lease,
/// and what was given back or put off, is the sweeper's, else whoever can't hand on would tell himself of it for ever.
pub fn newly_ready(image: &Image, before: &Image) -> Option<Ready> {
    let (_, sk) = Index::Outbox.attributes();
    get_text(image, sk)?;
    get_text(before, sk).is_none().then(|| ready(image))
}

fn chain_of(pk: &str) -> Option<(FirmId, Chain)> {
    if let Some((firm, client)) = account_of(pk) {
        return Some((firm, Chain::Client(client)));
    }
    if let Some((firm, contact)) = contact_in(pk) {
        return Some((firm, Chain::Contact(contact)));
    }
    Some((firm_of(pk)?, Chain::Firm))
}

impl Store {
    /// The records of a chain from `first` to `last`, in order; one that can't be read is told by its
    /// number.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn chain_records(
        &self,
        chain: &Chain,
        first: u64,
        last: u64,
    ) -> Result<Vec<Result<ChainRecord, (u64, StoreError)>>, StoreError> {
        let range = Range {
            pk: self.head_of(chain).pk(&self.firm),
            between: Some((record_sk(first), record_part_sk(last, LAST_PART))),
            is_consistent: true,
            ..Range::default()
        };
        let (items, _): (Vec<Item>, _) = self.dynamo.query(range).await?;
        let of_chain = |record: Result<crate::record::StoredRecord, _>| {
            record.map(|record| record.in_chain(self.firm.clone(), chain.clone()))
        };
        Ok(assemble(items).into_iter().map(of_chain).collect())
    }

    /// How many records a chain has and what its last hash is, as its head says; `None`: there is no head.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn chain_end(&self, chain: &Chain) -> Result<Option<(u64, ChainHash)>, StoreError> {
        let head = self.dynamo.get(&self.head_of(chain).place(&self.firm)).await?;
        let books = head.as_ref().map(Books::read).transpose()?;
        Ok(books.map(|books| (books.records, books.chain)))
    }

    /// At the beginning of a chain.
    ///
    /// # Errors
    /// Never, as long as the firm's own chain has a name.
    pub fn chain_verifier(&self, chain: &Chain) -> Result<Verifier, StoreError> {
        match chain {
            Chain::Firm => Ok(firm_chain(&self.firm)?.1),
            Chain::Client(client) => Ok(Verifier::new(&self.firm, client)),
            Chain::Contact(contact) => Ok(Verifier::of_contact(&self.firm, contact)),
        }
    }

    /// The partition of a chain.
    pub(crate) fn pk_of(&self, chain: &Chain) -> String {
        self.head_of(chain).pk(&self.firm)
    }

    fn head_of<'a>(&self, chain: &'a Chain) -> Key<'a> {
        match chain {
            Chain::Firm => Key::Settings,
            Chain::Client(client) => Key::Head(client),
            Chain::Contact(contact) => Key::Contact(contact),
        }
    }
}
