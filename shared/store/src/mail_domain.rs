//! The domain that a firm sends its letters from (LET-2), with the records that its owner puts into the DNS.
//!
//! Its name and whether it is verified stand in the firm's settings, where each letter looks; everything else
//! is an item of its own. A domain belongs to one firm of the deployment: an item without a firm says whose it
//! is, put only if absent in the transaction that takes the domain (SEC-1).

use chrono::{DateTime, Utc};
use domain::id::{FirmId, StaffId};
use domain::policy::life::State;
use domain::text::Personal;
use serde::{Deserialize, Serialize};

use crate::dynamo::{Condition, Write};
use crate::error::StoreError;
use crate::firm::{FirmChange, FirmSettings, PolicyDocument};
use crate::item::{attributes, corrupt, get_text, new_item, read, text};
use crate::keys::{Key, PlatformKey, prefix};
use crate::{Platform, Store};

/// The domain that letters come from, as far as each letter has to know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SendingDomain {
    /// Its name.
    pub name: String,
    /// Whether the mail service has verified it: until then letters wait.
    pub is_verified: bool,
}

/// A firm's domain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailDomain {
    /// Its name.
    pub name: String,
    /// Whether the mail service has verified it.
    pub is_verified: bool,
    /// When the mail service was last asked; never, if it didn't answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub looked_at: Option<DateTime<Utc>>,
    /// What is to stand in the DNS.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub records: Vec<DnsRecord>,
}

impl MailDomain {
    /// One that was just taken, and of which nothing is known.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), is_verified: false, looked_at: None, records: Vec::new() }
    }

    /// As the settings have it.
    pub fn sending(&self) -> SendingDomain {
        SendingDomain { name: self.name.clone(), is_verified: self.is_verified }
    }
}

/// A record of the DNS.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// What it is for: `dkim`, `mail_from` or `dmarc`.
    pub purpose: String,
    /// Of which type: `CNAME`, `MX` or `TXT`.
    pub kind: String,
    /// Its name, in full.
    pub name: String,
    /// What it says.
    pub value: String,
    /// Whether it is there: `found`, `waiting`, `given_up` or `not_looked_at`.
    pub state: String,
}

/// That mails to a person at the firm come back: none is sent to that address any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MailsReturned {
    /// Whose.
    pub staff: StaffId,
    /// From which address.
    pub address: Personal,
    /// Since when.
    pub at: DateTime<Utc>,
    /// Whether the person complained; else it is the address that takes none.
    pub is_complaint: bool,
}

impl FirmSettings {
    /// Sends from that address, of a domain that is verified: for whoever opens a firm with one.
    #[must_use]
    pub fn sending_from(mut self, address: &str) -> Self {
        let name = address.rsplit('@').next().unwrap_or_default().to_lowercase();
        self.mail_domain = Some(SendingDomain { name, is_verified: true });
        self.mail_from = Some(address.to_owned());
        self
    }
}

/// The settings after a change, where it is one of them.
pub(crate) fn settings_after(
    before: Option<&FirmSettings>,
    change: &FirmChange,
) -> Option<FirmSettings> {
    let with = |mail_domain| before.map(|known| FirmSettings { mail_domain, ..known.clone() });
    match change {
        FirmChange::Opened(settings) | FirmChange::Settings(settings) => Some(settings.clone()),
        FirmChange::MailDomainSet(domain) => with(Some(domain.sending())),
        FirmChange::MailDomainGivenUp { .. } => with(None),
        FirmChange::Stopped(stop) => {
            before.map(|before| FirmSettings { stop: Some(stop.clone()), ..before.clone() })
        }
        FirmChange::WentOn => before.map(|before| FirmSettings { stop: None, ..before.clone() }),
        FirmChange::TemplateSaved(saved) => before.map(|before| {
            let mut after = before.clone();
            saved.put_into(&mut after.templates);
            after
        }),
        FirmChange::PoliciesReviewed(reviewed) => {
            before.map(|known| FirmSettings { reviewed: Some(reviewed.clone()), ..known.clone() })
        }
        FirmChange::PolicyArmed(policy)
        | FirmChange::PolicySaved(policy)
        | FirmChange::PolicyWithdrawn(policy) => before.and_then(|known| shadows(known, policy)),
        FirmChange::GrantGiven(_)
        | FirmChange::GrantTaken { .. }
        | FirmChange::EndpointOpened(_)
        | FirmChange::EndpointChanged(_)
        | FirmChange::EndpointClosed { .. }
        | FirmChange::MailsChosen(_)
        | FirmChange::MailsReturned(_)
        | FirmChange::RunDecided(_)
        | FirmChange::SecretKept(_) => None,
    }
}

/// The settings with that version as its class's shadow, or no longer as it; `None`: they stay as they are.
fn shadows(known: &FirmSettings, policy: &PolicyDocument) -> Option<FirmSettings> {
    let mut settings = known.clone();
    let of_class = settings.shadows.get(&policy.class).copied();
    match policy.state {
        State::Shadow => {
            settings.shadows.insert(policy.class.clone(), policy.version);
        }
        State::Draft | State::Armed | State::Withdrawn if of_class == Some(policy.version) => {
            settings.shadows.remove(&policy.class);
        }
        State::Draft | State::Armed | State::Withdrawn => return None,
    }
    Some(settings)
}

/// What a change of a firm's domain writes beside the settings. A test firm keeps no domain from anybody: its
/// mail leaves from nowhere (TEST-1).
pub(crate) fn domain_writes(
    firm: &FirmId,
    before: Option<&FirmSettings>,
    domain: &MailDomain,
    version: u64,
) -> Result<Vec<Write>, StoreError> {
    let place = Key::MailDomain.place(firm);
    let mut item = new_item(&place, version);
    item.extend(attributes(domain)?);
    let mut writes = vec![Write::Put(item, Condition::Always)];
    let known = before.and_then(|known| known.mail_domain.as_ref()).map(|known| &*known.name);
    let is_test = before.is_some_and(|known| known.is_test);
    if known != Some(&*domain.name) && !is_test {
        let place = PlatformKey::MailDomain(&domain.name).place();
        let mut whose = new_item(&place, version);
        whose.insert(crate::head::FIRM.to_owned(), text(firm.as_str()));
        writes.push(Write::Put(whose, Condition::Absent));
        writes.extend(known.map(gone));
    }
    Ok(writes)
}

/// What giving a domain up writes beside the settings.
pub(crate) fn no_domain_writes(
    firm: &FirmId,
    before: Option<&FirmSettings>,
    name: &str,
) -> Vec<Write> {
    let mut writes = vec![Write::Delete(Key::MailDomain.place(firm), Condition::Always)];
    writes.extend(before.filter(|known| !known.is_test).map(|_| gone(name)));
    writes
}

fn gone(name: &str) -> Write {
    Write::Delete(PlatformKey::MailDomain(name).place(), Condition::Always)
}

impl Store {
    /// The firm's domain, if it has one.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn mail_domain(&self) -> Result<Option<MailDomain>, StoreError> {
        let item = self.dynamo.get(&Key::MailDomain.place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// Everybody to whom mails came back.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn all_mails_returned(&self) -> Result<Vec<MailsReturned>, StoreError> {
        let pk = Key::Settings.pk(&self.firm);
        let items = self.whole(&pk, prefix::MAILS_RETURNED).await?;
        items.iter().map(read).collect()
    }

    /// Whether mails to a person at the firm come back.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn mails_returned(
        &self,
        staff: &StaffId,
    ) -> Result<Option<MailsReturned>, StoreError> {
        let item = self.dynamo.get(&Key::MailsReturned(staff).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }
}

impl Platform {
    /// Whose domain that is.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn firm_of_mail_domain(&self, name: &str) -> Result<Option<FirmId>, StoreError> {
        let item = self.dynamo().get(&PlatformKey::MailDomain(name).place()).await?;
        let Some(item) = item else { return Ok(None) };
        let firm = get_text(&item, crate::head::FIRM).unwrap_or_default().parse();
        firm.map(Some).map_err(|error| corrupt(&item, error))
    }
}
