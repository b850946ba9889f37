//! What a client and the firm wrote to each other, and the form to write more: open in every state (ACC-4, LET-8).

use askama::Template;
use axum::response::Response;
use domain::access::Capability;
use domain::id::ClientId;
use domain::text::MAX_TEXT_BYTES;
use services::portal::pay::segment;
use store::{Message, PageRequest};

use super::dashboard::Panel;
use super::invoices::Place;
use super::{Guest, Shell};
use crate::extract::{Path, Query};
use crate::page::{Failure, render};

/// How many stand on a page.
const PER_PAGE: u32 = 30;

struct Row {
    is_own: bool,
    when: String,
    text: String,
}

#[derive(Template)]
#[template(path = "portal/messages.html")]
struct MessagesPage {
    shell: Shell,
    panel: Panel,
    messages: Vec<Row>,
    max_length: usize,
    next: Option<String>,
    is_first: bool,
}

/// The list, newest first.
pub(crate) async fn show(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Messages).await?;
    let page = PageRequest { cursor: place.cursor.as_deref(), limit: PER_PAGE };
    let listed = guest.visitor.store().messages(&client, &page).await?;
    let zone = guest.visitor.firm.settings().zone;
    let row = |Message { at, message }: Message| Row {
        is_own: message.is_the_clients(),
        when: at.with_timezone(&zone).format("%b %-d, %Y %H:%M").to_string(),
        text: message.text.personal,
    };
    let page = MessagesPage {
        messages: listed.items.into_iter().map(row).collect(),
        max_length: MAX_TEXT_BYTES,
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        panel: Panel::of(&view),
        shell: guest.shell("Messages", "overview"),
    };
    Ok(render(&page))
}
