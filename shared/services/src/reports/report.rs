//! A report: months side by side, each number with what it is of and what is aimed at (KPI-1).

use std::collections::BTreeMap;

use chrono::{Datelike, Months};
use domain::calendar::{Day, plus};
use domain::id::ServiceLine;
use domain::kpi::{
    ANSWER_DAYS, LOCK_STEP, Measures, Paid, Ratio, StepCount, TARGET_ANSWERED_PERCENT,
    TARGET_LOCKED_PERCENT, TARGET_UNLOCK_DAYS, target_days,
};
use domain::money::Money;
use domain::policy::{StepKey, When};
use store::{DatedBook, Store, StoreError};

/// The most months of one report: two years of days are some hundreds of KB.
pub const MAX_MONTHS: usize = 24;

/// A firm's report over some months.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// The first day that is counted at all; `None`: nothing is yet.
    pub since: Option<Day>,
    /// The last day that is.
    pub counted: Option<Day>,
    /// The months, oldest first.
    pub months: Vec<Month>,
}

/// A month of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// Its first day.
    pub first: Day,
    /// Whether all of its days are counted.
    pub is_whole: bool,
    /// What its days come to.
    pub measures: Measures,
    /// The newest book of it.
    pub book: Option<DatedBook>,
}

/// One number of a month.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measure {
    /// Its name in documents.
    pub id: &'static str,
    /// Of which service line, where it is of one.
    pub line: Option<ServiceLine>,
    /// Its name for people.
    pub name: String,
    /// The number, in tenths of its unit; `None`: there is nothing that it could be of.
    pub tenths: Option<u64>,
    /// Its unit: `days`, `working_days` or `percent`.
    pub unit: &'static str,
    /// How many it is of, in a few words.
    pub of: String,
    /// What is aimed at, in a few words, and as a number of its unit.
    pub target: Option<(String, u64)>,
    /// Whether that is met.
    pub is_met: Option<bool>,
}

/// What a step did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepLine {
    /// Its name in documents.
    pub step: String,
    /// Its name for people.
    pub name: String,
    /// For how many clients it fired.
    pub fired: u64,
    /// How many payments came within seven days after it, and before another.
    pub payments: u64,
    /// How much they were, by currency.
    pub amounts: Vec<Money>,
}

/// The first day of a day's month.
pub fn first_of(day: Day) -> Day {
    day.with_day(1).unwrap_or(day)
}

/// The report of the months from one to another, each named by any of its days; at most [`MAX_MONTHS`], the last ones.
/// What was before the first counted day is no month without payments: it is left out.
///
/// # Errors
/// Whatever reading has.
pub async fn report(store: &Store, from: Day, to: Day) -> Result<Report, StoreError> {
    let last = first_of(to);
    let before = |months: usize| {
        let months = u32::try_from(months).unwrap_or(0);
        last.checked_sub_months(Months::new(months)).unwrap_or(Day::MIN)
    };
    let first = first_of(from).clamp(before(MAX_MONTHS - 1), last);
    let state = store.reports_state().await?;
    let since = state.as_ref().map(|state| first_of(state.since));
    let is_counted = |month: &Day| first <= *month && since.is_some_and(|since| since <= *month);
    let firsts: Vec<_> = (0..MAX_MONTHS).rev().map(before).filter(is_counted).collect();
    let end = last_of(last);
    let counted = state.as_ref().and_then(|state| state.counted);
    let days = store.day_counts(first, plus(end, ANSWER_DAYS)).await?;
    let mut books: BTreeMap<Day, DatedBook> = BTreeMap::new();
    for book in store.books(first, end).await? {
        books.insert(first_of(book.day), book); // the oldest come first
    }
    let months = firsts.into_iter().map(|month| {
        let end = last_of(month);
        let begins = state.as_ref().map(|state| state.since);
        let is_whole = begins.is_some_and(|since| since <= month) && counted >= Some(end);
        let known = counted.unwrap_or(Day::MIN);
        let measures = Measures::of(&days, (month, end), known);
        Month { first: month, is_whole, measures, book: books.remove(&month) }
    });
    Ok(Report { months: months.collect(), since: state.map(|state| state.since), counted })
}

fn last_of(first: Day) -> Day {
    let next = first.checked_add_months(Months::new(1));
    next.and_then(|next| next.pred_opt()).unwrap_or(Day::MAX)
}

impl Month {
    /// Its name: `2026-03`.
    pub fn name(&self) -> String {
        self.first.format("%Y-%m").to_string()
    }

    /// Its numbers: those that it has, and those that every month has.
    pub fn numbers(&self) -> Vec<Measure> {
        let mut numbers: Vec<_> =
            self.measures.paid.iter().map(|(line, paid)| payment(Some(line), *paid)).collect();
        if numbers.len() != 1 {
            numbers.insert(0, payment(None, self.measures.all_paid()));
        }
        numbers.extend([self.locked(), self.unlocked(), self.answered()]);
        numbers
    }

    /// Clients that the rule locked, of the active ones.
    pub fn locked(&self) -> Measure {
        let active = self.book.as_ref().map(|book| book.book.active);
        let locked = self.measures.locked;
        let of = match active {
            Some(active) => format!("{} of {active} active", many(locked, "client")),
            None => many(locked, "client"),
        };
        Measure {
            id: "auto_locked",
            line: None,
            name: "Clients locked by the rule".to_owned(),
            tenths: self.measures.locked_of(active).permille(),
            unit: "percent",
            of,
            target: Some((format!("under {TARGET_LOCKED_PERCENT} %"), TARGET_LOCKED_PERCENT)),
            is_met: self.measures.is_locked_met(active),
        }
    }

    /// From full payment to unlock.
    pub fn unlocked(&self) -> Measure {
        let unlocks = self.measures.unlocks;
        let target = u64::from(TARGET_UNLOCK_DAYS);
        Measure {
            id: "time_to_unlock",
            line: None,
            name: "From full payment to unlock".to_owned(),
            tenths: unlocks.mean().tenths(),
            unit: "working_days",
            of: many(unlocks.count, "unlock"),
            target: Some((format!("under {target} working days"), target)),
            is_met: unlocks.is_met(),
        }
    }

    /// Demands that were answered in time.
    pub fn answered(&self) -> Measure {
        let answers = self.measures.answers;
        let mut of = format!("{} of {}", answers.answered, many(answers.sent, "demand"));
        if 0 < answers.open {
            of = format!("{of}, {} still in time", answers.open);
        }
        Measure {
            id: "demands_answered",
            line: None,
            name: format!("Demands answered within {ANSWER_DAYS} days"),
            tenths: answers.share().permille(),
            unit: "percent",
            of,
            target: Some((format!("over {TARGET_ANSWERED_PERCENT} %"), TARGET_ANSWERED_PERCENT)),
            is_met: answers.is_met(),
        }
    }

    /// Days from issue to payment, over all service lines.
    pub fn paid(&self) -> Measure {
        payment(None, self.measures.all_paid())
    }

    /// What steps did, the latest first: those after the lock, the lock, those after the due date.
    pub fn steps(&self) -> Vec<StepLine> {
        step_lines(&self.measures.steps)
    }
}

impl Report {
    /// What steps did over all of its months.
    pub fn steps(&self) -> Vec<StepLine> {
        let mut all: BTreeMap<String, StepCount> = BTreeMap::new();
        for (name, count) in self.months.iter().flat_map(|month| &month.measures.steps) {
            let sum = all.entry(name.clone()).or_default();
            sum.fired += count.fired;
            sum.payments += count.payments;
            for (currency, minor) in &count.minor {
                let money = sum.minor.entry(*currency).or_default();
                *money = money.saturating_add(*minor);
            }
        }
        step_lines(&all)
    }
}

/// Of one line, or of all together; these have no target of their own where they are several.
fn payment(line: Option<&ServiceLine>, paid: Paid) -> Measure {
    let of_line = match line {
        None => String::new(),
        Some(line) if line.as_str() == ServiceLine::UNNAMED => String::new(),
        Some(line) => format!(", {line}"),
    };
    let target = line.map(target_days);
    Measure {
        id: "days_to_payment",
        line: line.filter(|line| line.as_str() != ServiceLine::UNNAMED).cloned(),
        name: format!("Days from issue to payment{of_line}"),
        tenths: paid.mean().tenths(),
        unit: "days",
        of: many(paid.invoices, "invoice"),
        target: target.map(|days| (format!("at most {days}"), u64::from(days))),
        is_met: target.and_then(|days| paid.is_met(days)),
    }
}

impl Measure {
    /// The number as people read it; a dash where there is none.
    pub fn value(&self) -> String {
        let Some(tenths) = self.tenths else { return "–".to_owned() };
        let number = Ratio { of: tenths, all: 10 };
        match self.unit {
            "percent" => format!("{number} %"),
            _ => number.to_string(),
        }
    }

    /// The number alone: `34.2`.
    pub fn number(&self) -> Option<String> {
        self.tenths.map(|tenths| Ratio { of: tenths, all: 10 }.to_string())
    }
}

fn step_lines(steps: &BTreeMap<String, StepCount>) -> Vec<StepLine> {
    let line = |(step, count): (&String, &StepCount)| StepLine {
        step: step.clone(),
        name: step_words(step),
        fired: count.fired,
        payments: count.payments,
        amounts: count
            .minor
            .iter()
            .map(|(currency, minor)| Money::new(*minor, *currency))
            .collect(),
    };
    let mut lines: Vec<_> = steps.iter().map(line).collect();
    lines.sort_by_key(|line| order(&line.step));
    lines
}

/// In the order in which they come.
fn order(step: &str) -> (u32, u32, String) {
    let place = match step.parse::<StepKey>() {
        _ if step == LOCK_STEP => (1, 0),
        Ok(StepKey { when: When::DaysOverdue(days), before, .. }) => {
            (0, days.saturating_sub(before.unwrap_or(0)))
        }
        Ok(StepKey { when: When::AfterLock(days), .. }) => (2, days),
        Err(_) => (3, 0),
    };
    (place.0, place.1, step.to_owned())
}

/// A step as people name it: `Demand letter, 7 days after the lock`.
pub fn step_words(step: &str) -> String {
    if step == LOCK_STEP {
        return "Lock by the rule".to_owned();
    }
    let Ok(key) = step.parse::<StepKey>() else { return step.to_owned() };
    let name = key.action.as_str().replace('_', " ");
    let name = match key.before {
        Some(days) => format!("Word of {name}, {} before", many(days.into(), "day")),
        None => {
            name.chars().take(1).flat_map(char::to_uppercase).chain(name.chars().skip(1)).collect()
        }
    };
    let when = match key.when {
        When::DaysOverdue(days) => format!("{} overdue", many(days.into(), "day")),
        When::AfterLock(0) => "at the lock".to_owned(),
        When::AfterLock(days) => format!("{} after the lock", many(days.into(), "day")),
    };
    let kind = match key.kind {
        domain::invoice::InvoiceKind::Regular => "",
        domain::invoice::InvoiceKind::OutOfTurn => ", out of turn",
    };
    format!("{name}, {when}{kind}")
}

fn many(count: u64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kpi_1_steps_are_named_for_people_and_come_in_their_order() {
        let steps = [
            "regular/after_lock/7/final_demand",
            "lock",
            "regular/at/14/demand_letter",
            "out_of_turn/at/1/notice",
            "regular/at/30/lock/before/3",
            "regular/after_lock/0/notice",
            "of tomorrow",
        ];
        let counts: BTreeMap<_, _> =
            steps.iter().map(|step| ((*step).to_owned(), StepCount::default())).collect();
        let names: Vec<_> = step_lines(&counts).into_iter().map(|line| line.name).collect();
        assert_eq!(
            names,
            [
                "Notice, 1 day overdue, out of turn",
                "Demand letter, 14 days overdue",
                "Word of lock, 3 days before, 30 days overdue",
                "Lock by the rule",
                "Notice, at the lock",
                "Final demand, 7 days after the lock",
                "of tomorrow",
            ]
        );
    }
}
