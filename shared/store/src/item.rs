//! Items: what they all have, and how one is rewritten without losing what this program doesn't know.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::StoreError;
use crate::keys::{PK, Place, SCHEMA, SK, VERSION};

/// An item as the table has it.
pub type Item = HashMap<String, AttributeValue>;

/// The schema of the items that this program writes. Changes are additive and keep it; it is raised
/// where an older program would read an item wrongly.
pub const SCHEMA_VERSION: u64 = 1;

/// The most of one item that DynamoDB takes: 400 KB.
pub const MAX_ITEM_BYTES: usize = 400 * 1024;

pub(crate) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(crate) fn number(value: u64) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

pub(crate) fn key_of(place: &Place) -> Item {
    HashMap::from([(PK.to_owned(), text(&*place.pk)), (SK.to_owned(), text(&*place.sk))])
}

/// Where an item is.
pub(crate) fn place_of(item: &Item) -> Place {
    let part = |name| get_text(item, name).unwrap_or_default().to_owned();
    Place { pk: part(PK), sk: part(SK) }
}

pub(crate) fn get_text<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

pub(crate) fn get_number(item: &Item, name: &str) -> Option<u64> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

/// The version of the account that wrote it.
pub(crate) fn version_of(item: &Item) -> u64 {
    get_number(item, VERSION).unwrap_or(0)
}

/// A new item with what all items have.
pub(crate) fn new_item(place: &Place, version: u64) -> Item {
    let mut item = key_of(place);
    item.insert(SCHEMA.to_owned(), number(SCHEMA_VERSION));
    item.insert(VERSION.to_owned(), number(version));
    item
}

/// Refuses an item that a newer program wrote.
pub(crate) fn check_schema(item: &Item) -> Result<(), StoreError> {
    let found = get_number(item, SCHEMA).ok_or_else(|| corrupt(item, "it has no schema"))?;
    if SCHEMA_VERSION < found {
        let item = place_of(item).to_string();
        return Err(StoreError::TooNew { item, found, known: SCHEMA_VERSION });
    }
    Ok(())
}

pub(crate) fn corrupt(item: &Item, problem: impl ToString) -> StoreError {
    StoreError::Corrupt { item: place_of(item).to_string(), problem: problem.to_string() }
}

/// The value in an item.
pub(crate) fn read<T: DeserializeOwned>(item: &Item) -> Result<T, StoreError> {
    check_schema(item)?;
    serde_dynamo::from_item(item.clone()).map_err(|error| corrupt(item, error))
}

/// The value as attributes.
pub(crate) fn attributes(value: &impl Serialize) -> Result<Item, StoreError> {
    serde_dynamo::to_item(value).map_err(|error| StoreError::Encode(error.into()))
}

/// `item` with `before`'s attributes replaced by `after`'s. What neither of them names stays: an older
/// program must not erase what a newer one added.
pub(crate) fn replace(item: &mut Item, before: &Item, after: Item) {
    for name in before.keys().filter(|name| !after.contains_key(*name)) {
        item.remove(name);
    }
    for (name, value) in after {
        match (item.get_mut(&name), before.get(&name), value) {
            (
                Some(AttributeValue::M(stored)),
                Some(AttributeValue::M(before)),
                AttributeValue::M(after),
            ) => replace(stored, before, after),
            (_, _, value) => {
                item.insert(name, value);
            }
        }
    }
}

/// How large DynamoDB counts it: names and values as UTF-8, a number about a byte for two digits, three
/// for a list or map and one for each element of it.
pub(crate) fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len() + value_size(value)).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    match value {
        AttributeValue::S(text) => text.len(),
        AttributeValue::N(digits) => digits.len() / 2 + 2,
        AttributeValue::B(bytes) => bytes.as_ref().len(),
        AttributeValue::M(map) => 3 + map.len() + size(map),
        AttributeValue::L(list) => {
            3 + list.iter().map(|value| 1 + value_size(value)).sum::<usize>()
        }
        AttributeValue::Ss(texts) => texts.iter().map(String::len).sum(),
        _ => 1,
    }
}

/// Refuses an item over that size.
pub(crate) fn check_size(item: &Item, limit: usize) -> Result<(), StoreError> {
    let size = size(item);
    if limit < size {
        let what = format!("item {} in bytes", place_of(item));
        return Err(StoreError::TooLarge { what, size, limit });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&str, AttributeValue)]) -> Item {
        entries.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    #[test]
    fn what_this_program_does_not_know_survives_a_rewrite() {
        let inner = |entries: &[(&str, AttributeValue)]| AttributeValue::M(map(entries));
        let mut item = map(&[
            ("kept", text("old")),
            ("gone", text("x")),
            ("of_tomorrow", text("y")),
            ("deep", inner(&[("a", number(1)), ("b", number(2)), ("of_tomorrow", number(3))])),
        ]);
        let before = map(&[
            ("kept", text("old")),
            ("gone", text("x")),
            ("deep", inner(&[("a", number(1)), ("b", number(2))])),
        ]);
        let after = map(&[
            ("kept", text("new")),
            ("deep", inner(&[("a", number(5))])),
            ("came", text("z")),
        ]);
        replace(&mut item, &before, after);
        let expected = map(&[
            ("kept", text("new")),
            ("of_tomorrow", text("y")),
            ("deep", inner(&[("a", number(5)), ("of_tomorrow", number(3))])),
            ("came", text("z")),
        ]);
        assert_eq!(item, expected);
    }

    #[test]
    fn an_item_of_a_newer_program_is_refused() {
        let mut item = new_item(&Place { pk: "p".to_owned(), sk: "s".to_owned() }, 1);
        check_schema(&item).unwrap();
        item.insert(SCHEMA.to_owned(), number(SCHEMA_VERSION + 1));
        assert!(matches!(check_schema(&item), Err(StoreError::TooNew { found: 2, known: 1, .. })));
        item.remove(SCHEMA);
        assert!(matches!(check_schema(&item), Err(StoreError::Corrupt { .. })));
    }
}
