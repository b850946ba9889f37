//! Stripe's objects, as far as a decision needs them.
//!
//! Every field is optional that a state of the object can lack. Fields that hold a person's name,
//! address or card are not here, so no error about an answer can quote one.

use std::collections::BTreeMap;

use serde::de::{DeserializeOwned, Error};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// A page to pay on.
#[derive(Debug, Deserialize)]
pub struct Session {
    pub id: String,
    pub mode: String,
    pub status: Option<String>,
    pub payment_status: String,
    pub amount_total: Option<u64>,
    pub currency: Option<String>,
    pub client_reference_id: Option<String>,
    pub metadata: Option<BTreeMap<String, String>>,
    pub payment_intent: Option<Expandable<Intent>>,
}

/// The money.
#[derive(Debug, Deserialize)]
pub struct Intent {
    pub id: String,
    pub status: String,
    pub amount: u64,
    pub amount_received: Option<u64>,
    pub currency: String,
    pub created: i64,
    pub livemode: bool,
    pub metadata: Option<BTreeMap<String, String>>,
    pub latest_charge: Option<Expandable<Charge>>,
    pub last_payment_error: Option<PaymentError>,
    #[serde(default)]
    pub payment_method_types: Vec<String>,
    pub customer: Option<Expandable<Id>>,
    pub payment_method: Option<Expandable<SavedMethod>>,
    pub setup_future_usage: Option<String>,
}

/// Why the last attempt failed: machine words only.
#[derive(Debug, Deserialize)]
pub struct PaymentError {
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub advice_code: Option<String>,
}

/// One attempt to take the money.
#[derive(Debug, Deserialize)]
pub struct Charge {
    pub id: String,
    pub created: i64,
    pub amount_refunded: u64,
    pub disputed: bool,
    pub payment_intent: Option<Expandable<Id>>,
    pub payment_method_details: Option<MethodDetails>,
    pub refunds: Option<List<Refund>>,
    /// The payment's, as it was when the attempt was made.
    pub metadata: Option<BTreeMap<String, String>>,
}

/// How it was taken.
#[derive(Debug, Deserialize)]
pub struct MethodDetails {
    #[serde(rename = "type")]
    pub kind: String,
}

/// Money given back.
#[derive(Debug, Clone, Deserialize)]
pub struct Refund {
    pub id: String,
    pub amount: u64,
    pub currency: String,
    pub created: i64,
    pub status: Option<String>,
    pub charge: Option<Expandable<Id>>,
    pub payment_intent: Option<Expandable<Id>>,
    pub metadata: Option<BTreeMap<String, String>>,
}

/// Whoever pays.
#[derive(Debug, Deserialize)]
pub struct Customer {
    pub id: String,
    pub livemode: bool,
}

/// A page to save a method on, and what came of it.
#[derive(Debug, Deserialize)]
pub struct SetupSession {
    pub id: String,
    pub livemode: bool,
    pub status: Option<String>,
    pub url: Option<String>,
    pub setup_intent: Option<Expandable<SetupIntent>>,
}

/// The saving of a method.
#[derive(Debug, Deserialize)]
pub struct SetupIntent {
    pub status: String,
    pub payment_method: Option<Expandable<SavedMethod>>,
}

/// A method, with what a payer knows it by and no more.
#[derive(Debug, Deserialize)]
pub struct SavedMethod {
    pub id: String,
    #[serde(rename = "type")]
    pub kind: String,
    pub customer: Option<Expandable<Id>>,
    pub card: Option<SavedCard>,
    pub us_bank_account: Option<SavedBankAccount>,
}

/// A saved card.
#[derive(Debug, Deserialize)]
pub struct SavedCard {
    pub brand: Option<String>,
    pub last4: Option<String>,
    pub exp_year: Option<u16>,
    pub exp_month: Option<u8>,
}

/// A saved bank account.
#[derive(Debug, Deserialize)]
pub struct SavedBankAccount {
    pub bank_name: Option<String>,
    pub last4: Option<String>,
    pub status_details: Option<BankStatus>,
}

/// Whether it may be debited.
#[derive(Debug, Deserialize)]
pub struct BankStatus {
    /// Why not; any content means that it may not.
    pub blocked: Option<Value>,
}

/// Money taken back.
#[derive(Debug, Deserialize)]
pub struct Dispute {
    pub id: String,
    pub amount: u64,
    pub currency: String,
    pub created: i64,
    pub status: String,
    pub reason: Option<String>,
    pub charge: Option<Expandable<Id>>,
    pub payment_intent: Option<Expandable<Id>>,
}

/// A page of a list.
#[derive(Debug, Deserialize)]
pub struct List<T> {
    pub data: Vec<T>,
    pub has_more: bool,
}

/// An object of which only the id matters.
#[derive(Debug, Clone, Deserialize)]
pub struct Id {
    pub id: String,
}

/// What Stripe answers instead of an object.
#[derive(Debug, Default, Deserialize)]
pub struct Failure {
    #[serde(default)]
    pub error: FailureDetails,
}

/// Its machine words; the sentence is left out, since it can quote a key.
#[derive(Debug, Default, Deserialize)]
pub struct FailureDetails {
    #[serde(rename = "type")]
    pub kind: Option<String>,
    pub code: Option<String>,
    pub decline_code: Option<String>,
    pub advice_code: Option<String>,
    pub param: Option<String>,
}

/// An id, or the object itself where it was asked for with `expand[]`.
#[derive(Debug, Clone)]
pub enum Expandable<T> {
    Id(String),
    Object(Box<T>),
}

impl<'de, T: DeserializeOwned> Deserialize<'de> for Expandable<T> {
    /// By hand, because an untagged enum's error names no field.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::String(id) => Ok(Self::Id(id)),
            object => T::deserialize(object)
                .map(|object| Self::Object(Box::new(object)))
                .map_err(D::Error::custom),
        }
    }
}

impl Expandable<Id> {
    /// The id, expanded or not.
    pub fn id(&self) -> &str {
        match self {
            Self::Id(id) => id,
            Self::Object(object) => &object.id,
        }
    }
}
