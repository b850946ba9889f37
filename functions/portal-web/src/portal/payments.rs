//! A client's payments, the last one first, and each one's receipt.

use askama::Template;
use axum::response::Response;
use domain::access::Capability;
use domain::id::{ClientId, PaymentId};
use domain::payment::{Method, Payment, PaymentState};
use services::http::Problem;
use services::portal::pay::segment;
use store::PageRequest;

use super::dashboard::Panel;
use super::invoices::Place;
use super::{Guest, Shell, client_path};
use crate::extract::{Path, Query};
use crate::page::{Failure, render};
use crate::said;

/// How many stand on a page.
const PER_PAGE: u32 = 30;

/// A payment in a list.
struct Row {
    path: String,
    reference: String,
    on: String,
    amount: String,
    method: &'static str,
    state: &'static str,
    pill: &'static str,
    /// Which invoice got how much.
    applied: Vec<(String, String)>,
}

impl Row {
    /// None, while only news about it has come.
    fn of(client: &ClientId, payment: &Payment) -> Option<Self> {
        let facts = payment.facts.as_ref()?;
        let (state, pill) = match payment.state() {
            PaymentState::Unknown => return None,
            PaymentState::Pending => ("on its way", "asked"),
            PaymentState::Failed => ("failed", "locked"),
            PaymentState::Succeeded => ("received", "open"),
            PaymentState::Returned => ("came back", "locked"),
            PaymentState::PartiallyRefunded => ("refunded in part", "on_hold"),
            PaymentState::Refunded => ("refunded", "on_hold"),
            PaymentState::ChargedBack => ("charged back", "locked"),
        };
        let applied = payment.allocations.iter();
        Some(Self {
            path: format!("{}/payments/{}", client_path(client), segment(payment.id.as_str())),
            reference: payment.id.to_string(),
            on: said::day(facts.first_on),
            amount: facts.amount.for_person(),
            method: match facts.method {
                Method::Card => "card",
                Method::Ach => "bank debit",
                Method::Check => "check",
                Method::Phone => "phone",
            },
            state,
            pill,
            applied: applied.map(|(id, amount)| (id.to_string(), amount.for_person())).collect(),
        })
    }
}

#[derive(Template)]
#[template(path = "portal/payments.html")]
struct PaymentsPage {
    shell: Shell,
    panel: Panel,
    payments: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

/// The list.
pub(crate) async fn list(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Invoices).await?;
    let page = PageRequest { cursor: place.cursor.as_deref(), limit: PER_PAGE };
    let listed = guest.visitor.store().payments(&client, &page).await?;
    let page = PaymentsPage {
        payments: listed.items.iter().filter_map(|payment| Row::of(&client, payment)).collect(),
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        panel: Panel::of(&view),
        shell: guest.shell("Payments", "overview"),
    };
    Ok(render(&page))
}

#[derive(Template)]
#[template(path = "portal/receipt.html")]
struct ReceiptPage {
    shell: Shell,
    panel: Panel,
    payment: Row,
    postal_address: Option<String>,
}

/// One payment, to be printed and kept.
pub(crate) async fn receipt(
    guest: Guest,
    Path((client, payment)): Path<(ClientId, PaymentId)>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Invoices).await?;
    let found = guest.visitor.store().payment(&payment).await?;
    // Another client's payment is none here (SEC-1).
    let found =
        found.filter(|(of, _)| *of == client).and_then(|(_, found)| Row::of(&client, &found));
    let page = ReceiptPage {
        payment: found.ok_or_else(|| Problem::not_found("payment"))?,
        postal_address: guest.visitor.firm.settings().postal_address.clone(),
        panel: Panel::of(&view),
        shell: guest.shell("Receipt", "overview"),
    };
    Ok(render(&page))
}
