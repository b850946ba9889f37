//! Charges of saved methods as a timeline expects them: `[{invoice, amount, result}]`, of that day (CHG-1).

use crate::account::Account;
use crate::calendar::Day;
use crate::charge::{ChargeOutcome, DeclineKind};
use crate::document::{DocumentError, Field};
use crate::id::InvoiceId;
use crate::money::{Currency, Money};
use crate::payment::{Payment, PaymentState};

/// Whether it is asked how a charge was declined, or only whether it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChargeDetail {
    /// `declined`.
    Plain,
    /// `soft`, `hard` or `needs_payer`.
    Decline,
}

/// What is expected, as it is asked.
pub(super) struct Expected {
    pub(super) told: Vec<String>,
    pub(super) detail: ChargeDetail,
}

/// Each result, by the names that it may have.
const RESULTS: [(&str, &str); 9] = [
    ("succeeded", "succeeded"),
    ("pending", "pending"),
    ("declined", "declined"),
    ("failed", "declined"),
    ("soft", "soft"),
    ("hard", "hard"),
    ("needs_payer", "needs_payer"),
    ("open", "open"),
    ("unclear", "unclear"),
];

const HOW: [&str; 3] = ["soft", "hard", "needs_payer"];

pub(super) fn read(
    field: &Field<'_>,
    currency: &dyn Fn(&InvoiceId) -> Currency,
) -> Result<Expected, DocumentError> {
    let mut detail = ChargeDetail::Plain;
    let mut told = field.list(|charge| {
        charge.fields(|fields| {
            let invoice: InvoiceId = fields.required("invoice", Field::parse)?;
            let amount = fields.required("amount", |field| {
                Money::parse(field.scalar()?, currency(&invoice)).map_err(|e| field.error(e))
            })?;
            let result = fields.required("result", |field| field.choice(&RESULTS))?;
            if HOW.contains(&result) {
                detail = ChargeDetail::Decline;
            }
            Ok(said(&invoice, amount, result))
        })
    })?;
    told.sort();
    Ok(Expected { told, detail })
}

/// What was charged on that day, also what was given up or is under way.
pub(super) fn answer(account: &Account, day: Day, detail: ChargeDetail) -> Vec<String> {
    let open = account.charges.values().filter(|charge| charge.on == day);
    let mut told: Vec<_> =
        open.map(|charge| said(&charge.id.invoice, charge.amount, "open")).collect();
    for invoice in account.invoices.values() {
        let ended = invoice.charges.iter().filter(|attempt| attempt.on == day);
        told.extend(ended.map(|attempt| {
            said(&invoice.id, attempt.amount, result(account, &attempt.outcome, detail))
        }));
    }
    told.sort();
    told
}

fn result(account: &Account, outcome: &ChargeOutcome, detail: ChargeDetail) -> &'static str {
    match outcome {
        ChargeOutcome::Taken { payment } => {
            let state = account.payments.get(payment).map(Payment::state);
            if state == Some(PaymentState::Pending) { "pending" } else { "succeeded" }
        }
        ChargeOutcome::Declined(decline) => match (detail, decline.kind) {
            (ChargeDetail::Plain, _) => "declined",
            (ChargeDetail::Decline, DeclineKind::Soft) => "soft",
            (ChargeDetail::Decline, DeclineKind::Hard) => "hard",
            (ChargeDetail::Decline, DeclineKind::NeedsPayer) => "needs_payer",
        },
        ChargeOutcome::Withdrawn | ChargeOutcome::Unclear => "unclear",
    }
}

fn said(invoice: &InvoiceId, amount: Money, result: &str) -> String {
    format!("{invoice} {} {result}", amount.amount())
}
