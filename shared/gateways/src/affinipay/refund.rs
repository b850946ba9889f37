//! Giving money back: until the daily capture the charge is voided, which costs the firm no fee; after it, and
//! for a part, it is refunded.
//!
//! The charge is read first, always: it shows what was given back already, and whether by the same name, so that
//! asking twice gives back once though there is no key. An eCheck's refund waits until the charge has cleared.

use reqwest::StatusCode;
use serde_json::json;

use super::facts::{self, to_affinipay};
use super::objects::Transaction;
use super::{AffiniPay, ask};
use crate::{GatewayError, NewRefund, ObjectId, Refund, RefundError, RefundState};

/// What our refunds are known by; it is no reference of a payment.
const PREFIX: &str = "pcr-";

/// The gateway's words for a charge that is past that, or not there yet.
const NOT_NOW: [&str; 3] = [
    "not_valid_for_transaction_status",
    "unavailable_for_current_status",
    "unavailable_due_to_capture_in_process",
];

/// The gateway's word for more than is left.
const TOO_MUCH: &str = "refund_exceeds_transaction";

impl AffiniPay {
    pub(super) async fn give_back(&self, new: &NewRefund) -> Result<Refund, RefundError> {
        let amount = to_affinipay(new.amount)?;
        let name = format!("{PREFIX}{}", new.ours);
        let (charge, refunds) = self.charge_with_refunds(&new.payment).await?;
        if let Some(done) = done(&charge, &refunds, &name, new)? {
            return Ok(done);
        }
        let left = left(&charge, &refunds, new)?;
        if charge.status == "AUTHORIZED" && amount == charge.amount && left == charge.amount {
            match self.void(&charge, &name, new).await {
                // Captured since it was read.
                Err(RefundError::NotNow(_)) => {}
                other => return other,
            }
        }
        let body = json!({"amount": amount, "reference": name, "data": {"reason": new.reason}});
        let sent = self.send(&format!("charges/{}/refund", charge.id), &body).await;
        let refund = sent.map_err(RefundError::from).and_then(|answer| {
            if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
                return Err(refused(&answer, new));
            }
            let refund: Transaction = ask::read("refund", "charges/…/refund", &answer)?;
            Ok(facts::refund(&refund, 0)?)
        });
        self.or_found(refund, &name, new).await
    }

    async fn void(
        &self,
        charge: &Transaction,
        name: &str,
        new: &NewRefund,
    ) -> Result<Refund, RefundError> {
        let path = format!("transactions/{}/void", charge.id);
        let sent = self.send(&path, &json!({"reference": name})).await;
        let voided = sent.map_err(RefundError::from).and_then(|answer| {
            if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
                return Err(refused(&answer, new));
            }
            let voided: Transaction = ask::read("charge", &path, &answer)?;
            if voided.status != "VOIDED" {
                let what = format!("charge {}: is {} after a void", voided.id, voided.status);
                return Err(GatewayError::malformed(what).into());
            }
            as_refund(&voided, new)
        });
        self.or_found(voided, name, new).await
    }

    /// Is the answer lost, what was done is looked for.
    async fn or_found(
        &self,
        result: Result<Refund, RefundError>,
        name: &str,
        new: &NewRefund,
    ) -> Result<Refund, RefundError> {
        match result {
            Err(RefundError::Gateway(
                error @ (GatewayError::Down { .. } | GatewayError::Malformed { .. }),
            )) => {
                let (charge, refunds) = self.charge_with_refunds(&new.payment).await?;
                done(&charge, &refunds, name, new)?.ok_or(RefundError::Gateway(error))
            }
            other => other,
        }
    }

    async fn charge_with_refunds(
        &self,
        payment: &ObjectId,
    ) -> Result<(Transaction, Vec<Transaction>), RefundError> {
        let charge = self.charge_of(payment).await?;
        let charge = charge.ok_or_else(|| RefundError::NotNow("it is no payment".to_owned()))?;
        let refunds = self.refunds_of(&charge).await?;
        Ok((charge, refunds))
    }
}

/// What was given back under that name.
fn done(
    charge: &Transaction,
    refunds: &[Transaction],
    name: &str,
    new: &NewRefund,
) -> Result<Option<Refund>, RefundError> {
    if charge.status == "VOIDED" && charge.void_reference.as_deref() == Some(name) {
        return as_refund(charge, new).map(Some);
    }
    let ours = refunds.iter().find(|refund| refund.reference.as_deref() == Some(name));
    let Some(refund) = ours else { return Ok(None) };
    let refund = facts::refund(refund, 0)?;
    if refund.amount != new.amount {
        return Err(RefundError::KeyReused);
    }
    Ok(Some(refund))
}

/// A void, told as a refund of all: it has no id of its own.
fn as_refund(charge: &Transaction, new: &NewRefund) -> Result<Refund, RefundError> {
    let amount = facts::money(charge)?;
    if amount != new.amount {
        return Err(RefundError::KeyReused);
    }
    Ok(Refund {
        id: facts::id("void", &format!("{}-void", charge.id))?,
        amount,
        state: RefundState::Succeeded,
        created_unix: 0,
    })
}

/// What is left of a charge that can be given back, if that is enough.
fn left(
    charge: &Transaction,
    refunds: &[Transaction],
    new: &NewRefund,
) -> Result<u64, RefundError> {
    if !matches!(charge.status.as_str(), "AUTHORIZED" | "COMPLETED") {
        return Err(RefundError::NotNow(format!("it is {}", charge.status)));
    }
    let counts = |refund: &&Transaction| !matches!(refund.status.as_str(), "FAILED" | "VOIDED");
    let given: u64 = refunds.iter().filter(counts).map(|refund| refund.amount).sum();
    let left = charge.amount.saturating_sub(given);
    let is_other = facts::money(charge)?.currency() != new.amount.currency();
    if is_other || new.amount.is_zero() || left < new.amount.minor() {
        let code = if is_other { "currency_mismatch" } else { TOO_MUCH };
        return Err(RefundError::Amount { amount: new.amount, code: code.to_owned() });
    }
    Ok(left)
}

fn refused(answer: &crate::transport::Answer, new: &NewRefund) -> RefundError {
    match ask::failure(answer, "refund") {
        GatewayError::Rejected { code, .. } if code == TOO_MUCH => {
            RefundError::Amount { amount: new.amount, code }
        }
        GatewayError::Rejected { code, .. } if NOT_NOW.contains(&code.as_str()) => {
            RefundError::NotNow(code)
        }
        error => error.into(),
    }
}
