//! A letter goes out (LET-2..5): claimed, written, kept, handed to the mail service, and its outcome noted.
//!
//! In this order, so that each place where a process may end leaves it clear what can have happened. The
//! claim is a commit against the account's version: after a payment's commit no letter about its debt
//! leaves. Whenever a letter is handed over again it is claimed again, for the facts may be others by then. What was claimed is written from the facts of the claim and kept as it will be sent; each
//! handing over is counted before it is tried. So a letter without a count was never sent, one that is
//! marked unsent surely wasn't, and of any other nobody knows but perhaps the mail service, which is asked:
//! if it can't tell, after its lease a notice is sent once more under the same `Message-ID`, and a demand
//! becomes a person's task.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::account::Account;
use domain::command::Command;
use domain::decide::letters::sending;
use domain::event::Event;
use domain::id::{ClientId, FirmId};
use domain::letter::{Letter, LetterId, LetterKind, LetterState, Sending, Within};
use domain::role::Actor;
use domain::text::Personal;
use futures::future::BoxFuture;
use letters::{Attachment, Envelope, Rendered};
use platform::mail::{Found, Mail, MailError, Message, SentId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{
    DeliveryState, FirmSettings, PaperHead, PayLink, Platform, SentLetter, StoreError, Waiting,
    Words,
};
use tracing::{info, warn};

use crate::execute::{Caller, ExecuteError, View, execute};
use crate::firm::{CLAIM_LEASE, Firm};
use crate::papers;
use crate::papers::letter::{OnPaper, is_on_paper, on_paper};
use crate::wording::{Wording, writer};

mod facts;
pub mod feedback;
mod link;
pub mod preview;
pub(crate) mod sender;
mod task;
mod together;

pub use facts::NothingToSay;
use link::Link;
pub use link::PAY_LINK_PATH;
pub(crate) use sender::message_id as message_id_of;
pub use sender::{Sender, SetUpError, is_at, message_mark};
pub(crate) use task::Task;

/// How long a letter waits for a firm that isn't set up, or that the mail service doesn't let send.
pub(crate) const SET_UP_WAIT: TimeDelta = TimeDelta::hours(1);

/// How long a letter waits for a ledger that comes from elsewhere, before it is looked at again.
const LEDGER_WAIT: TimeDelta = TimeDelta::hours(1);

/// How long a letter waits at a firm that is stopped, before it is looked at again: as long as somebody waits who
/// lifted the stop.
const STOP_WAIT: TimeDelta = TimeDelta::minutes(15);

/// How long a letter waits that says more than a reminder, while what the client wrote lies unread or was read that
/// day (LET-8).
const UNREAD_WAIT: TimeDelta = TimeDelta::hours(6);

/// How long letters that may leave with other clients' wait for the firm's run of the day (LET-9): longer than a run
/// over ten thousand clients takes, and one that hangs holds up no letter for a day.
pub(super) const RUN_WAIT: TimeDelta = TimeDelta::hours(1);

/// How soon it is looked whether that is through.
const RUN_LOOK: TimeDelta = TimeDelta::minutes(2);

/// How long before a letter that the mail service had no room for is handed over again: so many minutes,
/// doubled each time.
const FIRST_WAIT: TimeDelta = TimeDelta::minutes(1);

/// And never longer than this.
const LONGEST_WAIT: TimeDelta = TimeDelta::minutes(30);

/// How often a letter is handed over before a person looks at it: about a day.
const MAX_ATTEMPTS: u32 = 48;

/// What the provider answers where the firm's own set-up is at fault, and not the letter (LET-2).
const SET_UP_CODES: [&str; 5] = [
    "AccessDeniedException",
    "AccountSuspendedException",
    "MailFromDomainNotVerifiedException",
    "NotFoundException",
    "SendingPausedException",
];

/// And what its sentence says where one code stands for both.
const NOT_VERIFIED: &str = "not verified";

/// One letter to look at, as the queue of letters holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LetterMessage {
    /// Whose.
    pub firm: FirmId,
    /// To which client.
    pub client: ClientId,
    /// Which.
    pub letter: LetterId,
    /// Whether it was claimed, and nothing was heard of it since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stuck: bool,
}

impl LetterMessage {
    /// What is to be done about something that waits, if it is a letter.
    pub fn of(waiting: &Waiting) -> Option<Self> {
        let (firm, client, letter, stuck) = match waiting {
            Waiting::Letter { firm, client, letter } => (firm, client, letter, false),
            Waiting::Claimed { firm, client, letter } => (firm, client, letter, true),
            Waiting::Webhook { .. }
            | Waiting::Mail { .. }
            | Waiting::Notice { .. }
            | Waiting::Digest { .. }
            | Waiting::StaffMail { .. }
            | Waiting::Run { .. }
            | Waiting::Reports { .. }
            | Waiting::Preview { .. }
            | Waiting::Charge { .. }
            | Waiting::Erasure { .. }
            | Waiting::Rollout { .. } => return None,
        };
        Some(Self { firm: firm.clone(), client: client.clone(), letter: *letter, stuck })
    }
}

/// What became of a letter this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The mail service took it.
    Sent,
    /// It was no longer true (LET-4).
    Withdrawn,
    /// Not before then: quiet hours, or its day hasn't come (LET-5).
    Waits(DateTime<Utc>),
    /// Not before the ledger is up to date (FRESH-1).
    LedgerOld,
    /// Not before somebody has read what the client wrote (LET-8).
    Unread,
    /// Not before the firm lifts its stop (LOCK-10).
    Stopped,
    /// The firm has no verified domain yet (LET-2).
    NotSetUp(SetUpError),
    /// It was done before.
    Done,
    /// Another sender is at it.
    Busy,
    /// It surely didn't leave, and is handed over again then.
    Unsent(DateTime<Utc>),
    /// It may have left; its lease tells when to look again.
    Open,
    /// It can't be delivered: the address is marked, or a person looks (LET-6).
    Undeliverable,
    /// Nobody knows whether it left: a person looks, or, for a second doubt, nothing more is done.
    Uncertain,
}

/// Why a letter could not be looked at; the message comes again.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Another system's message, or a firm that is gone.
    #[error("there is no firm {0}")]
    NoFirm(FirmId),
    /// Another firm's letter, or none.
    #[error("client {client} has no letter {}", letter.0)]
    NoLetter {
        /// Of which client.
        client: ClientId,
        /// Which.
        letter: LetterId,
    },
    /// A command.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a claimed letter can't be put into a message.
#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    Nothing(#[from] NothingToSay),
    #[error(transparent)]
    Letter(#[from] letters::LetterError),
    #[error(transparent)]
    Mime(#[from] letters::MimeError),
    #[error(transparent)]
    Random(#[from] identity::opaque::RandomError),
    #[error("no name for a reply address could be made")]
    Name(#[from] getrandom::Error),
}

/// What sending letters needs beside the table.
#[derive(Clone)]
pub struct Correspondence {
    /// The mail service.
    pub mail: Arc<dyn Mail>,
    /// Where people reach the portal.
    pub public_url: String,
    /// The configuration set, which publishes what becomes of a letter.
    pub configuration: Option<String>,
    /// The domain at which answers to letters are taken in ([`crate::replies`]); without one they go to the firm's
    /// own address, and nothing is known of them here.
    pub inbound_domain: Option<String>,
}

/// How a claim ended.
enum Claimed {
    Left(Sending),
    Withdrawn,
    Before,
}

impl Correspondence {
    /// Does what a message of the queue says.
    ///
    /// # Errors
    /// When it has to come again, or never can be done.
    pub async fn handle(
        &self,
        firm: &Firm,
        message: &LetterMessage,
        now: DateTime<Utc>,
    ) -> Result<Outcome, SendError> {
        let LetterMessage { client, letter, stuck, .. } = message;
        let outcome = match stuck {
            true => self.look_after(firm, client, *letter, now).await,
            false => self.send(firm, client, *letter, now).await,
        }?;
        info!(client.id = %client, letter.id = letter.0, ?outcome, "Looked at letter {}", letter.0);
        Ok(outcome)
    }

    /// Sends a queued letter, if it is still true.
    ///
    /// # Errors
    /// When nothing can be said of it; then the message comes again.
    pub async fn send(
        &self,
        firm: &Firm,
        client: &ClientId,
        id: LetterId,
        now: DateTime<Utc>,
    ) -> Result<Outcome, SendError> {
        let task = Task { firm, client, id, now };
        let Some((view, letter)) = task.queued().await? else { return task.not_queued().await };
        let sender = match Sender::of(firm.settings()) {
            Ok(sender) => sender,
            Err(error) => {
                firm.store().postpone_letter(client, id, now + SET_UP_WAIT).await?;
                return Ok(Outcome::NotSetUp(error));
            }
        };
        let ready_at = firm.outside_quiet_hours(letter.leaves_on, &view.policy.policy, now);
        if firm.now(now) < ready_at {
            // A test firm's instants are its own clock's: the outbox comes back by itself.
            if !firm.settings().is_test {
                firm.store().postpone_letter(client, id, ready_at).await?;
            }
            return Ok(Outcome::Waits(ready_at));
        }
        if self.may_be_joined(task, &view, &letter).await? {
            firm.store().postpone_letter(client, id, now + RUN_LOOK).await?;
            return Ok(Outcome::Waits(now + RUN_LOOK));
        }
        let company = self.company(task, &view, &letter).await?;
        if 1 < company.len() {
            return self.send_together(task, &sender, &company).await;
        }
        match self.claim(task, &sender, (view, letter), None).await? {
            Ok(work) => self.first(&work, 0).await,
            Err(outcome) => Ok(outcome),
        }
    }

    /// Claims a queued letter, by itself or within another's message; else what became of it.
    fn claim<'a: 'f, 'f>(
        &'f self,
        task: Task<'a>,
        sender: &'f Sender,
        (view, letter): (View, Letter),
        within: Option<&'f (Within, Personal)>,
    ) -> BoxFuture<'f, Result<Result<Work<'a>, Outcome>, SendError>> {
        Box::pin(async move {
            let Task { firm, client, id, now } = task;
            let command = match within {
                None => Command::ClaimLetter { letter: id },
                Some((within, to)) => {
                    Command::JoinLetter { letter: id, within: within.clone(), to: to.clone() }
                }
            };
            let caller = Caller::new(Actor::Schedule);
            let executed = match execute(firm, client, &command, &caller, now).await {
                Err(ExecuteError::Refused(refusal)) if refusal.rule == "FRESH-1" => {
                    firm.store().postpone_letter(client, id, now + LEDGER_WAIT).await?;
                    return Ok(Err(Outcome::LedgerOld));
                }
                Err(ExecuteError::Refused(refusal)) if refusal.rule == "LET-8" => {
                    firm.store().postpone_letter(client, id, now + UNREAD_WAIT).await?;
                    return Ok(Err(Outcome::Unread));
                }
                Err(ExecuteError::Refused(refusal)) if refusal.rule == "LOCK-10" => {
                    firm.store().postpone_letter(client, id, now + STOP_WAIT).await?;
                    return Ok(Err(Outcome::Stopped));
                }
                // It goes to another address by now: by itself, when its own message comes.
                Err(ExecuteError::Refused(refusal)) if refusal.rule == "LET-9" => {
                    return Ok(Err(Outcome::Busy));
                }
                executed => executed?,
            };
            match claimed(&executed.events) {
                Claimed::Before => task.not_queued().await.map(Err),
                Claimed::Withdrawn => Ok(Err(Outcome::Withdrawn)),
                Claimed::Left(sending) => {
                    let account = with_history(executed.account, view.loaded.account.clone());
                    let wording = task.wording(&account, &sending).await?;
                    let logo = task.picture(sending.kind).await?;
                    let sender = sender.clone();
                    Ok(Ok(Work { task, sender, view, account, letter, sending, wording, logo }))
                }
            }
        })
    }

    /// Looks after a letter that was claimed, and of which nothing was heard since (LET-4).
    ///
    /// # Errors
    /// When nothing can be said of it; then the message comes again.
    pub async fn look_after(
        &self,
        firm: &Firm,
        client: &ClientId,
        id: LetterId,
        now: DateTime<Utc>,
    ) -> Result<Outcome, SendError> {
        let task = Task { firm, client, id, now };
        let row = task.row().await?;
        let LetterState::Left(sending) = row.letter.state.clone() else {
            return match row.letter.state {
                LetterState::Queued => self.send(firm, client, id, now).await,
                LetterState::Left(_) | LetterState::Withdrawn { .. } => Ok(Outcome::Done),
            };
        };
        if row.delivery.is_some() {
            return Ok(Outcome::Done); // its delivery event was found
        }
        if firm.settings().stop.is_some() {
            // Claimed before the firm was stopped, and handed over by nobody who can tell.
            firm.store().watch_letter(client, id, now + STOP_WAIT).await?;
            return Ok(Outcome::Stopped);
        }
        let sent = firm.store().sent_letter(client, id).await?;
        if let Some(within) = self.carrier(task, sent.as_ref()).await?
            && let Some(outcome) = self.look_after_carried(task, &within).await?
        {
            return Ok(outcome);
        }
        let (letter, mut is_demand) = (row.letter, is_demand(sending.kind));
        let carried = match &sent {
            Some(sent) => self.carried(task, sent).await?,
            None => Vec::new(),
        };
        is_demand |= carried.iter().any(|(_, letter, _)| is_demand_left(letter));
        match sent {
            Some(sent) if sent.is_unsent => self.again(task, letter, Some(sent), false).await,
            Some(sent) if now < sent.attempted_at + CLAIM_LEASE => {
                firm.store().watch_letter(client, id, sent.attempted_at + CLAIM_LEASE).await?;
                Ok(Outcome::Busy)
            }
            Some(sent) => match self.mail.find(&sent.message_id).await {
                Found::Taken(SentId(id)) => {
                    for (one, ..) in &carried {
                        let (id, hash) = (Some(id.clone()), Some(sent.sha256.clone()));
                        let task = Task { client: &one.client, id: one.letter, ..task };
                        task.note(DeliveryState::Sent, id, hash, None).await?;
                    }
                    task.note(DeliveryState::Sent, Some(id), Some(sent.sha256), None).await?;
                    Ok(Outcome::Sent)
                }
                Found::NotTaken => self.again(task, letter, Some(sent), false).await,
                Found::Unknown if is_demand || 0 < sent.doubts => {
                    for (one, ..) in &carried {
                        let task = Task { client: &one.client, id: one.letter, ..task };
                        task.uncertain(&sent.sha256).await?;
                    }
                    task.uncertain(&sent.sha256).await
                }
                Found::Unknown => self.again(task, letter, Some(sent), true).await,
            },
            None if is_demand && !self.has_surely_not(task).await => task.uncertain("").await,
            None => self.again(task, letter, None, false).await,
        }
    }

    /// Whether the mail service can tell that it never got the letter.
    async fn has_surely_not(&self, task: Task<'_>) -> bool {
        match Sender::of(task.firm.settings()) {
            Ok(sender) => self.mail.find(&message_id(task, &sender)).await == Found::NotTaken,
            Err(_) => false,
        }
    }

    /// Lets every letter leave that may at the firm's own clock: after a test firm's clock was moved
    /// (TEST-1).
    ///
    /// # Errors
    /// As [`Self::send`] has.
    pub async fn leave_all(
        &self,
        platform: &Platform,
        firm: &Firm,
        now: DateTime<Utc>,
    ) -> Result<Vec<(ClientId, LetterId, Outcome)>, SendError> {
        let mut left = Vec::new();
        // A lease that somebody has of a letter is no reason to wait here: the claim decides.
        for ready in platform.ready(now + CLAIM_LEASE, u32::MAX).await? {
            let waiting = ready.what?;
            let Waiting::Letter { firm: of, client, letter } = waiting else { continue };
            if of == *firm.id() {
                let outcome = self.send(firm, &client, letter, now).await?;
                left.push((client, letter, outcome));
            }
        }
        Ok(left)
    }

    /// Where a firm's picture is, for letters: mail programs fetch it from us, so it needs our address.
    pub(crate) fn logo_url(&self, firm: &Firm) -> Option<String> {
        Some(format!("{}{}", self.public_url.trim_end_matches('/'), firm.logo_path()?))
    }

    /// Writes it, keeps it, hands it over.
    fn first<'f>(
        &'f self,
        work: &'f Work<'_>,
        doubts: u32,
    ) -> BoxFuture<'f, Result<Outcome, SendError>> {
        Box::pin(async move {
            let (task, store) = (work.task, work.task.firm.store());
            let written = self.written(work, None).and_then(|written| written.sealed(work));
            let (sent, mime, link) = match written {
                Ok(written) => written,
                Err(error) => return work.unwritten(&error).await,
            };
            let sent = SentLetter { doubts, ..sent };
            // Before the letter: one that is kept has a link that leads somewhere.
            if let Some(link) = &link {
                store.add_pay_link(link).await?;
            }
            self.expect_answers(task, &sent).await?;
            if !store.keep_letter(task.client, task.id, &sent).await? {
                return Ok(Outcome::Busy);
            }
            if 0 < doubts {
                task.watch(task.now + CLAIM_LEASE).await?;
            }
            self.hand_over(task, &sent, mime).await
        })
    }

    /// Hands over once more what was claimed before, if it was ever written. The facts are read again (LET-4): what
    /// is no longer true is withdrawn, and what is true in other words is written anew, under the same name. Its
    /// address is one of these facts, as its invoices are.
    fn again<'f>(
        &'f self,
        task: Task<'f>,
        letter: Letter,
        sent: Option<SentLetter>,
        may_have_left: bool,
    ) -> BoxFuture<'f, Result<Outcome, SendError>> {
        Box::pin(async move {
            let sent = match sent {
                Some(sent) if !sent.together.is_empty() => {
                    return self.again_together(task, (letter, sent), may_have_left).await;
                }
                sent => sent,
            };
            let sender = match Sender::of(task.firm.settings()) {
                Ok(sender) => sender,
                Err(error) => {
                    task.watch(task.now + SET_UP_WAIT).await?;
                    return Ok(Outcome::NotSetUp(error));
                }
            };
            let view = task.view(&letter).await?;
            let (known, policy) = (&view.loaded.account, &view.policy.policy);
            let ready_at = task.firm.outside_quiet_hours(view.day, policy, task.now);
            if task.firm.now(task.now) < ready_at {
                if !task.firm.settings().is_test {
                    task.watch(ready_at).await?;
                }
                return Ok(Outcome::Waits(ready_at));
            }
            if let Some(sent) = sent.as_ref().filter(|_| may_have_left)
                && sending(known, policy, &letter, view.day).is_none()
            {
                return task.untrue(&sent.sha256).await;
            }
            let to = sent.as_ref().map(|sent| sent.to.clone());
            let (account, sending) = match task.reclaim(to).await? {
                Ok(claimed) => claimed,
                Err(outcome) => return Ok(outcome),
            };
            let account = with_history(account, view.loaded.account.clone());
            let wording = task.wording(&account, &sending).await?;
            let logo = task.picture(sending.kind).await?;
            let work = Work { task, sender, view, account, letter, sending, wording, logo };
            match sent {
                Some(sent) if MAX_ATTEMPTS <= sent.attempts => task.uncertain(&sent.sha256).await,
                Some(sent) => self.once_more(&work, &sent).await,
                // This time is the second: whoever claimed it may have come further than can be seen.
                None => self.first(&work, 1).await,
            }
        })
    }

    /// The same bytes, as long as that is what would be written now; else what would be.
    fn once_more<'f>(
        &'f self,
        work: &'f Work<'_>,
        known: &'f SentLetter,
    ) -> BoxFuture<'f, Result<Outcome, SendError>> {
        Box::pin(async move {
            let (task, store) = (work.task, work.task.firm.store());
            let link = self.known_link(task, Some(known)).await?;
            let written = self.written(work, Some((known, link)));
            let (sent, mime, link) = match written.and_then(|written| written.sealed(work)) {
                Ok(written) => written,
                Err(error) => return work.unwritten(&error).await,
            };
            if let Some(link) = &link {
                store.add_pay_link(link).await?;
            }
            self.expect_answers(task, &sent).await?;
            if !store.keep_letter_again(task.client, task.id, &sent, known.attempts).await? {
                return Ok(Outcome::Busy);
            }
            task.watch(task.now + CLAIM_LEASE).await?;
            self.hand_over(task, &sent, mime).await
        })
    }

    /// The letter in words, and its link if it has one; with the link, the name and,
    /// where they still are the words, the date that it had before.
    fn written(
        &self,
        work: &Work<'_>,
        before: Option<(&SentLetter, Option<PayLink>)>,
    ) -> Result<Written, WriteError> {
        let Work { task, sender, view, account, letter, sending, wording, logo: _ } = work;
        let settings = task.firm.settings();
        let contact = usize::try_from(sending.contact).unwrap_or(usize::MAX);
        let to = account.profile.contacts.get(contact);
        let to = to.ok_or(NothingToSay::Contact(sending.contact))?.address.clone();
        let mut facts = facts::Facts {
            link: None,
            writer: writer(settings, &sender.reply_to, self.logo_url(task.firm)),
            language: wording.language(),
            public_url: &self.public_url,
            account,
            view,
            letter,
            sending,
        };
        let (known, known_link) = before.unzip();
        let mut letter_facts = facts.of_letter()?;
        let debt = link::debt_of(&letter_facts.content);
        let mut link = None;
        if !debt.is_empty() {
            let same = known_link.flatten().filter(|link| link.invoices == debt);
            let same = same.as_ref().zip(known.and_then(|known| known.words.as_ref()));
            let same = same.and_then(|(link, words)| {
                Link::in_words(words.text.as_str(), &self.public_url, &link.hash)
            });
            let made = same.map_or_else(Link::new, Ok)?;
            facts.link = Some(made.url(&self.public_url));
            link = Some(made.kept(task.client, task.id, debt, letter_facts.day));
            letter_facts = facts.of_letter()?;
        }
        let (rendered, template) = wording.write(&letter_facts)?;
        let mut sent = SentLetter {
            link: link.as_ref().map(|link| link.hash.clone()),
            message_id: match known.filter(|known| known.is_alone()) {
                Some(known) => known.message_id.clone(),
                None => message_id(*task, sender),
            },
            from: sender.from.clone(),
            to,
            reply_to: self.asks_at(known, sender)?,
            dated: task.firm.now(task.now),
            subject: Personal::new(&*rendered.subject),
            words: Words::if_short(&rendered.text, &rendered.html),
            sha256: String::new(),
            attempts: known.map_or(0, |known| known.attempts) + 1,
            attempted_at: task.now,
            doubts: known.map_or(0, |known| known.doubts + u32::from(!known.is_unsent)),
            is_unsent: false,
            template: Some(template),
            paper: None,
            within: None,
            together: Vec::new(),
        };
        if let Some(known) = known.filter(|known| known.words.is_some() && is_same(known, &sent)) {
            sent.dated = known.dated;
        }
        let mut attachment = None;
        if is_on_paper(sending.kind) {
            let mut head = papers::head(settings, &account.profile.name, sending.on);
            attachment = work.attachment(&head, &sent);
            head.is_attached = attachment.is_some();
            sent.paper = Some(head);
        }
        Ok(Written { sent, rendered, paper: attachment, link })
    }

    async fn hand_over(
        &self,
        task: Task<'_>,
        sent: &SentLetter,
        raw_mime: Vec<u8>,
    ) -> Result<Outcome, SendError> {
        let message = Message {
            from: sent.from.clone(),
            to: sent.to.as_str().to_owned(),
            reply_to: sent.reply_to.clone(),
            subject: sent.subject.as_str().to_owned(),
            raw_mime,
            message_id: sent.message_id.clone(),
            configuration: self.configuration.clone(),
            about: Some(feedback::about_letter(task.firm.id(), task.client, task.id)),
        };
        match self.mail.send(&message).await {
            Ok(SentId(id)) => {
                let hash = Some(sent.sha256.clone());
                self.expect_answers_to(task, &id).await?; // the mail service names it so
                task.note(DeliveryState::Sent, Some(id), hash, None).await?;
                Ok(Outcome::Sent)
            }
            Err(MailError::Throttled { .. } | MailError::Down(_)) => {
                task.unsent(sent, wait(sent.attempts)).await
            }
            Err(MailError::Unanswered(_)) => Ok(Outcome::Open),
            Err(MailError::Rejected { code, detail }) if is_set_up(&code, &detail) => {
                warn!(firm.id = %task.firm.id(), "The mail service refuses firm {} ({code})", task.firm.id());
                task.unsent(sent, SET_UP_WAIT).await?;
                Ok(Outcome::NotSetUp(SetUpError::Refused))
            }
            Err(MailError::Rejected { code, detail }) => {
                task.bounced(&format!("{code}: {detail}")).await
            }
        }
    }
}

/// A letter in words, before it is a message.
struct Written {
    /// Without the message's hash.
    sent: SentLetter,
    rendered: Rendered,
    paper: Option<Attachment>,
    link: Option<PayLink>,
}

impl Written {
    /// A message of its own.
    fn sealed(self, work: &Work<'_>) -> Result<(SentLetter, Vec<u8>, Option<PayLink>), WriteError> {
        let Self { mut sent, rendered, paper, link } = self;
        let settings = work.task.firm.settings();
        let mime = compose(settings, work.sending.kind, &sent, &rendered, paper.as_slice())?;
        sent.sha256 = hex::encode(Sha256::digest(&mime));
        Ok((sent, mime, link))
    }
}

/// A letter that is claimed, with all that it is written from.
struct Work<'a> {
    task: Task<'a>,
    sender: Sender,
    view: View,
    /// At the claim, with what was looked up.
    account: Account,
    letter: Letter,
    sending: Sending,
    wording: Wording,
    /// The firm's picture, where it stands on the letter's paper.
    logo: Option<Vec<u8>>,
}

impl Work<'_> {
    /// To which it goes.
    fn address(&self) -> Personal {
        let contact = usize::try_from(self.sending.contact).ok();
        let contact = contact.and_then(|contact| self.account.profile.contacts.get(contact));
        contact.map_or_else(|| Personal::new(""), |contact| contact.address.clone())
    }

    /// The paper that goes with the mail, where the firm wants that; a letter isn't held up for want of it.
    fn attachment(&self, head: &PaperHead, sent: &SentLetter) -> Option<Attachment> {
        if !self.task.firm.settings().attach_pdf {
            return None;
        }
        let (client, id) = (self.task.client, self.task.id);
        match on_paper(head, self.logo.clone(), client, id, sent) {
            Ok(OnPaper { name, bytes }) => Some(Attachment { name, bytes }),
            Err(error) => {
                let problem = platform::log::chain(&error);
                warn!(client.id = %client, letter.id = id.0, "Letter {} leaves without its paper: {problem}", id.0);
                None
            }
        }
    }

    /// It can't be put into a message.
    async fn unwritten(&self, error: &WriteError) -> Result<Outcome, SendError> {
        let task = self.task;
        if let WriteError::Mime(letters::MimeError::Address { .. }) = error {
            return task.bounced("").await;
        }
        let problem = platform::log::chain(error);
        warn!(client.id = %task.client, letter.id = task.id.0, "Could not write letter {}: {problem}", task.id.0);
        task.unwritten(problem).await
    }
}

/// Whether they say the same, from and to the same.
fn is_same(one: &SentLetter, other: &SentLetter) -> bool {
    (&one.words, &one.subject) == (&other.words, &other.subject)
        && (&one.from, &one.to, &one.reply_to) == (&other.from, &other.to, &other.reply_to)
}

fn claimed(events: &[Event]) -> Claimed {
    let ended = events.iter().find_map(|event| match event {
        Event::LetterLeft { sending, .. } => Some(Claimed::Left(sending.clone())),
        Event::LetterWithdrawn { .. } => Some(Claimed::Withdrawn),
        _ => None,
    });
    ended.unwrap_or(Claimed::Before)
}

/// The account at the claim, with the closed invoices that were looked up a moment before: what is open
/// now, or was paid since, is as the claim saw it.
fn with_history(mut account: Account, before: Account) -> Account {
    for (id, invoice) in before.invoices {
        if !invoice.is_open() {
            account.invoices.entry(id).or_insert(invoice);
        }
    }
    for (id, payment) in before.payments {
        account.payments.entry(id).or_insert(payment);
    }
    account
}

fn compose(
    settings: &FirmSettings,
    kind: LetterKind,
    sent: &SentLetter,
    rendered: &Rendered,
    attachments: &[Attachment],
) -> Result<Vec<u8>, letters::MimeError> {
    let envelope = Envelope {
        from_name: settings.name.clone(),
        from_address: sent.from.clone(),
        to_address: sent.to.as_str().to_owned(),
        reply_address: sent.reply_to.clone(),
        message_id: sent.message_id.clone(),
        date: sent.dated,
        unsubscribe_link: None,
    };
    letters::compose_with(kind, rendered, &envelope, attachments)
}

fn message_id(task: Task<'_>, sender: &Sender) -> String {
    let name = format!("{}#{}#{}", task.firm.id(), task.client, task.id.0);
    sender::message_id(task.firm.id(), &name, sender)
}

fn is_demand_left(letter: &Letter) -> bool {
    matches!(&letter.state, LetterState::Left(sending) if is_demand(sending.kind))
}

fn is_demand(kind: LetterKind) -> bool {
    match kind {
        LetterKind::DemandLetter | LetterKind::FinalDemand => true,
        LetterKind::Reminder
        | LetterKind::LockNotice
        | LetterKind::LimitNotice
        | LetterKind::CloseNotice
        | LetterKind::Notice
        | LetterKind::WelcomeBack
        | LetterKind::Receipt
        | LetterKind::PaymentFailed
        | LetterKind::PromiseConfirmation
        | LetterKind::PlanConfirmation
        | LetterKind::PayLink
        | LetterKind::Message
        | LetterKind::Invitation
        | LetterKind::SignInLink => false,
    }
}

pub(crate) fn is_set_up(code: &str, detail: &str) -> bool {
    SET_UP_CODES.contains(&code) || detail.contains(NOT_VERIFIED)
}

pub(crate) fn wait(attempts: u32) -> TimeDelta {
    let doubled = FIRST_WAIT.checked_mul(1 << attempts.saturating_sub(1).min(10));
    doubled.unwrap_or(LONGEST_WAIT).min(LONGEST_WAIT)
}
