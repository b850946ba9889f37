//! Giving a payment back, or a part of it.
//!
//! Two refunds of a part are two, so that Stripe's key is not trusted alone: where the answer is lost or it was
//! tried before, the payment's refunds are looked through for our name first. A payment that its bank is taking
//! back is not refunded: the client would have the money twice.

use super::call::{Form, Posted, Refusal};
use super::objects::{self, Dispute, Expandable, Intent};
use super::save::malformed;
use super::{Stripe, currency, facts};
use crate::reference::OURS_KEY;
use crate::{DisputeState, GatewayError, IdempotencyKey, NewRefund, Refund, RefundError, Tried};

const KIND: &str = "refund";

/// Where the firm's own words stand on it: Stripe's field for a reason knows three words alone.
const REASON_KEY: &str = "reason";

/// Stripe's limit of a value.
const MAX_REASON_CHARS: usize = 500;

/// Stripe's words for an amount that is not left.
const AMOUNT_CODES: [&str; 4] = [
    "amount_too_large",
    "amount_too_small",
    "charge_already_refunded",
    "parameter_invalid_integer",
];

/// Stripe's words for a payment that can't be given back now, or a firm whose balance is too low.
const NOT_NOW_CODES: [&str; 5] = [
    "balance_insufficient",
    "charge_disputed",
    "insufficient_funds",
    "payment_intent_unexpected_state",
    "refund_disputed_payment",
];

impl Stripe {
    pub(super) async fn give_back(
        &self,
        new: &NewRefund,
        key: &IdempotencyKey,
        tried: Tried,
    ) -> Result<Refund, RefundError> {
        let (minor, code) = currency::to_stripe(new.amount)?;
        // As with charges: whenever it was tried before, whatever is left of the key's day.
        if tried.first_unix.is_some()
            && let Some(made) = self.given_back(new, minor).await?
        {
            return Ok(made);
        }
        self.check(new, minor, &code).await?;
        let mut form = Form::default();
        form.add("payment_intent", new.payment.as_str());
        form.add("amount", minor.to_string());
        form.add(format!("metadata[{OURS_KEY}]"), &new.ours);
        if let Some(reason) = &new.reason {
            let reason: String = reason.chars().take(MAX_REASON_CHARS).collect();
            form.add(format!("metadata[{REASON_KEY}]"), reason);
        }
        let first = match self.give_once(new, &form, key).await {
            Err(RefundError::Gateway(error)) if error.is_temporary() => error,
            other => return other,
        };
        tracing::warn!("Looking what became of a refund: {first}");
        self.transport.pause().await;
        match self.given_back(new, minor).await? {
            Some(made) => Ok(made),
            None => self.give_once(new, &form, key).await,
        }
    }

    async fn give_once(
        &self,
        new: &NewRefund,
        form: &Form,
        key: &IdempotencyKey,
    ) -> Result<Refund, RefundError> {
        match self.post_once::<objects::Refund>(KIND, "refunds", &form.0, key).await? {
            Posted::Done(made) => Ok(facts::refund(&made)?),
            Posted::Refused(refusal) => Err(refused(new, refusal)),
        }
    }

    /// The refund that an earlier try made.
    async fn given_back(&self, new: &NewRefund, minor: u64) -> Result<Option<Refund>, RefundError> {
        let refunds = self
            .list(KIND, "refunds", new.payment.as_str(), |refund: &objects::Refund| &refund.id)
            .await?;
        let is_ours = |refund: &&objects::Refund| {
            let ours = refund.metadata.as_ref().and_then(|metadata| metadata.get(OURS_KEY));
            ours == Some(&new.ours)
        };
        match refunds.iter().find(is_ours) {
            Some(made) if made.amount != minor => Err(RefundError::KeyReused),
            Some(made) => Ok(Some(facts::refund(made)?)),
            None => Ok(None),
        }
    }

    /// What Stripe would refuse, and what it would let happen.
    async fn check(&self, new: &NewRefund, minor: u64, code: &str) -> Result<(), RefundError> {
        let refused =
            |code: &str| RefundError::Amount { amount: new.amount, code: code.to_owned() };
        let path = format!("payment_intents/{}", new.payment);
        let intent: Intent = self.get("payment_intent", &path, &["latest_charge"]).await?;
        let charge = match &intent.latest_charge {
            Some(Expandable::Object(charge)) if intent.status == "succeeded" => charge,
            Some(Expandable::Id(_)) => {
                let what = "latest_charge is not expanded";
                return Err(malformed("payment_intent", &intent.id, what).into());
            }
            Some(Expandable::Object(_)) | None => return Err(RefundError::NotNow(intent.status)),
        };
        if charge.disputed {
            let disputes = self.list("dispute", "disputes", &intent.id, |one: &Dispute| &one.id);
            for dispute in disputes.await? {
                let state = facts::dispute(&dispute, false)?.state;
                if !matches!(state, DisputeState::Won | DisputeState::Notice) {
                    return Err(RefundError::NotNow("charge_disputed".to_owned()));
                }
            }
        }
        if intent.currency != code {
            return Err(refused("currency_mismatch"));
        }
        let received = intent.amount_received.unwrap_or(intent.amount);
        match received.saturating_sub(charge.amount_refunded) {
            _ if minor == 0 => Err(refused("amount_too_small")),
            0 => Err(refused("charge_already_refunded")),
            left if left < minor => Err(refused("amount_too_large")),
            _ => Ok(()),
        }
    }
}

fn refused(new: &NewRefund, refusal: Refusal) -> RefundError {
    if refusal.is_key_reused() {
        return RefundError::KeyReused;
    }
    let code = refusal.code().to_owned();
    if NOT_NOW_CODES.contains(&code.as_str()) {
        return RefundError::NotNow(code);
    }
    let is_amount = refusal.said.param.as_deref() == Some("amount");
    if refusal.status.as_u16() == 400 && (is_amount || AMOUNT_CODES.contains(&code.as_str())) {
        return RefundError::Amount { amount: new.amount, code };
    }
    RefundError::Gateway(match refusal.into_error() {
        GatewayError::NotFound { .. } => {
            GatewayError::NotFound { object: format!("payment_intents/{}", new.payment) }
        }
        error => error,
    })
}
