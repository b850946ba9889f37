//! A firm at work: its part of the table, its settings, and its policies as they are in force.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use domain::calendar::{Day, day_at, plus, start_of};
use domain::document::DocumentError;
use domain::id::{ClassId, FirmId};
use domain::ledger::Ledger;
use domain::letter::{Letter, LetterState};
use domain::policy::life::State;
use domain::policy::lint::{Finding, lint_under};
use domain::policy::{Policy, PolicyRef, PolicyVersion, read::read_text};
use domain::run::Latitude;
use store::{Dynamo, FirmSettings, LoadedFirm, Logo, PolicyDocument, Store, StoreError};

use crate::import::run::{LAST_IMPORT, LastImport};

/// How long a class's policies are believed before they are read again: a policy that was just armed
/// is in force everywhere after that.
pub(crate) const POLICIES_KEPT: TimeDelta = TimeDelta::seconds(30);

/// Where pictures of firms are: the firm and the picture's hash follow.
pub const LOGO_PATH: &str = "/assets/logo-";

/// How long the sender of a claimed letter has to say what became of it (LET-4): more than any function
/// may run, so that nobody else is still at it.
pub const CLAIM_LEASE: TimeDelta = TimeDelta::minutes(30);

/// Why there is no policy to decide under.
#[derive(Debug, thiserror::Error)]
pub enum PolicyError {
    /// None was armed for the class, or none is in force yet.
    #[error("class {class} has no policy in force on {day}")]
    None {
        /// Which class.
        class: ClassId,
        /// On which day.
        day: Day,
    },
    /// A running episode names one that isn't there.
    #[error("version {} of the policy of class {} is missing", .0.version, .0.class)]
    Missing(PolicyRef),
    /// What was armed can't be read: a newer program armed it.
    #[error("version {} of the policy of class {} can't be read", id.version, id.class)]
    Unreadable {
        /// Which.
        id: PolicyRef,
        /// Why not.
        source: DocumentError,
    },
    /// The table.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A policy and when it begins.
#[derive(Debug, Clone)]
struct Armed {
    effective_on: Day,
    state: State,
    version: Arc<PolicyVersion>,
}

/// The versions of one class, oldest first, and when they were read.
type Known = (DateTime<Utc>, Arc<[Armed]>);

/// A firm: what every use case begins with.
#[derive(Debug)]
pub struct Firm {
    store: Store,
    loaded: LoadedFirm,
    last_import: Option<LastImport>,
    policies: Mutex<BTreeMap<ClassId, Known>>,
}

impl Firm {
    /// Reads the firm; `None`: there is none.
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn open(dynamo: Dynamo, firm: FirmId) -> Result<Option<Self>, StoreError> {
        let store = Store::new(dynamo, firm);
        let Some(loaded) = store.load_firm().await? else { return Ok(None) };
        let last_import = match loaded.settings.ledger_fresh_days {
            Some(_) => store.run(LAST_IMPORT).await?,
            None => None, // nothing depends on it
        };
        Ok(Some(Self { store, loaded, last_import, policies: Mutex::default() }))
    }

    /// Its part of the table.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Its id.
    pub fn id(&self) -> &FirmId {
        self.store.firm()
    }

    /// What it set.
    pub fn settings(&self) -> &FirmSettings {
        &self.loaded.settings
    }

    /// Where its picture is, if it has one: an address without a host, another one for each picture.
    pub fn logo_path(&self) -> Option<String> {
        logo_path(self.id(), self.settings().logo.as_ref())
    }

    /// As it was read: what a change of it is conditional on.
    pub fn loaded(&self) -> &LoadedFirm {
        &self.loaded
    }

    /// How fresh its ledger is, where that comes from elsewhere (FRESH-1).
    pub fn ledger(&self) -> Option<Ledger> {
        let fresh_days = self.settings().ledger_fresh_days?;
        Some(Ledger { updated_on: self.last_import.as_ref().map(|last| last.day), fresh_days })
    }

    /// What a policy comes to, under the law that the firm named (POL-5).
    pub fn lint(&self, policy: &Policy, day: Day) -> Vec<Finding> {
        lint_under(policy, self.settings().jurisdiction.as_ref(), day)
    }

    /// How far an evaluation may go by itself (LOCK-10).
    pub fn latitude(&self) -> Latitude {
        match self.settings().stop {
            Some(_) => Latitude::Stopped,
            None => Latitude::Full,
        }
    }

    /// What time it is at the firm: a test firm has a clock of its own (TEST-1).
    pub fn now(&self, now: DateTime<Utc>) -> DateTime<Utc> {
        let settings = self.settings();
        settings.test_clock.filter(|_| settings.is_test).unwrap_or(now)
    }

    /// Which day it is at the firm.
    pub fn day(&self, now: DateTime<Utc>) -> Day {
        day_at(self.now(now), self.settings().zone)
    }

    /// The policy of a class that is in force on that day.
    ///
    /// # Errors
    /// [`PolicyError::None`], if there is none; whatever reading has.
    pub async fn policy(
        &self,
        class: &ClassId,
        day: Day,
        now: DateTime<Utc>,
    ) -> Result<Arc<PolicyVersion>, PolicyError> {
        let armed = self.armed(class, now).await?;
        let mut newest_first = armed.iter().rev().filter(|known| known.state.is_armed());
        let in_force = newest_first.find(|armed| armed.effective_on <= day);
        let none = || PolicyError::None { class: class.clone(), day };
        in_force.map(|armed| armed.version.clone()).ok_or_else(none)
    }

    /// The version that runs beside the one in force, of a class that has one (POL-7).
    ///
    /// # Errors
    /// Whatever reading has.
    pub async fn shadow(
        &self,
        class: &ClassId,
        now: DateTime<Utc>,
    ) -> Result<Option<Arc<PolicyVersion>>, PolicyError> {
        let Some(&version) = self.settings().shadows.get(class) else { return Ok(None) };
        let known = self.armed(class, now).await?;
        let found = known
            .iter()
            .find(|known| known.version.id.version == version && known.state == State::Shadow);
        Ok(found.map(|known| known.version.clone()))
    }

    /// A policy by its version: that of a running episode.
    ///
    /// # Errors
    /// [`PolicyError::Missing`], if there is none; whatever reading has.
    pub async fn policy_version(
        &self,
        id: &PolicyRef,
        now: DateTime<Utc>,
    ) -> Result<Arc<PolicyVersion>, PolicyError> {
        let armed = self.armed(&id.class, now).await?;
        let found = armed.iter().find(|armed| armed.version.id == *id);
        found.map(|armed| armed.version.clone()).ok_or_else(|| PolicyError::Missing(id.clone()))
    }

    async fn armed(
        &self,
        class: &ClassId,
        now: DateTime<Utc>,
    ) -> Result<Arc<[Armed]>, PolicyError> {
        let known =
            self.policies.lock().unwrap_or_else(PoisonError::into_inner).get(class).cloned();
        if let Some((read_at, armed)) = known
            && now < read_at + POLICIES_KEPT
        {
            return Ok(armed);
        }
        let mut documents = self.store.policies(class).await?;
        documents.reverse();
        let armed = documents.iter().map(read).collect::<Result<Vec<_>, _>>()?;
        let armed: Arc<[Armed]> = since_when_charged(armed).into();
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        policies.insert(class.clone(), (now, armed.clone()));
        Ok(armed)
    }

    /// When a letter is to be looked at: a queued one on its day outside the quiet hours, a claimed one
    /// when its sender should have said what became of it; a withdrawn one never. A test firm's own clock
    /// says nothing about when somebody comes to look, so its letters are looked at at once, and then that
    /// clock is asked.
    pub fn ready_at(
        &self,
        letter: &Letter,
        policy: &Policy,
        now: DateTime<Utc>,
    ) -> Option<DateTime<Utc>> {
        match &letter.state {
            LetterState::Queued if self.settings().is_test => Some(now),
            LetterState::Queued => Some(self.outside_quiet_hours(letter.leaves_on, policy, now)),
            LetterState::Left(_) => Some(now + CLAIM_LEASE),
            LetterState::Withdrawn { .. } => None,
        }
    }

    /// The first instant on that day or later, and not before now, that is in no quiet hours (LET-5).
    pub fn outside_quiet_hours(
        &self,
        day: Day,
        policy: &Policy,
        now: DateTime<Utc>,
    ) -> DateTime<Utc> {
        let zone = self.settings().zone;
        let at = start_of(day, zone).max(self.now(now));
        let Some((from, to)) = policy.letters.quiet_hours else { return at };
        let local = at.with_timezone(&zone);
        let minute = chrono::Timelike::num_seconds_from_midnight(&local) / 60;
        let today = local.date_naive();
        // Quiet from 20:00 to 08:00 goes over midnight, from 12:00 to 14:00 doesn't.
        let ends_on = match from <= to {
            true if (from..to).contains(&minute) => today,
            false if minute < to => today,
            false if from <= minute => plus(today, 1),
            true | false => return at,
        };
        start_of_minute(ends_on, to, zone).max(at)
    }
}

/// Where a firm's picture is.
pub fn logo_path(firm: &FirmId, logo: Option<&Logo>) -> Option<String> {
    let firm = crate::portal::pay::segment(firm.as_str());
    logo.map(|logo| format!("{LOGO_PATH}{firm}-{}.png", logo.sha256))
}

/// That minute of that day; where the clock jumps over it, the first one after.
pub(crate) fn start_of_minute(day: Day, minute: u32, zone: chrono_tz::Tz) -> DateTime<Utc> {
    use chrono::{NaiveTime, TimeZone};
    const MINUTES_PER_DAY: u32 = 24 * 60;
    (minute..MINUTES_PER_DAY)
        .filter_map(|minute| NaiveTime::from_hms_opt(minute / 60, minute % 60, 0))
        .find_map(|time| zone.from_local_datetime(&day.and_time(time)).earliest())
        .map_or_else(|| start_of(plus(day, 1), zone), |instant| instant.with_timezone(&Utc))
}

/// Since when each version charges saved methods follows from those before it (POL-1).
fn since_when_charged(versions: Vec<Armed>) -> Vec<Armed> {
    let mut dated: Vec<Armed> = Vec::with_capacity(versions.len());
    for armed in versions {
        let before = dated.iter().rev().find(|known| known.state.is_armed());
        let since = before.map(|before| {
            before.version.auto_charge_since(&armed.version.policy, armed.effective_on)
        });
        let version = PolicyVersion {
            auto_charge_since: since.unwrap_or_default(),
            ..Arc::unwrap_or_clone(armed.version)
        };
        dated.push(Armed { version: Arc::new(version), ..armed });
    }
    dated
}

fn read(document: &PolicyDocument) -> Result<Armed, PolicyError> {
    let id = PolicyRef { class: document.class.clone(), version: document.version };
    let policy = read_text(&document.document);
    let policy = policy.map_err(|source| PolicyError::Unreadable { id: id.clone(), source })?;
    let new_steps = document.new_steps.clone();
    let late_fee_since = document.late_fee_since;
    let version = PolicyVersion {
        id,
        policy,
        new_steps,
        late_fee_since,
        auto_charge_since: Default::default(),
    };
    let (effective_on, state) = (document.effective_on, document.state);
    Ok(Armed { effective_on, state, version: Arc::new(version) })
}
