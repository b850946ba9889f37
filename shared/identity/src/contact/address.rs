//! E-mail addresses, as a contact is found by.
//!
//! One mailbox is one contact, however its owner writes it today: blanks around it and the case of its letters
//! make no other one. Dots and `+tags` do, since only the provider knows what they mean.

use std::fmt;
use std::str::FromStr;

/// The longest address: that of RFC 5321.
const MAX_BYTES: usize = 254;

/// An e-mail address in the one way in which it is kept and compared.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(String);

/// Not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("an e-mail address is expected, such as ann@acme.example")]
pub struct AddressError;

impl Address {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim().to_ascii_lowercase();
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError)?;
        let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"<>(),;:\\\"[]".contains(&byte);
        let is_label = |label: &str| !label.is_empty() && !label.starts_with('-');
        let is_address = text.len() <= MAX_BYTES
            && text.bytes().all(is_plain)
            && !local.is_empty()
            && !local.contains('@')
            && domain.split('.').all(is_label);
        if is_address { Ok(Self(text)) } else { Err(AddressError) }
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A person's address stands in no log (SEC-5).
        write!(f, "<address of {} bytes>", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_3_one_mailbox_is_one_address() {
        for (text, expected) in [
            ("ann@acme.example", "ann@acme.example"),
            ("  Ann@ACME.Example\n", "ann@acme.example"),
            ("ann+tax@acme.example", "ann+tax@acme.example"),
            ("a.n.n@acme.example", "a.n.n@acme.example"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().as_str(), expected, "for {text:?}");
        }
        let long = format!("{}@acme.example", "a".repeat(MAX_BYTES));
        for text in [
            "",
            "@",
            "ann",
            "ann@",
            "@acme.example",
            "a@b@c",
            "ann@acme..example",
            "a b@c",
            "zoë@acme",
            "ann@-acme.example",
            "<ann@acme.example>",
            "ann@acme.example\r\nBcc: x@y",
            &long,
        ] {
            assert_eq!(text.parse::<Address>(), Err(AddressError), "for {text:?}");
        }
    }

    #[test]
    fn sec_5_an_address_is_not_printed() {
        let address: Address = "ann@acme.example".parse().unwrap();
        assert_eq!(format!("{address:?}"), "<address of 16 bytes>");
    }
}
