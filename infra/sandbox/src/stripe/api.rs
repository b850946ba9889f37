//! Stripe's API, as far as we call it.

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::{Path, RawQuery, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use gateways::stripe::API_VERSION;
use serde::Serialize;
use serde_json::{Value, json};

use super::book::{Book, KeptAnswer, LIVE};
use super::objects::{Charge, Customer, Dispute, Event, Intent, Refund, Session, SetupIntent};
use super::params::{ListQuery, NewRefund, NewSession, OnlyExpand};
use super::problem::Problem;
use super::{ActError, SandboxStripe, form, page, render};
use super::{intents, saved};
use crate::faults;

/// Stripe's limits.
const MAX_IDEMPOTENCY_KEY_CHARS: usize = 255;
const DEFAULT_PAGE: u64 = 10;
const MAX_PAGE: u64 = 100;

/// Stripe may forget a key after a day: then the same request is done again.
const IDEMPOTENCY_SECONDS: i64 = 24 * 60 * 60;

/// Names the connected account that a request acts for.
const ACCOUNT: &str = "stripe-account";

/// Everything under `/v1`.
pub fn router(sandbox: &SandboxStripe) -> Router {
    let check = middleware::from_fn_with_state(sandbox.clone(), check);
    let faults = middleware::from_fn_with_state(sandbox.inner.faults.clone(), faults::layer);
    let in_use = middleware::from_fn_with_state(sandbox.clone(), keys_in_use);
    let v1 = Router::new()
        .route("/checkout/sessions", post(create_session).get(list_sessions))
        .route("/checkout/sessions/{id}", get(session))
        .route("/checkout/sessions/{id}/expire", post(expire_session))
        .route("/checkout/sessions/{id}/line_items", get(line_items))
        .route("/payment_intents", post(intents::create).get(list_intents))
        .route("/payment_intents/{id}", get(intent).post(intents::change))
        .route("/payment_intents/{id}/confirm", post(intents::confirm))
        .route("/payment_intents/{id}/cancel", post(intents::cancel))
        .route("/customers", post(saved::create_customer).get(list_customers))
        .route("/customers/{id}", get(customer))
        .route("/customers/{id}/payment_methods", get(saved::methods_of))
        .route("/payment_methods/{id}", get(payment_method))
        .route("/payment_methods/{id}/attach", post(saved::attach))
        .route("/payment_methods/{id}/detach", post(saved::detach))
        .route("/setup_intents", get(list_setups))
        .route("/setup_intents/{id}", get(setup_intent))
        .route("/charges", get(list_charges))
        .route("/charges/{id}", get(charge))
        .route("/refunds", post(create_refund).get(list_refunds))
        .route("/refunds/{id}", get(refund))
        .route("/disputes", get(list_disputes))
        .route("/disputes/{id}", get(dispute))
        .route("/events", get(list_events))
        .route("/events/{id}", get(event))
        .fallback(unrecognized)
        .method_not_allowed_fallback(unrecognized)
        .layer(check)
        .layer(faults)
        .layer(in_use)
        .with_state(sandbox.clone());
    Router::new().nest("/v1", v1)
}

async fn unrecognized(request: Request) -> Problem {
    Problem::unrecognized(request.method().as_str(), request.uri().path())
}

/// The key and the version that every request carries; its number goes with the answer, for support.
async fn check(State(sandbox): State<SandboxStripe>, mut request: Request, next: Next) -> Response {
    let mut response = match sandbox.admit(request.headers_mut()) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    let number = sandbox.inner.requests.fetch_add(1, Ordering::Relaxed);
    if let Ok(id) = HeaderValue::from_str(&format!("req_{number:012}")) {
        response.headers_mut().insert("request-id", id);
    }
    response
}

/// A key that another request is under way with is a conflict. Only what is slow can be met on its way: a
/// sandbox that isn't does one thing at a time.
async fn keys_in_use(
    State(sandbox): State<SandboxStripe>,
    request: Request,
    next: Next,
) -> Response {
    let key = text(request.headers(), "idempotency-key");
    let slot = format!("{}/{key}", text(request.headers(), ACCOUNT));
    let is_slow = 0 < sandbox.faults().slow_ms;
    if key.is_empty() || !is_slow {
        return next.run(request).await;
    }
    if !sandbox.keys_in_use().insert(slot.clone()) {
        return Problem::key_in_use(&key).into_response();
    }
    let _in_use = InUse { sandbox, slot };
    next.run(request).await
}

fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).and_then(|value| value.to_str().ok());
    value.unwrap_or_default().to_owned()
}

/// Frees a key also where whoever asked has gone.
struct InUse {
    sandbox: SandboxStripe,
    slot: String,
}

impl Drop for InUse {
    fn drop(&mut self) {
        self.sandbox.keys_in_use().remove(&self.slot);
    }
}

impl SandboxStripe {
    /// Whoever has the live key works on the live side from here on.
    fn admit(&self, headers: &mut HeaderMap) -> Result<(), Problem> {
        let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let key = header("authorization").and_then(|value| value.strip_prefix("Bearer "));
        let key = key.ok_or_else(|| Problem::unauthorized("You did not provide an API key."))?;
        let test_key = self.inner.key.expose();
        let is_live = key == test_key.replacen("_test_", "_live_", 1) && key != test_key;
        if key != test_key && !is_live {
            return Err(Problem::unauthorized("Invalid API Key provided."));
        }
        if header(ACCOUNT).is_some_and(|account| is_live || account == LIVE) {
            return Err(Problem::invalid("Connected accounts are in test mode here."));
        }
        if header("stripe-version") != Some(API_VERSION) {
            let message = format!("Invalid Stripe API version: expected {API_VERSION}.");
            return Err(Problem::invalid(message));
        }
        if is_live {
            headers.insert(ACCOUNT, HeaderValue::from_static(LIVE));
        }
        self.end_pages();
        Ok(())
    }

    /// Pages whose time has passed show so, before anybody looks.
    pub(super) fn end_pages(&self) {
        let now = self.now();
        let has_due = self.book().has_pages_due(now);
        if has_due {
            self.always(|book| book.expire_due(now));
        }
    }
}

/// The connected account that a request acts for; none for the key's own.
pub(super) fn account(headers: &HeaderMap) -> Option<&str> {
    headers.get(ACCOUNT).and_then(|value| value.to_str().ok())
}

pub(super) type Answer = Result<Json<Value>, Problem>;

/// One handler for each kind of object that is fetched by its id.
macro_rules! fetch {
    ($($name:ident: $prefix:literal $kind:literal;)*) => {$(
        async fn $name(
            State(sandbox): State<SandboxStripe>,
            Path(id): Path<String>,
            RawQuery(query): RawQuery,
            headers: HeaderMap,
        ) -> Answer {
            let OnlyExpand { expand } = form::read(query.unwrap_or_default().as_bytes())?;
            let book = sandbox.book();
            let object = visible(&book, $prefix, $kind, &id, account(&headers))?;
            render::expanded(&book, object, &expand).map(Json)
        }
    )*};
}

fetch! {
    session: "cs_test_" "checkout.session";
    intent: "pi_" "payment_intent";
    charge: "ch_" "charge";
    refund: "re_" "refund";
    dispute: "dp_" "dispute";
    event: "evt_" "event";
    customer: "cus_" "customer";
    payment_method: "pm_" "payment_method";
    setup_intent: "seti_" "setup_intent";
}

/// The object, if it is of that kind and belongs to that account.
pub(super) fn visible(
    book: &Book,
    prefix: &str,
    kind: &str,
    id: &str,
    account: Option<&str>,
) -> Result<Value, Problem> {
    let is_visible = id.starts_with(prefix) && book.account(id) == account;
    let object = is_visible.then(|| book.object(id)).flatten();
    object.ok_or_else(|| Problem::missing(kind, id))
}

/// The same of an object that a parameter names: Stripe blames the request then.
pub(super) fn known(
    book: &Book,
    prefix: &str,
    kind: &str,
    id: &str,
    param: &str,
    account: Option<&str>,
) -> Result<Value, Problem> {
    visible(book, prefix, kind, id, account).map_err(|_| Problem::no_such(kind, id, param))
}

async fn create_session(
    State(sandbox): State<SandboxStripe>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, "checkout/sessions", &headers, &body, |book, now| {
        let params: NewSession = form::read(&body)?;
        let (sum, expires_at) = params.check(now)?;
        if let Some(customer) = &params.customer {
            known(book, "cus_", "customer", customer, "customer", account(&headers))?;
        }
        let (amount, currency) = sum.unzip();
        let id = book.new_id("cs_test", account(&headers));
        if let Some(currency) = &currency {
            let items = params.line_items.iter();
            let items = items.map(|item| item.shown(book.new_id("li", None), currency)).collect();
            book.line_items.insert(id.clone(), items);
        }
        book.opened_on.insert(id.clone(), book.today(now));
        if params.payment_intent_data.setup_future_usage.is_some() {
            book.saving.insert(id.clone());
        }
        book.intent_metadata.insert(id.clone(), params.payment_intent_data.metadata);
        let mut session = Session {
            id: id.clone(),
            object: "checkout.session".to_owned(),
            amount_subtotal: amount,
            amount_total: amount,
            cancel_url: params.cancel_url,
            client_reference_id: params.client_reference_id,
            created: now,
            currency,
            customer: params.customer,
            customer_email: params.customer_email,
            expires_at,
            livemode: account(&headers) == Some(LIVE),
            metadata: params.metadata,
            mode: params.mode,
            payment_intent: None,
            payment_method_types: params.payment_method_types,
            payment_status: if amount.unwrap_or_default() == 0 {
                "no_payment_required"
            } else {
                "unpaid"
            }
            .to_owned(),
            setup_intent: None,
            status: "open".to_owned(),
            success_url: params.success_url,
            url: Some(page::url(&headers, &id)),
        };
        if session.mode == "setup" {
            session.setup_intent =
                Some(book.new_setup(&session, params.setup_intent_data.metadata));
        }
        let object = render::plain(&session);
        book.sessions.insert(id, session);
        render::expanded(book, object, &params.expand).map(Reply::ok)
    })
}

/// What is paid for on a page.
async fn line_items(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Answer {
    let query: ListQuery = form::read(query.unwrap_or_default().as_bytes())?;
    let book = sandbox.book();
    visible(&book, "cs_test_", "checkout.session", &id, account(&headers))?;
    let items = book.line_items.get(&id).into_iter().flatten();
    let listed = items.map(|item| (&item.id, item)).collect();
    page_of(&book, &query, &format!("/v1/checkout/sessions/{id}/line_items"), listed).map(Json)
}

async fn expire_session(
    State(sandbox): State<SandboxStripe>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, &format!("checkout/sessions/{id}/expire"), &headers, &body, |book, now| {
        let OnlyExpand { expand } = form::read(&body)?;
        visible(book, "cs_test_", "checkout.session", &id, account(&headers))?;
        book.expire(&id, now)?;
        let object = visible(book, "cs_test_", "checkout.session", &id, account(&headers))?;
        render::expanded(book, object, &expand).map(Reply::ok)
    })
}

async fn create_refund(
    State(sandbox): State<SandboxStripe>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    once(&sandbox, "refunds", &headers, &body, |book, now| {
        let params: NewRefund = form::read(&body)?;
        params.check()?;
        let charge = match (&params.payment_intent, &params.charge) {
            (Some(id), None) => {
                let intent = visible(book, "pi_", "payment_intent", id, account(&headers))?;
                let untried =
                    || Problem::invalid("The payment does not have a successful charge to refund.");
                intent["latest_charge"].as_str().map(str::to_owned).ok_or_else(untried)?
            }
            (None, Some(id)) => {
                visible(book, "ch_", "charge", id, account(&headers))?;
                id.clone()
            }
            _ => {
                let message = "One of payment_intent and charge must be given.";
                return Err(Problem::invalid(message).with_code("parameter_missing"));
            }
        };
        let done = book.refund(&charge, params.amount, params.reason, params.metadata, now)?;
        let object = book.object(&done.object).unwrap_or_default();
        render::expanded(book, object, &params.expand).map(Reply::ok)
    })
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            // A method is only ever named by a parameter.
            ActError::Missing { kind: kind @ "PaymentMethod", id } => {
                Self::no_such(kind, &id, "payment_method")
            }
            ActError::Missing { kind, id } => Self::missing(kind, &id),
            ActError::NotNow { what, code } => Self::invalid(what).with_code(code),
        }
    }
}

/// Does a POST, at most once for each idempotency key; an answer that was kept is given again.
/// Requests that were refused are not kept, as Stripe keeps none that failed before they began.
pub(super) fn once(
    sandbox: &SandboxStripe,
    path: &str,
    headers: &HeaderMap,
    body: &[u8],
    run: impl FnOnce(&mut Book, i64) -> Result<Reply, Problem>,
) -> Response {
    let now = sandbox.now();
    let account = account(headers).unwrap_or_default();
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    if key.is_some_and(|key| key.is_empty() || MAX_IDEMPOTENCY_KEY_CHARS < key.len()) {
        return Problem::invalid("An idempotency key has 1 to 255 characters.").into_response();
    }
    let request = format!("{path}?{}", String::from_utf8_lossy(body));
    let slot = key.map(|key| format!("{account}/{key}")).filter(|_| !sandbox.faults().ignore_keys);
    let result = sandbox.change(|book| {
        let kept = slot.as_ref().and_then(|slot| book.answers.get(slot));
        if let (Some(kept), Some(key)) =
            (kept.filter(|kept| now < kept.at + IDEMPOTENCY_SECONDS), key)
        {
            return if kept.request == request {
                Ok((Reply::kept(kept), true))
            } else {
                Err(Problem::idempotency(key))
            };
        }
        let reply = run(book, now)?;
        if let Some(slot) = slot {
            let (answer, status) = (reply.body.clone(), reply.status.as_u16());
            book.answers.insert(slot, KeptAnswer { request, answer, status, at: now });
        }
        Ok((reply, false))
    });
    match result {
        Ok((Reply { status, body }, false)) => (status, Json(body)).into_response(),
        Ok((Reply { status, body }, true)) => {
            (status, [("idempotent-replayed", "true")], Json(body)).into_response()
        }
        Err(problem) => problem.into_response(),
    }
}

/// What a POST that was done is answered with.
pub(super) struct Reply {
    pub status: StatusCode,
    pub body: Value,
}

impl Reply {
    pub fn ok(body: Value) -> Self {
        Self { status: StatusCode::OK, body }
    }

    fn kept(kept: &KeptAnswer) -> Self {
        let status = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
        Self { status, body: kept.answer.clone() }
    }
}

/// One handler for each kind of list, with the filters that it takes.
macro_rules! list {
    ($($name:ident: $path:literal $objects:ident $kind:ty, $is_listed:expr;)*) => {$(
        async fn $name(
            State(sandbox): State<SandboxStripe>,
            RawQuery(query): RawQuery,
            headers: HeaderMap,
        ) -> Answer {
            let query: ListQuery = form::read(query.unwrap_or_default().as_bytes())?;
            let book = sandbox.book();
            let objects = book.$objects.iter().rev();
            let listed = objects.filter(|(id, object)| {
                let is_listed: fn(&$kind, &ListQuery) -> bool = $is_listed;
                let is_here = book.account(id) == account(&headers);
                is_here && query.covers(object.created) && is_listed(object, &query)
            });
            page_of(&book, &query, concat!("/v1/", $path), listed.collect()).map(Json)
        }
    )*};
}

list! {
    list_sessions: "checkout/sessions" sessions Session, |session, query| {
        query.payment_intent.is_none() || session.payment_intent == query.payment_intent
    };
    list_intents: "payment_intents" intents Intent, |intent, query| {
        query.customer.is_none() || intent.customer == query.customer
    };
    list_customers: "customers" customers Customer, |customer, query| {
        query.email.is_none() || customer.email == query.email
    };
    list_setups: "setup_intents" setups SetupIntent, |setup, query| {
        query.customer.is_none() || setup.customer == query.customer
    };
    list_charges: "charges" charges Charge, |charge, query| {
        is_asked(&query.payment_intent, &charge.payment_intent)
    };
    list_refunds: "refunds" refunds Refund, |refund, query| {
        is_asked(&query.payment_intent, &refund.payment_intent) && is_asked(&query.charge, &refund.charge)
    };
    list_disputes: "disputes" disputes Dispute, |dispute, query| {
        is_asked(&query.payment_intent, &dispute.payment_intent) && is_asked(&query.charge, &dispute.charge)
    };
    list_events: "events" events Event, |event, query| {
        let is_delivered = event.pending_webhooks == 0;
        is_asked(&query.r#type, &event.r#type)
            && (query.types.is_empty() || query.types.contains(&event.r#type))
            && query.delivery_success.is_none_or(|asked| asked == is_delivered)
    };
}

fn is_asked(asked: &Option<String>, value: &str) -> bool {
    asked.as_deref().is_none_or(|asked| asked == value)
}

/// A page of a list that is newest first.
pub(super) fn page_of<T: Serialize>(
    book: &Book,
    query: &ListQuery,
    url: &str,
    mut all: Vec<(&String, &T)>,
) -> Result<Value, Problem> {
    query.check()?;
    let limit = query.limit.unwrap_or(DEFAULT_PAGE);
    if !(1..=MAX_PAGE).contains(&limit) {
        return Err(Problem::parameter("limit", format!("It must be 1 to {MAX_PAGE}.")));
    }
    let limit = limit as usize;
    let place = |id: &String| {
        let place = all.iter().position(|(listed, _)| *listed == id);
        place.ok_or_else(|| Problem::missing("object", id))
    };
    let has_more = match (&query.starting_after, &query.ending_before) {
        (Some(_), Some(_)) => {
            return Err(Problem::invalid(
                "Only one of starting_after and ending_before can be given.",
            ));
        }
        (Some(id), None) => {
            all.drain(..=place(id)?);
            limit < all.len()
        }
        // The page that ends just before that object.
        (None, Some(id)) => {
            all.truncate(place(id)?);
            let newer = all.len().saturating_sub(limit);
            all.drain(..newer);
            0 < newer
        }
        (None, None) => limit < all.len(),
    };
    all.truncate(limit);
    let expand: Result<Vec<_>, _> = query
        .expand
        .iter()
        .map(|path| path.strip_prefix("data.").map(str::to_owned).ok_or(path))
        .collect();
    let expand = expand.map_err(|path| {
        Problem::parameter("expand", format!("A list expands only data, not {path}."))
    })?;
    let shown = |(_, object)| render::expanded(book, render::plain(object), &expand);
    let data: Vec<_> = all.into_iter().map(shown).collect::<Result<_, _>>()?;
    Ok(json!({"object": "list", "data": data, "has_more": has_more, "url": url}))
}
