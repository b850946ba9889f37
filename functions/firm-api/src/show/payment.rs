//! A payment.

use domain::payment;
use serde::Serialize;
use services::http::{Amount, Date};
use utoipa::ToSchema;

use super::name;

/// A payment.
#[derive(Debug, Serialize, ToSchema)]
pub struct Payment {
    /// Its id: the gateway and its own, or `staff` and the reference.
    pub payment: String,
    /// `pending`, `succeeded`, `failed`, `returned`, `partially_refunded`, `refunded`, `charged_back`,
    /// or `unknown` while only news about it came.
    #[schema(example = "succeeded")]
    pub state: String,
    /// How much was paid.
    pub amount: Option<Amount>,
    /// `card`, `ach`, `check` or `phone`.
    #[schema(example = "check")]
    pub method: Option<String>,
    /// The day of the first news of it.
    pub on: Option<Date>,
    /// The invoices that it names.
    pub names: Vec<String>,
    /// Where its money went.
    pub allocations: Vec<Share>,
    /// What was given back, refund by refund.
    pub refunds: Vec<Refund>,
}

/// What of a payment went to an invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct Share {
    /// Which.
    pub invoice: String,
    /// How much.
    pub amount: Amount,
}

/// A refund.
#[derive(Debug, Serialize, ToSchema)]
pub struct Refund {
    /// Its id.
    pub id: String,
    /// How much.
    pub amount: Amount,
}

impl Payment {
    /// As it is known.
    pub fn of(payment: &payment::Payment) -> Self {
        let facts = payment.facts.as_ref();
        let share = |(invoice, amount): &(domain::id::InvoiceId, _)| Share {
            invoice: invoice.to_string(),
            amount: Amount(*amount),
        };
        let refunds = payment.refunds.iter();
        Self {
            payment: payment.id.to_string(),
            state: name(&payment.state()),
            amount: facts.map(|facts| Amount(facts.amount)),
            method: facts.map(|facts| name(&facts.method)),
            on: facts.map(|facts| Date(facts.first_on)),
            names: facts.map_or_else(Vec::new, |facts| {
                facts.invoices.iter().map(ToString::to_string).collect()
            }),
            allocations: payment.allocations.iter().map(share).collect(),
            refunds: refunds
                .map(|(id, amount)| Refund { id: id.to_string(), amount: Amount(*amount) })
                .collect(),
        }
    }
}
