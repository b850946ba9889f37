//! Why a contact, or staff about one, is not served.

use axum::http::StatusCode;
use chrono::TimeDelta;
use domain::account::MAX_CONTACTS;
use domain::id::{ClientId, ContactId};
use domain::role::Role;
use identity::contact::{AddressError, HashingError, PasswordError};
use identity::opaque::RandomError;
use store::{MAX_CLIENTS, StoreError};

use crate::execute::ExecuteError;

/// What is said to a contact, or to staff about one. Whatever a stranger can bring about says the same for
/// every address (SEC-4).
#[derive(Debug, thiserror::Error)]
pub enum ContactError {
    /// Nobody is proved: no session, or one that ended, ran out, or never was.
    #[error("please sign in")]
    NotSignedIn,
    /// There is no such contact, it has another password or none, or may not come.
    #[error("the e-mail address or the password is not right")]
    Refused,
    /// Used, run out, taken back, or never made.
    #[error("this link was used or has run out; ask for a new one")]
    LinkUnusable,
    /// Tried too often (SEC-4).
    #[error("that was tried too often; try again in {}", in_words(.retry_after))]
    Limited {
        /// Not before that.
        retry_after: TimeDelta,
    },
    /// The one in use isn't what was shown.
    #[error("the current password is not right")]
    CurrentPassword,
    /// A password that can't be chosen.
    #[error(transparent)]
    Password(#[from] PasswordError),
    /// Not an address.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// Not a person's name.
    #[error("a name of one line and 1 to {MAX_NAME_CHARS} characters is expected")]
    Name,
    /// Staff without the role for it.
    #[error("this needs the role {}", role_names(.0))]
    NotAllowed(&'static [Role]),
    /// There is none.
    #[error("there is no client {0}")]
    NoClient(ClientId),
    /// There is none.
    #[error("there is no contact {0}")]
    NoContact(ContactId),
    /// The client has another contact by that address, or none.
    #[error("the address is not one of client {0}'s contacts; add it there first")]
    NotOfClient(ClientId),
    /// Letters come back from there (LET-6).
    #[error("letters to this address came back; correct it at client {0} first")]
    Bounced(ClientId),
    /// See [`MAX_CONTACTS`].
    #[error("a client has at most {MAX_CONTACTS} addresses")]
    TooManyAddresses,
    /// See [`MAX_CLIENTS`].
    #[error("a contact acts for at most {MAX_CLIENTS} clients")]
    TooManyClients,
    /// Others kept being faster.
    #[error("the contact is busy")]
    Busy,
    /// The system can't work on a password just now.
    #[error(transparent)]
    Hashing(#[from] HashingError),
    /// Or make a token.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The client could not be read.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// The longest name of a person.
pub(super) const MAX_NAME_CHARS: usize = 200;

impl ContactError {
    /// What an HTTP caller is told.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::NotSignedIn | Self::Refused => StatusCode::UNAUTHORIZED,
            Self::LinkUnusable => StatusCode::GONE,
            Self::Limited { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::CurrentPassword
            | Self::Password(_)
            | Self::Address(_)
            | Self::Name
            | Self::NotOfClient(_)
            | Self::Bounced(_)
            | Self::TooManyAddresses
            | Self::TooManyClients => StatusCode::UNPROCESSABLE_ENTITY,
            Self::NotAllowed(_) => StatusCode::FORBIDDEN,
            Self::NoClient(_) | Self::NoContact(_) => StatusCode::NOT_FOUND,
            Self::Busy | Self::Hashing(_) | Self::Random(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Execute(error) if error.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Store(error) if error.is_passing() => StatusCode::SERVICE_UNAVAILABLE,
            Self::Execute(_) | Self::Store(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// In how many seconds to try again, for `Retry-After`.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Limited { retry_after } => Some(whole(retry_after, 1_000)),
            _ => None,
        }
    }
}

/// Rounded up: who comes back then is served.
fn whole(time: &TimeDelta, unit_ms: u64) -> u64 {
    u64::try_from(time.num_milliseconds()).unwrap_or(0).div_ceil(unit_ms).max(1)
}

fn in_words(time: &TimeDelta) -> String {
    match (whole(time, 1_000), whole(time, 60_000)) {
        (1, _) => "1 second".to_owned(),
        (seconds, _) if seconds < 90 => format!("{seconds} seconds"),
        (_, minutes) => format!("{minutes} minutes"),
    }
}

fn role_names(roles: &[Role]) -> String {
    roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(" or ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_4_a_limit_says_when_to_come_back() {
        for (ms, words, seconds) in [
            (0, "in 1 second", 1),
            (1_001, "in 2 seconds", 2),
            (89_000, "in 89 seconds", 89),
            (90_000, "in 2 minutes", 90),
            (900_000, "in 15 minutes", 900),
        ] {
            let error = ContactError::Limited { retry_after: TimeDelta::milliseconds(ms) };
            assert!(error.to_string().ends_with(words), "for {ms}: {error}");
            assert_eq!(error.retry_after_seconds(), Some(seconds), "for {ms}");
            assert_eq!(error.status(), StatusCode::TOO_MANY_REQUESTS);
        }
        assert_eq!(ContactError::Refused.retry_after_seconds(), None);
    }
}
