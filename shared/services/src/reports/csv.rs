//! Reports as files that a spreadsheet opens (KPI-1).
//!
//! One number a line, so that a pivot table does the rest. A cell that a spreadsheet would take for a formula begins
//! with an apostrophe: names come from people.

use csv::Writer;
use domain::kpi::AGING;
use domain::money::Money;
use store::DatedBook;

use super::Report;

/// What a spreadsheet takes for the beginning of a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// The numbers of each month.
///
/// # Errors
/// None that a text in memory could have.
pub fn kpi_csv(report: &Report) -> Result<Vec<u8>, csv::Error> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record([
        "month", "whole", "measure", "of", "value", "unit", "count", "target", "met",
    ])?;
    for month in &report.months {
        let (name, is_whole) = (month.name(), yes(month.is_whole));
        for number in month.numbers() {
            let line = number.line.as_ref().map_or("", |line| line.as_str());
            let target = number.target.as_ref().map(|(words, _)| words.as_str());
            let value = number.number().unwrap_or_default();
            let met = number.is_met.map_or("", yes);
            let cells = [
                &*name,
                is_whole,
                number.id,
                line,
                &*value,
                number.unit,
                &*number.of,
                target.unwrap_or_default(),
                met,
            ];
            writer.write_record(cells.map(safe))?;
        }
        for step in month.steps() {
            let (fired, payments) = (step.fired.to_string(), step.payments.to_string());
            let of = &*step.step;
            for (measure, value, unit) in
                [("step_fired", &fired, "clients"), ("payments_after_step", &payments, "payments")]
            {
                let cells = [&*name, is_whole, measure, of, value, unit, "", "", ""];
                writer.write_record(cells.map(safe))?;
            }
            for amount in &step.amounts {
                let (value, currency) = (amount.amount(), amount.currency());
                let cells = [
                    &*name,
                    is_whole,
                    "money_after_step",
                    of,
                    &*value,
                    currency.code(),
                    "",
                    "",
                    "",
                ];
                writer.write_record(cells.map(safe))?;
            }
        }
    }
    finished(writer)
}

/// How old debts were, day by day.
///
/// # Errors
/// None that a text in memory could have.
pub fn aging_csv(books: &[DatedBook]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = Writer::from_writer(Vec::new());
    writer.write_record(["day", "currency", "overdue", "invoices", "amount"])?;
    for book in books {
        let day = book.day.to_string();
        for (currency, buckets) in &book.book.owed {
            for ((_, name), aged) in AGING.iter().zip(buckets) {
                let amount = Money::new(aged.minor, *currency).amount();
                let invoices = aged.invoices.to_string();
                writer
                    .write_record([&*day, currency.code(), name, &*invoices, &*amount].map(safe))?;
            }
        }
    }
    finished(writer)
}

fn yes(is: bool) -> &'static str {
    if is { "yes" } else { "no" }
}

fn safe(cell: &str) -> String {
    match cell.starts_with(FORMULA) {
        true => format!("'{cell}"),
        false => cell.to_owned(),
    }
}

fn finished(writer: Writer<Vec<u8>>) -> Result<Vec<u8>, csv::Error> {
    writer.into_inner().map_err(|error| error.into_error().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kpi_1_no_cell_is_a_formula() {
        for (cell, expected) in [
            ("tax", "tax"),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-2", "'-2"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("a=b", "a=b"),
            ("", ""),
        ] {
            assert_eq!(safe(cell), expected);
        }
    }
}
