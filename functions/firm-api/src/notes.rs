//! Staff's notes and call log on a client (NOTE-1): added, never changed, and never shown to clients.

use axum::Json;
use axum::http::StatusCode;
use domain::id::InvoiceId;
use domain::text::{MAX_TEXT_BYTES, Personal};
use identity::OpaqueToken;
use serde::{Deserialize, Serialize};
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
    desk.require_client(&client).await?;
    if let Some(invoice) = &new.invoice
        && desk.store().client_of_invoice(invoice).await?.as_ref() != Some(&client)
    {
        return Err(Problem::invalid("invoice", "the client has no such invoice"));
    }
    let at = desk.firm.now(desk.now);
    let note = Note {
        id: id(&desk)?,
        at,
        by: desk.staff().clone(),
        invoice: new.invoice,
        text: Personal::new(new.text),
    };
    // One that is there is this one: its id stands for this request.
    desk.store().add_note(&client, &note).await?;
    Ok((StatusCode::CREATED, Json(note.into())))
}

/// Sorts by time; a request that is made again within its key's day has the same name at its end, and
/// what it answered was kept.
fn id(desk: &Desk) -> Result<String, Problem> {
    let at = desk.firm.now(desk.now).format("%Y%m%dT%H%M%S%6fZ");
    let token = OpaqueToken::random_128().map_err(|error| Problem::internal(&error))?;
    let name = desk.once.clone().unwrap_or_else(|| token.reveal().to_owned());
    Ok(format!("{at}-{name}"))
}
