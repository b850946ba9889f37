//! What the table's stream tells, as a function behind it.
//!
//! It has two halves, and does those that it was given something for: the fast path hands on what became ready a
//! moment ago ([`services::sweep::fast`]); the other publishes each commit record's events and archives its bytes
//! ([`services::archive`]). A stream holds back everything behind a record that fails, so only what may work later
//! fails, each record is tried although one before it failed, and trying one again changes nothing. What fails
//! until the stream gives it up is a gap that the chain's next record fills. By a schedule it closes the days of
//! the archive.

mod batch;

use std::sync::Arc;

use aws_lambda_events::event::eventbridge::EventBridgeEvent;
use aws_lambda_events::event::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use chrono::{DateTime, TimeDelta, Utc};
use futures::StreamExt;
use platform::archive::ArchiveError;
use platform::clock::Clock;
use platform::config::Stage;
use platform::log::chain;
use platform::metrics::Metrics;
use serde_json::{Value, json};
use services::archive::day::Heads;
use services::archive::{Archivist, Kept};
use services::sweep::fast::{FastPath, HandedOn};

use batch::{Batch, Group};

/// How many chains are archived at the same time: they wait for S3, not for this machine.
const AT_ONCE: usize = 8;

/// A record that is begun takes at most this long: an answer of the bus or the archive at its slowest, and the
/// batch's own note after it.
const LONGEST_RECORD: TimeDelta = TimeDelta::seconds(15);

/// What the function needs.
pub struct State {
    fast: Option<FastPath>,
    archivist: Option<Archivist>,
    clock: Arc<dyn Clock>,
    stage: Stage,
}

impl State {
    /// With the halves that it is to do.
    pub fn new(
        fast: Option<FastPath>,
        archivist: Option<Archivist>,
        clock: Arc<dyn Clock>,
        stage: Stage,
    ) -> Self {
        Self { fast, archivist, clock, stage }
    }
}

/// Why an event was not carried out at all.
#[derive(Debug, thiserror::Error)]
pub enum EventError {
    /// Not what this function is called with.
    #[error("the event is neither of a table's stream nor of a schedule: expected {expected}")]
    Unexpected {
        /// What it should have said.
        expected: &'static str,
    },
    /// A schedule came to a function that has no archive.
    #[error("this function has no archive whose days it could close")]
    NoArchive,
    /// The archive.
    #[error("the archive's days can't be closed")]
    Archive(#[from] ArchiveError),
}

/// Carries out a batch of the stream, or a tick of the schedule.
///
/// # Errors
/// [`EventError`]; a record that failed is named in the answer.
pub async fn handle(
    state: &State,
    event: Value,
    deadline: DateTime<Utc>,
) -> Result<Value, EventError> {
    if event.get("Records").is_some() {
        let batch = Batch::read(event)?;
        return Ok(json!(carry_out(state, batch, deadline).await));
    }
    let expected = "Records, or the detail-type Scheduled Event";
    let event: EventBridgeEvent =
        serde_json::from_value(event).map_err(|_| EventError::Unexpected { expected })?;
    if (event.source.as_str(), event.detail_type.as_str()) != ("aws.events", "Scheduled Event") {
        return Err(EventError::Unexpected { expected });
    }
    let archivist = state.archivist.as_ref().ok_or(EventError::NoArchive)?;
    let closed = archivist.close_days(deadline - LONGEST_RECORD).await?;
    metrics(state).count("closed_days", closed).emit(&*state.clock);
    Ok(json!({"closed_days": closed}))
}

async fn carry_out(state: &State, batch: Batch, deadline: DateTime<Utc>) -> DynamoDbEventResponse {
    let Batch { ready, groups, mut failed, touched } = batch;
    let mut metrics = metrics(state);
    if let Some(fast) = &state.fast {
        let HandedOn { handed_on, left } = fast.hand_on(ready).await;
        metrics = metrics.count("handed_on", handed_on).count("left", left);
    }
    if let Some(archivist) = &state.archivist {
        let kept = archive(archivist, groups, &mut failed, deadline - LONGEST_RECORD).await;
        metrics = metrics
            .count("archived", kept.new)
            .count("refilled", kept.refilled)
            .count("failed", failed.len() as u64)
            .count("alarms", kept.lost + touched);
    } else {
        // Nobody here wants the records; what can't be read is for the half that does.
        failed.clear();
    }
    metrics.emit(&*state.clock);
    answer(failed)
}

/// Archives what came of each chain.
async fn archive(
    archivist: &Archivist,
    groups: Vec<Group>,
    failed: &mut Vec<(usize, String)>,
    deadline: DateTime<Utc>,
) -> Kept {
    let first = groups.iter().flat_map(|group| &group.names).min().cloned();
    let work = futures::stream::iter(groups).map(|group| async move {
        let mut heads = Heads::default();
        // Boxed: a batch's futures are more than the compiler nests.
        let kept = Box::pin(archivist.keep(&group.records, &mut heads, deadline)).await;
        (group, heads, kept)
    });
    let mut work = work.buffer_unordered(AT_ONCE);
    let (mut all, mut kept) = (Heads::default(), Kept::default());
    while let Some((group, heads, (of_group, failures))) = work.next().await {
        kept += of_group;
        all.extend(heads);
        for (place, error) in failures {
            let (place, name) = group.names[place].clone();
            tracing::error!(stream.sequence = %name, "Could not keep record {name}: {}", chain(&error));
            failed.push((place, name));
        }
    }
    if let (Err(error), Some(first)) = (archivist.note(&all).await, first) {
        tracing::error!("Could not note how far the archive came: {}", chain(&error));
        failed.push(first);
    }
    kept
}

/// Lambda goes on from the first that failed; those after it come again as well.
fn answer(failed: Vec<(usize, String)>) -> DynamoDbEventResponse {
    let mut response = DynamoDbEventResponse::default();
    if let Some((_, name)) = failed.into_iter().min() {
        let mut failure = DynamoDbBatchItemFailure::default();
        failure.item_identifier = Some(name);
        response.batch_item_failures.push(failure);
    }
    response
}

fn metrics(state: &State) -> Metrics {
    Metrics::of(state.stage.as_str(), "audit-stream")
}
