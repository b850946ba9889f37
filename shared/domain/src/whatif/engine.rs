//! The days of a book under a policy: evaluation, acts, letters, as in a rehearsal, for many clients and years.
//!
//! A day is played only where a client is due on it or something happens; each client waits under the first day on
//! which an evaluation may find something ([`next_look`]), and what is found there is what is carried out. Nothing
//! depends on a clock, a random number or the order of a map.

mod people;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use self::people::Staff;
use super::assume::{Assumed, Held};
use super::count::{Count, HeldRun, Outcome};
use crate::account::Account;
use crate::apply::apply;
use crate::calendar::{Day, days_between, minus, plus};
use crate::command::{Command, NewInvoice, News};
use crate::decide::{Context, decide, decide_alone, may_decide, next_look};
use crate::event::Event;
use crate::id::{InvoiceId, PaymentId, ServiceLine};
use crate::invoice::{Invoice, InvoiceKind};
use crate::letter::{Content, DebtKind, LetterState, Part};
use crate::money::Money;
use crate::numbering::Numbers;
use crate::payment::{Method, Seen};
use crate::policy::PolicyVersion;
use crate::refusal::Refusal;
use crate::role::Actor;
use crate::run::{Caps, Latitude, Tally, Withheld, is_active, last_invoiced};
use crate::task::About;
use crate::text::Personal;

/// A client of an engine, counted from 0 in the order added.
pub type ClientNumber = u32;

/// Something that the book says happened. Acts come in the order of their days.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Act {
    /// When.
    pub on: Day,
    /// To whom.
    pub client: ClientNumber,
    /// Where the book says so.
    pub line: u64,
    /// What.
    pub deed: Deed,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deed {
    /// An invoice went out.
    Bill(Box<Bill>),
    /// Money came for it.
    Pay {
        /// For which.
        invoice: InvoiceId,
        /// How much; `None`: all that is owed on it by then, fees too.
        amount: Option<Money>,
    },
}

/// An invoice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bill {
    /// Its number.
    pub invoice: InvoiceId,
    /// Which terms and steps apply.
    pub kind: InvoiceKind,
    /// For which service.
    pub service_line: Option<ServiceLine>,
    /// The due date; from the terms, if not said.
    pub due_on: Option<Day>,
    /// What it comes to.
    pub total: Money,
    /// Whether it is disputed from its first day.
    pub is_disputed: bool,
}

/// The rules refuse what the book says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {refusal}")]
pub struct Refused {
    /// Where the book says it; 0, where it was assumed.
    pub line: u64,
    /// Why not.
    pub refusal: Refusal,
}

/// Plays a book under a policy.
#[derive(Debug)]
pub struct Engine {
    policy: PolicyVersion,
    /// Versions before it, with which episodes may have begun.
    older: Vec<PolicyVersion>,
    assumed: Assumed,
    from: Day,
    to: Day,
    clients: Vec<Client>,
    /// Who is due when.
    due: BTreeMap<Day, BTreeSet<ClientNumber>>,
    /// What follows from an assumed response, by day.
    answers: BTreeMap<Day, Vec<Act>>,
    /// The day whose acts are still coming, and those.
    acts: Option<(Day, Vec<Act>)>,
    has_begun: bool,
    payments: u64,
    staff: Staff,
    outcome: Outcome,
}

#[derive(Debug)]
struct Client {
    account: Account,
    last_invoiced: Option<Day>,
    /// The first day on which an evaluation may find something.
    look: Option<Day>,
    /// The day under which it is due.
    wakes: Option<Day>,
    /// The day on which the unlock is asked for and approved.
    unlock_on: Option<Day>,
    is_touched: bool,
}

/// What happened on the day that is played.
#[derive(Debug, Default)]
struct Today {
    count: Count,
    /// Clients whose accounts changed, or were to be looked at.
    seen: BTreeSet<ClientNumber>,
    /// Clients with whom something was done since their last evaluation.
    acted: BTreeSet<ClientNumber>,
    touched: BTreeSet<ClientNumber>,
    /// Clients about whom an evaluation decided something.
    decided: BTreeSet<ClientNumber>,
}

impl Engine {
    /// From a day to a day, both played.
    pub fn new(policy: PolicyVersion, assumed: Assumed, from: Day, to: Day) -> Self {
        Self {
            policy,
            older: Vec::new(),
            assumed,
            from,
            to,
            clients: Vec::new(),
            due: BTreeMap::new(),
            answers: BTreeMap::new(),
            acts: None,
            has_begun: false,
            payments: 0,
            staff: Staff::new(),
            outcome: Outcome::default(),
        }
    }

    /// With the versions before it: an episode that began with one follows it to its end (POL-1).
    #[must_use]
    pub fn after(self, older: Vec<PolicyVersion>) -> Self {
        Self { older, ..self }
    }

    /// Adds a client, with what is open on its account by the first day.
    pub fn add(&mut self, mut account: Account) -> ClientNumber {
        account.looked_up.everything = true; // what was not added is not in the book
        let number = ClientNumber::try_from(self.clients.len()).unwrap_or(ClientNumber::MAX);
        let last_invoiced = last_invoiced(&account);
        self.clients.push(Client {
            account,
            last_invoiced,
            look: None,
            wakes: None,
            unlock_on: None,
            is_touched: false,
        });
        number
    }

    /// How many invoices, letters and payments are in memory: what grows with the book, and not with time.
    pub fn held_in_memory(&self) -> usize {
        let of = |client: &Client| {
            let account = &client.account;
            account.invoices.len()
                + account.letters.len()
                + account.payments.len()
                + account.responses.len()
        };
        self.clients.iter().map(of).sum::<usize>()
            + self.answers.values().map(Vec::len).sum::<usize>()
    }

    /// Takes the next act; the days before its own are played.
    ///
    /// # Errors
    /// What the rules refuse.
    pub fn take(&mut self, act: Act) -> Result<(), Refused> {
        if act.on < self.from {
            return self.record_before(&act);
        }
        if self.to < act.on {
            return Ok(());
        }
        match &mut self.acts {
            Some((day, acts)) if *day == act.on => acts.push(act),
            _ => {
                let day = act.on;
                let before = self.acts.replace((day, vec![act]));
                self.play_until(before, day)?;
            }
        }
        Ok(())
    }

    /// The days that were played since this was last asked: for who keeps them elsewhere, or nowhere.
    pub fn drain_days(&mut self) -> Vec<(Day, Count)> {
        std::mem::take(&mut self.outcome.days)
    }

    /// Plays on to the last day.
    ///
    /// # Errors
    /// What the rules refuse.
    pub fn finish(mut self) -> Result<Outcome, Refused> {
        let last = self.acts.take();
        let end = plus(self.to, 1);
        self.play_until(last, end)?;
        let is_locked = |client: &&Client| client.account.is_locked();
        self.outcome.locked_at_end = self.clients.iter().filter(is_locked).count() as u64;
        self.outcome.total.people =
            self.clients.iter().filter(|client| client.is_touched).count() as u64;
        Ok(self.outcome)
    }

    /// Before the first day nothing is sent or set: the book is as if imported, and meets the first run.
    fn record_before(&mut self, act: &Act) -> Result<(), Refused> {
        let mut today = Today::default();
        self.record(act, act.on, &Actor::Import, &mut today)?;
        let (client, context) = self.client_and_context(act.client, act.on, &Actor::Import);
        client.account.forget_closed(&context);
        Ok(())
    }

    /// Plays the day whose acts these are, and the due days from then until before `end`.
    fn play_until(&mut self, acts: Option<(Day, Vec<Act>)>, end: Day) -> Result<(), Refused> {
        if !self.has_begun {
            self.has_begun = true;
            for number in 0..self.clients.len() as ClientNumber {
                self.settle(number, minus(self.from, 1));
            }
        }
        if let Some((day, acts)) = acts {
            self.play_due_before(day)?;
            self.play(day, acts)?;
        }
        self.play_due_before(end)
    }

    fn play_due_before(&mut self, end: Day) -> Result<(), Refused> {
        loop {
            let due = self.due.keys().next().into_iter().chain(self.answers.keys().next()).min();
            match due.copied().filter(|day| *day < end && *day <= self.to) {
                Some(day) => self.play(day, Vec::new())?,
                None => return Ok(()),
            }
        }
    }

    /// One day: the run at its start, what happens, and the letters that leave at its end.
    fn play(&mut self, day: Day, acts: Vec<Act>) -> Result<(), Refused> {
        let mut today = Today::default();
        let due = self.due.remove(&day).unwrap_or_default();
        let looked_at = |number: &&ClientNumber| {
            self.clients.get(**number as usize).is_some_and(|client| client.look == Some(day))
        };
        let looked_at: Vec<_> = due.iter().filter(looked_at).copied().collect();
        self.run_day(day, &looked_at, &mut today)?;
        today.seen.extend(due);
        let answers = self.answers.remove(&day).unwrap_or_default();
        let mut by_client: BTreeMap<ClientNumber, Vec<Act>> = BTreeMap::new();
        for act in acts.into_iter().chain(answers) {
            by_client.entry(act.client).or_default().push(act);
        }
        for (number, acts) in by_client {
            let mut is_new = false;
            for act in &acts {
                is_new |= self.record(act, day, &self.staff.lead.clone(), &mut today)?;
            }
            today.seen.insert(number);
            is_new.then(|| today.acted.insert(number));
        }
        for number in today.seen.clone() {
            self.do_what_is_assumed(number, day, &mut today)?;
            self.send_letters(number, day, &mut today)?;
            self.settle(number, day);
        }
        self.close(day, today);
        Ok(())
    }

    /// The day's run: everybody is evaluated once; only where that would be too much, those whom it concerns are
    /// evaluated again without latitude (LOCK-10).
    fn run_day(
        &mut self,
        day: Day,
        due: &[ClientNumber],
        today: &mut Today,
    ) -> Result<(), Refused> {
        let mut tally = Tally::default();
        let mut decided = Vec::new();
        for &number in due {
            let events = self.decide_evaluation(number, day, Latitude::Full)?;
            let withheld = harsh(&events);
            tally.count(withheld, Caps::of(&self.policy.policy));
            decided.push((number, events, withheld.is_any()));
        }
        if 0 < tally.locks + tally.demands {
            self.outcome.harsh.push((day, tally.locks, tally.demands));
        }
        let active =
            tally.enough_active().is_none_or(|enough| 0 < enough).then(|| self.active(day));
        if tally.is_too_much(active.unwrap_or(0)) {
            let (locks, demands) = (tally.locks, tally.demands);
            let active = active.unwrap_or_else(|| self.active(day));
            self.outcome.held.push(HeldRun { on: day, locks, demands, active });
            if self.assumed.held == Held::Waits {
                for (number, events, is_harsh) in &mut decided {
                    if *is_harsh {
                        *events = self.decide_evaluation(*number, day, Latitude::NothingHarsh)?;
                    }
                }
            }
        }
        for (number, events, _) in decided {
            if !events.is_empty() {
                today.decided.insert(number);
            }
            self.commit(number, day, events, today);
            self.spread(number, day, today)?;
        }
        Ok(())
    }

    fn active(&self, day: Day) -> u64 {
        let active = |client: &&Client| {
            client.account.closed.is_none() && is_active(client.last_invoiced, day)
        };
        self.clients.iter().filter(active).count() as u64
    }

    /// After what was done with the client: where an evaluation may find anything, which is seldom on the day on which
    /// an invoice goes out.
    fn evaluate(
        &mut self,
        number: ClientNumber,
        day: Day,
        today: &mut Today,
    ) -> Result<(), Refused> {
        let (client, context) = self.client_and_context(number, day, &Actor::Schedule);
        let catches_up = client.account.open_invoices().any(|invoice| invoice.catch_up.is_some());
        if !catches_up && !may_decide(&client.account, &context, day) {
            return Ok(());
        }
        let events = self.decide_evaluation(number, day, Latitude::Full)?;
        if !events.is_empty() {
            today.decided.insert(number);
        }
        self.commit(number, day, events, today);
        self.spread(number, day, today)
    }

    fn decide_evaluation(
        &mut self,
        number: ClientNumber,
        day: Day,
        latitude: Latitude,
    ) -> Result<Vec<Event>, Refused> {
        self.outcome.work.evaluations += 1;
        let (client, context) = self.client_and_context(number, day, &Actor::Schedule);
        let context = Context { latitude, ..context };
        decide(&client.account, &Command::Evaluate, &context).map_err(assumed)
    }

    /// What the book says, as far as it is news; answers whether it was.
    fn record(
        &mut self,
        act: &Act,
        day: Day,
        actor: &Actor,
        today: &mut Today,
    ) -> Result<bool, Refused> {
        let commands = match &act.deed {
            Deed::Bill(bill) => bill_commands(bill, act.on),
            Deed::Pay { invoice, amount } => {
                self.payment(act.client, invoice, *amount, act.on).into_iter().collect()
            }
        };
        let is_new = !commands.is_empty();
        for command in commands {
            // Disputes are begun by people, also in an import.
            let (client, context) = self.client_and_context(act.client, day, actor);
            let events = decide_alone(&client.account, &command, &context);
            let events = events.map_err(|refusal| Refused { line: act.line, refusal })?;
            self.commit(act.client, day, events, today);
            self.spread(act.client, day, today)?;
        }
        if let Deed::Bill(_) = act.deed
            && let Some(client) = self.clients.get_mut(act.client as usize)
        {
            client.last_invoiced = client.last_invoiced.max(Some(act.on));
        }
        Ok(is_new)
    }

    /// What of a payment is still owed: less than the book says, where a response was assumed.
    fn payment(
        &mut self,
        number: ClientNumber,
        invoice: &InvoiceId,
        amount: Option<Money>,
        on: Day,
    ) -> Option<Command> {
        let account = &self.clients.get(number as usize)?.account;
        let known = account.invoices.get(invoice).filter(|known| known.is_open())?;
        let (minor, invoices) = match amount {
            Some(amount) => (amount.minor().min(known.balance().minor()), vec![invoice.clone()]),
            None => {
                let with_fees: Vec<&Invoice> = account
                    .open_invoices()
                    .filter(|open| open.id == *invoice || open.fee_of.as_ref() == Some(invoice))
                    .filter(|open| open.total.currency() == known.total.currency())
                    .collect();
                let minor = with_fees.iter().map(|open| open.balance().minor()).sum();
                (minor, with_fees.into_iter().map(|open| open.id.clone()).collect())
            }
        };
        let amount = Money::new(minor, known.total.currency());
        self.payments += 1;
        let payment: PaymentId = format!("paid {}", self.payments).parse().ok()?;
        let (method, seen) = (Method::Card, Seen::Succeeded);
        let news = News::Told { amount, method, invoices, seen, on: Some(on) };
        Some(Command::RecordPayment { payment, news })
    }

    /// A payment over many invoices is put on them, commit by commit.
    fn spread(&mut self, number: ClientNumber, day: Day, today: &mut Today) -> Result<(), Refused> {
        while self.clients.get(number as usize).is_some_and(|client| client.account.is_spreading())
        {
            let (client, context) = self.client_and_context(number, day, &Actor::Schedule);
            let events =
                decide(&client.account, &Command::AllocateCredit, &context).map_err(assumed)?;
            if events.is_empty() {
                break; // nothing moved: the account would spread for ever
            }
            self.outcome.work.evaluations += 1;
            today.decided.insert(number);
            self.commit(number, day, events, today);
        }
        Ok(())
    }

    /// Debt letters first, each as far as it is still true (LET-4).
    fn send_letters(
        &mut self,
        number: ClientNumber,
        day: Day,
        today: &mut Today,
    ) -> Result<(), Refused> {
        let Some(client) = self.clients.get(number as usize) else { return Ok(()) };
        let queued = client.account.letters.values().filter(|l| l.state == LetterState::Queued);
        let leaving = queued.filter(|letter| letter.leaves_on <= day);
        let mut leaving: Vec<_> =
            leaving.map(|letter| (!letter.content.is_debt(), letter.id)).collect();
        leaving.sort_unstable();
        for (_, letter) in leaving {
            let (client, context) = self.client_and_context(number, day, &Actor::Schedule);
            let claim = Command::ClaimLetter { letter };
            let events = decide(&client.account, &claim, &context).map_err(assumed)?;
            for event in &events {
                if let Event::LetterLeft { sending, .. } = event {
                    self.count_letter(number, day, sending, today);
                }
            }
            self.apply(number, &events);
        }
        Ok(())
    }

    fn commit(&mut self, number: ClientNumber, day: Day, events: Vec<Event>, today: &mut Today) {
        if events.is_empty() {
            return;
        }
        today.seen.insert(number);
        let Some(client) = self.clients.get(number as usize) else { return };
        let was_locked = client.account.is_locked();
        let open = open(&client.account);
        for event in &events {
            match event {
                Event::Locked { .. } if !was_locked => {
                    today.count.locks += 1;
                    today.touched.insert(number);
                }
                Event::Unlocked { .. } => {
                    today.count.unlocks += 1;
                    today.touched.insert(number);
                }
                Event::LimitBegun(_) => {
                    today.count.limits += 1;
                    today.touched.insert(number);
                }
                Event::FeeCharged { fee, .. } => {
                    today.count.charge(fee.amount);
                    today.touched.insert(number);
                }
                Event::FeeTakenBack { invoice, fee: of, .. } => {
                    // In this very commit it may have been charged too (LF-2).
                    let charged = events.iter().find_map(|event| match event {
                        Event::FeeCharged { invoice: on, fee }
                            if on == invoice && fee.number == *of =>
                        {
                            Some(fee.amount)
                        }
                        _ => None,
                    });
                    let amount = charged.or_else(|| fee(&client.account, invoice, *of));
                    amount.into_iter().for_each(|amount| today.count.take_back(amount));
                }
                Event::StepReached { .. } => self.outcome.approvals_wanted += 1,
                Event::TaskOpened(task) if task.about == About::NoAddress => {
                    self.outcome.without_address += 1;
                }
                _ => {} // letters are counted when they leave
            }
        }
        self.apply(number, &events);
        let Some(client) = self.clients.get(number as usize) else { return };
        for invoice in open {
            let known = client.account.invoices.get(&invoice);
            if let Some(paid) = known.filter(|known| !known.is_open()) {
                today.count.paid += 1;
                let late = days_between(paid.due_on.min(day), day);
                today.count.days_late += u64::from(late);
            }
        }
    }

    fn apply(&mut self, number: ClientNumber, events: &[Event]) {
        if let Some(client) = self.clients.get_mut(number as usize) {
            for event in events {
                apply(&mut client.account, event);
            }
        }
    }

    /// After its day: what is closed is forgotten, and the client waits for the next day that matters.
    fn settle(&mut self, number: ClientNumber, day: Day) {
        let (client, context) = self.client_and_context(number, day, &Actor::Schedule);
        client.account.forget_closed(&context);
        let look = next_look(&client.account, &context);
        self.wake(number, look, day);
    }

    fn wake(&mut self, number: ClientNumber, look: Option<Day>, after: Day) {
        let Some(client) = self.clients.get_mut(number as usize) else { return };
        client.look = look;
        let queued = client.account.letters.values().map(|letter| letter.leaves_on);
        let letters = queued.map(|leaves_on| leaves_on.max(plus(after, 1)));
        let wakes = look.into_iter().chain(client.unlock_on).chain(letters).min();
        let before = std::mem::replace(&mut client.wakes, wakes);
        if let Some(day) = before
            && let Some(due) = self.due.get_mut(&day)
        {
            due.remove(&number);
            if due.is_empty() {
                self.due.remove(&day);
            }
        }
        if let Some(day) = wakes {
            self.due.entry(day).or_default().insert(number);
        }
    }

    fn close(&mut self, day: Day, today: Today) {
        let Today { mut count, touched, decided, .. } = today;
        self.outcome.work.decided += decided.len() as u64;
        count.people = touched.len() as u64;
        for number in touched {
            if let Some(client) = self.clients.get_mut(number as usize) {
                client.is_touched = true;
            }
        }
        if !count.is_empty() {
            self.outcome.total.add(&count);
            self.outcome.days.push((day, count));
        }
    }

    /// A client, and what a decision about it is taken under.
    fn client_and_context<'a>(
        &'a mut self,
        number: ClientNumber,
        day: Day,
        actor: &'a Actor,
    ) -> (&'a mut Client, Context<'a>) {
        let client = &mut self.clients[number as usize];
        let context = Context {
            day,
            actor,
            policy: &self.policy,
            episodes: &self.older,
            numbers: Numbers::default(), // a book brings its own
            ledger: None,                // and is all there is
            latitude: Latitude::Full,
            law: None, // a book says no jurisdiction
        };
        (client, context)
    }
}

/// An invoice as the book has it, and the dispute on it.
fn bill_commands(bill: &Bill, on: Day) -> Vec<Command> {
    let Bill { invoice, kind, service_line, due_on, total, is_disputed } = bill.clone();
    let issue = Command::IssueInvoice(NewInvoice {
        id: invoice.clone(),
        kind,
        service_line,
        lines: Vec::new(),
        total,
        issued_on: Some(on),
        due_on,
        posts_on: None,
        is_draft: false,
        deposit: None,
    });
    let reason = Personal::new("disputed, as the ledger says");
    let dispute = Command::OpenDispute { invoice, amount: None, reason };
    let disputes = is_disputed && !total.is_zero();
    std::iter::once(issue).chain(disputes.then_some(dispute)).collect()
}

/// What is open, but for fees that are invoices of their own.
fn open(account: &Account) -> Vec<InvoiceId> {
    let own = account.open_invoices().filter(|invoice| invoice.fee_of.is_none());
    own.map(|invoice| invoice.id.clone()).collect()
}

/// How much that fee is, of those that were charged.
fn fee(account: &Account, invoice: &InvoiceId, number: u32) -> Option<Money> {
    let fees = &account.invoices.get(invoice)?.fees;
    fees.iter().find(|fee| fee.number == number).map(|fee| fee.amount)
}

/// What of an evaluation a run over the caps would hold back.
fn harsh(events: &[Event]) -> Withheld {
    let demands = |parts: &[Part]| parts.iter().any(|part| part.kind.is_demand());
    let mut withheld = Withheld::default();
    for event in events {
        match event {
            Event::Locked { .. } => withheld.lock = true,
            Event::LetterQueued(letter) => {
                if let Content::Debt { parts } = &letter.content {
                    withheld.demand |= demands(parts);
                }
            }
            Event::LetterExtended { part, .. } => withheld.demand |= DebtKind::is_demand(part.kind),
            _ => {} // the rest is never held back
        }
    }
    withheld
}

/// What the schedule and the assumed people do is not in the book.
fn assumed(refusal: Refusal) -> Refused {
    Refused { line: 0, refusal }
}
