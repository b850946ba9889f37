//! What a gateway says about a payment, applied to the client's account.
//!
//! First whose it is: the client that our reference names, else the one whose invoice it names. What does
//! not fit its endpoint marks nothing and opens a task with both sides (PAY-2); what is nobody's is kept
//! as evidence until a person says whose it is ([`crate::unclaimed`]). A payment is told whole each time, so the order of webhooks says nothing.

use chrono::{DateTime, Utc};
use domain::command::Command;
use domain::id::{ClientId, PaymentId};
use domain::role::Actor;
use domain::text::Personal;
use gateways::{Expected, Field, Mismatch, PaymentFacts, compare};

use super::Outcome;
use super::news::told;
use crate::execute::{Caller, ExecuteError, Executed, execute};
use crate::firm::Firm;
use crate::unclaimed::{Evidence, MAX_EVIDENCE_CHARS, keep};

/// Applies the facts of a payment. `payment` is its id in the whole firm, with the gateway's name.
pub(super) async fn apply(
    firm: &Firm,
    payment: &PaymentId,
    facts: &PaymentFacts,
    expected: &Expected,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Outcome, ExecuteError> {
    if !facts.reference.is_ours() {
        return Ok(Outcome::NotOurs); // the firm's other sales
    }
    let mismatch = compare(facts, expected).err();
    if mismatch.as_ref().is_some_and(is_anothers) {
        return Ok(Outcome::Mismatched);
    }
    let applied = match client(firm, facts).await? {
        None => Outcome::Unclaimed,
        Some(client) => {
            let applying = Applying { firm, client, payment, caller, now };
            match &mismatch {
                Some(mismatch) => applying.report(mismatch.to_string()).await?,
                None => applying.record(facts).await?,
            }
        }
    };
    if applied != Outcome::Unclaimed {
        return Ok(applied);
    }
    unclaimed(firm, &evidence(payment, facts, mismatch.as_ref()), caller, now).await
}

/// What names nobody known is kept, unless a person said whose it is.
async fn unclaimed(
    firm: &Firm,
    evidence: &Evidence,
    caller: &Caller,
    now: DateTime<Utc>,
) -> Result<Outcome, ExecuteError> {
    if evidence.news.is_empty() && evidence.doubts.is_empty() {
        return Ok(Outcome::Unclaimed); // nobody paid yet
    }
    Ok(match keep(firm, evidence, caller, now).await? {
        None => Outcome::Unclaimed,
        Some(_) if !evidence.doubts.is_empty() => Outcome::Mismatched,
        Some(executed) if executed.events.is_empty() => Outcome::Unchanged,
        Some(_) => Outcome::Applied,
    })
}

/// What is to be recorded once it is known whose it is. A person who says so answers for what the reference
/// left open; another amount than was asked for stays a mismatch (PAY-2).
fn evidence(payment: &PaymentId, facts: &PaymentFacts, mismatch: Option<&Mismatch>) -> Evidence {
    let told = told(facts);
    let is_amount = |mismatch: &&Mismatch| {
        mismatch.differences.iter().any(|difference| difference.field == Field::Amount)
    };
    let (news, doubts) = match mismatch.filter(is_amount) {
        Some(mismatch) => (Vec::new(), vec![mismatch.to_string()]),
        None => (told.news, told.doubts),
    };
    Evidence {
        payment: payment.clone(),
        amount: facts.amount,
        client: facts.reference.client.clone(),
        invoices: facts.reference.invoices.clone(),
        news,
        doubts,
    }
}

/// Another firm's payment, or another mode's: no client of this firm has anything to do with it.
fn is_anothers(mismatch: &Mismatch) -> bool {
    let fields =
        || mismatch.differences.iter().map(|difference| (difference.field, &difference.found));
    fields().any(|(field, found)| match field {
        Field::Firm => found != "none",
        Field::Mode | Field::Account => true,
        Field::Amount | Field::Reference => false,
    })
}

async fn client(firm: &Firm, facts: &PaymentFacts) -> Result<Option<ClientId>, ExecuteError> {
    if let Some(client) = &facts.reference.client {
        return Ok(Some(client.clone()));
    }
    for invoice in &facts.reference.invoices {
        if let Some(client) = firm.store().client_of_invoice(invoice).await? {
            return Ok(Some(client));
        }
    }
    Ok(None)
}

struct Applying<'a> {
    firm: &'a Firm,
    client: ClientId,
    payment: &'a PaymentId,
    caller: &'a Caller,
    now: DateTime<Utc>,
}

impl Applying<'_> {
    async fn record(&self, facts: &PaymentFacts) -> Result<Outcome, ExecuteError> {
        let told = told(facts);
        if told.news.is_empty() {
            return Ok(Outcome::NotYet);
        }
        let (mut doubts, mut is_changed, mut last) = (told.doubts, false, None);
        for news in told.news {
            let command = Command::RecordPayment { payment: self.payment.clone(), news };
            match self.execute(&command).await {
                Ok(executed) => {
                    is_changed |= !executed.events.is_empty();
                    last = Some(executed);
                }
                Err(ExecuteError::NotFound(_)) => return Ok(Outcome::Unclaimed),
                // Another client's, for a person said so: it goes where it was assigned to.
                Err(ExecuteError::Refused(refusal))
                    if refusal.rule == "PAY-1"
                        && self.firm.store().assignment(self.payment).await?.is_some() =>
                {
                    return Ok(Outcome::Unclaimed);
                }
                Err(ExecuteError::Refused(refusal)) => doubts.push(refusal.text),
                Err(error) => return Err(error),
            }
        }
        let known = last.as_ref().and_then(|executed| executed.account.payments.get(self.payment));
        for id in told.undone {
            if known.is_some_and(|payment| payment.refunds.contains_key(&id)) {
                doubts
                    .push(format!("the refund {id} came back to the firm after it had succeeded"));
            }
        }
        let is_mismatch = known.is_some_and(|payment| payment.mismatches.contains(&facts.amount));
        if !doubts.is_empty() {
            return self.report(doubts.join("; ")).await;
        }
        Ok(match (is_mismatch, is_changed) {
            (true, _) => Outcome::Mismatched,
            (false, true) => Outcome::Applied,
            (false, false) => Outcome::Unchanged,
        })
    }

    /// Nothing is marked; a person looks at it.
    async fn report(&self, what: String) -> Result<Outcome, ExecuteError> {
        let what: String = what.chars().take(MAX_EVIDENCE_CHARS).collect();
        let evidence = Personal::new(format!("payment {}: {what}", self.payment));
        let command = Command::ReportMismatch { payment: self.payment.clone(), evidence };
        match self.execute(&command).await {
            Ok(_) => Ok(Outcome::Mismatched),
            Err(ExecuteError::NotFound(_)) => Ok(Outcome::Unclaimed),
            Err(error) => Err(error),
        }
    }

    async fn execute(&self, command: &Command) -> Result<Executed, ExecuteError> {
        execute(self.firm, &self.client, command, self.caller, self.now).await
    }
}

/// Who acts: the gateway, with the event that made it known.
pub(super) fn caller(event: &str) -> Caller {
    Caller { actor: Actor::Gateway, request_id: Some(event.to_owned()) }
}
