//! What requests hold, as far as we send it; what nobody here knows is refused by name.

use std::collections::BTreeMap;

use axum::http::HeaderMap;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::book::{Book, money, time};
use super::problem::Problem;

/// Square's limits, in characters.
const MAX_REFERENCE: usize = 40;
const MAX_METADATA_KEY: usize = 60;
const MAX_METADATA_VALUE: usize = 255;
const MAX_METADATA_ENTRIES: usize = 10;
const MAX_LINES: usize = 500;
const MAX_NAME: usize = 512;

/// Reads a body.
pub fn read<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    serde_json::from_value(body.clone())
        .map_err(|error| Problem::invalid("BAD_REQUEST", error.to_string()))
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Money {
    pub amount: u64,
    pub currency: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewLink {
    #[serde(rename = "idempotency_key")]
    _key: Option<String>,
    pub order: NewOrder,
    #[serde(default)]
    pub checkout_options: CheckoutOptions,
    pub pre_populated_data: Option<Value>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CheckoutOptions {
    pub allow_tipping: bool,
    pub redirect_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CreateOrder {
    #[serde(rename = "idempotency_key")]
    _key: Option<String>,
    pub order: NewOrder,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewOrder {
    pub location_id: String,
    pub reference_id: Option<String>,
    #[serde(default)]
    pub metadata: BTreeMap<String, String>,
    pub line_items: Vec<LineItem>,
    pub customer_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LineItem {
    pub name: Option<String>,
    pub quantity: String,
    pub base_price_money: Money,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPayment {
    #[serde(rename = "idempotency_key")]
    _key: String,
    pub source_id: String,
    pub customer_id: Option<String>,
    pub location_id: String,
    pub order_id: Option<String>,
    pub reference_id: Option<String>,
    pub amount_money: Money,
    #[serde(default = "yes")]
    pub autocomplete: bool,
}

fn yes() -> bool {
    true
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRefund {
    #[serde(rename = "idempotency_key")]
    _key: String,
    pub payment_id: String,
    pub amount_money: Money,
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCustomer {
    #[serde(rename = "idempotency_key")]
    _key: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub company_name: Option<String>,
    pub email_address: Option<String>,
    pub reference_id: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewCard {
    #[serde(rename = "idempotency_key")]
    _key: String,
    pub source_id: String,
    pub card: CardOf,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CardOf {
    pub customer_id: String,
    pub reference_id: Option<String>,
}

/// A text that may be that long.
pub fn check_length(text: Option<&str>, limit: usize, field: &'static str) -> Result<(), Problem> {
    let found = text.map_or(0, |text| text.chars().count());
    if limit < found {
        let detail = format!("{field} has {found} characters, at most {limit} are allowed");
        return Err(Problem::invalid("VALUE_TOO_LONG", detail).at(field));
    }
    Ok(())
}

/// A reference of the seller's own.
pub fn check_reference(text: Option<&str>) -> Result<(), Problem> {
    check_length(text, MAX_REFERENCE, "reference_id")
}

impl NewOrder {
    /// Makes it, in that state.
    pub fn make(&self, book: &mut Book, state: &str, now: i64) -> Result<String, Problem> {
        self.check()?;
        let first = self.line_items.first().ok_or_else(|| {
            Problem::invalid("ARRAY_EMPTY", "an order needs a line").at("line_items")
        })?;
        let code = first.base_price_money.currency.clone();
        if self.line_items.iter().any(|line| line.base_price_money.currency != code) {
            return Err(Problem::invalid("CURRENCY_MISMATCH", "lines are in several currencies"));
        }
        book.check_currency(&self.location_id, &code)?;
        if let Some(customer) = &self.customer_id
            && !book.customers.contains_key(customer)
        {
            return Err(Problem::missing("customer", customer).at("customer_id"));
        }
        let total: u64 = self.line_items.iter().map(|line| line.base_price_money.amount).sum();
        let id = book.new_id("ORD");
        let lines: Vec<_> = self.line_items.iter().map(|line| line.shown(&code)).collect();
        let mut order = json!({
            "id": id,
            "location_id": self.location_id,
            "state": state,
            "version": 1,
            "line_items": lines,
            "total_money": money(total, &code),
            "total_tip_money": money(0, &code),
            "created_at": time(now),
            "updated_at": time(now),
        });
        if !self.metadata.is_empty() {
            order["metadata"] = json!(self.metadata);
        }
        for (field, value) in
            [("reference_id", &self.reference_id), ("customer_id", &self.customer_id)]
        {
            if let Some(value) = value {
                order[field] = json!(value);
            }
        }
        book.orders.insert(id.clone(), order);
        Ok(id)
    }

    fn check(&self) -> Result<(), Problem> {
        check_reference(self.reference_id.as_deref())?;
        if MAX_LINES < self.line_items.len() {
            return Err(Problem::invalid("ARRAY_LENGTH_TOO_LONG", "too many lines"));
        }
        for line in &self.line_items {
            check_length(line.name.as_deref(), MAX_NAME, "name")?;
            if line.quantity != "1" {
                return Err(Problem::invalid("INVALID_VALUE", "the sandbox sells one of each"));
            }
        }
        if MAX_METADATA_ENTRIES < self.metadata.len() {
            return Err(Problem::invalid(
                "TOO_MANY_MAP_ENTRIES",
                "metadata has at most 10 entries",
            ));
        }
        for (key, value) in &self.metadata {
            let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
            if key.is_empty() || MAX_METADATA_KEY < key.len() || !key.bytes().all(is_plain) {
                return Err(Problem::invalid("VALUE_REGEX_MISMATCH", "a key of the metadata"));
            }
            check_length(Some(value), MAX_METADATA_VALUE, "metadata")?;
        }
        Ok(())
    }
}

impl LineItem {
    fn shown(&self, code: &str) -> Value {
        let price = money(self.base_price_money.amount, code);
        json!({
            "name": self.name, "quantity": self.quantity,
            "base_price_money": price, "total_money": price,
        })
    }
}

/// The host at which whoever asks found the sandbox.
pub fn host(headers: &HeaderMap) -> &str {
    let host = headers.get("host").and_then(|value| value.to_str().ok());
    host.filter(|host| host.parse::<axum::http::uri::Authority>().is_ok()).unwrap_or("localhost")
}
