//! A firm's picture: its bytes, under their hash.
//!
//! It lies in the table and not in a store of documents: it is small, there is one, and pages of everybody who
//! isn't signed in show it too (docs/decisions).

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::Store;
use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::item::{MAX_ITEM_BYTES, check_size, new_item};
use crate::keys::Key;

/// The bytes of the picture.
const BYTES: &str = "bytes";

/// The most that a picture may have: an item of the table has room for 400 KB.
pub const MAX_LOGO_BYTES: usize = 300 * 1024;

impl Store {
    /// Keeps a picture; the same again changes nothing.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`]; whatever writing has.
    pub async fn keep_logo(&self, sha256: &str, bytes: Vec<u8>) -> Result<(), StoreError> {
        let mut item = new_item(&Key::Logo(sha256).place(&self.firm), 0);
        item.insert(BYTES.to_owned(), AttributeValue::B(Blob::new(bytes)));
        check_size(&item, MAX_ITEM_BYTES)?;
        self.dynamo.write(Write::Put(item, Condition::Always)).await.map(|_| ())
    }

    /// A picture of the firm's, the one of now or one of before.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn logo(&self, sha256: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let item = self.dynamo.get(&Key::Logo(sha256).place(&self.firm)).await?;
        let bytes = item.as_ref().and_then(|item| item.get(BYTES)?.as_b().ok());
        Ok(bytes.map(|bytes| bytes.as_ref().to_vec()))
    }
}
