//! jobs: sweeps the outbox every minute.

use std::pin::Pin;
use std::sync::Arc;

use gateways::{Timeouts, Transport};
use jobs::{State, handle};
use lambda_runtime::{LambdaEvent, service_fn};
use platform::aws::Aws;
use platform::clock::{Clock, SystemClock};
use platform::config::{Config, Environment, queue_url, secrets_key, variable};
use platform::log::{self, Format};
use platform::queue::SqsQueue;
use platform::seal::KmsSeal;
use serde_json::Value;
use services::sweep::{Sweeper, Swept};
use services::webhook::{GatewayAccess, Webhooks};
use store::Dynamo;

/// A tick under way; without its type, which is deeper than the runtime's layers have room for.
type Tick = Pin<Box<dyn Future<Output = Result<Swept, lambda_runtime::Error>> + Send>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::begin(Format::Json)?;
    let state = Arc::new(state()?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| -> Tick {
        let state = state.clone();
        Box::pin(async move { Ok(handle(&state, event.payload).await?) })
    }))
    .await
}

fn state() -> anyhow::Result<State> {
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let aws = Aws::new(&config.aws)?;
    let seal = KmsSeal::new(aws.kms(), secrets_key(&environment)?);
    let access = GatewayAccess::read(Transport::new(Timeouts::default()), &environment)?;
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let webhooks = Arc::new(Webhooks::new(dynamo, Arc::new(seal), access));
    let letters = SqsQueue::new(aws.sqs(), queue_url(&environment, variable::LETTERS_QUEUE_URL)?);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let evaluations =
        SqsQueue::new(aws.sqs(), queue_url(&environment, variable::EVALUATIONS_QUEUE_URL)?);
    let sweeper = Sweeper::new(webhooks, Arc::new(letters), Arc::new(evaluations), clock.clone());
    Ok(State::new(sweeper, clock, config.stage))
}
