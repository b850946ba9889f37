//! Answers to letters that come by mail (LET-8): each becomes a message of the client's, and goes on to the firm's own
//! address.
//!
//! A deployment that takes in mail asks for answers at `reply+NAME@DOMAIN`, where NAME is of one letter and nobody can
//! guess it; the table has its hash ([`store::AnswersTo`]). Whoever writes there had the letter: the answer counts,
//! whatever address it comes from, as a letter's link would. A mail without such a name that answers one of our letters
//! by its `Message-ID` counts only from an address of the client's, since those ids are no secret. So nobody's answer
//! reaches another firm's client (SEC-1).
//!
//! What a machine wrote (absences, bounces, lists) answers nothing: it neither responds nor pauses, but goes on to the
//! firm. Spam and viruses go nowhere. What the firm's own people write there, and what we handed on ourselves, ends
//! here, so nothing goes in circles. What belongs to no letter belongs to no firm: it is counted and left where it
//! lies, until the mail's storage forgets it.
//!
//! First the message is written down, then it is handed on: while a mail service is down, the pause is there.

mod hand_on;
mod read;

use chrono::{DateTime, Utc};
use domain::account::Account;
use domain::calendar::Day;
use domain::command::Command;
use domain::id::{ClientId, FirmId};
use domain::letter::Within;
use domain::message::{Channel, NewMessage};
use domain::role::Actor;
use domain::task::About;
use domain::text::Personal;
use getrandom::fill;
use platform::mail::MailError;
use sha2::{Digest, Sha256};
use store::{AnswersTo, MAX_PAGE, PageRequest, Platform, SentLetter, Store, StoreError};

use crate::correspondence::{Correspondence, Sender, Task, is_at};
use crate::execute::{Caller, ExecuteError, With, execute_with};
use crate::firm::Firm;
use crate::firms::Firms;

pub use read::Writer;

/// The largest mail that is read: what most mail services let their users send. A larger one is none of an answer.
pub const MAX_MAIL_BYTES: usize = 25 << 20;

/// Why the same mail comes again.
#[derive(Debug, thiserror::Error)]
pub enum ReplyError {
    /// The client's account.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The mail service took no mail to the firm for now; the message is written down.
    #[error("the answer could not be handed on to the firm yet")]
    Mail(#[source] MailError),
}

/// Messages of a client that nobody has read for too long: collection from it waits, without an end (LET-8).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftLying {
    /// Whose.
    pub client: ClientId,
    /// For how many days.
    pub days: u32,
}

impl LeftLying {
    /// In words, after the client's name and a colon.
    pub fn words(&self) -> String {
        format!("what it wrote has lain unread for {} days, and collection waits for it", self.days)
    }
}

/// The clients whose messages have lain unread for too long, the longest first; eventually consistent.
///
/// # Errors
/// Whatever reading has.
pub async fn left_lying(store: &Store, today: Day) -> Result<Vec<LeftLying>, StoreError> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), limit: MAX_PAGE };
        let listed = store.tasks(&page).await?; // oldest first
        for row in listed.items {
            let Some(days) = domain::message::left_lying(row.task.opened_on, today) else {
                return Ok(found);
            };
            if matches!(row.task.about, About::Message { .. }) {
                found.push(LeftLying { client: row.client, days });
            }
        }
        cursor = listed.next;
        if cursor.is_none() {
            return Ok(found);
        }
    }
}

/// What became of a mail that came in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TakenIn {
    /// It is a message of the client's now.
    Noted,
    /// It was one before.
    Again,
    /// The rules take no message of it: there are so many already. It went to the firm.
    HandedOn,
    /// A machine wrote it: it went to the firm and did nothing.
    Automatic,
    /// Spam, a virus, a circle, or the firm's own people: it ends here.
    Dropped,
    /// It belongs to no letter, is too large, or is no mail.
    Strange,
}

/// A name for a reply address that nobody can guess, in letters that any mail program leaves as they are.
pub(crate) fn new_name() -> Result<String, getrandom::Error> {
    let mut name = [0_u8; 16];
    fill(&mut name)?;
    Ok(hex::encode(name))
}

/// The address at which answers to the letter of that name are taken.
pub(crate) fn address(name: &str, domain: &str) -> String {
    format!("{}{name}@{domain}", read::REPLY)
}

/// The name in an address of that domain at which answers are taken.
pub(crate) fn name_in<'a>(address: &'a str, domain: &str) -> Option<&'a str> {
    let (local, of) = address.split_once('@')?;
    local.strip_prefix(read::REPLY).filter(|_| of == domain)
}

/// The hash of a name in a reply address.
pub(crate) fn name_hash(name: &str) -> String {
    hash("name", &name.to_ascii_lowercase())
}

/// The hash of a message's id: of what stands before its `@`, since the mail service chooses the rest.
pub(crate) fn id_hash(message_id: &str) -> String {
    hash("id", message_id.split('@').next().unwrap_or_default())
}

/// So that none of one kind is one of another.
fn hash(kind: &str, of: &str) -> String {
    hex::encode(Sha256::digest(format!("{kind} {of}").as_bytes()))
}

impl Correspondence {
    /// Takes in a mail, as it came.
    ///
    /// # Errors
    /// When the same mail has to come again.
    pub async fn take_in(
        &self,
        firms: &Firms,
        raw: &[u8],
        now: DateTime<Utc>,
    ) -> Result<TakenIn, ReplyError> {
        let Some(domain) = &self.inbound_domain else { return Ok(TakenIn::Strange) };
        if MAX_MAIL_BYTES < raw.len() {
            return Ok(TakenIn::Strange);
        }
        let Some(mail) = read::read(raw, domain) else { return Ok(TakenIn::Strange) };
        if matches!(mail.writer, Writer::Unwanted | Writer::Ourselves) {
            return Ok(TakenIn::Dropped);
        }
        let Some((to, firm)) = addressee(firms, &mail).await? else { return Ok(TakenIn::Strange) };
        if mail.from.as_deref().is_none_or(|from| is_of_the_firm(&firm, from, domain)) {
            return Ok(TakenIn::Dropped);
        }
        let all = concerned(&firm, &to).await?;
        let taken = match mail.writer {
            Writer::Person => note(&firm, firms, (&to, &all), &mail, raw, now).await?,
            Writer::Machine | Writer::Unwanted | Writer::Ourselves => TakenIn::Automatic,
        };
        self.hand_on(&firm, &all, &mail, raw, now).await?;
        Ok(taken)
    }
}

/// The letters that an answer is to: all that were in the message (LET-9), of which the one that it names stands first.
async fn concerned(firm: &Firm, to: &AnswersTo) -> Result<Vec<Within>, StoreError> {
    let sent = firm.store().sent_letter(&to.client, to.letter).await?;
    let named = Within { client: to.client.clone(), letter: to.letter };
    let others = sent.map(|sent| sent.together).unwrap_or_default();
    Ok(std::iter::once(named).chain(others).collect())
}

/// The letter that it answers, and whose that is.
async fn addressee(
    firms: &Firms,
    mail: &read::Mail,
) -> Result<Option<(AnswersTo, std::sync::Arc<Firm>)>, ReplyError> {
    let platform = Platform::new(firms.dynamo().clone());
    for name in &mail.names {
        if let Some(to) = platform.answers_to(&name_hash(name)).await?
            && let Some(firm) = firms.get(&to.firm).await?
        {
            return Ok(Some((to, firm)));
        }
    }
    for id in &mail.answers {
        if let Some(to) = platform.answers_to(&id_hash(id)).await?
            && let Some(firm) = firms.get(&to.firm).await?
            && is_contact(&firm, &to.client, mail.from.as_deref()).await?
        {
            return Ok(Some((to, firm)));
        }
    }
    Ok(None)
}

async fn is_contact(
    firm: &Firm,
    client: &ClientId,
    from: Option<&str>,
) -> Result<bool, ReplyError> {
    let Some(account) = firm.store().load(client).await?.map(|loaded| loaded.account) else {
        return Ok(false);
    };
    Ok(from.is_some_and(|from| has_address(&account, from)))
}

fn has_address(account: &Account, address: &str) -> bool {
    let mut contacts = account.profile.contacts.iter();
    contacts.any(|contact| contact.address.as_str().eq_ignore_ascii_case(address))
}

/// Whether the firm's own people wrote it, or the deployment did.
fn is_of_the_firm(firm: &Firm, from: &str, domain: &str) -> bool {
    let settings = firm.settings();
    let own = [&settings.mail_from, &settings.reply_to];
    own.into_iter().flatten().any(|address| address.eq_ignore_ascii_case(from))
        || settings.mail_domain.as_ref().is_some_and(|known| is_at(from, &known.name))
        || is_at(from, domain)
}

/// Writes the message down, once for each client that it concerns: mails come again after days, and their senders send them twice.
async fn note(
    firm: &Firm,
    firms: &Firms,
    (to, all): (&AnswersTo, &[Within]),
    mail: &read::Mail,
    raw: &[u8],
    now: DateTime<Utc>,
) -> Result<TakenIn, ReplyError> {
    let seen = hash("seen", &seen(&to.firm, mail, raw));
    if Platform::new(firms.dynamo().clone()).answers_to(&seen).await?.is_some() {
        return Ok(TakenIn::Again);
    }
    let mut taken = TakenIn::HandedOn;
    for (index, one) in all.iter().enumerate() {
        let once = match index {
            0 => seen.clone(),
            _ => hash("seen", &format!("{seen} {}", one.client)),
        };
        let noted = note_one(firm, one, &once, mail, now).await?;
        if index == 0 || noted == TakenIn::Noted {
            taken = noted;
        }
    }
    firm.store().expect_answers(&[&seen], (&to.client, to.letter), now).await?;
    Ok(taken)
}

async fn note_one(
    firm: &Firm,
    to: &Within,
    once: &str,
    mail: &read::Mail,
    now: DateTime<Utc>,
) -> Result<TakenIn, ReplyError> {
    let command = Command::ReceiveMessage(NewMessage {
        channel: Channel::Mail,
        address: mail.from.clone().map(Personal::new),
        letter: Some(to.letter),
        text: Personal::new(&*mail.text),
    });
    let caller = Caller::new(Actor::Link);
    let with = With { once: Some(once), series: None };
    let executed = execute_with(firm, &to.client, (&|_| command.clone(), with), &caller, now).await;
    match executed {
        Ok(executed) if executed.events.is_empty() => Ok(TakenIn::Again),
        Ok(_) => Ok(TakenIn::Noted),
        Err(ExecuteError::Refused(_) | ExecuteError::NotFound(_)) => Ok(TakenIn::HandedOn),
        Err(error) => Err(error.into()),
    }
}

/// What is the same when the same mail comes again, and of one firm alone.
fn seen(firm: &FirmId, mail: &read::Mail, raw: &[u8]) -> String {
    match &mail.message_id {
        Some(id) => format!("{firm} {id}"),
        None => format!("{firm} {}", hex::encode(Sha256::digest(raw))),
    }
}

impl Correspondence {
    /// Where answers to a letter are asked for: at the address that it asked for before, else at a new one; at the
    /// firm's own, where none are taken in.
    pub(crate) fn asks_at(
        &self,
        known: Option<&SentLetter>,
        sender: &Sender,
    ) -> Result<String, getrandom::Error> {
        let Some(domain) = &self.inbound_domain else { return Ok(sender.reply_to.clone()) };
        match known.filter(|known| name_in(&known.reply_to, domain).is_some()) {
            Some(known) => Ok(known.reply_to.clone()),
            None => Ok(address(&new_name()?, domain)),
        }
    }

    /// Keeps that answers at the letter's reply address, and those that name it, are to it.
    pub(crate) async fn expect_answers(
        &self,
        task: Task<'_>,
        sent: &SentLetter,
    ) -> Result<(), StoreError> {
        let Some(domain) = &self.inbound_domain else { return Ok(()) };
        let Some(name) = name_in(&sent.reply_to, domain) else { return Ok(()) };
        let (name, id) = (name_hash(name), id_hash(&sent.message_id));
        let to = (task.client, task.id);
        task.firm.store().expect_answers(&[&name, &id], to, task.now).await
    }

    /// The same of those that name it as the mail service does, which gives it another id.
    pub(crate) async fn expect_answers_to(
        &self,
        task: Task<'_>,
        id: &str,
    ) -> Result<(), StoreError> {
        if self.inbound_domain.is_none() {
            return Ok(());
        }
        let (id, to) = (id_hash(id), (task.client, task.id));
        task.firm.store().expect_answers(&[&id], to, task.now).await
    }
}
