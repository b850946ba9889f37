//! `portcullis audit`: walks the hash chains and names the first broken record (AUD-1), alone or beside the archive.

mod archive;
mod report;

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use domain::id::{ClientId, FirmId};
use services::archive::check::Check;
use store::{Chain, ClientState, PageRequest, Store, Verdict as Found};

use super::{Verdict, block_on};
use crate::place::Place;
pub use archive::ArchivePlace;
use archive::Write;
use report::Report;

/// What to do with the audit.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Walk the hash chains of a firm, its clients and its contacts, and name the first broken record of each.
    Verify(Verify),
    /// Write what an archive lacks of a firm's records into it, and the digests of days that are over.
    Archive(Write),
}

/// Which chains.
#[derive(Debug, Args)]
pub struct Verify {
    /// Whose.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// This client's alone.
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<ClientId>,
    /// Compare with the archive: a folder, or `s3://` and a bucket. It also shows a chain whose end was cut off.
    #[arg(long, value_name = "DIR|s3://BUCKET")]
    pub archive: Option<ArchivePlace>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Where they are.
    #[command(flatten)]
    pub place: Place,
}

/// Runs it.
///
/// # Errors
/// When the table or the archive can't be read, or has no such firm or client.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    match &arguments.command {
        Command::Verify(verify) => block_on(verify.run()),
        Command::Archive(write) => block_on(write.run()),
    }
}

impl Verify {
    async fn run(&self) -> Result<Verdict> {
        let table = self.place.open().await.context("can't open the table")?;
        let store = open_firm(table.dynamo().clone(), &self.firm).await?;
        let archive = self.archive.as_ref().map(|archive| archive.open(&self.place)).transpose()?;
        let check = match &archive {
            Some(archive) => {
                let check = Check::open(&store, &**archive).await;
                Some(check.context("can't read the archive")?)
            }
            None => None,
        };
        let report = Report::new(self.firm.clone(), self.json, self.client.is_some());
        let deleted = deleted(&store).await?;
        let mut walk = Walk { store: &store, check, report, deleted };
        match &self.client {
            Some(client) => {
                if walk.chain(&Chain::Client(client.clone())).await? == 0 {
                    bail!("there is no client {client}");
                }
            }
            None => walk.all().await?,
        }
        let verdict = walk.report.sum_up(walk.check.as_ref())?;
        table.close().await;
        Ok(verdict)
    }
}

/// The firm, if there is one.
async fn open_firm(dynamo: store::Dynamo, firm: &FirmId) -> Result<Store> {
    let store = Store::new(dynamo, firm.clone());
    if store.load_firm().await.context("can't read the firm")?.is_none() {
        bail!("there is no firm {firm}");
    }
    Ok(store)
}

/// The clients whose personal data were deleted (CLOSE-1): their chains verify as before, and have no texts.
async fn deleted(store: &Store) -> Result<BTreeSet<ClientId>> {
    let mut deleted = BTreeSet::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
        let listed = store.clients(Some(ClientState::Deleted), &page).await;
        let listed = listed.context("can't list the deleted clients")?;
        deleted.extend(listed.items.into_iter().map(|row| row.client));
        cursor = listed.next;
        if cursor.is_none() {
            return Ok(deleted);
        }
    }
}

/// All chains of a firm that the table lists.
pub(super) async fn chains(store: &Store) -> Result<Vec<Chain>> {
    let mut chains = vec![Chain::Firm];
    let mut cursor: Option<String> = None;
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
        let clients = store.clients(None, &page).await.context("can't list the clients")?;
        chains.extend(clients.items.into_iter().map(|row| Chain::Client(row.client)));
        cursor = clients.next;
        if cursor.is_none() {
            break;
        }
    }
    loop {
        let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
        let contacts = store.contacts(&page).await.context("can't list the contacts")?;
        chains.extend(contacts.items.into_iter().map(|row| Chain::Contact(row.contact)));
        cursor = contacts.next;
        if cursor.is_none() {
            return Ok(chains);
        }
    }
}

/// A walk along chains, beside the archive if there is one.
struct Walk<'a> {
    store: &'a Store,
    check: Option<Check<'a>>,
    report: Report,
    deleted: BTreeSet<ClientId>,
}

impl Walk<'_> {
    /// Those that the table lists, and those that only the archive knows.
    async fn all(&mut self) -> Result<()> {
        let mut known = chains(self.store).await?;
        if let Some(check) = &self.check {
            let archived = check.chains().await.context("can't read the archive")?;
            let lost: Vec<_> =
                archived.into_iter().filter(|chain| !known.contains(chain)).collect();
            known.extend(lost);
        }
        for chain in &known {
            self.chain(chain).await?;
        }
        Ok(())
    }

    /// Answers how many records table and archive know of.
    async fn chain(&mut self, chain: &Chain) -> Result<u64> {
        let found = self.verify(chain).await;
        let found = found.with_context(|| format!("can't read the chain of {chain}"))?;
        let compared = match &self.check {
            None => None,
            Some(check) => {
                let compared = check.compare(chain).await;
                Some(compared.with_context(|| format!("can't compare the chain of {chain}"))?)
            }
        };
        let records = match (&found, &compared) {
            (Found::Whole { records: 0 }, None) => 0,
            (Found::Whole { records: 0 }, Some(compared)) if compared.is_empty() => 0,
            (Found::Whole { records }, _) => (*records).max(1),
            (Found::Broken(_), _) => 1,
        };
        if 0 < records {
            let is_deleted =
                matches!(chain, Chain::Client(client) if self.deleted.contains(client));
            self.report.chain(chain, &found, compared.as_ref(), is_deleted)?;
        }
        Ok(records)
    }

    async fn verify(&self, chain: &Chain) -> Result<Found, store::StoreError> {
        match chain {
            Chain::Firm => self.store.verify_firm().await,
            Chain::Client(client) => self.store.verify(client).await,
            Chain::Contact(contact) => self.store.verify_contact(contact).await,
        }
    }
}
