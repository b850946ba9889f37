//! How an event changes an account: the only code that does.
//!
//! An event was decided against these facts, so applying it can't fail; it holds everything that
//! the fold needs, and no rule is asked again.

use std::collections::{BTreeMap, BTreeSet};

use crate::account::{Account, Credit, MAX_RESPONSES, Response, Spreading, UnlockRequest};
use crate::calendar::Day;
use crate::charge::{Attempt, Charge, ChargeId, ChargeOutcome};
use crate::command::{DisputeOutcome, News};
use crate::concern::{broken_plan, broken_promise};
use crate::event::{Event, Settlement};
use crate::fee::{Fee, FeeEnd};
use crate::id::InvoiceId;
use crate::invoice::{Allocation, CatchUp, Ending, Invoice, Posting, Source, StepMark, Warning};
use crate::letter::{Content, DebtKind, Letter, LetterId, LetterKind, LetterState, Part, Sending};
use crate::lock::Scope;
use crate::message::Message;
use crate::money::Money;
use crate::payment::{Payment, PaymentFacts, PaymentState, Seen};
use crate::plan::Outcome;
use crate::policy::StepKey;
use crate::task::About;
use crate::text::Personal;

/// Changes the account as the event says.
pub fn apply(account: &mut Account, event: &Event) {
    match event {
        Event::AccountOpened(profile) | Event::ProfileChanged(profile) => {
            account.profile = profile.clone();
        }
        Event::PeopleAssigned { now, .. } => account.people = now.clone(),
        Event::InvoiceIssued(invoice) => {
            account.billed_lines.insert(invoice.line());
            account.invoices.insert(invoice.id.clone(), invoice.as_ref().clone());
        }
        Event::InvoicePosted { invoice, number } => {
            let draft = number.as_ref().and_then(|_| account.invoices.remove(invoice));
            if let (Some(number), Some(draft)) = (number, draft) {
                let numbered = Invoice { id: number.clone(), ..draft };
                account.invoices.insert(number.clone(), numbered);
            }
            on_invoice(account, number.as_ref().unwrap_or(invoice), |invoice| {
                invoice.posting = Posting::Posted;
            });
        }
        Event::NoteAdded(note) => {
            account.next_number = account.next_number.max(note.id.0 + 1);
            account.notes.push(note.clone());
        }
        Event::MessageCame(message) => {
            wrote(account, message);
            let mut tasks = account.tasks.values_mut();
            if let Some(unread) = tasks.find_map(|task| task.about.unread_mut()) {
                unread.insert(message.id);
            }
        }
        Event::MessageWritten(message) => wrote(account, message),
        Event::MessageRead { message, on, .. } => {
            let mut tasks = account.tasks.values_mut();
            if let Some(unread) = tasks.find_map(|task| task.about.unread_mut()) {
                unread.retain(|known| message < known);
                account.read_on = unread.is_empty().then_some(*on).or(account.read_on);
            }
        }
        Event::PayLinkMade(link) => account.pay_links.push(link.clone()),
        Event::PayLinkRevoked { link, .. } => account.revoked_links.push(link.clone()),
        Event::InvoiceVoided { invoice, on, reason } => on_invoice(account, invoice, |invoice| {
            invoice.ending = Some(Ending::Voided { on: *on, reason: reason.clone() });
        }),
        Event::InvoiceWrittenOff { invoice, on, reason, amount } => {
            on_invoice(account, invoice, |invoice| {
                let (on, amount) = (*on, *amount);
                invoice.ending = Some(Ending::WrittenOff { on, reason: reason.clone(), amount });
            });
        }
        Event::FeeCharged { invoice, fee } => charge_fee(account, invoice, fee),
        Event::FeePassedOver { invoice, fee } => {
            on_invoice(account, invoice, |invoice| invoice.fees.push(fee.clone()));
        }
        Event::FeeTakenBack { invoice, fee, on, released } => {
            let end = FeeEnd::TakenBack { on: *on };
            end_fee(account, (invoice, *fee), end, *on, &Personal::new(PAID_ON_ITS_DAY));
            release(account, released, *on);
        }
        Event::FeeWaived { invoice, fee, on, reason, released } => {
            let end = FeeEnd::Waived { on: *on, reason: reason.clone() };
            end_fee(account, (invoice, *fee), end, *on, reason);
            release(account, released, *on);
        }
        Event::PaymentChanged { payment, news, on, settlement, .. } => {
            let entry = account.payments.entry(payment.clone());
            let known = entry.or_insert_with(|| Payment::unknown(payment.clone()));
            let was = known.state();
            learn(known, news, *on);
            remember_chargeback(known, settlement);
            respond_by_payment(account, payment, was, news, *on);
            settle(account, &Source::Payment(payment.clone()), settlement, *on);
            money_came(account, settlement);
        }
        Event::PaymentMismatched { payment, told } => {
            let entry = account.payments.entry(payment.clone());
            entry.or_insert_with(|| Payment::unknown(payment.clone())).mismatches.push(*told);
        }
        Event::CreditNoteIssued { id, on, settlement, .. } => {
            account.credit_notes.insert(id.clone());
            account.looked_up.credit_notes.insert(id.clone());
            settle(account, &Source::CreditNote(id.clone()), settlement, *on);
            money_came(account, settlement);
        }
        Event::CreditMoved { source, on, settlement } => settle(account, source, settlement, *on),
        Event::CollectionRests { invoices, before } => {
            for id in invoices {
                on_invoice(account, id, |invoice| invoice.rests_before = Some(*before));
            }
        }
        Event::DisputeBegun { invoice, dispute } => on_invoice(account, invoice, |invoice| {
            invoice.dispute = Some(dispute.clone());
        }),
        Event::DisputeReviewed { invoice, by } => on_invoice(account, invoice, |invoice| {
            if let Some(dispute) = &mut invoice.dispute {
                dispute.is_under_review = true;
                dispute.reviewed_by.clone_from(by);
            }
        }),
        Event::DisputeEnded { invoice, outcome } => on_invoice(account, invoice, |invoice| {
            invoice.dispute = None;
            if *outcome == DisputeOutcome::Rejected {
                invoice.catch_up = Some(CatchUp { last_on: None });
            }
        }),
        Event::CaughtUp { invoice } => on_invoice(account, invoice, |invoice| {
            invoice.catch_up = None;
        }),
        Event::PromiseBegun { promise, counts } => {
            if *counts {
                for invoice in &promise.invoices {
                    on_invoice(account, invoice, |invoice| invoice.promises += 1);
                }
            }
            not_broken(account, &promise.invoices);
            account.promises.push(promise.clone());
        }
        Event::PromiseEnded { invoices, outcome } => {
            if *outcome == Outcome::Broken {
                for promise in account.promises.clone() {
                    let broken = broken_promise(&promise);
                    for invoice in promise.invoices.intersection(invoices) {
                        on_invoice(account, invoice, |invoice| invoice.broken = Some(broken));
                    }
                }
            }
            for promise in &mut account.promises {
                promise.invoices.retain(|invoice| !invoices.contains(invoice));
            }
            account.promises.retain(|promise| !promise.invoices.is_empty());
        }
        Event::PlanBegun(plan) => {
            for invoice in &plan.invoices {
                on_invoice(account, invoice, |invoice| {
                    // Those of before are part of what it covers.
                    invoice.fees.iter_mut().for_each(|fee| fee.is_beside_plan = false);
                });
            }
            not_broken(account, &plan.invoices);
            account.plan = Some(plan.clone());
        }
        Event::PlanEnded { outcome } => {
            let plan = account.plan.take().filter(|_| *outcome == Outcome::Broken);
            if let Some(plan) = plan {
                let broken = broken_plan(&plan, account.planned_balance(&plan));
                for invoice in &plan.invoices {
                    on_invoice(account, invoice, |invoice| invoice.broken = Some(broken));
                }
            }
        }
        Event::HoldBegun { invoice, hold } => match invoice {
            Some(invoice) => {
                on_invoice(account, invoice, |invoice| invoice.hold = Some(hold.clone()))
            }
            None => account.hold = Some(hold.clone()),
        },
        Event::HoldEnded { invoice } => match invoice {
            Some(invoice) => on_invoice(account, invoice, |invoice| invoice.hold = None),
            None => account.hold = None,
        },
        Event::HardStopped { on, reason } => {
            let stop = crate::account::HardStop { on: *on, reason: reason.clone() };
            account.hard_stop = Some(stop);
        }
        Event::Locked { lock, invoices } => {
            for id in invoices {
                on_invoice(account, id, |invoice| happened(invoice, lock.on));
            }
            account.episodes = account.episodes.max(lock.episode);
            account.locks.insert(lock.scope.clone(), lock.clone());
        }
        Event::LimitBegun(limit) | Event::LimitChanged(limit) => {
            account.limit = Some(limit.clone())
        }
        Event::LimitEnded { .. } => account.limit = None,
        Event::ClientClosed(closed) => account.closed = Some(closed.clone()),
        Event::DeletionPutOff(put_off) => {
            if let Some(closed) = &mut account.closed {
                closed.put_off = Some(put_off.clone());
            }
        }
        Event::ClientErased(erased) => {
            account.forget_person();
            if let Some(closed) = &mut account.closed {
                closed.erased = Some(erased.clone());
            }
        }
        Event::EpisodeMoved { policy } => {
            account.locks.values_mut().for_each(|lock| lock.policy = policy.clone());
        }
        Event::Unlocked { unlocked, .. } => {
            account.locks.remove(&unlocked.scope);
            let locks = &account.locks;
            let is_moot =
                |request: &mut UnlockRequest| !locks.keys().any(|scope| request.asks_for(scope));
            account.request.take_if(is_moot);
            account.last_unlock = Some(unlocked.clone());
        }
        Event::UnlockRequested(request) => {
            for lock in account.locks.values_mut().filter(|lock| request.asks_for(&lock.scope)) {
                lock.requests = lock.requests.max(request.number);
            }
            account.request = Some(request.clone());
        }
        Event::UnlockRejected { .. } | Event::UnlockRequestExpired { .. } => account.request = None,
        Event::ExceptionBegun(exception) => {
            account.exceptions.insert(exception.scope.clone(), exception.clone());
        }
        Event::ExceptionEnded => end_exception(account, &Scope::Client),
        Event::LineExceptionEnded { line } => end_exception(account, &Scope::Line(line.clone())),
        Event::LetterQueued(letter) => queue(account, letter),
        Event::LetterExtended { letter, part } => extend(account, *letter, part),
        Event::LetterWithdrawn { letter, on } => {
            on_letter(account, *letter, |letter| letter.state = LetterState::Withdrawn { on: *on });
            warned_nobody(account, *letter);
        }
        Event::LetterLeft { letter, sending } => leave(account, *letter, sending),
        Event::AddressBounced { contact, letter } => bounce(account, *contact, *letter),
        Event::Reminded { invoice, reminders } => on_invoice(account, invoice, |invoice| {
            invoice.reminders.extend(reminders);
        }),
        Event::StepDone { step, on, invoices, scope, .. }
        | Event::StepReached { step, on, invoices, scope } => {
            step_done(account, (*step, scope), *on, invoices.iter())
        }
        Event::StepSkipped { step, on, invoice, scope, .. } => {
            skip_step(account, (*step, scope), *on, invoice.as_ref());
        }
        Event::TaskOpened(task) => {
            account.next_number = account.next_number.max(task.id.0 + 1);
            account.tasks.insert(task.id, task.clone());
        }
        Event::TaskExtended { task, invoices: more } => {
            if let Some(task) = account.tasks.get_mut(task) {
                match &mut task.about {
                    About::ReviewTask { invoices, .. }
                    | About::ApproveStep { invoices, .. }
                    | About::CloseProposal { invoices, .. }
                    | About::CollectionsReferral { invoices, .. } => {
                        invoices.extend(more.iter().cloned())
                    }
                    About::ReadyForUnlock
                    | About::BouncedAddress { .. }
                    | About::LetterStuck { .. }
                    | About::NoAddress
                    | About::RecordsRequest
                    | About::PlanRequest { .. }
                    | About::UnlockAsked { .. }
                    | About::Message { .. }
                    | About::Mismatch { .. } => {}
                }
            }
        }
        Event::TaskAssigned { task, to } => {
            if let Some(task) = account.tasks.get_mut(task) {
                task.assignee = Some(to.clone());
            }
        }
        Event::ReferralApproved { task, by, on } => {
            if let Some(task) = account.tasks.get_mut(task)
                && let About::CollectionsReferral { approved_by, approved_on, .. } = &mut task.about
            {
                *approved_by = Some(by.clone());
                *approved_on = *on;
            }
        }
        Event::ReferralReturned { .. } => {} // its task closes
        Event::TaskClosed { task, .. } => {
            account.tasks.remove(task);
        }
        Event::Responded { on } => respond(account, Response { on: *on, payment: None }),
        Event::MethodSaved(method) => {
            account.methods.insert(method.id.clone(), method.clone());
        }
        Event::MethodRemoved { method } => {
            account.methods.remove(method);
            account.default_method.take_if(|known| known == method);
        }
        Event::DefaultMethodSet { method } => account.default_method = Some(method.clone()),
        Event::MethodStopped { method, on } => {
            if let Some(method) = account.methods.get_mut(method) {
                method.stopped_on = Some(*on);
            }
        }
        Event::ChargeRequested(charge) => {
            account.charges.insert(charge.id.invoice.clone(), charge.clone());
        }
        Event::ChargeAsked { charge } => {
            if let Some(charge) = account.charges.get_mut(&charge.invoice) {
                charge.is_asked = true;
            }
        }
        Event::ChargeEnded { charge, outcome, .. } => end_charge(account, charge, outcome),
    }
}

/// Nothing is left of one that nobody was asked for: its name is free again.
fn end_charge(account: &mut Account, id: &ChargeId, outcome: &ChargeOutcome) {
    let Some(Charge { method, amount, on, .. }) = account.charges.remove(&id.invoice) else {
        return;
    };
    if *outcome != ChargeOutcome::Withdrawn {
        let outcome = outcome.clone();
        on_invoice(account, &id.invoice, |invoice| {
            invoice.charges.push(Attempt { method, amount, on, outcome });
        });
    }
}

fn wrote(account: &mut Account, message: &Message) {
    account.next_number = account.next_number.max(message.id.0 + 1);
    account.messages.push(message.clone());
}

fn on_invoice(account: &mut Account, id: &InvoiceId, change: impl FnOnce(&mut Invoice)) {
    if let Some(invoice) = account.invoices.get_mut(id) {
        change(invoice);
    }
}

/// Why an invoice that was a fee is void, where nobody gave a reason (LF-2).
const PAID_ON_ITS_DAY: &str = "the invoice was paid on the day of the fee";

fn charge_fee(account: &mut Account, invoice: &InvoiceId, fee: &Fee) {
    let is_planned = account.plan.as_ref().is_some_and(|plan| plan.invoices.contains(invoice));
    on_invoice(account, invoice, |invoice| {
        invoice.fees.push(Fee { is_beside_plan: is_planned, ..fee.clone() });
        happened(invoice, fee.charged_on);
    });
}

/// It is owed no more; one that is an invoice is void.
fn end_fee(
    account: &mut Account,
    (id, number): (&InvoiceId, u32),
    end: FeeEnd,
    day: Day,
    why: &Personal,
) {
    let mut beside = None;
    on_invoice(account, id, |invoice| {
        for fee in invoice.fees.iter_mut().filter(|fee| fee.number == number) {
            beside = fee.invoice.clone();
            fee.end = Some(end.clone());
        }
    });
    if let Some(beside) = beside {
        on_invoice(account, &beside, |invoice| {
            invoice.ending = Some(Ending::Voided { on: day, reason: why.clone() });
        });
    }
}

/// What was paid on it becomes client credit.
fn release(account: &mut Account, released: &[(Source, Settlement)], day: Day) {
    for (source, settlement) in released {
        settle(account, source, settlement, day);
    }
}

fn on_letter(account: &mut Account, id: LetterId, change: impl FnOnce(&mut Letter)) {
    if let Some(letter) = account.letters.get_mut(&id) {
        change(letter);
    }
}

/// What is known of a payment after that news: knowledge only grows (PAY-3).
pub(crate) fn learn(payment: &mut Payment, news: &News, day: Day) {
    match news {
        News::Told { amount, method, invoices, seen, on } => match &mut payment.facts {
            Some(facts) => {
                facts.seen = facts.seen.max(*seen);
                facts.was_pending |= *seen == Seen::Pending;
            }
            None => {
                let was_pending = *seen == Seen::Pending;
                let seen = if payment.return_seen { Seen::Returned } else { *seen };
                payment.facts = Some(PaymentFacts {
                    amount: *amount,
                    method: *method,
                    invoices: invoices.clone(),
                    seen,
                    was_pending,
                    first_on: on.unwrap_or(day),
                });
            }
        },
        News::Refunded { id, amount } => {
            let all = || {
                let currency = payment.facts.as_ref().map(|facts| facts.amount.currency());
                currency.map(|currency| Money::new(payment.refundable(), currency))
            };
            if let Some(amount) = amount.or_else(all) {
                payment.refunds.entry(id.clone()).or_insert(amount);
            }
        }
        News::Chargeback { id, state } => {
            let known = payment.chargebacks.entry(id.clone()).or_insert(*state);
            *known = (*known).max(*state);
        }
        News::Returned => {
            payment.return_seen = true;
            if let Some(facts) = &mut payment.facts {
                facts.seen = Seen::Returned;
            }
        }
    }
}

/// What a chargeback takes is remembered; once nothing is charged back any more, it is forgotten.
fn remember_chargeback(payment: &mut Payment, settlement: &Settlement) {
    match payment.state() {
        PaymentState::ChargedBack => {
            for (invoice, amount) in &settlement.taken {
                add_share(&mut payment.before_chargeback, invoice, *amount);
            }
        }
        _ => payment.before_chargeback.clear(),
    }
}

/// A payment not failed is a response, on the day of its first news (LET-8).
fn respond_by_payment(
    account: &mut Account,
    payment: &crate::id::PaymentId,
    was: PaymentState,
    news: &News,
    day: Day,
) {
    let now = account.payments.get(payment).map_or(PaymentState::Unknown, Payment::state);
    if now == PaymentState::Failed {
        account.responses.retain(|response| response.payment.as_ref() != Some(payment));
        return;
    }
    let is_first = matches!(was, PaymentState::Unknown | PaymentState::Failed);
    if let News::Told { on, .. } = news
        && is_first
    {
        let on = on.unwrap_or(day);
        respond(account, Response { on, payment: Some(payment.clone()) });
    }
}

fn respond(account: &mut Account, response: Response) {
    if account.responses.contains(&response) {
        return;
    }
    let place = account.responses.partition_point(|known| known.on <= response.on);
    account.responses.insert(place, response);
    if MAX_RESPONSES < account.responses.len() {
        account.responses.remove(0);
    }
}

fn settle(account: &mut Account, source: &Source, settlement: &Settlement, day: Day) {
    for (invoice, amount) in &settlement.taken {
        take_from_invoice(account, invoice, source, *amount);
        on_shares(account, source, |shares| take_share(shares, invoice, *amount));
    }
    for (invoice, amount) in &settlement.allocated {
        put_on_invoice(account, invoice, source, *amount);
        on_shares(account, source, |shares| add_share(shares, invoice, *amount));
    }
    move_credit(account, source, settlement, day);
}

/// Money or a credit came in since the lock, for what is locked or for nothing in particular (UNL-3).
fn money_came(account: &mut Account, settlement: &Settlement) {
    let invoices = &account.invoices;
    let paid = settlement.allocated.iter().filter_map(|(id, _)| invoices.get(id));
    let paid: Vec<_> = paid.collect();
    for lock in account.locks.values_mut() {
        lock.money_came |= settlement.credit_added.is_some()
            || paid.iter().any(|invoice| lock.scope.covers(invoice));
    }
}

fn move_credit(account: &mut Account, source: &Source, settlement: &Settlement, day: Day) {
    if let Some(added) = settlement.credit_added {
        let number = account.next_number;
        account.next_number += 1;
        let none =
            Credit { amount: Money::zero(added.currency()), came_on: day, number, spreading: None };
        let credit = account.credits.entry(source.clone()).or_insert(none);
        credit.amount = Money::new(credit.amount.minor() + added.minor(), added.currency());
        credit.came_on = day;
    }
    if let Some(credit) = account.credits.get_mut(source) {
        if let Some(taken) = settlement.credit_taken {
            let left = credit.amount.minor().saturating_sub(taken.minor());
            credit.amount = Money::new(left, taken.currency());
        }
        let spreading = settlement.spreading.clone();
        credit.spreading = spreading.map(|invoices| Spreading { invoices });
        if credit.amount.is_zero() {
            account.credits.remove(source);
        }
    }
}

fn on_shares(
    account: &mut Account,
    source: &Source,
    change: impl FnOnce(&mut Vec<(InvoiceId, Money)>),
) {
    if let Source::Payment(id) = source
        && let Some(payment) = account.payments.get_mut(id)
    {
        change(&mut payment.allocations);
    }
}

fn add_share(shares: &mut Vec<(InvoiceId, Money)>, invoice: &InvoiceId, amount: Money) {
    match shares.iter_mut().find(|(id, _)| id == invoice) {
        Some((_, share)) => *share = Money::new(share.minor() + amount.minor(), amount.currency()),
        None => shares.push((invoice.clone(), amount)),
    }
}

fn take_share(shares: &mut Vec<(InvoiceId, Money)>, invoice: &InvoiceId, amount: Money) {
    for (id, share) in shares.iter_mut().filter(|(id, _)| id == invoice) {
        debug_assert_eq!(id, invoice);
        *share = Money::new(share.minor().saturating_sub(amount.minor()), amount.currency());
    }
    shares.retain(|(_, share)| !share.is_zero());
}

fn put_on_invoice(account: &mut Account, id: &InvoiceId, source: &Source, amount: Money) {
    on_invoice(account, id, |invoice| {
        match invoice.allocations.iter_mut().find(|allocation| allocation.source == *source) {
            Some(allocation) => {
                let sum = allocation.amount.minor() + amount.minor();
                allocation.amount = Money::new(sum, amount.currency());
            }
            None => invoice.allocations.push(Allocation { source: source.clone(), amount }),
        }
    });
}

/// An invoice that is opened again was not warned: a warning counts only if it has been open ever
/// since (PAY-5).
fn take_from_invoice(account: &mut Account, id: &InvoiceId, source: &Source, amount: Money) {
    on_invoice(account, id, |invoice| {
        let was_open = invoice.is_open();
        for allocation in invoice.allocations.iter_mut().filter(|known| known.source == *source) {
            let left = allocation.amount.minor().saturating_sub(amount.minor());
            allocation.amount = Money::new(left, amount.currency());
        }
        invoice.allocations.retain(|allocation| !allocation.amount.is_zero());
        if !was_open {
            invoice.warnings.clear();
        }
    });
}

fn end_exception(account: &mut Account, scope: &Scope) {
    let Some(exception) = account.exceptions.remove(scope) else { return };
    if !exception.relocks {
        for invoice in &exception.old_debts {
            on_invoice(account, invoice, |invoice| invoice.never_locks = true);
        }
    }
}

fn queue(account: &mut Account, letter: &Letter) {
    account.next_number = account.next_number.max(letter.id.0 + 1);
    if let Content::Debt { parts } = &letter.content {
        for part in parts {
            part_happened(account, part, letter.queued_on);
        }
    }
    if let Content::Receipt { payment } = &letter.content
        && let Some(payment) = account.payments.get_mut(payment)
    {
        payment.has_receipt = true;
    }
    account.letters.insert(letter.id, letter.clone());
}

fn extend(account: &mut Account, id: LetterId, part: &Part) {
    let mut queued_on = None;
    on_letter(account, id, |letter| {
        queued_on = Some(letter.queued_on);
        if let Content::Debt { parts } = &mut letter.content {
            parts.push(part.clone());
        }
    });
    if let Some(day) = queued_on {
        part_happened(account, part, day);
    }
}

fn part_happened(account: &mut Account, part: &Part, day: Day) {
    if part.kind == DebtKind::Reminder {
        return;
    }
    for invoice in &part.invoices {
        on_invoice(account, invoice, |invoice| happened(invoice, day));
    }
}

/// Something happened to the invoice that day: after a rejected dispute that is all for it.
fn happened(invoice: &mut Invoice, day: Day) {
    if let Some(catch_up) = &mut invoice.catch_up {
        catch_up.last_on = Some(day);
    }
}

/// A debt letter warns each invoice in it, unless it is a reminder (LET-9).
fn leave(account: &mut Account, id: LetterId, sending: &Sending) {
    let mut is_debt = false;
    on_letter(account, id, |letter| {
        is_debt = letter.content.is_debt();
        letter.state = LetterState::Left(sending.clone());
    });
    warned_nobody(account, id); // claimed before, it didn't leave then (LET-4)
    if !is_debt || sending.kind == LetterKind::Reminder {
        return;
    }
    for invoice in &sending.invoices {
        let warning = Warning { letter: id, on: sending.on };
        on_invoice(account, invoice, |invoice| invoice.warnings.push(warning));
    }
}

/// A newer arrangement covers what an older one was broken for.
fn not_broken(account: &mut Account, invoices: &BTreeSet<InvoiceId>) {
    for invoice in invoices {
        on_invoice(account, invoice, |invoice| invoice.broken = None);
    }
}

fn bounce(account: &mut Account, contact: u32, letter: LetterId) {
    if let Some(contact) = account.profile.contacts.get_mut(contact as usize) {
        contact.is_bounced = true;
    }
    warned_nobody(account, letter);
}

fn warned_nobody(account: &mut Account, letter: LetterId) {
    for invoice in account.invoices.values_mut() {
        invoice.warnings.retain(|warning| warning.letter != letter);
    }
}

fn step_done<'a>(
    account: &mut Account,
    (step, scope): (StepKey, &Scope),
    day: Day,
    invoices: impl Iterator<Item = &'a InvoiceId>,
) {
    let mark = StepMark { on: day, is_skipped: false };
    match step.when {
        crate::policy::When::DaysOverdue(_) => {
            for invoice in invoices {
                on_invoice(account, invoice, |invoice| {
                    invoice.steps.insert(step, mark);
                    happened(invoice, day);
                });
            }
        }
        crate::policy::When::AfterLock(_) => {
            for invoice in invoices {
                on_invoice(account, invoice, |invoice| happened(invoice, day));
            }
            if let Some(lock) = account.locks.get_mut(scope) {
                lock.steps.insert(step);
            }
        }
    }
}

fn skip_step(
    account: &mut Account,
    (step, scope): (StepKey, &Scope),
    day: Day,
    invoice: Option<&InvoiceId>,
) {
    match invoice {
        Some(invoice) => on_invoice(account, invoice, |invoice| {
            invoice.steps.insert(step, StepMark { on: day, is_skipped: true });
        }),
        None => {
            if let Some(lock) = account.locks.get_mut(scope) {
                lock.steps.insert(step);
            }
        }
    }
}

/// The account after those events.
pub fn fold(mut account: Account, events: &[Event]) -> Account {
    for event in events {
        apply(&mut account, event);
    }
    account
}

/// What each source put on invoices and holds as credit: for invariants.
pub fn money_by_source(account: &Account) -> BTreeMap<Source, u64> {
    let mut sums = BTreeMap::new();
    for allocation in account.invoices.values().flat_map(|invoice| &invoice.allocations) {
        *sums.entry(allocation.source.clone()).or_insert(0) += allocation.amount.minor();
    }
    for (source, credit) in &account.credits {
        *sums.entry(source.clone()).or_insert(0) += credit.amount.minor();
    }
    sums
}
