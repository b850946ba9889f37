//! A statement of account: what a client was charged and what came in, from day to day, and what that comes to.
//!
//! A fold over the events, which are all that ever happened to the account. What an event moved is measured: what
//! the account came to before and after it, over what it touched. So a statement can't tell another story than the
//! account, and a new kind of event that moves money is on it, if under a plain name. Money that only changes its
//! place, from credit to an invoice, is no entry. Days are those of the facts: an invoice stands on its date, a
//! check on the day on which it was paid.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::{Account, Profile};
use crate::apply::apply;
use crate::calendar::Day;
use crate::command::News;
use crate::event::Event;
use crate::id::{ClientId, FirmId, InvoiceId};
use crate::invoice::{Ending, Invoice, Posting, Source};
use crate::money::{Currency, Money};
use crate::payment::{ChargebackState, Seen};
use crate::touches::touched;

/// On which side of the account an amount stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The client owes it.
    Charge,
    /// The client has it to its good.
    Credit,
}

/// An amount and its side; nothing stands on the side of what is owed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sum {
    /// How much.
    pub amount: Money,
    /// On which side.
    pub side: Side,
}

impl Sum {
    fn of(minor: i128, currency: Currency) -> Self {
        let side = if minor < 0 { Side::Credit } else { Side::Charge };
        let amount = u64::try_from(minor.unsigned_abs()).unwrap_or(u64::MAX);
        Self { amount: Money::new(amount, currency), side }
    }

    /// What is owed counts up, what is to the client's good counts down.
    pub fn minor(self) -> i128 {
        let minor = i128::from(self.amount.minor());
        match self.side {
            Side::Charge => minor,
            Side::Credit => -minor,
        }
    }
}

/// What an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum What {
    /// An invoice.
    Invoice,
    /// A late fee (LF-1).
    LateFee,
    /// A late fee that was waived or taken back.
    FeeWaived,
    /// A payment.
    Payment,
    /// A payment that failed later, or came back.
    Returned,
    /// Money that was given back.
    Refund,
    /// Money that a bank took back, because the client's bank was asked to.
    Chargeback,
    /// The bank decided for the firm.
    ChargebackWon,
    /// A credit note.
    CreditNote,
    /// An invoice that should never have been.
    Void,
    /// A debt that was given up.
    WrittenOff,
    /// Anything else that moved money.
    Other,
}

impl What {
    /// Its name in tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invoice => "invoice",
            Self::LateFee => "late_fee",
            Self::FeeWaived => "fee_waived",
            Self::Payment => "payment",
            Self::Returned => "payment_returned",
            Self::Refund => "refund",
            Self::Chargeback => "chargeback",
            Self::ChargebackWon => "chargeback_won",
            Self::CreditNote => "credit_note",
            Self::Void => "void",
            Self::WrittenOff => "written_off",
            Self::Other => "other",
        }
    }
}

/// One thing that changed what the client owes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// When.
    pub on: Day,
    /// What.
    pub what: What,
    /// Of which invoice, payment or credit note.
    pub reference: String,
    /// By how much.
    pub sum: Sum,
    /// What the account came to after it.
    pub balance: Sum,
}

/// The part of a statement in one currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which.
    pub currency: Currency,
    /// What it came to before the first day.
    pub opening: Sum,
    /// What happened, by day.
    pub entries: Vec<Entry>,
    /// What it came to after the last day.
    pub closing: Sum,
}

/// A statement of account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// The first day.
    pub from: Day,
    /// The last one.
    pub to: Day,
    /// By currency; at least the client's own.
    pub parts: Vec<Part>,
}

/// An entry before it is asked for.
#[derive(Debug, Clone)]
struct Movement {
    on: Day,
    what: What,
    reference: String,
    currency: Currency,
    minor: i128,
}

/// A client's account as it is written down, event by event.
#[derive(Debug, Clone)]
pub struct Book {
    account: Account,
    movements: Vec<Movement>,
}

impl Book {
    /// An empty one.
    pub fn new(firm: FirmId, client: ClientId, profile: Profile) -> Self {
        let mut account = Account::new(firm, client, profile);
        account.looked_up.everything = true;
        Self { account, movements: Vec::new() }
    }

    /// The next event, which was decided on that day.
    pub fn add(&mut self, day: Day, event: &Event) {
        let Some((what, reference)) = named(event) else {
            apply(&mut self.account, event);
            return;
        };
        if self.was_never_out(event) {
            apply(&mut self.account, event);
            self.movements.retain(|known| known.reference != reference); // its number names nothing else
            return;
        }
        let on = self.day_of(event).unwrap_or(day);
        let what = match event {
            // What is taken back commit by commit goes on under its first name.
            Event::CreditMoved { .. } => self.last_of(&reference).unwrap_or(what),
            _ => what,
        };
        let touched = Touched::by(&self.account, event);
        let before = touched.sums(&self.account);
        apply(&mut self.account, event);
        let mut moved = touched.sums(&self.account);
        for (currency, minor) in before {
            *moved.entry(currency).or_default() -= minor;
        }
        for (currency, minor) in moved.into_iter().filter(|(_, minor)| *minor != 0) {
            let what = settled_as(what, minor);
            let reference = reference.clone();
            self.movements.push(Movement { on, what, reference, currency, minor });
        }
    }

    /// Whether it voids what was scheduled and never went out: nobody was ever charged.
    fn was_never_out(&self, event: &Event) -> bool {
        let Event::InvoiceVoided { invoice, on, .. } = event else { return false };
        self.account.invoices.get(invoice).is_some_and(|invoice| *on < stands_on(invoice))
    }

    fn last_of(&self, reference: &str) -> Option<What> {
        let last = self.movements.iter().rev().find(|movement| movement.reference == reference);
        last.map(|movement| movement.what)
    }

    /// What the account comes to, whatever led to it: every invoice, and all credit.
    pub fn balance(&self, currency: Currency) -> Sum {
        let mut sums = BTreeMap::new();
        for invoice in self.account.invoices.values() {
            add(&mut sums, worth(invoice));
        }
        for credit in self.account.credits.values() {
            add(&mut sums, (credit.amount.currency(), -i128::from(credit.amount.minor())));
        }
        Sum::of(sums.get(&currency).copied().unwrap_or_default(), currency)
    }

    /// The account, as far as it was written.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// The statement of those days, both included.
    pub fn statement(&self, from: Day, to: Day) -> Statement {
        let mut parts: BTreeMap<Currency, (i128, Vec<&Movement>)> = BTreeMap::new();
        parts.insert(self.account.profile.currency, Default::default());
        for movement in self.movements.iter().filter(|movement| movement.on <= to) {
            let (opening, within) = parts.entry(movement.currency).or_default();
            match movement.on < from {
                true => *opening += movement.minor,
                false => within.push(movement),
            }
        }
        let own = self.account.profile.currency;
        let parts = parts.into_iter().filter(|(currency, (opening, within))| {
            *currency == own || *opening != 0 || !within.is_empty()
        });
        let parts = parts.map(|(currency, (opening, within))| part(currency, opening, within));
        Statement { from, to, parts: parts.collect() }
    }

    /// The day of the fact, where that isn't the day of its record.
    fn day_of(&self, event: &Event) -> Option<Day> {
        match event {
            Event::InvoiceIssued(invoice) => Some(stands_on(invoice)),
            // Not before the invoice itself stands there.
            Event::InvoiceVoided { invoice, on, .. }
            | Event::InvoiceWrittenOff { invoice, on, .. } => {
                let invoice = self.account.invoices.get(invoice);
                Some(invoice.map_or(*on, |invoice| stands_on(invoice).max(*on)))
            }
            Event::FeeCharged { fee, .. } => Some(fee.charged_on),
            Event::PaymentChanged { news: News::Told { on: Some(paid), seen, .. }, .. }
                if *seen == Seen::Succeeded =>
            {
                Some(*paid)
            }
            Event::FeeTakenBack { on, .. }
            | Event::FeeWaived { on, .. }
            | Event::PaymentChanged { on, .. }
            | Event::CreditNoteIssued { on, .. }
            | Event::CreditMoved { on, .. } => Some(*on),
            _ => None,
        }
    }
}

/// One day's entries of one thing are one: a payment over many invoices is taken back commit by commit.
fn part(currency: Currency, opening: i128, mut within: Vec<&Movement>) -> Part {
    within.sort_by_key(|movement| movement.on); // stable: as they happened within a day
    let mut joined: Vec<Movement> = Vec::new();
    for movement in within {
        let same = joined
            .iter_mut()
            .rev()
            .take_while(|known| known.on == movement.on)
            .find(|known| known.what == movement.what && known.reference == movement.reference);
        match same {
            Some(known) => known.minor += movement.minor,
            None => joined.push(movement.clone()),
        }
    }
    let mut balance = opening;
    let entries = joined.into_iter().filter(|movement| movement.minor != 0).map(|movement| {
        balance += movement.minor;
        Entry {
            on: movement.on,
            what: movement.what,
            reference: movement.reference,
            sum: Sum::of(movement.minor, currency),
            balance: Sum::of(balance, currency),
        }
    });
    let entries = entries.collect();
    Part {
        currency,
        opening: Sum::of(opening, currency),
        entries,
        closing: Sum::of(balance, currency),
    }
}

/// Its date; of a scheduled one the day on which it goes out.
fn stands_on(invoice: &Invoice) -> Day {
    match invoice.posting {
        Posting::Scheduled(on) => on.max(invoice.issued_on),
        Posting::Draft | Posting::Posted => invoice.issued_on,
    }
}

/// What an event is called, if it is one that may move money, and of what.
fn named(event: &Event) -> Option<(What, String)> {
    Some(match event {
        Event::InvoiceIssued(invoice) => {
            let what = if invoice.fee_of.is_some() { What::LateFee } else { What::Invoice };
            (what, invoice.id.to_string())
        }
        Event::InvoicePosted { invoice, number } => {
            (What::Invoice, number.as_ref().unwrap_or(invoice).to_string())
        }
        Event::InvoiceVoided { invoice, .. } => (What::Void, invoice.to_string()),
        Event::InvoiceWrittenOff { invoice, .. } => (What::WrittenOff, invoice.to_string()),
        Event::FeeCharged { invoice, .. } => (What::LateFee, invoice.to_string()),
        Event::FeeTakenBack { invoice, .. } | Event::FeeWaived { invoice, .. } => {
            (What::FeeWaived, invoice.to_string())
        }
        Event::PaymentChanged { payment, news, .. } => (what_of(news), payment.to_string()),
        Event::CreditNoteIssued { id, .. } => (What::CreditNote, id.to_string()),
        Event::CreditMoved { source, .. } => match source {
            Source::Payment(payment) => (What::Returned, payment.to_string()),
            Source::CreditNote(note) => (What::CreditNote, note.to_string()),
        },
        _ => return None,
    })
}

fn what_of(news: &News) -> What {
    match news {
        News::Told { seen: Seen::Pending | Seen::Succeeded, .. } => What::Payment,
        News::Told { seen: Seen::Failed | Seen::Returned, .. } | News::Returned => What::Returned,
        News::Refunded { .. } => What::Refund,
        News::Chargeback { state: ChargebackState::Won, .. } => What::ChargebackWon,
        News::Chargeback { .. } => What::Chargeback,
    }
}

/// News of a payment come in any order (PAY-3): what brings money is a payment, whatever was told of last.
fn settled_as(what: What, minor: i128) -> What {
    match (what, 0 < minor) {
        (What::Payment, true) => What::Returned,
        (What::Returned | What::Refund | What::Chargeback, false) => What::Payment,
        (What::ChargebackWon, true) => What::Chargeback,
        _ => what,
    }
}

/// What an event may change the worth of.
struct Touched {
    invoices: BTreeSet<InvoiceId>,
    sources: BTreeSet<Source>,
}

impl Touched {
    fn by(account: &Account, event: &Event) -> Self {
        let mut needs = touched(account, event);
        let mut sources: BTreeSet<Source> =
            needs.payments.into_iter().map(Source::Payment).collect();
        sources.extend(needs.credit_notes.into_iter().map(Source::CreditNote));
        match event {
            Event::InvoiceIssued(invoice) => {
                needs.invoices.insert(invoice.id.clone());
            }
            Event::CreditMoved { source, .. } => {
                sources.insert(source.clone());
            }
            Event::FeeTakenBack { released, .. } | Event::FeeWaived { released, .. } => {
                sources.extend(released.iter().map(|(source, _)| source.clone()));
            }
            _ => {}
        }
        Self { invoices: needs.invoices, sources }
    }

    fn sums(&self, account: &Account) -> BTreeMap<Currency, i128> {
        let mut sums = BTreeMap::new();
        for invoice in self.invoices.iter().filter_map(|id| account.invoices.get(id)) {
            add(&mut sums, worth(invoice));
        }
        for credit in self.sources.iter().filter_map(|source| account.credits.get(source)) {
            add(&mut sums, (credit.amount.currency(), -i128::from(credit.amount.minor())));
        }
        sums
    }
}

fn add(sums: &mut BTreeMap<Currency, i128>, (currency, minor): (Currency, i128)) {
    *sums.entry(currency).or_default() += minor;
}

/// What of the account an invoice is: nothing, once it ended; a draft is only what was paid on it.
fn worth(invoice: &Invoice) -> (Currency, i128) {
    let minor = match (&invoice.ending, invoice.posting) {
        (Some(Ending::Voided { .. } | Ending::WrittenOff { .. }), _) => 0,
        (None, Posting::Draft) => -i128::from(invoice.paid().minor()),
        (None, Posting::Scheduled(_) | Posting::Posted) => i128::from(invoice.unpaid().minor()),
    };
    (invoice.total.currency(), minor)
}
