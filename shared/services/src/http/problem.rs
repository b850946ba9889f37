//! The one form of error: `application/problem+json` (RFC 9457) with a stable type, a sentence for a
//! person, the rule that says no and the field at fault.
//!
//! What went wrong inside is logged once, here, and not told: a caller can't do anything with it.

use axum::Json;
use axum::http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::document::DocumentError;
use domain::refusal::{Refusal, RefusalKind};
use domain::text::sentence;
use identity::AccessError;
use platform::log::chain;
use serde::Serialize;
use store::StoreError;
use utoipa::ToSchema;

use crate::contacts::ContactError;
use crate::execute::ExecuteError;
use crate::firm::PolicyError;

/// The media type of problems.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// What is busy now is likely free in a second.
const RETRY_AFTER_SECONDS: &str = "1";

/// What kind of problem it is: a status and a type that never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProblemKind {
    /// The request can't be read.
    Malformed,
    /// Nobody is proved.
    Unauthorized,
    /// The caller may not.
    Forbidden,
    /// There is no such thing, or none of the caller's firm.
    NotFound,
    /// Not this method here.
    MethodNotAllowed,
    /// Not as things stand.
    Conflict,
    /// It changed since it was read.
    PreconditionFailed,
    /// More than is taken here.
    TooLarge,
    /// Another media type is expected.
    UnsupportedMediaType,
    /// It can be read, and can't be meant.
    Invalid,
    /// It must say which version it changes.
    PreconditionRequired,
    /// A mistake of the service.
    Internal,
    /// Try again.
    Busy,
    /// It was there, and isn't any more.
    Gone,
    /// Too often.
    TooMany,
}

impl ProblemKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Conflict,
        Self::PreconditionFailed,
        Self::TooLarge,
        Self::UnsupportedMediaType,
        Self::Invalid,
        Self::PreconditionRequired,
        Self::Internal,
        Self::Busy,
        Self::Gone,
        Self::TooMany,
    ];

    /// The status.
    pub fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Conflict => StatusCode::CONFLICT,
            Self::PreconditionFailed => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid => StatusCode::UNPROCESSABLE_ENTITY,
            Self::PreconditionRequired => StatusCode::PRECONDITION_REQUIRED,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Busy => StatusCode::SERVICE_UNAVAILABLE,
            Self::Gone => StatusCode::GONE,
            Self::TooMany => StatusCode::TOO_MANY_REQUESTS,
        }
    }

    /// The type, for programs.
    pub fn urn(self) -> &'static str {
        match self {
            Self::Malformed => "urn:portcullis:problem:malformed",
            Self::Unauthorized => "urn:portcullis:problem:unauthorized",
            Self::Forbidden => "urn:portcullis:problem:forbidden",
            Self::NotFound => "urn:portcullis:problem:not-found",
            Self::MethodNotAllowed => "urn:portcullis:problem:method-not-allowed",
            Self::Conflict => "urn:portcullis:problem:conflict",
            Self::PreconditionFailed => "urn:portcullis:problem:precondition-failed",
            Self::TooLarge => "urn:portcullis:problem:too-large",
            Self::UnsupportedMediaType => "urn:portcullis:problem:unsupported-media-type",
            Self::Invalid => "urn:portcullis:problem:invalid",
            Self::PreconditionRequired => "urn:portcullis:problem:precondition-required",
            Self::Internal => "urn:portcullis:problem:internal",
            Self::Busy => "urn:portcullis:problem:busy",
            Self::Gone => "urn:portcullis:problem:gone",
            Self::TooMany => "urn:portcullis:problem:too-many",
        }
    }

    fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request can't be read",
            Self::Unauthorized => "Sign in",
            Self::Forbidden => "You may not do this",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "This address does not take that method",
            Self::Conflict => "Not as things stand",
            Self::PreconditionFailed => "It changed since you read it",
            Self::TooLarge => "The request is too large",
            Self::UnsupportedMediaType => "Another media type is expected",
            Self::Invalid => "This can't be meant",
            Self::PreconditionRequired => "Say which version you change",
            Self::Internal => "Something went wrong here",
            Self::Busy => "Try again in a moment",
            Self::Gone => "It isn't there any more",
            Self::TooMany => "That was too often",
        }
    }
}

/// A problem, as it is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind.
    pub kind: ProblemKind,
    /// A sentence for a person.
    pub detail: String,
    /// The rule that says no.
    pub rule: Option<&'static str>,
    /// The field at fault, such as `instalments[2].amount`.
    pub field: Option<String>,
    /// Its line, in a document.
    pub line: Option<usize>,
}

/// A problem as it is written.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct WrittenProblem<'a> {
    /// Which problem: stable, for programs.
    #[serde(rename = "type")]
    kind: &'a str,
    /// The same for a person.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What is wrong here, in a sentence.
    detail: &'a str,
    /// The rule that says no, such as `UNL-1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    /// The field at fault, such as `instalments[2].amount`.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// Its line, where the request is a document.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<usize>,
}

impl Problem {
    /// A problem of that kind.
    pub fn new(kind: ProblemKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), rule: None, field: None, line: None }
    }

    /// The request can't be read.
    pub fn malformed(detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Malformed, detail)
    }

    /// It can't be meant.
    pub fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::new(ProblemKind::Invalid, detail).of(field)
    }

    /// There is no such thing; nor does it tell whether another firm has one (SEC-1).
    pub fn not_found(what: &str) -> Self {
        Self::new(ProblemKind::NotFound, format!("there is no such {what}"))
    }

    /// With the field at fault.
    #[must_use]
    pub fn of(self, field: impl Into<String>) -> Self {
        let field = field.into();
        Self { field: (!field.is_empty()).then_some(field), ..self }
    }

    /// A mistake of the service, or of what it stands on: logged, not told.
    pub fn internal(error: &dyn std::error::Error) -> Self {
        tracing::error!("Could not answer a request: {}", chain(error));
        Self::new(ProblemKind::Internal, "the request could not be answered; it was logged")
    }

    /// The same will likely work in a moment.
    pub fn busy(error: &dyn std::error::Error) -> Self {
        tracing::warn!("Could not answer a request now: {}", chain(error));
        Self::new(ProblemKind::Busy, "this can't be answered right now; try again in a moment")
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let written = WrittenProblem {
            kind: self.kind.urn(),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: &sentence(&self.detail),
            rule: self.rule,
            field: self.field.as_deref(),
            line: self.line,
        };
        let mut response = (status, Json(written)).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        match self.kind {
            ProblemKind::Unauthorized => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            ProblemKind::Busy => {
                headers.insert(RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_SECONDS));
            }
            _ => {}
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let kind = match refusal.kind {
            RefusalKind::Forbidden => ProblemKind::Forbidden,
            RefusalKind::NotFound => ProblemKind::NotFound,
            RefusalKind::Invalid => ProblemKind::Invalid,
            RefusalKind::Conflict => ProblemKind::Conflict,
            RefusalKind::NotLoaded => return Self::internal(&refusal),
        };
        Self { rule: Some(refusal.rule), ..Self::new(kind, refusal.text) }
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Cursor => Self::malformed(error.to_string()).of("cursor"),
            StoreError::TooLarge { .. } => {
                Self::new(ProblemKind::Invalid, "that is more than one client can hold")
            }
            StoreError::TooNew { .. } => Self::busy(&error),
            _ if error.is_passing() => Self::busy(&error),
            _ => Self::internal(&error),
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        match error {
            PolicyError::None { .. } => Self {
                rule: Some("POL-1"),
                ..Self::new(ProblemKind::Conflict, error.to_string()).of("class")
            },
            PolicyError::Store(error) => error.into(),
            PolicyError::Missing(_) | PolicyError::Unreadable { .. } => Self::internal(&error),
        }
    }
}

impl From<ExecuteError> for Problem {
    fn from(error: ExecuteError) -> Self {
        match error {
            ExecuteError::Refused(refusal) => refusal.into(),
            ExecuteError::NotFound(_) => Self::not_found("client"),
            ExecuteError::Busy(_) => Self::busy(&error),
            ExecuteError::Policy(error) => error.into(),
            ExecuteError::Store(error) => error.into(),
        }
    }
}

impl From<ContactError> for Problem {
    fn from(error: ContactError) -> Self {
        let detail = error.to_string();
        match error {
            ContactError::NotSignedIn | ContactError::Refused => {
                Self::new(ProblemKind::Unauthorized, detail)
            }
            ContactError::LinkUnusable => Self::new(ProblemKind::Gone, detail),
            ContactError::Limited { .. } => Self::new(ProblemKind::TooMany, detail),
            ContactError::CurrentPassword => Self::invalid("current_password", detail),
            ContactError::Password(_) => Self::invalid("new_password", detail),
            ContactError::Address(_) | ContactError::NotOfClient(_) | ContactError::Bounced(_) => {
                Self::invalid("address", detail)
            }
            ContactError::Name => Self::invalid("called", detail),
            ContactError::TooManyAddresses => Self::invalid("address", detail),
            ContactError::TooManyClients => Self::invalid("client", detail),
            ContactError::NotAllowed(_) => Self::new(ProblemKind::Forbidden, detail),
            ContactError::NoClient(_) => Self::not_found("client"),
            ContactError::NoContact(_) => Self::not_found("contact"),
            ContactError::Busy | ContactError::Hashing(_) | ContactError::Random(_) => {
                Self::busy(&error)
            }
            ContactError::Execute(error) => error.into(),
            ContactError::Store(error) => error.into(),
        }
    }
}

impl From<DocumentError> for Problem {
    fn from(error: DocumentError) -> Self {
        let line = (0 < error.line).then_some(error.line);
        Self { line, ..Self::invalid(error.path, error.message) }
    }
}

impl From<AccessError> for Problem {
    fn from(error: AccessError) -> Self {
        match error.status() {
            StatusCode::UNAUTHORIZED => Self::new(ProblemKind::Unauthorized, error.to_string()),
            StatusCode::FORBIDDEN => Self::new(ProblemKind::Forbidden, error.to_string()),
            StatusCode::BAD_REQUEST => Self::malformed(error.to_string()).of("X-Portcullis-Firm"),
            _ => Self::busy(&error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_kind_has_a_status_and_a_type_of_its_own() {
        let statuses: BTreeSet<_> = ProblemKind::ALL.map(|kind| kind.status().as_u16()).into();
        let types: BTreeSet<_> = ProblemKind::ALL.map(ProblemKind::urn).into();
        assert_eq!((statuses.len(), types.len()), (15, 15));
    }

    #[test]
    fn what_went_wrong_inside_is_not_told() {
        let corrupt =
            StoreError::Corrupt { item: "F#f-1".to_owned(), problem: "ann@acme".to_owned() };
        for (problem, kind) in [
            (Problem::from(corrupt), ProblemKind::Internal),
            (Problem::from(StoreError::Throttled("slow".into())), ProblemKind::Busy),
            (Problem::from(Refusal::not_loaded("invoice A-1")), ProblemKind::Internal),
        ] {
            assert_eq!(problem.kind, kind);
            for secret in ["F#", "ann@acme", "slow", "A-1"] {
                assert!(!problem.detail.contains(secret), "{}", problem.detail);
            }
        }
    }
}
