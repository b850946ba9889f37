//! What a firm set, changed a field at a time.
//!
//! A change is laid over the settings as they are in the commit, so that two people who change two fields at
//! once both get what they asked for.

use chrono::{DateTime, Utc};
use store::{FirmChange, FirmCommit, FirmSettings, StoreError};

use super::policies::meta;
use crate::execute::Caller;
use crate::firm::Firm;

/// How often a change is laid over newer settings before the caller is told to come back.
pub(crate) const MAX_TRIES: u32 = 5;

/// Why settings were not changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// Others kept being faster.
    #[error("the firm's settings are being changed by others")]
    Busy,
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes settings; what they are now. A change that changes nothing writes nothing.
///
/// # Errors
/// [`SettingsError`].
pub async fn change(
    firm: &Firm,
    with: impl Fn(&mut FirmSettings),
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<FirmSettings, SettingsError> {
    for _ in 0..MAX_TRIES {
        // Read anew: what the request began with may be old by now.
        let Some(loaded) = firm.store().load_firm().await? else { break };
        let mut settings = loaded.settings.clone();
        with(&mut settings);
        if settings == loaded.settings {
            return Ok(settings);
        }
        let change = FirmChange::Settings(settings.clone());
        let meta = meta(firm, "change_settings", caller, now);
        if firm.store().change_firm(&loaded, &change, &meta).await? == FirmCommit::Done {
            return Ok(settings);
        }
    }
    Err(SettingsError::Busy)
}
