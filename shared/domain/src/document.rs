//! Documents that people write: policies, timelines, request bodies (contracts §2, §3).
//!
//! YAML 1.2 and JSON, which is a subset of it, go through one parser ([`parse`]) into a tree of
//! [`Node`]s that know their line, so that whatever is wrong with a document is said where it
//! stands. A scalar keeps its text as it was written: no number is ever a binary floating-point
//! one, and an unquoted `100.00` can be told from a quoted one and refused as money.
//!
//! [`Field`] and [`Fields`] read a tree into types and refuse what they don't know.

mod fields;
mod json;
mod parse;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::fmt;

pub use fields::{Field, Fields, nearest};
pub use parse::{MAX_DEPTH, MAX_DOCUMENT_BYTES, MAX_KEY_BYTES, MAX_NODES, parse};

/// One value of a document, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// What it is.
    pub value: Value,
    /// Its line, counted from 1; 0 where there was no text, as in JSON out of the store.
    pub line: usize,
    /// Its column in characters, counted from 1.
    pub column: usize,
    /// A null, bool or integer as it was written; the other scalars hold their text themselves.
    written: String,
}

/// What a value is, by YAML's core schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing: `null`, `~`, or a key with no value.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Any other number, as it was written: a floating-point one, or past 64 bits.
    Float(String),
    /// Text, quoted or not. `off`, `none`, `2026-01-01` and `20:00` are text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order written; no key is there twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping, as it was written, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// Its text.
    pub text: String,
    /// Its line, as in [`Node::line`].
    pub line: usize,
    /// Its column, as in [`Node::column`].
    pub column: usize,
}

impl Node {
    /// A value that stands nowhere.
    pub fn new(value: Value) -> Self {
        let written = match &value {
            Value::Null => "null".to_owned(),
            Value::Bool(flag) => flag.to_string(),
            Value::Integer(number) => number.to_string(),
            Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => String::new(),
        };
        Self { value, line: 0, column: 0, written }
    }

    /// A scalar's text as it was written: `007`, `1.10`, `true`.
    pub fn as_written(&self) -> Option<&str> {
        match &self.value {
            Value::Null | Value::Bool(_) | Value::Integer(_) => Some(&self.written),
            Value::Float(text) | Value::Text(text) => Some(text),
            Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The value under that key, if this is a mapping that has it.
    pub fn get(&self, key: &str) -> Option<&Self> {
        let Value::Map(entries) = &self.value else { return None };
        entries.iter().find(|(known, _)| known.text == key).map(|(_, node)| node)
    }

    /// The item at that place, if this is a list that has it.
    pub fn item(&self, index: usize) -> Option<&Self> {
        let Value::List(items) = &self.value else { return None };
        items.get(index)
    }

    /// Whether it turns something off: `off`, `false`, `none`, quoted or not.
    pub fn is_off(&self) -> bool {
        match &self.value {
            Value::Bool(flag) => !flag,
            Value::Text(text) => text == "off" || text == "none",
            Value::Null | Value::Integer(_) | Value::Float(_) => false,
            Value::List(_) | Value::Map(_) => false,
        }
    }

    /// The same without its place, for what the reader of an error has never seen (presets).
    pub fn without_place(self) -> Self {
        let value = match self.value {
            Value::List(items) => Value::List(items.into_iter().map(Self::without_place).collect()),
            Value::Map(entries) => {
                let strip = |(key, node): (Key, Self)| {
                    (Key { line: 0, column: 0, ..key }, node.without_place())
                };
                Value::Map(entries.into_iter().map(strip).collect())
            }
            value => value,
        };
        Self { value, line: 0, column: 0, ..self }
    }
}

/// For an error: what was there instead of what was expected.
impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Enough to recognise it; an error is one line.
        const SHOWN_CHARS: usize = 60;
        match &self.value {
            Value::Null => f.write_str("nothing"),
            Value::Bool(flag) => write!(f, "{flag}"),
            Value::Integer(_) => f.write_str(&self.written),
            Value::Float(text) if text.contains(['.', 'e', 'E']) => {
                write!(f, "the floating-point number {text}")
            }
            Value::Float(text) => write!(f, "the number {text}, which is too large"),
            Value::Text(text) if text.chars().nth(SHOWN_CHARS).is_none() => write!(f, "{text:?}"),
            Value::Text(text) => {
                write!(f, "{:?}…", text.chars().take(SHOWN_CHARS).collect::<String>())
            }
            Value::List(_) => f.write_str("a list"),
            Value::Map(_) => f.write_str("a mapping"),
        }
    }
}

/// `base` changed by `with`: maps are merged key by key, everything else is replaced (contracts §2).
pub fn merge(base: Node, with: Node) -> Node {
    match (base.value, with.value) {
        (Value::Map(base), Value::Map(changes)) => {
            Node { value: Value::Map(merge_entries(base, changes)), ..with }
        }
        (_, value) => Node { value, ..with },
    }
}

fn merge_entries(base: Vec<(Key, Node)>, changes: Vec<(Key, Node)>) -> Vec<(Key, Node)> {
    // By an index and not by search: a document may have many thousand keys.
    let places: HashMap<String, usize> =
        base.iter().enumerate().map(|(place, (key, _))| (key.text.clone(), place)).collect();
    let mut merged = base;
    for (key, node) in changes {
        match places.get(&key.text).and_then(|&place| merged.get_mut(place)) {
            Some(entry) => {
                let old = std::mem::replace(&mut entry.1, Node::new(Value::Null));
                *entry = (key, merge(old, node));
            }
            None => merged.push((key, node)),
        }
    }
    merged
}

/// What is wrong with a document, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct DocumentError {
    /// The line, as in [`Node::line`]; 0 where there is none.
    pub line: usize,
    /// The column, as in [`Node::column`]; 0 where there is none.
    pub column: usize,
    /// Which field, such as `regular.steps[2].at`; empty where it is the document as a whole.
    pub path: String,
    /// What was expected, and what was there.
    pub message: String,
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if 0 < self.line {
            write!(f, "line {}: ", self.line)?;
        }
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.message)
    }
}
