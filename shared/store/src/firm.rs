//! The firm: settings, policies, grants and webhook endpoints, an aggregate with a chain of its own.
//!
//! Whatever changes it is a [`FirmChange`], which is also what the record says. The settings item is the
//! head: each change is conditional on its version, so two never arm the same version of a policy.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_dynamodb::types::AttributeValue;
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use domain::audit::{ChainHash, Verifier};
use domain::calendar::Day;
use domain::colour::Colour;
use domain::fee::Jurisdiction;
use domain::id::{ClassId, ClientId, FirmId, GatewayId, StaffId};
use domain::letter::Language;
use domain::money::Currency;
use domain::numbering::Series;
use domain::policy::StepKey;
use domain::policy::life::State;
use domain::role::Role;
use domain::text::Personal;
use serde::{Deserialize, Serialize};

use crate::Store;
use crate::change::instant;
use crate::commit::commit_id;
use crate::cursor::{Listed, PageRequest};
use crate::dynamo::{Condition, Range, Transacted, Write};
use crate::error::StoreError;
use crate::head::{Books, COMMIT, put_books};
use crate::item::{Item, attributes, corrupt, get_text, new_item, read, replace, text};
use crate::keys::{Index, Key, PLATFORM_SHARDS, PlatformKey, VERSION, dawn_pk, prefix, shard};
use crate::list::Order;
use crate::mail_domain::{
    MailDomain, MailsReturned, SendingDomain, domain_writes, no_domain_writes, settings_after,
};
use crate::record::{CommitMeta, Record, Wording, record_items};
use crate::replay::is_all_in_its_record;
use crate::run::{DayRun, run_write};
use crate::template::{KnownTemplate, LetterTemplate};
use crate::told::MailChoice;
use crate::verify::{Verdict, walk};

/// How many shards a new firm has: each takes some thousand clients a minute.
pub const DEFAULT_SHARDS: u32 = 4;

/// The sealed bytes of a secret.
const SEALED: &str = "sealed";

/// The evaluation that last began.
const EVALUATED_ON: &str = "evaluated_on";

/// What a firm set once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirmSettings {
    /// As it stands on letters.
    pub name: String,
    /// Where its days begin.
    #[serde(with = "zone")]
    pub zone: Tz,
    /// What it bills in unless a client says otherwise.
    pub currency: Currency,
    /// Into how many shards its clients are divided; only ever raised.
    pub shards: u32,
    /// Whether it is a test firm, with a clock of its own (TEST-1).
    #[serde(default)]
    pub is_test: bool,
    /// What that clock says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_clock: Option<DateTime<Utc>>,
    /// Where its letters come from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_from: Option<String>,
    /// The domain that they come from, if one was set up (LET-2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail_domain: Option<SendingDomain>,
    /// Where answers to them go.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Its postal address, as it stands on letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_address: Option<String>,
    /// How many days old its ledger may be, where that comes from elsewhere; `None`: it is kept here (FRESH-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ledger_fresh_days: Option<u32>,
    /// Its series of invoice numbers without a gap; who names none draws from the last (INV-7).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub numbering: Vec<Series>,
    /// Where it is called, as it stands on letters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// In which language it writes to clients that say none.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub language: Language,
    /// Which letters it has words of its own for: whoever sends one reads no more than that of most (LET-3).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<KnownTemplate>,
    /// How many years it keeps a closed client's personal data; `None`: as long as firms usually do (CLOSE-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retention_years: Option<u32>,
    /// Whose law its late fees are held against (POL-5), where that is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Jurisdiction>,
    /// The colour of its pages' and letters' buttons and links, where it isn't ours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub colour: Option<Colour>,
    /// Its picture on pages and letters (LET-2).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub logo: Option<Logo>,
    /// The version that runs as a shadow, of the classes that have one (POL-7).
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shadows: BTreeMap<ClassId, u32>,
    /// The last time that all policies were looked at (POL-5).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewed: Option<Reviewed>,
    /// Whether demand letters go out with their paper, as a PDF (LET-7).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub attach_pdf: bool,
    /// That no lock is set and no letter leaves, until somebody lifts it (LOCK-10).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<Stop>,
    /// At which endpoint clients pay, where there are several; else at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pays_at: Option<String>,
}

/// A person stopped locks and letters of the whole firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stop {
    /// Who.
    pub by: StaffId,
    /// When, by the firm's clock.
    pub at: DateTime<Utc>,
    /// Why.
    pub reason: Personal,
}

/// A partner has looked at what the firm's policies come to (POL-5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reviewed {
    /// The last day of the quarter that it was for.
    pub quarter: Day,
    /// Who.
    pub by: StaffId,
    /// When, by the firm's clock.
    pub at: DateTime<Utc>,
}

/// Which picture a firm has. Its bytes lie beside the settings, under their hash, and stay there: letters that
/// were sent go on showing the one of their day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Logo {
    /// The hash of the bytes, in hexadecimal digits.
    pub sha256: String,
    /// Its width, in pixels.
    pub width: u32,
    /// Its height, in pixels.
    pub height: u32,
}

impl FirmSettings {
    /// A firm of that name and zone, everything else as it usually is.
    pub fn new(name: impl Into<String>, zone: Tz) -> Self {
        Self {
            name: name.into(),
            zone,
            currency: Currency::USD,
            shards: DEFAULT_SHARDS,
            is_test: false,
            test_clock: None,
            mail_from: None,
            mail_domain: None,
            reply_to: None,
            postal_address: None,
            phone: None,
            language: Language::En,
            templates: Vec::new(),
            ledger_fresh_days: None,
            numbering: Vec::new(),
            retention_years: None,
            jurisdiction: None,
            colour: None,
            logo: None,
            shadows: BTreeMap::new(),
            reviewed: None,
            attach_pdf: false,
            stop: None,
            pays_at: None,
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn is_usual(language: &Language) -> bool {
    *language == Language::En
}

mod zone {
    use chrono_tz::Tz;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(zone: &Tz, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(zone.name())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Tz, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// One version of a class's policy (POL-1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PolicyDocument {
    /// Whose policy.
    pub class: ClassId,
    /// Counted from 1.
    pub version: u32,
    /// What it says, every default filled in.
    pub document: String,
    /// From when it is in force; of a draft or a shadow, since when it is one.
    pub effective_on: Day,
    /// What it is (POL-7).
    #[serde(default, skip_serializing_if = "State::is_armed")]
    pub state: State,
    /// Who wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<StaffId>,
    /// The steps that came with a later version than the first, and since when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub new_steps: BTreeMap<StepKey, Day>,
    /// Since when its late fees are charged on their days, where that is later than the first version (LF-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub late_fee_since: Option<Day>,
}

impl PolicyDocument {
    /// Whether its day has come: the newest such version of a class is in force.
    pub fn has_begun(&self, day: Day) -> bool {
        self.state.is_armed() && self.effective_on <= day
    }
}

/// What a person may do in the firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Grant {
    /// The issuer's name for the person; refuses `#` where it is parsed.
    pub subject: String,
    /// Who that is in the audit.
    pub staff: StaffId,
    /// The person's name.
    pub name: Personal,
    /// As what.
    pub roles: BTreeSet<Role>,
    /// Where the person is told of what waits (STAFF-1).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<Personal>,
}

/// Where a gateway posts its webhooks for this firm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Endpoint {
    /// In the URL: 128 random bits, so that nobody finds it.
    pub id: String,
    /// Which gateway.
    pub gateway: GatewayId,
    /// Whether its money is real.
    pub is_live: bool,
    /// Where its secrets are.
    pub secrets: String,
    /// When it was opened, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opened_at: Option<DateTime<Utc>>,
    /// Since when nothing new is begun there. What was begun goes on being told of, and is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<DateTime<Utc>>,
}

/// What is secret of a gateway: its key, what it signs with. Sealed before it comes here, so that whoever
/// reads the table reads nothing (SEC-5).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SealedSecret {
    /// Its name, by which an endpoint has it.
    pub name: String,
    /// Which parts it has, and since when: of a list each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub parts: BTreeMap<String, Vec<DateTime<Utc>>>,
    /// The sealed bytes: in their item alone, for a record of the audit is never deleted.
    #[serde(skip)]
    pub sealed: Vec<u8>,
}

/// A change of the firm, and what its record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FirmChange {
    /// The firm became one.
    Opened(FirmSettings),
    /// Its settings changed.
    Settings(FirmSettings),
    /// A policy was armed.
    PolicyArmed(PolicyDocument),
    /// A policy was saved as a draft, or began to run beside the one in force (POL-7).
    PolicySaved(PolicyDocument),
    /// A version was taken back before it was in force.
    PolicyWithdrawn(PolicyDocument),
    /// A partner has looked at all policies, as every quarter asks for (POL-5).
    PoliciesReviewed(Reviewed),
    /// A person may do something, or something else.
    GrantGiven(Grant),
    /// A person may no longer.
    GrantTaken {
        /// Which.
        subject: String,
    },
    /// A gateway may post.
    EndpointOpened(Endpoint),
    /// It became another one: nothing new is begun there.
    EndpointChanged(Endpoint),
    /// It no longer may.
    EndpointClosed {
        /// Which.
        id: String,
    },
    /// A person chose which mails to get.
    MailsChosen(MailChoice),
    /// A gateway's secrets were set, or replaced.
    SecretKept(SealedSecret),
    /// Locks and letters were stopped (LOCK-10).
    Stopped(Stop),
    /// They go on.
    WentOn,
    /// A person decided about a day's run (LOCK-10).
    RunDecided(Box<DayRun>),
    /// A domain was taken, or looked at (LET-2).
    MailDomainSet(MailDomain),
    /// It is the firm's no more.
    MailDomainGivenUp {
        /// Which.
        name: String,
    },
    /// Mails to a person come back (STAFF-1).
    MailsReturned(MailsReturned),
    /// It has words of its own for a letter, or no longer has (LET-3).
    TemplateSaved(Box<LetterTemplate>),
}

/// The firm as it was read.
#[derive(Debug, Clone)]
pub struct LoadedFirm {
    /// Its settings.
    pub settings: FirmSettings,
    pub(crate) books: Books,
    item: Item,
}

impl LoadedFirm {
    /// The version that these settings are.
    pub fn version(&self) -> u64 {
        self.books.version
    }
}

/// How a change of the firm ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirmCommit {
    /// It is written.
    Done,
    /// The firm changed since it was read, or what is to be new is there: look again.
    Stale,
}

impl Store {
    /// The firm; `None`: there is none.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn load_firm(&self) -> Result<Option<LoadedFirm>, StoreError> {
        let Some(item) = self.dynamo.get(&Key::Settings.place(&self.firm)).await? else {
            return Ok(None);
        };
        let settings = read(&item)?;
        Ok(Some(LoadedFirm { settings, books: Books::read(&item)?, item }))
    }

    /// Makes the firm. [`FirmCommit::Stale`]: there is one of that name.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn open_firm(
        &self,
        settings: &FirmSettings,
        meta: &CommitMeta,
    ) -> Result<FirmCommit, StoreError> {
        self.commit_firm(None, &FirmChange::Opened(settings.clone()), Wording::new(meta)).await
    }

    /// Changes the firm.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn change_firm(
        &self,
        loaded: &LoadedFirm,
        change: &FirmChange,
        meta: &CommitMeta,
    ) -> Result<FirmCommit, StoreError> {
        self.commit_firm(Some(loaded), change, Wording::new(meta)).await
    }

    /// Where it is put back: as what it was written, but for what follows from it beside the settings (see
    /// [`crate::replay`]).
    pub(crate) async fn commit_firm(
        &self,
        loaded: Option<&LoadedFirm>,
        change: &FirmChange,
        wording: Wording<'_>,
    ) -> Result<FirmCommit, StoreError> {
        let old = loaded.map_or_else(|| self.firm_genesis(), |loaded| Ok(loaded.books.clone()))?;
        let version = wording.version_after(old.version);
        let (sequence, id) = (old.records + 1, commit_id()?);
        let record = wording.record(std::slice::from_ref(change), version)?;
        let hash = old.chain.next(sequence, record.body.as_bytes());
        let books = Books {
            version,
            records: sequence,
            chain: hash,
            commit: id.clone(),
            next_evaluation: None,
        };
        let place = Key::Settings.place(&self.firm);
        let mut head =
            loaded.map_or_else(|| new_item(&place, version), |loaded| loaded.item.clone());
        let before = loaded.map(|loaded| &loaded.settings);
        if let Some(settings) = settings_after(before, change) {
            let known = before.map(attributes).transpose()?;
            replace(&mut head, &known.unwrap_or_default(), attributes(&settings)?);
        }
        put_books(&mut head, &books);
        let condition = match loaded {
            None => Condition::Absent,
            Some(_) => Condition::Equals(VERSION, AttributeValue::N(old.version.to_string())),
        };
        let mut writes = vec![Write::Put(head, condition)];
        let places = (
            |part| match part {
                0 => Key::FirmRecord(sequence).place(&self.firm),
                part => Key::FirmRecordPart(sequence, part).place(&self.firm),
            },
            |part| Key::FirmTexts(sequence, part).place(&self.firm),
        );
        let items = record_items(places.0, places.1, &record, (old.chain, hash), (version, &id))?;
        writes.extend(items.into_iter().map(|item| Write::Put(item, Condition::Absent)));
        if wording.kept.is_none() || is_all_in_its_record(change) {
            writes.extend(self.items_of(before, change, version)?);
        }
        let ended = match self.dynamo.transact(&writes, &id).await {
            Err(StoreError::Unclear(error)) => {
                // The same token: sent again, it does nothing twice.
                let again = self.dynamo.transact(&writes, &id).await;
                let is_mine = self.is_firm_commit(sequence, &id).await?;
                if is_mine {
                    Ok(Transacted::Done)
                } else {
                    again.map_err(|_| StoreError::Unclear(error))
                }
            }
            ended => ended,
        };
        match ended? {
            Transacted::Done => Ok(FirmCommit::Done),
            Transacted::Refused(_) | Transacted::Conflict => Ok(FirmCommit::Stale),
        }
    }

    async fn is_firm_commit(&self, sequence: u64, id: &str) -> Result<bool, StoreError> {
        let record = self.dynamo.get(&Key::FirmRecord(sequence).place(&self.firm)).await?;
        Ok(record.is_some_and(|record| get_text(&record, COMMIT) == Some(id)))
    }

    fn items_of(
        &self,
        before: Option<&FirmSettings>,
        change: &FirmChange,
        version: u64,
    ) -> Result<Vec<Write>, StoreError> {
        let firm = &self.firm;
        let put = |place, value: Item, condition| {
            let mut item = new_item(&place, version);
            item.extend(value);
            Write::Put(item, condition)
        };
        Ok(match change {
            FirmChange::Opened(settings) => vec![self.dawn_item(settings, None, None)],
            FirmChange::Settings(_) | FirmChange::Stopped(_) | FirmChange::WentOn => Vec::new(),
            // At once: whoever finds it goes on with it.
            FirmChange::RunDecided(run) => vec![run_write(firm, run, DateTime::UNIX_EPOCH)?],
            FirmChange::PolicyArmed(policy)
            | FirmChange::PolicySaved(policy)
            | FirmChange::PolicyWithdrawn(policy) => {
                // Whoever reads the firm's version and writes against it is alone: a version is written once with
                // its text, and again with another state.
                let place = Key::PolicyVersion(&policy.class, policy.version).place(firm);
                let mut writes = vec![put(place, attributes(policy)?, Condition::Always)];
                writes.extend(crate::rollout::writes(firm, policy)?);
                writes
            }
            FirmChange::PoliciesReviewed(_) => Vec::new(),
            FirmChange::GrantGiven(grant) => {
                let of_person = PlatformKey::FirmOf(&grant.subject, firm).place();
                vec![
                    put(
                        Key::Grant(&grant.subject).place(firm),
                        attributes(grant)?,
                        Condition::Always,
                    ),
                    put(of_person, Item::new(), Condition::Always),
                ]
            }
            FirmChange::GrantTaken { subject } => vec![
                Write::Delete(Key::Grant(subject).place(firm), Condition::Always),
                Write::Delete(PlatformKey::FirmOf(subject, firm).place(), Condition::Always),
            ],
            FirmChange::EndpointOpened(endpoint) => {
                let mut whose = attributes(endpoint)?;
                whose.insert(crate::head::FIRM.to_owned(), text(firm.as_str()));
                vec![
                    put(
                        Key::Endpoint(&endpoint.id).place(firm),
                        attributes(endpoint)?,
                        Condition::Absent,
                    ),
                    put(PlatformKey::Endpoint(&endpoint.id).place(), whose, Condition::Absent),
                    crate::reconcile::first_turn(firm, &endpoint.id)?,
                ]
            }
            FirmChange::EndpointChanged(endpoint) => {
                let mut whose = attributes(endpoint)?;
                whose.insert(crate::head::FIRM.to_owned(), text(firm.as_str()));
                let place = Key::Endpoint(&endpoint.id).place(firm);
                vec![
                    put(place, attributes(endpoint)?, Condition::Always),
                    put(PlatformKey::Endpoint(&endpoint.id).place(), whose, Condition::Always),
                ]
            }
            // Its secrets are kept under its own id, and go with it.
            FirmChange::EndpointClosed { id } => vec![
                Write::Delete(Key::Secret(id).place(firm), Condition::Always),
                Write::Delete(Key::EndpointNews(id).place(firm), Condition::Always),
                Write::Delete(Key::Endpoint(id).place(firm), Condition::Always),
                Write::Delete(PlatformKey::Endpoint(id).place(), Condition::Always),
            ],
            FirmChange::MailsChosen(choice) => {
                // Whoever chooses is reached again: a choice says that the address is right.
                let returned = Key::MailsReturned(&choice.staff).place(firm);
                let place = Key::MailChoice(&choice.staff).place(firm);
                vec![
                    put(place, attributes(choice)?, Condition::Always),
                    Write::Delete(returned, Condition::Always),
                ]
            }
            FirmChange::MailsReturned(returned) => {
                let place = Key::MailsReturned(&returned.staff).place(firm);
                vec![put(place, attributes(returned)?, Condition::Always)]
            }
            FirmChange::TemplateSaved(saved) => {
                let place = Key::Template(&saved.of).place(firm);
                vec![put(place, attributes(saved)?, Condition::Always)]
            }
            FirmChange::MailDomainSet(domain) => domain_writes(firm, before, domain, version)?,
            FirmChange::MailDomainGivenUp { name } => no_domain_writes(firm, before, name),
            FirmChange::SecretKept(secret) => {
                let mut value = attributes(secret)?;
                let sealed = AttributeValue::B(secret.sealed.clone().into());
                value.insert(SEALED.to_owned(), sealed);
                vec![put(Key::Secret(&secret.name).place(firm), value, Condition::Always)]
            }
        })
    }

    /// Where the firm's chain begins.
    pub(crate) fn firm_genesis(&self) -> Result<Books, StoreError> {
        let (chain, _) = firm_chain(&self.firm)?;
        Ok(Books { version: 0, records: 0, chain, commit: String::new(), next_evaluation: None })
    }

    /// All versions of a class's policy, newest first.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn policies(&self, class: &ClassId) -> Result<Vec<PolicyDocument>, StoreError> {
        let prefix = crate::keys::policies_of(class);
        let range = Range { is_backwards: true, ..self.firm_range(&prefix) };
        let (items, _) = self.dynamo.query(range).await?;
        items.iter().map(read).collect()
    }

    /// All policies of the firm, class by class, oldest version first.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn all_policies(&self) -> Result<Vec<PolicyDocument>, StoreError> {
        let (items, _) = self.dynamo.query(self.firm_range(prefix::POLICY_VERSION)).await?;
        items.iter().map(read).collect()
    }

    /// A person's grant, strongly consistent: one taken away a moment ago isn't found (SEC-2).
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn grant(&self, subject: &str) -> Result<Option<Grant>, StoreError> {
        let item = self.dynamo.get(&Key::Grant(subject).place(&self.firm)).await?;
        item.as_ref().map(read).transpose()
    }

    /// All grants.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        let (items, _) = self.dynamo.query(self.firm_range(prefix::GRANT)).await?;
        items.iter().map(read).collect()
    }

    /// All webhook endpoints.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn endpoints(&self) -> Result<Vec<Endpoint>, StoreError> {
        let (items, _) = self.dynamo.query(self.firm_range(prefix::ENDPOINT)).await?;
        items.iter().map(read).collect()
    }

    /// A gateway's secrets, strongly consistent: replaced ones are gone at once.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn secret(&self, name: &str) -> Result<Option<SealedSecret>, StoreError> {
        let Some(item) = self.dynamo.get(&Key::Secret(name).place(&self.firm)).await? else {
            return Ok(None);
        };
        let mut secret: SealedSecret = read(&item)?;
        let sealed = item.get(SEALED).and_then(|value| value.as_b().ok());
        secret.sealed =
            sealed.ok_or_else(|| corrupt(&item, "it has nothing sealed"))?.clone().into_inner();
        Ok(Some(secret))
    }

    /// The firm's own audit trail, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Cursor`]; whatever reading has.
    pub async fn firm_records(&self, page: &PageRequest<'_>) -> Result<Listed<Record>, StoreError> {
        self.trail(&Key::Settings.pk(&self.firm), Order::Oldest, page).await
    }

    /// Verifies the firm's own chain.
    ///
    /// # Errors
    /// Whatever reading has; a broken chain is an answer.
    pub async fn verify_firm(&self) -> Result<Verdict, StoreError> {
        let Some(firm) = self.load_firm().await? else { return Ok(Verdict::Whole { records: 0 }) };
        let pk = Key::Settings.pk(&self.firm);
        let records = self.whole(&pk, prefix::RECORD).await?;
        let texts = self.whole(&pk, prefix::TEXTS).await?;
        let (_, verifier) = firm_chain(&self.firm)?;
        walk(verifier, records, &texts, (firm.books.records, firm.books.chain))
    }

    /// Says when the firm's next day begins, and which day's evaluation has begun.
    ///
    /// # Errors
    /// Whatever writing has.
    pub async fn set_dawn(
        &self,
        settings: &FirmSettings,
        evaluated_on: Day,
        next_at: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let write = self.dawn_item(settings, Some(evaluated_on), Some(next_at));
        self.dynamo.write(write).await.map(|_| ())
    }

    /// The last day whose evaluation has begun.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn evaluated_on(&self) -> Result<Option<Day>, StoreError> {
        let Some(item) = self.dynamo.get(&Key::Dawn.place(&self.firm)).await? else {
            return Ok(None);
        };
        let day = get_text(&item, EVALUATED_ON).map(str::parse).transpose();
        day.map_err(|error| corrupt(&item, error))
    }

    /// A test firm isn't in the index: its days come when its clock is moved.
    fn dawn_item(
        &self,
        settings: &FirmSettings,
        evaluated_on: Option<Day>,
        next_at: Option<DateTime<Utc>>,
    ) -> Write {
        let mut item = new_item(&Key::Dawn.place(&self.firm), 0);
        if let Some(day) = evaluated_on {
            item.insert(EVALUATED_ON.to_owned(), text(day.to_string()));
        }
        if !settings.is_test {
            let (pk, sk) = Index::Dawn.attributes();
            // A new firm's day begins at once.
            let next_at = next_at.unwrap_or(DateTime::UNIX_EPOCH);
            item.insert(pk.to_owned(), text(dawn_pk(shard(self.firm.as_str(), PLATFORM_SHARDS))));
            item.insert(sk.to_owned(), text(instant(next_at)));
        }
        Write::Put(item, Condition::Always)
    }

    fn firm_range(&self, prefix: &str) -> Range {
        let pk = Key::Settings.pk(&self.firm);
        Range { pk, prefix: Some(prefix.to_owned()), is_consistent: true, ..Range::default() }
    }
}

/// Where a firm's own chain begins: as the chain of a client called that would.
pub(crate) fn firm_chain(firm: &FirmId) -> Result<(ChainHash, Verifier), StoreError> {
    let client: ClientId = "~firm~".parse().map_err(|error| StoreError::Encode(Box::new(error)))?;
    Ok((ChainHash::genesis(firm, &client), Verifier::new(firm, &client)))
}
