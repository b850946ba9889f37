//! The demo firm's gateway, which is the sandbox. What is not in the table (the webhook's address and what
//! the sandbox signs with) lies in the data folder, since a real gateway would keep it too.

use std::fs;
use std::io;
use std::path::Path;

use anyhow::{Context, Result};
use gateways::{Credentials, Secret};
use platform::seal::Seal;
use sandbox::stripe::SANDBOX_KEY;
use serde::{Deserialize, Serialize};
use services::webhook::open_endpoint;
use store::Store;

use super::firm::meta;
use crate::files::{Readers, replace};

/// Where the webhook's address and secret lie in the data folder.
pub const FILE: &str = "demo.json";

/// What the sandbox gateway needs to know of the demo firm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DemoGateway {
    /// The webhook endpoint's id.
    pub endpoint: String,
    /// What the sandbox signs with.
    pub signing: String,
}

/// What was kept of the demo firm's gateway in that folder; `None`: the firm was never opened there.
///
/// # Errors
/// When the file is there and can't be read.
pub fn kept_gateway(data: &Path) -> Result<Option<DemoGateway>> {
    let path = data.join(FILE);
    let can_not = || format!("can't read {}", path.display());
    match fs::read_to_string(&path) {
        Ok(text) => Ok(Some(serde_json::from_str(&text).with_context(can_not)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(can_not),
    }
}

/// The webhook endpoint, opened once.
pub(super) async fn open(store: &Store, seal: &dyn Seal, data: &Path) -> Result<DemoGateway> {
    if let Some(kept) = kept_gateway(data)? {
        return Ok(kept);
    }
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let signing = format!("whsec_{}", hex::encode(random));
    let secrets = Credentials {
        key: Secret::from(SANDBOX_KEY),
        signing: vec![Secret::from(signing.clone())],
        ..Credentials::default()
    };
    let stripe = "stripe".parse()?;
    let meta = meta("open_endpoint")?;
    let endpoint = open_endpoint(store, seal, &stripe, false, &secrets, &meta).await?;
    let gateway = DemoGateway { endpoint: endpoint.id, signing };
    let path = data.join(FILE);
    replace(&path, serde_json::to_string_pretty(&gateway)?.as_bytes(), Readers::Owner)
        .with_context(|| format!("can't write {}", path.display()))?;
    Ok(gateway)
}
