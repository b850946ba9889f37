//! What is a firm's own on its pages: its colour and its picture (LET-2).
//!
//! A page's policy lets no style stand in it (SEC-6), so the colour is a style sheet of its own. It is made of
//! the colour alone, whose digits are in its address, and so needs no firm to be served. A colour on which
//! nobody could read is made darker on a light page and lighter on a dark one, by as little as it takes.

use axum::body::Bytes;
use domain::colour::{Colour, PARTS, TEXT_CONTRAST};
use domain::id::FirmId;
use services::firm::Firm;
use store::{Logo, Store};

use crate::page::Failure;
use crate::{State, assets};

/// How high a picture is shown, at most: two lines of text. Its file has four times that.
const SHOWN_HEIGHT: u32 = 40;

/// And how wide: what is left on a phone beside the name of who is signed in.
const SHOWN_WIDTH: u32 = 160;

/// The grounds on which text stands, as `app.css` has them: page and card, light and dark.
const LIGHT: [Colour; 2] = [Colour::new(0xf5, 0xf6, 0xf4), Colour::WHITE];
const DARK: [Colour; 2] = [Colour::new(0x14, 0x19, 0x1b), Colour::new(0x1d, 0x24, 0x27)];

/// Text on a button of a dark page.
const DARK_INK: Colour = Colour::new(0x0d, 0x14, 0x17);

/// How much of the colour is in the ground of a pill, in [`PARTS`].
const LIGHT_SOFT: u32 = 8;
const DARK_SOFT: u32 = 12;

/// A firm's own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Brand {
    /// The style sheet with its colour.
    pub(crate) css: Option<String>,
    /// Its picture.
    pub(crate) logo: Option<Picture>,
}

/// A picture on a page.
#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub(crate) path: String,
    pub(crate) width: u32,
    pub(crate) height: u32,
}

impl Brand {
    pub(crate) fn of(firm: &Firm) -> Self {
        let settings = firm.settings();
        let logo = settings.logo.as_ref().zip(firm.logo_path());
        Self {
            css: settings.colour.map(|colour| format!("/assets/{}", name(colour))),
            logo: logo.map(|(logo, path)| Picture::of(logo, path)),
        }
    }
}

impl Picture {
    /// As large as there is room for, and never larger than it is.
    fn of(logo: &Logo, path: String) -> Self {
        let (width, height) = (logo.width.max(1), logo.height.max(1));
        let by_height = (width * SHOWN_HEIGHT / height, SHOWN_HEIGHT);
        let by_width = (SHOWN_WIDTH, height * SHOWN_WIDTH / width);
        let fits = width <= SHOWN_WIDTH && height <= SHOWN_HEIGHT;
        let (width, height) = match by_height.0 <= SHOWN_WIDTH {
            _ if fits => (width, height),
            true => by_height,
            false => by_width,
        };
        Self { path, width: width.max(1), height: height.max(1) }
    }
}

/// A colour as it can be read on a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Shades {
    /// Links, and the ground of buttons.
    accent: Colour,
    /// Text on such a button.
    ink: Colour,
    /// The ground of pills that are written in it.
    soft: Colour,
}

/// On a light page.
fn light(colour: Colour) -> Shades {
    let shades = |accent| Shades {
        accent,
        ink: Colour::WHITE,
        soft: Colour::WHITE.with(accent, LIGHT_SOFT),
    };
    readable(colour, Colour::BLACK, LIGHT, shades)
}

/// On a dark page.
fn dark(colour: Colour) -> Shades {
    let shades = |accent| Shades { accent, ink: DARK_INK, soft: DARK[1].with(accent, DARK_SOFT) };
    readable(colour, Colour::WHITE, DARK, shades)
}

/// The first mixture towards that end that can be read on everything that it stands on.
fn readable(
    colour: Colour,
    end: Colour,
    grounds: [Colour; 2],
    shades: impl Fn(Colour) -> Shades,
) -> Shades {
    let mixtures = (0..PARTS).map(|parts| shades(colour.with(end, parts)));
    let is_readable = |shades: &Shades| {
        let others = grounds.into_iter().chain([shades.ink, shades.soft]);
        others.into_iter().all(|other| shades.accent.contrasts(other, TEXT_CONTRAST))
    };
    let mut readable = mixtures.filter(is_readable);
    readable.next().unwrap_or_else(|| shades(end))
}

/// The style sheet of a colour.
fn sheet(colour: Colour) -> String {
    let values = |Shades { accent, ink, soft }: Shades| {
        format!(":root{{--accent:{accent};--accent-ink:{ink};--accent-soft:{soft}}}")
    };
    let (light, dark) = (values(light(colour)), values(dark(colour)));
    format!("{light}\n@media screen and (prefers-color-scheme:dark){{{dark}}}\n")
}

/// The name of a colour's style sheet.
fn name(colour: Colour) -> String {
    let digits = colour.to_string();
    let digits = digits.trim_start_matches('#');
    format!("accent-{digits}-{}.css", assets::hash(sheet(colour).as_bytes()))
}

/// A file of that name: a colour's style sheet, or a firm's picture.
pub(crate) async fn file(state: &State, asked: &str) -> Result<(&'static str, Bytes), Failure> {
    let missing = || Failure::not_found("There is no such file.".to_owned());
    if let Some(rest) = asked.strip_prefix("accent-") {
        let digits = rest.get(..6).map(|digits| format!("#{digits}"));
        let colour = digits.and_then(|digits| digits.parse::<Colour>().ok());
        let colour = colour.filter(|colour| name(*colour) == asked).ok_or_else(missing)?;
        return Ok(("text/css; charset=utf-8", sheet(colour).into()));
    }
    let (firm, sha256) = picture(asked).ok_or_else(missing)?;
    let store = Store::new(state.portal.dynamo().clone(), firm);
    let bytes = store.logo(sha256).await?.ok_or_else(missing)?;
    Ok(("image/png", bytes.into()))
}

/// Firm and hash of a picture's name.
fn picture(name: &str) -> Option<(FirmId, &str)> {
    let rest = name.strip_prefix("logo-")?.strip_suffix(".png")?;
    let (firm, sha256) = rest.rsplit_once('-')?;
    let is_hash = sha256.len() == 64 && sha256.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((firm.parse().ok()?, is_hash.then_some(sha256)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn let_2_every_colour_can_be_read_wherever_it_stands() {
        let values = (0..=255).step_by(15);
        let colours = values.clone().flat_map(|red| {
            let values = values.clone();
            values.clone().flat_map(move |green| values.clone().map(move |blue| (red, green, blue)))
        });
        for (red, green, blue) in colours {
            let colour = Colour::new(red, green, blue);
            for (Shades { accent, ink, soft }, grounds) in
                [(light(colour), LIGHT), (dark(colour), DARK)]
            {
                for other in grounds.into_iter().chain([ink, soft]) {
                    assert!(
                        accent.contrasts(other, TEXT_CONTRAST),
                        "{accent} on {other}: {colour}"
                    );
                }
            }
        }
    }

    #[test]
    fn let_2_a_colour_that_can_be_read_stays_as_it_is() {
        for (colour, on_light, on_dark) in [
            ("#1f5b6e", "#1f5b6e", None),
            ("#8fd0e0", "", Some("#8fd0e0")),
            ("#000000", "#000000", None),
            ("#ffffff", "", Some("#ffffff")),
        ] {
            let colour: Colour = colour.parse().unwrap();
            let (light, dark) = (light(colour).accent, dark(colour).accent);
            assert_eq!(light.to_string() == on_light, !on_light.is_empty(), "{colour}: {light}");
            if let Some(expected) = on_dark {
                assert_eq!(dark.to_string(), expected);
            }
        }
    }

    #[test]
    fn sec_6_a_sheet_is_served_under_its_own_name_only() {
        let colour: Colour = "#1f5b6e".parse().unwrap();
        let own = name(colour);
        assert!(own.starts_with("accent-1f5b6e-") && own.ends_with(".css"), "{own}");
        assert!(sheet(colour).lines().all(|line| line.len() < 120), "{}", sheet(colour));
        let hash = "0f".repeat(32);
        for (name, expected) in [
            (format!("logo-demo-{hash}.png"), Some("demo")),
            (format!("logo-bea-and-pat-{hash}.png"), Some("bea-and-pat")),
            (format!("logo-{hash}.png"), None),
            (format!("logo-demo-{}.png", &hash[2..]), None),
            (format!("logo-demo-{hash}.svg"), None),
            (format!("logo-de#mo-{hash}.png"), None),
            ("logo-.png".to_owned(), None),
        ] {
            let firm = picture(&name).map(|(firm, _)| firm.to_string());
            assert_eq!(firm.as_deref(), expected, "{name}");
        }
    }

    #[test]
    fn a_picture_fits_beside_a_name() {
        let shown = |width, height| {
            let logo = Logo { sha256: String::new(), width, height };
            let picture = Picture::of(&logo, String::new());
            (picture.width, picture.height)
        };
        for (kept, expected) in [
            ((640, 160), (160, 40)),
            ((160, 160), (40, 40)),
            ((640, 64), (160, 16)),
            ((20, 160), (5, 40)),
            ((100, 30), (100, 30)),
            ((640, 16), (160, 4)),
        ] {
            assert_eq!(shown(kept.0, kept.1), expected, "of {kept:?}");
        }
    }
}
