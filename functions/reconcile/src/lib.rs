//! What webhooks lost, by the clock: each endpoint's turn comes once a day.

use std::sync::Arc;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use platform::config::Stage;
use platform::metrics::Metrics;
use serde_json::Value;
use services::reconcile::{Reconciler, Tick};
use store::StoreError;

/// What the function needs.
pub struct State {
    reconciler: Reconciler,
    clock: Arc<dyn Clock>,
    stage: Stage,
}

impl State {
    /// The clock is the machine's, as the gateways' are.
    pub fn new(reconciler: Reconciler, clock: Arc<dyn Clock>, stage: Stage) -> Self {
        Self { reconciler, clock, stage }
    }
}

/// Why an event was not carried out.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not what this function is called with.
    #[error("the event is not one of EventBridge's schedule: expected {expected}")]
    Unexpected {
        /// What it should have said.
        expected: &'static str,
    },
    /// Nobody can say whose turn it is.
    #[error("the table can't be asked whose turn it is")]
    Store(#[from] StoreError),
}

/// Carries out a tick of the schedule.
///
/// # Errors
/// [`EventError`]; the next tick tries again.
pub async fn handle(
    state: &State,
    event: Value,
    deadline: DateTime<Utc>,
) -> Result<Tick, EventError> {
    let expected = "source and detail-type";
    let event: EventBridgeEvent =
        serde_json::from_value(event).map_err(|_| EventError::Unexpected { expected })?;
    if (event.source.as_str(), event.detail_type.as_str()) != ("aws.events", "Scheduled Event") {
        let expected = "the source aws.events and the detail-type Scheduled Event";
        return Err(EventError::Unexpected { expected });
    }
    tick(state, deadline).await.map_err(Into::into)
}

/// Goes on with every endpoint whose turn it is.
///
/// # Errors
/// When nobody can say whose it is.
pub async fn tick(state: &State, deadline: DateTime<Utc>) -> Result<Tick, StoreError> {
    let tick = state.reconciler.tick(deadline).await?;
    metrics(state.stage, &tick).emit(&*state.clock);
    Ok(tick)
}

/// What alarms and the dashboard of `template.yaml` read, under these names. A tick that found nobody's turn is
/// told as well: no news would mean that nobody looks.
fn metrics(stage: Stage, tick: &Tick) -> Metrics {
    Metrics::of(stage.as_str(), "reconcile")
        .count("whole", tick.whole)
        .count("unfinished", tick.unfinished)
        .count("troubled", tick.troubled)
        .count("failed", tick.failed)
        .count("healed", tick.healed)
        .count("differs", tick.differ + tick.unreadable)
        .count("unclaimed", tick.unclaimed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_told_in_every_tick() {
        let idle = metrics(Stage::Staging, &Tick::default());
        let busy = Tick { differ: 2, unreadable: 1, healed: 4, troubled: 5, ..Tick::default() };
        let busy = metrics(Stage::Staging, &busy);
        for (name, number) in [("differs", 3), ("healed", 4), ("troubled", 5), ("whole", 0)] {
            assert_eq!((idle.number(name), busy.number(name)), (Some(0), Some(number)), "{name}");
        }
    }
}
