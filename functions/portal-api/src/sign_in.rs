//! Signing in: by a password, or by a link that was mailed (SEC-3, SEC-4).
//!
//! What a stranger is answered says nothing of the address: neither whether it is known, nor at which firm.

use axum::Json;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use domain::id::FirmId;
use identity::contact::ContactToken;
use serde::{Deserialize, Serialize};
use services::contacts::{
    self, ContactError, SignedIn, confirm_link as use_link, request_link, sign_in_with_password,
};
use services::firm::Firm;
use services::http::form::{CONTACT_COOKIE, set_cookie};
use services::http::{JsonBody, Problem};
use services::portal::Stranger;
use utoipa::ToSchema;

use crate::State;

/// An address and a password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WithPassword {
    /// At which firm; where the deployment serves one, that one.
    #[serde(default)]
    firm: Option<String>,
    /// The e-mail address.
    address: String,
    /// The password.
    password: String,
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct Session {
    /// Shown as a bearer token with every request.
    token: String,
    /// From when on it surely isn't good any more.
    ends_at: String,
    /// Whether it was the first time.
    is_first: bool,
}

/// Signs in by a password.
#[utoipa::path(post, path = "/portal/v1/sign-in", tag = "sign-in", operation_id = "sign_in",
    request_body = WithPassword, responses((status = 201, body = Session)))]
pub(crate) async fn with_password(
    Shared(state): Shared<State>,
    stranger: Stranger,
    JsonBody(given): JsonBody<WithPassword>,
) -> Result<Response, Problem> {
    let firm = state.portal.firm(given.firm.as_deref()).await?.ok_or(ContactError::Refused)?;
    let Stranger { now, visit, .. } = &stranger;
    let signed_in =
        sign_in_with_password(&firm, &given.address, &given.password, visit, *now).await?;
    Ok(begun(&signed_in))
}

/// Whose link is wanted.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct LinkWanted {
    /// At which firm; where the deployment serves one, that one.
    #[serde(default)]
    firm: Option<String>,
    /// The e-mail address.
    address: String,
}

/// Asks for a link by mail. The answer is the same for every address.
#[utoipa::path(post, path = "/portal/v1/sign-in-links", tag = "sign-in", operation_id = "ask_for_link",
    request_body = LinkWanted, responses((status = 202)))]
pub(crate) async fn ask_for_link(
    Shared(state): Shared<State>,
    stranger: Stranger,
    JsonBody(given): JsonBody<LinkWanted>,
) -> Result<StatusCode, Problem> {
    // An address at a firm that isn't there is like one that nobody has.
    if let Some(firm) = state.portal.firm(given.firm.as_deref()).await? {
        let Stranger { now, visit, .. } = &stranger;
        request_link(&firm, &state.postbox, &given.address, visit, *now).await?;
    }
    Ok(StatusCode::ACCEPTED)
}

/// A link's token.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Link {
    /// What stands at the end of the link.
    link: String,
}

/// Uses a link up and signs in.
#[utoipa::path(post, path = "/portal/v1/sign-in-links/confirm", tag = "sign-in",
    operation_id = "confirm_link", request_body = Link, responses((status = 201, body = Session)))]
pub(crate) async fn confirm_link(
    Shared(state): Shared<State>,
    stranger: Stranger,
    JsonBody(given): JsonBody<Link>,
) -> Result<Response, Problem> {
    let firm = firm_of(&state, &given.link).await?;
    let signed_in = use_link(&firm, &given.link, &stranger.visit, stranger.now).await?;
    Ok(begun(&signed_in))
}

/// The firm that a link names; whether it is good is asked there.
async fn firm_of(state: &State, link: &str) -> Result<Firm, Problem> {
    let named: Option<FirmId> = ContactToken::shown(link).map(|token| token.firm().clone());
    let named = named.ok_or(ContactError::LinkUnusable)?;
    let firm = state.portal.firm(Some(named.as_str())).await?;
    Ok(firm.ok_or(ContactError::LinkUnusable)?)
}

/// Told to a program, and kept by a browser until it ends; the session ends by itself before.
fn begun(signed_in: &SignedIn) -> Response {
    let token = signed_in.token.reveal();
    let session = Session {
        token: token.to_owned(),
        ends_at: signed_in.ends_at.to_rfc3339(),
        is_first: signed_in.is_first,
    };
    let seconds = u32::try_from(contacts::SESSION_LONGEST.num_seconds()).ok();
    let mut response = (StatusCode::CREATED, Json(session)).into_response();
    let cookie = set_cookie(CONTACT_COOKIE, token, seconds);
    response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
    response
}
