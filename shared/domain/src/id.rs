//! Names of things: parsed once, at the edge.
//!
//! Keys of the table are built with `#`, so an id refuses it, as it refuses control characters and
//! blanks that can't be seen; an id that was parsed can be put into a key or a log line as it is. A
//! space within is allowed: staff's reference of a payment is "check 17". Ids stand in addresses too, where
//! `.` and `..` are steps: what is named so could never be opened.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The longest id, in bytes: longer than any gateway's (PayPal's 127, AffiniPay's 128), and a few of
/// them still fit a key of the table (1,024 bytes).
pub const MAX_ID_BYTES: usize = 128;

/// Why an id was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// An id has at least one character.
    #[error("an id can't be empty")]
    Empty,
    /// See [`MAX_ID_BYTES`].
    #[error("the id {0:?}… is longer than {MAX_ID_BYTES} bytes")]
    TooLong(String),
    /// `#` builds keys; control characters, and blanks at an end, can't be seen.
    #[error("the id {id:?} holds {character:?}, which no id may")]
    Character {
        /// As given.
        id: String,
        /// The first character that isn't allowed.
        character: char,
    },
    /// Steps in an address.
    #[error("an id can't be {0:?}: it stands in addresses, where that is a step")]
    Step(String),
}

fn parse(text: &str) -> Result<String, IdError> {
    if text.is_empty() {
        return Err(IdError::Empty);
    }
    if MAX_ID_BYTES < text.len() {
        return Err(IdError::TooLong(text.chars().take(16).collect()));
    }
    if matches!(text, "." | "..") {
        return Err(IdError::Step(text.to_owned()));
    }
    let is_bad = |c: &char| *c == '#' || c.is_control() || (c.is_whitespace() && *c != ' ');
    let at_an_end =
        || text.chars().next().into_iter().chain(text.chars().last()).find(|c| *c == ' ');
    match text.chars().find(is_bad).or_else(at_an_end) {
        Some(character) => Err(IdError::Character { id: text.to_owned(), character }),
        None => Ok(text.to_owned()),
    }
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// As text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse(text).map(Self)
            }
        }

        impl TryFrom<String> for $name {
            type Error = IdError;

            fn try_from(text: String) -> Result<Self, IdError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

ids! {
    /// The tenant.
    FirmId;
    /// Who owes the firm; one account each.
    ClientId;
    /// A client class, which has one policy (POL-1).
    ClassId;
    /// A letter's text of a firm's own, which a step of a policy names (POL-3).
    TemplateName;
    /// An invoice, by its number: unique in the firm (INV-7).
    InvoiceId;
    /// A gateway, or `staff` for a check or a phone payment.
    GatewayId;
    /// A payment, by its gateway and the gateway's id: unique in the firm (PAY-1).
    PaymentId;
    /// A saved method of payment, by its gateway and the gateway's id.
    MethodId;
    /// A credit note.
    CreditNoteId;
    /// A refund, by the gateway's id.
    RefundId;
    /// A chargeback, by the gateway's id.
    ChargebackId;
    /// A person at the firm.
    StaffId;
    /// A person who signs in to the portal.
    ContactId;
    /// A service line: tax, audit, accounting, …
    ServiceLine;
}

impl PaymentId {
    /// The gateway's name; all of it, where it names none.
    pub fn gateway(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }
}

impl MethodId {
    /// The gateway's name.
    pub fn gateway(&self) -> &str {
        self.0.split(':').next().unwrap_or_default()
    }

    /// What the gateway calls it.
    pub fn of_gateway(&self) -> &str {
        self.0.split_once(':').map_or(&*self.0, |(_, id)| id)
    }
}

impl ServiceLine {
    /// The line of invoices that name none (LOCK-5).
    pub const UNNAMED: &str = "-";

    /// The same as a line.
    pub fn unnamed() -> Self {
        Self(Self::UNNAMED.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_1_an_id_can_not_forge_a_key() {
        for (text, expected) in [
            ("", "empty"),
            (".", "it stands in addresses"),
            ("..", "it stands in addresses"),
            ("acme#P", "'#'"),
            (" acme", "' '"),
            ("acme ", "' '"),
            ("acme\u{a0}corp", "'\\u{a0}'"),
            ("acme\n", "'\\n'"),
            (&"x".repeat(MAX_ID_BYTES + 1), "longer than 128 bytes"),
        ] {
            let error = text.parse::<ClientId>().unwrap_err().to_string();
            assert!(error.contains(expected), "for {text:?}: {error}");
        }
        for text in
            ["acme", "check 17", "INV-00042", "Zoë/2026", "...", ".a", &"x".repeat(MAX_ID_BYTES)]
        {
            assert_eq!(text.parse::<ClientId>().unwrap().as_str(), text);
        }
    }
}
