//! What becomes of mails, as a function behind the queue of the mail service's events (LET-4, LET-6).
//!
//! Each message is one event of SES ([`ses`]), handled alone; what follows from it is in
//! [`services::correspondence::feedback`]. News of a mail that isn't ours, or isn't here any more, are
//! counted and done with. Answers to letters that the mail service took in come by the same queue ([`inbound`]), and what
//! follows from them is in [`services::replies`]. The numbers are over all firms, since the mail service judges the deployment's account
//! as a whole: an alarm watches their ratio.

pub mod inbound;
pub mod ses;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_lambda_events::event::sqs::{SqsBatchResponse, SqsEvent};
use platform::archive::ArchiveError;
use platform::batch::each_message;
use platform::clock::Clock;
use platform::config::Stage;
use platform::metrics::Metrics;
use serde_json::Value;
use services::correspondence::feedback::{FeedbackError, MailNews, NewsKind, Told, hear};
use services::firms::Firms;
use services::replies::{ReplyError, TakenIn};
use store::{Dynamo, HeardKind, StoreError};
use tracing::{info, warn};

use inbound::{Inbound, Laid};
use ses::{SesError, SesEvent};

/// What the function needs.
#[derive(Clone)]
pub struct State {
    /// The table.
    pub dynamo: Dynamo,
    /// Where people reach the portal.
    pub public_url: String,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Which deployment this is.
    pub stage: Stage,
    /// What takes in answers to letters, where they are taken in.
    pub inbound: Option<Inbound>,
}

/// Why a message comes again.
#[derive(Debug, thiserror::Error)]
enum HandleError {
    #[error(transparent)]
    Ses(#[from] SesError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Feedback(#[from] FeedbackError),
    #[error(transparent)]
    Bucket(#[from] ArchiveError),
    #[error(transparent)]
    Reply(#[from] ReplyError),
}

/// How many mails of a batch had which fate; each is counted once, however often its news come.
#[derive(Default)]
struct Counts {
    taken: AtomicU64,
    arrived: AtomicU64,
    delayed: AtomicU64,
    returned: AtomicU64,
    complained: AtomicU64,
    refused: AtomicU64,
    strange: AtomicU64,
    answered: AtomicU64,
    automatic: AtomicU64,
    unplaced: AtomicU64,
}

/// Takes the news of each message; the firms of one batch are read once.
pub async fn batch(state: &State, event: SqsEvent) -> SqsBatchResponse {
    let (firms, counts) = (Firms::new(state.dynamo.clone()), Counts::default());
    // Boxed: the futures of a whole batch, claim and commit are more than the compiler nests.
    let response =
        each_message(event, |received| Box::pin(one(state, &firms, &counts, received.message)))
            .await;
    counts.metrics(state.stage).emit(&*state.clock);
    response
}

async fn one(
    state: &State,
    firms: &Firms,
    counts: &Counts,
    message: Value,
) -> Result<(), HandleError> {
    if let Some(laid) = inbound::read(&message) {
        return answer(state, firms, counts, &laid).await;
    }
    let news = match ses::read(&message)? {
        SesEvent::News(news) => news,
        SesEvent::NotOurs => {
            counts.strange.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        SesEvent::Nothing => return Ok(()),
    };
    let told = tell(state, firms, &news).await?;
    let kind = news.kind;
    match told {
        Told::New => {
            counts.of(kind).fetch_add(1, Ordering::Relaxed);
            info!(?kind, "Heard of mail {}", news.provider_id);
        }
        Told::Known => {}
        Told::Strange => {
            counts.strange.fetch_add(1, Ordering::Relaxed);
            warn!(?kind, "Heard of mail {}, which is not here", news.provider_id);
        }
    }
    Ok(())
}

/// Takes in an answer to a letter.
async fn answer(
    state: &State,
    firms: &Firms,
    counts: &Counts,
    laid: &Laid,
) -> Result<(), HandleError> {
    let raw = match &state.inbound {
        Some(inbound) => inbound.fetch(laid).await?.map(|raw| (inbound, raw)),
        None => None,
    };
    let taken = match raw {
        Some((inbound, raw)) => {
            inbound.correspondence.take_in(firms, &raw, state.clock.now()).await?
        }
        None => TakenIn::Strange,
    };
    match taken {
        TakenIn::Noted => counts.answered.fetch_add(1, Ordering::Relaxed),
        TakenIn::Automatic | TakenIn::Dropped => counts.automatic.fetch_add(1, Ordering::Relaxed),
        TakenIn::Strange => counts.unplaced.fetch_add(1, Ordering::Relaxed),
        TakenIn::Again | TakenIn::HandedOn => 0,
    };
    info!(?taken, "Took in a mail");
    Ok(())
}

async fn tell(state: &State, firms: &Firms, news: &MailNews) -> Result<Told, HandleError> {
    let Ok(id) = news.about.firm.parse() else { return Ok(Told::Strange) };
    let Some(firm) = firms.get(&id).await? else { return Ok(Told::Strange) };
    Ok(hear(&firm, news, &state.public_url, state.clock.now()).await?)
}

impl Counts {
    fn of(&self, kind: NewsKind) -> &AtomicU64 {
        match kind {
            NewsKind::Taken => &self.taken,
            NewsKind::Heard(HeardKind::Arrived) => &self.arrived,
            NewsKind::Heard(HeardKind::Delayed) => &self.delayed,
            NewsKind::Heard(HeardKind::Returned) => &self.returned,
            NewsKind::Heard(HeardKind::Complained) => &self.complained,
            NewsKind::Heard(HeardKind::Refused) => &self.refused,
        }
    }

    /// What the alarms of `template.yaml` read, under these names. The bounce rate is `mails_returned` by
    /// `mails_arrived` and `mails_returned` together.
    fn metrics(self, stage: Stage) -> Metrics {
        Metrics::of(stage.as_str(), "mail-feedback")
            .count("mails_taken", self.taken.into_inner())
            .count("mails_arrived", self.arrived.into_inner())
            .count("mails_delayed", self.delayed.into_inner())
            .count("mails_returned", self.returned.into_inner())
            .count("mails_complained", self.complained.into_inner())
            .count("mails_refused", self.refused.into_inner())
            .count("mails_strange", self.strange.into_inner())
            .count("answers", self.answered.into_inner())
            .count("answers_automatic", self.automatic.into_inner())
            .count("answers_unplaced", self.unplaced.into_inner())
    }
}
