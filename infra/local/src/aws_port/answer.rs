//! How AWS answers: JSON in one of three shapes, errors with a code that clients go by.

use std::fmt;

use axum::http::request::Parts;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A request that is refused, in the way of AWS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AwsError {
    status: StatusCode,
    code: &'static str,
    message: String,
}

impl fmt::Display for AwsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl AwsError {
    /// The sender's fault, unless said otherwise.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    /// With that status.
    pub fn with(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    /// An operation that nothing here stands in for.
    pub fn unknown(operation: &str) -> Self {
        let message =
            format!("portcullis on this machine does not know the operation {operation:?}");
        Self::new("UnknownOperationException", message)
    }

    /// A request that can't be understood.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }

    /// As the protocol of the request shows it.
    pub fn response(&self, protocol: &Protocol) -> Response {
        match protocol {
            Protocol::Json(_) => {
                let body = json!({ "__type": self.code, "message": self.message });
                let code = [("x-amzn-errortype", HeaderValue::from_static(self.code))];
                (self.status, code, protocol.success(&body)).into_response()
            }
            Protocol::Query => {
                let body = format!(
                    "<ErrorResponse><Error><Type>Sender</Type><Code>{}</Code>\
                     <Message>{}</Message></Error></ErrorResponse>",
                    self.code,
                    escaped(&self.message)
                );
                (self.status, [(header::CONTENT_TYPE, "text/xml")], body).into_response()
            }
        }
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// How a request speaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Protocol {
    /// JSON, of that kind.
    Json(HeaderValue),
    /// A form, answered in XML; only errors are.
    Query,
}

impl Protocol {
    /// That of a request.
    pub fn of(parts: &Parts) -> Self {
        match parts.headers.get(header::CONTENT_TYPE) {
            Some(kind) if kind.as_bytes().starts_with(b"application/x-www-form-urlencoded") => {
                Self::Query
            }
            Some(kind) if kind.as_bytes().starts_with(b"application/x-amz-json") => {
                Self::Json(kind.clone())
            }
            _ => Self::Json(HeaderValue::from_static("application/json")),
        }
    }

    /// An answer.
    pub fn success(&self, body: &Value) -> Response {
        let kind = match self {
            Self::Json(kind) => kind.clone(),
            Self::Query => HeaderValue::from_static("application/json"),
        };
        ([(header::CONTENT_TYPE, kind)], body.to_string()).into_response()
    }
}

/// A request's JSON. What is wrong with it is said without quoting it (SEC-5).
pub fn parsed<T: DeserializeOwned>(operation: &str, body: &[u8]) -> Result<T, AwsError> {
    serde_json::from_slice(body).map_err(|error| {
        let what =
            if error.is_data() { "a field is missing or of another type" } else { "no JSON" };
        AwsError::invalid(format!("{operation}: {what}, at column {}", error.column()))
    })
}
