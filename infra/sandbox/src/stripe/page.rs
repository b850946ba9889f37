//! The page that a session's `url` leads to: what a payer sees at Stripe, without the money.
//!
//! Rendered whole on the server, without scripts. A payer chooses what card or bank shall do; the act is
//! the same as one posted to the sandbox. Whoever paid is sent to the session's `success_url`; a page that
//! was paid, or has ended, says so and takes nothing.

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::get;
use domain::calendar::Day;
use gateways::stripe::currency;
use serde::Deserialize;

use super::acts::{Act, CardOutcome};
use super::book::Book;
use super::days::{CLEARS_AFTER_DAYS, RETURNS_AFTER_DAYS};
use super::objects::{LineItem, Session};
use super::{SandboxStripe, form, save_page};

const STYLE: &str = include_str!("../../templates/stripe/pay.css");

/// Nothing is loaded but the style sheet, nothing runs, nobody frames it. Where the form's answer leads is
/// the session's own address, which is another site's.
const CONTENT_POLICY: &str =
    "default-src 'none'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";

/// In an address, for Stripe to fill in; a browser or library may have escaped it.
const SESSION_PLACEHOLDERS: [&str; 2] = ["{CHECKOUT_SESSION_ID}", "%7BCHECKOUT_SESSION_ID%7D"];

/// What the declined card's issuer says.
const DECLINE_CODE: &str = "generic_decline";

/// The page and its style.
pub fn router(sandbox: &SandboxStripe) -> Router {
    Router::new()
        .route("/sandbox/stripe/pay.css", get(style))
        .route("/sandbox/stripe/pay/{session}", get(show).post(pay))
        .with_state(sandbox.clone())
}

/// Where a session is paid: at the address at which whoever made it found the sandbox.
pub fn url(headers: &HeaderMap, session: &str) -> String {
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let host = host.filter(|host| host.parse::<Authority>().is_ok()).unwrap_or("localhost");
    format!("http://{host}/sandbox/stripe/pay/{session}")
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

async fn show(State(sandbox): State<SandboxStripe>, Path(id): Path<String>) -> Response {
    sandbox.end_pages();
    page(&sandbox, &id, None)
}

/// What a payer chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Choice {
    Card,
    CardDeclined,
    Bank,
    BankReturned,
}

/// The form.
#[derive(Deserialize)]
struct Chosen {
    method: Choice,
}

impl Choice {
    fn act(self, session: String) -> Act {
        match self {
            Self::Card => Act::PayByCard { session, outcome: CardOutcome::Succeeds },
            Self::CardDeclined => {
                let outcome = CardOutcome::Declines(DECLINE_CODE.to_owned());
                Act::PayByCard { session, outcome }
            }
            Self::Bank => Act::PayByBank { session },
            Self::BankReturned => Act::PayByBankThatReturns { session },
        }
    }
}

async fn pay(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Another site's form would pay here unseen.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return StatusCode::FORBIDDEN.into_response();
    }
    if is_setup(&sandbox, &id) {
        return save(&sandbox, &id, &body);
    }
    let Ok(Chosen { method }) = form::read(&body) else {
        return page(&sandbox, &id, Some(Said::NoChoice));
    };
    if sandbox.act(method.act(id.clone())).is_err() {
        return page(&sandbox, &id, Some(Said::NotNow));
    }
    let paid =
        sandbox.book().sessions.get(&id).filter(|session| session.status == "complete").cloned();
    match paid {
        Some(session) => Redirect::to(&return_address(&session)).into_response(),
        // Declined: the page says so, and can be loaded again without paying again.
        None => Redirect::to(&format!("/sandbox/stripe/pay/{id}")).into_response(),
    }
}

fn is_setup(sandbox: &SandboxStripe, id: &str) -> bool {
    sandbox.book().sessions.get(id).is_some_and(|session| session.mode == "setup")
}

/// Whoever saved is sent back; who was declined is told so.
fn save(sandbox: &SandboxStripe, id: &str, body: &[u8]) -> Response {
    let chosen = form::read(body).ok();
    let act = chosen.and_then(|chosen: save_page::Chosen| chosen.act(id.to_owned()));
    let said = match act.map(|act| sandbox.act(act)) {
        Some(Ok(_)) => None,
        Some(Err(_)) => Some(save_page::Said::Refused),
        None => Some(save_page::Said::NoChoice),
    };
    let (book, shop) = (sandbox.book(), sandbox.shop().name);
    match (book.sessions.get(id), said) {
        (Some(session), None) => Redirect::to(&return_address(session)).into_response(),
        (Some(session), said) => save_page::page(&book, session, shop, said),
        (None, _) => StatusCode::NOT_FOUND.into_response(),
    }
}

pub(super) fn return_address(session: &Session) -> String {
    SESSION_PLACEHOLDERS
        .into_iter()
        .fold(session.success_url.clone(), |url, place| url.replace(place, &session.id))
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

    fn text(self, stage: &Stage) -> Option<String> {
        let text = match (self, stage) {
            (_, Stage::Expired | Stage::Missing) => return None,
            (Self::NoChoice, _) => "Choose how to pay.",
            (Self::NotNow, Stage::Open) => "That way to pay isn't offered. Nothing was charged.",
            (Self::NotNow, Stage::Paid | Stage::Processing(_) | Stage::TakenBack) => {
                "This was paid already. Nothing was charged again."
            }
        };
        Some(text.to_owned())
    }
}

/// The page.
#[derive(Template)]
#[template(path = "stripe/pay.html")]
struct PayPage {
    shop: String,
    total: String,
    lines: Vec<Line>,
    session: Option<Session>,
    stage: Stage,
    /// What is wrong, before anything else.
    alert: Option<String>,
    takes_card: bool,
    takes_bank: bool,
    clears_after: u32,
    returns_after: u32,
    success_url: String,
}

/// One line of what is paid for.
struct Line {
    name: String,
    quantity: u64,
    amount: String,
}

/// How far it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Stage {
    Open,
    Paid,
    /// A debit is under way, to clear on that day.
    Processing(Option<String>),
    /// It was paid, and the bank took it back; or the debit failed.
    TakenBack,
    Expired,
    Missing,
}

fn page(sandbox: &SandboxStripe, id: &str, said: Option<Said>) -> Response {
    if is_setup(sandbox, id) {
        let (book, shop) = (sandbox.book(), sandbox.shop().name);
        if let Some(session) = book.sessions.get(id) {
            return save_page::page(&book, session, shop, None);
        }
    }
    let page = PayPage::of(&sandbox.book(), id, sandbox.shop().name, said);
    let status = match (&page.stage, said) {
        (Stage::Missing, _) => StatusCode::NOT_FOUND,
        (Stage::Expired, _) => StatusCode::GONE,
        (_, Some(said)) => said.status(),
        _ => StatusCode::OK,
    };
    answer(status, page.render())
}

pub(super) fn answer(status: StatusCode, html: askama::Result<String>) -> Response {
    let Ok(html) = html else {
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
        let session = book.sessions.get(id).cloned();
        let takes = |name: &str| {
            let methods = session.iter().flat_map(|session| &session.payment_method_types);
            methods.into_iter().any(|method| method == name)
        };
        let stage = session.as_ref().map_or(Stage::Missing, |session| Stage::of(book, session));
        let declined = session.as_ref().filter(|_| stage == Stage::Open);
        let declined = declined.and_then(|session| decline(book, session));
        Self {
            shop: if shop.is_empty() { "the seller".to_owned() } else { shop },
            total: session.as_ref().map(total).unwrap_or_default(),
            lines: book.line_items.get(id).into_iter().flatten().map(Line::of).collect(),
            alert: said.and_then(|said| said.text(&stage)).or(declined),
            takes_card: takes("card"),
            takes_bank: takes("us_bank_account"),
            clears_after: CLEARS_AFTER_DAYS,
            returns_after: RETURNS_AFTER_DAYS,
            success_url: session.as_ref().map(return_address).unwrap_or_default(),
            stage,
            session,
        }
    }
}

impl Stage {
    fn of(book: &Book, session: &Session) -> Self {
        match session.status.as_str() {
            "open" => return Self::Open,
            "expired" => return Self::Expired,
            _ => {}
        }
        let intent = session.payment_intent.as_ref().and_then(|id| book.intents.get(id));
        let Some(intent) = intent else { return Self::Paid };
        let charge = intent.latest_charge.as_ref().and_then(|id| book.charges.get(id));
        match intent.status.as_str() {
            "processing" => {
                let debit = book.debits.get(&intent.id);
                Self::Processing(debit.map(|debit| in_words(debit.clears_on)))
            }
            "succeeded" if !charge.is_some_and(|charge| charge.disputed) => Self::Paid,
            _ => Self::TakenBack,
        }
    }
}

impl Line {
    fn of(item: &LineItem) -> Self {
        Self {
            name: item.description.clone(),
            quantity: item.quantity,
            amount: amount(item.amount_total, &item.currency),
        }
    }
}

/// The last attempt, where it failed.
fn decline(book: &Book, session: &Session) -> Option<String> {
    let intent = session.payment_intent.as_ref().and_then(|id| book.intents.get(id))?;
    let error = intent.last_payment_error.as_ref()?;
    let code = error.decline_code.as_ref().unwrap_or(&error.code);
    Some(format!("Your card was declined ({code}). Nothing was charged. Try another way to pay."))
}

fn total(session: &Session) -> String {
    let currency = session.currency.as_deref().unwrap_or_default();
    amount(session.amount_total.unwrap_or_default(), currency)
}

/// The session's amount was checked when it was made; one line of it may be finer than the currency.
fn amount(amount: u64, code: &str) -> String {
    let money = currency::from_stripe(amount, code);
    money.map_or_else(|_| format!("{amount} {code}"), |money| money.for_person())
}

fn in_words(day: Day) -> String {
    day.format("%B %-d, %Y").to_string()
}
