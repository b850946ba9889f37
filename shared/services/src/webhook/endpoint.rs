//! Webhook endpoints: an opaque id in the URL that stands for firm, gateway, mode and secrets.
//!
//! The secrets are sealed for firm and gateway and opened only in memory, where they stay for five
//! minutes. They are read again at once when a signature does not match, since they may just have been
//! replaced; not for every forged request, or anybody could make us ask for keys all day.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::{FirmId, GatewayId};
use gateways::{Credentials, Expected, Gateway, GatewayName, Mode, Reach, Secret, Transport};
use platform::config::{ConfigError, Environment, GatewayUrls, gateway_urls, public_url};
use platform::seal::{Seal, SealContext, SealError};
use serde::{Deserialize, Serialize};
use store::{
    CommitMeta, Endpoint, FirmChange, FirmCommit, Platform, SealedSecret, Store, StoreError,
};

/// How long opened secrets are kept in memory.
const SECRETS_KEPT: TimeDelta = TimeDelta::minutes(5);

/// How soon an endpoint may be read again because a signature did not match.
const REREAD_PAUSE: TimeDelta = TimeDelta::seconds(10);

/// The most endpoints that one process keeps opened.
const MAX_KEPT: usize = 1_000;

/// The longest id of an endpoint: ours have 32 letters.
const MAX_ID_BYTES: usize = 64;

/// How often a change of the firm is tried against others'.
const MAX_TRIES: u32 = 5;

/// [`Credentials`] as they are sealed: in the shape that they are given in.
#[derive(Serialize, Deserialize)]
pub(crate) struct Stored {
    key: String,
    signing: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    location: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    client_id: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    webhook_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    deposits: Vec<String>,
}

impl From<&Credentials> for Stored {
    fn from(credentials: &Credentials) -> Self {
        let Credentials { key, signing, account, location, client_id, webhook_ids, deposits } =
            credentials.clone();
        let key = key.expose().to_owned();
        let signing = signing.iter().map(|secret| secret.expose().to_owned()).collect();
        Self { key, signing, account, location, client_id, webhook_ids, deposits }
    }
}

impl From<Stored> for Credentials {
    fn from(stored: Stored) -> Self {
        let Stored { key, signing, account, location, client_id, webhook_ids, deposits } = stored;
        let signing = signing.into_iter().map(Secret::from).collect();
        Self { key: key.into(), signing, account, location, client_id, webhook_ids, deposits }
    }
}

/// Why an endpoint can't be used or changed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Its secrets aren't there, or are no secrets.
    #[error("the secrets of endpoint {0} are missing or can't be read")]
    NoSecrets(String),
    /// They can't be sealed or opened.
    #[error("the secrets of a gateway can't be sealed or opened")]
    Seal(#[from] SealError),
    /// There is no such firm.
    #[error("there is no firm {0}")]
    NoFirm(FirmId),
    /// Others kept changing the firm.
    #[error("the settings of firm {0} are being changed by others")]
    Busy(FirmId),
    /// The system gave no random bytes.
    #[error("the system gave no random bytes")]
    Random(#[from] getrandom::Error),
    /// A secret could not be written as JSON: a mistake of the program.
    #[error("the secrets can't be written")]
    Encode(#[from] serde_json::Error),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An endpoint with its secrets.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(super) firm: FirmId,
    pub(super) endpoint: Endpoint,
    pub(super) secrets: Credentials,
    read_at: DateTime<Utc>,
}

impl Opened {
    /// What must hold of what comes here (PAY-2).
    pub(super) fn expected(&self) -> Expected {
        Expected {
            firm: self.firm.clone(),
            mode: Mode::from_livemode(self.endpoint.is_live),
            account: self.secrets.named_account().map(str::to_owned),
        }
    }

    /// Whether it was read so long ago that a signature that does not match may be right.
    pub(super) fn may_be_old(&self, now: DateTime<Utc>) -> bool {
        self.read_at + REREAD_PAUSE <= now
    }
}

/// How to reach the gateways: the real ones, or the sandbox.
#[derive(Debug, Clone)]
pub struct GatewayAccess {
    /// The connections.
    pub transport: Transport,
    /// Where they are, as far as they aren't the real ones.
    pub urls: GatewayUrls,
    /// Where gateways reach us: Square signs the address that it posts to.
    pub public_url: String,
}

impl GatewayAccess {
    /// The gateways of that environment.
    ///
    /// # Errors
    /// When an address isn't one.
    pub fn read(transport: Transport, environment: &Environment) -> Result<Self, ConfigError> {
        let urls = gateway_urls(environment)?;
        Ok(Self { transport, urls, public_url: public_url(environment)? })
    }

    /// The firm's account there.
    pub(super) fn connect(
        &self,
        opened: &Opened,
    ) -> Result<Box<dyn Gateway>, gateways::ConfigError> {
        self.connect_with(&opened.endpoint, &opened.secrets)
    }

    /// The account that an endpoint is of, with those secrets. Nobody is asked.
    pub(crate) fn connect_with(
        &self,
        endpoint: &Endpoint,
        secrets: &Credentials,
    ) -> Result<Box<dyn Gateway>, gateways::ConfigError> {
        let Endpoint { id, gateway, is_live, .. } = endpoint;
        let name = gateway.as_str().parse::<GatewayName>();
        let name = name.map_err(|_| gateways::ConfigError::Unknown(gateway.to_string()))?;
        let base_url = match name {
            GatewayName::Stripe => &self.urls.stripe,
            GatewayName::Square => &self.urls.square,
            GatewayName::PayPal => &self.urls.paypal,
            GatewayName::LawPay | GatewayName::CpaCharge => &self.urls.affinipay,
        };
        let reach = Reach {
            transport: self.transport.clone(),
            base_url: base_url.clone(),
            webhook_url: self.webhook_url(name, id),
            mode: Mode::from_livemode(*is_live),
        };
        gateways::connect(name, secrets, reach)
    }

    /// Where a gateway posts to an endpoint.
    pub fn webhook_url(&self, gateway: GatewayName, endpoint: &str) -> String {
        format!("{}/webhooks/{gateway}/{endpoint}", self.public_url.trim_end_matches('/'))
    }
}

/// The endpoints that this process knows.
pub(super) struct Endpoints {
    platform: Platform,
    seal: Arc<dyn Seal>,
    known: Mutex<BTreeMap<String, Arc<Opened>>>,
}

impl Endpoints {
    pub(super) fn new(platform: Platform, seal: Arc<dyn Seal>) -> Self {
        Self { platform, seal, known: Mutex::default() }
    }

    pub(super) fn platform(&self) -> &Platform {
        &self.platform
    }

    /// The endpoint, from memory or the table; `None`: there is none.
    pub(super) async fn get(
        &self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<Opened>>, EndpointError> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(id).cloned();
        match known.filter(|opened| now < opened.read_at + SECRETS_KEPT) {
            Some(opened) => Ok(Some(opened)),
            None => self.read(id, now).await,
        }
    }

    /// The endpoint as the table has it now.
    pub(super) async fn read(
        &self,
        id: &str,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<Opened>>, EndpointError> {
        let is_letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if id.is_empty() || MAX_ID_BYTES < id.len() || !id.bytes().all(is_letter) {
            return Ok(None);
        }
        let opened = match self.platform.endpoint(id).await? {
            Some((firm, endpoint)) => Some(Arc::new(self.open(firm, endpoint, now).await?)),
            None => None,
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.remove(id);
        if let Some(opened) = &opened {
            if MAX_KEPT <= known.len() {
                known.clear();
            }
            known.insert(id.to_owned(), opened.clone());
        }
        Ok(opened)
    }

    async fn open(
        &self,
        firm: FirmId,
        endpoint: Endpoint,
        now: DateTime<Utc>,
    ) -> Result<Opened, EndpointError> {
        let store = Store::new(self.platform.dynamo().clone(), firm.clone());
        let (stored, _) = read_secrets(&store, &*self.seal, &endpoint).await?;
        Ok(Opened { firm, endpoint, secrets: stored.into(), read_at: now })
    }
}

/// What connects an endpoint, opened: for whoever stands in for its gateway on one machine.
///
/// # Errors
/// [`EndpointError`].
pub async fn credentials(
    store: &Store,
    seal: &dyn Seal,
    endpoint: &Endpoint,
) -> Result<Credentials, EndpointError> {
    Ok(read_secrets(store, seal, endpoint).await?.0.into())
}

/// Which parts an endpoint's secrets have, and since when.
pub(crate) type Parts = BTreeMap<String, Vec<DateTime<Utc>>>;

/// An endpoint's secrets, opened, and since when it has which.
pub(crate) async fn read_secrets(
    store: &Store,
    seal: &dyn Seal,
    endpoint: &Endpoint,
) -> Result<(Stored, Parts), EndpointError> {
    let none = || EndpointError::NoSecrets(endpoint.id.clone());
    let secret = store.secret(&endpoint.secrets).await?.ok_or_else(none)?;
    let plain = seal.unseal(&secret.sealed, context(store.firm(), &endpoint.gateway)).await?;
    Ok((serde_json::from_slice(&plain).map_err(|_| none())?, secret.parts))
}

/// The parts of secrets that are all new.
fn parts_of(stored: &Stored, now: DateTime<Utc>) -> Parts {
    stored
        .texts()
        .into_iter()
        .map(|(field, texts)| (field.to_owned(), vec![now; texts.len()]))
        .collect()
}

impl Stored {
    /// What there is, part by part.
    pub(crate) fn texts(&self) -> Vec<(&'static str, Vec<&str>)> {
        fn one(text: &Option<String>) -> Vec<&str> {
            text.as_deref().into_iter().collect()
        }
        fn all(texts: &[String]) -> Vec<&str> {
            texts.iter().map(String::as_str).collect()
        }
        let mut found = vec![
            ("key", vec![self.key.as_str()]),
            ("signing", all(&self.signing)),
            ("account", one(&self.account)),
            ("location", one(&self.location)),
            ("client_id", one(&self.client_id)),
            ("webhook_ids", all(&self.webhook_ids)),
            ("deposits", all(&self.deposits)),
        ];
        found.retain(|(_, texts)| !texts.is_empty());
        found
    }
}

fn context<'a>(firm: &'a FirmId, gateway: &'a GatewayId) -> SealContext<'a> {
    SealContext { firm: firm.as_str(), gateway: gateway.as_str() }
}

/// Opens an endpoint for a gateway: seals its secrets and makes the id of its URL. Whoever asks for it
/// has checked that its caller may (STAFF-1: admin).
///
/// # Errors
/// [`EndpointError`].
pub async fn open_endpoint(
    store: &Store,
    seal: &dyn Seal,
    gateway: &GatewayId,
    is_live: bool,
    secrets: &Credentials,
    meta: &CommitMeta,
) -> Result<Endpoint, EndpointError> {
    let endpoint = new_endpoint(gateway, is_live, meta.at)?;
    keep_secrets(store, seal, &endpoint, secrets, meta).await?;
    change(store, &FirmChange::EndpointOpened(endpoint.clone()), meta).await?;
    Ok(endpoint)
}

/// An endpoint that nobody has yet.
pub(crate) fn new_endpoint(
    gateway: &GatewayId,
    is_live: bool,
    at: DateTime<Utc>,
) -> Result<Endpoint, EndpointError> {
    let id = random_id()?;
    let (secrets, gateway) = (id.clone(), gateway.clone());
    Ok(Endpoint { id, gateway, is_live, secrets, opened_at: Some(at), closed_at: None })
}

/// Sets or replaces all secrets of an endpoint.
///
/// # Errors
/// [`EndpointError`].
pub async fn keep_secrets(
    store: &Store,
    seal: &dyn Seal,
    endpoint: &Endpoint,
    secrets: &Credentials,
    meta: &CommitMeta,
) -> Result<(), EndpointError> {
    let stored = Stored::from(secrets);
    let parts = parts_of(&stored, meta.at);
    seal_secrets(store, seal, endpoint, &stored, parts, meta).await
}

/// Seals an endpoint's secrets, and keeps them with what is known of each.
pub(crate) async fn seal_secrets(
    store: &Store,
    seal: &dyn Seal,
    endpoint: &Endpoint,
    stored: &Stored,
    parts: Parts,
    meta: &CommitMeta,
) -> Result<(), EndpointError> {
    let plain = serde_json::to_vec(stored)?;
    let sealed = seal.seal(&plain, context(store.firm(), &endpoint.gateway)).await?;
    let secret = SealedSecret { name: endpoint.secrets.clone(), parts, sealed };
    change(store, &FirmChange::SecretKept(secret), meta).await
}

pub(crate) async fn change(
    store: &Store,
    change: &FirmChange,
    meta: &CommitMeta,
) -> Result<(), EndpointError> {
    for _ in 0..MAX_TRIES {
        let loaded = store.load_firm().await?;
        let loaded = loaded.ok_or_else(|| EndpointError::NoFirm(store.firm().clone()))?;
        if store.change_firm(&loaded, change, meta).await? == FirmCommit::Done {
            return Ok(());
        }
    }
    Err(EndpointError::Busy(store.firm().clone()))
}

/// 128 random bits, in hex.
fn random_id() -> Result<String, getrandom::Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(hex::encode(bytes))
}
