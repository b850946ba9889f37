//! The firm's numbers (KPI-1): month by month with what is aimed at, how old its debts are, and after which step
//! people pay. Each chart has its numbers in a table below it; none needs a script or a colour to be read.

use askama::Template;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use chrono::Months;
use domain::calendar::{for_person, minus};
use domain::kpi::{AGING, Aged, TARGET_DAYS};
use domain::money::{Currency, Money};
use serde::Deserialize;
use services::http::{Problem, ProblemKind};
use services::reports::{
    MAX_MONTHS, Measure, Month, Report, StepLine, aging_csv, first_of, kpi_csv, report,
};
use store::DatedBook;

use crate::extract::Query;
use crate::page::{Failure, Shell, Visit, render};
use crate::said;

/// How many months the page shows unless asked for more.
const USUAL_MONTHS: u32 = 12;

/// How many days of books are in a file: a month. The API has more.
const AGING_DAYS: u32 = 31;

/// A chart's drawing, in its own units: a phone shows them one to one.
const LEFT: u64 = 34;
const WIDTH: u64 = 320;
const TOP: u64 = 8;
const HEIGHT: u64 = 120;
const BELOW: u64 = 20;

/// How many months are named below a chart: their names are some 30 units wide.
const NAMED: u64 = 8;

/// How many lines a chart has between nothing and its most.
const LINES: u64 = 4;

#[derive(Template)]
#[template(path = "console/reports.html")]
struct ReportsPage {
    shell: Shell,
    /// Which days are counted, in a sentence; `None`: none is yet.
    counted: Option<String>,
    numbers: Vec<Number>,
    month: String,
    charts: Vec<Chart>,
    steps: Vec<Step>,
    steps_of: String,
    book: Option<Book>,
    more: Option<String>,
}

/// How much is shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Span {
    months: Option<u32>,
}

/// A number of the last whole month.
struct Number {
    name: String,
    value: String,
    of: String,
    target: String,
    met: Option<bool>,
}

/// A number over the months.
struct Chart {
    id: &'static str,
    title: String,
    hint: &'static str,
    sentence: String,
    columns: Vec<Column>,
    lines: Vec<(u64, String)>,
    aim: Option<Aim>,
    rows: Vec<Row>,
}

/// What is aimed at.
struct Aim {
    y: u64,
    words: String,
}

/// A month of it.
struct Column {
    x: u64,
    y: u64,
    width: u64,
    height: u64,
    is_missed: bool,
    title: String,
    middle: u64,
    /// The name below it; empty, where there is no room for all.
    name: String,
}

/// A month in the table.
struct Row {
    month: String,
    value: String,
    of: String,
    met: Option<bool>,
}

/// What a step did.
struct Step {
    name: String,
    fired: u64,
    payments: u64,
    amounts: Vec<String>,
    width: u64,
}

/// How the book stood.
struct Book {
    day: String,
    clients: String,
    owed: Vec<Owed>,
}

/// What was owed in a currency.
struct Owed {
    currency: String,
    total: String,
    buckets: Vec<Bucket>,
}

/// A bucket of it, 0 to 100 wide.
struct Bucket {
    name: &'static str,
    invoices: u64,
    amount: String,
    width: u64,
    rank: usize,
}

pub(crate) async fn show(visit: Visit, Query(span): Query<Span>) -> Result<Response, Failure> {
    let today = visit.desk.day();
    let most = u32::try_from(MAX_MONTHS).unwrap_or(USUAL_MONTHS);
    let months = span.months.unwrap_or(USUAL_MONTHS).clamp(1, most);
    let from = first_of(today).checked_sub_months(Months::new(months - 1)).unwrap_or(today);
    let store = visit.desk.store();
    let report = report(store, from, today).await?;
    let shown = report.months.iter().rev().find(|month| month.is_whole).or(report.months.last());
    let page = ReportsPage {
        counted: counted(&report),
        numbers: shown.map(numbers).unwrap_or_default(),
        month: shown.map(named).unwrap_or_default(),
        charts: charts(&report.months),
        steps: steps(&report.steps()),
        steps_of: match (report.months.first(), report.months.last()) {
            (Some(first), Some(last)) if first.first != last.first => {
                format!("{} to {}", named(first), named(last))
            }
            (_, last) => last.map(named).unwrap_or_default(),
        },
        book: store.newest_book().await?.as_ref().map(Book::of),
        more: (months < most).then(|| format!("/console/reports?months={most}")),
        shell: visit.shell("Reports", "reports"),
    };
    Ok(render(&page))
}

/// The numbers of a year as a file.
pub(crate) async fn kpi_file(visit: Visit) -> Result<Response, Failure> {
    let today = visit.desk.day();
    let first = first_of(today).checked_sub_months(Months::new(USUAL_MONTHS - 1));
    let report = report(visit.desk.store(), first.unwrap_or(today), today).await?;
    file("kpi.csv", kpi_csv(&report))
}

/// How old debts were in a month, newest day first, as a file.
pub(crate) async fn aging_file(visit: Visit) -> Result<Response, Failure> {
    let today = visit.desk.day();
    let mut books = visit.desk.store().books(minus(today, AGING_DAYS), today).await?;
    books.reverse();
    file("aging.csv", aging_csv(&books))
}

/// A file, to be kept under that name.
fn file<E>(name: &str, made: Result<Vec<u8>, E>) -> Result<Response, Failure> {
    let why = "the report could not be written";
    let bytes = made.map_err(|_| Problem::new(ProblemKind::Internal, why))?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}

fn counted(report: &Report) -> Option<String> {
    let (since, until) = (report.since?, report.counted?);
    Some(format!(
        "Counted since {}, until {}. What was before that, and what came in with a history, is in no number.",
        for_person(since),
        for_person(until)
    ))
}

fn named(month: &Month) -> String {
    month.first.format("%B %Y").to_string()
}

fn numbers(month: &Month) -> Vec<Number> {
    let number = |measure: Measure| Number {
        value: measure.value(),
        name: measure.name,
        of: measure.of,
        target: measure.target.map_or_else(|| "none".to_owned(), |(words, _)| words),
        met: measure.is_met,
    };
    month.numbers().into_iter().map(number).collect()
}

fn charts(months: &[Month]) -> Vec<Chart> {
    let aim = u64::from(TARGET_DAYS);
    let payment = chart(
        (
            "payment",
            "Days from issue to payment",
            "Over all service lines; each has its own aim above, tax 14 days.",
        ),
        months,
        |month| Measure {
            target: Some((format!("{aim} days"), aim)),
            is_met: None,
            ..month.paid()
        },
    );
    let locked = chart(
        (
            "locked",
            "Clients locked by the rule, of the active",
            "A client that was locked twice in a month counts once.",
        ),
        months,
        Month::locked,
    );
    let unlocked = chart(
        (
            "unlocked",
            "Working days from full payment to unlock",
            "Locks by the rule; exceptions and locks by hand are not in it.",
        ),
        months,
        Month::unlocked,
    );
    let answered = chart(
        (
            "answered",
            "Demands answered within 7 days",
            "By a payment, a promise, a plan, a dispute or a message. In the month of the demand.",
        ),
        months,
        Month::answered,
    );
    vec![payment, locked, unlocked, answered]
}

fn chart(
    (id, title, hint): (&'static str, &str, &'static str),
    months: &[Month],
    measure: impl Fn(&Month) -> Measure,
) -> Chart {
    let measures: Vec<_> = months.iter().map(|month| (month, measure(month))).collect();
    let known = || measures.iter().filter_map(|(_, measure)| measure.tenths);
    let target = measures.last().and_then(|(_, measure)| measure.target.clone());
    let aimed = target.as_ref().map_or(0, |(_, aim)| *aim);
    let most = round_up(known().max().unwrap_or(0).div_ceil(10).max(aimed).max(LINES));
    let height = |tenths: u64| (tenths * HEIGHT / (most * 10)).min(HEIGHT);
    let count = (measures.len() as u64).max(1);
    let step = WIDTH / count;
    let every = count.div_ceil(NAMED);
    let columns = measures.iter().zip(0_u64..).map(|((month, measure), place)| {
        let height = height(measure.tenths.unwrap_or(0));
        let (x, width) = (LEFT + place * step + step / 6, (step * 2 / 3).clamp(2, 48));
        Column {
            x,
            y: TOP + HEIGHT - height,
            width,
            height,
            is_missed: measure.is_met == Some(false),
            title: format!("{}: {}", named(month), measure.value()),
            middle: x + width / 2,
            name: match place % every {
                0 => month.first.format("%b").to_string(),
                _ => String::new(),
            },
        }
    });
    let rows = measures.iter().rev().map(|(month, measure)| Row {
        month: match month.is_whole {
            true => named(month),
            false => format!("{} (in part)", named(month)),
        },
        value: measure.value(),
        of: measure.of.clone(),
        met: measure.is_met,
    });
    Chart {
        id,
        title: title.to_owned(),
        hint,
        sentence: sentence(title, &measures),
        columns: columns.collect(),
        lines: (0..=LINES)
            .map(|line| (TOP + HEIGHT - HEIGHT * line / LINES, (most * line / LINES).to_string()))
            .collect(),
        aim: target.map(|(words, aim)| Aim { y: TOP + HEIGHT - height(aim * 10), words }),
        rows: rows.collect(),
    }
}

/// What the chart shows, for whoever doesn't see it.
fn sentence(title: &str, measures: &[(&Month, Measure)]) -> String {
    let last = measures.iter().rev().find(|(_, measure)| measure.tenths.is_some());
    match last {
        Some((month, measure)) => {
            format!("{title}, month by month. {}: {}.", named(month), measure.value())
        }
        None => format!("{title}: there is nothing to show yet."),
    }
}

/// The next number that [`LINES`] lines divide into whole ones.
fn round_up(most: u64) -> u64 {
    let step = [1, 2, 5, 10, 20, 25, 50, 100, 250, 500, 1_000, 5_000]
        .into_iter()
        .find(|step| most <= step * LINES);
    step.map_or_else(|| most.div_ceil(LINES) * LINES, |step| step * LINES)
}

fn steps(lines: &[StepLine]) -> Vec<Step> {
    let most = lines.iter().map(|line| line.payments).max().unwrap_or(0).max(1);
    let step = |line: &StepLine| Step {
        name: line.name.clone(),
        fired: line.fired,
        payments: line.payments,
        amounts: said::sums(line.amounts.iter().copied()),
        width: line.payments * 100 / most,
    };
    lines.iter().map(step).collect()
}

impl Book {
    fn of(dated: &DatedBook) -> Self {
        let book = &dated.book;
        let count = |number: u64, one: &str| {
            said::count(usize::try_from(number).unwrap_or(usize::MAX), one)
        };
        let owed = book.owed.iter().map(|(currency, buckets)| Owed {
            currency: currency.code().to_owned(),
            total: book.total(*currency).for_person(),
            buckets: Bucket::all(*currency, buckets),
        });
        Self {
            day: said::day(dated.day),
            clients: format!(
                "{}, {} of them active, {} locked",
                count(book.clients, "client"),
                book.active,
                book.locked
            ),
            owed: owed.collect(),
        }
    }
}

impl Bucket {
    fn all(currency: Currency, buckets: &[Aged]) -> Vec<Self> {
        let most = u128::from(buckets.iter().map(|aged| aged.minor).max().unwrap_or(0).max(1));
        let width = |aged: &Aged| u64::try_from(u128::from(aged.minor) * 100 / most).unwrap_or(100);
        let bars = AGING.iter().zip(buckets).enumerate();
        bars.map(|(rank, ((_, name), aged))| Self {
            name,
            invoices: aged.invoices,
            amount: Money::new(aged.minor, currency).for_person(),
            width: width(aged),
            rank,
        })
        .collect()
    }
}

impl ReportsPage {
    /// The drawing's own size.
    fn view_box(&self) -> String {
        format!("0 0 {} {}", LEFT + WIDTH + 4, TOP + HEIGHT + BELOW)
    }

    fn right(&self) -> u64 {
        LEFT + WIDTH
    }

    fn left(&self) -> u64 {
        LEFT
    }

    fn below(&self) -> u64 {
        TOP + HEIGHT + BELOW - 5
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kpi_1_a_chart_s_lines_are_whole_numbers() {
        for (most, expected) in [(0, 4), (4, 4), (5, 8), (34, 40), (50, 80), (100, 100), (101, 200)]
        {
            let most = round_up(most);
            assert_eq!((most, most % LINES), (expected, 0));
        }
        assert_eq!(round_up(20_001) % LINES, 0);
    }
}
