//! AffiniPay's API, as far as we call it: JSON both ways, Basic authentication, and `messages` where it refuses.

use std::collections::BTreeMap;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use domain::invoice::Deposit;
use gateways::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::acts::ActError;
use super::book::Book;
use super::instruments::{PayWith, Saved};
use super::transactions::{NewCharge, Transaction};
use super::{ACCOUNTS, SandboxAffiniPay};
use crate::faults;

/// The gateway's own page.
const DEFAULT_PAGE: usize = 20;

/// The longest reference, in characters.
const MAX_REFERENCE_CHARS: usize = 128;

/// Which side a request is on, by its key.
#[derive(Debug, Clone, Copy)]
struct Side {
    is_live: bool,
}

/// Everything under `/sandbox/affinipay/v1`.
pub fn router(sandbox: &SandboxAffiniPay) -> Router {
    let check = middleware::from_fn_with_state(sandbox.clone(), check);
    let faults = middleware::from_fn_with_state(sandbox.inner.faults.clone(), faults::layer);
    let v1 = Router::new()
        .route("/merchant", get(merchant))
        .route("/events", get(list_events))
        .route("/events/{id}", get(event))
        .route("/transactions", get(list_transactions))
        .route("/transactions/{id}", get(transaction))
        .route("/transactions/{id}/void", post(void))
        .route("/charges", post(charge))
        .route("/charges/{id}/refund", post(refund))
        .route("/tokens/{id}", get(token))
        .route("/{list}", get(list_saved).post(save))
        .route("/{list}/{id}", get(saved).delete(remove))
        .fallback(unknown)
        .layer(check)
        .layer(faults)
        .with_state(sandbox.clone());
    Router::new().nest("/sandbox/affinipay/v1", v1)
}

/// Why a request is refused.
#[derive(Debug)]
struct Problem {
    status: StatusCode,
    code: String,
    context: Option<String>,
    entity: Option<String>,
}

impl Problem {
    fn new(status: StatusCode, code: impl Into<String>) -> Self {
        Self { status, code: code.into(), context: None, entity: None }
    }

    fn unprocessable(code: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code)
    }

    fn field(name: &str) -> Self {
        Self { context: Some(name.to_owned()), ..Self::unprocessable("invalid_data") }
    }

    fn missing(kind: &str, id: &str) -> Self {
        let context = Some(format!("{kind}[{id}]"));
        Self { context, ..Self::new(StatusCode::NOT_FOUND, "resource_not_found") }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut message = json!({"code": self.code, "level": "error", "facility": "gateway"});
        for (name, value) in [("context", self.context), ("entity_id", self.entity)] {
            if let Some(value) = value {
                message[name] = json!(value);
            }
        }
        (self.status, Json(json!({"messages": [message]}))).into_response()
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Missing { id } => Self::missing("Transaction", &id),
            ActError::Refused { code } => Self::unprocessable(code),
        }
    }
}

async fn unknown() -> Problem {
    Problem::new(StatusCode::NOT_FOUND, "resource_not_found")
}

async fn check(
    State(sandbox): State<SandboxAffiniPay>,
    mut request: Request,
    next: Next,
) -> Response {
    let Some(side) = sandbox.admit(&request) else {
        return Problem::new(StatusCode::UNAUTHORIZED, "not_authorized").into_response();
    };
    request.extensions_mut().insert(side);
    let now = sandbox.now();
    let has_due = sandbox.book().has_due(now);
    if has_due {
        sandbox.always(|book| book.catch_up(now));
    }
    next.run(request).await
}

impl SandboxAffiniPay {
    fn admit(&self, request: &Request) -> Option<Side> {
        let header = request.headers().get("authorization")?.to_str().ok()?;
        let decoded = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
        let text = String::from_utf8(decoded).ok()?;
        let key = text.strip_suffix(':')?;
        let test_key = self.inner.key.expose();
        let live_key = test_key.replacen("_test_", "_live_", 1);
        match key {
            _ if key == test_key => Some(Side { is_live: false }),
            _ if key == live_key => Some(Side { is_live: true }),
            _ => None,
        }
    }
}

type Answer = Result<Json<Value>, Problem>;

async fn merchant() -> Json<Value> {
    let of = |by: Method| -> Vec<Value> {
        let accounts = ACCOUNTS.iter().filter(|(_, _, method)| *method == by);
        let shown = accounts.enumerate().map(|(index, (id, deposit, _))| {
            let is_trust = (*deposit == Deposit::Trust).to_string();
            json!({
                "id": id, "status": "ACTIVE", "name": deposit.as_str(), "primary": index == 0,
                // Text, as in the gateway's own example.
                "trust_account": is_trust,
            })
        });
        shown.collect()
    };
    Json(json!({
        "id": "sandboxMerchant", "name": "Sandbox",
        "merchant_accounts": of(Method::Card), "ach_accounts": of(Method::Ach),
    }))
}

/// A query's parts, in order; one may be there more than once.
struct Query(Vec<(String, String)>);

impl Query {
    fn read(text: Option<String>) -> Self {
        let text = text.unwrap_or_default();
        Self(form_urlencoded::parse(text.as_bytes()).into_owned().collect())
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = self.0.iter().filter(move |(known, _)| known == name);
        of_name.map(|(_, value)| value.as_str())
    }

    fn get<'a>(&'a self, name: &'a str) -> Option<&'a str> {
        self.all(name).next()
    }

    fn number(&self, name: &str, default: usize) -> Result<usize, Problem> {
        let Some(text) = self.get(name) else { return Ok(default) };
        let number = text.parse().ok().filter(|number| 0 < *number);
        number.ok_or_else(|| Problem::field(name))
    }

    fn moment(&self, name: &str) -> Result<Option<i64>, Problem> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| Problem::field(name))?;
        Ok(Some(at.timestamp()))
    }

    /// One page of what was found.
    fn page(&self, all: Vec<Value>) -> Answer {
        let page = self.number("page", 1)?;
        let size = self.number("page_size", DEFAULT_PAGE)?;
        let total = all.len();
        let from = (page - 1).saturating_mul(size);
        let results: Vec<_> = all.into_iter().skip(from).take(size).collect();
        Ok(Json(json!({
            "page": page, "page_size": size, "total_entries": total, "results": results,
        })))
    }
}

async fn list_events(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = Query::read(query);
    let start = query.moment("start_date")?;
    let book = sandbox.book();
    let events = book.events.iter().filter(|event| {
        event.is_live == side.is_live && start.is_none_or(|start| start < event.created_unix)
    });
    let mut found: Vec<_> = events.map(|event| event.body.clone()).collect();
    if start.is_none() {
        found.reverse();
    }
    query.page(found)
}

async fn event(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path(id): Path<String>,
) -> Answer {
    let book = sandbox.book();
    let found = book.events.iter().find(|event| event.id == id && event.is_live == side.is_live);
    found.map(|event| Json(event.body.clone())).ok_or_else(|| Problem::missing("Event", &id))
}

/// Whether a field of what is shown begins with the text; `.` leads into what it holds.
fn matches(shown: &Value, term: &str) -> bool {
    let Some((field, text)) = term.split_once(':') else { return false };
    let path = format!("/{}", field.replace('.', "/"));
    let value = shown.pointer(&path).and_then(Value::as_str).unwrap_or_default();
    value.to_lowercase().starts_with(&text.to_lowercase())
}

async fn list_transactions(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    RawQuery(query): RawQuery,
) -> Answer {
    let query = Query::read(query);
    let (start, end) = (query.moment("start_date")?, query.moment("end_date")?);
    let account = query.get("account_id");
    let book = sandbox.book();
    let found = book.transactions.values().filter(|of| {
        of.is_live == side.is_live
            && start.is_none_or(|start| start < of.created_unix)
            && end.is_none_or(|end| of.created_unix < end)
            && account.is_none_or(|account| account == of.account_id)
    });
    let mut found: Vec<_> = found.collect();
    match query.get("order_by") {
        Some("created" | "+created") => found.sort_by_key(|of| of.created_unix),
        Some("-created") | None => found.sort_by_key(|of| std::cmp::Reverse(of.created_unix)),
        Some(_) => return Err(Problem::field("order_by")),
    }
    // In a list a charge comes without its refunds.
    let shown = found.into_iter().map(|of| {
        let refunds: Vec<_> = book.refunds_of(&of.id).collect();
        let mut shown = of.shown(&refunds);
        if let Some(object) = shown.as_object_mut() {
            object.remove("refunds");
        }
        shown
    });
    let shown = shown.filter(|shown| query.all("qf").all(|term| matches(shown, term)));
    query.page(shown.collect())
}

/// The transaction, if it is on that side.
fn visible<'a>(book: &'a Book, id: &str, side: Side) -> Result<&'a Transaction, Problem> {
    let found = book.transactions.get(id).filter(|of| of.is_live == side.is_live);
    found.ok_or_else(|| Problem::missing("Transaction", id))
}

fn shown(book: &Book, id: &str) -> Answer {
    book.shown(id).map(Json).ok_or_else(|| Problem::missing("Transaction", id))
}

async fn transaction(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path(id): Path<String>,
) -> Answer {
    let book = sandbox.book();
    visible(&book, &id, side)?;
    shown(&book, &id)
}

fn body<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(body).map_err(|error| Problem::field(&error.to_string()))
}

/// Amounts may be numbers or text.
fn amount(value: &Value) -> Result<u64, Problem> {
    let number = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    number.filter(|amount| 0 < *amount).ok_or_else(|| Problem::field("amount"))
}

fn checked(reference: Option<String>) -> Result<Option<String>, Problem> {
    let is_long = |text: &String| MAX_REFERENCE_CHARS < text.chars().count();
    if reference.as_ref().is_some_and(is_long) {
        Err(Problem::field("reference"))
    } else {
        Ok(reference)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChargeBody {
    amount: Value,
    #[serde(default)]
    currency: Option<String>,
    #[serde(default)]
    account_id: Option<String>,
    method: String,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    data: Value,
}

async fn charge(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    bytes: Bytes,
) -> Answer {
    let asked: ChargeBody = body(&bytes)?;
    let amount = amount(&asked.amount)?;
    if asked.currency.as_deref().is_some_and(|code| code != "USD") {
        return Err(Problem::unprocessable("unsupported_currency"));
    }
    let reference = checked(asked.reference)?;
    let now = sandbox.now();
    let (done, declined) = sandbox.change(|book| {
        let with = method(book, &asked.method, side)?;
        let account_id = into_account(asked.account_id, &with)?;
        let is_live = side.is_live;
        let new = NewCharge { is_live, account_id, amount, reference, data: asked.data, with };
        Ok::<_, Problem>(book.charge(new, now))
    })?;
    match declined {
        Some(code) => Err(Problem { entity: Some(done.object), ..Problem::unprocessable(code) }),
        None => shown(&sandbox.book(), &done.object),
    }
}

/// Left out, the primary account for the method: the first, whatever money that is.
fn into_account(asked: Option<String>, with: &PayWith) -> Result<String, Problem> {
    let by = if with.is_bank() { Method::Ach } else { Method::Card };
    let Some(asked) = asked else {
        let primary = ACCOUNTS.iter().find(|(_, _, method)| *method == by);
        return Ok(primary.map_or_else(String::new, |(id, ..)| (*id).to_owned()));
    };
    match ACCOUNTS.iter().find(|(id, ..)| *id == asked) {
        Some((_, _, method)) if *method == by => Ok(asked),
        Some(_) => Err(Problem::unprocessable("no_account_for_payment_method")),
        None => Err(Problem::missing("Account", &asked)),
    }
}

/// A saved method, or a token, which is used up by it.
fn method(book: &mut Book, id: &str, side: Side) -> Result<PayWith, Problem> {
    if let Some(saved) = book.saved.get(id).filter(|saved| saved.is_live == side.is_live) {
        return Ok(saved.with.clone());
    }
    let token = book.tokens.get(id).filter(|token| token.is_live == side.is_live).cloned();
    let token = token.ok_or_else(|| Problem::missing("PaymentMethod", id))?;
    book.tokens.remove(id);
    Ok(token.with)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundBody {
    amount: Value,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    data: Value,
}

async fn refund(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer {
    let asked: RefundBody = body(&bytes)?;
    let (amount, reference) = (amount(&asked.amount)?, checked(asked.reference)?);
    let now = sandbox.now();
    let done = sandbox.change(|book| {
        visible(book, &id, side)?;
        Ok::<_, Problem>(book.refund(&id, Some(amount), (reference, asked.data), now)?)
    })?;
    shown(&sandbox.book(), &done.object)
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct VoidBody {
    reference: Option<String>,
}

async fn void(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answer {
    let asked: VoidBody = if bytes.is_empty() { VoidBody::default() } else { body(&bytes)? };
    let reference = checked(asked.reference)?;
    let now = sandbox.now();
    let done = sandbox.change(|book| {
        visible(book, &id, side)?;
        Ok::<_, Problem>(book.void(&id, reference, now)?)
    })?;
    shown(&sandbox.book(), &done.object)
}

async fn token(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path(id): Path<String>,
) -> Answer {
    let book = sandbox.book();
    let found = book.tokens.get(&id).filter(|token| token.is_live == side.is_live);
    let found = found.ok_or_else(|| Problem::missing("Token", &id))?;
    let mut shown = found.with.shown();
    shown["id"] = json!(id);
    Ok(Json(shown))
}

/// Whether the list is that of bank accounts, by its name.
fn is_banks(list: &str) -> Result<bool, Problem> {
    match list {
        "cards" => Ok(false),
        "banks" => Ok(true),
        _ => Err(Problem::new(StatusCode::NOT_FOUND, "resource_not_found")),
    }
}

async fn list_saved(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path(list): Path<String>,
    RawQuery(query): RawQuery,
) -> Answer {
    let (query, is_bank) = (Query::read(query), is_banks(&list)?);
    let reference = query.get("reference");
    let book = sandbox.book();
    let found = book.saved.iter().filter(|(_, saved)| {
        saved.is_live == side.is_live
            && saved.with.is_bank() == is_bank
            && reference.is_none_or(|asked| saved.reference.as_deref() == Some(asked))
    });
    query.page(found.map(|(id, saved)| saved.shown(id)).collect())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaveBody {
    token_id: String,
    #[serde(default)]
    reference: Option<String>,
    #[serde(default)]
    description: Option<String>,
}

async fn save(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path(list): Path<String>,
    bytes: Bytes,
) -> Answer {
    let (asked, is_bank) = (body::<SaveBody>(&bytes)?, is_banks(&list)?);
    for (name, text) in [("reference", &asked.reference), ("description", &asked.description)] {
        if text.as_ref().is_some_and(|text| 64 < text.chars().count()) {
            return Err(Problem::field(name));
        }
    }
    let id = sandbox.change(|book| {
        let token = book.tokens.get(&asked.token_id);
        let token = token.filter(|token| token.is_live == side.is_live).cloned();
        let token = token.ok_or_else(|| Problem::missing("Token", &asked.token_id))?;
        if token.with.is_bank() != is_bank {
            return Err(Problem::unprocessable("incorrect_payment_type"));
        }
        book.tokens.remove(&asked.token_id);
        let id = book.new_id(if is_bank { "bk" } else { "cd" });
        let SaveBody { reference, description, .. } = asked;
        let saved = Saved { is_live: side.is_live, with: token.with, reference, description };
        book.saved.insert(id.clone(), saved);
        Ok(id)
    })?;
    one(&sandbox.book().saved, &id, side)
}

fn one(all: &BTreeMap<String, Saved>, id: &str, side: Side) -> Answer {
    let found = all.get(id).filter(|saved| saved.is_live == side.is_live);
    let found = found.ok_or_else(|| Problem::missing("PaymentMethod", id))?;
    Ok(Json(found.shown(id)))
}

async fn saved(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path((list, id)): Path<(String, String)>,
) -> Answer {
    is_banks(&list)?;
    one(&sandbox.book().saved, &id, side)
}

async fn remove(
    State(sandbox): State<SandboxAffiniPay>,
    Extension(side): Extension<Side>,
    Path((list, id)): Path<(String, String)>,
) -> Answer {
    is_banks(&list)?;
    sandbox.change(|book| {
        let gone = one(&book.saved, &id, side)?;
        book.saved.remove(&id);
        Ok(gone)
    })
}
