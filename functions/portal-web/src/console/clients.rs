//! Clients: found by name, filtered by state, sorted by name or by how long they owe.

use askama::Template;
use axum::response::Response;
use domain::calendar::{Day, days_between};
use serde::Deserialize;
use store::{ClientRow, ClientState};

use super::{all_clients, client_path};
use crate::extract::Query;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many clients stand on one page.
const PER_PAGE: usize = 50;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "console/clients.html")]
struct ClientsPage {
    shell: Shell,
    q: String,
    state: String,
    sort: String,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    found: String,
    is_whole: bool,
    before: Option<String>,
    after: Option<String>,
    has_any: bool,
    may_put_in: bool,
}

/// A state to look at alone.
struct Tab {
    name: &'static str,
    address: String,
    number: usize,
    is_here: bool,
}

struct Row {
    path: String,
    name: String,
    id: String,
    class: String,
    state: &'static str,
    state_name: &'static str,
    oldest: String,
    days: u32,
    next: String,
    asks: bool,
}

pub(crate) async fn show(visit: Visit, Query(wanted): Query<Wanted>) -> Result<Response, Failure> {
    let (all, is_whole) = all_clients(visit.desk.store()).await?;
    let day = visit.desk.day();
    let has_any = !all.is_empty();
    let tabs = tabs(&all, &wanted);
    let mut found: Vec<_> = all.into_iter().filter(|row| is_wanted(row, &wanted, day)).collect();
    match wanted.sort.as_str() {
        "oldest" => found.sort_by_key(|row| (row.oldest_due.is_none(), row.oldest_due)),
        _ => found.sort_by_key(|row| row.name.personal.to_lowercase()),
    }
    let number = found.len();
    let pages = number.div_ceil(PER_PAGE);
    let page = wanted.page.min(pages.saturating_sub(1));
    let rows = found.iter().skip(page * PER_PAGE).take(PER_PAGE).map(|row| Row::of(row, day));
    let shown = ClientsPage {
        rows: rows.collect(),
        found: said::count(number, "client"),
        before: page.checked_sub(1).map(|page| address(&wanted, &wanted.state, page)),
        after: (page + 1 < pages).then(|| address(&wanted, &wanted.state, page + 1)),
        tabs,
        is_whole,
        has_any,
        may_put_in: visit.may(super::act::BOOKKEEPERS),
        shell: visit.shell("Clients", "clients"),
        q: wanted.q,
        state: wanted.state,
        sort: wanted.sort,
    };
    Ok(render(&shown))
}

fn is_wanted(row: &ClientRow, wanted: &Wanted, day: Day) -> bool {
    let q = wanted.q.trim().to_lowercase();
    let is_named = q.is_empty()
        || row.name.personal.to_lowercase().contains(&q)
        || row.client.as_str().to_lowercase().contains(&q);
    is_named && in_state(row, &wanted.state, day)
}

fn in_state(row: &ClientRow, state: &str, day: Day) -> bool {
    match state {
        "" => true,
        "overdue" => row.oldest_due.is_some_and(|due| due < day),
        "asked" => row.request.is_some(),
        state => row.state.as_str() == state,
    }
}

fn tabs(all: &[ClientRow], wanted: &Wanted) -> Vec<Tab> {
    let number = |state: &str| all.iter().filter(|row| in_state(row, state, Day::MIN)).count();
    [
        ("", "All"),
        ("locked", "Locked"),
        ("limited", "Limited"),
        ("asked", "Unlock asked"),
        ("exception", "Exception"),
        ("on_hold", "On hold"),
        ("stopped", "Stopped"),
        ("closed", "Ended"),
        ("deleted", "Deleted"),
        ("open", "Open"),
    ]
    .into_iter()
    .map(|(state, name)| Tab {
        name,
        address: address(wanted, state, 0),
        number: number(state),
        is_here: wanted.state == state,
    })
    .collect()
}

fn address(wanted: &Wanted, state: &str, page: usize) -> String {
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [("q", wanted.q.trim()), ("state", state), ("sort", wanted.sort.as_str())]
    {
        if !value.is_empty() {
            query.append_pair(name, value);
        }
    }
    if 0 < page {
        query.append_pair("page", &page.to_string());
    }
    format!("/console/clients?{}", query.finish())
}

/// What a client's state is called.
pub(super) fn state_name(state: ClientState) -> &'static str {
    match state {
        ClientState::Open => "Open",
        ClientState::Locked => "Locked",
        ClientState::Limited => "Limited",
        ClientState::Closed => "Ended",
        ClientState::Deleted => "Deleted",
        ClientState::Exception => "Exception",
        ClientState::OnHold => "On hold",
        ClientState::Stopped => "Stopped",
    }
}

impl Row {
    fn of(row: &ClientRow, day: Day) -> Self {
        let overdue = row.oldest_due.filter(|due| *due < day);
        Self {
            path: client_path(&row.client),
            name: row.name.personal.clone(),
            id: row.client.to_string(),
            class: row.class.to_string(),
            state: row.state.as_str(),
            state_name: state_name(row.state),
            oldest: row.oldest_due.map_or_else(|| "nothing owed".to_owned(), said::day),
            days: overdue.map_or(0, |due| days_between(due, day)),
            next: row.next_evaluation.map_or_else(|| "–".to_owned(), |on| said::near(on, day)),
            asks: row.request.is_some(),
        }
    }
}
