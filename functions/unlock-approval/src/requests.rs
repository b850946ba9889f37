//! Requests to unlock, with what a partner looks at before approving one.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::StatusCode;
use domain::calendar::{Day, WorkingDays, plus};
use domain::command::Command;
use domain::id::{ClientId, InvoiceId, ServiceLine};
use domain::role::Role;
use domain::task::About;
use domain::text::Personal;
use serde::{Deserialize, Serialize};
use services::execute::View;
use services::http::page::page;
use services::http::{Date, Ids, JsonBody, Listing, Params, Problem};
use services::office::unlock::RequestRef;
use services::office::{Desk, Outcome};
use store::ClientState;
use utoipa::{IntoParams, ToSchema};

/// The target from full payment to unlock, in working days (UNL-2, KPI-1).
const TARGET_WORKING_DAYS: u32 = 2;

/// Who approves (STAFF-1); the domain decides it again, in the commit.
const APPROVERS: &[Role] = &[Role::Partner];

/// Who rejects.
const REJECTERS: &[Role] = &[Role::BillingLead, Role::Partner];

/// How many requests are on a page unless asked otherwise: each is looked at with its whole account.
const USUAL_LIMIT: u32 = 25;

/// How many pages of clients are looked through for one page of requests.
const MAX_LOOKS: u32 = 5;

/// A request to unlock.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UnlockRequest {
    /// Its id.
    id: String,
    /// Whose portal.
    client: String,
    /// The client's name.
    name: String,
    /// Who asked.
    by: String,
    /// When.
    on: Date,
    /// The first day on which it no longer stands.
    expires_on: Date,
    /// Of which service lines; without any, of all that is locked (LOCK-5).
    service_lines: Vec<String>,
    /// Since when the portal is locked.
    locked_on: Date,
    /// Why it is.
    reason: String,
    /// Whether it can be approved: nothing refuses it.
    can_be_approved: bool,
    /// Overdue invoices that refuse it (UNL-1).
    open: Vec<String>,
    /// Overdue invoices that don't, since they are disputed or under a kept plan or promise: for the
    /// approver to see.
    despite: Vec<String>,
    /// Since when everything is paid and the clock runs (UNL-2).
    ready_since: Option<Date>,
    /// The day by which the unlock should be approved: two working days later.
    target_on: Option<Date>,
}

impl UnlockRequest {
    fn of(view: &View) -> Option<Self> {
        let account = &view.loaded.account;
        let (lock, request) = (account.lock()?, account.request.as_ref()?);
        let policy = &view.lock_policy().policy;
        let test = view.test_of_request();
        let ready = account.tasks.values().find(|task| task.about == About::ReadyForUnlock);
        let ready_since = ready.map(|task| task.opened_on);
        Some(Self {
            id: RequestRef::new(&account.client, lock, request).name(),
            client: account.client.to_string(),
            name: account.profile.name.as_str().to_owned(),
            by: request.by.to_string(),
            on: Date(request.on),
            expires_on: Date(request.expires_on),
            service_lines: request.lines.iter().map(ToString::to_string).collect(),
            locked_on: Date(lock.on),
            reason: lock.cause.text(),
            can_be_approved: test.holds(),
            open: names(&test.open),
            despite: names(&test.despite),
            ready_since: ready_since.map(Date),
            target_on: ready_since.map(|since| Date(target(since, &policy.working_days))),
        })
    }
}

fn names(ids: &BTreeSet<InvoiceId>) -> Vec<String> {
    ids.iter().map(ToString::to_string).collect()
}

/// Two working days after the day on which everything was paid.
fn target(since: Day, working_days: &WorkingDays) -> Day {
    (0..TARGET_WORKING_DAYS).fold(since, |day, _| working_days.on_or_after(plus(day, 1)))
}

/// Which requests.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// Where it begins: `next` of the page before.
    cursor: Option<String>,
    /// How many items at most, 1 to 200.
    limit: Option<u32>,
}

/// Open requests to unlock, by the client's name. A page may hold fewer than asked for, or none, and
/// still have a next one.
#[utoipa::path(get, path = "/firm/v1/unlock-requests", tag = "unlock", operation_id = "list_unlock_requests",
    params(Which), responses((status = 200, body = Listing<UnlockRequest>)))]
pub(crate) async fn pending(
    desk: Desk,
    Params(which): Params<Which>,
) -> Result<Json<Listing<UnlockRequest>>, Problem> {
    let limit = which.limit.unwrap_or(USUAL_LIMIT);
    let mut place = Place::parse(which.cursor.as_deref())?;
    let mut items = Vec::new();
    for _ in 0..MAX_LOOKS {
        let Some((state, cursor)) = place.now() else { break };
        let left = limit.saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
        if left == 0 && 0 < limit {
            break;
        }
        // As many clients as there may still be requests: none is passed over.
        let listed = desk.store().clients(Some(state), &page(cursor, Some(left))?).await?;
        for row in listed.items.iter().filter(|row| row.request.is_some()) {
            // The list may be behind the account, which says what is so.
            items.extend(UnlockRequest::of(&desk.view(&row.client).await?));
        }
        place = place.next(listed.next);
    }
    Ok(Json(Listing { items, next: place.name() }))
}

/// The states of those that may have a request, and what stands for them in a cursor: a client may be locked in
/// part, or be listed by what is more than its lock.
const ASKED_IN: [(ClientState, &str); 5] = [
    (ClientState::Locked, "l"),
    (ClientState::Stopped, "s"),
    (ClientState::Exception, "e"),
    (ClientState::OnHold, "h"),
    (ClientState::Limited, "i"),
];

/// Where the list goes on: in which of the states, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    state: usize,
    cursor: Option<String>,
}

impl Place {
    fn parse(cursor: Option<&str>) -> Result<Self, Problem> {
        let Some(cursor) = cursor else { return Ok(Self { state: 0, cursor: None }) };
        let of_another = || Problem::malformed("the cursor belongs to another list").of("cursor");
        let (letter, rest) = cursor.split_once('.').ok_or_else(of_another)?;
        let state = ASKED_IN.iter().position(|(_, known)| *known == letter);
        let cursor = Some(rest.to_owned()).filter(|rest| !rest.is_empty());
        Ok(Self { state: state.ok_or_else(of_another)?, cursor })
    }

    fn now(&self) -> Option<(ClientState, Option<&str>)> {
        let (state, _) = ASKED_IN.get(self.state)?;
        Some((*state, self.cursor.as_deref()))
    }

    fn next(self, cursor: Option<String>) -> Self {
        let is_over = cursor.is_none();
        Self { state: self.state.saturating_add(usize::from(is_over)), cursor }
    }

    fn name(&self) -> Option<String> {
        let (_, letter) = ASKED_IN.get(self.state)?;
        Some(format!("{letter}.{}", self.cursor.as_deref().unwrap_or_default()))
    }
}

/// The client in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfClient {
    /// The client's id.
    #[param(value_type = String)]
    client: ClientId,
}

/// A client's open request, if there is one.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/unlock-requests", tag = "unlock",
    operation_id = "list_client_unlock_requests", params(OfClient),
    responses((status = 200, body = Listing<UnlockRequest>)))]
pub(crate) async fn of_client(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Listing<UnlockRequest>>, Problem> {
    let view = desk.view(&client).await?;
    Ok(Json(Listing::whole(UnlockRequest::of(&view).into_iter().collect())))
}

/// What of a client's portal.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfLines {
    /// Which service lines; without any, all that is locked (LOCK-5).
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    service_lines: BTreeSet<ServiceLine>,
}

impl OfLines {
    fn named(body: Option<JsonBody<Self>>) -> BTreeSet<ServiceLine> {
        body.map(|JsonBody(of)| of).unwrap_or_default().service_lines
    }
}

/// Asks for the unlock of a client's portal (UNL-6), or of some service lines of it; asked again, it is the same
/// request.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/unlock-requests", tag = "unlock",
    operation_id = "request_unlock", params(OfClient), request_body = Option<OfLines>,
    responses((status = 201, body = Outcome), (status = 200, body = Outcome)))]
pub(crate) async fn ask(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    body: Option<JsonBody<OfLines>>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let command = Command::RequestUnlock { lines: OfLines::named(body) };
    let executed = desk.execute(&client, &command).await?;
    let outcome = Outcome::of(&executed);
    let status = if outcome.did.is_empty() { StatusCode::OK } else { StatusCode::CREATED };
    let outcome = match RequestRef::of(&executed.account) {
        Some(request) => outcome.with_id(request.name()),
        None => outcome, // the policy unlocked it at once
    };
    Ok((status, Json(outcome)))
}

/// The request in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfRequest {
    /// The request's id.
    request: String,
}

impl OfRequest {
    /// A name that is none, and one whose client the firm doesn't have: there is no such request.
    fn read(&self) -> Result<RequestRef, Problem> {
        RequestRef::parse(&self.request).ok_or_else(no_such)
    }
}

fn no_such() -> Problem {
    Problem::not_found("request")
}

/// One open request.
#[utoipa::path(get, path = "/firm/v1/unlock-requests/{request}", tag = "unlock",
    operation_id = "get_unlock_request", params(OfRequest),
    responses((status = 200, body = UnlockRequest)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(of): Ids<OfRequest>,
) -> Result<Json<UnlockRequest>, Problem> {
    let request = of.read()?;
    let view = desk.view(&request.client).await.map_err(hidden)?;
    let shown = UnlockRequest::of(&view).filter(|shown| shown.id == of.request);
    shown.map(Json).ok_or_else(no_such)
}

/// Approves a request (UNL-1), or some service lines of it: in the commit that lifts the lock no invoice of it is
/// overdue, and two people acted. Approving twice is one approval.
#[utoipa::path(post, path = "/firm/v1/unlock-requests/{request}/approve", tag = "unlock",
    operation_id = "approve_unlock", params(OfRequest), request_body = Option<OfLines>,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn approve(
    desk: Desk,
    Ids(of): Ids<OfRequest>,
    body: Option<JsonBody<OfLines>>,
) -> Result<Json<Outcome>, Problem> {
    // Who may not approve learns nothing of how the request stands.
    desk.require(APPROVERS)?;
    desk.require_fresh_sign_in()?;
    let request = of.read()?;
    let lines = OfLines::named(body);
    let executed =
        desk.execute_of(&request.client, |account| request.approve(account, &lines)).await;
    Ok(Json(Outcome::of(&executed.map_err(hidden)?)))
}

/// A reason.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Rejection {
    /// Why, in a sentence.
    reason: String,
}

/// Rejects a request (UNL-6).
#[utoipa::path(post, path = "/firm/v1/unlock-requests/{request}/reject", tag = "unlock",
    operation_id = "reject_unlock", params(OfRequest), request_body = Rejection,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn reject(
    desk: Desk,
    Ids(of): Ids<OfRequest>,
    JsonBody(rejection): JsonBody<Rejection>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(REJECTERS)?;
    let request = of.read()?;
    let reason = Personal::new(rejection.reason);
    let rejected =
        desk.execute_of(&request.client, |account| request.reject(account, &reason)).await;
    Ok(Json(Outcome::of(&rejected.map_err(hidden)?)))
}

/// A request on a client that isn't there is no request.
fn hidden(problem: Problem) -> Problem {
    let is_hidden = problem.kind == services::http::ProblemKind::NotFound;
    if is_hidden { no_such() } else { problem }
}

/// An unlock by exception.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewException {
    /// Why, in writing.
    reason: String,
    /// The last day; as long as the running plan is kept, if not said.
    #[serde(default)]
    until: Option<Date>,
    /// For which service lines; without any, for the whole client (LOCK-5).
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    service_lines: BTreeSet<ServiceLine>,
}

/// Unlocks although debts are open (UNL-4).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/exception-unlock", tag = "unlock",
    operation_id = "unlock_by_exception", params(OfClient), request_body = NewException,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn exception(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewException>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(APPROVERS)?;
    desk.require_fresh_sign_in()?;
    let until = new.until.map(|Date(day)| day);
    let (reason, lines) = (Personal::new(new.reason), new.service_lines);
    let command = Command::ExceptionUnlock { reason, until, lines };
    let executed = desk.execute(&client, &command).await?;
    Ok(Json(Outcome::of(&executed)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::policy::Policy;

    #[test]
    fn unl_2_two_working_days() {
        let days = Policy::default().working_days;
        for (since, expected) in [
            ("2026-03-02", "2026-03-04"), // a Monday
            ("2026-03-05", "2026-03-09"), // a Thursday: the weekend doesn't count
            ("2026-03-06", "2026-03-10"),
            ("2026-03-07", "2026-03-10"), // a Saturday
        ] {
            let since = since.parse().unwrap();
            assert_eq!(target(since, &days).to_string(), expected, "since {since}");
        }
    }

    #[test]
    fn a_place_in_the_list_has_a_name() {
        let places = (0..ASKED_IN.len())
            .flat_map(|state| [None, Some("y.z".to_owned())].map(|cursor| Place { state, cursor }));
        for place in places {
            assert_eq!(Place::parse(place.name().as_deref()).unwrap(), place);
        }
        let end = Place { state: ASKED_IN.len(), cursor: None };
        assert_eq!((end.name(), end.now()), (None, None));
        assert!(Place::parse(Some("x.y")).is_err());
        assert!(Place::parse(Some("")).is_err());
    }
}
