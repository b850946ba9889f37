//! A tree into types, with errors that say where, what was expected and what was there.
//!
//! A [`Field`] is one value and its path; it reads itself as text, a day, money, a list and so on.
//! [`Fields`] are those of one mapping; what was never asked for is unknown, and refused by
//! [`Fields::finish`] with the nearest name that was. [`Field::fields`] calls it by itself.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use super::{DocumentError, Key, Node, Value};
use crate::calendar::{Day, parse_day};
use crate::money::{Currency, Money};
use crate::text::MAX_TEXT_BYTES;

/// One change in so many letters, and one in any name, is taken for a typing mistake: `clinet` is one change
/// from `client`, `account` three from `amount`.
const LETTERS_PER_MISTAKE: usize = 5;

/// One value of a document, and its path.
#[derive(Debug, Clone)]
pub struct Field<'n> {
    node: &'n Node,
    path: String,
}

impl<'n> Field<'n> {
    /// The document itself.
    pub fn root(node: &'n Node) -> Self {
        Self::at(node, "")
    }

    /// A value that is known by that path.
    pub fn at(node: &'n Node, path: impl Into<String>) -> Self {
        Self { node, path: path.into() }
    }

    /// The value itself.
    pub fn node(&self) -> &'n Node {
        self.node
    }

    /// Such as `timeline[3].issue.amount`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The path of its field of that name.
    pub fn path_of(&self, name: &str) -> String {
        join(&self.path, name)
    }

    /// An error about it.
    pub fn error(&self, message: impl Display) -> DocumentError {
        let Node { line, column, .. } = *self.node;
        DocumentError { line, column, path: self.path.clone(), message: message.to_string() }
    }

    /// "expected {what}, got …".
    pub fn expected(&self, what: impl Display) -> DocumentError {
        self.error(format!("expected {what}, got {}", self.node))
    }

    /// Whether it is `off`, `false` or `none`.
    pub fn is_off(&self) -> bool {
        self.node.is_off()
    }

    /// Nothing if it is off, else what `read` makes of it.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn unless_off<T>(
        &self,
        read: impl FnOnce(&Self) -> Result<T, DocumentError>,
    ) -> Result<Option<T>, DocumentError> {
        if self.is_off() { Ok(None) } else { read(self).map(Some) }
    }

    /// A scalar as it was written, whatever it is: for ids, and for numbers compared as text.
    ///
    /// # Errors
    /// For nothing, a list or a mapping.
    pub fn scalar(&self) -> Result<&'n str, DocumentError> {
        match (&self.node.value, self.node.as_written()) {
            (Value::Null, _) | (_, None) => Err(self.expected("text")),
            (_, Some(text)) => Ok(text),
        }
    }

    /// Text of at most [`MAX_TEXT_BYTES`], which is something and not only blanks.
    ///
    /// # Errors
    /// For anything else; a number or `true` must be in quotes.
    pub fn text(&self) -> Result<&'n str, DocumentError> {
        let Value::Text(text) = &self.node.value else {
            let is_scalar = self.node.as_written().is_some() && self.node.value != Value::Null;
            let hint = if is_scalar { "text (in quotes)" } else { "text" };
            return Err(self.expected(hint));
        };
        if text.trim().is_empty() {
            return Err(self.error("expected text, got none"));
        }
        if MAX_TEXT_BYTES < text.len() {
            let message = format!("expected at most {MAX_TEXT_BYTES} bytes, got {}", text.len());
            return Err(self.error(message));
        }
        Ok(text)
    }

    /// What parses from text: ids, terms. A number stands for its text as written.
    ///
    /// # Errors
    /// Those of the parser, whose messages say what was expected.
    pub fn parse<T: FromStr<Err: Display>>(&self) -> Result<T, DocumentError> {
        if matches!(self.node.value, Value::Bool(_)) {
            return Err(self.expected("text (in quotes)"));
        }
        self.scalar()?.parse().map_err(|error: T::Err| self.error(error))
    }

    /// A date.
    ///
    /// # Errors
    /// For what isn't one, or lies outside [`crate::calendar::YEARS`].
    pub fn day(&self) -> Result<Day, DocumentError> {
        let Value::Text(text) = &self.node.value else {
            return Err(self.expected("a date such as 2026-03-02"));
        };
        parse_day(text).map_err(|error| self.error(error))
    }

    /// `true`, or `false` in any of its spellings.
    ///
    /// # Errors
    /// For anything else, `"true"` in quotes too.
    pub fn flag(&self) -> Result<bool, DocumentError> {
        match &self.node.value {
            Value::Bool(flag) => Ok(*flag),
            _ if self.is_off() => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// A whole number in that range.
    ///
    /// # Errors
    /// For anything else, a number in quotes too.
    pub fn count(&self, range: RangeInclusive<u32>) -> Result<u32, DocumentError> {
        let number = match self.node.value {
            Value::Integer(number) => u32::try_from(number).ok(),
            _ => None,
        };
        let number = number.filter(|number| range.contains(number));
        number.ok_or_else(|| {
            self.expected(format!("a whole number from {} to {}", range.start(), range.end()))
        })
    }

    /// One of those names.
    ///
    /// # Errors
    /// For any other; it names them all.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Result<T, DocumentError> {
        let name = self.node.as_written().unwrap_or_default();
        let chosen = choices.iter().find(|(known, _)| *known == name);
        chosen.map(|(_, value)| *value).ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.expected(either(&names))
        })
    }

    /// An amount in major units: a decimal in quotes, or a whole number (contracts).
    ///
    /// # Errors
    /// For a floating-point number, a negative one, one finer than the minor unit, and the like.
    pub fn money(&self, currency: Currency) -> Result<Money, DocumentError> {
        match &self.node.value {
            Value::Text(text) => Money::parse(text, currency).map_err(|error| self.error(error)),
            Value::Integer(number) if *number < 0 => {
                Err(self.expected("an amount that isn't negative"))
            }
            Value::Integer(number) => {
                Money::parse(&number.to_string(), currency).map_err(|error| self.error(error))
            }
            Value::Float(text) if Money::parse(text, currency).is_ok() => {
                Err(self.expected(format!("an amount in quotes (\"{text}\") or a whole number")))
            }
            Value::Float(_) => Err(self.expected("an amount in quotes, such as \"100.00\"")),
            Value::Null | Value::Bool(_) | Value::List(_) | Value::Map(_) => {
                Err(self.expected("an amount such as \"100.00\""))
            }
        }
    }

    /// Amounts by currency: `{USD: "500.00", JPY: 50000}`.
    ///
    /// # Errors
    /// For an unknown currency, and those of [`Field::money`].
    pub fn amounts(&self) -> Result<BTreeMap<Currency, Money>, DocumentError> {
        if !matches!(self.node.value, Value::Map(_)) {
            return Err(self.expected("amounts by currency, such as {USD: \"500.00\"}"));
        }
        let amounts = self.entries(str::parse, |&currency: &Currency, field| field.money(currency));
        Ok(amounts?.into_iter().collect())
    }

    /// A list, each item read by `read`.
    ///
    /// # Errors
    /// For what isn't a list, and those of `read`.
    pub fn list<T>(
        &self,
        mut read: impl FnMut(&Self) -> Result<T, DocumentError>,
    ) -> Result<Vec<T>, DocumentError> {
        let Value::List(items) = &self.node.value else {
            return Err(self.expected("a list"));
        };
        let field = |(index, node)| Self::at(node, format!("{}[{index}]", self.path));
        items.iter().enumerate().map(|item| read(&field(item))).collect()
    }

    /// A mapping whose keys are values themselves: clients by id, amounts by currency.
    ///
    /// # Errors
    /// For what isn't a mapping, and those of `read_key` and `read`.
    pub fn entries<K, E: Display, T>(
        &self,
        read_key: impl Fn(&str) -> Result<K, E>,
        mut read: impl FnMut(&K, &Self) -> Result<T, DocumentError>,
    ) -> Result<Vec<(K, T)>, DocumentError> {
        let entry = |(key, node): &'n (Key, Node)| {
            let path = join(&self.path, &key.text);
            let name = read_key(&key.text).map_err(|error| at_key(key, &path, error))?;
            let value = read(&name, &Self::at(node, path))?;
            Ok((name, value))
        };
        mapping(self)?.iter().map(entry).collect()
    }

    /// A mapping with fields of its own, of which no other may be there than those `read` asks for.
    ///
    /// # Errors
    /// For what isn't a mapping, for an unknown field, and those of `read`.
    pub fn fields<T>(
        &self,
        read: impl FnOnce(&mut Fields<'n>) -> Result<T, DocumentError>,
    ) -> Result<T, DocumentError> {
        let mut fields = Fields::new(self.node, self.path.clone())?;
        let value = read(&mut fields)?;
        fields.finish()?;
        Ok(value)
    }
}

/// The fields of one mapping, and which were asked for.
#[derive(Debug)]
#[must_use = "`finish` refuses the fields that nobody asked for"]
pub struct Fields<'n> {
    mapping: Field<'n>,
    entries: &'n [(Key, Node)],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// Those of that mapping, known by that path.
    ///
    /// # Errors
    /// For what isn't a mapping.
    pub fn new(node: &'n Node, path: impl Into<String>) -> Result<Self, DocumentError> {
        let field = Field::at(node, path);
        Ok(Self { entries: mapping(&field)?, mapping: field, known: Vec::new() })
    }

    /// The mapping as a whole, for errors about it.
    pub fn whole(&self) -> &Field<'n> {
        &self.mapping
    }

    /// Its keys as written, known or not.
    pub fn keys(&self) -> impl Iterator<Item = &'n Key> {
        self.entries.iter().map(|(key, _)| key)
    }

    /// The field of that name, if it is there; known from now on.
    pub fn field(&mut self, name: &'static str) -> Option<Field<'n>> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        let (_, node) = self.entries.iter().find(|(key, _)| key.text == name)?;
        Some(Field::at(node, join(&self.mapping.path, name)))
    }

    /// A field that must be there.
    ///
    /// # Errors
    /// When it isn't, and those of `read`.
    pub fn required<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Field<'n>) -> Result<T, DocumentError>,
    ) -> Result<T, DocumentError> {
        match self.field(name) {
            Some(field) => read(&field),
            None => Err(self.missing(name)),
        }
    }

    /// A field that may be left out.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&Field<'n>) -> Result<T, DocumentError>,
    ) -> Result<Option<T>, DocumentError> {
        self.field(name).map(|field| read(&field)).transpose()
    }

    /// A field that is `default` when it is left out.
    ///
    /// # Errors
    /// Those of `read`.
    pub fn or<T>(
        &mut self,
        name: &'static str,
        default: T,
        read: impl FnOnce(&Field<'n>) -> Result<T, DocumentError>,
    ) -> Result<T, DocumentError> {
        Ok(self.optional(name, read)?.unwrap_or(default))
    }

    /// The one of those fields that is there, if any.
    ///
    /// # Errors
    /// When two of them are there.
    pub fn at_most_one(
        &mut self,
        names: &[&'static str],
    ) -> Result<Option<(&'static str, Field<'n>)>, DocumentError> {
        let mut found: Option<(&'static str, Field<'n>)> = None;
        for &name in names {
            let Some(field) = self.field(name) else { continue };
            if let Some((first, _)) = found {
                let message =
                    format!("{first} is there too, expected only one of {}", either(names));
                return Err(field.error(message));
            }
            found = Some((name, field));
        }
        Ok(found)
    }

    /// The one of those fields that is there: `at` or `after_lock`, the act of a timeline entry.
    ///
    /// # Errors
    /// When none or two of them are there.
    pub fn exactly_one(
        &mut self,
        names: &[&'static str],
    ) -> Result<(&'static str, Field<'n>), DocumentError> {
        match self.at_most_one(names)? {
            Some(found) => Ok(found),
            None => Err(self.mistyped(names).unwrap_or_else(|| {
                self.mapping.error(format!("expected one of {}, got none of them", either(names)))
            })),
        }
    }

    /// Refuses what was never asked for.
    ///
    /// # Errors
    /// For the first unknown field; it names the nearest known one.
    pub fn finish(self) -> Result<(), DocumentError> {
        let unknown = self.entries.iter().find(|(key, _)| !self.knows(key));
        match unknown {
            Some((key, _)) => Err(self.unknown(key, nearest(&key.text, &self.known))),
            None => Ok(()),
        }
    }

    fn knows(&self, key: &Key) -> bool {
        self.known.contains(&key.text.as_str())
    }

    fn missing(&self, name: &'static str) -> DocumentError {
        let missing = || Field::at(self.mapping.node, join(&self.mapping.path, name));
        self.mistyped(&[name]).unwrap_or_else(|| missing().error("is missing, and has no default"))
    }

    /// Who writes `clinet` shouldn't read that `client` is missing.
    fn mistyped(&self, names: &[&'static str]) -> Option<DocumentError> {
        self.entries.iter().filter(|(key, _)| !self.knows(key)).find_map(|(key, _)| {
            let meant = nearest(&key.text, names)?;
            let mistakes = strsim::damerau_levenshtein(&key.text, meant);
            let is_near = mistakes <= (meant.chars().count() / LETTERS_PER_MISTAKE).max(1);
            is_near.then(|| self.unknown(key, Some(meant)))
        })
    }

    fn unknown(&self, key: &Key, nearest: Option<&str>) -> DocumentError {
        let path = join(&self.mapping.path, &key.text);
        match nearest {
            Some(name) => {
                at_key(key, &path, format!("unknown field, the nearest known one is {name}"))
            }
            None => at_key(key, &path, "unknown field, none is known here"),
        }
    }
}

/// The name most like that one: with the longest common beginning, among those with the fewest changes.
pub fn nearest<'a>(name: &str, names: &[&'a str]) -> Option<&'a str> {
    let beginning =
        |known: &str| name.chars().zip(known.chars()).take_while(|(a, b)| a == b).count();
    let changes = |known: &str| strsim::damerau_levenshtein(name, known);
    names.iter().copied().min_by_key(|known| (Reverse(beginning(known)), changes(known)))
}

/// `a, b or c`.
fn either(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [name] => (*name).to_owned(),
        [names @ .., last] => format!("{} or {last}", names.join(", ")),
    }
}

fn mapping<'n>(field: &Field<'n>) -> Result<&'n [(Key, Node)], DocumentError> {
    let Value::Map(entries) = &field.node.value else {
        return Err(field.expected("a mapping"));
    };
    Ok(entries)
}

fn join(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

fn at_key(key: &Key, path: &str, message: impl Display) -> DocumentError {
    let Key { line, column, .. } = *key;
    DocumentError { line, column, path: path.to_owned(), message: message.to_string() }
}
