//! Letters to be sent (LET-1, LET-4, LET-9): what was decided, and whether it is still true.
//!
//! A letter is queued when it is decided and leaves later; between the two a client may pay. So a
//! queued letter holds no text, only what it is about. When it is about to leave, the facts are read
//! again: a debt letter shrinks to the invoices that are still collected, or is withdrawn.

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::id::{ClientId, InvoiceId, PaymentId, ServiceLine, TemplateName};
use crate::text::Personal;

/// A language that letters are written in.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// English, which every letter can be written in.
    #[default]
    En,
    /// Spanish.
    Es,
}

/// There are no letters in that language.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there are no letters in the language {0:?}, expected en or es")]
pub struct LanguageError(String);

impl Language {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::En, Self::Es];

    /// Its tag.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Es => "es",
        }
    }

    /// Its name, as staff read it.
    pub fn words(self) -> &'static str {
        match self {
            Self::En => "English",
            Self::Es => "Spanish",
        }
    }
}

impl FromStr for Language {
    type Err = LanguageError;

    fn from_str(text: &str) -> Result<Self, LanguageError> {
        let found = Self::ALL.into_iter().find(|language| language.as_str() == text);
        found.ok_or_else(|| LanguageError(text.chars().take(20).collect()))
    }
}

/// A letter of one client, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LetterId(pub u64);

/// Letters about debts, mild to strong (rules §0).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DebtKind {
    /// Before the due date; the only one that warns of nothing.
    Reminder,
    /// The portal will be locked.
    LockNotice,
    /// The portal will be limited.
    LimitNotice,
    /// The engagement will be ended.
    CloseNotice,
    /// It is overdue, or anything else is announced.
    Notice,
    /// A demand (LET-7).
    DemandLetter,
    /// The last demand.
    FinalDemand,
}

impl DebtKind {
    /// Whether it demands: a run sends only so many of these (LOCK-10).
    pub fn is_demand(self) -> bool {
        match self {
            Self::DemandLetter | Self::FinalDemand => true,
            Self::Reminder
            | Self::LockNotice
            | Self::LimitNotice
            | Self::CloseNotice
            | Self::Notice => false,
        }
    }
}

/// Every kind of letter that is written so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterKind {
    /// See [`DebtKind::Reminder`].
    Reminder,
    /// See [`DebtKind::LockNotice`].
    LockNotice,
    /// See [`DebtKind::LimitNotice`].
    LimitNotice,
    /// See [`DebtKind::CloseNotice`].
    CloseNotice,
    /// See [`DebtKind::Notice`].
    Notice,
    /// See [`DebtKind::DemandLetter`].
    DemandLetter,
    /// See [`DebtKind::FinalDemand`].
    FinalDemand,
    /// The portal is open again (UNL-5).
    WelcomeBack,
    /// A payment succeeded.
    Receipt,
    /// A card or bank payment failed, or a debit came back.
    PaymentFailed,
    /// A promise was made.
    PromiseConfirmation,
    /// A plan began.
    PlanConfirmation,
    /// Staff send a link to pay with.
    PayLink,
    /// Staff write to the client (LET-8).
    Message,
    /// A contact may come to the portal (SEC-3).
    Invitation,
    /// A contact asked for a link to sign in with (SEC-3).
    SignInLink,
}

impl LetterKind {
    /// All of them, debt letters first, mild to strong.
    pub const ALL: [Self; 16] = [
        Self::Reminder,
        Self::LockNotice,
        Self::LimitNotice,
        Self::CloseNotice,
        Self::Notice,
        Self::DemandLetter,
        Self::FinalDemand,
        Self::WelcomeBack,
        Self::Receipt,
        Self::PaymentFailed,
        Self::PromiseConfirmation,
        Self::PlanConfirmation,
        Self::PayLink,
        Self::Message,
        Self::Invitation,
        Self::SignInLink,
    ];

    /// Its name in documents, templates and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Reminder => "reminder",
            Self::LockNotice => "lock_notice",
            Self::LimitNotice => "limit_notice",
            Self::CloseNotice => "close_notice",
            Self::Notice => "notice",
            Self::DemandLetter => "demand_letter",
            Self::FinalDemand => "final_demand",
            Self::WelcomeBack => "welcome_back",
            Self::Receipt => "receipt",
            Self::PaymentFailed => "payment_failed",
            Self::PromiseConfirmation => "promise_confirmation",
            Self::PlanConfirmation => "plan_confirmation",
            Self::PayLink => "pay_link",
            Self::Message => "message",
            Self::Invitation => "invitation",
            Self::SignInLink => "sign_in_link",
        }
    }

    /// The kind of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl From<DebtKind> for LetterKind {
    fn from(kind: DebtKind) -> Self {
        match kind {
            DebtKind::Reminder => Self::Reminder,
            DebtKind::LockNotice => Self::LockNotice,
            DebtKind::LimitNotice => Self::LimitNotice,
            DebtKind::CloseNotice => Self::CloseNotice,
            DebtKind::Notice => Self::Notice,
            DebtKind::DemandLetter => Self::DemandLetter,
            DebtKind::FinalDemand => Self::FinalDemand,
        }
    }
}

/// A letter on its way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Letter {
    /// Its number.
    pub id: LetterId,
    /// When it was decided.
    pub queued_on: Day,
    /// The day on which it leaves; later than `queued_on` only where the policy says so (LET-5).
    pub leaves_on: Day,
    /// What it is about.
    pub content: Content,
    /// Where it stands.
    pub state: LetterState,
}

/// Where a letter stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LetterState {
    /// Decided.
    Queued,
    /// A sender claimed it: its text is fixed, and no later payment takes it back (LET-4). What
    /// became of it at the mail service is kept beside the letter, not in the account.
    Left(Sending),
    /// It was no longer true.
    Withdrawn {
        /// When.
        on: Day,
    },
}

/// A letter as it leaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sending {
    /// When.
    pub on: Day,
    /// As which kind: the strongest that was still true.
    pub kind: LetterKind,
    /// Over which invoices.
    pub invoices: BTreeSet<InvoiceId>,
    /// To which contact, by its number on the client.
    pub contact: u32,
    /// In which text of the firm's own, where a step names one (POL-3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TemplateName>,
    /// In whose message, where it leaves within that of another client of the same contact (LET-9).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub within: Option<Within>,
}

/// A letter whose message has other clients' letters in it (LET-9).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Within {
    /// Whose.
    pub client: ClientId,
    /// Which.
    pub letter: LetterId,
}

/// What a letter is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Content {
    /// All debt letters of one client and day in one message (LET-9).
    Debt {
        /// Each with its own kind and invoices, in the order decided.
        parts: Vec<Part>,
    },
    /// The portal is open again.
    WelcomeBack,
    /// What of it is for that service line is open again (LOCK-5).
    LineWelcomeBack {
        /// Which.
        line: ServiceLine,
    },
    /// A payment succeeded.
    Receipt {
        /// Which.
        payment: PaymentId,
    },
    /// A card or bank payment failed or came back.
    PaymentFailed {
        /// Which.
        payment: PaymentId,
    },
    /// A charge of a saved method was declined (CHG-1).
    ChargeFailed {
        /// What was to be paid.
        invoice: InvoiceId,
        /// Which attempt.
        attempt: u32,
    },
    /// A promise was made.
    PromiseConfirmation {
        /// For what.
        invoices: BTreeSet<InvoiceId>,
        /// Until when.
        until: Day,
    },
    /// A plan began.
    PlanConfirmation {
        /// For what.
        invoices: BTreeSet<InvoiceId>,
    },
    /// Staff send a link to pay with.
    PayLink {
        /// What it shows.
        invoices: BTreeSet<InvoiceId>,
        /// To which of the client's addresses, and no other.
        to: Personal,
    },
    /// Staff write to the client (LET-8).
    Message {
        /// What.
        text: Personal,
    },
}

impl Content {
    /// Its kind, where it can be only one.
    pub fn fixed_kind(&self) -> Option<LetterKind> {
        match self {
            Self::Debt { .. } => None,
            Self::WelcomeBack | Self::LineWelcomeBack { .. } => Some(LetterKind::WelcomeBack),
            Self::Receipt { .. } => Some(LetterKind::Receipt),
            Self::PaymentFailed { .. } | Self::ChargeFailed { .. } => {
                Some(LetterKind::PaymentFailed)
            }
            Self::PromiseConfirmation { .. } => Some(LetterKind::PromiseConfirmation),
            Self::PlanConfirmation { .. } => Some(LetterKind::PlanConfirmation),
            Self::PayLink { .. } => Some(LetterKind::PayLink),
            Self::Message { .. } => Some(LetterKind::Message),
        }
    }

    /// Whether caps, waiting and consolidation apply (LET-5).
    pub fn is_debt(&self) -> bool {
        matches!(self, Self::Debt { .. })
    }
}

/// One debt letter within a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// How strong.
    pub kind: DebtKind,
    /// About what.
    pub invoices: BTreeSet<InvoiceId>,
    /// Whether it goes with the lock of that episode, and is false once that is lifted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<u32>,
    /// The text of the firm's own that its step names (POL-3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<TemplateName>,
}

impl Part {
    /// One that goes with no lock, in the usual text.
    pub fn new(kind: DebtKind, invoices: BTreeSet<InvoiceId>) -> Self {
        Self { kind, invoices, episode: None, text: None }
    }
}
