//! Links to pay with: one to copy, shown once, or one that is mailed; and those that are good (LET-7).

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use domain::id::{ClientId, InvoiceId};
use services::execute::View;
use services::office::pay_links::{KEEPERS, LinkRow, can_be_linked, links};
use services::portal::Life;

use super::act::{self, Act};
use super::client::{Head, titled};
use super::letters::LetterLine;
use super::{client_path, segment};
use crate::extract::Path;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

#[derive(Template)]
#[template(path = "console/client/links.html")]
struct LinksPage {
    shell: Shell,
    head: Head,
    api: String,
    /// A link that was just made, for this once.
    shown: Option<String>,
    invoices: Vec<(String, String)>,
    addresses: Vec<String>,
    is_stopped: bool,
    may_make: bool,
    rows: Vec<Row>,
}

/// A link in the list.
struct Row {
    made_on: String,
    made_by: String,
    letter: Option<LetterLine>,
    invoices: String,
    pill: &'static str,
    state: String,
    take_back: Option<String>,
}

impl Row {
    fn of(visit: &Visit, view: &View, row: &LinkRow) -> Self {
        let client = &view.loaded.account.client;
        let (pill, state) = match row.life {
            Life::WhileOpen => ("open", "Good".to_owned()),
            Life::Until(last) if row.life.is_good(view.day) => {
                ("open", format!("Good until {}", said::day(last)))
            }
            Life::Until(last) => ("other", format!("Over since {}", said::day(last))),
            Life::TakenBack => ("on_hold", "Taken back".to_owned()),
        };
        let is_good = row.life.is_good(view.day) && visit.may(KEEPERS);
        Self {
            made_on: said::day(row.link.made_on),
            made_by: row
                .link
                .made_by
                .as_ref()
                .map_or_else(|| "in a letter".to_owned(), |by| format!("made by {by}")),
            letter: row.letter.as_ref().map(|letter| LetterLine::of(client, letter)),
            invoices: listed(&row.link.invoices),
            pill,
            state,
            take_back: is_good
                .then(|| format!("{}/links/{}", client_path(client), segment(&row.link.hash))),
        }
    }
}

fn listed(invoices: &BTreeSet<InvoiceId>) -> String {
    invoices.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

pub(crate) async fn show(visit: Visit, Path(client): Path<ClientId>) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let account = &view.loaded.account;
    let payable = can_be_linked(&view);
    let known = account.open_invoices().filter(|invoice| payable.contains(&invoice.id));
    let mut known: Vec<_> = known.collect();
    known.sort_by(|a, b| (a.due_on, &a.id).cmp(&(b.due_on, &b.id)));
    let label = |invoice: &&domain::invoice::Invoice| {
        let (balance, due) = (invoice.balance().for_person(), said::day(invoice.due_on));
        (invoice.id.to_string(), format!("{}: {balance}, due {due}", invoice.id))
    };
    let reachable = account.profile.contacts.iter().filter(|contact| !contact.is_bounced);
    let rows = links(&visit.desk.firm, &view).await?;
    let shell = titled(&visit, &view, "Pay links");
    let page = LinksPage {
        head: Head::of(account, "links"),
        api: format!("/firm/v1/clients/{}/pay-links", segment(client.as_str())),
        shown: shell.flash.as_ref().and_then(|flash| flash.shown.clone()),
        invoices: known.iter().map(label).collect(),
        addresses: reachable.map(|contact| contact.address.as_str().to_owned()).collect(),
        is_stopped: account.hard_stop.is_some(),
        may_make: visit.may(KEEPERS),
        rows: rows.iter().map(|row| Row::of(&visit, &view, row)).collect(),
        shell,
    };
    Ok(render(&page))
}

/// The page on which a link is taken back.
pub(crate) async fn take_back(
    visit: Visit,
    Path((client, link)): Path<(ClientId, String)>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let missing = || Failure::not_found("There is no such link.".to_owned());
    let found = visit.desk.store().pay_link(&client, &link).await?.ok_or_else(missing)?;
    let about = match found.letter {
        None => {
            "Whoever has its address sees nothing any more, and can't pay by it. What was paid stays paid."
        }
        Some(_) => {
            "It stands in a letter that was sent: whoever presses its button sees nothing any more. What was paid stays paid."
        }
    };
    let title = format!("Take back the link to {}", listed(&found.invoices));
    let action =
        format!("/firm/v1/clients/{}/pay-links/{}", segment(client.as_str()), segment(&found.hash));
    let act = Act::new(title, about, "Take it back", action)
        .grave()
        .deletes()
        .said("The link is taken back.");
    let act = match (visit.may(KEEPERS), found.revoked_at) {
        (false, _) => act.refused("An admin, a billing lead or a partner takes links back"),
        (true, Some(_)) => act.refused("It was taken back already"),
        (true, None) => act,
    };
    Ok(act::shown(&visit, &view, act, format!("{}/links", client_path(&client))))
}
