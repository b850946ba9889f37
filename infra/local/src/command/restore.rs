//! `portcullis restore`: what a table that was restored to an earlier moment lacks beside the archive, and putting it
//! back (docs/deploying.md, Restoring).
//!
//! `check` only reads. `apply` puts every record back behind the end of its chain, settles letters that were on their way
//! at that moment, and stops each firm: locks and letters go on when a partner or an admin has looked and lifts it.

mod report;

use anyhow::{Context, Result, ensure};
use clap::{Args, Subcommand};
use domain::id::FirmId;
use domain::text::Personal;
use platform::archive::Archive;
use platform::clock::{Clock, SystemClock};
use services::archive::restore::{Missing, Restore, Standing, firms, happened};
use services::execute::Caller;
use services::firm::Firm;
use services::office::runs::stop;
use store::{Chain, ChainRecord, Store};

use super::audit::ArchivePlace;
use super::{Verdict, block_on};
use crate::place::{Opened, Place};
use crate::test_clock::operator;
use report::Report;

/// Why a firm is stopped after its table was restored.
const WHY_STOPPED: &str =
    "The table was restored to an earlier moment. Look whether all is there, then lift this.";

/// What to do with a restored table.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Say what the archive has of later moments; change nothing.
    Check(Which),
    /// Put it back, settle letters that were on their way, and stop each firm until a person has looked.
    Apply(Apply),
}

/// Which table, and beside which archive.
#[derive(Debug, Args)]
pub struct Which {
    /// The archive: a folder, or `s3://` and a bucket.
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    pub archive: ArchivePlace,
    /// This firm alone; all that the archive knows, if not said.
    #[arg(long, value_name = "FIRM")]
    pub firm: Option<FirmId>,
    /// The table that was restored from, if it can still be read: its name, or the data folder on this machine. It gives
    /// what was not archived yet, held against the chain, names, addresses and reasons since, held against their hashes, and
    /// letters' words and gateways' secrets.
    #[arg(long, value_name = "TABLE|DIR")]
    pub restored_from: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Where the restored table is.
    #[command(flatten)]
    pub place: Place,
}

/// How to put back.
#[derive(Debug, Args)]
pub struct Apply {
    /// Which.
    #[command(flatten)]
    pub which: Which,
    /// Stop no firm: what is queued may leave as soon as the table is in use.
    #[arg(long)]
    pub without_stop: bool,
}

/// Runs it.
///
/// # Errors
/// When the table or the archive can't be read or written, or somebody else writes the table meanwhile.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    match &arguments.command {
        Command::Check(which) => block_on(which.check()),
        Command::Apply(apply) => block_on(apply.run()),
    }
}

impl Which {
    async fn check(&self) -> Result<Verdict> {
        let mut report = Report::new(self.json);
        self.each(async |store, restore, chains| {
            for (chain, standing) in chains {
                match standing {
                    Standing::Whole => report.whole(),
                    Standing::Behind(missing) => {
                        let records = records(restore, missing).await?;
                        let told: Vec<_> = records.iter().map(happened).collect();
                        report.missing(store.firm(), missing, &told)?;
                    }
                    Standing::Other(difference) => {
                        report.other(store.firm(), chain, difference)?;
                    }
                }
            }
            Ok(())
        })
        .await?;
        report.sum_up()
    }

    /// Does something with each firm's part of the table, and how its chains stand: the firm's own first.
    async fn each(
        &self,
        mut work: impl AsyncFnMut(&Store, &Restore<'_>, &[(Chain, Standing)]) -> Result<()>,
    ) -> Result<()> {
        let table = self.place.open().await.context("can't open the table")?;
        let former = self.open_former().await.context("can't open the table restored from")?;
        let archive = self.archive.open(&self.place)?;
        for firm in self.firms(&*archive).await? {
            let of = |table: &Opened| Store::new(table.dynamo().clone(), firm.clone());
            let (store, former) = (of(&table), former.as_ref().map(of));
            let restore = Restore::open(&store, &*archive, former.as_ref()).await?;
            let mut known = restore.chains().await?;
            if let Some(former) = &former {
                known.extend(super::audit::chains(former).await?);
            }
            let mut standings = Vec::new();
            for chain in known {
                let standing = restore.standing(&chain).await;
                let standing =
                    standing.with_context(|| format!("can't compare the chain of {chain}"))?;
                standings.push((chain, standing));
            }
            work(&store, &restore, &standings).await?;
        }
        table.close().await;
        if let Some(former) = former {
            former.close().await;
        }
        Ok(())
    }

    async fn open_former(&self) -> Result<Option<Opened>> {
        let Some(from) = &self.restored_from else { return Ok(None) };
        let place = &self.place;
        let is_remote = place.aws || place.endpoint.is_some();
        let former = match is_remote {
            true => Place { table: from.clone(), ..place.clone() },
            false => Place { data: from.into(), ..place.clone() },
        };
        ensure!(
            (&former.table, &former.data) != (&place.table, &place.data),
            "--restored-from is the table that was restored from, not the restored one"
        );
        former.open().await.map(Some)
    }

    async fn firms(&self, archive: &dyn Archive) -> Result<Vec<FirmId>> {
        let known = firms(archive).await.context("can't read the archive")?;
        let wanted =
            known.into_iter().filter(|firm| self.firm.as_ref().is_none_or(|one| one == firm));
        let wanted: Vec<_> = wanted.collect();
        ensure!(!wanted.is_empty(), "the archive knows no such firm: is it the right one?");
        Ok(wanted)
    }
}

async fn is_stopped(store: &Store) -> Result<bool> {
    let firm = store.load_firm().await.context("can't read the firm")?;
    Ok(firm.is_some_and(|firm| firm.settings.stop.is_some()))
}

async fn records(restore: &Restore<'_>, missing: &Missing) -> Result<Vec<ChainRecord>> {
    let mut records = Vec::new();
    for sequence in missing.first..=missing.last {
        records.push(restore.record(&missing.chain, sequence).await?);
    }
    Ok(records)
}

impl Apply {
    async fn run(&self) -> Result<Verdict> {
        let mut report = Report::new(self.which.json);
        let each = self.which.each(async |store, restore, chains| {
            self.firm(store, restore, chains, &mut report).await
        });
        each.await?;
        report.sum_up()
    }

    async fn firm(
        &self,
        store: &Store,
        restore: &Restore<'_>,
        chains: &[(Chain, Standing)],
        report: &mut Report,
    ) -> Result<()> {
        let now = SystemClock.now();
        let is_behind = chains.iter().any(|(_, standing)| matches!(standing, Standing::Behind(_)));
        // Stopped, and nothing missing: somebody was interrupted after the last record.
        let is_begun = is_behind || self.without_stop || is_stopped(store).await?;
        // The firm's own chain comes first, and then the stop: whoever is interrupted leaves a firm that is stopped.
        let mut is_firm_done = false;
        for (chain, standing) in chains {
            if *chain != Chain::Firm && !std::mem::replace(&mut is_firm_done, true) && is_begun {
                self.stop(store, report).await?;
            }
            match standing {
                Standing::Whole => report.whole(),
                Standing::Behind(missing) => {
                    let lost = restore.put_back(missing, now).await;
                    let lost = lost.with_context(|| format!("can't put back {chain}"))?;
                    report.put_back(store.firm(), missing, &lost)?;
                }
                Standing::Other(difference) => report.other(store.firm(), chain, difference)?,
            }
        }
        if !is_begun {
            return Ok(());
        }
        if !is_firm_done {
            self.stop(store, report).await?;
        }
        let unknown = restore.settle_claimed(now).await?;
        report.unknown_letters(store.firm(), &unknown)
    }

    /// No lock and no letter until a person has looked.
    async fn stop(&self, store: &Store, report: &Report) -> Result<()> {
        if self.without_stop || is_stopped(store).await? {
            return Ok(());
        }
        let firm = Firm::open(store.dynamo().clone(), store.firm().clone()).await?;
        if let Some(firm) = firm {
            let (why, by) = (Some(Personal::new(WHY_STOPPED)), Caller::new(operator()));
            let stopped = stop(&firm, why, &by, SystemClock.now()).await;
            stopped.context("can't stop the firm")?;
            report.stopped(store.firm())?;
        }
        Ok(())
    }
}
