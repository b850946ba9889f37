//! What stops what comes (EVAL-5): found by trying it on a copy on the last day on which there is time, and
//! looking whether anything of it is left on the day itself. What changes nothing isn't named.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::Account;
use crate::apply::fold;
use crate::calendar::{Day, for_person, minus};
use crate::command::{Command, News};
use crate::decide::{Context, decide};
use crate::event::Event;
use crate::foretell::{Coming, next_morning};
use crate::id::{InvoiceId, StaffId};
use crate::invoice::Invoice;
use crate::ledger::Ledger;
use crate::letter::{Content, DebtKind};
use crate::message::{Channel, NewMessage};
use crate::money::{Currency, Money};
use crate::payment::{Method, Seen};
use crate::plan::Instalment;
use crate::policy::Action;
use crate::role::{Actor, Role};
use crate::task::About;
use crate::text::Personal;

/// How many invoices a sentence names.
const MAX_NAMED: usize = 3;

/// Over more invoices than this what each of them would need is not tried one by one.
const MAX_ONE_BY_ONE: usize = 12;

/// With more open invoices than this only payment and hold are tried: each try takes its time.
const MAX_TRIED: usize = 1_000;

/// More than a payment over some hundred invoices takes.
const MAX_SPREADS: u32 = 50;

/// Something that stops what comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Stop {
    act: StopAct,
    /// When it comes.
    on: Day,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum StopAct {
    /// So much is paid on these, one amount for each currency.
    Pay {
        amounts: Vec<Money>,
        invoices: Vec<InvoiceId>,
        to_threshold: bool,
    },
    Promise,
    Dispute {
        invoices: Vec<InvoiceId>,
    },
    Plan,
    /// An answer, whatever becomes of it.
    Message,
    /// A message, as long as nobody has read it (LET-8).
    Unread,
    Hold,
    OldLedger {
        fresh_days: u32,
    },
}

/// What comes to a client and can be stopped.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Harsh {
    Lock,
    Limit,
    Fee,
    Letter(DebtKind),
    Step(Action),
}

/// All that stops what comes on a day, the mildest for the client last.
pub(super) fn stops(coming: &Coming, context: &Context<'_>) -> Vec<Stop> {
    let harsh = harsh(&coming.events);
    if harsh.is_empty() {
        return Vec::new();
    }
    let trial = Trial { coming, context, harsh, concerned: concerned(coming) };
    if MAX_TRIED < coming.eve.invoices.len() {
        let found = trial.payment().into_iter().chain(trial.hold());
        return found.map(|act| Stop { act, on: coming.on }).collect();
    }
    let mut found = Vec::new();
    found.extend(trial.payment());
    found.extend(trial.promise());
    found.extend(trial.dispute());
    found.extend(trial.plan());
    found.extend(trial.message());
    found.extend(trial.hold());
    found.extend(trial.old_ledger());
    found.into_iter().map(|act| Stop { act, on: coming.on }).collect()
}

fn harsh(events: &[Event]) -> BTreeSet<Harsh> {
    events.iter().flat_map(harsh_of).collect()
}

fn harsh_of(event: &Event) -> Vec<Harsh> {
    match event {
        Event::Locked { .. } => vec![Harsh::Lock],
        Event::LimitBegun(_) => vec![Harsh::Limit],
        Event::FeeCharged { .. } => vec![Harsh::Fee],
        Event::LetterQueued(letter) => match &letter.content {
            Content::Debt { parts } => parts.iter().map(|part| Harsh::Letter(part.kind)).collect(),
            _ => Vec::new(), // news, and good ones mostly
        },
        Event::LetterExtended { part, .. } => vec![Harsh::Letter(part.kind)],
        Event::StepReached { step, .. } => vec![Harsh::Step(step.action)],
        Event::TaskOpened(task) => match &task.about {
            About::ReviewTask { step, .. }
            | About::ApproveStep { step, .. }
            | About::CollectionsReferral { step, .. }
            | About::CloseProposal { step, .. } => vec![Harsh::Step(step.action)],
            _ => Vec::new(), // work of the firm
        },
        _ => Vec::new(), // nothing that is done to a client
    }
}

/// The invoices that it is about, the oldest debt first; all that are overdue, where nothing names them.
fn concerned(coming: &Coming) -> Vec<InvoiceId> {
    let mut named: BTreeSet<&InvoiceId> = BTreeSet::new();
    for event in &coming.events {
        match event {
            Event::Locked { invoices, .. }
            | Event::StepReached { invoices, .. }
            | Event::StepDone { invoices, .. } => named.extend(invoices),
            Event::FeeCharged { invoice, .. } => {
                named.insert(invoice);
            }
            Event::LetterQueued(letter) => {
                if let Content::Debt { parts } = &letter.content {
                    named.extend(parts.iter().flat_map(|part| &part.invoices));
                }
            }
            Event::LetterExtended { part, .. } => named.extend(&part.invoices),
            _ => {} // names none, or names them beside one of these
        }
    }
    let open = coming.eve.open_invoices();
    let mut open: Vec<_> = open
        .filter(|invoice| match named.is_empty() {
            true => invoice.is_overdue(coming.on),
            false => named.contains(&invoice.id),
        })
        .collect();
    open.sort_by_key(|invoice| (invoice.due_on, invoice.id.clone()));
    open.into_iter().map(|invoice| invoice.id.clone()).collect()
}

/// What is tried, and on what.
struct Trial<'a> {
    coming: &'a Coming,
    context: &'a Context<'a>,
    harsh: BTreeSet<Harsh>,
    concerned: Vec<InvoiceId>,
}

impl Trial<'_> {
    fn last_day(&self) -> Day {
        minus(self.coming.on, 1)
    }

    /// Does something on the last day; `None`: the rules refuse it.
    fn after(&self, account: &Account, command: &Command, actor: &Actor) -> Option<Account> {
        let context = Context {
            day: self.last_day(),
            actor,
            ledger: None,
            latitude: Default::default(),
            ..*self.context
        };
        let events = decide(account, command, &context).ok()?;
        let mut account = fold(account.clone(), &events);
        for _ in 0..MAX_SPREADS {
            if !account.is_spreading() {
                return Some(account);
            }
            let context = Context { actor: &Actor::Schedule, ..context };
            let events = decide(&account, &Command::AllocateCredit, &context).ok()?;
            account = fold(account, &events);
        }
        None
    }

    /// Whether nothing of what comes is left then.
    fn stops(&self, eve: &Account) -> bool {
        let (_, events) = next_morning(eve, self.context, self.coming.on);
        self.harsh.is_disjoint(&harsh(&events))
    }

    fn does_stop(&self, command: &Command, actor: &Actor) -> bool {
        self.after(&self.coming.eve, command, actor).is_some_and(|eve| self.stops(&eve))
    }

    fn known(&self, invoice: &InvoiceId) -> Option<&Invoice> {
        self.coming.eve.invoices.get(invoice)
    }

    /// The least that is found to be enough: down to the threshold, the oldest debts first, or all of it.
    fn payment(&self) -> Option<StopAct> {
        let all = &self.concerned;
        let overdue =
            self.coming.eve.open_invoices().filter(|known| known.is_overdue(self.coming.on));
        let overdue: Vec<_> = overdue.map(|invoice| invoice.id.clone()).collect();
        let mut tries: Vec<(&[InvoiceId], bool)> = Vec::new();
        if all.len() <= MAX_ONE_BY_ONE {
            tries.extend((1..all.len()).map(|first| (&all[..first], false)));
            tries.push((all, true));
        }
        tries.push((all, false));
        tries.push((&overdue, false));
        tries.into_iter().find_map(|(invoices, to_threshold)| self.paid(invoices, to_threshold))
    }

    fn paid(&self, invoices: &[InvoiceId], to_threshold: bool) -> Option<StopAct> {
        let mut is_any_left = false;
        let mut due: BTreeMap<Currency, Vec<(InvoiceId, u64)>> = BTreeMap::new();
        for invoice in invoices {
            let known = self.known(invoice)?;
            let currency = known.total.currency();
            let left = match to_threshold {
                true => self.context.policy.policy.threshold(currency).minor(),
                false => 0,
            };
            is_any_left |= 0 < left;
            let minor = known.collectable().minor().saturating_sub(left);
            if 0 < minor {
                due.entry(currency).or_default().push((invoice.clone(), minor));
            }
        }
        if due.is_empty() || (to_threshold && !is_any_left) {
            return None;
        }
        let mut eve = self.coming.eve.clone();
        for (currency, due) in &due {
            // What is left of an invoice is told apart only by a payment of its own.
            let payments = if to_threshold { due.chunks(1) } else { due.chunks(due.len()) };
            for paid in payments {
                eve = self.after(&eve, &payment(paid, *currency)?, &Actor::Gateway)?;
            }
        }
        let sum = |due: Vec<(InvoiceId, u64)>| due.into_iter().map(|(_, minor)| minor).sum();
        self.stops(&eve).then(|| StopAct::Pay {
            amounts: due
                .into_iter()
                .map(|(currency, due)| Money::new(sum(due), currency))
                .collect(),
            invoices: invoices.to_vec(),
            to_threshold,
        })
    }

    /// Of the client itself, to a day that is not before the one on which it comes.
    fn promise(&self) -> Option<StopAct> {
        let client = Actor::Client { contact: None };
        let all = Command::MakePromise { invoice: None, until: self.coming.on };
        if self.does_stop(&all, &client) {
            return Some(StopAct::Promise);
        }
        // What isn't overdue yet is promised by its number.
        let [invoice] = &self.concerned[..] else { return None };
        let one = Command::MakePromise { invoice: Some(invoice.clone()), until: self.coming.on };
        self.does_stop(&one, &client).then_some(StopAct::Promise)
    }

    fn dispute(&self) -> Option<StopAct> {
        if MAX_ONE_BY_ONE < self.concerned.len() {
            return None;
        }
        let mut eve = self.coming.eve.clone();
        let mut invoices = Vec::new();
        for invoice in &self.concerned {
            let reason = Personal::new("what if");
            let dispute = Command::OpenDispute { invoice: invoice.clone(), amount: None, reason };
            if self.known(invoice)?.dispute.is_none() {
                eve = self.after(&eve, &dispute, &Actor::Client { contact: None })?;
                invoices.push(invoice.clone());
            }
        }
        (!invoices.is_empty() && self.stops(&eve)).then_some(StopAct::Dispute { invoices })
    }

    fn plan(&self) -> Option<StopAct> {
        let mut currencies = self.concerned.iter().filter_map(|id| self.known(id));
        let currency = currencies.next()?.total.currency();
        let of_plan = self.concerned.iter().filter_map(|id| self.known(id));
        let of_plan: Vec<_> = of_plan.filter(|known| known.total.currency() == currency).collect();
        let owed = of_plan.iter().map(|known| known.balance().minor()).sum();
        let invoices = of_plan.iter().map(|known| known.id.clone()).collect();
        let amount = Money::new(owed, currency);
        let instalments = vec![Instalment { due_on: self.coming.on, amount }];
        let plan = Command::BeginPlan { invoices, instalments };
        self.does_stop(&plan, &staff(Role::Partner)?).then_some(StopAct::Plan)
    }

    fn message(&self) -> Option<StopAct> {
        let client = Actor::Client { contact: None };
        if self.does_stop(&Command::NoteMessage, &client) {
            return Some(StopAct::Message);
        }
        let text = Personal::new("what if");
        let message = NewMessage { channel: Channel::Portal, address: None, letter: None, text };
        self.does_stop(&Command::ReceiveMessage(message), &client).then_some(StopAct::Unread)
    }

    fn hold(&self) -> Option<StopAct> {
        let (until, reason) = (Some(self.coming.on), Personal::new("what if"));
        let hold = Command::PlaceHold { invoice: None, until, reason };
        self.does_stop(&hold, &staff(Role::BillingLead)?).then_some(StopAct::Hold)
    }

    /// A ledger that nobody brought up to date by then (FRESH-1).
    fn old_ledger(&self) -> Option<StopAct> {
        let fresh_days = self.context.ledger?.fresh_days;
        let on = self.coming.on;
        let updated_on = Some(minus(on, fresh_days.saturating_add(1)));
        let ledger = Some(Ledger { updated_on, fresh_days });
        let (account, _) = next_morning(&self.coming.eve, self.context, on);
        let then = Context {
            day: on,
            actor: &Actor::Schedule,
            ledger,
            latitude: Default::default(),
            ..*self.context
        };
        let events = decide(&account, &Command::Evaluate, &then).ok()?;
        let is_stopped = self.harsh.is_disjoint(&harsh(&events));
        is_stopped.then_some(StopAct::OldLedger { fresh_days })
    }
}

/// A payment of so much on each of these.
fn payment(due: &[(InvoiceId, u64)], currency: Currency) -> Option<Command> {
    let (first, _) = due.first()?;
    let news = News::Told {
        amount: Money::new(due.iter().map(|(_, minor)| minor).sum(), currency),
        method: Method::Card,
        invoices: due.iter().map(|(invoice, _)| invoice.clone()).collect(),
        seen: Seen::Succeeded,
        on: None,
    };
    let payment = format!("what-if:{first}").parse().ok()?;
    Some(Command::RecordPayment { payment, news })
}

fn staff(role: Role) -> Option<Actor> {
    let id: StaffId = "somebody".parse().ok()?;
    Some(Actor::Staff { id, roles: BTreeSet::from([role]) })
}

impl Stop {
    /// To staff.
    pub(super) fn for_staff(&self) -> String {
        let (on, by) = (for_person(self.on), for_person(minus(self.on, 1)));
        match &self.act {
            StopAct::Pay { amounts, invoices, to_threshold: false } => {
                format!("Payment of {} by {by}: {}.", sums(amounts), names(invoices))
            }
            StopAct::Pay { amounts, invoices, to_threshold: true } => format!(
                "Payment of {} by {by}: {}, down to the collection threshold.",
                sums(amounts),
                names(invoices)
            ),
            StopAct::Promise => {
                format!("A promise of the client to pay on {on} or later, made by {by}.")
            }
            StopAct::Dispute { invoices } => {
                format!("A dispute over all of {}, opened by {by}.", names(invoices))
            }
            StopAct::Plan => format!("A payment plan over it, begun by {by}."),
            StopAct::Message => format!("An answer of the client by {by}."),
            StopAct::Unread => {
                format!("A message of the client by {by}, as long as nobody has read it.")
            }
            StopAct::Hold => format!("A hold to {on} or longer, placed by {by}."),
            StopAct::OldLedger { fresh_days } => {
                format!("A ledger that is more than {fresh_days} days old by then.")
            }
        }
    }

    /// To the client; what only the firm can do is none of what it can.
    pub(super) fn for_client(&self) -> Option<String> {
        let (on, by) = (for_person(self.on), for_person(minus(self.on, 1)));
        match &self.act {
            StopAct::Pay { amounts, invoices, .. } => {
                Some(format!("You pay {} by {by}: {}.", sums(amounts), names(invoices)))
            }
            StopAct::Promise => Some(format!("You promise by {by} to pay on {on} or later.")),
            StopAct::Dispute { invoices } => {
                Some(format!("You tell us by {by} what is wrong with {}.", names(invoices)))
            }
            StopAct::Plan => Some(format!("We agree by {by} on a payment plan.")),
            StopAct::Message => Some(format!("You answer us by {by}.")),
            StopAct::Unread => {
                Some(format!("You write to us by {by}; until we have read it, this doesn't come."))
            }
            StopAct::Hold | StopAct::OldLedger { .. } => None,
        }
    }
}

fn sums(amounts: &[Money]) -> String {
    let amounts: Vec<_> = amounts.iter().map(|amount| amount.for_person()).collect();
    amounts.join(" and ")
}

fn names(invoices: &[InvoiceId]) -> String {
    match invoices {
        [one] => format!("invoice {one}"),
        some if some.len() <= MAX_NAMED => {
            let names: Vec<_> = some.iter().map(InvoiceId::as_str).collect();
            format!("invoices {}", names.join(", "))
        }
        many => format!("{} invoices", many.len()),
    }
}
