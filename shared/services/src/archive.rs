//! The archive of commit records, and the bus on which they are told (AUD-1).
//!
//! The table's stream brings each record; its events go to the bus, then its stored bytes into the archive,
//! where nothing is ever changed ([`Archivist`]). Both hold salted hashes where a person's text stands, and the bus
//! not even these. A record in the archive has been told: so what the stream brings twice is told once,
//! but for whoever is killed in between. A record is never archived before the one before it: what the stream
//! did not bring is read from the table. Which chains went on on a day stands in that day's digest ([`day`]),
//! and [`check`] compares table, records and digests. What a restored table has lost comes back from here
//! ([`restore`]).

pub mod check;
pub mod day;
mod object;
pub mod restore;
pub mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::audit::ChainHash;
use domain::id::FirmId;
use platform::archive::{Archive, ArchiveError};
use platform::bus::{Bus, BusError};
use platform::clock::Clock;
use platform::log::chain as whole;
use store::{Chain, ChainRecord, Dynamo, Store, StoreError, Streamed};

use day::Heads;
use object::{chain_folder, record_key, sequence_of};

/// How many records of a gap are read at once: some megabytes.
const AT_ONCE: u64 = 200;

/// How long a stream keeps a record, and an hour: what is older was lost to the bus long ago, or is from before
/// there was one, and is no news to anybody.
const NEWS_FOR: TimeDelta = TimeDelta::hours(25);

/// Writes the archive and tells the bus.
#[derive(Clone)]
pub struct Archivist {
    dynamo: Dynamo,
    archive: Arc<dyn Archive>,
    bus: Arc<dyn Bus>,
    clock: Arc<dyn Clock>,
}

/// What became of records.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Records that are in the archive now and were not before.
    pub new: u64,
    /// Records that were there.
    pub before: u64,
    /// Of the new ones, such as were read from the table since no stream brought them.
    pub refilled: u64,
    /// Records that are neither in the archive nor in the table, or can't be read there.
    pub lost: u64,
}

/// What is done about records that are news still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// They are told, and archived.
    Told,
    /// Neither: somebody else tells them, who would take an archived one for told.
    Left,
}

/// Why a record is not in the archive, or was not told.
#[derive(Debug, thiserror::Error)]
pub enum KeepError {
    /// The record isn't what was written: a person has to look.
    #[error("record {sequence} of {chain} of firm {firm} is not what was hashed")]
    NotItself {
        /// Whose firm.
        firm: FirmId,
        /// Whose chain.
        chain: Chain,
        /// Which.
        sequence: u64,
    },
    /// The stream named a record that the table doesn't have.
    #[error("record {sequence} of {chain} of firm {firm} is not in the table")]
    Gone {
        /// Whose firm.
        firm: FirmId,
        /// Whose chain.
        chain: Chain,
        /// Which.
        sequence: u64,
    },
    /// Its time is over.
    #[error("no time is left for it")]
    Late,
    /// The table.
    #[error("the record can't be read")]
    Store(#[from] StoreError),
    /// The archive.
    #[error("the record can't be archived")]
    Archive(#[from] ArchiveError),
    /// The bus.
    #[error("the record's events can't be published")]
    Bus(#[from] BusError),
}

impl Archivist {
    /// From that table to that archive and bus.
    pub fn new(
        dynamo: Dynamo,
        archive: Arc<dyn Archive>,
        bus: Arc<dyn Bus>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { dynamo, archive, bus, clock }
    }

    /// Keeps what the stream brought of one chain, in the order of the records' numbers; answers for each by its
    /// place in `streamed`, and notes in `heads` how far the chain is kept. A record that fails keeps
    /// those after it from nothing: they fill the gap if they can.
    pub async fn keep(
        &self,
        streamed: &[Streamed],
        heads: &mut Heads,
        deadline: DateTime<Utc>,
    ) -> (Kept, Vec<(usize, KeepError)>) {
        let mut order: Vec<_> = (0..streamed.len()).collect();
        order.sort_by_key(|&place| streamed[place].sequence);
        let (mut kept, mut failed, mut last) = (Kept::default(), Vec::new(), None);
        for place in order {
            let one = &streamed[place];
            match self.keep_one(one, last, &mut kept, deadline).await {
                Ok(hash) => {
                    heads.note(&one.firm, &one.chain, one.sequence, hash);
                    last = Some(one.sequence);
                }
                Err(error) => failed.push((place, error)),
            }
        }
        (kept, failed)
    }

    async fn keep_one(
        &self,
        streamed: &Streamed,
        last: Option<u64>,
        kept: &mut Kept,
        deadline: DateTime<Utc>,
    ) -> Result<ChainHash, KeepError> {
        self.check_time(deadline)?;
        let record = match &streamed.record {
            Some(record) => record.clone(),
            None => self.read_whole(streamed).await?,
        };
        check_itself(&record)?;
        let hash = record.hash;
        if last == Some(record.sequence)
            || self.has(&record.firm, &record.chain, record.sequence).await?
        {
            kept.before += 1;
            return Ok(hash);
        }
        let before = record.sequence.saturating_sub(1);
        let follows = before == 0
            || last == Some(before)
            || self.has(&record.firm, &record.chain, before).await?;
        if !follows {
            let upto = (before, News::Told);
            self.fill(&record.firm, &record.chain, upto, kept, deadline).await?;
        }
        self.write(record, true, kept).await?;
        Ok(hash)
    }

    /// Brings the archive of a chain up to where the table is. What is no news nobody is told of; what is, is
    /// told, or left to the stream's own half.
    ///
    /// # Errors
    /// [`KeepError`]; what is archived by then stays.
    pub async fn catch_up(
        &self,
        firm: &FirmId,
        chain: &Chain,
        news: News,
        heads: &mut Heads,
    ) -> Result<Kept, KeepError> {
        let mut kept = Kept::default();
        let store = Store::new(self.dynamo.clone(), firm.clone());
        let Some((records, _)) = store.chain_end(chain).await? else { return Ok(kept) };
        let end =
            self.fill(firm, chain, (records, news), &mut kept, DateTime::<Utc>::MAX_UTC).await?;
        if let Some((sequence, hash)) = end {
            heads.note(firm, chain, sequence, hash);
        }
        Ok(kept)
    }

    /// Writes what each firm's chains came to by now into the archive, for the day's digest.
    ///
    /// # Errors
    /// Whatever the archive has.
    pub async fn note(&self, heads: &Heads) -> Result<(), ArchiveError> {
        heads.write(&*self.archive, self.clock.now().date_naive()).await
    }

    /// Archives what is missing up to record `last`, from the table; answers with the last one.
    async fn fill(
        &self,
        firm: &FirmId,
        chain: &Chain,
        (last, news): (u64, News),
        kept: &mut Kept,
        deadline: DateTime<Utc>,
    ) -> Result<Option<(u64, ChainHash)>, KeepError> {
        let keys = self.archive.list(&chain_folder(firm, chain)).await?;
        let present: BTreeSet<_> = keys.iter().filter_map(|key| sequence_of(key)).collect();
        let missing: Vec<_> = (1..=last).filter(|sequence| !present.contains(sequence)).collect();
        let store = Store::new(self.dynamo.clone(), firm.clone());
        let (mut rest, mut end) = (missing.as_slice(), None);
        while let Some(&first) = rest.first() {
            self.check_time(deadline)?;
            let count = rest.iter().take_while(|sequence| **sequence < first + AT_ONCE).count();
            let (some, after) = rest.split_at(count);
            let upto = some.last().copied().unwrap_or(first);
            let records = store.chain_records(chain, first, upto).await?;
            let mut found: BTreeMap<u64, _> = BTreeMap::new();
            for record in records {
                match record {
                    Ok(record) => found.insert(record.sequence, Ok(record)),
                    Err((sequence, error)) => found.insert(sequence, Err(error)),
                };
            }
            for &sequence in some {
                let is_whole = |record: &ChainRecord| check_itself(record).is_ok();
                match found.remove(&sequence) {
                    Some(Ok(record)) if is_whole(&record) => {
                        let is_news = self.is_news(&record);
                        if is_news && news == News::Left {
                            return Ok(end);
                        }
                        end = Some((sequence, record.hash));
                        self.write(record, is_news, kept).await?;
                        kept.refilled += 1;
                    }
                    Some(Err(error)) if error.is_passing() => return Err(error.into()),
                    // Nobody can archive it any more; those after it are not held up by that.
                    Some(_) | None => {
                        kept.lost += 1;
                        tracing::error!(
                            firm.id = %firm, sequence,
                            "Record {sequence} of {chain} of firm {firm} is lost: the archive has none, and the \
                             table no whole one"
                        );
                    }
                }
            }
            rest = after;
        }
        Ok(end)
    }

    async fn write(
        &self,
        record: ChainRecord,
        is_news: bool,
        kept: &mut Kept,
    ) -> Result<(), KeepError> {
        if is_news {
            match told::entries(&record) {
                Ok(entries) if entries.is_empty() => {}
                Ok(entries) => self.bus.publish(entries).await?,
                // The archive takes what it can't be told from: the bytes are what was hashed.
                Err(error) => tracing::error!(
                    firm.id = %record.firm, sequence = record.sequence,
                    "Record {} of {} of firm {} tells no events: {}",
                    record.sequence, record.chain, record.firm, whole(&error)
                ),
            }
        }
        let key = record_key(&record.firm, &record.chain, record.sequence);
        match self.archive.put(&key, object::to_bytes(&record)).await? {
            true => kept.new += 1,
            false => kept.before += 1, // somebody else had it too, and was faster
        }
        Ok(())
    }

    fn is_news(&self, record: &ChainRecord) -> bool {
        told::instant_of(record).is_some_and(|at| self.clock.now() < at + NEWS_FOR)
    }

    async fn has(&self, firm: &FirmId, chain: &Chain, sequence: u64) -> Result<bool, KeepError> {
        Ok(self.archive.has(&record_key(firm, chain, sequence)).await?)
    }

    async fn read_whole(&self, streamed: &Streamed) -> Result<ChainRecord, KeepError> {
        let Streamed { firm, chain, sequence, .. } = streamed;
        let store = Store::new(self.dynamo.clone(), firm.clone());
        let mut records = store.chain_records(chain, *sequence, *sequence).await?;
        match records.pop() {
            Some(Ok(record)) => Ok(record),
            Some(Err((_, error))) => Err(error.into()),
            None => {
                let (firm, chain) = (firm.clone(), chain.clone());
                Err(KeepError::Gone { firm, chain, sequence: *sequence })
            }
        }
    }

    fn check_time(&self, deadline: DateTime<Utc>) -> Result<(), KeepError> {
        if deadline <= self.clock.now() { Err(KeepError::Late) } else { Ok(()) }
    }
}

/// What was not hashed so is nothing that a commit wrote; in the archive it would stay for ever.
fn check_itself(record: &ChainRecord) -> Result<(), KeepError> {
    let ChainRecord { firm, chain, sequence, previous, hash, body } = record;
    if previous.next(*sequence, body.as_bytes()) == *hash {
        return Ok(());
    }
    let (firm, chain) = (firm.clone(), chain.clone());
    Err(KeepError::NotItself { firm, chain, sequence: *sequence })
}

impl std::ops::AddAssign for Kept {
    fn add_assign(&mut self, other: Self) {
        self.new += other.new;
        self.before += other.before;
        self.refilled += other.refilled;
        self.lost += other.lost;
    }
}
