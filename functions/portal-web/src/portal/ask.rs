//! What a client can say about its debt, each on a page of its own that first says what will happen (DIS-1,
//! PROM-1, PLAN-1, UNL-1): what rests, until when, and what follows if it isn't kept.
//!
//! Whether a thing can be done now is asked of the rules, on a copy of the account; the page of a letter's link
//! ([`super::letter`]) says the same of its own debt.

use askama::Template;
use axum::response::Response;
use domain::access::Capability;
use domain::account::Account;
use domain::calendar::Day;
use domain::command::Command;
use domain::id::{ClientId, InvoiceId};
use domain::invoice::Invoice;
use domain::task::About;
use domain::text::Personal;
use serde::Deserialize;
use services::execute::View;
use services::http::Problem;
use services::portal::Payable;

use super::dashboard::{Panel, PayNow};
use super::foretell::{Ask, dispute_of, plan_of, promise, promise_of, promise_until, trial};
use super::{Guest, Shell};
use crate::extract::{Path, Query};
use crate::page::{Failure, render};
use crate::said;

/// Which invoice a page is about, where it is about one.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct OfInvoice {
    invoice: Option<InvoiceId>,
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
    if view.loaded.account.is_locked() {
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
    let overdue: Vec<_> = payable.iter().filter(|of| of.invoice.is_overdue(view.day)).collect();
    let whole = promise(None, promise_until(&view));
    let is_whole = invoice.is_none() && 1 < overdue.len() && trial(&view, actor, &whole).is_ok();
    let invoices = payable.iter().map(|of| of.invoice);
    let mut ask = promise_of(&view, actor, invoices, invoice.as_ref(), is_whole);
    if view.loaded.account.is_locked() {
        ask.will.push(
            "Your portal stays locked. While the promise holds, its invoices don't stand against opening it: you can \
             ask for that."
                .to_owned(),
        );
    }
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
    if view.loaded.account.is_locked() {
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
    let test = view.test_of_request();
    let open = account.open_invoices().filter(|invoice| test.open.contains(&invoice.id));
    let open = said::sums(open.map(Invoice::balance)).join(" and ");
    let now = match open.is_empty() {
        true => "Nothing overdue stands against it now.".to_owned(),
        false => format!(
            "When a partner approves it, nothing may be overdue any more. Now {open} is overdue: pay that first, \
             or right after you ask."
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
        asked: unlock_asked(account).filter(|_| account.is_locked()).map(said::day),
        panel: Panel::of(&view),
        shell: guest.shell("Ask to open the portal", "overview"),
        will,
    };
    Ok(render(&page))
}
