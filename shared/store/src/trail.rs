//! Pages of an audit trail (AUD-1): a client's, the firm's own, a contact's. All are stored alike.
//!
//! However many records a page has, it takes a query for them and one for the personal texts from its first
//! record to its last; records that are too long for one item take a batch besides.

use std::collections::BTreeMap;

use crate::Store;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::Range;
use crate::error::StoreError;
use crate::item::{Item, check_schema, place_of};
use crate::keys::{Place, prefix, record_part_sk, texts_sk};
use crate::list::Order;
use crate::record::{Record, Text, assemble, assemble_texts, counts_of, is_record, sequence_of};

/// The last part that a key has digits for: what one transaction takes fits into some ten.
const LAST_PART: usize = 9_999;

impl Store {
    /// A page of the records in that partition, with personal texts where they still are.
    pub(crate) async fn trail(
        &self,
        pk: &str,
        order: Order,
        page: &PageRequest<'_>,
    ) -> Result<Listed<Record>, StoreError> {
        let range = Range {
            pk: pk.to_owned(),
            prefix: Some(prefix::RECORD.to_owned()),
            is_consistent: true,
            is_backwards: order == Order::Newest,
            ..Range::default()
        };
        let only_records = |item: &Item| Ok(is_record(item).then(|| item.clone()));
        let listed = self.dynamo.list(&[range], pk, page, only_records).await?;
        listed.items.iter().try_for_each(check_schema)?;
        let texts = self.texts(pk, &listed.items).await?;
        let mut parts = self.parts(pk, &listed.items).await?;
        let whole = listed.items.into_iter().flat_map(|item| {
            let rest = parts.remove(&sequence_of(&item)).unwrap_or_default();
            std::iter::once(item).chain(rest)
        });
        let mut items = Vec::new();
        for record in assemble(whole.collect()) {
            let record = record.map_err(|(_, error)| error)?;
            let texts = texts.get(&record.sequence).map_or(&[][..], Vec::as_slice);
            items.push(record.open(texts)?.0);
        }
        Ok(Listed { items, next: listed.next })
    }

    /// The personal texts of these records, by their numbers.
    async fn texts(
        &self,
        pk: &str,
        records: &[Item],
    ) -> Result<BTreeMap<u64, Vec<Text>>, StoreError> {
        let with_texts = records.iter().filter(|record| 0 < counts_of(record).1);
        let sequences: Vec<_> = with_texts.map(sequence_of).collect();
        let (Some(&first), Some(&last)) = (sequences.iter().min(), sequences.iter().max()) else {
            return Ok(BTreeMap::new());
        };
        let range = Range {
            pk: pk.to_owned(),
            between: Some((texts_sk(first, 0), texts_sk(last, LAST_PART))),
            is_consistent: true,
            ..Range::default()
        };
        assemble_texts(&self.dynamo.query(range).await?.0)
    }

    /// The further items of these records, by their numbers and in order.
    async fn parts(
        &self,
        pk: &str,
        records: &[Item],
    ) -> Result<BTreeMap<u64, Vec<Item>>, StoreError> {
        let place = |record: &Item, part| Place {
            pk: pk.to_owned(),
            sk: record_part_sk(sequence_of(record), part),
        };
        let places: Vec<_> = records
            .iter()
            .flat_map(|record| (1..counts_of(record).0).map(move |part| place(record, part)))
            .collect();
        let mut items = match places.is_empty() {
            true => Vec::new(),
            false => self.dynamo.batch_get(&places).await?,
        };
        items.sort_by_key(place_of);
        let mut parts: BTreeMap<u64, Vec<Item>> = BTreeMap::new();
        for item in items {
            parts.entry(sequence_of(&item)).or_default().push(item);
        }
        Ok(parts)
    }
}
