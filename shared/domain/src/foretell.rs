//! What comes of an account by itself, day by day, if nobody does anything (EVAL-5).
//!
//! It is what the schedule will do, done on a copy: the evaluation of each day on which one may find something, and
//! between them the letters that leave. One look ahead for all who tell of it: console, portal and letters.

use crate::account::Account;
use crate::apply::fold;
use crate::calendar::{Day, minus};
use crate::command::Command;
use crate::decide::{Context, by_schedule, decide, next_look, without_letters};
use crate::event::Event;

/// How many days are looked at, those on which nothing is found among them: more than a ladder has, and few
/// enough for a page.
const MAX_LOOKS: usize = 60;

/// A day to come on which something is decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coming {
    /// Which.
    pub on: Day,
    /// What is decided at its start.
    pub events: Vec<Event>,
    /// The account as it is on the day before, in time for whoever does something about it.
    pub eve: Account,
}

/// The days to come on which something is decided, in order: with a ledger that stays fresh, and every run approved.
pub fn foretell<'a>(account: &Account, context: &Context<'a>) -> Foretold<'a> {
    let context = by_schedule(context, context.day);
    let mut account = account.clone();
    account.looked_up.everything = true; // nothing is written: what isn't at hand is not there
    Foretold { account, context, looks: 0 }
}

/// See [`foretell`].
#[derive(Debug)]
pub struct Foretold<'a> {
    account: Account,
    context: Context<'a>,
    looks: usize,
}

impl Iterator for Foretold<'_> {
    type Item = Coming;

    fn next(&mut self) -> Option<Coming> {
        while self.looks < MAX_LOOKS {
            self.looks += 1;
            let on = next_look(&self.account, &self.context)?;
            let eve = without_letters(&self.account, &self.context, minus(on, 1));
            let (account, events) = next_morning(&eve, &self.context, on);
            self.account = fold(account, &events);
            self.context.day = on;
            if !events.is_empty() {
                return Some(Coming { on, events, eve });
            }
        }
        None
    }
}

/// What the evaluation of that day decides about an account as it is on the day before, and the account then.
pub(crate) fn next_morning(eve: &Account, context: &Context<'_>, on: Day) -> (Account, Vec<Event>) {
    let evening = by_schedule(context, minus(on, 1).max(context.day));
    let account = without_letters(eve, &evening, on);
    let events = decide(&account, &Command::Evaluate, &by_schedule(context, on));
    (account, events.unwrap_or_default())
}
