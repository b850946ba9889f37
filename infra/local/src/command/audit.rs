//! `portcullis audit verify`: walks the hash chains and names the first broken record (AUD-1).

use std::io::{self, Write};

use anyhow::{Context, Result, bail};
use clap::{Args, Subcommand};
use domain::id::{ClientId, ContactId, FirmId};
use serde_json::json;
use store::{PageRequest, Store, Verdict as Found};

use super::{Verdict, block_on};
use crate::place::Place;

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
/// When the table can't be read, or has no such firm or client.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    match &arguments.command {
        Command::Verify(verify) => block_on(verify.run()),
    }
}

/// What was found, chain by chain.
#[derive(Debug, Default)]
struct Tally {
    chains: u64,
    records: u64,
    broken: u64,
}

/// Whose chain it is.
#[derive(Debug, Clone, Copy)]
enum Whose<'a> {
    Firm,
    Client(&'a ClientId),
    Contact(&'a ContactId),
}

impl Verify {
    async fn run(&self) -> Result<Verdict> {
        let table = self.place.open().await.context("can't open the table")?;
        let store = Store::new(table.dynamo().clone(), self.firm.clone());
        if store.load_firm().await.context("can't read the firm")?.is_none() {
            bail!("there is no firm {}", self.firm);
        }
        let mut tally = Tally::default();
        match &self.client {
            Some(client) => self.client(&store, client, &mut tally).await?,
            None => {
                let found = store.verify_firm().await.context("can't read the firm's chain")?;
                self.report(&mut tally, Whose::Firm, &found)?;
                self.clients(&store, &mut tally).await?;
                self.contacts(&store, &mut tally).await?;
            }
        }
        self.sum_up(&tally)?;
        table.close().await;
        Ok(if tally.broken == 0 { Verdict::Done } else { Verdict::Failed })
    }

    async fn clients(&self, store: &Store, tally: &mut Tally) -> Result<()> {
        let mut cursor: Option<String> = None;
        loop {
            let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
            let clients = store.clients(None, &page).await.context("can't list the clients")?;
            for row in &clients.items {
                self.client(store, &row.client, tally).await?;
            }
            cursor = clients.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn contacts(&self, store: &Store, tally: &mut Tally) -> Result<()> {
        let mut cursor: Option<String> = None;
        loop {
            let page = PageRequest { cursor: cursor.as_deref(), ..PageRequest::default() };
            let contacts = store.contacts(&page).await.context("can't list the contacts")?;
            for row in &contacts.items {
                let id = &row.contact;
                let found = store.verify_contact(id).await;
                let found =
                    found.with_context(|| format!("can't read the chain of contact {id}"))?;
                self.report(tally, Whose::Contact(id), &found)?;
            }
            cursor = contacts.next;
            if cursor.is_none() {
                return Ok(());
            }
        }
    }

    async fn client(&self, store: &Store, client: &ClientId, tally: &mut Tally) -> Result<()> {
        let found = store.verify(client).await;
        let found = found.with_context(|| format!("can't read the chain of client {client}"))?;
        if self.client.is_some() && found == (Found::Whole { records: 0 }) {
            bail!("there is no client {client}");
        }
        self.report(tally, Whose::Client(client), &found)
    }

    fn report(&self, tally: &mut Tally, whose: Whose<'_>, found: &Found) -> Result<()> {
        tally.chains += 1;
        match found {
            Found::Whole { records } => tally.records += records,
            Found::Broken(_) => tally.broken += 1,
        }
        let is_whole = matches!(found, Found::Whole { .. });
        let text = found.to_string();
        let mut out = io::stdout().lock();
        if self.json {
            let (client, contact) = match whose {
                Whose::Firm => (None, None),
                Whose::Client(client) => (Some(client), None),
                Whose::Contact(contact) => (None, Some(contact)),
            };
            let mut line =
                json!({ "firm": self.firm, "client": client, "whole": is_whole, "found": text });
            if let Some(contact) = contact {
                line["contact"] = json!(contact);
            }
            writeln!(out, "{line}")?;
        } else if self.client.is_some() || !is_whole {
            let whose = match whose {
                Whose::Firm => "the firm".to_owned(),
                Whose::Client(client) => format!("client {client}"),
                Whose::Contact(contact) => format!("contact {contact}"),
            };
            writeln!(out, "{whose}: {text}")?;
        }
        Ok(())
    }

    fn sum_up(&self, tally: &Tally) -> Result<()> {
        if self.json {
            return Ok(());
        }
        let Tally { chains, records, broken } = tally;
        let mut out = io::stdout().lock();
        match broken {
            0 => writeln!(
                out,
                "{chains} chains with {records} records: every record is as it was written"
            )?,
            1 => writeln!(out, "{chains} chains: 1 is broken")?,
            _ => writeln!(out, "{chains} chains: {broken} are broken")?,
        }
        Ok(())
    }
}
