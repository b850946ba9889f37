//! A client's addresses, and the people behind them who come to its portal: who was invited, who came, who is
//! signed in; and what keeps somebody out (SEC-3).

use askama::Template;
use axum::response::Response;
use domain::id::{ClientId, ContactId};
use serde::Deserialize;
use services::contacts::{AddressRow, KEEPERS, Person, addresses, of_client};
use services::execute::View;
use store::{ContactLinkKind, ContactMail, ContactState, DeliveryState};

use super::act::{self, Act, Deed, Field, FieldKind};
use super::client::{Head, titled};
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

#[derive(Template)]
#[template(path = "console/client/contacts.html")]
struct ContactsPage {
    shell: Shell,
    head: Head,
    rows: Vec<Row>,
    may_keep: bool,
}

/// An address.
struct Row {
    address: String,
    is_bounced: bool,
    is_listed: bool,
    who: Option<Who>,
    deeds: Vec<Deed>,
}

/// Who comes by it.
struct Who {
    called: String,
    pill: &'static str,
    state: String,
    others: usize,
    mail: Option<String>,
}

impl Row {
    fn of(visit: &Visit, view: &View, row: &AddressRow) -> Self {
        let address = row.address.as_str().to_owned();
        let deeds = match visit.may(KEEPERS) {
            true => deeds(&view.loaded.account.client, row),
            false => Vec::new(),
        };
        Self {
            address,
            is_bounced: row.is_bounced,
            is_listed: row.is_listed,
            who: row.person.as_ref().map(|person| Who::of(visit, person)),
            deeds,
        }
    }
}

fn deeds(client: &ClientId, row: &AddressRow) -> Vec<Deed> {
    let begin = format!("{}/contacts", client_path(client));
    let address = segment(row.address.as_str());
    let deed = |name, path: String, is_grave| Deed { name, path, is_grave };
    let mut deeds = Vec::new();
    match &row.person {
        None if !row.is_bounced => {
            deeds.push(deed("Invite", format!("{begin}/invite?address={address}"), false));
        }
        None => {}
        Some(person) => {
            let path = |act: &str| format!("{begin}/{}/{act}", segment(person.contact.id.as_str()));
            if person.contact.facts.state != ContactState::Active && !row.is_bounced {
                deeds.push(deed("Invite again", path("invite-again"), false));
            }
            if 0 < person.sessions {
                deeds.push(deed("Sign out everywhere", path("end-sessions"), false));
            }
            deeds.push(deed("Take access away", path("withdraw"), true));
        }
    }
    if row.is_listed {
        deeds.push(deed("Remove address", format!("{begin}/remove?address={address}"), true));
    }
    deeds
}

impl Who {
    fn of(visit: &Visit, person: &Person) -> Self {
        let facts = &person.contact.facts;
        let (pill, state) = match (facts.state, person.sessions) {
            (ContactState::Invited, _) => ("asked", "Invited, never came".to_owned()),
            (ContactState::Active, 0) => ("open", "Can sign in".to_owned()),
            (ContactState::Active, open) => {
                ("open", format!("Signed in on {}", said::count(open, "machine")))
            }
            (ContactState::Ended, _) => ("on_hold", "May not sign in".to_owned()),
        };
        Self {
            called: facts.called.as_str().to_owned(),
            pill,
            state,
            others: facts.clients.len().saturating_sub(1),
            mail: person.mail.as_ref().map(|mail| told(visit, mail)),
        }
    }
}

/// The last letter with a link, and what became of it.
fn told(visit: &Visit, mail: &ContactMail) -> String {
    let what = match mail.kind {
        ContactLinkKind::Invitation => "Invitation",
        ContactLinkKind::SignIn => "Sign-in link",
    };
    let zone = visit.desk.firm.settings().zone;
    // These run by the machine's own clock, also where a test firm's stands still.
    let when = mail.asked_at.with_timezone(&zone).format("%b %-d, %Y %H:%M");
    let outcome = match &mail.outcome {
        Some(_) if mail.heard.most().is_some() => {
            mail.heard.most().map_or_else(String::new, |(kind, _)| said::heard(kind).to_owned())
        }
        None => "waits to be sent".to_owned(),
        Some(outcome) => match (outcome.state, &outcome.problem) {
            (DeliveryState::Sent, _) => "sent".to_owned(),
            (DeliveryState::Failed, Some(problem)) => format!("not delivered: {problem}"),
            (DeliveryState::Failed, None) => "not delivered".to_owned(),
            (DeliveryState::Uncertain, _) => "may not have left".to_owned(),
        },
    };
    format!("{what} of {when}: {outcome}")
}

pub(crate) async fn show(visit: Visit, Path(client): Path<ClientId>) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let known = addresses(&visit.desk.firm, &view, visit.desk.now).await?;
    let page = ContactsPage {
        head: Head::of(&view.loaded.account, "contacts"),
        rows: known.iter().map(|row| Row::of(&visit, &view, row)).collect(),
        may_keep: visit.may(KEEPERS),
        shell: titled(&visit, &view, "Contacts"),
    };
    Ok(render(&page))
}

/// Which address.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct WhichAddress {
    #[serde(default)]
    address: String,
}

fn api(client: &ClientId) -> String {
    format!("/firm/v1/clients/{}/contacts", segment(client.as_str()))
}

fn back(client: &ClientId) -> String {
    format!("{}/contacts", client_path(client))
}

/// The page on which somebody is invited.
pub(crate) async fn invite(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(which): Query<WhichAddress>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let act = Act::new(
        format!("Invite somebody for {}", view.loaded.account.profile.name.as_str()),
        "A letter with a link goes to the address. The link works once, for a week; whoever uses it sees this client's invoices and pays them. \
         An address that is new here is added: the client's letters may go there too. Somebody who comes already for another client \
         needs no letter and sees this one as well.",
        "Invite",
        api(&client),
    )
    .field(Field::new("called", "Name", FieldKind::Line).hint("As letters greet the person."))
    .field(Field::new("address", "E-mail address", FieldKind::Line).value(which.address))
    .said("Invited. Whoever never came gets a letter with a link.");
    keeper(&visit, &view, act, &client)
}

/// The page on which an address is removed.
pub(crate) async fn remove(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(which): Query<WhichAddress>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let contacts = &view.loaded.account.profile.contacts;
    let is_there = contacts.iter().any(|known| known.address.as_str() == which.address);
    if !is_there {
        return Err(Failure::not_found("The client has no such address.".to_owned()));
    }
    let about = match contacts.len() {
        1 => {
            "It is the only one: without an address no letter is sent and nothing locks by itself. Whoever comes to the portal by it comes for this client no more."
        }
        _ => {
            "No letter goes there any more. Whoever comes to the portal by it comes for this client no more, from the next click on."
        }
    };
    let action = format!("{}?address={}", api(&client), segment(&which.address));
    let act = Act::new(format!("Remove {}", which.address), about, "Remove address", action)
        .grave()
        .deletes()
        .said("The address is removed.");
    keeper(&visit, &view, act, &client)
}

/// The pages of what is done with somebody who comes.
pub(crate) async fn on_contact(
    visit: Visit,
    Path((client, contact, name)): Path<(ClientId, ContactId, String)>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let person = of_client(&visit.desk.firm, &client, &contact).await?;
    let called = person.facts.called.as_str();
    let api = format!("{}/{}", api(&client), segment(contact.as_str()));
    let act = match name.as_str() {
        "invite-again" => Act::new(
            format!("Write to {called} once more"),
            "Another letter with a link goes to the address. It works once, for a week, and so do those of before.",
            "Send it again",
            format!("{api}/invitations"),
        )
        .said("Another invitation is on its way."),
        "end-sessions" => Act::new(
            format!("Sign {called} out everywhere"),
            "Every browser in which this person is signed in is signed out, for all their clients, and links that were mailed open nothing any more. \
             They may sign in again.",
            "Sign out",
            format!("{api}/end-sessions"),
        )
        .said("Signed out everywhere."),
        "withdraw" => Act::new(
            format!("Take {called}'s access to this client away"),
            "This person comes to this client's portal no more, from the next click on. Other clients stay as they are. Letters still go to the address.",
            "Take access away",
            api,
        )
        .grave()
        .deletes()
        .said("They come for this client no more."),
        _ => return Err(Failure::not_found("There is no such act.".to_owned())),
    };
    keeper(&visit, &view, act, &client)
}

fn keeper(visit: &Visit, view: &View, act: Act, client: &ClientId) -> Result<Response, Failure> {
    let act = match visit.may(KEEPERS) {
        true => act,
        false => act.refused("An admin, a billing lead or a partner keeps the contacts"),
    };
    Ok(act::shown(visit, view, act, back(client)))
}
