//! The portal: what a client's contacts see (ACC-1..4, POR-1, POR-4), and whoever holds a letter's link
//! (LET-7). One module per page; what they do is posted to `portal-api`.

mod ask;
mod checkout;
mod dashboard;
mod foretell;
mod invoices;
mod letter;
mod messages;
mod payments;
mod security;
pub(crate) mod sign_in;
mod statement;

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::header::{REFRESH, SET_COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::response::Response;
use axum::routing::get;
use domain::calendar::Day;
use domain::id::ClientId;
use identity::OpaqueToken;
use services::firm::Firm;
use services::http::form::{
    CONTACT_COOKIE, Flash, VISIT_COOKIE, form_token, read_cookie, set_cookie,
};
use services::http::{Problem, ProblemKind, RequestId};
use services::portal::Visitor;
use services::portal::pay::segment;

use crate::brand::Brand;
use crate::page::Failure;
use crate::{State, assets, said};

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/sign-in", get(sign_in::show))
        .route("/portal/sign-in/{token}", get(sign_in::link))
        .route("/portal", get(dashboard::all))
        .route("/portal/clients/{client}", get(dashboard::one))
        .route("/portal/clients/{client}/invoices", get(invoices::list))
        .route("/portal/clients/{client}/invoices/{invoice}", get(invoices::one))
        .route("/portal/clients/{client}/payments", get(payments::list))
        .route("/portal/clients/{client}/payments/{payment}", get(payments::receipt))
        .route("/portal/clients/{client}/checkouts/{checkout}", get(checkout::result))
        .route("/portal/clients/{client}/checkouts/{checkout}/pay", get(checkout::go))
        .route("/portal/clients/{client}/messages", get(messages::show))
        .route("/portal/clients/{client}/records", get(dashboard::records))
        .route("/portal/clients/{client}/statement", get(statement::show))
        .route("/portal/clients/{client}/statement/file", get(statement::file))
        .route("/portal/clients/{client}/dispute", get(ask::dispute))
        .route("/portal/clients/{client}/promise", get(ask::promise_page))
        .route("/portal/clients/{client}/plan", get(ask::plan))
        .route("/portal/clients/{client}/unlock", get(ask::unlock))
        .route("/portal/security", get(security::show))
        .route("/l/{token}", get(letter::show))
        .route("/l/{token}/checkouts/{checkout}", get(letter::result))
        .route("/l/{token}/checkouts/{checkout}/pay", get(letter::go))
}

/// A contact who looks at a page.
pub(crate) struct Guest {
    pub(crate) visitor: Visitor,
    cookie: String,
    path: String,
    flash: Option<Flash>,
}

impl FromRequestParts<State> for Guest {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Failure> {
        let path = parts.uri.path_and_query().map_or("/portal", |path| path.as_str()).to_owned();
        let sign_in = || Failure::SignIn { next: path.clone() };
        let cookie = read_cookie(&parts.headers, CONTACT_COOKIE).ok_or_else(sign_in)?;
        let entered = state.portal.enter(&cookie, &RequestId::of(parts)).await;
        let visitor = entered.map_err(|problem| match problem.kind {
            ProblemKind::Unauthorized => sign_in(),
            _ => Failure::Problem(problem),
        })?;
        let flash = Flash::of(&parts.headers);
        Ok(Self { visitor, cookie, path, flash })
    }
}

impl Guest {
    /// The frame of a page of that title, in that part of the portal.
    pub(crate) fn shell(&self, title: impl Into<String>, section: &'static str) -> Shell {
        let who = self.visitor.principal.called.as_str().to_owned();
        let day = self.visitor.firm.day(self.visitor.now);
        let shell = Shell::new(&self.visitor.firm, title, &self.cookie, day);
        let (path, flash) = (self.path.clone(), self.flash.clone());
        Shell { who: Some(who), section, path, flash, ..shell }
    }
}

/// What proves the forms of somebody who isn't signed in.
pub(crate) struct Stranger {
    visit: String,
    is_new: bool,
    path: String,
    flash: Option<Flash>,
    request_id: String,
}

impl FromRequestParts<State> for Stranger {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &State) -> Result<Self, Failure> {
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str()).to_owned();
        let known = read_cookie(&parts.headers, VISIT_COOKIE).filter(|visit| !visit.is_empty());
        let is_new = known.is_none();
        let visit = match known {
            Some(visit) => visit,
            None => {
                let token = OpaqueToken::random_256();
                token.map_err(|error| Problem::internal(&error))?.reveal().to_owned()
            }
        };
        let flash = Flash::of(&parts.headers);
        Ok(Self { visit, is_new, path, flash, request_id: RequestId::of(parts).0 })
    }
}

impl Stranger {
    fn shell(&self, firm: &Firm, title: impl Into<String>, day: Day) -> Shell {
        let shell = Shell::new(firm, title, &self.visit, day);
        Shell { path: self.path.clone(), flash: self.flash.clone(), ..shell }
    }

    /// With the cookie that the page's forms are proved by.
    fn keep(&self, mut response: Response) -> Response {
        let cookie = self.is_new.then(|| set_cookie(VISIT_COOKIE, &self.visit, None)).flatten();
        response.headers_mut().extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
        response
    }
}

/// What stands around a page of the portal.
pub(crate) struct Shell {
    pub(crate) title: String,
    pub(crate) section: &'static str,
    pub(crate) firm: String,
    pub(crate) is_test: bool,
    pub(crate) today: String,
    /// Who is signed in, if somebody is.
    pub(crate) who: Option<String>,
    /// Where answers to letters go.
    pub(crate) write_to: Option<String>,
    /// What its forms must hold.
    pub(crate) token: String,
    pub(crate) path: String,
    pub(crate) flash: Option<Flash>,
    /// The firm's own colour and picture.
    pub(crate) brand: Brand,
    /// The address to go on to at once.
    pub(crate) refresh: Option<String>,
}

impl Shell {
    fn new(firm: &Firm, title: impl Into<String>, cookie: &str, day: Day) -> Self {
        let settings = firm.settings();
        Self {
            title: title.into(),
            section: "",
            firm: settings.name.clone(),
            is_test: settings.is_test,
            today: said::day(day),
            who: None,
            write_to: settings.reply_to.clone().or_else(|| settings.mail_from.clone()),
            token: form_token(cookie),
            path: String::new(),
            flash: None,
            refresh: None,
            brand: Brand::of(firm),
        }
    }

    pub(crate) fn asset(&self, file: &str) -> String {
        assets::url(file)
    }

    /// A new name for one sending of a form: a second click does nothing.
    pub(crate) fn once(&self) -> String {
        OpaqueToken::random_128().map_or_else(|_| String::new(), |token| token.reveal().to_owned())
    }

    pub(crate) fn typed(&self, name: &str) -> &str {
        let typed = self.flash.as_ref().and_then(|flash| flash.typed.get(name));
        typed.map_or("", String::as_str)
    }

    pub(crate) fn is_wrong(&self, name: &str) -> bool {
        self.flash.as_ref().is_some_and(|flash| flash.field.as_deref() == Some(name))
    }
}

/// Where a client's pages begin.
fn client_path(client: &ClientId) -> String {
    format!("/portal/clients/{}", segment(client.as_str()))
}

/// A name as it stands in an address.
pub(crate) fn in_path(name: &str) -> String {
    segment(name)
}

/// Where a form that asks for a page to pay on goes on: the address of that page, by the name that it will have.
pub(crate) fn paying_path(path: &str) -> String {
    format!("{path}/checkouts/{{made}}/pay")
}

/// Where a mailed link leads: whoever came by an invitation may set a password first.
pub(crate) fn after_link(is_invitation: bool) -> &'static str {
    if is_invitation { "/portal/security" } else { "/portal" }
}

/// Whether a contact's cookie is there: where the front door leads.
pub(crate) fn has_session(headers: &HeaderMap) -> bool {
    read_cookie(headers, CONTACT_COOKIE).is_some_and(|cookie| !cookie.is_empty())
}

/// A page that sends the browser on at once, without a script: the header is what a redirect from a form
/// may not be, as the form's page allows no other site.
fn sending_on(mut response: Response, url: &str) -> Response {
    let value = HeaderValue::from_str(&format!("0; url={url}"));
    response.headers_mut().extend(value.ok().map(|value| (REFRESH, value)));
    response
}
