//! What law lets late fees come to, by jurisdiction and day (LF-1).
//!
//! No legal advice: each row is the general limit that its source names, taken strictly, as if a late fee were
//! interest on a loan of the smallest kind; many laws know exceptions, above all among businesses. A firm's own
//! counsel decides. A jurisdiction that isn't here gets the strictest limit that is: not knowing the law never makes
//! a fee higher.
//!
//! To add a row: the code of ISO 3166, the first day on which the limit is in force (none, where that was long ago),
//! the rate for a year, the statute, and the day on which somebody read it. A limit that changes gets a new row with
//! its day; the old one stays, for fees of the days before.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::calendar::Day;
use crate::policy::{Action, FeeRate, Percent, Policy, When};

/// Where a client's debt belongs to: a country, or a part of one (ISO 3166).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Jurisdiction(String);

impl Jurisdiction {
    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The country of a part of one.
    fn country(&self) -> &str {
        self.0.split('-').next().unwrap_or(&self.0)
    }
}

impl FromStr for Jurisdiction {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is = |part: &str, length: std::ops::RangeInclusive<usize>| {
            length.contains(&part.len())
                && part.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        };
        let is_code = match text.split_once('-') {
            Some((country, part)) => is(country, 2..=2) && is(part, 1..=3),
            None => is(text, 2..=2),
        };
        if is_code {
            return Ok(Self(text.to_owned()));
        }
        Err(format!("{text:?} is no jurisdiction, expected a code of ISO 3166 such as US-NY or CA"))
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TryFrom<String> for Jurisdiction {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Jurisdiction> for String {
    fn from(jurisdiction: Jurisdiction) -> Self {
        jurisdiction.0
    }
}

/// One row: what fees may come to for a year there, from a day on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FeeLimit {
    /// Its code of ISO 3166.
    pub jurisdiction: &'static str,
    /// From when on; always, where that was long ago.
    pub from: Option<Day>,
    /// For a year, on what is overdue.
    pub annual: Percent,
    /// Where that stands.
    pub source: &'static str,
    /// When somebody last looked there.
    pub checked_on: Option<Day>,
}

const CHECKED: Option<Day> = Day::from_ymd_opt(2026, 11, 22);

const fn row(
    jurisdiction: &'static str,
    from: Option<Day>,
    whole_percent: u64,
    source: &'static str,
) -> FeeLimit {
    FeeLimit {
        jurisdiction,
        from,
        annual: Percent::whole(whole_percent),
        source,
        checked_on: CHECKED,
    }
}

/// All rows, by jurisdiction and then by day.
pub const LIMITS: [FeeLimit; 11] = [
    row("CA", Day::from_ymd_opt(2025, 1, 1), 35, "Criminal Code, R.S.C. 1985, c. C-46, s. 347"),
    row("US-AR", Day::from_ymd_opt(2011, 1, 1), 17, "Ark. Const. amend. 89, § 3"),
    row("US-CT", None, 12, "Conn. Gen. Stat. § 37-4"),
    row("US-DC", None, 24, "D.C. Code § 28-3301"),
    row("US-FL", None, 18, "Fla. Stat. § 687.03"),
    row("US-MI", None, 7, "Mich. Comp. Laws § 438.31 (written agreement)"),
    row("US-MN", None, 8, "Minn. Stat. § 334.01 (written agreement)"),
    row("US-NY", None, 16, "N.Y. Gen. Oblig. Law § 5-501; N.Y. Banking Law § 14-a"),
    row("US-PA", None, 6, "41 Pa. Stat. § 201"),
    row("US-TX", None, 18, "Tex. Fin. Code § 303.009(a)"),
    row("US-WA", None, 12, "Wash. Rev. Code § 19.52.020(1)"),
];

/// What holds in a jurisdiction on a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InForce {
    /// The row.
    pub limit: FeeLimit,
    /// Whether it is another's, the strictest: of this jurisdiction nothing is known.
    pub is_strictest: bool,
}

/// The limit there on that day; the country's, where the part has none; the strictest, where neither is known.
pub fn fee_limit(jurisdiction: Option<&Jurisdiction>, day: Day) -> Option<InForce> {
    let in_force = || LIMITS.iter().filter(|row| row.from.is_none_or(|from| from <= day));
    let newest =
        |code: &str| in_force().filter(|row| row.jurisdiction == code).max_by_key(|row| row.from);
    let known = jurisdiction.and_then(|at| newest(at.as_str()).or_else(|| newest(at.country())));
    if let Some(limit) = known {
        return Some(InForce { limit: *limit, is_strictest: false });
    }
    let strictest = in_force().min_by_key(|row| row.annual)?;
    Some(InForce { limit: *strictest, is_strictest: true })
}

/// What is to be said about a policy's late fees and the law.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeeFinding {
    /// Which field.
    pub field: &'static str,
    /// What it says.
    pub value: String,
    /// What follows, in a sentence.
    pub consequence: String,
    /// Whether the policy isn't saved with it.
    pub is_error: bool,
}

/// Holds a policy's late fees against the law of a jurisdiction (POL-5): what may come to more in a year is an error.
/// Without a jurisdiction nothing is refused: it is said what the strictest one would.
pub fn check_fee_limits(
    policy: &Policy,
    jurisdiction: Option<&Jurisdiction>,
    day: Day,
) -> Vec<FeeFinding> {
    let Some(fee) = &policy.late_fee else { return Vec::new() };
    let Some(in_force) = fee_limit(jurisdiction, day) else { return Vec::new() };
    let FeeLimit { annual, source, .. } = in_force.limit;
    let at = match (jurisdiction, in_force.is_strictest) {
        (Some(at), false) => format!("{at} allows {annual} % a year ({source})"),
        (Some(at), true) => format!(
            "of {at} no limit is known, so the strictest holds, {annual} % a year ({source})"
        ),
        (None, _) => format!(
            "no jurisdiction is set; the strictest known allows {annual} % a year ({source})"
        ),
    };
    let finding = |field, value: String, what: &str, is_error| FeeFinding {
        field,
        value,
        consequence: format!("{what}: {at}"),
        is_error: is_error && jurisdiction.is_some(),
    };
    match (&fee.cap_annual, &fee.rate) {
        (Some(cap), _) if *cap <= annual => Vec::new(),
        (Some(cap), _) => {
            let text = "fees may come to more than the law allows";
            vec![finding("late_fee.cap_annual_percent", cap.to_string(), text, true)]
        }
        (None, FeeRate::Percent(percent)) => {
            let times = fees_in_a_year(policy);
            let is_over = u64::from(times).saturating_mul(percent.ten_thousandths())
                > annual.ten_thousandths();
            let text = format!("{times} such fees in a year may come to more than the law allows");
            let found = finding("late_fee.value", percent.to_string(), &text, true);
            is_over.then_some(found).into_iter().collect()
        }
        (None, FeeRate::Flat(_) | FeeRate::FlatPer(_)) => {
            let text = "a flat fee on a small invoice may come to more than the law allows";
            vec![finding("late_fee.cap_annual_percent", "off".to_owned(), text, false)]
        }
    }
}

/// The most fees that one invoice gets within its first year overdue.
fn fees_in_a_year(policy: &Policy) -> u32 {
    const YEAR: u32 = 365;
    let schedule = policy.late_fee.as_ref().and_then(|fee| fee.schedule);
    if let Some(schedule) = schedule {
        let within = (0..schedule.times).filter(|n| schedule.days_overdue(*n) <= YEAR);
        return u32::try_from(within.count()).unwrap_or(u32::MAX);
    }
    let of_kind = |rules: &crate::policy::KindRules| {
        let steps = rules.steps.iter().filter(|step| step.action == Action::LateFee);
        steps.filter(|step| !matches!(step.when, When::DaysOverdue(days) if YEAR < days)).count()
    };
    let most = of_kind(&policy.regular).max(of_kind(&policy.out_of_turn));
    u32::try_from(most).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::read::read_text;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[test]
    fn lf_1_each_limit_has_a_source_and_the_day_on_which_it_was_read() {
        for row in LIMITS {
            assert!(row.jurisdiction.parse::<Jurisdiction>().is_ok(), "{row:?}");
            assert!(row.checked_on.is_some() && 10 < row.source.len(), "{row:?}");
        }
        let order: Vec<_> = LIMITS.iter().map(|row| (row.jurisdiction, row.from)).collect();
        assert!(order.is_sorted() && order.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn lf_1_the_limit_of_a_day_and_the_strictest_where_none_is_known() {
        for (at, on, annual, is_strictest) in [
            ("US-NY", "2026-02-01", "16", false),
            ("CA", "2025-01-01", "35", false),
            ("CA-ON", "2026-02-01", "35", false), // the country's
            ("CA", "2024-12-31", "6", true),      // not yet in force
            ("US-AR", "2010-12-31", "6", true),
            ("US-ZZ", "2026-02-01", "6", true),
            ("DE", "2026-02-01", "6", true),
        ] {
            let found = fee_limit(Some(&at.parse().unwrap()), day(on)).unwrap();
            let found = (found.limit.annual.to_string(), found.is_strictest);
            assert_eq!(found, (annual.to_owned(), is_strictest), "in {at} on {on}");
        }
        assert!(fee_limit(None, day("2026-02-01")).unwrap().is_strictest);
        for text in ["us-ny", "USA", "US_NY", "US-", "", "US-NEWYORK"] {
            assert!(text.parse::<Jurisdiction>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn pol_5_a_fee_over_the_jurisdictions_cap_is_an_error() {
        let twelve = "times: 12, every_days: 30, grace_days: 5";
        for (fee, at, expected) in [
            ("off".to_owned(), Some("US-PA"), None),
            (format!("{{kind: percent, value: \"1.5\", {twelve}}}"), Some("US-FL"), None),
            (
                format!("{{kind: percent, value: \"1.5\", {twelve}}}"),
                Some("US-NY"),
                Some(("late_fee.value", true, "US-NY allows 16 % a year (N.Y. Gen.")),
            ),
            (
                format!("{{kind: percent, value: \"1.5\", {twelve}, cap_annual_percent: \"16\"}}"),
                Some("US-NY"),
                None,
            ),
            (
                "{kind: flat, value: 25, cap_annual_percent: \"18\"}".to_owned(),
                Some("US-NY"),
                Some(("late_fee.cap_annual_percent", true, "US-NY allows 16 %")),
            ),
            (
                "{kind: flat, value: 25}".to_owned(),
                Some("US-NY"),
                Some(("late_fee.cap_annual_percent", false, "a flat fee on a small invoice")),
            ),
            (
                "{kind: percent, value: 7}".to_owned(),
                Some("FR"),
                Some(("late_fee.value", true, "of FR no limit is known, so the strictest holds")),
            ),
            (
                "{kind: percent, value: 7}".to_owned(),
                None,
                Some(("late_fee.value", false, "no jurisdiction is set")),
            ),
        ] {
            let policy = read_text(&format!("late_fee: {fee}")).unwrap();
            let at: Option<Jurisdiction> = at.map(|at| at.parse().unwrap());
            let found = check_fee_limits(&policy, at.as_ref(), day("2026-02-01"));
            let found: Vec<_> =
                found.iter().map(|f| (f.field, f.is_error, f.consequence.as_str())).collect();
            match (&found[..], expected) {
                ([], None) => {}
                ([(field, is_error, text)], Some((expected, is, part))) => {
                    assert_eq!((*field, *is_error), (expected, is), "for {fee}: {text}");
                    assert!(text.contains(part), "for {fee}: {text}");
                }
                _ => panic!("for {fee}: {found:?}"),
            }
        }
    }
}
