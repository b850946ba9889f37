//! A desk to try the rules at: one client, one policy, a day that moves.

#![allow(
    dead_code,
    missing_docs,
    clippy::unwrap_used,
    reason = "shared by test crates that use parts of it"
)]

use std::collections::{BTreeMap, BTreeSet};

use domain::account::{Account, Contact, Profile};
use domain::apply::{apply, fold, money_by_source};
use domain::calendar::{Day, plus};
use domain::charge::{ChargeId, ChargeOutcome, Decline, DeclineKind, NewMethod};
use domain::command::{Command, NewInvoice};
use domain::decide::{Context, decide};
use domain::event::Event;
use domain::id::{InvoiceId, MethodId, PaymentId};
use domain::invoice::{InvoiceKind, Source};
use domain::ledger::Ledger;
use domain::letter::LetterState;
use domain::money::{Currency, Money};
use domain::payment::Method;
use domain::policy::{Policy, PolicyVersion};
use domain::refusal::Refusal;
use domain::role::{Actor, Role};
use domain::text::Personal;

/// One client under the preset, on a day that moves forward.
pub struct Desk {
    pub account: Account,
    pub day: Day,
    pub policy: PolicyVersion,
    /// Versions before it: a running episode may have begun with one.
    pub older: Vec<PolicyVersion>,
    /// Money that came in and went out for good, per currency, as the outside knows it.
    pub credited: BTreeMap<Currency, u64>,
    /// Everything that was decided.
    pub events: Vec<Event>,
    /// The day of each of them.
    pub days: Vec<Day>,
    /// How fresh the ledger is, if it comes from elsewhere.
    pub ledger: Option<Ledger>,
    /// How far an evaluation may go by itself.
    pub latitude: domain::run::Latitude,
    /// The currency of all credit notes.
    pub credits_in: Currency,
}

impl Desk {
    pub fn new(policy: Policy) -> Self {
        let profile = Profile {
            name: Personal::new("Acme"),
            class: "default".parse().unwrap(),
            currency: Currency::USD,
            contacts: vec![Contact {
                address: Personal::new("ann@acme.example"),
                is_bounced: false,
            }],
            service_lines: BTreeSet::new(),
            terms_allow_late_fee: false,
            language: None,
            late_fee_terms_since: None,
            jurisdiction: None,
        };
        let mut account = Account::new("f-1".parse().unwrap(), "acme".parse().unwrap(), profile);
        account.looked_up.everything = true;
        let policy = PolicyVersion::first("default".parse().unwrap(), policy);
        Self {
            account,
            day: "2026-01-01".parse().unwrap(),
            policy,
            older: Vec::new(),
            credited: BTreeMap::new(),
            events: Vec::new(),
            days: Vec::new(),
            ledger: None,
            latitude: Default::default(),
            credits_in: Currency::USD,
        }
    }

    pub fn context<'a>(&'a self, actor: &'a Actor) -> Context<'a> {
        let numbers = domain::numbering::Numbers::default();
        let (day, policy, ledger) = (self.day, &self.policy, self.ledger);
        let latitude = self.latitude;
        let episodes = &self.older;
        Context { day, actor, policy, episodes, numbers, ledger, latitude, law: None }
    }

    /// Arms a newer version from the desk's day on.
    pub fn arm(&mut self, policy: Policy) {
        let next = self.policy.next(policy, self.day);
        self.older.push(std::mem::replace(&mut self.policy, next));
    }

    /// Decides and applies; a refusal changes nothing.
    pub fn run(&mut self, command: &Command, actor: &Actor) -> Vec<Event> {
        self.try_run(command, actor).unwrap_or_default()
    }

    /// The same, with the refusal.
    pub fn try_run(&mut self, command: &Command, actor: &Actor) -> Result<Vec<Event>, Refusal> {
        let events = decide(&self.account, command, &self.context(actor))?;
        let folded = fold(self.account.clone(), &events);
        for event in &events {
            apply(&mut self.account, event);
            if let Event::CreditNoteIssued { amount, .. } = event {
                *self.credited.entry(amount.currency()).or_default() += amount.minor();
            }
        }
        assert_eq!(folded, self.account, "the fold of the events is the account");
        self.pay_6();
        self.events.extend(events.iter().cloned());
        self.days.resize(self.events.len(), self.day);
        Ok(events)
    }

    pub fn settle(&mut self) {
        for _ in 0..50 {
            if !self.account.is_spreading() {
                return;
            }
            self.run(&Command::AllocateCredit, &Actor::Schedule);
        }
        panic!("a payment is spread for ever");
    }

    pub fn leave(&mut self) {
        let queued =
            self.account.letters.values().filter(|letter| letter.state == LetterState::Queued);
        let due: Vec<_> =
            queued.filter(|letter| letter.leaves_on <= self.day).map(|letter| letter.id).collect();
        for letter in due {
            self.run(&Command::ClaimLetter { letter }, &Actor::Schedule);
        }
    }

    pub fn next_day(&mut self) {
        self.leave();
        self.day = plus(self.day, 1);
        self.run(&Command::Evaluate, &Actor::Schedule);
    }

    /// Σ what is kept of payments + Σ credit notes = Σ allocations + Σ credit; nothing is negative or
    /// over its total.
    pub fn pay_6(&self) {
        let mut held: BTreeMap<Currency, u64> = BTreeMap::new();
        for (source, minor) in money_by_source(&self.account) {
            let currency = match &source {
                Source::Payment(id) => {
                    let payment = &self.account.payments[id];
                    assert_eq!(minor, self.account.held(id), "both sides know where {id} is");
                    if !self.account.is_spreading() {
                        assert_eq!(minor, payment.kept(), "what is kept of {id} is somewhere");
                    }
                    payment.facts.as_ref().unwrap().amount.currency()
                }
                Source::CreditNote(_) => self.credits_in,
            };
            if matches!(source, Source::CreditNote(_)) {
                *held.entry(currency).or_default() += minor;
            }
        }
        assert_eq!(
            held.get(&self.credits_in).copied().unwrap_or(0),
            self.credited.get(&self.credits_in).copied().unwrap_or(0)
        );
        for payment in self.account.payments.values().filter(|_| !self.account.is_spreading()) {
            assert_eq!(
                self.account.held(&payment.id),
                payment.kept(),
                "nothing of {} is lost",
                payment.id
            );
        }
        for invoice in self.account.invoices.values() {
            assert!(
                invoice.paid().minor() <= invoice.total_with_fees().minor(),
                "{} is over-allocated",
                invoice.id
            );
        }
    }
}

pub fn invoice(number: u8) -> InvoiceId {
    format!("A-{number}").parse().unwrap()
}

pub fn payment(number: u8) -> PaymentId {
    format!("stripe:p-{number}").parse().unwrap()
}

pub fn usd(minor: u64) -> Money {
    Money::new(minor, Currency::USD)
}

pub fn money(minor: u64, yen: bool) -> Money {
    Money::new(minor, if yen { "JPY".parse().unwrap() } else { Currency::USD })
}

pub fn staff(name: &str, role: Role) -> Actor {
    Actor::Staff { id: name.parse().unwrap(), roles: BTreeSet::from([role]) }
}

/// An invoice over so many cents, issued on the desk's day.
pub fn new_invoice(number: u8, minor: u64) -> NewInvoice {
    NewInvoice {
        id: invoice(number),
        kind: InvoiceKind::Regular,
        service_line: None,
        lines: Vec::new(),
        total: usd(minor),
        issued_on: None,
        due_on: None,
        posts_on: None,
        is_draft: false,
        deposit: None,
    }
}

pub fn method(number: u8) -> MethodId {
    format!("stripe:pm-{number}").parse().unwrap()
}

/// A saved card or bank account, to be charged from now on.
pub fn new_method(number: u8, ach: bool) -> NewMethod {
    NewMethod {
        id: method(number),
        endpoint: "e-1".to_owned(),
        customer: "cus-1".to_owned(),
        kind: if ach { Method::Ach } else { Method::Card },
        label: Personal::new("Visa ending in 4242"),
        expires: Some((2030, 12)),
        is_default: true,
    }
}

/// How an attempt may end; `None`: it is only asked for.
pub fn outcome(ends: u8, charge: &ChargeId) -> Option<ChargeOutcome> {
    let payment = format!("stripe:charge-{}-{}", charge.invoice, charge.attempt).parse().unwrap();
    let declined = |kind| {
        let code = "declined".to_owned();
        ChargeOutcome::Declined(Decline { code, kind, payment: None })
    };
    match ends {
        0 => Some(ChargeOutcome::Taken { payment }),
        1 | 2 => Some(declined(DeclineKind::Soft)),
        3 => Some(declined(DeclineKind::Hard)),
        4 => Some(declined(DeclineKind::NeedsPayer)),
        5 => Some(ChargeOutcome::Unclear),
        _ => None,
    }
}
