//! Money that a gateway told of and that no client here is named for: evidence, until a person says whose it is.
//!
//! What was told is kept beside the accounts, news by news, and nothing of it is on an account. Whose a person
//! says it is stays written beside the payment, so that whatever is told of it later goes there as well (PAY-3).

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::command::News;
use domain::id::{ClientId, InvoiceId, PaymentId, StaffId};
use domain::money::Money;
use domain::payment::{Payment, PaymentState};
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::{Condition, Range, Write};
use crate::error::StoreError;
use crate::item::{attributes, new_item, number, place_of, read, version_of};
use crate::keys::{Key, VERSION, prefix};

/// A payment that names nobody known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unclaimed {
    /// Its id in the whole firm.
    pub payment: PaymentId,
    /// When it was heard of first.
    pub came_at: DateTime<Utc>,
    /// How much.
    pub amount: Money,
    /// The client that it names, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<ClientId>,
    /// The invoices that it names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub invoices: Vec<InvoiceId>,
    /// Everything that was told, in the order told.
    pub news: Vec<News>,
    /// What a person should look at besides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub doubts: Vec<String>,
    /// Counts the writes; 0: not kept yet.
    #[serde(skip)]
    pub version: u64,
}

/// Whose a payment is, as a person said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Assignment {
    /// Whose.
    pub client: ClientId,
    /// Who said so.
    pub by: StaffId,
    /// When.
    pub at: DateTime<Utc>,
}

impl Store {
    /// Payments that were nobody's when they were told of, by their ids.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn all_unclaimed(
        &self,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Unclaimed>, StoreError> {
        let range = Range {
            pk: Key::Settings.pk(&self.firm),
            prefix: Some(prefix::UNCLAIMED.to_owned()),
            is_consistent: true,
            ..Range::default()
        };
        let owner = range.pk.clone();
        self.dynamo.list(&[range], &owner, page, |item| unclaimed(item).map(Some)).await
    }

    /// Those of these payments that are on an account without a person's having said whose they are. One that
    /// only has a mismatch to it there isn't.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn claimed_by_themselves(
        &self,
        payments: &[PaymentId],
    ) -> Result<BTreeSet<PaymentId>, StoreError> {
        let [known, assigned] = [Key::Payment, Key::Assignment]
            .map(|key| payments.iter().map(|id| key(id).place(&self.firm)).collect::<Vec<_>>());
        let found = match payments.is_empty() {
            true => Vec::new(),
            false => self.dynamo.batch_get(&[known.clone(), assigned.clone()].concat()).await?,
        };
        let found: BTreeMap<_, _> = found.iter().map(|item| (place_of(item), item)).collect();
        let mut claimed = BTreeSet::new();
        for (id, (known, assigned)) in payments.iter().zip(known.iter().zip(&assigned)) {
            let known = found.get(known).map(|item| read::<Payment>(item)).transpose()?;
            let is_told = known.is_some_and(|payment| payment.state() != PaymentState::Unknown);
            if is_told && !found.contains_key(assigned) {
                claimed.insert(id.clone());
            }
        }
        Ok(claimed)
    }

    /// One of them.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn unclaimed(&self, payment: &PaymentId) -> Result<Option<Unclaimed>, StoreError> {
        let item = self.dynamo.get(&Key::Unclaimed(payment).place(&self.firm)).await?;
        item.as_ref().map(unclaimed).transpose()
    }

    /// Keeps it, against what was read of it. `false`: somebody was faster.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn keep_unclaimed(&self, unclaimed: &Unclaimed) -> Result<bool, StoreError> {
        let place = Key::Unclaimed(&unclaimed.payment).place(&self.firm);
        let mut item = new_item(&place, unclaimed.version + 1);
        item.extend(attributes(unclaimed)?);
        crate::item::check_size(&item, crate::item::MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, as_read(unclaimed))).await
    }

    /// It is on an account now. `false`: more was told of it since it was read.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn drop_unclaimed(&self, unclaimed: &Unclaimed) -> Result<bool, StoreError> {
        let place = Key::Unclaimed(&unclaimed.payment).place(&self.firm);
        self.dynamo.write(Write::Delete(place, as_read(unclaimed))).await
    }

    /// Whose a person said that a payment is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn assignment(&self, payment: &PaymentId) -> Result<Option<Assignment>, StoreError> {
        let item = self.dynamo.get(&Key::Assignment(payment).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// A person says whose it is. `false`: somebody said so before.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn assign_payment(
        &self,
        payment: &PaymentId,
        assignment: &Assignment,
    ) -> Result<bool, StoreError> {
        let mut item = new_item(&Key::Assignment(payment).place(&self.firm), 0);
        item.extend(attributes(assignment)?);
        self.dynamo.write(Write::Put(item, Condition::Absent)).await
    }

    /// It turned out to be another's.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn unassign_payment(&self, payment: &PaymentId) -> Result<(), StoreError> {
        let place = Key::Assignment(payment).place(&self.firm);
        self.dynamo.write(Write::Delete(place, Condition::Always)).await.map(|_| ())
    }
}

fn as_read(unclaimed: &Unclaimed) -> Condition {
    match unclaimed.version {
        0 => Condition::Absent,
        version => Condition::Equals(VERSION, number(version)),
    }
}

fn unclaimed(item: &crate::item::Item) -> Result<Unclaimed, StoreError> {
    let version = version_of(item);
    read(item).map(|unclaimed| Unclaimed { version, ..unclaimed })
}
