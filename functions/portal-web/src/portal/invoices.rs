//! A client's invoices: the open ones, to pay one or several of them, the closed ones, and each in detail.

use askama::Template;
use axum::response::Response;
use domain::access::Capability;
use domain::calendar::Day;
use domain::id::{ClientId, InvoiceId};
use domain::invoice::{Invoice, Source};
use serde::Deserialize;
use services::execute::View;
use services::http::Problem;
use services::portal::Payable;
use services::portal::pay::segment;
use store::PageRequest;

use super::dashboard::Panel;
use super::{Guest, Shell, client_path};
use crate::extract::{Path, Query};
use crate::page::{Failure, render};
use crate::said;

/// How many closed invoices stand on a page.
const PER_PAGE: u32 = 50;

/// How many open ones: more weigh too much, and nobody ticks more.
const OPEN_PER_PAGE: usize = 100;

/// An invoice in a list.
pub(super) struct Row {
    pub(super) number: String,
    pub(super) path: String,
    pub(super) issued: String,
    pub(super) due: String,
    pub(super) days: u32,
    pub(super) status: &'static str,
    pub(super) status_name: String,
    pub(super) total: String,
    pub(super) paid: String,
    pub(super) balance: String,
    /// What can be paid of it now.
    pub(super) to_pay: Option<String>,
    pub(super) is_overdue: bool,
    pub(super) note: Option<String>,
}

impl Row {
    pub(super) fn of(view: &View, invoice: &Invoice, payable: Option<&Payable<'_>>) -> Self {
        let account = &view.loaded.account;
        let status = account.status(invoice, view.day).as_str();
        let is_overdue = invoice.is_overdue(view.day);
        let coming = payable.map(|of| of.on_its_way).filter(|amount| !amount.is_zero());
        let disputed = Some(invoice.disputed()).filter(|amount| !amount.is_zero());
        let note = match (coming, disputed) {
            (Some(coming), _) => {
                Some(format!("{} is on its way from the bank", coming.for_person()))
            }
            (None, Some(disputed)) => Some(format!("{} is in dispute", disputed.for_person())),
            (None, None) => promised_until(view, invoice)
                .map(|until| format!("you promised to pay it by {}", said::day(until))),
        };
        let path = client_path(&account.client);
        Self {
            number: invoice.id.to_string(),
            path: format!("{path}/invoices/{}", segment(invoice.id.as_str())),
            issued: said::day(invoice.issued_on),
            due: said::day(invoice.due_on),
            days: if is_overdue { invoice.days_overdue(view.day) } else { 0 },
            status,
            status_name: said::words(status),
            total: invoice.total_with_fees().for_person(),
            paid: dash(invoice.paid()),
            balance: dash(invoice.balance()),
            to_pay: payable.filter(|of| !of.amount.is_zero()).map(|of| of.amount.for_person()),
            is_overdue,
            note,
        }
    }
}

fn promised_until(view: &View, invoice: &Invoice) -> Option<Day> {
    let promises = view.loaded.account.promises.iter();
    let running = promises.filter(|promise| view.day <= promise.until);
    running.filter(|promise| promise.invoices.contains(&invoice.id)).map(|one| one.until).max()
}

fn dash(money: domain::money::Money) -> String {
    if money.is_zero() { "–".to_owned() } else { money.for_person() }
}

/// Where a list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    pub(super) cursor: Option<String>,
    /// How many open invoices come before.
    #[serde(default)]
    after: usize,
}

#[derive(Template)]
#[template(path = "portal/invoices.html")]
struct InvoicesPage {
    shell: Shell,
    panel: Panel,
    open: Vec<Row>,
    closed: Vec<Row>,
    /// Where the open ones go on.
    more: Option<String>,
    next: Option<String>,
    is_first: bool,
    is_start: bool,
}

/// The list.
pub(crate) async fn list(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Invoices).await?;
    let payable = Payable::all(&view);
    let page = PageRequest { cursor: place.cursor.as_deref(), limit: PER_PAGE };
    let listed = guest.visitor.store().invoices(&client, &page).await?;
    // The open ones stand above, all of them.
    let closed = listed.items.iter().filter(|invoice| !invoice.is_open());
    let closed: Vec<_> = closed.map(|invoice| Row::of(&view, invoice, None)).collect();
    let is_first = place.cursor.is_none();
    let open = payable.iter().filter(|_| is_first).skip(place.after).take(OPEN_PER_PAGE);
    let after = place.after.saturating_add(OPEN_PER_PAGE);
    let page = InvoicesPage {
        open: open.map(|of| Row::of(&view, of.invoice, Some(of))).collect(),
        closed,
        more: (after < payable.len()).then(|| format!("?after={after}")),
        is_start: place.after == 0,
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first,
        panel: Panel::of(&view),
        shell: guest.shell("Invoices", "overview"),
    };
    Ok(render(&page))
}

/// What can be said about an invoice that is open.
fn asks(invoice: &Invoice, path: &str) -> Vec<(&'static str, String)> {
    let number = segment(invoice.id.as_str());
    let ask = |name, what: &str| (name, format!("{path}/{what}?invoice={number}"));
    let dispute = match &invoice.dispute {
        Some(_) => "Your dispute",
        None => "Something is wrong with it",
    };
    match invoice.is_open() {
        true => vec![
            ask("Promise to pay it by a day", "promise"),
            ask("Ask for a payment plan", "plan"),
            ask(dispute, "dispute"),
        ],
        false => Vec::new(),
    }
}

#[derive(Template)]
#[template(path = "portal/invoice.html")]
struct InvoicePage {
    shell: Shell,
    panel: Panel,
    row: Row,
    lines: Vec<(String, u32, String, String)>,
    /// Its late fees, in sentences; what it comes to without those that are owed with it.
    fees: Vec<String>,
    without_fees: Option<String>,
    money: Vec<(String, String, Option<String>)>,
    /// Where something can be said about it, with its number.
    asks: Vec<(&'static str, String)>,
}

/// One invoice.
pub(crate) async fn one(
    guest: Guest,
    Path((client, invoice)): Path<(ClientId, InvoiceId)>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Invoices).await?;
    let none = || Problem::not_found("invoice");
    let found = guest.visitor.store().invoice(&client, &invoice).await?.ok_or_else(none)?;
    if !found.is_posted(view.day) {
        return Err(none().into());
    }
    let payable = Payable::all(&view);
    let of = payable.iter().find(|of| of.invoice.id == found.id);
    let path = client_path(&client);
    let money = found.allocations.iter().map(|allocation| {
        let (what, path) = match &allocation.source {
            Source::Payment(payment) => {
                let path = format!("{path}/payments/{}", segment(payment.as_str()));
                (format!("Payment {payment}"), Some(path))
            }
            Source::CreditNote(note) => (format!("Credit note {note}"), None),
        };
        (what, allocation.amount.for_person(), path)
    });
    let lines = found.lines.iter().map(|line| {
        let each = line.unit_amount.for_person();
        let tax = if line.tax.is_zero() { String::new() } else { line.tax.for_person() };
        (line.description.clone(), line.quantity, each, tax)
    });
    let page = InvoicePage {
        shell: guest.shell(format!("Invoice {}", found.id), "overview"),
        row: Row::of(&view, &found, of),
        lines: lines.collect(),
        fees: said::late_fees(&found),
        without_fees: (!found.late_fees().is_zero()).then(|| found.total.for_person()),
        money: money.collect(),
        asks: asks(&found, &path),
        panel: Panel::of(&view),
    };
    Ok(render(&page))
}
