//! Reads a ledger: bytes and a mapping give rows, and errors for the rows that can't be read.
//!
//! A function of its arguments: nothing is looked up and nothing is written here. The file is held to
//! limits before it is read, and every fault of every row is reported with line, column, value and
//! reason, so that a file is mended once and not fault by fault (contracts §5).

use std::collections::{BTreeMap, BTreeSet};

use csv::ByteRecord;
use domain::account::MAX_CONTACTS;
use domain::calendar::Day;
use domain::id::{ClassId, ClientId, InvoiceId, ServiceLine};
use domain::invoice::{Deposit, InvoiceKind};
use domain::money::{Currency, Money};
use domain::text::Personal;
use serde::Serialize;

use super::mapping::{Columns, Field, Mapping, Unread};
use super::records::{Place, Records};
use super::row;

/// The largest file, in bytes: some 250,000 rows of the usual 130 bytes. It is held in memory, and a
/// machine of a quarter gigabyte is to read it.
pub const MAX_BYTES: usize = 32 * 1024 * 1024;

/// The most rows: a practice of 2,000 clients over eight years with a bill a month.
pub const MAX_ROWS: usize = 200_000;

/// What a row leaves open is filled in from here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assumed {
    /// Which day it is at the firm: nothing can have been paid after it.
    pub today: Day,
    /// The firm's currency.
    pub currency: Currency,
    /// The class of a client without one.
    pub class: ClassId,
    /// The classes that have a policy.
    pub classes: BTreeSet<ClassId>,
}

/// A file as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ledger {
    /// The rows that could be read, in the file's order.
    pub rows: Vec<Row>,
    /// What is wrong with the others, in the file's order; a row may have several faults.
    pub faults: Vec<Fault>,
    /// Rows that say again what an earlier one said, word for word.
    pub repeated: usize,
    /// The columns that are not read.
    pub unread: Vec<Unread>,
}

impl Ledger {
    /// How many rows could not be read.
    pub fn bad_rows(&self) -> usize {
        self.faults.iter().map(|fault| fault.line).collect::<BTreeSet<_>>().len()
    }

    /// The rows of each client, in the file's order; clients in the order of their ids.
    pub fn clients(self) -> BTreeMap<ClientId, Vec<Row>> {
        let mut clients: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for row in self.rows {
            clients.entry(row.client.clone()).or_default().push(row);
        }
        clients
    }
}

/// One invoice, as the file tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Where its row begins, from 1.
    pub line: usize,
    /// Whose.
    pub client: ClientId,
    /// As it stands on letters.
    pub client_name: Option<Personal>,
    /// Where letters go.
    pub contact_email: Option<Personal>,
    /// Whose policy applies.
    pub class: Option<ClassId>,
    /// The number.
    pub invoice: InvoiceId,
    /// Which terms and steps apply; regular, if not said.
    pub kind: Option<InvoiceKind>,
    /// For which service.
    pub service_line: Option<ServiceLine>,
    /// The invoice date.
    pub issued_on: Day,
    /// The due date; from the terms, if not said.
    pub due_on: Option<Day>,
    /// What it comes to.
    pub amount: Money,
    /// What came in so far; `None` where the file has no column for it.
    pub paid: Option<Paid>,
    /// Whether it is disputed, where the row says so.
    pub disputed: Option<bool>,
    /// Which of the firm's bank accounts its money goes to, where the row says so.
    pub deposit: Option<Deposit>,
}

/// What came in on an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paid {
    /// All of it together.
    pub amount: Money,
    /// When the last of it came, if that is said.
    pub on: Option<Day>,
}

/// What is wrong with a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("line {line}, column {column}: {value:?} {reason}")]
pub struct Fault {
    /// Where the row begins, from 1.
    pub line: usize,
    /// The header of the column, or the column's number where it has none.
    pub column: String,
    /// What stands there, as far as it is shown.
    pub value: String,
    /// What is wrong with it, and what was expected.
    pub reason: String,
}

/// Why a file could not be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FileError {
    /// See [`MAX_BYTES`].
    #[error("the file has {0} bytes, the most is {MAX_BYTES}; import it in parts")]
    TooLarge(usize),
    /// See [`MAX_ROWS`].
    #[error("the file has more than {MAX_ROWS} rows; import it in parts")]
    TooManyRows,
    /// Nothing is in it.
    #[error("the file is empty, expected a header row")]
    Empty,
    /// Windows calls it Unicode.
    #[error("the file is UTF-16, expected UTF-8")]
    Utf16,
    /// A column's name can't be read.
    #[error("line 1: the header of column {0} is not UTF-8")]
    Header(usize),
    /// Two columns have the name of one field.
    #[error("line 1: two columns are named {0:?}, expected one")]
    TwoColumns(String),
    /// A field was mapped to a column that isn't there.
    #[error(
        "line 1: there is no column {column:?} for the field {field}, the nearest is {nearest:?}"
    )]
    NoColumn {
        /// Which field.
        field: Field,
        /// Where it should be.
        column: String,
        /// What may be meant.
        nearest: String,
    },
    /// A field that every file has is in none of the columns.
    #[error("line 1: {}", required(missing, nearest, *separator))]
    Required {
        /// Which.
        missing: Vec<Field>,
        /// The column that the first of them may be in.
        nearest: String,
        /// What seems to stand between the fields in place of commas.
        separator: Option<&'static str>,
    },
}

fn required(missing: &[Field], nearest: &str, separator: Option<&str>) -> String {
    let names: Vec<_> = missing.iter().map(|field| field.as_str()).collect();
    let names = names.join(", ");
    match (separator, missing.first()) {
        (Some(separator), _) => {
            format!(
                "no column for {names}; {separator} seem to separate the fields, expected commas"
            )
        }
        (None, Some(first)) => {
            let flag = format!("--map {first}=\"{nearest}\"");
            format!("no column for {names}; if {first} is in {nearest:?}, say {flag}")
        }
        (None, None) => format!("no column for {names}"),
    }
}

/// Reads a file.
///
/// # Errors
/// [`FileError`] where there are no rows to speak of; what is wrong with single rows is in
/// [`Ledger::faults`].
pub fn read(bytes: &[u8], mapping: &Mapping, assumed: &Assumed) -> Result<Ledger, FileError> {
    if MAX_BYTES < bytes.len() {
        return Err(FileError::TooLarge(bytes.len()));
    }
    if bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff") {
        return Err(FileError::Utf16);
    }
    let mut records = records(bytes);
    let (_, header) = records.next().ok_or(FileError::Empty)?;
    let columns = Columns::find(header_names(&header)?, mapping)?;
    let mut reading = Reading::new(&columns, assumed);
    for (index, (place, record)) in records.enumerate() {
        if MAX_ROWS <= index {
            return Err(FileError::TooManyRows);
        }
        reading.take(place, &record);
    }
    let Reading { rows, faults, repeated, .. } = reading;
    Ok(Ledger { rows, faults, repeated, unread: columns.unread() })
}

/// The names of a file's columns, as they stand there.
///
/// # Errors
/// [`FileError`] where there are none that can be read.
pub fn header(bytes: &[u8]) -> Result<Vec<String>, FileError> {
    let (_, header) = records(bytes).next().ok_or(FileError::Empty)?;
    header_names(&header)
}

/// Without the mark that Windows puts before UTF-8.
fn unmarked(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes)
}

/// Reading from memory, of rows of any length, has no errors.
fn records(bytes: &[u8]) -> impl Iterator<Item = (Place, ByteRecord)> {
    Records::new(unmarked(bytes), usize::MAX).map_while(Result::ok)
}

pub(super) fn header_names(header: &ByteRecord) -> Result<Vec<String>, FileError> {
    let name = |(index, name): (usize, &[u8])| match std::str::from_utf8(name) {
        Ok(name) => Ok(name.trim().to_owned()),
        Err(_) => Err(FileError::Header(index + 1)),
    };
    header.iter().enumerate().map(name).collect()
}

/// Rows as they come, and what they say about each other.
struct Reading<'a> {
    columns: &'a Columns,
    assumed: &'a Assumed,
    rows: Vec<Row>,
    faults: Vec<Fault>,
    repeated: usize,
    /// Where each number was seen first.
    numbers: BTreeMap<InvoiceId, usize>,
    clashes: Clashes,
}

/// What rows say about their clients, and an earlier one didn't.
#[derive(Debug, Default)]
pub(super) struct Clashes(BTreeMap<ClientId, Seen>);

/// What the rows of one client said so far.
#[derive(Debug, Default)]
struct Seen {
    class: Option<(ClassId, usize)>,
    addresses: BTreeSet<String>,
}

impl<'a> Reading<'a> {
    fn new(columns: &'a Columns, assumed: &'a Assumed) -> Self {
        Self {
            columns,
            assumed,
            rows: Vec::new(),
            faults: Vec::new(),
            repeated: 0,
            numbers: BTreeMap::new(),
            clashes: Clashes::default(),
        }
    }

    fn take(&mut self, place: Place, record: &ByteRecord) {
        let row = match row::read(place, record, self.columns, self.assumed) {
            Ok(row) => row,
            Err(faults) => return self.faults.extend(faults),
        };
        if let Some(&first) = self.numbers.get(&row.invoice) {
            return self.take_again(row, first);
        }
        let faults = self.clashes.of(&row, self.columns);
        if !faults.is_empty() {
            return self.faults.extend(faults);
        }
        self.numbers.insert(row.invoice.clone(), self.rows.len());
        self.rows.push(row);
    }

    /// A number names one invoice (INV-7): a second row of it says the same, or is wrong.
    fn take_again(&mut self, row: Row, first: usize) {
        let known = &self.rows[first];
        if (Row { line: known.line, ..row.clone() }) == *known {
            self.repeated += 1;
            return;
        }
        let reason = format!("is in line {} already, with other values", known.line);
        self.fault(row.line, Field::Invoice, row.invoice.as_str(), reason);
    }

    fn fault(&mut self, line: usize, field: Field, value: &str, reason: String) {
        let column = self.columns.name(field).to_owned();
        self.faults.push(Fault { line, column, value: row::shown(value), reason });
    }
}

impl Clashes {
    /// What the row says about its client and an earlier one didn't.
    pub(super) fn of(&mut self, row: &Row, columns: &Columns) -> Vec<Fault> {
        let seen = self.0.entry(row.client.clone()).or_default();
        let mut faults = Vec::new();
        let mut fault = |field: Field, value: &str, reason: String| {
            let column = columns.name(field).to_owned();
            faults.push(Fault { line: row.line, column, value: row::shown(value), reason });
        };
        match (&row.class, &seen.class) {
            (Some(class), Some((other, line))) if class != other => {
                let reason = format!("is another class than in line {line}, where it is {other:?}");
                fault(Field::Class, class.as_str(), reason);
            }
            (Some(class), None) => seen.class = Some((class.clone(), row.line)),
            (Some(_) | None, _) => {}
        }
        if let Some(address) = &row.contact_email {
            let plain = address.as_str().to_ascii_lowercase();
            if MAX_CONTACTS <= seen.addresses.len() && !seen.addresses.contains(&plain) {
                let reason =
                    format!("is one address too many, a client has at most {MAX_CONTACTS}");
                fault(Field::ContactEmail, address.as_str(), reason);
            } else {
                seen.addresses.insert(plain);
            }
        }
        faults
    }
}

#[cfg(test)]
mod tests;
