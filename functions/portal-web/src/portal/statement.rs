//! A client's statement of account, on a page and as a file; while its statements are closed the page says why
//! (ACC-1, ACC-3).

use askama::Template;
use axum::response::Response;
use domain::access::Capability;
use domain::id::ClientId;
use domain::letter::Language;
use services::papers::statement::{Asked, OnPage, answer, on_page};

use super::dashboard::Panel;
use super::{Guest, Shell, client_path};
use crate::extract::{Path, Query};
use crate::page::{Failure, render};

#[derive(Template)]
#[template(path = "portal/statement.html")]
struct StatementPage {
    shell: Shell,
    panel: Panel,
    shown: OnPage,
    today: String,
    /// Where it is as a file, up to its form.
    file: String,
}

/// The statement of some days.
pub(crate) async fn show(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Statements).await?;
    let (firm, account) = (&guest.visitor.firm, &view.loaded.account);
    let shown = on_page(firm, account, &asked, view.day, Language::En).await?;
    let path = client_path(&client);
    let page = StatementPage {
        file: format!("{path}/statement/file?from={}&to={}&format=", shown.from, shown.to),
        today: view.day.to_string(),
        shown,
        panel: Panel::of(&view),
        shell: guest.shell("Statement of account", "overview"),
    };
    Ok(render(&page))
}

/// The same as a file.
pub(crate) async fn file(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(asked): Query<Asked>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Statements).await?;
    Ok(answer(&guest.visitor.firm, &view.loaded.account, &asked, view.day).await?)
}
