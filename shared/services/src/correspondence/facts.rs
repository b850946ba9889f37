//! What a letter says, from the account as it was at the claim (LET-4, LET-7, LET-9).
//!
//! Nothing is decided here: kind, invoices and contact were, in the claim. Amounts are those of the facts
//! at that moment, so a part that was paid since the letter was queued is already off.

use std::collections::{BTreeMap, BTreeSet};

use domain::account::{Account, ExceptionEnd, UnlockWay};
use domain::calendar::{Day, plus};
use domain::decide::Context;
use domain::event::Event;
use domain::foretell::foretell;
use domain::id::{InvoiceId, PaymentId};
use domain::invoice::Source;
use domain::letter::{Content, DebtKind, Letter, LetterKind, Sending};
use domain::lock::{LockCause, Scope};
use domain::money::{Currency, Money};
use domain::numbering::Numbers;
use domain::payment::{Method, PaymentFacts, PaymentState};
use domain::policy::UnlockMode;
use domain::role::Actor;
use domain::task::About;
use letters::facts::{self, Language, LetterFacts, Next, NextAction, Opens, Reopened};

use crate::execute::View;

/// By when a demand asks to be answered: what counts as a response to it (LET-8).
const RESPONSE_DAYS: u32 = 7;

/// How many evaluations ahead a letter looks for what follows.
const MAX_STEPS_AHEAD: usize = 6;

/// With more open invoices than this a letter doesn't say what follows: finding it takes too long.
const MAX_INVOICES_AHEAD: usize = 200;

/// Why a claimed letter has nothing to say.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NothingToSay {
    /// The payment isn't there.
    #[error("payment {0} is not there")]
    Payment(PaymentId),
    /// The charge isn't there.
    #[error("the charge is not there")]
    Charge,
    /// A newer plan took its place, or it ended.
    #[error("the plan had ended")]
    Plan,
    /// The contact it was decided for is gone.
    #[error("the client has no contact {0}")]
    Contact(u32),
}

/// Everything a letter is made from.
pub(super) struct Facts<'a> {
    /// Where to pay without signing in (LET-7).
    pub(super) link: Option<String>,
    /// Who writes.
    pub(super) writer: facts::Firm,
    pub(super) language: Language,
    /// Where people reach the portal.
    pub(super) public_url: &'a str,
    /// The account at the claim, with what was looked up.
    pub(super) account: &'a Account,
    /// The policies of a moment before.
    pub(super) view: &'a View,
    pub(super) letter: &'a Letter,
    pub(super) sending: &'a Sending,
}

impl Facts<'_> {
    pub(super) fn of_letter(&self) -> Result<LetterFacts, NothingToSay> {
        Ok(LetterFacts {
            firm: self.writer.clone(),
            client_name: self.account.profile.name.as_str().to_owned(),
            language: self.language,
            day: self.sending.on,
            content: self.content()?,
        })
    }

    fn content(&self) -> Result<facts::Content, NothingToSay> {
        let demand = || facts::Demand {
            dispute_by: plus(self.sending.on, RESPONSE_DAYS),
            ready: Vec::new(),
        };
        Ok(match (self.sending.kind, &self.letter.content) {
            (LetterKind::Reminder, _) => facts::Content::Reminder(self.debt()),
            (LetterKind::LockNotice, _) => {
                facts::Content::LockNotice(self.announced(NextAction::Lock))
            }
            (LetterKind::LimitNotice, _) => {
                facts::Content::LimitNotice(self.announced(NextAction::Limit))
            }
            (LetterKind::CloseNotice, _) => {
                facts::Content::CloseNotice(self.announced(NextAction::Close))
            }
            (LetterKind::Notice, _) => facts::Content::Notice(self.debt()),
            (LetterKind::DemandLetter, _) => facts::Content::DemandLetter(self.debt(), demand()),
            (LetterKind::FinalDemand, _) => facts::Content::FinalDemand(self.debt(), demand()),
            (_, Content::Receipt { payment }) => facts::Content::Receipt(self.receipt(payment)?),
            (_, Content::PaymentFailed { payment }) => {
                facts::Content::PaymentFailed(self.payment_failed(payment)?)
            }
            (_, Content::ChargeFailed { invoice, attempt }) => {
                facts::Content::PaymentFailed(self.charge_failed(invoice, *attempt)?)
            }
            (_, Content::PromiseConfirmation { until, .. }) => {
                facts::Content::PromiseConfirmation(facts::Promise {
                    until: *until,
                    invoices: self.invoices(&self.sending.invoices),
                    link: self.link(),
                })
            }
            (_, Content::PayLink { .. }) => facts::Content::PayLink(self.asked_for()),
            (_, Content::Message { text }) => facts::Content::Message(facts::Message {
                text: text.as_str().to_owned(),
                portal_link: self.public_url.to_owned(),
            }),
            (_, Content::PlanConfirmation { invoices }) => {
                facts::Content::PlanConfirmation(self.plan(invoices)?)
            }
            (_, Content::LineWelcomeBack { line }) => {
                facts::Content::WelcomeBack(self.welcome_back(&Scope::Line(line.clone())))
            }
            (_, Content::WelcomeBack | Content::Debt { .. }) => {
                facts::Content::WelcomeBack(self.welcome_back(&Scope::Client))
            }
        })
    }

    /// A debt with the day of what the letter announces; without one, where nothing tells the day.
    fn announced(&self, action: NextAction) -> facts::Debt {
        facts::Debt { next: self.next_of(|found| *found == action), ..self.debt() }
    }

    fn debt(&self) -> facts::Debt {
        let invoices = self.invoices(&self.sending.invoices);
        let currencies: BTreeSet<_> = invoices.iter().map(|i| i.total.currency()).collect();
        let credit = currencies.into_iter().map(|currency| self.account.credit(currency));
        let credit = credit.filter(|credit| !credit.is_zero()).collect();
        facts::Debt { invoices, credit, link: self.link(), lock: self.lock(), next: self.next() }
    }

    /// A debt without what follows: whoever sends a link threatens nothing.
    fn asked_for(&self) -> facts::Debt {
        let invoices = self.invoices(&self.sending.invoices);
        facts::Debt { invoices, credit: Vec::new(), link: self.link(), lock: None, next: None }
    }

    fn receipt(&self, id: &PaymentId) -> Result<facts::Receipt, NothingToSay> {
        let (payment, paid) = self.payment(id)?;
        let mut shares: BTreeMap<&InvoiceId, u64> = BTreeMap::new();
        for (invoice, amount) in &payment.allocations {
            *shares.entry(invoice).or_default() += amount.minor();
        }
        let currency = paid.amount.currency();
        let applied = shares.into_iter().map(|(invoice, minor)| facts::Applied {
            invoice: invoice.clone(),
            amount: Money::new(minor, currency),
            open: self.balance(invoice, currency),
        });
        let credit = self.account.credits.get(&Source::Payment(id.clone()));
        Ok(facts::Receipt {
            amount: paid.amount,
            received_on: self.letter.queued_on,
            reference: id.to_string(),
            method: method(paid.method),
            applied: applied.collect(),
            credit: credit.map_or(Money::zero(currency), |credit| credit.amount),
            rest: self.overdue(),
            lock: self.lock(),
            link: self.link(),
        })
    }

    fn payment_failed(&self, id: &PaymentId) -> Result<facts::PaymentFailed, NothingToSay> {
        let (payment, told) = self.payment(id)?;
        let none = BTreeMap::new();
        let shares = self.account.spread(&told.invoices, told.amount, &none, self.sending.on);
        let mut concerned: BTreeSet<_> = shares.into_iter().map(|(invoice, _)| invoice).collect();
        if concerned.is_empty() {
            concerned.extend(told.invoices.iter().cloned());
        }
        Ok(facts::PaymentFailed {
            amount: told.amount,
            failed_on: self.letter.queued_on,
            method: method(told.method),
            is_returned: payment.state() == PaymentState::Returned,
            invoices: self.invoices(&concerned),
            link: self.link(),
        })
    }

    /// The method's kind is known as long as it is saved; what else could be charged was a card.
    fn charge_failed(
        &self,
        id: &InvoiceId,
        attempt: u32,
    ) -> Result<facts::PaymentFailed, NothingToSay> {
        let place = usize::try_from(attempt).ok().and_then(|number| number.checked_sub(1));
        let invoice = self.account.invoices.get(id);
        let charged = invoice.and_then(|invoice| invoice.charges.get(place?));
        let charged = charged.ok_or(NothingToSay::Charge)?;
        let kind = self.account.methods.get(&charged.method).map(|saved| saved.kind);
        Ok(facts::PaymentFailed {
            amount: charged.amount,
            failed_on: self.letter.queued_on,
            method: method(kind.unwrap_or_default()),
            is_returned: false,
            invoices: self.invoices(&self.sending.invoices),
            link: self.link(),
        })
    }

    fn plan(&self, covered: &BTreeSet<InvoiceId>) -> Result<facts::Plan, NothingToSay> {
        let plan = self.account.plan.as_ref().filter(|plan| plan.invoices == *covered);
        let plan = plan.ok_or(NothingToSay::Plan)?;
        let instalment = |part: &domain::plan::Instalment| facts::Instalment {
            due_on: part.due_on,
            amount: part.amount,
        };
        Ok(facts::Plan {
            instalments: plan.instalments.iter().map(instalment).collect(),
            invoices: self.invoices(&self.sending.invoices),
            grace_days: plan.grace_days,
            link: self.link(),
        })
    }

    fn welcome_back(&self, scope: &Scope) -> facts::WelcomeBack {
        let unlocked = self.account.last_unlock.as_ref();
        let way = unlocked.filter(|last| last.scope == *scope).map(|last| &last.way);
        let exceptions = &self.account.exceptions;
        let exception = exceptions.get(scope).or_else(|| exceptions.get(&Scope::Client));
        let reopened = match (way, exception.map(|exception| exception.ends)) {
            (Some(UnlockWay::Exception { .. }), Some(ExceptionEnd::Until(until))) => {
                Reopened::Until(until)
            }
            (Some(UnlockWay::Exception { .. }), Some(ExceptionEnd::WithPlan)) => Reopened::WithPlan,
            // Another line was opened after it that day.
            (None, Some(ExceptionEnd::Until(until))) => Reopened::Until(until),
            (None, Some(ExceptionEnd::WithPlan)) => Reopened::WithPlan,
            (Some(UnlockWay::Approved { despite, .. }), _)
                if !despite.is_empty() && self.account.plan.is_some() =>
            {
                Reopened::WithPlan
            }
            _ => Reopened::Settled,
        };
        // Also after a payment: its debit may have come back since.
        let still_open = self.overdue();
        facts::WelcomeBack { reopened, still_open, portal_link: self.public_url.to_owned() }
    }

    fn payment(
        &self,
        id: &PaymentId,
    ) -> Result<(&domain::payment::Payment, &PaymentFacts), NothingToSay> {
        let payment = self.account.payments.get(id);
        let known = payment.and_then(|payment| Some((payment, payment.facts.as_ref()?)));
        known.ok_or_else(|| NothingToSay::Payment(id.clone()))
    }

    fn link(&self) -> Option<String> {
        self.link.clone()
    }

    fn lock(&self) -> Option<facts::Lock> {
        // The oldest that an invoice of the letter is under (LOCK-5).
        let invoices = self.sending.invoices.iter().filter_map(|id| self.account.invoices.get(id));
        let over = invoices.flat_map(|invoice| self.account.locks_over(invoice));
        let oldest = over.min_by_key(|lock| (lock.on, lock.episode));
        let lock = oldest.or_else(|| self.account.locks.get(&Scope::Client))?;
        let opens = match (&lock.cause, self.view.policy_of(lock).policy.unlock.mode) {
            (LockCause::Hand(_), _) => Opens::ByTheFirm,
            (LockCause::Rule(_), UnlockMode::Approval) => Opens::AfterReview,
            (LockCause::Rule(_), UnlockMode::OnPayment) => Opens::OnPayment,
        };
        Some(facts::Lock { cause: lock.cause.clone(), since: lock.on, opens })
    }

    /// What follows if nothing happens: the evaluations to come, on a copy, as far as something harder
    /// than this letter.
    fn next(&self) -> Option<Next> {
        self.next_of(|_| true)
    }

    /// The same, of what is wanted alone.
    fn next_of(&self, is_wanted: impl Fn(&NextAction) -> bool) -> Option<Next> {
        if MAX_INVOICES_AHEAD < self.account.invoices.len() {
            return None;
        }
        let context = Context {
            day: self.sending.on,
            actor: &Actor::Schedule,
            policy: &self.view.policy,
            episodes: &self.view.episodes,
            numbers: Numbers::default(),
            ledger: None, // what follows if the ledger stays as it is, and fresh
            latitude: Default::default(),
            law: self.view.law.as_ref(),
        };
        foretell(self.account, &context).take(MAX_STEPS_AHEAD).find_map(|coming| {
            let action = hardest(&coming.events, &is_wanted)?;
            Some(Next { action, on: coming.on })
        })
    }

    fn invoices(&self, ids: &BTreeSet<InvoiceId>) -> Vec<facts::Invoice> {
        ids.iter().filter_map(|id| self.account.invoices.get(id)).map(invoice).collect()
    }

    /// Everything overdue of which something is asked for.
    fn overdue(&self) -> Vec<facts::Invoice> {
        let day: Day = self.sending.on;
        let overdue = self.account.open_invoices().filter(|invoice| invoice.is_overdue(day));
        overdue.filter(|invoice| !invoice.collectable().is_zero()).map(invoice).collect()
    }

    fn balance(&self, id: &InvoiceId, currency: Currency) -> Money {
        let known = self.account.invoices.get(id);
        known.map_or(Money::zero(currency), domain::invoice::Invoice::balance)
    }
}

fn invoice(invoice: &domain::invoice::Invoice) -> facts::Invoice {
    facts::Invoice {
        number: invoice.id.clone(),
        issued_on: invoice.issued_on,
        due_on: invoice.due_on,
        total: invoice.total_with_fees(),
        fees: invoice.late_fees(),
        paid: invoice.paid(),
        disputed: invoice.disputed(),
    }
}

fn method(method: Method) -> facts::Method {
    match method {
        Method::Card => facts::Method::Card,
        Method::Ach => facts::Method::Bank,
        Method::Check => facts::Method::Check,
        Method::Phone => facts::Method::Phone,
    }
}

/// The hardest thing of an evaluation that a letter warns of.
fn hardest(events: &[Event], is_wanted: impl Fn(&NextAction) -> bool) -> Option<NextAction> {
    let rank = |action: &NextAction| match action {
        NextAction::Limit => 0,
        NextAction::DemandLetter => 1,
        NextAction::PartnerReview => 2,
        NextAction::CollectionsReferral => 3,
        NextAction::Lock => 4,
        NextAction::Close => 5,
    };
    events.iter().filter_map(warned_of).filter(is_wanted).max_by_key(rank)
}

fn warned_of(event: &Event) -> Option<NextAction> {
    let is_demand = |part: &domain::letter::Part| DebtKind::DemandLetter <= part.kind;
    match event {
        Event::Locked { .. } => Some(NextAction::Lock),
        Event::LimitBegun(_) => Some(NextAction::Limit),
        Event::LetterQueued(Letter { content: Content::Debt { parts }, .. })
            if parts.iter().any(is_demand) =>
        {
            Some(NextAction::DemandLetter)
        }
        Event::LetterExtended { part, .. } if is_demand(part) => Some(NextAction::DemandLetter),
        Event::TaskOpened(task) => match task.about {
            About::ReviewTask { .. } | About::ApproveStep { .. } => Some(NextAction::PartnerReview),
            About::CollectionsReferral { .. } => Some(NextAction::CollectionsReferral),
            About::CloseProposal { .. } => Some(NextAction::Close),
            About::ReadyForUnlock
            | About::BouncedAddress { .. }
            | About::LetterStuck { .. }
            | About::NoAddress
            | About::RecordsRequest
            | About::Message { .. }
            | About::PlanRequest { .. }
            | About::UnlockAsked { .. }
            | About::Mismatch { .. } => None,
        },
        _ => None,
    }
}
