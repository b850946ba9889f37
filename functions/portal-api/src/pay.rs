//! Paying: a page at the gateway for one or several invoices, and the way back (PAY-8).

use axum::Json;
use axum::extract::{Request, State as Shared};
use axum::http::header::{AUTHORIZATION, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use domain::access::Capability;
use domain::id::{ClientId, InvoiceId};
use serde::{Deserialize, Serialize};
use services::http::form::{CONTACT_COOKIE, read_cookie};
use services::http::{Ids, JsonBody, Problem};
use services::portal::pay::{return_path, segment};
use services::portal::{Asked, Visitor};
use store::Checkout;
use utoipa::{IntoParams, ToSchema};

use crate::State;

/// How the address ends to which a payer comes back.
const RETURN: &str = "/return";

/// What is to be paid.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewCheckout {
    /// Whose invoices.
    #[schema(value_type = String)]
    client: ClientId,
    /// Which, in the order in which they are paid; all in one currency.
    #[schema(value_type = Vec<String>)]
    invoices: Vec<InvoiceId>,
}

/// A page to pay on.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenCheckout {
    /// Its id.
    id: String,
    /// Where the payer goes.
    url: String,
    /// Until when it can be paid on.
    ends_at: String,
}

impl OpenCheckout {
    pub(crate) fn answer(checkout: Checkout) -> Response {
        let url = checkout.page.map(|page| page.url).unwrap_or_default();
        let ends_at = checkout.ends_at.to_rfc3339();
        (StatusCode::CREATED, Json(Self { id: checkout.id, url, ends_at })).into_response()
    }
}

/// Makes a page to pay on, at the firm's gateway.
#[utoipa::path(post, path = "/portal/v1/checkouts", tag = "pay", operation_id = "check_out",
    request_body = NewCheckout, responses((status = 201, body = OpenCheckout)))]
pub(crate) async fn checkout(
    Shared(state): Shared<State>,
    visitor: Visitor,
    JsonBody(new): JsonBody<NewCheckout>,
) -> Result<Response, Problem> {
    let view = visitor.view_for(&new.client, Capability::ActPay).await?;
    let asked = Asked {
        once: visitor.once.clone(),
        invoices: new.invoices,
        link: None,
        return_path: return_path(&new.client),
        cancel_path: format!("/portal/clients/{}/invoices", segment(new.client.as_str())),
    };
    let opened = state.till.open(&visitor.firm, &view, &asked, visitor.now).await?;
    Ok(OpenCheckout::answer(opened))
}

/// The page in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfCheckout {
    /// Whose.
    #[param(value_type = String)]
    client: ClientId,
    /// Its id.
    checkout: String,
}

/// Where a payer comes back to: reads at the gateway what came of it, applies that, and leads on to the page
/// that says so. Nothing in the address is believed but which page it was.
#[utoipa::path(get, path = "/portal/v1/clients/{client}/checkouts/{checkout}/return", tag = "pay",
    operation_id = "payer_returned", params(OfCheckout), responses((status = 303)))]
pub(crate) async fn returned(
    Shared(state): Shared<State>,
    visitor: Visitor,
    Ids(of): Ids<OfCheckout>,
) -> Result<Response, Problem> {
    visitor.view_for(&of.client, Capability::ActPay).await?;
    let checkout = visitor.store().checkout(&of.client, &of.checkout).await?;
    let mut checkout = checkout.ok_or_else(|| Problem::not_found("payment"))?;
    state.till.look(&visitor.firm, &mut checkout, visitor.now).await?;
    let client = segment(of.client.as_str());
    Ok(see(&format!("/portal/clients/{client}/checkouts/{}", checkout.id)))
}

/// Leads a browser to another page.
pub(crate) fn see(path: &str) -> Response {
    let to = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/portal"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}

/// A browser that comes back from the gateway has its cookie, and shows no token by itself. Whoever isn't
/// signed in any more signs in and comes back to the page, from where they look again.
pub(crate) async fn with_cookie(mut request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let is_return = *request.method() == Method::GET
        && path.starts_with("/portal/v1/clients/")
        && path.ends_with(RETURN)
        && !request.headers().contains_key(AUTHORIZATION);
    if !is_return {
        return next.run(request).await;
    }
    let page = path.trim_end_matches(RETURN).replacen("/portal/v1/", "/portal/", 1);
    let cookie = read_cookie(request.headers(), CONTACT_COOKIE);
    let bearer = cookie.and_then(|token| HeaderValue::from_str(&format!("Bearer {token}")).ok());
    if let Some(bearer) = bearer {
        request.headers_mut().insert(AUTHORIZATION, bearer);
    }
    let response = next.run(request).await;
    match response.status() {
        StatusCode::SEE_OTHER => response,
        StatusCode::UNAUTHORIZED => see(&format!("/sign-in?next={page}")),
        // The page says that it can't be told yet, and looks again.
        _ => see(&page),
    }
}
