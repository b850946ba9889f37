//! Steering the sandbox over HTTP: what a payer's browser, a bank and bad luck would do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use domain::calendar::Day;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Act, ActError, BankNews, Done, SandboxAffiniPay};
use crate::faults::Faults;

/// Everything beside the API.
pub fn router(sandbox: &SandboxAffiniPay) -> Router {
    Router::new()
        .route("/sandbox/affinipay", get(show))
        .route("/sandbox/affinipay/acts", post(act))
        .route("/sandbox/affinipay/faults", get(faults).put(set_faults))
        .route("/sandbox/affinipay/day", post(day))
        .route("/sandbox/affinipay/deliveries", post(deliveries))
        .route("/sandbox/affinipay/deliveries/{event}/taken", post(taken))
        .with_state(sandbox.clone())
}

async fn show(State(sandbox): State<SandboxAffiniPay>) -> Json<Value> {
    let book = sandbox.book();
    let undelivered = book.events.iter().filter(|event| !event.is_taken).count();
    let transactions: Vec<_> = book.transactions.keys().filter_map(|id| book.shown(id)).collect();
    let saved: Vec<_> = book.saved.iter().map(|(id, saved)| saved.shown(id)).collect();
    drop(book);
    Json(json!({
        "faults": *sandbox.faults(), "saved": saved, "transactions": transactions,
        "undelivered": undelivered,
    }))
}

async fn act(
    State(sandbox): State<SandboxAffiniPay>,
    Json(act): Json<Act>,
) -> Result<Json<Done>, ActError> {
    sandbox.act(act).map(Json)
}

impl IntoResponse for ActError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Missing { .. } => StatusCode::NOT_FOUND,
            Self::Refused { .. } => StatusCode::CONFLICT,
        };
        (status, Json(json!({"title": self.to_string(), "status": status.as_u16()})))
            .into_response()
    }
}

async fn faults(State(sandbox): State<SandboxAffiniPay>) -> Json<Faults> {
    Json(sandbox.faults().clone())
}

async fn set_faults(
    State(sandbox): State<SandboxAffiniPay>,
    Json(faults): Json<Faults>,
) -> Json<Faults> {
    sandbox.set_faults(faults.clone());
    Json(faults)
}

/// Which day it is at the firm.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BeginDay {
    /// The day that begins.
    pub day: Day,
}

async fn day(
    State(sandbox): State<SandboxAffiniPay>,
    Json(BeginDay { day }): Json<BeginDay>,
) -> Json<Vec<BankNews>> {
    Json(sandbox.begin_day(day).await)
}

/// One attempt to deliver: there is nothing to sign.
#[derive(Serialize)]
struct Shown {
    event: String,
    body: String,
}

async fn deliveries(State(sandbox): State<SandboxAffiniPay>) -> Json<Vec<Shown>> {
    let deliveries = sandbox.deliveries().into_iter().map(|delivery| Shown {
        event: delivery.event,
        body: String::from_utf8_lossy(&delivery.body).into_owned(),
    });
    Json(deliveries.collect())
}

async fn taken(State(sandbox): State<SandboxAffiniPay>, Path(event): Path<String>) -> StatusCode {
    if sandbox.taken(&event) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
