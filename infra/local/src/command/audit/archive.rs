//! Where the archive is, and writing what it lacks: for a system that had none so far, and for one machine.

use std::convert::Infallible;
use std::io;
use std::io::Write as _;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, Result};
use chrono::{DateTime, Utc};
use clap::Args;
use domain::id::FirmId;
use platform::archive::{Archive, FolderArchive, S3Archive};
use platform::aws::Aws;
use platform::bus::LogBus;
use platform::clock::{Clock, SystemClock};
use platform::config::{AwsSettings, Environment};
use services::archive::day::Heads;
use services::archive::{Archivist, Kept, News};

use super::{chains, open_firm};
use crate::command::Verdict;
use crate::place::Place;

/// How a bucket's address begins.
const BUCKET: &str = "s3://";

/// A folder, or a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArchivePlace {
    /// A folder: of this machine's system, or a copy of a bucket.
    Folder(PathBuf),
    /// A bucket, with region and credentials from the environment.
    Bucket(String),
}

impl FromStr for ArchivePlace {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.strip_prefix(BUCKET) {
            Some(bucket) => Self::Bucket(bucket.trim_end_matches('/').to_owned()),
            None => Self::Folder(text.into()),
        })
    }
}

impl ArchivePlace {
    /// Opens it, behind the same endpoint as the table if that has one.
    ///
    /// # Errors
    /// When the environment lacks what a bucket needs.
    pub fn open(&self, table: &Place) -> Result<Arc<dyn Archive>> {
        match self {
            Self::Folder(path) => Ok(Arc::new(FolderArchive::new(path))),
            Self::Bucket(bucket) => {
                let mut settings = AwsSettings::read(&Environment::of_process())?;
                if table.endpoint.is_some() {
                    settings.endpoint_url.clone_from(&table.endpoint);
                }
                Ok(Arc::new(S3Archive::new(Aws::new(&settings)?.s3(), bucket)))
            }
        }
    }
}

/// What to write, and where to.
#[derive(Debug, Args)]
pub struct Write {
    /// Whose.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// The archive: a folder, or `s3://` and a bucket.
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    pub archive: ArchivePlace,
    /// Where the records are.
    #[command(flatten)]
    pub place: Place,
}

impl Write {
    pub(super) async fn run(&self) -> Result<Verdict> {
        let table = self.place.open().await.context("can't open the table")?;
        let store = open_firm(table.dynamo().clone(), &self.firm).await?;
        let (archive, clock) = (self.archive.open(&self.place)?, Arc::new(SystemClock));
        let (bus, never) = (Arc::new(LogBus), DateTime::<Utc>::MAX_UTC);
        let clock: Arc<dyn Clock> = clock;
        let archivist = Archivist::new(table.dynamo().clone(), archive, bus, clock);
        // A bucket is that of a deployment, whose own function takes an archived record for one that was told.
        let news = match self.archive {
            ArchivePlace::Folder(_) => News::Told,
            ArchivePlace::Bucket(_) => News::Left,
        };
        let (mut kept, mut heads) = (Kept::default(), Heads::default());
        for chain in chains(&store).await? {
            let of_chain = archivist.catch_up(&self.firm, &chain, news, &mut heads).await;
            kept += of_chain.with_context(|| format!("can't archive {chain}"))?;
        }
        archivist.note(&heads).await.context("can't note how far the archive came")?;
        let closed = archivist.close_days_of(&self.firm, never).await;
        let closed = closed.context("can't close the days")?;
        let mut out = io::stdout().lock();
        writeln!(out, "{} records archived, {closed} days closed", kept.new)?;
        if 0 < kept.lost {
            writeln!(out, "{} records are lost: the table has none, or no whole one", kept.lost)?;
        }
        table.close().await;
        Ok(if kept.lost == 0 { Verdict::Done } else { Verdict::Failed })
    }
}
