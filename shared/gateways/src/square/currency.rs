//! Square's amounts: whole numbers in the smallest unit that ISO 4217 gives the currency, its code in capitals.
//!
//! A location has one currency, that of its country; the table holds those of the countries that Square takes
//! payments in. Another one in an answer is no payment that we asked for, and is refused.

use domain::money::{Currency, MAX_MINOR, Money};

use super::NAME;
use crate::CurrencyError;

const TABLE: [&str; 6] = ["AUD", "CAD", "EUR", "GBP", "JPY", "USD"];

/// An amount as Square sends it.
///
/// # Errors
/// For a currency that isn't in the table, and an amount beyond what money may be.
pub fn from_square(amount: u64, code: &str) -> Result<Money, CurrencyError> {
    let currency = in_table(code)?;
    if MAX_MINOR < amount {
        return Err(CurrencyError::TooLarge { amount, currency });
    }
    Ok(Money::new(amount, currency))
}

/// The amount and currency code to send to Square.
///
/// # Errors
/// For a currency that isn't in the table.
pub fn to_square(money: Money) -> Result<(u64, String), CurrencyError> {
    let currency = in_table(money.currency().code())?;
    Ok((money.minor(), currency.code().to_owned()))
}

fn in_table(code: &str) -> Result<Currency, CurrencyError> {
    let unknown = || CurrencyError::Unknown { gateway: NAME, code: code.chars().take(8).collect() };
    let known = TABLE.into_iter().find(|known| *known == code).ok_or_else(unknown)?;
    known.parse().map_err(|_| unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inv_5_amounts_have_isos_decimals_and_other_currencies_are_refused() {
        for (amount, code, expected) in [
            (1_099, "USD", Ok("10.99 USD")),
            (500, "JPY", Ok("500 JPY")),
            (0, "EUR", Ok("0.00 EUR")),
            (1, "usd", Err("not in the table of square")),
            (1, "BHD", Err("not in the table of square")),
            (1, "", Err("not in the table of square")),
            (u64::MAX, "USD", Err("too large")),
        ] {
            match (from_square(amount, code), expected) {
                (Ok(money), Ok(text)) => {
                    assert_eq!(money.to_string(), text);
                    assert_eq!(to_square(money), Ok((amount, code.to_owned())));
                }
                (Err(error), Err(text)) => assert!(error.to_string().contains(text), "{error}"),
                (result, _) => panic!("{amount} {code}: {result:?}"),
            }
        }
        let other = Money::new(1, "CHF".parse().unwrap());
        assert!(matches!(to_square(other), Err(CurrencyError::Unknown { .. })));
    }
}
