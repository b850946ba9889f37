//! Steering the sandbox over HTTP: what a payer's browser, a bank and bad luck would do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::calendar::Day;
use gateways::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::render::plain;
use super::{Act, ActError, BankNews, Delivery, Done, SandboxStripe};
use crate::faults::Faults;

/// Everything under `/sandbox/stripe`.
pub fn router(sandbox: &SandboxStripe) -> Router {
    Router::new()
        .route("/sandbox/stripe", get(show))
        .route("/sandbox/stripe/acts", post(act))
        .route("/sandbox/stripe/faults", get(faults).put(set_faults))
        .route("/sandbox/stripe/day", post(day))
        .route("/sandbox/stripe/deliveries", post(deliveries))
        .route("/sandbox/stripe/deliveries/{event}/taken", post(taken))
        .with_state(sandbox.clone())
}

async fn show(State(sandbox): State<SandboxStripe>) -> Json<Value> {
    let book = sandbox.book();
    let undelivered = book.events.values().filter(|event| 0 < event.pending_webhooks).count();
    let disputes: Vec<_> = book.disputes.values().map(plain).collect();
    let payments: Vec<_> = book.intents.values().map(plain).collect();
    let refunds: Vec<_> = book.refunds.values().map(plain).collect();
    let sessions: Vec<_> = book.sessions.values().map(plain).collect();
    drop(book);
    Json(json!({
        "disputes": disputes, "faults": *sandbox.faults(), "payments": payments,
        "refunds": refunds, "sessions": sessions, "undelivered": undelivered,
    }))
}

async fn act(
    State(sandbox): State<SandboxStripe>,
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

async fn faults(State(sandbox): State<SandboxStripe>) -> Json<Faults> {
    Json(sandbox.faults().clone())
}

async fn set_faults(
    State(sandbox): State<SandboxStripe>,
    Json(faults): Json<Faults>,
) -> Json<Faults> {
    sandbox.set_faults(faults.clone());
    Json(faults)
}

/// Which day it is at the firm.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginDay {
    /// The day that begins.
    pub day: Day,
}

async fn day(
    State(sandbox): State<SandboxStripe>,
    Json(BeginDay { day }): Json<BeginDay>,
) -> Json<Vec<BankNews>> {
    Json(sandbox.begin_day(day).await)
}

/// Which endpoint's secret to sign with.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignWith {
    secret: String,
}

async fn deliveries(
    State(sandbox): State<SandboxStripe>,
    Json(SignWith { secret }): Json<SignWith>,
) -> Json<Vec<Delivery>> {
    Json(sandbox.deliveries(&Secret::from(secret)))
}

async fn taken(State(sandbox): State<SandboxStripe>, Path(event): Path<String>) -> StatusCode {
    if sandbox.taken(&event) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
