//! What came last at an endpoint, written down for whoever connects a gateway: "send a test event and see it
//! arrive". An event that is about nothing that we follow is kept nowhere else, and neither is one whose signature
//! doesn't match: the usual mistake is a signing secret of another endpoint.
//!
//! It is told of now and then, not each time: a firm with many payments pays for none of it. And once an endpoint has
//! taken an event, what is refused there or is about nothing writes nothing any more: whoever forges costs no write.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use platform::log::chain;
use store::{Came, StoreError};

use super::{TakeError, Taken, Webhooks};

/// How long what comes at an endpoint isn't written down again, by one process.
const PAUSE: TimeDelta = TimeDelta::seconds(10);

/// The most endpoints that a process remembers; then it begins anew.
const MAX_REMEMBERED: usize = 1_000;

/// When it was last written down: by endpoint, and whether it was the gateway's own.
pub(super) type Heard = Mutex<BTreeMap<(String, bool), DateTime<Utc>>>;

/// Whether it is kept nowhere else: then it is only of interest until the first event was taken.
fn is_kept_nowhere(taken: &Result<Taken, TakeError>) -> bool {
    match taken {
        Ok(taken) => matches!(taken, Taken::Ignored | Taken::NotForHere),
        Err(_) => true,
    }
}

/// Whether it was the gateway's own, and what became of it; nothing, where nothing can be said.
fn told(taken: &Result<Taken, TakeError>) -> Option<(bool, &'static str)> {
    Some(match taken {
        Ok(taken) => (true, taken.as_str()),
        Err(TakeError::Body { .. }) => (true, "malformed"),
        Err(TakeError::OtherMode) => (true, "other_mode"),
        Err(TakeError::NotAuthentic(_)) => (false, "not_authentic"),
        Err(TakeError::NotNow(_)) => (false, "not_now"),
        Err(TakeError::NotConfigured(_)) => (false, "not_configured"),
        Err(TakeError::NotFound | TakeError::Store(_)) => return None,
    })
}

impl Webhooks {
    /// Writes down that something came. That this fails costs nothing else.
    pub(super) async fn note(
        &self,
        endpoint: &str,
        taken: &Result<Taken, TakeError>,
        now: DateTime<Utc>,
    ) {
        let Some((is_theirs, outcome)) = told(taken) else { return };
        {
            let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
            let key = (endpoint.to_owned(), is_theirs);
            if heard.get(&key).is_some_and(|at| now < *at + PAUSE) {
                return;
            }
            if MAX_REMEMBERED <= heard.len() {
                heard.clear();
            }
            heard.insert(key, now);
        }
        let is_of_setting_up = is_kept_nowhere(taken);
        let came = Came { at: now, outcome: outcome.to_owned() };
        if let Err(error) = self.write_down(endpoint, is_theirs, is_of_setting_up, came).await {
            tracing::warn!("Could not note what came at an endpoint: {}", chain(&error));
        }
    }

    async fn write_down(
        &self,
        endpoint: &str,
        is_theirs: bool,
        is_of_setting_up: bool,
        came: Came,
    ) -> Result<(), StoreError> {
        let Some((firm, _)) = self.platform().endpoint(endpoint).await? else { return Ok(()) };
        let store = self.store(&firm);
        let mut news = store.endpoint_news(endpoint).await?;
        if is_of_setting_up && news.has_taken {
            return Ok(());
        }
        news.has_taken |= !is_of_setting_up;
        let last = if is_theirs { &mut news.came } else { &mut news.refused };
        *last = Some(came);
        store.note_endpoint(endpoint, &news).await
    }
}
