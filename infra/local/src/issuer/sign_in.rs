//! The issuer's sign-in page: the code flow with PKCE, for a browser (RFC 6749, RFC 7636).
//!
//! Whoever sits at this machine picks a person of the demo firm; a real issuer would ask for a password
//! and a second factor here. Everything after that click is as with a real one: a code that works once,
//! for one minute, for whoever holds the verifier.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use axum::extract::{Form, Query, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_SECURITY_POLICY;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use identity::{OpaqueToken, Subject, TokenHash};
use platform::clock::Clock;
use serde::Deserialize;
use serde_json::json;

use super::{AUDIENCE, Claim, ISSUER_PATH, Issuer};

/// How long a code waits to be taken.
const CODE_LASTS: TimeDelta = TimeDelta::minutes(1);

/// How long a sign-in lasts: a working day.
const SIGN_IN_LASTS: TimeDelta = TimeDelta::hours(10);

/// The most codes that wait at once: nobody clicks that often in a minute.
const MAX_CODES: usize = 1_000;

/// Somebody who can sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// As in their grant.
    pub subject: Subject,
    /// As what, for the page.
    pub what: String,
}

/// A code that was given and not yet taken.
struct Given {
    subject: Subject,
    redirect_uri: String,
    challenge: String,
    until: DateTime<Utc>,
}

#[derive(Clone)]
struct Desk {
    issuer: Issuer,
    public_url: String,
    people: Arc<Vec<Person>>,
    codes: Arc<Mutex<BTreeMap<String, Given>>>,
    clock: Arc<dyn Clock>,
}

/// The page and the two addresses behind it, for these people of the system at that address.
pub fn router(
    issuer: Issuer,
    public_url: &str,
    people: Vec<Person>,
    clock: Arc<dyn Clock>,
) -> Router {
    let public_url = public_url.to_owned();
    let desk = Desk { issuer, public_url, people: Arc::new(people), codes: Arc::default(), clock };
    let pages = Router::new()
        .route("/authorize", get(page).post(chosen))
        .route("/token", post(token))
        .with_state(desk);
    Router::new().nest(ISSUER_PATH, pages)
}

/// What the one who sends a browser here asks for.
#[derive(Debug, Clone, Deserialize)]
struct Asked {
    response_type: String,
    client_id: String,
    redirect_uri: String,
    #[serde(default)]
    state: String,
    code_challenge: String,
    code_challenge_method: String,
    login_hint: Option<String>,
}

impl Desk {
    /// Only ours may ask, and only with PKCE: an open redirect would hand codes out.
    fn check(&self, asked: &Asked) -> Result<(), Refused> {
        let is_known = asked.client_id == AUDIENCE && asked.response_type == "code";
        let is_bound = asked.code_challenge_method == "S256" && !asked.code_challenge.is_empty();
        let is_ours = asked
            .redirect_uri
            .strip_prefix(&self.public_url)
            .is_some_and(|rest| rest.starts_with('/'));
        if is_known && is_bound && is_ours { Ok(()) } else { Err(Refused) }
    }
}

/// Nothing that a person could mend.
struct Refused;

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let text = "this sign-in was not asked for by the system on this machine";
        (StatusCode::BAD_REQUEST, text).into_response()
    }
}

async fn page(State(desk): State<Desk>, Query(asked): Query<Asked>) -> Result<Response, Refused> {
    desk.check(&asked)?;
    let mut query = form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("response_type", &asked.response_type),
        ("client_id", &asked.client_id),
        ("redirect_uri", &asked.redirect_uri),
        ("state", &asked.state),
        ("code_challenge", &asked.code_challenge),
        ("code_challenge_method", &asked.code_challenge_method),
    ] {
        query.append_pair(name, value);
    }
    let query = escaped(&query.finish());
    let mut people = String::new();
    // Who came by a link of their own is asked for no other name; whoever it is not goes back by the other.
    let hinted = |person: &&Person| Some(person.subject.as_str()) == asked.login_hint.as_deref();
    let is_hinted = desk.people.iter().any(|person| hinted(&person));
    for person in desk.people.iter().filter(|person| !is_hinted || hinted(person)) {
        let (name, what) = (escaped(person.subject.as_str()), escaped(&person.what));
        // Writing to a text can't fail.
        let _written = write!(
            people,
            "<li><form method=\"post\" action=\"{ISSUER_PATH}/authorize?{query}\"><button name=\"person\" value=\"{name}\">\
             <strong>{name}</strong> <span>{what}</span></button></form></li>"
        );
    }
    let (question, others) = match is_hinted {
        true => {
            let others =
                format!("<p><a href=\"{ISSUER_PATH}/authorize?{query}\">Somebody else</a></p>");
            ("Is this you?", others)
        }
        false => ("Who are you?", String::new()),
    };
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>Sign in to the demo firm</title><style>{STYLE}</style></head><body><main><h1>Sign in to the demo firm</h1>\
         <p>This page stands in for your firm's sign-in page, on this machine only. {question}</p><ul>{people}</ul>{others}</main></body></html>"
    );
    // Forms lead back to the system, which browsers count as the same form's way.
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";
    Ok(([(CONTENT_SECURITY_POLICY, policy)], Html(html)).into_response())
}

const STYLE: &str = ":root{color-scheme:light dark}body{margin:0;background:Canvas;color:CanvasText;font:1rem/1.5 system-ui,sans-serif}main{max-width:28rem;margin:8vh auto;padding:0 1.25rem}\
    ul{list-style:none;padding:0}form{margin:0 0 .6rem}button{width:100%;text-align:left;font:inherit;padding:.8rem 1rem;border:1px solid #8a949a;border-radius:10px;background:transparent;color:inherit;cursor:pointer}\
    button:hover{border-color:#1f5b6e}button:focus-visible{outline:3px solid #0a6cff;outline-offset:2px}span{opacity:.75;margin-left:.4rem}";

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[derive(Debug, Deserialize)]
struct Chosen {
    person: String,
}

async fn chosen(
    State(desk): State<Desk>,
    Query(asked): Query<Asked>,
    Form(chosen): Form<Chosen>,
) -> Result<Response, Refused> {
    desk.check(&asked)?;
    let person = desk.people.iter().find(|person| person.subject.as_str() == chosen.person);
    let person = person.ok_or(Refused)?;
    let code = OpaqueToken::random_128().map_err(|_| Refused)?.reveal().to_owned();
    let now = desk.clock.now();
    let given = Given {
        subject: person.subject.clone(),
        redirect_uri: asked.redirect_uri.clone(),
        challenge: asked.code_challenge,
        until: now + CODE_LASTS,
    };
    let mut codes = desk.codes.lock().unwrap_or_else(PoisonError::into_inner);
    codes.retain(|_, given| now < given.until);
    if MAX_CODES <= codes.len() {
        return Err(Refused);
    }
    codes.insert(code.clone(), given);
    drop(codes);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("code", &code).append_pair("state", &asked.state);
    Ok(Redirect::to(&format!("{}?{}", asked.redirect_uri, query.finish())).into_response())
}

/// What a code is exchanged with.
#[derive(Debug, Deserialize)]
struct Exchange {
    grant_type: String,
    client_id: String,
    redirect_uri: String,
    code: String,
    code_verifier: String,
}

async fn token(State(desk): State<Desk>, Form(exchange): Form<Exchange>) -> Response {
    let now = desk.clock.now();
    // Taken out whatever follows: a code works once.
    let given = desk.codes.lock().unwrap_or_else(PoisonError::into_inner).remove(&exchange.code);
    let good = given.filter(|given| {
        let shown = URL_SAFE_NO_PAD.encode(digest(&SHA256, exchange.code_verifier.as_bytes()));
        now < given.until
            && exchange.grant_type == "authorization_code"
            && exchange.client_id == AUDIENCE
            && exchange.redirect_uri == given.redirect_uri
            && TokenHash::of(&shown) == TokenHash::of(&given.challenge)
    });
    let Some(given) = good else {
        return (StatusCode::BAD_REQUEST, Json(json!({"error": "invalid_grant"}))).into_response();
    };
    let email = format!("{}@demo.example", given.subject.as_str());
    let claim = Claim { subject: given.subject, email, has_second_factor: true };
    match desk.issuer.mint_token(&claim, now, SIGN_IN_LASTS) {
        Ok(token) => {
            let expires_in = SIGN_IN_LASTS.num_seconds();
            let body = json!({"id_token": token, "access_token": token, "token_type": "Bearer", "expires_in": expires_in});
            Json(body).into_response()
        }
        Err(error) => {
            tracing::error!(%error, "The embedded issuer could not sign a token");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
