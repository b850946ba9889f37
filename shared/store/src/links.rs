//! A client's payments, newest first, at no further write: each says which came before it.
//!
//! A payment is one item of the whole firm, so that its money is applied once (PAY-1), and so it isn't in
//! its client's partition. An item there, or an index, would cost a write with each payment. Instead the
//! head names the last few, and each payment those of them that came before it; both are written anyway.
//! A list goes from one to the next, some at a time.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::id::{ClientId, PaymentId};
use domain::payment::Payment;

use crate::Store;
use crate::cursor::{Listed, PageRequest};
use crate::error::StoreError;
use crate::item::{Item, place_of, read, text};
use crate::keys::Key;
use crate::load::client_of;

/// How many payments a head names: four of Stripe's ids are 140 bytes, with which a usual head is still
/// smaller than the kilobyte that a unit pays for.
const AT_ONCE: usize = 4;

/// On the head: the last payments.
const LAST: &str = "last_payments";

/// On a payment: those before it.
const BEFORE: &str = "before";

impl Store {
    /// A client's payments, the last one that was told of first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn payments(
        &self,
        client: &ClientId,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Payment>, StoreError> {
        let limit = usize::try_from(page.limit()).unwrap_or(1);
        let mut ahead = match page.cursor {
            None => self.last_payments(client).await?,
            Some(cursor) => self.after_cursor(client, cursor).await?,
        };
        let mut items = Vec::new();
        let mut next = None;
        while !ahead.is_empty() && items.len() < limit {
            ahead.truncate(limit - items.len());
            let found = self.in_order(client, &ahead).await?;
            ahead = found.last().map(before).unwrap_or_default();
            for item in &found {
                items.push(read::<Payment>(item)?);
            }
            let last = items.last().filter(|_| !ahead.is_empty());
            next = last.map(|payment| URL_SAFE_NO_PAD.encode(payment.id.as_str()));
        }
        Ok(Listed { items, next })
    }

    async fn last_payments(&self, client: &ClientId) -> Result<Vec<PaymentId>, StoreError> {
        let head = self.dynamo.get(&Key::Head(client).place(&self.firm)).await?;
        Ok(head.as_ref().map(last_payments).unwrap_or_default())
    }

    /// Those before the payment that the cursor names, which has to be this client's (SEC-1).
    async fn after_cursor(
        &self,
        client: &ClientId,
        cursor: &str,
    ) -> Result<Vec<PaymentId>, StoreError> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::Cursor)?;
        let text = String::from_utf8(bytes).map_err(|_| StoreError::Cursor)?;
        let id: PaymentId = text.parse().map_err(|_| StoreError::Cursor)?;
        let found = self.in_order(client, &[id]).await?;
        found.first().map(before).ok_or(StoreError::Cursor)
    }

    /// The items of these payments, as far as they are this client's.
    async fn in_order(
        &self,
        client: &ClientId,
        payments: &[PaymentId],
    ) -> Result<Vec<Item>, StoreError> {
        let places: Vec<_> = payments.iter().map(|id| Key::Payment(id).place(&self.firm)).collect();
        let mut items = self.dynamo.batch_get(&places).await?;
        items.sort_by_key(|item| places.iter().position(|place| *place == place_of(item)));
        let is_own = |item: &Item| client_of(item).is_ok_and(|of| of == *client);
        Ok(items.into_iter().filter(is_own).collect())
    }
}

/// With one more, the newest first.
pub(crate) fn with(last: &[PaymentId], new: &PaymentId) -> Vec<PaymentId> {
    std::iter::once(new).chain(last).take(AT_ONCE).cloned().collect()
}

/// The last payments of a head.
pub(crate) fn last_payments(head: &Item) -> Vec<PaymentId> {
    ids(head, LAST)
}

pub(crate) fn put_last_payments(head: &mut Item, last: &[PaymentId]) {
    head.insert(LAST.to_owned(), list(last));
}

/// The payments before that one.
pub(crate) fn before(payment: &Item) -> Vec<PaymentId> {
    ids(payment, BEFORE)
}

pub(crate) fn put_before(payment: &mut Item, before: &[PaymentId]) {
    if !before.is_empty() {
        payment.insert(BEFORE.to_owned(), list(before));
    }
}

fn ids(item: &Item, name: &str) -> Vec<PaymentId> {
    let list = item.get(name).and_then(|list| list.as_l().ok()).into_iter().flatten();
    list.filter_map(|id| id.as_s().ok()?.parse().ok()).collect()
}

fn list(payments: &[PaymentId]) -> AttributeValue {
    AttributeValue::L(payments.iter().map(|id| text(id.as_str())).collect())
}
