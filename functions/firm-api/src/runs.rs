//! The runs of the firm's days: what each would do and did, and what a person decides about it (LOCK-10); and
//! the stop, with which no lock is set and no letter leaves.

use axum::Json;
use domain::calendar::Day;
use domain::text::Personal;
use serde::{Deserialize, Serialize};
use services::http::{Date, Ids, JsonBody, Listing, PageQuery, Params, Problem, ProblemKind};
use services::office::Desk;
use services::office::runs::{PARTNERS, REJECTERS, RunError, STOPPERS, decide, stop};
use store::{DayRun, RunClient, RunVerdict};
use utoipa::{IntoParams, ToSchema};

use crate::Because;

/// The run of a day.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Run {
    /// Of which day.
    day: Date,
    /// Where it stands: `planning`, `holding`, `held`, `left`, `releasing`, `done`, `undoing` or `undone`.
    #[schema(example = "held")]
    stage: &'static str,
    /// When it began, by the firm's clock.
    began_at: String,
    /// What it would do that is harsh, as it was counted before anything of that was done.
    would: Would,
    /// How many active clients the firm has, where these were counted and too few for so many locks.
    active_clients: Option<u64>,
    /// What it did.
    did: Did,
    /// What was decided about it.
    decision: Option<Decision>,
}

/// What a run would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunWould)]
struct Would {
    /// So many clients would be locked.
    locks: u64,
    /// So many would get a demand letter or a final demand.
    demands: u64,
}

/// What a run did.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunDid)]
struct Did {
    /// So many clients were evaluated.
    evaluated: u64,
    /// So many were locked.
    locked: u64,
    /// Letters about debts were decided for so many.
    written_to: u64,
    /// So many could not be evaluated.
    failed: u64,
    /// What was done to so many was taken back.
    undone: u64,
    /// Of these, letters had reached so many.
    reached: u64,
}

/// What a person decided about a run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RunDecision)]
struct Decision {
    /// What: `approved`, `rejected` or `undone`.
    #[schema(example = "approved")]
    verdict: &'static str,
    /// Who.
    by: String,
    /// When, by the firm's clock.
    at: String,
    /// Why.
    reason: Option<String>,
}

impl From<DayRun> for Run {
    fn from(run: DayRun) -> Self {
        let done = run.done;
        let decision = run.decision.map(|decision| Decision {
            verdict: decision.verdict.as_str(),
            by: decision.by.to_string(),
            at: decision.at.to_rfc3339(),
            reason: decision.reason.map(|reason| reason.as_str().to_owned()),
        });
        Self {
            day: Date(run.day),
            stage: run.stage.as_str(),
            began_at: run.began_at.to_rfc3339(),
            would: Would { locks: run.tally.locks, demands: run.tally.demands },
            active_clients: run.active,
            did: Did {
                evaluated: done.evaluated,
                locked: done.locked,
                written_to: done.written,
                failed: done.failed,
                undone: done.undone,
                reached: done.reached,
            },
            decision,
        }
    }
}

/// A client in a run.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ClientInRun {
    /// Which.
    client: String,
    /// Whether a lock waits for the run's release.
    would_lock: bool,
    /// Whether a demand does.
    would_demand: bool,
    /// Whether the run locked it.
    was_locked: bool,
    /// The letters about debts that the run decided.
    letters: Vec<u64>,
    /// What its class's shadow would have done; nothing of it was done (POL-7).
    shadow: Vec<String>,
    /// Why it could not be evaluated.
    failed: Option<String>,
    /// Whether what the run did was taken back.
    is_undone: bool,
    /// As what letters had left by then.
    reached_by: Vec<&'static str>,
}

impl From<RunClient> for ClientInRun {
    fn from(client: RunClient) -> Self {
        Self {
            client: client.client.to_string(),
            would_lock: client.withheld.lock,
            would_demand: client.withheld.demand,
            was_locked: client.locked.is_some(),
            letters: client.letters.iter().map(|letter| letter.0).collect(),
            shadow: client.shadow.into_iter().collect(),
            failed: client.failed,
            is_undone: client.is_undone,
            reached_by: client.reached.iter().map(|kind| kind.as_str()).collect(),
        }
    }
}

/// The firm's runs, newest first.
#[utoipa::path(get, path = "/firm/v1/runs", tag = "runs", operation_id = "list_runs",
    params(PageQuery), responses((status = 200, body = Listing<Run>)))]
pub(crate) async fn list(
    desk: Desk,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<Run>>, Problem> {
    let listed = desk.store().day_runs(&page.request()?).await?;
    Ok(Json(Listing::of(listed, Run::from)))
}

/// The day in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfDay {
    /// The run's day.
    #[param(value_type = String, example = "2026-03-02")]
    day: Date,
}

/// The run of a day.
#[utoipa::path(get, path = "/firm/v1/runs/{day}", tag = "runs", operation_id = "get_run",
    params(OfDay), responses((status = 200, body = Run)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfDay { day: Date(day) }): Ids<OfDay>,
) -> Result<Json<Run>, Problem> {
    known(&desk, day).await.map(|run| Json(Run::from(run)))
}

/// Clients of a run, as far as there is something to say of them: whom it would lock or send a demand, whom it
/// locked or wrote to, whom it could not evaluate. A page of this list holds some hundred clients or fewer.
#[utoipa::path(get, path = "/firm/v1/runs/{day}/clients", tag = "runs",
    operation_id = "list_run_clients", params(OfDay, RunPageQuery),
    responses((status = 200, body = Listing<ClientInRun>)))]
pub(crate) async fn clients(
    desk: Desk,
    Ids(OfDay { day: Date(day) }): Ids<OfDay>,
    Params(page): Params<RunPageQuery>,
) -> Result<Json<Listing<ClientInRun>>, Problem> {
    known(&desk, day).await?;
    let request = store::PageRequest { cursor: page.cursor.as_deref(), limit: 1 };
    let listed = desk.store().run_pages(day, &request).await?;
    let clients = listed.items.into_iter().flat_map(|page| page.clients);
    Ok(Json(Listing { items: clients.map(ClientInRun::from).collect(), next: listed.next }))
}

/// Where a run's list goes on.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct RunPageQuery {
    /// `next` of the page before.
    cursor: Option<String>,
}

/// Approves a run that waits: it is carried out, on the facts of that moment.
#[utoipa::path(post, path = "/firm/v1/runs/{day}/approve", tag = "runs", operation_id = "approve_run",
    params(OfDay), responses((status = 200, body = Run)))]
pub(crate) async fn approve(
    desk: Desk,
    Ids(OfDay { day: Date(day) }): Ids<OfDay>,
) -> Result<Json<Run>, Problem> {
    desk.require(PARTNERS)?;
    desk.require_fresh_sign_in()?;
    decided(&desk, day, RunVerdict::Approved, None).await
}

/// Rejects a run that waits: nobody is locked or sent a demand by it. The next day's run decides anew.
#[utoipa::path(post, path = "/firm/v1/runs/{day}/reject", tag = "runs", operation_id = "reject_run",
    params(OfDay), request_body = Because, responses((status = 200, body = Run)))]
pub(crate) async fn reject(
    desk: Desk,
    Ids(OfDay { day: Date(day) }): Ids<OfDay>,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Run>, Problem> {
    desk.require(REJECTERS)?;
    decided(&desk, day, RunVerdict::Rejected, Some(because.text())).await
}

/// Undoes a run of the last seven days: opens what it locked and withdraws its letters that are still here.
/// Whom a letter has reached is then listed among the run's clients.
#[utoipa::path(post, path = "/firm/v1/runs/{day}/undo", tag = "runs", operation_id = "undo_run",
    params(OfDay), request_body = Because, responses((status = 200, body = Run)))]
pub(crate) async fn undo(
    desk: Desk,
    Ids(OfDay { day: Date(day) }): Ids<OfDay>,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Run>, Problem> {
    desk.require(PARTNERS)?;
    desk.require_fresh_sign_in()?;
    decided(&desk, day, RunVerdict::Undone, Some(because.text())).await
}

async fn decided(
    desk: &Desk,
    day: Day,
    verdict: RunVerdict,
    reason: Option<Personal>,
) -> Result<Json<Run>, Problem> {
    let run = decide(&desk.firm, day, (verdict, reason), &desk.caller, desk.now).await;
    run.map(|run| Json(Run::from(run))).map_err(problem)
}

async fn known(desk: &Desk, day: Day) -> Result<DayRun, Problem> {
    desk.store().day_run(day).await?.ok_or_else(|| Problem::not_found("run"))
}

fn problem(error: RunError) -> Problem {
    match error {
        RunError::NotFound(_) => Problem::not_found("run"),
        RunError::Refused(refusal) => refusal.into(),
        RunError::Busy => Problem::new(ProblemKind::Busy, error.to_string()),
        RunError::Store(error) => error.into(),
    }
}

/// Whether the firm is stopped.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Stop {
    /// Whether no lock is set and no letter leaves.
    is_stopped: bool,
    /// Who stopped it.
    by: Option<String>,
    /// When, by the firm's clock.
    at: Option<String>,
    /// Why.
    reason: Option<String>,
}

impl From<Option<&store::Stop>> for Stop {
    fn from(stop: Option<&store::Stop>) -> Self {
        Self {
            is_stopped: stop.is_some(),
            by: stop.map(|stop| stop.by.to_string()),
            at: stop.map(|stop| stop.at.to_rfc3339()),
            reason: stop.map(|stop| stop.reason.as_str().to_owned()),
        }
    }
}

/// Whether the firm is stopped.
#[utoipa::path(get, path = "/firm/v1/settings/stop", tag = "firm", operation_id = "get_stop",
    responses((status = 200, body = Stop)))]
pub(crate) async fn stopped(desk: Desk) -> Json<Stop> {
    Json(desk.firm.settings().stop.as_ref().into())
}

/// Stops locks and letters of the whole firm: no lock is set, nothing leaves, and what was queued waits. Money
/// comes in and portals are opened as ever.
#[utoipa::path(put, path = "/firm/v1/settings/stop", tag = "firm", operation_id = "stop_firm",
    request_body = Because, responses((status = 200, body = Stop)))]
pub(crate) async fn stop_firm(
    desk: Desk,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Stop>, Problem> {
    desk.require(STOPPERS)?;
    let settings = stop(&desk.firm, Some(because.text()), &desk.caller, desk.now).await;
    settings.map(|settings| Json(settings.stop.as_ref().into())).map_err(problem)
}

/// Lets locks and letters go on: what was queued leaves if it is still true, the next run decides anew.
#[utoipa::path(delete, path = "/firm/v1/settings/stop", tag = "firm", operation_id = "lift_stop",
    responses((status = 200, body = Stop)))]
pub(crate) async fn lift_stop(desk: Desk) -> Result<Json<Stop>, Problem> {
    desk.require(STOPPERS)?;
    desk.require_fresh_sign_in()?;
    let settings = stop(&desk.firm, None, &desk.caller, desk.now).await;
    settings.map(|settings| Json(settings.stop.as_ref().into())).map_err(problem)
}
