//! Tokens as an issuer writes them and as an attacker would, and requests with them (SEC-1, SEC-2).

#![allow(clippy::unwrap_used, reason = "the helpers of a test are part of it")]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, RsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, TimeDelta, Utc};
use domain::id::FirmId;
use http::{HeaderMap, StatusCode};
use identity::{
    AccessError, Expected, Grant, Grants, GrantsError, KeySource, KeysError, Principal, Role,
    Subject, TokenError, Verifier, authorize,
};
use jsonwebtoken::jwk::{Jwk, JwkSet};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use proptest::prelude::*;
use serde_json::{Value, json};

const ISSUER: &str = "https://issuer.example";
const AUDIENCE: &str = "portcullis";

fn ec_key() -> EncodingKey {
    let algorithm = &ECDSA_P256_SHA256_FIXED_SIGNING;
    let key = EcdsaKeyPair::generate_pkcs8(algorithm, &SystemRandom::new()).unwrap();
    EncodingKey::from_ec_der(key.as_ref())
}

fn rsa_key() -> EncodingKey {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let der = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).unwrap();
    let base64 = STANDARD.encode(der.as_ref());
    let lines: Vec<_> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    let pem =
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"));
    EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()
}

/// The issuer's keys, made once: an RSA key takes a while.
struct Issuer {
    ec: EncodingKey,
    rsa: EncodingKey,
    set: JwkSet,
}

static ISSUERS: LazyLock<Issuer> = LazyLock::new(|| {
    let (ec, rsa) = (ec_key(), rsa_key());
    let public = |key: &EncodingKey, algorithm, id: &str| {
        let mut jwk = Jwk::from_encoding_key(key, algorithm).unwrap();
        jwk.common.key_id = Some(id.to_owned());
        jwk
    };
    let keys = vec![public(&ec, Algorithm::ES256, "ec"), public(&rsa, Algorithm::RS256, "rsa")];
    Issuer { ec, rsa, set: JwkSet { keys } }
});

struct Published;

#[async_trait]
impl KeySource for Published {
    async fn fetch(&self) -> Result<JwkSet, KeysError> {
        Ok(ISSUERS.set.clone())
    }
}

struct OutOfReach;

#[async_trait]
impl KeySource for OutOfReach {
    async fn fetch(&self) -> Result<JwkSet, KeysError> {
        Err(KeysError::Unreadable("none today".to_owned()))
    }
}

fn verifier() -> Verifier {
    let expected =
        Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), says_mfa: true };
    Verifier::new(expected, Arc::new(Published))
}

fn now() -> DateTime<Utc> {
    "2026-03-02T09:00:00Z".parse().unwrap()
}

fn at(seconds: i64) -> i64 {
    (now() + TimeDelta::seconds(seconds)).timestamp()
}

fn claims() -> Value {
    json!({
        "iss": ISSUER, "aud": AUDIENCE, "sub": "bea", "email": "bea@firm.example",
        "iat": at(-60), "nbf": at(-60), "exp": at(3_600), "auth_time": at(-120),
        "amr": ["pwd", "otp", "mfa"],
    })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    claims[name] = value;
    claims
}

fn header(algorithm: Algorithm, key: &str) -> Header {
    Header { kid: Some(key.to_owned()), ..Header::new(algorithm) }
}

fn ec_token(claims: &Value) -> String {
    encode(&header(Algorithm::ES256, "ec"), claims, &ISSUERS.ec).unwrap()
}

/// A token put together by hand, for what no library writes.
fn by_hand(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}.{}", part(header), part(claims), URL_SAFE_NO_PAD.encode(signature))
}

async fn verify(token: &str) -> Result<String, TokenError> {
    verifier().verify(token, now()).await.map(|person| person.subject.to_string())
}

#[tokio::test]
async fn sec_2_a_good_token_proves_its_subject_and_nothing_else() {
    let rsa = encode(&header(Algorithm::RS256, "rsa"), &claims(), &ISSUERS.rsa).unwrap();
    for token in [ec_token(&claims()), rsa] {
        let person = verifier().verify(&token, now()).await.unwrap();
        assert_eq!(person.subject.as_str(), "bea");
        assert_eq!(person.signed_in_at, Some(now() - TimeDelta::seconds(120)));
    }
    let boasting = claims_with("roles", json!(["partner"]));
    assert_eq!(verify(&ec_token(&boasting)).await.unwrap(), "bea");
    let many = claims_with("aud", json!(["another", AUDIENCE]));
    assert_eq!(verify(&ec_token(&many)).await.unwrap(), "bea");
}

#[tokio::test]
async fn sec_2_claims_that_refuse_a_token() {
    for (name, value, expected) in [
        ("exp", json!(at(-31)), "has expired"),
        ("exp", json!(at(-30)), "has expired"),
        ("exp", json!(at(-29)), "bea"), // within the leeway
        ("exp", Value::Null, "is missing"),
        ("exp", json!("tomorrow"), "is of another type"),
        ("exp", json!(-1), "is missing"),
        ("exp", json!(i64::MAX), "one of its times"),
        ("nbf", json!(at(31)), "not valid yet"),
        ("nbf", json!(at(30)), "bea"),
        ("nbf", Value::Null, "bea"),
        ("iat", json!(at(31)), "not valid yet"),
        ("auth_time", json!(i64::MIN), "one of its times"),
        ("iss", json!("https://evil.example"), "another issuer"),
        ("iss", json!("https://issuer.example/"), "another issuer"),
        ("iss", Value::Null, "is missing"),
        ("aud", json!("another"), "another service"),
        ("aud", json!(["another"]), "another service"),
        ("aud", json!([]), "another service"),
        ("aud", Value::Null, "is missing"),
        ("sub", Value::Null, "is missing"),
        ("sub", json!(""), "its subject"),
        ("sub", json!("bea#G#pat"), "its subject"),
        ("sub", json!(7), "is missing"),
        ("amr", json!(["pwd"]), "second factor"),
        ("amr", json!([]), "second factor"),
    ] {
        let claims = claims_with(name, value.clone());
        let answer = match verify(&ec_token(&claims)).await {
            Ok(subject) => subject,
            Err(error) => error.to_string(),
        };
        assert!(answer.contains(expected), "for {name} {value}: {answer}");
    }
}

#[tokio::test]
async fn sec_2_an_issuer_that_does_not_say_mfa_need_not() {
    let expected =
        Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), says_mfa: false };
    let verifier = Verifier::new(expected, Arc::new(Published));
    let mut claims = claims();
    claims.as_object_mut().unwrap().remove("amr");
    assert!(verifier.verify(&ec_token(&claims), now()).await.is_ok());
}

#[tokio::test]
async fn sec_2_forged_tokens() {
    let good = ec_token(&claims());
    let (signed, signature) = good.rsplit_once('.').unwrap();
    let (head, _) = signed.split_once('.').unwrap();
    let public_ec = serde_json::to_vec(&ISSUERS.set.keys[0]).unwrap();
    let hs256 = |key: &[u8], id| {
        encode(&header(Algorithm::HS256, id), &claims(), &EncodingKey::from_secret(key)).unwrap()
    };
    let pat = URL_SAFE_NO_PAD.encode(claims_with("sub", json!("pat")).to_string());
    for (what, token, expected) in [
        ("none", by_hand(&json!({"alg": "none", "kid": "ec"}), &claims(), b""), "way that is not"),
        ("None", by_hand(&json!({"alg": "None", "kid": "ec"}), &claims(), b""), "way that is not"),
        ("public key as HS256 secret", hs256(&public_ec, "ec"), "way that is not"),
        ("HS256 naming the RSA key", hs256(b"secret", "rsa"), "way that is not"),
        (
            "an algorithm that is not its key's",
            encode(&header(Algorithm::ES256, "rsa"), &claims(), &ISSUERS.ec).unwrap(),
            "way that is not",
        ),
        (
            "ES384",
            by_hand(&json!({"alg": "ES384", "kid": "ec"}), &claims(), &[1; 96]),
            "way that is not",
        ),
        (
            "another key under the issuer's id",
            encode(&header(Algorithm::ES256, "ec"), &claims(), &ec_key()).unwrap(),
            "signature does not match",
        ),
        ("other claims", format!("{head}.{pat}.{signature}"), "signature does not match"),
        ("no signature", format!("{signed}."), "signature does not match"),
        ("zeros", format!("{signed}.{}", URL_SAFE_NO_PAD.encode([0; 64])), "does not match"),
        (
            "unknown key",
            encode(&header(Algorithm::ES256, "other"), &claims(), &ec_key()).unwrap(),
            "key that the issuer does not have",
        ),
        (
            "no key named",
            encode(&Header::new(Algorithm::ES256), &claims(), &ISSUERS.ec).unwrap(),
            "names no key",
        ),
        (
            "a key of its own in the header",
            by_hand(
                &json!({"alg": "ES256", "kid": "mine", "jwk": ISSUERS.set.keys[0]}),
                &claims(),
                &[1; 64],
            ),
            "key that the issuer does not have",
        ),
        (
            "critical extension",
            by_hand(&json!({"alg": "ES256", "kid": "ec", "crit": ["b64"]}), &claims(), &[1; 64]),
            "critical extensions",
        ),
        ("empty", String::new(), "three parts"),
        ("two parts", signed.to_owned(), "three parts"),
        ("encrypted, five parts", format!("{good}.x.y"), "three parts"),
        ("no base64", "!.!.!".to_owned(), "its header"),
        ("huge", format!("{good}{}", "x".repeat(8 * 1024)), "too long"),
    ] {
        let answer = verify(&token).await.map_err(|error| error.to_string());
        let error = answer.expect_err(what);
        assert!(error.contains(expected), "for {what}: {error}");
        assert!(!error.contains("firm.example"), "SEC-5, for {what}: {error}");
    }
}

proptest! {
    #[test]
    fn sec_2_no_text_proves_anybody(text in r"\PC{0,80}(\.\PC{0,80}){0,3}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert!(runtime.block_on(verify(&text)).is_err());
    }

    #[test]
    fn sec_2_no_changed_byte_of_a_token_proves_anybody(place in 0_usize..10_000, byte in 33_u8..127) {
        let good = ec_token(&claims());
        let mut bytes = good.clone().into_bytes();
        let place = place % bytes.len();
        // The last letter of base64 has bits that stand for nothing; the decoder refuses them.
        bytes[place] = byte;
        let changed = String::from_utf8(bytes).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        prop_assert_eq!(runtime.block_on(verify(&changed)).is_ok(), changed == good);
    }
}

struct Table(Vec<Grant>);

#[async_trait]
impl Grants for Table {
    async fn find(&self, subject: &Subject, firm: &FirmId) -> Result<Option<Grant>, GrantsError> {
        if firm.as_str() == "down" {
            return Err(GrantsError("the table is down".into()));
        }
        if firm.as_str() == "confused" {
            return Ok(self.0.first().cloned()); // a store that forgets what it was asked
        }
        let mut found = self.0.iter().filter(|g| g.subject == *subject && g.firm == *firm);
        Ok(found.next().cloned())
    }

    async fn firms(&self, subject: &Subject) -> Result<Vec<FirmId>, GrantsError> {
        match subject.as_str() {
            "ghost" => Ok(vec!["acme-cpa".parse().unwrap()]), // an entry that outlived its grant
            "unlucky" => Err(GrantsError("the table is down".into())),
            _ => {
                let grants = self.0.iter().filter(|grant| grant.subject == *subject);
                Ok(grants.map(|grant| grant.firm.clone()).collect())
            }
        }
    }
}

fn table() -> Table {
    let grant = |firm: &str, subject: &str, role| Grant {
        firm: firm.parse().unwrap(),
        subject: subject.parse().unwrap(),
        staff: subject.parse().unwrap(),
        name: subject.to_owned(),
        roles: BTreeSet::from([role]),
    };
    Table(vec![
        grant("acme-cpa", "bea", Role::BillingLead),
        grant("acme-cpa", "pat", Role::Partner),
        grant("other-cpa", "pat", Role::Admin),
    ])
}

fn request(subject: &str, firms: &[&str]) -> HeaderMap {
    let token = ec_token(&claims_with("sub", json!(subject)));
    let mut headers = HeaderMap::new();
    headers.insert("authorization", format!("Bearer {token}").parse().unwrap());
    for firm in firms {
        headers.append("X-Portcullis-Firm", firm.parse().unwrap());
    }
    headers
}

async fn asked(headers: &HeaderMap) -> Result<Principal, AccessError> {
    authorize(&verifier(), &table(), headers, now()).await
}

#[tokio::test]
async fn sec_1_the_header_picks_among_the_callers_own_grants() {
    for (subject, firms, status, expected) in [
        ("bea", &["acme-cpa"][..], 200, "billing_lead"),
        ("pat", &["acme-cpa"], 200, "partner"),
        ("pat", &["other-cpa"], 200, "admin"),
        ("bea", &["other-cpa"], 403, "you have no access to the firm other-cpa"),
        ("bea", &["nowhere"], 403, "you have no access to the firm nowhere"),
        ("stranger", &["acme-cpa"], 403, "you have no access to the firm acme-cpa"),
        ("bea", &[], 200, "billing_lead"), // who works for one firm need not name it
        ("pat", &[], 400, "X-Portcullis-Firm is missing, expected the id of one of your 2 firms"),
        ("stranger", &[], 403, "you have no access to any firm"),
        ("ghost", &[], 403, "you have no access to the firm acme-cpa"),
        ("unlucky", &[], 503, "could not be read"),
        ("bea", &["acme-cpa", "other-cpa"], 400, "not the id of a firm"),
        ("bea", &["acme#cpa"], 400, "not the id of a firm"),
        ("bea", &[""], 400, "not the id of a firm"),
        ("bea", &["down"], 503, "could not be read"),
        ("bea", &["confused"], 403, "no access to the firm confused"),
    ] {
        let (got, text) = match asked(&request(subject, firms)).await {
            Ok(principal) => {
                assert_eq!(principal.firm().as_str(), *firms.first().unwrap_or(&"acme-cpa"));
                assert_eq!(principal.staff().as_str(), subject);
                (StatusCode::OK, principal.grant.roles.first().unwrap().as_str().to_owned())
            }
            Err(error) => (error.status(), error.to_string()),
        };
        assert_eq!(got.as_u16(), status, "for {subject} {firms:?}: {text}");
        assert!(text.contains(expected), "for {subject} {firms:?}: {text}");
    }
}

#[tokio::test]
async fn sec_2_a_grant_taken_away_acts_at_once() {
    let mut table = table();
    let (verifier, headers) = (verifier(), request("bea", &["acme-cpa"]));
    assert!(authorize(&verifier, &table, &headers, now()).await.is_ok());
    table.0.clear();
    let error = authorize(&verifier, &table, &headers, now()).await.unwrap_err();
    assert!(matches!(error, AccessError::NoGrant(_)), "{error}");
}

#[tokio::test]
async fn sec_2_a_request_needs_one_bearer_token() {
    let good = request("bea", &["acme-cpa"])["authorization"].clone();
    let token = good.to_str().unwrap().strip_prefix("Bearer ").unwrap().to_owned();
    for (values, is_good) in [
        (vec![format!("Bearer {token}")], true),
        (vec![format!("bearer  {token}")], true),
        (vec![], false),
        (vec![String::new()], false),
        (vec!["Bearer".to_owned()], false),
        (vec!["Bearer ".to_owned()], false),
        (vec![token.clone()], false),
        (vec![format!("Basic {token}")], false),
        (vec![format!("Bearer {token}"), format!("Bearer {token}")], false),
    ] {
        let mut headers = HeaderMap::new();
        headers.insert("x-portcullis-firm", "acme-cpa".parse().unwrap());
        for value in &values {
            headers.append("authorization", value.parse().unwrap());
        }
        let answer = asked(&headers).await;
        assert_eq!(answer.is_ok(), is_good, "for {} headers", values.len());
        if let Err(error) = answer {
            assert_eq!(error.status(), StatusCode::UNAUTHORIZED);
        }
    }
}

#[tokio::test]
async fn sec_2_an_issuer_out_of_reach_is_not_the_callers_fault() {
    let expected =
        Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), says_mfa: true };
    let verifier = Verifier::new(expected, Arc::new(OutOfReach));
    let headers = request("bea", &["acme-cpa"]);
    let error = authorize(&verifier, &table(), &headers, now()).await.unwrap_err();
    assert_eq!(error.status(), StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn staff_1_a_role_is_required_by_name() {
    let principal = asked(&request("bea", &["acme-cpa"])).await.unwrap();
    assert!(principal.require(&[Role::Partner, Role::BillingLead]).is_ok());
    let error = principal.require(&[Role::Partner, Role::Admin]).unwrap_err();
    assert_eq!(error.to_string(), "this needs the role partner or admin");
    assert_eq!(error.status(), StatusCode::FORBIDDEN);
    assert!(principal.require(&[]).is_err());
}
