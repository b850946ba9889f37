//! The queue on one machine: in process, with the manners of SQS.
//!
//! A message that is handed out is out of sight for a while and comes again unless it is done with;
//! after so many times it goes to the dead letters, alone, from where it can be replayed. Consumers
//! get the same events and give the same answers as on AWS ([`platform::batch`]), so that the
//! functions' own handlers run here. Nothing is on disk: what a crash loses the sweeper hands on
//! again, as it does when AWS loses it (the outbox). Time is the machine's, not a firm's test clock:
//! moving a firm's day forward makes no message late.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use platform::queue::{MAX_BATCH, Queue, QueueError, QueueMessage, check};
use tokio::sync::Notify;
use tokio::time::Instant;
use tracing::warn;

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
    /// 1 for the first time.
    pub receive_count: u32,
}

/// A message that nobody could handle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// The queue's name for it.
    pub id: String,
    /// What was sent.
    pub message: QueueMessage,
    /// How often it was handed out.
    pub receive_count: u32,
}

#[derive(Debug)]
struct Waiting {
    message: QueueMessage,
    visible_at: Instant,
    receive_count: u32,
    receipt: Option<u64>,
}

#[derive(Debug, Default)]
struct State {
    /// By number, so that the oldest comes first.
    waiting: BTreeMap<u64, Waiting>,
    dead: Vec<DeadLetter>,
    sent: u64,
    receipts: u64,
}

/// A queue in this process.
#[derive(Debug)]
pub struct LocalQueue {
    name: &'static str,
    settings: QueueSettings,
    state: Mutex<State>,
    changed: Notify,
}

impl LocalQueue {
    /// An empty queue; its name is for the log.
    pub fn new(name: &'static str, settings: QueueSettings) -> Self {
        Self { name, settings, state: Mutex::default(), changed: Notify::new() }
    }

    /// Hands out up to so many messages that are in sight, oldest first, at most a batch of SQS.
    pub fn receive(&self, most: usize) -> Vec<Handed> {
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
            waiting.visible_at = now + self.settings.visibility;
            handed.push(Handed {
                id: self.id(*number),
                receipt: state.receipts,
                message: waiting.message.clone(),
                receive_count: waiting.receive_count,
            });
        }
        handed
    }

    /// The message is done with. False when it was handed out again since, or is gone.
    pub fn complete(&self, handed: &Handed) -> bool {
        let mut state = self.lock();
        let number = state.number_of(handed);
        number.and_then(|number| state.waiting.remove(&number)).is_some()
    }

    /// The message could not be handled: it comes again, or it is a dead letter from now on. False
    /// as above.
    pub fn fail(&self, handed: &Handed) -> bool {
        let now = Instant::now();
        let mut state = self.lock();
        let Some(number) = state.number_of(handed) else { return false };
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
        self.lock().dead.clone()
    }

    /// Puts one dead letter back, as if it had just been sent. False when there is none of that id.
    pub fn replay(&self, id: &str) -> bool {
        0 < self.replay_if(|letter| letter.id == id)
    }

    /// Puts all dead letters back; tells how many.
    pub fn replay_all(&self) -> usize {
        self.replay_if(|_| true)
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
                tokio::select! {
                    () = &mut stop => return,
                    () = changed => {}
                    () = wait => {}
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
                self.fail(message);
            } else {
                self.complete(message);
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
            state.dead.push(DeadLetter { id, message: waiting.message, receive_count });
        }
    }

    fn replay_if(&self, is_wanted: impl Fn(&DeadLetter) -> bool) -> usize {
        let mut state = self.lock();
        let dead = std::mem::take(&mut state.dead);
        let (wanted, kept): (Vec<_>, Vec<_>) = dead.into_iter().partition(is_wanted);
        state.dead = kept;
        let replayed = wanted.len();
        for letter in wanted {
            state.put(letter.message, Duration::ZERO);
        }
        drop(state);
        self.changed.notify_waiters();
        replayed
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
    fn put(&mut self, message: QueueMessage, delay: Duration) {
        self.sent += 1;
        let visible_at = Instant::now() + delay;
        let waiting = Waiting { message, visible_at, receive_count: 0, receipt: None };
        self.waiting.insert(self.sent, waiting);
    }

    fn number_of(&self, handed: &Handed) -> Option<u64> {
        let mut all = self.waiting.iter();
        all.find(|(_, waiting)| waiting.receipt == Some(handed.receipt)).map(|(number, _)| *number)
    }
}

#[async_trait]
impl Queue for LocalQueue {
    async fn send(&self, messages: Vec<QueueMessage>) -> Result<(), QueueError> {
        check(&messages)?;
        let mut state = self.lock();
        for message in messages {
            let delay = Duration::from_secs(message.delay_seconds.into());
            state.put(message, delay);
        }
        drop(state);
        self.changed.notify_waiters();
        Ok(())
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
mod tests {
    use std::sync::Arc;

    use platform::batch::{Received, each_message};
    use platform::queue::MAX_DELAY_SECONDS;

    use super::*;

    const VISIBILITY: Duration = Duration::from_secs(30);

    fn queue() -> Arc<LocalQueue> {
        let settings =
            QueueSettings { visibility: VISIBILITY, max_receives: 3, retry_after: Duration::ZERO };
        Arc::new(LocalQueue::new("letters", settings))
    }

    fn messages(bodies: &[&str]) -> Vec<QueueMessage> {
        let message = |body: &&str| QueueMessage::json(body).unwrap();
        bodies.iter().map(message).collect()
    }

    fn bodies(handed: &[Handed]) -> Vec<String> {
        handed.iter().map(|handed| handed.message.body.trim_matches('"').to_owned()).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_comes_again_unless_it_is_done_with() {
        let queue = queue();
        queue.send(messages(&["a", "b"])).await.unwrap();
        let first = queue.receive(10);
        assert_eq!(bodies(&first), ["a", "b"]);
        assert!(queue.complete(&first[0]));
        assert!(queue.receive(10).is_empty());
        tokio::time::advance(VISIBILITY).await;
        let second = queue.receive(10);
        assert_eq!((bodies(&second), second[0].receive_count), (vec!["b".to_owned()], 2));
        assert!(!queue.complete(&first[1]), "the first handing out is over");
        assert!(queue.complete(&second[0]));
        assert!(!queue.complete(&second[0]));
        assert!(queue.is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_failed_waits_a_moment() {
        let queue = LocalQueue::new("letters", QueueSettings::default());
        queue.send(messages(&["a"])).await.unwrap();
        assert!(queue.fail(&queue.receive(10)[0]));
        assert!(queue.receive(10).is_empty());
        tokio::time::advance(QueueSettings::default().retry_after).await;
        assert_eq!(queue.receive(10)[0].receive_count, 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_delayed_message_is_not_in_sight_before_its_time() {
        let queue = queue();
        let late = messages(&["late"]).remove(0).after_seconds(60);
        queue.send(vec![late]).await.unwrap();
        assert!(queue.receive(10).is_empty());
        tokio::time::advance(Duration::from_secs(59)).await;
        assert!(queue.receive(10).is_empty());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(queue.receive(10).len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_message_that_nobody_can_handle_is_a_dead_letter_alone_and_can_be_replayed() {
        let queue = queue();
        queue.send(messages(&["poison", "good"])).await.unwrap();
        let handle = async |event: SqsEvent| {
            each_message(event, async |received: Received<String>| {
                match received.message.as_str() {
                    "poison" => Err(std::io::Error::other("no")),
                    _ => Ok(()),
                }
            })
            .await
        };
        queue.drain(handle).await;
        assert!(queue.is_empty());
        let dead = queue.dead_letters();
        assert_eq!(dead.len(), 1);
        assert_eq!((dead[0].message.body.as_str(), dead[0].receive_count), ("\"poison\"", 3));

        assert!(!queue.replay("letters-99"));
        assert!(queue.replay(&dead[0].id));
        assert!(queue.dead_letters().is_empty());
        let again = queue.receive(10);
        assert_eq!((bodies(&again), again[0].receive_count), (vec!["poison".to_owned()], 1));
        assert!(queue.complete(&again[0]));
        assert_eq!(queue.replay_all(), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_handler_that_never_answers_also_ends_with_the_dead_letters() {
        let queue = queue();
        queue.send(messages(&["stuck"])).await.unwrap();
        for count in 1..=3 {
            assert_eq!(queue.receive(10)[0].receive_count, count);
            assert!(queue.dead_letters().is_empty());
            tokio::time::advance(VISIBILITY).await;
        }
        assert!(queue.receive(10).is_empty());
        assert_eq!(queue.dead_letters().len(), 1);
        assert_eq!(queue.replay_all(), 1);
        assert_eq!(queue.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_running_consumer_wakes_for_new_and_for_late_messages_and_stops_when_told() {
        let queue = queue();
        let (handled, mut seen) = tokio::sync::mpsc::unbounded_channel();
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let consumer = queue.clone();
        let running = tokio::spawn(async move {
            let handle = |event: SqsEvent| {
                let handled = handled.clone();
                async move {
                    for record in event.records {
                        handled.send(record.body.unwrap()).unwrap();
                    }
                    SqsBatchResponse::default()
                }
            };
            consumer.run(handle, async move { stopped.await.unwrap_or(()) }).await;
        });
        queue.send(messages(&["now"])).await.unwrap();
        assert_eq!(seen.recv().await.unwrap(), "\"now\"");
        let late = messages(&["late"]).remove(0).after_seconds(MAX_DELAY_SECONDS);
        queue.send(vec![late]).await.unwrap();
        assert_eq!(seen.recv().await.unwrap(), "\"late\"");
        stop.send(()).unwrap();
        running.await.unwrap();
        queue.send(messages(&["afterwards"])).await.unwrap();
        assert_eq!(queue.len(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_is_at_most_ten_and_a_strange_answer_fails_it_whole() {
        let queue = queue();
        let many: Vec<_> = (0..25).map(|n| n.to_string()).collect();
        let many: Vec<_> = many.iter().map(String::as_str).collect();
        queue.send(messages(&many)).await.unwrap();
        assert_eq!(queue.receive(100).len(), 10);
        assert_eq!(queue.receive(3).len(), 3);
        tokio::time::advance(VISIBILITY).await;
        let handed = queue.receive(2);
        let mut response = SqsBatchResponse::default();
        response.add_failure("nobody");
        queue.settle(&handed, response);
        assert_eq!(queue.len(), 25);
    }

    #[tokio::test]
    async fn what_sqs_would_refuse_is_refused_here_too() {
        let queue = queue();
        let mut late = messages(&["a", "b"]);
        late[1].delay_seconds = MAX_DELAY_SECONDS + 1;
        assert!(matches!(queue.send(late).await, Err(QueueError::DelayTooLong { .. })));
        assert!(queue.is_empty());
    }
}
