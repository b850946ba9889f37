//! After the table was restored to an earlier moment: what the archive has of later ones, and putting it back.
//!
//! A table as it was at some moment has forgotten letters that left, payments whose webhooks were answered and
//! won't come again, locks and unlocks. Set going like that it would send letters twice and ask for money that was
//! paid. The archive has every record since, so nothing has to be guessed: each chain's records behind the table's
//! last are put back in order, as they were written ([`Store::replay`]), and the chain goes on where it stood. Where the table
//! that was restored from can still be read, it gives what was not archived yet, held against the chain, and the texts
//! that no record holds, held against their hashes. What never stood in a record is named. Putting back can be interrupted
//! and begun anew: it goes on behind the last record there.
//! Nobody else may write the table meanwhile; who does is found, and the chain is left as it is.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{ClientId, FirmId};
use domain::letter::LetterId;
use platform::archive::{Archive, ArchiveError, id_of};
use serde::Deserialize;
use serde_json::Value;
use store::{
    Chain, ChainRecord, DEFAULT_SHARDS, Lost, Platform, ReplayError, Replayed, Store, StoreError,
    Waiting,
};

use super::check::{Check, CheckError, Compared, Difference};
use super::object::{from_bytes, record_key};
use super::told::{detail_type, instant_of};

/// How many records of the former table are read at once: some megabytes.
const AT_ONCE: u64 = 200;

/// No claimed letter is looked after later than that: what waits is found whenever it is ready.
const ANY_LEASE: TimeDelta = TimeDelta::days(366);

/// Why nothing could be said, or put back.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// Table and archive could not be compared.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The archive.
    #[error("the archive can't be read")]
    Archive(#[from] ArchiveError),
    /// An object that was whole a moment ago.
    #[error("{key} can't be read: {problem}")]
    Object {
        /// Which.
        key: String,
        /// Why not.
        problem: String,
    },
    /// A record.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// Somebody else writes the table.
    #[error("{0} was changed meanwhile: nothing else may write this table while it is restored")]
    Busy(Chain),
    /// The table.
    #[error("the table can't be read or written")]
    Store(#[from] StoreError),
}

/// How a chain of the table stands beside the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has all that the archive has.
    Whole,
    /// The archive has these records behind its last.
    Behind(Missing),
    /// It is not an earlier moment of the archive's: nothing can be put back.
    Other(Difference),
}

/// Records that the archive has and the table doesn't.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Missing {
    /// Whose.
    pub chain: Chain,
    /// The first.
    pub first: u64,
    /// The last.
    pub last: u64,
}

/// The names of all firms of an archive.
///
/// # Errors
/// When it can't be listed.
pub async fn firms(archive: &dyn Archive) -> Result<Vec<FirmId>, ArchiveError> {
    let folders = archive.folders("").await?;
    Ok(folders.iter().filter_map(|folder| id_of(folder)?.parse().ok()).collect())
}

/// One firm's part of a restored table beside its archive.
pub struct Restore<'a> {
    store: &'a Store,
    archive: &'a dyn Archive,
    /// The table that was restored from.
    former: Option<&'a Store>,
    check: Check<'a>,
}

impl<'a> Restore<'a> {
    /// Reads what the archive's days say.
    ///
    /// # Errors
    /// When the archive can't be read.
    pub async fn open(
        store: &'a Store,
        archive: &'a dyn Archive,
        former: Option<&'a Store>,
    ) -> Result<Self, RestoreError> {
        let check = Check::open(store, archive).await?;
        Ok(Self { store, archive, former, check })
    }

    /// The chains that the archive knows, the firm's own first: others are of what it says.
    ///
    /// # Errors
    /// When the archive can't be read.
    pub async fn chains(&self) -> Result<BTreeSet<Chain>, RestoreError> {
        Ok(self.check.chains().await?)
    }

    /// How a chain stands.
    ///
    /// # Errors
    /// When table or archive can't be read at all.
    pub async fn standing(&self, chain: &Chain) -> Result<Standing, RestoreError> {
        let (table, last) = match self.check.compare(chain).await? {
            Compared::Same { archived, waiting } => (archived + waiting, archived + waiting),
            Compared::Different(Difference::CutTail { table, archive }) => (table, archive),
            Compared::Different(difference) => return Ok(Standing::Other(difference)),
        };
        let last = self.last_of_former(chain, last).await?;
        let (chain, first) = (chain.clone(), table + 1);
        Ok(if last < first {
            Standing::Whole
        } else {
            Standing::Behind(Missing { chain, first, last })
        })
    }

    /// How far the former table goes on behind record `last`: as long as each record follows the one before.
    async fn last_of_former(&self, chain: &Chain, last: u64) -> Result<u64, RestoreError> {
        let Some(former) = self.former else { return Ok(last) };
        let end = former.chain_end(chain).await?.map_or(0, |(records, _)| records);
        if end <= last {
            return Ok(last);
        }
        let known = match last {
            0 => None,
            last => Some(self.record(chain, last).await?.hash),
        };
        let (mut known, mut last) = (known, last);
        while last < end {
            let upto = end.min(last + AT_ONCE);
            let before = last;
            for record in former.chain_records(chain, last + 1, upto).await? {
                let Ok(record) = record else { return Ok(last) };
                let follows = record.sequence == last + 1
                    && known.is_none_or(|known| known == record.previous)
                    && record.previous.next(record.sequence, record.body.as_bytes()) == record.hash;
                if !follows {
                    return Ok(last);
                }
                (known, last) = (Some(record.hash), record.sequence);
            }
            if last == before {
                break;
            }
        }
        Ok(last)
    }

    /// A record: as it was archived, else as the table has it, or the former one.
    ///
    /// # Errors
    /// When it can't be read.
    pub async fn record(&self, chain: &Chain, sequence: u64) -> Result<ChainRecord, RestoreError> {
        let key = record_key(self.store.firm(), chain, sequence);
        let object = |problem| RestoreError::Object { key: key.clone(), problem };
        if let Some(bytes) = self.archive.get(&key).await? {
            return from_bytes(&bytes).map_err(object);
        }
        for store in [Some(self.store), self.former].into_iter().flatten() {
            if let Some(found) = store.chain_records(chain, sequence, sequence).await?.pop() {
                return found.map_err(|(_, error)| error.into());
            }
        }
        Err(object("it is not there".to_owned()))
    }

    /// Puts those records back, and says what of them could not be.
    ///
    /// # Errors
    /// [`RestoreError`]; what was put back by then stays, and the next time goes on behind it.
    pub async fn put_back(
        &self,
        missing: &Missing,
        at: DateTime<Utc>,
    ) -> Result<Vec<(u64, Lost)>, RestoreError> {
        let shards = match self.store.load_firm().await? {
            Some(firm) => firm.settings.shards,
            None => DEFAULT_SHARDS, // its own first record comes now, and has no use for it
        };
        let mut lost = Vec::new();
        for sequence in missing.first..=missing.last {
            let record = self.record(&missing.chain, sequence).await?;
            match self.store.replay(&record, self.former, shards, at).await? {
                Replayed::Done(of_record) => {
                    lost.extend(of_record.into_iter().map(|lost| (sequence, lost)));
                }
                Replayed::Stale => return Err(RestoreError::Busy(missing.chain.clone())),
            }
        }
        Ok(lost)
    }

    /// Settles the letters that were on their way at the moment of the table, claimed and not heard of: whoever had
    /// claimed them went on, so nobody may hand them over again (LET-4). Answers with those of which nothing is known.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn settle_claimed(
        &self,
        at: DateTime<Utc>,
    ) -> Result<Vec<(ClientId, LetterId)>, RestoreError> {
        let platform = Platform::new(self.store.dynamo().clone());
        let mut unknown = Vec::new();
        let ready = platform.ready(at + ANY_LEASE, u32::MAX).await?;
        for one in ready {
            let Ok(Waiting::Claimed { firm, client, letter }) = one.what else { continue };
            if firm != *self.store.firm() {
                continue;
            }
            if !self.store.settle_letter(&client, letter, self.former, at).await? {
                unknown.push((client, letter));
            }
        }
        Ok(unknown)
    }
}

/// What happened by a record, as the bus calls it, and when.
pub fn happened(record: &ChainRecord) -> (Option<DateTime<Utc>>, Vec<String>) {
    #[derive(Deserialize)]
    struct Body {
        events: Vec<Value>,
    }
    let events = serde_json::from_str(&record.body).map_or(Vec::new(), |body: Body| body.events);
    let tag = |event: &Value| match event {
        Value::String(tag) => Some(detail_type(tag)),
        Value::Object(map) => map.keys().next().map(|tag| detail_type(tag)),
        _ => None,
    };
    (instant_of(record), events.iter().filter_map(tag).collect())
}
