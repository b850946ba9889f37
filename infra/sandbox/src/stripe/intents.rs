//! Payments without a page, over HTTP: made, changed, confirmed, given up.
//!
//! One that is declined is an error that holds the payment: it stays, and may be tried again.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde_json::json;

use super::api::{Reply, account, known, once, visible};
use super::book::Book;
use super::methods::{Source, test_method};
use super::objects::Metadata;
use super::params::{ChangedIntent, Confirm, NewIntent, OnlyExpand, check_metadata, check_sum};
use super::payments::{Asked, check_amount};
use super::problem::Problem;
use super::{SandboxStripe, form, render};

const KIND: &str = "payment_intent";

pub async fn create(
    State(sandbox): State<SandboxStripe>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, "payment_intents", &headers, &body, |book, now| {
        let params: NewIntent = form::read(&body)?;
        params.check()?;
        if let Some(customer) = &params.customer {
            known(book, "cus_", "customer", customer, "customer", account(&headers))?;
        }
        let method = params.payment_method.as_deref();
        let source = method.map(|method| source(book, method, params.customer.as_deref()));
        let source = source.transpose()?;
        if let Some(source) = &source {
            takes(&params.payment_method_types, source)?;
        }
        let asked = Asked {
            account: account(&headers),
            amount: params.amount,
            currency: params.currency.to_ascii_lowercase(),
            metadata: params.metadata,
            customer: params.customer,
            description: params.description,
            setup_future_usage: params.setup_future_usage,
            method_types: params.payment_method_types,
        };
        let id = book.make_intent(asked, now)?.object;
        if params.confirm != Some(true) {
            let chosen = source.map(|source| source.saved);
            if let (Some(saved), Ok(intent)) = (chosen, book.untaken(&id)) {
                intent.payment_method = saved;
                intent.status = "requires_confirmation".to_owned();
            }
            return shown(book, &id, &params.expand);
        }
        let missing = || Problem::parameter("payment_method", "You cannot confirm without one.");
        let source = source.ok_or_else(missing)?;
        let is_alone = is_alone(params.off_session, params.error_on_requires_action);
        book.attempt(&id, &source, is_alone, now)?;
        tried(book, &id, &params.expand)
    })
}

pub async fn change(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, &format!("payment_intents/{id}"), &headers, &body, |book, _| {
        let params: ChangedIntent = form::read(&body)?;
        visible(book, "pi_", KIND, &id, account(&headers))?;
        let intent = book.untaken(&id)?;
        let currency = params.currency.map(|currency| currency.to_ascii_lowercase());
        let currency = currency.unwrap_or_else(|| intent.currency.clone());
        let amount = params.amount.unwrap_or(intent.amount);
        check_sum(amount, &currency)?;
        check_amount(amount, &currency)?;
        (intent.amount, intent.currency) = (amount, currency);
        if !params.payment_method_types.is_empty() {
            intent.payment_method_types = params.payment_method_types;
        }
        intent.description = params.description.or(intent.description.take());
        intent.customer = params.customer.or(intent.customer.take());
        merge(&mut intent.metadata, params.metadata);
        check_metadata(&intent.metadata)?;
        shown(book, &id, &params.expand)
    })
}

pub async fn confirm(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, &format!("payment_intents/{id}/confirm"), &headers, &body, |book, now| {
        let params: Confirm = form::read(&body)?;
        visible(book, "pi_", KIND, &id, account(&headers))?;
        let intent = book.untaken(&id)?;
        let method = params.payment_method.or_else(|| intent.payment_method.clone());
        let (customer, types) = (intent.customer.clone(), intent.payment_method_types.clone());
        let missing = || {
            let message = "You cannot confirm this PaymentIntent: it is missing a payment method.";
            Problem::invalid(message).with_code("payment_intent_unexpected_state")
        };
        let source = source(book, &method.ok_or_else(missing)?, customer.as_deref())?;
        takes(&types, &source)?;
        let is_alone = is_alone(params.off_session, params.error_on_requires_action);
        book.attempt(&id, &source, is_alone, now)?;
        tried(book, &id, &params.expand)
    })
}

pub async fn cancel(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, &format!("payment_intents/{id}/cancel"), &headers, &body, |book, now| {
        let OnlyExpand { expand } = form::read(&body)?;
        visible(book, "pi_", KIND, &id, account(&headers))?;
        book.cancel(&id, now)?;
        shown(book, &id, &expand)
    })
}

/// A saved method of the payment's customer, or a test method by its name.
fn source(book: &Book, method: &str, customer: Option<&str>) -> Result<Source, Problem> {
    match test_method(method) {
        Some(source) => Ok(source),
        None => Ok(book.saved_source(method, customer)?),
    }
}

fn takes(types: &[String], source: &Source) -> Result<(), Problem> {
    let by = source.by.name();
    if types.iter().any(|name| name == by) {
        return Ok(());
    }
    let message = format!("payment_method_types does not hold {by}.");
    Err(Problem::parameter("payment_method_types", message))
}

/// Nobody is there to act, or nobody shall be asked to.
fn is_alone(off_session: Option<bool>, error_on_action: Option<bool>) -> bool {
    off_session == Some(true) || error_on_action == Some(true)
}

/// A value that is empty takes its key away.
fn merge(metadata: &mut Metadata, changes: Metadata) {
    metadata.extend(changes);
    metadata.retain(|_, value| !value.is_empty());
}

fn shown(book: &Book, id: &str, expand: &[String]) -> Result<Reply, Problem> {
    let object = book.object(id).unwrap_or_default();
    render::expanded(book, object, expand).map(Reply::ok)
}

/// How an attempt ended: the payment, or the error with the payment in it.
fn tried(book: &Book, id: &str, expand: &[String]) -> Result<Reply, Problem> {
    let object = book.object(id).unwrap_or_default();
    if object["last_payment_error"].is_null() {
        return render::expanded(book, object, expand).map(Reply::ok);
    }
    let mut error = object["last_payment_error"].clone();
    error["charge"] = object["latest_charge"].clone();
    error["payment_intent"] = object;
    Ok(Reply { status: StatusCode::PAYMENT_REQUIRED, body: json!({"error": error}) })
}
