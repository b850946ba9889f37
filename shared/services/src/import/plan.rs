//! Compares a client's rows with its account, and decides what they change.
//!
//! An import is an upsert. An invoice that isn't here is put in, with what was paid on it; of one that is
//! here, only a larger `paid` is news: a payment of the difference. Whatever else differs is told and
//! left alone (contracts §5): a person decides which of the two books is right. So the same file again
//! changes nothing, and a payment taken back here doesn't come back with it.
//!
//! Everything is decided by [`decide`], row by row on a working copy, with the import as the actor: it
//! records, and fires nothing.

use std::collections::BTreeMap;
use std::fmt;

use domain::account::{Account, Contact, Profile};
use domain::apply::apply;
use domain::command::{Command, Needs, NewInvoice, News, needs};
use domain::decide::{Context, decide};
use domain::event::Event;
use domain::id::{ClientId, IdError, InvoiceId, PaymentId};
use domain::invoice::{Deposit, Invoice, InvoiceKind};
use domain::money::Money;
use domain::payment::{Method, PaymentState, Seen};
use domain::refusal::Refusal;
use domain::text::Personal;
use serde::Serialize;

use super::mapping::Field;
use super::read::{Assumed, Paid, Row};

/// What stands as the reason of a dispute that came with a ledger.
const DISPUTE_REASON: &str = "disputed, as the imported ledger says";

/// A client's books as the rows meet them.
#[derive(Debug, Clone, Copy)]
pub struct Books<'a> {
    /// The account; with the profile that it is to have, where it doesn't exist yet.
    pub account: &'a Account,
    /// Whether it doesn't.
    pub is_new: bool,
    /// Numbers that are another client's here.
    pub taken: &'a BTreeMap<InvoiceId, ClientId>,
    /// The day and the policy; the actor is the import.
    pub context: Context<'a>,
}

/// What some rows of a client change.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What was decided: one commit.
    pub events: Vec<Event>,
    /// The account then.
    pub account: Account,
    /// What became of each row.
    pub rows: Vec<RowReport>,
}

/// What became of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowReport {
    /// Its line.
    pub line: usize,
    /// Whose invoice.
    pub client: ClientId,
    /// Which.
    pub invoice: InvoiceId,
    /// What was done.
    pub outcome: Outcome,
    /// What was recorded as paid.
    pub payment: Option<Money>,
    /// Where the two books differ: told, and not applied.
    pub differences: Vec<Difference>,
}

/// What was done with a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The invoice was put in.
    Created,
    /// More was paid on it than was known.
    Paid,
    /// Everything was known.
    Unchanged,
    /// Nothing, since the two books differ.
    Conflict,
    /// Nothing, since a rule refuses it.
    Refused(Refusal),
}

impl Outcome {
    /// Its name in reports.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Paid => "paid",
            Self::Unchanged => "unchanged",
            Self::Conflict => "conflict",
            Self::Refused(_) => "refused",
        }
    }
}

/// Where the two books differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// In what: a field of the import, or `status`.
    pub field: &'static str,
    /// What is here.
    pub ours: String,
    /// What the file says.
    pub theirs: String,
}

impl Difference {
    fn new(field: Field, ours: impl Into<String>, theirs: impl Into<String>) -> Self {
        Self { field: field.as_str(), ours: ours.into(), theirs: theirs.into() }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { field, ours, theirs } = self;
        write!(f, "{field} is {ours:?} here and {theirs:?} in the file")
    }
}

/// What rows of a client look up beside its open account: the same invoices closed, and the payments
/// that would be recorded.
pub fn wanted(account: &Account, rows: &[Row]) -> Needs {
    let mut wanted = Needs::default();
    for row in rows {
        wanted.invoices.insert(row.invoice.clone());
        wanted.payments.extend(payment_of(row));
    }
    wanted.invoices.retain(|id| !account.knows_invoice(id));
    wanted.payments.retain(|id| !account.knows_payment(id));
    wanted
}

/// The payment that stands for what the row says was paid so far: the same sum is never recorded twice.
pub fn payment_of(row: &Row) -> Option<PaymentId> {
    let paid = row.paid.filter(|paid| !paid.amount.is_zero())?;
    payment_id(&row.invoice, paid.amount).ok()
}

/// A number that was read leaves room for the rest ([`super::MAX_NUMBER_BYTES`]).
fn payment_id(invoice: &InvoiceId, paid: Money) -> Result<PaymentId, IdError> {
    format!("import:{invoice}:{}", paid.minor()).parse()
}

/// Who a client is according to its rows: the newest name, every address.
pub fn profile(client: &ClientId, rows: &[Row], assumed: &Assumed) -> Profile {
    let name = rows.iter().rev().find_map(|row| row.client_name.clone());
    let class = rows.iter().find_map(|row| row.class.clone());
    let mut contacts: Vec<Contact> = Vec::new();
    for address in rows.iter().filter_map(|row| row.contact_email.as_ref()) {
        if !contacts.iter().any(|contact| is_same_address(&contact.address, address)) {
            contacts.push(Contact { address: address.clone(), is_bounced: false });
        }
    }
    Profile {
        name: name.unwrap_or_else(|| Personal::new(client.as_str())),
        class: class.unwrap_or_else(|| assumed.class.clone()),
        currency: assumed.currency,
        contacts,
        service_lines: Default::default(),
        terms_allow_late_fee: false,
        language: None,
        late_fee_terms_since: None,
        jurisdiction: None,
    }
}

/// Where a known client differs from its rows. Nothing of it is applied: who was taken off the list of
/// addresses here is not put back by an old ledger.
pub fn profile_differences(ours: &Profile, rows: &[Row]) -> Vec<(usize, Difference)> {
    let mut differences = Vec::new();
    let named = rows.iter().rev().find_map(|row| Some((row.line, row.client_name.as_ref()?)));
    if let Some((line, name)) = named.filter(|(_, name)| **name != ours.name) {
        let difference = Difference::new(Field::ClientName, ours.name.as_str(), name.as_str());
        differences.push((line, difference));
    }
    let classed = rows.iter().find_map(|row| Some((row.line, row.class.as_ref()?)));
    if let Some((line, class)) = classed.filter(|(_, class)| **class != ours.class) {
        let difference = Difference::new(Field::Class, ours.class.as_str(), class.as_str());
        differences.push((line, difference));
    }
    let mut told: Vec<&Personal> = ours.contacts.iter().map(|contact| &contact.address).collect();
    let known: Vec<_> = told.iter().map(|address| address.as_str()).collect();
    let known = known.join(", ");
    for row in rows {
        if let Some(address) = &row.contact_email
            && !told.iter().any(|known| is_same_address(known, address))
        {
            let difference = Difference::new(Field::ContactEmail, &*known, address.as_str());
            differences.push((row.line, difference));
            told.push(address);
        }
    }
    differences
}

fn is_same_address(one: &Personal, other: &Personal) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// Decides what these rows change.
///
/// # Errors
/// What is still to be looked up before they can be decided, [`wanted`] or more.
pub fn plan(books: &Books<'_>, rows: &[Row]) -> Result<Planned, Needs> {
    let missing = wanted(books.account, rows);
    if !missing.is_empty() {
        return Err(missing);
    }
    let mut draft = Draft { books, account: books.account.clone(), events: Vec::new() };
    let mut reports = Vec::new();
    // A client that only has others' invoices is none.
    let opens = books.is_new && rows.iter().any(|row| !books.taken.contains_key(&row.invoice));
    let opened = match opens {
        true => draft.act(&Command::OpenAccount(books.account.profile.clone())),
        false => Ok(()),
    };
    for row in rows {
        let done = opened.clone().and_then(|()| draft.row(row));
        let report = match done {
            Ok(report) => report,
            Err(Stop::Missing(needs)) => return Err(needs),
            Err(Stop::Refused(refusal)) => RowReport::new(row, Outcome::Refused(refusal)),
        };
        reports.push(report);
    }
    Ok(Planned { events: draft.events, account: draft.account, rows: reports })
}

/// Why a row can't be decided.
#[derive(Debug, Clone)]
enum Stop {
    Missing(Needs),
    Refused(Refusal),
}

/// The account as the rows so far leave it.
struct Draft<'a> {
    books: &'a Books<'a>,
    account: Account,
    events: Vec<Event>,
}

impl RowReport {
    fn new(row: &Row, outcome: Outcome) -> Self {
        let (client, invoice) = (row.client.clone(), row.invoice.clone());
        Self { line: row.line, client, invoice, outcome, payment: None, differences: Vec::new() }
    }

    fn conflict(row: &Row, difference: Difference) -> Self {
        Self { differences: vec![difference], ..Self::new(row, Outcome::Conflict) }
    }

    /// Whether the two books differ in it.
    pub fn is_conflict(&self) -> bool {
        !self.differences.is_empty()
    }
}

impl Draft<'_> {
    fn act(&mut self, command: &Command) -> Result<(), Stop> {
        let missing = needs(&self.account, command);
        if !missing.is_empty() {
            return Err(Stop::Missing(missing));
        }
        let events = decide(&self.account, command, &self.books.context).map_err(Stop::Refused)?;
        for event in &events {
            apply(&mut self.account, event);
        }
        self.events.extend(events);
        Ok(())
    }

    /// One row, whole or not at all.
    fn row(&mut self, row: &Row) -> Result<RowReport, Stop> {
        if let Some(other) = self.books.taken.get(&row.invoice) {
            let difference = Difference::new(Field::Client, other.as_str(), row.client.as_str());
            return Ok(RowReport::conflict(row, difference));
        }
        let Some(known) = self.account.invoices.get(&row.invoice).cloned() else {
            let (before, events) = (self.account.clone(), self.events.len());
            let created = self.create(row);
            if created.is_err() {
                self.account = before;
                self.events.truncate(events);
            }
            return created;
        };
        if let Some(difference) = other_debt(row, &known, self.books.context.day) {
            return Ok(RowReport::conflict(row, difference));
        }
        let mut differences = details(row, &known);
        let payment = match self.compare_paid(row, &known) {
            Ok(payment) => payment,
            Err(difference) => {
                differences.insert(0, difference);
                None
            }
        };
        if let Some((paid, difference)) = payment {
            self.pay(row, paid, difference)?;
        }
        differences.extend(self.compare_disputed(row));
        let outcome = match (payment, differences.is_empty()) {
            (Some(_), _) => Outcome::Paid,
            (None, true) => Outcome::Unchanged,
            (None, false) => Outcome::Conflict,
        };
        let payment = payment.map(|(_, difference)| difference);
        Ok(RowReport { payment, differences, ..RowReport::new(row, outcome) })
    }

    fn create(&mut self, row: &Row) -> Result<RowReport, Stop> {
        self.act(&Command::IssueInvoice(NewInvoice {
            id: row.invoice.clone(),
            kind: row.kind.unwrap_or_default(),
            service_line: row.service_line.clone(),
            lines: Vec::new(),
            total: row.amount,
            issued_on: Some(row.issued_on),
            due_on: row.due_on,
            posts_on: None,
            is_draft: false,
            deposit: row.deposit,
        }))?;
        // Client credit may be on it already.
        let owed = |draft: &Self| draft.account.invoices.get(&row.invoice).map(Invoice::balance);
        let known = self.account.invoices.get(&row.invoice).map(Invoice::paid);
        let mut payment = None;
        if let (Some(paid), Some(known)) = (row.paid, known)
            && let Some(difference) = paid.amount.checked_sub(known).ok().filter(|d| !d.is_zero())
        {
            self.pay(row, paid, difference)?;
            payment = Some(difference);
        }
        if row.disputed == Some(true) && owed(self).is_some_and(|balance| !balance.is_zero()) {
            let (invoice, reason) = (row.invoice.clone(), Personal::new(DISPUTE_REASON));
            self.act(&Command::OpenDispute { invoice, amount: None, reason })?;
        }
        Ok(RowReport { payment, ..RowReport::new(row, Outcome::Created) })
    }

    fn pay(&mut self, row: &Row, paid: Paid, difference: Money) -> Result<(), Stop> {
        let payment = payment_id(&row.invoice, paid.amount);
        let payment = payment.map_err(|error| {
            Stop::Refused(Refusal::invalid("PAY-1", format!("the payment has no name: {error}")))
        })?;
        let news = News::Told {
            amount: difference,
            method: Method::Check,
            invoices: vec![row.invoice.clone()],
            seen: Seen::Succeeded,
            on: paid.on,
        };
        self.act(&Command::RecordPayment { payment, news })
    }

    /// The payment of the difference, where the file knows of more; a conflict where it knows of less,
    /// or of money that is on its way or was taken back here.
    fn compare_paid(
        &self,
        row: &Row,
        known: &Invoice,
    ) -> Result<Option<(Paid, Money)>, Difference> {
        let Some(paid) = row.paid else { return Ok(None) };
        let ours = known.paid_principal(); // a late fee is ours alone (LF-1)
        let conflict = |ours: String| Difference::new(Field::Paid, ours, paid.amount.amount());
        let Ok(difference) = paid.amount.checked_sub(ours) else {
            return Err(conflict(ours.amount()));
        };
        if difference.is_zero() {
            return Ok(None);
        }
        let on_its_way = self.on_its_way(&row.invoice);
        if 0 < on_its_way {
            let on_its_way = Money::new(on_its_way, ours.currency());
            return Err(conflict(format!(
                "{}, and {} on its way",
                ours.amount(),
                on_its_way.amount()
            )));
        }
        let is_recorded =
            payment_of(row).is_some_and(|payment| self.account.payments.contains_key(&payment));
        if is_recorded {
            return Err(conflict(format!("{}, some was taken back", ours.amount())));
        }
        Ok(Some((paid, difference)))
    }

    /// What debits that name the invoice may still bring.
    fn on_its_way(&self, invoice: &InvoiceId) -> u64 {
        let payments = self.account.payments.values();
        let pending = payments.filter(|payment| payment.state() == PaymentState::Pending);
        let facts = pending.filter_map(|payment| payment.facts.as_ref());
        let named = facts.filter(|facts| facts.invoices.contains(invoice));
        named.map(|facts| facts.amount.minor()).sum()
    }

    /// A dispute that began or ended here or there is for a person: an old file would open it anew.
    fn compare_disputed(&self, row: &Row) -> Option<Difference> {
        let theirs = row.disputed?;
        let invoice = self.account.invoices.get(&row.invoice)?;
        let ours = invoice.dispute.is_some();
        let yes_or_no = |is_disputed| if is_disputed { "yes" } else { "no" };
        let differs = ours != theirs && invoice.is_open();
        differs.then(|| Difference::new(Field::Disputed, yes_or_no(ours), yes_or_no(theirs)))
    }
}

/// Whether row and invoice are two debts under one number; then nothing of the row counts.
fn other_debt(row: &Row, known: &Invoice, day: domain::calendar::Day) -> Option<Difference> {
    let (ours, theirs) = (known.total, row.amount);
    if ours.currency() != theirs.currency() {
        let (ours, theirs) = (ours.currency(), theirs.currency());
        return Some(Difference::new(Field::Currency, ours.code(), theirs.code()));
    }
    if ours != theirs {
        return Some(Difference::new(Field::Amount, ours.amount(), theirs.amount()));
    }
    known.ending.as_ref()?;
    let theirs = match row.paid {
        Some(paid) if paid.amount == row.amount => "paid",
        Some(_) | None => "open",
    };
    let ours = known.status(day).as_str().to_owned();
    Some(Difference { field: "status", ours, theirs: theirs.to_owned() })
}

/// What the row says otherwise about the same debt. What it leaves open it doesn't say.
fn details(row: &Row, known: &Invoice) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut compare = |field: Field, ours: String, theirs: Option<String>| {
        differences.extend(
            theirs
                .filter(|theirs| *theirs != ours)
                .map(|theirs| Difference::new(field, ours, theirs)),
        );
    };
    compare(Field::Issued, known.issued_on.to_string(), Some(row.issued_on.to_string()));
    compare(Field::Due, known.due_on.to_string(), row.due_on.map(|due_on| due_on.to_string()));
    let kind = |kind: InvoiceKind| kind.as_str().to_owned();
    compare(Field::Kind, kind(known.kind), row.kind.map(kind));
    let line = known.service_line.as_ref().map(ToString::to_string).unwrap_or_default();
    compare(Field::ServiceLine, line, row.service_line.as_ref().map(ToString::to_string));
    let deposit = known.deposit.map(Deposit::as_str).unwrap_or_default().to_owned();
    compare(Field::Deposit, deposit, row.deposit.map(|deposit| deposit.as_str().to_owned()));
    differences
}

#[cfg(test)]
mod tests;
