//! A sample event, made ready for a running demo firm.
//!
//! Events name a firm, people and clients of their own; at the demo firm others stand for them, word by
//! word. Tokens and the webhook's address are those that `portcullis up` wrote, and a webhook is signed
//! anew, as the sample's row says: rightly, or wrongly in one way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde::Deserialize;
use serde_json::Value;
use sha2::Sha256;

/// Stands in an event where a token will be.
const TOKEN_OF: &str = "TOKEN-OF-";

/// The webhook's address in the samples.
const ENDPOINT: &str = "5f1c0a9e7b3d42c68a1f0e9d7c6b5a43";

/// An event, and what comes of it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    /// The file in `events/`.
    pub event: String,
    /// What is put in its place before.
    pub with: Option<With>,
    /// Pieces of its texts that are others at the demo firm, and no words.
    #[serde(default)]
    pub change: BTreeMap<String, String>,
    /// How it is signed, if it is a webhook.
    pub sign: Option<Signed>,
    /// What the answer must hold; it may hold more.
    pub answer: Value,
    /// Words of later events, and which field of the answer's body stands for each.
    #[serde(default)]
    pub names: BTreeMap<String, String>,
}

/// Another request like it: what the other events need to find.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct With {
    /// The address.
    pub path: Option<String>,
    /// The body.
    pub body: Value,
}

/// How a webhook is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signed {
    /// Rightly.
    Now,
    /// Rightly, but long ago.
    #[serde(rename = "an hour ago")]
    AnHourAgo,
    /// What was signed is not what is sent.
    #[serde(rename = "another body")]
    AnotherBody,
    /// With a secret of nobody here.
    #[serde(rename = "another secret")]
    AnotherSecret,
}

impl Row {
    /// How it is called in what is printed.
    pub fn name(&self) -> String {
        match self.with.as_ref().and_then(|with| with.path.as_deref()) {
            Some(path) => format!("{} at {path}", self.event),
            None if self.with.is_some() => format!("{} with another body", self.event),
            None => self.event.clone(),
        }
    }

    /// Whether the file is sent as it is, but for what is filled in.
    pub fn is_as_it_is(&self) -> bool {
        self.with.is_none()
    }

    /// Which function it is for: the file's name begins with it.
    pub fn function<'a>(&self, functions: &'a [String]) -> Result<&'a str> {
        let is_of = |function: &&String| self.event.starts_with(&format!("{function}-"));
        let found = functions.iter().find(is_of).map(String::as_str);
        found.with_context(|| format!("{} is for no function", self.event))
    }
}

/// The demo firm's webhook, as the data folder keeps it.
#[derive(Debug, Deserialize)]
struct Gateway {
    endpoint: String,
    signing: String,
}

/// What events are made ready with.
pub struct Samples {
    events: PathBuf,
    words: BTreeMap<String, String>,
    signing: String,
}

impl Samples {
    /// For the system with that data folder.
    pub fn new(root: &Path, data: &Path, mut words: BTreeMap<String, String>) -> Result<Self> {
        let Gateway { endpoint, signing } = read(&data.join("demo.json"))?;
        let tokens: BTreeMap<String, String> = read(&data.join("tokens.json"))?;
        let of_samples = words.iter().filter_map(|(sample, who)| Some((sample, tokens.get(who)?)));
        let of_all = tokens.iter().chain(of_samples);
        let of_all = of_all.map(|(who, token)| (format!("{TOKEN_OF}{who}"), token.clone()));
        words.extend(of_all.collect::<Vec<_>>());
        words.insert(ENDPOINT.to_owned(), endpoint);
        Ok(Self { events: root.join("events"), words, signing })
    }

    /// The event of that row.
    pub fn event(&self, row: &Row) -> Result<Value> {
        let mut event: Value = read(&self.events.join(&row.event))?;
        if let Some(With { path, body }) = &row.with {
            event["body"] = body.to_string().into();
            if let Some(path) = path {
                event["rawPath"] = path.clone().into();
                event["requestContext"]["http"]["path"] = path.clone().into();
            }
            // The key names the sample's own request.
            if let Some(headers) = event["headers"].as_object_mut() {
                headers.remove("idempotency-key");
            }
        }
        each_text(&mut event, &|text| {
            let change = |text: String, (from, to): (&String, &String)| text.replace(from, to);
            replaced(&row.change.iter().fold(text.to_owned(), change), &self.words)
        });
        let event_text = event.to_string();
        let nobody = event_text.split_once(TOKEN_OF).map(|(_, rest)| rest.split('"').next());
        ensure!(nobody.is_none(), "{nobody:?} has no token");
        if let Some(signed) = row.sign {
            let now = seconds_since_1970()?;
            event["headers"]["stripe-signature"] = self.signature(&event, signed, now)?.into();
        }
        Ok(event)
    }

    /// Takes from an answer what later events need.
    pub fn learn(&mut self, row: &Row, answer: &Value) -> Result<()> {
        for (word, field) in &row.names {
            let body = answer["body"].as_str().context("the answer has no body")?;
            let body: Value = serde_json::from_str(body).context("the answer's body is no JSON")?;
            let value = body[field].as_str();
            let value = value.with_context(|| format!("the answer's body has no {field}"))?;
            self.words.insert(word.clone(), value.to_owned());
        }
        Ok(())
    }

    fn signature(&self, event: &Value, signed: Signed, now: u64) -> Result<String> {
        let text = event["body"].as_str().context("the webhook has no body")?;
        let mut body = match event["isBase64Encoded"].as_bool() {
            Some(true) => STANDARD.decode(text)?,
            _ => text.as_bytes().to_vec(),
        };
        let mut secret = self.signing.clone();
        let mut at = now;
        match signed {
            Signed::Now => {}
            Signed::AnHourAgo => at -= 3600,
            Signed::AnotherBody => body.push(b' '),
            Signed::AnotherSecret => secret.push('x'),
        }
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())?;
        mac.update(format!("{at}.").as_bytes());
        mac.update(&body);
        Ok(format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes())))
    }
}

#[allow(clippy::disallowed_methods, reason = "a function by itself goes by the machine's clock")]
fn seconds_since_1970() -> Result<u64> {
    Ok(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())
}

/// Whether all that is expected is in the answer. Lists are compared whole, item by item.
pub fn holds(answer: &Value, expected: &Value) -> bool {
    match (answer, expected) {
        (Value::Object(answer), Value::Object(expected)) => expected
            .iter()
            .all(|(key, expected)| answer.get(key).is_some_and(|found| holds(found, expected))),
        (Value::Array(answer), Value::Array(expected)) => {
            answer.len() == expected.len()
                && answer.iter().zip(expected).all(|(answer, expected)| holds(answer, expected))
        }
        (answer, expected) => answer == expected,
    }
}

fn each_text(value: &mut Value, change: &impl Fn(&str) -> String) {
    match value {
        Value::String(text) => *text = change(text),
        Value::Array(items) => items.iter_mut().for_each(|item| each_text(item, change)),
        Value::Object(fields) => fields.values_mut().for_each(|field| each_text(field, change)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whole words: runs of letters, digits, `-` and `_`.
fn replaced(text: &str, words: &BTreeMap<String, String>) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let (before, from) = rest.split_at(start);
        let (word, after) = from.split_at(from.find(|c| !is_word(c)).unwrap_or(from.len()));
        out.push_str(before);
        out.push_str(words.get(word).map_or(word, String::as_str));
        rest = after;
    }
    out + rest
}

fn read<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T> {
    let text = std::fs::read(path).with_context(|| format!("could not read {}", path.display()))?;
    ensure!(!text.is_empty(), "{} is empty", path.display());
    serde_json::from_slice(&text).with_context(|| format!("{} is wrong", path.display()))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn whole_words_are_replaced() {
        let words = [("f-1", "demo"), ("acme", "sample-acme")];
        let words = words.map(|(word, other)| (word.to_owned(), other.to_owned())).into();
        for (text, expected) in [
            ("/firm/v1/clients/acme/lock", "/firm/v1/clients/sample-acme/lock"),
            (r#"{"firm":"f-1","client":"acme"}"#, r#"{"firm":"demo","client":"sample-acme"}"#),
            ("ann@acme.example", "ann@sample-acme.example"),
            ("acme-2 ff-1 f-10", "acme-2 ff-1 f-10"),
            ("", ""),
        ] {
            assert_eq!(replaced(text, &words), expected);
        }
    }

    #[test]
    fn an_answer_may_hold_more_than_is_expected_but_no_list_may() {
        let answer = json!({"statusCode": 200, "headers": {"a": "b"}, "items": [1, 2]});
        for (expected, holds_it) in [
            (json!({"statusCode": 200}), true),
            (json!({"statusCode": 201}), false),
            (json!({"headers": {"a": "b"}, "items": [1, 2]}), true),
            (json!({"items": [1]}), false),
            (json!({"other": null}), false),
        ] {
            assert_eq!(holds(&answer, &expected), holds_it, "{expected}");
        }
    }

    /// The vector is that of `events/payment-webhook.md`.
    #[test]
    fn a_webhook_is_signed_as_the_sample_was() {
        let events = crate::root::folder().join("events");
        let samples = Samples {
            events: events.clone(),
            words: BTreeMap::new(),
            signing: "whsec_sample_endpoint_of_acme".to_owned(),
        };
        for name in ["payment-webhook-paid.json", "payment-webhook-refund.json"] {
            let event: Value = read(&events.join(name)).unwrap();
            let signed = |how| samples.signature(&event, how, 1_790_000_000).unwrap();
            assert_eq!(signed(Signed::Now), event["headers"]["stripe-signature"], "{name}");
            for how in [Signed::AnHourAgo, Signed::AnotherBody, Signed::AnotherSecret] {
                assert_ne!(signed(how), signed(Signed::Now), "{name} {how:?}");
            }
        }
    }
}
