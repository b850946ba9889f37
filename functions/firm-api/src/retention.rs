//! What will be deleted of clients whose engagement ended, and when; put off by a partner (CLOSE-1).

use axum::Json;
use domain::account::{Gone, PutOff};
use domain::command::Command;
use domain::refusal::Refusal;
use domain::role::Role;
use domain::text::{Personal, sentence};
use serde::{Deserialize, Serialize};
use services::http::{Date, Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::{Desk, Outcome};
use services::retention::{Deletion, deletion, deletions};
use utoipa::ToSchema;

use crate::OfClient;

/// A closed client, and when its personal data go.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Deletion)]
pub(crate) struct ShownDeletion {
    /// Which client.
    client: String,
    /// Its name.
    name: String,
    /// Its class.
    class: String,
    /// When the engagement ended.
    closed_on: Date,
    /// The first day on which they may be deleted: the firm's years after that, or what a partner said.
    deletes_on: Date,
    /// What obliges the firm to keep them all the same, as things stand.
    #[schema(example = json!(["1 invoice is open."]))]
    kept_for: Vec<String>,
    /// That a partner put it off.
    put_off: Option<ShownPutOff>,
}

/// That a partner put a deletion off.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeletionPutOff)]
pub(crate) struct ShownPutOff {
    /// The last day on which they are kept for it.
    until: Date,
    /// Who.
    by: String,
    /// Why.
    reason: String,
}

impl From<Deletion> for ShownDeletion {
    fn from(of: Deletion) -> Self {
        let put_off = |PutOff { until, by, reason }: PutOff| ShownPutOff {
            until: Date(until),
            by: by.to_string(),
            reason: reason.as_str().to_owned(),
        };
        Self {
            client: of.client.to_string(),
            name: of.name,
            class: of.class.to_string(),
            closed_on: Date(of.closed_on),
            deletes_on: Date(of.deletes_on),
            kept_for: of.kept_for.iter().map(|why| sentence(&why.to_string())).collect(),
            put_off: of.put_off.map(put_off),
        }
    }
}

/// The clients whose engagement ended and whose personal data are kept, by name: what will be deleted, and when.
#[utoipa::path(get, path = "/firm/v1/deletions", tag = "retention", operation_id = "list_deletions",
    params(PageQuery), responses((status = 200, body = Listing<ShownDeletion>)))]
pub(crate) async fn list(
    desk: Desk,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<ShownDeletion>>, Problem> {
    let listed = deletions(&desk.firm, &page.request()?, desk.now).await?;
    Ok(Json(Listing::of(listed, ShownDeletion::from)))
}

/// What will be deleted of a client.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PersonalData {
    /// When, and what stands in its way.
    #[serde(flatten)]
    deletion: ShownDeletion,
    /// Records of the audit that hold texts: names, addresses, reasons; the records stay, without them.
    records: u32,
    /// Letters as they were sent.
    letters: u32,
    /// Staff's notes.
    notes: u32,
    /// Contacts who come for this client; whoever comes for no other is deleted as well.
    contacts: u32,
}

/// What will be deleted of a client whose engagement ended.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/deletion", tag = "retention",
    operation_id = "get_deletion", params(OfClient), responses((status = 200, body = PersonalData)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<PersonalData>, Problem> {
    let view = desk.view(&client).await?;
    let Some(of) = deletion(&desk.firm, &view) else {
        let text = match view.loaded.account.is_erased() {
            true => "the personal data of this client are deleted",
            false => "the engagement goes on, so nothing of this client is deleted",
        };
        return Err(Refusal::conflict("CLOSE-1", text).into());
    };
    let Gone { records, letters, notes, contacts } = desk.store().personal_data(&client).await?;
    Ok(Json(PersonalData { deletion: of.into(), records, letters, notes, contacts }))
}

/// Keeps a client's personal data longer.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PutOffAsked {
    /// The last day on which they are kept for it.
    until: Date,
    /// Why.
    reason: String,
}

/// Puts the deletion of a closed client's personal data off, as a partner.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/put-off-deletion", tag = "retention",
    operation_id = "put_off_deletion", params(OfClient), request_body = PutOffAsked,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn put_off(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(PutOffAsked { until: Date(until), reason }): JsonBody<PutOffAsked>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(&[Role::Partner])?;
    let command = Command::PutOffDeletion { until, reason: Personal::new(reason) };
    let executed = desk.execute(&client, &command).await?;
    Ok(Json(Outcome::of(&executed)))
}
