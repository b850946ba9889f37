//! The grant: what a person may do in a firm (SEC-2).
//!
//! It is an item of the table, read on each request; the store has the reading half. An `impersonator`
//! is an extra grant: it goes with another role and gives no act of its own (POR-5).

use std::collections::BTreeSet;
use std::error::Error;
use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use domain::id::{FirmId, StaffId};
use serde::{Deserialize, Serialize};

use domain::role::Role;

/// The longest subject, in bytes: OpenID Connect allows 255 ASCII characters.
const MAX_SUBJECT: usize = 255;

/// The issuer's name for a person: never changes, says nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Subject(String);

/// Not a subject.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a subject has 1 to {MAX_SUBJECT} visible ASCII characters, and no # since keys are built with it"
)]
pub struct SubjectError;

impl Subject {
    /// As text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Subject {
    type Err = SubjectError;

    fn from_str(text: &str) -> Result<Self, SubjectError> {
        let is_allowed = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        if text.is_empty() || MAX_SUBJECT < text.len() || !text.bytes().all(is_allowed) {
            return Err(SubjectError);
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for Subject {
    type Error = SubjectError;

    fn try_from(text: String) -> Result<Self, SubjectError> {
        text.parse()
    }
}

impl From<Subject> for String {
    fn from(subject: Subject) -> Self {
        subject.0
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a person may do in a firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// Where.
    pub firm: FirmId,
    /// Whose sign-in.
    pub subject: Subject,
    /// Who that is among the firm's staff: the name in the audit.
    pub staff: StaffId,
    /// The person's name, for people.
    pub name: String,
    /// As what.
    pub roles: BTreeSet<Role>,
}

impl Grant {
    /// Whether it has one of these roles.
    pub fn has(&self, wanted: &[Role]) -> bool {
        wanted.iter().any(|role| self.roles.contains(role))
    }
}

/// The grants could not be read.
#[derive(Debug, thiserror::Error)]
#[error("the grants could not be read")]
pub struct GrantsError(#[source] pub Box<dyn Error + Send + Sync>);

/// Where grants are read, strongly consistent: one taken away a moment ago is not found.
#[async_trait]
pub trait Grants: Send + Sync {
    /// The grant of that person in that firm.
    async fn find(&self, subject: &Subject, firm: &FirmId) -> Result<Option<Grant>, GrantsError>;

    /// The firms in which that person has a grant: written with the grants, and no grant by itself.
    async fn firms(&self, subject: &Subject) -> Result<Vec<FirmId>, GrantsError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_1_a_subject_can_not_forge_a_key() {
        for text in ["", "a#b", "a b", "a\n", "ä", &"x".repeat(256)] {
            assert_eq!(text.parse::<Subject>(), Err(SubjectError), "for {text:?}");
        }
        for text in ["bea", "auth0|5f7c8ec7", "00uid4BxXw6I6TV4m0g3", &"x".repeat(255)] {
            assert_eq!(text.parse::<Subject>().unwrap().as_str(), text);
        }
    }

    #[test]
    fn staff_1_roles_by_name() {
        for role in Role::ALL {
            assert_eq!(role.as_str().parse(), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        for text in ["", "Admin", "owner", "billing lead"] {
            let error = text.parse::<Role>().unwrap_err();
            assert!(error.contains("expected admin"), "for {text:?}: {error}");
        }
    }
}
