//! How fresh the ledger of a firm is that is kept elsewhere (FRESH-1).
//!
//! Who was paid and doesn't know it yet must not threaten anybody. So while the last import or sync is older
//! than the firm's limit, what is harsher than a reminder waits: no step, no lock by the rule, and no letter
//! that was queued before. A payment, an unlock and a receipt don't. A firm that enters its invoices here has
//! no such limit: what it knows is here.

use crate::calendar::{Day, plus};

/// How many days old a ledger from elsewhere may be, unless the firm says otherwise (FRESH-1).
pub const DEFAULT_FRESH_DAYS: u32 = 7;

/// The most that a firm may say: beyond a quarter the limit would be none.
pub const MAX_FRESH_DAYS: u32 = 92;

/// A ledger that comes from elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ledger {
    /// When it was last brought up to date; `None`: never.
    pub updated_on: Option<Day>,
    /// How many days old it may be.
    pub fresh_days: u32,
}

impl Ledger {
    /// Whether it is that day.
    pub fn is_fresh(&self, day: Day) -> bool {
        self.updated_on.is_some_and(|on| day <= plus(on, self.fresh_days))
    }

    /// What waits for it that day, in a sentence for staff; nothing, if it is fresh.
    pub fn waits(&self, day: Day) -> Option<String> {
        let text = || {
            format!(
                "The ledger {}: notices, demands and locks wait for the next import.",
                self.age()
            )
        };
        (!self.is_fresh(day)).then(text)
    }

    /// When it was brought up to date, for people: the end of a sentence about the ledger.
    pub fn age(&self) -> String {
        match self.updated_on {
            None => "was never brought up to date".to_owned(),
            Some(on) => {
                let days = self.fresh_days;
                let plural = if days == 1 { "" } else { "s" };
                let on = crate::calendar::for_person(on);
                format!("was last brought up to date on {on}, and may be {days} day{plural} old")
            }
        }
    }
}
