//! Imports a ledger into the table, client by client.
//!
//! Some rows of a client are one commit, against the facts that they were compared with: an invoice comes
//! with its payment and its dispute or not at all, and a payment that a gateway tells meanwhile isn't
//! recorded twice (EVAL-4). Nothing is remembered between commits. An import that ends on the way is run
//! again, and finds what is in already unchanged.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use domain::calendar::Day;
use domain::command::Command;
use domain::decide::Context;
use domain::id::{ClientId, InvoiceId};
use domain::numbering::Numbers;
use domain::refusal::Refusal;
use domain::role::Actor;
use domain::run::Latitude;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::{Commit, CommitMeta, Derived, Loaded, StoreError};
use utoipa::ToSchema;

use super::mapping::{Mapping, Unread};
use super::plan::{
    Books, Difference, Outcome, Planned, RowReport, plan, profile, profile_differences, wanted,
};
use super::read::{Assumed, Fault, FileError, Ledger, Row, read};
use crate::execute::{Caller, ExecuteError, episodes, execute, jitter, next};
use crate::firm::{Firm, PolicyError};

/// The class of a client whose rows name none.
const DEFAULT_CLASS: &str = "default";

/// How many clients are imported at once: as many as keep one connection's answers and the next requests
/// overlapping, and few enough to leave the table to others.
const CLIENTS_AT_ONCE: usize = 8;

/// How many rows are one commit. A new invoice that was paid is three items (its number, its payment and
/// itself), and a transaction has room for a hundred with head, record and texts.
const ROWS_PER_COMMIT: usize = 25;

/// How often some rows are compared anew when the account changed meanwhile.
const MAX_TRIES: u32 = 12;

/// Each look-up may show that more is needed: payments that credit came from.
const MAX_LOOK_UPS: u32 = 4;

/// Where the last import is kept.
pub(crate) const LAST_IMPORT: &str = "last-import";

/// How an import is to be done.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Says what would be done, and does nothing.
    pub is_dry_run: bool,
    /// Leaves out the rows that can't be read, instead of the whole file.
    pub skip_bad: bool,
    /// The request that the commit records name; the file's digest, if not said.
    pub request_id: Option<String>,
}

/// How far an import is, in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// So many are done.
    pub done: usize,
    /// Of so many.
    pub of: usize,
}

/// Is told of each step.
pub type Watch<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// Why a file was not imported, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It can't be read: nothing was imported.
    #[error(transparent)]
    File(#[from] FileError),
    /// Some of its rows can't be read, and those weren't to be left out: nothing was imported.
    #[error("{} of {} rows can't be read, so none was imported", .0.bad_rows(), .0.bad_rows() + .0.rows.len())]
    Bad(Box<Ledger>),
    /// It stopped on the way. What was imported stays; the same import again goes on from there.
    #[error(transparent)]
    Stopped(#[from] ExecuteError),
}

impl From<StoreError> for ImportError {
    fn from(error: StoreError) -> Self {
        Self::Stopped(error.into())
    }
}

/// What an import did, or would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// In numbers.
    pub summary: Summary,
    /// What became of each row, in the file's order.
    pub rows: Vec<RowReport>,
    /// Where known clients differ from their rows: told, and not applied.
    pub clients: Vec<ClientDifference>,
    /// What is wrong with the rows that were left out.
    pub faults: Vec<Fault>,
    /// The columns that were not read.
    pub unread: Vec<Unread>,
}

/// Where a known client differs from its rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientDifference {
    /// The line that says so.
    pub line: usize,
    /// Which client.
    pub client: ClientId,
    /// How.
    pub difference: Difference,
}

/// An import in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ImportCounts)]
pub struct Summary {
    /// Rows that could be read.
    pub rows: usize,
    /// Clients in them.
    pub clients: usize,
    /// Clients that are new.
    pub opened: usize,
    /// Invoices put in.
    pub created: usize,
    /// Rows that said what was known.
    pub unchanged: usize,
    /// Payments recorded.
    pub payments: usize,
    /// Rows that say otherwise than is known.
    pub conflicts: usize,
    /// Rows that a rule refuses.
    pub refused: usize,
    /// Rows that say again what an earlier one said.
    pub repeated: usize,
    /// Rows that can't be read.
    pub bad: usize,
}

impl Summary {
    /// Whether the file and the books are at one now.
    pub fn is_clean(&self) -> bool {
        self.conflicts == 0 && self.refused == 0
    }

    fn count(&mut self, row: &RowReport) {
        match row.outcome {
            Outcome::Created => self.created += 1,
            Outcome::Unchanged => self.unchanged += 1,
            Outcome::Refused(_) => self.refused += 1,
            Outcome::Paid | Outcome::Conflict => {}
        }
        self.payments += usize::from(row.payment.is_some());
    }
}

/// The last import of a firm: how fresh its ledger is (FRESH-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastImport {
    /// When it ended.
    pub at: DateTime<Utc>,
    /// Which day that was at the firm.
    pub day: Day,
    /// What it did.
    pub summary: Summary,
}

/// When the firm's ledger was last imported, if ever.
///
/// # Errors
/// Whatever reading has.
pub async fn last_import(firm: &Firm) -> Result<Option<LastImport>, StoreError> {
    firm.store().run(LAST_IMPORT).await
}

/// What rows that say nothing of it are taken to mean, at this firm on this day.
///
/// # Errors
/// Whatever reading has.
pub async fn assumed(firm: &Firm, now: DateTime<Utc>) -> Result<Assumed, ImportError> {
    let today = firm.day(now);
    let policies = firm.store().all_policies().await?;
    let in_force = policies.into_iter().filter(|policy| policy.has_begun(today));
    let class = DEFAULT_CLASS.parse().map_err(|error| {
        ExecuteError::from(Refusal::invalid("POL-1", format!("no default class: {error}")))
    })?;
    Ok(Assumed {
        today,
        currency: firm.settings().currency,
        class,
        classes: in_force.map(|policy| policy.class).collect(),
    })
}

/// Imports a file.
///
/// # Errors
/// [`ImportError::File`] and [`ImportError::Bad`], and then nothing was imported; or what stopped it.
pub async fn import(
    firm: &Firm,
    bytes: &[u8],
    mapping: &Mapping,
    options: &Options,
    watch: Watch<'_>,
    now: DateTime<Utc>,
) -> Result<Report, ImportError> {
    let assumed = assumed(firm, now).await?;
    let ledger = read(bytes, mapping, &assumed)?;
    if !options.skip_bad && !ledger.faults.is_empty() {
        return Err(ImportError::Bad(Box::new(ledger)));
    }
    let request_id = options.request_id.clone().unwrap_or_else(|| digest(bytes));
    let import = Import { firm, assumed: &assumed, options, request_id: &request_id, now };
    let report = import.run(ledger, watch).await?;
    if !options.is_dry_run {
        let (at, day) = (firm.now(now), assumed.today);
        remember(firm, &LastImport { at, day, summary: report.summary }).await?;
    }
    Ok(report)
}

/// All of it is in by now: it would be a pity to say otherwise for a moment's trouble.
async fn remember(firm: &Firm, last: &LastImport) -> Result<(), ExecuteError> {
    let mut tried = 0;
    loop {
        match firm.store().put_run(LAST_IMPORT, last).await {
            Err(error) if error.is_passing() && tried < MAX_TRIES => {
                tried += 1;
                tokio::time::sleep(jitter(tried)?).await;
            }
            done => return Ok(done?),
        }
    }
}

/// A file's name in the audit: whoever has the file can tell that it was this one.
fn digest(bytes: &[u8]) -> String {
    let digest = hex::encode(Sha256::digest(bytes));
    format!("import:sha256:{digest}")
}

/// An import under way.
#[derive(Clone, Copy)]
struct Import<'a> {
    firm: &'a Firm,
    assumed: &'a Assumed,
    options: &'a Options,
    request_id: &'a str,
    now: DateTime<Utc>,
}

/// What became of a client.
#[derive(Default)]
struct ClientReport {
    is_new: bool,
    rows: Vec<RowReport>,
    differences: Vec<(usize, Difference)>,
}

/// What is known of a client between its commits.
struct Standing {
    loaded: Loaded,
    is_new: bool,
}

impl Import<'_> {
    async fn run(self, ledger: Ledger, watch: Watch<'_>) -> Result<Report, ImportError> {
        let mut report = Report {
            summary: Summary {
                rows: ledger.rows.len(),
                repeated: ledger.repeated,
                bad: ledger.bad_rows(),
                ..Summary::default()
            },
            faults: ledger.faults.clone(),
            unread: ledger.unread.clone(),
            ..Report::default()
        };
        let of = ledger.rows.len();
        // By value: the future of an import is sent between threads.
        let imports = ledger.clients().into_iter().map(|(client, rows)| async move {
            let report = self.client(&client, &rows).await?;
            Ok::<_, ExecuteError>((client, report))
        });
        let mut imports = stream::iter(imports).buffer_unordered(CLIENTS_AT_ONCE);
        while let Some((client, done)) = imports.try_next().await? {
            report.add(&client, done);
            watch(Progress { done: report.rows.len(), of });
        }
        report.rows.sort_by_key(|row| row.line);
        report.clients.sort_by_key(|client| client.line);
        Ok(report)
    }

    async fn client(self, client: &ClientId, rows: &[Row]) -> Result<ClientReport, ExecuteError> {
        let mut report = ClientReport::default();
        let mut rest = rows;
        let mut ahead = None;
        let mut at_once = ROWS_PER_COMMIT;
        while !rest.is_empty() {
            let (chunk, later) = rest.split_at(at_once.min(rest.len()));
            let done = self.chunk(client, rows, chunk, ahead.take()).await;
            let (planned, mut standing) = match done {
                Ok(done) => done,
                Err(ExecuteError::Store(StoreError::TooLarge { .. })) if 1 < chunk.len() => {
                    at_once = chunk.len() / 2; // much credit is moved by these
                    continue;
                }
                Err(ExecuteError::Policy(error @ PolicyError::None { .. })) => {
                    report.refuse(rest, &Refusal::invalid("POL-1", error.to_string()));
                    break;
                }
                Err(error) => return Err(error),
            };
            if rest.len() == rows.len() && !standing.is_new {
                let ours = &standing.loaded.account.profile;
                report.differences = profile_differences(ours, rows);
            }
            let is_opened = standing.is_new && !planned.events.is_empty();
            report.is_new |= is_opened;
            report.rows.extend(planned.rows);
            // Nothing is written by a dry run: the next rows meet what these would leave.
            if self.options.is_dry_run {
                standing.loaded.account = planned.account;
                standing.is_new &= !is_opened;
                ahead = Some(standing);
            }
            rest = later;
        }
        Ok(report)
    }

    /// Some rows, as often as somebody is faster.
    async fn chunk(
        self,
        client: &ClientId,
        all: &[Row],
        rows: &[Row],
        ahead: Option<Standing>,
    ) -> Result<(Planned, Standing), ExecuteError> {
        let mut taken = BTreeMap::new();
        let mut ahead = ahead;
        for tried in 0..MAX_TRIES {
            if 0 < tried {
                tokio::time::sleep(jitter(tried)?).await;
            }
            let standing = match ahead.take() {
                Some(standing) => standing,
                None => self.standing(client, all).await?,
            };
            match self.attempt(standing, rows, &mut taken).await {
                Ok(Some(done)) => return Ok(done),
                Ok(None) => {}
                // Whether it was written shows when the rows are compared again.
                Err(ExecuteError::Store(
                    StoreError::Throttled(_) | StoreError::Torn(_) | StoreError::Unclear(_),
                )) => {}
                Err(error) => return Err(error),
            }
        }
        Err(ExecuteError::Busy(client.clone()))
    }

    /// The client as it is; as it is to be, where it doesn't exist.
    async fn standing(self, client: &ClientId, rows: &[Row]) -> Result<Standing, ExecuteError> {
        let store = self.firm.store();
        if let Some(loaded) = store.load(client).await? {
            return Ok(Standing { loaded, is_new: false });
        }
        let mut loaded = store.begin(client.clone(), profile(client, rows, self.assumed));
        loaded.account.looked_up.everything = true;
        Ok(Standing { loaded, is_new: true })
    }

    /// One try with some rows; `None`: the account changed meanwhile.
    async fn attempt(
        self,
        mut standing: Standing,
        rows: &[Row],
        taken: &mut BTreeMap<InvoiceId, ClientId>,
    ) -> Result<Option<(Planned, Standing)>, ExecuteError> {
        let account = &standing.loaded.account;
        if account.is_spreading() {
            // A payment is still being put on its invoices: what is paid of each isn't certain yet.
            if !self.options.is_dry_run {
                let caller = Caller::new(Actor::Schedule);
                let client = account.client.clone();
                let spread = Command::AllocateCredit;
                execute(self.firm, &client, &spread, &caller, self.now).await?;
            }
            return Ok(None);
        }
        let day = self.assumed.today;
        let policy = self.firm.policy(&account.profile.class, day, self.now).await?;
        let episodes = episodes(self.firm, account, &policy, self.now).await?;
        let actor = Actor::Import;
        let numbers = Numbers { series: &self.firm.settings().numbering, drawn: None };
        let context = Context {
            day,
            actor: &actor,
            policy: &policy,
            episodes: &episodes,
            numbers,
            ledger: None,
            latitude: Latitude::Full,
            law: self.firm.settings().jurisdiction.as_ref(),
        };
        if self.options.is_dry_run {
            self.find_taken(&standing, rows, taken).await?;
        }
        let Some(planned) = self.plan(&mut standing, rows, taken, context).await? else {
            return Ok(None);
        };
        if self.options.is_dry_run || planned.events.is_empty() {
            return Ok(Some((planned, standing)));
        }
        let meta = CommitMeta {
            at: self.firm.now(self.now),
            day,
            actor: actor.clone(),
            command: "import".to_owned(),
            policy: Some(policy.id.clone()),
            request_id: Some(self.request_id.to_owned()),
            rule: None,
        };
        let ready_at = |letter: &_| self.firm.ready_at(letter, &policy.policy, self.now);
        let derived = Derived {
            next_evaluation: next(self.firm, &planned.account, &context),
            shards: self.firm.settings().shards,
            ready_at: &ready_at,
            charge_at: self.now,
        };
        let Planned { account, events, .. } = &planned;
        let store = self.firm.store();
        match store.commit(&standing.loaded, account, events, &meta, &derived).await? {
            Commit::Done(_) | Commit::Nothing => Ok(Some((planned, standing))),
            Commit::Stale => Ok(None),
            Commit::Taken(_) => {
                self.find_taken(&standing, rows, taken).await?;
                Ok(None)
            }
        }
    }

    /// Plans, after looking up what that takes; `None`: the account changed meanwhile.
    async fn plan(
        self,
        standing: &mut Standing,
        rows: &[Row],
        taken: &mut BTreeMap<InvoiceId, ClientId>,
        context: Context<'_>,
    ) -> Result<Option<Planned>, ExecuteError> {
        let mut missing = wanted(&standing.loaded.account, rows);
        for _ in 0..MAX_LOOK_UPS {
            if !missing.is_empty()
                && !self.firm.store().look_up(&mut standing.loaded, &missing).await?
            {
                return Ok(None);
            }
            if !standing.loaded.elsewhere.is_empty() {
                self.find_taken(standing, rows, taken).await?;
            }
            let account = &standing.loaded.account;
            let books = Books { account, is_new: standing.is_new, taken, context };
            match plan(&books, rows) {
                Ok(planned) => return Ok(Some(planned)),
                Err(more) => missing = more,
            }
        }
        Err(Refusal::not_loaded(format_args!("{missing:?}")).into())
    }

    /// Finds the numbers of these rows that are another client's.
    async fn find_taken(
        self,
        standing: &Standing,
        rows: &[Row],
        taken: &mut BTreeMap<InvoiceId, ClientId>,
    ) -> Result<(), StoreError> {
        let account = &standing.loaded.account;
        let unknown = rows.iter().map(|row| &row.invoice);
        let unknown: BTreeSet<_> =
            unknown.filter(|id| !account.invoices.contains_key(*id)).cloned().collect();
        let owners = unknown.into_iter().map(|id| async move {
            let owner = self.firm.store().client_of_invoice(&id).await?;
            Ok::<_, StoreError>((id, owner))
        });
        let owners: Vec<_> =
            stream::iter(owners).buffer_unordered(CLIENTS_AT_ONCE).try_collect().await?;
        let others = owners.into_iter().filter_map(|(id, owner)| Some((id, owner?)));
        taken.extend(others.filter(|(_, owner)| *owner != account.client));
        Ok(())
    }
}

impl ClientReport {
    fn refuse(&mut self, rows: &[Row], refusal: &Refusal) {
        let refused = rows.iter().map(|row| RowReport {
            line: row.line,
            client: row.client.clone(),
            invoice: row.invoice.clone(),
            outcome: Outcome::Refused(refusal.clone()),
            payment: None,
            differences: Vec::new(),
        });
        self.rows.extend(refused);
    }
}

impl Report {
    fn add(&mut self, client: &ClientId, done: ClientReport) {
        let summary = &mut self.summary;
        summary.clients += 1;
        summary.opened += usize::from(done.is_new);
        for row in &done.rows {
            summary.count(row);
        }
        let of_rows = done.rows.iter().filter(|row| row.is_conflict()).map(|row| row.line);
        let of_client = done.differences.iter().map(|(line, _)| *line);
        summary.conflicts += of_rows.chain(of_client).collect::<BTreeSet<_>>().len();
        let client =
            |(line, difference)| ClientDifference { line, client: client.clone(), difference };
        self.clients.extend(done.differences.into_iter().map(client));
        self.rows.extend(done.rows);
    }
}
