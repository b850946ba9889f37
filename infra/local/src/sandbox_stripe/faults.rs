//! What can go wrong on the way to Stripe and back.

use std::io;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::SandboxStripe;
use super::problem::Problem;

/// What goes wrong until told otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Every request is answered with 503, and nothing is done.
    pub down: bool,
    /// Every answer comes this much later.
    pub slow_ms: u64,
    /// So many further requests are done, and their answers break off.
    pub lose_answers: u32,
    /// Every webhook is delivered twice.
    pub deliver_twice: bool,
    /// Webhooks are delivered newest first.
    pub deliver_backwards: bool,
}

/// Stands in front of the API.
pub async fn layer(State(sandbox): State<SandboxStripe>, request: Request, next: Next) -> Response {
    let faults = sandbox.faults().clone();
    if 0 < faults.slow_ms {
        tokio::time::sleep(Duration::from_millis(faults.slow_ms)).await;
    }
    if faults.down {
        return Problem::down().into_response();
    }
    let response = next.run(request).await;
    if take_one(&sandbox) {
        return Response::new(Body::from_stream(futures::stream::iter([Err::<Bytes, _>(
            io::Error::from(io::ErrorKind::ConnectionReset),
        )])));
    }
    response
}

fn take_one(sandbox: &SandboxStripe) -> bool {
    let mut faults = sandbox.faults();
    let is_lost = 0 < faults.lose_answers;
    faults.lose_answers = faults.lose_answers.saturating_sub(1);
    is_lost
}
