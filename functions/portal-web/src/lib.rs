//! Pages for people: the console of the firm's staff and the portal of its clients, rendered here and
//! working without a script.
//!
//! Pages only show. What a person does is a form, and goes to the function that owns the act
//! ([`services::http::form`]); it comes back with what became of it. So a page can't do what the API
//! would refuse, and every act has its page that says what will happen before it does.

mod assets;
mod brand;
pub mod console;
mod extract;
mod oidc;
mod page;
mod portal;
mod said;
pub mod test_system;

use std::sync::Arc;

use axum::extract::State as Shared;
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use axum::{Router, middleware};
use services::office::Office;

pub use oidc::{SignIn, SignInSettings};
pub use page::Failure;
pub use test_system::TestSystem;

/// What the function stands on.
#[derive(Clone)]
pub struct State {
    /// Who may see what, and the table.
    pub office: Office,
    /// Whose clients come, and the same table.
    pub portal: services::portal::Portal,
    /// Where staff sign in.
    pub sign_in: Arc<SignIn>,
    /// What only a system to try things has; elsewhere nothing.
    pub test_system: Option<Arc<dyn TestSystem>>,
}

/// The function's routes.
pub fn router(state: State) -> Router {
    Router::new()
        .route("/", get(front))
        .route("/console/sign-in", get(oidc::begin))
        .route("/console/callback", get(oidc::callback))
        .route("/console/sign-out", axum::routing::post(oidc::sign_out))
        .merge(console::routes())
        .merge(portal::routes())
        .merge(console::acts(&state))
        .fallback(nothing)
        .route("/assets/{name}", get(assets::serve))
        .with_state(state)
        .layer(middleware::map_response(page::secured))
}

/// The front door leads on: nobody has to know an address.
async fn front(headers: HeaderMap) -> Response {
    match services::http::form::read_cookie(&headers, services::http::form::STAFF_COOKIE) {
        Some(_) => Redirect::to("/console").into_response(),
        None if portal::has_session(&headers) => Redirect::to("/portal").into_response(),
        None => Redirect::to("/sign-in").into_response(),
    }
}

async fn nothing(Shared(_): Shared<State>, uri: Uri) -> Failure {
    Failure::not_found(format!("There is no page {}.", uri.path()))
}
