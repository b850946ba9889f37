//! AffiniPay's objects: the fields that something of ours depends on. A number may come as text, and so may a
//! yes or no; both have been seen in the gateway's own examples.

use chrono::DateTime;
use serde::{Deserialize, Deserializer, de};
use serde_json::Value;

/// A charge, a refund of one, or a credit.
#[derive(Debug, Clone, Deserialize)]
pub struct Transaction {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub created: Option<String>,
    pub account_id: Option<String>,
    pub status: String,
    pub failure_code: Option<String>,
    #[serde(deserialize_with = "number")]
    pub amount: u64,
    pub currency: Option<String>,
    #[serde(default, deserialize_with = "yes_or_no")]
    pub auto_capture: Option<bool>,
    pub reference: Option<String>,
    pub void_reference: Option<String>,
    pub data: Option<Value>,
    pub method: Option<Instrument>,
    /// On a refund: what it gives back.
    pub charge_id: Option<String>,
    /// On a charge that was read alone.
    pub refunds: Option<Vec<Transaction>>,
}

/// What a payment is made of, in a transaction's `type`.
pub const CHARGE: &str = "CHARGE";

/// Money given back.
pub const REFUND: &str = "REFUND";

/// A card or bank account, numbers masked.
#[derive(Debug, Clone, Deserialize)]
pub struct Instrument {
    pub id: Option<String>,
    #[serde(rename = "type")]
    pub kind: String,
    /// Of a card.
    pub number: Option<String>,
    pub card_type: Option<String>,
    #[serde(default, deserialize_with = "optional_number")]
    pub exp_month: Option<u64>,
    #[serde(default, deserialize_with = "optional_number")]
    pub exp_year: Option<u64>,
    /// Of a bank account.
    pub account_number: Option<String>,
    pub bank_name: Option<String>,
    pub description: Option<String>,
}

/// One page of a list.
#[derive(Debug, Deserialize)]
pub struct Results<T> {
    #[serde(default, deserialize_with = "optional_number")]
    pub total_entries: Option<u64>,
    pub results: Vec<T>,
}

/// Whose key it is.
#[derive(Debug, Deserialize)]
pub struct Merchant {
    #[serde(default)]
    pub merchant_accounts: Vec<Account>,
    #[serde(default)]
    pub ach_accounts: Vec<Account>,
}

/// A deposit account.
#[derive(Debug, Deserialize)]
pub struct Account {
    pub id: String,
    pub name: Option<String>,
    pub status: Option<String>,
    #[serde(default, deserialize_with = "yes_or_no")]
    pub trust_account: Option<bool>,
}

impl Account {
    pub fn is_active(&self) -> bool {
        self.status.as_deref().is_none_or(|status| status == "ACTIVE")
    }
}

/// Why a request was refused.
#[derive(Debug, Default, Deserialize)]
pub struct Failure {
    #[serde(default)]
    pub messages: Vec<Message>,
}

/// One reason.
#[derive(Debug, Deserialize)]
pub struct Message {
    pub code: Option<String>,
    /// Which field or object.
    pub context: Option<String>,
}

impl Failure {
    /// The first reason's code.
    pub fn code(&self) -> Option<&str> {
        self.messages.iter().find_map(|message| message.code.as_deref())
    }
}

/// A moment as the gateway writes it, in Unix seconds.
pub fn unix(text: &str) -> Option<i64> {
    DateTime::parse_from_rfc3339(text).ok().map(|at| at.timestamp())
}

/// A moment as the gateway reads it.
pub fn moment(unix: i64) -> String {
    let at = DateTime::from_timestamp(unix, 0).unwrap_or_default();
    at.format("%Y-%m-%dT%H:%M:%S.000Z").to_string()
}

fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let value = optional_number(deserializer)?;
    value.ok_or_else(|| de::Error::custom("expected a whole number, found nothing"))
}

fn optional_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let wrong = |value: &Value| {
        de::Error::custom(format!("expected a whole number that is not negative, found {value}"))
    };
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Number(number) => {
            number.as_u64().map(Some).ok_or_else(|| wrong(&Value::Number(number)))
        }
        Value::String(text) if text.bytes().all(|byte| byte.is_ascii_digit()) => {
            text.parse().map(Some).map_err(|_| wrong(&Value::String(text)))
        }
        other => Err(wrong(&other)),
    }
}

fn yes_or_no<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<bool>, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Null => Ok(None),
        Value::Bool(is) => Ok(Some(is)),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Ok(Some(true)),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Ok(Some(false)),
        other => Err(de::Error::custom(format!("expected true or false, found {other}"))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn amount(amount: &Value) -> Result<u64, String> {
        let transaction =
            json!({"id": "t", "type": "CHARGE", "status": "PENDING", "amount": amount});
        let read = serde_json::from_value::<Transaction>(transaction);
        read.map(|read| read.amount).map_err(|error| error.to_string())
    }

    #[test]
    fn inv_5_amounts_are_whole_numbers_also_as_text() {
        for (value, expected) in [
            (json!(125_000), Ok(125_000)),
            (json!("125000"), Ok(125_000)),
            (json!(0), Ok(0)),
            (json!(-1), Err("found -1")),
            (json!("-1"), Err("found \"-1\"")),
            (json!(1.5), Err("found 1.5")),
            (json!("12.50"), Err("found \"12.50\"")),
            (json!(""), Err("found \"\"")),
            (json!("99999999999999999999"), Err("found")),
            (Value::Null, Err("found nothing")),
            (json!([1]), Err("found [1]")),
        ] {
            match (amount(&value), expected) {
                (Ok(found), Ok(expected)) => assert_eq!(found, expected, "for {value}"),
                (Err(error), Err(text)) => assert!(error.contains(text), "for {value}: {error}"),
                (found, _) => panic!("for {value}: {found:?}"),
            }
        }
    }

    #[test]
    fn a_trust_account_may_say_so_in_text() {
        for (value, expected) in [
            (json!("true"), Some(true)),
            (json!(true), Some(true)),
            (json!("False"), Some(false)),
            (Value::Null, None),
        ] {
            let account: Account =
                serde_json::from_value(json!({"id": "a", "trust_account": value})).unwrap();
            assert_eq!(account.trust_account, expected, "for {value}");
        }
        let none: Account = serde_json::from_value(json!({"id": "a"})).unwrap();
        assert_eq!(none.trust_account, None);
        assert!(serde_json::from_value::<Account>(json!({"id": "a", "trust_account": 1})).is_err());
    }

    #[test]
    fn moments_are_written_as_they_are_read() {
        assert_eq!(unix("2026-09-21T14:13:11.811Z"), Some(1_790_000_000 - 9));
        assert_eq!(unix("2016-02-24T14:36:27.000-06:00"), Some(1_456_346_187));
        assert_eq!(unix(&moment(1_790_000_000)), Some(1_790_000_000));
        assert_eq!(unix("yesterday"), None);
    }
}
