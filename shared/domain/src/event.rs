//! Events: what was decided. They are the audit, and an account is their fold (AUD-1).

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::account::{Closed, Erased, Exception, Profile, PutOff, TaskId, UnlockRequest, Unlocked};
use crate::calendar::Day;
use crate::charge::{Charge, ChargeId, ChargeOutcome, SavedMethod};
use crate::command::{DisputeOutcome, News};
use crate::fee::Fee;
use crate::id::{CreditNoteId, InvoiceId, MethodId, PaymentId, ServiceLine, StaffId};
use crate::invoice::{Dispute, Hold, Invoice, Source};
use crate::letter::{Letter, LetterId, Part, Sending};
use crate::limit::Limit;
use crate::lock::{Lock, LockCause, LockReason, Scope};
use crate::message::{Message, MessageId};
use crate::money::Money;
use crate::note::Note;
use crate::pay_link::PayLink;
use crate::payment::PaymentState;
use crate::people::People;
use crate::plan::{Outcome, Plan, Promise};
use crate::policy::{PolicyRef, StepKey};
use crate::task::Task;
use crate::text::Personal;

/// One thing that was decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The client became one.
    AccountOpened(Profile),
    /// Who it is changed.
    ProfileChanged(Profile),
    /// Other people look after the client.
    PeopleAssigned {
        /// Who did.
        #[serde(default)]
        was: People,
        /// Who does.
        now: People,
    },
    /// An invoice was put in.
    InvoiceIssued(Box<Invoice>),
    /// A draft went out.
    InvoicePosted {
        /// Which.
        invoice: InvoiceId,
        /// The number that it got, where it had none (INV-7): so it is called from now on.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        number: Option<InvoiceId>,
    },
    /// It should never have been.
    InvoiceVoided {
        /// Which.
        invoice: InvoiceId,
        /// When.
        on: Day,
        /// Why.
        reason: Personal,
    },
    /// It was given up.
    InvoiceWrittenOff {
        /// Which.
        invoice: InvoiceId,
        /// When.
        on: Day,
        /// Why.
        reason: Personal,
        /// What was given up.
        amount: Money,
    },
    /// A late fee was charged, by rule or by hand (LF-1).
    FeeCharged {
        /// On which invoice.
        invoice: InvoiceId,
        /// What.
        fee: Fee,
    },
    /// A late fee that came to nothing isn't made up for (LF-1).
    FeePassedOver {
        /// Of which invoice.
        invoice: InvoiceId,
        /// Which.
        fee: Fee,
    },
    /// The invoice was paid on the day of the fee, which goes (LF-2).
    FeeTakenBack {
        /// Of which invoice.
        invoice: InvoiceId,
        /// Which of its fees.
        fee: u32,
        /// When.
        on: Day,
        /// What was paid on it and became credit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        released: Vec<(Source, Settlement)>,
    },
    /// A partner waived it (LF-1).
    FeeWaived {
        /// Of which invoice.
        invoice: InvoiceId,
        /// Which of its fees.
        fee: u32,
        /// When.
        on: Day,
        /// Why.
        reason: Personal,
        /// What was paid on it and became credit.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        released: Vec<(Source, Settlement)>,
    },
    /// News about a payment, and where its money went.
    PaymentChanged {
        /// Which.
        payment: PaymentId,
        /// What was new.
        news: News,
        /// When.
        on: Day,
        /// What it was.
        was: PaymentState,
        /// What it is.
        now: PaymentState,
        /// What moved.
        settlement: Settlement,
    },
    /// A gateway told something that isn't this payment; it marks nothing (PAY-2).
    PaymentMismatched {
        /// Which.
        payment: PaymentId,
        /// What was told.
        told: Money,
    },
    /// A credit note, and where it went.
    CreditNoteIssued {
        /// Its number.
        id: CreditNoteId,
        /// How much.
        amount: Money,
        /// When.
        on: Day,
        /// What moved.
        settlement: Settlement,
    },
    /// Client credit went to invoices; or what is still to be taken back came from them.
    CreditMoved {
        /// Whose credit.
        source: Source,
        /// When.
        on: Day,
        /// What moved.
        settlement: Settlement,
    },
    /// Collection rests on them after a returned debit (CHG-3).
    CollectionRests {
        /// Which invoices.
        invoices: BTreeSet<InvoiceId>,
        /// The day on which it resumes.
        before: Day,
    },
    /// A dispute began.
    DisputeBegun {
        /// On which invoice.
        invoice: InvoiceId,
        /// About what.
        dispute: Dispute,
    },
    /// A partner looks at it.
    DisputeReviewed {
        /// On which invoice.
        invoice: InvoiceId,
        /// Who.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        by: Option<StaffId>,
    },
    /// A dispute ended.
    DisputeEnded {
        /// On which invoice.
        invoice: InvoiceId,
        /// How.
        outcome: DisputeOutcome,
    },
    /// One thing a day no longer holds: nothing is left to catch up with (DIS-1).
    CaughtUp {
        /// Which invoice.
        invoice: InvoiceId,
    },
    /// A promise was made.
    PromiseBegun {
        /// What.
        promise: Promise,
        /// Whether it counts against the client's limit (PROM-1).
        counts: bool,
    },
    /// A promise ended for those of its invoices.
    PromiseEnded {
        /// Which.
        invoices: BTreeSet<InvoiceId>,
        /// How.
        outcome: Outcome,
    },
    /// A plan began.
    PlanBegun(Plan),
    /// The plan ended.
    PlanEnded {
        /// How.
        outcome: Outcome,
    },
    /// A hold began.
    HoldBegun {
        /// On which invoice; the client, if not said.
        invoice: Option<InvoiceId>,
        /// What.
        hold: Hold,
    },
    /// A hold ended.
    HoldEnded {
        /// On which invoice; the client, if not said.
        invoice: Option<InvoiceId>,
    },
    /// Nothing is collected any more.
    HardStopped {
        /// When.
        on: Day,
        /// Why.
        reason: Personal,
    },
    /// The portal was locked, or the lock got another reason.
    Locked {
        /// The lock.
        lock: Lock,
        /// What counted towards it.
        invoices: BTreeSet<InvoiceId>,
    },
    /// The portal was limited (POL-3).
    LimitBegun(Limit),
    /// It takes something else, or is for something else.
    LimitChanged(Limit),
    /// Nothing limits it any more.
    LimitEnded {
        /// When.
        on: Day,
        /// What had been its reason.
        was: LockReason,
    },
    /// The engagement ended (CLOSE-1).
    ClientClosed(Closed),
    /// The deletion of its personal data was put off (CLOSE-1).
    DeletionPutOff(PutOff),
    /// They are deleted (CLOSE-1).
    ClientErased(Erased),
    /// The episode follows another version of the policy.
    EpisodeMoved {
        /// Which.
        policy: PolicyRef,
    },
    /// The portal was unlocked.
    Unlocked {
        /// How.
        unlocked: Unlocked,
        /// What had been its reason.
        was: LockCause,
    },
    /// The unlock was asked for.
    UnlockRequested(UnlockRequest),
    /// It was rejected.
    UnlockRejected {
        /// Who had asked.
        by: StaffId,
        /// Why.
        reason: Personal,
    },
    /// Nobody answered in time.
    UnlockRequestExpired {
        /// Who had asked.
        by: StaffId,
    },
    /// No automatic lock is set meanwhile.
    ExceptionBegun(Exception),
    /// Locks are set again.
    ExceptionEnded,
    /// Locks of that service line are set again (LOCK-5).
    LineExceptionEnded {
        /// Which.
        line: ServiceLine,
    },
    /// A letter was decided.
    LetterQueued(Letter),
    /// Another debt letter of the day joined it (LET-9).
    LetterExtended {
        /// Which.
        letter: LetterId,
        /// With what.
        part: Part,
    },
    /// It was no longer true.
    LetterWithdrawn {
        /// Which.
        letter: LetterId,
        /// When.
        on: Day,
    },
    /// It leaves.
    LetterLeft {
        /// Which.
        letter: LetterId,
        /// As what.
        sending: Sending,
    },
    /// An address takes no mail; what went there warned nobody.
    AddressBounced {
        /// Which contact, by its place; past the last one, where the client no longer has it.
        contact: u32,
        /// Which letter came back.
        letter: LetterId,
    },
    /// Reminders that went out or were passed over.
    Reminded {
        /// Of which invoice.
        invoice: InvoiceId,
        /// Which, by their days before due.
        reminders: BTreeSet<u32>,
    },
    /// A step fired.
    StepDone {
        /// Which.
        step: StepKey,
        /// When.
        on: Day,
        /// For which invoices.
        invoices: BTreeSet<InvoiceId>,
        /// Its letter, if it has one and there was an address.
        letter: Option<LetterId>,
        /// Whose episode it follows, where it follows a lock (LOCK-5).
        #[serde(default, skip_serializing_if = "Scope::is_client")]
        scope: Scope,
    },
    /// A step's day came, and it waits for a partner's approval.
    StepReached {
        /// Which.
        step: StepKey,
        /// When.
        on: Day,
        /// For which invoices.
        invoices: BTreeSet<InvoiceId>,
        /// Whose episode it follows, where it follows a lock (LOCK-5).
        #[serde(default, skip_serializing_if = "Scope::is_client")]
        scope: Scope,
    },
    /// A step was passed over, for good.
    StepSkipped {
        /// Which.
        step: StepKey,
        /// When.
        on: Day,
        /// For which invoice; for the episode, if not said.
        invoice: Option<InvoiceId>,
        /// Why.
        why: SkipReason,
        /// For whose episode, where it follows a lock (LOCK-5).
        #[serde(default, skip_serializing_if = "Scope::is_client")]
        scope: Scope,
    },
    /// Something waits for a person.
    TaskOpened(Task),
    /// It is about more invoices now.
    TaskExtended {
        /// Which.
        task: TaskId,
        /// Those.
        invoices: BTreeSet<InvoiceId>,
    },
    /// Somebody took it.
    TaskAssigned {
        /// Which.
        task: TaskId,
        /// Who.
        to: StaffId,
    },
    /// A partner approved the referral; its task stays.
    ReferralApproved {
        /// Which task.
        task: TaskId,
        /// Who.
        by: StaffId,
        /// When: since then a collector has it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<Day>,
    },
    /// The collector gave it back (CLOSE-2).
    ReferralReturned {
        /// Which task.
        task: TaskId,
        /// When.
        on: Day,
        /// What the collector said.
        reason: Personal,
    },
    /// It no longer waits.
    TaskClosed {
        /// Which.
        task: TaskId,
        /// What it was, by kind.
        kind: String,
    },
    /// Staff wrote something down (NOTE-1).
    NoteAdded(Note),
    /// The client wrote; it waits to be read (LET-8).
    MessageCame(Message),
    /// Somebody at the firm wrote to the client.
    MessageWritten(Message),
    /// Somebody read what the client wrote, up to that message.
    MessageRead {
        /// The newest that was read.
        message: MessageId,
        /// When.
        on: Day,
        /// Who.
        by: StaffId,
    },
    /// Staff made a link to pay with (LET-7).
    PayLinkMade(PayLink),
    /// A link opens nothing any more.
    PayLinkRevoked {
        /// The hash of its token.
        link: String,
        /// The letter that holds it, if one does.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        letter: Option<LetterId>,
    },
    /// The client responded (LET-8).
    Responded {
        /// When.
        on: Day,
    },
    /// A method of payment may be charged, or is known better (CHG-1).
    MethodSaved(SavedMethod),
    /// It may no longer.
    MethodRemoved {
        /// Which.
        method: MethodId,
    },
    /// It is the one that is charged.
    DefaultMethodSet {
        /// Which.
        method: MethodId,
    },
    /// It will not be charged again: the bank said so, or a debit came back (CHG-1, CHG-3).
    MethodStopped {
        /// Which.
        method: MethodId,
        /// When.
        on: Day,
    },
    /// A saved method is to be charged (CHG-1).
    ChargeRequested(Charge),
    /// The gateway is asked.
    ChargeAsked {
        /// Which.
        charge: ChargeId,
    },
    /// A charge ended.
    ChargeEnded {
        /// Which.
        charge: ChargeId,
        /// When.
        on: Day,
        /// How.
        outcome: ChargeOutcome,
    },
}

/// Why a step was passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SkipReason {
    /// A later one of the same kind fired (EVAL-2).
    PassedOver,
    /// The client had responded (LET-8).
    Responded,
    /// It came with a policy whose day for it had passed (POL-1).
    CameTooLate,
}

/// What money moved by one event.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Taken from credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_taken: Option<Money>,
    /// Taken from invoices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub taken: Vec<(InvoiceId, Money)>,
    /// Put on invoices.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocated: Vec<(InvoiceId, Money)>,
    /// Put into credit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credit_added: Option<Money>,
    /// Set while more invoices wait for this credit: those that the payment names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spreading: Option<Vec<InvoiceId>>,
}

impl Event {
    /// Whether it is one of the audit events of contracts §3; the others say how they came about.
    pub fn is_audited(&self) -> bool {
        match self {
            Self::PaymentChanged { was, now, .. } => {
                !matches!((was, now), (PaymentState::Unknown, PaymentState::Unknown))
            }
            // What a limit does is told by its beginning and its end.
            Self::StepDone { step, letter, .. } => letter.is_none() && !step.is_limit(),
            Self::InvoiceIssued(_)
            | Self::InvoiceVoided { .. }
            | Self::InvoiceWrittenOff { .. }
            | Self::FeeCharged { .. }
            | Self::FeeTakenBack { .. }
            | Self::FeeWaived { .. }
            | Self::CreditNoteIssued { .. }
            | Self::DisputeBegun { .. }
            | Self::DisputeEnded { .. }
            | Self::PromiseBegun { .. }
            | Self::PromiseEnded { .. }
            | Self::PlanBegun(_)
            | Self::PlanEnded { .. }
            | Self::HoldBegun { .. }
            | Self::HoldEnded { .. }
            | Self::HardStopped { .. }
            | Self::Locked { .. }
            | Self::LimitBegun(_)
            | Self::LimitEnded { .. }
            | Self::ClientClosed(_)
            | Self::DeletionPutOff(_)
            | Self::ClientErased(_)
            | Self::Unlocked { .. }
            | Self::UnlockRequested(_)
            | Self::UnlockRejected { .. }
            | Self::UnlockRequestExpired { .. }
            | Self::ExceptionBegun(_)
            | Self::ExceptionEnded
            | Self::LineExceptionEnded { .. }
            | Self::LetterQueued(_)
            | Self::LetterWithdrawn { .. }
            | Self::StepSkipped { .. }
            | Self::TaskOpened(_)
            | Self::TaskClosed { .. }
            | Self::PayLinkMade(_)
            | Self::PayLinkRevoked { .. }
            | Self::MessageCame(_)
            | Self::MessageWritten(_)
            | Self::MessageRead { .. }
            | Self::ChargeRequested(_)
            | Self::NoteAdded(_) => true,
            Self::AccountOpened(_)
            | Self::ProfileChanged(_)
            | Self::PeopleAssigned { .. }
            | Self::InvoicePosted { .. }
            | Self::FeePassedOver { .. }
            | Self::PaymentMismatched { .. }
            | Self::CreditMoved { .. }
            | Self::CollectionRests { .. }
            | Self::DisputeReviewed { .. }
            | Self::CaughtUp { .. }
            | Self::EpisodeMoved { .. }
            | Self::LimitChanged(_)
            | Self::LetterExtended { .. }
            | Self::LetterLeft { .. }
            | Self::AddressBounced { .. }
            | Self::Reminded { .. }
            | Self::StepReached { .. }
            | Self::TaskExtended { .. }
            | Self::TaskAssigned { .. }
            | Self::ReferralApproved { .. }
            | Self::ReferralReturned { .. }
            | Self::MethodSaved(_)
            | Self::MethodRemoved { .. }
            | Self::DefaultMethodSet { .. }
            | Self::MethodStopped { .. }
            | Self::ChargeAsked { .. }
            | Self::ChargeEnded { .. }
            | Self::Responded { .. } => false,
        }
    }
}
