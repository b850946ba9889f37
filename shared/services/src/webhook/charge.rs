//! A saved method is charged (CHG-1): claimed, asked for, read back, applied, and its outcome noted.
//!
//! In this order, so that wherever a process ends there is one charge. The claim is a commit against the account's
//! version: what was paid, disputed or removed before is never asked for. What is asked for has a name that stands
//! for this attempt alone, kept before the gateway is asked; asked again under it, the gateway does nothing a second
//! time. What it took is read back and applied on the way of every payment (PAY-1, PAY-2), and only then the attempt
//! ends. Should its answer get lost, its webhook tells the payment all the same, and the next claim knows it by that.

use chrono::{DateTime, TimeDelta, Utc};
use domain::account::Account;
use domain::charge::{Charge, ChargeId, ChargeOutcome, Decline, DeclineKind, SavedMethod};
use domain::command::Command;
use domain::id::{ClientId, FirmId, InvoiceId, PaymentId};
use domain::payment::Method;
use domain::role::Actor;
use gateways::{
    ChargeError, Charged, CheckoutLine, GatewayError, Hint, NewCharge, ObjectId, ReadBack, Tried,
};
use platform::log::chain;
use sha2::{Digest, Sha256};
use store::{ChargeTries, Checkout, StoreError};

use super::checkout::key;
use super::endpoint::Opened;
use super::{Delay, EndpointError, Outcome, Webhooks, apply, payment_id, retry_after};
use crate::execute::{Caller, ExecuteError, execute};
use crate::firm::Firm;

/// How long a charge waits for a ledger, a reader, or the end of a stop, before it is looked at again.
const WAIT: TimeDelta = TimeDelta::hours(1);

/// How often a gateway is asked for one attempt: some nine hours, within the shortest life of a key (a day).
const MAX_TRIES: u32 = 12;

/// What became of a charge this time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It ended so.
    Ended(ChargeOutcome),
    /// It had before, or is no longer owed.
    Done,
    /// Another is at it.
    Busy,
    /// It is looked at again then.
    Later(DateTime<Utc>),
}

/// Why a charge could not be looked at; it comes again.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// A command.
    #[error(transparent)]
    Execute(#[from] ExecuteError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Our name for an attempt, the same whenever it is asked for: of letters and digits, whatever its invoice is called.
pub fn ours(firm: &FirmId, client: &ClientId, charge: &ChargeId) -> String {
    let mut hash = Sha256::new();
    // With `#` between them, which no id holds.
    hash.update(format!("{firm}#{client}#{}#{}", charge.invoice, charge.attempt));
    let hex = hex::encode(hash.finalize());
    format!("c-{}", hex.get(..32).unwrap_or(&hex))
}

/// A charge at work.
struct Work<'a> {
    firm: &'a Firm,
    client: &'a ClientId,
    account: Account,
    charge: Charge,
    now: DateTime<Utc>,
}

impl Webhooks {
    /// Asks for a client's charge of that invoice, if one is to be made.
    ///
    /// # Errors
    /// When it has to come again.
    pub async fn charge(
        &self,
        firm: &Firm,
        client: &ClientId,
        invoice: &InvoiceId,
        now: DateTime<Utc>,
    ) -> Result<Asked, AskError> {
        let Some(loaded) = firm.store().load(client).await? else { return Ok(Asked::Done) };
        let Some(charge) = loaded.account.charges.get(invoice) else { return Ok(Asked::Done) };
        let claim = Command::ClaimCharge { charge: charge.id.clone() };
        let caller = Caller::new(Actor::Schedule);
        let claimed = match execute(firm, client, &claim, &caller, now).await {
            Err(ExecuteError::Refused(refusal))
                if ["FRESH-1", "LET-8", "LOCK-10"].contains(&refusal.rule) =>
            {
                return later(firm, client, invoice, now + WAIT).await;
            }
            claimed => claimed?,
        };
        let account = claimed.account;
        let open = account.charges.get(invoice).filter(|open| open.id == charge.id);
        let Some(charge) = open.filter(|open| open.is_asked).cloned() else {
            return Ok(Asked::Done);
        };
        let work = Work { firm, client, account, charge, now };
        // On the heap: a whole command is in it, and several are under way at once.
        Box::pin(self.ask(&work)).await
    }

    async fn ask(&self, work: &Work<'_>) -> Result<Asked, AskError> {
        let Work { firm, client, charge, now, .. } = work;
        let Some(tries) = firm.store().charge_tried(client, &charge.id, *now).await? else {
            return Ok(Asked::Busy);
        };
        match self.answer(work, tries).await {
            Ok(outcome) => work.end(outcome).await,
            Err(Delay::Store(error)) if error.is_passing() => Err(error.into()),
            Err(delay) if MAX_TRIES <= tries.before => {
                tracing::error!("Gave up charge {}: {}", charge.id, chain(&delay));
                work.end(ChargeOutcome::Unclear).await
            }
            Err(delay) => {
                tracing::warn!("Put charge {} off: {}", charge.id, chain(&delay));
                let at = *now + retry_after(tries.before);
                later(firm, client, &charge.id.invoice, at).await
            }
        }
    }

    /// What the gateway says, read back where it took anything.
    async fn answer(&self, work: &Work<'_>, tries: ChargeTries) -> Result<ChargeOutcome, Delay> {
        let Some(method) = work.account.methods.get(&work.charge.method) else {
            return Ok(ChargeOutcome::Unclear); // a claim finds it, or ends the charge
        };
        let opened = self.endpoints.get(&method.endpoint, work.now).await?;
        let opened = opened.filter(|opened| {
            opened.firm == *work.firm.store().firm() && opened.endpoint.closed_at.is_none()
        });
        let opened = opened.ok_or_else(|| EndpointError::NoSecrets(method.endpoint.clone()))?;
        let ours = ours(work.firm.store().firm(), work.client, &work.charge.id);
        let (Some(new), Some(key)) = (work.new_charge(method, &ours), key("charge", &ours)) else {
            return Ok(declined("not_chargeable", DeclineKind::NeedsPayer));
        };
        work.keep(&ours, &method.endpoint).await?;
        let tried = Tried { first_unix: tries.first_unix, now_unix: work.now.timestamp() };
        match self.access.connect(&opened)?.charge(&new, &key, tried).await {
            Ok(Charged::Taken(payment)) => self.taken(work, &opened, payment).await,
            Ok(Charged::Declined(decline)) => Ok(ChargeOutcome::Declined(Decline {
                payment: decline.payment.and_then(|id| named(&opened, &id)),
                kind: match decline.kind {
                    gateways::DeclineKind::Soft => DeclineKind::Soft,
                    gateways::DeclineKind::Hard => DeclineKind::Hard,
                    gateways::DeclineKind::NeedsPayer => DeclineKind::NeedsPayer,
                },
                code: decline.code,
            })),
            Err(error) => refused(error),
        }
    }

    /// As with every payment: what is true is read back, and applied (PAY-2).
    async fn taken(
        &self,
        work: &Work<'_>,
        opened: &Opened,
        payment: ObjectId,
    ) -> Result<ChargeOutcome, Delay> {
        let read = self.access.connect(opened)?.read_back(&Hint::Payment(payment)).await?;
        let ReadBack::Payment(mut facts) = read else { return Err(not_yet()) };
        self.recognise(&opened.firm, &mut facts).await?;
        let Ok(payment) = payment_id(&opened.endpoint.gateway, &facts.payment) else {
            return Ok(ChargeOutcome::Unclear);
        };
        let (caller, expected) = (apply::caller("charge"), opened.expected());
        let applied = apply::apply(work.firm, &payment, &facts, &expected, &caller, work.now);
        match applied.await? {
            Outcome::Applied | Outcome::Unchanged => Ok(ChargeOutcome::Taken { payment }),
            Outcome::NotYet => Err(not_yet()),
            // A task shows both sides, and nothing is asked again (PAY-2).
            _ => Ok(ChargeOutcome::Unclear),
        }
    }
}

fn not_yet() -> Delay {
    let what = "a payment that it took is not under way".to_owned();
    GatewayError::Down { what, source: None }.into()
}

impl Work<'_> {
    fn new_charge(&self, method: &SavedMethod, ours: &str) -> Option<NewCharge> {
        let id = &self.charge.id.invoice;
        let deposit = self.account.invoices.get(id).and_then(|invoice| invoice.deposit);
        let line = CheckoutLine {
            invoice: id.clone(),
            name: format!("Invoice {id}"),
            amount: self.charge.amount,
        };
        Some(NewCharge {
            ours: ours.to_owned(),
            firm: self.firm.store().firm().clone(),
            client: self.client.clone(),
            customer: method.customer.parse().ok()?,
            saved: method.id.of_gateway().parse().ok()?,
            method: match method.kind {
                Method::Ach => gateways::Method::Ach,
                Method::Card | Method::Check | Method::Phone => gateways::Method::Card,
            },
            lines: vec![line],
            deposit,
            // Each attempt is a payment of its own: its name stands on it, and no answer can be another's.
            again: None,
        })
    }

    /// What the name stands for, for gateways with room for one short text.
    async fn keep(&self, ours: &str, endpoint: &str) -> Result<(), StoreError> {
        let asked = Checkout {
            id: ours.to_owned(),
            client: self.client.clone(),
            lines: vec![(self.charge.id.invoice.clone(), self.charge.amount)],
            endpoint: endpoint.to_owned(),
            link: None,
            made_at: self.now,
            ends_at: self.now, // nobody pays on it
            page: None,
            told: None,
            is_replaced: true,
        };
        self.firm.store().add_checkout(&asked).await.map(|_| ())
    }

    async fn end(&self, outcome: ChargeOutcome) -> Result<Asked, AskError> {
        let charge = self.charge.id.clone();
        let command = Command::EndCharge { charge, outcome: outcome.clone() };
        let caller = Caller::new(Actor::Gateway);
        execute(self.firm, self.client, &command, &caller, self.now).await?;
        Ok(Asked::Ended(outcome))
    }
}

/// Nothing was taken where the gateway says that it won't; anything else may yet be answered.
fn refused(error: ChargeError) -> Result<ChargeOutcome, Delay> {
    match error {
        ChargeError::Gateway(GatewayError::Rejected { code, .. }) => {
            Ok(declined(&code, DeclineKind::NeedsPayer))
        }
        ChargeError::Gateway(GatewayError::NotFound { .. }) => {
            Ok(declined("not_found", DeclineKind::NeedsPayer))
        }
        ChargeError::Gateway(GatewayError::CannotDo(_)) => {
            Ok(declined("not_chargeable", DeclineKind::NeedsPayer))
        }
        ChargeError::Gateway(error) => Err(error.into()),
        ChargeError::What(error) if error.is_temporary() => {
            Err(GatewayError::Down { what: chain(&error), source: None }.into())
        }
        ChargeError::What(error) => {
            tracing::error!("A charge can't be asked for: {}", chain(&error));
            Ok(declined("not_chargeable", DeclineKind::NeedsPayer))
        }
    }
}

fn declined(code: &str, kind: DeclineKind) -> ChargeOutcome {
    ChargeOutcome::Declined(Decline { code: code.to_owned(), kind, payment: None })
}

fn named(opened: &Opened, payment: &ObjectId) -> Option<PaymentId> {
    let payment: PaymentId = payment.as_str().parse().ok()?;
    payment_id(&opened.endpoint.gateway, &payment).ok()
}

async fn later(
    firm: &Firm,
    client: &ClientId,
    invoice: &InvoiceId,
    at: DateTime<Utc>,
) -> Result<Asked, AskError> {
    firm.store().postpone_charge(client, invoice, at).await?;
    Ok(Asked::Later(at))
}
