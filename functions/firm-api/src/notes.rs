//! Staff's notes and call log on a client and its invoices (NOTE-1): added, never changed, and never shown to
//! clients.
//!
//! Each is an event of the client's chain, which has a salted hash of its text.

use axum::Json;
use axum::http::StatusCode;
use domain::command::Command;
use domain::id::InvoiceId;
use domain::note::NoteKind;
use domain::text::{MAX_TEXT_BYTES, Personal};
use serde::{Deserialize, Serialize};
use services::execute::{ExecuteError, Numbered, With, execute_with};
use services::http::{Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::Desk;
use store::Note;
use utoipa::ToSchema;

use crate::OfClient;

/// A note.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Note)]
pub(crate) struct ShownNote {
    /// Its id.
    note: String,
    /// When.
    at: String,
    /// Who.
    by: String,
    /// `note`, or `call` where it logs one.
    #[schema(example = "call")]
    kind: &'static str,
    /// About which invoice, if about one.
    invoice: Option<String>,
    /// What.
    text: String,
}

impl From<Note> for ShownNote {
    fn from(note: Note) -> Self {
        Self {
            note: note.id,
            at: note.at.to_rfc3339(),
            by: note.by.to_string(),
            kind: note.kind.as_str(),
            invoice: note.invoice.map(String::from),
            text: note.text.personal,
        }
    }
}

/// A client's notes, newest first.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/notes", tag = "notes", operation_id = "list_notes",
    params(OfClient, PageQuery), responses((status = 200, body = Listing<ShownNote>)))]
pub(crate) async fn list(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<ShownNote>>, Problem> {
    let listed = desk.store().notes(&client, &page.request()?).await?;
    if listed.items.is_empty() {
        desk.require_client(&client).await?;
    }
    Ok(Json(Listing::of(listed, ShownNote::from)))
}

/// A new note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewNote {
    /// What.
    text: String,
    /// `note`, if not said, or `call` to log one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    kind: NoteKind,
    /// About which invoice of the client, if about one.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    invoice: Option<InvoiceId>,
}

/// Writes a note, or logs a call.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/notes", tag = "notes", operation_id = "write_note",
    params(OfClient), request_body = NewNote, responses((status = 201, body = ShownNote)))]
pub(crate) async fn write(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewNote>,
) -> Result<(StatusCode, Json<ShownNote>), Problem> {
    if new.text.trim().is_empty() || MAX_TEXT_BYTES < new.text.len() {
        let detail = format!("a note of 1 to {MAX_TEXT_BYTES} bytes is expected");
        return Err(Problem::invalid("text", detail));
    }
    let NewNote { text, kind, invoice } = new;
    let command = Command::AddNote { kind, invoice, text: Personal::new(text) };
    let with = With { once: desk.once.as_deref(), series: None };
    let asked: (&Numbered<'_>, With<'_>) = (&|_| command.clone(), with);
    let executed = execute_with(&desk.firm, &client, asked, &desk.caller, desk.now).await;
    let executed = executed.map_err(|error| match error {
        ExecuteError::Refused(no) if no.rule == "NOTE-1" => Problem::from(no).of("invoice"),
        error => error.into(),
    })?;
    let written = desk.store().note(&client, executed.made.as_deref().unwrap_or_default()).await?;
    let written = written.ok_or_else(|| Problem::not_found("note"))?;
    Ok((StatusCode::CREATED, Json(written.into())))
}
