//! Invoices: facts, and the status that follows from them and a day (INV-1..6).
//!
//! Nothing here is a status field. An invoice holds what happened to it; what it is called that day,
//! what of it may be collected and whether it is overdue are asked of [`Invoice`] and, where the
//! client's other facts matter too, of [`crate::account::Account`].

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::calendar::{Day, days_between};
use crate::charge::Attempt;
use crate::concern::Broken;
use crate::fee::Fee;
use crate::id::{CreditNoteId, InvoiceId, PaymentId, ServiceLine, StaffId};
use crate::letter::LetterId;
use crate::money::{MAX_MINOR, Money};
use crate::policy::StepKey;
use crate::text::Personal;

/// The most lines on one invoice: the item stays far under the table's 400 KB.
pub const MAX_LINES: usize = 200;

/// Which section of the policy an invoice follows (S4).
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceKind {
    /// Of the regular billing.
    #[default]
    Regular,
    /// For something asked for in between.
    OutOfTurn,
}

impl InvoiceKind {
    /// Its name in documents.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Regular => "regular",
            Self::OutOfTurn => "out_of_turn",
        }
    }
}

impl FromStr for InvoiceKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "regular" => Ok(Self::Regular),
            "out_of_turn" => Ok(Self::OutOfTurn),
            _ => Err(format!("{text:?} is no invoice kind, expected regular or out_of_turn")),
        }
    }
}

/// One line: description, quantity, unit amount, tax (INV-5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// What was done.
    pub description: String,
    /// How often.
    pub quantity: u32,
    /// For one.
    pub unit_amount: Money,
    /// On the whole line.
    pub tax: Money,
}

/// Which of the firm's bank accounts money goes to. A lawyer's firm keeps them apart by law.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Deposit {
    /// The firm's own: fees that were earned.
    Operating,
    /// Its clients': retainers, and what is held for others.
    Trust,
}

impl Deposit {
    /// As it stands in data.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Operating => "operating",
            Self::Trust => "trust",
        }
    }
}

impl FromStr for Deposit {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "operating" => Ok(Self::Operating),
            "trust" => Ok(Self::Trust),
            _ => Err(format!("{text:?} is no deposit account, expected operating or trust")),
        }
    }
}

/// The facts of an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoice {
    /// Its number, unique in the firm (INV-7).
    pub id: InvoiceId,
    /// Which section of the policy it follows.
    pub kind: InvoiceKind,
    /// For which service, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_line: Option<ServiceLine>,
    /// Which of the firm's bank accounts its money goes to, if that was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposit: Option<Deposit>,
    /// What it is made of; may be empty where only the total came in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<Line>,
    /// What it comes to without late fees; never changes (INV-6).
    pub total: Money,
    /// The invoice date.
    pub issued_on: Day,
    /// The last day to pay without being overdue.
    pub due_on: Day,
    /// The day on which the firm put it in; not its invoice date.
    pub recorded_on: Day,
    /// Whether it is out at the client, waits for a day, or isn't finished.
    pub posting: Posting,
    /// Money on it: payments and credit notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub allocations: Vec<Allocation>,
    /// Late fees, also those that are invoices of their own and those that ended (LF-1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fees: Vec<Fee>,
    /// The invoice whose late fee this one is: then it takes no fee and no step (LF-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee_of: Option<InvoiceId>,
    /// How it ended other than by payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ending: Option<Ending>,
    /// The open dispute on it (DIS-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dispute: Option<Dispute>,
    /// The hold on it alone (LOCK-6).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// After a returned debit: the day on which collection resumes (CHG-3).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rests_before: Option<Day>,
    /// Steps after due that fired or were passed over: once per invoice (EVAL-2).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<StepKey, StepMark>,
    /// Reminders that went out or were passed over, by their days before due.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub reminders: BTreeSet<u32>,
    /// Debt letters that named it since it was last opened (LOCK-7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<Warning>,
    /// Promises that the client made for it (PROM-1).
    #[serde(default)]
    pub promises: u32,
    /// The last promise or plan for it that wasn't kept, until a newer one begins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<Broken>,
    /// Set while one thing happens a day after a rejected dispute (DIS-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catch_up: Option<CatchUp>,
    /// Whether it is an old debt that no longer locks (UNL-4).
    #[serde(default)]
    pub never_locks: bool,
    /// Charges of saved methods that ended, oldest first (CHG-1).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub charges: Vec<Attempt>,
}

/// Whether an invoice is out at the client (INV-1, POST-2).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Posting {
    /// Not finished.
    Draft,
    /// Goes out on that day.
    Scheduled(Day),
    /// Is out.
    Posted,
}

/// Where money on an invoice came from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A payment.
    Payment(PaymentId),
    /// A credit note.
    CreditNote(CreditNoteId),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payment(id) => write!(f, "payment {id}"),
            Self::CreditNote(id) => write!(f, "credit note {id}"),
        }
    }
}

/// Money that was put on an invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Allocation {
    /// From where.
    pub source: Source,
    /// How much.
    pub amount: Money,
}

/// How an invoice ended other than by payment; each ending has facts of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// It should never have been (INV-6).
    Voided {
        /// When.
        on: Day,
        /// Why.
        reason: Personal,
    },
    /// The firm gave it up.
    WrittenOff {
        /// When.
        on: Day,
        /// Why.
        reason: Personal,
        /// What was given up.
        amount: Money,
    },
}

/// An open dispute (DIS-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// The part that is disputed; what is left of the balance counts when it is less.
    pub amount: Money,
    /// Why.
    pub reason: Personal,
    /// Since when.
    pub opened_on: Day,
    /// Whether a partner looks at it.
    #[serde(default)]
    pub is_under_review: bool,
    /// Which one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed_by: Option<StaffId>,
}

/// Reminders, steps, fees and new locks stop (LOCK-6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// The last day on which it holds; without one, until it is released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Day>,
    /// Why.
    pub reason: Personal,
    /// Since when.
    pub begun_on: Day,
}

impl Hold {
    /// Whether it holds that day.
    pub fn holds_on(&self, day: Day) -> bool {
        self.until.is_none_or(|until| day <= until)
    }
}

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepMark {
    /// When.
    pub on: Day,
    /// Whether it was passed over.
    #[serde(default)]
    pub is_skipped: bool,
}

/// A debt letter other than a reminder that named the invoice and left (LOCK-7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Warning {
    /// The letter.
    pub letter: LetterId,
    /// The day on which it left.
    pub on: Day,
}

/// One thing a day, mildest first (DIS-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatchUp {
    /// The day of the last thing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_on: Option<Day>,
}

/// What an invoice is called on a day (INV-1), in order of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InvoiceStatus {
    /// Taken back.
    Void,
    /// Given up.
    WrittenOff,
    /// Nothing is left to pay.
    Paid,
    /// Not finished.
    Draft,
    /// Not yet posted.
    Scheduled,
    /// Nothing but a disputed part is left.
    Disputed,
    /// Past its due date.
    Overdue,
    /// Past its due date, on a locked client (INV-2).
    Locked,
    /// Something was paid.
    PartiallyPaid,
    /// Nothing was paid.
    Unpaid,
}

impl InvoiceStatus {
    /// Its name in documents and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Void => "void",
            Self::WrittenOff => "written_off",
            Self::Paid => "paid",
            Self::Draft => "draft",
            Self::Scheduled => "scheduled",
            Self::Disputed => "disputed",
            Self::Overdue => "overdue",
            Self::Locked => "locked",
            Self::PartiallyPaid => "partially_paid",
            Self::Unpaid => "unpaid",
        }
    }
}

impl Invoice {
    /// The name of its service line: that of those without one, if it names none (LOCK-5).
    pub fn line_name(&self) -> &str {
        self.service_line.as_ref().map_or(ServiceLine::UNNAMED, ServiceLine::as_str)
    }

    /// Its service line, in the same way.
    pub fn line(&self) -> ServiceLine {
        self.service_line.clone().unwrap_or_else(ServiceLine::unnamed)
    }

    /// A regular one over `total` without any history, issued on the first of the days, due on the second.
    pub fn new(
        id: InvoiceId,
        total: Money,
        (issued_on, due_on): (Day, Day),
        posting: Posting,
    ) -> Self {
        Self {
            id,
            kind: InvoiceKind::Regular,
            service_line: None,
            lines: Vec::new(),
            total,
            issued_on,
            due_on,
            recorded_on: issued_on,
            posting,
            allocations: Vec::new(),
            fees: Vec::new(),
            fee_of: None,
            deposit: None,
            ending: None,
            dispute: None,
            hold: None,
            rests_before: None,
            steps: BTreeMap::new(),
            reminders: BTreeSet::new(),
            warnings: Vec::new(),
            promises: 0,
            broken: None,
            catch_up: None,
            never_locks: false,
            charges: Vec::new(),
        }
    }

    /// What was put on it: payments and credit notes.
    pub fn paid(&self) -> Money {
        self.sum(self.allocations.iter())
    }

    /// What that source put on it.
    pub fn paid_from(&self, source: &Source) -> Money {
        self.sum(self.allocations.iter().filter(|allocation| allocation.source == *source))
    }

    fn sum<'a>(&self, allocations: impl Iterator<Item = &'a Allocation>) -> Money {
        // `apply` lets nothing of another currency and no more than is owed onto an invoice.
        let minor = allocations.map(|allocation| allocation.amount.minor()).sum();
        Money::new(minor, self.total.currency())
    }

    /// What is still owed: nothing once it is void or written off.
    pub fn balance(&self) -> Money {
        match self.ending {
            Some(_) => Money::zero(self.total.currency()),
            None => self.unpaid(),
        }
    }

    /// Late fees that are owed with it: lines that were neither waived nor taken back (LF-1).
    pub fn late_fees(&self) -> Money {
        let owed = self.fees.iter().filter(|fee| fee.is_owed_here());
        Money::new(owed.map(|fee| fee.amount.minor()).sum(), self.total.currency())
    }

    /// What it comes to with its late fees.
    pub fn total_with_fees(&self) -> Money {
        let minor = self.total.minor().saturating_add(self.late_fees().minor());
        Money::new(minor, self.total.currency())
    }

    /// What of its late fees is still owed: the principal is paid before them (PAY-4).
    pub fn unpaid_fees(&self) -> Money {
        let minor = self.late_fees().minor().min(self.balance().minor());
        Money::new(minor, self.total.currency())
    }

    /// What was paid on it but for its late fees.
    pub fn paid_principal(&self) -> Money {
        Money::new(self.paid().minor().min(self.total.minor()), self.total.currency())
    }

    /// What its fees by rule come to, wherever they stand: what caps look at, in minor units (LF-1).
    pub fn fees_by_rule(&self) -> u64 {
        let fees = self.fees.iter().filter(|fee| fee.stands() && fee.is_by_rule());
        fees.map(|fee| fee.amount.minor()).sum()
    }

    /// What fees may still come to, in minor units: no amount is larger than amounts may be.
    pub fn room_for_fees(&self) -> u64 {
        let all: u64 = self.fees.iter().map(|fee| fee.amount.minor()).sum();
        MAX_MINOR.saturating_sub(self.total.minor().saturating_add(all))
    }

    /// The taxes in its total.
    pub fn tax(&self) -> Money {
        let minor = self.lines.iter().map(|line| line.tax.minor()).sum();
        Money::new(minor, self.total.currency())
    }

    /// What it comes to less what was put on it, however it ended.
    pub fn unpaid(&self) -> Money {
        let minor = self.total_with_fees().minor().saturating_sub(self.paid().minor());
        Money::new(minor, self.total.currency())
    }

    /// The disputed part of the balance: payments reduce the rest first (DIS-1).
    pub fn disputed(&self) -> Money {
        let disputed = self.dispute.as_ref().map_or(0, |dispute| dispute.amount.minor());
        Money::new(disputed.min(self.balance().minor()), self.total.currency())
    }

    /// The balance less the disputed part.
    pub fn collectable(&self) -> Money {
        let minor = self.balance().minor().saturating_sub(self.disputed().minor());
        Money::new(minor, self.total.currency())
    }

    /// Whether anything can still become of it; all else is history.
    pub fn is_open(&self) -> bool {
        !self.balance().is_zero()
    }

    /// Whether it is out at the client that day.
    pub fn is_posted(&self, day: Day) -> bool {
        match self.posting {
            Posting::Draft => false,
            Posting::Scheduled(on) => on <= day,
            Posting::Posted => true,
        }
    }

    /// Whether something is owed on it after its due date; on the due date itself it isn't overdue.
    pub fn is_overdue(&self, day: Day) -> bool {
        self.is_posted(day) && !self.balance().is_zero() && self.due_on < day
    }

    /// Days since the due date; zero where it isn't overdue. Nothing stops this count.
    pub fn days_overdue(&self, day: Day) -> u32 {
        if self.is_overdue(day) { days_between(self.due_on, day) } else { 0 }
    }

    /// What it is called that day, in INV-1's order of precedence.
    pub fn status(&self, day: Day) -> InvoiceStatus {
        match self.ending {
            Some(Ending::Voided { .. }) => return InvoiceStatus::Void,
            Some(Ending::WrittenOff { .. }) => return InvoiceStatus::WrittenOff,
            None => {}
        }
        if self.balance().is_zero() {
            return InvoiceStatus::Paid;
        }
        match self.posting {
            Posting::Draft => InvoiceStatus::Draft,
            Posting::Scheduled(on) if day < on => InvoiceStatus::Scheduled,
            Posting::Scheduled(_) | Posting::Posted if self.collectable().is_zero() => {
                InvoiceStatus::Disputed
            }
            Posting::Scheduled(_) | Posting::Posted if self.is_overdue(day) => {
                InvoiceStatus::Overdue
            }
            Posting::Scheduled(_) | Posting::Posted if !self.paid().is_zero() => {
                InvoiceStatus::PartiallyPaid
            }
            Posting::Scheduled(_) | Posting::Posted => InvoiceStatus::Unpaid,
        }
    }

    /// Whether any debt letter that still counts named it (LOCK-7).
    pub fn was_warned(&self) -> bool {
        !self.warnings.is_empty()
    }

    /// The day of the first debt letter that still counts.
    pub fn first_warned_on(&self) -> Option<Day> {
        self.warnings.iter().map(|warning| warning.on).min()
    }
}
