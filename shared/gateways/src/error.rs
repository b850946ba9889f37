//! What can go wrong between us and a gateway, told apart by what can be done about it.

use domain::money::Currency;

/// Why a payment could not be read back.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// No usable answer in time, or one that says «later»: the hint is kept and tried again.
    #[error("the gateway did not answer: {what}")]
    Down {
        /// What was seen instead of an answer.
        what: String,
        /// The connection's own error, if it got no further.
        #[source]
        source: Option<reqwest::Error>,
    },
    /// The gateway knows no such object in this account and mode: forged, or another firm's.
    #[error("the gateway knows no {object} in this account and mode")]
    NotFound {
        /// Which kind of object, and its id.
        object: String,
    },
    /// The key is wrong, revoked or lacks a permission: someone must look at the configuration.
    #[error("the gateway refused our key with status {status} ({code})")]
    Refused {
        /// 401 or 403.
        status: u16,
        /// The gateway's code for it, or `no code`.
        code: String,
    },
    /// It did not accept the request as such: repeating it won't help.
    #[error("the gateway rejected the request with status {status} ({code})")]
    Rejected {
        /// Its status.
        status: u16,
        /// The gateway's code for it, or `no code`.
        code: String,
    },
    /// An answer that can't be read: repeating it won't help, and guessing would be worse.
    #[error("the gateway's answer can't be read: {what}")]
    Malformed {
        /// Which object and field, and what was expected.
        what: String,
    },
    /// It is none of what this gateway does; nobody was asked.
    #[error("the gateway can't do this ({0:?})")]
    CannotDo(crate::Ability),
    /// Money in a currency whose decimals at this gateway are not known here.
    #[error("the gateway's answer holds money that can't be read")]
    Money(#[from] CurrencyError),
}

impl GatewayError {
    /// Whether the same question may have another answer later.
    pub fn is_temporary(&self) -> bool {
        matches!(self, Self::Down { .. })
    }

    pub(crate) fn down(what: impl Into<String>) -> Self {
        Self::Down { what: what.into(), source: None }
    }

    pub(crate) fn malformed(what: impl Into<String>) -> Self {
        Self::Malformed { what: what.into() }
    }
}

/// Why an amount could not be converted between a gateway's unit and ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CurrencyError {
    /// Its decimals at that gateway are not known, so its amounts can't be read.
    #[error("the currency {code:?} is not in the table of {gateway}")]
    Unknown {
        /// Whose table.
        gateway: &'static str,
        /// As given; its case is the gateway's.
        code: String,
    },
    /// Finer than the currency itself, which the gateway rules out.
    #[error("{amount} {currency} is finer than the currency, expected a multiple of {step}")]
    TooFine {
        /// In the unit that it was given in.
        amount: u64,
        /// The currency.
        currency: Currency,
        /// The smallest step.
        step: u64,
    },
    /// Beyond what one amount may be.
    #[error("{amount} {currency} is too large")]
    TooLarge {
        /// In the unit that it was given in.
        amount: u64,
        /// The currency.
        currency: Currency,
    },
}

/// Why a gateway can't be talked to as configured.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Nothing to sign in with.
    #[error("the gateway's key is blank")]
    BlankKey,
    /// The key's own prefix says that it belongs to the other mode (TEST-1).
    #[error("the gateway's key is not a {expected} key, as the firm's mode asks")]
    OtherMode {
        /// The mode that was configured.
        expected: crate::Mode,
    },
    /// A key or account with characters that no HTTP header can carry.
    #[error("the gateway's {0} holds characters that no header can carry")]
    NotAHeader(&'static str),
    /// There is no gateway of that name here.
    #[error("there is no gateway {0:?}")]
    Unknown(String),
    /// A part that this gateway needs is missing.
    #[error("the gateway's {0} is missing")]
    Missing(&'static str),
    /// Two accounts for the same money, method and currency: nobody could say which is meant.
    #[error("the gateway's account {0} takes the same as another one, expected one of each kind")]
    TwoAccounts(String),
    /// A key goes out only encrypted, or to this very machine.
    #[error("{0:?} is not a base URL, expected https://host, or http:// for a loopback address")]
    BaseUrl(String),
}
