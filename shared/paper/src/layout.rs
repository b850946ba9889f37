//! Where everything stands: blocks become lines on pages.
//!
//! Lengths are points from a page's upper left corner. A paragraph breaks between its lines, though none of them
//! stays alone at a page's end where it needn't; a table breaks between rows, and its head stands above each part.
//! Laid out first and drawn after, since "2 of 3" needs to know the 3.

#![expect(
    clippy::float_arithmetic,
    reason = "lengths on paper; money is text here, made elsewhere"
)]

use crate::font::{Fonts, Weight};
use crate::{Block, PageSize, Paper, PaperError, Row, Table};

/// White around the text: 20 mm.
const MARGIN: f32 = 56.7;

/// From the last line's lower end to the page's: room for the footer.
const BOTTOM: f32 = 68.0;

/// Where the footer's line stands, from below.
const FOOTER: f32 = 36.0;

const TITLE: f32 = 17.0;
const HEADING: f32 = 12.0;
const TEXT: f32 = 10.0;
const SMALL: f32 = 8.0;

/// From line to line, in parts of the size.
const LINE: f32 = 1.4;

/// From a line's top to its base line, in parts of the size.
const ASCENT: f32 = 1.07;

/// Between paragraphs.
const GAP: f32 = 8.0;

/// Between a cell's text and the next column, and above and below it.
const CELL: f32 = 4.0;

/// The largest logo.
const LOGO_WIDTH: f32 = 160.0;
const LOGO_HEIGHT: f32 = 40.0;

/// How wide a fact's name is, in parts of the width.
const NAME_SHARE: f32 = 0.36;

/// A page, as it is drawn.
#[derive(Debug, Clone, Default)]
pub(crate) struct Page {
    pub(crate) items: Vec<Item>,
}

/// One thing on a page.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// A line of text.
    Text { at: (f32, f32), size: f32, weight: Weight, is_coloured: bool, text: String, part: Part },
    /// A line from left to right.
    Rule { from: (f32, f32), width: f32, thickness: f32, is_coloured: bool },
    /// The firm's picture: its upper left corner and its size.
    Logo { at: (f32, f32), size: (f32, f32) },
}

/// What a text is part of, for readers that don't see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// What stands on pages and isn't part of what they say: footer, a repeated head.
    Artifact,
    /// The letterhead, a paragraph, a fact: counted over the document.
    Paragraph(usize),
    /// The title.
    Title,
    /// A heading, counted.
    Heading(usize),
    /// A cell: of which table, in which row (the head is 0), in which column.
    Cell(usize, usize, usize),
}

/// How large a page is, in points.
pub(crate) fn page_size(size: PageSize) -> (f32, f32) {
    match size {
        PageSize::Letter => (612.0, 792.0),
        PageSize::A4 => (595.28, 841.89),
    }
}

/// Lays out a document; `logo` is the size of its picture.
pub(crate) fn lay_out(
    paper: &Paper,
    fonts: &Fonts,
    logo: Option<(u32, u32)>,
) -> Result<Vec<Page>, PaperError> {
    let (width, height) = page_size(paper.size);
    let mut layout = Layout {
        fonts,
        pages: vec![Page::default()],
        y: MARGIN,
        width: width - 2.0 * MARGIN,
        end: height - BOTTOM,
        paragraphs: 0,
        headings: 0,
        tables: 0,
    };
    layout.letterhead(paper, logo);
    layout.text(&paper.title, TITLE, Weight::Bold, true, Part::Title);
    layout.y += GAP;
    for block in &paper.blocks {
        layout.block(block)?;
    }
    layout.footers(paper, height);
    Ok(layout.pages)
}

struct Layout<'a> {
    fonts: &'a Fonts,
    pages: Vec<Page>,
    /// Where the next line begins.
    y: f32,
    width: f32,
    /// Where a page's text ends.
    end: f32,
    paragraphs: usize,
    headings: usize,
    tables: usize,
}

impl Layout<'_> {
    fn put(&mut self, item: Item) {
        if let Some(page) = self.pages.last_mut() {
            page.items.push(item);
        }
    }

    fn next_page(&mut self) {
        self.pages.push(Page::default());
        self.y = MARGIN;
    }

    /// Goes on to the next page unless that much still fits on this one.
    fn room_for(&mut self, height: f32) {
        if self.end < self.y + height && MARGIN < self.y {
            self.next_page();
        }
    }

    fn paragraph(&mut self) -> Part {
        self.paragraphs += 1;
        Part::Paragraph(self.paragraphs)
    }

    fn letterhead(&mut self, paper: &Paper, logo: Option<(u32, u32)>) {
        let head = &paper.letterhead;
        if let Some((width, height)) = logo {
            let (width, height) = (pixels(width), pixels(height));
            let scale = (LOGO_WIDTH / width).min(LOGO_HEIGHT / height);
            let size = (width * scale, height * scale);
            self.put(Item::Logo { at: (MARGIN, self.y), size });
            self.y += size.1 + GAP;
        }
        let part = self.paragraph();
        self.text(&head.name, HEADING, Weight::Bold, true, part);
        for line in &head.lines {
            let part = self.paragraph();
            self.text(line, SMALL, Weight::Regular, false, part);
        }
        self.y += GAP / 2.0;
        self.rule(MARGIN, self.width, 1.0, true);
        self.y += 2.0 * GAP;
    }

    fn block(&mut self, block: &Block) -> Result<(), PaperError> {
        match block {
            Block::Heading(text) => {
                self.headings += 1;
                let part = Part::Heading(self.headings);
                self.y += GAP;
                self.room_for(4.0 * HEADING * LINE); // with some of what it stands above
                self.text(text, HEADING, Weight::Bold, true, part);
                self.y += GAP / 2.0;
            }
            Block::Paragraph(text) => {
                let part = self.paragraph();
                self.text(text, TEXT, Weight::Regular, false, part);
                self.y += GAP;
            }
            Block::Strong(text) => {
                let part = self.paragraph();
                self.text(text, TEXT, Weight::Bold, false, part);
                self.y += GAP;
            }
            Block::Small(text) => {
                let part = self.paragraph();
                self.text(text, SMALL, Weight::Regular, false, part);
                self.y += GAP;
            }
            Block::Facts(facts) => {
                facts.iter().for_each(|(name, value)| self.fact(name, value));
                self.y += GAP;
            }
            Block::Table(table) => {
                self.table(table)?;
                self.y += 2.0 * GAP;
            }
        }
        Ok(())
    }

    /// A text over the whole width, on as many pages as it takes.
    fn text(&mut self, text: &str, size: f32, weight: Weight, is_coloured: bool, part: Part) {
        let lines = self.fonts.of(weight).broken(text, self.width / size);
        let height = size * LINE;
        let count = lines.len();
        for (index, text) in lines.into_iter().enumerate() {
            // No first and no last line alone.
            let keep = if index == 0 && 1 < count || index + 2 == count { 2.0 } else { 1.0 };
            self.room_for(keep * height);
            let at = (MARGIN, self.y + size * ASCENT);
            self.put(Item::Text { at, size, weight, is_coloured, text, part });
            self.y += height;
        }
    }

    fn fact(&mut self, name: &str, value: &str) {
        let (names, values) = (self.width * NAME_SHARE, self.width * (1.0 - NAME_SHARE));
        let lines = [
            self.fonts.of(Weight::Regular).broken(name, (names - CELL) / TEXT),
            self.fonts.of(Weight::Bold).broken(value, values / TEXT),
        ];
        let height = TEXT * LINE;
        self.room_for(height * count(lines.iter().map(Vec::len).max().unwrap_or_default()));
        let top = self.y;
        let columns = [(MARGIN, Weight::Regular), (MARGIN + names, Weight::Bold)];
        let part = self.paragraph();
        let mut lowest = top;
        for (lines, (x, weight)) in lines.into_iter().zip(columns) {
            let mut y = top;
            for text in lines {
                let at = (x, y + TEXT * ASCENT);
                self.put(Item::Text { at, size: TEXT, weight, is_coloured: false, text, part });
                y += height;
            }
            lowest = lowest.max(y);
        }
        self.y = lowest;
    }

    fn rule(&mut self, x: f32, width: f32, thickness: f32, is_coloured: bool) {
        self.put(Item::Rule { from: (x, self.y), width, thickness, is_coloured });
    }

    fn table(&mut self, table: &Table) -> Result<(), PaperError> {
        let parts: u32 = table.columns.iter().map(|column| u32::from(column.share)).sum();
        if parts == 0 {
            return Err(PaperError::Columns);
        }
        let columns = table.columns.len();
        if let Some(row) = table.rows.iter().find(|row| row.cells.len() != columns) {
            return Err(PaperError::Row { columns, cells: row.cells.len() });
        }
        self.tables += 1;
        let number = self.tables;
        let widths = self.widths(table);
        let heads = table.columns.iter().map(|column| column.head.clone());
        let head = Row { cells: heads.collect(), is_total: false };
        let head_height = self.row_height(table, &widths, &head, Weight::Bold);
        let first =
            table.rows.first().map_or(0.0, |row| self.row_height(table, &widths, row, weight(row)));
        self.room_for(head_height + first);
        self.head(table, &widths, &head, |column| Part::Cell(number, 0, column));
        for (index, row) in table.rows.iter().enumerate() {
            let height = self.row_height(table, &widths, row, weight(row));
            if self.end < self.y + height {
                self.next_page();
                self.head(table, &widths, &head, |_| Part::Artifact);
            }
            if row.is_total {
                self.rule(MARGIN, self.width, 0.75, false);
            }
            let part = |column| Part::Cell(number, index + 1, column);
            self.row(table, &widths, row, weight(row), part);
        }
        self.rule(MARGIN, self.width, 0.75, false);
        Ok(())
    }

    /// By their shares, but no column of numbers is narrower than the widest of them.
    fn widths(&self, table: &Table) -> Vec<f32> {
        let parts: f32 = table.columns.iter().map(|column| f32::from(column.share)).sum();
        let mut widths: Vec<f32> = Vec::new();
        for (index, column) in table.columns.iter().enumerate() {
            let share = self.width * f32::from(column.share) / parts;
            let bold = self.fonts.of(Weight::Bold);
            let cells = table.rows.iter().filter_map(|row| row.cells.get(index));
            let widest = cells.map(|cell| bold.width(cell)).fold(0.0, f32::max);
            let needed = widest * TEXT + 2.0 * CELL;
            widths.push(if column.is_number { share.max(needed) } else { share });
        }
        // What numbers take more is taken from the words, and at last from all.
        let all: f32 = widths.iter().sum();
        let over = all - self.width;
        let words: f32 = table
            .columns
            .iter()
            .zip(&widths)
            .filter(|(column, _)| !column.is_number)
            .map(|(_, width)| *width)
            .sum();
        if 0.0 < over {
            let (scale, is_all) = match over * 2.0 < words {
                true => ((words - over) / words, false),
                false => (self.width / all, true),
            };
            for (column, width) in table.columns.iter().zip(&mut widths) {
                if is_all || !column.is_number {
                    *width *= scale;
                }
            }
        }
        widths
    }

    fn row_height(&self, table: &Table, widths: &[f32], row: &Row, weight: Weight) -> f32 {
        let lines = table.columns.iter().zip(widths).zip(&row.cells).map(|((_, width), cell)| {
            self.fonts.of(weight).broken(cell, (width - 2.0 * CELL) / TEXT).len()
        });
        count(lines.max().unwrap_or_default()) * TEXT * LINE + CELL
    }

    fn head(&mut self, table: &Table, widths: &[f32], head: &Row, part: impl Fn(usize) -> Part) {
        self.row(table, widths, head, Weight::Bold, part);
        self.rule(MARGIN, self.width, 1.0, true);
    }

    /// A row that is higher than a page goes on over its end: nothing that is put into one is.
    fn row(
        &mut self,
        table: &Table,
        widths: &[f32],
        row: &Row,
        weight: Weight,
        part: impl Fn(usize) -> Part,
    ) {
        let height = self.row_height(table, widths, row, weight);
        let (top, mut x) = (self.y + CELL / 2.0, MARGIN);
        for (index, (column, cell)) in table.columns.iter().zip(&row.cells).enumerate() {
            let width = widths.get(index).copied().unwrap_or_default();
            let room = width - 2.0 * CELL;
            let lines = self.fonts.of(weight).broken(cell, room / TEXT);
            for (line, text) in lines.into_iter().enumerate() {
                let left = match column.is_number {
                    true => x + width - CELL - self.fonts.of(weight).width(&text) * TEXT,
                    false => x + CELL,
                };
                let y = top + count(line) * TEXT * LINE + TEXT * ASCENT;
                let part = part(index);
                let is_coloured = false;
                self.put(Item::Text { at: (left, y), size: TEXT, weight, is_coloured, text, part });
            }
            x += width;
        }
        self.y += height;
    }

    fn footers(&mut self, paper: &Paper, height: f32) {
        let pages = self.pages.len();
        let right = MARGIN + self.width;
        let face = self.fonts.of(Weight::Regular);
        for (index, page) in self.pages.iter_mut().enumerate() {
            let number = format!("{} {} {pages}", index + 1, paper.of);
            let (left, y) = (right - face.width(&number) * SMALL, height - FOOTER);
            let room = (left - MARGIN - GAP) / SMALL;
            let about = face.broken(&paper.footer, room).into_iter().next().unwrap_or_default();
            for (x, text) in [(MARGIN, about), (left, number)] {
                let (weight, is_coloured, part) = (Weight::Regular, false, Part::Artifact);
                page.items.push(Item::Text {
                    at: (x, y),
                    size: SMALL,
                    weight,
                    is_coloured,
                    text,
                    part,
                });
            }
        }
    }
}

fn weight(row: &Row) -> Weight {
    if row.is_total { Weight::Bold } else { Weight::Regular }
}

/// So many, as a length's factor: lines and pixels are far below what an `f32` counts exactly.
#[expect(clippy::cast_precision_loss, reason = "a count of lines on a page")]
fn count(lines: usize) -> f32 {
    lines as f32
}

#[expect(clippy::cast_precision_loss, reason = "a count of pixels")]
fn pixels(count: u32) -> f32 {
    count.max(1) as f32
}
