//! The limit on a portal: begun by a step, ended by itself (POL-3, LOCK-3).
//!
//! A step `limit` needs no warning, no approval and no address: it takes little, and whoever pays has it back at
//! once. What may wait is its beginning, for a working day or for a fresh ledger; its end never does.

use std::collections::{BTreeMap, BTreeSet};

use super::Decision;
use crate::event::{Event, SkipReason};
use crate::id::InvoiceId;
use crate::invoice::Invoice;
use crate::limit::{Limit, limits};
use crate::lock::Scope;
use crate::policy::{Action, StepKey};

impl Decision<'_> {
    /// Begins, changes or ends the limit as the invoices are now.
    pub(super) fn limit_by_steps(&mut self) {
        let may_begin = self.may_restrict() && !self.must_wait() && !self.is_stopped();
        if may_begin {
            self.reach_limits();
        }
        let found = self.account.limited_by(self.policy(), self.day());
        match (self.account.limit.clone(), found) {
            (None, Some(limit)) if may_begin => self.emit(Event::LimitBegun(limit)),
            (Some(was), Some(limit)) => {
                let limit = Limit { on: was.on, ..limit };
                if limit != was {
                    self.emit(Event::LimitChanged(limit));
                }
            }
            (_, None) => self.end_limit(),
            (None, Some(_)) => {}
        }
    }

    /// Ends the limit once nothing limits any more: whoever acts, and on any day.
    pub(super) fn end_limit(&mut self) {
        let Some(limit) = &self.account.limit else { return };
        if self.account.limited_by(self.policy(), self.day()).is_none() {
            let was = limit.reason.clone();
            self.emit(Event::LimitEnded { on: self.day(), was });
        }
    }

    /// Marks the limit steps whose day has come.
    fn reach_limits(&mut self) {
        let mut reached: BTreeMap<StepKey, BTreeSet<InvoiceId>> = BTreeMap::new();
        for invoice in self.collected() {
            self.skip_steps_that_came_too_late(&invoice);
            if self.may_happen(&invoice, Action::Limit) {
                for step in self.due_limits(&invoice) {
                    reached.entry(step).or_default().insert(invoice.id.clone());
                }
            }
        }
        for (step, invoices) in reached {
            let (on, letter, scope) = (self.day(), None, Scope::Client);
            self.emit(Event::StepDone { step, on, invoices, letter, scope });
        }
    }

    /// The limit steps of an invoice whose day has come and that are not marked.
    pub(super) fn due_limits(&self, invoice: &Invoice) -> Vec<StepKey> {
        let marks = self.account.invoices.get(&invoice.id).map(|invoice| &invoice.steps);
        let overdue = invoice.days_overdue(self.day());
        let due = limits(self.policy(), invoice).filter(|(key, days, _)| {
            *days <= overdue && marks.is_none_or(|marks| !marks.contains_key(key))
        });
        due.map(|(key, _, _)| key).collect()
    }

    /// Limit and lock steps that an answer exempts are skipped for good (LET-8).
    pub(super) fn skip_answered_restrictions(&mut self) {
        for invoice in self.collected() {
            let overdue = invoice.days_overdue(self.day());
            let limits = limits(self.policy(), &invoice);
            let locks = self.policy().lock_steps(invoice.kind);
            let answered: Vec<_> = limits
                .chain(locks)
                .filter(|(key, days, step)| {
                    let day = crate::calendar::plus(invoice.due_on, *days);
                    *days <= overdue
                        && !invoice.steps.contains_key(key)
                        && step
                            .unless_response_days
                            .is_some_and(|within| self.account.responded_within(within, day))
                })
                .map(|(key, _, _)| key)
                .collect();
            for step in answered {
                let (invoice, why) = (Some(invoice.id.clone()), SkipReason::Responded);
                let (on, scope) = (self.day(), Scope::Client);
                self.emit(Event::StepSkipped { step, on, invoice, why, scope });
            }
        }
    }

    /// Whether a lock or limit may be set on such a day (LOCK-3).
    pub(super) fn may_restrict(&self) -> bool {
        let policy = self.policy();
        !policy.lock.working_days_only || policy.working_days.is_working(self.day())
    }
}
