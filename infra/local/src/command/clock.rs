//! `portcullis clock`: moves a test firm's day forward, the schedule running each day (TEST-1).

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use clap::Args;
use domain::calendar::{Day, parse_day};
use domain::id::FirmId;
use platform::clock::{Clock, SystemClock};
use sandbox::stripe::BankAct;
use serde_json::json;
use services::correspondence::{Correspondence, Outcome};

use super::{Verdict, block_on};
use crate::bank::{Alone, Bank};
use crate::demo;
use crate::mailbox::Mailbox;
use crate::place::{Opened, Place};
use crate::public_url;
use crate::test_clock::{DayRun, Mover, operator};

/// Where letters of this machine lie in the data folder.
pub const MAILBOX: &str = "mailbox";

/// Whose clock, and to when.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Whose.
    #[arg(long, value_name = "FIRM")]
    pub firm: FirmId,
    /// The day to go to.
    #[arg(long, value_name = "DATE", value_parser = parse_day)]
    pub to: Day,
    /// Print one JSON object a day.
    #[arg(long)]
    pub json: bool,
    /// Where the firm is.
    #[command(flatten)]
    pub place: Place,
}

/// Runs it.
///
/// # Errors
/// When the clock can't be moved.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    block_on(arguments.run())
}

/// Where answers to the letters of this machine are taken in: a domain that is nobody's, ever.
const ANSWERS_AT: &str = "answers.test";

/// The letters of this machine: into the mailbox of the data folder.
///
/// # Errors
/// When the folder can't be made.
pub fn correspondence(
    data: &Path,
    public_url: &str,
    clock: Arc<dyn Clock>,
) -> Result<Correspondence> {
    let mailbox = Mailbox::open(data.join(MAILBOX), clock).context("can't open the mailbox")?;
    Ok(Correspondence {
        mail: Arc::new(mailbox),
        public_url: public_url.to_owned(),
        configuration: None,
        inbound_domain: Some(ANSWERS_AT.to_owned()),
    })
}

impl Arguments {
    async fn run(&self) -> Result<Verdict> {
        let table = self.place.open().await.context("can't open the table")?;
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let public_url =
            public_url::kept(&self.place.data).context("can't tell where the system answers")?;
        let correspondence = correspondence(&self.place.data, &public_url, clock.clone())?;
        let (bank, alone) = self.bank(&table, clock.clone()).await?;
        let by = operator();
        let mover = Mover {
            dynamo: table.dynamo(),
            correspondence: &correspondence,
            bank: &bank,
            clock: clock.as_ref(),
            by: &by,
        };
        let moved = self.go(&mover).await;
        if let Some(alone) = alone {
            alone.stop();
        }
        table.close().await;
        let failed = moved?;
        Ok(if failed == 0 { Verdict::Done } else { Verdict::Failed })
    }

    /// How many evaluations failed.
    async fn go(&self, mover: &Mover<'_>) -> Result<usize> {
        let mut walk = mover.walk(&self.firm, self.to).await?;
        let (mut told, mut failed) = (Ok(()), 0);
        while let Some(day) = walk.next_day().await? {
            failed += day.failed.len();
            if told.is_ok() {
                told = self.tell(&day);
            }
        }
        told.context("could not print")?;
        Ok(failed)
    }

    /// Only the demo firm is paid in the sandbox: in the running system's, else in one of our own.
    async fn bank(&self, table: &Opened, clock: Arc<dyn Clock>) -> Result<(Bank, Option<Alone>)> {
        match table {
            Opened::Embedded(embedded) if self.firm.as_str() == demo::FIRM => {
                if !embedded.is_owner() {
                    return Ok((Bank::beside(&self.place.data)?, None));
                }
                let dynamo = embedded.dynamo().clone();
                let alone = Alone::start(&self.place.data, dynamo, clock).await?;
                Ok((alone.as_ref().map_or(Bank::Absent, Alone::bank), alone))
            }
            Opened::Embedded(_) | Opened::Remote(_) => Ok((Bank::Absent, None)),
        }
    }

    fn tell(&self, run: &DayRun) -> io::Result<()> {
        let mut out = io::stdout().lock();
        if self.json {
            return writeln!(out, "{}", as_json(run));
        }
        let plural = if run.evaluated == 1 { "" } else { "s" };
        writeln!(
            out,
            "{} {}: {} client{plural} due",
            run.day,
            run.day.format("%a"),
            run.evaluated
        )?;
        for news in &run.bank {
            let by = news.client.as_ref().map(|id| format!(" by {id}")).unwrap_or_default();
            writeln!(out, "  bank debit of {}{by} {}", news.amount, bank_word(news.what))?;
        }
        for (client, reason) in &run.locked {
            writeln!(out, "  locked {client}: {reason}")?;
        }
        for client in &run.opened {
            writeln!(out, "  opened {client}")?;
        }
        for (client, letter, outcome) in &run.letters {
            writeln!(out, "  letter {} to {client}: {}", letter.0, word(outcome))?;
        }
        if let Some(held) = run.held() {
            writeln!(out, "  {held}")?;
        }
        for (client, error) in &run.failed {
            writeln!(out, "  could not evaluate {client}: {error}")?;
        }
        Ok(())
    }
}

fn as_json(run: &DayRun) -> serde_json::Value {
    let letters = run.letters.iter().map(|(client, letter, outcome)| {
        json!({ "client": client, "letter": letter.0, "outcome": word(outcome) })
    });
    json!({
        "day": run.day,
        "bank": run.bank,
        "evaluated": run.evaluated,
        "locked": run.locked.iter().map(|(client, reason)| json!({ "client": client, "reason": reason })).collect::<Vec<_>>(),
        "opened": run.opened,
        "run": run.run.as_ref().map(|run| run.stage.as_str()),
        "letters": letters.collect::<Vec<_>>(),
        "failed": run.failed.iter().map(|(client, error)| json!({ "client": client, "error": error })).collect::<Vec<_>>(),
    })
}

fn bank_word(what: BankAct) -> &'static str {
    match what {
        BankAct::Cleared => "cleared",
        BankAct::Returned => "came back",
        BankAct::Bounced => "was refused",
    }
}

fn word(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Sent => "sent".to_owned(),
        Outcome::Withdrawn => "withdrawn, no longer true".to_owned(),
        Outcome::Waits(until) => format!("waits until {until}"),
        Outcome::LedgerOld => "waits: the ledger from elsewhere is too old".to_owned(),
        Outcome::Unread => "waits: what the client wrote lies unread".to_owned(),
        Outcome::Stopped => "waits: the firm stopped locks and letters".to_owned(),
        Outcome::NotSetUp(error) => error.to_string(),
        Outcome::Done => "done before".to_owned(),
        Outcome::Busy => "another sender is at it".to_owned(),
        Outcome::Unsent(until) => format!("not sent, tried again at {until}"),
        Outcome::Open => "whether it left isn't known yet".to_owned(),
        Outcome::Undeliverable => "can't be delivered".to_owned(),
        Outcome::Uncertain => "whether it left can't be told: a person looks".to_owned(),
    }
}
