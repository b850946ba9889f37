//! Tasks: what waits for a person; taken, done, approved.

use axum::Json;
use domain::account::TaskId;
use domain::command::Command;
use domain::id::{ClientId, StaffId};
use domain::policy::Action;
use domain::role::Role;
use serde::{Deserialize, Serialize};
use services::http::{Date, Ids, JsonBody, Listing, PageQuery, Params, Problem, ProblemKind};
use services::office::reviews::{InForce, REVIEWERS, ReviewError, done, due};
use services::office::{Desk, Outcome};
use store::{PageRequest, Stage};
use utoipa::{IntoParams, ToSchema};

use crate::OfClient;
use crate::policies::Finding;
use crate::show::Task;

/// Open tasks.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Tasks {
    /// Those that are about the firm and no client of it; with the first page alone.
    firm: Vec<FirmTask>,
    /// Those of its clients, oldest first.
    items: Vec<Task>,
    /// Where the list goes on, as `cursor`.
    next: Option<String>,
}

/// What waits for a person and is about the firm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FirmTask {
    /// `approve_run`: a day's run waits for a partner (LOCK-10); `review_policies`: a quarter is over (POL-5).
    #[schema(example = "approve_run")]
    kind: &'static str,
    /// Since when.
    opened_on: Date,
    /// What it is about, in a sentence.
    about: String,
    /// Where it is looked at.
    path: String,
    /// What the policies in force come to.
    findings: Vec<PolicyFinding>,
}

/// What a policy in force comes to.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PolicyFinding {
    /// Of which class.
    class: String,
    /// Which version.
    version: u32,
    /// What.
    #[serde(flatten)]
    finding: Finding,
}

/// Open tasks of the firm, oldest first.
#[utoipa::path(get, path = "/firm/v1/tasks", tag = "tasks", operation_id = "list_tasks",
    params(PageQuery), responses((status = 200, body = Tasks)))]
pub(crate) async fn list(
    desk: Desk,
    Params(page): Params<PageQuery>,
) -> Result<Json<Tasks>, Problem> {
    let request = page.request()?;
    let firm = if request.cursor.is_none() { of_firm(&desk).await? } else { Vec::new() };
    let listed =
        Listing::of(desk.store().tasks(&request).await?, |row| Task::of(&row.client, &row.task));
    Ok(Json(Tasks { firm, items: listed.items, next: listed.next }))
}

/// So many runs are looked at: a held one is left when the next day's run begins.
const LOOK_BACK: u32 = 10;

async fn of_firm(desk: &Desk) -> Result<Vec<FirmTask>, Problem> {
    let page = PageRequest { cursor: None, limit: LOOK_BACK };
    let runs = desk.store().day_runs(&page).await?.items;
    let held = runs.into_iter().filter(|run| run.stage == Stage::Held).map(|run| FirmTask {
        kind: "approve_run",
        opened_on: Date(run.day),
        about: format!(
            "The run of {} would set {} locks and send {} demands: a partner approves or rejects it.",
            run.day, run.tally.locks, run.tally.demands
        ),
        path: format!("/firm/v1/runs/{}", run.day),
        findings: Vec::new(),
    });
    let mut tasks = Vec::from_iter(held);
    tasks.extend(due(&desk.firm, desk.day()).await?.map(|review| FirmTask {
        kind: "review_policies",
        opened_on: Date(review.quarter),
        about: format!(
            "The quarter to {} is over: a partner looks at what the policies come to.",
            review.quarter
        ),
        path: "/firm/v1/policies".to_owned(),
        findings: review.policies.into_iter().flat_map(of_policy).collect(),
    }));
    Ok(tasks)
}

fn of_policy(policy: InForce) -> Vec<PolicyFinding> {
    let InForce { class, version, findings, .. } = policy;
    let found = |finding: domain::policy::lint::Finding| PolicyFinding {
        class: class.to_string(),
        version,
        finding: finding.into(),
    };
    findings.into_iter().map(found).collect()
}

/// A quarter whose policies were looked at.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Looked {
    /// Its last day.
    quarter: Date,
}

/// A partner has looked at what the policies come to: the task of the quarter is over (POL-5).
#[utoipa::path(post, path = "/firm/v1/policy-reviews", tag = "policies", operation_id = "review_policies",
    responses((status = 200, body = Looked)))]
pub(crate) async fn review_policies(desk: Desk) -> Result<Json<Looked>, Problem> {
    desk.require(REVIEWERS)?;
    let done = done(&desk.firm, &desk.caller, desk.now).await;
    let quarter = done.map_err(|error| match error {
        ReviewError::Refused(refusal) => Problem::from(refusal),
        ReviewError::Busy => Problem::new(ProblemKind::Busy, error.to_string()),
        ReviewError::Store(error) => Problem::from(error),
    })?;
    Ok(Json(Looked { quarter: Date(quarter) }))
}

/// Open tasks of one client.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/tasks", tag = "tasks",
    operation_id = "list_client_tasks", params(OfClient),
    responses((status = 200, body = Listing<Task>)))]
pub(crate) async fn of_client(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Listing<Task>>, Problem> {
    let view = desk.view(&client).await?;
    let tasks = view.loaded.account.tasks.values().map(|task| Task::of(&client, task));
    Ok(Json(Listing::whole(tasks.collect())))
}

/// A task in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfTask {
    /// The client's id.
    #[param(value_type = String)]
    client: ClientId,
    /// The task's number.
    task: u64,
}

/// Whose a task is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    /// A member of the firm's staff.
    #[schema(value_type = String)]
    to: StaffId,
}

/// Gives a task to somebody.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/tasks/{task}/assign", tag = "tasks",
    operation_id = "assign_task", params(OfTask), request_body = Assignment,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn assign(
    desk: Desk,
    Ids(OfTask { client, task }): Ids<OfTask>,
    JsonBody(Assignment { to }): JsonBody<Assignment>,
) -> Result<Json<Outcome>, Problem> {
    desk.require_client(&client).await?;
    let grants = desk.store().grants().await?;
    if !grants.iter().any(|grant| grant.staff == to) {
        return Err(Problem::invalid("to", "nobody of that name works at the firm"));
    }
    let command = Command::AssignTask { task: TaskId(task), to };
    let executed = desk.execute(&client, &command).await?;
    Ok(Json(Outcome::of(&executed)))
}

/// Closes a task that is done.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/tasks/{task}/close", tag = "tasks",
    operation_id = "close_task", params(OfTask), responses((status = 200, body = Outcome)))]
pub(crate) async fn close(
    desk: Desk,
    Ids(OfTask { client, task }): Ids<OfTask>,
) -> Result<Json<Outcome>, Problem> {
    let executed = desk.execute(&client, &Command::CloseTask { task: TaskId(task) }).await?;
    Ok(Json(Outcome::of(&executed)))
}

/// Which step.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichStep {
    /// What it does, such as `final_demand`.
    #[serde(rename = "do")]
    #[schema(value_type = String, example = "final_demand")]
    action: Action,
}

/// Approves a client's steps of that kind that wait for it (POL-3).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/approve-step", tag = "tasks",
    operation_id = "approve_step", params(OfClient), request_body = WhichStep,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn approve_step(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(WhichStep { action }): JsonBody<WhichStep>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(&[Role::Partner])?;
    desk.require_fresh_sign_in()?;
    let executed = desk.execute(&client, &Command::ApproveStep { action }).await?;
    Ok(Json(Outcome::of(&executed)))
}

/// Ends a client's engagement, as the system proposed (CLOSE-1).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/approve-close", tag = "tasks",
    operation_id = "approve_close", params(OfClient),
    responses((status = 200, body = Outcome)))]
pub(crate) async fn approve_close(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(&[Role::Partner])?;
    desk.require_fresh_sign_in()?;
    let executed = desk.execute(&client, &Command::ApproveClose).await?;
    Ok(Json(Outcome::of(&executed)))
}
