//! The letters of a test firm: none leaves the machine, and here they are read (TEST-1).

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use axum::{Extension, Json};
use domain::role::Role;
use domain::text::MAX_TEXT_BYTES;
use serde::Deserialize;
use services::http::{JsonBody, Problem};
use services::office::Desk;

use super::clock::test_system;
use crate::State;
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::test_system::{LetterHead, TestAnswer, TestNews, Unreadable};

/// Where news of a letter are made up.
pub(super) const NEWS: &str = "/console/mailbox/{letter}/news";

/// Where a letter is answered in the place of whoever got it.
pub(super) const ANSWERS: &str = "/console/mailbox/{letter}/answers";

/// Who makes them up: whoever moves the clock.
const HEARERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// How many stand on one page.
const PER_PAGE: usize = 50;

/// How many of a letter's links are listed: a letter has a few.
const MAX_LINKS: usize = 20;

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    #[serde(default)]
    page: usize,
}

#[derive(Template)]
#[template(path = "console/mailbox.html")]
struct MailboxPage {
    shell: Shell,
    rows: Vec<Row>,
    number: String,
    newer: Option<String>,
    older: Option<String>,
}

struct Row {
    path: String,
    to: String,
    subject: String,
    when: String,
}

impl Row {
    fn of(visit: &Visit, head: &LetterHead) -> Self {
        let zone = visit.desk.firm.settings().zone;
        let when = head.date.map(|date| date.with_timezone(&zone));
        Self {
            path: format!("/console/mailbox/{}", super::segment(&head.id)),
            to: head.to.clone(),
            subject: head.subject.clone(),
            when: when.map_or_else(String::new, |when| when.format("%b %-d, %Y %H:%M").to_string()),
        }
    }
}

fn missing() -> Failure {
    Failure::not_found("Only a test firm has a mailbox here.".to_owned())
}

fn unreadable(error: Unreadable) -> Failure {
    Failure::Problem(Problem::internal(&error))
}

pub(crate) async fn list(
    visit: Visit,
    Shared(state): Shared<State>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let test = test_system(&state, &visit.desk).ok_or_else(missing)?;
    let skip = place.page.saturating_mul(PER_PAGE);
    let listed = test.letters(visit.desk.firm.id(), skip, PER_PAGE).await;
    let (heads, number) = listed.map_err(unreadable)?;
    let address = |page: usize| format!("/console/mailbox?page={page}");
    let page = MailboxPage {
        rows: heads.iter().map(|head| Row::of(&visit, head)).collect(),
        number: crate::said::count(number, "letter"),
        newer: place.page.checked_sub(1).map(address),
        older: (skip.saturating_add(heads.len()) < number && !heads.is_empty())
            .then(|| address(place.page + 1)),
        shell: visit.shell("Mailbox", "mailbox"),
    };
    Ok(render(&page))
}

#[derive(Template)]
#[template(path = "console/mailbox_letter.html")]
struct LetterPage {
    shell: Shell,
    row: Row,
    from: String,
    reply_to: String,
    text: String,
    links: Vec<String>,
    may_hear: bool,
    max_length: usize,
}

pub(crate) async fn letter(
    visit: Visit,
    Shared(state): Shared<State>,
    Path(id): Path<String>,
) -> Result<Response, Failure> {
    let test = test_system(&state, &visit.desk).ok_or_else(missing)?;
    let found = test.letter(visit.desk.firm.id(), &id).await.map_err(unreadable)?;
    let no_letter = || Failure::not_found("There is no such letter.".to_owned());
    let found = found.ok_or_else(no_letter)?;
    let page = LetterPage {
        row: Row::of(&visit, &found.head),
        from: found.from,
        reply_to: found.reply_to,
        links: links(&found.text),
        may_hear: visit.may(HEARERS),
        max_length: MAX_TEXT_BYTES,
        text: found.text,
        shell: visit.shell(found.head.subject, "mailbox"),
    };
    Ok(render(&page))
}

/// What is to come of a letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// `returned`, `complained` or `arrived`.
    news: String,
}

/// Has news come of a letter, as the mail service would send them (TEST-1): the same function takes them.
pub(crate) async fn hear(
    desk: Desk,
    Extension(state): Extension<State>,
    // The door's router and the pages' have each matched it: the same name twice.
    Path(names): Path<BTreeMap<String, String>>,
    JsonBody(Wanted { news }): JsonBody<Wanted>,
) -> Result<Json<serde_json::Value>, Problem> {
    let none = || Problem::not_found("letter");
    let test = test_system(&state, &desk).ok_or_else(none)?;
    desk.require(HEARERS)?;
    let id = names.get("letter").ok_or_else(none)?;
    let news = match news.as_str() {
        "returned" => TestNews::Returned,
        "complained" => TestNews::Complained,
        "arrived" => TestNews::Arrived,
        _ => return Err(Problem::invalid("news", "returned, complained or arrived is expected")),
    };
    let heard = test.hear(desk.firm.id(), id, news).await;
    match heard.map_err(|error| Problem::internal(&error))? {
        true => Ok(Json(serde_json::json!({ "letter": id }))),
        false => Err(none()),
    }
}

/// What is answered to a letter.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Answer {
    text: String,
}

/// Answers a letter in the place of whoever got it (TEST-1): what takes in mail takes it.
pub(crate) async fn answer(
    desk: Desk,
    Extension(state): Extension<State>,
    Path(names): Path<BTreeMap<String, String>>,
    JsonBody(Answer { text }): JsonBody<Answer>,
) -> Result<Json<serde_json::Value>, Problem> {
    let none = || Problem::not_found("letter");
    let test = test_system(&state, &desk).ok_or_else(none)?;
    desk.require(HEARERS)?;
    let id = names.get("letter").ok_or_else(none)?;
    if text.trim().is_empty() || MAX_TEXT_BYTES < text.len() {
        let expected = format!("an answer of 1 to {MAX_TEXT_BYTES} bytes is expected");
        return Err(Problem::invalid("text", expected));
    }
    let answered = test.answer(desk.firm.id(), id, &text).await;
    match answered.map_err(|error| Problem::internal(&error))? {
        TestAnswer::Noted => Ok(Json(serde_json::json!({ "letter": id }))),
        TestAnswer::NoEffect => Err(Problem::invalid(
            "text",
            "nothing came of it: this mail is no letter to a client, or its client has too many unread messages",
        )),
        TestAnswer::NoLetter => Err(none()),
    }
}

/// The addresses in a letter's text, each once.
fn links(text: &str) -> Vec<String> {
    let mut links: Vec<String> = Vec::new();
    for word in text.split(|c: char| c.is_whitespace() || "<>\"()".contains(c)) {
        let link = word.trim_end_matches(['.', ',', ';', ':', '!', '?']);
        let is_link = link.starts_with("https://") || link.starts_with("http://");
        if is_link && links.len() < MAX_LINKS && !links.iter().any(|known| known == link) {
            links.push(link.to_owned());
        }
    }
    links
}

#[cfg(test)]
mod tests {
    use super::links;

    #[test]
    fn links_are_found_once_without_what_ends_a_sentence() {
        for (text, expected) in [
            ("Pay at https://p.example/i/1.", &["https://p.example/i/1"][..]),
            (
                "<https://p.example/a> (http://p.example/b), https://p.example/a",
                &["https://p.example/a", "http://p.example/b"],
            ),
            ("javascript:alert(1) mailto:ann@acme.example", &[]),
        ] {
            assert_eq!(links(text), expected, "in {text}");
        }
    }
}
