//! A client that the firm puts in by hand. Most come by import.

use askama::Template;
use axum::response::Response;

use super::act::{Act, BOOKKEEPERS, Field, FieldKind};
use super::change::{class, classes, currency, engagement, language};
use crate::page::{Failure, Shell, Visit, render};

#[derive(Template)]
#[template(path = "console/new_client.html")]
struct NewClientPage {
    shell: Shell,
    act: Act,
    then: &'static str,
    back: &'static str,
    may_put_in: bool,
}

pub(crate) async fn client(visit: Visit) -> Result<Response, Failure> {
    let classes = classes(&visit).await?;
    let code = visit.desk.firm.settings().currency.code();
    let act = Act::new(
        "New client",
        "An account to bill. Letters go to its address; without one, nothing locks by itself. No letter is sent now.",
        "Open the account",
        "/firm/v1/clients".to_owned(),
    )
    .field(Field::new("name", "Name", FieldKind::Line).hint("As it stands on letters."))
    .field(Field::new("contacts[0].address", "E-mail address", FieldKind::Line).optional())
    .field(Field::new("client", "Id", FieldKind::Line).optional().hint("As your ledger names it; made, if left empty."))
    .field(class(classes).value("default"))
    .field(currency().value(code))
    .field(language("language"))
    .said("The account is open.");
    let act = engagement().into_iter().fold(act, Act::field);
    Ok(render(&NewClientPage {
        act,
        then: "/console/clients/{made}",
        back: "/console/clients",
        may_put_in: visit.may(BOOKKEEPERS),
        shell: visit.shell("New client", "clients"),
    }))
}
