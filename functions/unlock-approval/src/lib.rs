//! Requests to unlock a portal: made, seen, approved, rejected; and the unlock by exception (UNL-1..6).
//!
//! Apart from the rest of the staff's API because of what it opens: whoever calls it changes who gets
//! in. An approval names the very request that the partner looked at, so that it can't meet another one.

#![allow(unused_qualifications, reason = "utoipa's macro writes its types in full")]

mod requests;

use axum::{Router, middleware};
use services::http::document::{complete, empty};
use services::http::form::with_forms;
use services::http::{Problem, ProblemKind};
use services::office::door::MAX_BODY;
use services::office::{BodyLimit, Office, open_door};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the function stands on.
#[derive(Clone)]
pub struct State {
    /// The office that its requests come to.
    pub office: Office,
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let (routes, _) = routes().split_for_parts();
    let door = middleware::from_fn_with_state((state.office, BodyLimit(MAX_BODY)), open_door);
    let routes = routes.fallback(nothing).method_not_allowed_fallback(other_method);
    with_forms(routes.layer(door))
}

/// The function's part of the OpenAPI document.
pub fn openapi() -> OpenApi {
    complete(routes().into_openapi())
}

async fn nothing() -> Problem {
    Problem::not_found("address")
}

async fn other_method() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "this address does not take that method")
}

fn routes() -> OpenApiRouter {
    OpenApiRouter::with_openapi(empty())
        .routes(routes!(requests::pending))
        .routes(routes!(requests::of_client, requests::ask))
        .routes(routes!(requests::get))
        .routes(routes!(requests::approve))
        .routes(routes!(requests::reject))
        .routes(routes!(requests::exception))
}
