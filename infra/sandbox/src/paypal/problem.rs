//! PayPal's failures, in its shape.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// One failure: its status, and the word that says what exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Problem {
    pub status: StatusCode,
    pub issue: &'static str,
}

impl Problem {
    /// Not done, as things stand.
    pub const fn refused(issue: &'static str) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, issue }
    }

    /// No such object.
    pub const fn missing() -> Self {
        Self { status: StatusCode::NOT_FOUND, issue: "INVALID_RESOURCE_ID" }
    }

    /// No request as PayPal knows it.
    pub const fn malformed() -> Self {
        Self { status: StatusCode::BAD_REQUEST, issue: "INVALID_PARAMETER_VALUE" }
    }

    /// No good token.
    pub const fn unknown() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, issue: "INVALID_TOKEN" }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let name = match self.status {
            StatusCode::NOT_FOUND => "RESOURCE_NOT_FOUND",
            StatusCode::BAD_REQUEST => "INVALID_REQUEST",
            StatusCode::UNAUTHORIZED => "AUTHENTICATION_FAILURE",
            _ => "UNPROCESSABLE_ENTITY",
        };
        let body = json!({
            "name": name, "message": "See the details.", "debug_id": "sandbox",
            "details": [{"issue": self.issue, "description": "Said by the sandbox."}],
        });
        (self.status, Json(body)).into_response()
    }
}
