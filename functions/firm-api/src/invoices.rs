//! Invoices: put in, posted, voided, given up, disputed, credited.

use axum::Json;
use axum::http::StatusCode;
use domain::command::{self, Command, NewInvoice};
use domain::id::{ClientId, CreditNoteId, InvoiceId, ServiceLine};
use domain::invoice::{Deposit, InvoiceKind, Line};
use domain::money::Money;
use domain::numbering::{Series, draft_name, is_unnumbered};
use domain::role::Role;
use domain::text::Personal;
use identity::OpaqueToken;
use serde::Deserialize;
use services::execute::{Numbered, With, execute_with};
use services::http::{Amount, Date, Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::{Desk, Outcome};
use utoipa::ToSchema;

use crate::clients::created;
use crate::show::Invoice;
use crate::{Because, OfClient, OfInvoice};

/// A client's invoices: the open ones by number, then the closed ones.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/invoices", tag = "invoices",
    operation_id = "list_invoices", params(OfClient, PageQuery),
    responses((status = 200, body = Listing<Invoice>)))]
pub(crate) async fn list(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<Invoice>>, Problem> {
    let page = page.request()?;
    let view = desk.view(&client).await?;
    let listed = desk.store().invoices(&client, &page).await?;
    Ok(Json(Listing::of(listed, |invoice| Invoice::of(&view, &invoice))))
}

/// A new invoice.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvoiceToIssue {
    /// Its number, unique in the firm; the next of a series, if not said. A draft without one gets it
    /// when it is posted.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    invoice: Option<InvoiceId>,
    /// The series that its number is drawn from, by its prefix; the firm's last, if not said.
    #[serde(default)]
    #[schema(example = "2026-")]
    series: Option<String>,
    /// `regular` or `out_of_turn`.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    kind: Option<InvoiceKind>,
    /// For which service.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    service_line: Option<ServiceLine>,
    /// Which of the firm's bank accounts its money goes to: `operating` or `trust`. Firms that keep clients'
    /// money apart say it for each invoice.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    deposit: Option<Deposit>,
    /// What it is made of.
    #[serde(default)]
    lines: Vec<InvoiceLine>,
    /// What it comes to: the sum of the lines, where there are any.
    total: Amount,
    /// The invoice date; the day on which it goes out, if not said.
    #[serde(default)]
    issued_on: Option<Date>,
    /// The due date; from the policy's terms, if not said.
    #[serde(default)]
    due_on: Option<Date>,
    /// The day on which it goes out; now, or on the invoice date if that is to come.
    #[serde(default)]
    posts_on: Option<Date>,
    /// Whether it isn't finished.
    #[serde(default)]
    is_draft: bool,
}

/// A line.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct InvoiceLine {
    /// What was done.
    description: String,
    /// How often.
    quantity: u32,
    /// For one.
    unit_amount: Amount,
    /// On the whole line.
    #[serde(default)]
    tax: Option<Amount>,
}

impl InvoiceToIssue {
    /// Under that number, or that name of a draft.
    fn called(self, id: InvoiceId) -> NewInvoice {
        let line = |line: InvoiceLine| {
            let Amount(unit_amount) = line.unit_amount;
            let tax = line.tax.map_or(Money::zero(unit_amount.currency()), |Amount(tax)| tax);
            Line { description: line.description, quantity: line.quantity, unit_amount, tax }
        };
        let day = |date: Option<Date>| date.map(|Date(day)| day);
        NewInvoice {
            id,
            kind: self.kind.unwrap_or_default(),
            service_line: self.service_line,
            lines: self.lines.into_iter().map(line).collect(),
            total: self.total.0,
            issued_on: day(self.issued_on),
            due_on: day(self.due_on),
            posts_on: day(self.posts_on),
            is_draft: self.is_draft,
            deposit: self.deposit,
        }
    }
}

/// Puts in an invoice. Without a number it gets the next of a series, without a gap (INV-7).
#[utoipa::path(post, path = "/firm/v1/clients/{client}/invoices", tag = "invoices",
    operation_id = "issue_invoice", params(OfClient), request_body = InvoiceToIssue,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn issue(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(mut new): JsonBody<InvoiceToIssue>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    if let Some(id) = new.invoice.take() {
        if new.series.is_some() {
            let detail = "the number is given, so none is drawn from a series";
            return Err(Problem::invalid("series", detail));
        }
        let command = Command::IssueInvoice(new.called(id.clone()));
        let executed = desk.execute(&client, &command).await?;
        return Ok(created(Outcome::of(&executed).with_id(id)));
    }
    let series = match (new.is_draft, new.series.take()) {
        (true, None) => None,
        (true, Some(_)) => {
            let detail = "a draft gets its number when it is posted";
            return Err(Problem::invalid("series", detail));
        }
        (false, prefix) => Some(series_of(&desk, prefix.as_deref())?),
    };
    let new = new.called(name_of_draft(&desk)?);
    let command = |number: Option<&InvoiceId>| {
        let id = number.unwrap_or(&new.id).clone();
        Command::IssueInvoice(NewInvoice { id, ..new.clone() })
    };
    let outcome = numbered(&desk, &client, &command, series).await?;
    Ok((StatusCode::CREATED, Json(outcome)))
}

/// The series of that prefix; the last one, if none is said.
fn series_of<'d>(desk: &'d Desk, prefix: Option<&str>) -> Result<&'d Series, Problem> {
    let known = &desk.firm.settings().numbering;
    let Some(prefix) = prefix else {
        let detail = "a number is expected: the firm has no series to draw one from";
        return known.last().ok_or_else(|| Problem::invalid("invoice", detail));
    };
    known.iter().find(|series| series.prefix() == prefix).ok_or_else(|| {
        let all: Vec<_> = known.iter().map(|series| format!("{:?}", series.prefix())).collect();
        let known = if all.is_empty() { "none".to_owned() } else { all.join(", ") };
        Problem::invalid("series", format!("the firm has no such series, but {known}"))
    })
}

/// A draft's name until it has a number: the same whenever the same request is made.
fn name_of_draft(desk: &Desk) -> Result<InvoiceId, Problem> {
    let token = OpaqueToken::random_128().map_err(|error| Problem::internal(&error))?;
    let name = desk.once.clone().unwrap_or_else(|| token.reveal().to_owned());
    draft_name(&name).map_err(|error| Problem::internal(&error))
}

/// Carries out what takes a number, once under the request's key.
async fn numbered(
    desk: &Desk,
    client: &ClientId,
    command: &Numbered<'_>,
    series: Option<&Series>,
) -> Result<Outcome, Problem> {
    let with = With { once: desk.once.as_deref(), series };
    let executed = execute_with(&desk.firm, client, (command, with), &desk.caller, desk.now);
    let executed = executed.await?;
    let outcome = Outcome::of(&executed);
    Ok(match executed.made {
        Some(number) => outcome.with_id(number),
        None => outcome,
    })
}

/// One invoice.
#[utoipa::path(get, path = "/firm/v1/invoices/{invoice}", tag = "invoices", operation_id = "get_invoice",
    params(OfInvoice), responses((status = 200, body = Invoice)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
) -> Result<Json<Invoice>, Problem> {
    let client = desk.client_of(&invoice).await?;
    let view = desk.view(&client).await?;
    let found = match view.loaded.account.invoices.get(&invoice) {
        Some(open) => Some(open.clone()),
        None => desk.store().invoice(&client, &invoice).await?,
    };
    let found = found.ok_or_else(|| Problem::not_found("invoice"))?;
    Ok(Json(Invoice::of(&view, &found)))
}

/// Carries out a command on the client whose invoice that is.
async fn on(desk: &Desk, invoice: &InvoiceId, command: Command) -> Result<Outcome, Problem> {
    let client = desk.client_of(invoice).await?;
    Ok(Outcome::of(&desk.execute(&client, &command).await?))
}

/// Posts a draft, or a scheduled invoice before its day. A draft without a number gets the next of the
/// firm's last series, and goes on under it (INV-7).
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/post", tag = "invoices",
    operation_id = "post_invoice", params(OfInvoice), responses((status = 200, body = Outcome)))]
pub(crate) async fn post(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
) -> Result<Json<Outcome>, Problem> {
    let command = Command::PostInvoice { invoice: invoice.clone() };
    if !is_unnumbered(&invoice) {
        return on(&desk, &invoice, command).await.map(Json);
    }
    let client = desk.client_of(&invoice).await?;
    let series = series_of(&desk, None)?;
    numbered(&desk, &client, &|_| command.clone(), Some(series)).await.map(Json)
}

/// Voids an invoice: it should never have been (INV-6).
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/void", tag = "invoices",
    operation_id = "void_invoice", params(OfInvoice), request_body = Because,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn void(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Outcome>, Problem> {
    let command = Command::VoidInvoice { invoice: invoice.clone(), reason: because.text() };
    on(&desk, &invoice, command).await.map(Json)
}

/// Gives up what is owed on an invoice (PLAN-1).
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/write-off", tag = "invoices",
    operation_id = "write_off_invoice", params(OfInvoice), request_body = Because,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn write_off(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(&[Role::Partner])?;
    desk.require_fresh_sign_in()?;
    let command = Command::WriteOff { invoice: invoice.clone(), reason: because.text() };
    on(&desk, &invoice, command).await.map(Json)
}

/// A late fee by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewFee {
    /// How much, in the invoice's currency.
    amount: Amount,
}

/// Adds a late fee to an invoice by hand, outside the policy's times and caps (LF-1).
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/fees", tag = "invoices",
    operation_id = "add_fee", params(OfInvoice), request_body = NewFee,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn add_fee(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
    JsonBody(NewFee { amount: Amount(amount) }): JsonBody<NewFee>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    desk.require(&[Role::Partner])?;
    let command = Command::AddFee { invoice: invoice.clone(), amount };
    on(&desk, &invoice, command).await.map(created)
}

/// Waives all late fees of an invoice that weren't waived; what was paid of them becomes client credit (LF-1).
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/fees/waive", tag = "invoices",
    operation_id = "waive_fees", params(OfInvoice), request_body = Because,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn waive_fees(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
    JsonBody(because): JsonBody<Because>,
) -> Result<Json<Outcome>, Problem> {
    desk.require(&[Role::Partner])?;
    let command = Command::WaiveFees { invoice: invoice.clone(), reason: because.text() };
    on(&desk, &invoice, command).await.map(Json)
}

/// A new dispute.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewDispute {
    /// How much of the invoice is disputed; all of it, if not said.
    #[serde(default)]
    amount: Option<Amount>,
    /// Why.
    reason: String,
}

/// Opens a dispute on an invoice (DIS-1).
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/disputes", tag = "invoices",
    operation_id = "dispute_invoice", params(OfInvoice), request_body = NewDispute,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn dispute(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
    JsonBody(new): JsonBody<NewDispute>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let amount = new.amount.map(|Amount(amount)| amount);
    let reason = Personal::new(new.reason);
    let command = Command::OpenDispute { invoice: invoice.clone(), amount, reason };
    on(&desk, &invoice, command).await.map(created)
}

/// A partner looks at the dispute on an invoice.
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/disputes/review", tag = "invoices",
    operation_id = "review_dispute", params(OfInvoice), responses((status = 200, body = Outcome)))]
pub(crate) async fn review_dispute(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
) -> Result<Json<Outcome>, Problem> {
    on(&desk, &invoice, Command::ReviewDispute { invoice: invoice.clone() }).await.map(Json)
}

/// How a dispute is decided.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Resolution {
    /// `upheld`, `rejected` or `withdrawn`.
    outcome: DisputeOutcome,
}

/// How a dispute ends by hand; it ends by itself when nothing is owed any more.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum DisputeOutcome {
    /// The client was right: a credit note.
    Upheld,
    /// The firm was right.
    Rejected,
    /// The client gave it up.
    Withdrawn,
}

/// Decides the dispute on an invoice.
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/disputes/resolution", tag = "invoices",
    operation_id = "resolve_dispute", params(OfInvoice), request_body = Resolution,
    responses((status = 200, body = Outcome)))]
pub(crate) async fn resolve_dispute(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
    JsonBody(resolution): JsonBody<Resolution>,
) -> Result<Json<Outcome>, Problem> {
    let outcome = match resolution.outcome {
        DisputeOutcome::Upheld => command::DisputeOutcome::Upheld,
        DisputeOutcome::Rejected => command::DisputeOutcome::Rejected,
        DisputeOutcome::Withdrawn => command::DisputeOutcome::Withdrawn,
    };
    let command = Command::ResolveDispute { invoice: invoice.clone(), outcome };
    on(&desk, &invoice, command).await.map(Json)
}

/// A credit note.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCreditNote {
    /// Its number, unique in the firm.
    #[schema(value_type = String)]
    pub(crate) credit_note: CreditNoteId,
    /// How much.
    pub(crate) amount: Amount,
}

/// Credits an invoice (INV-5).
#[utoipa::path(post, path = "/firm/v1/invoices/{invoice}/credit-notes", tag = "invoices",
    operation_id = "credit_invoice", params(OfInvoice), request_body = NewCreditNote,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn credit(
    desk: Desk,
    Ids(OfInvoice { invoice }): Ids<OfInvoice>,
    JsonBody(new): JsonBody<NewCreditNote>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let NewCreditNote { credit_note: id, amount: Amount(amount) } = new;
    let name = id.to_string();
    let command = Command::IssueCreditNote { id, amount, invoice: Some(invoice.clone()) };
    on(&desk, &invoice, command).await.map(|outcome| created(outcome.with_id(name)))
}
