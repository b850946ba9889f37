//! Wires `mail-feedback` to Lambda.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use mail_feedback::{State, batch};
use platform::aws::Aws;
use platform::clock::SystemClock;
use platform::config::{Config, Environment, public_url};
use platform::log;
use store::Dynamo;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::begin(log::Format::Json)?;
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let aws = Aws::new(&config.aws)?;
    let state = State {
        dynamo: Dynamo::new(aws.dynamodb(), config.table),
        public_url: public_url(&environment)?,
        clock: Arc::new(SystemClock),
        stage: config.stage,
    };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(batch(&state, event.payload).await)
    }))
    .await
}
