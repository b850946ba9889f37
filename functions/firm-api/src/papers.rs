//! What is handed out on paper: a statement of account, a demand letter, a referral to collections; and that a
//! collector gave a debt back (CLOSE-2).

use axum::Json;
use axum::response::Response;
use domain::command::Command;
use domain::id::ClientId;
use domain::letter::LetterId;
use serde::Deserialize;
use services::http::{Ids, JsonBody, Params, Problem};
use services::office::{Desk, Outcome};
use services::papers::letter::{OnPaper, sent};
use services::papers::statement::{Asked, ShownStatement};
use services::papers::{pdf, referral, statement as statements};
use utoipa::IntoParams;

use crate::{Because, OfClient};

/// A client's statement of account, as JSON, CSV or PDF: opening balance, what was charged, what came in, closing
/// balance, by currency.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/statement", tag = "papers",
    operation_id = "get_statement", params(OfClient, Asked),
    responses((status = 200, body = ShownStatement)))]
pub(crate) async fn statement(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let view = desk.view(&client).await?;
    statements::answer(&desk.firm, &view.loaded.account, &asked, view.day).await
}

/// The letter in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfLetter {
    /// The client's id.
    #[param(value_type = String)]
    client: ClientId,
    /// The letter's number.
    letter: u64,
}

/// A demand letter that was sent, on paper: the words of the mail under the firm's head (LET-7).
#[utoipa::path(get, path = "/firm/v1/clients/{client}/letters/{letter}/pdf", tag = "papers",
    operation_id = "get_letter_pdf", params(OfLetter),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf")))]
pub(crate) async fn letter(
    desk: Desk,
    Ids(OfLetter { client, letter }): Ids<OfLetter>,
) -> Result<Response, Problem> {
    let view = desk.view(&client).await?;
    let OnPaper { name, bytes } = sent(&desk.firm, &view.loaded.account, LetterId(letter)).await?;
    Ok(pdf(&name, bytes))
}

/// What a collector needs to know, as CSV or PDF: the debt, its history and its letters (CLOSE-2).
#[utoipa::path(get, path = "/firm/v1/clients/{client}/referral", tag = "papers",
    operation_id = "get_referral", params(OfClient, referral::Asked),
    responses((status = 200, body = Vec<u8>, content_type = "application/pdf")))]
pub(crate) async fn refer(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(asked): Params<referral::Asked>,
) -> Result<Response, Problem> {
    let view = desk.view(&client).await?;
    referral::answer(&desk.firm, &view.loaded.account, asked, view.day).await
}

/// Takes back what is with collections: it is collected here again (CLOSE-2).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/referral/return", tag = "papers",
    operation_id = "return_referral", params(OfClient), request_body = Because,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn take_back(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Outcome>, Problem> {
    let command = Command::ReturnReferral { reason: because.text() };
    let executed = desk.execute(&client, &command).await?;
    Ok(Json(Outcome::of(&executed)))
}
