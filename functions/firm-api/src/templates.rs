//! A firm's own words for its letters (LET-3): read by staff, saved by an admin who looked at the newest version, tried
//! on a client or a sample before, and by mail to oneself.

use std::collections::BTreeSet;

use axum::Json;
use axum::http::header::ETAG;
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use domain::id::{ClientId, TemplateName};
use domain::letter::{Language, LetterKind};
use domain::role::Role;
use letters::{Own, built_in_words, explained};
use serde::{Deserialize, Serialize};
use services::correspondence::preview::imagined;
use services::http::etag::{etag, require_match};
use services::http::{Ids, JsonBody, Listing, Params, Problem, ProblemKind};
use services::office::Desk;
use services::office::templates::{Fault, SaveError, Saved, faults, save};
use services::tell::{TrialError, mail_trial};
use services::wording::own;
use store::{LetterTemplate, TemplateId, TemplateWords};
use utoipa::{IntoParams, ToSchema};

use crate::Means;

/// The letter and the language in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfLetter {
    /// The letter's kind, such as `notice`.
    kind: String,
    /// `en` or `es`.
    language: String,
}

/// Which of a letter's words.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OfStep {
    /// The name by which a step of a policy asks for them; those of every letter of the kind, if not said.
    #[param(value_type = Option<String>)]
    text: Option<TemplateName>,
}

fn id(of: &OfLetter, step: OfStep) -> Result<TemplateId, Problem> {
    let kind = LetterKind::from_name(&of.kind).ok_or_else(|| {
        let known = LetterKind::ALL.map(LetterKind::as_str).join(", ");
        Problem::not_found(&format!("letter; there are {known}")).of("kind")
    })?;
    let language = of.language.parse();
    let language = language.map_err(|error: domain::letter::LanguageError| {
        Problem::new(ProblemKind::NotFound, error.to_string()).of("language")
    })?;
    Ok(TemplateId { kind, language, name: step.text })
}

/// Words in a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TemplateInList {
    /// Of which letter.
    #[schema(example = "notice")]
    kind: &'static str,
    /// In which language.
    #[schema(example = "es")]
    language: &'static str,
    /// The name by which a step of a policy asks for them.
    text: Option<String>,
    /// The version of the firm's own; none: the built-in ones.
    version: Option<u32>,
}

/// All letters in all languages: in the firm's own words or the built-in ones.
#[utoipa::path(get, path = "/firm/v1/templates", tag = "templates", operation_id = "list_templates",
    responses((status = 200, body = Listing<TemplateInList>)))]
pub(crate) async fn list(desk: Desk) -> Result<Json<Listing<TemplateInList>>, Problem> {
    let known = &desk.firm.settings().templates;
    let usual = LetterKind::ALL
        .into_iter()
        .flat_map(|kind| Language::ALL.map(|language| TemplateId { kind, language, name: None }));
    let all: BTreeSet<_> = usual.chain(known.iter().map(|known| known.of.clone())).collect();
    let row = |of: TemplateId| TemplateInList {
        version: known.iter().find(|known| known.of == of).map(|known| known.version),
        kind: of.kind.as_str(),
        language: of.language.as_str(),
        text: of.name.map(String::from),
    };
    Ok(Json(Listing::whole(all.into_iter().map(row).collect())))
}

/// A firm's words for a letter.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownTemplate {
    /// Of which letter.
    #[schema(example = "notice")]
    kind: &'static str,
    /// In which language.
    #[schema(example = "es")]
    language: &'static str,
    /// The name by which a step of a policy asks for them.
    text_name: Option<String>,
    /// Their version; none: there never were any.
    version: Option<u32>,
    /// Who saved it.
    author: Option<String>,
    /// When, by the firm's clock.
    saved_at: Option<String>,
    /// The firm's own words; what is not there is said in the built-in ones.
    own: Words,
    /// The built-in words.
    built_in: Words,
    /// What can be named in them.
    placeholders: Vec<ShownPlaceholder>,
}

/// What a letter says.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(crate) struct Words {
    /// Its subject.
    subject: Option<String>,
    /// Its text.
    text: Option<String>,
    /// What is inside its HTML, between the firm's head and the closing.
    html: Option<String>,
}

impl From<Own> for Words {
    fn from(own: Own) -> Self {
        let Own { subject, text, html } = own;
        Self { subject, text, html }
    }
}

/// Something that a letter's words can name.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ShownPlaceholder {
    /// Its name; `[]` stands for each of a list.
    #[schema(example = "invoices[].due_on")]
    name: String,
    /// What it stands for.
    meaning: &'static str,
    /// What it says in a sample letter.
    example: Option<String>,
}

fn shown(of: &TemplateId, saved: Option<&LetterTemplate>) -> ShownTemplate {
    let placeholder = |known: letters::Placeholder| ShownPlaceholder {
        name: known.name,
        meaning: known.meaning,
        example: known.example,
    };
    ShownTemplate {
        kind: of.kind.as_str(),
        language: of.language.as_str(),
        text_name: of.name.as_ref().map(ToString::to_string),
        version: saved.map(|saved| saved.version),
        author: saved.and_then(|saved| saved.author.as_ref().map(ToString::to_string)),
        saved_at: saved.map(|saved| saved.saved_at.to_rfc3339()),
        own: saved.map(|saved| own(&saved.words).into()).unwrap_or_default(),
        built_in: built_in_words(of.kind, of.language).into(),
        placeholders: explained(of.kind).into_iter().map(placeholder).collect(),
    }
}

/// The words of a letter: the firm's own, the built-in ones beside them, and what they can name.
#[utoipa::path(get, path = "/firm/v1/templates/{kind}/{language}", tag = "templates", operation_id = "get_template",
    params(OfLetter, OfStep), responses((status = 200, body = ShownTemplate)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(of): Ids<OfLetter>,
    Params(step): Params<OfStep>,
) -> Result<impl IntoResponse, Problem> {
    let of = id(&of, step)?;
    let saved = desk.store().letter_template(&of).await?;
    Ok((tagged(saved.as_ref()), Json(shown(&of, saved.as_ref()))))
}

/// New words: what is left out is said in the built-in ones.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWords {
    /// The subject.
    #[serde(default)]
    subject: Option<String>,
    /// The text.
    #[serde(default)]
    text: Option<String>,
    /// What is inside the HTML.
    #[serde(default)]
    html: Option<String>,
}

impl NewWords {
    fn words(self) -> TemplateWords {
        TemplateWords { subject: self.subject, text: self.text, html: self.html }
    }
}

/// Saves the firm's own words for a letter, as an admin.
///
/// A placeholder that this kind of letter doesn't have is refused, with its line and the nearest known one; and so are
/// a demand that leaves out what a demand has to say, and a letter that signs somebody in without its link.
/// `If-Match` names the version that these words replace; where there never were any, none is needed.
#[utoipa::path(put, path = "/firm/v1/templates/{kind}/{language}", tag = "templates", operation_id = "save_template",
    params(OfLetter, OfStep, ("If-Match" = Option<String>, Header, description = "The version looked at")),
    request_body = NewWords,
    responses((status = 201, body = ShownTemplate), (status = 200, body = ShownTemplate)))]
pub(crate) async fn put(
    desk: Desk,
    Ids(of): Ids<OfLetter>,
    Params(step): Params<OfStep>,
    headers: HeaderMap,
    JsonBody(new): JsonBody<NewWords>,
) -> Result<impl IntoResponse, Problem> {
    let words = new.words();
    if words.is_empty() {
        let detail = "a subject, a text or an HTML is expected; to go back to the built-in words, delete these";
        return Err(Problem::invalid("text", detail));
    }
    written(&desk, &id(&of, step)?, words, &headers).await
}

/// Goes back to the built-in words of a letter, as an admin. A text that a policy's step names stays.
#[utoipa::path(delete, path = "/firm/v1/templates/{kind}/{language}", tag = "templates",
    operation_id = "remove_template",
    params(OfLetter, OfStep, ("If-Match" = Option<String>, Header, description = "The version looked at")),
    responses((status = 200, body = ShownTemplate)))]
pub(crate) async fn remove(
    desk: Desk,
    Ids(of): Ids<OfLetter>,
    Params(step): Params<OfStep>,
    headers: HeaderMap,
) -> Result<impl IntoResponse, Problem> {
    let of = id(&of, step)?;
    let (_, tag, body) = written(&desk, &of, TemplateWords::default(), &headers).await?;
    Ok((tag, body))
}

type Written = (StatusCode, HeaderMap, Json<ShownTemplate>);

async fn written(
    desk: &Desk,
    of: &TemplateId,
    words: TemplateWords,
    headers: &HeaderMap,
) -> Result<Written, Problem> {
    desk.require(&[Role::Admin])?;
    let newest = desk.store().letter_template(of).await?;
    require_match(headers, newest.as_ref().map(|newest| newest.version.into()))?;
    let ended = save(&desk.firm, of, words, newest.as_ref(), &desk.caller, desk.now).await;
    let (status, saved) = match ended.map_err(refused)? {
        Saved::New(saved) => (StatusCode::CREATED, Some(saved)),
        Saved::Same(saved) => (StatusCode::OK, Some(saved).filter(|saved| 0 < saved.version)),
        Saved::Stale => {
            let detail = "it was changed meanwhile; read it again";
            return Err(Problem::new(ProblemKind::PreconditionFailed, detail).of("If-Match"));
        }
    };
    let tag = tagged(saved.as_ref());
    Ok((status, tag, Json(shown(of, saved.as_ref()))))
}

/// The version, where there is one.
fn tagged(saved: Option<&LetterTemplate>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let tag = saved.and_then(|saved| etag(saved.version.into()).parse().ok());
    headers.extend(tag.map(|tag| (ETAG, tag)));
    headers
}

fn refused(error: SaveError) -> Problem {
    match error {
        SaveError::Faulty(fault) => faulty(fault),
        SaveError::TooMany => Problem::new(ProblemKind::Conflict, error.to_string()),
        SaveError::Named(_) => {
            let problem = Problem::new(ProblemKind::Conflict, error.to_string());
            Problem { rule: Some("POL-3"), ..problem }
        }
        SaveError::Policy(error) => error.into(),
        SaveError::Store(error) => error.into(),
    }
}

fn faulty(fault: Fault) -> Problem {
    let problem = Problem::invalid(fault.part, fault.what);
    Problem { rule: Some("LET-3"), line: fault.line, ..problem }
}

/// What to try.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Trial {
    /// The client whose facts it is written from; a sample's, if not said.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    client: Option<ClientId>,
    /// The subject to try; with none of the three the saved words are tried.
    #[serde(default)]
    subject: Option<String>,
    /// The text to try.
    #[serde(default)]
    text: Option<String>,
    /// The HTML to try.
    #[serde(default)]
    html: Option<String>,
}

/// A letter that was not sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TriedLetter {
    /// Its subject.
    subject: String,
    /// Its text.
    text: String,
    /// Its HTML.
    html: String,
}

/// Renders a letter with a client's facts or a sample's, and changes nothing. Its link opens nothing.
#[utoipa::path(post, path = "/firm/v1/templates/{kind}/{language}/preview", tag = "templates",
    operation_id = "preview_template", params(OfLetter, OfStep), request_body = Trial,
    responses((status = 200, body = TriedLetter)))]
pub(crate) async fn preview(
    desk: Desk,
    means: Means,
    Ids(of): Ids<OfLetter>,
    Params(step): Params<OfStep>,
    JsonBody(trial): JsonBody<Trial>,
) -> Result<Json<TriedLetter>, Problem> {
    let letters::Rendered { subject, text, html } =
        rendered(&desk, &means, &id(&of, step)?, trial).await?;
    Ok(Json(TriedLetter { subject, text, html }))
}

async fn rendered(
    desk: &Desk,
    means: &Means,
    of: &TemplateId,
    trial: Trial,
) -> Result<letters::Rendered, Problem> {
    let Trial { client, subject, text, html } = trial;
    let mut words = TemplateWords { subject, text, html };
    if words.is_empty() {
        let saved = desk.store().letter_template(of).await?;
        words = saved.map(|saved| saved.words).unwrap_or_default();
    }
    if let Some(fault) = faults(of.kind, &words).into_iter().next() {
        return Err(faulty(fault));
    }
    let view = match &client {
        Some(client) => Some(desk.view(client).await?),
        None => None,
    };
    let url = &means.public_url;
    let facts = imagined(&desk.firm, of.kind, of.language, view.as_ref(), url, desk.now);
    let facts = facts
        .map_err(|error| Problem::new(ProblemKind::Conflict, error.to_string()).of("client"))?;
    letters::render_own(&facts, &own(&words))
        .map_err(|error| Problem::invalid("text", platform::log::chain(&error)))
}

/// Where a letter on trial went.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TrialSent {
    /// To which address: the caller's own.
    to: String,
}

/// Mails a letter to the caller's own address, marked as a test. Its link opens nothing.
#[utoipa::path(post, path = "/firm/v1/templates/{kind}/{language}/test", tag = "templates",
    operation_id = "test_template", params(OfLetter, OfStep), request_body = Trial,
    responses((status = 200, body = TrialSent)))]
pub(crate) async fn test(
    desk: Desk,
    means: Means,
    Ids(of): Ids<OfLetter>,
    Params(step): Params<OfStep>,
    JsonBody(trial): JsonBody<Trial>,
) -> Result<Json<TrialSent>, Problem> {
    let letter = rendered(&desk, &means, &id(&of, step)?, trial).await?;
    let sent = mail_trial(&desk.firm, desk.staff(), &letter, desk.now).await;
    let to = sent.map_err(|error| match error {
        TrialError::SetUp(_) => {
            let problem = Problem::new(ProblemKind::Conflict, error.to_string());
            Problem { rule: Some("LET-2"), ..problem }
        }
        TrialError::NoAddress | TrialError::ComesBack | TrialError::WantsNone => {
            Problem::new(ProblemKind::Conflict, error.to_string())
        }
        TrialError::Random(error) => Problem::internal(&error),
        TrialError::Store(error) => error.into(),
    })?;
    Ok(Json(TrialSent { to: to.as_str().to_owned() }))
}
