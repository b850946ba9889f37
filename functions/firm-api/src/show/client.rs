//! A client: who it is, where it stands and why.

use std::collections::BTreeMap;

use domain::account::{self, Account, ExceptionEnd};
use domain::decide::Context;
use domain::explain::{self, Explanation, explain};
use domain::invoice;
use domain::letter::Language;
use domain::lock::{self, LockCause};
use domain::money::{Currency, Money};
use domain::numbering::Numbers;
use domain::plan;
use domain::role::Actor;
use serde::Serialize;
use services::execute::View;
use services::http::{Amount, Date};
use services::office::outcome::portal;
use services::office::unlock::RequestRef;
use store::ClientRow;
use utoipa::ToSchema;

use super::names;
use crate::people::ClientPeople;

/// A client in a list.
#[derive(Debug, Serialize, ToSchema)]
pub struct ClientInList {
    /// Its id.
    pub client: String,
    /// Its name.
    pub name: String,
    /// Its class, whose policy applies.
    pub class: String,
    /// `closed`, `stopped`, `locked`, `exception`, `on_hold`, `limited` or `open`, the first that holds.
    #[schema(example = "locked")]
    pub state: &'static str,
    /// The due date of its oldest open invoice.
    pub oldest_due: Option<Date>,
    /// When it is looked at next.
    pub next_evaluation: Option<Date>,
}

impl From<ClientRow> for ClientInList {
    fn from(row: ClientRow) -> Self {
        Self {
            client: row.client.to_string(),
            name: row.name.personal,
            class: row.class.to_string(),
            state: row.state.as_str(),
            oldest_due: row.oldest_due.map(Date),
            next_evaluation: row.next_evaluation.map(Date),
        }
    }
}

/// A client.
#[derive(Debug, Serialize, ToSchema)]
pub struct Client {
    /// Its id.
    pub client: String,
    /// Its name.
    pub name: String,
    /// Its class, whose policy applies.
    pub class: String,
    /// The currency in which it is usually billed.
    pub currency: String,
    /// Where letters go, in this order.
    pub contacts: Vec<Contact>,
    /// What is done for it.
    pub service_lines: Vec<String>,
    /// Whether its engagement's terms allow late fees.
    pub terms_allow_late_fee: bool,
    /// Whose law caps its late fees, a code of ISO 3166; none: nobody's.
    pub jurisdiction: Option<String>,
    /// In which language it is written to; none: in the firm's.
    #[schema(example = "es")]
    pub language: Option<&'static str>,
    /// Who looks after it.
    pub people: ClientPeople,
    /// The portal: `open`, `limited`, `locked`, `must_pay` or `closed`.
    #[schema(example = "locked")]
    pub portal: &'static str,
    /// The oldest lock, whose reason is the portal's.
    pub lock: Option<Lock>,
    /// All locks: one, on the client; or one for each locked service line (LOCK-5).
    pub locks: Vec<Lock>,
    /// The service lines that are locked.
    pub locked_lines: Vec<String>,
    /// The open request to unlock.
    pub unlock_request: Option<Request>,
    /// The hold on the client.
    pub hold: Option<Hold>,
    /// Why nothing is collected any more, if so.
    pub hard_stop: Option<HardStop>,
    /// The running exceptions: one, for the client, or some for service lines (UNL-4, LOCK-5).
    pub exceptions: Vec<Exception>,
    /// The running plan.
    pub plan: Option<Plan>,
    /// Running promises.
    pub promises: Vec<Promise>,
    /// What it owes, currency by currency.
    pub balance: Vec<Amount>,
    /// Of that, what is overdue.
    pub overdue: Vec<Amount>,
    /// Its credit, currency by currency.
    pub credit: Vec<Amount>,
    /// How many tasks wait.
    pub open_tasks: usize,
    /// Why it stands where it stands, and what comes next.
    pub explanation: Explained,
    /// When it is looked at next.
    pub next_evaluation: Option<Date>,
    /// The account's version.
    pub version: u64,
}

/// One address.
#[derive(Debug, Serialize, ToSchema)]
pub struct Contact {
    /// The e-mail address.
    pub address: String,
    /// Whether a letter came back from it.
    pub is_bounced: bool,
}

/// The lock.
#[derive(Debug, Serialize, ToSchema)]
pub struct Lock {
    /// On which service line; the whole client, if not said.
    pub service_line: Option<String>,
    /// Which episode, counted from 1.
    pub episode: u32,
    /// Since when.
    pub on: Date,
    /// Why, as the client reads it.
    pub reason: String,
    /// `rule` or `hand`.
    #[schema(example = "rule")]
    pub by: &'static str,
    /// The policy that the episode follows.
    pub policy: Policy,
}

/// A version of a policy.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PolicyName)]
pub struct Policy {
    /// Of which class.
    pub class: String,
    /// Which version.
    pub version: u32,
}

/// A request to unlock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenRequest)]
pub struct Request {
    /// Its id.
    pub id: String,
    /// Of which service lines; without any, of all that is locked (LOCK-5).
    pub service_lines: Vec<String>,
    /// Who asked.
    pub by: String,
    /// When.
    pub on: Date,
    /// The first day on which it no longer stands.
    pub expires_on: Date,
}

/// A hold.
#[derive(Debug, Serialize, ToSchema)]
pub struct Hold {
    /// On which invoice; the client, if not said.
    pub invoice: Option<String>,
    /// Since when.
    pub begun_on: Date,
    /// The last day on which it holds; until it is released, if not said.
    pub until: Option<Date>,
    /// Why.
    pub reason: String,
}

/// Nothing is collected any more.
#[derive(Debug, Serialize, ToSchema)]
pub struct HardStop {
    /// Since when.
    pub on: Date,
    /// Why.
    pub reason: String,
}

/// No automatic lock is set meanwhile.
#[derive(Debug, Serialize, ToSchema)]
pub struct Exception {
    /// For which service line; the whole client, if not said.
    pub service_line: Option<String>,
    /// Since when.
    pub begun_on: Date,
    /// The last day; as long as the plan is kept, if not said.
    pub until: Option<Date>,
    /// Why.
    pub reason: String,
}

/// A payment plan.
#[derive(Debug, Serialize, ToSchema)]
pub struct Plan {
    /// Since when.
    pub begun_on: Date,
    /// For what.
    pub invoices: Vec<String>,
    /// What it covers.
    pub covered: Amount,
    /// In which instalments.
    pub instalments: Vec<Instalment>,
    /// Days after an instalment's due day before the plan breaks.
    pub grace_days: u32,
}

/// An instalment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlannedInstalment)]
pub struct Instalment {
    /// When.
    pub due_on: Date,
    /// How much.
    pub amount: Amount,
}

/// A promise to pay.
#[derive(Debug, Serialize, ToSchema)]
pub struct Promise {
    /// When it was made.
    pub made_on: Date,
    /// The last day to keep it.
    pub until: Date,
    /// For which invoices.
    pub invoices: Vec<String>,
}

/// Why a client stands where it stands, and what comes next (EVAL-5).
#[derive(Debug, Serialize, ToSchema)]
pub struct Explained {
    /// How things stand, the most important first.
    pub why: Vec<String>,
    /// What the next evaluation that does anything will do.
    pub next: Option<Next>,
    /// What follows after it, if nothing happens until then: the steps to come, at most eleven of them.
    pub later: Vec<Next>,
    /// Under which policy.
    pub policy: Policy,
}

/// What comes next.
#[derive(Debug, Serialize, ToSchema)]
pub struct Next {
    /// When.
    pub on: Date,
    /// What.
    pub what: Vec<String>,
    /// What would stop it, with how much and by when: each was tried on a copy of the account.
    pub stopped_by: Vec<String>,
    /// The rules that it comes of.
    pub rules: Vec<&'static str>,
}

impl Client {
    /// As it is now.
    pub fn of(view: &View) -> Self {
        let account = &view.loaded.account;
        let profile = &account.profile;
        let context = Context {
            day: view.day,
            actor: &Actor::Schedule,
            policy: &view.policy,
            episodes: &view.episodes,
            numbers: Numbers::default(),
            ledger: view.ledger,
            latitude: view.latitude,
            law: view.law.as_ref(),
        };
        Self {
            client: account.client.to_string(),
            name: profile.name.as_str().to_owned(),
            class: profile.class.to_string(),
            currency: profile.currency.code().to_owned(),
            contacts: profile.contacts.iter().map(Contact::of).collect(),
            service_lines: names(&profile.service_lines),
            terms_allow_late_fee: profile.terms_allow_late_fee,
            jurisdiction: profile.jurisdiction.as_ref().map(ToString::to_string),
            language: profile.language.map(Language::as_str),
            people: ClientPeople::of(&account.people),
            portal: portal(account),
            lock: account.lock().map(Lock::of),
            locks: account.locks.values().map(Lock::of).collect(),
            locked_lines: names(&account.locked_lines()),
            unlock_request: Request::of(account),
            hold: account.hold.as_ref().map(|on_client| hold(None, on_client)),
            hard_stop: account.hard_stop.as_ref().map(|stop| HardStop {
                on: Date(stop.on),
                reason: stop.reason.as_str().to_owned(),
            }),
            exceptions: account.exceptions.values().map(Exception::of).collect(),
            plan: account.plan.as_ref().map(Plan::of),
            promises: account.promises.iter().map(Promise::of).collect(),
            balance: sums(account.open_invoices().map(invoice::Invoice::balance)),
            overdue: sums(
                account
                    .open_invoices()
                    .filter(|invoice| invoice.is_overdue(view.day))
                    .map(invoice::Invoice::balance),
            ),
            credit: sums(account.credits.values().map(|credit| credit.amount)),
            open_tasks: account.tasks.len(),
            explanation: Explained::of(explain(account, &context)),
            next_evaluation: view.loaded.next_evaluation().map(Date),
            version: view.loaded.version(),
        }
    }
}

/// Sums of two currencies never meet.
fn sums(amounts: impl Iterator<Item = Money>) -> Vec<Amount> {
    let mut sums: BTreeMap<Currency, u64> = BTreeMap::new();
    for amount in amounts {
        let sum = sums.entry(amount.currency()).or_default();
        *sum = sum.saturating_add(amount.minor());
    }
    sums.into_iter().map(|(currency, minor)| Amount(Money::new(minor, currency))).collect()
}

impl Contact {
    fn of(contact: &account::Contact) -> Self {
        Self { address: contact.address.as_str().to_owned(), is_bounced: contact.is_bounced }
    }
}

impl Lock {
    fn of(lock: &lock::Lock) -> Self {
        let by = match lock.cause {
            LockCause::Rule(_) => "rule",
            LockCause::Hand(_) => "hand",
        };
        let policy = Policy { class: lock.policy.class.to_string(), version: lock.policy.version };
        let service_line = lock.scope.line().map(ToString::to_string);
        let (on, reason) = (Date(lock.on), lock.cause.text());
        Self { service_line, episode: lock.episode, on, reason, by, policy }
    }
}

impl Request {
    fn of(account: &Account) -> Option<Self> {
        let id = RequestRef::of(account)?.name();
        let request = account.request.as_ref()?;
        Some(Self {
            id,
            service_lines: names(&request.lines),
            by: request.by.to_string(),
            on: Date(request.on),
            expires_on: Date(request.expires_on),
        })
    }
}

/// A hold on that invoice, or on the client.
pub fn hold(invoice: Option<&domain::id::InvoiceId>, hold: &invoice::Hold) -> Hold {
    Hold {
        invoice: invoice.map(ToString::to_string),
        begun_on: Date(hold.begun_on),
        until: hold.until.map(Date),
        reason: hold.reason.as_str().to_owned(),
    }
}

impl Exception {
    fn of(exception: &account::Exception) -> Self {
        let until = match exception.ends {
            ExceptionEnd::Until(until) => Some(Date(until)),
            ExceptionEnd::WithPlan => None,
        };
        let reason = exception.reason.as_str().to_owned();
        let service_line = exception.scope.line().map(ToString::to_string);
        Self { service_line, begun_on: Date(exception.begun_on), until, reason }
    }
}

impl Plan {
    /// As it runs.
    pub fn of(plan: &plan::Plan) -> Self {
        let instalments = plan.instalments.iter().map(|instalment| Instalment {
            due_on: Date(instalment.due_on),
            amount: Amount(instalment.amount),
        });
        Self {
            begun_on: Date(plan.begun_on),
            invoices: names(&plan.invoices),
            covered: Amount(plan.covered),
            instalments: instalments.collect(),
            grace_days: plan.grace_days,
        }
    }
}

impl Promise {
    /// As it runs.
    pub fn of(promise: &plan::Promise) -> Self {
        Self {
            made_on: Date(promise.made_on),
            until: Date(promise.until),
            invoices: names(&promise.invoices),
        }
    }
}

impl Explained {
    fn of(explanation: Explanation) -> Self {
        let next = |next: explain::Next| Next {
            on: Date(next.on),
            what: next.what,
            stopped_by: next.stopped_by,
            rules: next.rules.into_iter().collect(),
        };
        let later = explanation.later.into_iter().map(next).collect();
        let next = explanation.next.map(next);
        let policy = Policy {
            class: explanation.policy.class.to_string(),
            version: explanation.policy.version,
        };
        Self { why: explanation.why, next, later, policy }
    }
}
