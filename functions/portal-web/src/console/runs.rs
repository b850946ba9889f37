//! The runs of the firm's days: what each would do and did, and the pages on which a person decides about one
//! (LOCK-10); and the page on which the firm is stopped or goes on.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use domain::calendar::{Day, parse_day};
use domain::id::ClientId;
use serde::Deserialize;
use services::office::runs::{PARTNERS, REJECTERS, STOPPERS, UNDO_DAYS};
use store::{DayRun, PageRequest, RunClient, RunVerdict, Stage, Stop, StoreError, Told};

use super::act::{Act, Deed};
use super::field::{Field, FieldKind};
use super::ledger::waits;
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many runs stand on one page: a month.
const PER_PAGE: u32 = 31;

/// How many of a run's pages are shown at once: some hundred clients at most.
const PAGES_AT_ONCE: u32 = 2;

/// How many runs are looked at for what somebody has to do with: as long as one can be undone.
const LOOK_BACK: u32 = 8;

/// Where the pages are.
const PATH: &str = "/console/runs";

/// Where the firm is stopped.
pub(crate) const STOP_PATH: &str = "/console/settings/stop";

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/runs.html")]
struct RunsPage {
    shell: Shell,
    /// Why harsh things wait today, if they do.
    waits: Option<String>,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

#[derive(Template)]
#[template(path = "console/run.html")]
struct RunPage {
    shell: Shell,
    /// Why it would lock nobody, if it is today's.
    waits: Option<String>,
    row: Row,
    facts: Vec<(&'static str, String)>,
    decision: Option<String>,
    deeds: Vec<Deed>,
    clients: Vec<ClientRow>,
    next: Option<String>,
    is_first: bool,
}

#[derive(Template)]
#[template(path = "console/firm_act.html")]
struct FirmActPage {
    shell: Shell,
    act: Act,
    back: String,
    back_name: String,
}

/// A run in a list.
struct Row {
    path: String,
    day: String,
    pill: &'static str,
    state: &'static str,
    would: String,
    did: String,
}

impl Row {
    fn of(run: &DayRun) -> Self {
        let (pill, state) = match run.stage {
            Stage::Planning | Stage::Holding | Stage::Releasing => ("asked", "at work"),
            Stage::Held => ("locked", "waits for a partner"),
            Stage::Left if run.decision.is_some() => ("on_hold", "rejected"),
            Stage::Left => ("on_hold", "its day was over"),
            Stage::Done => ("open", "carried out"),
            Stage::Undoing => ("asked", "being undone"),
            Stage::Undone => ("on_hold", "undone"),
        };
        Self {
            path: path(run.day),
            day: said::day(run.day),
            pill,
            state,
            would: would(run),
            did: did(run),
        }
    }
}

/// A client of a run.
struct ClientRow {
    client: String,
    path: String,
    what: Vec<String>,
}

impl ClientRow {
    /// With the name that the client is known by here, if it still is.
    fn new(client: RunClient, named: &BTreeMap<ClientId, Told>) -> Self {
        let mut what = Vec::new();
        match (client.withheld.lock, client.withheld.demand) {
            (true, true) => what.push("would be locked, with a demand".to_owned()),
            (true, false) => what.push("would be locked".to_owned()),
            (false, true) => what.push("would get a demand".to_owned()),
            (false, false) => {}
        }
        what.extend(client.locked.map(|_| "locked".to_owned()));
        what.extend((!client.letters.is_empty()).then(|| "a letter was decided".to_owned()));
        let shadow = client.shadow.iter().map(|act| said::words(act)).collect::<Vec<_>>();
        what.extend((!shadow.is_empty()).then(|| {
            format!("the shadow would have: {}; nothing of it was done", shadow.join(", "))
        }));
        what.extend(client.is_undone.then(|| "taken back".to_owned()));
        let reached = client.reached.iter().map(|kind| said::words(kind.as_str()));
        what.extend(reached.map(|kind| format!("a {kind} had left: tell the client")));
        what.extend(client.failed.map(|why| format!("could not be evaluated: {why}")));
        let name = named.get(&client.client).map(|told| told.name.as_str().to_owned());
        let path = client_path(&client.client);
        Self { path, client: name.unwrap_or_else(|| client.client.to_string()), what }
    }
}

fn count(number: u64, one: &str) -> String {
    said::count(usize::try_from(number).unwrap_or(usize::MAX), one)
}

fn would(run: &DayRun) -> String {
    match (run.tally.locks, run.tally.demands) {
        (0, 0) => "nothing harsh".to_owned(),
        (0, demands) => count(demands, "demand"),
        (locks, 0) => count(locks, "lock"),
        (locks, demands) => format!("{}, {}", count(locks, "lock"), count(demands, "demand")),
    }
}

fn did(run: &DayRun) -> String {
    let mut did = vec![format!("{} evaluated", count(run.done.evaluated, "client"))];
    for (number, what) in
        [(run.done.locked, "locked"), (run.done.written, "written to"), (run.done.failed, "failed")]
    {
        if 0 < number {
            did.push(format!("{number} {what}"));
        }
    }
    did.join(", ")
}

fn path(day: Day) -> String {
    format!("{PATH}/{day}")
}

/// The firm's runs, newest first.
pub(crate) async fn list(visit: Visit, Query(place): Query<Place>) -> Result<Response, Failure> {
    let request = PageRequest { cursor: place.cursor.as_deref(), limit: PER_PAGE };
    let listed = visit.desk.store().day_runs(&request).await?;
    let page = RunsPage {
        waits: waits(&visit.desk),
        rows: listed.items.iter().map(Row::of).collect(),
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        shell: visit.shell("Runs", "tasks"),
    };
    Ok(render(&page))
}

/// A run that somebody has to do with, for the list of tasks.
pub(super) struct Waiting {
    pub(super) title: &'static str,
    pub(super) path: String,
    pub(super) text: String,
}

/// Runs that wait for a partner, that could not evaluate everybody, or of which clients are to be told that it was
/// undone; those of the last days.
pub(super) async fn waiting(visit: &Visit) -> Result<Vec<Waiting>, StoreError> {
    let request = PageRequest { cursor: None, limit: LOOK_BACK };
    let runs = visit.desk.store().day_runs(&request).await?.items;
    let today = visit.desk.day();
    let recent =
        runs.iter().filter(|run| today.signed_duration_since(run.day).num_days() <= UNDO_DAYS);
    Ok(recent.filter_map(|run| to_do(run, today)).collect())
}

fn to_do(run: &DayRun, today: Day) -> Option<Waiting> {
    let day = said::day(run.day);
    let (title, text) = match run.stage {
        Stage::Held => (
            "A run waits for a partner",
            format!(
                "{day}: {}. It is more than the policy lets one run do without being asked about.",
                would(run)
            ),
        ),
        Stage::Undone if 0 < run.done.reached => (
            "A run was undone: tell the clients",
            format!("{day}: letters had reached {} by then.", count(run.done.reached, "client")),
        ),
        // Whoever is mended meanwhile is on the next run.
        _ if 0 < run.done.failed && run.day == today => (
            "A run could not look at everybody",
            format!("{day}: {} could not be evaluated.", count(run.done.failed, "client")),
        ),
        _ => return None,
    };
    Some(Waiting { title, path: path(run.day), text })
}

async fn known(visit: &Visit, day: &str) -> Result<DayRun, Failure> {
    let none = || Failure::not_found("There was no run on that day.".to_owned());
    let day = parse_day(day).map_err(|_| none())?;
    visit.desk.store().day_run(day).await?.ok_or_else(none)
}

/// A run: what it would do and did, and to whom.
pub(crate) async fn show(
    visit: Visit,
    Path(day): Path<String>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let run = known(&visit, &day).await?;
    let request = PageRequest { cursor: place.cursor.as_deref(), limit: PAGES_AT_ONCE };
    let listed = visit.desk.store().run_pages(run.day, &request).await?;
    let clients = listed.items.into_iter().flat_map(|page| page.clients);
    let clients: Vec<_> = clients.filter(RunClient::is_told).collect();
    let ids = clients.iter().map(|client| client.client.clone()).collect();
    let named = visit.desk.store().told(&ids).await?;
    let mut facts = vec![("Would do", would(&run)), ("Did", did(&run))];
    if let Some(active) = run.active {
        facts.push(("Active clients", active.to_string()));
    }
    if 0 < run.done.undone {
        let reached = count(run.done.reached, "client");
        facts.push((
            "Taken back",
            format!("{}; letters had reached {reached}", count(run.done.undone, "client")),
        ));
    }
    let page = RunPage {
        waits: waits(&visit.desk).filter(|_| run.day == visit.desk.day()),
        deeds: deeds(&visit, &run),
        decision: decision(&run),
        clients: clients.into_iter().map(|client| ClientRow::new(client, &named)).collect(),
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        facts,
        shell: visit.shell(format!("Run of {}", said::day(run.day)), "tasks"),
        row: Row::of(&run),
    };
    Ok(render(&page))
}

fn decision(run: &DayRun) -> Option<String> {
    let decision = run.decision.as_ref()?;
    let what = match decision.verdict {
        RunVerdict::Approved => "approved it",
        RunVerdict::Rejected => "rejected it",
        RunVerdict::Undone => "had it undone",
    };
    let why = decision.reason.as_ref().map(|reason| format!(": “{}”", reason.as_str()));
    Some(format!("{} {what}{}.", decision.by, why.unwrap_or_default()))
}

fn can_be_undone(visit: &Visit, run: &DayRun) -> bool {
    let age = visit.desk.day().signed_duration_since(run.day).num_days();
    let did = 0 < run.done.locked + run.done.written;
    did && age <= UNDO_DAYS && !run.stage.is_working() && run.stage != Stage::Undone
}

fn deeds(visit: &Visit, run: &DayRun) -> Vec<Deed> {
    let deed = |name, act: &str, is_grave| Deed {
        name,
        path: format!("{}/do/{act}", path(run.day)),
        is_grave,
    };
    let mut deeds = Vec::new();
    if run.stage == Stage::Held && visit.may(PARTNERS) {
        deeds.push(deed("Approve", "approve", false));
    }
    if run.stage == Stage::Held && visit.may(REJECTERS) {
        deeds.push(deed("Reject", "reject", false));
    }
    if can_be_undone(visit, run) && visit.may(PARTNERS) {
        deeds.push(deed("Undo", "undo", true));
    }
    deeds
}

/// The pages on which a person decides about a run.
pub(crate) async fn act(
    visit: Visit,
    Path((day, name)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let run = known(&visit, &day).await?;
    let said_day = said::day(run.day);
    let api = format!("/firm/v1/runs/{}/{name}", run.day);
    let act = match name.as_str() {
        "approve" => {
            let will = vec![
                format!("As it was counted: {}.", would(&run)),
                "Each of these clients is looked at once more: who has paid meanwhile is left alone.".to_owned(),
            ];
            let act = Act::new(
                format!("Approve the run of {said_day}"),
                "It is carried out on the facts of this moment: portals are locked, and demands leave.",
                "Approve the run",
                api,
            )
            .grave()
            .said("The run is approved; it is carried out now.")
            .only(&visit, PARTNERS, "approve a run");
            let act = Act { will, ..act };
            if run.stage == Stage::Held {
                act
            } else {
                act.refused("It doesn't wait for a decision.")
            }
        }
        "reject" => {
            let act = Act::new(
                format!("Reject the run of {said_day}"),
                "Nobody is locked or sent a demand by it. The next day's run counts anew, and asks again if it is still too much.",
                "Reject the run",
                api,
            )
            .field(Field::new("reason", "Why", FieldKind::Text))
            .said("The run is rejected.")
            .only(&visit, REJECTERS, "reject a run");
            if run.stage == Stage::Held {
                act
            } else {
                act.refused("It doesn't wait for a decision.")
            }
        }
        "undo" => {
            let act = Act::new(
                format!("Undo the run of {said_day}"),
                "The portals that it locked are opened, and its letters that have not left are withdrawn. Whom a letter has reached is listed then, \
                 so that you can tell them. It locks nobody again on this day; the next day's run decides anew, so first mend what was wrong, or stop the firm.",
                "Undo the run",
                api,
            )
            .field(Field::new("reason", "Why", FieldKind::Text))
            .grave()
            .said("The run is being undone.")
            .only(&visit, PARTNERS, "undo a run");
            if can_be_undone(&visit, &run) {
                act
            } else {
                act.refused(format!(
                    "A run can be undone for {UNDO_DAYS} days, where it did something."
                ))
            }
        }
        _ => return Err(Failure::not_found("There is no such act.".to_owned())),
    };
    let back = path(run.day);
    let page = FirmActPage {
        shell: visit.shell(act.title.clone(), "tasks"),
        act,
        back,
        back_name: format!("Run of {said_day}"),
    };
    Ok(render(&page))
}

/// The page on which the firm is stopped, or goes on.
pub(crate) async fn stop(visit: Visit) -> Result<Response, Failure> {
    let api = "/firm/v1/settings/stop".to_owned();
    let act = match &visit.desk.firm.settings().stop {
        None => Act::new(
            "Stop locks and letters",
            "No portal is locked and no letter to a client leaves until somebody lifts this. What is queued waits and is not lost; payments are taken and \
             portals are opened as ever. Links to sign in are still mailed.",
            "Stop the firm",
            api,
        )
        .field(Field::new("reason", "Why", FieldKind::Text))
        .grave()
        .method("put")
        .said("Stopped: no lock is set and no letter leaves."),
        Some(stop) => {
            let act = Act::new(
                "Let locks and letters go on",
                "What was queued leaves if it is still true. Steps and locks are worked out anew by the next day's run, under its caps.",
                "Let them go on",
                api,
            )
            .deletes()
            .said("Locks and letters go on.");
            Act { will: vec![told(stop)], ..act }
        }
    }
    .only(&visit, STOPPERS, "stop the firm or let it go on");
    let page = FirmActPage {
        shell: visit.shell(act.title.clone(), "settings"),
        act,
        back: "/console/settings".to_owned(),
        back_name: "Settings".to_owned(),
    };
    Ok(render(&page))
}

/// Who stopped the firm and why, in a sentence.
pub(crate) fn told(stop: &Stop) -> String {
    format!("{} stopped it: “{}”.", stop.by, stop.reason.as_str())
}
