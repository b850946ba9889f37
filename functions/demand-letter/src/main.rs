//! Wires `demand-letter` to Lambda.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use demand_letter::{State, batch_until};
use lambda_runtime::{Error, LambdaEvent, service_fn};
use platform::aws::Aws;
use platform::clock::{SystemClock, deadline};
use platform::config::{Config, Environment, inbound_domain, mail_configuration, public_url};
use platform::log;
use platform::mail::SesMail;
use services::correspondence::Correspondence;
use store::Dynamo;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    log::begin(log::Format::Json)?;
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let aws = Aws::new(&config.aws)?;
    let correspondence = Correspondence {
        mail: Arc::new(SesMail::new(aws.ses()?)),
        public_url: public_url(&environment)?,
        configuration: mail_configuration(&environment)?,
        inbound_domain: inbound_domain(&environment)?,
    };
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let state = State::new(dynamo, correspondence, Arc::new(SystemClock), config.stage);
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        let deadline = deadline(event.context.deadline, &SystemClock);
        Ok::<_, Error>(batch_until(&state, event.payload, deadline).await)
    }))
    .await
}
