//! What whoever holds a letter's link may do, about that debt alone (LET-7). In the audit it is `link`.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::Response;
use domain::command::Command;
use domain::id::InvoiceId;
use domain::message::{Channel, NewMessage};
use serde::Deserialize;
use services::http::{Ids, JsonBody, Problem};
use services::portal::{Asked, Holder, Stranger};
use utoipa::{IntoParams, ToSchema};

use crate::State;
use crate::asks::{NewDispute, NewPlanRequest, NewPromise, REASON, UNTIL, WISH, about, taken};
use crate::clients::Noted;
use crate::messages::{ToTheFirm, receive};
use crate::pay::{OpenCheckout, see};

/// The link in a path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfLink {
    /// What stands at the end of the letter's link.
    token: String,
}

impl OfLink {
    async fn hold(&self, state: &State, stranger: &Stranger) -> Result<Holder, Problem> {
        Ok(state.portal.hold(&self.token, stranger.visit.request_id.clone()).await?)
    }
}

/// What of the debt is to be paid.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkCheckout {
    /// Which invoices, in the order in which they are paid.
    #[schema(value_type = Vec<String>)]
    invoices: Vec<InvoiceId>,
}

/// Makes a page to pay on.
#[utoipa::path(post, path = "/portal/v1/links/{token}/checkouts", tag = "links",
    operation_id = "check_out_by_link", params(OfLink), request_body = LinkCheckout,
    responses((status = 201, body = OpenCheckout)))]
pub(crate) async fn checkout(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Ids(of): Ids<OfLink>,
    JsonBody(new): JsonBody<LinkCheckout>,
) -> Result<Response, Problem> {
    let holder = of.hold(&state, &stranger).await?;
    for invoice in &new.invoices {
        holder.require(invoice)?;
    }
    let asked = Asked {
        once: stranger.once.clone(),
        invoices: new.invoices,
        link: Some(holder.link.hash.clone()),
        return_path: format!("/portal/v1/links/{}/checkouts/{{id}}/return", of.token),
        cancel_path: format!("/l/{}", of.token),
    };
    let opened = state.till.open(&holder.firm, &holder.view, &asked, stranger.now).await?;
    Ok(OpenCheckout::answer(opened))
}

/// The page in a path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfLinkCheckout {
    /// What stands at the end of the letter's link.
    token: String,
    /// The page's id.
    checkout: String,
}

/// Where a payer comes back to, as for contacts (PAY-8).
#[utoipa::path(get, path = "/portal/v1/links/{token}/checkouts/{checkout}/return", tag = "links",
    operation_id = "link_payer_returned", params(OfLinkCheckout), responses((status = 303)))]
pub(crate) async fn returned(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Ids(OfLinkCheckout { token, checkout }): Ids<OfLinkCheckout>,
) -> Result<Response, Problem> {
    let of = OfLink { token };
    let holder = of.hold(&state, &stranger).await?;
    let known = holder.firm.store().checkout(&holder.link.client, &checkout).await?;
    let known = known.filter(|known| known.link.as_deref() == Some(&*holder.link.hash));
    let mut known = known.ok_or_else(|| Problem::not_found("payment"))?;
    state.till.look(&holder.firm, &mut known, stranger.now).await?;
    Ok(see(&format!("/l/{}/checkouts/{}", of.token, known.id)))
}

/// Asks the firm for the client's own records (ACC-4).
#[utoipa::path(post, path = "/portal/v1/links/{token}/records-requests", tag = "links",
    operation_id = "request_records_by_link", params(OfLink),
    responses((status = 202, body = Noted)))]
pub(crate) async fn request_records(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Ids(of): Ids<OfLink>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let holder = of.hold(&state, &stranger).await?;
    let executed = holder.execute(&Command::RequestRecords).await?;
    Ok((StatusCode::ACCEPTED, Json(Noted::of(&executed))))
}

/// Writes to the firm; nothing harsher than a reminder happens until somebody there has read it (LET-8).
#[utoipa::path(post, path = "/portal/v1/links/{token}/messages", tag = "links",
    operation_id = "write_to_the_firm_by_link", params(OfLink), request_body = ToTheFirm,
    responses((status = 201, body = Noted)))]
pub(crate) async fn write(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Ids(of): Ids<OfLink>,
    JsonBody(new): JsonBody<ToTheFirm>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let holder = of.hold(&state, &stranger).await?;
    let letter = holder.link.letter;
    let message = NewMessage { letter, ..new.into_message(Channel::Letter) };
    let once = stranger.once.as_deref();
    let to = (&holder.firm, &holder.link.client);
    let executed = receive(to, message, once, (holder.caller(), stranger.now)).await?;
    Ok((StatusCode::CREATED, Json(Noted::of(&executed))))
}

/// Promises to pay an invoice by a day, within the firm's limits (PROM-1).
#[utoipa::path(post, path = "/portal/v1/links/{token}/promises", tag = "links",
    operation_id = "promise_by_link", params(OfLink), request_body = NewPromise,
    responses((status = 201, body = Noted)))]
pub(crate) async fn promise(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Ids(of): Ids<OfLink>,
    JsonBody(new): JsonBody<NewPromise>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let holder = of.hold(&state, &stranger).await?;
    // All that is overdue may be more than the letter's debt.
    let invoice = new.invoice.as_ref();
    let invoice = invoice.ok_or_else(|| Problem::invalid("invoice", "say which invoice"))?;
    holder.require(invoice)?;
    let executed = holder.execute(&new.into_command()).await;
    Ok(taken(&executed.map_err(about(UNTIL))?))
}

/// Disputes an invoice, or a part of it (DIS-1).
#[utoipa::path(post, path = "/portal/v1/links/{token}/disputes", tag = "links",
    operation_id = "dispute_by_link", params(OfLink), request_body = NewDispute,
    responses((status = 201, body = Noted)))]
pub(crate) async fn dispute(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Ids(of): Ids<OfLink>,
    JsonBody(new): JsonBody<NewDispute>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let holder = of.hold(&state, &stranger).await?;
    holder.require(&new.invoice)?;
    let executed = holder.execute(&new.into_command()).await;
    Ok(taken(&executed.map_err(about(REASON))?))
}

/// Asks for a payment plan over invoices of the debt: a partner decides (PLAN-1).
#[utoipa::path(post, path = "/portal/v1/links/{token}/plan-requests", tag = "links",
    operation_id = "request_plan_by_link", params(OfLink), request_body = NewPlanRequest,
    responses((status = 201, body = Noted)))]
pub(crate) async fn request_plan(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Ids(of): Ids<OfLink>,
    JsonBody(new): JsonBody<NewPlanRequest>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let holder = of.hold(&state, &stranger).await?;
    for invoice in &new.invoices {
        holder.require(invoice)?;
    }
    let executed = holder.execute(&new.into_command()).await;
    Ok(taken(&executed.map_err(about(WISH))?))
}
