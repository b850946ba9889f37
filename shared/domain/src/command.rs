//! Commands: everything that can happen to an account, and what each needs to be decided.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::account::{Account, Gone, Profile, TaskId};
use crate::calendar::Day;
use crate::charge::{ChargeId, ChargeOutcome, NewMethod};
use crate::id::{
    ChargebackId, CreditNoteId, InvoiceId, MethodId, PaymentId, RefundId, ServiceLine, StaffId,
};
use crate::invoice::{Deposit, Invoice, InvoiceKind, Line, Posting, Source};
use crate::letter::{Content, LetterId, LetterState, Within};
use crate::message::{MessageId, NewMessage};
use crate::money::Money;
use crate::note::NoteKind;
use crate::payment::{ChargebackState, Method, Seen};
use crate::people::People;
use crate::plan::Instalment;
use crate::policy::Action;
use crate::text::Personal;

/// Something that happened or is asked for. Each is decided by [`crate::decide::decide`] and, but
/// for the sending of letters, notes, links and what an import brings, followed by the evaluation of the
/// client (EVAL-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Command {
    /// The client becomes one.
    OpenAccount(Profile),
    /// Who it is changes: name, class, contacts, service lines.
    ChangeProfile(Profile),
    /// Who at the firm looks after the client (STAFF-1).
    AssignPeople(People),
    /// An invoice is put in (INV-1..7).
    IssueInvoice(NewInvoice),
    /// A draft goes out; one without a number gets the one that was drawn (INV-7).
    PostInvoice {
        /// Which.
        invoice: InvoiceId,
    },
    /// It should never have been (INV-6).
    VoidInvoice {
        /// Which.
        invoice: InvoiceId,
        /// Why.
        reason: Personal,
    },
    /// The firm gives it up (PLAN-1).
    WriteOff {
        /// Which.
        invoice: InvoiceId,
        /// Why.
        reason: Personal,
    },
    /// A late fee by hand (LF-1).
    AddFee {
        /// On which invoice.
        invoice: InvoiceId,
        /// How much.
        amount: Money,
    },
    /// All late fees of an invoice that weren't waived are (LF-1).
    WaiveFees {
        /// Of which invoice.
        invoice: InvoiceId,
        /// Why.
        reason: Personal,
    },
    /// News about a payment (PAY-1..5).
    RecordPayment {
        /// Which.
        payment: PaymentId,
        /// What.
        news: News,
    },
    /// What a gateway tells isn't what was expected, or is another client's: nothing is marked paid,
    /// and a person looks at it (PAY-1, PAY-2).
    ReportMismatch {
        /// Which payment.
        payment: PaymentId,
        /// Both sides.
        evidence: Personal,
    },
    /// A credit note (INV-5).
    IssueCreditNote {
        /// Its number.
        id: CreditNoteId,
        /// How much.
        amount: Money,
        /// On which invoice; else it goes where a payment would.
        invoice: Option<InvoiceId>,
    },
    /// The next invoices of a payment over many; or the next to be taken back.
    AllocateCredit,
    /// A dispute on an invoice (DIS-1).
    OpenDispute {
        /// Which.
        invoice: InvoiceId,
        /// How much of it; all, if not said.
        amount: Option<Money>,
        /// Why.
        reason: Personal,
    },
    /// A partner looks at it.
    ReviewDispute {
        /// On which invoice.
        invoice: InvoiceId,
    },
    /// It is decided.
    ResolveDispute {
        /// On which invoice.
        invoice: InvoiceId,
        /// How.
        outcome: DisputeOutcome,
    },
    /// A promise to pay (PROM-1).
    MakePromise {
        /// For which invoice; those overdue, if not said.
        invoice: Option<InvoiceId>,
        /// The last day to keep it.
        until: Day,
    },
    /// A payment plan (PLAN-1).
    BeginPlan {
        /// For what.
        invoices: BTreeSet<InvoiceId>,
        /// In which instalments.
        instalments: Vec<Instalment>,
    },
    /// Reminders, steps, fees and new locks stop (LOCK-6).
    PlaceHold {
        /// On which invoice; the client, if not said.
        invoice: Option<InvoiceId>,
        /// The last day, if any.
        until: Option<Day>,
        /// Why.
        reason: Personal,
    },
    /// They go on.
    ReleaseHold {
        /// On which invoice; the client, if not said.
        invoice: Option<InvoiceId>,
    },
    /// Nothing is collected any more (LOCK-6).
    HardStop {
        /// Bankruptcy, deceased, represented, do not contact.
        reason: Personal,
    },
    /// A lock by hand (LOCK-4).
    Lock {
        /// Why.
        reason: Personal,
        /// Of which service lines; none of them: of the whole client (LOCK-5).
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        lines: BTreeSet<ServiceLine>,
    },
    /// A running episode follows the newest policy from now on (POL-1).
    MoveEpisode,
    /// A billing lead asks for the unlock (UNL-1).
    RequestUnlock {
        /// Of which service lines; none of them: of all that is locked (LOCK-5).
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        lines: BTreeSet<ServiceLine>,
    },
    /// A partner approves it.
    ApproveUnlock {
        /// For which service lines; none of them: for all that it asks for (LOCK-5).
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        lines: BTreeSet<ServiceLine>,
    },
    /// It is rejected (UNL-6).
    RejectUnlock {
        /// Why.
        reason: Personal,
    },
    /// A partner unlocks all the same (UNL-4).
    ExceptionUnlock {
        /// Why.
        reason: Personal,
        /// The last day; without one, as long as the running plan is kept.
        until: Option<Day>,
        /// Of which service lines; none of them: of all that is locked, and for all of the client (LOCK-5).
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        lines: BTreeSet<ServiceLine>,
    },
    /// A partner approves a step that waits for it (POL-3).
    ApproveStep {
        /// What it does.
        action: Action,
    },
    /// The collector gave back what was referred (CLOSE-2).
    ReturnReferral {
        /// What the collector said.
        reason: Personal,
    },
    /// A partner ends the engagement, as the system proposed (CLOSE-1).
    ApproveClose,
    /// A partner puts the deletion of a closed client's personal data off (CLOSE-1).
    PutOffDeletion {
        /// The last day on which they are kept for it.
        until: Day,
        /// Why.
        reason: Personal,
    },
    /// They were kept long enough, and are deleted (CLOSE-1).
    Erase {
        /// How many years the firm keeps them.
        years: u32,
        /// What there is.
        gone: Gone,
    },
    /// What a day's run did to the client is taken back (LOCK-10): its lock, if that is still the one, and
    /// its letters, as far as they are here.
    UndoRun {
        /// The episodes that the run began, if it locked.
        episodes: BTreeSet<u32>,
        /// The letters that it decided.
        letters: BTreeSet<LetterId>,
        /// Why.
        reason: Personal,
    },
    /// Somebody takes a task.
    AssignTask {
        /// Which.
        task: TaskId,
        /// Who.
        to: StaffId,
    },
    /// A person is done with a task.
    CloseTask {
        /// Which.
        task: TaskId,
    },
    /// Staff write down what they know, or a call (NOTE-1).
    AddNote {
        /// Whether it logs a call.
        kind: NoteKind,
        /// About which invoice, if about one.
        invoice: Option<InvoiceId>,
        /// What.
        text: Personal,
    },
    /// Staff make a link to pay with, and hand it on themselves (LET-7).
    MakePayLink {
        /// The hash of its token.
        link: String,
        /// What it shows.
        invoices: BTreeSet<InvoiceId>,
    },
    /// Staff have one mailed to one of the client's addresses.
    MailPayLink {
        /// What it shows.
        invoices: BTreeSet<InvoiceId>,
        /// Where to.
        to: Personal,
    },
    /// A link is taken back, staff's or a letter's (LET-7).
    RevokePayLink {
        /// The hash of its token.
        link: String,
        /// The letter that holds it, if one does.
        letter: Option<LetterId>,
    },
    /// A message that somebody at the firm has read or written; one from the client is a response (LET-8).
    NoteMessage,
    /// The client writes: a response that waits to be read (LET-8).
    ReceiveMessage(NewMessage),
    /// Somebody at the firm has read what the client wrote, up to that message (LET-8).
    ReadMessage {
        /// The newest that was read.
        message: MessageId,
    },
    /// Staff write to the client.
    WriteMessage {
        /// What.
        text: Personal,
        /// The newest message of the client's that they had before them: an answer is a reading.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reads: Option<MessageId>,
    },
    /// A letter came back (LET-6, LET-10).
    ReportBounce {
        /// Which.
        letter: LetterId,
        /// The address to which it went, where that is known: the client's list may be another one by now.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Personal>,
    },
    /// A demand was claimed long ago, and nothing tells whether it left (LET-4).
    ReportStuckLetter {
        /// Which.
        letter: LetterId,
    },
    /// The client asks for its own records (ACC-4).
    RequestRecords,
    /// The client asks for a payment plan: a task for a partner (PLAN-1, LET-7).
    RequestPlan {
        /// For what.
        invoices: BTreeSet<InvoiceId>,
        /// What it can pay, and when.
        wish: Personal,
    },
    /// The client asks for its portal to be opened: a task for the billing lead, whose request the
    /// partner approves (UNL-1, UNL-6).
    AskForUnlock {
        /// What it says to that; may be nothing.
        words: Personal,
    },
    /// A queued letter is about to leave: it is claimed as far as it is still true (LET-4).
    ClaimLetter {
        /// Which.
        letter: LetterId,
    },
    /// A letter that was claimed, and for all that is known went nowhere, is about to be handed over once more:
    /// the facts are read again, and it is claimed anew as far as it is true by then (LET-4).
    ReclaimLetter {
        /// Which.
        letter: LetterId,
        /// The address to which it was written, which it keeps as long as that takes mail; none, if it never was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        to: Option<Personal>,
    },
    /// A letter about a debt leaves within the message of another client of the same contact: claimed, or claimed
    /// anew, as far as it is true (LET-4, LET-9).
    JoinLetter {
        /// Which.
        letter: LetterId,
        /// In whose message.
        within: Within,
        /// The address to which that goes; a letter that would go to another stays by itself.
        to: Personal,
    },
    /// A method of payment may be charged while the client is away (CHG-1).
    SaveMethod(NewMethod),
    /// It may no longer.
    RemoveMethod {
        /// Which.
        method: MethodId,
    },
    /// It is the one that is charged.
    SetDefaultMethod {
        /// Which.
        method: MethodId,
    },
    /// A charge is about to be asked for, as far as it still stands (CHG-1).
    ClaimCharge {
        /// Which.
        charge: ChargeId,
    },
    /// How it ended; what it brought is told before, as every payment is (PAY-1).
    EndCharge {
        /// Which.
        charge: ChargeId,
        /// How.
        outcome: ChargeOutcome,
    },
    /// The day's evaluation (EVAL-1).
    Evaluate,
}

impl Command {
    /// Whether the evaluation of the client follows at once (EVAL-1).
    pub fn is_followed_by_evaluation(&self) -> bool {
        // A note or a link is no fact of a debt: whoever makes one locks nobody by it.
        !matches!(
            self,
            Self::ClaimLetter { .. }
                | Self::ReclaimLetter { .. }
                | Self::JoinLetter { .. }
                | Self::AddNote { .. }
                | Self::WriteMessage { .. }
                | Self::AssignPeople(_)
                | Self::MakePayLink { .. }
                | Self::MailPayLink { .. }
                | Self::RevokePayLink { .. }
                | Self::PutOffDeletion { .. }
                | Self::Erase { .. }
                | Self::UndoRun { .. } // it would lock again at once what it opens
        )
    }
}

/// An invoice to be put in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewInvoice {
    /// Its number.
    pub id: InvoiceId,
    /// Which terms and steps apply.
    #[serde(default)]
    pub kind: InvoiceKind,
    /// For which service.
    #[serde(default)]
    pub service_line: Option<ServiceLine>,
    /// What it is made of; may be empty where only the total is known.
    #[serde(default)]
    pub lines: Vec<Line>,
    /// What it comes to.
    pub total: Money,
    /// The invoice date; the day it is posted, if not said.
    #[serde(default)]
    pub issued_on: Option<Day>,
    /// The due date; from the terms, if not said (INV-3).
    #[serde(default)]
    pub due_on: Option<Day>,
    /// The day on which it goes out; the invoice date, if that is to come, else now.
    #[serde(default)]
    pub posts_on: Option<Day>,
    /// Whether it isn't finished.
    #[serde(default)]
    pub is_draft: bool,
    /// Which of the firm's bank accounts its money goes to, if that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deposit: Option<Deposit>,
}

/// News about a payment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum News {
    /// The payment itself.
    Told {
        /// How much.
        amount: Money,
        /// How.
        method: Method,
        /// The invoices that it names, in that order.
        invoices: Vec<InvoiceId>,
        /// What it is now.
        seen: Seen,
        /// The day on which it was paid, where that isn't today: imports.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        on: Option<Day>,
    },
    /// Some of it was given back.
    Refunded {
        /// The gateway's id of the refund.
        id: RefundId,
        /// How much; all that is left, if not said.
        amount: Option<Money>,
    },
    /// The payer's bank takes it back, or gives it back.
    Chargeback {
        /// The gateway's id of the chargeback.
        id: ChargebackId,
        /// Where it stands.
        state: ChargebackState,
    },
    /// A debit came back (CHG-3).
    Returned,
}

/// How a dispute ended (DIS-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeOutcome {
    /// The client was right: a credit note.
    Upheld,
    /// The firm was right.
    Rejected,
    /// The client gave it up.
    Withdrawn,
    /// Nothing is owed any more: paid, void or written off.
    Settled,
}

/// What of the history a command needs to be decided, beside the open account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needs {
    /// Invoices by number.
    pub invoices: BTreeSet<InvoiceId>,
    /// Payments by id.
    pub payments: BTreeSet<PaymentId>,
    /// Credit notes by id.
    pub credit_notes: BTreeSet<CreditNoteId>,
    /// Letters that left.
    pub letters: BTreeSet<LetterId>,
}

impl Needs {
    /// Whether nothing is missing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What is still to be looked up before `command` can be decided; asked again after each look-up,
/// since a payment names invoices.
pub fn needs(account: &Account, command: &Command) -> Needs {
    let mut needs = Needs::default();
    match command {
        Command::IssueInvoice(new) => {
            needs.invoices.insert(new.id.clone());
        }
        // What was paid on a fee becomes credit of its payments.
        Command::WaiveFees { invoice, .. } | Command::VoidInvoice { invoice, .. } => {
            needs.invoices.insert(invoice.clone());
            for id in with_fees(account, invoice) {
                needs.payments.extend(payments_on(account, &id));
                needs.invoices.insert(id);
            }
        }
        Command::RecordPayment { payment, news } => {
            needs.payments.insert(payment.clone());
            if let News::Told { invoices, .. } = news {
                needs.invoices.extend(invoices.iter().cloned());
            }
            if let Some(payment) = account.payments.get(payment) {
                needs.invoices.extend(payment.allocations.iter().map(|(id, _)| id.clone()));
                needs.invoices.extend(payment.before_chargeback.iter().map(|(id, _)| id.clone()));
                let named = payment.facts.iter().flat_map(|facts| facts.invoices.iter().cloned());
                needs.invoices.extend(named);
            }
        }
        Command::IssueCreditNote { id, invoice, .. } => {
            needs.credit_notes.insert(id.clone());
            needs.invoices.extend(invoice.iter().cloned());
        }
        Command::AllocateCredit => {
            for payment in account
                .payments
                .values()
                .filter(|payment| payment.kept() < account.held(&payment.id))
            {
                needs.invoices.extend(payment.allocations.iter().map(|(id, _)| id.clone()));
            }
        }
        // One that isn't open may be closed, and a refusal says so.
        Command::WriteOff { invoice, .. }
        | Command::AddFee { invoice, .. }
        | Command::OpenDispute { invoice, .. }
        | Command::ReviewDispute { invoice }
        | Command::ResolveDispute { invoice, .. }
        | Command::PostInvoice { invoice } => {
            needs.invoices.insert(invoice.clone());
        }
        Command::MakePromise { invoice, .. }
        | Command::PlaceHold { invoice, .. }
        | Command::AddNote { invoice, .. }
        | Command::ReleaseHold { invoice } => needs.invoices.extend(invoice.iter().cloned()),
        Command::BeginPlan { invoices, .. }
        | Command::RequestPlan { invoices, .. }
        | Command::MakePayLink { invoices, .. }
        | Command::MailPayLink { invoices, .. } => {
            needs.invoices.extend(invoices.iter().cloned());
        }
        Command::ReportBounce { letter, .. }
        | Command::ReportStuckLetter { letter }
        | Command::ClaimLetter { letter }
        | Command::ReclaimLetter { letter, .. }
        | Command::JoinLetter { letter, .. } => {
            needs.letters.insert(*letter);
            let letter = account.letters.get(letter);
            let content = letter.map(|letter| &letter.content);
            if let Some(Content::Receipt { payment } | Content::PaymentFailed { payment }) = content
            {
                needs.payments.insert(payment.clone());
            }
            // What it warned of may be paid by now, and be owed again later: it warned nobody then either.
            if let Some(LetterState::Left(sending)) = letter.map(|letter| &letter.state) {
                needs.invoices.extend(sending.invoices.iter().cloned());
            }
        }
        Command::OpenAccount(_)
        | Command::ChangeProfile(_)
        | Command::AssignPeople(_)
        | Command::HardStop { .. }
        | Command::Lock { .. }
        | Command::MoveEpisode
        | Command::RequestUnlock { .. }
        | Command::ApproveUnlock { .. }
        | Command::RejectUnlock { .. }
        | Command::ExceptionUnlock { .. }
        | Command::ApproveStep { .. }
        | Command::ReturnReferral { .. }
        | Command::ApproveClose
        | Command::PutOffDeletion { .. }
        | Command::Erase { .. }
        | Command::UndoRun { .. }
        | Command::AssignTask { .. }
        | Command::CloseTask { .. }
        | Command::NoteMessage
        | Command::ReceiveMessage(_)
        | Command::ReadMessage { .. }
        | Command::WriteMessage { .. }
        | Command::RevokePayLink { .. }
        | Command::RequestRecords
        | Command::AskForUnlock { .. }
        | Command::ReportMismatch { .. }
        | Command::SaveMethod(_)
        | Command::RemoveMethod { .. }
        | Command::SetDefaultMethod { .. }
        | Command::Evaluate => {}
        Command::ClaimCharge { charge } => {
            needs.invoices.insert(charge.invoice.clone());
            // What was asked for may be paid by that very charge, and its answer lost.
            if account.charges.get(&charge.invoice).is_some_and(|known| known.is_asked) {
                needs.payments.extend(payments_on(account, &charge.invoice));
            }
        }
        Command::EndCharge { charge, outcome } => {
            needs.invoices.insert(charge.invoice.clone());
            if let ChargeOutcome::Taken { payment } = outcome {
                needs.payments.insert(payment.clone());
            }
        }
    }
    let brings_money = matches!(
        command,
        Command::RecordPayment { .. } | Command::IssueCreditNote { .. } | Command::AllocateCredit
    );
    if brings_money {
        for id in todays_fee_invoices(account) {
            needs.payments.extend(payments_on(account, &id));
            needs.invoices.insert(id);
        }
    }
    if moves_credit(account, command) {
        for source in account.credits.keys() {
            if let Source::Payment(payment) = source {
                needs.payments.insert(payment.clone());
            }
        }
    }
    needs.invoices.retain(|id| !account.knows_invoice(id));
    needs.payments.retain(|id| !account.knows_payment(id));
    needs.credit_notes.retain(|id| !account.knows_credit_note(id));
    needs.letters.retain(|id| !account.knows_letter(*id));
    needs
}

/// Whether credit may be put on invoices: the payments that it came from must be at hand.
fn moves_credit(account: &Account, command: &Command) -> bool {
    let posts = matches!(
        command,
        Command::IssueInvoice(_) | Command::PostInvoice { .. } | Command::AllocateCredit
    );
    let is_scheduled = |invoice: &Invoice| matches!(invoice.posting, Posting::Scheduled(_));
    // A late fee that is an invoice may take credit as any that goes out does.
    let will_allow =
        matches!(command, Command::ChangeProfile(profile) if profile.terms_allow_late_fee);
    posts
        || account.profile.terms_allow_late_fee
        || will_allow
        || matches!(command, Command::AddFee { .. })
        || account.open_invoices().any(is_scheduled)
}

/// An invoice, and those of its fees that are invoices.
fn with_fees(account: &Account, invoice: &InvoiceId) -> Vec<InvoiceId> {
    let fees = account.invoices.get(invoice).into_iter().flat_map(|invoice| &invoice.fees);
    let beside = fees.filter(|fee| fee.stands()).filter_map(|fee| fee.invoice.clone());
    std::iter::once(invoice.clone()).chain(beside).collect()
}

/// The payments that put money on it, where it is at hand.
fn payments_on(account: &Account, invoice: &InvoiceId) -> Vec<PaymentId> {
    let on = account.invoices.get(invoice).into_iter().flat_map(|invoice| &invoice.allocations);
    on.filter_map(|allocation| match &allocation.source {
        Source::Payment(id) => Some(id.clone()),
        Source::CreditNote(_) => None,
    })
    .collect()
}

/// The newest fees that are invoices, of invoices that are open: paid on the day of the fee, an invoice may take
/// them back, paid or not (LF-2).
fn todays_fee_invoices(account: &Account) -> Vec<InvoiceId> {
    let newest = |invoice: &Invoice| {
        let last = invoice.fees.iter().map(|fee| fee.charged_on).max();
        let fees = invoice.fees.iter().filter(move |fee| Some(fee.charged_on) == last);
        let beside = fees.filter(|fee| fee.stands()).filter_map(|fee| fee.invoice.clone());
        beside.collect::<Vec<_>>()
    };
    account.open_invoices().flat_map(newest).collect()
}
