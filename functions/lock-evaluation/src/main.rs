//! Wires `lock-evaluation` to Lambda.

use std::sync::Arc;

use lambda_runtime::{Error, LambdaEvent, service_fn};
use lock_evaluation::{State, handle};
use platform::aws::Aws;
use platform::clock::{SystemClock, deadline};
use platform::config::{Config, Environment, queue_url, variable};
use platform::log;
use platform::queue::SqsQueue;
use serde_json::Value;
use store::Dynamo;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::begin(log::Format::Json)?;
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let aws = Aws::new(&config.aws)?;
    let queue = SqsQueue::new(aws.sqs(), queue_url(&environment, variable::EVALUATIONS_QUEUE_URL)?);
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let state = State::new(dynamo, Arc::new(queue), Arc::new(SystemClock), config.stage);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Value>| {
        let deadline = deadline(event.context.deadline, &SystemClock);
        // Boxed: two triggers with all that is behind them are more than the compiler nests.
        Box::pin(handle(&state, event.payload, deadline)).await.map_err(|error| log::chain(&error))
    }))
    .await
}
