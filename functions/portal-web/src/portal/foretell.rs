//! What will happen, before a client says something of its debt (DIS-1, PROM-1, PLAN-1): in sentences, and as the
//! rules themselves would decide it on a copy of the account.

use std::collections::BTreeSet;

use domain::apply::apply;
use domain::calendar::{Day, plus};
use domain::command::Command;
use domain::decide::decide;
use domain::event::Event;
use domain::explain::client::happens;
use domain::foretell::foretell;
use domain::id::InvoiceId;
use domain::invoice::Invoice;
use domain::role::Actor;
use domain::text::{Personal, sentence};
use services::execute::View;

use crate::said;

/// How many invoices a form offers: what a browser sends of more is no form any more.
const MAX_OFFERED: usize = 200;

/// An invoice to choose.
pub(super) struct Offer {
    pub(super) number: String,
    pub(super) label: String,
    pub(super) is_chosen: bool,
}

impl Offer {
    fn of(invoice: &Invoice, day: Day, is_chosen: bool) -> Self {
        let (id, balance) = (&invoice.id, invoice.balance().for_person());
        let due = match invoice.is_overdue(day) {
            true => format!("overdue since {}", said::day(invoice.due_on)),
            false => format!("due {}", said::day(invoice.due_on)),
        };
        Self { number: id.to_string(), label: format!("{id}: {balance}, {due}"), is_chosen }
    }
}

/// What stands on each of these pages.
pub(super) struct Ask {
    /// What will happen, in sentences.
    pub(super) will: Vec<String>,
    /// Why it can't be done now, in a sentence.
    pub(super) refused: Option<String>,
    pub(super) offers: Vec<Offer>,
}

pub(super) fn trial(view: &View, actor: &Actor, command: &Command) -> Result<Vec<Event>, String> {
    let decided = decide(&view.loaded.account, command, &view.context(actor));
    decided.map_err(|refusal| sentence(&refusal.text))
}

/// What can be chosen of the invoices. Where nothing can, the rules say why, of the first of them.
fn offered<'a>(
    view: &View,
    actor: &Actor,
    mut invoices: impl Iterator<Item = &'a Invoice> + Clone,
    is_offered: impl Fn(&Invoice) -> bool,
    is_chosen: impl Fn(&Invoice) -> bool,
    command: impl Fn(&Invoice) -> Command,
) -> (Vec<Offer>, Option<String>) {
    let offered = invoices.clone().filter(|invoice| is_offered(invoice)).take(MAX_OFFERED);
    let offers: Vec<_> =
        offered.map(|invoice| Offer::of(invoice, view.day, is_chosen(invoice))).collect();
    let first = invoices.next().filter(|_| offers.is_empty());
    let refused = first.and_then(|invoice| trial(view, actor, &command(invoice)).err());
    (offers, refused)
}

/// Stands for words that are still to be typed.
fn to_be_typed() -> Personal {
    Personal::new("…")
}

/// A dispute of one of these invoices.
pub(super) fn dispute_of<'a>(
    view: &View,
    actor: &Actor,
    invoices: impl Iterator<Item = &'a Invoice> + Clone,
) -> Ask {
    let command = |invoice: &Invoice| Command::OpenDispute {
        invoice: invoice.id.clone(),
        amount: None,
        reason: to_be_typed(),
    };
    let is_offered = |invoice: &Invoice| invoice.dispute.is_none();
    let (offers, refused) = offered(view, actor, invoices, is_offered, |_| false, command);
    let will = vec![
        "A partner at the firm looks into it. Until it is decided, what you dispute is not asked for: no letter \
         and no lock comes of it."
            .to_owned(),
        "What you don't dispute stays due. The due date doesn't change.".to_owned(),
        "If you are right, it is taken off the invoice. If not, it is asked for again, one step at a time and \
         the mildest first."
            .to_owned(),
        "Nothing stops you from paying meanwhile.".to_owned(),
    ];
    Ask { will, refused, offers }
}

/// A promise to pay one of these invoices, or all that are overdue.
pub(super) fn promise_of<'a>(
    view: &View,
    actor: &Actor,
    invoices: impl Iterator<Item = &'a Invoice> + Clone,
    chosen: Option<&InvoiceId>,
    is_whole: bool,
) -> Ask {
    let until = promise_until(view);
    let command = |invoice: &Invoice| promise(Some(&invoice.id), until);
    let rules = &view.policy.policy.promise;
    let is_offered = |invoice: &Invoice| invoice.promises < rules.max_per_invoice;
    let is_chosen = |invoice: &Invoice| chosen == Some(&invoice.id);
    let (offers, refused) = offered(view, actor, invoices, is_offered, is_chosen, command);
    let first = offers.first().filter(|_| !is_whole).and_then(|offer| known(view, &offer.number));
    let first = chosen.or(first);
    let will = vec![
        "Until the end of the day that you name, no letter and no lock comes of what you promise to pay. \
         We confirm the promise by mail."
            .to_owned(),
        after(view, actor, &promise(first, until), until),
        format!(
            "The last day that you can name is {}. You can promise the same invoice {}; a new promise takes the \
             place of the one before.",
            said::day(until),
            times(rules.max_per_invoice)
        ),
    ];
    Ask { will, refused, offers }
}

fn known<'a>(view: &'a View, number: &str) -> Option<&'a InvoiceId> {
    view.loaded.account.invoices.keys().find(|id| id.as_str() == number)
}

pub(super) fn promise(invoice: Option<&InvoiceId>, until: Day) -> Command {
    Command::MakePromise { invoice: invoice.cloned(), until }
}

/// The last day that a client can name.
pub(super) fn promise_until(view: &View) -> Day {
    plus(view.day, view.policy.policy.promise.max_days)
}

fn times(number: u32) -> String {
    match number {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        number => format!("{number} times"),
    }
}

/// What the rules do on the day after a promise that wasn't kept.
fn after(view: &View, actor: &Actor, command: &Command, until: Day) -> String {
    let mut account = view.loaded.account.clone();
    let mut promised = BTreeSet::new();
    for event in trial(view, actor, command).unwrap_or_default() {
        if let Event::PromiseBegun { promise, .. } = &event {
            promised = promise.invoices.clone();
        }
        apply(&mut account, &event);
    }
    // As the ladder tells it: with whatever happens of itself until then (EVAL-5).
    let morning = plus(until, 1);
    let mut coming = foretell(&account, &view.context(actor)).take_while(|day| day.on <= morning);
    let events = coming.find(|day| day.on == morning).map(|day| day.events).unwrap_or_default();
    // Of that debt alone: a letter's link tells nothing of the others.
    let follows = happens(&events, |invoices| !promised.is_disjoint(invoices));
    let start = "If it isn't paid by then, the promise is broken and we go on the day after, where we stopped";
    match follows.is_empty() {
        true => format!("{start}."),
        false => format!("{start}: as things stand, {}.", follows.join(" and ")),
    }
}

/// A request for a plan over these invoices.
pub(super) fn plan_of<'a>(
    view: &View,
    actor: &Actor,
    invoices: impl Iterator<Item = &'a Invoice> + Clone,
    chosen: Option<&InvoiceId>,
) -> Ask {
    let command = |invoice: &Invoice| Command::RequestPlan {
        invoices: BTreeSet::from([invoice.id.clone()]),
        wish: to_be_typed(),
    };
    // A plan has one currency: that of the oldest debt is proposed.
    let currency = invoices.clone().next().map(|invoice| invoice.total.currency());
    let is_chosen = |invoice: &Invoice| match chosen {
        Some(chosen) => invoice.id == *chosen,
        None => Some(invoice.total.currency()) == currency && invoice.is_overdue(view.day),
    };
    let (offers, refused) = offered(view, actor, invoices, |_| true, is_chosen, command);
    let grace = view.policy.policy.plan_grace_days;
    let will = vec![
        "A partner at the firm reads what you propose, and decides. Until then nothing changes: what is due stays \
         due, and letters go on."
            .to_owned(),
        "If a partner agrees, we write to you what is to be paid when. As long as you keep to it, no letter and no \
         lock comes of these invoices."
            .to_owned(),
        format!(
            "If an instalment isn't paid{}, the plan ends, and all that is left is asked for again.",
            match grace {
                0 => " on its day".to_owned(),
                days => format!(" within {} of its day", said::count(days as usize, "day")),
            }
        ),
    ];
    Ask { will, refused, offers }
}
