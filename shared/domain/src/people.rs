//! Who at the firm looks after a client (STAFF-1): they are told of what happens to it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::StaffId;
use crate::role::Role;

/// The most preparers of one client: they live on the account's head, and more than that is a
/// department, which needs no names.
pub const MAX_PREPARERS: usize = 20;

/// A client's people at the firm. Whoever isn't named is everybody of that role.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct People {
    /// The engagement partner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partner: Option<StaffId>,
    /// The billing lead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub billing_lead: Option<StaffId>,
    /// The preparers.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub preparers: BTreeSet<StaffId>,
}

impl People {
    /// The roles that a client has people for.
    pub const ROLES: [Role; 3] = [Role::Partner, Role::BillingLead, Role::Preparer];

    /// Whether nobody is named.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Those named for that role.
    pub fn of(&self, role: Role) -> BTreeSet<&StaffId> {
        match role {
            Role::Partner => self.partner.iter().collect(),
            Role::BillingLead => self.billing_lead.iter().collect(),
            Role::Preparer => self.preparers.iter().collect(),
            Role::Admin | Role::Impersonator => BTreeSet::new(),
        }
    }
}
