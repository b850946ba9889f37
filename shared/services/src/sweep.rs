//! The sweeper: hands on what nobody else did (the outbox). Before it, and mostly, the table's stream does
//! ([`fast`]).
//!
//! Webhooks that were kept and not finished are gone on with here, and saved methods are charged (CHG-1); letters that are ready, and claimed ones
//! of which nothing was heard (LET-4), are put on the letters' queue, policies that were armed on that of
//! evaluations. A firm's reports are made here ([`reports`]). Everything is leased before it is
//! touched, so two sweepers never hold the same thing and a sweeper that dies loses nothing: the lease
//! runs out. Each thing is alone with its failure. A payment that was not put on all its invoices yet is
//! gone on with through its webhook, and else by the client's next evaluation, which is then due at once.

pub mod fast;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::TimeDelta;
use domain::id::{ClientId, FirmId, GatewayId, InvoiceId};
use futures::StreamExt;
use platform::clock::Clock;
use platform::log::chain;
use platform::queue::{Queue, QueueError, QueueMessage};
use serde::Serialize;
use store::{Platform, Ready, StoreError, Waiting};
use tokio::time::Instant;

use crate::contacts::MailMessage;
use crate::correspondence::LetterMessage;
use crate::day::group;
use crate::firm::Firm;
use crate::preview;
use crate::reports::{self, Made};
use crate::retention::{self, RetentionError};
use crate::rollout;
use crate::run;
use crate::tell::TellMessage;
use crate::webhook::{AskError, Asked, Finish, TAKEN_LEASE, Webhooks};

/// How much is looked at of each shard at once.
const PAGE: u32 = 100;

/// How many things are done at the same time: they wait for gateways, not for this machine.
const AT_ONCE: usize = 8;

/// How long one webhook may take: a reading and a commit at their slowest.
const WEBHOOK_WITHIN: Duration = Duration::from_secs(40);

/// How long one client's deletion may take at once: some thousand items.
const ERASE_WITHIN: Duration = WEBHOOK_WITHIN;

/// No new round is begun after that: the next sweep comes every minute.
const ROUNDS_WITHIN: Duration = Duration::from_secs(50);

/// How long a webhook is this sweeper's alone: longer than it may take.
const WEBHOOK_LEASE: TimeDelta = TAKEN_LEASE;

/// How long a letter is the queue's: a few times of handing it out.
const LETTER_LEASE: TimeDelta = TimeDelta::minutes(10);

/// How long a firm's reports are worked on at once: the sweep ends with its minute.
const REPORTS_WITHIN: Duration = Duration::from_secs(20);

/// How soon what can't be read is looked at again: a newer program may have written it.
const UNREADABLE_LEASE: TimeDelta = TimeDelta::hours(1);

/// What the sweeper needs.
pub struct Sweeper {
    webhooks: Arc<Webhooks>,
    letters: Arc<dyn Queue>,
    evaluations: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
}

/// What one sweep did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Webhooks that are done with.
    pub webhooks: u64,
    /// Of these, such that a person should look at.
    pub alarming: u64,
    /// Webhooks that were put off: their gateway is down, or their account is busy.
    pub put_off: u64,
    /// Letters that were put on the queue, those to contacts and what staff are told among them.
    pub letters: u64,
    /// Of these, such that were claimed and of which nothing was heard.
    pub stuck: u64,
    /// Armed policies that were put on the queue of evaluations.
    pub rollouts: u64,
    /// Clients of whom nothing personal is left (CLOSE-1).
    pub erased: u64,
    /// Charges of saved methods that were asked for, or are no longer to be (CHG-1).
    pub charges: u64,
    /// Things that can't be read.
    pub unreadable: u64,
    /// Things that failed and come again.
    pub failed: u64,
    /// How long the first of them had been ready when the sweep began, in seconds.
    pub oldest_seconds: u64,
}

#[derive(Default)]
struct Counts {
    webhooks: AtomicU64,
    alarming: AtomicU64,
    put_off: AtomicU64,
    letters: AtomicU64,
    stuck: AtomicU64,
    rollouts: AtomicU64,
    erased: AtomicU64,
    charges: AtomicU64,
    unreadable: AtomicU64,
    failed: AtomicU64,
}

impl Sweeper {
    /// Over all firms.
    pub fn new(
        webhooks: Arc<Webhooks>,
        letters: Arc<dyn Queue>,
        evaluations: Arc<dyn Queue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { webhooks, letters, evaluations, clock }
    }

    /// Hands on everything that is ready, as far as there is time.
    ///
    /// # Errors
    /// When the outbox can't be read at all; what failed by itself is counted.
    pub async fn sweep(&self) -> Result<Swept, StoreError> {
        let (begun, counts) = (Instant::now(), Counts::default());
        let mut oldest_seconds = None;
        loop {
            let ready = self.platform().ready(self.clock.now(), PAGE).await?;
            let oldest_seconds = *oldest_seconds.get_or_insert_with(|| self.oldest_seconds(&ready));
            let leased = AtomicU64::new(0);
            let done = futures::stream::iter(ready)
                .map(|ready| self.one(ready, &counts, &leased))
                .buffer_unordered(AT_ONCE);
            let waiting: Vec<_> = done.collect().await;
            let waiting: Vec<_> = waiting.into_iter().flatten().collect();
            self.hand_on(&waiting, &counts).await;
            // The index lags: what was leased a moment ago may still be in it, and is not leased twice.
            if leased.into_inner() == 0 || ROUNDS_WITHIN < begun.elapsed() {
                return Ok(Swept { oldest_seconds, ..counts.taken() });
            }
        }
    }

    /// Frees the webhooks that a process before this one had taken when it was killed, so that what was
    /// paid is seen at once and not when their lease ends. Only for whoever knows that no other process
    /// is at work: another's webhook would be gone on with twice, which changes nothing and asks the
    /// gateway once more.
    ///
    /// # Errors
    /// Whatever reading and writing have; what was not freed waits for its lease's end.
    pub async fn take_over(&self) -> Result<u64, StoreError> {
        let now = self.clock.now();
        let mut freed = 0;
        for ready in self.platform().ready(now + WEBHOOK_LEASE, PAGE).await? {
            if matches!(ready.what, Ok(Waiting::Webhook { .. })) {
                freed += u64::from(self.platform().lease(&ready, now).await?);
            }
        }
        Ok(freed)
    }

    /// The longest waiting comes first.
    fn oldest_seconds(&self, ready: &[Ready]) -> u64 {
        let since = ready.first().and_then(Ready::since);
        let waited = since.map(|since| self.clock.now().signed_duration_since(since).num_seconds());
        waited.and_then(|seconds| u64::try_from(seconds).ok()).unwrap_or_default()
    }

    fn platform(&self) -> &Platform {
        self.webhooks.platform()
    }

    /// Does one thing, or answers with what is to be handed on.
    async fn one(&self, ready: Ready, counts: &Counts, leased: &AtomicU64) -> Option<Waiting> {
        let lease = ready.what.as_ref().map_or(UNREADABLE_LEASE, lease_of);
        match self.platform().lease(&ready, self.clock.now() + lease).await {
            Ok(true) => leased.fetch_add(1, Ordering::Relaxed),
            Ok(false) => return None, // somebody else does it, or did
            Err(error) => {
                tracing::warn!("Could not lease something that waits: {}", chain(&error));
                counts.failed.fetch_add(1, Ordering::Relaxed);
                return None;
            }
        };
        match ready.what {
            Ok(Waiting::Webhook { firm, gateway, event, .. }) => {
                self.webhook(&firm, &gateway, &event, counts).await;
                None
            }
            Ok(Waiting::Charge { firm, client, invoice }) => {
                self.charge(&firm, &client, &invoice, counts).await;
                None
            }
            Ok(Waiting::Reports { firm }) => {
                self.reports(&firm, counts).await;
                None
            }
            Ok(Waiting::Erasure { firm, client }) => {
                self.erase(&firm, &client, counts).await;
                None
            }
            Ok(waiting) => Some(waiting),
            Err(error) => {
                tracing::error!("Something that waits can't be read: {}", chain(&error));
                counts.unreadable.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }

    async fn webhook(&self, firm: &FirmId, gateway: &GatewayId, event: &str, counts: &Counts) {
        let finish = self.webhooks.finish(firm, gateway, event, self.clock.now());
        let counter = match tokio::time::timeout(WEBHOOK_WITHIN, finish).await {
            Ok(Ok(Finish::Done(outcome))) => {
                counts.alarming.fetch_add(u64::from(outcome.is_alarming()), Ordering::Relaxed);
                &counts.webhooks
            }
            Ok(Ok(Finish::Before)) => &counts.webhooks,
            Ok(Ok(Finish::Later(_))) => &counts.put_off,
            Ok(Err(error)) if error.is_passing() => {
                tracing::warn!("Could not finish webhook {event}: {}", chain(&error));
                &counts.failed
            }
            Ok(Err(error)) => {
                tracing::error!("Webhook {event} can't be read: {}", chain(&error));
                &counts.unreadable
            }
            Err(_) => {
                tracing::warn!("Could not finish webhook {event} within {WEBHOOK_WITHIN:?}");
                &counts.failed
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Charges a saved method (CHG-1). One that is cut off comes again under the same name, and is the same charge.
    async fn charge(&self, firm: &FirmId, client: &ClientId, invoice: &InvoiceId, counts: &Counts) {
        let now = self.clock.now();
        let charge = async {
            match self.webhooks.firm(firm, now).await? {
                Some(firm) => self.webhooks.charge(&firm, client, invoice, now).await,
                None => Ok::<_, AskError>(Asked::Done),
            }
        };
        let counter = match tokio::time::timeout(WEBHOOK_WITHIN, charge).await {
            Ok(Ok(Asked::Later(_))) => &counts.put_off,
            Ok(Ok(asked)) => {
                tracing::info!(client.id = %client, ?asked, "Looked at a charge of client {client}");
                &counts.charges
            }
            Ok(Err(error)) => {
                tracing::warn!(client.id = %client, "Could not charge client {client}: {}", chain(&error));
                &counts.failed
            }
            Err(_) => {
                tracing::warn!(client.id = %client, "Could not charge client {client} within {WEBHOOK_WITHIN:?}");
                &counts.failed
            }
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Brings a firm's reports up to date; what there is no time for comes again when the lease ends.
    async fn reports(&self, firm: &FirmId, counts: &Counts) {
        let (begun, now) = (Instant::now(), self.clock.now());
        let is_late = || REPORTS_WITHIN < begun.elapsed();
        let made = async {
            let opened = Firm::open(self.platform().dynamo().clone(), firm.clone()).await?;
            match opened {
                Some(opened) => reports::make(&opened, now, &is_late).await,
                None => Ok(Made::Done),
            }
        };
        match made.await {
            Ok(Made::Done) => tracing::info!(firm.id = %firm, "Made the reports of firm {firm}"),
            Ok(Made::Later) => {
                tracing::info!(firm.id = %firm, "Left the rest of the reports of firm {firm} for later");
            }
            Err(error) => {
                tracing::warn!("Could not make the reports of firm {firm}: {}", chain(&error));
                counts.failed.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Goes on deleting a client's personal data (CLOSE-1); what isn't done by then is found again.
    async fn erase(&self, firm: &FirmId, client: &ClientId, counts: &Counts) {
        let now = self.clock.now();
        let erase = async {
            match self.webhooks.firm(firm, now).await? {
                Some(firm) => retention::go_on(&firm, client, now).await,
                None => Ok::<_, RetentionError>(()),
            }
        };
        let counter = match tokio::time::timeout(ERASE_WITHIN, erase).await {
            Ok(Ok(())) => &counts.erased,
            Ok(Err(error)) => {
                tracing::warn!(client.id = %client, "Could not delete client {client}: {}", chain(&error));
                &counts.failed
            }
            Err(_) => &counts.put_off, // there is more of it
        };
        counter.fetch_add(1, Ordering::Relaxed);
    }

    async fn hand_on(&self, waiting: &[Waiting], counts: &Counts) {
        let is_stuck = |waiting: &&Waiting| matches!(waiting, Waiting::Claimed { .. });
        let stuck = waiting.iter().filter(is_stuck).count();
        let Some(Messages { letters, evaluations }) = messages(waiting) else {
            return;
        };
        let taken = hand_on(&*self.letters, letters, counts).await;
        counts.letters.fetch_add(taken, Ordering::Relaxed);
        counts.stuck.fetch_add(stuck as u64, Ordering::Relaxed);
        let taken = hand_on(&*self.evaluations, evaluations, counts).await;
        counts.rollouts.fetch_add(taken, Ordering::Relaxed);
    }
}

/// What is handed on, by queue.
#[derive(Debug, Default)]
struct Messages {
    letters: Vec<QueueMessage>,
    evaluations: Vec<QueueMessage>,
}

/// As what these are handed on. Webhooks are not: the sweeper goes on with them itself. `None`: never, since ids and
/// numbers have a JSON.
fn messages(waiting: &[Waiting]) -> Option<Messages> {
    let mut messages = Messages::default();
    for waiting in waiting {
        if let Some(letter) = LetterMessage::of(waiting) {
            messages.letters.push(on_behalf_of(&letter.firm, &letter).ok()?);
        } else if let Some(mail) = MailMessage::of(waiting) {
            messages.letters.push(on_behalf_of(&mail.firm, &mail).ok()?);
        } else if let Some(tell) = TellMessage::of(waiting) {
            messages.letters.push(on_behalf_of(&tell.firm, &tell).ok()?);
        } else if let Some(rollout) = rollout::message(waiting) {
            messages.evaluations.push(rollout.message().ok()?);
        } else if let Some(run) = run::message(waiting) {
            messages.evaluations.push(run.message().ok()?);
        } else if let Some(preview) = preview::message(waiting) {
            messages.evaluations.push(preview.message().ok()?);
        }
    }
    Some(messages)
}

fn on_behalf_of(
    firm: &FirmId,
    message: &impl Serialize,
) -> Result<QueueMessage, serde_json::Error> {
    QueueMessage::json(message).map(|message| message.on_behalf_of(group(firm)))
}

/// How long it is whose who takes it.
fn lease_of(waiting: &Waiting) -> TimeDelta {
    match waiting {
        Waiting::Webhook { .. } | Waiting::Charge { .. } | Waiting::Erasure { .. } => WEBHOOK_LEASE,
        Waiting::Letter { .. }
        | Waiting::Claimed { .. }
        | Waiting::Mail { .. }
        | Waiting::Notice { .. }
        | Waiting::Digest { .. }
        | Waiting::StaffMail { .. } => LETTER_LEASE,
        Waiting::Rollout { .. } => rollout::LEASE,
        Waiting::Run { .. } => run::LEASE,
        Waiting::Reports { .. } => reports::LEASE,
        Waiting::Preview { .. } => preview::LEASE,
    }
}

/// How many of these the queue took; the others come again when their lease ends.
async fn hand_on(queue: &dyn Queue, messages: Vec<QueueMessage>, counts: &Counts) -> u64 {
    let count = messages.len() as u64;
    if count == 0 {
        return 0;
    }
    let unsent = match queue.send(messages).await {
        Ok(()) => 0,
        Err(error) => {
            tracing::warn!("Could not hand on what waits: {}", chain(&error));
            match error {
                QueueError::Unsent { unsent, .. } => unsent.len() as u64,
                QueueError::TooLarge { .. } | QueueError::DelayTooLong { .. } => count,
            }
        }
    };
    counts.failed.fetch_add(unsent, Ordering::Relaxed);
    count - unsent
}

impl Counts {
    fn taken(self) -> Swept {
        Swept {
            webhooks: self.webhooks.into_inner(),
            alarming: self.alarming.into_inner(),
            put_off: self.put_off.into_inner(),
            letters: self.letters.into_inner(),
            stuck: self.stuck.into_inner(),
            rollouts: self.rollouts.into_inner(),
            erased: self.erased.into_inner(),
            charges: self.charges.into_inner(),
            unreadable: self.unreadable.into_inner(),
            failed: self.failed.into_inner(),
            oldest_seconds: 0, // known before anything is counted
        }
    }
}
