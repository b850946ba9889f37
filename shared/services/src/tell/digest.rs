//! The day's digest: what is new at a person's clients, once on each working day.
//!
//! It comes at half past eight in the firm's zone, when the night's locks are set and the letters that
//! quiet hours held have left. It goes on where the last one ended. The index that it reads may be a moment
//! behind, and a commit is a moment older than it seems, so it looks an hour further back than that and leaves
//! out what was told; what it tells is settled in its item before the first mail is made.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::{Day, WorkingDays, day_at, minus, start_of};
use domain::event::Event;
use domain::id::{ClassId, ClientId, StaffId};
use domain::role::Role;
use domain::tell::{Matter, News, WaitsFor, is_told_at_once, news, still_waits};
use letters::staff::{Line, MAX_LINES, Part, StaffFacts, Waits};
use store::{
    Mails, NewsItem, NewsRef, PageRequest, PolicyDocument, Store, StoreError, Tells, Told,
};

use super::directory::Directory;
use super::notice::{kept, mail_id};
use super::{CHOICE_PATH, TASKS_PATH, TellError, TellOutcome};
use crate::correspondence::Correspondence;
use crate::firm::{Firm, start_of_minute};
use crate::office::policies::version_of;
use crate::replies::{LeftLying, left_lying};
use crate::reports::first_of;

/// When it comes, in minutes of the firm's day: half an hour after the presets' quiet hours, so that it
/// holds what left at their end.
pub const DIGEST_MINUTE: u32 = 8 * 60 + 30;

/// How far back a digest looks beyond the end of the one before: no index is behind by more.
const LOOKS_BACK: TimeDelta = TimeDelta::hours(1);

/// How many names of that hour a digest keeps: some 200 KB, half of what an item has room for. Where more
/// happened, it looks back less far.
const MAX_LATE: usize = 5_000;

/// Where a ledger is brought in.
const IMPORT_PATH: &str = "/console/import";

/// When a day's digest comes.
pub fn digest_at(firm: &Firm, day: Day) -> DateTime<Utc> {
    start_of_minute(day, DIGEST_MINUTE, firm.settings().zone)
}

/// Whether that is a working day at the firm: under any of its policies in force.
pub(crate) async fn is_working(firm: &Firm, day: Day) -> Result<bool, StoreError> {
    Ok(weeks(firm, day).await?.iter().any(|week| week.is_working(day)))
}

/// Whether it is the first of its month.
pub(super) async fn is_first_working(firm: &Firm, day: Day) -> Result<bool, StoreError> {
    let weeks = weeks(firm, day).await?;
    let is_working = |day: Day| weeks.iter().any(|week| week.is_working(day));
    let before = first_of(day).iter_days().take_while(|before| *before < day);
    Ok(is_working(day) && !before.into_iter().any(is_working))
}

/// The working days of each policy in force; of a firm without one, the usual ones.
async fn weeks(firm: &Firm, day: Day) -> Result<Vec<WorkingDays>, StoreError> {
    let mut in_force: BTreeMap<ClassId, PolicyDocument> = BTreeMap::new();
    for policy in firm.store().all_policies().await? {
        if policy.has_begun(day) {
            in_force.insert(policy.class.clone(), policy); // the oldest come first
        }
    }
    let mut weeks: Vec<_> = in_force
        .values()
        .filter_map(|policy| version_of(policy).ok())
        .map(|version| version.policy.working_days)
        .collect();
    if weeks.is_empty() {
        weeks.push(WorkingDays::default());
    }
    Ok(weeks)
}

/// Everything new at one client.
struct AtClient<'a> {
    client: &'a ClientId,
    told: &'a Told,
    items: Vec<(&'a NewsItem, Vec<News>)>,
}

/// A ledger from elsewhere that is too old on the digest's day (FRESH-1).
struct OldLedger {
    what: String,
    /// Whether it was fresh when the digest before was told.
    is_news: bool,
}

impl OldLedger {
    fn on(firm: &Firm, day: Day, told_before: DateTime<Utc>) -> Option<Self> {
        let ledger = firm.ledger()?;
        let what = ledger.waits(day)?;
        let is_news = ledger.is_fresh(day_at(told_before, firm.settings().zone));
        Some(Self { what, is_news })
    }
}

/// What one person is told: by matter and client, what, and whether it is theirs.
type Lines<'a> = BTreeMap<Matter, BTreeMap<&'a ClientId, (Vec<String>, bool)>>;

impl Correspondence {
    /// Makes everybody's mail of a day's digest.
    pub(super) async fn digest(
        &self,
        firm: &Firm,
        day: Day,
        now: DateTime<Utc>,
    ) -> Result<TellOutcome, TellError> {
        let store = firm.store();
        let Some(digest) = store.digest(day).await?.filter(|digest| !digest.is_made) else {
            return Ok(TellOutcome::Done);
        };
        let tells = match digest.tells {
            Some(tells) => tells,
            None => {
                let newest = store.newest_digest().await?;
                if newest.as_ref().is_some_and(|newest| day < newest.day) {
                    // It waited for so long that a later day's overtook it, and told all of this one.
                    store.end_digest(day).await?;
                    return Ok(TellOutcome::Made(0));
                }
                match settle(firm, day, newest.and_then(|newest| newest.tells), now).await? {
                    Some(tells) => tells,
                    None => return Ok(TellOutcome::Done), // somebody else is at it; its lease ends
                }
            }
        };
        let refs: Vec<_> = store.news(tells.from, tells.until).await?;
        let refs: Vec<_> = refs.into_iter().filter(|news| is_in(&tells, news)).collect();
        let items = store.news_items(&refs).await?;
        // What is to be told at once and wasn't yet comes first, so that it is known who was told.
        for item in items.iter().filter(|item| is_told_at_once(&item.actor, &item.events)) {
            if store.has_notice(&item.of.client, item.of.sequence).await? {
                self.notice(firm, &item.of.client, item.of.sequence, now).await?;
            }
        }
        let old = OldLedger::on(firm, day, tells.from);
        let lying = left_lying(store, day).await?;
        let is_news =
            !items.is_empty() || !lying.is_empty() || old.as_ref().is_some_and(|old| old.is_news);
        let made = match is_news {
            true => self.mails(firm, day, (items, old, lying), now).await?,
            false => 0,
        };
        let made = made + self.tell_of_run(firm, day, now).await?;
        let made = made + self.tell_of_month(firm, day, now).await?;
        store.end_digest(day).await?;
        Ok(TellOutcome::Made(made))
    }

    async fn mails(
        &self,
        firm: &Firm,
        day: Day,
        (mut items, old, lying): (Vec<NewsItem>, Option<OldLedger>, Vec<LeftLying>),
        now: DateTime<Utc>,
    ) -> Result<u32, TellError> {
        let store = firm.store();
        leave_out_what_is_done(store, &mut items).await?;
        let open_tasks = open_tasks(store).await?;
        let mut clients: BTreeSet<_> = items.iter().map(|item| item.of.client.clone()).collect();
        clients.extend(open_tasks.keys().cloned());
        let told = store.told(&clients).await?;
        let by_client = by_client(&items, &told);
        let directory = Directory::of(firm).await?;
        let mut of_person: BTreeMap<StaffId, Vec<&AtClient<'_>>> = BTreeMap::new();
        for at_client in &by_client {
            let mut staff = directory.of_client(&at_client.told.people);
            // And whoever was given something to do there.
            let given = at_client.items.iter().flat_map(|(_, news)| news);
            staff.extend(
                given.filter_map(|news| news.waits_for.as_ref()).flat_map(|waits_for| {
                    directory.deciders(&at_client.told.people, waits_for, None)
                }),
            );
            for staff in staff {
                of_person.entry(staff).or_default().push(at_client);
            }
        }
        // Messages that nobody read pause collection without an end: each digest says so, until somebody did (LET-8).
        let mut reminded: BTreeMap<StaffId, Vec<&LeftLying>> = BTreeMap::new();
        for one in &lying {
            let Some(told) = told.get(&one.client) else { continue };
            let reader = WaitsFor::Role(Role::BillingLead);
            for staff in directory.deciders(&told.people, &reader, None) {
                of_person.entry(staff.clone()).or_default();
                reminded.entry(staff).or_default().push(one);
            }
        }
        // That the ledger is too old by now is told to whoever can bring it up to date, if nothing else is new too.
        let is_news = old.as_ref().is_some_and(|old| old.is_news);
        let importers: BTreeSet<_> = match is_news {
            true => directory
                .all_of(Role::BillingLead)
                .into_iter()
                .chain(directory.all_of(Role::Admin))
                .collect(),
            false => BTreeSet::new(),
        };
        for staff in &importers {
            of_person.entry(staff.clone()).or_default();
        }
        let all: BTreeSet<_> = of_person.keys().cloned().collect();
        let mut made = 0;
        for staff in directory.readers(firm, &all, |mails| mails != Mails::Off).await? {
            let news = of_person.remove(&staff).unwrap_or_default();
            let mut lines = lines(store, &directory, &staff, &news).await?;
            for one in reminded.remove(&staff).unwrap_or_default() {
                let of_client = lines.entry(Matter::Task).or_default().entry(&one.client);
                let (what, is_theirs) = of_client.or_default();
                what.push(one.words());
                *is_theirs = true;
            }
            if lines.is_empty() && !importers.contains(&staff) {
                continue;
            }
            let theirs = |client: &&ClientId| {
                told.get(*client)
                    .is_some_and(|told| directory.of_client(&told.people).contains(&staff))
            };
            let open = open_tasks.keys().filter(theirs).filter_map(|client| open_tasks.get(client));
            let facts = StaffFacts {
                firm: firm.settings().name.clone(),
                reader: directory
                    .person(&staff)
                    .map_or_else(String::new, |person| person.name.clone()),
                day,
                is_digest: true,
                waits: old
                    .as_ref()
                    .map(|old| Waits { what: old.what.clone(), link: self.console(IMPORT_PATH) }),
                parts: self.parts(lines, &told),
                open_tasks: open.sum(),
                tasks_link: self.console(TASKS_PATH),
                choice_link: self.console(CHOICE_PATH),
            };
            let names = news.iter().flat_map(|at| &at.items).map(|(item, _)| item.of.name());
            let names = names.take(Matter::ALL.len() * MAX_LINES).collect();
            let mail = kept(firm, &staff, format!("{day}-digest"), &facts, names, now)?;
            made += u32::from(store.add_staff_mail(&mail, now).await?);
        }
        Ok(made)
    }

    fn parts(&self, lines: Lines<'_>, told: &BTreeMap<ClientId, Told>) -> Vec<Part> {
        let parts = lines.into_iter().map(|(matter, clients)| {
            let line = |(client, (what, is_yours)): (&ClientId, (Vec<String>, bool))| Line {
                client: told.get(client).map_or("", |told| told.name.as_str()).to_owned(),
                what,
                link: self.client_page(client),
                is_yours,
            };
            let mut lines: Vec<_> = clients.into_iter().map(line).collect();
            lines.sort_by(|a, b| (!a.is_yours, &a.client).cmp(&(!b.is_yours, &b.client)));
            Part { matter, lines }
        });
        parts.collect()
    }
}

/// Says what a digest tells after the one before; `None`: somebody else did a moment ago.
async fn settle(
    firm: &Firm,
    day: Day,
    before: Option<Tells>,
    now: DateTime<Utc>,
) -> Result<Option<Tells>, StoreError> {
    let store = firm.store();
    let until = firm.now(now);
    let (from, but) = match before {
        Some(before) => (before.next_from, before.late),
        None => (start_of(minus(day, 1), firm.settings().zone), BTreeSet::new()),
    };
    let (next_from, late) = late(&store.news(from, until).await?, until);
    let tells = Tells { from, until, but, next_from, late };
    Ok(store.settle_digest(day, &tells).await?.then_some(tells))
}

/// From when the next digest looks, and what of that time is told by then.
fn late(news: &[NewsRef], until: DateTime<Utc>) -> (DateTime<Utc>, BTreeSet<String>) {
    let mut from = until - LOOKS_BACK;
    let too_many = news.iter().rev().nth(MAX_LATE).map(|news| news.at);
    if let Some(at) = too_many.filter(|at| from <= *at) {
        from = at + TimeDelta::milliseconds(1);
    }
    (from, news.iter().filter(|news| from <= news.at).map(NewsRef::name).collect())
}

/// Whether a digest tells that: what came into its last hour after it was settled is the next one's.
fn is_in(tells: &Tells, news: &NewsRef) -> bool {
    let name = news.name();
    !tells.but.contains(&name) && (news.at < tells.next_from || tells.late.contains(&name))
}

/// What somebody was to do, and did before the digest came, is told to nobody.
async fn leave_out_what_is_done(store: &Store, items: &mut [NewsItem]) -> Result<(), StoreError> {
    let waits = |event: &Event| {
        news(std::slice::from_ref(event)).iter().any(|news| news.waits_for.is_some())
    };
    let clients: BTreeSet<_> = items
        .iter()
        .filter(|item| item.events.iter().any(waits))
        .map(|item| item.of.client.clone())
        .collect();
    for client in clients {
        let Some(loaded) = store.load(&client).await? else { continue };
        for item in items.iter_mut().filter(|item| item.of.client == client) {
            item.events.retain(|event| still_waits(&loaded.account, event));
        }
    }
    Ok(())
}

/// How many tasks are open, client by client.
async fn open_tasks(store: &Store) -> Result<BTreeMap<ClientId, usize>, StoreError> {
    let mut open: BTreeMap<ClientId, usize> = BTreeMap::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
        let listed = store.tasks(&page).await?;
        for row in listed.items {
            *open.entry(row.client).or_default() += 1;
        }
        cursor = listed.next;
        if cursor.is_none() {
            return Ok(open);
        }
    }
}

fn by_client<'a>(items: &'a [NewsItem], told: &'a BTreeMap<ClientId, Told>) -> Vec<AtClient<'a>> {
    let mut by_client: BTreeMap<&ClientId, Vec<_>> = BTreeMap::new();
    for item in items {
        let news = news(&item.events);
        if !news.is_empty() {
            by_client.entry(&item.of.client).or_default().push((item, news));
        }
    }
    let known = by_client
        .into_iter()
        .filter_map(|(client, items)| Some(AtClient { client, told: told.get(client)?, items }));
    known.collect()
}

/// What of the news a person is told: nothing that it did itself, or was told at once.
async fn lines<'a>(
    store: &Store,
    directory: &Directory,
    staff: &StaffId,
    clients: &[&AtClient<'a>],
) -> Result<Lines<'a>, StoreError> {
    let mut lines: Lines<'a> = BTreeMap::new();
    for at in clients {
        for (item, news) in &at.items {
            if item.actor.staff() == Some(staff) {
                continue;
            }
            let was_told = is_told_at_once(&item.actor, &item.events) && {
                let id = mail_id(item.day, at.client, item.of.sequence);
                store.staff_mail(staff, &id).await?.is_some()
            };
            for news in news.iter().filter(|news| !was_told || news.matter != Matter::Decision) {
                let of_matter = lines.entry(news.matter).or_default();
                let (what, is_yours) = of_matter.entry(at.client).or_default();
                if !what.contains(&news.text) {
                    what.push(news.text.clone());
                }
                let is_theirs = |waits_for| directory.is_theirs(staff, &at.told.people, waits_for);
                *is_yours |= news.waits_for.as_ref().is_some_and(is_theirs);
            }
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    fn of(seconds: i64, sequence: u64) -> NewsRef {
        let at = at("2026-03-02T08:00:00Z") + TimeDelta::seconds(seconds);
        NewsRef { at, client: "acme".parse().unwrap(), sequence }
    }

    /// Every piece of news is told by one digest, whenever it came into the index.
    #[test]
    fn staff_1_what_comes_late_is_told_by_the_next_digest_and_nothing_twice() {
        let until = at("2026-03-02T08:30:00Z");
        let seen = [of(-7_200, 1), of(60, 2), of(120, 3)];
        let (next_from, late) = late(&seen, until);
        assert_eq!(next_from, until - LOOKS_BACK);
        let from = until - TimeDelta::days(1);
        let first = Tells { from, until, but: BTreeSet::new(), next_from, late: late.clone() };
        let second = Tells {
            from: next_from,
            until: until + TimeDelta::days(1),
            but: late,
            next_from: until + TimeDelta::hours(23),
            late: BTreeSet::new(),
        };
        let came_late = of(90, 4);
        for (news, expected) in [
            (&seen[0], [true, false]),
            (&seen[1], [true, false]),
            (&seen[2], [true, false]),
            (&came_late, [false, true]),
        ] {
            let told = [&first, &second]
                .map(|tells| (tells.from..=tells.until).contains(&news.at) && is_in(tells, news));
            assert_eq!(told, expected, "for {news:?}");
        }
    }

    #[test]
    fn staff_1_a_night_of_many_letters_fits_into_the_digest() {
        let until = at("2026-03-02T08:30:00Z");
        let news: Vec<_> = (0..20_000).map(|n| of(n / 20, n.unsigned_abs())).collect();
        let (next_from, late) = late(&news, until);
        assert!(late.len() <= MAX_LATE, "{}", late.len());
        assert!(until - LOOKS_BACK < next_from && next_from <= until);
        // And where all of it was in one instant, as on a test firm's clock.
        let news: Vec<_> = (0..20_000).map(|n| of(0, n)).collect();
        assert!(super::late(&news, until).1.is_empty());
    }
}
