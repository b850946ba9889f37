//! Notes and the call log on a client (NOTE-1): for the firm's own eyes, never changed, never shown to clients.

use askama::Template;
use axum::response::Response;
use domain::account::Account;
use domain::id::ClientId;
use domain::note::NoteKind;
use serde::Deserialize;
use services::execute::View;
use store::{Note, PageRequest};

use super::act::{Act, Field, FieldKind, invoices_with};
use super::client::{Head, titled};
use super::segment;
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};

/// How many stand on one page.
const PER_PAGE: u32 = 50;

/// How many pages are looked at for those of one kind, before the reader is asked to go on.
const PAGES_LOOKED_AT: usize = 10;

/// Which notes, and where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Which {
    kind: Option<String>,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/client/notes.html")]
struct NotesPage {
    shell: Shell,
    head: Head,
    tabs: Vec<Tab>,
    notes: Vec<NoteLine>,
    nothing: &'static str,
    next: Option<String>,
    is_first: bool,
    here: String,
}

/// Notes, calls, or both.
struct Tab {
    name: &'static str,
    query: String,
    is_here: bool,
}

struct NoteLine {
    by: String,
    when: String,
    is_call: bool,
    invoice: Option<String>,
    text: String,
}

impl NoteLine {
    fn of(visit: &Visit, note: Note) -> Self {
        let zone = visit.desk.firm.settings().zone;
        Self {
            by: note.by.to_string(),
            when: note.at.with_timezone(&zone).format("%b %-d, %Y %H:%M").to_string(),
            is_call: note.kind == NoteKind::Call,
            invoice: note.invoice.map(|invoice| invoice.to_string()),
            text: note.text.as_str().to_owned(),
        }
    }
}

pub(crate) async fn show(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(which): Query<Which>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let kind: Option<NoteKind> = which.kind.as_deref().and_then(|kind| kind.parse().ok());
    let (notes, next) = listed(&visit, &client, kind, which.cursor.as_deref()).await?;
    let tab = |name, of: Option<NoteKind>| Tab {
        name,
        query: of.map_or_else(String::new, |of| format!("?kind={}", of.as_str())),
        is_here: of == kind,
    };
    let of = kind.map_or_else(String::new, |kind| format!("&kind={}", kind.as_str()));
    let head = Head::of(&view.loaded.account, "notes");
    let own = kind.map_or_else(String::new, |kind| format!("?kind={}", kind.as_str()));
    let page = NotesPage {
        here: format!("{}/notes{own}", head.path),
        head,
        tabs: vec![
            tab("Both", None),
            tab("Notes", Some(NoteKind::Note)),
            tab("Calls", Some(NoteKind::Call)),
        ],
        notes: notes.into_iter().map(|note| NoteLine::of(&visit, note)).collect(),
        nothing: match kind {
            None => "There are no notes yet.",
            Some(NoteKind::Note) => "There are no notes here, only calls or nothing yet.",
            Some(NoteKind::Call) => "No call was written down.",
        },
        next: next.map(|cursor| format!("?cursor={}{of}", segment(&cursor))),
        is_first: which.cursor.is_none(),
        shell: titled(&visit, &view, "Notes"),
    };
    Ok(render(&page))
}

/// A page of those of one kind, however far apart they are.
async fn listed(
    visit: &Visit,
    client: &ClientId,
    kind: Option<NoteKind>,
    cursor: Option<&str>,
) -> Result<(Vec<Note>, Option<String>), Failure> {
    let enough = usize::try_from(PER_PAGE).unwrap_or(usize::MAX);
    let (mut found, mut next) = (Vec::new(), cursor.map(str::to_owned));
    for _ in 0..PAGES_LOOKED_AT {
        let page = PageRequest { cursor: next.as_deref(), limit: PER_PAGE };
        let listed = visit.desk.store().notes(client, &page).await?;
        let of_kind = |note: &Note| kind.is_none_or(|kind| note.kind == kind);
        found.extend(listed.items.into_iter().filter(of_kind));
        next = listed.next;
        if next.is_none() || enough <= found.len() {
            break;
        }
    }
    Ok((found, next))
}

/// The act that writes a note.
pub(super) fn note(account: &Account, who: &str, api: &str) -> Act {
    Act::new(
        format!("Add a note on {who}"),
        "For your colleagues. Clients never see notes, and a note is never changed: a correction is another one.",
        "Add note",
        format!("{api}/notes"),
    )
    .field(Field::new("text", "Note", FieldKind::Text))
    .field(about(account))
    .said("The note is added.")
}

/// The act that logs a call.
pub(super) fn call(view: &View, who: &str, api: &str) -> Act {
    Act::new(
        format!("Log a call with {who}"),
        "For your colleagues: who was spoken to, what was said, what comes next. Clients never see it, and it is never changed. \
         A promise or a payment is recorded by itself: this says only that you talked.",
        "Log call",
        format!("{api}/notes"),
    )
    .field(Field::fixed("kind", "call"))
    .field(Field::new("spoke_with", "Who you spoke with", FieldKind::Line))
    .field(Field::new("called_on", "When", FieldKind::Date).value(view.day.to_string()))
    .field(Field::new("text", "What was said", FieldKind::Text))
    .field(Field::new("next_step", "Next step", FieldKind::Line).optional())
    .field(about(&view.loaded.account))
    .said("The call is logged.")
}

fn about(account: &Account) -> Field {
    let invoices = FieldKind::Choice(invoices_with(account, "none"));
    Field::new("invoice", "About which invoice", invoices).optional()
}
