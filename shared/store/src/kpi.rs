//! What a firm measures itself by, as it is kept (KPI-1): what commits leave, days that are rolled up from it, the
//! book as it was counted, and how far all that is.
//!
//! A commit's facts stand beside its record's bytes, in the same transaction. Where staff are told of the record it is
//! in the index already and costs nothing more; where not, it goes in for its facts. A day is put together from them
//! whole, and put whole where the last one was read: to do it again comes to the same, and who dies in between has
//! done nothing. The facts themselves stay as long as their records do.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClientId, FirmId};
use domain::kpi::{Book, DayCount, Fact};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::change::instant;
use crate::dynamo::{Condition, Range, Write};
use crate::error::StoreError;
use crate::item::{
    Item, MAX_ITEM_BYTES, attributes, check_size, corrupt, get_text, new_item, number, place_of,
    read, text, version_of,
};
use crate::keys::{
    Index, Key, VERSION, account_of, facts_pk, news_pk, news_sk, news_until, prefix,
};
use crate::outbox::to_outbox;

/// What counts of a commit, on its record.
const FACTS: &str = "kpi";

/// How many records' facts are read at once.
const AT_ONCE: usize = 100;

/// How far a firm's reports are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportsState {
    /// The first day that is rolled up: of those before, facts were left by some commits at most.
    pub since: Day,
    /// The last day that is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Day>,
    /// The last day whose book is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub book_on: Option<Day>,
    /// A book that is being counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub under_way: Option<BookUnderWay>,
    /// Counts the writes; 0: it isn't written yet.
    #[serde(skip)]
    pub version: u64,
}

/// A book that is being counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookUnderWay {
    /// Of which day.
    pub day: Day,
    /// As far as it is.
    pub book: Book,
    /// After whom it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

/// A book that was counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DatedBook {
    /// Of which day.
    pub day: Day,
    /// When its last page was counted, by the firm's clock.
    pub at: DateTime<Utc>,
    /// What.
    pub book: Book,
}

#[derive(Serialize, Deserialize)]
struct StoredCount {
    count: DayCount,
}

/// Puts what counts of a commit on its record, and the record where it is found by it.
pub(crate) fn to_facts(
    record: &mut Item,
    (firm, client): (&FirmId, &ClientId),
    (sequence, at): (u64, DateTime<Utc>),
    facts: &[Fact],
) -> Result<(), StoreError> {
    if facts.is_empty() {
        return Ok(());
    }
    let facts = serde_json::to_string(facts).map_err(|error| StoreError::Encode(error.into()))?;
    record.insert(FACTS.to_owned(), text(facts));
    let (pk, sk) = Index::Firm.attributes();
    record.insert(pk.to_owned(), text(facts_pk(firm)));
    record.insert(sk.to_owned(), text(news_sk(&instant(at), client, sequence)));
    Ok(())
}

impl Store {
    /// What counts of all commits from one instant to another, both included, in whichever order they are found:
    /// client and facts of each. Eventually consistent: a commit of this moment may be missing.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn each_facts(
        &self,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
        mut each: impl FnMut(&ClientId, &[Fact]) + Send,
    ) -> Result<(), StoreError> {
        for pk in [facts_pk(&self.firm), news_pk(&self.firm)] {
            let range = Range {
                index: Some(Index::Firm),
                pk,
                between: Some((instant(from), news_until(&instant(until)))),
                ..Range::default()
            };
            let (listed, _) = self.dynamo.query(range).await?;
            let places: Vec<_> = listed.iter().map(place_of).collect();
            for some in places.chunks(AT_ONCE) {
                for item in self.dynamo.batch_get(some).await? {
                    let Some(facts) = get_text(&item, FACTS) else { continue };
                    let all: Vec<serde_json::Value> =
                        serde_json::from_str(facts).map_err(|error| corrupt(&item, error))?;
                    // A newer program may count more; what this one knows, it counts.
                    let known =
                        all.into_iter().filter_map(|fact| serde_json::from_value(fact).ok());
                    let known: Vec<Fact> = known.collect();
                    let of = account_of(&place_of(&item).pk);
                    let (_, client) =
                        of.ok_or_else(|| corrupt(&item, "its key names no client"))?;
                    each(&client, &known);
                }
            }
        }
        Ok(())
    }

    /// The days from one to another that have something to count, oldest first.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn day_counts(
        &self,
        first: Day,
        last: Day,
    ) -> Result<BTreeMap<Day, DayCount>, StoreError> {
        let items = self.of_days(Key::DayCount(first), Key::DayCount(last)).await?;
        let count = |item: &Item| {
            let day = dated(item, prefix::DAY_COUNT)?;
            read(item).map(|StoredCount { count }| (day, count))
        };
        items.iter().map(count).collect()
    }

    /// Rolls a day up: whole, and only where it comes to something else than before. `false`: it is as it was, or
    /// somebody else is at it, who does the same.
    ///
    /// # Errors
    /// Whatever reading and writing have.
    pub async fn roll_up(&self, day: Day, count: &DayCount) -> Result<bool, StoreError> {
        let place = Key::DayCount(day).place(&self.firm);
        let stored = self.dynamo.get(&place).await?;
        let known = stored.as_ref().map(read::<StoredCount>).transpose()?;
        let known_facts = known.as_ref().map_or(0, |known| known.count.facts);
        // Fewer facts than before: the index is behind, or records have gone.
        if count.facts < known_facts
            || known.map_or(count.facts == 0, |known| known.count == *count)
        {
            return Ok(false);
        }
        let version = stored.as_ref().map_or(0, version_of);
        let mut item = new_item(&place, version + 1);
        item.extend(attributes(&StoredCount { count: count.clone() })?);
        check_size(&item, MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, as_read(version))).await
    }

    /// Books that were counted from one day to another, oldest first.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn books(&self, first: Day, last: Day) -> Result<Vec<DatedBook>, StoreError> {
        let items = self.of_days(Key::Book(first), Key::Book(last)).await?;
        items.iter().map(read).collect()
    }

    /// The newest book that was counted.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn newest_book(&self) -> Result<Option<DatedBook>, StoreError> {
        let range = Range {
            pk: Key::Reports.pk(&self.firm),
            prefix: Some(prefix::BOOK.to_owned()),
            is_consistent: true,
            is_backwards: true,
            limit: Some(1),
            ..Range::default()
        };
        self.dynamo.page(&range).await?.items.first().map(read).transpose()
    }

    /// Keeps a book; that of a day that is there already stays.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn keep_book(&self, book: &DatedBook) -> Result<bool, StoreError> {
        let place = Key::Book(book.day).place(&self.firm);
        let mut item = new_item(&place, 1);
        item.extend(attributes(book)?);
        check_size(&item, MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, Condition::Absent)).await
    }

    /// How far the firm's reports are; `None`: nobody has begun.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn reports_state(&self) -> Result<Option<ReportsState>, StoreError> {
        let Some(item) = self.dynamo.get(&Key::Reports.place(&self.firm)).await? else {
            return Ok(None);
        };
        let version = version_of(&item);
        read(&item).map(|state| Some(ReportsState { version, ..state }))
    }

    /// Writes how far they are, against what was read of it; they wait from that instant on, if they do. `false`:
    /// somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn put_reports_state(
        &self,
        state: &ReportsState,
        ready_at: Option<DateTime<Utc>>,
    ) -> Result<bool, StoreError> {
        let place = Key::Reports.place(&self.firm);
        let mut item = new_item(&place, state.version + 1);
        item.extend(attributes(state)?);
        to_outbox(&mut item, &place, ready_at);
        check_size(&item, MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, as_read(state.version))).await
    }

    async fn of_days(&self, first: Key<'_>, last: Key<'_>) -> Result<Vec<Item>, StoreError> {
        let range = Range {
            pk: Key::Reports.pk(&self.firm),
            between: Some((first.sk(), last.sk())),
            is_consistent: true,
            ..Range::default()
        };
        Ok(self.dynamo.query(range).await?.0)
    }
}

fn dated(item: &Item, prefix: &str) -> Result<Day, StoreError> {
    let day = place_of(item).sk.strip_prefix(prefix).and_then(|day| day.parse().ok());
    day.ok_or_else(|| corrupt(item, "its key names no day"))
}

fn as_read(version: u64) -> Condition {
    match version {
        0 => Condition::Absent,
        version => Condition::Equals(VERSION, number(version)),
    }
}
