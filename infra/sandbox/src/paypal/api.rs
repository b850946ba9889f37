//! PayPal's API, as far as we call it, under [`super::BASE_PATH`].

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::DateTime;
use gateways::paypal::{CERTIFICATES_PATH, SANDBOX_ROOT};
use serde::Deserialize;
use serde_json::{Value, json};

use super::book::{Answer, Book, Made, written};
use super::problem::Problem;
use super::signing::CERTIFICATE;
use super::{BASE_PATH, SandboxPayPal, page};
use crate::faults;

/// PayPal's header of keys, and how long they live: of orders, of refunds, of the vault.
const KEY_HEADER: &str = "paypal-request-id";
const MAX_KEY_CHARS: usize = 108;
const ORDER_KEYS_LIVE: i64 = 6 * 3600;
const REFUND_KEYS_LIVE: i64 = 45 * 86_400;
const VAULT_KEYS_LIVE: i64 = 3 * 3600;

/// A token to ask with lives for nine hours.
const TOKEN_SECONDS: i64 = 9 * 3600;

/// Reports are up to three hours late: here always.
const REPORTED_AFTER_SECONDS: i64 = 3 * 3600;

/// PayPal's longest and usual pages.
const MAX_REPORT: usize = 500;
const MAX_EVENTS: usize = 100;

/// Everything under PayPal's address.
pub fn router(sandbox: &SandboxPayPal) -> Router {
    let check = middleware::from_fn_with_state(sandbox.clone(), check);
    let faults = middleware::from_fn_with_state(sandbox.inner.faults.clone(), faults::layer);
    let api = Router::new()
        .route("/v2/checkout/orders", post(create_order))
        .route("/v2/checkout/orders/{id}", get(order).patch(patch_order))
        .route("/v2/checkout/orders/{id}/capture", post(capture_order))
        .route("/v2/payments/captures/{id}", get(capture))
        .route("/v2/payments/captures/{id}/refund", post(refund_capture))
        .route("/v2/payments/refunds/{id}", get(refund))
        .route("/v3/vault/setup-tokens", post(create_setup))
        .route("/v3/vault/setup-tokens/{id}", get(setup))
        .route("/v3/vault/payment-tokens", post(create_token).get(tokens))
        .route("/v3/vault/payment-tokens/{id}", get(token).delete(remove_token))
        .route("/v1/customer/disputes", get(disputes))
        .route("/v1/customer/disputes/{id}", get(dispute))
        .route("/v1/notifications/webhooks-events", get(events))
        .route("/v1/notifications/verify-webhook-signature", post(verify))
        .route("/v1/reporting/transactions", get(transactions))
        .layer(check)
        .route("/v1/oauth2/token", post(sign_in))
        .route(&format!("{CERTIFICATES_PATH}{{name}}"), get(certificate))
        .fallback(async || Problem::missing())
        .layer(faults)
        .with_state(sandbox.clone());
    Router::new().nest(BASE_PATH, api)
}

/// Counts, does what is due, and lets nobody in without a good token.
async fn check(State(sandbox): State<SandboxPayPal>, request: Request, next: Next) -> Response {
    sandbox.inner.requests.fetch_add(1, Ordering::Relaxed);
    let now = sandbox.now();
    let given = request.headers().get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|text| text.strip_prefix("Bearer "));
    let is_good = given
        .is_some_and(|given| sandbox.book().signed_in.get(given).is_some_and(|until| now < *until));
    if !is_good {
        return Problem::unknown().into_response();
    }
    sandbox.always(|book| book.go_on(now));
    next.run(request).await
}

async fn sign_in(State(sandbox): State<SandboxPayPal>, headers: HeaderMap) -> Response {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let given = given.and_then(|text| STANDARD.decode(text.strip_prefix("Basic ")?).ok());
    let expected = format!("{}:{}", sandbox.inner.client_id, sandbox.inner.key.expose());
    if given.as_deref() != Some(expected.as_bytes()) {
        let failure = json!({"error": "invalid_client", "error_description": "Not this app."});
        return (StatusCode::UNAUTHORIZED, Json(failure)).into_response();
    }
    let now = sandbox.now();
    let token = sandbox.always(|book| {
        book.signed_in.retain(|_, until| now < *until);
        let token = book.new_id("A21");
        book.signed_in.insert(token.clone(), now + TOKEN_SECONDS);
        token
    });
    let answer = json!({
        "access_token": token, "token_type": "Bearer", "expires_in": TOKEN_SECONDS,
    });
    Json(answer).into_response()
}

async fn certificate(State(sandbox): State<SandboxPayPal>, Path(name): Path<String>) -> Response {
    let signer = match sandbox.signer() {
        Ok(signer) => signer,
        Err(error) => {
            return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response();
        }
    };
    match name.as_str() {
        CERTIFICATE => signer.certificate_pem.into_response(),
        SANDBOX_ROOT => signer.root_pem.into_response(),
        _ => Problem::missing().into_response(),
    }
}

fn read(body: &Bytes) -> Result<Value, Problem> {
    if body.is_empty() {
        return Ok(json!({}));
    }
    serde_json::from_slice(body).map_err(|_| Problem::malformed())
}

type Answered = Result<Response, Problem>;

fn found(shown: Option<Value>) -> Answered {
    shown.map(|shown| Json(shown).into_response()).ok_or(Problem::missing())
}

/// Who asks, and under which key.
struct Asked<'a> {
    headers: &'a HeaderMap,
    /// The path, and the body's bytes.
    request: String,
    lives: i64,
}

impl Asked<'_> {
    fn key(&self) -> Result<Option<&str>, Problem> {
        let key = self.headers.get(KEY_HEADER).and_then(|value| value.to_str().ok());
        match key {
            Some(key) if MAX_KEY_CHARS < key.len() => Err(Problem::malformed()),
            key => Ok(key),
        }
    }
}

impl SandboxPayPal {
    /// Does something once under its key; the same key shows what it did as that is by now.
    fn once(
        &self,
        asked: &Asked,
        make: impl FnOnce(&mut Book, i64) -> Result<Made, Problem>,
    ) -> Answered {
        let now = self.now();
        let base = page::base(asked.headers);
        let key = asked.key()?.filter(|_| !self.faults().ignore_keys).map(str::to_owned);
        let (made, status) = self.change(|book| {
            let known = key.as_ref().and_then(|key| book.answers.get(key));
            match known.filter(|answer| now < answer.until) {
                Some(answer) if answer.request != asked.request => {
                    return Err(Problem::refused("DUPLICATE_REQUEST_ID"));
                }
                Some(answer) => return Ok((answer.made.clone(), StatusCode::OK)),
                None => {}
            }
            let made = make(book, now)?;
            if let Some(key) = key {
                let (request, until) = (asked.request.clone(), now + asked.lives);
                book.answers.insert(key, Answer { request, made: made.clone(), until });
            }
            Ok((made, StatusCode::CREATED))
        })?;
        let shown = self.book().show(&made, &base).ok_or(Problem::missing())?;
        Ok((status, Json(shown)).into_response())
    }
}

fn asked<'a>(headers: &'a HeaderMap, path: &str, body: &Bytes, lives: i64) -> Asked<'a> {
    Asked { headers, request: format!("{path} {}", String::from_utf8_lossy(body)), lives }
}

async fn create_order(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let body = read(&bytes)?;
    let asked = asked(&headers, "orders", &bytes, ORDER_KEYS_LIVE);
    let ways = body["payment_source"].as_object();
    let is_one_step = ways.is_some_and(|ways| ways.values().any(|way| way["vault_id"].is_string()));
    if is_one_step && asked.key()?.is_none() {
        return Err(Problem {
            status: StatusCode::BAD_REQUEST,
            issue: "PAYPAL_REQUEST_ID_REQUIRED",
        });
    }
    sandbox.once(&asked, |book, now| book.make_order(&body, now).map(Made::Order))
}

async fn order(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answered {
    found(sandbox.book().show_order(&id, &page::base(&headers)))
}

/// Only the description is ever changed by us.
async fn patch_order(
    State(sandbox): State<SandboxPayPal>,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answered {
    let body = read(&bytes)?;
    let change = body.as_array().filter(|list| list.len() == 1).and_then(|list| list.first());
    let change = change.ok_or(Problem::malformed())?;
    let is_ours = change["path"] == "/purchase_units/@reference_id=='default'/description"
        && matches!(change["op"].as_str(), Some("add" | "replace"));
    let text = change["value"].as_str().filter(|text| is_ours && text.chars().count() <= 127);
    let text = text.ok_or(Problem::malformed())?.to_owned();
    sandbox.change(|book| {
        let order = book.orders.get_mut(&id).ok_or(Problem::missing())?;
        if !matches!(&*order.status, "PAYER_ACTION_REQUIRED" | "APPROVED") {
            return Err(Problem::refused("ORDER_ALREADY_COMPLETED"));
        }
        order.unit["description"] = json!(text);
        Ok(())
    })?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

async fn capture_order(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answered {
    let asked = asked(&headers, &format!("capture {id}"), &bytes, ORDER_KEYS_LIVE);
    let done =
        sandbox.once(&asked, |book, now| book.capture(&id, now).map(|_| Made::Order(id.clone())));
    if matches!(&done, Err(problem) if problem.issue == "INSTRUMENT_DECLINED") {
        sandbox.always(|book| book.ask_again(&id));
    }
    done
}

async fn capture(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answered {
    found(sandbox.book().show_capture(&id, &page::base(&headers)))
}

/// As at PayPal, a body without an amount gives back all that is left.
async fn refund_capture(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    Path(id): Path<String>,
    bytes: Bytes,
) -> Answered {
    let body = read(&bytes)?;
    let asked = asked(&headers, &format!("refund {id}"), &bytes, REFUND_KEYS_LIVE);
    let custom_id = body["custom_id"].as_str().map(str::to_owned);
    sandbox.once(&asked, |book, now| {
        book.refund(&id, body.get("amount"), custom_id, now).map(Made::Refund)
    })
}

async fn refund(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answered {
    found(sandbox.book().show_refund(&id, &page::base(&headers)))
}

async fn create_setup(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let body = read(&bytes)?;
    let asked = asked(&headers, "setup-tokens", &bytes, VAULT_KEYS_LIVE);
    sandbox.once(&asked, |book, _| book.make_setup(&body).map(Made::Setup))
}

async fn setup(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Answered {
    found(sandbox.book().show_setup(&id, &page::base(&headers)))
}

async fn create_token(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    bytes: Bytes,
) -> Answered {
    let body = read(&bytes)?;
    let asked = asked(&headers, "payment-tokens", &bytes, VAULT_KEYS_LIVE);
    sandbox.once(&asked, |book, now| book.exchange(&body, now).map(Made::Token))
}

async fn token(State(sandbox): State<SandboxPayPal>, Path(id): Path<String>) -> Answered {
    found(sandbox.book().show_token(&id))
}

async fn remove_token(State(sandbox): State<SandboxPayPal>, Path(id): Path<String>) -> Answered {
    let now = sandbox.now();
    sandbox.change(|book| book.remove(&id, now))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Questions to lists.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Asks {
    customer_id: Option<String>,
    disputed_transaction_id: Option<String>,
    start_time: Option<String>,
    end_time: Option<String>,
    start_date: Option<String>,
    end_date: Option<String>,
    page: Option<usize>,
    page_size: Option<usize>,
}

impl Asks {
    fn page(&self, longest: usize) -> Result<(usize, usize), Problem> {
        let (page, size) = (self.page.unwrap_or(1), self.page_size.unwrap_or(longest));
        let is_good = 1 <= page && (1..=longest).contains(&size);
        if is_good { Ok((page, size)) } else { Err(Problem::malformed()) }
    }
}

fn unix(text: Option<&String>) -> Result<i64, Problem> {
    let time = text.and_then(|text| DateTime::parse_from_rfc3339(text).ok());
    time.map(|time| time.timestamp()).ok_or(Problem::malformed())
}

async fn tokens(State(sandbox): State<SandboxPayPal>, Query(asks): Query<Asks>) -> Answered {
    let (page, size) = asks.page(20)?;
    let customer = asks.customer_id.ok_or(Problem::malformed())?;
    let book = sandbox.book();
    let of_customer = book.tokens.iter().filter(|(_, token)| token.customer == customer);
    let all: Vec<_> = of_customer.filter_map(|(id, _)| book.show_token(id)).collect();
    let part: Vec<_> = all.iter().skip((page - 1) * size).take(size).collect();
    Ok(Json(json!({
        "payment_tokens": part, "total_items": all.len(), "total_pages": all.len().div_ceil(size),
    }))
    .into_response())
}

async fn disputes(State(sandbox): State<SandboxPayPal>, Query(asks): Query<Asks>) -> Answered {
    let book = sandbox.book();
    let is_asked = |capture: &str| {
        asks.disputed_transaction_id.as_deref().is_none_or(|asked| asked == capture)
    };
    let listed = book.disputes.iter().filter(|(_, dispute)| is_asked(&dispute.capture));
    let items: Vec<_> =
        listed.map(|(id, dispute)| json!({"dispute_id": id, "status": dispute.status})).collect();
    Ok(Json(json!({"items": items, "links": []})).into_response())
}

async fn dispute(State(sandbox): State<SandboxPayPal>, Path(id): Path<String>) -> Answered {
    found(sandbox.book().show_dispute(&id))
}

/// Newest first. What links to the next page is for PayPal to know; here it is the same question with a page.
async fn events(
    State(sandbox): State<SandboxPayPal>,
    headers: HeaderMap,
    Query(asks): Query<Asks>,
) -> Answered {
    let (page, size) = asks.page(MAX_EVENTS)?;
    let (from, to) = (unix(asks.start_time.as_ref())?, unix(asks.end_time.as_ref())?);
    let bodies: Vec<Value> = {
        let book = sandbox.book();
        let news = book.outbox.0.iter().rev();
        news.filter_map(|news| serde_json::from_str(&news.body).ok()).collect()
    };
    let is_within = |event: &&Value| {
        let at = event["create_time"].as_str().map(str::to_owned);
        unix(at.as_ref()).is_ok_and(|at| (from..=to).contains(&at))
    };
    let within: Vec<_> = bodies.iter().filter(is_within).collect();
    let part: Vec<_> = within.iter().skip((page - 1) * size).take(size).collect();
    let next = format!(
        "{}/v1/notifications/webhooks-events?start_time={}&end_time={}&page_size={size}&page={}",
        page::base(&headers),
        written(from),
        written(to),
        page + 1,
    );
    let links = match page * size < within.len() {
        true => json!([{"rel": "next", "href": next}]),
        false => json!([]),
    };
    Ok(Json(json!({"events": part, "count": part.len(), "links": links})).into_response())
}

/// Whether a delivery is one of ours.
async fn verify(State(sandbox): State<SandboxPayPal>, bytes: Bytes) -> Answered {
    let body = read(&bytes)?;
    let event = body["webhook_event"]["id"].as_str().unwrap_or_default();
    let book = sandbox.book();
    let known = book.outbox.0.iter().find(|news| news.event == event);
    let is_same = known.is_some_and(|news| {
        serde_json::from_str::<Value>(&news.body).is_ok_and(|told| told == body["webhook_event"])
    });
    let is_ours = sandbox.webhook_id().is_some_and(|id| body["webhook_id"] == id.as_str());
    let status = if is_same && is_ours { "SUCCESS" } else { "FAILURE" };
    Ok(Json(json!({"verification_status": status})).into_response())
}

/// Payments that came in, oldest first, hours late.
async fn transactions(State(sandbox): State<SandboxPayPal>, Query(asks): Query<Asks>) -> Answered {
    let (page, size) = asks.page(MAX_REPORT)?;
    let (from, to) = (unix(asks.start_date.as_ref())?, unix(asks.end_date.as_ref())?);
    if 31 * 86_400 < to - from {
        return Err(Problem { status: StatusCode::BAD_REQUEST, issue: "INVALID_REQUEST" });
    }
    let now = sandbox.now();
    let book = sandbox.book();
    let listed = book.captures.iter().filter(|(_, capture)| {
        (from..=to).contains(&capture.created) && capture.created + REPORTED_AFTER_SECONDS <= now
    });
    let all: Vec<_> = listed
        .map(|(id, capture)| {
            let status = match &*capture.status {
                "PENDING" => "P",
                "DECLINED" | "FAILED" => "D",
                _ => "S",
            };
            json!({"transaction_info": {
                "transaction_id": id, "transaction_event_code": "T0006",
                "transaction_status": status, "transaction_amount": capture.amount,
                "transaction_initiation_date": written(capture.created),
                "custom_field": capture.custom_id, "invoice_id": capture.invoice_id,
            }})
        })
        .collect();
    let part: Vec<_> = all.iter().skip((page - 1) * size).take(size).collect();
    Ok(Json(json!({
        "transaction_details": part, "page": page, "total_items": all.len(),
        "total_pages": all.len().div_ceil(size),
    }))
    .into_response())
}
