//! Money: whole minor units of one currency, never negative.
//!
//! Direction is in the word (payment, refund, credit), not in a sign, and there is no `+`: two
//! amounts meet only through [`Money::checked_add`] and [`Money::checked_sub`], which answer with an
//! error for two currencies, for less than nothing and for overflow. Floating point appears nowhere;
//! text is parsed digit by digit and `rust_decimal` is used only to multiply by a percentage.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A currency of ISO 4217, with its number of decimals.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Currency([u8; 3]);

impl Currency {
    /// The US dollar: what a firm bills in unless it says otherwise.
    pub const USD: Self = Self(*b"USD");

    /// The three letters.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("???")
    }

    /// Decimals between the major and the minor unit: JPY 0, USD 2, BHD 3.
    pub fn exponent(self) -> u32 {
        iso_currency::Currency::from_code(self.code())
            .and_then(|iso| iso.exponent())
            .map_or(2, u32::from)
    }

    fn minor_per_major(self) -> u64 {
        10_u64.pow(self.exponent())
    }
}

impl FromStr for Currency {
    type Err = MoneyError;

    fn from_str(text: &str) -> Result<Self, MoneyError> {
        let unknown = || MoneyError::UnknownCurrency(text.to_owned());
        let bytes: [u8; 3] = text.as_bytes().try_into().map_err(|_| unknown())?;
        // A currency without a minor unit in ISO 4217 (gold, test codes) can't be owed.
        iso_currency::Currency::from_code(text)
            .and_then(|iso| iso.exponent())
            .ok_or_else(unknown)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for Currency {
    type Error = MoneyError;

    fn try_from(text: String) -> Result<Self, MoneyError> {
        text.parse()
    }
}

impl From<Currency> for String {
    fn from(currency: Currency) -> Self {
        currency.code().to_owned()
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// The most minor units that one amount may have: 10¹⁵, ten trillion dollars, so that a sum of
/// [`crate::account::MAX_OPEN_INVOICES`] amounts stays far inside 64 bits.
pub const MAX_MINOR: u64 = 1_000_000_000_000_000;

/// An amount of one currency in its minor unit; never negative.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: u64,
    currency: Currency,
}

impl Money {
    /// So many minor units.
    pub const fn new(minor: u64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in that currency.
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The count of minor units.
    pub const fn minor(self) -> u64 {
        self.minor
    }

    /// The currency.
    pub const fn currency(self) -> Currency {
        self.currency
    }

    /// Whether it is nothing.
    pub const fn is_zero(self) -> bool {
        self.minor == 0
    }

    /// A decimal text in major units (`100`, `100.00`), without sign, exponent or grouping.
    ///
    /// # Errors
    /// [`MoneyError::NotDecimal`] for other text, [`MoneyError::TooFine`] for more decimals than the
    /// currency has (trailing zeros too: `1.000` dollars is a mistake, not a dollar) and
    /// [`MoneyError::TooLarge`] past [`MAX_MINOR`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let not_decimal = || MoneyError::NotDecimal(text.to_owned());
        let (whole, fraction) = match text.split_once('.') {
            Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
            Some(_) => return Err(not_decimal()),
            None => (text, ""),
        };
        let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
        if whole.is_empty() || !is_digits(whole) || !is_digits(fraction) {
            return Err(not_decimal());
        }
        let exponent = currency.exponent() as usize;
        if exponent < fraction.len() {
            return Err(MoneyError::TooFine { text: text.to_owned(), currency });
        }
        let digits = format!("{whole}{fraction:0<exponent$}");
        let minor = digits.parse().ok().filter(|&minor| minor <= MAX_MINOR);
        let minor = minor.ok_or_else(|| MoneyError::TooLarge(text.to_owned()))?;
        Ok(Self { minor, currency })
    }

    /// The sum.
    ///
    /// # Errors
    /// For two currencies, and past 64 bits.
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor);
        let minor = minor.ok_or_else(|| MoneyError::TooLarge(format!("{self} and {other}")))?;
        Ok(Self { minor, ..self })
    }

    /// What is left after taking `other` away.
    ///
    /// # Errors
    /// For two currencies, and for less than nothing.
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor);
        let minor = minor.ok_or(MoneyError::LessThanNothing { from: self, taken: other })?;
        Ok(Self { minor, ..self })
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            return Ok(());
        }
        Err(MoneyError::TwoCurrencies(self.currency, other.currency))
    }

    /// The number alone, with exactly the currency's decimals: `1200.00`.
    pub fn amount(self) -> String {
        self.text("")
    }

    /// For a person: `1,200.00 USD`.
    pub fn for_person(self) -> String {
        format!("{} {}", self.text(","), self.currency)
    }

    fn text(self, group: &str) -> String {
        let per_major = self.currency.minor_per_major();
        let mut text = String::new();
        let whole = (self.minor / per_major).to_string();
        for (index, digit) in whole.chars().enumerate() {
            if 0 < index && (whole.len() - index).is_multiple_of(3) {
                text.push_str(group);
            }
            text.push(digit);
        }
        let exponent = self.currency.exponent() as usize;
        if 0 < exponent {
            text.push_str(&format!(".{:0exponent$}", self.minor % per_major));
        }
        text
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.amount(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// Why an amount was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not a code of ISO 4217 that money can be owed in.
    #[error("unknown currency {0:?}, expected a code of ISO 4217 such as USD")]
    UnknownCurrency(String),
    /// Not a plain decimal number.
    #[error("{0:?} is not an amount, expected a decimal number such as 100.00")]
    NotDecimal(String),
    /// Finer than the minor unit.
    #[error("{text} is finer than the minor unit of {currency}, which has {} decimals", currency.exponent())]
    TooFine {
        /// As given.
        text: String,
        /// Whose minor unit it is.
        currency: Currency,
    },
    /// Beyond what one amount may be.
    #[error("{0} is too large")]
    TooLarge(String),
    /// Amounts of two currencies never meet in one sum.
    #[error("{0} and {1} can't be added or taken away")]
    TwoCurrencies(Currency, Currency),
    /// No balance is negative (PAY-6).
    #[error("{taken} is more than {from}")]
    LessThanNothing {
        /// What there was.
        from: Money,
        /// What should have been taken away.
        taken: Money,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, currency: &str) -> Result<u64, MoneyError> {
        Ok(Money::parse(text, currency.parse()?)?.minor())
    }

    #[test]
    fn inv_5_money_has_the_minor_unit_of_its_currency() {
        for (text, currency, minor, amount) in [
            ("100", "USD", 10_000, "100.00"),
            ("100.5", "USD", 10_050, "100.50"),
            ("0.01", "USD", 1, "0.01"),
            ("1200", "JPY", 1_200, "1200"),
            ("1.234", "BHD", 1_234, "1.234"),
            ("0", "BHD", 0, "0.000"),
        ] {
            assert_eq!(parse(text, currency), Ok(minor), "for {text} {currency}");
            assert_eq!(Money::new(minor, currency.parse().unwrap()).amount(), amount);
        }
    }

    #[test]
    fn inv_5_text_that_is_no_amount_is_refused() {
        for (text, currency, expected) in [
            ("1.001", "USD", "finer than the minor unit of USD"),
            ("1.5", "JPY", "finer than the minor unit of JPY"),
            ("1.2345", "BHD", "finer than the minor unit of BHD"),
            ("", "USD", "not an amount"),
            (".5", "USD", "not an amount"),
            ("5.", "USD", "not an amount"),
            ("-5", "USD", "not an amount"),
            ("1e3", "USD", "not an amount"),
            ("1,000", "USD", "not an amount"),
            ("٣", "USD", "not an amount"),
            ("10000000000000.01", "USD", "too large"),
            ("99999999999999999999999", "USD", "too large"),
            ("1", "usd", "unknown currency"),
            ("1", "XXX", "unknown currency"),
            ("1", "DOLLARS", "unknown currency"),
        ] {
            let error = parse(text, currency).unwrap_err().to_string();
            assert!(error.contains(expected), "for {text:?} {currency}: {error}");
        }
    }

    #[test]
    fn two_currencies_never_meet() {
        let usd = Money::new(1, Currency::USD);
        let jpy = Money::new(1, "JPY".parse().unwrap());
        assert!(matches!(usd.checked_add(jpy), Err(MoneyError::TwoCurrencies(..))));
        assert!(matches!(usd.checked_sub(jpy), Err(MoneyError::TwoCurrencies(..))));
    }

    #[test]
    fn pay_6_nothing_is_less_than_nothing() {
        let usd = |minor| Money::new(minor, Currency::USD);
        assert_eq!(usd(3).checked_sub(usd(3)), Ok(usd(0)));
        assert!(matches!(usd(3).checked_sub(usd(4)), Err(MoneyError::LessThanNothing { .. })));
        assert!(matches!(usd(u64::MAX).checked_add(usd(1)), Err(MoneyError::TooLarge(_))));
    }

    #[test]
    fn lock_2_amounts_for_a_person_are_grouped() {
        for (minor, currency, text) in [
            (120_000, "USD", "1,200.00 USD"),
            (99_999, "USD", "999.99 USD"),
            (1_234_567, "JPY", "1,234,567 JPY"),
            (100_000_000, "BHD", "100,000.000 BHD"),
        ] {
            assert_eq!(Money::new(minor, currency.parse().unwrap()).for_person(), text);
        }
    }
}
