//! What a member of staff is told by mail: the choice of it, and the mails of before (STAFF-1).

use askama::Template;
use axum::response::Response;
use serde::Deserialize;
use store::{DeliveryState, Mails, PageRequest, StaffMail};

use super::act::{Act, Field, FieldKind};
use super::segment;
use crate::extract::{Path, Query};
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many mails stand on one page: a month's digests.
const PER_PAGE: u32 = 25;

/// Where the pages are.
const PATH: &str = "/console/mails";

/// Where the list goes on.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Place {
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "console/mails.html")]
struct MailsPage {
    shell: Shell,
    address: Option<String>,
    comes_back: bool,
    act: Act,
    back: &'static str,
    rows: Vec<Row>,
    next: Option<String>,
    is_first: bool,
}

#[derive(Template)]
#[template(path = "console/mail.html")]
struct MailPage {
    shell: Shell,
    row: Row,
    to: Option<String>,
    text: String,
}

/// A mail in the list.
struct Row {
    path: String,
    subject: String,
    when: String,
    state: &'static str,
    problem: Option<String>,
}

impl Row {
    fn of(visit: &Visit, mail: &StaffMail) -> Self {
        let made_at = mail.made_at.with_timezone(&visit.desk.firm.settings().zone);
        let outcome = mail.outcome.as_ref();
        Self {
            path: format!("{PATH}/{}", segment(&mail.id)),
            subject: mail.subject.as_str().to_owned(),
            when: made_at.format("%b %-d, %Y %H:%M").to_string(),
            state: match (mail.heard.most(), outcome.map(|outcome| outcome.state)) {
                (Some((kind, _)), _) => said::heard(kind),
                (None, None) => "waiting",
                (None, Some(DeliveryState::Sent)) => "sent",
                (None, Some(DeliveryState::Failed)) => "not sent",
                (None, Some(DeliveryState::Uncertain)) => "perhaps sent",
            },
            problem: outcome.and_then(|outcome| outcome.problem.clone()),
        }
    }
}

fn choice(mails: Mails) -> Act {
    let options = Mails::ALL.map(|mails| {
        let label = match mails {
            Mails::All => "At once what I have to decide, and one digest a working day",
            Mails::Digest => "One digest a working day",
            Mails::Off => "No mails",
        };
        (mails.as_str().to_owned(), label.to_owned())
    });
    let field = Field::new("mails", "Send me", FieldKind::Choice(options.to_vec()));
    Act::new("Which mails I get", "", "Save", "/firm/v1/me/mails".to_owned())
        .method("put")
        .field(field.value(mails.as_str()))
        .said("Your choice is saved.")
}

pub(crate) async fn list(visit: Visit, Query(place): Query<Place>) -> Result<Response, Failure> {
    let (store, staff) = (visit.desk.store(), visit.desk.staff());
    let request = PageRequest { cursor: place.cursor.as_deref(), limit: PER_PAGE };
    let listed = store.staff_mails(staff, &request).await?;
    let grant = store.grant(visit.desk.principal.grant.subject.as_str()).await?;
    let address = grant.and_then(|grant| grant.mail);
    let returned = store.mails_returned(staff).await?;
    let page = MailsPage {
        comes_back: returned.is_some_and(|known| Some(&known.address) == address.as_ref()),
        address: address.map(|mail| mail.as_str().to_owned()),
        act: choice(store.mail_choice(staff).await?),
        back: "/console/tasks",
        rows: listed.items.iter().map(|mail| Row::of(&visit, mail)).collect(),
        next: listed.next.map(|cursor| format!("?cursor={}", segment(&cursor))),
        is_first: place.cursor.is_none(),
        shell: visit.shell("Your mails", "mails"),
    };
    Ok(render(&page))
}

pub(crate) async fn mail(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let mail = visit.desk.store().staff_mail(visit.desk.staff(), &id).await?;
    let mail = mail.ok_or_else(|| Failure::not_found("There is no such mail.".to_owned()))?;
    let page = MailPage {
        row: Row::of(&visit, &mail),
        to: mail.to.map(|to| to.as_str().to_owned()),
        text: mail.text.as_str().to_owned(),
        shell: visit.shell(mail.subject.as_str(), "mails"),
    };
    Ok(render(&page))
}
