//! What a gateway lists, on the way that its webhooks take ([`crate::reconcile`]).

use std::sync::Arc;

use chrono::{DateTime, Utc};
use domain::id::{FirmId, PaymentId};
use gateways::{
    Gateway, GatewayError, Hint, Mismatch, ObjectId, PaymentFacts, WebhookEvent, compare,
    compare_event,
};
use platform::log::chain;
use store::{Received, StoreError};

use super::endpoint::Opened;
use super::{Delay, EndpointError, KeptEvent, Outcome, TAKEN_LEASE, Webhooks, apply, inbox_entry};
use crate::execute::ExecuteError;

/// Who acts, where no event made it known: stands in the audit.
const REQUEST: &str = "reconciliation";

/// What was read of a payment, and what came of it.
#[derive(Debug)]
pub(crate) struct Reading {
    /// How it ended.
    pub(crate) outcome: Outcome,
    /// Its id in the whole firm; none where nobody made it yet, or it has no readable one.
    pub(crate) payment: Option<PaymentId>,
    /// What the gateway says.
    pub(crate) facts: Option<Box<PaymentFacts>>,
}

impl Reading {
    /// Nobody has paid yet.
    pub(super) fn nothing() -> Self {
        Self { outcome: Outcome::NotYet, payment: None, facts: None }
    }
}

/// What came of something that was listed.
#[derive(Debug)]
pub(crate) enum Told {
    /// It was read, and applied.
    Read(Reading),
    /// It can't be, and won't be a moment later; why.
    Not(String),
    /// The gateway can't be asked now; why.
    Later(String),
}

/// A firm's account at a gateway.
pub(crate) struct Account {
    opened: Arc<Opened>,
    /// To ask for lists.
    pub(crate) gateway: Box<dyn Gateway>,
}

impl Account {
    /// How a payment differs from what comes to this endpoint.
    pub(crate) fn mismatch(&self, facts: &PaymentFacts) -> Option<Mismatch> {
        compare(facts, &self.opened.expected()).err()
    }
}

impl Webhooks {
    /// The account behind a firm's endpoint; `None`: it is gone, or another firm's. An error is a sentence for
    /// the report.
    pub(crate) async fn account(
        &self,
        firm: &FirmId,
        endpoint: &str,
        now: DateTime<Utc>,
    ) -> Result<Result<Option<Account>, String>, StoreError> {
        let opened = match self.endpoints.get(endpoint, now).await {
            Ok(opened) => opened,
            Err(EndpointError::Store(error)) => return Err(error),
            Err(error) => return Ok(Err(chain(&error))),
        };
        let Some(opened) = opened.filter(|opened| opened.firm == *firm) else {
            return Ok(Ok(None));
        };
        Ok(match self.access.connect(&opened) {
            Ok(gateway) => Ok(Some(Account { opened, gateway })),
            Err(error) => Err(chain(&error)),
        })
    }

    /// Takes an event that the gateway lists as if it had come: what never did is kept, then read back and
    /// applied. `None`: it came before, or is about nothing that we follow.
    pub(crate) async fn catch_up(
        &self,
        account: &Account,
        event: WebhookEvent,
        now: DateTime<Utc>,
    ) -> Result<Option<Told>, StoreError> {
        let opened = &account.opened;
        if compare_event(&event, &opened.expected()).is_err() {
            return Ok(None); // another account's or mode's, as at an address that they share
        }
        let WebhookEvent { id, kind, hint: Some(hint), .. } = event else { return Ok(None) };
        let kept = KeptEvent { kind, hint: hint.clone() };
        let kept =
            serde_json::to_string(&kept).map_err(|error| StoreError::Encode(error.into()))?;
        let webhook = inbox_entry(opened, id.as_str(), kept, now);
        let store = self.store(&opened.firm);
        if store.receive(&webhook, now + TAKEN_LEASE).await? != Received::New {
            return Ok(None);
        }
        // From here on it is safe; what goes wrong now is for the sweeper, as with any webhook.
        let told = self.told(account, &hint, id.as_str(), now).await?;
        if let Told::Read(reading) = &told {
            let outcome = reading.outcome.as_str();
            store.finish_webhook(&webhook.gateway, &webhook.event, outcome).await?;
        }
        Ok(Some(told))
    }

    /// Reads a payment back and applies it, known or not.
    pub(crate) async fn reread(
        &self,
        account: &Account,
        payment: &ObjectId,
        now: DateTime<Utc>,
    ) -> Result<Told, StoreError> {
        self.told(account, &Hint::Payment(payment.clone()), REQUEST, now).await
    }

    async fn told(
        &self,
        account: &Account,
        hint: &Hint,
        request: &str,
        now: DateTime<Utc>,
    ) -> Result<Told, StoreError> {
        let caller = apply::caller(request);
        // Boxed: the whole of a command is in it, and several are under way at once.
        let read = Box::pin(self.read_and_apply(&account.opened, hint, &caller, now)).await;
        Ok(match read {
            Ok(reading) => Told::Read(reading),
            Err(Delay::Store(error) | Delay::Execute(ExecuteError::Store(error)))
                if error.is_passing() =>
            {
                return Err(error);
            }
            Err(Delay::Gateway(
                error @ (GatewayError::Down { .. } | GatewayError::Refused { .. }),
            )) => Told::Later(chain(&error)),
            Err(Delay::Gateway(error)) => Told::Not(chain(&error)),
            // One account that is busy, or has no policy, holds up no other.
            Err(delay) => Told::Not(chain(&delay)),
        })
    }
}
