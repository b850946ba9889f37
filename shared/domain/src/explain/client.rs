//! The same explanation to the client: in its own voice, without what is the firm's business (EVAL-5, POR-1).

use std::collections::BTreeSet;

use super::stops::{Stop, stops};
use super::{MAX_AHEAD, MAX_INVOICES_AHEAD, invoices, overdue_since};
use crate::account::{Account, Collection, NotCollected};
use crate::calendar::{Day, for_person};
use crate::charge::Charge;
use crate::decide::Context;
use crate::event::Event;
use crate::foretell::{Coming, foretell};
use crate::id::{InvoiceId, ServiceLine};
use crate::invoice::Invoice;
use crate::letter::{Content, Letter, LetterKind};
use crate::lock::{Lock, Scope};
use crate::task::About;
use crate::text::sentence;

/// Why, and what next, to the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForClient {
    /// How things stand, the most important first.
    pub why: Vec<String>,
    /// What comes if nothing happens, day by day; what the client sees nothing of is left out.
    pub next: Vec<Follows>,
}

/// What comes on a day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Follows {
    /// When.
    pub on: Day,
    /// What, in sentences.
    pub what: Vec<String>,
    /// What the client can do about it: each was tried on a copy, and nothing of it was left.
    pub stopped_by: Vec<String>,
}

/// Explains an account to its client.
pub fn explain_to_client(account: &Account, context: &Context<'_>) -> ForClient {
    let steps = if MAX_INVOICES_AHEAD < account.invoices.len() { 1 } else { MAX_AHEAD };
    let coming = foretell(account, context).take(steps);
    ForClient {
        why: why(account, context),
        next: coming.filter_map(|c| follows(&c, context)).collect(),
    }
}

fn follows(coming: &Coming, context: &Context<'_>) -> Option<Follows> {
    let what: Vec<_> =
        happens(&coming.events, |_| true).iter().map(|what| sentence(what)).collect();
    (!what.is_empty()).then(|| Follows {
        on: coming.on,
        what,
        stopped_by: stops(coming, context).iter().filter_map(Stop::for_client).collect(),
    })
}

fn why(account: &Account, context: &Context<'_>) -> Vec<String> {
    if let Some(closed) = &account.closed {
        return vec![format!("Our engagement ended on {}.", for_person(closed.on))];
    }
    let mut locks: Vec<_> = account.locks.values().collect();
    locks.sort_by_key(|lock| (lock.on, lock.episode));
    let mut why: Vec<_> = locks.into_iter().map(locked).collect();
    if let Some(limit) = account.limit.as_ref().filter(|_| why.is_empty()) {
        let on = for_person(limit.on);
        why.push(format!("A part of your portal is closed since {on}: {}.", limit.reason));
    }
    why.extend(invoices(account, context, overdue_invoice));
    if why.is_empty() {
        why.push("Your portal is open, and nothing is overdue.".to_owned());
    }
    why
}

fn locked(lock: &Lock) -> String {
    let what = part(&lock.scope);
    let on = for_person(lock.on);
    sentence(&format!("{what} is locked since {on}: {}", lock.cause.text()))
}

fn part(scope: &Scope) -> String {
    match scope.line() {
        None => "your portal".to_owned(),
        Some(line) if line.as_str() == ServiceLine::UNNAMED => "a part of your portal".to_owned(),
        Some(line) => format!("your portal for {line}"),
    }
}

fn overdue_invoice(invoice: &Invoice, collection: Collection, day: Day) -> String {
    let start = overdue_since(invoice, day);
    match collection {
        Collection::Collect => match invoice.first_warned_on() {
            Some(on) => format!("{start}; we wrote to you about it on {}.", for_person(on)),
            None => format!("{start}."),
        },
        Collection::DoNotCollect(why) => match not_asked_for(why) {
            Some(why) => format!("{start}; we don't ask for it now, since {why}."),
            None => format!("{start}; we don't ask for it now."),
        },
    }
}

/// Why an invoice isn't asked for; `None`: that is the firm's business.
fn not_asked_for(why: NotCollected) -> Option<&'static str> {
    match why {
        NotCollected::Disputed => Some("you told us that something is wrong with it"),
        NotCollected::Promised => Some("you promised to pay it"),
        NotCollected::Planned => Some("your payment plan covers it"),
        NotCollected::InFlight => Some("a bank debit on its way covers it"),
        NotCollected::WithCollections => Some("a collection agency asks for it"),
        NotCollected::Resting => Some("your bank took a payment back a moment ago"),
        NotCollected::Closed
        | NotCollected::NotPosted
        | NotCollected::BelowThreshold
        | NotCollected::HardStop
        | NotCollected::OnHold => None,
    }
}

/// What events do to the client, as far as they are about what concerns somebody: in words, lower case and without
/// a full stop, each once.
pub fn happens(events: &[Event], concerns: impl Fn(&BTreeSet<InvoiceId>) -> bool) -> Vec<String> {
    let mut happens = Vec::new();
    for event in events {
        let told = match event {
            Event::Locked { lock, invoices } if concerns(invoices) => {
                Some(format!("{} is locked", part(&lock.scope)))
            }
            Event::LimitBegun(_) => Some("a part of your portal is closed".to_owned()),
            Event::LimitEnded { .. } => Some("all of your portal is open again".to_owned()),
            Event::Unlocked { unlocked, .. } => {
                Some(format!("{} is open again", part(&unlocked.scope)))
            }
            Event::FeeCharged { invoice, fee } if concerns(&BTreeSet::from([invoice.clone()])) => {
                let amount = fee.amount.for_person();
                Some(format!("a late fee of {amount} is added to invoice {invoice}"))
            }
            Event::ChargeRequested(Charge { id, amount, .. })
                if concerns(&BTreeSet::from([id.invoice.clone()])) =>
            {
                let (amount, invoice) = (amount.for_person(), &id.invoice);
                Some(format!("we charge {amount} for invoice {invoice} to your saved method"))
            }
            Event::LetterQueued(Letter { content: Content::Debt { parts }, .. }) => {
                let parts = parts.iter().filter(|part| concerns(&part.invoices));
                let kind = parts.map(|part| part.kind).max().map(LetterKind::from);
                kind.map(|kind| format!("we send you {}", letter(kind)))
            }
            Event::TaskOpened(task) => match &task.about {
                About::CollectionsReferral { invoices, .. } if concerns(invoices) => {
                    Some("we decide whether to hand the debt to a collection agency".to_owned())
                }
                About::CloseProposal { invoices, .. } if concerns(invoices) => {
                    Some("we decide whether to end our engagement".to_owned())
                }
                _ => None, // the firm's own work
            },
            _ => None, // nothing that the client sees
        };
        happens.extend(told.filter(|told| !happens.contains(told)));
    }
    happens
}

fn letter(kind: LetterKind) -> String {
    let name = kind.as_str().replace('_', " ");
    format!("a {name}")
}
