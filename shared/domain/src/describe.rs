//! Events in sentences: what the rehearsal prints, the console shows and the audit trail reads.
//!
//! One place says how a decision is worded, so that the same event never reads two ways. The client is
//! the subject of the page or line that a sentence stands in, and isn't named again. Reasons and
//! other personal text are part of a sentence: it is for people who may read the account, not for
//! logs (SEC-5).

use std::collections::BTreeSet;
use std::fmt;

use crate::access::Capability;
use crate::account::{ExceptionEnd, UnlockWay, Unlocked};
use crate::calendar::for_person;
use crate::charge::{Charge, ChargeOutcome, DeclineKind};
use crate::command::{DisputeOutcome, News};
use crate::event::{Event, Settlement, SkipReason};
use crate::fee::{Fee, FeeCause};
use crate::id::{InvoiceId, ServiceLine};
use crate::invoice::{Invoice, Posting, Source};
use crate::letter::{Content, Letter, LetterKind, Part};
use crate::money::Money;
use crate::note::NoteKind;
use crate::payment::{ChargebackState, PaymentState, Seen};
use crate::people::People;
use crate::plan::Outcome;
use crate::policy::{StepKey, When};
use crate::task::About;

/// The event in a sentence, lower case and without a full stop.
pub fn describe(event: &Event) -> String {
    match event {
        Event::AccountOpened(profile) => format!("becomes a client of class {}", profile.class),
        Event::ProfileChanged(profile) => {
            format!("changes name, class or contacts; class {}", profile.class)
        }
        Event::PeopleAssigned { was, now } => people(was, now),
        Event::InvoiceIssued(invoice) => issued(invoice),
        Event::InvoicePosted { invoice, number: None } => format!("posts invoice {invoice}"),
        Event::InvoicePosted { invoice, number: Some(number) } => {
            format!("posts {invoice} as invoice {number}")
        }
        Event::NoteAdded(note) => {
            // Without what it says: that is for whoever asks for the notes.
            let what = match note.kind {
                NoteKind::Note => "writes a note",
                NoteKind::Call => "logs a call",
            };
            let about = note.invoice.as_ref().map(|id| format!(" about invoice {id}"));
            format!("{what}{}", about.unwrap_or_default())
        }
        // Without what they say: that is for whoever asks for the messages.
        Event::MessageCame(message) => format!("writes a message {}", message.channel.words()),
        Event::MessageWritten(_) => "writes a message to the client".to_owned(),
        Event::MessageRead { by, .. } => format!("reads the client's messages, as {by}"),
        Event::PayLinkMade(link) => {
            format!("makes a link to pay {} with", list(&link.invoices))
        }
        Event::PayLinkRevoked { letter: None, .. } => "takes a link to pay back".to_owned(),
        Event::PayLinkRevoked { letter: Some(letter), .. } => {
            format!("takes the link of letter {} back", letter.0)
        }
        Event::InvoiceVoided { invoice, reason, .. } => {
            format!("voids invoice {invoice}: {}", reason.as_str())
        }
        Event::InvoiceWrittenOff { invoice, reason, amount, .. } => {
            format!("writes off {} of invoice {invoice}: {}", amount.for_person(), reason.as_str())
        }
        Event::FeeCharged { invoice, fee } => charged(invoice, fee),
        Event::FeePassedOver { invoice, fee } => {
            let day = for_person(fee.for_day);
            format!("passes over the late fee for {day} on invoice {invoice}: it came to nothing")
        }
        Event::FeeTakenBack { invoice, fee, released, .. } => format!(
            "takes back late fee {fee} of invoice {invoice}, paid on the day of the fee{}",
            freed(released)
        ),
        Event::FeeWaived { invoice, fee, reason, released, .. } => {
            let reason = reason.as_str();
            format!("waives late fee {fee} of invoice {invoice}: {reason}{}", freed(released))
        }
        Event::PaymentChanged { payment, news, now, settlement, .. } => {
            format!("{}{}", told(payment.as_str(), news, *now), moved(settlement))
        }
        Event::PaymentMismatched { payment, told } => {
            format!(
                "marks nothing paid: {} told for payment {payment} doesn't match",
                told.for_person()
            )
        }
        Event::CreditNoteIssued { id, amount, settlement, .. } => {
            format!("issues credit note {id} of {}{}", amount.for_person(), moved(settlement))
        }
        Event::CreditMoved { source, settlement, .. } => {
            format!("moves credit of {source}{}", moved(settlement))
        }
        Event::CollectionRests { invoices, before } => {
            let before = for_person(*before);
            format!("rests collection of {} until the start of {before}", list(invoices))
        }
        Event::DisputeBegun { invoice, dispute } => {
            let amount = dispute.amount.for_person();
            format!(
                "begins a dispute of {amount} on invoice {invoice}: {}",
                dispute.reason.as_str()
            )
        }
        Event::DisputeReviewed { invoice, .. } => {
            format!("reviews the dispute on invoice {invoice}")
        }
        Event::DisputeEnded { invoice, outcome } => {
            format!("ends the dispute on invoice {invoice}: {}", dispute_outcome(*outcome))
        }
        Event::CaughtUp { invoice } => {
            format!("has caught up with invoice {invoice} after its dispute")
        }
        Event::PromiseBegun { promise, .. } => {
            let until = for_person(promise.until);
            format!("begins a promise to pay {} by {until}", list(&promise.invoices))
        }
        Event::PromiseEnded { invoices, outcome } => {
            format!("ends the promise for {}: {}", list(invoices), outcome_name(*outcome))
        }
        Event::PlanBegun(plan) => format!(
            "begins a plan over {} for {}, {}",
            list(&plan.invoices),
            plan.covered.for_person(),
            count(plan.instalments.len(), "instalment")
        ),
        Event::PlanEnded { outcome } => format!("ends the plan: {}", outcome_name(*outcome)),
        Event::HoldBegun { invoice, hold } => {
            let until = hold.until.map(|until| format!(" until {}", for_person(until)));
            let until = until.unwrap_or_default();
            format!("puts {} on hold{until}: {}", held(invoice.as_ref()), hold.reason.as_str())
        }
        Event::HoldEnded { invoice } => format!("ends the hold on {}", held(invoice.as_ref())),
        Event::HardStopped { reason, .. } => {
            format!("stops collection for good: {}", reason.as_str())
        }
        Event::Locked { lock, invoices } => {
            let over =
                if invoices.is_empty() { String::new() } else { format!(" ({})", list(invoices)) };
            format!("locks {}: {}{over}", lock.scope, lock.cause.text())
        }
        Event::LimitBegun(limit) => {
            format!("limits the portal, without {}: {}", words(&limit.capabilities), limit.reason)
        }
        Event::LimitChanged(limit) => {
            let without = words(&limit.capabilities);
            format!("goes on limiting the portal, without {without}: {}", limit.reason)
        }
        Event::LimitEnded { was, .. } => format!("ends the limit of the portal: {was}"),
        Event::ClientClosed(closed) => format!("ends the engagement, approved by {}", closed.by),
        Event::DeletionPutOff(put_off) => {
            let until = for_person(put_off.until);
            format!("keeps the client's personal data until {until}: {}", put_off.reason.as_str())
        }
        Event::ClientErased(erased) => {
            format!("deletes the client's personal data: {}", erased.gone)
        }
        Event::EpisodeMoved { policy } => {
            format!(
                "moves the running episode to version {} of policy {}",
                policy.version, policy.class
            )
        }
        Event::Unlocked { unlocked, .. } => unlocked_by(unlocked),
        Event::UnlockRequested(request) => format!(
            "asks for the unlock{}, by {}; the request expires at the start of {}",
            of_lines(&request.lines),
            request.by,
            for_person(request.expires_on)
        ),
        Event::UnlockRejected { by, reason } if reason.as_str().is_empty() => {
            format!("rejects the unlock that {by} asked for")
        }
        Event::UnlockRejected { by, reason } => {
            format!("rejects the unlock that {by} asked for: {}", reason.as_str())
        }
        Event::UnlockRequestExpired { by } => format!("lets the request of {by} to unlock expire"),
        Event::ExceptionBegun(exception) => {
            let ends = match exception.ends {
                ExceptionEnd::Until(until) => format!("until {}", for_person(until)),
                ExceptionEnd::WithPlan => "while the plan is kept".to_owned(),
            };
            let of = of_lines(&exception.scope.line().cloned().into_iter().collect());
            format!("begins an exception{of} {ends}: {}", exception.reason.as_str())
        }
        Event::ExceptionEnded => "ends the exception".to_owned(),
        Event::LineExceptionEnded { line } => format!("ends the exception for {line}"),
        Event::LetterQueued(letter) => queued(letter),
        Event::LetterExtended { part, .. } => {
            format!("adds {} to the day's letter", part_text(part))
        }
        Event::LetterWithdrawn { letter, .. } => {
            format!("withdraws letter {}: it is no longer true", letter.0)
        }
        Event::LetterLeft { letter, sending } => {
            let over = over(&sending.invoices);
            let within = sending.within.as_ref().map_or_else(String::new, |within| {
                format!(
                    ", within the message of letter {} to client {}",
                    within.letter.0, within.client
                )
            });
            format!("sends letter {}, {}{over}{within}", letter.0, article(sending.kind))
        }
        Event::AddressBounced { contact, letter } => {
            format!("notes that letter {} came back from contact {}", letter.0, contact + 1)
        }
        Event::Reminded { invoice, reminders } => {
            let last = reminders.last().copied().unwrap_or(0);
            let days: Vec<_> = reminders.iter().map(u32::to_string).collect();
            let days = format!("{} {}", days.join(" and "), plural(last, "day"));
            format!("marks invoice {invoice} as reminded {days} before due")
        }
        Event::StepDone { step, invoices, .. } => {
            format!("reaches {}{}", step_text(*step), over(invoices))
        }
        Event::StepReached { step, invoices, .. } => {
            format!("waits for approval of {}{}", step_text(*step), over(invoices))
        }
        Event::StepSkipped { step, invoice, why, .. } => {
            let over = invoice.as_ref().map_or(String::new(), |invoice| format!(" over {invoice}"));
            format!("skips {}{over}: {}", step_text(*step), skip_reason(*why))
        }
        Event::TaskOpened(task) => format!("opens a task {}", to_do(&task.about)),
        Event::TaskExtended { task, invoices } => {
            format!("adds {} to task {}", list(invoices), task.0)
        }
        Event::TaskAssigned { task, to } => format!("assigns task {} to {to}", task.0),
        Event::ReferralApproved { by, .. } => {
            format!("approves the referral to collections, by {by}")
        }
        Event::ReferralReturned { reason, .. } => {
            format!("takes the debt back from collections: {}", reason.as_str())
        }
        Event::TaskClosed { kind, .. } => format!("closes the task {}", done(kind)),
        Event::Responded { .. } => "counts a response of the client".to_owned(),
        Event::MethodSaved(method) => format!("saves {} to be charged", method.label.as_str()),
        Event::MethodRemoved { method } => format!("removes the saved method {method}"),
        Event::DefaultMethodSet { method } => {
            format!("makes {method} the method that is charged")
        }
        Event::MethodStopped { method, .. } => format!("charges the method {method} no more"),
        Event::ChargeRequested(charge) => charging(charge),
        Event::ChargeAsked { charge } => format!("asks the gateway for charge {charge}"),
        Event::ChargeEnded { charge, outcome, .. } => {
            format!("ends charge {charge}: {}", charge_outcome(outcome))
        }
    }
}

fn charging(charge: &Charge) -> String {
    let (amount, invoice) = (charge.amount.for_person(), &charge.id.invoice);
    let attempt = charge.id.attempt;
    format!("charges {amount} for invoice {invoice} to the saved method, attempt {attempt}")
}

fn charge_outcome(outcome: &ChargeOutcome) -> String {
    match outcome {
        ChargeOutcome::Taken { payment } => format!("payment {payment}"),
        ChargeOutcome::Declined(decline) => {
            let then = match decline.kind {
                DeclineKind::Soft => "may be tried again",
                DeclineKind::Hard => "not to be tried again",
                DeclineKind::NeedsPayer => "the payer has to confirm",
            };
            format!("declined ({}), {then}", decline.code)
        }
        ChargeOutcome::Withdrawn => "no longer to be charged, and nobody was asked".to_owned(),
        ChargeOutcome::Unclear => {
            "no longer to be charged, and what the gateway did isn't known".to_owned()
        }
    }
}

/// Who looks after the client now, and who did where that is somebody else.
fn people(was: &People, now: &People) -> String {
    let parts = People::ROLES.into_iter().filter(|role| was.of(*role) != now.of(*role));
    let parts = parts.map(|role| {
        let names = |people: &People| {
            let names: Vec<_> = people.of(role).iter().map(ToString::to_string).collect();
            if names.is_empty() { "nobody".to_owned() } else { names.join(" and ") }
        };
        let what = role.as_str().replace('_', " ");
        format!("{} as {what}, before {}", names(now), names(was))
    });
    format!("names {}", parts.collect::<Vec<_>>().join("; "))
}

fn issued(invoice: &Invoice) -> String {
    let posting = match invoice.posting {
        Posting::Draft => ", as a draft".to_owned(),
        Posting::Scheduled(on) => format!(", posted on {}", for_person(on)),
        Posting::Posted => String::new(),
    };
    let (total, due) = (invoice.total.for_person(), for_person(invoice.due_on));
    let deposit = invoice.deposit.map(|deposit| format!(", for the {} account", deposit.as_str()));
    let deposit = deposit.unwrap_or_default();
    format!("issues invoice {} of {total}, due {due}{posting}{deposit}", invoice.id)
}

fn charged(invoice: &InvoiceId, fee: &Fee) -> String {
    let amount = fee.amount.for_person();
    let hand = if fee.cause == FeeCause::Hand { ", by hand" } else { "" };
    let beside = fee.invoice.as_ref().map(|number| format!(", as invoice {number}"));
    let day = for_person(fee.for_day);
    format!(
        "charges a late fee of {amount} for {day} on invoice {invoice}{hand}{}",
        beside.unwrap_or_default()
    )
}

/// What was paid on a fee and became credit.
fn freed(released: &[(Source, Settlement)]) -> String {
    released.iter().map(|(source, settlement)| format!("; {source}{}", moved(settlement))).collect()
}

/// The news, and what the payment is now where the news alone doesn't say it: a state of lower rank
/// changes nothing (PAY-3).
fn told(payment: &str, news: &News, now: PaymentState) -> String {
    match news {
        News::Told { amount, seen, .. } => {
            let amount = amount.for_person();
            let now = match (seen, now) {
                (Seen::Pending, PaymentState::Pending) => "is pending".to_owned(),
                (Seen::Failed, PaymentState::Failed) => "failed".to_owned(),
                (Seen::Succeeded, PaymentState::Succeeded) => "succeeded".to_owned(),
                (Seen::Returned, PaymentState::Returned) => "came back".to_owned(),
                (_, now) => format!("is told, and is {}", payment_state(now)),
            };
            format!("payment {payment} of {amount} {now}")
        }
        News::Refunded { id, amount } => {
            let amount = amount.map_or("what was left".to_owned(), Money::for_person);
            format!("refund {id} gives back {amount} of payment {payment}")
        }
        News::Chargeback { id, state } => {
            let state = match state {
                ChargebackState::Opened => "is opened",
                ChargebackState::Lost => "is lost",
                ChargebackState::Won => "is won",
            };
            format!("chargeback {id} of payment {payment} {state}")
        }
        News::Returned => format!("debit {payment} came back"),
    }
}

/// What money moved, after a colon; nothing if none did.
fn moved(settlement: &Settlement) -> String {
    let mut parts = Vec::new();
    let mut part =
        |amount: Money, place: String| parts.push(format!("{} {place}", amount.for_person()));
    if let Some(amount) = settlement.credit_taken {
        part(amount, "from client credit".to_owned());
    }
    for (invoice, amount) in &settlement.taken {
        part(*amount, format!("taken from {invoice}"));
    }
    for (invoice, amount) in &settlement.allocated {
        part(*amount, format!("to {invoice}"));
    }
    if let Some(amount) = settlement.credit_added {
        part(amount, "to client credit".to_owned());
    }
    if parts.is_empty() { String::new() } else { format!(": {}", parts.join(", ")) }
}

/// Whose unlock or exception it is, where it isn't all of the client's (LOCK-5).
fn of_lines(lines: &BTreeSet<ServiceLine>) -> String {
    let names: Vec<_> = lines.iter().map(ServiceLine::as_str).collect();
    if names.is_empty() { String::new() } else { format!(" for {}", names.join(", ")) }
}

fn unlocked_by(unlocked: &Unlocked) -> String {
    let what = &unlocked.scope;
    match &unlocked.way {
        UnlockWay::Approved { by, despite } if despite.is_empty() => {
            format!("unlocks {what}, approved by {by}")
        }
        UnlockWay::Approved { by, despite } => {
            format!("unlocks {what}, approved by {by} despite {}", list(despite))
        }
        UnlockWay::Payment => format!("unlocks {what}: everything is paid"),
        UnlockWay::Exception { by } => format!("unlocks {what} by exception of {by}"),
        UnlockWay::Undone { by, reason } => format!(
            "unlocks {what}: {by} took back what the day's run had done: {}",
            reason.as_str()
        ),
    }
}

fn queued(letter: &Letter) -> String {
    let leaves = match letter.leaves_on == letter.queued_on {
        true => String::new(),
        false => format!(", to leave on {}", for_person(letter.leaves_on)),
    };
    let what = match &letter.content {
        Content::Debt { parts } => {
            let parts: Vec<_> = parts.iter().map(part_text).collect();
            parts.join(" and ")
        }
        Content::WelcomeBack => article(LetterKind::WelcomeBack),
        Content::LineWelcomeBack { line } => {
            format!("{} for {line}", article(LetterKind::WelcomeBack))
        }
        Content::Receipt { payment } => {
            format!("{} for payment {payment}", article(LetterKind::Receipt))
        }
        Content::PaymentFailed { payment } => {
            format!("{} for payment {payment}", article(LetterKind::PaymentFailed))
        }
        Content::ChargeFailed { invoice, attempt } => format!(
            "{} for attempt {attempt} to charge invoice {invoice}",
            article(LetterKind::PaymentFailed)
        ),
        Content::PromiseConfirmation { invoices, until } => {
            format!(
                "{} over {} until {}",
                article(LetterKind::PromiseConfirmation),
                list(invoices),
                for_person(*until)
            )
        }
        Content::PlanConfirmation { invoices } => {
            format!("{} over {}", article(LetterKind::PlanConfirmation), list(invoices))
        }
        Content::PayLink { invoices, .. } => {
            format!("{} for {}", article(LetterKind::PayLink), list(invoices))
        }
        Content::Message { .. } => article(LetterKind::Message),
    };
    format!("queues {what}{leaves}")
}

fn part_text(part: &Part) -> String {
    format!("{}{}", article(part.kind.into()), over(&part.invoices))
}

/// The letter's kind in words, with its article.
fn article(kind: LetterKind) -> String {
    let name = match kind {
        LetterKind::WelcomeBack => "welcome-back letter",
        LetterKind::PaymentFailed => "payment-failed letter",
        LetterKind::Invitation => return "an invitation".to_owned(),
        LetterKind::SignInLink => "sign-in link",
        LetterKind::PayLink => "letter with a link to pay",
        LetterKind::Message => "letter with a message",
        LetterKind::LockNotice => "notice of the lock to come",
        LetterKind::LimitNotice => "notice of the limit to come",
        LetterKind::CloseNotice => "notice of the end to come",
        LetterKind::Reminder
        | LetterKind::Notice
        | LetterKind::DemandLetter
        | LetterKind::FinalDemand
        | LetterKind::Receipt
        | LetterKind::PromiseConfirmation
        | LetterKind::PlanConfirmation => return format!("a {}", kind.as_str().replace('_', " ")),
    };
    format!("a {name}")
}

fn step_text(step: StepKey) -> String {
    let name = step.action.words();
    if let Some(before) = step.before {
        let announced = step_text(step.step());
        return format!("the notice {before} {} before {announced}", plural(before, "day"));
    }
    match step.when {
        When::DaysOverdue(days) => {
            format!("the {name} at {days} {} overdue", plural(days, "day"))
        }
        When::AfterLock(0) => format!("the {name} with the lock"),
        When::AfterLock(days) => {
            format!("the {name} {days} {} after the lock", plural(days, "day"))
        }
    }
}

fn skip_reason(why: SkipReason) -> &'static str {
    match why {
        SkipReason::PassedOver => "a later one is due",
        SkipReason::Responded => "the client responded",
        SkipReason::CameTooLate => "the policy that brought it came after its day",
    }
}

/// What a limit takes, such as "statements and documents".
fn words(capabilities: &BTreeSet<Capability>) -> String {
    let words: Vec<_> = capabilities.iter().map(|capability| capability.words()).collect();
    match words.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => words.concat(),
    }
}

/// What a task asks of somebody.
fn to_do(about: &About) -> String {
    match about {
        About::ReadyForUnlock => "to ask for the unlock: nothing stands against it".to_owned(),
        About::ReviewTask { invoices, .. } => format!("to review {}", list(invoices)),
        About::ApproveStep { step, invoices } => {
            format!("to approve the {}{}", step.action.words(), over(invoices))
        }
        About::CollectionsReferral { invoices, .. } => {
            format!("to refer {} to collections", list(invoices))
        }
        About::CloseProposal { invoices, .. } => {
            format!("to end the engagement over {}", list(invoices))
        }
        About::BouncedAddress { contact, letter } => {
            format!("to mend an address: letter {} to contact {} came back", letter.0, contact + 1)
        }
        About::LetterStuck { letter } => format!("to find out whether letter {} left", letter.0),
        About::NoAddress => "to find an address: there is none to write to".to_owned(),
        About::RecordsRequest => "to hand over the client's own records".to_owned(),
        About::PlanRequest { invoices, wish } => {
            format!("to decide on a payment plan for {}: {}", list(invoices), wish.as_str())
        }
        About::UnlockAsked { words } => {
            let words = Some(words.as_str()).filter(|words| !words.is_empty());
            let words = words.map_or(String::new(), |words| format!(": {words}"));
            format!("to answer the client, who asks for the unlock{words}")
        }
        About::Message { .. } => {
            "to read what the client wrote; meanwhile nothing harsher than a reminder happens"
                .to_owned()
        }
        About::Mismatch { evidence, .. } => {
            format!("to look into a payment: {}", evidence.as_str())
        }
    }
}

/// The same, of a task by its kind's name.
fn done(kind: &str) -> &str {
    match kind {
        "ready_for_unlock" => "to ask for the unlock",
        "review_task" => "to review what is overdue",
        "approve_step" => "to approve a step",
        "collections_referral" => "to refer to collections",
        "close_proposal" => "to end the engagement",
        "bounced_address" => "to mend an address",
        "letter_stuck" => "to find out whether a letter left",
        "no_address" => "to find an address",
        "records_request" => "to hand over the client's own records",
        "plan_request" => "to decide on a payment plan",
        "unlock_asked" => "to answer the client, who asks for the unlock",
        "message" => "to read what the client wrote",
        "mismatch" => "to look into a payment",
        other => other,
    }
}

fn payment_state(state: PaymentState) -> &'static str {
    match state {
        PaymentState::Unknown => "not known yet",
        PaymentState::Pending => "pending",
        PaymentState::Failed => "failed",
        PaymentState::Succeeded => "succeeded",
        PaymentState::Returned => "returned",
        PaymentState::PartiallyRefunded => "partially refunded",
        PaymentState::Refunded => "refunded",
        PaymentState::ChargedBack => "charged back",
    }
}

fn dispute_outcome(outcome: DisputeOutcome) -> &'static str {
    match outcome {
        DisputeOutcome::Upheld => "upheld",
        DisputeOutcome::Rejected => "rejected",
        DisputeOutcome::Withdrawn => "withdrawn",
        DisputeOutcome::Settled => "nothing is owed any more",
    }
}

fn outcome_name(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Kept => "kept",
        Outcome::Broken => "broken",
        Outcome::Replaced => "a newer one takes its place",
        Outcome::Moot => "nothing that it covers is owed any more",
    }
}

fn held(invoice: Option<&InvoiceId>) -> String {
    invoice.map_or("the client".to_owned(), |invoice| format!("invoice {invoice}"))
}

fn over(invoices: &BTreeSet<InvoiceId>) -> String {
    if invoices.is_empty() { String::new() } else { format!(" over {}", list(invoices)) }
}

fn list(items: &BTreeSet<impl fmt::Display>) -> String {
    let items: Vec<_> = items.iter().map(|item| item.to_string()).collect();
    items.join(", ")
}

fn count(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{plural}")
}

fn plural(number: u32, noun: &str) -> String {
    if number == 1 { noun.to_owned() } else { format!("{noun}s") }
}
