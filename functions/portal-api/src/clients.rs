//! One of the contact's clients: how its portal stands, its invoices, its own records (ACC-1..4, POR-4).

use axum::Json;
use axum::http::StatusCode;
use axum::response::Response;
use domain::access::{Access, Capability};
use domain::command::Command;
use domain::explain::client::explain_to_client;
use domain::id::ClientId;
use domain::invoice::Invoice;
use domain::money::Money;
use domain::role::Actor;
use serde::{Deserialize, Serialize};
use services::execute::{Executed, View};
use services::http::{Amount, Date, Ids, Listing, PageQuery, Params, Problem};
use services::papers::statement::{self, Asked, ShownStatement};
use services::portal::{Payable, Standing, Visitor};
use utoipa::{IntoParams, ToSchema};

/// The client in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfClient {
    /// The client's id.
    #[param(value_type = String)]
    pub(crate) client: ClientId,
}

/// What was said to the firm.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Noted {
    /// Whether it was new; else the firm knew it already.
    is_new: bool,
}

impl Noted {
    pub(crate) fn of(executed: &Executed) -> Self {
        Self { is_new: !executed.events.is_empty() }
    }
}

/// Whether something is open.
#[derive(Serialize, ToSchema)]
pub(crate) struct Opens {
    /// What.
    capability: &'static str,
    /// Whether it is.
    is_open: bool,
    /// Why it isn't, in a sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    why: Option<String>,
    /// The service lines for which it isn't, although it is for others (LOCK-5).
    #[serde(skip_serializing_if = "Vec::is_empty")]
    but_not_for: Vec<String>,
}

impl Opens {
    pub(crate) fn all(view: &View, standing: &Standing) -> Vec<Self> {
        let shown = standing.all().map(|(capability, access)| Self {
            capability: capability.as_str(),
            is_open: access.is_allowed(),
            why: match access {
                Access::Deny(denial) => Some(standing.denied(view, denial).why),
                Access::Allow | Access::Only(_) => None,
            },
            but_not_for: match access.is_allowed() {
                true => standing.lines_without(capability).map(ToString::to_string).collect(),
                false => Vec::new(),
            },
        });
        shown.collect()
    }
}

/// An invoice, as its client sees it.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyInvoice {
    /// Its number.
    invoice: String,
    /// `unpaid`, `partially_paid`, `overdue`, `locked`, `disputed`, `paid`, `void`, `written_off`.
    status: &'static str,
    /// When it was issued.
    issued_on: Date,
    /// When it was or is due.
    due_on: Date,
    /// Its amount, without late fees.
    total: Amount,
    /// What its late fees come to that are owed with it.
    late_fees: Amount,
    /// What was paid of it.
    paid: Amount,
    /// What is left.
    balance: Amount,
    /// What of it can be paid now.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_pay: Option<Amount>,
}

impl MyInvoice {
    fn of(view: &View, invoice: &Invoice, payable: &[Payable<'_>]) -> Self {
        let payable = payable.iter().find(|payable| payable.invoice.id == invoice.id);
        Self {
            invoice: invoice.id.to_string(),
            status: view.loaded.account.status(invoice, view.day).as_str(),
            issued_on: Date(invoice.issued_on),
            due_on: Date(invoice.due_on),
            total: Amount(invoice.total),
            late_fees: Amount(invoice.late_fees()),
            paid: Amount(invoice.paid()),
            balance: Amount(invoice.balance()),
            to_pay: payable.filter(|of| !of.amount.is_zero()).map(|of| Amount(of.amount)),
        }
    }
}

/// How a client stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct Dashboard {
    /// The client's id.
    client: String,
    /// Its name.
    name: String,
    /// The state of its portal.
    portal: &'static str,
    /// Why it isn't open.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// What is overdue, an amount for each currency: what to pay now.
    overdue: Vec<Amount>,
    /// Everything that is open, an amount for each currency.
    balance: Vec<Amount>,
    /// Why it stands so, and what comes if nothing happens.
    explanation: MyExplanation,
    /// What is open and what isn't.
    access: Vec<Opens>,
    /// Invoices that are open, the oldest due first.
    invoices: Vec<MyInvoice>,
}

/// Why, and what next, in sentences for the client (EVAL-5).
#[derive(Serialize, ToSchema)]
pub(crate) struct MyExplanation {
    /// How things stand, the most important first.
    why: Vec<String>,
    /// What comes by itself, day by day.
    next: Vec<MyNext>,
}

/// What comes on a day.
#[derive(Serialize, ToSchema)]
pub(crate) struct MyNext {
    /// When.
    on: Date,
    /// What.
    what: Vec<String>,
    /// What the client can do about it, with how much and by when.
    stopped_by: Vec<String>,
}

impl MyExplanation {
    fn of(view: &View) -> Self {
        let context = view.context(&Actor::Schedule);
        let told = explain_to_client(&view.loaded.account, &context);
        let next = told.next.into_iter().map(|follows| MyNext {
            on: Date(follows.on),
            what: follows.what,
            stopped_by: follows.stopped_by,
        });
        Self { why: told.why, next: next.collect() }
    }
}

/// How one of the contact's clients stands.
#[utoipa::path(get, path = "/portal/v1/clients/{client}/dashboard", tag = "clients",
    operation_id = "dashboard", params(OfClient), responses((status = 200, body = Dashboard)))]
pub(crate) async fn dashboard(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<Json<Dashboard>, Problem> {
    let view = visitor.view_for(&client, Capability::SignIn).await?;
    let (account, standing) = (&view.loaded.account, Standing::of(&view));
    let payable = Payable::all(&view);
    let open = || payable.iter().map(|payable| payable.invoice);
    let overdue = open().filter(|invoice| invoice.is_overdue(view.day));
    Ok(Json(Dashboard {
        client: client.to_string(),
        name: account.profile.name.as_str().to_owned(),
        portal: standing.state.as_str(),
        reason: account.portal_reason(),
        overdue: sums(overdue.map(Invoice::balance)),
        balance: sums(open().map(Invoice::balance)),
        explanation: MyExplanation::of(&view),
        access: Opens::all(&view, &standing),
        invoices: open().map(|invoice| MyInvoice::of(&view, invoice, &payable)).collect(),
    }))
}

/// One sum for each currency.
fn sums(amounts: impl Iterator<Item = Money>) -> Vec<Amount> {
    let mut sums = std::collections::BTreeMap::new();
    for amount in amounts {
        let sum: &mut u64 = sums.entry(amount.currency()).or_default();
        *sum = sum.saturating_add(amount.minor());
    }
    sums.into_iter().map(|(currency, minor)| Amount(Money::new(minor, currency))).collect()
}

/// A client's invoices that are out, open and closed, by their numbers.
#[utoipa::path(get, path = "/portal/v1/clients/{client}/invoices", tag = "clients",
    operation_id = "my_invoices", params(OfClient, PageQuery),
    responses((status = 200, body = Listing<MyInvoice>)))]
pub(crate) async fn invoices(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(query): Params<PageQuery>,
) -> Result<Json<Listing<MyInvoice>>, Problem> {
    let view = visitor.view_for(&client, Capability::Invoices).await?;
    let payable = Payable::all(&view);
    let mut listed = visitor.store().invoices(&client, &query.request()?).await?;
    listed.items.retain(|invoice| invoice.is_posted(view.day));
    Ok(Json(Listing::of(listed, |invoice| MyInvoice::of(&view, &invoice, &payable))))
}

/// Asks the firm for the client's own records: a task for its staff (ACC-4). Open in every state.
#[utoipa::path(post, path = "/portal/v1/clients/{client}/records-requests", tag = "clients",
    operation_id = "request_records", params(OfClient), responses((status = 202, body = Noted)))]
pub(crate) async fn request_records(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
) -> Result<(StatusCode, Json<Noted>), Problem> {
    visitor.view_for(&client, Capability::Records).await?;
    let executed = visitor.execute(&client, &Command::RequestRecords).await?;
    Ok((StatusCode::ACCEPTED, Json(Noted::of(&executed))))
}

/// The client's statement of account, as JSON, CSV or PDF; not while its statements are closed (ACC-1).
#[utoipa::path(get, path = "/portal/v1/clients/{client}/statement", tag = "clients",
    operation_id = "my_statement", params(OfClient, Asked),
    responses((status = 200, body = ShownStatement)))]
pub(crate) async fn statement(
    visitor: Visitor,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(asked): Params<Asked>,
) -> Result<Response, Problem> {
    let view = visitor.view_for(&client, Capability::Statements).await?;
    statement::answer(&visitor.firm, &view.loaded.account, &asked, view.day).await
}
