//! One command at a time on one client, within this process.
//!
//! The table keeps commands apart by itself: of two that meet, one is decided anew. But where a hundred
//! meet, each commit makes ninety-nine decisions worthless. In a process that answers many at once they
//! queue here instead; between processes the table's word is the only one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::{Mutex as Turnstile, OwnedMutexGuard};

/// Above so many, those that nobody waits at are taken away.
const MANY: usize = 1_024;

/// Who is next, client by client.
#[derive(Debug, Default)]
pub(crate) struct Turns(Mutex<HashMap<String, Weak<Turnstile<()>>>>);

/// A turn; the next one's begins when this is dropped.
#[derive(Debug)]
pub struct Turn(#[allow(dead_code, reason = "it is held, not read")] OwnedMutexGuard<()>);

impl Turns {
    pub(crate) async fn take(&self, whose: String) -> Turn {
        let turnstile = self.turnstile(whose);
        Turn(turnstile.lock_owned().await)
    }

    fn turnstile(&self, whose: String) -> Arc<Turnstile<()>> {
        let mut turnstiles = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = turnstiles.get(&whose).and_then(Weak::upgrade) {
            return known;
        }
        if MANY < turnstiles.len() {
            turnstiles.retain(|_, turnstile| 0 < turnstile.strong_count());
        }
        let new = Arc::new(Turnstile::new(()));
        turnstiles.insert(whose, Arc::downgrade(&new));
        new
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn one_after_the_other_and_nobody_waits_for_another_client() {
        let turns = Turns::default();
        let first = turns.take("acme".to_owned()).await;
        turns.take("beta".to_owned()).await;
        let second = turns.take("acme".to_owned());
        tokio::pin!(second);
        let soon = Duration::from_millis(20);
        assert!(tokio::time::timeout(soon, &mut second).await.is_err());
        drop(first);
        tokio::time::timeout(Duration::from_secs(5), second).await.unwrap();
    }

    #[tokio::test]
    async fn turnstiles_that_nobody_uses_are_taken_away() {
        let turns = Turns::default();
        let _held = turns.take("acme".to_owned()).await;
        for client in 0..3 * MANY {
            turns.take(client.to_string()).await;
        }
        let left = turns.0.lock().unwrap();
        assert!(left.len() <= MANY + 1 && left.contains_key("acme"), "{}", left.len());
    }
}
