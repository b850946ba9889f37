//! Promises, plans, holds and the hard stop: what pauses collection, and how each ends by itself
//! (PROM-1, PROM-2, PLAN-1, LOCK-6).

use std::collections::{BTreeMap, BTreeSet};

use super::{BOOKKEEPERS, COLLECTORS, Decision, PARTNERS, past, reason_given, within_length};
use crate::calendar::{Day, for_person, plus};
use crate::event::Event;
use crate::id::InvoiceId;
use crate::invoice::Hold;
use crate::letter::Content;
use crate::money::Money;
use crate::plan::{Instalment, MAX_INSTALMENTS, Outcome, Plan, Promise};
use crate::refusal::Refusal;
use crate::task::About;
use crate::text::Personal;

impl Decision<'_> {
    pub(super) fn make_promise(
        &mut self,
        invoice: Option<&InvoiceId>,
        until: Day,
    ) -> Result<(), Refusal> {
        self.require_or_client(BOOKKEEPERS, "STAFF-1", "record a promise")?;
        let today = self.day();
        if until < today {
            return Err(past(until, "PROM-1"));
        }
        let invoices = self.promisable(invoice)?;
        if self.is_promised(&invoices, until) {
            return Ok(()); // the same promise again
        }
        let counts = self.context.actor.is_client();
        if counts {
            self.within_limits(&invoices, until)?;
        }
        self.end_promises_on(&invoices);
        let promise = Promise { made_on: today, until, invoices: invoices.clone() };
        self.emit(Event::PromiseBegun { promise, counts });
        self.respond();
        self.queue_letter(Content::PromiseConfirmation { invoices, until });
        Ok(())
    }

    /// Whether all of these are promised until that very day.
    fn is_promised(&self, invoices: &BTreeSet<InvoiceId>, until: Day) -> bool {
        let promises = self.account.promises.iter().filter(|promise| promise.until == until);
        let promised: BTreeSet<_> = promises.flat_map(|promise| &promise.invoices).collect();
        invoices.iter().all(|id| promised.contains(id))
    }

    /// The invoice named, or those overdue that day.
    fn promisable(&self, invoice: Option<&InvoiceId>) -> Result<BTreeSet<InvoiceId>, Refusal> {
        if let Some(id) = invoice {
            return Ok(BTreeSet::from([self.owed_invoice(id, "PROM-1")?.id.clone()]));
        }
        let overdue = self.account.open_invoices().filter(|invoice| invoice.is_overdue(self.day()));
        let invoices: BTreeSet<_> = overdue.map(|invoice| invoice.id.clone()).collect();
        if invoices.is_empty() {
            return Err(Refusal::conflict("PROM-1", "no invoice is overdue"));
        }
        Ok(invoices)
    }

    fn within_limits(&self, invoices: &BTreeSet<InvoiceId>, until: Day) -> Result<(), Refusal> {
        let limits = &self.policy().promise;
        let last = plus(self.day(), limits.max_days);
        if last < until {
            let (until, last) = (for_person(until), for_person(last));
            let text = format!(
                "{until} is more than {} ahead: the last day to promise is {last}",
                days(limits.max_days)
            );
            return Err(Refusal::conflict("PROM-1", text));
        }
        let promises = |id| self.account.invoices.get(id).map_or(0, |invoice| invoice.promises);
        match invoices.iter().find(|id| limits.max_per_invoice <= promises(id)) {
            Some(id) => {
                let times = match promises(id) {
                    1 => "once".to_owned(),
                    times => format!("{times} times"),
                };
                let text = format!(
                    "payment of invoice {id} was already promised {times}, which is as often as it can be"
                );
                Err(Refusal::conflict("PROM-1", text))
            }
            None => Ok(()),
        }
    }

    /// A new promise takes the place of the running one.
    fn end_promises_on(&mut self, invoices: &BTreeSet<InvoiceId>) {
        let covered = self.account.promises.iter().flat_map(|promise| &promise.invoices);
        let replaced: BTreeSet<_> = covered.filter(|id| invoices.contains(*id)).cloned().collect();
        if !replaced.is_empty() {
            self.emit(Event::PromiseEnded { invoices: replaced, outcome: Outcome::Replaced });
        }
    }

    pub(super) fn begin_plan(
        &mut self,
        invoices: &BTreeSet<InvoiceId>,
        instalments: &[Instalment],
    ) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "agree on a plan")?;
        let mut instalments = instalments.to_vec();
        instalments.sort_by_key(|instalment| instalment.due_on);
        if self.is_planned(invoices, &instalments) {
            // The same plan again is that one, though it may answer another request.
            self.close_tasks(|about| matches!(about, About::PlanRequest { .. }));
            return Ok(());
        }
        let covered = self.plannable(invoices)?;
        self.check_instalments(covered, &instalments)?;
        if self.account.plan.is_some() {
            self.emit(Event::PlanEnded { outcome: Outcome::Replaced });
        }
        let plan = Plan {
            begun_on: self.day(),
            invoices: invoices.clone(),
            covered,
            instalments,
            grace_days: self.policy().plan_grace_days,
        };
        self.emit(Event::PlanBegun(plan));
        self.close_tasks(|about| matches!(about, About::PlanRequest { .. }));
        self.respond();
        self.queue_letter(Content::PlanConfirmation { invoices: invoices.clone() });
        Ok(())
    }

    /// Whether that very plan runs.
    fn is_planned(&self, invoices: &BTreeSet<InvoiceId>, instalments: &[Instalment]) -> bool {
        let plan = self.account.plan.as_ref();
        plan.is_some_and(|plan| plan.invoices == *invoices && plan.instalments == instalments)
    }

    /// A new request takes the place of the one that waits; the same one again is that one.
    pub(super) fn request_plan(
        &mut self,
        invoices: &BTreeSet<InvoiceId>,
        wish: &Personal,
    ) -> Result<(), Refusal> {
        self.require_or_client(BOOKKEEPERS, "STAFF-1", "record a request for a plan")?;
        self.plannable(invoices)?;
        if wish.as_str().trim().is_empty() {
            let text = "a request for a plan says what can be paid, and when";
            return Err(Refusal::invalid("PLAN-1", text));
        }
        within_length(wish, "PLAN-1")?;
        let about = About::PlanRequest { invoices: invoices.clone(), wish: wish.clone() };
        if self.has_task(|known| *known == about) {
            return Ok(());
        }
        self.close_tasks(|about| matches!(about, About::PlanRequest { .. }));
        self.open_task(about);
        self.respond();
        Ok(())
    }

    fn plannable(&self, invoices: &BTreeSet<InvoiceId>) -> Result<Money, Refusal> {
        let mut covered: Option<Money> = None;
        for id in invoices {
            let balance = self.owed_invoice(id, "PLAN-1")?.balance();
            let sum = covered.map_or(Ok(balance), |sum| sum.checked_add(balance));
            let sum = sum.map_err(|_| {
                Refusal::invalid(
                    "PLAN-1",
                    format!("a plan has one currency, but invoice {id} is in another"),
                )
            })?;
            covered = Some(sum);
        }
        covered.ok_or_else(|| Refusal::invalid("PLAN-1", "a plan covers at least one invoice"))
    }

    fn check_instalments(&self, covered: Money, instalments: &[Instalment]) -> Result<(), Refusal> {
        let invalid = |text: String| Err(Refusal::invalid("PLAN-1", text));
        if MAX_INSTALMENTS < instalments.len() {
            return invalid(format!("a plan has at most {MAX_INSTALMENTS} instalments"));
        }
        let mut sum = Money::zero(covered.currency());
        for instalment in instalments {
            if instalment.due_on < self.day() {
                let due_on = for_person(instalment.due_on);
                return invalid(format!("the instalment of {due_on} is in the past"));
            }
            if instalment.amount.is_zero() {
                let due_on = for_person(instalment.due_on);
                return invalid(format!("the instalment of {due_on} is nothing"));
            }
            sum = match sum.checked_add(instalment.amount) {
                Ok(sum) => sum,
                Err(error) => return invalid(error.to_string()),
            };
        }
        if sum != covered {
            let (sum, covered) = (sum.for_person(), covered.for_person());
            return invalid(format!("the instalments come to {sum}, the invoices to {covered}"));
        }
        Ok(())
    }

    pub(super) fn place_hold(
        &mut self,
        invoice: Option<&InvoiceId>,
        until: Option<Day>,
        reason: &Personal,
    ) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "place a hold")?;
        reason_given(reason, "LOCK-6")?;
        if let Some(until) = until.filter(|&until| until < self.day()) {
            return Err(past(until, "LOCK-6"));
        }
        let running = match invoice {
            Some(id) => &self.open_invoice(id, "LOCK-6")?.hold,
            None => &self.account.hold,
        };
        if running.is_some() {
            self.emit(Event::HoldEnded { invoice: invoice.cloned() }); // a new one replaces the old
        }
        let hold = Hold { until, reason: reason.clone(), begun_on: self.day() };
        self.emit(Event::HoldBegun { invoice: invoice.cloned(), hold });
        Ok(())
    }

    pub(super) fn release_hold(&mut self, invoice: Option<&InvoiceId>) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "release a hold")?;
        let hold = match invoice {
            Some(id) => &self.open_invoice(id, "LOCK-6")?.hold,
            None => &self.account.hold,
        };
        if hold.is_none() {
            let what = invoice.map_or("the client".to_owned(), |id| format!("invoice {id}"));
            return Err(Refusal::conflict("LOCK-6", format!("{what} is not on hold")));
        }
        self.emit(Event::HoldEnded { invoice: invoice.cloned() });
        Ok(())
    }

    pub(super) fn hard_stop(&mut self, reason: &Personal) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "stop collection for good")?;
        reason_given(reason, "LOCK-6")?;
        if self.account.hard_stop.is_none() {
            self.emit(Event::HardStopped { on: self.day(), reason: reason.clone() });
        }
        Ok(())
    }

    /// What ran out by the start of this day, or was fulfilled by what just happened.
    pub(super) fn end_arrangements_by_themselves(&mut self) {
        self.end_promises();
        self.end_plan();
        self.end_holds();
    }

    fn end_promises(&mut self) {
        let today = self.day();
        let mut ended: BTreeMap<Outcome, BTreeSet<InvoiceId>> = BTreeMap::new();
        for promise in &self.account.promises {
            let owed =
                |id: &&InvoiceId| self.account.invoices.get(*id).is_some_and(|i| i.is_open());
            let outcome = match promise.invoices.iter().any(|id| owed(&id)) {
                false => Outcome::Kept,
                true if promise.until < today => Outcome::Broken,
                true => continue,
            };
            ended.entry(outcome).or_default().extend(promise.invoices.iter().cloned());
        }
        for (outcome, invoices) in ended {
            self.emit(Event::PromiseEnded { invoices, outcome });
        }
    }

    fn end_plan(&mut self) {
        let Some(plan) = &self.account.plan else { return };
        let balance = self.account.planned_balance(plan);
        let outcome = match balance {
            0 => Outcome::Kept,
            balance if !plan.is_kept(balance, self.day()) => Outcome::Broken,
            _ => return,
        };
        self.emit(Event::PlanEnded { outcome });
    }

    fn end_holds(&mut self) {
        let today = self.day();
        let is_over = |hold: &Option<Hold>| hold.as_ref().is_some_and(|hold| !hold.holds_on(today));
        let held = self.account.open_invoices().filter(|invoice| is_over(&invoice.hold));
        let invoices: Vec<_> = held.map(|invoice| invoice.id.clone()).collect();
        if is_over(&self.account.hold) {
            self.emit(Event::HoldEnded { invoice: None });
        }
        for invoice in invoices {
            self.emit(Event::HoldEnded { invoice: Some(invoice) });
        }
    }
}

fn days(number: u32) -> String {
    if number == 1 { "1 day".to_owned() } else { format!("{number} days") }
}
