//! Money that names no client known here, and the page on which a person says whose it is (PAY-1).

use askama::Template;
use axum::response::Response;
use domain::command::News;
use domain::id::PaymentId;
use domain::payment::Seen;
use serde::Deserialize;
use store::{Listed, PageRequest, Store, StoreError, Unclaimed};

use super::act::COLLECTORS;
use super::{all_clients, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};

/// How many stand on one page.
const PER_PAGE: u32 = 25;

/// How many clients are offered while an id is typed: as many as leave the page light. Any other id can be typed.
const MAX_OFFERED: usize = 400;

/// Where the pages are.
const PATH: &str = "/console/unclaimed";

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/unclaimed.html")]
struct ListPage {
    shell: Shell,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
    may_assign: bool,
}

#[derive(Template)]
#[template(path = "console/unclaimed_payment.html")]
struct PaymentPage {
    shell: Shell,
    row: Row,
    clients: Vec<(String, String)>,
    may_assign: bool,
}

/// A payment.
struct Row {
    path: String,
    action: String,
    payment: String,
    amount: String,
    came_at: String,
    state: &'static str,
    names: String,
    doubts: Vec<String>,
}

impl Row {
    fn of(visit: &Visit, known: &Unclaimed) -> Self {
        let id = segment(&known.payment.to_string());
        let zone = visit.desk.firm.settings().zone;
        let mut names: Vec<_> =
            known.client.iter().map(|client| format!("client {client}")).collect();
        names.extend(known.invoices.iter().map(|invoice| format!("invoice {invoice}")));
        Self {
            path: format!("{PATH}/{id}"),
            action: format!("/firm/v1/unclaimed-payments/{id}/assign"),
            payment: known.payment.to_string(),
            amount: known.amount.for_person(),
            came_at: known.came_at.with_timezone(&zone).format("%b %-d, %Y %H:%M").to_string(),
            state: state(&known.news),
            names: if names.is_empty() { "nobody".to_owned() } else { names.join(", ") },
            doubts: known.doubts.clone(),
        }
    }
}

/// What the gateway said last.
fn state(news: &[News]) -> &'static str {
    match news.last() {
        Some(News::Told { seen: Seen::Pending, .. }) => "on its way",
        Some(News::Told { seen: Seen::Succeeded, .. }) => "paid",
        Some(News::Told { seen: Seen::Failed, .. }) => "failed",
        Some(News::Told { seen: Seen::Returned, .. } | News::Returned) => "returned",
        Some(News::Refunded { .. }) => "given back",
        Some(News::Chargeback { .. }) => "charged back",
        None => "not known",
    }
}

/// What is nobody's. One that found its client by itself isn't shown; the API takes it out, and a page changes
/// nothing.
pub(super) async fn nobodys(
    store: &Store,
    page: &PageRequest<'_>,
) -> Result<Listed<Unclaimed>, StoreError> {
    let mut listed = store.all_unclaimed(page).await?;
    let payments: Vec<_> = listed.items.iter().map(|known| known.payment.clone()).collect();
    let claimed = store.claimed_by_themselves(&payments).await?;
    listed.items.retain(|known| !claimed.contains(&known.payment));
    Ok(listed)
}

pub(crate) async fn list(visit: Visit, Query(place): Query<Place>) -> Result<Response, Failure> {
    let request = PageRequest { cursor: place.cursor.as_deref(), limit: PER_PAGE };
    let listed = nobodys(visit.desk.store(), &request).await?;
    let page = ListPage {
        rows: listed.items.iter().map(|known| Row::of(&visit, known)).collect(),
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        may_assign: visit.may(COLLECTORS),
        shell: visit.shell("Money without a client", "tasks"),
    };
    Ok(render(&page))
}

pub(crate) async fn payment(
    visit: Visit,
    Path(payment): Path<PaymentId>,
) -> Result<Response, Failure> {
    let store = visit.desk.store();
    let gone = || {
        let detail = "This payment isn't without a client: somebody said whose it is, or it found its client.";
        Failure::not_found(detail.to_owned())
    };
    let known = store.unclaimed(&payment).await?.ok_or_else(gone)?;
    let may_assign = visit.may(COLLECTORS);
    let (rows, _) = if may_assign { all_clients(store).await? } else { (Vec::new(), true) };
    let offered = rows.into_iter().take(MAX_OFFERED);
    let page = PaymentPage {
        row: Row::of(&visit, &known),
        clients: offered.map(|row| (row.client.to_string(), row.name.personal)).collect(),
        may_assign,
        shell: visit.shell(format!("Payment {payment}"), "tasks"),
    };
    Ok(render(&page))
}
