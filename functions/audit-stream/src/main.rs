//! Wires `audit-stream` to Lambda.
//!
//! What it is given says what it does: with the queues it is the fast path, with bus and archive the other half. In
//! the template these are two functions with the same code, each with a mapping and the rights of its half.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::bail;
use audit_stream::{State, handle};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use platform::archive::S3Archive;
use platform::aws::Aws;
use platform::bus::EventBridgeBus;
use platform::clock::{Clock, SystemClock, deadline};
use platform::config::{
    Config, Environment, archive_bucket, event_bus, optional_queue_url, variable,
};
use platform::log::{self, Format};
use platform::queue::SqsQueue;
use serde_json::Value;
use services::archive::Archivist;
use services::sweep::fast::FastPath;
use store::{Dynamo, Platform};

/// A batch under way; without its type, which is deeper than the runtime's layers have room for.
type Answer = Pin<Box<dyn Future<Output = Result<Value, Error>> + Send>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::begin(Format::Json)?;
    let state = Arc::new(state(&Environment::of_process())?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| -> Answer {
        let (state, deadline) = (state.clone(), deadline(event.context.deadline, &SystemClock));
        Box::pin(async move { Ok(handle(&state, event.payload, deadline).await?) })
    }))
    .await
}

fn state(environment: &Environment) -> anyhow::Result<State> {
    let config = Config::read(environment)?;
    let aws = Aws::new(&config.aws)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let letters = optional_queue_url(environment, variable::LETTERS_QUEUE_URL)?;
    let evaluations = optional_queue_url(environment, variable::EVALUATIONS_QUEUE_URL)?;
    let queue = |url| Arc::new(SqsQueue::new(aws.sqs(), url));
    let fast = match (letters, evaluations) {
        (Some(letters), Some(evaluations)) => Some(FastPath::new(
            Platform::new(dynamo.clone()),
            queue(letters),
            queue(evaluations),
            clock.clone(),
        )),
        (None, None) => None,
        (Some(_), None) => {
            bail!(without(variable::LETTERS_QUEUE_URL, variable::EVALUATIONS_QUEUE_URL))
        }
        (None, Some(_)) => {
            bail!(without(variable::EVALUATIONS_QUEUE_URL, variable::LETTERS_QUEUE_URL))
        }
    };
    let archivist = match (event_bus(environment)?, archive_bucket(environment)?) {
        (Some(bus), Some(bucket)) => Some(Archivist::new(
            dynamo,
            Arc::new(S3Archive::new(aws.s3(), bucket)),
            Arc::new(EventBridgeBus::new(aws.eventbridge(), bus)),
            clock.clone(),
        )),
        (None, None) => None,
        (Some(_), None) => bail!(without(variable::EVENT_BUS, variable::ARCHIVE_BUCKET)),
        (None, Some(_)) => bail!(without(variable::ARCHIVE_BUCKET, variable::EVENT_BUS)),
    };
    if fast.is_none() && archivist.is_none() {
        bail!(
            "nothing to do: expected {} and {}, or {} and {}",
            variable::LETTERS_QUEUE_URL,
            variable::EVALUATIONS_QUEUE_URL,
            variable::EVENT_BUS,
            variable::ARCHIVE_BUCKET
        );
    }
    Ok(State::new(fast, archivist, clock, config.stage))
}

/// A half that lacks a part.
fn without(given: &str, missing: &str) -> String {
    format!("{given} is set and {missing} is not: expected both or neither")
}
