use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use domain::money::Currency;

use super::super::read::read;
use super::*;

/// Gives so many bytes at a time.
struct Drops<'a>(&'a [u8], usize);

impl Read for Drops<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.1.min(buffer.len()).min(self.0.len());
        let (now, later) = self.0.split_at(length);
        buffer[..length].copy_from_slice(now);
        self.0 = later;
        Ok(length)
    }
}

fn assumed() -> Assumed {
    let class: domain::id::ClassId = "default".parse().unwrap();
    let classes = BTreeSet::from([class.clone(), "vip".parse().unwrap()]);
    Assumed { today: "2026-10-01".parse().unwrap(), currency: Currency::USD, class, classes }
}

type Told = (Vec<Row>, Vec<Fault>);

fn one_by_one(bytes: &[u8], at_once: usize) -> Result<Told, RowsError> {
    let mut told = Told::default();
    for row in Rows::new(Drops(bytes, at_once), &Mapping::default(), &[], assumed())? {
        match row? {
            Ok(row) => told.0.push(row),
            Err(faults) => told.1.extend(faults),
        }
    }
    Ok(told)
}

/// Whatever comes at once, rows, lines and faults are those of the whole file.
#[test]
fn rows_one_by_one_are_the_rows_of_the_file() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/data");
    let mut files: Vec<Vec<u8>> = ["bad-ledger.csv", "bad-encoding.csv", "sample-ledger.csv"]
        .map(|name| fs::read(data.join(name)).unwrap())
        .into();
    let crlf = String::from_utf8_lossy(&files[2]).replace('\n', "\r\n\r\n");
    files.push([&MARK[..], crlf.as_bytes()].concat());
    files.push(String::from_utf8_lossy(&files[2]).replace('\n', "\r").into_bytes());
    for file in &files {
        let whole = read(file, &Mapping::default(), &assumed()).unwrap();
        // A number that comes twice is for the whole file to know.
        let is_single = |fault: &&Fault| !fault.reason.contains("already, with other values");
        let faults: Vec<_> = whole.faults.iter().filter(is_single).cloned().collect();
        let twice = whole.faults.len() - faults.len() + whole.repeated;
        for at_once in [1, 7, 4_096, usize::MAX] {
            let (rows, found) = one_by_one(file, at_once).unwrap();
            assert_eq!(rows.len(), whole.rows.len() + twice, "{at_once} bytes at once");
            assert!(whole.rows.iter().all(|row| rows.contains(row)));
            assert_eq!(found, faults);
        }
    }
}

#[test]
fn a_quote_that_is_never_closed_is_told_and_not_read_to_the_end() {
    let mut file = b"client,invoice,issued,amount\nacme,A-1,2026-01-01,\"1\n".to_vec();
    file.resize(3 * MAX_ROW_BYTES, b'x');
    let error = one_by_one(&file, usize::MAX).unwrap_err();
    assert_eq!(error.to_string(), "line 2 or after: can't be read");
    let source = std::error::Error::source(&error).unwrap().to_string();
    assert!(source.contains("a row is longer than 1048576 bytes"), "{source}");
}

#[test]
fn files_without_rows_are_refused_as_an_import_refuses_them() {
    for (file, expected) in [
        (&b""[..], "the file is empty, expected a header row"),
        (b"\xff\xfec\0", "the file is UTF-16, expected UTF-8"),
        (b"client,invoice,issued\n", "line 1: no column for amount; if amount is in"),
    ] {
        let error = one_by_one(file, 2).unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
}

#[test]
fn a_column_that_is_ignored_is_no_fault_and_not_unread() {
    let file = b"client,invoice,issued,amount,class,Memo\nacme,A-1,2026-01-01,1,gold,x\n";
    let rows = Rows::new(&file[..], &Mapping::default(), &[Field::Class], assumed()).unwrap();
    let unread: Vec<_> = rows.unread().iter().map(|unread| unread.column.clone()).collect();
    assert_eq!(unread, ["Memo"]);
    assert!(!rows.has(Field::Class) && rows.ignores(Field::Class) && rows.has(Field::Amount));
    let rows: Vec<_> = rows.map(|row| row.unwrap().unwrap()).collect();
    assert_eq!(rows[0].class, None);
}
