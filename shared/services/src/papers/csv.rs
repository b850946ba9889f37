//! Tables as CSV, for whoever opens them in a spreadsheet.
//!
//! A cell that begins as a formula would be one there, whoever wrote it: a client's name could send a file's
//! content elsewhere. So what isn't a plain number and begins so gets an apostrophe before it, which spreadsheets
//! take for "this is text".

use axum::response::Response;
use csv::Writer;

use super::file;

/// With which of these a formula begins; tab and line ends are skipped before one.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

const CSV: &str = "text/csv; charset=utf-8";

/// A table, row by row; the first is its head.
#[derive(Debug, Default)]
pub struct Sheet {
    rows: Vec<Vec<String>>,
}

impl Sheet {
    /// With those columns.
    pub fn new(head: &[&str]) -> Self {
        Self { rows: vec![head.iter().map(|name| (*name).to_owned()).collect()] }
    }

    /// One more row.
    pub fn push<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        self.rows.push(cells.into_iter().map(|cell| guarded(cell.into())).collect());
    }

    /// Its bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let mut writer = Writer::from_writer(Vec::new());
        for row in &self.rows {
            // Into memory, and every row as long as the first: nothing can fail.
            let _ = writer.write_record(row);
        }
        writer.into_inner().unwrap_or_default()
    }

    /// To be kept under that name.
    pub fn file(&self, name: &str) -> Response {
        file(name, CSV, self.bytes())
    }
}

/// What a spreadsheet takes for text if it isn't a number.
fn guarded(cell: String) -> String {
    let is_number = |text: &str| {
        let digits = text.strip_prefix('-').unwrap_or(text);
        digits.starts_with(|first: char| first.is_ascii_digit())
            && digits.chars().all(|letter| letter.is_ascii_digit() || letter == '.')
    };
    let begins = cell.trim_start_matches([' ', '\n']);
    if begins.starts_with(FORMULA) && !is_number(begins) { format!("'{cell}") } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sec_6_no_cell_is_a_formula() {
        for (cell, expected) in [
            ("Acme", "Acme"),
            ("1200.00", "1200.00"),
            ("-1200.00", "-1200.00"),
            ("-", "'-"),
            ("-1+1", "'-1+1"),
            ("=1+1", "'=1+1"),
            ("+1 555 0100", "'+1 555 0100"),
            ("@SUM(A1)", "'@SUM(A1)"),
            (" =cmd", "' =cmd"),
            ("\t=cmd", "'\t=cmd"),
            ("\n=cmd", "'\n=cmd"),
            ("\r=cmd", "'\r=cmd"),
            ("=HYPERLINK(\"https://x.example\")", "'=HYPERLINK(\"https://x.example\")"),
        ] {
            assert_eq!(guarded(cell.to_owned()), expected, "for {cell:?}");
        }
        let mut sheet = Sheet::new(&["name", "amount"]);
        sheet.push(["=A, \"B\"", "-1.00"]);
        let text = String::from_utf8(sheet.bytes()).unwrap();
        assert_eq!(text, "name,amount\n\"'=A, \"\"B\"\"\",-1.00\n");
    }
}
