//! The end of an engagement: proposed by a step, approved by a partner (CLOSE-1).
//!
//! From then on nothing happens by itself: no letter but receipts, no lock, no step, no task. What people do goes
//! on: payments come in, invoices are written off, the client pays, writes and asks for its records.

use super::{COLLECTORS, Decision, PARTNERS, past, reason_given};
use crate::account::{Account, Closed, Erased, Gone, PutOff};
use crate::calendar::{Day, MAX_DAYS, for_person, plus};
use crate::command::Command;
use crate::event::Event;
use crate::refusal::Refusal;
use crate::retention::{YEARS, deletes_on, obligations};
use crate::role::Actor;
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
        self.emit(Event::ClientClosed(Closed { on, by, put_off: None, erased: None }));
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

    /// A partner keeps what would be deleted; the last word counts, also where it is an earlier day.
    pub(super) fn put_off_deletion(
        &mut self,
        until: Day,
        reason: &Personal,
    ) -> Result<(), Refusal> {
        self.require(PARTNERS, "STAFF-1", "put a deletion off")?;
        reason_given(reason, "CLOSE-1")?;
        let Some(closed) = &self.account.closed else {
            let text = "the engagement goes on, so nothing of this client is deleted";
            return Err(Refusal::conflict("CLOSE-1", text));
        };
        if until < self.day() {
            return Err(past(until, "CLOSE-1"));
        }
        let latest = plus(self.day(), MAX_DAYS);
        if latest < until {
            let text = format!("a deletion is put off until {} at most", for_person(latest));
            return Err(Refusal::invalid("CLOSE-1", text));
        }
        let put_off = PutOff { until, by: self.staff()?, reason: reason.clone() };
        if closed.put_off.as_ref() != Some(&put_off) {
            self.emit(Event::DeletionPutOff(put_off));
        }
        Ok(())
    }

    /// The schedule alone deletes, and only what was kept long enough and nobody is obliged to keep.
    pub(super) fn erase(&mut self, years: u32, gone: Gone) -> Result<(), Refusal> {
        if *self.context.actor != Actor::Schedule {
            let text = "personal data are deleted by the clock, when they were kept long enough";
            return Err(Refusal::forbidden("CLOSE-1", text));
        }
        if !YEARS.contains(&years) {
            let text = format!("{} to {} years are expected", YEARS.start(), YEARS.end());
            return Err(Refusal::invalid("CLOSE-1", text));
        }
        let Some(closed) = &self.account.closed else {
            return Err(Refusal::conflict("CLOSE-1", "the engagement goes on"));
        };
        if closed.erased.is_some() {
            return Ok(()); // deleting twice is deleting once
        }
        let from = deletes_on(closed, years);
        if self.day() < from {
            let text = format!("its personal data are kept until {}", for_person(from));
            return Err(Refusal::conflict("CLOSE-1", text));
        }
        if let Some(obligation) = obligations(&self.account, self.day()).first() {
            return Err(Refusal::conflict("CLOSE-1", obligation.to_string()));
        }
        self.close_tasks(|_| true);
        self.emit(Event::ClientErased(Erased { on: self.day(), years, gone }));
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

/// Of a client whose personal data are deleted the ledger goes on, should money move once more; nothing else is
/// written, least of all what would have to be deleted again.
pub(super) fn refuse_of_erased(account: &Account, command: &Command) -> Result<(), Refusal> {
    let Some(erased) = account.closed.as_ref().and_then(|closed| closed.erased.as_ref()) else {
        return Ok(());
    };
    match command {
        Command::RecordPayment { .. }
        | Command::ReportMismatch { .. }
        | Command::AllocateCredit
        | Command::VoidInvoice { .. }
        | Command::WriteOff { .. }
        | Command::AssignTask { .. }
        | Command::CloseTask { .. }
        | Command::ClaimLetter { .. }
        | Command::ReclaimLetter { .. }
        | Command::JoinLetter { .. }
        | Command::ReportBounce { .. }
        | Command::Erase { .. }
        | Command::Evaluate => Ok(()),
        _ => {
            let on = for_person(erased.on);
            let text = format!("the personal data of this client were deleted on {on}");
            Err(Refusal::conflict("CLOSE-1", text))
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
        | About::Message { .. }
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
