//! How the mail service answered, counted: beside each letter's own outcome, what an alarm watches.
//!
//! An account that is paused or suspended lets no letter of any firm leave. Each of them waits by itself and
//! costs its queue nothing, so nothing else would show it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use platform::config::Stage;
use platform::mail::{Found, Mail, MailError, Message, SentId};
use platform::metrics::Metrics;

/// What the mail service answers while the whole account may send nothing.
const PAUSED: [&str; 2] = ["AccountSuspendedException", "SendingPausedException"];

/// A mail service whose answers are counted.
pub struct Metered {
    mail: Arc<dyn Mail>,
    counts: Counts,
}

#[derive(Default)]
struct Counts {
    sent: AtomicU64,
    throttled: AtomicU64,
    paused: AtomicU64,
    refused: AtomicU64,
    down: AtomicU64,
    unanswered: AtomicU64,
}

impl Metered {
    /// That one.
    pub fn new(mail: Arc<dyn Mail>) -> Self {
        Self { mail, counts: Counts::default() }
    }

    /// What was answered since this was asked last, under the names that the alarms of `template.yaml` read.
    pub fn metrics(&self, stage: Stage) -> Metrics {
        let taken = |count: &AtomicU64| count.swap(0, Ordering::Relaxed);
        let Counts { sent, throttled, paused, refused, down, unanswered } = &self.counts;
        Metrics::of(stage.as_str(), "demand-letter")
            .count("mails_sent", taken(sent))
            .count("mails_throttled", taken(throttled))
            .count("mails_paused", taken(paused))
            .count("mails_not_taken", taken(refused))
            .count("mail_down", taken(down))
            .count("mails_unanswered", taken(unanswered))
    }
}

#[async_trait]
impl Mail for Metered {
    async fn send(&self, message: &Message) -> Result<SentId, MailError> {
        let answer = self.mail.send(message).await;
        let counts = &self.counts;
        let count = match &answer {
            Ok(_) => &counts.sent,
            Err(MailError::Throttled { code } | MailError::Rejected { code, .. })
                if PAUSED.contains(&&**code) =>
            {
                &counts.paused
            }
            Err(MailError::Throttled { .. }) => &counts.throttled,
            Err(MailError::Rejected { .. }) => &counts.refused,
            Err(MailError::Down(_)) => &counts.down,
            Err(MailError::Unanswered(_)) => &counts.unanswered,
        };
        count.fetch_add(1, Ordering::Relaxed);
        answer
    }

    async fn find(&self, message_id: &str) -> Found {
        self.mail.find(message_id).await
    }
}
