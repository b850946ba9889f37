//! The id of a request: in its answer, in the log and in the audit record of what it changed.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::HeaderName;
use axum::http::request::Parts;
use identity::OpaqueToken;

/// The header that it comes and goes in.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The longest one that is taken from a caller: that of any tracing system.
const MAX_BYTES: usize = 64;

/// The id of a request. A function on Lambda puts its own into the request's extensions; else the
/// caller's is taken, if it looks like one, else a random one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(pub String);

impl RequestId {
    /// Of that request.
    pub fn of(parts: &Parts) -> Self {
        let own = parts.extensions.get::<Self>().cloned();
        let sent = || {
            let text = parts.headers.get(HEADER)?.to_str().ok()?;
            let is_id = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.:=".contains(&byte);
            let is_fit = !text.is_empty() && text.len() <= MAX_BYTES && text.bytes().all(is_id);
            is_fit.then(|| Self(text.to_owned()))
        };
        own.or_else(sent).unwrap_or_else(|| {
            // Without random bytes nothing else works either; the request is still answered.
            let token = OpaqueToken::random_128();
            Self(token.map_or_else(|_| "unknown".to_owned(), |token| token.reveal().to_owned()))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for RequestId {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    #[test]
    fn sec_5_a_callers_id_is_taken_only_if_it_looks_like_one() {
        for (sent, is_taken) in [
            ("8f14e45f-ceea-467f", true),
            ("Root=1-5759e988-bd862e3fe1be46a994272793", true),
            ("", false),
            ("ann@acme.example", false),
            ("a b", false),
            (&"x".repeat(MAX_BYTES + 1), false),
        ] {
            let request = Request::builder().header(HEADER, sent).body(()).unwrap();
            let id = RequestId::of(&request.into_parts().0);
            assert_eq!(id.0 == sent, is_taken, "for {sent:?}");
            assert!(!id.0.is_empty());
        }
    }
}
