//! What a contact and the firm write to each other (LET-8, POR-3): open in every state (ACC-4).

use axum::Json;
use axum::http::StatusCode;
use domain::access::Capability;
use domain::command::Command;
use domain::id::ClientId;
use domain::message::{Channel, NewMessage};
use domain::text::Personal;
use serde::{Deserialize, Serialize};
use services::execute::{Caller, Executed, With, execute_with};
use services::firm::Firm;
use services::http::page::page;
use services::http::{Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::portal::Visitor;
use store::Message;
use utoipa::ToSchema;

use crate::clients::{Noted, OfClient};

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PortalMessage)]
pub(crate) struct ShownMessage {
    /// Its id.
    message: String,
    /// When.
    at: String,
    /// `client` or `firm`.
    from: &'static str,
    /// What.
    text: String,
}

impl From<Message> for ShownMessage {
    fn from(Message { at, message }: Message) -> Self {
        Self {
            message: message.id.0.to_string(),
            at: at.to_rfc3339(),
            from: if message.is_the_clients() { "client" } else { "firm" },
            text: message.text.personal,
        }
    }
}

/// What was written to and fro, newest first.
#[utoipa::path(get, path = "/portal/v1/clients/{client}/messages", tag = "clients",
    operation_id = "my_messages", params(OfClient, PageQuery),
    responses((status = 200, body = Listing<ShownMessage>)))]
pub(crate) async fn list(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Listing<ShownMessage>>, Problem> {
    let page = page(query.cursor.as_deref(), query.limit)?;
    visitor.view_for(&client, Capability::Messages).await?;
    let listed = visitor.store().messages(&client, &page).await?;
    Ok(Json(Listing::of(listed, ShownMessage::from)))
}

/// A message to the firm.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ToTheFirm {
    /// What.
    #[serde(default)]
    text: String,
}

impl ToTheFirm {
    pub(crate) fn into_message(self, channel: Channel) -> NewMessage {
        NewMessage { channel, address: None, letter: None, text: Personal::new(self.text) }
    }
}

/// Writes to the firm; nothing harsher than a reminder happens until somebody there has read it.
#[utoipa::path(post, path = "/portal/v1/clients/{client}/messages", tag = "clients",
    operation_id = "write_to_the_firm", params(OfClient), request_body = ToTheFirm,
    responses((status = 201, body = Noted)))]
pub(crate) async fn write(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<ToTheFirm>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    visitor.view_for(&client, Capability::Messages).await?;
    let address = Some(Personal::new(visitor.principal.address.as_str()));
    let message = NewMessage { address, ..new.into_message(Channel::Portal) };
    let once = visitor.once.as_deref();
    let executed =
        receive((&visitor.firm, &client), message, once, (&visitor.caller, visitor.now)).await?;
    Ok((StatusCode::CREATED, Json(Noted::of(&executed))))
}

/// Takes a message down, once however often its form is sent.
pub(crate) async fn receive(
    (firm, client): (&Firm, &ClientId),
    message: NewMessage,
    once: Option<&str>,
    (caller, now): (&Caller, chrono::DateTime<chrono::Utc>),
) -> Result<Executed, Problem> {
    let command = Command::ReceiveMessage(message);
    let with = With { once, series: None };
    let executed = execute_with(firm, client, (&|_| command.clone(), with), caller, now).await;
    executed.map_err(|error| {
        let problem = Problem::from(error);
        match problem.rule {
            Some("LET-8") => problem.of("text"),
            _ => problem,
        }
    })
}
