//! What a timeline expects of a client (contracts §3): questions with their answers as text.
//!
//! An expected value is brought into the form of the answer when it is read (`60` dollars are
//! `60.00`), and from then on both are compared as text. Names of states, letters and tasks that the
//! contract knows are known here, also those that nothing brings about yet.

mod charges;

pub use charges::ChargeDetail;

use crate::access::{Access, Capability, DenialText, access, denial_text};
use crate::account::{Account, Collection};
use crate::calendar::{Day, parse_day};
use crate::decide::letters::sending;
use crate::decide::{Context, next_evaluation};
use crate::document::{DocumentError, Field, Fields, nearest};
use crate::explain::explain;
use crate::id::{ClientId, InvoiceId};
use crate::invoice::{Ending, Invoice, InvoiceStatus};
use crate::letter::{Letter, LetterState};
use crate::lock::Scope;
use crate::money::{Currency, Money};
use crate::policy::LockScope;

/// What an answer is where there is nothing.
const NONE: &str = "none";

const PORTAL_STATES: [&str; 5] = ["open", "limited", "locked", "must_pay", "closed"];

const STATUSES: [InvoiceStatus; 10] = [
    InvoiceStatus::Void,
    InvoiceStatus::WrittenOff,
    InvoiceStatus::Paid,
    InvoiceStatus::Draft,
    InvoiceStatus::Scheduled,
    InvoiceStatus::Disputed,
    InvoiceStatus::Overdue,
    InvoiceStatus::Locked,
    InvoiceStatus::PartiallyPaid,
    InvoiceStatus::Unpaid,
];

/// The letters of LET-1 and rules §0.
const LETTERS: [&str; 14] = [
    "reminder",
    "lock_notice",
    "limit_notice",
    "close_notice",
    "notice",
    "demand_letter",
    "final_demand",
    "welcome_back",
    "receipt",
    "payment_failed",
    "invitation",
    "sign_in_link",
    "promise_confirmation",
    "plan_confirmation",
];

/// The tasks of contracts §3.
const TASKS: [&str; 11] = [
    "ready_for_unlock",
    "review_task",
    "collections_referral",
    "close_proposal",
    "approve_step",
    "approve_run",
    "bounced_address",
    "no_address",
    "records_request",
    "mismatch",
    "message",
];

/// What should be so for a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expectation {
    /// For whom.
    pub client: ClientId,
    /// What, in the order written.
    pub checks: Vec<Check>,
}

/// A question and the answer that is expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What is asked.
    pub question: Question,
    /// The answer, in the form of [`Question::answer`].
    pub expected: String,
}

/// What can be asked about a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Question {
    /// The state of the portal.
    Portal,
    /// The service lines that are locked.
    LockedLines,
    /// Why it is locked.
    Reason,
    /// What is owed on posted invoices.
    Balance(Currency),
    /// Client credit.
    Credit(Currency),
    /// About one invoice.
    Invoice(InvoiceId, InvoiceQuestion),
    /// The letters queued that day.
    Letters,
    /// The letters queued since a day.
    LettersSince(Day),
    /// Charges of saved methods on that day, by invoice.
    Charges(ChargeDetail),
    /// Open tasks.
    Tasks,
    /// Late fees that weren't waived.
    Fees(Currency),
    /// What the portal allows.
    Access(Capability),
    /// What somebody is told whom the portal denies that (ACC-3).
    Denial(Capability),
    /// Why the client stands where it stands, in sentences (EVAL-5).
    Why,
    /// What comes next, and what would stop it, in sentences (EVAL-5).
    Next,
    /// The next day on which an evaluation would write anything.
    NextEvaluation,
    /// Audit events since the start.
    AuditEvents,
}

/// What can be asked about an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvoiceQuestion {
    /// What it is called that day, to the client.
    Status,
    /// Whether it is collected.
    Collection,
    /// What is owed on it.
    Balance,
    /// What was put on it, credit notes too.
    Paid,
    /// Since how many days it is overdue.
    DaysOverdue,
}

/// What a question is asked of.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    /// The client's account.
    pub account: &'a Account,
    /// The day and the policies.
    pub context: Context<'a>,
    /// How many audit events there were.
    pub audit_events: u64,
    /// Whether the run that waits for a partner has it on its list (LOCK-10).
    pub is_held: bool,
}

impl Expectation {
    /// Reads it; `client` knows the clients and `currency` what an invoice was issued in.
    ///
    /// # Errors
    /// For an unknown field or name, and for an amount that can't be one.
    pub(super) fn read(
        fields: &mut Fields<'_>,
        firm: Currency,
        client: &dyn Fn(&Field<'_>) -> Result<ClientId, DocumentError>,
        currency: &dyn Fn(&InvoiceId) -> Currency,
    ) -> Result<Self, DocumentError> {
        let client = fields.required("client", client)?;
        let mut checks = Vec::new();
        let mut check = |question, expected| checks.push(Check { question, expected });
        if let Some(field) = fields.field("portal") {
            check(Question::Portal, name(&field, "portal state", &PORTAL_STATES)?);
        }
        if let Some(field) = fields.field("locked_lines") {
            let mut lines = field.list(|line| Ok(line.scalar()?.to_owned()))?;
            lines.sort();
            check(Question::LockedLines, list(lines));
        }
        if let Some(field) = fields.field("reason") {
            check(Question::Reason, field.unless_off(Field::text)?.unwrap_or(NONE).to_owned());
        }
        if let Some(field) = fields.field("balance") {
            for amount in amounts(&field, firm)? {
                check(Question::Balance(amount.currency()), amount.amount());
            }
        }
        if let Some(field) = fields.field("credit") {
            for amount in amounts(&field, firm)? {
                check(Question::Credit(amount.currency()), amount.amount());
            }
        }
        if let Some(field) = fields.field("invoices") {
            field.entries(str::parse, |id: &InvoiceId, field| {
                field.fields(|fields| invoice(fields, id, currency(id), &mut check))
            })?;
        }
        if let Some(field) = fields.field("letters") {
            check(Question::Letters, letters(&field)?);
        }
        if let Some(field) = fields.field("letters_since") {
            for (since, kinds) in field.entries(parse_day, |_, field| letters(field))? {
                check(Question::LettersSince(since), kinds);
            }
        }
        if let Some(field) = fields.field("charges") {
            let charges = charges::read(&field, currency)?;
            check(Question::Charges(charges.detail), list(charges.told));
        }
        if let Some(field) = fields.field("tasks") {
            let mut tasks = field.list(|task| name(task, "task", &TASKS))?;
            tasks.sort();
            tasks.dedup();
            check(Question::Tasks, list(tasks));
        }
        if let Some(field) = fields.field("fees") {
            check(Question::Fees(firm), money(&field, firm)?.amount());
        }
        if let Some(field) = fields.field("access") {
            let answers = [("allow", "allow"), ("deny", "deny")];
            for (capability, answer) in
                field.entries(capability, |_, field| field.choice(&answers))?
            {
                check(Question::Access(capability), answer.to_owned());
            }
        }
        if let Some(field) = fields.field("denials") {
            for (capability, told) in
                field.entries(capability, |_, field| Ok(field.text()?.to_owned()))?
            {
                check(Question::Denial(capability), told);
            }
        }
        if let Some(field) = fields.field("why") {
            check(Question::Why, field.list(|line| Ok(line.text()?.to_owned()))?.join(" "));
        }
        if let Some(field) = fields.field("next") {
            check(Question::Next, field.list(|line| Ok(line.text()?.to_owned()))?.join(" "));
        }
        if let Some(field) = fields.field("next_evaluation") {
            let day = field.unless_off(Field::day)?;
            check(Question::NextEvaluation, day.map_or(NONE.to_owned(), |day| day.to_string()));
        }
        if let Some(field) = fields.field("audit_events") {
            check(Question::AuditEvents, number(&field)?);
        }
        if checks.is_empty() {
            return Err(fields
                .whole()
                .error("expected something to check beside `client`, such as `portal`"));
        }
        Ok(Self { client, checks })
    }
}

fn invoice(
    fields: &mut Fields<'_>,
    id: &InvoiceId,
    currency: Currency,
    check: &mut impl FnMut(Question, String),
) -> Result<(), DocumentError> {
    let mut ask = |question, expected| check(Question::Invoice(id.clone(), question), expected);
    if let Some(field) = fields.field("status") {
        let names = STATUSES.map(InvoiceStatus::as_str);
        ask(InvoiceQuestion::Status, name(&field, "status", &names)?);
    }
    if let Some(field) = fields.field("collection") {
        let expected = name(&field, "collection status", &["collect", "do_not_collect"])?;
        ask(InvoiceQuestion::Collection, expected);
    }
    if let Some(field) = fields.field("balance") {
        ask(InvoiceQuestion::Balance, money(&field, currency)?.amount());
    }
    if let Some(field) = fields.field("paid") {
        ask(InvoiceQuestion::Paid, money(&field, currency)?.amount());
    }
    if let Some(field) = fields.field("days_overdue") {
        ask(InvoiceQuestion::DaysOverdue, number(&field)?);
    }
    Ok(())
}

/// An amount, quoted or not: here it is only compared.
fn money(field: &Field<'_>, currency: Currency) -> Result<Money, DocumentError> {
    Money::parse(field.scalar()?, currency).map_err(|error| field.error(error))
}

/// One amount in the firm's currency, or one per currency.
fn amounts(field: &Field<'_>, firm: Currency) -> Result<Vec<Money>, DocumentError> {
    if field.node().as_written().is_some() {
        return Ok(vec![money(field, firm)?]);
    }
    let amounts =
        field.entries(str::parse, |&currency: &Currency, field| money(field, currency))?;
    if amounts.is_empty() {
        return Err(field.error("expected at least one amount"));
    }
    Ok(amounts.into_iter().map(|(_, amount)| amount).collect())
}

fn number(field: &Field<'_>) -> Result<String, DocumentError> {
    let number: Option<u64> = field.scalar()?.parse().ok();
    number.map(|number| number.to_string()).ok_or_else(|| field.expected("a whole number"))
}

fn letters(field: &Field<'_>) -> Result<String, DocumentError> {
    Ok(list(field.list(|kind| name(kind, "letter", &LETTERS))?))
}

fn name(field: &Field<'_>, what: &str, names: &[&str]) -> Result<String, DocumentError> {
    let name = field.scalar()?;
    if names.contains(&name) {
        return Ok(name.to_owned());
    }
    let nearest = nearest(name, names).unwrap_or_default();
    Err(field.error(format!("unknown {what} {name:?}, the nearest known one is {nearest}")))
}

fn capability(name: &str) -> Result<Capability, String> {
    Capability::from_name(name).ok_or_else(|| {
        let names = Capability::ALL.map(Capability::as_str);
        let nearest = nearest(name, &names).unwrap_or_default();
        format!("unknown capability {name:?}, the nearest known one is {nearest}")
    })
}

fn list(items: Vec<String>) -> String {
    format!("[{}]", items.join(", "))
}

impl Question {
    /// Its name in a timeline.
    pub fn name(&self) -> String {
        match self {
            Self::Portal => "portal".to_owned(),
            Self::LockedLines => "locked_lines".to_owned(),
            Self::Reason => "reason".to_owned(),
            Self::Balance(currency) => format!("balance in {currency}"),
            Self::Credit(currency) => format!("credit in {currency}"),
            Self::Invoice(id, question) => format!("{} of invoice {id}", question.name()),
            Self::Letters => "letters".to_owned(),
            Self::LettersSince(day) => format!("letters_since {day}"),
            Self::Charges(_) => "charges".to_owned(),
            Self::Tasks => "tasks".to_owned(),
            Self::Fees(currency) => format!("fees in {currency}"),
            Self::Access(capability) => format!("access to {}", capability.as_str()),
            Self::Denial(capability) => format!("denial of {}", capability.as_str()),
            Self::Why => "why".to_owned(),
            Self::Next => "next".to_owned(),
            Self::NextEvaluation => "next_evaluation".to_owned(),
            Self::AuditEvents => "audit_events".to_owned(),
        }
    }

    /// The answer, as it is then.
    pub fn answer(&self, seen: &Seen<'_>) -> String {
        let (account, day) = (seen.account, seen.context.day);
        match self {
            Self::Portal => account.portal().as_str().to_owned(),
            Self::LockedLines => {
                // Where clients are locked, a lock on the client is on no line of it.
                let own = || account.locks.keys().filter_map(Scope::line).cloned().collect();
                let lines = match seen.context.policy.policy.lock.scope {
                    LockScope::Client => own(),
                    LockScope::ServiceLines => account.locked_lines(),
                };
                list(lines.into_iter().map(String::from).collect())
            }
            Self::Charges(detail) => list(charges::answer(account, day, *detail)),
            Self::Reason => account.portal_reason().unwrap_or(NONE.to_owned()),
            Self::Balance(currency) => balance(account, *currency, day).amount(),
            Self::Credit(currency) => account.credit(*currency).amount(),
            Self::Invoice(id, question) => question.answer(seen, id),
            Self::Letters => list(kinds(seen, |letter| {
                letter.queued_on == day && letter.state == LetterState::Queued
            })),
            Self::LettersSince(since) => list(kinds(seen, |letter| *since <= letter.queued_on)),
            Self::Tasks => {
                let mut kinds: Vec<_> =
                    account.tasks.values().map(|task| task.about.kind().to_owned()).collect();
                kinds.extend(seen.is_held.then(|| "approve_run".to_owned()));
                kinds.sort();
                kinds.dedup();
                list(kinds)
            }
            Self::Fees(currency) => fees(account, *currency).amount(),
            Self::Access(capability) => {
                let scope = &Scope::Client;
                match access(account.portal(), scope, *capability, &account.limits()) {
                    Access::Deny(_) => "deny".to_owned(),
                    Access::Allow | Access::Only(_) => "allow".to_owned(),
                }
            }
            Self::Denial(capability) => {
                let scope = &Scope::Client;
                match access(account.portal(), scope, *capability, &account.limits()) {
                    Access::Deny(denial) => told(&denial_text(account, scope, denial, day)),
                    Access::Allow | Access::Only(_) => "allow".to_owned(),
                }
            }
            Self::Why => explain(account, &seen.context).why.join(" "),
            Self::Next => match explain(account, &seen.context).next {
                Some(next) => [&next.what[..], &next.stopped_by[..]].concat().join(" "),
                None => String::new(),
            },
            Self::NextEvaluation => next_evaluation(account, &seen.context)
                .map_or(NONE.to_owned(), |day| day.to_string()),
            Self::AuditEvents => seen.audit_events.to_string(),
        }
    }
}

impl InvoiceQuestion {
    fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Collection => "collection",
            Self::Balance => "balance",
            Self::Paid => "paid",
            Self::DaysOverdue => "days_overdue",
        }
    }

    fn answer(self, seen: &Seen<'_>, id: &InvoiceId) -> String {
        let (account, day) = (seen.account, seen.context.day);
        let Some(invoice) = account.invoices.get(id) else { return "no such invoice".to_owned() };
        match self {
            Self::Status => account.status(invoice, day).as_str().to_owned(),
            Self::Collection => {
                match account.collection(&seen.context.policy.policy, day).of(invoice) {
                    Collection::Collect => "collect".to_owned(),
                    Collection::DoNotCollect(_) => "do_not_collect".to_owned(),
                }
            }
            Self::Balance => invoice.balance().amount(),
            Self::Paid => invoice.paid().amount(),
            Self::DaysOverdue => invoice.days_overdue(day).to_string(),
        }
    }
}

/// What a denial says: why, and what to pay now, currency by currency.
fn told(text: &DenialText) -> String {
    let amounts = text.amounts.iter().map(|amount| format!(" Pay {}.", amount.for_person()));
    std::iter::once(text.why.clone()).chain(amounts).collect()
}

/// Σ late fees that were neither waived nor taken back, paid or not, on invoices that weren't void.
fn fees(account: &Account, currency: Currency) -> Money {
    let is_void = |invoice: &&Invoice| matches!(invoice.ending, Some(Ending::Voided { .. }));
    let invoices = account.invoices.values().filter(|invoice| !is_void(invoice));
    let fees = invoices.flat_map(|invoice| &invoice.fees).filter(|fee| fee.stands());
    let fees = fees.filter(|fee| fee.amount.currency() == currency);
    Money::new(fees.map(|fee| fee.amount.minor()).sum(), currency)
}

/// Σ balances of the invoices that are out at the client, not net of credit.
fn balance(account: &Account, currency: Currency, day: Day) -> Money {
    let posted = account.open_invoices().filter(|invoice| invoice.is_posted(day));
    let balances =
        posted.map(|invoice| invoice.balance()).filter(|balance| balance.currency() == currency);
    Money::new(balances.map(Money::minor).sum(), currency)
}

/// The kinds of those letters that left or would still, in the order of leaving.
fn kinds(seen: &Seen<'_>, is_wanted: impl Fn(&Letter) -> bool) -> Vec<String> {
    let wanted = seen.account.letters.values().filter(|letter| is_wanted(letter));
    let mut leaving: Vec<_> = wanted
        .filter_map(|letter| {
            let kind = match &letter.state {
                LetterState::Left(sending) => sending.kind,
                LetterState::Withdrawn { .. } => return None,
                LetterState::Queued => {
                    sending(seen.account, &seen.context.policy.policy, letter, seen.context.day)?
                        .kind
                }
            };
            Some((letter.leaves_on, leaving_order(letter), kind))
        })
        .collect();
    leaving.sort_by_key(|(on, order, _)| (*on, *order));
    leaving.into_iter().map(|(_, _, kind)| kind.as_str().to_owned()).collect()
}

/// Debt letters first, then in the order queued.
pub(super) fn leaving_order(letter: &Letter) -> (bool, u64) {
    (!letter.content.is_debt(), letter.id.0)
}
