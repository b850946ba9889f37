//! A mail to staff leaves: claimed, sent once, and what became of it noted.
//!
//! Like a letter to a client it is counted before it is handed over, so that one without an answer is looked
//! for before it goes once more, under the same `Message-ID`; after a second doubt nothing more is done:
//! what it tells stands on the pages.

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::StaffId;
use domain::text::Personal;
use letters::{Envelope, Rendered, compose_to_staff};
use platform::mail::{Found, MailError, Message, SentId};
use sha2::{Digest as _, Sha256};
use store::{Delivery, DeliveryState, Mails, StaffMail};

use super::TellError;
use super::directory::Directory;
use crate::correspondence::{
    Correspondence, SET_UP_WAIT, Sender, feedback, is_set_up, sender, wait,
};
use crate::firm::Firm;

/// How long one try may take: more than a queue gives a function for it.
const LEASE: TimeDelta = TimeDelta::minutes(2);

/// Older news is none: a domain is being verified, a mail service is down.
const WANTED: TimeDelta = TimeDelta::days(3);

/// What became of something that staff are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TellOutcome {
    /// So many mails were made, to be sent.
    Made(u32),
    /// The mail service took it.
    Sent,
    /// It comes again then.
    Again(DateTime<Utc>),
    /// It may have left; its lease tells when to look again.
    Open,
    /// The person left, or wants no mails, or can't be reached.
    GivenUp,
    /// Nobody knows whether it left, and nothing more is done.
    Uncertain,
    /// It was done before, or somebody else is at it.
    Done,
}

/// One mail.
#[derive(Clone, Copy)]
struct Task<'a> {
    firm: &'a Firm,
    mail: &'a StaffMail,
    now: DateTime<Utc>,
}

impl Correspondence {
    /// Sends a mail that was made.
    pub(super) async fn post_to_staff(
        &self,
        firm: &Firm,
        staff: &StaffId,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<TellOutcome, TellError> {
        let mail = firm.store().staff_mail(staff, id).await?;
        let Some(mail) = mail.filter(|mail| mail.outcome.is_none()) else {
            return Ok(TellOutcome::Done);
        };
        let task = Task { firm, mail: &mail, now };
        if mail.attempted_at.is_some_and(|at| now < at + LEASE) {
            return Ok(TellOutcome::Done); // somebody is at it
        }
        let to = match task.reader().await? {
            Ok(to) => to,
            Err(why) => return task.give_up(why).await,
        };
        if mail.made_at + WANTED <= firm.now(now) {
            return task.give_up("it could not leave in time").await;
        }
        let Ok(sender) = Sender::of(firm.settings()) else {
            return task.again(SET_UP_WAIT).await;
        };
        let message_id = message_id(task, &sender);
        if mail.attempted_at.is_some() {
            match self.mail.find(&message_id).await {
                Found::Taken(SentId(id)) => return task.sent(id, None).await,
                Found::Unknown if 0 < mail.doubts => return task.uncertain().await,
                Found::Unknown | Found::NotTaken => {}
            }
        }
        if !firm.store().attempt_staff_mail(&mail, &to, (now, now + LEASE)).await? {
            return Ok(TellOutcome::Done);
        }
        self.send_to_staff(task, &sender, &to, message_id).await
    }

    async fn send_to_staff(
        &self,
        task: Task<'_>,
        sender: &Sender,
        to: &Personal,
        message_id: String,
    ) -> Result<TellOutcome, TellError> {
        let Task { firm, mail, now } = task;
        let rendered = Rendered {
            subject: mail.subject.as_str().to_owned(),
            text: mail.text.as_str().to_owned(),
            html: mail.html.as_str().to_owned(),
        };
        let envelope = Envelope {
            from_name: firm.settings().name.clone(),
            from_address: sender.from.clone(),
            to_address: to.as_str().to_owned(),
            reply_address: sender.reply_to.clone(),
            message_id,
            date: firm.now(now),
            unsubscribe_link: None,
        };
        let raw_mime = match compose_to_staff(&rendered, &envelope) {
            Ok(raw_mime) => raw_mime,
            Err(error) => return task.give_up(&platform::log::chain(&error)).await,
        };
        let sha256 = hex::encode(Sha256::digest(&raw_mime));
        let message = Message {
            from: envelope.from_address,
            to: envelope.to_address,
            reply_to: envelope.reply_address,
            subject: rendered.subject,
            raw_mime,
            message_id: envelope.message_id,
            configuration: self.configuration.clone(),
            about: Some(feedback::about_staff_mail(firm.id(), mail)),
        };
        match self.mail.send(&message).await {
            Ok(SentId(id)) => task.sent(id, Some(sha256)).await,
            Err(MailError::Throttled { .. } | MailError::Down(_)) => {
                task.again(wait(mail.attempts + 1)).await
            }
            Err(MailError::Unanswered(_)) => Ok(TellOutcome::Open),
            Err(MailError::Rejected { code, detail }) if is_set_up(&code, &detail) => {
                task.again(SET_UP_WAIT).await
            }
            Err(MailError::Rejected { code, detail }) => {
                task.give_up(&format!("{code}: {detail}")).await
            }
        }
    }
}

impl Task<'_> {
    /// Where the reader is reached now; else why nothing is sent: grants and choices are read again, for a
    /// mail may have waited.
    async fn reader(&self) -> Result<Result<Personal, &'static str>, TellError> {
        let staff = &self.mail.staff;
        let directory = Directory::of(self.firm).await?;
        let Some(person) = directory.person(staff) else {
            return Ok(Err("the person doesn't work at the firm any more"));
        };
        let Some(address) = person.address.clone() else {
            return Ok(Err("there is no address of the person"));
        };
        if person.reached_at().is_none() {
            return Ok(Err("mails to the person's address come back"));
        }
        Ok(match self.firm.store().mail_choice(staff).await? {
            Mails::Off => Err("the person wants no mails"),
            Mails::All | Mails::Digest => Ok(address),
        })
    }

    async fn again(&self, wait: TimeDelta) -> Result<TellOutcome, TellError> {
        let at = self.now + wait;
        self.firm.store().postpone_staff_mail(self.mail, at).await?;
        Ok(TellOutcome::Again(at))
    }

    async fn sent(&self, id: String, sha256: Option<String>) -> Result<TellOutcome, TellError> {
        self.finish(DeliveryState::Sent, Some(id), sha256, None).await?;
        Ok(TellOutcome::Sent)
    }

    async fn uncertain(&self) -> Result<TellOutcome, TellError> {
        let problem = "nobody can tell whether it left".to_owned();
        self.finish(DeliveryState::Uncertain, None, None, Some(problem)).await?;
        Ok(TellOutcome::Uncertain)
    }

    async fn give_up(&self, problem: &str) -> Result<TellOutcome, TellError> {
        self.finish(DeliveryState::Failed, None, None, Some(problem.to_owned())).await?;
        Ok(TellOutcome::GivenUp)
    }

    async fn finish(
        &self,
        state: DeliveryState,
        message_id: Option<String>,
        sha256: Option<String>,
        problem: Option<String>,
    ) -> Result<(), TellError> {
        let delivery = Delivery { state, at: self.now, message_id, sha256, problem };
        self.firm.store().finish_staff_mail(self.mail, &delivery).await?;
        Ok(())
    }
}

/// The mail's name in all the world: the same for each try.
fn message_id(task: Task<'_>, sender: &Sender) -> String {
    let firm = task.firm.id();
    sender::message_id(firm, &feedback::staff_mail_name(firm, task.mail), sender)
}
