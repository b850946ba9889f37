//! By which rules something comes (EVAL-5): for staff, who may look them up.

use std::collections::BTreeSet;

use crate::event::Event;
use crate::letter::{Content, DebtKind, Part};
use crate::lock::{LockCause, LockReason};
use crate::policy::Action;
use crate::task::About;

/// The rules behind what an evaluation decides.
pub(super) fn rules(events: &[Event]) -> BTreeSet<&'static str> {
    let steps: BTreeSet<_> = events.iter().filter_map(step).collect();
    events.iter().flat_map(|event| of(event, &steps)).collect()
}

fn step(event: &Event) -> Option<Action> {
    match event {
        Event::StepDone { step, .. } | Event::StepReached { step, .. } => Some(step.action),
        _ => None,
    }
}

fn of(event: &Event, steps: &BTreeSet<Action>) -> Vec<&'static str> {
    match event {
        Event::Locked { lock, .. } => match &lock.cause {
            LockCause::Rule(LockReason::Unpaid { .. }) => vec!["LOCK-1"],
            LockCause::Rule(_) => vec!["LOCK-9"],
            LockCause::Hand(_) => vec!["LOCK-4"],
        },
        Event::LetterQueued(letter) => match &letter.content {
            Content::Debt { parts } => parts.iter().map(|part| letter_rule(part, steps)).collect(),
            _ => Vec::new(), // follows from what stands beside it
        },
        Event::LetterExtended { part, .. } => vec![letter_rule(part, steps)],
        Event::LimitBegun(_)
        | Event::LimitChanged(_)
        | Event::LimitEnded { .. }
        | Event::StepDone { .. }
        | Event::StepReached { .. } => vec!["POL-3"],
        Event::StepSkipped { .. } | Event::CaughtUp { .. } => vec!["EVAL-2"],
        Event::Reminded { .. } => vec!["POL-2"],
        Event::FeeCharged { .. } | Event::FeePassedOver { .. } => vec!["LF-1"],
        Event::FeeTakenBack { .. } => vec!["LF-2"],
        Event::ChargeRequested(_) => vec!["CHG-1"],
        Event::PromiseEnded { .. } => vec!["PROM-1"],
        Event::PlanEnded { .. } => vec!["PLAN-1"],
        Event::HoldEnded { .. } => vec!["LOCK-6"],
        Event::ExceptionEnded | Event::LineExceptionEnded { .. } => vec!["UNL-4"],
        Event::UnlockRequestExpired { .. } => vec!["UNL-6"],
        Event::Unlocked { .. } => vec!["UNL-3"],
        Event::TaskOpened(task) => match &task.about {
            About::ReadyForUnlock => vec!["UNL-2"],
            About::NoAddress => vec!["LOCK-7"],
            About::CollectionsReferral { .. } => vec!["CLOSE-2"],
            About::CloseProposal { .. } => vec!["CLOSE-1"],
            About::ReviewTask { .. } | About::ApproveStep { .. } => vec!["POL-3"],
            _ => Vec::new(), // people open the others
        },
        _ => Vec::new(), // follows from what stands beside it
    }
}

/// A notice outside of the steps is a warning before a lock.
fn letter_rule(part: &Part, steps: &BTreeSet<Action>) -> &'static str {
    match part.kind {
        DebtKind::Reminder => "POL-2",
        DebtKind::Notice if !steps.contains(&Action::Notice) => "LOCK-7",
        DebtKind::LockNotice
        | DebtKind::LimitNotice
        | DebtKind::CloseNotice
        | DebtKind::Notice
        | DebtKind::DemandLetter
        | DebtKind::FinalDemand => "POL-3",
    }
}
