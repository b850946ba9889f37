//! A gateway's webhook: check it, keep it, ask the gateway what is true, apply that (PAY-1, PAY-2).
//!
//! It is in the inbox before it is answered, and from then on nothing is lost: whatever goes wrong
//! afterwards, the sweeper goes on where this stopped. A second delivery finds the entry and does
//! nothing. What a gateway should not send again (news about nothing that we follow, another account's
//! or another mode's events at a shared address) is acknowledged, counted and not kept.

mod apply;
mod charge;
pub(crate) mod checkout;
pub(crate) mod endpoint;
mod heard;
mod lost;
mod news;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{FirmId, GatewayId, IdError, PaymentId};
use gateways::{
    Field, GatewayError, Hint, Incoming, Mode, ObjectId, PaymentFacts, PaymentState, ReadBack,
    ReceiveError, WebhookEvent, compare_event,
};
use http::HeaderMap;
use platform::log::chain;
use platform::seal::Seal;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Dynamo, Platform, Received, Store, StoreError, Webhook};

use crate::execute::{Caller, ExecuteError};
use crate::firm::Firm;
use endpoint::{Endpoints, Opened};

pub use charge::{AskError, Asked, ours};
pub use checkout::PageError;
pub use endpoint::{EndpointError, GatewayAccess, credentials, keep_secrets, open_endpoint};
pub(crate) use lost::{Account, Reading, Told};

/// The largest webhook that is read: Stripe's own are some ten KB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// How long whoever took a webhook may go on with it alone: longer than the function may run, and than a
/// sweeper waits for one.
pub(crate) const TAKEN_LEASE: TimeDelta = TimeDelta::minutes(2);

/// How long the gateway waits for its answer at most: after that the sweeper goes on.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// How long a firm's settings are believed before they are read again, as its policies are.
const FIRM_KEPT: TimeDelta = TimeDelta::seconds(30);

/// The first wait before a webhook is tried again; each further one is twice as long.
const FIRST_RETRY: TimeDelta = TimeDelta::minutes(1);

/// No wait is longer.
const LONGEST_RETRY: TimeDelta = TimeDelta::hours(1);

/// How often a gateway is asked for what it says it doesn't know: it may be about to.
const MAX_UNKNOWN: u32 = 3;

/// One delivery, as it came.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// From the path.
    pub gateway: &'a str,
    /// From the path.
    pub endpoint: &'a str,
    /// All of its headers: each gateway signs in others.
    pub headers: &'a HeaderMap,
    /// The raw bytes: they are what was signed.
    pub body: &'a [u8],
}

/// What became of a delivery that is answered with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    /// It is done with.
    Finished(Outcome),
    /// It is kept, and gone on with later.
    Kept,
    /// It came before.
    Before,
    /// Genuine, and about nothing that we follow.
    Ignored,
    /// Genuine, and for another account or mode that shares the gateway's address.
    NotForHere,
}

impl Taken {
    /// A name for metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Finished(outcome) => outcome.as_str(),
            Self::Kept => "kept",
            Self::Before => "before",
            Self::Ignored => "ignored",
            Self::NotForHere => "not_for_here",
        }
    }
}

/// How a webhook ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Something of it was new.
    Applied,
    /// Everything in it was known (PAY-1).
    Unchanged,
    /// Nobody has paid yet, or there is nothing to pay.
    NotYet,
    /// Other money of the firm.
    NotOurs,
    /// It names us and no client or invoice that there is: evidence for a person.
    Unclaimed,
    /// It isn't what was expected: nothing is marked (PAY-2).
    Mismatched,
    /// The gateway knows nothing of it: forged with our secret, or another account's.
    Unknown,
    /// The gateway's own answer, or the webhook's body, can't be read.
    Unreadable,
    /// Its endpoint was closed meanwhile.
    Closed,
}

impl Outcome {
    /// A name for metrics and the inbox.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::NotYet => "not_yet",
            Self::NotOurs => "not_ours",
            Self::Unclaimed => "unclaimed",
            Self::Mismatched => "mismatched",
            Self::Unknown => "unknown",
            Self::Unreadable => "unreadable",
            Self::Closed => "closed",
        }
    }

    /// Whether a person should look: the metric that an alarm watches.
    pub fn is_alarming(self) -> bool {
        match self {
            Self::Applied | Self::Unchanged | Self::NotYet | Self::NotOurs => false,
            Self::Unclaimed
            | Self::Mismatched
            | Self::Unknown
            | Self::Unreadable
            | Self::Closed => true,
        }
    }
}

/// What a payer who comes back from the gateway's page is told (PAY-8).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Returned {
    /// It is paid, and on the account.
    Paid,
    /// It is on its way, or can't be told yet.
    Processing,
    /// Nothing was paid.
    Failed,
}

/// Why a delivery was not taken.
#[derive(Debug, thiserror::Error)]
pub enum TakeError {
    /// No such gateway or endpoint.
    #[error("there is no such webhook endpoint")]
    NotFound,
    /// It isn't the gateway's.
    #[error(transparent)]
    NotAuthentic(ReceiveError),
    /// The gateway has to be asked whether it is, and didn't tell: it should try again.
    #[error("the webhook can't be checked now")]
    NotNow(#[source] GatewayError),
    /// Nothing to check it with: a fault of the configuration, so the gateway should try again.
    #[error("the webhook can't be checked as things are configured")]
    NotConfigured(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The gateway signed it, but it is no event. Its fingerprint is kept.
    #[error("the webhook's body is not an event: {what}")]
    Body {
        /// Which field, and what was expected.
        what: String,
    },
    /// News about real money at an endpoint for tests: somebody mixed up two addresses (TEST-1).
    #[error("a live event came to a test endpoint")]
    OtherMode,
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<EndpointError> for TakeError {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Store(error) => Self::Store(error),
            error => Self::NotConfigured(error.into()),
        }
    }
}

/// How far the sweeper got with a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finish {
    /// It is done with.
    Done(Outcome),
    /// It was, before.
    Before,
    /// It is to be tried again then.
    Later(DateTime<Utc>),
}

/// Why a webhook is to be tried again.
#[derive(Debug, thiserror::Error)]
enum Delay {
    #[error("the gateway can't be asked now")]
    Gateway(#[from] GatewayError),
    #[error("what the gateway said can't be applied now")]
    Execute(#[from] ExecuteError),
    #[error("its endpoint can't be used now")]
    Endpoint(#[from] EndpointError),
    #[error("the gateway can't be asked as configured")]
    Config(#[from] gateways::ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What of an event is kept until the gateway was asked: nothing that it says of cards or people.
#[derive(Debug, Serialize, Deserialize)]
struct KeptEvent {
    kind: String,
    hint: Hint,
}

/// Firms, and when each was read.
type KnownFirms = BTreeMap<FirmId, (DateTime<Utc>, Arc<Firm>)>;

/// All webhooks of the deployment.
pub struct Webhooks {
    endpoints: Endpoints,
    access: GatewayAccess,
    firms: Mutex<KnownFirms>,
    heard: heard::Heard,
}

impl Webhooks {
    /// Over that table.
    pub fn new(dynamo: Dynamo, seal: Arc<dyn Seal>, access: GatewayAccess) -> Self {
        let endpoints = Endpoints::new(Platform::new(dynamo), seal);
        Self { endpoints, access, firms: Mutex::default(), heard: heard::Heard::default() }
    }

    /// What is asked across firms.
    pub fn platform(&self) -> &Platform {
        self.endpoints.platform()
    }

    /// Takes one delivery. `now` is the machine's time, also for a test firm: gateways sign with theirs.
    ///
    /// # Errors
    /// [`TakeError`]; nothing was written then, but for a body that can't be read.
    pub async fn take(
        &self,
        delivery: &Delivery<'_>,
        now: DateTime<Utc>,
    ) -> Result<Taken, TakeError> {
        let taken = self.take_one(delivery, now).await;
        self.note(delivery.endpoint, &taken, now).await;
        taken
    }

    async fn take_one(
        &self,
        delivery: &Delivery<'_>,
        now: DateTime<Utc>,
    ) -> Result<Taken, TakeError> {
        let (opened, event) = self.check(delivery, now).await?;
        let event = match event {
            Ok(event) => event,
            Err(what) => return self.keep_unreadable(&opened, delivery.body, what, now).await,
        };
        if let Err(mismatch) = compare_event(&event, &opened.expected()) {
            let is_mode =
                mismatch.differences.iter().any(|difference| difference.field == Field::Mode);
            return match event.mode {
                Mode::Live if is_mode => Err(TakeError::OtherMode),
                Mode::Live | Mode::Test => Ok(Taken::NotForHere),
            };
        }
        let WebhookEvent { id, kind, hint: Some(hint), .. } = event else {
            return Ok(Taken::Ignored);
        };
        let kept = KeptEvent { kind, hint };
        let hint =
            serde_json::to_string(&kept).map_err(|error| StoreError::Encode(error.into()))?;
        let webhook = inbox_entry(&opened, id.as_str(), hint, now);
        match self.store(&opened.firm).receive(&webhook, now + TAKEN_LEASE).await? {
            Received::Before(_) => return Ok(Taken::Before),
            Received::New => {}
        }
        // From here on it is safe; what goes wrong now is for the sweeper.
        match tokio::time::timeout(ANSWER_WITHIN, self.go_on(&webhook, now)).await {
            Ok(Ok(Finish::Done(outcome))) => Ok(Taken::Finished(outcome)),
            Ok(Ok(Finish::Before | Finish::Later(_))) => Ok(Taken::Kept),
            Ok(Err(error)) => {
                tracing::warn!("Left webhook {} to the sweeper: {}", webhook.event, chain(&error));
                Ok(Taken::Kept)
            }
            Err(_) => {
                tracing::warn!("Left webhook {} to the sweeper: it takes too long", webhook.event);
                Ok(Taken::Kept)
            }
        }
    }

    /// Goes on with a webhook that was kept; for the sweeper, which holds a lease of it.
    ///
    /// # Errors
    /// Whatever reading and writing have; the webhook is then as it was.
    pub async fn finish(
        &self,
        firm: &FirmId,
        gateway: &GatewayId,
        event: &str,
        now: DateTime<Utc>,
    ) -> Result<Finish, StoreError> {
        match self.store(firm).webhook(gateway, event).await? {
            Some(webhook) if webhook.outcome.is_none() => self.go_on(&webhook, now).await,
            _ => Ok(Finish::Before),
        }
    }

    /// The endpoint and what the webhook says, if it is genuine; an event that can't be read is an answer.
    async fn check(
        &self,
        delivery: &Delivery<'_>,
        now: DateTime<Utc>,
    ) -> Result<(Arc<Opened>, Result<WebhookEvent, String>), TakeError> {
        let mut opened =
            self.endpoints.get(delivery.endpoint, now).await?.ok_or(TakeError::NotFound)?;
        let mut received = self.receive(&opened, delivery, now).await?;
        if matches!(received, Err(ReceiveError::NoMatch)) && opened.may_be_old(now) {
            opened =
                self.endpoints.read(delivery.endpoint, now).await?.ok_or(TakeError::NotFound)?;
            received = self.receive(&opened, delivery, now).await?;
        }
        match received {
            Ok(event) => Ok((opened, Ok(event))),
            Err(ReceiveError::Body { what }) => Ok((opened, Err(what))),
            Err(error @ ReceiveError::NoSecret) => Err(TakeError::NotConfigured(error.into())),
            Err(ReceiveError::Gateway(error)) => Err(TakeError::NotNow(error)),
            Err(error @ (ReceiveError::NotAuthentic(_) | ReceiveError::NoMatch)) => {
                Err(TakeError::NotAuthentic(error))
            }
        }
    }

    /// Checks a delivery with the endpoint's secrets. An endpoint of another gateway is none.
    async fn receive(
        &self,
        opened: &Opened,
        delivery: &Delivery<'_>,
        now: DateTime<Utc>,
    ) -> Result<Result<WebhookEvent, ReceiveError>, TakeError> {
        if opened.endpoint.gateway.as_str() != delivery.gateway {
            return Err(TakeError::NotFound);
        }
        let gateway = self.access.connect(opened);
        let gateway = gateway.map_err(|error| TakeError::NotConfigured(error.into()))?;
        let Delivery { headers, body, .. } = *delivery;
        let incoming = Incoming { headers, body, now_unix: now.timestamp() };
        Ok(gateway.receive(incoming).await)
    }

    /// What is genuine and can't be read is evidence: that it came, and a fingerprint of it, not its words.
    async fn keep_unreadable(
        &self,
        opened: &Opened,
        body: &[u8],
        what: String,
        now: DateTime<Utc>,
    ) -> Result<Taken, TakeError> {
        let event = format!("body-{}", hex::encode(Sha256::digest(body)));
        let webhook = inbox_entry(opened, &event, String::new(), now);
        let store = self.store(&opened.firm);
        if store.receive(&webhook, now + TAKEN_LEASE).await? == Received::New {
            store.finish_webhook(&webhook.gateway, &event, Outcome::Unreadable.as_str()).await?;
        }
        Err(TakeError::Body { what })
    }

    async fn go_on(&self, webhook: &Webhook, now: DateTime<Utc>) -> Result<Finish, StoreError> {
        let store = self.store(&webhook.firm);
        // Boxed: the whole of a command is in it, and many are under way at once in a sweep.
        let delay = match Box::pin(self.process(webhook, now)).await {
            Ok(outcome) => {
                store.finish_webhook(&webhook.gateway, &webhook.event, outcome.as_str()).await?;
                return Ok(Finish::Done(outcome));
            }
            Err(delay) => delay,
        };
        let attempts = webhook.attempts.saturating_add(1);
        let at = now + retry_after(webhook.attempts);
        tracing::warn!(attempts, "Put webhook {} off: {}", webhook.event, chain(&delay));
        store.postpone_webhook(&webhook.gateway, &webhook.event, attempts, at).await?;
        Ok(Finish::Later(at))
    }

    async fn process(&self, webhook: &Webhook, now: DateTime<Utc>) -> Result<Outcome, Delay> {
        let Ok(kept) = serde_json::from_str::<KeptEvent>(&webhook.hint) else {
            return Ok(Outcome::Unreadable);
        };
        let opened = self.endpoints.get(&webhook.endpoint, now).await?;
        let Some(opened) = opened.filter(|opened| opened.firm == webhook.firm) else {
            return Ok(Outcome::Closed);
        };
        let caller = apply::caller(&webhook.event);
        match self.read_and_apply(&opened, &kept.hint, &caller, now).await {
            Ok(reading) => Ok(reading.outcome),
            Err(Delay::Gateway(error)) => ended(error, webhook.attempts),
            Err(delay) => Err(delay),
        }
    }

    /// Asks the gateway what is true, and applies that: the one path for webhooks, for payers who come
    /// back (PAY-8), and for what a lost webhook left.
    async fn read_and_apply(
        &self,
        opened: &Opened,
        hint: &Hint,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Reading, Delay> {
        let mut facts = match self.access.connect(opened)?.read_back(hint).await? {
            ReadBack::Payment(facts) => facts,
            ReadBack::NoPayment(_) => return Ok(Reading::nothing()),
        };
        self.recognise(&opened.firm, &mut facts).await?;
        let payment = payment_id(&opened.endpoint.gateway, &facts.payment).ok();
        let of = |outcome, facts| Reading { outcome, payment: payment.clone(), facts: Some(facts) };
        let Some(id) = &payment else { return Ok(of(Outcome::Unreadable, facts)) };
        let Some(firm) = self.firm(&opened.firm, now).await? else {
            return Ok(of(Outcome::Closed, facts));
        };
        let applied = apply::apply(&firm, id, &facts, &opened.expected(), caller, now).await;
        match applied {
            // The evidence itself was refused: nothing was marked, and nothing will be.
            Err(ExecuteError::Refused(refusal)) => {
                tracing::error!("Could not report payment {id}: {refusal}");
                Ok(of(Outcome::Mismatched, facts))
            }
            applied => Ok(of(applied?, facts)),
        }
    }

    /// Where a gateway had room for one short text, what was asked for is known by our own name for it; where
    /// it says both, what it says counts, and is compared with its endpoint.
    async fn recognise(&self, firm: &FirmId, facts: &mut PaymentFacts) -> Result<(), StoreError> {
        let reference = &mut facts.reference;
        let (None, Some(client), Some(ours)) =
            (&reference.firm, &reference.client, &reference.ours)
        else {
            return Ok(());
        };
        let Some(asked) = self.store(firm).checkout(client, ours).await? else { return Ok(()) };
        reference.firm = Some(firm.clone());
        reference.invoices = asked.lines.iter().map(|(invoice, _)| invoice.clone()).collect();
        Ok(())
    }

    /// A payer came back from the gateway's page: what was paid is read there and applied, and nothing
    /// in the address they came with is believed but which page it was (PAY-8). Can the gateway not be
    /// asked now, its webhook will tell.
    ///
    /// # Errors
    /// [`TakeError::NotFound`] for an unknown endpoint; whatever the table has.
    pub async fn payer_returned(
        &self,
        endpoint: &str,
        page: ObjectId,
        now: DateTime<Utc>,
    ) -> Result<Returned, TakeError> {
        let opened = self.endpoints.get(endpoint, now).await?.ok_or(TakeError::NotFound)?;
        let caller = apply::caller("payer-returned");
        match Box::pin(self.read_and_apply(&opened, &Hint::Checkout(page), &caller, now)).await {
            Ok(Reading { outcome, facts, .. }) => {
                Ok(returned(outcome, facts.map(|facts| facts.state)))
            }
            Err(Delay::Gateway(GatewayError::NotFound { .. })) => Ok(Returned::Failed),
            Err(Delay::Store(error)) => Err(error.into()),
            Err(delay) => {
                tracing::warn!("Could not tell a payer yet: {}", chain(&delay));
                Ok(Returned::Processing)
            }
        }
    }

    /// The firm, from memory or the table. A test firm's clock may have been moved since: it is read anew.
    pub(crate) async fn firm(
        &self,
        id: &FirmId,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<Firm>>, StoreError> {
        let known = self.firms.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        if let Some((read_at, firm)) = known
            && now < read_at + FIRM_KEPT
        {
            return Ok(Some(firm));
        }
        let firm = Firm::open(self.platform().dynamo().clone(), id.clone()).await?.map(Arc::new);
        let mut firms = self.firms.lock().unwrap_or_else(PoisonError::into_inner);
        firms.retain(|_, (read_at, _)| now < *read_at + FIRM_KEPT);
        if let Some(firm) = firm.iter().find(|firm| !firm.settings().is_test) {
            firms.insert(id.clone(), (now, firm.clone()));
        }
        Ok(firm)
    }

    fn store(&self, firm: &FirmId) -> Store {
        Store::new(self.platform().dynamo().clone(), firm.clone())
    }
}

/// What a payer who comes back is told: paid only if it is, and is on an account here.
fn returned(outcome: Outcome, state: Option<PaymentState>) -> Returned {
    match (outcome, state) {
        (Outcome::Applied | Outcome::Unchanged, Some(PaymentState::Succeeded)) => Returned::Paid,
        // Money that does not fit is a person's to look at: it is neither here nor lost.
        (_, Some(PaymentState::Succeeded | PaymentState::Pending | PaymentState::Held)) => {
            Returned::Processing
        }
        (
            _,
            None
            | Some(
                PaymentState::Open
                | PaymentState::RequiresAction
                | PaymentState::Failed { .. }
                | PaymentState::Canceled,
            ),
        ) => Returned::Failed,
    }
}

fn inbox_entry(opened: &Opened, event: &str, hint: String, now: DateTime<Utc>) -> Webhook {
    Webhook {
        firm: opened.firm.clone(),
        gateway: opened.endpoint.gateway.clone(),
        event: event.to_owned(),
        endpoint: opened.endpoint.id.clone(),
        hint,
        received_at: now,
        attempts: 0,
        outcome: None,
    }
}

/// What a gateway that didn't tell means: try again, or that is that.
fn ended(error: GatewayError, attempts: u32) -> Result<Outcome, Delay> {
    match error {
        GatewayError::NotFound { .. } if MAX_UNKNOWN <= attempts => Ok(Outcome::Unknown),
        // A key can be put right, and a gateway comes back: it is asked for as long as the entry is kept.
        GatewayError::NotFound { .. }
        | GatewayError::Down { .. }
        | GatewayError::Refused { .. } => Err(error.into()),
        GatewayError::Rejected { .. }
        | GatewayError::Malformed { .. }
        | GatewayError::CannotDo(_)
        | GatewayError::Money(_) => {
            tracing::error!("Could not read a payment back: {}", chain(&error));
            Ok(Outcome::Unreadable)
        }
    }
}

/// A payment's id in the whole firm: two gateways may use the same (PAY-1).
fn payment_id(gateway: &GatewayId, payment: &PaymentId) -> Result<PaymentId, IdError> {
    format!("{gateway}:{payment}").parse()
}

fn retry_after(attempts: u32) -> TimeDelta {
    const DOUBLINGS: u32 = 6;
    (FIRST_RETRY * (1 << attempts.min(DOUBLINGS))).min(LONGEST_RETRY)
}
