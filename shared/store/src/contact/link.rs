//! Links that sign in: kept as a hash, used up by the commit that begins the session (SEC-3).

use chrono::{DateTime, Utc};
use domain::id::ContactId;
use serde::{Deserialize, Serialize};

use super::session::{expiry, millis};
use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{attributes, new_item, read};
use crate::keys::{EXPIRES_AT, Key};

/// What a link is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ContactLinkKind {
    /// Staff invited the contact.
    Invitation,
    /// The contact asked for it.
    SignIn,
}

/// A link, as far as the table knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactLink {
    /// Its name; it opens nothing.
    pub id: String,
    /// The hash of its token.
    pub hash: String,
    /// What it is for.
    pub kind: ContactLinkKind,
    /// When it was made.
    #[serde(with = "millis")]
    pub made_at: DateTime<Utc>,
    /// From when on it is good for nothing.
    #[serde(with = "millis")]
    pub ends_at: DateTime<Utc>,
}

impl Store {
    /// Keeps a new link. `false`: there is one of that name.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn add_contact_link(
        &self,
        contact: &ContactId,
        link: &ContactLink,
    ) -> Result<bool, StoreError> {
        let mut item = new_item(&Key::ContactLink(contact, &link.id).place(&self.firm), 0);
        item.extend(attributes(link)?);
        item.insert(EXPIRES_AT.to_owned(), expiry(link.ends_at));
        self.dynamo.write(Write::Put(item, Condition::Absent)).await
    }

    /// A link that wasn't used; it may have run out.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn contact_link(
        &self,
        contact: &ContactId,
        id: &str,
    ) -> Result<Option<ContactLink>, StoreError> {
        let item = self.dynamo.get(&Key::ContactLink(contact, id).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }
}
