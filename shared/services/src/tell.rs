//! Staff are told of what happens at their clients (STAFF-1).
//!
//! Two ways, so that nobody is told so often that nothing is read: at once what waits for a decision while a
//! clock runs ([`notice`]), and everything else in one digest on each working day ([`digest`]), which is
//! not sent where there is nothing new. Both make mails that are kept first and then sent by the same
//! outbox, queue and mail service as the letters to clients ([`post`]). They are no letters to clients: no
//! quiet hours, no hard stop and no stale ledger holds them.
//!
//! Each step may run twice. A mail has a name that follows from what it tells, so it is made once; what a
//! digest tells is settled before the first of its mails is made.

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::id::{ClientId, FirmId, StaffId};
use letters::{LetterError, MimeError};
use serde::{Deserialize, Serialize};
use store::{Platform, StoreError, Waiting};

use crate::correspondence::Correspondence;
use crate::firm::{CLAIM_LEASE, Firm};

mod choice;
mod digest;
mod directory;
mod month;
mod notice;
mod post;
pub(crate) mod returned;
mod run;
mod trial;

pub use choice::choose_mails;
pub(crate) use digest::is_working;
pub use digest::{DIGEST_MINUTE, digest_at};
pub use post::TellOutcome;
pub use returned::ReturnedError;
pub use trial::{TrialError, mail_trial};

/// Where a person chooses which mails to get.
pub const CHOICE_PATH: &str = "/console/mails";

/// Where tasks are.
const TASKS_PATH: &str = "/console/tasks";

/// Where clients are.
const CLIENTS_PATH: &str = "/console/clients/";

/// What staff are to be told, as the queue of letters holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TellMessage {
    /// Whose staff.
    pub firm: FirmId,
    /// What.
    pub tell: Tell,
}

/// What staff are to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Tell {
    /// One record's news, at once.
    Notice {
        /// Of which client.
        client: ClientId,
        /// Which record.
        sequence: u64,
    },
    /// The digest of a day.
    Digest {
        /// Which day.
        day: Day,
    },
    /// A mail that is made.
    Mail {
        /// To whom.
        staff: StaffId,
        /// Which.
        mail: String,
    },
}

impl TellMessage {
    /// What is to be done about something that waits, if it is that.
    pub fn of(waiting: &Waiting) -> Option<Self> {
        let (firm, tell) = match waiting {
            Waiting::Notice { firm, client, sequence } => {
                (firm, Tell::Notice { client: client.clone(), sequence: *sequence })
            }
            Waiting::Digest { firm, day } => (firm, Tell::Digest { day: *day }),
            Waiting::StaffMail { firm, staff, mail } => {
                (firm, Tell::Mail { staff: staff.clone(), mail: mail.clone() })
            }
            Waiting::Letter { .. }
            | Waiting::Claimed { .. }
            | Waiting::Mail { .. }
            | Waiting::Run { .. }
            | Waiting::Reports { .. }
            | Waiting::Preview { .. }
            | Waiting::Charge { .. }
            | Waiting::Rollout { .. }
            | Waiting::Erasure { .. }
            | Waiting::Webhook { .. } => return None,
        };
        Some(Self { firm: firm.clone(), tell })
    }
}

/// Why staff could not be told; the message comes again.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    /// A mail could not be put into words: a mistake of the program.
    #[error("a mail to staff could not be written")]
    Letter(#[from] LetterError),
    /// Or not into a message.
    #[error("a mail to staff could not be composed")]
    Mime(#[from] MimeError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Correspondence {
    /// Does what a message of the queue says.
    ///
    /// # Errors
    /// When it has to come again.
    pub async fn tell(
        &self,
        firm: &Firm,
        message: &TellMessage,
        now: DateTime<Utc>,
    ) -> Result<TellOutcome, TellError> {
        let outcome = match &message.tell {
            Tell::Notice { client, sequence } => self.notice(firm, client, *sequence, now).await,
            Tell::Digest { day } => self.digest(firm, *day, now).await,
            Tell::Mail { staff, mail } => self.post_to_staff(firm, staff, mail, now).await,
        }?;
        tracing::info!(firm.id = %firm.id(), ?outcome, "Told staff of firm {}", firm.id());
        Ok(outcome)
    }

    /// Tells everything that a test firm's staff are to be told on its day, here and now: its clock was moved
    /// (TEST-1).
    ///
    /// # Errors
    /// As [`Self::tell`] has.
    pub async fn tell_all(
        &self,
        platform: &Platform,
        firm: &Firm,
        now: DateTime<Utc>,
    ) -> Result<Vec<TellOutcome>, TellError> {
        let day = firm.day(now);
        if is_working(firm, day).await? {
            // Should this end halfway, the outbox has it go on.
            firm.store().plan_digest(day, now + CLAIM_LEASE).await?;
            self.digest(firm, day, now).await?;
        }
        let mut outcomes = Vec::new();
        // Notices make mails, which wait as well then.
        for _ in 0..2 {
            for ready in platform.ready(now + CLAIM_LEASE, u32::MAX).await? {
                let message = TellMessage::of(&ready.what?);
                if let Some(message) = message.filter(|message| message.firm == *firm.id()) {
                    outcomes.push(self.tell(firm, &message, now).await?);
                }
            }
        }
        Ok(outcomes)
    }

    fn console(&self, path: &str) -> String {
        format!("{}{path}", self.public_url.trim_end_matches('/'))
    }

    fn client_page(&self, client: &ClientId) -> String {
        let client = form_urlencoded::byte_serialize(client.as_str().as_bytes());
        let client = client.collect::<String>().replace('+', "%20");
        self.console(&format!("{CLIENTS_PATH}{client}"))
    }
}
