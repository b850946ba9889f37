//! Paper: letters and statements as PDF.
//!
//! A document is a title, a letterhead and blocks: headings, paragraphs, lists of facts and tables. [`render`] lays
//! them out on pages of A4 or US letter, repeats a table's head on each page and numbers the pages. The bytes are
//! a function of the document alone: no clock, no chance, so that a letter that is made anew is the letter that was
//! sent. It can be read by machines as by people: the text is text, headings and tables are tagged, title and
//! language are named (PDF/UA-1, which the writer checks).
//!
//! Nothing here knows money or days: what stands in a cell is text that somebody else made. The font holds the
//! letters of Europe's languages; another letter is drawn as a box, and is still there when the text is copied.

mod draw;
mod font;
mod layout;

use draw::draw;
use font::Fonts;
use layout::lay_out;

/// A document before it is laid out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paper {
    /// What it is called, by readers and by whoever listens to it; the first heading.
    pub title: String,
    /// Its language, as a tag of RFC 5646.
    pub language: &'static str,
    /// How large its pages are.
    pub size: PageSize,
    /// Who writes.
    pub letterhead: Letterhead,
    /// What stands below each page beside its number: what it is about, for a page that got lost.
    pub footer: String,
    /// What stands between a page's number and that of the last: "of" in English.
    pub of: &'static str,
    /// What it says.
    pub blocks: Vec<Block>,
}

/// How large a page is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageSize {
    /// 8.5 by 11 inches.
    Letter,
    /// 210 by 297 millimetres.
    A4,
}

/// Who writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Letterhead {
    /// The name.
    pub name: String,
    /// Lines below it: the address, how to answer.
    pub lines: Vec<String>,
    /// A picture, PNG or JPEG.
    pub logo: Option<Vec<u8>>,
    /// Red, green and blue of the headings and rules; black where there is none.
    pub colour: Option<(u8, u8, u8)>,
}

/// A part of a document, from one side to the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Block {
    /// A heading below the title.
    Heading(String),
    /// Text; a line's end in it begins a new line.
    Paragraph(String),
    /// The same, in bold.
    Strong(String),
    /// The same, small: what has to stand there.
    Small(String),
    /// Names and what they come to, each in a line.
    Facts(Vec<(String, String)>),
    /// A table.
    Table(Table),
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// What it is, for whoever can't see it.
    pub summary: String,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Its rows, each with a cell for each column.
    pub rows: Vec<Row>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What stands above it, on each page.
    pub head: String,
    /// How wide it is, in parts of all of them.
    pub share: u16,
    /// Whether it holds numbers, which stand at its end and are never broken.
    pub is_number: bool,
}

impl Column {
    /// Of words.
    pub fn words(head: impl Into<String>, share: u16) -> Self {
        Self { head: head.into(), share, is_number: false }
    }

    /// Of numbers.
    pub fn numbers(head: impl Into<String>, share: u16) -> Self {
        Self { head: head.into(), share, is_number: true }
    }
}

/// A row of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// What stands in its columns.
    pub cells: Vec<String>,
    /// Whether it is a sum: in bold, with a rule above.
    pub is_total: bool,
}

impl Row {
    /// A usual one.
    pub fn of(cells: impl Into<Vec<String>>) -> Self {
        Self { cells: cells.into(), is_total: false }
    }

    /// A sum.
    pub fn total(cells: impl Into<Vec<String>>) -> Self {
        Self { cells: cells.into(), is_total: true }
    }
}

/// Why there is no PDF.
#[derive(Debug, thiserror::Error)]
pub enum PaperError {
    /// The crate's own font is broken.
    #[error("the font can't be read")]
    Font,
    /// The picture is none.
    #[error("the logo is no PNG and no JPEG that can be read: {0}")]
    Logo(String),
    /// A row has more or fewer cells than the table has columns.
    #[error("a table of {columns} columns has a row of {cells} cells")]
    Row {
        /// Of the table.
        columns: usize,
        /// Of the row.
        cells: usize,
    },
    /// A table without a column, or whose columns have no width.
    #[error("a table has no columns, or none with a width")]
    Columns,
    /// The writer refused it.
    #[error("the PDF can't be written: {0}")]
    Write(String),
}

/// The bytes of the PDF: the same for the same document.
///
/// # Errors
/// [`PaperError`].
pub fn render(paper: &Paper) -> Result<Vec<u8>, PaperError> {
    let fonts = Fonts::new()?;
    let logo = paper.letterhead.logo.as_deref().map(draw::logo).transpose()?;
    let size = logo.as_ref().map(krilla::image::Image::size);
    let pages = lay_out(paper, &fonts, size)?;
    draw(paper, &fonts, logo, &pages)
}
