//! The firm's picture (LET-2): taken as a PNG, JPEG or WebP, and kept as a PNG that was drawn anew.
//!
//! What is kept is what was seen: the pixels, in a file of our own making. Whatever else the file held (a
//! script, a second file behind the first, where a photo was taken) doesn't come along. SVG is refused, for it
//! is a program as much as a picture.

use std::io::Cursor;

use axum::Json;
use axum::body::Bytes;
use domain::role::Role;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use services::http::Problem;
use services::office::Desk;
use sha2::{Digest, Sha256};
use store::{Logo, MAX_LOGO_BYTES};

use crate::settings::{Settings, save, shown};

/// The largest file that is looked at: a picture as a camera or a designer makes it, and no print file.
pub(crate) const MAX_UPLOAD: usize = 2 * 1024 * 1024;

/// The longest side of a picture that is read: more could take the function's memory while it is unpacked.
const MAX_SIDE: u32 = 3_000;

/// What unpacking may take: [`MAX_SIDE`] squared, four bytes a pixel, and some room to work in.
const MAX_UNPACKED: u64 = 48 * 1024 * 1024;

/// The shortest side: a smaller one is a dot or a line.
const MIN_SIDE: u32 = 16;

/// How many times as long as high it may be, or as high as long: letters have room for a line of 536 pixels by
/// 40.
const MAX_RATIO: u32 = 10;

/// How large it is kept: four times as high and wide as letters and pages show it, for screens that are that
/// fine.
const KEPT_WIDTH: u32 = 640;
const KEPT_HEIGHT: u32 = 160;

/// Why a file is no picture for a firm.
#[derive(Debug, thiserror::Error)]
pub enum LogoError {
    /// Nothing was sent.
    #[error("choose a file: PNG, JPEG or WebP")]
    Empty,
    /// A program that draws itself.
    #[error("an SVG can hold a program, so it isn't taken; export it as a PNG")]
    Svg,
    /// Something else.
    #[error("this is no PNG, JPEG or WebP, whatever its name says")]
    Kind,
    /// It breaks off, or isn't what it begins as.
    #[error("the picture can't be read: it is broken or was cut off")]
    Broken(#[source] ImageError),
    /// Too large or too small.
    #[error(
        "the picture has {width} × {height} pixels; {MIN_SIDE} to {MAX_SIDE} each way are expected"
    )]
    Size {
        /// As the file says.
        width: u32,
        /// As the file says.
        height: u32,
    },
    /// A stripe.
    #[error(
        "the picture is a stripe; at most {MAX_RATIO} times as long as high is expected, or as high as long"
    )]
    Shape,
    /// No picture of that many details can be kept.
    #[error("the picture has too many details; one with plain areas is expected, a photo is none")]
    TooDetailed,
    /// It can't be written.
    #[error("the picture can't be kept")]
    Unwritten(#[source] ImageError),
}

impl From<LogoError> for Problem {
    fn from(error: LogoError) -> Self {
        match &error {
            LogoError::Unwritten(_) => Self::internal(&error),
            LogoError::Empty
            | LogoError::Kind
            | LogoError::Svg
            | LogoError::Broken(_)
            | LogoError::Size { .. }
            | LogoError::Shape
            | LogoError::TooDetailed => Self::invalid("logo", error.to_string()),
        }
    }
}

/// A picture as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Drawn {
    /// Which.
    pub logo: Logo,
    /// A PNG.
    pub bytes: Vec<u8>,
}

/// Reads a file and draws its picture anew.
///
/// # Errors
/// [`LogoError`].
pub fn draw(file: &[u8]) -> Result<Drawn, LogoError> {
    if file.is_empty() {
        return Err(LogoError::Empty);
    }
    let picture = read(file, kind(file)?)?;
    let (width, height) = (picture.width(), picture.height());
    let kept = match width <= KEPT_WIDTH && height <= KEPT_HEIGHT {
        true => picture,
        false => picture.resize(KEPT_WIDTH, KEPT_HEIGHT, FilterType::Lanczos3),
    };
    let kept = DynamicImage::ImageRgba8(kept.into_rgba8());
    let mut bytes = Vec::new();
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Best, PngFilter::Adaptive);
    kept.write_with_encoder(encoder).map_err(LogoError::Unwritten)?;
    if MAX_LOGO_BYTES < bytes.len() {
        return Err(LogoError::TooDetailed);
    }
    let sha256 = hex::encode(Sha256::digest(&bytes));
    Ok(Drawn { logo: Logo { sha256, width: kept.width(), height: kept.height() }, bytes })
}

/// By its first bytes: neither a name nor what the browser says of it is believed.
fn kind(file: &[u8]) -> Result<ImageFormat, LogoError> {
    match image::guess_format(file) {
        Ok(kind @ (ImageFormat::Png | ImageFormat::Jpeg | ImageFormat::WebP)) => Ok(kind),
        _ => {
            let start = String::from_utf8_lossy(&file[..file.len().min(1_000)]).to_lowercase();
            Err(if start.contains("<svg") { LogoError::Svg } else { LogoError::Kind })
        }
    }
}

fn read(file: &[u8], kind: ImageFormat) -> Result<DynamicImage, LogoError> {
    if kind == ImageFormat::Jpeg && !has_end(file) {
        let broken = std::io::Error::from(std::io::ErrorKind::UnexpectedEof);
        return Err(LogoError::Broken(broken.into()));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_UNPACKED);
    let mut reader = ImageReader::with_format(Cursor::new(file), kind);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(LogoError::Broken)?;
    let (width, height) = decoder.dimensions();
    let fits = |side| (MIN_SIDE..=MAX_SIDE).contains(&side);
    if !fits(width) || !fits(height) {
        return Err(LogoError::Size { width, height });
    }
    if width > height * MAX_RATIO || height > width * MAX_RATIO {
        return Err(LogoError::Shape);
    }
    let turned = decoder.orientation().map_err(LogoError::Broken)?;
    let mut picture = DynamicImage::from_decoder(decoder).map_err(LogoError::Broken)?;
    picture.apply_orientation(turned);
    Ok(picture)
}

/// Whether a JPEG's data goes on to its end: what is cut off would be shown as a grey area. Neither marker can
/// stand within the data, and a preview in the head comes before it.
fn has_end(file: &[u8]) -> bool {
    let data = file.windows(2).rposition(|marker| marker == [0xff, 0xda]);
    data.is_some_and(|at| file[at..].windows(2).any(|marker| marker == [0xff, 0xd9]))
}

/// Puts in the firm's picture, as an admin; pages show it at once, letters from the next one on.
#[utoipa::path(post, path = "/firm/v1/settings/logo", tag = "firm", operation_id = "put_logo",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 200, body = Settings)))]
pub(crate) async fn put(desk: Desk, body: Bytes) -> Result<Json<Settings>, Problem> {
    desk.require(&[Role::Admin])?;
    let Drawn { logo, bytes } = draw(&body)?;
    // The picture before what names it: settings never name one that isn't there.
    desk.store().keep_logo(&logo.sha256, bytes).await?;
    let settings = save(&desk, |settings| settings.logo = Some(logo.clone())).await?;
    shown(&desk, &settings).await.map(Json)
}

/// Takes the firm's picture away; its name stands in its place.
#[utoipa::path(delete, path = "/firm/v1/settings/logo", tag = "firm", operation_id = "remove_logo",
    responses((status = 200, body = Settings)))]
pub(crate) async fn remove(desk: Desk) -> Result<Json<Settings>, Problem> {
    desk.require(&[Role::Admin])?;
    let settings = save(&desk, |settings| settings.logo = None).await?;
    shown(&desk, &settings).await.map(Json)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    /// A picture of that size, with a corner that nothing is in.
    fn picture(width: u32, height: u32) -> RgbaImage {
        RgbaImage::from_fn(width, height, |x, y| match (x * 4 / width, y * 2 / height) {
            (0, 0) => Rgba([0, 0, 0, 0]),
            (column, _) => Rgba([31, 91, 110 + u8::try_from(column).unwrap() * 20, 255]),
        })
    }

    fn file(picture: &RgbaImage, kind: ImageFormat) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        let picture = DynamicImage::ImageRgba8(picture.clone());
        let picture = if kind == ImageFormat::Jpeg { picture.into_rgb8().into() } else { picture };
        picture.write_to(&mut bytes, kind).unwrap();
        bytes.into_inner()
    }

    fn png(width: u32, height: u32) -> Vec<u8> {
        file(&picture(width, height), ImageFormat::Png)
    }

    #[test]
    fn let_2_a_picture_of_each_kind_is_kept_as_a_png_that_fits() {
        for (kind, size, kept) in [
            (ImageFormat::Png, (200, 100), (200, 100)),
            (ImageFormat::Jpeg, (200, 100), (200, 100)),
            (ImageFormat::WebP, (200, 100), (200, 100)),
            (ImageFormat::Png, (1_280, 320), (640, 160)),
            (ImageFormat::Png, (1_000, 1_000), (160, 160)),
            (ImageFormat::Png, (3_000, 300), (640, 64)),
            (ImageFormat::Png, (16, 16), (16, 16)),
        ] {
            let drawn = draw(&file(&picture(size.0, size.1), kind)).unwrap();
            assert_eq!((drawn.logo.width, drawn.logo.height), kept, "{kind:?} of {size:?}");
            let again = image::load_from_memory_with_format(&drawn.bytes, ImageFormat::Png);
            let again = again.unwrap();
            assert_eq!((again.width(), again.height()), kept);
            assert_eq!(drawn.logo.sha256, hex::encode(Sha256::digest(&drawn.bytes)));
        }
        // Nothing stays nothing: a logo stands on any ground.
        let drawn = draw(&png(200, 100)).unwrap();
        let kept = image::load_from_memory(&drawn.bytes).unwrap().into_rgba8();
        assert_eq!((kept.get_pixel(0, 0)[3], kept.get_pixel(199, 99)[3]), (0, 255));
        assert_eq!(draw(&png(200, 100)).unwrap(), drawn, "the same file is the same picture");
    }

    #[test]
    fn sec_6_what_is_no_picture_is_refused() {
        let good = png(200, 100);
        let jpeg = file(&picture(200, 100), ImageFormat::Jpeg);
        let webp = file(&picture(200, 100), ImageFormat::WebP);
        let half = |file: &[u8]| file[..file.len() / 2].to_vec();
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
        let noise = RgbaImage::from_fn(640, 160, |x, y| {
            // Any numbers without a pattern.
            let mixed = (x * 7_919 + y * 104_729 + 1).wrapping_mul(2_654_435_761);
            let [a, b, c, d] = (mixed ^ (mixed >> 13)).wrapping_mul(2_246_822_519).to_le_bytes();
            Rgba([a, b, c, d | 1])
        });
        let mut huge = good.clone();
        huge[16..20].copy_from_slice(&30_000_u32.to_be_bytes());
        let check = crc(&huge[12..29]);
        huge[29..33].copy_from_slice(&check.to_be_bytes());
        let mut flipped = good.clone();
        let middle = flipped.len() / 2;
        flipped[middle] ^= 0xff;
        for (name, file, words) in [
            ("nothing", Vec::new(), "choose a file"),
            ("an SVG with a script", svg.as_bytes().to_vec(), "SVG"),
            ("an SVG behind its head", format!("<?xml version=\"1.0\"?>\n{svg}").into(), "SVG"),
            ("a text", b"a,b\n1,2\n".to_vec(), "no PNG"),
            ("a page", b"<!doctype html><script>alert(1)</script>".to_vec(), "no PNG"),
            ("another kind", b"GIF89a\x01\x00\x01\x00".to_vec(), "no PNG"),
            ("a name and nothing", b"\x89PNG\r\n\x1a\n".to_vec(), "broken"),
            ("half a PNG", half(&good), "broken"),
            ("half a JPEG", half(&jpeg), "broken"),
            ("half a WebP", half(&webp), "broken"),
            ("a changed byte", flipped, "broken"),
            ("a small file of a huge picture", huge, "pixels"),
            ("a ribbon", png(200, 15), "200 × 15 pixels"),
            ("a wall", png(3_001, 400), "16 to 3000"),
            ("a line", png(177, 16), "stripe"),
            ("a pole", png(16, 161), "stripe"),
            ("noise", self::file(&noise, ImageFormat::Png), "too many details"),
        ] {
            let problem = Problem::from(draw(&file).expect_err(name));
            assert_eq!(problem.field.as_deref(), Some("logo"), "{name}");
            assert!(problem.detail.contains(words), "{name}: {}", problem.detail);
        }
    }

    #[test]
    fn sec_6_what_hides_in_or_behind_a_picture_stays_away() {
        let script = b"<script>alert(1)</script>";
        let after = |file: Vec<u8>| [file.as_slice(), script].concat();
        let good = png(200, 100);
        // A text chunk right after the head, as PNG allows.
        let mut within = good[..33].to_vec();
        within.extend(u32::try_from(script.len()).unwrap().to_be_bytes());
        let chunk = [b"tEXt".as_slice(), script].concat();
        within.extend(&chunk);
        within.extend(crc(&chunk).to_be_bytes());
        within.extend(&good[33..]);
        for (name, file) in [
            ("behind a PNG", after(good.clone())),
            ("behind a JPEG", after(file(&picture(200, 100), ImageFormat::Jpeg))),
            ("in a PNG", within),
        ] {
            let drawn = draw(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
            let has = drawn.bytes.windows(script.len()).any(|bytes| bytes == script);
            assert!(!has, "{name}");
        }
    }

    /// The check that PNG has behind each chunk.
    fn crc(bytes: &[u8]) -> u32 {
        !bytes.iter().fold(u32::MAX, |crc, byte| {
            (0..8).fold(crc ^ u32::from(*byte), |crc, _| match crc & 1 {
                1 => (crc >> 1) ^ 0xedb8_8320,
                _ => crc >> 1,
            })
        })
    }
}
