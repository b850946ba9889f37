//! A letter in a frame of its own: its HTML as a mail program shows it, under a policy that lets it do nothing.
//!
//! No script runs in it, no form of it is sent, no link of it leads anywhere, and it can reach nothing of the page around
//! it, whatever a firm's words hold (SEC-6). Only a page of ours may have it as a frame.

use askama::Template;
use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, X_FRAME_OPTIONS};
use axum::response::{Html, IntoResponse, Response};
use letters::Rendered;

use crate::page::Failure;

/// Styles stand in letters, for mail programs read no other; pictures come from where the letter says.
const POLICY: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src 'self' https: data:; \
    form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

#[derive(Template)]
#[template(path = "console/frame.html")]
struct Frame<'a> {
    problems: &'a [String],
    letter: Option<&'a Rendered>,
}

/// A letter's subject, its text and its HTML.
pub(super) fn letter(letter: &Rendered) -> Response {
    framed(&Frame { problems: &[], letter: Some(letter) })
}

/// Why there is none.
pub(super) fn problems(problems: &[String]) -> Response {
    framed(&Frame { problems, letter: None })
}

/// A letter's HTML alone.
pub(super) fn html(html: String) -> Response {
    secured(html)
}

fn framed(frame: &Frame<'_>) -> Response {
    match frame.render() {
        Ok(html) => secured(html),
        Err(error) => Failure::from(services::http::Problem::internal(&error)).into_response(),
    }
}

fn secured(html: String) -> Response {
    let mut response = Html(html).into_response();
    let headers = response.headers_mut();
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("SAMEORIGIN"));
    response
}
