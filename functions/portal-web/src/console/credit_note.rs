//! The page on which staff credit an invoice, or a client (INV-5).

use axum::response::Response;
use domain::command::Command;
use domain::id::{ClientId, CreditNoteId, InvoiceId};
use domain::money::Currency;
use services::execute::View;

use super::act::{Act, BOOKKEEPERS, Field, FieldKind};
use super::trial::{Asked, Tried, Wrong, foresee, shown};
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Visit};

/// On one invoice.
pub(crate) async fn on_invoice(
    visit: Visit,
    Path((client, invoice)): Path<(ClientId, InvoiceId)>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let missing = || Failure::not_found("There is no such open invoice.".to_owned());
    let open = view.loaded.account.invoices.get(&invoice).ok_or_else(missing)?;
    let currency = open.total.currency();
    let balance = open.balance().for_person();
    let act = Act::new(
        format!("Credit invoice {invoice}"),
        "It lessens what is owed on the invoice, which keeps its number and its total. What is more than is owed on it goes to the oldest others, and else becomes credit.",
        "Issue the credit note",
        format!("/firm/v1/invoices/{}/credit-notes", segment(invoice.as_str())),
    );
    let hint = format!("{balance} is owed on it.");
    let page = Page { visit: &visit, view: &view, asked: Asked(asked) };
    page.shown(act, Some(&invoice), Field::fixed("amount.currency", currency.code()), hint).await
}

/// On whatever a payment that names no invoice would go to.
pub(crate) async fn on_client(
    visit: Visit,
    Path(client): Path<ClientId>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let profile = &view.loaded.account.profile;
    let act = Act::new(
        format!("Credit {}", profile.name.as_str()),
        "It goes to the oldest invoices first, as a payment that names none would; what is left becomes credit, which later invoices take.",
        "Issue the credit note",
        format!("/firm/v1/clients/{}/credit-notes", segment(client.as_str())),
    );
    let currency = Field::new("amount.currency", "Currency", FieldKind::Line);
    let currency = currency.value(profile.currency.code());
    let page = Page { visit: &visit, view: &view, asked: Asked(asked) };
    page.shown(act, None, currency, String::new()).await
}

struct Page<'a> {
    visit: &'a Visit,
    view: &'a View,
    asked: Asked,
}

impl Page<'_> {
    async fn shown(
        self,
        act: Act,
        invoice: Option<&InvoiceId>,
        currency: Field,
        hint: String,
    ) -> Result<Response, Failure> {
        let Self { visit, view, asked } = self;
        let client = &view.loaded.account.client;
        let act =
            act.said("The credit note is issued.").only(visit, BOOKKEEPERS, "issue a credit note");
        let tried = match asked.is_none() || act.refused.is_some() {
            true => None,
            false => Some(tried(visit, client, invoice, &asked).await?),
        };
        let fields = [
            Field::new("credit_note", "Number", FieldKind::Line)
                .hint("As your books have it; unique in the firm."),
            Field::new("amount.amount", "Amount", FieldKind::Amount).hint(hint),
            currency,
        ];
        let fields = fields.into_iter().map(|field| asked.filled(field)).collect();
        let act = Act { fields, ..act };
        Ok(shown(visit, view, act, (Vec::new(), None), client_path(client), tried))
    }
}

async fn tried(
    visit: &Visit,
    client: &ClientId,
    invoice: Option<&InvoiceId>,
    asked: &Asked,
) -> Result<Result<Tried, Wrong>, Failure> {
    let command = match command(asked, invoice) {
        Ok(command) => command,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let names = ["credit_note", "amount.amount", "amount.currency"];
    let sent = names.map(|name| (name, asked.text(name).to_owned())).to_vec();
    let foreseen = foresee(visit, client, &command).await?;
    Ok(foreseen.tried(sent, |rule| match rule {
        "INV-7" => Some("credit_note"),
        "INV-5" => Some("amount"),
        _ => None,
    }))
}

fn command(asked: &Asked, invoice: Option<&InvoiceId>) -> Result<Command, Wrong> {
    let id = asked.required("credit_note", "Number", |text| {
        text.parse::<CreditNoteId>().map_err(|error| error.to_string())
    })?;
    let currency = asked.required("amount.currency", "Currency", |text| {
        text.parse::<Currency>().map_err(|error| error.to_string())
    })?;
    let amount = asked.amount("amount.amount", "Amount", currency)?;
    let missing = || Wrong::new("amount", "Amount: it can't be left empty.");
    Ok(Command::IssueCreditNote {
        id,
        amount: amount.ok_or_else(missing)?,
        invoice: invoice.cloned(),
    })
}
