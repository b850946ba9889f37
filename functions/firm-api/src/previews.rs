//! Previews of a draft on the firm's book as it is (POL-6): asked for here, worked on behind the queue of
//! evaluations ([`services::preview`]), and read here while that goes on and afterwards.

use std::collections::BTreeMap;

use axum::Json;
use axum::body::Bytes;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, LINK, LOCATION};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::calendar::plus;
use domain::money::Money;
use domain::policy::read::read_text;
use domain::role::Role;
use identity::OpaqueToken;
use serde::{Deserialize, Serialize};
use services::http::{Amount, Date, Ids, Listing, Params, Problem};
use services::office::Desk;
use services::office::templates::unknown_text;
use services::portal::pay::segment;
use services::preview::{
    Asked, CSV, MAX_DAYS, WEEK, begin as begin_preview, concerned, concerned_csv,
};
use store::{
    PREVIEW_PREFIX, Preview, PreviewAct, PreviewDay, PreviewHeld, PreviewListed, PreviewResult,
    PreviewStage, PreviewSums, PreviewTimes,
};
use utoipa::{IntoParams, ToSchema};

use crate::policies::{OfClass, document, without_errors};

/// Who may have the whole book read for it.
const PREVIEWERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// How far ahead.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct HowFar {
    /// How many days after today, 0 to 90; 90, if not said.
    days: Option<u32>,
}

/// The preview of a draft.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PreviewShown {
    /// Its id.
    preview: String,
    /// Of which class's policy.
    class: String,
    /// How it stands: `running`, `done` or `failed`.
    state: &'static str,
    /// Who asked for it.
    by: String,
    /// The first day that is played: the day on which it was asked for.
    from: Date,
    /// The last one.
    to: Date,
    /// The version that stands beside the draft: the one in force, if one is.
    in_force: Option<u32>,
    /// How many clients of the firm were looked at by now.
    looked_at: u64,
    /// What it rests on beside the book, in sentences.
    assumptions: Vec<String>,
    /// Why there is no result and never will be.
    problem: Option<String>,
    /// What it came to, once it is done.
    result: Option<CameTo>,
}

/// What a preview came to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CameTo {
    /// How many clients the draft is about.
    clients: u64,
    /// What would happen under the version in force.
    current: Sums,
    /// What would happen under the draft.
    draft: Sums,
    /// The first hundred clients of each kind, those before to whom the draft makes a difference; all of them are
    /// at `…/clients`.
    clients_listed: Vec<InPreview>,
    /// Clients that could not be looked at, the first of them.
    failed: Vec<NotLookedAt>,
    /// How many these are.
    failures: u64,
}

/// What one policy would do.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Sums {
    /// In all; people count once.
    total: Counts,
    /// Week by week from the first day on; people count once in each.
    weeks: Vec<CountsOfWeek>,
    /// Day by day, where anything happens.
    days: Vec<CountsOfDay>,
    /// Runs of the whole firm that would wait for a partner (LOCK-10). Their locks and demands are in the counts.
    held_runs: Vec<HeldRun>,
    /// How many clients are locked after the last day.
    locked_at_end: u64,
    /// How many steps came to wait for a partner; such letters are not in the counts.
    approvals_wanted: u64,
}

/// So much of each.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Counts {
    /// Locks.
    locks: u64,
    /// Unlocks.
    unlocks: u64,
    /// Limits begun.
    limits: u64,
    /// Letters that leave, by kind.
    letters: BTreeMap<&'static str, u64>,
    /// Late fees, by currency.
    fees: Vec<Amount>,
    /// Clients that are locked, limited, opened, charged or written to, receipts aside.
    people: u64,
}

/// A week.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountsOfWeek {
    /// Its first day.
    from: Date,
    /// Its last day.
    to: Date,
    /// What happens in it.
    counts: Counts,
}

/// A day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CountsOfDay {
    /// Which.
    on: Date,
    /// What happens on it.
    counts: Counts,
}

/// A run that would wait for a partner.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeldRunOfPreview)]
pub(crate) struct HeldRun {
    /// Of which day.
    on: Date,
    /// How many clients of the firm it would lock.
    locks: u64,
    /// How many it would send a demand.
    demands: u64,
    /// Of how many active clients.
    active: u64,
}

/// A client to whom something would happen.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InPreview {
    /// Which.
    client: String,
    /// What: `locked`, `unlocked`, `limited`, `written_to` or `charged`.
    what: &'static str,
    /// Under the version in force, if at all.
    current: Option<Times>,
    /// Under the draft, if at all.
    draft: Option<Times>,
}

/// When first, and how often.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Times {
    /// When first.
    first_on: Date,
    /// How often.
    times: u64,
}

/// A client that could not be looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct NotLookedAt {
    /// Which.
    client: String,
    /// Why.
    reason: String,
}

/// Plays the firm's book as it is from today on, under a draft and under the version in force: who would be locked,
/// opened, limited, written to and charged (POL-6). The body is the policy document, YAML or JSON; it is saved nowhere.
///
/// The answer comes at once and says where the preview is: `running` there until it is `done`. Nothing of the book is
/// changed. Previews are kept for seven days.
#[utoipa::path(post, path = "/firm/v1/policies/{class}/preview", tag = "policies", operation_id = "preview_policy",
    params(OfClass, HowFar),
    request_body(content((serde_json::Value = "application/json"), (String = "application/yaml")),
        description = "A policy document (contracts §2)"),
    responses((status = 202, body = PreviewShown)))]
pub(crate) async fn begin(
    desk: Desk,
    Ids(OfClass { class }): Ids<OfClass>,
    Params(HowFar { days }): Params<HowFar>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    desk.require(PREVIEWERS)?;
    let days = days.unwrap_or(MAX_DAYS);
    if MAX_DAYS < days {
        let detail = format!("at most {MAX_DAYS} days are looked ahead, not {days}");
        return Err(Problem::invalid("days", detail));
    }
    let policy = read_text(document(&headers, &body)?)?;
    without_errors(&desk, &policy)?;
    if let Some(unknown) = unknown_text(&desk.firm, &policy) {
        let detail = unknown.to_string();
        return Err(Problem { rule: Some("LET-3"), ..Problem::invalid(unknown.field, detail) });
    }
    let asked = Asked { id: id(&desk)?, class: &class, policy: &policy, days };
    let begun = begin_preview(&desk.firm, asked, &desk.caller, desk.now).await?;
    let preview = begun.ok_or_else(|| Problem::not_found("preview"))?;
    let location = [(LOCATION, format!("/firm/v1/previews/{}", preview.preview))];
    Ok((StatusCode::ACCEPTED, location, Json(shown(preview, None))).into_response())
}

fn id(desk: &Desk) -> Result<String, Problem> {
    if let Some(name) = &desk.once {
        return Ok(format!("{PREVIEW_PREFIX}{name}"));
    }
    let token = OpaqueToken::random_128().map_err(|error| Problem::internal(&error))?;
    Ok(format!("{PREVIEW_PREFIX}{}", token.reveal()))
}

/// A preview in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfPreview {
    /// The preview's id.
    preview: String,
}

/// A preview: how far it is, and what it came to.
#[utoipa::path(get, path = "/firm/v1/previews/{preview}", tag = "policies", operation_id = "get_preview",
    params(OfPreview), responses((status = 200, body = PreviewShown)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfPreview { preview }): Ids<OfPreview>,
) -> Result<Json<PreviewShown>, Problem> {
    let preview = known(&desk, &preview).await?;
    let result = match preview.stage {
        PreviewStage::Done => desk.store().preview_result(&preview.preview).await?,
        PreviewStage::Running | PreviewStage::Failed => None,
    };
    Ok(Json(shown(preview, result)))
}

async fn known(desk: &Desk, id: &str) -> Result<Preview, Problem> {
    let preview = desk.store().preview(id, desk.now).await?;
    preview.ok_or_else(|| Problem::not_found("preview"))
}

/// Where the list of a preview's clients goes on, and as what it comes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientsQuery {
    /// `next` of the page before.
    cursor: Option<String>,
    /// `json`, if not said; or `csv`.
    #[param(value_type = Option<String>)]
    format: Option<Format>,
}

/// As what a list comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Format {
    /// As all lists.
    #[default]
    Json,
    /// As a table.
    Csv,
}

/// All clients to whom something would happen, in the order in which they were looked at. A page of this list holds what
/// some two thousand clients come to; as CSV, where it goes on is in the header `Link`.
#[utoipa::path(get, path = "/firm/v1/previews/{preview}/clients", tag = "policies",
    operation_id = "list_preview_clients", params(OfPreview, ClientsQuery),
    responses((status = 200, content((Listing<InPreview> = "application/json"), (String = "text/csv")))))]
pub(crate) async fn clients(
    desk: Desk,
    Ids(OfPreview { preview }): Ids<OfPreview>,
    Params(ClientsQuery { cursor, format }): Params<ClientsQuery>,
) -> Result<Response, Problem> {
    let preview = known(&desk, &preview).await?;
    let (store, id) = (desk.store(), &preview.preview);
    if format.unwrap_or_default() == Format::Json {
        let (rows, next) = concerned(store, id, cursor.as_deref()).await?;
        let items = rows.into_iter().map(InPreview::from).collect();
        return Ok(Json(Listing::<InPreview> { items, next }).into_response());
    }
    let (text, next) = concerned_csv(store, id, cursor.as_deref()).await?;
    let file = format!("attachment; filename=\"{id}.csv\"");
    let headers = [(CONTENT_TYPE, CSV.to_owned()), (CONTENT_DISPOSITION, file)];
    let mut response = (headers, text).into_response();
    let link = next.map(|next| {
        let address = format!("/firm/v1/previews/{id}/clients");
        format!("<{address}?format=csv&cursor={}>; rel=\"next\"", segment(&next))
    });
    if let Some(link) = link.and_then(|link| link.parse().ok()) {
        response.headers_mut().insert(LINK, link);
    }
    Ok(response)
}

fn shown(preview: Preview, result: Option<PreviewResult>) -> PreviewShown {
    let from = preview.from;
    PreviewShown {
        class: preview.class.to_string(),
        state: preview.stage.as_str(),
        by: preview.by.to_string(),
        from: Date(from),
        to: Date(preview.to),
        in_force: preview.current,
        looked_at: preview.looked_at,
        assumptions: preview.assumed,
        problem: preview.problem,
        result: result.map(|result| CameTo {
            clients: result.clients,
            current: sums(result.current, from, preview.to),
            draft: sums(result.draft, from, preview.to),
            clients_listed: result.listed.into_iter().map(InPreview::from).collect(),
            failed: result
                .failed
                .into_iter()
                .map(|(client, reason)| NotLookedAt { client: client.to_string(), reason })
                .collect(),
            failures: result.failures,
        }),
        preview: preview.preview,
    }
}

fn sums(sums: PreviewSums, from: domain::calendar::Day, to: domain::calendar::Day) -> Sums {
    let week = |(index, counted): (u32, PreviewDay)| {
        let first = plus(from, index * WEEK);
        let (from, to) = (Date(first), Date(plus(first, WEEK - 1).min(to)));
        CountsOfWeek { from, to, counts: counts(&counted) }
    };
    let held = |held: PreviewHeld| {
        let PreviewHeld { on, locks, demands, active } = held;
        HeldRun { on: Date(on), locks, demands, active }
    };
    Sums {
        total: counts(&sums.total),
        weeks: (0..).zip(sums.weeks).map(week).collect(),
        days: sums
            .days
            .iter()
            .map(|(on, counted)| CountsOfDay { on: Date(*on), counts: counts(counted) })
            .collect(),
        held_runs: sums.held.into_iter().map(held).collect(),
        locked_at_end: sums.locked_at_end,
        approvals_wanted: sums.approvals,
    }
}

fn counts(day: &PreviewDay) -> Counts {
    let fees = day.fees.iter().map(|(currency, minor)| Amount(Money::new(*minor, *currency)));
    Counts {
        locks: day.locks,
        unlocks: day.unlocks,
        limits: day.limits,
        letters: day.letters.iter().map(|(kind, count)| (kind.as_str(), *count)).collect(),
        fees: fees.collect(),
        people: day.people,
    }
}

impl From<PreviewListed> for InPreview {
    fn from(listed: PreviewListed) -> Self {
        let PreviewListed { act, client, current, draft } = listed;
        let times = |PreviewTimes { on, times }| Times { first_on: Date(on), times };
        Self {
            client: client.to_string(),
            what: PreviewAct::as_str(act),
            current: current.map(times),
            draft: draft.map(times),
        }
    }
}
