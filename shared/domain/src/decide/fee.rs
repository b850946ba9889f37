//! Late fees: charged by the section or by a step, by hand, taken back, waived (LF-1, LF-2).
//!
//! Fees are charged before the lock is looked at: what they add counts towards its balance trigger on
//! that very day (LOCK-9), and evaluating again finds nothing new (EVAL-2).

use std::collections::BTreeSet;

use super::{Decision, PARTNERS, reason_given};
use crate::account::{Account, MAX_OPEN_INVOICES};
use crate::calendar::{Day, days_between, plus};
use crate::charge::Charging;
use crate::command::DisputeOutcome;
use crate::event::{Event, Settlement};
use crate::fee::{Caps, Fee, FeeCause, FeeEnd, Jurisdiction, MAX_FEES, amount, fee_invoice};
use crate::id::InvoiceId;
use crate::invoice::{Invoice, Posting, Source};
use crate::lock::{Lock, Scope};
use crate::money::Money;
use crate::plan::Outcome;
use crate::policy::{Action, FeeForm, LateFee, PolicyVersion, Step, StepKey, When};
use crate::refusal::Refusal;
use crate::text::Personal;

/// How many fees of one evaluation are invoices of their own: each is a new number in the firm, and
/// a transaction of the table has room for 100 items. The next evaluation goes on.
const MAX_FEE_INVOICES: usize = 30;

/// A fee whose day has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct DueFee {
    cause: FeeCause,
    for_day: Day,
    days_overdue: u32,
}

impl<'a> Decision<'a> {
    /// Charges what is due, each missed one too, on what is overdue and collected (LF-1).
    pub(super) fn charge_fees(&mut self) {
        let version = self.context.policy;
        if !self.may_charge() {
            return;
        }
        for invoice in self.collected() {
            let may_happen = self.may_happen(&invoice, Action::LateFee);
            if invoice.fee_of.is_some() || !may_happen || self.holds_fees(&invoice) {
                continue;
            }
            for due in self.fees(version).due(&invoice) {
                self.charge(version, &invoice.id, due);
            }
        }
    }

    /// Whether fees may be charged by rule at all: the engagement allows them, and the firm's ledger
    /// and its people don't stop them, and nothing that the client wrote lies unread (LF-1, FRESH-1, LOCK-10, LET-8).
    pub(super) fn may_charge(&self) -> bool {
        self.account.profile.terms_allow_late_fee && !self.must_wait() && !self.is_stopped()
    }

    /// Charges it, unless it comes to nothing.
    fn charge(&mut self, version: &PolicyVersion, id: &InvoiceId, due: DueFee) {
        let amount = self.fee(version, id, due.days_overdue).filter(|amount| !amount.is_zero());
        if let Some(amount) = amount {
            let form = version.policy.late_fee.as_ref().map_or(FeeForm::Line, |rule| rule.form);
            self.charge_amount(id, (due.cause, due.for_day), amount, form);
        }
    }

    /// What a fee of that day comes to now.
    fn fee(&self, version: &PolicyVersion, id: &InvoiceId, days_overdue: u32) -> Option<Money> {
        let rule = version.policy.late_fee.as_ref()?;
        let invoice = self.account.invoices.get(id)?;
        let is_full = rule.form == FeeForm::Invoice && self.is_full_of_fee_invoices();
        let amount = self.fees(version).amount(rule, invoice, days_overdue);
        (!is_full).then_some(amount)
    }

    /// The fees of that version on this day.
    fn fees<'s>(&'s self, version: &'s PolicyVersion) -> Fees<'s> {
        let newest = self.context.policy;
        Fees { account: &self.account, version, newest, day: self.day(), law: self.context.law }
    }

    fn is_full_of_fee_invoices(&self) -> bool {
        let issued = self.events.iter();
        let issued = issued
            .filter(|event| matches!(event, Event::InvoiceIssued(new) if new.fee_of.is_some()));
        MAX_FEE_INVOICES <= issued.count()
            || MAX_OPEN_INVOICES <= self.account.open_invoices().count()
    }

    fn charge_amount(
        &mut self,
        id: &InvoiceId,
        (cause, for_day): (FeeCause, Day),
        amount: Money,
        form: FeeForm,
    ) {
        let Some(invoice) = self.account.invoices.get(id) else { return };
        let number = u32::try_from(invoice.fees.len() + 1).unwrap_or(u32::MAX);
        let beside = match form {
            FeeForm::Line => None,
            FeeForm::Invoice => self.fee_invoice(invoice, amount),
        };
        let fee = Fee {
            number,
            cause,
            amount,
            for_day,
            charged_on: self.day(),
            invoice: beside.as_ref().map(|invoice| invoice.id.clone()),
            end: None,
            is_beside_plan: false,
        };
        self.emit(Event::FeeCharged { invoice: id.clone(), fee });
        if let Some(beside) = beside {
            let number = beside.id.clone();
            self.emit(Event::InvoiceIssued(Box::new(beside)));
            self.apply_credit_to(&number);
        }
    }

    /// The next fee of an invoice as an invoice, due at once; where its number can't be, the fee is a line.
    fn fee_invoice(&self, invoice: &Invoice, amount: Money) -> Option<Invoice> {
        let before = invoice.fees.iter().filter(|fee| fee.invoice.is_some()).count();
        let id = fee_invoice(&invoice.id, before + 1).ok()?;
        let is_free = !self.account.invoices.contains_key(&id);
        let today = self.day();
        is_free.then(|| Invoice {
            kind: invoice.kind,
            service_line: invoice.service_line.clone(),
            fee_of: Some(invoice.id.clone()),
            // It is owed with its invoice, and paid together with it.
            deposit: invoice.deposit,
            recorded_on: today,
            never_locks: invoice.never_locks,
            ..Invoice::new(id, amount, (today, today), Posting::Posted)
        })
    }

    /// The `late_fee` steps after due: each one whose day has come, missed ones too (LF-1). What needs a partner
    /// waits for one.
    pub(super) fn fire_fee_steps(&mut self) {
        let version = self.context.policy;
        if version.policy.late_fee.is_none() || !self.may_charge() {
            return;
        }
        for invoice in self.collected() {
            self.skip_steps_that_came_too_late(&invoice);
            let may_happen = self.may_happen(&invoice, Action::LateFee);
            if invoice.fee_of.is_some() || !may_happen || self.holds_fees(&invoice) {
                continue;
            }
            let due = self.fees(version).due_steps(&invoice).into_iter();
            let due: Vec<_> = due.map(|(step, due)| (step.clone(), due)).collect();
            for (step, due) in due {
                let invoices = BTreeSet::from([invoice.id.clone()]);
                self.fire_fee_step(version, (&step, &Scope::Client), due, invoices);
            }
        }
    }

    fn fire_fee_step(
        &mut self,
        version: &'a PolicyVersion,
        (step, scope): (&Step, &Scope),
        due: DueFee,
        invoices: BTreeSet<InvoiceId>,
    ) {
        let FeeCause::Step(key) = due.cause else { return };
        let on = self.day();
        let is_something = |id: &InvoiceId| {
            let days = self.days_overdue_on(id, due.for_day);
            self.fee(version, id, days).is_some_and(|amount| !amount.is_zero())
        };
        let invoices: BTreeSet<_> = invoices.into_iter().filter(|id| is_something(id)).collect();
        if invoices.is_empty() {
            return;
        }
        let responded = step.unless_response_days;
        if responded.is_some_and(|days| self.account.responded_within(days, due.for_day)) {
            let why = crate::event::SkipReason::Responded;
            let of: Vec<_> = match key.when {
                When::DaysOverdue(_) => invoices.into_iter().map(Some).collect(),
                When::AfterLock(_) => vec![None],
            };
            for invoice in of {
                let scope = scope.clone();
                self.emit(Event::StepSkipped { step: key, on, invoice, why, scope });
            }
            return;
        }
        if step.needs_approval {
            let (of, scope) = (invoices.clone(), scope.clone());
            self.emit(Event::StepReached { step: key, on, invoices: of, scope });
            return self.open_step_task(key, invoices, true);
        }
        self.charge_for_step(version, (key, due.for_day), &invoices);
        let scope = scope.clone();
        self.emit(Event::StepDone { step: key, on, invoices, letter: None, scope });
    }

    fn charge_for_step(
        &mut self,
        version: &PolicyVersion,
        (key, for_day): (StepKey, Day),
        invoices: &BTreeSet<InvoiceId>,
    ) {
        for id in invoices {
            let days_overdue = self.days_overdue_on(id, for_day);
            self.charge(version, id, DueFee { cause: FeeCause::Step(key), for_day, days_overdue });
        }
    }

    fn days_overdue_on(&self, id: &InvoiceId, day: Day) -> u32 {
        self.account.invoices.get(id).map_or(0, |invoice| days_late(invoice, day))
    }

    /// The `late_fee` steps after the lock, once per episode over all that is overdue and collected.
    pub(super) fn fire_fee_steps_after_lock(&mut self) -> Result<(), Refusal> {
        for lock in self.locks_by_rule() {
            if self.may_charge() {
                self.fire_fee_steps_after(&lock)?;
            }
        }
        Ok(())
    }

    fn fire_fee_steps_after(&mut self, lock: &Lock) -> Result<(), Refusal> {
        let version = self.policy_of(lock)?;
        let (locked_on, done) = (lock.on, &lock.steps);
        self.skip_after_lock_steps_that_came_too_late(lock, version);
        let steps: Vec<_> = version
            .policy
            .steps()
            .filter(|(key, _)| key.action == Action::LateFee && !done.contains(key))
            .filter_map(|(key, step)| match key.when {
                When::AfterLock(days) => Some((key, step, plus(locked_on, days))),
                When::DaysOverdue(_) => None,
            })
            .filter(|(_, _, for_day)| *for_day <= self.day())
            .collect();
        for (key, step, for_day) in steps {
            if self.account.episode_step_is_done(&lock.scope, key) {
                continue;
            }
            let ready = self.collected().into_iter().filter(|invoice| {
                invoice.kind == key.kind
                    && invoice.fee_of.is_none()
                    && lock.scope.covers(invoice)
                    && !self.fees(version).came_too_late(invoice, for_day)
                    && self.may_happen(invoice, Action::LateFee)
                    && !self.holds_fees(invoice)
            });
            let invoices: BTreeSet<_> = ready.map(|invoice| invoice.id).collect();
            let due = DueFee { cause: FeeCause::Step(key), for_day, days_overdue: 0 };
            self.fire_fee_step(version, (step, &lock.scope), due, invoices);
        }
        Ok(())
    }

    /// A partner approved the step: it charges, with its own day (POL-3).
    pub(super) fn charge_approved(
        &mut self,
        key: StepKey,
        collected: &BTreeSet<InvoiceId>,
    ) -> Result<(), Refusal> {
        let charged = self.events.len();
        for id in collected {
            let Some(invoice) = self.account.invoices.get(id) else { continue };
            let (version, for_day) = match key.when {
                When::DaysOverdue(days) => (self.context.policy, plus(invoice.due_on, days)),
                When::AfterLock(days) => {
                    let mut locks = self.account.locks_over(invoice);
                    match locks.find(|lock| lock.steps.contains(&key)) {
                        Some(lock) => (self.policy_of(lock)?, plus(lock.on, days)),
                        None => (self.context.policy, plus(self.day(), days)),
                    }
                }
            };
            if self.may_charge() {
                self.charge_for_step(version, (key, for_day), &BTreeSet::from([id.clone()]));
            }
        }
        if self.events.len() == charged {
            let text = "no fee can be charged: the client's terms or a cap don't allow it";
            return Err(Refusal::conflict("LF-1", text));
        }
        Ok(())
    }

    /// Whether a fee is to be charged on the invoice: one of the things of one a day (DIS-1).
    pub(super) fn has_due_fee(&self, invoice: &Invoice) -> bool {
        let version = self.context.policy;
        self.may_charge() && self.fees(version).are_due(invoice)
    }

    /// A fee of the day on which the invoice is paid after all is taken back, if the policy says so (LF-2).
    pub(super) fn take_back_fees(&mut self) {
        let keeps = self.policy().late_fee.as_ref().is_none_or(|rule| rule.even_if_paid_late);
        if keeps || self.account.is_spreading() {
            return;
        }
        let today = self.day();
        let is_todays = |fee: &Fee| fee.stands() && fee.is_by_rule() && fee.charged_on == today;
        let is_paid = |invoice: &Invoice| {
            let todays = invoice.fees.iter().filter(|fee| is_todays(fee) && fee.invoice.is_none());
            let todays: u64 = todays.map(|fee| fee.amount.minor()).sum();
            let before = invoice.total_with_fees().minor().saturating_sub(todays);
            invoice.ending.is_none() && before <= invoice.paid().minor()
        };
        let mut taken = Vec::new();
        for invoice in self.account.invoices.values().filter(|invoice| is_paid(invoice)) {
            let fees = invoice.fees.iter().filter(|fee| is_todays(fee));
            taken.extend(fees.map(|fee| (invoice.id.clone(), fee.number)));
        }
        for (invoice, fee) in taken {
            let Some(released) = self.released(&invoice, fee) else { continue };
            let on = self.day();
            self.emit(Event::FeeTakenBack { invoice: invoice.clone(), fee, on, released });
            self.end_fee(&invoice, fee);
        }
    }

    /// What money is on the fee, per source, to become credit once it isn't owed; `None` where that can't be told,
    /// for its payments aren't at hand.
    fn released(&self, id: &InvoiceId, number: u32) -> Option<Vec<(Source, Settlement)>> {
        let invoice = self.account.invoices.get(id)?;
        let fee = invoice.fees.iter().find(|fee| fee.number == number)?;
        let (held_by, excess) = match &fee.invoice {
            None => {
                let owed = invoice.total_with_fees().minor().saturating_sub(fee.amount.minor());
                (invoice, invoice.paid().minor().saturating_sub(owed))
            }
            Some(beside) => {
                let beside = self.account.invoices.get(beside)?;
                (beside, beside.paid().minor())
            }
        };
        let mut left = excess;
        let mut released = Vec::new();
        for allocation in held_by.allocations.iter().rev() {
            let is_at_hand = match &allocation.source {
                Source::Payment(id) => self.account.payments.contains_key(id),
                Source::CreditNote(_) => true,
            };
            let share = allocation.amount.minor().min(left);
            if is_at_hand && 0 < share {
                left -= share;
                let share = Money::new(share, allocation.amount.currency());
                let settlement = Settlement {
                    taken: vec![(held_by.id.clone(), share)],
                    credit_added: Some(share),
                    ..Settlement::default()
                };
                released.push((allocation.source.clone(), settlement));
            }
        }
        (left == 0).then_some(released)
    }

    /// What is about a fee's invoice, or was about the invoice whose balance it was, ends with it.
    fn end_fee(&mut self, id: &InvoiceId, number: u32) {
        let invoice = self.account.invoices.get(id);
        let fee = invoice.and_then(|invoice| invoice.fees.iter().find(|fee| fee.number == number));
        if let Some(beside) = fee.and_then(|fee| fee.invoice.clone()) {
            self.end_arrangements(&beside, Outcome::Moot);
        }
        let is_settled = self
            .account
            .invoices
            .get(id)
            .is_some_and(|invoice| invoice.dispute.is_some() && !invoice.is_open());
        if is_settled {
            let outcome = DisputeOutcome::Settled;
            self.emit(Event::DisputeEnded { invoice: id.clone(), outcome });
        }
    }

    /// A partner adds one by hand: it needs no terms, and stands outside times and caps (LF-1).
    pub(super) fn add_fee(&mut self, id: &InvoiceId, amount: Money) -> Result<(), Refusal> {
        self.require(PARTNERS, "LF-1", "add a late fee")?;
        let invoice = self.open_invoice(id, "LF-1")?;
        let refuse = |text: String| Err(Refusal::conflict("LF-1", text));
        if amount.is_zero() || amount.currency() != invoice.total.currency() {
            let currency = invoice.total.currency();
            let text = format!("a fee on invoice {id} is above zero and in {currency}");
            return Err(Refusal::invalid("LF-1", text));
        }
        if !invoice.is_posted(self.day()) {
            return refuse(format!("invoice {id} isn't out at the client yet"));
        }
        if let Some(of) = &invoice.fee_of {
            return refuse(format!("invoice {id} is a late fee itself, of invoice {of}"));
        }
        if self.account.hard_stop.is_some() {
            let text = "collection is stopped for good, so no fee follows";
            return Err(Refusal::conflict("LOCK-6", text));
        }
        if MAX_FEES <= invoice.fees.len() {
            return refuse(format!("invoice {id} already has {MAX_FEES} fees, which is the most"));
        }
        if invoice.room_for_fees() < amount.minor() {
            return Err(Refusal::invalid("LF-1", format!("{amount} is too large")));
        }
        let form = self.policy().late_fee.as_ref().map_or(FeeForm::Line, |rule| rule.form);
        if form == FeeForm::Invoice && self.is_full_of_fee_invoices() {
            return refuse("the client has as many open invoices as it may have".to_owned());
        }
        self.charge_amount(id, (FeeCause::Hand, self.day()), amount, form);
        Ok(())
    }

    /// A partner waives all that wasn't waived (LF-1); what was paid of it becomes client credit.
    pub(super) fn waive_fees(&mut self, id: &InvoiceId, reason: &Personal) -> Result<(), Refusal> {
        self.require(PARTNERS, "LF-1", "waive late fees")?;
        reason_given(reason, "LF-1")?;
        self.numbered(id)?;
        let invoice = self.known_invoice(id)?;
        if let Some(of) = &invoice.fee_of {
            let text = format!("invoice {id} is a late fee; waive the fees of invoice {of}");
            return Err(Refusal::conflict("LF-1", text));
        }
        self.not_ended(invoice)?;
        let standing = invoice.fees.iter().filter(|fee| fee.stands());
        let numbers: Vec<_> = standing.map(|fee| fee.number).collect();
        if numbers.is_empty() {
            let text = format!("invoice {id} has no late fee to waive");
            return Err(Refusal::conflict("LF-1", text));
        }
        self.pass_over_fees(id);
        for fee in numbers {
            let (on, reason) = (self.day(), reason.clone());
            let released = self.released(id, fee).ok_or_else(|| {
                Refusal::not_loaded(format_args!("the payments of fee {fee} of invoice {id}"))
            })?;
            self.emit(Event::FeeWaived { invoice: id.clone(), fee, on, reason, released });
            self.end_fee(id, fee);
        }
        Ok(())
    }

    /// What a cap left out isn't made up for because a waiver gives room again: it is passed over for good.
    fn pass_over_fees(&mut self, id: &InvoiceId) {
        let version = self.context.policy;
        let view = self.account.collection(self.policy(), self.day());
        let Some(invoice) = self.account.invoices.get(id).filter(|known| view.collects(known))
        else {
            return;
        };
        if !self.may_charge() {
            return;
        }
        let due = self.fees(version).due(invoice);
        let of_steps = self.fees(version).due_steps(invoice).into_iter().map(|(_, due)| due);
        let currency = invoice.total.currency();
        let mut number = u32::try_from(invoice.fees.len()).unwrap_or(u32::MAX);
        let due: Vec<_> = due.into_iter().chain(of_steps).collect();
        for due in due {
            number = number.saturating_add(1);
            let fee = Fee {
                number,
                cause: due.cause,
                amount: Money::zero(currency),
                for_day: due.for_day,
                charged_on: self.day(),
                invoice: None,
                end: Some(FeeEnd::PassedOver),
                is_beside_plan: false,
            };
            self.emit(Event::FeePassedOver { invoice: id.clone(), fee });
        }
    }

    /// An invoice that should never have been takes its fees with it: those that are invoices end as it does, and
    /// what was paid on them becomes credit.
    pub(super) fn void_fees(&mut self, id: &InvoiceId, reason: &Personal) -> Result<(), Refusal> {
        let invoice = self.known_invoice(id)?;
        let beside = invoice.fees.iter().filter(|fee| fee.stands() && fee.invoice.is_some());
        let numbers: Vec<_> = beside.map(|fee| fee.number).collect();
        for fee in numbers {
            let (on, reason) = (self.day(), reason.clone());
            let released = self.released(id, fee).ok_or_else(|| {
                Refusal::not_loaded(format_args!("the payments of fee {fee} of invoice {id}"))
            })?;
            self.emit(Event::FeeWaived { invoice: id.clone(), fee, on, reason, released });
            self.end_fee(id, fee);
        }
        Ok(())
    }
}

/// The fees of a policy's version on a client's invoices, as of a day: what is due, and what it comes to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fees<'a> {
    pub account: &'a Account,
    pub version: &'a PolicyVersion,
    /// The newest, which says what is charged by itself.
    pub newest: &'a PolicyVersion,
    pub day: Day,
    /// The firm's law, for a client that names none.
    pub law: Option<&'a Jurisdiction>,
}

impl<'a> Fees<'a> {
    /// Whether anything is to be charged on that invoice, which is overdue and collected.
    pub fn are_due(&self, invoice: &Invoice) -> bool {
        let Some(rule) = self.version.policy.late_fee.as_ref() else { return false };
        let mut due = self.due(invoice);
        due.extend(self.due_steps(invoice).into_iter().map(|(_, due)| due));
        let mut due = due.into_iter().filter(|_| self.may_be_charged(invoice));
        due.any(|due| !self.amount(rule, invoice, due.days_overdue).is_zero())
    }

    /// Whether a step after the lock would charge on that invoice.
    pub fn charges_after_lock(&self, invoice: &Invoice, for_day: Day) -> bool {
        let Some(rule) = self.version.policy.late_fee.as_ref() else { return false };
        let days = days_late(invoice, for_day);
        self.may_be_charged(invoice)
            && !self.came_too_late(invoice, for_day)
            && !self.amount(rule, invoice, days).is_zero()
    }

    /// Fees have no fees, the engagement's terms allow them or don't, and they wait for a charge to fail (LF-1,
    /// CHG-2).
    fn may_be_charged(&self, invoice: &Invoice) -> bool {
        let charging = Charging { account: self.account, version: self.newest };
        self.account.profile.terms_allow_late_fee
            && invoice.fee_of.is_none()
            && !charging.holds_fees(invoice)
    }

    /// What the section charges on the invoice by now, and hasn't; oldest first.
    fn due(&self, invoice: &Invoice) -> Vec<DueFee> {
        let schedule = self.version.policy.late_fee.as_ref().and_then(|rule| rule.schedule);
        let Some(schedule) = schedule else { return Vec::new() };
        let overdue = invoice.days_overdue(self.day);
        let is_charged = |cause: FeeCause| invoice.fees.iter().any(|fee| fee.cause == cause);
        (0..schedule.times)
            .map(|number| (FeeCause::Section(number), schedule.days_overdue(number)))
            .take_while(|(_, days)| *days <= overdue)
            .filter(|(cause, _)| !is_charged(*cause))
            .map(|(cause, days)| DueFee {
                cause,
                for_day: plus(invoice.due_on, days),
                days_overdue: days,
            })
            .filter(|due| !self.came_too_late(invoice, due.for_day))
            .collect()
    }

    /// Steps that charge on the invoice by now, and haven't; oldest first.
    fn due_steps(&self, invoice: &Invoice) -> Vec<(&'a Step, DueFee)> {
        let overdue = invoice.days_overdue(self.day);
        let known = self.account.invoices.get(&invoice.id).unwrap_or(invoice);
        let steps = self.version.policy.kind(invoice.kind).steps.iter();
        let mut due: Vec<_> = steps
            .filter(|step| step.action == Action::LateFee)
            .filter_map(|step| match step.when {
                When::DaysOverdue(days) if days <= overdue => Some((step, days)),
                When::DaysOverdue(_) | When::AfterLock(_) => None,
            })
            .map(|(step, days)| {
                let cause = FeeCause::Step(step.key(invoice.kind));
                let for_day = plus(invoice.due_on, days);
                (step, DueFee { cause, for_day, days_overdue: days })
            })
            .filter(|(step, due)| {
                let is_marked = known.steps.contains_key(&step.key(invoice.kind));
                let is_passed = known.fees.iter().any(|fee| fee.cause == due.cause);
                !is_marked && !is_passed && !self.came_too_late(invoice, due.for_day)
            })
            .collect();
        due.sort_by_key(|(_, due)| due.for_day);
        due
    }

    /// Whether the fee's day was over before the section or the client's terms said so (POL-1, LF-1).
    fn came_too_late(&self, invoice: &Invoice, for_day: Day) -> bool {
        let since = self.version.late_fee_since.filter(|since| invoice.recorded_on < *since);
        let allowed = self.account.profile.late_fee_terms_since;
        [since, allowed].into_iter().flatten().any(|since| for_day < since)
    }

    /// What a fee for that many days overdue comes to now.
    fn amount(&self, rule: &LateFee, invoice: &Invoice, days_overdue: u32) -> Money {
        let profile = &self.account.profile;
        if MAX_FEES <= invoice.fees.len() {
            return Money::zero(invoice.total.currency());
        }
        let flat = rule.rate.flat(invoice.total.currency(), profile.currency);
        let for_day = plus(invoice.due_on, days_overdue);
        let law = profile.jurisdiction.as_ref().or(self.law);
        let caps = Caps::of(rule, invoice, law, for_day);
        amount(rule, flat, invoice, days_overdue, &caps)
    }
}

/// How many days overdue the invoice was on that day, if nobody had paid.
fn days_late(invoice: &Invoice, day: Day) -> u32 {
    if invoice.due_on < day { days_between(invoice.due_on, day) } else { 0 }
}

/// Every later day on which a fee could be charged on the invoice.
pub(super) fn days_of_fees(
    account: &Account,
    invoice: &Invoice,
    version: &PolicyVersion,
) -> Vec<Day> {
    let schedule = version.policy.late_fee.as_ref().and_then(|rule| rule.schedule);
    let Some(schedule) = schedule.filter(|_| account.profile.terms_allow_late_fee) else {
        return Vec::new();
    };
    let is_charged = |number| {
        let cause = FeeCause::Section(number);
        invoice.fees.iter().any(|fee| fee.cause == cause)
    };
    let numbers = (0..schedule.times).filter(|number| !is_charged(*number));
    numbers.map(|number| plus(invoice.due_on, schedule.days_overdue(number))).collect()
}
