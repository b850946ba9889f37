//! A client's letters, as they wait or were sent, with what became of each (LET-3).

use askama::Template;
use axum::response::Response;
use domain::id::ClientId;
use domain::letter::{Content, LetterId, LetterState};
use store::{LetterRow, TemplateUse};

use super::client::{Head, Place, next_page, titled};
use super::client_path;
use super::papers::letter_path;
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

#[derive(Template)]
#[template(path = "console/client/letters.html")]
struct LettersPage {
    shell: Shell,
    head: Head,
    letters: Vec<LetterLine>,
    next: Option<String>,
    is_first: bool,
}

/// A letter in the list.
pub(super) struct LetterLine {
    pub(super) path: Option<String>,
    pub(super) kind: String,
    pub(super) state: &'static str,
    when: String,
    invoices: String,
    pub(super) delivery: Option<String>,
    problem: Option<String>,
}

impl LetterLine {
    pub(super) fn of(client: &ClientId, row: &LetterRow) -> Self {
        let letter = &row.letter;
        let (state, when) = match &letter.state {
            LetterState::Queued => ("waiting", format!("leaves {}", said::day(letter.leaves_on))),
            LetterState::Left(sending) => ("sent", said::day(sending.on)),
            LetterState::Withdrawn { on } => {
                ("withdrawn", format!("no longer true on {}", said::day(*on)))
            }
        };
        let has_left = matches!(letter.state, LetterState::Left(_));
        let number = letter.id.0;
        Self {
            path: has_left.then(|| format!("{}/letters/{number}", client_path(client))),
            kind: said::capitalised(&said::words(kind(letter))),
            state,
            when,
            invoices: invoices_of(letter).join(", "),
            delivery: delivery(row),
            problem: problem(row),
        }
    }
}

/// What became of it: what was heard last says more than that it left.
fn delivery(row: &LetterRow) -> Option<String> {
    let heard = row.heard.most().map(|(kind, _)| said::heard(kind).to_owned());
    heard.or_else(|| Some(said::words(&name(&row.delivery.as_ref()?.state))))
}

fn problem(row: &LetterRow) -> Option<String> {
    let heard = row.heard.most().and_then(|(_, news)| news.what.clone());
    heard.or_else(|| row.delivery.as_ref()?.problem.clone())
}

fn kind(letter: &domain::letter::Letter) -> &'static str {
    match (&letter.state, &letter.content) {
        (LetterState::Left(sending), _) => sending.kind.as_str(),
        (_, Content::Debt { parts }) => parts
            .iter()
            .map(|part| part.kind)
            .max()
            .map_or("letter", |kind| domain::letter::LetterKind::from(kind).as_str()),
        (_, content) => content.fixed_kind().map_or("letter", domain::letter::LetterKind::as_str),
    }
}

fn invoices_of(letter: &domain::letter::Letter) -> Vec<String> {
    let ids: std::collections::BTreeSet<_> = match (&letter.state, &letter.content) {
        (LetterState::Left(sending), _) => sending.invoices.iter().collect(),
        (_, Content::Debt { parts }) => parts.iter().flat_map(|part| &part.invoices).collect(),
        (
            _,
            Content::PromiseConfirmation { invoices, .. }
            | Content::PlanConfirmation { invoices }
            | Content::PayLink { invoices, .. },
        ) => invoices.iter().collect(),
        (_, Content::ChargeFailed { invoice, .. }) => std::iter::once(invoice).collect(),
        (
            _,
            Content::WelcomeBack
            | Content::LineWelcomeBack { .. }
            | Content::Receipt { .. }
            | Content::PaymentFailed { .. }
            | Content::Message { .. },
        ) => std::collections::BTreeSet::new(),
    };
    ids.into_iter().map(ToString::to_string).collect()
}

/// A plain enum's name as it is stored.
fn name(value: &impl serde::Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(name)) => name,
        Ok(serde_json::Value::Object(map)) => map.keys().next().cloned().unwrap_or_default(),
        _ => String::new(),
    }
}

pub(crate) async fn list(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(place): Query<Place>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let listed = visit.desk.store().letters(&client, &place.page()).await?;
    let page = LettersPage {
        head: Head::of(&view.loaded.account, "letters"),
        letters: listed.items.iter().map(|row| LetterLine::of(&client, row)).collect(),
        next: next_page(listed.next),
        is_first: place.cursor.is_none(),
        shell: titled(&visit, &view, "Letters"),
    };
    Ok(render(&page))
}

#[derive(Template)]
#[template(path = "console/client/letter.html")]
struct LetterPage {
    shell: Shell,
    head: Head,
    line: LetterLine,
    subject: String,
    from: String,
    to: String,
    text: Option<String>,
    /// Where its HTML is, if it was kept.
    html: Option<String>,
    words: Option<String>,
    /// Where it is on paper, if it is a demand.
    pdf: Option<String>,
    is_attached: bool,
}

/// In whose words it was written (LET-3).
fn in_words_of(used: &TemplateUse) -> String {
    let language = used.language.words();
    let named = used.name.as_ref().map(|name| format!(" “{name}”")).unwrap_or_default();
    match used.version {
        Some(version) => format!("the firm's own{named}, version {version}, in {language}"),
        None => format!("the built-in ones, in {language}"),
    }
}

/// Whether it is one that is made on paper, and left.
fn is_on_paper(row: &LetterRow) -> bool {
    match &row.letter.state {
        LetterState::Left(sending) => services::papers::letter::is_on_paper(sending.kind),
        LetterState::Queued | LetterState::Withdrawn { .. } => false,
    }
}

/// A letter's HTML as it went out, for the frame on its page.
pub(crate) async fn html(
    visit: Visit,
    Path((client, letter)): Path<(ClientId, u64)>,
) -> Result<Response, Failure> {
    let sent = visit.desk.store().sent_letter(&client, LetterId(letter)).await?;
    let words = sent.and_then(|sent| sent.words);
    let words = words.ok_or_else(|| Failure::not_found("There is no such letter.".to_owned()))?;
    Ok(super::frame::html(words.html.as_str().to_owned()))
}

pub(crate) async fn one(
    visit: Visit,
    Path((client, letter)): Path<(ClientId, u64)>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let (store, id) = (visit.desk.store(), LetterId(letter));
    let missing = || Failure::not_found("There is no such letter.".to_owned());
    let row = store.letter(&client, id).await?.ok_or_else(missing)?;
    let sent = store.sent_letter(&client, id).await?.ok_or_else(missing)?;
    let page = LetterPage {
        head: Head::of(&view.loaded.account, "letters"),
        line: LetterLine::of(&client, &row),
        subject: sent.subject.as_str().to_owned(),
        from: sent.from,
        to: sent.to.as_str().to_owned(),
        html: sent
            .words
            .is_some()
            .then(|| format!("{}/letters/{letter}/html", client_path(&client))),
        words: sent.template.as_ref().map(in_words_of),
        pdf: is_on_paper(&row).then(|| letter_path(&client, letter)),
        is_attached: sent.paper.is_some_and(|paper| paper.is_attached),
        text: sent.words.map(|words| words.text.as_str().to_owned()),
        shell: titled(&visit, &view, "Letter"),
    };
    Ok(render(&page))
}
