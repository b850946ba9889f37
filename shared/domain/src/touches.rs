//! What of the history an event changes: needed to fold it again, without the command that it came of.
//!
//! A decision has looked at everything that its events change. Whoever has the events alone, as they lie in the
//! archive, asks here what is to be looked up before [`fold`](crate::apply::fold).

use std::collections::BTreeSet;

use crate::account::Account;
use crate::command::Needs;
use crate::event::{Event, Settlement};
use crate::id::InvoiceId;
use crate::invoice::Source;
use crate::letter::{Content, LetterState};

/// What is still to be looked up before these events can be folded; asked again after each look-up, since a
/// letter that left names invoices.
pub fn touches(account: &Account, events: &[Event]) -> Needs {
    let mut needs = Needs::default();
    for event in events {
        add(account, event, &mut needs);
    }
    needs.invoices.retain(|id| !account.knows_invoice(id));
    needs.payments.retain(|id| !account.knows_payment(id));
    needs.credit_notes.retain(|id| !account.knows_credit_note(id));
    needs.letters.retain(|id| !account.knows_letter(*id));
    needs
}

/// What an event changes, in memory or not.
pub(crate) fn touched(account: &Account, event: &Event) -> Needs {
    let mut needs = Needs::default();
    add(account, event, &mut needs);
    needs
}

fn add(account: &Account, event: &Event, needs: &mut Needs) {
    match event {
        Event::InvoicePosted { invoice, number } => {
            needs.invoices.insert(invoice.clone());
            needs.invoices.extend(number.iter().cloned());
        }
        Event::InvoiceVoided { invoice, .. }
        | Event::InvoiceWrittenOff { invoice, .. }
        | Event::DisputeBegun { invoice, .. }
        | Event::DisputeReviewed { invoice, .. }
        | Event::DisputeEnded { invoice, .. }
        | Event::CaughtUp { invoice }
        | Event::FeeCharged { invoice, .. }
        | Event::FeePassedOver { invoice, .. }
        | Event::Reminded { invoice, .. } => {
            needs.invoices.insert(invoice.clone());
        }
        Event::ChargeEnded { charge, .. } => {
            needs.invoices.insert(charge.invoice.clone());
        }
        Event::FeeTakenBack { invoice, fee, released, .. }
        | Event::FeeWaived { invoice, fee, released, .. } => {
            needs.invoices.insert(invoice.clone());
            let fees = account.invoices.get(invoice).into_iter().flat_map(|known| &known.fees);
            let ended = fees.filter(|known| known.number == *fee);
            needs.invoices.extend(ended.filter_map(|fee| fee.invoice.clone()));
            for (source, settlement) in released {
                if let Source::Payment(payment) = source {
                    needs.payments.insert(payment.clone());
                }
                settled(settlement, needs);
            }
        }
        Event::PlanBegun(plan) => all(&plan.invoices, needs),
        Event::PaymentChanged { payment, settlement, .. } => {
            needs.payments.insert(payment.clone());
            settled(settlement, needs);
        }
        Event::PaymentMismatched { payment, .. } => {
            needs.payments.insert(payment.clone());
        }
        Event::CreditNoteIssued { id, settlement, .. } => {
            needs.credit_notes.insert(id.clone());
            settled(settlement, needs);
        }
        Event::CreditMoved { source, settlement, .. } => {
            if let Source::Payment(payment) = source {
                needs.payments.insert(payment.clone());
            }
            settled(settlement, needs);
        }
        Event::CollectionRests { invoices, .. }
        | Event::Locked { invoices, .. }
        | Event::StepDone { invoices, .. }
        | Event::StepReached { invoices, .. } => all(invoices, needs),
        Event::PromiseBegun { promise, .. } => all(&promise.invoices, needs),
        Event::HoldBegun { invoice, .. }
        | Event::HoldEnded { invoice }
        | Event::StepSkipped { invoice, .. } => needs.invoices.extend(invoice.iter().cloned()),
        Event::LetterQueued(letter) => match &letter.content {
            Content::Debt { parts } => parts.iter().for_each(|part| all(&part.invoices, needs)),
            Content::Receipt { payment } => {
                needs.payments.insert(payment.clone());
            }
            Content::WelcomeBack
            | Content::LineWelcomeBack { .. }
            | Content::PaymentFailed { .. }
            | Content::ChargeFailed { .. }
            | Content::PromiseConfirmation { .. }
            | Content::PlanConfirmation { .. }
            | Content::PayLink { .. }
            | Content::Message { .. } => {}
        },
        Event::LetterExtended { letter, part } => {
            needs.letters.insert(*letter);
            all(&part.invoices, needs);
        }
        Event::LetterLeft { letter, sending } => {
            needs.letters.insert(*letter);
            all(&sending.invoices, needs);
            warned_by(account, *letter, needs);
        }
        Event::LetterWithdrawn { letter, .. } | Event::AddressBounced { letter, .. } => {
            needs.letters.insert(*letter);
            warned_by(account, *letter, needs);
        }
        Event::AccountOpened(_)
        | Event::ProfileChanged(_)
        | Event::PeopleAssigned { .. }
        | Event::InvoiceIssued(_)
        | Event::PromiseEnded { .. }
        | Event::PlanEnded { .. }
        | Event::HardStopped { .. }
        | Event::LimitBegun(_)
        | Event::LimitChanged(_)
        | Event::LimitEnded { .. }
        | Event::ClientClosed(_)
        | Event::DeletionPutOff(_)
        | Event::ClientErased(_)
        | Event::EpisodeMoved { .. }
        | Event::Unlocked { .. }
        | Event::UnlockRequested(_)
        | Event::UnlockRejected { .. }
        | Event::UnlockRequestExpired { .. }
        | Event::ExceptionBegun(_)
        | Event::ExceptionEnded
        | Event::LineExceptionEnded { .. }
        | Event::TaskOpened(_)
        | Event::TaskExtended { .. }
        | Event::TaskAssigned { .. }
        | Event::ReferralApproved { .. }
        | Event::ReferralReturned { .. }
        | Event::TaskClosed { .. }
        | Event::NoteAdded(_)
        | Event::MessageCame(_)
        | Event::MessageWritten(_)
        | Event::MessageRead { .. }
        | Event::PayLinkMade(_)
        | Event::PayLinkRevoked { .. }
        | Event::MethodSaved(_)
        | Event::MethodRemoved { .. }
        | Event::DefaultMethodSet { .. }
        | Event::MethodStopped { .. }
        | Event::ChargeRequested(_)
        | Event::ChargeAsked { .. }
        | Event::Responded { .. } => {}
    }
}

fn settled(settlement: &Settlement, needs: &mut Needs) {
    let moved = settlement.taken.iter().chain(&settlement.allocated);
    needs.invoices.extend(moved.map(|(invoice, _)| invoice.clone()));
}

fn all(invoices: &BTreeSet<InvoiceId>, needs: &mut Needs) {
    needs.invoices.extend(invoices.iter().cloned());
}

/// What a letter warned of while it counted as one that left.
fn warned_by(account: &Account, letter: crate::letter::LetterId, needs: &mut Needs) {
    let state = account.letters.get(&letter).map(|letter| &letter.state);
    if let Some(LetterState::Left(sending)) = state {
        all(&sending.invoices, needs);
    }
}
