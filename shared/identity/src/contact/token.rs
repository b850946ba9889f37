//! Tokens of sessions and sign-in links: `firm.contact.name.secret`.
//!
//! The first three say where the table keeps the hash; the secret are 256 random bits, of which there is
//! nothing to guess. The hash is over all four, so that what is stored for one contact is worth nothing in
//! the place of another's.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::{ContactId, FirmId};

use crate::opaque::{OpaqueToken, RandomError, TokenHash};

/// The longest token: two ids of 128 bytes, a name and a secret, in Base64.
const MAX_BYTES: usize = 512;

/// The longest name of a session or link; ours have 22 letters.
const MAX_NAME: usize = 64;

/// A token of a contact, to be given to its holder and then forgotten.
#[derive(Clone)]
pub struct ContactToken {
    firm: FirmId,
    contact: ContactId,
    name: String,
    text: String,
}

impl ContactToken {
    /// A new one.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn new(firm: &FirmId, contact: &ContactId) -> Result<Self, RandomError> {
        let name = OpaqueToken::random_128()?.reveal().to_owned();
        let secret = OpaqueToken::random_256()?;
        let text = [encode(firm.as_str()), encode(contact.as_str()), name.clone()].join(".");
        let text = format!("{text}.{}", secret.reveal());
        Ok(Self { firm: firm.clone(), contact: contact.clone(), name, text })
    }

    /// A token as somebody shows it; `None`: it can't be one. That it can be one proves nothing.
    pub fn shown(text: &str) -> Option<Self> {
        if MAX_BYTES < text.len() {
            return None;
        }
        let mut parts = text.split('.');
        let (firm, contact) = (decode(parts.next()?)?, decode(parts.next()?)?);
        let (name, secret) = (parts.next()?, parts.next()?);
        // What goes into a key is checked before it does.
        let is_plain = |part: &str| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        };
        let is_token =
            parts.next().is_none() && is_plain(name) && name.len() <= MAX_NAME && is_plain(secret);
        is_token.then_some(Self {
            firm: firm.parse().ok()?,
            contact: contact.parse().ok()?,
            name: name.to_owned(),
            text: text.to_owned(),
        })
    }

    /// In which firm; believed only where the table has the hash.
    pub fn firm(&self) -> &FirmId {
        &self.firm
    }

    /// Of which contact; believed only where the table has the hash.
    pub fn contact(&self) -> &ContactId {
        &self.contact
    }

    /// The name of the session or link, which opens nothing.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The token itself: letters, digits, `-`, `_` and `.`.
    pub fn reveal(&self) -> &str {
        &self.text
    }

    /// What to store.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.text)
    }

    /// Whether that is what was stored of it; takes as long whatever it holds.
    pub fn is_kept_as(&self, stored: &str) -> bool {
        stored.parse::<TokenHash>().is_ok_and(|stored| stored == self.hash())
    }
}

impl fmt::Debug for ContactToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ContactToken(…)")
    }
}

fn encode(id: &str) -> String {
    URL_SAFE_NO_PAD.encode(id)
}

fn decode(part: &str) -> Option<String> {
    String::from_utf8(URL_SAFE_NO_PAD.decode(part).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> ContactToken {
        ContactToken::new(&"Zoë & Co. 1".parse().unwrap(), &"k-1".parse().unwrap()).unwrap()
    }

    #[test]
    fn sec_3_a_token_says_where_its_hash_lies_and_nothing_else_fits_it() {
        let made = token();
        let text = made.reveal();
        assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b)), "{text}");
        let shown = ContactToken::shown(text).unwrap();
        assert_eq!(
            (shown.firm(), shown.contact(), shown.name()),
            (made.firm(), made.contact(), made.name())
        );
        assert!(shown.is_kept_as(&made.hash().to_string()));
        for other in [token().hash().to_string(), String::new(), "x".repeat(64)] {
            assert!(!shown.is_kept_as(&other));
        }
        assert_ne!(token().reveal(), text);
        assert!(!format!("{made:?}").contains(made.name()));
    }

    #[test]
    fn sec_1_what_is_no_token_reaches_no_key() {
        let made = token();
        let parts: Vec<_> = made.reveal().split('.').collect();
        let with = |index: usize, part: &str| {
            let mut parts = parts.clone();
            parts[index] = part;
            parts.join(".")
        };
        let (hash, slash) = (encode("f#1"), encode("k\n"));
        for text in [
            String::new(),
            "....".to_owned(),
            parts[..3].join("."),
            format!("{}.x", made.reveal()),
            with(0, &hash),
            with(0, "Zg=="),
            with(0, "%%%"),
            with(0, ""),
            with(1, &slash),
            with(2, "a#b"),
            with(2, ""),
            with(2, &"x".repeat(MAX_NAME + 1)),
            with(3, ""),
            with(3, "ä"),
            with(3, &"x".repeat(MAX_BYTES)),
        ] {
            assert!(ContactToken::shown(&text).is_none(), "for {text:?}");
        }
        // Another secret, firm, contact or name: a token, but not this one.
        let (firm, contact) = (encode("f-2"), encode("k-2"));
        for (index, part) in [(0, firm.as_str()), (1, &contact), (2, "other"), (3, "other")] {
            let shown = ContactToken::shown(&with(index, part)).unwrap();
            assert!(!shown.is_kept_as(&made.hash().to_string()), "for part {index}");
        }
    }
}
