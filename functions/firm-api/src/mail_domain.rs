//! The domain that the firm's letters come from (LET-2): set up by an admin, with the records to put into the
//! DNS, and how far that is.

use axum::Json;
use domain::role::Role;
use serde::{Deserialize, Serialize};
use services::correspondence::Sender;
use services::http::{JsonBody, Problem, ProblemKind};
use services::office::Desk;
use services::office::mail_domain::{MailDomainError, give_up, set_up};
use store::{DnsRecord, FirmSettings, MailDomain};
use utoipa::ToSchema;

use crate::Means;

/// The domain that letters come from.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownDomain {
    /// Its name; none is set up.
    #[schema(example = "harborpine.example")]
    domain: Option<String>,
    /// Whether the mail service has found its records: until then letters wait.
    is_verified: bool,
    /// When it last looked.
    looked_at: Option<String>,
    /// What is to stand in the DNS; copy it there.
    records: Vec<ShownRecord>,
    /// Whether letters leave, and why not, in a sentence.
    letters: String,
}

/// A record of the DNS.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownRecord {
    /// `dkim`: letters are signed by it; `mail_from`: bounces come back by it; `dmarc`: what receivers do with
    /// mail that isn't the firm's.
    #[schema(example = "dkim")]
    purpose: String,
    /// Its type.
    #[schema(example = "CNAME")]
    kind: String,
    /// Its name, in full.
    name: String,
    /// What it says.
    value: String,
    /// `found`, `waiting`, `given_up` (set the domain up anew) or `not_looked_at`.
    #[schema(example = "waiting")]
    state: String,
}

impl From<DnsRecord> for ShownRecord {
    fn from(record: DnsRecord) -> Self {
        let DnsRecord { purpose, kind, name, value, state } = record;
        Self { purpose, kind, name, value, state }
    }
}

impl ShownDomain {
    fn of(settings: &FirmSettings, domain: Option<MailDomain>) -> Self {
        let letters = match (Sender::of(settings), settings.is_test) {
            (Err(error), _) => error.to_string(),
            (Ok(sender), true) => {
                format!("a test firm's letters, from {}, stay in its mailbox", sender.from)
            }
            (Ok(sender), false) => format!("letters leave from {}", sender.from),
        };
        let (is_verified, looked_at) =
            domain.as_ref().map_or((false, None), |known| (known.is_verified, known.looked_at));
        Self {
            is_verified,
            looked_at: looked_at.map(|at| at.to_rfc3339()),
            letters,
            domain: domain.as_ref().map(|known| known.name.clone()),
            records: domain
                .into_iter()
                .flat_map(|known| known.records)
                .map(ShownRecord::from)
                .collect(),
        }
    }
}

/// A domain to send letters from.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDomain {
    /// Its name.
    #[schema(example = "harborpine.example")]
    domain: String,
}

/// The domain that letters come from, as it was when the mail service last looked.
#[utoipa::path(get, path = "/firm/v1/mail-domain", tag = "firm", operation_id = "get_mail_domain",
    responses((status = 200, body = ShownDomain)))]
pub(crate) async fn get(desk: Desk) -> Result<Json<ShownDomain>, Problem> {
    let known = desk.store().mail_domain().await?;
    Ok(Json(ShownDomain::of(desk.firm.settings(), known)))
}

/// Sets a domain up, as an admin who signed in lately; the same once more looks whether its records are there
/// by now. One that another firm has set up is refused.
#[utoipa::path(put, path = "/firm/v1/mail-domain", tag = "firm", operation_id = "set_up_mail_domain",
    request_body = NewDomain, responses((status = 200, body = ShownDomain)))]
pub(crate) async fn put(
    desk: Desk,
    means: Means,
    JsonBody(NewDomain { domain }): JsonBody<NewDomain>,
) -> Result<Json<ShownDomain>, Problem> {
    desk.require(&[Role::Admin])?;
    desk.require_fresh_sign_in()?;
    let known = set_up(&desk.firm, &*means.domains, &domain, &desk.caller, desk.now).await;
    let known = known.map_err(problem)?;
    let settings =
        FirmSettings { mail_domain: Some(known.sending()), ..desk.firm.settings().clone() };
    Ok(Json(ShownDomain::of(&settings, Some(known))))
}

/// Gives the domain up, as an admin who signed in lately: letters wait from then on.
#[utoipa::path(delete, path = "/firm/v1/mail-domain", tag = "firm",
    operation_id = "give_up_mail_domain", responses((status = 200, body = ShownDomain)))]
pub(crate) async fn remove(desk: Desk, means: Means) -> Result<Json<ShownDomain>, Problem> {
    desk.require(&[Role::Admin])?;
    desk.require_fresh_sign_in()?;
    give_up(&desk.firm, &*means.domains, &desk.caller, desk.now).await.map_err(problem)?;
    let settings = FirmSettings { mail_domain: None, ..desk.firm.settings().clone() };
    Ok(Json(ShownDomain::of(&settings, None)))
}

fn problem(error: MailDomainError) -> Problem {
    let sentence = error.to_string();
    match error {
        MailDomainError::NoName | MailDomainError::Refused { .. } => {
            Problem::invalid("domain", sentence)
        }
        MailDomainError::Taken(_) | MailDomainError::Another(_) => {
            Problem::new(ProblemKind::Conflict, sentence).of("domain")
        }
        MailDomainError::Down(error) => {
            tracing::warn!("The mail service can't be asked: {}", platform::log::chain(&error));
            Problem::new(ProblemKind::Busy, sentence)
        }
        MailDomainError::Busy => Problem::new(ProblemKind::Busy, sentence),
        MailDomainError::Store(error) => error.into(),
    }
}
