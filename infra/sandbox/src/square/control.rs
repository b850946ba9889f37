//! Steering the sandbox over HTTP: what a payer's browser, a bank and bad luck would do.

use std::collections::BTreeMap;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::calendar::Day;
use gateways::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActError, BankNews, Done, Endpoint, SandboxSquare};
use crate::faults::Faults;

/// Everything under `/sandbox/square`.
pub fn router(sandbox: &SandboxSquare) -> Router {
    Router::new()
        .route("/sandbox/square", get(show))
        .route("/sandbox/square/acts", post(act))
        .route("/sandbox/square/faults", get(faults).put(set_faults))
        .route("/sandbox/square/day", post(day))
        .route("/sandbox/square/deliveries", post(deliveries))
        .route("/sandbox/square/deliveries/{event}/taken", post(taken))
        .with_state(sandbox.clone())
}

async fn show(State(sandbox): State<SandboxSquare>) -> Json<Value> {
    let book = sandbox.book();
    let undelivered = book.outbox.0.iter().filter(|news| !news.is_taken).count();
    let listed = |objects: &super::book::Objects| objects.values().cloned().collect::<Vec<_>>();
    let mut shown = json!({
        "cards": listed(&book.cards), "disputes": listed(&book.disputes),
        "links": listed(&book.links), "orders": listed(&book.orders),
        "payments": listed(&book.payments), "refunds": listed(&book.refunds),
        "undelivered": undelivered,
    });
    drop(book);
    shown["faults"] = json!(*sandbox.faults());
    Json(shown)
}

async fn act(
    State(sandbox): State<SandboxSquare>,
    Json(act): Json<Act>,
) -> Result<Json<Done>, ActError> {
    sandbox.act(act).map(Json)
}

impl IntoResponse for ActError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Missing { .. } => StatusCode::NOT_FOUND,
            Self::NotNow { .. } => StatusCode::CONFLICT,
        };
        (status, Json(json!({"title": self.to_string(), "status": status.as_u16()})))
            .into_response()
    }
}

async fn faults(State(sandbox): State<SandboxSquare>) -> Json<Faults> {
    Json(sandbox.faults().clone())
}

async fn set_faults(
    State(sandbox): State<SandboxSquare>,
    Json(faults): Json<Faults>,
) -> Json<Faults> {
    sandbox.set_faults(faults.clone());
    Json(faults)
}

/// Which day it is at the firm.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BeginDay {
    day: Day,
}

async fn day(
    State(sandbox): State<SandboxSquare>,
    Json(BeginDay { day }): Json<BeginDay>,
) -> Json<Vec<BankNews>> {
    Json(sandbox.begin_day(day).await)
}

/// Which endpoint to sign for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignFor {
    url: String,
    secret: String,
}

/// One attempt to deliver, as JSON.
#[derive(Serialize)]
struct Shown {
    event: String,
    headers: BTreeMap<String, String>,
    body: String,
}

async fn deliveries(
    State(sandbox): State<SandboxSquare>,
    Json(SignFor { url, secret }): Json<SignFor>,
) -> Json<Vec<Shown>> {
    let deliveries = sandbox.deliveries(&Endpoint { url, signing: Secret::from(secret) });
    let shown = deliveries.into_iter().map(|delivery| Shown {
        event: delivery.event,
        headers: delivery
            .headers
            .iter()
            .filter_map(|(name, value)| Some((name.to_string(), value.to_str().ok()?.to_owned())))
            .collect(),
        body: String::from_utf8_lossy(&delivery.body).into_owned(),
    });
    Json(shown.collect())
}

async fn taken(State(sandbox): State<SandboxSquare>, Path(event): Path<String>) -> StatusCode {
    if sandbox.taken(&event) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
