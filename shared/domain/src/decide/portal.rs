//! The portal by hand: lock, ask, approve, reject, unlock by exception (LOCK-4, UNL-1..6), and a
//! partner's approval of a step (POL-3).

use std::collections::BTreeSet;

use super::{COLLECTORS, Decision, PARTNERS, past, reason_given, within_length};
use crate::account::{Exception, ExceptionEnd, UnlockRequest, UnlockWay, Unlocked};
use crate::calendar::{Day, plus};
use crate::event::Event;
use crate::id::TemplateName;
use crate::letter::{Content, LetterId, LetterState, Part};
use crate::lock::{Lock, LockCause};
use crate::policy::{Action, StepKey, UnlockMode};
use crate::refusal::Refusal;
use crate::task::{About, TaskId};
use crate::text::Personal;

impl Decision<'_> {
    pub(super) fn lock_by_hand(&mut self, reason: &Personal) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "lock a portal")?;
        reason_given(reason, "LOCK-4")?;
        self.still_open("its portal can't be locked")?;
        if self.is_stopped() {
            let text = "the firm stopped locks and letters; lift that first";
            return Err(Refusal::conflict("LOCK-10", text));
        }
        let cause = LockCause::Hand(reason.clone());
        let lock = match &self.account.lock {
            Some(lock) if lock.cause == cause => return Ok(()),
            Some(lock) => Lock { cause, ..lock.clone() },
            None => self.new_lock(cause),
        };
        self.emit(Event::Locked { lock, invoices: BTreeSet::new() });
        Ok(())
    }

    pub(super) fn new_lock(&self, cause: LockCause) -> Lock {
        Lock {
            episode: self.account.episodes.saturating_add(1),
            on: self.day(),
            cause,
            policy: self.context.policy.id.clone(),
            steps: BTreeSet::new(),
            money_came: false,
            requests: 0,
        }
    }

    pub(super) fn move_episode(&mut self) -> Result<(), Refusal> {
        self.require(PARTNERS, "POL-1", "move a running episode to the newest policy")?;
        let newest = self.context.policy.id.clone();
        if self.locked("POL-1")?.policy != newest {
            self.emit(Event::EpisodeMoved { policy: newest });
        }
        Ok(())
    }

    pub(super) fn request_unlock(&mut self) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "ask for an unlock")?;
        let number = self.locked("UNL-6")?.requests.saturating_add(1);
        if self.account.request.is_some() {
            return Ok(()); // a second one is the same request
        }
        let expires_days = self.lock_policy()?.policy.unlock.request_expires_days;
        let (by, on) = (self.staff()?, self.day());
        let expires_on = plus(on, expires_days);
        let request = UnlockRequest { by, on, expires_on, number };
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
        let is_by_rule = matches!(self.locked("UNL-6")?.cause, LockCause::Rule(_));
        let unlock = &self.lock_policy()?.policy.unlock;
        let is_paid = self.account.unlock_test(self.policy(), unlock, self.day()).holds();
        if unlock.mode == UnlockMode::OnPayment && is_by_rule && !is_paid {
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

    pub(super) fn approve_unlock(&mut self) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "approve an unlock")?;
        let by = self.staff()?;
        if self.account.lock.is_none() && self.was_approved() {
            return Ok(()); // approving twice is one approval
        }
        self.locked("UNL-6")?;
        let unlock = &self.lock_policy()?.policy.unlock;
        if unlock.four_eyes {
            match self.account.requester() {
                None => return Err(Refusal::conflict("UNL-1", "nobody asked for the unlock")),
                Some(requester) if *requester == by => {
                    let text = "whoever asked for the unlock can't approve it: that takes two different people";
                    return Err(Refusal::forbidden("UNL-1", text));
                }
                Some(_) => {}
            }
        }
        let test = self.account.unlock_test(self.policy(), unlock, self.day());
        if !test.holds() {
            let open: Vec<_> = test.open.iter().map(|id| id.as_str()).collect();
            let text = format!("these are still overdue: {}", open.join(", "));
            return Err(Refusal::conflict("UNL-1", text));
        }
        self.unlock(UnlockWay::Approved { by, despite: test.despite });
        Ok(())
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
    ) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "unlock by exception")?;
        reason_given(reason, "UNL-4")?;
        self.locked("UNL-4")?;
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
        let overdue = self.account.open_invoices().filter(|invoice| invoice.is_overdue(self.day()));
        let exception = Exception {
            begun_on: self.day(),
            ends,
            reason: reason.clone(),
            old_debts: overdue.map(|invoice| invoice.id.clone()).collect(),
            relocks: self.lock_policy()?.policy.lock.relock_after_exception,
        };
        let by = self.staff()?;
        self.emit(Event::ExceptionBegun(exception));
        self.unlock(UnlockWay::Exception { by });
        Ok(())
    }

    /// Clears the lock, closes what waited for it and says so (UNL-5).
    pub(super) fn unlock(&mut self, way: UnlockWay) {
        let Some(lock) = &self.account.lock else { return };
        let was = lock.cause.clone();
        let unlocked = Unlocked { on: self.day(), way };
        self.emit(Event::Unlocked { unlocked, was });
        self.close_tasks(|about| {
            matches!(about, About::ReadyForUnlock | About::UnlockAsked { .. })
        });
        self.queue_letter(Content::WelcomeBack);
    }

    /// A run that should not have been: the lock that it set is lifted and its letters stay here. Whom a letter
    /// reached is told by the firm in its own words, so no letter follows.
    pub(super) fn undo_run(
        &mut self,
        episode: Option<u32>,
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
        let lock = self.account.lock.as_ref();
        let lock = lock.filter(|lock| matches!(lock.cause, LockCause::Rule(_)));
        if let Some(lock) = lock.filter(|lock| Some(lock.episode) == episode) {
            let was = lock.cause.clone();
            let way = UnlockWay::Undone { by, reason: reason.clone() };
            self.emit(Event::Unlocked { unlocked: Unlocked { on: self.day(), way }, was });
            self.close_tasks(|about| {
                matches!(about, About::ReadyForUnlock | About::UnlockAsked { .. })
            });
        }
        Ok(())
    }

    fn locked(&self, rule: &'static str) -> Result<&Lock, Refusal> {
        let lock = self.account.lock.as_ref();
        lock.ok_or_else(|| Refusal::conflict(rule, "the portal is not locked"))
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
                    self.emit(Event::ReferralApproved { task, by: by.clone() });
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
        let episode = self.context.episode.map(|version| &version.policy);
        [Some(self.policy()), episode].into_iter().flatten().find_map(|policy| policy.text_of(step))
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
        | About::Mismatch { .. } => false,
    }
}
