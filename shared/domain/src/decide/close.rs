//! The end of an engagement: proposed by a step, approved by a partner (CLOSE-1).
//!
//! From then on nothing happens by itself: no letter but receipts, no lock, no step, no task. What people do goes
//! on: payments come in, invoices are written off, the client pays, writes and asks for its records.

use super::{COLLECTORS, Decision, PARTNERS, reason_given};
use crate::account::Closed;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::task::{About, TaskId};
use crate::text::Personal;

impl Decision<'_> {
    pub(super) fn approve_close(&mut self) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "end an engagement")?;
        if self.account.closed.is_some() {
            return Ok(()); // approving twice is one approval
        }
        if !self.has_task(|about| matches!(about, About::CloseProposal { .. })) {
            let text = "nothing proposes to end this engagement";
            return Err(Refusal::conflict("CLOSE-1", text));
        }
        let (by, on) = (self.staff()?, self.day());
        self.emit(Event::ClientClosed(Closed { on, by }));
        self.end_limit();
        if let Some(by) = self.account.requester().cloned() {
            self.emit(Event::UnlockRequestExpired { by });
        }
        self.close_tasks(|about| !stays(about));
        Ok(())
    }

    /// What a collector gave back is collected again, as after a pause (CLOSE-2).
    pub(super) fn return_referral(&mut self, reason: &Personal) -> Result<(), Refusal> {
        self.require(COLLECTORS, "STAFF-1", "take a debt back from collections")?;
        reason_given(reason, "CLOSE-2")?;
        let tasks: Vec<TaskId> = self.account.referrals().map(|referral| referral.task).collect();
        if tasks.is_empty() {
            let text = "nothing of this client is with collections";
            return Err(Refusal::conflict("CLOSE-2", text));
        }
        for task in tasks {
            let (on, reason) = (self.day(), reason.clone());
            self.emit(Event::ReferralReturned { task, on, reason });
            self.close_task(task);
        }
        Ok(())
    }

    /// Refuses what a closed client takes no more.
    pub(super) fn still_open(&self, what: &str) -> Result<(), Refusal> {
        match self.account.closed {
            Some(_) => {
                let text = format!("the engagement has ended: {what}");
                Err(Refusal::conflict("CLOSE-1", text))
            }
            None => Ok(()),
        }
    }
}

/// Whether somebody still has to do it when the engagement has ended.
fn stays(about: &About) -> bool {
    match about {
        About::CollectionsReferral { .. } // followed until returned, paid or written off (CLOSE-2)
        | About::RecordsRequest
        | About::BouncedAddress { .. }
        | About::LetterStuck { .. }
        | About::Mismatch { .. } => true,
        About::ReadyForUnlock
        | About::ReviewTask { .. }
        | About::ApproveStep { .. }
        | About::CloseProposal { .. }
        | About::NoAddress
        | About::PlanRequest { .. }
        | About::UnlockAsked { .. } => false,
    }
}
