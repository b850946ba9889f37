//! The firms of one batch, each read once.

use std::collections::BTreeMap;
use std::sync::Arc;

use domain::id::FirmId;
use store::{Dynamo, StoreError};
use tokio::sync::Mutex;

use crate::firm::Firm;

/// Firms that were read: for the length of one invocation, so that settings are never old.
#[derive(Debug)]
pub struct Firms {
    dynamo: Dynamo,
    known: Mutex<BTreeMap<FirmId, Option<Arc<Firm>>>>,
}

impl Firms {
    /// None read yet.
    pub fn new(dynamo: Dynamo) -> Self {
        Self { dynamo, known: Mutex::default() }
    }

    /// The table's calls.
    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }

    /// The firm; `None`: there is none.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn get(&self, id: &FirmId) -> Result<Option<Arc<Firm>>, StoreError> {
        let mut known = self.known.lock().await;
        if let Some(firm) = known.get(id) {
            return Ok(firm.clone());
        }
        let firm = Firm::open(self.dynamo.clone(), id.clone()).await?.map(Arc::new);
        known.insert(id.clone(), firm.clone());
        Ok(firm)
    }
}
