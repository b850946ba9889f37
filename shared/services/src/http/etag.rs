//! `ETag` and `If-Match`: who changes something says which version they looked at.

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_NONE_MATCH};

use super::problem::{Problem, ProblemKind};

/// The entity tag of a version.
pub fn etag(version: u64) -> String {
    format!("\"{version}\"")
}

/// Goes on if the caller looked at this version; `None`: there is none yet.
///
/// # Errors
/// [`ProblemKind::PreconditionRequired`], if the caller doesn't say;
/// [`ProblemKind::PreconditionFailed`], if it is another.
pub fn require_match(headers: &HeaderMap, current: Option<u64>) -> Result<(), Problem> {
    let Some(version) = current else { return absent(headers) };
    if !headers.contains_key(IF_MATCH) {
        if headers.contains_key(IF_NONE_MATCH) {
            return Err(failed("there is a version already"));
        }
        let detail = "send If-Match with the ETag of the version that you change";
        return Err(Problem::new(ProblemKind::PreconditionRequired, detail).of("If-Match"));
    }
    check_match(headers, version)
}

/// Goes on if the caller looked at this version, or doesn't say at which.
///
/// # Errors
/// [`ProblemKind::PreconditionFailed`], if it is another.
pub fn check_match(headers: &HeaderMap, version: u64) -> Result<(), Problem> {
    let known = etag(version);
    let tags = || headers.get_all(IF_MATCH).iter().filter_map(|value| value.to_str().ok());
    if !headers.contains_key(IF_MATCH) {
        return Ok(());
    }
    let matches = tags()
        .flat_map(|tags| tags.split(','))
        .any(|tag| [known.as_str(), "*"].contains(&tag.trim()));
    if matches { Ok(()) } else { Err(failed("it was changed meanwhile; read it again")) }
}

fn absent(headers: &HeaderMap) -> Result<(), Problem> {
    if headers.contains_key(IF_MATCH) {
        return Err(failed("there is no version yet"));
    }
    Ok(())
}

fn failed(detail: &str) -> Problem {
    Problem::new(ProblemKind::PreconditionFailed, detail).of("If-Match")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_names_the_version_that_it_changes() {
        use ProblemKind::{PreconditionFailed, PreconditionRequired};
        for (current, sent, expected) in [
            (Some(3), Some("\"3\""), Ok(())),
            (Some(3), Some("\"1\", \"3\""), Ok(())),
            (Some(3), Some("*"), Ok(())),
            (Some(3), Some("\"2\""), Err(PreconditionFailed)),
            (Some(3), Some("3"), Err(PreconditionFailed)),
            (Some(3), Some("W/\"3\""), Err(PreconditionFailed)),
            (Some(3), None, Err(PreconditionRequired)),
            (None, None, Ok(())),
            (None, Some("\"1\""), Err(PreconditionFailed)),
        ] {
            let mut headers = HeaderMap::new();
            headers.extend(sent.map(|sent| (IF_MATCH, sent.parse().unwrap())));
            let result = require_match(&headers, current).map_err(|problem| problem.kind);
            assert_eq!(result, expected, "for {current:?} and {sent:?}");
        }
    }
}
