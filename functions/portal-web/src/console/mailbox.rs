//! The letters of a test firm: none leaves the machine, and here they are read (TEST-1).

use askama::Template;
use axum::extract::{Path, Query, State as Shared};
use axum::response::Response;
use serde::Deserialize;
use services::http::Problem;

use super::clock::test_system;
use crate::State;
use crate::page::{Failure, Shell, Visit, render};
use crate::test_system::{LetterHead, Unreadable};

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
        text: found.text,
        shell: visit.shell(found.head.subject, "mailbox"),
    };
    Ok(render(&page))
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
