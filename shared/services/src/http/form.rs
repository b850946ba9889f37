//! What a page's form posts, taken as the request that it stands for (contracts §4): the same address,
//! the same checks, the same once-only key as for a program, and a redirect instead of JSON.
//!
//! A browser sends its cookie whoever made it ask, so a form counts only if it comes from a page of
//! ours: by what the browser says of its origin, and by a token that only such a page knows (SEC-6). A
//! request without the cookie, or with a token of its own, passes untouched.
//!
//! A form with a file is a request whose body is that file, and whose query holds the other fields; so is one with
//! a document that was typed.

use std::collections::BTreeMap;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST, IF_MATCH, LOCATION, ORIGIN, REFERER,
    SET_COOKIE,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bytes::Bytes;
use cookie::Cookie;
use http_body_util::BodyExt;
use identity::TokenHash;
use identity::access::FIRM_HEADER;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Problem, ProblemKind, body, once, read_body};

/// Holds a member of staff's token. The prefix makes browsers refuse it from anywhere but this host.
pub const STAFF_COOKIE: &str = "__Host-portcullis-staff";

/// Holds a contact's session.
pub const CONTACT_COOKIE: &str = "__Host-portcullis-contact";

/// Holds what forms of somebody who isn't signed in are proved by, and nothing else.
pub const VISIT_COOKIE: &str = "__Host-portcullis-visit";

/// Which of their firms they look at.
pub const FIRM_COOKIE: &str = "__Host-portcullis-firm";

/// What became of a form, for the next page.
pub const FLASH_COOKIE: &str = "__Host-portcullis-said";

/// What browsers say of where a request comes from.
const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The largest form: a policy document with room to spare.
const MAX_FORM: usize = 128 * 1024;

/// The largest form with a file: the largest file that a function takes, and what stands around it.
const MAX_UPLOAD: usize = 5 * 1024 * 1024 + MAX_FORM;

/// The file that functions take from forms, unless the form says that it is a picture; what a browser says
/// of it differs from machine to machine.
const FILE_TYPE: &str = "text/csv";

/// A picture, of whichever kind: who takes it looks at its bytes.
const PICTURE_TYPE: &str = "application/octet-stream";

/// The field that holds a whole document: the request's body is its text, and the other fields are the query.
const DOCUMENT: &str = "_document";

/// Such a document is YAML, which JSON is too.
const DOCUMENT_TYPE: &str = "application/yaml";

/// In the address of the next page: the name of what the form made.
const MADE: &str = "{made}";

/// The most fields of a form: a plan of some 60 instalments has three each.
const MAX_FIELDS: usize = 300;

/// The largest index in a field's name, for the same reason.
const MAX_INDEX: usize = 100;

/// Browsers keep cookies of 4 096 bytes; what was typed stays away when it doesn't fit.
const MAX_FLASH: usize = 3_500;

/// What is said to who signed in too long ago for what the form asks.
const AGAIN: &str =
    "You have signed in again. Nothing was done yet: look it over, and send it once more.";

/// For how long it is remembered what became of a form, in seconds: until the next page.
const FLASH_SECONDS: u32 = 60;

/// For how long what was not done waits: whoever signs in again on the way takes as long as a sign-in may.
const TYPED_SECONDS: u32 = 600;

/// What became of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flash {
    /// Whether it was done.
    pub is_done: bool,
    /// In a sentence.
    pub text: String,
    /// The field at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What the answer shows once, such as a link's address: it is kept nowhere else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shown: Option<String>,
    /// What was typed, if it was not done.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub typed: BTreeMap<String, String>,
}

impl Flash {
    /// The cookie that says it.
    pub fn cookie(&self) -> Option<HeaderValue> {
        let short = Self { typed: BTreeMap::new(), ..self.clone() };
        let written = [self, &short].into_iter().find_map(|flash| {
            let text = URL_SAFE_NO_PAD.encode(serde_json::to_vec(flash).ok()?);
            (text.len() <= MAX_FLASH).then_some(text)
        });
        let seconds = if self.is_done { FLASH_SECONDS } else { TYPED_SECONDS };
        set_cookie(FLASH_COOKIE, &written?, Some(seconds))
    }

    /// What a request's cookie says.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(read_cookie(headers, FLASH_COOKIE)?).ok()?;
        serde_json::from_slice(&bytes).ok()
    }
}

/// A request's cookie of that name.
pub fn read_cookie(headers: &HeaderMap, name: &str) -> Option<String> {
    let values = headers.get_all(http::header::COOKIE).iter();
    let mut cookies = values.filter_map(|value| value.to_str().ok()).flat_map(Cookie::split_parse);
    cookies.find_map(|cookie| {
        cookie.ok().filter(|cookie| cookie.name() == name).map(|cookie| cookie.value().to_owned())
    })
}

/// A cookie for this host alone, that no script reads: for so many seconds, or until the browser ends.
pub fn set_cookie(name: &str, value: &str, seconds: Option<u32>) -> Option<HeaderValue> {
    let age = seconds.map(|seconds| format!("; Max-Age={seconds}")).unwrap_or_default();
    let text = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    HeaderValue::from_str(&text).ok()
}

/// What a form of a page must hold: only who knows the cookie can make it.
pub fn form_token(cookie: &str) -> String {
    TokenHash::of(&format!("form\n{cookie}")).to_string()
}

/// Whose pages forms come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pages {
    /// The staff's.
    Console,
    /// The contacts', and those of whoever isn't signed in.
    Portal,
}

impl Pages {
    /// The cookies that prove a form, and whether the person is signed in by that one.
    fn cookies(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Console => &[(STAFF_COOKIE, true)],
            Self::Portal => &[(CONTACT_COOKIE, true), (VISIT_COOKIE, false)],
        }
    }

    /// Where it goes on if nothing else is said.
    fn home(self) -> &'static str {
        match self {
            Self::Console => "/console",
            Self::Portal => "/portal",
        }
    }
}

/// The same addresses, for forms of the console as well.
pub fn with_forms(router: Router) -> Router {
    with_forms_of(router, Pages::Console)
}

/// The same addresses, for forms as well.
pub fn with_forms_of(router: Router, pages: Pages) -> Router {
    Router::new().fallback_service(router).layer(from_fn_with_state(pages, take))
}

async fn take(State(pages): State<Pages>, request: Request, next: Next) -> Response {
    let form = match body::media_type(request.headers()).as_deref() {
        Some("application/x-www-form-urlencoded") => Some(Kind::Fields),
        Some("multipart/form-data") => Some(Kind::WithFile),
        _ => None,
    };
    let form = form.filter(|_| *request.method() == Method::POST);
    let known = Known::of(pages, request.headers());
    match form {
        Some(kind)
            if !known.cookies.is_empty() && !request.headers().contains_key(AUTHORIZATION) =>
        {
            let page = page_of(request.headers());
            let translated = translated(request, kind, &known, next).await;
            translated.unwrap_or_else(|problem| refused(problem, page.as_deref()))
        }
        _ => next.run(request).await,
    }
}

/// What a browser has of ours.
struct Known {
    pages: Pages,
    /// What each cookie holds, and whether the person is signed in by it.
    cookies: Vec<(String, bool)>,
}

impl Known {
    fn of(pages: Pages, headers: &HeaderMap) -> Self {
        let cookies = pages.cookies().iter();
        let cookies = cookies
            .filter_map(|(name, is_signed_in)| Some((read_cookie(headers, name)?, *is_signed_in)));
        Self { pages, cookies: cookies.collect() }
    }
}

/// How a form is written.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Fields,
    WithFile,
}

/// The page that a form stands on, as far as the browser says it.
fn page_of(headers: &HeaderMap) -> Option<String> {
    let page: http::Uri = headers.get(REFERER)?.to_str().ok()?.parse().ok()?;
    let is_ours = page.authority()?.as_str() == headers.get(HOST)?.to_str().ok()?;
    let path = page.path_and_query()?.as_str();
    (is_ours && is_local_path(path)).then(|| path.to_owned())
}

/// What can't be read leads back to its page; what may not be sent leads nowhere.
fn refused(problem: Problem, page: Option<&str>) -> Response {
    match (problem.kind, page) {
        (ProblemKind::TooLarge | ProblemKind::Malformed | ProblemKind::Invalid, Some(page)) => {
            let (text, field) = (problem.detail, problem.field);
            see(page, &Flash { is_done: false, text, field, ..Flash::default() })
        }
        _ => problem.into_response(),
    }
}

async fn translated(
    request: Request,
    kind: Kind,
    known: &Known,
    next: Next,
) -> Result<Response, Problem> {
    let (mut parts, body) = request.into_parts();
    check_origin(&parts.headers)?;
    let (form, file) = match kind {
        Kind::Fields => (Form::read(&read_body(&parts.headers, body, MAX_FORM).await?)?, None),
        Kind::WithFile => {
            let bytes = read_body(&parts.headers, body, MAX_UPLOAD).await?;
            let (form, file) = Form::read_parts(&parts.headers, bytes).await?;
            (form, Some(file))
        }
    };
    let signed_in = form.check(known)?;
    let headers = &mut parts.headers;
    let firm = read_cookie(headers, FIRM_COOKIE);
    let header =
        |text: &str| HeaderValue::from_str(text).map_err(|error| Problem::internal(&error));
    if let Some(token) = signed_in {
        headers.insert(AUTHORIZATION, header(&format!("Bearer {token}"))?);
    }
    if let Some(firm) = firm.and_then(|firm| HeaderValue::from_str(&firm).ok()) {
        headers.insert(FIRM_HEADER, firm);
    }
    if let Some(key) = form.control("_once") {
        headers.insert(once::HEADER, header(key)?);
    }
    // Which version the page showed: what replaces it wholly says so.
    if let Some(version) = form.control("_match") {
        headers.insert(IF_MATCH, header(&format!("\"{version}\""))?);
    }
    headers.remove(CONTENT_LENGTH);
    let (media_type, body) = match file {
        Some(file) => {
            parts.uri = form.queried(&parts.uri)?;
            let is_picture = form.control("_file") == Some("picture");
            (if is_picture { PICTURE_TYPE } else { FILE_TYPE }, file)
        }
        None if form.control(DOCUMENT).is_some() => {
            parts.uri = form.queried(&parts.uri)?;
            (DOCUMENT_TYPE, form.control(DOCUMENT).unwrap_or_default().to_owned().into())
        }
        None => match form.json() {
            Ok(json) => {
                let json = serde_json::to_vec(&json);
                ("application/json", json.map_err(|error| Problem::internal(&error))?.into())
            }
            Err(problem) => return Ok(form.refused(problem, known.pages.home())),
        },
    };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    match form.control("_method") {
        Some("delete") => parts.method = Method::DELETE,
        Some("patch") => parts.method = Method::PATCH,
        Some("put") => parts.method = Method::PUT,
        _ => {}
    }
    let request = Request::from_parts(parts, Body::from(body));
    let answer = next.run(request).await;
    let cookies: Vec<_> = answer.headers().get_all(SET_COOKIE).iter().cloned().collect();
    let mut shown = form.answer(answer, known.pages.home(), signed_in.is_some()).await;
    // Who signs in or out by a form is given, or loses, the cookie for it.
    shown.headers_mut().extend(cookies.into_iter().map(|cookie| (SET_COOKIE, cookie)));
    Ok(shown)
}

/// Browsers say where a request comes from; another site's is refused.
pub fn check_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let site = headers.get(FETCH_SITE);
    let is_foreign_site = site.is_some_and(|site| site != "same-origin");
    let origin = headers.get(ORIGIN).map(|origin| origin.to_str().unwrap_or_default());
    let host = headers.get(HOST).and_then(|host| host.to_str().ok());
    let is_foreign_origin = origin
        .is_some_and(|origin| origin.split_once("://").map(|(_, authority)| authority) != host);
    if is_foreign_site || is_foreign_origin {
        return Err(Problem::new(
            ProblemKind::Forbidden,
            "this form was not sent from a page of ours",
        ));
    }
    Ok(())
}

/// What a browser sent.
struct Form {
    fields: Vec<(String, String)>,
}

impl Form {
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let fields: Vec<_> =
            form_urlencoded::parse(bytes).into_owned().take(MAX_FIELDS + 1).collect();
        if MAX_FIELDS < fields.len() {
            let detail = format!("a form has at most {MAX_FIELDS} fields");
            return Err(Problem::new(ProblemKind::TooLarge, detail));
        }
        Ok(Self { fields })
    }

    /// Reads a form with a file; where none was chosen, it is an empty one.
    async fn read_parts(headers: &HeaderMap, bytes: Bytes) -> Result<(Self, Bytes), Problem> {
        let malformed = |error: multer::Error| Problem::malformed(format!("no form: {error}"));
        let said = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
        let boundary = multer::parse_boundary(said.unwrap_or_default()).map_err(malformed)?;
        let whole = futures::stream::once(async { Ok::<_, std::convert::Infallible>(bytes) });
        let mut parts = multer::Multipart::new(whole, boundary);
        let (mut fields, mut file) = (Vec::new(), None);
        while let Some(part) = parts.next_field().await.map_err(malformed)? {
            let name = part.name().unwrap_or_default().to_owned();
            if part.file_name().is_none() {
                fields.push((name, part.text().await.map_err(malformed)?));
            } else if file.replace(part.bytes().await.map_err(malformed)?).is_some() {
                return Err(Problem::malformed("a form has one file"));
            }
            if MAX_FIELDS < fields.len() {
                let detail = format!("a form has at most {MAX_FIELDS} fields");
                return Err(Problem::new(ProblemKind::TooLarge, detail));
            }
        }
        Ok((Self { fields }, file.unwrap_or_default()))
    }

    /// The address with the fields as its query. What was left empty is left out.
    fn queried(&self, uri: &http::Uri) -> Result<http::Uri, Problem> {
        let fields = self
            .fields
            .iter()
            .filter(|(name, value)| !name.starts_with('_') && !value.trim().is_empty());
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(fields);
        let address = format!("{}?{}", uri.path(), query.finish());
        address.parse().map_err(|_| Problem::malformed("the form's fields are too long"))
    }

    /// A field for us rather than for the function: its name begins with `_`.
    fn control(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The token of whoever sent it, if they are signed in.
    fn check<'a>(&self, known: &'a Known) -> Result<Option<&'a str>, Problem> {
        let shown = TokenHash::of(self.control("_token").unwrap_or_default());
        let is_shown = |cookie: &str| shown == TokenHash::of(&form_token(cookie));
        let proof = known.cookies.iter().find(|(cookie, _)| is_shown(cookie));
        match proof {
            Some((token, is_signed_in)) => Ok(is_signed_in.then_some(token.as_str())),
            None => Err(Problem::new(
                ProblemKind::Forbidden,
                "this form is from another sign-in: go back, load the page again and send it once more",
            )),
        }
    }

    /// Where to go: a path of ours and no other site's.
    fn path<'a>(&'a self, name: &str, home: &'a str) -> &'a str {
        let path = self.control(name).unwrap_or(home);
        if is_local_path(path) { path } else { home }
    }

    /// The body that a program would have sent: `a.b` is a field of a field, `a[0]` an item of a list,
    /// `a[]` one more, `a:bool` and `a:int` are no texts, `a:list` is what stands between commas and `a:lines` what stands on
    /// a line each; `a:secret` is a text that waits in no cookie. What was left
    /// empty is left out, but for `a:clear`, which is then none, and `a:list`, which is then a list without items.
    fn json(&self) -> Result<Value, Problem> {
        let mut json = Map::new();
        let is_said = |name: &str, value: &str| {
            !value.trim().is_empty() || name.ends_with(":clear") || name.ends_with(":list")
        };
        let fields = self
            .fields
            .iter()
            .filter(|(name, value)| !name.starts_with('_') && is_said(name, value));
        for (name, value) in fields {
            let malformed = || Problem::malformed(format!("there is no field {name:?}"));
            let (name, kind) = name.split_once(':').unwrap_or((name, "text"));
            let value = match kind {
                "bool" => Value::Bool(matches!(value.as_str(), "true" | "on" | "yes")),
                "int" => value
                    .trim()
                    .parse::<i64>()
                    .map_err(|_| {
                        Problem::invalid(name, format!("{value:?} is not a whole number"))
                    })?
                    .into(),
                "clear" if value.trim().is_empty() => Value::Null,
                "list" => listed(value).map(Value::from).collect(),
                "lines" => value
                    .lines()
                    .map(str::trim)
                    .filter(|line| !line.is_empty())
                    .map(Value::from)
                    .collect(),
                // Copied from another page, often with a blank beside it.
                "secret" => Value::String(value.trim().to_owned()),
                _ => Value::String(value.replace("\r\n", "\n")),
            };
            let steps = steps(name).ok_or_else(malformed)?;
            let (first, rest) = steps.split_first().ok_or_else(malformed)?;
            let Step::Field(first) = first else { return Err(malformed()) };
            put(json.entry(first.clone()).or_insert(Value::Null), rest, value)
                .ok_or_else(malformed)?;
        }
        let mut json = Value::Object(json);
        close_up(&mut json);
        Ok(json)
    }

    /// Back to the form with what can't be meant, and what was typed.
    fn refused(&self, problem: Problem, home: &str) -> Response {
        let (text, field) = (problem.detail, problem.field);
        let flash = Flash { is_done: false, text, field, typed: self.typed(), shown: None };
        see(self.path("_back", home), &flash)
    }

    /// Back to a page: the next one, or the same with what is wrong.
    async fn answer(&self, response: Response, home: &str, is_signed_in: bool) -> Response {
        let status = response.status();
        let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
        let made = location.and_then(|location| location.rsplit('/').next()).map(str::to_owned);
        if status.is_success() {
            // A form that says nothing itself goes on without a word.
            let is_silent =
                self.fields.iter().any(|(name, said)| name == "_said" && said.is_empty());
            let text = if is_silent { "" } else { self.control("_said").unwrap_or("Done.") };
            let text = text.to_owned();
            let body = response.into_body().collect().await.map(|body| body.to_bytes());
            let answer = body.ok().and_then(|body| serde_json::from_slice::<Value>(&body).ok());
            let told = |name: &str| answer.as_ref()?.get(name)?.as_str().map(str::to_owned);
            let then = self.next_page(made.or_else(|| told("id").map(encoded)), home);
            let shown = self.control("_show").and_then(told);
            return see(&then, &Flash { is_done: true, text, shown, ..Flash::default() });
        }
        let told: Told = match response.into_body().collect().await {
            Ok(body) => serde_json::from_slice(&body.to_bytes()).unwrap_or_default(),
            Err(_) => Told::default(),
        };
        if status == StatusCode::UNAUTHORIZED && is_signed_in {
            let next = encoded(self.path("_back", home).to_owned());
            return match told.rule.as_deref() {
                // Signed in, but too long ago: the issuer asks again, and what was typed waits (SEC-6).
                Some("SEC-6") => {
                    let text = AGAIN.to_owned();
                    let flash = Flash { text, typed: self.typed(), ..Flash::default() };
                    see(&format!("/console/sign-in?again=true&next={next}"), &flash)
                }
                _ => see(&format!("/sign-in?next={next}"), &Flash::default()),
            };
        }
        let text = told.detail.unwrap_or_else(|| format!("That was not possible ({status})."));
        let typed = self.typed();
        // What was refused and kept all the same has a page that says more.
        match (made, self.path("_then", home)) {
            (Some(made), then) if then.contains(MADE) => {
                see(&then.replace(MADE, &made), &Flash::default())
            }
            _ => see(
                self.path("_back", home),
                &Flash { is_done: false, text, field: told.field, typed, shown: None },
            ),
        }
    }

    /// What is shown again in the form's fields.
    fn typed(&self) -> BTreeMap<String, String> {
        self.fields.iter().filter(|(name, _)| is_shown_again(name)).cloned().collect()
    }

    /// Where it goes on, with the name of what was made where the address asks for it.
    fn next_page(&self, made: Option<String>, home: &str) -> String {
        let then = self.path("_then", home);
        match made {
            _ if !then.contains(MADE) => then.to_owned(),
            Some(made) => then.replace(MADE, &made),
            None => home.to_owned(),
        }
    }
}

fn encoded(name: String) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect()
}

/// Whether what was typed there may wait in a cookie: nothing that lets somebody in (SEC-5).
fn is_shown_again(name: &str) -> bool {
    !name.starts_with('_')
        && !name.contains("password")
        && !name.ends_with(":secret")
        && name != "link"
}

/// Whether a redirect to it stays here.
pub fn is_local_path(path: &str) -> bool {
    let mut bytes = path.bytes();
    bytes.next() == Some(b'/')
        && !matches!(bytes.next(), Some(b'/' | b'\\'))
        && path.bytes().all(|byte| byte.is_ascii_graphic())
}

/// What a problem tells.
#[derive(Debug, Default, Deserialize)]
struct Told {
    detail: Option<String>,
    field: Option<String>,
    rule: Option<String>,
}

/// Sends the browser to another page, with what to say there.
pub fn see(path: &str, flash: &Flash) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    headers.insert(
        LOCATION,
        HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/console")),
    );
    if !flash.text.is_empty()
        && let Some(cookie) = flash.cookie()
    {
        headers.append(SET_COOKIE, cookie);
    }
    response
}

enum Step {
    Field(String),
    Item(usize),
    More,
}

fn steps(name: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    for part in name.split('.') {
        let (field, mut rest) = part.split_at(part.find('[').unwrap_or(part.len()));
        if field.is_empty() {
            return None;
        }
        steps.push(Step::Field(field.to_owned()));
        while !rest.is_empty() {
            let (index, after) = rest.strip_prefix('[')?.split_once(']')?;
            steps.push(match index {
                "" => Step::More,
                index => Step::Item(index.parse().ok().filter(|index| *index < MAX_INDEX)?),
            });
            rest = after;
        }
    }
    Some(steps)
}

/// Puts a value at its place; `None`: something else is there.
fn put(at: &mut Value, steps: &[Step], value: Value) -> Option<()> {
    let Some((step, rest)) = steps.split_first() else {
        return at.is_null().then(|| *at = value);
    };
    match step {
        Step::Field(name) => {
            if at.is_null() {
                *at = Value::Object(Map::new());
            }
            put(at.as_object_mut()?.entry(name.clone()).or_insert(Value::Null), rest, value)
        }
        Step::Item(_) | Step::More => {
            if at.is_null() {
                *at = Value::Array(Vec::new());
            }
            let items = at.as_array_mut()?;
            let index = if let Step::Item(index) = step { *index } else { items.len() };
            if items.len() <= index {
                items.resize(index + 1, Value::Null);
            }
            put(items.get_mut(index)?, rest, value)
        }
    }
}

/// A currency that a form fixed, beside an amount that was left empty.
fn is_bare_currency(value: &Value) -> bool {
    value.as_object().is_some_and(|fields| fields.len() == 1 && fields.contains_key("currency"))
}

/// What stands between commas in a field.
pub fn listed(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|item| !item.is_empty())
}

/// What is left of a row of which nothing was filled in.
fn is_empty(value: &Value) -> bool {
    value.as_object().is_some_and(Map::is_empty)
}

/// Rows of a form that were left empty leave no holes in a list.
fn close_up(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.iter_mut().for_each(close_up);
            items.retain(|item| !item.is_null() && !is_bare_currency(item) && !is_empty(item));
        }
        Value::Object(fields) => {
            fields.values_mut().for_each(close_up);
            fields.retain(|_, field| !is_bare_currency(field));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests;
