//! What is done by the clock and not by the day: every minute the outbox is swept.

use std::sync::Arc;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use platform::clock::Clock;
use platform::config::Stage;
use platform::metrics::{Metrics, Unit};
use serde_json::Value;
use services::sweep::{Sweeper, Swept};
use store::StoreError;

/// What the function needs.
pub struct State {
    sweeper: Sweeper,
    clock: Arc<dyn Clock>,
    stage: Stage,
}

impl State {
    /// The clock is the machine's; test firms' own clocks are asked where something is done for them.
    pub fn new(sweeper: Sweeper, clock: Arc<dyn Clock>, stage: Stage) -> Self {
        Self { sweeper, clock, stage }
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
    /// The outbox can't be read.
    #[error("the outbox can't be read")]
    Store(#[from] StoreError),
}

/// Carries out a tick of the schedule.
///
/// # Errors
/// [`EventError`]; the next tick tries again.
pub async fn handle(state: &State, event: Value) -> Result<Swept, EventError> {
    let expected = "source and detail-type";
    let event: EventBridgeEvent =
        serde_json::from_value(event).map_err(|_| EventError::Unexpected { expected })?;
    if (event.source.as_str(), event.detail_type.as_str()) != ("aws.events", "Scheduled Event") {
        let expected = "the source aws.events and the detail-type Scheduled Event";
        return Err(EventError::Unexpected { expected });
    }
    sweep(state).await.map_err(Into::into)
}

/// Sweeps the outbox once.
///
/// # Errors
/// When it can't be read at all.
pub async fn sweep(state: &State) -> Result<Swept, StoreError> {
    let swept = state.sweeper.sweep().await?;
    metrics(state.stage, swept).emit(&*state.clock);
    Ok(swept)
}

/// What alarms and the dashboard of `template.yaml` read, under these names. A sweep that had nothing to do
/// is told as well: no news would mean that nobody sweeps.
fn metrics(stage: Stage, swept: Swept) -> Metrics {
    Metrics::of(stage.as_str(), "jobs")
        .count("swept_webhooks", swept.webhooks)
        .count("put_off", swept.put_off)
        .count("handed_on_letters", swept.letters)
        .count("stuck_letters", swept.stuck)
        .count("handed_on_rollouts", swept.rollouts)
        .count("failed", swept.failed)
        .count("alarms", swept.alarming + swept.unreadable)
        .with("outbox_age", Unit::Seconds, swept.oldest_seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_of_the_outbox_and_what_is_stuck_are_told_in_every_sweep() {
        let idle = metrics(Stage::Staging, Swept::default());
        let busy =
            Swept { oldest_seconds: 901, stuck: 2, alarming: 1, unreadable: 3, ..Swept::default() };
        let busy = metrics(Stage::Staging, busy);
        for (name, number) in [("outbox_age", 901), ("stuck_letters", 2), ("alarms", 4)] {
            assert_eq!((idle.number(name), busy.number(name)), (Some(0), Some(number)), "{name}");
        }
    }
}
