//! `portcullis reconcile`: compares a firm's gateways with its accounts now, and prints what came of it.
//!
//! The same as the schedule does each day: what webhooks lost is put right, what differs is for a person. The exit
//! code says whether one should look.

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use chrono::{DateTime, TimeDelta, Utc};
use clap::Args;
use domain::id::FirmId;
use gateways::{Timeouts, Transport};
use platform::clock::{Clock, SystemClock};
use platform::config::Environment;
use platform::seal::KmsSeal;
use serde_json::json;
use services::reconcile::{MAX_DAYS, Reconciler};
use services::webhook::{GatewayAccess, Webhooks};
use store::{Dynamo, Found, Reconciliation};

use super::{Verdict, block_on};
use crate::place::{Place, aws};
use crate::public_url;
use crate::system::webhooks_on;

/// How long it may take: many times what a day of a large firm needs.
const WITHIN: TimeDelta = TimeDelta::hours(1);

/// What to compare, and where.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Whose gateways.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// How many days back; from the last whole one on, if not said.
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_DAYS)))]
    pub days: Option<u32>,
    /// Print one JSON object for each gateway.
    #[arg(long)]
    pub json: bool,
    /// The key that sealed the secrets on AWS: an output of the stack.
    #[arg(long, value_name = "KEY", requires = "aws")]
    pub secrets_key: Option<String>,
    /// Where the firm is. Of a folder, its gateway answers beside a running `portcullis up`.
    #[command(flatten)]
    pub place: Place,
}

/// Runs it.
///
/// # Errors
/// When there is no such firm, or the table can't be used.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    let reports = block_on(arguments.compare())?;
    let mut out = io::stdout().lock();
    for report in &reports {
        let printed =
            if arguments.json { print_json(&mut out, report) } else { print(&mut out, report) };
        printed.context("could not print")?;
    }
    if reports.is_empty() {
        bail!("somebody else is comparing the firm's gateways now: run this again later");
    }
    Ok(if reports.iter().all(is_clean) { Verdict::Done } else { Verdict::Failed })
}

/// Whether nobody needs to look.
fn is_clean(report: &Reconciliation) -> bool {
    let counts = report.counts;
    report.ended_at.is_some()
        && report.trouble.is_none()
        && counts.differ + counts.unclaimed + counts.unreadable == 0
}

impl Arguments {
    async fn compare(&self) -> Result<Vec<Reconciliation>> {
        let table = self.place.open().await.context("can't open the table")?;
        let compared = self.compare_in(table.dynamo()).await;
        table.close().await;
        compared
    }

    async fn compare_in(&self, dynamo: &Dynamo) -> Result<Vec<Reconciliation>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let reconciler = Reconciler::new(self.webhooks(dynamo)?, clock.clone());
        let reports = reconciler.now(&self.firm, self.days, clock.now() + WITHIN).await;
        reports.context("can't compare the firm's gateways")
    }

    fn webhooks(&self, dynamo: &Dynamo) -> Result<Arc<Webhooks>> {
        let data = &self.place.data;
        if !self.place.aws {
            let url = public_url::kept(data).context("can't tell where the system answers")?;
            return webhooks_on(data, dynamo.clone(), &url);
        }
        let Some(key) = &self.secrets_key else {
            bail!("--aws needs --secrets-key, the key that seals a deployment's secrets")
        };
        let seal = Arc::new(KmsSeal::new(aws()?.kms(), key.clone()));
        let transport = Transport::new(Timeouts::default());
        let access = GatewayAccess::read(transport, &Environment::of_process())
            .context("can't reach the gateways as configured")?;
        Ok(Arc::new(Webhooks::new(dynamo.clone(), seal, access)))
    }
}

fn minute(at: DateTime<Utc>) -> String {
    at.format("%Y-%m-%d %H:%M").to_string()
}

fn print(out: &mut impl Write, report: &Reconciliation) -> io::Result<()> {
    let Reconciliation { gateway, from, to, counts, .. } = report;
    let mode = if report.is_live { "live" } else { "test" };
    writeln!(out, "{gateway}, {mode}: {} to {} UTC", minute(*from), minute(*to))?;
    for list in &report.not_listed {
        writeln!(out, "  {gateway} lists no {list}")?;
    }
    if let Some(trouble) = &report.trouble {
        writeln!(out, "  in the way: {trouble}")?;
    }
    if report.ended_at.is_none() {
        writeln!(out, "  not whole yet: the schedule goes on with it")?;
    }
    for (name, number) in [
        ("events", counts.events),
        ("of these lost", counts.lost),
        ("payments", counts.payments),
        ("agree", counts.agree),
        ("healed", counts.healed),
        ("differ", counts.differ),
        ("nobody's", counts.unclaimed),
        ("can't be read", counts.unreadable),
        ("other sales", counts.others),
        ("not paid yet", counts.not_paid),
        ("still open", report.open.len() as u64),
    ] {
        writeln!(out, "  {name:<14}{number:>8}")?;
    }
    for entry in &report.entries {
        let amount = entry.amount.map(|amount| amount.to_string()).unwrap_or_default();
        let client = entry.client.as_ref().map_or("-", |client| client.as_str());
        let (found, payment) = (word(entry.found), &entry.payment);
        writeln!(out, "  {found:<14}{amount:>16}  {client:<20}  {payment}")?;
        if let Some(what) = &entry.what {
            writeln!(out, "  {:<14}{what}", "")?;
        }
    }
    match report.left_out {
        0 => Ok(()),
        more => writeln!(out, "  and {more} more"),
    }
}

fn word(found: Found) -> &'static str {
    match found {
        Found::Healed => "healed",
        Found::Differs => "differs",
        Found::Unclaimed => "nobody's",
        Found::Unreadable => "can't be read",
    }
}

/// What it says, without how far it is.
fn print_json(out: &mut impl Write, report: &Reconciliation) -> io::Result<()> {
    let line = json!({
        "day": report.day, "gateway": report.gateway, "is_live": report.is_live,
        "from": report.from, "to": report.to, "ended_at": report.ended_at,
        "trouble": report.trouble, "not_listed": report.not_listed, "counts": report.counts,
        "entries": report.entries, "left_out": report.left_out, "open": report.open,
    });
    writeln!(out, "{line}")
}
