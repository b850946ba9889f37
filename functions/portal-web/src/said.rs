//! How things are said to people: days, amounts, counts.

use chrono::Datelike;
use domain::calendar::{Day, days_between};
use domain::fee::FeeEnd;
use domain::id::ServiceLine;
use domain::invoice::Invoice;
use domain::money::{Currency, Money};
use store::HeardKind;

/// A day as people write it, such as "Oct 8, 2026".
pub(crate) fn day(day: Day) -> String {
    domain::calendar::for_person(day)
}

/// A day near another one, such as "tomorrow", else as people write it.
pub(crate) fn near(on: Day, today: Day) -> String {
    match (on < today, days_between(on.min(today), on.max(today))) {
        (_, 0) => "today".to_owned(),
        (false, 1) => "tomorrow".to_owned(),
        (true, 1) => "yesterday".to_owned(),
        (false, days @ 2..=6) => format!("{} (in {days} days)", weekday(on)),
        _ => day(on),
    }
}

fn weekday(day: Day) -> String {
    day.weekday().to_string()
}

/// A service line, which has no name where the firm gave none.
pub(crate) fn line(line: &ServiceLine) -> String {
    match line.as_str() {
        ServiceLine::UNNAMED => "what has no service line".to_owned(),
        name => name.to_owned(),
    }
}

/// "1 invoice", "3 invoices".
pub(crate) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

/// Sums of two currencies never meet: one text for each.
pub(crate) fn sums(amounts: impl IntoIterator<Item = Money>) -> Vec<String> {
    let mut sums: std::collections::BTreeMap<Currency, u64> = std::collections::BTreeMap::new();
    for amount in amounts {
        let sum = sums.entry(amount.currency()).or_default();
        *sum = sum.saturating_add(amount.minor());
    }
    let sums = sums.into_iter().filter(|(_, minor)| 0 < *minor);
    sums.map(|(currency, minor)| Money::new(minor, currency).for_person()).collect()
}

/// An invoice's late fees, one sentence each; not why one was waived, which is the firm's.
pub(crate) fn late_fees(invoice: &Invoice) -> Vec<String> {
    let of = invoice.fee_of.iter().map(|of| format!("A late fee of invoice {of}"));
    let fees = invoice.fees.iter().filter(|fee| fee.end != Some(FeeEnd::PassedOver));
    let fees = fees.map(|fee| {
        let state = match (&fee.end, &fee.invoice) {
            (Some(FeeEnd::Waived { .. }), _) => ", waived".to_owned(),
            (Some(FeeEnd::TakenBack { .. } | FeeEnd::PassedOver), _) => ", taken back".to_owned(),
            (None, Some(number)) => format!(", invoice {number}"),
            (None, None) => String::new(),
        };
        format!("{}: {}{state}", fee.text(), fee.amount.for_person())
    });
    of.chain(fees).collect()
}

/// With a capital first.
pub(crate) fn capitalised(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| first.to_uppercase().to_string() + chars.as_str())
}

/// A name in snake case, for people: "ready_for_unlock" is "ready for unlock".
pub(crate) fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// What was heard of a mail.
pub(crate) fn heard(kind: HeardKind) -> &'static str {
    match kind {
        HeardKind::Arrived => "arrived",
        HeardKind::Delayed => "delayed",
        HeardKind::Returned => "came back",
        HeardKind::Complained => "marked as unwanted",
        HeardKind::Refused => "not sent by the mail service",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_near_today_have_names() {
        let at = |text: &str| text.parse::<Day>().unwrap();
        let today = at("2026-10-08");
        for (on, expected) in [
            ("2026-10-08", "today"),
            ("2026-10-09", "tomorrow"),
            ("2026-10-07", "yesterday"),
            ("2026-10-11", "Sun (in 3 days)"),
            ("2026-10-15", "Oct 15, 2026"),
            ("2026-10-05", "Oct 5, 2026"),
        ] {
            assert_eq!(near(at(on), today), expected, "for {on}");
        }
    }

    #[test]
    fn sums_stay_apart_and_leave_out_nothing_but_zeros() {
        let money = |text: &str, code: &str| Money::parse(text, code.parse().unwrap()).unwrap();
        let sums =
            sums([money("1.50", "USD"), money("2", "JPY"), money("0", "EUR"), money("2", "USD")]);
        assert_eq!(sums, ["2 JPY", "3.50 USD"]);
    }
}
