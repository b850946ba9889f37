//! PayPal's amounts: decimal text, with as many decimals as PayPal gives the currency.
//!
//! Those are not ISO 4217's everywhere: forint and new Taiwan dollar are whole here. So there is one table,
//! from <https://developer.paypal.com/api/rest/reference/currency-codes/>; a currency that isn't in it is
//! refused. The text never passes through floating point.

use domain::money::{Currency, MAX_MINOR, Money};
use serde::{Deserialize, Serialize};

use super::NAME;
use crate::{CurrencyError, GatewayError};

/// Decimals at PayPal, and the currencies that have them there.
const TABLE: [(u32, &str); 3] = [
    (0, "HUF JPY TWD"),
    (2, "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD ILS MXN MYR NOK NZD PHP PLN SEK SGD THB USD"),
    (3, "TND"),
];

/// The longest amount that PayPal writes.
const MAX_VALUE_BYTES: usize = 32;

/// An amount as PayPal sends it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Upper-case.
    pub currency_code: String,
    /// Decimal text.
    pub value: String,
}

impl Amount {
    /// The amount to send to PayPal, with exactly the currency's decimals.
    ///
    /// # Errors
    /// For a currency that isn't in the table, and an amount finer than PayPal can charge.
    pub fn of(money: Money) -> Result<Self, CurrencyError> {
        let currency = money.currency();
        let (_, decimals) = in_table(currency.code())?;
        let value = rescale(money.minor(), currency.exponent(), decimals, currency)?;
        let unit = 10_u64.pow(decimals);
        let value = match decimals {
            0 => value.to_string(),
            _ => format!("{}.{:0width$}", value / unit, value % unit, width = decimals as usize),
        };
        Ok(Self { currency_code: currency.code().to_owned(), value })
    }

    /// What it says.
    ///
    /// # Errors
    /// For a currency that isn't in the table, and text that is no amount of it.
    pub fn money(&self) -> Result<Money, GatewayError> {
        let (currency, decimals) = in_table(&self.currency_code)?;
        let unreadable = || {
            let value: String = self.value.chars().take(MAX_VALUE_BYTES).collect();
            GatewayError::malformed(format!("{value:?} is no amount of {currency}"))
        };
        let (whole, fraction) = self.value.split_once('.').unwrap_or((&self.value, "0"));
        let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if MAX_VALUE_BYTES < self.value.len() || !is_number(whole) || !is_number(fraction) {
            return Err(unreadable());
        }
        let fraction = fraction.trim_end_matches('0');
        let missing = (decimals as usize).checked_sub(fraction.len()).ok_or_else(unreadable)?;
        let text = format!("{whole}{fraction}{}", "0".repeat(missing));
        let amount: u64 = text.parse().map_err(|_| unreadable())?;
        let minor = rescale(amount, decimals, currency.exponent(), currency)?;
        if MAX_MINOR < minor {
            return Err(CurrencyError::TooLarge { amount, currency }.into());
        }
        Ok(Money::new(minor, currency))
    }
}

/// The currency, and its decimals at PayPal.
fn in_table(code: &str) -> Result<(Currency, u32), CurrencyError> {
    let unknown = || CurrencyError::Unknown { gateway: NAME, code: code.chars().take(8).collect() };
    let holds = |codes: &str| codes.split_ascii_whitespace().any(|known| known == code);
    let row = TABLE.into_iter().find(|(_, codes)| holds(codes));
    let (decimals, _) = row.ok_or_else(unknown)?;
    Ok((code.parse().map_err(|_| unknown())?, decimals))
}

fn rescale(amount: u64, from: u32, to: u32, currency: Currency) -> Result<u64, CurrencyError> {
    let step = 10_u64.pow(from.saturating_sub(to));
    if !amount.is_multiple_of(step) {
        return Err(CurrencyError::TooFine { amount, currency, step });
    }
    let scaled = (amount / step).checked_mul(10_u64.pow(to.saturating_sub(from)));
    scaled.ok_or(CurrencyError::TooLarge { amount, currency })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(value: &str, code: &str) -> Result<String, String> {
        let amount = Amount { currency_code: code.to_owned(), value: value.to_owned() };
        amount.money().map(|money| money.to_string()).map_err(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            source.unwrap_or_else(|| error.to_string())
        })
    }

    #[test]
    fn inv_5_amounts_have_paypals_decimals_not_isos() {
        for (value, code, expected) in [
            ("1250.00", "USD", "1250.00 USD"),
            ("0.05", "USD", "0.05 USD"),
            ("7", "USD", "7.00 USD"),
            ("7.5", "EUR", "7.50 EUR"),
            ("7.500", "EUR", "7.50 EUR"),
            ("500", "JPY", "500 JPY"),
            ("500.00", "JPY", "500 JPY"),
            ("1045", "HUF", "1045.00 HUF"),
            ("1045", "TWD", "1045.00 TWD"),
            ("5.125", "TND", "5.125 TND"),
        ] {
            assert_eq!(read(value, code).as_deref(), Ok(expected), "for {value} {code}");
        }
    }

    #[test]
    fn inv_5_what_is_no_amount_is_refused() {
        for (value, code, expected) in [
            ("1", "usd", "not in the table of paypal"),
            ("1", "XXX", "not in the table of paypal"),
            ("", "USD", "\"\" is no amount of USD"),
            ("-1.00", "USD", "is no amount"),
            ("+1", "USD", "is no amount"),
            ("1.", "USD", "is no amount"),
            (".5", "USD", "is no amount"),
            ("1.001", "USD", "is no amount"),
            ("1,00", "USD", "is no amount"),
            ("1e3", "USD", "is no amount"),
            ("1.5", "JPY", "is no amount"),
            ("99999999999999999999", "USD", "is no amount"),
            ("9999999999999999", "USD", "too large"),
        ] {
            let error = read(value, code).unwrap_err();
            assert!(error.contains(expected), "for {value} {code}: {error}");
        }
    }

    #[test]
    fn inv_5_amounts_are_written_with_exactly_the_currencys_decimals() {
        let written = |minor, code: &str| {
            Amount::of(Money::new(minor, code.parse().unwrap())).map(|amount| amount.value)
        };
        assert_eq!(written(125_000, "USD").as_deref(), Ok("1250.00"));
        assert_eq!(written(5, "USD").as_deref(), Ok("0.05"));
        assert_eq!(written(500, "JPY").as_deref(), Ok("500"));
        assert_eq!(written(104_500, "HUF").as_deref(), Ok("1045"));
        assert_eq!(written(5_125, "TND").as_deref(), Ok("5.125"));
        assert!(matches!(written(104_501, "TWD"), Err(CurrencyError::TooFine { step: 100, .. })));
        assert!(matches!(written(1, "KWD"), Err(CurrencyError::Unknown { .. })));
    }

    #[test]
    fn inv_5_every_currency_of_the_table_goes_there_and_back() {
        for code in TABLE.iter().flat_map(|(_, codes)| codes.split_ascii_whitespace()) {
            let money = Money::new(1_234_500, code.parse().unwrap());
            assert_eq!(Amount::of(money).unwrap().money().unwrap(), money);
        }
    }
}
