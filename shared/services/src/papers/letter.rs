//! A letter on paper: the words that were sent, under the firm's head.
//!
//! It says what the mail says, in the firm's own words too, for it is made from them: subject, text and the day.
//! The head is kept with the letter, so that the paper that is fetched years later is the one that was attached.

use domain::account::Account;
use domain::id::ClientId;
use domain::letter::{Language, LetterId, LetterKind, LetterState};
use paper::{Block, Paper, PaperError, render};
use store::{PaperHead, SentLetter, StoreError};

use super::{head, letterhead, of, picture, safe, size};
use crate::firm::Firm;
use crate::http::Problem;

/// A letter's paper, and what it is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPaper {
    /// As a file.
    pub name: String,
    /// The PDF.
    pub bytes: Vec<u8>,
}

/// Why a letter has no paper.
#[derive(Debug, thiserror::Error)]
pub enum LetterError {
    /// There is none, or it wasn't sent.
    #[error("there is no such letter, or it wasn't sent")]
    None,
    /// It is no demand: what is no demand is mail alone.
    #[error("only demand letters and final demands are made on paper")]
    NoDemand,
    /// Its words were more than is kept.
    #[error("its words were too long to be kept; the hash of the message is")]
    NoWords,
    /// It can't be made.
    #[error(transparent)]
    Paper(#[from] PaperError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<LetterError> for Problem {
    fn from(error: LetterError) -> Self {
        match error {
            LetterError::None => Self::not_found("letter"),
            LetterError::NoDemand | LetterError::NoWords => {
                Self { detail: error.to_string(), ..Self::not_found("letter") }
            }
            LetterError::Paper(error) => error.into(),
            LetterError::Store(error) => error.into(),
        }
    }
}

/// Whether a letter of that kind is made on paper.
pub fn is_on_paper(kind: LetterKind) -> bool {
    matches!(kind, LetterKind::DemandLetter | LetterKind::FinalDemand)
}

/// A letter that was sent, on paper.
///
/// # Errors
/// [`LetterError`].
pub async fn sent(
    firm: &Firm,
    account: &Account,
    letter: LetterId,
) -> Result<OnPaper, LetterError> {
    let client = &account.client;
    let row = firm.store().letter(client, letter).await?.ok_or(LetterError::None)?;
    let LetterState::Left(sending) = &row.letter.state else { return Err(LetterError::None) };
    if !is_on_paper(sending.kind) {
        return Err(LetterError::NoDemand);
    }
    let sent = firm.store().sent_letter(client, letter).await?.ok_or(LetterError::None)?;
    let now = || head(firm.settings(), &account.profile.name, sending.on);
    let head = sent.paper.clone().unwrap_or_else(now);
    let logo = picture(firm, &head).await?;
    on_paper(&head, logo, client, letter, &sent)
}

/// The paper of a letter that is about to leave, or left.
///
/// # Errors
/// [`LetterError::NoWords`]; when the PDF can't be written.
pub fn on_paper(
    head: &PaperHead,
    logo: Option<Vec<u8>>,
    client: &ClientId,
    letter: LetterId,
    sent: &SentLetter,
) -> Result<OnPaper, LetterError> {
    let words = sent.words.as_ref().ok_or(LetterError::NoWords)?;
    let language = sent.template.as_ref().map_or(Language::default(), |used| used.language);
    let (date, to) = match language {
        Language::En => ("Date", "To"),
        Language::Es => ("Fecha", "Para"),
    };
    let name = head.client.as_str();
    let mut blocks = vec![Block::Facts(vec![
        (date.to_owned(), letters::date(language, head.day)),
        (to.to_owned(), format!("{name}\n{}", sent.to.as_str())),
    ])];
    blocks.extend(paragraphs(words.text.as_str()));
    let paper = Paper {
        title: sent.subject.as_str().to_owned(),
        language: language.as_str(),
        size: size(head),
        letterhead: letterhead(head, logo),
        footer: format!("{} · {name}", head.name),
        of: of(language),
        blocks,
    };
    let bytes = render(&paper)?;
    Ok(OnPaper { name: file_name(client, letter), bytes })
}

/// What the file is called.
pub fn file_name(client: &ClientId, letter: LetterId) -> String {
    safe(&format!("letter-{client}-{}.pdf", letter.0))
}

/// A text as paragraphs: an empty line is where one ends.
pub(crate) fn paragraphs(text: &str) -> Vec<Block> {
    let text = text.replace("\r\n", "\n");
    let parts = text.split("\n\n").map(|part| part.trim_matches('\n'));
    let parts = parts.filter(|part| !part.trim().is_empty());
    parts.map(|part| Block::Paragraph(part.to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn let_7_a_text_becomes_paragraphs_at_its_empty_lines() {
        let text = |block: &Block| match block {
            Block::Paragraph(text) => text.clone(),
            other => panic!("{other:?}"),
        };
        let found: Vec<_> =
            paragraphs("Dear Acme,\r\n\r\n\nInvoice A-1\n  Open: 1\n\n\n \n\nBye\n")
                .iter()
                .map(text)
                .collect();
        assert_eq!(found, ["Dear Acme,", "Invoice A-1\n  Open: 1", "Bye"]);
        assert!(paragraphs(" \n\n").is_empty());
    }
}
