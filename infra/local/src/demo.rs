//! The demo firm: a test firm with staff, a policy and a sandbox gateway, to try the whole on one machine.
//!
//! Opening it again changes nothing. What is not in the table (the webhook's address and what the sandbox
//! signs with) lies in the data folder, since a real gateway would keep it too.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::{Context, Result};
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use domain::calendar::{Day, start_of};
use domain::id::{ClassId, FirmId, StaffId};
use domain::policy::read::preset_text;
use domain::role::Role;
use domain::text::Personal;
use gateways::Secret;
use identity::Subject;
use platform::seal::Seal;
use serde::{Deserialize, Serialize};
use services::webhook::{GatewaySecrets, open_endpoint};
use store::{
    CommitMeta, Dynamo, FirmChange, FirmCommit, FirmSettings, Grant, PolicyDocument, Store,
};

use crate::issuer::{Claim, Issuer};
use crate::sandbox_stripe::SANDBOX_KEY;
use crate::test_clock::operator;

/// The demo firm's id.
pub const FIRM: &str = "demo";

/// Its first day: the day after the sample ledger ends.
const FIRST_DAY: &str = "2026-10-01";

/// Its policy is in force since before the sample ledger begins.
const POLICY_SINCE: &str = "2024-01-01";

/// Where the webhook's address and secret lie in the data folder.
const FILE: &str = "demo.json";

/// How long the printed tokens are good.
const TOKEN_HOURS: i64 = 24 * 7;

/// Who works at the demo firm.
const STAFF: [(&str, Role); 4] = [
    ("bea", Role::BillingLead),
    ("pat", Role::Partner),
    ("ada", Role::Admin),
    ("pre", Role::Preparer),
];

/// What the sandbox gateway needs to know of the demo firm.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DemoGateway {
    /// The webhook endpoint's id.
    pub endpoint: String,
    /// What the sandbox signs with.
    pub signing: String,
}

/// A person, with a token to call the API with.
#[derive(Debug, Clone)]
pub struct DemoPerson {
    /// Who.
    pub name: &'static str,
    /// As what.
    pub role: Role,
    /// The token.
    pub token: String,
}

/// The demo firm's id.
///
/// # Errors
/// Never: the id is one.
pub fn firm_id() -> Result<FirmId> {
    Ok(FIRM.parse()?)
}

/// Opens the demo firm, unless it is there.
///
/// # Errors
/// When the table or the data folder can't be read or written.
pub async fn open(
    dynamo: &Dynamo,
    seal: &dyn Seal,
    data: &Path,
    now: DateTime<Utc>,
) -> Result<DemoGateway> {
    let store = Store::new(dynamo.clone(), firm_id()?);
    if store.load_firm().await?.is_none() {
        let settings = settings()?;
        let opened = store.open_firm(&settings, &meta(now, "open_firm")?).await?;
        anyhow::ensure!(
            opened == FirmCommit::Done,
            "the demo firm is being opened by somebody else"
        );
        arm_policy(&store, now).await?;
        for (name, role) in STAFF {
            grant(&store, name, role, now).await?;
        }
    }
    gateway(&store, seal, data, now).await
}

fn settings() -> Result<FirmSettings> {
    let zone: Tz = "America/New_York".parse()?;
    let first: Day = FIRST_DAY.parse()?;
    Ok(FirmSettings {
        is_test: true,
        test_clock: Some(start_of(first, zone) + TimeDelta::hours(12)),
        mail_from: Some("billing@demo.example".to_owned()),
        reply_to: Some("billing@demo.example".to_owned()),
        postal_address: Some("1 Demo Street, New York, NY 10001".to_owned()),
        ..FirmSettings::new("Demo Practice", zone)
    })
}

async fn arm_policy(store: &Store, now: DateTime<Utc>) -> Result<()> {
    let class: ClassId = "default".parse()?;
    let document = preset_text("cpa").context("the preset cpa is missing")?;
    let policy = PolicyDocument {
        class,
        version: 1,
        document: document.to_owned(),
        effective_on: POLICY_SINCE.parse()?,
        author: None,
        new_steps: std::collections::BTreeMap::new(),
    };
    change(store, &FirmChange::PolicyArmed(policy), now, "arm_policy").await
}

async fn grant(store: &Store, name: &str, role: Role, now: DateTime<Utc>) -> Result<()> {
    let grant = Grant {
        subject: name.to_owned(),
        staff: name.parse::<StaffId>()?,
        name: Personal::new(name),
        roles: BTreeSet::from([role]),
    };
    change(store, &FirmChange::GrantGiven(grant), now, "give_grant").await
}

async fn change(
    store: &Store,
    change: &FirmChange,
    now: DateTime<Utc>,
    command: &str,
) -> Result<()> {
    let loaded = store.load_firm().await?.context("the demo firm is gone")?;
    let changed = store.change_firm(&loaded, change, &meta(now, command)?).await?;
    anyhow::ensure!(changed == FirmCommit::Done, "the demo firm is being changed by somebody else");
    Ok(())
}

fn meta(now: DateTime<Utc>, command: &str) -> Result<CommitMeta> {
    Ok(CommitMeta {
        at: now,
        day: FIRST_DAY.parse()?,
        actor: operator(),
        command: command.to_owned(),
        policy: None,
        request_id: None,
        rule: None,
    })
}

/// The webhook endpoint, opened once.
async fn gateway(
    store: &Store,
    seal: &dyn Seal,
    data: &Path,
    now: DateTime<Utc>,
) -> Result<DemoGateway> {
    if let Some(kept) = kept_gateway(data)? {
        return Ok(kept);
    }
    let path = data.join(FILE);
    let mut random = [0_u8; 16];
    getrandom::fill(&mut random).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
    let signing = format!("whsec_{}", hex::encode(random));
    let secrets = GatewaySecrets {
        key: Secret::from(SANDBOX_KEY),
        signing: vec![Secret::from(signing.clone())],
        account: None,
    };
    let stripe = "stripe".parse()?;
    let meta = meta(now, "open_endpoint")?;
    let endpoint = open_endpoint(store, seal, &stripe, false, &secrets, &meta).await?;
    let gateway = DemoGateway { endpoint: endpoint.id, signing };
    write_private(&path, &serde_json::to_string_pretty(&gateway)?)
        .with_context(|| format!("can't write {}", path.display()))?;
    Ok(gateway)
}

/// The webhook endpoint that a demo firm was opened with in that data folder.
///
/// # Errors
/// When the folder holds something else in its place.
pub fn kept_gateway(data: &Path) -> Result<Option<DemoGateway>> {
    let path = data.join(FILE);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error).with_context(|| format!("can't read {}", path.display())),
    };
    let kept = serde_json::from_str(&text);
    kept.map(Some).with_context(|| format!("can't read {}", path.display()))
}

/// A new file for this user's eyes only, where the machine knows users.
///
/// # Errors
/// When it is there, or can't be written.
pub(crate) fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut options = fs::File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}

/// Tokens for everybody who works there.
///
/// # Errors
/// When one can't be signed.
pub fn people(issuer: &Issuer, now: DateTime<Utc>) -> Result<Vec<DemoPerson>> {
    let tokens = STAFF.into_iter().map(|(name, role)| {
        let subject: Subject = name.parse()?;
        let claim =
            Claim { subject, email: format!("{name}@demo.example"), has_second_factor: true };
        let token = issuer.mint_token(&claim, now, TimeDelta::hours(TOKEN_HOURS))?;
        Ok(DemoPerson { name, role, token })
    });
    tokens.collect()
}
