//! payment-webhook: takes what gateways tell.

use std::sync::Arc;
use std::time::Duration;

use gateways::{Timeouts, Transport};
use payment_webhook::{State, router};
use platform::aws::Aws;
use platform::clock::SystemClock;
use platform::config::{Config, Environment, secrets_key};
use platform::log::{self, Format};
use platform::seal::KmsSeal;
use services::webhook::{GatewayAccess, Webhooks};
use store::Dynamo;

/// Shorter than usual: the gateway waits for the answer, and the sweeper has more time.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(2),
    answer: Duration::from_secs(4),
    total: Duration::from_secs(7),
    pause: Duration::from_millis(250),
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::begin(Format::Json)?;
    lambda_http::run(router(state()?)).await
}

fn state() -> anyhow::Result<State> {
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let aws = Aws::new(&config.aws)?;
    let seal = KmsSeal::new(aws.kms(), secrets_key(&environment)?);
    let access = GatewayAccess::read(Transport::new(TIMEOUTS), &environment)?;
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let webhooks = Webhooks::new(dynamo, Arc::new(seal), access);
    Ok(State::new(Arc::new(webhooks), Arc::new(SystemClock), config.stage))
}
