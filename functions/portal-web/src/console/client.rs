//! One client: how it stands and why, what comes next, its invoices, letters, history and notes; and
//! what the one who looks may do.

use askama::Template;
use axum::response::Response;
use domain::account::{Account, Collection, ExceptionEnd};
use domain::describe::describe;
use domain::event::Event;
use domain::explain::{Explanation, explain, not_collected};
use domain::id::{ClientId, InvoiceId};
use domain::invoice::{Deposit, Invoice};
use domain::money::Money;
use domain::numbering::is_unnumbered;
use domain::payment::{Method, Payment, PaymentState};
use domain::role::{Actor, Role};
use domain::task::Task;
use domain::text::sentence;
use serde::Deserialize;
use services::execute::View;
use store::{Order, PageRequest, Record};

use super::act::{self, Deed};
use super::payment_acts::of_payment;
use super::{Owed, client_path, money_or_dash, people, segment, tasks};
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many of each list stand on one page.
const PER_PAGE: u32 = 50;

/// How many records the summary shows: the last weeks of a busy client.
const LATEST: u32 = 8;

/// How many open invoices the summary shows; the rest is one click away.
const OPEN_SHOWN: usize = 15;

/// How many of the steps ahead the summary shows at once: what a call today would be about.
const AHEAD_SHOWN: usize = 3;

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    pub(super) cursor: Option<String>,
}

impl Place {
    pub(super) fn page(&self) -> PageRequest<'_> {
        PageRequest { cursor: self.cursor.as_deref(), limit: PER_PAGE }
    }
}

pub(super) fn next_page(next: Option<String>) -> Option<String> {
    next.map(|cursor| format!("?cursor={}", segment(&cursor)))
}

/// What stands at the top of each of a client's pages.
pub(super) struct Head {
    pub(super) path: String,
    pub(super) name: String,
    pub(super) id: String,
    pub(super) class: String,
    pub(super) state: &'static str,
    pub(super) state_name: &'static str,
    pub(super) reason: Option<String>,
    pub(super) tab: &'static str,
    /// Since when a collector has something of it (CLOSE-2).
    pub(super) referred: Option<String>,
    /// How many messages wait to be read.
    pub(super) unread: usize,
}

impl Head {
    pub(super) fn of(account: &Account, tab: &'static str) -> Self {
        let (state, state_name) = state(account);
        Self {
            path: client_path(&account.client),
            name: account.profile.name.as_str().to_owned(),
            id: account.client.to_string(),
            class: account.profile.class.to_string(),
            state,
            state_name,
            reason: account.portal_reason(),
            tab,
            referred: account.referrals().map(|referral| referral.since).min().map(said::day),
            unread: account.unread().map_or(0, |(_, messages)| messages.len()),
        }
    }
}

fn state(account: &Account) -> (&'static str, &'static str) {
    match account {
        Account { closed: Some(_), .. } => ("closed", "Engagement ended"),
        _ if account.is_wholly_locked() => ("locked", "Locked"),
        _ if account.is_locked() => ("locked", "Partly locked"),
        Account { hard_stop: Some(_), .. } => ("stopped", "Collection stopped"),
        Account { exceptions, .. } if !exceptions.is_empty() => ("exception", "Open by exception"),
        Account { hold: Some(_), .. } => ("on_hold", "On hold"),
        Account { limit: Some(_), .. } => ("limited", "Limited"),
        Account { .. } => ("open", "Open"),
    }
}

/// Why it stands as it stands, and what comes next.
pub(super) fn explained(view: &View) -> Explanation {
    explain(&view.loaded.account, &view.context(&Actor::Schedule))
}

#[derive(Template)]
#[template(path = "console/client/summary.html")]
struct SummaryPage {
    shell: Shell,
    head: Head,
    why: Vec<String>,
    /// The steps ahead, the next one first.
    ahead: Vec<Next>,
    /// Those that are one click away.
    later: Vec<Next>,
    owed: Owed,
    arrangements: Vec<String>,
    contacts: Vec<(String, bool)>,
    people: Vec<(&'static str, String)>,
    invoices: Vec<InvoiceRow>,
    more_invoices: usize,
    tasks: Vec<tasks::Row>,
    history: Vec<Happened>,
    deeds: Vec<Deed>,
    policy: String,
    approve: Option<String>,
}

struct Next {
    when: String,
    what: Vec<String>,
    stopped_by: Vec<String>,
    rules: String,
}

/// An invoice in a list.
struct InvoiceRow {
    number: String,
    issued: String,
    due: String,
    status: &'static str,
    status_name: String,
    days: u32,
    total: String,
    paid: String,
    balance: String,
    note: Option<String>,
    /// Which of the firm's bank accounts its money goes to, if that was said.
    deposit: Option<&'static str>,
    /// Its late fees, in sentences.
    fees: Vec<String>,
    is_under_review: bool,
    deeds: Vec<Deed>,
}

/// What happened in one commit.
struct Happened {
    when: String,
    day: String,
    who: String,
    what: Vec<String>,
    rule: Option<String>,
    policy: Option<String>,
}

pub(crate) async fn summary(
    visit: Visit,
    Path(client): Path<ClientId>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let account = &view.loaded.account;
    let explanation = explained(&view);
    let mut open: Vec<_> = account.open_invoices().collect();
    open.sort_by(|a, b| (a.due_on, &a.id).cmp(&(b.due_on, &b.id)));
    let latest = PageRequest { cursor: None, limit: LATEST };
    let records = visit.desk.store().records(&client, Order::Newest, &latest).await?;
    let mut ahead: Vec<_> = explanation
        .next
        .into_iter()
        .chain(explanation.later)
        .map(|next| Next {
            when: said::near(next.on, view.day),
            what: next.what,
            stopped_by: next.stopped_by,
            rules: next.rules.into_iter().collect::<Vec<_>>().join(", "),
        })
        .collect();
    let page = SummaryPage {
        head: Head::of(account, "summary"),
        why: explanation.why,
        later: ahead.split_off(ahead.len().min(AHEAD_SHOWN)),
        ahead,
        owed: Owed::of(&view),
        arrangements: {
            let mut lines = arrangements(account);
            lines.extend(super::deletions::line(&visit.desk, &view));
            lines
        },
        contacts: account
            .profile
            .contacts
            .iter()
            .map(|contact| (contact.address.as_str().to_owned(), contact.is_bounced))
            .collect(),
        people: people::lines(&account.people),
        invoices: open
            .iter()
            .take(OPEN_SHOWN)
            .map(|invoice| InvoiceRow::of(&visit, &view, invoice))
            .collect(),
        more_invoices: open.len().saturating_sub(OPEN_SHOWN),
        tasks: account
            .tasks
            .values()
            .map(|task: &Task| tasks::Row::of(&visit, account, task, view.day))
            .collect(),
        history: records.items.iter().map(Happened::of).collect(),
        deeds: act::of_client(&visit, account),
        policy: format!("{}, version {}", explanation.policy.class, explanation.policy.version),
        approve: act::approval(account).filter(|_| visit.may(&[Role::Partner])),
        shell: visit.shell(account.profile.name.as_str(), "clients"),
    };
    Ok(render(&page))
}

/// What was agreed or decided by hand and is still in force.
fn arrangements(account: &Account) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(stop) = &account.hard_stop {
        lines.push(format!(
            "Collection stopped since {}: {}",
            said::day(stop.on),
            stop.reason.as_str()
        ));
    }
    if let Some(hold) = &account.hold {
        let until =
            hold.until.map_or_else(String::new, |until| format!(" until {}", said::day(until)));
        lines.push(format!(
            "On hold since {}{until}: {}",
            said::day(hold.begun_on),
            hold.reason.as_str()
        ));
    }
    for exception in account.exceptions.values() {
        let what = exception.scope.line().map(|line| format!(" for {line}")).unwrap_or_default();
        let until = match exception.ends {
            ExceptionEnd::Until(until) => format!("until {}", said::day(until)),
            ExceptionEnd::WithPlan => "while the plan is kept".to_owned(),
        };
        lines.push(format!("Open{what} by exception {until}: {}", exception.reason.as_str()));
    }
    if let Some(plan) = &account.plan {
        let instalments: Vec<_> = plan
            .instalments
            .iter()
            .map(|part| format!("{} on {}", part.amount.for_person(), said::day(part.due_on)))
            .collect();
        lines.push(format!(
            "Payment plan since {}: {}",
            said::day(plan.begun_on),
            instalments.join(", ")
        ));
    }
    for promise in &account.promises {
        let invoices: Vec<_> = promise.invoices.iter().map(ToString::to_string).collect();
        lines.push(format!(
            "Promised to pay {} by {}",
            invoices.join(", "),
            said::day(promise.until)
        ));
    }
    if let Some(request) = &account.request {
        lines.push(format!(
            "{} asked for the unlock on {}; the request stands until {}",
            request.by,
            said::day(request.on),
            said::day(domain::calendar::minus(request.expires_on, 1)),
        ));
    }
    lines
}

impl InvoiceRow {
    fn of(visit: &Visit, view: &View, invoice: &Invoice) -> Self {
        let account = &view.loaded.account;
        let status = account.status(invoice, view.day).as_str();
        let collection = account.collection(&view.policy.policy, view.day).of(invoice);
        let is_waiting = invoice.is_overdue(view.day);
        let note = match collection {
            Collection::DoNotCollect(why) if is_waiting => {
                Some(format!("Not collected: {}.", not_collected(why)))
            }
            Collection::Collect | Collection::DoNotCollect(_) => None,
        };
        let disputed = invoice.dispute.as_ref().map(|dispute| {
            format!("{} disputed: {}", dispute.amount.for_person(), dispute.reason.as_str())
        });
        Self {
            number: number(invoice),
            issued: said::day(invoice.issued_on),
            due: said::day(invoice.due_on),
            status,
            status_name: said::words(status),
            days: if is_waiting { invoice.days_overdue(view.day) } else { 0 },
            total: invoice.total_with_fees().for_person(),
            paid: money_or_dash(invoice.paid()),
            balance: money_or_dash(invoice.balance()),
            note: disputed.or(note),
            deposit: invoice.deposit.map(Deposit::as_str),
            fees: said::late_fees(invoice),
            is_under_review: invoice
                .dispute
                .as_ref()
                .is_some_and(|dispute| dispute.is_under_review),
            deeds: act::of_invoice(visit, account, invoice, view.day),
        }
    }
}

/// What it is called in lists: the name of a draft says nothing to anybody.
fn number(invoice: &Invoice) -> String {
    match is_unnumbered(&invoice.id) {
        true => format!("Draft of {}", said::day(invoice.recorded_on)),
        false => invoice.id.to_string(),
    }
}

impl Happened {
    fn of(record: &Record) -> Self {
        let body = &record.body;
        let who = match &body.actor {
            Actor::Staff { id, .. } => id.to_string(),
            Actor::Client { .. } => "the client".to_owned(),
            Actor::Link => "whoever had a letter's link".to_owned(),
            Actor::Gateway => "the payment gateway".to_owned(),
            Actor::Import => "an import".to_owned(),
            Actor::Schedule => "the daily run".to_owned(),
        };
        let events = body.events.iter();
        let events = events.filter_map(|event| serde_json::from_value::<Event>(event.clone()).ok());
        Self {
            when: body.at.format("%b %-d, %Y %H:%M UTC").to_string(),
            day: said::day(body.day),
            who,
            what: events.map(|event| sentence(&describe(&event))).collect(),
            rule: body.rule.clone(),
            policy: body
                .policy
                .as_ref()
                .map(|policy| format!("{} v{}", policy.class, policy.version)),
        }
    }
}

#[derive(Template)]
#[template(path = "console/client/invoices.html")]
struct InvoicesPage {
    shell: Shell,
    head: Head,
    owed: Owed,
    invoices: Vec<InvoiceRow>,
    next: Option<String>,
    is_first: bool,
}

pub(crate) async fn invoices(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let listed = visit.desk.store().invoices(&client, &place.page()).await?;
    let page = InvoicesPage {
        head: Head::of(&view.loaded.account, "invoices"),
        owed: Owed::of(&view),
        invoices: listed
            .items
            .iter()
            .map(|invoice| InvoiceRow::of(&visit, &view, invoice))
            .collect(),
        next: next_page(listed.next),
        is_first: place.cursor.is_none(),
        shell: titled(&visit, &view, "Invoices"),
    };
    Ok(render(&page))
}

pub(super) fn titled(visit: &Visit, view: &View, what: &str) -> Shell {
    visit.shell(format!("{what} · {}", view.loaded.account.profile.name.as_str()), "clients")
}

#[derive(Template)]
#[template(path = "console/client/payments.html")]
struct PaymentsPage {
    shell: Shell,
    head: Head,
    payments: Vec<PaymentLine>,
    may_record: bool,
    next: Option<String>,
    is_first: bool,
}

/// A payment in the list.
struct PaymentLine {
    id: String,
    on: String,
    method: &'static str,
    amount: String,
    state: &'static str,
    state_name: &'static str,
    to: Vec<String>,
    refunds: Vec<String>,
    deeds: Vec<Deed>,
}

impl PaymentLine {
    fn of(visit: &Visit, client: &ClientId, payment: &Payment) -> Self {
        let facts = payment.facts.as_ref();
        let (state, state_name) = match payment.state() {
            PaymentState::Unknown => ("other", "Not told yet"),
            PaymentState::Pending => ("asked", "On its way"),
            PaymentState::Failed => ("locked", "Failed"),
            PaymentState::Succeeded => ("open", "Received"),
            PaymentState::Returned => ("locked", "Came back"),
            PaymentState::PartiallyRefunded => ("on_hold", "Partly given back"),
            PaymentState::Refunded => ("on_hold", "Given back"),
            PaymentState::ChargedBack => ("locked", "Charged back"),
        };
        let share = |(invoice, amount): &(InvoiceId, Money)| {
            format!("{} to {invoice}", amount.for_person())
        };
        Self {
            id: payment.id.to_string(),
            on: facts.map_or_else(|| "–".to_owned(), |facts| said::day(facts.first_on)),
            method: facts.map_or("–", |facts| match facts.method {
                Method::Card => "Card",
                Method::Ach => "Bank debit",
                Method::Check => "Check",
                Method::Phone => "By phone",
            }),
            amount: facts.map_or_else(|| "–".to_owned(), |facts| facts.amount.for_person()),
            state,
            state_name,
            to: payment.allocations.iter().map(share).collect(),
            refunds: said::sums(payment.refunds.values().copied()),
            deeds: of_payment(visit, client, payment),
        }
    }
}

pub(crate) async fn payments(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let listed = visit.desk.store().payments(&client, &place.page()).await?;
    let page = PaymentsPage {
        head: Head::of(&view.loaded.account, "payments"),
        payments: listed
            .items
            .iter()
            .map(|payment| PaymentLine::of(&visit, &client, payment))
            .collect(),
        may_record: visit.may(act::BOOKKEEPERS),
        next: next_page(listed.next),
        is_first: place.cursor.is_none(),
        shell: titled(&visit, &view, "Payments"),
    };
    Ok(render(&page))
}

#[derive(Template)]
#[template(path = "console/client/history.html")]
struct HistoryPage {
    shell: Shell,
    head: Head,
    history: Vec<Happened>,
    next: Option<String>,
    is_first: bool,
}

pub(crate) async fn history(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let listed = visit.desk.store().records(&client, Order::Newest, &place.page()).await?;
    let page = HistoryPage {
        head: Head::of(&view.loaded.account, "history"),
        history: listed.items.iter().map(Happened::of).collect(),
        next: next_page(listed.next),
        is_first: place.cursor.is_none(),
        shell: titled(&visit, &view, "History"),
    };
    Ok(render(&page))
}
