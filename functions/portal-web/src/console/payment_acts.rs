//! What staff can do with a payment that they recorded by hand: give some of it back, or say that the bank did
//! (PAY-5). News of other payments comes from their gateway alone (PAY-2).

use axum::response::Response;
use domain::command::{Command, News};
use domain::id::{ClientId, PaymentId, RefundId};
use domain::money::{Currency, Money};
use domain::payment::{Payment, PaymentState};
use services::execute::View;

use super::act::{self, Act, BOOKKEEPERS, Deed, Field, FieldKind};
use super::trial::{Asked, Foreseen, Tried, Wrong, foresee, sentences, shown};
use super::{client_path, segment};
use crate::extract::{Path, Query};
use crate::page::{Failure, Visit};

/// How the id of a payment begins that was recorded by hand.
const BY_HAND: &str = "staff:";

/// What a visitor may do with a payment as it is.
pub(super) fn of_payment(visit: &Visit, client: &ClientId, payment: &Payment) -> Vec<Deed> {
    if !visit.may(BOOKKEEPERS) || !can_go_back(payment) {
        return Vec::new();
    }
    let path = format!("{}/payments/{}/do", client_path(client), segment(payment.id.as_str()));
    let deed = |name, act: &str| Deed { name, path: format!("{path}/{act}"), is_grave: false };
    vec![deed("Record a refund", "refund"), deed("It came back", "return")]
}

fn can_go_back(payment: &Payment) -> bool {
    let state = payment.state();
    payment.id.as_str().starts_with(BY_HAND)
        && matches!(state, PaymentState::Succeeded | PaymentState::PartiallyRefunded)
}

async fn known(
    visit: &Visit,
    client: &ClientId,
    id: &PaymentId,
) -> Result<(View, Payment), Failure> {
    let view = visit.desk.view(client).await?;
    let found = visit.desk.store().payment(id).await?;
    let (_, payment) = found
        .filter(|(whose, _)| whose == client)
        .ok_or_else(|| Failure::not_found("There is no such payment.".to_owned()))?;
    Ok((view, payment))
}

/// Whether anything can be done with it by hand, and by whom.
fn allowed(act: Act, visit: &Visit, payment: &Payment) -> Act {
    let act = act.only(visit, BOOKKEEPERS, "record what became of a payment");
    match can_go_back(payment) {
        _ if act.refused.is_some() => act,
        true => act,
        false if payment.id.as_str().starts_with(BY_HAND) => {
            act.refused("Nothing of this payment is left here to go back.")
        }
        false => act.refused("Only the gateway tells news about its payments."),
    }
}

fn back(client: &ClientId) -> String {
    format!("{}/payments", client_path(client))
}

fn api(payment: &Payment, act: &str) -> String {
    format!("/firm/v1/payments/{}/{act}", segment(payment.id.as_str()))
}

/// The page of a bank return.
pub(crate) async fn took_back(
    visit: Visit,
    Path((client, id)): Path<(ClientId, PaymentId)>,
) -> Result<Response, Failure> {
    let (view, payment) = known(&visit, &client, &id).await?;
    let act = Act::new(
        format!("Payment {id} came back"),
        "For a check that bounced or a transfer that the bank took back: nothing of it is left. What it paid is owed again, and is collected after some days.",
        "Record that it came back",
        api(&payment, "return"),
    )
    .grave()
    .said("It is recorded that the payment came back.");
    let mut act = allowed(act, &visit, &payment);
    if act.refused.is_none() {
        let command = Command::RecordPayment { payment: id, news: News::Returned };
        match foresee(&visit, &client, &command).await? {
            Foreseen::Events(events) => act.will = sentences(&events),
            Foreseen::Refused { text, .. } => act.refused = Some(text),
        }
    }
    Ok(act::shown(&visit, &view, act, back(&client)))
}

/// The page of a refund.
pub(crate) async fn refund(
    visit: Visit,
    Path((client, id)): Path<(ClientId, PaymentId)>,
    Query(asked): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let (view, payment) = known(&visit, &client, &id).await?;
    let asked = Asked(asked);
    let facts = payment.facts.as_ref();
    let currency =
        facts.map_or(view.loaded.account.profile.currency, |facts| facts.amount.currency());
    let left = Money::new(payment.refundable(), currency).for_person();
    let act = Act::new(
        format!("Record a refund of payment {id}"),
        "For money that you gave back yourself: nothing is paid out here. What the payment had paid is owed again as far as it was given back; its credit goes first, then the invoices that were due last.",
        "Record the refund",
        api(&payment, "refunds"),
    )
    .grave()
    .said("The refund is recorded.");
    let act = allowed(act, &visit, &payment);
    let tried = match asked.is_none() || act.refused.is_some() {
        true => None,
        false => Some(tried(&visit, &client, &id, currency, &asked).await?),
    };
    let fields = [
        Field::new("refund", "Reference", FieldKind::Line)
            .hint("Your check's or transfer's. The same reference is recorded once."),
        Field::new("amount.amount", "Amount", FieldKind::Amount)
            .optional()
            .hint(format!("Left empty, all that is left of it: {left}.")),
        Field::fixed("amount.currency", currency.code()),
    ];
    let act = Act { fields: fields.into_iter().map(|field| asked.filled(field)).collect(), ..act };
    Ok(shown(&visit, &view, act, (Vec::new(), None), back(&client), tried))
}

async fn tried(
    visit: &Visit,
    client: &ClientId,
    payment: &PaymentId,
    currency: Currency,
    asked: &Asked,
) -> Result<Result<Tried, Wrong>, Failure> {
    let news = match news(asked, currency) {
        Ok(news) => news,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let command = Command::RecordPayment { payment: payment.clone(), news };
    let names = ["refund", "amount.amount", "amount.currency"];
    let sent = names.map(|name| (name, asked.text(name).to_owned())).to_vec();
    match foresee(visit, client, &command).await? {
        Foreseen::Events(events) if events.is_empty() => {
            let text = "Reference: a refund of this reference is recorded already.";
            Ok(Err(Wrong::new("refund", text)))
        }
        foreseen => Ok(foreseen.tried(sent, |rule| (rule == "PAY-5").then_some("amount"))),
    }
}

fn news(asked: &Asked, currency: Currency) -> Result<News, Wrong> {
    let id = asked.required("refund", "Reference", |text| {
        text.parse::<RefundId>().map_err(|error| error.to_string())
    })?;
    let amount = asked.amount("amount.amount", "Amount", currency)?;
    Ok(News::Refunded { id, amount })
}
