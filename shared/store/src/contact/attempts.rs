//! How often something may be tried (SEC-4): a bucket that fills up again, drop by drop.
//!
//! All that is kept is the instant at which the bucket is full again; each try moves it on. So the item is one
//! instant, a try is one conditional write, and the table forgets buckets that are full. A try is taken
//! before its outcome is known, and given back when it was good: of many at once none comes past the limit.

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::FirmId;

use super::mail::bound_hash;
use super::session::expiry;
use crate::Store;
use crate::change::instant;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{corrupt, get_text, new_item, text};
use crate::keys::{EXPIRES_AT, Key};

/// How often a try is counted anew when somebody was faster. Who meets that many at once is one of a flood.
const MAX_TRIES: u32 = 8;

/// By how much the clocks of two machines may differ. What lies further ahead than an empty bucket and this is
/// of a clock that was set back, and forgotten: else nobody would come in until that instant.
const SKEW: TimeDelta = TimeDelta::hours(1);

/// When the bucket is full again.
const FULL_AT: &str = "full_at";

/// How often something may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// So often at once.
    pub burst: u32,
    /// And once more after each such time.
    pub every: TimeDelta,
}

impl Rate {
    fn whole(&self) -> TimeDelta {
        self.every * i32::try_from(self.burst).unwrap_or(i32::MAX)
    }
}

/// What is tried, and by whom; kept as a hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    hash: String,
    rate: Rate,
}

impl Attempt {
    /// That purpose, by that network or account; `rate` is that of the purpose.
    pub fn of(firm: &FirmId, purpose: &str, who: &str, rate: Rate) -> Self {
        Self { hash: bound_hash(firm, purpose, who), rate }
    }
}

/// Whether something may be tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tried {
    /// It may, and is counted.
    Counted,
    /// Not before so long.
    Wait(TimeDelta),
}

impl Store {
    /// Counts a try, if there is one left.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn count_attempt(
        &self,
        attempt: &Attempt,
        now: DateTime<Utc>,
    ) -> Result<Tried, StoreError> {
        let Rate { every, .. } = attempt.rate;
        for _ in 0..MAX_TRIES {
            let (known, was) = self.full_at(attempt, now).await?;
            let next = known.max(now) + every;
            let over = next - now - attempt.rate.whole();
            if TimeDelta::zero() < over {
                return Ok(Tried::Wait(over));
            }
            if self.put_attempt(attempt, next, was).await? {
                return Ok(Tried::Counted);
            }
        }
        Ok(Tried::Wait(every))
    }

    /// Gives a try back that was good. Where too many are at it, it stays counted.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn give_back(&self, attempt: &Attempt, now: DateTime<Utc>) -> Result<(), StoreError> {
        for _ in 0..MAX_TRIES {
            let (known, was) = self.full_at(attempt, now).await?;
            if known <= now || self.put_attempt(attempt, known - attempt.rate.every, was).await? {
                return Ok(());
            }
        }
        Ok(())
    }

    /// When the bucket is full again, as read and as stored; never further ahead than for an empty one.
    async fn full_at(
        &self,
        attempt: &Attempt,
        now: DateTime<Utc>,
    ) -> Result<(DateTime<Utc>, Option<String>), StoreError> {
        let item = self.dynamo.get(&Key::Attempts(&attempt.hash).place(&self.firm)).await?;
        let Some(item) = item else { return Ok((now, None)) };
        let stored = get_text(&item, FULL_AT).unwrap_or_default();
        let at: DateTime<Utc> = stored.parse().map_err(|error| corrupt(&item, error))?;
        let latest = now + attempt.rate.whole();
        let at = if latest + SKEW < at { now } else { at.min(latest) };
        Ok((at, Some(stored.to_owned())))
    }

    async fn put_attempt(
        &self,
        attempt: &Attempt,
        full_at: DateTime<Utc>,
        was: Option<String>,
    ) -> Result<bool, StoreError> {
        let mut item = new_item(&Key::Attempts(&attempt.hash).place(&self.firm), 0);
        item.insert(FULL_AT.to_owned(), text(instant(full_at)));
        item.insert(EXPIRES_AT.to_owned(), expiry(full_at));
        let condition = match was {
            None => Condition::Absent,
            Some(was) => Condition::Equals(FULL_AT, text(was)),
        };
        self.dynamo.write(Write::Put(item, condition)).await
    }
}
