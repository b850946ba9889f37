//! Stripe's amounts: whole numbers whose decimals are Stripe's own, by currency.
//!
//! They are mostly those of ISO 4217, and where they are not, a wrong guess is a hundredfold error.
//! So there is one table, from <https://docs.stripe.com/currencies>; a currency that isn't in it is
//! refused, never taken for two decimals. The code is lower-case.

use domain::money::{Currency, MAX_MINOR, Money};

use super::NAME;
use crate::CurrencyError;

/// Decimals at Stripe, and the currencies that have them there. Those that ISO 4217 has withdrawn
/// are left out: money can't be owed in them.
const TABLE: [(u32, &str); 4] = [
    // The ariary has two decimals in ISO 4217, and none here.
    (0, "bif clp djf gnf jpy kmf krw mga pyg rwf vnd vuv xaf xof xpf"),
    // Sent with two decimals that are always `00`, though ISO 4217 gives them none.
    (2, "isk ugx"),
    (
        2,
        "aed afn all amd aoa ars aud awg azn bam bbd bdt bmd bnd bob brl bsd bwp byn bzd cad cdf chf \
         cny cop crc cve czk dkk dop dzd egp etb eur fjd fkp gbp gel gip gmd gtq gyd hkd hnl htg huf \
         idr ils inr jmd kes kgs khr kyd kzt lak lbp lkr lrd lsl mad mdl mkd mmk mnt mop mur mvr mwk \
         mxn myr mzn nad ngn nio nok npr nzd pab pen pgk php pkr pln qar ron rsd rub sar sbd scr sek \
         sgd shp sle sos srd szl thb tjs top try ttd twd tzs uah usd uyu uzs wst xcd xcg yer zar zmw",
    ),
    (3, THREE_DECIMALS),
];

/// The card networks carry two of the three: the last digit that we send must be 0.
const THREE_DECIMALS: &str = "bhd jod kwd omr tnd";

/// An amount as Stripe sends it.
///
/// # Errors
/// For a currency that isn't in the table, and an amount that the currency can't have.
pub fn from_stripe(amount: u64, code: &str) -> Result<Money, CurrencyError> {
    let (currency, stripe) = in_table(code)?;
    let minor = rescale(amount, stripe, currency.exponent(), currency)?;
    if MAX_MINOR < minor {
        return Err(CurrencyError::TooLarge { amount, currency });
    }
    Ok(Money::new(minor, currency))
}

/// The amount and currency code to send to Stripe.
///
/// # Errors
/// For a currency that isn't in the table, and an amount finer than Stripe can charge.
pub fn to_stripe(money: Money) -> Result<(u64, String), CurrencyError> {
    let code = money.currency().code().to_ascii_lowercase();
    let (currency, stripe) = in_table(&code)?;
    if holds(THREE_DECIMALS, &code) && !money.minor().is_multiple_of(10) {
        return Err(CurrencyError::TooFine { amount: money.minor(), currency, step: 10 });
    }
    Ok((rescale(money.minor(), currency.exponent(), stripe, currency)?, code))
}

/// The currency, and its decimals at Stripe.
fn in_table(code: &str) -> Result<(Currency, u32), CurrencyError> {
    let unknown = || CurrencyError::Unknown { gateway: NAME, code: code.chars().take(8).collect() };
    let row = TABLE.into_iter().find(|(_, codes)| holds(codes, code));
    let (decimals, _) = row.ok_or_else(unknown)?;
    let currency = code.to_ascii_uppercase().parse().map_err(|_| unknown())?;
    Ok((currency, decimals))
}

fn holds(codes: &str, code: &str) -> bool {
    codes.split_ascii_whitespace().any(|known| known == code)
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

    #[test]
    fn inv_5_amounts_have_stripes_decimals_not_isos() {
        for (amount, code, expected) in [
            (1_099, "usd", "10.99 USD"),
            (500, "jpy", "500 JPY"),
            (500, "isk", "5 ISK"),
            (1_000_000, "ugx", "10000 UGX"),
            (500, "mga", "500.00 MGA"),
            (5_120, "kwd", "5.120 KWD"),
            (1_045, "huf", "10.45 HUF"),
            (1_045, "twd", "10.45 TWD"),
            (0, "usd", "0.00 USD"),
        ] {
            assert_eq!(from_stripe(amount, code).unwrap().to_string(), expected);
        }
    }

    #[test]
    fn inv_5_what_is_not_in_the_table_is_refused() {
        for (amount, code, expected) in [
            (1, "USD", "not in the table of stripe"),
            (1, "xxx", "not in the table of stripe"),
            (1, "clf", "not in the table of stripe"),
            (1, "", "not in the table of stripe"),
            (501, "isk", "501 ISK is finer than the currency, expected a multiple of 100"),
            (u64::MAX, "usd", "too large"),
            (u64::MAX, "mga", "too large"),
        ] {
            let error = from_stripe(amount, code).unwrap_err().to_string();
            assert!(error.contains(expected), "for {amount} {code}: {error}");
        }
    }

    #[test]
    fn inv_5_what_stripe_can_not_charge_is_not_sent() {
        let sent = |minor, code: &str| to_stripe(Money::new(minor, code.parse().unwrap()));
        assert_eq!(sent(5, "ISK"), Ok((500, "isk".to_owned())));
        assert_eq!(sent(500, "MGA"), Ok((5, "mga".to_owned())));
        assert_eq!(sent(5_120, "KWD"), Ok((5_120, "kwd".to_owned())));
        assert!(matches!(sent(501, "MGA"), Err(CurrencyError::TooFine { step: 100, .. })));
        assert!(matches!(sent(5_124, "KWD"), Err(CurrencyError::TooFine { step: 10, .. })));
        assert!(matches!(sent(1, "CLF"), Err(CurrencyError::Unknown { .. })));
    }

    #[test]
    fn inv_5_every_currency_of_the_table_goes_there_and_back() {
        let codes: Vec<_> =
            TABLE.iter().flat_map(|(_, codes)| codes.split_ascii_whitespace()).collect();
        for &code in &codes {
            assert_eq!(
                codes.iter().filter(|other| **other == code).count(),
                1,
                "{code} is there twice"
            );
            let money = from_stripe(1_234_500, code).unwrap();
            assert_eq!(to_stripe(money), Ok((1_234_500, code.to_owned())));
        }
    }
}
