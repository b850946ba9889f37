//! What is handed out on paper: a demand letter, a client's statement of account, a referral to collections.
//!
//! Each is made when it is asked for, from what the table holds, and kept nowhere: the same facts make the same
//! bytes ([`paper`]). Tables of the same go out as CSV ([`csv`]).

pub mod csv;
pub mod history;
pub mod letter;
pub mod referral;
pub mod statement;

use axum::body::Body;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::calendar::Day;
use domain::letter::Language;
use domain::text::Personal;
use paper::{Letterhead, PageSize, PaperError};
use serde::{Deserialize, Serialize};
use store::{FirmSettings, PaperHead, StoreError};

use crate::firm::Firm;
use crate::http::Problem;

/// Bytes of a PDF.
const PDF: &str = "application/pdf";

/// Whoever bills in these prints on letter size; everybody else on A4.
const LETTER_CURRENCIES: [&str; 3] = ["USD", "CAD", "MXN"];

/// In which form something is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// For programs.
    Json,
    /// For a spreadsheet.
    Csv,
    /// For people.
    Pdf,
}

/// Who writes to whom, as the firm is now.
pub fn head(settings: &FirmSettings, client: &Personal, day: Day) -> PaperHead {
    PaperHead {
        name: settings.name.clone(),
        postal_address: settings.postal_address.clone(),
        phone: settings.phone.clone(),
        reply_to: settings.reply_to.clone().or_else(|| settings.mail_from.clone()),
        logo: settings.logo.clone(),
        colour: settings.colour,
        is_letter_size: LETTER_CURRENCIES.contains(&settings.currency.code()),
        client: client.clone(),
        day,
        is_attached: false,
    }
}

/// The firm's picture, read.
///
/// # Errors
/// Whatever reading has.
pub async fn picture(firm: &Firm, head: &PaperHead) -> Result<Option<Vec<u8>>, StoreError> {
    match &head.logo {
        Some(logo) => firm.store().logo(&logo.sha256).await,
        None => Ok(None),
    }
}

/// The firm as it stands on paper, with that picture.
fn letterhead(head: &PaperHead, logo: Option<Vec<u8>>) -> Letterhead {
    let address = head.postal_address.iter().flat_map(|address| address.lines());
    let mut lines: Vec<String> = address.map(|line| line.trim().to_owned()).collect();
    let reach: Vec<_> = head.reply_to.iter().chain(&head.phone).cloned().collect();
    lines.push(reach.join(" · "));
    lines.retain(|line| !line.is_empty());
    let colour = Some(letters::readable(head.colour).channels());
    Letterhead { name: head.name.clone(), lines, logo, colour }
}

fn size(head: &PaperHead) -> PageSize {
    if head.is_letter_size { PageSize::Letter } else { PageSize::A4 }
}

/// What stands between a page's number and that of the last.
pub(crate) fn of(language: Language) -> &'static str {
    match language {
        Language::En => "of",
        Language::Es => "de",
    }
}

/// A PDF to be kept under that name.
pub fn pdf(name: &str, bytes: Vec<u8>) -> Response {
    file(name, PDF, bytes)
}

pub(crate) fn file(name: &str, kind: &'static str, bytes: impl Into<Body>) -> Response {
    let disposition = format!("attachment; filename=\"{}\"", safe(name));
    ([(CONTENT_TYPE, kind.to_owned()), (CONTENT_DISPOSITION, disposition)], bytes.into())
        .into_response()
}

/// A name that every system can give to a file.
fn safe(name: &str) -> String {
    let letter = |letter: char| match letter {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '.' | '-' | '_' => letter,
        _ => '-',
    };
    name.chars().map(letter).collect()
}

impl From<PaperError> for Problem {
    fn from(error: PaperError) -> Self {
        Self::internal(&error)
    }
}
