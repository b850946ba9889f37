//! What staff can do with one invoice, each on a page of its own as in [`act`](super::act).

use axum::response::Response;
use domain::command::Command;
use domain::id::{ClientId, InvoiceId};
use domain::invoice::Invoice;
use domain::numbering::is_unnumbered;
use services::execute::View;

use super::act::{Act, BOOKKEEPERS, PARTNERS, shown, to_be_typed};
use super::field::{Field, FieldKind};
use super::trial::{Foreseen, foresee_numbered, sentences};
use super::{client_path, segment};
use crate::extract::Path;
use crate::page::{Failure, Visit};
use crate::said;

pub(crate) async fn on_invoice(
    visit: Visit,
    Path((client, invoice, name)): Path<(ClientId, InvoiceId, String)>,
) -> Result<Response, Failure> {
    let view = visit.desk.view(&client).await?;
    let missing = || Failure::not_found("There is no such open invoice.".to_owned());
    let found = view.loaded.account.invoices.get(&invoice).cloned().ok_or_else(missing)?;
    let act = match name.as_str() {
        "post" => Some(post(&visit, &client, &found).await?),
        "waive-fees" => Some(waive_fees(&visit, &client, &found).await?),
        name => invoice_act(&visit, &view, &found, name),
    };
    let act = act.ok_or_else(|| Failure::not_found("There is no such act.".to_owned()))?;
    Ok(shown(&visit, &view, act, client_path(&client)))
}

/// A draft goes out, or what waits for its day; one without a number gets the next of the firm's last series (INV-7).
async fn post(visit: &Visit, client: &ClientId, invoice: &Invoice) -> Result<Act, Failure> {
    let id = &invoice.id;
    let total = invoice.total.for_person();
    let series = visit.desk.firm.settings().numbering.last().filter(|_| is_unnumbered(id));
    let title = match is_unnumbered(id) {
        true => format!("Post the draft over {total}"),
        false => format!("Post invoice {id}"),
    };
    let act = Act::new(
        title,
        "It goes out now and is owed from today on; its date and its due date stay as they were put in. Credit of the client is put on it.",
        "Post",
        format!("/firm/v1/invoices/{}/post", segment(id.as_str())),
    )
    .said("The invoice is posted.")
    .only(visit, BOOKKEEPERS, "post an invoice");
    if act.refused.is_some() {
        return Ok(act);
    }
    let command = |_: Option<&InvoiceId>| Command::PostInvoice { invoice: id.clone() };
    Ok(match foresee_numbered(visit, client, &command, series).await? {
        Foreseen::Events(events) if events.is_empty() => act.refused("It is posted already."),
        Foreseen::Events(events) => {
            let will = sentences(&events);
            let will = will.into_iter().map(|what| what.replace(id.as_str(), "the draft"));
            match is_unnumbered(id) {
                true => Act { will: will.collect(), ..act },
                false => Act { will: sentences(&events), ..act },
            }
        }
        Foreseen::Refused { text, .. } => act.refused(text),
    })
}

/// All its late fees go; what was paid of them becomes credit (LF-1).
async fn waive_fees(visit: &Visit, client: &ClientId, invoice: &Invoice) -> Result<Act, Failure> {
    let id = &invoice.id;
    let act = Act::new(
        format!("Waive the late fees of invoice {id}"),
        "All fees of this invoice that weren't waived are. What was paid of them becomes credit of the client; fees of later days are charged as before.",
        "Waive the fees",
        format!("/firm/v1/invoices/{}/fees/waive", segment(id.as_str())),
    )
    .field(Field::reason("It stays in the audit."))
    .said("The late fees are waived.")
    .only(visit, PARTNERS, "waive late fees");
    if act.refused.is_some() {
        return Ok(act);
    }
    let command =
        |_: Option<&InvoiceId>| Command::WaiveFees { invoice: id.clone(), reason: to_be_typed() };
    Ok(match foresee_numbered(visit, client, &command, None).await? {
        Foreseen::Events(events) => Act { will: sentences(&events), ..act },
        Foreseen::Refused { text, .. } => act.refused(text),
    })
}

fn invoice_act(visit: &Visit, view: &View, invoice: &Invoice, name: &str) -> Option<Act> {
    let account = &view.loaded.account;
    let id = &invoice.id;
    let client = format!("/firm/v1/clients/{}", segment(account.client.as_str()));
    let api = format!("/firm/v1/invoices/{}", segment(id.as_str()));
    let balance = invoice.balance().for_person();
    let currency = invoice.total.currency().code().to_owned();
    let act = match name {
        "hold" => Act::new(
            format!("Hold invoice {id}"),
            "No reminder, notice, step or lock comes of this invoice while it is held. The others go on.",
            "Hold",
            format!("{client}/holds"),
        )
        .field(Field::fixed("invoice", id.as_str()))
        .field(Field::new("until", "Last day of the hold", FieldKind::Date).optional().hint("Left empty, it holds until somebody releases it."))
        .field(Field::reason("For your colleagues and the history."))
        .said("The invoice is on hold.")
        .foreseen(visit, view, &Command::PlaceHold { invoice: Some(id.clone()), until: None, reason: to_be_typed() }),
        "release-hold" => Act::new(
            format!("Release the hold on invoice {id}"),
            "Collection of it goes on where it stands.",
            "Release hold",
            format!("{client}/holds?invoice={}", segment(id.as_str())),
        )
        .deletes()
        .said("The hold is released.")
        .foreseen(visit, view, &Command::ReleaseHold { invoice: Some(id.clone()) }),
        "void" => Act::new(
            format!("Void invoice {id}"),
            "For an invoice that should never have been: it keeps its number and counts nowhere. Put in a new one for what is owed.",
            "Void invoice",
            format!("{api}/void"),
        )
        .grave()
        .field(Field::reason("What was wrong with it."))
        .said("The invoice is void.")
        .foreseen(visit, view, &Command::VoidInvoice { invoice: id.clone(), reason: to_be_typed() }),
        "write-off" => Act::new(
            format!("Write off invoice {id}"),
            "The firm gives up what is left of it. The client isn't told, and nothing of it is collected any more.",
            "Write off",
            format!("{api}/write-off"),
        )
        .grave()
        .field(Field::reason("It stays in the audit."))
        .said("The invoice is written off.")
        .foreseen(visit, view, &Command::WriteOff { invoice: id.clone(), reason: to_be_typed() }),
        "add-fee" => Act::new(
            format!("Add a late fee to invoice {id}"),
            "It is owed with the invoice, or as an invoice of its own where the policy says so. It needs no terms, and stands outside the policy's times and caps.",
            "Add the fee",
            format!("{api}/fees"),
        )
        .field(Field::new("amount.amount", "Late fee", FieldKind::Amount).hint(format!("{balance} is owed on it now.")))
        .field(Field::fixed("amount.currency", currency))
        .said("The late fee is added.")
        .only(visit, PARTNERS, "add a late fee"),
        "dispute" => Act::new(
            format!("Record a dispute of invoice {id}"),
            "What is disputed isn't collected until the dispute is settled; the rest of the invoice is.",
            "Record dispute",
            format!("{api}/disputes"),
        )
        .field(Field::new("amount.amount", "Disputed amount", FieldKind::Amount).optional().hint(format!("Left empty, all of the {balance}.")))
        .field(Field::fixed("amount.currency", currency))
        .field(Field::reason("As the client puts it."))
        .said("The dispute is recorded.")
        .only(visit, BOOKKEEPERS, "record a dispute"),
        "review-dispute" => Act::new(
            format!("Review the dispute of invoice {id}"),
            "It says that a partner looks into it: your colleagues see it on the invoice. The disputed part stays out of collection until it is settled, and the client isn't told.",
            "Take it under review",
            format!("{api}/disputes/review"),
        )
        .said("The dispute is under review.")
        .foreseen(visit, view, &Command::ReviewDispute { invoice: id.clone() }),
        "resolve-dispute" => Act::new(
            format!("Settle the dispute of invoice {id}"),
            "Upheld: a credit note over the disputed part. Rejected: it is owed, and collection goes on, mildest first. Withdrawn: by the client.",
            "Settle",
            format!("{api}/disputes/resolution"),
        )
        .field(Field::new(
            "outcome",
            "Outcome",
            FieldKind::Choice(
                ["upheld", "rejected", "withdrawn"].map(|name| (name.to_owned(), said::capitalised(name))).to_vec(),
            ),
        ))
        .said("The dispute is settled.")
        .only(visit, PARTNERS, "settle a dispute"),
        _ => return None,
    };
    Some(act)
}
