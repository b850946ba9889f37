//! Why a client stands where it stands, and what comes next (EVAL-5): the same answer for console,
//! portal and API.
//!
//! Nothing is guessed: what comes next are the evaluations of the days to come on a copy of the account
//! ([`crate::foretell`]), what would stop it was tried on such a copy ([`stops`]), and the sentences are those of the
//! audit. The client is told the same in words of its own ([`client`]).

pub mod client;
mod rules;
mod stops;

use std::collections::BTreeSet;

use serde::Serialize;

use self::rules::rules;
use self::stops::{Stop, stops};

use crate::account::{Account, Collection, Exception, ExceptionEnd, NotCollected};
use crate::calendar::{Day, days_between, for_person};
use crate::command::Command;
use crate::decide::{Context, decide};
use crate::describe::describe;
use crate::event::Event;
use crate::foretell::{Coming, foretell};
use crate::id::InvoiceId;
use crate::invoice::Invoice;
use crate::lock::{Lock, LockCause};
use crate::message::left_lying;
use crate::policy::PolicyRef;
use crate::referral::Referral;
use crate::run::Latitude;
use crate::text::sentence;

/// How many overdue invoices are told one by one: what fits a screen; all of them are in the list of invoices.
const MAX_TOLD: usize = 12;

/// How many steps of the ladder are told: more than the presets have, to its end.
const MAX_AHEAD: usize = 12;

/// With more open invoices than this only the next step is told: some two hundred decisions find a whole ladder and
/// what stops each of its steps, and each takes longer then.
const MAX_INVOICES_AHEAD: usize = 60;

/// Why, and what next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// Sentences on how things stand, the most important first.
    pub why: Vec<String>,
    /// What the next evaluation that writes anything will do.
    pub next: Option<Next>,
    /// What follows after it, if nothing happens until then.
    pub later: Vec<Next>,
    /// Under which version of which policy.
    pub policy: PolicyRef,
}

/// What comes next.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Next {
    /// When.
    pub on: Day,
    /// What, in sentences.
    pub what: Vec<String>,
    /// What would stop it: each was tried on a copy, and none of it was left.
    pub stopped_by: Vec<String>,
    /// The rules that it comes of.
    pub rules: BTreeSet<&'static str>,
}

/// Explains an account on a day.
pub fn explain(account: &Account, context: &Context<'_>) -> Explanation {
    let mut why = portal(account, context.day);
    why.extend(old_ledger(context));
    why.extend(unread(account, context.day));
    why.extend(stopped(context));
    why.extend(account.exceptions.values().map(exception));
    why.extend(account.referrals().map(referred));
    why.extend(
        account.locks.values().filter_map(|lock| waiting_for_unlock(account, lock, context)),
    );
    why.extend(invoices(account, context, overdue_invoice));
    let mut ahead = ahead(account, context).into_iter();
    let (next, later) = (ahead.next(), ahead.collect());
    Explanation { why, next, later, policy: context.policy.id.clone() }
}

fn portal(account: &Account, day: Day) -> Vec<String> {
    if let Some((closed, erased)) =
        account.closed.as_ref().and_then(|c| Some((c, c.erased.as_ref()?)))
    {
        return vec![format!(
            "The engagement ended on {}, and the client's personal data were deleted on {}.",
            for_person(closed.on),
            for_person(erased.on)
        )];
    }
    if let Some(closed) = &account.closed {
        return vec![format!(
            "The engagement ended on {}, approved by {}.",
            for_person(closed.on),
            closed.by
        )];
    }
    let mut locks: Vec<_> = account.locks.values().collect();
    locks.sort_by_key(|lock| (lock.on, lock.episode));
    if !locks.is_empty() {
        return locks.into_iter().map(locked).collect();
    }
    if let Some(limit) = &account.limit {
        let on = for_person(limit.on);
        return vec![format!("The portal is limited since {on}: {}.", limit.reason)];
    }
    vec![match account.open_invoices().any(|invoice| invoice.is_overdue(day)) {
        true => "The portal is open, with invoices overdue.".to_owned(),
        false => "The portal is open: nothing is overdue.".to_owned(),
    }]
}

fn locked(lock: &Lock) -> String {
    let on = for_person(lock.on);
    let what = &lock.scope;
    match &lock.cause {
        LockCause::Rule(reason) => {
            let version = lock.policy.version;
            sentence(&format!(
                "{what} was locked by the rule of policy version {version} on {on}: {reason}"
            ))
        }
        LockCause::Hand(reason) => {
            let locked = sentence(&format!("{what} was locked by hand on {on}"));
            format!("{locked} {}", sentence(reason.as_str()))
        }
    }
}

/// What waits for an import or a sync, and since when (FRESH-1).
fn old_ledger(context: &Context<'_>) -> Option<String> {
    let ledger = context.ledger.filter(|ledger| !ledger.is_fresh(context.day))?;
    let age = ledger.age();
    Some(format!("Notices, demands and locks wait: the ledger comes from elsewhere and {age}."))
}

/// What waits until somebody has read what the client wrote, and since when (LET-8).
fn unread(account: &Account, day: Day) -> Option<String> {
    let (task, messages) = account.unread()?;
    let (what, it) = match messages.len() {
        0 | 1 => ("a message of the client's has".to_owned(), "it is"),
        many => (format!("{many} messages of the client's have"), "they are"),
    };
    let since = for_person(task.opened_on);
    let lying = left_lying(task.opened_on, day);
    let lying = lying.map(|days| format!(", for {days} days")).unwrap_or_default();
    Some(format!(
        "Notices, demands and locks wait until {it} read: {what} lain unread since {since}{lying}."
    ))
}

/// What waits until the firm lifts its stop (LOCK-10).
fn stopped(context: &Context<'_>) -> Option<String> {
    let is_stopped = context.latitude == Latitude::Stopped;
    is_stopped.then(|| "No lock is set and no letter leaves: the firm stopped both.".to_owned())
}

/// What a collector has, and since when (CLOSE-2).
fn referred(referral: Referral<'_>) -> String {
    let since = for_person(referral.since);
    let invoices: Vec<_> = referral.invoices.iter().map(ToString::to_string).collect();
    format!("With collections since {since}, approved by {}: {}.", referral.by, invoices.join(", "))
}

fn exception(exception: &Exception) -> String {
    let ends = match exception.ends {
        ExceptionEnd::Until(until) => format!("until {}", for_person(until)),
        ExceptionEnd::WithPlan => "as long as the plan is kept".to_owned(),
    };
    let of = exception.scope.line().map(|line| format!(" for {line}")).unwrap_or_default();
    format!(
        "No automatic lock is set{of} {ends}: an exception was granted on {}.",
        for_person(exception.begun_on)
    )
}

fn waiting_for_unlock(account: &Account, lock: &Lock, context: &Context<'_>) -> Option<String> {
    let unlock = &context.version(&lock.policy)?.policy.unlock;
    let test = account.unlock_test(&context.policy.policy, unlock, &lock.scope, context.day);
    let of = lock.scope.line().map(|line| format!(" of {line}")).unwrap_or_default();
    let it = lock.scope.line().map_or("It".to_owned(), |line| format!("What is {line}"));
    let asked = account.request.as_ref().filter(|request| request.asks_for(&lock.scope));
    let names = |ids: &BTreeSet<InvoiceId>| {
        ids.iter().map(InvoiceId::as_str).collect::<Vec<_>>().join(", ")
    };
    Some(match (test.holds(), asked) {
        (false, _) => {
            format!("{it} can't be unlocked while these are overdue: {}.", names(&test.open))
        }
        (true, None) => format!("Nothing stands against the unlock{of}: it can be asked for."),
        (true, Some(request)) => format!(
            "{} asked for the unlock{of} on {}: a partner can approve it.",
            request.by,
            for_person(request.on)
        ),
    })
}

/// Overdue invoices, the oldest first, each with why it is collected or not; of many only how many more.
fn invoices(
    account: &Account,
    context: &Context<'_>,
    said: fn(&Invoice, Collection, Day) -> String,
) -> Vec<String> {
    let view = account.collection(&context.policy.policy, context.day);
    let overdue = account.open_invoices().filter(|invoice| invoice.is_overdue(context.day));
    let mut overdue: Vec<_> = overdue.collect();
    overdue.sort_by(|a, b| (a.due_on, &a.id).cmp(&(b.due_on, &b.id)));
    let told = overdue.iter().take(MAX_TOLD);
    let mut why: Vec<_> =
        told.map(|invoice| said(invoice, view.of(invoice), context.day)).collect();
    why.extend(match overdue.len().saturating_sub(MAX_TOLD) {
        0 => None,
        1 => Some("1 more invoice is overdue.".to_owned()),
        more => Some(format!("{more} more invoices are overdue.")),
    });
    why
}

/// What is overdue of it, and for how long: a sentence's beginning.
fn overdue_since(invoice: &Invoice, day: Day) -> String {
    let days = days_between(invoice.due_on, day);
    let plural = if days == 1 { "" } else { "s" };
    let balance = invoice.balance().for_person();
    format!("Invoice {}: {balance} is {days} day{plural} overdue", invoice.id)
}

fn overdue_invoice(invoice: &Invoice, collection: Collection, day: Day) -> String {
    let start = overdue_since(invoice, day);
    match collection {
        Collection::Collect => match invoice.first_warned_on() {
            Some(on) => format!("{start}; the client was warned on {}.", for_person(on)),
            None => format!(
                "{start}; the client wasn't warned of it yet, so it doesn't count towards a lock."
            ),
        },
        Collection::DoNotCollect(why) => {
            format!("{start}, but is not collected: {}.", not_collected(why))
        }
    }
}

/// Why an invoice isn't collected, in words.
pub fn not_collected(why: NotCollected) -> &'static str {
    match why {
        NotCollected::Closed => "nothing is owed",
        NotCollected::NotPosted => "it isn't posted yet",
        NotCollected::Disputed => "all that is left of it is disputed",
        NotCollected::BelowThreshold => "it is at or under the collection threshold",
        NotCollected::HardStop => "nothing is collected from this client any more",
        NotCollected::OnHold => "it is on hold",
        NotCollected::Promised => "a promise covers it",
        NotCollected::Planned => "a payment plan covers it",
        NotCollected::InFlight => "a bank debit on its way covers it",
        NotCollected::WithCollections => "a collector has it",
        NotCollected::Resting => "collection rests after a returned debit",
    }
}

/// The ladder ahead, the first step of it as the next evaluation that writes anything.
fn ahead(account: &Account, context: &Context<'_>) -> Vec<Next> {
    let steps = if MAX_INVOICES_AHEAD < account.invoices.len() { 1 } else { MAX_AHEAD };
    let steps_ahead = foretell(account, context).map(|coming| step(&coming, context));
    // What is only kept in mind, such as an invoice more under an open task, is nothing to tell.
    steps_ahead.filter(|next| !next.what.is_empty()).take(steps).collect()
}

fn step(coming: &Coming, context: &Context<'_>) -> Next {
    let stops = stops(coming, context);
    Next {
        on: coming.on,
        what: told(&coming.events),
        stopped_by: stops.iter().map(Stop::for_staff).collect(),
        rules: rules(&coming.events),
    }
}

/// What the next evaluation that writes anything will do: for a glance at many clients.
pub fn what_next(account: &Account, context: &Context<'_>) -> Vec<String> {
    foretell(account, context).next().map(|coming| told(&coming.events)).unwrap_or_default()
}

/// What a command would do, without doing it: for confirmations that say what will happen.
pub fn preview(
    account: &Account,
    command: &Command,
    context: &Context<'_>,
) -> Result<Vec<String>, crate::refusal::Refusal> {
    let events = decide(account, command, context)?;
    Ok(told(&events))
}

fn told(events: &[Event]) -> Vec<String> {
    let audited = events.iter().filter(|event| event.is_audited());
    audited.map(|event| sentence(&describe(event))).collect()
}
