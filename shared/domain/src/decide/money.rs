//! Money coming, going and coming back (PAY-1..7, CHG-3).
//!
//! News changes what is known of a payment; what then moves is the difference between what is ours
//! of it ([`Payment::kept`]) and what it has on invoices and in credit. So the same code puts money on
//! invoices, takes it back after a refund and puts it back after a won chargeback.

use std::collections::{BTreeMap, BTreeSet};

use super::{BOOKKEEPERS, Decision, reason_given};
use crate::apply::learn;
use crate::calendar::plus;
use crate::command::News;
use crate::event::{Event, Settlement};
use crate::id::{CreditNoteId, InvoiceId, PaymentId};
use crate::invoice::{Posting, Source};
use crate::letter::Content;
use crate::money::{MAX_MINOR, Money};
use crate::numbering::is_unnumbered;
use crate::payment::{Failure, Payment, PaymentState, Seen};
use crate::plan::Outcome;
use crate::refusal::Refusal;
use crate::task::About;
use crate::text::Personal;

/// How many invoices one commit changes: a transaction of the table holds 100 items, and each may
/// move from the open to the closed ones (two items), beside head, commit record, payment and texts.
pub const MAX_SPREAD: usize = 40;

impl Decision<'_> {
    pub(super) fn record_payment(&mut self, id: &PaymentId, news: &News) -> Result<(), Refusal> {
        self.require_of_staff(BOOKKEEPERS, "STAFF-1", "record a payment")?;
        let payment = self.account.payments.get(id).cloned();
        let mut payment = payment.unwrap_or_else(|| Payment::unknown(id.clone()));
        if let Some(told) = self.mismatch(&payment, news)? {
            self.report_mismatch(&payment, told);
            return Ok(());
        }
        if let Some(differs) = check_refund(&payment, news)? {
            return self.report_refund(&payment, differs);
        }
        let before = payment.clone();
        learn(&mut payment, news, self.day());
        if payment == before {
            return Ok(()); // PAY-1: the same news again
        }
        let (was, now) = (before.state(), payment.state());
        let rests = self.resting(&before, &payment);
        let settlement = self.settle(&payment, news);
        let (on, news) = (self.day(), news.clone());
        self.emit(Event::PaymentChanged {
            payment: id.clone(),
            news: news.clone(),
            on,
            was,
            now,
            settlement,
        });
        let came_back =
            before.failure() != Some(Failure::Returned) && now == PaymentState::Returned;
        if came_back && !rests.is_empty() {
            let before = plus(self.day(), self.policy().after_return_days);
            self.emit(Event::CollectionRests { invoices: rests, before });
        }
        if came_back {
            self.void_mandate(id);
        }
        self.end_settled();
        self.tell_payer(&payment, before.failure().is_none());
        Ok(())
    }

    /// What a gateway told that isn't this payment, or names what can't take it (PAY-2, PAY-3).
    fn mismatch(&self, payment: &Payment, news: &News) -> Result<Option<Money>, Refusal> {
        let News::Told { amount, invoices, .. } = news else { return Ok(None) };
        if amount.is_zero() || MAX_MINOR < amount.minor() {
            return Err(Refusal::invalid("PAY-1", format!("{amount} can't be paid")));
        }
        let is_other = payment.facts.as_ref().is_some_and(|facts| facts.amount != *amount);
        let is_unfit = |id: &InvoiceId| {
            let invoice = self.account.invoices.get(id);
            is_unnumbered(id)
                || invoice.is_none_or(|invoice| invoice.total.currency() != amount.currency())
        };
        let is_new = payment.facts.is_none();
        Ok((is_other || (is_new && invoices.iter().any(is_unfit))).then_some(*amount))
    }

    fn report_mismatch(&mut self, payment: &Payment, told: Money) {
        if payment.mismatches.contains(&told) {
            return; // the same evidence again
        }
        self.emit(Event::PaymentMismatched { payment: payment.id.clone(), told });
        let known = payment.facts.as_ref().map_or_else(
            || "names an invoice that is unknown here or in another currency".to_owned(),
            |facts| format!("is known here as {}", facts.amount.for_person()),
        );
        let told = told.for_person();
        let evidence =
            Personal::new(format!("{told} was told for payment {}, which {known}", payment.id));
        self.open_task(About::Mismatch { payment: payment.id.clone(), evidence });
    }

    /// Whoever types it is told; what a gateway tells is evidence for a person, as of a payment (PAY-2).
    fn report_refund(&mut self, payment: &Payment, differs: String) -> Result<(), Refusal> {
        if self.context.actor.staff().is_some() {
            return Err(Refusal::conflict("PAY-5", differs));
        }
        self.open_mismatch(&payment.id, &Personal::new(differs))
    }

    /// Evidence that isn't about this account's payment leaves the payment alone; the same evidence
    /// again opens no second task.
    pub(super) fn open_mismatch(
        &mut self,
        payment: &PaymentId,
        evidence: &Personal,
    ) -> Result<(), Refusal> {
        self.require_of_staff(BOOKKEEPERS, "STAFF-1", "report a mismatch")?;
        reason_given(evidence, "PAY-2")?;
        let about = About::Mismatch { payment: payment.clone(), evidence: evidence.clone() };
        if !self.has_task(|known| *known == about) {
            self.open_task(about);
        }
        Ok(())
    }

    /// What moves so that invoices and credit hold what is ours of the payment.
    fn settle(&self, payment: &Payment, news: &News) -> Settlement {
        let held = self.account.held(&payment.id);
        let kept = payment.kept();
        let Some(more) = kept.checked_sub(held) else {
            return self.take_back(payment, held - kept);
        };
        let Some(facts) = &payment.facts else { return Settlement::default() };
        let money = Money::new(more, facts.amount.currency());
        let old: Vec<_> = match news {
            News::Chargeback { .. } => payment.before_chargeback.clone(),
            News::Told { .. } | News::Refunded { .. } | News::Returned => Vec::new(),
        };
        self.put(money, &old, &facts.invoices)
    }

    /// First where it had been, as far as that is open (PAY-5), then as PAY-4 says.
    fn put(&self, money: Money, old: &[(InvoiceId, Money)], named: &[InvoiceId]) -> Settlement {
        if money.is_zero() {
            return Settlement::default();
        }
        let currency = money.currency();
        let mut left = money.minor();
        let mut shares: BTreeMap<InvoiceId, u64> = BTreeMap::new();
        let mut order = Vec::new();
        for (invoice, amount) in old {
            let balance =
                self.account.invoices.get(invoice).map_or(0, |invoice| invoice.balance().minor());
            let share = amount.minor().min(balance).min(left);
            if 0 < share {
                left -= share;
                shares.insert(invoice.clone(), share);
                order.push(invoice.clone());
            }
        }
        let rest = Money::new(left, currency);
        for (invoice, share) in self.account.spread(named, rest, &shares, self.day()) {
            if !shares.contains_key(&invoice) {
                order.push(invoice.clone());
            }
            *shares.entry(invoice).or_insert(0) += share.minor();
        }
        let is_long = MAX_SPREAD < order.len();
        order.truncate(MAX_SPREAD);
        let allocated: Vec<_> = order
            .into_iter()
            .map(|id| {
                let share = shares.get(&id).copied().unwrap_or(0);
                (id, Money::new(share, currency))
            })
            .collect();
        let used: u64 = allocated.iter().map(|(_, share)| share.minor()).sum();
        let credit = Money::new(money.minor() - used, currency);
        Settlement {
            allocated,
            credit_added: (!credit.is_zero()).then_some(credit),
            spreading: is_long.then(|| named.to_vec()),
            ..Settlement::default()
        }
    }

    /// Credit of that payment first, then from the youngest due date (PAY-5).
    fn take_back(&self, payment: &Payment, minor: u64) -> Settlement {
        let Some(facts) = &payment.facts else { return Settlement::default() };
        let currency = facts.amount.currency();
        let source = Source::Payment(payment.id.clone());
        let credit = self.account.credits.get(&source).map_or(0, |credit| credit.amount.minor());
        let from_credit = credit.min(minor);
        let mut left = minor - from_credit;
        let mut shares = payment.allocations.clone();
        shares.sort_by_key(|(id, _)| {
            let invoice = self.account.invoices.get(id);
            std::cmp::Reverse(
                invoice.map(|invoice| (invoice.due_on, invoice.issued_on, id.clone())),
            )
        });
        let mut taken = Vec::new();
        for (invoice, amount) in shares.into_iter().take(MAX_SPREAD) {
            let share = amount.minor().min(left);
            if 0 < share {
                left -= share;
                taken.push((invoice, Money::new(share, currency)));
            }
        }
        let credit_taken = (0 < from_credit).then(|| Money::new(from_credit, currency));
        Settlement { credit_taken, taken, ..Settlement::default() }
    }

    /// After a return, collection rests on what the debit was for (CHG-3).
    fn resting(&self, before: &Payment, after: &Payment) -> BTreeSet<InvoiceId> {
        let mut invoices: BTreeSet<_> =
            before.allocations.iter().map(|(id, _)| id.clone()).collect();
        if let (true, Some(facts)) = (invoices.is_empty(), &after.facts) {
            let shares =
                self.account.spread(&facts.invoices, facts.amount, &BTreeMap::new(), self.day());
            invoices.extend(shares.into_iter().map(|(id, _)| id));
        }
        invoices
    }

    pub(super) fn issue_credit_note(
        &mut self,
        id: &CreditNoteId,
        amount: Money,
        invoice: Option<&InvoiceId>,
    ) -> Result<(), Refusal> {
        self.require_of_staff(BOOKKEEPERS, "STAFF-1", "issue a credit note")?;
        if amount.is_zero() || MAX_MINOR < amount.minor() {
            return Err(Refusal::invalid("INV-5", format!("{amount} can't be credited")));
        }
        if self.account.credit_notes.contains(id) {
            return Err(Refusal::conflict(
                "INV-7",
                format!("the credit note number {id} is taken"),
            ));
        }
        if let Some(invoice) = invoice {
            self.numbered(invoice)?;
            let known = self.account.invoices.get(invoice);
            let known = known.ok_or_else(|| {
                Refusal::not_found("INV-5", format!("there is no invoice {invoice}"))
            })?;
            if known.total.currency() != amount.currency() {
                let text =
                    format!("{amount} can't be credited to invoice {invoice} over {}", known.total);
                return Err(Refusal::invalid("INV-5", text));
            }
        }
        let named: Vec<_> = invoice.cloned().into_iter().collect();
        let settlement = self.put(amount, &[], &named);
        let (id, on) = (id.clone(), self.day());
        self.emit(Event::CreditNoteIssued { id, amount, on, settlement });
        self.end_settled();
        Ok(())
    }

    /// The next invoices of a payment over many; or the next to be taken back.
    pub(super) fn allocate_credit(&mut self) -> Result<(), Refusal> {
        let on = self.day();
        let short = self
            .account
            .payments
            .values()
            .find(|payment| payment.kept() < self.account.held(&payment.id));
        if let Some(payment) = short {
            let excess = self.account.held(&payment.id) - payment.kept();
            let settlement = self.take_back(payment, excess);
            let source = Source::Payment(payment.id.clone());
            self.emit(Event::CreditMoved { source, on, settlement });
            return Ok(());
        }
        let spreading = self.account.credits.iter().find(|(_, credit)| credit.spreading.is_some());
        if let Some((source, credit)) = spreading {
            let named = credit.spreading.as_ref().map_or(&[][..], |spreading| &spreading.invoices);
            let (source, amount) = (source.clone(), credit.amount);
            let mut settlement = self.put(amount, &[], named);
            settlement.credit_taken = moved(&settlement, amount);
            settlement.credit_added = None;
            self.emit(Event::CreditMoved { source, on, settlement });
            self.end_settled();
        }
        Ok(())
    }

    /// Client credit pays invoices that are posted after it came, oldest credit first (PAY-4).
    pub(super) fn apply_credit_to(&mut self, id: &InvoiceId) {
        if !self.policy().apply_credit_on_issue || self.account.is_spreading() {
            return;
        }
        let Some(invoice) = self.account.invoices.get(id) else { return };
        let (currency, posting) = (invoice.total.currency(), invoice.posting);
        let came_before = |came_on| match posting {
            Posting::Scheduled(on) => came_on <= on,
            Posting::Draft | Posting::Posted => true,
        };
        let mut credits: Vec<_> = self
            .account
            .credits
            .iter()
            .filter(|(_, credit)| {
                credit.amount.currency() == currency && came_before(credit.came_on)
            })
            .map(|(source, credit)| (credit.number, source.clone(), credit.amount))
            .collect();
        credits.sort_by_key(|(number, source, _)| (*number, source.clone()));
        for (_, source, amount) in credits {
            let settlement = self.put(amount, &[], std::slice::from_ref(id));
            if settlement.allocated.is_empty() {
                return;
            }
            let credit_taken = moved(&settlement, amount);
            let settlement = Settlement { credit_taken, credit_added: None, ..settlement };
            let on = self.day();
            self.emit(Event::CreditMoved { source, on, settlement });
        }
    }

    /// Ends disputes on invoices that are paid, by whatever.
    pub(super) fn end_settled(&mut self) {
        let is_settled = |id: &&InvoiceId| {
            self.account
                .invoices
                .get(*id)
                .is_some_and(|i| i.dispute.is_some() && i.balance().is_zero())
        };
        let settled: Vec<_> = self.account.invoices.keys().filter(is_settled).cloned().collect();
        for invoice in settled {
            self.end_arrangements(&invoice, Outcome::Kept);
        }
    }

    /// One receipt per payment on the day it succeeds; a failed card or bank payment and a returned
    /// debit are told (LET-1). What an import brings was told long ago.
    fn tell_payer(&mut self, payment: &Payment, failure_is_news: bool) {
        let Some(facts) = &payment.facts else { return };
        if *self.context.actor == crate::role::Actor::Import {
            return;
        }
        let id = payment.id.clone();
        let succeeded = facts.seen == Seen::Succeeded && !payment.has_receipt;
        match payment.state() {
            PaymentState::Succeeded | PaymentState::PartiallyRefunded if succeeded => {
                self.queue_letter(Content::Receipt { payment: id });
            }
            PaymentState::Failed | PaymentState::Returned
                if failure_is_news
                    && facts.method.tells_failure()
                    && !(payment.state() == PaymentState::Failed
                        && self.is_told_by_charge(&id, &facts.invoices)) =>
            {
                self.queue_letter(Content::PaymentFailed { payment: id });
            }
            _ => {}
        }
    }
}

/// What of the credit went to invoices.
fn moved(settlement: &Settlement, credit: Money) -> Option<Money> {
    let left = settlement.credit_added.map_or(0, Money::minor);
    let moved = credit.minor().saturating_sub(left);
    (0 < moved).then(|| Money::new(moved, credit.currency()))
}

/// A refund of nothing, of another currency or of more than is left is no refund of this payment; one that is known
/// with another amount is not that refund, which the sentence says.
fn check_refund(payment: &Payment, news: &News) -> Result<Option<String>, Refusal> {
    let News::Refunded { id, amount } = news else { return Ok(None) };
    if let Some(known) = payment.refunds.get(id) {
        // Without an amount, all of it: what is left, and what this very refund gave back.
        let all = payment.facts.as_ref().and_then(|facts| {
            let left = Money::new(payment.refundable(), facts.amount.currency());
            left.checked_add(*known).ok()
        });
        let told = amount.or(all).filter(|told| told != known);
        return Ok(told.map(|told| {
            let (told, known) = (told.for_person(), known.for_person());
            format!(
                "{told} was told as refund {id} of payment {}, which is known here as {known}",
                payment.id
            )
        }));
    }
    let refuse = |text: String| Err(Refusal::conflict("PAY-5", text));
    let Some(facts) = &payment.facts else {
        return match amount {
            Some(_) => Ok(None), // kept until the payment itself comes (PAY-3)
            None => refuse(format!(
                "payment {} is not known, so all of it can't be refunded",
                payment.id
            )),
        };
    };
    let left = Money::new(payment.refundable(), facts.amount.currency());
    let amount = amount.unwrap_or(left);
    if amount.currency() != left.currency() || left.minor() < amount.minor() || amount.is_zero() {
        return refuse(format!(
            "{amount} can't be refunded: {left} is left of payment {}",
            payment.id
        ));
    }
    Ok(None)
}
