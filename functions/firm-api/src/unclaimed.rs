//! Money that names no client we know: listed for staff, and assigned by a person who answers for it.

use axum::Json;
use domain::command::News;
use domain::id::{ClientId, PaymentId};
use domain::role::Role;
use serde::{Deserialize, Serialize};
use services::http::{Amount, Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::{Desk, Outcome};
use services::unclaimed::{assign as assign_payment, listed};
use utoipa::{IntoParams, ToSchema};

use crate::show::name;

/// Who says whose money is.
const ASSIGNERS: &[Role] = &[Role::BillingLead, Role::Partner];

/// A payment that names nobody known.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnclaimedPayment {
    /// Its id: the gateway and its own.
    payment: String,
    /// How much.
    amount: Amount,
    /// When it was heard of first.
    came_at: String,
    /// What the gateway last said of it: `pending`, `failed`, `succeeded`, `returned`.
    #[schema(example = "succeeded")]
    state: Option<String>,
    /// The client that it names: unknown here.
    names_client: Option<String>,
    /// The invoices that it names.
    names_invoices: Vec<String>,
    /// What else should be looked at.
    doubts: Vec<String>,
}

impl From<store::Unclaimed> for UnclaimedPayment {
    fn from(known: store::Unclaimed) -> Self {
        let state = known.news.iter().rev().find_map(|news| match news {
            News::Told { seen, .. } => Some(name(seen)),
            News::Refunded { .. } | News::Chargeback { .. } | News::Returned => None,
        });
        Self {
            payment: known.payment.to_string(),
            amount: known.amount.into(),
            came_at: known.came_at.to_rfc3339(),
            state,
            names_client: known.client.map(|client| client.to_string()),
            names_invoices: known.invoices.iter().map(ToString::to_string).collect(),
            doubts: known.doubts,
        }
    }
}

/// Payments that name no client known here.
#[utoipa::path(get, path = "/firm/v1/unclaimed-payments", tag = "payments",
    operation_id = "list_unclaimed_payments", params(PageQuery),
    responses((status = 200, body = Listing<UnclaimedPayment>)))]
pub(crate) async fn list(
    desk: Desk,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<UnclaimedPayment>>, Problem> {
    let listed = listed(&desk.firm, &page.request()?).await?;
    Ok(Json(Listing::of(listed, UnclaimedPayment::from)))
}

/// The payment in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfPayment {
    /// The payment's id.
    #[param(value_type = String)]
    payment: PaymentId,
}

/// Whose it is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Whose {
    /// The client.
    #[schema(value_type = String)]
    client: ClientId,
}

/// Says whose a payment is: it is recorded there, and so is whatever is told of it later.
#[utoipa::path(post, path = "/firm/v1/unclaimed-payments/{payment}/assign", tag = "payments",
    operation_id = "assign_payment", params(OfPayment), request_body = Whose,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn assign(
    desk: Desk,
    Ids(OfPayment { payment }): Ids<OfPayment>,
    JsonBody(Whose { client }): JsonBody<Whose>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(ASSIGNERS)?;
    let executed = assign_payment(&desk.firm, &payment, &client, &desk.caller, desk.now).await?;
    Ok(Json(Outcome::of(&executed)))
}
