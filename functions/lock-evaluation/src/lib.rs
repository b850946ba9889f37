//! The day at each firm, as one function with two triggers (EVAL-1, EVAL-3).
//!
//! Every 15 minutes the schedule asks whose day has begun and hands on the shards that have somebody due;
//! the queue brings these back, and then the clients, ten a message. Which of the two an event is shows in
//! its shape. What is done about each is in [`services::day`].

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, Utc};
use platform::batch::each_message;
use platform::clock::Clock;
use platform::config::Stage;
use platform::metrics::Metrics;
use platform::queue::Queue;
use serde::Serialize;
use serde_json::Value;
use services::day::{DayError, Days, Tick};
use services::firms::Firms;
use store::Dynamo;

/// What the function needs.
#[derive(Clone)]
pub struct State {
    /// The day's work.
    pub days: Days,
    /// Which deployment this is.
    pub stage: Stage,
}

/// What the function answers.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answer {
    /// To the schedule.
    Tick(Tick),
    /// To the queue: which messages come again.
    Batch(SqsBatchResponse),
}

/// Why an event could not be handled.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Neither of the two.
    #[error("the event is neither the schedule's (source aws.events) nor a queue's (Records)")]
    Unknown,
    /// A queue's, but not as queues make them.
    #[error("the event's Records are not those of a queue")]
    Records,
    /// The firms could not be asked for.
    #[error("could not begin the day")]
    Day(#[from] DayError),
}

impl State {
    /// On that table, with the queue of evaluations.
    pub fn new(dynamo: Dynamo, queue: Arc<dyn Queue>, clock: Arc<dyn Clock>, stage: Stage) -> Self {
        Self { days: Days { dynamo, queue, clock }, stage }
    }
}

/// Handles an event of either trigger; `deadline` is the function's time limit.
///
/// # Errors
/// [`EventError`]; a message that fails is named in the answer instead.
pub async fn handle(
    state: &State,
    event: Value,
    deadline: DateTime<Utc>,
) -> Result<Answer, EventError> {
    if event.get("Records").is_some() {
        // serde_json's own errors quote what they read, which may be personal (SEC-5).
        let event = serde_json::from_value(event).map_err(|_| EventError::Records)?;
        return Ok(Answer::Batch(batch(state, event, deadline).await));
    }
    if event.get("source").and_then(Value::as_str) == Some("aws.events") {
        return Ok(Answer::Tick(tick(state, deadline).await?));
    }
    Err(EventError::Unknown)
}

/// Begins the day of each firm whose day has begun.
///
/// # Errors
/// When the firms can't be asked for.
pub async fn tick(state: &State, deadline: DateTime<Utc>) -> Result<Tick, DayError> {
    let tick = state.days.tick(deadline).await?;
    metrics(state.stage, tick).emit(&*state.days.clock);
    Ok(tick)
}

/// What the alarm "evaluation behind" of `template.yaml` reads, under these names. A tick that had nothing to
/// do is told as well: no news would mean that nobody asks whose day has begun.
fn metrics(stage: Stage, tick: Tick) -> Metrics {
    Metrics::of(stage.as_str(), "lock-evaluation")
        .count("firms", tick.firms.into())
        .count("shards", tick.shards.into())
        .count("behind", u64::from(tick.failed) + u64::from(tick.left) + u64::from(tick.late))
}

/// Does what each message says; the firms of one batch are read once.
pub async fn batch(state: &State, event: SqsEvent, deadline: DateTime<Utc>) -> SqsBatchResponse {
    let firms = Firms::new(state.days.dynamo.clone());
    // Boxed: the futures of a whole batch, evaluation and commit are more than the compiler nests.
    each_message(event, |received| Box::pin(state.days.handle(&firms, received.message, deadline)))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eval_3_a_firm_that_failed_was_left_or_is_late_is_behind() {
        let number = |tick| metrics(Stage::Staging, tick).number("behind");
        let tick = Tick { firms: 9, shards: 9, ..Tick::default() };
        assert_eq!(number(tick), Some(0), "told as well: no news is an alarm");
        assert_eq!(number(Tick { failed: 1, left: 2, late: 4, ..tick }), Some(7));
    }
}
