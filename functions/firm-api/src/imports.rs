//! Imports of a ledger (contracts §5): a CSV file comes in, a run says how far it is and what it did.
//!
//! The run is done while the request waits, for as long as a function may: what isn't in by then is
//! brought in by posting the same file again, since what is in is unchanged. Meanwhile, and afterwards,
//! anybody can look at the run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use domain::document::nearest;
use domain::role::Role;
use identity::OpaqueToken;
use serde::Deserialize;
use services::http::body::media_type;
use services::http::{Ids, Params, Problem, ProblemKind};
use services::import::mapping::{Mapping, Pair};
use services::import::read::{FileError, Ledger, header};
use services::import::run::{ImportError, Options, Progress, Report, import};
use services::import::told::{MAX_LISTED, NotApplied, PREFIX, RowFault, Run, State, is_run};
use services::office::Desk;
use tokio::time::{Instant, sleep, sleep_until};
use utoipa::IntoParams;

/// The largest file. Lambda takes 6 MB with everything around it; larger ones are imported by
/// `portcullis import`, or in parts.
pub(crate) const MAX_FILE: usize = 5 * 1024 * 1024;

/// The longest header that a run shows, in bytes: its item has room for some hundred kilobytes.
const MAX_HEADER: usize = 32 * 1024;

/// For how long a run goes on while its request waits: the function has 29 seconds.
const MAX_RUN: Duration = Duration::from_secs(20);

/// How often a run says how far it is.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// Who may import: who may put in an invoice.
const BOOKKEEPERS: &[Role] = &[Role::Admin, Role::BillingLead, Role::Partner];

/// How an import is to be done; for the document, the query itself is read pair by pair.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "only the document's")]
pub(crate) struct How {
    /// Only says what would be done.
    dry_run: Option<bool>,
    /// Leaves out the rows that can't be read, instead of the whole file.
    skip_bad: Option<bool>,
    /// `field=column`, for a header of another name; as often as needed.
    map: Option<Vec<String>>,
}

/// Imports a ledger; done again, it changes nothing.
#[utoipa::path(post, path = "/firm/v1/imports", tag = "imports", operation_id = "import_ledger",
    params(How), request_body(content = String, content_type = "text/csv"),
    responses((status = 202, body = Run)))]
pub(crate) async fn begin(
    desk: Desk,
    Params(query): Params<Vec<(String, String)>>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Problem> {
    desk.require(BOOKKEEPERS)?;
    if media_type(&headers).as_deref() != Some("text/csv") {
        let detail = "a body of text/csv is expected here";
        return Err(Problem::new(ProblemKind::UnsupportedMediaType, detail).of("Content-Type"));
    }
    let (options, mapping) = how(&query, &desk)?;
    let mut run = Run {
        import: id(&desk)?,
        state: State::Running,
        by: desk.staff().to_string(),
        begun_at: desk.firm.now(desk.now).to_rfc3339(),
        is_dry_run: options.is_dry_run,
        done: 0,
        of: 0,
        summary: None,
        faults: Vec::new(),
        not_applied: Vec::new(),
        unread_columns: Vec::new(),
        columns: columns(&body),
        mapping: mapping.pairs(),
        problem: None,
    };
    let location = [(LOCATION, format!("/firm/v1/imports/{}", run.import))];
    if let Err(problem) = carry_out(&desk, &body, &mapping, &options, &mut run).await {
        let is_refused = problem.kind == ProblemKind::Invalid;
        run.state = if is_refused { State::Refused } else { State::Stopped };
        run.problem = Some(problem.detail.clone());
        desk.store().put_run(&run.import, &run).await?;
        // The run knows more of the file than the problem says.
        return Ok((location, problem).into_response());
    }
    desk.store().put_run(&run.import, &run).await?;
    Ok((StatusCode::ACCEPTED, location, Json(run)).into_response())
}

fn how(query: &[(String, String)], desk: &Desk) -> Result<(Options, Mapping), Problem> {
    let request_id = desk.caller.request_id.clone();
    let mut options = Options { request_id, ..Options::default() };
    let mut pairs = Vec::new();
    for (name, value) in query {
        let flag = || {
            value.parse().map_err(|_| {
                Problem::malformed(format!("{value:?} is neither true nor false")).of(name.as_str())
            })
        };
        match name.as_str() {
            "dry_run" => options.is_dry_run = flag()?,
            "skip_bad" => options.skip_bad = flag()?,
            "map" => pairs.push(value.parse::<Pair>().map_err(map_problem)?),
            _ => {
                let near = nearest(name, &["dry_run", "skip_bad", "map"]).unwrap_or("map");
                let detail = format!("there is no field {name}, the nearest one is {near}");
                return Err(Problem::malformed(detail).of(name.as_str()));
            }
        }
    }
    Ok((options, Mapping::new(pairs).map_err(map_problem)?))
}

/// The names of a file's columns, to choose from; none, where it is no ledger and they wouldn't fit the run.
fn columns(file: &[u8]) -> Vec<String> {
    let names = header(file).unwrap_or_default();
    let length: usize = names.iter().map(String::len).sum();
    if MAX_HEADER < length { Vec::new() } else { names }
}

fn map_problem(error: services::import::mapping::MappingError) -> Problem {
    Problem::malformed(error.to_string()).of("map")
}

fn id(desk: &Desk) -> Result<String, Problem> {
    if let Some(name) = &desk.once {
        return Ok(format!("{PREFIX}{name}"));
    }
    let token = OpaqueToken::random_128().map_err(|error| Problem::internal(&error))?;
    Ok(format!("{PREFIX}{}", token.reveal()))
}

/// Imports until it is done or its time is up, and says now and then how far it is.
async fn carry_out(
    desk: &Desk,
    bytes: &[u8],
    mapping: &Mapping,
    options: &Options,
    run: &mut Run,
) -> Result<(), Problem> {
    let progress = Mutex::new(Progress { done: 0, of: 0 });
    let far = || *progress.lock().unwrap_or_else(PoisonError::into_inner);
    let watch = |now: Progress| *progress.lock().unwrap_or_else(PoisonError::into_inner) = now;
    let until = Instant::now() + MAX_RUN;
    desk.store().put_run(&run.import, run).await?;
    let importing = import(&desk.firm, bytes, mapping, options, &watch, desk.now);
    tokio::pin!(importing);
    loop {
        tokio::select! {
            ended = &mut importing => {
                let Progress { done, of } = far();
                (run.done, run.of) = (done, of);
                return end(ended, run);
            }
            () = sleep_until(until) => {
                // Between its commits or in one: either way what it says again is unchanged.
                let Progress { done, of } = far();
                (run.done, run.of, run.state) = (done, of, State::Stopped);
                return Ok(());
            }
            () = sleep(TOLD_EVERY) => {
                let Progress { done, of } = far();
                (run.done, run.of) = (done, of);
                desk.store().put_run(&run.import, run).await?;
            }
        }
    }
}

fn end(ended: Result<Report, ImportError>, run: &mut Run) -> Result<(), Problem> {
    match ended {
        Ok(report) => {
            run.state = State::Done;
            done(&report, run);
            Ok(())
        }
        Err(ImportError::Bad(ledger)) => {
            run.state = State::Refused;
            refused(&ledger, run);
            Ok(())
        }
        Err(ImportError::File(error)) => Err(Problem::new(ProblemKind::Invalid, unread(&error))),
        Err(ImportError::Stopped(error)) => Err(error.into()),
    }
}

/// As the error says it, but for the command line's option.
fn unread(error: &FileError) -> String {
    match error {
        FileError::Required { missing, separator: None, .. } => {
            let names: Vec<_> = missing.iter().map(|field| field.as_str()).collect();
            format!("line 1: no column for {}; say with map in which they are", names.join(", "))
        }
        error => error.to_string(),
    }
}

fn done(report: &Report, run: &mut Run) {
    run.summary = Some(report.summary);
    run.faults = report.faults.iter().take(MAX_LISTED).map(RowFault::from).collect();
    let clients = report.clients.iter().map(|client| NotApplied {
        line: client.line,
        client: client.client.to_string(),
        invoice: None,
        reason: format!(
            "{}: {} here, {} there",
            client.difference.field, client.difference.ours, client.difference.theirs
        ),
    });
    let rows = report.rows.iter().filter_map(NotApplied::of);
    run.not_applied = rows.chain(clients).take(MAX_LISTED).collect();
    run.unread_columns = report.unread.iter().map(|unread| unread.column.clone()).collect();
}

fn refused(ledger: &Ledger, run: &mut Run) {
    run.of = ledger.rows.len() + ledger.bad_rows();
    run.faults = ledger.faults.iter().take(MAX_LISTED).map(RowFault::from).collect();
    run.unread_columns = ledger.unread.iter().map(|unread| unread.column.clone()).collect();
}

/// A run in a path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub(crate) struct OfRun {
    /// The run's id.
    import: String,
}

/// A run of an import: how far it is and what it did.
#[utoipa::path(get, path = "/firm/v1/imports/{import}", tag = "imports", operation_id = "get_import",
    params(OfRun), responses((status = 200, body = Run)))]
pub(crate) async fn get(
    desk: Desk,
    Ids(OfRun { import }): Ids<OfRun>,
) -> Result<Json<Run>, Problem> {
    let run = if is_run(&import) { desk.store().run(&import).await? } else { None };
    run.map(Json).ok_or_else(|| Problem::not_found("import"))
}
