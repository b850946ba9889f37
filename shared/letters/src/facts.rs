//! What a letter is about, in the domain's types and before any words.
//!
//! A letter of a kind has the facts of that kind and no others. They are read when it is about to
//! leave (LET-4) and hold everything that the text says, so that what was sent can be explained.

use chrono::NaiveDate;
use domain::id::InvoiceId;
use domain::money::Money;

use domain::colour::Colour;
use domain::letter::LetterKind;
pub use domain::letter::{Language, LanguageError};
use domain::lock::LockCause;

/// A letter, before any words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LetterFacts {
    /// Who writes (LET-2).
    pub firm: Firm,
    /// To whom: the client's name, or the contact's where the letter is to that person alone.
    pub client_name: String,
    /// In which language.
    pub language: Language,
    /// The firm's day on which it leaves; days overdue count to it.
    pub day: NaiveDate,
    /// What it says.
    pub content: Content,
}

impl LetterFacts {
    /// Its kind.
    pub fn kind(&self) -> LetterKind {
        match self.content {
            Content::Reminder(_) => LetterKind::Reminder,
            Content::LockNotice(_) => LetterKind::LockNotice,
            Content::LimitNotice(_) => LetterKind::LimitNotice,
            Content::CloseNotice(_) => LetterKind::CloseNotice,
            Content::Notice(_) => LetterKind::Notice,
            Content::DemandLetter(..) => LetterKind::DemandLetter,
            Content::FinalDemand(..) => LetterKind::FinalDemand,
            Content::WelcomeBack(_) => LetterKind::WelcomeBack,
            Content::Receipt(_) => LetterKind::Receipt,
            Content::PaymentFailed(_) => LetterKind::PaymentFailed,
            Content::PromiseConfirmation(_) => LetterKind::PromiseConfirmation,
            Content::PlanConfirmation(_) => LetterKind::PlanConfirmation,
            Content::PayLink(_) => LetterKind::PayLink,
            Content::Message(_) => LetterKind::Message,
            Content::Invitation(_) => LetterKind::Invitation,
            Content::SignInLink(_) => LetterKind::SignInLink,
        }
    }
}

/// Who writes: the creditor, with its own name and address (LET-2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Firm {
    /// Its name.
    pub name: String,
    /// Where answers go.
    pub reply_address: String,
    /// For those who'd rather call.
    pub phone: Option<String>,
    /// Its postal address, in one line.
    pub postal_address: Option<String>,
    /// A picture, by https.
    pub logo_url: Option<String>,
    /// The colour of buttons and links, where it isn't ours.
    pub colour: Option<Colour>,
}

/// What a letter says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// Invoices will be due.
    Reminder(Debt),
    /// The portal will be locked.
    LockNotice(Debt),
    /// The portal will be limited.
    LimitNotice(Debt),
    /// The engagement will be ended.
    CloseNotice(Debt),
    /// Invoices are overdue, or something else is announced.
    Notice(Debt),
    /// Pay, or dispute by a day (LET-7).
    DemandLetter(Debt, Demand),
    /// The same for the last time.
    FinalDemand(Debt, Demand),
    /// The portal is open again.
    WelcomeBack(WelcomeBack),
    /// A payment was received.
    Receipt(Receipt),
    /// A payment failed or came back.
    PaymentFailed(PaymentFailed),
    /// A promise was noted.
    PromiseConfirmation(Promise),
    /// A plan begins.
    PlanConfirmation(Plan),
    /// Staff send a link to pay with.
    PayLink(Debt),
    /// Staff write to the client.
    Message(Message),
    /// A contact may come to the portal (SEC-3).
    Invitation(SignIn),
    /// A contact asked for a link to sign in with (SEC-3).
    SignInLink(SignIn),
}

/// What is owed, as a debt letter tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Debt {
    /// The invoices concerned, in any order; at least one.
    pub invoices: Vec<Invoice>,
    /// The client's credit, at most one amount per currency; totals are net of it (LET-9).
    pub credit: Vec<Money>,
    /// The page on which to pay, dispute, promise, and ask for a plan or for records, without
    /// signing in (LET-7); without one the letter asks for an answer.
    pub link: Option<String>,
    /// The lock, if there is one.
    pub lock: Option<Lock>,
    /// What follows if nothing happens.
    pub next: Option<Next>,
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its number.
    pub number: InvoiceId,
    /// When it was issued.
    pub issued_on: NaiveDate,
    /// When it was or will be due.
    pub due_on: NaiveDate,
    /// Its amount, fees included.
    pub total: Money,
    /// The late fees in it.
    pub fees: Money,
    /// What was paid of it.
    pub paid: Money,
    /// What of the rest is in dispute, and not asked for (DIS-1).
    pub disputed: Money,
}

/// A locked portal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// Why, as fixed when it was set (LOCK-2): a rule's reason is told in the letter's language, a person's in the
    /// person's words.
    pub cause: LockCause,
    /// Since when; the day of the letter makes it the lock's own letter.
    pub since: NaiveDate,
    /// How it opens again.
    pub opens: Opens,
}

/// How a locked portal opens again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// A person does it, after everything overdue is paid (UNL-1).
    AfterReview,
    /// By itself, when everything overdue is paid (UNL-3).
    OnPayment,
    /// When the firm says so: it was locked by hand, for a reason that paying need not cure (LOCK-4).
    ByTheFirm,
}

/// What follows, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// What.
    pub action: NextAction,
    /// Not before that day.
    pub on: NaiveDate,
}

/// What can follow a debt letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NextAction {
    /// The portal is limited.
    Limit,
    /// The portal is locked.
    Lock,
    /// A demand letter is sent.
    DemandLetter,
    /// A partner reviews the account: a final demand, the end of the engagement.
    PartnerReview,
    /// The debt is handed to a collections agency.
    CollectionsReferral,
    /// A partner decides on the end of the engagement.
    Close,
}

/// What a demand adds to the debt (LET-7).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Demand {
    /// The last day on which to dispute, and by which to pay.
    pub dispute_by: NaiveDate,
    /// What is ready and waiting for the client, such as "2025 financial statements".
    pub ready: Vec<String>,
}

/// The portal is open again (UNL-4, UNL-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WelcomeBack {
    /// Why it is open.
    pub reopened: Reopened,
    /// What is still overdue.
    pub still_open: Vec<Invoice>,
    /// The portal's address.
    pub portal_link: String,
}

/// Why a portal is open again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reopened {
    /// Nothing is overdue.
    Settled,
    /// By exception, up to and including that day.
    Until(NaiveDate),
    /// By exception, while a payment plan is kept.
    WithPlan,
}

/// A payment was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// How much.
    pub amount: Money,
    /// When.
    pub received_on: NaiveDate,
    /// The name under which to ask about it.
    pub reference: String,
    /// How it was paid.
    pub method: Method,
    /// Where it went.
    pub applied: Vec<Applied>,
    /// What of it is kept as credit.
    pub credit: Money,
    /// What is still overdue, over all invoices.
    pub rest: Vec<Invoice>,
    /// The lock, if there is one (PAY-7).
    pub lock: Option<Lock>,
    /// Where to pay the rest.
    pub link: Option<String>,
}

/// How a payment was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// By card.
    Card,
    /// By bank debit.
    Bank,
    /// By check.
    Check,
    /// By phone.
    Phone,
}

/// The part of a payment that went to one invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Which.
    pub invoice: InvoiceId,
    /// How much.
    pub amount: Money,
    /// What is left to pay of it.
    pub open: Money,
}

/// A payment failed or came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentFailed {
    /// How much.
    pub amount: Money,
    /// When.
    pub failed_on: NaiveDate,
    /// How it should have been paid.
    pub method: Method,
    /// Whether the bank returned it later, rather than refusing it at once.
    pub is_returned: bool,
    /// The invoices that it was for, as they are now.
    pub invoices: Vec<Invoice>,
    /// Where to pay again or in another way.
    pub link: Option<String>,
}

/// What staff write to a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// In their words, with their line breaks.
    pub text: String,
    /// The portal's address, where an answer can be written too.
    pub portal_link: String,
}

/// A promise to pay (PROM-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promise {
    /// The last day on which it is kept.
    pub until: NaiveDate,
    /// What it covers.
    pub invoices: Vec<Invoice>,
    /// Where to pay.
    pub link: Option<String>,
}

/// A payment plan (PLAN-1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// What is due when, in any order; at least one, all in one currency.
    pub instalments: Vec<Instalment>,
    /// What it covers.
    pub invoices: Vec<Invoice>,
    /// How many days late an instalment may be.
    pub grace_days: u32,
    /// Where to pay.
    pub link: Option<String>,
}

/// One payment of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Instalment {
    /// When.
    pub due_on: NaiveDate,
    /// How much.
    pub amount: Money,
}

/// A link that signs its one reader in, once (SEC-3).
#[derive(Clone, PartialEq, Eq)]
pub struct SignIn {
    /// The page with the button.
    pub link: String,
    /// The portal's own address, for whoever would rather type than press.
    pub portal_link: String,
    /// How long the link can be used.
    pub valid: Valid,
}

impl std::fmt::Debug for SignIn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Whoever reads the link is signed in, so nothing prints it (SEC-5).
        f.debug_struct("SignIn").field("valid", &self.valid).finish_non_exhaustive()
    }
}

/// How long a link can be used, counted from when its letter leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Valid {
    /// So many minutes.
    Minutes(u32),
    /// So many days.
    Days(u32),
}
