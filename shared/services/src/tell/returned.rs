//! Mails to a person at the firm come back (LET-6, STAFF-1): none is sent there any more, the settings say so,
//! and somebody else is told, who can do something about it.
//!
//! The person is written to again after choosing which mails to get, or at another address. Meanwhile what only
//! that person would be told, others of the role are.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::calendar::day_at;
use domain::id::StaffId;
use domain::role::{Actor, Role};
use domain::text::Personal;
use letters::LetterError;
use letters::staff_address::{AddressFacts, render};
use store::{FirmChange, FirmCommit, Heard, Mails, MailsReturned, StaffMail, StoreError};

use super::directory::Directory;
use crate::execute::Caller;
use crate::firm::Firm;
use crate::office::policies::meta;
use crate::office::settings::MAX_TRIES;

/// Where the others see who works at the firm.
const SETTINGS_PATH: &str = "/console/settings";

/// Whose mails come back.
pub(crate) struct Back<'a> {
    pub(crate) staff: &'a StaffId,
    pub(crate) address: &'a Personal,
    pub(crate) is_complaint: bool,
}

/// Why it could not be noted.
#[derive(Debug, thiserror::Error)]
pub enum ReturnedError {
    /// Others kept changing the firm.
    #[error("the firm is being changed by others")]
    Busy,
    /// A mail could not be put into words: a mistake of the program.
    #[error("a mail to staff could not be written")]
    Letter(#[from] LetterError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Notes it once, and tells somebody else.
pub(crate) async fn note(
    firm: &Firm,
    back: &Back<'_>,
    at: DateTime<Utc>,
    public_url: &str,
    now: DateTime<Utc>,
) -> Result<(), ReturnedError> {
    let directory = Directory::of(firm).await?;
    let person = directory.person(back.staff);
    if person.and_then(|person| person.address.as_ref()) != Some(back.address) {
        return Ok(()); // left the firm, or is reached elsewhere by now
    }
    mark(firm, back, at, now).await?;
    tell_others(firm, back, at, public_url, now).await
}

async fn mark(
    firm: &Firm,
    back: &Back<'_>,
    at: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<(), ReturnedError> {
    let store = firm.store();
    for _ in 0..MAX_TRIES {
        let known = store.mails_returned(back.staff).await?;
        if known.is_some_and(|known| known.address == *back.address) {
            return Ok(());
        }
        let Some(loaded) = store.load_firm().await? else { return Ok(()) };
        let change = FirmChange::MailsReturned(MailsReturned {
            staff: back.staff.clone(),
            address: back.address.clone(),
            at,
            is_complaint: back.is_complaint,
        });
        let meta = meta(firm, "note_returned_mail", &Caller::new(Actor::Gateway), now);
        if store.change_firm(&loaded, &change, &meta).await? == FirmCommit::Done {
            return Ok(());
        }
    }
    Err(ReturnedError::Busy)
}

/// Admins, or partners where no other admin is reached.
async fn tell_others(
    firm: &Firm,
    back: &Back<'_>,
    at: DateTime<Utc>,
    public_url: &str,
    now: DateTime<Utc>,
) -> Result<(), ReturnedError> {
    let directory = Directory::of(firm).await?;
    let mut readers = Vec::new();
    for role in [Role::Admin, Role::Partner] {
        let others: BTreeSet<_> =
            directory.all_of(role).into_iter().filter(|staff| staff != back.staff).collect();
        readers = directory.readers(firm, &others, |mails| mails != Mails::Off).await?;
        if !readers.is_empty() {
            break;
        }
    }
    // Of the day of the news: told again, it is the same mail.
    let day = day_at(at, firm.settings().zone);
    let name = |staff: &StaffId| directory.person(staff).map_or("", |person| &*person.name);
    let public_url = public_url.trim_end_matches('/');
    for staff in readers {
        let rendered = render(&AddressFacts {
            firm: firm.settings().name.clone(),
            reader: name(&staff).to_owned(),
            person: name(back.staff).to_owned(),
            is_complaint: back.is_complaint,
            settings_link: format!("{public_url}{SETTINGS_PATH}"),
            choice_link: format!("{public_url}{}", super::CHOICE_PATH),
        })?;
        let mail = StaffMail {
            id: format!("{day}-returned-{}", back.staff),
            staff,
            is_digest: false,
            made_at: firm.now(now),
            subject: Personal::new(rendered.subject),
            text: Personal::new(rendered.text),
            html: Personal::new(rendered.html),
            names: Vec::new(),
            to: None,
            attempts: 0,
            doubts: 0,
            attempted_at: None,
            outcome: None,
            heard: Heard::default(),
        };
        firm.store().add_staff_mail(&mail, now).await?;
    }
    Ok(())
}
