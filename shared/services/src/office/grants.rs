//! Grants out of the table, read on each request: one taken away a moment ago is not found (SEC-2).

use async_trait::async_trait;
use domain::id::FirmId;
use identity::{Grant, Grants, GrantsError, Subject};
use store::{Dynamo, Platform, Store};

/// The grants of all firms; each question is about one person in one firm.
#[derive(Debug, Clone)]
pub struct StoredGrants {
    dynamo: Dynamo,
}

impl StoredGrants {
    /// Those of that table.
    pub fn new(dynamo: Dynamo) -> Self {
        Self { dynamo }
    }
}

#[async_trait]
impl Grants for StoredGrants {
    async fn find(&self, subject: &Subject, firm: &FirmId) -> Result<Option<Grant>, GrantsError> {
        let store = Store::new(self.dynamo.clone(), firm.clone());
        let grant = store.grant(subject.as_str()).await;
        let grant = grant.map_err(|error| GrantsError(error.into()))?;
        let Some(grant) = grant else { return Ok(None) };
        // Whatever is stored, a grant is the one that was asked for, or none.
        let named: Result<Subject, _> = grant.subject.parse();
        let named = named.map_err(|error| GrantsError(error.into()))?;
        Ok(Some(Grant {
            firm: firm.clone(),
            subject: named,
            staff: grant.staff,
            name: grant.name.personal,
            roles: grant.roles,
        }))
    }

    async fn firms(&self, subject: &Subject) -> Result<Vec<FirmId>, GrantsError> {
        let firms = Platform::new(self.dynamo.clone()).firms_of(subject.as_str()).await;
        firms.map_err(|error| GrantsError(error.into()))
    }
}
