//! Random tokens: of letters' links, sessions, webhook endpoints.
//!
//! The holder has the token and the table only its SHA-256, so that whoever reads the table can't
//! use what it finds. A plain hash is enough: there is nothing to guess in 128 random bits.

use std::fmt;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The system gave no random bytes.
#[derive(Debug, thiserror::Error)]
#[error("the system gave no random bytes")]
pub struct RandomError(#[source] getrandom::Error);

/// A token, to be given to its holder and then forgotten.
#[derive(Clone)]
pub struct OpaqueToken(String);

impl OpaqueToken {
    /// 128 bits, in 22 letters: enough for what also expires, is counted or is one part of an address.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random_128() -> Result<Self, RandomError> {
        Self::random::<16>()
    }

    /// 256 bits, in 43 letters: for what stays valid for weeks, such as a letter's link.
    ///
    /// # Errors
    /// When the system gives no random bytes.
    pub fn random_256() -> Result<Self, RandomError> {
        Self::random::<32>()
    }

    fn random<const N: usize>() -> Result<Self, RandomError> {
        let mut bytes = [0; N];
        getrandom::fill(&mut bytes).map_err(RandomError)?;
        Ok(Self(URL_SAFE_NO_PAD.encode(bytes)))
    }

    /// The token itself: letters, digits, `-` and `_`.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What to store.
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.0)
    }
}

impl fmt::Debug for OpaqueToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OpaqueToken(…)")
    }
}

/// What is stored of a token. Comparing two takes as long whatever they hold.
#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TokenHash([u8; 32]);

/// Not the hash of a token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a token's hash has 64 hexadecimal digits")]
pub struct HashError;

impl TokenHash {
    /// Of a token as somebody shows it, be it one of ours or not.
    pub fn of(shown: &str) -> Self {
        Self(Sha256::digest(shown.as_bytes()).into())
    }

    /// Whether this is the hash of what is shown.
    pub fn is_of(&self, shown: &str) -> bool {
        *self == Self::of(shown)
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

impl fmt::Display for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for TokenHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for TokenHash {
    type Err = HashError;

    fn from_str(text: &str) -> Result<Self, HashError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text, &mut bytes).map_err(|_| HashError)?;
        Ok(Self(bytes))
    }
}

impl TryFrom<String> for TokenHash {
    type Error = HashError;

    fn try_from(text: String) -> Result<Self, HashError> {
        text.parse()
    }
}

impl From<TokenHash> for String {
    fn from(hash: TokenHash) -> Self {
        hash.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_5_a_token_is_stored_hashed_and_never_printed() {
        for (token, letters) in
            [(OpaqueToken::random_128().unwrap(), 22), (OpaqueToken::random_256().unwrap(), 43)]
        {
            let text = token.reveal();
            assert_eq!(text.len(), letters);
            assert!(text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_'));
            assert!(!format!("{token:?} {:?}", token.hash()).contains(text));
            assert!(token.hash().is_of(text));
            assert!(!token.hash().is_of(&text[1..]));
            assert!(!token.hash().is_of(""));
        }
        assert_ne!(
            OpaqueToken::random_128().unwrap().reveal(),
            OpaqueToken::random_128().unwrap().reveal()
        );
    }

    #[test]
    fn a_hash_is_sha_256_in_hexadecimal_there_and_back() {
        let hash = TokenHash::of("abc");
        let text = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hash.to_string(), text);
        assert_eq!(text.parse(), Ok(hash));
        assert_eq!(serde_json::to_string(&hash).unwrap(), format!("\"{text}\""));
        for wrong in ["", "ba78", &text.replace('b', "x"), &format!("{text}00")] {
            assert_eq!(wrong.parse::<TokenHash>(), Err(HashError), "for {wrong}");
        }
    }
}
