//! How whoever moves the firm's clock reaches the sandbox, so that banks follow it (TEST-1).
//!
//! The sandbox is part of the running system; a command beside it asks over loopback. Without a running
//! system the command is the one that owns the data folder: then it runs the sandbox itself, with the
//! webhook function beside it, for as long as the clock moves. Either way the webhooks of a day are
//! applied before that day's evaluation.

use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result};
use domain::calendar::Day;
use platform::clock::Clock;
use platform::config::Stage;
use sandbox::stripe::{BankNews, BeginDay, Endpoint, SANDBOX_KEY, SandboxStripe, Shop};
use store::Dynamo;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::demo::{DemoGateway, kept_gateway};
use crate::files::{Readers, replace};
use crate::system::webhooks_on;

/// The sandbox's book, in the data folder.
const BOOK: &str = "sandbox-stripe.json";

/// In the data folder while a system runs: where its sandbox answers.
const ADDRESS: &str = "sandbox-stripe.url";

/// How banks are told of a day.
#[derive(Debug, Clone)]
pub enum Bank {
    /// There are none: the firm takes no payments here.
    Absent,
    /// In this process.
    Here(SandboxStripe),
    /// In the running system, at this address.
    At(String),
}

/// Why the banks could not be told.
#[derive(Debug, thiserror::Error)]
pub enum BankError {
    /// The running system.
    #[error("the running system did not take the day at {url}")]
    NoAnswer {
        /// Where it was asked.
        url: String,
        /// What happened instead.
        source: reqwest::Error,
    },
}

impl Bank {
    /// The firm's day is this one now. What banks do on it is done and told when this answers.
    ///
    /// # Errors
    /// [`BankError`]; telling the same day again does no harm.
    pub async fn begin_day(&self, day: Day) -> Result<Vec<BankNews>, BankError> {
        let base = match self {
            Self::Absent => return Ok(vec![]),
            Self::Here(sandbox) => return Ok(sandbox.begin_day(day).await),
            Self::At(base) => base,
        };
        let url = format!("{base}/sandbox/stripe/day");
        let answer = reqwest::Client::new().post(&url).json(&BeginDay { day }).send().await;
        let read = async { answer?.error_for_status()?.json().await };
        read.await.map_err(|source: reqwest::Error| BankError::NoAnswer { url, source })
    }

    /// That of a system that runs on the data folder, beside this process.
    ///
    /// # Errors
    /// When the folder can't be read.
    pub fn beside(data: &Path) -> io::Result<Self> {
        match fs::read_to_string(data.join(ADDRESS)) {
            Ok(url) => Ok(Self::At(url.trim().to_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::Absent),
            Err(error) => Err(error),
        }
    }
}

/// The sandbox of a data folder.
///
/// # Errors
/// When its book can't be read.
pub fn sandbox_of(data: &Path, clock: Arc<dyn Clock>) -> Result<SandboxStripe> {
    let now = Arc::new(move || clock.now().timestamp());
    let write = |path: &Path, bytes: &[u8]| replace(path, bytes, Readers::All);
    Ok(SandboxStripe::open(SANDBOX_KEY.into(), now, &data.join(BOOK), write)?)
}

/// The sandbox posts to the demo firm's endpoint from now on.
pub fn serve_demo(sandbox: &SandboxStripe, name: &str, gateway: &DemoGateway, url: &str) {
    let url = format!("{url}/webhooks/stripe/{}", gateway.endpoint);
    let webhook = Endpoint { url, signing: gateway.signing.as_str().into() };
    sandbox.set_shop(Shop { name: name.to_owned(), webhook: Some(webhook) });
}

/// Says where the running system's sandbox answers, for [`Bank::beside`].
///
/// # Errors
/// When the folder can't be written.
pub fn announce(data: &Path, url: &str) -> io::Result<()> {
    fs::write(data.join(ADDRESS), url)
}

/// The system ends.
pub fn withdraw(data: &Path) {
    // One that stays behind is asked only while somebody else owns the folder, and then doesn't answer.
    let _gone = fs::remove_file(data.join(ADDRESS));
}

/// The sandbox and the webhook function, in a command that owns the data folder.
#[derive(Debug)]
pub struct Alone {
    sandbox: SandboxStripe,
    server: JoinHandle<()>,
}

impl Alone {
    /// Starts them; `None` where no demo firm was opened.
    ///
    /// # Errors
    /// When something of the folder can't be read, or there is no port.
    pub async fn start(data: &Path, dynamo: Dynamo, clock: Arc<dyn Clock>) -> Result<Option<Self>> {
        let Some(gateway) = kept_gateway(data)? else { return Ok(None) };
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.context("can't listen for the sandbox's webhooks")?;
        let url = format!("http://localhost:{}", listener.local_addr()?.port());
        let sandbox = sandbox_of(data, clock.clone())?;
        serve_demo(&sandbox, "", &gateway, &url);
        let webhooks = webhooks_on(data, dynamo, &url)?;
        let state = payment_webhook::State::new(webhooks, clock, Stage::Local);
        let app = payment_webhook::router(state).merge(sandbox.router());
        let server = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, app).await {
                tracing::error!(%error, "Stopped answering");
            }
        });
        Ok(Some(Self { sandbox, server }))
    }

    /// For whoever moves the clock.
    pub fn bank(&self) -> Bank {
        Bank::Here(self.sandbox.clone())
    }

    /// Ends them.
    pub fn stop(self) {
        self.server.abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    #[tokio::test]
    async fn test_1_a_bank_in_the_running_system_is_told_the_day() {
        let sandbox = SandboxStripe::new(SANDBOX_KEY.into(), Arc::new(|| 0), Default::default());
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let bank = Bank::At(format!("http://{}", listener.local_addr().unwrap()));
        let router = sandbox.router();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let by = sandbox::stripe::PayBy::Bank;
        let (currency, metadata) = ("usd".to_owned(), Default::default());
        bank.begin_day(day("2026-10-01")).await.unwrap();
        let taken = sandbox::stripe::Act::Take { amount: 500, currency, metadata, by };
        let payment = sandbox.act(taken).unwrap().object;
        let news = bank.begin_day(day("2026-10-05")).await.unwrap();
        assert_eq!(news.into_iter().map(|news| news.payment).collect::<Vec<_>>(), [payment]);
    }

    #[tokio::test]
    async fn test_1_a_bank_that_is_not_there_is_named() {
        let nobody = Bank::At("http://127.0.0.1:1".to_owned());
        let error = nobody.begin_day(day("2026-10-01")).await.unwrap_err().to_string();
        assert_eq!(
            error,
            "the running system did not take the day at http://127.0.0.1:1/sandbox/stripe/day"
        );
        assert!(Bank::Absent.begin_day(day("2026-10-01")).await.unwrap().is_empty());
        let folder = tempfile::tempdir().unwrap();
        let beside = || Bank::beside(folder.path()).unwrap();
        assert!(matches!(beside(), Bank::Absent));
        announce(folder.path(), "http://localhost:1").unwrap();
        assert!(matches!(beside(), Bank::At(url) if url == "http://localhost:1"));
        withdraw(folder.path());
        assert!(matches!(beside(), Bank::Absent));
    }
}
