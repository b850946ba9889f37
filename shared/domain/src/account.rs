//! A client's account: the boundary of consistency, and the questions that its facts answer.
//!
//! In memory it holds all that can still change, and of the history only what was looked up for
//! the command at hand ([`Account::looked_up`]). It is changed by [`crate::apply::apply`] alone.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::charge::{Charge, SavedMethod};
use crate::fee::limits::Jurisdiction;
use crate::id::{
    ClassId, ClientId, CreditNoteId, FirmId, InvoiceId, MethodId, PaymentId, ServiceLine, StaffId,
};
use crate::invoice::{Hold, Invoice, InvoiceStatus, Source};
use crate::letter::{Language, Letter, LetterId};
use crate::limit::Limit;
use crate::lock::{Debt, Lock, Scope};
use crate::message::Message;
use crate::money::{Currency, Money};
use crate::note::Note;
use crate::pay_link::PayLink;
use crate::payment::{Payment, PaymentState};
use crate::people::People;
use crate::plan::{Plan, Promise};
use crate::policy::{Policy, ThresholdOn};
use crate::task::Task;
use crate::text::Personal;

/// The most open invoices of one client. An account is read whole for each decision; at this size
/// that is some 2 MB and 250 read units, and beyond it a client needs another system.
pub const MAX_OPEN_INVOICES: usize = 5_000;

/// The most contacts of one client: they live on the account's head, which stays under 32 KB.
pub const MAX_CONTACTS: usize = 20;

/// The most service lines of one client, for the same reason.
pub const MAX_SERVICE_LINES: usize = 20;

/// How many days with a response the head remembers (LET-8): more than a quarter, were there one
/// every day.
pub const MAX_RESPONSES: usize = 100;

/// All facts of one client that the rules look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Whose client.
    pub firm: FirmId,
    /// Which.
    pub client: ClientId,
    /// Who the client is, and under which policy.
    pub profile: Profile,
    /// Who at the firm looks after it.
    pub people: People,
    /// All open invoices, and closed ones that were looked up.
    pub invoices: BTreeMap<InvoiceId, Invoice>,
    /// Payments that are on their way, and others that were looked up.
    pub payments: BTreeMap<PaymentId, Payment>,
    /// Client credit by where it came from.
    pub credits: BTreeMap<Source, Credit>,
    /// Credit notes that were looked up.
    pub credit_notes: BTreeSet<CreditNoteId>,
    /// The locks, by what they are on: the whole client, or service lines of it (LOCK-5).
    pub locks: BTreeMap<Scope, Lock>,
    /// The limit on the portal, if there is one (POL-3).
    pub limit: Option<Limit>,
    /// The end of the engagement (CLOSE-1).
    pub closed: Option<Closed>,
    /// How many episodes there were.
    pub episodes: u32,
    /// How the last episode ended.
    pub last_unlock: Option<Unlocked>,
    /// Running exceptions, by what they are for (UNL-4).
    pub exceptions: BTreeMap<Scope, Exception>,
    /// The open request to unlock (UNL-6).
    pub request: Option<UnlockRequest>,
    /// The service lines that invoices were of; those that are declared are in the profile (LOCK-5).
    pub billed_lines: BTreeSet<ServiceLine>,
    /// The hold on the client (LOCK-6).
    pub hold: Option<Hold>,
    /// The hard stop (LOCK-6).
    pub hard_stop: Option<HardStop>,
    /// The running plan (PLAN-1).
    pub plan: Option<Plan>,
    /// Running promises (PROM-1).
    pub promises: Vec<Promise>,
    /// Open tasks.
    pub tasks: BTreeMap<TaskId, Task>,
    /// Letters that haven't left, and others that were looked up.
    pub letters: BTreeMap<LetterId, Letter>,
    /// Days on which the client responded, oldest first (LET-8).
    pub responses: Vec<Response>,
    /// Notes that are being written; those of before decide nothing and are never loaded (NOTE-1).
    pub notes: Vec<Note>,
    /// When the last message that waited to be read was (LET-8).
    pub read_on: Option<Day>,
    /// Messages that are being written; those of before decide nothing and are never loaded (LET-8).
    pub messages: Vec<Message>,
    /// Methods of payment that may be charged (CHG-1).
    pub methods: BTreeMap<MethodId, SavedMethod>,
    /// The one that is: the client's choice.
    pub default_method: Option<MethodId>,
    /// Charges that haven't ended, by their invoices: one at a time for each.
    pub charges: BTreeMap<InvoiceId, Charge>,
    /// Links that are being made; those of before decide nothing and are never loaded (LET-7).
    pub pay_links: Vec<PayLink>,
    /// Links that are being taken back, by the hashes of their tokens.
    pub revoked_links: Vec<String>,
    /// The number of the next task, letter, note or message.
    pub next_number: u64,
    /// What of the history was looked up.
    pub looked_up: LookedUp,
}

pub use crate::task::TaskId;

/// Who the client is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// As it stands on letters.
    pub name: Personal,
    /// Whose policy applies (POL-1).
    pub class: ClassId,
    /// The currency in which the firm bills unless an invoice says otherwise.
    pub currency: Currency,
    /// Where letters go, in this order.
    #[serde(default)]
    pub contacts: Vec<Contact>,
    /// Tax, audit, accounting, …
    #[serde(default)]
    pub service_lines: BTreeSet<ServiceLine>,
    /// Whether the engagement's terms allow late fees (LF-1).
    #[serde(default)]
    pub terms_allow_late_fee: bool,
    /// In which language it is written to; `None`: in the firm's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub language: Option<Language>,
    /// Since when they do, where they didn't at first: a fee of a day before is never charged (LF-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_fee_terms_since: Option<Day>,
    /// Whose law caps its late fees; without one, none does (LF-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Jurisdiction>,
}

/// One address of a client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contact {
    /// An e-mail address.
    pub address: Personal,
    /// Whether a letter came back from it (LET-6).
    #[serde(default)]
    pub is_bounced: bool,
}

/// Client credit: money of one source that is on no invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credit {
    /// How much.
    pub amount: Money,
    /// When it came: it pays invoices that are posted later (PAY-4).
    pub came_on: Day,
    /// Counted over the account: older credit is used first.
    pub number: u64,
    /// Set while a payment over many invoices is put on them, commit by commit: the rest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spreading: Option<Spreading>,
}

/// What is left of a payment over many invoices.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spreading {
    /// The invoices that it named; none of them: it named none.
    pub invoices: Vec<InvoiceId>,
}

/// Meanwhile no automatic lock is set (UNL-4).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// Since when.
    pub begun_on: Day,
    /// What ends it.
    pub ends: ExceptionEnd,
    /// Why.
    pub reason: Personal,
    /// The debts of that day.
    pub old_debts: BTreeSet<InvoiceId>,
    /// Whether they lock again (`relock_after_exception`).
    pub relocks: bool,
    /// What it is for (LOCK-5).
    #[serde(default, skip_serializing_if = "Scope::is_client")]
    pub scope: Scope,
}

/// What ends an exception.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExceptionEnd {
    /// The day after this one.
    Until(Day),
    /// The end of the running plan.
    WithPlan,
}

/// A billing lead asks for the unlock (UNL-1, UNL-6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnlockRequest {
    /// Who asked.
    pub by: StaffId,
    /// When.
    pub on: Day,
    /// The first day on which it no longer stands.
    pub expires_on: Day,
    /// Counted from 1 over the episode: one that was rejected is another than the next of that day.
    #[serde(default)]
    pub number: u32,
    /// For which service lines; none of them: for all that is locked (LOCK-5).
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub lines: BTreeSet<ServiceLine>,
    /// Of which episode it is: the oldest of those that it asks to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub episode: Option<u32>,
}

impl UnlockRequest {
    /// Whether it asks for the end of that lock.
    pub fn asks_for(&self, scope: &Scope) -> bool {
        self.lines.is_empty() || scope.line().is_some_and(|line| self.lines.contains(line))
    }
}

/// How an episode ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocked {
    /// When.
    pub on: Day,
    /// By whom or what.
    pub way: UnlockWay,
    /// What was locked (LOCK-5).
    #[serde(default, skip_serializing_if = "Scope::is_client")]
    pub scope: Scope,
}

/// What lifted a lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnlockWay {
    /// A partner, after UNL-1's test.
    Approved {
        /// Who.
        by: StaffId,
        /// Overdue invoices that did not refuse it, as the approver saw them.
        despite: BTreeSet<InvoiceId>,
    },
    /// The rule (UNL-3).
    Payment,
    /// A partner, by exception (UNL-4).
    Exception {
        /// Who.
        by: StaffId,
    },
    /// A partner, who took back what a run had done (LOCK-10).
    Undone {
        /// Who.
        by: StaffId,
        /// Why.
        reason: Personal,
    },
}

/// Nothing is collected any more (LOCK-6).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HardStop {
    /// Since when.
    pub on: Day,
    /// Bankruptcy, deceased, represented, do not contact.
    pub reason: Personal,
}

/// The engagement ended (CLOSE-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Closed {
    /// When.
    pub on: Day,
    /// Which partner approved it.
    pub by: StaffId,
    /// A partner put the deletion of its personal data off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub put_off: Option<PutOff>,
    /// Its personal data are deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<Erased>,
}

/// A partner keeps a closed client's personal data longer (CLOSE-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PutOff {
    /// The last day on which they are kept for it.
    pub until: Day,
    /// Who.
    pub by: StaffId,
    /// Why.
    pub reason: Personal,
}

/// The personal data of a closed client are deleted (CLOSE-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erased {
    /// Since when: from that day on nobody reads them, and within minutes they are gone.
    pub on: Day,
    /// How many years the firm keeps them.
    pub years: u32,
    /// What there was.
    pub gone: Gone,
}

/// What is deleted of a client.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gone {
    /// Records of the audit that hold personal texts: names, addresses, reasons, what somebody wrote.
    pub records: u32,
    /// Letters as they were sent.
    pub letters: u32,
    /// Staff's notes.
    pub notes: u32,
    /// Contacts who come for this client; whoever comes for no other is deleted as well.
    pub contacts: u32,
}

/// The client responded (LET-8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Response {
    /// When.
    pub on: Day,
    /// By which payment, if by one: should it fail, it was no response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<PaymentId>,
}

/// What of the history is in memory: an absent entry of it doesn't exist, any other isn't known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LookedUp {
    /// Whether all of it is: rehearsals.
    pub everything: bool,
    /// Invoices by number.
    pub invoices: BTreeSet<InvoiceId>,
    /// Payments by id.
    pub payments: BTreeSet<PaymentId>,
    /// Credit notes by id.
    pub credit_notes: BTreeSet<CreditNoteId>,
    /// Letters that left.
    pub letters: BTreeSet<LetterId>,
}

/// Whether an invoice is collected (INV-4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Collection {
    /// It may be reminded of, demanded and counted towards a lock.
    Collect,
    /// It may not.
    DoNotCollect(NotCollected),
}

/// Why an invoice isn't collected, the first that holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NotCollected {
    /// Paid, void, written off.
    Closed,
    /// Draft or scheduled.
    NotPosted,
    /// All that is left of it is disputed.
    Disputed,
    /// At or under the collection threshold.
    BelowThreshold,
    /// Nothing is collected from this client any more.
    HardStop,
    /// It or the client is on hold.
    OnHold,
    /// A promise covers it.
    Promised,
    /// A plan covers it.
    Planned,
    /// A debit on its way covers it.
    InFlight,
    /// It rests after a returned debit.
    Resting,
    /// A collector has it (CLOSE-2).
    WithCollections,
}

/// What UNL-1's test found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnlockTest {
    /// Overdue invoices that refuse the unlock.
    pub open: BTreeSet<InvoiceId>,
    /// Overdue invoices that don't: disputed, planned or promised.
    pub despite: BTreeSet<InvoiceId>,
}

impl UnlockTest {
    /// Whether nothing refuses it.
    pub fn holds(&self) -> bool {
        self.open.is_empty()
    }
}

impl Account {
    /// An account without any history.
    pub fn new(firm: FirmId, client: ClientId, profile: Profile) -> Self {
        Self {
            firm,
            client,
            profile,
            people: People::default(),
            invoices: BTreeMap::new(),
            payments: BTreeMap::new(),
            credits: BTreeMap::new(),
            credit_notes: BTreeSet::new(),
            locks: BTreeMap::new(),
            limit: None,
            closed: None,
            episodes: 0,
            last_unlock: None,
            exceptions: BTreeMap::new(),
            request: None,
            billed_lines: BTreeSet::new(),
            hold: None,
            hard_stop: None,
            plan: None,
            promises: Vec::new(),
            tasks: BTreeMap::new(),
            letters: BTreeMap::new(),
            responses: Vec::new(),
            notes: Vec::new(),
            read_on: None,
            messages: Vec::new(),
            methods: BTreeMap::new(),
            default_method: None,
            charges: BTreeMap::new(),
            pay_links: Vec::new(),
            revoked_links: Vec::new(),
            next_number: 1,
            looked_up: LookedUp::default(),
        }
    }

    /// Its open invoices.
    pub fn open_invoices(&self) -> impl Iterator<Item = &Invoice> {
        self.invoices.values().filter(|invoice| invoice.is_open())
    }

    /// Client credit in that currency.
    pub fn credit(&self, currency: Currency) -> Money {
        let credits = self.credits.values().filter(|credit| credit.amount.currency() == currency);
        Money::new(credits.map(|credit| credit.amount.minor()).sum(), currency)
    }

    /// Whether a payment is still being put on its invoices: meanwhile nothing escalates.
    pub fn is_spreading(&self) -> bool {
        self.credits.values().any(|credit| credit.spreading.is_some())
            || self.payments.values().any(|payment| payment.kept() < self.held(&payment.id))
    }

    /// What is allocated from that payment, or is its credit, in minor units.
    pub fn held(&self, payment: &PaymentId) -> u64 {
        let allocated = self.payments.get(payment).map_or(0, |payment| {
            payment.allocations.iter().map(|(_, amount)| amount.minor()).sum::<u64>()
        });
        let credit = self.credits.get(&Source::Payment(payment.clone()));
        allocated + credit.map_or(0, |credit| credit.amount.minor())
    }

    /// The first contact whose address takes mail, by its place.
    pub fn deliverable(&self) -> Option<usize> {
        self.profile.contacts.iter().position(|contact| !contact.is_bounced)
    }

    /// The contact of that address, if it takes mail, by its place.
    pub fn reachable_at(&self, address: &Personal) -> Option<usize> {
        let mut contacts = self.profile.contacts.iter();
        contacts.position(|contact| contact.address == *address && !contact.is_bounced)
    }

    /// The invoice's status as the client sees it: an overdue one of what is locked is locked (INV-2, LOCK-5).
    pub fn status(&self, invoice: &Invoice, day: Day) -> InvoiceStatus {
        match invoice.status(day) {
            InvoiceStatus::Overdue if self.locks_over(invoice).next().is_some() => {
                InvoiceStatus::Locked
            }
            status => status,
        }
    }

    /// Debits on their way that hold that day, put on invoices as PAY-4 says, oldest debit first.
    pub fn in_flight(&self, policy: &Policy, day: Day) -> BTreeMap<InvoiceId, u64> {
        let mut pending: Vec<_> = self
            .payments
            .values()
            .filter(|payment| payment.is_in_flight(day, policy.in_flight_days))
            .filter_map(|payment| {
                payment.facts.as_ref().map(|facts| (facts.first_on, &payment.id, facts))
            })
            .collect();
        pending.sort_by_key(|(first_on, id, _)| (*first_on, *id));
        let mut covered = BTreeMap::new();
        for (_, _, facts) in pending {
            for (invoice, amount) in self.spread(&facts.invoices, facts.amount, &covered, day) {
                *covered.entry(invoice).or_insert(0) += amount.minor();
            }
        }
        covered
    }

    /// A debit on its way that is provisionally allocated to the invoice (CHG-3).
    pub fn pending_on(&self, invoice: &InvoiceId, day: Day) -> Option<&PaymentId> {
        let pending =
            self.payments.values().filter(|payment| payment.state() == PaymentState::Pending);
        let of = |payment: &&Payment| {
            payment.facts.as_ref().is_some_and(|facts| {
                let shares = self.spread(&facts.invoices, facts.amount, &BTreeMap::new(), day);
                shares.iter().any(|(id, _)| id == invoice)
            })
        };
        pending.into_iter().find(of).map(|payment| &payment.id)
    }

    /// Where money goes (PAY-4): to the invoices named, in that order; else to a running plan's, then
    /// to the oldest due. What doesn't come out again is client credit. `taken` is what of an
    /// invoice's balance is spoken for.
    pub fn spread(
        &self,
        named: &[InvoiceId],
        amount: Money,
        taken: &BTreeMap<InvoiceId, u64>,
        day: Day,
    ) -> Vec<(InvoiceId, Money)> {
        let currency = amount.currency();
        let mut left = amount.minor();
        let mut shares = Vec::new();
        let order = if named.is_empty() {
            self.payable(currency, day)
        } else {
            self.named(named, currency)
        };
        for (invoice, room) in order {
            let room = room.saturating_sub(taken.get(&invoice.id).copied().unwrap_or(0));
            let share = room.min(left);
            if 0 < share {
                left -= share;
                shares.push((invoice.id.clone(), Money::new(share, currency)));
            }
        }
        shares
    }

    fn named(&self, named: &[InvoiceId], currency: Currency) -> Vec<(&Invoice, u64)> {
        let mut seen = BTreeSet::new();
        let invoices =
            named.iter().filter(|id| seen.insert(*id)).filter_map(|id| self.invoices.get(id));
        let open =
            invoices.filter(|invoice| invoice.is_open() && invoice.total.currency() == currency);
        open.map(|invoice| (invoice, invoice.balance().minor())).collect()
    }

    /// Open invoices that take a payment which names none: neither disputed nor scheduled, a running
    /// plan's first, then by due date, issue date and number. Of a partly disputed one, the
    /// undisputed part.
    fn payable(&self, currency: Currency, day: Day) -> Vec<(&Invoice, u64)> {
        let mut open: Vec<_> = self
            .open_invoices()
            .filter(|invoice| invoice.total.currency() == currency && invoice.is_posted(day))
            .filter(|invoice| !invoice.collectable().is_zero())
            .collect();
        let is_planned = |invoice: &Invoice| {
            self.plan.as_ref().is_some_and(|plan| plan.invoices.contains(&invoice.id))
        };
        open.sort_by_key(|invoice| {
            (!is_planned(invoice), invoice.due_on, invoice.issued_on, invoice.id.clone())
        });
        open.into_iter().map(|invoice| (invoice, invoice.collectable().minor())).collect()
    }

    /// Which invoices are collected that day (INV-4), all at once: debits and thresholds look at
    /// several.
    pub fn collection<'a>(&'a self, policy: &'a Policy, day: Day) -> CollectionView<'a> {
        let in_flight = self.in_flight(policy, day);
        CollectionView { account: self, in_flight, overdue: self.overdue(day), policy, day }
    }

    fn overdue(&self, day: Day) -> BTreeMap<Currency, u64> {
        let mut sums = BTreeMap::new();
        for invoice in self.open_invoices().filter(|invoice| invoice.is_overdue(day)) {
            let collectable = invoice.collectable();
            *sums.entry(collectable.currency()).or_insert(0) += collectable.minor();
        }
        sums
    }

    /// Whether a running promise covers it that day.
    pub fn is_promised(&self, invoice: &InvoiceId, day: Day) -> bool {
        self.promises
            .iter()
            .any(|promise| day <= promise.until && promise.invoices.contains(invoice))
    }

    /// Whether a plan that is kept that day covers it.
    pub fn is_planned(&self, invoice: &InvoiceId, day: Day) -> bool {
        self.plan.as_ref().is_some_and(|plan| {
            plan.invoices.contains(invoice) && plan.is_kept(self.planned_balance(plan), day)
        })
    }

    /// What is owed on the plan's invoices, in minor units; late fees that came while it ran are none of the
    /// plan's (PLAN-1, LF-1).
    pub fn planned_balance(&self, plan: &Plan) -> u64 {
        let invoices = plan.invoices.iter().filter_map(|id| self.invoices.get(id));
        let owed = invoices.map(|invoice| {
            let beside = invoice.fees.iter().filter(|fee| fee.is_owed_here() && fee.is_beside_plan);
            let beside: u64 = beside.map(|fee| fee.amount.minor()).sum();
            invoice.balance().minor().saturating_sub(beside)
        });
        owed.sum()
    }

    /// Whether the client responded on one of the `days` before `day` (LET-8).
    pub fn responded_within(&self, days: u32, day: Day) -> bool {
        let first = crate::calendar::minus(day, days);
        self.responses.iter().any(|response| first <= response.on && response.on < day)
    }
}

/// Which invoices of an account are collected on a day.
#[derive(Debug, Clone)]
pub struct CollectionView<'a> {
    account: &'a Account,
    in_flight: BTreeMap<InvoiceId, u64>,
    overdue: BTreeMap<Currency, u64>,
    policy: &'a Policy,
    day: Day,
}

impl<'a> CollectionView<'a> {
    /// Whether that invoice is, and why not (INV-4).
    pub fn of(&self, invoice: &Invoice) -> Collection {
        match self.obstacle(invoice) {
            Some(why) => Collection::DoNotCollect(why),
            None => Collection::Collect,
        }
    }

    /// Whether that invoice is collected.
    pub fn collects(&self, invoice: &Invoice) -> bool {
        self.obstacle(invoice).is_none()
    }

    /// Overdue invoices that are collected, by us or by a collector: what limits the portal (POL-3, CLOSE-2).
    pub fn limiting(&self) -> Vec<&'a Invoice> {
        let overdue = self.account.open_invoices().filter(|invoice| invoice.is_overdue(self.day));
        let is_asked_for = |invoice: &&Invoice| {
            matches!(self.obstacle(invoice), None | Some(NotCollected::WithCollections))
        };
        overdue.filter(is_asked_for).collect()
    }

    /// Overdue invoices that are collected, as a lock's trigger sees them.
    pub fn debts(&self) -> Vec<(&'a Invoice, Debt<'a>)> {
        let overdue = self.account.open_invoices().filter(|invoice| invoice.is_overdue(self.day));
        let collected = overdue.filter(|invoice| self.collects(invoice));
        collected
            .map(|invoice| {
                let debt = Debt {
                    invoice: &invoice.id,
                    days_overdue: invoice.days_overdue(self.day),
                    lock_days: self.policy.lock_days(invoice),
                    collectable: invoice.collectable(),
                    is_fee: invoice.fee_of.is_some(),
                };
                (invoice, debt)
            })
            .collect()
    }

    fn obstacle(&self, invoice: &Invoice) -> Option<NotCollected> {
        let account = self.account;
        let is_on_hold =
            |hold: &Option<Hold>| hold.as_ref().is_some_and(|hold| hold.holds_on(self.day));
        let in_flight = self.in_flight.get(&invoice.id).copied().unwrap_or(0);
        let obstacles = [
            (invoice.ending.is_some() || invoice.balance().is_zero(), NotCollected::Closed),
            (!invoice.is_posted(self.day), NotCollected::NotPosted),
            (invoice.collectable().is_zero(), NotCollected::Disputed),
            (account.hard_stop.is_some(), NotCollected::HardStop),
            (is_on_hold(&account.hold) || is_on_hold(&invoice.hold), NotCollected::OnHold),
            (account.is_promised(&invoice.id, self.day), NotCollected::Promised),
            (account.is_planned(&invoice.id, self.day), NotCollected::Planned),
            (self.is_below_threshold(invoice), NotCollected::BelowThreshold),
            // What is disputed needs no debit to cover it.
            (invoice.collectable().minor() <= in_flight, NotCollected::InFlight),
            (invoice.rests_before.is_some_and(|resumes| self.day < resumes), NotCollected::Resting),
            // Last: what is still restricted for it asks whether nothing else stands against collecting it.
            (account.is_referred(&invoice.id), NotCollected::WithCollections),
        ];
        obstacles.into_iter().find(|(holds, _)| *holds).map(|(_, why)| why)
    }

    /// Whether the collectable balance is at or under the threshold.
    pub fn is_below_threshold(&self, invoice: &Invoice) -> bool {
        let collectable = invoice.collectable();
        let owed = match self.policy.collection_threshold_on {
            ThresholdOn::Invoice => collectable.minor(),
            ThresholdOn::ClientOverdue => {
                let overdue = self.overdue.get(&collectable.currency()).copied().unwrap_or(0);
                if invoice.is_overdue(self.day) {
                    overdue
                } else {
                    overdue.saturating_add(collectable.minor())
                }
            }
        };
        owed <= self.policy.threshold(collectable.currency()).minor()
    }
}

impl Account {
    /// Whether the invoice is in memory, or known not to exist.
    pub fn knows_invoice(&self, id: &InvoiceId) -> bool {
        let looked_up = &self.looked_up;
        looked_up.everything || self.invoices.contains_key(id) || looked_up.invoices.contains(id)
    }

    /// Whether the payment is in memory, or known not to exist.
    pub fn knows_payment(&self, id: &PaymentId) -> bool {
        let looked_up = &self.looked_up;
        looked_up.everything || self.payments.contains_key(id) || looked_up.payments.contains(id)
    }

    /// Whether the credit note is in memory, or known not to exist.
    pub fn knows_credit_note(&self, id: &CreditNoteId) -> bool {
        self.looked_up.everything || self.looked_up.credit_notes.contains(id)
    }

    /// Whether the letter is in memory, or known not to exist.
    pub fn knows_letter(&self, id: LetterId) -> bool {
        let looked_up = &self.looked_up;
        looked_up.everything || self.letters.contains_key(&id) || looked_up.letters.contains(&id)
    }

    /// Who asked for the unlock, if anybody did.
    pub fn requester(&self) -> Option<&StaffId> {
        self.request.as_ref().map(|request| &request.by)
    }
}
