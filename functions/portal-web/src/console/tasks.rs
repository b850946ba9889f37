//! Tasks: what waits for a person, with what it is about and where it is done.

use askama::Template;
use axum::response::Response;
use domain::account::Account;
use domain::calendar::{Day, days_between};
use domain::role::Role;
use domain::task::{About, Task};
use serde::Deserialize;
use services::office::reviews::due;
use store::PageRequest;

use super::act::Deed;
use super::policies::{Line, path_of};
use super::runs::{Waiting, waiting};
use super::task_acts::of_task;
use super::unclaimed::nobodys;
use super::{client_path, segment};
use crate::extract::Query;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many stand on one page: each is looked up with its client.
const PER_PAGE: u32 = 25;

/// A task in a list.
pub(super) struct Row {
    pub(super) client: String,
    pub(super) client_path: String,
    pub(super) kind: String,
    pub(super) what: String,
    pub(super) since: String,
    pub(super) age_days: u32,
    pub(super) assignee: Option<String>,
    pub(super) deeds: Vec<Deed>,
}

impl Row {
    pub(super) fn of(visit: &Visit, account: &Account, task: &Task, day: Day) -> Self {
        Self {
            client: account.profile.name.as_str().to_owned(),
            client_path: client_path(&account.client),
            kind: name(&task.about).to_owned(),
            what: what(&task.about),
            since: said::day(task.opened_on),
            age_days: days_between(task.opened_on, day),
            assignee: task.assignee.as_ref().map(ToString::to_string),
            deeds: of_task(visit, account, task),
        }
    }
}

fn name(about: &About) -> &'static str {
    match about {
        About::ReadyForUnlock => "Ready for unlock",
        About::ReviewTask { .. } => "Review",
        About::ApproveStep { .. } => "Approve a step",
        About::CollectionsReferral { .. } => "Collections referral",
        About::CloseProposal { .. } => "End the engagement",
        About::BouncedAddress { .. } => "Bounced address",
        About::LetterStuck { .. } => "Letter may not have left",
        About::NoAddress => "No address",
        About::RecordsRequest => "Records request",
        About::PlanRequest { .. } => "Payment plan asked for",
        About::UnlockAsked { .. } => "Client asks for the unlock",
        About::Message { .. } => "Message to read",
        About::Mismatch { .. } => "Payment doesn't match",
    }
}

fn what(about: &About) -> String {
    let list = |ids: &std::collections::BTreeSet<domain::id::InvoiceId>| {
        ids.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
    };
    match about {
        About::ReadyForUnlock => "Everything overdue is paid: ask for the unlock.".to_owned(),
        About::ReviewTask { invoices, .. } => {
            format!("No answer for weeks on {}: look at it with a partner.", list(invoices))
        }
        About::ApproveStep { step, invoices } => {
            format!(
                "The {} on {} leaves when a partner approves it.",
                said::words(step.action.as_str()),
                list(invoices)
            )
        }
        About::CollectionsReferral { invoices, approved_by: None, .. } => {
            format!("Hand {} to collections, if a partner approves.", list(invoices))
        }
        About::CollectionsReferral { invoices, approved_by: Some(by), .. } => {
            format!(
                "{by} approved handing {} to collections; it is followed until it comes back, is paid or written off.",
                list(invoices)
            )
        }
        About::CloseProposal { invoices, .. } => {
            format!(
                "Nothing helped with {}: end the engagement, if a partner approves.",
                list(invoices)
            )
        }
        About::BouncedAddress { letter, .. } => {
            format!("Letter {} came back: find an address that works.", letter.0)
        }
        About::LetterStuck { letter } => {
            format!(
                "Nobody can tell whether letter {} left: ask the client or send it by hand.",
                letter.0
            )
        }
        About::NoAddress => {
            "There is no address to write to, so nothing locks by itself.".to_owned()
        }
        About::RecordsRequest => {
            "The client asks for its own records: they are owed whatever is unpaid.".to_owned()
        }
        About::PlanRequest { invoices, wish } => {
            format!(
                "The client asks to pay {} in parts; a partner decides. It writes: “{}”",
                list(invoices),
                wish.as_str()
            )
        }
        About::UnlockAsked { words } => {
            let words = match words.as_str() {
                "" => String::new(),
                words => format!(" It writes: “{words}”"),
            };
            format!("The client asks to have its portal opened.{words}")
        }
        About::Message { messages } => match messages.len() {
            1 => "The client wrote. Until it is read, nothing harsher than a reminder happens."
                .to_owned(),
            many => format!(
                "The client wrote {many} messages. Until they are read, nothing harsher than a reminder happens."
            ),
        },
        About::Mismatch { payment, evidence } => {
            format!(
                "Payment {payment} isn't what was expected; nothing was marked paid. {}",
                evidence.as_str()
            )
        }
    }
}

/// Where the list goes on.
#[derive(Debug, Deserialize)]
pub(crate) struct Place {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/tasks.html")]
struct TasksPage {
    shell: Shell,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
    is_partner: bool,
    /// How many payments are nobody's.
    unclaimed: Option<String>,
    /// Runs that somebody has to do with (LOCK-10).
    runs: Vec<Waiting>,
    /// A quarter is over: what the policies come to (POL-5).
    review: Option<ReviewCard>,
}

/// What a partner looks at after a quarter.
struct ReviewCard {
    quarter: String,
    policies: Vec<ReviewedPolicy>,
}

struct ReviewedPolicy {
    class: String,
    path: String,
    sentence: String,
    findings: Vec<Line>,
}

async fn review(visit: &Visit) -> Result<Option<ReviewCard>, Failure> {
    let due = due(&visit.desk.firm, visit.desk.day()).await?;
    Ok(due.map(|review| ReviewCard {
        quarter: said::day(review.quarter),
        policies: review
            .policies
            .iter()
            .map(|policy| ReviewedPolicy {
                class: policy.class.to_string(),
                path: path_of(&policy.class),
                sentence: policy.sentence.clone(),
                findings: policy.findings.iter().map(Line::from).collect(),
            })
            .collect(),
    }))
}

pub(crate) async fn show(visit: Visit, Query(place): Query<Place>) -> Result<Response, Failure> {
    let request = PageRequest { cursor: place.cursor.as_deref(), limit: PER_PAGE };
    let listed = visit.desk.store().tasks(&request).await?;
    let day = visit.desk.day();
    let mut rows = Vec::new();
    for row in listed.items {
        // The list may be behind the account, which says what is so.
        let view = visit.desk.view(&row.client).await?;
        let account = &view.loaded.account;
        rows.extend(
            account.tasks.get(&row.task.id).map(|task| Row::of(&visit, account, task, day)),
        );
    }
    let page = TasksPage {
        unclaimed: unclaimed(&visit).await?,
        runs: waiting(&visit).await?,
        review: review(&visit).await?,
        rows,
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        is_partner: visit.may(&[Role::Partner]),
        shell: visit.shell("Tasks", "tasks"),
    };
    Ok(render(&page))
}

/// Payments that wait for somebody to say whose they are: nobody's task, since they are no client's.
async fn unclaimed(visit: &Visit) -> Result<Option<String>, Failure> {
    let request = PageRequest { cursor: None, limit: PER_PAGE };
    let listed = nobodys(visit.desk.store(), &request).await?;
    let number = said::count(listed.items.len(), "payment");
    let more = if listed.next.is_some() { "More than " } else { "" };
    Ok((!listed.items.is_empty()).then(|| format!("{more}{number}")))
}
