//! The evaluation of a client on a day (EVAL-1..4): what ran out, what is due, whether to lock.
//!
//! Everything is computed anew from the debts of that day, never from a stored next date (LOCK-8),
//! and whatever was done is marked, so that evaluating twice writes nothing twice (EVAL-2). A lock
//! is decided before the steps, since steps follow a lock; letters of one day become one message
//! whatever the order (LET-9).

use std::collections::{BTreeMap, BTreeSet};

use super::Decision;
use super::notice::may_be_locked;
use crate::account::{Exception, ExceptionEnd, UnlockWay};
use crate::calendar::{Day, days_between, minus, plus};
use crate::event::{Event, SkipReason};
use crate::id::InvoiceId;
use crate::invoice::{Invoice, InvoiceKind, Posting};
use crate::letter::{Content, DebtKind, LetterState, Part};
use crate::lock::{Debt, Lock, LockCause, LockReason, Scope, counted, lock_reason};
use crate::policy::{Action, Policy, PolicyVersion, Step, StepKey, UnlockMode, When};
use crate::refusal::Refusal;
use crate::run::Latitude;
use crate::task::About;

/// Steps of one kind of action that are due: the furthest fires, the others are passed over.
struct DueSteps<'p> {
    /// The furthest.
    step: &'p Step,
    key: StepKey,
    /// The day that it is meant for.
    day: Day,
    passed_over: Vec<StepKey>,
}

impl<'a> Decision<'a> {
    /// What may newly be written here on some day is told there too ([`super::look`]), or that day is a certain one
    /// of the search for the next ([`super::next`]): else nobody looks on it.
    pub(super) fn evaluate(&mut self) -> Result<(), Refusal> {
        if self.account.closed.is_some() {
            self.close_step_tasks();
            return Ok(()); // nothing happens by itself any more (CLOSE-1)
        }
        self.take_back_fees();
        self.end_what_ran_out();
        self.post_scheduled();
        if self.account.is_spreading() {
            return Ok(()); // a payment is still being put on its invoices: nothing escalates
        }
        self.close_step_tasks();
        self.close_plan_requests();
        self.skip_answered_restrictions();
        self.drop_charges();
        self.request_charges();
        self.charge_fees();
        self.fire_fee_steps();
        self.fire_fee_steps_after_lock()?;
        self.limit_by_steps();
        let mut unwarned = self.lock_by_rule();
        if !self.must_wait() && !self.is_stopped() {
            self.announce();
            unwarned.extend(self.fire_steps());
            unwarned.extend(self.fire_steps_after_lock()?);
            self.warn(unwarned);
        }
        if !self.is_stopped() {
            self.remind();
        }
        self.end_catch_up();
        self.offer_unlock()
    }

    /// What ended by the start of this day, or by what just happened.
    pub(super) fn end_what_ran_out(&mut self) {
        if self.account.closed.is_some() {
            return;
        }
        self.expire_request();
        self.end_arrangements_by_themselves();
        self.end_exceptions();
        self.end_limit();
    }

    fn expire_request(&mut self) {
        let today = self.day();
        if let Some(request) =
            self.account.request.as_ref().filter(|request| request.expires_on <= today)
        {
            let by = request.by.clone();
            self.emit(Event::UnlockRequestExpired { by });
        }
    }

    fn end_exceptions(&mut self) {
        let is_over = |exception: &&Exception| match exception.ends {
            ExceptionEnd::Until(until) => until < self.day(),
            ExceptionEnd::WithPlan => self.account.plan.is_none(),
        };
        let over: Vec<_> = self.account.exceptions.values().filter(is_over).cloned().collect();
        for exception in over {
            self.emit(match exception.scope {
                Scope::Client => Event::ExceptionEnded,
                Scope::Line(line) => Event::LineExceptionEnded { line },
            });
        }
    }

    /// A scheduled invoice takes the credit that was there when it went out (PAY-4).
    fn post_scheduled(&mut self) {
        let today = self.day();
        let is_out =
            |invoice: &&Invoice| matches!(invoice.posting, Posting::Scheduled(on) if on <= today);
        let posted: Vec<_> =
            self.account.open_invoices().filter(is_out).map(|i| i.id.clone()).collect();
        for invoice in posted {
            self.apply_credit_to(&invoice);
        }
    }

    /// A step's task closes when none of its invoices is overdue any more (POL-3).
    fn close_step_tasks(&mut self) {
        let today = self.day();
        let overdue = self.account.open_invoices().filter(|invoice| invoice.is_overdue(today));
        let overdue: BTreeSet<_> = overdue.map(|invoice| invoice.id.clone()).collect();
        self.close_tasks(|about| {
            about.step().is_some_and(|(_, invoices)| invoices.is_disjoint(&overdue))
        });
    }

    /// Nobody plans how to pay what isn't owed any more (PLAN-1).
    fn close_plan_requests(&mut self) {
        let open: BTreeSet<_> = self.account.open_invoices().map(|i| i.id.clone()).collect();
        self.close_tasks(|about| {
            matches!(about, About::PlanRequest { invoices, .. } if invoices.is_disjoint(&open))
        });
    }

    /// Locks where the rule says so, the client or each line by itself; answers what must be warned before
    /// (LOCK-1, LOCK-3, LOCK-5, LOCK-7).
    fn lock_by_rule(&mut self) -> BTreeSet<InvoiceId> {
        let findings = self.find_locks();
        let has_address = self.account.deliverable().is_some();
        let wants_address =
            !has_address && findings.iter().any(|(_, finding)| *finding != Finding::Nothing);
        if !wants_address {
            self.close_tasks(|about| *about == About::NoAddress);
        } else if !self.has_task(|about| *about == About::NoAddress) {
            self.open_task(About::NoAddress);
        }
        let mut unwarned = BTreeSet::new();
        for (scope, finding) in findings {
            match finding {
                Finding::Lock { .. } if has_address && self.context.latitude != Latitude::Full => {
                    self.withheld.lock = true;
                    let letter = self.policy().lock.letter;
                    self.withheld.demand |= letter.is_some_and(DebtKind::is_demand);
                }
                Finding::Lock { reason, invoices, named } if has_address => {
                    self.lock(scope, reason, invoices, named);
                }
                Finding::Warn(invoices) => unwarned.extend(invoices),
                Finding::Nothing | Finding::Wait | Finding::Lock { .. } => {}
            }
        }
        unwarned
    }

    /// What the rule finds for the client, or for each line of it.
    fn find_locks(&self) -> Vec<(Scope, Finding)> {
        let view = self.account.collection(self.policy(), self.day());
        let debts = self.policy().lock.by_scope(view.debts());
        let may_lock = |scope: &Scope| {
            !self.account.has_lock_on(scope) && !self.account.has_exception_for(scope)
        };
        let debts = debts.into_iter().filter(|(scope, _)| may_lock(scope));
        let found = debts.map(|(scope, debts)| (scope, self.find_lock(debts)));
        found.collect()
    }

    fn find_lock(&self, debts: Vec<(&Invoice, Debt<'_>)>) -> Finding {
        let policy = self.policy();
        let collected: Vec<_> = debts.iter().map(|(_, debt)| *debt).collect();
        let debts: Vec<_> = debts
            .into_iter()
            .filter(|(invoice, _)| !invoice.never_locks && self.may_happen(invoice, Action::Lock))
            .collect();
        let all: Vec<_> = debts.iter().map(|(_, debt)| *debt).collect();
        if lock_reason(policy, &all, &all).is_none() {
            return Finding::Nothing;
        }
        if self.must_wait() || self.was_undone_today() {
            return Finding::Wait;
        }
        let warned = debts.iter().filter(|(invoice, _)| self.is_warned(invoice));
        let warned: Vec<_> = warned.map(|(_, debt)| *debt).collect();
        let Some(reason) = lock_reason(policy, &warned, &collected) else {
            let wanted = counted(policy, &all);
            let never = debts.iter().filter(|(invoice, _)| !invoice.was_warned());
            let never = never.map(|(invoice, _)| invoice.id.clone());
            return Finding::Warn(never.filter(|id| wanted.contains(id)).collect());
        };
        if !self.may_restrict() {
            return Finding::Wait;
        }
        Finding::Lock {
            reason,
            invoices: counted(policy, &warned).into_iter().cloned().collect(),
            named: debts.iter().map(|(invoice, _)| invoice.id.clone()).collect(),
        }
    }

    /// Whether a run's lock was taken back this day: what followed would only set it again (LOCK-10).
    fn was_undone_today(&self) -> bool {
        self.account.last_unlock.as_ref().is_some_and(|unlocked| {
            unlocked.on == self.day() && matches!(unlocked.way, UnlockWay::Undone { .. })
        })
    }

    fn lock(
        &mut self,
        scope: Scope,
        reason: LockReason,
        invoices: BTreeSet<InvoiceId>,
        named: BTreeSet<InvoiceId>,
    ) {
        let lock = self.new_lock(scope, LockCause::Rule(reason));
        let episode = lock.episode;
        self.emit(Event::Locked { lock, invoices });
        if let Some(kind) = self.policy().lock.letter {
            self.queue_debt_letter(kind, named, Some(episode));
        }
    }

    /// Whether a debt letter named it long enough ago (LOCK-7).
    fn is_warned(&self, invoice: &Invoice) -> bool {
        let days = self.policy().lock.after_notice_days;
        days == 0 || invoice.first_warned_on().is_some_and(|on| plus(on, days) <= self.day())
    }

    /// Fires the steps after due; answers what must be warned before (EVAL-2).
    fn fire_steps(&mut self) -> BTreeSet<InvoiceId> {
        let mut unwarned = BTreeSet::new();
        let mut fires: BTreeMap<(Action, StepKey), BTreeSet<InvoiceId>> = BTreeMap::new();
        for invoice in self.collected().into_iter().filter(|invoice| invoice.fee_of.is_none()) {
            self.skip_steps_that_came_too_late(&invoice);
            for due in self.due_steps(&invoice) {
                let action = due.key.action;
                if action == Action::Limit {
                    continue; // its own way (POL-3)
                }
                let waits = action.needs_warning() && !self.is_warned(&invoice);
                let thing = if waits { Action::Notice } else { action };
                if !self.may_happen(&invoice, thing) {
                    continue;
                }
                if self.has_responded(&due) {
                    self.skip(&due, Some(&invoice.id), &Scope::Client);
                } else if waits {
                    if !invoice.was_warned() {
                        unwarned.insert(invoice.id.clone());
                    }
                } else if !self.withholds(due.step) {
                    self.pass_over(&due, Some(&invoice.id), &Scope::Client);
                    fires.entry((action, due.key)).or_default().insert(invoice.id.clone());
                }
            }
        }
        for ((_, key), invoices) in fires {
            self.fire(self.policy(), key, &Scope::Client, invoices);
        }
        unwarned
    }

    /// Overdue invoices that are collected, by number.
    pub(super) fn collected(&self) -> Vec<Invoice> {
        let view = self.account.collection(self.policy(), self.day());
        view.debts().into_iter().map(|(invoice, _)| invoice.clone()).collect()
    }

    /// Steps that a newer policy brought after their day for an invoice that was there before
    /// (POL-1).
    pub(super) fn skip_steps_that_came_too_late(&mut self, invoice: &Invoice) {
        let version = self.context.policy;
        let late: Vec<_> = version
            .new_steps
            .iter()
            .filter(|(key, since)| {
                let day = match key.when {
                    When::DaysOverdue(days) => plus(invoice.due_on, days),
                    When::AfterLock(_) => return false,
                };
                key.kind == invoice.kind
                    && key.action != Action::Lock // the days rule, in force from its day
                    && day < **since
                    && invoice.recorded_on < **since
                    && !invoice.steps.contains_key(key)
            })
            .map(|(key, _)| *key)
            .collect();
        for step in late {
            let invoice = Some(invoice.id.clone());
            let why = SkipReason::CameTooLate;
            let scope = Scope::Client;
            self.emit(Event::StepSkipped { step, on: self.day(), invoice, why, scope });
        }
    }

    /// Per action, the steps after due whose day has come, mild to strong.
    fn due_steps(&self, invoice: &Invoice) -> Vec<DueSteps<'a>> {
        let overdue = invoice.days_overdue(self.day());
        let marks = self.account.invoices.get(&invoice.id).map(|invoice| &invoice.steps);
        let is_marked = |key: &StepKey| marks.is_some_and(|marks| marks.contains_key(key));
        let day_of = |when| match when {
            When::DaysOverdue(days) if days <= overdue => Some(plus(invoice.due_on, days)),
            When::DaysOverdue(_) | When::AfterLock(_) => None,
        };
        due(self.policy(), invoice.kind, day_of, is_marked)
    }

    /// Fires the steps after the lock, once per episode over all that is overdue and collected.
    fn fire_steps_after_lock(&mut self) -> Result<BTreeSet<InvoiceId>, Refusal> {
        let mut unwarned = BTreeSet::new();
        for lock in self.locks_by_rule() {
            unwarned.extend(self.fire_steps_after(&lock)?);
        }
        Ok(unwarned)
    }

    /// The locks that start steps: one by hand doesn't (LOCK-4).
    pub(super) fn locks_by_rule(&self) -> Vec<Lock> {
        self.account.locks.values().filter(|lock| lock.is_by_rule()).cloned().collect()
    }

    fn fire_steps_after(&mut self, lock: &Lock) -> Result<BTreeSet<InvoiceId>, Refusal> {
        let mut unwarned = BTreeSet::new();
        let version = self.policy_of(lock)?;
        self.skip_after_lock_steps_that_came_too_late(lock, version);
        for kind in [InvoiceKind::Regular, InvoiceKind::OutOfTurn] {
            for due in self.due_steps_after(&lock.scope, version, kind) {
                let action = due.key.action;
                let overdue = self.collected().into_iter();
                let overdue = overdue.filter(|i| i.fee_of.is_none() && lock.scope.covers(i));
                let may = overdue.filter(|i| i.kind == kind && self.may_happen(i, action));
                let (ready, waiting): (Vec<_>, Vec<_>) =
                    may.partition(|invoice| !action.needs_warning() || self.is_warned(invoice));
                let never = waiting.into_iter().filter(|invoice| !invoice.was_warned());
                unwarned.extend(never.map(|invoice| invoice.id));
                if ready.is_empty() {
                    continue;
                }
                if self.has_responded(&due) {
                    self.skip(&due, None, &lock.scope);
                } else if !self.withholds(due.step) {
                    self.pass_over(&due, None, &lock.scope);
                    let invoices = ready.into_iter().map(|invoice| invoice.id).collect();
                    self.fire(&version.policy, due.key, &lock.scope, invoices);
                }
            }
        }
        Ok(unwarned)
    }

    pub(super) fn skip_after_lock_steps_that_came_too_late(
        &mut self,
        lock: &Lock,
        version: &PolicyVersion,
    ) {
        let late: Vec<_> = version
            .new_steps
            .iter()
            .filter(|(key, since)| match key.when {
                When::AfterLock(days) => plus(lock.on, days) < **since,
                When::DaysOverdue(_) => false,
            })
            .map(|(key, _)| *key)
            .filter(|key| !self.account.episode_step_is_done(&lock.scope, *key))
            .collect();
        for step in late {
            let (why, scope) = (SkipReason::CameTooLate, lock.scope.clone());
            self.emit(Event::StepSkipped { step, on: self.day(), invoice: None, why, scope });
        }
    }

    fn due_steps_after(
        &self,
        scope: &Scope,
        version: &'a PolicyVersion,
        kind: InvoiceKind,
    ) -> Vec<DueSteps<'a>> {
        let Some(lock) = self.account.locks.get(scope) else { return Vec::new() };
        let since = days_between(lock.on, self.day());
        let day_of = |when| match when {
            When::AfterLock(days) if days <= since => Some(plus(lock.on, days)),
            When::AfterLock(_) | When::DaysOverdue(_) => None,
        };
        due(&version.policy, kind, day_of, |key| lock.steps.contains(key))
    }

    /// Whether the step is a demand that the run may not make by itself; it stays to be done (LOCK-10). One that
    /// a partner approves by itself is none of the run's.
    fn withholds(&mut self, step: &Step) -> bool {
        let is_demand = step.action.letter().is_some_and(DebtKind::is_demand);
        let is_withheld =
            is_demand && !step.needs_approval && self.context.latitude != Latitude::Full;
        self.withheld.demand |= is_withheld && self.account.deliverable().is_some();
        is_withheld
    }

    /// Whether the client responded before the day that the step is meant for (LET-8).
    fn has_responded(&self, due: &DueSteps<'_>) -> bool {
        let days = due.step.unless_response_days;
        days.is_some_and(|days| self.account.responded_within(days, due.day))
    }

    fn skip(&mut self, due: &DueSteps<'_>, invoice: Option<&InvoiceId>, scope: &Scope) {
        self.pass_over(due, invoice, scope);
        let (step, why) = (due.key, SkipReason::Responded);
        let (on, invoice, scope) = (self.day(), invoice.cloned(), scope.clone());
        self.emit(Event::StepSkipped { step, on, invoice, why, scope });
    }

    fn pass_over(&mut self, due: &DueSteps<'_>, invoice: Option<&InvoiceId>, scope: &Scope) {
        for &step in &due.passed_over {
            let why = SkipReason::PassedOver;
            let (on, invoice, scope) = (self.day(), invoice.cloned(), scope.clone());
            self.emit(Event::StepSkipped { step, on, invoice, why, scope });
        }
    }

    /// One step, over those invoices: a letter, a task, or a task to approve it (POL-3).
    fn fire(
        &mut self,
        policy: &Policy,
        step: StepKey,
        scope: &Scope,
        invoices: BTreeSet<InvoiceId>,
    ) {
        let scope = scope.clone();
        let on = self.day();
        let needs_approval = policy.steps().any(|(key, step_)| key == step && step_.needs_approval);
        if needs_approval {
            self.emit(Event::StepReached { step, on, invoices: invoices.clone(), scope });
            return self.open_step_task(step, invoices, true);
        }
        let letter = step
            .action
            .letter()
            .map(|kind| Part { text: policy.text_of(step), ..Part::new(kind, invoices.clone()) })
            .and_then(|part| self.queue_debt_part(part));
        self.emit(Event::StepDone { step, on, invoices: invoices.clone(), letter, scope });
        if step.action.letter().is_none() {
            self.open_step_task(step, invoices, false);
        }
    }

    pub(super) fn open_step_task(
        &mut self,
        step: StepKey,
        invoices: BTreeSet<InvoiceId>,
        needs_approval: bool,
    ) {
        let about = match step.action {
            Action::CollectionsReferral => {
                let (approved_by, approved_on) = (None, None);
                let invoices = invoices.clone();
                About::CollectionsReferral { step, invoices, approved_by, approved_on }
            }
            Action::Close => About::CloseProposal { step, invoices: invoices.clone() },
            _ if needs_approval => About::ApproveStep { step, invoices: invoices.clone() },
            Action::Notice
            | Action::LateFee
            | Action::Limit
            | Action::Lock
            | Action::DemandLetter
            | Action::FinalDemand
            | Action::ReviewTask => About::ReviewTask { step, invoices: invoices.clone() },
        };
        let same = self.account.tasks.values().find(|task| {
            let is_open =
                !matches!(task.about, About::CollectionsReferral { approved_by: Some(_), .. });
            is_open
                && task.about.kind() == about.kind()
                && task.about.step().is_some_and(|(key, _)| key == step)
        });
        match same.map(|task| task.id) {
            Some(task) => self.emit(Event::TaskExtended { task, invoices }),
            None => self.open_task(about),
        }
    }

    /// A notice outside the steps for what no letter has named yet (LOCK-7, EVAL-2).
    fn warn(&mut self, mut unwarned: BTreeSet<InvoiceId>) {
        for letter in
            self.account.letters.values().filter(|letter| letter.state == LetterState::Queued)
        {
            if let Content::Debt { parts } = &letter.content {
                for part in parts.iter().filter(|part| part.kind != DebtKind::Reminder) {
                    unwarned.retain(|invoice| !part.invoices.contains(invoice));
                }
            }
        }
        if !unwarned.is_empty() {
            self.queue_debt_letter(DebtKind::Notice, unwarned, None);
        }
    }

    /// Reminders before due: on their day, or, when missed, the nearest while it is not yet due;
    /// never on or before the issue day (LET-1).
    fn remind(&mut self) {
        if self.account.deliverable().is_none() {
            return;
        }
        let today = self.day();
        let mut reminded: Vec<(InvoiceId, BTreeSet<u32>)> = Vec::new();
        let view = self.account.collection(self.policy(), today);
        let charging = self.charging();
        for invoice in self.account.open_invoices() {
            let day_of = |days| minus(invoice.due_on, days);
            let due = self.policy().kind(invoice.kind).reminders.iter().copied();
            let due = due.filter(|&days| invoice.issued_on < day_of(days) && day_of(days) <= today);
            let due: BTreeSet<_> = due.filter(|days| !invoice.reminders.contains(days)).collect();
            let Some(&nearest) = due.first() else { continue };
            let is_passed = invoice.reminders.range(..nearest).next().is_some();
            let is_on_time = day_of(nearest) == today;
            let may_leave = is_on_time || today < invoice.due_on;
            if !is_passed && may_leave && view.collects(invoice) && !charging.is_to_come(invoice) {
                reminded.push((invoice.id.clone(), due));
            }
        }
        if reminded.is_empty() {
            return;
        }
        let invoices = reminded.iter().map(|(id, _)| id.clone()).collect();
        for (invoice, reminders) in reminded {
            self.emit(Event::Reminded { invoice, reminders });
        }
        self.queue_debt_letter(DebtKind::Reminder, invoices, None);
    }

    /// Whether that may happen to the invoice today: after a rejected dispute one thing a day,
    /// mildest first (DIS-1).
    pub(super) fn may_happen(&self, invoice: &Invoice, thing: Action) -> bool {
        let known = self.account.invoices.get(&invoice.id).unwrap_or(invoice);
        match &known.catch_up {
            None => true,
            Some(catch_up) if catch_up.last_on == Some(self.day()) => false,
            Some(_) => self.things(known).first().is_none_or(|mildest| thing <= *mildest),
        }
    }

    /// What is to happen to an invoice, mildest first.
    fn things(&self, invoice: &Invoice) -> BTreeSet<Action> {
        let due = self.due_steps(invoice).into_iter();
        let mut things: BTreeSet<_> =
            due.filter_map(|due| self.thing(invoice, due.key.action)).collect();
        for lock in self.account.locks_over(invoice) {
            let Ok(version) = self.policy_of(lock) else { continue };
            let due = self.due_steps_after(&lock.scope, version, invoice.kind).into_iter();
            things.extend(due.filter_map(|due| self.thing(invoice, due.key.action)));
        }
        if self.has_due_fee(invoice) {
            things.insert(Action::LateFee);
        }
        if self.would_lock(invoice) {
            things.insert(Action::Lock);
        }
        if !self.announcing().due_for(invoice).is_empty() {
            things.insert(Action::Notice);
        }
        things
    }

    /// What a due step comes to: a warning, where it must be warned first; nothing, while it waits.
    fn thing(&self, invoice: &Invoice, action: Action) -> Option<Action> {
        match action.needs_warning() && !self.is_warned(invoice) {
            true => (!invoice.was_warned()).then_some(Action::Notice),
            false => Some(action),
        }
    }

    /// Whether the rule would lock with this invoice counted.
    fn would_lock(&self, invoice: &Invoice) -> bool {
        let policy = self.policy();
        if !may_be_locked(&self.account, policy, invoice) {
            return false;
        }
        let view = self.account.collection(self.policy(), self.day());
        let scope = policy.lock.scope_of(invoice);
        let debts = view.debts().into_iter().filter(|(known, _)| {
            scope.covers(known) && !known.never_locks && self.is_warned(known)
        });
        let debts: Vec<Debt<'_>> = debts.map(|(_, debt)| debt).collect();
        lock_reason(policy, &debts, &debts).is_some()
            && counted(policy, &debts).contains(&invoice.id)
    }

    /// Once nothing more is to happen to an invoice than on any day, one thing a day ends.
    fn end_catch_up(&mut self) {
        let view = self.account.collection(self.policy(), self.day());
        let done: Vec<_> = self
            .account
            .open_invoices()
            .filter(|invoice| invoice.catch_up.is_some())
            .filter(|invoice| !invoice.is_overdue(self.day()) || view.collects(invoice))
            .filter(|invoice| !invoice.is_overdue(self.day()) || self.things(invoice).is_empty())
            .map(|invoice| invoice.id.clone())
            .collect();
        for invoice in done {
            self.emit(Event::CaughtUp { invoice });
        }
    }

    /// Everything is paid: the rule unlocks, or the billing lead is told (UNL-2, UNL-3).
    fn offer_unlock(&mut self) -> Result<(), Refusal> {
        let is_ready = |about: &About| *about == About::ReadyForUnlock;
        let (mut paid, mut waits) = (Vec::new(), false);
        for lock in self.account.locks.values() {
            if self.unlock_test(lock)?.holds() {
                let mode = self.policy_of(lock)?.policy.unlock.mode;
                match mode == UnlockMode::OnPayment && lock.money_came && lock.is_by_rule() {
                    true => paid.push(lock.scope.clone()),
                    false => waits = true,
                }
            }
        }
        for scope in paid {
            self.unlock(&scope, UnlockWay::Payment);
        }
        if !waits {
            self.close_tasks(is_ready);
        } else if !self.has_task(is_ready) {
            self.open_task(About::ReadyForUnlock);
        }
        Ok(())
    }
}

/// What the lock rule found.
#[derive(Debug, PartialEq, Eq)]
enum Finding {
    /// No trigger is met.
    Nothing,
    /// One is, but it waits for a working day (LOCK-3), for a fresh ledger (FRESH-1), or for a reader (LET-8).
    Wait,
    /// One is, but for invoices that must be warned first; those that never were.
    Warn(BTreeSet<InvoiceId>),
    /// One is.
    Lock { reason: LockReason, invoices: BTreeSet<InvoiceId>, named: BTreeSet<InvoiceId> },
}

/// Per action the steps whose day has come and that are not marked; the furthest of them fires. A `lock` step is the
/// days rule, and none of them.
fn due<'p>(
    policy: &'p Policy,
    kind: InvoiceKind,
    day_of: impl Fn(When) -> Option<Day>,
    is_marked: impl Fn(&StepKey) -> bool,
) -> Vec<DueSteps<'p>> {
    let mut by_action: BTreeMap<Action, Vec<(Day, StepKey, &Step)>> = BTreeMap::new();
    // Fees are charged before, each missed one too (LF-1).
    for step in policy.kind(kind).steps.iter().filter(|step| step.action != Action::LateFee) {
        let key = step.key(kind);
        if let Some(day) = day_of(step.when)
            && !is_marked(&key)
            && step.action != Action::Lock
        {
            by_action.entry(step.action).or_default().push((day, key, step));
        }
    }
    let mut steps = Vec::new();
    for mut due in by_action.into_values() {
        due.sort_by_key(|(day, key, _)| (*day, *key));
        if let Some((day, key, step)) = due.pop() {
            let passed_over = due.into_iter().map(|(_, key, _)| key).collect();
            steps.push(DueSteps { step, key, day, passed_over });
        }
    }
    steps
}
