//! Days: the firm's time zone, payment terms, working days.
//!
//! Rules count calendar days. The time zone only tells which day it is now at the firm, and when
//! its next one begins; everything after that is a date. `until` names the last day on which
//! something holds, and N days after day D is D + N (rules §0).

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Days, Months, NaiveDate, NaiveTime, TimeZone, Utc, Weekday};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

/// A calendar date at the firm.
pub type Day = NaiveDate;

/// The first and last year that a document may name: what lies outside is a typing mistake.
pub const YEARS: std::ops::RangeInclusive<i32> = 1970..=2199;

/// The most days that a rule may count (terms, steps, grace): ten years.
pub const MAX_DAYS: u32 = 3_660;

/// `day` + `days`; the last day of the calendar where there is none.
pub fn plus(day: Day, days: u32) -> Day {
    day.checked_add_days(Days::new(days.into())).unwrap_or(Day::MAX)
}

/// `day` − `days`; the first day of the calendar where there is none.
pub fn minus(day: Day, days: u32) -> Day {
    day.checked_sub_days(Days::new(days.into())).unwrap_or(Day::MIN)
}

/// Days from `start` to `end`; zero when `end` isn't later.
pub fn days_between(start: Day, end: Day) -> u32 {
    u32::try_from((end - start).num_days()).unwrap_or(0)
}

/// Which day it is at the firm at that instant.
pub fn day_at(instant: DateTime<Utc>, zone: Tz) -> Day {
    instant.with_timezone(&zone).date_naive()
}

/// The first instant of that day at the firm: midnight, or, where the clock is put forward over
/// midnight, the first moment that exists.
pub fn start_of(day: Day, zone: Tz) -> DateTime<Utc> {
    const MINUTES_PER_DAY: u32 = 1_440;
    (0..MINUTES_PER_DAY)
        .filter_map(|minute| NaiveTime::from_hms_opt(minute / 60, minute % 60, 0))
        .find_map(|time| zone.from_local_datetime(&day.and_time(time)).earliest())
        .map_or_else(
            // A zone may skip a whole day (Samoa, 2011): it then begins where the next one does.
            || plus(day, 1).and_time(NaiveTime::MIN).and_utc(),
            |instant| instant.with_timezone(&Utc),
        )
}

/// The last day of the quarter that ended last: on such a day itself, that day.
pub fn quarter_end(day: Day) -> Day {
    let begins = day.with_day(1).and_then(|day| day.with_month0(day.month0() / 3 * 3));
    let begins = begins.unwrap_or(day);
    let ends = begins.checked_add_months(Months::new(3)).and_then(|next| next.pred_opt());
    match ends {
        Some(ends) if ends <= day => ends,
        Some(_) | None => begins.pred_opt().unwrap_or(day),
    }
}

/// A day as people write it: `Oct 8, 2026`.
pub fn for_person(day: Day) -> String {
    day.format("%b %-d, %Y").to_string()
}

/// A day from ISO 8601 text (`2026-03-02`).
///
/// # Errors
/// A sentence that says what was expected: not a date, a date that doesn't exist, outside [`YEARS`].
pub fn parse_day(text: &str) -> Result<Day, String> {
    let is_shaped = text.len() == 10 && text.is_ascii();
    let day = is_shaped.then(|| Day::parse_from_str(text, "%Y-%m-%d").ok()).flatten();
    let day =
        day.ok_or_else(|| format!("{text:?} is not a date, expected one such as 2026-03-02"))?;
    if !YEARS.contains(&day.year()) {
        return Err(format!(
            "{text:?} lies outside the years {} to {}",
            YEARS.start(),
            YEARS.end()
        ));
    }
    Ok(day)
}

/// When an invoice falls due, counted from its issue date (INV-3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Terms {
    /// So many days after the issue date; `due_on_receipt` is `net 0`.
    Net(u32),
    /// So many days after the end of the issue date's month.
    EndOfMonth(u32),
    /// That day of the next month, or its last day where the month is shorter.
    DayOfNextMonth(u32),
}

impl Terms {
    /// The due date of an invoice issued that day.
    pub fn due(self, issued_on: Day) -> Day {
        match self {
            Self::Net(days) => plus(issued_on, days),
            Self::EndOfMonth(days) => plus(last_day_of_month(issued_on), days),
            Self::DayOfNextMonth(day) => {
                let next = plus(last_day_of_month(issued_on), 1);
                next.with_day(day).unwrap_or_else(|| last_day_of_month(next))
            }
        }
    }
}

fn last_day_of_month(day: Day) -> Day {
    let first = day.with_day(1).unwrap_or(day);
    first.checked_add_months(Months::new(1)).and_then(|next| next.pred_opt()).unwrap_or(Day::MAX)
}

impl FromStr for Terms {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            format!(
                "{text:?} are no terms, expected due_on_receipt, net N, eom + N or day D (1 to 31)"
            )
        };
        let days = |text: &str| text.trim().parse().ok().filter(|&days| days <= MAX_DAYS);
        let text = text.trim();
        if text == "due_on_receipt" {
            return Ok(Self::Net(0));
        }
        if let Some(rest) = text.strip_prefix("net ") {
            return days(rest).map(Self::Net).ok_or_else(expected);
        }
        if let Some(rest) = text.strip_prefix("day ") {
            let day = days(rest).filter(|day| (1..=31).contains(day));
            return day.map(Self::DayOfNextMonth).ok_or_else(expected);
        }
        if text == "eom" {
            return Ok(Self::EndOfMonth(0));
        }
        let rest = text.strip_prefix("eom").and_then(|rest| rest.trim().strip_prefix('+'));
        rest.and_then(days).map(Self::EndOfMonth).ok_or_else(expected)
    }
}

impl TryFrom<String> for Terms {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Terms> for String {
    fn from(terms: Terms) -> Self {
        terms.to_string()
    }
}

impl fmt::Display for Terms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(days) => write!(f, "net {days}"),
            Self::EndOfMonth(days) => write!(f, "eom + {days}"),
            Self::DayOfNextMonth(day) => write!(f, "day {day}"),
        }
    }
}

/// Which days the firm works (LOCK-3, LET-5).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkingDays {
    /// Days of the week that are off.
    pub weekend: Vec<Weekday>,
    /// Dates that are off.
    pub holidays: BTreeSet<Day>,
}

impl Default for WorkingDays {
    fn default() -> Self {
        Self { weekend: vec![Weekday::Sat, Weekday::Sun], holidays: BTreeSet::new() }
    }
}

impl WorkingDays {
    /// Whether the firm works that day.
    pub fn is_working(&self, day: Day) -> bool {
        !self.weekend.contains(&day.weekday()) && !self.holidays.contains(&day)
    }

    /// That day, or the first working one after it.
    ///
    /// A policy whose week has no working day is refused when it is read; should one come here all
    /// the same, the day itself is the answer, and nothing waits for ever.
    pub fn on_or_after(&self, day: Day) -> Day {
        day.iter_days().take(MAX_DAYS as usize).find(|&day| self.is_working(day)).unwrap_or(day)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pol_5_the_quarter_that_ended_last() {
        for (on, expected) in [
            ("2026-01-01", "2025-12-31"),
            ("2026-03-30", "2025-12-31"),
            ("2026-03-31", "2026-03-31"),
            ("2026-04-01", "2026-03-31"),
            ("2026-06-30", "2026-06-30"),
            ("2026-09-29", "2026-06-30"),
            ("2026-11-22", "2026-09-30"),
            ("2026-12-31", "2026-12-31"),
        ] {
            assert_eq!(quarter_end(day(on)), day(expected), "on {on}");
        }
    }

    fn day(text: &str) -> Day {
        parse_day(text).unwrap()
    }

    #[test]
    fn inv_3_due_date_is_issue_date_plus_terms() {
        for (terms, issued, due) in [
            ("due_on_receipt", "2026-01-31", "2026-01-31"),
            ("net 0", "2026-01-31", "2026-01-31"),
            ("net 30", "2026-01-01", "2026-01-31"),
            ("net 30", "2024-01-30", "2024-02-29"),
            ("net 365", "2023-03-01", "2024-02-29"),
            ("eom + 0", "2024-02-01", "2024-02-29"),
            ("eom", "2026-12-31", "2026-12-31"),
            ("eom + 15", "2026-12-05", "2027-01-15"),
            ("eom+10", "2026-04-30", "2026-05-10"),
            ("day 15", "2026-01-20", "2026-02-15"),
            ("day 31", "2026-01-31", "2026-02-28"),
            ("day 30", "2024-01-01", "2024-02-29"),
            ("day 31", "2026-12-31", "2027-01-31"),
            ("day 1", "2026-12-31", "2027-01-01"),
        ] {
            let terms: Terms = terms.parse().unwrap();
            assert_eq!(terms.due(day(issued)), day(due), "{terms} from {issued}");
            assert_eq!(terms.to_string().parse(), Ok(terms));
        }
    }

    #[test]
    fn inv_3_terms_that_mean_nothing_are_refused() {
        for text in
            ["", "net", "net -1", "net x", "day 0", "day 32", "eom - 1", "eom 5", "30", "net 99999"]
        {
            assert!(text.parse::<Terms>().is_err(), "for {text:?}");
        }
    }

    #[test]
    fn a_day_that_does_not_exist_is_refused() {
        for text in [
            "2026-02-29",
            "2026-02-30",
            "2026-13-01",
            "2026-1-1",
            "26-01-01",
            "1/2/2026",
            "0026-01-01",
            "9999-12-31",
            "",
        ] {
            assert!(parse_day(text).is_err(), "for {text:?}");
        }
        assert_eq!(day("2024-02-29"), Day::from_ymd_opt(2024, 2, 29).unwrap());
    }

    #[test]
    fn eval_1_a_day_begins_with_its_first_instant_in_the_firms_zone() {
        for (zone, on, instant) in [
            ("America/New_York", "2026-01-15", "2026-01-15T05:00:00Z"),
            ("America/New_York", "2026-03-08", "2026-03-08T05:00:00Z"), // clocks forward at 02:00
            ("America/New_York", "2026-03-09", "2026-03-09T04:00:00Z"),
            ("America/New_York", "2026-11-01", "2026-11-01T04:00:00Z"), // and back
            ("Pacific/Kiritimati", "2026-01-01", "2025-12-31T10:00:00Z"), // UTC + 14
            ("Pacific/Pago_Pago", "2026-01-01", "2026-01-01T11:00:00Z"), // UTC − 11
            ("Asia/Kathmandu", "2026-01-01", "2025-12-31T18:15:00Z"),
            ("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z"), // no midnight that day
            ("America/Havana", "2026-11-01", "2026-11-01T04:00:00Z"),    // two midnights: the first
            ("Pacific/Apia", "2011-12-30", "2011-12-31T00:00:00Z"), // a day that did not happen
        ] {
            let zone: Tz = zone.parse().unwrap();
            let expected: DateTime<Utc> = instant.parse().unwrap();
            assert_eq!(start_of(day(on), zone), expected, "{on} in {zone}");
        }
    }

    #[test]
    fn eval_1_which_day_it_is_depends_on_the_zone() {
        let instant: DateTime<Utc> = "2026-03-01T03:30:00Z".parse().unwrap();
        for (zone, expected) in [
            ("America/New_York", "2026-02-28"),
            ("Europe/Berlin", "2026-03-01"),
            ("Pacific/Kiritimati", "2026-03-01"),
            ("Pacific/Pago_Pago", "2026-02-28"),
        ] {
            assert_eq!(day_at(instant, zone.parse().unwrap()), day(expected), "in {zone}");
        }
    }

    #[test]
    fn eval_1_the_start_of_a_day_lies_in_it() {
        for name in
            ["America/New_York", "America/Sao_Paulo", "Pacific/Chatham", "Africa/Cairo", "UTC"]
        {
            let zone: Tz = name.parse().unwrap();
            for day in day("2017-01-01").iter_days().take(800) {
                let start = start_of(day, zone);
                assert_eq!(day_at(start, zone), day, "{day} in {name}");
                let before = start - chrono::TimeDelta::seconds(1);
                assert_eq!(day_at(before, zone), minus(day, 1), "before {day} in {name}");
            }
        }
    }

    #[test]
    fn lock_3_the_next_working_day_skips_weekends_and_holidays() {
        let days =
            WorkingDays { holidays: BTreeSet::from([day("2026-03-09")]), ..WorkingDays::default() };
        for (from, expected) in [
            ("2026-03-06", "2026-03-06"), // a Friday
            ("2026-03-07", "2026-03-10"), // Saturday, Sunday, and Monday off
            ("2026-03-09", "2026-03-10"),
        ] {
            assert_eq!(days.on_or_after(day(from)), day(expected), "from {from}");
        }
    }
}
