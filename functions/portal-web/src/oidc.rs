//! Staff sign in with the firm's issuer: OpenID Connect's code flow with PKCE (SEC-2).
//!
//! What comes back is the token that the API takes as well, kept in a cookie that no script reads; the
//! grant is read on each request, so there is no session of ours that could outlive it. The flow's state
//! and verifier wait in a cookie of ten minutes, which binds the answer to the browser that asked.

use std::time::Duration;

use axum::extract::State as Shared;
use axum::http::header::{LOCATION, SET_COOKIE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use identity::{OpaqueToken, TokenHash};
use serde::Deserialize;
use services::http::Problem;
use services::http::form::{
    FIRM_COOKIE, STAFF_COOKIE, check_origin, is_local_path, read_cookie, set_cookie,
};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

use crate::State;
use crate::extract::Query;
use crate::page::Failure;

/// Holds what an answer of the issuer is compared with.
const FLOW_COOKIE: &str = "__Host-portcullis-flow";

/// To type a password and a second factor, in seconds.
const FLOW_SECONDS: u32 = 600;

/// A person waits for this.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Where staff sign in.
#[derive(Debug, Clone)]
pub struct SignInSettings {
    /// Where people are sent.
    pub authorize_url: String,
    /// Where a code becomes a token.
    pub token_url: String,
    /// Who we are to the issuer: the tokens' audience.
    pub client_id: String,
    /// Where people reach us, without a path.
    pub public_url: String,
}

/// The issuer, as pages know it.
#[derive(Debug)]
pub struct SignIn {
    settings: SignInSettings,
    client: OnceCell<reqwest::Client>,
}

impl SignIn {
    /// With that issuer.
    pub fn new(settings: SignInSettings) -> Self {
        Self { settings, client: OnceCell::new() }
    }

    /// Where people reach us, without a path.
    pub(crate) fn public_url(&self) -> &str {
        self.settings.public_url.trim_end_matches('/')
    }

    fn return_url(&self) -> String {
        format!("{}/console/callback", self.settings.public_url.trim_end_matches('/'))
    }

    fn address(&self, state: &str, verifier: &str, wanted: &Wanted) -> String {
        let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()));
        let mut query = form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.settings.client_id)
            .append_pair("redirect_uri", &self.return_url())
            .append_pair("scope", "openid email profile")
            .append_pair("state", state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        if let Some(hint) = &wanted.login_hint {
            query.append_pair("login_hint", hint);
        }
        if wanted.again {
            query.append_pair("prompt", "login").append_pair("max_age", "0");
        }
        format!("{}?{}", self.settings.authorize_url, query.finish())
    }

    async fn exchange(&self, code: &str, verifier: &str) -> Result<Tokens, reqwest::Error> {
        let make = async || reqwest::Client::builder().timeout(TIMEOUT).build();
        let client = self.client.get_or_try_init(make).await?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("client_id", &self.settings.client_id),
            ("redirect_uri", &self.return_url()),
            ("code", code),
            ("code_verifier", verifier),
        ];
        let response = client.post(&self.settings.token_url).form(&fields).send().await?;
        response.error_for_status()?.json().await
    }
}

/// What the issuer gives for a code.
#[derive(Deserialize)]
struct Tokens {
    id_token: String,
    #[serde(default)]
    expires_in: Option<u32>,
}

/// Where somebody wanted to go, and as whom: a hint that the issuer may follow (OpenID Connect Core 3.1.2.1).
#[derive(Debug, Deserialize)]
pub(crate) struct Wanted {
    next: Option<String>,
    login_hint: Option<String>,
    /// Whether the issuer is to ask even whom it knows, for what needs a fresh second factor (SEC-6).
    #[serde(default)]
    again: bool,
}

impl Wanted {
    fn path(&self) -> &str {
        self.next.as_deref().filter(|next| is_local_path(next)).unwrap_or("/console")
    }
}

/// Sends the browser to the issuer.
pub(crate) async fn begin(
    Shared(state): Shared<State>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Failure> {
    let token = || OpaqueToken::random_256().map_err(|error| Problem::internal(&error));
    let (flow, verifier) = (token()?, token()?);
    let next = URL_SAFE_NO_PAD.encode(wanted.path());
    let cookie = format!("{}.{}.{next}", flow.reveal(), verifier.reveal());
    let address = state.sign_in.address(flow.reveal(), verifier.reveal(), &wanted);
    let mut response = Redirect::to(&address).into_response();
    response.headers_mut().extend(
        set_cookie(FLOW_COOKIE, &cookie, Some(FLOW_SECONDS)).map(|cookie| (SET_COOKIE, cookie)),
    );
    Ok(response)
}

/// What the issuer says.
#[derive(Debug, Deserialize)]
pub(crate) struct Answer {
    code: Option<String>,
    state: Option<String>,
    error: Option<String>,
}

/// Takes the issuer's answer, if it is one to this browser's question.
pub(crate) async fn callback(
    Shared(state): Shared<State>,
    headers: HeaderMap,
    Query(answer): Query<Answer>,
) -> Result<Response, Failure> {
    let again = |detail: &str| Failure::Problem(Problem::malformed(detail));
    if let Some(error) = answer.error {
        tracing::info!(error, "The issuer signed nobody in");
        return Err(again("you were not signed in: go back and try once more"));
    }
    let cookie = read_cookie(&headers, FLOW_COOKIE);
    let flow = cookie.as_deref().and_then(flow).ok_or_else(|| {
        again("this sign-in took longer than ten minutes or began in another browser: begin once more")
    })?;
    let shown = TokenHash::of(answer.state.as_deref().unwrap_or_default());
    let (Some(code), true) = (answer.code, shown == TokenHash::of(flow.state)) else {
        return Err(again("this sign-in doesn't belong to this browser: begin once more"));
    };
    let tokens = state.sign_in.exchange(&code, flow.verifier).await.map_err(|error| {
        tracing::warn!(error = %platform::log::chain(&error), "The issuer gave no token for a code");
        again("the sign-in could not be finished: begin once more")
    })?;
    let mut response = see(&flow.next);
    let cookies = [
        set_cookie(STAFF_COOKIE, &tokens.id_token, tokens.expires_in),
        set_cookie(FLOW_COOKIE, "", Some(0)),
    ];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    Ok(response)
}

/// What waits in the flow's cookie.
struct Flow<'a> {
    state: &'a str,
    verifier: &'a str,
    next: String,
}

fn flow(cookie: &str) -> Option<Flow<'_>> {
    let mut parts = cookie.split('.');
    let (state, verifier, next) = (parts.next()?, parts.next()?, parts.next()?);
    let next = String::from_utf8(URL_SAFE_NO_PAD.decode(next).ok()?).ok()?;
    let next = if is_local_path(&next) { next } else { "/console".to_owned() };
    Some(Flow { state, verifier, next })
}

/// Forgets who it was.
pub(crate) async fn sign_out(headers: HeaderMap) -> Result<Response, Failure> {
    check_origin(&headers)?;
    let mut response = see("/sign-in");
    for name in [STAFF_COOKIE, FIRM_COOKIE] {
        response
            .headers_mut()
            .extend(set_cookie(name, "", Some(0)).map(|cookie| (SET_COOKIE, cookie)));
    }
    Ok(response)
}

fn see(path: &str) -> Response {
    let to = HeaderValue::from_str(path).unwrap_or(HeaderValue::from_static("/console"));
    (StatusCode::SEE_OTHER, [(LOCATION, to)]).into_response()
}
