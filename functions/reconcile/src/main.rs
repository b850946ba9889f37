//! reconcile: compares gateways' lists with the accounts, each endpoint once a day.

use std::pin::Pin;
use std::sync::Arc;

use anyhow::Context;
use gateways::{Timeouts, Transport};
use lambda_runtime::{LambdaEvent, service_fn};
use platform::aws::Aws;
use platform::clock::{Clock, SystemClock, deadline};
use platform::config::{Config, Environment, secrets_key};
use platform::log::{self, Format};
use platform::seal::KmsSeal;
use reconcile::{State, handle};
use serde_json::Value;
use services::reconcile::{Reconciler, Tick};
use services::webhook::{GatewayAccess, Webhooks};
use store::Dynamo;

/// A tick under way; without its type, which is deeper than the runtime's layers have room for.
type UnderWay = Pin<Box<dyn Future<Output = Result<Tick, lambda_runtime::Error>> + Send>>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_runtime::Error> {
    log::begin(Format::Json)?;
    let state = Arc::new(state()?);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Value>| -> UnderWay {
        let state = state.clone();
        Box::pin(async move {
            let deadline = deadline(event.context.deadline, &SystemClock);
            Ok(handle(&state, event.payload, deadline).await?)
        })
    }))
    .await
}

fn state() -> anyhow::Result<State> {
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let aws = Aws::new(&config.aws)?;
    let seal = KmsSeal::new(aws.kms(), secrets_key(&environment)?);
    let access = GatewayAccess::read(Transport::new(Timeouts::default()), &environment)
        .context("can't reach the gateways as configured")?;
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let webhooks = Arc::new(Webhooks::new(dynamo, Arc::new(seal), access));
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    Ok(State::new(Reconciler::new(webhooks, clock.clone()), clock, config.stage))
}
