//! The links of letters: each opens the page of one debt, and nothing else (LET-7).
//!
//! A link is found by the hash of its token before the firm is known, as a webhook's endpoint is: who holds
//! the token is the verified caller, and the firm is the one that it was made for (SEC-1). The token itself is
//! in the letter only.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClientId, FirmId, InvoiceId};
use domain::letter::LetterId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{attributes, corrupt, get_text, new_item, read, text};
use crate::keys::PlatformKey;
use crate::platform::Platform;

/// When it was taken back.
const REVOKED_AT: &str = "revoked_at";

/// A letter's link, as far as the table knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayLink {
    /// The hash of its token.
    pub hash: String,
    /// Whose debt.
    pub client: ClientId,
    /// The letter that holds it.
    pub letter: LetterId,
    /// What it shows, and no more.
    pub invoices: BTreeSet<InvoiceId>,
    /// The day of the letter.
    pub made_on: Day,
    /// When it was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Keeps a new link. `false`: there is one of that token.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn add_pay_link(&self, link: &PayLink) -> Result<bool, StoreError> {
        let mut item = new_item(&PlatformKey::PayLink(&link.hash).place(), 0);
        item.extend(attributes(link)?);
        item.insert(crate::head::FIRM.to_owned(), text(self.firm.as_str()));
        self.dynamo.write(Write::Put(item, Condition::Absent)).await
    }

    /// Takes a link of this firm back. `false`: there is none of that hash.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn revoke_pay_link(&self, hash: &str, at: DateTime<Utc>) -> Result<bool, StoreError> {
        let place = PlatformKey::PayLink(hash).place();
        let set = vec![(REVOKED_AT, text(at.to_rfc3339()))];
        let is_ours = Condition::Equals(crate::head::FIRM, text(self.firm.as_str()));
        self.dynamo.write(Write::Update(place, set, Vec::new(), is_ours)).await
    }
}

impl Platform {
    /// Whose link that is; it may have been taken back.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn pay_link(&self, hash: &str) -> Result<Option<(FirmId, PayLink)>, StoreError> {
        let Some(item) = self.dynamo().get(&PlatformKey::PayLink(hash).place()).await? else {
            return Ok(None);
        };
        let firm = get_text(&item, crate::head::FIRM).unwrap_or_default().parse();
        Ok(Some((firm.map_err(|error| corrupt(&item, error))?, read(&item)?)))
    }
}
