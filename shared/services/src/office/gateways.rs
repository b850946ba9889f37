//! A firm's gateways, as an admin connects them (STAFF-1): secrets are sealed on the way in, and from then on only
//! whether there is one is ever shown (SEC-5).
//!
//! Secrets are replaced a part at a time, and two signing secrets stand side by side while a gateway goes over from
//! one to the other. A gateway that is closed begins nothing new: no page, no charge. What was begun there goes on
//! being told of (a debit comes back after days, a dispute after months), so its address goes on taking news until
//! those are over, and only then can it be removed.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use domain::id::GatewayId;
use gateways::{
    ConfigError, Credentials, CredentialsError, GatewayError, GatewayName, Hint, Mode, ObjectId,
};
use platform::log::chain;
use platform::seal::Seal;
use serde_json::{Map, Value};
use store::{CommitMeta, Endpoint, EndpointNews, FirmChange, FirmCommit, Store, StoreError};

use super::policies::meta;
use super::settings::{MAX_TRIES, SettingsError};
use crate::execute::Caller;
use crate::firm::Firm;
use crate::webhook::endpoint::{Parts, Stored, change, new_endpoint, read_secrets, seal_secrets};
use crate::webhook::{EndpointError, GatewayAccess};

/// How long news of old payments come to a gateway that was closed: disputes do for half a year.
pub const NEWS_FOR: TimeDelta = TimeDelta::days(180);

/// The most endpoints of a firm: a few gateways, each in both modes, and those of before.
pub const MAX_ENDPOINTS: usize = 20;

/// What webhooks are checked with: of these two stand side by side for a while.
const CHECKED_WITH: [&str; 2] = ["signing", "webhook_ids"];

/// Asked for to see whether a key opens anything. There is none of that name anywhere.
const NO_PAYMENT: &str = "pi_portcullis_asks_whether_this_key_works";

/// Why a gateway was not connected or changed.
#[derive(Debug, thiserror::Error)]
pub enum GatewaysError {
    /// There is none of that id in this firm.
    #[error("there is no such gateway")]
    NotFound,
    /// Something that was given can't be right.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// It fits no account there.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Real money at a firm that is there for tests.
    #[error("a test firm's gateways are in test mode")]
    LiveAtTestFirm,
    /// It has as many as there can be.
    #[error("a firm has at most {MAX_ENDPOINTS} gateways: remove one that is closed first")]
    TooMany,
    /// It was closed.
    #[error("this gateway was closed: connect it anew")]
    Closed,
    /// It wasn't.
    #[error("close this gateway first")]
    Open,
    /// Something may still come.
    #[error(
        "news of old payments may still come until {}: refunds, debits that come back, disputes",
        .0.format("%B %-d, %Y")
    )]
    NewsMayCome(DateTime<Utc>),
    /// It takes no money of this firm's clients.
    #[error("clients of this firm pay with {expected} money, and this gateway is in {found} mode")]
    OtherMode {
        /// What the firm takes.
        expected: &'static str,
        /// What the gateway is for.
        found: Mode,
    },
    /// There is one signing secret, or none: nothing is old.
    #[error("there is no old signing secret to drop")]
    NothingOld,
    /// Others kept being faster.
    #[error("the firm's gateways are being changed by others")]
    Busy,
    /// Sealing and keeping.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<SettingsError> for GatewaysError {
    fn from(error: SettingsError) -> Self {
        match error {
            SettingsError::Busy => Self::Busy,
            SettingsError::Store(error) => Self::Store(error),
        }
    }
}

/// A gateway of a firm, as it can be shown.
#[derive(Debug, Clone)]
pub struct Connected {
    /// Itself.
    pub endpoint: Endpoint,
    /// Which parts it has, and since when: of a list each.
    pub parts: Parts,
    /// What came there last.
    pub news: EndpointNews,
    /// Whether clients pay here from now on.
    pub takes_payments: bool,
}

impl Connected {
    /// How many secrets its webhooks are checked with; two while one is being replaced.
    pub fn checked_with(&self) -> usize {
        CHECKED_WITH.iter().filter_map(|field| self.parts.get(*field)).map(Vec::len).sum()
    }
}

/// All gateways of a firm, those that are open first, the newest first among them.
///
/// # Errors
/// Whatever reading has.
pub async fn connected(firm: &Firm) -> Result<Vec<Connected>, StoreError> {
    let mut endpoints = firm.store().endpoints().await?;
    let pays_at = choose(firm, &endpoints).map(|endpoint| endpoint.id.clone());
    endpoints.sort_by_key(|endpoint| {
        (endpoint.closed_at.is_some(), std::cmp::Reverse(endpoint.opened_at))
    });
    let mut all = Vec::new();
    for endpoint in endpoints {
        all.push(shown(firm.store(), endpoint, pays_at.as_deref()).await?);
    }
    Ok(all)
}

/// One of them.
///
/// # Errors
/// [`GatewaysError::NotFound`]; whatever reading has.
pub async fn one(firm: &Firm, id: &str) -> Result<Connected, GatewaysError> {
    let endpoints = firm.store().endpoints().await?;
    let pays_at = choose(firm, &endpoints).map(|endpoint| endpoint.id.clone());
    let found = endpoints.into_iter().find(|endpoint| endpoint.id == id);
    let endpoint = found.ok_or(GatewaysError::NotFound)?;
    Ok(shown(firm.store(), endpoint, pays_at.as_deref()).await?)
}

async fn shown(
    store: &Store,
    endpoint: Endpoint,
    pays_at: Option<&str>,
) -> Result<Connected, StoreError> {
    let parts = store.secret(&endpoint.secrets).await?.map(|secret| secret.parts);
    let news = store.endpoint_news(&endpoint.id).await?;
    let takes_payments = pays_at == Some(endpoint.id.as_str());
    Ok(Connected { parts: parts.unwrap_or_default(), news, takes_payments, endpoint })
}

/// Where clients pay: at the gateway that was chosen, else at the first that is open. Of real money, unless the
/// firm is there for tests (TEST-1).
///
/// # Errors
/// Whatever reading has.
pub async fn paying_endpoint(firm: &Firm) -> Result<Option<Endpoint>, StoreError> {
    let endpoints = firm.store().endpoints().await?;
    Ok(choose(firm, &endpoints).cloned())
}

fn choose<'a>(firm: &Firm, endpoints: &'a [Endpoint]) -> Option<&'a Endpoint> {
    let settings = firm.settings();
    let is_fit =
        |endpoint: &&Endpoint| endpoint.is_live != settings.is_test && endpoint.closed_at.is_none();
    let fit = || endpoints.iter().filter(is_fit);
    let chosen = fit().find(|endpoint| settings.pays_at.as_ref() == Some(&endpoint.id));
    chosen.or_else(|| fit().min_by_key(|endpoint| (endpoint.opened_at, endpoint.id.as_str())))
}

/// What was asked of a gateway with a key, and what that says of the key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyTest {
    /// It opens the account.
    Works,
    /// It doesn't.
    Refused {
        /// The gateway's word.
        code: String,
    },
    /// The gateway didn't answer: nothing is known.
    NoAnswer,
    /// The gateway said something else.
    Odd {
        /// What.
        what: String,
    },
}

/// How gateways are reached and secrets sealed.
#[derive(Clone)]
pub struct Gateways {
    seal: Arc<dyn Seal>,
    access: GatewayAccess,
}

impl Gateways {
    /// With that seal.
    pub fn new(seal: Arc<dyn Seal>, access: GatewayAccess) -> Self {
        Self { seal, access }
    }

    /// Where a gateway posts to an endpoint.
    pub fn webhook_url(&self, endpoint: &Endpoint) -> String {
        match endpoint.gateway.as_str().parse() {
            Ok(name) => self.access.webhook_url(name, &endpoint.id),
            Err(_) => String::new(),
        }
    }

    /// Connects a gateway. Nobody is asked: what was given is looked at here, and tried afterwards.
    ///
    /// # Errors
    /// [`GatewaysError`]; nothing was kept then.
    pub async fn connect(
        &self,
        firm: &Firm,
        (name, mode): (GatewayName, Mode),
        given: &Map<String, Value>,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<Endpoint, GatewaysError> {
        if mode == Mode::Live && firm.settings().is_test {
            return Err(GatewaysError::LiveAtTestFirm);
        }
        if MAX_ENDPOINTS <= firm.store().endpoints().await?.len() {
            return Err(GatewaysError::TooMany);
        }
        let credentials = Credentials::read(name, mode, &Value::Object(given.clone()).to_string())?;
        let gateway: GatewayId =
            name.as_str().parse().map_err(|_| ConfigError::Unknown(name.to_string()))?;
        let endpoint = new_endpoint(&gateway, mode == Mode::Live, now)?;
        self.access.connect_with(&endpoint, &credentials)?;
        let stored = Stored::from(&credentials);
        let parts = known_since(&stored, None, now);
        let store = firm.store();
        let sealing = meta(firm, "keep_secrets", caller, now);
        seal_secrets(store, &*self.seal, &endpoint, &stored, parts, &sealing).await?;
        let opening = meta(firm, "connect_gateway", caller, now);
        change(store, &FirmChange::EndpointOpened(endpoint.clone()), &opening).await?;
        Ok(endpoint)
    }

    /// Replaces the parts that are given; `keeps_old`: what webhooks are checked with now stays beside the new.
    /// What is given as nothing is taken away.
    ///
    /// # Errors
    /// [`GatewaysError`]; nothing was changed then.
    pub async fn replace(
        &self,
        firm: &Firm,
        id: &str,
        (given, keeps_old): (&Map<String, Value>, bool),
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<(), GatewaysError> {
        self.rewrite(firm, id, "replace_secrets", caller, now, |stored| {
            for (field, value) in given {
                let known = stored.get(field).and_then(Value::as_array);
                let newest = known.and_then(|known| known.last()).filter(|_| keeps_old);
                let is_checked_with = CHECKED_WITH.contains(&field.as_str());
                match (value, newest.filter(|_| is_checked_with).cloned()) {
                    (Value::Null, _) => {
                        stored.remove(field);
                    }
                    (Value::Array(new), Some(old)) => {
                        let mut both = vec![old];
                        both.extend(new.iter().cloned());
                        both.dedup();
                        stored.insert(field.clone(), Value::Array(both));
                    }
                    _ => {
                        stored.insert(field.clone(), value.clone());
                    }
                }
            }
            Ok(())
        })
        .await
    }

    /// Drops what webhooks were checked with before: the newest stays.
    ///
    /// # Errors
    /// [`GatewaysError`]; nothing was changed then.
    pub async fn drop_old(
        &self,
        firm: &Firm,
        id: &str,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<(), GatewaysError> {
        self.rewrite(firm, id, "drop_old_secrets", caller, now, |stored| {
            let mut has_old = false;
            for field in CHECKED_WITH {
                let Some(known) = stored.get_mut(field).and_then(Value::as_array_mut) else {
                    continue;
                };
                has_old |= 1 < known.len();
                known.drain(..known.len().saturating_sub(1));
            }
            has_old.then_some(()).ok_or(GatewaysError::NothingOld)
        })
        .await
    }

    async fn rewrite(
        &self,
        firm: &Firm,
        id: &str,
        command: &str,
        caller: &Caller,
        now: DateTime<Utc>,
        with: impl FnOnce(&mut Map<String, Value>) -> Result<(), GatewaysError>,
    ) -> Result<(), GatewaysError> {
        let endpoint = one(firm, id).await?.endpoint;
        let (name, mode) = name_and_mode(&endpoint)?;
        // A table that was restored has no secrets: they are put in again, at the same address.
        let before = match read_secrets(firm.store(), &*self.seal, &endpoint).await {
            Err(EndpointError::NoSecrets(_)) => None,
            read => Some(read?),
        };
        let fields = before.as_ref().map(|(stored, _)| serde_json::to_value(stored)).transpose();
        let mut fields = match fields.map_err(EndpointError::from)? {
            Some(Value::Object(fields)) => fields,
            _ => Map::new(),
        };
        // What this gateway hasn't is an empty list there.
        fields.retain(|_, value| value.as_array().is_none_or(|items| !items.is_empty()));
        with(&mut fields)?;
        let credentials = Credentials::read(name, mode, &Value::Object(fields).to_string())?;
        self.access.connect_with(&endpoint, &credentials)?;
        let after = Stored::from(&credentials);
        let parts =
            known_since(&after, before.as_ref().map(|(stored, parts)| (stored, parts)), now);
        let meta = meta(firm, command, caller, now);
        Ok(seal_secrets(firm.store(), &*self.seal, &endpoint, &after, parts, &meta).await?)
    }

    /// Asks the gateway for a payment that there isn't: whoever may be told so has a key that works.
    ///
    /// # Errors
    /// [`GatewaysError`]; what the gateway says is no error.
    pub async fn test(&self, firm: &Firm, id: &str) -> Result<KeyTest, GatewaysError> {
        let endpoint = one(firm, id).await?.endpoint;
        let (stored, _) = read_secrets(firm.store(), &*self.seal, &endpoint).await?;
        let gateway = self.access.connect_with(&endpoint, &stored.into())?;
        let none: ObjectId =
            NO_PAYMENT.parse().map_err(|_| ConfigError::Unknown(endpoint.gateway.to_string()))?;
        Ok(match gateway.read_back(&Hint::Payment(none)).await {
            // It read the question, and found nothing, or nothing that could be of that name.
            Ok(_) | Err(GatewayError::NotFound { .. }) => KeyTest::Works,
            Err(GatewayError::Rejected { status: 400 | 404 | 422, .. }) => KeyTest::Works,
            Err(GatewayError::Refused { code, .. }) => KeyTest::Refused { code },
            Err(error @ GatewayError::Down { .. }) => {
                tracing::warn!("Could not test a key: {}", chain(&error));
                KeyTest::NoAnswer
            }
            Err(error) => KeyTest::Odd { what: error.to_string() },
        })
    }

    /// Clients pay here from now on.
    ///
    /// # Errors
    /// [`GatewaysError`]; nothing was changed then.
    pub async fn prefer(
        &self,
        firm: &Firm,
        id: &str,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<(), GatewaysError> {
        let endpoint = one(firm, id).await?.endpoint;
        if endpoint.closed_at.is_some() {
            return Err(GatewaysError::Closed);
        }
        if endpoint.is_live == firm.settings().is_test {
            let expected = if firm.settings().is_test { "test" } else { "real" };
            let found = Mode::from_livemode(endpoint.is_live);
            return Err(GatewaysError::OtherMode { expected, found });
        }
        let with = |settings: &mut store::FirmSettings| {
            settings.pays_at = Some(endpoint.id.clone());
        };
        super::settings::change(firm, with, caller, now).await?;
        Ok(())
    }

    /// Nothing new is begun there from now on; news of what was go on being taken. Closed once more is nothing.
    ///
    /// # Errors
    /// [`GatewaysError`]; nothing was changed then.
    pub async fn close(
        &self,
        firm: &Firm,
        id: &str,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<(), GatewaysError> {
        let meta = meta(firm, "close_gateway", caller, now);
        commit(firm, id, &meta, |mut endpoint, _| {
            if endpoint.closed_at.is_some() {
                return Ok(None);
            }
            endpoint.closed_at = Some(now);
            Ok(Some(FirmChange::EndpointChanged(endpoint)))
        })
        .await
    }

    /// Removes a gateway and its secrets: one that was closed so long ago that nothing comes any more, or where
    /// nothing ever came.
    ///
    /// # Errors
    /// [`GatewaysError`]; nothing was changed then.
    pub async fn remove(
        &self,
        firm: &Firm,
        id: &str,
        caller: &Caller,
        now: DateTime<Utc>,
    ) -> Result<(), GatewaysError> {
        let meta = meta(firm, "remove_gateway", caller, now);
        commit(firm, id, &meta, |endpoint, news| {
            let closed_at = endpoint.closed_at.ok_or(GatewaysError::Open)?;
            let until = closed_at + NEWS_FOR;
            if news.came.is_some() && now < until {
                return Err(GatewaysError::NewsMayCome(until));
            }
            Ok(Some(FirmChange::EndpointClosed { id: endpoint.id }))
        })
        .await
    }
}

/// Changes an endpoint as it is in the commit.
async fn commit(
    firm: &Firm,
    id: &str,
    meta: &CommitMeta,
    with: impl Fn(Endpoint, EndpointNews) -> Result<Option<FirmChange>, GatewaysError>,
) -> Result<(), GatewaysError> {
    for _ in 0..MAX_TRIES {
        let store = firm.store();
        let Some(loaded) = store.load_firm().await? else { break };
        let known = one(firm, id).await?;
        let Some(change) = with(known.endpoint, known.news)? else { return Ok(()) };
        if store.change_firm(&loaded, &change, meta).await? == FirmCommit::Done {
            return Ok(());
        }
    }
    Err(GatewaysError::Busy)
}

/// Of which gateway and mode an endpoint is.
fn name_and_mode(endpoint: &Endpoint) -> Result<(GatewayName, Mode), ConfigError> {
    let name = endpoint.gateway.as_str().parse::<GatewayName>();
    let name = name.map_err(|_| ConfigError::Unknown(endpoint.gateway.to_string()))?;
    Ok((name, Mode::from_livemode(endpoint.is_live)))
}

/// Since when each part is as it is: what stayed has its day from before.
fn known_since(after: &Stored, before: Option<(&Stored, &Parts)>, now: DateTime<Utc>) -> Parts {
    let of_before = |field: &str, text: &str| {
        let (before, parts) = before?;
        let texts = before.texts();
        let (_, texts) = texts.iter().find(|(known, _)| *known == field)?;
        let place = texts.iter().position(|known| *known == text)?;
        parts.get(field)?.get(place).copied()
    };
    let since = |(field, texts): (&'static str, Vec<&str>)| {
        let since = texts.iter().map(|text| of_before(field, text).unwrap_or(now));
        (field.to_owned(), since.collect())
    };
    after.texts().into_iter().map(since).collect()
}
