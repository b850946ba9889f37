//! What a day's facts come to: small enough to be kept for ever, and all that a report is made of (KPI-1).

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Fact, TARGET_UNLOCK_DAYS, target_days};
use crate::calendar::{Day, WorkingDays};
use crate::id::{ClassId, ClientId, ServiceLine};
use crate::money::Currency;

/// The most clients that each list of a day names, some 64 bytes each: three full lists stay under the 400 KB of an
/// item. Who is past that counts, and their answers can't be told.
pub const MAX_NAMED: usize = 1_500;

/// The working days of a class.
pub type WeekOf<'a> = &'a dyn Fn(&ClassId) -> WorkingDays;

/// A day's roll-up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayCount {
    /// How many facts it is made of.
    #[serde(default)]
    pub facts: u64,
    /// Invoices that were paid, by service line.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub paid: BTreeMap<ServiceLine, Paid>,
    /// Whom the rule locked.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub locked: BTreeSet<ClientId>,
    /// Locks that were lifted after everything was paid.
    #[serde(default, skip_serializing_if = "Unlocks::is_none")]
    pub unlocks: Unlocks,
    /// To whom how many demands left.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub demanded: BTreeMap<ClientId, u32>,
    /// Who answered, not long after a letter.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub answered: BTreeSet<ClientId>,
    /// Demands to whom there was no room to name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed_demands: u64,
    /// Locks of whom there was no room to name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed_locks: u64,
    /// What steps did, by their names.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub steps: BTreeMap<String, StepCount>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Invoices that were paid.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paid {
    /// How many.
    pub invoices: u64,
    /// The days from issue to payment, of all of them together.
    pub days: u64,
    /// How many were paid within the target.
    pub in_time: u64,
}

/// Locks that were lifted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unlocks {
    /// How many.
    pub count: u64,
    /// The working days from full payment to unlock, of all of them together.
    pub working_days: u64,
    /// How many took less than the target.
    pub in_time: u64,
}

impl Unlocks {
    /// Whether there are none.
    pub fn is_none(&self) -> bool {
        self.count == 0
    }
}

/// What a step did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepCount {
    /// For how many clients it fired.
    #[serde(default)]
    pub fired: u64,
    /// How many payments came after it, and before another.
    #[serde(default)]
    pub payments: u64,
    /// How much they were, in minor units.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub minor: BTreeMap<Currency, u64>,
}

impl DayCount {
    /// With what one commit left.
    pub fn add(&mut self, client: &ClientId, facts: &[Fact], week_of: WeekOf<'_>) {
        for fact in facts {
            self.facts += 1;
            match fact {
                Fact::Paid { line, days } => self.add_paid(line.as_ref(), *days),
                Fact::Locked => {
                    let has_room = self.locked.len() < MAX_NAMED || self.locked.contains(client);
                    match has_room {
                        true => drop(self.locked.insert(client.clone())),
                        false => self.unnamed_locks += 1,
                    }
                }
                Fact::Unlocked { class, ready_on, on } => {
                    let took = working_days(*ready_on, *on, &week_of(class));
                    self.unlocks.count += 1;
                    self.unlocks.working_days += u64::from(took);
                    self.unlocks.in_time += u64::from(took < TARGET_UNLOCK_DAYS);
                }
                Fact::Demanded => {
                    let has_room =
                        self.demanded.len() < MAX_NAMED || self.demanded.contains_key(client);
                    match has_room {
                        true => *self.demanded.entry(client.clone()).or_default() += 1,
                        false => self.unnamed_demands += 1,
                    }
                }
                Fact::Answered if self.answered.len() < MAX_NAMED => {
                    self.answered.insert(client.clone());
                }
                Fact::Answered => {}
                Fact::Step { step } => self.steps.entry(step.clone()).or_default().fired += 1,
                Fact::PaidAfter { step, amount } => {
                    let count = self.steps.entry(step.clone()).or_default();
                    count.payments += 1;
                    let minor = count.minor.entry(amount.currency()).or_default();
                    *minor = minor.saturating_add(amount.minor());
                }
            }
        }
    }

    fn add_paid(&mut self, line: Option<&ServiceLine>, days: u32) {
        let line = line.cloned().unwrap_or_else(ServiceLine::unnamed);
        let is_in_time = days <= target_days(&line);
        let paid = self.paid.entry(line).or_default();
        paid.invoices += 1;
        paid.days += u64::from(days);
        paid.in_time += u64::from(is_in_time);
    }
}

/// How many working days after the first day the second one is; on the first working day after it, one.
fn working_days(from: Day, to: Day, week: &WorkingDays) -> u32 {
    let days = from.iter_days().skip(1).take_while(|day| *day <= to);
    let on = days.filter(|day| week.is_working(*day)).count();
    let passed = u32::try_from(on).unwrap_or(u32::MAX);
    // Done on a day off: it took the time until then, which is less than that of the next working day.
    if week.is_working(to) || to <= from { passed } else { passed.saturating_add(1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kpi_1_working_days_from_payment_to_unlock() {
        let day = |text: &str| text.parse::<Day>().unwrap();
        let week =
            WorkingDays { holidays: BTreeSet::from([day("2026-03-10")]), ..WorkingDays::default() };
        for (from, to, expected) in [
            ("2026-03-02", "2026-03-02", 0), // a Monday
            ("2026-03-02", "2026-03-03", 1),
            ("2026-03-02", "2026-03-04", 2),
            ("2026-03-06", "2026-03-09", 1), // over a weekend
            ("2026-03-06", "2026-03-07", 1), // on a Saturday: before the first working day is over
            ("2026-03-06", "2026-03-11", 2), // and a holiday
            ("2026-03-07", "2026-03-09", 1), // paid on a Saturday
            ("2026-03-09", "2026-03-02", 0), // never less than none
        ] {
            assert_eq!(working_days(day(from), day(to), &week), expected, "{from} to {to}");
        }
    }
}
