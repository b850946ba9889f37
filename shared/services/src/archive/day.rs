//! How far each chain was archived on each day, and the digest that a day ends with.
//!
//! With every batch of records a small object says how far their chains came (`heads`). When the UTC day is over,
//! one digest per firm holds the last of each chain, and the hash of the digest before: who keeps the last one
//! outside can tell whether anything was taken away since. Days are those on which records were archived, not on
//! which they were written: a late record belongs to a day that is still open. Whoever is killed leaves nothing
//! undone: records come again by the stream and are noted again, and the next run closes what days are open.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use chrono::{DateTime, Days, NaiveDate, NaiveTime, TimeDelta, Utc};
use domain::audit::ChainHash;
use domain::id::FirmId;
use platform::archive::{Archive, ArchiveError};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use store::Chain;

use super::Archivist;
use super::object::{Whose, day_of, digest_key, digests_folder, heads_folder, heads_key, id, json};

/// How long after its end a day is closed: longer than any function runs, which noted the day as it began.
const SETTLES: TimeDelta = TimeDelta::hours(1);

/// How many digits of its hash an object of heads is named by.
const NAME_DIGITS: usize = 32;

/// How far chains came.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heads(BTreeMap<FirmId, BTreeMap<Chain, (u64, ChainHash)>>);

/// How far one chain came, in an object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    #[serde(flatten)]
    whose: Whose,
    sequence: u64,
    hash: String,
}

/// What one batch noted.
#[derive(Debug, Serialize, Deserialize)]
struct Noted {
    firm: FirmId,
    day: NaiveDate,
    heads: Vec<Head>,
}

/// What a day ended with.
#[derive(Debug, Serialize, Deserialize)]
struct Digest {
    firm: FirmId,
    day: NaiveDate,
    /// The hash of the digest before, with its day; none in the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<Previous>,
    heads: Vec<Head>,
}

/// The digest before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Previous {
    day: NaiveDate,
    sha256: String,
}

/// A chain's end on a day, by what the archive noted then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// The day.
    pub day: NaiveDate,
    /// The record's number.
    pub sequence: u64,
    /// Its hash.
    pub hash: ChainHash,
}

/// What the days of a firm say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marks {
    /// By chain, in the order of days.
    pub chains: BTreeMap<Chain, Vec<Mark>>,
    /// How many digests there are.
    pub digests: u64,
    /// What is wrong with the digests themselves.
    pub problems: Vec<DayProblem>,
}

/// What is wrong with a day.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DayProblem {
    /// It isn't what was written there.
    #[error("{key} can't be read: {problem}")]
    Unreadable {
        /// The object.
        key: String,
        /// Why not.
        problem: String,
    },
    /// One between was changed, taken away or put in.
    #[error("the digest of {day} doesn't follow the one before it")]
    NotFollowing {
        /// Of which day.
        day: NaiveDate,
    },
}

impl Heads {
    /// A record that is archived; of a chain, the last one counts.
    pub fn note(&mut self, firm: &FirmId, chain: &Chain, sequence: u64, hash: ChainHash) {
        let chains = self.0.entry(firm.clone()).or_default();
        match chains.entry(chain.clone()) {
            Entry::Vacant(place) => _ = place.insert((sequence, hash)),
            Entry::Occupied(mut place) if place.get().0 < sequence => {
                _ = place.insert((sequence, hash));
            }
            Entry::Occupied(_) => {}
        }
    }

    /// All of both.
    pub fn extend(&mut self, other: Self) {
        for (firm, chains) in other.0 {
            for (chain, (sequence, hash)) in chains {
                self.note(&firm, &chain, sequence, hash);
            }
        }
    }

    /// An object per firm, named by what is in it: writing it twice is writing it once.
    pub(super) async fn write(
        &self,
        archive: &dyn Archive,
        day: NaiveDate,
    ) -> Result<(), ArchiveError> {
        for (firm, chains) in &self.0 {
            let noted = Noted { firm: firm.clone(), day, heads: list(chains) };
            let bytes = json(&noted);
            let name: String = sha256(&bytes).chars().take(NAME_DIGITS).collect();
            archive.put(&heads_key(firm, day, &name), bytes).await?;
        }
        Ok(())
    }
}

impl Archivist {
    /// Writes the digest of each day that is over, of every firm; answers how many.
    ///
    /// # Errors
    /// Whatever the archive has; the next run goes on.
    pub async fn close_days(&self, deadline: DateTime<Utc>) -> Result<u64, ArchiveError> {
        let mut closed = 0;
        for firm in self.archive.folders("").await? {
            let Some(firm) = id::<FirmId>(&firm) else { continue };
            closed += self.close_days_of(&firm, deadline).await?;
            if deadline <= self.clock.now() {
                break;
            }
        }
        Ok(closed)
    }

    /// The same for one firm.
    ///
    /// # Errors
    /// Whatever the archive has.
    pub async fn close_days_of(
        &self,
        firm: &FirmId,
        deadline: DateTime<Utc>,
    ) -> Result<u64, ArchiveError> {
        let digests = self.archive.list(&digests_folder(firm)).await?;
        let mut previous = match digests.iter().filter_map(|key| Some((day_of(key)?, key))).max() {
            None => None,
            Some((day, key)) => {
                let bytes = self.archive.get(key).await?.unwrap_or_default();
                Some(Previous { day, sha256: sha256(&bytes) })
            }
        };
        let mut closed = 0;
        for day in days(&*self.archive, firm).await? {
            let is_closed = previous.as_ref().is_some_and(|previous| day <= previous.day);
            if is_closed || !is_over(day, self.clock.now()) {
                continue;
            }
            if deadline <= self.clock.now() {
                break;
            }
            let mut heads = Heads::default();
            let (noted, problems) = noted_on(&*self.archive, firm, day).await?;
            for problem in problems {
                tracing::error!(firm.id = %firm, "What was noted on {day} is left out: {problem}");
            }
            noted.into_iter().for_each(|(chain, mark)| {
                heads.note(firm, &chain, mark.sequence, mark.hash);
            });
            let chains = heads.0.remove(firm).unwrap_or_default();
            let digest = Digest {
                firm: firm.clone(),
                day,
                previous: previous.clone(),
                heads: list(&chains),
            };
            let bytes = json(&digest);
            let hash = sha256(&bytes);
            if self.archive.put(&digest_key(firm, day), bytes).await? {
                closed += 1;
                previous = Some(Previous { day, sha256: hash });
            } else {
                break; // somebody else closes the days, and its digest may be another
            }
        }
        Ok(closed)
    }
}

/// What the days of a firm say, those without a digest yet among them.
///
/// # Errors
/// Whatever the archive has.
pub async fn marks(archive: &dyn Archive, firm: &FirmId) -> Result<Marks, ArchiveError> {
    let mut marks = Marks::default();
    let mut previous: Option<Previous> = None;
    let mut last = None;
    for key in archive.list(&digests_folder(firm)).await? {
        let bytes = archive.get(&key).await?.unwrap_or_default();
        match read_digest(&bytes, firm, &key) {
            Ok((digest, chains)) => {
                if digest.previous != previous {
                    marks.problems.push(DayProblem::NotFollowing { day: digest.day });
                }
                chains.into_iter().for_each(|(chain, mark)| marks.add(chain, mark));
                marks.digests += 1;
                last = Some(digest.day);
            }
            Err(problem) => {
                marks.problems.push(DayProblem::Unreadable { key: key.clone(), problem });
            }
        }
        // The hash of whatever lies there: the next one says whether that is what was written.
        previous = day_of(&key).map(|day| Previous { day, sha256: sha256(&bytes) });
    }
    for day in days(archive, firm).await? {
        if last.is_none_or(|last| last < day) {
            let (noted, problems) = noted_on(archive, firm, day).await?;
            noted.into_iter().for_each(|(chain, mark)| marks.add(chain, mark));
            marks.problems.extend(problems);
        }
    }
    Ok(marks)
}

impl Marks {
    fn add(&mut self, chain: Chain, mark: Mark) {
        self.chains.entry(chain).or_default().push(mark);
    }
}

/// The days on which something was noted.
async fn days(archive: &dyn Archive, firm: &FirmId) -> Result<Vec<NaiveDate>, ArchiveError> {
    let folders = archive.folders(&heads_folder(firm)).await?;
    Ok(folders.iter().filter_map(|name| name.parse().ok()).collect())
}

type Noting = (Vec<(Chain, Mark)>, Vec<DayProblem>);

/// What was noted on a day.
async fn noted_on(
    archive: &dyn Archive,
    firm: &FirmId,
    day: NaiveDate,
) -> Result<Noting, ArchiveError> {
    let (mut found, mut problems) = (Vec::new(), Vec::new());
    for key in archive.list(&format!("{}{day}/", heads_folder(firm))).await? {
        let bytes = archive.get(&key).await?.unwrap_or_default();
        let noted = serde_json::from_slice::<Noted>(&bytes).map_err(|error| error.to_string());
        match noted.and_then(|noted| chains(noted.heads, day)) {
            Ok(chains) => found.extend(chains),
            Err(problem) => problems.push(DayProblem::Unreadable { key, problem }),
        }
    }
    Ok((found, problems))
}

fn read_digest(
    bytes: &[u8],
    firm: &FirmId,
    key: &str,
) -> Result<(Digest, Vec<(Chain, Mark)>), String> {
    let mut digest: Digest = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if digest.firm != *firm || day_of(key) != Some(digest.day) {
        return Err("it is of another firm or day".to_owned());
    }
    let chains = chains(std::mem::take(&mut digest.heads), digest.day)?;
    Ok((digest, chains))
}

fn chains(heads: Vec<Head>, day: NaiveDate) -> Result<Vec<(Chain, Mark)>, String> {
    let mark = |head: Head| {
        let hash = ChainHash::from_hex(&head.hash);
        let hash = hash.ok_or_else(|| format!("{:?} is no hash", head.hash))?;
        Ok((head.whose.into(), Mark { day, sequence: head.sequence, hash }))
    };
    heads.into_iter().map(mark).collect()
}

fn list(chains: &BTreeMap<Chain, (u64, ChainHash)>) -> Vec<Head> {
    let head = |(chain, (sequence, hash)): (&Chain, &(u64, ChainHash))| Head {
        whose: chain.into(),
        sequence: *sequence,
        hash: hash.to_string(),
    };
    chains.iter().map(head).collect()
}

fn is_over(day: NaiveDate, now: DateTime<Utc>) -> bool {
    let end =
        day.checked_add_days(Days::new(1)).map(|next| next.and_time(NaiveTime::MIN).and_utc());
    end.is_some_and(|end| end + SETTLES <= now)
}

fn sha256(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
