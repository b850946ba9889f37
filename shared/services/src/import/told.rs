//! What a run of an import says of itself: kept while it goes on and afterwards, for whoever looks.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::plan::{Outcome, RowReport};
use super::read::Fault;
pub use super::run::Summary as Counts;

/// How the id of a run begins: runs of other things are kept beside these.
pub const PREFIX: &str = "import-";

/// How many rows of each kind a run lists: its item has room for a few hundred kilobytes.
pub const MAX_LISTED: usize = 200;

/// The longest id of a run.
const MAX_ID: usize = 100;

/// Whether a run of that id is one of an import.
pub fn is_run(id: &str) -> bool {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    id.starts_with(PREFIX) && id.len() < MAX_ID && id.bytes().all(is_name)
}

/// A run of an import.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Run {
    /// Its id.
    pub import: String,
    /// How it stands.
    pub state: State,
    /// Who began it.
    pub by: String,
    /// When.
    pub begun_at: String,
    /// Whether it only says what it would do.
    pub is_dry_run: bool,
    /// How many rows are done.
    pub done: usize,
    /// Of how many.
    pub of: usize,
    /// What it did, or would do.
    pub summary: Option<Counts>,
    /// Rows that can't be read: the first 200.
    pub faults: Vec<RowFault>,
    /// Rows that were not applied, since they say otherwise than is known or a rule refuses them: the
    /// first 200.
    pub not_applied: Vec<NotApplied>,
    /// Columns that were not read.
    pub unread_columns: Vec<String>,
    /// The file's columns, as its header names them.
    #[serde(default)]
    pub columns: Vec<String>,
    /// Which field was looked for in which column, where that isn't the field's name.
    #[serde(default)]
    pub mapping: BTreeMap<String, String>,
    /// Why the file as a whole can't be read.
    #[serde(default)]
    pub problem: Option<String>,
}

/// How a run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ImportState)]
pub enum State {
    /// It goes on; or, past half a minute, its function ended: post the file again.
    Running,
    /// It is done.
    Done,
    /// Rows can't be read, so nothing was imported.
    Refused,
    /// Its time was up: what is in stays, and the same file posted again goes on from there.
    Stopped,
}

/// What is wrong with a row.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RowFault {
    /// Where the row begins.
    pub line: usize,
    /// The column's header.
    pub column: String,
    /// What stands there.
    pub value: String,
    /// What is wrong with it.
    pub reason: String,
}

impl From<&Fault> for RowFault {
    fn from(fault: &Fault) -> Self {
        let Fault { line, column, value, reason } = fault.clone();
        Self { line, column, value, reason }
    }
}

/// A row that was not applied.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NotApplied {
    /// Where the row begins.
    pub line: usize,
    /// Of which client.
    pub client: String,
    /// Which invoice.
    pub invoice: Option<String>,
    /// Why.
    pub reason: String,
}

impl NotApplied {
    /// What became of a row, if it wasn't what it said.
    pub fn of(row: &RowReport) -> Option<Self> {
        let reason = match &row.outcome {
            Outcome::Refused(refusal) => refusal.to_string(),
            Outcome::Conflict | Outcome::Created | Outcome::Paid | Outcome::Unchanged => {
                let told = row.differences.iter().map(|difference| {
                    format!(
                        "{}: {} here, {} there",
                        difference.field, difference.ours, difference.theirs
                    )
                });
                told.collect::<Vec<_>>().join("; ")
            }
        };
        let invoice = Some(row.invoice.to_string());
        let client = row.client.to_string();
        (!reason.is_empty()).then_some(Self { line: row.line, client, invoice, reason })
    }
}
