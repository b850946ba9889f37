//! Which column of somebody's file holds which field of the import (contracts §5).
//!
//! A column has the field's own name unless a mapping says otherwise: `issued=Doc Date`. What isn't
//! mapped and has no field's name is not read; that is said, since a column `Paid On` that nobody
//! mapped would make debts of what was paid long ago.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use domain::document::nearest;
use serde::Serialize;

use super::read::FileError;

/// From here on two names may mean the same: `PaidOn` is as like `paid_on` as 0.97, `Cur` as like
/// `currency` as 0.85; `Customer Name` is like nothing.
const SAME_MEANING: f64 = 0.85;

/// A field of the import, in the order of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// Whose invoice: the id.
    Client,
    /// As it stands on letters.
    ClientName,
    /// Where letters go.
    ContactEmail,
    /// Whose policy applies.
    Class,
    /// The number.
    Invoice,
    /// `regular` or `out_of_turn`.
    Kind,
    /// For which service.
    ServiceLine,
    /// The invoice date.
    Issued,
    /// The due date; from the terms, if not said.
    Due,
    /// The firm's, if not said.
    Currency,
    /// What it comes to.
    Amount,
    /// What came in so far.
    Paid,
    /// When the last of it did.
    PaidOn,
    /// Whether it is disputed.
    Disputed,
    /// `operating` or `trust`: which of the firm's bank accounts its money goes to.
    Deposit,
}

impl Field {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Client,
        Self::ClientName,
        Self::ContactEmail,
        Self::Class,
        Self::Invoice,
        Self::Kind,
        Self::ServiceLine,
        Self::Issued,
        Self::Due,
        Self::Currency,
        Self::Amount,
        Self::Paid,
        Self::PaidOn,
        Self::Disputed,
        Self::Deposit,
    ];

    /// Those that every file has.
    pub const REQUIRED: [Self; 4] = [Self::Client, Self::Invoice, Self::Issued, Self::Amount];

    /// Its name, which is also that of its column unless a mapping says otherwise.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::ClientName => "client_name",
            Self::ContactEmail => "contact_email",
            Self::Class => "class",
            Self::Invoice => "invoice",
            Self::Kind => "kind",
            Self::ServiceLine => "service_line",
            Self::Issued => "issued",
            Self::Due => "due",
            Self::Currency => "currency",
            Self::Amount => "amount",
            Self::Paid => "paid",
            Self::PaidOn => "paid_on",
            Self::Disputed => "disputed",
            Self::Deposit => "deposit",
        }
    }

    /// How like its name that of a column is; 1 where it is one of the column's words.
    fn likeness(self, column: &str) -> f64 {
        let column = column.to_lowercase().replace([' ', '-', '.'], "_");
        match column.split('_').any(|word| word == self.as_str()) {
            true => 1.0,
            false => strsim::jaro_winkler(&column, self.as_str()),
        }
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for Field {
    type Err = MappingError;

    fn from_str(name: &str) -> Result<Self, MappingError> {
        let known = Self::ALL.into_iter().find(|field| field.as_str() == name);
        known.ok_or_else(|| {
            let nearest = nearest(name, &Self::ALL.map(Self::as_str)).unwrap_or_default();
            MappingError::UnknownField { field: name.to_owned(), nearest }
        })
    }
}

/// One `field=column`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Which field.
    pub field: Field,
    /// Under which header.
    pub column: String,
}

impl FromStr for Pair {
    type Err = MappingError;

    fn from_str(text: &str) -> Result<Self, MappingError> {
        let no_pair = || MappingError::NoPair(text.to_owned());
        let (field, column) = text.split_once('=').ok_or_else(no_pair)?;
        let (field, column) = (field.trim().parse()?, column.trim());
        if column.is_empty() {
            return Err(no_pair());
        }
        Ok(Self { field, column: column.to_owned() })
    }
}

/// Which field is in which column, where that isn't the field's name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mapping(BTreeMap<Field, String>);

impl Mapping {
    /// Of those pairs.
    ///
    /// # Errors
    /// When a field is mapped to two columns.
    pub fn new(pairs: impl IntoIterator<Item = Pair>) -> Result<Self, MappingError> {
        let mut columns = BTreeMap::new();
        for Pair { field, column } in pairs {
            if let Some(other) = columns.insert(field, column.clone())
                && other != column
            {
                return Err(MappingError::Twice { field, columns: (other, column) });
            }
        }
        Ok(Self(columns))
    }

    /// The fields that are mapped, each with its column.
    pub fn pairs(&self) -> BTreeMap<String, String> {
        self.0.iter().map(|(field, column)| (field.to_string(), column.clone())).collect()
    }

    fn column(&self, field: Field) -> &str {
        self.0.get(&field).map_or(field.as_str(), String::as_str)
    }
}

/// Why a mapping means nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// It has no `=`, or nothing behind it.
    #[error("{0:?} maps nothing, expected field=column such as issued=\"Doc Date\"")]
    NoPair(String),
    /// There is no such field.
    #[error("there is no field {field:?}, the nearest is {nearest:?}")]
    UnknownField {
        /// As given.
        field: String,
        /// The one that may be meant.
        nearest: &'static str,
    },
    /// One field can't come from two places.
    #[error("the field {field} is mapped to {:?} and to {:?}", columns.0, columns.1)]
    Twice {
        /// Which.
        field: Field,
        /// Where to.
        columns: (String, String),
    },
}

/// A column that isn't read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Unread {
    /// Its header.
    pub column: String,
    /// The field that it may be, where that is in no column: somebody should look.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub looks_like: Option<Field>,
}

/// Where the fields are in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    /// The header, as it stands there.
    pub(super) names: Vec<String>,
    places: BTreeMap<Field, usize>,
}

impl Columns {
    /// Finds each field's column in the header.
    pub(super) fn find(names: Vec<String>, mapping: &Mapping) -> Result<Self, FileError> {
        let mut places = BTreeMap::new();
        for field in Field::ALL {
            let column = mapping.column(field);
            let mut found = names.iter().enumerate().filter(|(_, name)| *name == column);
            match (found.next(), found.next()) {
                (Some(_), Some(_)) => return Err(FileError::TwoColumns(column.to_owned())),
                (Some((place, _)), None) => {
                    places.insert(field, place);
                }
                (None, _) if mapping.0.contains_key(&field) => {
                    return Err(FileError::NoColumn {
                        field,
                        column: column.to_owned(),
                        nearest: nearest_in(column, &names),
                    });
                }
                (None, _) => {}
            }
        }
        let missing: Vec<_> =
            Field::REQUIRED.into_iter().filter(|field| !places.contains_key(field)).collect();
        match missing.first() {
            Some(first) => {
                let nearest = nearest_in(first.as_str(), &names);
                Err(FileError::Required { missing, nearest, separator: separator(&names) })
            }
            None => Ok(Self { names, places }),
        }
    }

    /// Those fields are not read, though they have columns.
    pub(super) fn ignore(&mut self, fields: &[Field]) {
        self.places.retain(|field, _| !fields.contains(field));
    }

    /// The place of that field in a row.
    pub(super) fn place(&self, field: Field) -> Option<usize> {
        self.places.get(&field).copied()
    }

    /// Whether the file says anything about that field.
    pub(super) fn has(&self, field: Field) -> bool {
        self.places.contains_key(&field)
    }

    /// The header of that field's column.
    pub(super) fn name(&self, field: Field) -> &str {
        let name = self.place(field).and_then(|place| self.names.get(place));
        name.map_or(field.as_str(), String::as_str)
    }

    /// The columns that are no field's.
    pub(super) fn unread(&self) -> Vec<Unread> {
        let is_read = |place: &usize| self.places.values().any(|used| used == place);
        let unread = self.names.iter().enumerate().filter(|(place, _)| !is_read(place));
        unread
            .map(|(_, column)| Unread { column: column.clone(), looks_like: self.may_be(column) })
            .collect()
    }

    /// The field that a column may be, of those that are in no other.
    fn may_be(&self, column: &str) -> Option<Field> {
        let absent = Field::ALL.into_iter().filter(|field| !self.has(*field));
        let likenesses = absent.map(|field| (field.likeness(column), field));
        let (likeness, field) = likenesses.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
        (SAME_MEANING <= likeness).then_some(field)
    }
}

fn nearest_in(column: &str, names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    nearest(column, &names).unwrap_or_default().to_owned()
}

/// What stands between the fields of a file that is in one column to a reader of commas.
fn separator(names: &[String]) -> Option<&'static str> {
    let [only] = names else { return None };
    [(';', "semicolons"), ('\t', "tabs"), ('|', "bars")]
        .into_iter()
        .find_map(|(character, name)| only.contains(character).then_some(name))
}
