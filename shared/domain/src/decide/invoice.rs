//! Invoices: put in, posted, taken back, given up (INV-3, INV-5, INV-6).

use std::collections::BTreeSet;

use super::{BOOKKEEPERS, Decision, PARTNERS, reason_given};
use crate::account::{MAX_OPEN_INVOICES, MAX_SERVICE_LINES};
use crate::calendar::for_person;
use crate::command::{DisputeOutcome, NewInvoice};
use crate::event::Event;
use crate::fee::named_after;
use crate::id::InvoiceId;
use crate::invoice::{Invoice, Line, MAX_LINES, Posting};
use crate::money::{MAX_MINOR, Money};
use crate::numbering::is_unnumbered;
use crate::plan::Outcome;
use crate::refusal::Refusal;
use crate::text::Personal;

impl Decision<'_> {
    pub(super) fn issue(&mut self, new: &NewInvoice) -> Result<(), Refusal> {
        self.require_of_staff(BOOKKEEPERS, "STAFF-1", "put in an invoice")?;
        self.context.numbers.check(&new.id, new.is_draft)?;
        self.is_no_fees(&new.id)?;
        self.not_taken(&new.id)?;
        if MAX_OPEN_INVOICES <= self.account.open_invoices().count() {
            let text = format!(
                "the client already has {MAX_OPEN_INVOICES} open invoices, which is the most"
            );
            return Err(Refusal::conflict("INV-7", text));
        }
        check_total(&new.lines, new.total)?;
        let invoice = self.new_invoice(new)?;
        let (id, is_posted) = (invoice.id.clone(), invoice.is_posted(self.day()));
        self.emit(Event::InvoiceIssued(Box::new(invoice)));
        if is_posted {
            self.apply_credit_to(&id);
        }
        Ok(())
    }

    /// With the days that were not said: a date to come is waited for (POST-2), and the due date
    /// follows from the terms (INV-3).
    fn new_invoice(&self, new: &NewInvoice) -> Result<Invoice, Refusal> {
        let today = self.day();
        if let Some(line) = &new.service_line
            && !self.account.billed_lines.contains(line)
            && !self.account.service_lines().contains(line)
            && MAX_SERVICE_LINES <= self.account.service_lines().len()
        {
            let text = format!("a client has at most {MAX_SERVICE_LINES} service lines");
            return Err(Refusal::invalid("LOCK-5", text));
        }
        let issued_on = new.issued_on.or(new.posts_on).unwrap_or(today);
        let due_on =
            new.due_on.unwrap_or_else(|| self.policy().kind(new.kind).terms.due(issued_on));
        if due_on < issued_on {
            let (due, issued) = (for_person(due_on), for_person(issued_on));
            let text = format!("it would be due on {due}, before it is issued on {issued}");
            return Err(Refusal::invalid("INV-3", text));
        }
        let posts_on = new.posts_on.unwrap_or(issued_on);
        let posting = match posts_on {
            _ if new.is_draft => Posting::Draft,
            on if today < on => Posting::Scheduled(on),
            _ => Posting::Posted,
        };
        Ok(Invoice {
            kind: new.kind,
            service_line: new.service_line.clone(),
            deposit: new.deposit,
            lines: new.lines.clone(),
            recorded_on: today,
            ..Invoice::new(new.id.clone(), new.total, (issued_on, due_on), posting)
        })
    }

    pub(super) fn post(&mut self, id: &InvoiceId) -> Result<(), Refusal> {
        self.require_of_staff(BOOKKEEPERS, "STAFF-1", "post an invoice")?;
        let number = match is_unnumbered(id) {
            true => Some(self.drawn_for(id)?),
            false if self.open_invoice(id, "INV-1")?.is_posted(self.day()) => return Ok(()),
            false => None,
        };
        self.emit(Event::InvoicePosted { invoice: id.clone(), number: number.clone() });
        self.apply_credit_to(number.as_ref().unwrap_or(id));
        Ok(())
    }

    /// The number under which a draft goes out that has none yet (INV-7).
    fn drawn_for(&self, draft: &InvoiceId) -> Result<InvoiceId, Refusal> {
        self.not_ended(self.known_invoice(draft)?)?;
        let number = self.context.numbers.drawn.ok_or_else(|| {
            let text = format!("{draft} has no number, and the firm no series to draw one from");
            Refusal::conflict("INV-7", text)
        })?;
        self.not_taken(number)?;
        Ok(number.clone())
    }

    /// The numbers of late fees are their invoices' (LF-1): one that is there would keep a fee from coming.
    fn is_no_fees(&self, number: &InvoiceId) -> Result<(), Refusal> {
        let Some(of) = named_after(number) else { return Ok(()) };
        let text = format!("the number {number} is that of a late fee of invoice {of}");
        Err(Refusal::conflict("INV-7", text))
    }

    fn not_taken(&self, number: &InvoiceId) -> Result<(), Refusal> {
        if !self.account.invoices.contains_key(number) {
            return Ok(());
        }
        Err(Refusal::conflict("INV-7", format!("the invoice number {number} is taken")))
    }

    pub(super) fn void(&mut self, id: &InvoiceId, reason: &Personal) -> Result<(), Refusal> {
        self.require_of_staff(BOOKKEEPERS, "INV-6", "void an invoice")?;
        reason_given(reason, "INV-6")?;
        let invoice = self.known_invoice(id)?;
        if invoice.ending.is_none() && !invoice.paid().is_zero() {
            let text =
                format!("{} is allocated to invoice {id}; take it back first", invoice.paid());
            return Err(Refusal::conflict("INV-6", text));
        }
        self.not_ended(invoice)?;
        if let Some(payment) = self.account.pending_on(id, self.day()) {
            let text = format!("payment {payment} for invoice {id} is on its way");
            return Err(Refusal::conflict("INV-6", text));
        }
        if let Some(of) = &invoice.fee_of {
            let text = format!("invoice {id} is a late fee; waive the fees of invoice {of}");
            return Err(Refusal::conflict("LF-1", text));
        }
        self.void_fees(id, reason)?;
        let (on, reason) = (self.day(), reason.clone());
        self.emit(Event::InvoiceVoided { invoice: id.clone(), on, reason });
        self.end_arrangements(id, Outcome::Moot);
        Ok(())
    }

    pub(super) fn write_off(&mut self, id: &InvoiceId, reason: &Personal) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "write off an invoice")?;
        reason_given(reason, "PLAN-1")?;
        self.numbered(id)?;
        let invoice = self.known_invoice(id)?;
        self.not_ended(invoice)?;
        let amount = invoice.balance();
        if amount.is_zero() {
            let text = format!("nothing is owed on invoice {id}");
            return Err(Refusal::conflict("PLAN-1", text));
        }
        let (on, reason) = (self.day(), reason.clone());
        self.emit(Event::InvoiceWrittenOff { invoice: id.clone(), on, reason, amount });
        self.end_arrangements(id, Outcome::Moot);
        Ok(())
    }

    pub(super) fn known_invoice(&self, id: &InvoiceId) -> Result<&Invoice, Refusal> {
        let known = self.account.invoices.get(id);
        known.ok_or_else(|| Refusal::not_found("INV-7", format!("there is no invoice {id}")))
    }

    pub(super) fn not_ended(&self, invoice: &Invoice) -> Result<(), Refusal> {
        if invoice.ending.is_none() {
            return Ok(());
        }
        let status = invoice.status(self.day()).as_str().replace('_', " ");
        Err(Refusal::conflict("INV-6", format!("invoice {} is already {status}", invoice.id)))
    }

    /// Ends what is about that invoice once nothing is owed on it: a dispute, a promise; a plan with its last.
    pub(super) fn end_arrangements(&mut self, id: &InvoiceId, outcome: Outcome) {
        let is_disputed =
            self.account.invoices.get(id).is_some_and(|invoice| invoice.dispute.is_some());
        if is_disputed {
            let outcome = DisputeOutcome::Settled;
            self.emit(Event::DisputeEnded { invoice: id.clone(), outcome });
        }
        let is_promised = self.account.promises.iter().any(|promise| promise.invoices.contains(id));
        if is_promised && outcome == Outcome::Moot {
            let invoices = BTreeSet::from([id.clone()]);
            self.emit(Event::PromiseEnded { invoices, outcome });
        }
        // What the last of a plan's invoices comes to is what the plan comes to.
        let plan = self.account.plan.as_ref().filter(|plan| plan.invoices.contains(id));
        let is_over = plan.is_some_and(|plan| self.account.planned_balance(plan) == 0);
        if is_over && outcome == Outcome::Moot {
            self.emit(Event::PlanEnded { outcome });
        }
    }
}

/// The total is the sum of the lines, where there are any (INV-5).
fn check_total(lines: &[Line], total: Money) -> Result<(), Refusal> {
    let invalid = |text: String| Refusal::invalid("INV-5", text);
    if MAX_LINES < lines.len() {
        return Err(invalid(format!("an invoice has at most {MAX_LINES} lines")));
    }
    if MAX_MINOR < total.minor() {
        return Err(invalid(format!("{total} is too large")));
    }
    if lines.is_empty() {
        return Ok(());
    }
    let mut sum = Money::zero(total.currency());
    for line in lines {
        let amount = line.unit_amount.minor().checked_mul(line.quantity.into());
        let amount = amount.filter(|&minor| minor <= MAX_MINOR);
        let amount = amount
            .ok_or_else(|| invalid(format!("the line {:?} is too large", line.description)))?;
        let amount = Money::new(amount, line.unit_amount.currency());
        let added = sum.checked_add(amount).and_then(|sum| sum.checked_add(line.tax));
        sum = added.map_err(|error| invalid(error.to_string()))?;
    }
    if sum == total {
        return Ok(());
    }
    let (sum, total) = (sum.for_person(), total.for_person());
    Err(invalid(format!("the lines come to {sum}, not to {total}")))
}
