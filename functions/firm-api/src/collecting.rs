//! Letters, and what stops or hastens collection by hand: holds, promises, plans, locks, the hard stop.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::StatusCode;
use domain::command::Command;
use domain::id::{InvoiceId, ServiceLine};
use domain::plan;
use domain::text::Personal;
use serde::Deserialize;
use services::http::{Amount, Date, Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::{Desk, Outcome};
use utoipa::{IntoParams, ToSchema};

use crate::clients::created;
use crate::show::{self, Hold, Letter, Plan, Promise};
use crate::{Because, OfClient};

/// A client's letters: the queued ones, then the others, newest first.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/letters", tag = "collecting",
    operation_id = "list_letters", params(OfClient, PageQuery),
    responses((status = 200, body = Listing<Letter>)))]
pub(crate) async fn letters(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<Letter>>, Problem> {
    let page = page.request()?;
    let listed = desk.store().letters(&client, &page).await?;
    if listed.items.is_empty() {
        desk.require_client(&client).await?;
    }
    Ok(Json(Listing::of(listed, Letter::from)))
}

/// Running holds of a client: its own, and those on single invoices.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/holds", tag = "collecting",
    operation_id = "list_holds", params(OfClient), responses((status = 200, body = Listing<Hold>)))]
pub(crate) async fn holds(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Listing<Hold>>, Problem> {
    let view = desk.view(&client).await?;
    let account = &view.loaded.account;
    let own = account.hold.iter().map(|hold| show::hold(None, hold));
    let on_invoices = account.open_invoices().filter_map(|invoice| {
        invoice.hold.as_ref().map(|hold| show::hold(Some(&invoice.id), hold))
    });
    Ok(Json(Listing::whole(own.chain(on_invoices).collect())))
}

/// A new hold.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHold {
    /// On which invoice; the client, if not said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    invoice: Option<InvoiceId>,
    /// The last day on which it holds; until it is released, if not said.
    #[serde(default)]
    until: Option<Date>,
    /// Why.
    reason: String,
}

/// Places a hold: reminders, steps, fees and new locks stop (LOCK-6).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/holds", tag = "collecting",
    operation_id = "place_hold", params(OfClient), request_body = NewHold,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn hold(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewHold>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let until = new.until.map(|Date(day)| day);
    let command =
        Command::PlaceHold { invoice: new.invoice, until, reason: Personal::new(new.reason) };
    let executed = desk.execute(&client, &command).await?;
    Ok(created(Outcome::of(&executed)))
}

/// Which hold.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichHold {
    /// That on this invoice; that on the client, if not said.
    #[param(value_type = Option<String>)]
    invoice: Option<InvoiceId>,
}

/// Releases a hold.
#[utoipa::path(delete, path = "/firm/v1/clients/{client}/holds", tag = "collecting",
    operation_id = "release_hold", params(OfClient, WhichHold),
    responses((status = 200, body = Outcome)))]
pub(crate) async fn release(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(WhichHold { invoice }): Params<WhichHold>,
) -> Result<Json<Outcome>, Problem> {
    let executed = desk.execute(&client, &Command::ReleaseHold { invoice }).await?;
    Ok(Json(Outcome::of(&executed)))
}

/// Running promises of a client.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/promises", tag = "collecting",
    operation_id = "list_promises", params(OfClient),
    responses((status = 200, body = Listing<Promise>)))]
pub(crate) async fn promises(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Listing<Promise>>, Problem> {
    let view = desk.view(&client).await?;
    let running = view.loaded.account.promises.iter().map(Promise::of);
    Ok(Json(Listing::whole(running.collect())))
}

/// A promise to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPromise {
    /// For which invoice; those overdue, if not said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    invoice: Option<InvoiceId>,
    /// The last day to keep it.
    until: Date,
}

/// Records a promise to pay by a day (PROM-1).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/promises", tag = "collecting",
    operation_id = "record_promise", params(OfClient), request_body = NewPromise,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn promise(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewPromise>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let command = Command::MakePromise { invoice: new.invoice, until: new.until.0 };
    let executed = desk.execute(&client, &command).await?;
    Ok(created(Outcome::of(&executed)))
}

/// The running plan of a client, if there is one.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/plans", tag = "collecting",
    operation_id = "list_plans", params(OfClient), responses((status = 200, body = Listing<Plan>)))]
pub(crate) async fn plans(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Listing<Plan>>, Problem> {
    let view = desk.view(&client).await?;
    let running = view.loaded.account.plan.iter().map(Plan::of);
    Ok(Json(Listing::whole(running.collect())))
}

/// A payment plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlan {
    /// For which invoices, all of one currency.
    #[schema(value_type = Vec<String>)]
    invoices: BTreeSet<InvoiceId>,
    /// In which instalments: together what is owed on the invoices.
    instalments: Vec<Instalment>,
}

/// An instalment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Instalment {
    /// When.
    due_on: Date,
    /// How much.
    amount: Amount,
}

/// Agrees on a payment plan (PLAN-1).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/plans", tag = "collecting",
    operation_id = "begin_plan", params(OfClient), request_body = NewPlan,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn plan(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewPlan>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let instalments = new.instalments.into_iter();
    let instalments =
        instalments.map(|Instalment { due_on: Date(due_on), amount: Amount(amount) }| {
            plan::Instalment { due_on, amount }
        });
    let command = Command::BeginPlan { invoices: new.invoices, instalments: instalments.collect() };
    let executed = desk.execute(&client, &command).await?;
    Ok(created(Outcome::of(&executed)))
}

/// A lock by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewLock {
    /// Why, as the client reads it.
    reason: String,
    /// Which service lines; without any, the whole client (LOCK-5).
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    service_lines: BTreeSet<ServiceLine>,
}

/// Locks the portal by hand, or some service lines of it (LOCK-4, LOCK-5).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/lock", tag = "collecting",
    operation_id = "lock_client", params(OfClient), request_body = NewLock,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn lock(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewLock>,
) -> Result<Json<Outcome>, Problem> {
    let (reason, lines) = (Personal::new(new.reason), new.service_lines);
    let executed = desk.execute(&client, &Command::Lock { reason, lines }).await?;
    Ok(Json(Outcome::of(&executed)))
}

/// Stops collection for good: bankruptcy, deceased, represented, do not contact (LOCK-6).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/hard-stop", tag = "collecting",
    operation_id = "hard_stop_client", params(OfClient), request_body = Because,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn hard_stop(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Outcome>, Problem> {
    let executed = desk.execute(&client, &Command::HardStop { reason: because.text() }).await?;
    Ok(Json(Outcome::of(&executed)))
}

/// Lets a running episode follow the newest policy from now on (POL-1).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/move-episode", tag = "collecting",
    operation_id = "move_episode", params(OfClient), responses((status = 200, body = Outcome)))]
pub(crate) async fn move_episode(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Outcome>, Problem> {
    let executed = desk.execute(&client, &Command::MoveEpisode).await?;
    Ok(Json(Outcome::of(&executed)))
}
