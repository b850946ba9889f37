//! `POST /webhooks/{gateway}/{endpoint}`: a gateway tells that something happened to a payment.
//!
//! The body is taken as raw bytes, for these were signed. An answer of 200 means that the news is safe with
//! us, not that it was applied; any other makes the gateway deliver again (Stripe, over three days):
//!
//! | answer | when |
//! |---|---|
//! | 200 | kept, done with, known before, or about nothing that we follow |
//! | 400 | genuine, but no event as we know them |
//! | 401 | not authentic: forged, changed, or signed too long ago |
//! | 404 | no such gateway or endpoint |
//! | 409 | a live event at an endpoint for tests |
//! | 413 | larger than 1 MiB |
//! | 503 | can't be checked or kept now |

use std::sync::Arc;

use axum::extract::{Request, State as Shared};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use platform::clock::Clock;
use platform::config::Stage;
use platform::metrics::Metrics;
use serde::Serialize;
use services::http::{Ids, Problem, ProblemKind, read_body};
use services::webhook::{Delivery, MAX_BODY_BYTES, TakeError, Taken, Webhooks};
use utoipa::ToSchema;
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Where gateways sign, for whoever wonders why a delivery was refused.
const SIGNATURES: [(&str, &str); 3] = [
    ("stripe", "Stripe-Signature"),
    ("square", "x-square-hmacsha256-signature"),
    ("paypal", "PAYPAL-TRANSMISSION-SIG"),
];

/// What the function needs.
#[derive(Clone)]
pub struct State {
    webhooks: Arc<Webhooks>,
    clock: Arc<dyn Clock>,
    stage: Stage,
}

impl State {
    /// The clock is the machine's: gateways sign with theirs.
    pub fn new(webhooks: Arc<Webhooks>, clock: Arc<dyn Clock>, stage: Stage) -> Self {
        Self { webhooks, clock, stage }
    }
}

/// The function's routes.
pub fn router(state: State) -> Router {
    let router = routes().split_for_parts().0;
    let nothing = async || Problem::not_found("address");
    let other =
        async || Problem::new(ProblemKind::MethodNotAllowed, "a webhook is posted to this address");
    router.fallback(nothing).method_not_allowed_fallback(other).with_state(state)
}

/// The function's part of the OpenAPI document.
pub fn openapi() -> OpenApi {
    routes().split_for_parts().1
}

fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new().routes(routes!(take))
}

/// What a gateway is told; it reads the status only.
#[derive(Debug, Serialize, ToSchema)]
struct Received {
    /// What became of it, for people who try.
    outcome: &'static str,
}

/// A gateway's news.
///
/// Signed by the gateway over the raw body, each in headers of its own; LawPay and CPACharge don't sign, and
/// are asked for the event. The payment that it points to is read back from the gateway before anything is done.
#[utoipa::path(
    post,
    path = "/webhooks/{gateway}/{endpoint}",
    tag = "webhooks",
    params(
        ("gateway" = String, Path, description = "The gateway: stripe, square, paypal, lawpay or cpacharge"),
        ("endpoint" = String, Path, description = "The endpoint's id, as it was made"),
    ),
    request_body(content = String, content_type = "application/json"),
    responses((status = 200, description = "Safe with us, or of no concern", body = Received)),
    security(()),
)]
async fn take(
    Shared(state): Shared<State>,
    Ids((gateway, endpoint)): Ids<(String, String)>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = match read_body(&parts.headers, body, MAX_BODY_BYTES).await {
        Ok(body) => body,
        Err(problem) => return state.refuse("too_large", problem),
    };
    let (gateway, endpoint) = (gateway.as_str(), endpoint.as_str());
    let delivery = Delivery { gateway, endpoint, headers: &parts.headers, body: &body };
    match state.webhooks.take(&delivery, state.clock.now()).await {
        Ok(taken) => state.acknowledge(taken),
        Err(error) => {
            let (name, problem) = problem(error, gateway);
            state.refuse(name, problem)
        }
    }
}

impl State {
    fn acknowledge(&self, taken: Taken) -> Response {
        let is_alarming = matches!(taken, Taken::Finished(outcome) if outcome.is_alarming());
        self.count(taken.as_str(), is_alarming);
        Json(Received { outcome: taken.as_str() }).into_response()
    }

    fn refuse(&self, outcome: &'static str, problem: Problem) -> Response {
        let is_alarming = matches!(problem.kind, ProblemKind::Malformed | ProblemKind::Conflict);
        self.count(outcome, is_alarming || problem.kind == ProblemKind::Busy);
        problem.into_response()
    }

    fn count(&self, outcome: &'static str, is_alarming: bool) {
        let metrics = Metrics::of(self.stage.as_str(), "payment-webhook").by("outcome", outcome);
        let metrics = metrics.count("webhooks", 1).count("alarms", u64::from(is_alarming));
        metrics.emit(&*self.clock);
    }
}

/// What the sender is told: enough to find a mistake of its own, nothing of our insides.
fn problem(error: TakeError, gateway: &str) -> (&'static str, Problem) {
    match &error {
        TakeError::NotFound => ("no_endpoint", Problem::not_found("webhook endpoint")),
        TakeError::NotAuthentic(_) => {
            let problem = Problem::new(ProblemKind::Unauthorized, error.to_string());
            let signed = SIGNATURES.iter().find(|(name, _)| *name == gateway);
            let problem = match signed {
                Some((_, header)) => problem.of(*header),
                None => problem,
            };
            ("not_authentic", problem)
        }
        TakeError::NotNow(_) => ("not_now", Problem::busy(&error)),
        TakeError::NotConfigured(_) => ("not_configured", Problem::busy(&error)),
        TakeError::Body { .. } => ("malformed", Problem::malformed(error.to_string())),
        TakeError::OtherMode => {
            ("other_mode", Problem::new(ProblemKind::Conflict, error.to_string()))
        }
        TakeError::Store(_) => ("not_kept", Problem::busy(&error)),
    }
}
