//! Customers and their saved methods, over HTTP.

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::HeaderMap;
use axum::response::Response;

use super::api::{Answer, Reply, account, known, once, page_of, visible};
use super::objects::{Customer, PaymentMethod};
use super::params::{Attach, ListQuery, NewCustomer, OnlyExpand, check_metadata};
use super::{SandboxStripe, form, render};

pub async fn create_customer(
    State(sandbox): State<SandboxStripe>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, "customers", &headers, &body, |book, now| {
        let params: NewCustomer = form::read(&body)?;
        check_metadata(&params.metadata)?;
        let id = book.new_id("cus", account(&headers));
        let customer = Customer {
            id: id.clone(),
            object: "customer".to_owned(),
            created: now,
            email: params.email,
            livemode: book.is_live(&id),
            metadata: params.metadata,
            name: params.name,
        };
        let object = render::plain(&customer);
        book.customers.insert(id.clone(), customer);
        book.record("customer.created", &id, now);
        render::expanded(book, object, &params.expand).map(Reply::ok)
    })
}

/// Newest first, of all kinds or of one.
pub async fn methods_of(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query: ListQuery = form::read(query.unwrap_or_default().as_bytes())?;
    let book = sandbox.book();
    visible(&book, "cus_", "customer", &id, account(&headers))?;
    let is_listed = |method: &PaymentMethod| {
        let is_kind = query.r#type.as_ref().is_none_or(|kind| *kind == method.r#type);
        is_kind && method.customer.as_ref() == Some(&id)
    };
    let listed = book.methods.iter().rev().filter(|(_, method)| is_listed(method)).collect();
    page_of(&book, &query, &format!("/v1/customers/{id}/payment_methods"), listed).map(Json)
}

pub async fn attach(
    State(sandbox): State<SandboxStripe>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, &format!("payment_methods/{name}/attach"), &headers, &body, |book, now| {
        let params: Attach = form::read(&body)?;
        let customer = &params.customer;
        known(book, "cus_", "customer", customer, "customer", account(&headers))?;
        let (id, _) = book.save(&name, customer, now)?;
        let object = book.object(&id).unwrap_or_default();
        render::expanded(book, object, &params.expand).map(Reply::ok)
    })
}

pub async fn detach(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, &format!("payment_methods/{id}/detach"), &headers, &body, |book, now| {
        let OnlyExpand { expand } = form::read(&body)?;
        visible(book, "pm_", "PaymentMethod", &id, account(&headers))?;
        book.detach(&id, now)?;
        let object = book.object(&id).unwrap_or_default();
        render::expanded(book, object, &expand).map(Reply::ok)
    })
}
