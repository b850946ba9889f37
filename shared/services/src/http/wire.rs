//! Money and days as they are written in requests and answers (contracts §4).

use domain::calendar::{Day, parse_day};
use domain::money::{Currency, Money, MoneyError};
use serde::{Deserialize, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};
use utoipa::{PartialSchema, ToSchema};

/// An amount: `{"amount": "100.00", "currency": "USD"}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "WrittenAmount", into = "WrittenAmount")]
pub struct Amount(pub Money);

/// An amount of money.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct WrittenAmount {
    /// A decimal number in major units, with no more decimals than the currency has.
    #[schema(example = "100.00")]
    amount: String,
    /// A code of ISO 4217.
    #[schema(example = "USD")]
    currency: String,
}

impl TryFrom<WrittenAmount> for Amount {
    type Error = MoneyError;

    fn try_from(written: WrittenAmount) -> Result<Self, MoneyError> {
        let currency: Currency = written.currency.parse()?;
        Money::parse(&written.amount, currency).map(Self)
    }
}

impl From<Amount> for WrittenAmount {
    fn from(Amount(money): Amount) -> Self {
        Self { amount: money.amount(), currency: money.currency().code().to_owned() }
    }
}

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self(money)
    }
}

impl PartialSchema for Amount {
    fn schema() -> RefOr<Schema> {
        WrittenAmount::schema()
    }
}

impl ToSchema for Amount {
    fn name() -> std::borrow::Cow<'static, str> {
        "Amount".into()
    }
}

/// A day in ISO 8601: `2026-03-02`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Date(pub Day);

impl TryFrom<String> for Date {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_day(&text).map(Self)
    }
}

impl From<Date> for String {
    fn from(Date(day): Date) -> Self {
        day.to_string()
    }
}

impl From<Day> for Date {
    fn from(day: Day) -> Self {
        Self(day)
    }
}

impl PartialSchema for Date {
    fn schema() -> RefOr<Schema> {
        let format = SchemaFormat::KnownFormat(KnownFormat::Date);
        let schema = ObjectBuilder::new().schema_type(Type::String).format(Some(format));
        schema.description(Some("A day in ISO 8601.")).into()
    }
}

impl ToSchema for Date {
    fn name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn an_amount_is_a_decimal_text_and_its_currency() {
        for (written, expected) in [
            (json!({"amount": "100.00", "currency": "USD"}), Ok("100.00 USD")),
            (json!({"amount": "100", "currency": "JPY"}), Ok("100 JPY")),
            (json!({"amount": "1.234", "currency": "BHD"}), Ok("1.234 BHD")),
            (json!({"amount": "1.005", "currency": "USD"}), Err("finer than the minor unit")),
            (json!({"amount": 100.5, "currency": "USD"}), Err("floating point")),
            (json!({"amount": "-1", "currency": "USD"}), Err("not an amount")),
            (json!({"amount": "1e3", "currency": "USD"}), Err("not an amount")),
            (json!({"amount": "1", "currency": "XXX"}), Err("currency")),
            (json!({"amount": "1", "currency": "usd"}), Err("currency")),
            (json!({"amount": "1"}), Err("currency")),
            (json!({"amount": "1", "currency": "USD", "minor": 1}), Err("minor")),
            (json!("100.00"), Err("struct")),
        ] {
            let read: Result<Amount, _> = serde_json::from_value(written.clone());
            match (read, expected) {
                (Ok(amount), Ok(expected)) => {
                    assert_eq!(amount.0.to_string(), expected);
                    let again: Value = serde_json::to_value(amount).unwrap();
                    assert_eq!(again["currency"], written["currency"]);
                }
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "for {written}: {error}");
                }
                (read, _) => panic!("for {written}: {read:?}"),
            }
        }
    }

    #[test]
    fn a_day_exists() {
        for text in
            ["2026-02-30", "2026-13-01", "26-01-01", "tomorrow", "2026-2-1", "9999999-01-01"]
        {
            assert!(serde_json::from_value::<Date>(json!(text)).is_err(), "for {text}");
        }
        assert!(serde_json::from_value::<Date>(json!("2028-02-29")).is_ok());
    }
}
