//! The page that a link's `url` leads to: what a payer sees at Square, without the money.
//!
//! Rendered whole on the server, without scripts. A payer chooses what card or bank shall do; the act is the same
//! as one posted to the sandbox. Whoever paid is sent to the link's `redirect_url`, with the order's and the
//! payment's ids behind it, as Square sends them; a page that was paid, or whose link is gone, says so and takes
//! nothing.

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use gateways::square::currency;
use serde_json::Value;

use super::SandboxSquare;
use super::acts::{Act, CardOutcome};
use super::book::{Book, text};
use super::days::{CLEARS_AFTER_BUSINESS_DAYS, RETURNS_AFTER_BUSINESS_DAYS};

const STYLE: &str = include_str!("../../templates/stripe/pay.css");

/// Nothing is loaded but the style sheet, nothing runs, nobody frames it. Where the form's answer leads is the
/// link's own address, which is another site's.
const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// What the declined card's issuer says.
const DECLINE_CODE: &str = "GENERIC_DECLINE";

/// The page and its style.
pub fn router(sandbox: &SandboxSquare) -> Router {
    Router::new()
        .route("/sandbox/square/pay.css", get(style))
        .route("/sandbox/square/pay/{link}", get(show).post(pay))
        .with_state(sandbox.clone())
}

/// Where a link is paid: at the address at which whoever made it found the sandbox.
pub fn url(host: &str, link: &str) -> String {
    format!("http://{host}/sandbox/square/pay/{link}")
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

async fn show(State(sandbox): State<SandboxSquare>, Path(id): Path<String>) -> Response {
    page(&sandbox, &id, None)
}

/// What a payer chose.
fn chosen(body: &[u8], link: &str) -> Option<Act> {
    let method = form_urlencoded::parse(body).find(|(name, _)| name == "method")?.1;
    let link = link.to_owned();
    let card = |outcome| Act::PayByCard { link: link.clone(), outcome, tip: 0 };
    Some(match method.as_ref() {
        "card" => card(CardOutcome::Pays),
        "card_declined" => card(CardOutcome::Declines(DECLINE_CODE.to_owned())),
        "bank" => Act::PayByBank { link },
        "bank_returned" => Act::PayByBankThatReturns { link },
        _ => return None,
    })
}

async fn pay(
    State(sandbox): State<SandboxSquare>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Another site's form would pay here unseen.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some(act) = chosen(&body, &id) else {
        return page(&sandbox, &id, Some(Said::NoChoice));
    };
    if sandbox.act(act).is_err() {
        return page(&sandbox, &id, Some(Said::NotNow));
    }
    let address = return_address(&sandbox.book(), &id);
    match address {
        Some(address) => Redirect::to(&address).into_response(),
        // Declined: the page says so, and can be loaded again without paying again.
        None => Redirect::to(&format!("/sandbox/square/pay/{id}")).into_response(),
    }
}

/// Where whoever paid goes on; none before, and where the seller named no address.
fn return_address(book: &Book, link: &str) -> Option<String> {
    let link = book.links.get(link)?;
    let address = back_address(link)?;
    let order_id = text(link, "order_id");
    let payment = tender(book.orders.get(order_id)?)?;
    let sign = if address.contains('?') { '&' } else { '?' };
    Some(format!("{address}{sign}orderId={order_id}&transactionId={payment}"))
}

fn back_address(link: &Value) -> Option<String> {
    link["checkout_options"]["redirect_url"].as_str().map(str::to_owned)
}

fn tender(order: &Value) -> Option<&str> {
    order["tenders"].as_array()?.last()?["payment_id"].as_str()
}

/// What was wrong with the request that a page answers.
#[derive(Debug, Clone, Copy)]
enum Said {
    NoChoice,
    NotNow,
}

impl Said {
    fn status(self) -> StatusCode {
        match self {
            Self::NoChoice => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotNow => StatusCode::CONFLICT,
        }
    }

    fn text(self, stage: Stage) -> Option<String> {
        let text = match (self, stage) {
            (_, Stage::Missing) => return None,
            (Self::NoChoice, _) => "Choose how to pay.",
            (Self::NotNow, Stage::Open) => "That way to pay isn't offered. Nothing was charged.",
            (Self::NotNow, _) => "This was paid already. Nothing was charged again.",
        };
        Some(text.to_owned())
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Open,
    Paid,
    /// A debit is under way.
    Pending,
    /// It was paid, and the bank took it back.
    TakenBack,
    /// There never was such a link, or it is deleted: Square doesn't tell which.
    Missing,
}

/// The page.
#[derive(Template)]
#[template(path = "square/pay.html")]
struct PayPage {
    shop: String,
    total: String,
    lines: Vec<(String, String)>,
    stage: Stage,
    /// What is wrong, before anything else.
    alert: Option<String>,
    takes_bank: bool,
    clears_after: u32,
    returns_after: u32,
    back: Option<String>,
    onward: Option<String>,
}

fn page(sandbox: &SandboxSquare, id: &str, said: Option<Said>) -> Response {
    let page = PayPage::of(&sandbox.book(), id, sandbox.shop().name, said);
    let status = match (page.stage, said) {
        (Stage::Missing, _) => StatusCode::NOT_FOUND,
        (_, Some(said)) => said.status(),
        _ => StatusCode::OK,
    };
    let Ok(html) = page.render() else {
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

impl PayPage {
    fn of(book: &Book, id: &str, shop: String, said: Option<Said>) -> Self {
        let link = book.links.get(id);
        let order = link.and_then(|link| book.orders.get(text(link, "order_id")));
        let stage = order.map_or(Stage::Missing, |order| Stage::of(book, order));
        let declined = order.filter(|_| stage == Stage::Open);
        let declined = declined.and_then(|order| book.declines.get(text(order, "id")));
        let declined = declined.map(|code| {
            format!(
                "Your payment was declined ({code}). Nothing was charged. Try another way to pay."
            )
        });
        let lines = order.and_then(|order| order["line_items"].as_array());
        let line = |line: &Value| (text(line, "name").to_owned(), in_words(&line["total_money"]));
        Self {
            shop: if shop.is_empty() { "the seller".to_owned() } else { shop },
            total: order.map(|order| in_words(&order["total_money"])).unwrap_or_default(),
            lines: lines.into_iter().flatten().map(line).collect(),
            alert: said.and_then(|said| said.text(stage)).or(declined),
            takes_bank: order.is_some_and(|o| text(&o["total_money"], "currency") == "USD"),
            clears_after: CLEARS_AFTER_BUSINESS_DAYS,
            returns_after: RETURNS_AFTER_BUSINESS_DAYS,
            back: link.and_then(back_address),
            onward: return_address(book, id),
            stage,
        }
    }
}

impl Stage {
    fn of(book: &Book, order: &Value) -> Self {
        let Some(payment) = tender(order).and_then(|id| book.payments.get(id)) else {
            return Self::Open;
        };
        let id = text(payment, "id");
        let is_lost = book.disputes.values().any(|dispute| {
            text(&dispute["disputed_payment"], "payment_id") == id
                && matches!(text(dispute, "state"), "LOST" | "ACCEPTED")
        });
        match text(payment, "status") {
            "PENDING" => Self::Pending,
            _ if is_lost => Self::TakenBack,
            _ => Self::Paid,
        }
    }
}

fn in_words(money: &Value) -> String {
    let (sum, code) = (money["amount"].as_u64().unwrap_or_default(), text(money, "currency"));
    let read = currency::from_square(sum, code);
    read.map_or_else(|_| format!("{sum} {code}"), |money| money.for_person())
}
