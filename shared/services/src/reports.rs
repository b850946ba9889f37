//! The firm's reports are brought up to date, once a day after it began (KPI-1).
//!
//! Yesterday's commits left what counts of them; it is put together to one small item, and the day before once more,
//! for what came into the index late. The open book is counted client by client, page by page: how old its debts are is
//! in no commit. Each step writes against what it read and comes to the same when it is done twice, so two that are at
//! it at once, or one that dies in between, change no number. What is left when time is over is gone on with.

mod csv;
mod report;

use std::collections::BTreeMap;

use chrono::{DateTime, Datelike, TimeDelta, Utc, Weekday};
use domain::calendar::{Day, WorkingDays, minus, plus, start_of};
use domain::id::ClassId;
use domain::kpi::{Book, DayCount};
use domain::run::is_active;
use futures::future::join_all;
use store::{
    BookUnderWay, ClientRow, ClientState, DatedBook, PageRequest, ReportsState, Store, StoreError,
};

use crate::firm::Firm;
use crate::office::policies::version_of;

pub use csv::{aging_csv, kpi_csv};
pub use report::{MAX_MONTHS, Measure, Month, Report, StepLine, first_of, report, step_words};

/// When a day's reports are made: after it began, with room for commits of its last moment.
const AFTER_DAWN: TimeDelta = TimeDelta::minutes(30);

/// How long they are whose who makes them.
pub(crate) const LEASE: TimeDelta = TimeDelta::minutes(10);

/// How many of the days before are put together once more: no index is behind by a day.
const AGAIN: u32 = 1;

/// Up to so many clients the book is counted on each day, which costs some thousand read units; beyond that
/// on Mondays and on the first of a month.
const DAILY_CLIENTS: u64 = 1_000;

/// How many clients are counted between two writes of how far it is.
const PAGE: u32 = 100;

/// How many accounts are read at the same time.
const AT_ONCE: usize = 10;

/// How making a firm's reports ended for this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// They are up to date, or somebody else is at it.
    Done,
    /// Time was over; the rest waits.
    Later,
}

/// Whether time is over.
pub type IsLate<'a> = &'a (dyn Fn() -> bool + Sync);

/// When a day's reports are due.
pub(crate) fn ready_at(firm: &Firm, day: Day) -> DateTime<Utc> {
    start_of(day, firm.settings().zone) + AFTER_DAWN
}

/// Has the reports of a day made from that instant on.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn plan(firm: &Firm, day: Day, ready_at: DateTime<Utc>) -> Result<(), StoreError> {
    let state = begun(firm.store(), day).await?;
    // Whoever was faster planned it as well, or is at it.
    firm.store().put_reports_state(&state, Some(ready_at)).await.map(|_| ())
}

/// How far they are. The first day that is rolled up is the first that somebody looks at: it is whole.
async fn begun(store: &Store, today: Day) -> Result<ReportsState, StoreError> {
    let begins =
        || ReportsState { since: today, counted: None, book_on: None, under_way: None, version: 0 };
    Ok(store.reports_state().await?.unwrap_or_else(begins))
}

/// Brings the firm's reports up to its day, as far as there is time.
///
/// # Errors
/// Whatever reading and writing have.
pub async fn make(
    firm: &Firm,
    now: DateTime<Utc>,
    is_late: IsLate<'_>,
) -> Result<Made, StoreError> {
    let (store, today) = (firm.store(), firm.day(now));
    let mut state = begun(store, today).await?;
    let leased = Some(now + LEASE);
    let ended = roll_up_days(firm, &mut state, today, is_late).await?;
    if !put(store, &mut state, leased).await? {
        return Ok(Made::Done);
    }
    let ended = match ended {
        Made::Later => Made::Later,
        Made::Done => count_book(firm, &mut state, now, is_late).await?,
    };
    if ended == Made::Done {
        put(store, &mut state, None).await?;
    }
    Ok(ended)
}

/// Writes how far it is. `false`: somebody else is at it, and does the same.
async fn put(
    store: &Store,
    state: &mut ReportsState,
    ready_at: Option<DateTime<Utc>>,
) -> Result<bool, StoreError> {
    let is_mine = store.put_reports_state(state, ready_at).await?;
    state.version += u64::from(is_mine);
    Ok(is_mine)
}

async fn roll_up_days(
    firm: &Firm,
    state: &mut ReportsState,
    today: Day,
    is_late: IsLate<'_>,
) -> Result<Made, StoreError> {
    let first = state.counted.map_or(state.since, |counted| minus(counted, AGAIN - 1));
    let mut day = first.max(state.since);
    if today <= day {
        return Ok(Made::Done);
    }
    let weeks = weeks(firm, today).await?;
    while day < today {
        if is_late() {
            return Ok(Made::Later);
        }
        roll_up(firm, day, &weeks).await?;
        state.counted = state.counted.max(Some(day));
        day = plus(day, 1);
    }
    Ok(Made::Done)
}

/// Puts a day together.
async fn roll_up(
    firm: &Firm,
    day: Day,
    weeks: &BTreeMap<ClassId, WorkingDays>,
) -> Result<(), StoreError> {
    let zone = firm.settings().zone;
    let until = start_of(plus(day, 1), zone) - TimeDelta::milliseconds(1);
    let week_of = |class: &ClassId| weeks.get(class).cloned().unwrap_or_default();
    let mut count = DayCount::default();
    let each = |client: &_, facts: &[_]| count.add(client, facts, &week_of);
    firm.store().each_facts(start_of(day, zone), until, each).await?;
    firm.store().roll_up(day, &count).await.map(|_| ())
}

/// The working days of each class, as its policy in force has them.
async fn weeks(firm: &Firm, day: Day) -> Result<BTreeMap<ClassId, WorkingDays>, StoreError> {
    let mut weeks = BTreeMap::new();
    for policy in firm.store().all_policies().await? {
        if let (true, Ok(version)) = (policy.has_begun(day), version_of(&policy)) {
            weeks.insert(policy.class, version.policy.working_days.clone()); // the oldest come first
        }
    }
    Ok(weeks)
}

async fn count_book(
    firm: &Firm,
    state: &mut ReportsState,
    now: DateTime<Utc>,
    is_late: IsLate<'_>,
) -> Result<Made, StoreError> {
    let (store, today) = (firm.store(), firm.day(now));
    if !is_book_due(store, state, today).await? {
        return Ok(Made::Done);
    }
    // One of a day that is over would tell of no day at all.
    let under_way = state.under_way.take().filter(|under_way| under_way.day == today);
    let mut under_way =
        under_way.unwrap_or(BookUnderWay { day: today, book: Book::default(), cursor: None });
    loop {
        if is_late() {
            state.under_way = Some(under_way);
            put(store, state, Some(now + LEASE)).await?;
            return Ok(Made::Later);
        }
        let page = PageRequest { cursor: under_way.cursor.as_deref(), limit: PAGE };
        let listed = store.clients(None, &page).await?;
        for some in listed.items.chunks(AT_ONCE) {
            add(store, &mut under_way.book, some, today).await?;
        }
        if listed.next.is_none() {
            let book = DatedBook { day: today, at: firm.now(now), book: under_way.book };
            store.keep_book(&book).await?;
            (state.book_on, state.under_way) = (Some(today), None);
            return Ok(Made::Done);
        }
        under_way.cursor = listed.next;
        state.under_way = Some(under_way.clone());
        if !put(store, state, Some(now + LEASE)).await? {
            return Ok(Made::Done);
        }
    }
}

async fn is_book_due(store: &Store, state: &ReportsState, today: Day) -> Result<bool, StoreError> {
    if state.book_on.is_some_and(|counted| today <= counted) {
        return Ok(false);
    }
    let is_set_day = today.weekday() == Weekday::Mon || today.day() == 1;
    if is_set_day || state.book_on.is_none() || state.under_way.is_some() {
        return Ok(true);
    }
    let last = store.newest_book().await?;
    Ok(last.is_none_or(|last| last.book.clients <= DAILY_CLIENTS))
}

/// Clients who owe nothing are known from the list alone.
async fn add(
    store: &Store,
    book: &mut Book,
    rows: &[ClientRow],
    today: Day,
) -> Result<(), StoreError> {
    let going_on = || rows.iter().filter(|row| row.state != ClientState::Closed);
    for row in going_on() {
        book.clients += 1;
        book.active += u64::from(is_active(row.last_invoiced, today));
        book.locked += u64::from(row.lock.is_some());
    }
    let owing = rows.iter().filter(|row| row.oldest_due.is_some());
    for loaded in join_all(owing.map(|row| store.load(&row.client))).await {
        if let Some(loaded) = loaded? {
            book.add_owed(&loaded.account, today);
        }
    }
    Ok(())
}
