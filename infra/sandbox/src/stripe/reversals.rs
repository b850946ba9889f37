//! What takes a payment back: refunds, returned debits, disputes.

use super::acts::{ActError, DisputeOutcome, Done, RefundOutcome};
use super::book::Book;
use super::objects::{Dispute, Metadata, Refund};
use super::payments::find;

impl Book {
    /// Gives back a part, or all that is left.
    pub(super) fn refund(
        &mut self,
        charge_id: &str,
        amount: Option<u64>,
        reason: Option<String>,
        metadata: Metadata,
        now: i64,
    ) -> Result<Done, ActError> {
        let is_taken =
            |dispute: &Dispute| dispute.charge == charge_id && !dispute.is_charge_refundable;
        let is_disputed = self.disputes.values().any(is_taken);
        let charge = find(&mut self.charges, "charge", charge_id)?;
        if charge.status != "succeeded" {
            return Err(ActError::not_now(format!(
                "the charge is {}, not succeeded",
                charge.status
            )));
        }
        if charge.refunded {
            return Err(ActError::refused(
                "charge_already_refunded",
                "the charge is refunded already",
            ));
        }
        if is_disputed {
            return Err(ActError::refused("charge_disputed", "the charge is disputed"));
        }
        let left = charge.amount - charge.amount_refunded;
        let amount = amount.unwrap_or(left);
        if left < amount {
            let what = format!("{amount} is more than the {left} that is left of the charge");
            return Err(ActError::refused("amount_too_large", what));
        }
        charge.amount_refunded += amount;
        charge.refunded = charge.amount_refunded == charge.amount;
        let is_card = charge.payment_method_details.card.is_some();
        let mut refund = Refund {
            id: String::new(),
            object: "refund".to_owned(),
            amount,
            charge: charge_id.to_owned(),
            created: now,
            currency: charge.currency.clone(),
            metadata,
            payment_intent: charge.payment_intent.clone(),
            reason,
            status: if is_card { "succeeded" } else { "pending" }.to_owned(),
        };
        let account = self.account(charge_id).map(str::to_owned);
        refund.id = self.new_id("re", account.as_deref());
        let id = refund.id.clone();
        self.refunds.insert(id.clone(), refund);
        let events = [("refund.created", id.as_str()), ("charge.refunded", charge_id)];
        let events = events.map(|(kind, id)| self.record(kind, id, now)).to_vec();
        Ok(Done { object: id, events })
    }

    pub(super) fn finish_refund(
        &mut self,
        id: &str,
        outcome: RefundOutcome,
        now: i64,
    ) -> Result<Done, ActError> {
        let refund = find(&mut self.refunds, "refund", id)?;
        let (from, kind): (&[&str], _) = match outcome {
            RefundOutcome::Succeeded => (&["pending"], "refund.updated"),
            RefundOutcome::Failed => (&["pending", "succeeded"], "refund.failed"),
        };
        if !from.contains(&refund.status.as_str()) {
            return Err(ActError::not_now(format!("the refund is {} already", refund.status)));
        }
        match outcome {
            RefundOutcome::Succeeded => refund.status = "succeeded".to_owned(),
            RefundOutcome::Failed => {
                refund.status = "failed".to_owned();
                let charge = find(&mut self.charges, "charge", &refund.charge)?;
                charge.amount_refunded -= refund.amount;
                charge.refunded = false;
            }
        }
        Ok(Done { object: id.to_owned(), events: vec![self.record(kind, id, now)] })
    }

    pub(super) fn take_back(
        &mut self,
        payment: &str,
        reason: &str,
        now: i64,
    ) -> Result<Done, ActError> {
        let charge = self.paid_charge(payment)?;
        if charge.payment_method_details.us_bank_account.is_none() {
            return Err(ActError::not_now("only a bank debit can be returned"));
        }
        let amount = charge.amount;
        let id = self.new_dispute(payment, amount, "lost", reason, now)?;
        self.debit_came_back(payment, reason, true);
        let kinds =
            ["charge.dispute.created", "charge.dispute.funds_withdrawn", "charge.dispute.closed"];
        let events = kinds.map(|kind| self.record(kind, &id, now)).to_vec();
        Ok(Done { object: id, events })
    }

    pub(super) fn open_dispute(
        &mut self,
        payment: &str,
        amount: Option<u64>,
        is_inquiry: bool,
        now: i64,
    ) -> Result<Done, ActError> {
        let charge = self.paid_charge(payment)?;
        if charge.payment_method_details.card.is_none() {
            return Err(ActError::not_now("a bank debit is returned, not disputed"));
        }
        let amount = amount.unwrap_or(charge.amount);
        if charge.amount < amount {
            let what = format!("{amount} is more than the {} of the charge", charge.amount);
            return Err(ActError::refused("amount_too_large", what));
        }
        let status = if is_inquiry { "warning_needs_response" } else { "needs_response" };
        let id = self.new_dispute(payment, amount, status, "general", now)?;
        let mut events = vec![self.record("charge.dispute.created", &id, now)];
        if !is_inquiry {
            events.push(self.record("charge.dispute.funds_withdrawn", &id, now));
        }
        Ok(Done { object: id, events })
    }

    fn new_dispute(
        &mut self,
        payment: &str,
        amount: u64,
        status: &str,
        reason: &str,
        now: i64,
    ) -> Result<String, ActError> {
        let is_open =
            |dispute: &Dispute| dispute.payment_intent == payment && !is_decided(&dispute.status);
        if self.disputes.values().any(is_open) {
            return Err(ActError::not_now("an earlier dispute of the payment is not decided yet"));
        }
        let account = self.account(payment).map(str::to_owned);
        let id = self.new_id("dp", account.as_deref());
        let charge = self.paid_charge(payment)?;
        charge.disputed = true;
        let dispute = Dispute {
            id: id.clone(),
            object: "dispute".to_owned(),
            amount,
            charge: charge.id.clone(),
            created: now,
            currency: charge.currency.clone(),
            is_charge_refundable: status.starts_with("warning"),
            livemode: charge.livemode,
            metadata: Metadata::new(),
            payment_intent: payment.to_owned(),
            reason: reason.to_owned(),
            status: status.to_owned(),
        };
        self.disputes.insert(id.clone(), dispute);
        Ok(id)
    }

    pub(super) fn close_dispute(
        &mut self,
        id: &str,
        outcome: DisputeOutcome,
        now: i64,
    ) -> Result<Done, ActError> {
        let dispute = find(&mut self.disputes, "dispute", id)?;
        if is_decided(&dispute.status) {
            return Err(ActError::not_now(format!("the dispute is {} already", dispute.status)));
        }
        let is_inquiry = dispute.status.starts_with("warning");
        let (status, kinds): (_, &[_]) = match (outcome, is_inquiry) {
            (DisputeOutcome::Won, false) => {
                ("won", &["charge.dispute.closed", "charge.dispute.funds_reinstated"])
            }
            (DisputeOutcome::Lost, false) => ("lost", &["charge.dispute.closed"]),
            (DisputeOutcome::WarningClosed, true) => ("warning_closed", &["charge.dispute.closed"]),
            (DisputeOutcome::Won | DisputeOutcome::Lost, true) => {
                return Err(ActError::not_now("the dispute is an inquiry: nothing is won or lost"));
            }
            (DisputeOutcome::WarningClosed, false) => {
                return Err(ActError::not_now("the dispute is no inquiry"));
            }
        };
        dispute.status = status.to_owned();
        dispute.is_charge_refundable = outcome != DisputeOutcome::Lost;
        let events = kinds.iter().map(|kind| self.record(kind, id, now)).collect();
        Ok(Done { object: id.to_owned(), events })
    }
}

fn is_decided(status: &str) -> bool {
    matches!(status, "won" | "lost" | "warning_closed")
}
