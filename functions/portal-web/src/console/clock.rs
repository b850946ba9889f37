//! A test firm's day, moved forward by hand (TEST-1), and what happened on each day as it happens.
//!
//! The move goes on without anybody looking: the page only shows how far it is, and shows it anew by
//! itself, with a script or without one.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use axum::{Extension, Json};
use chrono::Datelike;
use domain::calendar::{Day, plus};
use domain::role::Role;
use serde::{Deserialize, Serialize};
use services::http::{Date, JsonBody, Problem, ProblemKind};
use services::office::Desk;

use super::client_path;
use crate::State;
use crate::extract::Query;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;
use crate::test_system::{DayTold, Kind, Move, MoveState, TestSystem};

/// Who may move it.
const MOVERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// The furthest that one move goes, in days: what a firm bills in a year is seen by then, and the machine is
/// busy for minutes and not for an hour.
pub(crate) const MAX_DAYS: u32 = 366;

/// How many days stand on one page, each with its clients.
const PER_PAGE: usize = 15;

/// How many clients of one day are shown; the rest is in the client's history.
const MAX_CLIENTS: usize = 40;

/// Which part of a long move is looked at.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "console/clock.html")]
struct ClockPage {
    shell: Shell,
    today: String,
    may_move: bool,
    steps: Vec<Step>,
    earliest: String,
    latest: String,
    is_running: bool,
    last: Option<Shown>,
}

/// A button: so far.
struct Step {
    name: &'static str,
    to: String,
    shown: String,
}

/// A move, as its page shows it.
struct Shown {
    is_running: bool,
    stopped: Option<String>,
    is_done: bool,
    by: String,
    from: String,
    to: String,
    day: String,
    done: i64,
    of: i64,
    totals: Vec<Total>,
    days: Vec<ShownDay>,
    newer: Option<String>,
    older: Option<String>,
}

/// How often something happened.
struct Total {
    kind: String,
    number: usize,
}

struct ShownDay {
    day: String,
    clients: Vec<ShownClient>,
    more: usize,
}

struct ShownClient {
    path: Option<String>,
    name: String,
    what: Vec<(&'static str, &'static str, String)>,
}

pub(crate) async fn show(
    visit: Visit,
    Shared(state): Shared<State>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let desk = &visit.desk;
    let missing = || Failure::not_found("Only a test firm has a clock of its own.".to_owned());
    let test = test_system(&state, desk).ok_or_else(missing)?;
    let day = desk.day();
    let step = |name, days| {
        let to = plus(day, days);
        Step { name, to: to.to_string(), shown: long(to) }
    };
    let last = test.last_move(desk.firm.id());
    let page = ClockPage {
        today: long(day),
        may_move: visit.may(MOVERS),
        steps: vec![step("One day", 1), step("One week", 7)],
        earliest: plus(day, 1).to_string(),
        latest: plus(day, MAX_DAYS).to_string(),
        is_running: last.as_ref().is_some_and(|last| last.state == MoveState::Running),
        last: last.map(|last| Shown::of(&last, place.page)),
        shell: visit.shell("The firm's day", "clock"),
    };
    Ok(render(&page))
}

/// With its weekday: rules know working days.
fn long(day: Day) -> String {
    format!("{}, {}", day.weekday(), said::day(day))
}

/// What a firm's visitors may use of the test system: nothing, unless it is a test firm.
pub(super) fn test_system<'a>(state: &'a State, desk: &Desk) -> Option<&'a dyn TestSystem> {
    state.test_system.as_deref().filter(|_| desk.firm.settings().is_test)
}

impl Shown {
    fn of(last: &Move, page: usize) -> Self {
        let mut counted: BTreeMap<Kind, usize> = BTreeMap::new();
        let told = last.days.iter().flat_map(|day| &day.clients).flat_map(|client| &client.what);
        for told in told {
            *counted.entry(told.kind).or_default() += 1;
        }
        let total = |kind: Kind| {
            let number = *counted.get(&kind)?;
            Some(Total { kind: kind.counted(number), number })
        };
        let address = |page: usize| format!("/console/clock?page={page}");
        let pages = last.days.len().div_ceil(PER_PAGE);
        let page = page.min(pages.saturating_sub(1));
        let days = last.days.iter().rev().skip(page * PER_PAGE).take(PER_PAGE);
        Self {
            is_running: last.state == MoveState::Running,
            is_done: last.state == MoveState::Done,
            stopped: match &last.state {
                MoveState::Stopped(why) => Some(why.clone()),
                MoveState::Running | MoveState::Done => None,
            },
            by: last.by.clone(),
            from: said::day(last.from),
            to: said::day(last.to),
            day: said::day(last.day),
            done: (last.day - last.from).num_days(),
            of: (last.to - last.from).num_days(),
            totals: Kind::ALL
                .into_iter()
                .filter(|kind| *kind != Kind::Other)
                .filter_map(total)
                .collect(),
            days: days.map(ShownDay::of).collect(),
            newer: page.checked_sub(1).map(address),
            older: (page + 1 < pages).then(|| address(page + 1)),
        }
    }
}

impl ShownDay {
    fn of(told: &DayTold) -> Self {
        let clients = told.clients.iter().take(MAX_CLIENTS).map(|client| ShownClient {
            path: client.client.as_ref().map(client_path),
            name: client.name.clone(),
            what: client
                .what
                .iter()
                .map(|told| (told.kind.as_str(), tone(told.kind), told.text.clone()))
                .collect(),
        });
        Self {
            day: long(told.day),
            clients: clients.collect(),
            more: told.clients.len().saturating_sub(MAX_CLIENTS),
        }
    }
}

/// How a kind looks: as the client's state that it leads to.
fn tone(kind: Kind) -> &'static str {
    match kind {
        Kind::Locked | Kind::Failed => "locked",
        Kind::Unlocked | Kind::Paid => "open",
        Kind::Warned | Kind::Charged => "on_hold",
        Kind::Written | Kind::Task => "asked",
        Kind::Other => "other",
    }
}

/// Where the clock is to stand.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// On which day.
    to: Date,
}

/// A move that began.
#[derive(Debug, Serialize)]
pub(crate) struct Begun {
    from: Date,
    to: Date,
}

/// Begins to move the firm's clock: forward only, and one move at a time.
pub(crate) async fn begin(
    desk: Desk,
    Extension(state): Extension<State>,
    JsonBody(Wanted { to: Date(to) }): JsonBody<Wanted>,
) -> Result<(StatusCode, Json<Begun>), Problem> {
    let of_calendar = || Problem {
        rule: Some("TEST-1"),
        ..Problem::new(ProblemKind::NotFound, "only a test firm has a clock of its own")
    };
    let test = test_system(&state, &desk).ok_or_else(of_calendar)?;
    desk.require(MOVERS)?;
    let from = desk.day();
    let wrong = |detail: String| Problem { rule: Some("TEST-1"), ..Problem::invalid("to", detail) };
    if to <= from {
        return Err(wrong(format!("the firm's day is {from} already, and it only goes forward")));
    }
    let furthest = plus(from, MAX_DAYS);
    if furthest < to {
        return Err(wrong(format!("{furthest} is as far as one move goes; go on from there")));
    }
    let begun = test.begin_move(desk.firm.id(), from, to, desk.caller.actor.clone());
    begun.map_err(|under_way| Problem::new(ProblemKind::Conflict, under_way.to_string()))?;
    Ok((StatusCode::ACCEPTED, Json(Begun { from: Date(from), to: Date(to) })))
}
