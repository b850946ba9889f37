//! Why a request is not done, as Square says it.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::acts::ActError;

/// An error of the API.
#[derive(Debug, Clone)]
pub struct Problem {
    pub status: StatusCode,
    category: &'static str,
    code: String,
    detail: String,
    field: Option<&'static str>,
}

impl Problem {
    pub fn invalid(code: &str, detail: impl Into<String>) -> Self {
        Self {
            status: StatusCode::BAD_REQUEST,
            category: "INVALID_REQUEST_ERROR",
            code: code.to_owned(),
            detail: detail.into(),
            field: None,
        }
    }

    pub fn at(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    pub fn unauthorized() -> Self {
        Self {
            status: StatusCode::UNAUTHORIZED,
            category: "AUTHENTICATION_ERROR",
            ..Self::invalid("UNAUTHORIZED", "This request could not be authorized.")
        }
    }

    pub fn missing(kind: &str, id: &str) -> Self {
        let detail = format!("Could not find {kind} with id: {id}");
        Self { status: StatusCode::NOT_FOUND, ..Self::invalid("NOT_FOUND", detail) }
    }

    pub fn unrecognized(method: &str, path: &str) -> Self {
        let detail = format!("No {method} {path} in the sandbox.");
        Self { status: StatusCode::NOT_FOUND, ..Self::invalid("NOT_FOUND", detail) }
    }

    pub fn declined(code: &str) -> Self {
        Self {
            status: StatusCode::PAYMENT_REQUIRED,
            category: "PAYMENT_METHOD_ERROR",
            ..Self::invalid(code, format!("Authorization error: '{code}'"))
        }
    }

    /// The answer's body, with what goes beside the errors.
    pub fn body(&self) -> Value {
        let mut error =
            json!({"category": self.category, "code": self.code, "detail": self.detail});
        if let Some(field) = self.field {
            error["field"] = json!(field);
        }
        json!({"errors": [error]})
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        (self.status, Json(self.body())).into_response()
    }
}

impl From<ActError> for Problem {
    fn from(error: ActError) -> Self {
        match error {
            ActError::Missing { kind, id } => Self::missing(kind, &id),
            ActError::NotNow { what, code } => {
                let mut problem = Self::invalid(code, what);
                if code.starts_with("REFUND") || code.starts_with("PAYMENT_NOT_REFUNDABLE") {
                    problem.category = "REFUND_ERROR";
                }
                problem
            }
        }
    }
}
