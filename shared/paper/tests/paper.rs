//! What comes out as PDF: read back by another library.

#![allow(clippy::unwrap_used, reason = "a test that can't go on fails")]

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, RgbaImage};
use lopdf::{Document, Object};
use paper::{Block, Column, Letterhead, PageSize, Paper, PaperError, Row, Table, render};

fn table(rows: usize) -> Table {
    let row = |number: usize| {
        Row::of([
            format!("2026-01-{:02}", number % 28 + 1),
            format!(
                "Invoice A-{number} over a visit to Łódź with a name that takes more than one line of its cell"
            ),
            "1,250.50".to_owned(),
            String::new(),
        ])
    };
    let mut rows: Vec<Row> = (1..=rows).map(row).collect();
    rows.push(Row::total(["", "Closing balance", "", "99,999,999.99"].map(str::to_owned)));
    Table {
        summary: "All entries".to_owned(),
        columns: vec![
            Column::words("Day", 16),
            Column::words("What happened", 44),
            Column::numbers("Charges", 20),
            Column::numbers("Balance", 20),
        ],
        rows,
    }
}

fn logo() -> Vec<u8> {
    let picture = RgbaImage::from_fn(640, 160, |x, _| image::Rgba([31, 91, 110, (x % 256) as u8]));
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::ImageRgba8(picture).write_to(&mut bytes, ImageFormat::Png).unwrap();
    bytes.into_inner()
}

fn document(rows: usize) -> Paper {
    Paper {
        title: "Statement of account".to_owned(),
        language: "en",
        size: PageSize::Letter,
        letterhead: Letterhead {
            name: "Harbor & Pine CPAs".to_owned(),
            lines: vec!["1 Pier Road".to_owned(), "bea@harborpine.example".to_owned()],
            logo: Some(logo()),
            colour: Some((31, 91, 110)),
        },
        footer: "Harbor & Pine CPAs · Acme".to_owned(),
        of: "of",
        blocks: vec![
            Block::Facts(vec![("Client".to_owned(), "Zażółć Ærøskøbing Ελλάδα".to_owned())]),
            Block::Heading("In USD".to_owned()),
            Block::Paragraph("A first line.\nA second one.".to_owned()),
            Block::Table(table(rows)),
            Block::Strong("Balance due: 99,999,999.99 USD".to_owned()),
            Block::Small("Nothing more.".to_owned()),
        ],
    }
}

fn read(bytes: &[u8]) -> Document {
    Document::load_mem(bytes).unwrap()
}

/// The text of each page.
fn pages(bytes: &[u8]) -> Vec<String> {
    let document = read(bytes);
    let numbers: Vec<u32> = document.get_pages().keys().copied().collect();
    numbers.iter().map(|number| document.extract_text(&[*number]).unwrap()).collect()
}

#[test]
fn the_same_document_is_the_same_bytes() {
    let paper = document(60);
    let bytes = render(&paper).unwrap();
    for _ in 0..4 {
        assert!(render(&paper).unwrap() == bytes, "other bytes");
    }
    assert!(render(&document(61)).unwrap() != bytes);
}

#[test]
fn the_head_of_a_table_and_the_pages_number_stand_on_each_page() {
    let pages = pages(&render(&document(60)).unwrap());
    let count = pages.len();
    assert!((3..9).contains(&count), "{count} pages");
    for (index, text) in pages.iter().enumerate() {
        assert!(text.contains(&format!("{} of {count}", index + 1)), "page {index}: {text}");
        assert!(text.contains("What happened"), "page {index}: {text}");
        assert!(text.contains("Harbor & Pine CPAs · Acme"), "page {index}: {text}");
    }
    let all = pages.join("\n");
    for number in 1..=60 {
        assert!(all.contains(&format!("Invoice A-{number} over")), "row {number} is lost");
    }
    assert_eq!(all.matches("Closing balance").count(), 1);
    assert_eq!(all.matches("99,999,999.99").count(), 2, "in the table, and below it");
}

#[test]
fn text_is_text_in_every_language_that_the_font_knows_and_is_still_there_in_others() {
    let pages = pages(&render(&document(1)).unwrap());
    assert_eq!(pages.len(), 1);
    for text in ["Statement of account", "Łódź", "Zażółć Ærøskøbing Ελλάδα", "A first line."]
    {
        assert!(pages[0].contains(text), "{text:?} is not in {}", pages[0]);
    }
    // Letters that it doesn't have, marks of direction, controls, and a word longer than the page is wide.
    let strange = "株式会社 \u{202E}Acme\u{7} \u{1F600} e\u{301}t\u{e9}";
    let mut paper = document(0);
    paper.title = strange.to_owned();
    paper.blocks.push(Block::Paragraph(format!("{strange} {}", "W".repeat(400))));
    paper.blocks.push(Block::Paragraph(String::new()));
    paper.blocks.push(Block::Facts(vec![(strange.to_owned(), "x\n".repeat(80))]));
    let bytes = render(&paper).unwrap();
    let text = self::pages(&bytes).concat();
    assert!(text.contains("Acme"), "{text}");
    assert!(text.contains("été"), "{text}");
    let title = read(&bytes);
    assert!(title.catalog().is_ok());
}

#[test]
fn who_listens_to_it_is_told_its_title_its_language_and_its_parts() {
    let document = read(&render(&document(60)).unwrap());
    let catalog = document.catalog().unwrap();
    let text = |object: &Object| String::from_utf8_lossy(object.as_str().unwrap()).into_owned();
    assert_eq!(text(catalog.get(b"Lang").unwrap()), "en");
    let marked = catalog.get_deref(b"MarkInfo", &document).unwrap().as_dict().unwrap();
    assert!(marked.get(b"Marked").unwrap().as_bool().unwrap());
    let shows = catalog.get_deref(b"ViewerPreferences", &document).unwrap().as_dict().unwrap();
    assert!(shows.get(b"DisplayDocTitle").unwrap().as_bool().unwrap());
    assert!(catalog.get(b"StructTreeRoot").is_ok());
    let mut kinds: Vec<String> = Vec::new();
    for object in document.objects.values() {
        if let Ok(dict) = object.as_dict()
            && let Ok(kind) = dict.get(b"S").and_then(Object::as_name)
        {
            kinds.push(String::from_utf8_lossy(kind).into_owned());
        }
    }
    let count = |kind: &str| kinds.iter().filter(|known| *known == kind).count();
    assert_eq!((count("H1"), count("H2"), count("Table"), count("THead")), (1, 1, 1, 1));
    assert_eq!((count("TR"), count("TH"), count("TD")), (62, 4, 61 * 4), "empty cells too");
    assert_eq!(count("Figure"), 1);
}

#[test]
fn what_can_not_be_drawn_is_refused() {
    let with = |change: fn(&mut Paper)| {
        let mut paper = document(1);
        change(&mut paper);
        render(&paper).unwrap_err()
    };
    let broken = with(|paper| paper.letterhead.logo = Some(b"GIF89a".to_vec()));
    assert!(matches!(broken, PaperError::Logo(_)), "{broken}");
    let empty = with(|paper| {
        paper.blocks.push(Block::Table(Table {
            summary: String::new(),
            columns: Vec::new(),
            rows: Vec::new(),
        }));
    });
    assert!(matches!(empty, PaperError::Columns), "{empty}");
    let short = with(|paper| {
        let mut table = table(1);
        table.rows.push(Row::of(["one".to_owned()]));
        paper.blocks.push(Block::Table(table));
    });
    assert!(matches!(short, PaperError::Row { columns: 4, cells: 1 }), "{short}");
}

#[test]
fn the_font_is_small_and_comes_with_its_licence() {
    let fonts = concat!(env!("CARGO_MANIFEST_DIR"), "/fonts");
    let size = |name: &str| std::fs::metadata(format!("{fonts}/{name}")).unwrap().len();
    assert!(size("NotoSans-Regular.ttf") + size("NotoSans-Bold.ttf") < 300 * 1024);
    let licence = std::fs::read_to_string(format!("{fonts}/OFL.txt")).unwrap();
    assert!(licence.contains("SIL OPEN FONT LICENSE Version 1.1"));
    // What goes with a mail stays light: only the letters that are used are in it.
    assert!(render(&document(3)).unwrap().len() < 200 * 1024);
}
