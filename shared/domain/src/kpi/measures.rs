//! What a span of days comes to, held against its targets (KPI-1).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::{
    ANSWER_DAYS, DayCount, Paid, StepCount, TARGET_ANSWERED_PERCENT, TARGET_DAYS,
    TARGET_LOCKED_PERCENT, TARGET_TAX_DAYS, Unlocks,
};
use crate::calendar::{Day, plus};
use crate::id::{ClientId, ServiceLine};

/// The service line that is to be paid sooner.
const TAX: &str = "tax";

/// How many days from issue to payment are aimed at.
pub fn target_days(line: &ServiceLine) -> u32 {
    if line.as_str() == TAX { TARGET_TAX_DAYS } else { TARGET_DAYS }
}

/// One number of another; of nothing, there is no share and no mean.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ratio {
    /// The number.
    pub of: u64,
    /// Of how many.
    pub all: u64,
}

impl Ratio {
    /// In tenths, rounded half up; `None`: of nothing.
    pub fn tenths(self) -> Option<u64> {
        let (of, all) = (u128::from(self.of), u128::from(self.all));
        let tenths = (of * 20 + all).checked_div(all * 2)?;
        u64::try_from(tenths).ok()
    }

    /// In tenths of a percent.
    pub fn permille(self) -> Option<u64> {
        Self { of: self.of.saturating_mul(100), ..self }.tenths()
    }

    /// Whether it is less than so many of a hundred; of nothing, that isn't known.
    pub fn is_under(self, percent: u64) -> Option<bool> {
        let (of, all) = (u128::from(self.of) * 100, u128::from(self.all) * u128::from(percent));
        (self.all != 0).then_some(of < all)
    }

    /// Whether it is more than so many of a hundred; of nothing, that isn't known.
    pub fn is_over(self, percent: u64) -> Option<bool> {
        let (of, all) = (u128::from(self.of) * 100, u128::from(self.all) * u128::from(percent));
        (self.all != 0).then_some(all < of)
    }
}

/// Tenths, as people read them: `34.2`.
impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tenths() {
            Some(tenths) => write!(f, "{}.{}", tenths / 10, tenths % 10),
            None => f.write_str("–"),
        }
    }
}

/// Demands and what came of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Answers {
    /// How many left.
    pub sent: u64,
    /// How many were answered in time.
    pub answered: u64,
    /// How many were not yet, and still may be in time.
    pub open: u64,
}

/// What days come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measures {
    /// Invoices that were paid, by service line.
    pub paid: BTreeMap<ServiceLine, Paid>,
    /// How many clients the rule locked.
    pub locked: u64,
    /// Locks that were lifted after everything was paid.
    pub unlocks: Unlocks,
    /// Demands that left in these days.
    pub answers: Answers,
    /// What steps did, by their names.
    pub steps: BTreeMap<String, StepCount>,
}

impl Measures {
    /// Of the days from the first to the last. `days` has those after the last too, as far as they are counted
    /// ([`ANSWER_DAYS`]): an answer may come later than the month of its demand. `counted` is the last that is.
    pub fn of(days: &BTreeMap<Day, DayCount>, (first, last): (Day, Day), counted: Day) -> Self {
        let mut measures = Self::default();
        let mut locked: BTreeSet<&ClientId> = BTreeSet::new();
        for (day, count) in days.range(first..=last.max(first)) {
            for (line, paid) in &count.paid {
                let sum = measures.paid.entry(line.clone()).or_default();
                sum.invoices += paid.invoices;
                sum.days += paid.days;
                sum.in_time += paid.in_time;
            }
            locked.extend(&count.locked);
            measures.locked += count.unnamed_locks;
            measures.unlocks.count += count.unlocks.count;
            measures.unlocks.working_days += count.unlocks.working_days;
            measures.unlocks.in_time += count.unlocks.in_time;
            measures.answers.add(&Answers::to(days, *day, counted));
            for (name, step) in &count.steps {
                let sum = measures.steps.entry(name.clone()).or_default();
                sum.fired += step.fired;
                sum.payments += step.payments;
                for (currency, minor) in &step.minor {
                    let all = sum.minor.entry(*currency).or_default();
                    *all = all.saturating_add(*minor);
                }
            }
        }
        measures.locked += locked.len() as u64;
        measures
    }

    /// All invoices that were paid.
    pub fn all_paid(&self) -> Paid {
        self.paid.values().fold(Paid::default(), |sum, paid| Paid {
            invoices: sum.invoices + paid.invoices,
            days: sum.days + paid.days,
            in_time: sum.in_time + paid.in_time,
        })
    }

    /// Clients that the rule locked, of those that are active, where these were counted.
    pub fn locked_of(&self, active: Option<u64>) -> Ratio {
        Ratio { of: self.locked, all: active.unwrap_or(0) }
    }

    /// Whether fewer were locked than is aimed at.
    pub fn is_locked_met(&self, active: Option<u64>) -> Option<bool> {
        self.locked_of(active).is_under(TARGET_LOCKED_PERCENT)
    }
}

impl Paid {
    /// The days from issue to payment, in the mean.
    pub fn mean(self) -> Ratio {
        Ratio { of: self.days, all: self.invoices }
    }

    /// Whether that is at most so many.
    pub fn is_met(self, target: u32) -> Option<bool> {
        let most = self.invoices.saturating_mul(u64::from(target));
        (self.invoices != 0).then_some(self.days <= most)
    }
}

impl Unlocks {
    /// The working days from full payment to unlock, in the mean.
    pub fn mean(self) -> Ratio {
        Ratio { of: self.working_days, all: self.count }
    }

    /// Whether that is under the target.
    pub fn is_met(self) -> Option<bool> {
        let target = u64::from(super::TARGET_UNLOCK_DAYS);
        (self.count != 0).then_some(self.working_days < self.count.saturating_mul(target))
    }
}

impl Answers {
    /// What came of the demands of a day.
    fn to(days: &BTreeMap<Day, DayCount>, day: Day, counted: Day) -> Self {
        let Some(count) = days.get(&day) else { return Self::default() };
        let until = plus(day, ANSWER_DAYS);
        let in_time: Vec<_> = days.range(day..=until).map(|(_, count)| &count.answered).collect();
        let mut answers = Self { sent: count.unnamed_demands, ..Self::default() };
        for (client, demands) in &count.demanded {
            let demands = u64::from(*demands);
            answers.sent += demands;
            match in_time.iter().any(|answered| answered.contains(client)) {
                true => answers.answered += demands,
                false if counted < until => answers.open += demands,
                false => {}
            }
        }
        answers
    }

    fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.answered += other.answered;
        self.open += other.open;
    }

    /// Those that were answered, of those of which that is known.
    pub fn share(self) -> Ratio {
        Ratio { of: self.answered, all: self.sent.saturating_sub(self.open) }
    }

    /// Whether more were answered than is aimed at.
    pub fn is_met(self) -> Option<bool> {
        self.share().is_over(TARGET_ANSWERED_PERCENT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn kpi_1_of_nothing_there_is_no_share() {
        for (of, all, tenths, under_five, over_half) in [
            (0, 0, "–", None, None),
            (0, 40, "0.0", Some(true), Some(false)),
            (1, 20, "0.1", Some(false), Some(false)), // 5 % is not under it
            (10, 20, "0.5", Some(false), Some(false)), // and half is not over it
            (11, 20, "0.6", Some(false), Some(true)),
            (103, 3, "34.3", Some(false), Some(true)),
            (7, 2, "3.5", Some(false), Some(true)),
        ] {
            let ratio = Ratio { of, all };
            let found = (ratio.to_string(), ratio.is_under(5), ratio.is_over(50));
            assert_eq!(found, (tenths.to_owned(), under_five, over_half), "{of} of {all}");
        }
    }

    /// Day 7 counts (LET-8), in whichever month it is; what may still be answered is not held against anybody.
    #[test]
    fn kpi_1_a_demand_is_answered_within_seven_days() {
        let client = |name: &str| name.parse::<ClientId>().unwrap();
        let demands = |names: &[&str]| DayCount {
            demanded: names.iter().map(|name| (client(name), 1)).collect(),
            ..DayCount::default()
        };
        let answers = |names: &[&str]| DayCount {
            answered: names.iter().map(|name| client(name)).collect(),
            ..DayCount::default()
        };
        let days = BTreeMap::from([
            (day("2026-01-20"), demands(&["old"])),
            (day("2026-01-30"), demands(&["acme", "bolt", "cord"])),
            (day("2026-02-06"), answers(&["acme"])), // the 7th day
            (day("2026-02-07"), answers(&["bolt"])), // the 8th
        ]);
        let of = |counted: &str| {
            let span = (day("2026-01-25"), day("2026-01-31"));
            let answers = Measures::of(&days, span, day(counted)).answers;
            (answers.sent, answers.answered, answers.open)
        };
        assert_eq!(of("2026-02-05"), (3, 1, 2), "it isn't over");
        assert_eq!(of("2026-02-06"), (3, 1, 0));
        let all = Measures::of(&days, (day("2026-01-01"), day("2026-02-28")), day("2026-03-31"));
        assert_eq!((all.answers.sent, all.answers.share().to_string()), (4, "0.3".to_owned()));
        assert_eq!(all.answers.is_met(), Some(false));
    }

    #[test]
    fn kpi_1_a_client_is_locked_once_in_a_month() {
        let locks = |names: &[&str]| DayCount {
            locked: names.iter().map(|name| name.parse().unwrap()).collect(),
            ..DayCount::default()
        };
        let days = BTreeMap::from([
            (day("2026-01-05"), locks(&["acme", "bolt"])),
            (day("2026-01-20"), locks(&["acme"])),
            (day("2026-02-02"), locks(&["acme"])),
        ]);
        for (first, last, expected, met) in [
            ("2026-01-01", "2026-01-31", 2, Some(true)),
            ("2026-02-01", "2026-02-28", 1, Some(true)),
            ("2026-01-01", "2026-02-28", 2, Some(true)),
            ("2026-03-01", "2026-03-31", 0, Some(true)),
        ] {
            let last = day(last);
            let measures = Measures::of(&days, (day(first), last), last);
            assert_eq!((measures.locked, measures.is_locked_met(Some(41))), (expected, met));
            assert_eq!(measures.is_locked_met(None), None, "nobody counted the active ones");
        }
        let january =
            Measures::of(&days, (day("2026-01-01"), day("2026-01-31")), day("2026-01-31"));
        assert_eq!(january.is_locked_met(Some(40)), Some(false), "5 % is not under 5 %");
    }
}
