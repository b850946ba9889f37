//! The door: every request of staff passes here, or gets no further.
//!
//! In this order: who it is, in which firm and as what (SEC-1, SEC-2); how large the body is; whether
//! it was made before. Only then does a handler see it, and finds a [`Desk`]: the firm, bound to the
//! caller's grant, with its hour and its day. A route that is put behind the door can't forget any of it.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts, MatchedPath, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, TimeDelta, Utc};
use domain::account::Account;
use domain::calendar::Day;
use domain::command::Command;
use domain::event::Event;
use domain::id::{ClientId, FirmId, InvoiceId, StaffId};
use domain::numbering::Series;
use domain::refusal::Refusal;
use domain::role::{Actor, Role};
use identity::{AccessError, Principal, Verifier, authorize};
use platform::clock::Clock;
use store::{Dynamo, Store};

use super::grants::StoredGrants;
use crate::execute::{Caller, Executed, Numbered, View, execute, execute_of, foresee, view};
use crate::firm::Firm;
use crate::http::once::{First, Once};
use crate::http::{Problem, ProblemKind, RequestId, read_body, request_id};

/// Who may read what the firm knows; `impersonator` alone is none of them (POR-5).
pub const READERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner, Role::Preparer];

/// The largest body unless an address says otherwise: an invoice of 200 lines, each with a paragraph.
pub const MAX_BODY: usize = 128 * 1024;

/// What every request needs.
#[derive(Clone)]
pub struct Office {
    dynamo: Dynamo,
    grants: Arc<StoredGrants>,
    verifier: Arc<Verifier>,
    clock: Arc<dyn Clock>,
}

impl Office {
    /// Over that table, for tokens that the verifier takes.
    pub fn new(dynamo: Dynamo, verifier: Arc<Verifier>, clock: Arc<dyn Clock>) -> Self {
        let grants = Arc::new(StoredGrants::new(dynamo.clone()));
        Self { dynamo, grants, verifier, clock }
    }
}

/// How long a sign-in, with its second factor, counts for what opens a portal, gives money up or changes who
/// letters come from (SEC-6): the time of a look through what waits, and no longer than a desk is left alone.
const FRESH_SIGN_IN: TimeDelta = TimeDelta::minutes(30);

/// How large a body may be behind a door.
#[derive(Debug, Clone, Copy)]
pub struct BodyLimit(pub usize);

/// A member of staff at work, for one request.
#[derive(Debug, Clone)]
pub struct Desk {
    /// Who, in which firm, as what.
    pub principal: Arc<Principal>,
    /// That firm.
    pub firm: Arc<Firm>,
    /// When the request came.
    pub now: DateTime<Utc>,
    /// Who a command comes from.
    pub caller: Caller,
    /// A name for what this request makes, the same whenever it is made; if it has a key.
    pub once: Option<String>,
}

impl<S: Sync> FromRequestParts<S> for Desk {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let desk = parts.extensions.get::<Self>().cloned();
        // A route outside the door: nobody is let through.
        desk.ok_or_else(|| Problem::new(ProblemKind::Internal, "this address is not served"))
    }
}

impl Desk {
    /// The firm's part of the table.
    pub fn store(&self) -> &Store {
        self.firm.store()
    }

    /// Who it is in the audit.
    pub fn staff(&self) -> &StaffId {
        self.principal.staff()
    }

    /// Which day it is at the firm.
    pub fn day(&self) -> Day {
        self.firm.day(self.now)
    }

    /// Goes on only with one of these roles.
    ///
    /// # Errors
    /// Names them.
    pub fn require(&self, roles: &[Role]) -> Result<(), Problem> {
        let refused = |error| Problem { rule: Some("STAFF-1"), ..Problem::from(error) };
        self.principal.require(roles).map_err(refused)
    }

    /// Goes on only if whoever it is signed in a short while ago, with a second factor as the issuer asks (SEC-6).
    ///
    /// # Errors
    /// [`ProblemKind::Unauthorized`] under SEC-6: sign in again.
    pub fn require_fresh_sign_in(&self) -> Result<(), Problem> {
        let signed_in_at = self.principal.person.signed_in_at;
        if signed_in_at.is_some_and(|at| self.now.signed_duration_since(at) <= FRESH_SIGN_IN) {
            return Ok(());
        }
        let minutes = FRESH_SIGN_IN.num_minutes();
        let text = format!("this needs a sign-in of the last {minutes} minutes; sign in again");
        Err(Problem { rule: Some("SEC-6"), ..Problem::new(ProblemKind::Unauthorized, text) })
    }

    /// A client of the firm as it is now.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`]; whatever reading has.
    pub async fn view(&self, client: &ClientId) -> Result<View, Problem> {
        let view = view(&self.firm, client, self.now).await?;
        view.ok_or_else(|| Problem::not_found("client"))
    }

    /// Goes on only if there is that client.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`]; whatever reading has.
    pub async fn require_client(&self, client: &ClientId) -> Result<(), Problem> {
        self.store().load(client).await?.map(|_| ()).ok_or_else(|| Problem::not_found("client"))
    }

    /// Whose an invoice of the firm is.
    ///
    /// # Errors
    /// [`ProblemKind::NotFound`]; whatever reading has.
    pub async fn client_of(&self, invoice: &InvoiceId) -> Result<ClientId, Problem> {
        let client = self.store().client_of_invoice(invoice).await?;
        client.ok_or_else(|| Problem::not_found("invoice"))
    }

    /// Carries out a command on a client.
    ///
    /// # Errors
    /// What the rules refuse; whatever reading and writing have.
    pub async fn execute(&self, client: &ClientId, command: &Command) -> Result<Executed, Problem> {
        Ok(execute(&self.firm, client, command, &self.caller, self.now).await?)
    }

    /// What a command would do to a client as things stand; with the number that would be next, if it takes one
    /// of a series. Nothing is written.
    ///
    /// # Errors
    /// What the rules refuse; whatever reading has.
    pub async fn foresee(
        &self,
        client: &ClientId,
        command: &Numbered<'_>,
        series: Option<&Series>,
    ) -> Result<Vec<Event>, Problem> {
        Ok(foresee(&self.firm, client, (command, series), &self.caller, self.now).await?)
    }

    /// Carries out the command that follows from the client's account.
    ///
    /// # Errors
    /// What the rules refuse; whatever reading and writing have.
    pub async fn execute_of(
        &self,
        client: &ClientId,
        asks: impl Fn(&Account) -> Result<Command, Refusal> + Send + Sync,
    ) -> Result<Executed, Problem> {
        Ok(execute_of(&self.firm, client, &asks, &self.caller, self.now).await?)
    }
}

/// Lets a request through to its handler, or answers it here.
pub async fn open_door(
    State((office, limit)): State<(Office, BodyLimit)>,
    request: Request,
    next: Next,
) -> Response {
    let (parts, body) = request.into_parts();
    let id = RequestId::of(&parts);
    let method = parts.method.clone();
    let route =
        parts.extensions.get::<MatchedPath>().map_or("none", MatchedPath::as_str).to_owned();
    let answered = pass(&office, limit, &id, parts, body, next).await;
    let (firm, response) = answered.unwrap_or_else(|problem| (None, problem.into_response()));
    let (firm, status) = (firm.as_ref().map_or("", FirmId::as_str), response.status().as_u16());
    // The route and not the address: that may hold anything.
    tracing::info!(request.id = %id.0, firm.id = firm, "Answered {method} {route} with {status}");
    let mut response = response;
    if let Ok(value) = HeaderValue::from_str(&id.0) {
        response.headers_mut().insert(request_id::HEADER, value);
    }
    response
}

async fn pass(
    office: &Office,
    limit: BodyLimit,
    id: &RequestId,
    mut parts: Parts,
    body: Body,
    next: Next,
) -> Result<(Option<FirmId>, Response), Problem> {
    let desk = enter(office, &parts.headers, id).await?;
    let firm = Some(desk.firm.id().clone());
    let body = match read_body(&parts.headers, body, limit.0).await {
        Ok(body) => body,
        Err(problem) => return Ok((firm, problem.into_response())),
    };
    let request = (&parts.method, &parts.uri, &parts.headers);
    let once = match Once::of(request, desk.principal.person.subject.as_str(), &body) {
        Ok(once) => once,
        Err(problem) => return Ok((firm, problem.into_response())),
    };
    let store = desk.store().clone();
    let now = desk.now;
    let name = once.as_ref().map(|once| once.name().to_owned());
    parts.extensions.insert(Desk { once: name, ..desk });
    let request = Request::from_parts(parts, Body::from(body));
    let response = match once {
        None => next.run(request).await,
        Some(once) => match once.begin(&store, now).await {
            Ok(First::Done(response)) => *response,
            Ok(First::New) => match once.end(&store, next.run(request).await).await {
                Ok(response) => response,
                Err(problem) => problem.into_response(),
            },
            Err(problem) => problem.into_response(),
        },
    };
    Ok((firm, response))
}

/// Who is at the door, for what is no request to the API: a page.
///
/// # Errors
/// When nobody is proved, or the person has no grant in the firm that the request names.
pub async fn enter(office: &Office, headers: &HeaderMap, id: &RequestId) -> Result<Desk, Problem> {
    let now = office.clock.now();
    let grants = office.grants.as_ref();
    let principal = authorize(&office.verifier, grants, headers, now).await?;
    principal.require(READERS)?;
    let firm = Firm::open(office.dynamo.clone(), principal.firm().clone()).await?;
    let firm = firm.ok_or_else(|| AccessError::NoGrant(principal.firm().clone()))?;
    let roles = principal.grant.roles.clone();
    let actor = Actor::Staff { id: principal.staff().clone(), roles };
    let caller = Caller { actor, request_id: Some(id.0.clone()) };
    Ok(Desk { principal: Arc::new(principal), firm: Arc::new(firm), now, caller, once: None })
}
