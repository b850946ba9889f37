//! Amounts as a ledger writes them: minor units, and text with the currency's decimals.

/// The three currencies that the ledgers are in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Currency {
    /// US dollar, two decimals.
    Usd,
    /// Euro, two decimals.
    Eur,
    /// Yen, none.
    Jpy,
}

impl Currency {
    /// The ISO 4217 code.
    pub fn code(self) -> &'static str {
        match self {
            Self::Usd => "USD",
            Self::Eur => "EUR",
            Self::Jpy => "JPY",
        }
    }

    /// `minor` units as a decimal number.
    pub fn text(self, minor: u64) -> String {
        match self {
            Self::Usd | Self::Eur => format!("{}.{:02}", minor / 100, minor % 100),
            Self::Jpy => minor.to_string(),
        }
    }

    /// A fee that was named in dollars, as minor units of this currency, at the rate of a price list.
    pub fn of_dollars(self, dollars: u64) -> u64 {
        match self {
            Self::Usd => dollars * 100,
            Self::Eur => dollars * 92,
            Self::Jpy => dollars * 150,
        }
    }
}
