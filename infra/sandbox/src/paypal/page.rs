//! The pages that a payer sees at PayPal, without the money: to approve an order, and to save an account.
//!
//! Rendered whole on the server, without scripts. A payer chooses what their PayPal account shall do, and is
//! sent back with the order's id behind the address, as PayPal does it. A page that is over says so.

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use gateways::paypal::currency::Amount;
use serde::Deserialize;

use super::book::{Book, Order, Pays};
use super::payments::CLEARS_AFTER_DAYS;
use super::{Act, BASE_PATH, SandboxPayPal};

const STYLE: &str = include_str!("../../templates/stripe/pay.css");

/// Nothing is loaded but the style sheet, nothing runs, nobody frames it.
const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages and their style.
pub fn router(sandbox: &SandboxPayPal) -> Router {
    Router::new()
        .route("/sandbox/paypal/pay.css", get(style))
        .route("/sandbox/paypal/pay/{id}", get(show_order).post(approve))
        .route("/sandbox/paypal/save/{id}", get(show_setup).post(save))
        .with_state(sandbox.clone())
}

/// The address at which whoever asks found the sandbox.
pub(super) fn base(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.filter(|host| host.parse::<Authority>().is_ok()).unwrap_or("localhost");
    format!("http://{host}{BASE_PATH}")
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// The form.
#[derive(Deserialize)]
struct Chosen {
    pays: Pays,
}

fn chosen(body: &Bytes) -> Option<Pays> {
    let pairs = form_urlencoded::parse(body).into_owned();
    let pays = pairs.into_iter().find(|(name, _)| name == "pays").map(|(_, value)| value)?;
    let chosen: Chosen = serde_json::from_value(serde_json::json!({"pays": pays})).ok()?;
    Some(chosen.pays)
}

/// The page.
#[derive(Template)]
#[template(path = "paypal/approve.html")]
struct ApprovePage {
    shop: String,
    /// Missing where nothing is paid.
    total: Option<String>,
    lines: Vec<(String, String)>,
    stage: Stage,
    alert: Option<&'static str>,
    /// What the seller wrote on it.
    note: Option<String>,
    back: Option<String>,
    on: Option<String>,
    takes_bank: bool,
    clears_after: u32,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Done,
    Over,
    Missing,
}

fn for_person(amount: &serde_json::Value) -> String {
    let amount: Option<Amount> = serde_json::from_value(amount.clone()).ok();
    amount.and_then(|amount| amount.money().ok()).map(|m| m.for_person()).unwrap_or_default()
}

/// With what PayPal puts behind it.
fn with_token(url: &str, name: &str, id: &str) -> String {
    let sign = if url.contains('?') { '&' } else { '?' };
    format!("{url}{sign}{name}={id}")
}

impl ApprovePage {
    fn of_order(book: &Book, id: &str, shop: String, alert: Option<&'static str>) -> Self {
        let order = book.orders.get(id);
        let stage = match order.map(|order| &*order.status) {
            None => Stage::Missing,
            Some("PAYER_ACTION_REQUIRED") => Stage::Open,
            Some("VOIDED") => Stage::Over,
            Some(_) => Stage::Done,
        };
        let url = |field: &str| {
            let ways = order?.source.as_object()?;
            let context = &ways.values().next()?["experience_context"];
            context[field].as_str().map(|url| with_token(url, "token", id))
        };
        let items = order.and_then(|order| order.unit["items"].as_array());
        let line = |item: &serde_json::Value| {
            let name = item["name"].as_str().unwrap_or_default().to_owned();
            (name, for_person(&item["unit_amount"]))
        };
        Self {
            shop,
            total: order.map(|order| for_person(&order.unit["amount"])),
            lines: items.into_iter().flatten().map(line).collect(),
            stage,
            alert,
            note: order.and_then(|o| o.unit["description"].as_str()).map(str::to_owned),
            back: url("cancel_url"),
            on: url("return_url"),
            takes_bank: order.is_some_and(Order::takes_bank),
            clears_after: CLEARS_AFTER_DAYS,
        }
    }

    fn of_setup(book: &Book, id: &str, shop: String, alert: Option<&'static str>) -> Self {
        let setup = book.setups.get(id);
        let stage = match setup.map(|setup| &*setup.status) {
            None => Stage::Missing,
            Some("PAYER_ACTION_REQUIRED") => Stage::Open,
            Some(_) => Stage::Done,
        };
        let named = |url: &String| with_token(url, "approval_token_id", id);
        Self {
            shop,
            total: None,
            lines: vec![],
            stage,
            alert,
            note: None,
            back: setup.map(|setup| named(&setup.cancel_url)),
            on: setup.map(|setup| named(&setup.return_url)),
            takes_bank: true,
            clears_after: CLEARS_AFTER_DAYS,
        }
    }

    fn answer(&self, status: StatusCode) -> Response {
        let status = match self.stage {
            Stage::Missing => StatusCode::NOT_FOUND,
            Stage::Over => StatusCode::GONE,
            Stage::Open | Stage::Done => status,
        };
        let Ok(html) = self.render() else {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        };
        let headers = [
            (header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
            (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_POLICY)),
            (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ];
        (status, headers, html).into_response()
    }
}

type Make = fn(&Book, &str, String, Option<&'static str>) -> ApprovePage;

impl SandboxPayPal {
    fn page(&self, make: Make, id: &str) -> Response {
        let now = self.now();
        self.always(|book| book.go_on(now));
        make(&self.book(), id, self.shop_name(), None).answer(StatusCode::OK)
    }

    fn choose(
        &self,
        make: Make,
        act: fn(String, Pays) -> Act,
        id: &str,
        asked: &Asked,
    ) -> Response {
        // Another site's form would approve here unseen.
        if asked.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
            return StatusCode::FORBIDDEN.into_response();
        }
        let alert =
            |text, status| make(&self.book(), id, self.shop_name(), Some(text)).answer(status);
        let Some(pays) = chosen(&asked.body) else {
            return alert("Choose how it shall go.", StatusCode::UNPROCESSABLE_ENTITY);
        };
        if self.act(act(id.to_owned(), pays)).is_err() {
            return alert(
                "That can't be approved: it was already, is over, or isn't offered.",
                StatusCode::CONFLICT,
            );
        }
        let on = make(&self.book(), id, self.shop_name(), None).on;
        match on {
            Some(on) => Redirect::to(&on).into_response(),
            None => StatusCode::NOT_FOUND.into_response(),
        }
    }
}

struct Asked {
    headers: HeaderMap,
    body: Bytes,
}

async fn show_order(State(sandbox): State<SandboxPayPal>, Path(id): Path<String>) -> Response {
    sandbox.page(ApprovePage::of_order, &id)
}

async fn show_setup(State(sandbox): State<SandboxPayPal>, Path(id): Path<String>) -> Response {
    sandbox.page(ApprovePage::of_setup, &id)
}

async fn approve(
    State(sandbox): State<SandboxPayPal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let act = |order, pays| Act::Approve { order, pays };
    sandbox.choose(ApprovePage::of_order, act, &id, &Asked { headers, body })
}

async fn save(
    State(sandbox): State<SandboxPayPal>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let act = |page, pays| Act::ApproveSaving { page, pays };
    sandbox.choose(ApprovePage::of_setup, act, &id, &Asked { headers, body })
}
