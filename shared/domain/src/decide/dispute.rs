//! Disputes: only the disputed part stops being collected (DIS-1).

use super::{BOOKKEEPERS, Decision, PARTNERS, reason_given};
use crate::command::DisputeOutcome;
use crate::event::{Event, Settlement};
use crate::id::{CreditNoteId, InvoiceId};
use crate::invoice::Dispute;
use crate::money::Money;
use crate::refusal::Refusal;
use crate::role::Actor;
use crate::text::Personal;

impl Decision<'_> {
    pub(super) fn open_dispute(
        &mut self,
        id: &InvoiceId,
        amount: Option<Money>,
        reason: &Personal,
    ) -> Result<(), Refusal> {
        self.require_or_client(BOOKKEEPERS, "STAFF-1", "record a dispute")?;
        reason_given(reason, "DIS-1")?;
        let invoice = self.owed_invoice(id, "DIS-1")?;
        if invoice.dispute.is_some() {
            let text = format!("invoice {id} is already disputed");
            return Err(Refusal::conflict("DIS-1", text));
        }
        if !invoice.is_posted(self.day()) {
            return Err(Refusal::conflict("DIS-1", format!("invoice {id} is not posted yet")));
        }
        let balance = invoice.balance();
        let amount = amount.unwrap_or(balance);
        if amount.currency() != balance.currency() || amount.is_zero() {
            let (amount, balance) = (amount.for_person(), balance.for_person());
            let text =
                format!("of invoice {id} {balance} is open, so {amount} of it can't be disputed");
            return Err(Refusal::invalid("DIS-1", text));
        }
        let amount = Money::new(amount.minor().min(balance.minor()), balance.currency());
        let (reason, opened_on) = (reason.clone(), self.day());
        let dispute =
            Dispute { amount, reason, opened_on, is_under_review: false, reviewed_by: None };
        self.emit(Event::DisputeBegun { invoice: id.clone(), dispute });
        if *self.context.actor != Actor::Import {
            self.respond();
        }
        Ok(())
    }

    pub(super) fn review_dispute(&mut self, id: &InvoiceId) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "review a dispute")?;
        if !self.disputed(id)?.is_under_review {
            let by = self.staff().ok();
            self.emit(Event::DisputeReviewed { invoice: id.clone(), by });
        }
        Ok(())
    }

    pub(super) fn resolve_dispute(
        &mut self,
        id: &InvoiceId,
        outcome: DisputeOutcome,
    ) -> Result<(), Refusal> {
        let may_withdraw = self.context.actor.is_client() && outcome == DisputeOutcome::Withdrawn;
        if !may_withdraw {
            self.require(PARTNERS, "STAFF-1", "resolve a dispute")?;
        }
        if outcome == DisputeOutcome::Settled {
            let text = "a dispute is settled by payment, expected upheld, rejected or withdrawn";
            return Err(Refusal::invalid("DIS-1", text));
        }
        self.disputed(id)?;
        let amount = self.open_invoice(id, "DIS-1")?.disputed();
        if outcome == DisputeOutcome::Upheld && !amount.is_zero() {
            let note = format!("dispute-{id}-{}", self.account.next_number);
            let note: CreditNoteId = note.parse().map_err(|error| {
                Refusal::invalid("DIS-1", format!("no credit note can be numbered: {error}"))
            })?;
            let allocated = vec![(id.clone(), amount)];
            let settlement = Settlement { allocated, ..Settlement::default() };
            let on = self.day();
            self.emit(Event::CreditNoteIssued { id: note, amount, on, settlement });
        }
        self.emit(Event::DisputeEnded { invoice: id.clone(), outcome });
        Ok(())
    }

    fn disputed(&self, id: &InvoiceId) -> Result<&Dispute, Refusal> {
        let invoice = self.open_invoice(id, "DIS-1")?;
        let dispute = invoice.dispute.as_ref();
        dispute.ok_or_else(|| Refusal::conflict("DIS-1", format!("invoice {id} is not disputed")))
    }
}
