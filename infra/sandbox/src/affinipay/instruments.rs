//! Cards and bank accounts: the gateway's test numbers, what becomes of a payment with them, and saved ones.
//!
//! The documented numbers of bank accounts give an error each. Those that a bank notices only when it is asked,
//! an empty, closed or frozen account, fail when the eCheck would have cleared; the others are refused at once.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What a payer pays with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum PayWith {
    /// A card.
    Card {
        /// Its number.
        number: String,
    },
    /// A bank account.
    Bank {
        /// The bank's number.
        routing_number: String,
        /// The account's.
        account_number: String,
    },
}

/// A saved method.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Saved {
    pub is_live: bool,
    pub with: PayWith,
    pub reference: Option<String>,
    pub description: Option<String>,
}

/// What a payer's browser was given for their number; gone once it was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Token {
    pub is_live: bool,
    pub with: PayWith,
}

/// What becomes of a payment with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Pays,
    /// At once, with this code.
    Declines(&'static str),
    /// When it would have cleared.
    Fails(&'static str),
}

const CARDS: [(&str, &str); 8] = [
    ("4000000000000002", "card_declined"),
    ("4000000000000044", "card_declined_insufficient_funds"),
    ("4000000000000051", "card_declined_limit_exceeded"),
    ("4000000000000069", "card_expired"),
    ("4000000000000119", "card_declined_processing_error"),
    ("4000000000000127", "card_declined_hold"),
    ("4242424242424241", "card_number_invalid"),
    ("4000000000000135", "card_type_not_accepted"),
];

/// The routing number that the codes below belong to.
const TEST_BANK: &str = "000000013";

const BANKS: [(&str, Fate); 9] = [
    ("1000000001", Fate::Declines("ach_declined")),
    ("1000000002", Fate::Declines("ach_declined_hold")),
    ("1000000003", Fate::Declines("ach_declined_duplicate")),
    ("1000000004", Fate::Declines("ach_invalid_account_number")),
    ("1000000005", Fate::Fails("ach_insufficient_funds")),
    ("1000000006", Fate::Fails("ach_account_not_found")),
    ("1000000007", Fate::Fails("ach_account_closed")),
    ("1000000008", Fate::Fails("ach_account_frozen")),
    ("1000000009", Fate::Fails("ach_limit_exceeded")),
];

impl PayWith {
    /// The card that pays.
    pub fn good_card() -> Self {
        Self::Card { number: "4242424242424242".to_owned() }
    }

    /// A bank account that pays.
    pub fn good_bank() -> Self {
        Self::bank("1234567890")
    }

    /// An account at the test bank.
    pub fn bank(account_number: &str) -> Self {
        let account_number = account_number.to_owned();
        Self::Bank { routing_number: TEST_BANK.to_owned(), account_number }
    }

    pub(super) fn is_bank(&self) -> bool {
        matches!(self, Self::Bank { .. })
    }

    pub(super) fn fate(&self) -> Fate {
        match self {
            Self::Card { number } => {
                let found = CARDS.iter().find(|(known, _)| known == number);
                found.map_or(Fate::Pays, |(_, code)| Fate::Declines(code))
            }
            Self::Bank { routing_number, account_number } => match routing_number.as_str() {
                TEST_BANK => {
                    let found = BANKS.iter().find(|(known, _)| known == account_number);
                    found.map_or(Fate::Pays, |(_, fate)| *fate)
                }
                "000000000" => Fate::Pays,
                _ => Fate::Declines("ach_invalid_routing_number"),
            },
        }
    }

    /// As the gateway shows it: masked.
    pub(super) fn shown(&self) -> Value {
        let masked = |number: &str, all: usize| {
            let last: String =
                number.chars().skip(number.chars().count().saturating_sub(4)).collect();
            format!("{}{last}", "*".repeat(all))
        };
        match self {
            Self::Card { number } => json!({
                "type": "card", "number": masked(number, 12), "card_type": card_type(number),
                "exp_month": 10, "exp_year": 2040, "name": "Some Payer",
            }),
            Self::Bank { routing_number, account_number } => json!({
                "type": "bank",
                "routing_number": format!("******{}", routing_number.chars().skip(6).collect::<String>()),
                "account_number": masked(account_number, 6),
                "account_type": "CHECKING", "bank_name": "FIRST BANK OF TESTING",
                "name": "Some Payer",
            }),
        }
    }
}

fn card_type(number: &str) -> &'static str {
    match number.as_bytes() {
        [b'4', ..] => "VISA",
        [b'5', ..] => "MASTERCARD",
        [b'3', b'4' | b'7', ..] => "AMERICAN_EXPRESS",
        [b'6', ..] => "DISCOVER",
        _ => "UNKNOWN",
    }
}

impl Saved {
    pub(super) fn shown(&self, id: &str) -> Value {
        let mut shown = self.with.shown();
        shown["id"] = json!(id);
        for (name, value) in [("reference", &self.reference), ("description", &self.description)] {
            if let Some(value) = value {
                shown[name] = json!(value);
            }
        }
        shown
    }
}
