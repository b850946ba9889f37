//! The fast path: what became ready a moment ago is handed on as the table's stream tells it.
//!
//! It does what the sweeper would do within the minute, and in the same way: a lease first, so that
//! neither hands on what the other has, then the same message. So nothing is lost here. What can't be leased
//! or handed on is left to the sweeper, at once; a stream is never asked to tell it again, for that would
//! hold up everything behind it. Webhooks are left to their own function and the sweeper.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use futures::StreamExt;
use platform::clock::Clock;
use platform::log::chain;
use platform::queue::{Queue, QueueMessage};
use store::{Platform, Ready, Waiting};

use super::{AT_ONCE, lease_of, messages};

/// What the fast path needs.
pub struct FastPath {
    platform: Platform,
    letters: Arc<dyn Queue>,
    evaluations: Arc<dyn Queue>,
    clock: Arc<dyn Clock>,
}

/// What became of what a stream told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HandedOn {
    /// How much was put on a queue.
    pub handed_on: u64,
    /// How much is left to the sweeper, though it is ready.
    pub left: u64,
}

/// Something that is this process's for a while.
struct Leased {
    ready: Ready,
    waiting: Waiting,
    until: DateTime<Utc>,
}

impl FastPath {
    /// Over all firms.
    pub fn new(
        platform: Platform,
        letters: Arc<dyn Queue>,
        evaluations: Arc<dyn Queue>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { platform, letters, evaluations, clock }
    }

    /// Hands on what of these is ready by now and nobody else has.
    pub async fn hand_on(&self, ready: Vec<Ready>) -> HandedOn {
        let now = self.clock.now();
        let ready = ready.into_iter().filter(|ready| ready.is_by(now));
        let leased = futures::stream::iter(ready).map(|ready| self.lease(ready, now));
        let leased: Vec<_> = leased.buffered(AT_ONCE).collect().await;
        let mut handed_on = HandedOn::default();
        let mut ours = Vec::new();
        for leased in leased {
            match leased {
                Ok(leased) => ours.extend(leased),
                Err(()) => handed_on.left += 1,
            }
        }
        // One by one what a message needs to be given back by, together what a queue takes at once.
        let (evaluations, letters): (Vec<_>, Vec<_>) = ours.into_iter().partition(|leased| {
            matches!(
                leased.waiting,
                Waiting::Rollout { .. } | Waiting::Run { .. } | Waiting::Preview { .. }
            )
        });
        self.send(&*self.letters, letters, &mut handed_on).await;
        self.send(&*self.evaluations, evaluations, &mut handed_on).await;
        handed_on
    }

    /// Takes it. None: it is another's, or nothing that is handed on.
    async fn lease(&self, ready: Ready, now: DateTime<Utc>) -> Result<Option<Leased>, ()> {
        let waiting = match &ready.what {
            // The sweeper does these itself, and says what is wrong with an item that can't be read.
            Ok(
                Waiting::Webhook { .. }
                | Waiting::Charge { .. }
                | Waiting::Reports { .. }
                | Waiting::Erasure { .. },
            )
            | Err(_) => return Ok(None),
            Ok(waiting) => waiting.clone(),
        };
        let until = now + lease_of(&waiting);
        match self.platform.lease(&ready, until).await {
            Ok(true) => Ok(Some(Leased { ready, waiting, until })),
            Ok(false) => Ok(None), // the sweeper was faster, or the stream told it twice
            Err(error) => {
                tracing::warn!("Left something that waits to the sweeper: {}", chain(&error));
                Err(())
            }
        }
    }

    async fn send(&self, queue: &dyn Queue, leased: Vec<Leased>, handed_on: &mut HandedOn) {
        let waiting: Vec<_> = leased.iter().map(|leased| leased.waiting.clone()).collect();
        let Some(made) = messages(&waiting) else {
            return;
        };
        let made: Vec<QueueMessage> = made.letters.into_iter().chain(made.evaluations).collect();
        if made.is_empty() {
            return;
        }
        let all = made.clone();
        let unsent = match queue.send(made).await {
            Ok(()) => Vec::new(),
            Err(error) => {
                tracing::warn!("Left what waits to the sweeper: {}", chain(&error));
                error.unsent(all.clone())
            }
        };
        for (leased, message) in leased.into_iter().zip(all) {
            match unsent.contains(&message) {
                false => handed_on.handed_on += 1,
                true => {
                    handed_on.left += 1;
                    self.give_back(&leased).await;
                }
            }
        }
    }

    /// Else the sweeper would find it only when the lease ends.
    async fn give_back(&self, leased: &Leased) {
        let given = self.platform.give_back(&leased.ready, leased.until, self.clock.now()).await;
        if let Err(error) = given {
            tracing::warn!("What waits comes again when its lease ends: {}", chain(&error));
        }
    }
}
