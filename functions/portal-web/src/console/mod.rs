//! The console: what staff see. One module per page; what they do is in [`act`].

mod act;
mod change;
mod client;
mod clients;
mod clock;
mod concerns;
mod contacts;
mod credit_note;
mod deletions;
mod field;
mod frame;
mod gateways;
mod import;
mod invoice_acts;
mod ledger;
mod letters;
mod links;
mod mail_domain;
mod mailbox;
mod mails;
mod messages;
mod new_invoice;
mod notes;
mod numbering;
mod overview;
mod papers;
mod payment_acts;
mod people;
mod plan;
mod policies;
mod previews;
mod put_in;
mod reports;
pub(crate) mod runs;
mod settings;
mod task_acts;
mod tasks;
mod trial;
mod unclaimed;
mod unlock;
mod wording;

use axum::routing::{get, post};
use axum::{Extension, Router, middleware};
use domain::id::ClientId;
use domain::money::Money;
use services::execute::View;
use services::http::form::with_forms;
use services::office::door::MAX_BODY;
use services::office::{BodyLimit, open_door};
use store::{ClientRow, PageRequest, Store};

use crate::State;
use crate::page::Failure;
use crate::said;

/// Where a test firm's clock is moved.
const MOVES: &str = "/console/clock/moves";

/// How many clients lists and counts look at: some 5 000 are 1 MB of the index, and a firm with more
/// searches by the API.
const MAX_CLIENTS: usize = 5_000;

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/console", get(overview::show))
        .route("/console/clients", get(clients::show))
        .route("/console/new-client", get(put_in::client))
        .route("/console/clients/{client}", get(client::summary))
        .route("/console/clients/{client}/invoices", get(client::invoices))
        .route("/console/clients/{client}/payments", get(client::payments))
        .route("/console/clients/{client}/letters", get(letters::list))
        .route("/console/clients/{client}/letters/{letter}", get(letters::one))
        .route("/console/clients/{client}/letters/{letter}/html", get(letters::html))
        .route("/console/clients/{client}/letters/{letter}/pdf", get(papers::letter))
        .route("/console/clients/{client}/statement", get(papers::statement))
        .route("/console/clients/{client}/statement/file", get(papers::statement_file))
        .route("/console/clients/{client}/referral", get(papers::refer))
        .route("/console/clients/{client}/referral/file", get(papers::referral_file))
        .route("/console/clients/{client}/history", get(client::history))
        .route("/console/clients/{client}/notes", get(notes::show))
        .route("/console/clients/{client}/messages", get(messages::show))
        .route("/console/clients/{client}/contacts", get(contacts::show))
        .route("/console/clients/{client}/contacts/invite", get(contacts::invite))
        .route("/console/clients/{client}/contacts/remove", get(contacts::remove))
        .route("/console/clients/{client}/contacts/{contact}/{act}", get(contacts::on_contact))
        .route("/console/clients/{client}/plan", get(plan::show))
        .route("/console/clients/{client}/links", get(links::show))
        .route("/console/clients/{client}/links/{link}", get(links::take_back))
        .route("/console/clients/{client}/do/{act}", get(act::on_client))
        .route("/console/clients/{client}/do/change", get(change::show))
        .route("/console/clients/{client}/do/invoice", get(new_invoice::show))
        .route("/console/clients/{client}/do/credit-note", get(credit_note::on_client))
        .route("/console/clients/{client}/payments/{payment}/do/refund", get(payment_acts::refund))
        .route(
            "/console/clients/{client}/payments/{payment}/do/return",
            get(payment_acts::took_back),
        )
        .route(
            "/console/clients/{client}/invoices/{invoice}/do/credit-note",
            get(credit_note::on_invoice),
        )
        .route(
            "/console/clients/{client}/invoices/{invoice}/do/{act}",
            get(invoice_acts::on_invoice),
        )
        .route("/console/unlock", get(unlock::queue))
        .route("/console/unlock/{request}", get(unlock::request))
        .route("/console/tasks", get(tasks::show))
        .route(concerns::PATH, get(concerns::show))
        .route("/console/unclaimed", get(unclaimed::list))
        .route("/console/unclaimed/{payment}", get(unclaimed::payment))
        .route("/console/reports", get(reports::show))
        .route("/console/reports/kpi.csv", get(reports::kpi_file))
        .route("/console/reports/aging.csv", get(reports::aging_file))
        .route(deletions::PATH, get(deletions::list))
        .route("/console/runs", get(runs::list))
        .route("/console/runs/{day}", get(runs::show))
        .route("/console/runs/{day}/do/{act}", get(runs::act))
        .route("/console/settings", get(settings::show))
        .route(runs::STOP_PATH, get(runs::stop))
        .route("/console/settings/mail-domain", get(mail_domain::show))
        .route(gateways::PATH, get(gateways::list))
        .route("/console/settings/gateways/new/{gateway}", get(gateways::begin))
        .route("/console/settings/gateways/{endpoint}", get(gateways::show))
        .route("/console/settings/gateways/{endpoint}/{act}", get(gateways::act))
        .route("/console/settings/ledger", get(ledger::show))
        .route("/console/settings/numbering", get(numbering::show))
        .route("/console/settings/letters", get(wording::list))
        .route("/console/settings/letters/named", get(wording::named))
        .route("/console/settings/letters/{kind}", get(wording::show).post(wording::look))
        .route("/console/settings/letters/{kind}/view", get(wording::view).post(wording::try_out))
        .route("/console/settings/new-policy", get(policies::begin))
        .route("/console/settings/policies/{class}", get(policies::show))
        .route("/console/settings/policies/{class}/edit", get(policies::edit::show))
        .route(
            "/console/settings/policies/{class}/check",
            get(policies::edit::show).post(policies::edit::check),
        )
        .route("/console/settings/policies/{class}/shadow/{day}", get(policies::shadow_day))
        .route("/console/settings/policies/{class}/versions/{version}/do/{act}", get(policies::act))
        .route("/console/previews/{preview}", get(previews::show))
        .route("/console/previews/{preview}/clients.csv", get(previews::csv))
        .route("/console/import", get(import::show))
        .route("/console/import/{run}", get(import::run))
        .route("/console/clock", get(clock::show))
        .route("/console/mails", get(mails::list))
        .route("/console/mails/{mail}", get(mails::mail))
        .route("/console/mailbox", get(mailbox::list))
        .route("/console/mailbox/{letter}", get(mailbox::letter))
}

/// The acts that no other function owns: moving a test firm's clock, and news of its letters that are made up.
/// They pass the same door.
pub(crate) fn acts(state: &State) -> Router<State> {
    let door =
        middleware::from_fn_with_state((state.office.clone(), BodyLimit(MAX_BODY)), open_door);
    let acts = Router::new()
        .route(MOVES, post(clock::begin))
        .route(mailbox::NEWS, post(mailbox::hear))
        .route(mailbox::ANSWERS, post(mailbox::answer))
        .layer(door)
        .layer(Extension(state.clone()));
    let acts = with_forms(acts);
    Router::new()
        .route_service(MOVES, acts.clone())
        .route_service(mailbox::NEWS, acts.clone())
        .route_service(mailbox::ANSWERS, acts)
}

/// All clients in a list, as far as lists go; and whether that was all.
async fn all_clients(store: &Store) -> Result<(Vec<ClientRow>, bool), Failure> {
    let mut rows = Vec::new();
    let mut cursor = None;
    while rows.len() < MAX_CLIENTS {
        let page = PageRequest { cursor: cursor.as_deref(), limit: store::MAX_PAGE };
        let listed = store.clients(None, &page).await?;
        rows.extend(listed.items);
        cursor = listed.next;
        if cursor.is_none() {
            return Ok((rows, true));
        }
    }
    Ok((rows, false))
}

/// What a client owes, and of that what is overdue: a text for each currency.
struct Owed {
    balance: Vec<String>,
    overdue: Vec<String>,
    credit: Vec<String>,
}

impl Owed {
    fn of(view: &View) -> Self {
        let account = &view.loaded.account;
        let posted = || account.open_invoices().filter(|invoice| invoice.is_posted(view.day));
        let overdue = posted().filter(|invoice| invoice.is_overdue(view.day));
        Self {
            balance: said::sums(posted().map(|invoice| invoice.balance())),
            overdue: said::sums(overdue.map(|invoice| invoice.balance())),
            credit: said::sums(account.credits.values().map(|credit| credit.amount)),
        }
    }
}

/// Where a client's pages begin.
fn client_path(client: &ClientId) -> String {
    format!("/console/clients/{}", segment(client.as_str()))
}

/// A name as a part of an address.
fn segment(name: &str) -> String {
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// Money, or a dash for none.
fn money_or_dash(money: Money) -> String {
    if money.is_zero() { "–".to_owned() } else { money.for_person() }
}
