//! What staff are told of (STAFF-1): the events of a commit, put for somebody who looks after the client.
//!
//! Told are locks, letters, bounces, responses and tasks; what is money alone shows on the pages. What
//! waits for a decision while a clock runs is told at once, unless the daily run found it: then the day's
//! digest comes first thing anyway, and thirty steps of one night are one message. No personal text is told:
//! a reason or a complaint is read where whoever reads it is signed in (SEC-5).

use serde::{Deserialize, Serialize};

use crate::account::{Account, UnlockWay};
use crate::calendar::for_person;
use crate::charge::ChargeOutcome;
use crate::command::DisputeOutcome;
use crate::event::Event;
use crate::id::StaffId;
use crate::lock::{LockCause, Scope};
use crate::plan::Outcome;
use crate::role::{Actor, Role};
use crate::task::{About, Task};

/// What a piece of news is about, in the order in which it is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Matter {
    /// It waits for a decision.
    Decision,
    /// It waits for somebody.
    Task,
    /// The portal was closed or opened.
    Portal,
    /// The client answered, or what it had promised came to an end.
    Answer,
    /// A letter came back.
    Bounce,
    /// A letter left.
    Letter,
}

impl Matter {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Decision, Self::Task, Self::Portal, Self::Answer, Self::Bounce, Self::Letter];
}

/// One piece of news about a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// About what.
    pub matter: Matter,
    /// In words, after the client's name and a colon; lower case and without a full stop.
    pub text: String,
    /// Whose it is to do.
    pub waits_for: Option<WaitsFor>,
}

/// Whose something is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WaitsFor {
    /// Whoever has that role at the client.
    Role(Role),
    /// A person, whoever it is.
    Person(StaffId),
}

/// What staff are told of these events, which one command had.
pub fn news(events: &[Event]) -> Vec<News> {
    let told: Vec<_> = events.iter().filter_map(|event| Some((event, of(event)?))).collect();
    let has = |is: fn(&Event) -> bool| told.iter().any(|(event, _)| is(event));
    let is_locked = has(|event| matches!(event, Event::Locked { .. }));
    // An answer is told by what it was, also where that is a task; a message is an answer and nothing else.
    let is_said_otherwise = has(|event| {
        matches!(
            event,
            Event::DisputeBegun { .. }
                | Event::PromiseBegun { .. }
                | Event::PlanBegun(_)
                | Event::TaskOpened(_)
        )
    });
    let is_said = |(event, _): &(&Event, News)| match event {
        Event::Responded { .. } => !is_said_otherwise,
        // Locked by hand with nothing owed: whoever did it knows that it could be opened again.
        Event::TaskOpened(task) => !(is_locked && task.about == About::ReadyForUnlock),
        _ => true,
    };
    told.into_iter().filter(is_said).map(|(_, news)| news).collect()
}

/// Whether there is anything to tell of these events.
pub fn is_told(events: &[Event]) -> bool {
    !news(events).is_empty()
}

/// Whether that is told at once.
pub fn is_told_at_once(actor: &Actor, events: &[Event]) -> bool {
    let is_of_the_run = matches!(actor, Actor::Schedule | Actor::Import);
    !is_of_the_run && news(events).iter().any(|news| news.matter == Matter::Decision)
}

/// Whether what an event left for somebody to do is still there; of anything else, it is as it was.
pub fn still_waits(account: &Account, event: &Event) -> bool {
    match event {
        Event::UnlockRequested(request) => account.request.as_ref() == Some(request),
        Event::TaskOpened(task) => account.tasks.contains_key(&task.id),
        Event::TaskAssigned { task, to } => {
            account.tasks.get(task).is_some_and(|task| task.assignee.as_ref() == Some(to))
        }
        _ => true,
    }
}

/// The portal, or what of it is for a service line (LOCK-5).
fn portal(scope: &Scope) -> String {
    scope.line().map_or("portal".to_owned(), |line| format!("portal for {line}"))
}

fn of(event: &Event) -> Option<News> {
    let plain = |matter, text: String| Some(News { matter, text, waits_for: None });
    match event {
        // Everything else about a charge is money, and shows on the pages.
        Event::ChargeEnded { charge, outcome: ChargeOutcome::Unclear, .. } => Some(News {
            matter: Matter::Task,
            text: format!(
                "whether charge {charge} was taken isn't known: look for it at the gateway"
            ),
            waits_for: Some(WaitsFor::Role(Role::BillingLead)),
        }),
        Event::Locked { lock, .. } => {
            // The rule's reason is numbers; a person's own words stay where the person put them.
            let why = match &lock.cause {
                LockCause::Rule(reason) => reason.to_string(),
                LockCause::Hand(_) => "by hand".to_owned(),
            };
            let what = portal(&lock.scope);
            plain(Matter::Portal, format!("{what} locked, {why}"))
        }
        Event::Unlocked { unlocked, .. } => {
            let what = portal(&unlocked.scope);
            let how = match &unlocked.way {
                UnlockWay::Approved { by, .. } => format!("{what} open again, approved by {by}"),
                UnlockWay::Payment => format!("{what} open again, everything is paid"),
                UnlockWay::Exception { by } => format!("{what} open by exception of {by}"),
                UnlockWay::Undone { by, .. } => {
                    format!("{what} open again, the run undone by {by}")
                }
            };
            plain(Matter::Portal, how)
        }
        Event::LimitBegun(limit) => {
            plain(Matter::Portal, format!("portal limited, {}", limit.reason))
        }
        Event::LimitEnded { .. } => plain(Matter::Portal, "portal no longer limited".to_owned()),
        Event::ClientClosed(closed) => {
            plain(Matter::Portal, format!("engagement ended, approved by {}", closed.by))
        }
        Event::DeletionPutOff(put_off) => {
            let until = for_person(put_off.until);
            plain(Matter::Portal, format!("personal data kept until {until}, by {}", put_off.by))
        }
        Event::ClientErased(_) => plain(Matter::Portal, "personal data deleted".to_owned()),
        Event::UnlockRequested(request) => Some(News {
            matter: Matter::Decision,
            text: format!("{} asks for the unlock", request.by),
            waits_for: Some(WaitsFor::Role(Role::Partner)),
        }),
        Event::UnlockRejected { by, .. } => {
            plain(Matter::Portal, format!("the unlock that {by} asked for was rejected"))
        }
        Event::UnlockRequestExpired { by } => {
            plain(Matter::Portal, format!("nobody decided on the unlock that {by} asked for"))
        }
        Event::TaskOpened(task) => of_task(task),
        Event::TaskAssigned { to, .. } => Some(News {
            matter: Matter::Task,
            text: format!("a task is {to}'s now"),
            waits_for: Some(WaitsFor::Person(to.clone())),
        }),
        Event::DisputeBegun { invoice, dispute } => {
            let amount = dispute.amount.for_person();
            plain(Matter::Answer, format!("disputes {amount} of invoice {invoice}"))
        }
        Event::DisputeEnded { invoice, outcome } => {
            let how = match outcome {
                DisputeOutcome::Upheld => "upheld",
                DisputeOutcome::Rejected => "rejected",
                DisputeOutcome::Withdrawn => "withdrawn",
                DisputeOutcome::Settled => return None, // the invoice is no longer owed
            };
            plain(Matter::Answer, format!("the dispute on invoice {invoice} is {how}"))
        }
        Event::PromiseBegun { promise, .. } => {
            plain(Matter::Answer, format!("promises to pay by {}", for_person(promise.until)))
        }
        Event::PromiseEnded { outcome: Outcome::Broken, .. } => {
            plain(Matter::Answer, "a promise was not kept".to_owned())
        }
        Event::PlanBegun(_) => plain(Matter::Answer, "a payment plan begins".to_owned()),
        Event::PlanEnded { outcome: Outcome::Broken } => {
            plain(Matter::Answer, "the payment plan was not kept".to_owned())
        }
        Event::Responded { .. } => plain(Matter::Answer, "answered".to_owned()),
        Event::AddressBounced { .. } => {
            plain(Matter::Bounce, "a letter came back, its address takes no more mail".to_owned())
        }
        Event::LetterLeft { sending, .. } => {
            plain(Matter::Letter, sending.kind.as_str().replace('_', " "))
        }
        Event::AccountOpened(_)
        | Event::ProfileChanged(_)
        | Event::PeopleAssigned { .. }
        | Event::InvoiceIssued(_)
        | Event::InvoicePosted { .. }
        | Event::InvoiceVoided { .. }
        | Event::InvoiceWrittenOff { .. }
        | Event::FeeCharged { .. }
        | Event::FeePassedOver { .. }
        | Event::FeeTakenBack { .. }
        | Event::FeeWaived { .. }
        | Event::PaymentChanged { .. }
        | Event::PaymentMismatched { .. }
        | Event::CreditNoteIssued { .. }
        | Event::CreditMoved { .. }
        | Event::CollectionRests { .. }
        | Event::DisputeReviewed { .. }
        | Event::CaughtUp { .. }
        | Event::PromiseEnded { .. }
        | Event::PlanEnded { .. }
        | Event::HoldBegun { .. }
        | Event::HoldEnded { .. }
        | Event::HardStopped { .. }
        | Event::EpisodeMoved { .. }
        | Event::LimitChanged(_)
        | Event::ExceptionBegun(_)
        | Event::ExceptionEnded
        | Event::LineExceptionEnded { .. }
        | Event::LetterQueued(_)
        | Event::LetterExtended { .. }
        | Event::LetterWithdrawn { .. }
        | Event::Reminded { .. }
        | Event::StepDone { .. }
        | Event::StepReached { .. }
        | Event::StepSkipped { .. }
        | Event::TaskExtended { .. }
        | Event::ReferralApproved { .. }
        | Event::ReferralReturned { .. }
        | Event::TaskClosed { .. }
        | Event::PayLinkMade(_)
        | Event::PayLinkRevoked { .. }
        | Event::MethodSaved(_)
        | Event::MethodRemoved { .. }
        | Event::DefaultMethodSet { .. }
        | Event::MethodStopped { .. }
        | Event::ChargeRequested(_)
        | Event::ChargeAsked { .. }
        | Event::ChargeEnded { .. }
        | Event::MessageCame(_)
        | Event::MessageWritten(_)
        | Event::MessageRead { .. }
        | Event::NoteAdded(_) => None,
    }
}

fn of_task(task: &Task) -> Option<News> {
    let (matter, role, text) = match &task.about {
        About::ReadyForUnlock => {
            (Matter::Decision, Role::BillingLead, "everything overdue is paid, ask for the unlock")
        }
        About::ApproveStep { step, .. } => {
            let step = step.action.as_str().replace('_', " ");
            let text = format!("the {step} leaves when a partner approves it");
            let waits_for = Some(WaitsFor::Role(Role::Partner));
            return Some(News { matter: Matter::Decision, text, waits_for });
        }
        About::CollectionsReferral { .. } => {
            (Matter::Decision, Role::Partner, "to be handed to collections, if a partner approves")
        }
        About::CloseProposal { .. } => (
            Matter::Decision,
            Role::Partner,
            "the engagement is to be ended, if a partner approves",
        ),
        About::ReviewTask { .. } => {
            (Matter::Task, Role::Partner, "no answer for weeks, to be reviewed")
        }
        About::BouncedAddress { .. } => return None, // told as the letter that came back
        About::LetterStuck { .. } => {
            (Matter::Task, Role::BillingLead, "nobody can tell whether a demand left")
        }
        About::NoAddress => {
            (Matter::Task, Role::BillingLead, "no address to write to, so nothing locks by itself")
        }
        About::UnlockAsked { .. } => {
            (Matter::Decision, Role::BillingLead, "the client asks for its portal to be opened")
        }
        About::PlanRequest { .. } => {
            (Matter::Decision, Role::Partner, "the client asks for a payment plan")
        }
        About::RecordsRequest => (Matter::Task, Role::Preparer, "asks for its own records"),
        About::Message { .. } => {
            (Matter::Task, Role::BillingLead, "wrote, and harsher steps wait until it is read")
        }
        About::Mismatch { .. } => {
            (Matter::Task, Role::BillingLead, "a payment isn't what was expected")
        }
    };
    Some(News { matter, text: text.to_owned(), waits_for: Some(WaitsFor::Role(role)) })
}
