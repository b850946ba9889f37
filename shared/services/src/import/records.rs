//! The records of a file with their lines, from memory or as they come from a disk.
//!
//! The CSV reader counts neither the lines of a record nor says whether its quotes were closed, and what it has read is
//! gone. So what it reads is kept here until the record to which it belongs was looked at.

use std::io::{self, Read};

use csv::ByteRecord;

/// What is kept is moved together once so much of it is done with: not for each record, and not a file's length.
const MOVED_AT: usize = 64 * 1024;

/// Where a record stands, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    /// Its first line, from 1.
    pub(super) line: usize,
    /// Over how many lines it runs.
    pub(super) lines: usize,
    /// Whether each quote in it opens a cell, closes one or is doubled. The reader makes the best of
    /// others, and where one is missing takes all up to the next quote for one cell, rows and all.
    pub(super) is_well_quoted: bool,
}

/// The records of a file with their lines: the reader's own count begins at the empty lines before.
pub(super) struct Records<R> {
    reader: csv::Reader<Kept<R>>,
    /// Line ends before what is kept.
    ends: usize,
    /// Whether the last byte before it was a carriage return, of which a line feed is a part.
    after_return: bool,
}

/// Reads on, and keeps what was read.
struct Kept<R> {
    inner: R,
    bytes: Vec<u8>,
    /// The place in the file of the first byte that is kept and not done with, and where it is among them.
    begin: (u64, usize),
    /// The most that one record may take.
    most: usize,
}

impl<R: Read> Read for Kept<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.most < self.bytes.len() - self.begin.1 {
            let text = format!("a row is longer than {} bytes", self.most);
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let read = self.inner.read(buffer)?;
        self.bytes.extend_from_slice(&buffer[..read]);
        Ok(read)
    }
}

impl<R> Kept<R> {
    /// What is kept up to that place in the file.
    fn until(&self, place: u64) -> &[u8] {
        let length = usize::try_from(place - self.begin.0).unwrap_or(usize::MAX);
        let rest = &self.bytes[self.begin.1..];
        &rest[..length.min(rest.len())]
    }

    /// What is before that place is done with.
    fn forget(&mut self, place: u64) {
        self.begin.1 += self.until(place).len();
        self.begin.0 = place;
        if MOVED_AT < self.begin.1 {
            self.bytes.drain(..self.begin.1);
            self.begin.1 = 0;
        }
    }
}

impl<R: Read> Records<R> {
    /// Of what follows a mark of UTF-8.
    pub(super) fn new(inner: R, most: usize) -> Self {
        let kept = Kept { inner, bytes: Vec::new(), begin: (0, 0), most };
        let mut builder = csv::ReaderBuilder::new();
        let reader = builder.has_headers(false).flexible(true).from_reader(kept);
        Self { reader, ends: 0, after_return: false }
    }

    /// The line on which the next record begins at the earliest, from 1.
    pub(super) fn line(&self) -> usize {
        self.ends + 1
    }

    fn next_record(&mut self) -> io::Result<Option<(Place, ByteRecord)>> {
        let mut record = ByteRecord::new();
        if !self.reader.read_byte_record(&mut record)? {
            return Ok(None);
        }
        let to = self.reader.position().byte();
        let bytes = self.reader.get_ref().until(to);
        let is_end = |byte: &&u8| matches!(byte, b'\n' | b'\r');
        let begin = bytes.iter().take_while(is_end).count();
        let after = bytes[begin..].iter().rev().take_while(is_end).count();
        let (before, rest) = bytes.split_at(begin);
        let (within, after) = rest.split_at(rest.len() - after);
        let is_well_quoted = is_well_quoted(within);
        let (mut ends, mut after_return) = (self.ends, self.after_return);
        let mut count = |bytes: &[u8]| {
            for byte in bytes {
                // A carriage return alone ends a line too, as on old machines.
                ends += usize::from(*byte == b'\r' || (*byte == b'\n' && !after_return));
                after_return = *byte == b'\r';
            }
            ends
        };
        let line = 1 + count(before);
        let lines = 2 + count(within) - line;
        count(after);
        (self.ends, self.after_return) = (ends, after_return);
        self.reader.get_mut().forget(to);
        Ok(Some((Place { line, lines, is_well_quoted }, record)))
    }
}

impl<R: Read> Iterator for Records<R> {
    type Item = io::Result<(Place, ByteRecord)>;

    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().transpose()
    }
}

/// Whether quotes stand where they may, and each that opens a cell has one that closes it.
fn is_well_quoted(record: &[u8]) -> bool {
    let mut is_open = false;
    let mut is_start = true;
    let mut bytes = record.iter().peekable();
    while let Some(&byte) = bytes.next() {
        if !is_open {
            // A quote inside of a cell that didn't begin with one is only a character.
            is_open = is_start && byte == b'"';
            is_start = byte == b',';
        } else if byte == b'"' {
            match bytes.peek() {
                Some(b'"') => {
                    bytes.next();
                }
                Some(b',') | None => is_open = false,
                Some(_) => return false,
            }
        }
    }
    !is_open
}
