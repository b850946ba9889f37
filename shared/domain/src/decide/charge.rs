//! Saved methods come and go, and are charged (CHG-1, CHG-2).
//!
//! What is decided here is that a charge is to be made, and what is known of it later; the gateway is asked by
//! whoever claims it. What a charge brings comes as every payment does (PAY-1): nothing here marks anything paid.

use super::{BOOKKEEPERS, Decision};
use crate::charge::{
    Charge, ChargeId, ChargeOutcome, Charging, Decline, DeclineKind, MAX_CHARGES, MAX_CODE_CHARS,
    MAX_METHODS, NewMethod, SavedMethod,
};
use crate::event::Event;
use crate::id::{InvoiceId, MethodId, PaymentId};
use crate::invoice::Invoice;
use crate::letter::Content;
use crate::payment::{Failure, Method, Payment};
use crate::refusal::Refusal;
use crate::role::Actor;

/// The longest text of a method that a gateway gives: its ids, and what the payer knows it by.
const MAX_METHOD_TEXT: usize = 200;

impl<'a> Decision<'a> {
    /// A method that the client chose, or staff on its behalf, or a gateway tells of after its own page.
    pub(super) fn save_method(&mut self, new: &NewMethod) -> Result<(), Refusal> {
        self.require_or_client(BOOKKEEPERS, "CHG-1", "save a method of payment")?;
        if self.account.closed.is_some() {
            return Err(Refusal::conflict("CLOSE-1", "the engagement has ended"));
        }
        check(new)?;
        let known = self.account.methods.get(&new.id);
        let saved_on = known.map_or(self.day(), |known| known.saved_on);
        let method = SavedMethod {
            id: new.id.clone(),
            endpoint: new.endpoint.clone(),
            customer: new.customer.clone(),
            kind: new.kind,
            label: new.label.clone(),
            expires: new.expires,
            saved_on,
            stopped_on: known.and_then(|known| known.stopped_on),
        };
        if known != Some(&method) {
            if known.is_none() && MAX_METHODS <= self.account.methods.len() {
                let text = format!("a client has at most {MAX_METHODS} saved methods");
                return Err(Refusal::conflict("CHG-1", text));
            }
            self.emit(Event::MethodSaved(method));
        }
        let is_first = self.account.default_method.is_none();
        match is_first || new.is_default {
            true => self.make_default(&new.id),
            false => Ok(()),
        }
    }

    pub(super) fn remove_method(&mut self, id: &MethodId) -> Result<(), Refusal> {
        self.require_choice("remove a method of payment")?;
        if self.account.methods.contains_key(id) {
            self.emit(Event::MethodRemoved { method: id.clone() });
        }
        Ok(())
    }

    pub(super) fn set_default_method(&mut self, id: &MethodId) -> Result<(), Refusal> {
        self.require_choice("choose a method of payment")?;
        if !self.account.methods.contains_key(id) {
            return Err(Refusal::not_found("CHG-1", "there is no such saved method"));
        }
        self.make_default(id)
    }

    /// A link may have been handed on: whoever holds it pays, and decides nothing for the client (LET-7).
    fn require_choice(&self, what: &str) -> Result<(), Refusal> {
        match self.context.actor {
            Actor::Link => Err(Refusal::forbidden("CHG-1", format!("a link may not {what}"))),
            _ => self.require_or_client(BOOKKEEPERS, "CHG-1", what),
        }
    }

    fn make_default(&mut self, id: &MethodId) -> Result<(), Refusal> {
        if self.account.default_method.as_ref() == Some(id) {
            return Ok(());
        }
        if self.account.methods.get(id).is_some_and(|method| !method.is_usable()) {
            let text = "this method can't be charged any more: the bank said so";
            return Err(Refusal::conflict("CHG-1", text));
        }
        self.emit(Event::DefaultMethodSet { method: id.clone() });
        Ok(())
    }

    pub(super) fn charging(&self) -> Charging<'_> {
        Charging { account: &self.account, version: self.context.policy }
    }

    /// Invoices whose late fees wait for the charge to fail (CHG-2).
    pub(super) fn holds_fees(&self, invoice: &Invoice) -> bool {
        self.charging().holds_fees(invoice)
    }

    /// What nobody was asked for yet, and is no longer to be charged so, never was.
    pub(super) fn drop_charges(&mut self) {
        let charges = self.account.charges.values();
        let moot = charges.filter(|charge| !charge.is_asked && !self.stands(charge));
        let moot: Vec<ChargeId> = moot.map(|charge| charge.id.clone()).collect();
        for charge in moot {
            self.end(charge, ChargeOutcome::Withdrawn);
        }
    }

    /// Whether that attempt may be made today, as it was decided.
    fn stands(&self, charge: &Charge) -> bool {
        let view = self.account.collection(self.policy(), self.day());
        let invoice = self.account.invoices.get(&charge.id.invoice);
        self.account.closed.is_none()
            && invoice.is_some_and(|invoice| {
                view.collects(invoice) && self.charging().stands(charge, invoice)
            })
    }

    /// Decides the attempts of this day (CHG-1).
    pub(super) fn request_charges(&mut self) {
        if self.must_wait() || self.is_stopped() {
            return;
        }
        let view = self.account.collection(self.policy(), self.day());
        let charging = self.charging();
        let Some(method) = self.account.chargeable_method().map(|method| method.id.clone()) else {
            return;
        };
        let due = self
            .account
            .open_invoices()
            .filter(|invoice| charging.is_due(invoice, self.day()) && view.collects(invoice));
        let room = MAX_CHARGES.saturating_sub(self.account.charges.len());
        let charges: Vec<_> = due
            .take(room)
            .map(|invoice| Charge {
                id: ChargeId { invoice: invoice.id.clone(), attempt: next_attempt(invoice) },
                method: method.clone(),
                amount: invoice.collectable(),
                on: self.day(),
                is_asked: false,
            })
            .collect();
        for charge in charges {
            self.emit(Event::ChargeRequested(charge));
        }
    }

    /// Somebody is about to ask the gateway: as long as it is owed, and nothing speaks against it (EVAL-4).
    pub(super) fn claim_charge(&mut self, id: &ChargeId) -> Result<(), Refusal> {
        let Some(charge) = self.open_charge(id)?.cloned() else { return Ok(()) };
        match (self.stands(&charge), charge.is_asked) {
            (false, false) => self.end(id.clone(), ChargeOutcome::Withdrawn),
            // Whatever became of it: more than is owed is never asked for.
            (false, true) => {
                let payment = self.payment_of(&charge);
                let taken = payment.map(|payment| ChargeOutcome::Taken { payment });
                self.end(id.clone(), taken.unwrap_or(ChargeOutcome::Unclear));
            }
            (true, is_asked) => {
                self.may_ask(id)?;
                if !is_asked {
                    self.emit(Event::ChargeAsked { charge: id.clone() });
                }
            }
        }
        Ok(())
    }

    /// The payment that an attempt was, where that was told and the answer of the gateway was lost: the same amount,
    /// by the same gateway, for this invoice alone, since then, and no other attempt's.
    fn payment_of(&self, charge: &Charge) -> Option<PaymentId> {
        let invoice = self.account.invoices.get(&charge.id.invoice)?;
        let is_it = |payment: &&Payment| {
            payment.facts.as_ref().is_some_and(|facts| {
                facts.amount == charge.amount
                    && facts.invoices == [invoice.id.clone()]
                    && charge.on <= facts.first_on
            }) && charge.method.gateway() == payment.id.gateway()
                && invoice.was_charged_by(&payment.id).is_none()
        };
        self.account.payments.values().find(is_it).map(|payment| payment.id.clone())
    }

    /// Nothing harsher than a reminder while the ledger is old or an answer lies unread, and nothing at all while
    /// the firm stopped everything (FRESH-1, LET-8, LOCK-10).
    fn may_ask(&self, id: &ChargeId) -> Result<(), Refusal> {
        let waits =
            |rule, why: String| Err(Refusal::conflict(rule, format!("charge {id} waits: {why}")));
        if self.is_stopped() {
            return waits("LOCK-10", "the firm stopped locks, letters and charges".to_owned());
        }
        if let Some(ledger) = self.stale_ledger() {
            return waits("FRESH-1", format!("the ledger {}", ledger.age()));
        }
        if self.account.waits_for_reader(self.day()) {
            let why = "what the client wrote was not read before today";
            return waits("LET-8", why.to_owned());
        }
        Ok(())
    }

    /// The attempt, if it is under way; none, if it has ended.
    fn open_charge(&self, id: &ChargeId) -> Result<Option<&Charge>, Refusal> {
        if let Some(charge) = self.account.charges.get(&id.invoice).filter(|known| known.id == *id)
        {
            return Ok(Some(charge));
        }
        let invoice = self.account.invoices.get(&id.invoice);
        match invoice {
            Some(_) => Ok(None),
            None => Err(Refusal::not_found("CHG-1", format!("there is no charge {id}"))),
        }
    }

    /// What the gateway answered. What it took is told before, as every payment is.
    pub(super) fn end_charge(
        &mut self,
        id: &ChargeId,
        outcome: &ChargeOutcome,
    ) -> Result<(), Refusal> {
        if !matches!(self.context.actor, Actor::Schedule | Actor::Gateway) {
            let text = "only the gateway tells how a charge ended";
            return Err(Refusal::forbidden("CHG-1", text));
        }
        let Some(charge) = self.open_charge(id)?.cloned() else { return Ok(()) };
        let outcome = match self.seen(outcome) {
            ChargeOutcome::Withdrawn if charge.is_asked => ChargeOutcome::Unclear,
            outcome => outcome,
        };
        self.end(id.clone(), outcome.clone());
        let ChargeOutcome::Declined(decline) = outcome else { return Ok(()) };
        if decline.kind == DeclineKind::Hard {
            self.stop_method(&charge.method);
        }
        let owed = self.account.invoices.get(&id.invoice).is_some_and(Invoice::is_open);
        if owed {
            let (invoice, attempt) = (id.invoice.clone(), id.attempt);
            self.queue_letter(Content::ChargeFailed { invoice, attempt });
        }
        Ok(())
    }

    /// What was taken at first and is known by now to have come to nothing was declined.
    fn seen(&self, outcome: &ChargeOutcome) -> ChargeOutcome {
        let ChargeOutcome::Taken { payment } = outcome else { return shortened(outcome) };
        let known = self.account.payments.get(payment).and_then(|payment| payment.failure());
        match known {
            Some(Failure::Failed) => ChargeOutcome::Declined(Decline {
                code: "failed".to_owned(),
                kind: DeclineKind::Soft,
                payment: Some(payment.clone()),
            }),
            Some(Failure::Returned) | None => outcome.clone(),
        }
    }

    fn end(&mut self, charge: ChargeId, outcome: ChargeOutcome) {
        let on = self.day();
        self.emit(Event::ChargeEnded { charge, on, outcome });
    }

    fn stop_method(&mut self, method: &MethodId) {
        let on = self.day();
        if self.account.methods.get(method).is_some_and(SavedMethod::is_usable) {
            self.emit(Event::MethodStopped { method: method.clone(), on });
        }
    }

    /// A debit that came back voids the mandate: that account is not charged again (CHG-3).
    pub(super) fn void_mandate(&mut self, payment: &PaymentId) {
        let mut invoices = self.account.invoices.values();
        let attempt = invoices.find_map(|invoice| invoice.was_charged_by(payment));
        if let Some(method) = attempt.map(|attempt| attempt.method.clone()) {
            self.stop_method(&method);
        }
    }

    /// Whether a failed payment is that of an attempt, which tells the client itself.
    pub(super) fn is_told_by_charge(&self, payment: &PaymentId, named: &[InvoiceId]) -> bool {
        let is_open =
            |id: &InvoiceId| self.account.charges.get(id).is_some_and(|charge| charge.is_asked);
        let mut known = named.iter().filter_map(|id| self.account.invoices.get(id));
        named.iter().any(is_open) || known.any(|invoice| invoice.was_charged_by(payment).is_some())
    }
}

fn next_attempt(invoice: &Invoice) -> u32 {
    u32::try_from(invoice.charges.len()).unwrap_or(u32::MAX).saturating_add(1)
}

fn shortened(outcome: &ChargeOutcome) -> ChargeOutcome {
    match outcome {
        ChargeOutcome::Declined(decline) => {
            let code = decline.code.chars().filter(|c| !c.is_control()).take(MAX_CODE_CHARS);
            ChargeOutcome::Declined(Decline { code: code.collect(), ..decline.clone() })
        }
        other => other.clone(),
    }
}

fn check(new: &NewMethod) -> Result<(), Refusal> {
    let refuse = |text: &str| Err(Refusal::invalid("CHG-1", text));
    if !matches!(new.kind, Method::Card | Method::Ach) {
        return refuse("only a card or a bank account can be saved");
    }
    let texts = [new.endpoint.as_str(), &new.customer, new.label.as_str()];
    if texts.iter().any(|text| text.trim().is_empty() || MAX_METHOD_TEXT < text.len()) {
        return refuse("a method has a connection, a customer and a label of 1 to 200 bytes each");
    }
    // What a payer knows a card by has four digits of it, and no more may be kept.
    let digits = new.label.as_str().split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    if digits.is_some_and(|digits| 4 < digits) {
        return refuse("a label has at most four digits of a number");
    }
    if new.expires.is_some_and(|(_, month)| !(1..=12).contains(&month)) {
        return refuse("a card expires in a month from 1 to 12");
    }
    Ok(())
}
