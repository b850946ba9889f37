//! Asking Square, and what its answers mean besides the object that was asked for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::money::Money;
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::objects::{Answered, Problem};
use super::{Square, currency};
use crate::transport::Answer;
use crate::{CheckoutError, CheckoutLine, CurrencyError, GatewayError, IdempotencyKey, ObjectId};

/// What a key that was used for something else is answered with.
pub const KEY_REUSED: &str = "IDEMPOTENCY_KEY_REUSED";

/// An answer that is no object: its status, and why.
#[derive(Debug)]
pub struct Refusal {
    pub status: StatusCode,
    pub answered: Answered,
    path: String,
}

impl Refusal {
    /// The first reason.
    pub fn problem(&self) -> Problem {
        self.answered.errors.first().cloned().unwrap_or_default()
    }

    /// What it means for whoever asked, unless they know better.
    pub fn error(self) -> GatewayError {
        let code = Some(self.problem().code).filter(|code| !code.is_empty());
        let code = code.unwrap_or_else(|| "no code".to_owned());
        let status = self.status.as_u16();
        match self.status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                GatewayError::Refused { status, code }
            }
            StatusCode::NOT_FOUND => GatewayError::NotFound { object: self.path },
            // Busy with the same object, or with too many requests of this seller.
            StatusCode::CONFLICT | StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                GatewayError::down(format!("status {status} ({code})"))
            }
            _ if code == "TEMPORARY_ERROR" => {
                GatewayError::down(format!("status {status} ({code})"))
            }
            _ => GatewayError::Rejected { status, code },
        }
    }
}

/// Either the answer, or why there is none.
pub type Asked = Result<Result<Answered, Refusal>, GatewayError>;

impl Square {
    /// Asks for one object or a page of a list.
    pub(super) async fn get(
        &self,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Answered, GatewayError> {
        let answer = self.transport.get(self.url(path, query)?, &self.headers).await?;
        read(answer, path)?.map_err(Refusal::error)
    }

    /// Sends `body`, which holds its key or does the same twice as once.
    pub(super) async fn post(&self, path: &str, body: &Value) -> Asked {
        let url = self.url(path, &[])?;
        let answer = self.transport.post_json(url, &self.headers, None, body, true).await?;
        read(answer, path)
    }

    pub(super) async fn delete(&self, path: &str) -> Asked {
        read(self.transport.delete(self.url(path, &[])?, &self.headers).await?, path)
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> Result<Url, GatewayError> {
        let text = format!("{}/v2/{path}", self.base_url);
        let url =
            if query.is_empty() { Url::parse(&text) } else { Url::parse_with_params(&text, query) };
        url.map_err(|_| GatewayError::malformed(format!("{path:?} is no path")))
    }
}

fn read(answer: Answer, path: &str) -> Asked {
    let parsed = serde_json::from_slice(&answer.body);
    if answer.status != StatusCode::OK {
        let answered = parsed.unwrap_or_default();
        return Ok(Err(Refusal { status: answer.status, answered, path: path.to_owned() }));
    }
    parsed.map(Ok).map_err(|error| GatewayError::malformed(format!("{path}: {error}")))
}

/// A page of a list in a shape of its own.
pub fn list<T: DeserializeOwned>(answer: Answer, path: &str) -> Result<T, GatewayError> {
    if answer.status != StatusCode::OK {
        let answered = serde_json::from_slice(&answer.body).unwrap_or_default();
        return Err(Refusal { status: answer.status, answered, path: path.to_owned() }.error());
    }
    let unreadable = |error| GatewayError::malformed(format!("{path}: {error}"));
    serde_json::from_slice(&answer.body).map_err(unreadable)
}

/// An object that an answer must hold.
pub fn there<T>(object: Option<T>, kind: &str, path: &str) -> Result<T, GatewayError> {
    object.ok_or_else(|| GatewayError::malformed(format!("{path}: no {kind} in the answer")))
}

/// An id that came from an answer, before it becomes a part of a path.
pub fn part(kind: &str, id: &str) -> Result<ObjectId, GatewayError> {
    id.parse().map_err(|error| GatewayError::malformed(format!("{kind} {id:?}: {error}")))
}

/// Square takes 45 characters at most where it charges: our key, and what it is used for, as 43.
pub fn short_key(purpose: &str, key: &IdempotencyKey) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(format!("{purpose}/{key}")))
}

/// An amount, as it is sent.
pub fn money(amount: Money) -> Result<Value, CurrencyError> {
    let (amount, currency) = currency::to_square(amount)?;
    Ok(json!({"amount": amount, "currency": currency}))
}

/// The most lines of an order.
const MAX_LINES: usize = 500;

/// The lines of an order, and their sum.
pub fn order_lines(lines: &[CheckoutLine]) -> Result<(Vec<Value>, Money), CheckoutError> {
    if MAX_LINES < lines.len() {
        return Err(CheckoutError::TooMany { found: lines.len(), limit: MAX_LINES });
    }
    let (first, others) = lines.split_first().ok_or(CheckoutError::Nothing)?;
    if lines.iter().any(|line| line.amount.is_zero()) {
        return Err(CheckoutError::Nothing);
    }
    let total =
        others.iter().try_fold(first.amount, |sum, line| Money::checked_add(sum, line.amount))?;
    let line = |line: &CheckoutLine| -> Result<Value, CheckoutError> {
        let price = money(line.amount).map_err(CheckoutError::Amount)?;
        Ok(json!({"name": line.name, "quantity": "1", "base_price_money": price}))
    };
    Ok((lines.iter().map(line).collect::<Result<_, _>>()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_1_a_key_fits_squares_45_characters_and_is_another_for_another_purpose() {
        let key = |text: &str| text.parse::<IdempotencyKey>().unwrap();
        let long = key(&"k".repeat(255));
        assert_eq!(short_key("pay", &long).len(), 43);
        assert_eq!(short_key("pay", &long), short_key("pay", &long));
        assert_ne!(short_key("pay", &long), short_key("order", &long));
        assert_ne!(short_key("pay", &long), short_key("pay", &key("k")));
    }
}
