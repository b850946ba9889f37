//! Advance notices: what will happen is announced some days ahead (POL-3, LET-1).
//!
//! A notice is sent on its day, or, when that was missed, the nearest one while what it announces is still to
//! come; never on or before the issue day, as with reminders. It is known by the step that it announces and its
//! days ahead, so that it goes out once per invoice, or once per episode for a step after the lock (EVAL-2). As
//! a debt letter other than a reminder it warns of the lock (LOCK-7).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::{Context, Decision};
use crate::account::{Account, CollectionView};
use crate::calendar::{Day, minus, plus};
use crate::event::{Event, SkipReason};
use crate::id::InvoiceId;
use crate::invoice::Invoice;
use crate::lock::{Debt, Scope, counted, lock_reason};
use crate::policy::{Action, Policy, StepKey, When};

impl Decision<'_> {
    /// Sends the advance notices of that day.
    pub(super) fn announce(&mut self) {
        let mut leaving: BTreeMap<(StepKey, Scope), BTreeSet<InvoiceId>> = BTreeMap::new();
        let mut skipped: BTreeSet<(StepKey, Scope, Option<InvoiceId>)> = BTreeSet::new();
        let announcing = self.announcing();
        for invoice in self.account.open_invoices() {
            let due = announcing.due_for(invoice);
            if due.is_empty() || !self.may_happen(invoice, Action::Notice) {
                continue;
            }
            for Due { notice, scope, passed_over } in due {
                let once_per_invoice = matches!(notice.when, When::DaysOverdue(_));
                let of = once_per_invoice.then(|| invoice.id.clone());
                let passed_over = passed_over.into_iter();
                skipped.extend(passed_over.map(|step| (step, scope.clone(), of.clone())));
                leaving.entry((notice, scope)).or_default().insert(invoice.id.clone());
            }
        }
        let on = self.day();
        for (step, scope, invoice) in skipped {
            let why = SkipReason::PassedOver;
            self.emit(Event::StepSkipped { step, on, invoice, why, scope });
        }
        for ((step, scope), invoices) in leaving {
            let kind = step.action.announced_by();
            let letter = self.queue_debt_letter(kind, invoices.clone(), None);
            self.emit(Event::StepDone { step, on, invoices, letter, scope });
        }
    }

    pub(super) fn announcing(&self) -> Announcing<'_> {
        Announcing::new(&self.account, &self.context, self.day())
    }
}

/// The notices before one thing that are due for an invoice.
pub(super) struct Due {
    /// The nearest: it leaves.
    pub(super) notice: StepKey,
    /// Whose episode it follows, where it follows a lock (LOCK-5).
    scope: Scope,
    passed_over: Vec<StepKey>,
}

/// What is to be announced on a day.
pub(super) struct Announcing<'a> {
    account: &'a Account,
    policy: &'a Policy,
    /// Steps after a lock follow the policy that it began with (POL-1).
    context: &'a Context<'a>,
    day: Day,
    view: CollectionView<'a>,
}

impl<'a> Announcing<'a> {
    pub(super) fn new(account: &'a Account, context: &'a Context<'a>, day: Day) -> Self {
        let policy = &context.policy.policy;
        Self { account, policy, context, day, view: account.collection(policy, day) }
    }

    /// What is due for an invoice, per thing announced.
    pub(super) fn due_for(&self, invoice: &Invoice) -> Vec<Due> {
        let announced = self.announced(invoice);
        let is_out = invoice.issued_on < self.day;
        let is_fee = invoice.fee_of.is_some(); // it takes no step (LF-1)
        if announced.is_empty() || !is_out || is_fee || !self.view.collects(invoice) {
            return Vec::new();
        }
        let mut due: BTreeMap<(StepKey, Scope), Due> = BTreeMap::new();
        let announced =
            announced.into_iter().filter(|(key, scope)| self.is_due(invoice, *key, scope));
        // The nearest comes last: what stands there by then is passed over.
        for (notice, scope) in announced {
            let nearest = due.entry((notice.step(), scope.clone()));
            nearest
                .and_modify(|due| {
                    let farther = std::mem::replace(&mut due.notice, notice);
                    due.passed_over.push(farther);
                })
                .or_insert(Due { notice, scope, passed_over: Vec::new() });
        }
        due.into_values().collect()
    }

    /// All that is announced to an invoice of its kind, farthest first; what follows a lock, for each that it is
    /// under.
    fn announced(&self, invoice: &Invoice) -> Vec<(StepKey, Scope)> {
        let newest = self.policy.announced(invoice.kind).into_iter();
        let newest = newest.filter(|key| matches!(key.when, When::DaysOverdue(_)));
        let mut announced: Vec<_> = newest.map(|key| (key, Scope::Client)).collect();
        let locks = self.account.locks_over(invoice).filter(|lock| lock.is_by_rule());
        for lock in locks.filter(|_| invoice.is_overdue(self.day)) {
            let begun_with = self.context.version(&lock.policy);
            let of_episode = begun_with.map(|version| version.policy.announced(invoice.kind));
            let of_episode = of_episode.into_iter().flatten();
            let of_episode = of_episode.filter(|key| matches!(key.when, When::AfterLock(_)));
            announced.extend(of_episode.map(|key| (key, lock.scope.clone())));
        }
        announced.sort_by_key(|(key, _)| Reverse(key.before));
        announced
    }

    fn is_due(&self, invoice: &Invoice, key: StepKey, scope: &Scope) -> bool {
        let Some(before) = key.before else { return false };
        let on = match key.when {
            When::DaysOverdue(days) => Some(plus(invoice.due_on, days)),
            When::AfterLock(days) => self.account.locks.get(scope).map(|lock| plus(lock.on, days)),
        };
        on.is_some_and(|on| {
            (minus(on, before)..on).contains(&self.day)
                && !self.is_done(invoice, key, scope)
                && self.still_comes(invoice, key.step(), on)
        })
    }

    /// Whether it is done, or one that is nearer, or what it announces.
    fn is_done(&self, invoice: &Invoice, key: StepKey, scope: &Scope) -> bool {
        let is_it = |mark: &StepKey| mark.step() == key.step() && mark.before <= key.before;
        match key.when {
            When::DaysOverdue(_) => invoice.steps.keys().any(is_it),
            When::AfterLock(_) => {
                let lock = self.account.locks.get(scope);
                lock.is_some_and(|lock| lock.steps.iter().any(is_it))
            }
        }
    }

    /// Whether that would happen to the invoice on its day, if nothing else does.
    fn still_comes(&self, invoice: &Invoice, step: StepKey, on: Day) -> bool {
        if self.is_answered(step, on) {
            return false;
        }
        match step.action {
            Action::Lock => self.would_lock(invoice, on),
            Action::LateFee if !self.account.profile.terms_allow_late_fee => false,
            Action::Notice
            | Action::LateFee
            | Action::Limit
            | Action::DemandLetter
            | Action::FinalDemand
            | Action::ReviewTask
            | Action::CollectionsReferral
            | Action::Close => self.account.collection(self.policy, on).collects(invoice),
        }
    }

    /// Whether an answer exempts that step by now (LET-8).
    fn is_answered(&self, step: StepKey, on: Day) -> bool {
        let versions = std::iter::once(self.context.policy).chain(self.context.episodes);
        let mut steps = versions.flat_map(|version| version.policy.steps());
        let within =
            steps.find(|(key, _)| *key == step).and_then(|(_, step)| step.unless_response_days);
        within.is_some_and(|days| self.account.responded_within(days, on))
    }

    /// Whether the rule would lock on that day with this invoice counted.
    fn would_lock(&self, invoice: &Invoice, on: Day) -> bool {
        if !may_be_locked(self.account, self.policy, invoice) {
            return false;
        }
        let debts = self.account.collection(self.policy, on).debts();
        let scope = self.policy.lock.scope_of(invoice);
        let debts =
            debts.into_iter().filter(|(known, _)| scope.covers(known) && !known.never_locks);
        let debts: Vec<Debt<'_>> = debts.map(|(_, debt)| debt).collect();
        lock_reason(self.policy, &debts, &debts).is_some()
            && counted(self.policy, &debts).contains(&invoice.id)
    }
}

/// Whether a lock by the rule is still to come for the client or its line, as far as this invoice goes.
pub(super) fn may_be_locked(account: &Account, policy: &Policy, invoice: &Invoice) -> bool {
    let scope = policy.lock.scope_of(invoice);
    !account.has_lock_on(&scope) && !account.has_exception_for(&scope) && !invoice.never_locks
}
