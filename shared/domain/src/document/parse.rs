//! Text into a tree.
//!
//! The parser's events are read one by one onto a stack of our own, and not by its loader: that
//! recurses as deep as the document does and makes binary numbers of scalars. What multiplies
//! (anchors and aliases) or changes the meaning of a value (tags) is refused, as are a key given
//! twice and a second document: a policy is not the place for surprises.

use std::borrow::Cow;
use std::collections::HashSet;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, Span};

use super::{DocumentError, Key, Node, Value};

/// The largest document: a timeline of some 40,000 entries, read in about a second.
pub const MAX_DOCUMENT_BYTES: usize = 4 * 1024 * 1024;

/// The most values in one document: a short one takes two bytes of text but a hundred of memory.
pub const MAX_NODES: usize = 400_000;

/// The deepest nesting; a policy needs five levels, a timeline seven. What follows a tree down
/// (merging, dropping) may recurse.
pub const MAX_DEPTH: usize = 32;

/// The longest key: the longest id, and room to spare. Errors name keys whole.
pub const MAX_KEY_BYTES: usize = 2 * crate::id::MAX_ID_BYTES;

/// Reads the one YAML 1.2 or JSON document of that text.
///
/// # Errors
/// What isn't YAML, what is refused (see above), and what is past the limits of this module.
pub fn parse(text: &str) -> Result<Node, DocumentError> {
    check_text(text)?;
    let text = join_surrogates(text);
    let mut parser = Parser::new_from_str(&text);
    let mut tree = Tree::default();
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| syntax(&error))?;
        tree.take(event, Place::of(span))?;
    }
    tree.root.ok_or_else(|| Place { line: 1, column: 1 }.error("the document is empty"))
}

#[derive(Clone, Copy)]
struct Place {
    line: usize,
    column: usize,
}

impl Place {
    fn of(span: Span) -> Self {
        Self { line: span.start.line(), column: span.start.col() + 1 }
    }

    fn error(self, message: impl Into<String>) -> DocumentError {
        let Self { line, column } = self;
        DocumentError { line, column, path: String::new(), message: message.into() }
    }

    fn node(self, value: Value, written: String) -> Node {
        Node { value, line: self.line, column: self.column, written }
    }
}

fn syntax(error: &ScanError) -> DocumentError {
    let place = Place { line: error.marker().line(), column: error.marker().col() + 1 };
    place.error(format!("not YAML 1.2 or JSON at column {}: {}", place.column, error.info()))
}

/// Size, and control characters: the parser takes a NUL for the end and would drop the rest.
fn check_text(text: &str) -> Result<(), DocumentError> {
    if MAX_DOCUMENT_BYTES < text.len() {
        let message =
            format!("the document has {} bytes, expected at most {MAX_DOCUMENT_BYTES}", text.len());
        return Err(Place { line: 0, column: 0 }.error(message));
    }
    for (index, line) in text.split('\n').enumerate() {
        let is_bad = |c: char| c.is_ascii_control() && !matches!(c, '\t' | '\r' | '\x7f');
        if let Some(column) = line.chars().position(is_bad) {
            let place = Place { line: index + 1, column: column + 1 };
            return Err(place.error("a control character, which no document may hold"));
        }
    }
    Ok(())
}

/// JSON writes what is past U+FFFF as two escapes (`\ud83d\ude00`), YAML as one (`\U0001F600`).
///
/// Only in what looks like JSON: there a backslash is always in double quotes. The columns of what
/// follows on that line are two less for each.
fn join_surrogates(text: &str) -> Cow<'_, str> {
    let looks_like_json = text.trim_start_matches('\u{feff}').trim_start().starts_with(['{', '[']);
    if !looks_like_json || !text.contains("\\u") {
        return Cow::Borrowed(text);
    }
    let mut joined = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.find('\\') {
        let (before, escape) = rest.split_at(place);
        joined.push_str(before);
        rest = match surrogate_pair(escape) {
            Some((character, rest)) => {
                joined.push_str(&format!("\\U{:08X}", u32::from(character)));
                rest
            }
            None => {
                // The backslash and what it escapes, which may be a backslash.
                let end = escape.char_indices().nth(2).map_or(escape.len(), |(end, _)| end);
                joined.push_str(&escape[..end]);
                &escape[end..]
            }
        };
    }
    joined.push_str(rest);
    Cow::Owned(joined)
}

fn surrogate_pair(text: &str) -> Option<(char, &str)> {
    let unit = |text: &str| u16::from_str_radix(text.strip_prefix("\\u")?.get(..4)?, 16).ok();
    let units = [unit(text)?, unit(text.get(6..)?)?];
    let mut decoded = char::decode_utf16(units);
    match (decoded.next(), decoded.next()) {
        (Some(Ok(character)), None) => Some((character, &text[12..])),
        _ => None,
    }
}

/// What was read so far.
#[derive(Default)]
struct Tree {
    root: Option<Node>,
    open: Vec<Open>,
    nodes: usize,
}

/// A list or mapping whose end has not come yet.
enum Open {
    List { place: Place, items: Vec<Node> },
    Map { place: Place, entries: Vec<(Key, Node)>, keys: HashSet<String>, key: Option<Key> },
}

impl Tree {
    fn take(&mut self, event: Event<'_>, place: Place) -> Result<(), DocumentError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) if self.root.is_none() => Ok(()),
            Event::DocumentStart(_) => {
                Err(place.error("a second document begins, expected one document in the file"))
            }
            Event::Alias(_) => Err(place.error(
                "an alias (*) is not supported, expected the value itself (in quotes if it is text)",
            )),
            Event::Scalar(text, style, anchor, tag) => {
                refuse_marks(anchor, tag.is_some(), place)?;
                self.scalar(text.into_owned(), style, place)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_marks(anchor, tag.is_some(), place)?;
                self.open(Open::List { place, items: Vec::new() }, place)
            }
            Event::MappingStart(anchor, tag) => {
                refuse_marks(anchor, tag.is_some(), place)?;
                let (entries, keys) = (Vec::new(), HashSet::new());
                self.open(Open::Map { place, entries, keys, key: None }, place)
            }
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open::List { place, items }) => {
                    self.add(place.node(Value::List(items), String::new()))
                }
                Some(Open::Map { place, entries, .. }) => {
                    self.add(place.node(Value::Map(entries), String::new()))
                }
                None => Ok(()),
            },
        }
    }

    fn open(&mut self, open: Open, place: Place) -> Result<(), DocumentError> {
        if let Some(Open::Map { key: None, .. }) = self.open.last() {
            return Err(place.error("a list or mapping as a key, expected text"));
        }
        if MAX_DEPTH <= self.open.len() {
            let message = format!("nested too deep, expected at most {MAX_DEPTH} levels");
            return Err(place.error(message));
        }
        self.open.push(open);
        Ok(())
    }

    fn scalar(
        &mut self,
        text: String,
        style: ScalarStyle,
        place: Place,
    ) -> Result<(), DocumentError> {
        if let Some(Open::Map { keys, key: key @ None, .. }) = self.open.last_mut() {
            if text.is_empty() || MAX_KEY_BYTES < text.len() {
                let message =
                    format!("expected a key of 1 to {MAX_KEY_BYTES} bytes, got {}", text.len());
                return Err(place.error(message));
            }
            if !keys.insert(text.clone()) {
                let message = format!("the key {text:?} is there twice in one mapping");
                return Err(place.error(message));
            }
            *key = Some(Key { text, line: place.line, column: place.column });
            return Ok(());
        }
        let is_plain = style == ScalarStyle::Plain;
        let value = if is_plain { plain(&text) } else { Value::Text(text.clone()) };
        let written = match value {
            Value::Null | Value::Bool(_) | Value::Integer(_) => text,
            Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => String::new(),
        };
        self.add(place.node(value, written))
    }

    fn add(&mut self, node: Node) -> Result<(), DocumentError> {
        self.nodes += 1;
        if MAX_NODES < self.nodes {
            let place = Place { line: node.line, column: node.column };
            let message = format!("too long a document, expected at most {MAX_NODES} values");
            return Err(place.error(message));
        }
        match self.open.last_mut() {
            Some(Open::List { items, .. }) => items.push(node),
            Some(Open::Map { entries, key, .. }) => {
                entries.extend(key.take().map(|key| (key, node)));
            }
            None => self.root = Some(node),
        }
        Ok(())
    }
}

fn refuse_marks(anchor: usize, has_tag: bool, place: Place) -> Result<(), DocumentError> {
    if 0 < anchor {
        return Err(place.error(
            "an anchor (&) is not supported, expected the value itself (in quotes if it is text)",
        ));
    }
    if has_tag {
        return Err(place.error(
            "a tag (!) is not supported, expected the value itself (in quotes if it is text)",
        ));
    }
    Ok(())
}

/// What an unquoted scalar is, by YAML 1.2's core schema (§10.3.2).
fn plain(text: &str) -> Value {
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Value::Null,
        "true" | "True" | "TRUE" => Value::Bool(true),
        "false" | "False" | "FALSE" => Value::Bool(false),
        _ if is_integer(text) => integer(text),
        _ if is_float(text) => Value::Float(text.to_owned()),
        _ => Value::Text(text.to_owned()),
    }
}

fn is_integer(text: &str) -> bool {
    let is_all = |digits: &str, is_digit: fn(&u8) -> bool| {
        !digits.is_empty() && digits.as_bytes().iter().all(is_digit)
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return is_all(digits, u8::is_ascii_hexdigit);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return is_all(digits, |byte| (b'0'..=b'7').contains(byte));
    }
    is_all(text.strip_prefix(['+', '-']).unwrap_or(text), u8::is_ascii_digit)
}

fn integer(text: &str) -> Value {
    let number = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => i64::from_str_radix(digits, 16),
        (_, Some(digits)) => i64::from_str_radix(digits, 8),
        (None, None) => text.parse(),
    };
    number.map_or_else(|_| Value::Float(text.to_owned()), Value::Integer)
}

/// `[-+]? ( \. [0-9]+ | [0-9]+ ( \. [0-9]* )? ) ( [eE] [-+]? [0-9]+ )?`, infinities, not a number.
fn is_float(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if matches!(unsigned, ".inf" | ".Inf" | ".INF") || matches!(text, ".nan" | ".NaN" | ".NAN") {
        return true;
    }
    let is_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => {
            (mantissa, exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
        }
        None => (unsigned, "0"),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let has_digits = !(whole.is_empty() && fraction.is_empty());
    let is_number = has_digits && is_digits(whole) && is_digits(fraction);
    is_number && !exponent.is_empty() && is_digits(exponent)
}
