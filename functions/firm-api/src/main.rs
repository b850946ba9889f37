//! Wires `firm-api` to Lambda.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use firm_api::{State, router};
use gateways::{Timeouts, Transport};
use identity::{Expected, HttpKeys, Verifier};
use lambda_http::RequestExt;
use platform::aws::Aws;
use platform::clock::SystemClock;
use platform::config::{
    Config, Environment, IssuerSettings, public_url, queue_url, secrets_key, variable,
};
use platform::log::{self, Format};
use platform::mail_domains::SesDomains;
use platform::queue::SqsQueue;
use platform::seal::KmsSeal;
use services::contacts::Postbox;
use services::http::RequestId;
use services::office::Office;
use services::office::gateways::Gateways;
use services::webhook::GatewayAccess;
use store::Dynamo;

/// An admin waits for what a gateway says of a key, within the time that a request has.
const TIMEOUTS: Timeouts = Timeouts {
    connect: Duration::from_secs(3),
    answer: Duration::from_secs(8),
    total: Duration::from_secs(20),
    pause: Duration::from_millis(250),
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::begin(Format::Json)?;
    let router = router(state()?).layer(from_fn(named));
    lambda_http::run(router).await
}

fn state() -> anyhow::Result<State> {
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let issuer = IssuerSettings::read(&environment)?;
    let expected =
        Expected { issuer: issuer.url, audience: issuer.audience, says_mfa: issuer.says_mfa };
    let verifier = Verifier::new(expected, Arc::new(HttpKeys::at(issuer.keys_url)));
    let aws = Aws::new(&config.aws)?;
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let queue = SqsQueue::new(aws.sqs(), queue_url(&environment, variable::LETTERS_QUEUE_URL)?);
    let seal = KmsSeal::new(aws.kms(), secrets_key(&environment)?);
    let access = GatewayAccess::read(Transport::new(TIMEOUTS), &environment)?;
    Ok(State {
        office: Office::new(dynamo, Arc::new(verifier), Arc::new(SystemClock)),
        postbox: Postbox::on(Arc::new(queue)),
        public_url: public_url(&environment)?,
        domains: Arc::new(SesDomains::new(aws.ses()?, config.aws.region)),
        gateways: Gateways::new(Arc::new(seal), access),
    })
}

/// A request is called as the platform calls it.
async fn named(mut request: Request, next: Next) -> Response {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone());
    if let Some(id) = id {
        request.extensions_mut().insert(RequestId(id));
    }
    next.run(request).await
}
