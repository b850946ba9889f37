//! What the firm puts in by hand: a client, and an invoice. Most come by import.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;
use domain::account::Account;
use domain::id::ClassId;
use store::FirmSettings;

use super::act::{Act, BOOKKEEPERS, Field, FieldKind};
use super::segment;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

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
    let policies = visit.desk.store().all_policies().await?;
    let classes: BTreeSet<ClassId> = policies.into_iter().map(|policy| policy.class).collect();
    let classes = classes.iter().map(|class| (class.to_string(), class.to_string())).collect();
    let currency = visit.desk.firm.settings().currency.code();
    let act = Act::new(
        "New client",
        "An account to bill. Letters go to its address; without one, nothing locks by itself. No letter is sent now.",
        "Open the account",
        "/firm/v1/clients".to_owned(),
    )
    .field(Field::new("name", "Name", FieldKind::Line).hint("As it stands on letters."))
    .field(Field::new("contacts[0].address", "E-mail address", FieldKind::Line).optional())
    .field(Field::new("client", "Id", FieldKind::Line).optional().hint("As your ledger names it; made, if left empty."))
    .field(Field::new("class", "Policy class", FieldKind::Choice(classes)).value("default"))
    .field(Field::new("currency", "Currency", FieldKind::Line).value(currency).hint("Three letters, such as USD."))
    .said("The account is open.");
    Ok(render(&NewClientPage {
        act,
        then: "/console/clients/{made}",
        back: "/console/clients",
        may_put_in: visit.may(BOOKKEEPERS),
        shell: visit.shell("New client", "clients"),
    }))
}

/// The act that puts in an invoice of a client.
pub(super) fn invoice(account: &Account, settings: &FirmSettings) -> Act {
    let currency = account.profile.currency.code();
    let number = Field::new("invoice", "Number", FieldKind::Line);
    let number = match settings.numbering.last() {
        None => number.hint("Unique in the firm."),
        Some(series) => number
            .optional()
            .hint(format!("Left empty, the next one of the series {}.", series.prefix())),
    };
    let kinds = [("regular", "Regular"), ("out_of_turn", "Out of turn")];
    let kinds = kinds.map(|(name, label)| (name.to_owned(), label.to_owned())).to_vec();
    let lines = &account.profile.service_lines;
    let lines = lines.iter().map(|line| (line.to_string(), said::words(&line.to_string())));
    let lines = std::iter::once((String::new(), "none".to_owned())).chain(lines).collect();
    let client = segment(account.client.as_str());
    Act::new(
        format!("Issue an invoice to {}", account.profile.name.as_str()),
        "It is owed from today, or from its date if that is to come. The policy's terms say when it is due, and reminders follow by the policy.",
        "Issue invoice",
        format!("/firm/v1/clients/{client}/invoices"),
    )
    .field(Field::new("total.amount", "Total", FieldKind::Amount))
    .field(Field::new("total.currency", "Currency", FieldKind::Line).value(currency))
    .field(number)
    .field(Field::new("kind", "Kind", FieldKind::Choice(kinds)))
    .field(Field::new("service_line", "For which service", FieldKind::Choice(lines)).optional())
    .field(Field::new("issued_on", "Invoice date", FieldKind::Date).optional().hint("Left empty, today."))
    .field(Field::new("due_on", "Due on", FieldKind::Date).optional().hint("Left empty, by the policy's terms."))
    .said("The invoice is issued.")
}
