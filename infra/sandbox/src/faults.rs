//! What can go wrong on the way to a gateway and back.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

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
    /// Idempotency keys do nothing, as if they had all died.
    pub ignore_keys: bool,
    /// Every webhook is delivered twice.
    pub deliver_twice: bool,
    /// Webhooks are delivered newest first.
    pub deliver_backwards: bool,
    /// So many further webhooks are never delivered.
    pub drop_webhooks: u32,
    /// So many further webhooks are delivered with a byte of the body changed.
    pub corrupt_webhooks: u32,
}

/// The faults of one sandbox, shared by its clones.
#[derive(Debug, Clone, Default)]
pub struct SharedFaults(Arc<Mutex<Faults>>);

impl SharedFaults {
    /// To read or change them.
    pub fn lock(&self) -> MutexGuard<'_, Faults> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn loses_an_answer(&self) -> bool {
        take_one(&mut self.lock().lose_answers)
    }
}

/// Takes one off a count of faults to come; whether there was one.
pub(crate) fn take_one(count: &mut u32) -> bool {
    let is_one = 0 < *count;
    *count = count.saturating_sub(1);
    is_one
}

/// Stands in front of a gateway's API: `axum::middleware::from_fn_with_state(faults, layer)`.
pub async fn layer(State(faults): State<SharedFaults>, request: Request, next: Next) -> Response {
    let (is_down, slow_ms) = {
        let faults = faults.lock();
        (faults.down, faults.slow_ms)
    };
    if 0 < slow_ms {
        tokio::time::sleep(Duration::from_millis(slow_ms)).await;
    }
    if is_down {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let response = next.run(request).await;
    if faults.loses_an_answer() {
        let broken = Err::<Bytes, _>(io::Error::from(io::ErrorKind::ConnectionReset));
        return Response::new(Body::from_stream(futures::stream::iter([broken])));
    }
    response
}
