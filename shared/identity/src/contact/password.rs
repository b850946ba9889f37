//! Passwords: what a contact may choose, and what is kept of it (SEC-3).
//!
//! Argon2id with OWASP's first choice of parameters: 19 MiB and two passes, about 20 ms of a core and as much
//! memory as a small Lambda has to spare. What somebody shows is compared with a hash that opens nothing where
//! there is no password, so that the time says as little as the answer (SEC-4). The work is done on threads
//! of its own, few at once: a flood of sign-ins must not take the memory of everything else.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use tokio::sync::Semaphore;

use super::address::Address;

/// The shortest password. There are no rules about digits and signs: length is what counts.
pub const MIN_PASSWORD_CHARS: usize = 12;

/// The longest: a sentence or three; more would only be work for us.
const MAX_BYTES: usize = 512;

/// So many different characters at least: `aaaaaaaaaaaa` and `121212121212` are no passwords.
const MIN_DIFFERENT: usize = 5;

/// Memory in KiB: 19 MiB, OWASP's first choice together with [`PASSES`].
const MEMORY_KIB: u32 = 19 * 1024;

/// Passes over it.
const PASSES: u32 = 2;

/// Threads of one hash: more would need more cores than a small Lambda has.
const LANES: u32 = 1;

/// Bytes of salt: as the standard recommends (RFC 9106).
const SALT_BYTES: usize = 16;

/// How many hashes are worked on at once: 76 MiB at most.
static AT_ONCE: Semaphore = Semaphore::const_new(4);

/// A hash under the same parameters that no password has: its bytes are zeros.
const NOBODYS: &str = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5J3Mgc2FsdCEhIQ$\
    AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// A password, in one form of Unicode: the same person types it on another machine.
#[derive(Clone)]
pub struct Password(String);

/// Why a password can't be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// See [`MIN_PASSWORD_CHARS`].
    #[error("a password of at least {MIN_PASSWORD_CHARS} characters is expected; a few words do")]
    TooShort,
    /// Longer than anybody types.
    #[error("a password of at most {MAX_BYTES} bytes is expected")]
    TooLong,
    /// A few characters again and again.
    #[error(
        "the password is too easy to guess: it has fewer than {MIN_DIFFERENT} different characters"
    )]
    TooEven,
    /// What everybody knows.
    #[error("the password can't be, or hold, the e-mail address")]
    Address,
}

/// The system can't work on a password just now.
#[derive(Debug, thiserror::Error)]
pub enum HashingError {
    /// No random bytes.
    #[error("the system gave no random bytes")]
    Random(#[source] getrandom::Error),
    /// A mistake of the program, or of what is stored.
    #[error("the password could not be hashed")]
    Hash(#[source] argon2::password_hash::Error),
    /// The thread ended.
    #[error("the password could not be worked on")]
    Thread(#[source] tokio::task::JoinError),
}

impl Password {
    /// As somebody shows it to sign in, whatever it is. What nobody can have chosen is the empty one, which
    /// opens nothing.
    pub fn shown(text: &str) -> Self {
        match normalized(text) {
            Some(text) => Self(text),
            None => Self(String::new()),
        }
    }

    /// As the contact with that address chooses it.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn chosen(text: &str, address: &Address) -> Result<Self, PasswordError> {
        let text = normalized(text).ok_or(PasswordError::TooLong)?;
        if text.chars().nth(MIN_PASSWORD_CHARS - 1).is_none() {
            return Err(PasswordError::TooShort);
        }
        let mut different: Vec<_> = text.chars().collect();
        different.sort_unstable();
        different.dedup();
        if different.len() < MIN_DIFFERENT {
            return Err(PasswordError::TooEven);
        }
        if text.to_lowercase().contains(address.as_str()) {
            return Err(PasswordError::Address);
        }
        Ok(Self(text))
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// NFKC, as NIST SP 800-63B asks for; `None`: too long.
fn normalized(text: &str) -> Option<String> {
    if MAX_BYTES < text.len() {
        return None;
    }
    let text = ComposingNormalizerBorrowed::new_nfkc().normalize(text).into_owned();
    (text.len() <= MAX_BYTES).then_some(text)
}

/// What is kept of a password: a PHC string with salt and parameters.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// Of a password that was chosen.
    ///
    /// # Errors
    /// When the system can't.
    pub async fn of(password: Password) -> Result<Self, HashingError> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(HashingError::Random)?;
        worked(move || {
            let hash = argon2()?.hash_password_with_salt(password.0.as_bytes(), &salt)?;
            Ok(Self(hash.to_string()))
        })
        .await
    }

    /// As it was stored.
    pub fn stored(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// To be stored.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether what is shown is the password of which `known` was kept; where nothing was, `false` after the
    /// same work.
    ///
    /// # Errors
    /// When the system can't, or what was kept can't be read.
    pub async fn is_of(known: Option<&Self>, shown: Password) -> Result<bool, HashingError> {
        let hash = known.map_or_else(|| NOBODYS.to_owned(), |known| known.0.clone());
        let is_known = known.is_some();
        let is_right =
            worked(move || match argon2()?.verify_password(shown.0.as_bytes(), hash.as_str()) {
                Ok(()) => Ok(true),
                Err(argon2::password_hash::Error::PasswordInvalid) => Ok(false),
                Err(error) => Err(error),
            })
            .await?;
        Ok(is_known && is_right)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

fn argon2() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
    let params = params.map_err(|_| argon2::password_hash::Error::ParamsInvalid)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

async fn worked<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, argon2::password_hash::Error> + Send + 'static,
) -> Result<T, HashingError> {
    // The semaphore is never closed; without a permit the work would only be done at once.
    let _permit = AT_ONCE.acquire().await.ok();
    let done = tokio::task::spawn_blocking(work).await.map_err(HashingError::Thread)?;
    done.map_err(HashingError::Hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ann() -> Address {
        "ann@acme.example".parse().unwrap()
    }

    #[test]
    fn sec_3_which_passwords_can_be_chosen() {
        let long = "abcdefgh".repeat(MAX_BYTES / 8);
        for (text, expected) in [
            ("correct horse", Ok(())),
            ("äöüßéèàñçøåæ", Ok(())),
            ("eleven char", Err(PasswordError::TooShort)),
            ("", Err(PasswordError::TooShort)),
            ("aaaaaaaaaaaaaaaa", Err(PasswordError::TooEven)),
            ("abcdabcdabcdabcd", Err(PasswordError::TooEven)),
            ("ann@acme.example", Err(PasswordError::Address)),
            ("1 Ann@Acme.Example 1", Err(PasswordError::Address)),
            (long.as_str(), Ok(())),
            (&format!("{long}x"), Err(PasswordError::TooLong)),
        ] {
            assert_eq!(Password::chosen(text, &ann()).map(|_| ()), expected, "for {text:?}");
        }
    }

    #[tokio::test]
    async fn sec_3_a_password_is_kept_as_a_slow_hash_with_a_salt_of_its_own() {
        let chosen = |text| Password::chosen(text, &ann()).unwrap();
        let hash = PasswordHash::of(chosen("correct horsé")).await.unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hash.as_str());
        let again = PasswordHash::of(chosen("correct horsé")).await.unwrap();
        assert_ne!(hash, again);
        for (shown, is_right) in [
            ("correct horsé", true),
            ("correct horse\u{301}", true), // the same, as another keyboard types it
            ("correct horse", false),
            ("Correct horsé", false),
            ("correct horsé ", false),
            ("", false),
        ] {
            let answer = PasswordHash::is_of(Some(&hash), Password::shown(shown)).await.unwrap();
            assert_eq!(answer, is_right, "for {shown:?}");
        }
        let endless = Password::shown(&"x".repeat(MAX_BYTES + 1));
        assert!(!PasswordHash::is_of(Some(&hash), endless).await.unwrap());
        let unreadable = PasswordHash::stored("plain");
        let answer = PasswordHash::is_of(Some(&unreadable), Password::shown("plain")).await;
        assert!(matches!(answer, Err(HashingError::Hash(_))), "{answer:?}");
    }

    #[tokio::test]
    async fn sec_4_where_there_is_no_password_the_work_is_the_same() {
        let ours =
            PasswordHash::of(Password::chosen("correct horse", &ann()).unwrap()).await.unwrap();
        let parts = |text: &str| text.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parts(NOBODYS), parts(ours.as_str()));
        let lengths = |text: &str| text.split('$').map(str::len).collect::<Vec<_>>();
        assert_eq!(lengths(NOBODYS), lengths(ours.as_str()));
        for shown in ["", "correct horse"] {
            assert!(!PasswordHash::is_of(None, Password::shown(shown)).await.unwrap());
        }
    }

    #[test]
    fn sec_5_passwords_are_not_printed() {
        let printed =
            format!("{:?} {:?}", Password::shown("correct horse"), PasswordHash::stored("$x"));
        assert_eq!(printed, "Password(…) PasswordHash(…)");
    }
}
