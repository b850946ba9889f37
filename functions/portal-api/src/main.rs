//! Wires `portal-api` to Lambda.

use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use gateways::{Timeouts, Transport};
use lambda_http::RequestExt;
use lambda_http::request::RequestContext;
use platform::aws::Aws;
use platform::clock::SystemClock;
use platform::config::{
    Config, Environment, portal_firm, public_url, queue_url, secrets_key, variable,
};
use platform::log::{self, Format};
use platform::queue::SqsQueue;
use platform::seal::KmsSeal;
use portal_api::{State, router};
use services::contacts::Postbox;
use services::http::RequestId;
use services::portal::{Network, Portal, Till};
use services::webhook::{GatewayAccess, Webhooks};
use store::Dynamo;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), lambda_http::Error> {
    log::begin(Format::Json)?;
    let router = router(state()?).layer(from_fn(named));
    lambda_http::run(router).await
}

fn state() -> anyhow::Result<State> {
    let environment = Environment::of_process();
    let config = Config::read(&environment)?;
    let aws = Aws::new(&config.aws)?;
    let dynamo = Dynamo::new(aws.dynamodb(), config.table);
    let seal = KmsSeal::new(aws.kms(), secrets_key(&environment)?);
    let access = GatewayAccess::read(Transport::new(Timeouts::default()), &environment)?;
    let webhooks = Arc::new(Webhooks::new(dynamo.clone(), Arc::new(seal), access));
    let queue = SqsQueue::new(aws.sqs(), queue_url(&environment, variable::LETTERS_QUEUE_URL)?);
    let usual_firm = portal_firm(&environment)?.map(|firm| firm.parse()).transpose()?;
    let portal = Portal::new(dynamo, Arc::new(SystemClock), usual_firm);
    let till = Till::new(webhooks, &public_url(&environment)?);
    Ok(State { portal, till, postbox: Postbox::on(Arc::new(queue)) })
}

/// A request is called as the platform calls it, and comes from where the platform saw it come from.
async fn named(mut request: Request, next: Next) -> Response {
    let id = request.lambda_context_ref().map(|context| context.request_id.clone());
    if let Some(id) = id {
        request.extensions_mut().insert(RequestId(id));
    }
    let address = match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.http.source_ip.clone(),
        _ => None,
    };
    if let Some(address) = address.and_then(|address| address.parse().ok()) {
        request.extensions_mut().insert(Network(address));
    }
    next.run(request).await
}
