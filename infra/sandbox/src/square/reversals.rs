//! What takes a payment back: refunds, returned debits, disputes.

use serde_json::json;

use super::acts::{ActError, DisputeOutcome, Done, RefundOutcome};
use super::book::{Book, amount, find, find_mut, money, text, time};

impl Book {
    /// Gives back a part, or all that is left: on its way until it is finished.
    pub(super) fn refund(
        &mut self,
        payment_id: &str,
        asked: Option<u64>,
        reason: Option<String>,
        now: i64,
    ) -> Result<Done, ActError> {
        let payment = find(&self.payments, "payment", payment_id)?.clone();
        let status = text(&payment, "status");
        if matches!(status, "PENDING" | "APPROVED") {
            let what = format!("the payment is {status}, and has to complete first");
            return Err(ActError::refused("REFUND_ERROR_PAYMENT_NEEDS_COMPLETION", what));
        }
        if status != "COMPLETED" {
            let what = format!("the payment is {status}");
            return Err(ActError::refused("PAYMENT_NOT_REFUNDABLE", what));
        }
        let of_payment = |object: &&serde_json::Value| {
            text(&object["disputed_payment"], "payment_id") == payment_id
        };
        let takes =
            |state: &str| matches!(state, "EVIDENCE_REQUIRED" | "PROCESSING" | "LOST" | "ACCEPTED");
        let mut disputes = self.disputes.values().filter(of_payment);
        if disputes.any(|dispute| takes(text(dispute, "state"))) {
            let what = "the payment is disputed";
            return Err(ActError::refused("PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE", what));
        }
        let given = self.refunds.values().filter(|refund| {
            text(refund, "payment_id") == payment_id
                && matches!(text(refund, "status"), "PENDING" | "COMPLETED")
        });
        let given: u64 = given.map(|refund| amount(refund, "amount_money")).sum();
        let left = amount(&payment, "total_money").saturating_sub(given);
        let asked = asked.unwrap_or(left);
        if asked == 0 || left < asked {
            let what = format!("{asked} can't be given back of the {left} that is left");
            return Err(ActError::refused("REFUND_AMOUNT_INVALID", what));
        }
        let id = format!("{payment_id}_{}", self.new_id("REF"));
        let mut refund = json!({
            "id": id,
            "status": "PENDING",
            "amount_money": money(asked, text(&payment["total_money"], "currency")),
            "payment_id": payment_id,
            "order_id": payment["order_id"],
            "location_id": payment["location_id"],
            "created_at": time(now),
            "updated_at": time(now),
        });
        if let Some(reason) = reason {
            refund["reason"] = json!(reason);
        }
        self.refunds.insert(id.clone(), refund);
        self.refunds_on_their_way.insert(id.clone(), self.today(now));
        let payment = find_mut(&mut self.payments, "payment", payment_id)?;
        match payment["refund_ids"].as_array_mut() {
            Some(ids) => ids.push(json!(id)),
            None => payment["refund_ids"] = json!([id]),
        }
        let events = [("refund.created", id.as_str()), ("payment.updated", payment_id)];
        let events = events.map(|(kind, id)| self.record(kind, id, now)).to_vec();
        Ok(Done { object: id, events })
    }

    pub(super) fn finish_refund(
        &mut self,
        id: &str,
        outcome: RefundOutcome,
        now: i64,
    ) -> Result<Done, ActError> {
        let refund = find_mut(&mut self.refunds, "refund", id)?;
        let was = text(refund, "status").to_owned();
        let (from, status): (&[&str], _) = match outcome {
            RefundOutcome::Completed => (&["PENDING"], "COMPLETED"),
            RefundOutcome::Rejected => (&["PENDING"], "REJECTED"),
            RefundOutcome::Failed => (&["PENDING", "COMPLETED"], "FAILED"),
        };
        if !from.contains(&was.as_str()) {
            return Err(ActError::not_now(format!("the refund is {was} already")));
        }
        refund["status"] = json!(status);
        refund["updated_at"] = json!(time(now));
        let sum = refund["amount_money"].clone();
        let payment_id = text(refund, "payment_id").to_owned();
        self.refunds_on_their_way.remove(id);
        let payment = find_mut(&mut self.payments, "payment", &payment_id)?;
        let given = amount(payment, "refunded_money");
        let sum_amount = sum["amount"].as_u64().unwrap_or_default();
        let given = match (was.as_str(), outcome) {
            (_, RefundOutcome::Completed) => given + sum_amount,
            ("COMPLETED", _) => given.saturating_sub(sum_amount),
            _ => given,
        };
        payment["refunded_money"] = money(given, text(&sum, "currency"));
        let events = [("refund.updated", id), ("payment.updated", payment_id.as_str())];
        let events = events.map(|(kind, id)| self.record(kind, id, now)).to_vec();
        Ok(Done { object: id.to_owned(), events })
    }

    /// A debit that comes back is lost from the start.
    pub(super) fn take_back(&mut self, payment_id: &str, now: i64) -> Result<Done, ActError> {
        let payment = self.completed(payment_id)?;
        if text(payment, "source_type") != "BANK_ACCOUNT" {
            return Err(ActError::not_now("only a bank debit can be returned"));
        }
        let sum = amount(payment, "total_money");
        let id = self.new_dispute(payment_id, sum, "PROCESSING", "NO_KNOWLEDGE", now)?;
        let created = self.record("dispute.created", &id, now);
        let events = vec![created, self.set_dispute(&id, "LOST", now)?];
        Ok(Done { object: id, events })
    }

    pub(super) fn open_dispute(
        &mut self,
        payment_id: &str,
        asked: Option<u64>,
        is_inquiry: bool,
        now: i64,
    ) -> Result<Done, ActError> {
        let payment = self.completed(payment_id)?;
        if text(payment, "source_type") != "CARD" {
            return Err(ActError::not_now("a bank debit is returned, not disputed"));
        }
        let total = amount(payment, "total_money");
        let sum = asked.unwrap_or(total);
        if sum == 0 || total < sum {
            let what = format!("{sum} can't be disputed of {total}");
            return Err(ActError::not_now(what));
        }
        let state = if is_inquiry { "INQUIRY_EVIDENCE_REQUIRED" } else { "EVIDENCE_REQUIRED" };
        let id = self.new_dispute(payment_id, sum, state, "NOT_AS_DESCRIBED", now)?;
        let events = vec![self.record("dispute.created", &id, now)];
        Ok(Done { object: id, events })
    }

    fn completed(&self, payment_id: &str) -> Result<&serde_json::Value, ActError> {
        let payment = find(&self.payments, "payment", payment_id)?;
        match text(payment, "status") {
            "COMPLETED" => Ok(payment),
            other => Err(ActError::not_now(format!("the payment is {other}, not COMPLETED"))),
        }
    }

    fn new_dispute(
        &mut self,
        payment_id: &str,
        sum: u64,
        state: &str,
        reason: &str,
        now: i64,
    ) -> Result<String, ActError> {
        let is_open = self.disputes.values().any(|dispute| {
            text(&dispute["disputed_payment"], "payment_id") == payment_id
                && !is_decided(text(dispute, "state"))
        });
        if is_open {
            return Err(ActError::not_now("an earlier dispute of the payment is not decided yet"));
        }
        let payment = find(&self.payments, "payment", payment_id)?.clone();
        let id = self.new_id("DIS");
        let dispute = json!({
            "id": id,
            "dispute_id": id,
            "amount_money": money(sum, text(&payment["total_money"], "currency")),
            "reason": reason,
            "state": state,
            "disputed_payment": {"payment_id": payment_id},
            "location_id": payment["location_id"],
            "created_at": time(now),
            "updated_at": time(now),
            "version": 1,
        });
        self.disputes.insert(id.clone(), dispute);
        Ok(id)
    }

    fn set_dispute(&mut self, id: &str, state: &str, now: i64) -> Result<String, ActError> {
        let dispute = find_mut(&mut self.disputes, "dispute", id)?;
        dispute["state"] = json!(state);
        dispute["updated_at"] = json!(time(now));
        dispute["version"] = json!(dispute["version"].as_u64().unwrap_or_default() + 1);
        Ok(self.record("dispute.state.updated", id, now))
    }

    pub(super) fn close_dispute(
        &mut self,
        id: &str,
        outcome: DisputeOutcome,
        now: i64,
    ) -> Result<Done, ActError> {
        let state = text(find(&self.disputes, "dispute", id)?, "state").to_owned();
        if is_decided(&state) {
            return Err(ActError::not_now(format!("the dispute is {state} already")));
        }
        let is_inquiry = state.starts_with("INQUIRY");
        let to = match (outcome, is_inquiry) {
            (DisputeOutcome::Won, false) => "WON",
            (DisputeOutcome::Lost, false) => "LOST",
            (DisputeOutcome::Accepted, false) => "ACCEPTED",
            (DisputeOutcome::InquiryClosed, true) => "INQUIRY_CLOSED",
            (DisputeOutcome::InquiryClosed, false) => {
                return Err(ActError::not_now("the dispute is no inquiry"));
            }
            (_, true) => {
                return Err(ActError::not_now("the dispute is an inquiry: nothing is won or lost"));
            }
        };
        let events = vec![self.set_dispute(id, to, now)?];
        Ok(Done { object: id.to_owned(), events })
    }
}

fn is_decided(state: &str) -> bool {
    matches!(state, "WON" | "LOST" | "ACCEPTED" | "INQUIRY_CLOSED")
}
