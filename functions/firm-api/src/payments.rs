//! Payments: those of a client, and what staff record by hand: checks, phone payments, what of them
//! was given back.
//!
//! A gateway's payments are recorded from the gateway alone (PAY-2), so the id of one recorded here
//! begins with `staff:`, and only such a one can be given back here.

use axum::Json;
use axum::http::StatusCode;
use domain::command::{Command, News};
use domain::id::{IdError, InvoiceId, PaymentId, RefundId};
use domain::payment::{Method, Seen};
use serde::Deserialize;
use services::http::{Amount, Date, Ids, JsonBody, Listing, PageQuery, Params, Problem};
use services::office::{Desk, Outcome};
use utoipa::{IntoParams, ToSchema};

use crate::OfClient;
use crate::clients::created;
use crate::invoices::NewCreditNote;
use crate::show::Payment;

/// Where a payment recorded by hand comes from.
const STAFF: &str = "staff:";

/// A client's payments, the one that was told of last first.
#[utoipa::path(get, path = "/firm/v1/clients/{client}/payments", tag = "payments",
    operation_id = "list_payments", params(OfClient, PageQuery),
    responses((status = 200, body = Listing<Payment>)))]
pub(crate) async fn list(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    Params(page): Params<PageQuery>,
) -> Result<Json<Listing<Payment>>, Problem> {
    let listed = desk.store().payments(&client, &page.request()?).await?;
    if listed.items.is_empty() {
        desk.require_client(&client).await?;
    }
    Ok(Json(Listing::of(listed, |payment| Payment::of(&payment))))
}

/// A payment by hand.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandPayment {
    /// The firm's reference: a check's number, the phone terminal's. Told twice, it is recorded once.
    reference: String,
    /// `check` or `phone`.
    method: HandMethod,
    /// How much.
    amount: Amount,
    /// The invoices that it is for, in this order; the oldest ones, if none are named.
    #[serde(default)]
    #[schema(value_type = Vec<String>)]
    invoices: Vec<InvoiceId>,
    /// The day on which it was paid, if not today.
    #[serde(default)]
    paid_on: Option<Date>,
}

/// How a payment by hand was made.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum HandMethod {
    /// A check.
    Check,
    /// By phone.
    Phone,
}

/// Records a payment by hand.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/payments", tag = "payments",
    operation_id = "record_payment", params(OfClient), request_body = HandPayment,
    responses((status = 201, body = Outcome), (status = 200, body = Outcome)))]
pub(crate) async fn record(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<HandPayment>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let payment = hand_id(&new.reference)?;
    let today = desk.day();
    let paid_on = new.paid_on.map(|Date(day)| day);
    if paid_on.is_some_and(|day| today < day) {
        return Err(Problem::invalid("paid_on", "this day is still to come"));
    }
    let news = News::Told {
        amount: new.amount.0,
        method: match new.method {
            HandMethod::Check => Method::Check,
            HandMethod::Phone => Method::Phone,
        },
        invoices: new.invoices,
        seen: Seen::Succeeded,
        on: paid_on,
    };
    let command = Command::RecordPayment { payment: payment.clone(), news };
    let executed = desk.execute(&client, &command).await?;
    Ok(created(Outcome::of(&executed).with_id(payment.as_str())))
}

fn hand_id(reference: &str) -> Result<PaymentId, Problem> {
    let wrong = |error: IdError| Problem::invalid("reference", error.to_string());
    // As an id of its own first: the error is about what the caller wrote.
    let reference: PaymentId = reference.parse().map_err(wrong)?;
    format!("{STAFF}{reference}").parse().map_err(wrong)
}

/// The payment in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfPayment {
    /// The payment's id.
    #[param(value_type = String)]
    payment: PaymentId,
}

/// What is given back.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandRefund {
    /// The firm's reference of it. Told twice, it is recorded once.
    #[schema(value_type = String)]
    refund: RefundId,
    /// How much; all that is left, if not said.
    #[serde(default)]
    amount: Option<Amount>,
}

/// Records that some of a payment by hand was given back.
#[utoipa::path(post, path = "/firm/v1/payments/{payment}/refunds", tag = "payments",
    operation_id = "refund_payment", params(OfPayment), request_body = HandRefund,
    responses((status = 201, body = Outcome), (status = 200, body = Outcome)))]
pub(crate) async fn refund(
    desk: Desk,
    Ids(OfPayment { payment }): Ids<OfPayment>,
    JsonBody(new): JsonBody<HandRefund>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let amount = new.amount.map(|Amount(amount)| amount);
    let id = new.refund.to_string();
    let outcome = news(&desk, payment, News::Refunded { id: new.refund, amount }).await?;
    Ok(created(outcome.with_id(id)))
}

/// Records that a check came back.
#[utoipa::path(post, path = "/firm/v1/payments/{payment}/return", tag = "payments",
    operation_id = "return_payment", params(OfPayment), responses((status = 200, body = Outcome)))]
pub(crate) async fn take_back(
    desk: Desk,
    Ids(OfPayment { payment }): Ids<OfPayment>,
) -> Result<Json<Outcome>, Problem> {
    news(&desk, payment, News::Returned).await.map(Json)
}

async fn news(desk: &Desk, payment: PaymentId, news: News) -> Result<Outcome, Problem> {
    let found = desk.store().payment(&payment).await?;
    let (client, _) = found.ok_or_else(|| Problem::not_found("payment"))?;
    if !payment.as_str().starts_with(STAFF) {
        let kind = services::http::ProblemKind::Conflict;
        let detail = "only the gateway tells news about its payments";
        return Err(Problem { rule: Some("PAY-2"), ..Problem::new(kind, detail) });
    }
    let executed = desk.execute(&client, &Command::RecordPayment { payment, news }).await?;
    Ok(Outcome::of(&executed))
}

/// Credits a client: the note goes where a payment that names no invoice would.
#[utoipa::path(post, path = "/firm/v1/clients/{client}/credit-notes", tag = "payments",
    operation_id = "credit_client", params(OfClient), request_body = NewCreditNote,
    responses((status = 201, body = Outcome)))]
pub(crate) async fn credit(
    desk: Desk,
    Ids(OfClient { client }): Ids<OfClient>,
    JsonBody(new): JsonBody<NewCreditNote>,
) -> Result<(StatusCode, Json<Outcome>), Problem> {
    let NewCreditNote { credit_note: id, amount: Amount(amount) } = new;
    let name = id.to_string();
    let command = Command::IssueCreditNote { id, amount, invoice: None };
    let executed = desk.execute(&client, &command).await?;
    Ok(created(Outcome::of(&executed).with_id(name)))
}
