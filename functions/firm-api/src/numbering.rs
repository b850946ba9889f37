//! The firm's series of invoice numbers, as they are shown and set (INV-7).

use domain::numbering::{MAX_SERIES, Series};
use serde::{Deserialize, Serialize};
use services::http::{Problem, ProblemKind};
use services::office::Desk;
use utoipa::ToSchema;

/// What most firms write: 2026-0001.
const USUAL_DIGITS: u32 = 4;

/// A series of invoice numbers.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Series)]
pub(crate) struct ShownSeries {
    /// How its numbers begin.
    #[schema(example = "2026-")]
    prefix: String,
    /// Up to how many digits the counter is filled with zeros.
    digits: u32,
    /// Where the counter begins.
    first: u64,
}

impl ShownSeries {
    /// As it is set.
    pub(crate) fn of(series: &Series) -> Self {
        let prefix = series.prefix().to_owned();
        Self { prefix, digits: series.digits(), first: series.first() }
    }
}

/// A series of invoice numbers to be set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewSeries {
    /// How its numbers begin; doesn't end with a digit.
    #[schema(example = "2026-")]
    prefix: String,
    /// Up to how many digits the counter is filled with zeros; 4, if not said.
    #[serde(default)]
    digits: Option<u32>,
    /// Where the counter begins; 1, if not said.
    #[serde(default)]
    first: Option<u64>,
}

/// All series, as they are to be. One that a number was drawn from stays as it is: else its next number
/// would leave a gap, or be there twice.
///
/// # Errors
/// Names the series at fault.
pub(crate) async fn numbering(desk: &Desk, new: Vec<NewSeries>) -> Result<Vec<Series>, Problem> {
    if MAX_SERIES < new.len() {
        let detail = format!("a firm has at most {MAX_SERIES} series");
        return Err(Problem::invalid("numbering", detail));
    }
    let mut all: Vec<Series> = Vec::new();
    for (index, new) in new.into_iter().enumerate() {
        let at = format!("numbering[{index}]");
        let digits = new.digits.unwrap_or(USUAL_DIGITS);
        let series = Series::new(new.prefix, digits, new.first.unwrap_or(1))
            .map_err(|error| Problem::invalid(&*at, error.to_string()))?;
        if all.iter().any(|other| other.prefix() == series.prefix()) {
            return Err(Problem::invalid(at, "a series of this prefix is there twice"));
        }
        all.push(series);
    }
    for known in &desk.firm.settings().numbering {
        if !all.contains(known) && desk.store().has_drawn(known).await? {
            let prefix = known.prefix();
            let detail = format!("numbers of the series {prefix:?} were drawn; it stays as it is");
            let kind = ProblemKind::Conflict;
            let refused = Problem { rule: Some("INV-7"), ..Problem::new(kind, detail) };
            return Err(refused.of("numbering"));
        }
    }
    Ok(all)
}
