//! Reports (KPI-1): the firm's numbers month by month, and how old its debts are; as JSON, or as a file for a
//! spreadsheet.
//!
//! They are read from what was rolled up, never from accounts, so they are of the day before at the latest; each answer
//! says since when and until when. Everybody at the firm may read them: they name no client.

use axum::Json;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use domain::calendar::{Day, days_between, minus};
use domain::kpi::AGING;
use domain::money::Money;
use serde::{Deserialize, Serialize};
use services::http::{Amount, Date, Params, Problem, ProblemKind};
use services::office::Desk;
use services::reports::{self, MAX_MONTHS, Measure, Month, Report, StepLine, first_of};
use store::DatedBook;
use utoipa::{IntoParams, ToSchema};

/// How many months a report has unless it is asked for others.
const USUAL_MONTHS: u32 = 12;

/// The most days that a report may span: those of [`MAX_MONTHS`] at their longest.
const MAX_SPAN: u32 = 2 * 366;

/// How many days of books are answered unless others are asked for: a month.
const USUAL_DAYS: u32 = 31;

/// The most days of books in one answer: two years of them are some hundreds of KB.
const MAX_DAYS: u32 = 731;

/// Which days, and as what.
#[derive(Debug, Clone, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Which {
    /// The first day; of the KPIs, any day of the first month. A year ago, and of books a month ago, unless said.
    #[param(value_type = Option<String>, example = "2026-01-01")]
    from: Option<Date>,
    /// The last one. Today, unless said.
    #[param(value_type = Option<String>, example = "2026-12-31")]
    to: Option<Date>,
    /// `json`, or `csv` for a file.
    format: Option<String>,
}

impl Which {
    fn is_csv(&self) -> Result<bool, Problem> {
        match self.format.as_deref() {
            None | Some("json") => Ok(false),
            Some("csv") => Ok(true),
            Some(other) => {
                let detail = format!("{other:?} is no format, expected json or csv");
                Err(Problem::malformed(detail).of("format"))
            }
        }
    }

    fn span(&self, usual: impl Fn(Day) -> Day, today: Day) -> Result<(Day, Day), Problem> {
        let to = self.to.map_or(today, |Date(to)| to);
        let from = self.from.map_or_else(|| usual(to), |Date(from)| from);
        if to < from {
            let detail = format!("the first day, {from}, is later than the last, {to}");
            return Err(Problem::malformed(detail).of("from"));
        }
        Ok((from, to))
    }
}

/// The firm's numbers.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct KpiReport {
    /// The first day that is counted; what was before it is in no number.
    since: Option<Date>,
    /// The last day that is.
    until: Option<Date>,
    /// Month by month, oldest first.
    months: Vec<KpiMonth>,
}

/// A month of them.
#[derive(Debug, Serialize, ToSchema)]
struct KpiMonth {
    /// Which.
    #[schema(example = "2026-03")]
    month: String,
    /// Whether all of its days are counted.
    is_whole: bool,
    /// Its numbers.
    numbers: Vec<KpiNumber>,
    /// What its steps did.
    steps: Vec<KpiStep>,
}

/// A number of a month.
#[derive(Debug, Serialize, ToSchema)]
struct KpiNumber {
    /// Which: `days_to_payment`, `auto_locked`, `time_to_unlock` or `demands_answered`.
    #[schema(example = "days_to_payment")]
    kpi: &'static str,
    /// Of which service line, if of one.
    service_line: Option<String>,
    /// The number, to a tenth; `null`, where there is nothing that it could be of.
    #[schema(example = "28.4")]
    value: Option<String>,
    /// `days`, `working_days` or `percent`.
    #[schema(example = "days")]
    unit: &'static str,
    /// How many it is of.
    #[schema(example = "31 invoices")]
    of: String,
    /// What is aimed at.
    #[schema(example = "at most 30")]
    target: Option<String>,
    /// Whether that is met, where it is known.
    is_met: Option<bool>,
}

/// What a step did.
#[derive(Debug, Serialize, ToSchema)]
struct KpiStep {
    /// Which: as policies name it, or `lock`.
    #[schema(example = "regular/at/14/demand_letter")]
    step: String,
    /// The same for people.
    name: String,
    /// For how many clients it fired.
    fired: u64,
    /// How many payments came within seven days after it, and after no later one.
    payments: u64,
    /// How much they were, by currency.
    amounts: Vec<Amount>,
}

impl From<Report> for KpiReport {
    fn from(report: Report) -> Self {
        Self {
            since: report.since.map(Date),
            until: report.counted.map(Date),
            months: report.months.iter().map(KpiMonth::from).collect(),
        }
    }
}

impl From<&Month> for KpiMonth {
    fn from(month: &Month) -> Self {
        Self {
            month: month.name(),
            is_whole: month.is_whole,
            numbers: month.numbers().into_iter().map(KpiNumber::from).collect(),
            steps: month.steps().into_iter().map(KpiStep::from).collect(),
        }
    }
}

impl From<Measure> for KpiNumber {
    fn from(number: Measure) -> Self {
        Self {
            kpi: number.id,
            value: number.number(),
            service_line: number.line.map(|line| line.to_string()),
            unit: number.unit,
            of: number.of,
            target: number.target.map(|(words, _)| words),
            is_met: number.is_met,
        }
    }
}

impl From<StepLine> for KpiStep {
    fn from(line: StepLine) -> Self {
        let StepLine { step, name, fired, payments, amounts } = line;
        Self { step, name, fired, payments, amounts: amounts.into_iter().map(Amount).collect() }
    }
}

/// The firm's numbers month by month, each with its target (KPI-1); 24 months at most.
#[utoipa::path(get, path = "/firm/v1/reports/kpi", tag = "reports", operation_id = "get_kpi_report",
    params(Which), responses((status = 200, content((KpiReport = "application/json"), (String = "text/csv")))))]
pub(crate) async fn kpi(desk: Desk, Params(which): Params<Which>) -> Result<Response, Problem> {
    let is_csv = which.is_csv()?;
    let year_before = |to: Day| minus(first_of(to), (USUAL_MONTHS - 1) * 30);
    let (from, to) = which.span(year_before, desk.day())?;
    if MAX_SPAN < days_between(from, to) {
        return Err(too_many(&format!("{MAX_MONTHS} months")));
    }
    let report = reports::report(desk.store(), from, to).await?;
    match is_csv {
        true => file("kpi.csv", reports::kpi_csv(&report)),
        false => Ok(Json(KpiReport::from(report)).into_response()),
    }
}

/// How old the firm's debts were.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AgingReport {
    /// Day by day as they were counted, newest first.
    books: Vec<AgingBook>,
}

/// The book of a day.
#[derive(Debug, Serialize, ToSchema)]
struct AgingBook {
    /// Which day.
    day: Date,
    /// When it was counted, by the firm's clock.
    counted_at: String,
    /// Clients whose engagement goes on.
    clients: u64,
    /// Of these, those with an invoice of late.
    active: u64,
    /// Clients that were locked.
    locked: u64,
    /// What was owed, one entry for each currency: these never meet in a sum.
    owed: Vec<AgingOwed>,
}

/// What was owed in a currency.
#[derive(Debug, Serialize, ToSchema)]
struct AgingOwed {
    /// All of it.
    total: Amount,
    /// By how long it had been overdue.
    buckets: Vec<AgingBucket>,
}

/// A bucket of it.
#[derive(Debug, Serialize, ToSchema)]
struct AgingBucket {
    /// From how many days overdue on.
    from_days: u32,
    /// Its name.
    #[schema(example = "31–60 days")]
    name: &'static str,
    /// How many invoices.
    invoices: u64,
    /// How much.
    amount: Amount,
}

impl From<&DatedBook> for AgingBook {
    fn from(dated: &DatedBook) -> Self {
        let book = &dated.book;
        let owed = book.owed.iter().map(|(currency, buckets)| AgingOwed {
            total: Amount(book.total(*currency)),
            buckets: AGING
                .iter()
                .zip(buckets)
                .map(|((from_days, name), aged)| AgingBucket {
                    from_days: *from_days,
                    name,
                    invoices: aged.invoices,
                    amount: Amount(Money::new(aged.minor, *currency)),
                })
                .collect(),
        });
        Self {
            day: Date(dated.day),
            counted_at: dated.at.to_rfc3339(),
            clients: book.clients,
            active: book.active,
            locked: book.locked,
            owed: owed.collect(),
        }
    }
}

/// How old the firm's debts were on the days on which its book was counted, newest first; 731 days at most.
#[utoipa::path(get, path = "/firm/v1/reports/aging", tag = "reports", operation_id = "get_aging_report",
    params(Which), responses((status = 200, content((AgingReport = "application/json"), (String = "text/csv")))))]
pub(crate) async fn aging(desk: Desk, Params(which): Params<Which>) -> Result<Response, Problem> {
    let is_csv = which.is_csv()?;
    let (from, to) = which.span(|to| minus(to, USUAL_DAYS), desk.day())?;
    if MAX_DAYS < days_between(from, to) {
        return Err(too_many(&format!("{MAX_DAYS} days")));
    }
    let mut books = desk.store().books(from, to).await?;
    books.reverse();
    match is_csv {
        true => file("aging.csv", reports::aging_csv(&books)),
        false => {
            let books = books.iter().map(AgingBook::from).collect();
            Ok(Json(AgingReport { books }).into_response())
        }
    }
}

fn too_many(most: &str) -> Problem {
    Problem::malformed(format!("a report has at most {most}")).of("from")
}

/// A file, to be kept under that name.
fn file<E: std::fmt::Display>(name: &str, made: Result<Vec<u8>, E>) -> Result<Response, Problem> {
    let bytes = made.map_err(|error| {
        tracing::error!("The report {name} can't be written: {error}");
        Problem::new(ProblemKind::Internal, "the report could not be written")
    })?;
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers =
        [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, disposition)];
    Ok((headers, bytes).into_response())
}
