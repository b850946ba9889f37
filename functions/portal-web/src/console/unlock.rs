//! The unlock queue: who asked, whether it can be approved now, and how much of the two working days is
//! left (UNL-1, UNL-2). Made to be decided from a phone.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use domain::calendar::{Day, plus};
use domain::id::InvoiceId;
use domain::policy::UnlockMode;
use domain::role::{Actor, Role};
use domain::task::About;
use services::execute::View;
use services::office::unlock::RequestRef;
use store::PageRequest;

use super::{Owed, all_clients, client_path, segment};
use crate::extract::Path;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// The working days within which a paid client should be open again (S1's target).
const TARGET_WORKING_DAYS: u32 = 2;

/// How many requests and paid clients are looked at one by one.
const MAX_SHOWN: usize = 50;

/// A request, or a client for which one should be made.
struct Row {
    client: String,
    client_path: String,
    reason: String,
    locked_on: String,
    /// Of which service lines, if not of all that is locked (LOCK-5).
    lines: Vec<String>,
    request: Option<Asked>,
    is_ready: bool,
    open: Vec<String>,
    despite: Vec<String>,
    ready_since: Option<String>,
    target: Option<String>,
    is_late: bool,
    owed: Owed,
    is_own: bool,
}

struct Asked {
    path: String,
    by: String,
    on: String,
    expires: String,
}

impl Row {
    /// `None`: nothing waits there.
    fn of(visit: &Visit, view: &View) -> Option<Self> {
        let account = &view.loaded.account;
        let lock = account.lock()?;
        let policy = &view.lock_policy().policy;
        let test = view.test_of_request();
        let ready = account.tasks.values().find(|task| task.about == About::ReadyForUnlock);
        if account.request.is_none() && ready.is_none() {
            return None;
        }
        let target = ready.map(|task| target(task.opened_on, view));
        let asked = account.request.as_ref().map(|request| Asked {
            path: format!(
                "/console/unlock/{}",
                segment(&RequestRef::new(&account.client, lock, request).name())
            ),
            by: request.by.to_string(),
            on: said::day(request.on),
            expires: said::day(domain::calendar::minus(request.expires_on, 1)),
        });
        let is_own = policy.unlock.four_eyes
            && policy.unlock.mode == UnlockMode::Approval
            && account.request.as_ref().is_some_and(|request| request.by == *visit.desk.staff());
        Some(Self {
            client: account.profile.name.as_str().to_owned(),
            client_path: client_path(&account.client),
            reason: lock.cause.text(),
            locked_on: said::day(lock.on),
            lines: account
                .request
                .iter()
                .flat_map(|asked| asked.lines.iter().map(said::line))
                .collect(),
            request: asked,
            is_ready: test.holds(),
            open: details(view, &test.open),
            despite: details(view, &test.despite),
            ready_since: ready.map(|task| said::day(task.opened_on)),
            target: target.map(|target| said::near(target, view.day)),
            is_late: target.is_some_and(|target| target < view.day),
            owed: Owed::of(view),
            is_own,
        })
    }
}

fn target(since: Day, view: &View) -> Day {
    let days = &view.lock_policy().policy.working_days;
    (0..TARGET_WORKING_DAYS).fold(since, |day, _| days.on_or_after(plus(day, 1)))
}

fn details(view: &View, ids: &BTreeSet<InvoiceId>) -> Vec<String> {
    let account = &view.loaded.account;
    let invoices = ids.iter().filter_map(|id| account.invoices.get(id));
    invoices
        .map(|invoice| {
            let days = said::count(invoice.days_overdue(view.day) as usize, "day");
            format!("{}: {}, {days} overdue", invoice.id, invoice.balance().for_person())
        })
        .collect()
}

#[derive(Template)]
#[template(path = "console/unlock.html")]
struct QueuePage {
    shell: Shell,
    rows: Vec<Row>,
    is_partner: bool,
}

pub(crate) async fn queue(visit: Visit) -> Result<Response, Failure> {
    let store = visit.desk.store();
    let (all, _) = all_clients(store).await?;
    let asked = all.into_iter().filter(|row| row.request.is_some()).map(|row| row.client);
    let tasks = store.tasks(&PageRequest { cursor: None, limit: store::MAX_PAGE }).await?;
    let ready = tasks.items.into_iter().filter(|row| row.task.about == About::ReadyForUnlock);
    // Whoever asked comes first; then those who paid and for whom nobody asked yet.
    let mut seen = BTreeSet::new();
    let mut rows = Vec::new();
    for client in asked.chain(ready.map(|row| row.client)).take(MAX_SHOWN) {
        if seen.insert(client.clone()) {
            rows.extend(Row::of(&visit, &visit.desk.view(&client).await?));
        }
    }
    let page = QueuePage {
        rows,
        is_partner: visit.may(&[Role::Partner]),
        shell: visit.shell("Unlock requests", "unlock"),
    };
    Ok(render(&page))
}

#[derive(Template)]
#[template(path = "console/unlock_request.html")]
struct RequestPage {
    shell: Shell,
    row: Row,
    request: String,
    is_partner: bool,
    may_reject: bool,
    consequences: Vec<String>,
}

pub(crate) async fn request(
    visit: Visit,
    Path(request): Path<String>,
) -> Result<Response, Failure> {
    let gone = || {
        let detail =
            "This request no longer stands: it was decided, it expired, or the lock has ended.";
        Failure::not_found(detail.to_owned())
    };
    let named = RequestRef::parse(&request).ok_or_else(gone)?;
    let view = visit.desk.view(&named.client).await.map_err(|_| gone())?;
    let is_open = RequestRef::of(&view.loaded.account).is_some_and(|open| open.name() == request);
    let row = Row::of(&visit, &view).filter(|_| is_open).ok_or_else(gone)?;
    let roles = visit.desk.principal.grant.roles.clone();
    let actor = Actor::Staff { id: visit.desk.staff().clone(), roles };
    let command = domain::command::Command::ApproveUnlock { lines: [].into() };
    let page = RequestPage {
        consequences: super::act::consequences(&view, &actor, &command).unwrap_or_default(),
        row,
        request,
        is_partner: visit.may(&[Role::Partner]),
        may_reject: visit.may(&[Role::Partner, Role::BillingLead]),
        shell: visit.shell("Unlock request", "unlock"),
    };
    Ok(render(&page))
}
