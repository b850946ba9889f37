//! Pages and cursors: where a list goes on, as text that means nothing to the caller.
//!
//! A cursor is the last key of the page before. It is checked against the list that it is given to: one of
//! another firm, client or list is refused (SEC-1), so there is nothing to sign.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::dynamo::{Dynamo, Range};
use crate::error::StoreError;
use crate::item::{Item, text};
use crate::keys::{Index, PK, SK};

/// The most items of one page of a list.
pub const MAX_PAGE: u32 = 200;

/// A page of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Where the list goes on, if it does.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest<'a> {
    /// Where it begins; the list's beginning, if not said.
    pub cursor: Option<&'a str>,
    /// How many items at most; never more than [`MAX_PAGE`].
    pub limit: u32,
}

impl Default for PageRequest<'_> {
    fn default() -> Self {
        Self { cursor: None, limit: MAX_PAGE }
    }
}

impl PageRequest<'_> {
    pub(crate) fn limit(&self) -> u32 {
        self.limit.clamp(1, MAX_PAGE)
    }
}

impl Dynamo {
    /// One page over several ranges, one after the other; `owner` is how the keys of all that is listed
    /// begin.
    pub(crate) async fn list<T>(
        &self,
        ranges: &[Range],
        owner: &str,
        request: &PageRequest<'_>,
        read: impl Fn(&Item) -> Result<Option<T>, StoreError>,
    ) -> Result<Listed<T>, StoreError> {
        let start = request.cursor.map(|cursor| decode(cursor, ranges, owner)).transpose()?;
        let first = start.as_ref().map_or(0, |(index, _)| *index);
        let mut start = start.and_then(|(_, key)| key);
        let mut items = Vec::new();
        for (index, range) in ranges.iter().enumerate().skip(first) {
            loop {
                let left =
                    request.limit().saturating_sub(u32::try_from(items.len()).unwrap_or(u32::MAX));
                if left == 0 {
                    // Full, and nothing of this range was read: it begins with the next page.
                    return Ok(Listed { items, next: Some(encode_start(index)) });
                }
                let limit = i32::try_from(left).ok();
                let page =
                    self.page(&Range { limit, start: start.take(), ..range.clone() }).await?;
                for item in &page.items {
                    items.extend(read(item)?);
                }
                match page.last {
                    Some(last) if request.limit() as usize <= items.len() => {
                        return Ok(Listed { items, next: Some(encode(index, &last)) });
                    }
                    Some(last) => start = Some(last),
                    None => break,
                }
            }
        }
        Ok(Listed { items, next: None })
    }
}

fn encode(index: usize, key: &Item) -> String {
    let texts =
        key.iter().filter_map(|(name, value)| Some((name.as_str(), value.as_s().ok()?.as_str())));
    let parts: BTreeMap<_, _> = texts.collect();
    URL_SAFE_NO_PAD.encode(serde_json::json!([index, parts]).to_string())
}

fn encode_start(index: usize) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::json!([index, {}]).to_string())
}

fn decode(
    cursor: &str,
    ranges: &[Range],
    owner: &str,
) -> Result<(usize, Option<Item>), StoreError> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| StoreError::Cursor)?;
    let (index, parts): (usize, BTreeMap<String, String>) =
        serde_json::from_slice(&bytes).map_err(|_| StoreError::Cursor)?;
    let range = ranges.get(index).ok_or(StoreError::Cursor)?;
    if parts.is_empty() {
        return Ok((index, None));
    }
    let is =
        |name: &str, holds: &dyn Fn(&str) -> bool| parts.get(name).is_some_and(|part| holds(part));
    let (range_pk, range_sk) = range.index.map_or((PK, SK), Index::attributes);
    let count = if range.index.is_some() { 4 } else { 2 };
    let belongs = parts.len() == count
        && is(PK, &|pk| {
            pk == owner || pk.strip_prefix(owner).is_some_and(|rest| rest.starts_with('#'))
        })
        && is(SK, &|_| true)
        && is(range_pk, &|pk| pk == range.pk)
        && is(range_sk, &|sk| range.prefix.as_ref().is_none_or(|prefix| sk.starts_with(prefix)));
    if !belongs {
        return Err(StoreError::Cursor);
    }
    Ok((index, Some(parts.into_iter().map(|(name, part)| (name, text(part))).collect())))
}
