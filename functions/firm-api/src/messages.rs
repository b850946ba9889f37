//! What a client and the firm write to each other (LET-8, POR-3): a client's message waits to be read, and meanwhile
//! nothing harsher than a reminder happens.

use axum::Json;
use axum::http::StatusCode;
use domain::command::Command;
use domain::message::{Author, MessageId};
use domain::text::Personal;
use serde::{Deserialize, Serialize};
use services::execute::{Numbered, With, execute, execute_with};
use services::http::page::page;
use services::http::{Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::Desk;
use store::Message;
use utoipa::{IntoParams, ToSchema};

use crate::OfClient;

/// A message.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Message)]
pub(crate) struct ShownMessage {
    /// Its id.
    message: String,
    /// When.
    at: String,
    /// `client` or `staff`.
    #[schema(example = "client")]
    from: &'static str,
    /// Who at the firm wrote it.
    by: Option<String>,
    /// From which address the client wrote, where that is known.
    address: Option<String>,
    /// How it came: `mail`, `letter`, `portal` or `console`.
    #[schema(example = "mail")]
    channel: &'static str,
    /// The letter that it answers.
    letter: Option<u64>,
    /// What.
    text: String,
    /// Whether it waits to be read.
    is_unread: bool,
}

impl ShownMessage {
    fn of(Message { at, message }: Message, is_unread: bool) -> Self {
        let (from, by, address) = match message.author {
            Author::Client { address } => ("client", None, address.map(|known| known.personal)),
            Author::Staff { by } => ("staff", Some(by.to_string()), None),
        };
        Self {
            message: message.id.0.to_string(),
            at: at.to_rfc3339(),
            from,
            by,
            address,
            channel: message.channel.as_str(),
            letter: message.letter.map(|letter| letter.0),
            text: message.text.personal,
            is_unread,
        }
    }
}

/// A client's messages, newest first. Looking at them is no reading: say so with `read`.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/messages", tag = "messages", operation_id = "list_messages",
    params(OfClient, PageQuery), responses((status = 200, body = Listing<ShownMessage>)))]
pub(crate) async fn list(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Listing<ShownMessage>>, Problem> {
    let page = page(query.cursor.as_deref(), query.limit)?;
    let view = desk.view(&client).await?;
    let unread = view.loaded.account.unread().map(|(_, messages)| messages);
    let is_unread = |id: MessageId| unread.is_some_and(|messages| messages.contains(&id));
    let listed = desk.store().messages(&client, &page).await?;
    Ok(Json(Listing::of(listed, |message| {
        let is_unread = is_unread(message.message.id);
        ShownMessage::of(message, is_unread)
    })))
}

/// A message to the client.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewMessage {
    /// What.
    text: String,
    /// The newest message of the client's that was seen: an answer is a reading.
    #[serde(default)]
    reads: Option<String>,
}

/// Writes to the client: in the portal, and by mail where there is an address that takes some.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/messages", tag = "messages", operation_id = "write_message",
    params(OfClient), request_body = NewMessage, responses((status = 201, body = ShownMessage)))]
pub(crate) async fn write(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewMessage>,
) -> Result<(StatusCode, Json<ShownMessage>), Problem> {
    let reads = new.reads.filter(|id| !id.is_empty());
    let reads = reads.map(|id| id.parse().map(MessageId));
    let reads =
        reads.transpose().map_err(|_| Problem::invalid("reads", "no message has that id"))?;
    let command = Command::WriteMessage { text: Personal::new(new.text), reads };
    let with = With { once: desk.once.as_deref(), series: None };
    let asked: (&Numbered<'_>, With<'_>) = (&|_| command.clone(), with);
    let executed = execute_with(&desk.firm, &client, asked, &desk.caller, desk.now).await;
    let executed = executed.map_err(|error| {
        let problem = Problem::from(error);
        match problem.rule {
            Some("LET-8") => problem.of("text"),
            _ => problem,
        }
    })?;
    let id = executed.made.as_deref().and_then(|id| id.parse().ok()).map(MessageId);
    let id = id.ok_or_else(|| Problem::not_found("message"))?;
    let written = desk.store().message(&client, id).await?;
    let written = written.ok_or_else(|| Problem::not_found("message"))?;
    Ok((StatusCode::CREATED, Json(ShownMessage::of(written, false))))
}

/// The message in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfMessage {
    /// The client's id.
    #[param(value_type = String)]
    client: domain::id::ClientId,
    /// The message's id.
    #[param(value_type = String)]
    message: u64,
}

/// What is left to read.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Unread {
    /// How many messages wait to be read.
    unread: usize,
}

/// Says that a message was read, and those before it; once all are, what waited happens from the next day on.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/messages/{message}/read", tag = "messages",
    operation_id = "read_message", params(OfMessage), responses((status = 200, body = Unread)))]
pub(crate) async fn read(
    desk: Desk,
    Ids(OfMessage { client, message }): Ids<OfMessage>,
) -> Result<Json<Unread>, Problem> {
    let message = MessageId(message);
    if desk.store().message(&client, message).await?.is_none() {
        desk.require_client(&client).await?;
        return Err(Problem::not_found("message"));
    }
    let command = Command::ReadMessage { message };
    let executed = execute(&desk.firm, &client, &command, &desk.caller, desk.now).await?;
    let unread = executed.account.unread().map_or(0, |(_, messages)| messages.len());
    Ok(Json(Unread { unread }))
}
