//! From pages to bytes: what was laid out is drawn, and tagged for whoever listens to it.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use krilla::color::rgb;
use krilla::configure::{Accessibility, ConfigurationBuilder};
use krilla::destination::XyzDestination;
use krilla::geom::{PathBuilder, Point, Rect, Size, Transform};
use krilla::image::Image;
use krilla::metadata::Metadata;
use krilla::outline::{Outline, OutlineNode};
use krilla::paint::Fill;
use krilla::surface::Surface;
use krilla::tagging::{
    Artifact, ArtifactType, ContentTag, Identifier, Node, SpanTag, TableHeaderScope, Tag, TagGroup,
    TagTree,
};
use krilla::{Document, SerializeSettings};

use crate::font::Fonts;
use crate::layout::{Item, Page, Part, page_size};
use crate::{Block, Paper, PaperError};

/// Reads a picture: PNG or JPEG, by how it begins.
pub(crate) fn logo(bytes: &[u8]) -> Result<Image, PaperError> {
    let data = bytes.to_vec().into();
    let image = match bytes.starts_with(&[0xff, 0xd8]) {
        true => Image::from_jpeg(data, true),
        false => Image::from_png(data, true),
    };
    image.map_err(PaperError::Logo)
}

pub(crate) fn draw(
    paper: &Paper,
    fonts: &Fonts,
    logo: Option<Image>,
    pages: &[Page],
) -> Result<Vec<u8>, PaperError> {
    let configuration = ConfigurationBuilder::new()
        .with_accessibility_validator(Accessibility::UA1)
        .finish()
        .map_err(|error| PaperError::Write(format!("{error:?}")))?;
    let settings = SerializeSettings { configuration, ..SerializeSettings::default() };
    let mut document = Document::new_with(settings);
    let (width, height) = page_size(paper.size);
    let mut tagged = Tagged::default();
    for page in pages {
        let settings = krilla::page::PageSettings::from_wh(width, height);
        let mut drawn = document.start_page_with(settings.unwrap_or_default());
        let mut surface = drawn.surface();
        let mut brush = Brush { paper, fonts, logo: logo.as_ref(), surface: &mut surface };
        page.items.iter().for_each(|item| brush.item(item, &mut tagged));
        surface.finish();
        drawn.finish();
    }
    let metadata = Metadata::new()
        .title(paper.title.clone())
        .language(paper.language.to_owned())
        .authors(vec![paper.letterhead.name.clone()])
        .creator("Portcullis".to_owned());
    document.set_metadata(metadata);
    let mut outline = Outline::new();
    let top = XyzDestination::new(0, Point::from_xy(0.0, 0.0));
    outline.push_child(OutlineNode::new(paper.title.clone(), top));
    document.set_outline(outline);
    document.set_tag_tree(tagged.tree(paper));
    document.finish().map_err(|error| PaperError::Write(error.to_string()))
}

/// What was drawn, by what it is part of.
#[derive(Default)]
struct Tagged {
    /// In the order in which it is read.
    order: Vec<Key>,
    of: BTreeMap<Key, Vec<Identifier>>,
}

/// As [`Part`], with the logo, as a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Logo,
    Title,
    Heading(usize),
    Paragraph(usize),
    Cell(usize, usize, usize),
}

impl Tagged {
    fn add(&mut self, key: Key, identifier: Identifier) {
        let known = self.of.entry(key).or_default();
        if known.is_empty() {
            self.order.push(key);
        }
        known.push(identifier);
    }

    fn tree(mut self, paper: &Paper) -> TagTree {
        let mut headings = paper.blocks.iter().filter_map(|block| match block {
            Block::Heading(text) => Some(text.clone()),
            _ => None,
        });
        let tables: Vec<_> = paper
            .blocks
            .iter()
            .filter_map(|block| match block {
                Block::Table(table) => Some(table),
                _ => None,
            })
            .collect();
        let mut tree = TagTree::new();
        let mut told = 0;
        for key in std::mem::take(&mut self.order) {
            match key {
                Key::Logo => {
                    let name = Some(paper.letterhead.name.clone());
                    tree.push(self.group(TagGroup::new(Tag::Figure(name)), key));
                }
                Key::Title => {
                    let tag = Tag::Hn(NonZeroU16::MIN, Some(paper.title.clone()));
                    tree.push(self.group(TagGroup::new(tag), key));
                }
                Key::Heading(_) => {
                    let tag = Tag::Hn(NonZeroU16::MIN.saturating_add(1), headings.next());
                    tree.push(self.group(TagGroup::new(tag), key));
                }
                Key::Paragraph(_) => tree.push(self.group(TagGroup::new(Tag::P), key)),
                Key::Cell(number, ..) if told < number => {
                    told = number;
                    if let Some(table) = tables.get(number - 1) {
                        tree.push(self.table(number, table));
                    }
                }
                Key::Cell(..) => {} // with its table
            }
        }
        tree
    }

    fn group(&mut self, mut group: TagGroup, key: Key) -> TagGroup {
        for identifier in self.of.remove(&key).unwrap_or_default() {
            group.push(identifier);
        }
        group
    }

    fn table(&mut self, number: usize, table: &crate::Table) -> TagGroup {
        let tag = Tag::Table.with_summary(Some(table.summary.clone()));
        let mut group = TagGroup::new(tag);
        let mut head = TagGroup::new(Tag::THead);
        let mut body = TagGroup::new(Tag::TBody);
        for row in 0..=table.rows.len() {
            let mut cells = TagGroup::new(Tag::TR);
            for column in 0..table.columns.len() {
                let cell = match row {
                    0 => TagGroup::new(Tag::TH(TableHeaderScope::Column)),
                    _ => TagGroup::new(Tag::TD),
                };
                cells.push(self.group(cell, Key::Cell(number, row, column)));
            }
            match row {
                0 => head.push(cells),
                _ => body.push(cells),
            }
        }
        group.push(Node::Group(head));
        if !table.rows.is_empty() {
            group.push(Node::Group(body));
        }
        group
    }
}

/// Draws on one page.
struct Brush<'a, 'b, 'c> {
    paper: &'a Paper,
    fonts: &'a Fonts,
    logo: Option<&'a Image>,
    surface: &'b mut Surface<'c>,
}

impl Brush<'_, '_, '_> {
    fn item(&mut self, item: &Item, tagged: &mut Tagged) {
        match item {
            Item::Text { at, size, weight, is_coloured, text, part } => {
                let face = self.fonts.of(*weight);
                // An empty cell is one too: without it, those after it would be told as of other columns.
                let is_cell = matches!(part, Part::Cell(..));
                let text = if text.is_empty() && is_cell { " " } else { text };
                let shaped = face.shape(text);
                if shaped.glyphs.is_empty() {
                    return;
                }
                let key = match part {
                    Part::Artifact => None,
                    Part::Title => Some(Key::Title),
                    Part::Heading(number) => Some(Key::Heading(*number)),
                    Part::Paragraph(number) => Some(Key::Paragraph(*number)),
                    Part::Cell(table, row, column) => Some(Key::Cell(*table, *row, *column)),
                };
                let meant = shaped.meant.as_deref();
                let tag = match key {
                    Some(_) => ContentTag::Span(SpanTag::empty().with_actual_text(meant)),
                    None => artifact(),
                };
                let identifier = self.surface.start_tagged(tag);
                self.paint(*is_coloured);
                self.surface.draw_glyphs(
                    Point::from_xy(at.0, at.1),
                    &shaped.glyphs,
                    face.drawn.clone(),
                    &shaped.text,
                    *size,
                    false,
                );
                self.surface.end_tagged();
                if let Some(key) = key {
                    tagged.add(key, identifier);
                }
            }
            Item::Rule { from, width, thickness, is_coloured } => {
                let mut path = PathBuilder::new();
                if let Some(rect) = Rect::from_xywh(from.0, from.1, *width, *thickness) {
                    path.push_rect(rect);
                }
                if let Some(path) = path.finish() {
                    self.surface.start_tagged(artifact());
                    self.paint(*is_coloured);
                    self.surface.draw_path(&path);
                    self.surface.end_tagged();
                }
            }
            Item::Logo { at, size } => {
                let Some((image, size)) = self.logo.zip(Size::from_wh(size.0, size.1)) else {
                    return;
                };
                let tag = ContentTag::Span(SpanTag::empty());
                let identifier = self.surface.start_tagged(tag);
                self.surface.push_transform(&Transform::from_translate(at.0, at.1));
                self.surface.draw_image(image.clone(), size);
                self.surface.pop();
                self.surface.end_tagged();
                tagged.add(Key::Logo, identifier);
            }
        }
    }

    fn paint(&mut self, is_coloured: bool) {
        let colour = self.paper.letterhead.colour.filter(|_| is_coloured);
        let (red, green, blue) = colour.unwrap_or((0, 0, 0));
        let paint = rgb::Color::new(red, green, blue).into();
        self.surface.set_fill(Some(Fill { paint, ..Fill::default() }));
    }
}

fn artifact() -> ContentTag<'static> {
    ContentTag::Artifact(Artifact::with_kind(ArtifactType::Layout))
}
