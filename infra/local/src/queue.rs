//! The queue on one machine: in process, with the manners of SQS.
//!
//! A message that is handed out is out of sight for a while and comes again unless it is done with;
//! after so many times it goes to the dead letters, alone, from where it can be replayed. Consumers
//! get the same events and give the same answers as on AWS ([`platform::batch`]), so that the
//! functions' own handlers run here. What waits is not on disk: what a crash loses the sweeper hands on
//! again, as it does when AWS loses it (the outbox). Dead letters nobody hands on again, so they are kept
//! in the data folder ([`crate::dead_letters`]). Time is the machine's, not a firm's test clock: moving a
//! firm's day forward makes no message late.

use std::collections::BTreeMap;
use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use chrono::{DateTime, Utc};
use platform::clock::Clock;
use platform::queue::{MAX_BATCH, Queue, QueueError, QueueMessage, check};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::{error, warn};

use crate::dead_letters::{DeadLetter, DeadLetterError, DeadLetters};

/// The queue of letters.
pub const LETTERS: &str = "letters";

/// The queue of evaluations.
pub const EVALUATIONS: &str = "evaluations";

/// How often a consumer looks whether somebody wants dead letters replayed.
const REPLAY_POLL: Duration = Duration::from_millis(500);

/// How a queue behaves; the numbers of the template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueSettings {
    /// How long a message that was handed out stays out of sight: longer than its handler may take.
    pub visibility: Duration,
    /// How often a message is handed out before it is a dead letter.
    pub max_receives: u32,
    /// How long a message that failed waits: not the visibility time as on SQS, for somebody sits
    /// in front of this machine, but long enough for what was busy to be free again.
    pub retry_after: Duration,
}

impl Default for QueueSettings {
    fn default() -> Self {
        Self {
            visibility: Duration::from_secs(30),
            max_receives: 5,
            retry_after: Duration::from_secs(1),
        }
    }
}

/// A message that was handed out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Handed {
    /// The queue's name for it, the same each time.
    pub id: String,
    /// What names this handing out: an older one can't do away with the message any more.
    pub receipt: u64,
    /// What was sent.
    pub message: QueueMessage,
    /// When, if this queue has a clock.
    pub sent_at: Option<DateTime<Utc>>,
    /// 1 for the first time.
    pub receive_count: u32,
}

#[derive(Debug)]
struct Waiting {
    message: QueueMessage,
    sent_at: Option<DateTime<Utc>>,
    visible_at: Instant,
    receive_count: u32,
    receipt: Option<u64>,
    /// Was a dead letter before; that is forgotten when it is done with.
    is_replayed: bool,
}

#[derive(Debug)]
struct Dead {
    letter: DeadLetter,
    sent_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Default)]
struct State {
    /// By number, so that the oldest comes first.
    waiting: BTreeMap<u64, Waiting>,
    dead: BTreeMap<u64, Dead>,
    sent: u64,
    receipts: u64,
}

/// How many messages are where, as SQS counts them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Depth {
    /// In sight.
    pub visible: usize,
    /// Handed out.
    pub in_flight: usize,
    /// Not in sight yet.
    pub delayed: usize,
    /// Dead letters.
    pub dead: usize,
}

/// A queue in this process.
#[derive(Debug)]
pub struct LocalQueue {
    name: &'static str,
    settings: QueueSettings,
    state: Mutex<State>,
    changed: Notify,
    kept: Option<Kept>,
}

/// Where dead letters are kept, and who says when one died.
struct Kept {
    letters: DeadLetters,
    clock: Arc<dyn Clock>,
}

impl std::fmt::Debug for Kept {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Kept").field(&self.letters).finish()
    }
}

/// The queues of the system on this machine.
#[derive(Debug, Clone)]
pub struct Queues {
    /// Letters to be looked at.
    pub letters: Arc<LocalQueue>,
    /// Shards and clients to be evaluated.
    pub evaluations: Arc<LocalQueue>,
}

impl Queues {
    /// With the dead letters of that data folder.
    ///
    /// # Errors
    /// When these can't be read.
    pub fn open(data: &Path, clock: &Arc<dyn Clock>) -> Result<Self, DeadLetterError> {
        let open = |name| LocalQueue::open(name, QueueSettings::default(), data, clock.clone());
        Ok(Self { letters: Arc::new(open(LETTERS)?), evaluations: Arc::new(open(EVALUATIONS)?) })
    }
}

impl LocalQueue {
    /// An empty queue, of which nothing is kept; its name is for the log.
    pub fn new(name: &'static str, settings: QueueSettings) -> Self {
        Self { name, settings, state: Mutex::default(), changed: Notify::new(), kept: None }
    }

    /// A queue with the dead letters that the data folder keeps for it. Those whose replay was asked for
    /// wait again.
    ///
    /// # Errors
    /// When they can't be read.
    pub fn open(
        name: &'static str,
        settings: QueueSettings,
        data: &Path,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, DeadLetterError> {
        let letters = DeadLetters::open(data, name)?;
        let mut state = State::default();
        for letter in letters.list()? {
            let Some(number) = number_in(name, &letter.id) else { continue };
            state.sent = state.sent.max(number);
            state.dead.insert(number, Dead { letter, sent_at: None });
        }
        let kept = Some(Kept { letters, clock });
        let queue = Self { name, settings, state: Mutex::new(state), changed: Notify::new(), kept };
        queue.take_up_replays();
        Ok(queue)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// How it behaves.
    pub fn settings(&self) -> QueueSettings {
        self.settings
    }

    /// Takes messages; answers with its names for them.
    ///
    /// # Errors
    /// For what no queue takes; then nothing is taken.
    pub fn put(&self, messages: Vec<QueueMessage>) -> Result<Vec<String>, QueueError> {
        check(&messages)?;
        let sent_at = self.kept.as_ref().map(|kept| kept.clock.now());
        let mut state = self.lock();
        let put = messages.into_iter().map(|message| {
            state.sent += 1;
            let (number, delay) = (state.sent, Duration::from_secs(message.delay_seconds.into()));
            state.wait(number, message, sent_at, delay);
            self.id(number)
        });
        let ids = put.collect();
        drop(state);
        self.changed.notify_waiters();
        Ok(ids)
    }

    /// Hands out up to so many messages that are in sight, oldest first, at most a batch of SQS.
    pub fn receive(&self, most: usize) -> Vec<Handed> {
        self.receive_for(most, self.settings.visibility)
    }

    /// The same, out of sight for so long.
    pub fn receive_for(&self, most: usize, visibility: Duration) -> Vec<Handed> {
        let now = Instant::now();
        let mut guard = self.lock();
        let state = &mut *guard;
        self.bury(state, now);
        let visible = state.waiting.iter_mut().filter(|(_, waiting)| waiting.visible_at <= now);
        let mut handed = Vec::new();
        for (number, waiting) in visible.take(most.min(MAX_BATCH)) {
            state.receipts += 1;
            waiting.receipt = Some(state.receipts);
            waiting.receive_count += 1;
            waiting.visible_at = now + visibility;
            handed.push(Handed {
                id: self.id(*number),
                receipt: state.receipts,
                message: waiting.message.clone(),
                sent_at: waiting.sent_at,
                receive_count: waiting.receive_count,
            });
        }
        handed
    }

    /// The same, waiting so long for something to come into sight.
    pub async fn receive_within(
        &self,
        most: usize,
        visibility: Duration,
        wait: Duration,
    ) -> Vec<Handed> {
        let deadline = Instant::now() + wait;
        loop {
            // Registered before looking, so that a message sent in between wakes us.
            let changed = self.changed.notified();
            let handed = self.receive_for(most, visibility);
            if !handed.is_empty() || deadline <= Instant::now() {
                return handed;
            }
            let due = self.next_visible_at().map_or(deadline, |due| due.min(deadline));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep_until(due) => {}
            }
        }
    }

    /// The message is done with. False when it was handed out again since, or is gone.
    pub fn complete(&self, receipt: u64) -> bool {
        let mut state = self.lock();
        let number = state.number_of(receipt);
        let done = number.and_then(|number| Some((number, state.waiting.remove(&number)?)));
        let Some((number, waiting)) = done else { return false };
        if waiting.is_replayed {
            self.keep(|letters| letters.remove(&self.id(number)));
        }
        true
    }

    /// The message could not be handled: it comes again, or it is a dead letter from now on. False
    /// as above.
    pub fn fail(&self, receipt: u64) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let Some(number) = state.number_of(receipt) else { return false };
        if let Some(waiting) = state.waiting.get_mut(&number) {
            let is_last = self.settings.max_receives <= waiting.receive_count;
            waiting.visible_at = if is_last { now } else { now + self.settings.retry_after };
            waiting.receipt = None;
        }
        self.bury(&mut state, now);
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// The message that was handed out comes into sight after so long, from now. False as above.
    pub fn change_visibility(&self, receipt: u64, hidden: Duration) -> bool {
        let mut state = self.lock();
        let number = state.number_of(receipt);
        let Some(waiting) = number.and_then(|number| state.waiting.get_mut(&number)) else {
            return false;
        };
        waiting.visible_at = Instant::now() + hidden;
        drop(state);
        self.changed.notify_waiters();
        true
    }

    /// How many messages are where.
    pub fn depth(&self) -> Depth {
        let (now, state) = (Instant::now(), self.lock());
        let mut depth = Depth { dead: state.dead.len(), ..Depth::default() };
        for waiting in state.waiting.values() {
            match (waiting.visible_at <= now, waiting.receipt) {
                (true, _) => depth.visible += 1,
                (false, Some(_)) => depth.in_flight += 1,
                (false, None) => depth.delayed += 1,
            }
        }
        depth
    }

    /// How many messages wait or are being handled.
    pub fn len(&self) -> usize {
        self.lock().waiting.len()
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The dead letters, oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.lock().dead.values().map(|dead| dead.letter.clone()).collect()
    }

    /// Puts one dead letter back, as if it had just been sent. False when there is none of that id.
    pub fn replay(&self, id: &str) -> bool {
        0 < self.replay_if(|letter| letter.id == id)
    }

    /// Puts all dead letters back; tells how many.
    pub fn replay_all(&self) -> usize {
        self.replay_if(|_| true)
    }

    /// Puts back the dead letters for which that was asked in the data folder, by another process.
    pub fn take_up_replays(&self) {
        let mut asked = Vec::new();
        self.keep(|letters| {
            asked = letters.asked()?;
            Ok(())
        });
        if !asked.is_empty() {
            self.replay_if(|letter| asked.contains(&letter.id));
        }
    }

    /// Hands each batch to a function's handler, until `stop` is ready.
    pub async fn run<F, Fut>(&self, handle: F, stop: impl Future<Output = ()>)
    where
        F: Fn(SqsEvent) -> Fut,
        Fut: Future<Output = SqsBatchResponse>,
    {
        let mut stop = std::pin::pin!(stop);
        loop {
            // Registered before looking, so that a message sent in between wakes us.
            let changed = self.changed.notified();
            let handed = self.receive(MAX_BATCH);
            if handed.is_empty() {
                let due = self.next_visible_at();
                let wait = async {
                    match due {
                        Some(at) => tokio::time::sleep_until(at).await,
                        None => std::future::pending().await,
                    }
                };
                let poll = async {
                    match self.kept {
                        Some(_) => tokio::time::sleep(REPLAY_POLL).await,
                        None => std::future::pending().await,
                    }
                };
                tokio::select! {
                    () = &mut stop => return,
                    () = changed => {}
                    () = wait => {}
                    () = poll => self.take_up_replays(),
                }
                continue;
            }
            // A batch that was begun is finished: stopping drops none.
            self.settle(&handed, handle(event(&handed)).await);
        }
    }

    /// Handles what is in sight, and what comes into sight meanwhile; for tests and for moving a test
    /// firm's clock, where the next day must not begin before this one's messages are handled.
    pub async fn drain<F, Fut>(&self, handle: F)
    where
        F: Fn(SqsEvent) -> Fut,
        Fut: Future<Output = SqsBatchResponse>,
    {
        loop {
            let handed = self.receive(MAX_BATCH);
            if handed.is_empty() {
                return;
            }
            self.settle(&handed, handle(event(&handed)).await);
        }
    }

    fn settle(&self, handed: &[Handed], response: SqsBatchResponse) {
        let failed: Vec<_> =
            response.batch_item_failures.iter().map(|item| item.item_identifier.as_str()).collect();
        // As on AWS, a name that isn't one of the batch's fails the batch.
        let fails_whole = failed.iter().any(|id| handed.iter().all(|handed| handed.id != *id));
        for message in handed {
            if fails_whole || failed.contains(&message.id.as_str()) {
                self.fail(message.receipt);
            } else {
                self.complete(message.receipt);
            }
        }
    }

    /// Moves those that were handed out often enough, and are in sight again, to the dead letters.
    fn bury(&self, state: &mut State, now: Instant) {
        let most = self.settings.max_receives;
        let is_dead =
            |waiting: &Waiting| most <= waiting.receive_count && waiting.visible_at <= now;
        let dead = state.waiting.extract_if(.., |_, waiting| is_dead(waiting));
        for (number, waiting) in dead {
            let (id, receive_count) = (self.id(number), waiting.receive_count);
            warn!(message.id = %id, receive_count, "Message {id} is a dead letter now");
            let died_at = self.kept.as_ref().map(|kept| kept.clock.now());
            let QueueMessage { group, body, .. } = waiting.message;
            let letter = DeadLetter { id, group, body, receive_count, died_at };
            self.keep(|letters| letters.save(&letter));
            state.dead.insert(number, Dead { letter, sent_at: waiting.sent_at });
        }
    }

    fn replay_if(&self, is_wanted: impl Fn(&DeadLetter) -> bool) -> usize {
        let mut guard = self.lock();
        let state = &mut *guard;
        let wanted: Vec<_> = state.dead.extract_if(.., |_, dead| is_wanted(&dead.letter)).collect();
        let replayed = wanted.len();
        for (number, Dead { letter, sent_at }) in wanted {
            // Kept until it is done with: a crash before that forgets neither it nor the replay.
            self.keep(|letters| letters.ask(&letter.id));
            let message = QueueMessage { group: letter.group, body: letter.body, delay_seconds: 0 };
            state.wait(number, message, sent_at, Duration::ZERO).is_replayed = true;
        }
        drop(guard);
        self.changed.notify_waiters();
        replayed
    }

    /// Does something to the files, if there are any. What fails there is said and holds up nobody: the
    /// queue itself is in memory.
    fn keep(&self, work: impl FnOnce(&DeadLetters) -> Result<(), DeadLetterError>) {
        if let Some(kept) = &self.kept
            && let Err(error) = work(&kept.letters)
        {
            let error = platform::log::chain(&error);
            error!(%error, "Could not keep the dead letters of queue {}", self.name);
        }
    }

    fn next_visible_at(&self) -> Option<Instant> {
        self.lock().waiting.values().map(|waiting| waiting.visible_at).min()
    }

    fn id(&self, number: u64) -> String {
        format!("{}-{number}", self.name)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn wait(
        &mut self,
        number: u64,
        message: QueueMessage,
        sent_at: Option<DateTime<Utc>>,
        delay: Duration,
    ) -> &mut Waiting {
        let visible_at = Instant::now() + delay;
        let waiting = Waiting {
            message,
            sent_at,
            visible_at,
            receive_count: 0,
            receipt: None,
            is_replayed: false,
        };
        self.waiting.entry(number).insert_entry(waiting).into_mut()
    }

    fn number_of(&self, receipt: u64) -> Option<u64> {
        let mut all = self.waiting.iter();
        all.find(|(_, waiting)| waiting.receipt == Some(receipt)).map(|(number, _)| *number)
    }
}

/// The number in a message's name.
fn number_in(queue: &str, id: &str) -> Option<u64> {
    id.strip_prefix(queue)?.strip_prefix('-')?.parse().ok()
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError> {
        self.put(messages).map(|_| ())
    }
}

/// The messages as Lambda would get them.
fn event(handed: &[Handed]) -> SqsEvent {
    let records = handed.iter().map(|handed| {
        let mut message = SqsMessage::default();
        message.message_id = Some(handed.id.clone());
        message.receipt_handle = Some(handed.receipt.to_string());
        message.body = Some(handed.message.body.clone());
        message.event_source = Some("aws:sqs".to_owned());
        let count = handed.receive_count.to_string();
        message.attributes.insert("ApproximateReceiveCount".to_owned(), count);
        message
    });
    let mut event = SqsEvent::default();
    event.records = records.collect();
    event
}

#[cfg(test)]
mod tests;
