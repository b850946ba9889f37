//! Advance notices: what will happen is announced some days ahead (POL-3, LET-1).
//!
//! A notice is sent on its day, or, when that was missed, the nearest one while what it announces is still to
//! come; never on or before the issue day, as with reminders. It is known by the step that it announces and its
//! days ahead, so that it goes out once per invoice, or once per episode for a step after the lock (EVAL-2). As
//! a debt letter other than a reminder it warns of the lock (LOCK-7).

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::Decision;
use crate::account::{Account, CollectionView};
use crate::calendar::{Day, minus, plus};
use crate::event::{Event, SkipReason};
use crate::id::InvoiceId;
use crate::invoice::Invoice;
use crate::lock::{Debt, LockCause, counted, lock_reason};
use crate::policy::{Action, Policy, StepKey, When};

impl Decision<'_> {
    /// Sends the advance notices of that day.
    pub(super) fn announce(&mut self) {
        let mut leaving: BTreeMap<StepKey, BTreeSet<InvoiceId>> = BTreeMap::new();
        let mut skipped: BTreeSet<(StepKey, Option<InvoiceId>)> = BTreeSet::new();
        let announcing = self.announcing();
        for invoice in self.account.open_invoices() {
            let due = announcing.due_for(invoice);
            if due.is_empty() || !self.may_happen(invoice, Action::Notice) {
                continue;
            }
            for Due { notice, passed_over } in due {
                let once_per_invoice = matches!(notice.when, When::DaysOverdue(_));
                let of = once_per_invoice.then(|| invoice.id.clone());
                skipped.extend(passed_over.into_iter().map(|step| (step, of.clone())));
                leaving.entry(notice).or_default().insert(invoice.id.clone());
            }
        }
        let on = self.day();
        for (step, invoice) in skipped {
            self.emit(Event::StepSkipped { step, on, invoice, why: SkipReason::PassedOver });
        }
        for (step, invoices) in leaving {
            let kind = step.action.announced_by();
            let letter = self.queue_debt_letter(kind, invoices.clone(), None);
            self.emit(Event::StepDone { step, on, invoices, letter });
        }
    }

    pub(super) fn announcing(&self) -> Announcing<'_> {
        let episode = self.lock_policy().ok().map(|version| &version.policy);
        Announcing::new(&self.account, self.policy(), episode, self.day())
    }
}

/// The notices before one thing that are due for an invoice.
pub(super) struct Due {
    /// The nearest: it leaves.
    pub(super) notice: StepKey,
    passed_over: Vec<StepKey>,
}

/// What is to be announced on a day.
pub(super) struct Announcing<'a> {
    account: &'a Account,
    policy: &'a Policy,
    /// That of a running episode: steps after the lock follow it (POL-1).
    episode: Option<&'a Policy>,
    day: Day,
    view: CollectionView<'a>,
}

impl<'a> Announcing<'a> {
    pub(super) fn new(
        account: &'a Account,
        policy: &'a Policy,
        episode: Option<&'a Policy>,
        day: Day,
    ) -> Self {
        Self { account, policy, episode, day, view: account.collection(policy, day) }
    }

    /// What is due for an invoice, per thing announced.
    pub(super) fn due_for(&self, invoice: &Invoice) -> Vec<Due> {
        let announced = self.announced(invoice);
        let is_out = invoice.issued_on < self.day;
        let is_fee = invoice.fee_of.is_some(); // it takes no step (LF-1)
        if announced.is_empty() || !is_out || is_fee || !self.view.collects(invoice) {
            return Vec::new();
        }
        let mut due: BTreeMap<StepKey, Due> = BTreeMap::new();
        // The nearest comes last: what stands there by then is passed over.
        for notice in announced.into_iter().filter(|key| self.is_due(invoice, *key)) {
            let nearest = due.entry(notice.step());
            nearest
                .and_modify(|due| {
                    let farther = std::mem::replace(&mut due.notice, notice);
                    due.passed_over.push(farther);
                })
                .or_insert(Due { notice, passed_over: Vec::new() });
        }
        due.into_values().collect()
    }

    /// All that is announced to an invoice of its kind, farthest first.
    fn announced(&self, invoice: &Invoice) -> Vec<StepKey> {
        let newest = self.policy.announced(invoice.kind).into_iter();
        let mut announced: Vec<_> =
            newest.filter(|key| matches!(key.when, When::DaysOverdue(_))).collect();
        let lock = self.account.lock.as_ref();
        let by_rule = lock.is_some_and(|lock| matches!(lock.cause, LockCause::Rule(_)));
        if by_rule && invoice.is_overdue(self.day) {
            let of_episode = self.episode.map(|policy| policy.announced(invoice.kind));
            let of_episode = of_episode.into_iter().flatten();
            announced.extend(of_episode.filter(|key| matches!(key.when, When::AfterLock(_))));
        }
        announced.sort_by_key(|key| Reverse(key.before));
        announced
    }

    fn is_due(&self, invoice: &Invoice, key: StepKey) -> bool {
        let Some(before) = key.before else { return false };
        let on = match key.when {
            When::DaysOverdue(days) => Some(plus(invoice.due_on, days)),
            When::AfterLock(days) => self.account.lock.as_ref().map(|lock| plus(lock.on, days)),
        };
        on.is_some_and(|on| {
            (minus(on, before)..on).contains(&self.day)
                && !self.is_done(invoice, key)
                && self.still_comes(invoice, key.step(), on)
        })
    }

    /// Whether it is done, or one that is nearer, or what it announces.
    fn is_done(&self, invoice: &Invoice, key: StepKey) -> bool {
        let is_it = |mark: &StepKey| mark.step() == key.step() && mark.before <= key.before;
        match key.when {
            When::DaysOverdue(_) => invoice.steps.keys().any(is_it),
            When::AfterLock(_) => {
                self.account.lock.as_ref().is_some_and(|lock| lock.steps.iter().any(is_it))
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
        let policies = [Some(self.policy), self.episode].into_iter().flatten();
        let mut steps = policies.flat_map(Policy::steps);
        let within =
            steps.find(|(key, _)| *key == step).and_then(|(_, step)| step.unless_response_days);
        within.is_some_and(|days| self.account.responded_within(days, on))
    }

    /// Whether the rule would lock on that day with this invoice counted.
    fn would_lock(&self, invoice: &Invoice, on: Day) -> bool {
        if !may_be_locked(self.account, invoice) {
            return false;
        }
        let debts = self.account.collection(self.policy, on).debts();
        let debts = debts.into_iter().filter(|(invoice, _)| !invoice.never_locks);
        let debts: Vec<Debt<'_>> = debts.map(|(_, debt)| debt).collect();
        lock_reason(self.policy, &debts, &debts).is_some()
            && counted(self.policy, &debts).contains(&invoice.id)
    }
}

/// Whether a lock by the rule is still to come for the client, as far as this invoice goes.
pub(super) fn may_be_locked(account: &Account, invoice: &Invoice) -> bool {
    account.lock.is_none() && account.exception.is_none() && !invoice.never_locks
}
