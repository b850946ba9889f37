//! A letter on trial, to the person who words it and to nobody else (LET-3).
//!
//! It goes the way of all mails to staff: kept first, then sent by whoever sends letters. Its subject says that it is
//! a trial, and its link opens nothing. Nobody else's address can be named: so no words leave in the firm's name
//! before they are the firm's.

use chrono::{DateTime, Utc};
use domain::id::StaffId;
use domain::text::Personal;
use identity::OpaqueToken;
use letters::Rendered;
use store::{Heard, Mails, StaffMail, StoreError};

use super::directory::Directory;
use crate::correspondence::{Sender, SetUpError};
use crate::firm::Firm;

/// How its subject begins.
const MARK: &str = "[Test]";

/// Why no trial is sent.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// The firm's letters wait, and so would this one (LET-2).
    #[error(transparent)]
    SetUp(#[from] SetUpError),
    /// Nobody said where the person is reached.
    #[error(
        "no e-mail address of yours is known here, so nothing can be sent to you; ask an admin"
    )]
    NoAddress,
    /// It bounced before.
    #[error("mails to your address come back; choose again which mails you get, or ask an admin")]
    ComesBack,
    /// The person chose so.
    #[error("you chose to get no mails; choose again under Your mails")]
    WantsNone,
    /// No name could be made for it.
    #[error(transparent)]
    Random(#[from] identity::opaque::RandomError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Sends a letter to the person who words it; to which address.
///
/// # Errors
/// [`TrialError`].
pub async fn mail_trial(
    firm: &Firm,
    staff: &StaffId,
    letter: &Rendered,
    now: DateTime<Utc>,
) -> Result<Personal, TrialError> {
    Sender::of(firm.settings())?;
    let directory = Directory::of(firm).await?;
    let person = directory.person(staff);
    let address = person.and_then(|person| person.address.clone()).ok_or(TrialError::NoAddress)?;
    if person.and_then(|person| person.reached_at()).is_none() {
        return Err(TrialError::ComesBack);
    }
    if firm.store().mail_choice(staff).await? == Mails::Off {
        return Err(TrialError::WantsNone);
    }
    let token = OpaqueToken::random_128()?;
    let mail = StaffMail {
        id: format!("{}-test-{}", firm.day(now), token.reveal()),
        staff: staff.clone(),
        is_digest: false,
        made_at: firm.now(now),
        subject: Personal::new(format!("{MARK} {}", letter.subject)),
        text: Personal::new(&*letter.text),
        html: Personal::new(&*letter.html),
        names: Vec::new(),
        to: None,
        attempts: 0,
        doubts: 0,
        attempted_at: None,
        outcome: None,
        heard: Heard::default(),
    };
    firm.store().add_staff_mail(&mail, now).await?;
    Ok(address)
}
