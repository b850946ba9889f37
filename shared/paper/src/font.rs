//! The font: how wide a text is, and where it breaks.
//!
//! Noto Sans, regular and bold, cut down to the letters of Europe's languages without hints. A letter is as wide
//! as it is alone: no kerning, no ligatures, so that columns of figures stand one below the other and every text is
//! found again letter by letter.

use icu_normalizer::ComposingNormalizerBorrowed;
use krilla::text::{Font as Drawn, GlyphId, KrillaGlyph};
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider};

use crate::PaperError;

const REGULAR: &[u8] = include_bytes!("../fonts/NotoSans-Regular.ttf");
const BOLD: &[u8] = include_bytes!("../fonts/NotoSans-Bold.ttf");

/// What stands for a letter that the font doesn't have.
const REPLACEMENT: char = '\u{FFFD}';

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

/// Both.
pub(crate) struct Fonts {
    regular: Face,
    bold: Face,
}

/// One of them: to measure, and to draw.
pub(crate) struct Face {
    font: FontRef<'static>,
    pub(crate) drawn: Drawn,
    units_per_em: f32,
}

/// A text as it is drawn.
#[derive(Debug, Clone)]
pub(crate) struct Shaped {
    /// With what stands for letters that aren't there.
    pub(crate) text: String,
    /// As it was, where that is another.
    pub(crate) meant: Option<String>,
    pub(crate) glyphs: Vec<KrillaGlyph>,
    /// In parts of its size.
    pub(crate) width: f32,
}

impl Fonts {
    pub(crate) fn new() -> Result<Self, PaperError> {
        Ok(Self { regular: Face::new(REGULAR)?, bold: Face::new(BOLD)? })
    }

    pub(crate) fn of(&self, weight: Weight) -> &Face {
        match weight {
            Weight::Regular => &self.regular,
            Weight::Bold => &self.bold,
        }
    }
}

impl Face {
    fn new(bytes: &'static [u8]) -> Result<Self, PaperError> {
        let font = FontRef::new(bytes).map_err(|_| PaperError::Font)?;
        let drawn = Drawn::new(bytes.into(), 0).ok_or(PaperError::Font)?;
        let units_per_em = drawn.units_per_em();
        Ok(Self { font, drawn, units_per_em })
    }

    /// A line of text, letter by letter.
    #[expect(clippy::float_arithmetic, reason = "a letter's width on paper is no money")]
    pub(crate) fn shape(&self, text: &str) -> Shaped {
        let meant = readable(text);
        let charmap = self.font.charmap();
        let metrics = self.font.glyph_metrics(Size::unscaled(), LocationRef::default());
        let mut shown = String::with_capacity(meant.len());
        let (mut glyphs, mut width) = (Vec::new(), 0.0);
        for letter in meant.chars() {
            let (letter, glyph) = match charmap.map(letter) {
                Some(glyph) => (letter, glyph),
                None => (REPLACEMENT, charmap.map(REPLACEMENT).unwrap_or_default()),
            };
            let from = shown.len();
            shown.push(letter);
            let advance = metrics.advance_width(glyph).unwrap_or_default() / self.units_per_em;
            let id = GlyphId::new(glyph.to_u32());
            glyphs.push(KrillaGlyph::new(id, advance, 0.0, 0.0, 0.0, from..shown.len(), None));
            width += advance;
        }
        let meant = (meant != shown).then_some(meant);
        Shaped { text: shown, meant, glyphs, width }
    }

    /// How wide a text is, in parts of its size.
    pub(crate) fn width(&self, text: &str) -> f32 {
        self.shape(text).width
    }

    /// The lines that a text is broken into; a word that is wider than a line breaks where the line ends.
    pub(crate) fn broken(&self, text: &str, width: f32) -> Vec<String> {
        text.split('\n').flat_map(|line| self.broken_line(line, width)).collect()
    }

    fn broken_line(&self, text: &str, width: f32) -> Vec<String> {
        let mut lines = Vec::new();
        let mut line = String::new();
        for word in text.split_whitespace() {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if self.width(&longer) <= width {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            for letter in word.chars() {
                line.push(letter);
                if width < self.width(&line) && line.chars().nth(1).is_some() {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, letter.to_string()));
                }
            }
        }
        lines.push(line); // an empty line stays one
        lines
    }
}

/// One form for each letter, and nothing that isn't one: a control or a mark of direction would be drawn, or
/// change how the rest is read.
fn readable(text: &str) -> String {
    let is_unseen = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}')
    };
    let spaced = text.chars().filter_map(|letter| match letter {
        '\t' | '\u{A0}' | '\u{2000}'..='\u{200A}' | '\u{202F}' => Some(' '),
        letter if is_unseen(letter) => None,
        letter => Some(letter),
    });
    let spaced: String = spaced.collect();
    ComposingNormalizerBorrowed::new_nfc().normalize(&spaced).into_owned()
}
