//! Links to pay with (LET-7): made to be handed on, or mailed; listed; taken back.
//!
//! The address of a link is in the answer that made it and nowhere else: what is kept of that answer, should it
//! be asked for again, is without it (SEC-5).

use std::collections::BTreeSet;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use domain::command::Command;
use domain::event::Event;
use domain::id::{ClientId, InvoiceId};
use domain::text::Personal;
use serde::{Deserialize, Serialize};
use services::http::once::KeptAnswer;
use services::http::{Date, Ids, JsonBody, Problem};
use services::office::pay_links::{self, LinkRow, can_be_linked};
use services::office::{Desk, Outcome};
use services::portal::Life;
use utoipa::{IntoParams, ToSchema};

use crate::show::Letter;
use crate::{Means, OfClient};

/// A client's links.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PayLinks {
    /// Newest first: those that staff made, and those of the newest letters.
    items: Vec<ShownPayLink>,
}

/// A link to pay with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PayLink)]
pub(crate) struct ShownPayLink {
    /// Its name; it opens nothing.
    pay_link: String,
    /// Who made it, where no letter did.
    made_by: Option<String>,
    /// When.
    made_on: Date,
    /// The letter that holds it, where one does, and what became of that.
    letter: Option<Letter>,
    /// What it shows.
    invoices: Vec<String>,
    /// `good`, `over` or `taken_back`.
    #[schema(example = "good")]
    state: &'static str,
    /// Its last day, once everything that it shows is closed; until then it has none.
    ends_on: Option<Date>,
}

impl ShownPayLink {
    fn of(row: LinkRow, today: domain::calendar::Day) -> Self {
        Self {
            pay_link: row.link.hash,
            made_by: row.link.made_by.map(|by| by.to_string()),
            made_on: Date(row.link.made_on),
            letter: row.letter.map(Letter::from),
            invoices: row.link.invoices.iter().map(ToString::to_string).collect(),
            state: match row.life {
                Life::TakenBack => "taken_back",
                life if life.is_good(today) => "good",
                Life::WhileOpen | Life::Until(_) => "over",
            },
            ends_on: match row.life {
                Life::Until(last) => Some(Date(last)),
                Life::WhileOpen | Life::TakenBack => None,
            },
        }
    }
}

/// A client's links to pay with: those that staff made, and those of its newest 50 letters.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/pay-links", tag = "pay links",
    operation_id = "list_pay_links", params(OfClient), responses((status = 200, body = PayLinks)))]
pub(crate) async fn list(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<PayLinks>, Problem> {
    let view = desk.view(&client).await?;
    let rows = pay_links::links(&desk.firm, &view).await?;
    let items = rows.into_iter().map(|row| ShownPayLink::of(row, view.day)).collect();
    Ok(Json(PayLinks { items }))
}

/// A link that is to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPayLink {
    /// What it shows; everything that can be paid now, if not said.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    invoices: Option<BTreeSet<InvoiceId>>,
    /// One of the client's addresses, to which a letter takes it; without one the answer holds it.
    #[serde(default)]
    mail_to: Option<String>,
}

/// A link that was made, or whose letter is on its way.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MadePayLink {
    /// What it came to; its `id` is the link's name, or the letter's number.
    #[serde(flatten)]
    outcome: Outcome,
    /// The link, for this once; none where a letter takes it.
    #[schema(example = "https://portal.example/l/…")]
    url: Option<String>,
}

/// Makes a link that shows these invoices without signing in and lets them be paid; or has one mailed.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/pay-links", tag = "pay links",
    operation_id = "make_pay_link", params(OfClient), request_body = NewPayLink,
    responses((status = 201, body = MadePayLink)))]
pub(crate) async fn make(
    desk: Desk,
    means: Means,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewPayLink>,
) -> Result<Response, Problem> {
    let invoices = match new.invoices {
        Some(invoices) => invoices,
        None => can_be_linked(&desk.view(&client).await?),
    };
    if let Some(to) = new.mail_to {
        return mail(&desk, &client, invoices, to).await;
    }
    let made = pay_links::make(&desk, &client, invoices).await.map_err(field)?;
    let url = format!("{}{}", means.public_url.trim_end_matches('/'), made.path());
    let outcome = Outcome::of(&made.executed).with_id(made.id);
    let kept = MadePayLink { outcome: outcome.clone(), url: None };
    let kept = serde_json::to_string(&kept).map_err(|error| Problem::internal(&error))?;
    let answer = Json(MadePayLink { outcome, url: Some(url) });
    let mut response = (StatusCode::CREATED, answer).into_response();
    response.extensions_mut().insert(KeptAnswer(kept));
    Ok(response)
}

async fn mail(
    desk: &Desk,
    client: &ClientId,
    invoices: BTreeSet<InvoiceId>,
    to: String,
) -> Result<Response, Problem> {
    let command = Command::MailPayLink { invoices, to: Personal::new(to) };
    let executed = desk.execute(client, &command).await.map_err(field)?;
    let letter = executed.events.iter().find_map(|event| match event {
        Event::LetterQueued(letter) => Some(letter.id.0.to_string()),
        _ => None,
    });
    let outcome = Outcome::of(&executed);
    let outcome = match letter {
        Some(letter) => outcome.with_id(letter),
        None => outcome, // the same letter is on its way
    };
    Ok((StatusCode::CREATED, Json(MadePayLink { outcome, url: None })).into_response())
}

/// Which field a rule is about.
fn field(problem: Problem) -> Problem {
    match problem.rule {
        Some("LET-7") => problem.of("invoices"),
        Some("LET-2" | "LET-6") => problem.of("mail_to"),
        _ => problem,
    }
}

/// The link in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfLink {
    /// The client's id.
    #[param(value_type = String)]
    client: ClientId,
    /// The link's name.
    link: String,
}

/// Takes a link back, staff's or a letter's: it shows nothing any more.
#[utoipa::path(delete, path = "/firm/v1/clients/{client}/pay-links/{link}", tag = "pay links",
    operation_id = "take_pay_link_back", params(OfLink), responses((status = 204)))]
pub(crate) async fn take_back(
    desk: Desk,
    Ids(OfLink { client, link }): Ids<OfLink>,
) -> Result<StatusCode, Problem> {
    pay_links::take_back(&desk, &client, &link).await?;
    Ok(StatusCode::NO_CONTENT)
}
