//! The embedded issuer: OpenID Connect as far as a service needs it, for the system on one machine.
//!
//! There is no bypass: staff's tokens are signed here and verified with the same code as a real
//! issuer's (SEC-2). The key is made on first use and kept in the data folder, readable by its owner
//! only, so that tokens outlive a restart. What a real issuer asks (password, second factor) nobody
//! asks here, so it must not be reachable by others: it is mounted on the local system alone.

pub mod sign_in;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use axum::routing::get;
use axum::{Json, Router};
use chrono::{DateTime, TimeDelta, Utc};
use identity::{Expected, Subject};
use jsonwebtoken::jwk::{Jwk, JwkSet, PublicKeyUse, ThumbprintHash};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};

use crate::files::{Readers, replace};

/// The name of the key's file in the data folder.
const KEY_FILE: &str = "issuer-key.pk8";

/// Where the issuer is mounted, under the system's address.
pub const ISSUER_PATH: &str = "/issuer";

/// The `aud` of its tokens.
pub const AUDIENCE: &str = "portcullis-local";

/// Why there is no issuer.
#[derive(Debug, thiserror::Error)]
pub enum IssuerError {
    /// The key's file.
    #[error("could not {act} the issuer's key in {path}")]
    KeyFile {
        /// What was tried.
        act: &'static str,
        /// Where.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The file holds something else.
    #[error("{path} is not a P-256 key in PKCS #8; delete it to have a new one made")]
    NoKey {
        /// Where.
        path: PathBuf,
    },
    /// No key could be made.
    #[error("the system gave no random key")]
    NoRandom,
    /// Signing failed.
    #[error("the token could not be signed")]
    Sign(#[from] jsonwebtoken::errors::Error),
}

/// Whom a token is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The person's subject, as in their grant.
    pub subject: Subject,
    /// Their address.
    pub email: String,
    /// Whether the token says that a second factor was used.
    pub has_second_factor: bool,
}

/// An issuer with its key.
#[derive(Clone)]
pub struct Issuer {
    url: String,
    key: EncodingKey,
    key_id: String,
    keys: Arc<JwkSet>,
}

impl Issuer {
    /// The issuer of the system at that address, with the key of that data folder.
    ///
    /// # Errors
    /// When the key can't be made, written or read.
    pub fn open(data: &Path, public_url: &str) -> Result<Self, IssuerError> {
        let path = data.join(KEY_FILE);
        let key = load_or_make(data, &path)?;
        let no_key = |_| IssuerError::NoKey { path: path.clone() };
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &key).map_err(no_key)?;
        let key = EncodingKey::from_ec_der(&key);
        let mut public = Jwk::from_encoding_key(&key, Algorithm::ES256)?;
        let key_id = public.thumbprint(ThumbprintHash::SHA256)?;
        public.common.key_id = Some(key_id.clone());
        public.common.public_key_use = Some(PublicKeyUse::Signature);
        let keys = Arc::new(JwkSet { keys: vec![public] });
        let url = format!("{}{ISSUER_PATH}", public_url.trim_end_matches('/'));
        Ok(Self { url, key, key_id, keys })
    }

    /// What its good tokens say.
    pub fn expected(&self) -> Expected {
        Expected { issuer: self.url.clone(), audience: AUDIENCE.to_owned(), says_mfa: true }
    }

    /// Where its public keys are.
    pub fn keys_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url)
    }

    /// Where people sign in.
    pub fn authorize_url(&self) -> String {
        format!("{}/authorize", self.url)
    }

    /// Where a code becomes a token.
    pub fn token_url(&self) -> String {
        format!("{}/token", self.url)
    }

    /// A token for that person, from now on for so long.
    ///
    /// # Errors
    /// When it can't be signed.
    pub fn mint_token(
        &self,
        claim: &Claim,
        now: DateTime<Utc>,
        valid_for: TimeDelta,
    ) -> Result<String, IssuerError> {
        let methods = if claim.has_second_factor { &["pwd", "mfa"][..] } else { &["pwd"] };
        let claims = json!({
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": claim.subject,
            "email": claim.email,
            "amr": methods,
            "auth_time": now.timestamp(),
            "iat": now.timestamp(),
            "nbf": now.timestamp(),
            "exp": (now + valid_for).timestamp(),
        });
        let header = Header { kid: Some(self.key_id.clone()), ..Header::new(Algorithm::ES256) };
        Ok(encode(&header, &claims, &self.key)?)
    }

    /// Its two documents, under [`ISSUER_PATH`].
    pub fn router(&self) -> Router {
        let (keys, configuration) = (self.keys.clone(), self.configuration());
        let documents = Router::new()
            .route("/.well-known/jwks.json", get(async move || Json(keys.as_ref().clone())))
            .route("/.well-known/openid-configuration", get(async move || Json(configuration)));
        Router::new().nest(ISSUER_PATH, documents)
    }

    fn configuration(&self) -> Value {
        json!({
            "issuer": self.url,
            "jwks_uri": self.keys_url(),
            "authorization_endpoint": self.authorize_url(),
            "token_endpoint": self.token_url(),
            "code_challenge_methods_supported": ["S256"],
            "response_types_supported": ["code"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["ES256"],
        })
    }
}

fn load_or_make(data: &Path, path: &Path) -> Result<Vec<u8>, IssuerError> {
    let error = |act| move |source| IssuerError::KeyFile { act, path: path.to_owned(), source };
    match fs::read(path) {
        Ok(key) => Ok(key),
        Err(missing) if missing.kind() == io::ErrorKind::NotFound => {
            let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
            let key = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new());
            let key = key.map_err(|_| IssuerError::NoRandom)?.as_ref().to_vec();
            fs::create_dir_all(data).map_err(error("write"))?;
            replace(path, &key, Readers::Owner).map_err(error("write"))?;
            Ok(key)
        }
        Err(other) => Err(error("read")(other)),
    }
}

#[cfg(test)]
mod tests {
    use identity::{HttpKeys, TokenError, Verifier};
    use tempfile::TempDir;
    use tokio::net::TcpListener;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-07-01T13:30:00Z".parse().unwrap()
    }

    fn claim(has_second_factor: bool) -> Claim {
        let (subject, email) = ("bea".parse().unwrap(), "bea@firm.example".to_owned());
        Claim { subject, email, has_second_factor }
    }

    /// An issuer that is served, and a verifier that knows its address only.
    async fn served(data: &Path) -> (Issuer, Verifier) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let issuer = Issuer::open(data, &url).unwrap();
        let router = issuer.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let verifier = Verifier::new(issuer.expected(), Arc::new(HttpKeys::at(issuer.keys_url())));
        (issuer, verifier)
    }

    #[tokio::test]
    async fn sec_2_its_tokens_are_verified_like_anybodys() {
        let data = TempDir::new().unwrap();
        let (issuer, verifier) = served(data.path()).await;
        let hour = TimeDelta::hours(1);
        let token = issuer.mint_token(&claim(true), now(), hour).unwrap();
        let person = verifier.verify(&token, now()).await.unwrap();
        assert_eq!(person.subject.as_str(), "bea");
        assert_eq!(person.signed_in_at, Some(now()));

        let late = verifier.verify(&token, now() + hour + hour).await;
        assert!(matches!(late, Err(TokenError::Expired)));
        let one_factor = issuer.mint_token(&claim(false), now(), hour).unwrap();
        let one_factor = verifier.verify(&one_factor, now()).await;
        assert!(matches!(one_factor, Err(TokenError::OneFactor)));
        let other = Issuer::open(TempDir::new().unwrap().path(), "http://other").unwrap();
        let other = other.mint_token(&claim(true), now(), hour).unwrap();
        let other = verifier.verify(&other, now()).await;
        assert!(matches!(other, Err(TokenError::UnknownKey)));
    }

    #[tokio::test]
    async fn its_key_outlives_a_restart_and_is_its_owners_alone() {
        let data = TempDir::new().unwrap();
        let token = {
            let issuer = Issuer::open(data.path(), "http://localhost:8080").unwrap();
            issuer.mint_token(&claim(true), now(), TimeDelta::hours(1)).unwrap()
        };
        let again = Issuer::open(data.path(), "http://localhost:8080/").unwrap();
        assert_eq!(again.url, "http://localhost:8080/issuer");
        let source = Arc::new(Published(again.keys.as_ref().clone()));
        let verifier = Verifier::new(again.expected(), source);
        assert!(verifier.verify(&token, now()).await.is_ok());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(data.path().join(KEY_FILE)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        let names: Vec<_> = fs::read_dir(data.path()).unwrap().map(|e| e.unwrap()).collect();
        assert_eq!(names.len(), 1, "{names:?}");
    }

    struct Published(JwkSet);

    #[async_trait::async_trait]
    impl identity::KeySource for Published {
        async fn fetch(&self) -> Result<JwkSet, identity::KeysError> {
            Ok(self.0.clone())
        }
    }

    #[test]
    fn sec_5_its_documents_hold_the_public_half_only() {
        let data = TempDir::new().unwrap();
        let issuer = Issuer::open(data.path(), "http://localhost:8080").unwrap();
        let key = serde_json::to_value(issuer.keys.as_ref()).unwrap()["keys"][0].clone();
        let mut names: Vec<_> = key.as_object().unwrap().keys().cloned().collect();
        names.sort();
        assert_eq!(names, ["alg", "crv", "kid", "kty", "use", "x", "y"]);
        assert_eq!(issuer.configuration()["jwks_uri"], issuer.keys_url());
    }

    #[test]
    fn a_key_file_that_is_none_is_named() {
        let data = TempDir::new().unwrap();
        fs::write(data.path().join(KEY_FILE), "not a key").unwrap();
        let error = Issuer::open(data.path(), "http://localhost").err().unwrap().to_string();
        assert!(error.contains(KEY_FILE) && error.contains("delete it"), "{error}");
    }
}
