//! An invoice: its facts, and what follows from them on the firm's day.

use domain::account::{Account, Collection};
use domain::explain::not_collected;
use domain::fee::{self, FeeCause, FeeEnd};
use domain::invoice::{self, Ending, Posting};
use serde::Serialize;
use services::execute::View;
use services::http::{Amount, Date};
use utoipa::ToSchema;

use super::client::{Hold, hold};

/// An invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct Invoice {
    /// Its number.
    pub invoice: String,
    /// `regular` or `out_of_turn`.
    #[schema(example = "regular")]
    pub kind: &'static str,
    /// For which service.
    pub service_line: Option<String>,
    /// Which of the firm's bank accounts its money goes to, if that was said: `operating` or `trust`.
    #[schema(example = "operating")]
    pub deposit: Option<&'static str>,
    /// What it is made of.
    pub lines: Vec<InvoiceLine>,
    /// What it comes to, without late fees.
    pub total: Amount,
    /// What its late fees come to that are owed with it.
    pub late_fees: Amount,
    /// Its late fees, also those that are invoices of their own and those that ended.
    pub fees: Vec<Fee>,
    /// The invoice whose late fee this one is.
    pub fee_of: Option<String>,
    /// What was put on it: payments and credit notes.
    pub paid: Amount,
    /// What is still owed.
    pub balance: Amount,
    /// Of that, what is disputed.
    pub disputed: Amount,
    /// What it is called today.
    #[schema(example = "overdue")]
    pub status: &'static str,
    /// `collect` or `do_not_collect`.
    #[schema(example = "collect")]
    pub collection: &'static str,
    /// Why it is not collected, if so.
    pub not_collected_because: Option<&'static str>,
    /// Days since its due date; 0, if it is not overdue.
    pub days_overdue: u32,
    /// The invoice date.
    pub issued_on: Date,
    /// The last day to pay without being overdue.
    pub due_on: Date,
    /// The day on which it goes out, where that is to come.
    pub posts_on: Option<Date>,
    /// Where the money on it came from.
    pub allocations: Vec<Allocation>,
    /// The open dispute.
    pub dispute: Option<Dispute>,
    /// The hold on it alone.
    pub hold: Option<Hold>,
    /// The first day on which a letter warned of it that still counts.
    pub warned_on: Option<Date>,
    /// Why it was voided or written off.
    pub ended_because: Option<String>,
}

/// A line.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ShownLine)]
pub struct InvoiceLine {
    /// What was done.
    pub description: String,
    /// How often.
    pub quantity: u32,
    /// For one.
    pub unit_amount: Amount,
    /// On the whole line.
    pub tax: Amount,
}

/// A late fee.
#[derive(Debug, Serialize, ToSchema)]
pub struct Fee {
    /// Counted from 1 on the invoice.
    pub number: u32,
    /// As it stands on the invoice, with its own day.
    #[schema(example = "Late fee for February 6, 2026")]
    pub text: String,
    /// How much.
    pub amount: Amount,
    /// Its own day.
    pub for_day: Date,
    /// The day on which it was charged.
    pub charged_on: Date,
    /// What charged it: `policy`, `step` or `hand`.
    #[schema(example = "policy")]
    pub by: &'static str,
    /// `charged`, `waived` or `taken_back`.
    #[schema(example = "charged")]
    pub state: &'static str,
    /// The invoice that it is, where it is no line of this one.
    pub invoice: Option<String>,
    /// Why it was waived.
    pub waived_because: Option<String>,
}

/// Money on an invoice.
#[derive(Debug, Serialize, ToSchema)]
pub struct Allocation {
    /// From which payment or credit note.
    pub source: String,
    /// How much.
    pub amount: Amount,
}

/// An open dispute.
#[derive(Debug, Serialize, ToSchema)]
pub struct Dispute {
    /// How much is disputed.
    pub amount: Amount,
    /// Why.
    pub reason: String,
    /// Since when.
    pub opened_on: Date,
    /// Whether a partner looks at it.
    pub is_under_review: bool,
}

impl Invoice {
    /// As it is for that client today.
    pub fn of(view: &View, invoice: &invoice::Invoice) -> Self {
        let (account, day) = (&view.loaded.account, view.day);
        let (collection, because) = collection(account, invoice, view);
        Self {
            invoice: invoice.id.to_string(),
            kind: invoice.kind.as_str(),
            service_line: invoice.service_line.as_ref().map(ToString::to_string),
            deposit: invoice.deposit.map(invoice::Deposit::as_str),
            lines: invoice.lines.iter().map(InvoiceLine::of).collect(),
            total: Amount(invoice.total),
            late_fees: Amount(invoice.late_fees()),
            fees: invoice.fees.iter().filter_map(Fee::of).collect(),
            fee_of: invoice.fee_of.as_ref().map(ToString::to_string),
            paid: Amount(invoice.paid()),
            balance: Amount(invoice.balance()),
            disputed: Amount(invoice.disputed()),
            status: account.status(invoice, day).as_str(),
            collection,
            not_collected_because: because,
            days_overdue: invoice.days_overdue(day),
            issued_on: Date(invoice.issued_on),
            due_on: Date(invoice.due_on),
            posts_on: match invoice.posting {
                Posting::Scheduled(on) => Some(Date(on)),
                Posting::Draft | Posting::Posted => None,
            },
            allocations: invoice.allocations.iter().map(Allocation::of).collect(),
            dispute: invoice.dispute.as_ref().map(Dispute::of),
            hold: invoice.hold.as_ref().map(|on_it| hold(Some(&invoice.id), on_it)),
            warned_on: invoice.first_warned_on().map(Date),
            ended_because: invoice.ending.as_ref().map(|ending| match ending {
                Ending::Voided { reason, .. } | Ending::WrittenOff { reason, .. } => {
                    reason.as_str().to_owned()
                }
            }),
        }
    }
}

fn collection(
    account: &Account,
    invoice: &invoice::Invoice,
    view: &View,
) -> (&'static str, Option<&'static str>) {
    match account.collection(&view.policy.policy, view.day).of(invoice) {
        Collection::Collect => ("collect", None),
        Collection::DoNotCollect(why) => ("do_not_collect", Some(not_collected(why))),
    }
}

impl InvoiceLine {
    fn of(line: &invoice::Line) -> Self {
        Self {
            description: line.description.clone(),
            quantity: line.quantity,
            unit_amount: Amount(line.unit_amount),
            tax: Amount(line.tax),
        }
    }
}

impl Fee {
    /// Nothing for one that came to nothing.
    fn of(fee: &fee::Fee) -> Option<Self> {
        let (state, because) = match &fee.end {
            None => ("charged", None),
            Some(FeeEnd::Waived { reason, .. }) => ("waived", Some(reason.as_str().to_owned())),
            Some(FeeEnd::TakenBack { .. }) => ("taken_back", None),
            Some(FeeEnd::PassedOver) => return None,
        };
        Some(Self {
            number: fee.number,
            text: fee.text(),
            amount: Amount(fee.amount),
            for_day: Date(fee.for_day),
            charged_on: Date(fee.charged_on),
            by: match fee.cause {
                FeeCause::Section(_) => "policy",
                FeeCause::Step(_) => "step",
                FeeCause::Hand => "hand",
            },
            state,
            invoice: fee.invoice.as_ref().map(ToString::to_string),
            waived_because: because,
        })
    }
}

impl Allocation {
    fn of(allocation: &invoice::Allocation) -> Self {
        Self { source: allocation.source.to_string(), amount: Amount(allocation.amount) }
    }
}

impl Dispute {
    fn of(dispute: &invoice::Dispute) -> Self {
        Self {
            amount: Amount(dispute.amount),
            reason: dispute.reason.as_str().to_owned(),
            opened_on: Date(dispute.opened_on),
            is_under_review: dispute.is_under_review,
        }
    }
}
