//! Numbers that are drawn without a gap (INV-7), and what a request made under its key.
//!
//! The counter of a series is an item of its own. Whoever draws reads it, and writes it on as part of the
//! commit that uses the number: a commit that doesn't come to be leaves the counter where it was, and of
//! two that read the same number one is decided again. A request that may be made twice leaves behind what
//! it made, in that same commit: made again, it draws no second number.

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::InvoiceId;
use domain::numbering::{MAX_COUNTER, Series};

use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::head::CLIENT;
use crate::item::{Item, check_schema, corrupt, get_number, get_text, new_item, number, place_of};
use crate::item::{replace, text};
use crate::keys::{EXPIRES_AT, Key, Place};
use crate::turns::Turn;

/// How long it is known what a request made: as long as its answer is.
const KEPT: TimeDelta = TimeDelta::hours(24);

/// The next number of a counter.
const NEXT: &str = "next";

/// What was made.
const MADE: &str = "made";

/// How many numbers are looked at together: as many as one batch takes.
const AT_ONCE: u64 = 100;

/// A number that is about to be drawn.
#[derive(Debug, Clone)]
pub struct Draw {
    /// The number; `None`: the series is used up.
    pub number: Option<InvoiceId>,
    counter: u64,
    stored: Option<Item>,
    fresh: Item,
}

/// Under a request's key: what it made before, or the place for what it makes.
#[derive(Debug, Clone)]
pub struct Once {
    /// What it made, if it did.
    pub made: Option<String>,
    item: Item,
    expired: Option<u64>,
}

/// What a commit writes beside what was decided.
#[derive(Debug, Clone, Copy, Default)]
pub struct CommitWith<'a> {
    /// The number that it uses.
    pub draw: Option<&'a Draw>,
    /// The request that it answers, and the name of what it makes.
    pub once: Option<(&'a Once, &'a str)>,
    /// When staff are told of it, where they are told at once.
    pub tell_at: Option<DateTime<Utc>>,
}

impl Store {
    /// The next number of a series.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn draw(&self, series: &Series) -> Result<Draw, StoreError> {
        let place = Key::Series(series.prefix()).place(&self.firm);
        let stored = self.dynamo.get(&place).await?;
        let counter = match &stored {
            None => series.first(),
            Some(item) => {
                check_schema(item)?;
                get_number(item, NEXT).ok_or_else(|| corrupt(item, "it has no next number"))?
            }
        };
        let fresh = new_item(&place, 0);
        Ok(Draw { number: number_at(series, counter)?, counter, stored, fresh })
    }

    /// The next number that nobody has: where some of a series were given before it was one. They are
    /// there, so passing over them leaves no gap.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn pass_over(&self, series: &Series, draw: Draw) -> Result<Draw, StoreError> {
        let mut counter = draw.counter;
        while counter <= MAX_COUNTER {
            let some = (counter..=MAX_COUNTER.min(counter + AT_ONCE - 1)).map(|counter| {
                let number = number_at(series, counter)?;
                let place = number.map(|number| Key::InvoiceNumber(&number).place(&self.firm));
                Ok(place.map(|place| (counter, place)))
            });
            let some: Vec<_> = some.collect::<Result<Vec<_>, StoreError>>()?;
            let some: Vec<_> = some.into_iter().flatten().collect();
            let places: Vec<_> = some.iter().map(|(_, place)| place.clone()).collect();
            let taken = self.dynamo.batch_get(&places).await?;
            let is_taken = |place: &Place| taken.iter().any(|item| place_of(item) == *place);
            if let Some((counter, _)) = some.iter().find(|(_, place)| !is_taken(place)) {
                return Ok(Draw {
                    number: number_at(series, *counter)?,
                    counter: *counter,
                    ..draw
                });
            }
            counter += AT_ONCE;
        }
        Ok(Draw { number: None, ..draw })
    }

    /// Whether a number of the series was ever drawn.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn has_drawn(&self, series: &Series) -> Result<bool, StoreError> {
        let place = Key::Series(series.prefix()).place(&self.firm);
        Ok(self.dynamo.get(&place).await?.is_some())
    }

    /// Waits until nobody else in this process draws from the series.
    pub async fn turn_at(&self, series: &Series) -> Turn {
        self.dynamo.turns.take(Key::Series(series.prefix()).pk(&self.firm)).await
    }

    /// What the request of that name made, if it did; the caller has bound the name to its caller and
    /// route.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn once(&self, name: &str, now: DateTime<Utc>) -> Result<Once, StoreError> {
        let place = Key::Made(name).place(&self.firm);
        let seconds = |at: DateTime<Utc>| u64::try_from(at.timestamp()).unwrap_or(0);
        let mut item = new_item(&place, 0);
        item.insert(EXPIRES_AT.to_owned(), number(seconds(now + KEPT)));
        let Some(stored) = self.dynamo.get(&place).await? else {
            return Ok(Once { made: None, item, expired: None });
        };
        check_schema(&stored)?;
        let until = get_number(&stored, EXPIRES_AT).unwrap_or(0);
        if until <= seconds(now) {
            return Ok(Once { made: None, item, expired: Some(until) });
        }
        let made = get_text(&stored, MADE).ok_or_else(|| corrupt(&stored, "it made nothing"))?;
        Ok(Once { made: Some(made.to_owned()), item, expired: None })
    }
}

fn number_at(series: &Series, counter: u64) -> Result<Option<InvoiceId>, StoreError> {
    if MAX_COUNTER < counter {
        return Ok(None);
    }
    series.number(counter).map(Some).map_err(|error| StoreError::Encode(error.into()))
}

impl CommitWith<'_> {
    /// How many writes that is.
    pub(crate) fn count(&self) -> usize {
        let parts = [self.draw.is_some(), self.once.is_some(), self.tell_at.is_some()];
        parts.into_iter().map(usize::from).sum()
    }
}

impl Draw {
    /// The counter after this number, if it is where it was read.
    pub(crate) fn write(&self) -> Write {
        let next = Item::from([(NEXT.to_owned(), number(self.counter + 1))]);
        let as_read = self.stored.as_ref().and_then(|stored| stored.get(NEXT)).cloned();
        let condition =
            as_read.map_or(Condition::Absent, |as_read| Condition::Equals(NEXT, as_read));
        let mut item = self.stored.clone().unwrap_or_else(|| self.fresh.clone());
        replace(&mut item, &Item::new(), next);
        Write::Put(item, condition)
    }
}

impl Once {
    /// What was made, unless another has made it.
    pub(crate) fn write(&self, client: &str, made: &str) -> Write {
        let mut item = self.item.clone();
        item.insert(CLIENT.to_owned(), text(client));
        item.insert(MADE.to_owned(), text(made));
        let condition = self
            .expired
            .map_or(Condition::Absent, |until| Condition::Equals(EXPIRES_AT, number(until)));
        Write::Put(item, condition)
    }
}
