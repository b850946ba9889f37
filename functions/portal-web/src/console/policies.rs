//! The policies of a class (POL-1, POL-5, POL-7): what is in force and was, what each version changed, what a
//! shadow would have done; and the pages on which versions are armed, let run beside, and taken back.
//!
//! The page says what will happen before the press; what is typed is in [`edit`].

pub(super) mod edit;

use std::collections::BTreeMap;

use askama::Template;
use axum::response::{IntoResponse, Redirect, Response};
use domain::id::ClassId;
use domain::policy::life::{State, in_force, is_replaced, replaced_by, stays};
use domain::policy::lint::{Finding, Severity};
use domain::policy::read::{flow, to_yaml};
use domain::role::Role;
use serde::Deserialize;
use services::office::policies::{Difference, differences, standing, standings, version_of};
use store::{DayRun, PageRequest, PolicyDocument, RunClient};

use super::act::{Act, Deed, Field, FieldKind};
use super::{all_clients, client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Who writes and arms policies (STAFF-1).
const ADMINS: &[Role] = &[Role::Admin];

/// So many runs of a shadow stand on the page.
const SHADOW_RUNS: u32 = 30;

/// So many clients of a day are named; the run has all of them.
const MAX_NAMED: usize = 200;

#[derive(Template)]
#[template(path = "console/policy/show.html")]
struct PolicyPage {
    shell: Shell,
    class: String,
    path: String,
    is_admin: bool,
    /// What is in force, in a sentence.
    sentence: Option<String>,
    shadow: Option<ShadowCard>,
    versions: Vec<Version>,
}

/// A version of a class's policy.
struct Version {
    number: u32,
    pill: &'static str,
    state: &'static str,
    since: String,
    author: String,
    changes: Vec<Line>,
    findings: Vec<Line>,
    text: String,
    deeds: Vec<Deed>,
    is_first: bool,
}

/// What is said about a field.
pub(super) struct Line {
    pub(super) pill: &'static str,
    pub(super) kind: &'static str,
    pub(super) field: String,
    pub(super) text: String,
}

impl From<&Finding> for Line {
    fn from(found: &Finding) -> Self {
        let (pill, kind) = match found.severity {
            Severity::Error => ("locked", "error"),
            Severity::Warning => ("on_hold", "note"),
        };
        let field = format!("{}: {}", found.field, found.value);
        Self { pill, kind, field, text: found.sentence() }
    }
}

impl From<&Difference> for Line {
    fn from(changed: &Difference) -> Self {
        let (pill, kind, text) = match (&changed.was, &changed.is) {
            (Some(was), Some(is)) => ("asked", "changed", format!("{} → {}", flow(was), flow(is))),
            (None, Some(is)) => ("open", "new", flow(is)),
            (Some(was), None) => ("locked", "gone", flow(was)),
            (None, None) => ("", "", String::new()),
        };
        Self { pill, kind, field: changed.field.clone(), text }
    }
}

/// What the shadow of a class would have done.
struct ShadowCard {
    version: u32,
    since: String,
    days: Vec<ShadowDay>,
}

struct ShadowDay {
    day: String,
    path: String,
    looked_at: String,
    acts: Vec<String>,
}

/// Where a class's policy is.
pub(super) fn path_of(class: &ClassId) -> String {
    format!("/console/settings/policies/{}", segment(class.as_str()))
}

/// The class of a new policy.
#[derive(Debug, Deserialize)]
pub(crate) struct NewClass {
    class: String,
}

/// Leads to the page on which the policy of a new class is written.
pub(crate) async fn begin(
    _visit: Visit,
    Query(NewClass { class }): Query<NewClass>,
) -> Result<Response, Failure> {
    let class: ClassId = class
        .trim()
        .parse()
        .map_err(|error| services::http::Problem::invalid("class", format!("{error}")))?;
    Ok(Redirect::to(&format!("{}/edit", path_of(&class))).into_response())
}

/// The policies of a class, newest first.
pub(crate) async fn show(visit: Visit, Path(class): Path<ClassId>) -> Result<Response, Failure> {
    let documents = known(&visit, &class).await?;
    let today = visit.desk.day();
    let in_force = in_force(&standings(&documents), today);
    let sentence = documents.iter().find(|known| Some(known.version) == in_force);
    let sentence = sentence.map(version_of).transpose()?.map(|known| known.policy.sentence());
    let versions = documents.iter().map(|document| version(&visit, document, &documents));
    let page = PolicyPage {
        sentence,
        versions: versions.collect::<Result<_, _>>()?,
        shadow: shadow(&visit, &class, &documents).await?,
        is_admin: visit.may(ADMINS),
        shell: visit.shell(format!("Policy of class {class}"), "settings"),
        path: path_of(&class),
        class: class.to_string(),
    };
    Ok(render(&page))
}

async fn known(visit: &Visit, class: &ClassId) -> Result<Vec<PolicyDocument>, Failure> {
    let documents = visit.desk.store().policies(class).await?;
    if documents.is_empty() {
        return Err(Failure::not_found(format!("Class {class} has no policy.")));
    }
    Ok(documents)
}

fn version(
    visit: &Visit,
    document: &PolicyDocument,
    all: &[PolicyDocument],
) -> Result<Version, Failure> {
    let today = visit.desk.day();
    let policy = version_of(document)?.policy;
    let before = all.iter().find(|known| known.version + 1 == document.version);
    let before = before.map(version_of).transpose()?;
    let changes = differences(before.as_ref().map(|before| &before.policy), &policy);
    let is_first = before.is_none();
    let (pill, state) = state(document, all, today);
    let on = said::day(document.effective_on);
    let since = match document.state {
        State::Armed => format!("From {on} on"),
        State::Draft => format!("Written on {on}"),
        State::Shadow => format!("Runs beside since {on}"),
        State::Withdrawn => "Never in force".to_owned(),
    };
    let by = document.author.as_ref();
    Ok(Version {
        number: document.version,
        pill,
        state,
        since,
        author: by.map_or_else(|| "the set-up".to_owned(), ToString::to_string),
        changes: changes.iter().filter(|_| !is_first).map(Line::from).collect(),
        findings: match document.state {
            State::Withdrawn => Vec::new(),
            State::Draft | State::Shadow | State::Armed => {
                visit.desk.firm.lint(&policy, visit.desk.day()).iter().map(Line::from).collect()
            }
        },
        text: to_yaml(&policy),
        deeds: deeds(visit, document, all),
        is_first,
    })
}

fn state(
    document: &PolicyDocument,
    all: &[PolicyDocument],
    today: domain::calendar::Day,
) -> (&'static str, &'static str) {
    let known = standings(all);
    match document.state {
        State::Draft => ("on_hold", "draft"),
        State::Shadow => ("asked", "shadow"),
        State::Withdrawn => ("", "taken back"),
        State::Armed if in_force(&known, today) == Some(document.version) => ("open", "in force"),
        State::Armed if is_replaced(&known, standing(document)) => ("", "never in force: replaced"),
        State::Armed if today < document.effective_on => ("asked", "armed for a later day"),
        State::Armed => ("", "was in force"),
    }
}

/// What an admin may do with a version.
fn deeds(visit: &Visit, document: &PolicyDocument, all: &[PolicyDocument]) -> Vec<Deed> {
    if !visit.may(ADMINS) {
        return Vec::new();
    }
    let deed = |name, act: &str, is_grave| Deed {
        name,
        path: format!("{}/versions/{}/do/{act}", path_of(&document.class), document.version),
        is_grave,
    };
    let is_newest =
        !all.iter().any(|known| document.version < known.version && known.state == State::Armed);
    let mut deeds = Vec::new();
    if is_newest && matches!(document.state, State::Draft | State::Shadow) {
        deeds.push(deed("Arm it", "arm", true));
    }
    if is_newest && document.state == State::Draft {
        deeds.push(deed("Run it as a shadow", "shadow", false));
    }
    if stays(&standings(all), standing(document), visit.desk.day()).is_none() {
        deeds.push(deed("Take it back", "withdraw", false));
    }
    deeds
}

async fn shadow(
    visit: &Visit,
    class: &ClassId,
    documents: &[PolicyDocument],
) -> Result<Option<ShadowCard>, Failure> {
    let running = visit.desk.firm.settings().shadows.get(class).copied();
    let Some(document) = documents.iter().find(|known| Some(known.version) == running) else {
        return Ok(None);
    };
    let page = PageRequest { cursor: None, limit: SHADOW_RUNS };
    let runs = visit.desk.store().day_runs(&page).await?.items;
    let day = |run: DayRun| {
        let count = run.shadow.versions.get(class)?;
        (count.version == document.version).then(|| ShadowDay {
            day: said::day(run.day),
            path: format!("{}/shadow/{}", path_of(class), run.day),
            looked_at: said::count(
                usize::try_from(count.looked_at).unwrap_or(usize::MAX),
                "client",
            ),
            acts: counted(&count.acts),
        })
    };
    Ok(Some(ShadowCard {
        version: document.version,
        since: said::day(document.effective_on),
        days: runs.into_iter().filter_map(day).collect(),
    }))
}

fn counted(acts: &BTreeMap<String, u64>) -> Vec<String> {
    acts.iter().map(|(act, count)| format!("{count} × {}", said::words(act))).collect()
}

#[derive(Template)]
#[template(path = "console/policy/shadow.html")]
struct ShadowPage {
    shell: Shell,
    class: String,
    back: String,
    day: String,
    run: String,
    rows: Vec<ShadowRow>,
    is_all: bool,
}

struct ShadowRow {
    client: String,
    path: String,
    acts: Vec<String>,
}

/// To whom a class's shadow would have done what in the run of a day.
pub(crate) async fn shadow_day(
    visit: Visit,
    Path((class, day)): Path<(ClassId, String)>,
) -> Result<Response, Failure> {
    let none = || Failure::not_found("There was no run on that day.".to_owned());
    let day = domain::calendar::parse_day(&day).map_err(|_| none())?;
    visit.desk.store().day_run(day).await?.ok_or_else(none)?;
    let mut found: Vec<RunClient> = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: store::MAX_PAGE };
        let listed = visit.desk.store().run_pages(day, &page).await?;
        let clients = listed.items.into_iter().flat_map(|page| page.clients);
        found.extend(clients.filter(|client| !client.shadow.is_empty()));
        cursor = listed.next;
        if cursor.is_none() || MAX_NAMED < found.len() {
            break;
        }
    }
    let ids = found.iter().map(|client| client.client.clone()).collect();
    let named = visit.desk.store().told(&ids).await?;
    let is_all = found.len() <= MAX_NAMED;
    let row = |client: RunClient| {
        let name = named.get(&client.client).map(|told| told.name.as_str().to_owned());
        ShadowRow {
            path: client_path(&client.client),
            client: name.unwrap_or_else(|| client.client.to_string()),
            acts: client.shadow.iter().map(|act| said::words(act)).collect(),
        }
    };
    Ok(render(&ShadowPage {
        rows: found.into_iter().take(MAX_NAMED).map(row).collect(),
        is_all,
        day: said::day(day),
        run: format!("/console/runs/{day}"),
        back: path_of(&class),
        shell: visit
            .shell(format!("What the shadow would have done on {}", said::day(day)), "settings"),
        class: class.to_string(),
    }))
}

#[derive(Template)]
#[template(path = "console/firm_act.html")]
struct FirmActPage {
    shell: Shell,
    act: Act,
    back: String,
    back_name: String,
}

/// The pages on which a version becomes something else.
pub(crate) async fn act(
    visit: Visit,
    Path((class, number, name)): Path<(ClassId, u32, String)>,
) -> Result<Response, Failure> {
    let documents = known(&visit, &class).await?;
    let document = documents.iter().find(|known| known.version == number);
    let document =
        document.ok_or_else(|| Failure::not_found("There is no such version.".to_owned()))?;
    let api = format!("/firm/v1/policies/{}/versions/{number}/{name}", segment(class.as_str()));
    let today = visit.desk.day();
    let act = match name.as_str() {
        "arm" => {
            let will = armed(&visit, (&class, number), &documents, today).await?;
            let from = Field::new("effective_on", "From", FieldKind::Date)
                .value(today.to_string())
                .hint("Today, or a day to come. A day before one that is armed already takes that one's place.");
            let act = Act::new(
                format!("Arm version {number} of class {class}"),
                "It decides from its day on, for all clients of the class.",
                "Arm it",
                api,
            );
            let act = act.field(from).grave().said("The version is armed.");
            Act { will, ..act }
        }
        "shadow" => {
            let act = Act::new(
                format!("Run version {number} of class {class} as a shadow"),
                "It decides beside the policy in force, in each run from now on, and does nothing.",
                "Run it as a shadow",
                api,
            );
            let will = vec![
                "Nobody is written to, locked or charged by it: what it would do is counted on the page of the policy, with names.".to_owned(),
                "The run looks at some more clients a day: those for whom only the shadow has something to do.".to_owned(),
            ];
            Act { will, ..act.said("It runs as a shadow from the next run on.") }
        }
        "withdraw" => {
            let act = Act::new(
                format!("Take back version {number} of class {class}"),
                "It was never in force and never will be. Its text stays to be read.",
                "Take it back",
                api,
            );
            let refused = stays(&standings(&documents), standing(document), today)
                .map(|why| domain::text::sentence(&why));
            Act { refused, ..act.said("The version is taken back.") }
        }
        _ => return Err(Failure::not_found("There is no such act.".to_owned())),
    };
    let act = act.only(&visit, ADMINS, "change policies");
    Ok(render(&FirmActPage {
        shell: visit.shell(act.title.clone(), "settings"),
        back: path_of(&class),
        back_name: format!("Policy of class {class}"),
        act,
    }))
}

/// What arming comes to, in sentences.
pub(super) async fn armed(
    visit: &Visit,
    (class, number): (&ClassId, u32),
    documents: &[PolicyDocument],
    from: domain::calendar::Day,
) -> Result<Vec<String>, Failure> {
    let (rows, is_all) = all_clients(visit.desk.store()).await?;
    let concerned = rows.iter().filter(|row| row.class == *class).count();
    let more = if is_all { "" } else { "at least " };
    let mut will = vec![
        format!(
            "It decides for {more}{} of class {class}. Due dates of invoices that are out stay.",
            said::count(concerned, "client")
        ),
        "All of them are looked at within a minute. Whoever it would lock or send a demand is counted first, with the caps of a run, and waits for a partner where it is too many.".to_owned(),
        "A portal that is locked goes on under the version that it was locked by.".to_owned(),
    ];
    let others: Vec<_> =
        documents.iter().filter(|known| known.version != number).cloned().collect();
    let replaced = replaced_by(&standings(&others), from);
    let to_come = others
        .iter()
        .filter(|known| replaced.contains(&known.version) && visit.desk.day() < known.effective_on);
    will.extend(to_come.map(|known| {
        let on = said::day(known.effective_on);
        format!("Version {}, armed for {on}, never comes.", known.version)
    }));
    Ok(will)
}
