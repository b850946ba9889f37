//! `portcullis doctor`: looks whether a deployment, or this machine's system, is well, and says what to do
//! where it isn't.
//!
//! Nearly all of it stands in the table: what waits and since when, whose day should have begun, what a firm has
//! not set up. The public address, if given, shows that somebody answers there, and how far this machine's clock
//! is from theirs. It only reads.

use std::io::{self, Write};
use std::time::Duration;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use domain::calendar::{for_person, minus};
use domain::id::FirmId;
use domain::message::UNREAD_IS_OLD_AFTER_DAYS;
use domain::role::Role;
use platform::clock::{Clock, SystemClock};
use serde_json::json;
use services::correspondence::Sender;
use services::firm::Firm;
use services::replies::left_lying;
use store::{Platform, Waiting};

use super::{Verdict, block_on};
use crate::place::{Opened, Place};

/// The sweeper comes each minute: what is ready for so long nobody hands on.
const OUTBOX_LATE: TimeDelta = TimeDelta::minutes(15);

/// The schedule asks every quarter of an hour whose day has begun, and a day's first look takes minutes.
const DAWN_LATE: TimeDelta = TimeDelta::hours(1);

/// How far this machine's clock may be from the deployment's: gateways refuse signatures that are five minutes
/// old.
const CLOCK_APART: TimeDelta = TimeDelta::seconds(60);

/// How long the public address may take to answer: longer than any function's start.
const ANSWER_WITHIN: Duration = Duration::from_secs(10);

/// So many waiting things are looked at of each shard: enough to say that there are many.
const MOST_WAITING: u32 = 100;

/// All firms whose days begin by themselves: none's next one begins later.
const ANY_DAY: TimeDelta = TimeDelta::days(3);

/// What to look at.
#[derive(Debug, Args)]
pub struct Arguments {
    /// This firm alone; all but test firms, if not said.
    #[arg(long, value_name = "FIRM")]
    pub firm: Option<FirmId>,
    /// Where people reach the portal: it should answer.
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,
    /// Print one JSON object a line.
    #[arg(long)]
    pub json: bool,
    /// Where the table is.
    #[command(flatten)]
    pub place: Place,
}

/// How something stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Health {
    Well,
    /// It works, and somebody will miss something.
    Lacking,
    /// Something doesn't happen that should.
    Ill,
}

/// One thing that was looked at.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    health: Health,
    /// Of which firm, where it is one's own.
    firm: Option<FirmId>,
    what: String,
    /// What to do; nothing where it is well.
    remedy: &'static str,
}

/// Runs it.
///
/// # Errors
/// When the table can't be read.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    block_on(arguments.run())
}

impl Arguments {
    async fn run(&self) -> Result<Verdict> {
        let table = self.place.open().await.context("can't open the table")?;
        let now = SystemClock.now();
        let found = self.look(&table, now).await;
        table.close().await;
        let found = found.context("can't read the table")?;
        self.tell(&found).context("could not print")?;
        let is_ill = found.iter().any(|finding| finding.health == Health::Ill);
        Ok(if is_ill { Verdict::Failed } else { Verdict::Done })
    }

    async fn look(&self, table: &Opened, now: DateTime<Utc>) -> Result<Vec<Finding>> {
        let platform = Platform::new(table.dynamo().clone());
        let mut found = vec![];
        if let Some(url) = &self.url {
            found.extend(address(url, now).await);
        }
        found.push(outbox(&platform, now).await?);
        let firms = match &self.firm {
            Some(firm) => vec![firm.clone()],
            None => platform.dawned(now + ANY_DAY).await?,
        };
        let late = platform.dawned(now - DAWN_LATE).await?;
        found.push(schedule(&late));
        if firms.is_empty() {
            let remedy = "Open one: `portcullis firm open --help`. A test firm's days begin when somebody says so, so \
                 it is looked at by name: --firm.";
            found.push(lacking(None, "There is no firm but perhaps test firms.", remedy));
        }
        for id in &firms {
            match Firm::open(table.dynamo().clone(), id.clone()).await? {
                Some(firm) => found.extend(of_firm(&firm, now).await?),
                None => found.push(ill(Some(id), "There is no such firm.", "Look at its id.")),
            }
        }
        Ok(found)
    }

    fn tell(&self, found: &[Finding]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        for finding in found {
            let Finding { health, firm, what, remedy } = finding;
            let health = match health {
                Health::Well => "well",
                Health::Lacking => "lacking",
                Health::Ill => "ill",
            };
            if self.json {
                let line = json!({"health": health, "firm": firm, "what": what, "remedy": remedy});
                writeln!(out, "{line}")?;
                continue;
            }
            let whose = firm.as_ref().map(|firm| format!("{firm}: ")).unwrap_or_default();
            writeln!(out, "{health:<8}{whose}{what}")?;
            if !remedy.is_empty() {
                writeln!(out, "        {remedy}")?;
            }
        }
        Ok(())
    }
}

fn well(firm: Option<&FirmId>, what: impl Into<String>) -> Finding {
    Finding { health: Health::Well, firm: firm.cloned(), what: what.into(), remedy: "" }
}

fn lacking(firm: Option<&FirmId>, what: impl Into<String>, remedy: &'static str) -> Finding {
    Finding { health: Health::Lacking, firm: firm.cloned(), what: what.into(), remedy }
}

fn ill(firm: Option<&FirmId>, what: impl Into<String>, remedy: &'static str) -> Finding {
    Finding { health: Health::Ill, firm: firm.cloned(), what: what.into(), remedy }
}

/// Whether somebody answers there, and what time it is.
async fn address(url: &str, now: DateTime<Utc>) -> Vec<Finding> {
    let client = reqwest::Client::builder().timeout(ANSWER_WITHIN).build();
    let answer = match client {
        Ok(client) => client.get(url).send().await,
        Err(error) => Err(error),
    };
    let answer = match answer {
        Ok(answer) => answer,
        Err(error) => {
            let error = error.without_url();
            let remedy = "Look at the address, its DNS record and its certificate.";
            return vec![ill(None, format!("{url} does not answer: {error}"), remedy)];
        }
    };
    let status = answer.status();
    let first = match status.is_server_error() || status == 404 {
        true => ill(
            None,
            format!("{url} answers with {status}"),
            "Look at the log of portal-web and at the API's access log.",
        ),
        false => well(None, format!("{url} answers")),
    };
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok());
    let date = date.and_then(|date| DateTime::parse_from_rfc2822(date).ok());
    let apart = date.map(|date| (now - date.to_utc()).abs());
    let second = apart.filter(|apart| CLOCK_APART < *apart).map(|apart| {
        let what =
            format!("this machine's clock is {} s from the deployment's", apart.num_seconds());
        lacking(
            None,
            what,
            "Set this machine's clock: what is said here of times is off by as much.",
        )
    });
    std::iter::once(first).chain(second).collect()
}

/// Whether what waits is handed on.
async fn outbox(platform: &Platform, now: DateTime<Utc>) -> Result<Finding> {
    let ready = platform.ready(now, MOST_WAITING).await?;
    let late = |since: DateTime<Utc>| OUTBOX_LATE < now - since;
    let late: Vec<_> = ready.iter().filter(|ready| ready.since().is_some_and(late)).collect();
    let unreadable = ready.iter().filter(|ready| ready.what.is_err()).count();
    if 0 < unreadable {
        let what = format!("{unreadable} waiting things can't be read");
        let remedy = "A newer version may have written them: deploy that one again, then look at the log of jobs.";
        return Ok(ill(None, what, remedy));
    }
    let Some(oldest) = late.first().and_then(|ready| ready.since()) else {
        return Ok(well(None, "what waits is handed on"));
    };
    let webhooks = late.iter().filter(|ready| matches!(ready.what, Ok(Waiting::Webhook { .. })));
    let what = format!(
        "{} things wait, {} of them webhooks, the oldest since {}",
        late.len(),
        webhooks.count(),
        oldest.format("%Y-%m-%d %H:%M UTC")
    );
    let remedy = "Look whether jobs runs each minute, at its log, and at the dead-letter queues; nothing is \
         lost, it leaves as soon as jobs runs.";
    Ok(ill(None, what, remedy))
}

/// Whether days begin.
fn schedule(late: &[FirmId]) -> Finding {
    match late {
        [] => well(None, "every firm's day has begun"),
        [first, ..] => {
            let what = format!(
                "the day of {} firms began over {} minutes ago and was not run, such as that of {first}",
                late.len(),
                DAWN_LATE.num_minutes()
            );
            let remedy = "Look at the schedule of lock-evaluation and at its log; missed days are caught up with \
                 the next run.";
            ill(None, what, remedy)
        }
    }
}

async fn of_firm(firm: &Firm, now: DateTime<Utc>) -> Result<Vec<Finding>> {
    let (id, settings, store) = (Some(firm.id()), firm.settings(), firm.store());
    let today = firm.day(now);
    let mut found = vec![];
    let mut check = |is_well: bool,
                     health: fn(Option<&FirmId>, String, &'static str) -> Finding,
                     what: String,
                     remedy| {
        if !is_well {
            found.push(health(id, what, remedy));
        }
    };
    let policies = store.all_policies().await?;
    check(
        policies.iter().any(|policy| policy.has_begun(today)),
        ill,
        "no policy is in force: nobody is reminded or locked".to_owned(),
        "Arm one under Settings, or with PUT /firm/v1/policies/default.",
    );
    let grants = store.grants().await?;
    for role in [Role::Admin, Role::Partner, Role::BillingLead] {
        let has = grants.iter().any(|grant| grant.roles.contains(&role));
        let what = format!("nobody works there as {}", role.words());
        check(has, lacking, what, "Let somebody in: `portcullis firm grant --help`.");
    }
    if let Err(error) = Sender::of(settings) {
        let remedy =
            "Set the domain and the address up under Settings; the letters that wait leave then.";
        check(false, ill, error.to_string(), remedy);
    }
    check(
        settings.postal_address.is_some(),
        lacking,
        "letters lack the firm's postal address".to_owned(),
        "Put it in under Settings.",
    );
    let endpoints = store.endpoints().await?;
    let is_live = !settings.is_test;
    check(
        endpoints.iter().any(|endpoint| endpoint.is_live == is_live),
        lacking,
        "no gateway is connected: nobody can pay online".to_owned(),
        "Connect one: `portcullis firm gateway --help`.",
    );
    for endpoint in &endpoints {
        let has_secrets = store.secret(&endpoint.secrets).await?.is_some();
        let what = format!("the secrets of its {} endpoint are gone", endpoint.gateway);
        let remedy = "Put them in again: `portcullis firm gateway --endpoint-id …`.";
        check(has_secrets, ill, what, remedy);
    }
    // A test firm's days begin when somebody moves its clock.
    let evaluated = store.evaluated_on().await?;
    if let Some(last) = evaluated.filter(|last| !settings.is_test && *last < minus(today, 1)) {
        let what = format!("its last run was on {}", for_person(last));
        let remedy =
            "Look at the log of lock-evaluation; missed days are caught up with the next run.";
        check(false, ill, what, remedy);
    }
    let ledger = firm.ledger().filter(|ledger| !ledger.is_fresh(today));
    check(
        ledger.is_none(),
        ill,
        ledger.map_or_else(String::new, |ledger| {
            format!("its ledger {}: notices, demands and locks wait", ledger.age())
        }),
        "Import it: `portcullis import --help`, or Import a ledger in the console. Is it kept here, an admin says so \
         under Settings.",
    );
    check(
        settings.stop.is_none(),
        lacking,
        "it is stopped: no lock is set and no letter leaves".to_owned(),
        "Lift the stop under Settings when its reason is gone.",
    );
    let lying = left_lying(store, today).await?;
    check(
        lying.is_empty(),
        lacking,
        lying.first().map_or_else(String::new, |oldest| {
            format!(
                "messages of {} clients have lain unread for over {UNREAD_IS_OLD_AFTER_DAYS} days, those of {} for {}: \
                 collection from them waits",
                lying.len(),
                oldest.client,
                oldest.days
            )
        }),
        "Read and answer them: they are among the tasks in the console.",
    );
    if found.is_empty() {
        found.push(well(id, "set up whole"));
    }
    Ok(found)
}
