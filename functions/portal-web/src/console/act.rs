//! What staff can do, each on a page of its own that says what will happen before it does.
//!
//! What will happen is not written down twice: the act is decided on a copy of the account by the rules
//! themselves, and the page shows what came of it. Whoever may not do a thing, or when it can't be done as
//! things stand, doesn't find its button; the function that owns the act decides in the end.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use domain::account::Account;
use domain::calendar::Day;
use domain::command::Command;
use domain::decide::decide;
use domain::describe::describe;
use domain::fee::Fee;
use domain::id::{ClientId, ServiceLine};
use domain::invoice::{Invoice, Posting};
use domain::lock::Scope;
use domain::role::{Actor, Role};
use domain::text::{Personal, sentence};
use services::execute::View;
use services::office::unlock::RequestRef;
use store::Grant;

use super::client::Head;
pub(super) use super::field::{Field, FieldKind};
use super::{client_path, notes, plan, segment};
use crate::extract::Path;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// Who may put in and correct what the firm is owed.
pub(super) const BOOKKEEPERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// Who may lock, hold, release, ask and reject (STAFF-1).
pub(super) const COLLECTORS: &[Role] = &[Role::BillingLead, Role::Partner];

/// Who approves (STAFF-1).
pub(super) const PARTNERS: &[Role] = &[Role::Partner];

/// Everybody at the firm.
pub(super) const STAFF: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner, Role::Preparer];

/// A button: leads to the page of an act.
pub(super) struct Deed {
    pub(super) name: &'static str,
    pub(super) path: String,
    /// Whether it takes something from the client.
    pub(super) is_grave: bool,
}

/// What a visitor may do with a client as it is.
pub(super) fn of_client(visit: &Visit, account: &Account) -> Vec<Deed> {
    let deed = |name, act: &str, is_grave| Deed {
        name,
        path: format!("{}/do/{act}", client_path(&account.client)),
        is_grave,
    };
    let mut deeds = Vec::new();
    if visit.may(BOOKKEEPERS) {
        deeds.push(deed("Record payment", "payment", false));
        deeds.push(deed("Issue invoice", "invoice", false));
        deeds.push(deed("Issue credit note", "credit-note", false));
        let path = format!("{}/links", client_path(&account.client));
        deeds.push(Deed { name: "Copy or send a pay link", path, is_grave: false });
    }
    if visit.may(COLLECTORS) {
        if account.is_locked() && account.request.is_none() {
            deeds.push(deed("Ask for unlock", "ask-unlock", false));
        }
        deeds.push(deed("Record promise", "promise", false));
        match &account.hold {
            Some(_) => deeds.push(deed("Release hold", "release-hold", false)),
            None => deeds.push(deed("Place on hold", "hold", false)),
        }
    }
    if visit.may(PARTNERS) {
        if account.open_invoices().next().is_some() {
            deeds.push(plan::deed(account, "Agree on a payment plan"));
        }
        if account.is_locked() {
            deeds.push(deed("Unlock by exception", "exception", false));
            deeds.push(deed("Move the lock to the newest policy", "move-episode", false));
        }
    }
    if visit.may(BOOKKEEPERS) {
        deeds.push(deed("Say who looks after it", "people", false));
        deeds.push(deed("Change name, class or terms", "change", false));
    }
    if visit.may(STAFF) {
        deeds.push(deed("Add note", "note", false));
        deeds.push(deed("Log a call", "call", false));
    }
    if visit.may(PARTNERS) && super::deletions::is_kept(account) {
        deeds.push(deed("Put off the deletion", "put-off-deletion", false));
    }
    if visit.may(COLLECTORS) && account.closed.is_none() {
        let name = if account.is_locked() { "Change lock reason" } else { "Lock portal" };
        deeds.push(deed(name, "lock", true));
        if account.hard_stop.is_none() {
            deeds.push(deed("Stop collection", "hard-stop", true));
        }
    }
    deeds
}

/// What a visitor may do with an invoice as it is.
pub(super) fn of_invoice(
    visit: &Visit,
    account: &Account,
    invoice: &Invoice,
    day: Day,
) -> Vec<Deed> {
    let (client, number) = (client_path(&account.client), segment(invoice.id.as_str()));
    let deed = |name, act: &str, is_grave| Deed {
        name,
        path: format!("{client}/invoices/{number}/do/{act}"),
        is_grave,
    };
    let mut deeds = Vec::new();
    if !invoice.is_open() {
        return deeds;
    }
    let is_draft = matches!(invoice.posting, Posting::Draft);
    if visit.may(BOOKKEEPERS) && !invoice.is_posted(day) {
        deeds.push(deed(if is_draft { "Post" } else { "Post now" }, "post", false));
    }
    if is_draft {
        if visit.may(BOOKKEEPERS) {
            deeds.push(deed("Void", "void", true));
        }
        return deeds;
    }
    if visit.may(COLLECTORS) {
        match (&invoice.dispute, visit.may(PARTNERS)) {
            (None, _) => deeds.push(deed("Dispute", "dispute", false)),
            (Some(dispute), true) => {
                if !dispute.is_under_review {
                    deeds.push(deed("Review dispute", "review-dispute", false));
                }
                deeds.push(deed("Settle dispute", "resolve-dispute", false));
            }
            (Some(_), false) => {}
        }
        match &invoice.hold {
            Some(_) => deeds.push(deed("Release hold", "release-hold", false)),
            None => deeds.push(deed("Hold", "hold", false)),
        }
    }
    if visit.may(BOOKKEEPERS) {
        deeds.push(deed("Credit note", "credit-note", false));
        if invoice.paid().is_zero() && invoice.fee_of.is_none() {
            deeds.push(deed("Void", "void", true));
        }
    }
    if visit.may(PARTNERS) {
        if invoice.fee_of.is_none() {
            deeds.push(deed("Add late fee", "add-fee", false));
        }
        if invoice.fees.iter().any(Fee::stands) {
            deeds.push(deed("Waive late fees", "waive-fees", false));
        }
        deeds.push(deed("Write off", "write-off", true));
    }
    deeds
}

/// Where an open request to unlock is decided.
pub(super) fn approval(account: &Account) -> Option<String> {
    Some(format!("/console/unlock/{}", segment(&RequestRef::of(account)?.name())))
}

/// What a command would do now, in sentences; or why it can't be done.
pub(super) fn consequences(
    view: &View,
    actor: &Actor,
    command: &Command,
) -> Result<Vec<String>, String> {
    match decide(&view.loaded.account, command, &view.context(actor)) {
        Ok(events) => Ok(events.iter().map(|event| sentence(&describe(event))).collect()),
        Err(refusal) => Err(sentence(&refusal.text)),
    }
}

/// The page of an act.
#[derive(Template)]
#[template(path = "console/act.html")]
struct ActPage {
    shell: Shell,
    head: Head,
    act: Act,
    back: String,
}

/// An act, as its page shows it.
pub(super) struct Act {
    pub(super) title: String,
    pub(super) about: &'static str,
    /// What the rules say will happen.
    pub(super) will: Vec<String>,
    /// Why it can't be done as things stand.
    pub(super) refused: Option<String>,
    pub(super) fields: Vec<Field>,
    pub(super) button: &'static str,
    pub(super) is_grave: bool,
    pub(super) action: String,
    pub(super) method: &'static str,
    pub(super) said: String,
}

impl Act {
    pub(super) fn new(
        title: impl Into<String>,
        about: &'static str,
        button: &'static str,
        action: String,
    ) -> Self {
        Self {
            title: title.into(),
            about,
            will: Vec::new(),
            refused: None,
            fields: Vec::new(),
            button,
            is_grave: false,
            action,
            method: "",
            said: "Done.".to_owned(),
        }
    }

    pub(super) fn field(mut self, field: Field) -> Self {
        self.fields.push(field);
        self
    }

    /// A choice of some of those service lines, if there are several (LOCK-5).
    fn with_lines(self, lines: BTreeSet<ServiceLine>, label: &str, hint: &str) -> Self {
        if lines.len() < 2 {
            return self;
        }
        let lines = lines.iter().map(|line| (line.to_string(), said::line(line)));
        let choice = FieldKind::Many(lines.collect());
        self.field(Field::new("service_lines[]", label, choice).optional().hint(hint))
    }

    /// It can't be done, for that reason.
    pub(super) fn refused(self, why: impl Into<String>) -> Self {
        Self { refused: Some(why.into()), ..self }
    }

    /// Done by these alone; anybody else reads who may instead of a form that would be refused.
    pub(super) fn only(self, visit: &Visit, roles: &[Role], what: &str) -> Self {
        if visit.may(roles) {
            return self;
        }
        let names: Vec<_> = roles.iter().map(|role| role.words()).collect();
        self.refused(format!("Only {} may {what}.", names.join(" or ")))
    }

    pub(super) fn grave(self) -> Self {
        Self { is_grave: true, ..self }
    }

    pub(super) fn deletes(self) -> Self {
        self.method("delete")
    }

    pub(super) fn method(self, method: &'static str) -> Self {
        Self { method, ..self }
    }

    pub(super) fn said(self, said: impl Into<String>) -> Self {
        Self { said: said.into(), ..self }
    }

    /// With what the rules make of it now.
    pub(super) fn foreseen(mut self, visit: &Visit, view: &View, command: &Command) -> Self {
        let roles = visit.desk.principal.grant.roles.clone();
        let actor = Actor::Staff { id: visit.desk.staff().clone(), roles };
        match consequences(view, &actor, command) {
            Ok(will) => self.will = will,
            Err(refused) => self.refused = Some(refused),
        }
        self
    }
}

/// The service lines that are locked by themselves (LOCK-5).
fn single_locks(account: &Account) -> BTreeSet<ServiceLine> {
    account.locks.keys().filter_map(Scope::line).cloned().collect()
}

/// Stands for a reason that is still to be typed.
pub(super) fn to_be_typed() -> Personal {
    Personal::new("(your reason)")
}

pub(crate) async fn on_client(
    visit: Visit,
    Path((client, name)): Path<(ClientId, String)>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let names_staff = name.starts_with("assign-") || name == "people";
    let grants = if names_staff { visit.desk.store().grants().await? } else { Vec::new() };
    let act = client_act(&visit, &view, &name, &grants);
    let act = act.ok_or_else(|| Failure::not_found("There is no such act.".to_owned()))?;
    Ok(shown(&visit, &view, act, client_path(&client)))
}

pub(super) fn shown(visit: &Visit, view: &View, act: Act, back: String) -> Response {
    render(&ActPage {
        head: Head::of(&view.loaded.account, "act"),
        shell: visit.shell(act.title.clone(), "clients"),
        act,
        back,
    })
}

fn client_act(visit: &Visit, view: &View, name: &str, grants: &[Grant]) -> Option<Act> {
    let account = &view.loaded.account;
    let who = account.profile.name.as_str();
    let api = format!("/firm/v1/clients/{}", segment(account.client.as_str()));
    if let Some((act, rest)) =
        name.split_once('-').filter(|(act, _)| matches!(*act, "assign" | "close" | "approve"))
    {
        return task_act(visit, view, act, rest, grants);
    }
    let act = match name {
        "lock" => Act::new(
            format!("Lock the portal of {who}"),
            "A lock by hand closes statements and documents at once, whether or not anything is owed. No letter is sent. \
             The client can still pay, write to you and have its own records. Only an approved request or an exception opens it again.",
            "Lock portal",
            format!("{api}/lock"),
        )
        .grave()
        .with_lines(account.service_lines(), "Lock only", "Left without a mark, the whole client is locked.")
        .field(Field::reason("The client reads it on its portal."))
        .said("The portal is locked.")
        .foreseen(visit, view, &Command::Lock { reason: to_be_typed(), lines: [].into() }),
        "put-off-deletion" => Act::new(
            format!("Put off what is deleted of {who}"),
            "The engagement has ended, and what is known of the client is deleted when the firm's time for it is over. Until the day \
             that you say here it is kept in any case; the last word of a partner counts.",
            "Put off the deletion",
            format!("{api}/put-off-deletion"),
        )
        .field(Field::new("until", "Keep it until", FieldKind::Date))
        .field(Field::reason("For your colleagues and the history."))
        .said("The deletion is put off.")
        .foreseen(visit, view, &Command::PutOffDeletion { until: view.day, reason: to_be_typed() }),
        "hold" => Act::new(
            format!("Place {who} on hold"),
            "A hold stops reminders, notices, steps and new locks for all invoices, later ones too. It doesn't open a locked portal.",
            "Place on hold",
            format!("{api}/holds"),
        )
        .field(Field::new("until", "Last day of the hold", FieldKind::Date).optional().hint("Left empty, it holds until somebody releases it."))
        .field(Field::reason("For your colleagues and the history."))
        .said("The client is on hold.")
        .foreseen(visit, view, &Command::PlaceHold { invoice: None, until: None, reason: to_be_typed() }),
        "release-hold" => Act::new(
            format!("Release the hold on {who}"),
            "Collection goes on where it stands: whoever was never warned is warned first.",
            "Release hold",
            format!("{api}/holds"),
        )
        .deletes()
        .said("The hold is released.")
        .foreseen(visit, view, &Command::ReleaseHold { invoice: None }),
        "hard-stop" => Act::new(
            format!("Stop collection from {who} for good"),
            "For a bankruptcy, a death, a client who is represented or must not be contacted. No debt letter, fee or automatic lock follows, \
             ever. It can't be taken back here, and it opens no locked portal.",
            "Stop collection",
            format!("{api}/hard-stop"),
        )
        .grave()
        .field(Field::reason("Bankruptcy, deceased, represented, do not contact."))
        .said("Collection is stopped.")
        .foreseen(visit, view, &Command::HardStop { reason: to_be_typed() }),
        "return-referral" => Act::new(
            format!("Take the debt of {who} back from collections"),
            "For when the collector gives it back: unpaid, or because the client could not be found. From now on it is collected here \
             again, as after a pause; the steps whose days went by meanwhile are made up for by the furthest of each kind. What was paid to \
             the collector is recorded as a payment, not here.",
            "Take it back",
            format!("{api}/referral/return"),
        )
        .field(Field::reason("What the collector said."))
        .said("The debt is collected here again.")
        .only(visit, COLLECTORS, "take a debt back from collections")
        .foreseen(visit, view, &Command::ReturnReferral { reason: to_be_typed() }),
        "ask-unlock" => Act::new(
            format!("Ask for the unlock of {who}"),
            "A partner is asked to open the portal. You can ask before everything is paid; it can be approved once nothing is overdue. \
             A request stands for some days and then expires.",
            "Ask for unlock",
            format!("{api}/unlock-requests"),
        )
        .with_lines(single_locks(account), "Unlock only", "Left without a mark, all that is locked is asked for.")
        .said("The unlock is asked for.")
        .foreseen(visit, view, &Command::RequestUnlock { lines: [].into() }),
        "exception" => {
            exception(who, &api, account).only(visit, PARTNERS, "unlock by exception")
        }
        "move-episode" => Act::new(
            format!("Move the lock of {who} to the newest policy"),
            "A running lock follows the policy that it was set by, until it is lifted. From here on lock, unlock and the steps after \
             the lock follow the newest version instead.",
            "Move it",
            format!("{api}/move-episode"),
        )
        .said("The lock follows the newest policy.")
        .foreseen(visit, view, &Command::MoveEpisode)
        .only(visit, PARTNERS, "move a lock to another policy"),
        "payment" => {
            payment(account, who, &api, view).only(visit, BOOKKEEPERS, "record a payment")
        }
        "promise" => Act::new(
            format!("Record a promise of {who}"),
            "What the client said it will pay by a day. Until then the invoice is left alone; if it isn't paid by the end of that day, \
             collection goes on by itself. The client gets a confirmation.",
            "Record promise",
            format!("{api}/promises"),
        )
        .field(Field::new("until", "Last day to pay", FieldKind::Date).value(domain::calendar::plus(view.day, 7).to_string()))
        .field(Field::new("invoice", "For which invoice", FieldKind::Choice(invoices_with_all(account))).optional())
        .said("The promise is recorded.")
        .only(visit, BOOKKEEPERS, "record a promise"),
        "people" => super::people::act(account, &api, grants)
            .only(visit, BOOKKEEPERS, "say who looks after a client"),
        "note" => notes::note(account, who, &api),
        "call" => notes::call(view, who, &api),
        _ => return None,
    };
    Some(act)
}

fn exception(who: &str, api: &str, account: &Account) -> Act {
    let until = Field::new("until", "Last day of the exception", FieldKind::Date);
    let until = match account.plan {
        Some(_) => {
            until.optional().hint("Left empty, it lasts as long as the payment plan is kept.")
        }
        None => until.hint("Without a payment plan an end is needed."),
    };
    Act::new(
        format!("Open the portal of {who} by exception"),
        "The portal opens although debts are open. Until the exception ends no automatic lock is set, for any debt; letters go on. \
         At its end the rule looks again. The client gets a welcome-back letter.",
        "Unlock by exception",
        format!("{api}/exception-unlock"),
    )
    .with_lines(single_locks(account), "Open only", "Left without a mark, it is for the whole client.")
    .field(until)
    .field(Field::reason("Why this client, in writing: it stays in the audit."))
    .said("The portal is open by exception.")
}

fn payment(account: &Account, who: &str, api: &str, view: &View) -> Act {
    let mut owed: Vec<_> =
        account.open_invoices().filter(|invoice| invoice.is_posted(view.day)).collect();
    owed.sort_by_key(|invoice| invoice.due_on);
    let currency =
        owed.first().map_or(account.profile.currency, |invoice| invoice.total.currency());
    let invoices = owed.iter().map(|invoice| {
        (
            invoice.id.to_string(),
            format!(
                "{}: {} due {}",
                invoice.id,
                invoice.balance().for_person(),
                said::day(invoice.due_on)
            ),
        )
    });
    let mut currencies: Vec<_> =
        owed.iter().map(|invoice| invoice.total.currency().code().to_owned()).collect();
    currencies.push(account.profile.currency.code().to_owned());
    currencies.sort();
    currencies.dedup();
    let currencies = currencies.into_iter().map(|code| (code.clone(), code)).collect();
    Act::new(
        format!("Record a payment of {who}"),
        "For a check or a payment by phone; what a gateway takes is recorded by itself. Marked invoices are paid in their order, \
         without a mark the oldest first; what is left becomes credit. The client gets a receipt. A payment alone doesn't unlock.",
        "Record payment",
        format!("{api}/payments"),
    )
    .field(Field::new("amount.amount", "Amount", FieldKind::Amount))
    .field(Field::new("amount.currency", "Currency", FieldKind::Choice(currencies)).value(currency.code()))
    .field(Field::new(
        "method",
        "How it was paid",
        FieldKind::Choice(vec![("check".to_owned(), "Check".to_owned()), ("phone".to_owned(), "By phone".to_owned())]),
    ))
    .field(Field::new("reference", "Reference", FieldKind::Line).hint("The check's number or the terminal's. The same reference is recorded once."))
    .field(Field::new("paid_on", "Paid on", FieldKind::Date).value(view.day.to_string()))
    .field(Field::new("invoices[]", "For which invoices", FieldKind::Many(invoices.collect())).optional())
    .said("The payment is recorded.")
}

fn invoices_with_all(account: &Account) -> Vec<(String, String)> {
    invoices_with(account, "all that are overdue")
}

pub(super) fn invoices_with(account: &Account, none: &str) -> Vec<(String, String)> {
    let open = account.open_invoices().map(|invoice| {
        (invoice.id.to_string(), format!("{} ({})", invoice.id, invoice.balance().for_person()))
    });
    std::iter::once((String::new(), none.to_owned())).chain(open).collect()
}

fn task_act(visit: &Visit, view: &View, act: &str, rest: &str, grants: &[Grant]) -> Option<Act> {
    let account = &view.loaded.account;
    let who = account.profile.name.as_str();
    let api = format!("/firm/v1/clients/{}", segment(account.client.as_str()));
    match act {
        "approve" if rest == domain::policy::Action::Close.as_str() => {
            let title = format!("End the engagement with {who}");
            let about = "What the system proposes becomes true with your approval, and is not taken back: there is no way to open a client again. \
                From then on nothing happens by itself: no reminder, no letter but receipts, no lock, no step. The client still signs in, pays, \
                writes to you and asks for its own records; documents and statements stay closed. What is owed stays owed.";
            Some(
                Act::new(title, about, "End the engagement", format!("{api}/approve-close"))
                    .grave()
                    .said("The engagement has ended.")
                    .foreseen(visit, view, &Command::ApproveClose),
            )
        }
        "approve" => {
            let action =
                domain::policy::Action::ALL.into_iter().find(|action| action.as_str() == rest)?;
            let command = Command::ApproveStep { action };
            let title = format!("Approve the {} for {who}", said::words(rest));
            let about = "The step waits for a partner. What it leads to is below; once approved it can't be called back.";
            Some(
                Act::new(title, about, "Approve", format!("{api}/approve-step"))
                    .grave()
                    .field(Field::fixed("do", rest))
                    .said("The step is approved.")
                    .foreseen(visit, view, &command),
            )
        }
        "assign" => {
            let staff = grants
                .iter()
                .map(|grant| (grant.staff.to_string(), grant.name.as_str().to_owned()));
            let task = account.tasks.values().find(|task| task.id.0.to_string() == rest)?;
            let now = task.assignee.as_ref().map_or_else(String::new, ToString::to_string);
            Some(
                Act::new(
                    format!("Assign a task of {who}"),
                    "Whose it is; everybody at the firm goes on seeing it.",
                    "Assign",
                    format!("{api}/tasks/{rest}/assign"),
                )
                .field(Field::new("to", "To whom", FieldKind::Choice(staff.collect())).value(now))
                .said("The task is assigned."),
            )
        }
        _ => {
            let task = account.tasks.values().find(|task| task.id.0.to_string() == rest)?;
            Some(
                Act::new(
                    format!("Close a task of {who}"),
                    "It is done and leaves the list. The history keeps it.",
                    "Mark as done",
                    format!("{api}/tasks/{rest}/close"),
                )
                .said("The task is done.")
                .foreseen(visit, view, &Command::CloseTask { task: task.id }),
            )
        }
    }
}
