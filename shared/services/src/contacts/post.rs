//! Letters to contacts leave: at once, at any hour, and as often as it takes (LET-2, SEC-3).
//!
//! The link is made when its letter is written, and the table gets its hash before the mail service gets the
//! letter. A letter of which nobody knows whether it left is sent again with another link: a second one does no
//! harm, and none would keep somebody out. Neither the words nor the token are kept: who reads the letter is
//! signed in, so unlike the letters to clients it is not stored as sent.

use chrono::{DateTime, TimeDelta, Utc};
use domain::letter::LetterKind;
use identity::contact::ContactToken;
use letters::facts::{self, LetterFacts, SignIn, Valid};
use letters::{Envelope, LetterError, MimeError};
use platform::mail::{MailError, Message, SentId};
use store::{
    Contact, ContactLink, ContactLinkKind, ContactMail, ContactState, Delivery, DeliveryState,
    HeardKind,
};

use super::error::ContactError;
use super::sign_in::may_come;
use super::{INVITATION_VALID, LINK_VALID, MailMessage};
use crate::correspondence::{Correspondence, Sender, SetUpError, feedback, is_set_up, sender};
use crate::firm::Firm;
use crate::wording::{Wording, writer};

/// Where a link leads: the page with the button, and the token after it.
pub const SIGN_IN_PATH: &str = "/portal/sign-in/";

/// How long one try may take: more than a queue gives a function for it.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// How soon it is tried again, doubled each time.
const FIRST_WAIT: TimeDelta = TimeDelta::seconds(20);

/// And never later than that.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(15);

/// For how long an address takes no links after one came back: one that never does is tried once a week.
const BACK_FOR: TimeDelta = TimeDelta::days(7);

/// Whoever asked for a link and got none for so long has asked again, or gone.
const LINK_WANTED: TimeDelta = TimeDelta::hours(1);

/// An invitation is worth some days: a firm's domain is being verified, a mail service is down.
const INVITATION_WANTED: TimeDelta = TimeDelta::days(3);

/// What became of a letter this time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailOutcome {
    /// The mail service took it.
    Sent,
    /// Nobody has that address, or may come by it.
    Nobody,
    /// It comes again then.
    Again(DateTime<Utc>),
    /// The firm can't write letters yet (LET-2); it comes again.
    NotSetUp(SetUpError),
    /// It can't be delivered, or came too late: staff see it at the contact.
    GivenUp,
    /// It was done before, or somebody else is at it.
    Done,
}

/// Why no letter was made.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Letter(#[from] LetterError),
    #[error(transparent)]
    Mime(#[from] MimeError),
}

/// One letter.
#[derive(Clone, Copy)]
struct Task<'a> {
    firm: &'a Firm,
    mail: &'a ContactMail,
    now: DateTime<Utc>,
}

impl Correspondence {
    /// Writes to a contact, as a message of the queue says.
    ///
    /// # Errors
    /// When it has to come again.
    pub async fn write_to_contact(
        &self,
        firm: &Firm,
        message: &MailMessage,
        now: DateTime<Utc>,
    ) -> Result<MailOutcome, ContactError> {
        let mail = firm.store().mail(&message.address, &message.mail).await?;
        let Some(mail) = mail.filter(|mail| mail.outcome.is_none()) else {
            return Ok(MailOutcome::Done);
        };
        let outcome = self.write(Task { firm, mail: &mail, now }).await?;
        // Not who: whether anybody has the address stands in no log either.
        tracing::info!(firm.id = %firm.id(), mail.id = mail.id, ?outcome, "Looked at letter {}", mail.id);
        Ok(outcome)
    }

    async fn write(&self, task: Task<'_>) -> Result<MailOutcome, ContactError> {
        let Task { firm, mail, now } = task;
        if !firm.store().attempt_mail(mail, now + LEASE).await? {
            return Ok(MailOutcome::Done);
        }
        let Some(contact) = task.contact().await? else {
            firm.store().forget_mail(mail).await?;
            return Ok(MailOutcome::Nobody);
        };
        if mail.asked_at + wanted(mail.kind) <= now {
            return task.give_up("it could not leave in time").await;
        }
        if task.comes_back().await? {
            return task.give_up("letters to the address come back").await;
        }
        let sender = match Sender::of(firm.settings()) {
            Ok(sender) => sender,
            Err(error) => {
                task.again().await?;
                return Ok(MailOutcome::NotSetUp(error));
            }
        };
        let token = ContactToken::new(firm.id(), &contact.id)?;
        let wording = task.wording(&contact).await?;
        let message = match self.message(task, &contact, &sender, (&token, &wording)) {
            Ok(message) => message,
            Err(error) => return task.give_up(&platform::log::chain(&error)).await,
        };
        let link = ContactLink {
            id: token.name().to_owned(),
            hash: token.hash().to_string(),
            kind: mail.kind,
            made_at: now,
            ends_at: now + valid(mail.kind),
        };
        firm.store().add_contact_link(&contact.id, &link).await?;
        self.hand_to_service(task, &message).await
    }

    async fn hand_to_service(
        &self,
        task: Task<'_>,
        message: &Message,
    ) -> Result<MailOutcome, ContactError> {
        match self.mail.send(message).await {
            Ok(SentId(id)) => {
                task.finish(DeliveryState::Sent, Some(id), None).await?;
                Ok(MailOutcome::Sent)
            }
            Err(MailError::Throttled { .. } | MailError::Down(_) | MailError::Unanswered(_)) => {
                task.again().await
            }
            Err(MailError::Rejected { code, detail }) if is_set_up(&code, &detail) => {
                tracing::warn!(firm.id = %task.firm.id(), "The mail service refuses firm {} ({code})", task.firm.id());
                task.again().await?;
                Ok(MailOutcome::NotSetUp(SetUpError::Refused))
            }
            Err(MailError::Rejected { code, detail }) => {
                task.give_up(&format!("{code}: {detail}")).await
            }
        }
    }

    fn message(
        &self,
        task: Task<'_>,
        contact: &Contact,
        sender: &Sender,
        (token, wording): (&ContactToken, &Wording),
    ) -> Result<Message, WriteError> {
        let Task { firm, mail, now } = task;
        let settings = firm.settings();
        let portal_link = self.public_url.trim_end_matches('/').to_owned();
        let link = format!("{portal_link}{SIGN_IN_PATH}{}", token.reveal());
        let (kind, content) = match mail.kind {
            ContactLinkKind::Invitation => {
                let valid = Valid::Days(u32::try_from(INVITATION_VALID.num_days()).unwrap_or(1));
                let content = SignIn { link, portal_link, valid };
                (LetterKind::Invitation, facts::Content::Invitation(content))
            }
            ContactLinkKind::SignIn => {
                let valid = Valid::Minutes(u32::try_from(LINK_VALID.num_minutes()).unwrap_or(1));
                let content = SignIn { link, portal_link, valid };
                (LetterKind::SignInLink, facts::Content::SignInLink(content))
            }
        };
        let (rendered, _) = wording.write(&LetterFacts {
            firm: writer(settings, &sender.reply_to, self.logo_url(firm)),
            client_name: contact.facts.called.as_str().to_owned(),
            language: wording.language(),
            day: firm.day(now),
            content,
        })?;
        let to = contact.facts.address.as_str().to_owned();
        let envelope = Envelope {
            from_name: settings.name.clone(),
            from_address: sender.from.clone(),
            to_address: to.clone(),
            reply_address: sender.reply_to.clone(),
            message_id: message_id(task, sender),
            date: firm.now(now),
            unsubscribe_link: None,
        };
        let raw_mime = letters::compose(kind, &rendered, &envelope)?;
        Ok(Message {
            from: envelope.from_address,
            to,
            reply_to: envelope.reply_address,
            subject: rendered.subject,
            raw_mime,
            message_id: envelope.message_id,
            configuration: self.configuration.clone(),
            about: Some(feedback::about_contact_mail(firm.id(), mail)),
        })
    }
}

impl Task<'_> {
    /// To whom, if anybody is to be written to.
    async fn contact(&self) -> Result<Option<Contact>, ContactError> {
        let store = self.firm.store();
        let Some(id) = store.contact_at(&self.mail.address).await? else { return Ok(None) };
        let contact = store.load_contact(&id).await?.map(|loaded| loaded.contact);
        Ok(contact.filter(|contact| match self.mail.kind {
            // Whoever came meanwhile needs no invitation.
            ContactLinkKind::Invitation => {
                contact.facts.state == ContactState::Invited && !contact.facts.clients.is_empty()
            }
            ContactLinkKind::SignIn => may_come(&contact.facts),
        }))
    }

    /// Whether a link that was asked for would come back as the last letter to the address did (LET-6). An
    /// invitation is a person's word that the address is right, and is sent; and after [`BACK_FOR`] one link is
    /// tried anew, for a mailbox may be mended and nobody tells us.
    async fn comes_back(&self) -> Result<bool, ContactError> {
        if self.mail.kind == ContactLinkKind::Invitation {
            return Ok(false);
        }
        let mails = self.firm.store().mails_to(&self.mail.address).await?;
        let told = |mail: &ContactMail| match mail.heard.most() {
            Some((HeardKind::Returned | HeardKind::Complained, _)) => Some(true),
            Some((HeardKind::Arrived, _)) => Some(false),
            Some((HeardKind::Delayed | HeardKind::Refused, _)) | None => None,
        };
        let mut recent = mails.iter().rev().filter(|mail| self.now < mail.asked_at + BACK_FOR);
        Ok(recent.find_map(told).unwrap_or(false))
    }

    /// In whose words it is written: in the language of the first client that the contact is for, or the firm's.
    async fn wording(&self, contact: &Contact) -> Result<Wording, ContactError> {
        let kind = match self.mail.kind {
            ContactLinkKind::Invitation => LetterKind::Invitation,
            ContactLinkKind::SignIn => LetterKind::SignInLink,
        };
        let client = match contact.facts.clients.iter().next() {
            Some(client) => self.firm.store().load(client).await?,
            None => None,
        };
        let language = client.and_then(|loaded| loaded.account.profile.language);
        let language = language.unwrap_or(self.firm.settings().language);
        Ok(Wording::of(self.firm, kind, language, None).await?)
    }

    async fn again(&self) -> Result<MailOutcome, ContactError> {
        let at = self.now + wait(self.mail.attempts);
        self.firm.store().postpone_mail(self.mail, at).await?;
        Ok(MailOutcome::Again(at))
    }

    async fn give_up(&self, problem: &str) -> Result<MailOutcome, ContactError> {
        tracing::warn!(firm.id = %self.firm.id(), mail.id = self.mail.id, "Letter {} can't be delivered", self.mail.id);
        self.finish(DeliveryState::Failed, None, Some(problem.to_owned())).await?;
        Ok(MailOutcome::GivenUp)
    }

    async fn finish(
        &self,
        state: DeliveryState,
        message_id: Option<String>,
        problem: Option<String>,
    ) -> Result<(), ContactError> {
        let delivery = Delivery { state, at: self.now, message_id, sha256: None, problem };
        self.firm.store().finish_mail(self.mail, &delivery).await?;
        Ok(())
    }
}

fn valid(kind: ContactLinkKind) -> TimeDelta {
    match kind {
        ContactLinkKind::Invitation => INVITATION_VALID,
        ContactLinkKind::SignIn => LINK_VALID,
    }
}

fn wanted(kind: ContactLinkKind) -> TimeDelta {
    match kind {
        ContactLinkKind::Invitation => INVITATION_WANTED,
        ContactLinkKind::SignIn => LINK_WANTED,
    }
}

fn wait(attempts: u32) -> TimeDelta {
    let doubled = FIRST_WAIT.checked_mul(1 << attempts.min(10));
    doubled.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}

/// The letter's name in all the world, another one for each try: each has a link of its own.
fn message_id(task: Task<'_>, sender: &Sender) -> String {
    let (firm, mail, attempt) = (task.firm.id(), &task.mail.id, task.mail.attempts);
    sender::message_id(firm, &feedback::contact_mail_name(firm, mail, attempt), sender)
}
