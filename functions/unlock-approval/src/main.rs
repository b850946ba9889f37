//! Wires `unlock-approval` to Lambda.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use identity::{Expected, HttpKeys, Verifier};
use lambda_http::RequestExt;
use platform::aws::Aws;
use platform::clock::SystemClock;
use platform::config::{Config, Environment, IssuerSettings};
use platform::log::{self, Format};
use services::http::RequestId;
use services::office::Office;
use store::Dynamo;
use unlock_approval::{State, router};

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
    let dynamo = Dynamo::new(Aws::new(&config.aws)?.dynamodb(), config.table);
    Ok(State { office: Office::new(dynamo, Arc::new(verifier), Arc::new(SystemClock)) })
}

/// A request is called as the platform calls it.
async fn named(mut request: Request, next: Next) -> Response {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone());
    if let Some(id) = id {
        request.extensions_mut().insert(RequestId(id));
    }
    next.run(request).await
}
