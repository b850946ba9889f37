//! The contact itself: who it is, what is open to it, its password and its sessions (ACC-1, SEC-3).

use axum::Json;
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use services::contacts;
use services::http::form::{CONTACT_COOKIE, set_cookie};
use services::http::{Ids, JsonBody, Listing, Problem};
use services::portal::{Standing, Stranger, Visitor};
use utoipa::{IntoParams, ToSchema};

use crate::clients::Opens;

/// A contact.
#[derive(Serialize, ToSchema)]
pub(crate) struct Contact {
    /// Its id.
    contact: String,
    /// The person's name.
    name: String,
    /// The firm's name.
    firm: String,
    /// The clients that it acts for.
    clients: Vec<MyClient>,
}

/// A client that the contact acts for.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyClient {
    /// Its id.
    client: String,
    /// Its name.
    name: String,
    /// The state of its portal.
    portal: &'static str,
}

/// Who is signed in.
#[utoipa::path(get, path = "/portal/v1/me", tag = "me", operation_id = "my_contact",
    responses((status = 200, body = Contact)))]
pub(crate) async fn me(visitor: Visitor) -> Result<Json<Contact>, Problem> {
    let mut clients = Vec::new();
    for view in visitor.views().await? {
        clients.push(MyClient {
            client: view.loaded.account.client.to_string(),
            name: view.loaded.account.profile.name.as_str().to_owned(),
            portal: Standing::of(&view).state.as_str(),
        });
    }
    Ok(Json(Contact {
        contact: visitor.principal.contact.to_string(),
        name: visitor.principal.called.as_str().to_owned(),
        firm: visitor.firm.settings().name.clone(),
        clients,
    }))
}

/// What is open of one client's portal.
#[derive(Serialize, ToSchema)]
pub(crate) struct ClientAccess {
    /// Which client.
    client: String,
    /// The state of its portal.
    portal: &'static str,
    /// Each capability, and why it isn't open.
    access: Vec<Opens>,
}

/// What is open to the contact, client by client.
#[utoipa::path(get, path = "/portal/v1/me/access", tag = "me", operation_id = "my_access",
    responses((status = 200, body = Listing<ClientAccess>)))]
pub(crate) async fn access(visitor: Visitor) -> Result<Json<Listing<ClientAccess>>, Problem> {
    let mut items = Vec::new();
    for view in visitor.views().await? {
        let standing = Standing::of(&view);
        items.push(ClientAccess {
            client: view.loaded.account.client.to_string(),
            portal: standing.state.as_str(),
            access: Opens::all(&view, &standing),
        });
    }
    Ok(Json(Listing::whole(items)))
}

/// A new password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPassword {
    /// The one in use; not needed within minutes of signing in by a link.
    #[serde(default)]
    current_password: Option<String>,
    /// The new one.
    new_password: String,
}

/// Sets the password; every other session ends.
#[utoipa::path(post, path = "/portal/v1/me/password", tag = "me", operation_id = "set_password",
    request_body = NewPassword, responses((status = 204)))]
pub(crate) async fn set_password(
    visitor: Visitor,
    stranger: Stranger,
    JsonBody(given): JsonBody<NewPassword>,
) -> Result<StatusCode, Problem> {
    let (current, new) = (given.current_password.as_deref(), given.new_password.as_str());
    let Visitor { firm, principal, now, .. } = &visitor;
    contacts::set_password(firm, principal, current, new, &stranger.visit, *now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A session.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenSession {
    /// Its name, by which it is ended.
    id: String,
    /// On what.
    device: String,
    /// When it began.
    begun_at: String,
    /// When it was used last, to within a few minutes.
    seen_at: String,
    /// Whether it is the one that asks.
    is_this: bool,
}

/// The contact's open sessions, used last first.
#[utoipa::path(get, path = "/portal/v1/me/sessions", tag = "me", operation_id = "list_sessions",
    responses((status = 200, body = Listing<OpenSession>)))]
pub(crate) async fn sessions(visitor: Visitor) -> Result<Json<Listing<OpenSession>>, Problem> {
    let rows = contacts::sessions(&visitor.firm, &visitor.principal, visitor.now).await?;
    let shown = rows.into_iter().map(|row| OpenSession {
        id: row.id,
        device: row.device,
        begun_at: row.begun_at.to_rfc3339(),
        seen_at: row.seen_at.to_rfc3339(),
        is_this: row.is_this,
    });
    Ok(Json(Listing::whole(shown.collect())))
}

/// Ends all sessions but this one.
#[utoipa::path(delete, path = "/portal/v1/me/sessions", tag = "me",
    operation_id = "end_other_sessions", responses((status = 204)))]
pub(crate) async fn end_other_sessions(visitor: Visitor) -> Result<StatusCode, Problem> {
    let Visitor { firm, principal, now, caller, .. } = &visitor;
    contacts::end_other_sessions(firm, principal, caller.request_id.clone(), *now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The session in a path.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfSession {
    /// Its name.
    session: String,
}

/// Ends one session; one that isn't there is ended.
#[utoipa::path(delete, path = "/portal/v1/me/sessions/{session}", tag = "me",
    operation_id = "end_session", params(OfSession), responses((status = 204)))]
pub(crate) async fn end_session(
    visitor: Visitor,
    Ids(OfSession { session }): Ids<OfSession>,
) -> Result<StatusCode, Problem> {
    let Visitor { firm, principal, now, caller, .. } = &visitor;
    contacts::end_session(firm, principal, &session, caller.request_id.clone(), *now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs out.
#[utoipa::path(post, path = "/portal/v1/me/sign-out", tag = "me", operation_id = "sign_out",
    responses((status = 204)))]
pub(crate) async fn sign_out(visitor: Visitor) -> Result<Response, Problem> {
    let Visitor { firm, principal, now, caller, .. } = &visitor;
    contacts::sign_out(firm, principal, caller.request_id.clone(), *now).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    let gone = set_cookie(CONTACT_COOKIE, "", Some(0));
    response.headers_mut().extend(gone.map(|cookie| (SET_COOKIE, cookie)));
    Ok(response)
}
