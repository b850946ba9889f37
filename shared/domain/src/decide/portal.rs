//! The portal by hand: lock, ask, approve, reject, unlock by exception (LOCK-4, UNL-1..6), and a
//! partner's approval of a step (POL-3).

use std::collections::BTreeSet;

use super::{COLLECTORS, Decision, PARTNERS, past, reason_given, within_length};
use crate::account::{Exception, ExceptionEnd, UnlockRequest, UnlockTest, UnlockWay, Unlocked};
use crate::calendar::{Day, plus};
use crate::event::Event;
use crate::id::{InvoiceId, ServiceLine, StaffId, TemplateName};
use crate::letter::{Content, LetterId, LetterState, Part};
use crate::lock::{Lock, LockCause, Scope};
use crate::policy::{Action, StepKey, UnlockMode};
use crate::refusal::Refusal;
use crate::task::{About, TaskId};
use crate::text::Personal;

impl Decision<'_> {
    pub(super) fn lock_by_hand(
        &mut self,
        reason: &Personal,
        lines: &BTreeSet<ServiceLine>,
    ) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "lock a portal")?;
        reason_given(reason, "LOCK-4")?;
        self.still_open("its portal can't be locked")?;
        if self.is_stopped() {
            let text = "the firm stopped locks and letters; lift that first";
            return Err(Refusal::conflict("LOCK-10", text));
        }
        let known = self.account.service_lines();
        if let Some(line) = lines.iter().find(|line| !known.contains(*line)) {
            let text = format!("the client has no service line {line}");
            return Err(Refusal::not_found("LOCK-5", text));
        }
        for scope in scopes(lines) {
            let cause = LockCause::Hand(reason.clone());
            let lock = match self.account.locks.get(&scope) {
                Some(lock) if lock.cause == cause => continue,
                Some(lock) => Lock { cause, ..lock.clone() },
                None => self.new_lock(scope, cause),
            };
            self.emit(Event::Locked { lock, invoices: BTreeSet::new() });
        }
        Ok(())
    }

    pub(super) fn new_lock(&self, scope: Scope, cause: LockCause) -> Lock {
        Lock {
            episode: self.account.episodes.saturating_add(1),
            on: self.day(),
            cause,
            policy: self.context.policy.id.clone(),
            steps: BTreeSet::new(),
            money_came: false,
            requests: 0,
            scope,
        }
    }

    pub(super) fn move_episode(&mut self) -> Result<(), Refusal> {
        self.require(PARTNERS, "POL-1", "move a running episode to the newest policy")?;
        let newest = self.context.policy.id.clone();
        let locks = self.locked(&BTreeSet::new(), "POL-1")?;
        if locks.iter().any(|lock| lock.policy != newest) {
            self.emit(Event::EpisodeMoved { policy: newest });
        }
        Ok(())
    }

    pub(super) fn request_unlock(&mut self, lines: &BTreeSet<ServiceLine>) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "ask for an unlock")?;
        let locks = self.locked(lines, "UNL-6")?;
        if let Some(request) = &self.account.request {
            return match locks.iter().all(|lock| request.asks_for(&lock.scope)) {
                true => Ok(()), // a second one is the same request
                false => {
                    let text = format!(
                        "{} asked for the unlock of other service lines; decide on that first",
                        request.by
                    );
                    Err(Refusal::conflict("UNL-6", text))
                }
            };
        }
        let mut expires_days = u32::MAX;
        for lock in &locks {
            let days = self.policy_of(lock)?.policy.unlock.request_expires_days;
            expires_days = expires_days.min(days);
        }
        let number = locks.iter().map(|lock| lock.requests).max().unwrap_or(0).saturating_add(1);
        let (by, on) = (self.staff()?, self.day());
        let request = UnlockRequest {
            by,
            on,
            expires_on: plus(on, expires_days),
            number,
            lines: lines.clone(),
            episode: locks.iter().map(|lock| lock.episode).min(),
        };
        self.emit(Event::UnlockRequested(request));
        self.close_tasks(|about| matches!(about, About::UnlockAsked { .. }));
        Ok(())
    }

    /// The client's own wish: never one of the two people that an unlock needs. A second one is the same.
    pub(super) fn ask_for_unlock(&mut self, words: &Personal) -> Result<(), Refusal> {
        if !self.context.actor.is_client() {
            let text = "only the client asks so; staff request the unlock";
            return Err(Refusal::forbidden("UNL-1", text));
        }
        within_length(words, "UNL-6")?;
        let mut opens_by_itself = true;
        for lock in self.locked(&BTreeSet::new(), "UNL-6")? {
            let unlock = &self.policy_of(&lock)?.policy.unlock;
            let is_paid = self.unlock_test(&lock)?.holds();
            let waits_for_payment = unlock.mode == UnlockMode::OnPayment && lock.is_by_rule();
            opens_by_itself &= waits_for_payment && !is_paid;
        }
        if opens_by_itself {
            let text = "the portal opens by itself as soon as nothing is overdue any more";
            return Err(Refusal::conflict("UNL-3", text));
        }
        let is_asked = self.has_task(|about| matches!(about, About::UnlockAsked { .. }));
        if !is_asked && self.account.request.is_none() {
            self.open_task(About::UnlockAsked { words: words.clone() });
            self.respond();
        }
        Ok(())
    }

    pub(super) fn approve_unlock(&mut self, lines: &BTreeSet<ServiceLine>) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "approve an unlock")?;
        let by = self.staff()?;
        let is_open = match lines.is_empty() {
            true => !self.account.is_locked(),
            false => scopes(lines).iter().all(|scope| !self.account.has_lock_on(scope)),
        };
        if is_open && self.was_approved() {
            return Ok(()); // approving twice is one approval
        }
        let asked = self.account.request.as_ref().map(|request| &request.lines);
        let wanted = if lines.is_empty() { asked.unwrap_or(lines) } else { lines };
        let locks = self.locked(wanted, "UNL-6")?;
        let mut open = BTreeSet::new();
        let mut tests = Vec::new();
        for lock in locks {
            if self.policy_of(&lock)?.policy.unlock.four_eyes {
                self.asked_by_another(&lock, &by)?;
            }
            let test = self.unlock_test(&lock)?;
            open.extend(test.open);
            tests.push((lock.scope, test.despite));
        }
        if !open.is_empty() {
            let open: Vec<_> = open.iter().map(InvoiceId::as_str).collect();
            let text = format!("these are still overdue: {}", open.join(", "));
            return Err(Refusal::conflict("UNL-1", text));
        }
        for (scope, despite) in tests {
            self.unlock(&scope, UnlockWay::Approved { by: by.clone(), despite });
        }
        Ok(())
    }

    /// An unlock takes two different people (UNL-1).
    fn asked_by_another(&self, lock: &Lock, approver: &StaffId) -> Result<(), Refusal> {
        let asking = self.account.request.as_ref().filter(|known| known.asks_for(&lock.scope));
        match asking.map(|request| &request.by) {
            None => Err(Refusal::conflict("UNL-1", "nobody asked for the unlock")),
            Some(requester) if requester == approver => {
                let text = "whoever asked for the unlock can't approve it: that takes two different people";
                Err(Refusal::forbidden("UNL-1", text))
            }
            Some(_) => Ok(()),
        }
    }

    /// UNL-1's test of what is under that lock.
    pub(super) fn unlock_test(&self, lock: &Lock) -> Result<UnlockTest, Refusal> {
        let unlock = &self.policy_of(lock)?.policy.unlock;
        Ok(self.account.unlock_test(self.policy(), unlock, &lock.scope, self.day()))
    }

    fn was_approved(&self) -> bool {
        let way = self.account.last_unlock.as_ref().map(|unlocked| &unlocked.way);
        matches!(way, Some(UnlockWay::Approved { .. }))
    }

    pub(super) fn reject_unlock(&mut self, reason: &Personal) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "reject an unlock")?;
        let Some(requester) = self.account.requester().cloned() else {
            return Err(Refusal::conflict("UNL-6", "nobody asked for the unlock"));
        };
        self.emit(Event::UnlockRejected { by: requester, reason: reason.clone() });
        Ok(())
    }

    pub(super) fn exception_unlock(
        &mut self,
        reason: &Personal,
        until: Option<Day>,
        lines: &BTreeSet<ServiceLine>,
    ) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "unlock by exception")?;
        reason_given(reason, "UNL-4")?;
        let locks = self.locked(lines, "UNL-4")?;
        let ends = match until {
            Some(until) if until < self.day() => {
                return Err(past(until, "UNL-4"));
            }
            Some(until) => ExceptionEnd::Until(until),
            None if self.account.plan.is_some() => ExceptionEnd::WithPlan,
            None => {
                let text = "an exception needs an end date or a running payment plan";
                return Err(Refusal::invalid("UNL-4", text));
            }
        };
        let mut relocks = true;
        for lock in &locks {
            relocks &= self.policy_of(lock)?.policy.lock.relock_after_exception;
        }
        let by = self.staff()?;
        for scope in scopes(lines) {
            let today = self.day();
            let overdue = self.account.open_invoices().filter(|invoice| invoice.is_overdue(today));
            let old_debts = overdue.filter(|invoice| scope.covers(invoice));
            let old_debts = old_debts.map(|invoice| invoice.id.clone()).collect();
            let reason = reason.clone();
            let exception = Exception { begun_on: today, ends, reason, old_debts, relocks, scope };
            self.emit(Event::ExceptionBegun(exception));
        }
        for lock in locks {
            self.unlock(&lock.scope, UnlockWay::Exception { by: by.clone() });
        }
        Ok(())
    }

    /// Clears that lock, closes what waited for it and says so (UNL-5).
    pub(super) fn unlock(&mut self, scope: &Scope, way: UnlockWay) {
        if self.lift(scope, way) {
            self.queue_letter(match scope {
                Scope::Client => Content::WelcomeBack,
                Scope::Line(line) => Content::LineWelcomeBack { line: line.clone() },
            });
        }
    }

    /// Clears that lock and closes what waited for it; whether there was one.
    fn lift(&mut self, scope: &Scope, way: UnlockWay) -> bool {
        let Some(lock) = self.account.locks.get(scope) else { return false };
        let was = lock.cause.clone();
        let unlocked = Unlocked { on: self.day(), way, scope: scope.clone() };
        self.emit(Event::Unlocked { unlocked, was });
        if !self.account.is_locked() {
            self.close_tasks(|about| {
                matches!(about, About::ReadyForUnlock | About::UnlockAsked { .. })
            });
        }
        true
    }

    /// A run that should not have been: the locks that it set are lifted and its letters stay here. Whom a letter
    /// reached is told by the firm in its own words, so no letter follows.
    pub(super) fn undo_run(
        &mut self,
        episodes: &BTreeSet<u32>,
        letters: &BTreeSet<LetterId>,
        reason: &Personal,
    ) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "undo a run")?;
        reason_given(reason, "LOCK-10")?;
        let by = self.staff()?;
        for &letter in letters {
            let state = self.account.letters.get(&letter).map(|letter| &letter.state);
            if state == Some(&LetterState::Queued) {
                self.emit(Event::LetterWithdrawn { letter, on: self.day() });
            }
        }
        let of_run = |lock: &&Lock| lock.is_by_rule() && episodes.contains(&lock.episode);
        let locks: Vec<_> = self.account.locks.values().filter(of_run).cloned().collect();
        for lock in locks {
            let way = UnlockWay::Undone { by: by.clone(), reason: reason.clone() };
            self.lift(&lock.scope, way);
        }
        Ok(())
    }

    /// The locks on those lines, on all that is locked if none are named.
    fn locked(
        &self,
        lines: &BTreeSet<ServiceLine>,
        rule: &'static str,
    ) -> Result<Vec<Lock>, Refusal> {
        let locks = &self.account.locks;
        if locks.is_empty() {
            return Err(Refusal::conflict(rule, "the portal is not locked"));
        }
        if lines.is_empty() {
            return Ok(locks.values().cloned().collect());
        }
        let lock_on = |scope: Scope| {
            locks.get(&scope).cloned().ok_or_else(|| {
                let text = match locks.contains_key(&Scope::Client) {
                    true => "the whole client is locked, and is unlocked as a whole".to_owned(),
                    false => format!("{scope} is not locked"),
                };
                Refusal::conflict("LOCK-5", text)
            })
        };
        scopes(lines).into_iter().map(lock_on).collect()
    }

    /// A partner approves every step of that kind that waits for it.
    pub(super) fn approve_step(&mut self, action: Action) -> Result<(), Refusal> {
        if action == Action::Close {
            return self.approve_close();
        }
        self.require(PARTNERS, "STAFF-1", "approve a step")?;
        let by = self.staff()?;
        let waiting: Vec<(TaskId, About)> = self
            .account
            .tasks
            .values()
            .filter(|task| waits(&task.about, action))
            .map(|task| (task.id, task.about.clone()))
            .collect();
        if waiting.is_empty() {
            let text = format!("no {} waits for approval", action.words());
            return Err(Refusal::conflict("POL-3", text));
        }
        for (task, about) in waiting {
            match about {
                About::CollectionsReferral { .. } => {
                    let on = Some(self.day());
                    self.emit(Event::ReferralApproved { task, by: by.clone(), on });
                }
                _ => self.leave_step(task, &about)?,
            }
        }
        Ok(())
    }

    /// The approved step leaves, over what of it is collected now.
    fn leave_step(&mut self, task: TaskId, about: &About) -> Result<(), Refusal> {
        let Some((step, invoices)) = about.step() else { return Ok(()) };
        let view = self.account.collection(self.policy(), self.day());
        let collected: BTreeSet<_> = invoices
            .iter()
            .filter(|id| {
                self.account.invoices.get(*id).is_some_and(|invoice| view.collects(invoice))
            })
            .cloned()
            .collect();
        if collected.is_empty() {
            let text =
                format!("nothing that the {} is about is collected now", step.action.words());
            return Err(Refusal::conflict("POL-3", text));
        }
        if step.action == Action::LateFee {
            self.charge_approved(step, &collected)?;
            self.close_task(task);
            return Ok(());
        }
        self.close_task(task);
        match step.action.letter() {
            Some(kind) => {
                let text = self.text_of(step);
                self.queue_debt_part(Part { text, ..Part::new(kind, collected) });
            }
            // A review: a referral is approved without a task to approve it.
            None => self.open_task(About::ReviewTask { step, invoices: collected }),
        }
        Ok(())
    }

    /// The text that a step names, by the policy in force or by that of the lock.
    fn text_of(&self, step: StepKey) -> Option<TemplateName> {
        let episodes = self.context.episodes.iter().map(|version| &version.policy);
        std::iter::once(self.policy()).chain(episodes).find_map(|policy| policy.text_of(step))
    }
}

/// What an act is about that names those lines: the whole client, if it names none.
fn scopes(lines: &BTreeSet<ServiceLine>) -> Vec<Scope> {
    match lines.is_empty() {
        true => vec![Scope::Client],
        false => lines.iter().cloned().map(Scope::Line).collect(),
    }
}

fn waits(about: &About, action: Action) -> bool {
    match about {
        About::ApproveStep { step, .. } => step.action == action,
        About::CollectionsReferral { step, approved_by, .. } => {
            step.action == action && approved_by.is_none()
        }
        About::ReadyForUnlock
        | About::ReviewTask { .. }
        | About::CloseProposal { .. }
        | About::BouncedAddress { .. }
        | About::LetterStuck { .. }
        | About::NoAddress
        | About::RecordsRequest
        | About::PlanRequest { .. }
        | About::UnlockAsked { .. }
        | About::Message { .. }
        | About::Mismatch { .. } => false,
    }
}
