//! AWS on one port of this machine, as far as our functions call it, on the running system's data
//! (`portcullis up --aws-port`): so a function under `cargo lambda watch` works beside the system.
//!
//! DynamoDB's requests go on to the embedded table; SQS is the local queues, SES the mailbox, KMS the data
//! folder's key. Anything else is refused in AWS's shape, by name. Requests must be signed, as AWS wants it
//! too: a page in a browser on this machine can't make one without asking first. Signatures are not checked:
//! the port is on loopback, and there is nobody to tell apart.

mod answer;
pub mod env;
mod kms;
mod mail;
mod sqs;

use std::net::Ipv4Addr;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::State;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use platform::clock::Clock;
use platform::mail::Mail;
use platform::seal::Seal;
use tokio::net::TcpListener;

use crate::queue::Queues;
use answer::{AwsError, Protocol};

/// DynamoDB's largest request is a batch of 16 MB; the others' are far below that.
const MAX_REQUEST: usize = 20 * 1024 * 1024;

/// How DynamoDB's operations begin in `X-Amz-Target`.
const DYNAMODB: &str = "DynamoDB_20120810.";

/// How those of SQS do.
const SQS: &str = "AmazonSQS.";

/// And those of KMS.
const KMS: &str = "TrentService.";

/// Where SES takes a message.
const SEND_EMAIL: &str = "/v2/email/outbound-emails";

/// The parts that stand in for AWS.
pub struct AwsParts {
    /// Where the embedded table is served.
    pub table_url: String,
    /// The queues.
    pub queues: Queues,
    /// Where mail goes.
    pub mail: Arc<dyn Mail>,
    /// What seals gateways' secrets.
    pub seal: Arc<dyn Seal>,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
}

/// What requests are answered with.
struct Port {
    parts: AwsParts,
    sqs: sqs::Sqs,
    client: reqwest::Client,
}

/// Listens on that port of this machine; 0 for any that is free.
///
/// # Errors
/// When the port is taken.
pub async fn listen(port: u16) -> std::io::Result<(TcpListener, String)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
    let url = format!("http://{}", listener.local_addr()?);
    Ok((listener, url))
}

/// Answers at `url`.
pub fn router(parts: AwsParts, url: &str) -> Router {
    let sqs = sqs::Sqs::new(parts.queues.clone(), parts.clock.clone(), url);
    let port = Port { parts, sqs, client: reqwest::Client::new() };
    Router::new().fallback(answer).with_state(Arc::new(port))
}

async fn answer(State(port): State<Arc<Port>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let protocol = Protocol::of(&parts);
    match answered(&port, &parts, body).await {
        Ok(response) => response,
        Err(error) => {
            tracing::warn!("Refused an AWS request: {error}");
            error.response(&protocol)
        }
    }
}

async fn answered(port: &Port, parts: &Parts, body: Body) -> Result<Response, AwsError> {
    if !is_signed(&parts.headers) {
        let message = "the request has no AWS signature (Authorization: AWS4-HMAC-SHA256 …)";
        let error = AwsError::new("MissingAuthenticationTokenException", message);
        return Err(error.with(StatusCode::FORBIDDEN));
    }
    let too_large = |_| {
        let error = AwsError::new("RequestEntityTooLarge", "the request is larger than 20 MiB");
        error.with(StatusCode::PAYLOAD_TOO_LARGE)
    };
    let body = to_bytes(body, MAX_REQUEST).await.map_err(too_large)?;
    let target = parts.headers.get("x-amz-target").and_then(|target| target.to_str().ok());
    let operation = |prefix: &str| target.and_then(|target| target.strip_prefix(prefix));
    if operation(DYNAMODB).is_some() {
        return forward(port, &parts.headers, body).await;
    }
    let json = if let Some(operation) = operation(SQS) {
        port.sqs.answer(operation, &body).await?
    } else if let Some(operation) = operation(KMS) {
        kms::answer(port.parts.seal.as_ref(), operation, &body).await?
    } else if parts.method == Method::POST && parts.uri.path() == SEND_EMAIL {
        mail::send(port.parts.mail.as_ref(), &body).await?
    } else {
        return Err(AwsError::unknown(&name(parts, target, &body)));
    };
    Ok(Protocol::of(parts).success(&json))
}

/// What was asked for, in the words of whichever protocol it came in.
fn name(parts: &Parts, target: Option<&str>, body: &[u8]) -> String {
    if let Some(target) = target {
        return target.to_owned();
    }
    let action = form_urlencoded::parse(body).find(|(key, _)| key == "Action");
    match action {
        Some((_, action)) => action.into_owned(),
        None => format!("{} {}", parts.method, parts.uri.path()),
    }
}

fn is_signed(headers: &HeaderMap) -> bool {
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    authorization.is_some_and(|value| value.starts_with("AWS4-HMAC-SHA256 "))
}

/// Hands a request to the embedded table's own server.
async fn forward(
    port: &Port,
    headers: &HeaderMap,
    body: axum::body::Bytes,
) -> Result<Response, AwsError> {
    let down = |error: reqwest::Error| {
        let message = format!("the embedded table does not answer: {error}");
        AwsError::new("ServiceUnavailable", message).with(StatusCode::SERVICE_UNAVAILABLE)
    };
    let request = port.client.post(&port.parts.table_url).headers(passed_on(headers)).body(body);
    let answer = request.send().await.map_err(down)?;
    let (status, headers) = (answer.status(), passed_on(answer.headers()));
    let body = answer.bytes().await.map_err(down)?;
    Ok((status, headers, body).into_response())
}

/// All but what belongs to one connection.
fn passed_on(headers: &HeaderMap) -> HeaderMap {
    const OF_CONNECTION: [HeaderName; 4] =
        [header::HOST, header::CONTENT_LENGTH, header::CONNECTION, header::TRANSFER_ENCODING];
    let mut passed = headers.clone();
    OF_CONNECTION.iter().for_each(|name| {
        passed.remove(name);
    });
    passed
}

#[cfg(test)]
mod tests;
