//! Letters, as a function behind the queue of letters (LET-2..5).
//!
//! Each message names one letter: a client's, to be sent if it is still true, or, claimed long ago, to be looked
//! after; or one to a contact, with a link to sign in by (SEC-3); or what staff are told (STAFF-1).
//! A message that fails comes again by itself; what is done about it is in [`services::correspondence`].

pub mod meter;

use std::sync::Arc;

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use chrono::{DateTime, TimeDelta, Utc};
use platform::batch::{Received, each_message};
use platform::clock::Clock;
use platform::config::Stage;
use platform::metrics::Metrics;
use services::contacts::{ContactError, Errand};
use services::correspondence::{Correspondence, SendError};
use services::firms::Firms;
use services::tell::TellError;
use store::Dynamo;

use meter::Metered;

/// What the function needs.
#[derive(Clone)]
pub struct State {
    /// The table.
    pub dynamo: Dynamo,
    /// The mail service, and what stands on letters.
    pub correspondence: Correspondence,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Which deployment this is.
    pub stage: Stage,
    meter: Arc<Metered>,
}

impl State {
    /// On that table, with that mail service.
    pub fn new(
        dynamo: Dynamo,
        correspondence: Correspondence,
        clock: Arc<dyn Clock>,
        stage: Stage,
    ) -> Self {
        let meter = Arc::new(Metered::new(correspondence.mail));
        let correspondence = Correspondence { mail: meter.clone(), ..correspondence };
        Self { dynamo, correspondence, clock, stage, meter }
    }

    /// How the mail service answered since this was asked last.
    pub fn metrics(&self) -> Metrics {
        self.meter.metrics(self.stage)
    }
}

/// A letter that is begun takes at most this long: the mail service's time-out, and what is before and
/// after it.
const LONGEST_LETTER: TimeDelta = TimeDelta::seconds(25);

/// Why a message comes again.
#[derive(Debug, thiserror::Error)]
enum LetterError {
    /// A letter that is begun late would be claimed, and then cut off: nobody would know whether it left.
    #[error("no time is left to send it")]
    Late,
    #[error(transparent)]
    Send(#[from] SendError),
    #[error(transparent)]
    Contact(#[from] ContactError),
    #[error(transparent)]
    Tell(#[from] TellError),
}

/// Looks at the letter of each message; the firms of one batch are read once.
pub async fn batch(state: &State, event: SqsEvent) -> SqsBatchResponse {
    batch_until(state, event, DateTime::<Utc>::MAX_UTC).await
}

/// The same under a time limit: what can't be done before it comes again.
pub async fn batch_until(
    state: &State,
    event: SqsEvent,
    deadline: DateTime<Utc>,
) -> SqsBatchResponse {
    let firms = Firms::new(state.dynamo.clone());
    // Boxed: the futures of a whole batch, claim and commit are more than the compiler nests.
    let handle =
        |received: Received<Errand>| Box::pin(one(state, &firms, received.message, deadline));
    let response = each_message(event, handle).await;
    state.metrics().emit(&*state.clock);
    response
}

async fn one(
    state: &State,
    firms: &Firms,
    errand: Errand,
    deadline: DateTime<Utc>,
) -> Result<(), LetterError> {
    if deadline - LONGEST_LETTER < state.clock.now() {
        return Err(LetterError::Late);
    }
    let firm = firms.get(errand.firm()).await.map_err(SendError::Store)?;
    let firm = firm.ok_or_else(|| SendError::NoFirm(errand.firm().clone()))?;
    let now = state.clock.now();
    match &errand {
        Errand::Letter(letter) => {
            state.correspondence.handle(&firm, letter, now).await?;
        }
        Errand::Mail(mail) => {
            state.correspondence.write_to_contact(&firm, mail, now).await?;
        }
        Errand::Tell(tell) => {
            state.correspondence.tell(&firm, tell, now).await?;
        }
    }
    Ok(())
}
