//! The days of a rehearsal (contracts §3): evaluation, entries, letters.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::Account;
use crate::apply::apply;
use crate::calendar::{Day, plus};
use crate::charge::{Charge, ChargeId, ChargeOutcome, Decline, DeclineKind};
use crate::command::{Command, News};
use crate::decide::{Context, decide, decide_within};
use crate::id::{ClassId, ClientId, FirmId, MethodId, PaymentId};
use crate::ledger::Ledger;
use crate::letter::{LetterId, LetterKind, LetterState};
use crate::numbering::Numbers;
use crate::payment::{Method, Seen};
use crate::policy::{Policy, PolicyVersion};
use crate::refusal::Refusal;
use crate::rehearsal::expect::{Expectation, Seen as SeenBy, leaving_order};
use crate::rehearsal::report::{Happening, Item, Report};
use crate::rehearsal::timeline::{Act, Deed, Entry, Timeline, What};
use crate::role::{Actor, Role};
use crate::run::{Caps, Latitude, Tally, is_active, last_invoiced};
use crate::text::Personal;

/// Runs a timeline from its first entry to its last, or on to `until`.
pub fn run(timeline: &Timeline, until: Option<Day>) -> Report {
    let mut rehearsal = Rehearsal::new(timeline);
    let entries = &timeline.entries;
    if let (Some(first), Some(last)) = (entries.first(), entries.last()) {
        let last = until.map_or(last.on, |until| until.max(last.on));
        for day in first.on.iter_days().take_while(|day| *day <= last) {
            rehearsal.play(day);
        }
    }
    rehearsal.into_report()
}

/// A rehearsal under way.
#[derive(Debug)]
pub struct Rehearsal<'t> {
    timeline: &'t Timeline,
    accounts: BTreeMap<ClientId, Account>,
    /// Every version of each class's policy, oldest first.
    policies: BTreeMap<ClassId, Vec<PolicyVersion>>,
    audit_events: BTreeMap<ClientId, u64>,
    /// Whom the run that waits for a partner would lock or send a demand (LOCK-10).
    held: BTreeSet<ClientId>,
    /// How charges of a method end, where they are declined.
    declines: BTreeMap<(ClientId, MethodId), DeclineKind>,
    /// How far evaluations may go right now.
    latitude: Latitude,
    /// How fresh the ledger is, where it comes from elsewhere.
    ledger: Option<Ledger>,
    /// The last day without a daily evaluation.
    skipped_through: Option<Day>,
    /// The place of the next entry.
    next: usize,
    /// Which day it is.
    day: Day,
    items: Vec<Item>,
}

impl<'t> Rehearsal<'t> {
    /// Before its first day.
    pub fn new(timeline: &'t Timeline) -> Self {
        let version = |(class, policy): (&ClassId, &Policy)| {
            (class.clone(), vec![PolicyVersion::first(class.clone(), policy.clone())])
        };
        let account = |(client, profile): (&ClientId, &crate::account::Profile)| {
            let mut account = Account::new(firm(), client.clone(), profile.clone());
            account.looked_up.everything = true;
            (client.clone(), account)
        };
        let first = timeline.entries.first().map(|entry| entry.on);
        Self {
            timeline,
            accounts: timeline.clients.iter().map(account).collect(),
            policies: timeline.policies.iter().map(version).collect(),
            audit_events: BTreeMap::new(),
            held: BTreeSet::new(),
            declines: BTreeMap::new(),
            latitude: Latitude::Full,
            ledger: timeline
                .ledger_fresh_days
                .map(|fresh_days| Ledger { updated_on: first, fresh_days }),
            skipped_through: None,
            next: 0,
            day: timeline.entries.first().map_or(Day::MIN, |entry| entry.on),
            items: Vec::new(),
        }
    }

    /// Plays one day: the evaluation at its start, its entries in order, and the letters that leave
    /// at its end. Days are played in order, none left out.
    pub fn play(&mut self, day: Day) {
        self.day = day;
        let clients: Vec<_> = self.accounts.keys().cloned().collect();
        if self.skipped_through.is_none_or(|through| through < day) {
            self.run_day(&clients);
        }
        let timeline = self.timeline;
        while let Some(entry) = timeline.entries.get(self.next).filter(|entry| entry.on <= day) {
            self.next += 1;
            match &entry.what {
                What::Act(act) => self.act(entry, act),
                What::Expect(expectation) => self.expect(entry, expectation),
            }
        }
        for client in &clients {
            self.send_letters(client);
        }
    }

    /// The accounts as they are by now.
    pub fn accounts(&self) -> &BTreeMap<ClientId, Account> {
        &self.accounts
    }

    /// Whether the client is on the list of a run that waits for a partner (LOCK-10).
    pub fn waits_for_approval(&self, client: &ClientId) -> bool {
        self.held.contains(client)
    }

    /// What a decision about that client would be taken under by now.
    pub fn context<'a>(&'a self, client: &ClientId, actor: &'a Actor) -> Option<Context<'a>> {
        let account = self.accounts.get(client)?;
        let versions = self.policies.get(&account.profile.class)?;
        Some(Context {
            day: self.day,
            actor,
            policy: versions.last()?,
            episodes: versions,
            numbers: Numbers::default(), // a timeline brings its own
            ledger: self.ledger,
            latitude: self.latitude,
            law: self.timeline.jurisdiction.as_ref(),
        })
    }

    /// What happened, and what was as expected.
    pub fn into_report(self) -> Report {
        Report { title: self.timeline.title.clone(), items: self.items }
    }

    fn act(&mut self, entry: &Entry, act: &Act) {
        let before = self.items.len();
        let done = match &act.deed {
            Deed::Command { client, actor, command } => self.command(client, actor, command),
            Deed::Bounce { client, letter } => self.bounce(client, *letter),
            Deed::DeliverAgain { client, payment, news } => match news {
                Some(news) => self.command(client, &Actor::Gateway, news),
                None => Err(unknown_payment(payment)),
            },
            Deed::Method { client, actor, change, decline } => {
                self.method(client, actor, (change.as_deref(), *decline))
            }
            Deed::SetPolicy { class, policy } => self.set_policy(class, policy),
            Deed::ApproveRun { actor } => self.approve_run(actor),
            Deed::RefreshLedger => {
                // What it brought meets the next daily run, as an import's debts do (LOCK-10).
                let today = Some(self.day);
                self.ledger = self.ledger.map(|known| Ledger { updated_on: today, ..known });
                self.note(None, Happening::LedgerRefreshed);
                Ok(())
            }
            Deed::SkipEvaluation { days } => {
                let through = plus(self.day, *days);
                self.skipped_through = self.skipped_through.max(Some(through));
                self.note(None, Happening::EvaluationSkipped { through });
                Ok(())
            }
        };
        let client = act.deed.client();
        if let Err(refusal) = &done {
            let refused = Happening::Refused { act: act.name.to_owned(), refusal: refusal.clone() };
            self.note(client, refused);
        } else if self.items.len() == before {
            self.note(client, Happening::Nothing { act: act.name.to_owned() });
        }
        if let Some(check) = check_refusal(act, done.err()) {
            self.note_entry(entry, client, check);
        }
    }

    fn command(
        &mut self,
        client: &ClientId,
        actor: &Actor,
        command: &Command,
    ) -> Result<(), Refusal> {
        let instead = self.claim(client, command)?;
        let was_silent = self.execute(client, actor, instead.as_ref().unwrap_or(command))?;
        if was_silent {
            self.evaluate(client); // EVAL-1: also where the act itself was known already
        }
        Ok(())
    }

    /// What is unique in the whole firm (INV-7, PAY-1) is one client's; another's payment that a
    /// gateway tells is a mismatch, to be looked at by a person (PAY-2).
    fn claim(&self, client: &ClientId, command: &Command) -> Result<Option<Command>, Refusal> {
        match command {
            Command::IssueInvoice(new) => {
                let taken = self.other(client, |account| account.invoices.contains_key(&new.id));
                let text = |_| format!("the invoice number {} is taken", new.id);
                taken.map(text).map_or(Ok(None), |text| Err(Refusal::conflict("INV-7", text)))
            }
            Command::IssueCreditNote { id, .. } => {
                let taken = self.other(client, |account| account.credit_notes.contains(id));
                let text = |_| format!("the credit note number {id} is taken");
                taken.map(text).map_or(Ok(None), |text| Err(Refusal::conflict("INV-7", text)))
            }
            Command::RecordPayment { payment, news } => self.claim_payment(client, payment, news),
            _ => Ok(None),
        }
    }

    fn claim_payment(
        &self,
        client: &ClientId,
        payment: &PaymentId,
        news: &News,
    ) -> Result<Option<Command>, Refusal> {
        let has_it = |account: &Account| {
            account.payments.get(payment).is_some_and(|known| known.facts.is_some())
        };
        let owner = self.other(client, has_it);
        let News::Told { amount, method, .. } = news else {
            // PAY-3: outside a rehearsal such news waits for the payment.
            let is_known = self.accounts.get(client).is_some_and(has_it);
            return if is_known { Ok(None) } else { Err(unknown_payment(payment)) };
        };
        let Some(owner) = owner else { return Ok(None) };
        let text = format!("payment {payment} was already recorded for client {owner}");
        match method {
            Method::Check | Method::Phone => Err(Refusal::conflict("PAY-1", text)),
            Method::Card | Method::Ach => {
                let evidence =
                    Personal::new(format!("{amount} was told for client {client}, but {text}"));
                Ok(Some(Command::ReportMismatch { payment: payment.clone(), evidence }))
            }
        }
    }

    fn other(&self, client: &ClientId, is_wanted: impl Fn(&Account) -> bool) -> Option<&ClientId> {
        let mut others = self.accounts.iter().filter(|(id, _)| *id != client);
        others.find(|(_, account)| is_wanted(account)).map(|(id, _)| id)
    }

    fn bounce(&mut self, client: &ClientId, kind: LetterKind) -> Result<(), Refusal> {
        let letters =
            self.accounts.get(client).into_iter().flat_map(|account| account.letters.values());
        let left = letters.filter(
            |letter| matches!(&letter.state, LetterState::Left(sending) if sending.kind == kind),
        );
        let newest = left.map(|letter| letter.id).max();
        let letter = newest.ok_or_else(|| {
            Refusal::not_found("LET-6", format!("no letter {} has left", kind.as_str()))
        })?;
        self.command(client, &Actor::Gateway, &Command::ReportBounce { letter, to: None })
    }

    fn method(
        &mut self,
        client: &ClientId,
        actor: &Actor,
        (change, decline): (Option<&Command>, Option<DeclineKind>),
    ) -> Result<(), Refusal> {
        let method = match change {
            Some(Command::SaveMethod(new)) => Some(new.id.clone()),
            Some(_) => None,
            None => self.accounts.get(client).and_then(|account| account.default_method.clone()),
        };
        if let Some(method) = method {
            let key = (client.clone(), method);
            match decline {
                Some(kind) => drop(self.declines.insert(key, kind)),
                None => drop(self.declines.remove(&key)),
            }
        }
        match change {
            Some(change) => self.command(client, actor, change),
            None => Ok(()),
        }
    }

    fn set_policy(&mut self, class: &ClassId, policy: &Policy) -> Result<(), Refusal> {
        let versions = self.policies.entry(class.clone()).or_default();
        let version = match versions.last() {
            Some(newest) => newest.next(policy.clone(), self.day),
            None => PolicyVersion::first(class.clone(), policy.clone()),
        };
        let id = version.id.clone();
        versions.push(version);
        self.note(None, Happening::PolicySet { policy: id });
        let of_class = self.accounts.iter().filter(|(_, account)| account.profile.class == *class);
        let clients: Vec<_> = of_class.map(|(client, _)| client.clone()).collect();
        for client in clients {
            self.evaluate(&client);
        }
        Ok(())
    }

    /// The day's run: what it would do is counted first, and above the caps nothing of that is done before a
    /// partner approves (LOCK-10).
    fn run_day(&mut self, clients: &[ClientId]) {
        let (mut tally, mut list) = (Tally::default(), BTreeSet::new());
        self.latitude = Latitude::NothingHarsh;
        for client in clients {
            let (Some(account), Some(context)) =
                (self.accounts.get(client), self.context(client, &Actor::Schedule))
            else {
                continue;
            };
            let decided = decide_within(account, &Command::Evaluate, &context);
            let withheld = decided.map(|decided| decided.withheld).unwrap_or_default();
            tally.count(withheld, Caps::of(&context.policy.policy));
            list.extend(withheld.is_any().then(|| client.clone()));
        }
        let day = self.day;
        let accounts = self.accounts.values();
        let active = accounts
            .filter(|account| account.closed.is_none() && is_active(last_invoiced(account), day))
            .count() as u64;
        self.held.clear();
        if tally.is_too_much(active) {
            self.held = list;
            let (locks, demands) = (tally.locks, tally.demands);
            self.note(None, Happening::RunHeld { locks, demands, active });
        } else {
            self.latitude = Latitude::Full;
        }
        for client in clients {
            self.evaluate(client);
        }
        self.latitude = Latitude::Full;
    }

    /// The run that waits is carried out on the facts of this moment: every client is evaluated.
    fn approve_run(&mut self, actor: &Actor) -> Result<(), Refusal> {
        if !actor.has(&[Role::Partner]) {
            return Err(Refusal::forbidden("STAFF-1", "only a partner may approve a run"));
        }
        if self.held.is_empty() {
            return Err(Refusal::conflict("LOCK-10", "no run waits for an approval"));
        }
        self.held.clear();
        self.note(None, Happening::RunApproved);
        let clients: Vec<_> = self.accounts.keys().cloned().collect();
        for client in clients {
            self.evaluate(&client);
        }
        Ok(())
    }

    fn evaluate(&mut self, client: &ClientId) {
        self.by_schedule(client, &Command::Evaluate);
    }

    /// What the schedule does is never refused; should it be, the rehearsal says so and fails.
    fn by_schedule(&mut self, client: &ClientId, command: &Command) {
        if let Err(refusal) = self.execute(client, &Actor::Schedule, command) {
            if refusal.rule == "FRESH-1" {
                return; // a letter that waits for the ledger
            }
            let check = Happening::Check {
                what: "the schedule".to_owned(),
                expected: "done".to_owned(),
                actual: format!("refused: {refusal}"),
                is_met: false,
            };
            self.note(Some(client), check);
        }
    }

    /// Decides and applies one command, and puts the rest of a payment over many invoices where it
    /// belongs; answers whether nothing was written.
    fn execute(
        &mut self,
        client: &ClientId,
        actor: &Actor,
        command: &Command,
    ) -> Result<bool, Refusal> {
        let is_silent = self.commit(client, actor, command)?;
        while self.accounts.get(client).is_some_and(Account::is_spreading) {
            if self.commit(client, &Actor::Schedule, &Command::AllocateCredit)? {
                break; // nothing moved: the account would spread for ever
            }
        }
        self.charge(client)?;
        Ok(is_silent)
    }

    /// What the client's gateway would do: every charge is asked for at once, and answered as the timeline says.
    fn charge(&mut self, client: &ClientId) -> Result<(), Refusal> {
        let is_next = |account: &Account| account.charges.values().next().cloned();
        while let Some(charge) = self.accounts.get(client).and_then(is_next) {
            let claim = Command::ClaimCharge { charge: charge.id.clone() };
            if self.commit(client, &Actor::Schedule, &claim).is_err() {
                return Ok(()); // it waits, for the ledger or for a reader
            }
            let open = self.accounts.get(client).and_then(|a| a.charges.get(&charge.id.invoice));
            let Some(charge) = open.filter(|open| open.id == charge.id && open.is_asked).cloned()
            else {
                continue; // no longer owed
            };
            let outcome = self.answer(client, &charge)?;
            let end = Command::EndCharge { charge: charge.id, outcome };
            self.commit(client, &Actor::Gateway, &end)?;
        }
        Ok(())
    }

    /// Declined, if the method is; else paid, and a bank debit is on its way at first.
    fn answer(&mut self, client: &ClientId, charge: &Charge) -> Result<ChargeOutcome, Refusal> {
        let key = (client.clone(), charge.method.clone());
        if let Some(kind) = self.declines.get(&key).copied() {
            let code = "declined in the timeline".to_owned();
            return Ok(ChargeOutcome::Declined(Decline { code, kind, payment: None }));
        }
        let ChargeId { invoice, attempt } = &charge.id;
        let Ok(payment) = format!("charge-{invoice}-{attempt}").parse::<PaymentId>() else {
            return Ok(ChargeOutcome::Unclear); // an invoice's name may be as long as a payment's
        };
        let account = self.accounts.get(client);
        let method = account.and_then(|account| account.methods.get(&charge.method));
        let method = method.map_or(Method::Card, |method| method.kind);
        let seen = if method == Method::Ach { Seen::Pending } else { Seen::Succeeded };
        let (amount, invoices) = (charge.amount, vec![invoice.clone()]);
        let news = News::Told { amount, method, invoices, seen, on: None };
        let command = Command::RecordPayment { payment: payment.clone(), news };
        self.commit(client, &Actor::Gateway, &command)?;
        Ok(ChargeOutcome::Taken { payment })
    }

    fn commit(
        &mut self,
        client: &ClientId,
        actor: &Actor,
        command: &Command,
    ) -> Result<bool, Refusal> {
        let unknown = || Refusal::not_found("SEC-1", format!("there is no client {client}"));
        let context = self.context(client, actor).ok_or_else(unknown)?;
        let events = decide(self.accounts.get(client).ok_or_else(unknown)?, command, &context)?;
        let is_silent = events.is_empty();
        for event in events {
            if let Some(account) = self.accounts.get_mut(client) {
                apply(account, &event);
            }
            *self.audit_events.entry(client.clone()).or_default() += u64::from(event.is_audited());
            self.note(Some(client), Happening::Event(Box::new(event)));
        }
        Ok(is_silent)
    }

    fn send_letters(&mut self, client: &ClientId) {
        let Some(account) = self.accounts.get(client) else { return };
        let queued = account.letters.values().filter(|letter| letter.state == LetterState::Queued);
        let mut leaving: Vec<_> = queued.filter(|letter| letter.leaves_on <= self.day).collect();
        leaving.sort_by_key(|letter| leaving_order(letter));
        let leaving: Vec<LetterId> = leaving.into_iter().map(|letter| letter.id).collect();
        for letter in leaving {
            self.by_schedule(client, &Command::ClaimLetter { letter });
        }
    }

    fn expect(&mut self, entry: &Entry, expectation: &Expectation) {
        let client = &expectation.client;
        let answers: Vec<_> =
            match (self.accounts.get(client), self.context(client, &Actor::Schedule)) {
                (Some(account), Some(context)) => {
                    let audit_events = self.audit_events.get(client).copied().unwrap_or(0);
                    let is_held = self.waits_for_approval(client);
                    let seen = SeenBy { account, context, audit_events, is_held };
                    expectation.checks.iter().map(|check| check.question.answer(&seen)).collect()
                }
                _ => return,
            };
        for (check, actual) in expectation.checks.iter().zip(answers) {
            let (what, expected) = (check.question.name(), check.expected.clone());
            let is_met = expected == actual;
            self.note_entry(
                entry,
                Some(client),
                Happening::Check { what, expected, actual, is_met },
            );
        }
    }

    fn note(&mut self, client: Option<&ClientId>, happening: Happening) {
        let (day, client) = (self.day, client.cloned());
        self.items.push(Item { day, line: None, client, happening });
    }

    fn note_entry(&mut self, entry: &Entry, client: Option<&ClientId>, happening: Happening) {
        let (day, client) = (self.day, client.cloned());
        self.items.push(Item { day, line: Some(entry.line), client, happening });
    }
}

/// Whether an act was refused as expected; nothing where it was done and should be.
fn check_refusal(act: &Act, refusal: Option<Refusal>) -> Option<Happening> {
    let what = act.name.to_owned();
    let (expected, is_met) = match (&act.refused, &refusal) {
        (None, None) => return None,
        (None, Some(_)) => ("done".to_owned(), false),
        (Some(text), None) => (refused(text), false),
        (Some(text), Some(refusal)) => {
            (refused(text), refusal.text.contains(text.as_str()) || refusal.rule == text)
        }
    };
    let actual = refusal.map_or("done".to_owned(), |refusal| format!("refused: {refusal}"));
    Some(Happening::Check { what, expected, actual, is_met })
}

fn refused(text: &str) -> String {
    if text.is_empty() { "refused".to_owned() } else { format!("refused: {text}") }
}

fn unknown_payment(payment: &PaymentId) -> Refusal {
    Refusal::not_found("PAY-3", format!("payment {payment} is not known"))
}

/// The one firm of a rehearsal.
fn firm() -> FirmId {
    const NAME: &str = "rehearsal";
    NAME.parse().unwrap_or_else(|error| unreachable!("{NAME} is an id: {error}"))
}
