//! Signing in: the page that asks who somebody is, and the page behind a mailed link, whose button uses the
//! link up (SEC-3). Neither says which address is known (SEC-4).

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use identity::contact::ContactToken;
use serde::Deserialize;
use services::contacts::{ContactError, look_at_link};
use services::http::form::is_local_path;

use super::{Shell, Stranger};
use crate::extract::{Path, Query};
use crate::page::{Failure, render};
use crate::{State, assets, said};

/// Where somebody wants to go, and at which firm they sign in.
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    next: Option<String>,
    firm: Option<String>,
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInPage {
    /// For the staff's way in.
    staff_next: String,
    /// For the contacts'.
    next: String,
    here: String,
    firm: Option<FirmHere>,
    css: String,
    js: String,
    icon: String,
}

/// The firm that contacts sign in at.
struct FirmHere {
    id: String,
    shell: Shell,
}

/// The page on which people say who they are.
pub(crate) async fn show(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let firm = state.portal.firm(wanted.firm.as_deref()).await?;
    let next = wanted.next.filter(|next| is_local_path(next));
    let encoded = |path: &str| form_urlencoded::byte_serialize(path.as_bytes()).collect::<String>();
    let of = |part: &str, home: &str| {
        let is_under = |path: &&String| path.starts_with(part);
        next.as_ref().filter(is_under).cloned().unwrap_or_else(|| home.to_owned())
    };
    let named = wanted.firm.as_deref().map(|firm| format!("firm={}", encoded(firm)));
    let after = next.as_deref().map(|next| format!("next={}", encoded(next)));
    let query: Vec<_> = named.into_iter().chain(after).collect();
    let firm = firm.map(|firm| FirmHere {
        id: firm.id().to_string(),
        shell: stranger.shell(&firm, "Sign in", firm.day(state.portal.now())),
    });
    let page = SignInPage {
        staff_next: encoded(&of("/console", "/console")),
        next: of("/portal", "/portal"),
        here: match query.is_empty() {
            true => "/sign-in".to_owned(),
            false => format!("/sign-in?{}", query.join("&")),
        },
        firm,
        css: assets::url("app.css"),
        js: assets::url("app.js"),
        icon: assets::url("icon.svg"),
    };
    Ok(stranger.keep(render(&page)))
}

#[derive(Template)]
#[template(path = "portal/link.html")]
struct LinkPage {
    shell: Shell,
    called: String,
    is_invitation: bool,
    link: String,
    until: String,
}

/// The page behind a mailed link: nothing happens until its button is pressed.
pub(crate) async fn link(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let shown = ContactToken::shown(&token).ok_or(ContactError::LinkUnusable)?;
    let firm = state.portal.firm(Some(shown.firm().as_str())).await?;
    let firm = firm.ok_or(ContactError::LinkUnusable)?;
    let now = state.portal.now();
    let seen = look_at_link(&firm, &token, now).await?;
    let until = match (seen.ends_at - now).num_hours() {
        0 => {
            said::count(usize::try_from((seen.ends_at - now).num_minutes()).unwrap_or(0), "minute")
        }
        hours @ 1..48 => said::count(usize::try_from(hours).unwrap_or(0), "hour"),
        hours => said::count(usize::try_from(hours / 24).unwrap_or(0), "day"),
    };
    let title = if seen.is_invitation { "Welcome" } else { "Sign in" };
    let page = LinkPage {
        shell: stranger.shell(&firm, title, firm.day(now)),
        called: seen.called.as_str().to_owned(),
        is_invitation: seen.is_invitation,
        link: token,
        until,
    };
    Ok(stranger.keep(render(&page)))
}
