//! `/firm/v1`: what staff do with clients, invoices, payments, policies and tasks (contracts §4).
//!
//! Each handler is facts, a command, an answer. Who it is, in which firm and how often it was asked was
//! settled at the door ([`services::office`]); what the rules allow is decided by the domain, command by
//! command (STAFF-1). The document is generated from these handlers, so that it can't be another.

#![allow(unused_qualifications, reason = "utoipa's macro writes its types in full")]

mod audit;
mod clients;
mod collecting;
mod imports;
mod invoices;
mod me;
mod notes;
mod numbering;
mod payments;
mod policies;
mod settings;
pub mod show;
mod tasks;
mod unclaimed;

use axum::{Router, middleware};
use services::http::Problem;
use services::http::document::{complete, empty};
use services::http::form::with_forms;
use services::office::{BodyLimit, Office, open_door};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use services::office::door::MAX_BODY;

/// What the function stands on.
#[derive(Clone)]
pub struct State {
    /// The office that its requests come to.
    pub office: Office,
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let (routes, _) = routes().split_for_parts();
    let (files, _) = files().split_for_parts();
    let door =
        |limit| middleware::from_fn_with_state((state.office.clone(), BodyLimit(limit)), open_door);
    let files = files.method_not_allowed_fallback(other_method).layer(door(imports::MAX_FILE));
    let routes = routes.fallback(nothing).method_not_allowed_fallback(other_method);
    with_forms(routes.layer(door(MAX_BODY)).merge(files))
}

/// The function's part of the OpenAPI document.
pub fn openapi() -> OpenApi {
    complete(routes().merge(files()).into_openapi())
}

async fn nothing() -> Problem {
    Problem::not_found("address")
}

async fn other_method() -> Problem {
    let kind = services::http::ProblemKind::MethodNotAllowed;
    Problem::new(kind, "this address does not take that method")
}

/// What takes a file.
fn files() -> OpenApiRouter {
    OpenApiRouter::with_openapi(empty())
        .routes(routes!(imports::begin))
        .routes(routes!(imports::get))
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::with_openapi(empty())
        .routes(routes!(me::me))
        .routes(routes!(me::document))
        .routes(routes!(settings::get, settings::patch))
        .routes(routes!(clients::list, clients::open))
        .routes(routes!(clients::get, clients::change))
        .routes(routes!(invoices::list, invoices::issue))
        .routes(routes!(invoices::get))
        .routes(routes!(invoices::post))
        .routes(routes!(invoices::void))
        .routes(routes!(invoices::write_off))
        .routes(routes!(invoices::dispute))
        .routes(routes!(invoices::review_dispute))
        .routes(routes!(invoices::resolve_dispute))
        .routes(routes!(invoices::credit))
        .routes(routes!(payments::list, payments::record))
        .routes(routes!(payments::refund))
        .routes(routes!(payments::take_back))
        .routes(routes!(payments::credit))
        .routes(routes!(collecting::letters))
        .routes(routes!(collecting::holds, collecting::hold, collecting::release))
        .routes(routes!(collecting::promises, collecting::promise))
        .routes(routes!(collecting::plans, collecting::plan))
        .routes(routes!(collecting::lock))
        .routes(routes!(collecting::hard_stop))
        .routes(routes!(collecting::move_episode))
        .routes(routes!(unclaimed::list))
        .routes(routes!(unclaimed::assign))
        .routes(routes!(tasks::list))
        .routes(routes!(tasks::of_client))
        .routes(routes!(tasks::assign))
        .routes(routes!(tasks::close))
        .routes(routes!(tasks::approve_step))
        .routes(routes!(notes::list, notes::write))
        .routes(routes!(audit::events))
        .routes(routes!(audit::verify))
        .routes(routes!(audit::firm_events))
        .routes(routes!(audit::verify_firm))
        .routes(routes!(policies::list))
        .routes(routes!(policies::get, policies::put))
        .routes(routes!(policies::version))
}

/// The client in a path.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfClient {
    /// The client's id.
    #[param(value_type = String)]
    pub(crate) client: domain::id::ClientId,
}

/// The invoice in a path.
#[derive(Debug, serde::Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfInvoice {
    /// The invoice's number.
    #[param(value_type = String)]
    pub(crate) invoice: domain::id::InvoiceId,
}

/// A reason.
#[derive(Debug, serde::Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Because {
    /// Why, in a sentence.
    pub(crate) reason: String,
}

impl Because {
    pub(crate) fn text(self) -> domain::text::Personal {
        domain::text::Personal::new(self.reason)
    }
}
