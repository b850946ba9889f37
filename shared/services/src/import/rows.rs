//! The rows of a ledger one by one, for whoever doesn't keep them: a book of many years in the memory of one.
//!
//! Each row is read as an import reads it ([`super::read`]), and what it says about its client is compared with the
//! rows before. Whether a number was there before takes all of the file, and is left to the caller.

use std::io::{self, Read};

use super::mapping::{Columns, Field, Mapping, Unread};
use super::read::{Assumed, Clashes, Fault, FileError, Row, header_names};
use super::records::Records;
use super::row;

/// The longest row, in bytes: far more than fourteen cells take, and little enough to look at. What is longer has a
/// quote that is never closed.
const MAX_ROW_BYTES: usize = 1024 * 1024;

/// Before UTF-8, as Windows writes it.
const MARK: [u8; 3] = *b"\xef\xbb\xbf";

/// Why rows can't be read on.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// There are no rows to speak of.
    #[error(transparent)]
    File(#[from] FileError),
    /// The file can't be read on from that line.
    #[error("line {line} or after: can't be read")]
    Broken {
        /// Where.
        line: usize,
        /// Why.
        source: io::Error,
    },
}

/// The rows of a ledger, as they come.
pub struct Rows<R> {
    records: Records<io::Chain<io::Cursor<Vec<u8>>, R>>, // what was read to look for a mark comes first
    columns: Columns,
    unread: Vec<Unread>,
    /// Fields that have a column, and are not read all the same.
    ignored: Vec<Field>,
    assumed: Assumed,
    clashes: Clashes,
}

impl<R: Read> Rows<R> {
    /// Reads the header. Columns of fields that are `ignored` are not read, whatever they hold.
    ///
    /// # Errors
    /// When there is none that can be read, or it lacks a field.
    pub fn new(
        mut reader: R,
        mapping: &Mapping,
        ignored: &[Field],
        assumed: Assumed,
    ) -> Result<Self, RowsError> {
        let broken = |line| move |source| RowsError::Broken { line, source };
        let mut first = Vec::new();
        reader.by_ref().take(MARK.len() as u64).read_to_end(&mut first).map_err(broken(1))?;
        if first.starts_with(b"\xff\xfe") || first.starts_with(b"\xfe\xff") {
            return Err(FileError::Utf16.into());
        }
        if first == MARK {
            first.clear();
        }
        let mut records = Records::new(io::Cursor::new(first).chain(reader), MAX_ROW_BYTES);
        let header = records.next().ok_or(FileError::Empty)?;
        let (_, header) = header.map_err(broken(1))?;
        let mut columns = Columns::find(header_names(&header)?, mapping)?;
        let unread = columns.unread();
        let ignored: Vec<_> = ignored.iter().copied().filter(|field| columns.has(*field)).collect();
        columns.ignore(&ignored);
        Ok(Self { records, columns, unread, ignored, assumed, clashes: Clashes::default() })
    }

    /// The columns that are no field's.
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }

    /// Whether the file says anything about that field.
    pub fn has(&self, field: Field) -> bool {
        self.columns.has(field)
    }

    /// Whether it does, and nobody reads it.
    pub fn ignores(&self, field: Field) -> bool {
        self.ignored.contains(&field)
    }

    /// What else is wrong with a row, in the words of the others.
    pub fn fault(&self, line: usize, field: Field, value: &str, reason: String) -> Fault {
        let column = self.columns.name(field).to_owned();
        Fault { line, column, value: row::shown(value), reason }
    }
}

impl<R: Read> Iterator for Rows<R> {
    type Item = Result<Result<Row, Vec<Fault>>, RowsError>;

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.records.line();
        let (place, record) = match self.records.next()? {
            Ok(record) => record,
            Err(source) => return Some(Err(RowsError::Broken { line, source })),
        };
        let read = row::read(place, &record, &self.columns, &self.assumed).and_then(|row| {
            let faults = self.clashes.of(&row, &self.columns);
            if faults.is_empty() { Ok(row) } else { Err(faults) }
        });
        Some(Ok(read))
    }
}

#[cfg(test)]
mod tests;
