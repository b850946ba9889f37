//! What the pages of a preview come to: sums per day and week, the runs that would wait, the first of each list; and
//! all clients of it, as rows and as a table.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use domain::calendar::{Day, days_between};
use domain::id::ClientId;
use domain::letter::LetterKind;
use domain::run::{Tally, is_active};
use store::{
    MAX_PAGE, PageRequest, Preview, PreviewAct, PreviewClient, PreviewDay, PreviewHeld,
    PreviewListed, PreviewResult, PreviewSide, PreviewSums, PreviewTimes, Store, StoreError,
};

use super::WEEK;
use crate::firm::Firm;

/// So many clients of each kind are in the result; the list of pages has all.
pub const MAX_LISTED: usize = 100;

/// So many are named that could not be looked at.
const MAX_FAILURES: usize = 50;

/// What a table of clients is.
pub const CSV: &str = "text/csv; charset=utf-8";

/// What all pages come to. Whoever stands on two, since the list moved under the preview, counts once.
pub(super) async fn sum_up(firm: &Firm, preview: &Preview) -> Result<PreviewResult, StoreError> {
    let mut sum = Sum::new(preview);
    let mut cursor: Option<String> = None;
    loop {
        let request = PageRequest { cursor: cursor.as_deref(), limit: MAX_PAGE };
        let listed = firm.store().preview_pages(&preview.preview, &request).await?;
        for client in listed.items.iter().flat_map(|page| &page.clients) {
            sum.add(client);
        }
        cursor = listed.next;
        if cursor.is_none() {
            return Ok(sum.end());
        }
    }
}

/// The sums, while pages are read.
struct Sum {
    from: Day,
    known: BTreeSet<ClientId>,
    clients: u64,
    /// Until when so many are active, by the date of their newest invoice.
    last_invoiced: BTreeMap<Day, u64>,
    current: SideSum,
    draft: SideSum,
    listed: BTreeMap<PreviewAct, [Vec<PreviewListed>; 2]>,
    failed: Vec<(ClientId, String)>,
    failures: u64,
}

#[derive(Default)]
struct SideSum {
    sums: PreviewSums,
    runs: BTreeMap<Day, Tally>,
}

impl Sum {
    fn new(preview: &Preview) -> Self {
        let weeks = days_between(preview.from, preview.to) / WEEK + 1;
        let side = || SideSum {
            sums: PreviewSums {
                weeks: vec![PreviewDay::default(); weeks as usize],
                ..PreviewSums::default()
            },
            runs: BTreeMap::new(),
        };
        Self {
            from: preview.from,
            known: BTreeSet::new(),
            clients: 0,
            last_invoiced: BTreeMap::new(),
            current: side(),
            draft: side(),
            listed: BTreeMap::new(),
            failed: Vec::new(),
            failures: 0,
        }
    }

    fn add(&mut self, client: &PreviewClient) {
        if !self.known.insert(client.client.clone()) {
            return;
        }
        if let Some(on) = client.last_invoiced {
            *self.last_invoiced.entry(on).or_default() += 1;
        }
        if let Some(why) = &client.failed {
            self.failures += 1;
            if self.failed.len() < MAX_FAILURES {
                self.failed.push((client.client.clone(), why.clone()));
            }
            return;
        }
        self.current.count_runs(&client.current);
        let harsh = if client.is_of_class { &client.draft } else { &client.current };
        self.draft.count_runs(harsh);
        if client.is_of_class {
            self.clients += 1;
            self.current.add(self.from, &client.current);
            self.draft.add(self.from, &client.draft);
            for listed in acts(client) {
                // Those to whom the draft makes a difference come first.
                let place = usize::from(listed.current == listed.draft);
                let lists = self.listed.entry(listed.act).or_default();
                if lists[place].len() < MAX_LISTED {
                    lists[place].push(listed);
                }
            }
        }
    }

    fn end(self) -> PreviewResult {
        let Self { last_invoiced, current, draft, listed, clients, failed, failures, .. } = self;
        let first = |lists: [Vec<PreviewListed>; 2]| lists.into_iter().flatten().take(MAX_LISTED);
        PreviewResult {
            clients,
            current: current.end(&last_invoiced),
            draft: draft.end(&last_invoiced),
            listed: listed.into_values().flat_map(first).collect(),
            failed,
            failures,
        }
    }
}

impl SideSum {
    fn count_runs(&mut self, side: &PreviewSide) {
        let Some(caps) = side.caps else { return };
        for (day, withheld) in &side.harsh {
            self.runs.entry(*day).or_default().count(*withheld, caps);
        }
    }

    fn add(&mut self, from: Day, side: &PreviewSide) {
        let sums = &mut self.sums;
        let mut touched = BTreeSet::new();
        for (day, count) in &side.days {
            sums.days.entry(*day).or_default().add(count);
            let alone = PreviewDay { people: 0, ..count.clone() };
            sums.total.add(&alone);
            let week = (days_between(from, *day) / WEEK) as usize;
            if let Some(sum) = sums.weeks.get_mut(week) {
                sum.add(&alone);
                if 0 < count.people && touched.insert(week) {
                    sum.people += 1;
                }
            }
        }
        sums.total.people += u64::from(!touched.is_empty());
        sums.locked_at_end += u64::from(side.is_locked);
        sums.approvals += side.approvals;
    }

    fn end(self, last_invoiced: &BTreeMap<Day, u64>) -> PreviewSums {
        let held = self.runs.into_iter().filter_map(|(on, run)| {
            let active = last_invoiced.iter().filter(|(last, _)| is_active(Some(**last), on));
            let active = active.map(|(_, clients)| clients).sum();
            let (locks, demands) = (run.locks, run.demands);
            run.is_too_much(active).then_some(PreviewHeld { on, locks, demands, active })
        });
        PreviewSums { held: held.collect(), ..self.sums }
    }
}

/// What happens to the clients of some two thousand who were looked at, each act once; and where it goes on. Whoever
/// stands on two pages is listed once.
///
/// # Errors
/// [`StoreError::Cursor`]; whatever reading has.
pub async fn concerned(
    store: &Store,
    id: &str,
    cursor: Option<&str>,
) -> Result<(Vec<PreviewListed>, Option<String>), StoreError> {
    let listed = store.preview_pages(id, &PageRequest { cursor, limit: MAX_PAGE }).await?;
    let mut known = BTreeSet::new();
    let clients = listed.items.iter().flat_map(|page| &page.clients);
    let clients = clients.filter(|client| known.insert(&client.client));
    Ok((clients.flat_map(acts).collect(), listed.next))
}

/// The same as a table, with the clients' names.
///
/// # Errors
/// As [`concerned`].
pub async fn concerned_csv(
    store: &Store,
    id: &str,
    cursor: Option<&str>,
) -> Result<(String, Option<String>), StoreError> {
    let (rows, next) = concerned(store, id, cursor).await?;
    let ids: BTreeSet<_> = rows.iter().map(|row| row.client.clone()).collect();
    let names = store.told(&ids).await?;
    let mut text = match cursor {
        None => {
            "client,client_name,what,current_first_on,current_times,draft_first_on,draft_times\n"
                .to_owned()
        }
        Some(_) => String::new(),
    };
    for row in rows {
        let name = names.get(&row.client).map(|told| told.name.as_str()).unwrap_or_default();
        let (client, name, what) = (cell(row.client.as_str()), cell(name), row.act.as_str());
        let [current, draft] = [row.current, row.draft].map(|times| match times {
            Some(PreviewTimes { on, times }) => format!("{on},{times}"),
            None => ",".to_owned(),
        });
        let _ = writeln!(text, "{client},{name},{what},{current},{draft}");
    }
    Ok((text, next))
}

/// A text as a cell: quoted, and never a formula to whoever opens it as a sheet.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

/// What of a client is listed: each act once, with when and how often under both.
fn acts(client: &PreviewClient) -> impl Iterator<Item = PreviewListed> + '_ {
    PreviewAct::ALL.into_iter().filter_map(|act| {
        let (current, draft) = (times(&client.current, act), times(&client.draft, act));
        let is_any = client.is_of_class && (current.is_some() || draft.is_some());
        is_any.then(|| PreviewListed { act, client: client.client.clone(), current, draft })
    })
}

fn times(side: &PreviewSide, act: PreviewAct) -> Option<PreviewTimes> {
    let of_day = |day: &PreviewDay| match act {
        PreviewAct::Locked => day.locks,
        PreviewAct::Unlocked => day.unlocks,
        PreviewAct::Limited => day.limits,
        PreviewAct::WrittenTo => {
            let receipts = day.letters.get(&LetterKind::Receipt).copied().unwrap_or(0);
            day.all_letters() - receipts
        }
        PreviewAct::Charged => u64::from(!day.fees.is_empty()),
    };
    let mut found = side.days.iter().filter(|(_, day)| 0 < of_day(day));
    let (on, first) = found.next()?;
    let times = of_day(first) + found.map(|(_, day)| of_day(day)).sum::<u64>();
    Some(PreviewTimes { on: *on, times })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_no_formula_and_ends_where_it_ends() {
        for (text, expected) in [
            ("acme", "\"acme\""),
            ("Acme, \"Bakery\"", "\"Acme, \"\"Bakery\"\"\""),
            ("=1+1", "\"'=1+1\""),
            ("@sum", "\"'@sum\""),
            ("-acme", "\"'-acme\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }

    fn preview() -> Preview {
        Preview {
            preview: "preview-1".to_owned(),
            class: "default".parse().unwrap(),
            by: "bea".parse().unwrap(),
            begun_at: chrono::DateTime::UNIX_EPOCH,
            from: "2026-10-01".parse().unwrap(),
            to: "2026-12-30".parse().unwrap(),
            stage: store::PreviewStage::Running,
            current: Some(1),
            assumed: Vec::new(),
            pages: 0,
            looked_at: 0,
            cursor: None,
            problem: None,
            version: 1,
        }
    }

    fn client(id: &str, is_of_class: bool, locked_on: &[&str]) -> PreviewClient {
        let day = |on: &&str| {
            let locked = PreviewDay { locks: 1, people: 1, ..PreviewDay::default() };
            (on.parse().unwrap(), locked)
        };
        let withheld = domain::run::Withheld { lock: true, demand: false };
        let policy = domain::policy::Policy::default();
        let side = PreviewSide {
            days: locked_on.iter().filter(|_| is_of_class).map(day).collect(),
            harsh: locked_on.iter().map(|on| (on.parse().unwrap(), withheld)).collect(),
            caps: (!locked_on.is_empty()).then(|| domain::run::Caps::of(&policy)),
            ..PreviewSide::default()
        };
        PreviewClient {
            client: id.parse().unwrap(),
            is_of_class,
            last_invoiced: Some("2025-10-02".parse().unwrap()),
            draft: if is_of_class { side.clone() } else { PreviewSide::default() },
            current: if is_of_class { PreviewSide::default() } else { side },
            failed: None,
        }
    }

    #[test]
    fn pol_6_people_count_once_in_a_week_and_once_in_all() {
        let mut sum = Sum::new(&preview());
        let acme = client("acme", true, &["2026-10-01", "2026-10-07", "2026-10-08", "2026-12-30"]);
        sum.add(&acme);
        sum.add(&acme); // it was renamed meanwhile, and stands on two pages
        let PreviewResult { clients, draft, current, listed, .. } = sum.end();
        assert_eq!(clients, 1);
        assert_eq!(draft.weeks.len(), 13);
        let weeks: Vec<_> = draft.weeks.iter().map(|week| (week.locks, week.people)).collect();
        assert_eq!((weeks[0], weeks[1], weeks[12]), ((2, 1), (1, 1), (1, 1)));
        assert_eq!((draft.total.locks, draft.total.people), (4, 1));
        assert_eq!(current.total, PreviewDay::default());
        let times = PreviewTimes { on: "2026-10-01".parse().unwrap(), times: 4 };
        assert_eq!((listed.len(), listed[0].draft), (1, Some(times)));
    }

    #[test]
    fn lock_10_a_run_of_the_whole_firm_is_held_against_the_caps_on_the_sums() {
        let mut sum = Sum::new(&preview());
        for number in 0..4 {
            sum.add(&client(&format!("c-{number}"), true, &["2026-10-02", "2026-10-03"]));
        }
        // Of other classes: their locks come under both, and count in the firm's run alone.
        for number in 4..6 {
            sum.add(&client(&format!("c-{number}"), false, &["2026-10-02"]));
        }
        let PreviewResult { clients, current, draft, .. } = sum.end();
        assert_eq!((clients, draft.total.locks), (4, 8));
        let on = "2026-10-02".parse().unwrap();
        assert_eq!(draft.held, [PreviewHeld { on, locks: 6, demands: 0, active: 6 }]);
        assert_eq!(current.held, []);
    }

    #[test]
    fn lock_10_who_has_no_invoice_for_a_year_by_then_is_not_active() {
        let mut sum = Sum::new(&preview());
        for number in 0..6 {
            sum.add(&client(&format!("c-{number}"), true, &["2026-10-03"]));
        }
        let held = sum.end().draft.held;
        assert_eq!(
            (held.len(), held[0].active),
            (1, 0),
            "the newest invoices are a year and a day old"
        );
    }
}
