//! What a draft would do to the book (POL-6): how far its preview is, and what came of it, week by week beside what is
//! in force. Each chart has its numbers in a table; the draft differs in pattern and not only in colour.

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::calendar::{Day, plus};
use domain::id::ClientId;
use domain::letter::LetterKind;
use domain::money::{Currency, Money};
use domain::role::Role;
use services::preview::{CSV, MAX_LISTED, WEEK, concerned_csv};
use store::{
    Preview, PreviewAct, PreviewDay, PreviewListed, PreviewResult, PreviewStage, PreviewSums,
    PreviewTimes, Store, StoreError,
};

use super::client_path;
use super::policies::path_of;
use crate::extract::Path;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Who may have the whole book read for it.
pub(super) const PREVIEWERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// A file has what so many pages of the list hold, some two thousand clients each: what an answer takes.
const MAX_CSV_PAGES: u32 = 20;

/// A chart's drawing area, in its own units: the axis' numbers stand to its left, the weeks' names below. The
/// template's `viewBox` is around it.
const LEFT: u64 = 64;
const WIDTH: u64 = 560;
const TOP: u64 = 10;
const HEIGHT: u64 = 160;

/// Every how many weeks one is named below a chart.
const NAMED: usize = 3;

/// How many lines a chart has between nothing and its most.
const LINES: u64 = 4;

#[derive(Template)]
#[template(path = "console/policy/preview.html")]
struct PreviewPage {
    shell: Shell,
    class: String,
    path: String,
    text: String,
    from: String,
    to: String,
    is_running: bool,
    looked_at: String,
    problem: Option<String>,
    assumed: Vec<String>,
    in_force: String,
    result: Option<Result>,
    csv: String,
}

/// What a preview came to, as its page shows it.
struct Result {
    clients: String,
    totals: Vec<Total>,
    held: Vec<String>,
    charts: Vec<Chart>,
    lists: Vec<List>,
    failed: Vec<(String, String)>,
    failures: u64,
}

struct Total {
    what: String,
    current: String,
    draft: String,
}

/// A chart and the table beside it.
struct Chart {
    id: String,
    title: String,
    sentence: String,
    lines: Vec<(u64, String)>,
    bars: Vec<Bar>,
    names: Vec<(u64, String)>,
    rows: Vec<(String, String, String)>,
}

struct Bar {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
    is_draft: bool,
    title: String,
}

impl Bar {
    /// Where the stripes of a draft's bar are, from its top.
    fn stripes(&self) -> impl Iterator<Item = u64> {
        (self.y + 4..self.y + self.height).step_by(7)
    }
}

/// Clients to whom the same would happen.
struct List {
    title: &'static str,
    rows: Vec<Listed>,
    is_all: bool,
}

struct Listed {
    client: String,
    path: String,
    current: String,
    draft: String,
    differs: bool,
}

/// A preview, and what came of it.
pub(crate) async fn show(
    visit: Visit,
    Path(id): Path<String>,
) -> std::result::Result<Response, Failure> {
    let store = visit.desk.store();
    let preview = store.preview(&id, visit.desk.now).await?;
    let preview =
        preview.ok_or_else(|| Failure::not_found("There is no such preview.".to_owned()))?;
    let result = match preview.stage {
        PreviewStage::Done => store.preview_result(&id).await?,
        PreviewStage::Running | PreviewStage::Failed => None,
    };
    let result = match result {
        Some(result) => Some(of(store, &preview, result).await?),
        None => None,
    };
    let looked_at = usize::try_from(preview.looked_at).unwrap_or(usize::MAX);
    let page = PreviewPage {
        shell: visit.shell(format!("Preview of a draft of class {}", preview.class), "settings"),
        path: path_of(&preview.class),
        class: preview.class.to_string(),
        text: store.preview_text(&id).await?.unwrap_or_default(),
        from: said::day(preview.from),
        to: said::day(preview.to),
        is_running: preview.stage == PreviewStage::Running,
        looked_at: said::count(looked_at, "client"),
        problem: preview.problem,
        assumed: preview.assumed,
        in_force: preview.current.map_or_else(
            || "no policy".to_owned(),
            |version| format!("version {version}, in force"),
        ),
        result,
        csv: format!("/console/previews/{id}/clients.csv"),
    };
    Ok(render(&page))
}

/// All clients of a preview, as a file.
pub(crate) async fn csv(
    visit: Visit,
    Path(id): Path<String>,
) -> std::result::Result<Response, Failure> {
    let store = visit.desk.store();
    let preview = store.preview(&id, visit.desk.now).await?;
    let preview =
        preview.ok_or_else(|| Failure::not_found("There is no such preview.".to_owned()))?;
    let (mut text, mut cursor) = concerned_csv(store, &preview.preview, None).await?;
    for _ in 1..MAX_CSV_PAGES {
        let Some(next) = cursor else { break };
        let (more, after) = concerned_csv(store, &preview.preview, Some(&next)).await?;
        text.push_str(&more);
        cursor = after;
    }
    let file = format!("attachment; filename=\"{}.csv\"", preview.preview);
    Ok(([(CONTENT_TYPE, CSV.to_owned()), (CONTENT_DISPOSITION, file)], text).into_response())
}

async fn of(
    store: &Store,
    preview: &Preview,
    result: PreviewResult,
) -> std::result::Result<Result, StoreError> {
    let PreviewResult { clients, current, draft, listed, failed, failures } = result;
    let ids: BTreeSet<_> = listed.iter().map(|listed| listed.client.clone()).collect();
    let names = store.told(&ids).await?;
    let name = |client: &ClientId| {
        names.get(client).map_or_else(|| client.to_string(), |told| told.name.as_str().to_owned())
    };
    Ok(Result {
        clients: said::count(usize::try_from(clients).unwrap_or(usize::MAX), "client"),
        totals: totals(&current, &draft),
        held: [("what is in force", &current), ("the draft", &draft)]
            .into_iter()
            .flat_map(|(under, sums)| held(under, sums))
            .collect(),
        charts: charts(preview, &current, &draft),
        lists: lists(listed, &name),
        failed: failed.into_iter().map(|(client, why)| (client.to_string(), why)).collect(),
        failures,
    })
}

fn totals(current: &PreviewSums, draft: &PreviewSums) -> Vec<Total> {
    let total = |what: &str, current: String, draft: String| Total {
        what: what.to_owned(),
        current,
        draft,
    };
    let (now, then) = (&current.total, &draft.total);
    let number = |what: &str, of: fn(&PreviewDay) -> u64| {
        total(what, of(now).to_string(), of(then).to_string())
    };
    let mut totals = vec![
        number("Locks", |day| day.locks),
        number("Unlocks", |day| day.unlocks),
        number("Limits", |day| day.limits),
        number("People touched", |day| day.people),
    ];
    let known =
        |kind: &LetterKind| now.letters.contains_key(kind) || then.letters.contains_key(kind);
    totals.extend(LetterKind::ALL.into_iter().filter(known).map(|kind| {
        let of = |day: &PreviewDay| day.letters.get(&kind).copied().unwrap_or(0).to_string();
        let what = format!("Letters: {}", said::words(kind.as_str()));
        total(&what, of(now), of(then))
    }));
    totals.extend(currencies(current, draft).into_iter().map(|currency| {
        let of = |day: &PreviewDay| fee(day, currency).to_string();
        total("Late fees", money(currency, &of(now)), money(currency, &of(then)))
    }));
    totals.push(total(
        "Locked at the end",
        current.locked_at_end.to_string(),
        draft.locked_at_end.to_string(),
    ));
    totals.push(total(
        "Steps that wait for a partner",
        current.approvals.to_string(),
        draft.approvals.to_string(),
    ));
    totals
}

fn money(currency: Currency, minor: &str) -> String {
    minor.parse().map_or_else(|_| String::new(), |minor| Money::new(minor, currency).for_person())
}

fn fee(day: &PreviewDay, currency: Currency) -> u64 {
    day.fees.get(&currency).copied().unwrap_or(0)
}

fn currencies(current: &PreviewSums, draft: &PreviewSums) -> BTreeSet<Currency> {
    current.total.fees.keys().chain(draft.total.fees.keys()).copied().collect()
}

fn held<'a>(under: &'a str, sums: &'a PreviewSums) -> impl Iterator<Item = String> + 'a {
    sums.held.iter().map(move |run| {
        format!(
            "Under {under}, the run of {} would lock {} of {} active clients and send {} a demand: it would wait for a partner.",
            said::day(run.on),
            run.locks,
            run.active,
            run.demands
        )
    })
}

fn charts(preview: &Preview, current: &PreviewSums, draft: &PreviewSums) -> Vec<Chart> {
    let plain = |number: u64| number.to_string();
    let mut charts = vec![
        chart("Locks", preview, (current, draft), &|day| day.locks, &plain),
        chart("Letters", preview, (current, draft), &|day| day.all_letters(), &plain),
        chart("People touched", preview, (current, draft), &|day| day.people, &plain),
    ];
    for currency in currencies(current, draft) {
        let title = format!("Late fees in {currency}");
        let amount = |minor: u64| Money::new(minor, currency).amount();
        let of = move |day: &PreviewDay| fee(day, currency);
        charts.push(chart(&title, preview, (current, draft), &of, &amount));
    }
    charts
}

fn chart(
    title: &str,
    preview: &Preview,
    (current, draft): (&PreviewSums, &PreviewSums),
    number: &dyn Fn(&PreviewDay) -> u64,
    text: &dyn Fn(u64) -> String,
) -> Chart {
    let values: Vec<_> = current
        .weeks
        .iter()
        .zip(&draft.weeks)
        .map(|(now, then)| [number(now), number(then)])
        .collect();
    let most = values.iter().flatten().copied().max().unwrap_or(0);
    let top = rounded_up(most);
    let room = WIDTH / values.len().max(1) as u64;
    let width = (room / 2).saturating_sub(2).max(1);
    let mut bars = Vec::new();
    for (index, of_week) in values.iter().enumerate() {
        for (side, value) in of_week.iter().enumerate().filter(|(_, value)| 0 < **value) {
            let height = (HEIGHT * value / top).max(1);
            let policy = if side == 0 { "in force" } else { "draft" };
            bars.push(Bar {
                x: LEFT + room * index as u64 + (width + 1) * side as u64,
                y: TOP + HEIGHT - height,
                width,
                height,
                is_draft: side == 1,
                title: format!("{}: {}, {policy}", week(preview, index), text(*value)),
            });
        }
    }
    let lines =
        (0..=LINES).map(|line| (TOP + HEIGHT - HEIGHT * line / LINES, text(top * line / LINES)));
    let named = (0..values.len()).step_by(NAMED);
    Chart {
        id: title.to_lowercase().replace(' ', "-"),
        sentence: format!(
            "{title} per week, at most {}; the numbers are in the table.",
            text(most)
        ),
        title: title.to_owned(),
        lines: lines.collect(),
        bars,
        names: named
            .map(|index| (LEFT + room * index as u64, short(first_day(preview, index))))
            .collect(),
        rows: values
            .iter()
            .enumerate()
            .map(|(index, [now, then])| (week(preview, index), text(*now), text(*then)))
            .collect(),
    }
}

fn first_day(preview: &Preview, week: usize) -> Day {
    plus(preview.from, u32::try_from(week).unwrap_or(u32::MAX).saturating_mul(WEEK))
}

fn week(preview: &Preview, index: usize) -> String {
    format!("Week of {}", said::day(first_day(preview, index)))
}

fn short(day: Day) -> String {
    day.format("%b %-d").to_string()
}

/// The next number that the lines of a chart divide, so that each stands for a whole one.
fn rounded_up(most: u64) -> u64 {
    let mut step = 1;
    loop {
        for factor in [1, 2, 5] {
            let top = step * factor * LINES;
            if most <= top {
                return top;
            }
        }
        step *= 10;
    }
}

fn lists(listed: Vec<PreviewListed>, name: &dyn Fn(&ClientId) -> String) -> Vec<List> {
    let mut of_act: BTreeMap<PreviewAct, Vec<Listed>> = BTreeMap::new();
    for PreviewListed { act, client, current, draft } in listed {
        of_act.entry(act).or_default().push(Listed {
            path: client_path(&client),
            client: name(&client),
            current: times(current),
            draft: times(draft),
            differs: current != draft,
        });
    }
    let list = |(act, rows): (PreviewAct, Vec<Listed>)| List {
        title: match act {
            PreviewAct::Locked => "Would be locked",
            PreviewAct::Unlocked => "Would be opened",
            PreviewAct::Limited => "Would be limited",
            PreviewAct::WrittenTo => "Would be written to",
            PreviewAct::Charged => "Would be charged a late fee",
        },
        is_all: rows.len() < MAX_LISTED,
        rows,
    };
    of_act.into_iter().map(list).collect()
}

fn times(times: Option<PreviewTimes>) -> String {
    match times {
        None => "–".to_owned(),
        Some(PreviewTimes { on, times: 1 }) => said::day(on),
        Some(PreviewTimes { on, times }) => format!("{}, {times} times", said::day(on)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview() -> Preview {
        Preview {
            preview: "preview-1".to_owned(),
            class: "default".parse().unwrap(),
            by: "bea".parse().unwrap(),
            begun_at: chrono::DateTime::UNIX_EPOCH,
            from: "2026-10-01".parse().unwrap(),
            to: "2026-12-30".parse().unwrap(),
            stage: PreviewStage::Done,
            current: Some(1),
            assumed: Vec::new(),
            pages: 1,
            looked_at: 2,
            cursor: None,
            problem: None,
            version: 1,
        }
    }

    fn sums(locks: &[u64]) -> PreviewSums {
        let week = |locks: &u64| PreviewDay { locks: *locks, ..PreviewDay::default() };
        PreviewSums { weeks: locks.iter().map(week).collect(), ..PreviewSums::default() }
    }

    #[test]
    fn pol_6_a_chart_says_what_its_table_says() {
        let (now, then) = (sums(&[0, 2, 0]), sums(&[8, 0, 1]));
        let chart = chart("Locks", &preview(), (&now, &then), &|day| day.locks, &|n| n.to_string());
        let rows: Vec<_> = chart.rows.iter().map(|(_, now, then)| (&**now, &**then)).collect();
        assert_eq!(rows, [("0", "8"), ("2", "0"), ("0", "1")]);
        assert_eq!(chart.rows[1].0, "Week of Oct 8, 2026");
        let heights: Vec<_> = chart.bars.iter().map(|bar| (bar.is_draft, bar.height)).collect();
        assert_eq!(heights, [(true, HEIGHT), (false, HEIGHT / 4), (true, HEIGHT / 8)]);
        assert!(chart.bars.iter().all(|bar| bar.y + bar.height == TOP + HEIGHT));
        assert!(chart.sentence.contains("at most 8"));
    }

    #[test]
    fn pol_6_a_chart_of_nothing_is_drawn() {
        let none = sums(&[0; 13]);
        let chart =
            chart("Locks", &preview(), (&none, &none), &|day| day.locks, &|n| n.to_string());
        assert!(chart.bars.is_empty());
        assert_eq!(chart.rows.len(), 13);
    }
}
