//! What is heard of a mail after the mail service has taken it (LET-4, LET-6, LET-10).
//!
//! News name their mail by what it was sent with ([`About`]); they are believed only where they name the
//! message that stands there: by the mail service's own id, or, where that was never noted or the mail was
//! handed over more than once, by our name for it; and only for the address to which it went. So a forged or
//! mistaken tag reaches nobody's mail, let alone another firm's (SEC-1).
//!
//! First what follows from news is done, then they are kept; so a process that ends between the two does it
//! again, which changes nothing, and news that are kept are done with, however often they come. They may
//! come in any order: each kind has a place of its own ([`store::Heard`]).
//!
//! News of a letter also say that it left: one that was claimed, and whose sender never told what became of it,
//! is found by them before its lease ends (LET-4).

use chrono::{DateTime, Utc};
use domain::command::Command;
use domain::id::{ClientId, FirmId, StaffId};
use domain::letter::{LetterId, LetterState};
use domain::role::Actor;
use identity::contact::Address;
use platform::mail::{About, MailKind};
use store::{
    AddressHash, ContactMail, Delivery, DeliveryState, HeardKind, HeardNews, LetterRow, SentLetter,
    StaffMail, StoreError,
};

use super::sender::message_name;
use crate::execute::{Caller, ExecuteError, execute};
use crate::firm::Firm;
use crate::tell::{ReturnedError, returned};

/// The longest that somebody else's words are kept: a line or two of a mail server.
const MAX_WORDS: usize = 500;

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailNews {
    /// Of which mail.
    pub about: About,
    /// The mail service's id of the message.
    pub provider_id: String,
    /// Our name for it, as it came back.
    pub message_id: Option<String>,
    /// When it was.
    pub at: DateTime<Utc>,
    /// What.
    pub kind: NewsKind,
    /// Of which addresses; of all, if it doesn't say.
    pub to: Vec<String>,
    /// In the other side's words.
    pub what: Option<String>,
}

/// What can be heard of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NewsKind {
    /// The mail service took it.
    Taken,
    /// Something that stays with it.
    Heard(HeardKind),
}

/// What became of news.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// They were new, and what follows from them is done.
    New,
    /// They were known.
    Known,
    /// They are of no mail that stands here.
    Strange,
}

/// Why news come again.
#[derive(Debug, thiserror::Error)]
pub enum FeedbackError {
    /// A command.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// Staff could not be told.
    #[error(transparent)]
    Returned(#[from] ReturnedError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What a letter is about.
pub(crate) fn about_letter(firm: &FirmId, client: &ClientId, letter: LetterId) -> About {
    about(firm, MailKind::Letter, client.as_str(), &letter.0.to_string())
}

/// What a letter to a contact is about.
pub(crate) fn about_contact_mail(firm: &FirmId, mail: &ContactMail) -> About {
    about(firm, MailKind::Contact, mail.address.as_str(), &mail.id)
}

/// What a mail to a person at the firm is about.
pub(crate) fn about_staff_mail(firm: &FirmId, mail: &StaffMail) -> About {
    about(firm, MailKind::Staff, mail.staff.as_str(), &mail.id)
}

fn about(firm: &FirmId, kind: MailKind, to: &str, mail: &str) -> About {
    About { firm: firm.to_string(), kind, to: to.to_owned(), mail: mail.to_owned() }
}

/// Takes news of one of the firm's mails.
///
/// # Errors
/// When they have to come again.
pub async fn hear(
    firm: &Firm,
    news: &MailNews,
    public_url: &str,
    now: DateTime<Utc>,
) -> Result<Told, FeedbackError> {
    let hearing = Hearing { firm, news, public_url, now };
    match news.about.kind {
        MailKind::Letter => hearing.of_letter().await,
        MailKind::Contact => hearing.of_contact_mail().await,
        MailKind::Staff => hearing.of_staff_mail().await,
    }
}

#[derive(Clone, Copy)]
struct Hearing<'a> {
    firm: &'a Firm,
    news: &'a MailNews,
    public_url: &'a str,
    now: DateTime<Utc>,
}

impl Hearing<'_> {
    async fn of_letter(&self) -> Result<Told, FeedbackError> {
        let (store, about) = (self.firm.store(), &self.news.about);
        let (Ok(client), Ok(number)) = (about.to.parse::<ClientId>(), about.mail.parse()) else {
            return Ok(Told::Strange);
        };
        let id = LetterId(number);
        let Some(row) = store.letter(&client, id).await? else { return Ok(Told::Strange) };
        let Some(sent) = store.sent_letter(&client, id).await? else { return Ok(Told::Strange) };
        let has_left = matches!(row.letter.state, LetterState::Left(_));
        let is_there = |address: &str| address.eq_ignore_ascii_case(sent.to.as_str());
        let is_same = self.is_same(row.delivery.as_ref(), sent.attempts, |name| {
            name == local_part(&sent.message_id)
        });
        if !(has_left && is_same && self.is_to(is_there)) {
            return Ok(Told::Strange);
        }
        // What is heard of a message is heard of every letter in it (LET-9), of this one last: where it is kept of
        // this one, it is of all.
        for one in &sent.together {
            let Some(row) = store.letter(&one.client, one.letter).await? else { continue };
            let other = store.sent_letter(&one.client, one.letter).await?;
            let is_in = |other: &SentLetter| other.message_id == sent.message_id;
            if let Some(other) = other.filter(is_in)
                && matches!(row.letter.state, LetterState::Left(_))
            {
                self.of_one(&one.client, row, other).await?;
            }
        }
        self.of_one(&client, row, sent).await
    }

    /// What follows for one client's letter.
    async fn of_one(
        &self,
        client: &ClientId,
        row: LetterRow,
        sent: SentLetter,
    ) -> Result<Told, FeedbackError> {
        let (store, id) = (self.firm.store(), row.letter.id);
        if row.delivery.is_none() {
            let delivery = Delivery { sha256: Some(sent.sha256), ..self.delivery() };
            store.letter_delivered(client, id, &delivery).await?;
        }
        let NewsKind::Heard(kind) = self.news.kind else { return Ok(Told::New) };
        if row.heard.get(kind).is_some() {
            return Ok(Told::Known);
        }
        match kind {
            HeardKind::Arrived | HeardKind::Delayed => {}
            HeardKind::Returned | HeardKind::Complained => {
                self.execute(client, Command::ReportBounce { letter: id, to: Some(sent.to) })
                    .await?;
            }
            HeardKind::Refused => {
                self.execute(client, Command::ReportStuckLetter { letter: id }).await?;
            }
        }
        store.hear_of_letter(client, id, kind, &self.heard()).await?;
        Ok(Told::New)
    }

    async fn of_contact_mail(&self) -> Result<Told, FeedbackError> {
        let (firm, store, about) = (self.firm, self.firm.store(), &self.news.about);
        let Ok(address) = AddressHash::try_from(about.to.clone()) else {
            return Ok(Told::Strange);
        };
        let Some(mail) = store.mail(&address, &about.mail).await? else {
            return Ok(Told::Strange);
        };
        let is_there = |text: &str| {
            let parsed: Option<Address> = text.parse().ok();
            parsed.is_some_and(|to| AddressHash::of(firm.id(), to.as_str()) == address)
        };
        let is_same = self.is_same(mail.outcome.as_ref(), mail.attempts, |name| {
            (0..mail.attempts).any(|tried| {
                name == message_name(firm.id(), &contact_mail_name(firm.id(), &mail.id, tried))
            })
        });
        if !(is_same && self.is_to(is_there)) {
            return Ok(Told::Strange);
        }
        if mail.outcome.is_none() {
            store.finish_mail(&mail, &self.delivery()).await?;
        }
        let NewsKind::Heard(kind) = self.news.kind else { return Ok(Told::New) };
        // What follows is looked up by whoever writes to the address next.
        let is_new = store.hear_of_mail(&address, &mail.id, kind, &self.heard()).await?;
        Ok(if is_new { Told::New } else { Told::Known })
    }

    async fn of_staff_mail(&self) -> Result<Told, FeedbackError> {
        let (firm, store, about) = (self.firm, self.firm.store(), &self.news.about);
        let Ok(staff) = about.to.parse::<StaffId>() else { return Ok(Told::Strange) };
        let Some(mail) = store.staff_mail(&staff, &about.mail).await? else {
            return Ok(Told::Strange);
        };
        let Some(to) = mail.to.clone() else { return Ok(Told::Strange) };
        let is_same = self.is_same(mail.outcome.as_ref(), mail.attempts, |name| {
            name == message_name(firm.id(), &staff_mail_name(firm.id(), &mail))
        });
        if !(is_same && self.is_to(|address| address.eq_ignore_ascii_case(to.as_str()))) {
            return Ok(Told::Strange);
        }
        if mail.outcome.is_none() {
            store.finish_staff_mail(&mail, &self.delivery()).await?;
        }
        let NewsKind::Heard(kind) = self.news.kind else { return Ok(Told::New) };
        if mail.heard.get(kind).is_some() {
            return Ok(Told::Known);
        }
        if matches!(kind, HeardKind::Returned | HeardKind::Complained) {
            let is_complaint = kind == HeardKind::Complained;
            let back = returned::Back { staff: &staff, address: &to, is_complaint };
            returned::note(firm, &back, self.news.at, self.public_url, self.now).await?;
        }
        store.hear_of_staff_mail(&staff, &mail.id, kind, &self.heard()).await?;
        Ok(Told::New)
    }

    /// Whether the news are of the message that stands there.
    fn is_same(
        &self,
        known: Option<&Delivery>,
        attempts: u32,
        is_ours: impl Fn(&str) -> bool,
    ) -> bool {
        let known = known.and_then(|delivery| delivery.message_id.as_deref());
        if known == Some(&*self.news.provider_id) {
            return true;
        }
        let is_settled = known.is_some() && attempts <= 1;
        !is_settled && self.news.message_id.as_deref().is_some_and(|id| is_ours(local_part(id)))
    }

    /// Whether one of the addresses that the news are of is that one.
    fn is_to(&self, is_there: impl Fn(&str) -> bool) -> bool {
        self.news.to.is_empty() || self.news.to.iter().any(|address| is_there(address))
    }

    /// That it left, as these news say it.
    fn delivery(&self) -> Delivery {
        Delivery {
            state: DeliveryState::Sent,
            at: self.firm.now(self.now),
            message_id: Some(self.news.provider_id.clone()),
            sha256: None,
            problem: None,
        }
    }

    fn heard(&self) -> HeardNews {
        let what = self.news.what.as_ref().map(|what| what.chars().take(MAX_WORDS).collect());
        let is_test = self.firm.settings().is_test;
        HeardNews { at: if is_test { self.firm.now(self.now) } else { self.news.at }, what }
    }

    async fn execute(&self, client: &ClientId, command: Command) -> Result<(), FeedbackError> {
        let caller = Caller::new(Actor::Gateway);
        execute(self.firm, client, &command, &caller, self.now).await?;
        Ok(())
    }
}

fn local_part(message_id: &str) -> &str {
    message_id.split('@').next().unwrap_or_default()
}

/// What a letter to a contact is called; each try has a name of its own.
pub(crate) fn contact_mail_name(firm: &FirmId, mail: &str, attempt: u32) -> String {
    format!("contact {firm} {mail} {attempt}")
}

/// What a mail to a person at the firm is called, at each try.
pub(crate) fn staff_mail_name(firm: &FirmId, mail: &StaffMail) -> String {
    format!("staff {firm} {} {}", mail.staff, mail.id)
}
