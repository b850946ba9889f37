//! A client's addresses and the people behind them who come to the portal (SEC-3): invited, invited again,
//! signed out, and let in no more.

use axum::Json;
use axum::http::StatusCode;
use domain::id::{ClientId, ContactId};
use serde::{Deserialize, Serialize};
use services::contacts::{
    AddressRow, Invitation, Person, addresses, admit, invite as invite_one, of_client,
    remove_address, take_membership,
};
use services::http::{Ids, JsonBody, Params, Problem};
use services::office::Desk;
use store::{ContactLinkKind, DeliveryState};
use utoipa::{IntoParams, ToSchema};

use crate::{Means, OfClient};

/// The contact in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfContact {
    /// The client's id.
    #[param(value_type = String)]
    client: ClientId,
    /// The contact's id.
    #[param(value_type = String)]
    contact: ContactId,
}

/// A client's addresses, and who comes by each.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Contacts {
    /// In the order in which letters go there.
    items: Vec<ContactAddress>,
}

/// An address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactAddress {
    /// The e-mail address.
    address: String,
    /// Whether letters came back from it.
    is_bounced: bool,
    /// Whether the client's letters go there.
    is_listed: bool,
    /// Who comes to the portal by it, if anybody was invited.
    contact: Option<ContactPerson>,
}

/// Who comes by an address.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactPerson {
    /// The contact's id.
    contact: String,
    /// The person's name.
    called: String,
    /// `invited`, `active` or `ended`.
    #[schema(example = "active")]
    state: &'static str,
    /// For how many clients it acts.
    clients: usize,
    /// How many sessions are open.
    sessions: usize,
    /// The last letter with a link to sign in, of the last month.
    mail: Option<ContactLetter>,
}

/// A letter with a link to sign in.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ContactLetter {
    /// `invitation` or `sign_in`.
    #[schema(example = "invitation")]
    kind: &'static str,
    /// When it was asked for.
    asked_at: String,
    /// What became of it: `waiting` until the mail service has it.
    #[schema(example = "sent")]
    state: &'static str,
    /// Why not, where it can't be delivered.
    problem: Option<String>,
    /// What was heard of it since: `arrived`, `delayed`, `returned`, `complained` or `refused`.
    #[schema(example = "arrived")]
    heard: Option<&'static str>,
}

impl From<AddressRow> for ContactAddress {
    fn from(row: AddressRow) -> Self {
        Self {
            address: row.address.as_str().to_owned(),
            is_bounced: row.is_bounced,
            is_listed: row.is_listed,
            contact: row.person.map(ContactPerson::from),
        }
    }
}

impl From<Person> for ContactPerson {
    fn from(person: Person) -> Self {
        let Person { contact, sessions, mail } = person;
        Self {
            contact: contact.id.to_string(),
            called: contact.facts.called.as_str().to_owned(),
            state: contact.facts.state.as_str(),
            clients: contact.facts.clients.len(),
            sessions,
            mail: mail.map(|mail| ContactLetter {
                kind: match mail.kind {
                    ContactLinkKind::Invitation => "invitation",
                    ContactLinkKind::SignIn => "sign_in",
                },
                asked_at: mail.asked_at.to_rfc3339(),
                state: mail.outcome.as_ref().map_or("waiting", |outcome| match outcome.state {
                    DeliveryState::Sent => "sent",
                    DeliveryState::Failed => "failed",
                    DeliveryState::Uncertain => "uncertain",
                }),
                heard: mail.heard.most().map(|(kind, _)| kind.as_str()),
                problem: mail.outcome.and_then(|outcome| outcome.problem),
            }),
        }
    }
}

/// A client's addresses, and who comes to its portal by each.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/contacts", tag = "contacts",
    operation_id = "list_contacts", params(OfClient), responses((status = 200, body = Contacts)))]
pub(crate) async fn list(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Contacts>, Problem> {
    let view = desk.view(&client).await?;
    let rows = addresses(&desk.firm, &view, desk.now).await?;
    Ok(Json(Contacts { items: rows.into_iter().map(ContactAddress::from).collect() }))
}

/// Who is to come.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewInvitation {
    /// The e-mail address; added to the client's, if it isn't one of them.
    address: String,
    /// The person's name, by which letters greet.
    called: String,
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct InvitedContact {
    /// The contact's id.
    id: String,
    /// `invited`, or `active` for somebody who comes already, for another client.
    #[schema(example = "invited")]
    state: &'static str,
    /// Whether an invitation is on its way: who comes already needs none.
    is_mailed: bool,
}

impl From<services::contacts::Invited> for InvitedContact {
    fn from(invited: services::contacts::Invited) -> Self {
        Self {
            id: invited.contact.to_string(),
            state: invited.state.as_str(),
            is_mailed: invited.is_mailed,
        }
    }
}

/// Invites somebody to a client's portal, by a letter whose link works once, for a week.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/contacts", tag = "contacts",
    operation_id = "invite_contact", params(OfClient), request_body = NewInvitation,
    responses((status = 201, body = InvitedContact)))]
pub(crate) async fn invite(
    desk: Desk,
    means: Means,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewInvitation>,
) -> Result<(StatusCode, Json<InvitedContact>), Problem> {
    let invitation = Invitation { client, address: new.address, called: new.called };
    let (firm, postbox) = (&desk.firm, &means.postbox);
    let invited = admit(firm, postbox, &invitation, &desk.caller, desk.now).await?;
    Ok((StatusCode::CREATED, Json(invited.into())))
}

/// Writes once more to somebody who never came; the links of before stay good for their week.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/contacts/{contact}/invitations", tag = "contacts",
    operation_id = "invite_contact_again", params(OfContact), responses((status = 201, body = InvitedContact)))]
pub(crate) async fn invite_again(
    desk: Desk,
    means: Means,
    Ids(OfContact { client, contact }): Ids<OfContact>,
) -> Result<(StatusCode, Json<InvitedContact>), Problem> {
    desk.require(services::contacts::KEEPERS)?;
    let known = of_client(&desk.firm, &client, &contact).await?;
    let invitation = Invitation {
        client,
        address: known.facts.address.as_str().to_owned(),
        called: known.facts.called.as_str().to_owned(),
    };
    let (firm, postbox) = (&desk.firm, &means.postbox);
    let invited = invite_one(firm, postbox, &invitation, &desk.caller, desk.now).await?;
    Ok((StatusCode::CREATED, Json(invited.into())))
}

/// Which address.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct WhichAddress {
    /// The e-mail address.
    address: String,
}

/// Removes an address from a client: no letter goes there, and whoever comes by it comes for this client no
/// more.
#[utoipa::path(delete, path = "/firm/v1/clients/{client}/contacts", tag = "contacts",
    operation_id = "remove_address", params(OfClient, WhichAddress), responses((status = 204)))]
pub(crate) async fn remove(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(which): Params<WhichAddress>,
) -> Result<StatusCode, Problem> {
    remove_address(&desk.firm, &client, &which.address, &desk.caller, desk.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Somebody comes for this client no more; the client's letters go on to the address.
#[utoipa::path(delete, path = "/firm/v1/clients/{client}/contacts/{contact}", tag = "contacts",
    operation_id = "withdraw_contact", params(OfContact), responses((status = 204)))]
pub(crate) async fn withdraw(
    desk: Desk,
    Ids(OfContact { client, contact }): Ids<OfContact>,
) -> Result<StatusCode, Problem> {
    desk.require(services::contacts::KEEPERS)?;
    of_client(&desk.firm, &client, &contact).await?;
    take_membership(&desk.firm, &contact, &client, &desk.caller, desk.now).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Signs a contact out everywhere; links that it was sent open nothing any more.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/contacts/{contact}/end-sessions", tag = "contacts",
    operation_id = "end_contact_sessions", params(OfContact), responses((status = 204)))]
pub(crate) async fn end_sessions(
    desk: Desk,
    Ids(OfContact { client, contact }): Ids<OfContact>,
) -> Result<StatusCode, Problem> {
    desk.require(services::contacts::KEEPERS)?;
    of_client(&desk.firm, &client, &contact).await?;
    services::contacts::end_sessions(&desk.firm, &contact, &desk.caller, desk.now).await?;
    Ok(StatusCode::NO_CONTENT)
}
