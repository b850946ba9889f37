//! Stripe's errors: `{"error": {type, code, message, param}}` under an HTTP status.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// Why a request is refused.
#[derive(Debug, Clone)]
pub struct Problem {
    status: StatusCode,
    kind: &'static str,
    code: Option<String>,
    param: Option<String>,
    message: String,
}

const INVALID_REQUEST: &str = "invalid_request_error";

impl Problem {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, param: None, message: message.into() }
    }

    /// The request as a whole can't be served.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, INVALID_REQUEST, message)
    }

    /// One parameter is at fault.
    pub fn parameter(param: &str, message: impl Into<String>) -> Self {
        Self { param: Some(param.to_owned()), ..Self::invalid(message) }
    }

    /// With Stripe's word for it.
    pub fn with_code(self, code: &str) -> Self {
        Self { code: Some(code.to_owned()), ..self }
    }

    /// No such object, or one of another account.
    pub fn missing(kind: &str, id: &str) -> Self {
        let message = format!("No such {kind}: '{id}'");
        let problem = Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, message);
        Self { param: Some("id".to_owned()), ..problem }.with_code("resource_missing")
    }

    /// No such object, named by a parameter.
    pub fn no_such(kind: &str, id: &str, param: &str) -> Self {
        Self::parameter(param, format!("No such {kind}: '{id}'")).with_code("resource_missing")
    }

    /// A key that another request is under way with.
    pub fn key_in_use(key: &str) -> Self {
        let message = format!(
            "There is currently another in-progress request using this Idempotency Key ('{key}')."
        );
        Self::new(StatusCode::CONFLICT, "idempotency_error", message)
            .with_code("idempotency_key_in_use")
    }

    /// No key, or not ours.
    pub fn unauthorized(message: &str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, INVALID_REQUEST, message)
    }

    /// No such path.
    pub fn unrecognized(method: &str, path: &str) -> Self {
        let message = format!("Unrecognized request URL ({method}: {path}).");
        Self::new(StatusCode::NOT_FOUND, INVALID_REQUEST, message)
    }

    /// A key that came before, with other parameters.
    pub fn idempotency(key: &str) -> Self {
        let message = format!(
            "Keys for idempotent requests can only be used with the same parameters they were first \
             used with. Try using a key other than '{key}' if you meant to execute a different request."
        );
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut error = Map::new();
        error.insert("type".to_owned(), json!(self.kind));
        error.insert("message".to_owned(), json!(self.message));
        for (name, value) in [("code", self.code), ("param", self.param)] {
            if let Some(value) = value {
                error.insert(name.to_owned(), Value::String(value));
            }
        }
        (self.status, Json(json!({"error": error}))).into_response()
    }
}
