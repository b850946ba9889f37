//! Square's API, as far as we call it.

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::acts::CardOutcome;
use super::body::{
    CreateOrder, NewCard, NewCustomer, NewLink, NewPayment, NewRefund, check_length,
    check_reference, host, read,
};
use super::book::{Book, KeptAnswer, Objects, text, time};
use super::payments::{Sale, Source};
use super::problem::Problem;
use super::{SANDBOX_MERCHANT, SandboxSquare, lists, page};
use crate::faults;

/// How long a key may be where money moves, and elsewhere.
const MAX_KEY: usize = 45;
const MAX_LINK_KEY: usize = 192;
const MAX_REASON: usize = 192;

/// Tokens of Square's own sandbox: one for a card that is good, one for a card that isn't.
const TOKEN_GOOD: &str = "cnon:card-nonce-ok";
const TOKEN_DECLINED: &str = "cnon:card-nonce-declined";

/// Everything under `/v2`.
pub fn router(sandbox: &SandboxSquare) -> Router {
    let check = middleware::from_fn_with_state(sandbox.clone(), check);
    let faults = middleware::from_fn_with_state(sandbox.inner.faults.clone(), faults::layer);
    let v2 = Router::new()
        .route("/online-checkout/payment-links", post(create_link))
        .route("/online-checkout/payment-links/{id}", get(link).delete(delete_link))
        .route("/orders", post(create_order))
        .route("/orders/{id}", get(order))
        .route("/payments", post(create_payment).get(lists::payments))
        .route("/payments/{id}", get(payment))
        .route("/refunds", post(create_refund))
        .route("/refunds/{id}", get(refund))
        .route("/disputes", get(lists::disputes))
        .route("/disputes/{id}", get(dispute))
        .route("/customers", post(create_customer))
        .route("/customers/{id}", get(customer))
        .route("/cards", post(create_card).get(lists::cards))
        .route("/cards/{id}", get(card))
        .route("/cards/{id}/disable", post(disable_card))
        .route("/events", post(lists::events))
        .fallback(unrecognized)
        .method_not_allowed_fallback(unrecognized)
        .layer(check)
        .layer(faults)
        .with_state(sandbox.clone());
    Router::new().nest("/v2", v2)
}

async fn unrecognized(request: Request) -> Problem {
    Problem::unrecognized(request.method().as_str(), request.uri().path())
}

async fn check(State(sandbox): State<SandboxSquare>, request: Request, next: Next) -> Response {
    let key = request.headers().get("authorization").and_then(|value| value.to_str().ok());
    let key = key.and_then(|value| value.strip_prefix("Bearer "));
    if key != Some(sandbox.inner.key.expose()) {
        return Problem::unauthorized().into_response();
    }
    next.run(request).await
}

pub type Answer = Result<Json<Value>, Problem>;

/// One handler for each kind of object that is fetched by its id.
macro_rules! fetch {
    ($($name:ident: $objects:ident $key:literal;)*) => {$(
        async fn $name(State(sandbox): State<SandboxSquare>, Path(id): Path<String>) -> Answer {
            let book = sandbox.book();
            let object = fetched(&book.$objects, $key, &id)?;
            Ok(Json(json!({$key: object})))
        }
    )*};
}

fetch! {
    link: links "payment_link";
    order: orders "order";
    payment: payments "payment";
    refund: refunds "refund";
    dispute: disputes "dispute";
    customer: customers "customer";
    card: cards "card";
}

fn fetched<'a>(objects: &'a Objects, kind: &str, id: &str) -> Result<&'a Value, Problem> {
    objects.get(id).ok_or_else(|| Problem::missing(kind, id))
}

async fn create_link(
    State(sandbox): State<SandboxSquare>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, "payment-links", &body, MAX_LINK_KEY, false, |book, body, now| {
        let new: NewLink = read(body)?;
        let order_id = new.order.make(book, "DRAFT", now)?;
        let id = book.new_id("LNK");
        let link = json!({
            "id": id,
            "version": 1,
            "order_id": order_id,
            "checkout_options": {
                "allow_tipping": new.checkout_options.allow_tipping,
                "redirect_url": new.checkout_options.redirect_url,
            },
            "pre_populated_data": new.pre_populated_data,
            "url": page::url(host(&headers), &id),
            "long_url": page::url(host(&headers), &id),
            "created_at": time(now),
        });
        book.links.insert(id, link.clone());
        let order = book.orders.get(&order_id).cloned();
        Ok(done(json!({"payment_link": link, "related_resources": {"orders": [order]}})))
    })
}

async fn delete_link(State(sandbox): State<SandboxSquare>, Path(id): Path<String>) -> Answer {
    let now = sandbox.now();
    let canceled = sandbox.change(|book| book.delete_link(&id, now))?;
    Ok(Json(match canceled {
        Some(order) => json!({"id": id, "cancelled_order_id": order}),
        None => json!({"id": id}),
    }))
}

async fn create_order(State(sandbox): State<SandboxSquare>, body: Bytes) -> Response {
    once(&sandbox, "orders", &body, MAX_LINK_KEY, false, |book, body, now| {
        let new: CreateOrder = read(body)?;
        let id = new.order.make(book, "OPEN", now)?;
        Ok(done(json!({"order": book.orders.get(&id)})))
    })
}

/// A payment with a card on file or a token. One that is declined is an error that holds the payment.
async fn create_payment(State(sandbox): State<SandboxSquare>, body: Bytes) -> Response {
    once(&sandbox, "payments", &body, MAX_KEY, true, |book, body, now| {
        let new: NewPayment = read(body)?;
        check_reference(new.reference_id.as_deref())?;
        if !new.autocomplete {
            let detail = "the sandbox completes each payment at once";
            return Err(Problem::invalid("NOT_IMPLEMENTED", detail).at("autocomplete"));
        }
        let source = source(book, &new)?;
        if let Some(order) = &new.order_id {
            let order = fetched(&book.orders, "order", order)?;
            if text(order, "location_id") != new.location_id {
                return Err(Problem::invalid("LOCATION_MISMATCH", "the order is elsewhere"));
            }
        }
        let sale = Sale {
            location: new.location_id,
            order: new.order_id,
            customer: new.customer_id,
            amount: new.amount_money.amount,
            tip: 0,
            currency: new.amount_money.currency,
            reference: new.reference_id,
        };
        let made = book.sell(sale, &source, now)?.object;
        let payment = book.payments.get(&made).cloned().unwrap_or_default();
        match source {
            Source::Card { outcome: CardOutcome::Declines(code), .. } => {
                let problem = Problem::declined(&code);
                let mut body = problem.body();
                body["payment"] = payment;
                Ok(Reply { status: problem.status, body })
            }
            _ => Ok(done(json!({"payment": payment}))),
        }
    })
}

fn source(book: &Book, new: &NewPayment) -> Result<Source, Problem> {
    match new.source_id.as_str() {
        TOKEN_GOOD => return Ok(Source::card(CardOutcome::Pays)),
        TOKEN_DECLINED => {
            return Ok(Source::card(CardOutcome::Declines("GENERIC_DECLINE".to_owned())));
        }
        _ => {}
    }
    let missing = || Problem::missing("card", &new.source_id).at("source_id");
    let source = book.card_source(&new.source_id).ok_or_else(missing)?;
    let owner = book.cards.get(&new.source_id).map(|card| text(card, "customer_id"));
    if owner != new.customer_id.as_deref() {
        let detail = "a card on file is charged with its customer";
        return Err(Problem::invalid("CUSTOMER_NOT_FOUND", detail).at("customer_id"));
    }
    Ok(source)
}

async fn create_refund(State(sandbox): State<SandboxSquare>, body: Bytes) -> Response {
    once(&sandbox, "refunds", &body, MAX_KEY, true, |book, body, now| {
        let new: NewRefund = read(body)?;
        check_length(new.reason.as_deref(), MAX_REASON, "reason")?;
        let payment = fetched(&book.payments, "payment", &new.payment_id)?;
        if text(&payment["total_money"], "currency") != new.amount_money.currency {
            return Err(Problem::invalid("CURRENCY_MISMATCH", "the payment's is another currency"));
        }
        let made = book.refund(&new.payment_id, Some(new.amount_money.amount), new.reason, now)?;
        Ok(done(json!({"refund": book.refunds.get(&made.object)})))
    })
}

async fn create_customer(State(sandbox): State<SandboxSquare>, body: Bytes) -> Response {
    once(&sandbox, "customers", &body, MAX_LINK_KEY, false, |book, body, now| {
        let new: NewCustomer = read(body)?;
        let names = [&new.given_name, &new.family_name, &new.company_name, &new.email_address];
        if names.iter().all(|name| name.as_deref().is_none_or(str::is_empty)) {
            return Err(Problem::invalid("MISSING_REQUIRED_PARAMETER", "a customer needs a name"));
        }
        if new.email_address.as_deref().is_some_and(|address| !address.contains('@')) {
            return Err(Problem::invalid("INVALID_EMAIL_ADDRESS", "that is no address"));
        }
        let id = book.new_id("CUS");
        let customer = json!({
            "id": id,
            "given_name": new.given_name,
            "family_name": new.family_name,
            "company_name": new.company_name,
            "email_address": new.email_address,
            "reference_id": new.reference_id,
            "created_at": time(now),
        });
        book.customers.insert(id, customer.clone());
        Ok(done(json!({"customer": customer})))
    })
}

/// Keeps the card of a payment that was made with one, or of a token.
async fn create_card(State(sandbox): State<SandboxSquare>, body: Bytes) -> Response {
    once(&sandbox, "cards", &body, MAX_KEY, true, |book, body, now| {
        let new: NewCard = read(body)?;
        fetched(&book.customers, "customer", &new.card.customer_id)?;
        let last_4 = match new.source_id.as_str() {
            TOKEN_GOOD => "1111".to_owned(),
            TOKEN_DECLINED => return Err(Problem::declined("CARD_DECLINED")),
            id => {
                let payment = fetched(&book.payments, "source", id)?;
                if text(payment, "status") != "COMPLETED" || text(payment, "source_type") != "CARD"
                {
                    let detail = "the payment was not made with a card";
                    return Err(Problem::invalid("INVALID_CARD_DATA", detail).at("source_id"));
                }
                text(&payment["card_details"]["card"], "last_4").to_owned()
            }
        };
        let id = book.new_id("ccof:");
        let card = json!({
            "id": id,
            "card_brand": "VISA",
            "last_4": last_4,
            "exp_month": 12,
            "exp_year": 2031,
            "customer_id": new.card.customer_id,
            "reference_id": new.card.reference_id,
            "merchant_id": SANDBOX_MERCHANT,
            "enabled": true,
            "version": 1,
            "created_at": time(now),
        });
        book.cards.insert(id, card.clone());
        Ok(done(json!({"card": card})))
    })
}

/// Twice does what once does.
async fn disable_card(State(sandbox): State<SandboxSquare>, Path(id): Path<String>) -> Answer {
    let card = sandbox.change(|book| {
        let card = book.cards.get_mut(&id).ok_or_else(|| Problem::missing("card", &id))?;
        card["enabled"] = json!(false);
        Ok::<_, Problem>(card.clone())
    })?;
    Ok(Json(json!({"card": card})))
}

/// What a POST that was done is answered with.
struct Reply {
    status: StatusCode,
    body: Value,
}

fn done(body: Value) -> Reply {
    Reply { status: StatusCode::OK, body }
}

/// Does a POST, at most once for each idempotency key in its body; an answer that was kept is given again.
/// Requests that were refused are not kept; a payment that was tried and declined is.
fn once(
    sandbox: &SandboxSquare,
    path: &str,
    body: &[u8],
    max_key: usize,
    needs_key: bool,
    run: impl FnOnce(&mut Book, &Value, i64) -> Result<Reply, Problem>,
) -> Response {
    let now = sandbox.now();
    let Ok(body) = serde_json::from_slice::<Value>(body) else {
        return Problem::invalid("EXPECTED_JSON_BODY", "the body is no JSON").into_response();
    };
    let key = body["idempotency_key"].as_str().filter(|key| !key.is_empty()).map(str::to_owned);
    if needs_key && key.is_none() {
        let problem = Problem::invalid("MISSING_REQUIRED_PARAMETER", "a key is needed");
        return problem.at("idempotency_key").into_response();
    }
    if let Err(problem) = check_length(key.as_deref(), max_key, "idempotency_key") {
        return problem.into_response();
    }
    let ignores_keys = sandbox.faults().ignore_keys;
    let slot = key.filter(|_| !ignores_keys).map(|key| format!("{path}/{key}"));
    let result = sandbox.change(|book| {
        if let Some(kept) = slot.as_ref().and_then(|slot| book.answers.get(slot)) {
            if kept.request != body {
                let detail = "Different request parameters used for the same idempotency_key.";
                return Err(Problem::invalid("IDEMPOTENCY_KEY_REUSED", detail));
            }
            let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
            return Ok(Reply { status, body: kept.answer.clone() });
        }
        let reply = run(book, &body, now)?;
        if let Some(slot) = slot {
            let (answer, status) = (reply.body.clone(), reply.status.as_u16());
            book.answers.insert(slot, KeptAnswer { request: body.clone(), answer, status });
        }
        Ok(reply)
    });
    match result {
        Ok(Reply { status, body }) => (status, Json(body)).into_response(),
        Err(problem) => problem.into_response(),
    }
}
