//! Who looks after a client, and which mails a person at the firm gets (STAFF-1).

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use domain::command::Command;
use domain::id::StaffId;
use domain::people::{MAX_PREPARERS, People};
use domain::role::Role;
use domain::text::Personal;
use serde::{Deserialize, Serialize};
use services::http::{Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::{Desk, Outcome};
use services::tell::choose_mails;
use store::{DeliveryState, Mails};
use utoipa::ToSchema;

use crate::OfClient;
use crate::settings::busy;

/// Who looks after a client.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientPeople {
    /// The engagement partner; every partner, if nobody is named.
    pub partner: Option<String>,
    /// The billing lead; every billing lead, if nobody is named.
    pub billing_lead: Option<String>,
    /// The preparers; every preparer, if nobody is named.
    pub preparers: Vec<String>,
}

impl ClientPeople {
    /// Those of an account.
    pub fn of(people: &People) -> Self {
        Self {
            partner: people.partner.as_ref().map(ToString::to_string),
            billing_lead: people.billing_lead.as_ref().map(ToString::to_string),
            preparers: people.preparers.iter().map(ToString::to_string).collect(),
        }
    }
}

/// All who look after a client from now on: who isn't named no longer does.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewPeople {
    /// The engagement partner.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    partner: Option<StaffId>,
    /// The billing lead.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    billing_lead: Option<StaffId>,
    /// The preparers, at most 20.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    preparers: Vec<StaffId>,
}

/// Who looks after a client.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/people", tag = "clients",
    operation_id = "get_client_people", params(OfClient),
    responses((status = 200, body = ClientPeople)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<ClientPeople>, Problem> {
    let view = desk.view(&client).await?;
    Ok(Json(ClientPeople::of(&view.loaded.account.people)))
}

/// Names who looks after a client: they are told of its locks, letters, bounces, responses and tasks.
#[utoipa::path(put, path = "/firm/v1/clients/{client}/people", tag = "clients",
    operation_id = "name_client_people", params(OfClient), request_body = NewPeople,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn put(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewPeople>,
) -> Result<Json<Outcome>, Problem> {
    desk.require_client(&client).await?;
    let mut roles: BTreeMap<StaffId, BTreeSet<Role>> = BTreeMap::new();
    for grant in desk.store().grants().await? {
        roles.entry(grant.staff).or_default().extend(grant.roles);
    }
    let check = |field: &str, staff: &StaffId, role: Role| match roles.get(staff) {
        Some(roles) if roles.contains(&role) => Ok(()),
        Some(_) => {
            let what = role.as_str().replace('_', " ");
            Err(Problem::invalid(field, format!("{staff} is no {what}")))
        }
        None => Err(Problem::invalid(field, "nobody of that name works at the firm")),
    };
    if let Some(staff) = &new.partner {
        check("partner", staff, Role::Partner)?;
    }
    if let Some(staff) = &new.billing_lead {
        check("billing_lead", staff, Role::BillingLead)?;
    }
    if MAX_PREPARERS < new.preparers.len() {
        let detail = format!("a client has at most {MAX_PREPARERS} preparers");
        return Err(Problem::invalid("preparers", detail));
    }
    for (index, staff) in new.preparers.iter().enumerate() {
        check(&format!("preparers[{index}]"), staff, Role::Preparer)?;
    }
    let preparers = new.preparers.into_iter().collect();
    let people = People { partner: new.partner, billing_lead: new.billing_lead, preparers };
    let executed = desk.execute(&client, &Command::AssignPeople(people)).await?;
    Ok(Json(Outcome::of(&executed)))
}

/// Which mails the caller gets.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MyMails {
    /// `all`: at once what waits for a decision, and the day's digest; `digest`: the digest alone; `off`:
    /// none.
    #[schema(example = "all")]
    mails: &'static str,
    /// Where they go; nowhere, if no address is known.
    address: Option<String>,
    /// Whether they come back from there: none is sent until a choice is made again.
    comes_back: bool,
}

/// A choice of mails.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MailChoice {
    /// `all`, `digest` or `off`.
    #[schema(value_type = String, example = "digest")]
    mails: Mails,
}

async fn mine(desk: &Desk) -> Result<MyMails, Problem> {
    let grant = desk.store().grant(desk.principal.grant.subject.as_str()).await?;
    let mails = desk.store().mail_choice(desk.staff()).await?;
    let address = grant.and_then(|grant| grant.mail);
    let returned = desk.store().mails_returned(desk.staff()).await?;
    let comes_back = returned.is_some_and(|known| Some(&known.address) == address.as_ref());
    let address = address.map(|mail| mail.as_str().to_owned());
    Ok(MyMails { mails: mails.as_str(), address, comes_back })
}

/// Which mails the caller gets, and where.
#[utoipa::path(get, path = "/firm/v1/me/mails", tag = "firm", operation_id = "get_my_mails",
    responses((status = 200, body = MyMails)))]
pub(crate) async fn mails(desk: Desk) -> Result<Json<MyMails>, Problem> {
    Ok(Json(mine(&desk).await?))
}

/// Chooses which mails the caller gets; a record of the firm's chain.
#[utoipa::path(put, path = "/firm/v1/me/mails", tag = "firm", operation_id = "choose_my_mails",
    request_body = MailChoice, responses((status = 200, body = MyMails)))]
pub(crate) async fn choose(
    desk: Desk,
    JsonBody(MailChoice { mails }): JsonBody<MailChoice>,
) -> Result<Json<MyMails>, Problem> {
    let chosen = choose_mails(&desk.firm, desk.staff(), mails, &desk.caller, desk.now).await;
    chosen.map_err(busy)?;
    Ok(Json(mine(&desk).await?))
}

/// A mail to a person at the firm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SentMail {
    /// Its name: begins with its day.
    mail: String,
    /// When it was made.
    made_at: String,
    /// Whether it is a day's digest.
    is_digest: bool,
    /// The subject.
    subject: String,
    /// What it said.
    text: String,
    /// To which address it went.
    to: Option<String>,
    /// `waiting`, `sent`, `failed` or `uncertain`.
    #[schema(example = "sent")]
    state: &'static str,
    /// What went wrong, if anything did.
    problem: Option<String>,
    /// What was heard of it since: `arrived`, `delayed`, `returned`, `complained` or `refused`.
    #[schema(example = "arrived")]
    heard: Option<&'static str>,
}

impl From<store::StaffMail> for SentMail {
    fn from(mail: store::StaffMail) -> Self {
        let state = match mail.outcome.as_ref().map(|outcome| outcome.state) {
            None => "waiting",
            Some(DeliveryState::Sent) => "sent",
            Some(DeliveryState::Failed) => "failed",
            Some(DeliveryState::Uncertain) => "uncertain",
        };
        let text = |personal: Personal| personal.as_str().to_owned();
        Self {
            mail: mail.id,
            made_at: mail.made_at.to_rfc3339(),
            is_digest: mail.is_digest,
            subject: text(mail.subject),
            text: text(mail.text),
            to: mail.to.map(text),
            state,
            heard: mail.heard.most().map(|(kind, _)| kind.as_str()),
            problem: mail.outcome.and_then(|outcome| outcome.problem),
        }
    }
}

/// A member of staff in a path.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfStaff {
    /// The name in the audit.
    #[param(value_type = String)]
    staff: StaffId,
}

/// What a member of staff was told, newest first: one's own, and to an admin everybody's.
#[utoipa::path(get, path = "/firm/v1/staff/{staff}/mails", tag = "firm",
    operation_id = "list_staff_mails", params(OfStaff, PageQuery),
    responses((status = 200, body = Listing<SentMail>)))]
pub(crate) async fn sent(
    desk: Desk,
    Ids(OfStaff { staff }): Ids<OfStaff>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<SentMail>>, Problem> {
    if staff != *desk.staff() {
        desk.require(&[Role::Admin])?;
    }
    let listed = desk.store().staff_mails(&staff, &page.request()?).await?;
    Ok(Json(Listing::of(listed, SentMail::from)))
}
