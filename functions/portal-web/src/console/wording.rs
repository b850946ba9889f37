//! The words of a firm's letters (LET-3): which are its own, and the page on which an admin words one.
//!
//! What is typed is too long for a cookie, so this page takes its own form: it looks at the words, shows what is wrong
//! beside them with everything that was typed, and hands what can be saved on to the function that saves it, as the
//! same request. It writes nothing itself. The preview is a frame of its own, from the words as they stand in the form
//! ([`super::frame`]).

use std::collections::{BTreeMap, BTreeSet};

use askama::Template;
use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use domain::id::{ClientId, TemplateName};
use domain::letter::{Language, LetterKind};
use domain::role::Role;
use letters::{MAX_SUBJECT_BYTES, MAX_TEMPLATE_BYTES, Placeholder, built_in_words, explained};
use serde::Deserialize;
use services::correspondence::preview::imagined;
use services::http::form::check_origin;
use services::http::{Problem, ProblemKind};
use services::office::templates::{Fault, as_own, faults};
use services::wording::own;
use store::{KnownTemplate, LetterTemplate, TemplateId, TemplateWords};

use super::{frame, segment};
use crate::State;
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Where letters are worded.
const HOME: &str = "/console/settings/letters";

/// How many clients the field for one proposes: whoever has more types the id.
const MAX_PROPOSED: usize = 200;

#[derive(Template)]
#[template(path = "console/letters_worded.html")]
struct ListPage {
    shell: Shell,
    is_admin: bool,
    language: &'static str,
    kinds: Vec<(&'static str, String)>,
    languages: Vec<(&'static str, &'static str)>,
    rows: Vec<Row>,
}

/// A letter and who words it.
struct Row {
    name: String,
    what: &'static str,
    texts: Vec<Words>,
}

/// Words of a letter.
struct Words {
    language: &'static str,
    path: String,
    /// The name by which a step asks for them.
    named: Option<String>,
    version: Option<u32>,
}

pub(crate) async fn list(visit: Visit) -> Result<Response, Failure> {
    let settings = visit.desk.firm.settings();
    let known = &settings.templates;
    let page = ListPage {
        is_admin: visit.may(&[Role::Admin]),
        language: settings.language.words(),
        kinds: LetterKind::ALL.map(|kind| (kind.as_str(), name(kind))).to_vec(),
        languages: Language::ALL.map(|language| (language.as_str(), language.words())).to_vec(),
        rows: LetterKind::ALL.into_iter().map(|kind| row(kind, known)).collect(),
        shell: visit.shell("Words of letters", "settings"),
    };
    Ok(render(&page))
}

fn row(kind: LetterKind, known: &[KnownTemplate]) -> Row {
    let usual = Language::ALL.map(|language| TemplateId { kind, language, name: None });
    let of_kind = known.iter().map(|known| &known.of).filter(|of| of.kind == kind).cloned();
    let all: BTreeSet<_> = usual.into_iter().chain(of_kind).collect();
    let words = |of: TemplateId| Words {
        version: known.iter().find(|known| known.of == of).map(|known| known.version),
        path: path(&of),
        language: of.language.words(),
        named: of.name.map(String::from),
    };
    Row { name: name(kind), what: what(kind), texts: all.into_iter().map(words).collect() }
}

fn name(kind: LetterKind) -> String {
    said::capitalised(&said::words(kind.as_str()))
}

/// When a letter is sent, in a sentence.
fn what(kind: LetterKind) -> &'static str {
    match kind {
        LetterKind::Reminder => "Before an invoice is due.",
        LetterKind::LockNotice => "Before the portal is locked.",
        LetterKind::LimitNotice => "Before a part of the portal closes.",
        LetterKind::CloseNotice => "Before the engagement may end.",
        LetterKind::Notice => "When an invoice is overdue.",
        LetterKind::DemandLetter => "With a lock, or as a step of the policy.",
        LetterKind::FinalDemand => "The last demand, as a step of the policy.",
        LetterKind::WelcomeBack => "When the portal is open again.",
        LetterKind::Receipt => "When a payment came.",
        LetterKind::PaymentFailed => "When a payment failed or came back.",
        LetterKind::PromiseConfirmation => "When a promise to pay is noted.",
        LetterKind::PlanConfirmation => "When a payment plan begins.",
        LetterKind::PayLink => "When staff send a link to pay with.",
        LetterKind::Message => "When staff write to the client.",
        LetterKind::Invitation => "When somebody is invited to the portal.",
        LetterKind::SignInLink => "When a contact asks for a link to sign in.",
    }
}

/// Where words are looked at.
fn path(of: &TemplateId) -> String {
    format!("{HOME}/{}?{}", of.kind.as_str(), query(of))
}

fn query(of: &TemplateId) -> String {
    let text = of.name.as_ref().map(|name| format!("&text={}", segment(name.as_str())));
    format!("language={}{}", of.language.as_str(), text.unwrap_or_default())
}

/// Where the function that keeps words takes them.
fn api_path(of: &TemplateId, act: &str) -> String {
    let text = of.name.as_ref().map(|name| format!("?text={}", segment(name.as_str())));
    let (kind, language) = (of.kind.as_str(), of.language.as_str());
    format!("/firm/v1/templates/{kind}/{language}{act}{}", text.unwrap_or_default())
}

/// Which words, in a page's address.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Which {
    #[serde(default)]
    language: Option<String>,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    client: Option<String>,
}

impl Which {
    fn of(&self, kind: &str) -> Result<TemplateId, Failure> {
        let missing = || Failure::not_found(format!("There is no letter {kind:?}."));
        let kind = LetterKind::from_name(kind).ok_or_else(missing)?;
        let language = self.language.as_deref().unwrap_or(Language::En.as_str()).parse();
        let language = language.map_err(|error: domain::letter::LanguageError| {
            Failure::not_found(said::capitalised(&error.to_string()))
        })?;
        let text = self.text.as_deref().filter(|text| !text.is_empty());
        let name = text.map(str::parse::<TemplateName>).transpose();
        let name = name.map_err(|error| Problem::malformed(error.to_string()))?;
        Ok(TemplateId { kind, language, name })
    }

    fn client(&self) -> &str {
        self.client.as_deref().unwrap_or_default().trim()
    }
}

/// Words for a step, as the list's form asks for them.
#[derive(Debug, Deserialize)]
pub(crate) struct Named {
    kind: String,
    #[serde(flatten)]
    which: Which,
}

/// On to the page of words that a step names.
pub(crate) async fn named(_: Visit, Query(asked): Query<Named>) -> Result<Response, Failure> {
    let of = asked.which.of(&asked.kind)?;
    Ok(Redirect::to(&path(&of)).into_response())
}

#[derive(Template)]
#[template(path = "console/letter_worded.html")]
struct WordingPage {
    shell: Shell,
    is_admin: bool,
    title: String,
    what: &'static str,
    language: &'static str,
    named: Option<String>,
    others: Vec<(&'static str, String)>,
    standing: String,
    version: Option<u32>,
    is_own: bool,
    parts: Vec<Part>,
    problem: Option<String>,
    placeholders: Vec<Placeholder>,
    client: String,
    clients: Vec<(String, String)>,
    path: String,
    view_path: String,
    api: String,
    test_api: String,
}

/// One part of a letter, in a field of its own.
struct Part {
    name: &'static str,
    label: &'static str,
    hint: &'static str,
    rows: u32,
    source: String,
    most: usize,
    fault: Option<String>,
}

/// What stands in the form.
struct Typed {
    words: TemplateWords,
    faults: Vec<Fault>,
    problem: Option<String>,
    client: String,
}

pub(crate) async fn show(
    visit: Visit,
    Path(kind): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Failure> {
    let of = which.of(&kind)?;
    let saved = visit.desk.store().letter_template(&of).await?;
    let words = saved.as_ref().map(|saved| saved.words.clone()).unwrap_or_default();
    let client = which.client().to_owned();
    let typed = Typed { words, faults: Vec::new(), problem: None, client };
    page(&visit, &of, saved.as_ref(), typed).await
}

async fn page(
    visit: &Visit,
    of: &TemplateId,
    saved: Option<&LetterTemplate>,
    typed: Typed,
) -> Result<Response, Failure> {
    let is_own = saved.is_some_and(|saved| !saved.words.is_empty());
    let other = |language: &Language| {
        (language.words(), path(&TemplateId { language: *language, ..of.clone() }))
    };
    let listed = super::all_clients(visit.desk.store()).await?.0;
    let proposed = listed.into_iter().take(MAX_PROPOSED);
    let standing = match saved.filter(|_| is_own) {
        Some(saved) => {
            let by =
                saved.author.as_ref().map_or_else(|| "the set-up".to_owned(), ToString::to_string);
            let zone = visit.desk.firm.settings().zone;
            let on = said::day(saved.saved_at.with_timezone(&zone).date_naive());
            format!("The firm's own words, version {} by {by} on {on}.", saved.version)
        }
        None => "The built-in words. What you change and save takes their place.".to_owned(),
    };
    let page = WordingPage {
        is_admin: visit.may(&[Role::Admin]),
        title: name(of.kind),
        what: what(of.kind),
        language: of.language.words(),
        named: of.name.as_ref().map(ToString::to_string),
        others: Language::ALL
            .iter()
            .filter(|language| **language != of.language)
            .map(other)
            .collect(),
        standing,
        version: saved.map(|saved| saved.version),
        is_own,
        parts: parts(of, &typed),
        problem: typed.problem,
        placeholders: explained(of.kind),
        client: typed.client,
        clients: proposed.map(|row| (row.client.to_string(), row.name.personal)).collect(),
        path: path(of),
        view_path: format!("{HOME}/{}/view?{}", of.kind.as_str(), query(of)),
        api: api_path(of, ""),
        test_api: api_path(of, "/test"),
        shell: visit.shell(format!("Words of the {}", said::words(of.kind.as_str())), "settings"),
    };
    Ok(render(&page))
}

fn parts(of: &TemplateId, typed: &Typed) -> Vec<Part> {
    let built_in = built_in_words(of.kind, of.language);
    let words = &typed.words;
    let part = |name,
                label,
                hint,
                rows,
                (own, built_in): (&Option<String>, Option<String>),
                most| Part {
        name,
        label,
        hint,
        rows,
        source: own.clone().or(built_in).unwrap_or_default(),
        most,
        fault: typed.faults.iter().find(|fault| fault.part == name).map(|fault| fault.what.clone()),
    };
    vec![
        part(
            "subject",
            "Subject",
            "One line.",
            3,
            (&words.subject, built_in.subject),
            MAX_SUBJECT_BYTES,
        ),
        part(
            "text",
            "Text",
            "For those who read text, from the salutation to the closing.",
            18,
            (&words.text, built_in.text),
            MAX_TEMPLATE_BYTES,
        ),
        part(
            "html",
            "HTML",
            "For everybody else: what stands between the salutation and the closing, which the system writes.",
            18,
            (&words.html, built_in.html),
            MAX_TEMPLATE_BYTES,
        ),
    ]
}

/// The fields of a form that a page takes itself.
fn read(
    visit: &Visit,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<BTreeMap<String, String>, Failure> {
    check_origin(headers)?;
    let fields: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    if fields.get("_token") != Some(&visit.shell("", "").token) {
        let detail =
            "this form is from another sign-in: go back, load the page again and send it once more";
        return Err(Problem::new(ProblemKind::Forbidden, detail).into());
    }
    Ok(fields)
}

fn typed_words(of: &TemplateId, fields: &BTreeMap<String, String>) -> TemplateWords {
    let field = |name: &str| {
        let text = fields.get(name).map(|text| text.replace("\r\n", "\n"));
        text.filter(|text| !text.trim().is_empty())
    };
    let words =
        TemplateWords { subject: field("subject"), text: field("text"), html: field("html") };
    as_own(of, words)
}

/// Looks at the words of the form: what is wrong stands beside them, and what isn't goes on to be saved.
pub(crate) async fn look(
    visit: Visit,
    Path(kind): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let of = which.of(&kind)?;
    let fields = read(&visit, &headers, &body)?;
    visit.desk.require(&[Role::Admin])?;
    let words = typed_words(&of, &fields);
    let saved = visit.desk.store().letter_template(&of).await?;
    let seen = fields.get("_match").map_or("", String::as_str);
    let newest = saved.as_ref().map(|saved| saved.version.to_string()).unwrap_or_default();
    let faults = faults(of.kind, &words);
    let problem = match &saved {
        Some(saved) if seen != newest => {
            let by =
                saved.author.as_ref().map_or_else(|| "somebody".to_owned(), ToString::to_string);
            Some(format!(
                "Meanwhile {by} saved version {}. What you typed is below; saved now, it replaces theirs.",
                saved.version
            ))
        }
        _ if words.is_empty() => {
            Some("These are the built-in words: there is nothing to save.".to_owned())
        }
        _ if faults.is_empty() => None,
        _ => Some("Nothing was saved yet: look at what is marked.".to_owned()),
    };
    if problem.is_none() {
        return Ok(Redirect::temporary(&api_path(&of, "")).into_response());
    }
    let client = fields.get("_client").cloned().unwrap_or_default();
    let page = page(&visit, &of, saved.as_ref(), Typed { words, faults, problem, client }).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// The letter in the words that are saved.
pub(crate) async fn view(
    visit: Visit,
    Shared(state): Shared<State>,
    Path(kind): Path<String>,
    Query(which): Query<Which>,
) -> Result<Response, Failure> {
    let of = which.of(&kind)?;
    let saved = visit.desk.store().letter_template(&of).await?;
    let words = saved.map(|saved| saved.words).unwrap_or_default();
    framed(&visit, &state, &of, &words, which.client()).await
}

/// The letter in the words of the form.
pub(crate) async fn try_out(
    visit: Visit,
    Shared(state): Shared<State>,
    Path(kind): Path<String>,
    Query(which): Query<Which>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Failure> {
    let of = which.of(&kind)?;
    let fields = read(&visit, &headers, &body)?;
    let words = typed_words(&of, &fields);
    let client = fields.get("_client").map_or("", |client| client.trim());
    framed(&visit, &state, &of, &words, client).await
}

async fn framed(
    visit: &Visit,
    state: &State,
    of: &TemplateId,
    words: &TemplateWords,
    client: &str,
) -> Result<Response, Failure> {
    let faults = faults(of.kind, words);
    if !faults.is_empty() {
        let label = |fault: &Fault| format!("{}: {}", said::capitalised(fault.part), fault.what);
        return Ok(frame::problems(&faults.iter().map(label).collect::<Vec<_>>()));
    }
    let client = match client {
        "" => None,
        id => match id.parse::<ClientId>() {
            Ok(id) => match visit.desk.view(&id).await {
                Ok(view) => Some(view),
                Err(problem) if problem.kind == ProblemKind::NotFound => {
                    return Ok(frame::problems(&[format!("There is no client {id}.")]));
                }
                Err(problem) => return Err(problem.into()),
            },
            Err(error) => return Ok(frame::problems(&[error.to_string()])),
        },
    };
    let url = state.sign_in.public_url();
    let desk = &visit.desk;
    let facts = match imagined(&desk.firm, of.kind, of.language, client.as_ref(), url, desk.now) {
        Ok(facts) => facts,
        Err(error) => return Ok(frame::problems(&[error.to_string()])),
    };
    match letters::render_own(&facts, &own(words)) {
        Ok(letter) => Ok(frame::letter(&letter)),
        Err(error) => Ok(frame::problems(&[platform::log::chain(&error)])),
    }
}

/// Whose words letters are in, for the list of what is set up.
pub(super) fn standing(known: &[KnownTemplate], language: Language) -> String {
    let of =
        |language: Language| known.iter().filter(|known| known.of.language == language).count();
    let own: Vec<_> = Language::ALL
        .into_iter()
        .filter(|language| 0 < of(*language))
        .map(|language| format!("{} in {}", of(language), language.words()))
        .collect();
    let usual = language.words();
    match own.is_empty() {
        true => format!("The built-in ones; in {usual} where a client says nothing else."),
        false => format!(
            "Own words for {}, else the built-in ones; in {usual} where a client says nothing else.",
            own.join(" and ")
        ),
    }
}
