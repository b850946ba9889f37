//! How long a closed client's personal data are kept, and what stands in the way of deleting them (CLOSE-1).
//!
//! Names, addresses, reasons, notes and letters go; the ledger and the chain stay, for the chain holds salted hashes of
//! personal texts and no text. When is the firm's setting, counted from the end of the engagement, and a partner
//! may put it off. What is owed, disputed, held or asked for is an obligation: it is never deleted under one. Deciding
//! is this crate's; the texts lie in the table, and [`Account::forget_person`] is what the account itself has of them.

use std::fmt;
use std::ops::RangeInclusive;

use chrono::Months;

use crate::account::{Account, Closed, Gone, UnlockWay};
use crate::calendar::{Day, plus};
use crate::fee::FeeEnd;
use crate::invoice::Ending;
use crate::letter::{Content, LetterState};
use crate::lock::LockCause;
use crate::payment::PaymentState;
use crate::people::People;
use crate::task::About;
use crate::text::Personal;

/// The years that a firm keeps them unless it says otherwise: seven, the longest that the IRS tells anybody to keep
/// what a return was made from (a claim for a bad debt), and what 17 CFR 210.2-06 asks of an auditor's papers.
pub const DEFAULT_YEARS: u32 = 7;

/// What a firm may say. After a year all that runs out by itself has: links, sessions, gateways' events, answered
/// requests. Thirty is longer than any law that we know of asks, and data without an end are what this rule is against.
pub const YEARS: RangeInclusive<u32> = 1..=30;

/// A closed client whose day is far is looked at again after so many days, so that a shorter time that the firm says
/// meanwhile comes to all within a month; each look costs a reading and a writing of the head.
pub const LOOKS_AGAIN_DAYS: u32 = 30;

/// What stands in the place of the name.
pub const NOBODY: &str = "Deleted client";

/// What obliges the firm to keep what it knows of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Obligation {
    /// Invoices that are neither paid, void nor written off.
    OpenInvoices(usize),
    /// Of open invoices, such that are disputed.
    Disputes(usize),
    /// The client has credit: the firm owes it money.
    Credit,
    /// A bank debit is on its way.
    PaymentOnItsWay,
    /// A hold on the client.
    Hold,
    /// The debt is at a collector (CLOSE-2).
    Referral,
    /// The client asked for its records (ACC-4).
    RecordsRequest,
    /// A letter is about to leave.
    Letter,
}

impl fmt::Display for Obligation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenInvoices(1) => write!(f, "1 invoice is open"),
            Self::OpenInvoices(count) => write!(f, "{count} invoices are open"),
            Self::Disputes(1) => write!(f, "1 invoice is disputed"),
            Self::Disputes(count) => write!(f, "{count} invoices are disputed"),
            Self::Credit => write!(f, "the client has credit, which the firm owes it"),
            Self::PaymentOnItsWay => write!(f, "a payment is on its way"),
            Self::Hold => write!(f, "the client is on hold"),
            Self::Referral => write!(f, "the debt is at a collector"),
            Self::RecordsRequest => write!(f, "the client asked for its records"),
            Self::Letter => write!(f, "a letter is about to leave"),
        }
    }
}

/// What obliges the firm to keep what it knows of the client on that day; nothing: it may be deleted.
pub fn obligations(account: &Account, day: Day) -> Vec<Obligation> {
    let open = account.open_invoices().count();
    let disputed = account.open_invoices().filter(|invoice| invoice.dispute.is_some()).count();
    let is_pending = account.payments.values().any(|paid| paid.state() == PaymentState::Pending);
    let has = |is_it: fn(&About) -> bool| account.tasks.values().any(|task| is_it(&task.about));
    let is_queued = account.letters.values().any(|letter| letter.state == LetterState::Queued);
    let found = [
        (0 < open).then_some(Obligation::OpenInvoices(open)),
        (0 < disputed).then_some(Obligation::Disputes(disputed)),
        (!account.credits.is_empty()).then_some(Obligation::Credit),
        is_pending.then_some(Obligation::PaymentOnItsWay),
        account.hold.as_ref().is_some_and(|hold| hold.holds_on(day)).then_some(Obligation::Hold),
        has(|about| matches!(about, About::CollectionsReferral { .. }))
            .then_some(Obligation::Referral),
        has(|about| *about == About::RecordsRequest).then_some(Obligation::RecordsRequest),
        is_queued.then_some(Obligation::Letter),
    ];
    found.into_iter().flatten().collect()
}

/// The first day on which a closed client's personal data may be deleted, where the firm keeps them so many years.
pub fn deletes_on(closed: &Closed, years: u32) -> Day {
    let months = Months::new(years.saturating_mul(12));
    let kept = closed.on.checked_add_months(months).unwrap_or(Day::MAX);
    let kept = closed.put_off.as_ref().map_or(kept, |put_off| kept.max(put_off.until));
    plus(kept, 1)
}

/// The next day on which somebody looks whether a client's personal data are to be deleted; `None`: never, since the
/// engagement goes on or they are gone.
pub fn looks_on(account: &Account, years: u32, today: Day) -> Option<Day> {
    let closed = account.closed.as_ref().filter(|closed| closed.erased.is_none())?;
    let (due, tomorrow) = (deletes_on(closed, years), plus(today, 1));
    let again = plus(today, LOOKS_AGAIN_DAYS);
    Some(match due <= tomorrow {
        true if obligations(account, tomorrow).is_empty() => tomorrow,
        true => again, // what ends an obligation is an act, which looks anew; but for a hold's last day
        false => due.min(again),
    })
}

/// Whether a client's personal data are to be deleted on that day.
pub fn is_due(account: &Account, years: u32, day: Day) -> bool {
    let closed = account.closed.as_ref().filter(|closed| closed.erased.is_none());
    closed.is_some_and(|closed| deletes_on(closed, years) <= day)
        && obligations(account, day).is_empty()
}

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = |count: u32, one: &str, many: &str| match count {
            1 => format!("1 {one}"),
            count => format!("{count} {many}"),
        };
        let records = count(self.records, "record's texts", "records' texts");
        let letters = count(self.letters, "letter", "letters");
        let notes = count(self.notes, "note", "notes");
        write!(f, "{records}, {letters}, {notes}, {}", count(self.contacts, "contact", "contacts"))
    }
}

impl Account {
    /// Whether its personal data were deleted.
    pub fn is_erased(&self) -> bool {
        self.closed.as_ref().is_some_and(|closed| closed.erased.is_some())
    }

    /// Deletes what the account holds of a person; what was looked up of the history too.
    pub(crate) fn forget_person(&mut self) {
        let none = Personal::default;
        self.profile.name = Personal::new(NOBODY);
        self.profile.contacts.clear();
        self.people = People::default();
        self.responses.clear();
        self.notes.clear();
        self.methods.clear();
        self.default_method = None;
        (self.hold, self.plan, self.request) = (None, None, None);
        self.promises.clear();
        self.exceptions.clear();
        if let Some(stop) = &mut self.hard_stop {
            stop.reason = none();
        }
        for lock in self.locks.values_mut() {
            if let LockCause::Hand(reason) = &mut lock.cause {
                *reason = none();
            }
        }
        if let Some(UnlockWay::Undone { reason, .. }) =
            self.last_unlock.as_mut().map(|unlocked| &mut unlocked.way)
        {
            *reason = none();
        }
        for invoice in self.invoices.values_mut() {
            if let Some(Ending::Voided { reason, .. } | Ending::WrittenOff { reason, .. }) =
                &mut invoice.ending
            {
                *reason = none();
            }
            for fee in &mut invoice.fees {
                if let Some(FeeEnd::Waived { reason, .. }) = &mut fee.end {
                    *reason = none();
                }
            }
        }
        for letter in self.letters.values_mut() {
            if let Content::PayLink { to, .. } = &mut letter.content {
                *to = none();
            }
        }
        if let Some(put_off) = self.closed.as_mut().and_then(|closed| closed.put_off.as_mut()) {
            put_off.reason = none();
        }
    }
}
