//! The payment page of a deposit account: what a payer sees at LawPay or CPACharge, without the money.
//!
//! Rendered whole on the server, without scripts. Amount and reference come with the address, and the payer can
//! change what isn't named in `readOnlyFields`; the page has no end and can be paid on again. As there, whoever
//! edits the address pays what they like: the page believes it.

use askama::Template;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use domain::invoice::Deposit;
use domain::money::{Currency, Money};

use super::acts::Act;
use super::days::CLEARS_AFTER_DAYS;
use super::instruments::PayWith;
use super::{SandboxAffiniPay, Shop};

const STYLE: &str = concat!(
    include_str!("../../templates/stripe/pay.css"),
    include_str!("../../templates/affinipay/fields.css")
);

/// Nothing is loaded but the style sheet, nothing runs, nobody frames it.
const CONTENT_POLICY: &str = "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The pages and their style.
pub fn router(sandbox: &SandboxAffiniPay) -> Router {
    Router::new()
        .route("/sandbox/affinipay/pay.css", get(style))
        .route("/sandbox/affinipay/pages/{page}", get(show).post(pay))
        .with_state(sandbox.clone())
}

async fn style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}

/// Which account a page pays into, and on which side.
fn account(page: &str) -> Option<(Deposit, bool)> {
    let (deposit, is_live) = match page.strip_prefix("live-") {
        Some(deposit) => (deposit, true),
        None => (page, false),
    };
    Some((deposit.parse().ok()?, is_live))
}

/// What came with the address or the form.
#[derive(Debug, Default)]
struct Fields {
    amount: String,
    reference: String,
    read_only: Vec<String>,
    method: String,
}

fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).into_owned().collect()
}

impl Fields {
    /// The address has the amount in cents, people have not.
    fn of_address(query: &[u8]) -> Self {
        let mut fields = Self::default();
        for (name, value) in pairs(query) {
            match name.as_str() {
                "amount" => {
                    let cents = value.parse().ok().map(|cents| Money::new(cents, Currency::USD));
                    fields.amount = cents.map(Money::amount).unwrap_or_default();
                }
                "reference" => fields.reference = value,
                "readOnlyFields" => {
                    fields.read_only =
                        value.split(',').map(|name| name.trim().to_owned()).collect();
                }
                _ => {}
            }
        }
        fields
    }

    /// What the payer typed, where they may.
    fn with_form(mut self, form: &[u8]) -> Self {
        for (name, value) in pairs(form) {
            match name.as_str() {
                "amount" if !self.is_read_only("amount") => self.amount = value,
                "reference" if !self.is_read_only("reference") => self.reference = value,
                "method" => self.method = value,
                _ => {}
            }
        }
        self
    }

    fn is_read_only(&self, name: &str) -> bool {
        self.read_only.iter().any(|known| known == name)
    }

    fn money(&self) -> Option<Money> {
        let money = Money::parse(self.amount.trim(), Currency::USD).ok()?;
        (!money.is_zero()).then_some(money)
    }

    fn with(&self) -> Option<PayWith> {
        let card = |number: &str| PayWith::Card { number: number.to_owned() };
        match self.method.as_str() {
            "card" => Some(PayWith::good_card()),
            "card_declined" => Some(card("4000000000000002")),
            "bank" => Some(PayWith::good_bank()),
            "bank_failing" => Some(PayWith::bank("1000000005")),
            _ => None,
        }
    }
}

/// The page.
#[derive(Template)]
#[template(path = "affinipay/pay.html")]
struct PayPage {
    shop: Shop,
    deposit: &'static str,
    fields: Fields,
    alert: Option<String>,
    /// What was paid, once it was, and whether it takes days.
    paid: Option<(String, bool)>,
    clears_after: u32,
}

async fn show(
    State(sandbox): State<SandboxAffiniPay>,
    Path(page): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let Some((deposit, _)) = account(&page) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fields = Fields::of_address(query.unwrap_or_default().as_bytes());
    render(&sandbox, deposit, fields, None, None)
}

async fn pay(
    State(sandbox): State<SandboxAffiniPay>,
    Path(page): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    // Another site's form would pay here unseen.
    if headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let Some((deposit, is_live)) = account(&page) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let fields = Fields::of_address(query.unwrap_or_default().as_bytes()).with_form(&body);
    let again = |text: &str, fields| render(&sandbox, deposit, fields, Some(text.to_owned()), None);
    let Some(money) = fields.money() else {
        return again("Enter an amount such as 125.00.", fields);
    };
    let Some(with) = fields.with() else { return again("Choose how to pay.", fields) };
    let reference = Some(fields.reference.trim().to_owned()).filter(|text| !text.is_empty());
    let is_slow = with.is_bank();
    let act = Act::Pay { deposit, is_live, amount: money.minor(), reference, with };
    let paid = sandbox
        .act(act)
        .ok()
        .and_then(|done| sandbox.book().transaction(&done.object).ok().map(|of| of.status.clone()));
    match paid.as_deref() {
        Some("AUTHORIZED") => {
            let paid = Some((money.for_person(), is_slow));
            render(&sandbox, deposit, fields, None, paid)
        }
        _ => again("The payment was declined. Nothing was charged.", fields),
    }
}

fn render(
    sandbox: &SandboxAffiniPay,
    deposit: Deposit,
    fields: Fields,
    alert: Option<String>,
    paid: Option<(String, bool)>,
) -> Response {
    let mut shop = sandbox.shop();
    if shop.name.is_empty() {
        "the firm".clone_into(&mut shop.name);
    }
    let status = if alert.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    let deposit = deposit.as_str();
    let page = PayPage { shop, deposit, fields, alert, paid, clears_after: CLEARS_AFTER_DAYS };
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
