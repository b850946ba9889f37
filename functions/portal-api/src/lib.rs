//! What contacts do: sign in, see what they owe, pay, ask for their records; and the same, as far as it goes,
//! for whoever holds a letter's link (ACC-1..4, LET-7, PAY-8, SEC-3).
//!
//! Three doors: a stranger's, where one signs in; a contact's, behind which each address asks for one of the
//! contact's own clients; and a link's, which is the token in the address. Pages post their forms here.

#![allow(unused_qualifications, reason = "utoipa's macro writes its types in full")]

mod asks;
mod clients;
mod links;
mod me;
mod messages;
mod pay;
mod sign_in;

use axum::{Router, middleware};
use services::contacts::Postbox;
use services::http::document::{Who, complete_for, empty, merge};
use services::http::form::{Pages, with_forms_of};
use services::http::{Problem, ProblemKind};
use services::portal::{Portal, Till, open_door, receive};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// What the function stands on.
#[derive(Clone)]
pub struct State {
    /// Whose door it is.
    pub portal: Portal,
    /// Where money is taken.
    pub till: Till,
    /// What carries letters to contacts.
    pub postbox: Postbox,
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let (inside, _) = contacts().split_for_parts();
    let (outside, _) = strangers().split_for_parts();
    let door = middleware::from_fn_with_state(state.portal.clone(), open_door);
    let reception = middleware::from_fn_with_state(state.portal.clone(), receive);
    let inside = inside.fallback(nothing).method_not_allowed_fallback(other_method).layer(door);
    let back = middleware::from_fn(pay::with_cookie);
    let outside = outside.method_not_allowed_fallback(other_method).layer(reception);
    let routes = outside.merge(inside).layer(back).with_state(state);
    with_forms_of(routes, Pages::Portal)
}

/// The function's part of the OpenAPI document.
pub fn openapi() -> OpenApi {
    let contacts = complete_for(contacts().into_openapi(), Who::Contact);
    merge([contacts, complete_for(strangers().into_openapi(), Who::Anybody)])
}

async fn nothing() -> Problem {
    Problem::not_found("address")
}

async fn other_method() -> Problem {
    Problem::new(ProblemKind::MethodNotAllowed, "this address does not take that method")
}

fn contacts() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(empty())
        .routes(routes!(me::me))
        .routes(routes!(me::access))
        .routes(routes!(me::set_password))
        .routes(routes!(me::sessions, me::end_other_sessions))
        .routes(routes!(me::end_session))
        .routes(routes!(me::sign_out))
        .routes(routes!(clients::dashboard))
        .routes(routes!(clients::invoices))
        .routes(routes!(clients::request_records))
        .routes(routes!(clients::statement))
        .routes(routes!(messages::list, messages::write))
        .routes(routes!(asks::dispute))
        .routes(routes!(asks::withdraw))
        .routes(routes!(asks::promise))
        .routes(routes!(asks::request_plan))
        .routes(routes!(asks::ask_for_unlock))
        .routes(routes!(pay::checkout))
        .routes(routes!(pay::returned))
}

fn strangers() -> OpenApiRouter<State> {
    OpenApiRouter::with_openapi(empty())
        .routes(routes!(sign_in::with_password))
        .routes(routes!(sign_in::ask_for_link))
        .routes(routes!(sign_in::confirm_link))
        .routes(routes!(links::checkout))
        .routes(routes!(links::returned))
        .routes(routes!(links::request_records))
        .routes(routes!(links::write))
        .routes(routes!(links::promise))
        .routes(routes!(links::dispute))
        .routes(routes!(links::request_plan))
}
