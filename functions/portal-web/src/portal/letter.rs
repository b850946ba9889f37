//! The page behind a letter's link, without signing in: that debt and no more (LET-7). Neither the client's
//! other invoices nor its lock, credit or people are on it.

use askama::Template;
use axum::extract::State as Shared;
use axum::response::Response;
use domain::policy::UnlockMode;
use domain::role::Actor;
use domain::task::About;
use services::execute::View;
use services::http::Problem;
use services::portal::Holder;
use store::Checkout;

use super::checkout::{GoPage, Paying, ResultPage};
use super::dashboard::PayNow;
use super::foretell::{Ask, dispute_of, plan_of, promise_of, promise_until};
use super::invoices::Row;
use super::{Shell, Stranger, sending_on};
use crate::extract::Path;
use crate::page::{Failure, render};
use crate::{State, said};

#[derive(Template)]
#[template(path = "portal/letter.html")]
struct LetterPage {
    shell: Shell,
    client: String,
    token: String,
    invoices: Vec<Row>,
    open: Vec<String>,
    pay: Vec<PayNow>,
    postal_address: Option<String>,
    promise: Ask,
    /// The last day that a promise can name.
    promise_until: String,
    promise_from: String,
    plan: Ask,
    plan_asked: Option<String>,
    dispute: Ask,
    currencies: Vec<String>,
    /// How long a message may be.
    max_length: usize,
}

/// The debt.
pub(crate) async fn show(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Path(token): Path<String>,
) -> Result<Response, Failure> {
    let holder = hold(&state, &stranger, &token).await?;
    let (view, payable) = (&holder.view, holder.payable());
    let row = |invoice: &domain::invoice::Invoice| {
        let of = payable.iter().find(|of| of.invoice.id == invoice.id);
        // As if there were no lock: that is not the link's to tell.
        let status = invoice.status(view.day).as_str();
        Row { status, status_name: said::words(status), ..Row::of(view, invoice, of) }
    };
    let actor = Actor::Link;
    let open = || payable.iter().map(|of| of.invoice);
    let mut currencies: Vec<_> =
        open().map(|invoice| invoice.total.currency().code().to_owned()).collect();
    currencies.sort();
    currencies.dedup();
    let page = LetterPage {
        client: view.loaded.account.profile.name.as_str().to_owned(),
        invoices: holder.invoices.iter().map(row).collect(),
        open: said::sums(holder.invoices.iter().map(|invoice| invoice.balance())),
        pay: PayNow::of(&payable, view),
        postal_address: holder.firm.settings().postal_address.clone(),
        promise_from: view.day.to_string(),
        promise_until: promise_until(view).to_string(),
        promise: promise_of(view, &actor, open(), None, false),
        plan: plan_of(view, &actor, open(), None),
        plan_asked: plan_asked(&holder),
        dispute: dispute_of(view, &actor, open()),
        currencies,
        max_length: domain::text::MAX_TEXT_BYTES,
        shell: stranger.shell(&holder.firm, "What you owe", view.day),
        token,
    };
    Ok(stranger.keep(render(&page)))
}

/// Since when a plan is asked for, over nothing but this debt.
fn plan_asked(holder: &Holder) -> Option<String> {
    let tasks = holder.view.loaded.account.tasks.values();
    let mut own = tasks.filter(|task| {
        matches!(&task.about, About::PlanRequest { invoices, .. } if invoices.is_subset(&holder.link.invoices))
    });
    own.next().map(|task| said::day(task.opened_on))
}

async fn hold(state: &State, stranger: &Stranger, token: &str) -> Result<Holder, Failure> {
    Ok(state.portal.hold(token, Some(stranger.request_id.clone())).await?)
}

async fn found(holder: &Holder, token: &str, id: &str) -> Result<(Checkout, Paying), Failure> {
    let known = holder.firm.store().checkout(&holder.link.client, id).await?;
    // Another link's, or a contact's, is none here.
    let known = known.filter(|known| known.link.as_deref() == Some(&*holder.link.hash));
    let known = known.ok_or_else(|| Problem::not_found("payment"))?;
    let name = holder.view.loaded.account.profile.name.as_str().to_owned();
    let again = format!("/portal/v1/links/{token}/checkouts/{id}/return");
    let paying = Paying::of(&known, name, again, format!("/l/{token}"));
    let opening = Some(opening(&holder.view).to_owned());
    Ok((known, Paying { opening, ..paying }))
}

/// What opens a portal, said alike whether it is locked or not: which it is, is not the link's to tell.
fn opening(view: &View) -> &'static str {
    match view.policy.policy.unlock.mode {
        UnlockMode::Approval => {
            "If the client portal is locked for what was overdue, a person at the firm opens it once nothing is overdue \
             any more, usually within two business days; we write as soon as it is open."
        }
        UnlockMode::OnPayment => {
            "If the client portal is locked for what was overdue, it opens by itself as soon as nothing is overdue any more."
        }
    }
}

/// On to the gateway's page.
pub(crate) async fn go(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Path((token, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let holder = hold(&state, &stranger, &token).await?;
    let (checkout, paying) = found(&holder, &token, &id).await?;
    let page = checkout.page.filter(|_| checkout.told.is_none() && !checkout.is_replaced);
    let page = page.ok_or_else(|| Problem::not_found("page to pay on"))?;
    let shell = stranger.shell(&holder.firm, "On to the payment page", holder.view.day);
    let shell = Shell { refresh: Some(page.url.clone()), ..shell };
    let shown = render(&GoPage { shell, paying, url: page.url.clone() });
    Ok(sending_on(shown, &page.url))
}

/// What came of it.
pub(crate) async fn result(
    Shared(state): Shared<State>,
    stranger: Stranger,
    Path((token, id)): Path<(String, String)>,
) -> Result<Response, Failure> {
    let holder = hold(&state, &stranger, &token).await?;
    let (_, paying) = found(&holder, &token, &id).await?;
    let shell = stranger.shell(&holder.firm, "Your payment", holder.view.day);
    Ok(render(&ResultPage { shell, paying }))
}
