//! The first page: how the firm's book stands, what happened today, what comes tomorrow, what waits.
//!
//! Counts are of clients, from the list that the table keeps by state: no account is read for them. Only
//! who comes next is looked at one by one, and only so many.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use domain::calendar::{Day, days_between, plus};
use domain::explain::what_next;
use domain::id::{ClassId, ClientId};
use domain::lock::Lock;
use domain::role::{Actor, Role};
use services::office::Desk;
use services::replies::left_lying;
use store::{ClientRow, ClientState, PageRequest};

use super::ledger::waits;
use super::mail_domain::letters;
use super::{all_clients, client_path};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many clients are looked at one by one for a list on this page: it is a glance, the rest is a link.
const MAX_LOOKED_AT: usize = 12;

/// From how many days overdue on each bucket begins (KPI-1's aging), and what it is called.
const BUCKETS: [(u32, &str); 5] = [
    (0, "Nothing overdue"),
    (1, "1–30 days"),
    (31, "31–60 days"),
    (61, "61–90 days"),
    (91, "over 90 days"),
];

#[derive(Template)]
#[template(path = "console/overview.html")]
struct OverviewPage {
    shell: Shell,
    is_whole: bool,
    /// Why harsh things wait, if they do.
    waits: Option<String>,
    /// Whose messages nobody has read for too long (LET-8).
    lying: Vec<Glance>,
    counts: Vec<Count>,
    aging: Vec<Bar>,
    locked_today: Vec<Glance>,
    more_locked_today: usize,
    tomorrow: Vec<Glance>,
    more_tomorrow: usize,
    policies: Vec<PolicyLine>,
    tasks: String,
    requests: usize,
    steps: Vec<SetUp>,
}

/// How many clients are in a state.
struct Count {
    name: &'static str,
    state: &'static str,
    number: usize,
}

/// One bucket of the aging chart, 0 to 100 wide.
struct Bar {
    name: &'static str,
    number: usize,
    width: usize,
    rank: usize,
}

/// A client in a short list.
struct Glance {
    path: String,
    name: String,
    what: Vec<String>,
}

/// What is in force for a class.
struct PolicyLine {
    class: String,
    version: u32,
    sentence: String,
}

/// A step of the set-up.
struct SetUp {
    is_done: bool,
    name: &'static str,
    detail: String,
}

pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let desk = &visit.desk;
    let store = desk.store();
    let (rows, is_whole) = all_clients(store).await?;
    let day = desk.day();
    let locked_today = locked_today(&rows, day);
    let due: Vec<_> = rows.iter().filter(|row| row.next_evaluation == Some(plus(day, 1))).collect();
    let mut tomorrow = Vec::new();
    for row in due.iter().take(MAX_LOOKED_AT) {
        let view = desk.view(&row.client).await?;
        let what = what_next(&view.loaded.account, &view.context(&Actor::Schedule));
        tomorrow.push(Glance {
            path: client_path(&row.client),
            name: row.name.personal.clone(),
            what,
        });
    }
    let tasks = store.tasks(&PageRequest { cursor: None, limit: store::MAX_PAGE }).await?;
    let more = if tasks.next.is_some() { "+" } else { "" };
    let page = OverviewPage {
        is_whole,
        waits: waits(desk),
        lying: left_lying(store, day)
            .await?
            .into_iter()
            .take(MAX_LOOKED_AT)
            .map(|one| Glance {
                path: format!("{}/messages", client_path(&one.client)),
                name: named(&rows, &one.client),
                what: vec![format!("Unread for {} days.", one.days)],
            })
            .collect(),
        counts: counts(&rows),
        aging: aging(&rows, day),
        more_locked_today: locked_today.len().saturating_sub(MAX_LOOKED_AT),
        locked_today: locked_today.into_iter().take(MAX_LOOKED_AT).collect(),
        tomorrow,
        more_tomorrow: due.len().saturating_sub(MAX_LOOKED_AT),
        policies: policies(desk).await?,
        tasks: format!("{}{more}", tasks.items.len()),
        requests: rows.iter().filter(|row| row.request.is_some()).count(),
        steps: if visit.may(&[Role::Admin, Role::Partner]) {
            set_up(desk).await?
        } else {
            Vec::new()
        },
        shell: visit.shell("Overview", "overview"),
    };
    Ok(render(&page))
}

/// A client's name, as far as the list goes.
fn named(rows: &[ClientRow], client: &ClientId) -> String {
    let row = rows.iter().find(|row| row.client == *client);
    row.map_or_else(|| client.to_string(), |row| row.name.personal.clone())
}

fn counts(rows: &[ClientRow]) -> Vec<Count> {
    let name = |state| match state {
        ClientState::Open => "Open",
        ClientState::Locked => "Locked",
        ClientState::Limited => "Limited",
        ClientState::Closed => "Engagement ended",
        ClientState::Deleted => "Deleted",
        ClientState::Exception => "Exception",
        ClientState::OnHold => "On hold",
        ClientState::Stopped => "Collection stopped",
    };
    let count = |state| rows.iter().filter(|row| row.state == state).count();
    let order = [
        ClientState::Locked,
        ClientState::Limited,
        ClientState::Exception,
        ClientState::OnHold,
        ClientState::Stopped,
        ClientState::Closed,
        ClientState::Open,
    ];
    order
        .into_iter()
        .map(|state| Count { name: name(state), state: state.as_str(), number: count(state) })
        .collect()
}

/// Clients by how long their oldest debt has been overdue.
fn aging(rows: &[ClientRow], day: Day) -> Vec<Bar> {
    let overdue = |row: &ClientRow| {
        row.oldest_due.filter(|due| *due < day).map_or(0, |due| days_between(due, day))
    };
    let mut numbers = [0_usize; BUCKETS.len()];
    for row in rows {
        let bucket = BUCKETS.iter().rposition(|(from, _)| *from <= overdue(row)).unwrap_or(0);
        numbers[bucket] += 1;
    }
    let most = numbers.iter().copied().max().unwrap_or(0).max(1);
    let bars = BUCKETS.iter().zip(numbers).enumerate();
    bars.map(|(rank, ((_, name), number))| Bar { name, number, width: number * 100 / most, rank })
        .collect()
}

fn locked_today(rows: &[ClientRow], day: Day) -> Vec<Glance> {
    let locked = rows.iter().filter_map(|row| Some((row, row.lock.as_ref()?)));
    let today = locked.filter(|(_, lock)| lock.on == day);
    let glance = |(row, lock): (&ClientRow, &Lock)| Glance {
        path: client_path(&row.client),
        name: row.name.personal.clone(),
        what: vec![lock.cause.text()],
    };
    today.map(glance).collect()
}

async fn policies(desk: &Desk) -> Result<Vec<PolicyLine>, Failure> {
    let mut classes: BTreeMap<ClassId, ()> = BTreeMap::new();
    classes.extend(desk.store().all_policies().await?.into_iter().map(|policy| (policy.class, ())));
    let mut lines = Vec::new();
    for class in classes.into_keys() {
        let policy = desk.firm.policy(&class, desk.day(), desk.now).await;
        let Ok(version) = policy else { continue }; // not in force yet
        lines.push(PolicyLine {
            class: class.to_string(),
            version: version.id.version,
            sentence: version.policy.sentence(),
        });
    }
    Ok(lines)
}

/// What a firm needs before the first letter.
async fn set_up(desk: &Desk) -> Result<Vec<SetUp>, Failure> {
    let settings = desk.firm.settings();
    let today = desk.day();
    let policies = desk.store().all_policies().await?;
    let has_policy = policies.iter().any(|policy| policy.has_begun(today));
    let gateways = desk.store().endpoints().await?;
    let step = |is_done, name, done: String, open: &str| SetUp {
        is_done,
        name,
        detail: if is_done { done } else { open.to_owned() },
    };
    Ok(vec![
        step(
            has_policy,
            "Collection policy",
            "Armed.".to_owned(),
            "No policy is armed: nothing is sent or locked.",
        ),
        step(
            !gateways.is_empty(),
            "Payment gateway",
            format!("{} connected.", said::count(gateways.len(), "endpoint")),
            "None is connected: clients can't pay here.",
        ),
        step(
            true,
            "Letter templates",
            super::wording::standing(&settings.templates, settings.language),
            "",
        ),
        {
            let (is_done, detail) = letters(settings);
            SetUp { is_done, name: "Sending letters", detail }
        },
    ])
}
