//! Compares the table with the archive: what the table alone can't show (AUD-1).
//!
//! A chain whose end was cut off, together with what its head says, is whole by itself; so is one that was
//! written anew from some record on. The archive has the records as they were. It is checked in the same way
//! itself: its own chain, and what the days' digests say of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chrono::NaiveDate;
use domain::audit::{Broken, ChainHash};
use futures::StreamExt;
use platform::archive::{Archive, ArchiveError};
use store::{Chain, ChainRecord, Store, StoreError};

use super::day::{DayProblem, Mark, Marks, marks};
use super::object::{chain_folder, clients_folder, contacts_folder, from_bytes, id, sequence_of};

/// How many records of the table are read at once.
const AT_ONCE: u64 = 1_000;

/// How many objects of the archive are read at once.
const OBJECTS_AT_ONCE: usize = 16;

/// Why nothing could be compared.
#[derive(Debug, thiserror::Error)]
pub enum CheckError {
    /// The table.
    #[error("the table can't be read")]
    Store(#[from] StoreError),
    /// The archive.
    #[error("the archive can't be read")]
    Archive(#[from] ArchiveError),
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Compared {
    /// The archive's records are those of the table.
    Same {
        /// How many are archived.
        archived: u64,
        /// How many of the table are not archived yet.
        waiting: u64,
    },
    /// The first thing that is wrong.
    Different(Difference),
}

/// How table, archive and digests differ.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Difference {
    /// The archive's own chain.
    #[error("in the archive, {0}")]
    Archive(#[from] Broken),
    /// An object of the archive.
    #[error("in the archive, {key} can't be read: {problem}")]
    Unreadable {
        /// Which.
        key: String,
        /// Why not.
        problem: String,
    },
    /// The table's end was cut off.
    #[error(
        "the table ends at record {table}, the archive at record {archive}: its end was cut off, or the table was \
         restored to an earlier moment (`portcullis restore check` says what it lacks)"
    )]
    CutTail {
        /// The table's last.
        table: u64,
        /// The archive's last.
        archive: u64,
    },
    /// A record is not in the table.
    #[error("record {sequence} is in the archive and not in the table")]
    NotInTable {
        /// Which.
        sequence: u64,
    },
    /// A record is another one.
    #[error("record {sequence} of the table is not the one that was archived")]
    Other {
        /// Which.
        sequence: u64,
    },
    /// A day's digest names a record that the archive lost, and the table too.
    #[error("the archive's end was cut off: on {day} it had record {sequence}")]
    CutArchive {
        /// On which day.
        day: NaiveDate,
        /// Which.
        sequence: u64,
    },
    /// A day's digest names another record.
    #[error("record {sequence} of the archive is not the one that it had on {day}")]
    OtherThanOn {
        /// On which day.
        day: NaiveDate,
        /// Which.
        sequence: u64,
    },
}

impl Compared {
    /// Whether neither table nor archive has any record.
    pub fn is_empty(&self) -> bool {
        *self == Self::Same { archived: 0, waiting: 0 }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Same { archived, waiting: 0 } => write!(f, "{archived} records, as archived"),
            Self::Same { archived, waiting } => {
                write!(f, "{archived} records as archived, {waiting} not archived yet")
            }
            Self::Different(difference) => write!(f, "{difference}"),
        }
    }
}

/// A firm's table beside its archive.
pub struct Check<'a> {
    store: &'a Store,
    archive: &'a dyn Archive,
    marks: Marks,
}

impl<'a> Check<'a> {
    /// Reads what the days say.
    ///
    /// # Errors
    /// When the archive can't be read.
    pub async fn open(store: &'a Store, archive: &'a dyn Archive) -> Result<Self, CheckError> {
        let marks = marks(archive, store.firm()).await?;
        Ok(Self { store, archive, marks })
    }

    /// What is wrong with the days themselves.
    pub fn day_problems(&self) -> &[DayProblem] {
        &self.marks.problems
    }

    /// How many digests there are.
    pub fn digests(&self) -> u64 {
        self.marks.digests
    }

    /// The chains of which the archive or its days know; the table may have lost one whole.
    ///
    /// # Errors
    /// When the archive can't be read.
    pub async fn chains(&self) -> Result<BTreeSet<Chain>, CheckError> {
        let firm = self.store.firm();
        let mut chains: BTreeSet<_> = self.marks.chains.keys().cloned().collect();
        for name in self.archive.folders(&clients_folder(firm)).await? {
            chains.extend(id(&name).map(Chain::Client));
        }
        for name in self.archive.folders(&contacts_folder(firm)).await? {
            chains.extend(id(&name).map(Chain::Contact));
        }
        if !self.archive.list(&chain_folder(firm, &Chain::Firm)).await?.is_empty() {
            chains.insert(Chain::Firm);
        }
        Ok(chains)
    }

    /// Compares one chain.
    ///
    /// # Errors
    /// When something can't be read at all; what is wrong is an answer.
    pub async fn compare(&self, chain: &Chain) -> Result<Compared, CheckError> {
        // The archive first: what is committed meanwhile is in the table only.
        let archived = match self.archived(chain).await? {
            Ok(archived) => archived,
            Err(difference) => return Ok(Compared::Different(difference)),
        };
        if let Some(difference) = self.against_days(chain, &archived) {
            return Ok(Compared::Different(difference));
        }
        Ok(match self.against_table(chain, &archived).await? {
            Ok(waiting) => Compared::Same { archived: archived.len() as u64, waiting },
            Err(difference) => Compared::Different(difference),
        })
    }

    /// The hashes of the archived records by their numbers, if they are a chain.
    async fn archived(
        &self,
        chain: &Chain,
    ) -> Result<Result<BTreeMap<u64, ChainHash>, Difference>, CheckError> {
        let mut verifier = self.store.chain_verifier(chain)?;
        let mut hashes = BTreeMap::new();
        let keys = self.archive.list(&chain_folder(self.store.firm(), chain)).await?;
        let objects = futures::stream::iter(keys).map(|key| async move {
            let bytes = self.archive.get(&key).await;
            (key, bytes)
        });
        let mut objects = std::pin::pin!(objects.buffered(OBJECTS_AT_ONCE));
        while let Some((key, bytes)) = objects.next().await {
            let bytes = bytes?.unwrap_or_default();
            let record = match read(&bytes, &key, self.store, chain) {
                Ok(record) => record,
                Err(problem) => return Ok(Err(Difference::Unreadable { key, problem })),
            };
            if let Err(broken) = verifier.next(&record.link()) {
                return Ok(Err(broken.into()));
            }
            hashes.insert(record.sequence, record.hash);
        }
        Ok(Ok(hashes))
    }

    fn against_days(
        &self,
        chain: &Chain,
        archived: &BTreeMap<u64, ChainHash>,
    ) -> Option<Difference> {
        let marks = self.marks.chains.get(chain)?;
        marks.iter().find_map(|&Mark { day, sequence, hash }| match archived.get(&sequence) {
            None => Some(Difference::CutArchive { day, sequence }),
            Some(found) if *found != hash => Some(Difference::OtherThanOn { day, sequence }),
            Some(_) => None,
        })
    }

    /// How many records of the table are not archived yet.
    async fn against_table(
        &self,
        chain: &Chain,
        archived: &BTreeMap<u64, ChainHash>,
    ) -> Result<Result<u64, Difference>, CheckError> {
        let table = self.store.chain_end(chain).await?.map_or(0, |(records, _)| records);
        let archive = archived.keys().next_back().copied().unwrap_or(0);
        let mut first = 1;
        while first <= archive {
            let last = archive.min(first + AT_ONCE - 1);
            let records = self.store.chain_records(chain, first, last).await?;
            let found: BTreeMap<_, _> =
                records.into_iter().flatten().map(|record| (record.sequence, record)).collect();
            for (&sequence, hash) in archived.range(first..=last) {
                match found.get(&sequence) {
                    None if table < sequence => {
                        return Ok(Err(Difference::CutTail { table, archive }));
                    }
                    None => return Ok(Err(Difference::NotInTable { sequence })),
                    Some(record) if is_it(record, *hash) => {}
                    Some(_) => return Ok(Err(Difference::Other { sequence })),
                }
            }
            first = last + 1;
        }
        Ok(Ok(table.saturating_sub(archive)))
    }
}

/// Whether the record has that hash, and is what has it.
fn is_it(record: &ChainRecord, hash: ChainHash) -> bool {
    let made = record.previous.next(record.sequence, record.body.as_bytes());
    (record.hash, made) == (hash, hash)
}

/// A record that is where it belongs.
fn read(bytes: &[u8], key: &str, store: &Store, chain: &Chain) -> Result<ChainRecord, String> {
    let record = from_bytes(bytes)?;
    let is_here = record.firm == *store.firm() && record.chain == *chain;
    if !is_here || sequence_of(key) != Some(record.sequence) {
        return Err("it is of another chain or number".to_owned());
    }
    Ok(record)
}
