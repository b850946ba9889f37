//! Two firms on an embedded table, their staff with tokens of a real issuer's kind, and both functions
//! of the staff's API behind one address.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

#[path = "../../../../shared/store/tests/common/mod.rs"]
mod common;

use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Method, Request, StatusCode};
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::FirmId;
use domain::policy::Policy;
use domain::role::{Actor, Role};
use domain::text::Personal;
use http_body_util::BodyExt;
use identity::{Expected, KeySource, KeysError, Verifier};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use platform::clock::FixedClock;
use serde_json::{Value, json};
use services::execute::Caller;
use services::firm::Firm;
use services::office::Office;
use services::office::policies::{arm, meta};
use store::{CommitMeta, Dynamo, FirmChange, FirmCommit, FirmSettings, Grant, Store};
use tower::ServiceExt;

pub use common::at;
use common::embedded;

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "portcullis";

/// The staff of the first firm: subject, name, roles.
pub const STAFF: [(&str, &[Role]); 5] = [
    ("adam", &[Role::Admin]),
    ("bea", &[Role::BillingLead]),
    ("pat", &[Role::Partner]),
    ("pia", &[Role::Preparer]),
    ("imre", &[Role::Impersonator]),
];

/// Somebody who may do everything, at the second firm.
pub const OTHER: &str = "olga";

static KEY: LazyLock<EncodingKey> = LazyLock::new(key);
static FORGED: LazyLock<EncodingKey> = LazyLock::new(key);

fn key() -> EncodingKey {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    EncodingKey::from_ec_der(key.as_ref())
}

struct Published;

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<JwkSet, KeysError> {
        let mut jwk = Jwk::from_encoding_key(&KEY, Algorithm::ES256).unwrap();
        jwk.common.key_id = Some("k".to_owned());
        Ok(JwkSet { keys: vec![jwk] })
    }
}

/// How a token is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    Good,
    Expired,
    Forged,
    OneFactor,
    /// Still good, but of a sign-in of half an hour and a minute ago.
    Old,
}

/// A token of that person.
pub fn token(subject: &str, kind: Token, now: DateTime<Utc>) -> String {
    let valid = if kind == Token::Expired { -TimeDelta::hours(1) } else { TimeDelta::hours(1) };
    let signed_in = TimeDelta::minutes(if kind == Token::Old { 31 } else { 30 });
    let methods = if kind == Token::OneFactor { json!(["pwd"]) } else { json!(["pwd", "mfa"]) };
    let claims = json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "amr": methods,
        "iat": (now - TimeDelta::hours(2)).timestamp(), "exp": (now + valid).timestamp(),
        "auth_time": (now - signed_in).timestamp(),
    });
    let key = if kind == Token::Forged { &*FORGED } else { &*KEY };
    let header = Header { kid: Some("k".to_owned()), ..Header::new(Algorithm::ES256) };
    encode(&header, &claims, key).unwrap()
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    /// The body, if the status is that one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.body);
        self.body
    }

    /// The problem's rule, field and detail, if the status is that one.
    #[track_caller]
    pub fn problem(self, status: u16) -> (String, String, String) {
        assert_eq!(self.status, status, "{}", self.body);
        let media_type = self.headers["content-type"].to_str().unwrap();
        assert_eq!(media_type, "application/problem+json", "{}", self.body);
        assert_eq!(self.body["status"], status);
        assert!(self.body["type"].as_str().unwrap().starts_with("urn:portcullis:problem:"));
        let text = |name: &str| self.body[name].as_str().unwrap_or_default().to_owned();
        (text("rule"), text("field"), text("detail"))
    }
}

/// Both firms, and the addresses.
pub struct World {
    pub dynamo: Dynamo,
    pub clock: Arc<FixedClock>,
    pub office: Office,
    firm_api: Router,
    unlock_approval: Router,
}

pub fn firm_id(name: &str) -> FirmId {
    name.parse().unwrap()
}

impl World {
    /// At ten in the morning in New York, the second of March 2026.
    pub async fn new() -> Self {
        Self::with_stripe_at(None).await
    }

    /// The same, with a Stripe at that address.
    pub async fn with_stripe_at(stripe_url: Option<String>) -> Self {
        let dynamo = embedded().await;
        let clock = Arc::new(FixedClock::at(at("2026-03-02T15:00:00Z")));
        open_firm(&dynamo, "f-1", &STAFF).await;
        open_firm(&dynamo, "f-2", &[(OTHER, &Role::ALL)]).await;
        let expected =
            Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), says_mfa: true };
        let verifier = Arc::new(Verifier::new(expected, Arc::new(Published)));
        let office = Office::new(dynamo.clone(), verifier, clock.clone());
        let unlock_approval =
            unlock_approval::router(unlock_approval::State { office: office.clone() });
        let firm_api = firm_api::router(firm_api::State {
            office: office.clone(),
            postbox: services::contacts::Postbox::default(),
            public_url: "https://portal.example".to_owned(),
            domains: Arc::new(platform::mail_domains::TrialDomains),
            gateways: services::office::gateways::Gateways::new(
                Arc::new(platform::seal::LocalSeal::new(&[7; 32]).unwrap()),
                gateway_access(stripe_url),
            ),
        });
        Self { dynamo, clock, office, firm_api, unlock_approval }
    }

    pub fn now(&self) -> DateTime<Utc> {
        platform::clock::Clock::now(&*self.clock)
    }

    /// Goes on to ten in the morning of that day, every evaluation on the way done.
    pub async fn go_to(&self, day: &str) {
        let until = at(&format!("{day}T15:00:00Z"));
        let firm = self.firm("f-1").await;
        while self.now() < until {
            let now = self.clock.advance(TimeDelta::days(1));
            let page = store::PageRequest::default();
            let clients = firm.store().clients(None, &page).await.unwrap().items;
            for client in clients {
                let (command, caller) =
                    (domain::command::Command::Evaluate, Caller::new(Actor::Schedule));
                services::execute::execute(&firm, &client.client, &command, &caller, now)
                    .await
                    .unwrap();
                self.post_letters(&firm, &client.client, now).await;
            }
        }
    }

    /// Every queued letter leaves.
    async fn post_letters(&self, firm: &Firm, client: &domain::id::ClientId, now: DateTime<Utc>) {
        let account = firm.store().load(client).await.unwrap().unwrap().account;
        for letter in account.letters.keys() {
            let command = domain::command::Command::ClaimLetter { letter: *letter };
            let caller = Caller::new(Actor::Schedule);
            services::execute::execute(firm, client, &command, &caller, now).await.unwrap();
        }
    }

    pub async fn firm(&self, name: &str) -> Firm {
        Firm::open(self.dynamo.clone(), firm_id(name)).await.unwrap().unwrap()
    }

    /// The version of a client's account.
    pub async fn version(&self, client: &str) -> u64 {
        let firm = self.firm("f-1").await;
        let loaded = firm.store().load(&client.parse().unwrap()).await.unwrap();
        loaded.map_or(0, |loaded| loaded.version())
    }

    /// A request with everything said.
    pub async fn send(&self, request: Request<Body>) -> Answer {
        let is_unlock = is_unlock(request.uri().path());
        let router = if is_unlock { &self.unlock_approval } else { &self.firm_api };
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.unwrap().to_bytes();
        let body = serde_json::from_slice(&bytes)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&bytes).into_owned()));
        Answer { status: parts.status.as_u16(), headers: parts.headers, body }
    }

    /// A request of that person in that firm, as it will be sent.
    pub fn request(
        &self,
        firm: &str,
        who: &str,
        method: &Method,
        path: &str,
    ) -> http::request::Builder {
        let token = token(who, Token::Good, self.now());
        Request::builder()
            .method(method.clone())
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("x-portcullis-firm", firm)
    }

    /// What that person of the first firm is answered.
    pub async fn ask(&self, who: &str, method: Method, path: &str, body: Value) -> Answer {
        let request = self.request("f-1", who, &method, path);
        self.send(with_json(request, &body)).await
    }

    pub async fn get(&self, who: &str, path: &str) -> Answer {
        self.ask(who, Method::GET, path, Value::Null).await
    }

    pub async fn post(&self, who: &str, path: &str, body: Value) -> Answer {
        self.ask(who, Method::POST, path, body).await
    }

    /// The client acme with an address, and one invoice over 100 dollars, due on the first of April.
    pub async fn acme(&self) {
        let acme = json!({
            "client": "acme", "name": "Acme Corp", "service_lines": ["tax"],
            "contacts": [{"address": "ann@acme.example"}],
        });
        self.post("bea", "/firm/v1/clients", acme).await.expect(201);
        self.invoice("A-1", "100.00").await;
    }

    pub async fn invoice(&self, id: &str, amount: &str) {
        let invoice = json!({"invoice": id, "total": {"amount": amount, "currency": "USD"}});
        self.post("bea", "/firm/v1/clients/acme/invoices", invoice).await.expect(201);
    }
}

/// With a JSON body, if it has one; a text is a CSV file.
pub fn with_json(request: http::request::Builder, body: &Value) -> Request<Body> {
    match body {
        Value::Null => request.body(Body::empty()).unwrap(),
        Value::String(text) => {
            request.header("content-type", "text/csv").body(Body::from(text.clone())).unwrap()
        }
        body => {
            let request = request.header("content-type", "application/json");
            request.body(Body::from(body.to_string())).unwrap()
        }
    }
}

/// Whether the template routes that address to `unlock-approval`.
pub fn is_unlock(path: &str) -> bool {
    let rest = path.strip_prefix("/firm/v1/unlock-requests");
    let of_client = path.strip_prefix("/firm/v1/clients/").and_then(|rest| rest.split_once('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        || of_client.is_some_and(|(_, act)| ["unlock-requests", "exception-unlock"].contains(&act))
}

fn gateway_access(stripe: Option<String>) -> services::webhook::GatewayAccess {
    services::webhook::GatewayAccess {
        transport: gateways::Transport::new(gateways::Timeouts::default()),
        // Nobody answers there: no test asks the real one.
        urls: platform::config::GatewayUrls {
            stripe: Some(stripe.unwrap_or_else(|| "http://127.0.0.1:1".to_owned())),
            ..Default::default()
        },
        public_url: "https://portal.example".to_owned(),
    }
}

async fn open_firm(dynamo: &Dynamo, name: &str, staff: &[(&str, &[Role])]) {
    let store = Store::new(dynamo.clone(), firm_id(name));
    let settings = FirmSettings::new("Bea & Partners", chrono_tz::America::New_York);
    let opened = at("2026-01-01T12:00:00Z");
    let opened = CommitMeta { at: opened, day: opened.date_naive(), ..common::meta("open") };
    assert_eq!(store.open_firm(&settings, &opened).await.unwrap(), FirmCommit::Done);
    for (subject, roles) in staff {
        let grant = Grant {
            subject: (*subject).to_owned(),
            staff: subject.parse().unwrap(),
            name: Personal::new(format!("{subject} of {name}")),
            roles: roles.iter().copied().collect(),
            mail: None,
        };
        change(dynamo, name, FirmChange::GrantGiven(grant)).await;
    }
    let firm = Firm::open(dynamo.clone(), firm_id(name)).await.unwrap().unwrap();
    let (class, day) = ("default".parse().unwrap(), "2026-01-01".parse().unwrap());
    let caller = Caller::new(Actor::Schedule);
    arm(&firm, &class, &Policy::default(), (None, day), &caller, at("2026-01-01T12:00:00Z"))
        .await
        .unwrap();
}

/// Changes a firm.
pub async fn change(dynamo: &Dynamo, name: &str, change: FirmChange) {
    let firm = Firm::open(dynamo.clone(), firm_id(name)).await.unwrap().unwrap();
    let now = at("2026-01-01T12:00:00Z");
    let meta = meta(&firm, "change", &Caller::new(Actor::Schedule), now);
    let changed = firm.store().change_firm(firm.loaded(), &change, &meta).await.unwrap();
    assert_eq!(changed, FirmCommit::Done);
}

pub const OK: u16 = StatusCode::OK.as_u16();
