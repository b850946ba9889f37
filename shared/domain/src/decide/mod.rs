//! The decision: a command against an account gives events, or a refusal.
//!
//! Each act is decided here or in the module of its noun, on a working copy to which every event is
//! applied as it is decided, so that what follows sees it. After the act the client is evaluated
//! (EVAL-1), in the same commit: nobody waits for a nightly run to learn what a payment changed.

use std::collections::BTreeSet;

use crate::account::{Account, MAX_CONTACTS, MAX_SERVICE_LINES, Profile, TaskId};
use crate::apply::apply;
use crate::calendar::{Day, for_person};
use crate::command::{Command, needs};
use crate::event::Event;
use crate::fee::Jurisdiction;
use crate::id::{InvoiceId, StaffId};
use crate::invoice::Invoice;
use crate::ledger::Ledger;
use crate::lock::Lock;
use crate::note::{Note, NoteId, NoteKind};
use crate::numbering::{Numbers, is_unnumbered};
use crate::people::{MAX_PREPARERS, People};
use crate::policy::{Policy, PolicyRef, PolicyVersion};
use crate::refusal::Refusal;
use crate::role::{Actor, Role};
use crate::run::{Latitude, Withheld};
use crate::task::{About, Task};
use crate::text::{MAX_TEXT_BYTES, Personal};

mod arrangement;
mod charge;
mod close;
mod dispute;
mod evaluate;
mod fee;
mod invoice;
pub mod letters;
mod limit;
mod look;
mod message;
mod money;
mod next;
mod notice;
mod pay_link;
mod portal;

pub use look::may_decide;
pub(crate) use next::{by_schedule, without_letters};
pub use next::{evaluation_on, next_evaluation, next_look};

/// Who may put in and correct what the firm is owed.
const BOOKKEEPERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// Who may lock, hold, release, ask and reject (STAFF-1).
const COLLECTORS: &[Role] = &[Role::BillingLead, Role::Partner];

/// Who approves (STAFF-1).
const PARTNERS: &[Role] = &[Role::Partner];

/// Everybody at the firm.
const STAFF: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner, Role::Preparer];

/// What a decision is taken under.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// Which day it is at the firm.
    pub day: Day,
    /// Who acts.
    pub actor: &'a Actor,
    /// The newest policy of the client's class.
    pub policy: &'a PolicyVersion,
    /// The policies that running episodes began with, where those are others (POL-1).
    pub episodes: &'a [PolicyVersion],
    /// The firm's series of invoice numbers, and what is drawn of them (INV-7).
    pub numbers: Numbers<'a>,
    /// How fresh the firm's ledger is, where that comes from elsewhere (FRESH-1).
    pub ledger: Option<Ledger>,
    /// How far an evaluation may go by itself (LOCK-10).
    pub latitude: Latitude,
    /// Whose law caps late fees of clients that name no jurisdiction of their own; `None`: nobody's (LF-1).
    pub law: Option<&'a Jurisdiction>,
}

impl<'a> Context<'a> {
    /// The policy of that name: the newest, or that of a running episode.
    pub fn version(&self, id: &PolicyRef) -> Option<&'a PolicyVersion> {
        std::iter::once(self.policy).chain(self.episodes).find(|version| version.id == *id)
    }
}

/// What was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// What happens, in order.
    pub events: Vec<Event>,
    /// What was left undone for want of latitude (LOCK-10).
    pub withheld: Withheld,
}

/// Decides a command: what happens, in order.
///
/// # Errors
/// A [`Refusal`] where the rules say no, or where something of [`needs`] was not looked up.
pub fn decide(
    account: &Account,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    decide_within(account, command, context).map(|decided| decided.events)
}

/// The same, and what was left undone for want of latitude (LOCK-10).
///
/// # Errors
/// Those of [`decide`].
pub fn decide_within(
    account: &Account,
    command: &Command,
    context: &Context<'_>,
) -> Result<Decided, Refusal> {
    let is_evaluated = command.is_followed_by_evaluation() && *context.actor != Actor::Import;
    take(account, command, context, is_evaluated)
}

/// The act alone: its evaluation is for who calls this, once for several acts of a client and day.
///
/// # Errors
/// Those of [`decide`].
pub fn decide_alone(
    account: &Account,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<Event>, Refusal> {
    take(account, command, context, false).map(|decided| decided.events)
}

fn take(
    account: &Account,
    command: &Command,
    context: &Context<'_>,
    is_evaluated: bool,
) -> Result<Decided, Refusal> {
    let missing = needs(account, command);
    if !missing.is_empty() {
        return Err(Refusal::not_loaded(format_args!("{missing:?}")));
    }
    close::refuse_of_erased(account, command)?;
    let mut decision = Decision {
        account: account.clone(),
        events: Vec::new(),
        withheld: Withheld::default(),
        context: *context,
    };
    if is_evaluated {
        decision.end_what_ran_out();
    }
    let ended = decision.events.len();
    decision.act(command)?;
    if decision.events.len() == ended && *command != Command::Evaluate {
        return Ok(Decided::default()); // a repeat: what ran out is for the evaluation to find
    }
    if is_evaluated {
        decision.evaluate()?;
    } else {
        decision.end_limit(); // what an import brought may have paid what limits (POL-3)
    }
    Ok(Decided { events: decision.events, withheld: decision.withheld })
}

/// A decision under way.
struct Decision<'a> {
    /// The account as it is by now.
    account: Account,
    /// What was decided so far.
    events: Vec<Event>,
    /// What was left undone so far for want of latitude.
    withheld: Withheld,
    context: Context<'a>,
}

impl<'a> Decision<'a> {
    fn act(&mut self, command: &Command) -> Result<(), Refusal> {
        match command {
            Command::OpenAccount(profile) => {
                self.require_of_staff(BOOKKEEPERS, "STAFF-1", "open a client")?;
                self.change_profile(profile, Event::AccountOpened)
            }
            Command::ChangeProfile(profile) => {
                self.change_profile(&self.with_terms(profile), Event::ProfileChanged)
            }
            Command::AssignPeople(people) => self.assign_people(people),
            Command::IssueInvoice(new) => self.issue(new),
            Command::PostInvoice { invoice } => self.post(invoice),
            Command::VoidInvoice { invoice, reason } => self.void(invoice, reason),
            Command::WriteOff { invoice, reason } => self.write_off(invoice, reason),
            Command::AddFee { invoice, amount } => self.add_fee(invoice, *amount),
            Command::WaiveFees { invoice, reason } => self.waive_fees(invoice, reason),
            Command::RecordPayment { payment, news } => self.record_payment(payment, news),
            Command::ReportMismatch { payment, evidence } => self.open_mismatch(payment, evidence),
            Command::IssueCreditNote { id, amount, invoice } => {
                self.issue_credit_note(id, *amount, invoice.as_ref())
            }
            Command::AllocateCredit => self.allocate_credit(),
            Command::OpenDispute { invoice, amount, reason } => {
                self.open_dispute(invoice, *amount, reason)
            }
            Command::ReviewDispute { invoice } => self.review_dispute(invoice),
            Command::ResolveDispute { invoice, outcome } => self.resolve_dispute(invoice, *outcome),
            Command::MakePromise { invoice, until } => self.make_promise(invoice.as_ref(), *until),
            Command::BeginPlan { invoices, instalments } => self.begin_plan(invoices, instalments),
            Command::PlaceHold { invoice, until, reason } => {
                self.place_hold(invoice.as_ref(), *until, reason)
            }
            Command::ReleaseHold { invoice } => self.release_hold(invoice.as_ref()),
            Command::HardStop { reason } => self.hard_stop(reason),
            Command::Lock { reason, lines } => self.lock_by_hand(reason, lines),
            Command::MoveEpisode => self.move_episode(),
            Command::RequestUnlock { lines } => self.request_unlock(lines),
            Command::ApproveUnlock { lines } => self.approve_unlock(lines),
            Command::RejectUnlock { reason } => self.reject_unlock(reason),
            Command::ExceptionUnlock { reason, until, lines } => {
                self.exception_unlock(reason, *until, lines)
            }
            Command::ApproveStep { action } => self.approve_step(*action),
            Command::ReturnReferral { reason } => self.return_referral(reason),
            Command::ApproveClose => self.approve_close(),
            Command::PutOffDeletion { until, reason } => self.put_off_deletion(*until, reason),
            Command::Erase { years, gone } => self.erase(*years, *gone),
            Command::UndoRun { episodes, letters, reason } => {
                self.undo_run(episodes, letters, reason)
            }
            Command::AssignTask { task, to } => self.assign_task(*task, to),
            Command::CloseTask { task } => self.close_task_by_hand(*task),
            Command::AddNote { kind, invoice, text } => {
                self.add_note(*kind, invoice.as_ref(), text)
            }
            Command::MakePayLink { link, invoices } => self.make_pay_link(link, invoices),
            Command::MailPayLink { invoices, to } => self.mail_pay_link(invoices, to),
            Command::RevokePayLink { link, letter } => self.revoke_pay_link(link, *letter),
            Command::NoteMessage => self.note_message(),
            Command::ReceiveMessage(message) => self.receive_message(message),
            Command::ReadMessage { message } => self.read_message(*message),
            Command::WriteMessage { text, reads } => self.write_message(text, *reads),
            Command::ReportBounce { letter, to } => self.report_bounce(*letter, to.as_ref()),
            Command::RequestRecords => self.request_records(),
            Command::RequestPlan { invoices, wish } => self.request_plan(invoices, wish),
            Command::AskForUnlock { words } => self.ask_for_unlock(words),
            Command::ReportStuckLetter { letter } => self.report_stuck_letter(*letter),
            Command::ClaimLetter { letter } => self.claim_letter(*letter),
            Command::ReclaimLetter { letter, to } => self.reclaim_letter(*letter, to.as_ref()),
            Command::JoinLetter { letter, within, to } => self.join_letter(*letter, within, to),
            Command::SaveMethod(new) => self.save_method(new),
            Command::RemoveMethod { method } => self.remove_method(method),
            Command::SetDefaultMethod { method } => self.set_default_method(method),
            Command::ClaimCharge { charge } => self.claim_charge(charge),
            Command::EndCharge { charge, outcome } => self.end_charge(charge, outcome),
            Command::Evaluate => Ok(()),
        }
    }

    /// The ledger, while it is too old for anything harsher than a reminder (FRESH-1).
    fn stale_ledger(&self) -> Option<Ledger> {
        self.context.ledger.filter(|ledger| !ledger.is_fresh(self.day()))
    }

    /// Whether nothing harsher than a reminder may happen now: the ledger is too old (FRESH-1), or what the client
    /// wrote lies unread (LET-8).
    fn must_wait(&self) -> bool {
        self.stale_ledger().is_some() || self.account.waits_for_reader(self.day())
    }

    /// Whether the firm stopped locks and letters (LOCK-10).
    fn is_stopped(&self) -> bool {
        self.context.latitude == Latitude::Stopped
    }

    /// Decides one event, and goes on from there.
    fn emit(&mut self, event: Event) {
        apply(&mut self.account, &event);
        self.events.push(event);
    }

    fn day(&self) -> Day {
        self.context.day
    }

    /// The newest policy.
    fn policy(&self) -> &'a Policy {
        &self.context.policy.policy
    }

    /// The policy of lock, unlock and after-lock steps: that which the episode began with (POL-1).
    fn policy_of(&self, lock: &Lock) -> Result<&'a PolicyVersion, Refusal> {
        let found = self.context.version(&lock.policy);
        found.ok_or_else(|| Refusal::not_loaded(format_args!("{:?}", lock.policy)))
    }

    /// Refuses who has none of these roles.
    fn require(&self, roles: &[Role], rule: &'static str, what: &str) -> Result<(), Refusal> {
        if self.context.actor.has(roles) {
            return Ok(());
        }
        let names: Vec<_> = roles.iter().map(|role| role.words()).collect();
        Err(Refusal::forbidden(rule, format!("only {} may {what}", names.join(" or "))))
    }

    /// The same, but lets gateways, imports and the schedule pass: what comes from outside.
    fn require_of_staff(
        &self,
        roles: &[Role],
        rule: &'static str,
        what: &str,
    ) -> Result<(), Refusal> {
        match self.context.actor {
            Actor::Staff { .. } | Actor::Client { .. } | Actor::Link => {
                self.require(roles, rule, what)
            }
            Actor::Gateway | Actor::Import | Actor::Schedule => Ok(()),
        }
    }

    /// The same, but lets the client pass as well: what it may do by itself, and staff on its behalf.
    fn require_or_client(
        &self,
        roles: &[Role],
        rule: &'static str,
        what: &str,
    ) -> Result<(), Refusal> {
        if self.context.actor.is_client() {
            Ok(())
        } else {
            self.require_of_staff(roles, rule, what)
        }
    }

    fn staff(&self) -> Result<StaffId, Refusal> {
        let staff = self.context.actor.staff().cloned();
        staff.ok_or_else(|| Refusal::forbidden("STAFF-1", "only a person at the firm may do this"))
    }

    /// A draft without a number can't be named by anything that would outlive its name.
    fn numbered(&self, id: &InvoiceId) -> Result<(), Refusal> {
        if !is_unnumbered(id) {
            return Ok(());
        }
        let text = format!("invoice {id} is a draft without a number; post it first");
        Err(Refusal::conflict("INV-7", text))
    }

    fn open_invoice(&self, id: &InvoiceId, rule: &'static str) -> Result<&Invoice, Refusal> {
        self.numbered(id)?;
        match self.account.invoices.get(id) {
            Some(invoice) if invoice.is_open() => Ok(invoice),
            Some(invoice) => {
                let status = invoice.status(self.day()).as_str().replace('_', " ");
                Err(Refusal::conflict(rule, format!("invoice {id} is closed: it is {status}")))
            }
            None => Err(Refusal::not_found(rule, format!("there is no open invoice {id}"))),
        }
    }

    /// The same for what somebody says about a debt: to a client, what isn't out yet isn't there.
    fn owed_invoice(&self, id: &InvoiceId, rule: &'static str) -> Result<&Invoice, Refusal> {
        let invoice = self.open_invoice(id, rule)?;
        match self.context.actor.is_client() && !invoice.is_posted(self.day()) {
            true => Err(Refusal::not_found(rule, format!("there is no open invoice {id}"))),
            false => Ok(invoice),
        }
    }

    fn change_profile(
        &mut self,
        profile: &Profile,
        event: fn(Profile) -> Event,
    ) -> Result<(), Refusal> {
        // Its class and terms decide on fees and locks; who is written to is everybody's work.
        let known = Profile { contacts: profile.contacts.clone(), ..self.account.profile.clone() };
        match *profile == known {
            true => self.require_of_staff(STAFF, "STAFF-1", "change a client's contacts")?,
            false => self.require_of_staff(BOOKKEEPERS, "STAFF-1", "change a client")?,
        }
        if MAX_CONTACTS < profile.contacts.len() {
            let text = format!("a client has at most {MAX_CONTACTS} contacts");
            return Err(Refusal::invalid("LET-10", text));
        }
        if MAX_SERVICE_LINES < profile.service_lines.len() {
            let text = format!("a client has at most {MAX_SERVICE_LINES} service lines");
            return Err(Refusal::invalid("LOCK-5", text));
        }
        self.emit(event(profile.clone()));
        if self.account.deliverable().is_some() {
            self.close_tasks(|about| {
                matches!(about, About::BouncedAddress { contact, .. }
                if profile.contacts.get(*contact as usize).is_none_or(|known| !known.is_bounced))
            });
        }
        Ok(())
    }

    /// Since when a client's terms allow late fees is what happened here, whoever says something else (LF-1).
    fn with_terms(&self, profile: &Profile) -> Profile {
        let before = &self.account.profile;
        let late_fee_terms_since = match (before.terms_allow_late_fee, profile.terms_allow_late_fee)
        {
            (_, false) => None,
            (true, true) => before.late_fee_terms_since,
            (false, true) => Some(self.day()),
        };
        Profile { late_fee_terms_since, ..profile.clone() }
    }

    /// Whether they work at the firm is for the caller to know: grants are the firm's, not the client's.
    fn assign_people(&mut self, people: &People) -> Result<(), Refusal> {
        self.require(BOOKKEEPERS, "STAFF-1", "say who looks after a client")?;
        if MAX_PREPARERS < people.preparers.len() {
            let text = format!("a client has at most {MAX_PREPARERS} preparers");
            return Err(Refusal::invalid("STAFF-1", text));
        }
        if self.account.people != *people {
            let was = self.account.people.clone();
            self.emit(Event::PeopleAssigned { was, now: people.clone() });
        }
        Ok(())
    }

    fn add_note(
        &mut self,
        kind: NoteKind,
        invoice: Option<&InvoiceId>,
        text: &Personal,
    ) -> Result<(), Refusal> {
        self.require(STAFF, "STAFF-1", "write a note")?;
        let by = self.staff()?;
        if text.as_str().trim().is_empty() || MAX_TEXT_BYTES < text.as_str().len() {
            let expected = format!("a note of 1 to {MAX_TEXT_BYTES} bytes is expected");
            return Err(Refusal::invalid("NOTE-1", expected));
        }
        if let Some(id) = invoice.filter(|id| !self.account.invoices.contains_key(*id)) {
            let text = format!("the client has no such invoice {id}");
            return Err(Refusal::invalid("NOTE-1", text));
        }
        let id = NoteId(self.account.next_number);
        let (invoice, text) = (invoice.cloned(), text.clone());
        self.emit(Event::NoteAdded(Note { id, kind, by, invoice, text }));
        Ok(())
    }

    /// The client responded, by itself or through staff on its behalf (LET-8).
    fn respond(&mut self) {
        let on = self.day();
        if !self
            .account
            .responses
            .iter()
            .any(|response| response.on == on && response.payment.is_none())
        {
            self.emit(Event::Responded { on });
        }
    }

    fn request_records(&mut self) -> Result<(), Refusal> {
        if !self.has_task(|about| *about == About::RecordsRequest) {
            self.open_task(About::RecordsRequest);
        }
        Ok(())
    }

    fn assign_task(&mut self, task: TaskId, to: &StaffId) -> Result<(), Refusal> {
        self.require(STAFF, "STAFF-1", "assign a task")?;
        let known = self.account.tasks.get(&task).ok_or_else(|| no_task(task))?;
        if known.assignee.as_ref() != Some(to) {
            self.emit(Event::TaskAssigned { task, to: to.clone() });
        }
        Ok(())
    }

    /// Closes what a person is done with; a task that stands for a fact goes with the fact.
    fn close_task_by_hand(&mut self, task: TaskId) -> Result<(), Refusal> {
        self.require(STAFF, "STAFF-1", "close a task")?;
        let about = &self.account.tasks.get(&task).ok_or_else(|| no_task(task))?.about;
        match about {
            About::ReadyForUnlock
            | About::NoAddress
            | About::ApproveStep { .. }
            | About::Message { .. }
            | About::CloseProposal { .. } => {
                let text = "this task closes by itself, when what it waits for is done";
                return Err(Refusal::conflict("STAFF-1", text));
            }
            About::CollectionsReferral { approved_by: Some(_), .. } => {
                let text = "a collector has it: say when the collector gives it back";
                return Err(Refusal::conflict("CLOSE-2", text));
            }
            About::ReviewTask { .. }
            | About::CollectionsReferral { .. }
            | About::PlanRequest { .. } => {
                self.require(PARTNERS, "STAFF-1", "close this task")?;
            }
            About::BouncedAddress { .. }
            | About::LetterStuck { .. }
            | About::RecordsRequest
            | About::UnlockAsked { .. }
            | About::Mismatch { .. } => {}
        }
        self.close_task(task);
        Ok(())
    }

    fn has_task(&self, is_wanted: impl Fn(&About) -> bool) -> bool {
        self.account.tasks.values().any(|task| is_wanted(&task.about))
    }

    fn open_task(&mut self, about: About) {
        let id = TaskId(self.account.next_number);
        let task = Task { id, opened_on: self.day(), about, assignee: None };
        self.emit(Event::TaskOpened(task));
    }

    fn close_tasks(&mut self, is_done: impl Fn(&About) -> bool) {
        let tasks = self.account.tasks.values().filter(|task| is_done(&task.about));
        let done: BTreeSet<_> = tasks.map(|task| task.id).collect();
        for task in done {
            self.close_task(task);
        }
    }

    fn close_task(&mut self, task: TaskId) {
        let kind = self.account.tasks.get(&task).map_or("", |task| task.about.kind());
        self.emit(Event::TaskClosed { task, kind: kind.to_owned() });
    }
}

fn no_task(task: TaskId) -> Refusal {
    Refusal::not_found("STAFF-1", format!("there is no open task {}", task.0))
}

/// Refuses an empty reason, and one that is longer than a reason.
fn reason_given(reason: &Personal, rule: &'static str) -> Result<(), Refusal> {
    if reason.as_str().trim().is_empty() {
        return Err(Refusal::invalid(rule, "a reason is required"));
    }
    within_length(reason, rule)
}

/// Refuses what is longer than a reason.
fn within_length(text: &Personal, rule: &'static str) -> Result<(), Refusal> {
    if MAX_TEXT_BYTES < text.as_str().len() {
        let text = format!("that text is longer than {MAX_TEXT_BYTES} bytes");
        return Err(Refusal::invalid(rule, text));
    }
    Ok(())
}

/// A day that should be to come, or today.
fn past(day: Day, rule: &'static str) -> Refusal {
    Refusal::invalid(rule, format!("{} is in the past", for_person(day)))
}
