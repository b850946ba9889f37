//! Tasks: what waits for a person; taken, done, approved.

use axum::Json;
use domain::account::TaskId;
use domain::command::Command;
use domain::id::{ClientId, StaffId};
use domain::policy::Action;
use domain::role::Role;
use serde::Deserialize;
use services::http::{Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::{Desk, Outcome};
use utoipa::{IntoParams, ToSchema};

use crate::OfClient;
use crate::show::Task;

/// Open tasks of the firm, oldest first.
#[utoipa::path(get, path = "/firm/v1/tasks", tag = "tasks", operation_id = "list_tasks",
    params(PageQuery), responses((status = 200, body = Listing<Task>)))]
pub(crate) async fn list(
    desk: Desk,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<Task>>, Problem> {
    let listed = desk.store().tasks(&page.request()?).await?;
    Ok(Json(Listing::of(listed, |row| Task::of(&row.client, &row.task))))
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
