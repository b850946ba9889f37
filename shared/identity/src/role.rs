//! What a person at the firm may do (STAFF-1).

use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A role.
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
