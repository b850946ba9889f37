//! Staff's notes and call log on a client and its invoices (NOTE-1): added, never changed, and never shown to
//! clients.
//!
//! Each is an event of the client's chain, which has a salted hash of its text.

use axum::Json;
use axum::http::StatusCode;
use domain::calendar::Day;
use domain::command::Command;
use domain::id::InvoiceId;
use domain::note::NoteKind;
use domain::text::{MAX_TEXT_BYTES, Personal};
use serde::{Deserialize, Serialize};
use services::execute::{ExecuteError, Numbered, With, execute_with};
use services::http::page::page;
use services::http::{Date, Ids, JsonBody, Listing, Params, Problem};
use services::office::Desk;
use store::Note;
use utoipa::{IntoParams, ToSchema};

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

/// Which notes.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Only `note`s, or only `call`s.
    #[serde(default)]
    #[param(value_type = Option<String>)]
    kind: Option<NoteKind>,
    /// Where it begins: `next` of the page before.
    cursor: Option<String>,
    /// How many are looked at, 1 to 200; of one kind there may be fewer.
    limit: Option<u32>,
}

/// A client's notes, newest first.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/notes", tag = "notes", operation_id = "list_notes",
    params(OfClient, Which), responses((status = 200, body = Listing<ShownNote>)))]
pub(crate) async fn list(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(which): Params<Which>,
) -> Result<Json<Listing<ShownNote>>, Problem> {
    let page = page(which.cursor.as_deref(), which.limit)?;
    let mut listed = desk.store().notes(&client, &page).await?;
    if listed.items.is_empty() {
        desk.require_client(&client).await?;
    }
    listed.items.retain(|note| which.kind.is_none_or(|kind| note.kind == kind));
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
    /// Of a call: who was spoken to.
    #[serde(default)]
    spoke_with: Option<String>,
    /// Of a call: the day of it, if that isn't today.
    #[serde(default)]
    called_on: Option<Date>,
    /// Of a call: what is to be done next.
    #[serde(default)]
    next_step: Option<String>,
}

impl NewNote {
    /// As it is kept: a call is a note that begins with whom and when, and ends with what comes next.
    fn text(&self, today: Day) -> Result<String, Problem> {
        let details = [
            ("spoke_with", self.spoke_with.is_some()),
            ("called_on", self.called_on.is_some()),
            ("next_step", self.next_step.is_some()),
        ];
        let said = details.iter().find(|(_, is_said)| *is_said);
        if let (NoteKind::Note, Some((field, _))) = (self.kind, said) {
            return Err(Problem::invalid(*field, "only a call has this; kind call is expected"));
        }
        let on = self.called_on.map_or(today, |Date(on)| on);
        if today < on {
            return Err(Problem::invalid("called_on", format!("{on} has not come yet")));
        }
        if self.text.trim().is_empty() {
            return Err(Problem::invalid("text", "say what it was about"));
        }
        let line = |text: &Option<String>| {
            let text = text.as_deref().map(|text| text.split_whitespace().collect::<Vec<_>>());
            text.map(|words| words.join(" ")).filter(|text| !text.is_empty())
        };
        let day = |on: Day| on.format("%B %-d, %Y").to_string();
        let head = match (line(&self.spoke_with), on == today) {
            (Some(whom), true) => Some(format!("Spoke with {whom}.")),
            (Some(whom), false) => Some(format!("Spoke with {whom} on {}.", day(on))),
            (None, false) => Some(format!("Call on {}.", day(on))),
            (None, true) => None,
        };
        let next = line(&self.next_step).map(|next| format!("Next step: {next}"));
        let parts = [head, Some(self.text.clone()), next];
        Ok(parts.into_iter().flatten().collect::<Vec<_>>().join("\n"))
    }
}

/// Writes a note, or logs a call.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/notes", tag = "notes", operation_id = "write_note",
    params(OfClient), request_body = NewNote, responses((status = 201, body = ShownNote)))]
pub(crate) async fn write(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewNote>,
) -> Result<(StatusCode, Json<ShownNote>), Problem> {
    let text = new.text(desk.day())?;
    if MAX_TEXT_BYTES < text.len() {
        let detail = format!("a note of 1 to {MAX_TEXT_BYTES} bytes is expected");
        return Err(Problem::invalid("text", detail));
    }
    let NewNote { kind, invoice, .. } = new;
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
