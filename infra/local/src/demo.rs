//! The demo firm: a test firm with staff, a policy, a sandbox gateway and clients in every state, to try the
//! whole on one machine.
//!
//! It is not written into the table: three months of it are lived, by the same commands, days and letters
//! as everybody's ([`story`]), on its own clock. That happens once; opening it again changes nothing, and
//! one that a crash left half-way is gone on with.

mod acts;
mod contacts;
mod desk;
mod firm;
mod gateway;
mod people;
mod story;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;
use domain::id::FirmId;
use platform::clock::Clock;
use platform::seal::Seal;
use store::Dynamo;

pub use contacts::contacts;
pub use gateway::{DemoGateway, FILE, kept_gateway};
pub use people::{DemoPerson, people, signing_in};

/// The demo firm's id.
pub const FIRM: &str = "demo";

/// The day on which it is handed over: the day after the sample ledger ends.
pub const FIRST_DAY: &str = "2026-10-01";

/// What opening the demo firm needs.
pub struct Ground<'a> {
    /// The table.
    pub dynamo: &'a Dynamo,
    /// What seals the gateway's secrets.
    pub seal: &'a dyn Seal,
    /// The data folder.
    pub data: &'a Path,
    /// Where people will reach the system: it stands in letters.
    pub public_url: &'a str,
    /// The machine's time.
    pub clock: Arc<dyn Clock>,
}

/// The demo firm's id.
///
/// # Errors
/// Never: the id is one.
pub fn firm_id() -> Result<FirmId> {
    Ok(FIRM.parse()?)
}

/// Opens the demo firm, as far as it isn't open yet.
///
/// # Errors
/// When the table or the data folder can't be read or written.
pub async fn open(ground: &Ground<'_>) -> Result<DemoGateway> {
    let store = store::Store::new(ground.dynamo.clone(), firm_id()?);
    let is_lived = firm::is_lived(&store).await?;
    if !is_lived {
        firm::open(&store).await?;
    }
    let gateway = gateway::open(&store, ground.seal, ground.data).await?;
    if !is_lived {
        Box::pin(story::live(ground)).await?;
    }
    Ok(gateway)
}
