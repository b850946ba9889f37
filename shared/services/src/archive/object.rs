//! The objects of the archive: their keys, and a record as it lies there.
//!
//! The firm comes first in every key, so that one firm's archive can be listed, copied or deleted by itself:
//!
//! ```text
//! {firm}/clients/{client}/{sequence}.json      {firm}/heads/{day}/{hash}.json
//! {firm}/contacts/{contact}/{sequence}.json    {firm}/digests/{day}.json
//! {firm}/firm/{sequence}.json
//! ```

use chrono::NaiveDate;
use domain::audit::ChainHash;
use domain::id::{ClientId, ContactId, FirmId};
use platform::archive::{id_of, part};
use serde::{Deserialize, Serialize};
use store::{Chain, ChainRecord};

/// The ending of every object.
const ENDING: &str = ".json";

/// A record as it lies in the archive: what a verifier needs, and the stored bytes as a text.
#[derive(Debug, Serialize, Deserialize)]
struct Object {
    firm: FirmId,
    #[serde(flatten)]
    whose: Whose,
    sequence: u64,
    previous: String,
    hash: String,
    body: String,
}

/// Whose chain: a client's, a contact's, else the firm's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Whose {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client: Option<ClientId>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    contact: Option<ContactId>,
}

impl From<&Chain> for Whose {
    fn from(chain: &Chain) -> Self {
        match chain {
            Chain::Firm => Self { client: None, contact: None },
            Chain::Client(client) => Self { client: Some(client.clone()), contact: None },
            Chain::Contact(contact) => Self { client: None, contact: Some(contact.clone()) },
        }
    }
}

impl From<Whose> for Chain {
    fn from(whose: Whose) -> Self {
        match (whose.client, whose.contact) {
            (Some(client), _) => Self::Client(client),
            (None, Some(contact)) => Self::Contact(contact),
            (None, None) => Self::Firm,
        }
    }
}

/// The same record gives the same bytes, whoever writes it.
pub(super) fn to_bytes(record: &ChainRecord) -> Vec<u8> {
    let ChainRecord { firm, chain, sequence, previous, hash, body } = record;
    let object = Object {
        firm: firm.clone(),
        whose: chain.into(),
        sequence: *sequence,
        previous: previous.to_string(),
        hash: hash.to_string(),
        body: body.clone(),
    };
    json(&object)
}

/// The record in an object.
pub(super) fn from_bytes(bytes: &[u8]) -> Result<ChainRecord, String> {
    let object: Object = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let hash = |text: &str| ChainHash::from_hex(text).ok_or_else(|| format!("{text:?} is no hash"));
    Ok(ChainRecord {
        chain: object.whose.into(),
        sequence: object.sequence,
        previous: hash(&object.previous)?,
        hash: hash(&object.hash)?,
        body: object.body,
        firm: object.firm,
    })
}

/// Texts, numbers and lists of these always have a JSON.
pub(super) fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

pub(super) fn firm_folder(firm: &FirmId) -> String {
    format!("{}/", part(firm.as_str()))
}

pub(super) fn clients_folder(firm: &FirmId) -> String {
    format!("{}clients/", firm_folder(firm))
}

pub(super) fn contacts_folder(firm: &FirmId) -> String {
    format!("{}contacts/", firm_folder(firm))
}

pub(super) fn heads_folder(firm: &FirmId) -> String {
    format!("{}heads/", firm_folder(firm))
}

pub(super) fn digests_folder(firm: &FirmId) -> String {
    format!("{}digests/", firm_folder(firm))
}

pub(super) fn heads_key(firm: &FirmId, day: NaiveDate, name: &str) -> String {
    format!("{}{day}/{name}{ENDING}", heads_folder(firm))
}

pub(super) fn digest_key(firm: &FirmId, day: NaiveDate) -> String {
    format!("{}{day}{ENDING}", digests_folder(firm))
}

/// The day of a digest's key.
pub(super) fn day_of(key: &str) -> Option<NaiveDate> {
    name_of(key)?.parse().ok()
}

/// Where the records of a chain are.
pub(super) fn chain_folder(firm: &FirmId, chain: &Chain) -> String {
    match chain {
        Chain::Firm => format!("{}firm/", firm_folder(firm)),
        Chain::Client(client) => format!("{}{}/", clients_folder(firm), part(client.as_str())),
        Chain::Contact(contact) => format!("{}{}/", contacts_folder(firm), part(contact.as_str())),
    }
}

/// With as many digits as in the table, so that records sort by their number.
pub(super) fn record_key(firm: &FirmId, chain: &Chain, sequence: u64) -> String {
    format!("{}{sequence:010}{ENDING}", chain_folder(firm, chain))
}

/// The number of a record's key.
pub(super) fn sequence_of(key: &str) -> Option<u64> {
    name_of(key)?.parse().ok()
}

/// The id that a folder's name stands for.
pub(super) fn id<T: std::str::FromStr>(name: &str) -> Option<T> {
    id_of(name)?.parse().ok()
}

fn name_of(key: &str) -> Option<&str> {
    key.rsplit('/').next()?.strip_suffix(ENDING)
}
