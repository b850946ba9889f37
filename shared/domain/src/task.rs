//! Tasks: what waits for a person at the firm.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::id::{InvoiceId, PaymentId, StaffId};
use crate::letter::LetterId;
use crate::message::MessageId;
use crate::policy::StepKey;
use crate::text::Personal;

/// A task of one client, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TaskId(pub u64);

/// What waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its number.
    pub id: TaskId,
    /// Since when.
    pub opened_on: Day,
    /// About what.
    pub about: About,
    /// Whose it is, where somebody took it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignee: Option<StaffId>,
}

/// What a task is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum About {
    /// Everything is paid: ask for the unlock (UNL-2).
    ReadyForUnlock,
    /// A step for a partner to look at (POL-3).
    ReviewTask {
        /// Which step.
        step: StepKey,
        /// For which invoices.
        invoices: BTreeSet<InvoiceId>,
    },
    /// A step that leaves only when a partner approved it (POL-3).
    ApproveStep {
        /// Which step.
        step: StepKey,
        /// For which invoices.
        invoices: BTreeSet<InvoiceId>,
    },
    /// A debt to be handed to a collector (CLOSE-2).
    CollectionsReferral {
        /// Which step.
        step: StepKey,
        /// For which invoices.
        invoices: BTreeSet<InvoiceId>,
        /// Who approved it; the task then stays open until nothing of it is overdue.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_by: Option<StaffId>,
        /// When: since then a collector has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        approved_on: Option<Day>,
    },
    /// An engagement to be ended (CLOSE-1).
    CloseProposal {
        /// Which step.
        step: StepKey,
        /// For which invoices.
        invoices: BTreeSet<InvoiceId>,
    },
    /// A letter came back (LET-6).
    BouncedAddress {
        /// Which contact, by its place.
        contact: u32,
        /// Which letter.
        letter: LetterId,
    },
    /// A demand was claimed, and whether it left can't be told: a person looks (LET-4).
    LetterStuck {
        /// Which letter.
        letter: LetterId,
    },
    /// Nothing can be written, so nothing is locked (LOCK-7).
    NoAddress,
    /// The client asks for its own records (ACC-4).
    RecordsRequest,
    /// The client asks for a payment plan: a partner decides (PLAN-1).
    PlanRequest {
        /// For what.
        invoices: BTreeSet<InvoiceId>,
        /// What the client can pay, and when, in its own words.
        wish: Personal,
    },
    /// The client asks for its portal to be opened: the billing lead takes it on, or not (UNL-1).
    UnlockAsked {
        /// What the client says to it; may be nothing.
        words: Personal,
    },
    /// The client wrote, and nobody has read it: meanwhile nothing harsher than a reminder happens (LET-8).
    Message {
        /// Which messages wait to be read.
        messages: BTreeSet<MessageId>,
    },
    /// A payment isn't what was expected (PAY-2).
    Mismatch {
        /// Which payment.
        payment: PaymentId,
        /// Both sides.
        evidence: Personal,
    },
}

impl About {
    /// The kind's name.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::ReadyForUnlock => "ready_for_unlock",
            Self::ReviewTask { .. } => "review_task",
            Self::ApproveStep { .. } => "approve_step",
            Self::CollectionsReferral { .. } => "collections_referral",
            Self::CloseProposal { .. } => "close_proposal",
            Self::BouncedAddress { .. } => "bounced_address",
            Self::LetterStuck { .. } => "letter_stuck",
            Self::NoAddress => "no_address",
            Self::RecordsRequest => "records_request",
            Self::PlanRequest { .. } => "plan_request",
            Self::UnlockAsked { .. } => "unlock_asked",
            Self::Message { .. } => "message",
            Self::Mismatch { .. } => "mismatch",
        }
    }

    /// The step and invoices of a step's task.
    pub fn step(&self) -> Option<(StepKey, &BTreeSet<InvoiceId>)> {
        match self {
            Self::ReviewTask { step, invoices }
            | Self::ApproveStep { step, invoices }
            | Self::CloseProposal { step, invoices }
            | Self::CollectionsReferral { step, invoices, .. } => Some((*step, invoices)),
            Self::ReadyForUnlock
            | Self::BouncedAddress { .. }
            | Self::LetterStuck { .. }
            | Self::NoAddress
            | Self::RecordsRequest
            | Self::PlanRequest { .. }
            | Self::UnlockAsked { .. }
            | Self::Message { .. }
            | Self::Mismatch { .. } => None,
        }
    }

    /// The messages that wait to be read, where it is about those.
    pub(crate) fn unread_mut(&mut self) -> Option<&mut BTreeSet<MessageId>> {
        match self {
            Self::Message { messages } => Some(messages),
            _ => None,
        }
    }

    /// The invoices that it is about, where it is about some.
    pub fn invoices(&self) -> Option<&BTreeSet<InvoiceId>> {
        match self {
            Self::PlanRequest { invoices, .. } => Some(invoices),
            _ => self.step().map(|(_, invoices)| invoices),
        }
    }
}
