//! Password and sessions (SEC-3): open in every state.

use askama::Template;
use axum::response::Response;
use identity::contact::MIN_PASSWORD_CHARS;
use services::contacts::sessions;
use store::SignInWay;

use super::{Guest, Shell};
use crate::page::{Failure, render};

struct Row {
    id: String,
    device: String,
    by: &'static str,
    begun: String,
    seen: String,
    is_this: bool,
}

#[derive(Template)]
#[template(path = "portal/security.html")]
struct SecurityPage {
    shell: Shell,
    sessions: Vec<Row>,
    least: usize,
}

pub(crate) async fn show(guest: Guest) -> Result<Response, Failure> {
    let visitor = &guest.visitor;
    let rows = sessions(&visitor.firm, &visitor.principal, visitor.now).await?;
    let at = |at: chrono::DateTime<chrono::Utc>| {
        at.with_timezone(&visitor.firm.settings().zone).format("%b %-d, %H:%M").to_string()
    };
    let rows = rows.into_iter().map(|row| Row {
        id: row.id,
        device: row.device,
        by: match row.by {
            SignInWay::Invitation => "by the invitation",
            SignInWay::Link => "by a mailed link",
            SignInWay::Password => "by password",
        },
        begun: at(row.begun_at),
        seen: at(row.seen_at),
        is_this: row.is_this,
    });
    let page = SecurityPage {
        sessions: rows.collect(),
        least: MIN_PASSWORD_CHARS,
        shell: guest.shell("Security", "security"),
    };
    Ok(render(&page))
}
