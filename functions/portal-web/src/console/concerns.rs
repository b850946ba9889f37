//! What of clients needs a person and is no task: disputes with who looks at them, promises and plans that weren't
//! kept, plans that are asked for (DIS-1, PROM-1, PLAN-1).

use askama::Template;
use axum::response::Response;
use domain::account::Account;
use domain::calendar::{Day, days_between};
use domain::concern::{Concern, ConcernKind};
use serde::Deserialize;
use store::PageRequest;

use super::{client_path, segment};
use crate::extract::Query;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Where the page is.
pub(super) const PATH: &str = "/console/concerns";

/// How many clients stand on one page: each is looked up.
const PER_PAGE: u32 = 25;

/// Which are wanted, and where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Wanted {
    #[serde(default)]
    kind: String,
    cursor: Option<String>,
}

/// A kind to choose.
struct Tab {
    name: &'static str,
    path: String,
    is_here: bool,
}

struct Row {
    client: String,
    client_path: String,
    kind: &'static str,
    pill: &'static str,
    what: String,
    since: String,
    age: String,
    stands: String,
    /// Where it is dealt with, and what is there.
    path: String,
    act: &'static str,
}

#[derive(Template)]
#[template(path = "console/concerns.html")]
struct ConcernsPage {
    shell: Shell,
    tabs: Vec<Tab>,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
    here: String,
}

pub(crate) async fn show(visit: Visit, Query(wanted): Query<Wanted>) -> Result<Response, Failure> {
    let kind = ConcernKind::from_name(&wanted.kind);
    let request = PageRequest { cursor: wanted.cursor.as_deref(), limit: PER_PAGE };
    let listed = visit.desk.store().concerns(kind, &request).await?;
    let day = visit.desk.day();
    let mut rows = Vec::new();
    for found in listed.items {
        // The list may be behind the account, which says what is so.
        let view = visit.desk.view(&found.client).await?;
        let account = &view.loaded.account;
        let concerns = account.concerns();
        let of_kind = concerns.iter().filter(|concern| concern.kind == found.kind);
        rows.extend(of_kind.map(|concern| Row::of(account, concern, day)));
    }
    let here = path_of(kind);
    let joint = if kind.is_some() { '&' } else { '?' };
    let page = ConcernsPage {
        tabs: tabs(kind),
        rows,
        next: listed.next.map(|cursor| format!("{joint}cursor={}", segment(&cursor))),
        is_first: wanted.cursor.is_none(),
        here,
        shell: visit.shell("Disputes, promises and plans", "tasks"),
    };
    Ok(render(&page))
}

fn tabs(wanted: Option<ConcernKind>) -> Vec<Tab> {
    let all = [None].into_iter().chain(ConcernKind::ALL.map(Some));
    let tab = |kind| Tab { name: name(kind), path: path_of(kind), is_here: kind == wanted };
    all.map(tab).collect()
}

fn path_of(kind: Option<ConcernKind>) -> String {
    match kind {
        None => PATH.to_owned(),
        Some(kind) => format!("{PATH}?kind={}", kind.as_str()),
    }
}

fn name(kind: Option<ConcernKind>) -> &'static str {
    match kind {
        None => "All",
        Some(ConcernKind::Dispute) => "Disputes",
        Some(ConcernKind::BrokenPromise) => "Broken promises",
        Some(ConcernKind::BrokenPlan) => "Broken plans",
        Some(ConcernKind::PlanRequest) => "Plans asked for",
    }
}

impl Row {
    fn of(account: &Account, concern: &Concern, day: Day) -> Self {
        let client = client_path(&account.client);
        let numbers: Vec<_> = concern.invoices.iter().map(ToString::to_string).collect();
        let invoices = numbers.join(", ");
        let its_invoices = || format!("{client}/invoices");
        let (kind, pill, what, path, act) = match concern.kind {
            ConcernKind::Dispute => {
                let amount = concern.disputed.map(|disputed| disputed.for_person());
                let what = format!("{} of {invoices} is disputed", amount.unwrap_or_default());
                ("Dispute", "stopped", what, its_invoices(), "The invoices")
            }
            ConcernKind::BrokenPromise => {
                let what = format!("{invoices} was promised and not paid");
                ("Broken promise", "locked", what, client.clone(), "The client")
            }
            ConcernKind::BrokenPlan => {
                let what = format!("an instalment for {invoices} was missed");
                ("Broken plan", "locked", what, client.clone(), "The client")
            }
            ConcernKind::PlanRequest => {
                let what = format!("asks to pay {invoices} in parts");
                ("Plan asked for", "asked", what, client.clone(), "The client")
            }
        };
        Self {
            client: account.profile.name.as_str().to_owned(),
            client_path: client,
            kind,
            pill,
            what,
            since: said::day(concern.since),
            age: said::count(days_between(concern.since, day) as usize, "day"),
            stands: stands(account, concern),
            path,
            act,
        }
    }
}

/// Who has it in hand.
fn stands(account: &Account, concern: &Concern) -> String {
    let task = concern.task.and_then(|task| account.tasks.get(&task));
    let assignee = task.and_then(|task| task.assignee.as_ref());
    match (concern.kind, concern.is_under_review, &concern.reviewed_by, assignee) {
        (_, _, _, Some(assignee)) => format!("With {assignee}"),
        (ConcernKind::Dispute, true, Some(by), _) => format!("Under review by {by}"),
        (ConcernKind::Dispute, true, None, _) => "Under review".to_owned(),
        (ConcernKind::Dispute, false, ..) => "A partner is to look at it".to_owned(),
        (ConcernKind::PlanRequest, ..) => "A partner is to decide".to_owned(),
        (ConcernKind::BrokenPromise | ConcernKind::BrokenPlan, ..) => "Collected again".to_owned(),
    }
}
