//! Who acts: staff with roles, the client, a link, or the system (STAFF-1, AUD-1).

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::id::{ContactId, StaffId};

/// What a person at the firm may do (STAFF-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Settings, policies, gateways, grants.
    Admin,
    /// Requests, locks, holds, releases, rejects.
    BillingLead,
    /// Approves.
    Partner,
    /// Reads, and writes notes, documents and messages.
    Preparer,
    /// An extra grant: sees the portal as a contact (POR-5).
    Impersonator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Admin, Self::BillingLead, Self::Partner, Self::Preparer, Self::Impersonator];

    /// Somebody with it, in a sentence.
    pub fn words(self) -> &'static str {
        match self {
            Self::Admin => "an admin",
            Self::BillingLead => "a billing lead",
            Self::Partner => "a partner",
            Self::Preparer => "a preparer",
            Self::Impersonator => "an impersonator",
        }
    }

    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::BillingLead => "billing_lead",
            Self::Partner => "partner",
            Self::Preparer => "preparer",
            Self::Impersonator => "impersonator",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| {
            format!("{text:?} is no role, expected admin, billing_lead, partner, preparer or impersonator")
        })
    }
}

/// Who a command comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Actor {
    /// A person at the firm, as its grant says at that moment.
    Staff {
        /// Who.
        id: StaffId,
        /// With which roles.
        roles: BTreeSet<Role>,
    },
    /// The client itself, signed in.
    Client {
        /// As whom.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        contact: Option<ContactId>,
    },
    /// Whoever holds a letter's link (LET-7).
    Link,
    /// A gateway's news, after the re-read (PAY-2).
    Gateway,
    /// An import: it records, and fires nothing by itself.
    Import,
    /// The schedule.
    Schedule,
}

impl Actor {
    /// Whether it has one of these roles.
    pub fn has(&self, wanted: &[Role]) -> bool {
        match self {
            Self::Staff { roles, .. } => wanted.iter().any(|role| roles.contains(role)),
            Self::Client { .. } | Self::Link | Self::Gateway | Self::Import | Self::Schedule => {
                false
            }
        }
    }

    /// The person at the firm, if it is one.
    pub fn staff(&self) -> Option<&StaffId> {
        match self {
            Self::Staff { id, .. } => Some(id),
            Self::Client { .. } | Self::Link | Self::Gateway | Self::Import | Self::Schedule => {
                None
            }
        }
    }

    /// Whether it is the client, by itself or through a letter's link.
    pub fn is_client(&self) -> bool {
        matches!(self, Self::Client { .. } | Self::Link)
    }
}
