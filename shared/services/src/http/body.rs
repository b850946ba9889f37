//! Bodies, queries and paths into types, with the field at fault named.
//!
//! What is not known is refused and the nearest known name said: a misspelt field that is silently
//! left out is how a promise without a date comes about.

use axum::body::Body;
use axum::extract::path::ErrorKind;
use axum::extract::rejection::PathRejection;
use axum::extract::{FromRequest, FromRequestParts, OptionalFromRequest, Path, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use bytes::Bytes;
use domain::document::nearest;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::problem::{Problem, ProblemKind};

/// A JSON body.
#[derive(Debug, Clone)]
pub struct JsonBody<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        if !is_json(&parts.headers) {
            return Err(not_json());
        }
        // Read before, within the limit of its address.
        let bytes = body.collect().await.map_err(|_| Problem::malformed("the body broke off"))?;
        read_json(&bytes.to_bytes()).map(Self)
    }
}

fn not_json() -> Problem {
    let detail = "a body of application/json is expected here";
    Problem::new(ProblemKind::UnsupportedMediaType, detail).of("Content-Type")
}

/// None, where neither a body nor its type was sent.
impl<T: DeserializeOwned, S: Send + Sync> OptionalFromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Option<Self>, Problem> {
        if request.headers().contains_key(CONTENT_TYPE) {
            return <Self as FromRequest<S>>::from_request(request, state).await.map(Some);
        }
        let read = request.into_body().collect().await;
        let bytes = read.map_err(|_| Problem::malformed("the body broke off"))?.to_bytes();
        if bytes.is_empty() { Ok(None) } else { Err(not_json()) }
    }
}

/// The media type of a request, without its parameters.
pub fn media_type(headers: &HeaderMap) -> Option<String> {
    let value = headers.get(CONTENT_TYPE)?.to_str().ok()?;
    let essence = value.split(';').next().unwrap_or_default().trim();
    (!essence.is_empty()).then(|| essence.to_ascii_lowercase())
}

fn is_json(headers: &HeaderMap) -> bool {
    media_type(headers).is_some_and(|media_type| {
        media_type == "application/json"
            || (media_type.starts_with("application/") && media_type.ends_with("+json"))
    })
}

/// Reads a whole body of at most so many bytes.
///
/// # Errors
/// [`ProblemKind::TooLarge`]; [`ProblemKind::Malformed`] for one that breaks off.
pub async fn read_body(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let detail = format!("the body is larger than {limit} bytes, which is the most here");
        Problem::new(ProblemKind::TooLarge, detail)
    };
    let said = headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if said.is_some_and(|said: u64| u64::try_from(limit).is_ok_and(|limit| limit < said)) {
        return Err(too_large());
    }
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
        Err(_) => Err(Problem::malformed("the body broke off")),
    }
}

/// Reads JSON.
///
/// # Errors
/// [`ProblemKind::Malformed`] for what is no JSON, [`ProblemKind::Invalid`] for a value that is not
/// expected, with the field.
pub fn read_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    // Serde would read an object's fields out of a list, in their order.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err(Problem::new(ProblemKind::Invalid, "an object is expected, not a list"));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut reader);
    let value = read.map_err(|error| {
        let path = error.path().to_string();
        let inner = error.inner();
        let (line, message) = (inner.line(), inner.to_string());
        if inner.is_syntax() || inner.is_eof() {
            return Problem {
                line: Some(line),
                ..Problem::malformed(format!("no JSON: {message}"))
            };
        }
        expected(&path, &message)
    })?;
    reader.end().map_err(|error| Problem::malformed(format!("no JSON: {error}")))?;
    Ok(value)
}

/// Says what was expected, in our words where serde's are for programmers.
fn expected(path: &str, message: &str) -> Problem {
    let path = if path == "." { "" } else { path };
    let message = message.rsplit_once(" at line ").map_or(message, |(message, _)| message);
    let named = |start: &str| message.strip_prefix(start).map(|name| name.trim_matches('`'));
    if let Some(name) = named("missing field ") {
        return Problem::invalid(join(path, name), format!("{name} is missing"));
    }
    if let Some(name) = named("duplicate field ") {
        return Problem::invalid(join(path, name), format!("{name} is there twice"));
    }
    let Some((field, names)) = unknown(message) else {
        return Problem::invalid(path, in_words(message));
    };
    // The path of an unknown field ends with itself.
    let path =
        if path.rsplit('.').next() == Some(field) { path.to_owned() } else { join(path, field) };
    let detail = match nearest(field, &names) {
        Some(name) => format!("there is no field {field}, the nearest one is {name}"),
        None => format!("there is no field {field}"),
    };
    Problem::invalid(path, detail)
}

/// What serde and the standard library say of a value, without the names of types.
fn in_words(message: &str) -> String {
    match message {
        "invalid digit found in string" | "cannot parse integer from empty string" => {
            return "a whole number is expected".to_owned();
        }
        "number too large to fit in target type" | "number too small to fit in target type" => {
            return "that number is larger than any that can be meant".to_owned();
        }
        "provided string was not `true` or `false`" => {
            return "true or false is expected".to_owned();
        }
        _ => {}
    }
    let named = |start: &str| message.strip_prefix(start);
    if let Some((length, wanted)) =
        named("invalid length ").and_then(|rest| rest.split_once(", expected "))
    {
        return format!("{} is expected, not one of {length}", wanted_words(wanted));
    }
    if let Some((variant, known)) =
        named("unknown variant `").and_then(|rest| rest.split_once("`, expected "))
    {
        let known = known.strip_prefix("one of ").unwrap_or(known).replace('`', "");
        return format!("{variant:?} is none of {known}");
    }
    let mismatch = named("invalid type: ").or_else(|| named("invalid value: "));
    match mismatch.and_then(|rest| rest.rsplit_once(", expected ")) {
        Some((found, wanted)) => {
            format!("{} is expected, not {}", wanted_words(wanted), found_words(found))
        }
        None => message.to_owned(),
    }
}

/// What serde expected.
fn wanted_words(wanted: &str) -> String {
    let whole = |least: String, most: String| format!("a whole number from {least} to {most}");
    macro_rules! range {
        ($($name:ident),+) => {
            match wanted {
                $(stringify!($name) => return whole($name::MIN.to_string(), $name::MAX.to_string()),)+
                _ => {}
            }
        };
    }
    range!(u8, u16, u32, u64, usize, i8, i16, i32, i64);
    let first = wanted.split(' ').next().unwrap_or_default();
    let words = match (first, wanted) {
        ("struct", _) | (_, "a map" | "map") => "an object",
        ("tuple", _) | (_, "a sequence" | "sequence") => "a list",
        (_, "a string" | "string" | "a borrowed string" | "str") => "a text",
        (_, "a boolean" | "bool") => "true or false",
        (_, "f64" | "f32") => "a number",
        ("enum", _) | (_, "variant identifier" | "string or map") => "one of its names",
        _ => wanted,
    };
    words.to_owned()
}

/// What it found.
fn found_words(found: &str) -> String {
    let inside = |start: &str| Some(found.strip_prefix(start)?.trim_matches('`'));
    match found {
        "map" => return "an object".to_owned(),
        "sequence" => return "a list".to_owned(),
        "null" | "unit value" | "Option value" => return "nothing".to_owned(),
        _ => {}
    }
    if let Some(text) = inside("string ") {
        return format!("the text {text}");
    }
    let plain = ["integer ", "floating point ", "boolean ", "character "];
    let value = plain.iter().find_map(|kind| inside(kind));
    value.unwrap_or(found).to_owned()
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The name in serde's "unknown field `x`, expected one of `a`, `b`", and those that it knows.
fn unknown(message: &str) -> Option<(&str, Vec<&str>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (field, rest) = rest.split_once('`')?;
    Some((field, rest.split('`').skip(1).step_by(2).collect()))
}

/// A query.
#[derive(Debug, Clone)]
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::try_from_uri(&parts.uri).map_err(|rejection| {
            let text = rejection.to_string();
            let text = text.split_once(": ").map_or(text.as_str(), |(_, cause)| cause);
            match text.split_once(": ") {
                Some((field, message)) => expected(field, message),
                None => expected("", text),
            }
        });
        let axum::extract::Query(query) =
            query.map_err(|problem| Problem { kind: ProblemKind::Malformed, ..problem })?;
        Ok(Self(query))
    }
}

/// The names in a path.
#[derive(Debug, Clone)]
pub struct Ids<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Ids<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, state).await {
            Ok(Path(ids)) => Ok(Self(ids)),
            Err(PathRejection::FailedToDeserializePathParams(error)) => {
                Err(path_problem(error.into_kind()))
            }
            Err(error) if error.status() == StatusCode::BAD_REQUEST => {
                Err(Problem::malformed("the address can't be read"))
            }
            Err(error) => Err(Problem::internal(&error)),
        }
    }
}

fn path_problem(kind: ErrorKind) -> Problem {
    match kind {
        ErrorKind::DeserializeError { key, message, .. } => Problem::malformed(message).of(key),
        ErrorKind::ParseErrorAtKey { key, value, .. } => {
            Problem::malformed(format!("{value:?} is not one that can be")).of(key)
        }
        ErrorKind::ParseErrorAtIndex { value, .. } | ErrorKind::ParseError { value, .. } => {
            Problem::malformed(format!("{value:?} is not one that can be"))
        }
        ErrorKind::InvalidUtf8InPathParam { key } => {
            Problem::malformed("this part of the address is no text").of(key)
        }
        ErrorKind::Message(message) => Problem::malformed(message),
        other => Problem::malformed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;
    use crate::http::wire::{Amount, Date};

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[expect(dead_code, reason = "only read")]
    struct Plan {
        amount: Amount,
        until: Option<Date>,
        #[serde(default)]
        parts: Vec<Plan>,
    }

    #[test]
    fn what_is_wrong_with_a_body_is_said_with_its_field() {
        let usd = r#""amount": {"amount": "1.00", "currency": "USD"}"#;
        for (body, status, field, detail) in [
            ("".to_owned(), 400, None, "EOF"),
            ("{".to_owned(), 400, None, "EOF"),
            (format!("{{{usd}}} x"), 400, None, "trailing"),
            ("[1".to_owned(), 422, None, "an object is expected"),
            ("3".to_owned(), 422, None, "an object is expected, not 3"),
            ("{}".to_owned(), 422, Some("amount"), "amount is missing"),
            (format!("{{{usd}, \"untill\": 1}}"), 422, Some("untill"), "the nearest one is until"),
            (format!("{{{usd}, {usd}}}"), 422, Some("amount"), "is there twice"),
            (format!("{{{usd}, \"until\": \"2026-02-30\"}}"), 422, Some("until"), "is not a date"),
            (
                format!(
                    "{{{usd}, \"parts\": [{{\"amount\": {{\"amount\": \"1.005\", \"currency\": \"USD\"}}}}]}}"
                ),
                422,
                Some("parts[0].amount"),
                "finer",
            ),
            (
                format!(
                    "{{{usd}, \"parts\": [{{\"amount\": {{\"amount\": 1.5, \"currency\": \"USD\"}}}}]}}"
                ),
                422,
                Some("parts[0].amount.amount"),
                "1.5",
            ),
            (format!("{{{usd}, \"parts\": 1}}"), 422, Some("parts"), "a list is expected, not 1"),
            (
                format!("{{{usd}, \"parts\": [\"a\"]}}"),
                422,
                Some("parts[0]"),
                "an object is expected, not the text \"a\"",
            ),
            (
                format!("{{{usd}, \"parts\": [{{\"amunt\": 1}}]}}"),
                422,
                Some("parts[0].amunt"),
                "the nearest one is amount",
            ),
        ] {
            let problem = read_json::<Plan>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.kind.status().as_u16(), status, "for {body}: {}", problem.detail);
            assert_eq!(problem.field.as_deref(), field, "for {body}: {}", problem.detail);
            assert!(problem.detail.contains(detail), "for {body}: {}", problem.detail);
            assert!(
                status == 400 || !problem.detail.contains("at line"),
                "for {body}: {}",
                problem.detail
            );
        }
    }

    #[test]
    fn what_is_expected_is_said_without_the_names_of_types() {
        #[derive(Debug, Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Way {
            Card,
            Bank,
        }
        #[derive(Debug, Deserialize)]
        #[expect(dead_code, reason = "only read")]
        struct Wanted {
            count: Option<u32>,
            small: Option<i8>,
            text: Option<String>,
            flag: Option<bool>,
            list: Option<Vec<String>>,
            way: Option<Way>,
        }
        for (body, expected) in [
            (
                r#"{"count": "1e30"}"#,
                "a whole number from 0 to 4294967295 is expected, not the text \"1e30\"",
            ),
            (r#"{"count": -1}"#, "a whole number from 0 to 4294967295 is expected, not -1"),
            (r#"{"count": 1.5}"#, "a whole number from 0 to 4294967295 is expected, not 1.5"),
            (r#"{"small": 300}"#, "a whole number from -128 to 127 is expected, not 300"),
            (r#"{"text": 3}"#, "a text is expected, not 3"),
            (r#"{"text": {}}"#, "a text is expected, not an object"),
            (r#"{"flag": []}"#, "true or false is expected, not a list"),
            (r#"{"list": "a"}"#, "a list is expected, not the text \"a\""),
            (r#"{"list": [null]}"#, "a text is expected, not nothing"),
            (r#"{"way": "cash"}"#, "\"cash\" is none of card or bank"),
            (r#""acme""#, "an object is expected, not the text \"acme\""),
        ] {
            let problem = read_json::<Wanted>(body.as_bytes()).unwrap_err();
            assert_eq!(problem.detail, expected, "for {body}");
        }
        for (text, expected) in [
            ("invalid digit found in string", "a whole number is expected"),
            ("provided string was not `true` or `false`", "true or false is expected"),
            ("the day is not one", "the day is not one"),
        ] {
            assert_eq!(in_words(text), expected);
        }
    }

    #[tokio::test]
    async fn a_body_has_a_limit_whatever_it_says_of_itself() {
        let mut lying = HeaderMap::new();
        lying.insert(CONTENT_LENGTH, "3".parse().unwrap());
        let mut honest = HeaderMap::new();
        honest.insert(CONTENT_LENGTH, "11".parse().unwrap());
        for (headers, length, expected) in [
            (HeaderMap::new(), 10, Ok(10)),
            (HeaderMap::new(), 11, Err(ProblemKind::TooLarge)),
            (lying, 11, Err(ProblemKind::TooLarge)),
            (honest, 1, Err(ProblemKind::TooLarge)),
        ] {
            let read = read_body(&headers, Body::from("x".repeat(length)), 10).await;
            let read = read.map(|bytes| bytes.len()).map_err(|problem| problem.kind);
            assert_eq!(read, expected, "for {length} bytes");
        }
    }
}
