//! What all pages have in common: the frame, the headers that keep a browser safe, and the page for
//! when something is not as it should be.

use askama::Template;
use axum::extract::FromRequestParts;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, SET_COOKIE,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{Html, IntoResponse, Redirect, Response};
use domain::role::Role;
use domain::text::sentence;
use identity::OpaqueToken;
use services::http::form::{
    FIRM_COOKIE, FLASH_COOKIE, Flash, STAFF_COOKIE, form_token, read_cookie, set_cookie,
};
use services::http::{Problem, ProblemKind, RequestId};
use services::office::Desk;
use services::office::door::enter;

use crate::brand::Brand;
use crate::console::runs::told;
use crate::{State, assets, said};

/// No inline script or style, nothing from elsewhere, no frame around it (SEC-6). In it there may be one of ours, which
/// brings a policy of its own.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; \
    connect-src 'self'; font-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'";

const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");
const OPENER: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Pages may not be kept, framed, or run what isn't ours.
pub(crate) async fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "same-origin"),
        (PERMISSIONS, "camera=(), microphone=(), geolocation=(), payment=()"),
        (OPENER, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for (name, value) in
        [(CONTENT_SECURITY_POLICY, POLICY), (X_FRAME_OPTIONS, "DENY"), (CACHE_CONTROL, "no-store")]
    {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// A member of staff who looks at a page.
pub(crate) struct Visit {
    /// What the API's door gives as well.
    pub(crate) desk: Desk,
    cookie: String,
    path: String,
    flash: Option<Flash>,
    has_test_system: bool,
}

impl FromRequestParts<State> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, state: &State) -> Result<Self, Failure> {
        let uri = &parts.uri;
        let path = uri.path_and_query().map_or("/console", |path| path.as_str()).to_owned();
        let cookie = read_cookie(&parts.headers, STAFF_COOKIE);
        let cookie = cookie.ok_or_else(|| Failure::SignIn { next: path.clone() })?;
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::from_str(&format!("Bearer {cookie}"));
        headers.extend(bearer.ok().map(|bearer| (http::header::AUTHORIZATION, bearer)));
        let firm = read_cookie(&parts.headers, FIRM_COOKIE);
        let firm = firm.and_then(|firm| HeaderValue::from_str(&firm).ok());
        headers.extend(firm.map(|firm| (HeaderName::from_static(identity::FIRM_HEADER), firm)));
        let entered = enter(&state.office, &headers, &RequestId::of(parts)).await;
        let desk = entered.map_err(|problem| match problem.kind {
            ProblemKind::Unauthorized => Failure::SignIn { next: path.clone() },
            _ => Failure::Problem(problem),
        })?;
        let (flash, has_test_system) = (Flash::of(&parts.headers), state.test_system.is_some());
        Ok(Self { desk, cookie, path, flash, has_test_system })
    }
}

impl Visit {
    /// The frame of a page of that title, in that part of the console.
    pub(crate) fn shell(&self, title: impl Into<String>, section: &'static str) -> Shell {
        let settings = self.desk.firm.settings();
        let grant = &self.desk.principal.grant;
        let roles: Vec<_> = grant.roles.iter().map(|role| said::words(role.as_str())).collect();
        Shell {
            title: title.into(),
            section,
            firm: settings.name.clone(),
            is_test: settings.is_test,
            today: said::day(self.desk.day()),
            who: grant.name.clone(),
            roles: roles.join(", "),
            token: form_token(&self.cookie),
            path: self.path.clone(),
            flash: self.flash.clone(),
            has_test_system: settings.is_test && self.has_test_system,
            stopped: settings.stop.as_ref().map(told),
            brand: Brand::of(&self.desk.firm),
        }
    }

    /// Whether somebody with one of these roles looks.
    pub(crate) fn may(&self, roles: &[Role]) -> bool {
        self.desk.principal.grant.has(roles)
    }
}

/// What stands around a page of the console.
pub(crate) struct Shell {
    /// What the page is called.
    pub(crate) title: String,
    /// Which part of the navigation it belongs to.
    pub(crate) section: &'static str,
    pub(crate) firm: String,
    pub(crate) is_test: bool,
    pub(crate) today: String,
    pub(crate) who: String,
    pub(crate) roles: String,
    /// What its forms must hold.
    pub(crate) token: String,
    pub(crate) path: String,
    pub(crate) flash: Option<Flash>,
    /// The firm's own colour and picture.
    pub(crate) brand: Brand,
    /// Whether its day can be moved here, and its letters read.
    pub(crate) has_test_system: bool,
    /// Who stopped locks and letters of the firm, and why, if somebody did (LOCK-10).
    pub(crate) stopped: Option<String>,
}

impl Shell {
    /// The address of a file that pages load.
    pub(crate) fn asset(&self, file: &str) -> String {
        assets::url(file)
    }

    /// A new name for one sending of a form: a second click does nothing.
    pub(crate) fn once(&self) -> String {
        OpaqueToken::random_128().map_or_else(|_| String::new(), |token| token.reveal().to_owned())
    }

    /// What was typed in a field of a form that was refused.
    pub(crate) fn typed(&self, name: &str) -> &str {
        let typed = self.flash.as_ref().and_then(|flash| flash.typed.get(name));
        typed.map_or("", String::as_str)
    }

    /// Why a form was refused.
    pub(crate) fn problem(&self) -> &str {
        self.flash.as_ref().filter(|flash| !flash.is_done).map_or("", |flash| &flash.text)
    }

    /// Whether a field of a form was refused.
    pub(crate) fn is_wrong(&self, name: &str) -> bool {
        let field = self.flash.as_ref().and_then(|flash| flash.field.as_deref());
        // To the API an amount is one field, whose currency stands in another one of the form.
        let (name, kind) = name.split_once(':').unwrap_or((name, ""));
        // Of a list in one field any item may be at fault.
        let is_item = |field: &str| {
            kind == "list" && field.strip_prefix(name).is_some_and(|rest| rest.starts_with('['))
        };
        field.is_some_and(|field| {
            field == name || name.strip_suffix(".amount") == Some(field) || is_item(field)
        })
    }
}

/// A rendered page.
pub(crate) fn render(template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => {
            let mut response = Html(html).into_response();
            // It has been said now.
            if let Some(gone) = set_cookie(FLASH_COOKIE, "", Some(0)) {
                response.headers_mut().append(SET_COOKIE, gone);
            }
            response
        }
        Err(error) => Failure::Problem(Problem::internal(&error)).into_response(),
    }
}

/// Why there is no page.
#[derive(Debug)]
pub enum Failure {
    /// Somebody has to sign in first.
    SignIn {
        /// Where they wanted to go.
        next: String,
    },
    /// What the API would say.
    Problem(Problem),
}

impl Failure {
    pub(crate) fn not_found(detail: String) -> Self {
        Self::Problem(Problem::new(ProblemKind::NotFound, detail))
    }
}

impl<E: Into<Problem>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    title: &'static str,
    detail: String,
    css: String,
    icon: String,
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let problem = match self {
            Self::SignIn { next } => {
                let next: String = form_urlencoded::byte_serialize(next.as_bytes()).collect();
                return Redirect::to(&format!("/sign-in?next={next}")).into_response();
            }
            Self::Problem(problem) => problem,
        };
        let status = problem.kind.status();
        let title = match status {
            StatusCode::NOT_FOUND => "Not found",
            StatusCode::FORBIDDEN => "No access",
            StatusCode::SERVICE_UNAVAILABLE => "Try again in a moment",
            status if status.is_client_error() => "That can't be shown",
            _ => "Something went wrong here",
        };
        let page = FailurePage {
            title,
            detail: sentence(&problem.detail),
            css: assets::url("app.css"),
            icon: assets::url("icon.svg"),
        };
        match page.render() {
            Ok(html) => (status, Html(html)).into_response(),
            Err(_) => (status, [(CONTENT_TYPE, "text/plain")], title).into_response(),
        }
    }
}
