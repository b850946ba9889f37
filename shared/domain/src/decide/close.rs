//! The end of an engagement: proposed by a step, approved by a partner (CLOSE-1).
//!
//! From then on nothing happens by itself: no letter but receipts, no lock, no step, no task. What people do goes
//! on: payments come in, invoices are written off, the client pays, writes and asks for its records.

use super::{Decision, PARTNERS};
use crate::account::Closed;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::task::About;

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
