//! Links to pay with, letters' and staff's: each opens the page of one debt, and nothing else (LET-7).
//!
//! A link is found by the hash of its token before the firm is known, as a webhook's endpoint is: who holds
//! the token is the verified caller, and the firm is the one that it was made for (SEC-1). The token itself is
//! in the letter only, or was shown to staff once. Those of staff have an item with their client as well, by
//! which they are listed; a letter names its own.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClientId, FirmId, InvoiceId, StaffId};
use domain::letter::LetterId;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{Item, attributes, corrupt, get_text, new_item, place_of, read, text};
use crate::keys::{Key, PlatformKey, prefix};
use crate::platform::Platform;

/// When it was taken back.
const REVOKED_AT: &str = "revoked_at";

/// On a closed invoice, the day on which it closed, however it did: its links live on from then.
pub(crate) const CLOSED_ON: &str = "closed_on";

/// The hash of its link on a letter as it was sent.
const LINK: &str = "link";

/// A link to pay with, as far as the table knows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PayLink {
    /// The hash of its token.
    pub hash: String,
    /// Whose debt.
    pub client: ClientId,
    /// The letter that holds it; staff's have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub letter: Option<LetterId>,
    /// Who made it, where no letter did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_by: Option<StaffId>,
    /// What it shows, and no more.
    pub invoices: BTreeSet<InvoiceId>,
    /// The day of the letter, or on which it was made.
    pub made_on: Day,
    /// When it was taken back, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<DateTime<Utc>>,
}

impl Store {
    /// Keeps a letter's new link. `false`: there is one of that token.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn add_pay_link(&self, link: &PayLink) -> Result<bool, StoreError> {
        self.dynamo.write(Write::Put(item_of(&self.firm, link)?, Condition::Absent)).await
    }

    /// The links that staff made of a client's debt, oldest first; also those that were taken back.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn made_pay_links(&self, client: &ClientId) -> Result<Vec<PayLink>, StoreError> {
        let items = self.whole(&Key::Head(client).pk(&self.firm), prefix::PAY_LINK).await?;
        let names = items.iter().map(|item| place_of(item).sk);
        let hashes: Vec<_> = names
            .filter_map(|name| name.strip_prefix(prefix::PAY_LINK).map(str::to_owned))
            .collect();
        self.pay_links(client, &hashes).await
    }

    /// A client's link, staff's or a letter's.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn pay_link(
        &self,
        client: &ClientId,
        hash: &str,
    ) -> Result<Option<PayLink>, StoreError> {
        Ok(self.pay_links(client, &[hash.to_owned()]).await?.pop())
    }

    /// The links of those letters of a client.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn pay_links_of(
        &self,
        client: &ClientId,
        letters: &[LetterId],
    ) -> Result<Vec<PayLink>, StoreError> {
        let places = letters.iter().map(|id| Key::SentLetter(client, *id).place(&self.firm));
        let sent = self.dynamo.batch_get(&places.collect::<Vec<_>>()).await?;
        let hashes = sent.iter().filter_map(|item| get_text(item, LINK).map(str::to_owned));
        self.pay_links(client, &hashes.collect::<Vec<_>>()).await
    }

    /// The day on which the last of these closed invoices of a client did; `None`, if none of them is closed.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn closed_on(
        &self,
        client: &ClientId,
        invoices: &BTreeSet<InvoiceId>,
    ) -> Result<Option<Day>, StoreError> {
        let places = invoices.iter().map(|id| Key::ClosedInvoice(client, id).place(&self.firm));
        let items = self.dynamo.batch_get(&places.collect::<Vec<_>>()).await?;
        let day = |item: &Item| {
            let day = get_text(item, CLOSED_ON)?.parse::<Day>();
            Some(day.map_err(|error| corrupt(item, error)))
        };
        let days = items.iter().filter_map(day).collect::<Result<BTreeSet<_>, _>>()?;
        Ok(days.last().copied())
    }

    /// Those links, as far as they are of that client (SEC-1).
    async fn pay_links(
        &self,
        client: &ClientId,
        hashes: &[String],
    ) -> Result<Vec<PayLink>, StoreError> {
        if hashes.is_empty() {
            return Ok(Vec::new());
        }
        let places: Vec<_> = hashes.iter().map(|hash| PlatformKey::PayLink(hash).place()).collect();
        let items = self.dynamo.batch_get(&places).await?;
        let ours = items.iter().filter(|item| {
            get_text(item, crate::head::FIRM) == Some(self.firm.as_str())
                && get_text(item, crate::head::CLIENT) == Some(client.as_str())
        });
        let mut links = ours.map(read).collect::<Result<Vec<PayLink>, _>>()?;
        links.sort_by(|a, b| (a.made_on, &a.hash).cmp(&(b.made_on, &b.hash)));
        Ok(links)
    }
}

fn item_of(firm: &FirmId, link: &PayLink) -> Result<Item, StoreError> {
    let mut item = new_item(&PlatformKey::PayLink(&link.hash).place(), 0);
    item.extend(attributes(link)?);
    item.insert(crate::head::FIRM.to_owned(), text(firm.as_str()));
    Ok(item)
}

/// What a commit writes of a link that staff made.
pub(crate) fn made(firm: &FirmId, link: &PayLink) -> Result<[Write; 2], StoreError> {
    let listed = new_item(&Key::MadePayLink(&link.client, &link.hash).place(firm), 0);
    Ok([item_of(firm, link)?, listed].map(|item| Write::Put(item, Condition::Absent)))
}

/// What a commit writes of a link of that firm that is taken back.
pub(crate) fn revoked(firm: &FirmId, hash: &str, at: DateTime<Utc>) -> Write {
    let set = vec![(REVOKED_AT, text(at.to_rfc3339()))];
    let is_ours = Condition::Equals(crate::head::FIRM, text(firm.as_str()));
    Write::Update(PlatformKey::PayLink(hash).place(), set, Vec::new(), is_ours)
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
