//! What a client can say about its debt, each on a page of its own that first says what will happen (DIS-1,
//! PROM-1, PLAN-1, UNL-1): what rests, until when, and what follows if it isn't kept.
//!
//! Whether a thing can be done now is asked of the rules, on a copy of the account; the page of a letter's link
//! ([`super::letter`]) says the same of its own debt.

use std::collections::BTreeSet;

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::Response;
use domain::access::Capability;
use domain::account::Account;
use domain::apply::apply;
use domain::calendar::{Day, plus};
use domain::command::Command;
use domain::decide::{decide, evaluation_on};
use domain::event::Event;
use domain::id::{ClientId, InvoiceId};
use domain::invoice::Invoice;
use domain::letter::Content;
use domain::role::Actor;
use domain::task::About;
use domain::text::{Personal, sentence};
use serde::Deserialize;
use services::execute::View;
use services::http::Problem;
use services::portal::Payable;

use super::dashboard::{Panel, PayNow};
use super::{Guest, Shell};
use crate::page::{Failure, render};
use crate::said;

/// How many invoices a form offers: what a browser sends of more is no form any more.
const MAX_OFFERED: usize = 200;

/// Which invoice a page is about, where it is about one.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OfInvoice {
    invoice: Option<InvoiceId>,
}

/// An invoice to choose.
pub(super) struct Offer {
    pub(super) number: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

impl Offer {
    fn of(invoice: &Invoice, day: Day, is_chosen: bool) -> Self {
        let (id, balance) = (&invoice.id, invoice.balance().for_person());
        let due = match invoice.is_overdue(day) {
            true => format!("overdue since {}", said::day(invoice.due_on)),
            false => format!("due {}", said::day(invoice.due_on)),
        };
        Self { number: id.to_string(), label: format!("{id}: {balance}, {due}"), is_chosen }
    }
}

/// What stands on each of these pages.
pub(super) struct Ask {
    /// What will happen, in sentences.
    pub(super) will: Vec<String>,
    /// Why it can't be done now, in a sentence.
    pub(super) refused: Option<String>,
    pub(super) offers: Vec<Offer>,
}

fn trial(view: &View, actor: &Actor, command: &Command) -> Result<Vec<Event>, String> {
    let decided = decide(&view.loaded.account, command, &view.context(actor));
    decided.map_err(|refusal| sentence(&refusal.text))
}

/// What can be chosen of the invoices. Where nothing can, the rules say why, of the first of them.
fn offered<'a>(
    view: &View,
    actor: &Actor,
    mut invoices: impl Iterator<Item = &'a Invoice> + Clone,
    is_offered: impl Fn(&Invoice) -> bool,
    is_chosen: impl Fn(&Invoice) -> bool,
    command: impl Fn(&Invoice) -> Command,
) -> (Vec<Offer>, Option<String>) {
    let offered = invoices.clone().filter(|invoice| is_offered(invoice)).take(MAX_OFFERED);
    let offers: Vec<_> =
        offered.map(|invoice| Offer::of(invoice, view.day, is_chosen(invoice))).collect();
    let first = invoices.next().filter(|_| offers.is_empty());
    let refused = first.and_then(|invoice| trial(view, actor, &command(invoice)).err());
    (offers, refused)
}

/// Stands for words that are still to be typed.
fn to_be_typed() -> Personal {
    Personal::new("…")
}

/// A dispute of one of these invoices.
pub(super) fn dispute_of<'a>(
    view: &View,
    actor: &Actor,
    invoices: impl Iterator<Item = &'a Invoice> + Clone,
) -> Ask {
    let command = |invoice: &Invoice| Command::OpenDispute {
        invoice: invoice.id.clone(),
        amount: None,
        reason: to_be_typed(),
    };
    let is_offered = |invoice: &Invoice| invoice.dispute.is_none();
    let (offers, refused) = offered(view, actor, invoices, is_offered, |_| false, command);
    let will = vec![
        "A partner at the firm looks into it. Until it is decided, what you dispute is not asked for: no letter \
         and no lock comes of it."
            .to_owned(),
        "What you don't dispute stays due. The due date doesn't change.".to_owned(),
        "If you are right, it is taken off the invoice. If not, it is asked for again, with a reminder of the \
         mildest kind first."
            .to_owned(),
        "Nothing stops you from paying meanwhile.".to_owned(),
    ];
    Ask { will, refused, offers }
}

/// A promise to pay one of these invoices.
pub(super) fn promise_of<'a>(
    view: &View,
    actor: &Actor,
    invoices: impl Iterator<Item = &'a Invoice> + Clone,
    chosen: Option<&InvoiceId>,
) -> Ask {
    let until = promise_until(view);
    let command = |invoice: &Invoice| promise(Some(&invoice.id), until);
    let rules = &view.policy.policy.promise;
    let is_offered = |invoice: &Invoice| invoice.promises < rules.max_per_invoice;
    let is_chosen = |invoice: &Invoice| chosen == Some(&invoice.id);
    let (offers, refused) = offered(view, actor, invoices, is_offered, is_chosen, command);
    let first = chosen.or_else(|| offers.first().and_then(|offer| known(view, &offer.number)));
    let will = vec![
        "Until the end of the day that you name, no letter and no lock comes of what you promise to pay. \
         We confirm the promise by mail."
            .to_owned(),
        after(view, actor, &promise(first, until), until),
        format!(
            "The last day that you can name is {}. You can promise the same invoice {}; a new promise takes the \
             place of the one before.",
            said::day(until),
            times(rules.max_per_invoice)
        ),
    ];
    Ask { will, refused, offers }
}

fn known<'a>(view: &'a View, number: &str) -> Option<&'a InvoiceId> {
    view.loaded.account.invoices.keys().find(|id| id.as_str() == number)
}

fn promise(invoice: Option<&InvoiceId>, until: Day) -> Command {
    Command::MakePromise { invoice: invoice.cloned(), until }
}

/// The last day that a client can name.
pub(super) fn promise_until(view: &View) -> Day {
    plus(view.day, view.policy.policy.promise.max_days)
}

fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        number => format!("{number} times"),
    }
}

/// What the rules do on the day after a promise that wasn't kept.
fn after(view: &View, actor: &Actor, command: &Command, until: Day) -> String {
    let mut account = view.loaded.account.clone();
    let mut promised = BTreeSet::new();
    for event in trial(view, actor, command).unwrap_or_default() {
        if let Event::PromiseBegun { promise, .. } = &event {
            promised = promise.invoices.clone();
        }
        apply(&mut account, &event);
    }
    // Of that debt alone: a letter's link tells nothing of the others.
    let concerns = |invoices: &BTreeSet<InvoiceId>| !promised.is_disjoint(invoices);
    let events = evaluation_on(&account, &view.context(actor), plus(until, 1));
    let mut follows: Vec<String> = Vec::new();
    for event in &events {
        match event {
            Event::Locked { invoices, .. } if concerns(invoices) => {
                follows.push("your portal is locked".to_owned())
            }
            Event::LetterQueued(letter) => {
                if let Content::Debt { parts } = &letter.content
                    && let Some(part) = parts
                        .iter()
                        .filter(|part| concerns(&part.invoices))
                        .max_by_key(|part| part.kind)
                {
                    let kind = domain::letter::LetterKind::from(part.kind);
                    follows.push(format!("we send you a {}", said::words(kind.as_str())));
                }
            }
            _ => {}
        }
    }
    follows.dedup();
    let start = "If it isn't paid by then, the promise is broken and we go on the day after, where we stopped";
    match follows.is_empty() {
        true => format!("{start}."),
        false => format!("{start}: as things stand, {}.", follows.join(" and ")),
    }
}

/// A request for a plan over these invoices.
pub(super) fn plan_of<'a>(
    view: &View,
    actor: &Actor,
    invoices: impl Iterator<Item = &'a Invoice> + Clone,
    chosen: Option<&InvoiceId>,
) -> Ask {
    let command = |invoice: &Invoice| Command::RequestPlan {
        invoices: BTreeSet::from([invoice.id.clone()]),
        wish: to_be_typed(),
    };
    // A plan has one currency: that of the oldest debt is proposed.
    let currency = invoices.clone().next().map(|invoice| invoice.total.currency());
    let is_chosen = |invoice: &Invoice| match chosen {
        Some(chosen) => invoice.id == *chosen,
        None => Some(invoice.total.currency()) == currency && invoice.is_overdue(view.day),
    };
    let (offers, refused) = offered(view, actor, invoices, |_| true, is_chosen, command);
    let grace = view.policy.policy.plan_grace_days;
    let will = vec![
        "A partner at the firm reads what you propose, and decides. Until then nothing changes: what is due stays \
         due, and letters go on."
            .to_owned(),
        "If a partner agrees, we write to you what is to be paid when. As long as you keep to it, no letter and no \
         lock comes of these invoices."
            .to_owned(),
        format!(
            "If an instalment isn't paid{}, the plan ends, and all that is left is asked for again.",
            match grace {
                0 => " on its day".to_owned(),
                days => format!(" within {} of its day", said::count(days as usize, "day")),
            }
        ),
    ];
    Ask { will, refused, offers }
}

/// A dispute that is open.
struct Running {
    number: String,
    since: String,
    amount: String,
    reason: String,
}

#[derive(Template)]
#[template(path = "portal/dispute.html")]
struct DisputePage {
    shell: Shell,
    panel: Panel,
    ask: Ask,
    /// The currencies that an amount can be in.
    currencies: Vec<String>,
    /// The dispute that is open on the invoice asked for.
    running: Option<Running>,
    chosen: Option<String>,
}

/// Something is wrong with an invoice; or the dispute that is open on it.
pub(crate) async fn dispute(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(OfInvoice { invoice }): Query<OfInvoice>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Messages).await?;
    let payable = of_client(&view, invoice.as_ref())?;
    let chosen = invoice.as_ref();
    let one = chosen.and_then(|id| view.loaded.account.invoices.get(id));
    let running = one.and_then(|invoice| Some((invoice, invoice.dispute.as_ref()?)));
    let running = running.map(|(invoice, dispute)| Running {
        number: invoice.id.to_string(),
        since: said::day(dispute.opened_on),
        amount: invoice.disputed().for_person(),
        reason: dispute.reason.as_str().to_owned(),
    });
    let invoices = payable.iter().map(|of| of.invoice);
    let asked = invoices.clone().filter(|known| chosen.is_none_or(|id| known.id == *id));
    let mut ask = dispute_of(&view, &guest.visitor.caller.actor, asked);
    if view.loaded.account.lock.is_some() {
        ask.will.push(
            "Your portal stays locked. An invoice that is in dispute as a whole doesn't stand against opening it."
                .to_owned(),
        );
    }
    let mut currencies: Vec<_> = invoices
        .filter(|known| chosen.is_none_or(|id| known.id == *id))
        .map(|invoice| invoice.total.currency().code().to_owned())
        .collect();
    currencies.sort();
    currencies.dedup();
    let page = DisputePage {
        panel: Panel::of(&view),
        shell: guest.shell("Something is wrong", "overview"),
        ask,
        currencies,
        running,
        chosen: chosen.map(ToString::to_string),
    };
    Ok(render(&page))
}

/// The invoices that are open and out; the one asked for is among them.
fn of_client<'a>(view: &'a View, asked: Option<&InvoiceId>) -> Result<Vec<Payable<'a>>, Problem> {
    let payable = Payable::all(view);
    match asked.is_none_or(|asked| payable.iter().any(|of| of.invoice.id == *asked)) {
        true => Ok(payable),
        false => Err(Problem::not_found("open invoice")),
    }
}

#[derive(Template)]
#[template(path = "portal/promise.html")]
struct PromisePage {
    shell: Shell,
    panel: Panel,
    ask: Ask,
    /// What all that is overdue comes to, where it can be promised as a whole.
    overdue: Option<String>,
    from: String,
    until: String,
}

/// A promise to pay by a day.
pub(crate) async fn promise_page(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(OfInvoice { invoice }): Query<OfInvoice>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Messages).await?;
    let payable = of_client(&view, invoice.as_ref())?;
    let actor = &guest.visitor.caller.actor;
    let mut ask = promise_of(&view, actor, payable.iter().map(|of| of.invoice), invoice.as_ref());
    if view.loaded.account.lock.is_some() {
        ask.will.push(
            "Your portal stays locked. While the promise holds, its invoices don't stand against opening it: you can \
             ask for that."
                .to_owned(),
        );
    }
    let overdue: Vec<_> = payable.iter().filter(|of| of.invoice.is_overdue(view.day)).collect();
    let is_whole =
        1 < overdue.len() && trial(&view, actor, &promise(None, promise_until(&view))).is_ok();
    let sums = said::sums(overdue.iter().map(|of| of.invoice.balance())).join(" and ");
    let page = PromisePage {
        panel: Panel::of(&view),
        shell: guest.shell("Pay later", "overview"),
        overdue: is_whole
            .then(|| format!("Everything overdue: {} invoices, {sums}", overdue.len())),
        from: view.day.to_string(),
        until: promise_until(&view).to_string(),
        ask,
    };
    Ok(render(&page))
}

#[derive(Template)]
#[template(path = "portal/plan.html")]
struct PlanPage {
    shell: Shell,
    panel: Panel,
    ask: Ask,
    /// What was asked for already: when, and in which words.
    asked: Option<(String, String)>,
}

/// A request for a payment plan.
pub(crate) async fn plan(
    guest: Guest,
    Path(client): Path<ClientId>,
    Query(OfInvoice { invoice }): Query<OfInvoice>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Messages).await?;
    let payable = of_client(&view, invoice.as_ref())?;
    let actor = &guest.visitor.caller.actor;
    let mut ask = plan_of(&view, actor, payable.iter().map(|of| of.invoice), invoice.as_ref());
    if view.loaded.account.lock.is_some() {
        ask.will.push(
            "Your portal stays locked. A partner can open it while a plan is kept.".to_owned(),
        );
    }
    let page = PlanPage {
        panel: Panel::of(&view),
        shell: guest.shell("Pay in parts", "overview"),
        asked: plan_asked(&view.loaded.account),
        ask,
    };
    Ok(render(&page))
}

/// The request for a plan that waits for a partner.
pub(super) fn plan_asked(account: &Account) -> Option<(String, String)> {
    account.tasks.values().find_map(|task| match &task.about {
        About::PlanRequest { wish, .. } => {
            Some((said::day(task.opened_on), wish.as_str().to_owned()))
        }
        _ => None,
    })
}

/// The day since which the client's wish to have the portal open waits.
pub(super) fn unlock_asked(account: &Account) -> Option<Day> {
    let own = account.tasks.values().find(|task| matches!(task.about, About::UnlockAsked { .. }));
    own.map(|task| task.opened_on).or_else(|| account.request.as_ref().map(|request| request.on))
}

#[derive(Template)]
#[template(path = "portal/unlock.html")]
struct UnlockPage {
    shell: Shell,
    panel: Panel,
    will: Vec<String>,
    refused: Option<String>,
    pay: Vec<PayNow>,
    asked: Option<String>,
}

/// A wish to have the portal opened.
pub(crate) async fn unlock(
    guest: Guest,
    Path(client): Path<ClientId>,
) -> Result<Response, Failure> {
    let view = guest.visitor.view_for(&client, Capability::Messages).await?;
    let (account, actor) = (&view.loaded.account, &guest.visitor.caller.actor);
    let command = Command::AskForUnlock { words: Personal::default() };
    let test =
        account.unlock_test(&view.policy.policy, &view.lock_policy().policy.unlock, view.day);
    let open = account.open_invoices().filter(|invoice| test.open.contains(&invoice.id));
    let open = said::sums(open.map(Invoice::balance)).join(" and ");
    let now = match open.is_empty() {
        true => "Nothing overdue stands against it now.".to_owned(),
        false => format!(
            "When a partner approves it, nothing may be overdue. Now {open} is, so pay that first or with it."
        ),
    };
    let will = vec![
        "Somebody at the firm is told that you ask. A billing lead takes it up and a partner decides, usually \
         within two business days."
            .to_owned(),
        now,
        "We write to you as soon as your portal is open. Nothing else changes.".to_owned(),
    ];
    let page = UnlockPage {
        refused: trial(&view, actor, &command).err(),
        pay: PayNow::of(&Payable::all(&view), &view),
        asked: unlock_asked(account).filter(|_| account.lock.is_some()).map(said::day),
        panel: Panel::of(&view),
        shell: guest.shell("Ask to open the portal", "overview"),
        will,
    };
    Ok(render(&page))
}
