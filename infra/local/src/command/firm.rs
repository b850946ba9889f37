//! `portcullis firm`: what nobody can do in the browser, because nobody may come in yet: a firm is opened, its
//! first people are let in, its gateway is connected.
//!
//! Whoever may write the table may do this; on AWS that is the account's administrator. Each is a record of the
//! firm's chain, by `operator`. From then on admins do what there is to do.

use std::collections::BTreeSet;
use std::io::{self, Read, Write};

use anyhow::{Context, Result, bail, ensure};
use chrono_tz::Tz;
use clap::{Args, Subcommand};
use domain::calendar::parse_day;
use domain::id::{ClassId, FirmId, GatewayId, StaffId};
use domain::money::Currency;
use domain::policy::read::{preset_text, read_text};
use domain::role::{Actor, Role};
use domain::text::Personal;
use gateways::{Credentials, GatewayName, Mode};
use platform::clock::{Clock, SystemClock};
use platform::seal::{KmsSeal, LocalSeal, Seal};
use services::execute::Caller;
use services::firm::Firm;
use services::office::policies::{arm, meta};
use services::webhook::{keep_secrets, open_endpoint};
use store::{Endpoint, FirmChange, FirmCommit, FirmSettings, Grant, Store};

use super::{Verdict, block_on};
use crate::place::{Opened, Place, aws};
use crate::system::seal_key;
use crate::test_clock::operator;

/// Which policy a new firm has unless told otherwise.
const PRESET: &str = "cpa";

/// A gateway's secrets are some hundred bytes; whatever is longer is something else.
const MAX_SECRETS_BYTES: u64 = 16 * 1024;

/// What to do with a firm.
#[derive(Debug, Args)]
pub struct Arguments {
    /// What.
    #[command(subcommand)]
    pub command: Command,
}

/// What can be done with it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Open a firm, with a policy that is in force from today.
    Open(Open),
    /// Let a person in, or give a known one other roles.
    Grant(Give),
    /// Connect a gateway: its secrets come as JSON on the standard input, and its webhook's address is printed.
    Gateway(Gateway),
}

/// A new firm.
#[derive(Debug, Args)]
pub struct Open {
    /// Its id: in addresses and keys, and never changed.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// Its name, as it stands on letters.
    #[arg(long)]
    pub name: String,
    /// Where its days begin, such as America/New_York.
    #[arg(long, value_name = "ZONE")]
    pub zone: Tz,
    /// What it bills in unless a client says otherwise.
    #[arg(long, default_value = "USD")]
    pub currency: Currency,
    /// The policy it begins with.
    #[arg(long, default_value = PRESET)]
    pub preset: String,
    /// The day from which that is in force; today, if not said.
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub since: Option<domain::calendar::Day>,
    /// Open a test firm, on one machine: its clock stands where it is put, and no real letter leaves (TEST-1).
    #[arg(long)]
    pub test: bool,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// A person who works at the firm.
#[derive(Debug, Args)]
pub struct Give {
    /// Whose.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// The issuer's name for the person: the `sub` of their tokens.
    #[arg(long)]
    pub subject: String,
    /// The person's short name, as it stands in the audit.
    #[arg(long, value_name = "STAFF")]
    pub staff: StaffId,
    /// The person's name.
    #[arg(long)]
    pub name: String,
    /// What the person may do; may be said several times.
    #[arg(long = "role", value_name = "ROLE", required = true)]
    pub roles: Vec<Role>,
    /// Where the person is told of what waits (STAFF-1).
    #[arg(long, value_name = "ADDRESS")]
    pub mail: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// A gateway of the firm.
#[derive(Debug, Args)]
pub struct Gateway {
    /// Whose.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// Which gateway.
    #[arg(long, value_name = "NAME", default_value = "stripe")]
    pub gateway: GatewayName,
    /// Whether its money is real.
    #[arg(long)]
    pub live: bool,
    /// A known endpoint, by the id in its address: its secrets are replaced.
    #[arg(long, value_name = "ID")]
    pub endpoint_id: Option<String>,
    /// The key that seals secrets on AWS: an output of the stack.
    #[arg(long, value_name = "ARN")]
    pub secrets_key: Option<String>,
    /// Where.
    #[command(flatten)]
    pub place: Place,
}

/// Runs it.
///
/// # Errors
/// When something that was given is wrong, or the table can't be read or written.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    match &arguments.command {
        Command::Open(open) => block_on(on(&open.place, async |table| open.run(table).await)),
        Command::Grant(give) => block_on(on(&give.place, async |table| give.run(table).await)),
        Command::Gateway(gateway) => {
            let secrets = secrets(gateway.gateway, gateway.live)?;
            block_on(on(&gateway.place, async |table| gateway.run(table, &secrets).await))
        }
    }
}

async fn on(place: &Place, work: impl AsyncFn(&Opened) -> Result<String>) -> Result<Verdict> {
    let table = place.open().await.context("can't open the table")?;
    let done = work(&table).await;
    table.close().await;
    writeln!(io::stdout(), "{}", done?)?;
    Ok(Verdict::Done)
}

impl Open {
    async fn run(&self, table: &Opened) -> Result<String> {
        let text = preset_text(&self.preset);
        let text = text.with_context(|| format!("there is no preset {}", self.preset))?;
        let policy =
            read_text(text).with_context(|| format!("can't use preset {}", self.preset))?;
        ensure!(!self.name.trim().is_empty(), "a firm has a name");
        ensure!(
            !(self.test && self.place.aws),
            "a test firm's letters go to the mailbox of one machine (TEST-1), which a deployment hasn't: open it \
             with `portcullis up`"
        );
        let now = SystemClock.now();
        let settings = FirmSettings {
            currency: self.currency,
            is_test: self.test,
            test_clock: self.test.then_some(now),
            ..FirmSettings::new(self.name.trim(), self.zone)
        };
        let id = &self.firm;
        let store = Store::new(table.dynamo().clone(), id.clone());
        let caller = Caller::new(operator());
        // One that a crash left without its policy gets that now.
        let firm = match open_firm(table, id).await {
            Ok(firm) if firm.settings().name != settings.name => {
                bail!("there is a firm {id} already: {}", firm.settings().name)
            }
            Ok(firm) => firm,
            Err(_) => {
                let day = domain::calendar::day_at(now, self.zone);
                let opened = store.open_firm(&settings, &opening(now, day, &caller.actor)).await?;
                ensure!(opened == FirmCommit::Done, "firm {id} is being opened by somebody else");
                open_firm(table, id).await?
            }
        };
        let class: ClassId = "default".parse()?;
        let newest = store.policies(&class).await?.pop();
        ensure!(newest.is_none(), "there is a firm {id} already: {}", firm.settings().name);
        let since = self.since.unwrap_or_else(|| firm.day(now));
        arm(&firm, &class, &policy, (None, since), &caller, now).await?;
        Ok(format!(
            "firm {id} is open, under policy {} from {since}. Let an admin, a partner and a billing lead in: \
             `portcullis firm grant --firm {id} …`",
            self.preset
        ))
    }
}

/// The record of the opening: there is no firm yet to say its day.
fn opening(
    at: chrono::DateTime<chrono::Utc>,
    day: domain::calendar::Day,
    actor: &Actor,
) -> store::CommitMeta {
    let actor = actor.clone();
    let command = "open_firm".to_owned();
    store::CommitMeta { at, day, actor, command, policy: None, request_id: None, rule: None }
}

impl Give {
    async fn run(&self, table: &Opened) -> Result<String> {
        // `sub`s are opaque; one that is no name of a person in the table is said here, not at sign-in.
        let subject: identity::Subject = self.subject.parse().context("--subject")?;
        let firm = open_firm(table, &self.firm).await?;
        let grant = Grant {
            subject: subject.as_str().to_owned(),
            staff: self.staff.clone(),
            name: Personal::new(self.name.trim()),
            roles: self.roles.iter().copied().collect::<BTreeSet<_>>(),
            mail: self.mail.as_deref().map(Personal::new),
        };
        change(&firm, &FirmChange::GrantGiven(grant), "give_grant").await?;
        let roles: Vec<_> = self.roles.iter().map(|role| role.words()).collect();
        Ok(format!("{} works at firm {} as {}", self.staff, self.firm, roles.join(" and ")))
    }
}

impl Gateway {
    async fn run(&self, table: &Opened, secrets: &Credentials) -> Result<String> {
        let firm = open_firm(table, &self.firm).await?;
        ensure!(
            !(self.live && firm.settings().is_test),
            "{} is a test firm: its gateways are in test mode (TEST-1)",
            self.firm
        );
        let seal = self.seal()?;
        let gateway: GatewayId = self.gateway.as_str().parse()?;
        let now = SystemClock.now();
        let meta = |command| meta(&firm, command, &Caller::new(operator()), now);
        let store = firm.store();
        let endpoint = match &self.endpoint_id {
            Some(id) => {
                let endpoint = known(store, id).await?;
                ensure!(
                    endpoint.is_live == self.live,
                    "endpoint {id} is of the other mode: see --live"
                );
                ensure!(
                    endpoint.gateway == gateway,
                    "endpoint {id} is one of {}: see --gateway",
                    endpoint.gateway
                );
                keep_secrets(store, &*seal, &endpoint, secrets, &meta("keep_secrets")).await?;
                endpoint
            }
            None => {
                let meta = meta("open_endpoint");
                open_endpoint(store, &*seal, &gateway, self.live, secrets, &meta).await?
            }
        };
        let Endpoint { id, gateway, .. } = &endpoint;
        let address = format!("its webhooks go to /webhooks/{gateway}/{id} of the public address");
        let is_signed = !secrets.signing.is_empty()
            || !secrets.webhook_ids.is_empty()
            || matches!(self.gateway, GatewayName::LawPay | GatewayName::CpaCharge);
        Ok(match is_signed {
            true => format!("{gateway} is connected; {address}"),
            false => format!(
                "{gateway} is known; {address}. Make that endpoint at {gateway}, then run this again with \
                 --endpoint-id {id} and what it signs with"
            ),
        })
    }

    fn seal(&self) -> Result<Box<dyn Seal>> {
        match (&self.secrets_key, self.place.aws) {
            (Some(key), _) => Ok(Box::new(KmsSeal::new(aws()?.kms(), key))),
            (None, true) => {
                bail!("--aws needs --secrets-key, the key that seals a deployment's secrets")
            }
            (None, false) => Ok(Box::new(LocalSeal::new(&seal_key(&self.place.data)?)?)),
        }
    }
}

async fn known(store: &Store, id: &str) -> Result<Endpoint> {
    let mut endpoints = store.endpoints().await?.into_iter();
    let found = endpoints.find(|endpoint| endpoint.id == *id);
    found.with_context(|| format!("firm {} has no endpoint {id}", store.firm()))
}

async fn open_firm(table: &Opened, id: &FirmId) -> Result<Firm> {
    let firm = Firm::open(table.dynamo().clone(), id.clone()).await?;
    firm.with_context(|| format!("there is no firm {id}"))
}

async fn change(firm: &Firm, change: &FirmChange, command: &str) -> Result<()> {
    let meta = meta(firm, command, &Caller::new(operator()), SystemClock.now());
    let changed = firm.store().change_firm(firm.loaded(), change, &meta).await?;
    ensure!(changed == FirmCommit::Done, "the firm was changed meanwhile: run it again");
    Ok(())
}

/// Secrets come by the standard input: what stands on a command line stands in the shell's history (SEC-5).
fn secrets(gateway: GatewayName, is_live: bool) -> Result<Credentials> {
    let expected = || format!("expected {} on the standard input", gateway.shape());
    let mut text = String::new();
    io::stdin().take(MAX_SECRETS_BYTES).read_to_string(&mut text).with_context(expected)?;
    Credentials::read(gateway, Mode::from_livemode(is_live), &text).with_context(expected)
}
