//! Steering the sandbox over HTTP: what a payer's browser, a bank and bad luck would do.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::{Act, ActError, Done, SandboxPayPal};
use crate::faults::Faults;

/// Everything under `/sandbox/paypal`.
pub fn router(sandbox: &SandboxPayPal) -> Router {
    Router::new()
        .route("/sandbox/paypal", get(show))
        .route("/sandbox/paypal/acts", post(act))
        .route("/sandbox/paypal/faults", get(faults).put(set_faults))
        .route("/sandbox/paypal/deliveries/{event}/taken", post(taken))
        .with_state(sandbox.clone())
}

async fn show(State(sandbox): State<SandboxPayPal>) -> Json<Value> {
    let book = sandbox.book();
    let undelivered = book.outbox.0.iter().filter(|news| !news.is_taken).count();
    let orders: Vec<_> = book.orders.keys().filter_map(|id| book.show_order(id, "")).collect();
    let disputes: Vec<_> = book.disputes.keys().filter_map(|id| book.show_dispute(id)).collect();
    drop(book);
    Json(json!({
        "orders": orders, "disputes": disputes, "faults": *sandbox.faults(),
        "undelivered": undelivered,
    }))
}

async fn act(
    State(sandbox): State<SandboxPayPal>,
    Json(act): Json<Act>,
) -> Result<Json<Done>, ActError> {
    sandbox.act(act).map(Json)
}

impl IntoResponse for ActError {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Missing => StatusCode::NOT_FOUND,
            Self::NotNow(_) => StatusCode::CONFLICT,
        };
        let body = json!({"title": self.to_string(), "status": status.as_u16()});
        (status, Json(body)).into_response()
    }
}

async fn faults(State(sandbox): State<SandboxPayPal>) -> Json<Faults> {
    Json(sandbox.faults().clone())
}

async fn set_faults(
    State(sandbox): State<SandboxPayPal>,
    Json(faults): Json<Faults>,
) -> Json<Faults> {
    sandbox.set_faults(faults.clone());
    Json(faults)
}

async fn taken(State(sandbox): State<SandboxPayPal>, Path(event): Path<String>) -> StatusCode {
    if sandbox.taken(&event) { StatusCode::NO_CONTENT } else { StatusCode::NOT_FOUND }
}
