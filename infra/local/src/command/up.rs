//! `portcullis up`: the system on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use platform::log;
use tokio::signal;

use super::{Verdict, block_on};
use crate::aws_port::env;
use crate::demo;
use crate::place::DATA;
use crate::reset;
use crate::system::{Options, System};

/// How to start it.
#[derive(Debug, Clone, Args)]
pub struct Arguments {
    /// The port that everything answers on; 0 for any that is free.
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    /// The folder that the data is kept in.
    #[arg(long, value_name = "DIR", default_value = DATA)]
    pub data: PathBuf,
    /// Open the demo firm, and print tokens for its staff.
    #[arg(long)]
    pub demo: bool,
    /// Also answer as AWS on this port (0 for any that is free), for functions that run by themselves: writes
    /// events/env.json for `sam local` and events/local.env for `cargo lambda watch`, outside of a checkout
    /// into the data folder.
    #[arg(long, value_name = "PORT")]
    pub aws_port: Option<u16>,
    /// Begin anew: delete what the system keeps in the folder, and nothing else.
    #[arg(long)]
    pub reset: bool,
}

impl Default for Arguments {
    /// What `portcullis` alone does: `up --demo`.
    fn default() -> Self {
        Self { port: 8080, data: DATA.into(), demo: true, aws_port: None, reset: false }
    }
}

/// Runs it until it is told to stop.
///
/// # Errors
/// When it can't start.
pub fn run(arguments: &Arguments) -> Result<Verdict> {
    log::begin(log::Format::Text).context("can't begin the log")?;
    match arguments.reset {
        true => reset::reset(&arguments.data)?,
        false => reset::finish(&arguments.data)?,
    }
    block_on(async {
        let Arguments { port, data, demo, .. } = arguments.clone();
        let mut system = System::start(&Options { port, data, demo }).await?;
        tell(&system, arguments);
        if let Some(port) = arguments.aws_port {
            serve_aws(&mut system, port, &arguments.data).await?;
        }
        println!("\nStop it with Ctrl-C.");
        stopped().await;
        println!("stopping");
        system.stop().await;
        Ok(Verdict::Done)
    })
}

fn tell(system: &System, arguments: &Arguments) {
    println!("Portcullis answers on {}", system.url);
    println!("  data      {}", arguments.data.display());
    println!("  letters   {}", arguments.data.join(super::clock::MAILBOX).display());
    if let Some(gateway) = &system.gateway {
        println!("  firm      {}", demo::FIRM);
        println!("  webhook   {}/webhooks/stripe/{}", system.url, gateway.endpoint);
        for person in &system.people {
            println!("\n  {} ({}):", person.name, person.what);
            for way in person.link.iter().chain(&person.token) {
                println!("    {way}");
            }
        }
    }
}

/// AWS for functions that run by themselves, and the files that they find it by.
async fn serve_aws(system: &mut System, port: u16, data: &Path) -> Result<()> {
    let url = system.serve_aws(port).await?;
    let current = std::env::current_dir().context("can't tell the folder that we are in")?;
    let folder = env::folder(&current, data);
    let people = &system.people;
    let tokens = people.iter().filter_map(|p| Some((p.name.as_str(), p.token.as_deref()?)));
    env::write(&folder, &env::variables(&system.url, &url), &tokens.collect())
        .with_context(|| format!("can't write into {}", folder.display()))?;
    println!("\n  AWS       {url}");
    println!("  cargo lambda watch --env-file {}", folder.join(env::LINES).display());
    println!("  sam local … --env-vars {}", folder.join(env::JSON).display());
    Ok(())
}

/// Ctrl-C, or what a service manager sends.
async fn stopped() {
    #[cfg(unix)]
    {
        let Ok(mut terminate) = signal::unix::signal(signal::unix::SignalKind::terminate()) else {
            let _told = signal::ctrl_c().await;
            return;
        };
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate.recv() => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _told = signal::ctrl_c().await;
    }
}
