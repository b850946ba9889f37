//! What a client says about its debt: that something is wrong with it, that it will pay by a day, that it needs
//! a plan, that it wants its portal open (DIS-1, PROM-1, PLAN-1, UNL-1).
//!
//! Each is writing to the firm, which is open in every state (ACC-4). The same bodies come by a letter's link
//! ([`crate::links`]), where they are about that debt alone; the rules decide alike for both.

use axum::Json;
use axum::http::StatusCode;
use domain::access::Capability;
use domain::command::{Command, DisputeOutcome};
use domain::id::{ClientId, InvoiceId};
use domain::text::Personal;
use serde::Deserialize;
use services::execute::Executed;
use services::http::{Amount, Date, Ids, JsonBody, Problem, ProblemKind};
use services::portal::Visitor;
use utoipa::{IntoParams, ToSchema};

use crate::clients::{Noted, OfClient};

/// A dispute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDispute {
    /// On which invoice.
    #[schema(value_type = String)]
    pub(crate) invoice: InvoiceId,
    /// How much of it; all, if not said.
    #[serde(default)]
    amount: Option<Amount>,
    /// Why.
    reason: String,
}

impl NewDispute {
    pub(crate) fn into_command(self) -> Command {
        let amount = self.amount.map(|Amount(amount)| amount);
        Command::OpenDispute { invoice: self.invoice, amount, reason: Personal::new(self.reason) }
    }
}

/// A promise to pay.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPromise {
    /// Which invoice; those that are overdue, if not said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub(crate) invoice: Option<InvoiceId>,
    /// The last day to keep it.
    until: Date,
}

impl NewPromise {
    pub(crate) fn into_command(self) -> Command {
        let Date(until) = self.until;
        Command::MakePromise { invoice: self.invoice, until }
    }
}

/// A request for a payment plan.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPlanRequest {
    /// For which invoices, all in one currency.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    pub(crate) invoices: Vec<InvoiceId>,
    /// What can be paid, and when.
    #[serde(default)]
    wish: String,
}

impl NewPlanRequest {
    pub(crate) fn into_command(self) -> Command {
        let invoices = self.invoices.into_iter().collect();
        Command::RequestPlan { invoices, wish: Personal::new(self.wish) }
    }
}

/// A wish to have the portal opened.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnlockWish {
    /// What there is to say to it.
    #[serde(default)]
    words: String,
}

/// A problem with the field that a rule means, which speaks of no fields.
pub(crate) fn about(field: &'static str) -> impl FnOnce(Problem) -> Problem {
    move |problem| match (problem.kind, problem.rule) {
        (ProblemKind::Invalid | ProblemKind::Conflict, Some("PROM-1" | "DIS-1" | "PLAN-1"))
            if problem.field.is_none() =>
        {
            problem.of(field)
        }
        _ => problem,
    }
}

/// The field of a promise that is at fault where it isn't the invoice.
pub(crate) const UNTIL: &str = "until";

/// That of a dispute.
pub(crate) const REASON: &str = "reason";

/// That of a request for a plan.
pub(crate) const WISH: &str = "wish";

async fn take(
    visitor: &Visitor,
    client: &ClientId,
    command: &Command,
) -> Result<Executed, Problem> {
    visitor.view_for(client, Capability::Messages).await?;
    visitor.execute(client, command).await
}

/// It is with the firm, whether or not it was before.
pub(crate) fn taken(executed: &Executed) -> (StatusCode, Json<Noted>) {
    (StatusCode::CREATED, Json(Noted::of(executed)))
}

/// Disputes an invoice, or a part of it (DIS-1).
#[utoipa::path(post, path = "/portal/v1/clients/{client}/disputes", tag = "clients",
    operation_id = "dispute", params(OfClient), request_body = NewDispute,
    responses((status = 201, body = Noted)))]
pub(crate) async fn dispute(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewDispute>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let executed = take(&visitor, &client, &new.into_command()).await;
    Ok(taken(&executed.map_err(about(REASON))?))
}

/// The dispute in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfDispute {
    /// Whose.
    #[param(value_type = String)]
    client: ClientId,
    /// On which invoice.
    #[param(value_type = String)]
    invoice: InvoiceId,
}

/// Gives a dispute up: the invoice is asked for again (DIS-1).
#[utoipa::path(delete, path = "/portal/v1/clients/{client}/disputes/{invoice}", tag = "clients",
    operation_id = "withdraw_dispute", params(OfDispute), responses((status = 204)))]
pub(crate) async fn withdraw(
    visitor: Visitor,
    Ids(OfDispute { client, invoice }): Ids<OfDispute>,
) -> Result<StatusCode, Problem> {
    let outcome = DisputeOutcome::Withdrawn;
    take(&visitor, &client, &Command::ResolveDispute { invoice, outcome }).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Promises to pay by a day, within the firm's limits (PROM-1).
#[utoipa::path(post, path = "/portal/v1/clients/{client}/promises", tag = "clients",
    operation_id = "promise", params(OfClient), request_body = NewPromise,
    responses((status = 201, body = Noted)))]
pub(crate) async fn promise(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewPromise>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let executed = take(&visitor, &client, &new.into_command()).await;
    Ok(taken(&executed.map_err(about(UNTIL))?))
}

/// Asks for a payment plan: a partner decides (PLAN-1).
#[utoipa::path(post, path = "/portal/v1/clients/{client}/plan-requests", tag = "clients",
    operation_id = "request_plan", params(OfClient), request_body = NewPlanRequest,
    responses((status = 201, body = Noted)))]
pub(crate) async fn request_plan(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewPlanRequest>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let executed = take(&visitor, &client, &new.into_command()).await;
    Ok(taken(&executed.map_err(about(WISH))?))
}

/// Asks for the portal to be opened: a task for the billing lead (UNL-1, UNL-6).
#[utoipa::path(post, path = "/portal/v1/clients/{client}/unlock-requests", tag = "clients",
    operation_id = "ask_for_unlock", params(OfClient), request_body = UnlockWish,
    responses((status = 201, body = Noted)))]
pub(crate) async fn ask_for_unlock(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<UnlockWish>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    let words = Personal::new(new.words.trim());
    Ok(taken(&take(&visitor, &client, &Command::AskForUnlock { words }).await?))
}
