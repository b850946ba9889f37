//! Wires `mail-feedback` to Lambda.

use std::sync::Arc;

use aws_lambda_events::event::sqs::SqsEvent;
use lambda_runtime::{Error, LambdaEvent, service_fn};
use mail_feedback::inbound::Inbound;
use mail_feedback::{State, batch};
use platform::archive::S3Archive;
use platform::aws::Aws;
use platform::clock::SystemClock;
use platform::config::{
    Config, Environment, inbound_bucket, inbound_domain, mail_configuration, public_url,
};
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
    let (domain, bucket) = (inbound_domain(&environment)?, inbound_bucket(&environment)?);
    let inbound = match (domain, bucket) {
        (Some(domain), Some(bucket)) => Some(Inbound {
            correspondence: Correspondence {
                mail: Arc::new(SesMail::new(aws.ses()?)),
                public_url: public_url(&environment)?,
                configuration: mail_configuration(&environment)?,
                inbound_domain: Some(domain),
            },
            mails: Arc::new(S3Archive::new(aws.s3(), bucket.clone())),
            bucket,
        }),
        _ => None,
    };
    let state = State {
        dynamo: Dynamo::new(aws.dynamodb(), config.table),
        public_url: public_url(&environment)?,
        clock: Arc::new(SystemClock),
        stage: config.stage,
        inbound,
    };
    lambda_runtime::run(service_fn(async |event: LambdaEvent<SqsEvent>| {
        Ok::<_, Error>(batch(&state, event.payload).await)
    }))
    .await
}
